//! Every sample in `events/` is delivered to its function, and delivered again: nothing breaks, and nothing
//! happens twice.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{known, product::Product};

/// The samples, by function: `events/<function>/<case>.json`.
pub(crate) fn samples() -> Vec<(String, String, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut samples = Vec::new();
    for function in fs::read_dir(root.join("functions")).unwrap() {
        let function = function.unwrap().file_name().into_string().unwrap();
        let files = fs::read_dir(root.join("events").join(&function));
        let files =
            files.unwrap_or_else(|_| panic!("{function} has no samples: add events/{function}/<case>.json"));
        for file in files {
            let file = file.unwrap().path();
            let event = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
            samples.push((function.clone(), file.file_name().unwrap().to_string_lossy().into_owned(), event));
        }
    }
    samples.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    samples
}

/// Writes the organization and the login that the samples are about.
pub(crate) async fn know_the_samples(product: &Product) {
    let org = known::organization(
        "org_01kar8h5g0e0vsx4q1v3f6m2ah".parse().unwrap(),
        ["ada@example.com".to_owned()],
    );
    let login = known::login("lgn_01kar8h5g0e0vsx4q1v3f6m2ah".parse().unwrap(), "ada@example.com");
    known::write(&known::table(product).await, [org, login]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sample_is_delivered_twice() {
    let product = Product::start().await;
    know_the_samples(&product).await;
    let mut mails = Vec::new();
    for round in 0..2 {
        for (function, case, event) in samples() {
            let answer = product.cloud.invoke(&function, event).await.unwrap();
            let status = answer["statusCode"].as_u64().unwrap_or(200);
            let left = answer["batchItemFailures"].as_array().map_or(0, Vec::len);
            assert!(status < 500 && left == 0, "{function} {case}: {answer}");
        }
        product.settle().await;
        let sent = product.local("/mails").await["items"].as_array().unwrap().len();
        let asked = 1 + round; // a repeated request for a link is a new request
        mails.push(sent - asked);
    }
    assert_eq!(mails[0], mails[1], "a mail about one event is sent once");
}

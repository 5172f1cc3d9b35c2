//! An export is asked for once more by whoever heard no answer, and made by whichever run lives.

use std::collections::VecDeque;

use reqwest::StatusCode;

use super::*;
use crate::{
    audit::Withheld,
    exports::{OF_ORG, WORKER},
};

/// Lets the worker die at each of its calls: in the end there is one export, with all files.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_made() {
    let withheld = Withheld::of(WORKER);
    let product = withheld.product().await;
    let mut deaths = VecDeque::new();
    for turn in 0.. {
        // one address asks for so many links in a minute
        product.advance(SignedDuration::from_secs(3)).await;
        let name = format!("ada-{turn}");
        let (ada, _) = product.owner(&format!("{name}@example.com"), &name).await;
        product.settle().await;
        withheld.hold();
        let asked = product.post_as(OF_ORG, &ada, &json!({})).await;
        assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
        let job = asked.headers["location"].to_str().unwrap();
        product.settle().await;
        let sandbox = Sandbox::of(&product, (WORKER, withheld.release()), SignedDuration::ZERO);
        let instance = sandbox.instance().await;
        let death = deaths.pop_front();
        if let Some((call, moment)) = death {
            let lived = sandbox.crashes.run(call, moment, sandbox.invoke(&instance)).await;
            assert!(lived.is_none(), "call {call} was never made");
            let answer = sandbox.invoke(&sandbox.instance().await).await;
            assert!(succeeded(&answer), "after a crash at call {call} ({moment:?}): {answer}");
        } else {
            let (answer, calls) = sandbox.crashes.count(sandbox.invoke(&instance)).await;
            assert!(succeeded(&answer) && calls >= 25, "{calls} calls: {answer}");
            deaths.extend(sandbox.crashes.deaths());
        }
        product.settle().await;
        let files = product.files(job, &ada).await;
        assert_eq!(files.len(), 14, "after a crash at {death:?}");
        assert_eq!(files["members.jsonl"].lines().count(), 1);
        if deaths.is_empty() {
            break;
        }
    }
    let told = product.events().await;
    let of = |name: &str| told.iter().filter(|event| *event == name).count();
    assert_eq!(of("export.requested"), of("job.succeeded"));
}

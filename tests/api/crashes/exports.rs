//! An export is asked for once more by whoever heard no answer, and made by whichever run lives.

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
    'calls: for call in 0.. {
        for moment in [Moment::Before, Moment::After] {
            // one address asks for so many links in a minute
            product.advance(SignedDuration::from_secs(3)).await;
            let name = format!("ada-{call}-{moment:?}").to_lowercase();
            let (ada, _) = product.owner(&format!("{name}@example.com"), &name).await;
            product.settle().await;
            withheld.hold();
            let asked = product.post_as(OF_ORG, &ada, &json!({})).await;
            assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
            let job = asked.headers["location"].to_str().unwrap();
            product.settle().await;
            let sandbox = Sandbox::of(&product, (WORKER, withheld.release()), SignedDuration::ZERO);
            let instance = sandbox.instance().await;
            let lived = sandbox.crashes.run(call, moment, sandbox.invoke(&instance)).await;
            if lived.is_none() {
                let answer = sandbox.invoke(&sandbox.instance().await).await;
                assert!(succeeded(&answer), "after a crash at call {call} ({moment:?}): {answer}");
            }
            product.settle().await;
            let files = product.files(job, &ada).await;
            assert_eq!(files.len(), 14, "after a crash at call {call} ({moment:?})");
            assert_eq!(files["members.jsonl"].lines().count(), 1);
            if let Some(answer) = lived {
                assert!(succeeded(&answer), "{answer}");
                assert!(call >= 25, "{WORKER} makes {call} calls");
                break 'calls;
            }
        }
    }
    let told = product.events().await;
    let of = |name: &str| told.iter().filter(|event| *event == name).count();
    assert_eq!(of("export.requested"), of("job.succeeded"));
}

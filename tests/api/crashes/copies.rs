//! The copies of names, from an event to where lists read them.

use reqwest::StatusCode;

use super::*;
use crate::audit::Withheld;

/// Lets the worker die at each of its calls, while names are on their way through it: in the end lists say
/// what is so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copying_names() {
    let function = "queue-member-copies";
    let withheld = Withheld::of(function);
    let product = withheld.product().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (bob, member) = product.joined(&ada, "bob@example.com", "admin").await;
    'calls: for call in 0.. {
        for moment in [Moment::Before, Moment::After] {
            withheld.hold();
            let name = format!("Bob {call} {moment:?}");
            product.call_me(&bob, &json!(name)).await;
            let changed =
                product.change_org(&ada, &json!({ "name": format!("Acme {call} {moment:?}") })).await;
            assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
            product.settle().await;
            let sandbox = Sandbox::of(&product, (function, withheld.release()), SignedDuration::ZERO);
            let instance = sandbox.instance().await;
            let lived = sandbox.crashes.run(call, moment, sandbox.invoke(&instance)).await;
            if lived.is_none() {
                let answer = sandbox.invoke(&sandbox.instance().await).await;
                assert!(succeeded(&answer), "after a crash at call {call} ({moment:?}): {answer}");
            }
            product.settle().await;
            let listed = product.get(&format!("/v1/orgs/current/members/{member}"), &ada).await;
            assert_eq!(listed.text("/name"), name, "after a crash at call {call} ({moment:?})");
            let found = product.get("/v1/orgs/current/members?q=bob", &ada).await;
            assert_eq!(
                found.body["items"],
                json!([listed.body]),
                "after a crash at call {call} ({moment:?})"
            );
            let place = product.get("/v1/me", &bob).await.body["organizations"][0].clone();
            assert_eq!(place["name"], changed.body["name"], "after a crash at call {call} ({moment:?})");
            if let Some(answer) = lived {
                assert!(succeeded(&answer), "{answer}");
                assert!(call >= 6, "{function} makes {call} calls");
                break 'calls;
            }
        }
    }
}

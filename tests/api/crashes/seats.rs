//! Seats on their way to Stripe, and the night in which Stripe and we are compared. A process that dies before
//! or after it asks Stripe dies before its next call to the table, or after the one before.

use reqwest::Method;

use super::*;
use crate::audit::Withheld;

/// Whoever asked Stripe has it alone for so long.
const LEASE: SignedDuration = SignedDuration::from_secs(26);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bringing_seats_to_stripe() {
    let function = "queue-seats";
    let withheld = Withheld::of(function);
    let product = withheld.product().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    product.subscribed(&ada, "team", "pay").await;
    let mut open: Option<String> = None;
    'calls: for call in 0.. {
        for moment in [Moment::Before, Moment::After] {
            withheld.hold();
            // one more, one less, one more
            open = if let Some(invite) = open {
                let path = format!("/v1/orgs/current/invites/{invite}");
                let revoked = product.delete(&path, &ada).await;
                assert!(revoked.status.is_success(), "{revoked:?}");
                None
            } else {
                let email = format!("p{call}{moment:?}@example.com").to_lowercase();
                Some(product.invite(&ada, &email, "viewer").await.text("/id"))
            };
            product.settle().await;
            let sandbox = Sandbox::of(&product, (function, withheld.release()), SignedDuration::ZERO);
            let instance = sandbox.instance().await;
            let lived = sandbox.crashes.run(call, moment, sandbox.invoke(&instance)).await;
            if lived.is_none() {
                sandbox.clock.advance(LEASE);
                let answer = sandbox.invoke(&sandbox.instance().await).await;
                assert!(succeeded(&answer), "after a crash at call {call} ({moment:?}): {answer}");
            }
            let used = product.charged().await;
            assert_eq!(used, 1 + u64::from(open.is_some()), "after a crash at call {call} ({moment:?})");
            if let Some(answer) = lived {
                assert!(succeeded(&answer), "{answer}");
                assert!(call >= 7, "{function} makes {call} calls");
                break 'calls;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comparing_stripe_with_us() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            let (ada, _) = product.owner("ada@example.com", "acme").await;
            product.subscribed(&ada, "team", "pay").await;
            product.hears(0).await;
            let sold = product.sold().await;
            let path = format!("/v1/subscriptions/{}", sold["id"].as_str().unwrap());
            let item = sold["items"]["data"][0]["id"].as_str().unwrap();
            let form =
                [("items[0][id]", item), ("items[0][quantity]", "7"), ("cancel_at_period_end", "true")];
            product.at_stripe(Method::POST, &path, &form).await;
            ("cron-reconcile", json!({}))
        })
    };
    let wait = SignedDuration::from_mins(7);
    Case { prepare, happens_again: false, ahead: SignedDuration::ZERO, wait }.check().await;
}

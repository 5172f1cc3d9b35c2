//! Seats on their way to Stripe, and the night in which Stripe and we are compared. A process that dies
//! before or after it asks Stripe dies before its next call to the table, or after the one before.

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
            // the clock of who takes over was ahead
            product.advance(LEASE + SignedDuration::from_secs(1)).await;
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

/// Each night something is changed at Stripe, and nobody tells; the comparison dies at one of its calls. In
/// the end what we know is what Stripe has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comparing_stripe_with_us() {
    let function = "cron-reconcile";
    // the seats are brought by the comparison alone
    let withheld = Withheld::of("queue-seats");
    let product = withheld.product().await;
    let (_, org_id) = product.owner("ada@example.com", "acme").await;
    // for a year, so that no period ends in these nights
    product.jump(SignedDuration::from_hours(15 * 24)).await;
    let ada = product.signed_in_to("ada@example.com", &org_id).await;
    let mut wish = crate::billing::wish("team");
    wish["interval"] = json!("year");
    let page = product.post_as("/v1/billing/checkouts", &ada, &wish).await.text("/url");
    assert_eq!(product.choose(&page, "pay").await, 303);
    product.hears(0).await;
    withheld.hold();
    let day = SignedDuration::from_hours(24);
    'calls: for call in 0.. {
        for moment in [Moment::Before, Moment::After] {
            product.jump(day).await;
            let sold = product.sold().await;
            let path = format!("/v1/subscriptions/{}", sold["id"].as_str().unwrap());
            let item = sold["items"]["data"][0]["id"].as_str().unwrap();
            let ends = if sold["cancel_at_period_end"] == true { "false" } else { "true" };
            let form = [("items[0][id]", item), ("items[0][quantity]", "7"), ("cancel_at_period_end", ends)];
            product.at_stripe(Method::POST, &path, &form).await;
            // the night to come, of which the product's own run finds nothing left to do
            let sandbox = Sandbox::of(&product, (function, json!({})), day);
            let instance = sandbox.instance().await;
            let lived = sandbox.crashes.run(call, moment, sandbox.invoke(&instance)).await;
            if lived.is_none() {
                // whoever died has it no more
                sandbox.clock.advance(SignedDuration::from_mins(7));
                let run = sandbox.invoke(&sandbox.instance().await).await;
                assert_eq!(run["complete"], true, "after a crash at call {call} ({moment:?}): {run}");
            }
            assert_eq!(product.charged().await, 1, "after a crash at call {call} ({moment:?})");
            let items = stored::items(&product).await;
            let account = items.iter().find(|item| item["kind"] == "subscription").unwrap();
            let known = &account["stripe"]["subscriptions"]["known"][0]["snapshot"]["subscription"];
            assert_eq!(
                (&known["quantity"], known["cancel_at_period_end"].to_string().as_str()),
                (&json!(1), ends),
                "after a crash at call {call} ({moment:?})"
            );
            if let Some(run) = lived {
                assert_eq!(run["complete"], true, "{run}");
                assert!(call >= 12, "{function} makes {call} calls");
                break 'calls;
            }
        }
    }
    let nights = stored::items(&product).await;
    assert!(
        nights.iter().filter(|item| item["kind"] == "reconciliation").all(|it| !it["finished_at"].is_null())
    );
}

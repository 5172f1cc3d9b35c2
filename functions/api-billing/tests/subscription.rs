//! The routes in process, with sessions that the test decides on.
#![expect(clippy::unwrap_used, reason = "tests")]

mod world;

use axum::http::StatusCode;
use primitives::SignedDuration;
use serde_json::json;
use test_support::noon;

use crate::world::{World, org_id};

const PATH: &str = "/v1/billing/subscription";

/// Snapshots with their names in order, whatever order a dependency has `serde_json` keep them in.
fn sorted() -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    settings.set_sort_maps(true);
    settings.bind_to_scope()
}

#[tokio::test]
async fn a_trial() {
    let _sorted = sorted();
    let world = World::new().await;
    let ((status, body), calls) = world.crashes.count(world.get(PATH, "owner")).await;
    assert_eq!((status, calls), (StatusCode::OK, 1), "one call beside the session's");
    insta::assert_json_snapshot!("trial", body);
    world.clock.advance(SignedDuration::from_hours(24 * 15));
    let (_, body) = world.get(PATH, "admin").await;
    insta::assert_json_snapshot!("trial_ended", body);
}

#[tokio::test]
async fn a_subscription_whose_payment_failed() {
    let _sorted = sorted();
    let world = World::new().await;
    let created = noon().as_second();
    let subscription = |status: &str| {
        json!({"id": "sub_1", "customer": "cus_1", "status": status, "created": created,
            "metadata": {"org_id": org_id()}, "cancel_at_period_end": false,
            "items": {"data": [{"price": {"id": "price_1"}, "quantity": 5, "current_period_start": created,
                "current_period_end": created + 86_400 * 30}]}})
    };
    world.hear_from_stripe("customer.subscription.created", subscription("active")).await;
    insta::assert_json_snapshot!("subscribed", world.get(PATH, "owner").await.1);
    world.clock.advance(SignedDuration::from_hours(24 * 30));
    let invoice = json!({"id": "in_2", "customer": "cus_1", "status": "open", "created": created + 86_400 * 30,
        "amount_due": 24500, "amount_paid": 0, "currency": "eur", "attempt_count": 1, "metadata": {},
        "parent": {"subscription_details": {"subscription": "sub_1"}}});
    world.hear_from_stripe("invoice.payment_failed", invoice).await;
    world.hear_from_stripe("customer.subscription.updated", subscription("past_due")).await;
    insta::assert_json_snapshot!("payment_failed", world.get(PATH, "owner").await.1);
}

#[tokio::test]
async fn a_pause_of_collection_is_seen_with_what_it_gives() {
    let world = World::new().await;
    world.clock.advance(SignedDuration::from_hours(24 * 20));
    for (second, behavior, level) in [(1, "keep_as_draft", "full"), (2, "void", "read_only")] {
        world.clock.advance(SignedDuration::from_secs(second));
        let subscription = json!({"id": "sub_1", "customer": "cus_1", "status": "active", "created": noon().as_second(),
            "metadata": {"org_id": org_id()},
            "pause_collection": {"behavior": behavior, "resumes_at": noon().as_second() + 86_400 * 90}});
        world.hear_from_stripe("customer.subscription.updated", subscription).await;
        let (_, body) = world.get(PATH, "owner").await;
        let shown = &body["pause_collection"];
        assert_eq!(*shown, json!({"behavior": behavior, "resumes_at": "2027-02-21T12:00:00.000Z"}));
        assert_eq!((body["access"]["level"].as_str(), &body["status"]), (Some(level), &json!("active")));
    }
}

#[tokio::test]
async fn only_owners_and_admins_of_the_organization_see_it() {
    let world = World::new().await;
    for (token, status, code) in [
        ("", 401, "missing_token"),
        ("forged", 401, "invalid_token"),
        ("nowhere", 403, "no_organization"),
        ("member", 403, "forbidden"),
        ("viewer", 403, "forbidden"),
        ("elsewhere", 404, "not_found"),
    ] {
        let (answered, problem) = world.get(PATH, token).await;
        assert_eq!((answered.as_u16(), problem["code"].as_str()), (status, Some(code)), "{token:?}");
    }
    assert_eq!(world.get(PATH, "admin").await.0, StatusCode::OK);
    assert_eq!(world.get("/v1/billing/nothing-here", "owner").await.1["code"], "not_found");
}

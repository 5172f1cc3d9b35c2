//! What is left of an organization that is erased.

use jiff::SignedDuration;

use super::*;
use crate::stored;

const ADA: &str = "ada@example.com";
const GRACE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What names an organization, but for what goes by itself: events on their way, answers that are kept for
/// whoever asks again, and what is kept of Stripe's own events and customers. A person's items say in which
/// organization they were last, or once, and that one was erased is known, and certified.
async fn left_of(product: &Product, org: &str) -> Vec<String> {
    let goes_by_itself = [
        "outbox",
        "idempotency",
        "consumed",
        "limit",
        "stripe_event",
        "stripe_customer",
        "session",
        "user",
        "known_in",
        "erasure",
    ];
    let items = stored::items(product).await.into_iter();
    let of_it = ["organization.erased", "erasure.certified"];
    let items = items.filter(|item| !of_it.contains(&item["event"]["type"].as_str().unwrap_or_default()));
    let stays = items.filter(|item| !goes_by_itself.contains(&item["kind"].as_str().unwrap_or_default()));
    stays.map(|item| item.to_string()).filter(|item| item.contains(org)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_thirty_days_nothing_of_it_is_left() {
    let product = Product::start().await;
    let (ada, org) = product.owner(ADA, "acme").await;
    let (bob, other) = product.owner("bob@example.com", "beta").await;
    let (_, member) = product.joined(&ada, "bob@example.com", "owner").await;
    product.joined(&ada, "kim@example.com", "member").await;
    product.api_key(&ada, &["org:read"]).await;
    product.invite(&ada, "eve@example.com", "member").await;
    let expires_at = (product.cloud.clock().now() + SignedDuration::from_hours(24)).to_string();
    let link = json!({ "role": "member", "max_uses": 2, "expires_at": expires_at });
    product.post_as("/v1/orgs/current/invite-links", &ada, &link).await;
    product.change_org(&ada, &json!({ "slug": "acme-ltd" })).await;
    let domain = product.verified(&ada, "acme.example").await;
    product.capture(&ada, &domain, &json!({ "capture": "request" })).await;
    let zoe = product.sign_in("zoe@acme.example").await.text("/access_token");
    assert!(product.ask_to_join(&zoe, &org).await.status.is_success());
    for act in ["subscribe", "cancel"] {
        product.local_post(&format!("/stripe/{act}"), &json!({ "org_id": org, "times": 1 })).await;
    }
    product.settle().await;
    let of_other = left_of(&product, &other).await.len();
    assert_eq!(product.delete_org(&ada).await.status, StatusCode::NO_CONTENT);
    product.jump(GRACE - SignedDuration::from_hours(1)).await;
    assert!(left_of(&product, &org).await.len() > 20);

    product.advance(SignedDuration::from_hours(2)).await;
    assert_eq!(left_of(&product, &org).await, [""; 0], "{member}");
    assert!(left_of(&product, &other).await.len() >= of_other, "of another one nothing went");
    assert_eq!(product.told("organization.erased").await, [json!({ "org_id": org })]);
    let ada = product.sign_in(ADA).await.text("/access_token");
    assert_eq!(product.get("/v1/me", &ada).await.body["organizations"], json!([]));
    let switch = product.post_as("/v1/auth/switch-org", &ada, &json!({ "org_id": org })).await;
    assert_eq!(refused(&switch), (404, "not_found"));
    // its slugs are anybody's, and the person owns nothing: ten more
    for slug in ["acme", "acme-ltd", "a-3", "a-4", "a-5", "a-6", "a-7", "a-8", "a-9", "a-10"] {
        assert_eq!(product.create_org(&ada, slug).await.status, StatusCode::CREATED, "{slug}");
    }
    assert_eq!(refused(&product.create_org(&ada, "a-11").await), (409, "too_many_organizations"));
    assert_eq!(refused(&product.get(CURRENT, &bob).await).0, 401, "a session of a month ago");
    let bob = product.sign_in("bob@example.com").await.text("/access_token");
    let body = json!({ "org_id": other });
    let bob = product.post_as("/v1/auth/switch-org", &bob, &body).await.tokens().text("/access_token");
    product.local_post("/stripe/subscribe", &json!({ "org_id": other, "times": 1 })).await;
    product.settle().await;
    assert_eq!(product.verified(&bob, "acme.example").await.text("/status"), "verified", "it is anybody's");
}

/// An owner who is too late by a moment, before the worker came: it is over all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_too_late_restores_nothing() {
    let product = Product::start().await;
    let (ada, org) = product.owner(ADA, "acme").await;
    product.advance(SignedDuration::from_mins(5)).await;
    assert_eq!(product.delete_org(&ada).await.status, StatusCode::NO_CONTENT);
    // the worker comes at the full hour, and the end five minutes after one
    product.jump(GRACE - SignedDuration::from_mins(10)).await;
    let session = product.sign_in(ADA).await.text("/access_token");
    let body = json!({ "org_id": org });
    let ada = product.post_as("/v1/auth/switch-org", &session, &body).await.tokens().text("/access_token");
    product.advance(SignedDuration::from_mins(11)).await;
    let late = product.restore_org(&ada).await;
    assert_eq!(refused(&late), (410, "erased"), "{late:?}");
    product.advance(SignedDuration::from_hours(1)).await;
    assert_eq!(left_of(&product, &org).await, [""; 0]);
    assert_eq!(refused(&product.restore_org(&ada).await).0, 401);
}

/// A subscription that begins after the deletion, from a page of Stripe's that was left open: nobody pays for
/// ever for what is not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_pays_for_is_not_erased() {
    let product = Product::start().await;
    let (ada, org) = product.owner(ADA, "acme").await;
    assert_eq!(product.delete_org(&ada).await.status, StatusCode::NO_CONTENT);
    let stripe = async |act: &str| {
        product.local_post(&format!("/stripe/{act}"), &json!({ "org_id": org, "times": 1 })).await;
    };
    stripe("subscribe").await;
    product.jump(GRACE + SignedDuration::from_hours(2)).await;
    assert!(product.told("organization.erased").await.is_empty());
    assert!(left_of(&product, &org).await.len() > 5);
    stripe("cancel").await;
    product.advance(SignedDuration::from_hours(2)).await;
    assert_eq!(product.told("organization.erased").await.len(), 1);
    assert_eq!(left_of(&product, &org).await, [""; 0]);
}

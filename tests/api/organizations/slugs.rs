//! Slugs: whose they are, and were.

use futures::future::join_all;
use jiff::SignedDuration;

use super::*;
use crate::invites::counted;

fn free(slug: &str) -> Value {
    json!({ "slug": slug, "available": true, "moved_to": null })
}

fn taken(slug: &str) -> Value {
    json!({ "slug": slug, "available": false, "moved_to": null })
}

fn moved(slug: &str, to: &str) -> Value {
    json!({ "slug": slug, "available": false, "moved_to": to })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_former_slug_leads_to_that_of_today_for_ninety_days() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (bob, _) = product.owner("bob@example.com", "beta").await;
    assert_eq!(product.check_slug(&bob, "acme").await, taken("acme"));
    assert_eq!(product.check_slug(&bob, "acme-ltd").await, free("acme-ltd"));
    assert_eq!(product.check_slug(&bob, "admin").await, taken("admin"));
    assert_eq!(refused(&product.get("/v1/orgs/slugs/Acme", &bob).await), (404, "not_found"));

    let renamed = product.change_org(&ada, &json!({ "slug": "acme-ltd" })).await;
    assert_eq!(renamed.text("/slug"), "acme-ltd", "{renamed:?}");
    assert_eq!(renamed.text("/former_slugs/0/slug"), "acme");
    let until = renamed.text("/former_slugs/0/reserved_until").parse::<jiff::Timestamp>().unwrap();
    let kept = until.duration_since(product.cloud.clock().now());
    assert!((89..=90).contains(&(kept.as_hours() / 24)), "{kept:?}");
    assert_eq!(product.check_slug(&bob, "acme").await, moved("acme", "acme-ltd"));
    assert_eq!(refused(&product.create_org(&bob, "acme").await), (409, "slug_taken"));
    assert_eq!(refused(&product.change_org(&bob, &json!({ "slug": "acme" })).await), (409, "slug_taken"));

    // a second name: both lead to the third
    assert_eq!(product.change_org(&ada, &json!({ "slug": "acme-inc" })).await.status, StatusCode::OK);
    for slug in ["acme", "acme-ltd"] {
        assert_eq!(product.check_slug(&bob, slug).await, moved(slug, "acme-inc"));
    }
    // one of one's own is taken back, and then leads nowhere
    let own = json!({ "slug": "acme", "available": true, "moved_to": "acme-inc" });
    assert_eq!(product.check_slug(&ada, "acme").await, own);
    let back = product.change_org(&ada, &json!({ "slug": "acme" })).await;
    assert_eq!((back.status, back.text("/slug")), (StatusCode::OK, "acme".to_owned()), "{back:?}");
    assert_eq!(product.check_slug(&bob, "acme").await, taken("acme"));
    assert_eq!(product.check_slug(&bob, "acme-inc").await, moved("acme-inc", "acme"));

    product.jump(SignedDuration::from_hours(90 * 24 + 1)).await;
    let bob = product.sign_in("bob@example.com").await.text("/access_token");
    assert_eq!(product.check_slug(&bob, "acme-inc").await, free("acme-inc"));
    assert_eq!(product.create_org(&bob, "acme-inc").await.status, StatusCode::CREATED);
    assert_eq!(product.check_slug(&bob, "acme-inc").await, taken("acme-inc"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_collects_slugs() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    for number in 1..=5 {
        let renamed = product.change_org(&ada, &json!({ "slug": format!("acme-{number}") })).await;
        assert_eq!(renamed.status, StatusCode::OK, "{renamed:?}");
    }
    let sixth = product.change_org(&ada, &json!({ "slug": "acme-6" })).await;
    assert_eq!(refused(&sixth), (409, "too_many_former_slugs"));
    assert_eq!(product.check_slug(&ada, "acme-6").await, free("acme-6"), "it is nobody's");
    let back = product.change_org(&ada, &json!({ "slug": "acme" })).await;
    assert_eq!((back.status, back.body["former_slugs"].as_array().unwrap().len()), (StatusCode::OK, 5));
    let reserved = product.change_org(&ada, &json!({ "slug": "admin" })).await;
    assert_eq!(refused(&reserved), (409, "slug_reserved"));
}

/// The cap of former slugs under many callers at its edge.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_new_slugs_at_once_an_organization_gets_five() {
    let product = Product::crowded().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let bodies: Vec<_> = (0..50).map(|number| json!({ "slug": format!("acme-{number}") })).collect();
    let answers = join_all(bodies.iter().map(|body| product.change_org(&ada, body))).await;
    let made = answers.iter().filter(|answer| answer.status.is_success()).count();
    assert_eq!((made, counted(&answers)[&(409, "too_many_former_slugs")]), (5, 45), "{answers:?}");
    product.settle().await;
    let now = product.get(CURRENT, &ada).await;
    assert_eq!(now.body["former_slugs"].as_array().unwrap().len(), 5, "{now:?}");
}

/// Nine organizations and a founder want one slug at once: one gets it, and no other loses its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_want_one_slug_one_gets_it() {
    let product = Product::crowded().await;
    let mut owners = Vec::new();
    for number in 0..9 {
        owners.push(product.owner(&format!("owner{number}@example.com"), &format!("org-{number}")).await.0);
    }
    let body = json!({ "slug": "wanted" });
    let rename = owners.iter().map(|owner| product.change_org(owner, &body));
    let (renamed, created) =
        futures::future::join(join_all(rename), product.create_org(&owners[0], "wanted")).await;
    let answers: Vec<_> = renamed.into_iter().chain([created]).collect();
    let won = answers.iter().filter(|answer| answer.status.is_success()).count();
    assert_eq!((won, counted(&answers)[&(409, "slug_taken")]), (1, 9), "{answers:?}");
    product.settle().await;
    let mut slugs = Vec::new();
    for owner in &owners {
        slugs.push(product.get(CURRENT, owner).await.text("/slug"));
    }
    slugs.sort();
    slugs.dedup();
    assert_eq!(slugs.len(), 9, "{slugs:?}");
}

/// One organization is renamed by many at once: each slug that it had leads to the one that it has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_that_many_rename_at_once_has_one_slug() {
    let product = Product::crowded().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (bob, _) = product.owner("bob@example.com", "beta").await;
    let bodies: Vec<_> = (0..5).map(|number| json!({ "slug": format!("acme-{number}") })).collect();
    let answers = join_all(bodies.iter().map(|body| product.change_org(&ada, body))).await;
    let all = answers.iter().all(|answer| answer.status.is_success());
    assert!(all, "{answers:?}");
    product.settle().await;
    let now = product.get(CURRENT, &ada).await;
    let (slug, former) = (now.text("/slug"), now.body["former_slugs"].as_array().unwrap().clone());
    assert_eq!(former.len(), 5, "{now:?}");
    for former in former {
        let former = former["slug"].as_str().unwrap();
        assert_eq!(product.check_slug(&bob, former).await, moved(former, &slug));
    }
    assert_eq!(product.told("organization.updated").await.len(), 5);
}

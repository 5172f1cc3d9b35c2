//! How many organizations a person owns.

use futures::future::join_all;

use super::*;
use crate::invites::counted;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_organizations_at_once_a_person_with_nine_gets_one() {
    let product = Product::crowded().await;
    let token = product.sign_in("ada@example.com").await.text("/access_token");
    for number in 0..9 {
        assert_eq!(product.create_org(&token, &format!("acme-{number}")).await.status, StatusCode::CREATED);
    }
    let slugs: Vec<_> = (9..59).map(|number| format!("acme-{number}")).collect();
    let answers = join_all(slugs.iter().map(|slug| product.create_org(&token, slug))).await;
    let created = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    let refused = counted(&answers)[&(409, "too_many_organizations")];
    assert_eq!((created, refused), (1, 49), "{answers:?}");
    product.settle().await;
    let me = product.get("/v1/me", &token).await;
    assert_eq!(me.body["organizations"].as_array().unwrap().len(), 10);
}

/// Whoever owns ten may be made the owner of others, and creates one again when one is given away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gives_one_away_may_create_another() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (bob, member) = product.joined(&ada, "bob@example.com", "member").await;
    for number in 0..9 {
        let created = product.create_org(&ada, &format!("acme-{number}")).await;
        assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
    }
    assert_eq!(refused(&product.create_org(&ada, "eleventh").await), (409, "too_many_organizations"));
    let own = product.own_member(&ada).await;
    let body = json!({ "member_id": member, "own_role": "admin" });
    let given = product.post_as("/v1/orgs/current/transfer-ownership", &ada, &body).await;
    assert_eq!(given.status, StatusCode::OK, "{given:?}");
    assert_eq!(product.create_org(&ada, "eleventh").await.status, StatusCode::CREATED);
    assert_eq!(product.set_member(&bob, &own, "owner").await.status, StatusCode::OK, "an eleventh");
    assert_eq!(refused(&product.create_org(&ada, "twelfth").await), (409, "too_many_organizations"));
    assert_eq!(product.post_nothing("/v1/orgs/current/leave", &ada).await.status, StatusCode::NO_CONTENT);
    assert_eq!(refused(&product.create_org(&ada, "twelfth").await), (409, "too_many_organizations"));
}

use reqwest::StatusCode;
use serde_json::json;

use crate::{
    invites::refused,
    oauth::{There, known},
    product::Product,
};

/// What came of a try is told, and nobody is signed in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_tried_before_it_is_used() {
    let product = Product::start().await;
    let groups = json!({ "group_claim": "groups", "group_roles": { "it": "admin" }, "enabled": false });
    let acme = product.with_sso("acme", &groups).await;
    let (start, verify) = (format!("{}/test", acme.at()), format!("{}/test/verify", acme.at()));
    let tried = async |person: There<'_>, groups: &str| {
        let sent = product.post_nothing(&start, &acme.ada).await;
        let back = product.there_in(&sent, person, groups).await;
        product.post_as(&verify, &acme.ada, &back).await
    };
    let well = tried(known("bob@acme.example"), "it staff").await;
    assert_eq!(well.status, StatusCode::OK, "{well:?}");
    assert_eq!((well.text("/role").as_str(), &well.body["findings"]), ("admin", &json!([])));
    assert_eq!(well.body["claims"]["groups"], json!(["it", "staff"]));
    for (person, groups, code) in [
        (There { verified: false, ..known("bob@acme.example") }, "it", "email_not_verified"),
        (known("bob@elsewhere.example"), "it", "domain_not_served"),
        (known("bob@acme.example"), "staff", "no_group_counts"),
    ] {
        let result = tried(person, groups).await;
        assert_eq!(result.text("/findings/0/code"), code, "{result:?}");
    }
    // it is one session's, and no sign-in
    let sent = product.post_nothing(&start, &acme.ada).await;
    let back = product.there(&sent, known("bob@acme.example")).await;
    let (max, _) = product.joined(&acme.ada, "max@example.com", "admin").await;
    assert_eq!(refused(&product.post_as(&verify, &max, &back).await), (401, "authorization_failed"));
    assert_eq!(refused(&product.post(super::VERIFY, &back).await), (401, "login_failed"));
    let mut other = back.clone();
    other["code"] = json!("another");
    assert_eq!(refused(&product.post_as(&verify, &acme.ada, &other).await), (401, "authorization_failed"));
    product.settle().await;
    let events = product.events().await;
    assert_eq!(events.iter().filter(|event| *event == "member.added").count(), 2, "{events:?}");
}

//! The domains of organizations.

use reqwest::Method;
use serde_json::json;

use crate::product::Product;

/// Quin's organization has domains: one is removed, one lapses, one stays.
pub(super) async fn come_and_go(product: &Product) {
    let (quin, _) = product.owner("quin@quin.example", "quin-and-sons").await;
    let domains = "/v1/orgs/current/domains";
    let once = product.request(Method::POST, domains).bearer_auth(&quin).header("idempotency-key", "once");
    product.send(once.json(&json!({ "name": "first.example" }))).await;
    let refused =
        product.request(Method::POST, domains).bearer_auth(&quin).header("idempotency-key", "twice");
    product.send(refused.json(&json!({ "name": "gmail.com" }))).await;
    product.get(&format!("{domains}?cursor=forged"), &quin).await;
    product.get(domains, &quin).await;
    let (gone, lapsing) =
        (product.verified(&quin, "gone.example").await, product.verified(&quin, "lapsing.example").await);
    let one = format!("{domains}/{}", gone.text("/id"));
    product.get(&one, &quin).await;
    product.capture(&quin, &gone, &json!({ "capture": "request" })).await;
    let rhea = product.sign_in("rhea@gone.example").await.text("/access_token");
    let org_id = product.get("/v1/me/joinable-organizations", &rhea).await.text("/items/0/org_id");
    let asked = product.ask_to_join(&rhea, &org_id).await;
    for query in ["", "?status=pending", "?cursor=forged"] {
        product.get(&format!("/v1/orgs/current/join-requests{query}"), &quin).await;
    }
    assert!(product.decide(&quin, &asked, "approve").await.status.is_success());
    let stan = product.sign_in("stan@gone.example").await.text("/access_token");
    let asked = product.ask_to_join(&stan, &org_id).await;
    assert!(product.decide(&quin, &asked, "decline").await.status.is_success());
    assert!(product.delete(&one, &quin).await.status.is_success());
    product.dns(&lapsing.text("/txt_record/name"), &json!({ "texts": [] })).await;
    product.verified(&quin, "staying.example").await;
    product.days(14).await;
}

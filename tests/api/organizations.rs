//! Organizations: what they are called, how many one person owns, and how they end.

mod deletion;
mod erasure;
mod owned;
mod slugs;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::{invites::refused, product::Product};

pub(crate) const CURRENT: &str = "/v1/orgs/current";

impl Product {
    /// Changes the organization that the session is in.
    pub(crate) async fn change_org(&self, token: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PATCH, CURRENT).bearer_auth(token).json(body)).await
    }

    pub(crate) async fn delete_org(&self, token: &str) -> Answer {
        self.delete(CURRENT, token).await
    }

    pub(crate) async fn restore_org(&self, token: &str) -> Answer {
        self.post_nothing("/v1/orgs/current/restore", token).await
    }

    async fn create_org(&self, token: &str, slug: &str) -> Answer {
        self.post_as("/v1/orgs", token, &json!({ "name": "Acme", "slug": slug })).await
    }

    async fn check_slug(&self, token: &str, slug: &str) -> Value {
        self.settle().await;
        self.get(&format!("/v1/orgs/slugs/{slug}"), token).await.body
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_is_called_otherwise_from_the_next_request_on() {
    let product = Product::start().await;
    let (ada, org) = product.owner("ada@example.com", "acme").await;
    let before = product.get(CURRENT, &ada).await;
    let logo = "med_01kar8h5g0e0vsx4q1v3f6m2ah";
    let body = json!({ "name": " Acme  Ltd ", "locale": "de-AT", "logo_media_id": logo });
    let changed = product.change_org(&ada, &body).await;
    assert_eq!(
        (changed.status, changed.text("/name")),
        (StatusCode::OK, "Acme Ltd".to_owned()),
        "{changed:?}"
    );
    assert_eq!((changed.text("/locale"), changed.text("/logo_media_id")), ("de-AT".into(), logo.into()));
    assert_eq!((changed.text("/id"), changed.text("/slug")), (org.clone(), "acme".into()));
    let shown = product.get(CURRENT, &ada).await;
    assert_eq!((&shown.body, &shown.headers["etag"]), (&changed.body, &changed.headers["etag"]));
    assert_ne!(before.headers["etag"], shown.headers["etag"]);
    let again = product.change_org(&ada, &body).await;
    assert_eq!(again.body, changed.body, "the same twice is one change");

    let tagged = |tag: &'static str| {
        let request = product.request(Method::PATCH, CURRENT).bearer_auth(&ada).header("if-match", tag);
        product.send(request.json(&json!({ "locale": null })))
    };
    assert_eq!(refused(&tagged("\"1\"").await), (412, "version_mismatch"));
    let cleared = tagged("\"2\"").await;
    assert_eq!((cleared.status, &cleared.body["locale"]), (StatusCode::OK, &json!(null)), "{cleared:?}");
    product.settle().await;
    let told = product.told("organization.updated").await;
    assert_eq!(told.len(), 2, "{told:?}");
    let previous = json!({ "name": "acme", "locale": null, "logo_media_id": null });
    assert_eq!(told[0]["previous"], previous);
    assert_eq!(told[1]["previous"], json!({ "locale": "de-AT" }));
    assert_eq!(told[1]["organization"], cleared.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_organization_cannot_be_called_is_refused() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    for (body, pointer) in [
        (json!({ "name": "" }), "/name"),
        (json!({ "name": "Win at https://evil.example" }), "/name"),
        (json!({ "name": "\u{202e}acme" }), "/name"),
        (json!({ "name": "a".repeat(101) }), "/name"),
        (json!({ "slug": "Acme" }), "/slug"),
        (json!({ "slug": "a/../b" }), "/slug"),
        (json!({ "slug": 1 }), "/slug"),
        (json!({ "name": null }), "/name"),
        (json!({ "slug": null }), "/slug"),
        (json!({ "locale": "not a language" }), "/locale"),
        (json!({ "logo_media_id": "usr_01kar8h5g0e0vsx4q1v3f6m2ah" }), "/logo_media_id"),
        (json!({ "owner": "usr_01kar8h5g0e0vsx4q1v3f6m2ah" }), "/owner"),
        (json!({ "org_id": "org_01kar8h5g0e0vsx4q1v3f6m2ah" }), "/org_id"),
    ] {
        let answer = product.change_org(&ada, &body).await;
        assert_eq!(refused(&answer), (422, "invalid_request"), "{body}: {answer:?}");
        assert_eq!(answer.text("/errors/0/pointer"), pointer, "{body}");
    }
    let nothing = product.change_org(&ada, &json!({})).await;
    assert_eq!((nothing.status, nothing.text("/name")), (StatusCode::OK, "acme".to_owned()));
    product.settle().await;
    assert!(product.told("organization.updated").await.is_empty());
}

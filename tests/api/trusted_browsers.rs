//! A browser is remembered after a second factor: for a while, until it is forgotten or something about how
//! the person signs in changes, and never in the place of a fresh proof.

use futures::future::join_all;
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::product::Product;

const ADA: &str = "ada@example.com";
const GOOD: &str = "four words nobody guesses";

impl Product {
    async fn come_in(&self, browser: &str) -> Answer {
        let body = json!({ "email": ADA, "password": GOOD, "browser_token": browser });
        self.post("/v1/auth/password/verify", &body).await
    }

    /// Ada signs in with this recovery code, and has the browser remembered.
    pub(crate) async fn remembered(&self, code: &str) -> Answer {
        let half = self.half().await;
        self.remember_with(&half, code).await
    }

    async fn remember_with(&self, half: &str, code: &str) -> Answer {
        let body = json!({ "method": "recovery_code", "code": code, "remember_browser": true });
        self.post_as("/v1/auth/mfa/verify", half, &body).await
    }

    async fn browsers(&self, token: &str) -> Vec<Value> {
        self.settle().await;
        let listed = self.get("/v1/me/trusted-browsers", token).await;
        assert_eq!(listed.status, StatusCode::OK, "{listed:?}");
        listed.body["items"].as_array().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_remembered_browser_is_not_asked_again_and_is_no_fresh_proof() {
    let product = Product::start().await;
    let (_, secret, codes) = product.with_app().await;
    let first = product.remembered(&codes[0]).await;
    let browser = first.text("/browser_token");
    let token = first.text("/tokens/access_token");
    let me = product.come_in(&browser).await;
    assert_eq!(me.text("/status"), "complete", "{me:?}");
    assert_eq!(me.body["browser_token"], Value::Null, "it is shown once");
    let session = me.text("/tokens/access_token");
    let claims = claims(&session);
    assert_eq!((&claims["amr"], &claims["acr"]), (&json!(["pwd", "trusted_browser"]), &json!("aal1")));
    // it opens what any session does, and nothing that asks for a fresh proof, until that is given
    assert_eq!(product.get("/v1/me", &session).await.status, StatusCode::OK);
    let asked = product.post_nothing("/v1/me/mfa/recovery-codes", &session).await;
    assert_eq!((asked.status, asked.problem()), (StatusCode::UNAUTHORIZED, "step_up_required"));
    product.advance(SignedDuration::from_secs(30)).await;
    let step = json!({ "method": "totp", "code": product.app(&secret) });
    let stepped = product.post_as("/v1/auth/step-up/verify", &session, &step).await;
    let claims = self::claims(&stepped.text("/access_token"));
    assert_eq!(claims["acr"], "aal2", "{claims}");
    // by mail too
    product.post("/v1/auth/magic-links", &json!({ "email": ADA })).await;
    product.settle().await;
    let (_, code) = product.proof(ADA).await;
    let body = json!({ "email": ADA, "code": code, "trusted_browser_token": browser });
    let by_mail = product.post("/v1/auth/magic-links/verify", &body).await;
    assert_eq!(by_mail.text("/status"), "complete", "{by_mail:?}");
    // the list, and its end
    let listed = product.browsers(&token).await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert!(!listed[0].to_string().contains(&browser));
    let path = format!("/v1/me/trusted-browsers/{}", listed[0]["id"].as_str().unwrap());
    for _ in 0..2 {
        let gone = product.send(product.request(Method::DELETE, &path).bearer_auth(&token)).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT, "{gone:?}");
    }
    assert!(product.browsers(&token).await.is_empty());
    assert_eq!(product.come_in(&browser).await.text("/status"), "mfa_required");
    let events = product.events().await;
    for event in ["trusted_browser.added", "trusted_browser.removed"] {
        assert_eq!(events.iter().filter(|other| *other == event).count(), 1, "{event}");
    }
}

/// What a token says, unchecked.
fn claims(token: &str) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_forgotten_by_time_by_changes_and_where_everybody_is_asked() {
    let product = Product::start().await;
    let (token, _, codes) = product.with_app().await;
    let browser = product.remembered(&codes[0]).await.text("/browser_token");
    let other = "bob@example.com";
    product.registered(other, GOOD).await;
    let foreign = json!({ "email": other, "password": GOOD, "browser_token": browser });
    assert_eq!(product.post("/v1/auth/password/verify", &foreign).await.text("/status"), "complete");
    for forged in [browser.replace("gtb_", "ghs_"), format!("{browser}A"), "gtb_".to_owned(), "A".repeat(90)]
    {
        assert_eq!(product.come_in(&forged).await.text("/status"), "mfa_required", "{forged}");
    }
    // an organization that asks everybody asks here, too
    let org = product.post_as("/v1/orgs", &token, &json!({ "name": "Acme", "slug": "acme" })).await;
    let place = json!({ "org_id": org.text("/id") });
    let inside = product.post_as("/v1/auth/switch-org", &token, &place).await.text("/tokens/access_token");
    let required = json!({ "mode": "required", "grace_ends_at": null });
    assert!(product.require(&inside, required).await.status.is_success());
    assert_eq!(product.come_in(&browser).await.text("/status"), "mfa_required");
    let optional = json!({ "mode": "optional", "grace_ends_at": null });
    assert!(product.require(&inside, optional).await.status.is_success());
    assert_eq!(product.come_in(&browser).await.text("/status"), "complete");
    // a change of credentials
    let made = product.post_nothing("/v1/me/mfa/recovery-codes", &token).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(product.come_in(&browser).await.text("/status"), "mfa_required");
    assert!(product.browsers(&token).await.is_empty());
    // thirty days
    product.advance(SignedDuration::from_secs(1)).await;
    let browser = product.remembered(&made.text("/recovery_codes/0")).await.text("/browser_token");
    product.jump(SignedDuration::from_hours(29 * 24)).await;
    assert_eq!(product.come_in(&browser).await.text("/status"), "complete");
    product.jump(SignedDuration::from_hours(2 * 24)).await;
    assert_eq!(product.come_in(&browser).await.text("/status"), "mfa_required");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_at_once_one_browser_is_remembered() {
    let product = Product::crowded().await;
    let (token, _, codes) = product.with_app().await;
    let half = product.half().await;
    let answers = join_all((0..50).map(|_| product.remember_with(&half, &codes[0]))).await;
    let tokens: Vec<_> = answers.iter().filter_map(|answer| answer.body["browser_token"].as_str()).collect();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    assert_eq!(product.browsers(&token).await.len(), 1);
    assert_eq!(product.come_in(tokens[0]).await.text("/status"), "complete");
    // ten are remembered, however many ask at once
    let halves = join_all(codes[1..9].iter().map(|_| product.half())).await;
    let asked = halves.iter().zip(&codes[1..9]).map(|(half, code)| product.remember_with(half, code));
    let more = join_all(asked).await;
    let more = more.iter().filter(|answer| answer.body["browser_token"].is_string()).count();
    assert_eq!(product.browsers(&token).await.len(), 1 + more);
}

/// Whoever changes how they sign in at the same moment: the browser lets somebody in before it, or not at
/// all.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_change_of_credentials_at_the_same_time_wins() {
    let product = Product::crowded().await;
    let (token, _, codes) = product.with_app().await;
    let browser = product.remembered(&codes[0]).await.text("/browser_token");
    let change = async {
        let request = product.request(Method::PUT, "/v1/me/password").bearer_auth(&token);
        product.send(request.json(&json!({ "password": "another four words at last" }))).await
    };
    // one failure more, and whoever has the new password is not let in either
    let signing_in = join_all((0..9).map(|_| product.come_in(&browser)));
    let (changed, came) = futures::future::join(change, signing_in).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT, "{changed:?}");
    product.settle().await;
    for answer in came.iter().filter(|answer| answer.body["status"] == "complete") {
        let session = answer.text("/tokens/access_token");
        let shown = product.get("/v1/me", &session).await;
        assert_eq!(shown.problem(), "session_ended", "whoever came before it is out again");
    }
    let body = json!({ "email": ADA, "password": "another four words at last", "browser_token": browser });
    assert_eq!(product.post("/v1/auth/password/verify", &body).await.text("/status"), "mfa_required");
}

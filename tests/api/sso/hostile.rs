use std::time::{Duration, Instant};

use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};
use system_tests::answer::Answer;

use super::VERIFY;
use crate::{
    invites::refused,
    oauth::{
        liar::{Liar, Lies, tokens},
        query,
    },
    product::Product,
};

fn back(sent: &Answer) -> Value {
    let state = &query(&sent.text("/authorize_url"))["state"];
    json!({ "code": "any", "state": state, "browser_token": sent.text("/browser_token") })
}

/// A product with an organization whose provider says what the test wants.
async fn with_liar(liar: &Liar) -> (Product, String) {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let domain = product.verified(&ada, "acme.example").await;
    let other =
        json!({ "issuer": liar.url, "client_id": "us", "client_secret": "a secret of the two of us" });
    let made = product.connect_sso(&ada, &[&domain], &other).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    (product, ada)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_signs_in_that_is_not_the_provider_s_for_us_and_now() {
    let liar = Liar::start().await;
    let (product, _) = with_liar(&liar).await;
    let header = json!({ "alg": "EdDSA", "kid": "one" });
    let (stranger, now) = (Liar::start().await, product.cloud.clock().now().as_second());
    let told = async |make: &dyn Fn(Value) -> String| {
        product.advance(SignedDuration::from_secs(3)).await;
        let sent = product.sso_away("bob@acme.example").await;
        let mut claims = liar.claims(&product, &sent);
        claims["email"] = json!("bob@acme.example");
        liar.lie(Lies { tokens: tokens(&make(claims)), ..Lies::default() });
        product.post(VERIFY, &back(&sent)).await
    };
    let wrong = async |make: &dyn Fn(Value) -> String, what: &str| {
        assert_eq!(refused(&told(make).await), (401, "login_failed"), "{what}");
    };
    wrong(&|claims| stranger.token(&header, &claims), "another key").await;
    wrong(&|_| String::new(), "no token").await;
    for (name, value) in [
        ("iss", json!("https://evil.example")),
        ("aud", json!("them")),
        ("exp", json!(now - 120)),
        ("nonce", json!("another")),
        ("sub", json!("")),
    ] {
        let changed = |mut claims: Value| {
            claims[name] = value.clone();
            liar.token(&header, &claims)
        };
        wrong(&changed, name).await;
    }
    for (name, value) in [
        ("email", json!("vic@other.example")),
        ("email", Value::Null),
        ("email", json!("a@acme.example\r\nBcc: b@acme.example")),
        ("email", json!(["bob@acme.example"])),
        ("email_verified", Value::Null),
        ("email_verified", json!("no")),
    ] {
        let changed = |mut claims: Value| {
            claims[name] = value.clone();
            liar.token(&header, &claims)
        };
        assert_eq!(refused(&told(&changed).await), (403, "sso_domain_mismatch"), "{name} {value}");
    }
    let good = told(&|claims| liar.token(&header, &claims)).await;
    assert_eq!(good.text("/status"), "complete", "{good:?}");
}

/// Down, slow, endless, or nonsense: in time, and nobody else waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_provider_that_cannot_answer_is_answered_for_in_time() {
    let private = json!({ "token_endpoint": "http://169.254.169.254/token" });
    for (what, lies, code) in [
        ("silent", Lies { silent: "metadata", ..Lies::default() }, "discovery_failed"),
        ("huge", Lies { huge: "metadata", ..Lies::default() }, "discovery_failed"),
        ("broken keys", Lies { broken: "jwks", ..Lies::default() }, "discovery_failed"),
        ("a private address", Lies { metadata: private, ..Lies::default() }, "url_refused"),
    ] {
        let liar = Liar::start().await;
        let (product, ada) = with_liar(&liar).await;
        let domain = product.verified(&ada, "second.example").await;
        liar.lie(lies);
        let began = Instant::now();
        let other = json!({ "issuer": liar.url });
        let refusal = product.connect_sso(&ada, &[&domain], &other).await;
        assert_eq!(refused(&refusal), (422, "invalid_request"), "{what}");
        assert_eq!(refusal.body["errors"][0]["code"], code, "{what}");
        assert!(began.elapsed() < Duration::from_secs(8), "{what} took {:?}", began.elapsed());
        // what was known of it serves those who sign in
        assert_eq!(product.sso_away("bob@acme.example").await.status, StatusCode::CREATED, "{what}");
        product.advance(SignedDuration::from_hours(25)).await;
        if what != "broken keys" && what != "a private address" {
            let away = product.sso_away("bob@acme.example").await;
            assert_eq!(refused(&away), (503, "unavailable"), "{what}");
            let began = Instant::now();
            assert_eq!(refused(&product.sso_away("bob@acme.example").await), (503, "unavailable"));
            assert!(began.elapsed() < Duration::from_secs(1), "it is not asked again at once");
            liar.lie(Lies::default());
            product.advance(SignedDuration::from_secs(11)).await;
            assert_eq!(product.sso_away("bob@acme.example").await.status, StatusCode::CREATED, "{what}");
        }
    }
}

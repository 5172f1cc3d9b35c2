use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};
use system_tests::answer::Answer;

use super::{
    liar::{Liar, Lies, tokens},
    query,
};
use crate::product::Product;

const START: &str = "/v1/auth/oauth/liar/authorizations";
const VERIFY: &str = "/v1/auth/oauth/liar/verify";

fn back(sent: &Answer) -> Value {
    let state = &query(&sent.text("/authorize_url"))["state"];
    json!({ "code": "any", "state": state, "browser_token": sent.text("/browser_token") })
}

/// Somebody comes back for whom the provider has this token, which is made of the good claims.
async fn told(product: &Product, liar: &Liar, make: impl Fn(Value) -> String) -> Answer {
    // a minute has room for thirty sign-ins from one address
    product.advance(SignedDuration::from_secs(3)).await;
    let sent = product.away(START).await;
    let id_token = make(liar.claims(product, &sent));
    liar.lie(Lies { tokens: tokens(&id_token), ..Lies::default() });
    product.post(VERIFY, &back(&sent)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_signs_in_that_is_not_the_provider_s_for_us_and_now() {
    let liar = Liar::start().await;
    let product = liar.product().await;
    let (header, now) = (json!({ "alg": "EdDSA", "kid": "one" }), product.cloud.clock().now().as_second());
    let stranger = Liar::start().await;
    let unsigned = |algorithm: &str, claims: &Value| {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", part(&json!({ "alg": algorithm, "kid": "one" })), part(claims))
    };
    let refused = async |make: &dyn Fn(Value) -> String, what: &str| {
        let answer = told(&product, &liar, make).await;
        assert_eq!((answer.status, answer.problem()), (StatusCode::UNAUTHORIZED, "login_failed"), "{what}");
    };
    for algorithm in ["none", "NONE", ""] {
        refused(&|claims| unsigned(algorithm, &claims) + ".", algorithm).await;
    }
    let with_public_key = |claims: Value| {
        let text = unsigned("HS256", &claims);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &liar.public());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes())))
    };
    refused(&with_public_key, "HS256 with the public key").await;
    refused(&|claims| stranger.token(&header, &claims), "another key").await;
    refused(&|_| String::new(), "no token").await;
    refused(&|_| "a".repeat(100_000), "a large one").await;
    for (name, value) in [
        ("iss", json!("https://evil.example")),
        ("iss", json!(stranger.url)),
        ("aud", json!("them")),
        ("aud", json!(["us", "them"])),
        ("azp", json!("them")),
        ("exp", json!(now - 120)),
        ("iat", json!(now + 3600)),
        ("nonce", json!("another")),
        ("nonce", Value::Null),
        ("sub", json!("")),
    ] {
        let changed = |mut claims: Value| {
            claims[name] = value.clone();
            liar.token(&header, &claims)
        };
        refused(&changed, name).await;
    }
    let crit = json!({ "alg": "EdDSA", "kid": "one", "crit": ["exp"] });
    refused(&|claims| liar.token(&crit, &claims), "crit").await;
    let good = told(&product, &liar, |claims| liar.token(&header, &claims)).await;
    assert_eq!((good.status, good.text("/status").as_str()), (StatusCode::OK, "complete"), "{good:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_the_provider_does_not_know_makes_nobody() {
    let liar = Liar::start().await;
    let product = liar.product().await;
    let header = json!({ "alg": "EdDSA", "kid": "one" });
    for (name, value) in
        [("email_verified", json!(false)), ("email", Value::Null), ("email", json!("a\r\nb@c.de"))]
    {
        let changed = |mut claims: Value| {
            claims[name] = value.clone();
            liar.token(&header, &claims)
        };
        let answer = told(&product, &liar, changed).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::CONFLICT, "account_link_required"),
            "{name}"
        );
    }
    product.settle().await;
    assert!(!product.events().await.contains(&"user.created".to_owned()));
}

/// Down, slow, endless, or nonsense: in time, and with an answer that says to come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_provider_that_cannot_answer_is_answered_for_in_time() {
    let header = json!({ "alg": "EdDSA", "kid": "one" });
    let unavailable = |answer: &Answer, began: Instant, what: &str| {
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            "{what}"
        );
        assert!(answer.headers.contains_key("retry-after"), "{what}");
        assert!(began.elapsed() < Duration::from_secs(8), "{what} took {:?}", began.elapsed());
        assert!(!answer.body.to_string().contains("127.0.0.1"), "{answer:?}");
    };
    let elsewhere = json!({ "issuer": "https://evil.example" });
    let private = json!({ "authorization_endpoint": "http://169.254.169.254/authorize" });
    for (what, lies) in [
        ("silent", Lies { silent: "metadata", ..Lies::default() }),
        ("huge", Lies { huge: "metadata", ..Lies::default() }),
        ("broken", Lies { broken: "metadata", ..Lies::default() }),
        ("another issuer", Lies { metadata: elsewhere, ..Lies::default() }),
        ("a private address", Lies { metadata: private, ..Lies::default() }),
    ] {
        let liar = Liar::start().await;
        let product = liar.product().await;
        liar.lie(lies);
        let began = Instant::now();
        unavailable(&product.away(START).await, began, what);
        liar.lie(Lies::default());
        // nothing wrong is kept
        let sent = product.away(START).await;
        if what != "a private address" {
            assert_eq!(sent.status, StatusCode::CREATED, "{what}: {sent:?}");
        }
    }
    for (what, make) in [
        ("silent token", (|tokens| Lies { tokens, silent: "token", ..Lies::default() }) as fn(Value) -> Lies),
        ("huge token", |tokens| Lies { tokens, huge: "token", ..Lies::default() }),
        ("broken token", |tokens| Lies { tokens, broken: "token", ..Lies::default() }),
        ("silent keys", |tokens| Lies { tokens, silent: "jwks", ..Lies::default() }),
        ("huge keys", |tokens| Lies { tokens, huge: "jwks", ..Lies::default() }),
        ("refuses us", |_| Lies { tokens: json!({ "error": "invalid_client" }), ..Lies::default() }),
        ("nonsense", |_| Lies { tokens: json!(["tokens"]), ..Lies::default() }),
    ] {
        let liar = Liar::start().await;
        let product = liar.product().await;
        let sent = product.away(START).await;
        let good = tokens(&liar.token(&header, &liar.claims(&product, &sent)));
        liar.lie(make(good.clone()));
        let began = Instant::now();
        unavailable(&product.post(VERIFY, &back(&sent)).await, began, what);
        // the attempt is not used up by it
        liar.lie(Lies { tokens: good, ..Lies::default() });
        let signed_in = product.post(VERIFY, &back(&sent)).await;
        if what != "silent keys" && what != "huge keys" {
            assert_eq!(signed_in.status, StatusCode::OK, "{what}: {signed_in:?}");
        }
    }
}

use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{ADA, START, There, VERIFY, known, query};
use crate::{product::Product, stored};

fn claims(token: &str) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_new_comes_in_and_is_the_same_person_the_next_time() {
    let product = Product::start().await;
    let first = product.with_account(known(ADA)).await;
    assert_eq!((first.status, first.text("/status").as_str()), (StatusCode::OK, "complete"), "{first:?}");
    let token = first.text("/tokens/access_token");
    let claims = claims(&token);
    assert_eq!((&claims["amr"], &claims["acr"]), (&json!(["connected_account"]), &json!("aal1")));
    assert_eq!(product.get("/v1/me", &token).await.body["email"], ADA);
    // even when the provider tells another address, which may be taken, or none that it knows
    for email in ["ada@example.org", "bob@example.com"] {
        let again = There { email, subject: ADA, verified: false };
        let again = product.with_account(again).await;
        assert_eq!(again.text("/tokens/user_id"), first.text("/tokens/user_id"));
    }
    let accounts = product.connected(&token).await;
    assert_eq!(
        (accounts.len(), &accounts[0]["provider"], &accounts[0]["email"]),
        (1, &json!("local"), &json!(ADA))
    );
    product.settle().await;
    assert_eq!(product.subjects(ADA).await, [""; 0], "nobody is told what they did a moment ago");
    let events = product.events().await;
    for (name, times) in [("user.created", 1), ("connected_account.added", 1), ("session.started", 3)] {
        assert_eq!(events.iter().filter(|event| *event == name).count(), times, "{name} in {events:?}");
    }
    let sessions = product.get("/v1/me/sessions", &token).await;
    assert_eq!(sessions.text("/items/0/method"), "connected_account");
    // by mail it is the same person
    let by_mail = product.sign_in(ADA).await;
    assert_eq!(by_mail.text("/user_id"), first.text("/tokens/user_id"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_is_sent_away_with_what_brings_them_back_and_nothing_is_written() {
    let product = Product::start().await;
    product.sign_in("warm@example.com").await;
    product.away(START).await;
    product.settle().await;
    let items = stored::items(&product).await.len();
    let sent = product.away(START).await;
    assert_eq!((sent.status, sent.body["expires_in"].as_i64()), (StatusCode::CREATED, Some(600)));
    let asked = query(&sent.text("/authorize_url"));
    let back = format!("{}/_local/app/auth/oauth/local", product.cloud.api_url());
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "gantry-local"),
        ("redirect_uri", back.as_str()),
        ("code_challenge_method", "S256"),
        ("scope", "openid email"),
    ] {
        assert_eq!(asked[name], value, "{asked}");
    }
    assert_eq!(asked["code_challenge"].as_str().map(str::len), Some(43));
    assert!(asked["nonce"].as_str().is_some_and(|nonce| nonce.len() >= 22));
    assert_eq!(stored::items(&product).await.len(), items, "strangers write nothing");
    for path in ["/v1/auth/oauth/nobody/authorizations", "/v1/auth/oauth/nobody/verify"] {
        let answer = if path.ends_with("verify") {
            product.post(path, &json!({ "code": "c", "state": "s", "browser_token": "b" })).await
        } else {
            product.away(path).await
        };
        assert_eq!(answer.problem(), "not_found", "{path}");
    }
}

/// A session begins in the browser that was sent away, once, in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_is_one_browser_s_and_works_once() {
    let product = Product::start().await;
    let sent = product.away(START).await;
    let other = product.away(START).await;
    let back = product.there(&sent, known(ADA)).await;
    let with = |name: &str, value: Value| {
        let mut changed = back.clone();
        changed[name] = value;
        changed
    };
    let changed = [
        with("browser_token", json!(other.text("/browser_token"))),
        with("browser_token", json!("another")),
        with("state", json!(query(&other.text("/authorize_url"))["state"])),
        with("state", json!("AAAA")),
        with("iss", json!("https://evil.example")),
        with("iss", Value::Null),
    ];
    for changed in changed {
        let refused = product.post(VERIFY, &changed).await;
        assert_eq!(
            (refused.status, refused.problem()),
            (StatusCode::UNAUTHORIZED, "login_failed"),
            "{changed}"
        );
    }
    let first = product.post(VERIFY, &back).await;
    assert_eq!(first.status, StatusCode::OK, "{first:?}");
    // its answer was lost
    let again = product.post(VERIFY, &back).await;
    for token in ["/tokens/access_token", "/tokens/refresh_token"] {
        assert_eq!(again.text(token), first.text(token));
    }
    // another code with the same attempt
    let stolen = product.there(&sent, known("eve@example.com")).await;
    assert_eq!(product.post(VERIFY, &stolen).await.problem(), "login_failed");
    product.advance(SignedDuration::from_secs(61)).await;
    assert_eq!(product.post(VERIFY, &back).await.problem(), "login_failed");

    let late = product.away(START).await;
    product.advance(SignedDuration::from_secs(601)).await;
    let late = product.there(&late, known(ADA)).await;
    assert_eq!(product.post(VERIFY, &late).await.problem(), "login_failed");
}

/// An address alone opens nothing: whoever has it here signs in in another way, and connects the account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_with_somebody_s_address_is_not_that_person() {
    let product = Product::start().await;
    let ada = product.sign_in(ADA).await.text("/access_token");
    let refused = product.with_account(There { subject: "somebody", ..known(ADA) }).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::CONFLICT, "account_link_required"));
    // and one that the provider does not know is nobody's, whether or not somebody has it
    for email in [ADA, "nobody@example.com"] {
        let unverified = There { email, subject: "somebody", verified: false };
        assert_eq!(product.with_account(unverified).await.problem(), "account_link_required", "{email}");
    }
    assert_eq!(product.connected(&ada).await, [Value::Null; 0]);
    let connected = product.connect(&ada, There { subject: "somebody", ..known(ADA) }).await;
    assert_eq!(connected.status, StatusCode::CREATED, "{connected:?}");
    let signed_in = product.with_account(There { subject: "somebody", ..known(ADA) }).await.tokens();
    assert_eq!(product.get("/v1/me", &signed_in.text("/access_token")).await.body["email"], ADA);
}

/// An address that somebody gave away for another is kept for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_can_be_taken_back_is_nobody_s() {
    let product = Product::start().await;
    let ada = product.sign_in(ADA).await.text("/access_token");
    let body = json!({ "email": "ada@example.org" });
    assert_eq!(product.post_as("/v1/me/email-changes", &ada, &body).await.status, StatusCode::ACCEPTED);
    product.settle().await;
    let token = product.link("ada@example.org").await;
    let confirmed = product.post("/v1/auth/email-changes/confirm", &json!({ "token": token })).await;
    assert_eq!(confirmed.status, StatusCode::NO_CONTENT);
    assert_eq!(product.with_account(known(ADA)).await.problem(), "account_link_required");
}

/// Whoever types a password for an address that is not theirs waits in vain for its owner.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_was_typed_before_dies_when_the_owner_comes_by_a_provider() {
    let product = Product::start().await;
    let password = "four words nobody guesses";
    let asked = product.register(ADA, password).await;
    let owner = product.with_account(known(ADA)).await.tokens();
    assert_eq!(product.password(ADA, password).await.problem(), "login_failed");
    // even when the owner opens the link that the stranger has asked for, in the stranger's browser
    let (token, _) = product.proof(ADA).await;
    let proof = json!({ "token": token, "browser_token": asked.text("/browser_token") });
    let opened = product.post("/v1/auth/magic-links/verify", &proof).await.tokens();
    assert_eq!(opened.text("/user_id"), owner.text("/user_id"));
    assert_eq!(product.password(ADA, password).await.problem(), "login_failed");
    let kinds: Vec<_> = stored::items(&product).await.iter().map(|item| item["kind"].to_string()).collect();
    assert!(!kinds.contains(&"\"password\"".to_owned()), "{kinds:?}");
}

/// A second factor is asked for on this way too, by the person's own choice and by an organization's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_a_second_factor_shows_it() {
    let product = Product::start().await;
    let token = product.with_account(known(ADA)).await.tokens().text("/access_token");
    let (secret, _) = product.set_up(&token).await;
    let sent = product.away(START).await;
    let back = product.there(&sent, known(ADA)).await;
    let half = product.post(VERIFY, &back).await;
    assert_eq!(half.text("/status"), "mfa_required", "{half:?}");
    assert_eq!(half.body["tokens"], Value::Null);
    // it ended with everything else: the same again does not bring it back
    assert!(
        product
            .post_as("/v1/me/sessions/end", &token, &json!({ "scope": "others" }))
            .await
            .status
            .is_success()
    );
    assert_eq!(product.post(VERIFY, &back).await.problem(), "login_failed");
    let sent = product.away(START).await;
    let back = product.there(&sent, known(ADA)).await;
    assert_eq!(product.post(VERIFY, &back).await.text("/status"), "mfa_required");
    // the answer was lost: the same again, with a token of its own
    let again = product.post(VERIFY, &back).await;
    assert_eq!(again.text("/status"), "mfa_required");
    product.advance(SignedDuration::from_secs(5)).await;
    product.advance(SignedDuration::from_secs(30)).await;
    let session = product.second(&again.text("/challenge/token"), "totp", &product.app(&secret)).await;
    let claims = claims(&session.tokens().text("/access_token"));
    assert_eq!(
        (&claims["amr"], &claims["acr"]),
        (&json!(["connected_account", "otp", "mfa"]), &json!("aal2"))
    );

    // a browser that is remembered is not asked again
    product.advance(SignedDuration::from_secs(30)).await;
    let half = product.with_account(known(ADA)).await.text("/challenge/token");
    let body = json!({ "method": "totp", "code": product.app(&secret), "remember_browser": true });
    let remembered = product.post_as("/v1/auth/mfa/verify", &half, &body).await;
    let sent = product.away(START).await;
    let mut back = product.there(&sent, known(ADA)).await;
    back["trusted_browser_token"] = remembered.text("/browser_token").into();
    assert_eq!(product.post(VERIFY, &back).await.text("/status"), "complete");

    let (bob, _) = product.owner("bob@example.com", "beta").await;
    let connected = product.connect(&bob, known("bob@example.com")).await;
    assert_eq!(connected.status, StatusCode::CREATED, "{connected:?}");
    let grace_ends_at = product.cloud.clock().now() + SignedDuration::from_hours(24);
    let mfa = json!({ "mode": "required", "grace_ends_at": grace_ends_at });
    assert!(product.require(&bob, mfa).await.status.is_success());
    assert_eq!(product.with_account(known("bob@example.com")).await.text("/status"), "complete");
    product.advance(SignedDuration::from_hours(24)).await;
    let half = product.with_account(known("bob@example.com")).await;
    assert_eq!(half.text("/status"), "mfa_enrollment_required");
}

//! Showing once more who one is, with what there is: for those who have nothing else a password or a mail.

use std::collections::BTreeSet;

use futures::future::join_all;
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::product::Product;

const ADA: &str = "ada@example.com";
const GOOD: &str = "four words nobody guesses";

impl Product {
    async fn start_step_up(&self, token: &str, body: Value) -> Answer {
        let answer = self.post_as("/v1/auth/step-up", token, &body).await;
        self.settle().await;
        answer
    }

    async fn step_up(&self, token: &str, body: Value) -> Answer {
        self.post_as("/v1/auth/step-up/verify", token, &body).await
    }

    /// The code of a mail that was sent for it.
    async fn sent(&self, token: &str) -> String {
        let started = self.start_step_up(token, json!({ "method": "mail" })).await;
        assert_eq!(
            (started.status, &started.body["expires_in"]),
            (StatusCode::OK, &json!(900)),
            "{started:?}"
        );
        self.mailed_code(ADA).await
    }

    async fn set_password(&self, token: &str) -> Answer {
        let request = self.request(Method::PUT, "/v1/me/password").bearer_auth(token);
        self.send(request.json(&json!({ "password": GOOD }))).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_nothing_else_shows_a_mail_or_a_password() {
    let product = Product::start().await;
    let session = product.sign_in(ADA).await;
    let token = session.text("/access_token");
    product.advance(SignedDuration::from_mins(11)).await;
    let refused = product.set_password(&token).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::UNAUTHORIZED, "step_up_required"));
    let challenge = "Bearer error=\"insufficient_user_authentication\", acr_values=\"aal1\", max_age=600";
    assert_eq!(refused.headers["www-authenticate"], challenge);
    let methods = product.start_step_up(&token, json!({})).await;
    assert_eq!(methods.body, json!({ "methods": ["mail"], "expires_in": null }), "nothing is sent");
    assert_eq!(product.mails(ADA).await.len(), 1);
    let code = product.sent(&token).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let wrong = product.step_up(&token, json!({ "method": "mail", "code": wrong })).await;
    assert_eq!((wrong.status, wrong.problem()), (StatusCode::UNAUTHORIZED, "mfa_failed"));
    let by_code = json!({ "method": "mail", "code": code });
    let stepped = product.step_up(&token, by_code.clone()).await;
    assert_eq!(stepped.text("/session_id"), session.text("/session_id"), "{stepped:?}");
    assert_eq!(stepped.text("/refresh_token"), session.text("/refresh_token"));
    assert_eq!(product.set_password(&stepped.text("/access_token")).await.status, StatusCode::NO_CONTENT);
    // the answer was lost; later the code is used up
    let again = product.step_up(&token, by_code.clone()).await;
    assert_eq!(again.text("/access_token"), stepped.text("/access_token"), "{again:?}");
    product.advance(SignedDuration::from_secs(61)).await;
    assert_eq!(product.step_up(&token, by_code).await.problem(), "mfa_failed");
    let token = stepped.text("/access_token");
    // by the password, also on a device that was signed in by another one
    let phone = product.redeem(&product.device_link(&token).await).await.tokens().text("/access_token");
    assert_eq!(product.post_nothing("/v1/me/device-links", &phone).await.problem(), "step_up_required");
    let methods = product.start_step_up(&phone, json!({})).await;
    assert_eq!(methods.body["methods"], json!(["password", "mail"]));
    let wrong =
        product.step_up(&phone, json!({ "method": "password", "password": "not these four words" })).await;
    assert_eq!(wrong.problem(), "mfa_failed");
    let phone = product.step_up(&phone, json!({ "method": "password", "password": GOOD })).await;
    product.device_link(&phone.text("/access_token")).await;
    for mixed in [
        json!({ "method": "password", "code": "314159" }),
        json!({ "method": "mail", "password": GOOD }),
        json!({ "method": "totp", "code": "314159", "password": GOOD }),
        json!({ "method": "mail", "code": "314159", "token": "x" }),
        json!({ "method": "mail" }),
    ] {
        let refused = product.step_up(&token, mixed.clone()).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{mixed}: {refused:?}");
    }
    // a second factor is what counts from the moment on at which there is one
    let (secret, _) = product.set_up(&token).await;
    let methods = product.start_step_up(&token, json!({})).await;
    assert_eq!(methods.body["methods"], json!(["totp", "recovery_code"]));
    let mail = product.start_step_up(&token, json!({ "method": "mail" })).await;
    let password = product.step_up(&token, json!({ "method": "password", "password": GOOD })).await;
    for refused in [mail, password] {
        assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "mfa_required"));
        let challenge = "Bearer error=\"insufficient_user_authentication\", acr_values=\"aal2\"";
        assert_eq!(refused.headers["www-authenticate"], challenge);
    }
    product.advance(SignedDuration::from_secs(30)).await;
    let stepped = product.step_up(&token, json!({ "method": "totp", "code": product.app(&secret) })).await;
    assert_eq!(stepped.status, StatusCode::OK, "{stepped:?}");
    product.settle().await;
    let events = product.events().await;
    assert_eq!(events.iter().filter(|event| *event == "session.stepped_up").count(), 3);
}

/// A mail says what it is for, and is good for that alone: whoever is talked out of the code of the one has
/// not given away the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_to_confirm_signs_nobody_in_and_a_code_to_sign_in_confirms_nothing() {
    let product = Product::start().await;
    let token = product.sign_in(ADA).await.text("/access_token");
    let other = product.sign_in(ADA).await.text("/access_token");
    let code = product.sent(&token).await;
    let mail = product.mails(ADA).await.remove(0);
    assert_eq!(mail["subject"], "Confirm on Gantry that it is you");
    assert!(!mail["text"].as_str().unwrap().contains("token="), "it opens nothing: {mail}");
    let asked = product.post("/v1/auth/magic-links", &json!({ "email": ADA })).await;
    product.settle().await;
    let (_, to_sign_in) = product.proof(ADA).await;
    let sign_in = json!({ "email": ADA, "code": code, "browser_token": asked.text("/browser_token") });
    assert_eq!(product.post("/v1/auth/magic-links/verify", &sign_in).await.problem(), "login_failed");
    let by = |code: &str| json!({ "method": "mail", "code": code });
    assert_eq!(product.step_up(&token, by(&to_sign_in)).await.problem(), "mfa_failed");
    assert_eq!(product.step_up(&other, by(&code)).await.problem(), "mfa_failed", "of another session");
    let next = product.sent(&token).await;
    assert_eq!(product.step_up(&token, by(&code)).await.problem(), "mfa_failed", "the next one voids it");
    assert_eq!(product.step_up(&token, by(&next)).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_is_shown_fifty_times_at_once_confirms_once() {
    let product = Product::crowded().await;
    let token = product.sign_in(ADA).await.text("/access_token");
    let shown = json!({ "method": "mail", "code": product.sent(&token).await });
    let answers = join_all((0..50).map(|_| product.step_up(&token, shown.clone()))).await;
    let tokens: BTreeSet<_> = answers.iter().map(|answer| answer.text("/access_token")).collect();
    assert_eq!(tokens.len(), 1, "{answers:?}");
    product.settle().await;
    let events = product.events().await;
    assert_eq!(events.iter().filter(|event| *event == "session.stepped_up").count(), 1);
}

/// An old session, or one that is somebody else's by now, sets up no factor by way of an organization that
/// asks for one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn going_where_a_factor_is_asked_for_makes_no_old_session_a_fresh_one() {
    let product = Product::start().await;
    let (token, strict) = product.owner(ADA, "strict").await;
    let grace_ends_at = product.cloud.clock().now() + SignedDuration::from_mins(12);
    let mfa = json!({ "mode": "required", "grace_ends_at": grace_ends_at });
    assert!(product.require(&token, mfa).await.status.is_success());
    let open = product.post_as("/v1/orgs", &token, &json!({ "name": "Open", "slug": "open" })).await;
    let to_open = json!({ "org_id": open.text("/id") });
    let token = product.post_as("/v1/auth/switch-org", &token, &to_open).await.tokens().text("/access_token");
    product.advance(SignedDuration::from_mins(13)).await;
    let to_strict = json!({ "org_id": strict });
    let refused = product.post_as("/v1/auth/switch-org", &token, &to_strict).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::UNAUTHORIZED, "step_up_required"));
    let code = product.sent(&token).await;
    let fresh = product.step_up(&token, json!({ "method": "mail", "code": code })).await;
    let half = product.post_as("/v1/auth/switch-org", &fresh.text("/access_token"), &to_strict).await;
    assert_eq!(half.text("/status"), "mfa_enrollment_required", "{half:?}");
}

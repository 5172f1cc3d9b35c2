//! Second factors: how they are set up, what they are asked for, and that each code works once.

use futures::future::join_all;
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;
use totp_rs::{Builder, Secret};

use crate::product::Product;

const ADA: &str = "ada@example.com";
const GOOD: &str = "four words nobody guesses";

impl Product {
    /// What an authenticator app shows now, that was set up with this.
    pub(crate) fn app(&self, secret: &str) -> String {
        let totp = Builder::new().with_secret(Secret::try_from_base32(secret).unwrap()).build().unwrap();
        totp.generate(u64::try_from(self.cloud.clock().now().as_second()).unwrap()).to_string()
    }

    /// Sets up an authenticator app: what it was set up with, and the recovery codes.
    pub(crate) async fn set_up(&self, token: &str) -> (String, Vec<String>) {
        let started = self.post_as("/v1/me/mfa/factors", token, &json!({ "kind": "totp" })).await;
        assert_eq!(started.status, StatusCode::CREATED, "{started:?}");
        let secret = started.text("/secret");
        let path = format!("/v1/me/mfa/factors/{}/confirm", started.text("/id"));
        let confirmed = self.post_as(&path, token, &json!({ "code": self.app(&secret) })).await;
        assert_eq!(confirmed.status, StatusCode::OK, "{confirmed:?}");
        let codes = confirmed.body["recovery_codes"].as_array().unwrap();
        (secret, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
    }

    /// Ada with a password and an authenticator app, and the time until its next code over.
    pub(crate) async fn with_app(&self) -> (String, String, Vec<String>) {
        let token = self.registered(ADA, GOOD).await.text("/access_token");
        let (secret, codes) = self.set_up(&token).await;
        self.advance(SignedDuration::from_secs(30)).await;
        (token, secret, codes)
    }

    pub(crate) async fn half(&self) -> String {
        let body = json!({ "email": ADA, "password": GOOD });
        let answer = self.post("/v1/auth/password/verify", &body).await;
        assert_eq!(answer.text("/status"), "mfa_required", "{answer:?}");
        assert_eq!(answer.body["tokens"], Value::Null);
        answer.text("/challenge/token")
    }

    pub(crate) async fn second(&self, half: &str, method: &str, code: &str) -> Answer {
        self.post_as("/v1/auth/mfa/verify", half, &json!({ "method": method, "code": code })).await
    }

    /// What the owner of an organization asks of its members.
    pub(crate) async fn require(&self, token: &str, mfa: Value) -> Answer {
        let request = self.request(Method::PATCH, "/v1/orgs/current/policies").bearer_auth(token);
        self.send(request.json(&json!({ "mfa": mfa }))).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_of_the_app_is_asked_for_whichever_way_somebody_comes() {
    let product = Product::start().await;
    let (_, secret, _) = product.with_app().await;
    // by a password
    let half = product.half().await;
    let session = product.second(&half, "totp", &product.app(&secret)).await;
    assert_eq!((session.status, session.text("/status")), (StatusCode::OK, "complete".to_owned()));
    let token = session.text("/tokens/access_token");
    assert_eq!(product.get("/v1/me", &token).await.status, StatusCode::OK);
    // by mail
    let asked = product.post("/v1/auth/magic-links", &json!({ "email": ADA })).await;
    product.settle().await;
    let (link, _) = product.proof(ADA).await;
    let proof = json!({ "token": link, "browser_token": asked.text("/browser_token") });
    let by_mail = product.post("/v1/auth/magic-links/verify", &proof).await;
    assert_eq!(by_mail.text("/status"), "mfa_required");
    assert_eq!(by_mail.body["challenge"]["methods"], json!(["totp", "recovery_code"]));
    // the answer was lost: the same browser is asked again
    let again = product.post("/v1/auth/magic-links/verify", &proof).await;
    assert_eq!(again.text("/status"), "mfa_required");
    let shown = product.get("/v1/auth/mfa", &again.text("/challenge/token")).await;
    assert_eq!(shown.body["methods"], json!(["totp", "recovery_code"]), "{shown:?}");
    product.advance(SignedDuration::from_secs(30)).await;
    let code = product.app(&secret);
    let session = product.second(&again.text("/challenge/token"), "totp", &code).await;
    assert_eq!(session.text("/status"), "complete");
    let late = product.post("/v1/auth/magic-links/verify", &proof).await;
    assert_eq!(late.problem(), "login_failed", "the link is used up");
    // after a reset of the password
    let reset = json!({ "email": ADA });
    product.post("/v1/auth/password/resets", &reset).await;
    product.settle().await;
    let mails = product.subjects(ADA).await;
    assert!(mails.iter().any(|subject| subject.starts_with("An authenticator app was added")), "{mails:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_session_opens_nothing_else() {
    let product = Product::start().await;
    let (token, secret, _) = product.with_app().await;
    let half = product.half().await;
    for path in ["/v1/me", "/v1/me/sessions", "/v1/me/mfa", "/v1/orgs/current", "/v1/me/devices"] {
        assert_eq!(product.get(path, &half).await.problem(), "invalid_token", "{path}");
    }
    for path in ["/v1/auth/sign-out", "/v1/orgs", "/v1/auth/switch-org", "/v1/me/sessions/end"] {
        assert_eq!(product.post_nothing(path, &half).await.problem(), "invalid_token", "{path}");
    }
    // no other factor can be set up in the place of the one that is asked for
    let around = product.post_as("/v1/me/mfa/factors", &half, &json!({ "kind": "totp" })).await;
    assert_eq!(around.problem(), "mfa_failed");
    assert_eq!(product.post_nothing("/v1/auth/complete", &half).await.text("/status"), "mfa_required");
    // and a session's token is none of a half-session's
    assert_eq!(product.second(&token, "totp", &product.app(&secret)).await.problem(), "invalid_token");
    for forged in ["ghs_", "ghs_x", &format!("ghs_{}", "A".repeat(86))] {
        let refused = product.second(forged, "totp", "123456").await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::UNAUTHORIZED, "session_ended"));
    }
    // what ended with all others does not come back by the same link
    let asked = product.post("/v1/auth/magic-links", &json!({ "email": ADA })).await;
    product.settle().await;
    let proof = json!({ "token": product.link(ADA).await, "browser_token": asked.text("/browser_token") });
    let by_mail = product.post("/v1/auth/magic-links/verify", &proof).await;
    assert_eq!(by_mail.text("/status"), "mfa_required");
    product.post_as("/v1/me/sessions/end", &token, &json!({ "scope": "others" })).await;
    let again = product.post("/v1/auth/magic-links/verify", &proof).await;
    assert_eq!(again.problem(), "login_failed", "{again:?}");
    // everywhere is everywhere
    let half = product.half().await;
    product.post_as("/v1/me/sessions/end", &token, &json!({ "scope": "all" })).await;
    let late = product.second(&half, "totp", &product.app(&secret)).await;
    assert_eq!(late.problem(), "session_ended");
    product.advance(SignedDuration::from_secs(1)).await;
    let half = product.half().await;
    product.advance(SignedDuration::from_mins(10)).await;
    assert_eq!(product.second(&half, "totp", &product.app(&secret)).await.problem(), "session_ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_opens_one_session_however_many_show_it_at_once() {
    let product = Product::start().await;
    let (_, secret, codes) = product.with_app().await;
    for method in ["totp", "recovery_code"] {
        let halves = join_all((0..50).map(|_| product.half())).await;
        let code = if method == "totp" { product.app(&secret) } else { codes[0].clone() };
        let answers = join_all(halves.iter().map(|half| product.second(half, method, &code))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status.is_success()).count(), 1, "{answers:?}");
        // the others were guesses
        product.advance(SignedDuration::from_hours(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_given_again_for_a_minute() {
    let product = Product::start().await;
    let (_, secret, _) = product.with_app().await;
    let (half, code) = (product.half().await, product.app(&secret));
    let first = product.second(&half, "totp", &code).await.tokens();
    let again = product.second(&half, "totp", &code).await.tokens();
    assert_eq!(first.text("/access_token"), again.text("/access_token"));
    let other = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(product.second(&half, "totp", other).await.problem(), "session_ended");
    product.advance(SignedDuration::from_secs(61)).await;
    assert_eq!(product.second(&half, "totp", &code).await.problem(), "session_ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_factor_is_confirmed_once_and_says_so_to_whoever_has_not_heard_it() {
    let product = Product::start().await;
    let token = product.registered(ADA, GOOD).await.text("/access_token");
    let started = product.post_as("/v1/me/mfa/factors", &token, &json!({ "kind": "totp" })).await;
    let path = format!("/v1/me/mfa/factors/{}/confirm", started.text("/id"));
    let code = json!({ "code": product.app(&started.text("/secret")) });
    let answers = join_all((0..10).map(|_| product.post_as(&path, &token, &code))).await;
    let confirmed = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert_eq!(confirmed, 1, "{answers:?}");
    let others = answers.iter().filter(|answer| answer.status != StatusCode::OK);
    assert!(others.map(Answer::problem).all(|problem| problem == "already_confirmed"), "{answers:?}");
    let made = product.post_nothing("/v1/me/mfa/recovery-codes", &token).await;
    assert_eq!(
        made.body["recovery_codes"].as_array().map(Vec::len),
        Some(10),
        "what was not heard: {made:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_codes_are_ten_an_hour_for_a_person_and_recovery_codes_work_once() {
    let product = Product::start().await;
    let (_, secret, codes) = product.with_app().await;
    let half = product.half().await;
    let session = product.second(&half, "recovery_code", &codes[3].to_uppercase()).await;
    assert_eq!(session.text("/status"), "complete", "{session:?}");
    product.settle().await;
    let mail = product.mails(ADA).await.remove(0);
    assert!(mail["text"].as_str().unwrap().contains("9 are left"), "{mail}");
    let half = product.half().await;
    assert_eq!(product.second(&half, "recovery_code", &codes[3]).await.problem(), "mfa_failed");
    let right = product.app(&secret);
    let wrong = if right == "000000" { "000001" } else { "000000" };
    let answers = join_all((0..30).map(|_| product.second(&half, "totp", wrong))).await;
    let told = answers.iter().filter(|answer| answer.status == StatusCode::UNAUTHORIZED).count();
    assert_eq!(told, 9, "one was told before");
    assert_eq!(product.failures().await, (10, 1), "each is written down, and that it was enough");
    assert_eq!(product.second(&half, "totp", &right).await.problem(), "rate_limited");
    product.advance(SignedDuration::from_hours(1)).await;
    let half = product.half().await;
    assert_eq!(product.second(&half, "totp", &product.app(&secret)).await.text("/status"), "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_asks_for_a_factor_from_its_day_on() {
    let product = Product::start().await;
    let (token, _) = product.owner(ADA, "acme").await;
    let policies = product.get("/v1/orgs/current/policies", &token).await;
    assert_eq!(policies.body["mfa"], json!({ "mode": "optional", "grace_ends_at": null }));
    let grace_ends_at = (product.cloud.clock().now() + SignedDuration::from_hours(24)).to_string();
    let mfa = json!({ "mode": "required", "grace_ends_at": grace_ends_at });
    let required_by = async |token: &str| product.get("/v1/me/mfa", token).await.body["required_by"].clone();
    assert_eq!(required_by(&token).await, json!([]));
    assert_eq!(product.require(&token, mfa).await.status, StatusCode::OK);
    let org = product.get("/v1/orgs/current", &token).await;
    assert_eq!(org.status, StatusCode::OK, "there is grace");
    assert_eq!(required_by(&token).await, json!([org.text("/id")]));
    product.advance(SignedDuration::from_hours(24)).await;
    let asked = product.post("/v1/auth/magic-links", &json!({ "email": ADA })).await;
    product.settle().await;
    let (link, _) = product.proof(ADA).await;
    let proof = json!({ "token": link, "browser_token": asked.text("/browser_token") });
    let half = product.post("/v1/auth/magic-links/verify", &proof).await;
    assert_eq!(half.text("/status"), "mfa_enrollment_required", "{half:?}");
    let half = half.text("/challenge/token");
    let (_, codes) = product.set_up(&half).await;
    assert_eq!(codes.len(), 10);
    let session = product.post_nothing("/v1/auth/complete", &half).await;
    assert_eq!(session.text("/status"), "complete", "{session:?}");
    let again = product.post_nothing("/v1/auth/complete", &half).await;
    // a second later the token lives for a second less
    let lasting = |answer: &Answer| {
        let mut body = answer.body.clone();
        assert!((890..=900).contains(&body["tokens"]["expires_in"].take().as_u64().unwrap()), "{body}");
        body
    };
    assert_eq!(lasting(&again), lasting(&session), "the answer was lost");
    let token = session.text("/tokens/access_token");
    assert_eq!(product.get("/v1/orgs/current", &token).await.status, StatusCode::OK);
    let mfa = product.get("/v1/me/mfa", &token).await;
    assert_eq!(mfa.body["recovery_codes_left"], 10);
    let path = format!("/v1/me/mfa/factors/{}", mfa.text("/factors/0/id"));
    let removed = product.send(product.request(Method::DELETE, &path).bearer_auth(&token)).await;
    assert_eq!(removed.problem(), "last_factor");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_from_before_is_asked_when_it_works_in_the_organization() {
    let product = Product::start().await;
    let (token, org_id) = product.owner(ADA, "acme").await;
    let required = json!({ "mode": "required", "grace_ends_at": null });
    // nobody locks everybody out, and so themselves
    assert_eq!(product.require(&token, required.clone()).await.problem(), "would_lock_out");
    let (secret, _) = product.set_up(&token).await;
    let refreshed = product.post_as("/v1/auth/switch-org", &token, &json!({ "org_id": org_id })).await;
    let proved = refreshed.text("/tokens/access_token");
    assert_eq!(product.require(&proved, required).await.status, StatusCode::OK);
    assert_eq!(product.get("/v1/orgs/current", &proved).await.status, StatusCode::OK);
    // the token from before the factor says nothing of it
    assert_eq!(product.get("/v1/orgs/current", &token).await.problem(), "mfa_required");
    assert_eq!(product.get("/v1/me", &token).await.status, StatusCode::OK, "the own account is open");
    product.advance(SignedDuration::from_secs(30)).await;
    let step = json!({ "method": "totp", "code": product.app(&secret) });
    let stepped = product.post_as("/v1/auth/step-up/verify", &token, &step).await;
    assert_eq!(stepped.status, StatusCode::OK, "{stepped:?}");
    assert_eq!(product.get("/v1/orgs/current", &stepped.text("/access_token")).await.status, StatusCode::OK);
    assert_eq!(product.post_as("/v1/auth/step-up/verify", &token, &step).await.problem(), "mfa_failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_how_somebody_signs_in_asks_for_a_fresh_proof() {
    let product = Product::start().await;
    let (token, secret, _) = product.with_app().await;
    product.advance(SignedDuration::from_mins(11)).await;
    let put = |token: String, password: &'static str| {
        let request = product.request(Method::PUT, "/v1/me/password").bearer_auth(token);
        product.send(request.json(&json!({ "password": password })))
    };
    let refused = put(token.clone(), "another four words at last").await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::UNAUTHORIZED, "step_up_required"));
    let challenge = refused.headers["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("insufficient_user_authentication"), "{challenge}");
    let step = json!({ "method": "totp", "code": product.app(&secret) });
    let stepped = product.post_as("/v1/auth/step-up/verify", &token, &step).await.text("/access_token");
    let other = product.half().await;
    assert_eq!(put(stepped.clone(), "short").await.text("/errors/0/code"), "too_short");
    assert_eq!(put(stepped.clone(), "password1").await.text("/errors/0/code"), "weak_password");
    assert_eq!(put(stepped.clone(), "another four words at last").await.status, StatusCode::NO_CONTENT);
    let late = product.second(&other, "totp", "000000").await;
    assert_eq!(late.problem(), "session_ended", "a login with the old password leads nowhere");
    assert_eq!(product.get("/v1/me", &stepped).await.status, StatusCode::OK, "this session stays");
    for path in ["/v1/me/mfa/recovery-codes"] {
        let made = product.post_nothing(path, &stepped).await;
        assert_eq!(made.body["recovery_codes"].as_array().map(Vec::len), Some(10), "{made:?}");
    }
    let removed =
        product.send(product.request(Method::DELETE, "/v1/me/password").bearer_auth(&stepped)).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    let gone = json!({ "email": ADA, "password": "another four words at last" });
    assert_eq!(product.post("/v1/auth/password/verify", &gone).await.problem(), "login_failed");
}

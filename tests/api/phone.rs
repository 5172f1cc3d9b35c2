//! A person's phone: how its number is shown to be theirs, and codes that go there as a second factor.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::future::join_all;
use jiff::SignedDuration;
use local::{InvocationLog, Options};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

use crate::{product::Product, stored};

const ADA: &str = "ada@example.com";
const GOOD: &str = "four words nobody guesses";
const NUMBER: &str = "+436641234567";
const OTHER: &str = "+436647654321";

impl Product {
    pub(crate) async fn set_phone(&self, token: &str, number: &str) -> Answer {
        let request = self.request(Method::PUT, "/v1/me/phone").bearer_auth(token);
        let answer = self.send(request.json(&json!({ "number": number }))).await;
        self.settle().await;
        answer
    }

    pub(crate) async fn verify_phone(&self, token: &str, code: &str) -> Answer {
        self.post_as("/v1/me/phone/verify", token, &json!({ "code": code })).await
    }

    /// The SMS to this number, newest first.
    pub(crate) async fn texts(&self, number: &str) -> Vec<Value> {
        let texts = self.local("/messages").await;
        texts["items"].as_array().unwrap().iter().filter(|text| text["to"] == number).cloned().collect()
    }

    /// The code of the last SMS to this number.
    pub(crate) async fn texted(&self, number: &str) -> String {
        let text = self.texts(number).await.remove(0);
        text["text"].as_str().unwrap().split(' ').next().unwrap().to_owned()
    }

    pub(crate) async fn with_phone(&self, token: &str, number: &str) {
        let set = self.set_phone(token, number).await;
        assert_eq!(set.status, StatusCode::ACCEPTED, "{set:?}");
        let verified = self.verify_phone(token, &self.texted(number).await).await;
        assert_eq!(verified.status, StatusCode::OK, "{verified:?}");
    }

    /// Has a code sent for a login that lacks a second factor, or with a session.
    pub(crate) async fn send_code(&self, token: &str) -> Answer {
        let sent = self.post_nothing("/v1/auth/mfa/codes", token).await;
        self.settle().await;
        sent
    }

    /// Sets up codes by SMS as a second factor: its id, and the recovery codes.
    pub(crate) async fn set_up_sms(&self, token: &str, number: &str) -> (String, Answer) {
        let started = self.post_as("/v1/me/mfa/factors", token, &json!({ "kind": "sms" })).await;
        assert_eq!(started.status, StatusCode::CREATED, "{started:?}");
        self.settle().await;
        let path = format!("/v1/me/mfa/factors/{}/confirm", started.text("/id"));
        let code = json!({ "code": self.texted(number).await });
        let confirmed = self.post_as(&path, token, &code).await;
        assert_eq!(confirmed.status, StatusCode::OK, "{confirmed:?}");
        (started.text("/id"), confirmed)
    }

    /// Ada with a password, and codes by SMS.
    pub(crate) async fn with_sms(&self) -> String {
        let token = self.registered(ADA, GOOD).await.text("/access_token");
        self.with_phone(&token, NUMBER).await;
        self.set_up_sms(&token, NUMBER).await;
        token
    }

    /// One whose functions' log lines are kept, with these numbers.
    async fn logged(policy: &str, sms_per_day: &str) -> Self {
        // another test may have been first
        let _set = tracing_subscriber::registry().with(InvocationLog).try_init();
        let with = |mut options: Options| {
            options.environment.insert("IDENTITY_POLICY".to_owned(), policy.to_owned());
            options.parameters.insert("SmsPerDay".to_owned(), sms_per_day.to_owned());
            options
        };
        Self::with(|_| None, with).await
    }
}

/// Another code than this one.
fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn statuses(answers: &[Answer]) -> BTreeMap<(u16, &str), usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry((answer.status.as_u16(), answer.problem_or_empty())).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_is_shown_to_be_somebodys_and_its_codes_are_a_second_factor() {
    let product = Product::start().await;
    let token = product.registered(ADA, GOOD).await.text("/access_token");
    let factor = json!({ "kind": "sms" });
    let none = product.post_as("/v1/me/mfa/factors", &token, &factor).await;
    assert_eq!((none.status, none.problem()), (StatusCode::CONFLICT, "phone_required"));
    let set = product.set_phone(&token, "+43 (0)664 / 123 45-67").await;
    assert_eq!(set.status, StatusCode::ACCEPTED, "{set:?}");
    assert_eq!(set.body, json!({ "number": NUMBER, "expires_in": 600 }));
    let text = product.texts(NUMBER).await.remove(0);
    let code = product.texted(NUMBER).await;
    let words = format!(
        "{code} is your code for Gantry. It works for 10 minutes. Give it to nobody.\n\n@localhost #{code}"
    );
    assert_eq!(text["text"], words);
    assert_eq!(text["attributes"], json!({ "AWS.SNS.SMS.SMSType": "Transactional" }));
    assert_eq!(product.get("/v1/me", &token).await.body["phone"], Value::Null, "not yet");
    let refused = product.verify_phone(&token, wrong(&code)).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::UNAUTHORIZED, "mfa_failed"));
    let verified = product.verify_phone(&token, &code).await;
    assert_eq!((verified.status, verified.text("/phone")), (StatusCode::OK, NUMBER.to_owned()));
    let again = product.verify_phone(&token, &code).await;
    assert_eq!(again.status, StatusCode::OK, "the answer was lost: {again:?}");
    product.advance(SignedDuration::from_secs(61)).await;
    assert_eq!(product.verify_phone(&token, &code).await.problem(), "mfa_failed", "it is used up");

    let (id, confirmed) = product.set_up_sms(&token, NUMBER).await;
    assert_eq!(confirmed.body["recovery_codes"].as_array().map(Vec::len), Some(10));
    product.settle().await;
    let mfa = product.get("/v1/me/mfa", &token).await;
    assert_eq!((mfa.text("/factors/0/id"), mfa.text("/factors/0/kind")), (id, "sms".to_owned()));
    assert_eq!(mfa.text("/factors/0/hint"), "••••67");

    let half = product.half().await;
    let shown = product.get("/v1/auth/mfa", &half).await;
    assert_eq!(shown.body["methods"], json!(["sms", "recovery_code"]));
    let early = product.second(&half, "sms", &code).await;
    assert_eq!(early.problem(), "mfa_failed", "nothing was sent for this login: {early:?}");
    let sent = product.send_code(&half).await;
    assert_eq!(sent.status, StatusCode::ACCEPTED, "{sent:?}");
    assert_eq!(sent.body, json!({ "sent_to": "••••67", "expires_in": 600 }));
    let code = product.texted(NUMBER).await;
    let other = product.half().await;
    assert_eq!(product.second(&other, "sms", &code).await.problem(), "mfa_failed", "of another login");
    let session = product.second(&half, "sms", &code).await;
    let lost = product.second(&half, "sms", &code).await;
    let tokens = session.tokens();
    assert_eq!(tokens.text("/access_token"), lost.tokens().text("/access_token"));
    let claims = claims(&tokens.text("/access_token"));
    assert_eq!((&claims["amr"], &claims["acr"]), (&json!(["pwd", "sms", "mfa"]), &json!("aal2")));
    let subjects = product.subjects(ADA).await;
    for subject in ["A phone number was added to", "Your phone is a second factor of"] {
        assert!(subjects.iter().any(|one| one.starts_with(subject)), "{subject}: {subjects:?}");
    }
    let events = product.events().await;
    for event in ["sms_code.requested", "phone.verified", "factor.enrollment_started", "factor.added"] {
        assert!(events.iter().any(|one| one == event), "{event}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_phone_takes_over_and_forgets_browsers_and_without_one_nobody_is_asked() {
    let product = Product::logged(r#"{"sms_codes_per_hour":50,"sms_codes_per_day":50}"#, "1000").await;
    let token = product.with_sms().await;
    product.advance(SignedDuration::from_secs(601)).await;
    let late = product.set_phone(&token, OTHER).await;
    assert_eq!((late.status, late.problem()), (StatusCode::UNAUTHORIZED, "step_up_required"));
    // once more, by a code that is sent with the session
    assert_eq!(product.send_code(&token).await.status, StatusCode::ACCEPTED);
    let step = json!({ "method": "sms", "code": product.texted(NUMBER).await });
    let stepped = product.post_as("/v1/auth/step-up/verify", &token, &step).await;
    assert_eq!(stepped.status, StatusCode::OK, "{stepped:?}");
    let token = stepped.text("/access_token");
    let half = product.half().await;
    product.send_code(&half).await;
    let body = json!({ "method": "sms", "code": product.texted(NUMBER).await, "remember_browser": true });
    let browser = product.post_as("/v1/auth/mfa/verify", &half, &body).await.text("/browser_token");
    let come_in = json!({ "email": ADA, "password": GOOD, "browser_token": browser });
    let remembered = product.post("/v1/auth/password/verify", &come_in).await;
    assert_eq!(remembered.text("/status"), "complete");
    // the old number stays until the new one is shown, and codes go there
    let half = product.half().await;
    assert_eq!(product.set_phone(&token, OTHER).await.status, StatusCode::ACCEPTED);
    assert_eq!(product.get("/v1/me", &token).await.text("/phone"), NUMBER);
    product.send_code(&half).await;
    let of_old = product.texted(NUMBER).await;
    let verified = product.verify_phone(&token, &product.texted(OTHER).await).await;
    assert_eq!(verified.text("/phone"), OTHER, "{verified:?}");
    assert_eq!(product.second(&half, "sms", &of_old).await.problem(), "mfa_failed", "of the old number");
    let asked = product.post("/v1/auth/password/verify", &come_in).await;
    assert_eq!(asked.text("/status"), "mfa_required", "no browser is remembered from before");
    product.send_code(&half).await;
    let session = product.second(&half, "sms", &product.texted(OTHER).await).await;
    assert_eq!(session.text("/status"), "complete", "{session:?}");

    for _ in 0..2 {
        let gone = product.send(product.request(Method::DELETE, "/v1/me/phone").bearer_auth(&token)).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT, "{gone:?}");
    }
    assert_eq!(
        product.password(ADA, GOOD).await.text("/status"),
        "complete",
        "nothing is left to be asked for"
    );
    let mfa = product.get("/v1/me/mfa", &token).await;
    assert_eq!(mfa.body, json!({ "factors": [], "recovery_codes_left": 0, "required_by": [] }));
    product.settle().await;
    let subjects = product.subjects(ADA).await;
    assert!(subjects.iter().any(|one| one.starts_with("The phone number of your account")), "{subjects:?}");
    let events = product.events().await;
    assert!(["phone.removed", "factor.removed"].iter().all(|event| events.iter().any(|one| one == event)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_factor_stays_where_an_organization_asks_for_one() {
    let product = Product::start().await;
    let (token, org_id) = product.owner(ADA, "acme").await;
    product.with_phone(&token, NUMBER).await;
    product.set_up_sms(&token, NUMBER).await;
    let place = json!({ "org_id": org_id });
    let token = product.post_as("/v1/auth/switch-org", &token, &place).await.text("/tokens/access_token");
    let required = product.require(&token, json!({ "mode": "required", "grace_ends_at": null })).await;
    assert_eq!(required.status, StatusCode::OK, "{required:?}");
    let remove = || product.send(product.request(Method::DELETE, "/v1/me/phone").bearer_auth(&token));
    assert_eq!(remove().await.problem(), "last_factor");
    product.set_up(&token).await;
    assert_eq!(remove().await.status, StatusCode::NO_CONTENT);
    assert_eq!(product.get("/v1/me/mfa", &token).await.text("/factors/0/kind"), "totp");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_mobile_phone_of_a_country_that_is_written_to_is_refused() {
    let product = Product::start().await;
    let token = product.sign_in(ADA).await.text("/access_token");
    for (number, code) in [
        ("+1 201 555 0123", "country_not_supported"),
        ("+1 876 555 1234", "country_not_supported"),
        ("+43 900 123456", "invalid_format"),
        ("+43 1 5055041", "invalid_format"),
        ("0664 1234567", "invalid_format"),
        ("+43 664 CALLNOW", "invalid_format"),
        ("+43 664 1234567\r\nBcc: +43 664 7654321", "invalid_format"),
        (&"+43 664 1234567".repeat(4), "too_long"),
    ] {
        let refused = product.set_phone(&token, number).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{number}: {refused:?}");
        let error = (refused.text("/errors/0/pointer"), refused.text("/errors/0/code"));
        assert_eq!(error, ("/number".to_owned(), code.to_owned()), "{number}");
    }
    assert!(product.local("/messages").await["items"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_at_once_three_codes_are_sent_and_five_are_compared() {
    let product = Product::crowded().await;
    let token = product.sign_in(ADA).await.text("/access_token");
    let body = json!({ "number": NUMBER });
    let set = || {
        let request = product.request(Method::PUT, "/v1/me/phone").bearer_auth(&token);
        product.send(request.json(&body))
    };
    let answers = join_all((0..50).map(|_| set())).await;
    assert_eq!(statuses(&answers), BTreeMap::from([((202, ""), 3), ((429, "rate_limited"), 47)]));
    product.settle().await;
    let sent = product.texts(NUMBER).await.len();
    assert!((1..=3).contains(&sent), "a code that another has replaced need not be sent: {sent}");
    let code = product.texted(NUMBER).await;
    let answers = join_all((0..50).map(|_| product.verify_phone(&token, wrong(&code)))).await;
    assert!(answers.iter().all(|answer| !answer.status.is_success()));
    let late = product.verify_phone(&token, &code).await;
    assert!(["mfa_failed", "rate_limited"].contains(&late.problem()), "after five tries: {late:?}");
    assert_eq!(product.get("/v1/me", &token).await.body["phone"], Value::Null);
    // nobody else is kept from theirs: but of one number, and its neighbours, so many are too many
    let bob = product.sign_in("bob@example.com").await.text("/access_token");
    assert_eq!(product.set_phone(&bob, NUMBER).await.problem(), "rate_limited", "of this number");
    let set = product.set_phone(&bob, OTHER).await;
    assert_eq!(set.status, StatusCode::ACCEPTED, "{set:?}");
    product.advance(SignedDuration::from_hours(1)).await;
    let ada = product.sign_in(ADA).await.text("/access_token");
    product.set_phone(&ada, NUMBER).await;
    let code = product.texted(NUMBER).await;
    let answers = join_all((0..50).map(|_| product.verify_phone(&ada, &code))).await;
    let right = answers.iter().filter(|answer| answer.status.is_success()).count();
    assert!((1..=5).contains(&right), "{:?}", statuses(&answers));
    product.settle().await;
    let verified = product.events().await.into_iter().filter(|event| event == "phone.verified").count();
    assert_eq!(verified, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_has_five_tries_opens_one_session_and_strangers_use_up_nothing_of_the_owners() {
    let product = Product::crowded().await;
    product.with_sms().await;
    // what was sent so far counts no more
    product.advance(SignedDuration::from_secs(3601)).await;
    let half = product.half().await;
    assert_eq!(product.send_code(&half).await.status, StatusCode::ACCEPTED);
    let code = product.texted(NUMBER).await;
    let answers = join_all((0..50).map(|_| product.second(&half, "sms", &code))).await;
    let tokens: std::collections::BTreeSet<_> = answers
        .iter()
        .filter(|answer| answer.status.is_success())
        .map(|answer| answer.text("/tokens/access_token"))
        .collect();
    assert_eq!(tokens.len(), 1, "{:?}", statuses(&answers));
    let half = product.half().await;
    product.send_code(&half).await;
    let code = product.texted(NUMBER).await;
    let answers = join_all((0..50).map(|_| product.second(&half, "sms", wrong(&code)))).await;
    assert!(answers.iter().all(|answer| !answer.status.is_success()));
    let late = product.second(&half, "sms", &code).await;
    assert!(!late.status.is_success(), "after five tries: {late:?}");
    // somebody elsewhere, who knows the password
    let body = json!({ "email": ADA, "password": GOOD });
    let stranger = product.post_from(7, "/v1/auth/password/verify", &body).await.text("/challenge/token");
    let sent = join_all((0..20).map(|_| product.post_nothing("/v1/auth/mfa/codes", &stranger))).await;
    assert_eq!(statuses(&sent), BTreeMap::from([((202, ""), 3), ((429, "rate_limited"), 17)]));
    product.settle().await;
    let half = product.half().await;
    assert_eq!(product.send_code(&half).await.status, StatusCode::ACCEPTED, "the third of the owner's");
    let session = product.second(&half, "sms", &product.texted(NUMBER).await).await;
    assert_eq!(session.text("/status"), "complete", "{session:?}");
    let forged = format!("ghs_{}", "A".repeat(86));
    for token in [forged.as_str(), "ghs_x"] {
        assert_eq!(product.send_code(token).await.problem(), "session_ended");
    }
}

/// The number stands where the person does, and the code nowhere: not in the table, the events, the queues or
/// the logs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_code_and_no_number_lies_about() {
    let product = Product::logged("{}", "1000").await;
    let token = product.registered(ADA, GOOD).await.text("/access_token");
    product.with_phone(&token, NUMBER).await;
    product.set_up_sms(&token, NUMBER).await;
    let half = product.half().await;
    product.send_code(&half).await;
    let texts = product.texts(NUMBER).await;
    let codes: Vec<_> = texts.iter().map(|text| text["text"].as_str().unwrap()[..6].to_owned()).collect();
    assert_eq!(codes.len(), 3);
    let digits = &NUMBER[1..];
    let holds =
        |text: &str| text.contains(digits) || codes.iter().any(|code| text.contains(&format!("\"{code}")));
    for item in stored::items(&product).await {
        let of_person = ["user", "sms_code"].contains(&item["kind"].as_str().unwrap());
        let text = item.to_string();
        assert!(of_person || !text.contains(digits), "{text}");
        assert!(!codes.iter().any(|code| text.contains(&format!("\"{code}\""))), "{text}");
    }
    let events = product.local("/events").await.to_string();
    assert!(events.contains("sms_code.requested") && !holds(&events));
    let mut lines = 0;
    for invocation in product.cloud.invocations(None) {
        lines += invocation.log.len();
        let log = serde_json::to_string(&invocation.log).unwrap();
        assert!(!log.contains(digits) && !codes.iter().any(|code| log.contains(code.as_str())), "{log}");
        let is_worker = !invocation.function.starts_with("api-");
        assert!(!is_worker || !holds(&invocation.event.to_string()), "{invocation:?}");
    }
    assert!(lines > 3, "{lines} lines of logs");
    let mails = product.local("/mails").await.to_string();
    assert!(mails.contains("••••67") && !holds(&mails));
}

/// SMS that are asked for beyond what a day has room for are not sent, and somebody is told before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_of_the_deployment_has_an_end_and_its_halves_are_apart() {
    let product = Product::logged("{}", "4").await;
    let mut people = Vec::new();
    for number in 1..=3 {
        people.push(product.sign_in(&format!("person{number}@example.com")).await.text("/access_token"));
    }
    product.with_phone(&people[0], "+436641000001").await;
    product.with_phone(&people[1], "+436642000001").await;
    let full = product.set_phone(&people[2], "+436643000001").await;
    assert_eq!((full.status, full.problem()), (StatusCode::TOO_MANY_REQUESTS, "rate_limited"));
    let (_, confirmed) = product.set_up_sms(&people[0], "+436641000001").await;
    assert_eq!(confirmed.status, StatusCode::OK, "who has a phone still gets codes");
    let told = product.cloud.invocations(Some("api-account"));
    let told = told.iter().flat_map(|one| &one.log).filter(|line| line.text.contains("sms_cap_near")).count();
    assert_eq!(told, 2, "the alarm counts these lines: of the last one, and of one too many");
    product.advance(SignedDuration::from_hours(24)).await;
    let carla = product.sign_in("person3@example.com").await.text("/access_token");
    assert_eq!(product.set_phone(&carla, "+436643000001").await.status, StatusCode::ACCEPTED);
}

//! Passkeys, with a software authenticator that others wrote in the place of browser and device.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::future::join_all;
use jiff::SignedDuration;
use passkey::{
    authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod},
    client::{Client, DefaultClientData, DefaultClientDataWithCustomHash},
    crypto::rust_crypto::RustCryptoBackend,
    types::{Passkey, ctap2::Aaguid, ctap2::Ctap2Error},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;
use url::Url;

use crate::{product::Product, stored};

pub(crate) const ADA: &str = "ada@example.com";
pub(crate) const EVE: &str = "eve@example.com";
const GOOD: &str = "four words nobody guesses";
pub(crate) const VERIFY: &str = "/v1/auth/passkeys/verify";

/// A hand that does what it is asked to.
struct Hand;

#[async_trait]
impl UserValidationMethod for Hand {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        _: UiHint<'a, Passkey>,
        presence: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck { presence, verification })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

/// A browser with a device that holds one passkey.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) passkey: Option<Passkey>,
    /// Whether the passkey counts how often it is used.
    counts: bool,
    pub(crate) origin: Url,
}

impl Device {
    pub(crate) fn new(product: &Product) -> Self {
        Self { passkey: None, counts: false, origin: product.cloud.api_url().parse().unwrap() }
    }

    fn counting(product: &Product) -> Self {
        Self { counts: true, ..Self::new(product) }
    }

    fn authenticator(&self) -> Authenticator<Option<Passkey>, Hand, RustCryptoBackend> {
        let mut authenticator =
            Authenticator::new(Aaguid::new_empty(), self.passkey.clone(), Hand, RustCryptoBackend);
        authenticator.set_make_credentials_with_signature_counter(self.counts);
        authenticator
    }

    /// `navigator.credentials.create()`.
    pub(crate) async fn create(&mut self, options: &Value) -> Value {
        let mut client = Client::new(self.authenticator()).allows_insecure_localhost(true);
        let request = serde_json::from_value(json!({ "publicKey": options })).unwrap();
        let made = client.register(&self.origin, request, DefaultClientData).await.unwrap();
        self.passkey.clone_from(client.authenticator().store());
        serde_json::to_value(made).unwrap()
    }

    /// `navigator.credentials.get()`.
    pub(crate) async fn get(&mut self, options: &Value) -> Value {
        let mut client = Client::new(self.authenticator()).allows_insecure_localhost(true);
        let request = serde_json::from_value(json!({ "publicKey": options })).unwrap();
        let shown = client.authenticate(&self.origin, request, DefaultClientData).await.unwrap();
        self.passkey.clone_from(client.authenticator().store());
        serde_json::to_value(shown).unwrap()
    }

    /// The same on a page of the domain `host`, which signs this as what the browser says of it.
    pub(crate) async fn lie(&self, options: &Value, host: &str, client_data: &Value) -> Value {
        let text = client_data.to_string();
        let mut options = options.clone();
        options["rpId"] = json!(host);
        let hash = digest(&SHA256, text.as_bytes()).as_ref().to_vec();
        let origin = format!("https://{host}").parse::<Url>().unwrap();
        let mut client = Client::new(self.authenticator()).allows_insecure_localhost(true);
        let request = serde_json::from_value(json!({ "publicKey": options })).unwrap();
        let shown = client.authenticate(&origin, request, DefaultClientDataWithCustomHash(hash)).await;
        let mut shown = serde_json::to_value(shown.unwrap()).unwrap();
        shown["response"]["clientDataJSON"] = json!(URL_SAFE_NO_PAD.encode(text));
        shown
    }
}

impl Product {
    pub(crate) async fn passkey_options(&self, email: Option<&str>) -> Answer {
        let body = email.map_or_else(|| json!({}), |email| json!({ "email": email }));
        let options = self.post("/v1/auth/passkeys/options", &body).await;
        assert_eq!(options.status, StatusCode::OK, "{options:?}");
        options
    }

    /// Adds what the device makes to the account.
    pub(crate) async fn add_passkey(&self, device: &mut Device, token: &str, name: &str) -> Answer {
        let options = self.post_nothing("/v1/me/passkeys/options", token).await;
        assert_eq!(options.status, StatusCode::OK, "{options:?}");
        let credential = device.create(&options.body["public_key"]).await;
        self.post_as("/v1/me/passkeys", token, &new(&options, &credential, name)).await
    }

    /// Ada with a passkey: the device, and the token of her session.
    pub(crate) async fn with_passkey(&self, email: &str) -> (Device, String) {
        let token = self.sign_in(email).await.text("/access_token");
        let mut device = Device::new(self);
        let added = self.add_passkey(&mut device, &token, "My laptop").await;
        assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
        (device, token)
    }

    /// The same with a device whose passkey counts how often it is used: no two proofs are the same.
    pub(crate) async fn with_counting_passkey(&self, email: &str) -> (Device, String) {
        let token = self.sign_in(email).await.text("/access_token");
        let mut device = Device::counting(self);
        assert_eq!(self.add_passkey(&mut device, &token, "Key").await.status, StatusCode::CREATED);
        (device, token)
    }

    /// Signs in with what is on the device.
    pub(crate) async fn sign_in_by(&self, device: &mut Device, email: Option<&str>) -> Answer {
        let options = self.passkey_options(email).await;
        let credential = device.get(&options.body["public_key"]).await;
        self.post(VERIFY, &proof(&options, &credential)).await
    }

    pub(crate) async fn comes_in(&self, device: &mut Device, email: Option<&str>) {
        let session = self.sign_in_by(device, email).await;
        assert_eq!(session.body["status"], "complete", "{session:?}");
    }
}

pub(crate) fn proof(options: &Answer, credential: &Value) -> Value {
    json!({ "ceremony_token": options.text("/ceremony_token"), "credential": credential })
}

pub(crate) fn new(options: &Answer, credential: &Value, name: &str) -> Value {
    json!({ "ceremony_token": options.text("/ceremony_token"), "credential": credential, "name": name })
}

pub(crate) fn second(options: &Answer, credential: &Value) -> Value {
    let token = options.text("/ceremony_token");
    json!({ "method": "passkey", "ceremony_token": token, "credential": credential })
}

pub(crate) fn ids(options: &Answer) -> BTreeSet<String> {
    let list = options.body["public_key"]["allowCredentials"].as_array().unwrap();
    list.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_signs_in_with_and_without_a_name_and_is_two_factors() {
    let product = Product::start().await;
    let (mut device, token) = product.with_passkey(ADA).await;
    for email in [None, Some(ADA)] {
        let session = product.sign_in_by(&mut device, email).await.tokens();
        let access = session.text("/access_token");
        assert_eq!(product.get("/v1/me", &access).await.text("/email"), ADA);
        let claims = access.split('.').nth(1).unwrap();
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert_eq!((&claims["acr"], &claims["amr"]), (&json!("aal2"), &json!(["pop", "mfa"])));
        let sessions = product.get("/v1/me/sessions", &access).await;
        assert_eq!(sessions.text("/items/0/method"), "passkey", "{sessions:?}");
    }
    let listed = product.get("/v1/me/passkeys", &token).await;
    assert_eq!(listed.text("/items/0/name"), "My laptop");
    assert!(listed.body["items"][0]["last_used_at"].is_string(), "{listed:?}");
    product.settle().await;
    let mails = product.subjects(ADA).await;
    assert!(mails.iter().any(|subject| subject.starts_with("A passkey was added")), "{mails:?}");
    let events = product.events().await;
    assert!(events.iter().any(|event| event == "passkey.added"), "{events:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_is_asked_for_a_passkey_that_verifies_and_is_found_without_a_name() {
    let product = Product::start().await;
    let (_, token) = product.with_passkey(ADA).await;
    let hosted = product.request(Method::POST, "/v1/me/passkeys/options").bearer_auth(&token);
    let options = product.send(hosted.header("x-forwarded-host", "evil.example")).await;
    let asked = &options.body["public_key"];
    assert_eq!(asked["rp"], json!({ "id": "localhost", "name": "Gantry" }));
    let selection = &asked["authenticatorSelection"];
    assert_eq!(selection["residentKey"], "required", "{selection}");
    assert_eq!(selection["requireResidentKey"], true);
    assert_eq!(selection["userVerification"], "required");
    assert_eq!(asked["attestation"], "none");
    assert_eq!((&asked["timeout"], &options.body["expires_in"]), (&json!(300_000), &json!(300)));
    assert_eq!(asked["excludeCredentials"].as_array().map(Vec::len), Some(1));
    assert_eq!(asked["user"]["name"], ADA);
    let options = product.passkey_options(None).await;
    let asked = &options.body["public_key"];
    assert_eq!((&asked["rpId"], &asked["userVerification"]), (&json!("localhost"), &json!("required")));
    assert_eq!(asked["allowCredentials"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_ten_at_most_however_many_are_added_at_once() {
    let product = Product::crowded().await;
    let (_, token) = product.with_passkey(ADA).await;
    let mut bodies = Vec::new();
    for number in 0..14 {
        let options = product.post_nothing("/v1/me/passkeys/options", &token).await;
        let credential = Device::new(&product).create(&options.body["public_key"]).await;
        bodies.push(new(&options, &credential, &format!("Number {number}")));
    }
    let answers = join_all(bodies.iter().map(|body| product.post_as("/v1/me/passkeys", &token, body))).await;
    let added = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    for refused in answers.iter().filter(|answer| answer.status != StatusCode::CREATED) {
        assert!(["too_many_passkeys", "unavailable"].contains(&refused.problem()), "{refused:?}");
    }
    product.settle().await;
    let mut listed = product.get("/v1/me/passkeys?limit=3", &token).await;
    let mut names = BTreeSet::new();
    loop {
        for item in listed.body["items"].as_array().unwrap() {
            assert!(names.insert(item["name"].to_string()), "{listed:?}");
        }
        let Some(cursor) = listed.body["next_cursor"].as_str() else { break };
        listed = product.get(&format!("/v1/me/passkeys?limit=3&cursor={cursor}"), &token).await;
    }
    assert_eq!(names.len(), added + 1);
    assert!(names.len() <= 10);
    if names.len() == 10 {
        let full = product.post_nothing("/v1/me/passkeys/options", &token).await;
        assert_eq!(full.problem(), "too_many_passkeys");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_is_added_once_and_belongs_to_one_person() {
    let product = Product::start().await;
    let token = product.sign_in(ADA).await.text("/access_token");
    let eve = product.sign_in(EVE).await.text("/access_token");
    let options = product.post_nothing("/v1/me/passkeys/options", &token).await;
    let mut device = Device::new(&product);
    let credential = device.create(&options.body["public_key"]).await;
    let body = new(&options, &credential, "My laptop");
    let first = product.post_as("/v1/me/passkeys", &token, &body).await;
    assert_eq!(first.headers["location"], format!("/v1/me/passkeys/{}", first.text("/id")));
    let again = product.post_as("/v1/me/passkeys", &token, &body).await;
    assert_eq!(
        (again.status, again.text("/id")),
        (StatusCode::CREATED, first.text("/id")),
        "the answer was lost"
    );
    let other = Device::new(&product).create(&options.body["public_key"]).await;
    let spent = product.post_as("/v1/me/passkeys", &token, &new(&options, &other, "x")).await;
    assert_eq!(
        (spent.text("/errors/0/pointer"), spent.text("/errors/0/code")),
        ("/credential".to_owned(), "invalid_proof".to_owned())
    );
    // the same credential, offered by somebody else in an answer of its own
    let options = product.post_nothing("/v1/me/passkeys/options", &eve).await;
    let mut stolen = Device::new(&product).create(&options.body["public_key"]).await;
    stolen["id"] = credential["id"].clone();
    stolen["rawId"] = credential["rawId"].clone();
    for (id, name) in [(&stolen, "not what was signed"), (&credential, "not what was asked")] {
        let refused = product.post_as("/v1/me/passkeys", &eve, &new(&options, id, name)).await;
        assert_eq!(refused.text("/errors/0/code"), "invalid_proof", "{name}: {refused:?}");
    }
    // a device that verified nobody
    let mut careless = options.body["public_key"].clone();
    careless["authenticatorSelection"]["userVerification"] = json!("discouraged");
    let unverified = Device::new(&product).create(&careless).await;
    let refused = product.post_as("/v1/me/passkeys", &eve, &new(&options, &unverified, "x")).await;
    assert_eq!(refused.text("/errors/0/code"), "invalid_proof");
    // one that is found by its name only
    let mut bound = Device::new(&product).create(&options.body["public_key"]).await;
    bound["clientExtensionResults"] = json!({ "credProps": { "rk": false } });
    let refused = product.post_as("/v1/me/passkeys", &eve, &new(&options, &bound, "x")).await;
    assert_eq!(refused.text("/errors/0/code"), "invalid_proof");
    // Ada's is none of Eve's
    let path = format!("/v1/me/passkeys/{}", first.text("/id"));
    let rename = product.request(Method::PATCH, &path).bearer_auth(&eve).json(&json!({ "name": "Mine" }));
    assert_eq!(product.send(rename).await.problem(), "not_found");
    assert_eq!(product.delete(&path, &eve).await.status, StatusCode::NO_CONTENT, "as of one that is nowhere");
    assert_eq!(product.get("/v1/me/passkeys", &eve).await.body["items"], json!([]));
    let rename =
        product.request(Method::PATCH, &path).bearer_auth(&token).json(&json!({ "name": "Old laptop" }));
    assert_eq!(product.send(rename).await.text("/name"), "Old laptop");
    product.comes_in(&mut device, Some(ADA)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_that_is_removed_takes_its_sessions_along() {
    let product = Product::start().await;
    let (mut device, token) = product.with_passkey(ADA).await;
    let other = product.sign_in_by(&mut device, None).await.tokens().text("/access_token");
    let id = product.get("/v1/me/passkeys", &token).await.text("/items/0/id");
    let path = format!("/v1/me/passkeys/{id}");
    for _ in 0..2 {
        assert_eq!(product.delete(&path, &token).await.status, StatusCode::NO_CONTENT);
    }
    product.settle().await;
    assert_eq!(product.get("/v1/me", &other).await.problem(), "session_ended");
    assert_eq!(product.get("/v1/me", &token).await.status, StatusCode::OK);
    assert_eq!(product.sign_in_by(&mut device, None).await.problem(), "login_failed");
    let subjects = product.subjects(ADA).await;
    assert!(subjects.iter().any(|subject| subject.starts_with("A passkey was removed")), "{subjects:?}");
    product.advance(SignedDuration::from_secs(601)).await;
    assert_eq!(product.delete(&path, &token).await.problem(), "step_up_required");
    // the same credential may be added again
    let options = {
        let fresh = product.sign_in(ADA).await.text("/access_token");
        product.post_nothing("/v1/me/passkeys/options", &fresh).await
    };
    assert_eq!(options.body["public_key"]["excludeCredentials"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_is_a_second_factor_and_shows_once_more_who_somebody_is() {
    let product = Product::start().await;
    let token = product.registered(ADA, GOOD).await.text("/access_token");
    let mut device = Device::new(&product);
    assert_eq!(product.add_passkey(&mut device, &token, "Key").await.status, StatusCode::CREATED);
    // alone it closes no other way
    let body = json!({ "email": ADA, "password": GOOD });
    let plain = product.post("/v1/auth/password/verify", &body).await.tokens().text("/access_token");
    let (secret, _) = product.set_up(&token).await;
    // a password alone adds none from now on
    let refused = product.add_passkey(&mut Device::new(&product), &plain, "Eve's").await;
    assert_eq!(refused.problem(), "mfa_failed", "{refused:?}");
    let half = product.half().await;
    let shown = product.get("/v1/auth/mfa", &half).await;
    assert_eq!(shown.body["methods"], json!(["passkey", "totp", "recovery_code"]), "{shown:?}");
    let options = product.post_nothing("/v1/auth/mfa/passkeys/options", &half).await;
    assert_eq!(ids(&options).len(), 1);
    let credential = device.get(&options.body["public_key"]).await;
    // of another login, and without what belongs to it
    let other = product.half().await;
    let wrong = product.post_as("/v1/auth/mfa/verify", &other, &second(&options, &credential)).await;
    assert_eq!(wrong.problem(), "mfa_failed");
    for body in [
        json!({ "method": "passkey", "code": "314159" }),
        json!({ "method": "passkey", "ceremony_token": "x" }),
        json!({ "method": "totp", "credential": credential, "ceremony_token": "x" }),
        json!({ "method": "totp" }),
    ] {
        assert_eq!(product.post_as("/v1/auth/mfa/verify", &half, &body).await.problem(), "invalid_request");
    }
    let session = product.post_as("/v1/auth/mfa/verify", &half, &second(&options, &credential)).await;
    let again = product.post_as("/v1/auth/mfa/verify", &half, &second(&options, &credential)).await;
    assert_eq!(session.text("/tokens/session_id"), again.text("/tokens/session_id"));
    let access = session.tokens().text("/access_token");
    // an hour later
    product.advance(SignedDuration::from_secs(800)).await;
    let refused = product.post_nothing("/v1/me/passkeys/options", &access).await;
    assert_eq!(refused.problem(), "step_up_required");
    let options = product.post_nothing("/v1/auth/mfa/passkeys/options", &access).await;
    let credential = device.get(&options.body["public_key"]).await;
    let stepped = product.post_as("/v1/auth/step-up/verify", &access, &second(&options, &credential)).await;
    assert_eq!(stepped.status, StatusCode::OK, "{stepped:?}");
    let again = product.post_as("/v1/auth/step-up/verify", &access, &second(&options, &credential)).await;
    assert_eq!(again.problem(), "mfa_failed", "its challenge is used up");
    let fresh = stepped.text("/access_token");
    assert_eq!(product.post_nothing("/v1/me/passkeys/options", &fresh).await.status, StatusCode::OK);
    // the app is removed, and the recovery codes stay for the passkey's sake
    let mfa = product.get("/v1/me/mfa", &fresh).await;
    let factor = format!("/v1/me/mfa/factors/{}", mfa.text("/factors/0/id"));
    assert_eq!(product.delete(&factor, &fresh).await.status, StatusCode::NO_CONTENT);
    product.settle().await;
    assert_eq!(product.get("/v1/me/mfa", &fresh).await.body["recovery_codes_left"], 10);
    assert!(!secret.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_that_asks_for_a_second_factor_takes_a_passkey() {
    let product = Product::start().await;
    let (token, org_id) = product.owner(ADA, "acme").await;
    let mut device = Device::new(&product);
    assert_eq!(product.add_passkey(&mut device, &token, "Key").await.status, StatusCode::CREATED);
    // the session has shown it from now on
    let switched = product.post_as("/v1/auth/switch-org", &token, &json!({ "org_id": org_id })).await;
    let proved = switched.tokens().text("/access_token");
    let before = product.sign_in(ADA).await.text("/access_token");
    let required = product.require(&proved, json!({ "mode": "required", "grace_ends_at": null })).await;
    assert_eq!(required.status, StatusCode::OK, "{required:?}");
    // a session from before, by mail alone, makes itself no other factor, and takes none away
    let app = product.post_as("/v1/me/mfa/factors", &before, &json!({ "kind": "totp" })).await;
    let codes = product.post_nothing("/v1/me/mfa/recovery-codes", &before).await;
    let another = product.add_passkey(&mut Device::new(&product), &before, "Another").await;
    let id = product.get("/v1/me/passkeys", &before).await.text("/items/0/id");
    let removed = product.delete(&format!("/v1/me/passkeys/{id}"), &before).await;
    for refused in [app, codes, another, removed] {
        assert_eq!((refused.status, refused.problem()), (StatusCode::UNAUTHORIZED, "mfa_failed"));
    }
    // a login by mail lacks it, and takes the passkey: nobody who has one is asked to set up another thing
    let mail = product.post("/v1/auth/magic-links", &json!({ "email": ADA })).await;
    product.settle().await;
    let link = json!({ "token": product.link(ADA).await, "browser_token": mail.text("/browser_token") });
    let half = product.post("/v1/auth/magic-links/verify", &link).await;
    assert_eq!(half.text("/status"), "mfa_required");
    assert_eq!(half.body["challenge"]["methods"], json!(["passkey"]));
    let half = half.text("/challenge/token");
    let refused = product.post_nothing("/v1/me/passkeys/options", &half).await;
    assert_eq!(refused.problem(), "mfa_failed", "none is added in the place of the one that is asked for");
    let options = product.post_nothing("/v1/auth/mfa/passkeys/options", &half).await;
    let credential = device.get(&options.body["public_key"]).await;
    let session =
        product.post_as("/v1/auth/mfa/verify", &half, &second(&options, &credential)).await.tokens();
    assert_eq!(session.text("/org_id"), org_id);
    // a passkey alone is enough, on every way
    let session = product.sign_in_by(&mut device, None).await.tokens();
    assert_eq!(session.text("/org_id"), org_id);
    let access = session.text("/access_token");
    // the last factor stays as long as it is asked for
    let id = product.get("/v1/me/passkeys", &access).await.text("/items/0/id");
    let kept = product.delete(&format!("/v1/me/passkeys/{id}"), &access).await;
    assert_eq!((kept.status, kept.problem()), (StatusCode::CONFLICT, "last_factor"));
    let mut second_device = Device::new(&product);
    assert_eq!(product.add_passkey(&mut second_device, &access, "Two").await.status, StatusCode::CREATED);
    assert_eq!(
        product.delete(&format!("/v1/me/passkeys/{id}"), &access).await.status,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_lacks_a_factor_is_completed_by_a_new_passkey() {
    let product = Product::start().await;
    let (token, _) = product.owner(ADA, "acme").await;
    // asked for by the organization, from now on
    let now = product.cloud.clock().now();
    let grace_ends_at = (now + SignedDuration::from_hours(1)).to_string();
    let required =
        product.require(&token, json!({ "mode": "required", "grace_ends_at": grace_ends_at })).await;
    assert_eq!(required.status, StatusCode::OK, "{required:?}");
    product.advance(SignedDuration::from_hours(2)).await;
    let mail = product.post("/v1/auth/magic-links", &json!({ "email": ADA })).await;
    product.settle().await;
    let link = json!({ "token": product.link(ADA).await, "browser_token": mail.text("/browser_token") });
    let half = product.post("/v1/auth/magic-links/verify", &link).await;
    assert_eq!(half.text("/status"), "mfa_enrollment_required");
    let half = half.text("/challenge/token");
    let mut device = Device::new(&product);
    let added = product.add_passkey(&mut device, &half, "Key").await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    let session = product.post_nothing("/v1/auth/complete", &half).await;
    assert_eq!(session.text("/status"), "complete", "{session:?}");
    let used = product.post_nothing("/v1/me/passkeys/options", &half).await;
    assert_eq!(used.problem(), "session_ended");
    product.comes_in(&mut device, Some(ADA)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_a_passkey_when_its_person_is_erased() {
    let product = Product::start().await;
    let (mut device, token) = product.with_passkey(ADA).await;
    product.comes_in(&mut device, None).await;
    let kinds = async || {
        let items = stored::items(&product).await;
        let kinds = items.iter().map(|item| item["kind"].as_str().unwrap().to_owned());
        kinds.filter(|kind| kind.starts_with("passkey")).collect::<BTreeSet<_>>()
    };
    assert_eq!(kinds().await, ["passkey", "passkey_owner"].map(str::to_owned).into());
    assert_eq!(product.delete("/v1/me", &token).await.status, StatusCode::NO_CONTENT);
    product.settle().await;
    product.jump(SignedDuration::from_hours(7 * 24 + 1)).await;
    product.advance(SignedDuration::from_hours(1)).await;
    assert!(kinds().await.is_empty());
    assert_eq!(product.sign_in_by(&mut device, None).await.problem(), "login_failed");
}

//! Secrets rotate while people sign in, have sessions and turn pages, and nobody notices.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::future::join_all;
use jiff::SignedDuration;
use lambda_host::{Context, Function, LambdaEvent};
use local::functions::build;
use primitives::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::template::{Template, target};

use crate::{
    crashes::request,
    oauth::known,
    product::Product,
    sso::{Acme, VERIFY},
    stored,
};

const ADA: &str = "ada@example.com";

/// The secrets that the template rotates.
pub(crate) fn rotated() -> Vec<String> {
    let template = Template::of_repository();
    let schedules = template.of_type("AWS::SecretsManager::RotationSchedule");
    schedules.filter_map(|schedule| Some(target(schedule.property("SecretId"))?.to_owned())).collect()
}

/// Those that it rotates within this many days.
fn rotated_within(days: i64) -> Vec<String> {
    let template = Template::of_repository();
    let schedules = template.of_type("AWS::SecretsManager::RotationSchedule");
    let soon = schedules.filter(|schedule| {
        schedule.property("RotationRules")["AutomaticallyAfterDays"]
            .as_i64()
            .is_some_and(|after| after <= days)
    });
    soon.filter_map(|schedule| Some(target(schedule.property("SecretId"))?.to_owned())).collect()
}

impl Product {
    /// Rotates a secret as Secrets Manager does, by the function; gives the id of the new version.
    pub(crate) async fn rotate(&self, secret: &str) -> String {
        let answer = self.local_post(&format!("/secrets/{secret}/rotate"), &json!({})).await;
        answer["version"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// The labels of a secret's versions, newest version first.
    pub(crate) async fn labels(&self, secret: &str) -> Vec<(String, Value)> {
        let secrets = self.local("/secrets").await;
        let secret = secrets["items"].as_array().unwrap().iter().find(|each| each["name"] == secret).unwrap();
        let versions = secret["versions"].as_array().unwrap().iter();
        versions.map(|each| (each["id"].as_str().unwrap().to_owned(), each["labels"].clone())).collect()
    }

    /// Makes the version before the current one again, as somebody does who regrets a rotation.
    async fn take_back(&self, secret: &str) {
        let versions = self.labels(secret).await;
        let labelled = |label: &str| {
            let mut with =
                versions.iter().filter(|(_, labels)| labels.as_array().unwrap().contains(&json!(label)));
            with.next().unwrap_or_else(|| panic!("no version of {secret} is {label}")).0.clone()
        };
        let body = json!({
            "SecretId": secret,
            "VersionStage": "AWSCURRENT",
            "MoveToVersionId": labelled("AWSPREVIOUS"),
            "RemoveFromVersionId": labelled("AWSCURRENT"),
        });
        let request = reqwest::Client::new().post(self.cloud.aws_url()).json(&body);
        let answer =
            self.send(request.header("x-amz-target", "secretsmanager.UpdateSecretVersionStage")).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }

    pub(crate) fn value(&self, secret: &str) -> String {
        self.cloud.inspect(|state| {
            let mut secrets = state.secrets.values();
            secrets.find(|each| each.name == secret).unwrap().current().unwrap().to_owned()
        })
    }

    /// One more instance of a function beside the product's own: it reads its secrets anew.
    async fn instance(&self, function: &str) -> Function {
        let environment = self.cloud.template().functions[function].environment.clone();
        let offset = self.cloud.clock().shared_offset();
        build(function, environment, Clock::shifted(offset), None).await.unwrap().1
    }

    async fn refresh(&self, token: &str) -> system_tests::answer::Answer {
        self.post("/v1/auth/refresh", &json!({ "refresh_token": token })).await
    }
}

async fn invoke(function: &Function, event: Value) -> Value {
    function.invoke(LambdaEvent::new(event, Context::default())).await.unwrap()
}

/// A request to one instance, and its answer's body.
async fn post(instance: &Function, path: &str, body: &Value) -> Value {
    let headers = [("content-type", "application/json")];
    let answer = invoke(instance, request("POST", path, &headers, &body.to_string())).await;
    assert!(answer["statusCode"].as_u64().unwrap() < 300, "{answer}");
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_makes_a_new_key_current_and_keeps_the_one_before() {
    let product = Product::start().await;
    for secret in &rotated() {
        let before = product.labels(secret).await;
        let first = product.value(secret);
        let version = product.rotate(secret).await;
        let after = product.labels(secret).await;
        assert_eq!(after[0], (version, json!(["AWSCURRENT", "AWSPENDING"])), "{secret}");
        assert_eq!(after[1..], [(before[0].0.clone(), json!(["AWSPREVIOUS"]))], "{secret}");
        let second: Value = serde_json::from_str(&product.value(secret)).unwrap();
        assert!(second["key"].as_str().unwrap().len() >= 43, "256 bits in base64");
        assert_ne!(product.value(secret), first);
        assert_eq!(product.rotate(secret).await, product.labels(secret).await[0].0, "and again");
        assert_eq!(product.labels(secret).await.len(), 2, "of three versions two are kept");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_rotate_by_themselves() {
    let product = Product::start().await;
    let rotated = rotated_within(90);
    assert!(rotated.len() >= 3, "{rotated:?}");
    let first: Vec<_> = rotated.iter().map(|secret| product.value(secret)).collect();
    product.jump(SignedDuration::from_hours(24 * 91)).await;
    for (secret, first) in rotated.iter().zip(first) {
        assert_ne!(product.value(secret), first, "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_people_hold_stops_working() {
    let product = Product::start().await;
    let (access, _) = product.owner(ADA, "acme").await;
    let session = product.sign_in(ADA).await;
    let asked = product.post("/v1/auth/magic-links", &json!({ "email": ADA })).await;
    product.settle().await;
    let (link, _) = product.proof(ADA).await;
    for (platform, token) in [("fcm", "ada-phone-token-0001"), ("fcm", "ada-tablet-token-0001")] {
        let device = json!({ "platform": platform, "token": token });
        let device = product.post_as("/v1/me/devices", &access, &device).await;
        assert_eq!(device.status, StatusCode::CREATED, "{device:?}");
    }
    let page = product.get("/v1/me/devices?limit=1", &access).await;
    let next = format!("/v1/me/devices?limit=1&cursor={}", page.text("/next_cursor"));
    for secret in &rotated() {
        product.rotate(secret).await;
    }
    // the instances have not noticed; then they have
    for _ in 0..2 {
        assert_eq!(product.get("/v1/me", &access).await.status, StatusCode::OK);
        let page = product.get(&next, &access).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        product.advance(SignedDuration::from_mins(6)).await;
    }
    let body = json!({ "token": link, "browser_token": asked.text("/browser_token") });
    let verified = product.post("/v1/auth/magic-links/verify", &body).await;
    assert_eq!(verified.status, StatusCode::OK, "{verified:?}");
    let refreshed = product.refresh(&session.text("/refresh_token")).await;
    assert_eq!(refreshed.status, StatusCode::OK, "{refreshed:?}");
    let keys = product.get("/.well-known/jwks.json", "").await;
    assert_eq!(keys.body["keys"].as_array().unwrap().len(), 2, "{keys:?}");
    for token in [&access, &refreshed.text("/access_token"), &verified.tokens().text("/access_token")] {
        assert_eq!(product.get("/v1/me", token).await.status, StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_two_rotations_the_oldest_key_is_refused() {
    let product = Product::start().await;
    let session = product.sign_in(ADA).await;
    product.rotate("SessionSecret").await;
    product.rotate("SessionSecret").await;
    product.advance(SignedDuration::from_mins(6)).await;
    let refused = product.refresh(&session.text("/refresh_token")).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::UNAUTHORIZED, "invalid_refresh_token"));
}

/// The product's own instances have read the secrets before the rotation, and do not read them again by
/// themselves for five minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_that_know_different_keys_serve_one_person() {
    let product = Product::start().await;
    let (access, _) = product.owner(ADA, "acme").await;
    for token in ["ada-phone-token-0001", "ada-tablet-token-0001"] {
        product.post_as("/v1/me/devices", &access, &json!({ "platform": "fcm", "token": token })).await;
    }
    product.get("/v1/me/devices", &access).await;
    for secret in &rotated() {
        product.rotate(secret).await;
    }
    let (auth, devices) = (product.instance("api-auth").await, product.instance("api-devices").await);

    // an older api-auth, a mail by an older queue-mail, a newer api-auth, and then the older one
    let asked = product.post("/v1/auth/magic-links", &json!({ "email": ADA })).await;
    product.settle().await;
    let (link, _) = product.proof(ADA).await;
    let body = json!({ "token": link, "browser_token": asked.text("/browser_token") });
    let session = post(&auth, "/v1/auth/magic-links/verify", &body).await["tokens"].take();
    let refreshed = product.refresh(session["refresh_token"].as_str().unwrap()).await;
    assert_eq!(refreshed.status, StatusCode::OK, "{refreshed:?}");

    // access tokens and cursors by a newer instance, at older ones
    let access = session["access_token"].as_str().unwrap();
    assert_eq!(product.get("/v1/orgs/current", access).await.status, StatusCode::OK);
    let bearer = format!("Bearer {access}");
    let mut first = request("GET", "/v1/me/devices", &[("authorization", &bearer)], "");
    first["queryStringParameters"] = json!({ "limit": "1" });
    first["multiValueQueryStringParameters"] = json!({ "limit": ["1"] });
    let page = invoke(&devices, first).await;
    let page: Value = serde_json::from_str(page["body"].as_str().unwrap()).unwrap();
    let cursor = page["next_cursor"].as_str().unwrap_or_else(|| panic!("{page}"));
    let page = product.get(&format!("/v1/me/devices?cursor={cursor}"), access).await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
}

/// The link's mail is written by a `queue-mail` that knows the new key, for an `api-auth` that does not: both
/// with the link and with the code.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_of_a_newer_worker_is_understood_by_an_older_api() {
    let product = Product::start().await;
    for by_code in [false, true] {
        // the older api-auth reads its keys
        product.sign_in(ADA).await;
        product.rotate("LinkSecret").await;
        let asked = product.post("/v1/auth/magic-links", &json!({ "email": "bob@example.com" })).await;
        product.settle().await;
        // what the product's own worker was given goes to a newer one, as a redelivery
        let event = product.cloud.invocations(Some("queue-mail")).into_iter().next().unwrap().event;
        let text = event.to_string().replace("evt_01", "evt_02");
        let worker = product.instance("queue-mail").await;
        let done = invoke(&worker, serde_json::from_str(&text).unwrap()).await;
        assert_eq!(done, json!({ "batchItemFailures": [] }));
        assert_eq!(product.mails("bob@example.com").await.len(), 2 + 2 * usize::from(by_code));
        let (link, code) = product.proof("bob@example.com").await;
        let browser = asked.text("/browser_token");
        let body = if by_code {
            json!({ "email": "bob@example.com", "code": code, "browser_token": browser })
        } else {
            json!({ "token": link, "browser_token": browser })
        };
        let verified = product.post("/v1/auth/magic-links/verify", &body).await;
        assert_eq!(verified.status, StatusCode::OK, "by code: {by_code}, {verified:?}");
        product.advance(SignedDuration::from_mins(6)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_refreshes_while_the_secret_rotates_and_is_read_again() {
    let product = Product::start().await;
    let session = product.sign_in(ADA).await;
    // the next use of the secret reads it again
    product.advance(SignedDuration::from_mins(6)).await;
    let token = session.text("/refresh_token");
    let refreshes = join_all((0..50).map(|_| product.refresh(&token)));
    let (answers, _) = futures::join!(refreshes, product.rotate("SessionSecret"));
    for answer in &answers {
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(product.get("/v1/me", &answer.text("/access_token")).await.status, StatusCode::OK);
    }
    let next = product.refresh(&answers[49].text("/refresh_token")).await;
    assert_eq!(next.status, StatusCode::OK, "{next:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_refreshes_over_a_mixed_fleet_leave_one_session_that_works() {
    let product = Product::start().await;
    let session = product.sign_in(ADA).await;
    product.rotate("SessionSecret").await;
    let newer = product.instance("api-auth").await;
    let token = session.text("/refresh_token");
    let body = json!({ "refresh_token": token });
    let older = join_all((0..25).map(|_| product.refresh(&token)));
    let newer = join_all((0..25).map(|_| post(&newer, "/v1/auth/refresh", &body)));
    let (older, newer) = futures::join!(older, newer);
    assert!(older.iter().all(|answer| answer.status == StatusCode::OK), "{older:?}");
    // tokens of the new key, at the instance that knew only the old one, all at once
    let next = newer[0]["refresh_token"].as_str().unwrap();
    let next = join_all((0..25).map(|_| product.refresh(next))).await;
    assert!(next.iter().all(|answer| answer.status == StatusCode::OK), "{next:?}");
    product.settle().await;
    let ended = product.events().await.into_iter().filter(|name| name == "session.revoked").count();
    assert_eq!(ended, 0);
}

/// A service that checks tokens by itself keeps the key set for as long as that says, and no longer. In each
/// minute around a rotation it knows the key of whatever is signed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_of_the_key_set_knows_the_key_of_every_token() {
    let product = Product::start().await;
    let session = product.sign_in(ADA).await;
    product.advance(SignedDuration::from_mins(20)).await;
    let mut refresh = session.text("/refresh_token");
    let mut caches: Vec<Vec<String>> = Vec::new();
    let mut signed_with = std::collections::BTreeSet::new();
    for minute in 0..30 {
        if minute == 6 {
            product.rotate("SessionSecret").await;
        }
        let set = product.get("/.well-known/jwks.json", "").await;
        assert_eq!(set.headers["cache-control"], "public, max-age=300");
        let kids =
            set.body["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned());
        caches.push(kids.collect());
        let next = product.refresh(&refresh).await;
        refresh = next.text("/refresh_token");
        let kid = kid(&next.text("/access_token"));
        for cache in caches.iter().rev().take(6) {
            assert!(
                cache.contains(&kid),
                "in minute {minute} a token is signed with a key that a cache lacks"
            );
        }
        signed_with.insert(kid);
        product.advance(SignedDuration::from_mins(1)).await;
    }
    assert_eq!(signed_with.len(), 2, "the new key is in use");
}

/// The name of the key that a token is signed with.
fn kid(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_issuer_can_be_found_by_its_name() {
    let product = Product::start().await;
    let own = product.sign_in(ADA).await;
    let token = own.text("/access_token");
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let request = product.request(Method::GET, "/.well-known/oauth-authorization-server");
    let metadata = product.send(request.header("origin", "https://somebody.example")).await;
    assert_eq!(
        (metadata.status, metadata.text("/issuer")),
        (StatusCode::OK, claims["iss"].as_str().unwrap().to_owned())
    );
    assert_eq!(metadata.text("/jwks_uri"), format!("{}/.well-known/jwks.json", metadata.text("/issuer")));
    for none in ["/response_types_supported", "/grant_types_supported"] {
        assert_eq!(metadata.body.pointer(none), Some(&json!([])), "{none}");
    }
    assert_eq!(metadata.headers["access-control-allow-origin"], "*");
    assert_eq!(metadata.headers["cache-control"], "public, max-age=300");
    assert_eq!(metadata.headers["content-type"], "application/json");
}

/// Tokens of the key that is in use are good for as long as it is, also when another took its place for a
/// while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_is_taken_back_costs_nobody_the_session() {
    let product = Product::start().await;
    let first = product.sign_in(ADA).await;
    for pause in [SignedDuration::from_mins(20), SignedDuration::from_hours(30)] {
        product.rotate("SessionSecret").await;
        product.advance(SignedDuration::from_mins(6)).await;
        product.sign_in(ADA).await;
        product.advance(pause).await;
        product.take_back("SessionSecret").await;
        for _ in 0..10 {
            product.advance(SignedDuration::from_mins(12)).await;
            let session = product.sign_in(ADA).await;
            let me = product.get("/v1/me", &session.text("/access_token")).await;
            assert_eq!(me.status, StatusCode::OK, "taken back after {pause}: {me:?}");
        }
    }
    let refreshed = product.refresh(&first.text("/refresh_token")).await;
    assert_eq!(refreshed.status, StatusCode::OK, "{refreshed:?}");
}

/// The secret by which an organization's provider knows us is read after each rotation, and sealed anew when
/// it is used: also by an instance that does not know the new key yet. Only two rotations without any use
/// lose it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_secret_of_a_provider_is_sealed_anew_with_each_key() {
    let product = Product::start().await;
    let acme = product.with_sso("acme", &json!({})).await;
    let sealed = async || {
        product.settle().await;
        let items = stored::items(&product).await;
        let connection = items.into_iter().find(|item| item["kind"] == "sso_connection").unwrap();
        connection["secret"].as_str().unwrap().to_owned()
    };
    let mut before = sealed().await;
    assert_eq!(product.by_sso("bob@acme.example").await.status, StatusCode::OK);
    assert_eq!(sealed().await, before, "it is with the current key");
    for _ in 0..3 {
        product.rotate("FactorSecret").await;
        // an instance from now on; those that run have not noticed
        let newer = product.instance("api-sso").await;
        let sent = product.sso_away("bob@acme.example").await;
        let back = product.there(&sent, known("bob@acme.example")).await;
        assert_eq!(post(&newer, VERIFY, &back).await["status"], "complete");
        let after = sealed().await;
        assert_ne!(after, before, "sealed anew");
        before = after;
        assert_eq!(product.by_sso("bob@acme.example").await.status, StatusCode::OK);
        assert_eq!(sealed().await, before, "once for each rotation");
        product.advance(SignedDuration::from_mins(6)).await;
    }
    assert!(!before.contains("local-sso-secret-of-nobody"));

    for _ in 0..2 {
        product.rotate("FactorSecret").await;
    }
    product.advance(SignedDuration::from_mins(6)).await;
    let lost = product.by_sso("bob@acme.example").await;
    assert_eq!((lost.status, lost.problem()), (StatusCode::INTERNAL_SERVER_ERROR, "internal"));
    let ada = product.sign_in("owner@acme.test").await.text("/access_token");
    let ada = product.within(&ada).await;
    let acme = Acme { ada, ..acme };
    let again = json!({ "client_secret": "local-sso-secret-of-nobody" });
    assert_eq!(product.change_sso(&acme, &again).await.status, StatusCode::OK);
    assert_eq!(product.by_sso("bob@acme.example").await.status, StatusCode::OK, "set once more, it works");
}

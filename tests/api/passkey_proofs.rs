//! What is no proof with a passkey, though it is signed: nobody comes in with it, and with a right one once.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::future::join_all;
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;
use test_support::Conflicts;

use crate::{
    passkeys::{ADA, Device, EVE, VERIFY, ids, new, proof, second},
    product::Product,
    stored,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_challenge_is_good_once_for_its_person_its_ceremony_and_five_minutes() {
    let product = Product::start().await;
    let (mut ada, token) = product.with_counting_passkey(ADA).await;
    let (mut eve, eves) = product.with_passkey(EVE).await;
    let refused = async |options: &Answer, credential: &Value| {
        let refused = product.post(VERIFY, &proof(options, credential)).await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::UNAUTHORIZED, "login_failed"));
    };
    let options = product.passkey_options(None).await;
    let credential = ada.get(&options.body["public_key"]).await;
    let first = product.post(VERIFY, &proof(&options, &credential)).await.tokens();
    let again = product.post(VERIFY, &proof(&options, &credential)).await.tokens();
    assert_eq!(first.text("/session_id"), again.text("/session_id"), "the answer was lost");
    assert_eq!(first.text("/refresh_token"), again.text("/refresh_token"));
    refused(&options, &ada.get(&options.body["public_key"]).await).await;
    refused(&options, &eve.get(&options.body["public_key"]).await).await;
    product.advance(SignedDuration::from_secs(61)).await;
    refused(&options, &credential).await;
    // another challenge than the one that was signed
    let other = product.passkey_options(None).await;
    refused(&other, &credential).await;
    // Ada's, answered by Eve
    let named = product.passkey_options(Some(ADA)).await;
    let mut open = named.body["public_key"].clone();
    open["allowCredentials"] = json!([]);
    refused(&named, &eve.get(&open).await).await;
    // one that was made for something else
    let to_add = product.post_nothing("/v1/me/passkeys/options", &token).await;
    let step_up = product.post_nothing("/v1/auth/mfa/passkeys/options", &token).await;
    refused(&step_up, &ada.get(&step_up.body["public_key"]).await).await;
    let challenge = json!({ "challenge": to_add.body["public_key"]["challenge"], "rpId": "localhost", "userVerification": "required" });
    refused(&to_add, &ada.get(&challenge).await).await;
    // a session's, with another session
    let step_up = product.post_nothing("/v1/auth/mfa/passkeys/options", &token).await;
    let credential = ada.get(&step_up.body["public_key"]).await;
    for other in [&eves, &product.sign_in(ADA).await.text("/access_token")] {
        let answer = product.post_as("/v1/auth/step-up/verify", other, &second(&step_up, &credential)).await;
        assert_eq!(answer.problem(), "mfa_failed", "{answer:?}");
    }
    let mut device = Device::new(&product);
    let credential = device.create(&to_add.body["public_key"]).await;
    let added = product.post_as("/v1/me/passkeys", &eves, &new(&to_add, &credential, "x")).await;
    assert_eq!(added.text("/errors/0/code"), "invalid_proof", "{added:?}");
    // one that is too old
    let late = product.passkey_options(None).await;
    let credential = ada.get(&late.body["public_key"]).await;
    product.advance(SignedDuration::from_secs(301)).await;
    refused(&late, &credential).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_wrong_with_a_proof_nobody_comes_in() {
    let product = Product::start().await;
    let (mut device, _) = product.with_passkey(ADA).await;
    let options = product.passkey_options(None).await;
    let asked = &options.body["public_key"];
    let origin = device.origin.origin().ascii_serialization();
    let said = json!({ "type": "webauthn.get", "challenge": asked["challenge"], "origin": origin, "crossOrigin": false });
    let with = |name: &str, value: Value| {
        let mut said = said.clone();
        said[name] = value;
        said
    };
    // signed, and not what was asked for
    for (host, client_data) in [
        ("evil.example", said.clone()),
        ("localhost", with("origin", json!("https://evil.example"))),
        ("localhost", with("origin", json!(format!("{origin}/")))),
        ("localhost", with("origin", json!("http://localhost"))),
        ("localhost", with("type", json!("webauthn.create"))),
        ("localhost", with("challenge", json!("AAAA"))),
        ("localhost", with("crossOrigin", json!(true))),
        ("localhost", with("topOrigin", json!("https://evil.example"))),
    ] {
        let credential = device.lie(asked, host, &client_data).await;
        let refused = product.post(VERIFY, &proof(&options, &credential)).await;
        assert_eq!(refused.problem(), "login_failed", "{host} {client_data}: {refused:?}");
    }
    let mut careless = asked.clone();
    careless["userVerification"] = json!("discouraged");
    let unverified = device.get(&careless).await;
    let refused = product.post(VERIFY, &proof(&options, &unverified)).await;
    assert_eq!(refused.problem(), "login_failed", "nobody was verified");
    // changed on the way
    let right = device.get(asked).await;
    for (pointer, value, expected) in [
        ("/response/signature", json!("AAAA"), "login_failed"),
        ("/response/authenticatorData", json!("AAAA"), "login_failed"),
        ("/response/clientDataJSON", json!("e30"), "login_failed"),
        ("/response/userHandle", json!(URL_SAFE_NO_PAD.encode([7; 16])), "login_failed"),
        ("/response/userHandle", json!("AAAA"), "login_failed"),
        ("/rawId", json!("AAAA"), "invalid_request"),
        ("/id", json!("AAAA"), "invalid_request"),
        ("/type", json!("password"), "invalid_request"),
        ("/response", json!({}), "invalid_request"),
        ("/response/signature", json!("A".repeat(200_000)), "invalid_request"),
    ] {
        let mut credential = right.clone();
        *credential.pointer_mut(pointer).unwrap() = value;
        let refused = product.post(VERIFY, &proof(&options, &credential)).await;
        assert_eq!(refused.problem(), expected, "{pointer}: {refused:?}");
    }
    let mut nameless = right.clone();
    nameless["response"]["userHandle"] = Value::Null;
    assert_eq!(product.post(VERIFY, &proof(&options, &nameless)).await.problem(), "login_failed");
    for token in ["x", "AAAA", &options.text("/ceremony_token")[1..]] {
        let body = json!({ "ceremony_token": token, "credential": right });
        assert_eq!(product.post(VERIFY, &body).await.problem(), "login_failed", "{token}");
    }
    let deep = format!("{{\"ceremony_token\":\"x\",\"credential\":{}", "{\"a\":".repeat(50_000));
    let request = product.request(Method::POST, VERIFY).header("content-type", "application/json");
    let refused = product.send(request.body(deep)).await;
    assert!(refused.status.is_client_error(), "{refused:?}");
    // and after all of that the right one comes in
    assert_eq!(product.post(VERIFY, &proof(&options, &right)).await.text("/status"), "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_that_goes_back_lets_nobody_in_and_is_told() {
    let product = Product::start().await;
    let (mut device, _) = product.with_counting_passkey(ADA).await;
    let mut copy = device.clone();
    for _ in 0..3 {
        product.comes_in(&mut device, None).await;
    }
    let options = product.passkey_options(None).await;
    let credential = copy.get(&options.body["public_key"]).await;
    for _ in 0..2 {
        let refused = product.post(VERIFY, &proof(&options, &credential)).await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::UNAUTHORIZED, "login_failed"));
    }
    product.settle().await;
    let events = product.events().await;
    let reversed = events.iter().filter(|event| *event == "passkey.counter_reversed").count();
    assert_eq!(reversed, 1, "once for each challenge: {events:?}");
    let mails = product.subjects(ADA).await;
    assert!(mails.iter().any(|subject| subject.contains("may have been copied")), "{mails:?}");
    product.comes_in(&mut device, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_proofs_for_one_challenge_make_one_session() {
    let conflicts = Conflicts::of(12, 20_261_123);
    let product = Product::with(
        move |_| Some(conflicts.http_client()),
        |mut options| {
            let policy = r#"{"passkey_challenges_per_client_per_minute":1000}"#;
            options.environment.insert("IDENTITY_POLICY".to_owned(), policy.to_owned());
            options
        },
    );
    let product = product.await;
    let (mut device, token) = product.with_counting_passkey(ADA).await;
    product.settle().await;
    let options = product.passkey_options(None).await;
    let mut bodies = Vec::new();
    for _ in 0..5 {
        let credential = device.get(&options.body["public_key"]).await;
        bodies.push(proof(&options, &credential));
    }
    let before = product.get("/v1/me/sessions", &token).await.body["items"].as_array().unwrap().len();
    let answers = join_all((0..50).map(|number| product.post(VERIFY, &bodies[number % 5]))).await;
    let sessions: BTreeSet<_> = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::OK)
        .map(|answer| answer.text("/tokens/session_id"))
        .collect();
    let others = answers.iter().filter(|answer| answer.status != StatusCode::OK);
    for other in others {
        assert!(["login_failed", "unavailable"].contains(&other.problem()), "{other:?}");
    }
    assert_eq!(sessions.len(), 1);
    product.settle().await;
    let after = product.get("/v1/me/sessions", &token).await.body["items"].as_array().unwrap().len();
    assert_eq!(after, before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_the_table_nor_the_events_hold_a_challenge_or_a_proof() {
    let product = Product::start().await;
    let (mut device, _) = product.with_passkey(ADA).await;
    let options = product.passkey_options(Some(ADA)).await;
    let credential = device.get(&options.body["public_key"]).await;
    product.post(VERIFY, &proof(&options, &credential)).await.tokens().text("/access_token");
    product.settle().await;
    let all = format!("{:?} {}", stored::items(&product).await, product.local("/events").await);
    let signature = credential["response"]["signature"].as_str().unwrap().to_owned();
    let challenge = options.text("/public_key/challenge");
    for secret in [signature, challenge, options.text("/ceremony_token")] {
        assert!(!all.contains(&secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_nobody_has_looks_like_one_with_a_passkey() {
    let product = Product::start().await;
    let (mut device, _) = product.with_passkey(ADA).await;
    product.sign_in("bob@example.com").await;
    let shape = |answer: &Answer| {
        let mut body = answer.body.clone();
        body["ceremony_token"] = json!(answer.text("/ceremony_token").len());
        body["public_key"]["challenge"] = json!("");
        body["public_key"]["allowCredentials"][0]["id"] = json!("");
        let headers: BTreeSet<_> = answer.headers.keys().map(ToString::to_string).collect();
        (answer.status, body, headers)
    };
    let known = product.passkey_options(Some(ADA)).await;
    let mut seen = BTreeSet::from_iter(ids(&known));
    for stranger in ["bob@example.com", "nobody@example.com", "somebody@example.com"] {
        let (first, again) =
            (product.passkey_options(Some(stranger)).await, product.passkey_options(Some(stranger)).await);
        assert_eq!(shape(&first), shape(&known), "{stranger}");
        assert_eq!(ids(&first), ids(&again), "always the same");
        let calls = product.host("api-auth").calls_of_last_invocation().len();
        product.passkey_options(Some(ADA)).await;
        assert_eq!(product.host("api-auth").calls_of_last_invocation().len(), calls, "{stranger}");
        assert!(seen.is_disjoint(&ids(&first)));
        seen.extend(ids(&first));
        // whatever comes back for it is refused as everything else is
        let mut options = first.body["public_key"].clone();
        options["allowCredentials"] = json!([]);
        let credential = device.get(&options).await;
        let refused = product.post(VERIFY, &proof(&first, &credential)).await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::UNAUTHORIZED, "login_failed"));
    }
}

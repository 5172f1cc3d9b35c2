//! Whole requests to each function behind the API, as API Gateway hands them over, from strangers and from
//! somebody who is signed in.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use bolero::check;
use serde_json::{Value, json};

use crate::mutation::{Change, Piece, mutated, text};
use crate::world::{Person, World, sample, stripe_events};

/// The functions that have a target here.
pub(crate) const FUNCTIONS: &[&str] = &[
    "api-account",
    "api-admin",
    "api-audit",
    "api-auth",
    "api-billing",
    "api-devices",
    "api-exports",
    "api-keys",
    "api-members",
    "api-orgs",
    "api-passwords",
    "api-scim",
    "api-sso",
    "api-usage",
    "hook-stripe",
];

/// A request that is right, to be made nearly right.
pub(crate) struct Request {
    method: &'static str,
    path: &'static str,
    body: Value,
    /// Whether it is answered to somebody who is not signed in.
    is_open: bool,
    /// Whether a genuine access token may come with it; not where that would end the session that the
    /// others need.
    with_token: bool,
}

pub(crate) fn request(method: &'static str, path: &'static str, body: Value) -> Request {
    Request { method, path, body, is_open: false, with_token: true }
}

impl Request {
    fn content_type(&self) -> &'static str {
        match (self.path, self.body.is_array()) {
            ("/v1/usage/events", true) => "application/cloudevents-batch+json",
            ("/v1/usage/events", false) => "application/cloudevents+json",
            _ => "application/json",
        }
    }
}

fn open(method: &'static str, path: &'static str, body: Value) -> Request {
    Request { is_open: true, ..request(method, path, body) }
}

/// Headers that somebody parses, with the words that they are made of.
const HEADERS: &[(&str, &[&str])] = &[
    ("authorization", &["Bearer ", "bearer ", "Basic ", "eyJ", ".", "e30"]),
    ("content-type", &["application/json", "; charset=utf-8", "text/plain", "APPLICATION/JSON", "/", "*"]),
    ("accept", &["application/json", "text/html", "*/*", ";q=", "0.5", ","]),
    ("idempotency-key", &["key", "550e8400-e29b-41d4-a716-446655440000"]),
    ("x-forwarded-for", &["203.0.113.7", ", ", "::1", ":443", "unknown", "[2001:db8::1]"]),
    ("x-correlation-id", &["req_1", "a-b"]),
    ("user-agent", &["curl/8"]),
    ("origin", &["https://app.example.com", "null", "http://localhost:3000"]),
    ("host", &["api.example.com", ":443", "[::1]", "a.b"]),
    ("content-encoding", &["gzip", "identity"]),
    ("stripe-signature", &["t=1795608000", ",v1=", "00"]),
];

/// Which request, and what is changed about it: the address and its query, one header, the body; and
/// choices of what to change at all.
pub(crate) type Fuzz = (u8, (Vec<Piece>, Vec<Piece>), (u8, Vec<Piece>), Vec<Change>, u8);

fn event(
    base: &Value,
    method: &str,
    path: &str,
    query: &[(String, String)],
    headers: &[(String, String)],
    body: &str,
) -> Value {
    let mut event = base.clone();
    event["httpMethod"] = json!(method);
    event["path"] = json!(path);
    event["requestContext"]["httpMethod"] = json!(method);
    event["requestContext"]["path"] = json!(path);
    event["body"] = json!(body);
    for (single, multiple, pairs) in [
        ("headers", "multiValueHeaders", headers),
        ("queryStringParameters", "multiValueQueryStringParameters", query),
    ] {
        event[single] = pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let mut lists = serde_json::Map::new();
        for (name, value) in pairs {
            let list = lists.entry(name.clone()).or_insert_with(|| json!([]));
            list.as_array_mut().unwrap().push(json!(value));
        }
        event[multiple] = Value::Object(lists);
    }
    event
}

/// An answer is one of ours: below 500, a problem document where it refuses, and with the headers that such
/// an answer has.
fn check_answer(answer: &Value, of: &Value) -> u16 {
    let status = u16::try_from(answer["statusCode"].as_u64().unwrap()).unwrap();
    assert!((200..500).contains(&status), "{status} to {of}: {answer}");
    let header = |name: &str| {
        let lists = answer["multiValueHeaders"].as_object().into_iter().flatten();
        let singles = answer["headers"].as_object().into_iter().flatten();
        let found = lists.chain(singles).find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.get(0).unwrap_or(value).as_str().unwrap().to_owned())
    };
    assert!(header("x-correlation-id").is_some(), "{of}: {answer}");
    if status >= 400 {
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(header("content-type").as_deref(), Some("application/problem+json"), "{of}: {answer}");
        assert_eq!(body["status"], status, "{of}: {body}");
        assert_eq!(body["instance"].as_str(), header("x-correlation-id").as_deref(), "{of}: {body}");
        for field in ["type", "title", "detail", "code"] {
            assert!(body[field].is_string(), "{field} in {body}, the answer to {of}");
        }
    }
    assert!(status != 401 || header("www-authenticate").is_some(), "{of}: {answer}");
    assert!(status != 405 || header("allow").is_some(), "{of}: {answer}");
    status
}

/// How many answers had which status. A target whose requests are all refused for the same reason tests
/// nothing.
#[derive(Default)]
pub(crate) struct Seen(Mutex<BTreeMap<u16, usize>>);

impl Seen {
    pub(crate) fn note(&self, status: u16) {
        *self.0.lock().unwrap().entry(status).or_default() += 1;
    }

    /// Shown by `cargo xtask fuzz`.
    pub(crate) fn report(&self, function: &str) {
        println!("{function}: {:?}", self.0.lock().unwrap());
    }
}

pub(crate) fn every_request_is_answered(
    function: &str,
    words: &[&str],
    requests: impl FnOnce(&Person) -> Vec<Request>,
) {
    let world = World::start();
    let (reader, other) = (world.sign_in("ada@example.com"), world.sign_in("eve@example.com"));
    let reader = if function == "api-admin" { world.as_staff(reader, "ada@example.com") } else { reader };
    let requests = requests(&other);
    let (base, seen, number) = (sample("api-auth/request-magic-link"), Seen::default(), AtomicU32::new(0));
    let words: Vec<&str> =
        words.iter().copied().chain(["ada@example.com", "314159", &reader.org_id]).collect();
    let call = AssertUnwindSafe(|fuzz: &Fuzz| {
        let request = &requests[usize::from(fuzz.0) % requests.len()];
        let mut event = fuzzed(&base, request, &reader.access_token, &words, fuzz);
        // Limits count by address; strangers come from everywhere.
        let [_, a, b, c] = number.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        event["requestContext"]["identity"]["sourceIp"] = json!(format!("10.{a}.{b}.{c}"));
        let answer = world.invoke(function, event.clone()).unwrap();
        let status = check_answer(&answer, &event);
        seen.note(status);
        if !request.is_open && !is_from(&event, &reader.access_token) {
            assert!(status >= 400, "nobody is signed in: {event}: {answer}");
        }
    });
    for which in 0..requests.len() {
        call(&(which.try_into().unwrap(), Default::default(), Default::default(), Vec::new(), 2));
    }
    let accepted = seen.0.lock().unwrap().range(..300).map(|(_, count)| count).sum::<usize>();
    assert!(accepted > 0, "the requests are right before they are changed");
    check!().with_type::<Fuzz>().for_each(|fuzz| call(fuzz));
    seen.report(function);
}

/// The request with all that is changed about it.
pub(crate) fn fuzzed(base: &Value, request: &Request, token: &str, words: &[&str], fuzz: &Fuzz) -> Value {
    let (_, (path, query), (header, value), changes, choice) = fuzz;
    // API Gateway lets no control characters through.
    let visible = |text: String| text.chars().filter(|c| !c.is_control()).collect::<String>();
    let genuine = format!("Bearer {token}");
    let mut headers = vec![
        ("content-type".to_owned(), request.content_type().to_owned()),
        ("host".to_owned(), "api.example.com".to_owned()),
    ];
    if request.with_token && choice % 4 != 0 {
        headers.push(("authorization".to_owned(), genuine.clone()));
    }
    if !value.is_empty() {
        let (name, vocabulary) = HEADERS[usize::from(*header) % HEADERS.len()];
        let value = visible(text(vocabulary, value));
        headers.retain(|(known, _)| known != name);
        // Now and then a genuine token with something behind it.
        let nearly = name == "authorization" && choice % 2 == 0;
        headers.push((name.to_owned(), if nearly { format!("{genuine}{value}") } else { value }));
    }
    let end =
        if choice % 8 == 1 { visible(text(&["/", "current", "members", ".."], path)) } else { String::new() };
    let parameter = |piece: &Piece| {
        let name = text(&["limit", "cursor", "x"], std::slice::from_ref(piece));
        (name, text(&["5", "101", "AAAA"], query))
    };
    let parameters: Vec<_> = query.iter().take(usize::from(choice % 3)).map(parameter).collect();
    let body = mutated(&request.body, words, changes);
    let body = if body.is_null() { String::new() } else { body.to_string() };
    event(base, request.method, &format!("{}{end}", request.path), &parameters, &headers, &body)
}

/// Whether an event carries this access token, and nothing else, as its bearer.
pub(crate) fn is_from(event: &Value, token: &str) -> bool {
    let authorization = event["headers"]["authorization"].as_str().unwrap_or_default();
    let (scheme, shown) = authorization.split_once(' ').unwrap_or_default();
    scheme.eq_ignore_ascii_case("bearer") && shown.trim() == token
}

#[test]
fn api_account() {
    every_request_is_answered("api-account", &["UTC", "de-"], |_| {
        vec![
            request("GET", "/v1/me", Value::Null),
            request(
                "PATCH",
                "/v1/me",
                json!({ "name": "Ada", "locale": "de-AT", "time_zone": "Europe/Vienna", "avatar_media_id": null }),
            ),
            request("DELETE", "/v1/me", Value::Null),
            request("POST", "/v1/me/restore", Value::Null),
            request("GET", "/v1/me/memberships", Value::Null),
            request("POST", "/v1/me/email-changes", json!({ "email": "someone@example.com" })),
            request("DELETE", "/v1/me/email-changes/ech_01kar8h5g0e0vsx4q1v3f6m2ah", Value::Null),
            request("PUT", "/v1/me/phone", json!({ "number": "+43 664 1234567" })),
            request("POST", "/v1/me/phone/verify", json!({ "code": "314159" })),
            request("POST", "/v1/me/passkeys/options", Value::Null),
            request("POST", "/v1/me/passkeys", new_passkey()),
            request("PATCH", "/v1/me/passkeys/pky_01kar8h5g0e0vsx4q1v3f6m2ah", json!({ "name": "Key" })),
            request("DELETE", "/v1/me/passkeys/pky_01kar8h5g0e0vsx4q1v3f6m2ah", Value::Null),
        ]
    });
}

/// A proof as a browser writes it.
fn passkey() -> Value {
    json!({ "ceremony_token": "AAAA", "credential": {
        "id": "AQID", "rawId": "AQID", "type": "public-key", "clientExtensionResults": {},
        "response": { "clientDataJSON": "e30", "authenticatorData": "AA", "signature": "AA", "userHandle": null },
    }})
}

/// A new credential as a browser writes it.
fn new_passkey() -> Value {
    let mut sent = passkey();
    sent["name"] = json!("Key");
    sent["credential"]["response"] = json!({ "clientDataJSON": "e30", "attestationObject": "oA" });
    sent
}

#[test]
fn api_auth() {
    every_request_is_answered("api-auth", &["grt_", "AAAA"], |other| {
        let proof = json!({ "token": other.link_token, "browser_token": other.link_token, "confirm": true });
        vec![
            open("POST", "/v1/auth/magic-links", json!({ "email": "someone@example.com" })),
            open(
                "POST",
                "/v1/auth/magic-links/verify",
                json!({ "email": "ada@example.com", "code": "314159" }),
            ),
            open("POST", "/v1/auth/magic-links/verify", proof),
            open("POST", "/v1/auth/email-changes/confirm", json!({ "token": other.link_token })),
            open("POST", "/v1/auth/email-changes/undo", json!({ "token": other.link_token })),
            open("POST", "/v1/auth/refresh", json!({ "refresh_token": other.refresh_token })),
            open("GET", "/.well-known/jwks.json", Value::Null),
            open("POST", "/v1/auth/passkeys/options", json!({ "email": "someone@example.com" })),
            open("POST", "/v1/auth/passkeys/verify", passkey()),
            open(
                "POST",
                "/v1/auth/device-links/verify",
                json!({ "token": format!("gdl_{}", "A".repeat(86)), "device_name": "Ada's phone", "platform": "ios" }),
            ),
            open(
                "POST",
                "/v1/auth/password/verify",
                json!({ "email": "ada@example.com", "password": "four words nobody guesses" }),
            ),
            open("POST", "/v1/auth/mfa/verify", json!({ "method": "totp", "code": "314159" })),
            request("POST", "/v1/auth/introspect", Value::Null),
            request("POST", "/v1/auth/step-up/verify", json!({ "method": "mail", "code": "314159" })),
            request("POST", "/v1/auth/step-up", json!({ "method": "mail" })),
            request("POST", "/v1/auth/switch-org", json!({ "org_id": other.org_id })),
            Request { with_token: false, ..request("POST", "/v1/auth/sign-out", Value::Null) },
        ]
    });
}

#[test]
fn api_admin() {
    every_request_is_answered("api-admin", &["usr_", "org_", "staff", "operator"], |_| {
        let why = json!({ "reason": "they asked for it by phone", "ticket": "SUP-1" });
        vec![
            request("GET", "/v1/admin/staff", Value::Null),
            request("GET", "/v1/admin/people/usr_01kar8h5g0e0vsx4q1v3f6m2ah", Value::Null),
            request("GET", "/v1/admin/people", Value::Null),
            request("GET", "/v1/admin/orgs", Value::Null),
            request("POST", "/v1/admin/people/usr_01kar8h5g0e0vsx4q1v3f6m2ah/suspend", why),
            request(
                "PUT",
                "/v1/admin/staff/usr_01kar8h5g0e0vsx4q1v3f6m2ah",
                json!({ "role": "support", "reason": "begins with us today" }),
            ),
        ]
    });
}

#[test]
fn api_orgs() {
    every_request_is_answered("api-orgs", &["acme", "-", "Acme"], |_| {
        vec![
            request("POST", "/v1/orgs", json!({ "name": "Acme", "slug": "acme" })),
            request("GET", "/v1/orgs/current", Value::Null),
            request("GET", "/v1/orgs/current/policies", Value::Null),
        ]
    });
}

#[test]
fn api_billing() {
    every_request_is_answered("api-billing", &[], |_| {
        vec![request("GET", "/v1/billing/subscription", Value::Null)]
    });
}

#[test]
fn api_devices() {
    let device = json!({
        "platform": "apns", "token": "740f4707bebcf74f9b7c25d48e3358945f6aa01d", "app_version": "1.2.3", "locale": "de-AT",
    });
    every_request_is_answered(
        "api-devices",
        &["others", "all", "ses_", "fcm", "apns", "740f", "de-", "Latn"],
        |_| {
            vec![
                request("GET", "/v1/me/sessions", Value::Null),
                request("DELETE", "/v1/me/sessions/ses_01kar8h5g0e0vsx4q1v3f6m2ah", Value::Null),
                request("POST", "/v1/me/sessions/end", json!({ "scope": "others" })),
                request("GET", "/v1/me/trusted-browsers", Value::Null),
                request("DELETE", "/v1/me/trusted-browsers/tbr_01kar8h5g0e0vsx4q1v3f6m2ah", Value::Null),
                request("POST", "/v1/me/device-links", Value::Null),
                request("POST", "/v1/me/devices", device),
                request("GET", "/v1/me/devices", Value::Null),
                request("DELETE", "/v1/me/devices/dev_01kar8h5g0e0vsx4q1v3f6m2ah", Value::Null),
            ]
        },
    );
}

/// What Stripe signed may still be of any shape: each is answered with an outcome, or refused, and none is
/// a failure.
#[test]
fn hook_stripe() {
    let world = World::start();
    let (samples, base) = (stripe_events(), sample("hook-stripe/unsigned"));
    let (secret, number, seen) = (world.stripe_secret(), AtomicU32::new(0), Seen::default());
    let words = ["cus_1", "sub_1", "in_1", "active", "past_due", "invoice.paid", "2026-09-30.endive"];
    let call = AssertUnwindSafe(|which: u8, changes: &[Change], choice: u8| {
        let mut sample = samples[usize::from(which) % samples.len()].clone();
        sample["id"] = json!(format!("evt_{}", number.fetch_add(1, Ordering::Relaxed)));
        let body = mutated(&sample, &words, changes).to_string();
        let signed = stripe_client::sign(body.as_bytes(), &secret, world.cloud.clock().now());
        let is_forged = choice.is_multiple_of(16);
        let signature = if is_forged { signed.replace("v1=", "v1=0") } else { signed };
        let headers = [
            ("content-type".to_owned(), "application/json; charset=utf-8".to_owned()),
            ("stripe-signature".to_owned(), signature),
        ];
        let event = event(&base, "POST", "/hooks/stripe", &[], &headers, &body);
        let answer = world.invoke("hook-stripe", event.clone()).unwrap();
        let status = check_answer(&answer, &event);
        seen.note(status);
        let is_refused = status == 400 && answer["body"].as_str().unwrap().contains("invalid_signature");
        assert_eq!(is_refused, is_forged, "{event}: {answer}");
    });
    for which in 0..samples.len() {
        call(which.try_into().unwrap(), &[], 1);
    }
    assert_eq!(seen.0.lock().unwrap().get(&200), Some(&samples.len()), "what Stripe sends is taken");
    check!()
        .with_type::<(u8, Vec<Change>, u8)>()
        .for_each(|(which, changes, choice)| call(*which, changes, *choice));
    seen.report("hook-stripe");
}

#[test]
fn api_sso() {
    every_request_is_answered("api-sso", &["local", "AAAA", "example.com", "automatic"], |_| {
        let proof = json!({ "code": "a-code", "state": "AAAA", "iss": "http://localhost/_local/oidc", "browser_token": "AAAA" });
        let (proof_of_sso, proof_of_test) = (proof.clone(), proof.clone());
        let sso = "/v1/orgs/current/sso/connections/sso_01kar8h5g0e0vsx4q1v3f6m2ah";
        let tried = "/v1/orgs/current/sso/connections/sso_01kar8h5g0e0vsx4q1v3f6m2ah/test/verify";
        let connection = json!({ "name": "Okta", "issuer": "http://localhost/_local/oidc", "client_id": "c",
            "client_secret": "a-secret", "domain_ids": ["dom_01kar8h5g0e0vsx4q1v3f6m2ah"], "default_role": "member",
            "group_claim": "groups", "group_roles": { "it": "admin" }, "enabled": true });
        let account = "/v1/me/connected-accounts/cac_01kar8h5g0e0vsx4q1v3f6m2ah";
        let domain = "/v1/orgs/current/domains/dom_01kar8h5g0e0vsx4q1v3f6m2ah";
        vec![
            open("POST", "/v1/auth/oauth/local/authorizations", Value::Null),
            open("POST", "/v1/auth/oauth/local/verify", proof.clone()),
            request("GET", "/v1/me/connected-accounts", Value::Null),
            request("POST", "/v1/me/connected-accounts/local/verify", proof),
            request("DELETE", account, Value::Null),
            open("POST", "/v1/auth/sso/authorizations", json!({ "email": "ada@example.com" })),
            open("POST", "/v1/auth/sso/verify", proof_of_sso),
            request("GET", "/v1/orgs/current/sso/connections", Value::Null),
            request("POST", "/v1/orgs/current/sso/connections", connection.clone()),
            request("PATCH", sso, connection),
            request("POST", tried, proof_of_test),
            request("DELETE", sso, Value::Null),
            request("GET", "/v1/orgs/current/domains", Value::Null),
            request("POST", "/v1/orgs/current/domains", json!({ "name": "example.com" })),
            request("GET", domain, Value::Null),
            request("PATCH", domain, json!({ "capture": "automatic", "default_role": "viewer" })),
            request("DELETE", domain, Value::Null),
        ]
    });
}

#[test]
fn api_passwords() {
    every_request_is_answered("api-passwords", &["grs_", "AAAA", "\u{fdfa}", "e\u{301}"], |_| {
        let (email, password) = ("someone@example.com", "four words nobody guesses");
        vec![
            open("POST", "/v1/auth/password/registrations", json!({ "email": email, "password": password })),
            open("POST", "/v1/auth/password/resets", json!({ "email": email })),
            open(
                "POST",
                "/v1/auth/password/resets/verify",
                json!({ "token": format!("grs_{}", "A".repeat(86)), "password": password }),
            ),
            request("PUT", "/v1/me/password", json!({ "password": password })),
            request("DELETE", "/v1/me/password", Value::Null),
        ]
    });
}

#[test]
fn api_members() {
    let words = ["owner", "viewer", "pending", "ada@example.com", "inv_01kar8h5g0e0vsx4q1v3f6m2ah"];
    every_request_is_answered("api-members", &words, |_| {
        let invite = "/v1/orgs/current/invites/inv_01kar8h5g0e0vsx4q1v3f6m2ah";
        let member = "/v1/orgs/current/members/mbr_01kar8h5g0e0vsx4q1v3f6m2ah";
        let approve = "/v1/orgs/current/join-requests/jrq_01kar8h5g0e0vsx4q1v3f6m2ah/approve";
        let link = json!({ "token": "AD37cSk2Litne1ic3MlXZUNi" });
        vec![
            request("GET", "/v1/orgs/current/members", Value::Null),
            request("GET", "/v1/orgs/current/invites", Value::Null),
            request("GET", invite, Value::Null),
            request("GET", member, Value::Null),
            request("PATCH", member, json!({ "role": "viewer" })),
            request(
                "POST",
                "/v1/orgs/current/invites",
                json!({ "email": "ada@example.com", "role": "member" }),
            ),
            request("POST", "/v1/invites/accept", link.clone()),
            open("POST", "/v1/invites/preview", link.clone()),
            open("POST", "/v1/invites/decline", link),
            request("GET", "/v1/me/joinable-organizations", Value::Null),
            request("POST", "/v1/me/join-requests", json!({ "org_id": "org_01kar8h5g0e0vsx4q1v3f6m2ah" })),
            request("GET", "/v1/orgs/current/join-requests", Value::Null),
            request("POST", approve, json!({ "role": "viewer" })),
        ]
    });
}

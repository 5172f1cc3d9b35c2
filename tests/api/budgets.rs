//! What routes may ask of the table: the numbers beside their handlers, held.

mod api_keys;
mod audit;
mod billing;
mod domains;
mod exports;
mod members;
mod organizations;
mod scim;
mod sso;
mod staff;
mod usage;

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::json;
use system_tests::{
    budgets::{self, Budget},
    documents::cost,
};
use table::Call;

use crate::{
    oauth,
    passkeys::{Device, proof},
    product::Product,
};

fn units(calls: &[Call], writes: bool) -> f64 {
    calls.iter().filter(|call| call.writes == writes).map(|call| call.units).sum()
}

struct Measured<'a> {
    product: &'a Product,
    budgets: BTreeMap<String, Budget>,
    /// How many events each route is taken to write.
    assumed: BTreeMap<String, f64>,
    seen: Vec<String>,
    /// What was over, of all routes at once.
    over: Vec<String>,
}

impl<'a> Measured<'a> {
    fn of(product: &'a Product) -> Self {
        let (budgets, assumed) = (budgets::of_routes(), cost::events_of_routes());
        Self { product, budgets, assumed, seen: Vec::new(), over: Vec::new() }
    }

    fn check(&mut self, route: &str, function: &str) {
        let calls = self.product.host(function).calls_of_last_invocation();
        let budget =
            self.budgets.get(route).unwrap_or_else(|| panic!("{route} has no budget beside its handler"));
        let (read, write) = (units(&calls, false), units(&calls, true));
        let fits = calls.len() <= budget.calls && read <= budget.read_units && write <= budget.write_units;
        if !fits {
            let used = calls.len();
            self.over
                .push(format!("{route} used {used} calls, {read} read and {write} write units in {calls:?}"));
        }
        self.seen.push(route.to_owned());
    }

    /// Checks a route that was measured in another way before.
    fn again(&mut self, route: &str, function: &str) {
        self.check(route, function);
        self.seen.pop();
    }

    /// Checks what the last message of a worker cost.
    fn worker(&self, function: &str) {
        let calls = self.product.host(function).calls_of_last_invocation();
        let budget = budgets::of_workers()[function];
        let (read, write) = (units(&calls, false), units(&calls, true));
        let fits = calls.len() <= budget.calls && read <= budget.read_units && write <= budget.write_units;
        assert!(fits, "{function} used {read} read and {write} write units in {calls:#?}, over {budget:?}");
    }

    async fn get(&mut self, path: &str, route: &str, function: &str, token: &str) {
        // the second time, so that keys and secrets are there, and nothing is read again because it was
        // late
        self.product.settle().await;
        self.product.get(path, token).await;
        let answer = self.product.get(path, token).await;
        assert!(answer.status.is_success(), "{route}: {answer:?}");
        self.check(route, function);
    }

    async fn post(
        &mut self,
        route: &str,
        function: &str,
        token: &str,
        body: &serde_json::Value,
    ) -> system_tests::answer::Answer {
        let path = route.strip_prefix("POST ").unwrap();
        self.change(path, route, function, token, body).await
    }

    /// A request of a route that is no GET.
    async fn change(
        &mut self,
        path: &str,
        route: &str,
        function: &str,
        token: &str,
        body: &serde_json::Value,
    ) -> system_tests::answer::Answer {
        let method = route.split(' ').next().unwrap().parse::<Method>().unwrap();
        let request = self.product.request(method, path).bearer_auth(token);
        let request = if body.is_null() { request } else { request.json(body) };
        let before = self.events().await;
        let answer =
            self.product.send(request.header("idempotency-key", format!("{body}").replace(' ', "+"))).await;
        assert!(answer.status.is_success(), "{route}: {answer:?}");
        self.check(route, function);
        let written = self.events().await - before;
        let assumed =
            self.assumed.get(route).unwrap_or_else(|| panic!("{route} has no usage beside its handler"));
        let fits = written.to_string().parse::<f64>().is_ok_and(|written| written <= *assumed);
        if !fits {
            self.over.push(format!("{route} wrote {written} events; its x-gantry-usage has {assumed}"));
        }
        answer
    }

    /// How many events have reached the bus, when all have.
    async fn events(&self) -> usize {
        self.product.settle().await;
        self.product.events().await.len()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_stays_within_its_budget() {
    let product = Product::alone().await;
    let mut measured = Measured::of(&product);
    let ada = "ada@example.com";
    let (token, org_id) = product.owner(ada, "acme").await;

    let asked = measured.post("POST /v1/auth/magic-links", "api-auth", "", &json!({ "email": ada })).await;
    product.settle().await;
    let (link, _) = product.proof(ada).await;
    let body = json!({ "token": link, "browser_token": asked.text("/browser_token") });
    let session = measured.post("POST /v1/auth/magic-links/verify", "api-auth", "", &body).await.tokens();
    let body = json!({ "refresh_token": session.text("/refresh_token") });
    let session = measured.post("POST /v1/auth/refresh", "api-auth", "", &body).await;
    let other = session.text("/access_token");
    measured.post("POST /v1/auth/switch-org", "api-auth", &other, &json!({ "org_id": org_id })).await;
    measured.post("POST /v1/auth/sign-out", "api-auth", &other, &json!(null)).await;
    measured.post("POST /v1/orgs", "api-orgs", &token, &json!({ "name": "Beta", "slug": "beta" })).await;
    let device = json!({ "platform": "fcm", "token": "ada-phone-token-0001" });
    let device = measured.post("POST /v1/me/devices", "api-devices", &token, &device).await.text("/id");

    for (path, function) in [
        ("/v1/me", "api-account"),
        ("/v1/me/sessions", "api-devices"),
        ("/v1/me/memberships", "api-account"),
        ("/.well-known/jwks.json", "api-auth"),
        ("/.well-known/oauth-authorization-server", "api-auth"),
        ("/v1/openapi.json", "api-auth"),
        ("/v1/orgs/current", "api-orgs"),
        ("/v1/orgs/current/members", "api-members"),
        ("/v1/me/devices", "api-devices"),
        ("/v1/billing/subscription", "api-billing"),
    ] {
        measured.get(path, &format!("GET {path}"), function, &token).await;
    }
    assert_eq!(product.introspect(&token, &token).await.body["active"], true);
    measured.check("POST /v1/auth/introspect", "api-auth");
    let (path, route) = (format!("/v1/me/devices/{device}"), "DELETE /v1/me/devices/{device_id}");
    measured.change(&path, route, "api-devices", &token, &json!(null)).await;
    // the second time, in the place of one that there is
    product.device_link(&token).await;
    let made = measured.post("POST /v1/me/device-links", "api-devices", &token, &json!(null)).await;
    let link = made.text("/qr_uri").split_once("#token=").unwrap().1.to_owned();
    let body = json!({ "token": link, "device_name": "Phone" });
    measured.post("POST /v1/auth/device-links/verify", "api-auth", "", &body).await;
    let other = product.sign_in(ada).await.text("/session_id");
    let (path, route) = (format!("/v1/me/sessions/{other}"), "DELETE /v1/me/sessions/{session_id}");
    measured.change(&path, route, "api-devices", &token, &json!(null)).await;
    product.sign_in(ada).await;
    let body = json!({ "name": "Ada", "locale": "de-AT", "time_zone": "Europe/Vienna" });
    measured.change("/v1/me", "PATCH /v1/me", "api-account", &token, &body).await;
    let body = json!({ "email": "ada@example.org" });
    let change = measured.post("POST /v1/me/email-changes", "api-account", &token, &body).await.text("/id");
    let (path, route) = (format!("/v1/me/email-changes/{change}"), "DELETE /v1/me/email-changes/{change_id}");
    measured.change(&path, route, "api-account", &token, &json!(null)).await;
    product.post_as("/v1/me/email-changes", &token, &body).await;
    product.settle().await;
    let body = json!({ "token": product.link("ada@example.org").await });
    measured.post("POST /v1/auth/email-changes/confirm", "api-auth", "", &body).await;
    product.settle().await;
    let undo = json!({ "token": product.link(ada).await });
    product.sign_in("ada@example.org").await;
    measured.post("POST /v1/me/sessions/end", "api-devices", &token, &json!({ "scope": "others" })).await;
    let asked = product.post_as("/v1/auth/step-up", &token, &json!({ "method": "mail" })).await;
    assert_eq!(asked.body["expires_in"], 900, "{asked:?}");
    measured.again("POST /v1/auth/step-up", "api-auth");
    product.settle().await;
    let body = json!({ "method": "mail", "code": product.mailed_code("ada@example.org").await });
    assert!(product.post_as("/v1/auth/step-up/verify", &token, &body).await.status.is_success());
    measured.again("POST /v1/auth/step-up/verify", "api-auth");
    let eve = product.sign_in("eve@example.com").await.text("/access_token");
    measured.change("/v1/me", "DELETE /v1/me", "api-account", &eve, &json!(null)).await;
    measured.change("/v1/me/restore", "POST /v1/me/restore", "api-account", &eve, &json!(null)).await;
    let mut stranger = Device::new(&product);
    assert!(product.add_passkey(&mut stranger, &token, "Key").await.status.is_success());
    assert!(product.connect(&token, oauth::known("eve@example.net")).await.status.is_success());
    measured.post("POST /v1/auth/email-changes/undo", "api-auth", "", &undo).await;
    product.local_post("/stripe/subscribe", &json!({ "org_id": org_id, "times": 1, "shuffle": false })).await;
    measured.check("POST /hooks/stripe", "hook-stripe");

    passwords_and_factors(&mut measured).await;
    passkeys(&mut measured).await;
    accounts_elsewhere(&mut measured).await;
    phones(&mut measured).await;
    staff::measure(&mut measured).await;
    members::measure(&mut measured).await;
    organizations::measure(&mut measured).await;
    billing::measure(&mut measured).await;
    api_keys::measure(&mut measured).await;
    exports::measure(&mut measured).await;
    audit::measure(&mut measured).await;
    usage::measure(&mut measured).await;
    directories(&mut measured).await;

    assert!(measured.over.is_empty(), "say so beside the handlers: {:#?}", measured.over);
    measured.seen.sort();
    let budgeted: Vec<_> = measured.budgets.keys().cloned().collect();
    assert_eq!(measured.seen, budgeted, "measure each budgeted route");
    reads_stay_small(&measured);
}

/// Whatever there is to read.
fn reads_stay_small(measured: &Measured<'_>) {
    let reads = measured.budgets.iter().filter(|(route, _)| route.starts_with("GET /v1/"));
    for (route, budget) in reads {
        let (calls, units) = match route.as_str() {
            // which organization the domain leads to is known only when the domain was read
            "GET /v1/me/joinable-organizations" => (3, 3.0),
            // among the organization's and among one's own, in one call; rows of up to a week's hours
            "GET /v1/jobs/{job_id}" | "GET /v1/usage" => (2, 3.0),
            // how many there may be stands in the gate, which said who asks before
            "GET /v1/billing/seats" => (2, 2.5),
            // each quota is a few purses, so that many can draw from it at once
            "GET /v1/usage/quotas" => (2, 18.0),
            // staff's are counted by a limit, and written down before they are answered
            route if route.contains(" /v1/admin/") => (7, 9.0),
            _ => (2, 2.0),
        };
        assert!(
            budget.calls <= calls && budget.read_units <= units,
            "{route}: an authenticated read makes {calls} calls of {units} units at most"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_members_costs_the_same_in_a_small_and_in_a_large_organization() {
    let product = Product::alone().await;
    let (token, org_id) = product.owner("ada@example.com", "acme").await;
    let cost = async || {
        for _ in 0..2 {
            product.get("/v1/orgs/current/members?limit=10", &token).await;
        }
        let calls = product.host("api-members").calls_of_last_invocation();
        (calls.len(), units(&calls, false))
    };
    add_members(&product, &org_id, 9).await;
    let small = cost().await;
    add_members(&product, &org_id, 9_990).await;
    assert_eq!(cost().await, small);
    assert!(small.0 <= 2);
}

async fn add_members(product: &Product, org_id: &str, count: usize) {
    use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
    let host = product.host("api-orgs");
    let environment = host.environment();
    let config = aws_sdk_dynamodb::config::Builder::from(host.sdk_config())
        .endpoint_url(environment.required("AWS_ENDPOINT_URL_DYNAMODB").unwrap())
        .build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    let name = environment.required("TABLE_NAME").unwrap();
    let text = |text: String| AttributeValue::S(text);
    let requests: Vec<_> = (0..count)
        .map(|number| {
            let member: primitives::MemberId = host.ids().next();
            let user: primitives::UserId = host.ids().next();
            let put = PutRequest::builder()
                .item("pk", text(format!("ORG#{org_id}")))
                .item("sk", text(format!("MEMBER#{member}")))
                .item("kind", text("member".to_owned()))
                .item("version", AttributeValue::N("1".to_owned()))
                .item("org_id", text(org_id.to_owned()))
                .item("member_id", text(member.to_string()))
                .item("user_id", text(user.to_string()))
                .item("email", text(format!("person-{number:05}@example.com")))
                .item("role", text("member".to_owned()))
                .item("joined_at", text("2026-11-23T12:00:00Z".to_owned()))
                .build()
                .unwrap();
            WriteRequest::builder().put_request(put).build()
        })
        .collect();
    for batch in requests.chunks(25) {
        client.batch_write_item().request_items(name, batch.to_vec()).send().await.unwrap();
    }
}

/// Hal, who comes by an identity provider and connects another account.
async fn accounts_elsewhere(measured: &mut Measured<'_>) {
    let product = measured.product;
    let (hal, work) = (oauth::known("hal@example.com"), oauth::known("hal@work.example"));
    // somebody new, and then somebody known
    for _ in 0..2 {
        let first = product.with_account(hal).await;
        measured.check("POST /v1/auth/oauth/{provider}/verify", "api-sso");
        assert!(first.status.is_success(), "{first:?}");
        measured.seen.pop();
    }
    measured.seen.push("POST /v1/auth/oauth/{provider}/verify".to_owned());
    let start = product.request(Method::POST, "/v1/auth/oauth/local/authorizations");
    assert!(product.send(start).await.status.is_success());
    measured.check("POST /v1/auth/oauth/{provider}/authorizations", "api-sso");
    let token = product.with_account(hal).await.text("/tokens/access_token");
    let path = "/v1/me/connected-accounts/local/authorizations";
    let sent = product.post_nothing(path, &token).await;
    measured.check("POST /v1/me/connected-accounts/{provider}/authorizations", "api-sso");
    let back = product.there(&sent, work).await;
    let connected = product.post_as("/v1/me/connected-accounts/local/verify", &token, &back).await;
    measured.check("POST /v1/me/connected-accounts/{provider}/verify", "api-sso");
    measured.get("/v1/me/connected-accounts", "GET /v1/me/connected-accounts", "api-sso", &token).await;
    let path = format!("/v1/me/connected-accounts/{}", connected.text("/id"));
    product.send(product.request(Method::DELETE, &path).bearer_auth(&token)).await;
    measured.check("DELETE /v1/me/connected-accounts/{account_id}", "api-sso");
}

/// Bob, with a password and an authenticator app; and the policies of an organization that he owns.
async fn directories(measured: &mut Measured<'_>) {
    domains::measure(measured).await;
    sso::measure(measured).await;
    scim::measure(measured).await;
}

async fn passwords_and_factors(measured: &mut Measured<'_>) {
    let product = measured.product;
    let (bob, first, second) = ("bob@example.com", "four words nobody guesses", "another four words at last");
    let body = json!({ "email": bob, "password": first });
    let asked = measured.post("POST /v1/auth/password/registrations", "api-passwords", "", &body).await;
    let (link, _) = product.proof(bob).await;
    let body = json!({ "token": link, "browser_token": asked.text("/browser_token") });
    product.post("/v1/auth/magic-links/verify", &body).await;
    measured.post("POST /v1/auth/password/resets", "api-passwords", "", &json!({ "email": bob })).await;
    let token = product.proof_of_reset(bob).await;
    let body = json!({ "token": token, "password": second });
    measured.post("POST /v1/auth/password/resets/verify", "api-passwords", "", &body).await;
    let body = json!({ "email": bob, "password": second });
    let session = measured.post("POST /v1/auth/password/verify", "api-auth", "", &body).await;
    let token = session.text("/tokens/access_token");
    let org = product.post_as("/v1/orgs", &token, &json!({ "name": "Gamma", "slug": "gamma" })).await;
    let place = json!({ "org_id": org.text("/id") });
    let switched = product.post_as("/v1/auth/switch-org", &token, &place).await;
    let token = switched.text("/tokens/access_token");
    measured.get("/v1/orgs/current/policies", "GET /v1/orgs/current/policies", "api-orgs", &token).await;
    let grace_ends_at = product.cloud.clock().now() + jiff::SignedDuration::from_hours(24);
    let mfa = json!({ "mode": "required", "grace_ends_at": grace_ends_at });
    assert!(product.require(&token, mfa).await.status.is_success());
    measured.check("PATCH /v1/orgs/current/policies", "api-orgs");

    let started =
        measured.post("POST /v1/me/mfa/factors", "api-account", &token, &json!({ "kind": "totp" })).await;
    let path = format!("/v1/me/mfa/factors/{}", started.text("/id"));
    let secret = started.text("/secret");
    let code = json!({ "code": product.app(&secret) });
    let confirmed = product.post_as(&format!("{path}/confirm"), &token, &code).await;
    measured.check("POST /v1/me/mfa/factors/{factor_id}/confirm", "api-account");
    measured.get("/v1/me/mfa", "GET /v1/me/mfa", "api-account", &token).await;
    let half = async || {
        let body = json!({ "email": bob, "password": second });
        product.post("/v1/auth/password/verify", &body).await.text("/challenge/token")
    };
    let other = half().await;
    measured.get("/v1/auth/mfa", "GET /v1/auth/mfa", "api-auth", &other).await;
    measured.post("POST /v1/auth/complete", "api-auth", &other, &json!(null)).await;
    let code = confirmed.text("/recovery_codes/0");
    let body = json!({ "method": "recovery_code", "code": code, "remember_browser": true });
    measured.post("POST /v1/auth/mfa/verify", "api-auth", &half().await, &body).await;
    measured.post("POST /v1/auth/step-up", "api-auth", &token, &json!({})).await;
    let body = json!({ "method": "recovery_code", "code": confirmed.text("/recovery_codes/1") });
    let token =
        measured.post("POST /v1/auth/step-up/verify", "api-auth", &token, &body).await.text("/access_token");
    let browsers = "/v1/me/trusted-browsers";
    let listed = product.get(browsers, &token).await;
    measured.check("GET /v1/me/trusted-browsers", "api-devices");
    let path_of_browser = format!("{browsers}/{}", listed.text("/items/0/id"));
    product.send(product.request(Method::DELETE, &path_of_browser).bearer_auth(&token)).await;
    measured.check("DELETE /v1/me/trusted-browsers/{browser_id}", "api-devices");
    measured.post("POST /v1/me/mfa/recovery-codes", "api-account", &token, &json!(null)).await;
    assert!(
        product.require(&token, json!({ "mode": "off", "grace_ends_at": null })).await.status.is_success()
    );
    let own = "/v1/me/password";
    for (path, route, function) in
        [(path.as_str(), "/v1/me/mfa/factors/{factor_id}", "api-account"), (own, own, "api-passwords")]
    {
        product.send(product.request(Method::DELETE, path).bearer_auth(&token)).await;
        measured.check(&format!("DELETE {route}"), function);
    }
    let request = product.request(Method::PUT, own).bearer_auth(&token);
    product.send(request.json(&json!({ "password": first }))).await;
    measured.check("PUT /v1/me/password", "api-passwords");
}

/// Carl, with a passkey; and the routes of second factors once more, with it.
async fn passkeys(measured: &mut Measured<'_>) {
    let product = measured.product;
    let carl = "carl@example.com";
    let token = product.registered(carl, "four words nobody guesses").await.text("/access_token");
    let mut device = Device::new(product);
    let options = measured.post("POST /v1/me/passkeys/options", "api-account", &token, &json!(null)).await;
    let credential = device.create(&options.body["public_key"]).await;
    let ceremony = options.text("/ceremony_token");
    let body = json!({ "ceremony_token": ceremony, "credential": credential, "name": "Key" });
    let added = product.post_as("/v1/me/passkeys", &token, &body).await.text("/id");
    measured.check("POST /v1/me/passkeys", "api-account");
    measured.get("/v1/me/passkeys", "GET /v1/me/passkeys", "api-account", &token).await;
    let route = "POST /v1/auth/passkeys/options";
    let options = measured.post(route, "api-auth", "", &json!({ "email": carl })).await;
    let credential = device.get(&options.body["public_key"]).await;
    product.post("/v1/auth/passkeys/verify", &proof(&options, &credential)).await;
    measured.check("POST /v1/auth/passkeys/verify", "api-auth");
    let (secret, _) = product.set_up(&token).await;
    assert!(!secret.is_empty());
    let body = json!({ "email": carl, "password": "four words nobody guesses" });
    let half = product.post("/v1/auth/password/verify", &body).await.text("/challenge/token");
    let route = "POST /v1/auth/mfa/passkeys/options";
    let options = measured.post(route, "api-auth", &half, &json!(null)).await;
    let second = async |options: &system_tests::answer::Answer, path: &str, token: &str| {
        let credential = device.clone().get(&options.body["public_key"]).await;
        let mut body = proof(options, &credential);
        body["method"] = json!("passkey");
        product.post_as(path, token, &body).await
    };
    second(&options, "/v1/auth/mfa/verify", &half).await;
    measured.again("POST /v1/auth/mfa/verify", "api-auth");
    let options = product.post_nothing("/v1/auth/mfa/passkeys/options", &token).await;
    measured.again(route, "api-auth");
    second(&options, "/v1/auth/step-up/verify", &token).await;
    measured.again("POST /v1/auth/step-up/verify", "api-auth");
    let (path, route) = (format!("/v1/me/passkeys/{added}"), "/v1/me/passkeys/{passkey_id}");
    let name = json!({ "name": "Old key" });
    measured.change(&path, &format!("PATCH {route}"), "api-account", &token, &name).await;
    product.send(product.request(Method::DELETE, &path).bearer_auth(&token)).await;
    measured.check(&format!("DELETE {route}"), "api-account");
}

/// Dora, with a phone; and the routes of second factors once more, with codes that go there.
async fn phones(measured: &mut Measured<'_>) {
    let product = measured.product;
    let (dora, number) = ("dora@example.com", "+436641234567");
    let token = product.registered(dora, "four words nobody guesses").await.text("/access_token");
    let body = json!({ "number": number });
    measured.change("/v1/me/phone", "PUT /v1/me/phone", "api-account", &token, &body).await;
    let body = json!({ "code": product.texted(number).await });
    measured.post("POST /v1/me/phone/verify", "api-account", &token, &body).await;
    let started = product.post_as("/v1/me/mfa/factors", &token, &json!({ "kind": "sms" })).await;
    measured.again("POST /v1/me/mfa/factors", "api-account");
    product.settle().await;
    let path = format!("/v1/me/mfa/factors/{}/confirm", started.text("/id"));
    product.post_as(&path, &token, &json!({ "code": product.texted(number).await })).await;
    measured.again("POST /v1/me/mfa/factors/{factor_id}/confirm", "api-account");
    let half = product.password(dora, "four words nobody guesses").await.text("/challenge/token");
    measured.post("POST /v1/auth/mfa/codes", "api-auth", &half, &json!(null)).await;
    let code = product.texted(number).await;
    let body = json!({ "method": "sms", "code": code, "remember_browser": true });
    let shown = product.post_as("/v1/auth/mfa/verify", &half, &body).await;
    assert_eq!(shown.text("/status"), "complete", "{shown:?}");
    measured.again("POST /v1/auth/mfa/verify", "api-auth");
    product.advance(jiff::SignedDuration::from_mins(5)).await;
    assert!(
        product.set_phone(&token, "+436647654321").await.status == reqwest::StatusCode::TOO_MANY_REQUESTS
    );
    let gone = product.send(product.request(Method::DELETE, "/v1/me/phone").bearer_auth(&token)).await;
    assert!(gone.status.is_success(), "{gone:?}");
    measured.check("DELETE /v1/me/phone", "api-account");
}

//! Ids of others: whatever route takes an id, one of somebody else's is answered to the letter like one that
//! there is not, changes nothing, and is told to nobody. The routes and the places of ids are read from the
//! contract: one that comes is tried, or fails here.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::{
    authorisation::with_ids, exports::OF_ORG, oauth, passkeys::Device, product::Product, stored,
    usage::RESERVATIONS,
};

/// An id that nobody has.
const UNKNOWN: &str = "01kar8h5g0e0vsx4q1v3f6m2ah";

/// Somebody and an organization with one of everything: what an id of theirs is called in paths, and the id.
type Theirs = BTreeMap<&'static str, String>;

async fn made(product: &Product, path: &str, token: &str, body: &Value) -> Answer {
    let made = product.post_as(path, token, body).await;
    assert!(made.status.is_success(), "{path}: {made:?}");
    made
}

/// Ada, her ways in and her organization, with the token of its directory.
async fn theirs(product: &Product) -> (Theirs, String) {
    let (token, _, codes) = product.with_app().await;
    let factor = product.get("/v1/me/mfa", &token).await.text("/factors/0/id");
    let browser = product.remembered(&codes[0]).await.text("/browser_token");
    assert!(!browser.is_empty());
    let browser = product.get("/v1/me/trusted-browsers", &token).await.text("/items/0/id");
    let passkey = product.add_passkey(&mut Device::new(product), &token, "Laptop").await.text("/id");
    let account = product.connect(&token, oauth::known("ada@there.example")).await;
    assert!(account.status.is_success(), "{account:?}");
    let account = product.get("/v1/me/connected-accounts", &token).await.text("/items/0/id");
    let change = made(product, "/v1/me/email-changes", &token, &json!({ "email": "ada@new.example" })).await;
    let phone = json!({ "platform": "fcm", "token": "ada-phone-token-0001" });
    let device = made(product, "/v1/me/devices", &token, &phone).await;

    let org = made(product, "/v1/orgs", &token, &json!({ "name": "Acme", "slug": "acme" })).await.text("/id");
    let switched = product.post_as("/v1/auth/switch-org", &token, &json!({ "org_id": org })).await;
    let token = switched.tokens().text("/access_token");
    product.settle().await;
    let (_, member) = product.joined(&token, "max@example.net", "member").await;
    let invite = product.invite(&token, "new@example.net", "member").await.text("/id");
    let ends_at = product.cloud.clock().now() + jiff::SignedDuration::from_hours(24);
    let link = json!({ "role": "viewer", "max_uses": 5, "expires_at": ends_at.to_string() });
    let link = made(product, "/v1/orgs/current/invite-links", &token, &link).await;
    let (key, _) = product.api_key(&token, &["org:read"]).await;
    let domain = product.verified(&token, "acme.example").await;
    product.capture(&token, &domain, &json!({ "capture": "request", "default_role": "viewer" })).await;
    product.settle().await;
    let kim = product.sign_in("kim@acme.example").await.text("/access_token");
    let request = product.ask_to_join(&kim, &org).await.text("/id");
    let connection = product.connect_sso(&token, &[&domain], &json!({})).await.text("/id");
    let directory = made(product, "/v1/orgs/current/scim/tokens", &token, &json!({ "name": "IdP" })).await;
    let secret = directory.text("/secret");
    let user = product.scim_user(&secret, "eva@acme.example").await.text("/id");
    let group = product.scim_group(&secret, "Everybody", &[&user]).await;
    let job = product.exported(OF_ORG, &token, &json!({})).await;
    product.settle().await;
    let intent = json!({ "plan": "team", "interval": "month" });
    let intent = made(product, "/v1/billing/subscription-intents", &token, &intent).await.text("/id");
    let tax_id = json!({ "type": "eu_vat", "value": "ATU12345678" });
    let tax_id = made(product, "/v1/billing/tax-ids", &token, &tax_id).await.text("/id");
    let invoices = product.at_stripe(Method::GET, "/v1/invoices", &[]).await;
    let invoice = invoices["data"][0]["id"].as_str().unwrap().to_owned();
    product.settle().await;
    let amount = json!({ "meter": "ai_tokens", "amount": 7 });
    let reservation = made(product, RESERVATIONS, &token, &amount).await.text("/id");
    let event = product.get("/v1/audit/events?limit=1", &token).await.text("/items/0/id");
    let sessions = product.get("/v1/me/sessions", &token).await;
    let ids = [
        ("account_id", account),
        ("browser_id", browser),
        ("change_id", change.text("/id")),
        ("checkout_id", intent.clone()),
        ("intent_id", intent),
        ("invoice_id", invoice),
        ("tax_id", tax_id),
        ("connection_id", connection),
        ("device_id", device.text("/id")),
        ("domain_id", domain.text("/id")),
        ("event_id", event),
        ("factor_id", factor),
        ("group_id", group),
        ("invite_id", invite),
        ("job_id", job.rsplit_once('/').unwrap().1.to_owned()),
        ("key_id", key),
        ("link_id", link.text("/invite_link/id")),
        ("member_id", member),
        ("org_id", org),
        ("passkey_id", passkey),
        ("request_id", request),
        ("reservation_id", reservation),
        ("session_id", sessions.text("/items/0/id")),
        ("token_id", directory.text("/scim_token/id")),
        ("scim_user_id", user),
    ];
    (ids.into_iter().collect(), secret)
}

/// The same id with digits that nobody was given.
fn unknown(id: &str) -> String {
    format!("{}_{UNKNOWN}", id.split_once('_').unwrap().0)
}

/// What stands beside an id in the body of a request that is right but for it; with the id's place, where it
/// stands in the body.
fn bodies(product: &Product, route: &str, id: &str) -> Value {
    match route {
        "POST /v1/me/mfa/factors/{factor_id}/confirm" => json!({ "code": "123456" }),
        "PATCH /v1/me/passkeys/{passkey_id}"
        | "PATCH /v1/orgs/current/api-keys/{key_id}"
        | "PATCH /v1/orgs/current/sso/connections/{connection_id}" => json!({ "name": "Mine" }),
        "PATCH /v1/orgs/current/domains/{domain_id}" => json!({ "capture": "off" }),
        "POST /v1/orgs/current/invites/{invite_id}/rebind" => json!({ "email": "eve@example.org" }),
        "PATCH /v1/orgs/current/members/{member_id}" => json!({ "role": "viewer" }),
        "PATCH /v1/orgs/current/scim/groups/{group_id}" => json!({ "role": "admin" }),
        "POST /v1/orgs/current/sso/connections/{connection_id}/test/verify" => {
            json!({ "code": "c", "state": "s".repeat(43), "browser_token": "b".repeat(43) })
        }
        "POST /v1/orgs/current/transfer-ownership" => json!({ "member_id": id, "own_role": "admin" }),
        "PATCH /v1/orgs/current/policies" => json!({ "break_glass_member_ids": [id] }),
        "POST /v1/usage/reservations/{reservation_id}/settle" => json!({ "amount": 1 }),
        "POST /v1/auth/switch-org" | "POST /v1/me/join-requests" => json!({ "org_id": id }),
        "POST /v1/orgs/current/sso/connections" => {
            let mut connection = product.local_connection(&[]);
            connection["domain_ids"] = json!([id]);
            connection
        }
        _ => json!({}),
    }
}

/// Each route of the contract that takes an id of somebody's, with the place of the id.
fn routes(description: &Value) -> Vec<(String, String, &'static str)> {
    let resolve = |value: &Value| -> Value {
        let reference = value["$ref"].as_str().map(|reference| reference.trim_start_matches('#').to_owned());
        reference.map_or_else(|| value.clone(), |place| description.pointer(&place).unwrap().clone())
    };
    let mut found = Vec::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            if operation["x-gantry-needs"]["caller"] == "staff" {
                continue;
            }
            let route = format!("{} {path}", method.to_uppercase());
            for parameter in operation["parameters"].as_array().into_iter().flatten().map(&resolve) {
                let name = parameter["name"].as_str().unwrap();
                if parameter["in"] == "path" && name.ends_with("_id") {
                    found.push((route.clone(), name.to_owned(), "path"));
                }
            }
            let body =
                operation["requestBody"]["content"].as_object().into_iter().flat_map(|types| types.values());
            for schema in body.map(|content| resolve(&content["schema"])) {
                let names = schema["properties"].as_object().into_iter().flat_map(|members| members.keys());
                // not ours: the client at its provider, and pictures, which are looked up later
                let is_ours = |name: &&String| {
                    let foreign = ["client_id", "avatar_media_id", "logo_media_id"].contains(&name.as_str());
                    (name.ends_with("_id") || name.ends_with("_ids")) && !foreign
                };
                found.extend(names.filter(is_ours).map(|name| (route.clone(), name.clone(), "body")));
            }
        }
    }
    found
}

async fn ask(product: &Product, route: &str, (name, place): (&str, &str), id: &str, token: &str) -> Answer {
    let (method, path) = route.split_once(' ').unwrap();
    let path = if place == "path" { path.replace(&format!("{{{name}}}"), id) } else { path.to_owned() };
    let request = product.request(method.parse().unwrap(), &with_ids(&path)).bearer_auth(token);
    let body = bodies(product, route, id);
    let takes_body = ["PATCH", "PUT"].contains(&method)
        || body != json!({})
        || route.ends_with("/approve")
        || route.ends_with("/rotate");
    let mut answer = product.send(if takes_body { request.json(&body) } else { request }).await;
    if answer.body.is_object() {
        answer.body["instance"] = Value::Null;
    }
    answer
}

/// All that is stored of these ids' owners.
async fn all_of(product: &Product, theirs: &Theirs) -> BTreeSet<String> {
    product.settle().await;
    let is_theirs = |item: &Value| {
        let text = item.to_string();
        item["kind"] != "limit" && theirs.values().any(|id| text.contains(id))
    };
    // the table keeps no order of members
    let sorted = |mut item: Value| {
        item.sort_all_objects();
        item.to_string()
    };
    stored::items(product).await.into_iter().filter(is_theirs).map(sorted).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_of_somebody_else_is_like_one_that_there_is_not() {
    let product = Product::start().await;
    let (theirs, directory) = theirs(&product).await;
    let (eve, _) = product.owner("eve@example.org", "beta").await;
    // a customer of one's own, or nothing is asked for at Stripe
    let own = json!({ "type": "eu_vat", "value": "DE123456789" });
    made(&product, "/v1/billing/tax-ids", &eve, &own).await;
    let own_directory = product.scim_token(&eve).await;
    let description = product.send(product.request(Method::GET, "/v1/openapi.json")).await.body;
    let (before, told) = (all_of(&product, &theirs).await, product.events().await);
    let (mut tried, mut problems) = (0, Vec::new());
    for (route, name, place) in routes(&description) {
        let kind = match name.as_str() {
            "domain_ids" => "domain_id",
            "break_glass_member_ids" => "member_id",
            other => other,
        };
        let id = theirs.get(kind).unwrap_or_else(|| panic!("{route} takes {name}: give Ada one"));
        let place = (name.as_str(), place);
        let foreign = ask(&product, &route, place, id, &eve).await;
        let nobodys = ask(&product, &route, place, &unknown(id), &eve).await;
        let (case, said) = (format!("{route} {name}: {foreign:?}"), foreign.body.to_string());
        let unsaid = nobodys.body.to_string();
        let is_alike = foreign.status == nobodys.status && said.replace(id, &unknown(id)) == unsaid;
        // what is not there need not be taken away; an enrollment that is over and one that never was are one
        let is_gone = route.starts_with("DELETE") && foreign.status == StatusCode::NO_CONTENT;
        let is_over = foreign.problem_or_empty() == "enrollment_expired";
        let is_refused =
            place.1 == "body" && foreign.status == StatusCode::UNPROCESSABLE_ENTITY && said.contains(&name);
        if !is_alike || !(foreign.status == StatusCode::NOT_FOUND || is_gone || is_over || is_refused) {
            problems.push(format!("{case}, {nobodys:?}"));
        }
        tried += 1;
    }
    assert!(tried >= 40 && problems.is_empty(), "{tried}: {problems:#?}");
    // an identity provider's program with the ids of another's directory
    let (user, group) = (&theirs["scim_user_id"], &theirs["group_id"]);
    for (kind, id) in [("Users", user), ("Groups", group)] {
        let put = json!({ "schemas": [], "userName": "x@y.example", "displayName": "X" });
        let patch = json!({ "schemas": [crate::scim::PATCH_OP], "Operations": [{ "op": "replace", "path": "displayName", "value": "X" }] });
        for (method, body) in [("GET", Value::Null), ("PUT", put), ("PATCH", patch), ("DELETE", Value::Null)]
        {
            let [foreign, nobodys] = [id.clone(), unknown(id)].map(|id| {
                let (product, own_directory, body) = (&product, &own_directory, body.clone());
                async move { product.scim(own_directory, method, &format!("/{kind}/{id}"), &body).await }
            });
            let (foreign, nobodys) = (foreign.await, nobodys.await);
            let case = format!("{method} /{kind}: {foreign:?}");
            assert_eq!((foreign.status, &foreign.body), (nobodys.status, &nobodys.body), "{case}");
            assert_eq!(foreign.status, StatusCode::NOT_FOUND, "{case}");
        }
    }
    // filters of lists find nothing
    for (query, name) in [("actor_id", "member_id"), ("target_id", "member_id"), ("target_id", "org_id")] {
        let found = product.get(&format!("/v1/audit/events?{query}={}", theirs[name]), &eve).await;
        assert_eq!(found.body, json!({ "items": [], "next_cursor": null }), "{query}={name}");
    }
    let after = all_of(&product, &theirs).await;
    let changed: Vec<_> = before.symmetric_difference(&after).collect();
    assert_eq!(changed, Vec::<&String>::new(), "nothing of theirs has changed");
    let news: Vec<_> = product.events().await.split_off(told.len());
    assert_eq!(news, Vec::<String>::new(), "and nobody was told anything");
    assert_eq!(
        product.scim(&directory, "GET", &format!("/Users/{user}"), &Value::Null).await.status,
        StatusCode::OK
    );
}

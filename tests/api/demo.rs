//! The demo company that `cargo dev --seed` builds: what it says is there is there, and works.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use local::Demo;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{invites::refused, product::Product};

const INVITES: &str = "/v1/orgs/current/invites";

impl Product {
    /// The token of somebody of the demo, in an organization of it.
    async fn in_demo(&self, demo: &Demo, email: &str, slug: &str) -> String {
        let token = self.sign_in(email).await.text("/access_token");
        let org = demo.organizations.iter().find(|org| org.slug == slug).unwrap();
        let switched = self.post_as("/v1/auth/switch-org", &token, &json!({ "org_id": org.id })).await;
        switched.tokens().text("/access_token")
    }

    /// What is on a list that has a status, by a member that names it.
    async fn listed(&self, by: &str, path: &str, status: &str, name: &str) -> Vec<Value> {
        let listed = self.get(path, by).await;
        assert_eq!(listed.status, StatusCode::OK, "{listed:?}");
        let items = listed.body["items"].as_array().unwrap().iter();
        let mut found: Vec<_> =
            items.filter(|item| item["status"] == status).map(|item| item[name].clone()).collect();
        found.sort_by_key(Value::to_string);
        found
    }

    /// One press of a button of the local page's SCIM client.
    async fn pressed(&self, action: &str, body: &Value) -> Value {
        self.settle().await;
        self.local_post(&format!("/scim/{action}"), body).await
    }

    /// Asserts that there is one demo and no part of it twice.
    async fn has_one_demo(&self, demo: &Demo) {
        let ada = self.in_demo(demo, "ada@acme.example", "acme").await;
        let invited = self.listed(&ada, INVITES, "pending", "email").await;
        assert_eq!(invited, ["lena@acme.example", "paul@partner.example"]);
        assert_eq!(self.listed(&ada, "/v1/orgs/current/invite-links", "active", "uses").await, [0]);
        let keys = self.listed(&ada, "/v1/orgs/current/api-keys", "active", "name").await;
        assert_eq!(keys, ["Onboarding", "Reporting"]);
        let domains = self.listed(&ada, "/v1/orgs/current/domains", "verified", "name").await;
        assert_eq!(domains, ["acme.example"]);
        let connections = self.get("/v1/orgs/current/sso/connections", &ada).await;
        assert_eq!(connections.body["items"].as_array().unwrap().len(), 1, "{connections:?}");
        assert!(connections.body["items"][0]["last_sign_in_at"].is_string(), "{connections:?}");
        let scim = self.get("/v1/orgs/current/scim", &ada).await;
        assert_eq!(scim.body["tokens"].as_array().unwrap().len(), 1, "{scim:?}");
        let roles = self.in_roles(&ada).await;
        let people = demo.people.iter();
        let expected: BTreeMap<_, _> =
            people.filter_map(|one| Some((one.email.clone(), one.roles.get("acme")?.clone()))).collect();
        assert_eq!(roles.into_iter().collect::<BTreeMap<_, _>>(), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_what_the_demo_says() {
    let product = Product::start().await;
    let seeded = product.cloud.seed(|_| {}).await.unwrap();
    assert!(seeded.is_new);
    let demo = &seeded.demo;
    product.has_one_demo(demo).await;
    let roles: BTreeSet<_> =
        demo.people.iter().flat_map(|one| one.roles.values().map(String::as_str)).collect();
    assert_eq!(roles, BTreeSet::from(["admin", "member", "owner", "viewer"]));
    assert!(demo.people.iter().any(|one| one.roles.len() == 2), "somebody is in both");
    for person in &demo.people {
        let token = product.sign_in(&person.email).await.text("/access_token");
        let me = product.get("/v1/me", &token).await;
        let organizations = me.body["organizations"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let are: BTreeMap<_, _> = organizations.map(|org| (text(&org["slug"]), text(&org["role"]))).collect();
        assert_eq!((&me.text("/name"), &are), (&person.name, &person.roles));
    }

    // by the link anybody comes in, and by single sign-on who has an address of the domain
    let kim = product.sign_in("kim@elsewhere.example").await.text("/access_token");
    let link = demo.invite_link.split_once("#token=").unwrap().1;
    assert_eq!(product.accept(&kim, link).await.text("/slug"), "acme");
    let acme = &demo.organizations[0].id;
    for (email, role) in [("vera@acme.example", "viewer"), ("somebody-new@acme.example", "member")] {
        let signed_in = product.by_sso(email).await;
        assert_eq!(&signed_in.text("/tokens/org_id"), acme, "{signed_in:?}");
        let me = product.get("/v1/me", &signed_in.text("/tokens/access_token")).await;
        assert_eq!(me.text("/membership/role"), role, "{me:?}");
    }

    // keys work as far as their scopes go
    let key = |name: &str| seeded.secrets[name].clone();
    let invite = json!({ "email": "key@elsewhere.example", "role": "member" });
    let members = "/v1/orgs/current/members";
    assert_eq!(product.get(members, &key("Reporting")).await.status, StatusCode::OK);
    let beyond = product.post_as(INVITES, &key("Reporting"), &invite).await;
    assert_eq!(refused(&beyond), (403, "insufficient_scope"), "{beyond:?}");
    let invited = product.post_as(INVITES, &key("Onboarding"), &invite).await;
    assert_eq!(invited.status, StatusCode::CREATED, "{invited:?}");
    let beyond = product.get("/v1/orgs/current", &key("Onboarding")).await;
    assert_eq!(refused(&beyond), (403, "insufficient_scope"), "{beyond:?}");

    for (slug, status) in [("acme", json!("active")), ("globex", Value::Null)] {
        let email = if slug == "acme" { "ada@acme.example" } else { "hank@globex.example" };
        let owner = product.in_demo(demo, email, slug).await;
        let billing = product.get("/v1/billing/subscription", &owner).await;
        assert_eq!(billing.body["status"], status, "{billing:?}");
    }
    assert_eq!(product.local("/dead-letters").await["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_s_buttons_keep_the_directory_of_the_demo() {
    let product = Product::start().await;
    let without = product.pressed("provision", &json!({ "user_name": "dana@acme.example" })).await;
    assert!(without["error"].as_str().unwrap().contains("no token"), "{without}");
    let built = product.local_post("/demo", &Value::Null).await;
    assert_eq!(
        (&built["is_new"], built["secrets"].as_object().map(serde_json::Map::len)),
        (&json!(true), Some(2))
    );
    let demo: Demo = serde_json::from_value(built["demo"].clone()).unwrap();
    let ada = product.in_demo(&demo, "ada@acme.example", "acme").await;
    let role = async |ada: &str| {
        let roles = product.in_roles(ada).await;
        roles.into_iter().find(|(email, _)| email == "dana@acme.example").map(|(_, role)| role)
    };
    let dana = json!({
        "user_name": "dana@acme.example", "name": "Dana Fischer", "title": "Buyer", "group": demo.admin_group,
    });
    let statuses = |pressed: &Value| -> Vec<(String, u64)> {
        assert!(pressed["problem"].is_null(), "{pressed}");
        let exchanges = pressed["exchanges"].as_array().unwrap().iter();
        exchanges
            .map(|one| (one["method"].as_str().unwrap().to_owned(), one["status"].as_u64().unwrap()))
            .collect()
    };
    let sent = |pairs: &[(&str, u64)]| -> Vec<(String, u64)> {
        pairs.iter().map(|(method, status)| ((*method).to_owned(), *status)).collect()
    };
    let changed = [("GET", 200), ("PATCH", 200)];
    let grouped = [("GET", 200), ("GET", 200), ("PATCH", 200), ("GET", 200)];
    for (action, requests, is) in [
        ("provision", &[("GET", 200), ("POST", 201)][..], Some("member")),
        ("provision", &changed, Some("member")),
        ("title", &changed, Some("member")),
        ("join", &grouped, Some("admin")),
        ("leave", &grouped, Some("member")),
        ("deactivate", &changed, None),
        ("activate", &changed, Some("member")),
        ("list", &[("GET", 200), ("GET", 200)], Some("member")),
        ("delete", &[("GET", 200), ("DELETE", 204)], None),
    ] {
        let pressed = product.pressed(action, &dana).await;
        assert_eq!(statuses(&pressed), sent(requests), "{action}: {pressed}");
        assert_eq!(role(&ada).await.as_deref(), is, "{action}");
    }

    // what does not go is said, with the requests that went
    let nobody = product.pressed("deactivate", &dana).await;
    assert!(nobody["problem"].as_str().unwrap().contains("provision that person first"), "{nobody}");
    assert_eq!(nobody["exchanges"].as_array().unwrap().len(), 1);
    let pasted = product.pressed("list", &json!({ "token": "gs_local_wrong" })).await;
    assert_eq!(pasted["exchanges"][0]["status"], 401, "{pasted}");
    let unknown = product.pressed("promote", &dana).await;
    assert!(unknown["error"].as_str().unwrap().contains("no such action"), "{unknown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_time_nothing_happens_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let start = || {
        let state = Some(path.clone());
        Product::with(|_| None, |options| local::Options { state, ..options })
    };
    let product = start().await;
    let first = product.cloud.seed(|_| {}).await.unwrap();
    product.settle().await;
    let (events, mails) = (product.events().await, product.local("/mails").await);
    let shown = first.to_string();
    assert!(first.secrets.values().all(|secret| shown.contains(secret)), "{shown}");
    assert!(demo_is_described(&shown, &first.demo), "{shown}");
    let again = product.cloud.seed(|step| panic!("{step}")).await.unwrap();
    assert!(!again.is_new && again.secrets.is_empty());
    product.cloud.stop().await.unwrap();

    let product = start().await;
    let again = product.cloud.seed(|step| panic!("{step}")).await.unwrap();
    product.settle().await;
    assert_eq!((product.events().await, product.local("/mails").await), (events, mails));
    let shown = again.to_string();
    assert!(shown.contains("here already") && demo_is_described(&shown, &again.demo), "{shown}");
    assert!(first.secrets.values().all(|secret| !shown.contains(secret)), "keys are shown once: {shown}");
    product.has_one_demo(&again.demo).await;

    // a reset takes it along
    product.local_post("/reset", &Value::Null).await;
    assert_eq!(product.local("/demo").await["demo"], Value::Null);
    assert!(product.cloud.seed(|_| {}).await.unwrap().is_new);
    product.cloud.stop().await.unwrap();
}

fn demo_is_described(shown: &str, demo: &Demo) -> bool {
    let people = demo.people.iter().map(|person| &person.email);
    let organizations = demo.organizations.iter().map(|org| &org.slug);
    people.chain(organizations).chain([&demo.scim_token, &demo.invite_link]).all(|text| shown.contains(text))
}

/// One that is built up to its second organization, whose owner has asked for too many mails by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demo_that_was_not_finished_is_finished_by_the_next_build() {
    let product = Product::start().await;
    for _ in 0..5 {
        product.post("/v1/auth/magic-links", &json!({ "email": "hank@globex.example" })).await;
    }
    let failed = format!("{:#}", product.cloud.seed(|_| {}).await.unwrap_err());
    assert!(failed.starts_with("Globex cannot be made") && failed.contains("429 rate_limited"), "{failed}");
    assert_eq!(product.local("/demo").await["demo"], Value::Null);
    product.advance(SignedDuration::from_mins(61)).await;
    let seeded = product.cloud.seed(|_| {}).await.unwrap();
    assert!(seeded.is_new);
    product.has_one_demo(&seeded.demo).await;
    let reads = product.get("/v1/orgs/current/members", &seeded.secrets["Reporting"]).await;
    assert_eq!(reads.status, StatusCode::OK, "{reads:?}");
    let token = &seeded.demo.scim_token;
    assert_eq!(product.scim(token, "GET", "/Users", &Value::Null).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_of_somebody_else_is_left_alone() {
    let product = Product::start().await;
    let (eve, _) = product.owner("eve@example.com", "acme").await;
    let failed = format!("{:#}", product.cloud.seed(|_| {}).await.unwrap_err());
    assert!(failed.contains("it is not the demo's; start with --reset"), "{failed}");
    assert_eq!(product.in_roles(&eve).await.len(), 1);
}

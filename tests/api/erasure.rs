//! What is left of a person or an organization that was erased, through the front door: nothing but what the
//! kinds of items say, and the certificate. And how our staff has somebody erased.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use reqwest::{Method, StatusCode, header::USER_AGENT};
use serde_json::{Value, json};
use system_tests::{answer::Answer, domains};
use table::{Erased, Kept};

use crate::{audit::whole, billing::wish, product::Product, stored, usage::event};

const ADA: &str = "ada@corp.example";
const PROGRAM: &str = "AdasBrowser/7";
const NAME: &str = "Ada Byron King";

const DAY: SignedDuration = SignedDuration::from_hours(24);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

impl Product {
    /// Does this as a person with a program of her own.
    async fn by_ada(&self, method: Method, path: &str, token: &str, body: &Value) -> Answer {
        let request = self.request(method, path).bearer_auth(token).header(USER_AGENT, PROGRAM);
        let request = if body.is_null() { request } else { request.json(body) };
        let answer = self.send(request).await;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
        self.settle().await;
        answer
    }

    async fn erase(&self, what: &str, token: &str, body: &Value) -> Answer {
        self.post_as(&format!("/v1/admin/{what}/erase"), token, body).await
    }
}

fn why() -> Value {
    json!({ "reason": "they asked for it in writing", "ticket": "SUP-7" })
}

fn confirmed(slug: &str) -> Value {
    json!({ "confirm_slug": slug, "reason": "they asked for it in writing" })
}

/// The kinds of items whose declaration says that they may be there when their owner is gone.
fn declared() -> BTreeSet<&'static str> {
    let kinds = domains::kinds().into_iter().flat_map(|(_, kinds)| kinds);
    let stays = kinds.filter(|kind| matches!(kind.erased, Erased::Expires | Erased::Stays(_)));
    stays.map(|kind| kind.name).collect()
}

fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name].as_str().unwrap_or_default()
}

/// The kinds of the items in which one of these texts is.
fn holding(items: &[Value], texts: &[&str]) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for item in items {
        let written = item.to_string();
        if texts.iter().any(|text| written.contains(text)) {
            found.entry(text(item, "kind").to_owned()).or_default().push(written);
        }
    }
    found
}

/// Ada in three organizations: a member of Bob's, once one of Carl's, and turned down by Dora's.
async fn ada_and_others(product: &Product) -> ([(&'static str, String); 3], String) {
    let (bob, acme) = product.owner("bob@example.com", "acme").await;
    let (carl, beta) = product.owner("carl@example.com", "beta").await;
    let (dora, gamma) = product.owner("dora@corp.example", "gamma").await;
    let domain = product.verified(&dora, "corp.example").await;
    product.capture(&dora, &domain, &json!({ "capture": "request" })).await;
    product.settle().await;
    let (ada, member) = product.joined(&bob, ADA, "admin").await;
    product.call_me(&ada, &json!(NAME)).await;
    product.set_member(&bob, &member, "member").await;
    product.set_member(&bob, &member, "admin").await;
    let key = json!({ "name": "hers", "scopes": ["org:read"] });
    product.by_ada(Method::POST, "/v1/orgs/current/api-keys", &ada, &key).await;
    let invite = json!({ "email": "eve@example.com", "role": "member" });
    product.by_ada(Method::POST, "/v1/orgs/current/invites", &ada, &invite).await;
    let (there, _) = product.joined(&carl, ADA, "member").await;
    product.by_ada(Method::POST, "/v1/orgs/current/leave", &there, &Value::Null).await;
    let asked = product.by_ada(Method::POST, "/v1/me/join-requests", &ada, &json!({ "org_id": gamma })).await;
    assert!(product.decide(&dora, &asked, "decline").await.status.is_success());
    product.settle().await;
    ([("bob@example.com", acme), ("carl@example.com", beta), ("dora@corp.example", gamma)], ada)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_goes_from_every_log_and_each_log_verifies() {
    let product = Product::start().await;
    let (orgs, ada) = ada_and_others(&product).await;
    let user_id = product.get("/v1/me", &ada).await.text("/id");
    let mut before = Vec::new();
    for (owner, org_id) in &orgs {
        let owner = product.signed_in_to(owner, org_id).await;
        let mut log = product.audit_log(&owner).await;
        log.reverse();
        whole(&log);
        assert!(log.iter().any(|event| event.to_string().contains(ADA)), "or there is nothing to erase");
        before.push(log);
    }
    assert_eq!(product.delete("/v1/me", &ada).await.status, StatusCode::NO_CONTENT);
    product.jump(7 * DAY + HOUR).await;
    let told = |subjects: Vec<String>| subjects.iter().filter(|one| one.ends_with("is erased")).count();
    assert_eq!(told(product.subjects(ADA).await), 1, "told while there is an address");
    product.jump(HOUR).await;
    assert!(product.events().await.contains(&"erasure.certified".to_owned()));
    assert_eq!(told(product.subjects(ADA).await), 1, "and once");

    let items = stored::items(&product).await;
    let found = holding(&items, &[ADA, PROGRAM, NAME]);
    for (kind, rows) in &found {
        let stays = match kind.as_str() {
            // what is in no organization's log, for 90 days
            "audit" => rows
                .iter()
                .all(|row| !row.contains("\"AUDIT#org_") && !row.contains(&format!("\"AUDIT#{user_id}"))),
            // what is on its way, for 7 days; what an organization knows of an address that was invited
            // there, or asked
            "outbox" | "invite" | "join_request" => true,
            kind => declared().contains(kind),
        };
        assert!(stays, "{kind}: {rows:#?}");
    }
    for ((owner, org_id), before) in orgs.iter().zip(before) {
        let owner = product.signed_in_to(owner, org_id).await;
        let mut log = product.audit_log(&owner).await;
        log.reverse();
        whole(&log);
        for (then, now) in before.iter().zip(&log) {
            for lasting in ["id", "time", "action", "actor", "target", "sequence", "hash"] {
                assert_eq!(then[lasting], now[lasting]);
            }
            let hers = then["actor"]["id"] == json!(user_id) || then.to_string().contains(ADA);
            assert_eq!(now["details"].is_string(), hers, "{then}\n{now}");
            if hers {
                assert_eq!([&now["after"], &now["before"], &now["salt"]], [&Value::Null; 3]);
            } else {
                assert_eq!(then, now, "what others did is as it was");
            }
        }
    }
    // a message that comes late writes nothing of her again
    let rows = product.chained_again(&orgs[0].1).await;
    assert!(rows > 5, "{rows}");
    let items = stored::items(&product).await;
    let copies: Vec<_> = items.into_iter().filter(|item| text(item, "kind") == "audit_view").collect();
    assert_eq!(holding(&copies, &[ADA, PROGRAM, NAME]), BTreeMap::new());

    let token = product.staff("op@example.com", "operator").await;
    let certificate = product.get(&format!("/v1/admin/erasures/{user_id}"), &token).await;
    assert_eq!((certificate.status, certificate.text("/status").as_str()), (StatusCode::OK, "done"));
    let parts = certificate.body["certificate"]["erased"].as_array().unwrap();
    let parts: Vec<_> = parts.iter().map(|part| part["part"].as_str().unwrap()).collect();
    assert_eq!(parts, ["account", "audit_rows", "memberships"], "{certificate:?}");
    assert!(!certificate.body.to_string().contains("ada"));
}

impl Product {
    /// A session of now, in an organization.
    pub(crate) async fn signed_in_to(&self, email: &str, org_id: &str) -> String {
        let token = self.sign_in(email).await.text("/access_token");
        let session = self.post_as("/v1/auth/switch-org", &token, &json!({ "org_id": org_id })).await;
        session.tokens().text("/access_token")
    }

    /// Brings all rows of an organization's log to be chained once more: how many those are.
    async fn chained_again(&self, org_id: &str) -> usize {
        let items = stored::items(self).await;
        let of_log = items.iter().filter(|item| text(item, "pk") == format!("AUDIT#{org_id}"));
        let rows: Vec<_> = of_log
            .map(|row| json!({ "id": row["event"]["id"], "time": row["event"]["time"], "row_hash": row["row_hash"] }))
            .collect();
        for rows in rows.chunks(10) {
            let message = json!({ "org_id": org_id, "rows": rows });
            let record = json!({ "messageId": "again", "body": message.to_string(), "receiptHandle": "none",
                "attributes": { "MessageGroupId": org_id, "ApproximateReceiveCount": "1" },
                "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:AuditQueue.fifo" });
            let answer = self.cloud.invoke("queue-audit", json!({ "Records": [record] })).await.unwrap();
            assert_eq!(answer["batchItemFailures"], json!([]), "{answer}");
        }
        rows.len()
    }

    /// Lets it look as if an event about an organization's customer had been tried in vain, often enough.
    pub(crate) async fn given_up(&self, org_id: &str) {
        let items = stored::items(self).await;
        let of_org = |item: &&Value| item["kind"] == "stripe_customer" && item["org_id"] == org_id;
        let customer = text(items.iter().find(of_org).unwrap(), "customer").to_owned();
        let at = self.cloud.clock().now();
        let about = json!({
            "event_id": format!("evt_of_{customer}"), "event_type": "invoice.paid", "created": at, "parked_at": at,
            "reason": "unknown_customer", "waits_for": customer, "failures": 3,
        });
        let (pk, sk) = (format!("STRIPE_PARKED#{customer}"), format!("EVENT#evt_of_{customer}"));
        let place = json!({
            "pk": pk, "sk": sk, "kind": "parked_stripe_event", "version": 1, "list_pk": "STRIPE_PARKED",
            "list_sk": format!("{at}#evt_of_{customer}"), "summary": about.to_string(),
            "expires_at": at.as_second() + 365 * 86_400, "body": json!({ "org": org_id }).to_string(),
        });
        let (client, table) = self.database();
        let mut put = client.put_item().table_name(table);
        for (name, value) in about.as_object().unwrap().iter().chain(place.as_object().unwrap()) {
            let value = match value {
                Value::Number(number) => AttributeValue::N(number.to_string()),
                value => AttributeValue::S(value.as_str().unwrap().to_owned()),
            };
            put = put.item(name, value);
        }
        put.send().await.unwrap();
    }

    /// An organization with something of nearly everything in it: its owner's token, and its id.
    async fn filled(&self, name: &str) -> (String, String) {
        let domain_name = format!("{name}.example");
        let owner = &format!("{name}@{domain_name}");
        let (token, org) = self.owner(owner, name).await;
        self.joined(&token, &format!("ulf@{name}.test"), "owner").await;
        self.call_me(&token, &json!(format!("Owner Of {name}"))).await;
        self.api_key(&token, &["org:read"]).await;
        self.invite(&token, &format!("vic@{name}.test"), "member").await;
        let (_, member) = self.joined(&token, &format!("former@{name}.test"), "member").await;
        assert!(self.remove_member(&token, &member).await.status.is_success());
        for act in ["subscribe", "payment_failed", "cancel"] {
            self.local_post(&format!("/stripe/{act}"), &json!({ "org_id": org, "times": 1 })).await;
            // what it was sold for is not what it has
            self.settle().await;
        }
        self.change_org(&token, &json!({ "slug": format!("{name}-ltd") })).await;
        let domain = self.verified(&token, &domain_name).await;
        self.capture(&token, &domain, &json!({ "capture": "request" })).await;
        assert_eq!(self.connect_sso(&token, &[&domain], &json!({})).await.status.as_u16(), 201);
        let directory = self.scim_token(&token).await;
        let user = self.scim_user(&directory, &format!("yan@{domain_name}")).await.text("/id");
        self.scim_group(&directory, "Everybody", &[&user]).await;
        self.by_sso(&format!("xia@{domain_name}")).await;
        let wes = self.sign_in(&format!("wes@{domain_name}")).await.text("/access_token");
        assert!(self.ask_to_join(&wes, &org).await.status.is_success());
        let expires_at = (self.cloud.clock().now() + 2 * DAY).to_string();
        let link = json!({ "role": "member", "max_uses": 3, "expires_at": expires_at });
        let link = self.post_as("/v1/orgs/current/invite-links", &token, &link).await;
        assert_eq!(link.status, StatusCode::CREATED, "{link:?}");
        let policies = self.policies(&token, &json!({ "allowed_email_domains": [domain_name] })).await;
        assert_eq!(policies.status, StatusCode::OK, "{policies:?}");
        self.given_up(&org).await;
        let mut used = event("1", "projects", &json!(4));
        used["time"] = json!((self.cloud.clock().now() - 2 * HOUR).to_string());
        assert_eq!(self.report(&token, &used).await.body["accepted"], 1);
        let opened = self.post_as("/v1/billing/checkouts", &self.within(&token).await, &wish("team")).await;
        assert_eq!(opened.status, StatusCode::CREATED, "{opened:?}");
        self.exported("/v1/audit/exports", &self.within(&token).await, &json!({})).await;
        self.settle().await;
        (token, org)
    }
}

/// What is there of an organization: key and kind, and all of it where nothing changes it by the clock.
fn of_org(items: &[Value], org_id: &str) -> BTreeMap<String, Value> {
    let named = items.iter().filter(|item| item.to_string().contains(org_id));
    // events that were published go after a week, and answers after a day
    let named = named.filter(|item| !["outbox", "idempotency"].contains(&text(item, "kind")));
    named.map(|item| (format!("{} {}", text(item, "pk"), text(item, "sk")), item.clone())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_goes_and_another_one_is_as_it_was() {
    let product = Product::start().await;
    let (_, org) = product.filled("sam").await;
    let (_, other) = product.filled("tom").await;
    // until their logs are anchored, and what they used is summed up
    product.jump(HOUR).await;
    let token = product.staff("op@example.com", "operator").await;
    let items = stored::items(&product).await;
    let (there, mut others) = (of_org(&items, &org), of_org(&items, &other));
    let kinds = |of: &BTreeMap<String, Value>| -> BTreeSet<String> {
        of.values().map(|item| text(item, "kind").to_owned()).collect()
    };
    let missing: Vec<_> = domains::kinds()
        .into_iter()
        .flat_map(|(_, kinds)| kinds)
        .filter(|kind| kind.owner == table::Owner::Org && !matches!(kind.kept, Kept::Days(..)))
        .map(|kind| kind.name)
        .filter(|name| !kinds(&there).contains(*name))
        .collect();
    // what is not there of an organization as a rule: its deletion, a group with a
    // role, what a directory bars or was refused, a former owner; those are erased with their partitions
    let rare = ["org_deletion", "scim_roles", "scim_failures", "barred", "running_job", "outbox"];
    let missing: Vec<_> = missing.into_iter().filter(|name| !rare.contains(name)).collect();
    assert_eq!(missing, [""; 0], "fill those, too");
    let customers = product.local("/stripe").await["customers"].as_array().unwrap().len();

    let asked = product.erase(&format!("orgs/{org}"), &token, &confirmed("sam-ltd")).await;
    assert_eq!(
        (asked.status, asked.text("/status").as_str()),
        (StatusCode::ACCEPTED, "requested"),
        "{asked:?}"
    );
    product.settle().await;
    for owner in ["sam@sam.example", "ulf@sam.test"] {
        let about = "sam on Gantry is about to be erased".to_owned();
        assert!(product.subjects(owner).await.contains(&about), "{owner}");
    }
    product.jump(DAY + HOUR).await;
    assert_eq!(product.events().await.iter().filter(|one| *one == "organization.erased").count(), 1);

    let items = stored::items(&product).await;
    for (key, item) in of_org(&items, &org) {
        let stays = match text(&item, "kind") {
            // what our staff did, and what is in no organization's log
            "audit" => item["event"]["org_id"].is_null(),
            // where somebody was last, or once: an id in a person's own items
            "user" | "known_in" | "session" => true,
            kind => declared().contains(kind),
        };
        assert!(stays, "{key}: {item}");
    }
    let now = of_org(&items, &other);
    // an hour to which nothing comes any more is closed
    others.retain(|_, item| text(item, "kind") != "usage_todo");
    assert_eq!(
        others.keys().collect::<Vec<_>>(),
        now.keys().filter(|key| others.contains_key(*key)).collect::<Vec<_>>(),
        "nothing of another organization goes"
    );
    // a domain is looked at every day, the head of a log goes on with it, and sums are made anew
    let moves =
        ["domain", "domain_owner", "audit_head", "sso_connection", "user", "usage_day", "usage_month"];
    for (key, item) in others.iter().filter(|(_, item)| !moves.contains(&text(item, "kind"))) {
        assert_eq!(item, &now[key], "{key}");
    }
    let left = product.local("/stripe").await["customers"].as_array().unwrap().len();
    assert_eq!(left, customers - 1, "one customer is deleted at Stripe");
    // what Stripe tells late has no effect
    let late = product.local_post("/stripe/subscribe", &json!({ "org_id": org, "times": 1 })).await;
    assert!(late.to_string().contains("foreign_org"), "somebody who pays for it is another customer: {late}");

    let about = "An organization of yours on Gantry is erased".to_owned();
    for owner in ["sam@sam.example", "ulf@sam.test"] {
        let subjects = product.subjects(owner).await;
        assert_eq!(subjects.iter().filter(|one| **one == about).count(), 1, "{owner}: {subjects:?}");
    }
    let token = product.staff("op2@example.com", "operator").await;
    let certificate = product.get(asked.headers["location"].to_str().unwrap(), &token).await;
    assert_eq!(certificate.text("/status"), "done", "{certificate:?}");
    let parts = certificate.body["certificate"]["erased"].as_array().unwrap();
    let parts: Vec<_> = parts.iter().map(|part| part["part"].as_str().unwrap()).collect();
    let all = [
        "audit_rows",
        "billing",
        "directory",
        "domains",
        "invites",
        "jobs",
        "members",
        "settings",
        "sso_connections",
        "stripe_customers",
        "usage",
    ];
    assert_eq!(parts, all, "{certificate:?}");
    let restore = product.act(&format!("/v1/admin/orgs/{org}/restore"), &token).await;
    assert_eq!((restore.status, restore.problem()), (StatusCode::GONE, "erased"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_has_a_person_erased_within_a_day() {
    let product = Product::start().await;
    let (ada, _) = product.owner(ADA, "acme").await;
    let ada = product.get("/v1/me", &ada).await.text("/id");
    let token = product.staff("op@example.com", "operator").await;
    let own = product.get("/v1/me", &token).await.text("/id");
    let help = product.appoint("help@example.com", "support").await;
    for (user_id, code) in [(&ada, "last_owner"), (&help, "staff_target"), (&own, "staff_target")] {
        let refused = product.erase(&format!("people/{user_id}"), &token, &why()).await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::CONFLICT, code));
        let none = product.get(&format!("/v1/admin/erasures/{user_id}"), &token).await;
        assert_eq!(none.status, StatusCode::NOT_FOUND, "nothing has begun: {none:?}");
    }
    let session = product.sign_in("bob@example.com").await;
    let (bob, user_id) = (session.text("/access_token"), session.text("/user_id"));
    let path = format!("/v1/admin/people/{user_id}/erase");
    let mut answers = Vec::new();
    for _ in 0..2 {
        let ask = product.request(Method::POST, &path).bearer_auth(&token).header("idempotency-key", "once");
        answers.push(product.send(ask.json(&why())).await);
    }
    assert_eq!((answers[0].status, &answers[0].body), (StatusCode::ACCEPTED, &answers[1].body));
    product.settle().await;
    assert_eq!(product.told("user.erasure_requested").await.len(), 1, "asked once");
    let erase_at: jiff::Timestamp = answers[0].text("/erase_at").parse().unwrap();
    assert!(erase_at.duration_since(product.cloud.clock().now()) <= DAY);
    let told = "Your account on Gantry is about to be erased".to_owned();
    assert!(product.subjects("bob@example.com").await.contains(&told));
    let location = answers[0].headers["location"].to_str().unwrap().to_owned();
    assert_eq!(location, format!("/v1/admin/erasures/{user_id}"));
    assert_eq!(product.get(&location, &token).await.body, answers[0].body);
    // who objects comes back
    assert_eq!(product.post_nothing("/v1/me/restore", &bob).await.status, StatusCode::OK);
    assert_eq!(product.get(&location, &token).await.status, StatusCode::NOT_FOUND);
    // what was to be in a week comes sooner, and is not put off by whoever asks again
    assert_eq!(product.delete("/v1/me", &bob).await.status, StatusCode::NO_CONTENT);
    let sooner = product.erase(&format!("people/{user_id}"), &token, &why()).await;
    product.advance(SignedDuration::from_mins(5)).await;
    let again = product.erase(&format!("people/{user_id}"), &token, &why()).await;
    assert_eq!((sooner.status, again.text("/erase_at")), (StatusCode::ACCEPTED, sooner.text("/erase_at")));
    product.jump(DAY + HOUR).await;
    assert!(product.told("user.erased").await.is_empty());
    product.jump(HOUR).await;
    assert_eq!(product.told("user.erased").await, [json!({ "user_id": user_id })]);
    let token = product.staff("op2@example.com", "operator").await;
    assert_eq!(product.get(&location, &token).await.text("/status"), "done");
    let gone = product.erase(&format!("people/{user_id}"), &token, &why()).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_has_an_organization_erased_and_takes_that_back() {
    let product = Product::start().await;
    let (ada, org) = product.owner(ADA, "acme").await;
    let token = product.staff("op@example.com", "operator").await;
    let of_org = format!("orgs/{org}");
    let wrong = product.erase(&of_org, &token, &confirmed("acme-ltd")).await;
    assert_eq!((wrong.status, wrong.problem()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid_request"));
    let (_, paying) = product.owner("bob@example.com", "beta").await;
    product.local_post("/stripe/subscribe", &json!({ "org_id": paying, "times": 1 })).await;
    let paid = product.erase(&format!("orgs/{paying}"), &token, &confirmed("beta")).await;
    assert_eq!((paid.status, paid.problem()), (StatusCode::CONFLICT, "subscription_active"));
    let asked = product.erase(&of_org, &token, &confirmed("acme")).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
    let shown = product.get(&format!("/v1/admin/{of_org}"), &token).await;
    assert_eq!(shown.body["erase_at"], asked.body["erase_at"]);
    let change = product.change_org(&ada, &json!({ "name": "Other" })).await;
    assert_eq!(change.problem(), "access_restricted", "nobody changes what is about to go: {change:?}");
    for _ in 0..2 {
        let restored = product.act(&format!("/v1/admin/{of_org}/restore"), &token).await;
        assert_eq!((restored.status, &restored.body["erase_at"]), (StatusCode::OK, &Value::Null));
    }
    assert!(product.change_org(&ada, &json!({ "name": "Other" })).await.status.is_success());
    product.settle().await;
    for event in ["organization.erasure_requested", "organization.restored"] {
        assert_eq!(product.told(event).await.len(), 1, "{event}");
    }
    product.jump(2 * DAY).await;
    assert!(product.told("organization.erased").await.is_empty());
    // of nobody's it is not taken back
    let token = product.staff("op2@example.com", "operator").await;
    assert_eq!(product.erase(&of_org, &token, &confirmed("acme")).await.status, StatusCode::ACCEPTED);
    let ada = product.get(&format!("/v1/admin/people?email={ADA}"), &token).await.text("/items/0/id");
    assert_eq!(product.erase(&format!("people/{ada}"), &token, &why()).await.status, StatusCode::ACCEPTED);
    let nobodys = product.act(&format!("/v1/admin/{of_org}/restore"), &token).await;
    assert_eq!((nobodys.status, nobodys.problem()), (StatusCode::CONFLICT, "member_inactive"));
    let none = product.erase("orgs/org_01kar8h5g0e0vsx4q1v3f6m2ah", &token, &confirmed("acme")).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

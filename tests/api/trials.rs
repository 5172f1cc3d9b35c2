//! The free trial: one for a company, how our staff extends it, and that it is as long as was promised.

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::{invites::refused, product::Product, stored};

const SUBSCRIPTION: &str = "/v1/billing/subscription";
const DAY: SignedDuration = SignedDuration::from_hours(24);

impl Product {
    async fn trial(&self, token: &str) -> Value {
        self.get(SUBSCRIPTION, token).await.body["trial"].clone()
    }

    async fn level(&self, token: &str) -> String {
        self.get(SUBSCRIPTION, token).await.text("/access/level")
    }

    async fn extend(&self, token: &str, org_id: &str, days: u32) -> Answer {
        let path = format!("/v1/admin/orgs/{org_id}/trial-extensions");
        let body = json!({ "days": days, "reason": "their review takes two more weeks", "ticket": "SUP-1" });
        self.post_as(&path, token, &body).await
    }

    /// The session anew, which is good for a quarter of an hour.
    async fn again(&self, email: &str, org_id: &str) -> String {
        let token = self.sign_in(email).await.text("/access_token");
        let body = json!({ "org_id": org_id });
        self.post_as("/v1/auth/switch-org", &token, &body).await.tokens().text("/access_token")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_company_tries_the_product_once() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@acme-tools.com", "acme").await;
    let first = product.trial(&ada).await;
    assert_eq!((&first["active"], &first["shared"]), (&json!(true), &json!(false)));
    product.jump(DAY * 5).await;
    // within its time the company shares it, whoever of it founds what
    for (email, slug) in [("bob@eu.acme-tools.com", "acme-eu"), ("ada+two@acme-tools.com", "acme-two")] {
        let (token, _) = product.owner(email, slug).await;
        let shared = product.trial(&token).await;
        assert_eq!(shared["trial_ends_at"], first["trial_ends_at"], "{email}");
        assert_eq!((&shared["active"], &shared["shared"]), (&json!(true), &json!(true)), "{email}");
    }
    // where anybody has a mailbox, a person is a company
    let (eve, _) = product.owner("e.ve@gmail.com", "eves").await;
    let (other, _) = product.owner("zoe@gmail.com", "zoes").await;
    assert_eq!(product.trial(&other).await["shared"], false);
    let (again, _) = product.owner("eve+2@googlemail.com", "eves-two").await;
    assert_eq!(product.trial(&again).await["trial_ends_at"], product.trial(&eve).await["trial_ends_at"]);

    product.jump(DAY * 10).await;
    let told = product.events().await.iter().filter(|name| *name == "trial.started").count();
    let (cid, org_id) = product.owner("cid@acme-tools.com", "acme-late").await;
    let none = product.trial(&cid).await;
    assert_eq!((&none["active"], &none["shared"]), (&json!(false), &json!(true)));
    assert_eq!(product.level(&cid).await, "read_only");
    let events = product.events().await;
    assert_eq!(events.iter().filter(|name| *name == "trial.started").count(), told, "nothing began");
    // it can be paid for, and our staff can let it try
    let operator = product.staff("op@example.com", "operator").await;
    let extended = product.extend(&operator, &org_id, 7).await;
    assert_eq!((extended.status, &extended.body["left"]), (StatusCode::CREATED, &json!(1)), "{extended:?}");
    assert_eq!(product.level(&cid).await, "full");
    // two years later it is another company, as far as anybody knows
    product.jump(DAY * 730).await;
    let (dan, _) = product.owner("dan@acme-tools.com", "acme-anew").await;
    let anew = product.trial(&dan).await;
    assert_eq!((&anew["active"], &anew["shared"]), (&json!(true), &json!(false)));
    let owners = stored::items(&product).await;
    let owners: Vec<_> = owners.iter().filter(|item| item["kind"] == "trial_owner").collect();
    assert!(!owners.is_empty());
    for owner in owners {
        let text = owner.to_string();
        assert!(!text.contains("acme-tools") && !text.contains("eve"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_one_begins_the_trial() {
    let product = Product::start().await;
    let mut people = Vec::new();
    for number in 0..5 {
        let email = format!("p{number}@crowded-tools.com");
        people.push(product.sign_in(&email).await.text("/access_token"));
    }
    let found = join_all(people.iter().enumerate().map(async |(number, token)| {
        let body = json!({ "name": "Crowd", "slug": format!("crowd-{number}") });
        let org = product.post_as("/v1/orgs", token, &body).await;
        assert_eq!(org.status, StatusCode::CREATED, "{org:?}");
        let body = json!({ "org_id": org.text("/id") });
        let session = product.post_as("/v1/auth/switch-org", token, &body).await.tokens();
        product.trial(&session.text("/access_token")).await
    }))
    .await;
    assert_eq!(found.iter().filter(|trial| trial["shared"] == false).count(), 1, "{found:?}");
    assert!(found.iter().all(|trial| trial["trial_ends_at"] == found[0]["trial_ends_at"]), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_organization_tries_it_where_the_deployment_says_so() {
    let each = |mut options: local::Options| {
        let rules = json!({ "trial_per": "organization" }).to_string();
        options.environment.insert("BILLING_RULES".to_owned(), rules);
        options
    };
    let product = Product::with(|_| None, each).await;
    product.owner("ada@acme-tools.com", "acme").await;
    product.jump(DAY * 20).await;
    let (ada, _) = product.owner("ada@acme-tools.com", "acme-two").await;
    let trial = product.trial(&ada).await;
    assert_eq!((&trial["active"], &trial["shared"]), (&json!(true), &json!(false)));
    let kept = stored::items(&product).await;
    assert!(kept.iter().all(|item| item["kind"] != "trial_owner"), "nobody's address is kept for nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_extends_a_trial_twice_and_says_why() {
    let product = Product::start().await;
    let (_, org_id) = product.owner("ada@example.com", "acme").await;
    product.jump(DAY * 12).await;
    let support = product.staff("help@example.com", "support").await;
    for days in [0, 31] {
        let wrong = product.extend(&support, &org_id, days).await;
        assert_eq!((wrong.problem(), wrong.text("/errors/0/pointer")), ("invalid_request", "/days".into()));
    }
    let nobody = product.extend(&support, "org_01h2xcejqtf2nbrexx3vqjhp41", 7).await;
    assert_eq!(refused(&nobody), (404, "not_found"));
    // twice with one key is once
    let path = format!("/v1/admin/orgs/{org_id}/trial-extensions");
    let body = json!({ "days": 10, "reason": "their review takes two more weeks" });
    let ask = || product.request(Method::POST, &path).bearer_auth(&support).header("idempotency-key", "one");
    let first = product.send(ask().json(&body)).await;
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    assert_eq!(product.send(ask().json(&body)).await.body, first.body);
    assert_eq!(first.body["trial"]["trial_extended_count"], 1);
    let ada = product.again("ada@example.com", &org_id).await;
    assert_eq!(product.trial(&ada).await["trial_ends_at"], first.body["trial"]["trial_ends_at"]);

    // it is over, and begins anew from now on; notices come again
    product.days(13).await;
    let subjects = product.subjects("ada@example.com").await;
    let ended = |subjects: &[String]| subjects.iter().filter(|it| it.contains("has ended")).count();
    assert_eq!(ended(&subjects), 1, "{subjects:?}");
    let ada = product.again("ada@example.com", &org_id).await;
    assert_eq!(product.level(&ada).await, "read_only");
    let support = product.staff("other@example.com", "support").await;
    let (before, second) = (product.cloud.clock().now(), product.extend(&support, &org_id, 5).await);
    let ends: Timestamp = second.text("/trial/trial_ends_at").parse().unwrap();
    assert!((ends - DAY * 5).duration_since(before).as_secs() < 60, "{second:?}");
    assert_eq!((product.level(&ada).await, &second.body["left"]), ("full".into(), &json!(0)));
    let third = product.extend(&support, &org_id, 5).await;
    assert_eq!(refused(&third), (409, "trial_extension_limit"));
    product.days(6).await;
    let subjects = product.subjects("ada@example.com").await;
    assert_eq!(ended(&subjects), 2, "{subjects:?}");
    let rows = stored::items(&product).await;
    let acts = rows.iter().filter(|row| row["kind"] == "audit" && row["event"]["type"] == "staff.acted");
    let acts = acts.filter(|row| row["event"]["data"]["operation"] == "adminExtendTrial");
    assert_eq!(acts.count(), 2, "each is written down, with the reason");
    let told = product.events().await.iter().filter(|name| *name == "trial.extended").count();
    assert_eq!(told, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_the_staff_extend_it_twice_together() {
    let product = Product::start().await;
    let (_, org_id) = product.owner("ada@example.com", "acme").await;
    let support = product.staff("help@example.com", "support").await;
    let answers = join_all((0..5).map(|_| product.extend(&support, &org_id, 1))).await;
    let given = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    assert_eq!(given, 2, "{answers:?}");
    let others = answers.iter().filter(|answer| answer.status != StatusCode::CREATED);
    others.for_each(|answer| assert_eq!(refused(answer), (409, "trial_extension_limit")));
}

/// The days that were promised, and those that were given on top, are free for whoever subscribes in them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_money_is_taken_before_the_promised_instant() {
    let product = Product::start().await;
    let (ada, org_id) = product.owner("ada@example.com", "acme").await;
    // a page that was opened before the trial was extended is none any more
    let wish = crate::billing::wish("team");
    let early = product.post_as("/v1/billing/checkouts", &ada, &wish).await;
    assert_eq!(early.status, StatusCode::CREATED, "{early:?}");
    let support = product.staff("help@example.com", "support").await;
    let extended = product.extend(&support, &org_id, 10).await;
    let promised: Timestamp = extended.text("/trial/trial_ends_at").parse().unwrap();
    let opened = product.post_as("/v1/billing/checkouts", &ada, &wish).await;
    assert_ne!(opened.text("/id"), early.text("/id"), "{opened:?}");
    assert_eq!(product.choose(&opened.text("/url"), "pay").await, 303);
    let refused_now = product.extend(&support, &org_id, 10).await;
    assert_eq!(refused(&refused_now), (409, "already_subscribed"));
    let paid = async |product: &Product| {
        let invoices = product.at_stripe(Method::GET, "/v1/invoices", &[]).await;
        let paid = invoices["data"].as_array().unwrap().iter();
        paid.map(|invoice| invoice["amount_paid"].as_i64().unwrap()).sum::<i64>()
    };
    let left = promised.duration_since(product.cloud.clock().now());
    product.jump(left - SignedDuration::from_secs(120)).await;
    assert_eq!(paid(&product).await, 0, "two minutes before");
    product.jump(SignedDuration::from_hours(3)).await;
    assert!(paid(&product).await > 0, "it is paid from then on");
    let ada = product.again("ada@example.com", &org_id).await;
    let subscription = product.get(SUBSCRIPTION, &ada).await;
    assert_eq!(
        (subscription.text("/status"), subscription.text("/access/level")),
        ("active".into(), "full".into())
    );
}

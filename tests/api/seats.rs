//! Seats: how many are taken, how many Stripe charges for, and what a night mends of that and of the rest.

use futures::future::{join, join_all};
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{invites::refused, product::Product};

const SEATS: &str = "/v1/billing/seats";
const SUBSCRIPTION: &str = "/v1/billing/subscription";
const FOUND: &str = "/v1/admin/billing/reconciliations";

impl Product {
    /// Whether Stripe's webhooks come from now on, or are lost.
    pub(crate) async fn hears(&self, times: usize) {
        let manner = self.request(Method::PUT, "/_local/api/stripe/manner");
        let heard = self.send(manner.json(&json!({ "times": times }))).await;
        assert!(heard.status.is_success(), "{heard:?}");
    }

    /// The one subscription there is at Stripe.
    pub(crate) async fn sold(&self) -> Value {
        let all = self.at_stripe(Method::GET, "/v1/subscriptions?status=all", &[]).await;
        assert_eq!(all["data"].as_array().map(Vec::len), Some(1), "{all}");
        all["data"][0].clone()
    }

    /// For how many Stripe charges; which is for how many seats are taken.
    pub(crate) async fn charged(&self) -> u64 {
        let (used, ..) = self.seats().await;
        let sold = self.sold().await["items"]["data"][0]["quantity"].as_u64();
        assert_eq!(sold, Some(used), "seats that are taken");
        used
    }

    async fn taken(&self, token: &str) -> Value {
        let answer = self.get(SEATS, token).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.body
    }

    /// What the night finds.
    pub(crate) async fn night(&self) -> Value {
        let run = self.cloud.invoke("cron-reconcile", json!({})).await.unwrap();
        assert_eq!(run["complete"], true, "{run}");
        self.settle().await;
        run
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stripe_charges_for_the_seats_that_are_taken() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (bob, member) = product.joined(&ada, "bob@example.com", "member").await;
    assert_eq!(product.taken(&ada).await, json!({ "used": 2, "pending": 0, "cap": 20 }));
    product.subscribed(&ada, "team", "pay").await;
    assert_eq!(product.charged().await, 2);
    let (invite, _) = product.invited(&ada, "cleo@example.com", "viewer").await;
    assert_eq!(product.taken(&ada).await, json!({ "used": 3, "pending": 1, "cap": 250 }));
    assert_eq!(product.charged().await, 3);
    let shown = product.get(SUBSCRIPTION, &ada).await;
    assert_eq!(shown.body["seats"], 3, "{shown:?}");
    product.joined(&ada, "dan@example.com", "viewer").await;
    assert_eq!(product.taken(&ada).await, json!({ "used": 4, "pending": 1, "cap": 250 }));
    assert_eq!(product.charged().await, 4);
    let gone = product.delete(&format!("/v1/orgs/current/invites/{invite}"), &ada).await;
    assert!(gone.status.is_success(), "{gone:?}");
    assert_eq!(product.charged().await, 3);
    let left = product.delete(&format!("/v1/orgs/current/members/{member}"), &ada).await;
    assert!(left.status.is_success(), "{left:?}");
    assert_eq!(product.charged().await, 2);
    assert_eq!(product.get(SEATS, &bob).await.status, StatusCode::FORBIDDEN);
    // the difference is with the next invoice, and nothing was paid for it at once
    let invoices = product.at_stripe(Method::GET, "/v1/invoices?limit=100", &[]).await;
    assert_eq!(invoices["data"].as_array().map(Vec::len), Some(1), "{invoices}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_at_once_end_at_the_true_number_and_within_the_cap() {
    let product = Product::crowded().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    product.subscribed(&ada, "starter", "pay").await;
    // the table, not the limit of mails, says how many
    let emails: Vec<_> = (0..20).map(|number| format!("p{number}@example.com")).collect();
    let asked = join_all(emails.iter().map(|email| product.invite(&ada, email, "viewer"))).await;
    let made = asked.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    assert!(asked.iter().all(|it| it.status == StatusCode::CREATED || it.problem() == "seat_limit_reached"));
    assert_eq!(made, 9, "of ten seats one is the owner's");
    assert_eq!(product.charged().await, 10);
    assert_eq!(product.taken(&ada).await, json!({ "used": 10, "pending": 9, "cap": 10 }));
    assert_eq!(product.failures().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_smaller_plan_is_never_left_with_more_people_than_it_has_seats_for() {
    for before in [5, 8] {
        let product = Product::crowded().await;
        let (_, org_id) = product.owner("ada@example.com", "acme").await;
        product.jump(SignedDuration::from_hours(15 * 24)).await;
        let ada = product.signed_in_to("ada@example.com", &org_id).await;
        product.subscribed(&ada, "team", "pay").await;
        for number in 0..before {
            product.invited(&ada, &format!("b{number}@example.com"), "viewer").await;
        }
        let emails: Vec<_> = (0..20).map(|number| format!("p{number}@example.com")).collect();
        let smaller = json!({ "plan": "starter" });
        let invites = join_all(emails.iter().map(|email| product.invite(&ada, email, "viewer")));
        let (changed, asked) =
            join(product.change(Method::PATCH, SUBSCRIPTION, &ada, &smaller), invites).await;
        product.settle().await;
        let (used, ..) = product.seats().await;
        let made = asked.iter().filter(|answer| answer.status == StatusCode::CREATED).count() as u64;
        assert_eq!(used, 1 + before + made);
        let plan = product.get("/v1/entitlements", &ada).await.text("/plan");
        match refused(&changed) {
            (200, _) => {
                assert_eq!(plan, "starter");
                assert!(used <= 10, "{used} people on a plan for 10");
            }
            (409, "too_many_seats") => assert_eq!(plan, "team"),
            other => panic!("{other:?}"),
        }
        assert_eq!(product.charged().await, used);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_is_refused_lets_people_in_as_before() {
    let product = Product::start().await;
    let (_, org_id) = product.owner("ada@example.com", "acme").await;
    product.jump(SignedDuration::from_hours(15 * 24)).await;
    let ada = product.signed_in_to("ada@example.com", &org_id).await;
    product.subscribed(&ada, "starter", "later").await;
    let dear = product.change(Method::PATCH, SUBSCRIPTION, &ada, &json!({ "plan": "business" })).await;
    assert_eq!(refused(&dear), (402, "payment_failed"), "{dear:?}");
    for number in 0..9 {
        product.invited(&ada, &format!("p{number}@example.com"), "viewer").await;
    }
    assert_eq!(
        refused(&product.invite(&ada, "last@example.com", "viewer").await),
        (402, "seat_limit_reached")
    );
    assert_eq!(product.charged().await, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_lost_on_its_way_is_mended_in_the_night() {
    let product = Product::start().await;
    let (ada, org_id) = product.owner("ada@example.com", "acme").await;
    product.subscribed(&ada, "team", "pay").await;
    let id = product.sold().await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/subscriptions/{id}");
    product.hears(0).await;
    // the first period is paid, another number of seats is sold by hand, and the end is decided
    product.jump(SignedDuration::from_hours(15 * 24)).await;
    let item = product.sold().await["items"]["data"][0]["id"].as_str().unwrap().to_owned();
    let form =
        [("items[0][id]", item.as_str()), ("items[0][quantity]", "7"), ("cancel_at_period_end", "true")];
    let sold = product.at_stripe(Method::POST, &path, &form).await;
    assert_eq!((&sold["status"], &sold["cancel_at_period_end"]), (&json!("active"), &json!(true)), "{sold}");
    let ada = product.signed_in_to("ada@example.com", &org_id).await;
    // the schedules of the days until then have found some of it already
    let shown = product.get(SUBSCRIPTION, &ada).await;
    assert_eq!(shown.body["cancel_at_period_end"], false, "{shown:?}");
    product.jump(SignedDuration::from_hours(24)).await;
    product.night().await;
    let ada = product.signed_in_to("ada@example.com", &org_id).await;
    let shown = product.get(SUBSCRIPTION, &ada).await;
    assert_eq!(shown.body["cancel_at_period_end"], true, "{shown:?}");
    assert_eq!(
        (shown.text("/status"), shown.text("/latest_invoice/status")),
        ("active".into(), "paid".into())
    );
    assert_eq!(product.charged().await, 1);
    let events = product.events().await;
    for name in ["subscription.updated", "invoice.paid", "reconciliation.finished"] {
        assert!(events.iter().any(|event| event == name), "{name}: {events:?}");
    }
    // it ends at once, and nobody tells
    product.at_stripe(Method::DELETE, &path, &[]).await;
    product.settle().await;
    assert_eq!(product.get(SUBSCRIPTION, &ada).await.text("/status"), "active");
    product.jump(SignedDuration::from_hours(24)).await;
    product.night().await;
    let ada = product.signed_in_to("ada@example.com", &org_id).await;
    let shown = product.get(SUBSCRIPTION, &ada).await;
    assert_eq!(shown.text("/status"), "canceled", "{shown:?}");
    assert!(product.events().await.iter().any(|event| event == "subscription.canceled"));

    let operator = product.staff("olga@example.com", "operator").await;
    let found = product.get(FOUND, &operator).await;
    assert_eq!(found.status, StatusCode::OK, "{found:?}");
    let kinds: Vec<_> = found.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|night| night["differences"].as_array().unwrap())
        .map(|it| {
            (it["kind"].as_str().unwrap(), it["mended"].as_bool().unwrap(), it["org_id"] == org_id.as_str())
        })
        .collect();
    for kind in ["subscription", "seats", "invoice"] {
        assert!(kinds.contains(&(kind, true, true)), "{kind}: {kinds:?}");
    }
    assert!(found.body["items"][0]["finished_at"].is_string(), "{found:?}");
    let all = found.body["items"].as_array().unwrap().len();
    let tonight = found.text("/items/0/night_at");
    let some = product.get(&format!("{FOUND}?from={tonight}"), &operator).await;
    assert!(all > 1 && some.body["items"].as_array().unwrap().len() == 1, "{some:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_people_can_decide_is_told() {
    let product = Product::start().await;
    let (ada, org_id) = product.owner("ada@example.com", "acme").await;
    product.subscribed(&ada, "team", "pay").await;
    let price = [("items[0][price]", "price_local_team_month"), ("trial_period_days", "30")];
    let subscribe = |customer: String| {
        let product = &product;
        async move {
            let form = [price[0], price[1], ("customer", customer.as_str())];
            product.at_stripe(Method::POST, "/v1/subscriptions", &form).await
        }
    };
    product.hears(0).await;
    let named = |org: &str| [("metadata[org_id]".to_owned(), org.to_owned())];
    let mut expected = Vec::new();
    for (org, kind) in [
        (None, "customer_without_organization"),
        (Some("org_01kar8h5g0e0vsx4q1v3f6m2ag"), "organization_missing"),
        (Some(org_id.as_str()), "two_subscriptions"),
    ] {
        let form = org.map(named);
        let form: Vec<_> = form.iter().flatten().map(|(name, value)| (&**name, &**value)).collect();
        let form = if form.is_empty() { vec![("name", "Somebody")] } else { form };
        let made = product.at_stripe(Method::POST, "/v1/customers", &form).await;
        let customer = made["id"].as_str().unwrap().to_owned();
        let sold = subscribe(customer.clone()).await;
        assert_eq!(sold["status"], "trialing", "{sold}");
        expected.push((customer, kind));
    }
    // whoever only has a name there is nobody's business
    product.at_stripe(Method::POST, "/v1/customers", &[("name", "Nobody")]).await;
    product.jump(SignedDuration::from_hours(24)).await;
    product.night().await;
    let operator = product.staff("olga@example.com", "billing").await;
    let found = product.get(FOUND, &operator).await;
    let night = &found.body["items"][0];
    let shown: Vec<_> = night["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["stripe_customer_id"].as_str().unwrap().to_owned(), it["kind"].as_str().unwrap()))
        .collect();
    for one in &expected {
        assert!(shown.contains(one), "{one:?}: {shown:?}");
    }
    // the second one is the organization's from now on, and who pays twice is told
    assert!(shown.contains(&(expected[2].0.clone(), "customer")), "{shown:?}");
    assert!(night["differing"].as_u64().unwrap() >= 3, "{night}");
    let support = product.staff("sue@example.com", "support").await;
    assert_eq!(product.get(FOUND, &support).await.status, StatusCode::FORBIDDEN);
    // the same night is not gone through twice
    assert_eq!(product.night().await["customers"], 0);
}

//! What an organization's plan gives it, and what it does not.

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::{invites::refused, product::Product, stored};

const ENTITLEMENTS: &str = "/v1/entitlements";

impl Product {
    /// Lets Stripe say that the organization subscribed to the price of this lookup key.
    async fn subscribe_to(&self, org_id: &str, number: u32, lookup_key: Option<&str>) {
        let now = self.cloud.clock().now().as_second();
        let price = json!({ "id": format!("price_{number}"), "lookup_key": lookup_key,
            "recurring": { "usage_type": "licensed" } });
        let object = json!({ "id": format!("sub_{org_id}"), "customer": format!("cus_{org_id}"), "status": "active",
            "created": now - 100, "metadata": { "org_id": org_id },
            "items": { "data": [{ "price": price, "quantity": 1, "current_period_start": now - 100,
                "current_period_end": now + 2_592_000 }] } });
        let kind = if number == 1 { "created" } else { "updated" };
        let event = json!({ "id": format!("evt_{org_id}_{number}"), "livemode": false,
            "type": format!("customer.subscription.{kind}"), "created": now + i64::from(number),
            "data": { "object": object } });
        // as Stripe does now and then, twice
        for outcome in ["applied", "duplicate"] {
            assert_eq!(self.hook(&event).await.text("/outcome"), outcome);
        }
        self.settle().await;
    }

    async fn entitlements(&self, token: &str) -> Answer {
        let answer = self.get(ENTITLEMENTS, token).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_gives_what_its_price_at_stripe_stands_for() {
    let product = Product::start().await;
    let (ada, org_id) = product.owner("ada@example.com", "acme").await;
    let features = |domains, sso, scim, days| json!({ "domains": domains, "sso": sso, "scim": scim, "audit_log_days": days });
    let of_trial = product.entitlements(&ada).await;
    assert_eq!(
        (of_trial.text("/plan"), &of_trial.body["features"]),
        ("business".into(), &features(true, true, true, 2555))
    );
    assert_eq!(of_trial.headers["cache-control"], "private, max-age=60");
    let (_, key) = product.api_key(&ada, &["org:read"]).await;
    assert_eq!(product.entitlements(&key).await.body, of_trial.body);
    let (_, other) = product.api_key(&ada, &["members:read"]).await;
    assert_eq!(product.get(ENTITLEMENTS, &other).await.problem(), "insufficient_scope");

    product.subscribe_to(&org_id, 1, Some("starter_month")).await;
    let starter = product.entitlements(&ada).await;
    assert_eq!(
        (starter.text("/plan"), &starter.body["features"]),
        ("starter".into(), &features(false, false, false, 90))
    );
    assert_ne!(starter.text("/version"), of_trial.text("/version"));
    let tag = starter.headers["etag"].to_str().unwrap();
    assert_eq!(tag, format!("\"{}\"", starter.text("/version")));
    let again = product.request(Method::GET, ENTITLEMENTS).bearer_auth(&ada).header("if-none-match", tag);
    assert_eq!(product.send(again).await.status, StatusCode::NOT_MODIFIED);

    product.subscribe_to(&org_id, 2, Some("team_year")).await;
    let team = product.request(Method::GET, ENTITLEMENTS).bearer_auth(&ada).header("if-none-match", tag);
    let team = product.send(team).await;
    assert_eq!((team.status, team.text("/plan")), (StatusCode::OK, "team".into()));
    assert_eq!(team.body["features"], features(true, true, false, 365));
    // a price that nobody wrote down shuts nobody out
    for (number, unknown) in [(3, Some("gold")), (4, None)] {
        product.subscribe_to(&org_id, number, unknown).await;
        assert_eq!(product.entitlements(&ada).await.text("/plan"), "business", "{unknown:?}");
    }
    let told = product.told("entitlements.updated").await;
    let steps: Vec<_> = told.iter().map(|data| [&data["previous"]["plan"], &data["plan"]]).collect();
    assert_eq!(
        steps,
        [["business", "starter"], ["starter", "team"], ["team", "business"]],
        "each change once"
    );
    assert_eq!(told[1]["previous"]["features"], features(false, false, false, 90));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_plan_has_not_is_refused_and_what_was_made_before_stays() {
    let product = Product::start().await;
    let (ada, org_id) = product.owner("ada@example.com", "acme").await;
    let domain = product.verified(&ada, "acme.example").await;
    let connection = product.connect_sso(&ada, &[&domain], &json!({})).await;
    assert_eq!(connection.status, StatusCode::CREATED, "{connection:?}");
    let directory = product.scim_token(&ada).await;
    product.subscribe_to(&org_id, 1, Some("starter_month")).await;
    let description = product.request(Method::GET, "/v1/openapi.json");
    let description = product.send(description).await.body;
    let mut asked = Vec::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let Some(feature) = operation["x-gantry-needs"]["feature"].as_str() else { continue };
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let call =
                || product.request(method.clone(), path).bearer_auth(&ada).json(&json!({ "unread": true }));
            let answer = product.send(call()).await;
            assert_eq!(refused(&answer), (402, "feature_not_in_plan"), "{answer:?}");
            assert!(answer.text("/detail").contains(&format!("Starter has no {feature}")), "{answer:?}");
            assert_eq!(answer.text("/needed"), feature, "{answer:?}");
            asked.push(feature.to_owned());
        }
    }
    asked.sort();
    assert_eq!(asked, ["domains", "scim", "sso"]);
    for path in ["domains", "sso/connections"] {
        let listed = product.get(&format!("/v1/orgs/current/{path}"), &ada).await;
        assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(1), "{path}: {listed:?}");
    }
    // somebody who is taken out at the identity provider must be out here as well
    assert_eq!(product.get("/scim/v2/Users", &directory).await.status, StatusCode::OK);
    product.subscribe_to(&org_id, 2, Some("business_month")).await;
    product.scim_token(&ada).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_says_how_long_its_audit_log_is_kept_and_for_how_many_people_it_is() {
    let product = Product::start().await;
    let (ada, org_id) = product.owner("ada@example.com", "acme").await;
    product.subscribe_to(&org_id, 1, Some("starter_month")).await;
    let renamed = product.change_org(&ada, &json!({ "name": "Acme and Sons" })).await;
    assert_eq!(renamed.status, StatusCode::OK, "{renamed:?}");
    product.settle().await;
    let log = product.audit_log(&ada).await;
    let items = stored::items(&product).await;
    let days = |action: &str| -> Vec<i64> {
        let event = log.iter().find(|event| event["action"] == action).unwrap();
        let time: Timestamp = event["time"].as_str().unwrap().parse().unwrap();
        let of = items.iter().filter(|item| {
            let is_row = item["pk"].as_str().unwrap().starts_with("AUDIT");
            is_row && item["sk"].as_str().unwrap().contains(event["id"].as_str().unwrap())
        });
        let kept = |item: &Value| item["expires_at"].as_i64().unwrap() - time.as_second();
        of.map(|item| kept(item) / SignedDuration::from_hours(24).as_secs()).collect()
    };
    // three copies and the row itself, all for the same time
    assert_eq!((days("organization.created"), days("organization.updated")), (vec![2555; 4], vec![90; 4]));
    for number in 1..10 {
        assert_eq!(
            product.invite(&ada, &format!("p{number}@example.com"), "member").await.status,
            StatusCode::CREATED
        );
    }
    let eleventh = product.invite(&ada, "p10@example.com", "member").await;
    assert_eq!(refused(&eleventh), (402, "seat_limit_reached"), "{eleventh:?}");
    product.subscribe_to(&org_id, 2, Some("team_month")).await;
    assert_eq!(product.invite(&ada, "p10@example.com", "member").await.status, StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plans_are_there_for_everybody() {
    let product = Product::start().await;
    let plans = product.send(product.request(Method::GET, "/v1/billing/plans")).await;
    assert_eq!(plans.headers["cache-control"], "public, max-age=60");
    let ids: Vec<_> = plans.body["items"].as_array().unwrap().iter().map(|plan| plan["id"].clone()).collect();
    assert_eq!(ids, ["starter", "team", "business"]);
    let yearly = json!({ "interval": "year", "currency": "usd", "unit_amount": 9_000 });
    assert_eq!(
        (&plans.body["items"][0]["prices"][1], &plans.body["items"][0]["seats"]),
        (&yearly, &json!(10))
    );
    let tag = plans.headers["etag"].to_str().unwrap();
    let again = product.request(Method::GET, "/v1/billing/plans").header("if-none-match", tag);
    assert_eq!(product.send(again).await.status, StatusCode::NOT_MODIFIED);
    let asked = async |currency: &str| {
        let path = format!("/v1/billing/plans?currency={currency}");
        product.send(product.request(Method::GET, &path)).await
    };
    assert_eq!(asked("usd").await.body, plans.body);
    assert_eq!(asked("eur").await.body["items"], json!([]), "nothing costs euros");
    for wrong in ["", "us", "usdollar"] {
        assert_eq!(asked(wrong).await.problem(), "invalid_request", "{wrong:?}");
    }
}

//! Usage: reported, summed up, limited and set aside.

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::{invites::refused, product::Product, stored};

pub(crate) const EVENTS: &str = "/v1/usage/events";
pub(crate) const RESERVATIONS: &str = "/v1/usage/reservations";
const BATCH: &str = "application/cloudevents-batch+json";

/// An event as `CloudEvents` writes it.
pub(crate) fn event(id: &str, meter: &str, value: &Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "/app", "type": meter, "data": { "value": value } })
}

impl Product {
    pub(crate) async fn report(&self, token: &str, events: &Value) -> Answer {
        let kind = if events.is_array() { BATCH } else { "application/cloudevents+json" };
        let request = self.request(Method::POST, EVENTS).bearer_auth(token).header("content-type", kind);
        self.send(request.body(events.to_string())).await
    }

    /// The key that Stripe is called with.
    fn stripe_key(&self) -> String {
        let arn = self.cloud.environment()["STRIPE_SECRET_ARN"].clone();
        let text = self.cloud.inspect(|state| state.secrets[&arn].current().map(str::to_owned)).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        document["api_key"].as_str().unwrap().to_owned()
    }

    /// Makes the meters at Stripe that are told of: the id of that of tokens.
    pub(crate) async fn stripe_meters(&self) -> String {
        let mut id = String::new();
        for (name, formula) in [("api_calls", "sum"), ("ai_tokens", "sum")] {
            let url = format!("{}/v1/billing/meters", self.cloud.stripe_url().trim_end_matches('/'));
            let meter =
                format!("display_name={name}&event_name={name}&default_aggregation[formula]={formula}");
            let request = reqwest::Client::new().post(url).bearer_auth(self.stripe_key()).body(meter);
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            let answer: Value = request.send().await.unwrap().json().await.unwrap();
            answer["id"].as_str().unwrap_or_else(|| panic!("{answer}")).clone_into(&mut id);
        }
        id
    }

    /// Lets it look as if whoever counted had died before anybody was told how much of a quota is used.
    pub(crate) async fn untold(&self, org_id: &str) {
        let (client, table) = self.database();
        let of_org =
            |item: &Value| item["kind"] == "usage_warning" && item["pk"] == format!("USAGE#{org_id}");
        let told: Vec<_> = stored::items(self).await.into_iter().filter(of_org).collect();
        assert!(!told.is_empty());
        for item in told {
            let key = |name: &str| AttributeValue::S(item[name].as_str().unwrap().to_owned());
            let delete = client.delete_item().table_name(&table).key("pk", key("pk")).key("sk", key("sk"));
            delete.send().await.unwrap();
        }
        self.settle().await;
    }

    async fn rows(&self, token: &str, query: &str) -> Value {
        let answer = self.get(&format!("/v1/usage?{query}"), token).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.body["rows"].as_array().unwrap().iter().map(|row| row["value"].clone()).collect()
    }

    async fn quota(&self, token: &str, meter: &str) -> Value {
        let answer = self.get("/v1/usage/quotas", token).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let items = answer.body["items"].as_array().unwrap();
        items.iter().find(|quota| quota["meter"] == meter).unwrap().clone()
    }
}

fn summed(answer: &Answer) -> (u16, Value) {
    let count = |what: &str| answer.body[what].clone();
    (answer.status.as_u16(), json!([count("accepted"), count("duplicate"), count("refused")]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_reported_is_counted_once_and_summed_up() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (_, key) = product.api_key(&ada, &["usage:write", "usage:read"]).await;
    let one = event("1", "ai_tokens", &json!(40));
    assert_eq!(summed(&product.report(&key, &one).await), (200, json!([1, 0, 0])));
    let mixed = json!([one, event("2", "ai_tokens", &json!(2)), event("3", "wishes", &json!(1)),
        { "specversion": "1.0", "id": "4", "source": "/app", "type": "api_calls",
            "time": "2020-01-01T00:00:00Z" }]);
    let answer = product.report(&key, &mixed).await;
    assert_eq!(summed(&answer), (207, json!([1, 1, 2])));
    let told = |name: &str| -> Vec<_> {
        answer.body["items"].as_array().unwrap().iter().map(|item| item[name].clone()).collect()
    };
    assert_eq!(told("id"), ["1", "2", "3", "4"]);
    assert_eq!(told("status"), ["duplicate", "accepted", "refused", "refused"]);
    assert_eq!(told("code"), [json!(null), json!(null), json!("unknown_meter"), json!("too_late")]);
    let quota = product.quota(&ada, "ai_tokens").await;
    assert_eq!((&quota["used"], &quota["reserved"], &quota["hard"]), (&json!(42), &json!(0), &json!(true)));
    assert_eq!(product.rows(&ada, "meter=ai_tokens&window=hour").await, json!([]));
    product.advance(SignedDuration::from_hours(3)).await;
    for window in ["hour", "day", "period"] {
        assert_eq!(
            product.rows(&key, &format!("meter=ai_tokens&window={window}")).await,
            json!([42]),
            "{window}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stripe_is_told_of_each_hour_what_it_does_not_know() {
    let product = Product::start().await;
    let (ada, org_id) = product.owner("ada@example.com", "acme").await;
    let (_, key) = product.api_key(&ada, &["usage:write"]).await;
    let meter = product.stripe_meters().await;
    product.local_post("/stripe/subscribe", &json!({ "org_id": org_id, "times": 1 })).await;
    let customer = product.local("/stripe").await["customers"][0]["id"].as_str().unwrap().to_owned();
    let told = async || {
        let now = product.cloud.clock().now().as_second();
        let (start, end) = ((now - 86_400) / 60 * 60, (now / 60 + 1) * 60);
        let url = product.cloud.stripe_url().trim_end_matches('/').to_owned();
        let url = format!(
            "{url}/v1/billing/meters/{meter}/event_summaries?customer={customer}&start_time={start}&end_time={end}"
        );
        let request = reqwest::Client::new().get(url).bearer_auth(product.stripe_key());
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        let rows = answer["data"].as_array().unwrap_or_else(|| panic!("{answer}"));
        rows.iter().filter_map(|row| row["aggregated_value"].as_f64()).sum::<f64>().to_string()
    };
    let time = product.cloud.clock().now();
    let one = |id: &str, value: u64| {
        let mut one = event(id, "ai_tokens", &json!(value));
        one["time"] = json!(time.to_string());
        one
    };
    product.report(&key, &one("1", 40)).await;
    product.advance(SignedDuration::from_hours(3)).await;
    assert_eq!(told().await, "40");
    // what comes late is more of the same hour
    product.report(&key, &json!([one("1", 40), one("2", 2)])).await;
    product.advance(SignedDuration::from_hours(3)).await;
    assert_eq!(told().await, "42");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_told_of_a_quota_is_told_with_the_sum() {
    let product = Product::start().await;
    let (ada, org_id) = product.owner("ada@example.com", "acme").await;
    let limit = product.quota(&ada, "ai_tokens").await["limit"].as_u64().unwrap();
    product.report(&ada, &event("1", "ai_tokens", &json!(limit / 10 * 9))).await;
    product.settle().await;
    assert_eq!(product.told("usage.threshold_reached").await.len(), 1);
    product.untold(&org_id).await;
    product.advance(SignedDuration::from_hours(3)).await;
    let told = product.told("usage.threshold_reached").await;
    assert_eq!((told.len(), &told[0]), (2, &told[1]), "once, whoever sums up again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_report_is_refused_as_a_whole() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let one = event("1", "api_calls", &json!(null));
    let sent = async |kind: &str, body: String| {
        let request = product.request(Method::POST, EVENTS).bearer_auth(&ada).header("content-type", kind);
        product.send(request.body(body)).await
    };
    let single = "application/cloudevents+json";
    assert_eq!(refused(&sent("application/json", one.to_string()).await), (415, "unsupported_media_type"));
    assert_eq!(refused(&sent(single, json!([one]).to_string()).await), (422, "invalid_request"));
    assert_eq!(refused(&sent(BATCH, one.to_string()).await), (422, "invalid_request"));
    assert_eq!(refused(&sent(BATCH, json!([one, 7]).to_string()).await), (422, "invalid_request"));
    assert_eq!(refused(&sent(BATCH, json!(vec![&one; 101]).to_string()).await), (422, "invalid_request"));
    assert_eq!(refused(&sent(single, "{".to_owned()).await), (400, "malformed_json"));
    assert_eq!(summed(&product.report(&ada, &json!([])).await), (200, json!([0, 0, 0])));
    for query in [
        "meter=wishes",
        "meter=api_calls&window=week",
        "meter=api_calls&from=2020-01-01T00:00:00Z",
        "meter=api_calls&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        "window=day",
    ] {
        let answer = product.get(&format!("/v1/usage?{query}"), &ada).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}: {answer:?}");
    }
    let meters = product.get("/v1/usage/meters", &ada).await;
    assert!(meters.body["items"].as_array().unwrap().len() > 4, "{meters:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_aside_is_settled_or_free_again() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (bob, _) = product.owner("bob@example.com", "beta").await;
    let all = product.quota(&ada, "ai_tokens").await["limit"].as_u64().unwrap();
    let hold = async |amount: u64| {
        product.post_as(RESERVATIONS, &ada, &json!({ "meter": "ai_tokens", "amount": amount })).await
    };
    let held = hold(all - 10).await;
    assert_eq!((held.status, held.text("/status")), (StatusCode::CREATED, "held".to_owned()));
    let more = hold(11).await;
    assert_eq!(refused(&more), (402, "quota_exceeded"));
    assert_eq!(more.body["resets_at"], product.quota(&ada, "ai_tokens").await["resets_at"]);
    let path = format!("{RESERVATIONS}/{}", held.text("/id"));
    let end = async |token: &str, how: &str, body: Value| {
        product.post_as(&format!("{path}/{how}"), token, &body).await
    };
    assert_eq!(refused(&end(&bob, "settle", json!({ "amount": 1 })).await), (404, "not_found"));
    assert_eq!(refused(&end(&bob, "release", Value::Null).await), (404, "not_found"));
    assert_eq!(refused(&end(&ada, "settle", json!({ "amount": all })).await), (422, "invalid_request"));
    for _ in 0..2 {
        let settled = end(&ada, "settle", json!({ "amount": 5 })).await;
        assert_eq!((settled.text("/status"), &settled.body["used"]), ("settled".to_owned(), &json!(5)));
    }
    assert_eq!(refused(&end(&ada, "release", Value::Null).await), (409, "reservation_closed"));
    let quota = product.quota(&ada, "ai_tokens").await;
    assert_eq!((&quota["used"], &quota["reserved"]), (&json!(5), &json!(0)));

    let left = hold(all - 5).await;
    assert_eq!(left.status, StatusCode::CREATED, "{left:?}");
    product.advance(SignedDuration::from_mins(6)).await;
    let path = format!("{RESERVATIONS}/{}", left.text("/id"));
    let late = product.post_as(&format!("{path}/settle"), &ada, &json!({ "amount": 5 })).await;
    assert_eq!(refused(&late), (410, "reservation_expired"));
    assert_eq!(product.post_nothing(&format!("{path}/release"), &ada).await.text("/status"), "expired");
    assert_eq!(hold(all - 5).await.status, StatusCode::CREATED, "it is free again");
    assert_eq!(product.told("quota.exceeded").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_sets_aside_once() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let hold = || {
        let request =
            product.request(Method::POST, RESERVATIONS).bearer_auth(&ada).header("idempotency-key", "once");
        product.send(request.json(&json!({ "meter": "ai_tokens", "amount": 7, "expires_in": 60 })))
    };
    let made = join_all((0..8).map(|_| hold())).await;
    let ids: std::collections::BTreeSet<_> =
        made.iter().filter(|one| one.status == StatusCode::CREATED).map(|one| one.text("/id")).collect();
    assert_eq!(ids.len(), 1, "{made:?}");
    assert_eq!(product.quota(&ada, "ai_tokens").await["reserved"], 7);
}

/// A closed organization's reporters are told so; one that can only read goes on being counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usage_is_counted_as_long_as_an_organization_can_read() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (_, key) = product.api_key(&ada, &["usage:write", "billing:read"]).await;
    let held = product
        .post_as(RESERVATIONS, &key, &json!({ "meter": "ai_tokens", "amount": 7, "expires_in": 86_400 }))
        .await;
    assert_eq!(held.status, StatusCode::CREATED, "{held:?}");
    product.jump(SignedDuration::from_hours(24 * 15)).await;
    let level = product.get("/v1/billing/subscription", &key).await.text("/access/level");
    let counted = product.report(&key, &event("late", "ai_tokens", &json!(1))).await;
    let reserved = product.post_as(RESERVATIONS, &key, &json!({ "meter": "ai_tokens", "amount": 1 })).await;
    assert_eq!(refused(&reserved), (402, "access_restricted"), "{level}");
    match level.as_str() {
        "read_only" => assert_eq!(summed(&counted), (200, json!([1, 0, 0]))),
        _ => assert_eq!(refused(&counted), (402, "access_restricted"), "{level}"),
    }
    let path = format!("{RESERVATIONS}/{}/release", held.text("/id"));
    assert_eq!(
        product.post_nothing(&path, &key).await.status,
        StatusCode::OK,
        "what is held can be given back"
    );
}

//! Setting up an account at Stripe, from what is there.

use reqwest::Method;
use serde_json::{Value, json};
use stripe_client::{ApiKey, Client, ClientOptions, EVENT_TYPES};
use stripe_setup::{Remedy, apply, differences};

use crate::product::Product;

const URL: &str = "https://api.example.com/";

fn client(product: &Product) -> Client {
    let url = product.cloud.template().functions["api-billing"].environment["STRIPE_API_URL"].clone();
    let key = product.stripe_document()["api_key"].as_str().unwrap().to_owned();
    let key = ApiKey::new(primitives::Secret::new(key)).unwrap();
    Client::new(key, ClientOptions { base_url: url, ..ClientOptions::default() })
}

/// What differs, as somebody reads it.
async fn told(client: &Client) -> Vec<String> {
    differences(client, Some(URL)).await.unwrap().iter().map(ToString::to_string).collect()
}

async fn made_so(client: &Client) -> Vec<Value> {
    let mut made = Vec::new();
    for difference in differences(client, Some(URL)).await.unwrap() {
        made.extend(apply(client, &difference).await.unwrap());
    }
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_account_lacks_is_said_and_made_once() {
    let product = Product::start().await;
    let client = client(&product);
    let at_first = differences(&client, None).await.unwrap();
    assert!(
        at_first.iter().all(|one| one.what.starts_with("meter ")),
        "the local account sells all: {at_first:?}"
    );

    // somebody sets the account up by hand, and otherwise
    let post = async |path: &str, form: &[(&str, &str)]| product.at_stripe(Method::POST, path, form).await;
    let other = [
        ("product", "prod_local_team"),
        ("currency", "usd"),
        ("unit_amount", "1800"),
        ("recurring[interval]", "month"),
        ("lookup_key", "team_month"),
        ("transfer_lookup_key", "true"),
    ];
    post("/v1/prices", &other).await;
    post("/v1/prices/price_local_team_year", &[("active", "false")]).await;
    post("/v1/prices/price_local_starter_year", &[("lookup_key", "old_year")]).await;
    post("/v1/products/prod_local_business", &[("name", "Enterprise")]).await;
    let portal = client.shown("/billing_portal/configurations", &json!({})).await.unwrap();
    let portal = format!("/v1/billing_portal/configurations/{}", portal["data"][0]["id"].as_str().unwrap());
    post(&portal, &[("features[subscription_update][enabled]", "true")]).await;
    let door = [("url", "https://api.example.com/hooks/stripe"), ("enabled_events[0]", "charge.failed")];
    let door = post("/v1/webhook_endpoints", &door).await;
    let average =
        [("display_name", "Calls"), ("event_name", "api_calls"), ("default_aggregation[formula]", "count")];
    let average = post("/v1/billing/meters", &average).await;

    let differ = told(&client).await;
    let begin = [
        "+ price starter_year: 9000 of the smallest unit of usd",
        "~ price team_year: active is false, not true",
        "+ price team_month: unit_amount is 1800, not 1900; another price takes its lookup key",
        "~ product prod_local_business: name is \"Enterprise\", not \"Business\"",
        "! meter api_calls: formula is \"count\", not \"sum\", which cannot be changed",
        "+ meter ai_tokens: Model tokens",
        "~ customer portal: subscription_update is true, not false",
        "~ webhook endpoint https://api.example.com/hooks/stripe: does not hear charge.dispute.created",
    ];
    for begin in begin {
        assert!(differ.iter().any(|told| told.starts_with(begin)), "{begin}: {differ:#?}");
    }
    assert_eq!(differ.len(), begin.len(), "{differ:#?}");
    assert!(differ.iter().any(|told| told.contains("hears charge.failed, too")), "{differ:#?}");
    assert_eq!(told(&client).await, differ, "to look changes nothing");

    made_so(&client).await;
    let left = differences(&client, Some(URL)).await.unwrap();
    assert!(matches!(&left[..], [one] if one.remedy == Remedy::ByHand), "{left:?}");
    let meter = format!("/v1/billing/meters/{}/deactivate", average["id"].as_str().unwrap());
    post(&meter, &[]).await;
    made_so(&client).await;
    assert_eq!(told(&client).await, [""; 0]);
    let price = client.shown("/prices", &json!({ "lookup_keys": ["team_month"] })).await.unwrap();
    assert_eq!(
        (&price["data"][0]["unit_amount"], price["data"].as_array().unwrap().len()),
        (&json!(1_900), 1)
    );
    // the product still sells, at the new price
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    product.subscribed(&ada, "team", "pay").await;

    // an endpoint that is missing is made, with the secret that Stripe says once
    let door = format!("/v1/webhook_endpoints/{}", door["id"].as_str().unwrap());
    product.at_stripe(Method::DELETE, &door, &[]).await;
    let made = made_so(&client).await;
    assert_eq!(made.len(), 1, "{made:?}");
    assert!(made[0]["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(made[0]["enabled_events"], json!(EVENT_TYPES));
    assert_eq!(made_so(&client).await, [Value::Null; 0]);
}

/// The page that people read names the same kinds.
#[test]
fn the_kinds_of_events_are_those_of_the_page() {
    let page = include_str!("../../docs/api.md");
    let (_, list) = page.split_once("Listen to these, and to nothing else").unwrap();
    let (list, _) = list.split_once("Use an endpoint of your own account").unwrap();
    let mut named = Vec::new();
    let mut prefix = "";
    for word in list.split('`').skip(1).step_by(2) {
        if word.ends_with('.') {
            prefix = word;
        } else if word.contains('.') {
            named.push(word.to_owned());
        } else {
            named.push(format!("{prefix}{word}"));
        }
    }
    named.sort_unstable();
    assert_eq!(named, EVENT_TYPES);
}

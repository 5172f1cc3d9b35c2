//! The calls of `GET /v1/billing/subscription` and `GET /v1/orgs/current/members`, and nothing else: no
//! authentication, no limits, no headers. Written as the examples of the runtime and the SDK are, with what
//! both bring along.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity},
};
use lambda_http::{Body, Error, Request, RequestExt, Response, run, service_fn, tracing};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let client = Client::new(&aws_config::load_from_env().await);
    #[expect(clippy::disallowed_methods, reason = "a bare function has no lambda-host")]
    let table = std::env::var("TABLE_NAME")?;
    run(service_fn(|request: Request| answer(&client, &table, request))).await
}

async fn answer(client: &Client, table: &str, request: Request) -> Result<Response<Body>, Error> {
    let parameters = request.query_string_parameters();
    let parameter = |name: &str| parameters.first(name).map(str::to_owned).ok_or("a parameter is missing");
    let (user, org) = (parameter("user")?, parameter("org")?);
    let people = caller(client, table, &user, &org).await?;
    let body = if request.uri().path() == "/v1/billing/subscription" {
        subscription(client, table, &org).await?
    } else {
        members(client, table, &org).await?
    };
    tracing::info!(path = request.uri().path(), people, "request");
    Ok(Response::builder().header("content-type", "application/json").body(body.to_string().into())?)
}

fn key(pk: String, sk: impl Into<String>) -> HashMap<String, AttributeValue> {
    HashMap::from([("pk".to_owned(), AttributeValue::S(pk)), ("sk".to_owned(), AttributeValue::S(sk.into()))])
}

async fn caller(client: &Client, table: &str, user: &str, org: &str) -> Result<usize, Error> {
    let keys = [
        key(format!("USER#{user}"), "USER"),
        key(format!("USER#{user}"), format!("MEMBERSHIP#{org}")),
        key(format!("GATE#{org}"), "GATE"),
    ];
    let wanted = KeysAndAttributes::builder().consistent_read(false).set_keys(Some(keys.into())).build()?;
    let answer = client
        .batch_get_item()
        .request_items(table, wanted)
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .send()
        .await?;
    Ok(answer.responses.unwrap_or_default().remove(table).unwrap_or_default().len())
}

async fn subscription(client: &Client, table: &str, org: &str) -> Result<Value, Error> {
    let answer = client
        .get_item()
        .table_name(table)
        .set_key(Some(key(format!("BILL#{org}"), "SUBSCRIPTION")))
        .consistent_read(false)
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .send()
        .await?;
    Ok(serde_dynamo::from_item(answer.item.unwrap_or_default())?)
}

async fn members(client: &Client, table: &str, org: &str) -> Result<Value, Error> {
    let answer = client
        .query()
        .table_name(table)
        .key_condition_expression("#pk = :pk AND begins_with(#sk, :sk)")
        .expression_attribute_names("#pk", "pk")
        .expression_attribute_names("#sk", "sk")
        .expression_attribute_values(":pk", AttributeValue::S(format!("ORG#{org}")))
        .expression_attribute_values(":sk", AttributeValue::S("MEMBER#".to_owned()))
        .consistent_read(false)
        .limit(25)
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .send()
        .await?;
    let items: Vec<Value> = serde_dynamo::from_items(answer.items.unwrap_or_default())?;
    Ok(json!({ "items": items }))
}

//! The calls of `stream-outbox` for each record, and nothing else: no batches, no repeated attempts, no
//! parking.

use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnConsumedCapacity},
};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use serde_json::{Value, json};

struct Clients {
    table: aws_sdk_dynamodb::Client,
    table_name: String,
    bus: aws_sdk_eventbridge::Client,
    bus_name: String,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_from_env().await;
    #[expect(clippy::disallowed_methods, reason = "a bare function has no lambda-host")]
    let variable = |name| std::env::var(name);
    let clients = Clients {
        table: aws_sdk_dynamodb::Client::new(&config),
        table_name: variable("TABLE_NAME")?,
        bus: aws_sdk_eventbridge::Client::new(&config),
        bus_name: variable("EVENT_BUS_NAME")?,
    };
    run(service_fn(|event: LambdaEvent<Event>| answer(&clients, event))).await
}

async fn answer(clients: &Clients, event: LambdaEvent<Event>) -> Result<Value, Error> {
    for record in &event.payload.records {
        publish(clients, record).await?;
    }
    tracing::info!(records = event.payload.records.len(), "published");
    Ok(json!({ "batchItemFailures": [] }))
}

async fn publish(clients: &Clients, record: &EventRecord) -> Result<(), Error> {
    let row: Value = serde_dynamo::from_item(record.change.new_image.clone())?;
    let text = row["envelope"].as_str().ok_or("the row has no envelope")?;
    let envelope: Value = serde_json::from_str(text)?;
    let entry = PutEventsRequestEntry::builder()
        .event_bus_name(&clients.bus_name)
        .source("gantry")
        .detail_type(envelope["type"].as_str().unwrap_or_default())
        .detail(text)
        .build();
    clients.bus.put_events().entries(entry).send().await?;
    let expires_at = record.change.approximate_creation_date_time.timestamp() + 7 * 24 * 3_600;
    let updated = clients
        .table
        .update_item()
        .table_name(&clients.table_name)
        .key("pk", AttributeValue::S(row["pk"].as_str().unwrap_or_default().to_owned()))
        .key("sk", AttributeValue::S(row["sk"].as_str().unwrap_or_default().to_owned()))
        .update_expression("SET #ttl = if_not_exists(#ttl, :ttl)")
        .condition_expression("attribute_exists(pk)")
        .expression_attribute_names("#ttl", "expires_at")
        .expression_attribute_values(":ttl", AttributeValue::N(expires_at.to_string()))
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .send()
        .await;
    match updated {
        Err(error)
            if error
                .as_service_error()
                .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
        {
            Ok(())
        }
        other => Ok(other.map(drop)?),
    }
}

//! SQS, in its JSON protocol.

mod fifo;

use std::collections::BTreeSet;
use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Answer, ServiceError, md5_hex, required, text};
use crate::engine::Engine;
use crate::state::{Message, NewMessage, Queue};
use crate::template::QueueSpec;

/// Largest message, and largest batch.
const SIZE_LIMIT: usize = 1024 * 1024;
/// Most entries in a batch.
const BATCH_LIMIT: usize = 10;
/// Longest delay of a message, seconds.
const DELAY_LIMIT: u32 = 900;
/// Longest visibility time-out, seconds.
const VISIBILITY_LIMIT: u32 = 43_200;

/// Answers one operation.
pub(super) async fn call(engine: &Engine, operation: &str, request: &Value) -> Answer {
    match operation {
        "ReceiveMessage" => receive(engine, request).await,
        "SendMessage" => send(engine, request),
        "SendMessageBatch" => send_batch(engine, request),
        "DeleteMessage" => delete(engine, &queue(engine, request)?, required(request, "ReceiptHandle")?),
        "DeleteMessageBatch" => {
            let queue = queue(engine, request)?;
            batch(request, |entry| delete(engine, &queue, required(entry, "ReceiptHandle")?))
        }
        "ChangeMessageVisibility" => change_visibility(engine, &queue(engine, request)?, request),
        "ChangeMessageVisibilityBatch" => {
            let queue = queue(engine, request)?;
            batch(request, |entry| change_visibility(engine, &queue, entry))
        }
        "GetQueueAttributes" => attributes(engine, request),
        "GetQueueUrl" => {
            let name = required(request, "QueueName")?;
            let queue = engine.template.queues.get(name).ok_or_else(not_found)?;
            Ok(json!({ "QueueUrl": queue.url }))
        }
        "ListQueues" => {
            let urls: Vec<&str> = engine
                .template
                .queues
                .values()
                .filter(|queue| queue.name.starts_with(text(request, "QueueNamePrefix")))
                .map(|queue| queue.url.as_str())
                .collect();
            Ok(json!({ "QueueUrls": urls }))
        }
        "PurgeQueue" => {
            let queue = queue(engine, request)?;
            engine.store.change(|state| state.queues.entry(queue.name.clone()).or_default().purge());
            Ok(json!({}))
        }
        "StartMessageMoveTask" => move_messages(engine, request),
        "ListDeadLetterSourceQueues" => {
            let queue = queue(engine, request)?;
            let sources: Vec<&str> = sources_of(engine, &queue).map(|source| source.url.as_str()).collect();
            Ok(json!({ "queueUrls": sources }))
        }
        operation => Err(ServiceError::unknown_operation(operation)),
    }
}

fn not_found() -> ServiceError {
    ServiceError::sender("com.amazonaws.sqs#QueueDoesNotExist", "The specified queue does not exist.")
}

fn sources_of<'a>(engine: &'a Engine, dead_letters: &'a QueueSpec) -> impl Iterator<Item = &'a QueueSpec> {
    engine
        .template
        .queues
        .values()
        .filter(|queue| queue.redrive.as_ref().is_some_and(|redrive| redrive.target_arn == dead_letters.arn))
}

/// The queue of a request. Only the last part of the URL counts, as clients may reach the endpoint
/// by another host name.
fn queue(engine: &Engine, request: &Value) -> Result<QueueSpec, ServiceError> {
    let url = required(request, "QueueUrl")?;
    let name = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    engine.template.queues.get(name).cloned().ok_or_else(not_found)
}

fn send(engine: &Engine, request: &Value) -> Answer {
    let queue = queue(engine, request)?;
    let message = new_message(&queue, request)?;
    if size(&message) > SIZE_LIMIT {
        return Err(ServiceError::sender(
            "InvalidParameterValue",
            format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {SIZE_LIMIT} bytes."
            ),
        ));
    }
    Ok(sent(engine, &queue, message))
}

fn sent(engine: &Engine, queue: &QueueSpec, message: NewMessage) -> Value {
    let digest = md5_hex(message.body.as_bytes());
    let mut answer = json!({ "MD5OfMessageBody": digest });
    if !message.attributes.is_empty() {
        answer["MD5OfMessageAttributes"] = json!(attributes_md5(&message));
    }
    let sent = engine.send(queue, message);
    answer["MessageId"] = json!(sent.id);
    if let Some(number) = sent.sequence_number {
        answer["SequenceNumber"] = json!(number);
    }
    answer
}

fn send_batch(engine: &Engine, request: &Value) -> Answer {
    let queue = queue(engine, request)?;
    let entries = request["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let messages = entries.iter().filter_map(|entry| new_message(&queue, entry).ok());
    let total: usize = messages.map(|message| size(&message)).sum();
    if total > SIZE_LIMIT {
        return Err(ServiceError::sender(
            "com.amazonaws.sqs#BatchRequestTooLong",
            format!("Batch requests cannot be longer than {SIZE_LIMIT} bytes. You have sent {total} bytes."),
        ));
    }
    if queue.fifo.is_some() {
        // One that has no order fails the whole batch.
        entries.iter().try_for_each(|entry| fifo::marks(&queue, entry).map(drop))?;
    }
    batch(request, |entry| new_message(&queue, entry).map(|message| sent(engine, &queue, message)))
}

/// Runs a batch operation: checks the entries' ids, then each by itself.
fn batch(request: &Value, mut each: impl FnMut(&Value) -> Answer) -> Answer {
    let entries = request["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let refuse = |code, message: &str| Err(ServiceError::sender(code, message));
    if entries.is_empty() {
        return refuse(
            "com.amazonaws.sqs#EmptyBatchRequest",
            "There should be at least one entry in the request.",
        );
    }
    if entries.len() > BATCH_LIMIT {
        return refuse(
            "com.amazonaws.sqs#TooManyEntriesInBatchRequest",
            "Maximum number of entries per request are 10.",
        );
    }
    let ids: BTreeSet<&str> = entries.iter().map(|entry| text(entry, "Id")).collect();
    if ids.len() != entries.len() {
        return refuse("com.amazonaws.sqs#BatchEntryIdsNotDistinct", "Two entries have the same Id.");
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        let id = text(entry, "Id");
        match each(entry) {
            Ok(mut answer) => {
                answer["Id"] = json!(id);
                successful.push(answer);
            }
            Err(error) => failed.push(json!({
                "Id": id, "SenderFault": true, "Code": error.code.rsplit('#').next(), "Message": error.message,
            })),
        }
    }
    let mut answer = json!({ "Successful": successful });
    if !failed.is_empty() {
        answer["Failed"] = Value::Array(failed);
    }
    Ok(answer)
}

fn new_message(queue: &QueueSpec, request: &Value) -> Result<NewMessage, ServiceError> {
    let body = required(request, "MessageBody")?;
    let allowed = |character: char| matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if !body.chars().all(allowed) {
        return Err(ServiceError::sender(
            "InvalidMessageContents",
            "The message contains characters outside the allowed set.",
        ));
    }
    let attributes = request["MessageAttributes"].as_object().cloned().unwrap_or_default();
    if attributes.len() > 10 {
        return Err(ServiceError::sender(
            "InvalidParameterValue",
            "A message can have 10 attributes at most.",
        ));
    }
    let (group, deduplication_id) = fifo::marks(queue, request)?;
    let mut delay_seconds = seconds(request, "DelaySeconds", DELAY_LIMIT)?;
    if queue.fifo.is_some() {
        // The queue's own is that of all its messages, or they would change places.
        match delay_seconds.take() {
            None | Some(0) => {}
            Some(delay) => return Err(fifo::not_of_this_type("DelaySeconds", delay)),
        }
    }
    Ok(NewMessage {
        body: body.to_owned(),
        attributes: attributes.into_iter().collect(),
        group,
        deduplication_id,
        delay_seconds,
        ..NewMessage::default()
    })
}

fn seconds(request: &Value, name: &str, limit: u32) -> Result<Option<u32>, ServiceError> {
    let value = &request[name];
    if value.is_null() {
        return Ok(None);
    }
    value
        .as_u64()
        .and_then(|value| u32::try_from(value).ok())
        .filter(|value| *value <= limit)
        .map(Some)
        .ok_or_else(|| {
            ServiceError::sender(
                "InvalidParameterValue",
                format!(
                    "Value {value} for parameter {name} is invalid. Reason: Must be between 0 and {limit}."
                ),
            )
        })
}

fn size(message: &NewMessage) -> usize {
    let attributes: usize = message
        .attributes
        .iter()
        .map(|(name, value)| {
            name.len()
                + text(value, "DataType").len()
                + text(value, "StringValue").len()
                + text(value, "BinaryValue").len()
        })
        .sum();
    message.body.len() + attributes
}

/// The digest of attributes as SQS defines it: name, type and value, each with its length, in the
/// order of the names.
fn attributes_md5(message: &NewMessage) -> String {
    md5_hex(&attribute_bytes(message))
}

fn attribute_bytes(message: &NewMessage) -> Vec<u8> {
    use base64::Engine as _;
    let mut bytes = Vec::new();
    let push = |bytes: &mut Vec<u8>, part: &[u8]| {
        bytes.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(part);
    };
    for (name, value) in &message.attributes {
        push(&mut bytes, name.as_bytes());
        push(&mut bytes, text(value, "DataType").as_bytes());
        if let Some(text) = value["StringValue"].as_str() {
            bytes.push(1);
            push(&mut bytes, text.as_bytes());
        } else {
            let binary =
                base64::prelude::BASE64_STANDARD.decode(text(value, "BinaryValue")).unwrap_or_default();
            bytes.push(2);
            push(&mut bytes, &binary);
        }
    }
    bytes
}

async fn receive(engine: &Engine, request: &Value) -> Answer {
    let queue = queue(engine, request)?;
    let limit = match &request["MaxNumberOfMessages"] {
        Value::Null => 1,
        value => value
            .as_u64()
            .and_then(|value| usize::try_from(value).ok())
            .filter(|value| (1..=10).contains(value))
            .ok_or_else(|| {
                ServiceError::sender("InvalidParameterValue", "MaxNumberOfMessages must be between 1 and 10.")
            })?,
    };
    let visibility = seconds(request, "VisibilityTimeout", VISIBILITY_LIMIT)?;
    let wait = Duration::from_secs(u64::from(seconds(request, "WaitTimeSeconds", 20)?.unwrap_or(0)));
    let deadline = tokio::time::Instant::now() + wait;
    let mut news = engine.store.subscribe();
    loop {
        news.mark_unchanged();
        let messages = engine.receive(&queue, limit, visibility, false);
        if !messages.is_empty() || tokio::time::Instant::now() >= deadline {
            let messages: Vec<Value> = messages.iter().map(|message| received(message, request)).collect();
            return Ok(if messages.is_empty() { json!({}) } else { json!({ "Messages": messages }) });
        }
        // A message may also become visible by the passing of time alone.
        let look_again = (tokio::time::Instant::now() + Duration::from_millis(200)).min(deadline);
        drop(tokio::time::timeout_at(look_again, news.changed()).await);
    }
}

fn received(message: &Message, request: &Value) -> Value {
    let mut answer = json!({
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "Body": message.body,
        "MD5OfBody": md5_hex(message.body.as_bytes()),
    });
    let wanted = |list: &str, name: &str| {
        request[list]
            .as_array()
            .is_some_and(|names| names.iter().any(|wanted| wanted == name || wanted == "All"))
    };
    let attributes: Map<String, Value> = message
        .system_attributes()
        .into_iter()
        .filter(|(name, _)| wanted("AttributeNames", name) || wanted("MessageSystemAttributeNames", name))
        .collect();
    if !attributes.is_empty() {
        answer["Attributes"] = Value::Object(attributes);
    }
    let own: Map<String, Value> = message
        .attributes
        .iter()
        .filter(|(name, _)| wanted("MessageAttributeNames", name) || wanted("MessageAttributeNames", ".*"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if !own.is_empty() {
        answer["MessageAttributes"] = Value::Object(own);
    }
    answer
}

fn delete(engine: &Engine, queue: &QueueSpec, receipt: &str) -> Answer {
    if !Queue::has_made(receipt) {
        return Err(invalid_receipt(receipt));
    }
    let now = engine.clock.now();
    let late = engine.store.change(|state| {
        let own = state.queues.entry(queue.name.clone()).or_default();
        own.delete(receipt, now);
        own.is_late(receipt, now)
    });
    if late {
        return Err(fifo::late_receipt(receipt));
    }
    // Deleting what is gone, or from a standard queue what somebody else has received since, is a
    // success in SQS.
    Ok(json!({}))
}

fn invalid_receipt(receipt: &str) -> ServiceError {
    let message = format!("The input receipt handle \"{receipt}\" is not a valid receipt handle.");
    ServiceError::sender("com.amazonaws.sqs#ReceiptHandleIsInvalid", message)
        .with_status(StatusCode::NOT_FOUND)
}

fn change_visibility(engine: &Engine, queue: &QueueSpec, request: &Value) -> Answer {
    let receipt = required(request, "ReceiptHandle")?;
    if !Queue::has_made(receipt) {
        return Err(invalid_receipt(receipt));
    }
    let visibility = seconds(request, "VisibilityTimeout", VISIBILITY_LIMIT)?.ok_or_else(|| {
        ServiceError::sender("MissingParameter", "The request must contain the parameter VisibilityTimeout.")
    })?;
    let now = engine.clock.now();
    let changed = engine.store.change(|state| {
        state.queues.entry(queue.name.clone()).or_default().change_visibility(receipt, visibility, now)
    });
    if changed {
        return Ok(json!({}));
    }
    Err(ServiceError::sender(
        "com.amazonaws.sqs#MessageNotInflight",
        "The message is not in flight: it was deleted, or received again since.",
    ))
}

fn attributes(engine: &Engine, request: &Value) -> Answer {
    let queue = queue(engine, request)?;
    let now = engine.clock.now();
    let counts = engine
        .store
        .read(|state| state.queues.get(&queue.name).map(|queue| queue.counts(now)))
        .unwrap_or_default();
    let mut all = vec![
        ("QueueArn", queue.arn.clone()),
        ("VisibilityTimeout", queue.visibility_timeout_seconds.to_string()),
        ("DelaySeconds", queue.delay_seconds.to_string()),
        ("MessageRetentionPeriod", queue.retention_seconds.to_string()),
        ("MaximumMessageSize", SIZE_LIMIT.to_string()),
        ("ApproximateNumberOfMessages", counts.visible.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
        ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
    ];
    if let Some(fifo) = &queue.fifo {
        all.extend(fifo::attributes(fifo));
    }
    if let Some(redrive) = &queue.redrive {
        let policy = json!({ "deadLetterTargetArn": redrive.target_arn, "maxReceiveCount": redrive.max_receive_count });
        all.push(("RedrivePolicy", policy.to_string()));
    }
    let names = request["AttributeNames"].as_array().map(Vec::as_slice).unwrap_or_default();
    let wanted = |name: &str| names.iter().any(|wanted| wanted == name || wanted == "All");
    let attributes: Map<String, Value> = all
        .into_iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, value)| (name.to_owned(), Value::String(value)))
        .collect();
    Ok(json!({ "Attributes": attributes }))
}

fn move_messages(engine: &Engine, request: &Value) -> Answer {
    let resource_not_found = || {
        ServiceError::sender(
            "com.amazonaws.sqs#ResourceNotFoundException",
            "The resource that you specified for the SourceArn parameter doesn't exist.",
        )
        .with_status(StatusCode::NOT_FOUND)
    };
    let source =
        engine.template.queue_by_arn(required(request, "SourceArn")?).ok_or_else(resource_not_found)?;
    let destination = match request["DestinationArn"].as_str() {
        Some(arn) => Some(engine.template.queue_by_arn(arn).ok_or_else(resource_not_found)?),
        None => None,
    };
    if sources_of(engine, source).next().is_none() {
        return Err(ServiceError::sender(
            "InvalidParameterValue",
            "Source queue must be configured as a Dead Letter Queue.",
        ));
    }
    if destination.is_some_and(|destination| destination.fifo.is_some() != source.fifo.is_some()) {
        return Err(ServiceError::sender(
            "InvalidParameterValue",
            "The source and the destination must be queues of the same type.",
        ));
    }
    let moved = engine.redrive(source, destination);
    tracing::info!(queue = source.name, moved, "dead letters were sent back");
    Ok(json!({ "TaskHandle": crate::state::random_id() }))
}

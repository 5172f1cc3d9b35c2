//! What FIFO queues have besides, on the wire.

use std::fmt::Display;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

use crate::aws::{ServiceError, text};
use crate::template::{FifoSpec, QueueSpec};

/// Longest group, and longest deduplication id.
const LONGEST: usize = 128;

/// Group and deduplication id of a message to this queue. A standard queue may be told groups, to be
/// fair to them, but nothing to tell messages apart by.
pub(super) fn marks(
    queue: &QueueSpec,
    request: &Value,
) -> Result<(Option<String>, Option<String>), ServiceError> {
    let group = mark(request, "MessageGroupId")?;
    let id = mark(request, "MessageDeduplicationId")?;
    let Some(fifo) = &queue.fifo else {
        return match id {
            None => Ok((group, None)),
            Some(id) => Err(not_of_this_type("MessageDeduplicationId", id)),
        };
    };
    if group.is_none() {
        let message = "The request must contain the parameter MessageGroupId.";
        return Err(ServiceError::sender("MissingParameter", message));
    }
    let id = id.or_else(|| fifo.content_based.then(|| sha256_hex(text(request, "MessageBody"))));
    if id.is_none() {
        return Err(ServiceError::sender(
            "InvalidParameterValue",
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId \
             provided explicitly",
        ));
    }
    Ok((group, id))
}

fn mark(request: &Value, name: &str) -> Result<Option<String>, ServiceError> {
    let Some(value) = request[name].as_str() else { return Ok(None) };
    if (1..=LONGEST).contains(&value.len()) && value.chars().all(|character| character.is_ascii_graphic()) {
        return Ok(Some(value.to_owned()));
    }
    let reason =
        format!("{name} can only include alphanumeric and punctuation characters. 1 to 128 in length.");
    Err(invalid(name, value, &reason))
}

fn sha256_hex(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    let digits = digest.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn invalid(name: &str, value: impl Display, reason: &str) -> ServiceError {
    let message = format!("Value {value} for parameter {name} is invalid. Reason: {reason}");
    ServiceError::sender("InvalidParameterValue", message)
}

/// A parameter that only queues of the other type have.
pub(super) fn not_of_this_type(name: &str, value: impl Display) -> ServiceError {
    invalid(name, value, "The request include parameter that is not valid for this queue type.")
}

/// The message of a receipt is visible again, or with somebody else.
pub(super) fn late_receipt(receipt: &str) -> ServiceError {
    invalid("ReceiptHandle", receipt, "The receipt handle has expired.")
}

/// The attributes of the queue.
pub(super) fn attributes(fifo: &FifoSpec) -> [(&'static str, String); 4] {
    let scope = if fifo.deduplicates_in_group { "messageGroup" } else { "queue" };
    let limit = if fifo.limited_by_group { "perMessageGroupId" } else { "perQueue" };
    [
        ("FifoQueue", "true".to_owned()),
        ("ContentBasedDeduplication", fifo.content_based.to_string()),
        ("DeduplicationScope", scope.to_owned()),
        ("FifoThroughputLimit", limit.to_owned()),
    ]
}

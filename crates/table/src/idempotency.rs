use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_dynamodb::{
    operation::{delete_item::DeleteItemError, put_item::PutItemError},
    types::{ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, Update},
};
use primitives::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Key,
    error::StoreError,
    item::{key_attributes, number, read, text},
    keys::{Idempotency, KIND, TTL},
    retry,
    store::Table,
};

/// How long an answer is kept for a caller who asks again.
pub const IDEMPOTENCY_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// After how long a caller that was never answered may be followed by another: longer than any
/// request lives.
pub const IDEMPOTENCY_LEASE: SignedDuration = SignedDuration::from_secs(30);

/// What a caller named a request, within its tenant or, outside of any, its person.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    scope: String,
    key: String,
    request: String,
}

impl IdempotencyKey {
    /// `scope` is the tenant's or person's id, `key` the caller's word, `request` all that makes
    /// the request what it is: method, path and body.
    pub fn new(scope: &impl ToString, key: &str, request: &[u8]) -> Self {
        Self { scope: scope.to_string(), key: hash(key.as_bytes()), request: hash(request) }
    }

    fn item(&self) -> Key {
        Idempotency::key(self.scope.clone(), self.key.clone())
    }
}

/// The right to carry out a request and to store its answer.
#[derive(Clone, Debug)]
pub struct Claim {
    key: Key,
    token: String,
    expires_at: i64,
}

/// An answer as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body, as JSON text.
    pub body: String,
    /// Where the thing is that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The version of what is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

/// What there is to do about a request that carries an idempotency key.
#[derive(Debug)]
pub enum Begun {
    /// Carry it out.
    New(Claim),
    /// Give the answer that was given before.
    Replay(StoredAnswer),
    /// The first one is still being carried out, or died less than [`IDEMPOTENCY_LEASE`] ago.
    InFlight,
    /// The key was used for another request.
    Mismatch,
}

#[derive(Deserialize)]
struct Stored {
    request: String,
    expires_at: i64,
    answer: Option<StoredAnswer>,
}

impl Table {
    /// Claims the key, or says what became of the claim before.
    pub async fn begin(&self, key: &IdempotencyKey) -> Result<Begun, StoreError> {
        let now = self.clock.now();
        let item = key.item();
        let token = hex::encode(primitives::random_secret::<16>());
        let lease_until = (now + IDEMPOTENCY_LEASE).as_millisecond();
        let expires_at = (now + IDEMPOTENCY_LIFETIME).as_second();
        let put = self
            .client
            .put_item()
            .table_name(self.name_of(&item))
            .set_item(Some(key_attributes(&item)))
            .item(KIND, text(item.kind()))
            .item("request", text(&key.request))
            .item("claim", text(&token))
            .item("lease_until", number(lease_until))
            .item(TTL, number(expires_at))
            .condition_expression(
                "attribute_not_exists(pk) OR #ttl <= :now_s OR \
                 (attribute_not_exists(answer) AND lease_until <= :now_ms AND #request = :request)",
            )
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_names("#request", "request")
            .expression_attribute_values(":now_s", number(now.as_second()))
            .expression_attribute_values(":now_ms", number(now.as_millisecond()))
            .expression_attribute_values(":request", text(&key.request))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match retry::single(|| put.clone().send()).await {
            Ok(answer) => {
                self.usage().record("PutItem", true, answer.consumed_capacity());
                Ok(Begun::New(Claim { key: item, token, expires_at }))
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    self.usage().record("PutItem", true, None);
                    let old = failed.item().cloned().unwrap_or_default();
                    // Ours: an attempt before this one was carried out, and its answer was lost.
                    if old.get("claim") == Some(&text(&token)) {
                        return Ok(Begun::New(Claim { key: item, token, expires_at }));
                    }
                    Ok(found(&read(item.kind(), old)?, &key.request, now))
                }
                _ => Err(StoreError::from_sdk("PutItem", error)),
            },
        }
    }

    /// Gives the claim back after a failure that changed nothing, so that the caller may try again
    /// at once.
    pub async fn release(&self, claim: &Claim) -> Result<(), StoreError> {
        let delete = self
            .client
            .delete_item()
            .table_name(self.name_of(&claim.key))
            .set_key(Some(key_attributes(&claim.key)))
            .condition_expression("claim = :claim AND attribute_not_exists(answer)")
            .expression_attribute_values(":claim", text(&claim.token))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match retry::single(|| delete.clone().send()).await {
            Ok(answer) => self.usage().record("DeleteItem", true, answer.consumed_capacity()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DeleteItemError::is_conditional_check_failed_exception) => {}
            Err(error) => return Err(StoreError::from_sdk("DeleteItem", error)),
        }
        Ok(())
    }
}

fn found(record: &Stored, request: &str, now: Timestamp) -> Begun {
    if record.request != request && record.expires_at > now.as_second() {
        return Begun::Mismatch;
    }
    record.answer.clone().map_or(Begun::InFlight, Begun::Replay)
}

/// The write that stores the answer, in the transaction of the effect: fails if the claim was lost
/// to another.
pub(crate) fn completion(
    table: &Table,
    claim: &Claim,
    answer: &StoredAnswer,
) -> Result<(Key, Update), StoreError> {
    let answer =
        serde_dynamo::to_attribute_value(answer).map_err(|source| StoreError::shape(&claim.key, source))?;
    let update = Update::builder()
        .table_name(table.name_of(&claim.key))
        .set_key(Some(key_attributes(&claim.key)))
        .update_expression("SET answer = :answer, #ttl = :ttl")
        .condition_expression("claim = :claim AND attribute_not_exists(answer)")
        .expression_attribute_names("#ttl", TTL)
        .expression_attribute_values(":answer", answer)
        .expression_attribute_values(":ttl", number(claim.expires_at))
        .expression_attribute_values(":claim", text(&claim.token))
        .build()
        .map_err(|error| StoreError::Refused {
            operation: "TransactWriteItems",
            code: "answer".to_owned(),
            detail: error.to_string(),
        })?;
    Ok((claim.key.clone(), update))
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, ConditionCheck, Delete, Put, ReturnConsumedCapacity, TransactWriteItem, Update},
};
use events::{Envelope, NewEvent};
use primitives::Timestamp;
use serde::Serialize;

use crate::{
    Item, Key,
    cause::Cause,
    edit::Edit,
    error::{CommitError, StoreError},
    idempotency::{Claim, StoredAnswer, completion},
    item::{Attributes, attributes, key_attributes, number},
    keys::{Outbox, PK, TTL, VERSION},
    outbox::rows,
    outbox_part::time_of,
    retry::{self, Pace},
    store::Table,
};

/// What must be true of an item that a decision read and does not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is not there.
    Absent,
    /// It has seen exactly this many changes.
    VersionIs(u64),
    /// It is not there, or has expired by now: what has, `DynamoDB` deletes some days later.
    AbsentAt(Timestamp),
}

/// A set of writes, decided on and not yet made: state, events, audit rows and idempotency record together.
///
/// Pure, so that several domains can each decide on theirs and a function can commit all of them at once with
/// [`Table::commit`].
#[derive(Debug, Default)]
#[must_use = "changes do nothing until they are committed"]
pub struct Changes {
    operations: Vec<Operation>,
    events: Vec<NewEvent>,
    answer: Option<(Claim, StoredAnswer)>,
    error: Option<StoreError>,
}

#[derive(Debug)]
struct Operation {
    key: Key,
    condition: Option<Condition>,
    effect: Effect,
}

#[derive(Debug)]
pub(crate) enum Effect {
    Put(Attributes),
    Delete,
    Check,
    Edit(Edit),
}

impl Edit {
    /// The edit of this item as a part of a transaction. It counts as one of the item's changes, so that
    /// nobody who read the item before it stores it over what was made here.
    pub(crate) fn of(mut self, key: &Key) -> Changes {
        let adding = if self.expression.contains(" ADD ") { ", " } else { " ADD " };
        self.expression = format!("{}{adding}#version :one", self.expression);
        let edit = self.name("#version", VERSION).value(":one", number(1));
        Changes::new().operation(key.clone(), None, Effect::Edit(edit))
    }
}

impl Changes {
    /// No change yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores an item that must not be there yet.
    pub fn create<T: Item>(self, item: &T) -> Self {
        self.put(item, Some(Condition::Absent))
    }

    /// Stores an item that must not be there yet, or that has expired by `now`.
    pub fn claim<T: Item>(self, item: &T, now: Timestamp) -> Self {
        self.put(item, Some(Condition::AbsentAt(now)))
    }

    /// Stores a changed item over the version that was read; a conflict when it changed meanwhile. An item of
    /// version 0 is created.
    pub fn replace<T: Item>(self, item: &T) -> Self {
        let version = item.version();
        self.put(item, Some(if version == 0 { Condition::Absent } else { Condition::VersionIs(version) }))
    }

    /// Stores an item whatever was there. Only for items that nobody decides anything on.
    pub fn overwrite<T: Item>(self, item: &T) -> Self {
        self.put(item, None)
    }

    /// Deletes the version that was read.
    pub fn delete<T: Item>(self, item: &T) -> Self {
        self.operation(item.key(), Some(Condition::VersionIs(item.version())), Effect::Delete)
    }

    /// Holds only if the condition does; changes nothing.
    pub fn require(self, key: Key, condition: Condition) -> Self {
        self.operation(key, Some(condition), Effect::Check)
    }

    /// Sets one attribute of an item, whatever was there, for a part of it that one domain alone decides
    /// about. The condition that makes it right is another operation's of the same changes.
    pub fn set(self, key: &Key, attribute: &'static str, value: &impl Serialize) -> Self {
        match serde_dynamo::to_attribute_value(value) {
            Ok(value) => {
                let edit = Edit::new("SET #attribute = :value").name("#attribute", attribute);
                self.and(edit.value(":value", value).of(key))
            }
            Err(error) => self.and(Self::failed(StoreError::shape(key, error))),
        }
    }

    /// Sets one attribute of an item that is still at the version that was read. A conflict where anything in
    /// it changed.
    pub fn set_at(self, key: &Key, attribute: &'static str, value: &impl Serialize, version: u64) -> Self {
        match serde_dynamo::to_attribute_value(value) {
            Ok(value) => {
                let edit = Edit::new("SET #attribute = :value").when("#version = :seen");
                let edit = edit.name("#attribute", attribute).value(":seen", number(version));
                self.and(edit.value(":value", value).of(key))
            }
            Err(error) => self.and(Self::failed(StoreError::shape(key, error))),
        }
    }

    /// The same of several attributes; nothing where there is none.
    pub fn set_all_at(
        self,
        key: &Key,
        attributes: &[(&'static str, serde_json::Value)],
        version: u64,
    ) -> Self {
        if attributes.is_empty() {
            return self;
        }
        let names = (0..attributes.len()).map(|place| format!("#a{place} = :a{place}"));
        let expression = format!("SET {}", names.collect::<Vec<_>>().join(", "));
        let mut edit = Edit::new(expression).when("#version = :seen").value(":seen", number(version));
        for (place, (attribute, value)) in attributes.iter().enumerate() {
            match serde_dynamo::to_attribute_value(value) {
                Ok(value) => {
                    edit = edit.name(&format!("#a{place}"), attribute).value(format!(":a{place}"), value);
                }
                Err(error) => return self.and(Self::failed(StoreError::shape(key, error))),
            }
        }
        self.and(edit.of(key))
    }

    /// Deletes an item whatever it says. The condition that makes it right is another operation's of the same
    /// changes.
    pub fn remove(self, key: Key) -> Self {
        self.operation(key, None, Effect::Delete)
    }

    /// Deletes the version that was read of an item of which no more is known.
    pub fn remove_at(self, key: Key, version: u64) -> Self {
        self.operation(key, Some(Condition::VersionIs(version)), Effect::Delete)
    }

    /// What cannot be written down: committing it gives this error.
    pub(crate) fn failed(error: StoreError) -> Self {
        Self { error: Some(error), ..Self::default() }
    }

    /// Publishes the event, and writes the audit row about it. Behind those of the same history that were
    /// added before.
    pub fn publish(mut self, mut event: NewEvent) -> Self {
        let same = |other: &&NewEvent| other.aggregate.id == event.aggregate.id;
        let behind = self.events.iter().filter(same).map(|other| other.sequence + 1).max();
        event.sequence = event.sequence.max(behind.unwrap_or_default());
        self.events.push(event);
        self
    }

    /// Has the audit rows about the events so far written without what may name a person, but for its hash:
    /// they are about somebody who is being erased.
    pub fn nameless(mut self) -> Self {
        self.events.iter_mut().for_each(|event| event.nameless = true);
        self
    }

    /// Keeps the answer for a caller who asks again with the same key.
    pub(crate) fn answer(mut self, claim: Claim, answer: StoredAnswer) -> Self {
        self.answer = Some((claim, answer));
        self
    }

    /// These changes and the others, all or nothing.
    pub fn and(mut self, other: Self) -> Self {
        self.operations.extend(other.operations);
        self = other.events.into_iter().fold(self, Self::publish);
        self.answer = self.answer.or(other.answer);
        self.error = self.error.or(other.error);
        self
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty() && self.events.is_empty() && self.answer.is_none()
    }

    fn put<T: Item>(self, item: &T, condition: Option<Condition>) -> Self {
        match attributes(item) {
            Ok(attributes) => self.operation(item.key(), condition, Effect::Put(attributes)),
            Err(error) => self.and(Self::failed(error)),
        }
    }

    pub(crate) fn operation(mut self, key: Key, condition: Option<Condition>, effect: Effect) -> Self {
        self.operations.push(Operation { key, condition, effect });
        self
    }
}

/// How many items one transaction takes:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
pub const LARGEST_TRANSACTION: usize = 100;
const LARGEST_TRANSACTION_BYTES: usize = 4 * 1024 * 1024;

impl Table {
    /// Makes all changes or none, in one transaction; says which events it published.
    ///
    /// The transaction carries a client request token, so that an attempt whose answer was lost has no second
    /// effect when it is repeated. The very same is sent again while there is time where another transaction
    /// holds an item, soon, and where the table has no capacity, later. A condition that does not hold is for
    /// the operation to decide on again: [`Table::decide`] does all of it, and is what the product uses.
    pub async fn commit(&self, cause: &Cause, changes: Changes) -> Result<Vec<Envelope>, CommitError> {
        let envelopes: Vec<_> = changes.events.iter().map(|event| self.envelope(cause, event)).collect();
        let (keys, items) = self.items(cause, changes, &envelopes)?;
        if items.is_empty() {
            return Ok(envelopes);
        }
        let bytes = items.iter().map(item_bytes).sum();
        if items.len() > LARGEST_TRANSACTION || bytes > LARGEST_TRANSACTION_BYTES {
            return Err(StoreError::TooLarge { items: items.len(), bytes }.into());
        }
        self.write(&keys, items).await?;
        Ok(envelopes)
    }

    async fn write(&self, keys: &[Key], items: Vec<TransactWriteItem>) -> Result<(), CommitError> {
        let request = self
            .client
            .transact_write_items()
            .set_transact_items(Some(items))
            .client_request_token(hex::encode(primitives::random_secret::<16>()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let mut attempts = 0;
        loop {
            let error = match request.clone().send().await {
                Ok(answer) => {
                    self.usage().record("TransactWriteItems", true, answer.consumed_capacity());
                    return Ok(());
                }
                Err(error) => error,
            };
            let is_worth_it = match verdict(&error, keys) {
                Verdict::Failed(failed) => return Err(CommitError::Conflict { failed }),
                Verdict::Again(pace) => retry::pause_at(pace, attempts).await,
                Verdict::Fatal => false,
            };
            if !is_worth_it {
                return Err(StoreError::from_sdk("TransactWriteItems", error).into());
            }
            attempts += 1;
        }
    }

    fn envelope(&self, cause: &Cause, event: &NewEvent) -> Envelope {
        let id = self.ids.next();
        Envelope {
            id,
            kind: event.kind.to_owned(),
            version: event.version,
            // that of its id, so that its audit row is found by the id
            time: time_of(id).unwrap_or_else(|| self.clock.now()),
            org_id: event.org_id,
            aggregate: event.aggregate.clone(),
            sequence: event.sequence,
            correlation_id: cause.correlation_id.clone(),
            actor: cause.actor.clone(),
            data: event.data.clone(),
        }
    }

    fn items(
        &self,
        cause: &Cause,
        changes: Changes,
        envelopes: &[Envelope],
    ) -> Result<(Vec<Key>, Vec<TransactWriteItem>), StoreError> {
        if let Some(error) = changes.error {
            return Err(error);
        }
        let mut operations = changes.operations;
        let nameless = changes.events.iter().map(|event| event.nameless);
        for (envelope, nameless) in envelopes.iter().zip(nameless) {
            for attributes in rows((envelope, nameless), cause, self.audit_rows_are_kept)? {
                let key = Outbox::of(envelope.id);
                operations.push(Operation {
                    key,
                    condition: Some(Condition::Absent),
                    effect: Effect::Put(attributes),
                });
            }
        }
        let mut keys: Vec<_> = operations.iter().map(|operation| operation.key.clone()).collect();
        let mut items =
            operations.into_iter().map(|operation| self.item(operation)).collect::<Result<Vec<_>, _>>()?;
        if let Some((claim, answer)) = changes.answer {
            let (key, update) = completion(self, &claim, &answer)?;
            keys.push(key);
            items.push(TransactWriteItem::builder().update(update).build());
        }
        Ok((keys, items))
    }

    fn item(&self, operation: Operation) -> Result<TransactWriteItem, StoreError> {
        let (expression, names, values) = expression(operation.condition);
        let (item, table) = (TransactWriteItem::builder(), self.name_of(&operation.key).to_owned());
        let built = match operation.effect {
            Effect::Put(attributes) => Put::builder()
                .table_name(&table)
                .set_item(Some(attributes))
                .set_condition_expression(expression)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .build()
                .map(|put| item.put(put)),
            Effect::Delete => Delete::builder()
                .table_name(&table)
                .set_key(Some(key_attributes(&operation.key)))
                .set_condition_expression(expression)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .build()
                .map(|delete| item.delete(delete)),
            Effect::Check => ConditionCheck::builder()
                .table_name(&table)
                .set_key(Some(key_attributes(&operation.key)))
                .set_condition_expression(expression)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .build()
                .map(|check| item.condition_check(check)),
            Effect::Edit(edit) => Update::builder()
                .table_name(&table)
                .set_key(Some(key_attributes(&operation.key)))
                .update_expression(edit.expression)
                .set_condition_expression(edit.condition)
                .set_expression_attribute_names(Some(edit.names))
                .set_expression_attribute_values(Some(edit.values))
                .build()
                .map(|update| item.update(update)),
        };
        built.map(aws_sdk_dynamodb::types::builders::TransactWriteItemBuilder::build).map_err(|error| {
            StoreError::Refused {
                operation: "TransactWriteItems",
                code: "incomplete".to_owned(),
                detail: error.to_string(),
            }
        })
    }
}

type Names = Option<HashMap<String, String>>;

fn expression(condition: Option<Condition>) -> (Option<String>, Names, Option<Attributes>) {
    let name = |attribute: &str| Some(HashMap::from([("#a".to_owned(), attribute.to_owned())]));
    match condition {
        None => (None, None, None),
        Some(Condition::Absent) => (Some("attribute_not_exists(#a)".to_owned()), name(PK), None),
        Some(Condition::VersionIs(version)) => {
            let values = HashMap::from([(":v".to_owned(), number(version))]);
            (Some("#a = :v".to_owned()), name(VERSION), Some(values))
        }
        Some(Condition::AbsentAt(now)) => {
            let names = [("#a", PK), ("#ttl", TTL)].map(|(name, of)| (name.to_owned(), of.to_owned()));
            let values = HashMap::from([(":now".to_owned(), number(now.as_second()))]);
            let expression = "attribute_not_exists(#a) OR #ttl <= :now".to_owned();
            (Some(expression), Some(HashMap::from(names)), Some(values))
        }
    }
}

/// What an answer other than yes means.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// These items are not as they must be.
    Failed(Vec<Key>),
    /// The same again may be carried out.
    Again(Pace),
    /// The same again is refused again.
    Fatal,
}

fn verdict(error: &SdkError<TransactWriteItemsError, HttpResponse>, keys: &[Key]) -> Verdict {
    let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) = error.as_service_error()
    else {
        return match error.as_service_error() {
            // an attempt before this one, with the same token, is still being carried out
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => Verdict::Again(Pace::Crowded),
            _ if sends::verdict(error) == sends::Verdict::Refused => Verdict::Fatal,
            _ => Verdict::Again(Pace::Throttled),
        };
    };
    let reasons: Vec<_> =
        canceled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or("None")).collect();
    let failed = keys.iter().zip(&reasons).filter(|(_, reason)| **reason == "ConditionalCheckFailed");
    let failed: Vec<_> = failed.map(|(key, _)| key.clone()).collect();
    if !failed.is_empty() {
        return Verdict::Failed(failed);
    }
    let all_are = |codes: &[&str]| reasons.iter().all(|reason| codes.contains(reason));
    if all_are(&["None", "TransactionConflict"]) {
        Verdict::Again(Pace::Crowded)
    } else if all_are(&["None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]) {
        Verdict::Again(Pace::Throttled)
    } else {
        Verdict::Fatal
    }
}

/// About as `DynamoDB` counts: names and values as UTF-8
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>).
fn item_bytes(item: &TransactWriteItem) -> usize {
    fn value_bytes(value: &AttributeValue) -> usize {
        match value {
            AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
            AttributeValue::B(blob) => blob.as_ref().len(),
            AttributeValue::L(list) => list.iter().map(|value| 1 + value_bytes(value)).sum::<usize>() + 3,
            AttributeValue::M(map) => {
                map.iter().map(|(name, value)| 1 + name.len() + value_bytes(value)).sum::<usize>() + 3
            }
            AttributeValue::Ss(set) | AttributeValue::Ns(set) => set.iter().map(String::len).sum(),
            _ => 1,
        }
    }
    let attributes = item
        .put
        .as_ref()
        .map(Put::item)
        .or_else(|| item.update.as_ref().and_then(Update::expression_attribute_values));
    attributes.map_or(100, |item| item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum())
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::{CancellationReason, error::TransactionCanceledException};
    use primitives::Ids;

    use super::*;

    #[test]
    fn each_refusal_is_told_from_the_others() {
        let keys = [(); 2].map(|()| Outbox::of(Ids::unguessable()));
        let verdict_on = |reasons: [&str; 2]| {
            let reasons = reasons.map(|code| CancellationReason::builder().code(code).build()).to_vec();
            let canceled =
                TransactionCanceledException::builder().set_cancellation_reasons(Some(reasons)).build();
            let error = TransactWriteItemsError::TransactionCanceledException(canceled);
            let answer = HttpResponse::new(400.try_into().unwrap(), "".into());
            verdict(&SdkError::service_error(error, answer), &keys)
        };
        let second = Verdict::Failed(vec![keys[1].clone()]);
        assert_eq!(verdict_on(["None", "ConditionalCheckFailed"]), second);
        assert_eq!(verdict_on(["TransactionConflict", "ConditionalCheckFailed"]), second);
        assert_eq!(verdict_on(["TransactionConflict", "None"]), Verdict::Again(Pace::Crowded));
        assert_eq!(verdict_on(["ThrottlingError", "TransactionConflict"]), Verdict::Again(Pace::Throttled));
        assert_eq!(verdict_on(["None", "ProvisionedThroughputExceeded"]), Verdict::Again(Pace::Throttled));
        assert_eq!(verdict_on(["ValidationError", "None"]), Verdict::Fatal);
        assert!(Pace::Throttled.longest(0) > Pace::Crowded.longest(0));
        assert!(Pace::Throttled.longest(30) > Pace::Crowded.longest(30));
    }
}

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use primitives::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Index, Key,
    error::StoreError,
    keys::{DUE_PK, DUE_SK, KIND, LIST_PK, LIST_SK, PK, SK, SUMMARY, TTL, VERSION},
};

pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// Something that is stored as one item.
///
/// Its serialized form must not use the names that the table owns: `pk`, `sk`, `kind`,
/// `expires_at`, `summary`, and those of the indexes' keys.
pub trait Item: Serialize + DeserializeOwned + Send + Sync {
    /// Where it is stored.
    fn key(&self) -> Key;

    /// How many changes it has seen: 0 for one that was never stored. Implementations keep it in a
    /// field `version` with `#[serde(default)]`, which reads fill in.
    fn version(&self) -> u64;

    /// The version that the next stored change leads to: the sequence number of the event about it.
    fn next_version(&self) -> u64 {
        self.version() + 1
    }

    /// Its entry in an index, where it has one.
    fn index(&self) -> Option<Index> {
        None
    }

    /// When it may be forgotten. Deletion is late by up to days: readers check the time themselves.
    fn expires_at(&self) -> Option<Timestamp> {
        None
    }
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

pub(crate) fn key_attributes(key: &Key) -> Attributes {
    HashMap::from([(PK.to_owned(), text(key.pk())), (SK.to_owned(), text(key.sk()))])
}

/// The item as it will stand in the table, one version on.
pub(crate) fn attributes<T: Item>(item: &T) -> Result<Attributes, StoreError> {
    let key = item.key();
    let mut attributes: Attributes =
        serde_dynamo::to_item(item).map_err(|source| StoreError::shape(&key, source))?;
    attributes.retain(|_, value| !matches!(value, AttributeValue::Null(_)));
    attributes.extend(key_attributes(&key));
    attributes.insert(KIND.to_owned(), text(key.kind()));
    attributes.insert(VERSION.to_owned(), number(item.next_version()));
    match item.index() {
        Some(Index { pk, sk, summary: Some(summary) }) => {
            let entry = [(LIST_PK, pk), (LIST_SK, sk), (SUMMARY, summary)];
            attributes.extend(entry.map(|(name, value)| (name.to_owned(), text(value))));
        }
        Some(Index { pk, sk, summary: None }) => {
            let entry = [(DUE_PK, pk), (DUE_SK, sk)];
            attributes.extend(entry.map(|(name, value)| (name.to_owned(), text(value))));
        }
        None => {}
    }
    if let Some(time) = item.expires_at() {
        attributes.insert(TTL.to_owned(), number(time.as_second()));
    }
    Ok(attributes)
}

pub(crate) fn read<T: DeserializeOwned>(kind: &'static str, attributes: Attributes) -> Result<T, StoreError> {
    serde_dynamo::from_item(attributes).map_err(|source| StoreError::Shape { kind, source })
}

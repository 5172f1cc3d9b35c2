use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    error::DisplayErrorContext,
    types::{KeysAndAttributes, ReturnConsumedCapacity},
};
use primitives::{Clock, Ids, SignedDuration};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::{
    Key, Store,
    error::StoreError,
    item::{Attributes, key_attributes, read},
    keys::{PK, SK},
    retry::{self, Pace},
    usage::Usage,
};

/// Init has 10 seconds for all that a function does in it.
const LONGEST_CONNECT: Duration = Duration::from_secs(2);

/// How fresh a read is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consistency {
    /// May be behind by a moment; half the price.
    Eventual,
    /// Shows every write that was acknowledged.
    Strong,
}

/// What the two tables are called.
#[derive(Clone, Debug)]
pub struct TableNames {
    /// Of what the product knows.
    pub main: String,
    /// Of what is written often and matters for a while. It has no stream.
    pub traffic: String,
}

/// The table, as one function uses it: in truth two, of which each kind of item says which is its
/// own ([`Store`]). Cheap to clone.
#[derive(Clone, Debug)]
pub struct Table {
    pub(crate) client: Client,
    names: TableNames,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) audit_rows_are_kept: Option<SignedDuration>,
    usage: Usage,
}

impl Table {
    /// The tables of these names.
    pub fn new(client: Client, names: TableNames, clock: Clock, ids: Ids) -> Self {
        let usage = Usage::default();
        Self { client, names, clock, ids, audit_rows_are_kept: None, usage }
    }

    /// The name of the table that items of this sort are in.
    pub(crate) fn name(&self, store: Store) -> &str {
        match store {
            Store::Main => &self.names.main,
            Store::Traffic => &self.names.traffic,
        }
    }

    /// The name of the table that this item is in.
    pub(crate) fn name_of(&self, key: &Key) -> &str {
        self.name(key.about().store)
    }

    /// The same, whose audit rows of organizations are deleted after so many days; with 0 they stay
    /// for good. It holds for rows written from then on.
    #[must_use]
    pub fn keeping_audit_rows(mut self, days: u32) -> Self {
        let kept = SignedDuration::from_hours(24 * i64::from(days));
        self.audit_rows_are_kept = (days > 0).then_some(kept);
        self
    }

    /// For how long audit rows of organizations are kept; nothing where they stay for good.
    pub fn audit_rows_are_kept(&self) -> Option<SignedDuration> {
        self.audit_rows_are_kept
    }

    /// The calls made so far and what they cost.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The clock that the table's own rows are stamped with.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Where the table's ids come from.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// Opens a connection by reading an item, so that the first request need not. Whether it worked
    /// is found out by the first request: it is not waited for longer than a start can bear.
    pub async fn connect<T: DeserializeOwned>(&self, key: &Key) -> Option<T> {
        let request = self
            .client
            .get_item()
            .table_name(self.name_of(key))
            .set_key(Some(key_attributes(key)))
            .consistent_read(true);
        match timeout(LONGEST_CONNECT, request.send()).await {
            Ok(Ok(answer)) => return answer.item.and_then(|item| read(key.kind(), item).ok()),
            Ok(Err(error)) => {
                tracing::debug!(error = %DisplayErrorContext(error), "connecting to the table failed");
            }
            Err(_) => tracing::debug!("the table does not answer yet"),
        }
        None
    }

    /// One item.
    pub async fn get<T: DeserializeOwned>(
        &self,
        key: &Key,
        consistency: Consistency,
    ) -> Result<Option<T>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(self.name_of(key))
            .set_key(Some(key_attributes(key)))
            .consistent_read(consistency == Consistency::Strong)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| StoreError::from_sdk("GetItem", error))?;
        self.usage.record("GetItem", false, answer.consumed_capacity());
        answer.item.map(|item| read(key.kind(), item)).transpose()
    }

    /// Several items in one call, whatever their kinds: at most 100.
    pub async fn get_many(&self, keys: &[Key], consistency: Consistency) -> Result<Found, StoreError> {
        let mut wanted = HashMap::new();
        for store in [Store::Main, Store::Traffic] {
            let inside = keys.iter().filter(|key| key.about().store == store);
            let inside: Vec<_> = inside.map(key_attributes).collect();
            if !inside.is_empty() {
                wanted.insert(self.name(store).to_owned(), asked_for(inside, consistency)?);
            }
        }
        let mut found = HashMap::new();
        let mut attempt = 0;
        loop {
            let answer = self
                .client
                .batch_get_item()
                .set_request_items(Some(wanted))
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|error| StoreError::from_sdk("BatchGetItem", error))?;
            self.usage.record("BatchGetItem", false, answer.consumed_capacity());
            for item in answer.responses.unwrap_or_default().into_values().flatten() {
                if let Some(address) = address(&item) {
                    found.insert(address, item);
                }
            }
            match answer.unprocessed_keys.filter(|tables| !tables.is_empty()) {
                None => return Ok(Found(found)),
                Some(rest) if retry::pause_at(Pace::Throttled, attempt).await => {
                    wanted = rest;
                    attempt += 1;
                }
                Some(_) => {
                    let detail = "keys were left unprocessed until the time was up".to_owned();
                    return Err(StoreError::Unavailable {
                        operation: "BatchGetItem",
                        code: "throttled".to_owned(),
                        detail,
                    });
                }
            }
        }
    }
}

fn asked_for(keys: Vec<Attributes>, consistency: Consistency) -> Result<KeysAndAttributes, StoreError> {
    let strong = consistency == Consistency::Strong;
    KeysAndAttributes::builder().consistent_read(strong).set_keys(Some(keys)).build().map_err(|error| {
        StoreError::Refused { operation: "BatchGetItem", code: "keys".to_owned(), detail: error.to_string() }
    })
}

fn address(item: &Attributes) -> Option<(String, String)> {
    Some((item.get(PK)?.as_s().ok()?.clone(), item.get(SK)?.as_s().ok()?.clone()))
}

/// What [`Table::get_many`] found.
#[derive(Debug)]
pub struct Found(HashMap<(String, String), Attributes>);

impl Found {
    /// Takes out the item at this key, if there is one.
    pub fn take<T: DeserializeOwned>(&mut self, key: &Key) -> Result<Option<T>, StoreError> {
        self.0.remove(&(key.pk(), key.sk())).map(|item| read(key.kind(), item)).transpose()
    }
}

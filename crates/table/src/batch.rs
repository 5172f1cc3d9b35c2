use std::collections::HashMap;

use aws_sdk_dynamodb::types::{PutRequest, ReturnConsumedCapacity, WriteRequest};

use primitives::Timestamp;
use serde::Serialize;

use crate::{
    Key,
    error::StoreError,
    item::{Attributes, key_attributes, number, text},
    keys::{KIND, TTL},
    retry::{self, Pace},
    store::Table,
};

/// How many items one call takes:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>
const LARGEST_BATCH: usize = 25;

/// A copy of what stands elsewhere.
#[derive(Clone, Debug)]
pub struct Copied<T> {
    /// Where it is put.
    pub key: Key,
    /// What is put there.
    pub item: T,
    /// When it may be forgotten.
    pub expires_at: Option<Timestamp>,
}

impl<T: Serialize> Copied<T> {
    fn attributes(&self) -> Result<Attributes, StoreError> {
        let mut attributes: Attributes =
            serde_dynamo::to_item(&self.item).map_err(|source| StoreError::shape(&self.key, source))?;
        attributes.extend(key_attributes(&self.key));
        attributes.insert(KIND.to_owned(), text(self.key.kind()));
        if let Some(time) = self.expires_at {
            attributes.insert(TTL.to_owned(), number(time.as_second()));
        }
        Ok(attributes)
    }
}

impl Table {
    /// Stores copies whatever was there, each by itself and at half the price of a transaction. Where it
    /// fails, some are stored: they are made again. No two may have one key.
    pub async fn put_copies<T: Serialize>(&self, copies: &[Copied<T>]) -> Result<(), StoreError> {
        for batch in copies.chunks(LARGEST_BATCH) {
            let mut wanted: HashMap<String, Vec<WriteRequest>> = HashMap::new();
            for copy in batch {
                let put = PutRequest::builder().set_item(Some(copy.attributes()?)).build();
                let put = put.map_err(|error| StoreError::Refused {
                    operation: "BatchWriteItem",
                    code: "items".to_owned(),
                    detail: error.to_string(),
                })?;
                let put = WriteRequest::builder().put_request(put).build();
                wanted.entry(self.name_of(&copy.key).to_owned()).or_default().push(put);
            }
            self.write_batch(wanted).await?;
        }
        Ok(())
    }

    async fn write_batch(&self, mut wanted: HashMap<String, Vec<WriteRequest>>) -> Result<(), StoreError> {
        let mut attempt = 0;
        loop {
            let answer = self
                .client
                .batch_write_item()
                .set_request_items(Some(wanted))
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|error| StoreError::from_sdk("BatchWriteItem", error))?;
            self.usage().record("BatchWriteItem", true, answer.consumed_capacity());
            match answer.unprocessed_items.filter(|tables| !tables.is_empty()) {
                None => return Ok(()),
                Some(rest) if retry::pause_at(Pace::Throttled, attempt).await => {
                    wanted = rest;
                    attempt += 1;
                }
                Some(_) => {
                    return Err(StoreError::Unavailable {
                        operation: "BatchWriteItem",
                        code: "throttled".to_owned(),
                        detail: "items were left unprocessed until the time was up".to_owned(),
                    });
                }
            }
        }
    }
}

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use serde::de::DeserializeOwned;

use crate::{
    Key,
    error::StoreError,
    item::{Attributes, read},
    keys::{PK, SK},
    query::Query,
    retry,
    store::Table,
};

/// Items that are looked at in one call.
const PAGE: usize = 100;

/// Items that are about to be erased.
#[derive(Debug)]
pub struct ToErase<T> {
    /// Those that can be read.
    pub found: Vec<T>,
    keys: Vec<Attributes>,
}

impl<T> ToErase<T> {
    /// How many there are.
    pub fn len(&self) -> u64 {
        u64::try_from(self.keys.len()).unwrap_or(u64::MAX)
    }

    /// Whether nothing is left to erase.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl Table {
    /// Deletes all that this query finds, whatever kinds of items it is, but for one: for an owner whose data
    /// must not stay. Says how many items went. Doing it again finds what came meanwhile.
    pub async fn erase(&self, query: Query, keeping: Option<&Key>) -> Result<usize, StoreError> {
        let query = query.strong();
        let (mut erased, mut place) = (0, None);
        loop {
            let (items, next) = self.rows(&query, PAGE, place).await?;
            for mut item in items {
                item.retain(|name, _| name == PK || name == SK);
                let sk = item.get(SK).and_then(|sk| sk.as_s().ok());
                if keeping.is_none_or(|kept| sk != Some(&kept.sk())) {
                    self.erase_item(&query, item).await?;
                    erased += 1;
                }
            }
            match next {
                Some(next) => place = Some(next),
                None => return Ok(erased),
            }
        }
    }

    /// The first of what this query finds, for items that name others that go with them: who looks after
    /// those erases these by [`Table::erase_found`]. Nothing where nothing is left.
    pub async fn find_to_erase<T: DeserializeOwned>(&self, query: &Query) -> Result<ToErase<T>, StoreError> {
        let (items, _) = self.rows(&query.clone().strong(), PAGE, None).await?;
        let found = items.iter().filter_map(|item| read(query.kind(), item.clone()).ok()).collect();
        let key = |mut item: Attributes| {
            item.retain(|name, _| name == PK || name == SK);
            item
        };
        Ok(ToErase { found, keys: items.into_iter().map(key).collect() })
    }

    /// Erases what was found, and whatever could not be read beside it.
    pub async fn erase_found<T>(&self, query: &Query, found: ToErase<T>) -> Result<(), StoreError> {
        for key in found.keys {
            self.erase_item(query, key).await?;
        }
        Ok(())
    }

    async fn erase_item(&self, query: &Query, key: Attributes) -> Result<(), StoreError> {
        let delete = self.client.delete_item().table_name(self.name(query.store)).set_key(Some(key));
        let delete = delete.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = retry::single(|| delete.clone().send()).await;
        let answer = answer.map_err(|error| StoreError::from_sdk("DeleteItem", error))?;
        self.usage().record("DeleteItem", true, answer.consumed_capacity());
        Ok(())
    }
}

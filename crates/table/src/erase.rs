use aws_sdk_dynamodb::types::ReturnConsumedCapacity;

use crate::{
    Key,
    error::StoreError,
    item::Attributes,
    keys::{PK, SK},
    query::Query,
    retry,
    store::Table,
};

/// Items that are looked at in one call.
const PAGE: usize = 100;

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

    async fn erase_item(&self, query: &Query, key: Attributes) -> Result<(), StoreError> {
        let delete = self.client.delete_item().table_name(self.name(query.store)).set_key(Some(key));
        let delete = delete.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = retry::single(|| delete.clone().send()).await;
        let answer = answer.map_err(|error| StoreError::from_sdk("DeleteItem", error))?;
        self.usage().record("DeleteItem", true, answer.consumed_capacity());
        Ok(())
    }
}

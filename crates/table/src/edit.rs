use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure},
};

use serde::Serialize;

use crate::{
    Key,
    error::StoreError,
    item::{Attributes, key_attributes},
    keys::PK,
    retry,
    store::Table,
};

/// A change of an item in place, under a condition of its own.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    pub(crate) expression: String,
    pub(crate) condition: Option<String>,
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: Attributes,
}

/// What came of an edit.
#[derive(Debug)]
pub(crate) enum Edited {
    /// It was made: the item as it is now.
    Made(Attributes),
    /// The condition did not hold: the item as it is.
    Refused(Attributes),
}

impl Edit {
    pub(crate) fn new(expression: impl Into<String>) -> Self {
        let (names, values) = (HashMap::new(), HashMap::new());
        Self { expression: expression.into(), condition: None, names, values }
    }

    /// Made only where this holds.
    pub(crate) fn when(mut self, condition: impl Into<String>) -> Self {
        self.condition = Some(condition.into());
        self
    }

    pub(crate) fn name(mut self, name: &str, attribute: &str) -> Self {
        self.names.insert(name.to_owned(), attribute.to_owned());
        self
    }

    pub(crate) fn value(mut self, name: impl Into<String>, value: AttributeValue) -> Self {
        self.values.insert(name.into(), value);
        self
    }
}

impl Table {
    /// Makes an edit by itself: half the price of a transaction.
    ///
    /// An answer that gets lost makes the SDK send the edit again. So the condition, or what the
    /// item says where it does not hold, must tell whoever made it that it was made.
    pub(crate) async fn edit(&self, key: &Key, edit: Edit) -> Result<Edited, StoreError> {
        self.edit_at(self.name_of(key), key_attributes(key), edit).await
    }

    /// Notes something in an item that is there, by a write of its own that counts as no change: only for
    /// what nobody decides anything on. Of several at once that have `seen` the same, one is made.
    pub async fn note_at<T: Serialize>(
        &self,
        key: &Key,
        attribute: &'static str,
        (seen, value): (Option<&T>, &T),
    ) -> Result<(), StoreError> {
        let written = |value: &T| {
            serde_dynamo::to_attribute_value(value).map_err(|error| StoreError::shape(key, error))
        };
        let edit = Edit::new("SET #attribute = :value").name("#attribute", attribute).name("#pk", PK);
        let edit = edit.value(":value", written(value)?);
        let edit = if let Some(seen) = seen {
            edit.when("attribute_exists(#pk) AND #attribute = :seen").value(":seen", written(seen)?)
        } else {
            let nothing = "attribute_not_exists(#attribute) OR #attribute = :seen";
            edit.when(format!("attribute_exists(#pk) AND ({nothing})"))
                .value(":seen", AttributeValue::Null(true))
        };
        self.edit(key, edit).await.map(drop)
    }

    /// The same of an item whose address is known from an index.
    pub(crate) async fn edit_at(
        &self,
        table: &str,
        key: Attributes,
        edit: Edit,
    ) -> Result<Edited, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(table)
            .set_key(Some(key))
            .update_expression(edit.expression)
            .set_condition_expression(edit.condition)
            .set_expression_attribute_names((!edit.names.is_empty()).then_some(edit.names))
            .set_expression_attribute_values((!edit.values.is_empty()).then_some(edit.values))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match retry::single(|| update.clone().send()).await {
            Ok(answer) => {
                self.usage().record("UpdateItem", true, answer.consumed_capacity());
                Ok(Edited::Made(answer.attributes.unwrap_or_default()))
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    self.usage().record("UpdateItem", true, None);
                    Ok(Edited::Refused(failed.item().cloned().unwrap_or_default()))
                }
                _ => Err(StoreError::from_sdk("UpdateItem", error)),
            },
        }
    }
}

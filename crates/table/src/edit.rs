use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{
    Key,
    item::{Attributes, number},
    keys::VERSION,
    transaction::{Changes, Effect},
};

/// A change of an item in place, under a condition of its own. It counts as one of the item's changes.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    pub(crate) expression: String,
    pub(crate) condition: Option<String>,
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: Attributes,
}

impl Edit {
    /// `names` and `values` are those of the expression and the condition, without the version's.
    pub(crate) fn new(
        expression: &str,
        condition: Option<&str>,
        names: &[(&str, &str)],
        values: Vec<(&str, AttributeValue)>,
    ) -> Self {
        let names = names.iter().chain(&[("#version", VERSION)]);
        let values = values.into_iter().chain([(":one", number(1))]);
        let add = if expression.contains("ADD ") { ", " } else { " ADD " };
        Self {
            expression: format!("{expression}{add}#version :one"),
            condition: condition.map(str::to_owned),
            names: names.map(|(name, attribute)| ((*name).to_owned(), (*attribute).to_owned())).collect(),
            values: values.map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }

    /// The edit of this item as changes.
    pub(crate) fn of(self, key: &Key) -> Changes {
        Changes::new().operation(key.clone(), None, Effect::Edit(self))
    }
}

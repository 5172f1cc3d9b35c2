use aws_sdk_dynamodb::types::AttributeValue;
use primitives::Timestamp;

use crate::{
    Key,
    edit::Edit,
    item::{number, text},
    keys::{KIND, TTL},
    transaction::Changes,
};

/// An item of named values that only grow, whoever writes and in whatever order: so nobody has to
/// have read it, and of many at once all are right.
///
/// What is added is added once because something else in the same transaction happens once, such as
/// the creation of what is counted.
#[derive(Clone, Debug)]
pub struct Totals {
    key: Key,
    expires_at: Option<Timestamp>,
    sets: Vec<String>,
    adds: Vec<String>,
    conditions: Vec<String>,
    names: Vec<String>,
    values: Vec<AttributeValue>,
}

impl Totals {
    /// The values in the item at `key`, which may be forgotten then.
    pub fn new(key: Key, expires_at: Timestamp) -> Self {
        Self { expires_at: Some(expires_at), ..Self::for_good(key) }
    }

    /// The values in the item at `key`, which is kept.
    pub fn for_good(key: Key) -> Self {
        let (sets, adds, conditions) = (Vec::new(), Vec::new(), Vec::new());
        Self { key, expires_at: None, sets, adds, conditions, names: Vec::new(), values: Vec::new() }
    }

    /// Where they are stored.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Adds to a number, which begins with nought.
    #[must_use]
    pub fn add(mut self, name: &str, more: u64) -> Self {
        let at = self.place(name, number(more));
        self.adds.push(format!("#t{at} :t{at}"));
        self
    }

    /// Puts numbers into a set. Those that are in it already stay in it once.
    #[must_use]
    pub fn include(mut self, name: &str, members: &[u64]) -> Self {
        let members = members.iter().map(ToString::to_string).collect();
        let at = self.place(name, AttributeValue::Ns(members));
        self.adds.push(format!("#t{at} :t{at}"));
        self
    }

    /// Makes a text another one that stands behind it. A conflict where it stands as far already:
    /// whoever has read the item knows.
    #[must_use]
    pub fn raise(mut self, name: &str, to: &str) -> Self {
        let at = self.place(name, text(to));
        self.sets.push(format!("#t{at} = :t{at}"));
        self.conditions.push(format!("(attribute_not_exists(#t{at}) OR #t{at} < :t{at})"));
        self
    }

    /// Enters a number under a name that nobody has entered one under. A conflict where it is there.
    #[must_use]
    pub fn enter(mut self, name: &str, value: u64) -> Self {
        let at = self.place(name, number(value));
        self.sets.push(format!("#t{at} = :t{at}"));
        self.conditions.push(format!("attribute_not_exists(#t{at})"));
        self
    }

    fn place(&mut self, name: &str, value: AttributeValue) -> usize {
        self.names.push(name.to_owned());
        self.values.push(value);
        self.names.len() - 1
    }

    /// As a part of a transaction.
    pub fn changes(self) -> Changes {
        let mut sets = self.sets;
        sets.push("#kind = :kind".to_owned());
        sets.extend(self.expires_at.map(|_| "#ttl = :ttl".to_owned()));
        let mut expression = format!("SET {}", sets.join(", "));
        if !self.adds.is_empty() {
            expression = format!("{expression} ADD {}", self.adds.join(", "));
        }
        let mut edit = Edit::new(expression).name("#kind", KIND).value(":kind", text(self.key.kind()));
        if let Some(expires_at) = self.expires_at {
            edit = edit.name("#ttl", TTL).value(":ttl", number(expires_at.as_second()));
        }
        if !self.conditions.is_empty() {
            edit = edit.when(self.conditions.join(" AND "));
        }
        for (at, (name, value)) in self.names.iter().zip(self.values).enumerate() {
            edit = edit.name(&format!("#t{at}"), name).value(format!(":t{at}"), value);
        }
        edit.of(&self.key)
    }
}

//! Limits on how many of something may exist, exact under any number of parallel callers.
//!
//! Whoever counts first and writes afterwards lets every caller in that counted at the same moment. Here the
//! count is an item that every change touches, in the transaction of the change, and the limit is the
//! condition of that write. Nobody has to read it before, so that callers below the limit do not make each
//! other decide again.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;

use crate::{
    Key,
    item::{Attributes, key_attributes, number, text},
    keys::{KIND, VERSION},
    transaction::{Changes, Condition, Effect},
};

/// A change of an item in place, under a condition of its own.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    pub(crate) expression: String,
    pub(crate) condition: String,
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: Attributes,
}

impl Edit {
    fn new(
        expression: &str,
        condition: &str,
        names: &[(&str, &str)],
        values: Vec<(&str, AttributeValue)>,
    ) -> Self {
        let names = names.iter().map(|(name, attribute)| ((*name).to_owned(), (*attribute).to_owned()));
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value));
        Self {
            expression: expression.to_owned(),
            condition: condition.to_owned(),
            names: names.collect(),
            values: values.collect(),
        }
    }
}

/// A number of things of which only so many may exist, however large that is.
///
/// It is changed only in the transaction that creates or deletes what is counted, whose own condition (that
/// it is not there yet, that it is still there) is what makes a repetition count once. An item that is not
/// there stands for nought.
#[derive(Clone, Debug)]
pub struct Tally {
    key: Key,
    most: u32,
}

impl Tally {
    /// The number in the item at `key`, of which `most` may exist.
    pub fn new(key: Key, most: u32) -> Self {
        Self { key, most }
    }

    /// Where it is stored: the commit failed here when there is no room.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Counts `count` more. A conflict where that would be more than may exist.
    pub fn add(&self, count: u32) -> Changes {
        let room = i64::from(self.most) - i64::from(count);
        // an item that is not there has room for as much as may exist, and for no more
        let condition = if room < 0 { "#n <= :room" } else { "attribute_not_exists(#n) OR #n <= :room" };
        let edit = Edit::new(
            "SET #n = if_not_exists(#n, :none) + :count, #kind = :kind ADD #version :one",
            condition,
            &[("#n", "n"), ("#kind", KIND), ("#version", VERSION)],
            vec![
                (":none", number(0)),
                (":count", number(count)),
                (":room", number(room)),
                (":kind", text(self.key.kind())),
                (":one", number(1)),
            ],
        );
        Changes::new().operation(self.key.clone(), None, Effect::Edit(edit))
    }

    /// Counts `count` less. A conflict where there are not so many.
    pub fn subtract(&self, count: u32) -> Changes {
        let edit = Edit::new(
            "SET #n = #n - :count ADD #version :one",
            "#n >= :count",
            &[("#n", "n"), ("#version", VERSION)],
            vec![(":count", number(count)), (":one", number(1))],
        );
        Changes::new().operation(self.key.clone(), None, Effect::Edit(edit))
    }
}

/// The attribute that holds a roster's entries.
const ENTRIES: &str = "entries";

/// A short list of things of which only so many may exist: at most about 100, with at most a few words about
/// each.
///
/// Unlike a [`Tally`] it knows which they are, so that one can make room for another, and a repetition does
/// nothing by itself.
#[derive(Clone, Debug)]
pub struct Roster {
    key: Key,
    most: usize,
}

/// A roster as it was read.
#[derive(Clone, Debug, Deserialize)]
pub struct Listed {
    entries: BTreeMap<String, String>,
}

impl Listed {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether this one is among them.
    pub fn contains(&self, id: &str) -> bool {
        self.entries.contains_key(id)
    }
}

impl Roster {
    /// The list in the item at `key`, of which `most` may exist.
    pub fn new(key: Key, most: usize) -> Self {
        Self { key, most }
    }

    /// Where it is stored.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Whether one has to go before another can be added.
    pub fn is_full(&self, listed: Option<&Listed>) -> bool {
        listed.map_or(0, Listed::len) >= self.most
    }

    /// Adds one. A conflict where it is there already, where there is no room, and where the whole roster was
    /// not there when `listed` was read and is now.
    pub fn add(&self, listed: Option<&Listed>, id: &str, about: &str) -> Changes {
        if listed.is_none() {
            return self.begin(id, about);
        }
        let condition = "attribute_not_exists(#entries.#id) AND size(#entries) < :most";
        let most = number(u64::try_from(self.most).unwrap_or(u64::MAX));
        self.edit("SET #entries.#id = :about", condition, id, vec![(":about", text(about)), (":most", most)])
    }

    /// Puts one in the place of another. A conflict where the other is gone.
    pub fn replace(&self, old: &str, id: &str, about: &str) -> Changes {
        let edit = Edit::new(
            "SET #entries.#id = :about REMOVE #entries.#old ADD #version :one",
            "attribute_exists(#entries.#old) AND attribute_not_exists(#entries.#id)",
            &[("#entries", ENTRIES), ("#id", id), ("#old", old), ("#version", VERSION)],
            vec![(":about", text(about)), (":one", number(1))],
        );
        Changes::new().operation(self.key.clone(), None, Effect::Edit(edit))
    }

    /// Takes one out, so that at least `least` are left. A conflict where it is gone, and where too few are
    /// left.
    pub fn remove(&self, id: &str, least: usize) -> Changes {
        let condition = "attribute_exists(#entries.#id) AND size(#entries) > :least";
        let least = number(u64::try_from(least).unwrap_or(u64::MAX));
        self.edit("REMOVE #entries.#id", condition, id, vec![(":least", least)])
    }

    fn edit(&self, change: &str, condition: &str, id: &str, values: Vec<(&str, AttributeValue)>) -> Changes {
        let values = values.into_iter().chain([(":one", number(1))]).collect();
        let names = [("#entries", ENTRIES), ("#id", id), ("#version", VERSION)];
        let edit = Edit::new(&format!("{change} ADD #version :one"), condition, &names, values);
        Changes::new().operation(self.key.clone(), None, Effect::Edit(edit))
    }

    /// An entry of a map can be set only where the map is there.
    fn begin(&self, id: &str, about: &str) -> Changes {
        let entries = HashMap::from([(id.to_owned(), text(about))]);
        let mut attributes = key_attributes(&self.key);
        attributes.insert(ENTRIES.to_owned(), AttributeValue::M(entries));
        attributes.insert(KIND.to_owned(), text(self.key.kind()));
        attributes.insert(VERSION.to_owned(), number(1));
        Changes::new().operation(self.key.clone(), Some(Condition::Absent), Effect::Put(attributes))
    }
}

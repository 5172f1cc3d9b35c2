//! Limits on how many of something may exist, exact under any number of parallel callers.
//!
//! Whoever counts first and writes afterwards lets every caller in that counted at the same moment. Here the
//! count is an item that every change touches, in the transaction of the change, and the limit is the
//! condition of that write. Nobody has to read it before, so that callers below the limit do not make each
//! other decide again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, de::IgnoredAny};

use crate::{
    Key,
    item::{Attributes, number, text},
    keys::{KIND, VERSION},
    transaction::{Changes, Effect},
};

/// A change of an item in place, under a condition of its own.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    pub(crate) expression: String,
    pub(crate) condition: Option<String>,
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: Attributes,
}

impl Edit {
    /// One attribute, under no condition.
    pub(crate) fn set(attribute: &str, value: AttributeValue) -> Self {
        let names = [("#attribute", attribute), ("#version", VERSION)];
        let values = vec![(":value", value), (":one", number(1))];
        let edit = Self::new("SET #attribute = :value ADD #version :one", "", &names, values);
        Self { condition: None, ..edit }
    }

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
            condition: Some(condition.to_owned()),
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

/// Before the id of an entry, in the name of the attribute that it is.
const ENTRY: &str = "entry:";

/// A short list of things of which only so many may exist: at most about 100, with at most a few words about
/// each.
///
/// Unlike a [`Tally`] it knows which they are, so that one can make room for another, and a repetition does
/// nothing by itself. Each entry is an attribute: no condition is about more than the entries of a change and
/// their number, so that whoever read the list before others changed it need not read it again.
#[derive(Clone, Debug)]
pub struct Roster {
    key: Key,
    most: usize,
}

/// A roster as it was read.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "BTreeMap<String, IgnoredAny>")]
pub struct Listed {
    ids: BTreeSet<String>,
}

#[expect(clippy::zero_sized_map_values, reason = "the names are what counts, and an item is a map")]
impl From<BTreeMap<String, IgnoredAny>> for Listed {
    fn from(attributes: BTreeMap<String, IgnoredAny>) -> Self {
        let ids = attributes.keys().filter_map(|name| name.strip_prefix(ENTRY).map(str::to_owned));
        Self { ids: ids.collect() }
    }
}

impl Listed {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Whether this one is among them.
    pub fn contains(&self, id: &str) -> bool {
        self.ids.contains(id)
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

    /// Adds one. A conflict where it is there already, and where there is no room.
    pub fn add(&self, id: &str, about: &str) -> Changes {
        self.edit(
            "SET #id = :about, #kind = :kind ADD #n :one, #version :one",
            "attribute_not_exists(#id) AND (attribute_not_exists(#n) OR #n < :most)",
            &[("#id", &entry(id)), ("#kind", KIND), ("#n", "n")],
            vec![(":about", text(about)), (":kind", text(self.key.kind())), (":most", count(self.most))],
        )
    }

    /// Puts one in the place of another. A conflict where the other is gone.
    pub fn replace(&self, old: &str, id: &str, about: &str) -> Changes {
        self.edit(
            "SET #id = :about REMOVE #old ADD #version :one",
            "attribute_exists(#old) AND attribute_not_exists(#id)",
            &[("#id", &entry(id)), ("#old", &entry(old))],
            vec![(":about", text(about))],
        )
    }

    /// Takes one out, so that at least `least` are left. A conflict where it is gone, and where too few are
    /// left.
    pub fn remove(&self, id: &str, least: usize) -> Changes {
        self.edit(
            "REMOVE #id ADD #n :less, #version :one",
            "attribute_exists(#id) AND #n > :least",
            &[("#id", &entry(id)), ("#n", "n")],
            vec![(":less", number(-1)), (":least", count(least))],
        )
    }

    fn edit(
        &self,
        change: &str,
        condition: &str,
        names: &[(&str, &str)],
        values: Vec<(&str, AttributeValue)>,
    ) -> Changes {
        let names: Vec<_> = names.iter().copied().chain([("#version", VERSION)]).collect();
        let values = values.into_iter().chain([(":one", number(1))]).collect();
        let edit = Edit::new(change, condition, &names, values);
        Changes::new().operation(self.key.clone(), None, Effect::Edit(edit))
    }
}

fn entry(id: &str) -> String {
    format!("{ENTRY}{id}")
}

fn count(count: usize) -> AttributeValue {
    number(u64::try_from(count).unwrap_or(u64::MAX))
}

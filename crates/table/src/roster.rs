use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize, de::IgnoredAny};

use crate::{
    Key,
    edit::Edit,
    error::StoreError,
    item::{number, text},
    keys::KIND,
    transaction::Changes,
};

/// The attribute of a roster that has an item of its own.
const MAP: &str = "m";

/// A short list of things of which only so many may exist: at most about 100, with at most a few words about
/// each.
///
/// Unlike a [`Tally`](crate::Tally) it knows which they are, so that one can make room for another, and a
/// repetition does nothing by itself. It is a map from id to what there is to say, and no condition is about
/// more than the entries of a change and their number: whoever read the list before others changed it need
/// not read it again.
#[derive(Clone, Debug)]
pub struct Roster {
    key: Key,
    map: &'static str,
    most: usize,
    guard: Option<(&'static str, AttributeValue)>,
}

/// A roster as it was read.
#[derive(Clone, Debug, Deserialize)]
#[expect(clippy::zero_sized_map_values, reason = "the ids are what counts here, and a roster is a map")]
pub struct Listed {
    m: BTreeMap<String, IgnoredAny>,
}

impl Listed {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.m.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.m.is_empty()
    }

    /// Whether this one is among them.
    pub fn contains(&self, id: &str) -> bool {
        self.m.contains_key(id)
    }
}

impl Roster {
    /// The list that the item at `key` is, of which `most` may exist. The item comes with its first entry:
    /// [`Roster::first`].
    pub fn new(key: Key, most: usize) -> Self {
        Self::within(key, MAP, most)
    }

    /// The list that this attribute of an item is. Whoever creates the item creates it as well.
    pub fn within(key: Key, attribute: &'static str, most: usize) -> Self {
        Self { key, map: attribute, most, guard: None }
    }

    /// The same, to which one is added only as long as another attribute of its item says this. Else it is a
    /// conflict.
    #[must_use]
    pub fn while_is(self, attribute: &'static str, value: &str) -> Self {
        Self { guard: Some((attribute, text(value))), ..self }
    }

    /// Where it is stored.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Whether one has to go before another can be added.
    pub fn is_full(&self, listed: Option<&Listed>) -> bool {
        listed.map_or(0, Listed::len) >= self.most
    }

    /// Begins the list, which is not there yet, with this one. A conflict where it is there.
    pub fn first(&self, id: &str, about: &impl Serialize) -> Changes {
        let edit = Edit::new("SET #map = :map, #kind = :kind").when("attribute_not_exists(#map)");
        let edit = edit.name("#kind", KIND).value(":kind", text(self.key.kind()));
        self.with(about, |about| edit.value(":map", AttributeValue::M([(id.to_owned(), about)].into())))
    }

    /// Adds one. A conflict where it is there already, and where there is no room or no list.
    pub fn add(&self, id: &str, about: &impl Serialize) -> Changes {
        let edit = Edit::new("SET #map.#id = :about")
            .when("attribute_not_exists(#map.#id) AND size(#map) < :most")
            .name("#id", id)
            .value(":most", count(self.most));
        self.with(about, |about| edit.value(":about", about))
    }

    /// Puts one in the place of another. A conflict where the other is gone.
    pub fn replace(&self, old: &str, id: &str, about: &impl Serialize) -> Changes {
        let edit = Edit::new("SET #map.#id = :about REMOVE #map.#old")
            .when("attribute_exists(#map.#old) AND attribute_not_exists(#map.#id)")
            .name("#id", id)
            .name("#old", old);
        self.with(about, |about| edit.value(":about", about))
    }

    /// Takes one out, so that at least `least` are left. A conflict where it is gone, and where too few are
    /// left.
    pub fn remove(&self, id: &str, least: usize) -> Changes {
        Edit::new("REMOVE #map.#id")
            .when("attribute_exists(#map.#id) AND size(#map) > :least")
            .name("#map", self.map)
            .name("#id", id)
            .value(":least", count(least))
            .of(&self.key)
    }

    /// Takes all out. A conflict where there is no list.
    pub fn clear(&self) -> Changes {
        Edit::new("SET #map = :none")
            .when("attribute_exists(#map)")
            .name("#map", self.map)
            .value(":none", AttributeValue::M([].into()))
            .of(&self.key)
    }

    fn guarded(&self, mut edit: Edit) -> Edit {
        let Some((attribute, value)) = &self.guard else { return edit };
        let condition =
            edit.condition.take().map_or_else(String::new, |condition| format!("({condition}) AND "));
        let edit = edit.when(format!("{condition}#guard = :guard"));
        edit.name("#guard", attribute).value(":guard", value.clone())
    }

    fn with(&self, about: &impl Serialize, edit: impl FnOnce(AttributeValue) -> Edit) -> Changes {
        match serde_dynamo::to_attribute_value(about) {
            Ok(about) => self.guarded(edit(about)).name("#map", self.map).of(&self.key),
            Err(error) => Changes::failed(StoreError::shape(&self.key, error)),
        }
    }
}

fn count(count: usize) -> AttributeValue {
    number(u64::try_from(count).unwrap_or(u64::MAX))
}

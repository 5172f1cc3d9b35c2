//! The form of a kind of item: where its items are, how long they stay, whose they are and how they
//! are erased. Each domain's crate declares its own kinds with [`kinds!`](crate::kinds); a test of
//! the workspace reads all of them.

use std::{
    fmt::{self, Display},
    ops::Range,
};

use aws_lc_rs::digest::{SHA256, digest};
use primitives::Timestamp;

use crate::sortable::sortable;

/// A kind of item.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    /// Its name, as the attribute `kind` says it.
    pub name: &'static str,
    /// What it is; who writes and who reads it.
    pub about: &'static str,
    /// The partition key, such as `ORG#<org>`. Its first token belongs to one domain alone.
    pub pk: &'static str,
    /// The sort key, such as `MEMBER#<member>`.
    pub sk: &'static str,
    /// The names of the values in the partition key, as the function that makes a key takes them.
    pub pk_values: &'static [&'static str],
    /// The same for the sort key.
    pub sk_values: &'static [&'static str],
    /// The table that it is in.
    pub store: Store,
    /// How large an item gets, KB.
    pub most_kb: u16,
    /// How long an item stays.
    pub kept: Kept,
    pub owner: Owner,
    /// How whoever erases its owner finds it.
    pub erased: Erased,
}

/// Which table a kind is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Store {
    /// What the product knows.
    Main,
    /// What is written often and matters for a while: limits, and that work was done.
    Traffic,
}

/// How long an item stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kept {
    /// Until somebody deletes it.
    ForGood,
    /// Every item has an expiry, after at most so many days.
    Days(u16, &'static str),
    /// An item may have an expiry, or get one.
    Until(&'static str),
}

/// Whose data an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    Org,
    Person,
    /// An address's, whether or not a person has it.
    Address,
    Nobody,
}

/// How the items of an owner are found when the owner is erased, without a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Erased {
    /// Their partition is named by the owner alone.
    Partition,
    /// An item of this kind, which is erased after them, names them.
    NamedIn(&'static str),
    /// They expire soon enough by themselves.
    Expires,
    /// They stay, for this reason.
    Stays(&'static str),
}

impl Kind {
    /// The first token of the partition key.
    pub fn token(&self) -> &'static str {
        self.pk.split('#').next().unwrap_or_default()
    }

    /// What the sort keys of all items of the kind begin with.
    pub fn prefix(&self) -> &'static str {
        self.sk.split('<').next().unwrap_or_default()
    }

    /// The partition with these values.
    pub fn partition(&self, values: &[&dyn Display]) -> String {
        filled(self.pk, values)
    }
}

/// The address of one item.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    kind: &'static Kind,
    pk: String,
    sk: String,
}

impl Key {
    /// The item of this kind with these values: the types of the values are the declaration's to
    /// say ([`kinds!`](crate::kinds)).
    pub fn new(kind: &'static Kind, pk: &[&dyn Display], sk: &[&dyn Display]) -> Self {
        Self { kind, pk: kind.partition(pk), sk: filled(kind.sk, sk) }
    }

    /// The kind of the item.
    pub fn about(&self) -> &'static Kind {
        self.kind
    }

    /// The name of the kind, as the attribute `kind` says it.
    pub fn kind(&self) -> &'static str {
        self.kind.name
    }

    /// The partition key.
    pub fn pk(&self) -> String {
        self.pk.clone()
    }

    /// The sort key.
    pub fn sk(&self) -> String {
        self.sk.clone()
    }
}

impl Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

/// A sort of entry in one of the indexes.
#[derive(Debug)]
pub struct Entry {
    /// What it is for.
    pub name: &'static str,
    /// The kind of item that has it.
    pub on: &'static str,
    pub indexed: Indexed,
    /// The index's partition key, such as `ORG_ROLE#<org>`.
    pub pk: &'static str,
    /// The index's sort key.
    pub sk: &'static str,
}

/// Which index a sort of entry is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexed {
    /// What has to be looked at at some time, by that time: in so many partitions, of which several
    /// workers can look at one each. Its keys are `<shard>`, and `<due_at>` and an id.
    Due {
        /// How many partitions.
        shards: u8,
    },
    /// What is looked up, with a summary.
    List,
}

impl Entry {
    /// The entry with these values in the index of lists. What is to be said of the item is all
    /// that a reader of the list sees of it.
    pub fn listed(&self, pk: &[&dyn Display], sk: &[&dyn Display], summary: String) -> Index {
        let (pk, sk) = self.place(pk, sk);
        Index { pk, sk, summary: Some(summary) }
    }

    /// The entry of what is due at this time, under an id that says what it is about.
    pub fn due(&self, at: Timestamp, id: &dyn Display) -> Index {
        let (id, shards) = (id.to_string(), self.shards().end.max(1));
        let [first, ..] = digest(&SHA256, id.as_bytes()).as_ref().try_into().unwrap_or([0; 32]);
        Index {
            pk: self.partition(first % shards),
            sk: filled(self.sk, &[&sortable(at), &id]),
            summary: None,
        }
    }

    /// The partitions that it is spread over.
    pub fn shards(&self) -> Range<u8> {
        match self.indexed {
            Indexed::Due { shards } => 0..shards,
            Indexed::List => 0..0,
        }
    }

    /// One of the partitions that it is spread over.
    pub(crate) fn partition(&self, shard: u8) -> String {
        filled(self.pk, &[&format!("{shard:02x}")])
    }

    /// Partition and sort key with these values.
    pub fn place(&self, pk: &[&dyn Display], sk: &[&dyn Display]) -> (String, String) {
        (filled(self.pk, pk), filled(self.sk, sk))
    }
}

/// An item's entry in an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The index's partition key.
    pub pk: String,
    /// The index's sort key.
    pub sk: String,
    /// What the list says of the item; nothing in the index of what is due.
    pub summary: Option<String>,
}

/// The pattern with these values in their places. `#` parts a key and is in no value: what it would
/// be in is percent-encoded, so that no two lists of values give one key.
pub(crate) fn filled(pattern: &str, values: &[&dyn Display]) -> String {
    let mut key = String::with_capacity(pattern.len() + 32);
    let mut values = values.iter();
    for (at, part) in pattern.split('<').enumerate() {
        let Some((_, fixed)) = part.split_once('>').filter(|_| at > 0) else {
            key.push_str(part);
            continue;
        };
        for letter in values.next().map(ToString::to_string).unwrap_or_default().chars() {
            match letter {
                '#' => key.push_str("%23"),
                '%' => key.push_str("%25"),
                letter => key.push(letter),
            }
        }
        key.push_str(fixed);
    }
    key
}

/// Declares the kinds of items of a domain: for each a type with `KIND`, `key(…)` for the address
/// of one item and `all(…)` for a query of those of one partition; and `KINDS` with all of them.
///
/// ```
/// table::kinds! {
///     /// A task of a project. Written by whoever plans; read by `GET /v1/tasks`.
///     "task" Task(project: u64; task: u64) "PROJECT#<project>" "TASK#<task>" {
///         store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: NamedIn("project"),
///     }
/// }
/// assert_eq!(Task::key(1, 2).pk(), "PROJECT#1");
/// ```
#[macro_export]
macro_rules! kinds {
    ($(
        $(#[doc = $about:literal])+
        $name:literal $kind:ident(
            $($pk_value:ident: $pk_type:ty),*; $($sk_value:ident: $sk_type:ty),*
        ) $pk:literal $sk:literal {
            store: $store:ident, most_kb: $most_kb:literal, kept: $kept:expr, owner: $owner:ident,
            erased: $erased:expr $(,)?
        }
    )*) => {
        $(
            $(#[doc = $about])+
            #[derive(Clone, Copy, Debug)]
            pub struct $kind;

            impl $kind {
                /// All that is the same of the items of this kind.
                pub const KIND: $crate::Kind = {
                    use $crate::{Erased::*, Kept::*};
                    $crate::Kind {
                        name: $name,
                        about: concat!($($about),+),
                        pk: $pk,
                        sk: $sk,
                        pk_values: &[$(stringify!($pk_value)),*],
                        sk_values: &[$(stringify!($sk_value)),*],
                        store: $crate::Store::$store,
                        most_kb: $most_kb,
                        kept: $kept,
                        owner: $crate::Owner::$owner,
                        erased: $erased,
                    }
                };

                /// The address of the item with these values.
                pub fn key($($pk_value: $pk_type,)* $($sk_value: $sk_type,)*) -> $crate::Key {
                    $crate::Key::new(&Self::KIND, &[$(&$pk_value),*], &[$(&$sk_value),*])
                }

                /// Asks for all items of the kind in the partition with these values.
                pub fn all($($pk_value: $pk_type,)*) -> $crate::Query {
                    $crate::Query::all(&Self::KIND, &[$(&$pk_value),*])
                }
            }
        )*

        /// Every kind of item of this domain.
        pub const KINDS: &[$crate::Kind] = &[$($kind::KIND),*];
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_parts_a_key() {
        assert_eq!(filled("A#<x>#<y>", &[&"b#c", &"d"]), "A#b%23c#d");
        assert_ne!(filled("A#<x>#<y>", &[&"b", &"c#d"]), filled("A#<x>#<y>", &[&"b#c", &"d"]));
        assert_ne!(filled("A#<x>", &[&"#"]), filled("A#<x>", &[&"%23"]));
        assert_eq!(filled("<time>#<event>", &[&"2026", &"evt_1"]), "2026#evt_1");
        assert_eq!(filled("USER", &[]), "USER");
        assert_eq!(filled("EMAIL#<email>", &[&"a<b>@example.com"]), "EMAIL#a<b>@example.com");
    }
}

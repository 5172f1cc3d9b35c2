use std::fmt::Display;

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use primitives::{Limit, Page, Timestamp};
use serde::de::DeserializeOwned;

use crate::{
    CursorKeys, Key, Kind, Store, cursor,
    error::StoreError,
    item::{Attributes, read, text},
    keys::{DUE, DUE_PK, DUE_SK, LIST, LIST_PK, LIST_SK, PK, SK, TTL},
    kind::filled,
    sortable::sortable,
    store::{Consistency, Table},
};

/// Which end of a partition is read first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Smallest sort key first.
    Ascending,
    /// Largest sort key first.
    Descending,
}

/// Some neighbouring items of one partition.
#[derive(Clone, Debug)]
pub struct Query {
    pub(crate) store: Store,
    pk: String,
    range: Range,
    index: Option<Listing>,
    order: Order,
    consistency: Consistency,
    without_expiry: bool,
    kind: &'static str,
}

/// An index, and the attributes of its keys.
#[derive(Clone, Copy, Debug)]
struct Listing {
    name: &'static str,
    pk: &'static str,
    sk: &'static str,
}

const BY_DUE: Listing = Listing { name: DUE, pk: DUE_PK, sk: DUE_SK };
const BY_LIST: Listing = Listing { name: LIST, pk: LIST_PK, sk: LIST_SK };

#[derive(Clone, Debug)]
enum Range {
    Prefix(String),
    UpTo(String),
    Between(String, String),
}

impl Query {
    /// The items of partition `pk` whose sort keys begin with `prefix`. `kind` names what they are, in
    /// errors.
    fn prefix(kind: &'static str, pk: impl Into<String>, prefix: impl Into<String>) -> Self {
        let range = Range::Prefix(prefix.into());
        Self {
            store: Store::Main,
            pk: pk.into(),
            range,
            index: None,
            order: Order::Ascending,
            consistency: Consistency::Eventual,
            without_expiry: false,
            kind,
        }
    }

    /// All items of a kind in the partition with these values.
    pub fn all(kind: &'static Kind, values: &[&dyn Display]) -> Self {
        let query = Self::prefix(kind.name, kind.partition(values), kind.prefix());
        Self { store: kind.store, ..query }
    }

    /// The same of those whose sort keys lie in `from..=to`, where only one kind of item is in the partition
    /// and the sort keys begin with a time: all of it where nothing is said. `None` where it ends before it
    /// begins.
    #[must_use]
    pub fn within(mut self, from: Option<Timestamp>, to: Option<Timestamp>) -> Option<Self> {
        if from.is_some() || to.is_some() {
            // before all times and behind all of them: those before the year 0 begin with a dash
            let from = from.map_or_else(|| " ".to_owned(), sortable);
            let to = to.map_or_else(|| "~".to_owned(), |to| format!("{}#~", sortable(to)));
            if from > to {
                return None;
            }
            self.range = Range::Between(from, to);
        }
        Some(self)
    }

    /// All items of the partition that this one is in, whatever they are.
    pub fn partition_of(key: &Key) -> Self {
        Self { store: key.about().store, ..Self::prefix(key.kind(), key.pk(), "") }
    }

    /// What has been due in this partition up to now.
    pub(crate) fn due(kind: &'static str, pk: String, now: Timestamp) -> Self {
        // behind every entry for this instant: ids are letters and digits
        Self { index: Some(BY_DUE), ..Self::list_up_to(kind, pk, format!("{}#~", sortable(now))) }
    }

    /// The entries of this partition of the index of lists whose sort keys are at most `last`.
    pub fn list_up_to(kind: &'static str, pk: impl Into<String>, last: impl Into<String>) -> Self {
        let range = Range::UpTo(last.into());
        Self {
            store: Store::Main,
            pk: pk.into(),
            range,
            index: Some(BY_LIST),
            order: Order::Ascending,
            consistency: Consistency::Eventual,
            without_expiry: false,
            kind,
        }
    }

    /// The entries of this partition of the index of lists whose sort keys begin with `prefix`.
    pub fn list_prefix(kind: &'static str, pk: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self { index: Some(BY_LIST), ..Self::prefix(kind, pk, prefix) }
    }

    /// The same without the entries up to `after`, for a worker that goes on from the last entry it saw.
    /// Unlike a cursor it needs nothing but the entry's sort key, and the entry may be gone.
    #[must_use]
    pub fn index_after(mut self, after: &str) -> Self {
        if let Range::UpTo(last) | Range::Between(_, last) = self.range {
            // The next text there is: a bound of BETWEEN belongs to the range.
            self.range = Range::Between(format!("{after}\u{1}"), last);
        }
        self
    }

    /// The same of those alone whose sort keys go on with this text behind what they all begin with.
    #[must_use]
    pub fn beginning(mut self, text: &str) -> Self {
        if let Range::Prefix(prefix) = &mut self.range {
            prefix.push_str(&filled("<text>", &[&text]));
        }
        self
    }

    /// What it asks for, in errors.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// The same from the other end.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.order = Order::Descending;
        self
    }

    /// The same with every acknowledged write in it. Not for the index.
    #[must_use]
    pub fn strong(mut self) -> Self {
        self.consistency = Consistency::Strong;
        self
    }

    /// Of the same items those that never expire. The others are read, and paid for, all the same.
    #[must_use]
    pub(crate) fn without_expiry(mut self) -> Self {
        self.without_expiry = true;
        self
    }

    /// Where this item stands in the query, as `DynamoDB` is told where to go on.
    fn position(&self, item: &Attributes) -> Attributes {
        let of_index = self.index.into_iter().flat_map(|index| [index.pk, index.sk]);
        [PK, SK]
            .into_iter()
            .chain(of_index)
            .filter_map(|name| item.get_key_value(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Tenant and query, as cursors are bound to them.
    fn list(&self) -> String {
        format!("{} {:?} {:?}", self.pk, self.range, self.order)
    }
}

impl Table {
    /// One page that a caller asked for; `cursor` is what the page before gave.
    pub async fn page<T: DeserializeOwned>(
        &self,
        query: &Query,
        limit: Limit,
        cursor: Option<&str>,
        cursors: &dyn CursorKeys,
    ) -> Result<Page<T>, StoreError> {
        let list = query.list();
        let start = match cursor {
            Some(cursor) => Some(cursor::opened(cursors, &list, cursor).await?),
            None => None,
        };
        // One more than asked for tells whether there is a next page: a full last one has none.
        let (mut items, mut next) = self.rows(query, limit.get() + 1, start).await?;
        if items.len() > limit.get() {
            items.truncate(limit.get());
            next = items.last().map(|last| query.position(last));
        }
        let next_cursor = match next {
            Some(next) => Some(cursors.at_hand().await?.current.seal(&list, &next)?),
            None => None,
        };
        let items = items.into_iter().map(|item| read(query.kind, item)).collect::<Result<_, _>>()?;
        Ok(Page { items, next_cursor })
    }

    /// The same of those that `keep` keeps, of at most so many that it looks at: fewer than asked for may
    /// come, with a cursor behind what was looked at. `kept` says in words what is kept, for the cursor holds
    /// for the same alone.
    pub async fn sift<T: DeserializeOwned>(
        &self,
        query: &Query,
        (limit, cursor): (Limit, Option<&str>),
        cursors: &dyn CursorKeys,
        (looked_at, kept, keep): (usize, &str, impl Fn(&T) -> bool),
    ) -> Result<Page<T>, StoreError> {
        let list = format!("{} {kept}", query.list());
        let start = match cursor {
            Some(cursor) => Some(cursor::opened(cursors, &list, cursor).await?),
            None => None,
        };
        let (rows, mut next) = self.rows(query, looked_at, start).await?;
        let (mut items, mut last) = (Vec::new(), None);
        for row in rows {
            if items.len() == limit.get() {
                next = last;
                break;
            }
            let position = query.position(&row);
            last = Some(position);
            let item = read(query.kind, row)?;
            if keep(&item) {
                items.push(item);
            }
        }
        let next_cursor = match next {
            Some(next) => Some(cursors.at_hand().await?.current.seal(&list, &next)?),
            None => None,
        };
        Ok(Page { items, next_cursor })
    }

    /// Up to `limit` items from the beginning.
    pub async fn first<T: DeserializeOwned>(
        &self,
        query: &Query,
        limit: usize,
    ) -> Result<Vec<T>, StoreError> {
        Ok(self.query(query, limit, None).await?.0)
    }

    /// Up to `limit` items behind the sort key `after`, for a worker that pages through a partition by
    /// itself.
    pub async fn after<T: DeserializeOwned>(
        &self,
        query: &Query,
        limit: usize,
        after: Option<&str>,
    ) -> Result<(Vec<T>, Option<String>), StoreError> {
        let start =
            after.map(|sk| Attributes::from([(PK.to_owned(), text(&query.pk)), (SK.to_owned(), text(sk))]));
        let (items, last) = self.query(query, limit, start).await?;
        Ok((items, last.and_then(|mut last| last.remove(SK)).and_then(|sk| sk.as_s().ok().cloned())))
    }

    async fn query<T: DeserializeOwned>(
        &self,
        query: &Query,
        limit: usize,
        start: Option<Attributes>,
    ) -> Result<(Vec<T>, Option<Attributes>), StoreError> {
        let (items, last) = self.rows(query, limit, start).await?;
        Ok((items.into_iter().map(|item| read(query.kind, item)).collect::<Result<_, _>>()?, last))
    }

    /// The items as they are stored, and where the query stopped before its end.
    pub(crate) async fn rows(
        &self,
        query: &Query,
        limit: usize,
        start: Option<Attributes>,
    ) -> Result<(Vec<Attributes>, Option<Attributes>), StoreError> {
        let (pk, sk) = query.index.map_or((PK, SK), |index| (index.pk, index.sk));
        let (condition, value, first) = match &query.range {
            // no key is compared with an empty text
            Range::Prefix(prefix) if prefix.is_empty() => ("#pk = :pk", None, None),
            Range::Prefix(prefix) => ("#pk = :pk AND begins_with(#sk, :sk)", Some(prefix), None),
            Range::UpTo(last) => ("#pk = :pk AND #sk <= :sk", Some(last), None),
            Range::Between(first, last) => {
                ("#pk = :pk AND #sk BETWEEN :first AND :sk", Some(last), Some(first))
            }
        };
        let bounds =
            first.map(|first| (":first", first)).into_iter().chain(value.map(|value| (":sk", value)));
        let bounds = bounds.map(|(name, value)| (name.to_owned(), text(value))).collect();
        let names = [("#pk", pk)].into_iter().chain(value.map(|_| ("#sk", sk)));
        let names = names.chain(query.without_expiry.then_some(("#ttl", TTL)));
        let names = names.map(|(placeholder, name)| (placeholder.to_owned(), name.to_owned())).collect();
        let answer = self
            .client
            .query()
            .table_name(self.name(query.store))
            .set_index_name(query.index.map(|index| index.name.to_owned()))
            .key_condition_expression(condition)
            .set_filter_expression(query.without_expiry.then(|| "attribute_not_exists(#ttl)".to_owned()))
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(bounds))
            .expression_attribute_values(":pk", text(&query.pk))
            .consistent_read(query.consistency == Consistency::Strong)
            .scan_index_forward(query.order == Order::Ascending)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| StoreError::from_sdk("Query", error))?;
        self.usage().record("Query", false, answer.consumed_capacity());
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }
}

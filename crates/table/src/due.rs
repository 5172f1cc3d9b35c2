use std::collections::HashMap;

use primitives::Timestamp;
use serde::Deserialize;

use crate::{
    Entry, Store,
    edit::{Edit, Edited},
    error::StoreError,
    item::text,
    keys::{DUE_SK, PK, SK},
    query::Query,
    sortable::sortable,
    store::Table,
};

/// Something that has to be looked at, as its entry in the index of what is due says it.
///
/// The item itself says whether that is still so: the index is a moment behind, and others may have
/// been faster. The entry goes, or moves to its next time, with the write that does the work. Where
/// the work is more than that write, whoever begins it puts the entry off first
/// ([`Table::put_off`]): so that no two do it at once, and what died half-way is looked at again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Due {
    pk: String,
    sk: String,
    /// Its place among what is due: to go on from.
    #[serde(rename = "due_sk")]
    pub place: String,
}

impl Due {
    /// The id that the entry was made with.
    pub fn id(&self) -> &str {
        self.place.split_once('#').map_or("", |(_, id)| id)
    }
}

impl Table {
    /// Up to `limit` of what is due in this shard, the longest due first, behind the place `after`.
    pub async fn due(
        &self,
        entry: &Entry,
        shard: u8,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Due>, StoreError> {
        let query = Query::due(entry.on, entry.partition(shard), self.clock.now());
        let query = after.into_iter().fold(query, Query::index_after);
        self.first(&query, limit).await
    }

    /// Puts an entry off until then, if nobody did before and its work is not done: says whether
    /// the work is the caller's now. Whoever hears no answer has it not, and nobody has it until
    /// then.
    pub async fn put_off(&self, due: &Due, until: Timestamp) -> Result<bool, StoreError> {
        let put_off = Edit::new("SET #place = :later")
            .when("#place = :seen")
            .name("#place", DUE_SK)
            .value(":seen", text(&due.place))
            .value(":later", text(format!("{}#{}", sortable(until), due.id())));
        let key = HashMap::from([(PK.to_owned(), text(&due.pk)), (SK.to_owned(), text(&due.sk))]);
        Ok(matches!(self.edit_at(self.name(Store::Main), key, put_off).await?, Edited::Made(_)))
    }
}

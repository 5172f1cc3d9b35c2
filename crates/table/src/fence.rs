use primitives::SignedDuration;
use serde::Deserialize;

use crate::{
    Key,
    edit::{Edit, Edited},
    error::StoreError,
    item::{number, read, text},
    keys::{KIND, TTL},
    store::Table,
    transaction::Changes,
};

/// A piece of work that is either done or given up, for good: whoever is first decides.
///
/// The worker's transaction says that it is done; whoever waits no longer says that it is void.
/// Each is written only where nothing is, so that of the two one holds, whatever clocks say: they
/// only decide how early somebody gives up, never what became of the work.
#[derive(Clone, Debug)]
pub struct Fence {
    key: Key,
    kept: SignedDuration,
}

/// What became of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It was done.
    Done,
    /// It was given up, and can be done no more.
    Void,
}

impl Fence {
    /// The fence in the item at `key`. It must be kept for longer than anybody may still come to
    /// it.
    pub fn new(key: Key, kept: SignedDuration) -> Self {
        Self { key, kept }
    }

    /// Where it is stored: the commit fails here when the work was given up, and when it was done
    /// before. [`Table::give_up_unless_done`] says which.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Says that the work is done, in the transaction that does it.
    pub fn done(&self, table: &Table) -> Changes {
        self.edit(table, "done").of(&self.key)
    }

    fn edit(&self, table: &Table, fate: &str) -> Edit {
        let expires_at = (table.clock().now() + self.kept).as_second();
        Edit::new("SET #fate = :fate, #kind = :kind, #ttl = :ttl")
            .when("attribute_not_exists(#fate)")
            .name("#fate", "fate")
            .name("#kind", KIND)
            .name("#ttl", TTL)
            .value(":fate", text(fate))
            .value(":kind", text(self.key.kind()))
            .value(":ttl", number(expires_at))
    }
}

#[derive(Deserialize)]
struct Stored {
    fate: Fate,
}

impl Table {
    /// Gives the work up, unless it is done: whose transaction comes later fails. Doing it twice is
    /// no error.
    pub async fn give_up_unless_done(&self, fence: &Fence) -> Result<Fate, StoreError> {
        let (Edited::Made(item) | Edited::Refused(item)) =
            self.edit(&fence.key, fence.edit(self, "void")).await?;
        let Stored { fate } = read(fence.key.kind(), item)?;
        Ok(fate)
    }
}

use audit_chain::Hash;
use primitives::Timestamp;

use crate::{
    Key,
    edit::Edit,
    item::{number, text},
    keys::{KIND, TTL},
    transaction::Changes,
};

impl Changes {
    /// Gives an audit row its place in the chain. A conflict where it has one. Of a row that is gone, or is
    /// not what was written, the hash that was written with the event is chained, and stands in its place.
    /// `expires_at` is when the row goes.
    pub fn chain(
        self,
        key: &Key,
        row_hash: Hash,
        (sequence, hash): (u64, Hash),
        expires_at: Timestamp,
    ) -> Self {
        let set = "SET #sequence = :sequence, #hash = :hash, #row = if_not_exists(#row, :row), #kind = :kind, \
                   #ttl = :ttl";
        let edit = Edit::new(set).when("attribute_not_exists(#sequence)");
        let edit = edit.name("#sequence", "sequence").value(":sequence", number(sequence));
        let edit = edit.name("#hash", "hash").value(":hash", text(hash.to_string()));
        let edit = edit.name("#row", "row_hash").value(":row", text(row_hash.to_string()));
        let edit = edit.name("#ttl", TTL).value(":ttl", number(expires_at.as_second()));
        let edit = edit.name("#kind", KIND).value(":kind", text(key.kind()));
        self.and(edit.of(key))
    }
}

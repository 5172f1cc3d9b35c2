use audit_chain::Hash;

use crate::{
    Key,
    edit::Edit,
    item::{number, text},
    keys::KIND,
    transaction::Changes,
};

impl Changes {
    /// Gives an audit row its place in the chain. A conflict where it has one. Of a row that is gone, or is
    /// not what was written, the hash that was written with the event is chained, and stands in its place.
    pub fn chain(self, key: &Key, row_hash: Hash, sequence: u64, hash: Hash) -> Self {
        let set = "SET #sequence = :sequence, #hash = :hash, #row = if_not_exists(#row, :row), #kind = :kind";
        let edit = Edit::new(set).when("attribute_not_exists(#sequence)");
        let edit = edit.name("#sequence", "sequence").value(":sequence", number(sequence));
        let edit = edit.name("#hash", "hash").value(":hash", text(hash.to_string()));
        let edit = edit.name("#row", "row_hash").value(":row", text(row_hash.to_string()));
        let edit = edit.name("#kind", KIND).value(":kind", text(key.kind()));
        self.and(edit.of(key))
    }
}

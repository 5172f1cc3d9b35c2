use crate::{
    Key,
    edit::Edit,
    item::{number, text},
    keys::KIND,
    transaction::Changes,
};

/// A number of things of which only so many may exist, however large that is.
///
/// It is changed only in the transaction that creates or deletes what is counted, whose own
/// condition (that it is not there yet, that it is still there) is what makes a repetition count
/// once. An item that is not there stands for nought.
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
        Edit::new("SET #n = if_not_exists(#n, :none) + :count, #kind = :kind")
            .when(condition)
            .name("#n", "n")
            .name("#kind", KIND)
            .value(":none", number(0))
            .value(":count", number(count))
            .value(":room", number(room))
            .value(":kind", text(self.key.kind()))
            .of(&self.key)
    }

    /// Counts `count` less. A conflict where there are not so many.
    pub fn subtract(&self, count: u32) -> Changes {
        let edit = Edit::new("SET #n = #n - :count").when("#n >= :count");
        edit.name("#n", "n").value(":count", number(count)).of(&self.key)
    }
}

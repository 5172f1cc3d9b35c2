use jiff::Timestamp;

use crate::{
    Key,
    edit::Edit,
    item::{number, text},
    keys::KIND,
    transaction::Changes,
};

/// A [`Tally`](crate::Tally) of people, some of whom are only promised to come. It says besides how often
/// it was changed, so that whoever tells others of it can say which number is the later one; and for a while
/// there may be room for fewer than otherwise.
///
/// It is changed only in the transaction that creates or deletes what is counted, whose own condition is what
/// makes a repetition count once. An item that is not there stands for nought.
#[derive(Clone, Debug)]
pub struct Headcount {
    key: Key,
}

const SET: &str = "SET #n = if_not_exists(#n, :none) + :one, #v = if_not_exists(#v, :none) + :one, \
                   #kind = :kind";
const PROMISED: &str = "#pending = if_not_exists(#pending, :none) + :promised";

impl Headcount {
    /// The number in the item at `key`.
    pub fn new(key: Key) -> Self {
        Self { key }
    }

    /// Counts one more, of at most so many. A conflict where that would be more than may be.
    pub fn enter(&self, most: Option<u32>, now: Timestamp) -> Changes {
        self.one_more(SET.to_owned(), most, now).of(&self.key)
    }

    /// The same of somebody who is only promised.
    pub fn promise(&self, most: Option<u32>, now: Timestamp) -> Changes {
        let edit = self.one_more(format!("{SET}, {PROMISED}"), most, now);
        edit.name("#pending", "pending").value(":promised", number(1)).of(&self.key)
    }

    fn one_more(&self, expression: String, most: Option<u32>, now: Timestamp) -> Edit {
        let room = i64::from(most.unwrap_or(u32::MAX)) - 1;
        // an item that is not there has room for as much as may exist, and for no more
        let room_for_it = if room < 0 { "#n <= :room" } else { "attribute_not_exists(#n) OR #n <= :room" };
        let within = "attribute_not_exists(#narrow) OR #until <= :now OR #n < #narrow";
        Edit::new(expression)
            .when(format!("({room_for_it}) AND ({within})"))
            .name("#n", "n")
            .name("#v", "v")
            .name("#narrow", "narrow")
            .name("#until", "narrow_until")
            .name("#kind", KIND)
            .value(":none", number(0))
            .value(":one", number(1))
            .value(":room", number(room))
            .value(":now", number(now.as_second()))
            .value(":kind", text(self.key.kind()))
    }

    /// Somebody who was promised is there.
    pub fn keep_promise(&self) -> Changes {
        let edit = Edit::new(format!("SET {PROMISED}")).name("#pending", "pending");
        edit.value(":none", number(0)).value(":promised", number(-1)).of(&self.key)
    }

    /// Counts so many less, of whom so many were only promised. A conflict where there are not so many.
    pub fn leave(&self, count: u32, promised: u32) -> Changes {
        Edit::new(format!("SET #n = #n - :count, #v = if_not_exists(#v, :none) + :one, {PROMISED}"))
            .when("#n >= :count")
            .name("#n", "n")
            .name("#v", "v")
            .name("#pending", "pending")
            .value(":none", number(0))
            .value(":one", number(1))
            .value(":count", number(count))
            .value(":promised", number(-i64::from(promised)))
            .of(&self.key)
    }

    /// Until then there is room for so many and no more, whatever whoever enters thinks. A conflict where
    /// there are more already.
    pub fn narrow(&self, most: u32, until: Timestamp) -> Changes {
        Edit::new("SET #narrow = :most, #until = :until")
            .when("#n <= :most")
            .name("#n", "n")
            .name("#narrow", "narrow")
            .name("#until", "narrow_until")
            .value(":most", number(most))
            .value(":until", number(until.as_second()))
            .of(&self.key)
    }

    /// There is as much room as otherwise again. A conflict where it was narrowed to another number, or until
    /// another time, meanwhile.
    pub fn widen(&self, most: u32, until: Timestamp) -> Changes {
        Edit::new("REMOVE #narrow, #until")
            .when("#narrow = :most AND #until = :until")
            .name("#narrow", "narrow")
            .name("#until", "narrow_until")
            .value(":most", number(most))
            .value(":until", number(until.as_second()))
            .of(&self.key)
    }
}

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use primitives::Timestamp;
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

/// How many holds there may be at once: together they stay within two write units.
const MOST_HOLDS: u64 = 50;

/// An amount that is held before it is used: first so much of it is set aside, and then what was
/// used is taken and the rest given back.
///
/// What is free is stored, since a condition cannot add. Each step is one write of one item. It is
/// a purse of many calls and few holds: spread over several purses, of which each has a part of the
/// amount, it bears more at once.
#[derive(Clone, Debug)]
pub struct Purse {
    key: Key,
}

/// What is set aside, until a moment after which anybody may give it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    id: String,
    amount: u64,
    until: i64,
}

/// Whether an amount was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// It is. Use it, and settle before its time is over.
    Held(Hold),
    /// So much is not free, or too many holds are there already.
    Refused {
        /// How much is.
        free: u64,
    },
}

/// Whether a hold was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// What was used is taken, and the rest is free.
    InTime,
    /// The time was over, and all of it was given back: what was used is counted nowhere.
    TooLate,
}

/// What a purse holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Balance {
    /// What can be set aside. Below nought where more was drawn than there was.
    pub free: i64,
    /// What was used.
    pub used: u64,
    holds: BTreeMap<String, Held>,
    /// What was put in, where it is filled as it is drawn from.
    #[serde(default)]
    filled: u64,
}

/// The amount, and until when, seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
struct Held(u64, i64);

impl Held {
    fn value(self) -> AttributeValue {
        AttributeValue::L(vec![number(self.0), number(self.1)])
    }
}

impl Balance {
    /// What is set aside.
    pub fn held(&self) -> u64 {
        self.holds.values().map(|Held(amount, _)| amount).sum()
    }

    /// What was put in.
    pub fn filled(&self) -> u64 {
        self.filled
    }

    /// Whether one more hold has a place.
    pub fn has_place(&self) -> bool {
        u64::try_from(self.holds.len()).is_ok_and(|holds| holds < MOST_HOLDS)
    }

    /// Whether something is set aside whose time is over.
    pub fn has_leftovers(&self, now: Timestamp) -> bool {
        self.holds.values().any(|Held(_, until)| *until <= now.as_second())
    }
}

impl Hold {
    /// So much under this id, which is the holder's own, until then.
    pub fn new(id: impl Into<String>, amount: u64, until: Timestamp) -> Self {
        Self { id: id.into(), amount, until: until.as_second() }
    }
}

/// What is drawn from a purse in one write, as a part of a transaction. A purse that nobody has
/// drawn from yet is not there, and is filled by the first who does.
#[derive(Clone, Debug)]
pub struct Draw {
    /// What it has to be filled with: another amount than it was seen with makes it so.
    pub filled: u64,
    /// What is used at once.
    pub used: u64,
    /// What is set aside.
    pub hold: Option<Hold>,
    /// Whether no more may be drawn than is free.
    pub bounded: bool,
    /// When a purse that is made now may be forgotten.
    pub expires_at: Timestamp,
}

impl Purse {
    /// The purse in the item at `key`.
    pub fn new(key: Key) -> Self {
        Self { key }
    }

    /// Draws from the purse, which was seen like this. A conflict when it was filled with something
    /// else meanwhile, when so much is not free any more, and when there are too many holds.
    pub fn draw(&self, seen: Option<&Balance>, draw: &Draw) -> Changes {
        let Draw { filled, used, hold, bounded, expires_at } = draw;
        let drawn = used + hold.as_ref().map_or(0, |hold| hold.amount);
        let Some(seen) = seen else {
            let holds = hold.iter().map(|hold| (hold.id.clone(), Held(hold.amount, hold.until).value()));
            return named(
                "SET #free = :free, #used = :used, #holds = :holds, #filled = :filled, #kind = :kind, #ttl = :ttl",
            )
            .when("attribute_not_exists(#filled)")
            .name("#kind", KIND)
            .name("#ttl", TTL)
            .value(":free", number(i128::from(*filled) - i128::from(drawn)))
            .value(":used", number(*used))
            .value(":holds", AttributeValue::M(holds.collect()))
            .value(":filled", number(*filled))
            .value(":kind", text(self.key.kind()))
            .value(":ttl", number(expires_at.as_second()))
            .of(&self.key);
        };
        let more = i128::from(*filled) - i128::from(seen.filled);
        let mut expression =
            "SET #free = #free + :change, #used = #used + :used, #filled = :filled".to_owned();
        let mut condition = "#filled = :seen".to_owned();
        if hold.is_some() {
            expression.push_str(", #holds.#id = :hold");
            condition.push_str(" AND attribute_not_exists(#holds.#id) AND size(#holds) < :most");
        }
        if *bounded {
            condition.push_str(" AND #free >= :least");
        }
        let mut edit = named(&expression)
            .when(condition)
            .value(":change", number(more - i128::from(drawn)))
            .value(":used", number(*used))
            .value(":filled", number(*filled))
            .value(":seen", number(seen.filled));
        if *bounded {
            edit = edit.value(":least", number(i128::from(drawn) - more));
        }
        if let Some(hold) = hold {
            edit = edit.name("#id", &hold.id).value(":most", number(MOST_HOLDS));
            edit = edit.value(":hold", Held(hold.amount, hold.until).value());
        }
        edit.of(&self.key)
    }

    /// Takes what was used of a hold, at most all of it, and gives the rest back, as a part of a
    /// transaction. A conflict when the hold is not there any more.
    pub fn end(&self, hold: &Hold, used: u64) -> Changes {
        end(&hold.id, Held(hold.amount, hold.until), used.min(hold.amount)).of(&self.key)
    }

    /// Where it is stored.
    pub fn key(&self) -> &Key {
        &self.key
    }
}

impl Table {
    /// Puts this amount into a purse that is not there yet. Doing it twice is no error.
    pub async fn fill(&self, purse: &Purse, amount: u64) -> Result<(), StoreError> {
        let fill = named("SET #free = :amount, #used = :none, #holds = :nobody, #kind = :kind")
            .when("attribute_not_exists(#free)")
            .name("#kind", KIND)
            .value(":amount", number(amount))
            .value(":none", number(0))
            .value(":nobody", AttributeValue::M([].into()))
            .value(":kind", text(purse.key.kind()));
        self.edit(&purse.key, fill).await.map(drop)
    }

    /// Sets an amount aside, under an id that is the caller's own: the same again finds what is
    /// there.
    ///
    /// Where there is no room, what others left behind is given back first.
    pub async fn reserve(
        &self,
        purse: &Purse,
        id: &str,
        amount: u64,
        until: Timestamp,
    ) -> Result<Reserved, StoreError> {
        let hold = |Held(amount, until)| Hold { id: id.to_owned(), amount, until };
        let held = Held(amount, until.as_second());
        let reserve = named("SET #free = #free - :amount, #holds.#id = :hold")
            .when("#free >= :amount AND attribute_not_exists(#holds.#id) AND size(#holds) < :most")
            .name("#id", id)
            .value(":amount", number(amount))
            .value(":hold", held.value())
            .value(":most", number(MOST_HOLDS));
        loop {
            let item = match self.edit(&purse.key, reserve.clone()).await? {
                Edited::Made(_) => return Ok(Reserved::Held(hold(held))),
                // nobody has filled it
                Edited::Refused(item) if item.is_empty() => return Ok(Reserved::Refused { free: 0 }),
                Edited::Refused(item) => item,
            };
            let balance: Balance = read(purse.key.kind(), item)?;
            match balance.holds.get(id) {
                Some(held) => return Ok(Reserved::Held(hold(*held))),
                None if self.give_back(purse, &balance).await? => {}
                None => {
                    return Ok(Reserved::Refused { free: u64::try_from(balance.free).unwrap_or_default() });
                }
            }
        }
    }

    /// Gives back what was set aside and whose time is over; says whether there was any.
    pub async fn give_back(&self, purse: &Purse, balance: &Balance) -> Result<bool, StoreError> {
        let now = self.clock.now().as_second();
        let mut any = false;
        for (id, held) in balance.holds.iter().filter(|(_, Held(_, until))| *until <= now) {
            // by whomever it was given back: there is more room now
            any = true;
            self.edit(&purse.key, end(id, *held, 0)).await?;
        }
        Ok(any)
    }

    /// Takes what was used of a hold, at most all of it, and gives the rest back: with 0, all. The
    /// same again finds it done, as long as its time is not over.
    pub async fn settle(&self, purse: &Purse, hold: &Hold, used: u64) -> Result<Settled, StoreError> {
        let held = Held(hold.amount, hold.until);
        match self.edit(&purse.key, end(&hold.id, held, used.min(hold.amount))).await? {
            Edited::Made(_) => Ok(Settled::InTime),
            // Before its time nobody but its holder ends a hold: an attempt before this one was
            // carried out.
            Edited::Refused(_) if self.clock.now().as_second() < hold.until => Ok(Settled::InTime),
            Edited::Refused(_) => Ok(Settled::TooLate),
        }
    }
}

/// Ends a hold that is as it was seen.
fn end(id: &str, held: Held, used: u64) -> Edit {
    named("SET #free = #free + :rest, #used = #used + :used REMOVE #holds.#id")
        .when("#holds.#id = :held")
        .name("#id", id)
        .value(":rest", number(held.0 - used))
        .value(":used", number(used))
        .value(":held", held.value())
}

/// An edit that calls the attributes by names of its own: some are words of `DynamoDB`'s.
fn named(expression: &str) -> Edit {
    let attributes =
        ["free", "used", "holds", "filled"].map(|attribute| (format!("#{attribute}"), attribute));
    let used = attributes.into_iter().filter(|(name, _)| expression.contains(name));
    used.fold(Edit::new(expression), |edit, (name, attribute)| edit.name(&name, attribute))
}

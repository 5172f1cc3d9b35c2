//! Kinds of items that tests of the table store: no domain has them.

use primitives::{DeviceId, MemberId, OrgId, UserId};

table::kinds! {
    /// Something that counts.
    "counter" Counter(org: OrgId;) "GROUP#<org>" "COUNTER" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// Something of which a group has many.
    "place" Place(org: OrgId; member: MemberId) "GROUP#<org>" "PLACE#<member>" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// Somebody.
    "somebody" Somebody(user: UserId;) "SOMEBODY#<user>" "SOMEBODY" {
        store: Main, most_kb: 1, kept: ForGood, owner: Person, erased: Partition,
    }
    /// Something of which somebody may have only so many.
    "thing" Thing(user: UserId; device: DeviceId) "SOMEBODY#<user>" "THING#<device>" {
        store: Main, most_kb: 1, kept: ForGood, owner: Person, erased: Partition,
    }
    /// Which of them somebody has: a roster.
    "things" Things(user: UserId;) "SOMEBODY#<user>" "THINGS" {
        store: Main, most_kb: 8, kept: ForGood, owner: Person, erased: Partition,
    }
    /// How many of them somebody has: a tally.
    "number" Number(user: UserId;) "SOMEBODY#<user>" "NUMBER" {
        store: Main, most_kb: 1, kept: ForGood, owner: Person, erased: Partition,
    }
    /// What of something is free, held and used: a purse.
    "amount" Amount(user: UserId;) "SOMEBODY#<user>" "AMOUNT" {
        store: Main, most_kb: 4, kept: ForGood, owner: Person, erased: Partition,
    }
    /// What became of a piece of work: a fence.
    "work" Work(user: UserId;) "WORK#<user>" "WORK" {
        store: Traffic, most_kb: 1, kept: Days(1, "a day"), owner: Person, erased: Partition,
    }
}

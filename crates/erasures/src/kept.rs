//! What an erasure leaves, why, and until when.

use primitives::{SignedDuration, Timestamp};

use crate::{Subject, api::Kept};

/// What stays, why, and how many days behind the end; for others to say where it is not said here.
type Stays = (&'static str, &'static str, Option<i64>);

const OF_BOTH: [Stays; 5] = [
    ("backups", "A copy of the table of any moment of that time, to recover from its loss", Some(35)),
    ("events_on_their_way", "What workers still had to be told, with the data of that time", Some(7)),
    ("archive_of_events", "What was told, for a replay: as long as ArchiveDays says", None),
    ("answers", "Answers that were kept for a request that is repeated", Some(1)),
    ("files_of_exports", "Files that were asked for before; the bucket forgets them", Some(2)),
];

const OF_PERSONS: [Stays; 5] = [
    (
        "hashes_in_audit_logs",
        "Rows of organizations' logs without what names the person: they prove that the log is whole, as long as \
         the organization keeps it",
        None,
    ),
    (
        "signing_in",
        "What happened outside of any organization, such as sign-ins, with the mail address, the network address and \
         the program of that time",
        Some(90),
    ),
    ("invites", "What organizations know of invites that they sent to the address", Some(90)),
    ("searches_of_staff", "What our own staff looked for, where it was the address, and why", None),
    ("refused_mail", "The hash of an address that no mail may go to, where it was one", Some(365)),
];

const OF_ORGANIZATIONS: [Stays; 3] = [
    (
        "invoices_at_stripe",
        "What was sold: the law has a seller keep it, and Stripe does for as long as the law says",
        None,
    ),
    ("ids_at_stripe", "Ids of customers and events, so that what Stripe tells late has no effect", Some(90)),
    ("impersonations", "Ids, and why: who of the staff acted in whose name", Some(400)),
];

/// What the erasure of this leaves that ended then.
pub(crate) fn kept(subject: Subject, ended_at: Timestamp) -> Vec<Kept> {
    let own = match subject {
        Subject::Person(_) => &OF_PERSONS[..],
        Subject::Organization(_) => &OF_ORGANIZATIONS[..],
    };
    let kept = |(what, why, days): Stays| Kept {
        what: what.to_owned(),
        why: why.to_owned(),
        until: days.map(|days| (ended_at + SignedDuration::from_hours(24 * days)).into()),
    };
    own.iter().copied().chain(OF_BOTH).map(kept).collect()
}

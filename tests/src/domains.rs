//! What the domains' crates declare, put together: the one place that knows which domains there are.

use events::{EventKind, Told};
use table::{Entry, Kind};

/// The kinds of items of each domain, by the crate that declares them.
pub fn kinds() -> Vec<(&'static str, &'static [Kind])> {
    vec![
        ("identity-core", identity::keys::KINDS),
        ("orgs", orgs::keys::KINDS),
        ("billing", billing::keys::KINDS),
        ("directory", directory::keys::KINDS),
        ("sso", sso::keys::KINDS),
        ("push", push::keys::KINDS),
        ("scim", scim::keys::KINDS),
        ("staff", staff::keys::KINDS),
        ("audit", audit::keys::KINDS),
        ("table", table::keys::KINDS),
        ("jobs", jobs::keys::KINDS),
        ("erasures", erasures::keys::KINDS),
        ("usage", usage::keys::KINDS),
    ]
}

/// The sorts of entries that the domains have in the index, by the crate that declares them.
pub fn entries() -> Vec<(&'static str, &'static [Entry])> {
    vec![
        ("audit", audit::keys::ENTRIES),
        ("identity-core", identity::keys::ENTRIES),
        ("orgs", orgs::keys::ENTRIES),
        ("billing", billing::keys::ENTRIES),
        ("directory", directory::keys::ENTRIES),
    ]
}

/// The events of each domain, by the crate that declares them.
pub fn events() -> Vec<(&'static str, &'static [EventKind])> {
    vec![
        ("identity-core", identity::events::EVENTS),
        ("identity-core", identity::suspension::EVENTS),
        ("orgs", orgs::events::EVENTS),
        ("billing", billing::events::EVENTS),
        ("directory", directory::events::EVENTS),
        ("sso", sso::events::EVENTS),
        ("push", push::events::EVENTS),
        ("scim", scim::events::EVENTS),
        ("staff", staff::events::EVENTS),
        ("jobs", jobs::events::EVENTS),
        ("erasures", erasures::events::EVENTS),
        ("usage", usage::events::EVENTS),
    ]
}

/// What the domains tell people about their events.
pub fn told() -> impl Iterator<Item = &'static Told> {
    [
        identity::events::TOLD,
        orgs::events::TOLD,
        directory::events::TOLD,
        billing::events::TOLD,
        usage::events::TOLD,
        jobs::events::TOLD,
        erasures::events::TOLD,
    ]
    .into_iter()
    .flatten()
}

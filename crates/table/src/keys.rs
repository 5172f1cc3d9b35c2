//! Every kind of item and every index entry, on one screen. `docs/access-patterns.md` tells who reads them.

use std::fmt;

use access::{Role, Tenant};
use primitives::{DeviceId, Email, EventId, LoginId, MemberId, SessionId, Slug, Timestamp, UserId};

use crate::outbox_part::OutboxPart;

/// The partition key's attribute.
pub const PK: &str = "pk";
/// The sort key's attribute.
pub const SK: &str = "sk";
/// The name of the one global secondary index.
pub const GSI1: &str = "gsi1";
/// The index's partition key attribute.
pub const GSI1_PK: &str = "gsi1pk";
/// The index's sort key attribute.
pub const GSI1_SK: &str = "gsi1sk";
/// The attribute that `DynamoDB`'s time to live reads: epoch seconds.
pub const TTL: &str = "expires_at";
/// The attribute that says which kind of item it is: [`Key::kind`].
pub const KIND: &str = "kind";
/// The attribute that counts an item's changes, from 1.
pub const VERSION: &str = "version";

/// The address of one item.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A person.
    User(UserId),
    /// Whose an email address is: keeps addresses unique.
    EmailOwner(Email),
    /// A session of a person.
    Session(UserId, SessionId),
    /// A person's place in an organization, seen from the person.
    Membership(UserId, Tenant),
    /// How many there are of what a person may have only so many of.
    Caps(UserId),
    /// An attempt to log in, by the id that the browser holds.
    Login(LoginId),
    /// The last attempts to log in with an address: where a typed code is looked up.
    RecentLogins(Email),
    /// That somebody signed in with an address from a network, by the network's hash.
    KnownNetwork(Email, String),
    /// The public halves of the keys that sign access tokens.
    SigningKeys,
    /// An organization.
    Org(Tenant),
    /// All that a request has to know of its organization.
    Gate(Tenant),
    /// Whose a slug is: keeps slugs unique.
    SlugOwner(Slug),
    /// A person's place in an organization, seen from the organization.
    Member(Tenant, MemberId),
    /// What an organization's trial and subscription are.
    Subscription(Tenant),
    /// Which organization a customer at Stripe is.
    StripeCustomer(String),
    /// That an event from Stripe was applied.
    StripeEvent(String),
    /// An event from Stripe that could not be applied yet, filed under what it waits for.
    ParkedStripeEvent(String, String),
    /// A device of a person.
    Device(UserId, DeviceId),
    /// Which devices a person has: keeps them from becoming too many.
    Devices(UserId),
    /// Which device a push token is, by the token's hash: keeps tokens unique.
    DeviceToken(String),
    /// How far the fan-out of one event has come.
    FanOut(EventId),
    /// That one part of a fan-out was delivered.
    PushDelivery(EventId, String),
    /// That a consumer dealt with an event.
    Consumed(&'static str, EventId),
    /// An event on its way to the bus, in its [`OutboxPart`].
    Outbox(EventId),
    /// One row of an audit log: of an organization or, outside of any, of a person or login; then time and
    /// event.
    Audit(String, Timestamp, EventId),
    /// An answer kept for a caller who asks twice: scope, then the hash of the caller's key.
    Idempotency(String, String),
    /// The recent uses of a limited thing: the limit's name, then the hash of whom it limits.
    RateLimit(&'static str, String),
}

impl Key {
    /// The kind of the item, as its `kind` attribute says it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::User(..) => "user",
            Self::EmailOwner(..) => "email_owner",
            Self::Session(..) => "session",
            Self::Membership(..) => "membership",
            Self::Caps(..) => "caps",
            Self::Login(..) => "login",
            Self::RecentLogins(..) => "recent_logins",
            Self::KnownNetwork(..) => "known_network",
            Self::SigningKeys => "signing_keys",
            Self::Org(..) => "org",
            Self::Gate(..) => "gate",
            Self::SlugOwner(..) => "slug_owner",
            Self::Member(..) => "member",
            Self::Subscription(..) => "subscription",
            Self::StripeCustomer(..) => "stripe_customer",
            Self::StripeEvent(..) => "stripe_event",
            Self::ParkedStripeEvent(..) => "parked_stripe_event",
            Self::Device(..) => "device",
            Self::Devices(..) => "devices",
            Self::DeviceToken(..) => "device_token",
            Self::FanOut(..) => "fan_out",
            Self::PushDelivery(..) => "push_delivery",
            Self::Consumed(..) => "consumed",
            Self::Outbox(..) => "outbox",
            Self::Audit(..) => "audit",
            Self::Idempotency(..) => "idempotency",
            Self::RateLimit(..) => "rate_limit",
        }
    }

    /// The partition key.
    pub fn pk(&self) -> String {
        match self {
            Self::User(user)
            | Self::Session(user, _)
            | Self::Membership(user, _)
            | Self::Caps(user)
            | Self::Device(user, _)
            | Self::Devices(user) => format!("USER#{user}"),
            Self::EmailOwner(email) | Self::RecentLogins(email) | Self::KnownNetwork(email, _) => {
                format!("EMAIL#{email}")
            }
            Self::Login(login) => format!("LOGIN#{login}"),
            Self::SigningKeys => "SIGNING_KEYS".to_owned(),
            Self::Org(tenant) | Self::Member(tenant, _) | Self::Subscription(tenant) => {
                format!("ORG#{}", tenant.org_id())
            }
            Self::Gate(tenant) => format!("GATE#{}", tenant.org_id()),
            Self::SlugOwner(slug) => format!("SLUG#{slug}"),
            Self::StripeCustomer(customer) => format!("STRIPE_CUSTOMER#{customer}"),
            Self::StripeEvent(event) => format!("STRIPE_EVENT#{event}"),
            Self::ParkedStripeEvent(waits_for, _) => format!("STRIPE_PARKED#{waits_for}"),
            Self::DeviceToken(hash) => format!("DEVICE_TOKEN#{hash}"),
            Self::FanOut(event) | Self::PushDelivery(event, _) => format!("PUSH#{event}"),
            Self::Consumed(consumer, event) => format!("CONSUMED#{consumer}#{event}"),
            Self::Outbox(event) => OutboxPart::of(*event).pk(),
            Self::Audit(of, ..) => format!("AUDIT#{of}"),
            Self::Idempotency(scope, hash) => format!("IDEMPOTENCY#{scope}#{hash}"),
            Self::RateLimit(limit, hash) => format!("RATE_LIMIT#{limit}#{hash}"),
        }
    }

    /// The sort key.
    pub fn sk(&self) -> String {
        match self {
            Self::Session(_, session) => format!("SESSION#{session}"),
            Self::Membership(_, tenant) => format!("MEMBERSHIP#{}", tenant.org_id()),
            Self::Member(_, member) => format!("MEMBER#{member}"),
            Self::Device(_, device) => format!("DEVICE#{device}"),
            Self::KnownNetwork(_, network) => format!("NETWORK#{network}"),
            Self::ParkedStripeEvent(_, event) => format!("EVENT#{event}"),
            Self::PushDelivery(_, part) => format!("DELIVERY#{part}"),
            Self::Audit(_, time, event) => format!("{}#{event}", sortable(*time)),
            Self::Outbox(event) => event.to_string(),
            other => other.kind().to_uppercase(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

/// An item's entry in the index `gsi1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Index {
    /// Trials that have a notice to send, by when it is due.
    TrialNotice {
        /// When the next notice is due.
        due_at: Timestamp,
        /// Whose trial it is.
        tenant: Tenant,
    },
    /// Events from Stripe that wait or were given up, by when they were put aside: what an operator looks at.
    ParkedStripeEvent {
        /// When it was put aside.
        parked_at: Timestamp,
        /// Its id at Stripe.
        event: String,
    },
    /// Members who are written to because of their role, by organization and role: found without reading the
    /// others.
    MemberByRole {
        /// The organization.
        tenant: Tenant,
        /// What the member may do there.
        role: Role,
        /// The membership.
        member: MemberId,
    },
}

impl Index {
    /// The partition that holds all trials with a notice to send.
    pub const TRIAL_NOTICES: &str = "TRIAL_NOTICE";
    /// The partition that holds all events from Stripe that were put aside.
    pub const PARKED_STRIPE_EVENTS: &str = "STRIPE_PARKED";

    /// The partition that holds those members of an organization who are found by their role.
    pub fn members_by_role(tenant: Tenant) -> String {
        format!("ORG_ROLE#{}", tenant.org_id())
    }

    /// What the sort keys of one role's members begin with.
    pub fn of_role(role: Role) -> String {
        format!("{role}#")
    }

    /// The index's partition key.
    pub fn pk(&self) -> String {
        match self {
            Self::TrialNotice { .. } => Self::TRIAL_NOTICES.to_owned(),
            Self::ParkedStripeEvent { .. } => Self::PARKED_STRIPE_EVENTS.to_owned(),
            Self::MemberByRole { tenant, .. } => Self::members_by_role(*tenant),
        }
    }

    /// The index's sort key.
    pub fn sk(&self) -> String {
        match self {
            Self::TrialNotice { due_at, tenant } => format!("{}#{}", sortable(*due_at), tenant.org_id()),
            Self::ParkedStripeEvent { parked_at, event } => format!("{}#{event}", sortable(*parked_at)),
            Self::MemberByRole { role, member, .. } => format!("{}{member}", Self::of_role(*role)),
        }
    }
}

/// The time as text of one length, so that text order is time order: `2026-11-23T00:00:00.000Z`.
pub fn sortable(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sortable_times_sort() {
        let at = |milliseconds| sortable(Timestamp::from_millisecond(milliseconds).unwrap());
        assert_eq!(at(1_795_392_000_000), "2026-11-23T00:00:00.000Z");
        assert!(
            at(1_795_392_000_000) < at(1_795_392_000_001) && at(1_795_392_000_999) < at(1_795_392_001_000)
        );
    }

    #[test]
    fn items_of_one_partition_have_sort_keys_that_no_query_by_prefix_mixes_up() {
        let user = UserId::from_uuid(uuid::Uuid::nil());
        let tenant = Tenant::trusted(primitives::OrgId::from_uuid(uuid::Uuid::nil()));
        let member = MemberId::from_uuid(uuid::Uuid::nil());
        assert_eq!(Key::User(user).sk(), "USER");
        assert_eq!(Key::Devices(user).sk(), "DEVICES", "not of the prefix DEVICE#");
        assert!(Key::Membership(user, tenant).sk().starts_with("MEMBERSHIP#"));
        assert!(Key::Member(tenant, member).sk().starts_with("MEMBER#"));
        assert_eq!(Key::Org(tenant).sk(), "ORG");
    }
}

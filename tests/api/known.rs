//! Rows that are simply there, for tests of what happens later: an organization with an owner, a login; and
//! events about them.

use access::{Role, Tenant};
use events::{ActorRef, Envelope, Event, NewEvent};
use jiff::Timestamp;
use lambda_host::{Bus, Outgoing, Sent};
use primitives::{Clock, Email, Ids, LoginId, MemberId, OrgId, UserId};
use serde::{Deserialize, Serialize};
use table::{Cause, Changes, Index, Item, Key, Table};

use crate::product::Product;

/// The product's table, for writing what no route writes.
pub(crate) async fn table(product: &Product) -> Table {
    let clock = Clock::shifted(product.cloud.clock().shared_offset());
    let environment = product.cloud.environment().clone();
    let (host, _) = local::functions::build("stream-outbox", environment, clock, None).await.unwrap();
    host.table().unwrap()
}

/// Writes an organization with these owners.
pub(crate) fn organization(org_id: OrgId, owners: impl IntoIterator<Item = String>) -> Changes {
    let org = Changes::new().create(&OrgRow { org_id, name: "Known".to_owned() });
    owners.into_iter().fold(org, |changes, owner| {
        let (member_id, user_id, email) = (Ids::unguessable(), Ids::unguessable(), owner.parse().unwrap());
        changes.create(&OwnerRow { org_id, member_id, user_id, email, role: Role::Owner })
    })
}

/// Writes that somebody asked for a link.
pub(crate) fn login(login_id: LoginId, email: &str) -> Changes {
    Changes::new().create(&LoginRow { login_id, email: email.parse().unwrap() })
}

/// Writes as many of these as one transaction takes, again and again.
pub(crate) async fn write(table: &Table, changes: impl IntoIterator<Item = Changes>) {
    let changes: Vec<Changes> = changes.into_iter().collect();
    let mut changes = changes.into_iter().peekable();
    while changes.peek().is_some() {
        let page = changes.by_ref().take(4).fold(Changes::new(), Changes::and);
        table.commit(&Cause::system("test", "test"), page).await.unwrap();
    }
}

/// An event that happened now.
pub(crate) fn event<E: Event>(org_id: Option<OrgId>, data: &E, now: Timestamp) -> Envelope {
    let event = NewEvent::new(org_id, &"known", 1, data);
    Envelope {
        id: Ids::unguessable(),
        kind: E::NAME.to_owned(),
        version: E::VERSION,
        time: now,
        org_id,
        aggregate: event.aggregate,
        sequence: 1,
        correlation_id: "known".to_owned(),
        actor: ActorRef::System("test".to_owned()),
        data: event.data,
    }
}

/// Puts these events on the bus.
pub(crate) async fn publish(product: &Product, events: &[Envelope]) {
    let bus = product.host("stream-outbox").event_bus().unwrap();
    let outgoing = events
        .iter()
        .map(|event| Outgoing { envelope: event.clone(), detail: serde_json::to_string(event).unwrap() });
    for batch in Bus::batches(&outgoing.collect::<Vec<_>>()) {
        assert!(bus.publish(batch).await.iter().all(|sent| *sent == Sent::Published));
    }
}

#[derive(Serialize, Deserialize)]
struct OrgRow {
    org_id: OrgId,
    name: String,
}

impl Item for OrgRow {
    fn key(&self) -> Key {
        orgs::keys::Org::key(Tenant::trusted(self.org_id))
    }

    fn version(&self) -> u64 {
        0
    }
}

#[derive(Serialize, Deserialize)]
struct OwnerRow {
    org_id: OrgId,
    member_id: MemberId,
    user_id: UserId,
    email: Email,
    role: Role,
}

impl Item for OwnerRow {
    fn key(&self) -> Key {
        orgs::keys::Member::key(Tenant::trusted(self.org_id), self.member_id)
    }

    fn version(&self) -> u64 {
        0
    }

    fn index(&self) -> Option<Index> {
        let shown = orgs::api::Member {
            id: self.member_id,
            user_id: self.user_id,
            email: self.email.clone(),
            name: None,
            role: self.role,
            status: orgs::api::MemberStatus::Active,
            managed_by: None,
            joined_at: Timestamp::UNIX_EPOCH.into(),
            version: 1,
        };
        Some(orgs::keys::member_by_role(Tenant::trusted(self.org_id), &shown))
    }
}

#[derive(Serialize, Deserialize)]
struct LoginRow {
    login_id: LoginId,
    email: Email,
}

impl Item for LoginRow {
    fn key(&self) -> Key {
        identity::keys::Login::key(self.login_id)
    }

    fn version(&self) -> u64 {
        0
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(Timestamp::MAX)
    }
}

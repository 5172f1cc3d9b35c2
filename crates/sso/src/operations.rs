use std::collections::BTreeMap;

use access::{
    Permit, SsoPolicy, Tenant,
    needs::{ReadDirectory, WriteDirectory},
};
use events::{Event, NewEvent, previous};
use identity_core::keys::Gate;
use primitives::{DomainId, Expected, Limit, Page, Secret, SsoConnectionId, Timestamp};
use serde::Deserialize;
use table::{Changes, Consistency, CursorKeys, Decision, Item, Table};

use crate::{
    SsoConnection, SsoError, SsoKey,
    api::{GroupRole, SsoDefaultRole},
    events::{SsoConnectionCreated, SsoConnectionRemoved, SsoConnectionUpdated},
    keys,
    secret::hint,
};

/// How many connections an organization may have.
pub const MOST_CONNECTIONS: usize = 5;
/// How many domains one may serve.
const MOST_DOMAINS: usize = 20;
/// How many groups one may name, and how long each may be.
const MOST_GROUPS: usize = 20;
const LONGEST_GROUP: usize = 128;

/// What a connection is to be like.
#[derive(Clone, Debug)]
pub struct NewConnection {
    /// Its id.
    pub connection_id: SsoConnectionId,
    /// What people call it.
    pub name: String,
    /// The provider, which was asked what it is.
    pub issuer: String,
    /// What it calls us.
    pub client_id: String,
    /// What it knows us by.
    pub client_secret: Secret<String>,
    /// The domains that it serves.
    pub domain_ids: Vec<DomainId>,
    /// What newcomers become.
    pub default_role: SsoDefaultRole,
    /// The claim that says in which groups a person is.
    pub group_claim: Option<String>,
    /// What groups make of those who are in them.
    pub group_roles: BTreeMap<String, GroupRole>,
    /// Whether anybody signs in by it.
    pub enabled: bool,
}

/// What is to be otherwise. What is not said stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// What people call it.
    pub name: Option<String>,
    /// The provider, which was asked what it is.
    pub issuer: Option<String>,
    /// What it calls us.
    pub client_id: Option<String>,
    /// What it knows us by.
    pub client_secret: Option<Secret<String>>,
    /// The domains that it serves.
    pub domain_ids: Option<Vec<DomainId>>,
    /// What newcomers become.
    pub default_role: Option<SsoDefaultRole>,
    /// The claim that says in which groups a person is, or none.
    pub group_claim: Option<Option<String>>,
    /// What groups make of those who are in them.
    pub group_roles: Option<BTreeMap<String, GroupRole>>,
    /// Whether anybody signs in by it.
    pub enabled: Option<bool>,
}

/// What of the gate is about it: what every request knows of the organization's connections. It is written
/// with each change of one, so that changes wait for one another, and for those of the policies.
#[derive(Deserialize)]
struct OfGate {
    #[serde(default)]
    sso: SsoPolicy,
    version: u64,
}

impl OfGate {
    async fn read(table: &Table, tenant: Tenant) -> Result<Self, SsoError> {
        table.get(&Gate::key(tenant), Consistency::Strong).await?.ok_or(SsoError::NotFound)
    }

    /// The gate with this connection in use, or not.
    fn with(self, tenant: Tenant, connection_id: SsoConnectionId, is_in_use: bool) -> (SsoPolicy, Changes) {
        let mut sso = self.sso;
        sso.connections.retain(|other| *other != connection_id);
        if is_in_use {
            sso.connections.push(connection_id);
        }
        let changes = Changes::new().set_at(&Gate::key(tenant), "sso", &sso, self.version);
        (sso, changes)
    }
}

fn locks_out(sso: &SsoPolicy) -> bool {
    sso.required && sso.connections.is_empty()
}

fn of(connection: &SsoConnection, event: &impl Event) -> NewEvent {
    let version = connection.next_version();
    NewEvent::new(Some(connection.org_id), &connection.connection_id, version, event)
}

fn expect(expected: &Expected, connection: &SsoConnection) -> Result<(), SsoError> {
    let current = connection.version();
    if expected.admits(current) { Ok(()) } else { Err(SsoError::VersionMismatch { current }) }
}

fn domains(mut domain_ids: Vec<DomainId>) -> Result<Vec<DomainId>, SsoError> {
    domain_ids.sort_unstable();
    domain_ids.dedup();
    if (1..=MOST_DOMAINS).contains(&domain_ids.len()) {
        Ok(domain_ids)
    } else {
        Err(SsoError::DomainCount { most: MOST_DOMAINS })
    }
}

fn groups(roles: BTreeMap<String, GroupRole>) -> Result<BTreeMap<String, GroupRole>, SsoError> {
    let fits = |name: &String| (1..=LONGEST_GROUP).contains(&name.chars().count());
    if roles.len() <= MOST_GROUPS && roles.keys().all(fits) {
        Ok(roles)
    } else {
        Err(SsoError::Groups { most: MOST_GROUPS, longest: LONGEST_GROUP })
    }
}

impl NewConnection {
    /// The connection, which serves its domains by `served`; two calls.
    fn made(self, tenant: Tenant, key: &SsoKey, now: Timestamp) -> Result<SsoConnection, SsoError> {
        let (org_id, connection_id) = (tenant.org_id(), self.connection_id);
        Ok(SsoConnection {
            org_id,
            connection_id,
            secret: key.seal((org_id, connection_id), &self.issuer, &self.client_secret)?,
            secret_hint: hint(self.client_secret.expose()),
            name: self.name,
            issuer: self.issuer,
            client_id: self.client_id,
            domain_ids: domains(self.domain_ids)?,
            default_role: self.default_role,
            group_claim: self.group_claim,
            group_roles: groups(self.group_roles)?,
            enabled: self.enabled,
            created_at: now,
            last_sign_in_at: None,
            last_error: None,
            version: 0,
        })
    }
}

/// Decides to connect a provider, which was asked what it is. `served` is what that means for its domains.
/// Two calls.
pub async fn create<E>(
    table: &Table,
    permit: &Permit<WriteDirectory>,
    key: &SsoKey,
    new: NewConnection,
    served: Changes,
) -> Result<Decision<SsoConnection, E>, SsoError> {
    let tenant = permit.tenant();
    let connection = new.made(tenant, key, table.clock().now())?;
    // read before the others, so that none is made meanwhile that is not counted
    let gate = OfGate::read(table, tenant).await?;
    let others = of_tenant(table, tenant).await?;
    if others.len() >= MOST_CONNECTIONS {
        return Err(SsoError::TooMany { most: MOST_CONNECTIONS });
    }
    let (_, gate) = gate.with(tenant, connection.connection_id, connection.enabled);
    let version = connection.next_version();
    let event = SsoConnectionCreated { sso_connection: connection.resource(version) };
    let changes = served.and(gate).create(&connection).publish(of(&connection, &event));
    Ok(Decision::commit(changes, connection.at_version(version)))
}

/// The connections of the organization, in the order in which they were made, a page at a time.
pub async fn connections(
    table: &Table,
    cursors: &dyn CursorKeys,
    reader: &Permit<ReadDirectory>,
    (limit, cursor): (Limit, Option<&str>),
) -> Result<Page<SsoConnection>, SsoError> {
    Ok(table.page(&keys::SsoConnection::all(reader.tenant()), limit, cursor, cursors).await?)
}

/// All connections of an organization: there are few.
pub async fn of_tenant(table: &Table, tenant: Tenant) -> Result<Vec<SsoConnection>, SsoError> {
    Ok(table.first(&keys::SsoConnection::all(tenant).strong(), MOST_CONNECTIONS + 1).await?)
}

/// A connection of the organization. What an eventual read misses may be a moment old.
pub async fn connection_with_id(
    table: &Table,
    reader: &Permit<ReadDirectory>,
    connection_id: SsoConnectionId,
) -> Result<SsoConnection, SsoError> {
    let key = keys::SsoConnection::key(reader.tenant(), connection_id);
    if let Some(found) = table.get(&key, Consistency::Eventual).await? {
        return Ok(found);
    }
    read(table, reader.tenant(), connection_id).await
}

async fn read(
    table: &Table,
    tenant: Tenant,
    connection_id: SsoConnectionId,
) -> Result<SsoConnection, SsoError> {
    let key = keys::SsoConnection::key(tenant, connection_id);
    table.get(&key, Consistency::Strong).await?.ok_or(SsoError::NotFound)
}

/// A connection by which people sign in: one that is in use. One call.
pub async fn in_use(
    table: &Table,
    tenant: Tenant,
    connection_id: SsoConnectionId,
) -> Result<Option<SsoConnection>, SsoError> {
    let found: Option<SsoConnection> =
        table.get(&keys::SsoConnection::key(tenant, connection_id), Consistency::Strong).await?;
    Ok(found.filter(|connection| connection.enabled))
}

/// Whether people come into the organization by its connections alone; nothing where this one is not in use:
/// one call.
pub async fn offered(
    table: &Table,
    tenant: Tenant,
    connection_id: SsoConnectionId,
) -> Result<Option<bool>, SsoError> {
    let gate: Option<OfGate> = table.get(&Gate::key(tenant), Consistency::Eventual).await?;
    let sso = gate.map(|gate| gate.sso).filter(|sso| sso.connections.contains(&connection_id));
    Ok(sso.map(|sso| sso.required))
}

/// A connection of the organization, for whoever tries it.
pub async fn to_try(
    table: &Table,
    permit: &Permit<WriteDirectory>,
    connection_id: SsoConnectionId,
) -> Result<SsoConnection, SsoError> {
    read(table, permit.tenant(), connection_id).await
}

/// The connection as it is, for whoever changes it.
pub async fn to_change(
    table: &Table,
    permit: &Permit<WriteDirectory>,
    (connection_id, expected): (SsoConnectionId, &Expected),
) -> Result<SsoConnection, SsoError> {
    let connection = read(table, permit.tenant(), connection_id).await?;
    expect(expected, &connection)?;
    Ok(connection)
}

/// Decides to change a connection, which was read a moment ago. `served` is what that means for its domains.
/// One call.
pub async fn change<E>(
    table: &Table,
    key: &SsoKey,
    before: SsoConnection,
    wanted: &Change,
    served: Changes,
) -> Result<Decision<SsoConnection, E>, SsoError> {
    let after = changed(before.clone(), wanted.clone(), key)?;
    let secret_changed = after.secret != before.secret;
    if after == before {
        return Ok(Decision::done(before));
    }
    let tenant = Tenant::trusted(before.org_id);
    let (sso, gate) = OfGate::read(table, tenant).await?.with(tenant, after.connection_id, after.enabled);
    if before.enabled && !after.enabled && locks_out(&sso) {
        return Err(SsoError::WouldLockOut);
    }
    let version = after.next_version();
    let previous = previous(&before.resource(version), &after.resource(version));
    let event = SsoConnectionUpdated { sso_connection: after.resource(version), previous, secret_changed };
    let changes = served.and(gate).replace(&after).publish(of(&after, &event));
    Ok(Decision::commit(changes, after.at_version(version)))
}

fn changed(before: SsoConnection, wanted: Change, key: &SsoKey) -> Result<SsoConnection, SsoError> {
    let Change { name, issuer, client_id, client_secret, .. } = wanted;
    let issuer = issuer.unwrap_or_else(|| before.issuer.clone());
    if issuer != before.issuer && client_secret.is_none() {
        return Err(SsoError::SecretNeeded);
    }
    let ids = (before.org_id, before.connection_id);
    let (secret, secret_hint) = match client_secret {
        Some(secret) => (key.seal(ids, &issuer, &secret)?, hint(secret.expose())),
        None => (before.secret.clone(), before.secret_hint.clone()),
    };
    Ok(SsoConnection {
        name: name.unwrap_or_else(|| before.name.clone()),
        client_id: client_id.unwrap_or_else(|| before.client_id.clone()),
        issuer,
        secret,
        secret_hint,
        domain_ids: wanted.domain_ids.map_or_else(|| Ok(before.domain_ids.clone()), domains)?,
        default_role: wanted.default_role.unwrap_or(before.default_role),
        group_claim: wanted.group_claim.unwrap_or_else(|| before.group_claim.clone()),
        group_roles: wanted.group_roles.map_or_else(|| Ok(before.group_roles.clone()), groups)?,
        enabled: wanted.enabled.unwrap_or(before.enabled),
        ..before
    })
}

/// Decides to remove a connection, which was read a moment ago. `served` is what that means for its domains.
/// One call.
pub async fn remove<E>(
    table: &Table,
    connection: SsoConnection,
    served: Changes,
) -> Result<Decision<(), E>, SsoError> {
    let tenant = Tenant::trusted(connection.org_id);
    let (sso, gate) = OfGate::read(table, tenant).await?.with(tenant, connection.connection_id, false);
    if connection.enabled && locks_out(&sso) {
        return Err(SsoError::Required);
    }
    let event = SsoConnectionRemoved { sso_connection: connection.resource(connection.version()) };
    let changes = served.and(gate).delete(&connection).publish(of(&connection, &event));
    Ok(Decision::commit(changes, ()))
}

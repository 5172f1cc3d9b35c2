//! What is read of a directory by its ids. An identity provider reads what it has just written, so all of
//! it is read strongly.

use access::{Permit, Tenant, needs::ReadDirectory};
use primitives::{Limit, OrgId, Page, ScimGroupId, ScimUserId, json};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use table::{Cause, Changes, Consistency, CursorKeys, Decision, Item, Key, Query, StoreError, Table};

use crate::{Group, GroupMember, ScimError, Token, User, api, keys};

/// Items per call.
const BATCH: usize = 100;
/// Rows per query.
const PAGE: usize = 1_000;

/// A user of the directory.
pub async fn user_with_id(table: &Table, tenant: Tenant, id: ScimUserId) -> Result<User, ScimError> {
    let user = table.get(&keys::User::key(tenant, id), Consistency::Strong).await?;
    user.ok_or(ScimError::NotFound)
}

/// The users with these ids, as far as there are any, in this order.
pub async fn users_with_ids(
    table: &Table,
    tenant: Tenant,
    ids: &[ScimUserId],
) -> Result<Vec<User>, StoreError> {
    let keys: Vec<_> = ids.iter().map(|id| keys::User::key(tenant, *id)).collect();
    in_batches(table, &keys).await
}

pub(crate) async fn in_batches<T: serde::de::DeserializeOwned>(
    table: &Table,
    keys: &[Key],
) -> Result<Vec<T>, StoreError> {
    let mut items = Vec::with_capacity(keys.len());
    for batch in keys.chunks(BATCH) {
        let mut found = table.get_many(batch, Consistency::Strong).await?;
        for key in batch {
            items.extend(found.take(key)?);
        }
    }
    Ok(items)
}

/// A group of the directory.
pub async fn group_with_id(table: &Table, tenant: Tenant, id: ScimGroupId) -> Result<Group, ScimError> {
    let group = table.get(&keys::Group::key(tenant, id), Consistency::Strong).await?;
    group.ok_or(ScimError::NotFound)
}

/// Up to so many who are in a group, behind this one.
pub async fn members_of(
    table: &Table,
    tenant: Tenant,
    group_id: ScimGroupId,
    (limit, after): (usize, Option<ScimUserId>),
) -> Result<Vec<ScimUserId>, StoreError> {
    let query = keys::GroupMember::all(tenant).beginning(&group_id.to_string()).strong();
    let after = after.map(|id| keys::GroupMember::key(tenant, group_id, id).sk());
    let (rows, _): (Vec<GroupMember>, _) = table.after(&query, limit, after.as_deref()).await?;
    Ok(rows.into_iter().map(|row| row.scim_id).collect())
}

/// All who are in a group, up to so many.
pub async fn member_ids(
    table: &Table,
    tenant: Tenant,
    group_id: ScimGroupId,
    most: usize,
) -> Result<Vec<ScimUserId>, StoreError> {
    let mut all = Vec::new();
    loop {
        let limit = PAGE.min(most - all.len());
        let page = members_of(table, tenant, group_id, (limit, all.last().copied())).await?;
        let is_last = page.len() < limit;
        all.extend(page);
        if is_last || all.len() >= most {
            return Ok(all);
        }
    }
}

/// The groups of a directory, the oldest first, a page at a time.
pub async fn groups(
    table: &Table,
    cursors: &dyn CursorKeys,
    reader: &Permit<ReadDirectory>,
    (limit, cursor): (Limit, Option<&str>),
) -> Result<Page<Group>, ScimError> {
    Ok(table.page(&keys::Group::all(reader.tenant()), limit, cursor, cursors).await?)
}

/// The last requests that were refused.
#[derive(Debug, Serialize, Deserialize)]
pub struct Failures {
    org_id: OrgId,
    /// The last one first.
    pub last: Vec<api::ScimFailure>,
    #[serde(default)]
    version: u64,
}

/// One of them.
pub type Failure = api::ScimFailure;

impl Item for Failures {
    fn key(&self) -> Key {
        keys::Failures::key(Tenant::trusted(self.org_id))
    }

    fn version(&self) -> u64 {
        self.version
    }
}

const MOST_FAILURES: usize = 10;

/// What the page about SCIM shows: one call.
#[derive(Debug, Default)]
pub struct Overview {
    /// The tokens, the oldest first.
    pub tokens: Vec<Token>,
    /// The last requests that were refused, the last one first.
    pub failures: Vec<Failure>,
}

/// How many items there are at most that are about a directory as a whole.
const MOST_ROWS: usize = 20;

/// The tokens of the organization, and what was refused of late.
pub async fn overview(table: &Table, reader: &Permit<ReadDirectory>) -> Result<Overview, ScimError> {
    let query = Query::partition_of(&keys::Tokens::key(reader.tenant()));
    let mut overview = Overview::default();
    for row in table.first::<Value>(&query, MOST_ROWS).await? {
        let shape = |source: serde_json::Error| StoreError::Refused {
            operation: "Query",
            code: "shape".to_owned(),
            detail: source.to_string(),
        };
        if row["kind"] == keys::Token::KIND.name {
            overview.tokens.push(json::from_value(row).map_err(shape)?);
        } else if row["kind"] == keys::Failures::KIND.name {
            overview.failures = json::from_value::<Failures>(row).map_err(shape)?.last;
        }
    }
    Ok(overview)
}

/// Notes that a request was refused, for the people who look after the directory.
pub async fn note_failure(
    table: &Table,
    cause: &Cause,
    tenant: Tenant,
    failure: &Failure,
) -> Result<(), ScimError> {
    let decide = |_| async move {
        let key = keys::Failures::key(tenant);
        let read: Option<Failures> = table.get(&key, Consistency::Strong).await?;
        let mut noted =
            read.unwrap_or_else(|| Failures { org_id: tenant.org_id(), last: Vec::new(), version: 0 });
        noted.last.insert(0, failure.clone());
        noted.last.truncate(MOST_FAILURES);
        Ok::<_, ScimError>(Decision::commit(Changes::new().replace(&noted), ()))
    };
    table.decide(cause, decide).await
}

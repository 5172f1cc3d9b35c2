//! Lists of users and groups: what a filter asks for is answered by a key where there is one, and else
//! only in directories that are small enough to be looked through.

use access::Tenant;
use primitives::{Limit, ScimGroupId, ScimTokenId, ScimUserId};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use table::{Consistency, CursorKeys, Key, Query, StoreError, Table};

use crate::{
    Filter, Group, Presented, ScimError, User,
    filter::Operator,
    items::in_batches,
    keys,
    limits::{MOST_CONTAINING, MOST_COUNTED, MOST_LOOKED_THROUGH},
    unique::{ClaimRow, GROUP_EXTERNAL, GROUP_NAME, NameRow, USER_EXTERNAL, claim_key, folded},
    walk,
};

/// Where a page begins.
#[derive(Clone, Debug)]
pub enum Start {
    /// At this index, which counts from 1 (RFC 7644, section 3.4.2.4).
    Index(u64),
    /// Behind the page that gave this cursor; the first page has none (RFC 9865).
    Cursor(Option<String>),
}

/// Which page is asked for.
#[derive(Clone, Debug)]
pub struct Paging {
    /// Where it begins.
    pub start: Start,
    /// How many there are on it; none where only their number is asked for.
    pub count: usize,
}

/// A page.
#[derive(Debug)]
pub struct Listing<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// How many there are on all pages.
    pub total: u64,
    /// The cursor of the next one, where pages have cursors and there is one.
    pub next_cursor: Option<String>,
}

/// Rows per query.
const PAGE: usize = 1_000;

#[derive(Deserialize)]
struct Counted {
    n: u32,
}

async fn counted(table: &Table, key: &Key) -> Result<u32, StoreError> {
    let counted: Option<Counted> = table.get(key, Consistency::Strong).await?;
    Ok(counted.map_or(0, |counted| counted.n))
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// All rows of a query, up to one more than `most`.
async fn all<T: DeserializeOwned>(table: &Table, query: &Query, most: usize) -> Result<Vec<T>, StoreError> {
    let (mut rows, mut after) = (Vec::new(), None::<String>);
    loop {
        let limit = PAGE.min(most + 1 - rows.len());
        let (page, end): (Vec<T>, _) = table.after(query, limit, after.as_deref()).await?;
        rows.extend(page);
        after = end;
        if after.is_none() || rows.len() > most {
            return Ok(rows);
        }
    }
}

/// A list without a filter, in the order of ids.
async fn unfiltered<T: DeserializeOwned>(
    table: &Table,
    cursors: &dyn CursorKeys,
    (tenant, token_id, list): (Tenant, ScimTokenId, &str),
    (query, count): (&Query, &Key),
    paging: &Paging,
) -> Result<Listing<T>, ScimError> {
    let total = u64::from(counted(table, count).await?);
    let (items, next_cursor) =
        match (&paging.start, Limit::try_from(u32::try_from(paging.count).unwrap_or(u32::MAX))) {
            (_, Err(_)) => (Vec::new(), None),
            (Start::Index(index), Ok(limit)) => {
                let place = (tenant, token_id, list);
                (walk::page(table, place, query, (*index, limit.get())).await?, None)
            }
            (Start::Cursor(cursor), Ok(limit)) => {
                let page = table.page(query, limit, cursor.as_deref(), cursors).await?;
                (page.items, page.next_cursor)
            }
        };
    Ok(Listing { items, total, next_cursor })
}

/// The page of what was found. A cursor is the place in it.
fn cut<T>(found: Vec<T>, paging: &Paging) -> Result<Listing<T>, ScimError> {
    if found.len() > MOST_COUNTED {
        return Err(ScimError::TooMany(format!("more than {MOST_COUNTED} are found; ask for less")));
    }
    let total = found.len();
    let from = match &paging.start {
        Start::Index(index) => usize::try_from(index.saturating_sub(1)).unwrap_or(usize::MAX),
        Start::Cursor(None) => 0,
        Start::Cursor(Some(place)) => {
            place.parse().map_err(|_| ScimError::from(StoreError::ForeignCursor))?
        }
    };
    let items: Vec<T> = found.into_iter().skip(from).take(paging.count).collect();
    let end = from.saturating_add(items.len());
    let has_cursor = matches!(paging.start, Start::Cursor(_)) && !items.is_empty() && end < total;
    Ok(Listing { items, total: number(total), next_cursor: has_cursor.then(|| end.to_string()) })
}

/// Those of the users that a filter asks for.
pub async fn list_users(
    table: &Table,
    cursors: &dyn CursorKeys,
    caller: &Presented,
    filter: Option<&Filter>,
    paging: &Paging,
) -> Result<Listing<User>, ScimError> {
    let (tenant, count) = (caller.tenant, keys::UserCount::key(caller.tenant));
    let query = keys::User::all(tenant).strong();
    let Some(filter) = filter else {
        let place = (tenant, caller.token_id, "USERS");
        return unfiltered(table, cursors, place, (&query, &count), paging).await;
    };
    let holds = |user: &User| filter.0.holds(&Value::Object(user.resource("", 0)));
    if let Some(ids) = users_by_key(table, tenant, filter).await? {
        let keys: Vec<_> = ids.into_iter().map(|id| keys::User::key(tenant, id)).collect();
        let users: Vec<User> = in_batches(table, &keys).await?;
        return cut(users.into_iter().filter(holds).collect(), paging);
    }
    if let Some(ids) = users_by_name(table, tenant, filter, &count).await? {
        let keys = |ids: Vec<ScimUserId>| -> Vec<Key> {
            ids.into_iter().map(|id| keys::User::key(tenant, id)).collect()
        };
        let is_all =
            [Operator::StartsWith, Operator::Contains].iter().any(|how| filter.is_only("username", *how));
        if is_all {
            // the name says it all: only those on the page are read
            let Listing { items, total, next_cursor } = cut(ids, paging)?;
            return Ok(Listing { items: in_batches(table, &keys(items)).await?, total, next_cursor });
        }
        let users: Vec<User> = in_batches(table, &keys(ids)).await?;
        return cut(users.into_iter().filter(holds).collect(), paging);
    }
    require_small(table, &count).await?;
    let users: Vec<User> = all(table, &query, place(MOST_LOOKED_THROUGH)).await?;
    cut(users.into_iter().filter(holds).collect(), paging)
}

fn place(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

async fn require_small(table: &Table, count: &Key) -> Result<(), ScimError> {
    if counted(table, count).await? <= MOST_LOOKED_THROUGH {
        return Ok(());
    }
    let detail = "the directory is too large to be looked through for this: use `userName eq`, \
                  `externalId eq`, `userName sw`, or for groups `displayName eq`";
    Err(ScimError::TooMany(detail.to_owned()))
}

/// Who it can be at most, where a key says so.
async fn users_by_key(
    table: &Table,
    tenant: Tenant,
    filter: &Filter,
) -> Result<Option<Vec<ScimUserId>>, ScimError> {
    let needs = |name: &str| filter.needs(name, Operator::Equal);
    if let Some(id) = needs("id") {
        return Ok(Some(id.parse().ok().into_iter().collect()));
    }
    let holder = if let Some(name) = needs("username") {
        let key = keys::UserName::key(tenant, folded(&name));
        table.get::<NameRow>(&key, Consistency::Strong).await?.map(|row| row.holder)
    } else if let Some(id) = needs("externalid") {
        let key = claim_key(tenant, USER_EXTERNAL, &id);
        table.get::<ClaimRow>(&key, Consistency::Strong).await?.map(|row| row.holder)
    } else {
        return Ok(None);
    };
    Ok(Some(holder.and_then(|holder| holder.parse().ok()).into_iter().collect()))
}

/// Whose `userName` begins with a text or contains it, where the filter asks for that.
async fn users_by_name(
    table: &Table,
    tenant: Tenant,
    filter: &Filter,
    count: &Key,
) -> Result<Option<Vec<ScimUserId>>, ScimError> {
    let names = keys::UserName::all(tenant).strong();
    let rows: Vec<NameRow> = if let Some(text) = filter.needs("username", Operator::StartsWith) {
        // the end of a text is not trimmed here: what is behind it may be a letter
        all(table, &names.beginning(&text.to_lowercase()), MOST_COUNTED).await?
    } else if let Some(text) = filter.needs("username", Operator::Contains) {
        if counted(table, count).await? > MOST_CONTAINING {
            let detail = format!("`co` is answered up to {MOST_CONTAINING} users; use `sw`");
            return Err(ScimError::TooMany(detail));
        }
        let text = text.to_lowercase();
        let rows: Vec<NameRow> = all(table, &names, place(MOST_CONTAINING)).await?;
        rows.into_iter().filter(|row| row.name.contains(&text)).collect()
    } else {
        return Ok(None);
    };
    if rows.len() > MOST_COUNTED {
        return Err(ScimError::TooMany(format!("more than {MOST_COUNTED} are found; ask for less")));
    }
    Ok(Some(rows.into_iter().filter_map(|row| row.holder.parse().ok()).collect()))
}

/// Those of the groups that a filter asks for.
pub async fn list_groups(
    table: &Table,
    cursors: &dyn CursorKeys,
    caller: &Presented,
    filter: Option<&Filter>,
    paging: &Paging,
) -> Result<Listing<Group>, ScimError> {
    let (tenant, count) = (caller.tenant, keys::GroupCount::key(caller.tenant));
    let query = keys::Group::all(tenant).strong();
    let Some(filter) = filter else {
        let place = (tenant, caller.token_id, "GROUPS");
        return unfiltered(table, cursors, place, (&query, &count), paging).await;
    };
    let groups: Vec<Group> = if let Some(ids) = groups_by_key(table, tenant, filter).await? {
        let keys: Vec<_> = ids.into_iter().map(|id| keys::Group::key(tenant, id)).collect();
        in_batches(table, &keys).await?
    } else {
        require_small(table, &count).await?;
        all(table, &query, place(MOST_LOOKED_THROUGH)).await?
    };
    // whether somebody is in a group is asked of that person, who has the groups
    let asked: Vec<ScimUserId> = ["members", "members.value"]
        .iter()
        .filter_map(|name| filter.needs(name, Operator::Equal)?.parse().ok())
        .collect();
    let keys: Vec<_> = asked.iter().map(|id| keys::User::key(tenant, *id)).collect();
    let users: Vec<User> = if keys.is_empty() { Vec::new() } else { in_batches(table, &keys).await? };
    let holds = |group: &Group| {
        let inside = users.iter().filter(|user| user.groups.contains(&group.group_id));
        let inside: Vec<_> = inside.map(|user| user.scim_id).collect();
        filter.0.holds(&Value::Object(group.resource("", 0, Some(&inside))))
    };
    cut(groups.into_iter().filter(holds).collect(), paging)
}

async fn groups_by_key(
    table: &Table,
    tenant: Tenant,
    filter: &Filter,
) -> Result<Option<Vec<ScimGroupId>>, ScimError> {
    let needs = |name: &str| filter.needs(name, Operator::Equal);
    if let Some(id) = needs("id") {
        return Ok(Some(id.parse().ok().into_iter().collect()));
    }
    if let Some(id) = needs("members").or_else(|| needs("members.value")) {
        let Ok(id) = id.parse() else { return Ok(Some(Vec::new())) };
        let user: Option<User> = table.get(&keys::User::key(tenant, id), Consistency::Strong).await?;
        return Ok(Some(user.into_iter().flat_map(|user| user.groups).collect()));
    }
    let key = if let Some(name) = needs("displayname") {
        claim_key(tenant, GROUP_NAME, &folded(&name))
    } else if let Some(id) = needs("externalid") {
        claim_key(tenant, GROUP_EXTERNAL, &id)
    } else {
        return Ok(None);
    };
    let row: Option<ClaimRow> = table.get(&key, Consistency::Strong).await?;
    Ok(Some(row.and_then(|row| row.holder.parse().ok()).into_iter().collect()))
}

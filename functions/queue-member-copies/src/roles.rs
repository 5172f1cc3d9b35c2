//! The roles that a group of the directory gives, brought to those who are in it.

use access::Tenant;
use orgs::{Member, api::ManagedBy};
use primitives::{ScimGroupId, ScimUserId};
use scim::{Mapping, User, members_of};
use table::{Cause, Changes, Condition, Consistency, Decision, Item, Table};

use crate::CopyError;

/// Users of one transaction: each may be a member in another role, with an event.
const AT_ONCE: usize = 12;

/// Brings all members of a group to the role that their groups give them now. Says whether it is done: it
/// is gone on with while `may_go_on` says so. What is so already is passed over.
pub(crate) async fn refresh_group(
    table: &Table,
    cause: &Cause,
    (tenant, group_id): (Tenant, ScimGroupId),
    may_go_on: impl Fn() -> bool,
) -> Result<bool, CopyError> {
    let mut reached: Option<ScimUserId> = None;
    loop {
        let some = members_of(table, tenant, group_id, (AT_ONCE, reached)).await?;
        let is_last = some.len() < AT_ONCE;
        reached = some.last().copied();
        if !some.is_empty() {
            refresh(table, cause, tenant, &some).await?;
        }
        if is_last {
            return Ok(true);
        }
        if !may_go_on() {
            return Ok(false);
        }
    }
}

async fn refresh(table: &Table, cause: &Cause, tenant: Tenant, ids: &[ScimUserId]) -> Result<(), CopyError> {
    let decide = |_| async move {
        let of_users = ids.iter().map(|id| scim::keys::User::key(tenant, *id));
        let asked: Vec<_> = [scim::keys::Roles::key(tenant)].into_iter().chain(of_users).collect();
        let mut found = table.get_many(&asked, Consistency::Strong).await?;
        let mapping = found.take(&asked[0])?.unwrap_or_else(|| Mapping::none(tenant));
        let mut wanted = Vec::new();
        for key in &asked[1..] {
            let Some(user) = found.take::<User>(key)? else { continue };
            let member = user.person.filter(|_| user.active).and_then(|person| person.member_id);
            let role = mapping.role_of(&user.groups);
            let managed_by = role.map(|_| ManagedBy::Directory);
            let role = (role.unwrap_or(user.base_role), managed_by);
            wanted.extend(member.map(|id| (orgs::keys::Member::key(tenant, id), role, user)));
        }
        let keys: Vec<_> = wanted.iter().map(|(key, _, _)| key.clone()).collect();
        let mut changes = Changes::new();
        if keys.is_empty() {
            return Ok(Decision::done(()));
        }
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        for (key, (role, managed_by), user) in wanted {
            let Some(member) = found.take::<Member>(&key)? else { continue };
            let directed = orgs::directed(member, role, managed_by);
            if !directed.is_empty() {
                // the groups that the role rests on
                changes = changes.and(directed).require(user.key(), Condition::VersionIs(user.version()));
            }
        }
        if changes.is_empty() {
            return Ok(Decision::done(()));
        }
        let (key, seen) = mapping.condition();
        Ok::<_, CopyError>(Decision::commit(changes.require(key, seen), ()))
    };
    table.decide(cause, decide).await
}

//! The erasure of an organization whose end has come. It is shut first and gone last, so that a run that dies
//! anywhere is gone on with by the next; each part is harmless twice.

use access::{Role, Tenant};
use events::NewEvent;
use identity_core::keys as identity_keys;
use primitives::OrgId;
use serde::Deserialize;
use table::{Cause, Changes, CommitError, Consistency, Decision, Query, Table};

use crate::{
    Invite, Member, Org,
    api::InviteStatus,
    caps::{all_owned, memberships},
    deletion::OrgDeletion,
    events::OrganizationErased,
    keys,
    slugs::SlugOwner,
};

/// Members who go in one transaction: each is up to four items.
const MEMBERS: usize = 24;
/// Invites that go in one transaction, each with its address.
const INVITES: usize = 45;

/// What of an item is asked for that is deleted at the version that was read.
#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

/// Shuts an organization whose end has come: from the next request on nobody is in it, no key of it works, it
/// cannot be restored, and its slugs are anybody's. Says whether the end has come.
pub async fn begin_erasure(table: &Table, cause: &Cause, org_id: OrgId) -> Result<bool, CommitError> {
    let tenant = Tenant::trusted(org_id);
    let begin = |_| async move {
        let asked =
            [keys::OrgDeletion::key(tenant), identity_keys::Gate::key(tenant), keys::Org::key(tenant)];
        let mut found = table.get_many(&asked, Consistency::Strong).await?;
        let [deletion, gate, org] = &asked;
        let deletion: Option<OrgDeletion> = found.take(deletion)?;
        let seen: Option<Versioned> = found.take(gate)?;
        let org: Option<Org> = found.take(org)?;
        if deletion.is_none_or(|deletion| table.clock().now() < deletion.erase_at) {
            return Ok(Decision::done(false));
        }
        // whoever comes back to it finds it shut
        let Some((Versioned { version }, org)) = seen.zip(org) else { return Ok(Decision::done(true)) };
        let slugs = org.former_slugs.iter().map(|former| &former.slug).chain([&org.slug]);
        let slugs: Vec<_> = slugs.map(|slug| keys::SlugOwner::key(slug.clone())).collect();
        let mut owners = table.get_many(&slugs, Consistency::Strong).await?;
        let mut changes = Changes::new().remove_at(gate.clone(), version);
        for slug in slugs {
            let owner: Option<SlugOwner> = owners.take(&slug)?;
            // a former one may be somebody else's by now
            changes = owner.iter().filter(|owner| owner.org_id == org_id).fold(changes, Changes::delete);
        }
        Ok(Decision::commit(changes, true))
    };
    table.decide(cause, begin).await
}

/// Takes everybody out of an organization for which [`begin_erasure`] said so, and lets the addresses go that
/// are invited. Says whether it is done: it is gone on with while `may_go_on` says so.
pub async fn empty(
    table: &Table,
    cause: &Cause,
    org_id: OrgId,
    may_go_on: impl Fn() -> bool,
) -> Result<bool, CommitError> {
    let tenant = Tenant::trusted(org_id);
    let some = |_| async move {
        let query = keys::Member::all(tenant).strong();
        let members: Vec<Member> = table.first(&query, MEMBERS).await?;
        let is_last = members.len() < MEMBERS;
        Ok::<_, CommitError>(Decision::commit(members.iter().fold(Changes::new(), gone), is_last))
    };
    let others = |_| async move {
        let query = keys::Invite::all(tenant).strong();
        let invites: Vec<Invite> = table.first(&query, INVITES).await?;
        let is_last = invites.len() < INVITES;
        Ok::<_, CommitError>(Decision::commit(invites.iter().fold(Changes::new(), let_go), is_last))
    };
    while !table.decide(cause, some).await? {
        if !may_go_on() {
            return Ok(false);
        }
    }
    while !table.decide(cause, others).await? {
        if !may_go_on() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Somebody's place is gone.
fn gone(changes: Changes, member: &Member) -> Changes {
    let tenant = Tenant::trusted(member.org_id);
    let changes = changes
        .delete(member)
        .remove(identity_keys::Membership::key(member.user_id, tenant))
        .and(memberships(member.user_id).subtract(1));
    if member.role == Role::Owner { changes.and(all_owned(member.user_id).subtract(1)) } else { changes }
}

/// Nobody is invited by this one any more. Of two to one address the open one has it.
fn let_go(changes: Changes, invite: &Invite) -> Changes {
    let changes = changes.delete(invite);
    if invite.status == InviteStatus::Pending {
        changes.remove(keys::Invited::key(invite.email.clone(), Tenant::trusted(invite.org_id)))
    } else {
        changes
    }
}

/// Erases what is left of an organization, when everybody else has done their part: that it is to be erased
/// is what goes last.
pub async fn end_erasure(table: &Table, cause: &Cause, org_id: OrgId) -> Result<(), CommitError> {
    let tenant = Tenant::trusted(org_id);
    let last = keys::OrgDeletion::key(tenant);
    let of_keys = identity_keys::ApiKeyCount::key(tenant);
    let of_words = keys::MemberWords::key(tenant, table.ids().next());
    let of_requests = keys::JoinRequest::key(tenant, table.ids().next());
    for partition in [of_keys, of_words, of_requests] {
        table.erase(Query::partition_of(&partition), None).await?;
    }
    table.erase(Query::partition_of(&last), Some(&last)).await?;
    let end = |_| async {
        let Some(Versioned { version }) = table.get(&last, Consistency::Strong).await? else {
            return Ok(Decision::done(()));
        };
        // in no organization's log: there is none any more
        let event = NewEvent::new(None, &org_id, version + 1, &OrganizationErased { org_id });
        Ok::<_, CommitError>(Decision::commit(
            Changes::new().remove_at(last.clone(), version).publish(event),
            (),
        ))
    };
    table.decide(cause, end).await
}

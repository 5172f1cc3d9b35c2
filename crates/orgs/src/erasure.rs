//! The erasure of an organization whose end has come. It is shut first and gone last, so that a run that dies
//! anywhere is gone on with by the next; each part is harmless twice.

use access::{Role, Tenant};
use events::NewEvent;
use identity_core::keys as identity_keys;
use primitives::{OrgId, UserId};
use serde::Deserialize;
use table::{Cause, Changes, CommitError, Consistency, Decision, Query, StoreError, Table};

use crate::{
    Invite, Member, Org,
    api::InviteStatus,
    caps::{all_owned, memberships},
    deletion::OrgDeletion,
    events::OrganizationErased,
    keys,
    place::Owned,
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

/// Who owns an organization that is being erased: known until [`end_erasure`].
pub async fn owners_of(table: &Table, org_id: OrgId) -> Result<Vec<UserId>, CommitError> {
    let key = keys::Owners::key(Tenant::trusted(org_id));
    let owned: Option<Owned> = table.get(&key, Consistency::Strong).await?;
    Ok(owned.iter().flat_map(Owned::all).collect())
}

/// How far the people of an organization are gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Emptied {
    /// Members.
    pub members: u64,
    /// Invites.
    pub invites: u64,
    /// Whether all are.
    pub complete: bool,
}

/// Takes everybody out of an organization for which [`begin_erasure`] said so, and lets the addresses go that
/// are invited. Says how far it came: it is gone on with while `may_go_on` says so.
pub async fn empty(
    table: &Table,
    cause: &Cause,
    org_id: OrgId,
    may_go_on: impl Fn() -> bool,
) -> Result<Emptied, CommitError> {
    let tenant = Tenant::trusted(org_id);
    let some = |_| async move {
        let query = keys::Member::all(tenant).strong();
        let members: Vec<Member> = table.first(&query, MEMBERS).await?;
        Ok::<_, CommitError>(Decision::commit(members.iter().fold(Changes::new(), gone), members.len()))
    };
    let others = |_| async move {
        let query = keys::Invite::all(tenant).strong();
        let invites: Vec<Invite> = table.first(&query, INVITES).await?;
        Ok::<_, CommitError>(Decision::commit(invites.iter().fold(Changes::new(), let_go), invites.len()))
    };
    let mut done = Emptied::default();
    loop {
        let gone = table.decide(cause, some).await?;
        done.members += u64::try_from(gone).unwrap_or_default();
        if gone < MEMBERS {
            break;
        }
        if !may_go_on() {
            return Ok(done);
        }
    }
    loop {
        let gone = table.decide(cause, others).await?;
        done.invites += u64::try_from(gone).unwrap_or_default();
        if gone < INVITES {
            done.complete = true;
            return Ok(done);
        }
        if !may_go_on() {
            return Ok(done);
        }
    }
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

/// Erases what is left of an organization, when everybody else has done their part, but that it is to be
/// erased. Says how many items went.
pub async fn erase_rest(table: &Table, org_id: OrgId) -> Result<u64, CommitError> {
    let tenant = Tenant::trusted(org_id);
    let last = keys::OrgDeletion::key(tenant);
    let of_keys = identity_keys::ApiKeyCount::key(tenant);
    let of_words = keys::MemberWords::key(tenant, table.ids().next());
    let of_requests = keys::JoinRequest::key(tenant, table.ids().next());
    let mut erased = 0;
    for partition in [of_keys, of_words, of_requests] {
        erased += table.erase(Query::partition_of(&partition), None).await?;
    }
    erased += table.erase(Query::partition_of(&last), Some(&last)).await?;
    Ok(u64::try_from(erased).unwrap_or(u64::MAX))
}

/// That an organization is to be erased is what goes last: by that, whatever stopped on the way was begun
/// again. What certifies that it is so is in the same transaction.
pub async fn end_erasure<F: Future<Output = Result<Changes, StoreError>>>(
    table: &Table,
    cause: &Cause,
    org_id: OrgId,
    certified: impl Fn() -> F,
) -> Result<(), CommitError> {
    let last = keys::OrgDeletion::key(Tenant::trusted(org_id));
    let end = |_| async {
        let Some(Versioned { version }) = table.get(&last, Consistency::Strong).await? else {
            return Ok(Decision::done(()));
        };
        // in no organization's log: there is none any more
        let event = NewEvent::new(None, &org_id, version + 1, &OrganizationErased { org_id });
        let changes = Changes::new().remove_at(last.clone(), version).publish(event);
        Ok::<_, CommitError>(Decision::commit(changes.and(certified().await?), ()))
    };
    table.decide(cause, end).await
}

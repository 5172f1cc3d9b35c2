//! The owners who come in past the identity provider that an organization asks for: one of them is always
//! left.

use access::{Role, SsoPolicy, Tenant};
use identity_core::keys::Gate;
use serde::Deserialize;
use table::{Changes, Consistency, Table};

use crate::{Member, OrgError, caps::MOST_BREAK_GLASS, keys};

/// What of the gate is about it.
#[derive(Deserialize)]
struct OfGate {
    #[serde(default)]
    sso: SsoPolicy,
    version: u64,
}

/// What it means for the others that this owner is one no more; nothing where that makes no difference. An
/// error where nobody else would come in when the provider does not answer. One call for owners, none for
/// others.
pub(crate) async fn without(table: &Table, member: &Member) -> Result<Changes, OrgError> {
    if member.role != Role::Owner {
        return Ok(Changes::new());
    }
    let tenant = Tenant::trusted(member.org_id);
    let gate: Option<OfGate> = table.get(&Gate::key(tenant), Consistency::Strong).await?;
    let gate = gate.ok_or(OrgError::NotFound)?;
    Ok(changed(tenant, gate.sso, gate.version, member)?.unwrap_or_default())
}

fn changed(
    tenant: Tenant,
    mut sso: SsoPolicy,
    version: u64,
    member: &Member,
) -> Result<Option<Changes>, OrgError> {
    if !sso.break_glass.contains(&member.member_id) {
        return Ok(None);
    }
    sso.break_glass.retain(|other| *other != member.member_id);
    if sso.required && sso.break_glass.is_empty() {
        return Err(OrgError::WouldLockOutOfSso { most: MOST_BREAK_GLASS });
    }
    let left = &sso.break_glass;
    let shown = Changes::new().set(&keys::Policies::key(tenant), "break_glass", left);
    Ok(Some(shown.set_at(&Gate::key(tenant), "sso", &sso, version)))
}

#[cfg(test)]
mod tests {
    use primitives::{Ids, MemberId, Timestamp};

    use super::*;

    #[test]
    fn the_last_one_stays_as_long_as_sso_is_required() {
        let (one, other): (MemberId, MemberId) = (Ids::unguessable(), Ids::unguessable());
        let tenant = Tenant::trusted(Ids::unguessable());
        let member = |member_id| Member {
            org_id: tenant.org_id(),
            member_id,
            user_id: Ids::unguessable(),
            email: "ada@example.com".parse().unwrap(),
            name: None,
            role: Role::Owner,
            managed_by: None,
            joined_at: Timestamp::UNIX_EPOCH,
            version: 1,
        };
        let policy = |required, break_glass: &[MemberId]| SsoPolicy {
            required,
            connections: Vec::new(),
            break_glass: break_glass.to_vec(),
        };
        let leaves = |policy, who| changed(tenant, policy, 7, &member(who));
        assert!(matches!(leaves(policy(true, &[one]), one), Err(OrgError::WouldLockOutOfSso { .. })));
        assert!(leaves(policy(true, &[one, other]), one).unwrap().is_some(), "the other is left");
        assert!(leaves(policy(false, &[one]), one).unwrap().is_some());
        assert!(leaves(policy(true, &[one]), other).unwrap().is_none(), "it is another owner");
    }
}

use access::{MfaMode, MfaPolicy, Permit, Principal, Tenant, needs::WritePolicies};
use events::NewEvent;
use primitives::{SignedDuration, Timestamp};
use serde::Deserialize;
use table::{Cause, Changes, Consistency, Decision, Table};

use crate::{OrgError, api, events::OrganizationPoliciesUpdated};

/// What of the gate is about how members sign in.
#[derive(Deserialize)]
struct Policies {
    #[serde(default)]
    mfa: MfaPolicy,
    version: u64,
}

/// The longest grace in which members set up a second factor.
const LONGEST_GRACE: SignedDuration = SignedDuration::from_hours(90 * 24);

async fn read(table: &Table, tenant: Tenant, consistency: Consistency) -> Result<Policies, OrgError> {
    let key = identity_core::keys::Gate::key(tenant);
    table.get(&key, consistency).await?.ok_or(OrgError::NotFound)
}

/// What the organization asks of how its members sign in. The gate is there as long as somebody may come in,
/// so that one which an eventual read misses is read again, strongly.
pub async fn policies(table: &Table, tenant: Tenant) -> Result<MfaPolicy, OrgError> {
    match read(table, tenant, Consistency::Eventual).await {
        Err(OrgError::NotFound) => read(table, tenant, Consistency::Strong).await,
        found => found,
    }
    .map(|policies| policies.mfa)
}

/// Asks for a second factor, or not, from the next request on. Nobody asks for what they have not shown
/// themselves, when there is no grace: they would be out with the next request.
pub async fn set_mfa_policy(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WritePolicies>,
    principal: &Principal,
    wanted: MfaPolicy,
) -> Result<MfaPolicy, OrgError> {
    let now = table.clock().now();
    let wanted = sensible(wanted, now)?;
    if wanted.asks(false, now) && !principal.shown.is_multi_factor() {
        return Err(OrgError::WouldLockOut);
    }
    let tenant = permit.tenant();
    let decide = |_| async move {
        let stored = read(table, tenant, Consistency::Strong).await?;
        if stored.mfa == wanted {
            return Ok(Decision::done(wanted));
        }
        let event = OrganizationPoliciesUpdated { org_id: tenant.org_id(), mfa: api::Mfa::from(wanted) };
        let event = NewEvent::new(Some(tenant.org_id()), &tenant.org_id(), stored.version + 1, &event);
        let gate = identity_core::keys::Gate::key(tenant);
        Ok(Decision::commit(Changes::new().set(&gate, "mfa", &wanted).publish(event), wanted))
    };
    table.decide(cause, decide).await
}

/// Grace belongs to a requirement, and ends.
fn sensible(wanted: MfaPolicy, now: Timestamp) -> Result<MfaPolicy, OrgError> {
    let grace_ends_at = wanted.grace_ends_at.filter(|_| wanted.mode == MfaMode::Required);
    if grace_ends_at.is_some_and(|ends| ends.duration_since(now) > LONGEST_GRACE) {
        return Err(OrgError::LongGrace { days: LONGEST_GRACE.as_hours() / 24 });
    }
    Ok(MfaPolicy { grace_ends_at, ..wanted })
}

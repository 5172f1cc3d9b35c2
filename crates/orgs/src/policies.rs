use access::{MfaMode, MfaPolicy, Permit, Principal, Tenant, needs::WritePolicies};
use events::NewEvent;
use primitives::{Expected, SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Cause, Changes, Consistency, Decision, Table};

use crate::{OrgError, api, events::OrganizationPoliciesUpdated};

/// What the organization asks of its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policies {
    /// How they sign in.
    pub mfa: MfaPolicy,
    /// How often it was changed. The gate, where it stands, changes for other reasons too.
    pub version: u64,
}

/// The same as it stands in the gate.
#[derive(Default, Serialize, Deserialize)]
struct Stored {
    mode: MfaMode,
    grace_ends_at: Option<Timestamp>,
    #[serde(default)]
    version: u64,
}

impl From<Policies> for Stored {
    fn from(Policies { mfa: MfaPolicy { mode, grace_ends_at }, version }: Policies) -> Self {
        Self { mode, grace_ends_at, version }
    }
}

impl From<Stored> for Policies {
    fn from(Stored { mode, grace_ends_at, version }: Stored) -> Self {
        Self { mfa: MfaPolicy { mode, grace_ends_at }, version }
    }
}

/// What of the gate is about it.
#[derive(Deserialize)]
struct OfGate {
    #[serde(default)]
    mfa: Stored,
    version: u64,
}

/// The longest grace in which members set up a second factor.
const LONGEST_GRACE: SignedDuration = SignedDuration::from_hours(90 * 24);

async fn read(table: &Table, tenant: Tenant, consistency: Consistency) -> Result<OfGate, OrgError> {
    let key = identity_core::keys::Gate::key(tenant);
    table.get(&key, consistency).await?.ok_or(OrgError::NotFound)
}

/// What the organization asks of its members. The gate is there as long as somebody may come in,
/// so that one which an eventual read misses is read again, strongly.
pub async fn policies(table: &Table, tenant: Tenant) -> Result<Policies, OrgError> {
    match read(table, tenant, Consistency::Eventual).await {
        Err(OrgError::NotFound) => read(table, tenant, Consistency::Strong).await,
        found => found,
    }
    .map(|gate| gate.mfa.into())
}

/// Asks for a second factor, or not, from the next request on; without a wish it stays as it is. Nobody asks
/// for what they have not shown themselves, when there is no grace: they would be out with the next request.
pub async fn set_mfa_policy(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WritePolicies>,
    principal: &Principal,
    expected: &Expected,
    wanted: Option<MfaPolicy>,
) -> Result<Policies, OrgError> {
    let now = table.clock().now();
    let wanted = wanted.map(|wanted| sensible(wanted, now)).transpose()?;
    if wanted.is_some_and(|wanted| wanted.asks(false, now)) && !principal.shown.is_multi_factor() {
        return Err(OrgError::WouldLockOut);
    }
    let tenant = permit.tenant();
    let decide = |_| async move {
        let stored = read(table, tenant, Consistency::Strong).await?;
        let before = Policies::from(stored.mfa);
        if !expected.admits(before.version) {
            return Err(OrgError::VersionMismatch { current: before.version });
        }
        let Some(wanted) = wanted.filter(|wanted| before.mfa != *wanted) else {
            return Ok(Decision::done(before));
        };
        let after = Policies { mfa: wanted, version: before.version + 1 };
        let event = OrganizationPoliciesUpdated { org_id: tenant.org_id(), mfa: api::Mfa::from(wanted) };
        let event = NewEvent::new(Some(tenant.org_id()), &tenant.org_id(), stored.version + 1, &event);
        let gate = identity_core::keys::Gate::key(tenant);
        let changes =
            Changes::new().set_at(&gate, "mfa", &Stored::from(after), stored.version).publish(event);
        Ok(Decision::commit(changes, after))
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

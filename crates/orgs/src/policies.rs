use access::{MfaMode, MfaPolicy, Permit, Principal, Tenant, needs::WritePolicies};
use events::NewEvent;
use identity_core::MadeKeys;
use primitives::{Email, EmailDomain, Expected, OrgId, SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use table::{Cause, Changes, Consistency, Decision, Item, Key, Table};

use crate::{
    OrgError,
    api::{self, KeysOfLeavers},
    events::OrganizationPoliciesUpdated,
    keys,
};

/// What the organization asks of its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies {
    /// How they sign in.
    pub mfa: MfaPolicy,
    /// Of which domains the addresses are that may be invited; nothing where it is any.
    pub allowed_email_domains: Option<Vec<EmailDomain>>,
    /// What becomes of the API keys of whoever leaves.
    pub api_keys_of_leavers: KeysOfLeavers,
    /// Whether our staff may act in the names of members.
    pub support_access: bool,
    /// How often they were changed.
    pub version: u64,
}

/// The same as it is stored. What each request has to know of it is in the gate too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredPolicies {
    org_id: OrgId,
    mfa: MfaPolicy,
    allowed_email_domains: Option<Vec<EmailDomain>>,
    #[serde(default)]
    api_keys_of_leavers: KeysOfLeavers,
    #[serde(default = "is_so")]
    support_access: bool,
    #[serde(default)]
    version: u64,
}

/// What is so where nobody said otherwise.
fn is_so() -> bool {
    true
}

impl Item for StoredPolicies {
    fn key(&self) -> Key {
        keys::Policies::key(Tenant::trusted(self.org_id))
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl StoredPolicies {
    /// Refuses an address of another domain, where there are policies about that.
    pub(crate) fn admit(policies: Option<&Self>, email: &Email) -> Result<(), OrgError> {
        let allowed = policies.and_then(|policies| policies.allowed_email_domains.as_ref());
        if allowed.is_none_or(|allowed| allowed.iter().any(|domain| domain.has(email))) {
            Ok(())
        } else {
            Err(OrgError::DomainNotAllowed)
        }
    }
}

impl StoredPolicies {
    /// Of an organization that never said anything.
    fn none(org_id: OrgId) -> Self {
        Self {
            org_id,
            mfa: MfaPolicy::default(),
            allowed_email_domains: None,
            api_keys_of_leavers: KeysOfLeavers::default(),
            support_access: is_so(),
            version: 0,
        }
    }

    fn policies(&self) -> Policies {
        Policies {
            mfa: self.mfa,
            allowed_email_domains: self.allowed_email_domains.clone(),
            api_keys_of_leavers: self.api_keys_of_leavers,
            support_access: self.support_access,
            version: self.version,
        }
    }
}

/// What of the gate is about it.
#[derive(Deserialize)]
struct OfGate {
    version: u64,
}

/// The longest grace in which members set up a second factor.
const LONGEST_GRACE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How many domains there may be.
const MOST_DOMAINS: usize = 20;

/// What the organization asks of its members, as of a moment ago.
pub async fn policies(table: &Table, tenant: Tenant) -> Result<Policies, OrgError> {
    let stored = table.get::<StoredPolicies>(&keys::Policies::key(tenant), Consistency::Eventual).await?;
    Ok(stored.unwrap_or_else(|| StoredPolicies::none(tenant.org_id())).policies())
}

/// Asks for something else, from the next request on. Nobody asks for a second factor who has not shown one,
/// when there is no grace: they would be out with the next request.
pub async fn set_policies(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WritePolicies>,
    principal: &Principal,
    expected: &Expected,
    change: impl Fn(Policies) -> Policies,
) -> Result<Policies, OrgError> {
    let (tenant, change) = (permit.tenant(), &change);
    let decide = |_| async move {
        let keys = [identity_core::keys::Gate::key(tenant), keys::Policies::key(tenant)];
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let [gate, stored] = keys;
        let OfGate { version } = found.take(&gate)?.ok_or(OrgError::NotFound)?;
        let stored: Option<StoredPolicies> = found.take(&stored)?;
        let stored = stored.unwrap_or_else(|| StoredPolicies::none(tenant.org_id()));
        let before = stored.policies();
        let now = table.clock().now();
        // what nothing admits is said first, whatever the state
        let wanted = sensible(change(before.clone()), &before, now)?;
        if !expected.admits(before.version) {
            return Err(OrgError::VersionMismatch { current: before.version });
        }
        if wanted == before {
            return Ok(Decision::done(before));
        }
        let asks = wanted.mfa != before.mfa && wanted.mfa.asks(false, now);
        if asks && !principal.shown.is_multi_factor() {
            return Err(OrgError::WouldLockOut);
        }
        let after = Policies { version: before.version + 1, ..wanted };
        let ends_keys = after.api_keys_of_leavers == KeysOfLeavers::Revoke
            && before.api_keys_of_leavers == KeysOfLeavers::Keep;
        let ended = if ends_keys { Some(MadeKeys::by_leavers(table, tenant).await?) } else { None };
        let event = OrganizationPoliciesUpdated {
            org_id: tenant.org_id(),
            mfa: api::Mfa::from(after.mfa),
            allowed_email_domains: after.allowed_email_domains.clone(),
            api_keys_of_leavers: after.api_keys_of_leavers,
            support_access: after.support_access,
            revoked_api_keys: ended.as_ref().map(MadeKeys::ids).unwrap_or_default(),
        };
        let event = NewEvent::new(Some(tenant.org_id()), &tenant.org_id(), version + 1, &event);
        let stored = StoredPolicies {
            mfa: after.mfa,
            allowed_email_domains: after.allowed_email_domains.clone(),
            api_keys_of_leavers: after.api_keys_of_leavers,
            support_access: after.support_access,
            ..stored
        };
        let mut of_gate = Vec::new();
        if after.mfa != before.mfa {
            of_gate.push(("mfa", json!(after.mfa)));
        }
        if after.api_keys_of_leavers != before.api_keys_of_leavers {
            of_gate.push(("keeps_keys", json!(after.api_keys_of_leavers == KeysOfLeavers::Keep)));
        }
        if after.support_access != before.support_access {
            of_gate.push(("refuses_support", json!(!after.support_access)));
            if !after.support_access {
                // whoever acts in a member's name is out, also once it is allowed again
                of_gate.push(("support_refused_at", json!(now)));
            }
        }
        let changes = Changes::new().replace(&stored).publish(event).set_all_at(&gate, &of_gate, version);
        let ended = ended.map_or_else(Changes::new, |ended| ended.revoked(now));
        Ok(Decision::commit(changes.and(ended), after))
    };
    table.decide(cause, decide).await
}

/// Grace belongs to a requirement, and ends; domains are named once, and are not too many.
fn sensible(wanted: Policies, before: &Policies, now: Timestamp) -> Result<Policies, OrgError> {
    let grace_ends_at = wanted.mfa.grace_ends_at.filter(|_| wanted.mfa.mode == MfaMode::Required);
    let is_new = grace_ends_at != before.mfa.grace_ends_at;
    if is_new && grace_ends_at.is_some_and(|ends| ends.duration_since(now) > LONGEST_GRACE) {
        return Err(OrgError::LongGrace { days: LONGEST_GRACE.as_hours() / 24 });
    }
    let allowed_email_domains = wanted.allowed_email_domains.map(|mut domains| {
        domains.sort();
        domains.dedup();
        domains
    });
    if allowed_email_domains.as_ref().is_some_and(|domains| !(1..=MOST_DOMAINS).contains(&domains.len())) {
        return Err(OrgError::DomainCount { most: MOST_DOMAINS });
    }
    let mfa = MfaPolicy { grace_ends_at, ..wanted.mfa };
    Ok(Policies { mfa, allowed_email_domains, ..wanted })
}

use std::collections::BTreeMap;

use access::{MfaMode, MfaPolicy, Permit, Principal, SsoAdmission, SsoPolicy, Tenant, needs::WritePolicies};
use events::NewEvent;
use identity_core::{MadeKeys, User, keys as identity_keys};
use primitives::{Email, EmailDomain, Expected, MemberId, OrgId, SignedDuration, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use table::{Cause, Changes, Consistency, Decision, Item, Key, Table};

use crate::{
    OrgError,
    api::{self, KeysOfLeavers},
    caps::MOST_BREAK_GLASS,
    events::OrganizationPoliciesUpdated,
    keys,
    place::stays,
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
    /// Whether they come in by the organization's identity provider alone.
    pub sso_required: bool,
    /// The memberships of those owners who come in otherwise too.
    pub break_glass: Vec<MemberId>,
    /// How often they were changed.
    pub version: u64,
}

/// The same as it is stored. What each request has to know of it is in the gate too, for SSO beside the
/// connections that it is about.
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
    sso_required: bool,
    #[serde(default)]
    break_glass: Vec<MemberId>,
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
            sso_required: false,
            break_glass: Vec::new(),
            version: 0,
        }
    }

    fn policies(&self) -> Policies {
        Policies {
            sso_required: self.sso_required,
            break_glass: self.break_glass.clone(),
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
    #[serde(default)]
    sso: SsoPolicy,
    version: u64,
}

/// Who owns the organization.
#[derive(Deserialize)]
struct Owners {
    m: BTreeMap<String, UserId>,
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

/// What is asked about SSO, where it can be: there is a connection, so many owners come in without it, each
/// with a second factor, and whoever asks for it is not out with the next request. Two calls where it is
/// asked anew.
async fn sso_policy(
    table: &Table,
    permit: &Permit<WritePolicies>,
    principal: &Principal,
    (before, wanted): (SsoPolicy, &Policies),
) -> Result<SsoPolicy, OrgError> {
    let mut break_glass = wanted.break_glass.clone();
    break_glass.sort_unstable();
    break_glass.dedup();
    let after = SsoPolicy { required: wanted.sso_required, break_glass, ..before.clone() };
    if after == before {
        return Ok(before);
    }
    let would_lock_out = OrgError::WouldLockOutOfSso { most: MOST_BREAK_GLASS };
    if after.required && (after.connections.is_empty() || after.break_glass.is_empty()) {
        return Err(would_lock_out);
    }
    if !after.break_glass.is_empty() {
        let owners: Option<Owners> =
            table.get(&keys::Owners::key(permit.tenant()), Consistency::Strong).await?;
        let owner = |member: &MemberId| owners.as_ref()?.m.get(&member.to_string()).copied();
        let people: Option<Vec<UserId>> = after.break_glass.iter().map(owner).collect();
        let people = people.ok_or(OrgError::NoOwners)?;
        let people: Vec<_> = people.into_iter().map(identity_keys::User::key).collect();
        let mut found = table.get_many(&people, Consistency::Strong).await?;
        for key in people {
            let person: Option<User> = found.take(&key)?;
            if !person.is_some_and(|person| stays(&person) && person.has_factor()) {
                return Err(OrgError::NoOwners);
            }
        }
    }
    let is_in = match after.admits((permit.member_id, permit.role), principal.sso) {
        SsoAdmission::Freely => true,
        SsoAdmission::AsBreakGlass => principal.shown.is_multi_factor(),
        SsoAdmission::Not => false,
    };
    if is_in { Ok(after) } else { Err(would_lock_out) }
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
        let OfGate { sso, version } = found.take(&gate)?.ok_or(OrgError::NotFound)?;
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
        let of_sso = sso_policy(table, permit, principal, (sso.clone(), &wanted)).await?;
        let after =
            Policies { version: before.version + 1, break_glass: of_sso.break_glass.clone(), ..wanted };
        let ends_keys = after.api_keys_of_leavers == KeysOfLeavers::Revoke
            && before.api_keys_of_leavers == KeysOfLeavers::Keep;
        let ended = if ends_keys { Some(MadeKeys::by_leavers(table, tenant).await?) } else { None };
        let event = OrganizationPoliciesUpdated {
            org_id: tenant.org_id(),
            mfa: api::Mfa::from(after.mfa),
            allowed_email_domains: after.allowed_email_domains.clone(),
            api_keys_of_leavers: after.api_keys_of_leavers,
            support_access: after.support_access,
            sso_required: after.sso_required,
            break_glass_member_ids: after.break_glass.clone(),
            revoked_api_keys: ended.as_ref().map(MadeKeys::ids).unwrap_or_default(),
        };
        let event = NewEvent::new(Some(tenant.org_id()), &tenant.org_id(), version + 1, &event);
        let stored = StoredPolicies {
            mfa: after.mfa,
            allowed_email_domains: after.allowed_email_domains.clone(),
            api_keys_of_leavers: after.api_keys_of_leavers,
            support_access: after.support_access,
            sso_required: after.sso_required,
            break_glass: after.break_glass.clone(),
            ..stored
        };
        let mut of_gate = Vec::new();
        if after.mfa != before.mfa {
            of_gate.push(("mfa", json!(after.mfa)));
        }
        if after.api_keys_of_leavers != before.api_keys_of_leavers {
            of_gate.push(("keeps_keys", json!(after.api_keys_of_leavers == KeysOfLeavers::Keep)));
        }
        if of_sso != sso {
            of_gate.push(("sso", json!(of_sso)));
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
    // as many as are named, also where some are named twice: so says the contract
    if wanted.allowed_email_domains.as_ref().is_some_and(|named| !(1..=MOST_DOMAINS).contains(&named.len())) {
        return Err(OrgError::DomainCount { most: MOST_DOMAINS });
    }
    if wanted.break_glass.len() > MOST_BREAK_GLASS {
        return Err(OrgError::BreakGlassCount { most: MOST_BREAK_GLASS });
    }
    let allowed_email_domains = wanted.allowed_email_domains.map(|mut domains| {
        domains.sort();
        domains.dedup();
        domains
    });
    let mfa = MfaPolicy { grace_ends_at, ..wanted.mfa };
    Ok(Policies { mfa, allowed_email_domains, ..wanted })
}

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
};

use access::{
    AccessLevel, AccessSchedule, Actor, Deletion, Impersonator, KeyActor, MfaPolicy, Plan, Principal, Role,
    Shown, SsoPolicy, StaffMember, StaffRole, Tenant,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use identity_core::{ApiKey, InTheName, ShownKey, User, keys};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use primitives::{ImpersonationId, MemberId, OrgId, SignedDuration, Timestamp, json};
use serde::Deserialize;
use table::{Consistency, Item, Table};

use crate::{
    AuthenticationError,
    entry::asked_within,
    signing::SigningKeys,
    token::{ACCESS_TOKEN, Act, Claims},
};

/// Finds out who an access token stands for, now: one call for the person, the membership and the
/// organization together.
///
/// Whatever ends a session (sign-out, removal, demotion, suspension) is written to one of the three and so
/// holds from the next request on.
#[derive(Clone, Debug)]
pub struct Authority(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    table: Table,
    issuer: String,
    published: RwLock<Published>,
}

#[derive(Default)]
struct Published {
    by_kid: HashMap<String, DecodingKey>,
    read_at: Option<Timestamp>,
    /// When somebody showed a key that was not there.
    missed_at: Option<Timestamp>,
}

impl std::fmt::Debug for Published {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.by_kid.keys()).finish()
    }
}

/// A token that is good, and who it stands for.
#[derive(Clone, Debug)]
pub struct Live {
    /// What it says.
    pub claims: Claims,
    /// Who it stands for, now.
    pub principal: Principal,
}

/// How long published keys are used without another look.
const KEYS_ARE_FRESH: SignedDuration = SignedDuration::from_mins(10);
/// A token with an unknown key makes us look, so that a new key works from its first token on; but forgeries
/// make us look no more often than this.
const LOOK_AT_MOST_EVERY: SignedDuration = SignedDuration::from_secs(1);

/// By how much the clocks of two instances may differ.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(60);

/// The key that a token names, if its header is one of ours: signed with EdDSA, an access token and nothing
/// else (RFC 9068, section 4), and without any member that would change what the rest means (RFC 7515,
/// section 4.1.11: what is critical and not understood is refused, and we understand none).
fn header(token: &str) -> Option<String> {
    const CHANGE_THE_MEANING: [&str; 4] = ["crit", "b64", "zip", "enc"];
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
    let header: serde_json::Map<String, serde_json::Value> = json::from_slice(&bytes).ok()?;
    let is_ours = header.get("typ").is_some_and(|kind| kind == ACCESS_TOKEN)
        && header.get("alg").is_some_and(|algorithm| algorithm == "EdDSA")
        && !CHANGE_THE_MEANING.iter().any(|member| header.contains_key(*member));
    header.get("kid").filter(|_| is_ours)?.as_str().map(str::to_owned)
}

/// The facts about a membership that decide what a token is worth.
#[derive(Deserialize)]
struct MembershipFacts {
    member_id: MemberId,
    role: Role,
    sessions_valid_after: Option<Timestamp>,
}

/// The facts about an organization that decide the same. Without an id it was never created, whoever wrote
/// something there.
#[derive(Deserialize)]
struct Gate {
    org_id: Option<OrgId>,
    sessions_valid_after: Option<Timestamp>,
    deletion: Option<Deletion>,
    suspended_at: Option<Timestamp>,
    access: Option<AccessSchedule>,
    #[serde(default)]
    mfa: MfaPolicy,
    #[serde(default)]
    sso: SsoPolicy,
    #[serde(default)]
    keeps_keys: bool,
    support_refused_at: Option<Timestamp>,
}

impl Gate {
    /// How much the organization may use. Of what is about to be erased people see what it is, and can take
    /// it back; what nobody said anything of, may use nothing.
    fn level(&self, now: Timestamp) -> AccessLevel {
        match (&self.deletion, &self.access) {
            (Some(_), _) => AccessLevel::ExportOnly,
            (None, Some(access)) => access.at(now),
            (None, None) => AccessLevel::Suspended,
        }
    }

    /// What it subscribed to, or tries out.
    fn plan(&self) -> &'static Plan {
        self.access.as_ref().map_or_else(Plan::of_trial, AccessSchedule::plan)
    }

    /// When that ends if nothing else happens.
    fn level_until(&self, now: Timestamp) -> Option<Timestamp> {
        match (&self.deletion, &self.access) {
            (Some(deletion), _) => Some(deletion.erase_at),
            (None, access) => access.as_ref().and_then(|access| access.until(now)),
        }
    }
}

/// Who acts in the name of this person by this token: as long as the person's item says so, whoever it is is
/// what they were when it began, and the session lives in which it began. What ended stays so.
fn in_the_name(
    user: &User,
    claims: &Claims,
    act: Act,
    (person, staff): &(Option<User>, Option<StaffFacts>),
    now: Timestamp,
) -> Option<Impersonator> {
    let id = ImpersonationId::from_uuid(claims.sid.uuid());
    let InTheName { by, session_id, role_since, org_id, mode, until } = user.in_the_name(id, now)?;
    let (person, staff) = (person.as_ref()?, staff.as_ref()?);
    let may =
        staff.role.holds(mode.permission()) && staff.role_since == role_since && person.has(session_id, now);
    let is_meant = by == act.sub && Some(org_id) == claims.org;
    (may && is_meant).then_some(Impersonator { user_id: by, mode, until })
}

/// What decides what somebody is among our staff.
#[derive(Deserialize)]
pub(crate) struct StaffFacts {
    pub(crate) role: StaffRole,
    #[serde(default)]
    pub(crate) role_since: Option<Timestamp>,
}

impl Authority {
    /// `issuer` is the API's public URL, as the tokens name it.
    pub fn new(table: Table, issuer: impl Into<String>) -> Self {
        Self(Arc::new(Inner { table, issuer: issuer.into(), published: RwLock::default() }))
    }

    /// Takes keys that were read a moment ago, so that the first request need not. One that is not among them
    /// is looked for all the same.
    pub fn learn(&self, published: &SigningKeys) {
        self.remember(published, self.0.table.clock().now());
    }

    /// Who the token stands for. An eventual read that would refuse is repeated strongly before it does: what
    /// was written a moment ago, such as the person or the membership itself, may only not have arrived there
    /// yet.
    pub async fn principal(
        &self,
        token: &str,
        consistency: Consistency,
    ) -> Result<Principal, AuthenticationError> {
        self.find(token, consistency, false).await
    }

    /// The same with the person's place among our staff, read in the same call.
    pub async fn member_of_staff(
        &self,
        token: &str,
        consistency: Consistency,
    ) -> Result<Principal, AuthenticationError> {
        self.find(token, consistency, true).await
    }

    async fn find(
        &self,
        token: &str,
        consistency: Consistency,
        as_staff: bool,
    ) -> Result<Principal, AuthenticationError> {
        let claims = self.claims(token).await?;
        let found = self.principal_of(&claims, consistency, as_staff).await;
        let is_refused = match &found {
            Ok(principal) => claims.org.is_some() && principal.actor.is_none(),
            Err(error) => matches!(error, AuthenticationError::SessionEnded),
        };
        if is_refused && consistency == Consistency::Eventual {
            return self.principal_of(&claims, Consistency::Strong, as_staff).await;
        }
        found
    }

    /// The same of a token that somebody else was shown: with what it says, and nothing where it is not good.
    /// One call.
    pub async fn live(&self, token: &str) -> Result<Option<Live>, AuthenticationError> {
        let live = async {
            let claims = self.claims(token).await?;
            let principal = self.principal_of(&claims, Consistency::Strong, false).await?;
            Ok(Live { claims, principal })
        };
        match live.await {
            Ok(live) => Ok(Some(live)),
            Err(AuthenticationError::Store(error)) => Err(error.into()),
            Err(_) => Ok(None),
        }
    }

    async fn principal_of(
        &self,
        claims: &Claims,
        consistency: Consistency,
        as_staff: bool,
    ) -> Result<Principal, AuthenticationError> {
        let of_person = keys::User::key(claims.sub);
        let mut asked = vec![of_person.clone()];
        let of_staff = as_staff.then(|| keys::Staff::key(claims.sub));
        asked.extend(of_staff.clone());
        let behind = claims.act.map(|act| (keys::User::key(act.sub), keys::Staff::key(act.sub)));
        asked.extend(behind.iter().flat_map(|(person, staff)| [person.clone(), staff.clone()]));
        let own_place = behind.is_some().then(|| keys::Staff::key(claims.sub));
        asked.extend(own_place.clone().filter(|_| !as_staff));
        let membership = claims.org.map(Tenant::trusted).zip(claims.mbr);
        let place = membership
            .map(|(tenant, _)| (keys::Membership::key(claims.sub, tenant), keys::Gate::key(tenant)));
        if let Some((membership, gate)) = &place {
            asked.extend([membership.clone(), gate.clone()]);
        }
        let mut found = self.0.table.get_many(&asked, consistency).await?;
        let user: User = found.take(&of_person)?.ok_or(AuthenticationError::SessionEnded)?;
        if user.suspended_at().is_some() {
            return Err(AuthenticationError::Suspended);
        }
        let staff = match of_staff {
            Some(key) => found.take::<StaffFacts>(&key)?.zip(user.began_at(claims.sid)),
            None => None,
        };
        let now = self.0.table.clock().now();
        let live_sessions = Arc::new(user.sessions(now));
        let impersonator = match (&claims.act, behind) {
            (Some(act), Some((person, staff))) => {
                let own_place = own_place.map(|key| found.take::<StaffFacts>(&key)).transpose()?.flatten();
                let behind = (found.take::<User>(&person)?, found.take::<StaffFacts>(&staff)?);
                // nobody acts in the name of one of our staff, whenever that began
                let by = in_the_name(&user, claims, *act, &behind, now).filter(|_| own_place.is_none());
                Some(by.ok_or(AuthenticationError::SessionEnded)?)
            }
            _ if live_sessions.contains(&claims.sid) => None,
            _ => return Err(AuthenticationError::SessionEnded),
        };
        let person = user.person();
        let has_factor = user.has_factor();
        let User { user_id, email, .. } = user;
        let mut principal = Principal {
            user_id,
            email,
            session_id: claims.sid,
            live_sessions,
            signed_in_at: claims.signed_in_at(),
            person,
            shown: Shown::named(claims.amr.iter().map(String::as_str)),
            sso: claims.sso,
            actor: None,
            staff: staff
                .map(|(StaffFacts { role, .. }, session_began_at)| StaffMember { role, session_began_at }),
            impersonator,
        };
        if let (Some((tenant, member_id)), Some((membership, gate))) = (membership, place) {
            let facts = (found.take::<MembershipFacts>(&membership)?, found.take::<Gate>(&gate)?);
            if let (Some(membership), Some(gate)) = facts {
                let valid_after = membership.sessions_valid_after.max(gate.sessions_valid_after);
                let refused = gate.support_refused_at.filter(|_| impersonator.is_some());
                let valid_after = valid_after.max(refused);
                if valid_after.is_some_and(|after| claims.issued_at() <= after) {
                    return Err(AuthenticationError::SessionEnded);
                }
                let is_there = gate.org_id == Some(tenant.org_id());
                if membership.member_id == member_id && is_there {
                    let asked = asked_within(&gate.sso, gate.mfa, (member_id, membership.role), claims.sso);
                    principal.actor = Some(Actor {
                        org_id: tenant.org_id(),
                        member_id,
                        user_id,
                        role: membership.role,
                        level: gate.level(now),
                        level_until: gate.level_until(now),
                        plan: gate.plan(),
                        requires_factor: asked.unwrap_or(gate.mfa).is_required(),
                        // whoever acts in the person's name has shown one
                        lacks_factor: impersonator.is_none()
                            && asked.unwrap_or(gate.mfa).asks(has_factor, now)
                            && !principal.shown.is_multi_factor(),
                        lacks_sso: impersonator.is_none() && asked.is_none(),
                        is_suspended: gate.suspended_at.is_some(),
                    });
                }
            }
        }
        // whoever acts in a member's name does so as long as there is that member
        if principal.impersonator.is_some() && principal.actor.is_none() {
            return Err(AuthenticationError::SessionEnded);
        }
        Ok(principal)
    }

    /// Which key this text is, shown from this address, and what it may do now: one call, and at most once a
    /// minute another one that notes its use.
    pub async fn key_actor(
        &self,
        text: &str,
        address: Option<IpAddr>,
        consistency: Consistency,
    ) -> Result<KeyActor, AuthenticationError> {
        let shown = ShownKey::read(text).ok_or(AuthenticationError::InvalidApiKey)?;
        let mut found = self.find_key(&shown, address, consistency).await;
        // what an eventual read would refuse may be a moment old
        let is_refused =
            matches!(found, Err(AuthenticationError::InvalidApiKey | AuthenticationError::AddressNotAllowed));
        if is_refused && consistency == Consistency::Eventual {
            found = self.find_key(&shown, address, Consistency::Strong).await;
        }
        let (actor, key) = found?;
        let now = self.0.table.clock().now();
        if key.is_to_be_noted(now)
            && let Err(error) = self
                .0
                .table
                .note_at(&key.key(), ApiKey::LAST_USED_AT, (key.last_used_at.as_ref(), &now))
                .await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "the use of a key is not noted");
        }
        Ok(actor)
    }

    async fn find_key(
        &self,
        shown: &ShownKey,
        address: Option<IpAddr>,
        consistency: Consistency,
    ) -> Result<(KeyActor, ApiKey), AuthenticationError> {
        // it is only where to look: the key's hash says whether it is right
        let tenant = Tenant::trusted(shown.org_id);
        let asked = [
            keys::ApiKey::key(tenant, shown.key_id),
            keys::Gate::key(tenant),
            keys::Membership::key(shown.maker, tenant),
        ];
        let mut found = self.0.table.get_many(&asked, consistency).await?;
        let [key, gate, membership] = &asked;
        let key: Option<ApiKey> = found.take(key)?;
        let (gate, membership) = (found.take::<Gate>(gate)?, found.take::<MembershipFacts>(membership)?);
        let now = self.0.table.clock().now();
        let key = key.filter(|key| key.is_shown_by(shown, now)).ok_or(AuthenticationError::InvalidApiKey)?;
        let gate = gate.filter(|gate| gate.org_id == Some(shown.org_id) && gate.deletion.is_none());
        let gate = gate.ok_or(AuthenticationError::InvalidApiKey)?;
        let membership = membership.filter(|membership| membership.member_id == key.maker);
        if membership.is_none() && !gate.keeps_keys {
            return Err(AuthenticationError::InvalidApiKey);
        }
        if !key.admits(address) {
            return Err(AuthenticationError::AddressNotAllowed);
        }
        let maker = Actor {
            org_id: shown.org_id,
            member_id: key.maker,
            user_id: key.made_by,
            role: membership.as_ref().map_or(Role::Viewer, |membership| membership.role),
            level: gate.level(now),
            level_until: gate.level_until(now),
            plan: gate.plan(),
            requires_factor: gate.mfa.is_required(),
            lacks_factor: false,
            lacks_sso: false,
            is_suspended: gate.suspended_at.is_some(),
        };
        let outlives_maker = membership.is_none();
        Ok((KeyActor { key_id: key.key_id, scopes: key.scopes.clone(), maker, outlives_maker }, key))
    }

    async fn claims(&self, token: &str) -> Result<Claims, AuthenticationError> {
        let kid = header(token).ok_or(AuthenticationError::InvalidToken)?;
        let key = self.key(&kid).await?.ok_or(AuthenticationError::InvalidToken)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&self.0.issuer]);
        validation.set_audience(&[&self.0.issuer]);
        // judged below, by our own clock
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation)
            .map_err(|_| AuthenticationError::InvalidToken)?
            .claims;
        let now = self.0.table.clock().now().as_second();
        if claims.exp <= now {
            return Err(AuthenticationError::TokenExpired);
        }
        let begins = claims.nbf.unwrap_or(claims.iat).max(claims.iat);
        if begins > now + CLOCKS_DIFFER.as_secs() {
            Err(AuthenticationError::InvalidToken)
        } else {
            Ok(claims)
        }
    }

    async fn key(&self, kid: &str) -> Result<Option<DecodingKey>, AuthenticationError> {
        let now = self.0.table.clock().now();
        let within = |at: Option<Timestamp>, limit| at.is_some_and(|at| now.duration_since(at).abs() < limit);
        let (known, is_certain) = {
            let published = self.0.published.read().unwrap_or_else(PoisonError::into_inner);
            match published.by_kid.get(kid).cloned() {
                Some(key) => (Some(key), within(published.read_at, KEYS_ARE_FRESH)),
                None => (None, within(published.missed_at, LOOK_AT_MOST_EVERY)),
            }
        };
        if is_certain {
            return Ok(known);
        }
        let read: SigningKeys =
            self.0.table.get(&keys::SigningKeys::key(), Consistency::Strong).await?.unwrap_or_default();
        self.remember(&read, now);
        let mut published = self.0.published.write().unwrap_or_else(PoisonError::into_inner);
        let key = published.by_kid.get(kid).cloned();
        if key.is_none() {
            published.missed_at = Some(now);
        }
        Ok(key)
    }

    fn remember(&self, read: &SigningKeys, now: Timestamp) {
        let by_kid = read
            .valid_at(now)
            .filter_map(|key| Some((key.kid.clone(), DecodingKey::from_ed_components(&key.x).ok()?)));
        let by_kid = by_kid.collect();
        let mut published = self.0.published.write().unwrap_or_else(PoisonError::into_inner);
        published.by_kid = by_kid;
        published.read_at = Some(now);
    }
}

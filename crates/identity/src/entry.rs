//! The one place that decides what is still missing before somebody who has shown who they are has a session.
//! Every way in ends here.

use std::time::Duration;

use access::{AccessError, MfaMode, MfaPolicy, Role, Shown, SsoAdmission, SsoPolicy, Tenant, Way};
use identity_core::{
    Device, HalfSession, KnownDevice, Life, Membership, Policy, Session, ShownBrowser, User, keys,
    sessions_of,
};
use primitives::{
    Email, HalfSessionId, Ids, MemberId, OrgId, Secret, SessionId, SsoConnectionId, Timestamp, UserId,
};
use serde::Deserialize;
use table::{Cause, Changes, Consistency, Decision, StoreError, Table};

use crate::{IdentityError, Issuer, SessionTokens, history::KnownNetwork, session::ended, started::started};

/// What every way in works with.
#[derive(Clone, Copy, Debug)]
pub struct Entrance<'a> {
    /// Where people are.
    pub table: &'a Table,
    /// What makes tokens.
    pub issuer: &'a Issuer,
    /// The numbers.
    pub policy: &'a Policy,
    /// Who asks.
    pub cause: &'a Cause,
    /// Where the request comes from.
    pub network: &'a str,
}

/// What comes of showing who one is.
#[derive(Clone, Debug)]
pub enum SignedIn {
    /// A session.
    Session(SessionTokens),
    /// Something is missing.
    Half(Challenge),
}

/// What is missing, and what it can be added with.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// The token of the half-session: goes with what adds the rest.
    pub token: Secret<String>,
    /// How long it works, seconds.
    pub expires_in: i64,
    /// What is missing.
    pub missing: Missing,
    /// With what it can be added.
    pub methods: Vec<Way>,
}

/// What a login lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// A second factor is to be shown.
    Mfa,
    /// A second factor is to be set up, and shown.
    MfaEnrollment,
}

/// The second factors of a person, as far as it matters what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Enrolled {
    /// Whether there is one to be shown.
    pub(crate) has_one: bool,
    /// Whether the person wants to be asked for it always.
    pub(crate) is_asked: bool,
}

impl Enrolled {
    fn of(user: Option<&User>) -> Self {
        let (has_one, is_asked) =
            user.map_or((false, false), |user| (user.has_factor(), user.wants_factor()));
        Self { has_one, is_asked }
    }
}

/// What is missing; nothing where what was shown is enough. A person who has set up a second factor shows one
/// always; in an organization that asks for one everybody does, from the day on which that is asked.
pub(crate) fn missing(
    shown: &Shown,
    enrolled: Enrolled,
    organization: MfaPolicy,
    now: Timestamp,
) -> Option<Missing> {
    let is_asked = enrolled.is_asked || organization.asks(enrolled.has_one, now);
    match (shown.is_multi_factor() || !is_asked, enrolled.has_one) {
        (true, _) => None,
        (false, true) => Some(Missing::Mfa),
        (false, false) => Some(Missing::MfaEnrollment),
    }
}

/// What an organization asks of whoever signed in by this connection to its identity provider, or otherwise;
/// nothing where the person does not come into it that way. Whoever comes past a provider that is asked for
/// shows a second factor, without any grace.
pub(crate) fn asked_within(
    sso: &SsoPolicy,
    mfa: MfaPolicy,
    member: (MemberId, Role),
    by: Option<SsoConnectionId>,
) -> Option<MfaPolicy> {
    match sso.admits(member, by) {
        SsoAdmission::Freely => Some(mfa),
        SsoAdmission::AsBreakGlass => Some(MfaPolicy { mode: MfaMode::Required, grace_ends_at: None }),
        SsoAdmission::Not => None,
    }
}

/// A login that lacks something, and what its owner is told of it.
pub(crate) fn begin_half(
    user: &User,
    shown: Shown,
    missing: Missing,
    tenant: Option<Tenant>,
    knows_network: bool,
    policy: &Policy,
    now: Timestamp,
) -> (HalfSession, Challenge) {
    let whose = (user.user_id, user.half_sessions_ended_at());
    let (mut half, token) = HalfSession::begin(whose, Ids::unguessable(), shown, tenant, policy, now);
    half.knows_network = knows_network;
    let expires_in = policy.half_session_seconds;
    (half, Challenge { token, expires_in, missing, methods: methods(user) })
}

/// With what a person can add a second factor. Recovery codes come with an authenticator app, or codes by
/// SMS.
pub(crate) fn methods(user: &User) -> Vec<Way> {
    let ways = user.ways().keys().copied().filter(|way| way.is_second() || way.is_two_factors());
    ways.chain(user.wants_factor().then_some(Way::RecoveryCode)).collect()
}

/// Who comes in.
#[derive(Clone, Debug)]
pub(crate) struct Comer<'a> {
    pub(crate) user_id: UserId,
    /// The person, unless this is the first time.
    pub(crate) user: Option<&'a User>,
    pub(crate) shown: Shown,
    /// The organization that the person wants to be in, else the one that they were in last.
    pub(crate) org_id: Option<OrgId>,
    /// Whether the person was in this network before.
    pub(crate) knows_network: bool,
    /// That the person was on this device before.
    pub(crate) device: Option<&'a KnownDevice>,
    /// The browser that the person comes in, if it says that it is remembered.
    pub(crate) browser: Option<&'a ShownBrowser>,
    /// Where the person is to be, where that was read already.
    pub(crate) home: Option<&'a Home>,
    /// The connection to the identity provider of the organization that the person wants to be in, where that
    /// is what says who it is: they come into that one, or into none.
    pub(crate) sso: Option<SsoConnectionId>,
    /// What the person comes on, where that was said; else the request tells.
    on: Option<&'a Device>,
    /// The address that was proved, where one was.
    email: Option<&'a Email>,
    /// Whether it is the first time all the same.
    pub(crate) is_first: bool,
    /// Whether the person must be as they were read, since what was shown may be void by now.
    must_be_unchanged: bool,
}

impl<'a> Comer<'a> {
    /// Somebody who comes for the first time.
    pub(crate) fn new(user_id: UserId, shown: Shown) -> Self {
        Self {
            user_id,
            user: None,
            shown,
            org_id: None,
            knows_network: false,
            device: None,
            browser: None,
            home: None,
            sso: None,
            on: None,
            email: None,
            is_first: false,
            must_be_unchanged: false,
        }
    }

    /// Somebody who is known.
    pub(crate) fn known(user: &'a User, device: Option<&'a KnownDevice>, shown: Shown) -> Self {
        Self { user: Some(user), device, ..Self::new(user.user_id, shown) }
    }

    /// The same, who has proved this address: one that was taken away meanwhile lets nobody in.
    pub(crate) fn proved(mut self, email: &'a Email) -> Self {
        self.email = Some(email);
        self
    }

    /// The same, if the person is still as they were read.
    pub(crate) fn unless_changed(mut self) -> Self {
        self.must_be_unchanged = true;
        self
    }

    /// The same, who comes in this browser.
    pub(crate) fn within(mut self, browser: Option<&'a ShownBrowser>) -> Self {
        self.browser = browser;
        self
    }

    /// The same, who comes on this device.
    pub(crate) fn on(mut self, device: impl Into<Option<&'a Device>>) -> Self {
        self.on = device.into();
        self
    }

    /// The same, whose browser is remembered: whoever changes how they sign in at this moment has none.
    fn remembered(mut self) -> Self {
        self.shown = self.shown.and(Way::TrustedBrowser);
        self.unless_changed()
    }

    /// Whether this is the address that was proved, where one was.
    pub(crate) fn has_proved(&self, email: &Email) -> bool {
        self.email.is_none_or(|proved| proved == email)
    }

    /// The session as one of the person's.
    fn place(&self, session: &Session, attempts: u32) -> Changes {
        match self.user {
            None => Changes::new(),
            Some(user) if self.must_be_unchanged => {
                let (user, leaves) = user.clone().joined_by(session);
                let leave = leaves.into_iter().map(|oldest| ended(user.user_id, oldest, "too_many_sessions"));
                leave.fold(Changes::new().replace(&user), Changes::and)
            }
            Some(user) => join(user, self.email, session, attempts),
        }
    }
}

/// What somebody who came in is given, and what has to be stored for it.
pub(crate) struct Entered {
    pub(crate) opened: Opened,
    pub(crate) changes: Changes,
    pub(crate) signed_in: SignedIn,
}

/// What was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    Session(Box<Session>),
    Half(HalfSessionId),
}

impl Entered {
    /// The decision to let them in, with these changes beside.
    pub(crate) fn with<E>(self, user_id: UserId, changes: Changes) -> Decision<SignedIn, E> {
        Decision::commit(self.changes.and(changes), self.signed_in)
            .crowded(&keys::User::key(user_id), MANY_IN_THE_WAY)
    }
}

/// In how long those come back who want the place of the same session.
const MANY_IN_THE_WAY: Duration = Duration::from_millis(1800);

impl Entrance<'_> {
    /// Lets somebody in, as far as what they have shown goes. The person's item comes with a new one's
    /// session: see [`Opened`].
    pub(crate) async fn enter(&self, comer: &Comer<'_>, attempts: u32) -> Result<Entered, IdentityError> {
        if comer.user.is_some_and(|user| user.suspended_at().is_some()) {
            return Err(IdentityError::Suspended);
        }
        let now = self.table.clock().now();
        let read = match (comer.home, comer.user) {
            (None, Some(user)) => Some(Home::of(self.table, user, comer.org_id).await?),
            _ => None,
        };
        let home = comer.home.or(read.as_ref()).and_then(|home| home.0.as_ref());
        // whoever does not come in this way is in no organization then, and can go to another one, or by SSO
        let home = home.and_then(|home| Some((home, home.asks(comer.sso)?)));
        if comer.sso.is_some_and(|sso| home.is_none_or(|(home, _)| !home.is_of(sso))) {
            return Err(IdentityError::LoginFailed);
        }
        let policy = home.map(|(_, policy)| policy).unwrap_or_default();
        let home = home.map(|(home, _)| home);
        let mut lacks = missing(&comer.shown, Enrolled::of(comer.user), policy, now);
        let (mut comer, mut seen) = (comer.clone(), Changes::new());
        // not where the organization itself asks everybody for a second factor
        if lacks == Some(Missing::Mfa)
            && !policy.is_required()
            && let Some(remembered) = self.remembered(&comer).await?
        {
            (lacks, seen, comer) = (None, remembered, comer.remembered());
        }
        if let (Some(missing), Some(user)) = (lacks, comer.user) {
            let tenant = home.map(|home| Tenant::trusted(home.membership.org_id));
            let (shown, known) = (comer.shown.clone(), comer.knows_network);
            let (mut half, challenge) = begin_half(user, shown, missing, tenant, known, self.policy, now);
            half.device = comer.on.cloned();
            half.sso = comer.sso;
            let opened = Opened::Half(half.half_id);
            let changes = Changes::new().create(&half);
            return Ok(Entered { opened, changes, signed_in: SignedIn::Half(challenge) });
        }
        let membership = home.map(|home| &home.membership);
        let session_id = self.table.ids().next();
        let device = comer.on.cloned().unwrap_or_else(|| Device::of(self.cause));
        let session =
            Session::begin((comer.user_id, session_id), comer.shown.clone(), device, self.policy, now);
        let session = session.within(membership).by(comer.sso);
        let tokens = self.issuer.tokens(&session, self.policy, now)?;
        let changes = seen.and(comer.place(&session, attempts)).and(started(
            &session,
            comer.user.is_none() || comer.is_first,
            comer.device,
            now,
        ));
        let opened = Opened::Session(Box::new(session));
        Ok(Entered { opened, changes, signed_in: SignedIn::Session(tokens) })
    }

    /// That the person was in this network, for those who come in whole. Where that is stored, it is stored
    /// again once a day.
    pub(crate) fn seen_here(&self, email: &Email, known: Option<&KnownNetwork>) -> Changes {
        let now = self.table.clock().now();
        match known {
            Some(known) if known.was_seen_today(now) => Changes::new(),
            _ => Changes::new().overwrite(&KnownNetwork::of(email, self.network, self.policy, now)),
        }
    }
}

/// The organization that a session begins in, and what it asks for; of some people there is none.
#[derive(Debug)]
pub struct Home(Option<Place>);

#[derive(Debug)]
struct Place {
    membership: Membership,
    mfa: MfaPolicy,
    sso: SsoPolicy,
}

impl Home {
    /// This one, of which what it asks for was read in the same transaction.
    pub fn at(membership: Membership, mfa: MfaPolicy, sso: SsoPolicy) -> Self {
        Self(Some(Place { membership, mfa, sso }))
    }

    /// The one that is wanted, else the one chosen last, else the only one.
    pub(crate) async fn of(table: &Table, user: &User, wanted: Option<OrgId>) -> Result<Self, StoreError> {
        if let Some(org_id) = wanted.or(user.last_org_id)
            && let Some(place) = Place::read(table, user.user_id, org_id).await?
        {
            return Ok(Self(Some(place)));
        }
        let all = keys::Membership::all(user.user_id).strong();
        let memberships: Vec<Membership> = table.first(&all, 2).await?;
        let [only] = memberships.as_slice() else { return Ok(Self(None)) };
        let gate = keys::Gate::key(Tenant::trusted(only.org_id));
        let gate: Option<Gate> = table.get(&gate, Consistency::Strong).await?;
        let Gate { mfa, sso } = gate.unwrap_or_default();
        Ok(Self::at(only.clone(), mfa, sso))
    }

    /// The same work for somebody who is not there.
    pub(crate) async fn of_nobody(table: &Table) -> Result<Self, StoreError> {
        Place::read(table, Ids::unguessable(), Ids::unguessable()).await.map(Self)
    }
}

impl Place {
    async fn read(table: &Table, user_id: UserId, org_id: OrgId) -> Result<Option<Self>, StoreError> {
        let tenant = Tenant::trusted(org_id);
        let keys = [keys::Membership::key(user_id, tenant), keys::Gate::key(tenant)];
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let gate: Option<Gate> = found.take(&keys[1])?;
        let membership: Option<Membership> = found.take(&keys[0])?;
        let Gate { mfa, sso } = gate.unwrap_or_default();
        Ok(membership.map(|membership| Self { membership, mfa, sso }))
    }

    /// What is asked of whoever signed in by this connection, or otherwise.
    fn asks(&self, by: Option<SsoConnectionId>) -> Option<MfaPolicy> {
        asked_within(&self.sso, self.mfa, (self.membership.member_id, self.membership.role), by)
    }

    /// Whether this is one of the connections that lead into it.
    fn is_of(&self, sso: SsoConnectionId) -> bool {
        self.sso.connections.contains(&sso)
    }
}

/// What of an organization decides who comes in.
#[derive(Default, Deserialize)]
pub(crate) struct Gate {
    #[serde(default)]
    mfa: MfaPolicy,
    #[serde(default)]
    sso: SsoPolicy,
}

impl Gate {
    /// Whether the organization asks this member for a second factor, now or from some day on.
    pub(crate) fn requires_factor(&self, member: (MemberId, Role)) -> bool {
        let comes_past = self.sso.admits(member, None) == SsoAdmission::AsBreakGlass;
        self.mfa.mode == MfaMode::Required || comes_past
    }

    /// Whether this is a connection of the organization's that is in use.
    pub(crate) fn has_connection(&self, sso: SsoConnectionId) -> bool {
        self.sso.connections.contains(&sso)
    }

    /// Whether somebody who shows this would come in.
    pub(crate) fn lets_in(&self, user: &User, shown: &Shown, now: Timestamp) -> bool {
        missing(shown, Enrolled::of(Some(user)), self.mfa, now).is_none()
    }

    /// What a session lacks to be this member's in the organization. An error where it is not to be there,
    /// since the person did not sign in by the organization's identity provider.
    pub(crate) fn asks(
        &self,
        user: &User,
        session: &Session,
        member: (MemberId, Role),
        now: Timestamp,
    ) -> Result<Option<Missing>, AccessError> {
        let mfa = asked_within(&self.sso, self.mfa, member, session.sso).ok_or(AccessError::SsoRequired)?;
        let asks = mfa.asks(user.has_factor(), now) && !session.shown.is_multi_factor();
        Ok(asks.then(|| if user.has_factor() { Missing::Mfa } else { Missing::MfaEnrollment }))
    }
}

/// The session as one of the person's, in the place of the oldest where there is no room. Whoever is deleted
/// or suspended meanwhile has no list of sessions that one could join.
fn join(user: &User, email: Option<&Email>, session: &Session, attempts: u32) -> Changes {
    // asked for is the address that was proved, not the person's as it was read, which may be newer
    let sessions = sessions_of(user.user_id);
    let sessions = match email {
        Some(email) => sessions.while_is("email", email.as_str()),
        None => sessions,
    };
    let (id, life) = (session.session_id.to_string(), Life::of(session));
    // many at once want the place of the same one: after that it is one of the few oldest
    let few = 4_usize.saturating_pow(attempts);
    let surplus = user.surplus();
    let [random] = primitives::random_secret::<1>();
    match surplus.get(usize::from(random) % few.min(surplus.len()).max(1)) {
        Some(oldest) => {
            let place = sessions.replace(&oldest.to_string(), &id, &life);
            // of one that is over nobody needs to hear
            let is_over = !user.has(*oldest, session.created_at);
            if is_over { place } else { place.and(ended(user.user_id, *oldest, "too_many_sessions")) }
        }
        None => sessions.add(&id, &life),
    }
}

/// The tokens of a session that nothing has become of since, for an answer that was lost.
pub(crate) async fn repeated(
    entrance: &Entrance<'_>,
    user_id: UserId,
    session_id: SessionId,
) -> Result<SessionTokens, IdentityError> {
    let keys = [keys::Session::key(user_id, session_id), keys::User::key(user_id)];
    let mut found = entrance.table.get_many(&keys, Consistency::Strong).await?;
    let (session, user): (Option<Session>, Option<User>) = (found.take(&keys[0])?, found.take(&keys[1])?);
    let now = entrance.table.clock().now();
    let lives = user.is_some_and(|user| user.has(session_id, now));
    match session.filter(|session| lives && session.is_untouched()) {
        Some(session) => entrance.issuer.tokens(&session, entrance.policy, now),
        None => Err(IdentityError::LoginFailed),
    }
}

#[cfg(test)]
mod tests;

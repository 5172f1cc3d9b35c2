use access::{Principal, Shown, Tenant, Way};
use events::NewEvent;
use identity_core::{
    HalfSession, Session, ShownHalf, SmsCode, SmsPlace, User,
    events::{FactorAdded, FactorEnrollmentStarted, FactorRemoved, RecoveryCodesGenerated},
    keys, memberships,
};
use primitives::{
    FactorId, Keys, OrgId, Secret, SessionId, SignedDuration, Timestamp, UserId, random_secret,
};
use table::{Cause, Changes, Condition, Consistency, Decision, Found, Item, Key, Table};

use super::{
    recovery::RecoveryCodes,
    seal::SealKey,
    stored::SecondFactors,
    totp::{SEED, TotpEnrollment, shown_once},
};
use crate::{Code, IdentityError, entry::Gate, phone::SmsStep};

/// Who sets up a factor: the person of a session, or of a login that lacks one.
#[derive(Clone, Debug)]
pub enum Enroller {
    /// With a session.
    Session(UserId, SessionId),
    /// With the token of a half-session, and nothing set up yet: a second factor is added by whoever can
    /// show the one that there is.
    Half(ShownHalf),
}

impl Enroller {
    /// The person of a session.
    pub fn principal(principal: &Principal) -> Self {
        Self::Session(principal.user_id, principal.session_id)
    }

    pub(crate) fn user_id(&self) -> UserId {
        match self {
            Self::Session(user_id, _) => *user_id,
            Self::Half(shown) => shown.user_id,
        }
    }

    /// Where the session or half-session is stored.
    pub(crate) fn key(&self) -> Key {
        match self {
            Self::Session(user_id, session_id) => keys::Session::key(*user_id, *session_id),
            Self::Half(shown) => shown.key(),
        }
    }

    /// What was found there, if it still stands. A half-session may be used up.
    pub(crate) fn take(&self, found: &mut Found, user: &User, now: Timestamp) -> Result<With, IdentityError> {
        let key = self.key();
        match self {
            Self::Session(_, session_id) => {
                let session: Option<Session> = found.take(&key)?;
                let session = session.filter(|_| user.has(*session_id, now));
                session.map(With::Session).ok_or(IdentityError::SessionEnded)
            }
            Self::Half(shown) => {
                let half: Option<HalfSession> = found.take(&key)?;
                let stands = |half: &HalfSession| half.is_shown_by(shown, now) && user.admits(half);
                half.filter(stands).map(With::Half).ok_or(IdentityError::HalfSessionEnded)
            }
        }
    }
}

/// The session or half-session that somebody sets up a factor with.
#[derive(Clone, Debug)]
pub(crate) enum With {
    Session(Session),
    Half(HalfSession),
}

impl With {
    /// Refuses whoever has shown less than the person has to come in with ([`require_factor`]). A login that
    /// lacks a factor sets up the first one, and was not completed.
    pub(crate) async fn require_factor(&self, table: &Table, user: &User) -> Result<(), IdentityError> {
        match self {
            Self::Session(session) => require_factor(table, &session.shown, user).await,
            Self::Half(half) if half.used.is_some() => Err(IdentityError::HalfSessionEnded),
            Self::Half(_) if user.has_factor() => Err(IdentityError::MfaFailed),
            Self::Half(_) => Ok(()),
        }
    }

    /// What is to be stored of it, now that the person has shown this too.
    pub(crate) fn stepped_up(self, way: Way, now: Timestamp) -> Changes {
        match self {
            Self::Session(session) => Changes::new().replace(&session.stepped_up(way, now)),
            Self::Half(half) => Changes::new().replace(&half.with(way)),
        }
    }
}

struct Loaded {
    with: With,
    user: User,
    stored: SecondFactors,
    enrollment: Option<TotpEnrollment>,
}

/// Reads it all: one call.
async fn load(table: &Table, enroller: &Enroller) -> Result<Loaded, IdentityError> {
    let (loaded, _) = load_with(table, enroller, None).await?;
    Ok(loaded)
}

/// The same with the code that was sent for a factor, where there is one.
async fn load_with(
    table: &Table,
    enroller: &Enroller,
    factor_id: Option<FactorId>,
) -> Result<(Loaded, Option<SmsCode>), IdentityError> {
    let user_id = enroller.user_id();
    let mut keys = vec![
        keys::User::key(user_id),
        enroller.key(),
        keys::SecondFactors::key(user_id),
        keys::TotpEnrollment::key(user_id),
    ];
    keys.extend(factor_id.map(|factor_id| SmsPlace::Factor(factor_id).key(user_id)));
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let user: User = found.take(&keys[0])?.ok_or(IdentityError::HalfSessionEnded)?;
    let with = enroller.take(&mut found, &user, table.clock().now())?;
    let stored: SecondFactors = found.take(&keys[2])?.unwrap_or_else(|| SecondFactors::none(user_id));
    // who asks with what has shown less than this factor may be who has just set it up
    if factor_id.is_some_and(|factor_id| stored.way_of(factor_id).is_some()) {
        return Err(IdentityError::AlreadyConfirmed);
    }
    with.require_factor(table, &user).await?;
    let code = keys.get(4).map(|key| found.take(key)).transpose()?.flatten();
    Ok((Loaded { with, user, stored, enrollment: found.take(&keys[3])? }, code))
}

/// What an authenticator app is set up with. It is shown once.
#[derive(Clone, Debug)]
pub struct StartedFactor {
    /// The factor that is to be.
    pub factor_id: FactorId,
    /// What a person types into the app: base 32.
    pub secret: Secret<String>,
    /// The same, as a QR code says it: a key URI.
    pub otpauth_uri: Secret<String>,
    /// How long it may take, seconds.
    pub expires_in: i64,
}

/// Begins to set up an authenticator app, called `issuer` in it. One that was begun before is forgotten; one
/// that the person has stays until a code of the new one was shown.
pub async fn start_factor(
    table: &Table,
    seals: &Keys<SealKey>,
    seconds: i64,
    cause: &Cause,
    enroller: &Enroller,
    issuer: &str,
) -> Result<StartedFactor, IdentityError> {
    let (seed, factor_id) = (random_secret::<SEED>(), table.ids().next());
    let start = |_| async move {
        let Loaded { user, enrollment, .. } = load(table, enroller).await?;
        let valid_until = table.clock().now() + SignedDuration::from_secs(seconds);
        let new = TotpEnrollment::new(user.user_id, factor_id, &seed, &seals.current, valid_until)?;
        let new = new.instead_of(enrollment.as_ref());
        let (secret, otpauth_uri) = shown_once(seed, issuer, user.email.as_str())?;
        let event = FactorEnrollmentStarted { user_id: user.user_id, factor_id };
        let event = NewEvent::new(None, &factor_id, 1, &event);
        let started = StartedFactor {
            factor_id,
            secret: Secret::new(secret),
            otpauth_uri: Secret::new(otpauth_uri),
            expires_in: seconds,
        };
        Ok(Decision::commit(Changes::new().replace(&new).publish(event), started))
    };
    table.decide(cause, start).await
}

/// A factor that works from now on.
#[derive(Clone, Debug)]
pub struct ConfirmedFactor {
    /// The factor.
    pub factor_id: FactorId,
    /// Since when.
    pub confirmed_at: Timestamp,
    /// The recovery codes, shown once; none where the person has some.
    pub recovery_codes: Vec<String>,
}

/// What comes of confirming a factor.
#[derive(Debug)]
pub enum Confirmation {
    /// It works from now on.
    Done(ConfirmedFactor),
    /// The code was sent to the person's phone: it is counted, compared, and then
    /// [`confirm_sms_factor`](crate::confirm_sms_factor) sets the factor up.
    BySms(Box<SmsStep>),
}

/// Sets up the factor by a code of it. With the first one come recovery codes. The session, or the login, has
/// shown it from now on.
///
/// [`IdentityError::MfaFailed`] is a wrong code: count it.
pub async fn confirm_factor(
    table: &Table,
    seals: &Keys<SealKey>,
    cause: &Cause,
    enroller: &Enroller,
    factor_id: FactorId,
    code: &Code,
) -> Result<Confirmation, IdentityError> {
    let confirm = |_| async move {
        let (loaded, sent) = load_with(table, enroller, Some(factor_id)).await?;
        let Loaded { with, user, mut stored, enrollment } = loaded;
        let now = table.clock().now();
        if let Some(sent) = sent.filter(|sent| sent.is_open(now)) {
            let place = SmsPlace::Factor(factor_id);
            let step = SmsStep { user, with, factors: stored, code: Some(sent), place };
            return Ok(Decision::done(Confirmation::BySms(Box::new(step))));
        }
        let enrollment = enrollment.filter(|it| it.factor_id == factor_id && now < it.valid_until);
        let enrollment = enrollment.ok_or(IdentityError::EnrollmentExpired)?;
        let factor = enrollment.confirmed(code, seals, now)?;
        stored.totp = Some(factor.ok_or(IdentityError::MfaFailed)?);
        let (changes, confirmed) = added((user, with, stored), (Way::Totp, factor_id), now);
        Ok(Decision::commit(changes.delete(&enrollment), Confirmation::Done(confirmed)))
    };
    table.decide(cause, confirm).await
}

/// A factor more, which is among the `stored` ones already.
pub(crate) fn added(
    (user, with, mut stored): (User, With, SecondFactors),
    (way, factor_id): (Way, FactorId),
    now: Timestamp,
) -> (Changes, ConfirmedFactor) {
    let user_id = user.user_id;
    let event = FactorAdded { user_id, factor_id, factor: named(way).to_owned() };
    let event = NewEvent::new(None, &factor_id, 2, &event);
    let mut changes = Changes::new().replace(&user.with_way(way, now)).publish(event);
    changes = changes.and(with.stepped_up(way, now));
    let mut recovery_codes = Vec::new();
    if stored.recovery.is_none() {
        let (codes, written) = RecoveryCodes::generate(None, now);
        changes = changes.publish(generated(user_id, &codes, &stored));
        stored.recovery = Some(codes);
        recovery_codes = written;
    }
    (changes.replace(&stored), ConfirmedFactor { factor_id, confirmed_at: now, recovery_codes })
}

/// What events call a factor.
fn named(way: Way) -> &'static str {
    if way == Way::Sms { "sms" } else { "totp" }
}

fn generated(user_id: UserId, codes: &RecoveryCodes, stored: &SecondFactors) -> NewEvent {
    let event = RecoveryCodesGenerated { user_id };
    NewEvent::new(None, &codes.factor_id, stored.next_version(), &event)
}

/// Makes new recovery codes; those from before work no more.
pub async fn generate_recovery_codes(
    table: &Table,
    cause: &Cause,
    principal: &Principal,
) -> Result<Vec<String>, IdentityError> {
    let enroller = &Enroller::principal(principal);
    let generate = |_| async move {
        let Loaded { user, mut stored, .. } = load(table, enroller).await?;
        if !user.has_factor() {
            return Err(IdentityError::FactorUnavailable);
        }
        let now = table.clock().now();
        let (codes, written) = RecoveryCodes::generate(stored.recovery.as_ref(), now);
        let event = generated(user.user_id, &codes, &stored);
        stored.recovery = Some(codes);
        let changes = Changes::new().replace(&user.with_changed_credentials(now)).replace(&stored);
        Ok(Decision::commit(changes.publish(event), written))
    };
    table.decide(cause, generate).await
}

/// Takes a factor away, and the recovery codes with the last one. One that is gone is gone. `is_required`
/// says whether an organization of the person's asks for one.
pub async fn remove_factor(
    table: &Table,
    cause: &Cause,
    principal: &Principal,
    factor_id: FactorId,
    is_required: bool,
) -> Result<(), IdentityError> {
    let enroller = &Enroller::principal(principal);
    let remove = |_| async move {
        let Loaded { user, stored, .. } = load(table, enroller).await?;
        let Some(way) = stored.way_of(factor_id) else { return Ok(Decision::done(())) };
        let user = user.without_way(way, table.clock().now());
        if is_required && !user.has_factor() {
            return Err(IdentityError::LastFactor);
        }
        let changes = removed(&user, &stored, (way, factor_id)).replace(&user);
        Ok(unless_staff_has_none(user.user_id, user.has_factor(), changes))
    };
    table.decide(cause, remove).await
}

/// Commits to what takes a factor away. Whoever is staff keeps one, whatever their organizations ask for.
pub(crate) fn unless_staff_has_none(
    user_id: UserId,
    has_factor: bool,
    changes: Changes,
) -> Decision<(), IdentityError> {
    let staff = keys::Staff::key(user_id);
    let changes = if has_factor { changes } else { changes.require(staff.clone(), Condition::Absent) };
    Decision::commit(changes, ()).unless(&staff, Err(IdentityError::LastFactor))
}

/// A factor less: `user` is without it. Recovery codes are for the day without a factor that there is.
pub(crate) fn removed(user: &User, stored: &SecondFactors, (way, factor_id): (Way, FactorId)) -> Changes {
    let event = FactorRemoved { user_id: user.user_id, factor_id, factor: named(way).to_owned() };
    let event = NewEvent::new(None, &factor_id, 3, &event);
    let changes = Changes::new().publish(event);
    if user.has_factor() { changes.replace(&stored.without(way)) } else { changes.delete(stored) }
}

/// What a person has set up.
#[derive(Clone, Debug)]
pub struct Factors {
    /// The authenticator app and since when.
    pub totp: Option<(FactorId, Timestamp)>,
    /// The phone and since when codes go to it.
    pub sms: Option<(FactorId, Timestamp)>,
    /// How many recovery codes are left.
    pub recovery_codes_left: usize,
}

/// What the person has set up: one call. Read a moment late it is a moment old.
pub async fn factors(table: &Table, user_id: UserId) -> Result<Factors, IdentityError> {
    let stored: Option<SecondFactors> =
        table.get(&keys::SecondFactors::key(user_id), Consistency::Eventual).await?;
    let stored = stored.unwrap_or_else(|| SecondFactors::none(user_id));
    Ok(Factors {
        totp: stored.totp.map(|totp| (totp.factor_id, totp.confirmed_at)),
        sms: stored.sms.map(|sms| (sms.factor_id, sms.confirmed_at)),
        recovery_codes_left: stored.recovery.map_or(0, |codes| codes.left()),
    })
}

/// Refuses whoever changes how they sign in and has shown less than they have to come in with: with less
/// nobody makes themselves a way, or takes one from its owner. Where an organization of the person's asks for
/// a second factor, that is one of those that there are, in whichever organization the session is.
pub(crate) async fn require_factor(table: &Table, shown: &Shown, user: &User) -> Result<(), IdentityError> {
    if shown.is_multi_factor() || !user.has_factor() {
        return Ok(());
    }
    if user.wants_factor() || !factor_required_by(table, user.user_id).await?.is_empty() {
        return Err(IdentityError::MfaFailed);
    }
    Ok(())
}

/// The person's organizations that ask for a second factor, now or from some day on: two calls.
pub async fn factor_required_by(table: &Table, user_id: UserId) -> Result<Vec<OrgId>, IdentityError> {
    let places = memberships(table, user_id).await?;
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<_> = places.iter().map(|place| keys::Gate::key(Tenant::trusted(place.org_id))).collect();
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let mut asking = Vec::new();
    for (place, key) in places.into_iter().zip(&keys) {
        let gate: Gate = found.take(key)?.unwrap_or_default();
        if gate.requires_factor((place.member_id, place.role)) {
            asking.push(place.org_id);
        }
    }
    Ok(asking)
}

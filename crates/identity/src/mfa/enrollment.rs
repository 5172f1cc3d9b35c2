use access::{Principal, Tenant, Way};
use events::NewEvent;
use identity_core::{
    HalfSession, Session, ShownHalf, User,
    events::{FactorAdded, FactorEnrollmentStarted, FactorRemoved, RecoveryCodesGenerated},
    keys, memberships,
};
use primitives::{
    FactorId, Keys, OrgId, Secret, SessionId, SignedDuration, Timestamp, UserId, random_secret,
};
use table::{Cause, Changes, Consistency, Decision, Item, Table};

use super::{
    recovery::RecoveryCodes,
    seal::SealKey,
    stored::SecondFactors,
    totp::{SEED, TotpEnrollment, shown_once},
};
use crate::{Code, IdentityError, entry::Gate};

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
}

/// The session or half-session that somebody sets up a factor with.
enum With {
    Session(Session),
    Half(HalfSession),
}

struct Loaded {
    with: With,
    user: User,
    stored: SecondFactors,
    enrollment: Option<TotpEnrollment>,
}

/// Reads it all: one call.
async fn load(table: &Table, enroller: &Enroller) -> Result<Loaded, IdentityError> {
    let user_id = enroller.user_id();
    let place = match enroller {
        Enroller::Session(_, session_id) => keys::Session::key(user_id, *session_id),
        Enroller::Half(shown) => shown.key(),
    };
    let keys = [
        keys::User::key(user_id),
        place,
        keys::SecondFactors::key(user_id),
        keys::TotpEnrollment::key(user_id),
    ];
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let user: User = found.take(&keys[0])?.ok_or(IdentityError::HalfSessionEnded)?;
    let now = table.clock().now();
    let with = match enroller {
        Enroller::Session(_, session_id) => {
            let session: Option<Session> = found.take(&keys[1])?;
            let session = session.filter(|_| user.has(*session_id, now));
            With::Session(session.ok_or(IdentityError::HalfSessionEnded)?)
        }
        Enroller::Half(shown) => {
            let half: Option<HalfSession> = found.take(&keys[1])?;
            let stands =
                |half: &HalfSession| half.is_shown_by(shown, now) && user.admits(half) && half.used.is_none();
            With::Half(half.filter(stands).ok_or(IdentityError::HalfSessionEnded)?)
        }
    };
    if matches!(with, With::Half(_)) && user.has_factor() {
        return Err(IdentityError::MfaFailed);
    }
    let stored = found.take(&keys[2])?.unwrap_or_else(|| SecondFactors::none(user_id));
    Ok(Loaded { with, user, stored, enrollment: found.take(&keys[3])? })
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
) -> Result<ConfirmedFactor, IdentityError> {
    let confirm = |_| async move {
        let Loaded { with, user, mut stored, enrollment } = load(table, enroller).await?;
        let now = table.clock().now();
        let enrollment = enrollment.filter(|it| it.factor_id == factor_id && now < it.valid_until);
        let enrollment = enrollment.ok_or(IdentityError::EnrollmentExpired)?;
        let factor = enrollment.confirmed(code, seals, now)?;
        stored.totp = Some(factor.ok_or(IdentityError::MfaFailed)?);
        let user_id = user.user_id;
        let event = FactorAdded { user_id, factor_id, factor: "totp".to_owned() };
        let event = NewEvent::new(None, &factor_id, 2, &event);
        let mut changes =
            Changes::new().replace(&user.with_way(Way::Totp, now)).delete(&enrollment).publish(event);
        changes = match with {
            With::Session(session) => changes.replace(&session.stepped_up(Way::Totp, now)),
            With::Half(half) => changes.replace(&half.with(Way::Totp)),
        };
        let mut recovery_codes = Vec::new();
        if stored.recovery.is_none() {
            let (codes, written) = RecoveryCodes::generate(None, now);
            changes = changes.publish(generated(user_id, &codes, &stored));
            stored.recovery = Some(codes);
            recovery_codes = written;
        }
        Ok(Decision::commit(
            changes.replace(&stored),
            ConfirmedFactor { factor_id, confirmed_at: now, recovery_codes },
        ))
    };
    table.decide(cause, confirm).await
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
        if stored.totp.as_ref().is_none_or(|totp| totp.factor_id != factor_id) {
            return Ok(Decision::done(()));
        }
        let user = user.without_way(Way::Totp, table.clock().now());
        if is_required && !user.has_factor() {
            return Err(IdentityError::LastFactor);
        }
        let event = FactorRemoved { user_id: user.user_id, factor_id, factor: "totp".to_owned() };
        let event = NewEvent::new(None, &factor_id, 3, &event);
        // recovery codes are for the day without a factor that there is
        let mut left = stored.clone();
        left.totp = None;
        let changes = Changes::new().replace(&user).publish(event);
        let changes = if user.has_factor() { changes.replace(&left) } else { changes.delete(&stored) };
        Ok(Decision::commit(changes, ()))
    };
    table.decide(cause, remove).await
}

/// What a person has set up.
#[derive(Clone, Debug)]
pub struct Factors {
    /// The authenticator app and since when.
    pub totp: Option<(FactorId, Timestamp)>,
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
        recovery_codes_left: stored.recovery.map_or(0, |codes| codes.left()),
    })
}

/// The person's organizations that ask for a second factor, now or from some day on: two calls.
pub async fn factor_required_by(table: &Table, user_id: UserId) -> Result<Vec<OrgId>, IdentityError> {
    let tenants = memberships(table, user_id).await?.into_iter();
    let tenants: Vec<_> = tenants.map(|membership| Tenant::trusted(membership.org_id)).collect();
    if tenants.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<_> = tenants.iter().map(|tenant| keys::Gate::key(*tenant)).collect();
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let mut asking = Vec::new();
    for (tenant, key) in tenants.into_iter().zip(&keys) {
        let gate: Gate = found.take(key)?.unwrap_or_default();
        if gate.requires_factor() {
            asking.push(tenant.org_id());
        }
    }
    Ok(asking)
}

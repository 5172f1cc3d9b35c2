use access::{Principal, Way};
use events::NewEvent;
use identity_core::{
    Device, HalfSession, KnownDevice, Session, ShownBrowser, ShownHalf, SmsCode, TrustedBrowsers, Used, User,
    events::RecoveryCodeUsed, keys,
};
use primitives::{Keys, SessionId, Timestamp, UserId};
use table::{Attempt, Cause, Changes, Consistency, Decision, Found, Item, Key, StoreError, Table};

use super::{recovery::RecoveryCode, seal::SealKey, stored::SecondFactors};
use crate::{
    Challenge, Code, Entrance, IdentityError, Missing, SessionTokens, SignedIn,
    entry::{Comer, Opened, methods, repeated},
    passkeys::{PasskeyProof, Purpose, Shelf, noting_reversal},
    phone::{SmsProof, SmsStep},
    sessions::require_live,
    step_up::stepped_up,
};

/// What a person shows as a second factor.
#[derive(Clone, Debug)]
pub enum SecondProof {
    /// A code of the authenticator app.
    Totp(Code),
    /// A code that was sent to the person's phone, and was compared.
    Sms(SmsProof),
    /// One of the recovery codes.
    Recovery(RecoveryCode),
    /// A passkey.
    Passkey(Box<PasskeyProof>),
}

impl SecondProof {
    fn way(&self) -> Way {
        match self {
            Self::Totp(_) => Way::Totp,
            Self::Sms(_) => Way::Sms,
            Self::Recovery(_) => Way::RecoveryCode,
            Self::Passkey(_) => Way::Passkey,
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Totp(code) | Self::Sms(SmsProof { code, .. }) => code.as_str().as_bytes(),
            Self::Recovery(code) => code.bytes(),
            Self::Passkey(proof) => &proof.shown.signature,
        }
    }

    /// Where else it stands what it is judged by.
    fn keys(&self, user_id: UserId) -> Vec<Key> {
        match self {
            Self::Totp(_) | Self::Recovery(_) => Vec::new(),
            Self::Sms(proof) => vec![proof.place.key(user_id)],
            Self::Passkey(proof) => proof.keys(user_id).to_vec(),
        }
    }

    /// What a counter that went back is answered with, after it is written down.
    async fn noting_reversal<T>(
        &self,
        table: &Table,
        cause: &Cause,
        outcome: Result<T, IdentityError>,
    ) -> Result<T, IdentityError> {
        match self {
            Self::Totp(_) | Self::Sms(_) | Self::Recovery(_) => outcome,
            Self::Passkey(proof) => {
                let PasskeyProof { ceremony, shown, .. } = proof.as_ref();
                noting_reversal(table, cause, ceremony, shown, outcome, IdentityError::MfaFailed).await
            }
        }
    }
}

/// What a second factor is judged by.
struct Stored {
    factors: SecondFactors,
    /// What belongs to a passkey that is shown.
    shelf: Shelf,
    /// The code that was sent to the person's phone for this.
    sent: Option<SmsCode>,
    /// What such a passkey is shown for.
    purpose: Purpose,
}

impl Stored {
    /// What has to be stored when this is shown, if it is right: it is used up by that.
    fn shown(
        &self,
        user: &User,
        proof: &SecondProof,
        seals: &Keys<SealKey>,
        now: Timestamp,
    ) -> Result<Option<Changes>, IdentityError> {
        let mut left = self.factors.clone();
        match proof {
            SecondProof::Passkey(proof) => proof.used(user, &self.shelf, self.purpose, now),
            SecondProof::Sms(proof) => Ok(proof.used(user, self.sent.as_ref(), now)),
            SecondProof::Totp(code) => {
                let factor = left.totp.as_ref().filter(|_| user.ways().contains_key(&Way::Totp));
                let shown = factor.map(|factor| factor.shown(user.user_id, code, seals, now)).transpose()?;
                left.totp = shown.flatten();
                Ok(left.totp.is_some().then(|| Changes::new().replace(&left)))
            }
            SecondProof::Recovery(code) => {
                let Some(codes) = left.recovery.as_ref().and_then(|codes| codes.shown(code)) else {
                    return Ok(None);
                };
                let number = u32::try_from(codes.left()).unwrap_or_default();
                let event = RecoveryCodeUsed { user_id: user.user_id, left: number };
                let event = NewEvent::new(None, &codes.factor_id, left.next_version(), &event);
                left.recovery = Some(codes);
                Ok(Some(Changes::new().replace(&left).publish(event)))
            }
        }
    }
}

/// A login that lacks something, with all that decides whether it may be completed.
struct Loaded {
    half: HalfSession,
    user: User,
    device: Option<KnownDevice>,
    stored: Stored,
    browsers: Option<TrustedBrowsers>,
}

/// Reads it by its token, and whether the person was on this device before: one call.
async fn load(
    table: &Table,
    cause: &Cause,
    shown: &ShownHalf,
    proof: Option<&SecondProof>,
) -> Result<Loaded, IdentityError> {
    load_at(table, cause, shown, proof, Consistency::Strong).await
}

async fn load_at(
    table: &Table,
    cause: &Cause,
    shown: &ShownHalf,
    proof: Option<&SecondProof>,
    consistency: Consistency,
) -> Result<Loaded, IdentityError> {
    let user_id = shown.user_id;
    let device = KnownDevice::key_of(user_id, &Device::of(cause));
    let browsers = keys::TrustedBrowsers::key(user_id);
    let mut keys = vec![shown.key(), keys::User::key(user_id), keys::SecondFactors::key(user_id), device];
    if matches!(consistency, Consistency::Strong) {
        // whoever only looks at what is missing changes nothing about them
        keys.push(browsers.clone());
    }
    let of_proof = proof.map(|proof| proof.keys(user_id)).unwrap_or_default();
    keys.extend(of_proof.iter().cloned());
    let mut found = table.get_many(&keys, consistency).await?;
    let half: HalfSession = found.take(&keys[0])?.ok_or(IdentityError::HalfSessionEnded)?;
    let user: User = found.take(&keys[1])?.ok_or(IdentityError::HalfSessionEnded)?;
    if !half.is_shown_by(shown, table.clock().now()) || !user.admits(&half) {
        return Err(IdentityError::HalfSessionEnded);
    }
    let stored = Stored {
        factors: found.take(&keys[2])?.unwrap_or_else(|| SecondFactors::none(user_id)),
        shelf: Shelf::take(&mut found, &of_proof)?,
        sent: sent(&mut found, &of_proof)?,
        purpose: Purpose::Complete(user_id, shown.id),
    };
    Ok(Loaded { half, user, device: found.take(&keys[3])?, stored, browsers: found.take(&browsers)? })
}

/// The code that was sent, where that is what a proof is judged by.
fn sent(found: &mut Found, of_proof: &[Key]) -> Result<Option<SmsCode>, StoreError> {
    let [place] = of_proof else { return Ok(None) };
    found.take(place)
}

/// A second factor that somebody showed for a login, judged and not yet used up.
#[derive(Debug)]
pub struct SecondAttempt {
    shown: ShownHalf,
    proof: SecondProof,
    is_right: bool,
    knows_network: bool,
}

impl SecondAttempt {
    /// Judges what was shown: one call. [`IdentityError::HalfSessionEnded`] where there is nothing to show it
    /// for, which says nothing about it.
    pub async fn judge(
        table: &Table,
        cause: &Cause,
        seals: &Keys<SealKey>,
        token: &str,
        proof: SecondProof,
    ) -> Result<Self, IdentityError> {
        let shown = ShownHalf::read(token).ok_or(IdentityError::HalfSessionEnded)?;
        let Loaded { half, user, stored, .. } = load(table, cause, &shown, Some(&proof)).await?;
        let now = table.clock().now();
        let is_right = match &half.used {
            Some(used) if used.is_repeated_by(proof.bytes(), now) => true,
            Some(_) => return Err(IdentityError::HalfSessionEnded),
            None => {
                let judged = stored.shown(&user, &proof, seals, now);
                proof.noting_reversal(table, cause, judged).await?.is_some()
            }
        };
        Ok(Self { shown, proof, is_right, knows_network: half.knows_network })
    }

    /// A code of a phone, which was compared before.
    pub fn by_sms(shown: ShownHalf, step: &SmsStep, code: Code, is_right: bool) -> Self {
        let knows_network = step.is_known();
        Self { shown, proof: SecondProof::Sms(step.proof(code, is_right)), is_right, knows_network }
    }

    /// Whether it is right.
    pub fn is_right(&self) -> bool {
        self.is_right
    }

    /// What was shown.
    pub fn way(&self) -> Way {
        self.proof.way()
    }

    /// Whom it was shown for.
    pub fn user_id(&self) -> UserId {
        self.shown.user_id
    }

    /// Whether it was counted before it was compared, so that a right one needs no room beside.
    pub fn is_counted(&self) -> bool {
        matches!(self.proof, SecondProof::Sms(_))
    }

    /// Whom wrong ones are counted for: the person; in a network that is known to be theirs, for that alone,
    /// so that nobody elsewhere can use it up.
    pub fn subject(&self, network: &str) -> String {
        let user_id = self.shown.user_id;
        if self.knows_network { format!("{user_id} {network}") } else { user_id.to_string() }
    }
}

/// Completes a login by a second factor, which is used up. The same once more within some seconds gives the
/// same tokens: the answer was lost.
///
/// With `remember` the browser is remembered, and its token is in the answer, once.
pub async fn verify_second_factor(
    entrance: &Entrance<'_>,
    seals: &Keys<SealKey>,
    attempt: &SecondAttempt,
    remember: bool,
) -> Result<SignedIn, IdentityError> {
    let SecondAttempt { shown, proof, .. } = attempt;
    let new = &remember.then(|| ShownBrowser::new(shown.user_id, entrance.table.ids().next()));
    let verify = |before: Attempt| async move {
        let Loaded { half, user, device, stored, browsers } =
            load(entrance.table, entrance.cause, shown, Some(proof)).await?;
        let now = entrance.table.clock().now();
        if let Some(used) = &half.used {
            return completed(entrance, user.user_id, used, proof.bytes()).await;
        }
        let changes = stored.shown(&user, proof, seals, now)?.ok_or(IdentityError::MfaFailed)?;
        let half = half.with(proof.way());
        let new = new.as_ref().map(|new| (new, browsers));
        complete(entrance, half, (&user, device.as_ref()), proof.bytes(), (changes, new), before).await
    };
    let verified = entrance.table.decide(entrance.cause, verify).await;
    proof.noting_reversal(entrance.table, entrance.cause, verified).await
}

/// What came of a login that was completed, for whoever completes it once more with the same proof, since the
/// answer was lost.
async fn completed(
    entrance: &Entrance<'_>,
    user_id: UserId,
    used: &Used<SessionId>,
    proof: &[u8],
) -> Result<Decision<SignedIn, IdentityError>, IdentityError> {
    if !used.is_repeated_by(proof, entrance.table.clock().now()) {
        return Err(IdentityError::HalfSessionEnded);
    }
    let tokens = repeated(entrance, user_id, used.by).await.map_err(|_| IdentityError::HalfSessionEnded)?;
    Ok(Decision::done(SignedIn::Session(tokens)))
}

/// Asks again what is missing, after a factor was set up: the session, or what is missing still. The same
/// once more within a minute gives the same tokens.
pub async fn complete_sign_in(entrance: &Entrance<'_>, token: &str) -> Result<SignedIn, IdentityError> {
    let shown = &ShownHalf::read(token).ok_or(IdentityError::HalfSessionEnded)?;
    let decide = |before: Attempt| async move {
        let Loaded { half, user, device, .. } = load(entrance.table, entrance.cause, shown, None).await?;
        if let Some(used) = &half.used {
            return completed(entrance, user.user_id, used, &[]).await;
        }
        complete(entrance, half, (&user, device.as_ref()), &[], (Changes::new(), None), before).await
    };
    entrance.table.decide(entrance.cause, decide).await
}

/// The session of a login that lacks nothing any more; else a half-session in the place of this one.
async fn complete(
    entrance: &Entrance<'_>,
    half: HalfSession,
    (user, device): (&User, Option<&KnownDevice>),
    proof: &[u8],
    (changes, new): (Changes, Option<(&ShownBrowser, Option<TrustedBrowsers>)>),
    before: Attempt,
) -> Result<Decision<SignedIn, IdentityError>, IdentityError> {
    let mut comer = Comer::known(user, device, half.shown.clone()).unless_changed().on(half.device.as_ref());
    comer.org_id = half.org_id;
    comer.sso = half.sso;
    comer.knows_network = half.knows_network;
    let mut entered = entrance.enter(&comer, before.before()).await?;
    let mut changes = changes;
    if let (SignedIn::Session(tokens), Some((new, browsers))) = (&mut entered.signed_in, new) {
        tokens.browser_token = Some(new.token());
        changes = changes.and(entrance.remember(user, browsers, new));
    }
    let changes = match &entered.opened {
        Opened::Session(session) => {
            let used = half.used_for(session.session_id, proof, entrance.table.clock().now());
            changes.replace(&used).and(entrance.seen_here(&user.email, None))
        }
        Opened::Half(_) => changes.delete(&half),
    };
    Ok(entered.with(user.user_id, changes))
}

/// What a login lacks, and with what it can be added.
pub async fn challenge(table: &Table, cause: &Cause, token: &str) -> Result<Challenge, IdentityError> {
    let shown = ShownHalf::read(token).ok_or(IdentityError::HalfSessionEnded)?;
    // what was stored a moment ago may only not have arrived there yet
    let loaded = match load_at(table, cause, &shown, None, Consistency::Eventual).await {
        Err(IdentityError::HalfSessionEnded) => load(table, cause, &shown, None).await,
        loaded => loaded,
    };
    let Loaded { half, user, stored, .. } = loaded?;
    if half.used.is_some() {
        return Err(IdentityError::HalfSessionEnded);
    }
    let now = table.clock().now();
    let mut methods = methods(&user);
    let has_codes = stored.factors.recovery.is_some_and(|codes| codes.left() > 0);
    methods.retain(|way| *way != Way::RecoveryCode);
    methods.extend(has_codes.then_some(Way::RecoveryCode));
    Ok(Challenge {
        token: primitives::Secret::new(token.to_owned()),
        expires_in: half.valid_until.duration_since(now).as_secs(),
        missing: if user.has_factor() { Missing::Mfa } else { Missing::MfaEnrollment },
        methods,
    })
}

/// The person of a session who shows once more who they are.
#[derive(Debug)]
pub struct StepUp {
    proof: SecondProof,
    is_right: bool,
    user_id: UserId,
}

impl StepUp {
    /// Judges what was shown: one call.
    pub async fn judge(
        table: &Table,
        cause: &Cause,
        seals: &Keys<SealKey>,
        principal: &Principal,
        proof: SecondProof,
    ) -> Result<Self, IdentityError> {
        let (_, user, stored) = of_session(table, principal, &proof).await?;
        let judged = stored.shown(&user, &proof, seals, table.clock().now());
        let shown = proof.noting_reversal(table, cause, judged).await?;
        Ok(Self { proof, is_right: shown.is_some(), user_id: user.user_id })
    }

    /// A code of a phone, which was compared before.
    pub fn by_sms(step: &SmsStep, code: Code, is_right: bool) -> Self {
        Self { proof: SecondProof::Sms(step.proof(code, is_right)), is_right, user_id: step.user.user_id }
    }

    /// Whether it is right.
    pub fn is_right(&self) -> bool {
        self.is_right
    }

    /// What was shown.
    pub fn way(&self) -> Way {
        self.proof.way()
    }

    /// Whether it was counted before it was compared, so that a right one needs no room beside.
    pub fn is_counted(&self) -> bool {
        matches!(self.proof, SecondProof::Sms(_))
    }

    /// Whom wrong ones are counted for. Whoever has a session of the person's is no stranger.
    pub fn subject(&self, network: &str) -> String {
        format!("{} {network}", self.user_id)
    }
}

async fn of_session(
    table: &Table,
    principal: &Principal,
    proof: &SecondProof,
) -> Result<(Session, User, Stored), IdentityError> {
    let user_id = principal.user_id;
    let session = keys::Session::key(user_id, principal.session_id);
    let of_proof = proof.keys(user_id);
    let keys = [session, keys::User::key(user_id), keys::SecondFactors::key(user_id)];
    let keys = [keys.as_slice(), &of_proof].concat();
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let session = found.take(&keys[0])?.ok_or(IdentityError::SessionEnded)?;
    let user: User = found.take(&keys[1])?.ok_or(IdentityError::MissingUser)?;
    require_live(&user, principal, table.clock().now())?;
    let stored = Stored {
        factors: found.take(&keys[2])?.unwrap_or_else(|| SecondFactors::none(user_id)),
        shelf: Shelf::take(&mut found, &of_proof)?,
        sent: sent(&mut found, &of_proof)?,
        purpose: Purpose::StepUp(user_id, principal.session_id),
    };
    Ok((session, user, stored))
}

/// Says in the session's tokens that the person has shown who they are, now and in this way. The refresh
/// token stays.
pub async fn step_up(
    entrance: &Entrance<'_>,
    seals: &Keys<SealKey>,
    principal: &Principal,
    step: &StepUp,
) -> Result<SessionTokens, IdentityError> {
    let decide = |_| async move {
        let (session, user, stored) = of_session(entrance.table, principal, &step.proof).await?;
        let now = entrance.table.clock().now();
        let used = stored.shown(&user, &step.proof, seals, now)?.ok_or(IdentityError::MfaFailed)?;
        let (stepped, tokens) = stepped_up(entrance, session, step.proof.way(), now)?;
        Ok(Decision::commit(used.and(stepped), tokens))
    };
    let stepped = entrance.table.decide(entrance.cause, decide).await;
    step.proof.noting_reversal(entrance.table, entrance.cause, stepped).await
}

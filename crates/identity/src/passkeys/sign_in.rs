use access::{Shown, Way};
use events::NewEvent;
use identity_core::{
    Device, EmailOwner, KnownDevice, MOST_PASSKEYS, User, events::PasskeyCounterReversed, keys,
};
use primitives::{Email, Ids, Keys, UserId};
use table::{Attempt, Cause, Changes, Consistency, Decision, Item, StoreError, Table};
use uuid::Uuid;

use super::{
    ceremony::{OpenedCeremony, Purpose},
    credential::Assertion,
    relying_party::{Judged, PasskeyOptions, RelyingParty, id},
    stored::{Passkey, SpentChallenge, passkey_of},
};
use crate::{
    Entrance, IdentityError, SealKey, SignedIn,
    entry::{Comer, Opened, repeated},
};

/// The person's passkeys.
pub(crate) async fn of_person(
    table: &Table,
    user_id: UserId,
    consistency: Consistency,
) -> Result<Vec<Passkey>, StoreError> {
    let query = keys::Passkey::all(user_id);
    let query = if consistency == Consistency::Strong { query.strong() } else { query };
    table.first(&query, MOST_PASSKEYS).await
}

/// Begins a sign-in with a passkey: of whoever has this address, else of whoever answers.
///
/// Where nobody has the address, or has no passkey, there is one that nobody has, always the same. It takes
/// the same calls.
pub async fn start_passkey_sign_in(
    table: &Table,
    relying_party: &RelyingParty,
    seals: &Keys<SealKey>,
    email: Option<&Email>,
) -> Result<PasskeyOptions, IdentityError> {
    let (key, now) = (&seals.current, table.clock().now());
    let Some(email) = email else {
        return relying_party.ask(key, Purpose::SignIn(None), std::iter::empty(), now);
    };
    let owner: Option<EmailOwner> =
        table.get(&keys::EmailOwner::key(email.clone()), Consistency::Strong).await?;
    let owner = owner.filter(EmailOwner::is_current);
    let user_id = owner.map_or_else(Ids::unguessable, |owner| owner.user_id);
    let passkeys = of_person(table, user_id, Consistency::Strong).await?;
    // made whether or not it is shown, so that it takes as long
    let decoy = decoy(seals, email);
    let ids: Vec<_> = if passkeys.is_empty() { vec![decoy] } else { passkeys.iter().map(id).collect() };
    relying_party.ask(key, Purpose::SignIn(Some(user_id)), ids.into_iter(), now)
}

/// The id of a credential that nobody has, of a length that such ids have.
fn decoy(seals: &Keys<SealKey>, email: &Email) -> Vec<u8> {
    // the older key, so that a rotation changes it as late as it can
    let mut id = seals.previous.as_ref().unwrap_or(&seals.current).decoy(email).to_vec();
    let length = [16, 20, 32][usize::from(id[31] % 3)];
    id.truncate(length);
    id
}

/// Lets somebody in by a proof with a passkey, once for each challenge. The same once more within some
/// seconds gives the same tokens: the answer was lost.
pub async fn sign_in_with_passkey(
    entrance: &Entrance<'_>,
    relying_party: &RelyingParty,
    ceremony: &OpenedCeremony,
    shown: &Assertion,
) -> Result<SignedIn, IdentityError> {
    let enter = |before: Attempt| async move {
        let now = entrance.table.clock().now();
        let Some(Purpose::SignIn(named)) = ceremony.purpose(now) else {
            return Err(IdentityError::PasskeyRefused);
        };
        let user_id = person(named, shown).ok_or(IdentityError::PasskeyRefused)?;
        let Loaded { user, passkey, spent, device } = load(entrance, user_id, ceremony, shown).await?;
        if let Some(spent) = spent {
            return match spent.session_id.filter(|_| spent.is_repeated_by(user_id, &shown.signature, now)) {
                Some(session) => {
                    Ok(Decision::done(SignedIn::Session(repeated(entrance, user_id, session).await?)))
                }
                None => Err(IdentityError::PasskeyRefused),
            };
        }
        let (Some(user), Some(passkey)) = (user, passkey) else { return Err(IdentityError::PasskeyRefused) };
        let passkey = match relying_party.judge(ceremony.state(), shown, &passkey, now) {
            Judged::Right(passkey) => passkey,
            Judged::Reversed => return Err(IdentityError::CounterReversed(Box::new(reversed(&passkey)))),
            Judged::Wrong => return Err(IdentityError::PasskeyRefused),
        };
        let comer = Comer::known(&user, device.as_ref(), Shown::only(Way::Passkey));
        let entered = entrance.enter(&comer, before.before()).await?;
        let (session_id, seen) = match &entered.opened {
            Opened::Session(session) => (Some(session.session_id), entrance.seen_here(&user.email, None)),
            Opened::Half(_) => (None, Changes::new()),
        };
        let spent = SpentChallenge::new(&ceremony.hash, user_id, session_id, &shown.signature, now);
        Ok(entered.with(user_id, seen.replace(passkey.as_ref()).create(&spent)))
    };
    let signed_in = entrance.table.decide(entrance.cause, enter).await;
    noting_reversal(entrance.table, entrance.cause, ceremony, shown, signed_in, IdentityError::PasskeyRefused)
        .await
}

/// Who is to sign in: the person that the ceremony was begun for, else the one that the device names. Both
/// must be the same.
fn person(named: Option<UserId>, shown: &Assertion) -> Option<UserId> {
    let handle = match &shown.user_handle {
        Some(handle) => Some(UserId::from_uuid(Uuid::from_slice(handle).ok()?)),
        None => None,
    };
    match (named, handle) {
        (Some(named), Some(handle)) if named != handle => None,
        (named, handle) => named.or(handle),
    }
}

struct Loaded {
    user: Option<User>,
    passkey: Option<Passkey>,
    spent: Option<SpentChallenge>,
    device: Option<KnownDevice>,
}

/// All that decides whether somebody comes in: one call.
async fn load(
    entrance: &Entrance<'_>,
    user_id: UserId,
    ceremony: &OpenedCeremony,
    shown: &Assertion,
) -> Result<Loaded, IdentityError> {
    let keys = [
        keys::User::key(user_id),
        keys::Passkey::key(user_id, passkey_of(&shown.id)),
        keys::SpentChallenge::key(ceremony.hash.clone()),
        KnownDevice::key_of(user_id, &Device::of(entrance.cause)),
    ];
    let mut found = entrance.table.get_many(&keys, Consistency::Strong).await?;
    Ok(Loaded {
        user: found.take(&keys[0])?,
        passkey: found.take(&keys[1])?,
        spent: found.take(&keys[2])?,
        device: found.take(&keys[3])?,
    })
}

pub(crate) fn reversed(passkey: &Passkey) -> PasskeyCounterReversed {
    let Passkey { user_id, passkey_id, name, .. } = passkey.clone();
    PasskeyCounterReversed { user_id, passkey_id, name }
}

/// Where the counter of a passkey went back, that is written down, once for each challenge, and the answer is
/// `refused`, as for all else that is wrong.
pub(crate) async fn noting_reversal<T>(
    table: &Table,
    cause: &Cause,
    ceremony: &OpenedCeremony,
    shown: &Assertion,
    outcome: Result<T, IdentityError>,
    refused: IdentityError,
) -> Result<T, IdentityError> {
    let event = match outcome {
        Err(IdentityError::CounterReversed(event)) => *event,
        outcome => return outcome,
    };
    let now = table.clock().now();
    let spent = &SpentChallenge::new(&ceremony.hash, event.user_id, None, &shown.signature, now);
    let event = &NewEvent::new(None, &event.passkey_id, 1, &event);
    let note = |_| async move {
        let changes = Changes::new().create(spent).publish(event.clone());
        Ok(Decision::commit(changes, ()).unless(&spent.key(), Ok(())))
    };
    table.decide::<_, IdentityError, _>(cause, note).await?;
    Err(refused)
}

//! A person's change of address: the new one says yes, the one before is told and can take it back.

use access::Principal;
use events::NewEvent;
use identity_core::{
    ChangeState, ChangeStep, EmailChange, EmailOwner, LinkKey, Policy, User,
    events::{EmailChangeAnnounced, EmailChangeRequested, EmailChangeUndone, EmailChanged, UserRestored},
    keys,
};
use primitives::{Email, EmailChangeId, Ids, Keys, SignedDuration, Timestamp, UserId};
use table::{Cause, Changes, Consistency, Decision, Found, Item, Keep, Key, Table};

use crate::{
    IdentityError,
    voiding::{self, Credentials, Voided},
};

/// Begins a change of the person's address, in the place of one that is under way: the new address gets a
/// mail, and the one before is told. Whether somebody has it already, whoever asks does not get to know.
pub async fn request_email_change(
    table: &Table,
    policy: &Policy,
    cause: &Cause,
    principal: &Principal,
    email: &Email,
    keep: &Keep<'_, EmailChange>,
) -> Result<EmailChange, IdentityError> {
    let (user_id, change_id) = (principal.user_id, Ids::unguessable());
    if *email == principal.email {
        return Err(IdentityError::SameEmail);
    }
    let request = |_| async move {
        let now = table.clock().now();
        let before: Option<EmailChange> =
            table.get(&keys::EmailChange::key(user_id), Consistency::Strong).await?;
        if before.as_ref().is_some_and(|before| before.is_undoable(now)) {
            return Err(IdentityError::ChangedLately);
        }
        let until = now + SignedDuration::from_secs(policy.email_change_seconds);
        let remembered_until = now + SignedDuration::from_secs(policy.email_undo_seconds);
        let addresses = (principal.email.clone(), email.clone());
        let ids = (user_id, principal.session_id, change_id);
        let change = EmailChange::new(ids, addresses, (now, until, remembered_until), before.as_ref());
        let event = EmailChangeRequested { user_id, change_id, email: email.clone(), expires_at: until };
        let event = NewEvent::new(None, &change_id, change.next_version(), &event);
        let pending = EmailChangeAnnounced { user_id, change_id, email: email.clone(), expires_at: until };
        let pending = NewEvent::new(None, &change_id, change.next_version(), &pending);
        let changes = Changes::new().replace(&change).publish(event).publish(pending);
        Ok(Decision::commit(changes, change))
    };
    table.decide_once(cause, keep, request).await
}

/// Gives up a change of address that nobody has confirmed. One that is not there needs no end.
pub async fn cancel_email_change(
    table: &Table,
    cause: &Cause,
    user_id: UserId,
    change_id: EmailChangeId,
) -> Result<(), IdentityError> {
    let cancel = |_| async move {
        let change: Option<EmailChange> =
            table.get(&keys::EmailChange::key(user_id), Consistency::Strong).await?;
        let change = change.filter(|change| {
            change.change_id == change_id && matches!(change.state, ChangeState::Pending(_))
        });
        // what a later undo reaches back to is kept
        let cancelled = change.map(|change| change.at(ChangeState::Cancelled));
        let changes = cancelled.map_or_else(Changes::new, |change| Changes::new().replace(&change));
        Ok(Decision::commit(changes, ()))
    };
    table.decide(cause, cancel).await
}

/// The change that the link of a mail is about: as the keys at hand see it.
pub fn open_change_link(
    links: &Keys<LinkKey>,
    step: ChangeStep,
    token: &str,
) -> Option<(UserId, EmailChangeId)> {
    links.iter().find_map(|key| key.open_change_token(step, token))
}

/// A step of a change of address that is decided on and not yet stored. Who keeps copies of the address adds
/// their change to it.
#[derive(Debug)]
pub struct Readdressing {
    /// The person.
    pub user_id: UserId,
    /// The address from now on.
    pub email: Email,
    /// What identity stores.
    pub changes: Changes,
}

/// What comes of a step of a change of address.
#[derive(Debug)]
pub enum ChangeOutcome {
    /// It was taken already.
    Done,
    /// Somebody takes a step at this moment: what was read is of before and after it.
    Again,
    /// It is decided on.
    Decided(Box<Readdressing>),
}

/// What is stored of a change and its person.
async fn load(
    table: &Table,
    (user_id, change_id): (UserId, EmailChangeId),
) -> Result<(EmailChange, User), IdentityError> {
    let keys = [keys::EmailChange::key(user_id), keys::User::key(user_id)];
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    taken(&mut found, &keys, change_id)
}

/// The same with what the person signs in with.
async fn load_with_credentials(
    table: &Table,
    (user_id, change_id): (UserId, EmailChangeId),
) -> Result<(EmailChange, User, Credentials), IdentityError> {
    let keys = [keys::EmailChange::key(user_id), keys::User::key(user_id)];
    let all = [keys.as_slice(), &Credentials::keys(user_id)].concat();
    let mut found = table.get_many(&all, Consistency::Strong).await?;
    let (change, user) = taken(&mut found, &keys, change_id)?;
    let credentials = Credentials::take(table, &mut found, &user).await?;
    Ok((change, user, credentials))
}

fn taken(
    found: &mut Found,
    [change, user]: &[Key; 2],
    change_id: EmailChangeId,
) -> Result<(EmailChange, User), IdentityError> {
    let change: Option<EmailChange> = found.take(change)?;
    let change = change.filter(|change| change.change_id == change_id);
    let user: Option<User> = found.take(user)?;
    change.zip(user).ok_or(IdentityError::LinkExpired)
}

async fn owners(table: &Table, change: &EmailChange) -> Result<[Option<EmailOwner>; 2], IdentityError> {
    let keys = [&change.old_email, &change.new_email].map(|email| keys::EmailOwner::key(email.clone()));
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    Ok([found.take(&keys[0])?, found.take(&keys[1])?])
}

/// Decides on the change whose new address says yes. An address that somebody else has, or that is kept for
/// somebody, stays theirs.
pub async fn confirm_email_change(
    table: &Table,
    policy: &Policy,
    link: (UserId, EmailChangeId),
) -> Result<ChangeOutcome, IdentityError> {
    let now = table.clock().now();
    let (change, mut user) = load(table, link).await?;
    if change.is_undoable(now) {
        return Ok(ChangeOutcome::Done);
    }
    // whoever is thrown out takes nothing along that they began
    let is_hers_still = user.email == change.old_email && user.has(change.session_id, now);
    if !change.is_pending(now) || !is_hers_still {
        return Err(IdentityError::LinkExpired);
    }
    let [old, new] = owners(table, &change).await?;
    let is_hers = |owner: &EmailOwner| owner.user_id == user.user_id;
    let held = new.as_ref().filter(|owner| owner.holds(now));
    if held.is_some_and(|owner| !is_hers(owner)) {
        return Err(IdentityError::EmailTaken);
    }
    let Some(old) = old.filter(is_hers).filter(|_| held.is_none()) else { return Ok(ChangeOutcome::Again) };
    let until = now + SignedDuration::from_secs(policy.email_undo_seconds);
    let made = change.at(ChangeState::Made(until));
    let owner = EmailOwner::new(change.new_email.clone(), user.user_id, new.as_ref());
    user.email = change.new_email.clone();
    let event = EmailChanged {
        user_id: user.user_id,
        change_id: change.change_id,
        old_email: change.old_email.clone(),
        email: change.new_email.clone(),
        undo_until: until,
    };
    let event = NewEvent::new(None, &change.change_id, made.next_version(), &event);
    let changes = Changes::new().replace(&owner).replace(&old.reserved(until)).replace(&made);
    let changes = changes.replace(&user.clone().with_changed_credentials(now)).publish(event);
    Ok(ChangeOutcome::Decided(Box::new(Readdressing { user_id: user.user_id, email: user.email, changes })))
}

/// How many items are stored at most when a change is undone: the addresses, the change, the person, two
/// events, which are two items each, and what goes with it.
pub const MOST_ITEMS_OF_UNDO: usize = 8 + voiding::MOST_ITEMS;

/// Decides on taking a change back. All of the person's sessions end, and what was set up to sign in with
/// since the change was asked for is gone: whoever made the change may have them.
///
/// It is one transaction, of at most [`MOST_ITEMS_OF_UNDO`] beside the rows of the organizations. So the
/// items of sessions, of which the person's has the list, stay until they lapse.
pub async fn undo_email_change(
    table: &Table,
    link: (UserId, EmailChangeId),
) -> Result<ChangeOutcome, IdentityError> {
    let now = table.clock().now();
    let (change, user, credentials) = load_with_credentials(table, link).await?;
    match change.state {
        ChangeState::Undone(until) if now < until => Ok(ChangeOutcome::Done),
        ChangeState::Made(until) if now < until && user.email == change.new_email => {
            let undone = change.at(ChangeState::Undone(until));
            let [old, new] = owners(table, &change).await?;
            let undone = undo((user, credentials), &undone, [old, new], now);
            Ok(undone.map_or(ChangeOutcome::Again, |undone| ChangeOutcome::Decided(Box::new(undone))))
        }
        _ => Err(IdentityError::LinkExpired),
    }
}

fn undo(
    (user, credentials): (User, Credentials),
    undone: &EmailChange,
    [old, new]: [Option<EmailOwner>; 2],
    now: Timestamp,
) -> Option<Readdressing> {
    let is_hers = |owner: &EmailOwner| owner.user_id == user.user_id;
    let old = old.filter(is_hers).filter(|owner| owner.reserved_until.is_some())?;
    let new = new.filter(is_hers)?;
    let user_id = user.user_id;
    let back = EmailOwner::new(undone.old_email.clone(), user_id, Some(&old));
    let since = undone.first_requested_at;
    let Voided { mut user, changes, removed } = credentials.voided(user, since, now);
    let restored = user.deletion.is_some_and(|deletion| deletion.requested_at >= since);
    let event = EmailChangeUndone {
        user_id,
        change_id: undone.change_id,
        refused_email: undone.new_email.clone(),
        email: undone.old_email.clone(),
        removed,
        restored,
    };
    let event = NewEvent::new(None, &undone.change_id, undone.next_version(), &event);
    let mut changes = changes.replace(&back).delete(&new).replace(undone).publish(event);
    if restored {
        user = user.leaving(None);
        let event = NewEvent::new(None, &user_id, user.next_version(), &UserRestored { user_id });
        changes = changes.publish(event);
    }
    user.email = undone.old_email.clone();
    let changes = changes.replace(&user.with_only(None, now));
    Some(Readdressing { user_id, email: undone.old_email.clone(), changes })
}

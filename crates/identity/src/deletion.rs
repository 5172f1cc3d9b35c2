//! The end of a person's account: asked for, and taken back for some days. Then a worker does it
//! (`identity_core::begin_erasure`).

use access::{Deletion, Principal};
use events::NewEvent;
use identity_core::{
    Policy, User,
    events::{UserDeletionRequested, UserRestored},
    keys,
};
use primitives::{SignedDuration, UserId};
use table::{Cause, Changes, Condition, Consistency, Decision, Item, Key, Table};

use crate::IdentityError;

async fn user(table: &Table, user_id: UserId) -> Result<Option<User>, IdentityError> {
    Ok(table.get(&keys::User::key(user_id), Consistency::Strong).await?)
}

/// Decides that the person's account is to be erased after the days of grace; nothing where it is already.
/// Who knows of a reason against it adds that. Of our staff nobody goes: [`refused_to_staff`].
pub async fn request_deletion(
    table: &Table,
    policy: &Policy,
    user_id: UserId,
) -> Result<Option<Changes>, IdentityError> {
    let user = user(table, user_id).await?.ok_or(IdentityError::MissingUser)?;
    if user.deletion.is_some() {
        return Ok(None);
    }
    let requested_at = table.clock().now();
    let erase_at = requested_at + SignedDuration::from_secs(policy.deletion_grace_seconds);
    let user = user.leaving(Some(Deletion { requested_at, erase_at }));
    let event = UserDeletionRequested { user_id, erase_at };
    let event = NewEvent::new(None, &user_id, user.next_version(), &event);
    let changes = Changes::new().replace(&user).publish(event);
    Ok(Some(changes.require(keys::Staff::key(user_id), Condition::Absent)))
}

/// What it means if the condition on this item does not hold.
pub fn refused_to_staff(user_id: UserId) -> (Key, IdentityError) {
    (keys::Staff::key(user_id), IdentityError::IsStaff)
}

/// Takes the end of the account back, as long as it has not come.
pub async fn restore(table: &Table, cause: &Cause, principal: &Principal) -> Result<(), IdentityError> {
    let user_id = principal.user_id;
    let restore = |_| async move {
        let user = user(table, user_id).await?.ok_or(IdentityError::MissingUser)?;
        let Some(deletion) = user.deletion else { return Ok(Decision::done(())) };
        if table.clock().now() >= deletion.erase_at {
            return Err(IdentityError::Erased);
        }
        let user = user.leaving(None);
        let event = NewEvent::new(None, &user_id, user.next_version(), &UserRestored { user_id });
        Ok(Decision::commit(Changes::new().replace(&user).publish(event), ()))
    };
    table.decide(cause, restore).await
}

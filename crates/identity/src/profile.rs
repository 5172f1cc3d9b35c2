use access::{Principal, Profile};
use events::NewEvent;
use identity_core::{User, events::UserUpdated, keys};
use primitives::Expected;
use table::{Attempt, Cause, Changes, Consistency, Decision, Table};

use crate::IdentityError;

/// Changes what the person says about themselves, and gives what it is then. What changes nothing is no
/// change.
///
/// What was read with the request's session is as good as another read, until somebody else changed the
/// person.
pub async fn update_profile(
    table: &Table,
    cause: &Cause,
    principal: &Principal,
    expected: &Expected,
    change: impl Fn(Profile) -> Profile,
) -> Result<Profile, IdentityError> {
    let (user_id, change) = (principal.user_id, &change);
    let key = &keys::User::key(user_id);
    let update = |attempt: Attempt| async move {
        let person = if attempt.before() == 0 {
            principal.person.clone()
        } else {
            let user: Option<User> = table.get(key, Consistency::Strong).await?;
            user.ok_or(IdentityError::MissingUser)?.person()
        };
        let before = person.profile;
        if !expected.admits(before.version) {
            return Err(IdentityError::VersionMismatch { current: before.version });
        }
        let after = change(before.clone());
        if after == before {
            return Ok(Decision::done(before));
        }
        let after = Profile { version: before.version + 1, ..after };
        let event = UserUpdated {
            user_id,
            name: after.name.clone(),
            locale: after.locale.clone(),
            time_zone: after.time_zone.clone(),
            avatar_media_id: after.avatar_media_id,
            profile_version: after.version,
        };
        let event = NewEvent::new(None, &user_id, person.version + 1, &event);
        let changes = Changes::new().set_at(key, "profile", &after, person.version).publish(event);
        Ok(Decision::commit(changes, after))
    };
    table.decide(cause, update).await
}

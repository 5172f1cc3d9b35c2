use std::collections::BTreeSet;

use primitives::{SessionId, UserId};
use table::{Consistency, StoreError, Table};

use crate::{User, keys};

/// How many people are looked up in one call.
const AT_ONCE: usize = 100;

/// Those of these people's sessions that nobody has ended, in whatever way, and whose last day is not over.
///
/// Idle ones are among them: whoever does not open an app for a week must sign in again, and has not left.
pub async fn live_sessions(
    table: &Table,
    sessions: &BTreeSet<(UserId, SessionId)>,
) -> Result<BTreeSet<SessionId>, StoreError> {
    let now = table.clock().now();
    let people: BTreeSet<UserId> = sessions.iter().map(|(person, _)| *person).collect();
    let keys: Vec<_> = people.into_iter().map(keys::User::key).collect();
    let mut live = BTreeSet::new();
    for keys in keys.chunks(AT_ONCE) {
        let mut found = table.get_many(keys, Consistency::Strong).await?;
        for key in keys {
            let Some(user) = found.take::<User>(key)? else { continue };
            let of_user = user.sessions(now).into_iter();
            live.extend(of_user.filter(|session| sessions.contains(&(user.user_id, *session))));
        }
    }
    Ok(live)
}

use std::collections::{BTreeSet, HashMap};

use primitives::{SessionId, UserId};
use table::{Consistency, Key, StoreError, Table};

use crate::{Session, User};

/// How many sessions are looked up in one call of at most 100 items: each comes with its person at worst.
const AT_ONCE: usize = 50;

/// Those of these people's sessions that nobody has ended, in whatever way, and whose last day is not over.
///
/// Idle ones are among them: whoever does not open an app for a week must sign in again, and has not left.
/// One whose item is deleted is not: nobody can tell how it ended.
pub async fn live_sessions(
    table: &Table,
    sessions: &BTreeSet<(UserId, SessionId)>,
) -> Result<BTreeSet<SessionId>, StoreError> {
    let now = table.clock().now();
    let asked: Vec<_> = sessions.iter().copied().collect();
    let mut live = BTreeSet::new();
    for asked in asked.chunks(AT_ONCE) {
        let people: BTreeSet<UserId> = asked.iter().map(|(person, _)| *person).collect();
        let of_people = people.iter().map(|person| Key::User(*person));
        let of_sessions = asked.iter().map(|(person, session)| Key::Session(*person, *session));
        let keys: Vec<_> = of_people.chain(of_sessions).collect();
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let mut users = HashMap::new();
        for person in people {
            users.insert(person, found.take::<User>(&Key::User(person))?);
        }
        for (person, id) in asked {
            let session = found.take::<Session>(&Key::Session(*person, *id))?;
            let user = users.get(person).and_then(Option::as_ref);
            if let (Some(session), Some(user)) = (session, user)
                && !session.is_over(now)
                && user.accepts(*id, session.created_at)
            {
                live.insert(*id);
            }
        }
    }
    Ok(live)
}

use access::Way;
use events::NewEvent;
use identity_core::events::{LoginFailed, LoginLimitReached};
use primitives::{Email, Ids, LoginId, UserId};
use table::{Cause, Changes, Decision, Table};

use crate::IdentityError;

/// That somebody did not show what it takes.
#[derive(Clone, Copy, Debug)]
pub struct FailedLogin<'a> {
    /// The address that was said. There may be nobody with it.
    pub email: Option<&'a Email>,
    /// The person, of whom something else was shown.
    pub user_id: Option<UserId>,
    /// What was not shown.
    pub way: Way,
    /// The limit that has no place left after it.
    pub reached: Option<&'static str>,
}

/// Notes it: in the audit log, and on the bus.
pub async fn note_failure(
    table: &Table,
    cause: &Cause,
    failed: &FailedLogin<'_>,
) -> Result<(), IdentityError> {
    let (id, method): (LoginId, _) = (Ids::unguessable(), failed.way.method().to_owned());
    let (email, user_id) = (failed.email.cloned(), failed.user_id);
    let event = LoginFailed { email: email.clone(), user_id, method: method.clone() };
    let mut events = vec![NewEvent::new(None, &id, 1, &event)];
    if let Some(limit) = failed.reached {
        let event = LoginLimitReached { email, user_id, method, limit: limit.to_owned() };
        events.push(NewEvent::new(None, &id, 1, &event));
    }
    let events = &events;
    let note = |_| async move {
        Ok(Decision::commit(events.iter().cloned().fold(Changes::new(), Changes::publish), ()))
    };
    table.decide(cause, note).await
}

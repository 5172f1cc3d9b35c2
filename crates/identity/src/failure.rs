use access::Way;
use events::NewEvent;
use identity_core::events::{LoginFailed, LoginLimitReached};
use primitives::{Email, UserId};
use table::{Cause, Changes, Decision, Table};

use crate::IdentityError;

/// Whose it is that somebody guesses at.
#[derive(Clone, Copy, Debug)]
pub enum Guessed<'a> {
    /// Whoever has this address. There may be nobody.
    Address(&'a Email),
    /// The person, of whom something else was shown.
    Person(UserId),
}

/// That somebody did not show what it takes.
#[derive(Clone, Copy, Debug)]
pub struct FailedLogin<'a> {
    /// Whom they wanted to come in as.
    pub at: Guessed<'a>,
    /// What was not shown.
    pub way: Way,
    /// The limit that has no place left after it.
    pub reached: Option<&'static str>,
}

/// Notes it: in the audit log, and on the bus. It is a part of the person's history of logins, or of the
/// address's where nothing else was shown, so that one question finds who guesses at somebody.
pub async fn note_failure(
    table: &Table,
    cause: &Cause,
    failed: &FailedLogin<'_>,
) -> Result<(), IdentityError> {
    let (of, email, user_id) = match failed.at {
        Guessed::Address(email) => (email.to_string(), Some(email.clone()), None),
        Guessed::Person(user_id) => (user_id.to_string(), None, Some(user_id)),
    };
    let method = failed.way.method().to_owned();
    // nothing counts them: their place is their time
    let place = u64::try_from(table.clock().now().as_millisecond()).unwrap_or_default();
    let event = LoginFailed { email: email.clone(), user_id, method: method.clone() };
    let mut events = vec![NewEvent::new(None, &of, place, &event)];
    if let Some(limit) = failed.reached {
        let event = LoginLimitReached { email, user_id, method, limit: limit.to_owned() };
        events.push(NewEvent::new(None, &of, place, &event));
    }
    let events = &events;
    let note = |_| async move {
        Ok(Decision::commit(events.iter().cloned().fold(Changes::new(), Changes::publish), ()))
    };
    table.decide(cause, note).await
}

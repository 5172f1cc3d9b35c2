//! A person's sessions, as the person looks at them and ends them.

use access::Principal;
use identity_core::{Policy, Session, User, keys};
use primitives::{Limit, Page, SessionId, Timestamp, UserId};
use table::{Cause, Changes, Consistency, CursorKeys, Decision, Table};

use crate::{
    IdentityError,
    session::{end, ended},
};

/// Why sessions end that began with what is no longer so.
pub(crate) const CREDENTIALS_CHANGED: &str = "credentials_changed";

/// Why a session ended that its person ended from the list.
const BY_PERSON: &str = "ended_by_person";

/// Which sessions end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All but the one that asks.
    Others,
    /// That one too.
    All,
}

/// A page of the person's sessions that have not ended, the newest first.
pub async fn sessions(
    table: &Table,
    cursors: &dyn CursorKeys,
    policy: &Policy,
    principal: &Principal,
    limit: Limit,
    cursor: Option<&str>,
) -> Result<Page<Session>, IdentityError> {
    let now = table.clock().now();
    let query = keys::Session::all(principal.user_id).descending();
    let mut page: Page<Session> = table.page(&query, limit, cursor, cursors).await?;
    page.items.retain(|session| {
        principal.live_sessions.contains(&session.session_id) && session.is_in_use(policy, now)
    });
    Ok(page)
}

/// Ends one of the person's sessions. One that has ended, or never was the person's, needs no end.
pub async fn end_session(
    table: &Table,
    cause: &Cause,
    user_id: UserId,
    session_id: SessionId,
) -> Result<(), IdentityError> {
    table.decide(cause, |_| async { Ok(end(user_id, session_id, BY_PERSON, ())) }).await
}

/// Ends the person's sessions in one transaction: those that there are when it is made, however many begin or
/// end at the same time.
pub async fn end_sessions(
    table: &Table,
    cause: &Cause,
    principal: &Principal,
    scope: Scope,
) -> Result<(), IdentityError> {
    let Principal { user_id, session_id, .. } = *principal;
    let end = |_| async move {
        let user: Option<User> = table.get(&keys::User::key(user_id), Consistency::Strong).await?;
        let user = user.ok_or(IdentityError::MissingUser)?;
        let keeps = (scope == Scope::Others).then_some(session_id);
        Ok(Decision::commit(all_ended(user, keeps, BY_PERSON, table.clock().now()), ()))
    };
    table.decide(cause, end).await
}

/// Refuses what a session asked for that has ended since: what it adds would outlast it.
pub(crate) fn require_live(user: &User, principal: &Principal, now: Timestamp) -> Result<(), IdentityError> {
    if user.has(principal.session_id, now) { Ok(()) } else { Err(IdentityError::SessionEnded) }
}

/// The end of all of the person's sessions but this one, as they were read, and of logins that lack
/// something.
pub(crate) fn all_ended(user: User, keeps: Option<SessionId>, reason: &str, now: Timestamp) -> Changes {
    // of one that is over nobody needs to hear
    let heard: Vec<_> = user.sessions(now).into_iter().filter(|session| Some(*session) != keeps).collect();
    let user = user.with_only(keeps, now);
    let ended = |changes: Changes, session| changes.and(ended(user.user_id, session, reason));
    heard.into_iter().fold(Changes::new().replace(&user), ended)
}

//! Who is staff: said here for the first of them, and when nobody of them can.

use access::StaffRole;
use primitives::{Email, Fault, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use staff::{Appointment, InvalidWhy, StaffError, Why, appoint, commanded, dismiss};
use table::{Cause, Decision, StoreError, Table};

/// Lists them: nothing is to be said about it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {}

/// Who is to be staff, as what, and why. Somebody unknown is expected to sign in with the address.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Appointing {
    email: Email,
    role: StaffRole,
    reason: String,
}

/// Who is to be staff no more, and why.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dismissing {
    user_id: UserId,
    reason: String,
}

/// Somebody of our staff.
#[derive(Serialize)]
pub(crate) struct Member {
    user_id: UserId,
    role: StaffRole,
    since: Timestamp,
}

impl From<staff::StaffMember> for Member {
    fn from(member: staff::StaffMember) -> Self {
        Self { user_id: member.user_id, role: member.role, since: member.since }
    }
}

/// What the commands answer.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum StaffAnswer {
    List { staff: Vec<Member> },
    Member { member: Member, changed: bool },
    Removed { removed: bool },
}

pub(crate) async fn list(table: &Table, _: Listing) -> Result<StaffAnswer, StaffCommandError> {
    Ok(StaffAnswer::List { staff: staff::listed(table).await?.into_iter().map(Member::from).collect() })
}

pub(crate) async fn put(table: &Table, appointing: Appointing) -> Result<StaffAnswer, StaffCommandError> {
    let Appointing { email, role, reason } = appointing;
    let (why, whom) = (&Why::new(&reason, None)?, &Appointment::Address(email));
    let decide = |_| async move {
        let (member, changes) = appoint(table, whom, role).await?;
        let changed = changes.is_some();
        let changes = commanded("staff.put", &member.user_id, why, changes, table.clock().now());
        Ok::<_, StaffError>(Decision::commit(changes, (member, changed)))
    };
    let (member, changed) = table.decide(&cause(table), decide).await?;
    Ok(StaffAnswer::Member { member: member.into(), changed })
}

pub(crate) async fn remove(table: &Table, dismissing: Dismissing) -> Result<StaffAnswer, StaffCommandError> {
    let Dismissing { user_id, reason } = dismissing;
    let why = &Why::new(&reason, None)?;
    let decide = |_| async move {
        let changes = dismiss(table, user_id).await?;
        let removed = changes.is_some();
        let changes = commanded("staff.remove", &user_id, why, changes, table.clock().now());
        Ok::<_, StaffError>(Decision::commit(changes, removed))
    };
    Ok(StaffAnswer::Removed { removed: table.decide(&cause(table), decide).await? })
}

fn cause(table: &Table) -> Cause {
    Cause::system("operator", format!("staff_{}", table.clock().now().as_millisecond()))
}

/// A command about staff that cannot be carried out.
#[derive(Debug, thiserror::Error, Fault)]
pub(crate) enum StaffCommandError {
    #[error(transparent)]
    #[fault(Invalid, "invalid_reason")]
    Why(#[from] InvalidWhy),
    #[error(transparent)]
    #[fault(transparent)]
    Staff(#[from] StaffError),
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
}

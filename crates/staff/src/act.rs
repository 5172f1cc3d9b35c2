use access::{StaffActor, StaffRole};
use events::NewEvent;
use primitives::{Timestamp, UserId};
use table::{Cause, Changes, Decision, Table};

use crate::{
    StaffError, Why,
    events::{StaffActed, StaffLooked},
};

/// Somebody of our staff, and the operation by which they look at something or do something.
#[derive(Clone, Copy, Debug)]
pub struct Act {
    /// Who.
    pub by: StaffActor,
    /// The operation's name in the API.
    pub operation: &'static str,
}

/// The account that staff acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whose it is.
    pub user_id: UserId,
    /// What the person is among our staff.
    pub role: Option<StaffRole>,
}

/// What somebody looked for, and saw.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// What they looked for, where it was no id, or one that nothing has.
    pub searched: Option<String>,
    /// The ids of what they saw.
    pub targets: Vec<String>,
}

impl Found {
    /// That nothing has this id.
    pub fn nothing(searched: &impl ToString) -> Self {
        Self { searched: Some(searched.to_string()), targets: Vec::new() }
    }
}

impl Act {
    /// Refuses to act on the account of somebody of our staff: an operator does that, and nobody on the own
    /// one, since what is done to an account is seen by two.
    pub fn require_allowed_on(&self, target: Target) -> Result<(), StaffError> {
        let is_own = target.user_id == self.by.user_id;
        let is_above = target.role.is_some() && self.by.role != StaffRole::Operator;
        if is_own || is_above { Err(StaffError::Target) } else { Ok(()) }
    }

    /// Writes down what was looked for and is about to be seen. Whoever cannot be written down sees nothing.
    pub async fn looked(&self, table: &Table, cause: &Cause, found: &Found) -> Result<(), StaffError> {
        let event = StaffLooked {
            staff_user_id: self.by.user_id,
            operation: self.operation.to_owned(),
            searched: found.searched.clone(),
            targets: found.targets.clone(),
        };
        let look = |_| async {
            let event = NewEvent::new(None, &self.by.user_id, place(table.clock().now()), &event);
            Ok(Decision::commit(Changes::new().publish(event), ()))
        };
        table.decide(cause, look).await
    }

    /// That it was done, for the transaction of what it changes; alone where it was so already.
    pub fn done(
        &self,
        target: &impl ToString,
        why: &Why,
        changes: Option<Changes>,
        now: Timestamp,
    ) -> Changes {
        done(self.operation, Some(self.by.user_id), target, why, changes, now)
    }
}

/// The same of what somebody did by a command of the deployment: who, its own log says.
pub fn commanded(
    command: &'static str,
    target: &impl ToString,
    why: &Why,
    changes: Option<Changes>,
    now: Timestamp,
) -> Changes {
    done(command, None, target, why, changes, now)
}

fn done(
    operation: &'static str,
    staff_user_id: Option<UserId>,
    target: &impl ToString,
    why: &Why,
    changes: Option<Changes>,
    now: Timestamp,
) -> Changes {
    let event = StaffActed {
        staff_user_id,
        operation: operation.to_owned(),
        target: target.to_string(),
        reason: why.reason.clone(),
        ticket: why.ticket.clone(),
        changed: changes.is_some(),
    };
    let of = staff_user_id.map_or_else(|| target.to_string(), |by| by.to_string());
    let event = NewEvent::new(None, &of, place(now), &event);
    changes.unwrap_or_default().publish(event)
}

/// The place in the history of what somebody of our staff does: its time, since nothing counts it.
fn place(now: Timestamp) -> u64 {
    u64::try_from(now.as_millisecond()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use primitives::Ids;

    use super::*;

    #[test]
    fn staff_acts_on_nobody_of_the_staff_but_as_operators() {
        let (own, other): (UserId, UserId) = (Ids::unguessable(), Ids::unguessable());
        for by in StaffRole::ALL {
            let act = Act { by: StaffActor { user_id: own, role: by }, operation: "adminSuspendPerson" };
            let allowed = |user_id, role| act.require_allowed_on(Target { user_id, role }).is_ok();
            assert!(allowed(other, None));
            for role in StaffRole::ALL {
                assert_eq!(allowed(other, Some(role)), by == StaffRole::Operator, "{by} on {role}");
                assert!(!allowed(own, Some(role)), "nobody acts on the own account");
            }
        }
    }
}

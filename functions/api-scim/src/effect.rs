use primitives::{MemberId, UserId};
use scim::Claims;
use table::{Changes, Decision, Key};

use crate::error::Refused;

/// Ids for what may have to be made: the same however often it is decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub(crate) user_id: UserId,
    pub(crate) member_id: MemberId,
}

/// What is written, and what it means where a condition does not hold.
#[derive(Debug, Default)]
pub(crate) struct Effect {
    pub(crate) changes: Changes,
    pub(crate) refusals: Vec<(Key, Refused)>,
}

impl Effect {
    /// With what only one user of the directory has.
    pub(crate) fn claiming(self, after: &Claims, before: Option<&Claims>) -> Self {
        let (changes, taken) = after.in_place_of(before);
        let taken = taken.into_iter().map(|taken| (taken.key.clone(), taken.error().into()));
        Self {
            changes: self.changes.and(changes),
            refusals: self.refusals.into_iter().chain(taken).collect(),
        }
    }

    pub(crate) fn decided<T>(self, more: Changes, output: T) -> Decision<T, Refused> {
        let decision = Decision::commit(self.changes.and(more), output);
        self.refusals
            .into_iter()
            .fold(decision, |decision, (key, refused)| decision.unless(&key, Err(refused)))
    }
}

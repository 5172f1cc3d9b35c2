use jiff::Timestamp;
use table::Changes;

use crate::{Account, Rules, grace, revenue};

impl Account {
    /// What the change to `next` means besides: for whoever checks requests, where it says anything new about
    /// the time from now on; for the month's figures, where it is about money; and for what people are told
    /// while payments fail.
    pub(crate) fn access_towards(&self, next: &Self, now: Timestamp, rules: &Rules) -> Changes {
        let failing = (self.stripe.failing_since(), next.stripe.failing_since());
        let grace = grace::towards(self.org_id, failing, now, rules);
        let changes = revenue::moved(self, next, now).and(grace);
        let schedule = next.schedule(now, rules);
        if schedule == self.schedule(now, rules) {
            return changes;
        }
        changes.set(&identity_core::keys::Gate::key(self.tenant()), "access", &schedule)
    }
}

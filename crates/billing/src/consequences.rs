use jiff::Timestamp;
use table::Changes;

use crate::{Account, Rules, revenue};

impl Account {
    /// What the change to `next` means besides: for whoever checks requests, where it says anything new about
    /// the time from now on, and for the month's figures, where it is about money.
    pub(crate) fn access_towards(&self, next: &Self, now: Timestamp, rules: &Rules) -> Changes {
        let figures = revenue::moved(self, next, now);
        let schedule = next.schedule(now, rules);
        if schedule == self.schedule(now, rules) {
            return figures;
        }
        figures.set(&identity_core::keys::Gate::key(self.tenant()), "access", &schedule)
    }
}

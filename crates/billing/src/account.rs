use access::Tenant;
use jiff::{SignedDuration, Timestamp};
use primitives::OrgId;
use serde::{Deserialize, Serialize};
use table::{Index, Item, Key};

use crate::{BillingError, Fact, Granted, Rules, StripeState, Trial, TrialNotice, keys};

/// Everything about one organization's money: its trial and what Stripe says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub org_id: OrgId,
    /// The free trial.
    pub trial: Trial,
    /// What Stripe says.
    pub stripe: StripeState,
    /// How many changes were stored.
    #[serde(default)]
    version: u64,
}

impl Item for Account {
    fn key(&self) -> Key {
        keys::Subscription::key(self.tenant())
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn index(&self) -> Option<Index> {
        if let Some(since) = self.stripe.failing_since() {
            return Some(keys::failing(since, self.tenant()));
        }
        let due_at = self.next_notice_at()?;
        Some(keys::trial_notice(due_at, self.tenant()))
    }
}

impl Account {
    /// The account of a new organization, whose trial begins now.
    pub fn open(org_id: OrgId, now: Timestamp, rules: &Rules) -> Self {
        Self::granted(org_id, now, &Granted::whole(rules))
    }

    /// The account of a new organization that gets this trial.
    pub(crate) fn granted(org_id: OrgId, now: Timestamp, granted: &Granted) -> Self {
        Self { org_id, trial: granted.trial(now), stripe: StripeState::default(), version: 0 }
    }

    pub(crate) fn tenant(&self) -> Tenant {
        Tenant::trusted(self.org_id)
    }

    /// When the schedule has to look at the trial next. A trial that led to a subscription gives no
    /// notices any more.
    pub fn next_notice_at(&self) -> Option<Timestamp> {
        if self.stripe.has_begun() { None } else { self.trial.next_notice_at() }
    }

    /// The account after the trial's notice that is due now, and the notice; nothing if none is.
    pub fn give_notice(&self, now: Timestamp) -> Option<(Self, TrialNotice)> {
        if self.stripe.has_begun() {
            return None;
        }
        let notice = self.trial.due(now)?;
        Some((Self { trial: self.trial.clone().after(notice), ..self.clone() }, notice))
    }

    /// The account with so much more of its trial, where it may have that: nobody has subscribed yet.
    pub(crate) fn extended(&self, by: SignedDuration, now: Timestamp) -> Result<Self, BillingError> {
        if self.stripe.has_begun() {
            return Err(BillingError::AlreadySubscribed);
        }
        let trial = self.trial.extended(by, now).ok_or(BillingError::TrialExtensionLimit)?;
        Ok(Self { trial, ..self.clone() })
    }

    /// The account after something that Stripe told us.
    #[must_use]
    pub fn learn(&self, facts: impl IntoIterator<Item = Fact>) -> Self {
        let mut account = self.clone();
        facts.into_iter().for_each(|fact| account.stripe.add(fact));
        account
    }
}

use jiff::SignedDuration;
use serde::Deserialize;

/// The numbers of this domain. Each has the product's default; a deployment may set others as JSON.
/// Days are spans of exactly 24 hours, counted to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// The free trial, from the organization's creation on.
    pub trial_days: u32,
    /// For whom there is one of it.
    pub trial_per: TrialPer,
    /// Full use after the first failed payment.
    pub grace_days: u32,
    /// Reading only: after the grace, or after a trial or subscription that was not followed by
    /// another.
    pub read_only_days: u32,
    /// Nothing but paying, after reading only. Exporting the data is what remains for good.
    pub suspended_days: u32,
}

/// For whom there is one trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialPer {
    /// One for all organizations of a person, or of a company's domain.
    #[default]
    Company,
    /// One for each organization.
    Organization,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            trial_days: 14,
            trial_per: TrialPer::Company,
            grace_days: 21,
            read_only_days: 14,
            suspended_days: 30,
        }
    }
}

impl Rules {
    pub(crate) fn trial(&self) -> SignedDuration {
        days(self.trial_days)
    }

    pub(crate) fn grace(&self) -> SignedDuration {
        days(self.grace_days)
    }

    pub(crate) fn read_only(&self) -> SignedDuration {
        days(self.read_only_days)
    }

    pub(crate) fn suspended(&self) -> SignedDuration {
        days(self.suspended_days)
    }
}

fn days(days: u32) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(days))
}

use std::{fmt, marker::PhantomData};

use primitives::{Time, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Feature, Plan};

/// How much of the product an organization may use. There is no order: `export_only` allows what
/// `suspended` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccessLevel {
    /// Everything.
    Full,
    /// Everything, with a warning: a payment failed.
    Grace,
    /// Reading, exporting and paying.
    ReadOnly,
    /// Paying.
    Suspended,
    /// Exporting and paying.
    ExportOnly,
}

impl AccessLevel {
    /// Every level, in the order in which an organization that does not pay goes through them.
    pub const ALL: [Self; 5] = [Self::Full, Self::Grace, Self::ReadOnly, Self::Suspended, Self::ExportOnly];
}

impl fmt::Display for AccessLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::Grace => "grace",
            Self::ReadOnly => "read_only",
            Self::Suspended => "suspended",
            Self::ExportOnly => "export_only",
        })
    }
}

/// Which access levels a kind of work is open at, as a type.
pub trait Open: Send + Sync + 'static {
    /// Its name, as the contract shows it.
    const NAME: &'static str;
    /// What the organization's plan must have.
    const FEATURE: Option<Feature> = None;

    /// Whether it is open at this level.
    fn at(level: AccessLevel) -> bool;
}

/// Open at every level: the organization's own record, paying, leaving, and what is the caller's
/// own.
#[derive(Clone, Copy, Debug)]
pub struct Always;

/// Reading: closed once an organization is suspended.
#[derive(Clone, Copy, Debug)]
pub struct Reading;

/// Everything else: open as long as the organization pays or is given time to.
#[derive(Clone, Copy, Debug)]
pub struct Full;

impl Open for Always {
    const NAME: &'static str = "always";

    fn at(_: AccessLevel) -> bool {
        true
    }
}

impl Open for Reading {
    const NAME: &'static str = "reading";

    fn at(level: AccessLevel) -> bool {
        matches!(level, AccessLevel::Full | AccessLevel::Grace | AccessLevel::ReadOnly)
    }
}

impl Open for Full {
    const NAME: &'static str = "full";

    fn at(level: AccessLevel) -> bool {
        matches!(level, AccessLevel::Full | AccessLevel::Grace)
    }
}

/// A feature as a type.
pub trait Offered: Send + Sync + 'static {
    /// The feature.
    const FEATURE: Feature;
}

/// Open like [`Full`], where the organization's plan has the feature.
#[derive(Clone, Copy, Debug)]
pub struct With<F>(PhantomData<F>);

impl<F: Offered> Open for With<F> {
    const NAME: &'static str = Full::NAME;
    const FEATURE: Option<Feature> = Some(F::FEATURE);

    fn at(level: AccessLevel) -> bool {
        Full::at(level)
    }
}

/// The features as types, for what is open where a plan has them.
pub mod features {
    use super::{Feature, Offered};

    /// [`Feature::Domains`].
    #[derive(Clone, Copy, Debug)]
    pub struct Domains;

    /// [`Feature::Sso`].
    #[derive(Clone, Copy, Debug)]
    pub struct Sso;

    /// [`Feature::Scim`].
    #[derive(Clone, Copy, Debug)]
    pub struct Scim;

    impl Offered for Domains {
        const FEATURE: Feature = Feature::Domains;
    }

    impl Offered for Sso {
        const FEATURE: Feature = Feature::Sso;
    }

    impl Offered for Scim {
        const FEATURE: Feature = Feature::Scim;
    }
}

/// What an organization may use, as the API shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Access {
    /// How much. Treat a word that you do not know as no access.
    level: AccessLevel,
    /// When that ends if nothing else happens; null if never.
    until: Option<Time>,
    /// Whether anything may be changed, beside what is about paying and leaving.
    can_write: bool,
}

impl Access {
    /// This level until this time.
    pub fn new(level: AccessLevel, until: Option<Timestamp>) -> Self {
        Self { level, until: until.map(Time::from), can_write: Full::at(level) }
    }
}

/// How much an organization may use from some moment on, if nothing else happens: so that whoever
/// asks later needs to know nothing but the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessSchedule {
    level: AccessLevel,
    then: Vec<Step>,
    /// How many people may belong to it, those who are invited included; nothing where that has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seats: Option<u32>,
    /// The name of the plan; the trial's where nobody said one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Step {
    from: Timestamp,
    level: AccessLevel,
}

impl AccessSchedule {
    /// This level, and at these times, earliest first, those.
    pub fn new(level: AccessLevel, then: impl IntoIterator<Item = (Timestamp, AccessLevel)>) -> Self {
        let then = then.into_iter().map(|(from, level)| Step { from, level }).collect();
        Self { level, then, seats: None, plan: None }
    }

    /// The same under this plan, for so many people.
    #[must_use]
    pub fn under(self, plan: &Plan, seats: Option<u32>) -> Self {
        Self { seats, plan: Some(plan.id.to_owned()), ..self }
    }

    /// The plan.
    pub fn plan(&self) -> &'static Plan {
        Plan::named(self.plan.as_deref())
    }

    /// For how many people; nothing where that has no end.
    pub fn seats(&self) -> Option<u32> {
        self.seats
    }

    /// The level at a time.
    pub fn at(&self, now: Timestamp) -> AccessLevel {
        self.then.iter().rev().find(|step| step.from <= now).map_or(self.level, |step| step.level)
    }

    /// When the level at this time ends.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        self.then.iter().map(|step| step.from).find(|from| *from > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_level_opens_what() {
        use AccessLevel::{ExportOnly, Full as FullLevel, Grace, ReadOnly, Suspended};
        let open = |at: fn(AccessLevel) -> bool| AccessLevel::ALL.into_iter().filter(move |level| at(*level));
        assert_eq!(open(Always::at).count(), 5);
        assert_eq!(open(Reading::at).collect::<Vec<_>>(), [FullLevel, Grace, ReadOnly]);
        assert_eq!(open(Full::at).collect::<Vec<_>>(), [FullLevel, Grace]);
        assert!(!Reading::at(Suspended) && !Reading::at(ExportOnly));
    }

    #[test]
    fn a_schedule_is_judged_by_the_clock() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let schedule = AccessSchedule::new(
            AccessLevel::Full,
            [(at(10), AccessLevel::ReadOnly), (at(20), AccessLevel::Suspended)],
        );
        let levels = [0, 9, 10, 19, 20, 1_000].map(|second| schedule.at(at(second)).to_string());
        assert_eq!(levels, ["full", "full", "read_only", "read_only", "suspended", "suspended"]);
        let until = [0, 9, 10, 19, 20].map(|second| schedule.until(at(second)).map(Timestamp::as_second));
        assert_eq!(until, [Some(10), Some(10), Some(20), Some(20), None]);
        assert_eq!(AccessSchedule::new(AccessLevel::Full, []).at(at(0)), AccessLevel::Full);
    }
}

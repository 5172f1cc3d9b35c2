//! What an organization can subscribe to, and what that gives it: the one table of it. Whoever builds a
//! product on this changes it here; what is no table is refused by the compiler.

use serde::{Deserialize, Serialize};

/// The plans, the smallest first.
pub const PLANS: &[Plan] = &[
    Plan {
        id: "starter",
        name: "Starter",
        prices: &[price("starter_month", Interval::Month, 900), price("starter_year", Interval::Year, 9_000)],
        features: &[],
        seats: Some(10),
        quotas: &[soft("api_calls", 100_000), hard("ai_tokens", 1_000_000)],
        audit_log_days: 90,
    },
    Plan {
        id: "team",
        name: "Team",
        prices: &[price("team_month", Interval::Month, 1_900), price("team_year", Interval::Year, 19_000)],
        features: &[Feature::Domains, Feature::Sso],
        seats: Some(250),
        quotas: &[soft("api_calls", 1_000_000), hard("ai_tokens", 10_000_000)],
        audit_log_days: 365,
    },
    Plan {
        id: "business",
        name: "Business",
        prices: &[
            price("business_month", Interval::Month, 3_900),
            price("business_year", Interval::Year, 39_000),
        ],
        features: &[Feature::Domains, Feature::Sso, Feature::Scim],
        seats: None,
        quotas: &[soft("api_calls", 10_000_000), hard("ai_tokens", 100_000_000)],
        audit_log_days: 2_555,
    },
];

/// The plan that the free trial shows, and an organization has whose price no plan names: whoever pays is not
/// shut out by a price that somebody made at Stripe and nobody wrote down here.
const BY_DEFAULT: &Plan = &PLANS[2];

/// How many people may belong to an organization during its free trial, those who are invited included.
const TRIAL_SEATS: u32 = 20;

/// Something that a plan has or has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Domains of one's own, by which people join.
    Domains,
    /// Signing in by the organization's own identity provider.
    Sso,
    /// A directory kept by the identity provider.
    Scim,
}

/// What can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its name in the API.
    pub id: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// What it costs, for each seat.
    pub prices: &'static [Price],
    /// What it has.
    pub features: &'static [Feature],
    /// How many people may belong to the organization, those who are invited included; nothing where that has
    /// no end.
    pub seats: Option<u32>,
    /// How much may be used in a month; what is not named has no end.
    pub quotas: &'static [Quota],
    /// How long a row of the audit log is kept that is written under this plan, in days. No longer than the
    /// stack keeps any (`AuditRetentionDays`).
    pub audit_log_days: u32,
}

/// How much of something may be used in a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// What is counted, by the name of its meter.
    pub meter: &'static str,
    /// How much of it, in its unit.
    pub limit: u64,
    /// Whether more is refused. Where it is not, more is counted, and told of.
    pub hard: bool,
}

/// What a seat costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// What Stripe finds the price by (<https://docs.stripe.com/products-prices/manage-prices#lookup-keys>):
    /// the same in each of its accounts, while the ids of prices differ.
    pub lookup_key: &'static str,
    /// For how long.
    pub interval: Interval,
    /// ISO 4217, lower case.
    pub currency: &'static str,
    /// In the currency's smallest unit.
    pub unit_amount: u32,
}

/// What is paid for at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// A month.
    Month,
    /// A year.
    Year,
}

const fn price(lookup_key: &'static str, interval: Interval, unit_amount: u32) -> Price {
    Price { lookup_key, interval, currency: "usd", unit_amount }
}

const fn soft(meter: &'static str, limit: u64) -> Quota {
    Quota { meter, limit, hard: false }
}

const fn hard(meter: &'static str, limit: u64) -> Quota {
    Quota { meter, limit, hard: true }
}

impl Feature {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Domains, Self::Sso, Self::Scim];

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Domains => "domains",
            Self::Sso => "sso",
            Self::Scim => "scim",
        }
    }
}

impl Plan {
    /// The plan of this name. The trial's where there is none of it: it was taken out of the table, or nobody
    /// said which.
    pub fn named(id: Option<&str>) -> &'static Self {
        PLANS.iter().find(|plan| Some(plan.id) == id).unwrap_or(BY_DEFAULT)
    }

    /// The plan that has a price of this lookup key.
    pub fn of_price(lookup_key: Option<&str>) -> &'static Self {
        let has = |plan: &&Self| plan.prices.iter().any(|price| Some(price.lookup_key) == lookup_key);
        PLANS.iter().find(has).unwrap_or(BY_DEFAULT)
    }

    /// The plan of a free trial.
    pub fn of_trial() -> &'static Self {
        BY_DEFAULT
    }

    /// How many people may belong to an organization on a free trial.
    pub fn seats_on_trial() -> u32 {
        BY_DEFAULT.seats.map_or(TRIAL_SEATS, |seats| seats.min(TRIAL_SEATS))
    }

    /// How much may be used of what this meter counts; nothing where that has no end.
    pub fn quota(&self, meter: &str) -> Option<&'static Quota> {
        self.quotas.iter().find(|quota| quota.meter == meter)
    }

    /// Whether it has this.
    pub fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_makes_sense() {
        let ids: BTreeSet<_> = PLANS.iter().map(|plan| plan.id).collect();
        assert_eq!(ids.len(), PLANS.len(), "a name stands for one plan");
        let keys: Vec<_> = PLANS.iter().flat_map(|plan| plan.prices).map(|price| price.lookup_key).collect();
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "a price leads to one plan");
        // Stripe's longest lookup key
        assert!(keys.iter().all(|key| (1..=200).contains(&key.len())), "{keys:?}");
        for plan in PLANS {
            assert!(plan.audit_log_days >= 1 && plan.seats != Some(0) && !plan.prices.is_empty(), "{plan:?}");
            assert_eq!(plan.features.iter().collect::<BTreeSet<_>>().len(), plan.features.len(), "{plan:?}");
            for price in plan.prices {
                assert!(
                    price.unit_amount > 0 && price.currency.bytes().all(|letter| letter.is_ascii_lowercase())
                );
                assert_eq!(Plan::of_price(Some(price.lookup_key)), plan);
            }
            assert_eq!(Plan::named(Some(plan.id)), plan);
            let meters: BTreeSet<_> = plan.quotas.iter().map(|quota| quota.meter).collect();
            assert_eq!(meters.len(), plan.quotas.len(), "one limit of each: {plan:?}");
            assert!(
                plan.quotas.iter().all(|quota| plan.quota(quota.meter) == Some(quota) && quota.limit > 0)
            );
        }
        for pair in PLANS.windows(2) {
            assert!(
                pair[0].features.iter().all(|feature| pair[1].has(*feature)),
                "a larger plan has no less"
            );
        }
    }

    #[test]
    fn a_name_that_nobody_knows_shuts_nobody_out() {
        for unknown in [None, Some("gold"), Some("")] {
            assert!(Feature::ALL.iter().all(|feature| Plan::named(unknown).has(*feature)), "{unknown:?}");
            assert_eq!(Plan::of_price(unknown), Plan::of_trial(), "{unknown:?}");
        }
        assert_eq!(Plan::seats_on_trial(), 20);
    }

    #[test]
    fn features_are_called_as_they_are_stored() {
        for feature in Feature::ALL {
            assert_eq!(serde_json::to_value(feature).unwrap(), feature.name());
        }
    }
}

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    budgets::{self, Budget},
    template::Template,
};

/// `docs/cost/prices.yaml`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Prices {
    pub(super) region: String,
    pub(super) taken: String,
    prices: BTreeMap<String, Price>,
}

/// What one thing costs.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Price {
    pub(super) service: String,
    pub(super) what: String,
    pub(super) unit: String,
    /// The upper end of each tier in units, and the price of one unit in it.
    pub(super) tiers: Vec<(f64, f64)>,
    pub(super) seen: Seen,
    pub(super) page: String,
}

/// Where a price comes from.
#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Seen {
    Page,
    Quoted,
    Recalled,
}

/// `docs/cost/usage.yaml`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Usage {
    pub(super) people_per_organization: f64,
    pub(super) new_share: f64,
    pub(super) months: f64,
    pub(super) sizes: Vec<f64>,
    /// Said beside each handler.
    #[serde(default)]
    pub(super) routes: BTreeMap<String, Route>,
    pub(super) preflights: f64,
    pub(super) workers: BTreeMap<String, Worker>,
    pub(super) mails: Rate,
    pub(super) pushes: Rate,
    pub(super) lambda: Lambda,
    pub(super) bytes: Bytes,
    pub(super) edge: Edge,
    pub(super) secret_reads_per_invocation: f64,
    pub(super) traces_a_second: f64,
    pub(super) traced_share: f64,
    pub(super) management_events: f64,
}

/// How often something happens in a month, for each of these.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rate {
    pub(super) person: f64,
    pub(super) new_person: f64,
    pub(super) organization: f64,
    pub(super) new_organization: f64,
    pub(super) event: f64,
}

#[derive(Clone, Deserialize)]
pub(super) struct Route {
    #[serde(flatten)]
    pub(super) rate: Rate,
    pub(super) events: f64,
    pub(super) answer_bytes: f64,
}

#[derive(Clone, Deserialize)]
pub(super) struct Worker {
    #[serde(flatten)]
    pub(super) rate: Rate,
    /// Events of ours that it writes for each message.
    #[serde(default)]
    pub(super) events: f64,
    pub(super) per_invocation: f64,
    pub(super) besides_milliseconds: f64,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lambda {
    pub(super) milliseconds_per_call: f64,
    pub(super) milliseconds_besides: f64,
    pub(super) cold_share: f64,
    pub(super) cold_milliseconds: f64,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bytes {
    pub(super) log_of_invocation: f64,
    pub(super) access_log_of_request: f64,
    pub(super) answer_headers: f64,
    pub(super) log_compression: f64,
    pub(super) row_of_person: f64,
    pub(super) row_of_organization: f64,
    pub(super) row_of_event: f64,
    pub(super) brief_rows_of_person: f64,
    pub(super) event: f64,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Edge {
    pub(super) requests_of_person: f64,
    pub(super) megabytes_of_person: f64,
}

/// What the model is computed from, besides what the templates say of resources.
#[derive(Clone)]
pub(super) struct Data {
    pub(super) prices: Prices,
    pub(super) usage: Usage,
    pub(super) routes: BTreeMap<String, Budget>,
    pub(super) workers: BTreeMap<String, Budget>,
    /// The names of all functions.
    pub(super) functions: Vec<String>,
}

impl Data {
    pub(super) fn of_repository() -> Self {
        let prices = include_str!("../../../../docs/cost/prices.yaml");
        let usage = include_str!("../../../../docs/cost/usage.yaml");
        let usage: Usage = serde_yaml_ng::from_str(usage).expect("docs/cost/usage.yaml has its form");
        Self {
            prices: serde_yaml_ng::from_str(prices).expect("docs/cost/prices.yaml has its form"),
            usage: Usage { routes: budgets::facts(budgets::USAGE), ..usage },
            routes: budgets::of_routes(),
            workers: budgets::of_workers(),
            functions: Template::of_repository().functions().map(|one| one.name().to_owned()).collect(),
        }
    }

    /// Where the templates, the profile and the budgets do not speak of the same workers, or contradict each
    /// other.
    pub(super) fn problems(&self) -> Vec<String> {
        let is_worker =
            |name: &&String| ["cron-", "queue-", "stream-"].iter().any(|kind| name.starts_with(kind));
        let unbounded =
            self.functions.iter().filter(is_worker).filter(|name| !self.workers.contains_key(*name));
        let unbounded = unbounded.map(|name| {
            format!(
                "{name} has no budget; add it to the table of workers in docs/access-patterns.md, and to \
                 docs/cost/usage.yaml."
            )
        });
        let workers = names(&self.workers, &self.usage.workers);
        let events = self.usage.routes.iter().filter_map(|(name, route)| {
            let written = self.routes.get(name)?.write_units;
            (route.events * UNITS_OF_AN_EVENT > written).then(|| {
                format!(
                    "{name}: {} events cost {} write units, and its budget is {written}; correct `events` in its \
                     x-gantry-usage.",
                    route.events,
                    route.events * UNITS_OF_AN_EVENT
                )
            })
        });
        unbounded.chain(workers).chain(events).collect()
    }
}

/// Its outbox row and its audit row, in a transaction (docs/access-patterns.md, units).
const UNITS_OF_AN_EVENT: f64 = 4.0;

fn names<'a, B, U>(
    budgets: &'a BTreeMap<String, B>,
    usage: &'a BTreeMap<String, U>,
) -> impl Iterator<Item = String> {
    let missing = budgets.keys().filter(|name| !usage.contains_key(*name)).map(|name| {
        format!("{name} has a budget and no usage; say in docs/cost/usage.yaml how often it is called.")
    });
    let left_over = usage.keys().filter(|name| !budgets.contains_key(*name)).map(|name| {
        format!("{name} is in docs/cost/usage.yaml and has no budget in docs/access-patterns.md; remove it there or add it here.")
    });
    missing.chain(left_over)
}

impl Prices {
    /// The price of this name.
    ///
    /// # Panics
    ///
    /// Where there is none.
    pub(super) fn get(&self, name: &str) -> &Price {
        self.prices.get(name).unwrap_or_else(|| panic!("docs/cost/prices.yaml has no price `{name}`; add it"))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Price> {
        self.prices.values()
    }
}

impl Price {
    /// What this many single things cost: requests, bytes, hours.
    pub(super) fn of(&self, quantity: f64) -> f64 {
        let units = quantity / self.single();
        let mut below = 0.0;
        let mut cost = 0.0;
        for (end, price) in &self.tiers {
            cost += (units.min(*end) - below).max(0.0) * price;
            below = *end;
        }
        cost
    }

    /// How many single things are in a unit.
    fn single(&self) -> f64 {
        let unit = &self.unit;
        match unit.split(' ').next().unwrap_or_default() {
            "million" => 1e6,
            "thousand" => 1e3,
            "GB" | "GB-month" => 1e9,
            "month" | "hour" => 1.0,
            _ => panic!("docs/cost/prices.yaml: `{unit}` is no unit that the model knows"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(unit: &str, tiers: &[(f64, f64)]) -> Price {
        Price {
            service: "S".into(),
            what: "w".into(),
            unit: unit.into(),
            tiers: tiers.to_vec(),
            seen: Seen::Quoted,
            page: "https://aws.amazon.com/".into(),
        }
    }

    #[test]
    fn tiers_are_paid_one_after_the_other() {
        let price = price("million", &[(2.0, 3.0), (5.0, 2.0), (f64::INFINITY, 1.0)]);
        let close =
            |quantity: f64, cost: f64| assert!((price.of(quantity) - cost).abs() < 1e-9, "{quantity}");
        close(0.0, 0.0);
        close(1e6, 3.0);
        close(2e6, 6.0);
        close(3e6, 8.0);
        close(7e6, 6.0 + 6.0 + 2.0);
    }

    #[test]
    fn every_price_has_tiers_that_rise_to_no_end_and_a_page_of_aws() {
        for price in Data::of_repository().prices.all() {
            assert!(price.tiers.is_sorted_by(|low, high| low.0 < high.0), "{}", price.what);
            assert!(price.tiers.last().is_some_and(|(end, _)| end.is_infinite()), "{}", price.what);
            assert!(price.page.starts_with("https://aws.amazon.com/"), "{}", price.what);
            price.of(1.0);
        }
    }

    #[test]
    fn usage_without_a_budget_and_events_beyond_it_are_problems() {
        let mut data = Data::of_repository();
        assert_eq!(data.problems(), Vec::<String>::new());
        data.workers.remove("queue-mail");
        data.usage.routes.get_mut("GET /v1/me").unwrap().events = 1.0;
        let problems = data.problems();
        assert_eq!(problems.len(), 3, "{problems:#?}");
        assert!(problems[0].starts_with("queue-mail has no budget; add it to the table of workers"));
        assert!(problems[1].starts_with("queue-mail is in docs/cost/usage.yaml and has no budget"));
        assert!(problems[2].starts_with("GET /v1/me: 1 events cost 4 write units"));
    }
}

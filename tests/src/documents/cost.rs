//! `docs/cost.md`: what a month costs, from the budgets of routes and workers, the prices and the
//! usage under `docs/cost/`, and what the templates have.

mod data;
mod model;
mod standing;

use std::collections::BTreeMap;

use data::{Data, Price, Seen};
use model::Month;
use standing::{Counts, HOURS, Stacks};

const INTRODUCTION: &str = "\
<!-- Written by `cargo xtask generate` from the handlers, docs/access-patterns.md, docs/cost/*.yaml and the templates; do not edit. -->

# Cost

What AWS asks for a month of production, in dollars, without tax, support plan, Stripe's fees, and without any free tier: free tiers
belong to an account, and most of them end. The numbers are computed, not billed:

- **units** of the table are the budgets of [routes](routes.md) and [workers](access-patterns.md#budgets), which tests hold as upper bounds;
- **how often** each is called stands beside each handler (`x-gantry-usage`) and in [usage.yaml](cost/usage.yaml), an assumption about people who work with the product on 20 days a month; how many events a call writes is held by the same tests;
- **prices** are [prices.yaml](cost/prices.yaml); **what is there anyway** is counted in the templates, with the parameters of production.

Change the assumptions to what you measure, and run
`cargo xtask generate`.

";

/// The page.
///
/// # Panics
///
/// Where data are missing or have another form; the message says which.
pub fn page() -> String {
    let data = Data::of_repository();
    let problems = data.problems();
    assert!(problems.is_empty(), "the cost of a month cannot be computed:\n- {}", problems.join("\n- "));
    let stacks = Stacks::of_environment("prod", &[]);
    let mut page = INTRODUCTION.to_owned();
    page += &months(&data, &stacks);
    page += &never_zero(&data, &stacks);
    page += &dominates(&data, &stacks);
    page += &growth(&data, &stacks);
    page += &changes(&data, &stacks);
    page += &price_list(&data);
    page
}

/// What is wrong between the budgets and the usage: for a test that says it better than a panic.
pub fn problems() -> Vec<String> {
    Data::of_repository().problems()
}

/// How many events a successful call of each route is taken to write, at most.
pub fn events_of_routes() -> BTreeMap<String, f64> {
    let routes = Data::of_repository().usage.routes;
    routes.into_iter().map(|(route, usage)| (route, usage.events)).collect()
}

fn months(data: &Data, stacks: &Stacks) -> String {
    let months: Vec<Month> = data.usage.sizes.iter().map(|people| Month::of(data, stacks, *people)).collect();
    let services: Vec<_> = months.iter().map(|month| month.by_service(data)).collect();
    let mut text = "## A month\n\n".to_owned();
    sizes(&mut text, "Service", data);
    for service in services.iter().flat_map(|costs| costs.keys()).collect::<std::collections::BTreeSet<_>>() {
        let cells = services.iter().map(|costs| dollars(costs.get(service).copied().unwrap_or_default()));
        row(&mut text, service, cells);
    }
    row(&mut text, "**All**", months.iter().map(|month| format!("**{}**", dollars(month.total(data)))));
    let each =
        months.iter().zip(&data.usage.sizes).map(|(month, people)| price_of_one(month.total(data) / people));
    row(&mut text, "For each person", each);
    let requests = months.iter().map(|month| count(month.used["api_request"]));
    row(&mut text, "Requests of the API", requests);
    let under = format!(
        "\nEvents, logs and rows are those of month {}; there are {} people in an organization, and {} % of people and \
         organizations are new.\n\n",
        whole(data.usage.months),
        whole(data.usage.people_per_organization),
        whole(data.usage.new_share * 100.0)
    );
    text + &under
}

/// The price of a metric, which is the one thing that stands and is free as long as nothing
/// happens.
const METRIC: &str = "metric";

fn never_zero(data: &Data, stacks: &Stacks) -> String {
    let development = Stacks::of_environment("dev", &[]);
    let mut text =
        "## What is never zero\n\nA stack that nobody uses costs this much, with the parameters of `samconfig.toml`:\n\n\
                    | What | `prod` | Dollars | `dev` | Dollars |\n|---|---:|---:|---:|---:|\n"
            .to_owned();
    let standing = |stacks: &Stacks, name: &str| stacks.standing.get(name).copied().unwrap_or_default();
    let mut names: Vec<_> =
        stacks.standing.iter().filter(|(_, quantity)| **quantity > 0.0).map(|(name, _)| *name).collect();
    let cost = |stacks: &Stacks, name: &str| data.prices.get(name).of(standing(stacks, name));
    names.sort_by(|one, other| cost(stacks, other).total_cmp(&cost(stacks, one)));
    let both = [stacks, &development];
    let cells = |name: &str| {
        both.map(|stacks| [shown(data, name, standing(stacks, name)), dollars(cost(stacks, name))])
    };
    let sum = |stacks: &Stacks| -> f64 {
        names.iter().filter(|name| **name != METRIC).map(|name| cost(stacks, name)).sum()
    };
    for name in names.iter().filter(|name| **name != METRIC) {
        row(&mut text, &title(data, name), cells(name).concat().into_iter());
    }
    let sums = both.map(|stacks| [String::new(), format!("**{}**", dollars(sum(stacks)))]).concat();
    row(&mut text, "**Nothing happens**", sums.into_iter());
    row(&mut text, &title(data, METRIC), cells(METRIC).concat().into_iter());
    let most =
        both.map(|stacks| [String::new(), format!("**{}**", dollars(sum(stacks) + cost(stacks, METRIC)))]);
    row(&mut text, "**At most**", most.concat().into_iter());
    text += NEVER_ZERO;
    if !stacks.options.is_empty() {
        text += "What is off by the parameters of production, and what it adds when it is turned on, before any traffic:\n\n\
                 | Condition in the template | Adds | Dollars |\n|---|---|---:|\n";
        for (condition, counts) in &stacks.options {
            let rows = standing_rows(data, counts);
            let what: Vec<_> =
                rows.iter().map(|(what, quantity, _)| format!("{quantity} × {what}")).collect();
            let cost = rows.iter().map(|(_, _, cost)| cost).sum();
            row(&mut text, &format!("`{condition}`"), [what.join(", "), dollars(cost)].into_iter());
        }
        text += "\n";
    }
    let guard = data.prices.get("guardduty_event");
    let rest = format!(
        "A replica of the table in another region costs its storage, and each write unit once more there. GuardDuty \
         costs {} dollars for each million\nmanagement events, and more for what else it looks at; the data events of \
         CloudTrail a dollar for each million calls of what they watch.\n\n",
        guard.of(1e6)
    );
    text + &rest
}

const NEVER_ZERO: &str = "
CloudWatch bills a metric for the hours in which it is written. Those here count what should not be: answers with 5xx, refused tokens,
signatures and sign-ins, events from Stripe that were put aside. The last row is a month in which each of them is written in every hour.
Each of the first two yearly rotations of a KMS key adds a dollar a month to it. Bodies above 16 KB cost more at the API's web ACL.
CloudFront's flat-rate plans, with firewall and bots in them, are not compared here. Requests of SQS are Lambda's: five pollers ask each
queue every 20 seconds.

What was given up for it, and what brings it back:

| Not there | Instead | Back by |
|---|---|---|
| alarms of each function on errors, throttles, slowness and a reservation that is nearly used up | one on the errors and one on the throttles of all functions of the account, one on answers with 5xx, one on the API's p99; each new version is watched by itself as before | `Monitoring=detailed` |
| an alarm on calls that DynamoDB itself fails, seven metrics | the alarms on answers with 5xx, on a stream that is behind and on dead letters | `Monitoring=detailed` |
| a dashboard of the stack | CloudWatch's own dashboards of Lambda, API Gateway, DynamoDB and SQS, the alarms and the saved queries | `Monitoring=detailed` |
| metrics of each route at the gateway | those of the API and its stage, which are free; the saved query `answers by route` | `Monitoring=detailed` |
| metrics of calls and units of the table, cold starts, and time, by function | a line of the log for each invocation, and the saved query `work by function` | – |
| the common rules and known bad inputs at the edge | the same rules at the API. The frontend's files are read from a bucket, and no input reaches anything | [0012](decisions/0012-the-firewall-in-two-places.md) |
| rules against bots on the frontend's files | the rule on requests from one address | `BotControl=on` of `edge.yaml` |
| in `dev`: alarms for people and on slow or failing answers of a new version, firewall | the alarm on crashes of a new version, logs and saved queries; the functions' own limits | `Monitoring=basic`, `WebFirewall=on` |

";

fn standing_rows(data: &Data, counts: &Counts) -> Vec<(String, String, f64)> {
    let present = counts.iter().filter(|(_, quantity)| **quantity > 0.0);
    present
        .map(|(name, quantity)| {
            (title(data, name), shown(data, name, *quantity), data.prices.get(name).of(*quantity))
        })
        .collect()
}

fn title(data: &Data, name: &str) -> String {
    let price = data.prices.get(name);
    format!("{}: {}", price.service, price.what)
}

/// How many there are; of what is paid by the hour, not the hours.
fn shown(data: &Data, name: &str, quantity: f64) -> String {
    let hours = data.prices.get(name).unit == "hour";
    whole(if hours { quantity / HOURS } else { quantity })
}

fn dominates(data: &Data, stacks: &Stacks) -> String {
    let mut text = "## What dominates\n\n| People | Most of it |\n|---:|---|\n".to_owned();
    for people in &data.usage.sizes {
        let month = Month::of(data, stacks, *people);
        let total = month.total(data);
        let mut costs: Vec<_> = month.by_price(data).into_iter().collect();
        costs.sort_by(|one, other| other.1.total_cmp(&one.1));
        let largest: Vec<_> = costs
            .iter()
            .take(6)
            .map(|(name, cost)| {
                let price = data.prices.get(name);
                format!("{} {} {} %", price.service, price.what, whole(cost / total * 100.0))
            })
            .collect();
        row(&mut text, &whole(*people), std::iter::once(largest.join(", ")));
    }
    text + "\n"
}

/// The ends of tiers and reservoirs make the only curves; between them cost is a base and a price
/// for each person.
fn growth(data: &Data, stacks: &Stacks) -> String {
    let mut text = "## How it grows\n\nBeside what is never zero, all is paid by use: twice the people cost twice as much. What one more person costs:\n\n\
                    | From | to | for each further person |\n|---:|---:|---:|\n"
        .to_owned();
    let starts = std::iter::once(&0.0).chain(&data.usage.sizes);
    for (from, to) in starts.zip(&data.usage.sizes) {
        let (less, more) =
            (Month::of(data, stacks, *from).total(data), Month::of(data, stacks, *to).total(data));
        row(&mut text, &whole(*from), [whole(*to), price_of_one((more - less) / (to - from))].into_iter());
    }
    text += "\nIt falls where tiers end (the API's above 333 million requests) and where X-Ray, which records a trace a second at least, begins to sample. \
             It rises with time: audit rows, archived events and logs pile up.\n\n";
    text
}

/// A change of the assumptions, by what it is called.
type Change = (&'static str, fn(&mut Data, &mut Stacks));

const CHANGES: &[Change] = &[
    ("People do twice as much", |data, _| {
        for route in data.usage.routes.values_mut() {
            route.rate.person *= 2.0;
        }
    }),
    ("Access tokens live for an hour, so that there are a quarter of the refreshes", |data, _| {
        if let Some(refresh) = data.usage.routes.get_mut("POST /v1/auth/refresh") {
            refresh.rate.person /= 4.0;
        }
    }),
    ("Half of the log bytes", |data, _| {
        data.usage.bytes.log_of_invocation /= 2.0;
        data.usage.bytes.access_log_of_request /= 2.0;
    }),
    ("No traces", |data, _| {
        data.usage.traces_a_second = 0.0;
        data.usage.traced_share = 0.0;
    }),
    ("Twice the memory for each function", |_, stacks| {
        for memory in stacks.memory.values_mut() {
            *memory *= 2.0;
        }
    }),
    ("A call of the table takes 10 ms instead of 5", |data, _| {
        data.usage.lambda.milliseconds_per_call = 10.0;
    }),
    ("`Monitoring=detailed`", |_, stacks| {
        *stacks = Stacks::of_environment("prod", &[("Monitoring", "detailed")]);
    }),
    ("`BotControl=on`", |_, stacks| {
        *stacks = Stacks::of_environment("prod", &[("BotControl", "on")]);
    }),
    ("The data are five years old instead of one", |data, _| data.usage.months = 60.0),
];

fn changes(data: &Data, stacks: &Stacks) -> String {
    let mut text = "## What would change it\n\n".to_owned();
    sizes(&mut text, "If", data);
    for (what, change) in CHANGES {
        let (mut other_data, mut other_stacks) = (data.clone(), stacks.clone());
        change(&mut other_data, &mut other_stacks);
        let cells = data.usage.sizes.iter().map(|people| {
            let before = Month::of(data, stacks, *people).total(data);
            let after = Month::of(&other_data, &other_stacks, *people).total(&other_data);
            let sign = if after < before { "−" } else { "+" };
            format!("{sign}{}", dollars((after - before).abs()))
        });
        row(&mut text, what, cells);
    }
    text + "\n"
}

fn price_list(data: &Data) -> String {
    let mut text = format!(
        "## Prices\n\n{}, on demand, written down on {}. Those with a star were not found in any quotation of AWS's price list: look them up first. \
         None was read from AWS's page itself where this was written, so check all before a decision rests on them.\n\n\
         | Service | What | Unit | Dollars |\n|---|---|---|---|\n",
        data.prices.region, data.prices.taken
    );
    let mut prices: Vec<&Price> = data.prices.all().collect();
    prices.sort_by(|one, other| (&one.service, &one.what).cmp(&(&other.service, &other.what)));
    for price in prices {
        let tiers: Vec<_> = price
            .tiers
            .iter()
            .map(|(end, dollars)| {
                let above = if end.is_finite() { format!(" up to {}", whole(*end)) } else { String::new() };
                format!("{dollars}{above}")
            })
            .collect();
        let star = if price.seen == Seen::Recalled { " \\*" } else { "" };
        let service = format!("[{}]({})", price.service, price.page);
        row(
            &mut text,
            &service,
            [price.what.clone(), price.unit.clone(), tiers.join(", then ") + star].into_iter(),
        );
    }
    text
}

fn row(text: &mut String, first: &str, cells: impl Iterator<Item = String>) {
    let cells: Vec<_> = std::iter::once(first.to_owned()).chain(cells).collect();
    text.push_str(&["| ", &cells.join(" | "), " |\n"].concat());
}

/// The head of a table with a column for each size.
fn sizes(text: &mut String, first: &str, data: &Data) {
    row(text, first, data.usage.sizes.iter().map(|people| format!("{} people", whole(*people))));
    text.push_str(&["|---|", &"---:|".repeat(data.usage.sizes.len()), "\n"].concat());
}

fn dollars(amount: f64) -> String {
    if amount >= 100.0 { whole(amount) } else { format!("{amount:.2}") }
}

fn price_of_one(amount: f64) -> String {
    format!("{amount:.4}")
}

fn count(quantity: f64) -> String {
    if quantity >= 1e6 { format!("{:.1} million", quantity / 1e6) } else { whole(quantity) }
}

/// A number without a fraction, a comma at each thousand.
fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_readable() {
        assert_eq!([whole(7.0), whole(1_234.4), whole(1_000_000.0)], ["7", "1,234", "1,000,000"]);
        assert_eq!([dollars(0.456), dollars(99.99), dollars(12_345.6)], ["0.46", "99.99", "12,346"]);
    }
}

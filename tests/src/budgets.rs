//! What routes and workers may ask of the table: of routes it stands beside the handler, of workers
//! in `docs/access-patterns.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::documents::contract;

/// The extension of an operation with its budget.
pub const BUDGET: &str = "x-gantry-budget";

/// The extension of an operation that says how often it is assumed to be called. It is for the cost
/// model, and in no contract.
pub const USAGE: &str = "x-gantry-usage";

const WORKERS: &str = "| Worker | Calls | Read units | Write units |";

/// Upper bounds for one call of a route, or for one message of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Calls of the table.
    pub calls: usize,
    pub read_units: f64,
    pub write_units: f64,
}

/// The budgets of the routes, by method and path.
pub fn of_routes() -> BTreeMap<String, Budget> {
    facts(BUDGET)
}

/// A fact of each route and hook, by method and path.
///
/// # Panics
/// Where a handler does not say it, or not in this form.
pub fn facts<T: DeserializeOwned>(name: &str) -> BTreeMap<String, T> {
    let groups = contract::groups().into_iter().chain(contract::hooks());
    let descriptions: Vec<Value> =
        groups.map(|(_, group)| serde_json::to_value(group).expect("a description is JSON")).collect();
    let paths = descriptions.iter().filter_map(|description| description["paths"].as_object()).flatten();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten().filter(|(_, it)| it["operationId"].is_string());
        methods.map(move |(method, it)| (format!("{} {path}", method.to_uppercase()), &it[name]))
    });
    operations.map(|(route, fact)| (route.clone(), read_fact(&route, name, fact))).collect()
}

fn read_fact<T: DeserializeOwned>(route: &str, name: &str, fact: &Value) -> T {
    serde_json::from_value(fact.clone()).unwrap_or_else(|error| {
        panic!("{route}: say extensions((\"{name}\" = json!({{…}}))) beside its handler ({error})")
    })
}

/// The budgets of the workers, by function.
pub fn of_workers() -> BTreeMap<String, Budget> {
    read(include_str!("../../docs/access-patterns.md"), WORKERS)
}

fn read(page: &str, heading: &str) -> BTreeMap<String, Budget> {
    let lines = page.lines().skip_while(|line| *line != heading).skip(2);
    lines.take_while(|line| line.starts_with('|')).map(row).collect()
}

fn row(line: &str) -> (String, Budget) {
    let cells: Vec<_> = line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect();
    let [name, calls, read_units, write_units] = cells[..] else {
        panic!("docs/access-patterns.md: a budget has four cells, unlike `{line}`");
    };
    let number = |cell: &str| cell.parse().unwrap_or_else(|_| panic!("`{cell}` is no number in `{line}`"));
    let calls = calls.parse().unwrap_or_else(|_| panic!("`{calls}` is no number of calls in `{line}`"));
    (name.to_owned(), Budget { calls, read_units: number(read_units), write_units: number(write_units) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_read() {
        assert!(of_routes().contains_key("POST /v1/auth/magic-links"));
        assert!(of_workers().contains_key("stream-outbox"));
        let page = format!("{WORKERS}\n|---|---|---|---|\n| `GET /x` | 2 | 1.5 | 0 |\n\nText\n");
        let budget = Budget { calls: 2, read_units: 1.5, write_units: 0.0 };
        assert_eq!(read(&page, WORKERS), BTreeMap::from([("GET /x".to_owned(), budget)]));
    }

    #[test]
    #[should_panic(expected = "GET /x: say extensions((\"x-gantry-budget\"")]
    fn a_route_without_a_budget_is_noticed() {
        read_fact::<Budget>("GET /x", BUDGET, &Value::Null);
    }
}

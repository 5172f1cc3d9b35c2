//! `docs/routes.md`: the facts of each route, as they stand beside its handler.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::contract;
use crate::budgets::{self, Budget};

pub(super) fn page() -> String {
    let limits: BTreeMap<String, Option<Vec<String>>> = budgets::facts("x-gantry-limits");
    let needs: BTreeMap<String, Value> = budgets::facts(http_api::NEEDS);
    let keys = with_key();
    let rows = budgets::of_routes().into_iter().map(|(route, budget)| {
        let Budget { calls, read_units, write_units } = budget;
        let caller = &needs[&route];
        let who = caller["permission"].as_str().or(caller["caller"].as_str()).unwrap_or_default();
        let names = limits[&route].iter().flatten().map(|name| format!("`{name}`")).collect::<Vec<_>>();
        let key = if keys.contains(&route) { "yes" } else { "" };
        format!(
            "| `{route}` | {who} | {calls} | {read_units} | {write_units} | {} | {key} |\n",
            names.join(", ")
        )
    });
    PAGE.to_owned() + &rows.collect::<String>()
}

/// The routes that take an `Idempotency-Key`.
fn with_key() -> Vec<String> {
    let contract = contract::contract();
    let paths = contract["paths"].as_object().into_iter().flatten();
    let takes = json!({ "$ref": "#/components/parameters/IdempotencyKey" });
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.map(move |(method, it)| (format!("{} {path}", method.to_uppercase()), &it["parameters"]))
    });
    let keyed = operations.filter(|(_, all)| all.as_array().is_some_and(|all| all.contains(&takes)));
    keyed.map(|(route, _)| route).collect()
}

const PAGE: &str = "\
<!-- Written by `cargo xtask generate` from what stands beside the handlers; do not edit. -->

# Routes

What each route needs and costs. Who: anybody, a session, or the permission that a member must hold
([permissions](permissions.md)). Calls and units of the table are upper bounds for one successful call, held by
`tests/api/budgets.rs`; how they come about is in [access patterns](access-patterns.md#budgets). Limits are those of
[the API](api.md#rate-limits), and the last column says which routes take an `Idempotency-Key`.

| Route | Who | Calls | Read units | Write units | Limits | Key |
|---|---|---|---|---|---|---|
";

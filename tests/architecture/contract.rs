//! The description of the API stands on its own: what it refers to is in it, and each problem that there is
//! belongs to a route.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use system_tests::{
    documents::{contract, problem_codes},
    template::repository,
};

use crate::{assert_none, assert_noticed};

/// References that lead nowhere, and parts that nothing refers to.
fn references(contract: &Value) -> Vec<String> {
    let mut found = BTreeSet::new();
    gather(contract, &mut found);
    let dangling =
        found.iter().filter(|reference| contract.pointer(reference.trim_start_matches('#')).is_none());
    let mut problems: Vec<String> = dangling
        .map(|reference| format!("{reference} leads nowhere; add it to the contract's components."))
        .collect();
    for (kind, parts) in contract["components"].as_object().into_iter().flatten() {
        for name in parts.as_object().into_iter().flat_map(serde_json::Map::keys) {
            if kind != "securitySchemes" && !found.contains(&format!("#/components/{kind}/{name}")) {
                problems.push(format!("components/{kind}/{name} is used by nothing; remove it."));
            }
        }
    }
    problems
}

fn gather(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| gather(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, found)),
        _ => {}
    }
}

/// Problems that no route names, and names of problems that do not exist.
fn codes<'a>(
    operations: impl Iterator<Item = (&'a String, &'a Value)>,
    known: &BTreeSet<String>,
) -> Vec<String> {
    let named: BTreeSet<String> =
        operations.flat_map(|(method, operation)| contract::codes(method, operation)).collect();
    let unnamed = known.difference(&named).filter(|code| *code != "method_not_allowed");
    let nowhere = unnamed.map(|code| {
        format!("no operation names the problem {code}; say extensions((\"x-gantry-codes\" = json!([{code:?}]))) where it can happen.")
    });
    let invented = named
        .difference(known)
        .map(|code| format!("an operation names the problem {code}, which there is not."));
    nowhere.chain(invented).collect()
}

fn operations(contract: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let paths = contract["paths"].as_object().into_iter().flat_map(serde_json::Map::values);
    paths.filter_map(Value::as_object).flatten()
}

#[test]
fn every_reference_leads_somewhere() {
    assert_none(&references(&contract::contract()));
    let written = std::fs::read_to_string(repository().join("docs/openapi.json")).unwrap();
    assert_none(&references(&serde_json::from_str(&written).unwrap()));
}

/// What is wrong with the names of schemas: of two functions' schemas with one name the contract would have
/// one.
fn shared_names(groups: &[(&str, Value)]) -> Vec<String> {
    let mut seen: BTreeMap<&String, (&str, &Value)> = BTreeMap::new();
    let mut problems = Vec::new();
    for (function, group) in groups {
        for (name, schema) in group["components"]["schemas"].as_object().into_iter().flatten() {
            let (first, other) = *seen.entry(name).or_insert((*function, schema));
            if other != schema {
                problems.push(format!("{first} and {function} call two things {name}; call one otherwise."));
            }
        }
    }
    problems
}

#[test]
fn a_name_is_one_schemas() {
    let read = |group| serde_json::to_value(group).unwrap();
    let mut groups: Vec<_> =
        contract::groups().into_iter().map(|(name, group)| (name, read(group))).collect();
    assert_none(&shared_names(&groups));
    groups[0].1["components"]["schemas"]["Tokens"] = json!({ "type": "string" });
    assert_noticed(&shared_names(&groups), "call two things Tokens");
}

#[test]
fn every_problem_belongs_to_a_route() {
    let contract = contract::contract();
    let hooks: Vec<Value> =
        contract::hooks().into_iter().map(|(_, hook)| serde_json::to_value(hook).unwrap()).collect();
    let known = problem_codes::codes().into_iter().collect();
    assert_none(&codes(operations(&contract).chain(hooks.iter().flat_map(operations)), &known));
}

#[test]
fn every_route_says_who_may_call_it_and_what_comes() {
    let contract = contract::contract();
    let tags: Vec<&Value> = contract["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    for (_, operation) in operations(&contract) {
        let id = &operation["operationId"];
        assert!(operation["security"].is_array(), "{id}");
        assert!(tags.contains(&&operation["tags"][0]), "{id}: describe its tag in TAGS of the contract");
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let shared = answer["$ref"] == "#/components/responses/Problem";
            assert!(shared == status.ends_with("XX"), "{id} {status}");
            assert!(shared || answer["headers"]["X-Correlation-Id"].is_object(), "{id} {status}");
        }
    }
    assert_eq!(
        contract["servers"],
        json!([{ "url": "/", "description": "Where this description is served" }])
    );
}

#[test]
fn a_reference_to_nothing_and_a_problem_of_nobody_are_noticed() {
    let contract = json!({
        "paths": { "/x": { "get": { "responses": { "200": { "$ref": "#/components/responses/Gone" } }, "x-gantry-codes": ["new"] } } },
        "components": { "schemas": { "Unused": {} } },
    });
    let problems = references(&contract);
    assert_noticed(&problems, "#/components/responses/Gone leads nowhere");
    assert_noticed(&problems, "components/schemas/Unused is used by nothing");
    let problems = codes(operations(&contract), &BTreeSet::from(["slug_taken".to_owned()]));
    assert_noticed(&problems, "no operation names the problem slug_taken");
    assert_noticed(&problems, "an operation names the problem new");
}

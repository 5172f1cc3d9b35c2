//! Least privilege, measured: the calls that a run of the whole product makes are what its functions'
//! policies allow, no less and no more.

mod access;
mod api_keys;
mod billing;
mod domains;
mod exports;
mod members;
mod operators;
mod organizations;
mod policy;
mod scim;
pub(crate) mod secrets;
mod sso;
mod staff;
mod usage;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use test_support::Recorder;

use crate::{product::Product, stored};
use access::Access;
use policy::problems;

type Policies = BTreeMap<String, Vec<Value>>;
type Made = BTreeMap<String, BTreeSet<Access>>;

fn compare(policies: &Policies, made: &Made) -> Vec<String> {
    policies.keys().flat_map(|function| compare_one(function, policies, made)).collect()
}

fn compare_one(function: &str, policies: &Policies, made: &Made) -> Vec<String> {
    problems(function, &policies[function], made.get(function).unwrap_or(&BTreeSet::new()))
}

/// What all functions call while everything is done that the product can do, and the policies they have.
/// What is stored in the end is as it should be, and no secret lies about.
async fn run() -> (Policies, Made) {
    let recorder = Recorder::default();
    let product = Product::recorded(&recorder).await;
    walk::everything(&product).await;
    let items = stored::items(&product).await;
    let found = [stored::problems(&items), product.lying_about(&items)].concat();
    assert!(found.is_empty(), "{} problem(s):\n- {}", found.len(), found.join("\n- "));
    let mut made = Made::new();
    for call in recorder.calls() {
        made.entry(call.caller.clone()).or_default().extend(access::asked_for(&call));
    }
    let functions = &product.cloud.template().functions;
    let policies = functions.values().map(|one| (one.name.clone(), one.statements.clone())).collect();
    (policies, made)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_allow_what_is_called_and_nothing_else() {
    let (policies, made) = run().await;
    let found = compare(&policies, &made);
    assert!(found.is_empty(), "{} problem(s):\n- {}", found.len(), found.join("\n- "));
    for (function, at, action) in grants(&policies) {
        let narrowed = edited(&policies, &function, at, |actions| actions.retain(|one| *one != action));
        let wanted = format!("{function}: calls {action} on ");
        let noticed =
            compare_one(&function, &narrowed, &made).iter().any(|problem| problem.starts_with(&wanted));
        assert!(noticed, "{function}: {action} is granted twice; remove one of the two statements");
    }
    for (function, at, key) in keys(&policies) {
        let mut narrowed = only(&function, &policies);
        let condition = narrowed.get_mut(&function).unwrap()[at]["Condition"].as_object_mut().unwrap();
        for keys in condition.values_mut().filter_map(|keys| keys[access::LEADING_KEYS].as_array_mut()) {
            keys.retain(|one| *one != key);
        }
        let wanted = format!("{function}: calls dynamodb:");
        let noticed =
            compare_one(&function, &narrowed, &made).iter().any(|problem| problem.starts_with(&wanted));
        assert!(
            noticed,
            "{function}: the keys {key} are granted twice; remove them from one of the statements"
        );
    }
    for (function, at, _) in grants(&policies) {
        let widened = edited(&policies, &function, at, |actions| actions.push("dynamodb:Scan".to_owned()));
        let wanted = format!("{function}: is allowed dynamodb:Scan on ");
        let noticed =
            compare_one(&function, &widened, &made).iter().any(|problem| problem.starts_with(&wanted));
        assert!(noticed, "{function}");
    }
}

/// Every action that is granted: function, statement, action.
fn grants(policies: &Policies) -> Vec<(String, usize, String)> {
    let of = |(function, statements): (&String, &Vec<Value>)| {
        let allowing = statements.iter().enumerate().filter(|(_, statement)| statement["Effect"] == "Allow");
        let each = allowing.flat_map(|(at, statement)| {
            let made =
                policy::texts(&statement["Action"]).into_iter().filter(|action| !policy::is_of_links(action));
            made.map(move |action| (at, action.to_owned()))
        });
        each.map(|(at, action)| (function.clone(), at, action)).collect::<Vec<_>>()
    };
    policies.iter().flat_map(of).collect()
}

/// Every beginning of keys that an allowing statement is bound to: function, statement, key.
fn keys(policies: &Policies) -> Vec<(String, usize, String)> {
    let of = |(function, statements): (&String, &Vec<Value>)| {
        let allowing = statements.iter().enumerate().filter(|(_, statement)| statement["Effect"] == "Allow");
        let each = allowing.flat_map(|(at, statement)| {
            policy::leading_keys(statement).into_iter().map(move |key| (at, key.to_owned()))
        });
        each.map(|(at, key)| (function.clone(), at, key)).collect::<Vec<_>>()
    };
    policies.iter().flat_map(of).collect()
}

/// Those of one function: to compare all of them for each change to one takes minutes.
fn only(function: &str, policies: &Policies) -> Policies {
    Policies::from([(function.to_owned(), policies[function].clone())])
}

fn edited(policies: &Policies, function: &str, at: usize, edit: impl FnOnce(&mut Vec<String>)) -> Policies {
    let mut policies = only(function, policies);
    let statement = &mut policies.get_mut(function).unwrap()[at];
    let mut actions = policy::texts(&statement["Action"]).into_iter().map(str::to_owned).collect();
    edit(&mut actions);
    statement["Action"] = json!(actions);
    policies
}

//! Each function gets the environment variables that it asks for, and no other. The functions
//! themselves say what they ask for: each is started in the local cloud.

use std::collections::BTreeSet;

use local::{
    Cloud, Options,
    functions::{Hosts, registry},
};
use serde_json::json;
use system_tests::template::{self, Template};

use crate::{assert_none, assert_noticed};

/// What the runtime sets, what is read before a function is built, and what an adapter reads.
const GIVEN_ANYHOW: &[&str] = &["LOG_LEVEL"];
/// What has its default in the code: a deployment may set it.
const OPTIONAL: &[&str] =
    &["IDENTITY_POLICY", "BILLING_RULES", "ORGANIZATION_RULES", "STRIPE_API_URL", "SSL_CERT_FILE"];

fn agreement(function: &str, told: &[&str], asked: &BTreeSet<String>) -> Vec<String> {
    let told: BTreeSet<&str> = told.iter().copied().filter(|name| !GIVEN_ANYHOW.contains(name)).collect();
    let asked: BTreeSet<&str> = asked
        .iter()
        .map(String::as_str)
        .filter(|name| !name.starts_with("AWS_") && !GIVEN_ANYHOW.contains(name))
        .collect();
    let missing = asked.difference(&told).filter(|name| !OPTIONAL.contains(name));
    let missing = missing
        .map(|name| format!("{function} asks for {name}; add it to its Environment in template.yaml."));
    let unasked = told.difference(&asked);
    let unasked = unasked.map(|name| {
        format!("{function} is told {name} but does not ask for it; remove it from template.yaml.")
    });
    missing.chain(unasked).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_function_is_told_what_it_asks_for() {
    let template = Template::of_repository();
    let hosts = Hosts::default();
    let cloud = Cloud::start(Options::ephemeral(template::text(), registry(&hosts))).await.unwrap();
    let mut problems = Vec::new();
    for function in template.functions() {
        // An empty event is refused, but not before the function was built.
        let answer = cloud.invoke(function.name(), json!({})).await;
        match hosts.get(function.name()) {
            Some(host) => problems.extend(agreement(
                function.name(),
                &function.variables(),
                &host.environment().asked_for(),
            )),
            None => problems.push(format!(
                "{} does not start in the local cloud ({answer:?}); is it in crates/local/src/functions.rs?",
                function.name()
            )),
        }
    }
    cloud.stop().await.unwrap();
    assert_none(&problems);
}

#[test]
fn a_variable_too_few_or_too_many_is_noticed() {
    let asked = BTreeSet::from(["TABLE_NAME", "AWS_REGION", "BILLING_RULES"].map(str::to_owned));
    assert_none(&agreement("queue-mail", &["TABLE_NAME", "LOG_LEVEL"], &asked));
    assert_noticed(&agreement("queue-mail", &[], &asked), "queue-mail asks for TABLE_NAME");
    assert_noticed(
        &agreement("queue-mail", &["TABLE_NAME", "APP_URL"], &asked),
        "is told APP_URL but does not ask",
    );
}

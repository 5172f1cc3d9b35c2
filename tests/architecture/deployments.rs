//! What is deployed where: `samconfig.toml`, the numbers that an account bounds, and the size of
//! the stack.

use std::{collections::BTreeMap, fs};

use system_tests::template::{Function, Template, repository};
use toml::{Table, Value};

use crate::{assert_none, assert_noticed, broken};

const ENVIRONMENTS: &[&str] = &["dev", "staging", "prod"];
const RECORD: &str = "docs/decisions/0011-reserved-concurrency.md";
const RUNBOOK: &str = "docs/runbook.md";
/// What AWS keeps of an account's executions for functions without a reservation.
const KEPT: u64 = 100;
/// An account runs 1,000 at once.
const RESERVABLE: u64 = 1_000 - KEPT;
/// CloudFormation takes 500 resources in a stack. Each path of the API is one: those of SSO are two more.
const MOST_RESOURCES: usize = 310;
/// The template with the API and what answers it.
const ROOT: &str = "template.yaml";
/// How many functions there may once be: 60.
const MOST_ROUTE_GROUPS: usize = 22;
const MOST_WORKERS: usize = 38;

fn samconfig() -> Table {
    let text = fs::read_to_string(repository().join("samconfig.toml")).expect("samconfig.toml is readable");
    text.parse().expect("samconfig.toml is TOML")
}

/// Texts of a list such as `parameter_overrides`.
fn texts<'a>(config: &'a Table, section: &str, name: &str) -> Vec<&'a str> {
    let listed = config
        .get(section)
        .and_then(|section| section.get("deploy")?.get("parameters")?.get(name)?.as_array());
    listed.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn overrides<'a>(config: &'a Table, section: &str) -> BTreeMap<&'a str, &'a str> {
    texts(config, section, "parameter_overrides")
        .into_iter()
        .filter_map(|entry| entry.split_once('='))
        .collect()
}

fn environments(config: &Table, template: &Template, edge: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for environment in ENVIRONMENTS {
        let given = overrides(config, environment);
        problems.extend(parameters(environment, &given, template));
        if given.get("Environment") != Some(environment) {
            problems.push(format!("samconfig.toml, {environment}: say Environment={environment}."));
        }
        problems.extend(tags(config, environment, environment));
        problems.extend(address(environment, &given));
        if given.get("Edge") == Some(&"on") {
            let section = format!("edge-{environment}");
            problems.extend(parameters(&section, &overrides(config, &section), edge));
            problems.extend(tags(config, &section, environment));
            let region = config
                .get(&section)
                .and_then(|section| section.get("global")?.get("parameters")?.get("region")?.as_str());
            if region != Some("us-east-1") {
                problems.push(format!(
                    "samconfig.toml, {section}: say region = \"us-east-1\"; CloudFront takes nothing else."
                ));
            }
        }
    }
    problems
}

/// Callers reach the API where the stack makes an address: at the distribution, or at the API's own
/// domain.
fn address(section: &str, given: &BTreeMap<&str, &str>) -> Option<String> {
    let made = if given.get("Edge") == Some(&"on") { "AppDomainName" } else { "ApiDomainName" };
    let host = given.get("PublicApiUrl").and_then(|url| url.strip_prefix("https://"));
    (host.is_none() || host != given.get(made).copied()).then(|| {
        format!(
            "samconfig.toml, {section}: PublicApiUrl must be https:// and {made}, or nothing answers there."
        )
    })
}

fn parameters(section: &str, given: &BTreeMap<&str, &str>, template: &Template) -> Vec<String> {
    let declared: BTreeMap<_, _> = template.parameters().collect();
    let mut problems = Vec::new();
    for (name, declaration) in &declared {
        // Numbers stand as numbers in the template and as text in samconfig.toml.
        let text = |one: &serde_json::Value| one.as_str().map_or_else(|| one.to_string(), str::to_owned);
        let allowed = declaration["AllowedValues"].as_array();
        let allowed = allowed.map(|allowed| allowed.iter().map(text).collect::<Vec<_>>());
        match given.get(name) {
            None if declaration["Default"].is_null() => {
                problems.push(format!("samconfig.toml, {section}: give {name}; it has no default."));
            }
            Some(value) if allowed.is_some_and(|allowed| !allowed.iter().any(|one| one == value)) => {
                problems.push(format!("samconfig.toml, {section}: {name} cannot be {value:?}."));
            }
            _ => {}
        }
    }
    let unknown = given.keys().filter(|name| !declared.contains_key(*name));
    problems.extend(
        unknown.map(|name| format!("samconfig.toml, {section}: no template declares {name}; remove it.")),
    );
    problems
}

fn tags(config: &Table, section: &str, environment: &str) -> Vec<String> {
    let tags = texts(config, section, "tags");
    let wanted = ["product=gantry".to_owned(), format!("environment={environment}")];
    let missing = wanted.iter().filter(|tag| !tags.contains(&tag.as_str()));
    missing
        .map(|tag| format!("samconfig.toml, {section}: add the tag {tag}; costs are told apart by it."))
        .collect()
}

/// Names and numbers of the record's table, and the sum that it states.
fn recorded(record: &str) -> (BTreeMap<&str, u64>, Option<u64>) {
    let rows = record.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        Some((cells.next()?.trim_end_matches('`'), cells.next()?.parse().ok()?))
    });
    let sum = record.split_once("The sum is **").and_then(|(_, rest)| rest.split("**").next()?.parse().ok());
    (rows.collect(), sum)
}

fn reservation(function: &Function<'_>) -> u64 {
    function.property("ReservedConcurrentExecutions").as_u64().unwrap_or_default()
}

/// What the runbook tells whoever looks at an account before the first creation. A function that nobody has
/// explained yet does not count: `cargo xtask new-function` does not write to the runbook, and whoever
/// explains it does.
fn asked_of_an_account(template: &Template, record: &str, runbook: &str) -> Vec<String> {
    let is_new = |name: &str| {
        let row = format!("| `{name}` |");
        record.lines().any(|line| line.starts_with(&row) && line.contains("| New: "))
    };
    let explained = template.functions().filter(|function| !is_new(function.name()));
    let sum: u64 = explained.map(|function| reservation(&function)).sum();
    let two = 2 * sum + KEPT;
    let two = if two < 1_000 { two.to_string() } else { format!("{},{:03}", two / 1_000, two % 1_000) };
    // however it is broken into lines
    let told = runbook.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentences = [
        format!("The stack reserves {sum} "),
        format!("below {} the creation fails", sum + KEPT),
        format!("Two environments in one account need {two},"),
    ];
    let missing = sentences.iter().filter(|sentence| !told.contains(*sentence));
    missing
        .map(|sentence| format!("{sum} executions are reserved; say \"{sentence}\" in {RUNBOOK}."))
        .collect()
}

fn reserved(template: &Template, record: &str) -> Vec<String> {
    let (explained, stated) = recorded(record);
    let mut problems = Vec::new();
    let mut sum = 0;
    for function in template.functions() {
        let name = function.name();
        let number = reservation(&function);
        sum += number;
        if explained.get(name) != Some(&number) {
            problems.push(format!("{name} reserves {number}: explain the number in {RECORD}."));
        }
    }
    let gone =
        explained.keys().filter(|name| !template.functions().any(|function| function.name() == **name));
    problems.extend(gone.map(|name| format!("{RECORD} explains {name}, which is no function any more.")));
    if stated != Some(sum) {
        problems.push(format!("{sum} executions are reserved; say \"The sum is **{sum}**\" in {RECORD}."));
    }
    let left = format!("It leaves {} of {RESERVABLE}", RESERVABLE.saturating_sub(sum));
    if !record.contains(&left) {
        problems.push(format!("{sum} executions are reserved; say \"{left}\" in {RECORD}."));
    }
    if sum > RESERVABLE {
        problems.push(format!(
            "{sum} executions are reserved; an account has {RESERVABLE} to give. Lower some, or move to accounts with more."
        ));
    }
    problems
}

/// How many resources SAM makes of a function: itself, role, version, alias, deployment group, and
/// what its events need.
fn of_function(function: &Function<'_>) -> usize {
    let sources: usize =
        function.events().map(|(_, kind, _)| if kind.starts_with("Schedule") { 2 } else { 1 }).sum();
    let invoke_config = function.property("EventInvokeConfig");
    // Beside it in the template stand its log group and the stack of its alarms.
    5 + sources + usize::from(!invoke_config.is_null()) + 2
}

/// How many resources a stack has with every option on: those of its functions, and the others.
fn expanded(template: &Template) -> (usize, usize) {
    let functions = template.functions().count();
    let of_functions: usize = template.functions().map(|function| of_function(&function)).sum();
    let plain = template.resources().filter(|resource| !resource.kind().starts_with("AWS::Serverless::"));
    let apis = template.of_type("AWS::Serverless::Api").count();
    // An API has a stage and a deployment; CodeDeploy an application.
    (of_functions, plain.count() - 2 * functions + 3 * apis + 1)
}

/// A stack today, and when the product has all its functions: the root then has
/// [`MOST_ROUTE_GROUPS`], as large as those of today; an area grows with all that it has.
fn sizes(templates: &BTreeMap<String, Template>) -> Vec<(String, usize, usize)> {
    let workers: usize = templates
        .iter()
        .filter(|(file, _)| *file != ROOT)
        .map(|(_, template)| template.functions().count())
        .sum();
    let size = |(file, template): (&String, &Template)| {
        let (of_functions, others) = expanded(template);
        let now = of_functions + others;
        let then = if file == ROOT {
            let groups = template.functions().count();
            others + (of_functions * MOST_ROUTE_GROUPS.max(groups)).div_ceil(groups)
        } else {
            (now * MOST_WORKERS.max(workers)).div_ceil(workers)
        };
        (file.clone(), now, then)
    };
    templates.iter().map(size).collect()
}

fn size(templates: &BTreeMap<String, Template>) -> Vec<String> {
    let too_large = |(file, now, then): (String, usize, usize)| {
        (then > MOST_RESOURCES).then(|| {
            format!("{file} has {now} resources, and {then} when there are 60 functions; {MOST_RESOURCES} are what leaves room below CloudFormation's 500. Split the area, or move what is no function's into a stack of its own.")
        })
    };
    sizes(templates).into_iter().filter_map(too_large).collect()
}

fn record() -> String {
    fs::read_to_string(repository().join(RECORD)).expect("the record is readable")
}

fn runbook() -> String {
    fs::read_to_string(repository().join(RUNBOOK)).expect("the runbook is readable")
}

#[test]
fn every_environment_is_complete() {
    let edge = Template::of_file("edge.yaml");
    assert_none(&environments(&samconfig(), &Template::of_repository(), &edge));
}

#[test]
fn what_is_reserved_is_explained_and_fits() {
    assert_none(&reserved(&Template::of_repository(), &record()));
    assert_none(&asked_of_an_account(&Template::of_repository(), &record(), &runbook()));
}

#[test]
fn no_stack_is_too_large_and_none_will_be_with_sixty_functions() {
    let templates = Template::with_functions();
    assert_none(&size(&templates));
    let (file, now, then) = sizes(&templates).into_iter().find(|(file, ..)| file == ROOT).unwrap();
    assert!(100 < now && now < then, "the resources of {file} were not counted: {now}, {then}");
}

#[test]
fn an_incomplete_environment_is_noticed() {
    let mut config = samconfig();
    let deploy = config["prod"]["deploy"]["parameters"].as_table_mut().unwrap();
    deploy.insert("tags".into(), Value::Array(vec!["product=gantry".into()]));
    let given = ["Environment=prod", "Edge=on", "WebFirewall=maybe", "Colour=red"];
    deploy.insert("parameter_overrides".into(), Value::Array(given.map(Value::from).to_vec()));
    config["edge-prod"]["global"]["parameters"]["region"] = "eu-central-1".into();
    let problems = environments(&config, &Template::of_repository(), &Template::of_file("edge.yaml"));
    assert_noticed(&problems, "prod: give MailFrom; it has no default");
    assert_noticed(&problems, "prod: WebFirewall cannot be \"maybe\"");
    assert_noticed(&problems, "prod: no template declares Colour");
    assert_noticed(&problems, "prod: add the tag environment=prod");
    assert_noticed(&problems, "edge-prod: say region = \"us-east-1\"");
}

#[test]
fn an_unexplained_or_too_large_reservation_is_noticed() {
    let template = broken(|document| {
        document["Resources"]["ApiOrgsFunction"]["Properties"]["ReservedConcurrentExecutions"] = 800.into();
        document["Resources"].as_object_mut().unwrap().remove("QueueMailFunction");
    });
    let problems = reserved(&template, &record());
    assert_noticed(&problems, "api-orgs reserves 800: explain the number");
    assert_noticed(&problems, "explains queue-mail, which is no function any more");
    assert_noticed(&problems, "say \"It leaves 0 of 900\"");
    assert_noticed(&problems, "an account has 900 to give");
}

#[test]
fn a_runbook_that_asks_too_little_of_an_account_is_noticed() {
    let template = broken(|document| {
        document["Resources"]["OperatorFunction"]["Properties"]["ReservedConcurrentExecutions"] = 2.into();
    });
    let problems = asked_of_an_account(&template, &record(), &runbook());
    for sentence in ["The stack reserves ", "the creation fails", "Two environments in one account need "] {
        assert_noticed(&problems, sentence);
    }
    let row = "| `operator` | 1 | ";
    let new = record().replace(row, "| `operator` | 2 | New: ");
    assert_noticed(&asked_of_an_account(&template, &new, &runbook()), "The stack reserves ");
    let without = broken(|document| {
        document["Resources"].as_object_mut().unwrap().remove("OperatorFunction");
    });
    let same = asked_of_an_account(&without, &record(), &runbook());
    assert_eq!(asked_of_an_account(&template, &new, &runbook()), same);
}

#[test]
fn a_stack_that_grew_too_large_is_noticed() {
    let mut templates = Template::with_functions();
    let mail = Template::of_file("stacks/mail.yaml").edited(|document| {
        let resources = document["Resources"].as_object_mut().unwrap();
        let queue = resources["MailQueue"].clone();
        resources.extend((0..300).map(|number| (format!("Queue{number}"), queue.clone())));
    });
    templates.insert("stacks/mail.yaml".to_owned(), mail);
    assert_noticed(&size(&templates), "stacks/mail.yaml has ");
    assert_noticed(&size(&templates), "Split the area");
}

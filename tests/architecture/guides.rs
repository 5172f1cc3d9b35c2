//! The runbook and the observability guide speak of what the templates have, and of all of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde_json::Value;
use system_tests::template::{Template, repository, target};

use crate::{assert_none, assert_noticed};

const ALARMS: &[&str] = &["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"];

fn page(name: &str) -> String {
    fs::read_to_string(repository().join("docs").join(name)).expect("the guide is readable")
}

/// Names in backticks in the first cells of the rows under a heading.
fn rows(page: &str, heading: &str) -> BTreeSet<String> {
    let lines = page.lines().skip_while(|line| *line != heading).skip(1);
    let rows = lines.take_while(|line| !line.starts_with("## ")).filter(|line| line.starts_with("| `"));
    rows.filter_map(|row| row.split('|').nth(1)).flat_map(in_backticks).collect()
}

fn in_backticks(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What is behind a word such as `resource` in `$(resource Table)`; a variable of a loop is no
/// name.
fn asked_for(page: &str, word: &str) -> BTreeSet<String> {
    let start = format!("$({word} ");
    let asked = page.split(&start).skip(1).filter_map(|rest| rest.split(')').next());
    asked.filter(|name| !name.contains('$')).map(str::to_owned).collect()
}

fn ids(templates: &BTreeMap<String, Template>, kinds: &[&str]) -> BTreeSet<String> {
    let all = templates.values().flat_map(Template::resources);
    all.filter(|resource| kinds.contains(&resource.kind())).map(|resource| resource.id.to_owned()).collect()
}

fn differences(
    there: &BTreeSet<String>,
    told: &BTreeSet<String>,
    missing: impl Fn(&str) -> String,
    left_over: impl Fn(&str) -> String,
) -> Vec<String> {
    let untold = there.difference(told).map(|name| missing(name));
    untold.chain(told.difference(there).map(|name| left_over(name))).collect()
}

fn observability(page: &str, templates: &BTreeMap<String, Template>) -> Vec<String> {
    let alarms = differences(
        &ids(templates, ALARMS),
        &rows(page, "## Alarms"),
        |alarm| format!("docs/observability.md: say in a row of Alarms what {alarm} means and what to do."),
        |alarm| format!("docs/observability.md: no template has the alarm {alarm}; remove its row."),
    );
    let saved = templates.values().flat_map(|template| template.of_type("AWS::Logs::QueryDefinition"));
    let name = |text: &str| text.split_once('/').map(|(_, name)| name.to_owned());
    let saved = saved.filter_map(|query| query.property("Name")["Fn::Sub"].as_str().and_then(name)).collect();
    let queries = differences(
        &saved,
        &rows(page, "## Saved queries"),
        |query| format!("docs/observability.md: say in a row of Saved queries what `{query}` answers."),
        |query| format!("docs/observability.md: no template has the query `{query}`; remove its row."),
    );
    let metrics = differences(
        &metrics(templates),
        &rows(page, "## Metrics"),
        |metric| format!("docs/observability.md: say in a row of Metrics what {metric} counts."),
        |metric| format!("docs/observability.md: nothing writes the metric {metric}; remove its row."),
    );
    [alarms, queries, metrics].concat()
}

/// What functions write themselves, and what filters count.
fn metrics(templates: &BTreeMap<String, Template>) -> BTreeSet<String> {
    let source = include_str!("../../crates/lambda-host/src/metrics.rs");
    let written = source.split("metric(\"").skip(1).filter_map(|rest| rest.split('"').next());
    let filters = templates.values().flat_map(|template| template.of_type("AWS::Logs::MetricFilter"));
    let counted =
        filters.filter_map(|filter| filter.property("MetricTransformations")[0]["MetricName"].as_str());
    written.chain(counted).map(str::to_owned).collect()
}

pub(crate) fn runbook(page: &str, templates: &BTreeMap<String, Template>) -> Vec<String> {
    let headings = page.lines().filter_map(|line| line.strip_prefix("### "));
    let told: BTreeSet<String> = headings.flat_map(in_backticks).collect();
    let secrets = ids(templates, &["AWS::SecretsManager::Secret"]);
    let mut problems = differences(
        &secrets,
        &told,
        |secret| {
            format!("docs/runbook.md: write under Rotate a secret how {secret} is rotated (### `{secret}`).")
        },
        |secret| format!("docs/runbook.md: no template has the secret {secret}; remove its section."),
    );
    let resources: BTreeSet<String> =
        templates.values().flat_map(Template::resources).map(|resource| resource.id.to_owned()).collect();
    let outputs: BTreeSet<String> = templates
        .values()
        .filter_map(|template| template.section("Outputs").as_object())
        .flat_map(|outputs| outputs.keys().cloned())
        .collect();
    let unknown = asked_for(page, "resource").into_iter().filter(|name| !resources.contains(name));
    problems.extend(unknown.map(|name| format!("docs/runbook.md: no template has the resource {name}.")));
    let unknown = asked_for(page, "output").into_iter().filter(|name| !outputs.contains(name));
    problems.extend(unknown.map(|name| format!("docs/runbook.md: no template has the output {name}.")));
    problems
}

/// The queues that dead letters go to.
fn dead_letters(value: &Value) -> BTreeSet<String> {
    let within: BTreeSet<String> = match value {
        Value::Array(items) => items.iter().flat_map(dead_letters).collect(),
        Value::Object(entries) => entries.values().flat_map(dead_letters).collect(),
        _ => BTreeSet::new(),
    };
    let here = [
        &value["deadLetterTargetArn"],
        &value["DeadLetterConfig"]["Arn"],
        &value["OnFailure"]["Destination"],
    ];
    here.into_iter().filter_map(target).map(str::to_owned).chain(within).collect()
}

/// The runbook's loop asks the stack for its queues, and goes by the ends of their names.
fn drained(page: &str, templates: &BTreeMap<String, Template>) -> Vec<String> {
    let ends =
        page.split("ends_with(LogicalResourceId, '").skip(1).filter_map(|rest| rest.split('\'').next());
    let ends: Vec<&str> = ends.collect();
    let queues: BTreeSet<String> =
        templates.values().flat_map(|template| dead_letters(template.section("Resources"))).collect();
    let missed = queues.iter().filter(|queue| !ends.iter().any(|end| queue.ends_with(end)));
    missed
        .map(|queue| {
            format!("docs/runbook.md: the loop under Drain dead letters does not see {queue}; rename it.")
        })
        .collect()
}

#[test]
fn the_observability_guide_has_every_alarm_query_and_metric() {
    let page = page("observability.md");
    assert!(rows(&page, "## Alarms").len() > 10, "the table of alarms was not read");
    assert_none(&observability(&page, &Template::all()));
}

#[test]
fn the_runbook_rotates_every_secret_and_names_what_there_is() {
    let page = page("runbook.md");
    assert!(asked_for(&page, "resource").len() > 3, "the runbook's commands were not read");
    assert_none(&runbook(&page, &Template::all()));
    assert_none(&drained(&page, &Template::all()));
}

#[test]
fn an_alarm_a_query_or_a_metric_without_its_row_is_noticed() {
    let told = page("observability.md");
    let templates = Template::all();
    let without = |row: &str| told.replacen(row, "| `Other`", 1);
    let noticed = |row: &str, problem: &str| {
        assert_noticed(&observability(&without(row), &templates), problem);
    };
    noticed("| `ApiSlowAlarm`", "say in a row of Alarms what ApiSlowAlarm means");
    noticed("| `ApiSlowAlarm`", "no template has the alarm Other");
    noticed("| `slow requests`", "say in a row of Saved queries what `slow requests` answers");
    noticed("| `ServerErrors`", "say in a row of Metrics what ServerErrors counts");
    noticed("| `RefusedTokens`", "say in a row of Metrics what RefusedTokens counts");
}

#[test]
fn a_secret_without_its_section_and_a_name_that_is_gone_are_noticed() {
    let told = page("runbook.md");
    let templates = Template::all();
    let without = told.replacen("### `StripeSecret`", "### `OtherSecret`", 1);
    assert_noticed(&runbook(&without, &templates), "how StripeSecret is rotated");
    assert_noticed(&runbook(&without, &templates), "no template has the secret OtherSecret");
    let renamed = told
        .replace("$(resource MailDeadLetters)", "$(resource PostQueue)")
        .replace("$(output TableName)", "$(output Tafel)");
    assert_noticed(&runbook(&renamed, &templates), "no template has the resource PostQueue");
    assert_noticed(&runbook(&renamed, &templates), "no template has the output Tafel");
}

#[test]
fn dead_letters_that_the_runbook_does_not_see_are_noticed() {
    let narrower =
        page("runbook.md").replace("'Parked'", "'Poison'").replace("'DeadLetters'", "'MailDeadLetters'");
    let problems = drained(&narrower, &Template::all());
    // of a stream, of a schedule, of a rule and a queue, and with GuardDuty alone
    for queue in ["OutboxParked", "AccountErasureDeadLetters", "PushFanoutDeadLetters", "ThreatsDeadLetters"]
    {
        assert_noticed(&problems, &format!("does not see {queue}"));
    }
}

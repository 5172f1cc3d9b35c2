//! Somebody is told: every function, rule and queue has its alarms, and shows up where people look.

use std::fs;

use serde_json::{Value, json};

use system_tests::template::{Function, Resource, Template, mentions, repository, target};

use crate::{assert_none, assert_noticed, broken, sources::rust_files};

/// What `stacks/alarms.yaml` watches of a function, where monitoring is detailed.
const WATCHED: &[&str] = &["Errors", "Throttles", "Duration", "ConcurrentExecutions"];
/// What is watched of all functions together: namespace, metric, and the dimension, if there is
/// one. None of AWS's own is the sum over the account.
const WATCHED_TOGETHER: &[(&str, &str, Option<&str>)] = &[
    ("AWS/Lambda", "Errors", None),
    ("AWS/Lambda", "Throttles", None),
    ("Gantry", "ServerErrors", Some("environment")),
];
/// The condition that dev may be without, and production never is.
const MONITORING: &str = "HasMonitoring";
/// The alarms on which `CodeDeploy` takes a new version of a function back that answers requests. Of another,
/// and without monitoring, it is the first alone.
const OF_A_NEW_VERSION: &[&str] = &["NewVersionErrors", "NewVersionSlow", "NewVersionServerErrors"];

/// Each function has its nested stack of alarms, told the function's own numbers, and is rolled
/// back on them.
pub(crate) fn functions(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for function in template.functions() {
        let name = function.name();
        let physical = json!({ "Fn::Sub": format!("${{AWS::StackName}}-{name}") });
        if function.property("FunctionName") != &physical {
            problems.push(format!(
                "{name}: say FunctionName: !Sub ${{AWS::StackName}}-{name}; the dashboard finds functions by the beginning."
            ));
        }
        if function.property("AutoPublishAlias") != "live" {
            problems.push(format!(
                "{name}: keep AutoPublishAlias: live (Globals), or a new version takes all callers at once."
            ));
        }
        let Some(alarms) = alarms_of(template, &physical) else {
            problems.push(format!(
                "{name}: give it its alarms, an AWS::CloudFormation::Stack with stacks/alarms.yaml as its TemplateURL and its FunctionName."
            ));
            continue;
        };
        let listed = &function.property("DeploymentPreference")["Alarms"];
        let output = |alarm: &&str| json!({ "Fn::GetAtt": [alarms.id, format!("Outputs.{alarm}")] });
        let list = |alarms: &[&str]| alarms.iter().map(output).collect::<Value>();
        let (wanted, right) = if serves_http(&function) {
            let both = [MONITORING.into(), list(OF_A_NEW_VERSION), list(&OF_A_NEW_VERSION[..1])];
            (OF_A_NEW_VERSION, json!({ "Fn::If": both }))
        } else {
            (&OF_A_NEW_VERSION[..1], list(&OF_A_NEW_VERSION[..1]))
        };
        if listed != &right {
            problems.push(format!(
                "{name}: list {} of {} in DeploymentPreference/Alarms as its neighbours do, and no other: a bad version is rolled back, and the version before stops no fix.",
                wanted.join(", "), alarms.id
            ));
        }
        problems.extend(told(&function, &alarms));
    }
    problems
}

fn alarms_of<'a>(template: &'a Template, physical: &Value) -> Option<Resource<'a>> {
    template.of_type("AWS::CloudFormation::Stack").find(|stack| {
        stack.property("TemplateURL") == "stacks/alarms.yaml"
            && &stack.property("Parameters")["FunctionName"] == physical
    })
}

fn serves_http(function: &Function<'_>) -> bool {
    function.events().any(|(_, kind, _)| kind == "Api")
}

fn told(function: &Function<'_>, alarms: &Resource<'_>) -> Vec<String> {
    let (name, id) = (function.name(), alarms.id);
    let given = alarms.property("Parameters");
    let mut problems = Vec::new();
    if given["Version"] != json!({ "Fn::GetAtt": [function.resource.id, "Version.Version"] }) {
        problems.push(format!("{id}: say Version: !GetAtt {}.Version.Version.", function.resource.id));
    }
    if (given["AnswersHttp"] == "true") != serves_http(function) {
        problems.push(format!("{id}: say AnswersHttp: 'true' for functions of the API, and for no other."));
    }
    let reserved = function.property("ReservedConcurrentExecutions").as_u64().unwrap_or_default();
    let busy = given["BusyPercent"].as_u64().unwrap_or(80);
    // A function behind two queues may be busy with both.
    let most: u64 = function
        .events()
        .filter_map(|(_, _, properties)| properties["ScalingConfig"]["MaximumConcurrency"].as_u64())
        .sum();
    if most * 100 > busy * reserved {
        problems.push(format!(
            "{id}: the queues of {name} may use {most} of {reserved}; set BusyPercent above that, or each backlog is an alarm."
        ));
    }
    if &given["ReservedConcurrency"] != function.property("ReservedConcurrentExecutions") {
        problems.push(format!(
            "{id}: ReservedConcurrency must be the ReservedConcurrentExecutions of {name}, {}.",
            function.property("ReservedConcurrentExecutions")
        ));
    }
    let timeout = function.property("Timeout").as_u64().unwrap_or_default() * 1_000;
    if !given["SlowMilliseconds"].as_u64().is_some_and(|slow| 0 < slow && slow * 2 <= timeout) {
        problems.push(format!(
            "{id}: SlowMilliseconds must be at most half of the timeout of {name} ({timeout} ms), or the alarm comes after the failures."
        ));
    }
    let logs = target(&function.property("LoggingConfig")["LogGroup"]);
    if logs.is_none() || target(&given["LogGroupName"]) != logs {
        problems.push(format!("{id}: LogGroupName must be the log group of {name}."));
    }
    if target(&given["AlarmTopicArn"]) != Some("AlarmTopic") {
        problems.push(format!("{id}: say AlarmTopicArn: !Ref AlarmTopic, or nobody is told."));
    }
    problems
}

/// The log of each function is in the saved queries, and that of each HTTP function in those about
/// requests.
pub(crate) fn saved_queries(template: &Template) -> Vec<String> {
    let Some(operations) = template.resource("Operations") else {
        return vec![
            "template.yaml has no Operations: nothing makes the dashboard and the saved queries.".to_owned(),
        ];
    };
    let given = operations.property("Parameters");
    let mut problems = Vec::new();
    for function in template.functions() {
        let logs = target(&function.property("LoggingConfig")["LogGroup"]).unwrap_or_default();
        let serves_http = function.events().any(|(_, kind, _)| kind == "Api");
        for (list, wanted) in [("FunctionLogs", true), ("HttpLogs", serves_http)] {
            if wanted && !mentions(&given[list], logs) {
                problems.push(format!("Operations: add !Ref {logs} ({}) to {list}.", function.name()));
            }
        }
    }
    problems
}

/// What fails in any function reaches somebody, although none has an alarm of its own by default.
fn together(template: &Template) -> Vec<String> {
    let watches = |alarm: &Resource<'_>, (namespace, metric, dimension): (&str, &str, Option<&str>)| {
        let dimensions = alarm.property("Dimensions").as_array().map(Vec::as_slice).unwrap_or_default();
        let named: Vec<_> = dimensions.iter().filter_map(|one| one["Name"].as_str()).collect();
        alarm.property("Namespace") == namespace
            && alarm.property("MetricName") == metric
            && named == Vec::from_iter(dimension)
            && alarm.property("Statistic") == "Sum"
            && alarm.attribute("Condition") == MONITORING
    };
    let all = || template.of_type("AWS::CloudWatch::Alarm");
    let unwatched = WATCHED_TOGETHER.iter().filter(|wanted| !all().any(|alarm| watches(&alarm, **wanted)));
    let mut problems: Vec<_> = unwatched
        .map(|(namespace, metric, _)| {
            format!(
                "template.yaml: give it an alarm on the sum of {metric} of {namespace}, over all functions."
            )
        })
        .collect();
    let rules = template.section("Rules")["ProductionIsProtected"]["Assertions"].to_string();
    if !rules.contains(r#"{"Fn::Not":[{"Fn::Equals":[{"Ref":"Monitoring"},"none"]}]}"#) {
        problems
            .push("ProductionIsProtected: assert that Monitoring is not none, or nobody is told.".to_owned());
    }
    problems
}

/// Every alarm tells somebody what to do, and every rule has one.
pub(crate) fn alarms(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    let both = ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"];
    for alarm in both.iter().flat_map(|kind| template.of_type(kind)) {
        let actions = alarm.property("AlarmActions");
        // CodeDeploy acts on those of a new version.
        let acts = OF_A_NEW_VERSION.contains(&alarm.id);
        if !(acts || mentions(actions, "AlarmTopic") || mentions(actions, "AlarmTopicArn")) {
            problems.push(format!("{}: say AlarmActions: [!Ref AlarmTopic], or nobody is told.", alarm.id));
        }
        if alarm.property("AlarmDescription").is_null() {
            problems.push(format!("{}: say in AlarmDescription what happened and where to look.", alarm.id));
        }
    }
    for rule in template.of_type("AWS::Events::Rule") {
        let on_aws = rule.property("EventBusName").is_null();
        // With dead letters the second is the one that tells of lost events.
        for metric in ["FailedInvocations", "InvocationsFailedToBeSentToDlq"] {
            let watched = template.of_type("AWS::CloudWatch::Alarm").any(|alarm| {
                alarm.property("MetricName") == metric
                    && alarm.property("Dimensions").as_array().into_iter().flatten().any(|dimension| {
                        dimension["Name"] == "RuleName" && &dimension["Value"] == rule.property("Name")
                    })
            });
            if !on_aws && !watched {
                problems
                    .push(format!("{}: give it an alarm on {metric} whose RuleName is its Name.", rule.id));
            }
        }
    }
    problems
}

/// What `stacks/alarms.yaml` itself holds.
fn watches(alarms: &Template) -> Vec<String> {
    let watched: Vec<&str> = alarms
        .of_type("AWS::CloudWatch::Alarm")
        .filter_map(|alarm| {
            let through_math = &alarm.property("Metrics")[1]["MetricStat"]["Metric"]["MetricName"];
            alarm.property("MetricName").as_str().or_else(|| through_math.as_str())
        })
        .collect();
    let missing = WATCHED.iter().filter(|metric| !watched.contains(metric));
    missing.map(|metric| format!("stacks/alarms.yaml: no alarm watches {metric} of AWS/Lambda.")).collect()
}

/// The alarms of a new version watch that version alone, and have its name: one that changes what
/// it watches stays on for a while.
fn versions(alarms: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for id in OF_A_NEW_VERSION {
        let Some(alarm) = alarms.resource(id) else {
            problems.push(format!("stacks/alarms.yaml has no {id}."));
            continue;
        };
        let dimensions = alarm.property("Dimensions").as_array().map(Vec::as_slice).unwrap_or_default();
        let of_version = dimensions.iter().any(|dimension| {
            ["ExecutedVersion", "version"].iter().any(|name| dimension["Name"] == *name)
                && dimension["Value"] == json!({ "Ref": "Version" })
        });
        if !of_version {
            problems
                .push(format!("{id}: watch the Version alone, or the version before stops the fix of it."));
        }
        if !alarm.property("AlarmName").to_string().contains("${Version}") {
            problems.push(format!("{id}: put ${{Version}} into its AlarmName."));
        }
    }
    problems
}

/// Filters of the logs count problem codes that exist.
fn filters(template: &Template, known: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for filter in template.of_type("AWS::Logs::MetricFilter") {
        let pattern = filter.property("FilterPattern").as_str().unwrap_or_default();
        let codes = pattern.split("$.code = \"").skip(1).filter_map(|rest| rest.split('"').next());
        let unknown = codes.filter(|code| !known.contains(&format!("<a id=\"{code}\"></a>")));
        problems.extend(unknown.map(|code| {
            format!(
                "{}: no answer has the code {code:?} (docs/errors.md), nor has a log line, so it counts nothing.",
                filter.id
            )
        }));
    }
    problems
}

/// In a search, `"…"` asks for a whole value: the beginning of a name in it finds nothing
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html>).
fn searches(body: &Value) -> Option<String> {
    match body {
        Value::Array(items) => items.iter().find_map(searches),
        Value::Object(entries) => entries.values().find_map(searches),
        text => text
            .as_str()
            .filter(|text| text.starts_with("SEARCH(") && text.contains("-\""))
            .map(str::to_owned),
    }
}

/// CloudWatch takes a dashboard as JSON in a text, which no linter looks into.
fn dashboard(template: &Template) -> Option<String> {
    let body = template.resource("Dashboard")?.property("DashboardBody")["Fn::Sub"].as_str()?;
    let problem = match serde_json::from_str::<Value>(body) {
        Err(error) => format!("is no JSON: {error}"),
        Ok(body) if searches(&body).is_some() => {
            format!("searches for the beginning of a name in quotes: {:?}", searches(&body))
        }
        Ok(body) => {
            let widgets = body["widgets"].as_array().map(Vec::as_slice).unwrap_or_default();
            let untitled = widgets
                .iter()
                .position(|widget| widget["type"] == "metric" && widget["properties"]["title"].is_null())?;
            format!("gives the widget {untitled} no title")
        }
    };
    Some(format!("stacks/operations.yaml: the body of the Dashboard {problem}."))
}

fn problem_codes() -> String {
    fs::read_to_string(repository().join("docs/errors.md")).expect("docs/errors.md is readable")
}

/// What is logged under a code, as the list of problems would name it.
fn logged_codes() -> String {
    let mut files = Vec::new();
    for folder in ["crates", "functions"] {
        rust_files(&repository().join(folder), &mut files);
    }
    let texts = files.iter().filter(|path| !path.iter().any(|part| part == "tests")).map(fs::read_to_string);
    texts
        .map(|text| text.expect("a source file is UTF-8"))
        .flat_map(|text| {
            let codes = text.split("code = \"").skip(1).filter_map(|rest| rest.split('"').next());
            codes.map(|code| format!("<a id=\"{code}\"></a>")).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_filter_counts_something() {
    let codes = problem_codes() + &logged_codes();
    assert_none(&filters(&Template::of_repository(), &codes));
    assert_none(&filters(&Template::of_file("stacks/alarms.yaml"), &codes));
}

#[test]
fn the_dashboard_is_readable() {
    let operations = Template::of_file("stacks/operations.yaml");
    assert!(operations.resource("Dashboard").is_some(), "stacks/operations.yaml makes the dashboard");
    assert_eq!(dashboard(&operations), None);
}

#[test]
fn a_filter_of_an_unknown_code_and_a_broken_dashboard_are_noticed() {
    let alarms = Template::of_file("stacks/alarms.yaml").edited(|document| {
        document["Resources"]["RefusedTokens"]["Properties"]["FilterPattern"] =
            "{ $.code = \"invalid_token\" || $.code = \"bad_token\" }".into();
    });
    assert_noticed(
        &filters(&alarms, &problem_codes()),
        "RefusedTokens: no answer has the code \"bad_token\"",
    );
    let operations = Template::of_file("stacks/operations.yaml").edited(|document| {
        document["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"] =
            "{\"widgets\": [}".into();
    });
    assert!(dashboard(&operations).unwrap().contains("is no JSON"));
    let operations = Template::of_file("stacks/operations.yaml").edited(|document| {
        let body = &mut document["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"];
        *body = body
            .as_str()
            .unwrap()
            .replace("FunctionName=${Product}", r#"FunctionName=\"${Product}-\""#)
            .into();
    });
    assert!(dashboard(&operations).unwrap().contains("the beginning of a name in quotes"));
}

#[test]
fn every_function_is_watched() {
    assert_none(&functions(&Template::of_repository()));
}

#[test]
fn every_function_s_log_is_in_the_saved_queries() {
    assert_none(&saved_queries(&Template::of_repository()));
}

#[test]
fn every_alarm_reaches_somebody_and_every_rule_has_one() {
    assert_none(&alarms(&Template::of_repository()));
    assert_none(&alarms(&Template::of_file("stacks/alarms.yaml")));
    assert_none(&alarms(&Template::of_file("stacks/audit.yaml")));
}

#[test]
fn the_alarms_of_a_function_are_complete() {
    assert_none(&together(&Template::of_repository()));
    assert_none(&watches(&Template::of_file("stacks/alarms.yaml")));
    assert_none(&versions(&Template::of_file("stacks/alarms.yaml")));
}

#[test]
fn a_deployment_that_watches_all_versions_is_noticed() {
    let alarms = Template::of_file("stacks/alarms.yaml").edited(|document| {
        let resources = &mut document["Resources"];
        resources["NewVersionErrors"]["Properties"]["Dimensions"] =
            json!([{"Name": "FunctionName", "Value": {"Ref": "FunctionName"}}]);
        resources["NewVersionSlow"]["Properties"]["AlarmName"] = "slow".into();
    });
    assert_noticed(&versions(&alarms), "NewVersionErrors: watch the Version alone");
    assert_noticed(&versions(&alarms), "NewVersionSlow: put ${Version} into its AlarmName");
}

#[test]
fn a_function_without_alarms_or_alias_is_noticed() {
    let template = broken(|document| {
        document["Resources"].as_object_mut().unwrap().remove("ApiOrgsAlarms");
        document["Resources"]["ApiOrgsFunction"]["Properties"]["AutoPublishAlias"] = Value::Null;
    });
    let problems = functions(&template);
    assert_noticed(&problems, "api-orgs: give it its alarms");
    assert_noticed(&problems, "api-orgs: keep AutoPublishAlias: live");
}

#[test]
fn alarms_with_another_function_s_numbers_are_noticed() {
    let template = broken(|document| {
        let resources = &mut document["Resources"];
        resources["QueueMailFunction"]["Properties"]["ReservedConcurrentExecutions"] = 30.into();
        resources["QueueMailFunction"]["Properties"]["DeploymentPreference"] = Value::Null;
        resources["QueueMailAlarms"]["Properties"]["Parameters"]["SlowMilliseconds"] = 40_000.into();
        resources["QueueMailAlarms"]["Properties"]["Parameters"]["LogGroupName"] =
            json!({"Ref": "ApiOrgsLogs"});
    });
    let problems = functions(&template);
    assert_noticed(&problems, "QueueMailAlarms: ReservedConcurrency must be");
    assert_noticed(&problems, "QueueMailAlarms: SlowMilliseconds must be at most half");
    assert_noticed(&problems, "QueueMailAlarms: LogGroupName must be the log group of queue-mail");
    assert_noticed(&problems, "queue-mail: list NewVersionErrors of QueueMailAlarms");
    let template = broken(|document| {
        let resources = &mut document["Resources"];
        resources["QueuePushDeliveryAlarms"]["Properties"]["Parameters"]["BusyPercent"] = Value::Null;
        resources["QueueMailAlarms"]["Properties"]["Parameters"]["Version"] = "1".into();
        resources["ApiAuthAlarms"]["Properties"]["Parameters"]["AnswersHttp"] = Value::Null;
        resources["ApiAuthFunction"]["Properties"]["DeploymentPreference"]["Alarms"]["Fn::If"][1]
            .as_array_mut()
            .unwrap()
            .pop();
    });
    let problems = functions(&template);
    assert_noticed(&problems, "set BusyPercent above that");
    assert_noticed(&problems, "QueueMailAlarms: say Version: !GetAtt QueueMailFunction.Version.Version");
    assert_noticed(&problems, "ApiAuthAlarms: say AnswersHttp: 'true'");
    assert_noticed(&problems, "api-auth: list NewVersionErrors, NewVersionSlow, NewVersionServerErrors");
}

#[test]
fn a_log_outside_the_saved_queries_is_noticed() {
    let template = broken(|document| {
        let given = &mut document["Resources"]["Operations"]["Properties"]["Parameters"];
        given["HttpLogs"] = json!({"Fn::Join": [",", [{"Ref": "ApiAuthLogs"}]]});
    });
    assert_noticed(&saved_queries(&template), "Operations: add !Ref ApiOrgsLogs (api-orgs) to HttpLogs");
}

#[test]
fn a_silent_alarm_and_an_unwatched_rule_are_noticed() {
    let template = broken(|document| {
        let resources = document["Resources"].as_object_mut().unwrap();
        resources["StreamBehindAlarm"]["Properties"]["AlarmActions"] = Value::Null;
        resources["CustomersAreHurt"]["Properties"]["AlarmDescription"] = Value::Null;
        resources.remove("MailRuleAlarm");
    });
    let problems = alarms(&template);
    assert_noticed(&problems, "StreamBehindAlarm: say AlarmActions");
    assert_noticed(&problems, "CustomersAreHurt: say in AlarmDescription");
    assert_noticed(&problems, "MailRule: give it an alarm on FailedInvocations");
}

#[test]
fn a_metric_that_nothing_watches_is_noticed() {
    let alarms = Template::of_file("stacks/alarms.yaml").edited(|document| {
        document["Resources"].as_object_mut().unwrap().remove("NearItsLimit");
    });
    assert_noticed(&watches(&alarms), "no alarm watches ConcurrentExecutions");
}

#[test]
fn failures_that_reach_nobody_are_noticed() {
    let template = broken(|document| {
        let resources = document["Resources"].as_object_mut().unwrap();
        resources.remove("FunctionErrorsAlarm");
        let one = json!([{"Name": "FunctionName", "Value": "gantry-prod-api-auth"}]);
        resources["FunctionThrottlesAlarm"]["Properties"]["Dimensions"] = one;
        resources["ServerErrorsAlarm"]["Properties"]["MetricName"] = "Failures".into();
        document["Rules"]["ProductionIsProtected"]["Assertions"].as_array_mut().unwrap().pop();
    });
    let problems = together(&template);
    assert_noticed(&problems, "an alarm on the sum of Errors of AWS/Lambda");
    assert_noticed(&problems, "an alarm on the sum of Throttles of AWS/Lambda");
    assert_noticed(&problems, "an alarm on the sum of ServerErrors of Gantry");
    assert_noticed(&problems, "assert that Monitoring is not none");
}

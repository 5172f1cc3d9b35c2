//! Every folder under `functions/` is a function of the template and the reverse, with its limits.

use std::fs;

use serde_json::Value;

use system_tests::template::{Function, Template, repository, target};

use crate::{assert_none, assert_noticed, broken};

/// API Gateway waits 29 seconds.
const LONGEST_HTTP_TIMEOUT: u64 = 28;
/// Lambda's longest run, in seconds.
const LONGEST_TIMEOUT: u64 = 900;

pub(crate) fn folders() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(repository().join("functions"))
        .expect("functions/ is readable")
        .map(|entry| entry.expect("an entry of functions/ is readable").path())
        .filter(|path| path.join("Cargo.toml").is_file())
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

pub(crate) fn folders_and_template(template: &Template, folders: &[String]) -> Vec<String> {
    let mut problems = Vec::new();
    for function in template.functions() {
        let (id, name) = (function.resource.id, function.name());
        if !folders.iter().any(|folder| folder == name) {
            problems.push(format!("{id}: there is no functions/{name}. Mend CodeUri or add the crate (`cargo xtask new-function {name}`)."));
        }
        if function.property("CodeUri") != &Value::String(format!("target/lambda/{name}/")) {
            problems.push(format!(
                "{id}: say CodeUri: target/lambda/{name}/, where `cargo lambda build` puts it."
            ));
        }
        if function.resource.attribute("Metadata")["SkipBuild"] != true {
            problems.push(format!(
                "{id}: say Metadata: {{SkipBuild: true}}, or `sam build` builds it a second time."
            ));
        }
    }
    for folder in folders {
        let places = template.functions().filter(|function| function.name() == folder).count();
        if places != 1 {
            problems.push(format!(
                "functions/{folder} stands {places} times in the templates; give it one AWS::Serverless::Function."
            ));
        }
    }
    problems
}

pub(crate) fn limits(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for function in template.functions() {
        let name = function.name();
        let number = |property: &str| function.property(property).as_u64().unwrap_or_default();
        let concurrency = number("ReservedConcurrentExecutions");
        if concurrency == 0 {
            problems.push(format!(
                "{name}: give it ReservedConcurrentExecutions, so that no other function starves it."
            ));
        }
        if !(128..=1024).contains(&number("MemorySize")) {
            problems.push(format!("{name}: give it a MemorySize from 128 to 1024."));
        }
        let serves_http = function.events().any(|(_, kind, _)| kind == "Api");
        let longest = if serves_http { LONGEST_HTTP_TIMEOUT } else { LONGEST_TIMEOUT };
        if !(1..=longest).contains(&number("Timeout")) {
            problems.push(format!("{name}: give it a Timeout from 1 to {longest} seconds."));
        }
        for (property, wanted) in
            [("Runtime", "provided.al2023"), ("Handler", "bootstrap"), ("Tracing", "Active")]
        {
            if function.property(property) != wanted {
                problems.push(format!("{name}: say {property}: {wanted}."));
            }
        }
        if function.property("Architectures")[0] != "arm64" {
            problems.push(format!("{name}: say Architectures: [arm64]."));
        }
        let log_group =
            target(&function.property("LoggingConfig")["LogGroup"]).and_then(|id| template.resource(id));
        if log_group.is_none_or(|group| group.property("RetentionInDays").is_null()) {
            problems.push(format!(
                "{name}: give it a log group with RetentionInDays, or its logs stay for ever."
            ));
        }
        let at_once = |properties: &Value| properties["ScalingConfig"]["MaximumConcurrency"].as_u64();
        let most: u64 = function.events().filter_map(|(_, _, properties)| at_once(properties)).sum();
        if most > concurrency {
            problems.push(format!(
                "{name}: its queues may run {most} at once but {concurrency} are reserved; throttled messages would \
                 count as failed ones."
            ));
        }
    }
    problems
}

pub(crate) fn schedules(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for function in template.functions() {
        let name = function.name();
        for (event, _, properties) in function.events().filter(|(_, kind, _)| kind.starts_with("Schedule")) {
            if target(&properties["DeadLetterConfig"]["Arn"]).is_none() || properties["RetryPolicy"].is_null()
            {
                problems
                    .push(format!("{name}: give the schedule {event} a DeadLetterConfig and a RetryPolicy."));
            }
            let given_up =
                &function.property("EventInvokeConfig")["DestinationConfig"]["OnFailure"]["Destination"];
            if target(given_up).is_none() {
                problems.push(format!(
                    "{name}: the scheduler invokes asynchronously, so a failed run is lost: give it EventInvokeConfig \
                     with DestinationConfig/OnFailure."
                ));
            }
        }
    }
    problems
}

#[test]
fn every_function_is_in_the_template_and_the_reverse() {
    assert_none(&folders_and_template(&Template::of_repository(), &folders()));
}

/// What is the same for all functions, and said in the `Globals` of each template that has some.
const SAME: &[&str] = &[
    "Runtime",
    "Handler",
    "Architectures",
    "Tracing",
    "AutoPublishAlias",
    "PropagateTags",
    "PermissionsBoundary",
    "Tags",
];

/// The `Globals` of the templates do not drift apart.
fn same(template: &Template) -> Vec<String> {
    let globals = |function: &Function<'_>| -> Vec<(String, Value)> {
        let within = |property: &str, name: &str| {
            (format!("{property}/{name}"), function.property(property)[name].clone())
        };
        let variables = function.property("Environment")["Variables"].clone();
        let own = SAME.iter().map(|name| ((*name).to_owned(), function.property(name).clone()));
        let inner = [
            within("DeploymentPreference", "Enabled"),
            within("DeploymentPreference", "Type"),
            within("LoggingConfig", "LogFormat"),
            within("LoggingConfig", "ApplicationLogLevel"),
            ("GANTRY_ENVIRONMENT".to_owned(), variables["GANTRY_ENVIRONMENT"].clone()),
            ("LOG_LEVEL".to_owned(), variables["LOG_LEVEL"].clone()),
        ];
        own.chain(inner).collect()
    };
    let all: Vec<_> = template.functions().map(|function| (function.name(), globals(&function))).collect();
    let first = all.first().map(|(_, globals)| globals.clone()).unwrap_or_default();
    let differs = |(name, globals): &(&str, Vec<(String, Value)>)| {
        let (property, _) = globals.iter().zip(&first).find(|(own, other)| own != other)?.0.clone();
        Some(format!(
            "{name}: its {property} is not that of the other functions; mend the Globals of its template."
        ))
    };
    all.iter().filter_map(differs).collect()
}

#[test]
fn what_is_the_same_for_all_functions_is_said_alike() {
    assert_none(&same(&Template::of_repository()));
    let template = broken(|document| {
        document["Resources"]["QueueMailFunction"]["Properties"]["Tracing"] = "PassThrough".into();
    });
    assert_noticed(&same(&template), "queue-mail: its Tracing is not that of the other functions");
}

#[test]
fn every_function_has_its_limits() {
    assert_none(&limits(&Template::of_repository()));
}

#[test]
fn every_schedule_has_dead_letters() {
    assert_none(&schedules(&Template::of_repository()));
}

#[test]
fn a_missing_function_is_noticed() {
    let template = broken(|document| {
        document["Resources"].as_object_mut().unwrap().remove("QueueMailFunction");
    });
    assert_noticed(&folders_and_template(&template, &folders()), "functions/queue-mail stands 0 times");
}

#[test]
fn a_function_without_a_crate_is_noticed() {
    let template = broken(|document| {
        document["Resources"]["QueueMailFunction"]["Properties"]["CodeUri"] =
            "target/lambda/queue-post/".into();
    });
    assert_noticed(&folders_and_template(&template, &folders()), "there is no functions/queue-post");
}

#[test]
fn missing_limits_are_noticed() {
    let template = broken(|document| {
        let properties = &mut document["Resources"]["QueueMailFunction"]["Properties"];
        properties["ReservedConcurrentExecutions"] = Value::Null;
        properties["Timeout"] = 1000.into();
        document["Resources"]["ApiOrgsFunction"]["Properties"]["Timeout"] = 30.into();
    });
    let problems = limits(&template);
    assert_noticed(&problems, "queue-mail: give it ReservedConcurrentExecutions");
    assert_noticed(&problems, "queue-mail: give it a Timeout");
    assert_noticed(&problems, "queue-mail: its queues may run 10 at once but 0 are reserved");
    assert_noticed(&problems, "api-orgs: give it a Timeout from 1 to 28");
}

#[test]
fn a_schedule_without_dead_letters_is_noticed() {
    let template = broken(|document| {
        let properties = &mut document["Resources"]["CronTrialExpiryFunction"]["Properties"];
        properties["EventInvokeConfig"] = Value::Null;
        properties["Events"]["Hourly"]["Properties"]["DeadLetterConfig"] = Value::Null;
    });
    let problems = schedules(&template);
    assert_noticed(&problems, "give it EventInvokeConfig");
    assert_noticed(&problems, "give the schedule Hourly a DeadLetterConfig");
}

//! From the stream over the bus to the queues: every consumer has dead letters, every retry an end.

use serde_json::Value;

use system_tests::{
    domains,
    template::{Function, Resource, Template, target},
};

use crate::{assert_none, assert_noticed, broken};

/// How much longer than its function's timeout a queue hides a message: AWS's advice for event
/// source mappings.
const VISIBILITY_TIMES_TIMEOUT: u64 = 6;
const DAY: u64 = 24 * 60 * 60;

/// The queues that somebody consumes, each with its consumer and event.
fn consumed(template: &Template) -> Vec<(Resource<'_>, Function<'_>, &Value)> {
    let mut consumed = Vec::new();
    for function in template.functions() {
        for (_, _, properties) in function.events().filter(|(_, kind, _)| *kind == "SQS") {
            let queue = target(&properties["Queue"]).and_then(|id| template.resource(id));
            let same = template.functions().find(|other| other.resource.id == function.resource.id);
            consumed.extend(queue.zip(same).map(|(queue, function)| (queue, function, properties)));
        }
    }
    consumed
}

fn dead_letter_queue<'a>(template: &'a Template, queue: &Resource<'_>) -> Option<Resource<'a>> {
    template.resource(target(&queue.property("RedrivePolicy")["deadLetterTargetArn"])?)
}

pub(crate) fn queues(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for (queue, function, mapping) in consumed(template) {
        let (id, name) = (queue.id, function.name());
        let seconds = |resource: &Resource<'_>, property: &str| {
            resource.property(property).as_u64().unwrap_or_default()
        };
        let least = VISIBILITY_TIMES_TIMEOUT * function.property("Timeout").as_u64().unwrap_or_default();
        if seconds(&queue, "VisibilityTimeout") < least {
            problems.push(format!(
                "{id}: VisibilityTimeout must be at least {least}, {VISIBILITY_TIMES_TIMEOUT} times the timeout of {name}, or a slow batch runs twice."
            ));
        }
        if mapping["FunctionResponseTypes"][0] != "ReportBatchItemFailures" {
            problems.push(format!("{name}: say FunctionResponseTypes: [ReportBatchItemFailures], or one failure repeats its batch."));
        }
        match dead_letter_queue(template, &queue) {
            None => problems.push(format!(
                "{id}: give it a RedrivePolicy with a queue for dead letters, or poison goes round for ever."
            )),
            Some(dead)
                if seconds(&dead, "MessageRetentionPeriod")
                    < seconds(&queue, "MessageRetentionPeriod").max(7 * DAY) =>
            {
                problems
                    .push(format!("{}: keep dead letters for a week and as long as {id} at least.", dead.id));
            }
            Some(_) => {}
        }
        if !(3..=20)
            .contains(&queue.property("RedrivePolicy")["maxReceiveCount"].as_u64().unwrap_or_default())
        {
            problems.push(format!(
                "{id}: maxReceiveCount from 3 to 20: enough for an outage, an end for poison."
            ));
        }
    }
    for queue in template.of_type("AWS::SQS::Queue") {
        let id = queue.id;
        if queue.property("SqsManagedSseEnabled") != true {
            problems.push(format!("{id}: say SqsManagedSseEnabled: true."));
        }
        let is_consumed = consumed(template).iter().any(|(other, ..)| other.id == id);
        let alarm = template.of_type("AWS::CloudWatch::Alarm").any(|alarm| {
            let dimensions = alarm.property("Dimensions").as_array();
            dimensions.into_iter().flatten().any(|dimension| target(&dimension["Value"]) == Some(id))
                && alarm.property("AlarmActions").as_array().is_some_and(|actions| !actions.is_empty())
        });
        if !is_consumed && !alarm {
            problems.push(format!(
                "{id}: nobody consumes it, so what lies in it needs a look: give it an alarm."
            ));
        }
    }
    problems
}

pub(crate) fn rules(template: &Template, known: &[&str]) -> Vec<String> {
    let mut problems = Vec::new();
    for rule in template.of_type("AWS::Events::Rule") {
        let id = rule.id;
        let pattern = rule.property("EventPattern");
        if pattern["source"][0].as_str().is_some_and(|source| source.starts_with("aws.")) {
            problems.extend(rule_on_aws(template, &rule));
            continue;
        }
        if pattern["source"] != Value::from(vec![events::SOURCE]) {
            problems.push(format!("{id}: say source: [{}].", events::SOURCE));
        }
        let types = pattern["detail-type"].as_array().map(Vec::as_slice).unwrap_or_default();
        if types.is_empty() {
            problems.push(format!(
                "{id}: name the events (detail-type); a rule without takes every event there will be."
            ));
        }
        for name in types.iter().filter(|name| !name.as_str().is_some_and(|name| known.contains(&name))) {
            problems.push(format!("{id}: {name} is no event of any domain; mend the name or add the event."));
        }
        if target(rule.property("EventBusName")) != Some("EventBus") {
            problems.push(format!(
                "{id}: say EventBusName: !Ref EventBus; the default bus does not carry our events."
            ));
        }
        for event_target in rule.property("Targets").as_array().into_iter().flatten() {
            rule_target(template, id, event_target, &mut problems);
        }
    }
    problems
}

/// AWS's own events are on the default bus; no function takes them, so they wait where somebody
/// looks.
fn rule_on_aws(template: &Template, rule: &Resource<'_>) -> Option<String> {
    let targets = rule.property("Targets").as_array();
    let is_queue = |event_target: &Value| {
        let queue = target(&event_target["Arn"]).and_then(|id| template.resource(id));
        queue.is_some_and(|queue| queue.kind() == "AWS::SQS::Queue")
    };
    let good = rule.property("EventBusName").is_null()
        && targets.is_some_and(|targets| targets.iter().all(is_queue));
    (!good).then(|| {
        format!("{}: AWS's events are on the default bus (no EventBusName); put them into a queue.", rule.id)
    })
}

fn rule_target(template: &Template, id: &str, event_target: &Value, problems: &mut Vec<String>) {
    let queue = target(&event_target["Arn"]).unwrap_or_default();
    if !consumed(template).iter().any(|(consumed, ..)| consumed.id == queue) {
        problems.push(format!("{id}: its target {queue:?} is no queue with a consumer; a consumer takes events from its own queue."));
    }
    if target(&event_target["DeadLetterConfig"]["Arn"]).is_none() {
        problems
            .push(format!("{id}: give its target a DeadLetterConfig, or what cannot be delivered is lost."));
    }
    if ["Input", "InputPath", "InputTransformer"].iter().any(|input| !event_target[*input].is_null()) {
        problems.push(format!("{id}: consumers read the whole event; remove the input transformation."));
    }
    let admitted = template.of_type("AWS::SQS::QueuePolicy").any(|policy| {
        let queues = policy.property("Queues").as_array();
        let covers = queues.into_iter().flatten().any(|covered| target(covered) == Some(queue));
        let statements = policy.property("PolicyDocument")["Statement"].as_array();
        covers
            && statements.into_iter().flatten().any(|statement| {
                statement["Principal"]["Service"] == "events.amazonaws.com"
                    && target(&statement["Condition"]["ArnEquals"]["aws:SourceArn"]) == Some(id)
            })
    });
    if !admitted {
        problems.push(format!(
            "{id}: {queue} does not admit it; allow events.amazonaws.com with aws:SourceArn of the rule."
        ));
    }
}

fn streams(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    let mut seen = 0;
    for function in template.functions() {
        let name = function.name();
        for (_, _, mapping) in function.events().filter(|(_, kind, _)| *kind == "DynamoDB") {
            seen += 1;
            let mut need = |met: bool, what: &str| {
                if !met {
                    problems.push(format!("{name}: {what}"));
                }
            };
            let number = |property: &str| mapping[property].as_i64().unwrap_or(-1);
            need(
                mapping["StartingPosition"] == "TRIM_HORIZON",
                "say StartingPosition: TRIM_HORIZON, or the first events are lost.",
            );
            need(
                mapping["BisectBatchOnFunctionError"] == true,
                "say BisectBatchOnFunctionError: true, or one bad record holds its batch.",
            );
            need(
                mapping["FunctionResponseTypes"][0] == "ReportBatchItemFailures",
                "say FunctionResponseTypes: [ReportBatchItemFailures].",
            );
            need(
                (1..=100).contains(&number("MaximumRetryAttempts")),
                "bound MaximumRetryAttempts (1 to 100), or poison blocks its shard for a day.",
            );
            need(
                (60..=43_200).contains(&number("MaximumRecordAgeInSeconds")),
                "bound MaximumRecordAgeInSeconds (60 to 43200), inside the stream's 24 hours.",
            );
            let given_up = target(&mapping["DestinationConfig"]["OnFailure"]["Destination"])
                .and_then(|id| template.resource(id));
            need(
                given_up.is_some_and(|queue| queue.kind() == "AWS::SQS::Queue"),
                "give it DestinationConfig/OnFailure with a queue, or what it gives up is lost.",
            );
            let shards = 4;
            let reserved = function.property("ReservedConcurrentExecutions").as_i64().unwrap_or_default();
            need(
                number("ParallelizationFactor").max(1) * shards <= reserved,
                "reserve more executions than shards times ParallelizationFactor.",
            );
            problems.extend(outbox_filter(mapping).map(|problem| format!("{name}: {problem}")));
        }
    }
    if seen == 0 {
        problems
            .push("no function reads the table's stream; without it no event leaves the outbox.".to_owned());
    }
    problems
}

/// The filter lets pass what the outbox writes, and nothing else.
fn outbox_filter(mapping: &Value) -> Option<String> {
    let filters = mapping["FilterCriteria"]["Filters"].as_array()?;
    let [filter] = filters.as_slice() else { return Some("give it one filter.".to_owned()) };
    let pattern: Value =
        serde_json::from_str(filter["Pattern"].as_str().unwrap_or_default()).unwrap_or_default();
    let prefix = pattern["dynamodb"]["Keys"][table::keys::PK]["S"][0]["prefix"].as_str();
    let good = pattern["eventName"] == Value::from(vec!["INSERT"]) && prefix == Some("OUTBOX#");
    (!good).then(|| {
        "let its filter pass INSERTs whose partition key begins with OUTBOX#, as `table` writes them."
            .to_owned()
    })
}

/// How many workers each lane of mail has, as the code that shares the rate among them believes.
fn lanes(template: &Template) -> Vec<String> {
    let believed = [
        ("SignInMailQueue", queue_mail::SIGN_IN_WORKERS, "SIGN_IN_WORKERS"),
        ("MailQueue", queue_mail::OTHER_WORKERS, "OTHER_WORKERS"),
    ];
    let mut problems = Vec::new();
    for (queue, workers, name) in believed {
        let lane = consumed(template).into_iter().find(|(consumed, ..)| consumed.id == queue);
        let most = lane.map(|(_, _, mapping)| mapping["ScalingConfig"]["MaximumConcurrency"].clone());
        if most != Some(workers.into()) {
            problems.push(format!(
                "{queue}: its MaximumConcurrency must be {name} of functions/queue-mail/src/lanes.rs ({workers}), or mails \
                 are sent faster than MailSendRate."
            ));
        }
    }
    problems
}

/// A replayed event must meet consumers that remember it.
fn archive(template: &Template) -> Option<String> {
    let remembered = table::MARKERS_ARE_KEPT.as_hours() / 24;
    let (_, days) = template.parameters().find(|(name, _)| *name == "ArchiveDays")?;
    let longest = days["MaxValue"].as_i64().unwrap_or(i64::MAX);
    (longest > remembered).then(|| {
        format!("ArchiveDays: consumers remember for {remembered} days what they did; say MaxValue: {remembered}, or a replay mails twice.")
    })
}

pub(crate) fn catalogue() -> Vec<&'static str> {
    domains::events().into_iter().flat_map(|(_, events)| events).map(|event| event.name).collect()
}

#[test]
fn every_queue_has_dead_letters_and_time() {
    assert_none(&queues(&Template::of_repository()));
}

#[test]
fn every_rule_names_known_events_and_reaches_a_consumer() {
    assert_none(&rules(&Template::of_repository(), &catalogue()));
}

#[test]
fn mails_keep_to_their_rate() {
    assert_none(&lanes(&Template::of_repository()));
    let template = broken(|document| {
        let events = &mut document["Resources"]["QueueMailFunction"]["Properties"]["Events"];
        events["Mail"]["Properties"]["ScalingConfig"]["MaximumConcurrency"] = 10.into();
    });
    assert_noticed(&lanes(&template), "MailQueue: its MaximumConcurrency must be OTHER_WORKERS");
}

#[test]
fn the_stream_retries_within_bounds() {
    assert_none(&streams(&Template::of_repository()));
}

#[test]
fn no_replay_is_older_than_what_consumers_remember() {
    assert_eq!(archive(&Template::of_repository()), None);
    let template = broken(|document| document["Parameters"]["ArchiveDays"]["MaxValue"] = 90.into());
    assert!(archive(&template).unwrap().contains("say MaxValue: 30"));
}

#[test]
fn a_queue_without_dead_letters_is_noticed() {
    let template =
        broken(|document| document["Resources"]["MailQueue"]["Properties"]["RedrivePolicy"] = Value::Null);
    assert_noticed(&queues(&template), "MailQueue: give it a RedrivePolicy");
}

#[test]
fn a_short_visibility_is_noticed() {
    let template =
        broken(|document| document["Resources"]["MailQueue"]["Properties"]["VisibilityTimeout"] = 60.into());
    assert_noticed(&queues(&template), "MailQueue: VisibilityTimeout must be at least 360");
}

#[test]
fn dead_letters_without_an_alarm_are_noticed() {
    let template = broken(|document| {
        document["Resources"].as_object_mut().unwrap().remove("MailDeadLettersAlarm");
    });
    assert_noticed(&queues(&template), "MailDeadLetters: nobody consumes it");
}

#[test]
fn an_unknown_event_is_noticed() {
    let template = broken(|document| {
        document["Resources"]["MailRule"]["Properties"]["EventPattern"]["detail-type"][0] =
            "organization.invented".into();
    });
    assert_noticed(&rules(&template, &catalogue()), "\"organization.invented\" is no event of any domain");
}

#[test]
fn a_rule_on_aws_that_leads_nowhere_is_noticed() {
    let audit = || Template::of_file("stacks/audit.yaml");
    assert_none(&rules(&audit(), &catalogue()));
    let template = audit().edited(|document| {
        document["Resources"]["ThreatsRule"]["Properties"]["Targets"][0]["Arn"] = "arn:elsewhere".into();
    });
    assert_noticed(&rules(&template, &catalogue()), "ThreatsRule: AWS's events are on the default bus");
}

#[test]
fn a_rule_without_dead_letters_or_admission_is_noticed() {
    let template = broken(|document| {
        document["Resources"]["MailRule"]["Properties"]["Targets"][0]["DeadLetterConfig"] = Value::Null;
        document["Resources"].as_object_mut().unwrap().remove("MailQueuePolicy");
    });
    let problems = rules(&template, &catalogue());
    assert_noticed(&problems, "MailRule: give its target a DeadLetterConfig");
    assert_noticed(&problems, "MailRule: MailQueue does not admit it");
}

#[test]
fn an_unbounded_stream_is_noticed() {
    let template = broken(|document| {
        let mapping = &mut document["Resources"]["StreamOutboxFunction"]["Properties"]["Events"]["Outbox"]["Properties"];
        mapping["MaximumRetryAttempts"] = (-1).into();
        mapping["BisectBatchOnFunctionError"] = false.into();
        mapping["DestinationConfig"] = Value::Null;
        mapping["FilterCriteria"]["Filters"][0]["Pattern"] = "{}".into();
    });
    let problems = streams(&template);
    assert_noticed(&problems, "bound MaximumRetryAttempts");
    assert_noticed(&problems, "BisectBatchOnFunctionError: true");
    assert_noticed(&problems, "DestinationConfig/OnFailure");
    assert_noticed(&problems, "begins with OUTBOX#");
}

use std::collections::BTreeMap;

use super::{FifoSpec, Place, Template, TemplateError, whole};

/// The small template of this crate's tests.
const SMALL: &str = include_str!("../../tests/cloud/template.yaml");

fn place() -> Place {
    let parameters = [
        ("Environment", "local"),
        ("PublicApiUrl", "http://localhost:3000"),
        ("AppUrl", "http://localhost:3000"),
        ("AllowedOrigins", "http://localhost:3000"),
        ("MailFrom", "hello@gantry.example"),
        ("MailIdentity", "gantry.example"),
        ("WebFirewall", "off"),
    ];
    Place {
        region: "us-east-1".into(),
        aws_url: "http://127.0.0.1:3001".into(),
        api_url: "http://localhost:3000".into(),
        parameters: parameters.map(|(name, value)| (name.into(), value.into())).into(),
    }
}

fn small(change: impl Fn(&str) -> String) -> Result<Template, TemplateError> {
    Template::read(&change(SMALL), &place())
}

#[test]
fn the_products_own_template_is_read_whole() {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml");
    let template = Template::read(&whole(own.as_ref()).unwrap().to_string(), &place()).unwrap();
    assert!(template.functions.contains_key("api-orgs") && template.functions.contains_key("stream-outbox"));
    let outbox = &template.stream_sources[0];
    assert_eq!(outbox.function, "stream-outbox");
    assert!(outbox.bisect && outbox.partial_failures && outbox.maximum_retries.is_some());
    let record = |name: &str, pk: &str| serde_json::json!({ "eventName": name, "dynamodb": { "Keys": { "pk": { "S": pk } } } });
    assert!(outbox.filters.iter().any(|filter| filter.matches(&record("INSERT", "OUTBOX#evt_1"))));
    assert!(!outbox.filters.iter().any(|filter| filter.matches(&record("INSERT", "ORG#org_1"))));
    assert!(!outbox.filters.iter().any(|filter| filter.matches(&record("REMOVE", "OUTBOX#evt_1"))));
    assert_eq!(template.tables.len(), 2);
    assert!(template.rules.iter().all(|rule| !rule.targets.is_empty()));
    let mail = &template.functions["queue-mail"];
    assert_eq!(mail.environment["GANTRY_ENVIRONMENT"], "local");
    assert!(
        mail.environment["LINK_SECRET_ARN"]
            .starts_with("arn:aws:secretsmanager:us-east-1:000000000000:secret:")
    );
    let push = template.functions["queue-push-fanout"].environment["PUSH_DELIVERY_QUEUE_URL"].clone();
    assert!(push.starts_with("http://127.0.0.1:3001/000000000000/"), "{push}");
    let of =
        |function: &str| template.schedules.iter().filter(|schedule| schedule.function == function).count();
    assert_eq!((of("cron-trial-expiry"), of("rotate-secret"), template.rotations.len()), (1, 4, 4));
}

#[test]
fn references_conditions_and_globals_are_resolved() {
    let template = small(str::to_owned).unwrap();
    let environment: &BTreeMap<String, String> = &template.functions["notes"].environment;
    let expected = [
        ("ADDRESS", "https://Api.us-east-1/local"),
        ("BUS_ARN", "arn:aws:events:us-east-1:000000000000:event-bus/local-bus"),
        ("ONLY_LOCAL", "yes"),
        ("SECRET_ARN", "arn:aws:secretsmanager:us-east-1:000000000000:secret:Secret"),
        ("STAGE", "local"),
        ("TABLE_NAME", "Table"),
    ];
    assert_eq!(*environment, expected.map(|(name, value)| (name.into(), value.into())).into());
    assert_eq!(template.functions["notes"].timeout_seconds, 5);
    assert_eq!(template.queues["work"].redrive.as_ref().unwrap().max_receive_count, 2);
    assert_eq!(template.functions["clock"].asynchronous_retries, 1);
    assert_eq!(template.stage, "local");
}

#[test]
fn fifo_queues_are_read_with_their_rules() {
    let template = small(str::to_owned).unwrap();
    let own = |name: &str| template.queues[name].fifo.clone();
    assert_eq!((own("plain"), own("steps.fifo")), (None, Some(FifoSpec::default())));
    assert_eq!(own("StepsDeadLetters.fifo"), Some(FifoSpec::default()), "a name that is made has the ending");
    let all = FifoSpec { content_based: true, deduplicates_in_group: true, limited_by_group: true };
    assert_eq!(own("lines.fifo"), Some(all));
    for (from, to, problem) in [
        ("QueueName: plain,", "QueueName: plain, FifoQueue: true,", "Plain.QueueName"),
        ("QueueName: parked}", "QueueName: parked.fifo}", "Parked.QueueName"),
        ("QueueName: plain,", "QueueName: plain, ContentBasedDeduplication: true,", "FIFO queues alone"),
        ("DeduplicationScope: messageGroup", "DeduplicationScope: group", "must be queue or messageGroup"),
        ("DeduplicationScope: messageGroup", "DeduplicationScope: queue", "Lines.FifoThroughputLimit"),
        ("!GetAtt StepsDeadLetters.Arn", "!GetAtt DeadLetters.Arn", "must be a FIFO queue"),
        ("!GetAtt DeadLetters.Arn", "!GetAtt StepsDeadLetters.Arn", "must be a standard queue"),
        (
            "BatchSize: 10\n            Function",
            "BatchSize: 11\n            Function",
            "Steps.BatchSize: is 10",
        ),
        (
            "Queue: !GetAtt Steps.Arn",
            "Queue: !GetAtt Steps.Arn\n            MaximumBatchingWindowInSeconds: 5",
            "no batching window",
        ),
        ("Arn: !GetAtt WorkQueue.Arn}]", "Arn: !GetAtt Steps.Arn}]", "only functions send to one"),
    ] {
        let error = small(|text| text.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn what_cannot_be_run_is_named() {
    let told = |from: &str, to: &str| small(|text| text.replace(from, to)).unwrap_err().to_string();
    let unknown = told("Type: AWS::WAFv2::WebACL", "Type: AWS::Kinesis::Stream");
    assert!(unknown.contains("Firewall") && unknown.contains("AWS::Kinesis::Stream"), "{unknown}");
    let undeclared = told("TABLE_NAME: !Ref Table", "TABLE_NAME: !Ref Nothing");
    assert!(undeclared.contains("TABLE_NAME") && undeclared.contains("Nothing"), "{undeclared}");
    let target = told("Arn: !GetAtt WorkQueue.Arn}]", "Arn: !GetAtt Notes.Arn}]");
    assert!(target.contains("only queues"), "{target}");
    let parameter = told("  Suffix: {Type: String, Default: ''}", "  Suffix: {Type: String}");
    assert!(parameter.contains("Parameters.Suffix"), "{parameter}");
    let condition = told("Condition: HasSuffix", "Condition: Missing");
    assert!(condition.contains("condition Missing"), "{condition}");
    let code = told("CodeUri: target/lambda/slow/", "CodeUri: !Ref Environment");
    assert!(code.contains("Slow.CodeUri"), "{code}");
}

//! Least privilege: actions are named, resources are ours.

use serde_json::{Value, json};

use system_tests::template::{Template, one_or_many, target};

use crate::{assert_none, assert_noticed, broken, rotation};

/// Actions that no function may have: a scan costs what the table holds, the others change the
/// table itself.
const FORBIDDEN: &[&str] = &[
    "dynamodb:Scan",
    "dynamodb:PartiQLSelect",
    "dynamodb:DeleteTable",
    "dynamodb:UpdateTable",
    "iam:PassRole",
];

/// Actions that change a secret: for the function that rotates it.
const ROTATING: &[&str] = &["secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"];

pub(crate) fn functions(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for function in template.functions() {
        let name = function.name();
        if !function.resource.property("Role").is_null() {
            problems.push(format!(
                "{name}: a Role of its own makes SAM ignore its Policies; state what it needs there."
            ));
        }
        let statements = function.statements();
        if statements.is_empty() {
            problems.push(format!("{name}: has no Policies; state what it needs, action by action."));
        }
        let statements_of_topics = statements.iter().any(|one| denies_topics(one));
        for statement in statements {
            if statement["Effect"] == "Allow" && is_to_phones(statement) && statements_of_topics {
                continue;
            }
            if statement["Effect"].is_null() {
                problems.push(format!(
                    "{name}: {statement} is no statement; name the actions and resources instead."
                ));
                continue;
            }
            if statement["Effect"] == "Deny" {
                continue;
            }
            allowed(name, statement, &mut problems);
            let changes = one_or_many(&statement["Action"]).into_iter().filter_map(Value::as_str);
            let changes = changes.filter(|action| ROTATING.contains(action)).count() > 0;
            let rotates = rotation::rotated_by(template, function.resource.id);
            for secret in one_or_many(&statement["Resource"]).into_iter().filter_map(target) {
                if changes && !rotates.contains(&secret) {
                    problems.push(format!(
                        "{name}: may change {secret} but does not rotate it; remove the statement, or give the secret a RotationSchedule."
                    ));
                }
            }
        }
    }
    problems
}

/// A message to a phone is about no resource: its statement can name none.
fn is_to_phones(statement: &Value) -> bool {
    statement["Action"] == "sns:Publish" && statement["Resource"] == "*"
}

/// Takes out of such a statement all that is a resource.
fn denies_topics(statement: &Value) -> bool {
    statement["Effect"] == "Deny"
        && statement["Action"] == "sns:Publish"
        && statement["Resource"]["Fn::Sub"] == "arn:${AWS::Partition}:sns:*:*:*"
}

fn allowed(name: &str, statement: &Value, problems: &mut Vec<String>) {
    if !statement["NotAction"].is_null() || !statement["NotResource"].is_null() {
        problems.push(format!(
            "{name}: NotAction and NotResource allow what nobody thought of; name what is needed."
        ));
    }
    let actions = one_or_many(&statement["Action"]);
    for action in &actions {
        let action = action.as_str().unwrap_or_default();
        if action.contains('*') {
            problems.push(format!("{name}: {action} has a wildcard; name the actions that the code calls."));
        }
        if FORBIDDEN.contains(&action) {
            problems.push(format!("{name}: {action} is not for functions; read through a key or an index."));
        }
    }
    let resources = one_or_many(&statement["Resource"]);
    if resources.is_empty() {
        problems.push(format!("{name}: {actions:?} has no Resource."));
    }
    for resource in resources {
        if resource == "*" || (resource.is_string() && target(resource).is_none()) {
            problems.push(format!("{name}: {resource} is not a resource of this stack; refer to one."));
        }
        let on_table = actions
            .iter()
            .any(|action| action.as_str().is_some_and(|action| action.starts_with("dynamodb:")));
        if on_table && !matches!(target(resource), Some("Table" | "TrafficTable")) {
            problems.push(format!(
                "{name}: DynamoDB actions are for the tables and their indexes, not for {resource}."
            ));
        }
    }
}

/// The functions that publish the keys that sign access tokens: those that sign somebody in, and so have the
/// secret which these keys are made of.
const PUBLISH_SIGNING_KEYS: &[&str] = &["api-auth", "api-sso"];
const WRITES: &[&str] = &["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"];

/// Whoever writes is bound to the keys of what it writes: who could write the signing keys could
/// sign tokens for everybody.
fn written_keys(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for function in template.functions() {
        let name = function.name();
        let writes = |statement: &&Value| {
            let actions = one_or_many(&statement["Action"]);
            statement["Effect"] == "Allow" && WRITES.iter().any(|write| actions.contains(&&json!(write)))
        };
        for statement in function.statements().into_iter().filter(writes) {
            let condition = &statement["Condition"];
            let of = |operator: &str| one_or_many(&condition[operator]["dynamodb:LeadingKeys"]);
            let keys = [of("ForAllValues:StringLike"), of("ForAllValues:StringEquals")].concat();
            if keys.is_empty() {
                problems.push(format!(
                    "{name}: may write every item; say in a Condition with which dynamodb:LeadingKeys those begin that it writes."
                ));
            }
            let begins = |key: &&Value| {
                let start = key.as_str().unwrap_or_default().split('*').next().unwrap_or_default();
                "SIGNING_KEYS".starts_with(start)
            };
            if !PUBLISH_SIGNING_KEYS.contains(&name) && keys.into_iter().any(|key| begins(&key)) {
                problems.push(format!(
                    "{name}: may write SIGNING_KEYS, and so sign tokens for everybody; take it out."
                ));
            }
        }
    }
    problems
}

pub(crate) fn resource_policies(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for policy in template.resources().filter(|resource| !resource.property("PolicyDocument").is_null()) {
        for statement in one_or_many(&policy.property("PolicyDocument")["Statement"]) {
            let anybody = statement["Principal"] == "*" || statement["Principal"]["AWS"] == "*";
            if statement["Effect"] == "Allow" && (anybody || statement["Condition"].is_null()) {
                problems.push(format!(
                    "{}: allow one service, for one source (aws:SourceArn or aws:SourceAccount).",
                    policy.id
                ));
            }
            for action in one_or_many(&statement["Action"]) {
                if action.as_str().is_some_and(|action| action.contains('*')) {
                    problems.push(format!("{}: {action} has a wildcard; name the actions.", policy.id));
                }
            }
        }
    }
    problems
}

/// Statements on a function's secrets match the `…_SECRET_ARN` variables that it is given.
fn secrets(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for function in template.functions() {
        let readable: Vec<&str> = function
            .statements()
            .into_iter()
            .filter(|statement| {
                one_or_many(&statement["Action"]).contains(&&json!("secretsmanager:GetSecretValue"))
            })
            .flat_map(|statement| one_or_many(&statement["Resource"]))
            .filter_map(target)
            .collect();
        let variables = function.resource.property("Environment")["Variables"].as_object();
        // Secrets Manager names the secret to the function that rotates it.
        let rotated = rotation::rotated_by(template, function.resource.id);
        let given: Vec<&str> = variables
            .into_iter()
            .flatten()
            .filter(|(name, _)| name.ends_with("_SECRET_ARN"))
            .filter_map(|(_, value)| target(value))
            .chain(rotated)
            .collect();
        for secret in given.iter().filter(|secret| !readable.contains(secret)) {
            problems.push(format!(
                "{}: is told of {secret} but may not read it; add a statement.",
                function.name()
            ));
        }
        for secret in readable.iter().filter(|secret| !given.contains(secret)) {
            problems.push(format!(
                "{}: may read {secret} but is not told of it; remove the statement.",
                function.name()
            ));
        }
    }
    problems
}

#[test]
fn functions_have_the_least_privilege() {
    assert_none(&functions(&Template::of_repository()));
}

#[test]
fn nobody_but_who_publishes_them_writes_the_signing_keys() {
    assert_none(&written_keys(&Template::of_repository()));
    let with_keys = |keys: Value| {
        broken(|document| {
            let policy = &mut document["Resources"]["QueuePushDeliveryFunction"]["Properties"]["Policies"][0];
            let statements = policy["Statement"].as_array_mut().unwrap();
            let condition =
                statements.iter_mut().find(|statement| !statement["Condition"].is_null()).unwrap();
            condition["Condition"] = keys;
        })
    };
    assert_noticed(&written_keys(&with_keys(Value::Null)), "queue-push-delivery: may write every item");
    for key in ["*", "S*", "SIGNING_KEYS"] {
        let keys = json!({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["PUSH#*", key]}});
        assert_noticed(&written_keys(&with_keys(keys)), "queue-push-delivery: may write SIGNING_KEYS");
    }
}

#[test]
fn queues_and_topics_admit_one_source() {
    assert_none(&resource_policies(&Template::of_repository()));
}

#[test]
fn secrets_are_readable_where_they_are_used() {
    assert_none(&secrets(&Template::of_repository()));
}

fn with_statement(statement: Value) -> Template {
    broken(|document| {
        document["Resources"]["ApiOrgsFunction"]["Properties"]["Policies"][0]["Statement"][0] = statement;
    })
}

#[test]
fn a_wildcard_action_is_noticed() {
    let template = with_statement(
        json!({"Effect": "Allow", "Action": "dynamodb:*", "Resource": {"Fn::GetAtt": ["Table", "Arn"]}}),
    );
    assert_noticed(&functions(&template), "api-orgs: dynamodb:* has a wildcard");
}

#[test]
fn a_scan_is_noticed() {
    let template = with_statement(
        json!({"Effect": "Allow", "Action": ["dynamodb:Scan"], "Resource": {"Fn::GetAtt": ["Table", "Arn"]}}),
    );
    assert_noticed(&functions(&template), "api-orgs: dynamodb:Scan is not for functions");
}

#[test]
fn a_change_of_a_secret_by_a_reader_is_noticed() {
    let template = with_statement(json!({
        "Effect": "Allow", "Action": ["secretsmanager:PutSecretValue"], "Resource": {"Ref": "CursorSecret"},
    }));
    assert_noticed(&functions(&template), "api-orgs: may change CursorSecret but does not rotate it");
}

#[test]
fn a_wildcard_resource_is_noticed() {
    let template = with_statement(json!({"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"}));
    let problems = functions(&template);
    assert_noticed(&problems, "is not a resource of this stack");
    assert_noticed(&problems, "DynamoDB actions are for the tables");
}

#[test]
fn who_writes_to_phones_and_may_publish_to_topics_is_noticed() {
    let template = with_statement(json!({"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"}));
    assert_noticed(&functions(&template), "api-orgs: \"*\" is not a resource of this stack");
}

#[test]
fn a_managed_policy_is_noticed() {
    let template = broken(|document| {
        document["Resources"]["ApiOrgsFunction"]["Properties"]["Policies"] =
            json!(["AmazonDynamoDBFullAccess"]);
    });
    assert_noticed(&functions(&template), "is no statement");
}

#[test]
fn an_open_queue_is_noticed() {
    let template = broken(|document| {
        document["Resources"]["MailQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"][0]["Condition"] =
            Value::Null;
    });
    assert_noticed(&resource_policies(&template), "MailQueuePolicy: allow one service, for one source");
}

#[test]
fn a_secret_that_cannot_be_read_is_noticed() {
    let template = broken(|document| {
        document["Resources"]["QueueMailFunction"]["Properties"]["Environment"]["Variables"]["LINK_SECRET_ARN"] =
            json!({"Ref": "SessionSecret"});
    });
    let problems = secrets(&template);
    assert_noticed(&problems, "queue-mail: is told of SessionSecret but may not read it");
    assert_noticed(&problems, "queue-mail: may read LinkSecret but is not told of it");
}

//! The roles by which GitHub deploys: what CloudFormation needs and no template shows, and what
//! bounds the roles that it makes.

use serde_json::{Value, json};
use system_tests::template::{Template, one_or_many};

use crate::{assert_none, assert_noticed};

/// Rights that no resource can be named for, or whose resource is not the stack's: without one of
/// them a creation fails late.
const ON_EVERYTHING: &[&str] = &[
    // <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>: "scoped
    // to *"
    "cloudwatch:PutCompositeAlarm",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:DeleteAlarms",
    // the handlers of AWS::DynamoDB::GlobalTable in its resource schema
    "cloudwatch:PutMetricData",
    "application-autoscaling:Describe*",
    "cloudtrail:DescribeTrails",
];

/// Services that make a role for themselves when an option of ours is turned on.
const LINKED: &[&str] =
    &["replication.dynamodb.amazonaws.com", "guardduty.amazonaws.com", "ops.apigateway.amazonaws.com"];

/// Rights by which a role could be given more than the boundary.
const BOUNDED: &[&str] = &[
    "iam:CreateRole",
    "iam:PutRolePermissionsBoundary",
    "iam:AttachRolePolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePolicy",
    "iam:DeleteRolePolicy",
];

fn statements(template: &Template) -> Vec<Value> {
    let role = template.resource("CloudFormationRole").expect("there is a role for CloudFormation");
    let policies = role.property("Policies").as_array().into_iter().flatten();
    policies
        .flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().cloned().unwrap_or_default())
        .collect()
}

fn rule(template: &Template) -> Vec<String> {
    let statements = statements(template);
    let with = |action: &str| -> Vec<&Value> {
        let allowing = statements.iter().filter(|statement| statement["Effect"] == "Allow");
        allowing.filter(|statement| one_or_many(&statement["Action"]).contains(&&json!(action))).collect()
    };
    let mut problems = Vec::new();
    for action in ON_EVERYTHING {
        if !with(action).iter().any(|statement| statement["Resource"] == "*") {
            problems.push(format!("CloudFormationRole: allow {action} on *; narrower it is refused."));
        }
    }
    let linked = with("iam:CreateServiceLinkedRole");
    for service in LINKED {
        let named = |statement: &&Value| {
            let names = &statement["Condition"]["StringEquals"]["iam:AWSServiceName"];
            names.as_array().is_some_and(|names| names.contains(&json!(service)))
        };
        if !linked.iter().any(named) {
            problems.push(format!("CloudFormationRole: let {service} make its service-linked role."));
        }
    }
    for action in BOUNDED {
        let bound = json!({ "StringEquals": { "iam:PermissionsBoundary": { "Ref": "Boundary" } } });
        if with(action).iter().any(|statement| statement["Condition"] != bound) {
            problems.push(format!(
                "CloudFormationRole: allow {action} with the boundary alone (iam:PermissionsBoundary)."
            ));
        }
    }
    let free = [
        "iam:*",
        "iam:CreatePolicyVersion",
        "iam:SetDefaultPolicyVersion",
        "iam:DeleteRolePermissionsBoundary",
    ];
    for action in free.iter().filter(|action| !with(action).is_empty()) {
        problems.push(format!("CloudFormationRole: {action} would lift the boundary."));
    }
    problems
}

/// Every role of the stack can be bound, or a deployment by the role fails.
fn roles(template: &Template) -> Vec<String> {
    let bound = |value: &Value| value["Fn::If"][0] == "HasPermissionsBoundary";
    let mut problems = Vec::new();
    for role in template.of_type("AWS::IAM::Role").filter(|role| !bound(role.property("PermissionsBoundary")))
    {
        problems.push(format!("{}: say PermissionsBoundary: !If [HasPermissionsBoundary, …].", role.id));
    }
    for function in template.functions() {
        let role = &function.property("DeploymentPreference")["Role"];
        if role != &json!({ "Fn::GetAtt": ["CodeDeployRole", "Arn"] }) {
            problems.push(format!(
                "{}: say the Role of CodeDeployRole in DeploymentPreference (Globals); SAM's own has no boundary.",
                function.name()
            ));
        }
        if !bound(function.property("PermissionsBoundary")) {
            problems.push(format!("{}: keep the PermissionsBoundary of Globals.", function.name()));
        }
        for (event, _, properties) in function.events().filter(|(_, kind, _)| *kind == "ScheduleV2") {
            if !bound(&properties["PermissionsBoundary"]) {
                problems.push(format!(
                    "{}: give the schedule {event} the PermissionsBoundary; SAM makes a role for it.",
                    function.name()
                ));
            }
        }
    }
    problems
}

/// How the stack's name begins in the boundary: `${Stacks}-${Environment}`. Parameters stand for themselves.
const STACK: &str = "Stacks-Environment";

/// The ARN that a resource of the stack gets, as far as a boundary can know it.
fn arn(template: &Template, id: &str) -> Option<String> {
    let kind = match template.resource(id)?.kind() {
        "AWS::DynamoDB::GlobalTable" => "dynamodb:AWS::Region:AWS::AccountId:table/",
        "AWS::Events::EventBus" => "events:AWS::Region:AWS::AccountId:event-bus/",
        "AWS::SecretsManager::Secret" => "secretsmanager:AWS::Region:AWS::AccountId:secret:",
        "AWS::SQS::Queue" => "sqs:AWS::Region:AWS::AccountId:",
        "AWS::S3::Bucket" => "s3:::",
        _ => return None,
    };
    Some(format!("arn:AWS::Partition:{kind}{STACK}-{id}"))
}

/// A text of `Fn::Sub` with what its names stand for.
fn substituted(template: &Template, text: &str) -> String {
    let mut parts = text.split("${");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or((part, ""));
        let of_resource = name.strip_suffix(".Arn").and_then(|id| arn(template, id));
        result += of_resource.as_deref().unwrap_or(if name == "AWS::StackName" { STACK } else { name });
        result += rest;
    }
    result
}

/// The patterns of a statement's `Resource`. What cannot be read stays as it is written, and so is in no
/// boundary.
fn patterns(template: &Template, resource: &Value) -> Vec<String> {
    if let Some(branches) = resource["Fn::If"].as_array() {
        return branches.iter().skip(1).flat_map(|branch| patterns(template, branch)).collect();
    }
    if let Value::Array(all) = resource {
        return all.iter().flat_map(|one| patterns(template, one)).collect();
    }
    if resource.is_null() || resource["Ref"] == "AWS::NoValue" {
        return Vec::new();
    }
    let referred = resource["Ref"].as_str().or_else(|| resource["Fn::GetAtt"][0].as_str());
    let text = resource["Fn::Sub"].as_str().map(|text| substituted(template, text));
    let known = referred.and_then(|id| arn(template, id)).or(text);
    vec![known.or_else(|| resource.as_str().map(str::to_owned)).unwrap_or_else(|| resource.to_string())]
}

/// Whether the outer pattern fits all that the inner one fits.
fn covers(outer: &str, inner: &str) -> bool {
    let Some((start, rest)) = outer.split_once('*') else { return outer == inner };
    let left = inner.strip_prefix(start);
    left.is_some_and(|left| (0..=left.len()).filter_map(|at| left.get(at..)).any(|end| covers(rest, end)))
}

/// Each action of the statements with this effect, with each pattern of their `Resource` or `NotResource`.
fn pairs(template: &Template, statements: &[&Value], effect: &str, place: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for statement in statements.iter().filter(|statement| statement["Effect"] == effect) {
        for action in one_or_many(&statement["Action"]).into_iter().filter_map(Value::as_str) {
            let patterns = patterns(template, &statement[place]).into_iter();
            pairs.extend(patterns.map(|pattern| (action.to_owned(), pattern)));
        }
    }
    pairs
}

/// What functions may do and the boundary would refuse. Compared are actions and resources. Not compared are
/// conditions, what the parameters of two ARNs (a region, a platform) have for values, and what SAM adds of
/// itself (logs, traces, sources of events).
fn within_the_boundary(template: &Template, roles: &Template) -> Vec<String> {
    let boundary = roles.resource("Boundary").expect("there is a boundary");
    let boundary = one_or_many(&boundary.property("PolicyDocument")["Statement"]);
    let allowed = pairs(roles, &boundary, "Allow", "Resource");
    let but = pairs(roles, &boundary, "Allow", "NotResource");
    let denied = pairs(roles, &boundary, "Deny", "Resource");
    let mut problems = Vec::new();
    for function in template.functions() {
        let statements = function.statements();
        let denied_itself = pairs(template, &statements, "Deny", "Resource");
        for (action, pattern) in pairs(template, &statements, "Allow", "Resource") {
            let is_in = |all: &[(String, String)]| {
                all.iter().any(|(other, outer)| *other == action && covers(outer, &pattern))
            };
            // Who may do something to all but these is allowed it by a boundary that leaves out the same.
            let left_out: Vec<_> = but.iter().filter(|(other, _)| *other == action).collect();
            let is_the_rest = pattern == "*"
                && !left_out.is_empty()
                && left_out.into_iter().all(|pair| denied_itself.contains(pair));
            if is_in(&denied) || !(is_in(&allowed) || is_the_rest) {
                problems.push(format!(
                    "{}: the boundary refuses {action} on {pattern}; allow it in .github/deploy-role.yaml.",
                    function.name()
                ));
            }
        }
    }
    problems
}

#[test]
fn cloudformation_may_what_the_stack_needs_and_makes_no_role_without_its_boundary() {
    assert_none(&rule(&Template::of_file(".github/deploy-role.yaml")));
    let template = Template::of_file(".github/deploy-role.yaml").edited(|document| {
        let policies = &mut document["Resources"]["CloudFormationRole"]["Properties"]["Policies"];
        let text = policies.to_string();
        let text = text.replace("cloudwatch:PutCompositeAlarm", "cloudwatch:GetMetricData");
        let text = text.replace("guardduty.amazonaws.com", "macie.amazonaws.com");
        let text =
            text.replace(r#""iam:PermissionsBoundary":{"Ref":"Boundary"}"#, r#""aws:Region":"eu-central-1""#);
        *policies = serde_json::from_str(&text).unwrap();
    });
    let problems = rule(&template);
    assert_noticed(&problems, "allow cloudwatch:PutCompositeAlarm on *");
    assert_noticed(&problems, "let guardduty.amazonaws.com make its service-linked role");
    assert_noticed(&problems, "allow iam:CreateRole with the boundary alone");
}

#[test]
fn every_role_of_the_stack_can_be_bound() {
    assert_none(&roles(&Template::of_repository()));
    assert_none(&roles(&Template::of_file("stacks/egress.yaml")));
    let template = crate::broken(|document| {
        let function = &mut document["Resources"]["ApiAuthFunction"]["Properties"];
        function["PermissionsBoundary"] = Value::Null;
        function["DeploymentPreference"]["Role"] = Value::Null;
        document["Resources"]["CodeDeployRole"]["Properties"]["PermissionsBoundary"] = Value::Null;
        document["Resources"]["CronTrialExpiryFunction"]["Properties"]["Events"]["Hourly"]["Properties"]["PermissionsBoundary"] =
            Value::Null;
    });
    let problems = roles(&template);
    assert_noticed(&problems, "api-auth: keep the PermissionsBoundary");
    assert_noticed(&problems, "api-auth: say the Role of CodeDeployRole");
    assert_noticed(&problems, "CodeDeployRole: say PermissionsBoundary");
    assert_noticed(&problems, "give the schedule Hourly the PermissionsBoundary");
}

#[test]
fn the_boundary_holds_what_functions_may() {
    let template = Template::of_repository();
    let roles = || Template::of_file(".github/deploy-role.yaml");
    let count: usize = template.functions().map(|function| function.statements().len()).sum();
    assert!(count > 30, "the functions' statements were not read");
    assert_none(&within_the_boundary(&template, &roles()));

    let with = |edit: &dyn Fn(&mut Vec<Value>)| {
        let roles = roles().edited(|document| {
            let policy = &mut document["Resources"]["Boundary"]["Properties"]["PolicyDocument"];
            edit(policy["Statement"].as_array_mut().unwrap());
        });
        within_the_boundary(&template, &roles)
    };
    let problems = with(&|all| all.retain(|statement| statement["Sid"] != "Phones"));
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert_noticed(&problems, "queue-mail: the boundary refuses sns:Publish on *");
    let problems = with(&|all| all.retain(|statement| statement["Sid"] != "Mail"));
    assert_noticed(&problems, "queue-mail: the boundary refuses ses:SendEmail on arn:");
    // The function's own Deny of topics would be one for push, too.
    let topics = json!({ "Fn::Sub": "arn:${AWS::Partition}:sns:*:*:*" });
    let problems = with(&|all| {
        all.push(json!({ "Effect": "Deny", "Action": "sns:Publish", "Resource": topics }));
    });
    assert_noticed(&problems, "queue-push-delivery: the boundary refuses sns:Publish on arn:");

    let other_table = crate::broken(|document| {
        let policy = &mut document["Resources"]["ApiOrgsFunction"]["Properties"]["Policies"][0];
        policy["Statement"][0]["Resource"] = json!({
            "Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/other",
        });
        policy["Statement"][1]["Action"] = json!("dynamodb:DeleteTable");
    });
    let problems = within_the_boundary(&other_table, &roles());
    assert_noticed(&problems, "api-orgs: the boundary refuses dynamodb:GetItem on arn:");
    assert_noticed(&problems, "api-orgs: the boundary refuses dynamodb:DeleteTable on arn:");
}

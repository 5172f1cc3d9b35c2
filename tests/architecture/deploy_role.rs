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

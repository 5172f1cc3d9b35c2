//! Our own keys rotate: each is on a schedule, by a function that Secrets Manager may call, and
//! slowly enough for what they made.

use serde_json::Value;

use identity::Policy;
use system_tests::template::{Template, target};

use crate::{assert_none, assert_noticed, broken};

const DAY: i64 = 24 * 60 * 60;

/// The function that a value names, itself or by the alias that SAM publishes it under.
fn function(value: &Value) -> Option<&str> {
    target(value).map(|id| id.strip_suffix(".Alias").unwrap_or(id))
}

/// The secrets that this function rotates.
pub(crate) fn rotated_by<'a>(template: &'a Template, id: &str) -> Vec<&'a str> {
    let schedules = template.of_type("AWS::SecretsManager::RotationSchedule");
    let own = schedules.filter(|schedule| function(schedule.property("RotationLambdaARN")) == Some(id));
    own.filter_map(|schedule| target(schedule.property("SecretId"))).collect()
}

/// The secrets of the form `{"key": "…"}`, which the functions read as ours.
pub(crate) fn keys(template: &Template) -> Vec<&str> {
    let secrets = template.of_type("AWS::SecretsManager::Secret");
    let keys = secrets.filter(|secret| secret.property("GenerateSecretString")["GenerateStringKey"] == "key");
    keys.map(|secret| secret.id).collect()
}

pub(crate) fn rotation(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    let schedules: Vec<_> = template.of_type("AWS::SecretsManager::RotationSchedule").collect();
    for key in keys(template) {
        let own =
            schedules.iter().filter(|schedule| target(schedule.property("SecretId")) == Some(key)).count();
        if own != 1 {
            problems.push(format!("{key}: give it one AWS::SecretsManager::RotationSchedule; it has {own}."));
        }
    }
    // A refresh token works as long as its key is the current one or the one before.
    let least = Policy::default().session_seconds / DAY;
    for schedule in schedules {
        let id = schedule.id;
        let days = schedule.property("RotationRules")["AutomaticallyAfterDays"].as_i64().unwrap_or_default();
        if days < least {
            problems.push(format!(
                "{id}: rotate after {least} days at the earliest, or somebody is signed out by it."
            ));
        }
        if schedule.property("RotateImmediatelyOnUpdate") != false {
            problems.push(format!(
                "{id}: say RotateImmediatelyOnUpdate: false; two deployments would otherwise retire a key that is in use."
            ));
        }
        if let Some(rotates) = function(schedule.property("RotationLambdaARN")) {
            callable(template, id, rotates, &mut problems);
        } else {
            problems.push(format!("{id}: name the function of ours that rotates the secret."));
        }
    }
    problems
}

/// Secrets Manager may call the function, for this account alone.
fn callable(template: &Template, schedule: &str, rotates: &str, problems: &mut Vec<String>) {
    let permission = template.of_type("AWS::Lambda::Permission").find(|permission| {
        permission.property("Principal") == "secretsmanager.amazonaws.com"
            && function(permission.property("FunctionName")) == Some(rotates)
    });
    let Some(permission) = permission else {
        problems.push(format!(
            "{schedule}: Secrets Manager may not call {rotates}; give it an AWS::Lambda::Permission for secretsmanager.amazonaws.com."
        ));
        return;
    };
    if target(permission.property("SourceAccount")) != Some("AWS::AccountId") {
        problems.push(format!(
            "{}: say SourceAccount: !Ref AWS::AccountId, or other accounts may call.",
            permission.id
        ));
    }
    let same = template.resource(schedule).is_some_and(|schedule| {
        target(schedule.property("RotationLambdaARN")) == target(permission.property("FunctionName"))
    });
    if !same {
        problems.push(format!(
            "{}: allow what {schedule} calls: the function itself, or its alias.",
            permission.id
        ));
    }
}

#[test]
fn every_key_of_ours_rotates() {
    let template = Template::of_repository();
    assert!(keys(&template).len() >= 3, "the keys were not found");
    assert_none(&rotation(&template));
}

#[test]
fn a_key_that_does_not_rotate_is_noticed() {
    let template = broken(|document| {
        document["Resources"].as_object_mut().unwrap().remove("LinkSecretRotation");
    });
    assert_noticed(&rotation(&template), "LinkSecret: give it one AWS::SecretsManager::RotationSchedule");
}

#[test]
fn a_rotation_that_signs_people_out_is_noticed() {
    let template = broken(|document| {
        let properties = &mut document["Resources"]["SessionSecretRotation"]["Properties"];
        properties["RotationRules"]["AutomaticallyAfterDays"] = 7.into();
        properties["RotateImmediatelyOnUpdate"] = Value::Null;
    });
    let problems = rotation(&template);
    assert_noticed(&problems, "SessionSecretRotation: rotate after 30 days at the earliest");
    assert_noticed(&problems, "SessionSecretRotation: say RotateImmediatelyOnUpdate: false");
}

#[test]
fn a_function_that_cannot_be_called_or_by_anybody_is_noticed() {
    let template = broken(|document| {
        document["Resources"].as_object_mut().unwrap().remove("RotateSecretPermission");
    });
    assert_noticed(&rotation(&template), "Secrets Manager may not call RotateSecretFunction");
    let template = broken(|document| {
        let properties = &mut document["Resources"]["RotateSecretPermission"]["Properties"];
        properties["SourceAccount"] = Value::Null;
        properties["FunctionName"] = serde_json::json!({ "Ref": "RotateSecretFunction" });
    });
    let problems = rotation(&template);
    assert_noticed(&problems, "RotateSecretPermission: say SourceAccount");
    assert_noticed(&problems, "RotateSecretPermission: allow what SessionSecretRotation calls");
}

//! Secrets Manager: values that are made once and kept, their versions, and their rotation.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, ServiceError, required};
use crate::engine::Engine;
use crate::state::{CURRENT, Refusal, Secret, SecretVersion, State, random_id};
use crate::template::{SecretSpec, SecretValue, Template};

/// Characters of a generated secret, as Secrets Manager uses them without further settings.
const CHARACTERS: &str =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// Those of them that are neither letters nor digits.
pub(crate) const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// Gives every secret of the template its first value, unless it has one. `fixed` holds values by
/// ARN that only make sense locally.
pub(crate) fn prepare(
    state: &mut State,
    template: &Template,
    fixed: &BTreeMap<String, Value>,
    now: jiff::Timestamp,
) -> Result<(), getrandom::Error> {
    state.secrets.retain(|arn, _| template.secrets.contains_key(arn));
    for (arn, spec) in &template.secrets {
        if state.secrets.get(arn).is_some_and(|secret| secret.current().is_some()) {
            continue;
        }
        let value = match fixed.get(arn) {
            Some(value) => value.to_string(),
            None => first_value(spec)?,
        };
        state.secrets.insert(arn.clone(), Secret::new(&spec.name, first_version(arn), value, now));
    }
    Ok(())
}

/// The first version's id is the same in every local cloud, so that the samples of `rotate-secret`
/// can name a version: the steps of a rotation that has come to its end.
fn first_version(arn: &str) -> String {
    uuid::Uuid::from_bytes(md5::compute(arn).0).to_string()
}

fn first_value(spec: &SecretSpec) -> Result<String, getrandom::Error> {
    let (template, length, exclude) = match &spec.value {
        SecretValue::Literal(text) => return Ok(text.clone()),
        SecretValue::Generated { template, length, exclude } => (template, *length, exclude),
    };
    let generated = random_text(length, exclude)?;
    let Some((template, key)) = template else { return Ok(generated) };
    let mut object: Value = serde_json::from_str(template).unwrap_or_else(|_| json!({}));
    object[key] = json!(generated);
    Ok(object.to_string())
}

/// Text from the operating system's randomness, without bias.
pub(crate) fn random_text(length: usize, exclude: &str) -> Result<String, getrandom::Error> {
    let characters: Vec<char> =
        CHARACTERS.chars().filter(|character| !exclude.contains(*character)).collect();
    let mut text = String::with_capacity(length);
    // Bytes at or above the largest multiple of the number of characters would favour the first
    // ones.
    let fair = 256 - 256 % characters.len().max(1);
    let mut bytes = [0_u8; 64];
    while text.len() < length && !characters.is_empty() {
        getrandom::fill(&mut bytes)?;
        let fair_bytes = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair);
        text.extend(fair_bytes.map(|byte| characters[byte % characters.len()]).take(length - text.len()));
    }
    Ok(text)
}

/// Answers one operation.
pub(super) async fn call(engine: &Engine, operation: &str, request: &Value) -> Answer {
    const KNOWN: [&str; 5] =
        ["GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage", "DescribeSecret", "RotateSecret"];
    if !KNOWN.contains(&operation) {
        return Err(ServiceError::unknown_operation(operation));
    }
    let id = required(request, "SecretId")?;
    let arn = engine.store.read(|state| find(state, id)).ok_or_else(|| not_found("secret."))?;
    match operation {
        "GetSecretValue" => engine.store.read(|state| value(&arn, &state.secrets[&arn], request)),
        "PutSecretValue" => put(engine, &arn, request),
        "UpdateSecretVersionStage" => move_label(engine, &arn, request),
        "DescribeSecret" => Ok(describe(engine, &arn)),
        "RotateSecret" => rotate(engine, &arn, request).await,
        operation => Err(ServiceError::unknown_operation(operation)),
    }
}

fn find(state: &State, id: &str) -> Option<String> {
    let mut known = state.secrets.iter();
    known.find(|(arn, secret)| *arn == id || secret.name == id).map(|(arn, _)| arn.clone())
}

fn not_found(what: &str) -> ServiceError {
    let message = format!("Secrets Manager can't find the specified {what}");
    ServiceError::sender("ResourceNotFoundException", message)
}

fn value(arn: &str, secret: &Secret, request: &Value) -> Answer {
    let (id, label) = (request["VersionId"].as_str(), request["VersionStage"].as_str());
    let default = if id.is_none() { Some(CURRENT) } else { None };
    let fits = |version: &&SecretVersion| {
        id.is_none_or(|id| version.id == id)
            && label.or(default).is_none_or(|label| version.labels.contains(label))
    };
    let missing = || {
        let what = id.map(|id| format!("VersionId: {id}"));
        let what = what.unwrap_or_else(|| format!("staging label: {}", label.unwrap_or(CURRENT)));
        not_found(&format!("secret value for {what}"))
    };
    let version = secret.versions.iter().find(fits).ok_or_else(missing)?;
    let text = version.value.as_ref().ok_or_else(missing)?;
    Ok(json!({
        "ARN": arn, "Name": secret.name, "VersionId": version.id, "SecretString": text,
        "VersionStages": version.labels, "CreatedDate": version.created_at.as_second(),
    }))
}

fn put(engine: &Engine, arn: &str, request: &Value) -> Answer {
    let value = required(request, "SecretString")?;
    let id = request["ClientRequestToken"].as_str().map_or_else(random_id, str::to_owned);
    let labels: Vec<&str> = match request["VersionStages"].as_array() {
        Some(labels) => labels.iter().filter_map(Value::as_str).collect(),
        None => vec![CURRENT],
    };
    let now = engine.clock.now();
    change(engine, arn, |secret| secret.put(&id, Some(value), &labels, now))?;
    let name = engine.store.read(|state| state.secrets[arn].name.clone());
    Ok(json!({ "ARN": arn, "Name": name, "VersionId": id, "VersionStages": labels }))
}

fn move_label(engine: &Engine, arn: &str, request: &Value) -> Answer {
    let label = required(request, "VersionStage")?;
    let (to, from) = (request["MoveToVersionId"].as_str(), request["RemoveFromVersionId"].as_str());
    change(engine, arn, |secret| secret.move_label(label, to, from))?;
    let name = engine.store.read(|state| state.secrets[arn].name.clone());
    Ok(json!({ "ARN": arn, "Name": name }))
}

fn change(
    engine: &Engine,
    arn: &str,
    change: impl FnOnce(&mut Secret) -> Result<(), Refusal>,
) -> Result<(), ServiceError> {
    let changed = engine.store.change(|state| state.secrets.get_mut(arn).map(change));
    match changed {
        Some(Ok(())) => Ok(()),
        Some(Err(Refusal::Exists)) => Err(ServiceError::sender(
            "ResourceExistsException",
            "You can't use this ClientRequestToken because that value is already in use for a version of this secret.",
        )),
        Some(Err(Refusal::LabelElsewhere)) => Err(ServiceError::sender(
            "InvalidParameterException",
            "The staging label is attached to another version; name that one in RemoveFromVersionId.",
        )),
        Some(Err(Refusal::NoVersion)) => Err(not_found("secret version.")),
        None => Err(not_found("secret.")),
    }
}

fn describe(engine: &Engine, arn: &str) -> Value {
    let rotation = engine.template.rotations.get(arn);
    let function =
        rotation.map(|rotation| engine.place.arn("lambda", &format!("function:{}", rotation.function)));
    engine.store.read(|state| {
        let secret = &state.secrets[arn];
        let labels: BTreeMap<&String, _> =
            secret.versions.iter().map(|version| (&version.id, &version.labels)).collect();
        let mut answer = json!({
            "ARN": arn, "Name": secret.name, "VersionIdsToStages": labels, "RotationEnabled": rotation.is_some(),
        });
        if let Some(rotation) = rotation {
            answer["RotationLambdaARN"] = json!(function);
            answer["RotationRules"] = json!({ "AutomaticallyAfterDays": rotation.days });
        }
        if let Some(at) = secret.rotated_at {
            answer["LastRotatedDate"] = json!(at.as_second());
        }
        answer
    })
}

/// On AWS the steps follow the answer; here they come before it, so that whoever asked need not
/// wait for them.
async fn rotate(engine: &Engine, arn: &str, request: &Value) -> Answer {
    let version = request["ClientRequestToken"].as_str().map_or_else(random_id, str::to_owned);
    let rotated = engine.rotate(arn, version).await;
    let version =
        rotated.map_err(|error| ServiceError::sender("InvalidRequestException", error.to_string()))?;
    let name = engine.store.read(|state| state.secrets[arn].name.clone());
    Ok(json!({ "ARN": arn, "Name": name, "VersionId": version }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_text_has_its_length_and_only_allowed_characters() {
        let text = random_text(200, PUNCTUATION).unwrap();
        assert_eq!(text.len(), 200);
        assert!(text.chars().all(|character| character.is_ascii_alphanumeric()));
        assert_ne!(text, random_text(200, "").unwrap());
    }
}

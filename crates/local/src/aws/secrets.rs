//! Secrets Manager: values that are made once and kept.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, ServiceError, required};
use crate::engine::Engine;
use crate::state::{Secret, State, random_id};
use crate::template::{SecretSpec, SecretValue, Template};

/// Characters of a generated secret, as Secrets Manager uses them without further settings.
const CHARACTERS: &str =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// Those of them that are neither letters nor digits.
pub(crate) const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// Gives every secret of the template its first value, unless it has one. `fixed` holds values by ARN that only make sense locally.
pub(crate) fn prepare(
    state: &mut State,
    template: &Template,
    fixed: &BTreeMap<String, Value>,
    now: jiff::Timestamp,
) -> Result<(), getrandom::Error> {
    state.secrets.retain(|arn, _| template.secrets.contains_key(arn));
    for (arn, spec) in &template.secrets {
        if state.secrets.contains_key(arn) {
            continue;
        }
        let value = match fixed.get(arn) {
            Some(value) => value.to_string(),
            None => first_value(spec)?,
        };
        state.secrets.insert(
            arn.clone(),
            Secret { name: spec.name.clone(), value, version_id: random_id(), created_at: now },
        );
    }
    Ok(())
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
    // Bytes at or above the largest multiple of the number of characters would favour the first ones.
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
pub(super) fn call(engine: &Engine, operation: &str, request: &Value) -> Answer {
    let id = required(request, "SecretId")?;
    let (arn, secret) = engine
        .store
        .read(|state| find(state, id).map(|(arn, secret)| (arn.clone(), secret.clone())))
        .ok_or_else(|| {
            ServiceError::sender(
                "ResourceNotFoundException",
                "Secrets Manager can't find the specified secret.",
            )
        })?;
    match operation {
        "GetSecretValue" => Ok(json!({
            "ARN": arn,
            "Name": secret.name,
            "VersionId": secret.version_id,
            "SecretString": secret.value,
            "VersionStages": ["AWSCURRENT"],
            "CreatedDate": secret.created_at.as_second(),
        })),
        "PutSecretValue" => {
            let value = required(request, "SecretString")?.to_owned();
            let version_id = random_id();
            let fresh = Secret {
                name: secret.name.clone(),
                value,
                version_id: version_id.clone(),
                created_at: engine.clock.now(),
            };
            engine.store.change(|state| state.secrets.insert(arn.clone(), fresh));
            Ok(
                json!({ "ARN": arn, "Name": secret.name, "VersionId": version_id, "VersionStages": ["AWSCURRENT"] }),
            )
        }
        "DescribeSecret" => Ok(json!({
            "ARN": arn, "Name": secret.name, "CreatedDate": secret.created_at.as_second(),
            "VersionIdsToStages": { secret.version_id: ["AWSCURRENT"] },
        })),
        operation => Err(ServiceError::unknown_operation(operation)),
    }
}

fn find<'a>(state: &'a State, id: &str) -> Option<(&'a String, &'a Secret)> {
    state.secrets.iter().find(|(arn, secret)| *arn == id || secret.name == id)
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

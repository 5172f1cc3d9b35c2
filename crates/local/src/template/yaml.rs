//! YAML with CloudFormation's short tags → JSON in the long form (`!Ref x` → `{"Ref": "x"}`).

use serde_json::{Map, Value, json};
use serde_yaml_ng::Value as Yaml;

use super::TemplateError;

/// Parses a template into JSON in which every intrinsic function is in its long form. A key that comes twice
/// is an error.
pub(super) fn parse(text: &str) -> Result<Value, TemplateError> {
    convert(serde_yaml_ng::from_str(text)?, "template")
}

fn convert(yaml: Yaml, at: &str) -> Result<Value, TemplateError> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => Value::Bool(value),
        Yaml::Number(number) => number_to_json(&number),
        Yaml::String(text) => Value::String(text),
        Yaml::Sequence(items) => Value::Array(
            items
                .into_iter()
                .enumerate()
                .map(|(index, item)| convert(item, &format!("{at}[{index}]")))
                .collect::<Result<_, _>>()?,
        ),
        Yaml::Mapping(mapping) => {
            let mut object = Map::new();
            for (key, value) in mapping {
                let key = match key {
                    Yaml::String(text) => text,
                    Yaml::Number(number) => number.to_string(),
                    Yaml::Bool(value) => value.to_string(),
                    _ => return Err(TemplateError::invalid(at, "a key is not text")),
                };
                let value = convert(value, &format!("{at}.{key}"))?;
                object.insert(key, value);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let value = convert(tagged.value, at)?;
            long_form(tag.trim_start_matches('!'), value)
        }
    })
}

fn number_to_json(number: &serde_yaml_ng::Number) -> Value {
    if let Some(integer) = number.as_i64() {
        return json!(integer);
    }
    if let Some(integer) = number.as_u64() {
        return json!(integer);
    }
    json!(number.as_f64())
}

fn long_form(tag: &str, value: Value) -> Value {
    match (tag, value) {
        ("Ref" | "Condition", value) => json!({ tag: value }),
        // The short form writes `Resource.Attribute`; attributes may hold dots, resource names may
        // not.
        ("GetAtt", Value::String(text)) => {
            let (resource, attribute) = text.split_once('.').unwrap_or((&text, ""));
            json!({ "Fn::GetAtt": [resource, attribute] })
        }
        (tag, value) => json!({ format!("Fn::{tag}"): value }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tags_become_their_long_form() {
        let parsed = parse(
            "a: !Ref X\nb: !GetAtt Q.Arn\nc: !If [C, !Sub '${X}-1', !Ref AWS::NoValue]\nd: !Join ['-', [a, 1]]\n",
        )
        .unwrap();
        assert_eq!(
            parsed,
            json!({
                "a": {"Ref": "X"},
                "b": {"Fn::GetAtt": ["Q", "Arn"]},
                "c": {"Fn::If": ["C", {"Fn::Sub": "${X}-1"}, {"Ref": "AWS::NoValue"}]},
                "d": {"Fn::Join": ["-", ["a", 1]]},
            })
        );
    }

    #[test]
    fn a_key_that_comes_twice_is_an_error() {
        for text in ["a: 1\na: 2\n", r#"{"a": 1, "a": 2}"#] {
            assert!(parse(text).is_err(), "{text}");
            assert!(parse(&text.replacen('a', "b", 1)).is_ok(), "{text}");
        }
    }
}

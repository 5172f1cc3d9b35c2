//! Which conditional resources of a template an environment has.

use std::{collections::BTreeMap, fs};

use serde_json::{Map, Value};

use crate::template::{Resource, Template, repository};

/// Values of parameters, by name.
pub type Parameters = BTreeMap<String, String>;

/// What `samconfig.toml` overrides for an environment, in all its stacks: each `"Name=value"` of
/// the sections that begin with the environment's name.
///
/// # Panics
///
/// Where there is no `samconfig.toml`.
pub fn overrides(environment: &str) -> Parameters {
    let text = fs::read_to_string(repository().join("samconfig.toml")).expect("samconfig.toml is readable");
    let mut ours = false;
    let mut found = Parameters::from([("Environment".to_owned(), environment.to_owned())]);
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').filter(|_| line.ends_with(']') && !line.contains('=')) {
            ours = section.starts_with(environment);
        } else if let Some((name, value)) = line.trim_matches([',', '"']).split_once('=')
            && ours
            && line.starts_with('"')
        {
            found.insert(name.to_owned(), value.to_owned());
        }
    }
    found
}

/// Whether an environment has this resource.
///
/// # Panics
///
/// Where the template's condition is made of something that is not known here.
pub fn has(template: &Template, resource: &Resource<'_>, overrides: &Parameters) -> bool {
    resource.attribute("Condition").as_str().is_none_or(|name| named(template, name, overrides))
}

/// A value as an environment has it: each `Fn::If` decided, each parameter's value put in, and
/// without what is `AWS::NoValue`. Other references stay.
///
/// # Panics
///
/// Where the template's condition is made of something that is not known here.
pub fn value(template: &Template, of: &Value, overrides: &Parameters) -> Value {
    let no_value = |value: &Value| value["Ref"] == "AWS::NoValue";
    match of {
        Value::Array(items) => {
            let items = items.iter().map(|item| value(template, item, overrides));
            items.filter(|item| !no_value(item)).collect()
        }
        Value::Object(members) => {
            if let Some([condition, yes, no]) = of["Fn::If"].as_array().map(Vec::as_slice) {
                let holds = named(template, condition.as_str().unwrap_or_default(), overrides);
                return value(template, if holds { yes } else { no }, overrides);
            }
            let parameter =
                of["Ref"].as_str().filter(|name| template.section("Parameters")[name].is_object());
            if parameter.is_some() {
                return Value::String(text(template, of, overrides));
            }
            let members = members.iter().map(|(name, item)| (name.clone(), value(template, item, overrides)));
            Value::Object(members.filter(|(_, item)| !no_value(item)).collect::<Map<_, _>>())
        }
        plain => plain.clone(),
    }
}

fn named(template: &Template, name: &str, overrides: &Parameters) -> bool {
    holds(template, &template.section("Conditions")[name], overrides)
}

fn holds(template: &Template, condition: &Value, overrides: &Parameters) -> bool {
    let (function, argument) = condition
        .as_object()
        .and_then(|entries| entries.iter().next())
        .unwrap_or_else(|| panic!("{condition} is no condition"));
    let all = argument.as_array().map(Vec::as_slice).unwrap_or_default();
    match function.as_str() {
        "Condition" => named(template, argument.as_str().unwrap_or_default(), overrides),
        "Fn::Not" => !holds(template, &all[0], overrides),
        "Fn::And" => all.iter().all(|one| holds(template, one, overrides)),
        "Fn::Or" => all.iter().any(|one| holds(template, one, overrides)),
        "Fn::Equals" => text(template, &all[0], overrides) == text(template, &all[1], overrides),
        other => panic!("tests/src/conditions.rs does not know {other}; teach it"),
    }
}

/// A literal, or a parameter's value: the override, else its default, else nothing.
fn text(template: &Template, value: &Value, overrides: &Parameters) -> String {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if let Some(items) = value["Fn::Join"][1].as_array() {
        let separator = value["Fn::Join"][0].as_str().unwrap_or_default();
        return items.iter().map(|item| text(template, item, overrides)).collect::<Vec<_>>().join(separator);
    }
    let Some(name) = value["Ref"].as_str() else { return plain(value) };
    let default = || match &template.section("Parameters")[name]["Default"] {
        Value::Null => String::new(),
        default => plain(default),
    };
    overrides.get(name).cloned().unwrap_or_else(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "
Parameters:
  Environment: {Type: String}
  Nat: {Type: String, Default: 'off'}
Conditions:
  IsProd: !Equals [!Ref Environment, prod]
  HasNat: !And [!Condition IsProd, !Not [!Equals [!Ref Nat, 'off']]]
  Either: !Or [!Condition IsProd, !Condition HasNat]
Resources:
  Always: {Type: A}
  Nat: {Type: A, Condition: HasNat}
  Sometimes: {Type: A, Condition: Either}
";

    fn present(overrides: &[(&str, &str)]) -> Vec<String> {
        let template = Template::parse(TEMPLATE);
        let overrides =
            overrides.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let here = template.resources().filter(|resource| has(&template, resource, &overrides));
        here.map(|resource| resource.id.to_owned()).collect()
    }

    #[test]
    fn conditions_are_decided() {
        assert_eq!(present(&[("Environment", "dev"), ("Nat", "on")]), ["Always"]);
        assert_eq!(present(&[("Environment", "prod")]), ["Always", "Sometimes"]);
        assert_eq!(present(&[("Environment", "prod"), ("Nat", "on")]), ["Always", "Nat", "Sometimes"]);
    }

    #[test]
    fn values_are_those_of_the_environment() {
        let template = Template::parse(TEMPLATE);
        let rules = serde_json::json!({"Rules": [
            {"Fn::If": ["HasNat", {"Name": "Nat"}, {"Ref": "AWS::NoValue"}]}, {"Value": {"Ref": "Nat"}}, {"Ref": "Queue"},
        ]});
        let of = |overrides: &[(&str, &str)]| {
            let given = overrides.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            value(&template, &rules, &given.collect())["Rules"].to_string()
        };
        assert_eq!(of(&[("Environment", "prod")]), r#"[{"Value":"off"},{"Ref":"Queue"}]"#);
        assert_eq!(
            of(&[("Environment", "prod"), ("Nat", "on")]),
            r#"[{"Name":"Nat"},{"Value":"on"},{"Ref":"Queue"}]"#
        );
    }

    #[test]
    fn overrides_are_read_from_the_environment_s_sections() {
        assert_eq!(overrides("prod")["Environment"], "prod");
        assert_ne!(overrides("dev")["PublicApiUrl"], overrides("prod")["PublicApiUrl"]);
    }
}

//! What holds for the schemas of answers alone: every member is always there, and a word may come
//! that is younger than the description.

use std::collections::BTreeSet;

use serde_json::{Value, json};

const SCHEMAS: &str = "#/components/schemas/";

/// They leave members out, and say so: problems, what RFC 7662 says of a token that is not good, and an
/// actor of the audit log, whose hash is of what is there.
pub const PARTIAL: [&str; 4] = ["AuditActor", "FieldError", "Problem", "TokenIntrospection"];

/// Completes the schemas of answers.
pub(super) fn apply(contract: &mut Value) {
    let answers = of_answers(contract);
    let words = enums(contract);
    let schemas = contract["components"]["schemas"].as_object_mut().expect("the contract has schemas");
    for name in answers.iter().filter(|name| !PARTIAL.contains(&name.as_str())) {
        let schema = &mut schemas[name];
        let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { continue };
        properties.values_mut().for_each(|property| open(property, &words));
        let names: Vec<String> = properties.keys().cloned().collect();
        schema["required"] = json!(names);
    }
}

/// The names of the schemas that a request's body is made of.
pub fn of_requests(contract: &Value) -> BTreeSet<String> {
    reached(contract, |operation| vec![&operation["requestBody"]])
}

/// The names of the schemas that an answer is made of.
pub fn of_answers(contract: &Value) -> BTreeSet<String> {
    reached(contract, |operation| vec![&operation["responses"]])
}

/// The names of the schemas that are words.
pub fn enums(contract: &Value) -> BTreeSet<String> {
    let schemas = contract["components"]["schemas"].as_object().into_iter().flatten();
    schemas.filter(|(_, schema)| schema["enum"].is_array()).map(|(name, _)| name.clone()).collect()
}

fn reached<'a>(contract: &'a Value, parts: fn(&'a Value) -> Vec<&'a Value>) -> BTreeSet<String> {
    let paths = contract["paths"].as_object().into_iter().flat_map(serde_json::Map::values);
    let operations = paths.filter_map(Value::as_object).flat_map(serde_json::Map::values);
    let mut names = BTreeSet::new();
    let mut left: Vec<&Value> = operations.flat_map(parts).collect();
    while let Some(value) = left.pop() {
        if let Some(name) = value["$ref"].as_str().and_then(|text| text.strip_prefix(SCHEMAS))
            && names.insert(name.to_owned())
        {
            left.push(&contract["components"]["schemas"][name]);
        }
        left.extend(value.as_object().into_iter().flat_map(serde_json::Map::values));
        left.extend(value.as_array().into_iter().flatten());
    }
    names
}

/// Lets any text stand beside the words of an enum.
fn open(property: &mut Value, words: &BTreeSet<String>) {
    let is_word = |value: &Value| {
        value["$ref"]
            .as_str()
            .and_then(|text| text.strip_prefix(SCHEMAS))
            .is_some_and(|name| words.contains(name))
    };
    if is_word(property) {
        let reference = property.as_object_mut().and_then(|members| members.remove("$ref"));
        property["anyOf"] = json!([{ "$ref": reference }, { "type": "string" }]);
    } else if let Some(cases) =
        property["oneOf"].as_array().filter(|cases| cases.iter().any(is_word)).cloned()
    {
        if let Some(members) = property.as_object_mut() {
            members.remove("oneOf");
        }
        property["anyOf"] = cases.into_iter().chain([json!({ "type": "string" })]).collect();
    } else if property["items"].is_object() {
        open(&mut property["items"], words);
    }
}

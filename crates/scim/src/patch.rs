//! Patches (RFC 7644, section 3.5.2), also in the forms in which Entra and Okta send them: operations in
//! any case, values without a path, names with dots in such values, yes and no as texts, and parts of
//! values that are not there yet.

use primitives::json;
use serde_json::{Map, Value};

use crate::{
    ScimError,
    filter::Expression,
    path::{Path, Target},
    resource::{complete, single, valued},
    schema::{Attribute, Kind, Mutability, ResourceKind, named},
};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Add,
    Replace,
    Remove,
}

/// One operation of a patch.
#[derive(Clone, Debug)]
pub struct Operation {
    pub(crate) what: What,
    pub(crate) path: Option<String>,
    pub(crate) value: Value,
}

const MESSAGE: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// How many operations a patch has. Okta sends one for each member that it takes out of a group.
const MOST_OPERATIONS: usize = 1_000;

/// Reads a patch.
pub fn read_operations(body: &Map<String, Value>) -> Result<Vec<Operation>, ScimError> {
    let refuse = |what: &str| ScimError::Syntax(what.to_owned());
    let member = |name: &str| {
        body.iter().find(|(member, _)| member.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    if let Some(schemas) = member("schemas") {
        let is_message =
            |schema: &Value| schema.as_str().is_some_and(|one| one.eq_ignore_ascii_case(MESSAGE));
        if !schemas.as_array().is_some_and(|schemas| schemas.iter().any(is_message)) {
            return Err(refuse("schemas names urn:ietf:params:scim:api:messages:2.0:PatchOp"));
        }
    }
    let operations = member("Operations").and_then(Value::as_array);
    let operations = operations.ok_or_else(|| refuse("Operations is a list of operations"))?;
    if operations.is_empty() || operations.len() > MOST_OPERATIONS {
        return Err(refuse("a patch has 1 to 1000 operations"));
    }
    operations.iter().map(read_operation).collect()
}

fn read_operation(operation: &Value) -> Result<Operation, ScimError> {
    let refuse = |what: &str| ScimError::Syntax(what.to_owned());
    let members = operation.as_object().ok_or_else(|| refuse("an operation is an object"))?;
    let member = |name: &str| {
        members.iter().find(|(member, _)| member.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    let what = match member("op").and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
        Some("add") => What::Add,
        Some("replace") => What::Replace,
        Some("remove") => What::Remove,
        _ => return Err(refuse("op is add, replace or remove")),
    };
    let path = match member("path") {
        None | Some(Value::Null) => None,
        Some(Value::String(path)) if path.trim().is_empty() => None,
        Some(Value::String(path)) => Some(path.clone()),
        Some(_) => return Err(ScimError::Path("it is no text".to_owned())),
    };
    let value = member("value").cloned().unwrap_or_default();
    if what == What::Remove && path.is_none() {
        return Err(ScimError::NoTarget("remove without a path".to_owned()));
    }
    Ok(Operation { what, path, value })
}

/// One step of an operation: about one path.
pub(crate) struct Step {
    pub(crate) what: What,
    pub(crate) target: Target,
    pub(crate) value: Value,
}

/// The steps of an operation: one where it has a path, else one for each member of its value. What is in no
/// schema is passed over, also where a path leads there.
pub(crate) fn steps(kind: &ResourceKind, operation: &Operation) -> Result<Vec<Step>, ScimError> {
    let Operation { what, path, value } = operation;
    if let Some(path) = path {
        let Some(target) = Target::read(kind, path)? else { return Ok(Vec::new()) };
        if !is_writable(kind, &target) {
            return Err(ScimError::ReadOnly(path.chars().take(100).collect()));
        }
        return Ok(vec![Step { what: *what, target, value: value.clone() }]);
    }
    // what Entra sends at times: JSON in a text
    let inside = value.as_str().and_then(|text| json::from_str::<Value>(text).ok());
    let members = inside.as_ref().unwrap_or(value).as_object();
    let members = members
        .ok_or_else(|| ScimError::Value("without a path the value is an object of attributes".to_owned()))?;
    let mut steps = Vec::new();
    for (name, value) in members {
        let target = Target::read(kind, name)?.filter(|target| is_writable(kind, target));
        let Some(target) = target else { continue };
        steps.push(Step { what: *what, target, value: value.clone() });
    }
    Ok(steps)
}

fn is_writable(kind: &ResourceKind, target: &Target) -> bool {
    kind.attribute(&target.path.name).is_some_and(|one| one.mutability != Mutability::ReadOnly)
}

/// The resource behind a patch: all operations, or an error and none.
pub fn patched(
    kind: &'static ResourceKind,
    mut resource: Map<String, Value>,
    operations: &[Operation],
) -> Result<Map<String, Value>, ScimError> {
    for operation in operations {
        for step in steps(kind, operation)? {
            apply(kind, &mut resource, &step)?;
        }
    }
    complete(kind, &resource)?;
    Ok(resource)
}

fn no_target(path: &Path) -> ScimError {
    ScimError::NoTarget(
        path.part.as_ref().map_or_else(|| path.name.clone(), |part| format!("{}.{part}", path.name)),
    )
}

pub(crate) fn apply(
    kind: &'static ResourceKind,
    resource: &mut Map<String, Value>,
    step: &Step,
) -> Result<(), ScimError> {
    let Step { what, target: Target { path, filter }, value } = step;
    let attribute = kind.attribute(&path.name).ok_or_else(|| no_target(path))?;
    match (filter, &path.part, attribute.many) {
        (Some(_), _, false) => Err(no_target(path)),
        (Some(filter), part, true) => within(attribute, resource, (*what, filter, part.as_deref()), value),
        (None, Some(part), true) => {
            let every = |_: &Value| true;
            let values = resource.get_mut(attribute.name).and_then(Value::as_array_mut);
            let Some(values) = values else {
                return match what {
                    What::Remove => Ok(()),
                    _ => made(attribute, resource, &[], Some(part), value),
                };
            };
            changed(attribute, values, every, (*what, Some(part)), value)?;
            settled(attribute, resource);
            Ok(())
        }
        (None, Some(part), false) => {
            let of = named(attribute.parts(), part).ok_or_else(|| no_target(path))?;
            let whole = resource.entry(attribute.name).or_insert_with(|| Value::Object(Map::new()));
            let parts = whole.as_object_mut().ok_or_else(|| no_target(path))?;
            put(of, parts, (*what != What::Remove).then_some(value))?;
            settled(attribute, resource);
            Ok(())
        }
        (None, None, _) => whole(attribute, resource, *what, value),
    }
}

/// One part of an object: nothing, and null, is none.
fn put(
    part: &'static Attribute,
    parts: &mut Map<String, Value>,
    value: Option<&Value>,
) -> Result<(), ScimError> {
    // Entra sends single values in a list
    let value = match value {
        Some(Value::Array(values)) if values.len() <= 1 => values.first(),
        value => value,
    };
    match value.map(|value| single(part, value)).transpose()?.flatten() {
        Some(value) => parts.insert(part.name.to_owned(), value),
        None => parts.remove(part.name),
    };
    Ok(())
}

fn whole(
    attribute: &'static Attribute,
    resource: &mut Map<String, Value>,
    what: What,
    value: &Value,
) -> Result<(), ScimError> {
    if what == What::Remove {
        // which of the values is said by a value, as some do it
        if attribute.many && !value.is_null() {
            let out = valued(attribute, value)?.unwrap_or_default();
            let out: Vec<Value> = out.as_array().cloned().unwrap_or_default();
            if let Some(values) = resource.get_mut(attribute.name).and_then(Value::as_array_mut) {
                values.retain(|value| !out.iter().any(|out| out["value"] == value["value"]));
            }
            settled(attribute, resource);
            return Ok(());
        }
        resource.remove(attribute.name);
        return Ok(());
    }
    let new = valued(attribute, value)?;
    match (attribute.kind, new) {
        (_, None) => {
            // to add nothing changes nothing
            if what == What::Replace {
                resource.remove(attribute.name);
            }
        }
        (_, Some(Value::Array(new))) if what == What::Add => {
            let values = resource.entry(attribute.name).or_insert_with(|| Value::Array(Vec::new()));
            let Some(values) = values.as_array_mut() else { return Ok(()) };
            if new.iter().any(|value| value["primary"] == true) {
                unmarked(values);
            }
            for value in new {
                let same = |one: &Value| one["value"] == value["value"] && one["type"] == value["type"];
                match values.iter_mut().find(|one| same(one)) {
                    Some(one) => *one = value,
                    None => values.push(value),
                }
            }
            let all = Value::Array(values.clone());
            valued(attribute, &all)?;
        }
        // the parts that are named, and no others (sections 3.5.2.1 and 3.5.2.3)
        (Kind::Complex(_), Some(Value::Object(new))) => {
            let parts = resource.entry(attribute.name).or_insert_with(|| Value::Object(Map::new()));
            if let Some(parts) = parts.as_object_mut() {
                parts.extend(new);
            }
        }
        (_, Some(new)) => {
            resource.insert(attribute.name.to_owned(), new);
        }
    }
    Ok(())
}

fn unmarked(values: &mut [Value]) {
    for value in values {
        if value["primary"] == true {
            value["primary"] = false.into();
        }
    }
}

/// The values that a filter keeps.
fn within(
    attribute: &'static Attribute,
    resource: &mut Map<String, Value>,
    (what, filter, part): (What, &Expression, Option<&str>),
    value: &Value,
) -> Result<(), ScimError> {
    let values = resource.get_mut(attribute.name).and_then(Value::as_array_mut);
    let found = values.as_ref().is_some_and(|values| values.iter().any(|value| filter.holds(value)));
    if let Some(values) = values.filter(|_| found) {
        changed(attribute, values, |value| filter.holds(value), (what, part), value)?;
        settled(attribute, resource);
        return Ok(());
    }
    match (what, filter.described()) {
        // it is not there
        (What::Remove, _) => Ok(()),
        // Entra writes `emails[type eq "work"].value` before there is one
        (_, Some(described)) => made(attribute, resource, &described, part, value),
        (_, None) => Err(ScimError::NoTarget(format!("the filter of {}", attribute.name))),
    }
}

/// Changes these values.
fn changed(
    attribute: &'static Attribute,
    values: &mut Vec<Value>,
    meant: impl Fn(&Value) -> bool,
    (what, part): (What, Option<&str>),
    new: &Value,
) -> Result<(), ScimError> {
    let parts = attribute.parts();
    if what == What::Remove && part.is_none() {
        values.retain(|value| !meant(value));
        return Ok(());
    }
    let places: Vec<_> = (0..values.len()).filter(|place| meant(&values[*place])).collect();
    let is_primary = part == Some("primary") && single_bool(new) || new["primary"] == true;
    if is_primary && what != What::Remove {
        unmarked(values);
    }
    for place in places {
        let Some(members) = values[place].as_object_mut() else { continue };
        match part.and_then(|part| named(parts, part)) {
            Some(part) => put(part, members, (what != What::Remove).then_some(new))?,
            None => {
                if let Some(Value::Object(new)) = single(attribute, new)? {
                    members.extend(new);
                }
            }
        }
    }
    values.retain(|value| value.as_object().is_some_and(|members| !members.is_empty()));
    Ok(())
}

fn single_bool(value: &Value) -> bool {
    value == true || value.as_str().is_some_and(|word| word.eq_ignore_ascii_case("true"))
}

/// A value that is not there yet.
fn made(
    attribute: &'static Attribute,
    resource: &mut Map<String, Value>,
    described: &[(&str, &Value)],
    part: Option<&str>,
    value: &Value,
) -> Result<(), ScimError> {
    let mut members = Map::new();
    for (name, value) in described {
        if let Some(part) = named(attribute.parts(), name) {
            put(part, &mut members, Some(value))?;
        }
    }
    match part.and_then(|part| named(attribute.parts(), part)) {
        Some(part) => put(part, &mut members, Some(value))?,
        None => {
            if let Some(Value::Object(new)) = single(attribute, value)? {
                members.extend(new);
            }
        }
    }
    whole(attribute, resource, What::Add, &Value::Object(members))
}

/// What is empty is not there.
fn settled(attribute: &'static Attribute, resource: &mut Map<String, Value>) {
    let is_empty = match resource.get(attribute.name) {
        Some(Value::Array(values)) => values.is_empty(),
        Some(Value::Object(parts)) => parts.is_empty(),
        _ => false,
    };
    if is_empty {
        resource.remove(attribute.name);
    }
}

#[cfg(test)]
mod tests {
    use primitives::Fault;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::USER;

    fn resource() -> Map<String, Value> {
        let resource = json!({
            "userName": "bob", "active": true,
            "emails": [{ "value": "a@x.example", "type": "work", "primary": true }, { "value": "b@x.example", "type": "home" }],
        });
        resource.as_object().cloned().unwrap()
    }

    fn after(operations: &Value) -> Result<Value, ScimError> {
        let body = json!({ "schemas": [MESSAGE], "Operations": operations });
        let operations = read_operations(body.as_object().unwrap())?;
        patched(&USER, resource(), &operations).map(Value::Object)
    }

    #[test]
    fn one_address_is_the_primary_one() {
        let add = json!([{ "op": "add", "path": "emails", "value": [{ "value": "c@x.example", "primary": "true" }] }]);
        let emails = after(&add).unwrap()["emails"].clone();
        let primary =
            |emails: &Value| emails.as_array().unwrap().iter().filter(|one| one["primary"] == true).count();
        assert_eq!(
            (emails.as_array().unwrap().len(), primary(&emails), &emails[2]["primary"]),
            (3, 1, &json!(true))
        );
        let set = json!([{ "op": "replace", "path": "emails[type eq \"home\"].primary", "value": "True" }]);
        let emails = after(&set).unwrap()["emails"].clone();
        assert_eq!((primary(&emails), &emails[1]["primary"]), (1, &json!(true)));
    }

    #[test]
    fn what_is_taken_away_is_gone_and_nothing_else() {
        let remove = json!([{ "op": "remove", "path": "emails[type eq \"work\"]" }]);
        assert_eq!(after(&remove).unwrap()["emails"], json!([{ "value": "b@x.example", "type": "home" }]));
        let remove = json!([{ "op": "remove", "path": "emails[type eq \"work\"].type" }]);
        assert_eq!(after(&remove).unwrap()["emails"][0], json!({ "value": "a@x.example", "primary": true }));
        let remove = json!([{ "op": "remove", "path": "emails", "value": [{ "value": "a@x.example" }] }]);
        assert_eq!(after(&remove).unwrap()["emails"].as_array().unwrap().len(), 1);
        let all = json!([{ "op": "remove", "path": "emails[value pr]" }, { "op": "remove", "path": "name" }]);
        assert!(after(&all).unwrap()["emails"].is_null());
    }

    #[test]
    fn what_nobody_knows_is_passed_over() {
        let same = json!([
            { "op": "add", "path": "urn:other:schema:department", "value": "IT" },
            { "op": "replace", "path": "emails[type eq \"work\"].unheardOf", "value": 1 },
            { "op": "add", "value": { "unheardOf": [1], "groups": [{ "value": "x" }], "meta": {}, "schemas": [] } },
        ]);
        assert_eq!(after(&same).unwrap(), Value::Object(resource()));
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(
            op in prop::sample::select(vec!["add", "Replace", "REMOVE", "move"]),
            path in prop::sample::select(vec!["", "emails", "emails[type eq \"work\"]", "emails[type eq \"x\"].value", "name.givenName",
                "active", "userName", "emails.primary", "groups", "urn:ietf:params:scim:schemas:core:2.0:User:title", "a[", "]", "."]),
            odd in "\\PC{0,20}",
            which in 0..6_u8,
        ) {
            let value = [json!(odd), json!(null), json!([odd]), json!({ "value": odd }), json!([{ "type": "work", "primary": "true" }]), json!({ "emails": [{}] })]
                [usize::from(which)].clone();
            for path in [path.to_owned(), odd] {
                match after(&json!([{ "op": op, "path": path, "value": value }])) {
                    Ok(resource) => {
                        let has_name = resource["userName"].is_string();
                        prop_assert!(has_name);
                    }
                    Err(error) => prop_assert!(error.code().starts_with("scim_"), "{error}"),
                }
            }
        }
    }
}

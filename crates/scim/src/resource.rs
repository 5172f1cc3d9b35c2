//! Resources as they come and go: read by their schema, shown with what is asked for.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::{
    ScimError,
    limits::LARGEST,
    path::Path,
    schema::{Attribute, Kind, Mutability, ResourceKind, named},
};

/// How many values an attribute has at most, and how long a text is.
const MOST_VALUES: usize = 50;
const LONGEST_TEXT: usize = 1_000;

/// What a body says of a resource, under the names of the schema: without what is in no schema, what only
/// we write, and what is null or empty, which is the same as absent (RFC 7643, section 2.5).
pub fn normal(kind: &ResourceKind, body: &Map<String, Value>) -> Result<Map<String, Value>, ScimError> {
    let mut resource = Map::new();
    for (name, value) in body {
        let Some(name) = kind.unqualified(name) else { continue };
        let Some(attribute) = kind.attribute(name).filter(|one| one.mutability != Mutability::ReadOnly)
        else {
            continue;
        };
        if let Some(value) = valued(attribute, value)?
            && resource.insert(attribute.name.to_owned(), value).is_some()
        {
            return Err(ScimError::Syntax(format!("{} is there twice", attribute.name)));
        }
    }
    complete(kind, &resource)?;
    Ok(resource)
}

/// Refuses a resource without what it must have, and one that is too large.
pub(crate) fn complete(kind: &ResourceKind, resource: &Map<String, Value>) -> Result<(), ScimError> {
    let missing = kind.attributes.iter().find(|one| one.required && !resource.contains_key(one.name));
    if let Some(missing) = missing {
        return Err(ScimError::Value(format!("{} is needed", missing.name)));
    }
    let without: Map<_, _> = resource.iter().filter(|(name, _)| *name != "members").map(owned).collect();
    let bytes = serde_json::to_vec(&without).map_or(usize::MAX, |bytes| bytes.len());
    if bytes > LARGEST {
        return Err(ScimError::Value(format!("a resource has {LARGEST} bytes at most")));
    }
    Ok(())
}

fn owned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

/// The value as the schema has it; nothing where it is none. A single value stands for a list of one, and a
/// word for yes or no: so do Entra and Okta.
pub(crate) fn valued(attribute: &'static Attribute, value: &Value) -> Result<Option<Value>, ScimError> {
    if !attribute.many {
        return single(attribute, value);
    }
    let values = match value {
        Value::Array(values) => values.as_slice(),
        Value::Null => &[],
        one => std::slice::from_ref(one),
    };
    let members = attribute.name == "members";
    if values.len() > MOST_VALUES && !members {
        return Err(ScimError::Value(format!("{} has {MOST_VALUES} values at most", attribute.name)));
    }
    let mut normal = Vec::with_capacity(values.len());
    for value in values {
        // a text stands for its value, as in `"emails": ["ada@example.com"]`
        let text = value.as_str().map(|text| serde_json::json!({ "value": text }));
        if let Some(value) = single(attribute, text.as_ref().unwrap_or(value))?
            && (members || !normal.contains(&value))
        {
            normal.push(value);
        }
    }
    let primary = |value: &&Value| value["primary"] == true;
    if normal.iter().filter(primary).count() > 1 {
        return Err(ScimError::Value(format!("{} has one primary value at most", attribute.name)));
    }
    Ok((!normal.is_empty()).then_some(Value::Array(normal)))
}

/// One value.
pub(crate) fn single(attribute: &'static Attribute, value: &Value) -> Result<Option<Value>, ScimError> {
    let refuse = |what: &str| ScimError::Value(format!("{} is {what}", attribute.name));
    match (attribute.kind, value) {
        (_, Value::Null) => Ok(None),
        (Kind::Text | Kind::Reference(_), Value::String(text)) => {
            if text.chars().count() > LONGEST_TEXT {
                return Err(refuse("a text of 1000 characters at most"));
            }
            if text.chars().any(|letter| letter.is_control() && !letter.is_whitespace()) {
                return Err(refuse("a text without control characters"));
            }
            let is_name = attribute.required;
            let text = if is_name { text.trim() } else { text.as_str() };
            if is_name && text.is_empty() {
                return Err(refuse("a text that is not empty"));
            }
            // an empty text is one that nobody wrote
            Ok((!text.is_empty()).then(|| text.into()))
        }
        (Kind::Text | Kind::Reference(_), _) => Err(refuse("a text")),
        (Kind::Boolean, Value::Bool(yes)) => Ok(Some((*yes).into())),
        (Kind::Boolean, Value::String(word)) if word.eq_ignore_ascii_case("true") => Ok(Some(true.into())),
        (Kind::Boolean, Value::String(word)) if word.eq_ignore_ascii_case("false") => Ok(Some(false.into())),
        (Kind::Boolean, _) => Err(refuse("true or false")),
        (Kind::Complex(parts), Value::Object(members)) => {
            let mut normal = Map::new();
            for (name, value) in members {
                let Some(part) = named(parts, name) else { continue };
                if let Some(value) = single(part, value)? {
                    normal.insert(part.name.to_owned(), value);
                }
            }
            Ok((!normal.is_empty()).then_some(Value::Object(normal)))
        }
        (Kind::Complex(_), _) => Err(refuse("an object")),
    }
}

/// Which attributes a client wants to see (RFC 7644, section 3.9).
#[derive(Clone, Debug, Default)]
pub struct Shown {
    only: Option<Vec<Path>>,
    but: Vec<Path>,
}

/// How many names a client gives.
const MOST_NAMES: usize = 50;

impl Shown {
    /// Reads `attributes` and `excludedAttributes`: names with commas between. Unknown ones are passed
    /// over.
    pub fn read(kind: &ResourceKind, only: Option<&str>, but: Option<&str>) -> Result<Self, ScimError> {
        let read = |names: &str| -> Result<Vec<Path>, ScimError> {
            let names: Vec<&str> =
                names.split(',').map(str::trim).filter(|name| !name.is_empty()).take(MOST_NAMES).collect();
            Ok(names.into_iter().filter_map(|name| Path::plain(kind, name)).collect())
        };
        if only.is_some_and(|only| !only.is_empty()) && but.is_some_and(|but| !but.is_empty()) {
            let both = "use attributes or excludedAttributes, and not both";
            return Err(ScimError::Value(both.to_owned()));
        }
        let only = only.filter(|only| !only.trim().is_empty()).map(read).transpose()?;
        Ok(Self { only, but: but.map(read).transpose()?.unwrap_or_default() })
    }

    /// Whether this attribute is asked for by its name.
    pub fn asks_for(&self, name: &str) -> bool {
        self.only.as_ref().is_some_and(|only| only.iter().any(|path| path.is_of(name)))
    }

    /// Whether this attribute is wanted.
    pub fn wants(&self, name: &str) -> bool {
        let is_out = self.but.iter().any(|path| path.is_of(name) && path.part.is_none());
        self.only.is_none() && !is_out || self.asks_for(name)
    }

    /// The resource with these attributes alone. Its id and its schemas are always shown.
    #[must_use]
    pub fn of(&self, mut resource: Map<String, Value>) -> Map<String, Value> {
        resource.retain(|name, _| ["id", "schemas"].contains(&name.as_str()) || self.wants(name));
        for (name, value) in &mut resource {
            let parts = |paths: &[Path]| -> BTreeSet<String> {
                paths.iter().filter(|path| path.is_of(name)).filter_map(|path| path.part.clone()).collect()
            };
            let whole = |paths: &[Path]| paths.iter().any(|path| path.is_of(name) && path.part.is_none());
            match &self.only {
                Some(only) if !whole(only) => {
                    let wanted = parts(only);
                    each(value, &|part| wanted.is_empty() || wanted.contains(part));
                }
                _ => {
                    let out = parts(&self.but);
                    each(value, &|part| !out.contains(part));
                }
            }
        }
        resource
    }
}

fn each(value: &mut Value, keep: &impl Fn(&str) -> bool) {
    match value {
        Value::Object(parts) => parts.retain(|name, _| keep(name)),
        Value::Array(values) => values.iter_mut().for_each(|value| each(value, keep)),
        _ => {}
    }
}

//! Everything that is wrong with a body, at once.
//!
//! serde stops at the first fault. A body that is refused is read again, member by member in another order,
//! until nothing new is found: what a client is told does not depend on the order in which it wrote.

use primitives::{
    FieldCode,
    json::{self, Strict},
};
use serde::de::{DeserializeOwned, value::MapDeserializer};
use serde_json::{Map, Value};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema, schema::Object},
};

use crate::problem::FieldError;

/// Of a request that is wrong at any number of places, so many are named.
pub(crate) const MOST_ERRORS: usize = 10;

/// All that is wrong with an object, as far as it can be told part by part; nothing where it is no object.
pub(crate) fn faults<T: DeserializeOwned + ToSchema>(body: &[u8]) -> Vec<FieldError> {
    let Ok(Value::Object(mut members)) = json::from_slice(body) else { return Vec::new() };
    let mut errors = Vec::new();
    if let RefOr::T(Schema::Object(described)) = T::schema() {
        errors = unknown(&described, &mut members);
        errors.extend(missing(&described, &members));
    }
    errors.extend(wrong::<T>(members.into_iter().collect()));
    errors.truncate(MOST_ERRORS);
    errors
}

/// Takes out what is not described.
fn unknown(described: &Object, members: &mut Map<String, Value>) -> Vec<FieldError> {
    let names: Vec<String> =
        members.keys().filter(|name| !described.properties.contains_key(*name)).cloned().collect();
    let error = |name: &String| {
        members.remove(name);
        FieldError::new(&at(name), FieldCode::UnknownField, "there is no such member")
    };
    names.iter().map(error).collect()
}

fn missing(described: &Object, members: &Map<String, Value>) -> Vec<FieldError> {
    let names = described.required.iter().filter(|name| !members.contains_key(*name));
    names.map(|name| FieldError::new(&at(name), FieldCode::Required, "it is missing")).collect()
}

/// What cannot be read as what it is to be. A member that is wrong is put behind all others and the whole is
/// read again, until the first that is wrong was seen before: then no other is.
fn wrong<T: DeserializeOwned>(mut members: Vec<(String, Value)>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut seen = 0;
    while errors.len() < MOST_ERRORS {
        let object = MapDeserializer::<_, serde_json::Error>::new(members.iter().cloned());
        let read: Result<T, _> = serde_path_to_error::deserialize(Strict(object));
        let Err(error) = read else { break };
        let pointer = pointer(error.path());
        let place = members.iter().position(|(name, _)| is_within(&pointer, name));
        let Some(place) = place.filter(|place| *place < members.len() - seen) else { break };
        let member = members.remove(place);
        members.push(member);
        seen += 1;
        errors.push(FieldError::of(&pointer, &error.inner().to_string()));
    }
    errors
}

fn is_within(pointer: &str, name: &str) -> bool {
    let rest = pointer.strip_prefix(&at(name));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The pointer to a member of the body.
fn at(name: &str) -> String {
    format!("/{}", escaped(name))
}

/// RFC 6901, section 3.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A path of serde's as a JSON pointer.
pub(crate) fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => at(key),
            Segment::Enum { variant } => at(variant),
            Segment::Unknown => String::new(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use primitives::{Email, Slug, Text};
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, utoipa::ToSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "it is read and not looked at")]
    struct Input {
        slug: Slug,
        email: Email,
        note: Option<String>,
        #[schema(inline)]
        word: Option<Text<2, 4>>,
        #[serde(default)]
        loud: bool,
        inner: Option<Inner>,
    }

    #[derive(Deserialize, utoipa::ToSchema)]
    #[expect(dead_code, reason = "it is read and not looked at")]
    struct Inner {
        numbers: Vec<u8>,
    }

    fn found(body: &str) -> Vec<String> {
        let errors = faults::<Input>(body.as_bytes());
        let mut found: Vec<_> =
            errors.iter().map(|error| format!("{} {}", error.pointer, error.code)).collect();
        found.sort();
        found
    }

    #[test]
    fn all_faults_are_told_whatever_the_order() {
        let all = [
            "/email invalid_format",
            "/loud wrong_type",
            "/note wrong_type",
            "/other unknown_field",
            "/slug required",
            "/word too_long",
        ];
        let body = r#"{"email":"x","loud":1,"note":[],"other":1,"word":"abcde"}"#;
        assert_eq!(found(body), all);
        assert_eq!(found(r#"{"word":"abcde","other":1,"note":[],"loud":1,"email":"x"}"#), all);
    }

    #[test]
    fn what_is_further_in_has_its_pointer() {
        let body = r#"{"slug":"acme","email":"a@b.cc","inner":{"numbers":[1,300]}}"#;
        assert_eq!(found(body), ["/inner/numbers/1 out_of_range"]);
        let body = r#"{"slug":"acme","email":"a@b.cc","a/b~c":1}"#;
        assert_eq!(found(body), ["/a~1b~0c unknown_field"]);
    }

    #[test]
    fn nobody_makes_it_work_for_long() {
        let many: Vec<String> = (0..5_000).map(|number| format!("\"n{number}\":1")).collect();
        assert_eq!(found(&format!("{{{}}}", many.join(","))).len(), MOST_ERRORS);
        for none in ["[]", "1", "{", "null", ""] {
            assert!(found(none).is_empty(), "{none}");
        }
    }
}

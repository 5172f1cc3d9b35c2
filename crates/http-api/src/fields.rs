//! Everything that is wrong with a body, at once.
//!
//! serde stops at the first fault. A body that is refused is read again, member by member in
//! another order, until nothing new is found: what a client is told does not depend on the order in
//! which it wrote.

use std::{
    collections::{BTreeSet, HashSet},
    fmt,
};

use primitives::{
    FieldCode,
    json::{NO_WORD, Strict, duplicates, escaped},
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapDeserializer},
};
use serde_json::value::RawValue;
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema, schema::Object},
};

use crate::problem::FieldError;

/// Of a request that is wrong at any number of places, so many are named.
pub(crate) const MOST_ERRORS: usize = 10;

/// All that is wrong with an object, as far as it can be told part by part; nothing where it is no
/// object.
pub(crate) fn faults<T: DeserializeOwned + ToSchema>(body: &[u8]) -> Vec<FieldError> {
    let twice = duplicates(body).unwrap_or_default();
    let mut errors: Vec<FieldError> = twice.iter().map(|at| there_twice(at)).collect();
    let Ok(Members(members)) = Members::deserialize(&mut serde_json::Deserializer::from_slice(body)) else {
        return errors;
    };
    let (mut members, more) = once(members);
    errors.extend(more.filter(|at| !twice.contains(at)).map(|at| there_twice(&at)));
    if let RefOr::T(Schema::Object(described)) = T::schema() {
        errors.extend(unknown(&described, &mut members));
        errors.extend(missing(&described, &members));
    }
    errors.extend(wrong::<T>(members));
    errors.truncate(MOST_ERRORS);
    errors
}

/// A member, as it is written.
type Member<'b> = (String, &'b RawValue);

/// The members of an object in their order.
struct Members<'b>(Vec<Member<'b>>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnyObject)
    }
}

struct AnyObject;

impl<'de> Visitor<'de> for AnyObject {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = object.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

/// Each member as it came first, and where those are that came again.
fn once(members: Vec<Member<'_>>) -> (Vec<Member<'_>>, impl Iterator<Item = String>) {
    let mut seen = HashSet::new();
    let (first, again): (Vec<_>, Vec<_>) =
        members.into_iter().partition(|(name, _)| seen.insert(name.clone()));
    let again: BTreeSet<String> = again.into_iter().map(|(name, _)| at(&name)).collect();
    (first, again.into_iter().take(MOST_ERRORS))
}

fn there_twice(at: &str) -> FieldError {
    FieldError::new(at, FieldCode::DuplicateField, "it is there twice")
}

/// Takes out what is not described.
fn unknown(described: &Object, members: &mut Vec<Member<'_>>) -> Vec<FieldError> {
    let is_known = |(name, _): &Member<'_>| described.properties.contains_key(name);
    let (known, unknown) = std::mem::take(members).into_iter().partition(is_known);
    *members = known;
    let unknown: Vec<Member<'_>> = unknown;
    let error = |(name, _): &Member<'_>| {
        FieldError::new(&at(name), FieldCode::UnknownField, "there is no such member")
    };
    unknown.iter().take(MOST_ERRORS).map(error).collect()
}

fn missing(described: &Object, members: &[Member<'_>]) -> Vec<FieldError> {
    let is_there = |wanted: &String| members.iter().any(|(name, _)| name == wanted);
    let names = described.required.iter().filter(|name| !is_there(name));
    names.map(|name| FieldError::new(&at(name), FieldCode::Required, "it is missing")).collect()
}

/// What cannot be read as what it is to be. A member that is wrong is put behind all others and the
/// whole is read again, until the first that is wrong was seen before: then no other is.
fn wrong<T: DeserializeOwned>(mut members: Vec<Member<'_>>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut seen = 0;
    while errors.len() < MOST_ERRORS {
        let object = members.iter().map(|(name, value)| (name.as_str(), *value));
        let object = MapDeserializer::<_, serde_json::Error>::new(object);
        let read: Result<T, _> = serde_path_to_error::deserialize(Strict(object));
        let Err(error) = read else { break };
        let text = without_position(error.inner());
        let pointer = pointer(error.path(), &text);
        let place = members.iter().position(|(name, _)| is_within(&pointer, name));
        let Some(place) = place.filter(|place| *place < members.len() - seen) else { break };
        let member = members.remove(place);
        members.push(member);
        seen += 1;
        let error = FieldError::of(&pointer, &text);
        // told before, with the place of the one that is too much
        if error.code != FieldCode::DuplicateField.as_str() {
            errors.push(error);
        }
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

/// The path to an error of serde's as a JSON pointer. An object that stands for a word is wrong
/// itself, and not what is in it.
pub(crate) fn pointer(path: &serde_path_to_error::Path, error: &str) -> String {
    use serde_path_to_error::Segment;
    let mut segments: Vec<&Segment> = path.iter().collect();
    if error.starts_with(NO_WORD) && matches!(segments.last(), Some(Segment::Enum { .. })) {
        segments.pop();
    }
    let part = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => at(key),
        Segment::Enum { variant } => at(variant),
        Segment::Unknown => String::new(),
    };
    segments.into_iter().map(part).collect()
}

/// What an error of serde's says, without the line and the column.
pub(crate) fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(text, _)| text.to_owned())
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
        color: Option<Color>,
    }

    #[derive(Deserialize, utoipa::ToSchema)]
    #[serde(rename_all = "snake_case")]
    enum Color {
        Red,
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
    fn what_is_there_twice_hides_nothing() {
        let body =
            r#"{"slug":"acme","email":"x","slug":"beta","loud":1,"inner":{"numbers":[],"numbers":[]}}"#;
        assert_eq!(
            found(body),
            [
                "/email invalid_format",
                "/inner/numbers duplicate_field",
                "/loud wrong_type",
                "/slug duplicate_field"
            ]
        );
        assert_eq!(
            found(r#"{"x":1e999,"x":1,"slug":"acme","email":"a@b.cc"}"#),
            ["/x duplicate_field", "/x unknown_field"]
        );
        assert_eq!(found(r#"[{"a":1,"a":1}]"#), ["/0/a duplicate_field"]);
    }

    #[test]
    fn a_number_that_is_too_large_is_a_fault_of_its_member() {
        let body = r#"{"slug":1e999,"email":"x","loud":-1e999,"inner":{"numbers":[1e999]}}"#;
        assert_eq!(
            found(body),
            [
                "/email invalid_format",
                "/inner/numbers/0 out_of_range",
                "/loud out_of_range",
                "/slug out_of_range"
            ]
        );
    }

    #[test]
    fn an_object_in_place_of_a_word_is_wrong_itself() {
        for color in [r#"{"red":null}"#, r#"{"red":{}}"#, r#"{"blue":null}"#, "{}", "[]"] {
            let body = format!(r#"{{"slug":"acme","email":"a@b.cc","color":{color}}}"#);
            assert!(found(&body)[0].starts_with("/color "), "{color}: {:?}", found(&body));
            assert_eq!(found(&body).len(), 1);
        }
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

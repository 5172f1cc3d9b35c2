use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue};

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Plain,
    Number(u8),
    Pair(u8, u8),
    Object { inner: Box<Inner> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Inner {
    word: Word,
    names: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Newtype(Inner);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Outer {
    inner: Newtype,
    more: Option<Inner>,
    by_name: BTreeMap<String, Inner>,
    pairs: Vec<(String, Inner)>,
    #[serde(default)]
    any: Value,
}

fn inner() -> Value {
    json!({ "word": "plain", "names": ["a"] })
}

fn outer() -> Value {
    json!({
        "inner": inner(), "more": inner(), "by_name": { "x": inner() }, "pairs": [["y", inner()]],
        "any": [{ "a": [1, -1, 1.5, null, true, "t"] }],
    })
}

#[test]
fn what_has_the_right_form_is_read_as_serde_reads_it() {
    for word in [
        json!("plain"),
        json!({ "number": 7 }),
        json!({ "pair": [1, 2] }),
        json!({ "object": { "inner": inner() } }),
    ] {
        let mut value = outer();
        value["more"]["word"] = word;
        let right: Outer = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(from_str::<Outer>(&value.to_string()).unwrap(), right);
        assert_eq!(from_ref::<Outer>(&value).unwrap(), right);
        assert_eq!(from_value::<Outer>(value).unwrap(), right);
    }
}

#[test]
fn an_array_is_no_object_and_an_object_no_word_however_deep() {
    let array = json!(["plain", ["a"]]);
    let with = |pointer: &str, wrong: Value| {
        let mut value = outer();
        *value.pointer_mut(pointer).unwrap() = wrong;
        value
    };
    let mut wrong: Vec<Value> = ["/inner", "/more", "/by_name/x", "/pairs/0/1"]
        .into_iter()
        .map(|pointer| with(pointer, array.clone()))
        .collect();
    wrong.push(json!([inner(), null, {}, []]));
    wrong.push(with("/more/word", json!({ "plain": null })));
    wrong.push(with("/more/word", json!({ "object": { "inner": array } })));
    wrong.push(with("/more/word", json!({ "object": [inner()] })));
    for value in wrong {
        assert!(serde_json::from_str::<Outer>(&value.to_string()).is_ok(), "serde takes {value}");
        for error in [
            from_str::<Outer>(&value.to_string()),
            from_ref::<Outer>(&value),
            from_value::<Outer>(value.clone()),
        ] {
            assert!(error.unwrap_err().is_data(), "{value}");
        }
    }
}

#[test]
fn what_no_reader_takes_is_refused_as_well() {
    for text in [
        "",
        "{",
        "null",
        "7",
        "\"x\"",
        "{} {}",
        r#"{"word": {}, "names": []}"#,
        r#"{"word": {"number": 1, "plain": 2}, "names": []}"#,
    ] {
        assert!(from_str::<Inner>(text).is_err(), "{text}");
    }
    assert!(from_str::<Inner>(&"[".repeat(100_000)).is_err());
    let deep = format!(r#"{{"word": "plain", "names": [], "x": {}1{}}}"#, "[".repeat(500), "]".repeat(500));
    assert!(from_str::<Inner>(&deep).is_err());
}

#[test]
fn a_name_stands_once_in_an_object() {
    let right =
        r#"{"word": "plain", "names": [], "more": {"a": 1, "b": {"a": 1}}, "list": [{"a": 1}, {"a": 1}]}"#;
    assert!(from_str::<Inner>(right).is_ok());
    for wrong in [
        r#"{"word": "plain", "names": [], "names": []}"#,
        r#"{"word": "plain", "names": [], "more": 1, "more": 1}"#,
        r#"{"word": "plain", "names": [], "more": {"a": 1, "a": 1}}"#,
        r#"{"word": "plain", "names": [], "more": [{"a": 1, "\u0061": 1}]}"#,
    ] {
        assert!(from_str::<Inner>(wrong).unwrap_err().is_data(), "{wrong}");
    }
}

#[test]
fn each_member_that_is_there_twice_is_pointed_at() {
    for (text, twice) in [
        (r#"{"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]}"#, &[][..]),
        (r#"{"a": 1, "b": 2, "a": 3, "a": 4}"#, &["/a"]),
        (
            r#"{"a": [0, {"b/c": 1, "b/c": [{"~": 1, "\u007e": 2}]}], "a": 1}"#,
            &["/a/1/b~1c", "/a/1/b~1c/0/~0", "/a"],
        ),
    ] {
        let mut found = duplicates(text.as_bytes()).unwrap();
        let mut twice = twice.to_vec();
        found.sort();
        twice.sort_unstable();
        assert_eq!(found, twice, "{text}");
    }
    let many: Vec<String> = (0..5_000).map(|number| format!("\"n{number}\":1,\"n{number}\":1")).collect();
    assert_eq!(duplicates(format!("{{{}}}", many.join(",")).as_bytes()).unwrap().len(), 10);
    for none in ["{", "{} {}", ""] {
        assert!(duplicates(none.as_bytes()).is_err(), "{none}");
    }
}

#[test]
fn an_object_that_stands_for_a_word_is_refused_as_one() {
    let error = from_str::<Word>(r#"{"plain": null}"#).unwrap_err().to_string();
    assert!(error.starts_with(NO_WORD), "{error}");
}

#[test]
fn a_part_can_be_left_as_its_text() {
    #[derive(Deserialize)]
    struct Holder {
        raw: Box<RawValue>,
    }
    let holder: Holder = from_str(r#"{"raw": {"b" :1,  "a":[ 2 ]}}"#).unwrap();
    assert_eq!(holder.raw.get(), r#"{"b" :1,  "a":[ 2 ]}"#);
}

#[test]
fn what_cannot_be_empty_is_left_out_or_is_there() {
    #[derive(Deserialize)]
    struct Holder {
        #[serde(default, deserialize_with = "present")]
        count: Option<u32>,
    }
    let read = |text: &str| {
        let holder = from_str::<Holder>(text).map(|holder| holder.count);
        holder.map_err(|error| crate::FieldCode::of(&error.to_string()).0.as_str())
    };
    assert_eq!([read("{}"), read(r#"{"count": 1}"#)], [Ok(None), Ok(Some(1))]);
    assert_eq!(read(r#"{"count": null}"#), Err("wrong_type"));
}

#[test]
fn a_whole_number_is_one_however_it_is_written() {
    #[derive(Deserialize)]
    struct Holder {
        #[serde(deserialize_with = "whole")]
        count: u32,
    }
    let read = |text: &str| {
        let holder = from_str::<Holder>(&format!(r#"{{"count": {text}}}"#));
        holder.map(|holder| holder.count).map_err(|error| crate::FieldCode::of(&error.to_string()).0.as_str())
    };
    for text in ["142", "142.0", "1.42e2", "14200e-2"] {
        assert_eq!(read(text), Ok(142), "{text}");
    }
    assert_eq!([read("0"), read("-0.0"), read("4294967295")], [Ok(0), Ok(0), Ok(u32::MAX)]);
    for text in ["1.5", "1e-3", "\"1\"", "null", "[]", "true"] {
        assert_eq!(read(text), Err("wrong_type"), "{text}");
    }
    for text in ["4294967296", "-1", "-1.0", "1e300", "18446744073709551616"] {
        assert_eq!(read(text), Err("out_of_range"), "{text}");
    }
}

//! Input that is nearly right: parsers fall over what they almost know, not over noise.

use serde_json::{Value, json};

/// What texts are made of beside random characters, in every target: edges of encodings, of
/// numbers, of other languages' syntax.
const NASTY: &[&str] = &[
    "",
    " ",
    "\0",
    "\r\n",
    "\u{202e}",
    "\u{200b}",
    "\u{feff}",
    "é",
    "e\u{301}",
    "Ａ",
    "İ",
    "🦀",
    "\"",
    "'",
    "\\",
    "<script>",
    "../",
    "%2e%2e",
    "%00",
    "${x}",
    "{{",
    "#",
    "-1",
    "0",
    "18446744073709551616",
    "1e400",
    "NaN",
    "null",
    "true",
    "9999-12-31T23:59:59.999999999Z",
    "=",
    ",",
    ";",
    ":",
    "@",
    ".",
    "-",
    "_",
];

/// One step of building a text: half of them a word of the target's dictionary or of the common
/// one, half a random character.
pub(crate) type Piece = (u8, u8, char);

/// A text of pieces.
pub(crate) fn text(words: &[&str], pieces: &[Piece]) -> String {
    let mut text = String::new();
    for (kind, number, character) in pieces {
        match kind % 4 {
            0 | 1 if !words.is_empty() => text += words[usize::from(*number) % words.len()],
            0..=2 => text += NASTY[usize::from(*number) % NASTY.len()],
            _ => text.push(*character),
        }
    }
    text
}

/// One change of a document: which node, what to do, with what.
pub(crate) type Change = (u16, u8, u8, char);

/// The document after the changes. What is JSON within a string is changed as JSON too.
pub(crate) fn mutated(document: &Value, words: &[&str], changes: &[Change]) -> Value {
    let mut document = document.clone();
    for change in changes {
        let count = nodes(&document);
        change_node(&mut document, usize::from(change.0) % count, words, *change);
    }
    document
}

/// How many values are in this one, itself included.
fn nodes(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(nodes).sum(),
        Value::Object(fields) => fields.values().map(nodes).sum(),
        Value::String(text) => within(text).map_or(0, |inner| nodes(&inner)),
        _ => 0,
    }
}

/// The object or list that a text is.
fn within(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().filter(|value: &Value| value.is_object() || value.is_array())
}

/// Changes the node with this number, counted from the value itself.
fn change_node(value: &mut Value, number: usize, words: &[&str], change: Change) {
    if number == 0 {
        *value = changed(value, words, change);
        return;
    }
    let mut left = number - 1;
    let mut step = |child: &mut Value| {
        let size = nodes(child);
        if left < size {
            change_node(child, left, words, change);
            return true;
        }
        left -= size;
        false
    };
    match value {
        Value::Array(items) => {
            let _found = items.iter_mut().any(step);
        }
        Value::Object(fields) => {
            let _found = fields.values_mut().any(step);
        }
        Value::String(text) => {
            if let Some(mut inner) = within(text) {
                let _found = step(&mut inner);
                *text = inner.to_string();
            }
        }
        _ => {}
    }
}

fn changed(value: &Value, words: &[&str], (_, kind, number, character): Change) -> Value {
    let piece = |kind| text(words, &[(kind, number, character)]);
    match (kind % 12, value) {
        (0, _) => Value::Null,
        (1, _) => json!(number % 2 == 0),
        (2, _) => json!(i64::from(number) - 128),
        (3, _) => {
            [json!(u64::MAX), json!(i64::MIN), json!(f64::MAX), json!(-0.0)][usize::from(number % 4)].clone()
        }
        (4, _) => json!([value]),
        (5, _) => json!({ "x": value }),
        (6, _) => json!("x".repeat(usize::from(number) * 40)),
        (7, Value::String(text)) => json!(format!("{text}{}", piece(0))),
        (8, Value::String(text)) => json!(text.chars().skip(usize::from(number) % 8).collect::<String>()),
        (7 | 8, Value::Object(fields)) => {
            let mut fields = fields.clone();
            fields.insert(piece(2), json!(piece(3)));
            Value::Object(fields)
        }
        (9, Value::Object(fields)) => {
            let mut fields = fields.clone();
            let nth = fields.keys().nth(usize::from(number) % fields.len().max(1)).cloned();
            nth.and_then(|name| fields.remove(&name));
            Value::Object(fields)
        }
        (9, Value::Array(items)) => json!([items.clone(), items.clone()].concat()),
        (10, _) => json!(piece(0)),
        _ => json!(piece(2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_can_be_reached_also_inside_of_texts() {
        let document = json!({ "a": [1, 2], "b": "{\"c\":{\"d\":\"e\"}}" });
        let count = nodes(&document);
        assert_eq!(count, 8);
        let results: std::collections::BTreeSet<String> = (0..count)
            .map(|number| mutated(&document, &[], &[(number.try_into().unwrap(), 0, 0, 'x')]).to_string())
            .collect();
        assert_eq!(results.len(), count, "{results:?}");
        assert!(results.iter().any(|result| result.contains("\\\"d\\\":null")), "{results:?}");
    }
}

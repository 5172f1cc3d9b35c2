//! What an event holds of the API's resources.

use serde::Serialize;
use serde_json::{Map, Value};

/// Makes the schema of a resource, where an event holds it, a reference to the API's own: so there
/// is one.
#[macro_export]
macro_rules! resources {
    ($($resource:ident)*) => {
        $(
            impl $crate::schemars::JsonSchema for $resource {
                fn schema_name() -> std::borrow::Cow<'static, str> {
                    stringify!($resource).into()
                }

                fn inline_schema() -> bool {
                    true
                }

                fn json_schema(_: &mut $crate::schemars::SchemaGenerator) -> $crate::schemars::Schema {
                    let schema = concat!("../../docs/openapi.json#/components/schemas/", stringify!($resource));
                    $crate::schemars::json_schema!({ "$ref": schema })
                }
            }
        )*
    };
}

/// Those fields of a resource that a change changed, as they were before it.
///
/// # Panics
/// When the resource cannot be written as JSON, which none of ours allows.
#[expect(clippy::expect_used, reason = "resources have string keys only; a test writes each of them")]
pub fn previous<R: Serialize>(before: &R, after: &R) -> Map<String, Value> {
    let written = |resource: &R| serde_json::to_value(resource).expect("a resource is JSON");
    let after = written(after);
    match written(before) {
        Value::Object(before) => before.into_iter().filter(|(name, old)| after[name] != *old).collect(),
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_changed_is_what_it_was() {
        let (before, after) = (json!({ "a": 1, "b": [2], "c": null }), json!({ "a": 1, "b": [3], "c": 4 }));
        assert_eq!(Value::Object(previous(&before, &after)), json!({ "b": [2], "c": null }));
        assert!(previous(&after, &after).is_empty());
    }
}

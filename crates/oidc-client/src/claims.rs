use serde_json::Value;

use crate::id_token::Object;

/// How many values of one claim are looked at.
const MOST_VALUES: usize = 1000;

/// All that a provider says of a person, checked as a whole: what its members mean is others' to say.
#[derive(Clone, Debug, Default)]
pub struct ClaimSet(pub(crate) Object);

impl ClaimSet {
    /// The texts of a claim, which is one or several. Nothing where it is not there, or is something else.
    pub fn texts(&self, name: &str) -> Option<Vec<&str>> {
        match self.0.get(name)? {
            Value::String(text) => Some(vec![text]),
            Value::Array(all) => Some(all.iter().take(MOST_VALUES).filter_map(Value::as_str).collect()),
            _ => None,
        }
    }

    /// A claim as it was said.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_is_a_text_or_several() {
        let said =
            json!({ "one": "a", "many": ["a", 7, "b"], "none": [], "other": { "a": 1 }, "null": null });
        let claims = ClaimSet(said.as_object().unwrap().clone());
        assert_eq!(claims.texts("one"), Some(vec!["a"]));
        assert_eq!(claims.texts("many"), Some(vec!["a", "b"]));
        assert_eq!(claims.texts("none"), Some(Vec::new()), "in no group, and it says so");
        for name in ["other", "null", "absent"] {
            assert_eq!(claims.texts(name), None, "{name}");
        }
        let endless = json!({ "many": vec!["a"; 5000] });
        let claims = ClaimSet(endless.as_object().unwrap().clone());
        assert_eq!(claims.texts("many").unwrap().len(), MOST_VALUES);
    }
}

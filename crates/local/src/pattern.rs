//! The pattern language of EventBridge rules, which event source mappings use for their filters
//! too.
//!
//! See <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>.
//! Kinds of comparison that are not modelled (`cidr`) are refused when the pattern is read, never
//! ignored when it is matched.

use serde_json::{Map, Value};

/// A checked event pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Node);

#[derive(Clone, Debug, PartialEq)]
enum Node {
    /// All fields must match, and of every `$or` one alternative.
    Object { fields: Vec<(String, Node)>, alternatives: Vec<Vec<Node>> },
    /// One of these must match the value.
    AnyOf(Vec<Matcher>),
}

#[derive(Clone, Debug, PartialEq)]
enum Matcher {
    Exact(Value),
    EqualsIgnoreCase(String),
    Prefix { text: String, ignore_case: bool },
    Suffix { text: String, ignore_case: bool },
    Wildcard(String),
    AnythingBut(Vec<Matcher>),
    Exists(bool),
    Numeric(Vec<(Comparison, f64)>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

/// What is wrong with a pattern.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the event pattern is wrong at {at}: {problem}")]
pub struct PatternError {
    at: String,
    problem: String,
}

impl PatternError {
    fn new(at: &str, problem: impl Into<String>) -> Self {
        Self {
            at: if at.is_empty() { "its root".to_owned() } else { at.to_owned() },
            problem: problem.into(),
        }
    }
}

impl Pattern {
    /// Reads a pattern.
    pub fn read(pattern: &Value) -> Result<Self, PatternError> {
        let object = pattern.as_object().ok_or_else(|| PatternError::new("", "must be an object"))?;
        read_object(object, "").map(Self)
    }

    /// Whether `event` matches.
    pub fn matches(&self, event: &Value) -> bool {
        self.0.matches(Some(event))
    }
}

fn read_object(object: &Map<String, Value>, at: &str) -> Result<Node, PatternError> {
    let mut fields = Vec::new();
    let mut alternatives = Vec::new();
    for (name, value) in object {
        let at = format!("{at}/{name}");
        match value {
            Value::Array(choices) if name == "$or" => {
                let choices = choices
                    .iter()
                    .map(|choice| {
                        read_object(
                            choice.as_object().ok_or_else(|| PatternError::new(&at, "holds objects"))?,
                            &at,
                        )
                    })
                    .collect::<Result<_, _>>()?;
                alternatives.push(choices);
            }
            Value::Array(matchers) => {
                let matchers =
                    matchers.iter().map(|matcher| read_matcher(matcher, &at)).collect::<Result<_, _>>()?;
                fields.push((name.clone(), Node::AnyOf(matchers)));
            }
            Value::Object(inner) => fields.push((name.clone(), read_object(inner, &at)?)),
            _ => return Err(PatternError::new(&at, "must be a list of values or an object")),
        }
    }
    Ok(Node::Object { fields, alternatives })
}

fn read_matcher(value: &Value, at: &str) -> Result<Matcher, PatternError> {
    let Value::Object(object) = value else {
        return if value.is_array() {
            Err(PatternError::new(at, "a list in a list"))
        } else {
            Ok(Matcher::Exact(value.clone()))
        };
    };
    let mut entries = object.iter();
    let (Some((operator, operand)), None) = (entries.next(), entries.next()) else {
        return Err(PatternError::new(at, "a comparison has exactly one operator"));
    };
    let wrong = || PatternError::new(at, format!("{operator} cannot compare with {operand}"));
    Ok(match operator.as_str() {
        "prefix" | "suffix" => {
            let (text, ignore_case) = match operand {
                Value::String(text) => (text.clone(), false),
                other => (other["equals-ignore-case"].as_str().ok_or_else(wrong)?.to_lowercase(), true),
            };
            if operator == "prefix" {
                Matcher::Prefix { text, ignore_case }
            } else {
                Matcher::Suffix { text, ignore_case }
            }
        }
        "equals-ignore-case" => Matcher::EqualsIgnoreCase(operand.as_str().ok_or_else(wrong)?.to_lowercase()),
        "wildcard" => Matcher::Wildcard(operand.as_str().ok_or_else(wrong)?.to_owned()),
        "exists" => Matcher::Exists(operand.as_bool().ok_or_else(wrong)?),
        "anything-but" => match operand {
            Value::Array(values) => Matcher::AnythingBut(
                values.iter().map(|value| read_matcher(value, at)).collect::<Result<_, _>>()?,
            ),
            Value::Object(inner) => Matcher::AnythingBut(read_anything_but(inner, at)?),
            value => Matcher::AnythingBut(vec![Matcher::Exact(value.clone())]),
        },
        "numeric" => Matcher::Numeric(read_numeric(operand).ok_or_else(wrong)?),
        other => {
            return Err(PatternError::new(at, format!("the local cloud does not know the operator {other}")));
        }
    })
}

/// `anything-but: {prefix: [..]}` excludes a list of prefixes, otherwise it is one comparison.
fn read_anything_but(inner: &Map<String, Value>, at: &str) -> Result<Vec<Matcher>, PatternError> {
    let Some((operator, operand)) = inner.iter().next() else {
        return Err(PatternError::new(at, "anything-but needs a value"));
    };
    let single = |value: &Value| read_matcher(&serde_json::json!({ operator: value }), at);
    match operand {
        Value::Array(values) => values.iter().map(single).collect(),
        value => Ok(vec![single(value)?]),
    }
}

fn read_numeric(operand: &Value) -> Option<Vec<(Comparison, f64)>> {
    let parts = operand.as_array()?;
    let (pairs, rest) = parts.as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[operator, number]| {
            let comparison = match operator.as_str()? {
                "<" => Comparison::Less,
                "<=" => Comparison::LessOrEqual,
                "=" => Comparison::Equal,
                ">=" => Comparison::GreaterOrEqual,
                ">" => Comparison::Greater,
                _ => return None,
            };
            Some((comparison, number.as_f64()?))
        })
        .collect()
}

impl Node {
    fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Object { fields, alternatives } => {
                // A field inside a list of objects matches if one of the objects has it.
                if let Some(Value::Array(items)) = value {
                    return items.iter().any(|item| self.matches(Some(item)));
                }
                fields.iter().all(|(name, node)| node.matches(value.and_then(|value| value.get(name))))
                    && alternatives.iter().all(|choices| choices.iter().any(|choice| choice.matches(value)))
            }
            Self::AnyOf(matchers) => matchers.iter().any(|matcher| matcher.matches(value)),
        }
    }
}

impl Matcher {
    fn matches(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            // `exists` works on leaves only: an object is no value.
            (Self::Exists(wanted), value) => *wanted == value.is_some_and(|value| !value.is_object()),
            (_, None) => false,
            (Self::AnythingBut(refused), Some(value)) => {
                !value.is_object() && !refused.iter().any(|matcher| matcher.matches(Some(value)))
            }
            (_, Some(Value::Array(items))) => items.iter().any(|item| self.matches_scalar(item)),
            (_, Some(value)) => self.matches_scalar(value),
        }
    }

    fn matches_scalar(&self, value: &Value) -> bool {
        match self {
            Self::Exact(Value::Number(number)) => number.as_f64() == value.as_f64() && value.is_number(),
            Self::Exact(exact) => exact == value,
            Self::Numeric(comparisons) => value.as_f64().is_some_and(|number| {
                comparisons.iter().all(|(comparison, bound)| comparison.holds(number, *bound))
            }),
            Self::EqualsIgnoreCase(text) => value.as_str().is_some_and(|value| value.to_lowercase() == *text),
            Self::Prefix { text, ignore_case } => {
                value.as_str().is_some_and(|value| fold(value, *ignore_case).starts_with(text.as_str()))
            }
            Self::Suffix { text, ignore_case } => {
                value.as_str().is_some_and(|value| fold(value, *ignore_case).ends_with(text.as_str()))
            }
            Self::Wildcard(pattern) => value.as_str().is_some_and(|value| wildcard_matches(pattern, value)),
            Self::AnythingBut(_) | Self::Exists(_) => self.matches(Some(value)),
        }
    }
}

impl Comparison {
    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Less => number < bound,
            Self::LessOrEqual => number <= bound,
            Self::Equal => number.total_cmp(&bound).is_eq(),
            Self::GreaterOrEqual => number >= bound,
            Self::Greater => number > bound,
        }
    }
}

fn fold(text: &str, ignore_case: bool) -> std::borrow::Cow<'_, str> {
    if ignore_case { text.to_lowercase().into() } else { text.into() }
}

/// `*` stands for any number of characters.
fn wildcard_matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(found) = rest.find(part) else { return false };
        rest = &rest[found + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matches(pattern: &Value, event: &Value) -> bool {
        Pattern::read(pattern).unwrap().matches(event)
    }

    #[test]
    fn every_operator_accepts_and_refuses() {
        let event = json!({
            "source": "gantry", "detail-type": "trial.ended", "detail": {"n": 5, "tags": ["a", "b"], "off": null, "ok": true}
        });
        let yes = [
            json!({"source": ["gantry"]}),
            json!({"source": ["other", "gantry"], "detail": {"n": [5]}}),
            json!({"detail": {"n": [5.0]}}),
            json!({"detail-type": [{"prefix": "trial."}]}),
            json!({"detail-type": [{"suffix": ".ended"}]}),
            json!({"detail-type": [{"wildcard": "t*.e*d"}]}),
            json!({"source": [{"equals-ignore-case": "GANTRY"}]}),
            json!({"detail-type": [{"prefix": {"equals-ignore-case": "TRIAL"}}]}),
            json!({"detail": {"tags": ["b"]}}),
            json!({"detail": {"off": [null], "ok": [true]}}),
            json!({"detail": {"n": [{"numeric": [">", 1, "<=", 5]}]}}),
            json!({"detail": {"missing": [{"exists": false}], "n": [{"exists": true}]}}),
            json!({"detail-type": [{"anything-but": "x"}]}),
            json!({"detail-type": [{"anything-but": ["x", "y"]}]}),
            json!({"detail-type": [{"anything-but": {"prefix": "sub"}}]}),
            json!({"$or": [{"source": ["no"]}, {"detail": {"n": [5]}}]}),
        ];
        for pattern in yes {
            assert!(matches(&pattern, &event), "{pattern}");
        }
        let no = [
            json!({"source": ["gantr"]}),
            json!({"source": ["gantry"], "detail": {"n": [6]}}),
            json!({"detail": {"n": ["5"]}}),
            json!({"detail-type": [{"prefix": "Trial."}]}),
            json!({"detail": {"n": [{"numeric": [">", 5]}]}}),
            json!({"detail": {"missing": ["x"]}}),
            json!({"detail": {"missing": [{"anything-but": "x"}]}}),
            json!({"detail": {"missing": [{"exists": true}]}}),
            json!({"detail-type": [{"anything-but": ["trial.ended"]}]}),
            json!({"detail-type": [{"anything-but": {"prefix": ["x", "trial"]}}]}),
            json!({"detail-type": [{"wildcard": "t*x"}]}),
            json!({"$or": [{"source": ["no"]}, {"detail": {"n": [6]}}]}),
        ];
        for pattern in no {
            assert!(!matches(&pattern, &event), "{pattern}");
        }
    }

    #[test]
    fn unknown_operators_are_refused() {
        let error = Pattern::read(&json!({"ip": [{"cidr": "10.0.0.0/8"}]})).unwrap_err();
        assert!(error.to_string().contains("/ip"), "{error}");
        assert!(Pattern::read(&json!({"a": "b"})).is_err());
    }
}

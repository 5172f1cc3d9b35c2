//! The language of filters (RFC 7644, section 3.4.2.2), read with bounds: whatever comes in is read once,
//! from the front, and never deeper than [`DEEPEST`].

use primitives::json;
use serde_json::Value;

use crate::ScimError;

/// How long a filter is, bytes; how deep its parentheses go; how many comparisons it has.
const LONGEST: usize = 2_000;
const DEEPEST: usize = 8;
const MOST_TERMS: usize = 30;

/// An attribute of a filter, in lower case and without the URI of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) name: String,
    pub(crate) part: Option<String>,
}

impl Name {
    /// As `name.part`.
    pub(crate) fn is(&self, text: &str) -> bool {
        let (name, part) = text.split_once('.').map_or((text, None), |(name, part)| (name, Some(part)));
        self.name == name && self.part.as_deref() == part
    }
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// A filter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Compare(Name, Operator, Value),
    Present(Name),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    /// One of the values of an attribute is as the filter within says.
    Of(String, Box<Self>),
}

/// Reads a filter.
pub(crate) fn parse(text: &str) -> Result<Expression, ScimError> {
    let mut parser = Parser::new(text)?;
    let expression = parser.any(0)?;
    parser.end()?;
    Ok(expression)
}

/// Reads what stands in the brackets of a path.
pub(crate) fn parse_within(text: &str) -> Result<Expression, ScimError> {
    parse(text)
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    OpenValues,
    CloseValues,
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    terms: usize,
}

fn refuse(what: impl Into<String>) -> ScimError {
    ScimError::Filter(what.into())
}

impl Parser {
    fn new(text: &str) -> Result<Self, ScimError> {
        if text.len() > LONGEST {
            return Err(refuse(format!("it has more than {LONGEST} bytes")));
        }
        Ok(Self { tokens: tokens(text)?.into_iter().peekable(), terms: 0 })
    }

    fn end(&mut self) -> Result<(), ScimError> {
        if self.tokens.next().is_none() { Ok(()) } else { Err(refuse("something stands behind its end")) }
    }

    fn takes(&mut self, word: &str) -> bool {
        let is = |token: &Token| matches!(token, Token::Word(one) if one.eq_ignore_ascii_case(word));
        self.tokens.next_if(is).is_some()
    }

    fn any(&mut self, depth: usize) -> Result<Expression, ScimError> {
        let mut left = self.all(depth)?;
        while self.takes("or") {
            left = Expression::Or(Box::new(left), Box::new(self.all(depth)?));
        }
        Ok(left)
    }

    fn all(&mut self, depth: usize) -> Result<Expression, ScimError> {
        let mut left = self.one(depth)?;
        while self.takes("and") {
            left = Expression::And(Box::new(left), Box::new(self.one(depth)?));
        }
        Ok(left)
    }

    fn one(&mut self, depth: usize) -> Result<Expression, ScimError> {
        if depth > DEEPEST {
            return Err(refuse("it goes too deep"));
        }
        let is_not = self.takes("not");
        if self.tokens.next_if(|token| *token == Token::Open).is_some() {
            let inside = self.any(depth + 1)?;
            if self.tokens.next() != Some(Token::Close) {
                return Err(refuse("a parenthesis is open"));
            }
            return Ok(if is_not { Expression::Not(Box::new(inside)) } else { inside });
        }
        if is_not {
            return Err(refuse("`not` stands before parentheses"));
        }
        let Some(Token::Word(word)) = self.tokens.next() else {
            return Err(refuse("an attribute is missing"));
        };
        self.terms += 1;
        if self.terms > MOST_TERMS {
            return Err(refuse(format!("it has more than {MOST_TERMS} comparisons")));
        }
        let name = name(&word)?;
        if self.tokens.next_if(|token| *token == Token::OpenValues).is_some() {
            if name.part.is_some() {
                return Err(refuse("brackets stand behind an attribute"));
            }
            let inside = self.any(depth + 1)?;
            if self.tokens.next() != Some(Token::CloseValues) {
                return Err(refuse("a bracket is open"));
            }
            return Ok(Expression::Of(name.name, Box::new(inside)));
        }
        let Some(Token::Word(operator)) = self.tokens.next() else {
            return Err(refuse("an operator is missing"));
        };
        let operator = match operator.to_ascii_lowercase().as_str() {
            "pr" => return Ok(Expression::Present(name)),
            "eq" => Operator::Equal,
            "ne" => Operator::NotEqual,
            "co" => Operator::Contains,
            "sw" => Operator::StartsWith,
            "ew" => Operator::EndsWith,
            "gt" => Operator::Greater,
            "ge" => Operator::GreaterOrEqual,
            "lt" => Operator::Less,
            "le" => Operator::LessOrEqual,
            _ => return Err(refuse("an operator is none of eq, ne, co, sw, ew, pr, gt, ge, lt, le")),
        };
        let value = match self.tokens.next() {
            Some(Token::Text(text)) => Value::String(text),
            Some(Token::Word(word)) => match word.to_ascii_lowercase().as_str() {
                "true" => true.into(),
                "false" => false.into(),
                "null" => Value::Null,
                number => number.parse::<i64>().map(Value::from).map_err(|_| {
                    refuse("a value is a text in quotation marks, true, false, null or a number")
                })?,
            },
            _ => return Err(refuse("a value is missing")),
        };
        Ok(Expression::Compare(name, operator, value))
    }
}

/// The name of an attribute, without the URI of a schema before it.
fn name(word: &str) -> Result<Name, ScimError> {
    let lower = word.to_ascii_lowercase();
    let bare = if lower.starts_with("urn:") { lower.rsplit(':').next().unwrap_or_default() } else { &lower };
    // the version of a schema has a dot too: what is behind the last colon may be `2.0`, and a name is not
    let (name, part) = bare.split_once('.').map_or((bare, None), |(name, part)| (name, Some(part)));
    let is_name = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '$')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-$".contains(&byte))
    };
    if !is_name(name) || !part.is_none_or(is_name) {
        return Err(refuse("an attribute has an impossible name"));
    }
    Ok(Name { name: name.to_owned(), part: part.map(str::to_owned) })
}

fn tokens(text: &str) -> Result<Vec<Token>, ScimError> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '[' => (Token::OpenValues, 1),
            ']' => (Token::CloseValues, 1),
            '"' => quoted(rest)?,
            _ => {
                let end = rest.find(|letter: char| letter.is_whitespace() || "()[]\"".contains(letter));
                let word = &rest[..end.unwrap_or(rest.len())];
                (Token::Word(word.to_owned()), word.len())
            }
        };
        tokens.push(taken.0);
        rest = rest[taken.1..].trim_start();
    }
    Ok(tokens)
}

/// A text in quotation marks, as JSON writes it.
fn quoted(text: &str) -> Result<(Token, usize), ScimError> {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                let read: String = json::from_str(&text[..=at])
                    .map_err(|_| refuse("a text is not written as JSON writes it"))?;
                return Ok((Token::Text(read), at + 1));
            }
            _ => {}
        }
    }
    Err(refuse("a quotation mark is open"))
}

impl Expression {
    /// Whether a resource is as the filter says.
    pub(crate) fn holds(&self, resource: &Value) -> bool {
        match self {
            Self::And(left, right) => left.holds(resource) && right.holds(resource),
            Self::Or(left, right) => left.holds(resource) || right.holds(resource),
            Self::Not(inside) => !inside.holds(resource),
            Self::Of(name, inside) => values(resource, name).iter().any(|value| inside.holds(value)),
            Self::Present(name) => reached(resource, name).iter().any(|value| is_there(value)),
            Self::Compare(name, operator, wanted) => {
                let all = reached(resource, name);
                let there: Vec<_> = all.into_iter().filter(|value| is_there(value)).collect();
                match (operator, wanted) {
                    (Operator::Equal, Value::Null) => there.is_empty(),
                    (Operator::NotEqual, Value::Null) => !there.is_empty(),
                    (Operator::NotEqual, wanted) => {
                        !there.iter().any(|value| compared(name, value, Operator::Equal, wanted))
                    }
                    (operator, wanted) => there.iter().any(|value| compared(name, value, *operator, wanted)),
                }
            }
        }
    }

    /// The comparisons of which all hold where the filter does.
    pub(crate) fn needed(&self) -> Vec<(&Name, Operator, &str)> {
        match self {
            Self::And(left, right) => [left.needed(), right.needed()].concat(),
            Self::Compare(name, operator, Value::String(text)) => vec![(name, *operator, text)],
            _ => Vec::new(),
        }
    }

    /// Where it says what one value is like: the parts and their texts. So a value is made that is not
    /// there.
    pub(crate) fn described(&self) -> Option<Vec<(&str, &Value)>> {
        match self {
            Self::And(left, right) => Some([left.described()?, right.described()?].concat()),
            Self::Compare(name, Operator::Equal, value) if name.part.is_none() => {
                Some(vec![(name.name.as_str(), value)])
            }
            _ => None,
        }
    }
}

fn is_there(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(values) => !values.is_empty(),
        _ => true,
    }
}

/// The values of the attribute of this name: names have no case.
fn values<'a>(resource: &'a Value, name: &str) -> Vec<&'a Value> {
    let member = resource.as_object().and_then(|members| {
        members.iter().find(|(member, _)| member.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    });
    match member {
        Some(Value::Array(values)) => values.iter().collect(),
        Some(value) => vec![value],
        None => Vec::new(),
    }
}

fn reached<'a>(resource: &'a Value, name: &Name) -> Vec<&'a Value> {
    let of_name = values(resource, &name.name);
    let Some(part) = &name.part else {
        // of an attribute with parts its `value` is meant (section 3.4.2.2)
        let own = |value: &'a Value| if value.is_object() { values(value, "value") } else { vec![value] };
        return of_name.into_iter().flat_map(own).collect();
    };
    of_name.into_iter().flat_map(|value| values(value, part)).collect()
}

/// Attributes whose letters are compared as they are.
const EXACT: &[&str] = &["id", "externalid"];

fn compared(name: &Name, value: &Value, operator: Operator, wanted: &Value) -> bool {
    let is_exact = EXACT.contains(&name.name.as_str());
    let folded = |text: &str| if is_exact { text.to_owned() } else { text.to_lowercase() };
    match (value, wanted) {
        (Value::String(value), Value::String(wanted)) => {
            let (value, wanted) = (folded(value), folded(wanted));
            match operator {
                Operator::Equal | Operator::NotEqual => value == wanted,
                Operator::Contains => value.contains(&wanted),
                Operator::StartsWith => value.starts_with(&wanted),
                Operator::EndsWith => value.ends_with(&wanted),
                Operator::Greater => value > wanted,
                Operator::GreaterOrEqual => value >= wanted,
                Operator::Less => value < wanted,
                Operator::LessOrEqual => value <= wanted,
            }
        }
        // Entra writes yes and no as texts
        (Value::Bool(value), Value::String(word)) => {
            operator == Operator::Equal && word.eq_ignore_ascii_case(if *value { "true" } else { "false" })
        }
        (value, wanted) => operator == Operator::Equal && value == wanted,
    }
}

#[cfg(test)]
mod tests {
    use primitives::Fault;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn holds(filter: &str, resource: &Value) -> bool {
        parse(filter).unwrap_or_else(|error| panic!("{filter}: {error}")).holds(resource)
    }

    #[test]
    fn and_binds_more_tightly_than_or_and_not_before_both() {
        let resource = json!({ "a": "1", "b": "2" });
        assert!(holds("a eq \"1\" or a eq \"2\" and b eq \"9\"", &resource));
        assert!(!holds("(a eq \"1\" or a eq \"2\") and b eq \"9\"", &resource));
        assert!(holds("not (b eq \"9\") and a pr", &resource));
        assert!(holds("c eq null and a ne null and a ne \"2\"", &resource));
    }

    #[test]
    fn a_value_is_all_that_its_brackets_say() {
        let resource = json!({ "emails": [
            { "type": "work", "value": "a@x.example" }, { "type": "home", "value": "b@y.example", "primary": true },
        ] });
        assert!(holds("emails[type eq \"work\" and value ew \"x.example\"]", &resource));
        assert!(!holds("emails[type eq \"work\" and value ew \"y.example\"]", &resource));
        assert!(holds("emails.type eq \"work\" and emails.value ew \"y.example\"", &resource));
        assert!(
            holds("emails[primary eq true]", &resource) && holds("emails[primary eq \"True\"]", &resource)
        );
    }

    proptest! {
        /// Whatever comes in is read or refused, and what was read can be asked of anything.
        #[test]
        fn nothing_breaks_it(text in "\\PC{0,80}", pieces in prop::collection::vec(
            prop::sample::select(vec!["a", "eq", "\"x\"", "(", ")", "[", "]", "and", "or", "not", "pr", "1", ".", "\\", "\""]), 0..40)
        ) {
            for text in [text, pieces.join(" ")] {
                match parse(&text) {
                    Ok(filter) => {
                        filter.holds(&json!({ "a": [{ "value": "x" }], "b": true }));
                        filter.needed();
                    }
                    Err(error) => prop_assert_eq!(error.code(), "scim_invalid_filter"),
                }
            }
        }

        /// A text is compared as it is, whatever letters it has.
        #[test]
        fn a_text_is_found_by_itself(text in "\\PC{1,30}") {
            let filter = format!("a eq {}", Value::from(text.as_str()));
            let is_found = holds(&filter, &json!({ "A": text }));
            prop_assert!(is_found);
        }
    }
}

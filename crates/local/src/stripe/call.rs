//! A call's parameters: form-encoded with brackets, as Stripe's libraries write them.

use http::Method;
use serde_json::{Map, Value};

use super::refusal::{Answer, Refusal};

/// Deepest nesting of brackets.
const DEPTH: usize = 10;
/// Numbers among the parameters, by their last name. Some of them have words as well.
const NUMBERS: &[&str] = &[
    "amount",
    "amount_off",
    "amount_remaining",
    "backdate_start_date",
    "balance",
    "billing_cycle_anchor",
    "cancel_at",
    "days_until_due",
    "duration_in_months",
    "end_time",
    "ends_before",
    "expires_at",
    "flat_amount",
    "gt",
    "gte",
    "interval_count",
    "limit",
    "lt",
    "lte",
    "max_redemptions",
    "minimum_amount",
    "proration_date",
    "quantity",
    "redeem_by",
    "resumes_at",
    "start_time",
    "timestamp",
    "trial_end",
    "trial_period_days",
    "unit_amount",
    "up_to",
];
const WORDS: &[&str] = &["now", "unchanged", "inf", "min_period_end", "max_period_end"];
const FLAGS: &[&str] = &[
    "active",
    "allow_promotion_codes",
    "auto_advance",
    "cancel_at_period_end",
    "deleted",
    "disabled",
    "enabled",
    "invoice_now",
    "is_default",
    "off_session",
    "paid_out_of_band",
    "prorate",
    "transfer_lookup_key",
];

/// What is asked, and when.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) now: i64,
    /// The id in the path, or the two.
    pub(super) ids: Vec<String>,
    pub(super) params: Map<String, Value>,
    /// Address of this Stripe, for the pages.
    pub(super) url: String,
}

impl Call {
    pub(super) fn id(&self) -> &str {
        self.ids.first().map(String::as_str).unwrap_or_default()
    }

    pub(super) fn get(&self, name: &str) -> &Value {
        self.params.get(name).unwrap_or(&Value::Null)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).as_str()
    }

    pub(super) fn required(&self, name: &str) -> Answer<&str> {
        self.text(name).ok_or_else(|| Refusal::required(name))
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name) == true
    }

    /// The parameters of these names, as they are.
    pub(super) fn only(&self, names: &[&str]) -> Value {
        let named = self.params.iter().filter(|(name, _)| names.contains(&name.as_str()));
        Value::Object(named.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// All but these.
    pub(super) fn except(&self, names: &[&str]) -> Value {
        let rest =
            self.params.iter().filter(|(name, _)| !names.contains(&name.as_str()) && *name != "expand");
        Value::Object(rest.map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}

/// Reads the parameters of a call.
pub(super) fn read(method: &Method, query: &str, body: &[u8]) -> Answer<Map<String, Value>> {
    let form = serde_qs::Config::new().use_form_encoding(true).max_depth(DEPTH);
    let text = if method == Method::POST { body } else { query.as_bytes() };
    let read: Map<String, Value> = form.deserialize_bytes(text).map_err(|error| {
        Refusal::invalid(&format!("Invalid request: the parameters cannot be read ({error})."))
    })?;
    read.into_iter().map(|(name, value)| Ok((name.clone(), typed(value, &name, &name)?))).collect()
}

/// A parameter as it is meant: a number or a flag by its name; lists from members that are counted; what is
/// empty is unset.
fn typed(value: Value, path: &str, name: &str) -> Answer {
    match value {
        Value::Object(own) => {
            if own.keys().all(|key| key.parse::<usize>().is_ok()) {
                let mut counted: Vec<_> = own.into_iter().collect();
                counted.sort_by_key(|(key, _)| key.parse::<usize>().unwrap_or_default());
                return list(counted.into_iter().map(|(_, value)| value).collect(), path, name);
            }
            if matches!(name, "metadata" | "payload") {
                return Ok(Value::Object(own));
            }
            let each = |(key, value): (String, Value)| {
                typed(value, &format!("{path}[{key}]"), &key).map(|value| (key, value))
            };
            own.into_iter().map(each).collect::<Answer<Map<_, _>>>().map(Value::Object)
        }
        Value::Array(all) => list(all, path, name),
        Value::String(text) if text.is_empty() => Ok(Value::Null),
        Value::String(text) => leaf(text, path, name),
        other => Ok(other),
    }
}

fn list(all: Vec<Value>, path: &str, name: &str) -> Answer {
    let each = |(at, value)| typed(value, &format!("{path}[{at}]"), name);
    all.into_iter().enumerate().map(each).collect::<Answer<Vec<_>>>().map(Value::Array)
}

fn leaf(text: String, path: &str, name: &str) -> Answer {
    if NUMBERS.contains(&name) && !WORDS.contains(&text.as_str()) {
        let number = text.parse::<i64>().map_err(|_| {
            let message = format!("Invalid integer: {text}");
            Refusal::invalid(&message).code("parameter_invalid_integer").param(path)
        })?;
        return Ok(number.into());
    }
    if name == "percent_off" {
        let message = format!("Invalid decimal: {text}");
        let number = text.parse::<f64>().map_err(|_| Refusal::invalid(&message).param(path))?;
        return Ok(number.into());
    }
    if FLAGS.contains(&name) {
        return match text.as_str() {
            "true" => Ok(true.into()),
            "false" => Ok(false.into()),
            _ => Err(Refusal::invalid(&format!("Invalid boolean: {text}")).param(path)),
        };
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parameters(text: &str) -> Value {
        Value::Object(read(&Method::POST, "", text.as_bytes()).unwrap())
    }

    #[test]
    fn reads_what_the_libraries_write() {
        // Python leaves the brackets, Node escapes them, Rust counts the members.
        assert_eq!(
            parameters("items[0][price]=p1&items[0][quantity]=3&metadata[org_id]=7&expand[]=a&expand[]=b.c"),
            json!({ "items": [{ "price": "p1", "quantity": 3 }], "metadata": { "org_id": "7" },
                    "expand": ["a", "b.c"] })
        );
        assert_eq!(
            parameters("lookup_keys%5B0%5D=a%20b&lookup_keys%5B1%5D=c&active=true&email=&name=A+B%2BC"),
            json!({ "lookup_keys": ["a b", "c"], "active": true, "email": null, "name": "A B+C" })
        );
        assert_eq!(
            parameters("trial_end=now&a[b][c][d]=1"),
            json!({ "trial_end": "now", "a": { "b": { "c": { "d": "1" } } } })
        );
        assert_eq!(parameters(""), json!({}));
    }

    #[test]
    fn says_which_parameter_is_wrong() {
        let refused = read(&Method::POST, "", b"items[0][quantity]=many").unwrap_err();
        assert_eq!(refused.error["param"], "items[0][quantity]");
        assert_eq!(refused.error["code"], "parameter_invalid_integer");
    }
}

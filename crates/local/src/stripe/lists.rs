//! Lists by pages, and search.

use serde_json::{Value, json};

use super::StripeState;
use super::call::Call;
use super::refusal::{Answer, Refusal};

const PAGE: i64 = 10;
const LARGEST_PAGE: i64 = 100;

/// One page of `all`, which come the newest first.
pub(super) fn page(call: &Call, url: &str, all: &[&Value]) -> Answer {
    let limit = call.get("limit").as_i64().unwrap_or(PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        let message = format!("This value must be between 1 and {LARGEST_PAGE} (inclusive).");
        return Err(Refusal::invalid(&message).code("parameter_invalid_integer").param("limit"));
    }
    let limit = usize::try_from(limit).unwrap_or_default();
    let place = |name: &str| -> Answer<Option<usize>> {
        let Some(id) = call.text(name) else { return Ok(None) };
        let found = all.iter().position(|one| one["id"] == id);
        found.map(Some).ok_or_else(|| Refusal::missing("object", id, name))
    };
    let (data, has_more) = match (place("starting_after")?, place("ending_before")?) {
        (Some(_), Some(_)) => {
            return Err(Refusal::invalid("You cannot use both starting_after and ending_before."));
        }
        // The page ends where it is told to: the members just before.
        (None, Some(end)) => (&all[end.saturating_sub(limit)..end], end > limit),
        (after, None) => {
            let rest = &all[after.map_or(0, |at| at + 1)..];
            (&rest[..rest.len().min(limit)], rest.len() > limit)
        }
    };
    Ok(json!({ "object": "list", "url": url, "has_more": has_more, "data": data }))
}

impl StripeState {
    /// A page of the objects of a kind that are as the parameters of these names say, and created when asked.
    pub(super) fn list(&self, call: &Call, url: &str, kind: &str, filters: &[&str]) -> Answer {
        let fits = |one: &&Value| {
            filters.iter().all(|name| {
                let wanted = call.get(name);
                wanted.is_null() || one[*name] == *wanted
            }) && in_range(&one["created"], call.get("created"))
        };
        let all: Vec<&Value> = self.all(kind).into_iter().filter(fits).collect();
        page(call, url, &all)
    }

    /// Finds objects of a kind by a query (<https://docs.stripe.com/search#search-query-language>): terms of
    /// fields and metadata, all of which have to fit.
    pub(super) fn search(&self, call: &Call, url: &str, kind: &str) -> Answer {
        let terms: Vec<_> = call.required("query")?.split(" AND ").map(term).collect::<Option<_>>().ok_or_else(
            || Refusal::invalid("The local Stripe understands field:\"value\" and metadata[\"key\"]:\"value\", joined by AND.").param("query"),
        )?;
        let fits = |one: &&Value| {
            terms.iter().all(|(field, value)| {
                let own = match field {
                    Field::Own(name) => &one[name],
                    Field::Metadata(name) => &one["metadata"][name],
                };
                let own = own.as_str().map_or_else(|| own.to_string(), str::to_owned);
                own.eq_ignore_ascii_case(value)
            })
        };
        let all: Vec<&Value> = self.all(kind).into_iter().filter(fits).collect();
        let mut found = page(call, url, &all)?;
        found["object"] = json!("search_result");
        found["next_page"] = Value::Null;
        Ok(found)
    }
}

pub(super) fn in_range(value: &Value, range: &Value) -> bool {
    let Some(value) = value.as_i64() else { return true };
    let fits = |name: &str, fits: fn(&i64, &i64) -> bool| {
        range[name].as_i64().is_none_or(|bound| fits(&value, &bound))
    };
    let exact = range.as_str().and_then(|text| text.parse::<i64>().ok());
    exact.is_none_or(|exact| exact == value)
        && fits("gt", i64::gt)
        && fits("gte", i64::ge)
        && fits("lt", i64::lt)
        && fits("lte", i64::le)
}

enum Field {
    Own(String),
    Metadata(String),
}

fn term(text: &str) -> Option<(Field, String)> {
    let (field, value) = text.trim().split_once(':')?;
    let value = value.trim_matches(['"', '\'']).to_owned();
    let inner = field.strip_prefix("metadata[").and_then(|rest| rest.strip_suffix(']'));
    let field = match inner {
        Some(name) => Field::Metadata(name.trim_matches(['"', '\'']).to_owned()),
        None if field.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => {
            Field::Own(field.to_owned())
        }
        None => return None,
    };
    Some((field, value))
}

#[cfg(test)]
mod tests {
    use super::super::server::page_call;
    use super::*;

    fn ids(state: &StripeState, params: &Value) -> (Vec<String>, bool) {
        let call = Call { params: params.as_object().cloned().unwrap(), ..page_call("", 1) };
        let list = state.list(&call, "/v1/customers", "customer", &[]).unwrap();
        let data = list["data"].as_array().unwrap().iter();
        (data.map(|one| one["name"].as_str().unwrap().to_owned()).collect(), list["has_more"] == true)
    }

    #[test]
    fn pages_go_both_ways_and_say_whether_there_is_more() {
        let mut state = StripeState::default();
        let mut all = Vec::new();
        for name in ["e", "d", "c", "b", "a"] {
            let customer = state.make("cus", "customer", 1, json!({ "name": name }));
            state.put(&customer);
            all.insert(0, customer["id"].clone());
        }
        let names = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        assert_eq!(ids(&state, &json!({ "limit": 2 })), (names("ab"), true));
        assert_eq!(ids(&state, &json!({ "limit": 2, "starting_after": all[2] })), (names("de"), false));
        assert_eq!(ids(&state, &json!({ "limit": 2, "ending_before": all[3] })), (names("bc"), true));
        assert_eq!(ids(&state, &json!({ "limit": 2, "ending_before": all[2] })), (names("ab"), false));
        assert_eq!(ids(&state, &json!({ "starting_after": all[4] })), (names(""), false));
    }
}

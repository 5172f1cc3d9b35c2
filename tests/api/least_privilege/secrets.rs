//! Nothing that lets somebody in lies about: what went over the wire as a secret is looked for in the table,
//! in what workers are handed by streams, queues and the bus, and in all logs.

use std::collections::{BTreeMap, BTreeSet};

use local::{Cloud, Invocation};
use serde_json::Value;

/// The members of requests and answers that are secrets.
const SECRETS: &[&str] = &[
    "access_token",
    "browser_token",
    "ceremony_token",
    "client_secret",
    "code",
    "password",
    "qr_uri",
    "recovery_codes",
    "refresh_token",
    "secret",
    "state",
    "token",
    "url",
];

/// Shorter ones are looked for as whole strings: six digits may well be a part of something else.
const LONG: usize = 16;

/// What was said to and by the routes, and what else was said of it.
#[derive(Default)]
pub(crate) struct Spoken {
    seen: BTreeSet<String>,
    /// The secrets, and what each is.
    secrets: BTreeMap<String, String>,
    /// Where they must not be.
    texts: Vec<(String, String)>,
}

impl Spoken {
    /// Listens to the calls since it did last.
    pub(crate) fn listen(&mut self, cloud: &Cloud) {
        let calls = cloud.invocations(None);
        let new: Vec<_> = calls.into_iter().filter(|call| self.seen.insert(call.id.clone())).collect();
        assert!(new.len() < 500, "some calls were forgotten before anybody listened: settle more often");
        for call in new.into_iter().rev() {
            let is_route = call.function.starts_with("api-");
            if is_route {
                self.said(&call);
            } else {
                self.texts.push((format!("what {} was handed", call.function), call.event.to_string()));
            }
            let log = serde_json::to_string(&call.log).unwrap();
            self.texts.push((format!("the log of {}", call.function), log));
        }
    }

    fn said(&mut self, call: &Invocation) {
        let path = call.event["path"].as_str().unwrap_or_default();
        let bearer = call.event["headers"]["authorization"].as_str().and_then(|text| text.split_once(' '));
        if let Some((_, token)) = bearer {
            self.keep("authorization", token, path);
        }
        let is_good = call.answer["statusCode"].as_u64().is_some_and(|status| status < 300);
        // what is pushed to is an address, and no secret of ours; the code of a problem is none at all
        let bodies =
            [(path != "/v1/me/devices").then(|| &call.event["body"]), is_good.then(|| &call.answer["body"])];
        for body in bodies.into_iter().flatten().filter_map(Value::as_str) {
            if let Ok(body) = serde_json::from_str(body) {
                self.find(&body, path);
            }
        }
    }

    fn find(&mut self, value: &Value, path: &str) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.find(item, path)),
            Value::Object(members) => {
                for (name, value) in members {
                    if SECRETS.contains(&name.as_str()) {
                        texts(value).for_each(|text| self.keep(name, text, path));
                    }
                    self.find(value, path);
                }
            }
            _ => {}
        }
    }

    fn keep(&mut self, name: &str, text: &str, path: &str) {
        let text = text.split_once("#token=").map_or(text, |(_, token)| token);
        if text.len() >= 6 {
            self.secrets.entry(text.to_owned()).or_insert_with(|| format!("`{name}` of {path}"));
        }
    }

    /// Where secrets lie, the table's items included. The secrets themselves are not told.
    pub(crate) fn lying_about(&self, items: &[Value]) -> Vec<String> {
        let items = items.iter().map(|item| (format!("an item {}", item["kind"]), item.to_string()));
        let mut found = BTreeSet::new();
        for (place, text) in items.chain(self.texts.iter().cloned()) {
            let quoted = text.replace("\\\"", "\"");
            for (secret, what) in &self.secrets {
                let is_there = if secret.len() < LONG {
                    quoted.contains(&format!("\"{secret}\""))
                } else {
                    text.contains(secret)
                };
                if is_there {
                    found.insert(format!("{place} holds {what}"));
                }
            }
        }
        found.into_iter().collect()
    }

    /// The members of which nothing was seen.
    pub(crate) fn unseen(&self) -> Vec<&'static str> {
        let seen: BTreeSet<_> = self.secrets.values().filter_map(|what| what.split('`').nth(1)).collect();
        SECRETS.iter().copied().filter(|name| !seen.contains(name)).collect()
    }
}

fn texts(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Value::String(text) => Box::new(std::iter::once(text.as_str())),
        Value::Array(items) => Box::new(items.iter().filter_map(Value::as_str)),
        _ => Box::new(std::iter::empty()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_noticed_wherever_it_lies() {
        let mut spoken = Spoken::default();
        let long = "a".repeat(LONG);
        let said = json!({ "code": "314159", "recovery_codes": ["abcd-efgh"], "tokens": { "access_token": long },
            "qr_uri": "https://app.example/auth/device#token=gdl_1234" });
        spoken.find(&said, "/x");
        let holds = |item: Value| spoken.lying_about(&[item]);
        let (code, token) = ("an item \"a\" holds `code` of /x", "an item \"a\" holds `access_token` of /x");
        assert_eq!(holds(json!({ "kind": "a", "any": "314159" })), [code]);
        assert_eq!(holds(json!({ "kind": "a", "any": json!({ "code": "314159" }).to_string() })), [code]);
        assert_eq!(holds(json!({ "kind": "a", "any": format!("Bearer {long}") })), [token]);
        assert_eq!(holds(json!({ "kind": "a", "any": ["abcd-efgh", "gdl_1234"] })).len(), 2);
        assert_eq!(holds(json!({ "kind": "a", "sequence": 314_159, "hash": "93141592" })), [""; 0]);
        spoken.texts.push(("a log".to_owned(), json!({ "line": long }).to_string()));
        assert_eq!(spoken.lying_about(&[]), ["a log holds `access_token` of /x"]);
    }
}

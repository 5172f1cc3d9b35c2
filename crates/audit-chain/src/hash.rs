//! Hashes of events, and the links between them.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

/// What of an event stays for good.
const LASTING: [&str; 7] = ["id", "time", "org_id", "action", "actor", "target", "correlation_id"];
/// What of an event may name a person. It is erased with the person.
const PERSONAL: [&str; 4] = ["address", "user_agent", "before", "after"];
/// That which was erased, as its hash.
const DETAILS: &str = "details";
const SALT: &str = "salt";
/// Where an event is in the chain: no part of what is hashed.
const PLACE: [&str; 2] = ["sequence", "hash"];

/// A SHA-256 hash, written as 64 hexadecimal digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

/// That a text is no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a hash; one is 64 hexadecimal digits in lower case")]
pub struct NoHash;

/// Why an event has no hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotHashed {
    /// It has a member that no event has.
    #[error("it has an unknown member {0:?}")]
    Unknown(String),
    /// A member is missing that every event has.
    #[error("it has no member {0:?}")]
    Missing(&'static str),
    /// The salt is not what it should be.
    #[error("its salt is not 32 hexadecimal digits")]
    Salt,
    /// What is left of erased details is no hash.
    #[error("its details are {NoHash}")]
    Details,
    /// It has no canonical form.
    #[error("it has no canonical form: {0}")]
    Canonical(String),
}

/// The hash of an event as the API shows it, whatever its place in the chain.
///
/// `SHA-256(JCS(lasting members and details))`, where `details` is `SHA-256(salt ‖ JCS(personal members))`,
/// as hexadecimal digits, and JCS is the canonical form of RFC 8785. An event without a salt was erased, and
/// says its `details` itself.
pub fn row_hash(event: &Map<String, Value>) -> Result<Hash, NotHashed> {
    let is_known = |name: &str| {
        LASTING.contains(&name)
            || PERSONAL.contains(&name)
            || PLACE.contains(&name)
            || [DETAILS, SALT].contains(&name)
    };
    if let Some(name) = event.keys().find(|name| !is_known(name)) {
        return Err(NotHashed::Unknown(name.clone()));
    }
    let mut lasting = members(event, &LASTING)?;
    lasting.insert(DETAILS.to_owned(), Value::String(details(event)?.to_string()));
    Ok(Hash::of(&[&canonical(lasting)?]))
}

/// The hash of what may name a person: what is left of it when it is erased, or what is left already.
pub fn details(event: &Map<String, Value>) -> Result<Hash, NotHashed> {
    match (event.get(SALT), event.get(DETAILS)) {
        (Some(Value::String(salt)), None | Some(Value::Null)) => salted(event, salt),
        (None | Some(Value::Null), Some(Value::String(details))) => {
            if members(event, &PERSONAL)?.values().any(|value| !value.is_null()) {
                return Err(NotHashed::Missing(SALT));
            }
            details.parse().map_err(|NoHash| NotHashed::Details)
        }
        (None | Some(Value::Null), None | Some(Value::Null)) => Err(NotHashed::Missing(SALT)),
        (Some(Value::String(_)), Some(_)) => Err(NotHashed::Details),
        _ => Err(NotHashed::Salt),
    }
}

fn salted(event: &Map<String, Value>, salt: &str) -> Result<Hash, NotHashed> {
    let salt: [u8; 16] = bytes(salt).ok_or(NotHashed::Salt)?;
    Ok(Hash::of(&[&salt, &canonical(members(event, &PERSONAL)?)?]))
}

fn members(event: &Map<String, Value>, names: &[&'static str]) -> Result<Map<String, Value>, NotHashed> {
    let member = |name: &&'static str| {
        let value = event.get(*name).ok_or(NotHashed::Missing(name))?;
        Ok(((*name).to_owned(), value.clone()))
    };
    names.iter().map(member).collect()
}

fn canonical(members: Map<String, Value>) -> Result<Vec<u8>, NotHashed> {
    serde_json_canonicalizer::to_vec(&Value::Object(members))
        .map_err(|error| NotHashed::Canonical(error.to_string()))
}

/// What the first event of an organization is linked to.
pub fn first_link(org_id: &str) -> Hash {
    Hash::of(&[b"gantry audit chain 1\n", org_id.as_bytes()])
}

/// The chain's hash behind the event that has this number, from 1, and this hash:
/// `SHA-256(hash before ‖ number as 8 bytes, most significant first ‖ hash of the event)`.
pub fn link(before: Hash, sequence: u64, row: Hash) -> Hash {
    Hash::of(&[&before.0, &sequence.to_be_bytes(), &row.0])
}

impl Hash {
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        let mut context = Context::new(&SHA256);
        for part in parts {
            context.update(part);
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Self(hash)
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let is_plain = text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    (is_plain && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(bytes)
}

impl FromStr for Hash {
    type Err = NoHash;

    fn from_str(text: &str) -> Result<Self, NoHash> {
        bytes(text).map(Self).ok_or(NoHash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event() -> Map<String, Value> {
        let event = json!({
            "id": "evt_1", "time": "2026-11-27T10:00:00Z", "org_id": "org_1", "action": "member.updated",
            "actor": {"type": "user", "id": "usr_1"}, "target": {"type": "member", "id": "mbr_1"},
            "correlation_id": "cor", "address": "192.0.2.1", "user_agent": null,
            "before": {"role": "member"}, "after": {"role": "admin"},
            "salt": "000102030405060708090a0b0c0d0e0f", "sequence": 1, "hash": null,
        });
        event.as_object().unwrap().clone()
    }

    /// Made by hand with `sha256sum` from the canonical texts: the form must not change by itself.
    #[test]
    fn the_hash_is_made_as_the_docs_say() {
        let hash = row_hash(&event()).unwrap();
        let personal = br#"{"address":"192.0.2.1","after":{"role":"admin"},"before":{"role":"member"},"user_agent":null}"#;
        let salt: Vec<u8> = (0..16).collect();
        let details = Hash::of(&[&salt, personal]).to_string();
        let lasting = format!(
            r#"{{"action":"member.updated","actor":{{"id":"usr_1","type":"user"}},"correlation_id":"cor","details":"{details}","id":"evt_1","org_id":"org_1","target":{{"id":"mbr_1","type":"member"}},"time":"2026-11-27T10:00:00Z"}}"#
        );
        assert_eq!(hash, Hash::of(&[lasting.as_bytes()]));
        assert_ne!(link(first_link("org_1"), 1, hash), link(first_link("org_2"), 1, hash));
    }

    #[test]
    fn erased_details_leave_the_hash_as_it_was() {
        let whole = event();
        let left = details(&whole).unwrap();
        let mut erased = whole.clone();
        for name in PERSONAL {
            erased[name] = Value::Null;
        }
        erased.insert("salt".into(), Value::Null);
        erased.insert("details".into(), json!(left));
        assert_eq!(row_hash(&erased), row_hash(&whole));
        assert_eq!(details(&erased), Ok(left), "to erase what is erased changes nothing");
        erased["after"] = json!({"role": "owner"});
        assert_eq!(
            row_hash(&erased),
            Err(NotHashed::Missing("salt")),
            "nothing proves what stands beside it"
        );
    }

    #[test]
    fn what_is_no_event_has_no_hash() {
        let with = |name: &str, value: Value| {
            let mut event = event();
            event.insert(name.to_owned(), value);
            row_hash(&event)
        };
        assert_eq!(with("note", json!(1)), Err(NotHashed::Unknown("note".into())));
        for salt in [json!("00"), json!(1), json!("000102030405060708090A0B0C0D0E0F")] {
            assert_eq!(with("salt", salt.clone()), Err(NotHashed::Salt), "{salt}");
        }
        assert_eq!(with("details", json!("x")), Err(NotHashed::Details));
        for name in LASTING.into_iter().chain(PERSONAL) {
            let mut event = event();
            event.remove(name);
            assert_eq!(row_hash(&event), Err(NotHashed::Missing(name)));
        }
        assert_eq!("AB".repeat(32).parse::<Hash>(), Err(NoHash));
    }
}

//! A secret's versions and their labels, by the rules of Secrets Manager
//! (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html#term_version>).

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Label of the version that readers get.
pub(crate) const CURRENT: &str = "AWSCURRENT";
/// Label of the version before.
const PREVIOUS: &str = "AWSPREVIOUS";
/// Label of the version that a rotation is making.
pub(crate) const PENDING: &str = "AWSPENDING";

/// A secret.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Secret {
    pub name: String,
    /// The labelled versions, the oldest first. One without a label is gone.
    pub versions: Vec<SecretVersion>,
    /// When a rotation last ended.
    pub rotated_at: Option<Timestamp>,
}

/// One version of a secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecretVersion {
    pub id: String,
    /// `SecretString`; a rotation begins with a version that has none.
    pub value: Option<String>,
    /// Labels. No two versions have the same.
    pub labels: BTreeSet<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Why a version or a label is not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The version has another value already.
    Exists,
    NoVersion,
    /// The label is on another version than the caller thinks.
    LabelElsewhere,
}

impl Secret {
    /// A secret with its first value.
    pub(crate) fn new(name: &str, id: String, value: String, now: Timestamp) -> Self {
        let mut secret = Self { name: name.to_owned(), ..Self::default() };
        secret.versions.push(SecretVersion {
            id,
            value: Some(value),
            labels: BTreeSet::new(),
            created_at: now,
        });
        secret.label(0, CURRENT);
        secret
    }

    /// The value that readers get.
    pub fn current(&self) -> Option<&str> {
        self.labelled(CURRENT)?.value.as_deref()
    }

    /// The version with this label.
    pub fn labelled(&self, label: &str) -> Option<&SecretVersion> {
        self.versions.iter().find(|version| version.labels.contains(label))
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.versions.iter().position(|version| version.id == id)
    }

    /// Adds a version, or fills one that a rotation began.
    pub(crate) fn put(
        &mut self,
        id: &str,
        value: Option<&str>,
        labels: &[&str],
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let at = self.position(id).unwrap_or(self.versions.len());
        if at == self.versions.len() {
            let labels = BTreeSet::new();
            self.versions.push(SecretVersion { id: id.to_owned(), value: None, labels, created_at: now });
        }
        let version = &mut self.versions[at];
        match (&version.value, value) {
            (Some(known), Some(value)) if known != value => return Err(Refusal::Exists),
            (None, Some(value)) => version.value = Some(value.to_owned()),
            _ => {}
        }
        for label in labels {
            self.label(at, label);
        }
        self.forget_unlabelled();
        Ok(())
    }

    /// Moves a label, adds it or takes it away. The caller must know which version has it.
    pub(crate) fn move_label(
        &mut self,
        label: &str,
        to: Option<&str>,
        from: Option<&str>,
    ) -> Result<(), Refusal> {
        let owner = self.labelled(label).map(|version| version.id.clone());
        // A label that is somewhere moves only if the caller says from where; adding it where it is
        // already changes nothing.
        if owner.as_deref() != from && owner.as_deref() != to {
            return Err(Refusal::LabelElsewhere);
        }
        match to {
            Some(to) => {
                let at = self.position(to).ok_or(Refusal::NoVersion)?;
                self.label(at, label);
            }
            None => {
                if let Some(version) = from.and_then(|from| self.position(from)) {
                    self.versions[version].labels.remove(label);
                }
            }
        }
        self.forget_unlabelled();
        Ok(())
    }

    /// Gives a version a label, which leaves the one that had it. The version that was current
    /// becomes the one before.
    fn label(&mut self, at: usize, label: &str) {
        let id = self.versions[at].id.clone();
        let before = self.labelled(label).map(|version| version.id.clone()).filter(|before| *before != id);
        for version in &mut self.versions {
            version.labels.remove(label);
        }
        self.versions[at].labels.insert(label.to_owned());
        if label == CURRENT
            && let Some(before) = before.and_then(|before| self.position(&before))
        {
            self.label(before, PREVIOUS);
        }
    }

    fn forget_unlabelled(&mut self) {
        self.versions.retain(|version| !version.labels.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        Secret::new("key", "1".to_owned(), "one".to_owned(), Timestamp::UNIX_EPOCH)
    }

    fn labels(secret: &Secret) -> Vec<(&str, Vec<&str>)> {
        secret
            .versions
            .iter()
            .map(|version| (version.id.as_str(), version.labels.iter().map(String::as_str).collect()))
            .collect()
    }

    #[test]
    fn a_new_value_is_current_and_the_one_before_stays_until_the_next() {
        let mut secret = secret();
        secret.put("2", Some("two"), &[CURRENT], Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(labels(&secret), [("1", vec![PREVIOUS]), ("2", vec![CURRENT])]);
        secret.put("3", Some("three"), &[CURRENT], Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(labels(&secret), [("2", vec![PREVIOUS]), ("3", vec![CURRENT])]);
        assert_eq!(secret.current(), Some("three"));
    }

    #[test]
    fn a_rotation_fills_an_empty_version_once_and_moves_the_label() {
        let mut secret = secret();
        let now = Timestamp::UNIX_EPOCH;
        secret.put("2", None, &[PENDING], now).unwrap();
        assert_eq!(secret.labelled(PENDING).unwrap().value, None);
        secret.put("2", Some("two"), &[PENDING], now).unwrap();
        secret.put("2", Some("two"), &[PENDING], now).unwrap();
        assert_eq!(secret.put("2", Some("other"), &[PENDING], now), Err(Refusal::Exists));
        assert_eq!(secret.current(), Some("one"));
        secret.move_label(CURRENT, Some("2"), Some("1")).unwrap();
        assert_eq!(labels(&secret), [("1", vec![PREVIOUS]), ("2", vec![CURRENT, PENDING])]);
        assert_eq!(secret.move_label(CURRENT, Some("2"), Some("1")), Ok(()), "it is there already");
    }

    #[test]
    fn a_label_moves_only_from_where_it_is() {
        let mut secret = secret();
        secret.put("2", Some("two"), &[PENDING], Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(secret.move_label(CURRENT, Some("2"), None), Err(Refusal::LabelElsewhere));
        assert_eq!(secret.move_label(CURRENT, Some("2"), Some("2")), Err(Refusal::LabelElsewhere));
        assert_eq!(secret.move_label(CURRENT, Some("9"), Some("1")), Err(Refusal::NoVersion));
        secret.move_label(PENDING, None, Some("2")).unwrap();
        assert_eq!(labels(&secret), [("1", vec![CURRENT])], "a version without a label is gone");
    }
}

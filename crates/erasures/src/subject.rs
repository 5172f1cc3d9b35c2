use std::{fmt, str::FromStr};

use primitives::{OrgId, UserId};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// What is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A person.
    Person(UserId),
    /// An organization, with all that is in it.
    Organization(OrgId),
}

/// The text is the id of neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a person or an organization")]
pub struct NoSubject;

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(user_id) => user_id.fmt(f),
            Self::Organization(org_id) => org_id.fmt(f),
        }
    }
}

impl FromStr for Subject {
    type Err = NoSubject;

    fn from_str(text: &str) -> Result<Self, NoSubject> {
        let person = text.parse().map(Self::Person);
        person.or_else(|_| text.parse().map(Self::Organization)).map_err(|_| NoSubject)
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use primitives::Ids;

    use super::*;

    #[test]
    fn a_subject_is_told_by_its_id() {
        for subject in [Subject::Person(Ids::unguessable()), Subject::Organization(Ids::unguessable())] {
            assert_eq!(subject.to_string().parse(), Ok(subject));
        }
        for text in ["", "usr_", "mbr_01kar8h5g0e0vsx4q1v3f6m2ah"] {
            assert_eq!(text.parse::<Subject>(), Err(NoSubject), "{text}");
        }
    }
}

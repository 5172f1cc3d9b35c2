use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::schema;

/// A moment as the API shows it: RFC 3339 in UTC, always with three decimals (`2026-11-23T10:15:00.000Z`), so
/// that the order of the texts is the order of the times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(Timestamp);

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl Time {
    /// The moment.
    pub fn timestamp(self) -> Timestamp {
        self.0
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Timestamp::deserialize(deserializer).map(Self)
    }
}

impl utoipa::PartialSchema for Time {
    fn schema() -> schema::Written {
        schema::text(|text| {
            text.format(Some(schema::known(schema::KnownFormat::DateTime)))
                .description(Some("RFC 3339, in UTC, with three decimals."))
                .examples(["2026-11-23T10:15:00.000Z"])
        })
    }
}

impl utoipa::ToSchema for Time {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_always_three_decimals() {
        for (at, shown) in [
            ("2026-11-23T10:15:00Z", "2026-11-23T10:15:00.000Z"),
            ("2026-11-23T10:15:00.1Z", "2026-11-23T10:15:00.100Z"),
            ("2026-11-23T10:15:00.123456789Z", "2026-11-23T10:15:00.123Z"),
            ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(Time::from(at.parse::<Timestamp>().unwrap()).to_string(), shown);
        }
    }
}

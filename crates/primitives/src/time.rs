use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Invalid, refused, schema};

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

/// The text is no moment, or none that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use a moment as RFC 3339 writes it, such as 2026-11-23T10:15:00Z")]
pub struct InvalidTime;

impl Invalid for InvalidTime {}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| refused(&InvalidTime))
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
    fn what_is_no_moment_is_refused_in_our_words() {
        let read = |text: &str| serde_json::from_value::<Time>(text.into());
        assert_eq!(read("2026-11-23T11:15:00+01:00").unwrap().to_string(), "2026-11-23T10:15:00.000Z");
        for text in ["", "tomorrow", "2026-11-23", "2026-11-23T10:15:00", "2026-13-01T00:00:00Z"] {
            let said = read(text).unwrap_err().to_string();
            assert_eq!(said, format!("invalid_format: {InvalidTime}"), "{text}");
        }
    }

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

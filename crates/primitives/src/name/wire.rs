//! Names in requests, and in the API's description.

use serde::{Deserialize, Deserializer};

use super::{InvalidName, Name};
use crate::{
    field::{FieldCode, Invalid, refused},
    schema,
};

impl Invalid for InvalidName {
    fn field_code(&self) -> FieldCode {
        match self {
            Self::TooShort => FieldCode::TooShort,
            Self::TooLong => FieldCode::TooLong,
            Self::Invisible | Self::Link => FieldCode::InvalidFormat,
        }
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|error| refused(&error))
    }
}

impl utoipa::PartialSchema for Name {
    fn schema() -> schema::Written {
        schema::text(|text| {
            let text = text.min_length(Some(1)).max_length(Some(Self::LONGEST));
            text.format(Some(schema::SchemaFormat::Custom("gantry-name".to_owned()))).examples(["Acme"])
        })
    }
}

impl utoipa::ToSchema for Name {}

//! How the types of this crate stand in the API's description.

use utoipa::openapi::{
    ObjectBuilder, RefOr,
    schema::{Schema, Type},
};

pub(crate) use utoipa::openapi::{KnownFormat, SchemaFormat};

pub(crate) type Written = RefOr<Schema>;

/// A text, and what is known of it.
pub(crate) fn text(of: impl FnOnce(ObjectBuilder) -> ObjectBuilder) -> Written {
    of(ObjectBuilder::new().schema_type(Type::String)).build().into()
}

pub(crate) fn known(format: KnownFormat) -> SchemaFormat {
    SchemaFormat::KnownFormat(format)
}

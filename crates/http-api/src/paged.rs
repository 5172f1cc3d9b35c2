use axum::extract::FromRequestParts;
use http::request::Parts;
use primitives::Limit;
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::Type,
    },
};

use crate::problem::{FieldError, Problem};

/// Which page of a list is asked for: `limit` and `cursor` of the query. What the page before gave
/// goes as it is to [`table::Table::page`], which opens it, also after the keys of cursors have
/// changed.
#[derive(Debug, Deserialize)]
pub struct Paged {
    /// How many.
    #[serde(default)]
    pub limit: Limit,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// What else the query may hold was refused before, by the route's description.
impl<S: Send + Sync> FromRequestParts<S> for Paged {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(parts)
    }
}

/// What else a list is asked for in the query: by which key to search, beside [`Paged`].
#[derive(Debug)]
pub struct Searched<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Searched<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(parts).map(Self)
    }
}

fn read<T: DeserializeOwned>(parts: &Parts) -> Result<T, Problem> {
    let query = parts.uri.query().unwrap_or_default();
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let text = error.inner().to_string();
        let name = named(&text).map_or_else(|| error.path().to_string(), str::to_owned);
        Problem::invalid(vec![FieldError::of(&format!("?{name}"), &text)])
    })
}

/// The field that serde says is missing, or there twice: its path does not lead to it.
fn named(text: &str) -> Option<&str> {
    let of = |what: &str| text.strip_prefix(what)?.split('`').next();
    of("duplicate field `").or_else(|| of("missing field `"))
}

/// For `params(Paged)` in a route's description; the contract says more, once for all lists.
impl IntoParams for Paged {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameter = |name, kind| {
            let schema = ObjectBuilder::new().schema_type(kind).build();
            ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query).schema(Some(schema)).build()
        };
        vec![parameter("limit", Type::Integer), parameter("cursor", Type::String)]
    }
}

use serde::Deserialize;

/// The part of an error answer that says what happened without saying to whom
/// (<https://docs.stripe.com/api/errors>).
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ErrorAnswer {
    #[serde(default)]
    pub(crate) error: ErrorDetail,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct ErrorDetail {
    pub(crate) r#type: Option<String>,
    pub(crate) code: Option<String>,
}

/// What is answered to whoever deletes an object.
#[derive(Debug, Deserialize)]
pub(crate) struct Deleted {
    pub(crate) deleted: bool,
}

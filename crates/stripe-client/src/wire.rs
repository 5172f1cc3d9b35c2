use serde::{Deserialize, Serialize};

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

/// What was used, as it is sent.
#[derive(Serialize)]
pub(crate) struct NewMeterEvent<'a> {
    pub(crate) event_name: &'a str,
    pub(crate) identifier: &'a str,
    pub(crate) timestamp: i64,
    pub(crate) payload: MeterPayload<'a>,
}

#[derive(Serialize)]
pub(crate) struct MeterPayload<'a> {
    pub(crate) stripe_customer_id: &'a str,
    pub(crate) value: String,
}

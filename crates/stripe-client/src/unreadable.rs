use std::collections::BTreeMap;

/// The object lacks something we need or says something we do not know, so guessing would be wrong.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableObject {
    /// A field that we need is missing, has another type or an impossible value.
    #[error("the Stripe object has no usable {0}")]
    Field(&'static str),
    /// A status that this version of the code does not know.
    #[error("the Stripe object has the unknown status {0:?}")]
    Status(String),
    /// The event has no `data.object`.
    #[error("the Stripe event carries no object")]
    Missing,
    /// The event's type or API version is longer than any of Stripe's.
    #[error("the Stripe event has a type or an API version longer than any")]
    TooLong,
}

/// The key-value pairs that we, or whoever created the object, attached to it.
pub type Metadata = BTreeMap<String, String>;

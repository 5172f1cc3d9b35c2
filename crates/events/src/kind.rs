//! The form in which a domain declares its events.

use primitives::json;
use schemars::{JsonSchema, Schema};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A kind of event, as its domain declares it with [`events!`](crate::events).
#[derive(Clone, Copy)]
pub struct EventKind {
    pub name: &'static str,
    /// The version of the data's shape.
    pub version: u16,
    /// Who may get to know it.
    pub reach: Reach,
    /// When it is published, in one sentence.
    pub summary: &'static str,
    /// The JSON Schema of `data`.
    pub schema: fn() -> Schema,
    /// An example of `data`.
    pub example: fn() -> Value,
    /// Reads `data` into its type and writes it again: fails where a consumer would.
    pub read: fn(&Value) -> Result<Value, serde_json::Error>,
}

/// The data of one kind of domain event.
pub trait Event: Serialize + DeserializeOwned + JsonSchema + Send + Sync {
    /// What its domain declares of it.
    const KIND: EventKind;
    /// The name: the aggregate, a dot, and what happened in the past tense.
    const NAME: &'static str = Self::KIND.name;
    /// The version of the data's shape; a change that an old consumer would misread makes a new
    /// one.
    const VERSION: u16 = Self::KIND.version;
}

/// Who may get to know an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Customers, too: it may be sent to their endpoints.
    Public,
    /// Our own workers, mails to the person, and the audit log alone.
    Internal,
}

#[doc(hidden)]
pub fn read<E: Event>(data: &Value) -> Result<Value, serde_json::Error> {
    serde_json::to_value(json::from_ref::<E>(data)?)
}

/// The data of the example that the declaration gives, for tests.
///
/// # Errors
/// Where the example is not of the data's shape.
pub fn example<E: Event>() -> Result<E, serde_json::Error> {
    json::from_ref(&(E::KIND.example)())
}

impl std::fmt::Debug for EventKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} v{}", self.name, self.version)
    }
}

/// Declares the events of a domain: for each the type of its data, which is an
/// [`Event`](crate::Event), with an example of every field; and `EVENTS` with all of them. Behind
/// the name may stand the version, where it is not the first.
///
/// ```
/// events::events! {
///     /// A task of a project came to be.
///     "task.created" = 2 TaskCreated Public {
///         /// What is to be done.
///         title: String = "Write it down",
///     }
/// }
/// assert_eq!((EVENTS[0].name, EVENTS[0].version), ("task.created", 2));
/// ```
#[macro_export]
macro_rules! events {
    ($(
        $(#[doc = $summary:literal])+
        $name:literal $(= $version:literal)? $kind:ident $reach:ident {
            $($(#[$attribute:meta])* $field:ident: $type:ty = $example:expr,)*
        }
    )*) => {
        $(
            $(#[doc = $summary])+
            #[derive(Clone, Debug, PartialEq, $crate::serde::Serialize, $crate::serde::Deserialize, $crate::schemars::JsonSchema)]
            pub struct $kind { $($(#[$attribute])* pub $field: $type,)* }

            impl $crate::Event for $kind {
                const KIND: $crate::EventKind = $crate::EventKind {
                    name: $name,
                    version: [$($version,)? 1][0],
                    reach: $crate::Reach::$reach,
                    summary: concat!($($summary,)+),
                    schema: || $crate::schemars::schema_for!($kind),
                    example: || $crate::serde_json::json!({ $(stringify!($field): $example,)* }),
                    read: $crate::read::<$kind>,
                };
            }
        )*

        /// Every kind of event of this domain.
        pub const EVENTS: &[$crate::EventKind] = &[$(<$kind as $crate::Event>::KIND,)*];
    };
}

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{Metadata, UnreadableObject};

/// The members of an object of Stripe's, read leniently: what is needed has to be there, and what
/// may be missing and cannot be read counts as missing, with a line in the log. One odd field must
/// not cost us the event.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    pub(crate) fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(Self)
    }

    pub(crate) fn text(self, name: &'static str) -> Result<&'a str, UnreadableObject> {
        self.required(name, Value::as_str)
    }

    pub(crate) fn number(self, name: &'static str) -> Result<i64, UnreadableObject> {
        self.required(name, Value::as_i64)
    }

    pub(crate) fn time(self, name: &'static str) -> Result<Timestamp, UnreadableObject> {
        self.required(name, time)
    }

    pub(crate) fn id<I: TryFrom<String>>(self, name: &'static str) -> Result<I, UnreadableObject> {
        self.required(name, |value| I::try_from(value.as_str()?.to_owned()).ok())
    }

    /// An id that may be missing, but must be one if it is there: somebody would be overlooked
    /// otherwise.
    pub(crate) fn id_if_any<I: TryFrom<String>>(
        self,
        name: &'static str,
    ) -> Result<Option<I>, UnreadableObject> {
        self.present(name).map(|_| self.id(name)).transpose()
    }

    pub(crate) fn optional_time(self, name: &'static str) -> Option<Timestamp> {
        self.optional(name, time)
    }

    pub(crate) fn optional_text(self, name: &'static str) -> Option<&'a str> {
        self.optional(name, Value::as_str)
    }

    pub(crate) fn optional_count(self, name: &'static str) -> Option<u64> {
        self.optional(name, Value::as_u64)
    }

    pub(crate) fn flag(self, name: &'static str) -> bool {
        self.optional(name, Value::as_bool).unwrap_or(false)
    }

    pub(crate) fn object(self, name: &'static str) -> Option<Self> {
        self.optional(name, Self::of)
    }

    /// The objects of a list of Stripe's.
    pub(crate) fn list(self, name: &'static str) -> Vec<Self> {
        let data = self.object(name).and_then(|list| list.optional("data", Value::as_array));
        data.into_iter().flatten().filter_map(Self::of).collect()
    }

    pub(crate) fn metadata(self) -> Metadata {
        let members = self.object("metadata").map(|members| members.0);
        let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        members.into_iter().flatten().filter_map(text).collect()
    }

    /// Whether it is there at all, whatever it is.
    pub(crate) fn has(self, name: &str) -> bool {
        self.present(name).is_some()
    }

    pub(crate) fn optional<T>(
        self,
        name: &'static str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.present(name)?;
        let read = read(value);
        if read.is_none() {
            tracing::warn!(field = name, "a field of Stripe's cannot be read and is passed over");
        }
        read
    }

    fn required<T>(
        self,
        name: &'static str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<T, UnreadableObject> {
        self.present(name).and_then(read).ok_or(UnreadableObject::Field(name))
    }

    fn present(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }
}

/// Stripe's times are whole seconds.
fn time(value: &Value) -> Option<Timestamp> {
    Timestamp::from_second(value.as_i64()?).ok()
}

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A file in a bucket of S3.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Object {
    /// When it was put, on the virtual clock.
    pub at: Timestamp,
    /// What its `Content-Type` is.
    pub kind: Option<String>,
    /// What is in it.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub content: Bytes,
}

fn as_text<S: Serializer>(content: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(content))
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    STANDARD.decode(String::deserialize(deserializer)?).map(Bytes::from).map_err(D::Error::custom)
}

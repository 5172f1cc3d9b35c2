use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A file in a bucket of S3: its newest version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Object {
    /// When it was put, on the virtual clock.
    pub at: Timestamp,
    /// What its `Content-Type` is.
    pub kind: Option<String>,
    /// What is in it.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub content: Bytes,
    /// Names the version, in a bucket that keeps older ones.
    #[serde(default)]
    pub version: Option<String>,
    /// That the version is a marker: the file looks as if it were deleted.
    #[serde(default)]
    pub is_deleted: bool,
    /// The versions before, the newest first. They have none themselves.
    #[serde(default)]
    pub older: Vec<Object>,
}

impl Object {
    /// All versions, the newest first.
    pub fn versions(&self) -> impl Iterator<Item = &Object> {
        [self].into_iter().chain(&self.older)
    }

    /// The same over what was there before, whose versions it keeps.
    #[must_use]
    pub fn over(mut self, before: Option<Object>) -> Self {
        if let Some(mut before) = before {
            self.older = std::mem::take(&mut before.older);
            self.older.insert(0, before);
        }
        self
    }

    /// What is left of all versions without this one.
    #[must_use]
    pub fn without(self, version: &str) -> Option<Self> {
        let mut versions: Vec<Self> = self.versions().cloned().collect();
        versions.retain(|one| one.version.as_deref() != Some(version));
        let mut left = versions.into_iter();
        let newest = left.next()?;
        Some(Self { older: left.collect(), ..newest })
    }
}

fn as_text<S: Serializer>(content: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(content))
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    STANDARD.decode(String::deserialize(deserializer)?).map(Bytes::from).map_err(D::Error::custom)
}

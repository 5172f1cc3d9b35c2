use std::{fmt, sync::Arc};

use aws_sdk_secretsmanager::Client;
use futures::future::BoxFuture;
use primitives::{Clock, Fault, Keys, Secret, SignedDuration, Timestamp, json};
use sends::Failure;
use table::{CursorKey, CursorKeys, StoreError};
use tokio::sync::Mutex;

/// For how long a secret is used before it is read again, so that a rotation reaches every
/// instance.
const FRESH: SignedDuration = SignedDuration::from_mins(5);

/// Something that the secret at hand does not recognise makes us look for a newer one, but no more
/// often than this.
const LOOK_AT_MOST_EVERY: SignedDuration = SignedDuration::from_secs(1);

/// Reads the text of a secret, and of the version before it where there is one; an error says what
/// is wrong, without the secret itself.
type Make<T> = dyn Fn(&str, Option<&str>) -> Result<T, String> + Send + Sync;

/// Something made from a secret in Secrets Manager, made anew when the secret has been rotated.
pub struct Rotating<T> {
    client: Client,
    clock: Clock,
    arn: String,
    make: Box<Make<T>>,
    /// Whether the version before counts too.
    overlaps: bool,
    held: Mutex<Option<Held<T>>>,
}

struct Held<T> {
    value: Arc<T>,
    /// Names the version of the secret.
    version: String,
    read_at: Timestamp,
    /// When somebody last asked for a newer one.
    looked_at: Option<Timestamp>,
}

impl<T> fmt::Debug for Rotating<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotating").field("arn", &self.arn).finish_non_exhaustive()
    }
}

/// A secret could not be had.
#[derive(Debug, thiserror::Error, Fault)]
pub enum SecretError {
    /// Secrets Manager gives none.
    #[error("the secret {arn} cannot be read: {detail}")]
    #[fault(Unavailable, "unavailable", retry_after = 5)]
    Unavailable {
        arn: String,
        /// Why.
        detail: String,
    },
    /// It has no version with this label, or is not there at all.
    #[error("the secret {arn} has no version {stage}")]
    #[fault(Unavailable, "unavailable", retry_after = 5)]
    Missing {
        arn: String,
        /// The label.
        stage: String,
    },
    /// What it gives is not what the function needs.
    #[error("the secret {arn} is not usable: {problem}")]
    #[fault(Unavailable, "unavailable", retry_after = 5)]
    Unusable {
        arn: String,
        /// What is wrong with it; never the secret itself.
        problem: String,
    },
}

impl<T> Rotating<T> {
    pub(crate) fn new(
        client: Client,
        clock: Clock,
        arn: impl Into<String>,
        overlaps: bool,
        make: impl Fn(&str, Option<&str>) -> Result<T, String> + Send + Sync + 'static,
    ) -> Self {
        Self { client, clock, arn: arn.into(), make: Box::new(make), overlaps, held: Mutex::new(None) }
    }

    /// The one at hand, which is at most five minutes old. When Secrets Manager does not answer,
    /// the one before stays in use.
    pub async fn get(&self) -> Result<Arc<T>, SecretError> {
        let mut held = self.held.lock().await;
        let now = self.clock.now();
        match &mut *held {
            Some(held) if within(held.read_at, FRESH, now) => Ok(Arc::clone(&held.value)),
            Some(held) => {
                if let Err(error) = self.renew(held, now).await {
                    tracing::warn!(%error, "a secret is used beyond its time");
                    held.read_at = now;
                }
                Ok(Arc::clone(&held.value))
            }
            empty => {
                let (version, current) = self.version("AWSCURRENT").await?;
                let value = Arc::new(self.make(&current).await?);
                *empty = Some(Held { value: Arc::clone(&value), version, read_at: now, looked_at: None });
                Ok(value)
            }
        }
    }

    /// A newer one than `known`, if there is one: for something that `known` does not recognise,
    /// since another instance may have made it with a newer one. Looks at Secrets Manager at most
    /// once a second, however many forgeries come in.
    pub async fn newer(&self, known: &Arc<T>) -> Result<Option<Arc<T>>, SecretError> {
        let mut held = self.held.lock().await;
        let Some(held) = &mut *held else { return Ok(None) };
        if Arc::ptr_eq(&held.value, known) {
            let now = self.clock.now();
            if held.looked_at.is_some_and(|at| within(at, LOOK_AT_MOST_EVERY, now)) {
                return Ok(None);
            }
            self.renew(held, now).await?;
            held.looked_at = Some(now);
        }
        Ok((!Arc::ptr_eq(&held.value, known)).then(|| Arc::clone(&held.value)))
    }

    /// Reads the secret again, and makes the value anew if its version is another one.
    async fn renew(&self, held: &mut Held<T>, now: Timestamp) -> Result<(), SecretError> {
        let (version, current) = self.version("AWSCURRENT").await?;
        if version != held.version {
            held.value = Arc::new(self.make(&current).await?);
            held.version = version;
            tracing::info!(arn = self.arn, version = held.version, "a new version of a secret is in use");
        }
        held.read_at = now;
        Ok(())
    }

    /// The version before is read after the current one: should a rotation come in between, both
    /// are the one that was current, and it is not missed.
    async fn make(&self, current: &Secret<String>) -> Result<T, SecretError> {
        let previous = if self.overlaps { self.previous().await? } else { None };
        (self.make)(current.expose(), previous.as_ref().map(|text| text.expose().as_str()))
            .map_err(|problem| SecretError::Unusable { arn: self.arn.clone(), problem })
    }

    async fn previous(&self) -> Result<Option<Secret<String>>, SecretError> {
        match self.version("AWSPREVIOUS").await {
            Ok((_, text)) => Ok(Some(text)),
            Err(SecretError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The id and the text of the version that has this label.
    async fn version(&self, stage: &str) -> Result<(String, Secret<String>), SecretError> {
        let answer = self.client.get_secret_value().secret_id(&self.arn).version_stage(stage).send().await;
        let answer = answer.map_err(|error| {
            let arn = self.arn.clone();
            match error.as_service_error() {
                Some(service) if service.is_resource_not_found_exception() => {
                    SecretError::Missing { arn, stage: stage.to_owned() }
                }
                _ => SecretError::Unavailable { arn, detail: Failure::of(error).detail },
            }
        })?;
        Ok((answer.version_id.unwrap_or_default(), Secret::new(answer.secret_string.unwrap_or_default())))
    }
}

impl CursorKeys for Rotating<Keys<CursorKey>> {
    fn at_hand(&self) -> BoxFuture<'_, Result<Arc<Keys<CursorKey>>, StoreError>> {
        Box::pin(async { self.get().await.map_err(|error| store_error(&error)) })
    }

    fn newer<'a>(
        &'a self,
        known: &'a Arc<Keys<CursorKey>>,
    ) -> BoxFuture<'a, Result<Option<Arc<Keys<CursorKey>>>, StoreError>> {
        Box::pin(async { self.newer(known).await.map_err(|error| store_error(&error)) })
    }
}

fn store_error(error: &SecretError) -> StoreError {
    StoreError::Unavailable {
        operation: "GetSecretValue",
        code: "cursors".to_owned(),
        detail: error.to_string(),
    }
}

/// Whether no more than `span` lies between the two, in whichever direction: a clock may be set
/// back.
fn within(at: Timestamp, span: SignedDuration, now: Timestamp) -> bool {
    now.duration_since(at).abs() < span
}

/// What `make` makes of the current key and of the one before. A version before that is no key is
/// passed over: somebody mistyped it, and has mended it since.
pub(crate) fn keys<T>(
    current: &str,
    previous: Option<&str>,
    make: impl Fn(&str) -> T,
) -> Result<Keys<T>, String> {
    let made = |text: &str| key(text).map(|key| make(key.expose()));
    let previous = previous.map(made).transpose().unwrap_or_else(|problem| {
        tracing::warn!(problem, "the version before of a secret is not usable");
        None
    });
    Ok(Keys { current: made(current)?, previous })
}

/// The key in a secret of the form `{"key": "…"}`, as the template has Secrets Manager make them;
/// otherwise what is wrong with the text.
pub fn key(text: &str) -> Result<Secret<String>, String> {
    #[derive(serde::Deserialize)]
    struct Document {
        key: Secret<String>,
    }
    const SHORTEST: usize = 32;
    let document: Document = json::from_str(text).map_err(|_| r#"expected {"key": "…"}"#.to_owned())?;
    if document.key.expose().len() < SHORTEST {
        return Err(format!("the key is shorter than {SHORTEST} characters"));
    }
    Ok(document.key)
}

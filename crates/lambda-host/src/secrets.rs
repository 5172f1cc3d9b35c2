use std::{fmt, sync::Arc, time::Duration};

use aws_sdk_secretsmanager::{Client, error::DisplayErrorContext};
use primitives::{Fault, FaultKind, Secret};
use tokio::{sync::Mutex, time::Instant};

/// For how long a secret is used before it is read again, so that a rotation reaches every instance.
const FRESH: Duration = Duration::from_mins(5);

/// Reads a secret's text; an error says what is wrong with it, without the secret itself.
type Make<T> = dyn Fn(&str) -> Result<T, String> + Send + Sync;

/// Something made from a secret in Secrets Manager, made anew when the secret may have been rotated.
pub struct Rotating<T> {
    client: Client,
    arn: String,
    make: Box<Make<T>>,
    current: Mutex<Option<(Instant, Arc<T>)>>,
}

impl<T> fmt::Debug for Rotating<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotating").field("arn", &self.arn).finish_non_exhaustive()
    }
}

/// A secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager gives none.
    #[error("the secret {arn} cannot be read: {detail}")]
    Unavailable {
        /// Which.
        arn: String,
        /// Why.
        detail: String,
    },
    /// What it gives is not what the function needs.
    #[error("the secret {arn} is not usable: {problem}")]
    Unusable {
        /// Which.
        arn: String,
        /// What is wrong with it; never the secret itself.
        problem: String,
    },
}

impl Fault for SecretError {
    fn kind(&self) -> FaultKind {
        FaultKind::Unavailable
    }

    fn code(&self) -> &'static str {
        "unavailable"
    }

    fn retry_after(&self) -> Option<u64> {
        Some(5)
    }
}

impl<T> Rotating<T> {
    pub(crate) fn new(
        client: Client,
        arn: impl Into<String>,
        make: impl Fn(&str) -> Result<T, String> + Send + Sync + 'static,
    ) -> Self {
        Self { client, arn: arn.into(), make: Box::new(make), current: Mutex::new(None) }
    }

    /// The current one. When Secrets Manager does not answer, the one before stays in use.
    pub async fn get(&self) -> Result<Arc<T>, SecretError> {
        let mut current = self.current.lock().await;
        match &*current {
            Some((at, value)) if at.elapsed() < FRESH => Ok(Arc::clone(value)),
            before => {
                let value = match (self.read().await, before) {
                    (Ok(value), _) => Arc::new(value),
                    (Err(error), Some((_, before))) => {
                        tracing::warn!(%error, "a secret is used beyond its time");
                        Arc::clone(before)
                    }
                    (Err(error), None) => return Err(error),
                };
                *current = Some((Instant::now(), Arc::clone(&value)));
                Ok(value)
            }
        }
    }

    async fn read(&self) -> Result<T, SecretError> {
        let answer = self.client.get_secret_value().secret_id(&self.arn).send().await.map_err(|error| {
            SecretError::Unavailable { arn: self.arn.clone(), detail: DisplayErrorContext(error).to_string() }
        })?;
        let text = Secret::new(answer.secret_string.unwrap_or_default());
        (self.make)(text.expose()).map_err(|problem| SecretError::Unusable { arn: self.arn.clone(), problem })
    }
}

/// A secret of the form `{"key": "…"}`, as the template has Secrets Manager make them.
pub(crate) fn key(text: &str) -> Result<Secret<String>, String> {
    #[derive(serde::Deserialize)]
    struct Document {
        key: Secret<String>,
    }
    const SHORTEST: usize = 32;
    let document: Document = serde_json::from_str(text).map_err(|_| r#"expected {"key": "…"}"#.to_owned())?;
    if document.key.expose().len() < SHORTEST {
        return Err(format!("the key is shorter than {SHORTEST} characters"));
    }
    Ok(document.key)
}

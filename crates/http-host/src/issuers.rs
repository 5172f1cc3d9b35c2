use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http_api::Problem;
use identity::{Issuer, SessionKey};
use lambda_host::{Error, Host, Rotating, SecretError};
use primitives::{Keys, Timestamp};
use table::Table;
use tokio::time::timeout;

/// What tokens are made with, for the functions that sign somebody in.
pub struct Issuers {
    table: Table,
    sessions: Rotating<Keys<SessionKey>>,
    looked: Mutex<Option<Looked>>,
}

impl fmt::Debug for Issuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuers").field("sessions", &self.sessions).finish_non_exhaustive()
    }
}

/// What tokens are made with, and when that was last looked after.
struct Looked {
    issuer: Arc<Issuer>,
    at: Timestamp,
}

impl Issuers {
    /// With the secret that `SESSION_SECRET_ARN` names. Its key is published in init, so that no request
    /// waits for it. A key that cannot be used stops the start. A service that does not answer does not: no
    /// key is published then, and the requests that need one try again and say what is wrong.
    pub async fn start(host: &Host, table: Table) -> Result<Self, Error> {
        let issuer = host.public_api_url()?;
        let make = move |secret: &str| SessionKey::from_secret(secret, issuer.clone());
        let sessions = host.secret_keys("SESSION_SECRET_ARN", make)?;
        let looked = publish_first(&table, &sessions).await?;
        Ok(Self { table, sessions, looked: Mutex::new(looked) })
    }

    /// What tokens are made with. The current key is published before anything is signed with it, and looked
    /// after while it signs.
    pub async fn get(&self) -> Result<Arc<Issuer>, Problem> {
        self.publish(self.sessions.get().await?).await
    }

    /// The same with newer keys of sessions, if there are any.
    pub async fn newer(&self, known: &Issuer) -> Result<Option<Arc<Issuer>>, Problem> {
        match self.sessions.newer(&known.keys).await? {
            Some(keys) => Ok(Some(self.publish(keys).await?)),
            None => Ok(None),
        }
    }

    async fn publish(&self, keys: Arc<Keys<SessionKey>>) -> Result<Arc<Issuer>, Problem> {
        let now = self.table.clock().now();
        if let Some(issuer) = self.looked_after(&keys, now) {
            return Ok(issuer);
        }
        let published = identity::publish_signing_key(&self.table, &keys.current).await?;
        let issuer = Arc::new(Issuer { keys, published });
        let looked = Looked { issuer: Arc::clone(&issuer), at: now };
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Some(looked);
        Ok(issuer)
    }

    /// What these keys issue with, if it was looked after lately.
    fn looked_after(&self, keys: &Arc<Keys<SessionKey>>, now: Timestamp) -> Option<Arc<Issuer>> {
        let looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let looked = looked.as_ref().filter(|looked| {
            Arc::ptr_eq(&looked.issuer.keys, keys)
                && now.duration_since(looked.at).abs() < identity::SIGNER_LOOKS_EVERY
        })?;
        Some(Arc::clone(&looked.issuer))
    }
}

async fn publish_first(
    table: &Table,
    sessions: &Rotating<Keys<SessionKey>>,
) -> Result<Option<Looked>, SecretError> {
    const LONGEST: Duration = Duration::from_secs(5);
    let publish = async {
        let (keys, at) = (sessions.get().await?, table.clock().now());
        match identity::publish_signing_key(table, &keys.current).await {
            Ok(published) => Ok(Some(Looked { issuer: Arc::new(Issuer { keys, published }), at })),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the signing key is not published yet"
                );
                Ok(None)
            }
        }
    };
    match timeout(LONGEST, publish).await {
        Ok(Err(error @ (SecretError::Unavailable { .. } | SecretError::Missing { .. }))) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the session secret is not there yet");
            Ok(None)
        }
        Ok(published) => published,
        Err(_) => {
            tracing::warn!("the signing key is not published yet: what it takes does not answer");
            Ok(None)
        }
    }
}

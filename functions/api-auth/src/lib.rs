//! HTTP API for signing in: `/v1/auth/**`, `/v1/me`, the signing keys and the API's description.

mod magic_links;
mod me;
mod sessions;
mod well_known;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http_api::{OpenApiRouter, Problem, routes};
use identity::{LinkKey, Policy, SessionKey};
use lambda_host::{Error, Function, Host, Rotating, SecretError};
use primitives::Keys;
use table::Table;
use tokio::time::timeout;

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    table: Table,
    links: Arc<Rotating<Keys<LinkKey>>>,
    sessions: Arc<Rotating<Keys<SessionKey>>>,
    published: Arc<Mutex<String>>,
    policy: Arc<Policy>,
}

impl Api {
    /// The keys of sessions. The one that signs is published before it signs anything: after a rotation as well as at the start.
    async fn sessions(&self) -> Result<Arc<Keys<SessionKey>>, Problem> {
        self.publish(self.sessions.get().await?).await
    }

    /// Newer keys of sessions than these, if there are any.
    async fn newer_sessions(
        &self,
        known: &Arc<Keys<SessionKey>>,
    ) -> Result<Option<Arc<Keys<SessionKey>>>, Problem> {
        match self.sessions.newer(known).await? {
            Some(keys) => Ok(Some(self.publish(keys).await?)),
            None => Ok(None),
        }
    }

    async fn publish(&self, keys: Arc<Keys<SessionKey>>) -> Result<Arc<Keys<SessionKey>>, Problem> {
        let kid = keys.current.kid();
        let is_published = *self.published.lock().unwrap_or_else(PoisonError::into_inner) == kid;
        if !is_published {
            identity::publish_signing_key(&self.table, &keys.current).await?;
            kid.clone_into(&mut self.published.lock().unwrap_or_else(PoisonError::into_inner));
        }
        Ok(keys)
    }
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let table = host.table().await?;
    let issuer = host.public_api_url()?;
    let sessions = host
        .secret_keys("SESSION_SECRET_ARN", move |secret| SessionKey::from_secret(secret, issuer.clone()))?;
    let published = publish_first(&table, &sessions).await?;
    let api = Api {
        table,
        published: Arc::new(Mutex::new(published)),
        links: Arc::new(host.secret_keys("LINK_SECRET_ARN", LinkKey::from_secret)?),
        sessions: Arc::new(sessions),
        policy: Arc::new(host.settings("IDENTITY_POLICY")?),
    };
    host.api(routes().with_state(api)).await
}

/// Publishes the key in init, so that no request waits for it, and says which. A key that cannot be used stops the start. A service that does not
/// answer does not: no key is published then, and the requests that need one try again and say what is wrong.
async fn publish_first(table: &Table, sessions: &Rotating<Keys<SessionKey>>) -> Result<String, SecretError> {
    const LONGEST: Duration = Duration::from_secs(5);
    let publish = async {
        let keys = sessions.get().await?;
        let key = &keys.current;
        let published = identity::publish_signing_key(table, key).await;
        if let Err(error) = &published {
            tracing::warn!(error = error as &dyn std::error::Error, "the signing key is not published yet");
        }
        Ok(if published.is_ok() { key.kid().to_owned() } else { String::new() })
    };
    match timeout(LONGEST, publish).await {
        Ok(Err(error @ (SecretError::Unavailable { .. } | SecretError::Missing { .. }))) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the session secret is not there yet");
            Ok(String::new())
        }
        Ok(published) => published,
        Err(_) => {
            tracing::warn!("the signing key is not published yet: what it takes does not answer");
            Ok(String::new())
        }
    }
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(magic_links::request))
        .routes(routes!(magic_links::verify))
        .routes(routes!(sessions::refresh))
        .routes(routes!(sessions::sign_out))
        .routes(routes!(sessions::switch_org))
        .routes(routes!(me::show))
        .routes(routes!(well_known::signing_keys))
        .routes(routes!(well_known::description))
}

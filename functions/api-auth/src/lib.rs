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
use primitives::{Keys, Timestamp};
use table::Table;
use tokio::time::timeout;

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    table: Table,
    links: Arc<Rotating<Keys<LinkKey>>>,
    sessions: Arc<Rotating<Keys<SessionKey>>>,
    published: Arc<Mutex<Option<Published>>>,
    policy: Arc<Policy>,
}

/// The key that was found published, and when.
struct Published {
    kid: String,
    at: Timestamp,
}

impl Api {
    /// The keys of sessions. The one that signs is published before it signs anything, and looked after while it does.
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
        let (kid, now) = (keys.current.kid(), self.table.clock().now());
        let is_published =
            self.published.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|published| {
                published.kid == kid && now.duration_since(published.at).abs() < identity::SIGNER_LOOKS_EVERY
            });
        if !is_published {
            identity::publish_signing_key(&self.table, &keys.current).await?;
            let published = Published { kid: kid.to_owned(), at: now };
            *self.published.lock().unwrap_or_else(PoisonError::into_inner) = Some(published);
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
async fn publish_first(
    table: &Table,
    sessions: &Rotating<Keys<SessionKey>>,
) -> Result<Option<Published>, SecretError> {
    const LONGEST: Duration = Duration::from_secs(5);
    let publish = async {
        let keys = sessions.get().await?;
        let (key, at) = (&keys.current, table.clock().now());
        let published = identity::publish_signing_key(table, key).await;
        if let Err(error) = &published {
            tracing::warn!(error = error as &dyn std::error::Error, "the signing key is not published yet");
        }
        Ok(published.is_ok().then(|| Published { kid: key.kid().to_owned(), at }))
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

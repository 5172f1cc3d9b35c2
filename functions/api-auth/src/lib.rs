//! HTTP API for signing in: `/v1/auth/**`, the signing keys and the API's description.

mod device_links;
mod email_changes;
mod introspection;
mod magic_links;
mod mfa;
mod passkeys;
mod passwords;
mod sessions;
mod sign_in;
mod step_up;
mod well_known;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http_api::{OpenApiRouter, Problem, routes};
use http_host::HttpHost;
use identity::{Authority, Entrance, Issuer, LinkKey, Policy, RelyingParty, SealKey, SessionKey};
use lambda_host::{Error, Function, Host, Rotating, SecretError};
use primitives::{Keys, Timestamp};
use table::{Cause, Table};
use tokio::time::timeout;

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    table: Table,
    authority: Authority,
    links: Arc<Rotating<Keys<LinkKey>>>,
    sessions: Arc<Rotating<Keys<SessionKey>>>,
    issuer: Arc<Mutex<Option<Looked>>>,
    seals: Arc<Rotating<Keys<SealKey>>>,
    relying_party: Arc<RelyingParty>,
    policy: Arc<Policy>,
    public_url: String,
}

/// What tokens are made with, and when that was last looked after.
struct Looked {
    issuer: Arc<Issuer>,
    at: Timestamp,
}

impl Api {
    /// What a way in works with.
    fn entrance<'a>(&'a self, issuer: &'a Issuer, cause: &'a Cause, network: &'a str) -> Entrance<'a> {
        Entrance { table: &self.table, issuer, policy: &self.policy, cause, network }
    }

    /// What tokens are made with. The current key is published before anything is signed with it, and looked
    /// after while it signs.
    async fn issuer(&self) -> Result<Arc<Issuer>, Problem> {
        self.publish(self.sessions.get().await?).await
    }

    /// The same with newer keys of sessions, if there are any.
    async fn newer_issuer(&self, known: &Issuer) -> Result<Option<Arc<Issuer>>, Problem> {
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
        *self.issuer.lock().unwrap_or_else(PoisonError::into_inner) = Some(looked);
        Ok(issuer)
    }

    /// What these keys issue with, if it was looked after lately.
    fn looked_after(&self, keys: &Arc<Keys<SessionKey>>, now: Timestamp) -> Option<Arc<Issuer>> {
        let looked = self.issuer.lock().unwrap_or_else(PoisonError::into_inner);
        let looked = looked.as_ref().filter(|looked| {
            Arc::ptr_eq(&looked.issuer.keys, keys)
                && now.duration_since(looked.at).abs() < identity::SIGNER_LOOKS_EVERY
        })?;
        Some(Arc::clone(&looked.issuer))
    }
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?;
    let table = http.table();
    let issuer = host.public_api_url()?;
    let sessions = {
        let issuer = issuer.clone();
        host.secret_keys("SESSION_SECRET_ARN", move |secret| SessionKey::from_secret(secret, issuer.clone()))?
    };
    let looked = publish_first(&table, &sessions).await?;
    let policy: Policy = host.settings("IDENTITY_POLICY")?;
    let environment = host.environment();
    let relying_party = RelyingParty::new(
        &environment.url("APP_URL")?,
        environment.optional("PASSKEY_DOMAIN"),
        // nobody is told: that is for those who add one
        "",
        policy.passkey_challenge_seconds,
    )?;
    let api = Api {
        table,
        authority: http.authority(),
        issuer: Arc::new(Mutex::new(looked)),
        links: Arc::new(host.secret_keys("LINK_SECRET_ARN", LinkKey::from_secret)?),
        sessions: Arc::new(sessions),
        seals: Arc::new(host.secret_keys("FACTOR_SECRET_ARN", SealKey::from_secret)?),
        relying_party: Arc::new(relying_party),
        policy: Arc::new(policy),
        public_url: issuer,
    };
    http.api(routes().with_state(api))
}

/// Publishes the key in init, so that no request waits for it. A key that cannot be used stops the start. A
/// service that does not answer does not: no key is published then, and the requests that need one try again
/// and say what is wrong.
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

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(magic_links::request))
        .routes(routes!(magic_links::verify))
        .routes(routes!(email_changes::confirm))
        .routes(routes!(email_changes::undo))
        .routes(routes!(passwords::register))
        .routes(routes!(passwords::verify))
        .routes(routes!(passwords::request_reset))
        .routes(routes!(passwords::reset))
        .routes(routes!(passkeys::start))
        .routes(routes!(passkeys::verify))
        .routes(routes!(passkeys::start_second))
        .routes(routes!(device_links::redeem))
        .routes(routes!(mfa::show))
        .routes(routes!(mfa::verify))
        .routes(routes!(mfa::complete))
        .routes(routes!(step_up::start))
        .routes(routes!(step_up::verify))
        .routes(routes!(sessions::refresh))
        .routes(routes!(sessions::sign_out))
        .routes(routes!(sessions::switch_org))
        .routes(routes!(introspection::introspect))
        .routes(routes!(well_known::signing_keys))
        .routes(routes!(well_known::authorization_server))
        .routes(routes!(well_known::description))
}

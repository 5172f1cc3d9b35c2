//! What we are to an organization's own identity provider: where people are sent, and what is asked for a
//! code.

use access::Tenant;
use directory::DirectoryError;
use http_api::Problem;
use identity::{External, IdentityError, OpenedOAuth, Purpose, SSO, start_oauth};
use oidc_client::{
    Authorization as Sent, ClaimSet, ClientSecrets, InvalidIssuer, OidcError, Provider, Redemption,
};
use orgs::OrgError;
use primitives::{Fault, FieldCode, Invalid, Text};
use sso::{OpenedSecret, SsoConnection, SsoError};
use table::{Cause, CommitError, StoreError};

use crate::{
    Api,
    providers::{Authorization, VerifyAuthorization},
};

/// An operation on what belongs to several domains failed.
#[derive(Debug, thiserror::Error, Fault)]
pub(crate) enum SsoFailed {
    /// What was shown at a provider, for a connection that somebody tries.
    #[error("this did not work; begin again")]
    #[fault(Unauthenticated, "authorization_failed")]
    Authorization,
    /// It is about a connection.
    #[error(transparent)]
    #[fault(transparent)]
    Sso(#[from] SsoError),
    /// It is about a domain.
    #[error(transparent)]
    #[fault(transparent)]
    Directory(#[from] DirectoryError),
    /// It is about signing in.
    #[error(transparent)]
    #[fault(transparent)]
    Identity(#[from] IdentityError),
    /// It is about becoming a member.
    #[error(transparent)]
    #[fault(transparent)]
    Org(#[from] OrgError),
    /// It could not be read.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    /// It could not be stored.
    #[error(transparent)]
    #[fault(transparent)]
    Commit(#[from] CommitError),
}

/// What somebody names is no identity provider that people could sign in by.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefusedIssuer {
    #[error("{0}")]
    NoAddress(#[from] InvalidIssuer),
    #[error("we call public addresses alone, by https: the issuer's, and those that its description names")]
    Address,
    #[error("it does not describe itself as an OpenID Connect provider that people can sign in by: {0}")]
    Description(String),
}

impl Invalid for RefusedIssuer {
    fn field_code(&self) -> FieldCode {
        match self {
            Self::NoAddress(_) => FieldCode::InvalidFormat,
            Self::Address => FieldCode::UrlRefused,
            Self::Description(_) => FieldCode::DiscoveryFailed,
        }
    }
}

impl Api {
    /// Where the organization's provider sends people back. It is another one for each organization, so that
    /// no provider is shown a code that another one gave (RFC 9700, section 4.4.2.2), whatever it makes of
    /// `iss`.
    fn sso_redirect_uri(&self, tenant: Tenant) -> String {
        format!("{}/auth/sso/{}", self.app_url, tenant.org_id())
    }

    fn sso_provider(connection: &SsoConnection) -> Result<Provider, OidcError> {
        let key = connection.connection_id.to_string();
        let provider = Provider::of_organization(&key, &connection.issuer, &connection.client_id);
        provider.map_err(|error| OidcError::Unusable { provider: key, problem: error.to_string() })
    }

    /// Asks a provider that somebody names what it is.
    pub(crate) async fn discover(&self, issuer: &str) -> Result<(), RefusedIssuer> {
        let provider = Provider::of_organization("sso", issuer, "")?;
        match self.client.discover(&provider).await {
            Ok(()) => Ok(()),
            Err(OidcError::Fetch(guarded_http::FetchError::Refused { .. })) => Err(RefusedIssuer::Address),
            // what is there to be read is whoever runs it to see, and not for whoever asks us
            Err(OidcError::Unusable { problem, .. }) => Err(RefusedIssuer::Description(problem)),
            Err(error) => Err(RefusedIssuer::Description(error.to_string())),
        }
    }

    /// Sends somebody to an organization's provider. Nothing is written.
    pub(crate) async fn authorize_by(
        &self,
        connection: &SsoConnection,
        purpose: Purpose,
        login_hint: Option<&str>,
    ) -> Result<Authorization, Problem> {
        let provider = Self::sso_provider(connection)?;
        let (keys, now) = (self.keys.get().await?, self.table.clock().now());
        let started = start_oauth(&keys.current, SSO, purpose, &self.policy, now)?;
        let redirect_uri = self.sso_redirect_uri(Tenant::trusted(connection.org_id));
        let sent = Sent {
            redirect_uri: &redirect_uri,
            state: started.state.expose(),
            nonce: started.nonce.expose(),
            code_verifier: started.code_verifier.expose(),
            login_hint,
            with_groups: connection.group_claim.is_some(),
        };
        let authorize_url = self.client.authorize_url(&provider, sent).await;
        if let Err(error) = &authorize_url {
            self.note_failure(connection, error).await;
        }
        Ok(Authorization {
            authorize_url: authorize_url?,
            browser_token: started.browser_token.expose().clone(),
            expires_in: started.expires_in,
        })
    }

    /// Whom the provider names for the code, and what else it says.
    pub(crate) async fn redeem_by(
        &self,
        connection: &SsoConnection,
        (opened, cause): (&OpenedOAuth, &Cause),
        input: &VerifyAuthorization,
    ) -> Result<(External, ClaimSet), Problem> {
        let provider = Self::sso_provider(connection)?;
        let secrets = ClientSecrets::only(&provider, self.secret_of(connection, cause).await?);
        let redirect_uri = self.sso_redirect_uri(Tenant::trusted(connection.org_id));
        let redemption = Redemption {
            sent: Sent {
                redirect_uri: &redirect_uri,
                state: input.state.as_str(),
                nonce: opened.nonce.expose(),
                code_verifier: opened.code_verifier.expose(),
                login_hint: None,
                with_groups: false,
            },
            code: input.code.as_str(),
            iss: input.iss.as_ref().map(Text::as_str),
        };
        let claim = connection.group_claim.as_deref();
        let redeemed = self.client.redeem_with(&provider, &secrets, redemption, claim).await;
        if let Err(error) = &redeemed {
            self.note_failure(connection, error).await;
        }
        let (person, claims) = redeemed?;
        let external = External {
            issuer: person.issuer,
            subject: person.subject,
            email: person.email,
            email_verified: person.email_verified,
        };
        Ok((external, claims))
    }

    /// What the provider knows us by. One that was sealed with the key before is sealed anew.
    async fn secret_of(
        &self,
        connection: &SsoConnection,
        cause: &Cause,
    ) -> Result<primitives::Secret<String>, Problem> {
        let keys = self.seals.get().await?;
        let mut opened = connection.secret(&keys);
        // another instance may have sealed it with a newer key
        if opened.is_err()
            && let Some(newer) = self.seals.newer(&keys).await?
        {
            opened = connection.secret(&newer);
        }
        let OpenedSecret { secret, is_outdated } = opened?;
        if is_outdated {
            sso::keep_sealed(&self.table, cause, &keys.current, connection, &secret).await?;
        }
        Ok(secret)
    }

    /// Tells those who run the organization what kept somebody from signing in.
    async fn note_failure(&self, connection: &SsoConnection, error: &OidcError) {
        let id = connection.connection_id;
        match error {
            OidcError::Refused(why) => {
                tracing::info!(%id, why, "an identity provider proves nobody");
                sso::note_failure(&self.table, connection, why).await;
            }
            error => {
                tracing::warn!(%id, %error, "an identity provider cannot be used");
                sso::note_failure(&self.table, connection, &error.to_string()).await;
            }
        }
    }
}

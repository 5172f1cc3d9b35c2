use std::sync::Arc;

use http_api::{Limiter, Problem, StatusCode, ToSchema, not_found};
use identity::{External, IdentityError, OpenedOAuth, Purpose, ShownBrowser, open_oauth, start_oauth};
use oidc_client::{Authorization as Sent, OidcError, Provider, Redemption};
use primitives::Text;
use serde::{Deserialize, Serialize};
use table::RateLimit;

use crate::Api;

/// Where to send somebody.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Authorization {
    /// Open it in the browser. The provider sends the person back to `/auth/oauth/{provider}` of the app,
    /// that of an organization to `/auth/sso/{org_id}`, with `code`, `state` and perhaps `iss` in the query;
    /// or with `error`, when the person did not want to.
    pub(crate) authorize_url: String,
    /// Keep it in the browser, and send it along when the person is back: it shows that it is the same one.
    pub(crate) browser_token: String,
    /// How long that may take, seconds.
    pub(crate) expires_in: i64,
}

/// What somebody comes back with who wants to connect an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyAuthorization {
    /// `code` of the query.
    #[schema(inline)]
    pub(crate) code: Text<1, 2048>,
    /// `state` of the query.
    #[schema(inline)]
    pub(crate) state: Text<1, 400>,
    /// `iss` of the query, where there is one.
    #[schema(inline)]
    pub(crate) iss: Option<Text<1, 400>>,
    /// What the browser was given when it was sent away.
    #[schema(inline)]
    browser_token: Text<1, 100>,
}

/// What somebody comes back with who wants to sign in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyOAuth {
    /// `code` of the query.
    #[schema(inline)]
    code: Text<1, 2048>,
    /// `state` of the query.
    #[schema(inline)]
    state: Text<1, 400>,
    /// `iss` of the query, where there is one.
    #[schema(inline)]
    iss: Option<Text<1, 400>>,
    /// What the browser was given when it was sent away.
    #[schema(inline)]
    browser_token: Text<1, 100>,
    /// The `browser_token` of an earlier sign-in in this browser. One that is forgotten is passed over.
    #[schema(inline)]
    trusted_browser_token: Option<Text<1, 200>>,
}

impl VerifyOAuth {
    /// What the provider sent back, and the browser that says it is remembered.
    pub(crate) fn parts(self) -> (VerifyAuthorization, Option<ShownBrowser>) {
        let Self { code, state, iss, browser_token, trusted_browser_token } = self;
        let browser = trusted_browser_token.and_then(|token| ShownBrowser::read(token.as_str()));
        (VerifyAuthorization { code, state, iss, browser_token }, browser)
    }
}

impl Api {
    /// The provider of this name; one that nobody has configured is not there.
    pub(crate) fn provider(&self, name: &str) -> Result<&Provider, Problem> {
        self.providers.get(name).ok_or_else(not_found)
    }

    fn redirect_uri(&self, provider: &Provider) -> String {
        format!("{}/auth/oauth/{}", self.app_url, provider.key())
    }

    /// Sends somebody to a provider. Nothing is written.
    pub(crate) async fn authorize(
        &self,
        provider: &Provider,
        purpose: Purpose,
    ) -> Result<Authorization, Problem> {
        let (keys, now) = (self.keys.get().await?, self.table.clock().now());
        let started = start_oauth(&keys.current, provider.key(), purpose, &self.policy, now)?;
        let redirect_uri = self.redirect_uri(provider);
        let sent = Sent {
            redirect_uri: &redirect_uri,
            state: started.state.expose(),
            nonce: started.nonce.expose(),
            code_verifier: started.code_verifier.expose(),
            login_hint: None,
            with_groups: false,
        };
        Ok(Authorization {
            authorize_url: self.client.authorize_url(provider, sent).await?,
            browser_token: started.browser_token.expose().clone(),
            expires_in: started.expires_in,
        })
    }

    /// The attempt that somebody comes back with, in the browser in which it began.
    pub(crate) async fn opened(
        &self,
        provider: &str,
        input: &VerifyAuthorization,
    ) -> Result<OpenedOAuth, Problem> {
        let (state, browser_token) = (input.state.as_str(), input.browser_token.as_str());
        let now = self.table.clock().now();
        let keys = self.keys.get().await?;
        let mut opened = open_oauth(&keys, provider, state, browser_token, now);
        // another instance may have made it with a newer key
        if opened.is_none()
            && let Some(newer) = self.keys.newer(&keys).await?
        {
            opened = open_oauth(&newer, provider, state, browser_token, now);
        }
        opened.ok_or_else(|| IdentityError::LoginFailed.into())
    }

    /// Whom the provider names for the code.
    pub(crate) async fn redeem(
        &self,
        provider: &Provider,
        opened: &OpenedOAuth,
        input: &VerifyAuthorization,
    ) -> Result<External, OidcError> {
        let secrets = match &self.secrets {
            Some(secrets) => secrets.get().await.map_err(|error| OidcError::Unusable {
                provider: provider.key().to_owned(),
                problem: error.to_string(),
            })?,
            None => Arc::default(),
        };
        let redirect_uri = self.redirect_uri(provider);
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
        let person = self.client.redeem(provider, &secrets, redemption).await;
        if let Err(error) = &person {
            match error {
                OidcError::Refused(why) => {
                    tracing::info!(provider = provider.key(), why, "an identity provider proves nobody");
                }
                error => {
                    tracing::warn!(provider = provider.key(), %error, "an identity provider cannot be used");
                }
            }
        }
        let person = person?;
        Ok(External {
            issuer: person.issuer,
            subject: person.subject,
            email: person.email,
            email_verified: person.email_verified,
        })
    }
}

/// How often somebody is asked for who may have been faster with the same.
const ASKED: u32 = 5;

/// What became of the same in the hands of whoever was faster: providers take a code once, and whoever it was
/// is about to write down what came of it. Nothing where nobody does within a second or so.
async fn of_the_faster<T, F: Future<Output = Result<Option<T>, IdentityError>>>(
    ask: impl Fn() -> F,
) -> Result<Option<T>, IdentityError> {
    for asked in 0..ASKED {
        let found = ask().await?;
        let is_last = asked + 1 == ASKED;
        if found.is_some() || is_last || !table::pause(asked + 2, table::time_left()).await {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The same where this one is refused; where nobody was faster the refusal, which counts for the network.
pub(crate) async fn faster_or_refused<T, F: Future<Output = Result<Option<T>, IdentityError>>>(
    ask: impl Fn() -> F,
    refused: Problem,
    (limiter, failed, network): (&Limiter, &RateLimit, &str),
) -> Result<T, Problem> {
    if let Some(found) = of_the_faster(ask).await? {
        return Ok(found);
    }
    limiter.count(failed, network).await?;
    Err(refused)
}

/// Whether somebody else may have been faster with the same.
pub(crate) fn is_refusal(problem: &Problem) -> bool {
    problem.status() == StatusCode::UNAUTHORIZED
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn whoever_was_slower_waits_a_moment_for_what_the_faster_one_writes_down() {
        for (comes_after, found, times) in [(0, true, 1), (2, true, 3), (9, false, ASKED)] {
            let asked = AtomicU32::new(0);
            let ask = || async {
                let before = asked.fetch_add(1, Ordering::SeqCst);
                Ok((before >= comes_after).then_some(before))
            };
            assert_eq!(of_the_faster(ask).await.unwrap().is_some(), found, "{comes_after}");
            assert_eq!(asked.load(Ordering::SeqCst), times);
        }
        let refused = of_the_faster(|| async { Err::<Option<()>, _>(IdentityError::LoginFailed) }).await;
        assert!(matches!(refused, Err(IdentityError::LoginFailed)));
    }
}

use jsonwebtoken::Algorithm;
use primitives::json;
use serde::Deserialize;

use crate::{
    configuration::{Kind, Provider, tenant_of},
    keys::ALGORITHMS,
};

/// What a provider says of itself (OpenID Connect Discovery 1.0, section 3; RFC 9207, section 3), as far as
/// it is used.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: String,
    pub(crate) token_endpoint: String,
    #[serde(default)]
    pub(crate) jwks_uri: String,
    pub(crate) userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
    scopes_supported: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// Reads the description of this provider; one of another is none.
    pub(crate) fn read(text: &[u8], provider: &Provider) -> Result<Self, String> {
        let metadata: Self = json::from_slice(text).map_err(|error| format!("its description: {error}"))?;
        if metadata.issuer != provider.issuer {
            return Err("its description is of another issuer".to_owned());
        }
        Ok(metadata)
    }

    /// That of GitHub, which is written in its documentation
    /// (<https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps>).
    pub(crate) fn github(provider: &Provider) -> Self {
        let at = &provider.issuer;
        Self {
            issuer: at.clone(),
            authorization_endpoint: format!("{at}/authorize"),
            token_endpoint: format!("{at}/access_token"),
            jwks_uri: String::new(),
            userinfo_endpoint: None,
            token_endpoint_auth_methods_supported: Some(vec!["client_secret_post".to_owned()]),
            id_token_signing_alg_values_supported: None,
            scopes_supported: None,
            authorization_response_iss_parameter_supported: false,
        }
    }

    /// Whether our secret goes into the request's body, and not into its header.
    pub(crate) fn wants_secret_in_body(&self) -> bool {
        let methods = self.token_endpoint_auth_methods_supported.as_deref();
        let takes = |name: &str| methods.is_some_and(|methods| methods.iter().any(|method| method == name));
        takes("client_secret_post") && !takes("client_secret_basic")
    }

    /// Whether it says that it knows this scope.
    pub(crate) fn knows_scope(&self, scope: &str) -> bool {
        self.scopes_supported.as_deref().is_some_and(|known| known.iter().any(|known| known == scope))
    }

    /// The algorithms that its tokens may be signed with: those that we take, of those that it names.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        let named = self.id_token_signing_alg_values_supported.as_deref();
        let is_named = |name: &str| named.is_none_or(|names| names.iter().any(|named| named == name));
        ALGORITHMS.iter().filter(|(name, _)| is_named(name)).map(|(_, algorithm)| *algorithm).collect()
    }

    /// Whether this is the issuer that an answer must name (RFC 9207): before anything is sent to it.
    pub(crate) fn is_from(&self, provider: &Provider, iss: Option<&str>) -> bool {
        match iss {
            None => !self.authorization_response_iss_parameter_supported,
            Some(iss) if provider.kind == (Kind::Microsoft { any_tenant: true }) => {
                tenant_of(&self.issuer, iss).is_some()
            }
            Some(iss) => iss == self.issuer,
        }
    }
}

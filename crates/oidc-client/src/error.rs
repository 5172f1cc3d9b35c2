use guarded_http::FetchError;
use primitives::Fault;

/// Nobody came back from a provider.
#[derive(Debug, thiserror::Error, Fault)]
pub enum OidcError {
    /// What came back proves nobody. The reason is for the log.
    #[error("this sign-in did not work; begin again")]
    #[fault(Unauthenticated, "login_failed")]
    Refused(&'static str),
    /// The provider cannot be reached.
    #[error("the identity provider cannot be reached now")]
    #[fault(Unavailable, "unavailable", retry_after = 5)]
    Fetch(#[from] FetchError),
    /// The provider answers what no provider would, or refuses us.
    #[error("the identity provider {provider} cannot be used: {problem}")]
    #[fault(Unavailable, "unavailable", retry_after = 30)]
    Unusable {
        /// Its key in the configuration.
        provider: String,
        /// What is wrong.
        problem: String,
    },
}

//! The connections to AWS: one pool under all clients of a function, and whom it trusts.

use std::sync::OnceLock;

use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_http_client::{
    Connector,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};

use crate::environment::{ConfigurationError, Environment, wrong};

/// The roots of Amazon Trust Services, all five of them, as it recommends for trust stores of one's
/// own (<https://www.amazontrust.com/repository/>). Certificates of AWS's endpoints lead to one of
/// them.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// One HTTP client for all of a function's AWS clients. The SDK's own would read and parse the
/// system's some hundred and forty roots twice for each client, and give each client a pool of its
/// own: that was most of the processor time of a cold start (docs/benchmarks.md).
pub(crate) fn http_client(environment: &Environment) -> Result<SharedHttpClient, ConfigurationError> {
    let trust_store = match roots(environment)? {
        Roots::Amazon => TrustStore::empty().with_pem_certificate(AMAZON_ROOTS),
        Roots::System => TrustStore::default(),
    };
    let tls = TlsContext::builder()
        .with_trust_store(trust_store)
        .build()
        .map_err(|error| wrong("SSL_CERT_FILE", error.to_string()))?;
    // All clients are made from one configuration, so the first one's settings are everybody's.
    let connector = OnceLock::new();
    Ok(http_client_fn(move |settings, _| {
        let connect = || {
            let connector = Connector::builder()
                .connector_settings(settings.clone())
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .tls_context(tls.clone())
                .build();
            SharedHttpConnector::new(connector)
        };
        connector.get_or_init(connect).clone()
    }))
}

/// Whose roots are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Roots {
    Amazon,
    System,
}

/// Amazon's roots for AWS itself. The system's for everything else: an emulator behind TLS, AWS in
/// China, whose certificates come from others, and whoever says with `SSL_CERT_FILE` which roots to
/// use.
fn roots(environment: &Environment) -> Result<Roots, ConfigurationError> {
    let elsewhere = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"]
        .iter()
        .any(|name| environment.optional(name).is_some_and(|url| url.starts_with("https:")));
    let in_china = environment.required("AWS_REGION")?.starts_with("cn-");
    let told = environment.optional("SSL_CERT_FILE").is_some();
    Ok(if elsewhere || in_china || told { Roots::System } else { Roots::Amazon })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA256, digest};
    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::*;

    fn roots_with(variables: &[(&str, &str)]) -> Roots {
        let region = [("AWS_REGION", "eu-central-1")];
        let variables = region.iter().chain(variables);
        let owned = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        roots(&Environment::new(owned)).unwrap()
    }

    #[test]
    fn amazon_s_roots_are_for_aws_alone() {
        assert_eq!(roots_with(&[]), Roots::Amazon);
        assert_eq!(roots_with(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")]), Roots::Amazon);
        assert_eq!(roots_with(&[("AWS_ENDPOINT_URL", "https://localhost:4566")]), Roots::System);
        assert_eq!(roots_with(&[("AWS_ENDPOINT_URL_DYNAMODB", "https://localhost:8000")]), Roots::System);
        assert_eq!(roots_with(&[("AWS_REGION", "cn-north-1")]), Roots::System);
        assert_eq!(roots_with(&[("SSL_CERT_FILE", "/etc/pki/tls/certs/ca-bundle.crt")]), Roots::System);
    }

    /// The SHA-256 fingerprints that <https://www.amazontrust.com/repository/> gives.
    #[test]
    fn the_roots_are_the_published_ones() {
        let pem = std::str::from_utf8(AMAZON_ROOTS).unwrap();
        let bodies = pem.split("-----BEGIN CERTIFICATE-----").skip(1);
        let fingerprints = bodies.map(|body| {
            let text: String = body.split("-----END").next().unwrap().split_whitespace().collect();
            hex::encode(digest(&SHA256, &STANDARD.decode(text).unwrap()))
        });
        assert_eq!(
            fingerprints.collect::<Vec<_>>(),
            [
                "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
                "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
                "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
                "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
                "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
            ]
        );
    }
}

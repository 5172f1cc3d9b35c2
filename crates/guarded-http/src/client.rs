use std::{error::Error, fmt, net::IpAddr, sync::OnceLock, time::Duration};

use aws_smithy_http_client::{
    Connector,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorSettings},
    orchestrator::HttpRequest,
};
use aws_smithy_types::body::SdkBody;
use http::{HeaderMap, Request, StatusCode, Uri, header::CONTENT_LENGTH};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use primitives::Fault;
use tokio::time::timeout;

use crate::{
    address::Reach,
    resolver::{NotPublic, Resolver},
};

/// How much of a call is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long it may take, from looking up the name to the last byte.
    pub time: Duration,
    /// How large the answer's body may be, bytes.
    pub size: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(3), size: 256 * 1024 }
    }
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status. One that leads elsewhere is not followed.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

/// A call gave no answer.
#[derive(Debug, thiserror::Error, Fault)]
pub enum FetchError {
    /// It may not be called.
    #[error("{address:?} may not be called: {problem}")]
    #[fault(Unavailable, "unavailable")]
    Refused {
        /// Scheme, host and port.
        address: String,
        /// Why not.
        problem: &'static str,
    },
    /// Nobody was there, or the connection broke.
    #[error("{address:?} cannot be reached")]
    #[fault(Unavailable, "unavailable")]
    Unreachable {
        /// Scheme, host and port.
        address: String,
        /// What happened.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// There was no whole answer in time.
    #[error("{address:?} did not answer in time")]
    #[fault(Unavailable, "unavailable")]
    TimedOut {
        /// Scheme, host and port.
        address: String,
    },
    /// The answer is larger than it may be.
    #[error("{address:?} answered more than is read")]
    #[fault(Unavailable, "unavailable")]
    TooLarge {
        /// Scheme, host and port.
        address: String,
    },
}

/// Calls what somebody else has named. An address is looked up, checked and then connected to, for each call
/// anew; nothing is followed, decoded or kept. It asks no proxy, which would look the name up once more.
pub struct GuardedHttp {
    reach: Reach,
    connector: OnceLock<Connector>,
}

impl fmt::Debug for GuardedHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedHttp").field("reach", &self.reach).finish_non_exhaustive()
    }
}

impl GuardedHttp {
    /// A client that reaches so far.
    pub fn new(reach: Reach) -> Self {
        Self { reach, connector: OnceLock::new() }
    }

    /// Whether this may be called, as far as it can be told without looking a name up: https, a host and no
    /// user, and a host that is an address is a public one.
    pub fn check(&self, uri: &Uri) -> Result<(), FetchError> {
        let refused = |problem| Err(FetchError::Refused { address: shown(uri), problem });
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return refused("it is no address");
        };
        if authority.as_str().contains('@') {
            return refused("it names a user");
        }
        let host = authority.host();
        // a resolver is not asked for these
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let literal: Option<IpAddr> = literal.parse().ok();
        if literal.is_some_and(|address| !self.reach.admits(address)) {
            return refused("the address is not public");
        }
        let is_here = host == "localhost" || literal.is_some_and(|address| address.is_loopback());
        match scheme {
            "https" => Ok(()),
            "http" if is_here && self.reach == Reach::PublicAndLoopback => Ok(()),
            _ => refused("only https is called"),
        }
    }

    /// Sends a request and reads the whole answer, whatever its status.
    pub async fn send(&self, request: Request<Vec<u8>>, limits: Limits) -> Result<Answer, FetchError> {
        self.check(request.uri())?;
        let address = shown(request.uri());
        match timeout(limits.time, self.exchange(request, &address, limits.size)).await {
            Ok(answer) => answer,
            Err(_) => Err(FetchError::TimedOut { address }),
        }
    }

    async fn exchange(
        &self,
        request: Request<Vec<u8>>,
        address: &str,
        size: usize,
    ) -> Result<Answer, FetchError> {
        let unreachable = |source: Box<dyn Error + Send + Sync>| {
            let address = address.to_owned();
            if source_is::<NotPublic>(source.as_ref()) {
                return FetchError::Refused { address, problem: "the address is not public" };
            }
            FetchError::Unreachable { address, source }
        };
        let too_large = || FetchError::TooLarge { address: address.to_owned() };
        let request = HttpRequest::try_from(request.map(SdkBody::from));
        let request = request.map_err(|error| unreachable(error.into()))?;
        let answer = self.connector().call(request).await.map_err(|error| unreachable(error.into()))?;
        let answer = answer.try_into_http1x().map_err(|error| unreachable(error.into()))?;
        let (parts, body) = answer.into_parts();
        let announced =
            parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: usize| length > size) {
            return Err(too_large());
        }
        match Limited::new(body, size).collect().await {
            Ok(body) => {
                let body = body.to_bytes().to_vec();
                Ok(Answer { status: parts.status, headers: parts.headers, body })
            }
            Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
            Err(error) => Err(unreachable(error)),
        }
    }

    /// Loading the trust store takes milliseconds, so it waits until somebody calls. No connection is kept:
    /// the next call may be an hour later, in a sandbox that slept, and is checked for itself.
    fn connector(&self) -> &Connector {
        self.connector.get_or_init(|| {
            let settings = HttpConnectorSettings::builder().connect_timeout(Duration::from_secs(2)).build();
            Connector::builder()
                .connector_settings(settings)
                .pool_max_idle_per_host(0)
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .build_with_resolver(Resolver(self.reach))
        })
    }
}

/// What of an address is told: neither path nor query, which may hold something secret.
fn shown(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{}://{host}", uri.scheme_str().unwrap_or_default())
}

/// Whether an error of this type is the reason, however far behind.
fn source_is<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<E>() {
            return true;
        }
        next = error.source();
    }
    false
}

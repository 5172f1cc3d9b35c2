use std::{error::Error, net::SocketAddr, time::Duration};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig},
    net::{DnsError as Answered, NetError, runtime::TokioRuntimeProvider},
    proto::rr::RData,
};
use primitives::Fault;
use tokio::time::timeout;

use crate::Servers;

/// How long one server is waited for, one time.
const ONE_TRY: Duration = Duration::from_millis(1_500);
/// How long a look-up takes at most: every server, an alias and TCP included.
const LONGEST: Duration = Duration::from_secs(4);
/// How many records of a name are looked at.
const MOST_RECORDS: usize = 100;

/// DNS gave no answer. Nobody knows by that whether there is such a record.
#[derive(Debug, thiserror::Error, Fault)]
pub enum DnsError {
    /// No server gave an answer, or one said that it has none.
    #[error("DNS has no answer about {name:?}")]
    #[fault(Unavailable, "unavailable")]
    NoAnswer {
        /// What was asked for.
        name: String,
        /// What happened.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// There was no answer in time.
    #[error("DNS did not answer about {name:?} in time")]
    #[fault(Unavailable, "unavailable")]
    TimedOut {
        /// What was asked for.
        name: String,
    },
}

/// Asks name servers, over UDP, and over TCP where an answer is too large for that. Nothing is kept between
/// look-ups: whoever has just set a record does not wait for us to forget that there was none, and no
/// connection is held through the pauses of a function.
#[derive(Clone, Debug)]
pub struct DnsClient {
    servers: Servers,
}

impl DnsClient {
    /// One that asks these servers.
    pub fn new(servers: Servers) -> Self {
        Self { servers }
    }

    /// The TXT records of this name, each with its strings joined (RFC 1035, section 3.3.14), at most 100 of
    /// them; none where DNS says that there are none. An alias (CNAME) is followed.
    pub async fn txt(&self, name: &str) -> Result<Vec<String>, DnsError> {
        // with the dot at the end no other name is tried
        let asked = format!("{name}.");
        let failed = |source: NetError| DnsError::NoAnswer { name: name.to_owned(), source: source.into() };
        let resolver = self.resolver().map_err(failed)?;
        let found = timeout(LONGEST, resolver.txt_lookup(asked)).await;
        match found.map_err(|_| DnsError::TimedOut { name: name.to_owned() })? {
            Ok(found) => {
                let texts = found.answers().iter().filter_map(|record| match &record.data {
                    RData::TXT(text) => Some(text.txt_data.concat()),
                    _ => None,
                });
                let texts = texts.map(|text| String::from_utf8_lossy(&text).into_owned());
                Ok(texts.take(MOST_RECORDS).collect())
            }
            Err(error) if says_none(&error) => Ok(Vec::new()),
            Err(error) => Err(failed(error)),
        }
    }

    fn resolver(&self) -> Result<TokioResolver, NetError> {
        let servers = self.servers.all().map(server).collect();
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let options = builder.options_mut();
        options.timeout = ONE_TRY;
        options.attempts = 2;
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        options.try_tcp_on_error = true;
        builder.build()
    }
}

fn server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

/// Whether this is the answer that there is no such record. That somebody else is to be asked is none.
fn says_none(error: &NetError) -> bool {
    let NetError::Dns(Answered::NoRecordsFound(none)) = error else { return false };
    none.soa.is_some() || none.ns.is_none()
}

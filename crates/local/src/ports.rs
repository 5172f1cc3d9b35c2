//! Where a local cloud listens.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, UdpSocket};

use crate::api::Urls;
use crate::cloud::StartError;

/// Where the endpoints listen on 127.0.0.1; 0 takes any free port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The API and the local page.
    pub api: u16,
    /// SQS, SNS, EventBridge, SES, Secrets Manager, and `Invoke` of Lambda.
    pub aws: u16,
    /// DynamoDB.
    pub dynamodb: u16,
    /// The fake Stripe.
    pub stripe: u16,
    /// DNS, over UDP and TCP.
    pub dns: u16,
}

impl Ports {
    /// Any free ports, for tests.
    pub const ANY: Self = Self { api: 0, aws: 0, dynamodb: 0, stripe: 0, dns: 0 };

    /// Five ports in a row.
    pub fn from(first: u16) -> Self {
        Self {
            api: first,
            aws: first.saturating_add(1),
            dynamodb: first.saturating_add(2),
            stripe: first.saturating_add(3),
            dns: first.saturating_add(4),
        }
    }
}

/// What listens there.
pub(crate) struct Listeners {
    pub(crate) api: TcpListener,
    pub(crate) aws: TcpListener,
    pub(crate) dynamodb: TcpListener,
    pub(crate) stripe: TcpListener,
    pub(crate) dns: UdpSocket,
    pub(crate) dns_over_tcp: TcpListener,
}

impl Listeners {
    pub(crate) async fn bind(ports: Ports) -> Result<(Self, Urls), StartError> {
        let (dns, dns_over_tcp) = bind_both(ports.dns).await?;
        let listeners = Self {
            api: bind("the API", ports.api).await?,
            aws: bind("the AWS services", ports.aws).await?,
            dynamodb: bind("DynamoDB", ports.dynamodb).await?,
            stripe: bind("Stripe", ports.stripe).await?,
            dns,
            dns_over_tcp,
        };
        let port = |listener: &TcpListener| listener.local_addr().map_or(0, |address| address.port());
        let url = |host: &str, listener: &TcpListener| format!("http://{host}:{}", port(listener));
        let urls = Urls {
            api: url("localhost", &listeners.api),
            aws: url("127.0.0.1", &listeners.aws),
            dynamodb: url("127.0.0.1", &listeners.dynamodb),
            stripe: url("127.0.0.1", &listeners.stripe),
            dns: format!("127.0.0.1:{}", port(&listeners.dns_over_tcp)),
        };
        Ok((listeners, urls))
    }
}

fn here(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

async fn bind(what: &'static str, port: u16) -> Result<TcpListener, StartError> {
    TcpListener::bind(here(port)).await.map_err(|source| StartError::Port { what, port, source })
}

/// How many free ports are tried for one that is free for UDP as well.
const TRIES: usize = 20;

/// DNS has one port for both.
async fn bind_both(port: u16) -> Result<(UdpSocket, TcpListener), StartError> {
    let what = "DNS";
    let mut tries = TRIES;
    loop {
        let listener = bind(what, port).await?;
        let bound = listener.local_addr().map_err(|source| StartError::Port { what, port, source })?;
        match UdpSocket::bind(bound).await {
            Ok(socket) => return Ok((socket, listener)),
            Err(_) if port == 0 && tries > 1 => tries -= 1,
            Err(source) => return Err(StartError::Port { what, port: bound.port(), source }),
        }
    }
}

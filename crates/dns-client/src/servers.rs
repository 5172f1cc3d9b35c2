use std::{
    fs,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

/// Where the system names its own name servers.
const OF_SYSTEM: &str = "/etc/resolv.conf";
/// The port of DNS.
const PORT: u16 = 53;
/// How many servers are asked one after the other: more only make whoever waits wait longer.
const MOST: usize = 3;

/// The name servers that are asked: addresses, each with a port where it is not 53, separated by commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Servers(Vec<SocketAddr>);

/// The text names no name servers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use 1 to {MOST} addresses of name servers, such as \"192.0.2.1, [2001:db8::1]:5353\"; got {0:?}")]
pub struct WrongServers(String);

impl Servers {
    /// Those of the machine. Where it names none, nobody can be asked, and every look-up fails.
    pub fn of_system() -> Self {
        let text = fs::read(OF_SYSTEM).unwrap_or_default();
        Self::of_resolv_conf(&text)
    }

    fn of_resolv_conf(text: &[u8]) -> Self {
        let named = resolv_conf::Config::parse(text).map(|config| config.nameservers).unwrap_or_default();
        let named = named.into_iter().map(|server| SocketAddr::new(server.into(), PORT));
        Self(named.take(MOST).collect())
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = SocketAddr> {
        self.0.iter().copied()
    }
}

impl FromStr for Servers {
    type Err = WrongServers;

    fn from_str(text: &str) -> Result<Self, WrongServers> {
        let wrong = || WrongServers(text.to_owned());
        let read = |part: &str| {
            let alone = part.parse::<IpAddr>().map(|address| SocketAddr::new(address, PORT));
            alone.or_else(|_| part.parse()).map_err(|_| wrong())
        };
        let servers = text.split(',').map(|part| read(part.trim())).collect::<Result<Vec<_>, _>>()?;
        if servers.len() > MOST { Err(wrong()) } else { Ok(Self(servers)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(servers: &Servers) -> Vec<String> {
        servers.all().map(|server| server.to_string()).collect()
    }

    #[test]
    fn addresses_with_and_without_a_port() {
        let servers: Servers = "192.0.2.1, 127.0.0.1:3004,2001:db8::1".parse().unwrap();
        assert_eq!(said(&servers), ["192.0.2.1:53", "127.0.0.1:3004", "[2001:db8::1]:53"]);
        for text in
            ["", ",", "dns.example.com", "192.0.2.1:", "192.0.2.1:70000", "1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4"]
        {
            assert!(text.parse::<Servers>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_systems_own_are_the_first_three_that_it_names() {
        let text = b"# comment\nsearch example.com\nnameserver 169.254.78.1\nnameserver fe80::1%eth0\noptions ndots:5\n\
            nameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n";
        let servers = Servers::of_resolv_conf(text);
        assert_eq!(said(&servers)[0], "169.254.78.1:53");
        assert_eq!(said(&servers).len(), 3);
        for text in [&b""[..], b"\xff\xfe", b"nameserver\n", b"nonsense here\n"] {
            assert!(said(&Servers::of_resolv_conf(text)).is_empty(), "{text:?}");
        }
    }
}

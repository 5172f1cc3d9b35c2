use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use access::{KeyActor, Principal};
use futures::future::BoxFuture;
use http::HeaderValue;
use primitives::{Clock, Ids};
use table::{Consistency, Table};

use crate::{addresses::StaffEntry, problem::Problem};

/// Finds out who a bearer token stands for, as of now. Strong consistency is asked for where
/// something is about to change.
pub type Authenticate =
    Arc<dyn Fn(String, Consistency) -> BoxFuture<'static, Result<Principal, Problem>> + Send + Sync>;

/// The same of an API key that was shown from this address.
pub type AuthenticateKey = Arc<
    dyn Fn(String, Option<IpAddr>, Consistency) -> BoxFuture<'static, Result<KeyActor, Problem>>
        + Send
        + Sync,
>;

/// What the edge is configured with.
#[derive(Clone, Debug)]
pub struct EdgeSettings {
    /// The origins whose pages may call, exactly as browsers send them.
    pub allowed_origins: Vec<HeaderValue>,
    /// How many proxies of our own stand before API Gateway: 1 with CloudFront, else 0.
    pub trusted_proxy_hops: usize,
    /// Who of our staff is let in; nothing where a function is not for staff.
    pub staff: Option<StaffEntry>,
}

/// What every HTTP function has before its first handler.
#[derive(Clone)]
pub struct Edge(Arc<Inner>);

struct Inner {
    settings: EdgeSettings,
    authenticate: Authenticate,
    authenticate_key: AuthenticateKey,
    table: Table,
    clock: Clock,
    ids: Ids,
}

impl Edge {
    /// Puts it together.
    pub fn new(
        settings: EdgeSettings,
        (authenticate, authenticate_key): (Authenticate, AuthenticateKey),
        table: Table,
    ) -> Self {
        let (clock, ids) = (table.clock().clone(), table.ids().clone());
        Self(Arc::new(Inner { settings, authenticate, authenticate_key, table, clock, ids }))
    }

    /// Who the token stands for.
    pub async fn authenticate(&self, token: &str, consistency: Consistency) -> Result<Principal, Problem> {
        (self.0.authenticate)(token.to_owned(), consistency).await
    }

    /// What the key may do.
    pub(crate) async fn authenticate_key(
        &self,
        text: &str,
        address: Option<IpAddr>,
        consistency: Consistency,
    ) -> Result<KeyActor, Problem> {
        (self.0.authenticate_key)(text.to_owned(), address, consistency).await
    }

    /// The table.
    pub fn table(&self) -> &Table {
        &self.0.table
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Where ids come from.
    pub fn ids(&self) -> &Ids {
        &self.0.ids
    }

    /// Who of our staff is let in, where the function is for staff.
    pub(crate) fn staff_entry(&self) -> Option<&StaffEntry> {
        self.0.settings.staff.as_ref()
    }

    /// Whether pages of this origin may call.
    pub(crate) fn allows(&self, origin: &HeaderValue) -> bool {
        self.0.settings.allowed_origins.contains(origin)
    }

    /// The client's address.
    pub(crate) fn client_address(&self, peer: Option<IpAddr>, forwarded_for: &str) -> Option<IpAddr> {
        address_behind(self.0.settings.trusted_proxy_hops, peer, forwarded_for)
    }

    /// The country of the client's address.
    pub(crate) fn client_country(&self, noted: Option<&str>) -> Option<String> {
        country_behind(self.0.settings.trusted_proxy_hops, noted)
    }
}

/// What API Gateway saw or, behind proxies of our own, the last address that none of them wrote
/// about another of them. What the client itself put into `X-Forwarded-For` stands further left and
/// is never believed.
fn address_behind(proxies: usize, peer: Option<IpAddr>, forwarded_for: &str) -> Option<IpAddr> {
    match proxies {
        0 => peer,
        proxies => forwarded_for.rsplit(',').nth(proxies).and_then(|entry| noted(entry.trim())).or(peer),
    }
}

/// The country that a proxy of our own noted. Without one it is the client that claims to be
/// somewhere, and CloudFront writes `XX` where it does not know.
fn country_behind(proxies: usize, noted: Option<&str>) -> Option<String> {
    let noted = noted.filter(|_| proxies > 0)?;
    let is_country = noted.len() == 2 && noted.bytes().all(|byte| byte.is_ascii_uppercase()) && noted != "XX";
    is_country.then(|| noted.to_owned())
}

/// An address as proxies note it: alone, or with the port of the connection.
fn noted(entry: &str) -> Option<IpAddr> {
    let in_brackets = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || entry.parse().ok().map(|address: SocketAddr| address.ip());
    entry.parse().ok().or_else(with_port).or_else(in_brackets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_what_a_proxy_of_ours_says() {
        assert_eq!(country_behind(1, Some("DE")).as_deref(), Some("DE"));
        assert_eq!(country_behind(0, Some("DE")), None, "the client says so");
        for odd in [None, Some(""), Some("de"), Some("DEU"), Some("XX"), Some("D\n"), Some("{{")] {
            assert_eq!(country_behind(1, odd), None, "{odd:?}");
        }
    }

    #[test]
    fn what_a_client_claims_about_itself_is_never_believed() {
        let peer: Option<IpAddr> = "192.0.2.1".parse().ok();
        let seen = |proxies, header: &str| {
            address_behind(proxies, peer, header).map(|address| address.to_string()).unwrap()
        };
        assert_eq!(seen(0, "203.0.113.9, 192.0.2.1"), "192.0.2.1");
        // CloudFront notes the client, API Gateway notes CloudFront
        assert_eq!(seen(1, "203.0.113.9, 198.51.100.7, 192.0.2.1"), "198.51.100.7");
        for (noted, address) in [
            ("198.51.100.7:51234", "198.51.100.7"),
            ("[2001:db8:7:7::1]:443", "2001:db8:7:7::1"),
            ("[2001:db8:7:7::1]", "2001:db8:7:7::1"),
            ("2001:db8:7:7::1", "2001:db8:7:7::1"),
        ] {
            assert_eq!(seen(1, &format!("{noted}, 130.176.1.1")), address);
        }
        for odd in [
            "198.51.100.7:x, 130.176.1.1",
            "[::1, 130.176.1.1",
            "",
            "192.0.2.1",
            "nonsense, 192.0.2.1",
            "203.0.113.9,, 192.0.2.1",
        ] {
            assert_eq!(seen(1, odd), "192.0.2.1", "{odd}");
        }
    }
}

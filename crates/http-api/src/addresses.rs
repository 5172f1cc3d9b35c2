use std::{net::IpAddr, str::FromStr};

use ipnet::IpNet;
use table::RateLimit;

/// Who of our staff is let in, beside what decides about a person.
#[derive(Clone, Debug)]
pub struct StaffEntry {
    /// From which network addresses staff works.
    pub addresses: Addresses,
    /// How often each of them may ask.
    pub limit: RateLimit,
}

/// Ranges of network addresses, of both kinds. An empty list holds nobody's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses(Vec<IpNet>);

/// The text is no list of ranges.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddresses {
    /// Part of it is no range.
    #[error("`{0}` is no range of addresses like 192.0.2.0/24 or 2001:db8::/32")]
    NoRange(String),
    /// A range holds every address.
    #[error("`{0}` holds every address: name those that are meant")]
    All(String),
}

impl Addresses {
    /// Whether this address is in one of the ranges. One of IPv4 that is written as one of IPv6 is itself.
    pub fn hold(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|range| range.contains(&address))
    }
}

/// Parted by commas. Nothing at all is an empty list.
impl FromStr for Addresses {
    type Err = InvalidAddresses;

    fn from_str(text: &str) -> Result<Self, InvalidAddresses> {
        let ranges = text.split(',').map(str::trim).filter(|range| !range.is_empty());
        let read = |range: &str| match range.parse::<IpNet>() {
            Ok(net) if net.prefix_len() == 0 => Err(InvalidAddresses::All(range.to_owned())),
            Ok(net) => Ok(net.trunc()),
            Err(_) => Err(InvalidAddresses::NoRange(range.to_owned())),
        };
        ranges.map(read).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_both_kinds_hold_their_addresses_and_no_others() {
        let list: Addresses = "192.0.2.0/24, 203.0.113.7/32,2001:db8:1::/48".parse().unwrap();
        let held = |address: &str| list.hold(address.parse().unwrap());
        for inside in ["192.0.2.0", "192.0.2.255", "203.0.113.7", "2001:db8:1:ffff::1", "::ffff:192.0.2.9"] {
            assert!(held(inside), "{inside}");
        }
        for outside in [
            "192.0.3.0",
            "203.0.113.8",
            "2001:db8:2::1",
            "::1",
            "::192.0.2.1",
            "::ffff:203.0.113.8",
            "0.0.0.0",
        ] {
            assert!(!held(outside), "{outside}");
        }
    }

    #[test]
    fn an_empty_list_holds_nobody() {
        for text in ["", " ", ",", " , "] {
            let list: Addresses = text.parse().unwrap();
            assert_eq!(list, Addresses::default());
            assert!(!list.hold("127.0.0.1".parse().unwrap()));
        }
    }

    #[test]
    fn what_is_no_range_or_holds_everybody_is_refused() {
        for text in [
            "192.0.2.1",
            "192.0.2.0/33",
            "2001:db8::/129",
            "localhost",
            "192.0.2.0/24;203.0.113.0/24",
            "*",
            "192.0.2.0/-1",
            "192.0.2.0/24/8",
            "192.0.2/24",
        ] {
            assert!(matches!(text.parse::<Addresses>(), Err(InvalidAddresses::NoRange(_))), "{text}");
        }
        for text in ["0.0.0.0/0", "::/0", "192.0.2.0/24,198.51.100.1/0"] {
            assert!(matches!(text.parse::<Addresses>(), Err(InvalidAddresses::All(_))), "{text}");
        }
    }
}

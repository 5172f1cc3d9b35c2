use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    field::{FieldCode, Invalid, refused},
    schema,
};

/// A range of network addresses, such as `192.0.2.0/24` or `2001:db8::/32`; a single address is a range too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(IpNet);

/// The text is no range of addresses, or one that leaves hardly anybody out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetwork {
    /// It is none.
    #[error("use a range of addresses, such as 192.0.2.0/24, 2001:db8::/32 or 192.0.2.7")]
    NoRange,
    /// It holds so many addresses that it leaves hardly anybody out.
    #[error("use a range of /8 or smaller, of IPv6 /16 or smaller")]
    Wide,
}

impl Invalid for InvalidNetwork {
    fn field_code(&self) -> FieldCode {
        FieldCode::InvalidFormat
    }
}

impl Network {
    /// Whether this address is in it. One of IPv4 that is written as one of IPv6 is itself.
    pub fn holds(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let single = || text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
        match text.parse::<IpNet>().ok().map(plain).or_else(single) {
            Some(range) if range.prefix_len() < shortest(&range) => Err(InvalidNetwork::Wide),
            Some(range) => Ok(Self(range.trunc())),
            None => Err(InvalidNetwork::NoRange),
        }
    }
}

/// The whole of what one registry or the largest of networks has: a few wider ones would be everybody.
fn shortest(range: &IpNet) -> u8 {
    match range {
        IpNet::V4(_) => 8,
        IpNet::V6(_) => 16,
    }
}

/// A range of IPv4 that is written as one of IPv6 is itself.
fn plain(range: IpNet) -> IpNet {
    let IpNet::V6(six) = range else { return range };
    let four = six.addr().to_ipv4_mapped().zip(six.prefix_len().checked_sub(96));
    let four = four.and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    four.map_or(range, IpNet::V4)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|error| refused(&error))
    }
}

impl utoipa::PartialSchema for Network {
    fn schema() -> schema::Written {
        let format = schema::SchemaFormat::Custom("gantry-network".to_owned());
        schema::text(|text| text.format(Some(format)).examples(["192.0.2.0/24"]))
    }
}

impl utoipa::ToSchema for Network {}

impl schemars::JsonSchema for Network {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Network".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_its_addresses_and_is_written_in_one_way() {
        for (text, written, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.77/24", "192.0.2.0/24", "::ffff:192.0.2.1", "::ffff:192.0.3.1"),
            ("192.0.2.7", "192.0.2.7/32", "192.0.2.7", "192.0.2.8"),
            ("2001:DB8:1::/48", "2001:db8:1::/48", "2001:db8:1:ffff::1", "2001:db8:2::1"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("::ffff:192.0.2.7", "192.0.2.7/32", "192.0.2.7", "2001:db8::1"),
        ] {
            let range: Network = text.parse().unwrap();
            assert_eq!(range.to_string(), written);
            assert!(range.holds(inside.parse().unwrap()), "{text} holds {inside}");
            assert!(!range.holds(outside.parse().unwrap()), "{text} holds {outside}");
        }
        for odd in ["", "192.0.2.0/33", "192.0.2", "a", "192.0.2.0/24 ", "192.0.2.0/-1", "2001:db8::/129"] {
            assert_eq!(odd.parse::<Network>(), Err(InvalidNetwork::NoRange), "{odd}");
        }
        for wide in
            ["0.0.0.0/0", "128.0.0.0/1", "10.0.0.0/7", "::/0", "2000::/3", "2000::/15", "::ffff:0:0/96"]
        {
            assert_eq!(wide.parse::<Network>(), Err(InvalidNetwork::Wide), "{wide}");
        }
    }
}

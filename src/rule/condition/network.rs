//! Networks of addresses, as in `203.0.113.0/24`, and the order of addresses.

use std::cmp::Ordering;
use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rule) struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

impl Network {
    /// Reads a network, or an address, which is a network of one. Bits behind the prefix do not matter.
    pub(in crate::rule) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits_max = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        let is_number = |prefix: &&str| prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix_bits: u32 = match prefix {
            Some(prefix) => Some(prefix).filter(is_number)?.parse().ok()?,
            None => bits_max,
        };
        if prefix_bits > bits_max {
            return None;
        }
        // IPv4 as a part of IPv6 (`::ffff:203.0.113.0/120`).
        Some(
            match (address.to_canonical(), prefix_bits.checked_sub(96)) {
                (of_ipv4 @ IpAddr::V4(_), Some(prefix_bits)) => Self {
                    address: of_ipv4,
                    prefix_bits,
                },
                _ => Self {
                    address,
                    prefix_bits,
                },
            },
        )
    }

    /// Returns whether an address is in this network. An IPv4 address is in no network of IPv6.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= self.prefix_bits
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= self.prefix_bits
            }
            _ => false,
        }
    }
}

impl Display for Network {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

/// Reads an address. One of IPv4 may be written as one of IPv6 (`::ffff:203.0.113.7`).
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    Some(address.to_canonical())
}

/// Compares two addresses by their numbers. An IPv4 address has the number of the IPv6 address that stands for it.
pub(super) fn order(one: IpAddr, other: IpAddr) -> Ordering {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    };
    bits(one).cmp(&bits(other))
}

#[cfg(test)]
mod tests {
    use super::Network;

    #[test]
    fn an_address_is_in_the_networks_that_share_its_first_bits() {
        for (network, address, is_inside) in [
            ("203.0.113.0/24", "203.0.113.7", true),
            ("203.0.113.9/24", "203.0.113.7", true),
            ("203.0.113.0/24", "203.0.114.7", false),
            ("203.0.113.7", "203.0.113.7", true),
            ("203.0.113.7", "203.0.113.8", false),
            ("0.0.0.0/0", "198.51.100.1", true),
            ("::/0", "198.51.100.1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("203.0.113.0/24", "::ffff:203.0.113.7", true),
            ("::ffff:203.0.113.7", "203.0.113.7", true),
            ("::ffff:203.0.113.0/120", "203.0.113.7", true),
            ("::ffff:203.0.113.0/120", "203.0.114.7", false),
            ("203.0.113.0/24", "iam.amazonaws.com", false),
        ] {
            let network = Network::parse(network).unwrap();
            let contains = super::address(address).is_some_and(|one| network.contains(one));
            assert_eq!(contains, is_inside, "{network} {address}");
        }
        for text in [
            "",
            "203.0.113.0/33",
            "203.0.113/24",
            "::/129",
            "a/8",
            "1.2.3.4/+8",
            "1.2.3.4/",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}

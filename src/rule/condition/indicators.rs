//! A set of indicators: names, keys, addresses and networks that are searched for anywhere in an event.
//!
//! A text counts as a whole word: `203.0.113.7` is not in `203.0.113.77`, nor `admin` in `administrator`. Characters that
//! names in AWS have (letters, digits and `+.@-_`) belong to a word, except a full stop that ends a sentence. Case counts. A
//! network is in a text that has an address in it as a word; an IPv6 address is also in one that spells it in another way.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};

use super::network::{self, Network};
use crate::event::Fields;
use crate::event::names::{ends_word, is_of_name};

/// Indicators, shared by the threads of a hunt.
#[derive(Debug, Clone)]
pub struct Indicators(Arc<Set>);

#[derive(Debug)]
struct Set {
    texts: Vec<String>,
    networks: Vec<(String, Network)>,
    /// The texts that are IPv6 addresses, which have many spellings, by their places.
    addresses: HashMap<Ipv6Addr, usize>,
    automaton: AhoCorasick,
}

/// Why indicators cannot be searched for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndicatorsError {
    /// There is none.
    #[error("there is no indicator to search for")]
    Empty,
    /// The search cannot be built.
    #[error("the indicators are too many or too long")]
    TooMany,
}

impl Indicators {
    /// Returns the set of these texts; those that are networks, such as `203.0.113.0/24`, are networks.
    ///
    /// # Errors
    /// No text that is not blank, and more text than a search can have.
    pub fn new<T: AsRef<str>>(all: &[T]) -> Result<Self, IndicatorsError> {
        let (mut texts, mut networks) = (Vec::new(), Vec::new());
        for text in all.iter().map(|text| text.as_ref().trim()) {
            let network = Some(text).filter(|text| text.contains('/'));
            match network.and_then(Network::parse) {
                _ if text.is_empty() => {}
                Some(network) => networks.push((text.to_owned(), network)),
                None if texts.iter().any(|known| known == text) => {}
                None => texts.push(text.to_owned()),
            }
        }
        if texts.is_empty() && networks.is_empty() {
            return Err(IndicatorsError::Empty);
        }
        let numbered = texts.iter().enumerate();
        let addresses = numbered.filter_map(|(place, text)| Some((text.parse().ok()?, place)));
        let addresses: HashMap<Ipv6Addr, usize> = addresses.collect();
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(&texts)
            .map_err(|_| IndicatorsError::TooMany)?;
        Ok(Self(Arc::new(Set {
            texts,
            networks,
            addresses,
            automaton,
        })))
    }

    /// Returns the number of indicators.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.texts.len() + self.0.networks.len()
    }

    /// Returns whether there is none. There always is one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns all indicators: the texts, then the networks.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        let networks = self.0.networks.iter().map(|(name, _)| &**name);
        self.0.texts.iter().map(|text| &**text).chain(networks)
    }

    /// Returns the texts that look like networks, but have a prefix that no address has, such as `203.0.113.0/33`.
    pub fn no_networks(&self) -> impl Iterator<Item = &str> {
        let texts = self.0.texts.iter().map(|text| &**text);
        texts.filter(|text| is_broken_network(text))
    }

    /// Returns the texts, one of which is in each event that has an indicator; `None` if networks or IPv6 addresses are
    /// searched for, or texts that JSON may write in several ways.
    #[must_use]
    pub fn names(&self) -> Option<&[String]> {
        let is_ascii = self.0.texts.iter().all(|text| text.is_ascii());
        let is_spelt_once = self.0.networks.is_empty() && self.0.addresses.is_empty();
        (is_ascii && is_spelt_once).then_some(&self.0.texts)
    }

    /// Returns whether a text has an indicator.
    pub(super) fn are_in(&self, text: &str) -> bool {
        let mut is_found = false;
        self.each_in(text, &mut |_| is_found = true);
        is_found
    }

    /// Returns the indicators that an event has, each once, with the text that has it.
    #[must_use]
    pub fn found_in(&self, event: &dyn Fields) -> Vec<(&str, String)> {
        let mut found: Vec<(&str, String)> = Vec::new();
        event.each_leaf(&mut |text| {
            self.each_in(text, &mut |indicator| {
                if !found.iter().any(|(known, _)| *known == indicator) {
                    found.push((indicator, text.to_owned()));
                }
            });
        });
        found
    }

    fn each_in<'s>(&'s self, text: &str, visit: &mut dyn FnMut(&'s str)) {
        for found in self.0.automaton.find_overlapping_iter(text) {
            if is_word(text.as_bytes(), found.start(), found.end())
                && let Some(indicator) = self.0.texts.get(found.pattern().as_usize())
                && (self.0.addresses.is_empty() || indicator.parse::<Ipv6Addr>().is_err())
            {
                visit(indicator);
            }
        }
        if !self.0.addresses.is_empty() {
            let places = addresses_in(text).filter_map(|one| self.0.addresses.get(&one));
            let found = places.filter_map(|place| self.0.texts.get(*place));
            found.for_each(|indicator| visit(indicator));
        }
        if !self.0.networks.is_empty() {
            let of_ipv6 = addresses_in(text).map(IpAddr::from);
            let of_ipv4 = ipv4_in(text).filter_map(network::address);
            let addresses: Vec<IpAddr> = of_ipv4
                .chain(of_ipv6.flat_map(|one| [one, one.to_canonical()]))
                .collect();
            for (name, network) in &self.0.networks {
                if addresses.iter().any(|one| network.contains(*one)) {
                    visit(name);
                }
            }
        }
    }
}

impl PartialEq for Indicators {
    fn eq(&self, other: &Self) -> bool {
        self.0.texts == other.0.texts && self.0.networks == other.0.networks
    }
}

/// Returns whether a text that is no network is an address, a slash and a number.
fn is_broken_network(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, prefix)| {
        let is_number = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
        is_number && address.parse::<IpAddr>().is_ok()
    })
}

/// Returns whether no character of a name stands directly before or after, except a full stop that ends a sentence.
fn is_word(text: &[u8], start: usize, end: usize) -> bool {
    let before = start.checked_sub(1).and_then(|at| text.get(at));
    let begins = before.is_none_or(|byte| !is_of_name(*byte));
    begins && ends_word(text.get(end..).unwrap_or_default())
}

/// Returns the words of a text that are IPv4 addresses.
fn ipv4_in(text: &str) -> impl Iterator<Item = &str> {
    let is_outside = |c: char| c.is_ascii() && !is_of_name(c as u8);
    let words = text.split(is_outside);
    words
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| word.parse::<Ipv4Addr>().is_ok())
}

/// Returns the IPv6 addresses in a text, in any spelling.
fn addresses_in(text: &str) -> impl Iterator<Item = Ipv6Addr> {
    let is_of_address = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '.');
    let is_outside = move |c: char| !(is_of_address(c) || c.is_ascii() && is_of_name(c as u8));
    let words = text
        .split(is_outside)
        .filter(|word| word.matches(':').count() > 1);
    words.filter_map(move |word| {
        // A name may stand before it, as in `ip:2001:db8::1`, and a mark after it.
        let name = word.find(|c: char| !is_of_address(c));
        let word = match name.and_then(|at| Some((at, word.get(at..)?.find(':')?))) {
            Some((at, colon)) => word.get(at + colon + 1..)?,
            None => word,
        };
        let parsed = || word.parse().ok();
        parsed().or_else(|| word.trim_end_matches([':', '.', '-']).parse().ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_is_found_in_any_spelling() {
        let indicators = Indicators::new(&["2001:db8::1"]).unwrap();
        for text in [
            "2001:db8::1",
            "2001:DB8:0:0:0:0:0:1",
            "from 2001:db8::1, twice",
            "from 2001:DB8::1 no",
            "denied for 2001:db8::1: no",
            "ip:2001:db8::1 no",
            "source:2001:db8::1",
            "[2001:db8::1]:443",
        ] {
            assert!(indicators.are_in(text), "{text}");
        }
        for text in ["2001:db8::1:5", "2001:db8::11", "1:2001:db8::1"] {
            assert!(!indicators.are_in(text), "{text}");
        }
        assert_eq!((indicators.len(), indicators.names()), (1, None));
    }

    #[test]
    fn an_indicator_is_found_as_a_whole_word() {
        let all = ["203.0.113.7", "alice", " ", "198.51.100.0/24", "alice"];
        let indicators = Indicators::new(&all).unwrap();
        assert_eq!(indicators.len(), 3);
        for text in [
            "203.0.113.7",
            "from 203.0.113.7, then",
            "arn:aws:iam::111122223333:user/alice",
            "198.51.100.99",
            "198.51.100.0/24",
            "cidr=198.51.100.7/32;",
            "a 198.51.100.9, b",
            "[198.51.100.9]:80",
            "::ffff:198.51.100.7",
            "no access for alice.",
            "no access for alice...",
            "from 203.0.113.7.",
        ] {
            assert!(indicators.are_in(text), "{text}");
        }
        for text in [
            "203.0.113.77",
            "malice",
            "alice@example.com",
            "198.51.101.9",
            "198.51.100.9.example.com",
            "ip-198.51.100.9",
            "alice.smith",
            "",
        ] {
            assert!(!indicators.are_in(text), "{text}");
        }
        assert_eq!(indicators.names(), None);
        let names = Indicators::new(&["alice", "AKIAIOSFODNN7EXAMPLE"]).unwrap();
        assert_eq!(names.names().map(<[String]>::len), Some(2));
        assert!(Indicators::new(&[""]).is_err());
    }

    #[test]
    fn what_looks_like_a_network_and_is_none_is_told() {
        let broken = ["203.0.113.0/33", "2001:db8::/129", "203.0.113.0/8080"];
        let others = ["203.0.113.0/32", "203.0.113.0/x", "203.0.113.0/", "role/33"];
        let indicators = Indicators::new(&[&broken[..], &others].concat()).unwrap();
        assert_eq!(indicators.no_networks().collect::<Vec<_>>(), broken);
        assert!(indicators.are_in("cidr 203.0.113.0/33 was refused"));
    }
}

//! The addresses of a user's calls, as the log writes them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::own::Own;
use crate::case::CaseEvent;
use crate::case::address::ip;
use crate::case::state::Attributed;
use crate::output::Column;

/// The addresses of a user's calls: those that are usual, and those that are foreign.
#[derive(Debug, Default)]
pub(super) struct Places<'a> {
    pub(super) usual: BTreeSet<&'a str>,
    pub(super) foreign: BTreeSet<&'a str>,
}

impl<'a> Places<'a> {
    pub(super) fn new(own: &Own<'a>) -> Self {
        let texts = |among: &'a BTreeSet<IpAddr>, is_one: fn(&Attributed<'_>) -> bool| {
            let events = own.attributed().filter(move |one| is_one(one));
            let texts = events.filter_map(|one| address(one.event));
            let texts = texts.filter(|text| ip(text).is_some_and(|ip| among.contains(&ip)));
            texts.collect()
        };
        Self {
            usual: texts(&own.state.usual_addresses, |one| one.is_done()),
            foreign: texts(&own.state.foreign_addresses, |_| true),
        }
    }
}

/// Returns the IP address that an event came from.
pub(super) fn address(event: &CaseEvent) -> Option<&str> {
    let address = event.alert.text(Column::SourceAddress)?;
    ip(address).map(|_| address)
}

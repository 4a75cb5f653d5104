//! The addresses of a user's calls, and whether a call may be a stranger's.

use std::collections::BTreeSet;

use super::own::Own;
use crate::case::CaseEvent;
use crate::case::address::ip;
use crate::output::Column;

/// The addresses of a user's calls: those that are usual, and those that are foreign.
#[derive(Debug, Default)]
pub(super) struct Places<'a> {
    pub(super) usual: BTreeSet<&'a str>,
    pub(super) foreign: BTreeSet<&'a str>,
}

impl<'a> Places<'a> {
    /// Returns the addresses: those of strangers, and the others from which the user itself called before the
    /// quarantine. What the user led to may be in the hands of strangers.
    pub(super) fn new(own: &Own<'a>) -> Self {
        let mut places = Self::default();
        let strangers = &own.state.leak.foreign_addresses;
        for event in own.done() {
            let Some(address) = address(event) else {
                continue;
            };
            if ip(address).is_some_and(|ip| strangers.contains(&ip)) {
                places.foreign.insert(address);
            } else if own.is_before(event) && own.is_by_user(event) {
                places.usual.insert(address);
            }
        }
        places
    }

    /// Returns whether a call may be the intruder's: it did not come from an address that is usual for the user. If no
    /// foreign address is known, any call may be.
    pub(super) fn may_be_foreign(&self, event: &CaseEvent) -> bool {
        let is_usual = address(event).is_some_and(|address| self.usual.contains(address));
        self.foreign.is_empty() || !is_usual
    }

    pub(super) fn is_foreign(&self, event: &CaseEvent) -> bool {
        address(event).is_some_and(|address| self.foreign.contains(address))
    }
}

/// Returns the IP address that an event came from.
pub(super) fn address(event: &CaseEvent) -> Option<&str> {
    let address = event.alert.text(Column::SourceAddress)?;
    ip(address).map(|_| address)
}

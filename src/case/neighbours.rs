//! Other identities at the addresses from which a case's keys were used.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;

use super::about::Addresses;
use super::address::ip;
use super::analyzer::Found;
use super::collected::{EventKey, event_key};
use super::is_done;
use super::seen::Seen;
use super::users::{CaseEvent, UserCase};
use crate::follow::{CaseGraph, Entity, Kind, PassQuery, PassTarget};
use crate::output::{Alert, Column};

/// An identity that is not part of the case, at an address of the case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// The address, as it is in the log.
    pub address: String,
    /// The identity.
    pub entity: Entity,
    /// The times and the number of its events.
    pub seen: Seen,
}

/// Addresses, and the identities seen at them.
#[derive(Debug)]
pub(super) struct Neighbours {
    counts: Addresses,
    /// The addresses, each with its spellings in the log.
    addresses: BTreeMap<IpAddr, BTreeSet<String>>,
    at: BTreeMap<IpAddr, BTreeMap<Entity, Events>>,
    shared: BTreeSet<IpAddr>,
}

/// The events of an identity, each once.
#[derive(Debug, Default)]
struct Events {
    seen: Seen,
    keys: HashSet<EventKey>,
}

impl Neighbours {
    /// Collects the addresses from which a case's keys were used.
    pub(super) fn of(users: &[UserCase], events: &[CaseEvent], max_identities: usize) -> Self {
        let mut addresses: BTreeMap<IpAddr, BTreeSet<String>> = BTreeMap::new();
        let mut of_services = BTreeSet::new();
        for user in users {
            for (event, _) in user.events(events).filter(|(_, tie)| is_done(*tie)) {
                let Some(address) = event.alert.text(Column::SourceAddress) else {
                    continue;
                };
                match ip(address) {
                    Some(ip) => {
                        let spellings = addresses.entry(ip).or_default();
                        spellings.insert(address.to_owned());
                    }
                    None => _ = of_services.insert(address),
                }
            }
        }
        let counts = Addresses {
            searched: match max_identities {
                0 => 0,
                _ => addresses.len() as u64,
            },
            of_services: of_services.len() as u64,
            shared: 0,
            max_identities,
        };
        Self {
            counts,
            addresses,
            at: BTreeMap::new(),
            shared: BTreeSet::new(),
        }
    }

    /// Returns the query with the addresses as search terms; nothing if no search is needed.
    pub(super) fn sought(&self, case: &CaseGraph) -> Option<PassQuery> {
        if self.counts.searched == 0 {
            return None;
        }
        let mut needles = BTreeSet::new();
        for (ip, spellings) in &self.addresses {
            needles.extend(spellings.iter().cloned());
            // The spelling that most programs use, and the same in capitals.
            let usual = ip.to_string();
            needles.extend([usual.to_uppercase(), usual]);
        }
        Some(PassQuery {
            sought: PassTarget::From {
                addresses: self.addresses.keys().copied().collect(),
                case: case.clone(),
            },
            needles: needles.into_iter().collect(),
        })
    }

    /// Adds an event from one of the addresses that does not belong to the case.
    pub(super) fn take(&mut self, found: &Found) {
        let Found { alert, story } = found;
        let Some(ip) = alert.text(Column::SourceIp).and_then(ip) else {
            return;
        };
        let (traces, time) = (&story.traces, alert.time());
        if self.shared.contains(&ip) {
            return;
        }
        let at = self.at.entry(ip).or_default();
        let events = at.entry(somebody(alert, &traces.actors)).or_default();
        if events.keys.insert(event_key(alert)) {
            events.seen.add(time, story.error_code.is_some());
        }
        if at.len() > self.counts.max_identities {
            self.at.remove(&ip);
            self.shared.insert(ip);
        }
    }

    /// Returns all identities, by address.
    pub(super) fn finish(self) -> (Vec<Neighbour>, Addresses) {
        let mut neighbours = Vec::new();
        for (ip, at) in self.at {
            let address = self
                .addresses
                .get(&ip)
                .and_then(|spellings| spellings.first());
            neighbours.extend(at.into_iter().map(|(entity, events)| Neighbour {
                address: address.cloned().unwrap_or_else(|| ip.to_string()),
                entity,
                seen: events.seen,
            }));
        }
        let counts = Addresses {
            shared: self.shared.len() as u64,
            ..self.counts
        };
        (neighbours, counts)
    }
}

/// Returns the actor: a user, or a role instead of each of its sessions; otherwise whatever identity the log has.
fn somebody(alert: &Alert, actors: &[Entity]) -> Entity {
    let kinds = [
        Kind::User,
        Kind::Role,
        Kind::Root,
        Kind::Session,
        Kind::AccessKey,
        Kind::Service,
    ];
    let named = kinds
        .iter()
        .find_map(|kind| actors.iter().find(|one| one.kind == *kind));
    named.cloned().unwrap_or_else(|| {
        let columns = [
            Column::ActorPrincipalId,
            Column::ActorName,
            Column::ActorType,
        ];
        let mut names = columns.into_iter().filter_map(|column| alert.text(column));
        let name = names.find(|name| !name.is_empty()).unwrap_or("somebody");
        let account = alert.text(Column::ActorAccountId).unwrap_or_default();
        Entity::in_account(Kind::Principal, account, name)
    })
}

//! Who else came from the addresses from which a case's keys were used.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::about::Addresses;
use super::seen::Seen;
use super::users::{CaseEvent, UserCase};
use super::{Window, is_done};
use crate::follow::{Entity, Kind, Known, Part};
use crate::output::Alert;

/// Somebody who is no part of the case, at an address of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// The address, as the log has it.
    pub address: String,
    /// Who.
    pub entity: Entity,
    /// When, and how often.
    pub seen: Seen,
}

/// Addresses, and who is seen at them.
#[derive(Debug)]
pub(super) struct Neighbours {
    counts: Addresses,
    /// The addresses, each with how the log spells it.
    addresses: BTreeMap<IpAddr, String>,
    at: BTreeMap<IpAddr, BTreeMap<Entity, Seen>>,
    shared: BTreeSet<IpAddr>,
    pub(super) n_events: u64,
}

impl Neighbours {
    /// The addresses of what was done with a case's keys.
    pub(super) fn of(
        users: &[UserCase],
        events: &[CaseEvent],
        window: Window,
        max_identities: usize,
    ) -> Self {
        let mut addresses = BTreeMap::new();
        let mut of_aws = BTreeSet::new();
        for user in users {
            for (event, _) in user.events(events, window).filter(|(_, tie)| is_done(*tie)) {
                let Some(address) = event.alert.text("source_address") else {
                    continue;
                };
                let is_of_aws = event.alert.text("invoked_by").is_some();
                match address.parse() {
                    Ok(ip) if !is_of_aws => _ = addresses.insert(ip, address.to_owned()),
                    _ => _ = of_aws.insert(address),
                }
            }
        }
        let counts = Addresses {
            searched: addresses.len() as u64,
            of_aws: of_aws.len() as u64,
            shared: 0,
            max_identities,
        };
        Self {
            counts,
            addresses,
            at: BTreeMap::new(),
            shared: BTreeSet::new(),
            n_events: 0,
        }
    }

    pub(super) fn addresses(&self) -> BTreeSet<IpAddr> {
        self.addresses.keys().copied().collect()
    }

    pub(super) fn needles(&self) -> Vec<String> {
        self.addresses.values().cloned().collect()
    }

    /// Takes in an event from one of the addresses, unless it is of the case.
    pub(super) fn take(&mut self, alert: &Alert, known: &Known) {
        let ip = alert
            .text("source_ip")
            .and_then(|text| text.parse::<IpAddr>().ok());
        let (Some(ip), Some(story)) = (ip, alert.story()) else {
            return;
        };
        // Whoever was given a key of the case is of it, also where the log has no more than an id.
        let tie = known.tie(&story.traces, alert.time());
        let is_of_case = tie.is_some_and(|tie| tie.part != Part::On);
        if is_of_case || self.shared.contains(&ip) {
            return;
        }
        let Some(entity) = somebody(alert, &story.traces.actors) else {
            return;
        };
        self.n_events += 1;
        let at = self.at.entry(ip).or_default();
        let is_error = story.error_code.is_some();
        at.entry(entity).or_default().add(alert.time(), is_error);
        if at.len() > self.counts.max_identities {
            self.at.remove(&ip);
            self.shared.insert(ip);
        }
    }

    /// All of them, by address.
    pub(super) fn finish(self) -> (Vec<Neighbour>, Addresses) {
        let mut neighbours = Vec::new();
        for (ip, at) in self.at {
            let address = &self.addresses[&ip];
            neighbours.extend(at.into_iter().map(|(entity, seen)| Neighbour {
                address: address.clone(),
                entity,
                seen,
            }));
        }
        let counts = Addresses {
            shared: self.shared.len() as u64,
            ..self.counts
        };
        (neighbours, counts)
    }
}

/// Who acted: a user, or a role rather than each of its sessions.
fn somebody(alert: &Alert, actors: &[Entity]) -> Option<Entity> {
    let kinds = [
        Kind::User,
        Kind::Role,
        Kind::Root,
        Kind::Session,
        Kind::AccessKey,
    ];
    let named = kinds
        .iter()
        .find_map(|kind| actors.iter().find(|one| one.kind == *kind));
    named.cloned().or_else(|| {
        let id = alert
            .text("actor_principal_id")
            .or_else(|| alert.text("actor_name"))?;
        let account = alert.text("actor_account_id").unwrap_or_default();
        Some(Entity::in_account(Kind::Principal, account, id))
    })
}

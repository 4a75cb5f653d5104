//! Who is who in a log, and what leads from one to the next: keys that are given out, users and roles that are made.
//!
//! In: an event. Out: its [`EntityRefs`]: which identities acted, which were acted on, made or given out. [`CaseGraph`] is what an
//! investigation follows, and says which events meet it. Nothing is known here of files, rounds or rows.

mod entity;
mod known;
mod traces;

pub use entity::{Entity, Kind};
pub use known::{CaseGraph, Link, Reach, Role, Searched};
pub use traces::EntityRefs;

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::event::{Event, Fields, Scalar};
use crate::report::Relation;

/// What a round of an investigation looks for.
#[derive(Debug)]
pub struct PassQuery {
    /// Which events it is about.
    pub sought: PassTarget,
    /// What stands in each of them: one of these names, keys or addresses.
    pub needles: Vec<String>,
}

/// Which events a round is about.
#[derive(Debug)]
pub enum PassTarget {
    /// Those that meet what belongs to the case so far.
    CaseGraph(CaseGraph),
    /// Those that came from one of these addresses, in their canonical form.
    From(BTreeSet<IpAddr>),
}

/// What an event that meets a case says beside what an alert's row has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseDetails {
    /// Who is who in it.
    pub traces: EntityRefs,
    /// `aws.cloudtrail.error_code`.
    pub error_code: Option<String>,
    /// `aws.cloudtrail.error_message`.
    pub error_message: Option<String>,
    /// `aws.cloudtrail.read_only`.
    pub read_only: Option<bool>,
    /// The `status` that an access key is to have.
    pub key_status: Option<String>,
    /// `aws.cloudtrail.response_elements`, in Elastic's text form.
    pub response_elements: Option<String>,
    /// What it has to do with a quarantine.
    pub quarantine: Option<Quarantine>,
}

/// What an event has to do with a quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quarantine {
    /// It made one: the rule's alert.
    Made,
    /// It is beside one.
    Beside(Relation),
}

impl PassQuery {
    /// What an event says, if it meets the case.
    #[must_use]
    pub fn story(&self, event: &Event<'_>) -> Option<CaseDetails> {
        let traces = EntityRefs::of(event);
        match &self.sought {
            PassTarget::CaseGraph(known) => {
                let time = event.time_micros();
                let time = time.and_then(|micros| Timestamp::from_microsecond(micros).ok());
                known.tie(&traces, time)?;
            }
            PassTarget::From(addresses) => {
                let address: IpAddr = event.text("source.ip")?.parse().ok()?;
                addresses.get(&address.to_canonical())?;
            }
        }
        let mut read_only = None;
        event.each_value("aws.cloudtrail.read_only", &mut |value| {
            read_only = match value {
                Scalar::Boolean(value) => Some(value),
                Scalar::Text(text) => text.parse().ok(),
                Scalar::Integer(_) | Scalar::Float(_) => None,
            };
        });
        Some(CaseDetails {
            traces,
            error_code: event.text("aws.cloudtrail.error_code"),
            error_message: event.text("aws.cloudtrail.error_message"),
            read_only,
            key_status: match event.text("event.action").as_deref() {
                Some("UpdateAccessKey") => event.request_parameter("status").map(Into::into),
                _ => None,
            },
            response_elements: event.text("aws.cloudtrail.response_elements"),
            quarantine: None,
        })
    }
}

//! Identities in a log, and the links between them: keys that are issued, users and roles that are created.
//!
//! In: an event. Out: its [`EntityRefs`]: the identities that acted, were acted on, were created or were issued.
//! [`CaseGraph`] contains what an investigation follows and decides which events are linked to it. This module does not
//! use files, passes or rows.

mod entity;
mod known;
mod target;
pub mod touched;
mod traces;

pub use entity::{Entity, Kind};
pub use known::{CaseGraph, Link, Reach, Role, Searched};
pub use target::{Data, Target, TargetRole, Touched};
pub use traces::EntityRefs;

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::event::{Event, Fields, Scalar};
use crate::report::Relation;

/// The query of one pass of an investigation.
#[derive(Debug)]
pub struct PassQuery {
    /// The events that the pass selects.
    pub sought: PassTarget,
    /// The search terms. Each selected event contains one of these names, keys or addresses.
    pub needles: Vec<String>,
}

/// The events that a pass selects.
#[derive(Debug)]
pub enum PassTarget {
    /// Events that are linked to the case so far.
    CaseGraph(CaseGraph),
    /// Events that came from one of these addresses and do not belong to the case.
    From {
        /// The addresses, in their canonical form.
        addresses: BTreeSet<IpAddr>,
        /// The case.
        case: CaseGraph,
    },
}

/// Additional data of an event that belongs to a case, besides the columns of an alert's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseDetails {
    /// The entities in the event.
    pub traces: EntityRefs,
    /// `aws.cloudtrail.error_code`.
    pub error_code: Option<String>,
    /// `aws.cloudtrail.error_message`.
    pub error_message: Option<String>,
    /// `aws.cloudtrail.read_only`.
    pub read_only: Option<bool>,
    /// The `status` that an access key is set to.
    pub key_status: Option<String>,
    /// `aws.cloudtrail.response_elements`, in Elastic's text form.
    pub response_elements: Option<String>,
    /// The relation of the event to a quarantine.
    pub quarantine: Option<Quarantine>,
    /// The things that the call touched.
    pub touched: Touched,
}

/// The relation of an event to a quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quarantine {
    /// The event made a quarantine: it is the rule's alert.
    Made,
    /// The event is related to a quarantine but did not make it.
    Beside(Relation),
}

impl PassQuery {
    /// Returns the details of an event, if it belongs to the case.
    #[must_use]
    pub fn story(&self, event: &Event<'_>) -> Option<CaseDetails> {
        let time = event.time_micros();
        let time = time.and_then(|micros| Timestamp::from_microsecond(micros).ok());
        let traces = match &self.sought {
            PassTarget::CaseGraph(known) => {
                let traces = EntityRefs::of(event);
                known.tie(&traces, time)?;
                traces
            }
            PassTarget::From { addresses, case } => {
                let address: IpAddr = event.text("source.ip")?.parse().ok()?;
                addresses.get(&address.to_canonical())?;
                let traces = EntityRefs::of(event);
                // An identity that received a key of the case belongs to the case, even if the log has only its id.
                let is_of_case =
                    case.has_any(&traces.actors, time) || case.has_any(&traces.given, time);
                (!is_of_case).then_some(traces)?
            }
        };
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
            touched: Touched::default(),
        })
    }
}

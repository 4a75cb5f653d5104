//! The rule: what an event must say to be a finding.
//!
//! In goes the ECS view of one event ([`Fields`](crate::event::Fields)), out comes yes or no. The
//! rule is data, `quarantine.toml`, embedded in the program; its query is Elastic's own text, read
//! and judged by the small engine in [`eql`].
//!
//! The same query gives the *needles*: literals of which one must stand in the bytes of every
//! record that can match. They are derived from the query, never written down beside it, so the
//! prefilter cannot disagree with the rule.
//!
//! ```text
//! any where event.action == "AttachUserPolicy" and stringContains(…, "AWSCompromisedKeyQuarantine")
//!        |                                                                  |
//!        v  matches(event)                                                  v  needles()
//!   true or false                                     AnyOf(["AWSCompromisedKeyQuarantine"])
//! ```
//!
//! Deliberately not here: files, threads, clocks, printing, and how an ECS field is computed from
//! a record. The rule's schedule and its alert limit are kept and shown, not applied.

pub mod eql;
mod model;
mod related;

pub use eql::{Needles, ParseError, Query};
pub use model::{Attack, Metadata, Rule, RuleError, Schedule, Severity, Threat};
pub use related::{LEGACY_NEEDLE, LEGACY_POLICY, Relations, USER_ACTIONS};

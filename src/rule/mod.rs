//! The rule: the condition for an event to be a finding.
//!
//! In: the fields of one event ([`Fields`](crate::event::Fields)). Out: match or no match. The rule is data,
//! `quarantine.toml`, embedded in the program; others come from files ([`load`]). The languages [`eql`], [`kql`] and
//! `sigma` have a parser each, and one tree under them, [`Condition`], which is what is evaluated.
//!
//! The same query gives the *needles*: literals, one of which must be in the bytes of every record that can match. They
//! are derived from the query and never written separately, so the prefilter cannot disagree with the rule.
//!
//! ```text
//! any where event.action == "AttachUserPolicy" and stringContains(…, "AWSCompromisedKeyQuarantine")
//!        |                                                                  |
//!        v  matches(event)                                                  v  needles()
//!   true or false                                     AnyOf(["AWSCompromisedKeyQuarantine"])
//! ```
//!
//! [`over_time`] has the rules that several events decide. A hunt has a [`RuleSet`] of both, if only of one rule. A [`RuleTable`] finds the few rules that can match an
//! event by its action, and a [`Shortlist`] those by all its usual fields.
//!
//! Deliberately not here: files, threads, clocks, printing, and the computation of an ECS field from a record. The
//! rule's schedule and its alert limit are kept and shown, but not applied.

mod condition;
mod syntax;
pub mod eql;
pub mod kql;
mod sigma;
pub mod load;
mod model;
mod exceptions;
pub mod over_time;
mod pack_rule;
mod select;
mod set;
mod table;
mod usual;
mod shortlist;

#[cfg(test)]
pub(crate) use condition::testing;
pub use condition::{
    ActionPatterns, Condition, Indicators, IndicatorsError, Needles, Outcome, Step,
};
pub use exceptions::{Exception, Exceptions, ExceptionsError};
pub use model::{Attack, Metadata, QUARANTINE_ID, Rule, RuleError, Schedule, Severity, Threat};
pub use pack_rule::{PackRule, RuleInfo};
pub use select::{Pattern, RuleSelection, SelectionError};
pub use set::{RuleSet, RuleSetError};
pub use shortlist::Shortlist;
pub use syntax::{ParseError, Problem};
pub use table::RuleTable;

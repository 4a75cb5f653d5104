//! Questions that a record leaves open: whether its request names something that occurs in the record, and the outcome.

use std::fmt;

use super::json::Value;

/// The part of its request that a record states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Said {
    /// It has no request under any known name, or an empty one.
    Nothing,
    /// It has all of the request.
    Whole,
    /// It has a part of the request: text that is cut off, or some parameters in separate fields.
    Part,
}

/// The reason why it cannot be decided whether an event is an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// It does not say what the outcome was.
    Outcome,
    /// The name of its action or its dataset is damaged.
    Action,
    /// It has no request under a known name.
    NoRequest,
    /// Its request is not complete.
    PartOfRequest,
    /// The policy is named in a field that no record has.
    Elsewhere(String),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self == Self::Action {
            true => "event names the policy, but ",
            false => "event has the rule's action and names the policy, but ",
        })?;
        match self {
            Self::Action => f.write_str("the name of its action or its dataset is damaged")?,
            Self::Outcome => f.write_str("does not say whether it failed")?,
            Self::NoRequest => f.write_str("has no request by a name that is known")?,
            Self::PartOfRequest => f.write_str("its request is not whole")?,
            Self::Elsewhere(field) => write!(f, "in the unknown field {}", field.escape_debug())?,
        }
        f.write_str(": whether it is an alert cannot be decided")
    }
}

/// Returns true if `holds` applies to a key or string in a value.
pub(crate) fn holds_below(value: Value<'_>, holds: &dyn Fn(&str) -> bool) -> bool {
    value.as_str().is_some_and(holds)
        || value
            .members()
            .any(|(key, child)| holds(key) || holds_below(child, holds))
        || value.elements().any(|child| holds_below(child, holds))
}

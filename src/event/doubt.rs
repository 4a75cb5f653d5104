//! Questions that a record leaves open: whether its request names something that occurs in the record, and the outcome.

use super::Seam;
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
    /// The object around its record names a different call.
    Wrapper,
    /// Two records may have run into each other, as this shows.
    Glued(Seam),
    /// It has no request under a known name.
    NoRequest,
    /// Its request is not complete.
    PartOfRequest,
    /// Its request is cut off, or cannot be read, before anything in it could be what the rule searches for.
    CutRequest,
    /// Where the request is or may be, there is the beginning of what the rule searches for, or the same with other
    /// characters in it.
    BrokenName,
    /// The policy is named in a field that no record has, or in one that has a piece of another record.
    Elsewhere(String),
}

impl Doubt {
    /// Returns the message for an event. `named` states that the event has what the rule searches for in a request,
    /// such as `names the policy`. It is `None` if the rule searches for nothing there.
    #[must_use]
    pub fn message(&self, named: Option<&str>) -> String {
        let known = match (self, named) {
            (Self::Action | Self::Wrapper | Self::Glued(_), Some(named)) => named.to_owned(),
            (Self::Action | Self::Wrapper | Self::Glued(_), None) => {
                "fits the rule otherwise".to_owned()
            }
            (Self::CutRequest | Self::BrokenName, _) => "has the rule's action".to_owned(),
            (_, Some(named)) => format!("has the rule's action and {named}"),
            (_, None) => "fits the rule".to_owned(),
        };
        let open = match self {
            Self::Action => "the name of its action or its dataset is damaged".into(),
            Self::Wrapper => "the object around its record names a different call".into(),
            Self::Glued(seam) => {
                let shown = seam.shown();
                format!("two records seem to have run into each other, since {shown}")
            }
            Self::Outcome => "does not say whether it failed".into(),
            Self::NoRequest => "has no request by a name that is known".into(),
            Self::PartOfRequest => "its request is not whole".into(),
            Self::CutRequest => "its request is cut off or cannot be read".into(),
            Self::BrokenName => {
                "what the rule searches for is in it only in part, or with other characters inside"
                    .into()
            }
            Self::Elsewhere(field) => format!("in the unknown field {}", field.escape_debug()),
        };
        format!("event {known}, but {open}: whether it is an alert cannot be decided")
    }
}

/// What a rule searches for in a request.
#[derive(Clone, Copy)]
pub struct Sought<'s> {
    /// Returns true if a text contains it.
    pub is_named: &'s dyn Fn(&str) -> bool,
    /// Returns true if a text contains the beginning of it, or the same with other characters in it.
    pub is_broken: &'s dyn Fn(&str) -> bool,
    /// Returns true if a text contains the same with other characters in it.
    pub is_altered: &'s dyn Fn(&str) -> bool,
    /// True if it also counts in what AWS wrote beside a request that is missing.
    pub counts_beside: bool,
}

/// Returns true if `holds` applies to a key or string in a value.
pub(crate) fn holds_below(value: Value<'_>, holds: &dyn Fn(&str) -> bool) -> bool {
    value.as_str().is_some_and(holds)
        || value
            .members()
            .any(|(key, child)| holds(key) || holds_below(child, holds))
        || value.elements().any(|child| holds_below(child, holds))
}

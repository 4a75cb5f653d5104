//! Questions that a record leaves open: whether its request names something that occurs in the record, and the outcome.

use super::json::Value;
use super::{Event, Schema, cloudtrail, ecs, exports, object_text, ocsf};

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
    /// It has fields twice, but one action: two records ran into each other.
    Glued,
    /// It has no request under a known name.
    NoRequest,
    /// Its request is not complete.
    PartOfRequest,
    /// Its request is cut off, or cannot be read, before anything in it could be what the rule searches for.
    CutRequest,
    /// Where the request is or may be, there is the beginning of what the rule searches for, or the same with other
    /// characters in it.
    BrokenName,
    /// The policy is named in a field that no record has.
    Elsewhere(String),
}

impl Doubt {
    /// Returns the message for an event. `named` states that the event has what the rule searches for in a request,
    /// such as `names the policy`. It is `None` if the rule searches for nothing there.
    #[must_use]
    pub fn message(&self, named: Option<&str>) -> String {
        let known = match (self, named) {
            (Self::Action | Self::Wrapper | Self::Glued, Some(named)) => named.to_owned(),
            (Self::Action | Self::Wrapper | Self::Glued, None) => {
                "fits the rule otherwise".to_owned()
            }
            (Self::CutRequest | Self::BrokenName, _) => "has the rule's action".to_owned(),
            (_, Some(named)) => format!("has the rule's action and {named}"),
            (_, None) => "fits the rule".to_owned(),
        };
        let open = match self {
            Self::Action => "the name of its action or its dataset is damaged".into(),
            Self::Wrapper => "the object around its record names a different call".into(),
            Self::Glued => {
                "it has fields twice and one action, as where two records run into each other"
                    .into()
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
}

impl<'v> Event<'v> {
    /// Returns true if it has a field of its own twice, but its action once. Where two records ran into each other,
    /// the action of one of them is lost.
    #[must_use]
    pub fn is_glued(&self) -> bool {
        self.schema == Schema::CloudTrail && self.record.has_fields_of_two()
    }

    /// Returns the reason why it cannot be excluded that its request names the policy. The request as read must not
    /// name it.
    ///
    /// If a record has a request of its own, that counts: it does not matter if AWS's other fields name the policy.
    /// If the request is missing or cut off, or if an unknown field names the policy, the answer is open.
    #[must_use]
    pub fn doubt(&self, sought: Sought<'_>) -> Option<Doubt> {
        let Sought {
            is_named,
            is_broken,
        } = sought;
        let said = self.said();
        let named = match said {
            Said::Part => self
                .beside_request(is_named)
                .then_some(Doubt::PartOfRequest),
            Said::Nothing => self.beside_request(is_named).then_some(Doubt::NoRequest),
            Said::Whole => None,
        };
        named
            .or_else(|| self.foreign_that(is_named).map(Doubt::Elsewhere))
            .or_else(|| {
                let is_there = self.request_holds(is_broken)
                    || self.foreign_that(is_broken).is_some()
                    || said != Said::Whole && self.beside_request(is_broken);
                is_there.then_some(Doubt::BrokenName)
            })
            .or_else(|| self.is_cut(said).then_some(Doubt::CutRequest))
    }

    /// Returns true if `holds` applies to what may stand for a request that is missing or not complete.
    fn beside_request(&self, holds: &dyn Fn(&str) -> bool) -> bool {
        let record = &self.record;
        match self.schema {
            Schema::CloudTrail if self.said() == Said::Nothing && exports::is_native(record) => {
                cloudtrail::is_named_beside(record, holds)
            }
            Schema::CloudTrail => cloudtrail::may_stand_for_request(record, holds),
            Schema::Ecs | Schema::Ocsf => holds_below(record.value(), holds),
        }
    }

    /// Returns true if its request, or the record that it carries in place of one, is cut off or cannot be read.
    fn is_cut(&self, said: Said) -> bool {
        match said {
            Said::Whole => false,
            Said::Part => match self.schema {
                Schema::CloudTrail => cloudtrail::has_cut_request(&self.record),
                Schema::Ecs => ecs::has_cut_request(self.record.value()),
                Schema::Ocsf => ocsf::has_cut_request(self.record.value()),
            },
            Said::Nothing => self.foreign_that(&object_text::holds_cut).is_some(),
        }
    }

    /// Returns the name of a field that its schema does not have and that `holds` applies to.
    fn foreign_that(&self, holds: &dyn Fn(&str) -> bool) -> Option<String> {
        let mut found = None;
        let mut visit = |name: &'v str, value| {
            if found.is_none() && (holds(name) || holds_below(value, holds)) {
                found = Some(name.to_owned());
            }
        };
        match self.schema {
            Schema::CloudTrail => exports::foreign(&self.record).for_each(|(n, v)| visit(n, v)),
            Schema::Ecs => ecs::each_foreign(self.record.value(), &mut visit),
            Schema::Ocsf => ocsf::each_foreign(self.record.value(), &mut visit),
        }
        found
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

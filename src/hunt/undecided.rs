//! Events for which it cannot be decided if they are alerts.
//!
//! In: an event that a rule does not match. Out: the reason why it may be an alert all the same, because the event
//! lacks information and everything else fits: its outcome is missing, the name of its call is damaged or is another one
//! in the object around the record, or it contains what the rule searches for, but not in the request that is read. All rules and all forms of input use this one
//! module, because silence here would mean the loss of an alert. A damaged name of a call is seen if the rule searches
//! for text in the request, or names its calls by `==` or `in`; other rules do not see it.

use std::cell::OnceCell;
use std::path::Path;

use super::broken;
use crate::event::names::{self, is_field, is_nothing};
use crate::event::{Doubt, Event, Fields, OwnValue, Scalar, Seam, Sought};
use crate::report::Member;
use crate::rule::Rule;
use crate::scan::Prefilter;

const REQUEST: &str = "aws.cloudtrail.request_parameters";
const OUTCOME: &str = "event.outcome";
const FAILURE: &str = "failure";
/// The fields that name the call. An object around a record may name the call too.
const CALL: [&str; 3] = ["event.action", DATASET, PROVIDER];
const DATASET: &str = "event.dataset";
const PROVIDER: &str = "event.provider";

/// Finds the events that are undecided.
#[derive(Debug)]
pub(super) struct Doubts {
    /// The text that the rule looks for in the request, and the search that finds it. `None` if it looks for nothing
    /// there.
    sought: Option<(Vec<String>, Prefilter)>,
    /// The words of it, in which no JSON differs from another.
    words: Vec<String>,
    /// The statement in messages that an event contains this text.
    named: Option<&'static str>,
    /// For each field of [`CALL`], the values that the rule requires.
    call: [Vec<String>; CALL.len()],
    /// True if a call that failed may be an alert.
    may_have_failed: bool,
    /// True if the rule compares times.
    compares_times: bool,
}

impl Doubts {
    pub(super) fn of(rule: &Rule) -> Self {
        let atoms = rule.query().contains_atoms().into_iter();
        let literals = atoms.filter(|(field, _)| *field == REQUEST);
        let runs = rule.query().runs_in(REQUEST);
        let named = match rule.metadata.is_quarantine() {
            true => "names the policy",
            false => "contains the text that the rule searches for",
        };
        let required = |field| rule.query().values_of(field).unwrap_or_default();
        Self {
            named: runs.is_some().then_some(named),
            words: (runs.iter().flatten())
                .map(|run| (*run).to_owned())
                .collect(),
            sought: runs.map(|runs| {
                let literals = literals.map(|(_, literal)| literal.to_owned());
                (literals.collect(), Prefilter::new(&runs))
            }),
            may_have_failed: rule
                .query()
                .values_of(OUTCOME)
                .is_none_or(|outcomes| outcomes.contains(&FAILURE)),
            call: CALL.map(|field| required(field).into_iter().map(str::to_owned).collect()),
            compares_times: rule.query().compares_times(),
        }
    }

    /// Returns a message if it is open whether `rule` matches an event, since its time is not known.
    pub(super) fn of_time(&self, rule: &Rule, event: &dyn Fields) -> Option<&'static str> {
        let is_open = self.compares_times && rule.query().depends_on_unknown_time(event);
        is_open.then_some("the rule compares a time that the event does not have, or that cannot be read for certain: whether it is an alert cannot be decided")
    }

    /// Returns a message if it is open whether an event that `rule` does not match is an alert.
    pub(super) fn message(&self, rule: &Rule, event: &Event<'_>, calls: &Calls) -> Option<String> {
        let doubt = self.doubt(rule, event, calls)?;
        Some(doubt.message(self.named))
    }

    /// Returns whether a call that failed may be an alert.
    pub(super) fn may_have_failed(&self) -> bool {
        self.may_have_failed
    }

    /// Returns whether an event is an alert of `rule` if the call failed, whatever the event states.
    pub(super) fn matches_failed(&self, rule: &Rule, event: &Event<'_>) -> bool {
        let failed = Supposed {
            event,
            outcome: Some(FAILURE),
            request: &[],
            call: None,
        };
        self.may_have_failed && rule.matches(&failed)
    }

    /// Returns the reason why it is open whether an event that `rule` does not match is an alert.
    fn doubt(&self, rule: &Rule, event: &Event<'_>, calls: &Calls) -> Option<Doubt> {
        let call = self.call(event, calls);
        // Nearly all events end here, because of their action.
        if !call.may_be_required && call.doubt().is_none() {
            return None;
        }
        let lacks_outcome = calls.lacks_outcome(event);
        // Of two records that ran into each other, the other one may have failed.
        let is_open = lacks_outcome || calls.seam.is_some();
        let may_match = |is_open, request, call| {
            let outcomes: &[_] = match is_open {
                true => &[Some("success"), Some(FAILURE)],
                false => &[None],
            };
            let supposed = outcomes.iter().map(|outcome| Supposed {
                event,
                outcome: *outcome,
                request,
                call,
            });
            supposed.into_iter().any(|supposed| rule.matches(&supposed))
        };
        if is_open && may_match(true, &[], None) {
            let seam = calls.seam.filter(|_| !lacks_outcome);
            return Some(seam.map_or(Doubt::Outcome, Doubt::Glued));
        }
        let Some((literals, prefilter)) = &self.sought else {
            let doubt = call.doubt()?;
            return may_match(is_open, &[], Some(&self.call)).then_some(doubt);
        };
        let holds = |text: &str| prefilter.holds_needle(text.as_bytes());
        // The name of the call does not matter: it may have been the call that the rule requires.
        let has_failed = || event.has_failed() && !self.may_have_failed;
        if let Some(doubt) = call.doubt()
            && (call.seam.is_some() || !has_failed())
            && event.holds(&holds)
        {
            return Some(doubt);
        }
        if !call.may_be_required {
            return None;
        }
        if event.has_torn_request(&holds) && has_failed() && may_match(true, literals, None) {
            return Some(Doubt::Glued(Seam::RequestText));
        }
        if !may_match(is_open, literals, None) {
            return None;
        }
        let any_word = |is_it: fn(&str, &str) -> bool, text: &str| {
            let mut words = self.words.iter();
            words.any(|word| is_it(text, word))
        };
        event.doubt(Sought {
            is_named: &holds,
            is_broken: &|text| any_word(broken::may_have_held, text),
            is_altered: &|text| any_word(broken::is_altered, text),
            counts_beside: rule.metadata.is_quarantine(),
        })
    }

    /// Returns what the names of an event's call show.
    fn call(&self, event: &Event<'_>, calls: &Calls) -> Call {
        let mut call = Call {
            is_damaged: calls.is_damaged,
            is_contradicted: false,
            seam: None,
            may_be_required: true,
        };
        for (number, (field, required)) in CALL.iter().zip(&self.call).enumerate() {
            // Nearly all events have another action, and nothing around them.
            if *field == PROVIDER && !call.may_be_required && !calls.is_wrapped {
                continue;
            }
            let is_required = |name: &String| required.contains(name);
            call.may_be_required &=
                required.is_empty() || calls.names(event, number).iter().any(is_required);
            call.is_contradicted |= calls.is_wrapped && event.is_contradicted(field, required);
        }
        // No action is lost of an event that has two.
        let is_lost = |seam: &Seam| call.may_be_required || !event.has_both_actions(*seam);
        call.seam = calls.seam.filter(is_lost);
        call
    }
}

/// The names of an event's call, which are the same for all rules.
#[derive(Debug)]
pub(super) struct Calls {
    /// For each field of [`CALL`], the texts that the event has.
    names: [OnceCell<Vec<String>>; CALL.len()],
    /// True if one contains what no name contains. A damaged provider is not seen.
    is_damaged: bool,
    is_wrapped: bool,
    /// A sign that two records ran into each other.
    seam: Option<Seam>,
    lacks_outcome: OnceCell<bool>,
}

impl Calls {
    /// Returns the names of an event's call.
    pub(super) fn of(event: &Event<'_>) -> Self {
        Self {
            names: Default::default(),
            is_damaged: CALL.iter().any(|field| is_damaged(event, field)),
            is_wrapped: event.is_wrapped(),
            seam: event.seam(),
            lacks_outcome: OnceCell::new(),
        }
    }

    /// Returns the texts that the event has in a field of [`CALL`], by its number.
    fn names(&self, event: &Event<'_>, number: usize) -> &[String] {
        self.names[number].get_or_init(|| texts(event, CALL[number]))
    }

    /// Returns whether any rule may be about the event: whatever a damaged name was, and whatever the object around a
    /// record says, is open.
    pub(super) fn are_open(&self) -> bool {
        self.is_wrapped || self.is_damaged || self.seam.is_some()
    }

    /// Returns whether the outcome of their event is open.
    fn lacks_outcome(&self, event: &Event<'_>) -> bool {
        *self.lacks_outcome.get_or_init(|| event.lacks_outcome())
    }
}

/// Returns the values of a field that are texts.
fn texts(event: &Event<'_>, field: &str) -> Vec<String> {
    let mut texts = Vec::new();
    event.each_value(field, &mut |value| {
        if let Scalar::Text(text) = value {
            texts.push(text.into_owned());
        }
    });
    texts
}

/// What the names of a call show.
struct Call {
    /// True if one contains what no name contains.
    is_damaged: bool,
    /// True if the object around the record gives another name, which the rule requires.
    is_contradicted: bool,
    /// A sign that two records ran into each other: the names may be of the other one.
    seam: Option<Seam>,
    /// False if one is none of those that the rule requires.
    may_be_required: bool,
}

impl Call {
    /// Returns the reason why it may be the call that the rule requires, although it is not called so.
    fn doubt(&self) -> Option<Doubt> {
        if self.is_damaged {
            return Some(Doubt::Action);
        }
        if self.is_contradicted {
            return Some(Doubt::Wrapper);
        }
        self.seam.map(Doubt::Glued)
    }
}

/// An event with the information that it lacks filled in.
struct Supposed<'e> {
    event: &'e Event<'e>,
    /// The outcome, in the place of what the event states.
    outcome: Option<&'e str>,
    request: &'e [String],
    /// For each field of [`CALL`], the values that a damaged name may have had.
    call: Option<&'e [Vec<String>; CALL.len()]>,
}

impl Fields for Supposed<'_> {
    fn each_value(&self, field: &str, visit: &mut dyn FnMut(Scalar<'_>)) {
        match self.outcome {
            Some(outcome) if field == OUTCOME => visit(Scalar::Text(outcome.into())),
            _ => self.event.each_value(field, visit),
        }
        let mut add = |texts: &[String]| {
            let texts = texts.iter();
            texts.for_each(|text| visit(Scalar::Text(text.as_str().into())));
        };
        if field == REQUEST {
            add(self.request);
        }
        let call = CALL.iter().zip(self.call.into_iter().flatten());
        for (_, required) in call.filter(|(name, _)| **name == field) {
            if is_damaged(self.event, field) || self.event.is_contradicted(field, required) {
                add(required);
            }
        }
    }

    fn each_own_value(&self, path: &str, visit: &mut dyn FnMut(OwnValue<'_>)) {
        self.event.each_own_value(path, visit);
    }

    fn each_leaf(&self, visit: &mut dyn FnMut(&str)) {
        self.event.each_leaf(visit);
    }
}

/// Returns whether a name that the event has in a field is damaged. A damaged provider is not seen.
fn is_damaged(event: &Event<'_>, field: &str) -> bool {
    if field == PROVIDER {
        return false;
    }
    let is_cut_dataset = |text: &str| field == DATASET && event.is_near_dataset(text);
    let mut is_damaged = false;
    event.each_value(field, &mut |value| {
        is_damaged |= match &value {
            Scalar::Text(text) => names::is_damaged(text.as_bytes()) || is_cut_dataset(text),
            _ => false,
        };
    });
    is_damaged
}

/// Returns the error of its events that the folders of a source state. Hive names the folders of a partitioned table
/// after the columns: `errorcode=AccessDenied`.
pub(super) fn error_in_folders(path: &Path, member: Option<&Member>) -> Option<String> {
    let has_sign = |text: &[u8]| text.contains(&b'=');
    let of_member = member.is_some_and(|member| has_sign(member.path.as_bytes()));
    if !of_member && !has_sign(path.as_os_str().as_encoded_bytes()) {
        return None;
    }
    let path = path.to_string_lossy();
    let member = member.map_or("", |member| &member.path);
    let mut folders = path.split('/').chain(member.split(['/', '!']));
    folders.find_map(|folder| {
        let (name, value) = folder.split_once('=')?;
        let is_error = ["errorCode", "errorMessage"]
            .iter()
            .any(|field| is_field(name, field));
        let is_none = is_nothing(value) || value == "__HIVE_DEFAULT_PARTITION__";
        (is_error && !is_none).then(|| folder.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_may_say_that_its_events_failed() {
        for (path, expected) in [
            ("a/errorcode=AccessDenied/p", Some("errorcode=AccessDenied")),
            (
                "a/error_code=AccessDenied/p",
                Some("error_code=AccessDenied"),
            ),
            ("a/errorcode=__HIVE_DEFAULT_PARTITION__/p", None),
            ("a/errorCode=/p", None),
            ("a/region=us-east-1/errorcode", None),
        ] {
            assert_eq!(
                error_in_folders(Path::new(path), None).as_deref(),
                expected,
                "{path}"
            );
        }
    }
}

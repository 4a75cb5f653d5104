//! The text about a user on a page: three sentences, the state of the quarantine, and the steps of the response.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::event_text::{doubt_words, text, who};
use super::own::{Own, When};
use super::shown;
use crate::case::state::{Attributed, Party, Standing};
use crate::case::touched::attacks_logging;
use crate::case::{CaseEvent, Finding};
use crate::follow::{CaseGraph, Entity, Kind, Quarantine};
use crate::output::Column;
use crate::report::Relation;

pub(super) fn plural(n: u64, one: &str) -> String {
    match (n, one) {
        (1, one) => format!("1 {one}"),
        (n, "address") => format!("{n} addresses"),
        (n, "search") => format!("{n} searches"),
        (n, one) => format!("{n} {one}s"),
    }
}

/// Returns a summary of the case in three sentences.
pub(super) fn sentences(own: &Own<'_>, user: &Entity, known: &CaseGraph) -> Vec<String> {
    let name = shown(&user.name);
    let mut sentences = Vec::new();
    if let Some(event) = own.quarantine() {
        sentences.push(format!(
            "{}, {} attached {} to {name}{}.",
            at_start(own, event),
            who(event),
            text(event, Column::PolicyName),
            from(event),
        ));
    }
    let when = match own.quarantined {
        Some(_) => {
            let [before, after, unknown] =
                [When::Before, When::FromThenOn, When::Unknown].map(|when| calls(own, Some(when)));
            let unknown =
                unknown.map(|calls| format!(", and {calls} at times that cannot be read"));
            let and = if unknown.is_some() { "," } else { ", and" };
            format!(
                "{} before that{and} {} from then on{}",
                before.unwrap_or_else(no_call),
                after.unwrap_or_else(no_call),
                unknown.unwrap_or_default()
            )
        }
        None => calls(own, None).unwrap_or_else(no_call),
    };
    sentences.push(format!(
        "With {name}'s keys, and with the sessions, keys and users that came from them, this archive has {when}."
    ));
    let log_end = own.state.log_ends.map(|end| format!(" ({})", day(end)));
    let log_end = log_end.unwrap_or_default();
    let of_quarantine = match own.state.standing {
        Standing::NeverSeen => String::new(),
        Standing::Lifted(event) => format!(
            "; the quarantine was lifted by {}{} {}{}",
            who(event),
            own.doubt_about(event),
            on(own, event),
            used_since(own),
        ),
        Standing::Quarantined => format!(
            "; this archive has no event that lifted the quarantine by the end of the log{log_end}"
        ),
        Standing::Unclear(doubt) => format!(
            "; it is not known whether the quarantine was lifted: {}",
            doubt_words(doubt, own.clock)
        ),
    };
    sentences.push(format!("{}{of_quarantine}.", led_to(own, known)));
    sentences
}

/// Returns the time of an event in words after a verb.
fn on(own: &Own<'_>, event: &CaseEvent) -> String {
    match event.alert.time() {
        None => own.clock.time(None),
        time => format!("on {}", own.clock.time(time)),
    }
}

/// Returns the time of an event in words at the start of a sentence.
fn at_start(own: &Own<'_>, event: &CaseEvent) -> String {
    match event.alert.time() {
        None => "At a time that cannot be read".to_owned(),
        time => format!("On {}", own.clock.time(time)),
    }
}

/// Returns how much the leaked keys were used after the quarantine was lifted.
fn used_since(own: &Own<'_>) -> String {
    let used = own.state.used_since_lifted().map(|key| {
        let last = key
            .since_lifted
            .last
            .map(|last| format!(", last {}", own.clock.time(Some(last))));
        format!(
            "; {} was used after that: {}{}",
            shown(&key.key.name),
            plural(key.since_lifted.n_events, "call"),
            last.unwrap_or_default(),
        )
    });
    used.collect()
}

fn no_call() -> String {
    "no call".to_owned()
}

/// Returns the number of calls at a time, or of all calls, with the number of refused calls and their sources. Nothing
/// if there are none.
fn calls(own: &Own<'_>, when: Option<When>) -> Option<String> {
    let events = own
        .done()
        .filter(|event| when.is_none_or(|when| own.when(event) == when));
    let (mut n, mut n_refused, mut from) = (0_u64, 0, BTreeSet::new());
    for event in events {
        n += 1;
        n_refused += usize::from(event.story.error_code.is_some());
        from.extend(event.alert.text(Column::SourceIp));
    }
    let from = plural(from.len() as u64, "address");
    (n > 0).then(|| {
        format!(
            "{}, {n_refused} of them refused, from {from}",
            plural(n, "call")
        )
    })
}

/// Returns what was created and opened, and in how many accounts.
fn led_to(own: &Own<'_>, known: &CaseGraph) -> String {
    let kinds = [
        (Kind::Session, "session"),
        (Kind::User, "new user"),
        (Kind::Role, "new role"),
        (Kind::Instance, "instance"),
    ];
    let mut made = Vec::new();
    for (kind, name) in kinds {
        let all = known.entities();
        let n = all
            .filter(|(entity, reach)| entity.kind == kind && reach.hops > 0)
            .count();
        if n > 0 {
            made.push(plural(n as u64, name));
        }
    }
    let accounts: BTreeSet<&str> = own
        .done()
        .filter_map(|event| event.alert.text(Column::AccountId))
        .collect();
    let last = made.pop();
    match (made.join(", "), last) {
        (_, None) => "No session, user, role or instance came from that".to_owned(),
        (others, Some(last)) => {
            let and = if others.is_empty() { "" } else { " and " };
            let accounts = plural(accounts.len() as u64, "account");
            format!("From that came {others}{and}{last}, in {accounts}")
        }
    }
}

/// Returns the address that an event came from, if it is an IP address.
fn from(event: &CaseEvent) -> String {
    match text(event, Column::SourceIp) {
        ip if ip.is_empty() => String::new(),
        ip => format!(", from {ip}"),
    }
}

/// Returns each quarantine, and what lifted it or prevented it.
pub(super) fn state(own: &Own<'_>) -> Vec<(String, String)> {
    let mut state = Vec::new();
    for event in &own.state.to_user {
        let refused = event.story.error_code.as_deref();
        let what = match (event.story.quarantine, refused) {
            (Some(Quarantine::Made), _) => "Quarantined",
            (Some(Quarantine::Beside(Relation::LegacyQuarantine)), None) => {
                "Quarantined, as before 2020"
            }
            (Some(Quarantine::Beside(Relation::FailedAttach)), _) => "A quarantine failed",
            (Some(Quarantine::Beside(Relation::Detach)), None) => "Lifted",
            (Some(Quarantine::Beside(Relation::Detach)), Some(_)) => "Not lifted",
            _ => continue,
        };
        let refused = refused.map(|code| format!(": {}", shown(code)));
        let how = format!(
            "{}, {}, by {}{}",
            text(event, Column::PolicyName),
            own.clock.time(event.alert.time()),
            who(event),
            from(event),
        );
        state.push((format!("{what}{}", refused.unwrap_or_default()), how));
    }
    state
}

/// Returns the number of events that have no time, in words; an empty text if there are none.
pub(super) fn undated(own: &Own<'_>) -> String {
    let undated = own.all().filter(|event| event.alert.time().is_none());
    match undated.count() {
        0 => String::new(),
        1 => "1 event has no time that can be read. It is not in this list.".to_owned(),
        n => format!("{n} events have no time that can be read. They are not in this list."),
    }
}

/// Returns the time range that was searched.
pub(super) fn looked(own: &Own<'_>) -> String {
    match (own.since.map(day), own.until.map(day)) {
        (None, None) => "Events of all times were searched.".to_owned(),
        (Some(since), None) => format!("Events from {since} on were searched."),
        (None, Some(until)) => format!("Events up to {until} were searched."),
        (Some(since), Some(until)) => format!("Events from {since} to {until} were searched."),
    }
}

pub(super) fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

/// A step of the rule's guide.
struct Step {
    what: &'static str,
    /// The calls; none for those against logs and detectors, which have a table of their own.
    calls: &'static [&'static str],
    /// True if a call counts as this step only if it acts on the user itself.
    is_to_user: bool,
    /// True if a responder is to do this; else it is something to look for.
    is_response: bool,
}

/// A step, with what the archive contains for it.
#[derive(Debug)]
pub(super) struct StepFacts {
    pub(super) what: &'static str,
    pub(super) evidence: String,
    pub(super) is_response: bool,
    /// True if it is a step of the response, and the log does not have it.
    pub(super) is_missing: bool,
}

const STEPS: [Step; 8] = [
    Step {
        what: "Keys were disabled or deleted",
        calls: &["UpdateAccessKey", "DeleteAccessKey"],
        is_to_user: true,
        is_response: true,
    },
    Step {
        what: "New keys were made",
        calls: &["CreateAccessKey"],
        is_to_user: true,
        is_response: true,
    },
    Step {
        what: "The console password was changed or taken away",
        calls: &["UpdateLoginProfile", "DeleteLoginProfile", "ChangePassword"],
        is_to_user: true,
        is_response: true,
    },
    Step {
        what: "Other policies of the user were changed",
        calls: &[
            "AttachUserPolicy",
            "DetachUserPolicy",
            "PutUserPolicy",
            "DeleteUserPolicy",
            "AddUserToGroup",
            "RemoveUserFromGroup",
        ],
        is_to_user: true,
        is_response: false,
    },
    Step {
        what: "Users, roles or passwords were made",
        calls: &["CreateUser", "CreateRole", "CreateLoginProfile"],
        is_to_user: false,
        is_response: false,
    },
    Step {
        what: "Instances were started",
        calls: &["RunInstances", "StartInstances"],
        is_to_user: false,
        is_response: false,
    },
    Step {
        what: "Logs or detectors were switched off or changed",
        calls: &[],
        is_to_user: false,
        is_response: false,
    },
    Step {
        what: "A support case was opened or answered",
        calls: &["CreateCase", "AddCommunicationToCase"],
        is_to_user: false,
        is_response: true,
    },
];

/// Returns the steps of the rule's guide, with what the archive contains for each.
pub(super) fn steps(own: &Own<'_>) -> Vec<StepFacts> {
    let is_false_alarm = own.state.leak.finding == Finding::NotByAws;
    let steps = STEPS.iter().map(|step| {
        let is_one = |one: &&Attributed<'_>| {
            let event = one.event;
            let call = event.alert.text(Column::EventAction).unwrap_or_default();
            let story = &event.story;
            // Activating a key again does not disable it, and the quarantine itself is not a response.
            let is_back =
                call == "UpdateAccessKey" && story.key_status.as_deref() == Some("Active");
            let is_own_password = call == "ChangePassword" && own.is_by_user(event);
            let is_own = !step.is_to_user || own.is_about_user(event) || is_own_password;
            // What came before the quarantine, or from the intruder, is no response.
            let is_answer = own.when(event) != When::Before && one.by.party != Party::Intruder;
            let is_call = match step.calls {
                [] => attacks_logging(event).is_some(),
                calls => calls.contains(&call),
            };
            is_call
                && is_own
                && !is_back
                && story.quarantine.is_none()
                && (is_answer || !step.is_response)
        };
        let (done, refused): (Vec<_>, Vec<_>) = own
            .attributed()
            .filter(is_one)
            .map(|one| one.event)
            .partition(|event| event.story.error_code.is_none());
        let refused = match refused.len() {
            0 => String::new(),
            n => format!("{} refused", plural(n as u64, "attempt")),
        };
        let evidence = match (done.last(), refused.as_str()) {
            (None, "") => "not seen in this archive".to_owned(),
            (None, refused) => refused.to_owned(),
            (Some(last), refused) => {
                let beside = if refused.is_empty() { "" } else { "; " };
                format!(
                    "{}, the last {} {} by {}{beside}{refused}",
                    plural(done.len() as u64, "event"),
                    text(last, Column::EventAction),
                    on(own, last),
                    who(last)
                )
            }
        };
        StepFacts {
            what: step.what,
            is_missing: step.is_response && done.is_empty() && !is_false_alarm,
            is_response: step.is_response,
            evidence,
        }
    });
    steps.collect()
}

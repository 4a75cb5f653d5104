//! The text about a user on a page: a few sentences, and the state of the quarantine.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::event_text::{doubt_words, text, who};
use super::own::{Own, When};
use super::shown;
use crate::case::CaseEvent;
use crate::case::state::Standing;
use crate::follow::{Entity, Kind, Quarantine};
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

/// Returns a summary of the case in a few sentences.
pub(super) fn sentences(own: &Own<'_>, user: &Entity) -> Vec<String> {
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
    sentences.push(amount(own, &name));
    sentences.push(led_to(own));
    let log_end = own.state.log_ends.map(|end| format!(" ({})", day(end)));
    let log_end = log_end.unwrap_or_default();
    match own.state.standing {
        Standing::NeverSeen => {}
        Standing::Lifted(event) => sentences.push(format!(
            "The quarantine was lifted by {}{} {}{}.",
            who(event),
            own.doubt_about(event),
            on(own, event),
            used_since(own),
        )),
        Standing::Quarantined => sentences.push(format!(
            "This archive has no event that lifted the quarantine by the end of the log{log_end}."
        )),
        Standing::Unclear(doubt) => sentences.push(format!(
            "It is not known whether the quarantine was lifted: {}.",
            doubt_words(doubt, own.clock)
        )),
    }
    sentences
}

/// Returns how many calls there were before the quarantine and after it, in a sentence.
fn amount(own: &Own<'_>, name: &str) -> String {
    let whose =
        format!("with {name}'s keys, and with the sessions, keys and users that came from them");
    let Some(_) = own.quarantined else {
        let calls = calls(own, None).unwrap_or_else(no_call);
        return format!("This archive has {calls}, {whose}.");
    };
    let [before, after, unknown] =
        [When::Before, When::FromThenOn, When::Unknown].map(|when| calls(own, Some(when)));
    let unknown = unknown.map(|calls| format!("; and at times that cannot be read, {calls}"));
    let later = &own.later_use;
    let later = match (later.n_events, later.last) {
        (n @ 1.., Some(last)) => format!(
            " up to the end of the time range of the case, and {} of {name} later, the last {}",
            plural(n, "call"),
            own.clock.time(Some(last))
        ),
        _ => String::new(),
    };
    format!(
        "Before that, this archive has {} {whose}; after it, {}{later}{}.",
        before.unwrap_or_else(no_call),
        after.unwrap_or_else(no_call),
        unknown.unwrap_or_default()
    )
}

/// Returns the time of an event in words after a verb.
pub(super) fn on(own: &Own<'_>, event: &CaseEvent) -> String {
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
    let (mut n, mut n_refused, mut from) = (0_u64, 0_u64, BTreeSet::new());
    for event in events {
        n += 1;
        n_refused += u64::from(event.story.error_code.is_some());
        from.extend(event.alert.text(Column::SourceIp));
    }
    let refused = match (n_refused, n) {
        (0, _) => "none refused".to_owned(),
        (n_refused, n) if n_refused == n => "all refused".to_owned(),
        (n_refused, _) => format!("{n_refused} refused"),
    };
    let from = plural(from.len() as u64, "address");
    (n > 0).then(|| format!("{} ({refused}, from {from})", plural(n, "call")))
}

/// Returns what was created and opened, and in how many accounts.
fn led_to(own: &Own<'_>) -> String {
    let kinds = [
        (Kind::Session, "session"),
        (Kind::User, "new user"),
        (Kind::Role, "new role"),
        (Kind::Instance, "instance"),
    ];
    let mut results: BTreeSet<&Entity> = BTreeSet::new();
    let mut accounts = BTreeSet::new();
    for event in own.done() {
        accounts.extend(event.alert.text(Column::AccountId));
        if event.story.error_code.is_none() {
            let traces = &event.story.traces;
            let sessions = traces.given.iter().filter(|one| one.kind == Kind::Session);
            results.extend(traces.made.iter().chain(sessions));
        }
    }
    let mut made = Vec::new();
    for (kind, name) in kinds {
        match results.iter().filter(|one| one.kind == kind).count() {
            0 => {}
            n => made.push(plural(n as u64, name)),
        }
    }
    let last = made.pop();
    match (made.join(", "), last) {
        (_, None) => "No session, user, role or instance came from these calls.".to_owned(),
        (others, Some(last)) => {
            let and = if others.is_empty() { "" } else { " and " };
            let accounts = plural(accounts.len() as u64, "account");
            format!("From these calls came {others}{and}{last}, in {accounts}.")
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
            (Some(Quarantine::Beside(Relation::FailedAttach)), _) => {
                "An attempt to quarantine failed"
            }
            (Some(Quarantine::Beside(Relation::Detach)), None) => "Lifted",
            (Some(Quarantine::Beside(Relation::Detach)), Some(_)) => {
                "An attempt to lift it was refused"
            }
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

/// Returns whose the calls with the user's keys are, if nothing separates an intruder's from the user's; else an empty
/// text.
pub(super) fn whose_calls(own: &Own<'_>) -> &'static str {
    match (own.has_nothing_foreign(), own.is_false_alarm()) {
        (false, _) => "",
        (true, true) => {
            "AWS did not attach the policy, and no use of a key looks foreign: the calls with the user's keys are probably the user's own."
        }
        (true, false) => {
            "No foreign use was recognised, so nothing separates the user's calls from an intruder's."
        }
    }
}

/// Returns the time range that was searched.
pub(super) fn looked(own: &Own<'_>) -> String {
    let times = match (own.since.map(day), own.until.map(day)) {
        (None, None) => return "Events of all times were searched.".to_owned(),
        (Some(since), None) => format!("Events from {since} on"),
        (None, Some(until)) => format!("Events up to {until}"),
        (Some(since), Some(until)) => format!("Events from {since} to {until}"),
    };
    match own.is_begun_with_key {
        true => {
            format!("{times} were searched, and the calls of the key that you named at all times.")
        }
        false => format!("{times} were searched."),
    }
}

pub(super) fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

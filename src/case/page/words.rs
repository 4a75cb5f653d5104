//! What a page says of a user in words: three sentences, how the quarantine stands, and the steps of the response.

use std::collections::BTreeSet;

use super::facts::{text, time, who};
use super::own::{Own, Standing};
use super::shown;
use crate::case::CaseEvent;
use crate::follow::{Entity, Kind, Known, Quarantine};
use crate::report::Relation;

pub(super) fn plural(n: usize, one: &str) -> String {
    match (n, one) {
        (1, one) => format!("1 {one}"),
        (n, "address") => format!("{n} addresses"),
        (n, one) => format!("{n} {one}s"),
    }
}

/// What happened, in three sentences.
pub(super) fn sentences(own: &Own<'_>, user: &Entity, known: &Known) -> Vec<String> {
    let name = shown(&user.name);
    let mut sentences = Vec::new();
    if let Some(event) = own.quarantine() {
        sentences.push(format!(
            "On {} {} attached {} to {name}{}.",
            time(event.alert.time()),
            who(event),
            text(event, "policy_name"),
            from(event),
        ));
    }
    let when = match own.quarantined {
        Some(_) => format!(
            "{} before that, and {} from then on",
            calls(own, true),
            calls(own, false)
        ),
        None => calls(own, false),
    };
    sentences.push(format!(
        "With {name}'s keys and what these led to, this archive has {when}."
    ));
    let of_quarantine = match own.standing() {
        Standing::NeverSeen => String::new(),
        Standing::Lifted(event) => format!(
            "; the quarantine was lifted by {} on {}",
            who(event),
            time(event.alert.time())
        ),
        Standing::Quarantined => {
            "; the quarantine was not lifted, as far as this archive tells".to_owned()
        }
        Standing::Unclear => "; the quarantine was lifted at a time that cannot be read".to_owned(),
    };
    sentences.push(format!("{}{of_quarantine}.", led_to(own, known)));
    sentences
}

/// How many calls there were before the quarantine, or after it, how many were refused, and from where.
fn calls(own: &Own<'_>, is_before: bool) -> String {
    let events = own.done().filter(|event| own.is_before(event) == is_before);
    let (mut n, mut n_refused, mut from) = (0, 0, BTreeSet::new());
    for event in events {
        n += 1;
        n_refused += usize::from(event.story().error_code.is_some());
        from.extend(event.alert.text("source_ip"));
    }
    let from = plural(from.len(), "address");
    match n {
        0 => "no call".to_owned(),
        n => format!(
            "{}, {n_refused} of them refused, from {from}",
            plural(n, "call")
        ),
    }
}

/// What was made and opened, in how many accounts.
fn led_to(own: &Own<'_>, known: &Known) -> String {
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
            made.push(plural(n, name));
        }
    }
    let accounts: BTreeSet<&str> = own
        .done()
        .filter_map(|event| event.alert.text("account_id"))
        .collect();
    let last = made.pop();
    match (made.join(", "), last) {
        (_, None) => "That led to nothing else that was seen".to_owned(),
        (others, Some(last)) => {
            let and = if others.is_empty() { "" } else { " and " };
            let accounts = plural(accounts.len(), "account");
            format!("That led to {others}{and}{last}, in {accounts}")
        }
    }
}

/// From which address it came, where that is one.
fn from(event: &CaseEvent) -> String {
    match text(event, "source_ip") {
        ip if ip.is_empty() => String::new(),
        ip => format!(", from {ip}"),
    }
}

/// Each quarantine, and what lifted it or kept it from being made.
pub(super) fn state(own: &Own<'_>) -> Vec<(String, String)> {
    let mut state = Vec::new();
    for event in own.all() {
        let refused = event.story().error_code.as_deref();
        let what = match (event.story().quarantine, refused) {
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
            text(event, "policy_name"),
            time(event.alert.time()),
            who(event),
            from(event),
        );
        state.push((format!("{what}{}", refused.unwrap_or_default()), how));
    }
    state
}

/// The steps of the rule's guide, and what the archive has of each.
pub(super) fn steps(own: &Own<'_>) -> Vec<(String, String)> {
    let found = |actions: &[&str]| {
        let is_one = |event: &&CaseEvent| {
            event
                .alert
                .text("event_action")
                .is_some_and(|action| actions.contains(&action))
        };
        let events: Vec<&CaseEvent> = own.all().filter(is_one).collect();
        match events.last() {
            Some(last) => format!(
                "{}, the last {} on {} by {}",
                plural(events.len(), "event"),
                text(last, "event_action"),
                time(last.alert.time()),
                who(last)
            ),
            None => "not seen in this archive".to_owned(),
        }
    };
    let step = |what: &str, actions: &[&str]| (what.to_owned(), found(actions));
    vec![
        step(
            "Keys were disabled or deleted",
            &["UpdateAccessKey", "DeleteAccessKey"],
        ),
        step("New keys were made", &["CreateAccessKey"]),
        step(
            "The console password was changed or taken away",
            &["UpdateLoginProfile", "DeleteLoginProfile", "ChangePassword"],
        ),
        step(
            "Policies of the user were changed",
            &[
                "AttachUserPolicy",
                "DetachUserPolicy",
                "PutUserPolicy",
                "DeleteUserPolicy",
                "AddUserToGroup",
                "RemoveUserFromGroup",
            ],
        ),
        step(
            "Users or roles were made",
            &["CreateUser", "CreateRole", "CreateLoginProfile"],
        ),
        step(
            "Instances were started",
            &["RunInstances", "StartInstances"],
        ),
        step(
            "Logs or detectors were switched off",
            &[
                "StopLogging",
                "DeleteTrail",
                "UpdateTrail",
                "PutEventSelectors",
                "DeleteDetector",
                "UpdateDetector",
            ],
        ),
        step(
            "A support case was opened or answered",
            &["CreateCase", "AddCommunicationToCase", "DescribeCases"],
        ),
    ]
}

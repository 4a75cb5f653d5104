//! The steps of the rule's guide: what of the response the archive has, and what else to look for.

use super::event_text::{call, who};
use super::own::{Own, When};
use super::words::{on, plural};
use crate::case::logging::attacks_logging;
use crate::case::state::{Attributed, Party};
use crate::output::Column;

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
    pub(super) found: Found,
}

/// What an archive has of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// An event of it.
    Seen,
    /// An event, but the intruder may have called: it is not known to be a response.
    NotKnown,
    /// No event of a step that a response should have.
    Missing,
    /// No event, and none is to be expected.
    NotSeen,
}

impl Found {
    /// Returns words to be put before the evidence; an empty text if there is nothing to add.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::NotKnown => "not known to be a response",
            Self::Missing => "missing",
            Self::Seen | Self::NotSeen => "",
        }
    }

    /// Returns its class on a page.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Seen => "ok",
            Self::NotKnown => "doubt",
            Self::Missing => "missing",
            Self::NotSeen => "",
        }
    }
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
        what: "The console password was changed or removed",
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
    let is_false_alarm = own.is_false_alarm();
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
        let (done, refused): (Vec<&Attributed<'_>>, Vec<_>) = own
            .attributed()
            .filter(is_one)
            .partition(|one| one.event.story.error_code.is_none());
        let (unknown, known): (Vec<_>, Vec<_>) = done
            .into_iter()
            .partition(|one| step.is_response && one.by.party == Party::Unknown);
        let mut evidence = Vec::new();
        evidence.extend(amount(own, &known, ""));
        evidence.extend(amount(own, &unknown, " by an unknown party"));
        if !refused.is_empty() {
            let n = plural(refused.len() as u64, "attempt");
            evidence.push(format!("{n} refused"));
        }
        if evidence.is_empty() {
            evidence.push("not seen in this archive".to_owned());
        }
        let found = match (known.is_empty(), unknown.is_empty()) {
            (false, _) => Found::Seen,
            (true, false) => Found::NotKnown,
            (true, true) if step.is_response && !is_false_alarm => Found::Missing,
            (true, true) => Found::NotSeen,
        };
        StepFacts {
            what: step.what,
            found,
            is_response: step.is_response,
            evidence: evidence.join("; "),
        }
    });
    steps.collect()
}

/// Returns how many events there are, and the last of them; nothing if there is none.
fn amount(own: &Own<'_>, events: &[&Attributed<'_>], by: &str) -> Option<String> {
    let last = events.last()?.event;
    Some(format!(
        "{}{by}, the last {} {} by {}",
        plural(events.len() as u64, "event"),
        call(last),
        on(own, last),
        who(last)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::markdown;
    use crate::case::testing::{Call, OFFICE, STRANGER, case, key, quarantine, user};

    const LEAKED: &str = "AKIALEAKED";

    /// Returns the line about the keys that were disabled, after such a call.
    fn line(by: Call, from: &str) -> String {
        let call = |at: &str, name: &str| Call::new(at, name).by("alice", LEAKED);
        let calls = [
            call("05-01 10:00", "ListBuckets").from(OFFICE, "cli"),
            call("05-08 21:40", "ListUsers").from(STRANGER, "kali"),
            quarantine("alice"),
            by.from(from, "cli").on(user("alice")).on(key("AKIAOTHER")),
        ];
        let text = markdown(&case(&user("alice"), &calls), None).unwrap();
        let mut lines = text.lines();
        let line = lines.find(|line| line.starts_with("- Keys were disabled or deleted: "));
        line.unwrap().to_owned()
    }

    #[test]
    fn a_call_that_may_be_the_intruders_is_not_known_to_be_a_response() {
        let start = "- Keys were disabled or deleted: ";
        let off = Call::new("05-10 13:00", "DeleteAccessKey");
        let by_alice = off.clone().by("alice", LEAKED);
        let unknown = line(by_alice.clone(), "192.0.2.1");
        let expected = "**not known to be a response**: 1 event by an unknown party, the last DeleteAccessKey on 2024-05-10 13:00:00Z";
        assert!(
            unknown.starts_with(&format!("{start}{expected}")),
            "{unknown}"
        );
        let intruder = line(by_alice, STRANGER);
        assert_eq!(
            intruder,
            format!("{start}**missing**: not seen in this archive")
        );
        let response = line(off.by("ops", "AKIAOPS"), OFFICE);
        let expected = format!("{start}1 event, the last DeleteAccessKey on 2024-05-10 13:00:00Z");
        assert!(response.starts_with(&expected), "{response}");
    }
}

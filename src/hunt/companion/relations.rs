//! The relations of events to a quarantine, if they are not alerts: every other event that names the policy.
//!
//! An analyst must see who lifted a quarantine, and that a quarantine failed: AWS attaches its policy as the user whose
//! key leaked, so an explicit deny can prevent it.

use memchr::memmem::Finder;

use crate::event::{Fields, Scalar};
use crate::report::Relation;
use crate::rule::Rule;

/// The name of the inline policy that AWS used until about 2020, before it had a managed policy to attach.
pub(super) const LEGACY_POLICY: &str = "AWSExposedCredentialPolicy_DO_NOT_REMOVE";

/// The part of [`LEGACY_POLICY`] that the prefilter searches for: the run of letters that no JSON encoding breaks.
pub(super) const LEGACY_NEEDLE: &str = "AWSExposedCredentialPolicy";

/// Determines how events relate to a quarantine.
#[derive(Debug)]
pub(crate) struct Relations {
    /// Finders for the literals that the rule's query searches for.
    own: Vec<Finder<'static>>,
    legacy: Finder<'static>,
}

impl Relations {
    /// Creates the relations for quarantines that `rule` finds.
    #[must_use]
    pub(crate) fn new(rule: &Rule) -> Self {
        let own = rule.query().contains_atoms().into_iter();
        Self {
            own: own
                .map(|(_, literal)| Finder::new(literal.as_bytes()).into_owned())
                .collect(),
            legacy: Finder::new(LEGACY_POLICY),
        }
    }

    /// Returns how an event that is not a finding relates to a quarantine; nothing if it does not name the policy. If
    /// its request does not name it, `is_mentioned` is called to check the rest.
    #[must_use]
    pub(crate) fn of(
        &self,
        event: &dyn Fields,
        is_mentioned: &dyn Fn() -> bool,
    ) -> Option<Relation> {
        let (mut is_named, mut is_legacy) = (false, false);
        event.each_text_of_request(&mut |text| {
            let holds = |finder: &Finder<'_>| {
                // Most texts are shorter.
                text.len() >= finder.needle().len() && finder.find(text.as_bytes()).is_some()
            };
            is_named = is_named || self.own.iter().any(holds);
            is_legacy = is_legacy || !is_named && holds(&self.legacy);
        });
        if !is_named && !is_legacy && !is_mentioned() {
            return None;
        }
        let mut found = Relation::Mention;
        event.each_value("event.action", &mut |value| {
            if let Scalar::Text(action) = value {
                // If a record names several actions, the first relation in their order is used.
                found = found.min(by_action(&action, is_named, is_legacy));
            }
        });
        Some(match found {
            Relation::LegacyQuarantine if has(event, "event.outcome", "failure") => {
                Relation::FailedAttach
            }
            // An event without a recorded failure did not fail, whatever else keeps it from being an alert.
            Relation::FailedAttach if !has(event, "event.outcome", "failure") => Relation::Mention,
            Relation::Mention if has(event, "aws.cloudtrail.read_only", "true") => Relation::Read,
            found => found,
        })
    }
}

/// The actions that quarantine a user or lift a quarantine.
pub(super) const USER_ACTIONS: [&str; 4] = [
    "AttachUserPolicy",
    "PutUserPolicy",
    "DetachUserPolicy",
    "DeleteUserPolicy",
];

fn by_action(action: &str, is_named: bool, is_legacy: bool) -> Relation {
    match action {
        "AttachUserPolicy" if is_named => Relation::FailedAttach,
        "PutUserPolicy" if is_legacy => Relation::LegacyQuarantine,
        "DetachUserPolicy" if is_named => Relation::Detach,
        "DeleteUserPolicy" if is_legacy => Relation::Detach,
        "AttachRolePolicy" | "AttachGroupPolicy" | "PutUserPolicy" | "PutRolePolicy"
        | "PutGroupPolicy"
            if is_named || is_legacy =>
        {
            Relation::OtherAttach
        }
        _ if READS.iter().any(|verb| action.starts_with(verb)) => Relation::Read,
        _ => Relation::Mention,
    }
}

/// Returns whether a value of the field equals `wanted`.
fn has(event: &dyn Fields, field: &str, wanted: &str) -> bool {
    let mut has = false;
    event.each_value(field, &mut |value| {
        has |= match value {
            Scalar::Text(text) => text == wanted,
            Scalar::Boolean(true) => wanted == "true",
            Scalar::Boolean(false) | Scalar::Integer(_) | Scalar::Float(_) => false,
        };
    });
    has
}

/// The beginnings of names of calls that change nothing.
const READS: [&str; 6] = ["Get", "List", "Describe", "Simulate", "Lookup", "BatchGet"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::testing::Event;

    #[test]
    fn each_event_has_its_relation() {
        let named = "{policyArn=arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2}";
        let relations = Relations::new(&Rule::quarantine());
        let legacy = "{policyName=AWSExposedCredentialPolicy_DO_NOT_REMOVE, userName=alice}";
        for (action, outcome, request, expected) in [
            ("AttachUserPolicy", "failure", named, Relation::FailedAttach),
            ("AttachUserPolicy", "", named, Relation::Mention),
            ("DetachUserPolicy", "success", named, Relation::Detach),
            ("DetachUserPolicy", "failure", named, Relation::Detach),
            ("AttachRolePolicy", "success", named, Relation::OtherAttach),
            ("PutGroupPolicy", "success", named, Relation::OtherAttach),
            (
                "PutUserPolicy",
                "success",
                legacy,
                Relation::LegacyQuarantine,
            ),
            ("PutUserPolicy", "failure", legacy, Relation::FailedAttach),
            ("DeleteUserPolicy", "success", legacy, Relation::Detach),
            ("PutRolePolicy", "success", legacy, Relation::OtherAttach),
            ("GetPolicy", "success", named, Relation::Read),
            (
                "ListAttachedUserPolicies",
                "success",
                "{userName=a}",
                Relation::Read,
            ),
            ("CreatePolicy", "success", named, Relation::Mention),
            (
                "DetachUserPolicy",
                "success",
                "{userName=a}",
                Relation::Mention,
            ),
        ] {
            let event = Event::new()
                .text("event.action", action)
                .text("event.outcome", outcome)
                .text("aws.cloudtrail.request_parameters", request);
            let found = relations.of(&event, &|| true).unwrap();
            assert_eq!(found, expected, "{action} {outcome} {request}");
        }
        assert_eq!(relations.of(&Event::new(), &|| false), None);
    }
}

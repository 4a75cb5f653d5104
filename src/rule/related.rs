//! What belongs beside the findings, and is none: every other event that names the policy.
//!
//! An analyst must see who lifted a quarantine, and that one failed: AWS attaches its policy as the user
//! whose key leaked, so that an explicit deny can keep it from doing so.

use crate::event::{Fields, Scalar};
use crate::report::Relation;

/// The name of the inline policy that AWS used until about 2020, before it had one to attach.
pub const LEGACY_POLICY: &str = "AWSExposedCredentialPolicy_DO_NOT_REMOVE";

/// What of [`LEGACY_POLICY`] the prefilter looks for: the run of letters that no encoding of JSON breaks.
pub const LEGACY_NEEDLE: &str = "AWSExposedCredentialPolicy";

/// How an event that names the policy, and is no finding, relates to a quarantine. `literals` are those that
/// the rule's query looks for.
#[must_use]
pub fn relation<L: AsRef<str>>(event: &dyn Fields, literals: &[L]) -> Relation {
    let any = |field: &str, is_wanted: &dyn Fn(&str) -> bool| {
        let mut any = false;
        event.each_value(field, &mut |value| {
            any |= match value {
                Scalar::Text(text) => is_wanted(&text),
                Scalar::Boolean(b) => is_wanted(if b { "true" } else { "false" }),
                Scalar::Integer(_) | Scalar::Float(_) => false,
            };
        });
        any
    };
    let request = "aws.cloudtrail.request_parameters";
    let is_named = any(request, &|text| {
        literals.iter().any(|l| text.contains(l.as_ref()))
    });
    let is_legacy = any(request, &|text| text.contains(LEGACY_POLICY));
    let has_failed = any("event.outcome", &|outcome| outcome == "failure");
    let does = |names: &[&str]| any("event.action", &|action| names.contains(&action));
    let reads = |action: &str| READS.iter().any(|verb| action.starts_with(verb));
    if is_named && does(&["AttachUserPolicy"]) {
        Relation::FailedAttach
    } else if is_legacy && does(&["PutUserPolicy"]) {
        match has_failed {
            true => Relation::FailedAttach,
            false => Relation::LegacyQuarantine,
        }
    } else if is_named && does(&["DetachUserPolicy"]) || is_legacy && does(&["DeleteUserPolicy"]) {
        Relation::Detach
    } else if (is_named || is_legacy) && does(&OTHER_ATTACHMENTS) {
        Relation::OtherAttach
    } else if any("event.action", &reads)
        || any("aws.cloudtrail.read_only", &|read_only| read_only == "true")
    {
        Relation::Read
    } else {
        Relation::Mention
    }
}

/// How the names of calls begin that change nothing.
const READS: [&str; 6] = ["Get", "List", "Describe", "Simulate", "Lookup", "BatchGet"];

const OTHER_ATTACHMENTS: [&str; 5] = [
    "AttachRolePolicy",
    "AttachGroupPolicy",
    "PutUserPolicy",
    "PutRolePolicy",
    "PutGroupPolicy",
];

#[cfg(test)]
mod tests {
    use super::super::eql::testing::Event;
    use super::*;

    #[test]
    fn each_event_has_its_relation() {
        let named = "{policyArn=arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2}";
        let legacy = "{policyName=AWSExposedCredentialPolicy_DO_NOT_REMOVE, userName=alice}";
        for (action, outcome, request, expected) in [
            ("AttachUserPolicy", "failure", named, Relation::FailedAttach),
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
            let found = relation(&event, &["AWSCompromisedKeyQuarantine"]);
            assert_eq!(found, expected, "{action} {outcome} {request}");
        }
    }
}

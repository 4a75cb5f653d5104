//! All that is asked of events, of whatever JSON: no panic. And of one whole value the scan finds the events that
//! match which the last stages alone find, whatever they stand in.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use trailsift::event::{Event, Fields};
use trailsift::output::rules::RowRule;
use trailsift::output::{Alert, Column, Place, RowEvent};
use trailsift::rule::{Needles, Rule};
use trailsift::scan::{Prefilter, Scanner, Window, each_event};

/// ECS fields that some schema has, and some that none has.
const FIELDS: [&str; 42] = [
    "@timestamp",
    "aws.cloudtrail.api_version",
    "aws.cloudtrail.error_code",
    "aws.cloudtrail.error_message",
    "aws.cloudtrail.event_category",
    "aws.cloudtrail.event_type",
    "aws.cloudtrail.event_version",
    "aws.cloudtrail.flattened.request_parameters.policyArn",
    "aws.cloudtrail.management_event",
    "aws.cloudtrail.read_only",
    "aws.cloudtrail.recipient_account_id",
    "aws.cloudtrail.request_id",
    "aws.cloudtrail.request_parameters",
    "aws.cloudtrail.response_elements",
    "aws.cloudtrail.shared_event_id",
    "aws.cloudtrail.user_identity.access_key_id",
    "aws.cloudtrail.user_identity.account_id",
    "aws.cloudtrail.user_identity.arn",
    "aws.cloudtrail.user_identity.invoked_by",
    "aws.cloudtrail.user_identity.session_context.creation_date",
    "aws.cloudtrail.user_identity.session_context.mfa_authenticated",
    "aws.cloudtrail.user_identity.session_context.session_issuer.arn",
    "aws.cloudtrail.user_identity.session_context.session_issuer.type",
    "aws.cloudtrail.user_identity.type",
    "aws.cloudtrail.vpc_endpoint_id",
    "cloud.account.id",
    "cloud.region",
    "data_stream.dataset",
    "event.action",
    "event.category",
    "event.dataset",
    "event.id",
    "event.kind",
    "event.outcome",
    "event.provider",
    "no.such.field",
    "source.address",
    "source.ip",
    "user.id",
    "user.name",
    "user.target.name",
    "user_agent.original",
];

/// What tells one match from another, but for where it stands.
const TELLING: [Column; 4] = [
    Column::EventId,
    Column::EventAction,
    Column::RequestParameters,
    Column::MatchedField,
];

type Match = [Option<String>; TELLING.len()];

/// Asserts that every event can be asked everything, and that the scan finds those that match.
pub fn envelope(data: &[u8]) {
    let rule = Rule::quarantine();
    let mut expected = Vec::new();
    let is_parsed = each_event(data, &mut |event| {
        ask_all(event);
        expected.extend(judge(&rule, event, data));
    });
    if is_parsed && serde_json::from_slice::<serde_json::Value>(data).is_ok() {
        let mut found = scan(&rule, data);
        expected.sort();
        found.sort();
        assert_eq!(expected, found, "matches");
    }
}

fn ask_all(event: &Event<'_>) {
    for field in FIELDS {
        let mut n_values = 0;
        event.each_value(field, &mut |_| n_values += 1);
        assert_eq!(event.text(field).is_some(), n_values > 0, "{field}");
    }
    for name in ["policyArn", "userName", "", "."] {
        black_box(event.request_parameter(name));
    }
    black_box(event.locate_in_request(&["AWSCompromisedKeyQuarantine"]));
    black_box(event.locate_in_request(&["", "x"]));
}

/// The match that an event is, if it is one. An alert can be made of any event.
fn judge(rule: &Rule, event: &Event<'_>, raw: &[u8]) -> Option<Match> {
    let place = Place {
        source: Path::new("logs/a.json"),
        below_root: Path::new("a.json"),
        member: None,
        record_index: 0,
        byte_offset: 0,
    };
    let alert = Alert::new(
        &RowRule::new(rule),
        &RowEvent {
            event,
            fields: event,
            raw,
            place,
        },
    );
    let told = TELLING.map(|column| alert.text(column).map(str::to_owned));
    rule.matches(event).then_some(told)
}

/// The matches that the scan finds.
fn scan(rule: &Rule, text: &[u8]) -> Vec<Match> {
    let Needles::AnyOf(needles) = rule.needles() else {
        panic!("the rule has needles");
    };
    let mut scanner = Scanner::new(Arc::new(Prefilter::new(needles)));
    scanner.start_text(0);
    let window = Window {
        bytes: text,
        base: 0,
        is_last: true,
        likely_start: None,
    };
    let mut found = Vec::new();
    scanner.scan(window, &mut |candidate| {
        found.extend(judge(rule, &candidate.event, candidate.raw));
    });
    found
}

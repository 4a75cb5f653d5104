//! Cases of many users for the tests, whose events are given column by column.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::collected::{EventKey, Sighted, event_key};
use super::testing::about;
use super::users::{Divided, divide};
use super::{About, Beginning, Case, Seed, Window, joined};
use crate::follow::{CaseDetails, Entity, EntityRefs, Kind, Quarantine, Touched};
use crate::output::Alert;

/// An event, as a test describes it.
#[derive(Debug, Clone)]
pub(super) struct TestEvent {
    pub(super) account: String,
    pub(super) user: String,
    /// Columns of its row.
    pub(super) columns: BTreeMap<&'static str, String>,
    pub(super) traces: EntityRefs,
    pub(super) error_code: Option<&'static str>,
    pub(super) read_only: Option<bool>,
    pub(super) key_status: Option<&'static str>,
    pub(super) quarantine: Option<Quarantine>,
}

pub(super) const ACCOUNT: &str = "111122223333";

impl TestEvent {
    /// Returns a call of a user with one of its keys.
    pub(super) fn call(user: &str, key: &str, service: &str, call: &str, time: &str) -> Self {
        let arn = format!("arn:aws:iam::{ACCOUNT}:user/{user}");
        let columns = [
            ("event_time_text", time.to_owned()),
            ("event_action", call.to_owned()),
            ("event_provider", format!("{service}.amazonaws.com")),
            ("account_id", ACCOUNT.to_owned()),
            ("recipient_account_id", ACCOUNT.to_owned()),
            ("aws_region", "us-east-1".to_owned()),
            ("actor_arn", arn),
            ("access_key_id", key.to_owned()),
            ("source_ip", "203.0.113.7".to_owned()),
            ("source_address", "203.0.113.7".to_owned()),
            ("user_agent", "aws-cli".to_owned()),
        ];
        Self {
            account: ACCOUNT.to_owned(),
            user: user.to_owned(),
            columns: columns.into(),
            traces: EntityRefs {
                actors: vec![Entity::by_name(Kind::AccessKey, key)],
                ..EntityRefs::default()
            },
            error_code: None,
            read_only: None,
            key_status: None,
            quarantine: None,
        }
    }

    /// Returns the event by which AWS quarantines a user.
    pub(super) fn quarantine(user: &str, time: &str) -> Self {
        let key = format!("ASIAEXAMPLE{user}");
        let mut event = Self::call(user, &key, "iam", "AttachUserPolicy", time);
        event
            .traces
            .on
            .push(Entity::in_account(Kind::User, ACCOUNT, user));
        event.quarantine = Some(Quarantine::Made);
        let beside = [
            ("policy_name", "AWSCompromisedKeyQuarantineV2"),
            ("target_user_name", user),
            ("invoked_by", "AWS Internal"),
            ("source_address", "AWS Internal"),
        ];
        for (column, value) in beside {
            event.columns.insert(column, value.to_owned());
        }
        event.columns.remove("source_ip");
        event
    }

    /// Returns the event as a pass finds it.
    pub(super) fn sighted(mut self, nth: usize) -> (EventKey, Sighted) {
        let user = Entity::in_account(Kind::User, &self.account, &self.user);
        self.traces.actors.insert(0, user);
        let id = format!("event-{nth:06}");
        let text = |name: &str| {
            Ok::<_, std::convert::Infallible>(match name {
                "event_id" => Some(id.clone()),
                name => self.columns.get(name).cloned(),
            })
        };
        let alert = Alert::read_back(&text, (0, 0));
        let alert = alert.expect("the texts are at hand");
        let story = CaseDetails {
            traces: self.traces,
            error_code: self.error_code.map(str::to_owned),
            error_message: None,
            read_only: self.read_only,
            key_status: self.key_status.map(str::to_owned),
            response_elements: None,
            quarantine: self.quarantine,
            touched: Touched::default(),
        };
        (event_key(&alert), Sighted::new(alert, story, 1))
    }
}

/// Returns the times near a quarantine, as the command line has them by default.
pub(super) fn window() -> Window {
    let days = |n: i64| SignedDuration::from_hours(24 * n);
    Window {
        before: days(30),
        after: days(30),
    }
}

/// Returns the case of the users that these events quarantine.
pub(super) fn case_of(events: Vec<TestEvent>) -> Case {
    let made = events
        .iter()
        .filter(|event| event.quarantine == Some(Quarantine::Made));
    let seeds = made.map(|event| Seed {
        entity: Entity::in_account(Kind::User, &event.account, &event.user),
        time: event.columns["event_time_text"].parse::<Timestamp>().ok(),
    });
    let beginnings = Beginning::of(&seeds.collect::<Vec<_>>());
    let sighted = events
        .into_iter()
        .enumerate()
        .map(|(nth, event)| event.sighted(nth));
    let Divided {
        events,
        later,
        users,
    } = divide(sighted.collect(), BTreeMap::new(), &beginnings, window(), 8);
    let about = About {
        events: events.len() as u64,
        log_ends: events.iter().filter_map(|event| event.alert.time()).max(),
        ..about(beginnings, window())
    };
    Case {
        known: joined(&users, 8),
        about,
        users,
        events,
        later,
        neighbours: Vec::new(),
    }
}

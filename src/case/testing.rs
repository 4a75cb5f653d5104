//! Cases for tests, made of calls in a few words.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::beginning::{Beginning, Seed, Window};
use super::collected::{EventKey, Sighted, event_key};
use super::owners;
use super::users::{Divided, divide};
use super::{About, Addresses, Case, Coverage, joined};
use crate::follow::{
    CaseDetails, Entity, EntityRefs, Kind, Quarantine, Target, TargetRole, Touched,
};
use crate::output::{Alert, Column};
use crate::report::{Relation, Sources};

pub(super) const ACCOUNT: &str = "111122223333";
/// The time of the quarantine.
pub(super) const QUARANTINED: &str = "2024-05-10T12:00:00Z";
pub(super) const OFFICE: &str = "198.51.100.7";
pub(super) const STRANGER: &str = "203.0.113.7";

pub(super) fn user(name: &str) -> Entity {
    Entity::in_account(Kind::User, ACCOUNT, name)
}

pub(super) fn key(id: &str) -> Entity {
    Entity::by_name(Kind::AccessKey, id)
}

/// A call, as an event of a case.
#[derive(Clone)]
pub(super) struct Call {
    texts: BTreeMap<&'static str, String>,
    story: CaseDetails,
}

impl Call {
    /// Returns a call of nobody at a time: `05-01 10:00` in 2024, or nothing.
    pub(super) fn new(at: &str, name: &str) -> Self {
        let mut call = Self {
            texts: BTreeMap::new(),
            story: CaseDetails {
                touched: Touched::default(),
                traces: EntityRefs::default(),
                error_code: None,
                error_message: None,
                read_only: None,
                key_status: None,
                response_elements: None,
                quarantine: None,
            },
        };
        if let Some((day, clock)) = at.split_once(' ') {
            call = call.text(Column::EventTimeText, &format!("2024-{day}T{clock}:00Z"));
        }
        call.text(Column::EventAction, name)
    }

    pub(super) fn text(mut self, column: Column, text: &str) -> Self {
        self.texts.insert(column.name(), text.to_owned());
        self
    }

    /// Sets the user and the key that call.
    pub(super) fn by(mut self, name: &str, id: &str) -> Self {
        self.story.traces.actors.extend([user(name), key(id)]);
        self
    }

    /// Sets a session that calls, by its key.
    pub(super) fn by_session(mut self, id: &str) -> Self {
        self.story.traces.actors.push(key(id));
        self
    }

    /// Adds an entity that calls.
    pub(super) fn actor(mut self, entity: Entity) -> Self {
        self.story.traces.actors.push(entity);
        self
    }

    pub(super) fn from(self, address: &str, agent: &str) -> Self {
        self.text(Column::SourceIp, address)
            .text(Column::SourceAddress, address)
            .text(Column::UserAgent, agent)
    }

    pub(super) fn on(mut self, entity: Entity) -> Self {
        self.story.traces.on.push(entity);
        self
    }

    pub(super) fn made(mut self, entity: Entity) -> Self {
        self.story.traces.made.push(entity);
        self
    }

    /// Adds a thing that the call touches, of a kind that is no entity.
    pub(super) fn touches(mut self, kind: &str, name: &str) -> Self {
        self.story.touched.targets.push(Target {
            role: TargetRole::On,
            kind: kind.to_owned(),
            account: String::new(),
            name: name.to_owned(),
            data: None,
        });
        self
    }

    /// Adds a thing that the call uses.
    pub(super) fn with(mut self, kind: &str, name: &str) -> Self {
        self.story.touched.targets.push(Target {
            role: TargetRole::With,
            kind: kind.to_owned(),
            account: String::new(),
            name: name.to_owned(),
            data: None,
        });
        self
    }

    /// Sets the service that is called.
    pub(super) fn of_service(self, service: &str) -> Self {
        self.text(Column::EventProvider, &format!("{service}.amazonaws.com"))
    }

    pub(super) fn given(mut self, entity: Entity) -> Self {
        self.story.traces.given.push(entity);
        self
    }

    /// Sets the response elements.
    #[cfg(feature = "page")]
    pub(super) fn answer(mut self, text: &str) -> Self {
        self.story.response_elements = Some(text.to_owned());
        self
    }

    pub(super) fn policy(self, arn: &str) -> Self {
        let name = arn.rsplit('/').next().unwrap().to_owned();
        self.text(Column::PolicyArn, arn)
            .text(Column::PolicyName, &name)
    }

    pub(super) fn status(mut self, status: &str) -> Self {
        self.story.key_status = Some(status.to_owned());
        self
    }

    pub(super) fn refused(mut self) -> Self {
        self.story.error_code = Some("AccessDenied".to_owned());
        self
    }

    pub(super) fn quarantine(mut self, quarantine: Quarantine) -> Self {
        self.story.quarantine = Some(quarantine);
        self
    }

    /// Returns the row and the details of the event.
    pub(super) fn found(self) -> (Alert, CaseDetails) {
        let text = |name: &str| Ok::<_, std::io::Error>(self.texts.get(name).cloned());
        let alert = Alert::read_back(&text, (0, 0)).unwrap();
        (alert, self.story)
    }
}

/// Returns the quarantine of a user.
pub(super) fn quarantine(name: &str) -> Call {
    Call::new("05-10 12:00", "AttachUserPolicy")
        .by(name, "ASIAAWS")
        .text(Column::InvokedBy, super::AWS)
        .on(user(name))
        .policy("arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2")
        .quarantine(Quarantine::Made)
}

/// Returns a call of a responder that lifts the quarantine.
pub(super) fn lifts(at: &str, name: &str) -> Call {
    Call::new(at, "DetachUserPolicy")
        .by("responder", "AKIARESPONDER")
        .on(user(name))
        .policy("arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2")
        .quarantine(Quarantine::Beside(Relation::Detach))
}

/// Returns the case that begins with an entity, with windows of ten days before and after the quarantine. All calls
/// are given that a search would find.
pub(super) fn case(begin: &Entity, calls: &[Call]) -> Case {
    let time: Timestamp = QUARANTINED.parse().unwrap();
    let seed = Seed {
        entity: begin.clone(),
        time: (begin.kind == Kind::User).then_some(time),
    };
    let mut beginnings = Beginning::of(&[seed]);
    let window = Window {
        before: SignedDuration::from_hours(240),
        after: SignedDuration::from_hours(240),
    };
    let mut events = BTreeMap::new();
    for (n, call) in calls.iter().enumerate() {
        let call = call.clone().text(Column::EventId, &format!("event-{n}"));
        let (alert, story) = call.text(Column::RecipientAccountId, ACCOUNT).found();
        events.insert(event_key(&alert), Sighted::new(alert, story, 1));
    }
    owners::find(&mut beginnings, events.values());
    owners::set_quarantines(&mut beginnings, events.values());
    let ends = events.values().filter_map(|seen| seen.alert.time()).max();
    let Divided {
        events,
        later,
        users,
    } = divide(events, BTreeMap::new(), &beginnings, window, 4);
    let about = About {
        max_hops: 4,
        events: events.len() as u64,
        later: later.len() as u64,
        log_ends: ends,
        ..about(beginnings, window)
    };
    Case {
        known: joined(&users, 4),
        about,
        users,
        events,
        later,
        neighbours: Vec::new(),
    }
}

/// Returns the metadata of a case that was read completely.
pub(super) fn about(beginnings: Vec<Beginning>, window: Window) -> About {
    About {
        version: "0.0.0".to_owned(),
        run_id: "run".to_owned(),
        made_at: None,
        command: Vec::new(),
        complete: true,
        all_read: true,
        archive_changed: false,
        beginnings,
        window,
        since: None,
        until: None,
        not_found: Vec::new(),
        unseen: Vec::new(),
        max_hops: 8,
        max_hops_bit: false,
        events: 0,
        later: 0,
        later_cut: false,
        log_ends: None,
        rounds: Vec::new(),
        addresses: Addresses::default(),
        countries: BTreeMap::new(),
        archive: Coverage::default(),
        sources: Sources::default(),
        files: BTreeMap::new(),
        diagnostics: Vec::new(),
    }
}

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
            ("actor_access_key_id", key.to_owned()),
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

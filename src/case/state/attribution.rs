//! Whose call each event of a user was, with the reason. All parts of a page, and the state, take the answer from here.
//!
//! In: a user's events, and what is known about its leaked keys. Out: an [`Attribution`] for each event. What cannot be
//! told from the log is [`Party::Unknown`], and the reason says why.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::Timestamp;

use super::effects::effect;
use super::timeline::{OwnEvent, Timeline};
use super::ways::lets_in;
use crate::case::leak::{Leak, address};
use crate::case::{CaseEvent, is_by, is_of_aws};
use crate::follow::{CaseGraph, EntityRefs, Kind, Link};
use crate::output::Column;

/// Whose call an event was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// A stranger who has a key of the user.
    Intruder,
    /// It cannot be told.
    Unknown,
    /// The user itself.
    User,
    /// Another identity that acted on the user, or on what belongs to its case, after the quarantine.
    Response,
    /// Another identity that did so before the quarantine.
    Other,
    /// AWS itself.
    Aws,
}

impl Party {
    /// Returns its name on a page.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Intruder => "intruder",
            Self::Unknown => "unknown",
            Self::User => "user",
            Self::Response => "response",
            Self::Other => "others",
            Self::Aws => "AWS",
        }
    }

    /// Returns whether an event may be an intruder's.
    #[must_use]
    pub fn may_be_intruder(self) -> bool {
        matches!(self, Self::Intruder | Self::Unknown)
    }
}

/// The party whose call an event was, and the reason to say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribution {
    /// The party.
    pub party: Party,
    /// The reason.
    pub why: Why,
}

/// The reason for an attribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The call came from an address that is foreign to the user.
    ForeignAddress,
    /// The caller is something that the intruder made or got: a key, a session, a user, an instance.
    MadeByIntruder,
    /// The call came from an address that the user had before the first foreign use.
    UsualAddress,
    /// The user made the call before the first foreign use.
    BeforeForeignUse,
    /// Another identity acted after the quarantine.
    AfterQuarantine,
    /// Another identity acted before the quarantine or before the first foreign use.
    BeforeQuarantine,
    /// AWS itself called.
    ByAws,
    /// No use by a stranger was recognised.
    NothingForeign,
    /// It came after the first foreign use, from an address that is neither usual nor foreign.
    OtherAddress,
    /// The leaked key, or what it led to, made or changed something, from a usual address.
    LeakedKey,
    /// AWS called in the name of something that the intruder made or got.
    AwsForIntruder,
    /// Another identity acted, and no quarantine was seen.
    NoQuarantine,
    /// The time of the event cannot be read.
    NoTime,
    /// The event does not name who called.
    NoActor,
}

impl Why {
    /// Returns the reason in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::ForeignAddress => "it came from an address that is foreign to the user",
            Self::MadeByIntruder => "the caller is something that the intruder made or got",
            Self::UsualAddress => {
                "it came from an address that the user had before the first foreign use"
            }
            Self::BeforeForeignUse => "it was before the first foreign use",
            Self::AfterQuarantine => "another identity acted after the quarantine",
            Self::BeforeQuarantine => {
                "another identity acted before the quarantine, and nothing links it to the intruder"
            }
            Self::ByAws => "AWS itself called",
            Self::NothingForeign => {
                "no foreign use was recognised, so nothing separates the user's calls from an intruder's"
            }
            Self::OtherAddress => {
                "it was after the first foreign use, from no address that is known to be usual or foreign"
            }
            Self::LeakedKey => {
                "it was made with the leaked key or what that led to, from a usual address: the user or an intruder"
            }
            Self::AwsForIntruder => {
                "AWS called in the name of something that the intruder made or got"
            }
            Self::NoQuarantine => "another identity acted, and no quarantine was seen",
            Self::NoTime => "its time cannot be read",
            Self::NoActor => "the event does not name who called",
        }
    }
}

/// An event of a user, with whose call it was.
#[derive(Debug, Clone, Copy)]
pub struct Attributed<'a> {
    /// The event.
    pub event: &'a CaseEvent,
    /// Its link to the user.
    pub link: Link<'a>,
    /// True if it came after the windows of the user's quarantines.
    pub is_later: bool,
    /// Whose call it was.
    pub by: Attribution,
}

impl Attributed<'_> {
    /// Returns whether the user, or something that it led to, acted, and not AWS in its name.
    #[must_use]
    pub fn is_done(&self) -> bool {
        is_by(self.link, &self.event.alert)
    }
}

/// The events of a user, each with whose call it was, and the addresses that show this.
pub(super) struct Attributions<'a> {
    /// In the order of the timeline.
    pub(super) events: Vec<Attributed<'a>>,
    /// The foreign addresses, and those from which something was used that the intruder made or got.
    pub(super) foreign: BTreeSet<IpAddr>,
    pub(super) usual: BTreeSet<IpAddr>,
}

/// Returns whose call each event of a user was.
pub(super) fn attributions<'a>(timeline: &Timeline<'a>, leak: &Leak<'a>) -> Attributions<'a> {
    let evidence = Evidence::new(timeline, leak);
    let events = timeline.all.iter().map(|one| Attributed {
        event: one.event,
        link: one.link,
        is_later: one.is_later,
        by: evidence.judge(one),
    });
    let events: Vec<Attributed<'a>> = events.collect();
    // What the intruder made may be used from addresses at which the user's keys were not seen.
    let by_made = events.iter().filter(|one| {
        let by = one.by;
        (by.party, by.why) == (Party::Intruder, Why::MadeByIntruder)
    });
    let mut foreign = evidence.foreign;
    let addresses = by_made.filter_map(|one| address(one.event));
    foreign.extend(addresses.filter(|at| !evidence.usual.contains(at)));
    Attributions {
        events,
        foreign,
        usual: evidence.usual,
    }
}

/// What attributions are derived from.
struct Evidence<'t, 'a> {
    timeline: &'t Timeline<'a>,
    /// The time of the first call from a foreign address.
    first_foreign: Option<Timestamp>,
    foreign: BTreeSet<IpAddr>,
    usual: BTreeSet<IpAddr>,
    /// What the intruder made or got, and what that led to.
    intruders: CaseGraph,
    /// The leaked keys since their first foreign use, and what they led to: whoever used them.
    of_leaked: CaseGraph,
}

impl<'t, 'a> Evidence<'t, 'a> {
    fn new(timeline: &'t Timeline<'a>, leak: &Leak<'a>) -> Self {
        let mut foreign = leak.foreign_addresses.clone();
        let uses = leak.keys.iter().filter_map(|key| key.first_foreign_use);
        foreign.extend(uses.filter_map(|first| address(first.event)));
        let is_foreign =
            |one: &&OwnEvent<'_>| address(one.event).is_some_and(|at| foreign.contains(&at));
        let mut times = timeline.all.iter().filter(is_foreign);
        let first_foreign = times.find_map(|one| one.event.alert.time());
        let mut evidence = Self {
            timeline,
            first_foreign,
            usual: usual(timeline, &foreign, first_foreign.or(timeline.quarantined)),
            foreign,
            intruders: CaseGraph::new(u32::MAX),
            of_leaked: CaseGraph::new(u32::MAX),
        };
        if first_foreign.is_some() {
            evidence.follow(leak);
        }
        evidence
    }

    /// Learns what the intruder made and got, and what the leaked keys led to.
    fn follow(&mut self, leak: &Leak<'_>) {
        let own = |one: &OwnEvent<'a>| {
            (
                without_instances(&one.event.story.traces),
                one.event.alert.time(),
            )
        };
        let all: Vec<(Cow<'_, EntityRefs>, Option<Timestamp>)> =
            self.timeline.all.iter().map(own).collect();
        for (one, (traces, time)) in self.timeline.all.iter().zip(&all) {
            if self.is_foreign(one.event) {
                self.intruders
                    .begin_with_results(traces, time.or(self.first_foreign));
                for instance in instances(&one.event.story.traces) {
                    self.of_leaked
                        .begin_at(instance.clone(), time.or(self.first_foreign));
                }
            }
        }
        let all = || all.iter().map(|(traces, time)| (&**traces, *time));
        self.intruders.learn_all(all());
        for key in &leak.keys {
            let since = key.first_foreign_use.map(|first| first.time);
            self.of_leaked
                .begin_at(key.key.clone(), since.or(self.first_foreign));
        }
        self.of_leaked.learn_all(all());
    }

    fn is_foreign(&self, event: &CaseEvent) -> bool {
        address(event).is_some_and(|at| self.foreign.contains(&at))
    }

    fn is_usual(&self, event: &CaseEvent) -> bool {
        address(event).is_some_and(|at| self.usual.contains(&at))
    }

    fn judge(&self, one: &OwnEvent<'_>) -> Attribution {
        let event = one.event;
        let actors = &event.story.traces.actors;
        let is_intruders = self.intruders.has_any(actors, event.alert.time());
        let is_of_service =
            !actors.is_empty() && actors.iter().all(|one| one.kind == Kind::Service);
        let (party, why) = match is_of_aws(&event.alert) {
            true if is_intruders && event.story.quarantine.is_none() => {
                (Party::Unknown, Why::AwsForIntruder)
            }
            true => (Party::Aws, Why::ByAws),
            false if self.is_foreign(event) => (Party::Intruder, Why::ForeignAddress),
            false if is_intruders => (Party::Intruder, Why::MadeByIntruder),
            false if is_of_service => (Party::Aws, Why::ByAws),
            false if one.is_done() => self.of_user(event),
            false => self.of_another(event),
        };
        Attribution { party, why }
    }

    /// Judges a call of the user, or of something that it led to.
    fn of_user(&self, event: &CaseEvent) -> (Party, Why) {
        let Some(first) = self.first_foreign else {
            return (Party::Unknown, Why::NothingForeign);
        };
        let time = event.alert.time();
        let is_of_leaked = || {
            let actors = &event.story.traces.actors;
            self.of_leaked.has_any(actors, time)
        };
        match (time, self.is_usual(event)) {
            (Some(time), _) if time < first => (Party::User, Why::BeforeForeignUse),
            // A usual address speaks for the user, but is not enough where something lasts: the user's own machine may
            // be the way in.
            (_, true) if lasts(event) && is_of_leaked() => (Party::Unknown, Why::LeakedKey),
            (_, true) => (Party::User, Why::UsualAddress),
            (None, false) => (Party::Unknown, Why::NoTime),
            (Some(_), false) => (Party::Unknown, Why::OtherAddress),
        }
    }

    /// Judges a call of somebody else, on the user or on what it led to.
    fn of_another(&self, event: &CaseEvent) -> (Party, Why) {
        let time = event.alert.time();
        // The log of another account has calls of the user's, too, and does not name it.
        if event.story.traces.actors.is_empty() {
            return match self.first_foreign.is_some() && self.is_usual(event) {
                true => (Party::User, Why::UsualAddress),
                false => (Party::Unknown, Why::NoActor),
            };
        }
        let Some(time) = time else {
            return (Party::Unknown, Why::NoTime);
        };
        let is_before_use = self.first_foreign.is_some_and(|first| time < first);
        match self.timeline.quarantined {
            Some(quarantined) if time >= quarantined => (Party::Response, Why::AfterQuarantine),
            Some(_) => (Party::Other, Why::BeforeQuarantine),
            None if is_before_use => (Party::Other, Why::BeforeQuarantine),
            None => (Party::Unknown, Why::NoQuarantine),
        }
    }
}

/// Returns the addresses that the user called from before a time, except foreign ones.
fn usual(
    timeline: &Timeline<'_>,
    foreign: &BTreeSet<IpAddr>,
    before: Option<Timestamp>,
) -> BTreeSet<IpAddr> {
    let is_early = |one: &&OwnEvent<'_>| {
        let times = one.event.alert.time().zip(before);
        one.is_done() && times.is_some_and(|(time, before)| time < before)
    };
    let early = timeline.all.iter().filter(is_early);
    let addresses = early.filter_map(|one| address(one.event));
    addresses.filter(|at| !foreign.contains(at)).collect()
}

/// Returns whether a call made or changed something that stays.
fn lasts(event: &CaseEvent) -> bool {
    let story = &event.story;
    let call = event.alert.text(Column::EventAction).unwrap_or_default();
    let is_change =
        !story.traces.made.is_empty() || effect(call).is_some() || lets_in(&event.alert);
    is_change && story.error_code.is_none() && story.quarantine.is_none()
}

/// Returns the instances that an event gave access to.
fn instances(traces: &EntityRefs) -> impl Iterator<Item = &crate::follow::Entity> {
    let given = traces.given.iter();
    given.filter(|one| one.kind == Kind::Instance)
}

/// Returns the entities of an event without the instances that it gave access to: these also do what they did before, so
/// that not all of their calls are an intruder's.
fn without_instances(traces: &EntityRefs) -> Cow<'_, EntityRefs> {
    match instances(traces).next() {
        None => Cow::Borrowed(traces),
        Some(_) => {
            let mut traces = traces.clone();
            traces.given.retain(|one| one.kind != Kind::Instance);
            Cow::Owned(traces)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::states;
    use super::*;
    use crate::case::testing::{Call, OFFICE, STRANGER, case, key, lifts, quarantine, user};
    use crate::follow::Entity;

    const LEAKED: &str = "AKIALEAKED";

    fn call(at: &str, name: &str) -> Call {
        Call::new(at, name).by("alice", LEAKED)
    }

    fn by_ops(at: &str) -> Call {
        let call = Call::new(at, "GetUser").by("ops", "AKIAOPS");
        call.on(user("alice"))
    }

    /// Returns whose call each of these is, after those by which the key is known to have leaked on 8 May at 21:40.
    fn judged(calls: &[Call]) -> Vec<(Party, Why)> {
        let before = [
            call("05-01 10:00", "ListBuckets").from(OFFICE, "cli"),
            call("05-08 21:40", "ListBuckets").from(STRANGER, "kali"),
            quarantine("alice"),
        ];
        judged_alone(&[&before[..], calls].concat()).split_off(3)
    }

    /// Returns the same of calls alone, in the order in which they are given.
    fn judged_alone(calls: &[Call]) -> Vec<(Party, Why)> {
        let case = case(&user("alice"), calls);
        let states = states(&case);
        let id = |one: &Attributed<'_>| {
            let id = one.event.alert.text(Column::EventId).unwrap();
            id.strip_prefix("event-").unwrap().parse::<usize>().unwrap()
        };
        let mut events: Vec<_> = states[0].events.iter().collect();
        events.sort_by_key(|one| id(one));
        events
            .iter()
            .map(|one| (one.by.party, one.by.why))
            .collect()
    }

    /// Checks whose call the first of some calls is.
    #[track_caller]
    fn check(cases: Vec<(Vec<Call>, (Party, Why))>) {
        for (calls, expected) in cases {
            assert_eq!(judged(&calls)[0], expected);
        }
    }

    #[test]
    fn calls_of_the_user_are_told_apart_by_addresses_and_times() {
        let role = || Entity::by_name(Kind::Role, "own");
        check(vec![
            // From the first foreign use on, addresses decide.
            (
                vec![call("05-02 10:00", "X")],
                (Party::User, Why::BeforeForeignUse),
            ),
            (
                vec![call("05-09 10:00", "X").from(OFFICE, "cli")],
                (Party::User, Why::UsualAddress),
            ),
            (
                vec![call("05-09 10:00", "X").from(STRANGER, "cli")],
                (Party::Intruder, Why::ForeignAddress),
            ),
            (
                vec![call("05-09 10:00", "X")],
                (Party::Unknown, Why::OtherAddress),
            ),
            (vec![call("", "X")], (Party::Unknown, Why::NoTime)),
            // What stays is not cleared by an address.
            (
                vec![
                    call("05-09 10:00", "CreateRole")
                        .from(OFFICE, "cli")
                        .made(role()),
                ],
                (Party::Unknown, Why::LeakedKey),
            ),
            (
                vec![
                    call("05-07 10:00", "CreateRole")
                        .from(OFFICE, "cli")
                        .made(role()),
                ],
                (Party::User, Why::BeforeForeignUse),
            ),
        ]);
    }

    #[test]
    fn calls_of_sessions_and_instances_are_told_apart_by_who_got_them() {
        let session = || Call::new("05-09 10:00", "AttachUserPolicy").by_session("ASIASESSION");
        check(vec![
            // What a stranger got is a stranger's, from wherever it is used.
            (
                vec![
                    session().from("192.0.2.1", "x"),
                    call("05-09 09:00", "GetSessionToken")
                        .from(STRANGER, "kali")
                        .given(key("ASIASESSION")),
                ],
                (Party::Intruder, Why::MadeByIntruder),
            ),
            // What the user got from its usual address is not.
            (
                vec![
                    session().from(OFFICE, "x"),
                    call("05-09 09:00", "GetSessionToken")
                        .from(OFFICE, "cli")
                        .given(key("ASIASESSION")),
                ],
                (Party::Unknown, Why::LeakedKey),
            ),
            // An instance that was there before did its own work, too.
            (
                vec![
                    Call::new("05-09 10:00", "X")
                        .actor(Entity::by_name(Kind::Instance, "i-0123456789abcdef0"))
                        .from("192.0.2.1", "x"),
                    call("05-09 09:00", "SendCommand")
                        .from(STRANGER, "kali")
                        .given(Entity::by_name(Kind::Instance, "i-0123456789abcdef0")),
                ],
                (Party::Unknown, Why::OtherAddress),
            ),
        ]);
    }

    #[test]
    fn calls_of_others_and_of_aws_are_told_apart() {
        check(vec![
            (
                vec![by_ops("05-09 10:00")],
                (Party::Other, Why::BeforeQuarantine),
            ),
            (
                vec![by_ops("05-10 13:00")],
                (Party::Response, Why::AfterQuarantine),
            ),
            (vec![by_ops("")], (Party::Unknown, Why::NoTime)),
            (
                vec![by_ops("05-10 13:00").from(STRANGER, "kali")],
                (Party::Intruder, Why::ForeignAddress),
            ),
            (
                vec![lifts("07-01 10:00", "alice")],
                (Party::Response, Why::AfterQuarantine),
            ),
            (
                vec![Call::new("05-11 10:00", "AssumeRole").on(user("alice"))],
                (Party::Unknown, Why::NoActor),
            ),
            (
                vec![
                    Call::new("05-11 10:00", "AssumeRole")
                        .on(user("alice"))
                        .from(OFFICE, "x"),
                ],
                (Party::User, Why::UsualAddress),
            ),
            // AWS, in the name of the user.
            (
                vec![call("05-11 10:00", "Decrypt").text(Column::InvokedBy, "AWS Internal")],
                (Party::Aws, Why::ByAws),
            ),
        ]);
        let quarantined = judged_alone(&[quarantine("alice")]);
        assert_eq!(quarantined, [(Party::Aws, Why::ByAws)]);
    }

    #[test]
    fn without_a_foreign_use_or_a_quarantine_nothing_is_claimed() {
        let usual = call("05-01 10:00", "ListBuckets").from(OFFICE, "cli");
        let alone = judged_alone(&[usual.clone(), by_ops("05-09 10:00")]);
        assert_eq!(alone[0], (Party::Unknown, Why::NothingForeign));
        // The case begins with a quarantine, whose event is not in the log.
        assert_eq!(alone[1], (Party::Other, Why::BeforeQuarantine));
        let case = case(&key(LEAKED), &[usual, by_ops("05-09 10:00")]);
        let states = states(&case);
        let found: Vec<Why> = states[0].events.iter().map(|one| one.by.why).collect();
        assert_eq!(found, [Why::NothingForeign, Why::NoQuarantine]);
    }
}

//! The key of a user that probably leaked, with the reasons.
//!
//! In: a user's events, and the addresses that other identities used. Out: a [`Leak`]. AWS does not say in its event
//! which key it found, so it is inferred from how the keys were used: strangers come from addresses and with programs that
//! the user did not have before.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use super::address::ip;
use super::state::keys::{KeyEnd, KeyState};
use super::state::timeline::{OwnEvent, Timeline};
use super::{Case, CaseEvent, is_of_aws};
use crate::follow::{Entity, Kind, Quarantine};
use crate::output::Column;

/// The time for which a user must have been seen before an address can be new for it.
const SEEN_BEFORE: SignedDuration = SignedDuration::from_hours(1);

/// The probably leaked keys of a user.
#[derive(Debug, Clone)]
pub struct Leak<'a> {
    /// The certainty of the result.
    pub finding: Finding,
    /// The keys that probably leaked. The one for which most speaks comes first.
    pub keys: Vec<LeakedKey<'a>>,
    /// The user's other long-term keys that existed before the quarantine.
    pub others: Vec<&'a Entity>,
    /// The addresses that do not look like the user's own.
    pub foreign_addresses: BTreeSet<IpAddr>,
}

/// The certainty about which key leaked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// One key is probable.
    One,
    /// Several keys are probable: it is unknown which of them leaked, or whether all did.
    Several,
    /// There are several keys, and nothing points at any of them.
    NothingPoints,
    /// A person attached the policy, not AWS, and no use of a key looks foreign.
    NotByAws,
    /// Only keys of sessions were seen.
    OnlySessions,
    /// No key was seen.
    NoKey,
    /// The case is not about a user.
    NoUser,
}

/// A key that probably leaked.
#[derive(Debug, Clone)]
pub struct LeakedKey<'a> {
    /// The key.
    pub key: &'a Entity,
    /// The reasons, the strongest first.
    pub reasons: Vec<Reason>,
    /// The first use that does not look like the user's own.
    pub first_foreign_use: Option<ForeignUse<'a>>,
    /// The time from the first foreign use to the quarantine; negative if the use came after the quarantine.
    pub before_quarantine: Option<SignedDuration>,
    /// The state of the key at the end of the log.
    pub end: KeyEnd<'a>,
}

/// A use of a key that does not look like the user's own.
#[derive(Debug, Clone, Copy)]
pub struct ForeignUse<'a> {
    /// The event.
    pub event: &'a CaseEvent,
    /// Its time.
    pub time: Timestamp,
    /// The address that it came from.
    pub address: &'a str,
    /// Its user agent.
    pub agent: Option<&'a str>,
}

/// A reason to believe that a key leaked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The case began with this key.
    Begun,
    /// It was used from an address that was new for the user.
    NewAddress,
    /// That use came from a country that was new for the user.
    NewCountry,
    /// That use came with a user agent that was new for the user.
    NewAgent,
    /// Other identities were seen at that address.
    SharedAddress,
    /// It was deactivated or deleted after the quarantine.
    TurnedOff,
    /// It is the only long-term key of the user that is known from before the quarantine.
    OnlyKey,
    /// It is the only long-term key of the user that was seen, and it was seen only after the quarantine.
    OnlyLaterKey,
}

impl Reason {
    /// Returns the reason in words that fit after the name of the key.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Begun => "the key that you named",
            Self::NewAddress => "used from an address that was new for the user",
            Self::NewCountry => "from a country that was new for the user",
            Self::NewAgent => "with a user agent that was new for the user",
            Self::SharedAddress => "other identities were seen at that address",
            Self::TurnedOff => "deactivated or deleted after the quarantine",
            Self::OnlyKey => "the only long-term key of the user known from before the quarantine",
            Self::OnlyLaterKey => {
                "the only long-term key of the user that was seen, though only after the quarantine"
            }
        }
    }
}

/// The identities that used each address: at most two, because only one other matters.
#[derive(Debug, Default)]
pub(super) struct AddressUsers<'a>(BTreeMap<IpAddr, BTreeSet<&'a Entity>>);

impl<'a> AddressUsers<'a> {
    pub(super) fn new(case: &'a Case) -> Self {
        let mut all = Self::default();
        for event in &case.events {
            let actors = event.story.traces.actors.iter();
            // A session of a role may be the user's own.
            let mut named = actors.filter(|one| one.kind == Kind::User);
            if let (Some(address), Some(who)) = (address(event), named.next()) {
                all.add(address, who);
            }
        }
        for other in &case.neighbours {
            if let Some(address) = ip(&other.address) {
                all.add(address, &other.entity);
            }
        }
        all
    }

    fn add(&mut self, address: IpAddr, who: &'a Entity) {
        let users = self.0.entry(address).or_default();
        if users.len() < 2 {
            users.insert(who);
        }
    }

    fn has_others(&self, address: IpAddr, timeline: &Timeline<'_>) -> bool {
        let users = self.0.get(&address).into_iter().flatten();
        users.into_iter().any(|one| !timeline.is_user(one))
    }
}

/// Returns the address that an event came from. AWS and its services have none.
pub(super) fn address(event: &CaseEvent) -> Option<IpAddr> {
    ip(event.alert.text(Column::SourceIp)?)
}

/// A use of the user's keys, whichever.
#[derive(Clone, Copy)]
struct Use<'a> {
    event: &'a CaseEvent,
    time: Timestamp,
    address: IpAddr,
    key: &'a Entity,
}

/// Returns the keys of a user that probably leaked.
pub(super) fn leak<'a>(
    timeline: &Timeline<'a>,
    begun: &Entity,
    keys: &[KeyState<'a>],
    countries: &BTreeMap<String, String>,
    others: &AddressUsers<'_>,
) -> Leak<'a> {
    let own = own_keys(timeline, keys);
    let candidates: Vec<&KeyState<'a>> = own
        .iter()
        .copied()
        .filter(|key| key.is_long_term())
        .collect();
    if candidates.is_empty() {
        let finding = match (timeline.user.kind, own.is_empty()) {
            (Kind::User, true) => Finding::NoKey,
            (Kind::User, false) => Finding::OnlySessions,
            _ => Finding::NoUser,
        };
        return Leak {
            finding,
            keys: Vec::new(),
            others: Vec::new(),
            foreign_addresses: BTreeSet::new(),
        };
    }
    let uses: Vec<Use<'a>> = timeline
        .all
        .iter()
        .filter_map(|one| own_use(timeline, one))
        .collect();
    let foreign = foreign_addresses(timeline, &uses, countries, others);
    let is_before = |one: &&Use<'a>| timeline.quarantined.is_none_or(|at| one.time < at);
    let of_key = |key: &Entity, is_only_before: bool| {
        let own = uses.iter().filter(move |one| one.key.name == key.name);
        let own = own.filter(move |one| !is_only_before || is_before(one));
        own.copied().collect::<Vec<_>>()
    };
    let judge = |is_only_before: bool| {
        let judged = candidates.iter().map(|state| {
            let uses = of_key(state.key, is_only_before);
            (*state, strongest(&uses, &foreign))
        });
        judged.collect::<Vec<_>>()
    };
    // A key may leak, and AWS may notice, before a stranger uses it.
    let mut judged = judge(true);
    if judged.iter().all(|(_, found)| found.is_none()) {
        judged = judge(false);
    }
    let is_foreign = judged.iter().any(|(_, found)| found.is_some());
    let is_begun = candidates.iter().any(|state| state.key == begun);
    if !is_foreign && !is_begun && is_by_person(timeline) {
        return Leak {
            finding: Finding::NotByAws,
            keys: Vec::new(),
            others: candidates.iter().map(|state| state.key).collect(),
            foreign_addresses: BTreeSet::new(),
        };
    }
    let mut leak = named(timeline, begun, &candidates, judged);
    let most = foreign.values().map(Vec::len).max().unwrap_or(0);
    let is_enough = |reasons: &Vec<Reason>| reasons.len() >= most.min(2);
    let addresses = foreign.iter().filter(|(_, reasons)| is_enough(reasons));
    leak.foreign_addresses = addresses.map(|(address, _)| *address).collect();
    leak
}

/// Returns whether each quarantine of the user was attached by a person from an address, and none by AWS.
fn is_by_person(timeline: &Timeline<'_>) -> bool {
    let own = timeline.all.iter().map(|one| one.event);
    let mut made = own
        .filter(|event| event.story.quarantine == Some(Quarantine::Made))
        .filter(|event| timeline.is_about_user(event))
        .peekable();
    made.peek().is_some() && made.all(|event| !is_of_aws(&event.alert) && address(event).is_some())
}

/// Returns the keys of the user itself that existed before the quarantine.
fn own_keys<'k, 'a>(timeline: &Timeline<'a>, keys: &'k [KeyState<'a>]) -> Vec<&'k KeyState<'a>> {
    let own = keys.iter().filter(|state| {
        let is_new = state
            .made
            .is_some_and(|made| timeline.is_after(made.alert.time()));
        let owner = state.owner;
        owner.is_some_and(|owner| timeline.is_user(owner)) && !is_new
    });
    own.collect()
}

/// Returns the use of a key of the user itself in an event, if it is one.
fn own_use<'a>(timeline: &Timeline<'a>, one: &OwnEvent<'a>) -> Option<Use<'a>> {
    let actors = &one.event.story.traces.actors;
    let is_own = one.is_done();
    let mut keys = actors.iter().filter(|actor| actor.kind == Kind::AccessKey);
    Some(Use {
        event: one.event,
        time: one.event.alert.time()?,
        address: address(one.event)?,
        key: keys
            .next()
            .filter(|_| is_own && actors.iter().any(|actor| timeline.is_user(actor)))?,
    })
}

/// The addresses that were new for the user when they were first used, each with the reasons that speak against it.
type Foreign = BTreeMap<IpAddr, Vec<Reason>>;

fn foreign_addresses(
    timeline: &Timeline<'_>,
    uses: &[Use<'_>],
    countries: &BTreeMap<String, String>,
    others: &AddressUsers<'_>,
) -> Foreign {
    let mut foreign = Foreign::new();
    let mut seen: BTreeSet<IpAddr> = BTreeSet::new();
    let mut agents: BTreeSet<&str> = BTreeSet::new();
    let mut seen_countries: BTreeSet<&str> = BTreeSet::new();
    // If all known use is later than the quarantine, it shows nothing about what was usual before.
    let since = uses.first().map(|first| first.time);
    let since = since.filter(|since| !timeline.is_after(Some(*since)));
    for one in uses {
        let alert = &one.event.alert;
        let agent = alert.text(Column::UserAgent);
        let country = alert
            .text(Column::SourceAddress)
            .and_then(|text| countries.get(text));
        let country = country.map(String::as_str);
        let is_new_address = seen.insert(one.address);
        let is_new_agent = agent.is_some_and(|agent| agents.insert(agent));
        let is_new_country = country.is_some_and(|country| seen_countries.insert(country));
        let has_been_seen =
            since.is_some_and(|since| one.time.duration_since(since) >= SEEN_BEFORE);
        if !is_new_address || !has_been_seen {
            continue;
        }
        let is_shared = others.has_others(one.address, timeline);
        let reasons = [
            (true, Reason::NewAddress),
            // If it is the first known country, nothing is known about those before it.
            (
                is_new_country && seen_countries.len() > 1,
                Reason::NewCountry,
            ),
            (is_new_agent, Reason::NewAgent),
            (is_shared, Reason::SharedAddress),
        ];
        let reasons = reasons.into_iter().filter(|(is_one, _)| *is_one);
        foreign.insert(one.address, reasons.map(|(_, reason)| reason).collect());
    }
    foreign
}

/// The foreign use of a key: the first one, and the reasons of the address for which most reasons speak.
type Found<'a> = (Use<'a>, Vec<Reason>);

fn strongest<'a>(uses: &[Use<'a>], foreign: &Foreign) -> Option<Found<'a>> {
    let reasons = |one: &Use<'_>| foreign.get(&one.address);
    let of_uses = uses.iter().filter_map(reasons);
    // Of several equal ones the first.
    let most = of_uses.rev().max_by_key(|reasons| reasons.len())?;
    // A new address alone is weak if there also is one for which more speaks.
    let enough = most.len().min(2);
    let is_foreign = |one: &&Use<'_>| reasons(one).is_some_and(|found| found.len() >= enough);
    let first = uses.iter().find(is_foreign)?;
    Some((*first, most.clone()))
}

/// Returns the keys for which most speaks, with their reasons.
fn named<'a>(
    timeline: &Timeline<'a>,
    begun: &Entity,
    candidates: &[&KeyState<'a>],
    judged: Vec<(&KeyState<'a>, Option<Found<'a>>)>,
) -> Leak<'a> {
    let weight = |found: &Option<Found<'_>>| found.as_ref().map_or(0, |(_, reasons)| reasons.len());
    let most = judged
        .iter()
        .map(|(_, found)| weight(found))
        .max()
        .unwrap_or(0);
    let is_begun = |state: &KeyState<'_>| state.key == begun;
    let is_turned_off = |state: &KeyState<'_>| {
        let event = state.end.event().filter(|_| !state.end.is_usable());
        event.is_some_and(|event| timeline.is_after(event.alert.time()))
    };
    let has_begun = candidates.iter().any(|state| is_begun(state));
    let has_turned_off = candidates.iter().any(|state| is_turned_off(state));
    let is_probable = |state: &KeyState<'_>, found: &Option<Found<'_>>| match (has_begun, most) {
        (true, _) => is_begun(state),
        (false, 0) if candidates.len() == 1 => true,
        (false, 0) => has_turned_off && is_turned_off(state),
        // What two reasons speak for may have leaked as well.
        (false, most) => weight(found) >= most.min(2),
    };
    let (mut keys, mut others) = (Vec::new(), Vec::new());
    for (state, found) in judged {
        if !is_probable(state, &found) {
            others.push(state.key);
            continue;
        }
        let more = [
            (is_begun(state), Reason::Begun),
            (is_turned_off(state), Reason::TurnedOff),
            (candidates.len() == 1, only_key(timeline, state)),
        ];
        let more = more.into_iter().filter(|(is_one, _)| *is_one);
        let more = more.map(|(_, reason)| reason);
        keys.push(leaked(timeline, state, found, more));
    }
    keys.sort_by_key(|key| {
        let first = key.first_foreign_use.map(|one| one.time);
        // Of those for which as much speaks, the one that was used first.
        (Reverse(key.reasons.len()), first.is_none(), first)
    });
    let finding = match keys.len() {
        0 => Finding::NothingPoints,
        1 => Finding::One,
        _ => Finding::Several,
    };
    Leak {
        finding,
        keys,
        others,
        foreign_addresses: BTreeSet::new(),
    }
}

/// Returns the reason of a key that is the only one.
fn only_key(timeline: &Timeline<'_>, state: &KeyState<'_>) -> Reason {
    let is_before = |time: Timestamp| timeline.quarantined.is_none_or(|at| time < at);
    // A key that was made after the quarantine is not among these.
    let is_known_before = state.made.is_some() || state.seen.first.is_none_or(is_before);
    match is_known_before {
        true => Reason::OnlyKey,
        false => Reason::OnlyLaterKey,
    }
}

/// Returns a key that probably leaked, with its reasons.
fn leaked<'a>(
    timeline: &Timeline<'a>,
    state: &KeyState<'a>,
    found: Option<Found<'a>>,
    more: impl Iterator<Item = Reason>,
) -> LeakedKey<'a> {
    let first_foreign_use = found.as_ref().map(|(one, _)| ForeignUse {
        event: one.event,
        time: one.time,
        address: one
            .event
            .alert
            .text(Column::SourceAddress)
            .unwrap_or_default(),
        agent: one.event.alert.text(Column::UserAgent),
    });
    let mut reasons = found.map(|(_, reasons)| reasons).unwrap_or_default();
    reasons.extend(more);
    reasons.sort_unstable();
    let at = first_foreign_use.map(|one| one.time);
    let at = at.zip(timeline.quarantined);
    LeakedKey {
        key: state.key,
        reasons,
        first_foreign_use,
        before_quarantine: at.map(|(used, quarantined)| quarantined.duration_since(used)),
        end: state.end,
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::states;
    use super::super::testing::{self, Call, OFFICE, STRANGER, quarantine, user};
    use super::super::{Neighbour, Seen};
    use super::*;

    const OWN: &str = "AKIAOWN";
    const OTHER: &str = "AKIAOTHER";
    const CLI: &str = "aws-cli/2.17.9";
    const KALI: &str = "aws-cli/2.15.30 kali";

    fn call(at: &str, key: &str) -> Call {
        Call::new(at, "GetCallerIdentity").by("alice", key)
    }

    /// Returns a call of the user as usual.
    fn usual(at: &str, key: &str) -> Call {
        call(at, key).from(OFFICE, CLI)
    }

    fn of_responder(at: &str, name: &str, key: &str) -> Call {
        let call = Call::new(at, name).by("responder", "AKIARESPONDER");
        call.from(OFFICE, "console")
            .on(user("alice"))
            .on(testing::key(key))
    }

    fn case(calls: &[Call]) -> Case {
        testing::case(&user("alice"), &[calls, &[quarantine("alice")]].concat())
    }

    /// Returns the finding, and each probable key with its reasons and the first foreign use.
    fn told(case: &Case) -> (Finding, Vec<(String, Vec<Reason>, String)>) {
        let states = states(case);
        let leak = &states[0].leak;
        let keys = leak.keys.iter().map(|key| {
            let first = key
                .first_foreign_use
                .map(|first| format!("{} {}", first.time, first.address));
            (
                key.key.name.clone(),
                key.reasons.clone(),
                first.unwrap_or_default(),
            )
        });
        (leak.finding, keys.collect())
    }

    /// Returns the reasons of the only probable key.
    fn one(case: &Case, key: &str) -> (Vec<Reason>, String) {
        let (finding, mut keys) = told(case);
        assert_eq!(finding, Finding::One);
        let (name, reasons, first) = keys.remove(0);
        assert_eq!(name, key);
        (reasons, first)
    }

    #[test]
    fn a_key_that_is_used_from_a_new_address_leaked() {
        let case = case(&[
            usual("05-01 10:00", OWN),
            usual("05-01 10:05", OTHER),
            usual("05-06 10:00", OWN),
            call("05-08 21:40", OWN).from(STRANGER, KALI),
            call("05-08 21:41", OWN).from(STRANGER, KALI),
            usual("05-09 10:00", OTHER),
        ]);
        let (reasons, first) = one(&case, OWN);
        assert_eq!(reasons, [Reason::NewAddress, Reason::NewAgent]);
        assert_eq!(first, format!("2024-05-08T21:40:00Z {STRANGER}"));
        let states = states(&case);
        let leak = &states[0].leak;
        assert_eq!(leak.others, [&testing::key(OTHER)]);
        let before = leak.keys[0].before_quarantine.unwrap();
        assert_eq!(before, SignedDuration::from_mins(38 * 60 + 20));
        assert!(leak.keys[0].end.is_usable());
    }

    #[test]
    fn countries_and_others_at_an_address_are_reasons() {
        let mut case = case(&[
            usual("05-01 10:00", OWN),
            call("05-08 21:40", OWN).from(STRANGER, CLI),
        ]);
        let countries = [(OFFICE, "DE"), (STRANGER, "NL")];
        let countries = countries.map(|(at, code)| (at.to_owned(), code.to_owned()));
        case.about.countries = countries.into();
        case.neighbours.push(Neighbour {
            address: STRANGER.to_owned(),
            entity: user("intern"),
            seen: Seen::default(),
        });
        let expected = [
            Reason::NewAddress,
            Reason::NewCountry,
            Reason::SharedAddress,
            Reason::OnlyKey,
        ];
        assert_eq!(one(&case, OWN).0, expected);
    }

    #[test]
    fn the_only_key_is_named_though_all_its_use_looks_alike() {
        let case = case(&[usual("05-08 10:00", OWN), usual("05-09 10:00", OWN)]);
        assert_eq!(one(&case, OWN), (vec![Reason::OnlyKey], String::new()));
    }

    #[test]
    fn of_two_keys_that_are_used_alike_none_is_named() {
        let calls = [usual("05-08 10:00", OWN), usual("05-08 10:01", OTHER)];
        let case = case(&calls);
        assert_eq!(told(&case), (Finding::NothingPoints, vec![]));
        assert_eq!(states(&case)[0].leak.others.len(), 2);
    }

    #[test]
    fn two_keys_from_the_same_new_address_may_both_have_leaked() {
        let case = case(&[
            usual("05-01 10:00", OWN),
            usual("05-01 10:01", OTHER),
            call("05-08 21:40", OWN).from(STRANGER, KALI),
            call("05-08 21:50", OTHER).from(STRANGER, KALI),
        ]);
        let (finding, keys) = told(&case);
        assert_eq!(finding, Finding::Several);
        let reasons = vec![Reason::NewAddress, Reason::NewAgent];
        let expected = [(OWN, "21:40"), (OTHER, "21:50")].map(|(key, at)| {
            let first = format!("2024-05-08T{at}:00Z {STRANGER}");
            (key.to_owned(), reasons.clone(), first)
        });
        assert_eq!(keys, expected);
    }

    #[test]
    fn a_new_address_of_the_user_weighs_less_than_a_strangers() {
        let case = case(&[
            usual("05-01 10:00", OWN),
            usual("05-01 10:01", OTHER),
            // The user travels.
            call("05-03 10:00", OTHER).from("198.51.100.99", CLI),
            call("05-08 21:40", OWN).from(STRANGER, KALI),
        ]);
        let (reasons, _) = one(&case, OWN);
        assert_eq!(reasons, [Reason::NewAddress, Reason::NewAgent]);
    }

    #[test]
    fn a_key_without_calls_is_named_by_what_was_done_about_it() {
        let off = |name: &str| of_responder("05-10 14:00", name, OWN).status("Inactive");
        for name in ["UpdateAccessKey", "DeleteAccessKey"] {
            let case = case(&[usual("05-08 10:00", OTHER), off(name)]);
            assert_eq!(one(&case, OWN), (vec![Reason::TurnedOff], String::new()));
            assert!(!states(&case)[0].leak.keys[0].end.is_usable());
        }
        let refused = case(&[
            usual("05-08 10:00", OTHER),
            off("DeleteAccessKey").refused(),
        ]);
        assert_eq!(one(&refused, OTHER).0, [Reason::OnlyKey]);
    }

    #[test]
    fn a_key_of_the_response_did_not_leak() {
        let made = Call::new("05-10 13:00", "CreateAccessKey").by("responder", "AKIARESPONDER");
        let case = case(&[
            usual("05-08 10:00", OWN),
            made.on(user("alice")).made(testing::key("AKIAFRESH")),
            call("05-11 10:00", "AKIAFRESH").from("192.0.2.1", KALI),
        ]);
        assert_eq!(one(&case, OWN).0, [Reason::OnlyKey]);
    }

    #[test]
    fn a_first_foreign_use_after_the_quarantine_counts_too() {
        let case = case(&[
            usual("05-01 10:00", OWN),
            call("05-10 12:30", OWN).from(STRANGER, KALI).refused(),
        ]);
        let (reasons, first) = one(&case, OWN);
        assert_eq!(
            reasons,
            [Reason::NewAddress, Reason::NewAgent, Reason::OnlyKey]
        );
        assert!(first.ends_with(STRANGER));
        let before = states(&case)[0].leak.keys[0].before_quarantine;
        assert_eq!(before, Some(SignedDuration::from_mins(-30)));
    }

    #[test]
    fn a_policy_that_a_person_attached_names_no_key_without_foreign_use() {
        let by_person = || {
            Call::new("05-10 12:00", "AttachUserPolicy")
                .by("erin", "AKIAERIN")
                .from(OFFICE, CLI)
                .on(user("alice"))
                .quarantine(Quarantine::Made)
        };
        let off = of_responder("05-10 13:00", "DeleteAccessKey", OWN);
        let told_of = |more: &[Call]| {
            let calls = [usual("05-01 10:00", OWN), off.clone(), by_person()];
            let case = testing::case(&user("alice"), &[&calls, more].concat());
            let (finding, keys) = told(&case);
            (finding, keys.len(), states(&case)[0].leak.others.len())
        };
        assert_eq!(told_of(&[]), (Finding::NotByAws, 0, 1));
        // What AWS attached as well, and a foreign use, are reasons.
        assert_eq!(told_of(&[quarantine("alice")]), (Finding::One, 1, 0));
        let foreign = call("05-08 21:40", OWN).from(STRANGER, KALI);
        assert_eq!(told_of(&[foreign]), (Finding::One, 1, 0));
    }

    #[test]
    fn use_after_the_quarantine_alone_makes_no_address_foreign() {
        let case = case(&[
            call("05-10 13:00", OWN).from(STRANGER, KALI).refused(),
            usual("05-10 18:00", OTHER),
        ]);
        let leak = &states(&case)[0].leak;
        assert!(leak.foreign_addresses.is_empty(), "{leak:?}");
    }

    #[test]
    fn sessions_alone_or_no_key_at_all_name_none() {
        let of_session = case(&[usual("05-08 10:00", "ASIASESSION")]);
        assert_eq!(told(&of_session), (Finding::OnlySessions, vec![]));
        let calls = [Call::new("05-08 10:00", "GetUser").on(user("alice"))];
        let none = testing::case(&user("alice"), &calls);
        assert_eq!(told(&none), (Finding::NoKey, vec![]));
        let of_key = testing::case(&testing::key("ASIASESSION"), &[]);
        assert_eq!(told(&of_key), (Finding::NoUser, vec![]));
    }

    #[test]
    fn the_key_that_a_case_begins_with_leaked() {
        let calls = [
            usual("05-08 10:00", OWN),
            usual("05-08 10:01", OTHER),
            quarantine("alice"),
        ];
        let case = testing::case(&testing::key(OTHER), &calls);
        assert_eq!(one(&case, OTHER).0, [Reason::Begun]);
        let state = &states(&case)[0];
        assert!(state.quarantined.is_some());
        assert_eq!(state.leak.others, [&testing::key(OWN)]);
    }
}

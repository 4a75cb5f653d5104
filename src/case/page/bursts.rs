//! What happened to a user, in bursts: calls of one party from one address with short gaps between them, as a few words
//! each.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::clock::stamp;
use super::data::is_data;
use super::event_text::{actor, call, kind, target};
use super::own::Own;
use super::shown;
use super::tables::Rows;
use super::words::plural;
use crate::case::state::{Attributed, Party, Why};
use crate::case::{CaseEvent, is_of_aws};
use crate::follow::{Entity, Kind, Quarantine};
use crate::output::Column;
use crate::report::Relation;
use crate::steps;

/// Calls that are further apart belong to two bursts.
const GAP: SignedDuration = SignedDuration::from_mins(30);
/// Maximum number of names of a kind in the words about a burst.
const NAMES_MAX: usize = 4;
/// Maximum number of calls that the words about a burst name one by one.
const CALLS_MAX: usize = 8;

/// Whose calls a burst has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// The user was quarantined, or this was tried.
    Quarantine,
    /// Other calls of a party.
    Of(Party),
}

impl Side {
    /// Returns its name on a page.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Quarantine => "quarantine",
            Self::Of(party) => party.name(),
        }
    }

    /// Returns whether each burst has a line of its own. The others are joined where nothing comes between them.
    fn is_single(self) -> bool {
        matches!(
            self,
            Self::Quarantine | Self::Of(Party::Intruder | Party::Response)
        )
    }
}

/// A burst of calls.
#[derive(Debug)]
pub(super) struct Burst<'a> {
    pub(super) side: Side,
    /// True if it came after the windows of the quarantines.
    is_later: bool,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// The address, or the name that the log has in its place.
    pub(super) from: String,
    pub(super) events: Vec<&'a Attributed<'a>>,
}

/// Returns the bursts, in the order of their first calls. Events without a time are in none.
pub(super) fn bursts<'a>(own: &Own<'a>) -> Vec<Burst<'a>> {
    let mut bursts: Vec<Burst<'a>> = Vec::new();
    // The last burst of each side and address.
    let mut open: BTreeMap<(Side, bool, &str), usize> = BTreeMap::new();
    for one in own.attributed() {
        let Some(time) = one.event.alert.time() else {
            continue;
        };
        let alert = &one.event.alert;
        let from = alert.text(Column::SourceAddress).unwrap_or_default();
        let side = side(one);
        let key = (side, one.is_later, from);
        let last = open.get(&key).and_then(|n| bursts.get_mut(*n));
        match last {
            Some(burst) if time.duration_since(burst.last) <= GAP => {
                burst.last = burst.last.max(time);
                burst.events.push(one);
            }
            _ => {
                open.insert(key, bursts.len());
                bursts.push(Burst {
                    side,
                    is_later: one.is_later,
                    first: time,
                    last: time,
                    from: shown(from),
                    events: vec![one],
                });
            }
        }
    }
    bursts
}

fn side(one: &Attributed<'_>) -> Side {
    use Relation::{FailedAttach, LegacyQuarantine};
    match one.event.story.quarantine {
        Some(Quarantine::Made | Quarantine::Beside(FailedAttach | LegacyQuarantine)) => {
            Side::Quarantine
        }
        _ => Side::Of(one.by.party),
    }
}

/// A line of the narrative.
#[derive(Debug)]
pub(super) struct BurstFacts {
    pub(super) side: &'static str,
    /// The class of the line on a page.
    pub(super) class: &'static str,
    /// True if it is not known whose calls they are, and the reason is not the same for all of the user's calls.
    pub(super) is_doubtful: bool,
    pub(super) when: String,
    pub(super) text: String,
    /// The reasons why the calls are said to be of this side.
    pub(super) why: String,
    /// The part of the page's address that shows its events.
    pub(super) link: String,
}

/// Returns the narrative: each burst of the intruder, the quarantine and the response, and the other calls between them
/// as one line each.
pub(super) fn narrative(own: &Own<'_>, bursts: &[Burst<'_>]) -> Rows<BurstFacts> {
    let mut lines = Vec::new();
    let mut rest = bursts.iter().peekable();
    let (mut has_foreign, mut has_response) = (false, false);
    while let Some(burst) = rest.next() {
        let mut joined = vec![burst];
        let is_alike = |next: &&Burst<'_>| {
            !burst.side.is_single() && (next.side, next.is_later) == (burst.side, burst.is_later)
        };
        while let Some(next) = rest.next_if(|next| is_alike(next)) {
            joined.push(next);
        }
        // Lines that a reader must see, before the others.
        let rank = match burst.side {
            Side::Quarantine => 0,
            Side::Of(Party::Intruder) => u8::from(std::mem::replace(&mut has_foreign, true)),
            Side::Of(Party::Response) => u8::from(std::mem::replace(&mut has_response, true)),
            Side::Of(Party::Unknown) => 2,
            Side::Of(_) => 3,
        };
        lines.push((rank, line(own, &joined)));
    }
    Rows::by_rank(lines)
}

/// Returns a line about bursts of one side.
fn line(own: &Own<'_>, bursts: &[&Burst<'_>]) -> BurstFacts {
    let first = bursts.iter().map(|burst| burst.first).min();
    let last = bursts.iter().map(|burst| burst.last).max();
    let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
    let side = bursts
        .first()
        .map_or(Side::Of(Party::Unknown), |burst| burst.side);
    let text = match bursts {
        [one] => text(own, one),
        many => {
            let n = many.iter().map(|burst| burst.events.len() as u64).sum();
            let mut from: Vec<&str> = many.iter().map(|burst| burst.from.as_str()).collect();
            from.sort_unstable();
            from.dedup();
            let events = many.iter().flat_map(|burst| burst.events.iter());
            let deeds = deeds(&events.map(|one| one.event).collect::<Vec<_>>());
            format!("{} from {}{deeds}", plural(n, "call"), some(&from))
        }
    };
    let is_later = bursts.iter().any(|burst| burst.is_later);
    let later = match is_later {
        true => "after the time range of the case (only changes and the first calls are kept): ",
        false => "",
    };
    let mut why: Vec<Why> = bursts
        .iter()
        .flat_map(|burst| burst.events.iter().map(|one| one.by.why))
        .collect();
    why.sort_unstable();
    why.dedup();
    let is_unknown = side == Side::Of(Party::Unknown);
    let is_alike = is_unknown && why == [Why::NothingForeign];
    let name = match side {
        Side::Of(Party::Unknown) if is_alike => "the user's keys",
        // Where nothing leaked, nobody responds.
        Side::Of(Party::Response) if own.is_false_alarm() => Party::Other.name(),
        side => side.name(),
    };
    let why: Vec<&str> = why.into_iter().map(Why::words).collect();
    BurstFacts {
        side: name,
        class: side.name(),
        is_doubtful: is_unknown && !is_alike,
        when: own.clock.span(first, last),
        text: format!("{later}{text}"),
        why: why.join("; "),
        link: link(first, last),
    }
}

/// Returns the part of the page's address that shows the events of a span of time.
pub(super) fn link(first: Timestamp, last: Timestamp) -> String {
    let [from, to] = [first, last].map(|time| stamp(time, 'T', true));
    format!("#events?from={from}Z&to={to}Z")
}

/// Returns a burst in words.
fn text(own: &Own<'_>, burst: &Burst<'_>) -> String {
    let events: Vec<&CaseEvent> = burst.events.iter().map(|one| one.event).collect();
    let n = events.len() as u64;
    let is_of_aws = burst.events.iter().all(|one| is_of_aws(&one.event.alert));
    let from = match burst.from.as_str() {
        // AWS's own calls have a name in place of an address.
        from if from.is_empty() || is_of_aws => String::new(),
        from => format!(" from {from}"),
    };
    match burst.side {
        Side::Of(Party::Intruder | Party::User | Party::Unknown) => {
            let refused = events.iter();
            let refused = refused.filter(|event| event.story.error_code.is_some());
            let refused = match refused.count() {
                0 => String::new(),
                n => format!(" ({n} refused)"),
            };
            let by = by_others(own, &events);
            format!("{}{refused}{from}{by}{}", plural(n, "call"), deeds(&events))
        }
        Side::Quarantine | Side::Of(Party::Response | Party::Other | Party::Aws) => {
            let actors = actors(own, &events);
            let actors: Vec<&str> = actors.iter().map(String::as_str).collect();
            format!("{}{from}: {}", some(&actors), listed(&events, " refused"))
        }
    }
}

/// Returns those who acted, each once.
fn actors(own: &Own<'_>, events: &[&CaseEvent]) -> Vec<String> {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut actors: Vec<String> = Vec::new();
    for event in events {
        let name = actor(event, own.account());
        if seen.insert(name.clone()) {
            actors.push(name);
        }
    }
    actors
}

/// Returns who acted, if that was not the user itself but only what it led to.
fn by_others(own: &Own<'_>, events: &[&CaseEvent]) -> String {
    let has_actor = |event: &&&CaseEvent| !event.story.traces.actors.is_empty();
    let named: Vec<&CaseEvent> = events.iter().filter(has_actor).copied().collect();
    if named.is_empty() || named.iter().any(|event| own.is_by_user(event)) {
        return String::new();
    }
    let actors = actors(own, &named);
    let actors: Vec<&str> = actors.iter().map(String::as_str).collect();
    format!(" by {}", some(&actors))
}

/// Returns calls with their targets, and with this word after those that were refused.
fn listed(events: &[&CaseEvent], after_refused: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for event in events {
        let target = match target(event) {
            target if target.is_empty() => String::new(),
            target => format!(" ({target})"),
        };
        let refused = event
            .story
            .error_code
            .as_ref()
            .map_or("", |_| after_refused);
        words.push(format!("{}{refused}{target}", call(event)));
    }
    words.dedup();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    some_of(&words, CALLS_MAX)
}

/// Returns the first names of a list, and how many more there are.
fn some(names: &[&str]) -> String {
    some_of(names, NAMES_MAX)
}

fn some_of(names: &[&str], n_max: usize) -> String {
    let (named, more) = names.split_at(names.len().min(n_max));
    match more.len() {
        0 => named.join(", "),
        n => format!("{} and {n} more", named.join(", ")),
    }
}

/// Returns what was done in words that say more than the calls' names: roles taken, users made, instances started.
fn deeds(events: &[&CaseEvent]) -> String {
    let mut deeds: Vec<String> = Vec::new();
    let succeeded: Vec<&CaseEvent> = events
        .iter()
        .copied()
        .filter(|event| event.story.error_code.is_none())
        .collect();
    let policies = policies_of_made_users(&succeeded);
    deeds.extend(took(&succeeded));
    deeds.extend(made(&succeeded, &policies));
    // Calls that touched data, which a reader must see, and the others.
    let (mut data, mut others): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for event in &succeeded {
        let is_named = !event.story.traces.made.is_empty() || !event.story.traces.given.is_empty();
        let action = call(event);
        let is_of_data = is_data(event).is_some();
        if is_named || is_of_made_user(event, &policies) || is_read(event) && !is_of_data {
            continue;
        }
        let words = match target(event) {
            target if target.is_empty() => action,
            target => format!("{action} ({target})"),
        };
        match is_of_data {
            true => data.push(words),
            false => others.push(words),
        }
    }
    for mut words in [data, others] {
        words.dedup();
        if !words.is_empty() {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            deeds.push(some_of(&words, CALLS_MAX));
        }
    }
    let refused: Vec<&CaseEvent> = events
        .iter()
        .copied()
        .filter(|event| event.story.error_code.is_some() && !is_read(event))
        .collect();
    if !refused.is_empty() {
        deeds.push(format!("was refused {}", listed(&refused, "")));
    }
    if deeds.is_empty() {
        let mut reads: Vec<String> = succeeded.iter().map(|event| call(event)).collect();
        reads.sort_unstable();
        reads.dedup();
        let reads: Vec<&str> = reads.iter().map(String::as_str).collect();
        if !reads.is_empty() {
            deeds.push(format!("only looked: {}", some(&reads)));
        }
    }
    match deeds.is_empty() {
        true => String::new(),
        false => format!("; {}", deeds.join("; ")),
    }
}

/// Returns whether a call only reads: the log says so, or, in older logs, its name does.
fn is_read(event: &CaseEvent) -> bool {
    let action = event.alert.text(Column::EventAction).unwrap_or_default();
    let verbs = ["Get", "List", "Describe", "Head", "Lookup"];
    let is_named_so = verbs.iter().any(|verb| action.starts_with(verb));
    event.story.read_only.unwrap_or(is_named_so)
}

/// Returns the roles that were taken, in their order.
fn took(events: &[&CaseEvent]) -> Option<String> {
    let mut roles: Vec<String> = Vec::new();
    for event in events {
        let given = event.story.traces.given.iter();
        let taken = given
            .filter(|one| one.kind == Kind::Session)
            .filter_map(|session| Entity::role_of_session(&session.name));
        roles.extend(taken.map(|role| shown(&role.name)));
    }
    roles.dedup();
    let (first, others) = roles.split_first()?;
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    Some(match others.is_empty() {
        true => format!("took role {first}"),
        false => format!("took role {first}, then {}", some(&others)),
    })
}

/// Returns what was made and started, with the policies that made users got.
fn made(events: &[&CaseEvent], policies: &PoliciesOfUsers<'_>) -> Vec<String> {
    let mut made: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
    for event in events {
        for entity in &event.story.traces.made {
            let name = match entity.kind {
                Kind::Policy => shown(entity.name.rsplit('/').next().unwrap_or_default()),
                _ => shown(&entity.name),
            };
            let with = match policies.get(entity) {
                Some(policies) if !policies.is_empty() => format!(" with {}", policies.join(", ")),
                _ => String::new(),
            };
            let beside = match entity.kind {
                Kind::Instance => instance_words(event),
                _ => with,
            };
            made.entry(entity.kind).or_default().push(name + &beside);
        }
    }
    let words = made.into_iter().map(|(of, names)| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let names = some(&names);
        match of {
            Kind::Instance => format!("started {names}"),
            Kind::LoginProfile => format!("set a console password for {names}"),
            Kind::AccessKey => format!("made key {names}"),
            other => format!("made {} {names}", kind(other)),
        }
    });
    words.collect()
}

/// Returns the type of the instances that an event started, and their region, as far as it names them.
fn instance_words(event: &CaseEvent) -> String {
    let targets = event.story.touched.targets.iter();
    let types = targets.filter(|target| target.kind == "instance_type");
    let mut words: Vec<String> = types.map(|target| shown(&target.name)).collect();
    words.extend(event.alert.text(Column::AwsRegion).map(shown));
    match words.is_empty() {
        true => String::new(),
        false => format!(" ({})", words.join(", ")),
    }
}

/// The policies that were attached to each user that some events made.
type PoliciesOfUsers<'e> = BTreeMap<&'e Entity, Vec<String>>;

fn policies_of_made_users<'e>(events: &[&'e CaseEvent]) -> PoliciesOfUsers<'e> {
    let made = events.iter().flat_map(|event| &event.story.traces.made);
    let users = made.filter(|one| one.kind == Kind::User);
    let mut policies: PoliciesOfUsers<'e> = users.map(|user| (user, Vec::new())).collect();
    for event in events.iter().filter(|event| is_attached(event)) {
        let on = &event.story.traces.on;
        let attached = on.iter().filter(|one| one.kind == Kind::Policy);
        let names = attached.map(|policy| policy.name.rsplit('/').next().unwrap_or_default());
        let names: Vec<String> = names.map(shown).collect();
        for user in on {
            if let Some(policies) = policies.get_mut(user) {
                policies.extend_from_slice(&names);
            }
        }
    }
    policies
}

/// Returns whether an event attached a policy to one of these users: the policy is named with the user.
fn is_of_made_user(event: &CaseEvent, users: &PoliciesOfUsers<'_>) -> bool {
    let mut on = event.story.traces.on.iter();
    is_attached(event) && on.any(|one| users.contains_key(one))
}

fn is_attached(event: &CaseEvent) -> bool {
    steps::take(1);
    event.alert.text(Column::EventAction) == Some("AttachUserPolicy")
}

/// Returns the spans of the intruder's or the response's bursts, for a chart.
pub(super) fn spans(bursts: &[Burst<'_>], side: Side) -> Vec<(Timestamp, Timestamp)> {
    let own = bursts.iter().filter(|burst| burst.side == side);
    own.map(|burst| (burst.first, burst.last)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::markdown;
    use crate::case::Case;
    use crate::case::testing::{Call, OFFICE, STRANGER, case, key, lifts, quarantine, user};
    use crate::output::Column;

    const LEAKED: &str = "AKIALEAKED";
    const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

    fn call(at: &str, name: &str) -> Call {
        Call::new(at, name).by("alice", LEAKED)
    }

    fn alices(calls: &[Call]) -> Case {
        let known = [
            call("05-01 10:00", "ListBuckets").from(OFFICE, "cli"),
            call("05-08 21:40", "ListUsers").from(STRANGER, "kali"),
        ];
        case(&user("alice"), &[&known[..], calls].concat())
    }

    /// Returns the lines of the narrative.
    fn story(case: &Case) -> Vec<String> {
        let text = markdown(case, None).unwrap().replace('\\', "");
        let story = text.split_once("### What happened").unwrap().1;
        let story = story.split_once("### The quarantine").unwrap().0;
        let lines = story.lines().filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    }

    #[track_caller]
    fn has(lines: &[String], part: &str) {
        assert!(
            lines.iter().any(|line| line.contains(part)),
            "{part}: {lines:#?}"
        );
    }

    #[test]
    fn a_policy_is_named_with_or_without_the_user_that_it_was_attached_to() {
        let attach = |to: &str| {
            let call = call("05-08 21:50", "AttachUserPolicy").from(STRANGER, "kali");
            call.on(user(to)).policy(ADMIN).touches("user", to)
        };
        let alone = story(&alices(&[attach("bob"), quarantine("alice")]));
        has(
            &alone,
            "2 calls from 203.0.113.7; AttachUserPolicy (user bob)",
        );
        let made = call("05-08 21:45", "CreateUser")
            .from(STRANGER, "kali")
            .made(user("bob"));
        let both = [made, attach("bob"), attach("carol"), quarantine("alice")];
        has(
            &story(&alices(&both)),
            "made user bob; AttachUserPolicy (user carol)",
        );
    }

    #[test]
    fn a_long_story_keeps_the_quarantine_and_the_first_foreign_use() {
        let mut calls = vec![quarantine("alice"), lifts("05-12 10:00", "alice")];
        for n in 0..60 {
            let at = format!("05-{:02} {:02}:00", 2 + n / 12, n % 12 * 2);
            // Of an address that is not usual, so that no two lines are joined.
            let ops = Call::new(&at, "GetUser")
                .by("ops", "AKIAOPS")
                .on(user("alice"));
            calls.push(ops);
            let mine = at.replace(":00", ":40");
            calls.push(call(&mine, "ListBuckets").from(OFFICE, "cli"));
        }
        for n in 0..60 {
            let at = format!("05-{:02} {:02}:00", 13 + n / 12, n % 12 * 2);
            calls.push(call(&at, "ListBuckets").from(STRANGER, "kali"));
        }
        let story = story(&alices(&calls));
        for part in [
            "2024-05-08 21:40Z **intruder**",
            "2024-05-10 12:00Z **quarantine**",
            "2024-05-12 10:00Z **response**",
            " more lines are left out",
        ] {
            has(&story, part);
        }
        assert_eq!(
            story.iter().filter(|line| line.starts_with("- ")).count(),
            40
        );
    }

    #[test]
    fn what_cannot_be_told_is_a_line_of_its_own_with_the_reason() {
        let elsewhere = call("05-09 10:00", "GetObject").from("192.0.2.1", "cli");
        let other = Call::new("05-09 11:00", "GetUser")
            .by("ops", "AKIAOPS")
            .on(user("alice"));
        let story = story(&alices(&[elsewhere, other, quarantine("alice")]));
        has(
            &story,
            "**unknown**: 1 call from 192.0.2.1; only looked: GetObject (it was after the first foreign use, from no address that is known to be usual or foreign)",
        );
        has(&story, "**others**: somebody: GetUser");
    }

    #[test]
    fn a_quarantine_without_a_time_reads_as_a_sentence() {
        let mut undated = quarantine("alice").text(Column::EventTimeText, "soon");
        undated = undated.text(Column::ActorArn, "arn:aws:iam::111122223333:user/alice");
        let story = story(&alices(&[undated]));
        has(
            &story,
            "At a time that cannot be read, AWS (logged under arn:aws:iam::111122223333:user/alice) attached AWSCompromisedKeyQuarantineV2 to alice.",
        );
    }

    #[test]
    fn a_temporary_key_is_usable_until_it_ends_unless_it_is_denied() {
        let token = |id: &str, ends: &str| {
            let given = call("05-08 21:50", "GetSessionToken").from(STRANGER, "kali");
            given.given(key(id)).answer(&format!(
                "{{credentials={{accessKeyId={id}, expiration={ends}, sessionToken=x}}}}"
            ))
        };
        let calls = [
            token("ASIAEARLY", "May 9, 2024, 9:05:00 AM"),
            token("ASIALATE", "May 20, 2024, 9:05:00 PM"),
            token("ASIAPLAIN", "soon"),
            // One that the user got.
            call("05-02 10:00", "GetSessionToken")
                .from(OFFICE, "cli")
                .given(key("ASIAOWN"))
                .answer("{credentials={expiration=May 20, 2024, 9:05:00 PM}}"),
            quarantine("alice"),
        ];
        let text = markdown(&alices(&calls), None).unwrap();
        let row = text
            .lines()
            .find(|line| line.starts_with("| Temporary keys"))
            .unwrap();
        assert_eq!(
            row,
            "| Temporary keys of the intruder | ASIALATE (from GetSessionToken): usable until 2024-05-20 21:05:00Z, unless a policy denies it; \
             ASIAPLAIN (from GetSessionToken): the log does not show when it ends; unless a policy denies it, it may still be usable; \
             1 temporary key ended before the end of the log: ASIAEARLY |"
        );
        let usable = text
            .lines()
            .find(|line| line.starts_with("| Usable at the end"));
        assert!(
            usable.unwrap().contains("; temporary keys may be usable"),
            "{text}"
        );
    }

    #[test]
    fn who_lifted_a_quarantine_is_said_with_what_is_known_of_it() {
        let lifted = |by: Call| {
            let case = alices(&[quarantine("alice"), by]);
            let text = markdown(&case, None).unwrap();
            let row = text.lines().find(|line| line.starts_with("| Quarantine |"));
            row.unwrap().to_owned()
        };
        let by_ops = || lifts("05-12 10:00", "alice").text(Column::ActorName, "ops");
        assert!(lifted(by_ops()).ends_with(" by ops |"));
        let from = by_ops().from(STRANGER, "kali");
        assert!(lifted(from).ends_with(" by ops (the intruder) |"));
        let undated = by_ops().text(Column::EventTimeText, "soon");
        assert!(lifted(undated).contains("not clear"));
    }
}

//! The text of a story: its events, and what a case must know of them. `leaked_key.txt` describes the format.

use std::collections::BTreeMap;

use super::identity::Partition;

const DAY_SECONDS: i64 = 24 * 3600;

/// The text of a story, read.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) entries: Vec<Entry>,
    pub(super) facts: Vec<Fact>,
    /// True if records name the encryption of their connection. The oldest story has none.
    pub(super) has_tls: bool,
}

/// The caller.
#[derive(Debug, Clone, Copy)]
pub(super) struct Who {
    pub(super) is_role: bool,
    pub(super) account: char,
    pub(super) name: &'static str,
    pub(super) key: &'static str,
    pub(super) session: &'static str,
    /// The start of the session, in seconds from that of the quarantine's day.
    pub(super) since: Option<i64>,
    pub(super) has_mfa: bool,
}

/// The caller's address and program.
#[derive(Debug, Clone, Copy)]
pub(super) struct From {
    pub(super) address: &'static str,
    pub(super) agent: &'static str,
}

/// An event as the text describes it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: &'static str,
    /// Seconds from the start of the quarantine's day.
    pub(super) at: i64,
    pub(super) who: Who,
    pub(super) from: From,
    pub(super) service: &'static str,
    pub(super) call: &'static str,
    pub(super) region: &'static str,
    /// The account whose log contains it.
    pub(super) account: char,
    pub(super) shared: Option<&'static str>,
    pub(super) is_read: bool,
    pub(super) is_in_console: bool,
    pub(super) is_twice: bool,
    pub(super) kind: Kind,
    pub(super) case: Option<Case>,
    fields: Vec<(&'static str, &'static str)>,
}

/// The kind of an event in a hunt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The rule must find it.
    Match,
    /// It resembles a match.
    NearMiss,
    /// It does not contain the policy's name.
    Story,
}

/// The reason why an investigation must find an event, and the number of steps that lead to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) relation: &'static str,
    pub(super) hops: u32,
}

/// Something that a case must know about a user.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fact {
    pub(super) what: &'static str,
    pub(super) account: char,
    pub(super) user: &'static str,
    /// The options of `investigate` with which a case must know it, separated by commas.
    pub(super) with: &'static str,
    /// The members of an object in JSON, with blanks.
    pub(super) members: &'static str,
}

/// Reads a text.
///
/// # Panics
///
/// On an error in the program's own text; any test finds it.
pub(super) fn read(text: &'static str) -> Script {
    let mut all_who = BTreeMap::new();
    let mut all_from = BTreeMap::new();
    let mut script = Script::default();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    for line in lines.filter(|line| !line.is_empty()) {
        let (what, rest) = line.split_once(' ').expect("a line has more than a word");
        match what {
            "who" => {
                let (name, who) = read_who(rest);
                all_who.insert(name, who);
            }
            "from" => {
                let mut words = rest.splitn(3, ' ');
                let mut word = || words.next().expect("a name, an address, a program");
                let name = word();
                let (address, agent) = (word(), word());
                all_from.insert(name, From { address, agent });
            }
            "with" if rest == "tls" => script.has_tls = true,
            "!" => script.facts.push(read_fact(rest)),
            "=" => {
                let entry = Entry::open(rest, &all_who, &all_from);
                script.entries.push(entry);
            }
            _ => {
                let fields = &mut script.entries.last_mut().expect("an entry is open").fields;
                fields.push((what, rest));
            }
        }
    }
    script
}

fn read_who(text: &'static str) -> (&'static str, Who) {
    let mut words = text.split(' ');
    let mut word = || words.next().expect("a caller has a name, a kind, and more");
    let (name, kind) = (word(), word());
    let account = word().chars().next().expect("an account has a letter");
    let mut who = Who {
        is_role: kind == "role",
        account,
        name: word(),
        key: word(),
        session: "",
        since: None,
        has_mfa: false,
    };
    for more in words {
        match more.strip_prefix("since:") {
            Some(since) => {
                let (day, clock) = since.split_once('@').expect("a day and a time");
                who.since = Some(seconds(day, clock));
            }
            None if more == "mfa" => who.has_mfa = true,
            None => who.session = more,
        }
    }
    (name, who)
}

fn read_fact(text: &'static str) -> Fact {
    let mut words = text.splitn(4, ' ');
    let mut word = || words.next().expect("a fact has four parts");
    let (what, user, with, object) = (word(), word(), word(), word());
    let (account, user) = user.split_once('/').expect("an account and a user");
    let members = object
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    Fact {
        what,
        account: account.chars().next().expect("an account has a letter"),
        user,
        with,
        members: members.expect("an object"),
    }
}

/// Returns the seconds from the start of the quarantine's day to a time of another day.
fn seconds(day: &str, clock: &str) -> i64 {
    let day: i64 = day.parse().expect("a number of days");
    let clock = clock.split(':').map(|part| part.parse::<i64>());
    day * DAY_SECONDS + clock.fold(0, |sum, part| 60 * sum + part.expect("a number"))
}

impl Entry {
    fn open(
        line: &'static str,
        all_who: &BTreeMap<&str, Who>,
        all_from: &BTreeMap<&str, From>,
    ) -> Self {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("an entry has seven words");
        let name = word();
        let at = seconds(word(), word());
        let who = all_who[word()];
        let mut entry = Self {
            name,
            at,
            from: all_from[word()],
            service: word(),
            call: word(),
            region: Partition::Aws.home(),
            account: who.account,
            who,
            shared: None,
            is_read: false,
            is_in_console: false,
            is_twice: false,
            kind: Kind::Story,
            case: None,
            fields: Vec::new(),
        };
        for flag in words {
            let (flag, value) = flag.split_once(':').unwrap_or((flag, ""));
            match flag {
                "match" => entry.kind = Kind::Match,
                "near" => entry.kind = Kind::NearMiss,
                "read" => entry.is_read = true,
                "console" => entry.is_in_console = true,
                "twice" => entry.is_twice = true,
                "in" => entry.region = value,
                "at" => entry.account = value.chars().next().expect("an account has a letter"),
                "shared" => entry.shared = Some(value),
                "case" => {
                    let (relation, hops) = value.split_once(':').expect("a relation and hops");
                    let hops = hops.parse().expect("a number of steps");
                    entry.case = Some(Case { relation, hops });
                }
                _ => panic!("{line}: no flag is called {flag}"),
            }
        }
        entry
    }

    /// Returns one of the lines below its opening line.
    pub(super) fn field(&self, name: &str) -> Option<&'static str> {
        let mut fields = self.fields.iter();
        fields.find_map(|(field, text)| (*field == name).then_some(*text))
    }
}

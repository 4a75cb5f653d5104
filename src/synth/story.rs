//! A story of events over several days and accounts, from `leaked_key.txt`, which describes its own format.
//!
//! The story's events are in their own files, among ordinary records, as CloudTrail would have delivered them. As
//! everywhere in this module, each event is a pure function of the seed, the day and its entry.

use std::collections::BTreeMap;
use std::ops::Range;

use super::identity::{Account, Partition};
use super::plan::DELIVERY_SECONDS;
use super::rng::{self, Rng};
use super::scene::Place;
use super::time;

const LEAKED_KEY: &str = include_str!("leaked_key.txt");

/// Number of days that a story takes before the quarantine, and after it.
pub(super) const DAYS: (u32, u32) = (46, 3);
const DAY_SECONDS: i64 = 24 * 3600;
/// Number of accounts in the story, A to D.
pub(super) const N_ACCOUNTS: u64 = 4;
/// The number that separates its ids from all other random streams.
const IDS: u64 = 0x0073_746f_7279;

/// The caller.
#[derive(Debug, Clone, Copy)]
struct Who {
    is_role: bool,
    account: char,
    name: &'static str,
    key: &'static str,
    session: &'static str,
}

/// The caller's address and program.
#[derive(Debug, Clone, Copy)]
struct From {
    address: &'static str,
    agent: &'static str,
}

/// An event as the text describes it.
#[derive(Debug, Clone)]
struct Entry {
    name: &'static str,
    /// Seconds from the start of the quarantine's day.
    at: i64,
    who: Who,
    from: From,
    service: &'static str,
    call: &'static str,
    region: &'static str,
    /// The account whose log contains it.
    account: char,
    shared: Option<&'static str>,
    is_read: bool,
    is_in_console: bool,
    is_twice: bool,
    kind: Kind,
    case: Option<Case>,
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

/// The reason why an investigation must find it, and the number of steps that lead to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) relation: &'static str,
    pub(super) hops: u32,
}

/// An event of the story, as it is in a file.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) case: Option<Case>,
    pub(super) event_id: [u8; 36],
    pub(super) seconds: i64,
    pub(super) account: Account,
    /// The user that the request names.
    pub(super) user: Option<&'static str>,
    pub(super) sightings: u64,
    /// Its record.
    pub(super) text: Vec<u8>,
}

/// All files of a story.
#[derive(Debug, Default)]
pub(super) struct Story {
    told: Vec<Told>,
    /// Each file, with its range of events in `told`.
    files: Vec<(Place<'static>, Range<usize>)>,
}

impl Story {
    /// Creates the story of a leaked key, with the quarantine on the day that begins at `midnight`.
    pub(super) fn leaked_key(seed: u64, midnight: i64) -> Self {
        let teller = Teller { seed, midnight };
        // In the order of files: by account, region and time of delivery.
        let mut files: BTreeMap<(u64, &str, i64, bool), Vec<Told>> = BTreeMap::new();
        for (entry, nth) in read(LEAKED_KEY).iter().zip(0..) {
            let told = teller.tell(entry, nth);
            // Delivered five to ten minutes after the event.
            let slot = told.seconds.div_euclid(DELIVERY_SECONDS) + 2;
            let delivered = slot * DELIVERY_SECONDS;
            let file = (told.account.number, entry.region, delivered);
            if entry.is_twice {
                let again = (file.0, file.1, delivered + DELIVERY_SECONDS, true);
                files
                    .entry(again)
                    .or_default()
                    .push(teller.tell(entry, nth));
            }
            let first = (file.0, file.1, file.2, false);
            files.entry(first).or_default().push(told);
        }
        let mut story = Self::default();
        for ((account, region, delivered, organization), mut told) in files {
            told.sort_by_key(|told| told.seconds);
            let start = story.told.len();
            story.told.extend(told);
            let place = Place {
                account: Account::new(account),
                partition: Partition::Aws,
                region,
                delivered,
                organization,
            };
            story.files.push((place, start..story.told.len()));
        }
        story
    }

    /// Returns the number of files.
    pub(super) fn n_files(&self) -> u64 {
        self.files.len() as u64
    }

    /// Returns the place of the file with this number, and its events.
    pub(super) fn file(&self, nth: u64) -> Option<(Place<'static>, &[Told])> {
        let (place, events) = self.files.get(usize::try_from(nth).ok()?)?;
        Some((*place, self.told.get(events.clone())?))
    }
}

/// Reads all entries.
///
/// # Panics
///
/// On an error in the program's own text; any test finds it.
fn read(text: &'static str) -> Vec<Entry> {
    let mut all_who = BTreeMap::new();
    let mut all_from = BTreeMap::new();
    let mut entries: Vec<Entry> = Vec::new();
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
            "=" => entries.push(Entry::open(rest, &all_who, &all_from)),
            _ => {
                let fields = &mut entries.last_mut().expect("an entry is open").fields;
                fields.push((what, rest));
            }
        }
    }
    entries
}

fn read_who(text: &'static str) -> (&'static str, Who) {
    let mut words = text.split(' ');
    let mut word = || words.next().expect("a caller has a name, a kind, and more");
    let (name, kind) = (word(), word());
    let account = word().chars().next().expect("an account has a letter");
    let who = Who {
        is_role: kind == "role",
        account,
        name: word(),
        key: word(),
        session: words.next().unwrap_or_default(),
    };
    (name, who)
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
        let day: i64 = word().parse().expect("a number of days");
        let clock = word().split(':').map(|part| part.parse::<i64>());
        let second = clock.fold(0, |sum, part| 60 * sum + part.expect("a number"));
        let who = all_who[word()];
        let mut entry = Self {
            name,
            at: day * DAY_SECONDS + second,
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

    fn field(&self, name: &str) -> Option<&'static str> {
        let mut fields = self.fields.iter();
        fields.find_map(|(field, text)| (*field == name).then_some(*text))
    }
}

/// Turns described events into records.
struct Teller {
    seed: u64,
    midnight: i64,
}

impl Teller {
    fn tell(&self, entry: &Entry, nth: u64) -> Told {
        let mut ids = Rng::of(&[self.seed, nth, IDS]);
        let event_id = ids.uuid();
        let seconds = self.midnight + entry.at;
        Told {
            name: entry.name,
            kind: entry.kind,
            case: entry.case,
            event_id,
            seconds,
            account: account(entry.account),
            user: entry.field("request").and_then(|request| {
                let (_, rest) = request.split_once(r#""userName":""#)?;
                rest.split('"').next()
            }),
            sightings: if entry.is_twice { 2 } else { 1 },
            text: self.record(entry, seconds, &event_id, &mut ids),
        }
    }

    fn record(&self, entry: &Entry, seconds: i64, event_id: &[u8; 36], ids: &mut Rng) -> Vec<u8> {
        let is_sign_in = entry.service == "signin";
        let mut when = Vec::new();
        time::push_iso(time::civil(seconds), &mut when);
        let when = String::from_utf8_lossy(&when);
        let id = String::from_utf8_lossy(event_id);
        let mut text = format!(
            r#"{{"eventVersion":"1.10","userIdentity":{},"eventTime":"{when}","eventSource":"{}.amazonaws.com","eventName":"{}","awsRegion":"{}","sourceIPAddress":"{}","userAgent":"{}""#,
            identity(entry),
            entry.service,
            entry.call,
            entry.region,
            entry.from.address.replace('%', " "),
            entry.from.agent,
        );
        if let Some(error) = entry.field("error") {
            let (code, message) = error.split_once(' ').expect("a code and a message");
            text += &format!(r#","errorCode":"{code}","errorMessage":"{message}""#);
        }
        let field = |name| entry.field(name).unwrap_or("null");
        text += &format!(
            r#","requestParameters":{},"responseElements":{}"#,
            field("request"),
            field("response")
        );
        if let Some(more) = entry.field("more") {
            text += &format!(r#","additionalEventData":{more}"#);
        }
        let request_id = ids.uuid();
        if !is_sign_in {
            text += &format!(r#","requestID":"{}""#, String::from_utf8_lossy(&request_id));
        }
        let kind = match is_sign_in {
            true => "AwsConsoleSignIn",
            false => "AwsApiCall",
        };
        text += &format!(
            r#","eventID":"{id}","readOnly":{},"eventType":"{kind}","managementEvent":true,"recipientAccountId":"<account:{}>""#,
            entry.is_read, entry.account,
        );
        if let Some(shared) = entry.shared {
            let id = self.rng("shared", shared).uuid();
            text += &format!(r#","sharedEventID":"{}""#, String::from_utf8_lossy(&id));
        }
        text += r#","eventCategory":"Management""#;
        if entry.is_in_console {
            text += r#","sessionCredentialFromConsole":"true""#;
        }
        text += "}";
        self.fill(&text, seconds)
    }

    /// Replaces the names between `<` and `>` by values.
    fn fill(&self, text: &str, seconds: i64) -> Vec<u8> {
        let mut out = Vec::new();
        let mut parts = text.split('<');
        out.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
        for part in parts {
            let (blank, after) = part.split_once('>').expect("a blank is closed");
            let (kind, name) = blank.split_once(':').unwrap_or((blank, ""));
            let mut id = |before: &[u8], n, end: &[u8]| {
                out.extend_from_slice(before);
                self.rng(kind, name).text(rng::UPPER, n, &mut out);
                out.extend_from_slice(end);
            };
            match kind {
                "account" => {
                    let letter = name.chars().next().expect("an account has a letter");
                    out.extend_from_slice(&account(letter).id);
                }
                "key" => id(b"AKIA", 9, b"EXAMPLE"),
                "session" => id(b"ASIA", 9, b"EXAMPLE"),
                "user" => id(b"AIDA", 10, b"EXAMPLE"),
                "role" => id(b"AROA", 10, b"EXAMPLE"),
                "id" => self.rng(kind, name).text(rng::HEX, 17, &mut out),
                "now" => time::push_long(time::civil(seconds), &mut out),
                "later" => time::push_long(time::civil(seconds + 3600), &mut out),
                _ => panic!("{text}: no blank is called {blank}"),
            }
            out.extend_from_slice(after.as_bytes());
        }
        out
    }

    /// Returns a stream that is always the same for a name.
    fn rng(&self, kind: &str, name: &str) -> Rng {
        let letters = kind.bytes().chain([0]).chain(name.bytes()).map(u64::from);
        Rng::of(&[self.seed].into_iter().chain(letters).collect::<Vec<_>>())
    }
}

/// Returns the part of a record that describes the caller.
fn identity(entry: &Entry) -> String {
    let Who {
        is_role,
        account,
        name,
        key,
        session,
    } = entry.who;
    if entry.account != account {
        let id = match is_role {
            true => format!("<role:{name}>:{session}"),
            false => format!("<user:{name}>"),
        };
        return format!(
            r#"{{"type":"AWSAccount","principalId":"{id}","accountId":"<account:{account}>"}}"#
        );
    }
    let key = match (entry.service, entry.call) {
        // A sign-in has no key.
        ("signin", "ConsoleLogin") => String::new(),
        _ => format!(r#","accessKeyId":"<{key}>""#),
    };
    if is_role {
        return format!(
            r#"{{"type":"AssumedRole","principalId":"<role:{name}>:{session}","arn":"arn:aws:sts::<account:{account}>:assumed-role/{name}/{session}","accountId":"<account:{account}>"{key},"sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"<role:{name}>","arn":"arn:aws:iam::<account:{account}>:role/{name}","accountId":"<account:{account}>","userName":"{name}"}},"webIdFederationData":{{}},"attributes":{{"mfaAuthenticated":"false"}}}}{}}}"#,
            invoked_by(entry),
        );
    }
    format!(
        r#"{{"type":"IAMUser","principalId":"<user:{name}>","arn":"arn:aws:iam::<account:{account}>:user/{name}","accountId":"<account:{account}>"{key},"userName":"{name}"{}}}"#,
        invoked_by(entry),
    )
}

/// Returns the service that called, if the caller did not call itself.
fn invoked_by(entry: &Entry) -> String {
    let address = entry.from.address.replace('%', " ");
    match address.contains("amazonaws.com") || address == "AWS Internal" {
        true => format!(r#","invokedBy":"{address}""#),
        false => String::new(),
    }
}

/// Returns the account of a letter.
fn account(letter: char) -> Account {
    Account::new(u64::from(u32::from(letter) - u32::from('A')))
}

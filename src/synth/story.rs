//! A story of events over several days and accounts, with what a case must know of it.
//!
//! The story's events are in their own files, among ordinary records, as CloudTrail would have delivered them. As
//! everywhere in this module, each event is a pure function of the seed, the day and its entry in the script.

use std::collections::BTreeMap;
use std::ops::Range;

use super::config::Scenario;
use super::identity::{Account, Partition};
use super::plan::DELIVERY_SECONDS;
use super::rng::{self, Rng};
use super::scene::Place;
use super::script::{Case, Entry, Kind, Script, Who, read};
use super::time;

/// Number of days that a story takes before the quarantine, and after it.
pub(super) const DAYS: (u32, u32) = (46, 3);
/// Number of accounts in the story, A to D.
pub(super) const N_ACCOUNTS: u64 = 4;
/// The number that separates its ids from all other random streams.
const IDS: u64 = 0x0073_746f_7279;

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
    /// What a case must know, each as a line of JSON.
    facts: Vec<Vec<u8>>,
}

/// Returns the text of a scenario.
fn text(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::LeakedKey => include_str!("leaked_key.txt"),
        Scenario::RoleChain => include_str!("role_chain.txt"),
        Scenario::FalseAlarm => include_str!("false_alarm.txt"),
        Scenario::TwoUsers => include_str!("two_users.txt"),
    }
}

impl Story {
    /// Creates the story of a scenario, with the quarantine on the day that begins at `midnight`.
    pub(super) fn new(scenario: Scenario, seed: u64, midnight: i64) -> Self {
        let script = read(text(scenario));
        let teller = Teller {
            seed,
            midnight,
            script: &script,
        };
        // In the order of files: by account, region and time of delivery.
        let mut files: BTreeMap<(u64, &str, i64, bool), Vec<Told>> = BTreeMap::new();
        for (entry, nth) in script.entries.iter().zip(0..) {
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
        let mut story = Self {
            facts: teller.facts(),
            ..Self::default()
        };
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

    /// Returns what a case must know, each as a line of JSON.
    pub(super) fn facts(&self) -> &[Vec<u8>] {
        &self.facts
    }
}

/// Turns described events into records.
struct Teller<'a> {
    seed: u64,
    midnight: i64,
    script: &'a Script,
}

impl Teller<'_> {
    /// Returns the random numbers of an entry. The first ones are the id of its event.
    fn ids(&self, nth: u64) -> Rng {
        Rng::of(&[self.seed, nth, IDS])
    }

    fn facts(&self) -> Vec<Vec<u8>> {
        let facts = self.script.facts.iter().map(|fact| {
            let with = fact.with.split(',').map(|one| match one {
                "-" => r#""""#.to_owned(),
                options => format!(r#""{}""#, options.replace('+', " ")),
            });
            let with = with.collect::<Vec<_>>().join(",");
            let members = match fact.members {
                "" => String::new(),
                members => format!(",{members}"),
            };
            let line = format!(
                r#"{{"kind":"fact","fact":"{}","account_id":"<account:{}>","user_name":"{}","with":[{with}]{members}}}"#,
                fact.what, fact.account, fact.user,
            );
            self.fill(&line, 0)
        });
        facts.collect()
    }

    fn tell(&self, entry: &Entry, nth: u64) -> Told {
        let mut ids = self.ids(nth);
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
            self.identity(entry),
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
        text += &format!(r#","eventID":"{id}","readOnly":{}"#, entry.is_read);
        if let Some(resources) = entry.field("resources") {
            text += &format!(r#","resources":{resources}"#);
        }
        text += &format!(
            r#","eventType":"{kind}","managementEvent":true,"recipientAccountId":"<account:{}>""#,
            entry.account,
        );
        if let Some(shared) = entry.shared {
            let id = self.rng("shared", shared).uuid();
            text += &format!(r#","sharedEventID":"{}""#, String::from_utf8_lossy(&id));
        }
        text += r#","eventCategory":"Management""#;
        if self.script.has_tls && invoked_by(entry).is_empty() {
            text += &tls(entry);
        }
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
                "id_of" => out.extend_from_slice(&self.ids(self.entry(name).0).uuid()),
                "time_of" => {
                    let at = self.midnight + self.entry(name).1.at;
                    time::push_iso(time::civil(at), &mut out);
                }
                "now" => time::push_long(time::civil(seconds), &mut out),
                "later" => time::push_long(time::civil(seconds + 3600), &mut out),
                _ => panic!("{text}: no blank is called {blank}"),
            }
            out.extend_from_slice(after.as_bytes());
        }
        out
    }

    /// Returns the number of an entry, and the entry.
    fn entry(&self, name: &str) -> (u64, &Entry) {
        let mut entries = (0..).zip(&self.script.entries);
        let found = entries.find(|(_, entry)| entry.name == name);
        found.expect("an entry has this name")
    }

    /// Returns a stream that is always the same for a name.
    fn rng(&self, kind: &str, name: &str) -> Rng {
        let letters = kind.bytes().chain([0]).chain(name.bytes()).map(u64::from);
        Rng::of(&[self.seed].into_iter().chain(letters).collect::<Vec<_>>())
    }

    /// Returns the part of a record that describes the caller.
    fn identity(&self, entry: &Entry) -> String {
        let who = entry.who;
        let Who {
            is_role,
            account,
            name,
            key,
            session,
            ..
        } = who;
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
            let since = who.since.map(|since| {
                let mut date = Vec::new();
                time::push_iso(time::civil(self.midnight + since), &mut date);
                format!(r#""creationDate":"{}","#, String::from_utf8_lossy(&date))
            });
            return format!(
                r#"{{"type":"AssumedRole","principalId":"<role:{name}>:{session}","arn":"arn:aws:sts::<account:{account}>:assumed-role/{name}/{session}","accountId":"<account:{account}>"{key},"sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"<role:{name}>","arn":"arn:aws:iam::<account:{account}>:role/{name}","accountId":"<account:{account}>","userName":"{name}"}},"webIdFederationData":{{}},"attributes":{{{}"mfaAuthenticated":"{}"}}}}{}}}"#,
                since.unwrap_or_default(),
                who.has_mfa,
                invoked_by(entry),
            );
        }
        format!(
            r#"{{"type":"IAMUser","principalId":"<user:{name}>","arn":"arn:aws:iam::<account:{account}>:user/{name}","accountId":"<account:{account}>"{key},"userName":"{name}"{}}}"#,
            invoked_by(entry),
        )
    }
}

/// Returns the part of a record that describes the encryption of the connection.
fn tls(entry: &Entry) -> String {
    let (service, region) = (entry.service, entry.region);
    let host = match service {
        "iam" => "iam.amazonaws.com".to_owned(),
        "signin" => "signin.aws.amazon.com".to_owned(),
        _ => format!("{service}.{region}.amazonaws.com"),
    };
    format!(
        r#","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{host}"}}"#
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

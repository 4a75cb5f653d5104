//! Names that are near one that no event has: a user whose name was mistyped, for example.
//!
//! A pass reads only events with the name itself, so another pass looks at all names in the archive. It runs only if a
//! case begins with something that no event names, and it keeps only names that are near.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem;
use strsim::levenshtein;

use super::about::Unseen;
use super::rounds::Rounds;
use crate::engine::{
    self, Analyzer, Candidate, Emit, Interest, Local, Location, RawRecord, ReadAll, RunOptions,
    Search, SizeBytes,
};
use crate::error::Error;
use crate::follow::{Entity, Kind};
use crate::input::table::RowCriteria;

/// Maximum number of near names that are kept for one name.
const NAMES_MAX: usize = 5;
/// Maximum number of characters in which a near name differs.
const DISTANCE_MAX: usize = 2;
/// Maximum number of bytes of a name: IAM's names have at most 64, and its ids 128.
const NAME_BYTES_MAX: usize = 128;

/// Returns these identities, each with the names in the archive that are near.
pub(super) fn near_names(
    rounds: &mut Rounds<'_>,
    unseen: Vec<Entity>,
) -> Result<Vec<Unseen>, Error> {
    let is_looked_for = |one: &Entity| matches!(one.kind, Kind::User | Kind::AccessKey);
    let mut found: BTreeMap<usize, BTreeSet<(usize, String)>> = BTreeMap::new();
    if unseen.iter().any(is_looked_for) {
        let analyzer = NameAnalyzer { wanted: &unseen };
        let scan = rounds.scan_again();
        let mut take = |near: NearName| {
            let names = found.entry(near.nth).or_default();
            names.insert((near.distance, near.name));
            if names.len() > NAMES_MAX {
                names.pop_last();
            }
            Ok(())
        };
        engine::run_with(&scan, ReadAll, &analyzer, &mut take, RunOptions::default())?;
    }
    let unseen = unseen.into_iter().enumerate().map(|(nth, entity)| {
        let near = found.remove(&nth).unwrap_or_default().into_iter();
        Unseen {
            entity,
            near: near.map(|(_, name)| name).collect(),
        }
    });
    Ok(unseen.collect())
}

/// A name that is near one of those that were not found.
struct NearName {
    /// The position of the name that was not found.
    nth: usize,
    distance: usize,
    name: String,
}

impl SizeBytes for NearName {
    fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.name.len()
    }
}

struct NameAnalyzer<'a> {
    wanted: &'a [Entity],
}

/// The analyzer on one thread, with the near names that it has emitted.
struct LocalNames<'a> {
    wanted: &'a [Entity],
    emitted: BTreeSet<(usize, String)>,
}

/// Maximum number of names that a thread remembers.
const EMITTED_MAX: usize = 1000;

impl<'w> Analyzer for NameAnalyzer<'w> {
    type Output = NearName;
    type Local<'a>
        = LocalNames<'a>
    where
        Self: 'a;

    fn interest(&self) -> Interest {
        Interest {
            search: Search::Nothing,
            rows: RowCriteria::default(),
            records: true,
            text: false,
        }
    }

    fn local(&self) -> LocalNames<'_> {
        LocalNames {
            wanted: self.wanted,
            emitted: BTreeSet::new(),
        }
    }
}

impl Local for LocalNames<'_> {
    type Output = NearName;

    fn event(&mut self, _: &Candidate<'_>, _: &Location<'_>, _: &mut Emit<'_, NearName>) {}

    fn record(&mut self, record: &RawRecord<'_>, _: &Location<'_>, out: &mut Emit<'_, NearName>) {
        for (nth, wanted) in self.wanted.iter().enumerate() {
            let field: &[u8] = match wanted.kind {
                Kind::User => b"userName",
                Kind::AccessKey => b"accessKeyId",
                _ => continue,
            };
            for name in values(record.bytes, field) {
                let Some(distance) = distance(&wanted.name, name) else {
                    continue;
                };
                let key = (nth, name.to_owned());
                if self.emitted.len() < EMITTED_MAX && self.emitted.insert(key) {
                    let name = name.to_owned();
                    out.output(NearName {
                        nth,
                        distance,
                        name,
                    });
                }
            }
        }
    }
}

/// Returns the texts that follow a field's name in a record, also in JSON that is itself a text. Escapes in a value end
/// it, because names have none.
fn values<'r>(record: &'r [u8], field: &'r [u8]) -> impl Iterator<Item = &'r str> {
    memmem::find_iter(record, field).filter_map(move |at| {
        let rest = record.get(at + field.len()..)?;
        let is_between = |byte: &u8| matches!(byte, b'"' | b'\\' | b':' | b'=' | b' ');
        let start = rest.iter().take(8).position(|byte| !is_between(byte))?;
        let value = rest.get(start..)?;
        let value = value.get(..value.len().min(NAME_BYTES_MAX))?;
        let is_end = |byte: &u8| matches!(byte, b'"' | b'\\' | b',' | b'}');
        let value = value.get(..value.iter().position(is_end)?)?;
        std::str::from_utf8(value).ok() // A name that is no text is near nothing.
    })
}

/// Returns in how many characters two names differ; nothing if they are not near. A difference in case alone counts
/// as none.
fn distance(wanted: &str, name: &str) -> Option<usize> {
    if wanted == name || wanted.len().abs_diff(name.len()) > DISTANCE_MAX {
        return None;
    }
    if wanted.eq_ignore_ascii_case(name) {
        return Some(0);
    }
    let most = DISTANCE_MAX.min(wanted.chars().count() / 2);
    let distance = levenshtein(&wanted.to_lowercase(), &name.to_lowercase());
    (distance <= most).then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_near_by_case_and_by_two_letters() {
        for (wanted, name, expected) in [
            ("release-bot", "Release-Bot", Some(0)),
            ("release-bot", "relaese-bot", Some(2)),
            ("release-bot", "release-bots", Some(1)),
            ("release-bot", "elease-bot", Some(1)),
            ("release-bot", "release-bot", None),
            ("release-bot", "deploy", None),
            ("al", "xy", None),
            ("al", "ax", Some(1)),
            ("", "ab", None),
        ] {
            assert_eq!(distance(wanted, name), expected, "{wanted} {name}");
        }
        assert_eq!(
            (levenshtein("kitten", "sitting"), levenshtein("", "abc")),
            (3, 3)
        );
    }

    #[test]
    fn the_names_in_a_record_are_found_in_each_spelling() {
        let found = |record: &str| -> Vec<String> {
            let names = values(record.as_bytes(), b"userName");
            names.map(str::to_owned).collect()
        };
        assert_eq!(found(r#"{"userName":"bob","x":1}"#), ["bob"]);
        assert_eq!(
            found(r#"{"userName" : "bob"}, {"userName":"eve"}"#),
            ["bob", "eve"]
        );
        assert_eq!(found(r#"{"message":"{\"userName\":\"bob\"}"}"#), ["bob"]);
        assert_eq!(found("{userName=bob, x=1}"), ["bob"]);
        assert!(found(r#"{"userName":"#).is_empty() && found(r#"{"userName"#).is_empty());
    }
}

//! The main test: over archives of any make, the fast way gives the alerts of the slow, obvious one, for
//! any number of threads, mapped and read; and a cut costs nothing that stands before it.
//!
//! The fast way sees fewer faults than the reference would: it parses only candidates.

use std::collections::BTreeSet;
use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use trailsift::config::{HuntConfig, OutputConfig, ScanConfig};
use trailsift::input::Root;
use trailsift::output::{Destination, Format};

use crate::lake::{Lake, attach, attach_with, gzip, other, rows, zstd};
use crate::packing::{self, PACKINGS, Packing};
use crate::reference::{self, Found};

/// A record: sometimes a match, sometimes near one, often neither.
fn record() -> impl Strategy<Value = String> {
    let id = "[a-f0-9]{8}";
    let near = select(vec![
        (
            r#""eventName":"AttachUserPolicy""#,
            r#""eventName":"AttachRolePolicy""#,
        ),
        (
            r#""eventName":"AttachUserPolicy""#,
            r#""eventName":"attachUserPolicy""#,
        ),
        (r#""readOnly":false"#, r#""errorCode":"AccessDenied""#),
        (r#""readOnly":false"#, r#""errorMessage":"no""#),
        (
            r#""readOnly":false"#,
            r#""errorCode":"","errorMessage":null"#,
        ),
        (r#""readOnly":false"#, r#""errorCode":"x","errorCode":"""#),
        (
            r#""userName":"alice""#,
            r#""userName":"AWSCompromisedKeyQuarantine""#,
        ),
        (r#""eventID""#, r#""pad":"{\"[}]\\","eventID""#),
        (
            r#""eventID""#,
            r#""note":"AWSCompromisedKeyQuarantine é \u00e9 \ud83d\ude00","eventID""#,
        ),
        (
            r#""userName":"alice""#,
            r#""deep":[[{"a":["AWSCompromisedKeyQuarantine"]}]]"#,
        ),
    ]);
    prop_oneof![
        2 => id.prop_map(|id| attach(&id)),
        2 => (id, near).prop_map(|(id, (from, to))| attach(&id).replace(from, to)),
        1 => (id, any::<u32>()).prop_map(|(id, mask)| escaped(&attach(&id), mask)),
        1 => (id, vec(any::<Index>(), 20)).prop_map(|(id, order)| shuffled(&attach(&id), &order)),
        1 => id.prop_map(|id| quoting(&attach(&id))),
        3 => id.prop_map(|id| other(&id)),
        1 => id.prop_map(|id| attach_with(&id, "ReadOnlyAccess")),
        1 => id.prop_map(|id| attach(&id).replace(r#""type":"IAMUser""#, &format!(r#""type":"{}""#, "x".repeat(3000)))),
    ]
}

/// The record with letters of its values and keys written as escapes, where the mask says so.
fn escaped(record: &str, mask: u32) -> String {
    let mut bits = mask;
    let mut escape = |word: &str| {
        let letters = word.chars().map(|c| {
            bits = bits.rotate_left(1);
            if bits & 1 == 1 {
                format!("\\u{:04x}", c as u32)
            } else {
                c.to_string()
            }
        });
        letters.collect::<String>()
    };
    let words = [
        "AWSCompromisedKeyQuarantine",
        "AttachUserPolicy",
        "eventName",
        "policyArn",
    ];
    words.iter().fold(record.to_owned(), |record, word| {
        record.replace(word, &escape(word))
    })
}

/// The record with its members in another order.
fn shuffled(record: &str, order: &[Index]) -> String {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(record).unwrap();
    let mut members: Vec<_> = object.into_iter().collect();
    let mut text = Vec::new();
    for index in order {
        if !members.is_empty() {
            let (key, value) = members.remove(index.index(members.len()));
            text.push(format!("{}:{value}", serde_json::to_string(&key).unwrap()));
        }
    }
    text.extend(
        members
            .into_iter()
            .map(|(key, value)| format!("\"{key}\":{value}")),
    );
    format!("{{{}}}", text.join(" , "))
}

/// A record that quotes another one in its request, as text and as an object.
fn quoting(record: &str) -> String {
    let quoted = serde_json::to_string(record).unwrap();
    other("quoting").replace(
        r#""userName":"alice""#,
        &format!(r#""template":{quoted},"documents":[{record}]"#),
    )
}

/// A document: records in some shape that CloudTrail is found in.
fn document() -> impl Strategy<Value = String> {
    let shape = select(vec![
        "delivery",
        "array",
        "ndjson",
        "concatenated",
        "pretty",
        "pretty-array",
        "lines",
        "nested",
        "crlf",
        "no-event",
        "string",
        "detail",
        "late",
    ]);
    (shape, vec(record(), 0..6)).prop_map(|(shape, records)| {
        let join = |separator: &str| records.join(separator);
        let pretty = |json: String| {
            let value: serde_json::Value = serde_json::from_str(&json).unwrap();
            serde_json::to_string_pretty(&value).unwrap()
        };
        match shape {
            "delivery" => format!("{{\"Records\":[{}]}}", join(",")),
            "array" => format!("[{}]", join(",")),
            "ndjson" => join("\n"),
            "concatenated" => join(""),
            "pretty" => pretty(format!("{{\"Records\":[{}]}}", join(","))),
            "pretty-array" => pretty(format!("[{}]", join(","))),
            "lines" => format!("{{\"Records\":[\n{}\n]}}", join(",\n")),
            "nested" => format!("[[],{{\"a\":[{{\"Records\":[{}]}}]}}]", join(" ,\t")),
            "crlf" => format!("{}\r\n", join("\r\n\r\n")),
            "no-event" => "{\"digestStartTime\":\"x\",\"logFiles\":[]} null 17 \"x\" []".to_owned(),
            "detail" => records
                .iter()
                .map(|r| format!("{{ \"source\":\"aws.iam\", \"detail\" : {r} }}"))
                .collect(),
            "string" => {
                let events = records.iter().map(|r| {
                    format!(
                        "{{\"EventId\":\"x\",\"CloudTrailEvent\":{}}}",
                        serde_json::to_string(r).unwrap()
                    )
                });
                format!("{{\"Events\":[{}]}}", events.collect::<Vec<_>>().join(","))
            }
            _ => format!(
                "{{\"pad\":\"{}\",\"Records\":[{}]}}",
                "p".repeat(2000),
                join(",")
            ),
        }
    })
}

#[derive(Clone)]
struct File {
    text: String,
    stored: Vec<u8>,
    how: String,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}, {} bytes stored of {:?}",
            self.how,
            self.stored.len(),
            self.text
        )
    }
}

fn stored_only(stored: Vec<u8>) -> File {
    File {
        text: String::new(),
        stored,
        how: String::new(),
    }
}

fn file() -> impl Strategy<Value = File> {
    let separator = select(vec!["\n", "", " ", "\r\n", "\n\n"]);
    let documents = vec((document(), separator), 0..5);
    let parts = vec(any::<Index>(), 0..3);
    (
        documents,
        select(vec!["plain", "bom", "gzip", "zstd", "utf16le", "utf16be"]),
        parts,
        packings(),
    )
        .prop_map(|(documents, storing, parts, packings)| {
            let mut text: String = documents.iter().map(|(d, s)| format!("{d}{s}")).collect();
            if storing == "bom" {
                text.insert(0, '\u{feff}');
            }
            let bytes = text.as_bytes();
            let mut cuts: Vec<_> = parts.iter().map(|i| i.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let parts = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]);
            let stored = match storing {
                "gzip" => parts.flat_map(gzip).collect(),
                "zstd" => parts.flat_map(zstd).collect(),
                "utf16le" => utf16("\u{feff}", &text, u16::to_le_bytes),
                "utf16be" => utf16("\u{feff}", &text, u16::to_be_bytes),
                _ => bytes.to_vec(),
            };
            let stored = packings.iter().fold(stored, |stored, p| p.pack(&stored));
            let how = format!("{storing} in {packings:?}");
            File { text, stored, how }
        })
}

/// Containers round a file; mostly none.
fn packings() -> impl Strategy<Value = Vec<Packing>> {
    prop_oneof![
        2 => Just(Vec::new()),
        1 => vec(select(PACKINGS.to_vec()), 1..4),
    ]
}

fn utf16(mark: &str, text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let units = mark.encode_utf16().chain(text.encode_utf16());
    units.flat_map(bytes).collect()
}

/// How a hunt is done, which must not matter: threads, whether files are mapped, the size of blocks.
pub(crate) type Way = (usize, Option<u64>, usize);

/// What a hunt gives: the output's bytes, the diagnostics, whether all was read.
pub(crate) type Given = (Vec<u8>, Vec<String>, bool);

/// Hunts in this process.
pub(crate) fn hunt(lake: &Lake, (n_threads, map_from_bytes, block_bytes): Way) -> Given {
    let path = lake.beside("alerts.ndjson");
    let config = HuntConfig {
        // The files made may be empty, all of them.
        allows_no_events: true,
        scan: ScanConfig {
            roots: vec![Root::Path(lake.logs())],
            n_threads,
            map_from_bytes,
            block_bytes,
            ..ScanConfig::default()
        },
        output: OutputConfig {
            destination: Destination::File(path.clone()),
            format: Format::Ndjson,
            ..OutputConfig::default()
        },
        // The rows have it.
        run_id: "run".to_owned(),
        ..HuntConfig::default()
    };
    let report = trailsift::hunt::run(&config, &mut |_| ()).unwrap();
    let diagnostics = report.diagnostics.iter();
    let diagnostics = diagnostics.map(|diagnostic| format!("{:?} {diagnostic}", diagnostic.code));
    (
        fs::read(path).unwrap(),
        diagnostics.collect(),
        report.complete,
    )
}

/// The codes that are there.
fn codes(diagnostics: &[String]) -> BTreeSet<Option<&str>> {
    let words = diagnostics.iter().map(|d| d.split(' ').next());
    words.collect()
}

/// Whether it is told that something stands behind the end of what was decoded.
fn is_behind_told(diagnostics: &[String]) -> bool {
    let codes = codes(diagnostics);
    codes.contains(&Some("TrailingBytes")) || codes.contains(&Some("Appended"))
}

/// Any way but the plain one.
fn way() -> impl Strategy<Value = Way> {
    let map_from_bytes = select(vec![None, Some(1)]);
    // Smaller than a record, than a document, than a file; and such that no file is large.
    let block_bytes = prop_oneof![1usize..200, 200usize..5000, Just(usize::MAX)];
    (1usize..=8, map_from_bytes, block_bytes)
}

/// One thread, mapped, no blocks.
const PLAIN_WAY: Way = (1, Some(1), usize::MAX);

/// What the alerts say of their records. The place of a record inside a string is that of its wrapper,
/// which the reference sees otherwise: it is left out.
fn found(ndjson: &[u8], lake: &Lake) -> Vec<((String, Option<String>), Found)> {
    let path = lake.beside("found.ndjson");
    fs::write(&path, ndjson).unwrap();
    let rows = rows(&path).into_iter().map(|row| {
        let raw = row["raw_event"].as_str().unwrap().to_owned();
        let number = |name: &str| usize::try_from(row[name].as_u64().unwrap()).unwrap();
        let offset = number("log_offset");
        let file = row["log_file_path"]
            .as_str()
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap()
            .to_owned();
        let event_id = row["event_id"].as_str().map(str::to_owned);
        let member = row["log_file_member"].as_str().map(str::to_owned);
        (
            (file, member),
            Found {
                offset,
                end: offset + raw.len(),
                index: number("record_index"),
                event_id,
                raw,
            },
        )
    });
    rows.collect()
}

fn lake_of(files: &[File]) -> Lake {
    files
        .iter()
        .enumerate()
        .fold(Lake::new(), |lake, (i, file)| {
            lake.file(&format!("{i:03}"), &file.stored)
        })
}

proptest! {
    #[test]
    fn the_fast_way_finds_what_the_slow_one_finds(files in vec(file(), 1..6), ways in vec(way(), 3)) {
        let lake = lake_of(&files);
        let given = hunt(&lake, PLAIN_WAY);
        let (ndjson, _, is_complete) = &given;
        prop_assert!(is_complete);
        let mut expected = Vec::new();
        for (i, file) in files.iter().enumerate() {
            let texts = packing::texts(&file.stored);
            let is_there = texts.iter().any(|(_, text)| text == file.text.as_bytes());
            prop_assert!(is_there || file.text.is_empty());
            for (member, text) in texts {
                let alerts = reference::alerts(&text);
                let file = (format!("{i:03}"), member);
                expected.extend(alerts.into_iter().map(|found| (file.clone(), found)));
            }
        }
        let found = found(ndjson, &lake);
        prop_assert_eq!(found.len(), expected.len());
        for ((file, found), (expected_file, expected)) in found.iter().zip(&expected) {
            prop_assert_eq!(file, expected_file);
            prop_assert_eq!((&found.event_id, &found.raw), (&expected.event_id, &expected.raw));
            let text = &files[file.0.parse::<usize>().unwrap()].text;
            if text.get(expected.offset..expected.end) == Some(expected.raw.as_str()) {
                prop_assert_eq!((found.offset, found.index), (expected.offset, expected.index));
            } else {
                prop_assert!(found.offset <= expected.offset && expected.index == found.index);
            }
        }
        for way in ways {
            prop_assert_eq!(&hunt(&lake, way), &given, "{:?}", way);
        }
    }

    #[test]
    fn damaged_text_gives_the_same_in_any_way(
        file in file(),
        damages in vec((any::<Index>(), select(vec!["\"", "\n", "{", "}", "[", "]", ",", "\\", "\n{", "\u{0}"]), 0usize..30), 1..5),
        ways in vec(way(), 3),
    ) {
        let mut text = file.text.into_bytes();
        for (at, put, n_taken) in damages {
            let at = at.index(text.len() + 1);
            let end = text.len().min(at + n_taken);
            text.splice(at..end, put.bytes());
        }
        let middle = text.len() / 2;
        let members = [gzip(&text[..middle]), gzip(&text[middle..])].concat();
        let frames = [zstd(&text[..middle]), zstd(&text[middle..])].concat();
        let mut outputs = Vec::new();
        for stored in [text, members, frames] {
            let lake = lake_of(&[stored_only(stored)]);
            let given = hunt(&lake, PLAIN_WAY);
            for way in &ways {
                prop_assert_eq!(&hunt(&lake, *way), &given, "{:?}", way);
            }
            let found = found(&given.0, &lake);
            outputs.push(found.into_iter().map(|(_, found)| found.raw).collect::<Vec<_>>());
        }
        prop_assert_eq!(&outputs[0], &outputs[1]);
        prop_assert_eq!(&outputs[0], &outputs[2]);
    }

    #[test]
    fn damage_to_what_is_stored_gives_the_same_in_any_way(
        file in file(),
        damages in vec((any::<Index>(), any::<u8>()), 1..3),
        ways in vec(way(), 3),
    ) {
        let File { mut stored, how, .. } = file;
        for (at, byte) in damages {
            if !stored.is_empty() {
                let at = at.index(stored.len());
                stored[at] ^= byte;
            }
        }
        let lake = lake_of(&[stored_only(stored)]);
        let given = hunt(&lake, PLAIN_WAY);
        for way in ways {
            let (ndjson, diagnostics, is_complete) = hunt(&lake, way);
            // Only of a file that is at hand as a whole what stands behind its end is opened by itself.
            if is_behind_told(&diagnostics) || is_behind_told(&given.1) {
                prop_assert!(!(is_complete && ndjson.len() < given.0.len()), "{:?}", way);
                prop_assert!(!(given.2 && given.0.len() < ndjson.len()), "{:?}", way);
                continue;
            }
            prop_assert_eq!(&ndjson, &given.0, "{:?}", way);
            // A stream shows a fault in what came at once, not always at its very byte. Of a zip it does not see
            // the directory at the end, which some headers leave the lengths and sums to.
            let sees_less = how.contains("Zip");
            prop_assert!(is_complete == given.2 || sees_less, "{:?}", way);
            if sees_less {
                prop_assert!(is_complete || !diagnostics.is_empty(), "{:?}", way);
            } else if way.1.is_some() {
                prop_assert_eq!(&diagnostics, &given.1, "{:?}", way);
            } else {
                prop_assert_eq!(codes(&diagnostics), codes(&given.1), "{:?}", way);
            }
        }
    }

    #[test]
    fn a_cut_costs_only_what_it_cuts(file in file(), cut in any::<Index>()) {
        let whole = reference::alerts(file.text.as_bytes());
        let is_plain = file.stored == file.text.as_bytes();
        let cut = cut.index(file.stored.len() + 1);
        let stored = file.stored[..cut].to_vec();
        let lake = lake_of(&[stored_only(stored)]);
        let (ndjson, _, is_complete) = hunt(&lake, (2, None, usize::MAX));
        let found = found(&ndjson, &lake);
        // What is found is a beginning of what the whole gives.
        prop_assert!(found.len() <= whole.len());
        for ((_, found), whole) in found.iter().zip(&whole) {
            prop_assert_eq!((&found.event_id, &found.raw), (&whole.event_id, &whole.raw));
        }
        if is_plain {
            let n_before = whole.iter().filter(|alert| alert.end <= cut).count();
            prop_assert_eq!(found.len(), n_before);
            let is_inside = whole.iter().any(|alert| {
                let needle = alert.offset + file.text[alert.offset..alert.end]
                    .find("Quarantine").unwrap_or(alert.raw.len()) + "Quarantine".len();
                (needle..alert.end).contains(&cut)
            });
            prop_assert!(!(is_inside && is_complete), "a candidate that is cut off is told");
        }
        prop_assert_eq!(&hunt(&lake, (1, Some(1), 300)).0, &ndjson);
    }
}

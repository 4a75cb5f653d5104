use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::report::Code;
use crate::scan::{Prefilter, is_sequence};

const NEEDLE: &str = "NEEDLE";

/// What is found in a text: the raw records with their places, and the codes of what is reported.
#[derive(Debug, PartialEq, Eq)]
struct Scanned {
    events: Vec<(u64, String)>,
    records: Vec<String>,
    codes: Vec<(Code, Option<u64>)>,
    n_counted: u64,
}

/// Scans a text in windows of so many bytes, or of twice what is kept.
fn scan_in(text: &[u8], window_bytes: usize) -> Scanned {
    let prefilter = Arc::new(Prefilter::new(&[NEEDLE]));
    let mut scanner = Scanner::new(prefilter).showing_records(true);
    scanner.start_text(0);
    let (mut events, mut records) = (Vec::new(), Vec::new());
    let (mut keep, mut end, mut is_last) = (0, 0_usize, false);
    while !is_last {
        end = text.len().min(end.saturating_add(window_bytes));
        is_last = end == text.len();
        let window = Window {
            bytes: &text[keep..end],
            base: keep as u64,
            is_last,
            likely_start: None,
        };
        let kept = scanner.scan_items(window, &mut |item| match item {
            ScanItem::Event(candidate) => {
                let raw = String::from_utf8_lossy(candidate.raw).into_owned();
                events.push((candidate.unit.start, raw));
            }
            ScanItem::Record(_, record) => {
                records.push(String::from_utf8_lossy(record.bytes).into_owned());
            }
        });
        keep = usize::try_from(kept).unwrap();
    }
    let place = |defect: &crate::report::Defect| defect.offset.map(|(_, offset)| offset);
    Scanned {
        events,
        records,
        codes: scanner.defects.iter().map(|d| (d.code, place(d))).collect(),
        n_counted: scanner.events.judged,
    }
}

fn scan(text: &str) -> Scanned {
    let whole = scan_in(text.as_bytes(), usize::MAX);
    for window_bytes in [1, 7, 64, 300] {
        assert_eq!(scan_in(text.as_bytes(), window_bytes), whole, "{text}");
    }
    whole
}

fn record(id: u32) -> String {
    format!(
        r#"{{"eventVersion":"1.08","eventName":"Attach","userAgent":"it's a \"b\" c","requestParameters":{{"a":"NEEDLE"}},"eventID":"{id}"}}"#
    )
}

fn object(json: &str) -> serde_json::Value {
    serde_json::from_str(json).unwrap()
}

fn text(id: u32) -> String {
    let record = record(id);
    format!(
        "EVENTS\tAKIAIOSFODNN7EXAMPLE\t{record}\t{id}\tAttach\tiam.amazonaws.com\t2024\tfalse\tops\nRESOURCES\tNEEDLE\tPolicy\nRESOURCES\tb\tUser\n"
    )
}

/// An element with its record in one of several styles.
fn yaml(id: u32, style: usize) -> String {
    let record = record(id);
    let single = record.replace('\'', "''");
    let double = serde_json::to_string(&record).unwrap();
    let scalar = match style {
        0 => format!("'{single}'"),
        1 => double,
        2 => format!("'{}'", single.replace(' ', "\n    ")),
        3 => double
            .replace(" a ", "\n    a\\\n    \\ ")
            .replace("N", "\\x4e"),
        _ => format!("|-\n    {}", record.replace(",\"", ",\n      \"")),
    };
    format!(
        "- AccessKeyId: AKIAIOSFODNN7EXAMPLE\n  CloudTrailEvent: {scalar}\n  EventId: '{id}'\n  EventName: Attach\n  EventSource: iam.amazonaws.com\n  EventTime: '2024'\n  Resources:\n  - ResourceName: NEEDLE\n    ResourceType: Policy\n  Username: ops\n"
    )
}

#[test]
fn each_element_is_read_once_whatever_its_resources_name() {
    let items = |style| [yaml(1, style), yaml(2, style)].concat();
    let deeper = format!("  {}", items(0).replace('\n', "\n  ").trim_end());
    let mut texts = vec![
        [text(1), text(2)].concat(),
        format!("\u{feff}{}\n{}", text(1), text(2).trim_end()),
        text(1) + &text(2).replace("AKIAIOSFODNN7EXAMPLE\t", ""),
        [text(1), text(2)].concat().replace('\n', "\r\n"),
        format!("- Events:\n{deeper}\n"),
        format!("Events:\n{deeper}"),
        format!(
            "---\nEvents:\n{}NextToken: abc\n---\nEvents:\n{}",
            yaml(1, 0),
            yaml(2, 1)
        ),
        format!("# of May\n\n{}", items(0)),
    ];
    texts.extend((0..5).map(|style| format!("Events:\n{}", items(style))));
    for text in texts {
        let found = scan(&text);
        let events: Vec<_> = found.events.iter().map(|(_, raw)| object(raw)).collect();
        assert_eq!(events, [1, 2].map(|id| object(&record(id))), "{text}");
        assert_eq!((found.codes, found.n_counted), (vec![], 2), "{text}");
        let records: Vec<_> = found.records.iter().map(|json| object(json)).collect();
        let actions = records.iter().map(|object| &object["EventName"]);
        assert_eq!(actions.collect::<Vec<_>>(), ["Attach"; 2], "{text}");
        assert!(is_sequence(text.as_bytes()));
    }
}

#[test]
fn where_the_elements_end_documents_are_read() {
    let tail = format!("{}\n[{}]\n", record(7), record(8));
    for elements in [text(1), format!("Events:\n{}", yaml(1, 0))] {
        for between in ["", "\n", "Done.\n", "x,y\n"] {
            let found = scan(&format!("{elements}{between}{tail}"));
            let ids = found
                .events
                .iter()
                .map(|(_, raw)| object(raw)["eventID"].clone());
            assert_eq!(
                ids.collect::<Vec<_>>(),
                ["1", "7", "8"],
                "{elements}{between}"
            );
            assert_eq!(found.codes, []);
        }
        // A hit between or after elements is in none of them.
        for more in ["# NEEDLE\n", "NextToken: NEEDLE\n", "a NEEDLE\n"] {
            let found = scan(&format!("{elements}{more}"));
            assert_eq!(found.events.len(), 1);
            let place = Some((elements.len() + more.find(NEEDLE).unwrap()) as u64);
            assert_eq!(found.codes, [(Code::NeedleWithoutRecord, place)], "{more}");
        }
    }
}

#[test]
fn records_on_one_line_are_all_read() {
    let both = text(1).trim_end().to_owned() + &text(2);
    let lines = text(1).replacen('\n', "", 1) + &text(2);
    let items = yaml(1, 0).trim_end().to_owned() + &yaml(2, 0);
    let lost = format!(
        "Events:\n{}{}",
        yaml(1, 0).replacen("}'\n", "}\n", 1),
        yaml(2, 0)
    );
    for text in [both, lines, format!("Events:\n{items}"), lost] {
        let found = scan(&text);
        let ids = found
            .events
            .iter()
            .map(|(_, raw)| object(raw)["eventID"].clone());
        assert_eq!(ids.collect::<Vec<_>>(), ["1", "2"], "{text}");
    }
}

#[test]
fn other_texts_have_no_elements() {
    for text in [
        "{\"Events\":[]}\n",
        "Events:\n{\"a\":1}\n",
        "- name: CloudTrailEvent\n",
        "- EventName\n",
        "EVENTS,a\n",
        "Events of May\n",
        "CloudTrailEvent: '{}'\n",
        "#\n#\n",
    ] {
        let found = Elements::find(text.as_bytes(), true);
        assert!(matches!(found, Found::Nothing), "{text}");
    }
    let long = "# a\n".repeat(BEGINNING_BYTES_MAX);
    let found = Elements::find(long.as_bytes(), false);
    assert!(matches!(found, Found::Nothing));
}

#[test]
fn an_element_that_is_too_long_is_text() {
    let blanks = " ".repeat(ELEMENT_BYTES_MAX);
    let long = format!("Events:\n{}  Username:{blanks}\n{}", yaml(1, 0), yaml(2, 0));
    let found = scan_in(long.as_bytes(), 3 << 20);
    assert_eq!(found, scan_in(long.as_bytes(), usize::MAX));
    let events: Vec<_> = found
        .events
        .iter()
        .map(|(_, raw)| object(&raw.replace("''", "'")))
        .collect();
    assert_eq!(events, [1, 2].map(|id| object(&record(id))));
}

/// Pieces of elements, whole and damaged.
const PIECES: [&str; 26] = [
    "EVENTS\t",
    "RESOURCES\tNEEDLE\n",
    "\t",
    "\n",
    "\r\n",
    " ",
    "  ",
    "Events:\n",
    "- EventId: e\n",
    "- AccessKeyId: ",
    "  CloudTrailEvent: '",
    "  CloudTrailEvent: \"",
    "  CloudTrailEvent: |-\n",
    "  EventName: Attach\n",
    "  EventSource: ",
    "\tiam.amazonaws.com\t",
    "NextToken: x\n",
    "'",
    "''",
    "\"",
    "\\",
    "\\x4e",
    "NEEDLE",
    "é",
    "{\"a\":",
    r#"{"eventName":"Attach","requestParameters":{"a":"NEEDLE"},"eventID":"1"}"#,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// What is found depends on the text alone, and nothing of it panics.
    #[test]
    fn windows_do_not_matter(
        is_text in any::<bool>(),
        pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..30),
    ) {
        let before = if is_text { "EVENTS\t" } else { "Events:\n- EventId: e\n" };
        scan(&[before, &pieces.concat()].concat());
    }
}

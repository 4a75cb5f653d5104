//! Checks the units that the framer cuts out of a text, and that windows do not change them.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::framed::Needle;
use super::window::excerpt;
use super::*;
use crate::event::Seam;

/// Frames a text from its start, document by document, in a single window.
fn frame(text: &[u8], limits: Limits, needles: &[&str]) -> Vec<Framed> {
    let prefilter = Arc::new(Prefilter::new(needles));
    let window = Window {
        bytes: text,
        base: 0,
        is_last: true,
        likely_start: None,
    };
    let mut walker = Walker::new(limits, Arc::clone(&prefilter), false);
    let mut hits = prefilter.hits(text);
    let (mut at, mut framed) = (0, Vec::new());
    while at < window.end() {
        walker.start(at);
        at = loop {
            match walker.walk(window, &mut hits, &mut framed) {
                Progress::DocumentEnd(end) => break end,
                Progress::Paused => {}
                Progress::NeedsMore(from) => {
                    panic!("the last window is to be followed, from {from}")
                }
            }
        };
    }
    framed
}

/// A candidate without a seam.
fn outside(unit: Unit) -> Framed {
    Framed::Unit { unit, seam: None }
}

#[track_caller]
fn check_with(limits: Limits, needles: &[&str], text: &str, expected: Expect) {
    let mut told = String::new();
    for framed in frame(text.as_bytes(), limits, needles) {
        match framed {
            Framed::Unit {
                unit:
                    Unit {
                        start,
                        end,
                        record_index,
                    },
                ..
            } => {
                let bytes = &text.as_bytes()[to_index(start)..to_index(end)];
                writeln!(told, "{start}..{end} [{record_index}] {}", excerpt(bytes)).unwrap();
            }
            Framed::Defect(Defect {
                code,
                offset,
                message,
                member: None,
            }) => {
                let (_, offset) = offset.unwrap();
                writeln!(told, "{offset} {}: {message}", code.name()).unwrap();
            }
            Framed::Record { .. } => unreachable!("no records are wanted"),
            Framed::Defect(defect) => panic!("no log is known here: {defect:?}"),
            Framed::Unframed(Needle { offset, excerpt }) => {
                writeln!(told, "{offset} unframed: {excerpt}").unwrap();
            }
        }
    }
    expected.assert_eq(&told);
}

fn to_index(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

#[track_caller]
fn check(text: &str, expected: Expect) {
    check_with(Limits::default(), &["NEEDLE"], text, expected);
}

/// Limits that short texts can exceed. No envelope may be larger than 40 bytes.
fn tight() -> Limits {
    Limits {
        envelope_bytes: 40,
        record_bytes_max: 200,
        ..Limits::default()
    }
}

#[test]
fn a_delivery_file_is_cut_into_its_records() {
    check(
        r#"{"Records":[{"eventName":"a"},{"eventName":"b","x":"NEEDLE"},{"eventName":"NEEDLE"}]}"#,
        expect![[r#"
            30..60 [1] {\"eventName\":\"b\",\"x\":\"NEEDLE\"}
            61..83 [2] {\"eventName\":\"NEEDLE\"}
        "#]],
    );
}

#[test]
fn a_pretty_printed_delivery_file_is_cut_into_its_records() {
    check(
        "{\n  \"Records\": [\n    {\n      \"eventName\": \"a\"\n    },\n    {\n      \"eventName\": \"NEEDLE\"\n    }\n  ]\n}\n",
        expect![[r#"
            57..92 [1] {\n      \"eventName\": \"NEEDLE\"\n    }
        "#]],
    );
}

#[test]
fn an_array_is_cut_into_its_records_also_where_each_is_on_its_own_line() {
    check(
        "[\n{\"eventName\":\"NEEDLE\"},\n{\"eventName\":\"b\"}\n,\n{\"eventName\":\"NEEDLE\"}\n]",
        expect![[r#"
            2..24 [0] {\"eventName\":\"NEEDLE\"}
            46..68 [2] {\"eventName\":\"NEEDLE\"}
        "#]],
    );
}

#[test]
fn each_line_is_a_document_whatever_ends_it() {
    check(
        "{\"eventName\":\"NEEDLE\"}\r\n\r\n{\"eventName\":\"a\"}\r\n  {\"eventName\":\"NEEDLE\"}\n\n",
        expect![[r#"
            0..22 [0] {\"eventName\":\"NEEDLE\"}
            47..69 [0] {\"eventName\":\"NEEDLE\"}
        "#]],
    );
}

#[test]
fn documents_need_no_newline_between_them() {
    check(
        r#"{"eventName":"NEEDLE"}{"Records":[{"eventName":"NEEDLE"}]}[{"eventName":"NEEDLE"}] {"eventName":"NEEDLE"}"#,
        expect![[r#"
            0..22 [0] {\"eventName\":\"NEEDLE\"}
            34..56 [0] {\"eventName\":\"NEEDLE\"}
            59..81 [0] {\"eventName\":\"NEEDLE\"}
            83..105 [0] {\"eventName\":\"NEEDLE\"}
        "#]],
    );
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    check(
        "\u{feff}{\"eventName\":\"NEEDLE\"}\n\u{feff}{\"eventName\":\"NEEDLE\"}",
        expect![[r#"
            3..25 [0] {\"eventName\":\"NEEDLE\"}
            29..51 [0] {\"eventName\":\"NEEDLE\"}
        "#]],
    );
}

#[test]
fn a_bracket_inside_a_string_is_not_structure() {
    check(
        r#"{"a":"}]","eventName":"{[\"}\\","b":"\\\"}NEEDLE{"}{"c":"NEEDLE"}"#,
        expect![[r#"
            0..51 [0] {\"a\":\"}]\",\"eventName\":\"{[\\\"}\\\\\",\"b\":\"\\\\\\\"}NEEDLE{\"}
            51..65 [0] {\"c\":\"NEEDLE\"}
        "#]],
    );
}

#[test]
fn a_key_marks_its_object_however_it_is_spelt() {
    for key in [
        "eventName",
        "eventname",
        "EventName",
        r"event\u004eame",
        r"\u0065vent\u004Eame",
        "eventVersion",
        "event.action",
    ] {
        let text = format!(r#"[{{"a":{{"b":"NEEDLE"}},"{key}":1}}]"#);
        let framed = frame(text.as_bytes(), Limits::default(), &["NEEDLE"]);
        let unit = Unit {
            start: 1,
            end: text.len() as u64 - 1,
            record_index: 0,
        };
        assert_eq!(framed, [outside(unit)], "{key}");
    }
}

#[test]
fn an_ecs_document_is_marked_by_the_action_of_its_event() {
    check(
        r#"{"event":{"action":"x"},"b":{"c":"NEEDLE"}}{"x":{"action":"x"},"b":{"c":"NEEDLE"}}"#,
        expect![[r#"
            0..43 [0] {\"event\":{\"action\":\"x\"},\"b\":{\"c\":\"NEEDLE\"}}
            67..81 [0] {\"c\":\"NEEDLE\"}
        "#]],
    );
}

#[test]
fn an_event_that_ocsf_describes_is_marked_by_its_operation() {
    check(
        r#"{"api":{"operation":"x","request":{"data":"NEEDLE"}},"b":1}"#,
        expect![[r#"
            0..59 [0] {\"api\":{\"operation\":\"x\",\"request\":{\"data\":\"NEEDLE\"}},\"b\":1}
        "#]],
    );
}

#[test]
fn the_value_of_a_field_marks_nothing() {
    check(
        r#"{"a":["eventName","NEEDLE"],"b":"eventName","c":{"d":"NEEDLE"}}"#,
        expect![[r#"
            0..63 [0] {\"a\":[\"eventName\",\"NEEDLE\"],\"b\":\"eventName\",\"c\":{\"d\":\"NEEDLE\"}}
        "#]],
    );
}

#[test]
fn a_record_quoted_in_a_request_is_data() {
    check(
        r#"{"Records":[{"requestParameters":{"r":{"eventName":"NEEDLE"}},"eventName":"a"}]}"#,
        expect![[r#"
            12..78 [0] {\"requestParameters\":{\"r\":{\"eventName\":\"NEEDLE\"}},\"eventName\":\"a\"}
        "#]],
    );
}

#[test]
fn a_digest_and_an_insight_are_units_of_their_own() {
    check(
        r#"{"digestStartTime":"t","logFiles":[{"s3Object":"NEEDLE"}]}{"Records":[{"insightDetails":{"eventName":"NEEDLE"}}]}"#,
        expect![[r#"
            0..58 [0] {\"digestStartTime\":\"t\",\"logFiles\":[{\"s3Object\":\"NEEDLE\"}]}
            70..111 [0] {\"insightDetails\":{\"eventName\":\"NEEDLE\"}}
        "#]],
    );
}

#[test]
fn an_object_without_a_mark_is_a_unit_if_it_holds_no_record() {
    check(
        r#"{"a":{"b":[{"c":"NEEDLE"},"x",[1,{"d":"NEEDLE"}]]}}{"Message":"NEEDLE","e":{"f":"NEEDLE"}}"#,
        expect![[r#"
            11..25 [0] {\"c\":\"NEEDLE\"}
            33..47 [1] {\"d\":\"NEEDLE\"}
            51..90 [0] {\"Message\":\"NEEDLE\",\"e\":{\"f\":\"NEEDLE\"}}
        "#]],
    );
}

#[test]
fn a_string_that_may_hold_json_is_a_unit_of_its_own_outside_of_a_record() {
    check(
        r#"{"a":[{"Message":"{\"x\":\"NEEDLE\"}"},"[NEEDLE]"],"b":"{NEEDLE"}{"eventName":"a","b":"{NEEDLE"}"#,
        expect![[r#"
            17..37 [0] \"{\\\"x\\\":\\\"NEEDLE\\\"}\"
            39..49 [1] \"[NEEDLE]\"
            55..64 [0] \"{NEEDLE\"
            65..96 [0] {\"eventName\":\"a\",\"b\":\"{NEEDLE\"}
        "#]],
    );
    // With a plain needle beside it, it is part of the unit of that object.
    check(
        r#"{"Message":"{NEEDLE","b":"NEEDLE"}"#,
        expect![[r#"
        0..34 [0] {\"Message\":\"{NEEDLE\",\"b\":\"NEEDLE\"}
    "#]],
    );
    // A string that cannot be kept in memory is reported like any other.
    let long = format!(r#"["{{NEEDLE{}"]"#, "x".repeat(200));
    check_with(
        tight(),
        &["NEEDLE"],
        &long,
        expect![[r#"
        3 unframed: NEEDLExxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    "#]],
    );
}

#[test]
fn a_needle_in_an_envelope_that_holds_a_record_is_told() {
    check(
        r#"{"note":"NEEDLE","Records":[{"eventName":"NEEDLE"}]}"#,
        expect![[r#"
            9 unframed: NEEDLE\"
            28..50 [0] {\"eventName\":\"NEEDLE\"}
        "#]],
    );
    check(
        r#"{"Records":[{"eventName":"NEEDLE"},["NEEDLE"]]}"#,
        expect![[r#"
            37 unframed: NEEDLE\"
            12..34 [0] {\"eventName\":\"NEEDLE\"}
        "#]],
    );
}

#[test]
fn a_needle_in_an_array_or_outside_of_json_is_told_once() {
    check(
        "[[\"NEEDLE\"],\"NEEDLE\"]\nid,NEEDLE,NEEDLE\n1,NEEDLE\n{\"a\":1} NEEDLE",
        expect![[r#"
            3 unframed: NEEDLE\"
            25 unframed: NEEDLE,NEEDLE
            56 unframed: NEEDLE
        "#]],
    );
}

#[test]
fn an_escape_that_hides_no_needle_is_not_told() {
    check(
        r#"a \u0041 b {"Records":[{"eventName":"NEEDLE"}],"x":"\u0041"} "#,
        expect![[r#"
        23..45 [0] {\"eventName\":\"NEEDLE\"}
    "#]],
    );
    check(
        r#"a NEE\u0044LE b"#,
        expect![[r#"
        5 unframed: \\u0044LE b
    "#]],
    );
}

#[test]
fn stray_closers_are_no_structure() {
    check(
        "}]\n]]{\"eventName\":\"NEEDLE\"}}}]\n{\"eventName\":\"NEEDLE\"]\n{\"eventName\":\"NEEDLE\"}",
        expect![[r#"
            5..27 [0] {\"eventName\":\"NEEDLE\"}
            31..53 [0] {\"eventName\":\"NEEDLE\"]
            54..76 [0] {\"eventName\":\"NEEDLE\"}
        "#]],
    );
}

#[test]
fn a_record_that_the_text_ends_in_is_cut_off() {
    check(
        r#"{"Records":[{"eventName":"NEEDLE"},{"eventName":"b","x":"NEEDL"#,
        expect![[r#"
        12..34 [0] {\"eventName\":\"NEEDLE\"}
    "#]],
    );
    check(
        r#"{"Records":[{"eventName":"NEEDLE"},{"eventName":"b","x":"NEEDLE"#,
        expect![[r#"
        35 record_cut: record is cut off after 28 bytes
        12..34 [0] {\"eventName\":\"NEEDLE\"}
    "#]],
    );
    check(
        r#"{"Records":[{"eventName":"b","x":{"y":"NEEDLE"},"z"#,
        expect![[r#"
        12 record_cut: record is cut off after 38 bytes
    "#]],
    );
    check(
        r#"{"Records":[{"x":"NEEDLE","#,
        expect![[r#"
        18 unframed: NEEDLE\"
    "#]],
    );
}

#[test]
fn a_document_that_is_open_at_an_anchor_is_cut_off_there() {
    check(
        "{\"eventName\":\"NEEDLE\",\"x\n{\"eventName\":\"NEEDLE\"}\n{\"eventName\":\"NEEDLE\",\"x\":1\n  [{\"eventName\":\"NEEDLE\"}]",
        expect![[r#"
            0 record_cut: record is cut off after 25 bytes
            25..47 [0] {\"eventName\":\"NEEDLE\"}
            48 record_cut: record is cut off after 28 bytes
            79..101 [0] {\"eventName\":\"NEEDLE\"}
        "#]],
    );
}

#[test]
fn a_newline_in_a_string_is_no_anchor_if_a_bracket_can_follow() {
    check(
        "{\"eventName\":\"a,\n{NEEDLE\"}\n{\"eventName\":\"NEEDLE\"}",
        expect![[r#"
        0..26 [0] {\"eventName\":\"a,\n{NEEDLE\"}
        27..49 [0] {\"eventName\":\"NEEDLE\"}
    "#]],
    );
    check(
        "{\"eventName\":\"NEEDLE\n \n\t{\"eventName\":\"NEEDLE\"}",
        expect![[r#"
        0 record_cut: record is cut off after 23 bytes
        24..46 [0] {\"eventName\":\"NEEDLE\"}
    "#]],
    );
    check(
        "{\"eventName\":\"NEEDLE\\\n{\"eventName\":\"NEEDLE\"}",
        expect![[r#"
        0 record_cut: record is cut off after 22 bytes
        22..44 [0] {\"eventName\":\"NEEDLE\"}
    "#]],
    );
}

#[test]
fn brackets_deeper_than_any_parser_goes_are_counted_only() {
    let deep = |n: usize, inner: &str| format!("{}{inner}{}", "[".repeat(n), "]".repeat(n));
    let units = |text: &str| frame(text.as_bytes(), Limits::default(), &["NEEDLE"]);
    let record = r#"{"eventName":"NEEDLE"}"#;
    for n in [1, 2047] {
        let unit = Unit {
            start: n,
            end: n + 22,
            record_index: 0,
        };
        assert_eq!(units(&deep(to_index(n), record)), [outside(unit)]);
    }
    for n in [2048, 100_000] {
        let text = format!("{}{record}", deep(n, record));
        let [Framed::Unframed(needle), Framed::Unit { unit, .. }] = &units(&text)[..] else {
            panic!("the deep one is told, the flat one is a unit");
        };
        assert_eq!(needle.offset, n as u64 + 14);
        assert_eq!(unit.start, 2 * n as u64 + 22);
    }
    // A key at that depth is not a key of the innermost object on the stack.
    let text = format!("{}{record}{}", r#"{"a":"#.repeat(2048), "}".repeat(2048));
    assert!(matches!(
        units(&text)[..],
        [Framed::Unit {
            unit: Unit { start: 10_235, .. },
            ..
        }]
    ));
}

#[test]
fn without_needles_every_record_is_a_unit_and_nothing_else() {
    check_with(
        Limits::default(),
        &[],
        r#"{"Records":[{"eventName":"a","b":{"eventName":"c"}},{"x":1},{"eventName":"b"}]} x {"y":2} {"eventName":"#,
        expect![[r#"
            12..51 [0] {\"eventName\":\"a\",\"b\":{\"eventName\":\"c\"}}
            60..77 [2] {\"eventName\":\"b\"}
            90 record_cut: record is cut off after 13 bytes
        "#]],
    );
}

#[test]
fn an_object_that_shows_no_key_in_its_first_bytes_is_an_envelope() {
    let marked_after = |n| {
        format!(
            r#"{{"a":"{}","eventName":"b","c":{{"d":"NEEDLE"}}}}"#,
            "x".repeat(n)
        )
    };
    // The key begins at byte 40, and then one byte later.
    check_with(
        tight(),
        &["NEEDLE"],
        &marked_after(32),
        expect![[r#"
            0..75 [0] {\"a\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\",\"eventName\":\"b\",\"c\":{\"d\":\"NEEDLE\"}}
        "#]],
    );
    check_with(
        tight(),
        &["NEEDLE"],
        &marked_after(33),
        expect![[r#"
            61..75 [0] {\"d\":\"NEEDLE\"}
        "#]],
    );
    // A needle of its own does not make it a candidate: it may be gigabytes in size.
    let own = format!(r#"{{"a":"{}","b":"NEEDLE"}}"#, "x".repeat(30));
    check_with(
        tight(),
        &["NEEDLE"],
        &own,
        expect![[r#"
        43 unframed: NEEDLE\"
    "#]],
    );
}

#[test]
fn a_record_is_a_candidate_up_to_the_largest_size_that_is_held() {
    let of_size = |n: usize| {
        let start = r#"{"eventName":"NEEDLE","x":{"eventName":"NEEDLE"},"y":""#;
        format!(r#"[{start}{}"}}]"#, "y".repeat(n - start.len() - 2))
    };
    check_with(
        tight(),
        &["NEEDLE"],
        &of_size(200),
        expect![[r#"
        1..201 [0] {\"eventName\":\"NEEDLE\",\"x\":{\"eventName\":\"NEEDLE\"},\"y\":\"yyyyyyyyyyyyyyyyyyyyyyyyyy
    "#]],
    );
    check_with(
        tight(),
        &["NEEDLE"],
        &of_size(201),
        expect![[r#"
        1 record_too_large: record of 201 bytes is larger than 200 bytes, the most that is held
    "#]],
    );
}

/// The result of a scan. The defects are sorted, as the pipeline sorts them.
#[derive(Debug, PartialEq)]
struct Scanned {
    candidates: Vec<(Unit, Option<Seam>, Vec<u8>)>,
    /// The records, if they are shown: with bytes, and true if whole.
    records: Vec<(Unit, Vec<u8>, bool)>,
    /// The starts of all items, and true for events.
    order: Vec<(u64, bool)>,
    defects: Vec<(u64, String)>,
    stats: Stats,
    /// The largest number of bytes that had to be in the next window too.
    most_kept: usize,
}

/// Scans a text through windows that grow by `steps`, over and over.
fn scan(text: &[u8], limits: Limits, needles: &[&str], steps: &[usize]) -> Scanned {
    let scanner = Scanner::with_limits(Arc::new(Prefilter::new(needles)), limits);
    scan_with(scanner, text, steps)
}

/// Scans like [`scan`], and shows the records too.
fn scan_records(text: &[u8], limits: Limits, prefilter: Prefilter, steps: &[usize]) -> Scanned {
    let mut scanner = Scanner::with_limits(Arc::new(prefilter), limits).showing_records(true);
    scanner.start(0);
    scan_with(scanner, text, steps)
}

fn scan_with(mut scanner: Scanner, text: &[u8], steps: &[usize]) -> Scanned {
    let (mut candidates, mut records, mut order) = (Vec::new(), Vec::new(), Vec::new());
    let (mut from, mut to, mut most_kept) = (0, 0, 0);
    for step in steps.iter().cycle() {
        // With a step of 0 at the end, the last window has nothing new.
        let is_last = to == text.len() || (to + step >= text.len() && step % 2 == 0);
        to = text.len().min(to + step);
        let window = Window {
            bytes: &text[from..to],
            base: from as u64,
            is_last,
            likely_start: None,
        };
        let keep = scanner.scan_items(window, &mut |item| match item {
            ScanItem::Event(candidate) => {
                order.push((candidate.unit.start, true));
                let seam = candidate.event.seam();
                candidates.push((candidate.unit, seam, candidate.raw.to_vec()));
            }
            ScanItem::Record(unit, RawRecord { bytes, is_whole }) => {
                order.push((unit.start, false));
                records.push((unit, bytes.to_vec(), is_whole));
            }
        });
        let keep = to_index(keep);
        assert!(from <= keep && keep <= to, "{keep} is kept of {from}..{to}");
        from = keep;
        if is_last {
            assert_eq!(from, to, "all is dealt with");
            break;
        }
        most_kept = most_kept.max(to - from);
    }
    let mut defects: Vec<_> = scanner.defects.drain(..).collect();
    defects.sort_by_key(|d| {
        (
            d.offset.map(|(_, offset)| offset),
            d.code,
            d.message.clone(),
        )
    });
    let defects = defects
        .into_iter()
        .map(|d| {
            (
                d.offset.unwrap().1,
                format!("{}: {}", d.code.name(), d.message),
            )
        })
        .collect();
    Scanned {
        candidates,
        records,
        order,
        defects,
        stats: scanner.stats,
        most_kept,
    }
}

#[test]
fn a_string_that_has_lost_its_end_costs_no_document_behind_it_on_the_line() {
    let lost = RECORD.replace("NEEDLE", "NEEDLE\\\\\\");
    let text = format!("{RECORD}{lost}{RECORD}{RECORD}");
    let found = scan(
        text.as_bytes(),
        Limits::default(),
        &["NEEDLE"],
        &[text.len()],
    );
    assert_eq!(found.candidates.len(), 3);
    assert!(
        found
            .candidates
            .iter()
            .all(|(_, _, bytes)| bytes == RECORD.as_bytes())
    );
    assert_eq!(found.defects.len(), 1);
}

const RECORD: &str =
    r#"{"eventVersion":"1.08","eventName":"a","requestParameters":{"b":"NEEDLE"}}"#;
const LATE: &str = r#"{"a":{"b":["NEEDLE",{"c":"}"}]},"eventName":"a","eventVersion":"1.08"}"#;
const OTHER: &str = r#"{"eventVersion":"1.08","eventName":"b","requestParameters":null}"#;
/// A record with strings that look like a joint, except for the byte after the quote.
const JOINTS: &str =
    r#"{"eventVersion":"1.08","eventName":"}{","p":{"}{":"NEEDLE}{","c":"}{\"x"}}"#;

fn pretty(json: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    serde_json::to_string_pretty(&value).unwrap()
}

fn quoted(json: &str) -> String {
    serde_json::to_string(json).unwrap()
}

/// A piece of a text: a whole document, a damaged one, or a fragment.
fn piece() -> impl Strategy<Value = String> {
    let record = prop::sample::select(vec![RECORD, LATE, OTHER, JOINTS, r#"{"x":"NEEDLE"}"#]);
    let records = prop::collection::vec(record.clone(), 0..5);
    let scraps = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\\\",
        "\n",
        "\r\n",
        "\n{",
        ",\n{",
        "\n [",
        "NEEDLE",
        "\"NEEDLE\"",
        r"NEEDL\u0045",
        r"\u0041",
        "\"eventName\":",
        "\"eventName\":1,",
        "\"event\":{\"action\":1,",
        "\"requestParameters\":",
        "\"requestParameters\" : {\"a\":",
        ",\"k\" :",
        "\"k\":\"v\",",
        "{\"a\":",
        "[[",
        "null",
        "\u{feff}",
        "é",
        "\"Records\":[",
        "junk NEEDLE junk",
        "\\\n{",
        "event\\u004eame",
        "\"x,\n",
        "}{\"",
        "}{\"x",
        "{}",
    ];
    prop_oneof![
        4 => prop::sample::select(scraps.map(str::to_owned).to_vec()),
        2 => record.clone().prop_map(str::to_owned),
        1 => record.clone().prop_map(pretty),
        1 => record.clone().prop_map(|json| format!("{{\"Message\":{}}}", quoted(json))),
        1 => record.clone().prop_map(|json| quoted(&quoted(json))),
        1 => records.clone().prop_map(|all| format!("{{\"Records\":[{}]}}", all.join(","))),
        1 => records.clone().prop_map(|all| all.join("\n") + "\n"),
        1 => records.prop_map(|all| format!("[\n{}\n]\n", all.join(",\n"))),
        2 => (record, 0usize..80).prop_map(|(json, n)| format!("{}\n", json.chars().take(n).collect::<String>())),
        1 => (prop::sample::select(vec![" ", "\n", "\t", " \n", "x", "\\\"", "[", "{", "\\u0041"]), 0usize..120)
            .prop_map(|(what, n)| what.repeat(n)),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..12).prop_map(|pieces| pieces.concat())
}

fn small_limits() -> impl Strategy<Value = Limits> {
    let sizes = (0u64..200, 91u64..300, 6usize..64, 0usize..200, 1usize..200);
    sizes.prop_map(
        |(envelope, more, seam_bytes, tail_bytes, stride_bytes)| Limits {
            envelope_bytes: envelope,
            record_bytes_max: envelope + more,
            seam_bytes,
            tail_bytes,
            stride_bytes,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn windows_change_nothing(
        text in text(),
        limits in prop_oneof![Just(Limits { tail_bytes: 10, ..Limits::default() }), small_limits()],
        steps in prop::collection::vec(prop_oneof![0usize..12, 0usize..300], 1..6)
            .prop_filter("the window grows", |steps| steps.iter().any(|&n| n > 0)),
        has_needle in prop::bool::weighted(0.9),
    ) {
        let needles: &[&str] = if has_needle { &["NEEDLE"] } else { &[] };
        let whole = scan(text.as_bytes(), limits, needles, &[text.len().next_multiple_of(2)]);
        let parts = scan(text.as_bytes(), limits, needles, &steps);
        prop_assert_eq!(&whole.candidates, &parts.candidates);
        prop_assert_eq!(&whole.defects, &parts.defects);
        prop_assert_eq!(whole.stats, parts.stats);
        let most = to_index(limits.record_bytes_max) + 2 * limits.seam_bytes;
        prop_assert!(parts.most_kept <= most.max(limits.tail_bytes), "{} bytes were kept", parts.most_kept);
    }

    #[test]
    fn records_are_the_same_in_any_windows_and_change_nothing_else(
        text in text(),
        limits in prop_oneof![Just(Limits { tail_bytes: 10, ..Limits::default() }), small_limits()],
        steps in prop::collection::vec(prop_oneof![0usize..12, 0usize..300], 1..6)
            .prop_filter("the window grows", |steps| steps.iter().any(|&n| n > 0)),
    ) {
        let bytes = text.as_bytes();
        let whole = scan_records(bytes, limits, Prefilter::new(&["NEEDLE"]), &[bytes.len().next_multiple_of(2)]);
        let parts = scan_records(bytes, limits, Prefilter::new(&["NEEDLE"]), &steps);
        prop_assert_eq!(&whole.records, &parts.records);
        prop_assert_eq!(&whole.order, &parts.order);
        let alone = scan(bytes, limits, &["NEEDLE"], &steps);
        for with in [&whole, &parts] {
            prop_assert_eq!(&alone.candidates, &with.candidates);
            prop_assert_eq!(&alone.defects, &with.defects);
            prop_assert_eq!(alone.stats, with.stats);
        }
        let most = to_index(limits.record_bytes_max) + 2 * limits.seam_bytes;
        prop_assert!(parts.most_kept <= most.max(limits.tail_bytes), "{} bytes were kept", parts.most_kept);
        // Whatever is searched for, the records are the same.
        for prefilter in [Prefilter::nothing(), Prefilter::new::<&str>(&[])] {
            let other = scan_records(bytes, limits, prefilter, &steps);
            prop_assert_eq!(&whole.records, &other.records);
        }
        prop_assert!(whole.records.is_sorted_by_key(|(unit, ..)| unit.start));
        for (n, (unit, raw, is_whole)) in whole.records.iter().enumerate() {
            let is_held = unit.end - unit.start <= limits.record_bytes_max;
            prop_assert!(is_held || !is_whole && raw.is_empty());
            let written = &bytes[to_index(unit.start)..to_index(unit.end)];
            // A record that is cut off may have been longer, with the blanks after it.
            let blanks = bytes[to_index(unit.end)..].iter();
            let n_blanks = blanks.take_while(|byte| byte.is_ascii_whitespace()).count() as u64;
            let is_held = unit.end - unit.start + n_blanks <= limits.record_bytes_max || *is_whole;
            prop_assert!(!is_held || raw == written);
            let next = whole.records.get(n + 1);
            prop_assert!(next.is_none_or(|(next, ..)| next.start >= unit.end));
        }
    }

    #[test]
    fn of_valid_text_each_record_with_a_needle_is_one_candidate(
        documents in prop::collection::vec(
            (prop::collection::vec(prop::sample::select(vec![RECORD, LATE, OTHER, JOINTS]), 0..6), 0..5),
            0..8,
        ),
        steps in prop::collection::vec(1usize..400, 1..6),
    ) {
        let mut text = String::new();
        for (records, shape) in &documents {
            text += &match shape {
                0 => format!("{{\"Records\":[{}]}}", records.join(",")),
                1 => records.join("\r\n"),
                2 => records.concat(),
                3 => pretty(&format!("{{\"Records\":[{}]}}", records.join(","))) + "\n",
                _ => format!("[{}]\n", records.join(",\n")),
            };
        }
        let scanned = scan(text.as_bytes(), Limits { tail_bytes: 100, ..Limits::default() }, &["NEEDLE"], &steps);
        prop_assert_eq!(&scanned.defects, &[]);
        prop_assert_eq!(scanned.stats.candidates, scanned.stats.candidates_parsed);
        let found: Vec<serde_json::Value> =
            scanned.candidates.iter().map(|(_, _, raw)| serde_json::from_slice(raw).unwrap()).collect();
        let expected: Vec<serde_json::Value> = documents
            .iter()
            .flat_map(|(records, _)| records)
            .filter(|record| **record != OTHER)
            .map(|record| serde_json::from_str(record).unwrap())
            .collect();
        prop_assert_eq!(found, expected);
        let shown = scan_records(text.as_bytes(), Limits { tail_bytes: 100, ..Limits::default() }, Prefilter::nothing(), &steps);
        prop_assert_eq!(&shown.candidates, &[]);
        prop_assert_eq!(&shown.defects, &[]);
        let parse = |raw: &[u8]| -> serde_json::Value { serde_json::from_slice(raw).unwrap() };
        let found: Vec<serde_json::Value> = shown.records.iter().map(|(_, raw, _)| parse(raw)).collect();
        let all = documents.iter().flat_map(|(records, _)| records);
        let all: Vec<serde_json::Value> = all.map(|record| parse(record.as_bytes())).collect();
        prop_assert_eq!(found, all);
        prop_assert!(shown.records.iter().all(|(.., is_whole)| *is_whole));
    }
}

#[test]
fn a_record_that_is_never_held_whole_is_told_and_costs_no_memory() {
    let limits = Limits {
        seam_bytes: 16,
        tail_bytes: 0,
        ..tight()
    };
    let many: String =
        std::iter::repeat_n(r#"{"eventName":"NEEDLE","x":[{"y":"NEEDLE"}]},"#, 2_000).collect();
    for (inside, offset) in [
        (
            format!(
                r#""x":"{}NEEDLE{}""#,
                "x".repeat(50_000),
                "x".repeat(50_000)
            ),
            1,
        ),
        (format!(r#""NEEDLE":"{}""#, "\\\\".repeat(50_000)), 1),
        (format!(r#""NEEDLE":"{}""#, "\n ".repeat(50_000)), 1),
        (format!(r#""NEEDLE":{}1"#, " \n".repeat(50_000)), 1),
        (format!(r#""x":[{many}1]"#), 1),
    ] {
        let text = format!(r#"[{{"eventName":"a",{inside}}},{RECORD}]"#);
        let scanned = scan(text.as_bytes(), limits, &["NEEDLE"], &[64]);
        let [(at, message)] = &scanned.defects[..] else {
            panic!("one defect is expected, not {:?}", scanned.defects);
        };
        assert_eq!(*at, offset);
        assert!(message.starts_with("record_too_large"), "{message}");
        assert_eq!(scanned.candidates.len(), 1);
        assert!(scanned.most_kept <= 200 + 2 * 16, "{}", scanned.most_kept);
    }
}

#[test]
fn a_string_of_an_envelope_that_is_never_held_whole_is_told() {
    let text = format!(
        r#"{{"note":"{}NEEDLE{}","Records":[{RECORD}]}}"#,
        "x".repeat(999),
        "x".repeat(999)
    );
    let limits = Limits {
        seam_bytes: 16,
        tail_bytes: 0,
        ..tight()
    };
    for step in [1, 7, 64, 4_000] {
        let scanned = scan(text.as_bytes(), limits, &["NEEDLE"], &[step]);
        let expected =
            "needle_without_record: the needle stands in no record: NEEDLExxxxxxxxxx".to_owned();
        assert_eq!(scanned.defects, [(1_008, expected)], "{step}");
        assert_eq!(scanned.candidates.len(), 1);
    }
}

/// Quadratic work on any of these would take minutes.
#[test]
fn work_grows_with_the_text_whatever_it_is_made_of() {
    const BYTES: usize = 1 << 18;
    let limits = Limits {
        envelope_bytes: BYTES as u64,
        ..Limits::default()
    };
    let fill = |piece: &str| piece.repeat(BYTES / piece.len());
    for (name, text) in [
        ("brackets", fill("[")),
        ("quotes", fill("\"")),
        ("keys", fill("{\"a\":")),
        ("marked keys", fill("{\"eventName\":")),
        ("empty objects", fill("{}")),
        ("objects inside out", fill("}{")),
        ("newlines", fill("\n")),
        ("newlines in a string", format!("{{\"a\":\"{}", fill("\n"))),
        (
            "lines of blanks in a string",
            format!("{{\"a\":\"{}", fill(" \n")),
        ),
        (
            "no anchors in a string",
            format!("{{\"a\":\"{}", fill(",\n{")),
        ),
        ("no anchors", format!("[{}", fill("1,\n["))),
        ("anchors", fill("[\n")),
        ("backslashes", fill("\\")),
        ("escapes outside of json", fill("\\u0041")),
        ("escapes in strings", format!("[{}", fill("\"\\u0041\","))),
        ("needles outside of json", fill("NEEDLE ")),
        (
            "needles in deep objects",
            format!("{}{}", "{\"a\":".repeat(2_000), fill("{\"b\":\"NEEDLE\"},")),
        ),
        (
            "needles in deep arrays",
            format!("{}{}", "[".repeat(2_000), fill("{\"b\":\"NEEDLE\"},")),
        ),
        ("records on one line", fill(r#"{"eventName":"NEEDLE"}"#)),
        (
            "records in one array",
            format!("[{}", fill(r#"{"eventName":"NEEDLE"},"#)),
        ),
        (
            "records in a record",
            format!("{{\"eventName\":[{}", fill(r#"{"eventName":"NEEDLE"},"#)),
        ),
    ] {
        let text = format!("{text} NEEDLE");
        // Windows as the pipeline builds them, so that a text is not searched again for each byte.
        let scan = |window_bytes| scan(text.as_bytes(), limits, &["NEEDLE"], &[window_bytes]);
        let whole = scan(text.len().next_multiple_of(2));
        let parts = scan(BYTES / 4);
        assert_eq!(whole.candidates.len(), parts.candidates.len(), "{name}");
        assert_eq!(whole.defects, parts.defects, "{name}");
    }
}

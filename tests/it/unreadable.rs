//! What nobody could have read: holes where a file should be, copies that were cut off, text in disguise. It is told,
//! whatever holds it and however it is read; and what is whole is not.

use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::agreement::{self, Given, Way};
use crate::lake::{Lake, attach, delivery, gzip, other, zstd};
use crate::packing::{Packing, tar};

/// Ways in which a file is read: small, mapped, in blocks, as a stream, by several threads.
const WAYS: [Way; 6] = [
    (1, Some(1), usize::MAX),
    (1, None, usize::MAX),
    (2, Some(1), 4096),
    (3, Some(1), 64),
    (2, None, 4096),
    (8, Some(1), 1000),
];

/// The same bytes in what may hold them, each with what it is called.
fn held(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let middle = bytes.len() / 2;
    let halves =
        |pack: fn(&[u8]) -> Vec<u8>| [pack(&bytes[..middle]), pack(&bytes[middle..])].concat();
    vec![
        ("file", bytes.to_vec()),
        ("gzip", gzip(bytes)),
        ("two members", halves(gzip)),
        ("two frames", halves(zstd)),
        ("bzip2", Packing::Bzip2.pack(bytes)),
        ("tar", tar(&[("a.json", bytes)])),
        ("tar.gz", gzip(&tar(&[("a.json", bytes)]))),
        ("zip, stored", Packing::ZipStored.pack(bytes)),
        ("zip, streamed", Packing::ZipStreamed.pack(bytes)),
    ]
}

/// A hunt, of which only what is told of files matters: not that there is no event in any of them.
fn hunt(lake: &Lake, way: Way) -> Given {
    let (rows, mut told, is_complete) = agreement::hunt(lake, way);
    told.retain(|d| !d.starts_with("NoEvents"));
    (rows, told, is_complete)
}

/// What is told of a file, in any way: the same in each.
fn told_of(stored: &[u8], what: &str) -> Vec<String> {
    let lake = Lake::new().file("a", stored);
    let (_, told, is_complete) = hunt(&lake, WAYS[0]);
    for way in WAYS {
        let (_, diagnostics, is_same) = hunt(&lake, way);
        assert_eq!(diagnostics, told, "{what}, {way:?}");
        assert_eq!(is_same, is_complete, "{what}, {way:?}");
    }
    told
}

/// Asserts that one thing is told of these bytes whatever holds them, with this code, and as no more than what ended
/// the run's claim to be complete.
#[track_caller]
fn is_told(bytes: &[u8], code: &str, what: &str) {
    for (holder, stored) in held(bytes) {
        let told = told_of(&stored, &format!("{what} in {holder}"));
        let codes = told.iter().map(|d| d.split(' ').next().unwrap());
        let codes: Vec<&str> = codes.filter(|code| *code != "GzipMembers").collect();
        assert_eq!(codes, [code], "{what} in {holder}: {told:?}");
    }
}

#[track_caller]
fn is_fine(bytes: &[u8], what: &str) {
    for (holder, stored) in held(bytes) {
        let told = told_of(&stored, &format!("{what} in {holder}"));
        let others: Vec<_> = told
            .iter()
            .filter(|d| !d.starts_with("GzipMembers"))
            .collect();
        assert!(others.is_empty(), "{what} in {holder}: {others:?}");
        if memchr::memmem::find(bytes, b"eventTime").is_some() {
            let (_, told, _) = agreement::hunt(&Lake::new().file("a", stored), WAYS[0]);
            let has_none = told.iter().any(|d| d.starts_with("NoEvents"));
            assert!(!has_none, "{what} in {holder}: {told:?}");
        }
    }
}

/// A log as pretty printers write it.
fn pretty(text: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    serde_json::to_string_pretty(&value).unwrap()
}

/// Logs of records that have nothing to do with the rule, in many forms.
fn logs() -> Vec<(&'static str, String)> {
    let records: Vec<String> = (0..40).map(|n| other(&n.to_string())).collect();
    let whole = delivery(&records);
    let large = delivery(&(0..300).map(|n| other(&n.to_string())).collect::<Vec<_>>());
    let prefixed = |prefix: &str| {
        let lines = records.iter().map(|record| format!("{prefix}{record}\n"));
        lines.collect::<String>()
    };
    vec![
        ("one record", records[0].clone()),
        ("an empty delivery", delivery(&[])),
        ("a delivery of one", delivery(&records[..1])),
        ("a delivery", whole.clone()),
        ("a large delivery", large.clone()),
        ("a delivery with a line's end", format!("{whole}\r\n")),
        ("a delivery behind a mark", format!("\u{feff}{whole}")),
        ("a pretty delivery", pretty(&whole)),
        ("a large pretty delivery", pretty(&large)),
        ("lines", prefixed("")),
        ("lines without the last end", records.join("\n")),
        ("back to back", records.concat()),
        (
            "deliveries back to back",
            [whole.as_str(), &large, &whole].concat(),
        ),
        ("an array", format!("[{}]", records.join(","))),
        ("lines with commas", records.join(",\n")),
        ("a sequence", prefixed("\u{1e}")),
        ("syslog", prefixed("May  1 12:00:00 host app: ")),
        ("bunyan", prefixed("[INFO] ")),
        ("an export", prefixed("2024-05-01T12:00:00.000Z ")),
        (
            "other documents",
            format!("{{\"hits\":{{\"hits\":[{}]}}}}", records.join(",")),
        ),
        (
            "keys behind",
            format!("{{\"Records\":[{}],\"next\":1}}", records.join(",")),
        ),
        (
            "subscription",
            format!(
                "{{\"logEvents\":[{}]}}",
                records
                    .iter()
                    .map(|r| serde_json::json!({"id": "1", "message": r}).to_string())
                    .collect::<Vec<_>>()
                    .join(",")
            ),
        ),
    ]
}

#[test]
fn a_whole_log_is_whole_in_any_form() {
    for (what, text) in logs() {
        is_fine(text.as_bytes(), what);
        is_fine(
            &[text.as_bytes(), &[0; 600]].concat(),
            &format!("{what} and padding"),
        );
    }
    for text in [
        "",
        "\n",
        "no JSON at all {",
        "a,b\n1,\"{\"\n",
        "[2024-05-01 12:00] {x\n[2024-05-01 12:00] {y",
        "{'eventName': 'ListUsers', 'a': {",
        "{\"a\":1}\nand then prose, with a bracket {",
        "{\"a\":1}\nand then prose",
        "{\"a\": 1} # {",
        "[]",
        "{}\n",
        "\"text\"",
        "eventName,requestParameters\nListUsers,\"{\"\"a\"\":\"\"",
    ] {
        is_fine(text.as_bytes(), text);
    }
    let prose = format!(
        "{{\"a\":1}}\n{}",
        "and then prose without end\n".repeat(4000)
    );
    is_fine(prose.as_bytes(), "prose behind JSON");
}

#[test]
fn nothing_but_zeros_is_told_and_zeros_behind_content_are_not() {
    for n in [1, 2, 600, 5000, 200_000] {
        is_told(&vec![0; n], "UnknownContent", &format!("{n} zeros"));
    }
    is_told(b"\0\0\0\n\0\0", "UnknownContent", "zeros and a line's end");
    let padded = [&[0; 5000][..], attach("1").as_bytes(), &[0; 5000]].concat();
    is_fine(&padded, "a record in a hole");
}

#[test]
fn a_copy_that_was_cut_off_is_told_wherever_it_was_cut() {
    for (what, text) in logs() {
        if matches!(
            what,
            "an empty delivery" | "other documents" | "subscription"
        ) {
            continue;
        }
        let is_in_lines = !what.contains("delivery")
            && !matches!(what, "one record" | "an array" | "keys behind");
        let is_behind = matches!(what, "syslog" | "bunyan" | "an export");
        let last = text.trim_end().rfind("{\"eventVersion").unwrap_or(0);
        let from = if is_in_lines { last + 40 } else { 40 };
        let to = text.trim_end().trim_end_matches(['}', ']']).len();
        for cut in (from..to).step_by(7 + (to - from) / 60) {
            if text.is_char_boundary(cut) && (!is_behind || cut > last + 40) {
                let lake = Lake::new().file("a", &text[..cut]);
                let (_, told, _) = hunt(&lake, WAYS[cut % WAYS.len()]);
                assert_eq!(told.len(), 1, "{what} cut at {cut}: {told:?}");
                assert!(
                    told[0].starts_with("Truncated"),
                    "{what} cut at {cut}: {told:?}"
                );
            }
        }
    }
}

#[test]
fn a_copy_that_was_cut_off_is_told_whatever_holds_it() {
    for text in [
        delivery(&[other("1"), other("2")]),
        pretty(&delivery(&[other("1"), other("2")])),
        [other("1"), other("2")].join("\n"),
    ] {
        let cut = text.len() - 30;
        is_told(&text.as_bytes()[..cut], "Truncated", &text[cut - 20..cut]);
        for padding in [&[0; 600][..], b"\r\n\0\0\0\0\0\0\0\0\n"] {
            let padded = [&text.as_bytes()[..cut], padding].concat();
            is_told(&padded, "Truncated", "padded");
        }
    }
    // Behind a whole record, and behind the comma after it.
    let text = delivery(&vec![other("1"); 60]);
    for end in ["},", "}"] {
        let cut = text.rfind("},{\"eventVersion").unwrap() + end.len();
        is_told(&text.as_bytes()[..cut], "Truncated", end);
    }
}

#[test]
fn a_cut_is_told_once() {
    // The record that is cut off holds the needle.
    let text = delivery(&[other("1"), attach("2")]);
    Lake::new()
        .file("a.json", &text[..text.len() - 10])
        .file("b.json.gz", &gzip(text.as_bytes())[..300])
        .file(
            "c.json",
            [&text.as_bytes()[..text.len() - 10], &[0; 600]].concat(),
        )
        .hunt(&[])
        .exits(3)
        .tells(&["record_cut", "truncated", "record_cut"]);
}

/// The framing of an upload, in chunks of so many bytes.
fn chunked(bytes: &[u8], n: usize, is_signed: bool) -> Vec<u8> {
    let signature = match is_signed {
        true => format!(";chunk-signature={}", "0f".repeat(32)),
        false => String::new(),
    };
    let mut all = Vec::new();
    for chunk in bytes.chunks(n).chain([&b""[..]]) {
        all.extend(format!("{:x}{signature}\r\n", chunk.len()).into_bytes());
        all.extend_from_slice(chunk);
        if !chunk.is_empty() {
            all.extend(b"\r\n");
        }
    }
    all.extend(b"x-amz-checksum-crc32:AAAAAA==\r\n\r\n");
    all
}

#[test]
fn the_framing_of_an_upload_is_taken_off_and_told() {
    let text = delivery(&[other("1"), attach("2"), other("3"), attach("4")]);
    for bytes in [
        text.clone().into_bytes(),
        gzip(text.as_bytes()),
        zstd(text.as_bytes()),
    ] {
        for n in [100, 513, 1000, 65536] {
            for is_signed in [false, true] {
                let stored = chunked(&bytes, n, is_signed);
                for (holder, stored) in held(&stored) {
                    let lake = Lake::new().file("a", &stored);
                    for way in WAYS {
                        let (ndjson, told, _) = hunt(&lake, way);
                        let n_alerts = ndjson.iter().filter(|byte| **byte == b'\n').count();
                        assert_eq!(n_alerts, 2, "{n} {is_signed} in {holder} {way:?}: {told:?}");
                        let told = told.iter().filter(|d| d.starts_with("CorruptStream"));
                        assert_eq!(told.count(), 1, "{n} {is_signed} in {holder} {way:?}");
                    }
                }
            }
        }
    }
    let stored = chunked(text.as_bytes(), 700, true);
    Lake::new()
        .file("a", &stored[..stored.len() / 2])
        .file("b", stored.splice_out(1000, 30))
        .hunt(&[])
        .exits(3)
        .says("aws-chunked");
}

trait SpliceOut {
    fn splice_out(&self, at: usize, n: usize) -> Vec<u8>;
}

impl SpliceOut for Vec<u8> {
    fn splice_out(&self, at: usize, n: usize) -> Vec<u8> {
        [&self[..at], &self[at + n..]].concat()
    }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = bytes.chunks(3).map(|group| {
        let bits = group
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        let digit = |n: usize| match n <= group.len() {
            true => char::from(DIGITS[(bits >> (18 - 6 * n)) as usize & 63]),
            false => '=',
        };
        (0..4).map(digit).collect::<String>()
    });
    groups.collect()
}

/// Lines of at most so many characters.
fn in_lines(text: &str, width: usize, end: &str) -> String {
    let lines = text.as_bytes().chunks(width);
    let lines = lines.map(|line| String::from_utf8(line.to_vec()).unwrap());
    lines.collect::<Vec<_>>().join(end)
}

#[test]
fn text_in_disguise_is_told() {
    let text = delivery(&[attach("1"), other("2")]);
    let packed = gzip(text.as_bytes());
    let event = |data: &[u8]| format!("{{\"awslogs\":{{\"data\":\"{}\"}}}}", base64(data));
    let mail = format!(
        "Subject: logs\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"x\"\n\n--x\n\
         Content-Type: application/gzip\nContent-Transfer-Encoding: base64\n\n{}\n--x--\n",
        in_lines(&base64(&packed), 76, "\n")
    );
    let quoted = text.replace('=', "=3D");
    let letter = format!(
        "From: a@example.com\nContent-Transfer-Encoding: quoted-printable\n\n{}\n",
        in_lines(&quoted, 75, "=\n")
    );
    for (what, text) in [
        ("base64 of gzip", base64(&packed)),
        (
            "base64 of gzip in lines",
            in_lines(&base64(&packed), 76, "\r\n"),
        ),
        ("base64 of zstd", base64(&zstd(text.as_bytes()))),
        ("base64 of JSON", base64(text.as_bytes())),
        (
            "base64 of a record in lines",
            in_lines(&base64(attach("1").as_bytes()), 64, "\n"),
        ),
        ("base64 of pretty JSON", base64(pretty(&text).as_bytes())),
        ("gzip in a string", event(&packed)),
        ("JSON in a string", event(text.as_bytes())),
        ("a mail", mail),
        (
            "base64 after a byte order mark",
            base64([b"\xef\xbb\xbf", text.as_bytes()].concat().as_slice()),
        ),
        (
            "base64 of something encrypted, in lines",
            in_lines(&base64(&[b"Salted__", &packed[..]].concat()), 64, "\n"),
        ),
        (
            "a line with base64 after a record",
            format!("{}\n{}\n", other("2"), event(attach("1").as_bytes())),
        ),
    ] {
        is_told(text.as_bytes(), "UnsupportedFormat", what);
    }
    for (holder, stored) in held(letter.as_bytes()) {
        let told = told_of(&stored, holder);
        assert!(
            told.iter().any(|d| d.starts_with("UnsupportedFormat")),
            "{holder}: {told:?}"
        );
    }
}

#[test]
fn base64_in_the_data_of_records_is_data() {
    let packed = base64(&gzip(attach("1").as_bytes()));
    let record = other("2").replacen('{', &format!(r#"{{"userData":"{packed}","#), 1);
    is_fine(format!("{record}\n{}\n", other("3")).as_bytes(), "lines");
    is_fine(
        pretty(&delivery(&[other("3"), record])).as_bytes(),
        "pretty",
    );
    let original = serde_json::json!({"message": other("2").replacen('{', &format!(r#"{{"data":"{packed}","#), 1)});
    is_fine(
        format!("{}\n{original}\n", other("3")).as_bytes(),
        "a record in a text",
    );
    let hash = "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6";
    is_fine(format!("{hash}\n{hash}\n").as_bytes(), "hashes");
    let folder = "AWSLogs/o-abc1234567/111122223333/CloudTrail-Insight/eu-central-1/2024/05/01";
    is_fine(
        format!("{folder}\n{folder}\nAWSLogs/1\n").as_bytes(),
        "folders",
    );
}

#[test]
fn lines_that_break_inside_strings_are_told() {
    let record = attach("1");
    for width in [64, 72, 76, 78, 80, 100, 132] {
        for end in ["\n", "\r\n", "=\n"] {
            for text in [record.clone(), delivery(&[other("2"), attach("3")])] {
                let text = in_lines(&text, width, end);
                let lake = Lake::new().file("a", &text);
                for way in WAYS {
                    let (ndjson, told, is_complete) = hunt(&lake, way);
                    assert!(!is_complete, "{width} {end:?} {way:?}: {ndjson:?}");
                    let is_told = told
                        .iter()
                        .any(|d| d.contains("lines break inside strings"));
                    assert!(is_told, "{width} {end:?} {way:?}: {told:?}");
                }
            }
        }
    }
}

/// Returns what `lookup-events` draws for one event, with at most this many characters of a record in a line.
fn drawn(record: &str, width: usize) -> String {
    let (mut text, border) = (String::new(), "-".repeat(width.min(record.len()) + 30));
    text += &format!(
        "{border}\n|{:^1$}|\n|+{border}+|\n",
        "LookupEvents",
        border.len()
    );
    let parts: Vec<&str> = record
        .as_bytes()
        .chunks(width)
        .map(|part| std::str::from_utf8(part).unwrap())
        .collect();
    let width = width.min(record.len());
    for (nth, part) in parts.iter().enumerate() {
        let name = if nth == 0 { "CloudTrailEvent" } else { "" };
        text += &format!("||  {name:15} |  {part:width$} ||\n");
    }
    for (name, value) in [("EventName", "AttachUserPolicy"), ("Username", "alice")] {
        text += &format!("||  {name:15} |  {value:width$} ||\n");
    }
    text + &format!("|+{border}+|\n")
}

#[test]
fn a_drawn_table_is_read_if_its_cells_are_whole_and_told_if_not() {
    let record = attach("1");
    let lake = Lake::new().file("a", drawn(&record, record.len()));
    for way in WAYS {
        let (ndjson, told, is_complete) = hunt(&lake, way);
        assert!(!ndjson.is_empty() && is_complete, "{way:?}: {told:?}");
    }
    for width in [30, 40, 60, 100] {
        let on = drawn(&record, width);
        let whole = drawn(&record, record.len());
        let cut = |line: &str| {
            line.chars()
                .take(width + 20)
                .chain(['\n'])
                .collect::<String>()
        };
        for text in [on, whole.lines().map(cut).collect()] {
            for (holder, stored) in held(text.as_bytes()) {
                let told = told_of(&stored, holder);
                let is_told = told.iter().any(|d| d.starts_with("UnsupportedFormat"));
                assert!(is_told, "{holder}: {told:?}\n{text}");
            }
        }
    }
}

#[test]
fn a_long_run_of_chinese_in_utf16_is_no_damage() {
    let run = |character: char, n: usize| character.to_string().repeat(n);
    let texts = [
        run('中', 500),
        run('一', 500),
        run('\u{3000}', 300),
        run('…', 400),
        run('─', 400),
        run('가', 300),
        "这是一个用于测试的说明文字没有任何特殊含义".repeat(40),
        "ひらがなとカタカナの長い文字列です".repeat(40),
        "最県一가".repeat(50),
    ];
    for text in texts {
        let note = format!("\"note\":\"{text}\",\"eventID\"");
        let records = [attach("1"), attach("2"), attach("3")];
        let lines = records.map(|record| record.replacen("\"eventID\"", &note, 1));
        for (mark, bytes) in [
            ("\u{feff}", u16::to_le_bytes as fn(u16) -> [u8; 2]),
            ("\u{feff}", u16::to_be_bytes),
            ("", u16::to_le_bytes),
            ("", u16::to_be_bytes),
        ] {
            let all = format!("{mark}{{\"说明\":\"{text}\"}}\n{}\n", lines.join("\n"));
            let stored: Vec<u8> = all.encode_utf16().flat_map(bytes).collect();
            for (holder, stored) in held(&stored) {
                let lake = Lake::new().file("a", &stored);
                for way in WAYS {
                    let (ndjson, told, _) = hunt(&lake, way);
                    let n_alerts = ndjson.iter().filter(|byte| **byte == b'\n').count();
                    let what = text.chars().take(4).collect::<String>();
                    assert_eq!(n_alerts, 3, "{what} {mark:?} in {holder} {way:?}: {told:?}");
                    let mut others = told
                        .iter()
                        .filter(|d| !d.starts_with("Utf16") && !d.starts_with("GzipMembers"));
                    assert_eq!(others.next(), None, "{what} {mark:?} in {holder} {way:?}");
                }
            }
        }
    }
}

/// What hunts of the same file tell, in any way that has all of it at hand.
fn same_in_any_way(stored: Vec<u8>) -> Result<(), TestCaseError> {
    let lake = Lake::new().file("a", stored);
    let expected: Given = hunt(&lake, (1, Some(1), usize::MAX));
    for n_threads in 1..=8 {
        for block_bytes in [100, 3000, 40_000] {
            let given = hunt(&lake, (n_threads, Some(1), block_bytes));
            let what = format!("{n_threads} threads, {block_bytes}");
            prop_assert_eq!(&given.1, &expected.1, "{}", what);
            prop_assert_eq!(given, expected.clone(), "{}", what);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_told_of_damaged_zstd_does_not_depend_on_threads(
        sizes in vec(1_usize..30, 1..6),
        damages in vec((any::<Index>(), any::<u8>(), 0_usize..9), 1..4),
        cut in proptest::option::of(any::<Index>()),
    ) {
        let frames = sizes.iter().enumerate().map(|(n, size)| {
            let records: Vec<String> = (0..*size).map(|m| match (n + m) % 5 {
                0 => attach(&format!("{n}-{m}")),
                _ => other(&format!("{n}-{m}")),
            }).collect();
            zstd(records.join("\n").as_bytes())
        });
        let mut stored = frames.collect::<Vec<_>>().concat();
        for (at, byte, n_gone) in damages {
            let at = at.index(stored.len());
            stored[at] ^= byte;
            let end = stored.len().min(at + n_gone);
            stored.drain(at..end);
            stored.push(b'x');
        }
        if let Some(cut) = cut {
            stored.truncate(cut.index(stored.len()));
        }
        same_in_any_way(stored)?;
    }

    #[test]
    fn a_cut_delivery_is_told_and_a_whole_one_is_not(
        n_records in 1_usize..40,
        cut in any::<Index>(),
        way in 0..WAYS.len(),
    ) {
        let records: Vec<String> = (0..n_records).map(|n| other(&n.to_string())).collect();
        let text = delivery(&records);
        let cut = 12 + cut.index(text.len() - 12);
        let lake = Lake::new().file("whole", &text).file("cut", &text[..cut]);
        let (_, told, _) = hunt(&lake, WAYS[way]);
        prop_assert_eq!(told.len(), 1, "{:?}", told);
        let place = format!("cut@{cut}");
        prop_assert!(told[0].starts_with("Truncated") && told[0].contains(&place), "{:?}", told);
    }
}

#[test]
fn a_pipe_is_told_of_as_a_file_is() {
    let text = delivery(&[other("1"), other("2")]);
    let cases: [(_, &[&str]); 4] = [
        (vec![0; 5000], &["unknown_content", "no_events"]),
        (text.as_bytes()[..text.len() - 20].to_vec(), &["truncated"]),
        (
            base64(&gzip(text.as_bytes())).into_bytes(),
            &["unsupported_format", "no_events"],
        ),
        (chunked(text.as_bytes(), 300, true), &["corrupt_stream"]),
    ];
    for (bytes, codes) in cases {
        let lake = Lake::new();
        fs::write(lake.beside("stored"), bytes).unwrap();
        let stdin = fs::File::open(lake.beside("stored")).unwrap();
        let output = lake.command(&["-"]).stdin(stdin).output().unwrap();
        lake.hunted(output).exits(3).tells(codes);
    }
}

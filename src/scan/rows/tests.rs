//! Tables in every dialect, damaged in every way: an intact row that matches is found, and nothing is lost silently.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::report::{Code, Defect, Severity};
use crate::scan::{Prefilter, RawRecord, ScanItem, Scanner, Unit, Window};

const NEEDLE: &str = "AWSCompromisedKeyQuarantine";

/// The result of a scan.
#[derive(Debug, PartialEq, Eq)]
struct Scanned {
    alerts: Vec<String>,
    /// The rows of the alerts, or the records in these rows.
    raws: Vec<Vec<u8>>,
    defects: Vec<Defect>,
    n_rows: u64,
    /// The rows as records, if they are shown.
    records: Vec<(Unit, Vec<u8>)>,
}

impl Scanned {
    fn has_error(&self) -> bool {
        let mut codes = self.defects.iter().map(|defect| defect.code);
        codes.any(|code| code.severity() == Severity::Error)
    }

    fn codes(&self) -> Vec<Code> {
        self.defects.iter().map(|defect| defect.code).collect()
    }
}

/// Scans a text in windows whose ends advance by `steps` bytes each.
fn scan_in(text: &[u8], steps: impl IntoIterator<Item = usize>) -> Scanned {
    scan_with(text, steps, false)
}

/// Scans a text like [`scan_in`], with or without its records.
fn scan_with(text: &[u8], steps: impl IntoIterator<Item = usize>, shows_records: bool) -> Scanned {
    let prefilter = Arc::new(Prefilter::new(&[NEEDLE]));
    let mut scanner = Scanner::new(prefilter).showing_records(shows_records);
    scanner.start_text(0);
    let (mut alerts, mut raws, mut records) = (Vec::new(), Vec::new(), Vec::new());
    let (mut keep, mut end) = (0, 0);
    let mut steps = steps.into_iter();
    loop {
        end = steps.next().map_or(text.len(), |n| text.len().min(end + n));
        let window = Window {
            bytes: &text[keep..end],
            base: keep as u64,
            is_last: end == text.len(),
            likely_start: None,
        };
        let kept = scanner.scan_items(window, &mut |item| {
            let candidate = match item {
                ScanItem::Event(candidate) => candidate,
                ScanItem::Record(unit, RawRecord { bytes, .. }) => {
                    records.push((unit, bytes.to_vec()));
                    return;
                }
            };
            let event = &candidate.event;
            let is = |field, value| event.text(field).as_deref() == Some(value);
            if is("event.action", "AttachUserPolicy")
                && is("event.outcome", "success")
                && event
                    .text("aws.cloudtrail.request_parameters")
                    .is_some_and(|text| text.contains(NEEDLE))
            {
                let id = event.text("event.id");
                alerts.push(id.unwrap_or_else(|| id_in(candidate.raw)));
                raws.push(candidate.raw.trim_ascii_end().to_vec());
            }
        });
        keep = usize::try_from(kept).unwrap();
        if window.is_last {
            let defects = std::mem::take(&mut scanner.defects);
            return Scanned {
                alerts,
                raws,
                defects,
                n_rows: scanner.events.rows,
                records,
            };
        }
    }
}

/// Returns the id in a row whose id column has lost its name.
fn id_in(row: &[u8]) -> String {
    let start = memmem::find(row, b"id-").unwrap_or(row.len());
    let id = row[start..].split_inclusive(|b| *b == b'x').next();
    String::from_utf8_lossy(id.unwrap_or_default()).into_owned()
}

fn scan(text: &[u8]) -> Scanned {
    scan_in(text, [])
}

/// A random number generator with the same results everywhere.
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        usize::try_from(z % n as u64).unwrap()
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// The way in which a writer writes cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Writer {
    quoting: Quoting,
    delimiter: char,
    quotes_all: bool,
    has_space: bool,
}

impl Writer {
    fn any(rng: &mut Rng) -> Self {
        let quoting = rng.of(&[DOUBLED, DOUBLED, DOUBLED, ESCAPED, SINGLE, Quoting::Bare]);
        let delimiter = match quoting {
            Quoting::Bare => rng.of(&['\t', '|']),
            _ => rng.of(&[',', ',', ',', ';', '\t', '|']),
        };
        Self {
            quoting,
            delimiter,
            quotes_all: quoting == SINGLE || rng.one_in(2),
            has_space: delimiter != '\t' && rng.one_in(6),
        }
    }

    fn cell(self, text: &str) -> String {
        let must = text.contains(['"', '\'', '\n', '\r', self.delimiter]);
        let (quote, escaped) = match self.quoting {
            Quoting::Bare => return text.to_owned(),
            _ if !must && !self.quotes_all => return text.to_owned(),
            Quoting::Doubled(quote) => (quote, [quote, quote]),
            Quoting::Escaped(quote) => (quote, [b'\\', quote]),
        };
        let escaped = std::str::from_utf8(&escaped).unwrap();
        let quote = char::from(quote);
        let text = match self.quoting {
            Quoting::Escaped(_) => text.replace("\\\"", "\\\\\""),
            _ => text.to_owned(),
        };
        format!("{quote}{}{quote}", text.replace(quote, escaped))
    }

    fn row(self, cells: &[String]) -> String {
        let cells: Vec<String> = cells.iter().map(|cell| self.cell(cell)).collect();
        let space = if self.has_space { " " } else { "" };
        cells.join(&format!("{}{space}", self.delimiter))
    }
}

/// A table, and what is in it.
#[derive(Debug)]
struct Made {
    title: String,
    header: String,
    /// The rows, each with its id, and true if it matches.
    rows: Vec<(String, String, bool)>,
    end: &'static str,
}

const NAMES: [&str; 10] = [
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "errorCode",
    "requestParameters",
    "eventID",
    "userAgent",
];

fn cells_of(rng: &mut Rng, id: &str, is_bare: bool) -> (Vec<String>, bool) {
    let kind = rng.below(4);
    let action = rng.of(&["ListUsers", "GetUser", "AttachUserPolicy"]);
    let action = if kind < 2 { "AttachUserPolicy" } else { action };
    let policy = match kind {
        0..=2 => "AWSCompromisedKeyQuarantineV2",
        _ => "ReadOnlyAccess",
    };
    let error = if kind == 1 { "AccessDenied" } else { "" };
    let request = match rng.below(3) {
        0 => format!("{{policyArn=arn:aws:iam::aws:policy/{policy}, userName=bob}}"),
        1 => format!(r#"{{"policyArn":"arn:aws:iam::aws:policy/{policy}"}}"#),
        _ => format!(
            r#"{{"userName":"bob","policyArn":"arn:aws:iam::aws:policy/{policy}","note":"a \"b\" c"}}"#
        ),
    };
    let agent = match rng.below(if is_bare { 3 } else { 5 }) {
        0 => String::new(),
        1 => "AWS Internal".to_owned(),
        2 => "aws-cli/2.0, it's".replace('\'', if is_bare { "'" } else { "" }),
        3 => "a \"tool\"".to_owned(),
        _ => "two\nlines, of it".to_owned(),
    };
    let cells = [
        "1.08",
        r#"{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ops"}"#,
        "2024-05-01T12:00:00Z",
        "iam.amazonaws.com",
        action,
        "us-east-1",
        error,
        &request,
        id,
        &agent,
    ];
    let is_match = action == "AttachUserPolicy" && error.is_empty() && policy.contains(NEEDLE);
    (cells.map(str::to_owned).to_vec(), is_match)
}

/// Returns the cells as one record.
fn record(cells: &[String]) -> String {
    let members: Vec<String> = NAMES
        .iter()
        .zip(cells)
        .map(|(name, cell)| {
            let value = match cell.starts_with("{\"") {
                true => cell.clone(),
                false => serde_json::to_string(cell).unwrap(),
            };
            format!("\"{name}\":{value}")
        })
        .collect();
    format!("{{{}}}", members.join(","))
}

fn make(rng: &mut Rng) -> Made {
    let writer = Writer::any(rng);
    let is_bare = writer.quoting == Quoting::Bare;
    // All columns, the whole record beside an id, or pandas' index before them.
    let shape = rng.below(4);
    let names: Vec<&str> = match shape {
        0 => vec!["id", "eventData"],
        1 => std::iter::once("").chain(NAMES).collect(),
        _ => NAMES.to_vec(),
    };
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    let mut rows = Vec::new();
    for i in 0..2 + rng.below(8) {
        let id = format!("id-{i}-x");
        let (mut cells, is_match) = cells_of(rng, &id, is_bare);
        match shape {
            0 => cells = vec![i.to_string(), record(&cells)],
            1 => cells.insert(0, i.to_string()),
            _ => {}
        }
        // Several lines in a cell are read only with doubled quotes.
        let can_break = writer.quoting == DOUBLED && shape != 0;
        if !can_break {
            cells
                .iter_mut()
                .for_each(|cell| *cell = cell.replace('\n', " "));
        }
        rows.push((writer.row(&cells), id, is_match));
    }
    Made {
        title: rng
            .of(&["", "", "", "\n", "Report of a day\n\n", "\u{feff}", ",,,\n"])
            .to_owned(),
        header: writer.row(&names),
        rows,
        end: rng.of(&["\n", "\n", "\r\n"]),
    }
}

impl Made {
    fn text(&self) -> String {
        let mut text = format!("{}{}{}", self.title, self.header, self.end);
        for (row, ..) in &self.rows {
            text += row;
            text += self.end;
        }
        text
    }
}

/// Changes some bytes, preferably those that show where cells and rows end.
fn damage(rng: &mut Rng, text: &mut Vec<u8>, from: usize) {
    for _ in 0..=rng.below(3) {
        if text.len() <= from + 2 {
            return;
        }
        let mut at = from + rng.below(text.len() - from);
        if rng.one_in(2) {
            let structure = rng.of(b"\"\"\"'\n,\t;|\\{}");
            let found = text[at..].iter().position(|b| *b == structure);
            at = found.map_or(at, |n| at + n);
        }
        match rng.below(8) {
            0 => text[at] ^= 1 << rng.below(8),
            1 | 2 => {
                text.remove(at);
            }
            3 | 4 => text.insert(at, rng.of(b"\"\"\"'\n\n,\t;|\\{}x\0\xff")),
            5 => {
                let end = text.len().min(at + 1 + rng.below(200));
                let copy = text[at..end].to_vec();
                let to = from + rng.below(text.len() - from);
                text.splice(to..to, copy);
            }
            6 => {
                let end = text.len().min(at + 1 + rng.below(60));
                text.drain(at..end);
            }
            _ if rng.one_in(3) => text.truncate(at),
            _ => text[at] = rng.of(b"\"'\n,;x "),
        }
    }
}

/// Returns true if `row` is in `text`, with nothing else in its lines.
fn is_intact(text: &[u8], row: &str) -> bool {
    let mut found = memmem::find_iter(text, row.as_bytes());
    found.any(|at| {
        let behind = &text[at + row.len()..];
        (at == 0 || text[at - 1] == b'\n' || text[..at] == *b"\xef\xbb\xbf")
            && (behind.is_empty() || behind.starts_with(b"\n") || behind.starts_with(b"\r\n"))
    })
}

/// Checks that each row of a table is a record.
fn check_records(made: &Made, case: u64) {
    let text = made.text();
    let shown = scan_with(text.as_bytes(), [], true);
    assert_eq!(shown.records.len(), made.rows.len(), "case {case}\n{text}");
    let objects = shown.records.iter().map(|(_, json)| json);
    for (json, row) in objects.zip(&made.rows) {
        let object: serde_json::Value = serde_json::from_slice(json).unwrap();
        let is_shown = object.to_string().contains(&*row.1);
        assert!(is_shown, "case {case}: {row:?}\n{text}");
    }
}

/// Checks `n_cases` damaged tables, and returns how many intact rows were not judged although this was reported.
fn check(seed: u64, n_cases: u64) -> usize {
    let mut n_not_judged = 0;
    for case in 0..n_cases {
        let mut rng = Rng(seed.wrapping_mul(1 << 32).wrapping_add(case));
        let made = make(&mut rng);
        let text = made.text();
        let expected: Vec<&str> = made
            .rows
            .iter()
            .filter(|row| row.2)
            .map(|row| &*row.1)
            .collect();
        let whole = scan(text.as_bytes());
        assert_eq!(whole.alerts, expected, "case {case}: {whole:?}\n{text}");
        assert_eq!(whole.defects, [], "case {case}\n{text}");
        assert_eq!(whole.n_rows, made.rows.len() as u64, "case {case}\n{text}");

        check_records(&made, case);
        let mut damaged = text.into_bytes();
        let from = match rng.one_in(8) {
            true => 0,
            false => made.title.len() + made.header.len() + made.end.len(),
        };
        damage(&mut rng, &mut damaged, from);
        let scanned = scan(&damaged);
        let shown = String::from_utf8_lossy(&damaged);
        let found: BTreeSet<&str> = scanned.alerts.iter().map(String::as_str).collect();
        let raws: BTreeSet<&[u8]> = scanned.raws.iter().map(Vec::as_slice).collect();
        // The recogniser of events decides whether the requested field is under another name.
        let is_named = match Header::find(&damaged, true) {
            Beginning::Header(header) => {
                let mut names = header.names.iter();
                header.action.is_none() || names.any(|name| name == "requestparameters")
            }
            Beginning::None | Beginning::Undecided => true,
        };
        for (row, id, is_match) in made.rows.iter().filter(|_| is_named) {
            let is_found = found.contains(&**id);
            if !is_intact(&damaged, row) {
                continue;
            }
            assert!(
                is_found || !is_match || scanned.has_error(),
                "case {case}: {id} is lost in silence: {scanned:?}\n{shown}"
            );
            if *is_match && !is_found && is_intact(&damaged, &made.header) {
                n_not_judged += 1;
            }
            let is_claimed = raws.contains(row.trim_end().as_bytes());
            assert!(
                !is_claimed || *is_match || from == 0 || scanned.has_error(),
                "case {case}: {id} is no match: {scanned:?}\n{shown}"
            );
        }
        let steps: Vec<usize> = (0..rng.below(6))
            .map(|_| 1 + rng.below(damaged.len() + 1))
            .collect();
        let in_steps = scan_in(&damaged, steps.clone());
        assert_eq!(in_steps, scanned, "case {case}, {steps:?}\n{shown}");
        let mut with_records = scan_with(&damaged, [], true);
        let in_steps = scan_with(&damaged, steps.clone(), true);
        assert_eq!(in_steps, with_records, "case {case}, {steps:?}\n{shown}");
        with_records.records.clear();
        assert_eq!(with_records, scanned, "case {case}\n{shown}");
    }
    n_not_judged
}

#[test]
fn no_intact_row_of_a_damaged_table_is_lost_in_silence() {
    let n_not_judged = check(1, 3000);
    assert!(
        n_not_judged < 30,
        "{n_not_judged} intact rows were only told"
    );
}

const HEADER: &str = "eventTime,eventName,errorCode,requestParameters,eventID\n";

fn row(id: &str) -> String {
    let request = format!(r#"{{"policyArn":"arn:aws:iam::aws:policy/{NEEDLE}V2"}}"#);
    let request = request.replace('"', "\"\"");
    format!("2024-05-01T12:00:00Z,AttachUserPolicy,,\"{request}\",{id}\n")
}

#[track_caller]
fn finds(text: &str, ids: &[&str], codes: &[Code]) {
    let scanned = scan(text.as_bytes());
    assert_eq!(scanned.alerts, ids, "{scanned:?}\n{text}");
    assert_eq!(scanned.codes(), codes, "{scanned:?}\n{text}");
    for n in [1, 7, 64, 333] {
        let steps = std::iter::repeat_n(n, text.len() / n);
        assert_eq!(scan_in(text.as_bytes(), steps), scanned, "{n}");
    }
}

#[test]
fn a_row_with_a_hit_that_does_not_fit_is_an_error_of_its_own() {
    let around = |bad: &str| format!("{HEADER}{}{bad}{}", row("1"), row("2"));
    let whole = row("3");
    for bad in [
        whole.replace(",,", ","),
        whole.replace("\",3", ",3"),
        whole.replace(",\"{", ",{"),
        whole.replace("}\"", "}\"x"),
        whole.replace("2024", "\"2024"),
        whole.replace(",3\n", ",\"3\n"),
        whole.replace("Attach", "At\ntach"),
        whole.replace(",AttachUserPolicy,,", ",,,AttachUserPolicy,"),
        whole.replace(
            "2024-05-01T12:00:00Z,AttachUserPolicy,",
            "AttachUserPolicy,2024-05-01T12:00:00Z,",
        ),
    ] {
        let scanned = scan(around(&bad).as_bytes());
        let found: Vec<&String> = scanned.alerts.iter().filter(|id| **id != "3").collect();
        assert!(
            found.contains(&&"1".to_owned()) && found.contains(&&"2".to_owned()),
            "{bad}{scanned:?}"
        );
        assert!(
            scanned.codes().contains(&Code::InvalidRow),
            "{bad}{scanned:?}"
        );
    }
}

#[test]
fn rows_without_the_end_of_a_line_between_them_are_told_and_judged() {
    let glued = format!("{HEADER}{}{}{}", row("1").trim_end(), row("2"), row("3"));
    let scanned = scan(glued.as_bytes());
    assert_eq!(scanned.codes(), [Code::InvalidRow]);
    assert!(scanned.alerts.contains(&"2".to_owned()), "{scanned:?}");
    assert!(scanned.alerts.contains(&"3".to_owned()), "{scanned:?}");
}

#[test]
fn a_quote_without_end_swallows_no_row() {
    let bad = "2024-05-01T12:00:00Z,ListUsers,,x,\"9\n";
    let text = format!("{HEADER}{}{bad}{}", row("1"), row("2").repeat(3));
    finds(&text, &["1", "2", "2", "2"], &[]);
    let quiet = format!("{HEADER}{}{bad}", row("1"));
    finds(&quiet, &["1"], &[]);
}

#[test]
fn a_header_may_stand_behind_other_lines_and_be_followed_by_another() {
    for before in [
        "",
        "\u{feff}",
        "\n\n",
        ",,,,\n",
        "Report\n",
        "sep=,\n",
        "#TYPE System.Management.Automation.PSCustomObject\n",
        "a\nb\nc\nd\ne\nf\ng\n",
    ] {
        let text = format!("{before}{HEADER}{}{HEADER}{}", row("1"), row("2"));
        finds(&text, &["1", "2"], &[]);
    }
    let other = format!("x,{}{}", HEADER, row("3").replace("2024", "y,2024"));
    finds(
        &format!("{HEADER}{}{other}{}", row("1"), ""),
        &["1", "3"],
        &[],
    );
    finds(&format!("{HEADER}{other}"), &["3"], &[]);
    finds(
        &format!("{}{HEADER}{}", row("1"), row("2")),
        &["1", "2"],
        &[],
    );
}

#[test]
fn names_of_columns_may_have_what_people_put_there() {
    let names = "TimeGenerated [UTC],Zeit (örtlich),Event time (UTC+02:00),Event Name,error_code,Request parameters,EventID\n";
    let text = format!("{names}{}", row("1").replace("2024", "a,b,2024"));
    finds(&text, &["1"], &[]);
    let pandas = format!(",{HEADER}{}", row("1").replace("2024", "0,2024"));
    finds(&pandas, &["1"], &[]);
    let long: String = (0..4000)
        .map(|i| format!("requestParameters.part{i:05},"))
        .collect();
    let text = format!("{long}{HEADER}{}{}", ",".repeat(4000), row("1"));
    let scanned = scan(text.as_bytes());
    assert_eq!(
        (&*scanned.alerts, &*scanned.defects),
        (&["1".to_owned()][..], &[][..])
    );
}

#[test]
fn other_ways_to_write_cells_are_recognised() {
    let spark = row("1").replace("\"\"", "\\\"");
    finds(&format!("{HEADER}{spark}"), &["1"], &[]);
    let single = row("1")
        .replace("\"\"", "~")
        .replace('"', "'")
        .replace('~', "\"");
    finds(&format!("{HEADER}{single}"), &["1"], &[]);
    let spaced = row("1").replace(',', ", ");
    finds(
        &format!("{}{spaced}", HEADER.replace(',', ", ")),
        &["1"],
        &[],
    );
    let bare = row("1")
        .replace("\"\"", "~")
        .replace('"', "")
        .replace('~', "\"");
    finds(&format!("{HEADER}{bare}").replace(',', "\t"), &["1"], &[]);
    let drawn = format!("{HEADER}-----+-----\n{bare}(1 row)\n").replace(',', " | ");
    finds(&drawn, &["1"], &[]);
    let mixed = format!("{}{}", HEADER.replace(',', "\t"), row("1"));
    finds(&mixed, &["1"], &[Code::InvalidRow]);
}

#[test]
fn a_cell_of_several_lines_is_one_and_lines_in_it_that_are_rows_are_told() {
    let cell = "2024-05-01T12:00:00Z,ListUsers,\"two\nlines, and\n\nmore\",x,9\n";
    let text = format!("{HEADER}{cell}{}", row("1"));
    finds(&text, &["1"], &[]);
    assert_eq!(scan(text.as_bytes()).n_rows, 2);
    let inner = row("3").replace('"', "");
    let held = format!(
        "{HEADER}2024-05-01T12:00:00Z,ListUsers,\"two\n{inner}\",x,9\n{}",
        row("1")
    );
    finds(&held, &["1"], &[Code::InvalidRow]);
}

#[test]
fn a_row_that_is_longer_than_rows_may_be_is_told() {
    let long = row("2").replace("Attach", &format!("{}Attach", "x".repeat(ROW_BYTES_MAX)));
    let text = format!("{HEADER}{}{long}{}", row("1"), row("3"));
    let scanned = scan(text.as_bytes());
    assert_eq!(scanned.alerts, ["1", "3"]);
    assert_eq!(scanned.codes(), [Code::InvalidRow]);
    assert_eq!(scanned.n_rows, 3);
    let steps = std::iter::repeat_n(1_000_001, 100);
    assert_eq!(scan_in(text.as_bytes(), steps), scanned);
}

#[test]
fn documents_may_follow_rows() {
    let record = |id: &str| {
        format!(
            r#"{{"eventVersion":"1.08","eventName":"AttachUserPolicy","eventID":"{id}","requestParameters":{{"policyArn":"{NEEDLE}"}}}}"#
        )
    };
    let text = format!("{HEADER}{}{}\n{}\n", row("1"), record("2"), record("3"));
    finds(&text, &["1", "2", "3"], &[]);
    let pretty = record("2").replacen('{', "{\n  ", 1);
    finds(&format!("{HEADER}{}{pretty}", row("1")), &["1", "2"], &[]);
}

#[test]
fn a_document_that_lost_its_newline_before_a_row_is_no_cell_of_it() {
    let header = "eventVersion\teventName\trequestParameters\terrorCode";
    let row = format!("1\tAttachUserPolicy\t{{\"policyArn\":\"{NEEDLE}\"}}\t");
    let record = format!(
        "{{\"Records\":[{{\"eventVersion\":\"1\",\"eventName\":\"AttachUserPolicy\",\"eventID\":\"1\",\
         \"requestParameters\":{{\"policyArn\":\"{NEEDLE}\"}}}}]}}"
    );
    for next in [header, &row] {
        let found = scan(format!("{header}\n{record}{next}\n").as_bytes());
        assert!(
            found.alerts.contains(&"1".to_owned()),
            "{next}: {:?}",
            found.codes()
        );
    }
}

#[test]
fn a_text_that_ends_inside_a_row_is_cut() {
    let is_cut = |text: &str| !crate::scan::defects_of_whole(text.as_bytes()).is_empty();
    let rows: String = (1..4).map(|n| row(&n.to_string())).collect();
    for rows in [rows.clone(), rows.replace('{', "{\n").replace('}', "\n}")] {
        let text = format!("{HEADER}{}", rows.trim_end());
        for end in ["", "\n", "\n(3 rows)", "\n\nThe end, of it"] {
            assert!(!is_cut(&format!("{text}{end}")), "{text}{end}");
        }
        let (from, to) = (text.rfind("\"{").unwrap() + 2, text.rfind('}').unwrap());
        // A newline at the end may be that of a row.
        let cut = (from..to).filter_map(|at| text.get(..at));
        for cut in cut.filter(|cut| !cut.ends_with('\n')) {
            assert!(is_cut(cut), "{cut}");
        }
    }
}

#[test]
fn only_what_may_have_a_header_is_a_table() {
    for (text, expected) in [
        ("eventname,eventtime\n", true),
        ("_time\t_raw\n", true),
        ("\"_col0\"\n\"{\"\"eventName\"\":1}\"\n", true),
        ("Report\n\nid,payload\n1,\"{\"\"eventName\"\":1}\"\n", true),
        ("{\"eventName\":1}\n", false),
        ("eventname,eventtime", false),
        ("a,b\n1,2\n", false),
        ("eventName=AttachUserPolicy, eventTime=now\n", false),
        ("a message\nanother\n", false),
        ("1,AttachUserPolicy,us-east-1\n", false),
    ] {
        let is_table = matches!(Table::find(text.as_bytes(), true), Found::Some(_));
        assert_eq!(is_table, expected, "{text:?}");
    }
}

#[test]
fn the_time_of_a_row_is_what_its_column_says() {
    let header = match Header::find(b"eventName,requestParameters,eventTime,x\n", true) {
        Beginning::Header(header) => header,
        other => panic!("{other:?}"),
    };
    for (row, time) in [
        ("A,\"{\"\"a\"\":\"\"b,c\"\"}\",2024,x", Some("2024")),
        ("A,\"{\\\"a\\\":\\\"b,c\\\"}\",2024,x", Some("2024")),
        ("A,'{\"a\":\"b,c\"}','2024','x'", Some("2024")),
        ("A,,\"2024\",x", Some("2024")),
        ("A", None),
    ] {
        let time = time.map(str::as_bytes);
        assert_eq!(header.time(row.as_bytes()), time, "{row}");
    }
}

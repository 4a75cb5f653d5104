//! One pass over an archive serves several analyzers, each as if it were alone.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use sha2::{Digest as _, Sha256};
use trailsift::Error;
use trailsift::config::{HuntConfig, ScanConfig};
use trailsift::engine::{
    Admission, Analyzer, Candidate, Either, Emit, Gate, Interest, Local, Location, Log, RawRecord,
    ReadAll, Search, Sink, SizeBytes, TextPart, run,
};
use trailsift::hunt::{Finding, HuntAnalyzer};
use trailsift::input::table::RowCriteria;
use trailsift::input::{Root, Source};
use trailsift::output::Column;
use trailsift::report::PassReport;

use crate::lake::{Lake, attach, delivery, gzip, other, zstd};

/// Counts the records of each log, and hashes its text.
struct Census {
    search: Search,
    /// How often it was shown an event.
    n_shown: AtomicU64,
    /// The number of times of events whose places it received.
    n_times: AtomicU64,
}

impl Census {
    fn of(search: Search) -> Self {
        Self {
            search,
            n_shown: AtomicU64::new(0),
            n_times: AtomicU64::new(0),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Counted {
    log: String,
    n_events: u64,
    hash: Vec<u8>,
}

impl SizeBytes for Counted {
    fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.log.len() + self.hash.len()
    }
}

struct LocalCensus<'a> {
    census: &'a Census,
    n_events: u64,
    hash: Sha256,
}

impl Analyzer for Census {
    type Output = Counted;
    type Local<'a> = LocalCensus<'a>;

    fn interest(&self) -> Interest {
        Interest {
            search: self.search.clone(),
            rows: RowCriteria::default(),
            records: false,
            text: true,
        }
    }

    fn local(&self) -> LocalCensus<'_> {
        LocalCensus {
            census: self,
            n_events: 0,
            hash: Sha256::new(),
        }
    }
}

impl Local for LocalCensus<'_> {
    type Output = Counted;

    fn event(&mut self, _: &Candidate<'_>, _: &Location<'_>, _: &mut Emit<'_, Counted>) {
        self.census.n_shown.fetch_add(1, Relaxed);
        self.n_events += 1;
    }

    fn text(&mut self, text: &TextPart<'_>, _: &Log<'_>, _: &mut Emit<'_, Counted>) {
        self.hash.update(text.bytes);
        if let Some(times) = text.times {
            let all = memchr::memmem::find_iter(text.bytes, "\"eventTime\"");
            assert_eq!(times, all.collect::<Vec<_>>());
            self.census.n_times.fetch_add(times.len() as u64, Relaxed);
        }
    }

    fn end_of_log(&mut self, log: &Log<'_>, out: &mut Emit<'_, Counted>) {
        out.output(Counted {
            log: name_of(log),
            n_events: std::mem::take(&mut self.n_events),
            hash: std::mem::take(&mut self.hash).finalize().to_vec(),
        });
    }
}

fn name_of(log: &Log<'_>) -> String {
    let member = log.member.map(|member| format!("!{}", member.path));
    let member = member.unwrap_or_default();
    format!("{}{member}", log.source.below_root.display())
}

/// Collects all records, and the places of the events that are searched for.
struct Collection(Search);

/// A record, or an event.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    log: String,
    index: u64,
    offset: u64,
    /// What a record holds; of an event nothing.
    record: Option<(String, bool)>,
}

impl Piece {
    fn new(at: &Location<'_>, record: Option<(String, bool)>) -> Self {
        Self {
            log: name_of(&at.log),
            index: at.record_index,
            offset: at.byte_offset,
            record,
        }
    }

    fn text(&self) -> Option<&str> {
        self.record.as_ref().map(|(text, _)| text.as_str())
    }
}

impl SizeBytes for Piece {
    fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.log.len() + self.text().map_or(0, str::len)
    }
}

impl Analyzer for Collection {
    type Output = Piece;
    type Local<'a> = LocalCollection;

    fn interest(&self) -> Interest {
        Interest {
            search: self.0.clone(),
            rows: RowCriteria::default(),
            records: true,
            text: false,
        }
    }

    fn local(&self) -> LocalCollection {
        LocalCollection
    }
}

struct LocalCollection;

impl Local for LocalCollection {
    type Output = Piece;

    fn event(&mut self, _: &Candidate<'_>, at: &Location<'_>, out: &mut Emit<'_, Piece>) {
        out.output(Piece::new(at, None));
    }

    fn record(&mut self, record: &RawRecord<'_>, at: &Location<'_>, out: &mut Emit<'_, Piece>) {
        let text = String::from_utf8_lossy(record.bytes).into_owned();
        out.output(Piece::new(at, Some((text, record.is_whole))));
    }
}

/// Deliveries as they are stored anywhere: small and large, in members, frames and archives.
fn lake() -> (Lake, BTreeMap<String, String>) {
    let records = |first: usize, n: usize| -> Vec<String> {
        let record = |i: usize| match i % 7 {
            0 => attach(&i.to_string()),
            _ => other(&i.to_string()),
        };
        (first..first + n).map(record).collect()
    };
    let text = |first, n| delivery(&records(first, n));
    let mut texts = BTreeMap::new();
    let mut lake = Lake::new();
    for (name, first, n) in [("a", 0, 1), ("b", 10, 40), ("c", 100, 3)] {
        let text = text(first, n);
        lake = lake.gzip(&format!("{name}.json.gz"), &text);
        texts.insert(format!("{name}.json.gz"), text);
    }
    // Larger than a block, and than what is decoded at once.
    let large = records(1_000, 30_000).join("\n");
    assert!(large.len() > 17 << 20);
    lake = lake.file("d.ndjson", &large);
    lake = lake.file("e.ndjson.zst", zstd(large.as_bytes()));
    let middle = large.len() / 2 + large[large.len() / 2..].find('\n').unwrap() + 1;
    let (one, two) = large.split_at(middle);
    let members = [gzip(one.as_bytes()), gzip(two.as_bytes())].concat();
    lake = lake.file("f.ndjson.gz", members);
    for name in ["d.ndjson", "e.ndjson.zst", "f.ndjson.gz"] {
        texts.insert(name.to_owned(), large.clone());
    }
    let mut tar = tar::Builder::new(Vec::new());
    for name in ["one.json", "two.json"] {
        let text = text(50_000, 5);
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        tar.append_data(&mut header, name, text.as_bytes()).unwrap();
        texts.insert(format!("g.tar.gz!{name}"), text);
    }
    let lake = lake.file("g.tar.gz", gzip(&tar.into_inner().unwrap()));
    (lake, texts)
}

fn config(lake: &Lake, n_threads: usize, is_mapped: bool) -> HuntConfig {
    HuntConfig {
        scan: ScanConfig {
            roots: vec![Root::Path(lake.logs())],
            n_threads,
            map_from_bytes: is_mapped.then_some(1 << 20),
            block_bytes: 1 << 20,
            ..ScanConfig::default()
        },
        ..HuntConfig::default()
    }
}

/// How many records match the rule.
fn n_matches(texts: &BTreeMap<String, String>) -> u64 {
    let matches = texts
        .values()
        .map(|text| text.matches("AWSCompromisedKey").count());
    matches.sum::<usize>() as u64
}

/// What an analyzer gives out, and what the pass read.
fn outputs<A: Analyzer>(config: &HuntConfig, analyzer: &A) -> (Vec<A::Output>, PassReport) {
    let mut outputs = Vec::new();
    let mut sink = |output| {
        outputs.push(output);
        Ok(())
    };
    let report = run(&config.scan, ReadAll, analyzer, &mut sink).unwrap();
    (outputs, report)
}

/// Alerts by their ids and places.
fn places(findings: &[Finding]) -> Vec<(String, String)> {
    let place = |finding: &Finding| match finding {
        Finding::Alert(alert) => {
            let text = |column| alert.text(column).unwrap_or_default().to_owned();
            Some((text(Column::AlertId), text(Column::EventId)))
        }
        Finding::Related(_)
        | Finding::Counts(..)
        | Finding::Suppressed(_)
        | Finding::OverTime(_) => None,
    };
    findings.iter().filter_map(place).collect()
}

#[test]
fn two_analyzers_in_one_pass_give_what_each_gives_alone() {
    let (lake, texts) = lake();
    for (n_threads, is_mapped) in [(1, true), (3, false), (3, true)] {
        let config = config(&lake, n_threads, is_mapped);
        let (hunt, census) = (HuntAnalyzer::new(&config), Census::of(Search::Everything));
        let (alone, of_hunt) = outputs(&config, &hunt);
        let (counted, _) = outputs(&config, &census);
        let mut sink_order = Vec::new();
        // With a whole text, as small ones are, it receives the places of the times.
        let whole = texts.values().filter(|text| text.len() < 1 << 20);
        let n_times: usize = whole
            .map(|text| text.matches(r#""eventTime""#).count())
            .sum();
        assert!(n_times > 0 && census.n_times.load(Relaxed) >= n_times as u64);
        let (both, of_both) = outputs(&config, &(hunt, census));
        let (mut findings, mut counts) = (Vec::new(), Vec::new());
        for output in both {
            match output {
                Either::First(finding) => findings.push(finding),
                Either::Second(count) => {
                    sink_order.push(count.log.clone());
                    counts.push(count);
                }
            }
        }
        assert!(of_hunt.complete && of_both.complete);
        assert!(of_both.stats.events_judged > of_hunt.stats.events_judged);
        assert_eq!(places(&findings), places(&alone));
        assert_eq!(places(&findings).len() as u64, n_matches(&texts));
        assert_eq!(counts, counted);
        assert!(sink_order.is_sorted(), "{sink_order:?}");
        let found: BTreeMap<_, _> = counts
            .into_iter()
            .map(|one| (one.log.clone(), one))
            .collect();
        for (log, text) in &texts {
            let one = &found[log];
            assert_eq!(one.hash, Sha256::digest(text.as_bytes()).to_vec(), "{log}");
            assert_eq!(
                one.n_events,
                text.matches("eventID").count() as u64,
                "{log}"
            );
        }
        assert_eq!(found.len(), texts.len());
    }
}

#[test]
fn an_analyzer_is_shown_the_events_that_it_searches_for_and_no_others() {
    let (lake, texts) = lake();
    let config = config(&lake, 2, true);
    let census = Census::of(Search::Words(vec!["ReadOnlyAccess".to_owned()]));
    let (_, report) = outputs(&config, &census);
    let n_shown = census.n_shown.load(Relaxed);
    assert_eq!(n_shown, report.stats.events_judged);
    assert_eq!(report.stats.events_read - n_shown, n_matches(&texts));
}

#[test]
fn a_sink_stops_the_pass_when_it_has_enough() {
    let (lake, _) = lake();
    let config = config(&lake, 2, true);
    let hunt = HuntAnalyzer::new(&config);
    let mut alerts = Vec::new();
    let mut sink = |finding| {
        if let Finding::Alert(alert) = finding {
            alerts.push(alert);
        }
        match alerts.len() {
            3 => Err(Error::Interrupted),
            _ => Ok(()),
        }
    };
    let result = run(&config.scan, ReadAll, &hunt, &mut sink);
    assert!(matches!(result, Err(Error::Interrupted)), "{result:?}");
    let ids = alerts
        .iter()
        .map(|alert| alert.text(Column::EventId).unwrap());
    assert_eq!(Vec::from_iter(ids), ["0", "14", "21"]);
}

/// Reads one source of two; the others are done, or taken again.
struct Choosy(u64);

impl Gate for Choosy {
    type Ticket = String;

    fn admit(&mut self, source: &Source) -> Result<Admission<String>, Error> {
        self.0 += 1;
        let name = source.below_root.display().to_string();
        Ok(match self.0 % 3 {
            0 => Admission::Read(Some(name)),
            1 => Admission::Done { is_whole: true },
            _ => Admission::Replay {
                id: 7,
                is_whole: true,
            },
        })
    }
}

/// Notes what it is told.
#[derive(Default)]
struct Notes(Vec<String>);

impl Sink<Counted, String> for Notes {
    fn take(&mut self, output: Counted) -> Result<(), Error> {
        self.0.push(format!("take {}", output.log));
        Ok(())
    }

    fn begin(&mut self, tickets: &[String]) {
        self.0.push(format!("begin {}", tickets.join(" ")));
    }

    fn end(&mut self, tickets: &[String]) -> Result<(), Error> {
        self.0.push(format!("end {}", tickets.join(" ")));
        Ok(())
    }

    fn replay(&mut self, id: i64) -> Result<Vec<trailsift::report::Diagnostic>, Error> {
        self.0.push(format!("replay {id}"));
        Ok(Vec::new())
    }
}

#[test]
fn a_gate_decides_what_is_read_and_a_sink_hears_of_all_in_order() {
    let lake = ["a", "b", "c"].iter().fold(Lake::new(), |lake, name| {
        lake.gzip(&format!("{name}.gz"), delivery(&[attach(name)]))
    });
    let config = config(&lake, 1, true);
    let census = Census::of(Search::Everything);
    let mut notes = Notes::default();
    let report = run(&config.scan, Choosy(0), &census, &mut notes).unwrap();
    assert_eq!(notes.0, ["replay 7", "begin c.gz", "take c.gz", "end c.gz"]);
    let sources = report.sources;
    assert_eq!((sources.found, sources.known, sources.read), (3, 2, 1));
}

#[test]
fn an_analyzer_that_needs_all_events_gets_them_beside_one_that_needs_few() {
    let (lake, _) = lake();
    let config = config(&lake, 2, true);
    let all = Census::of(Search::Words(Vec::new()));
    let few = Census::of(Search::Words(vec!["AWSCompromisedKey".to_owned()]));
    let both = (all, few);
    let (_, report) = outputs(&config, &both);
    assert_eq!(both.0.n_shown.load(Relaxed), report.stats.events_read);
}

/// The records of a text of `lake`, each with its index and its offset.
fn records_in<'t>(log: &str, text: &'t str) -> Vec<(u64, usize, &'t str)> {
    let is_delivery = !log.contains("ndjson");
    let starts = text.match_indices(r#"{"eventVersion""#).map(|(at, _)| at);
    let ends = starts.clone().skip(1).map(|next| next - 1);
    let ends = ends.chain([text.len() - if is_delivery { 2 } else { 0 }]);
    let index = |n: u64| if is_delivery { n } else { 0 };
    let records = starts.zip(ends).zip(0..);
    let records = records.map(|((start, end), n)| (index(n), start, &text[start..end]));
    records.collect()
}

/// What the report says of a pass.
fn told(report: &PassReport) -> String {
    let PassReport {
        started_at: _,
        complete,
        sources,
        stats,
        files_without_events,
        diagnostics_by_code,
        diagnostics,
    } = report;
    format!(
        "{complete} {sources:?} {stats:?} {files_without_events:?} {diagnostics_by_code:?} {diagnostics:?}"
    )
}

#[test]
fn an_analyzer_gets_every_record_once_and_in_order_on_any_threads() {
    let (lake, texts) = lake();
    let collection = Collection(Search::Words(vec!["AWSCompromisedKey".to_owned()]));
    let (first, of_first) = outputs(&config(&lake, 1, true), &collection);
    let mut pieces: BTreeMap<&str, Vec<&Piece>> = BTreeMap::new();
    for piece in &first {
        pieces.entry(&piece.log).or_default().push(piece);
    }
    assert_eq!(pieces.len(), texts.len());
    for (log, text) in &texts {
        let mut expected = Vec::new();
        for (index, start, record) in records_in(log, text) {
            let offset = start as u64;
            expected.push((index, offset, Some(record)));
            if record.contains("AWSCompromisedKey") {
                expected.push((index, offset, None));
            }
        }
        let found = pieces[log.as_str()].iter();
        let found = found.map(|piece| (piece.index, piece.offset, piece.text()));
        assert!(found.eq(expected), "{log}");
    }
    assert!(
        first
            .iter()
            .all(|p| p.record.as_ref().is_none_or(|(_, is_whole)| *is_whole))
    );
    assert_eq!(of_first.stats.events_judged, n_matches(&texts));
    for (n_threads, is_mapped) in [(2, true), (3, false), (5, true)] {
        let (pieces, report) = outputs(&config(&lake, n_threads, is_mapped), &collection);
        assert!(pieces == first, "{n_threads} threads");
        assert_eq!(report.stats, of_first.stats);
    }
}

#[test]
fn a_hunt_beside_one_that_gets_all_records_gives_what_it_gives_alone() {
    let (lake, texts) = lake();
    let lake = lake
        .file(
            "h.json",
            delivery(&[attach("h"), other("i")]).replace("}]}", ""),
        )
        .file(
            "i.json",
            format!("junk AWSCompromisedKeyQuarantine\n{}", attach("j")),
        );
    for (n_threads, is_mapped) in [(1, true), (3, false), (3, true)] {
        let config = config(&lake, n_threads, is_mapped);
        let hunt = HuntAnalyzer::new(&config);
        let (alone, of_hunt) = outputs(&config, &hunt);
        let (collected, _) = outputs(&config, &Collection(Search::Nothing));
        assert!(collected.iter().all(|piece| piece.record.is_some()));
        let (both, of_both) = outputs(&config, &(hunt, Collection(Search::Nothing)));
        let (mut findings, mut pieces) = (Vec::new(), Vec::new());
        for output in both {
            match output {
                Either::First(finding) => findings.push(finding),
                Either::Second(piece) => pieces.push(piece),
            }
        }
        assert_eq!(places(&findings), places(&alone));
        assert_eq!(places(&findings).len() as u64, n_matches(&texts) + 2);
        assert_eq!(findings.len(), alone.len());
        assert!(!of_hunt.diagnostics.is_empty());
        assert_eq!(told(&of_both), told(&of_hunt));
        // With one event more for each match.
        pieces.retain(|piece| piece.record.is_some());
        assert!(pieces == collected);
    }
}

#[test]
fn a_record_without_what_is_searched_for_is_not_parsed() {
    let invalid =
        |word: &str| format!(r#"{{"eventVersion":"1.08","eventName":nothing,"x":"{word}"}}"#);
    let text = |word: &str| delivery(&[other("1"), invalid(word), other("2")]);
    let lake = Lake::new()
        .file("a.json", text("y"))
        .file("b.json", text("NEEDLE"));
    let collection = Collection(Search::Words(vec!["NEEDLE".to_owned()]));
    let (pieces, report) = outputs(&config(&lake, 2, true), &collection);
    let texts: Vec<_> = pieces.iter().map(|piece| piece.text().unwrap()).collect();
    let (one, two) = (other("1"), other("2"));
    let (plain, named) = (invalid("y"), invalid("NEEDLE"));
    assert_eq!(texts, [&*one, &plain, &two, &one, &named, &two]);
    let [defect] = &report.diagnostics[..] else {
        panic!("{:?}", report.diagnostics);
    };
    assert!(format!("{defect:?}").contains("b.json"), "{defect:?}");
    assert_eq!(
        (report.stats.candidates, report.stats.events_judged),
        (1, 0)
    );
}

#[test]
fn a_piece_may_be_cut_off_or_a_string_or_a_row() {
    let record = other("1");
    let cut = &record[..100];
    let message = serde_json::to_string(&record).unwrap();
    let lake = Lake::new()
        .file(
            "a.json",
            format!("{cut}\n{record}\n{{\"Records\":[{record},{cut}"),
        )
        .file(
            "b.json",
            format!(r#"{{"logEvents":[{{"id":"1"}},{{"message":{message}}}]}}"#),
        )
        .file(
            "c.csv",
            "eventname,eventsource,eventtime\nA,b,2024-05-01T12:00:00Z\nC,d\n",
        )
        .file("d.json", "{\"a\":1}\nprose\n");
    let (pieces, report) = outputs(&config(&lake, 1, true), &Collection(Search::Nothing));
    let pieces = pieces.iter().map(|piece| {
        let (text, is_whole) = piece.record.as_ref().unwrap();
        (&*piece.log, piece.offset, piece.index, &**text, *is_whole)
    });
    let cut_line = format!("{cut}\n");
    let third = 101 + record.len() as u64 + 13;
    let row = r#"{"eventname":"A" ,"eventsource":"b" ,"eventtime":"2024-05-01T12:00:00Z" }"#;
    let expected = [
        ("a.json", 0, 0, &*cut_line, false),
        ("a.json", 101, 0, &record, true),
        ("a.json", third, 0, &record, true),
        ("a.json", third + record.len() as u64 + 1, 1, cut, false),
        ("b.json", 36, 1, &message, true),
        ("c.csv", 32, 0, row, true),
        (
            "c.csv",
            57,
            0,
            r#"{"eventname":"C" ,"eventsource":"d" }"#,
            true,
        ),
    ];
    assert_eq!(Vec::from_iter(pieces), expected);
    assert_eq!(report.stats.events_judged, 0);
}

#[test]
fn every_row_of_a_table_is_a_record_and_a_hunt_reads_no_more_for_it() {
    let lake = crate::tables::lake_of_rows(500);
    let config = config(&lake, 2, true);
    let hunt = HuntAnalyzer::new(&config);
    let (alone, of_hunt) = outputs(&config, &hunt);
    let (both, of_both) = outputs(&config, &(hunt, Collection(Search::Nothing)));
    assert_eq!(told(&of_both), told(&of_hunt));
    let records = both.iter().filter_map(|output| match output {
        Either::Second(piece) if piece.record.is_some() => Some(piece),
        _ => None,
    });
    let records: Vec<&Piece> = records.collect();
    assert!(records.iter().map(|piece| piece.offset).eq(0..500));
    let is_row = |piece: &&Piece| {
        let row: serde_json::Value = serde_json::from_str(piece.text().unwrap()).unwrap();
        row["eventname"].is_string()
    };
    assert!(records.iter().all(is_row));
    let findings = both.into_iter().filter_map(|output| match output {
        Either::First(finding) => Some(finding),
        Either::Second(_) => None,
    });
    let findings: Vec<Finding> = findings.collect();
    assert_eq!(places(&findings), places(&alone));
    assert!(!places(&alone).is_empty());
}

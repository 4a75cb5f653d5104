//! What the benches share: corpora from a seed, texts that are hard on a stage, the settings, and the one way by
//! which something is first checked and then timed.
//!
//! In: how often records match, their shape, their compression. Out: archives in temporary folders, and texts.
//! Nothing here measures. Benches are named `stage/corpus/variant`.
#![expect(dead_code, reason = "each bench uses a part of it")]

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};
use tempfile::TempDir;
use trailsift::rule::{Needles, Rule};
use trailsift::scan::{Candidate, Prefilter, Scanner, Window};
use trailsift::synth::{Compression, Shape, Summary, SynthConfig};

/// The program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Records of a corpus: some 7 MB of text.
pub(crate) const N_RECORDS: u64 = 5_000;

/// What a pathological text has at least.
const HARD_BYTES: usize = 8 << 20;

/// What a worker scans at once of a large source.
const WINDOW_BYTES: usize = 1 << 20;

/// How often the needle stands in records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Density {
    pub(crate) name: &'static str,
    matches: u64,
    match_share: f64,
    near_miss_share: f64,
}

/// In none.
pub(crate) const NEVER: Density = Density {
    name: "never",
    matches: 0,
    match_share: 0.0,
    near_miss_share: 0.0,
};
/// In four of all, as in a real archive.
pub(crate) const RARE: Density = Density {
    name: "rare",
    matches: 4,
    ..NEVER
};
/// In one of a hundred.
pub(crate) const COMMON: Density = Density {
    name: "common",
    match_share: 0.01,
    ..NEVER
};
/// In all of them.
pub(crate) const ALL: Density = Density {
    name: "all",
    match_share: 1.0,
    ..NEVER
};
/// In all of them, and none matches.
pub(crate) const NEAR_MISSES: Density = Density {
    name: "near_misses",
    near_miss_share: 1.0,
    ..NEVER
};

pub(crate) const DENSITIES: [Density; 4] = [NEVER, RARE, COMMON, ALL];

pub(crate) const SHAPES: [(&str, Shape); 5] = [
    ("delivery", Shape::Delivery),
    ("ndjson", Shape::Ndjson),
    ("pretty", Shape::Pretty),
    ("concatenated", Shape::Concatenated),
    ("array", Shape::Array),
];

pub(crate) const COMPRESSIONS: [(&str, Compression); 3] = [
    ("none", Compression::None),
    ("gzip", Compression::Gzip(6)),
    ("zstd", Compression::Zstd(3)),
];

/// An archive in a temporary folder.
pub(crate) struct Archive {
    folder: TempDir,
    /// What is in it.
    pub(crate) made: Summary,
}

impl Archive {
    /// Of [`N_RECORDS`] in so many files.
    pub(crate) fn new(
        density: Density,
        shape: Shape,
        compression: Compression,
        n_files: u64,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = trailsift::synth::run(&SynthConfig {
            files: n_files,
            records_per_file: N_RECORDS / n_files,
            matches: density.matches,
            density: density.match_share,
            near_miss_density: density.near_miss_share,
            shape,
            compression,
            ..SynthConfig::new(folder.path().join("logs"))
        })
        .unwrap();
        Self { folder, made }
    }

    /// Where its files lie, and nothing else.
    pub(crate) fn logs(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    /// Where a hunt may write.
    pub(crate) fn output(&self) -> PathBuf {
        self.folder.path().join("alerts.parquet")
    }

    /// What its files store, one after the other.
    pub(crate) fn stored(&self) -> Vec<u8> {
        let mut paths = Vec::new();
        list(&self.logs(), &mut paths);
        paths.sort_unstable();
        paths
            .iter()
            .flat_map(|path| fs::read(path).unwrap())
            .collect()
    }
}

fn list(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => list(&path, paths),
            false => paths.push(path),
        }
    }
}

/// A text and what is in it.
pub(crate) struct Corpus {
    pub(crate) name: String,
    pub(crate) text: Vec<u8>,
    pub(crate) n_events: u64,
    pub(crate) n_matches: u64,
}

/// A text from the seed.
pub(crate) fn corpus(density: Density, shape: Shape) -> Corpus {
    let archive = Archive::new(density, shape, Compression::None, 1);
    let (shape_name, _) = SHAPES.into_iter().find(|(_, s)| *s == shape).unwrap();
    Corpus {
        name: format!("{shape_name}/{}", density.name),
        text: archive.stored(),
        n_events: archive.made.records,
        n_matches: archive.made.matches,
    }
}

/// Deliveries that are hard on a stage, each with one match, its last record.
pub(crate) fn pathological() -> [Corpus; 4] {
    [
        // What is structure outside of strings.
        hard("braces", r#"{\"a\":[{\"b\":\"}]\\\"{[,:"#, 1000),
        // Whether a quote ends a string is known only when all backslashes before it are counted.
        hard("backslashes", r"\\", 1000),
        // Both rare bytes of the needle at their places, and escapes of what is no ASCII letter.
        hard("false_starts", r"KeyQ K  Q \u00e9KeyQuarantin\u0026", 1000),
        hard("huge_record", "all in one record, ", HARD_BYTES),
    ]
}

/// A delivery of records that each say `filler` again and again, `said_bytes` of it or more.
fn hard(name: &str, filler: &str, said_bytes: usize) -> Corpus {
    let said = filler.repeat(said_bytes.div_ceil(filler.len()));
    let n_events = HARD_BYTES.div_ceil(said.len());
    let mut records = vec![record(&said, "ReadOnlyAccess"); n_events - 1];
    records.push(record(&said, "AWSCompromisedKeyQuarantineV3"));
    Corpus {
        name: format!("pathological/{name}"),
        text: format!(r#"{{"Records":[{}]}}"#, records.join(",")).into_bytes(),
        n_events: n_events as u64,
        n_matches: 1,
    }
}

fn record(said: &str, policy: &str) -> String {
    format!(
        concat!(
            r#"{{"eventVersion":"1.09","eventTime":"2024-05-01T12:00:00Z","#,
            r#""eventSource":"iam.amazonaws.com","eventName":"AttachUserPolicy","#,
            r#""requestParameters":{{"note":"{said}","userName":"alice","#,
            r#""policyArn":"arn:aws:iam::aws:policy/{policy}"}}}}"#
        ),
        said = said,
        policy = policy
    )
}

/// What the rule looks for.
pub(crate) fn needles(rule: &Rule) -> &[String] {
    match rule.needles() {
        Needles::AnyOf(needles) => needles,
        Needles::EveryRecord => unreachable!("the rule has a needle"),
    }
}

/// A scanner for the rule's candidates.
pub(crate) fn scanner(rule: &Rule) -> Scanner {
    Scanner::new(Arc::new(Prefilter::new(needles(rule))))
}

/// A scanner to which every record is a candidate.
pub(crate) fn scanner_of_all() -> Scanner {
    Scanner::new(Arc::new(Prefilter::new::<&str>(&[])))
}

/// Scans a text window by window, as a worker does, and gives the offset up to which it is dealt with.
pub(crate) fn scan(
    scanner: &mut Scanner,
    text: &[u8],
    visit: &mut dyn FnMut(&Candidate<'_>),
) -> usize {
    scanner.start(0);
    let (mut start, mut end) = (0, 0);
    while end < text.len() {
        // Twice what is held, so that a huge record takes few rounds.
        end = text.len().min(start + WINDOW_BYTES.max(2 * (end - start)));
        let window = Window {
            bytes: &text[start..end],
            base: start as u64,
            is_last: end == text.len(),
            likely_start: None,
        };
        start = usize::try_from(scanner.scan(window, visit)).unwrap();
    }
    start
}

/// Short, since there are many of them: enough to see a change of some per cent.
pub(crate) fn settings() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
}

/// The benches of a stage.
pub(crate) fn group<'c>(criterion: &'c mut Criterion, stage: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(stage);
    // Else each sample takes one more round than the last, and the slow benches beyond their time.
    group.sampling_mode(SamplingMode::Flat);
    group
}

/// Times `run` over so many bytes of text, once it has counted what is expected.
pub(crate) fn bench<C: Debug + PartialEq>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    text_bytes: u64,
    expected: C,
    mut run: impl FnMut() -> C,
) {
    assert_eq!(run(), expected, "{name}");
    group.throughput(Throughput::Bytes(text_bytes));
    group.bench_function(name, |bencher| bencher.iter(&mut run));
}

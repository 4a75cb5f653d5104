//! The number of steps for a large source is proportional to its size, whatever its text repeats and wherever it is
//! cut.

use std::io::Write as _;
use std::path::Path;

use super::*;
use crate::config::ScanConfig;
use crate::engine::analyzer::{Interest, Location, Log, Search, TextPart};
use crate::engine::worker::Target;
use crate::input::source::SourceKind;
use crate::input::table::RowCriteria;
use crate::report::Defect;
use crate::scan::{Candidate, RawRecord};
use crate::steps;

/// Largest number of steps per byte: that of the most expensive text, if every block contains such text.
const STEPS_A_BYTE: u64 = 600;
const BLOCK_BYTES: usize = 2 << 10;
const TEXT_BYTES: usize = 48 << 10;

const TOKENS: [&str; 22] = [
    "\n", "\r\n", " ", "{", "}", "[", "]", ",", ":", "\"", "\\", "0", "\0", "é", "}{", "}{\"",
    "{\"a", "[{", "\\u00", "\\u0041", "{}\n", "\n,",
];

fn config(is_mapped: bool) -> ScanConfig {
    ScanConfig {
        n_threads: 1,
        map_from_bytes: is_mapped.then_some(1),
        block_bytes: BLOCK_BYTES,
        ..ScanConfig::default()
    }
}

/// An analyzer that ignores all events.
struct Nothing;

impl Observer for Nothing {
    fn event(&mut self, _: &Candidate<'_>, _: &Location<'_>, _: &mut Vec<Defect>) {}
    fn record(&mut self, _: &RawRecord<'_>, _: &Location<'_>, _: &mut Vec<Defect>) {}
    fn text(&mut self, _: &TextPart<'_>, _: &Log<'_>, _: &mut Vec<Defect>) {}
    fn wants_records(&self, _: &Log<'_>) -> bool {
        true
    }
    fn next_member(&mut self, _: &Log<'_>) {}
    fn end_of_log(&mut self, _: &Log<'_>, _: &mut Vec<Defect>) {}
    fn end(&mut self, _: &mut Vec<Defect>) {}
}

/// Returns the number of steps of a hunt through a file, block after block on one thread.
fn hunt(path: &Path, is_mapped: bool, shows_records: bool) -> u64 {
    let config = config(is_mapped);
    let target = Target::new(Interest {
        search: Search::Words(vec!["AWSCompromisedKey".to_owned()]),
        rows: RowCriteria::default(),
        records: shows_records,
        text: false,
    });
    let mut worker = Worker::new(&config, &target);
    let source = Source {
        path: path.to_owned(),
        below_root: path.to_owned(),
        kind: SourceKind::File,
        stored_bytes: 0,
        modified: None,
        changed: None,
    };
    let mut cutter = Cutter::new(source.reopen(), BLOCK_BYTES);
    let mut report = SourceReport::default();
    let (n_steps, ()) = steps::count(|| {
        while let Some(piece) = worker.cut(&mut cutter, &mut report) {
            worker.scan_piece(&source, piece, &mut report, &mut Nothing);
        }
    });
    assert_eq!(report.stats.text_bytes, TEXT_BYTES as u64);
    n_steps
}

/// Writes this text to files: uncompressed, in one gzip member, in many gzip members, and in zstd frames.
fn files(folder: &Path, text: &[u8]) -> [std::path::PathBuf; 4] {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let frame = |bytes: &[u8]| zstd::bulk::compress(bytes, 1).unwrap();
    let parts = || text.chunks(1_500);
    let contents = [
        ("plain", text.to_vec()),
        ("gzip", gzip(text)),
        ("members", parts().flat_map(gzip).collect()),
        ("frames", parts().flat_map(frame).collect()),
    ];
    contents.map(|(name, content)| {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path
    })
}

#[test]
fn each_token_costs_as_much_as_it_is_long_wherever_a_source_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    for token in TOKENS {
        for before in ["", "{\"Records\":[{\"eventName\":\"a"] {
            // From the middle on, as after a seam.
            let mut text = "{\"eventName\":\"a\"}\n"
                .repeat(TEXT_BYTES / 40)
                .into_bytes();
            text.extend_from_slice(before.as_bytes());
            text.extend_from_slice(token.repeat(TEXT_BYTES).as_bytes());
            text.truncate(TEXT_BYTES);
            for path in files(folder.path(), &text) {
                for (is_mapped, shows_records) in [(true, false), (false, false), (true, true)] {
                    let n_steps = hunt(&path, is_mapped, shows_records);
                    assert!(
                        n_steps <= STEPS_A_BYTE * TEXT_BYTES as u64,
                        "{n_steps} steps for {TEXT_BYTES} bytes of {token:?} behind {before:?}, {path:?}"
                    );
                }
            }
        }
    }
}

//! Whole hunts through one file of any bytes: threads, blocks, and whether it is mapped change no byte of the
//! alerts, of the events beside them, and no diagnostic, and nothing in the program panics.
//!
//! A file that is read as a stream may show a fault at another place than a mapped one, and tell more than once
//! of what lies between two entries: there the kinds of diagnostics are compared. Of a zip that tells lengths behind
//! its entries a stream cannot ask the directory: what is damaged there is not compared.

use std::fs;
use std::path::Path;

use trailsift::config::{HuntConfig, OutputConfig, ScanConfig};
use trailsift::input::Root;
use trailsift::output::{Destination, Format};
use trailsift::report::Code;

use super::numbers;

/// The most text: bombs say no more than less does.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// How a hunt is done, which must not matter.
#[derive(Debug, Clone, Copy)]
struct Way {
    n_threads: usize,
    is_mapped: bool,
    block_bytes: usize,
    max_decoded_bytes: Option<u64>,
}

/// What a hunt gives.
struct Given {
    alerts: Vec<u8>,
    related: Vec<u8>,
    diagnostics: Vec<(Code, String)>,
    is_complete: bool,
}

/// Asserts that a hunt gives the same in any way.
pub fn end_to_end(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("log");
    fs::write(&log, data).expect("the folder can be written");
    let plain = Way {
        n_threads: 1,
        is_mapped: true,
        block_bytes: usize::MAX,
        max_decoded_bytes: Some(TEXT_BYTES_MAX),
    };
    let given = hunt(folder.path(), plain);
    if given.is_limited() {
        return;
    }
    let number = numbers(data).next().unwrap_or_default();
    let block_bytes = 1 + number % (data.len() + 1);
    for is_mapped in [true, false] {
        let way = Way {
            n_threads: 3,
            is_mapped,
            block_bytes,
            // With a limit no part of a file is cut off to be decoded beside the others.
            max_decoded_bytes: None,
        };
        let other = hunt(folder.path(), way);
        if !is_mapped && has_descriptor(data) && !given.is_complete {
            continue;
        }
        if given.has_other_behind() || other.has_other_behind() {
            let finds_less = |a: &Given, b: &Given| a.alerts.len() < b.alerts.len();
            assert!(
                !(finds_less(&given, &other) && given.is_complete),
                "less in silence"
            );
            assert!(
                !(finds_less(&other, &given) && other.is_complete),
                "less in silence: {way:?}"
            );
            continue;
        }
        for [ndjson, of_other] in [
            [&given.alerts, &other.alerts],
            [&given.related, &other.related],
        ] {
            let texts = [ndjson, of_other].map(|ndjson| String::from_utf8_lossy(ndjson));
            assert_eq!(texts[0], texts[1], "rows: {way:?}");
        }
        assert_eq!(given.is_complete, other.is_complete, "complete: {way:?}");
        if is_mapped {
            assert_eq!(given.diagnostics, other.diagnostics, "diagnostics: {way:?}");
        } else {
            assert_eq!(given.codes(), other.codes(), "codes: {way:?}");
        }
    }
}

/// Whether an entry of a zip tells its length behind it (APPNOTE, 4.4.4).
fn has_descriptor(data: &[u8]) -> bool {
    let mut headers = data
        .windows(7)
        .filter(|bytes| bytes.starts_with(b"PK\x03\x04"));
    headers.any(|header| header[6] & 1 << 3 != 0)
}

impl Given {
    /// Whether there was too much text.
    fn is_limited(&self) -> bool {
        let mut codes = self.diagnostics.iter().map(|(code, _)| *code);
        codes.any(|code| code == Code::DecodedLimit)
    }

    /// Whether something stands behind a text that is opened by itself where all bytes are at hand, and told where
    /// not.
    fn has_other_behind(&self) -> bool {
        let codes = [Code::Appended, Code::UnknownContent, Code::TrailingBytes];
        let mut told = self.diagnostics.iter().map(|(code, _)| code);
        told.any(|code| codes.contains(code))
    }

    /// The kinds of diagnostics, each once however often it is told in a row.
    fn codes(&self) -> Vec<Code> {
        let mut codes: Vec<_> = self.diagnostics.iter().map(|(code, _)| *code).collect();
        codes.dedup();
        codes
    }
}

fn hunt(folder: &Path, way: Way) -> Given {
    let [alerts, related] = ["alerts.ndjson", "related.ndjson"].map(|name| folder.join(name));
    let config = HuntConfig {
        run_id: "fuzz".to_owned(),
        scan: ScanConfig {
            roots: vec![Root::Path(folder.join("log"))],
            n_threads: way.n_threads,
            map_from_bytes: way.is_mapped.then_some(1),
            block_bytes: way.block_bytes,
            max_decoded_bytes: way.max_decoded_bytes,
            ..ScanConfig::default()
        },
        output: OutputConfig {
            destination: Destination::File(alerts.clone()),
            format: Format::Ndjson,
            related: Some((Destination::File(related.clone()), Format::Ndjson)),
            ..OutputConfig::default()
        },
        ..HuntConfig::default()
    };
    let report = trailsift::hunt::run(&config, &mut |_| ()).expect("the run ends");
    let diagnostics = report.diagnostics.iter();
    let diagnostics: Vec<_> = diagnostics
        .map(|diagnostic| (diagnostic.code, diagnostic.to_string()))
        .collect();
    let panic = diagnostics.iter().find(|(code, _)| *code == Code::Panic);
    assert_eq!(panic, None, "{way:?}");
    Given {
        alerts: fs::read(alerts).expect("the output is there"),
        related: fs::read(related).expect("the output is there"),
        diagnostics,
        is_complete: report.complete,
    }
}

//! `trailsift hunt --dry-run`: shows what would be read, without opening it.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{BinaryBytes, HumanCount, HumanDuration};
use trailsift::config::ScanConfig;
use trailsift::engine;
use trailsift::input::layout::Origin;
use trailsift::input::open::MAP_BYTES;
use trailsift::input::source::SourceKind;
use trailsift::input::walk::Found;
use trailsift::store::RANGE_BYTES;

use super::exit::Exit;
use super::terminal::plural;
use super::{print, terminal};

/// A number of files and their bytes as stored.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    n_files: u64,
    n_bytes: u64,
}

impl Sum {
    fn add(&mut self, n_bytes: u64) {
        self.n_files += 1;
        self.n_bytes += n_bytes;
    }
}

/// Walks the roots, and prints how many files and bytes a hunt would read, by account, region and year.
pub(super) fn run(config: &ScanConfig, has_ledger: bool) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let mut far = Far::default();
    let mut sums: BTreeMap<Origin, Sum> = BTreeMap::new();
    let (mut all, mut is_complete) = (Sum::default(), true);
    let (mut n_passed_over, mut n_excluded) = (0_u64, 0_u64);
    engine::plan(config, &mut |found| match found {
        Found::Source(source) => {
            all.add(source.stored_bytes);
            if let SourceKind::Object(_) = source.kind {
                far.add(source.stored_bytes);
            }
            let sum = sums.entry(Origin::of(&source.path)).or_default();
            sum.add(source.stored_bytes);
        }
        Found::Defect { path, defect } => {
            is_complete = false;
            terminal::error(&path, &defect.message);
        }
        Found::PassedOver => n_passed_over += 1,
        Found::Excluded => n_excluded += 1,
        Found::Link | Found::Repeated => {}
    });
    let listed = (
        started.elapsed(),
        config.stores.traffic().n_requests.load(Relaxed),
    );
    let mut table = table(&sums).to_string();
    table += &format!(
        "\n{}, {} as stored, would be read;\n{} folders passed over, {} files or folders excluded\n",
        plural(all.n_files, "file", "files"),
        BinaryBytes(all.n_bytes),
        HumanCount(n_passed_over),
        HumanCount(n_excluded)
    );
    if has_ledger {
        table += "files that are done according to the ledger are counted too: a dry run does not look into it\n";
    }
    table += &estimate(all, &far, listed, config);
    print(table.as_bytes())?;
    Ok(match is_complete {
        true => Exit::Complete,
        false => Exit::Incomplete,
    })
}

/// The content of buckets.
#[derive(Debug, Clone, Copy, Default)]
struct Far {
    sum: Sum,
    n_requests: u64,
}

impl Far {
    fn add(&mut self, n_bytes: u64) {
        self.sum.add(n_bytes);
        self.n_requests += match n_bytes {
            0 => 0,
            1..MAP_BYTES => 1,
            _ => n_bytes.div_ceil(RANGE_BYTES),
        };
    }
}

/// The time to fetch an object of some kilobytes from S3 in the same region, nearly all of it waiting: AWS's
/// documentation ("Performance design patterns for Amazon S3") gives 100 to 200 ms for the first byte.
const FETCH_SECONDS: f64 = 0.15;
/// The speed at which one thread scans a compressed archive of usual files, in stored bytes per second: from
/// `benches/README.md`, rounded down.
const STORED_BYTES_A_SECOND: f64 = 100e6;

/// Returns a short estimate of the time for a hunt.
fn estimate(all: Sum, far: &Far, listed: (Duration, u64), config: &ScanConfig) -> String {
    #[expect(clippy::cast_precision_loss, reason = "it is an estimate")]
    let float = |n: u64| n as f64;
    let threads = float(config.n_threads as u64);
    let scan = float(all.n_bytes) / (STORED_BYTES_A_SECOND * threads);
    let fetch = float(far.n_requests) * FETCH_SECONDS / float(config.stores.n_concurrent() as u64);
    let seconds = scan.max(fetch).max(listed.0.as_secs_f64());
    let time = match seconds < 1.0 {
        true => "less than a second".to_owned(),
        false => format!("about {}", HumanDuration(Duration::from_secs_f64(seconds))),
    };
    let threads = plural(config.n_threads as u64, "thread", "threads");
    let mut text = format!("{time} on {threads} at 100 MB/s of stored bytes each");
    if far.sum.n_files > 0 {
        text += &format!(
            " and 150 ms a fetch, {} at once; {} requests to list (made just now, and made again) and {} to fetch",
            config.stores.n_concurrent(),
            HumanCount(listed.1),
            HumanCount(far.n_requests)
        );
    }
    text + "\n"
}

fn table(sums: &BTreeMap<Origin, Sum>) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_header(["account", "region", "year", "files", "bytes"]);
    for (origin, sum) in sums {
        let known = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".to_owned());
        table.add_row([
            known(&origin.account),
            known(&origin.region),
            known(&origin.year),
            HumanCount(sum.n_files).to_string(),
            BinaryBytes(sum.n_bytes).to_string(),
        ]);
    }
    for column in [3, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

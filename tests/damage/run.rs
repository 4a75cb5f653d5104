//! Makes files by hundreds, hunts through them in this process, and has each judged.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use trailsift::config::{HuntConfig, OutputConfig, ScanConfig};
use trailsift::input::Root;
use trailsift::output::{Destination, Format};
use trailsift::report::{Code, Severity};

use super::hurt::{Damaged, hurt};
use super::make::{self, Made};
use super::oracle::{self, Alert, Fault, Finding};
use super::random::Random;
use super::records::{self, Record};
use super::{json, rows, table};

/// What makes a file of a form.
pub(super) type Make = fn(&mut Random, &[Record]) -> Made;

pub(super) const MAKERS: [Make; 5] = [make::json, make::ecs, make::ocsf, rows::csv, table::make];
/// The forms by name.
pub(crate) const FORMS: [&str; 5] = ["json", "ecs", "ocsf", "csv", "parquet"];
const PARQUET: usize = 4;

/// Files of one hunt.
const BATCH: u64 = 200;
/// Of so many hunts one is done in another way as well.
const OTHER_WAY_EVERY: u64 = 4;
/// Faults of a form that are told one by one.
const TOLD_MAX: u64 = 200;

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    /// Files of each form.
    pub(crate) files: u64,
    /// The first of them.
    pub(crate) first: u64,
    /// Where files with a fault are kept.
    pub(crate) save: Option<PathBuf>,
}

/// What came of the files of a form.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sum {
    pub(crate) files: u64,
    pub(crate) complete: u64,
    pub(crate) alerts: u64,
    /// By the kind of the fault.
    pub(crate) faults: BTreeMap<Fault, u64>,
    /// Files with a fault that fails the run.
    pub(crate) failed: u64,
}

impl Sum {
    pub(crate) fn silent_losses(&self) -> u64 {
        let losses = self
            .faults
            .iter()
            .filter(|(fault, _)| fault.is_silent_loss());
        losses.map(|(_, n)| n).sum()
    }

    pub(crate) fn n(&self, faults: &[Fault]) -> u64 {
        faults
            .iter()
            .filter_map(|fault| self.faults.get(fault))
            .sum()
    }

    /// The row of a form in the table.
    pub(crate) fn row(&self, form: &str) -> String {
        format!(
            "{form:<9}{:>8}{:>10}{:>12}{:>9}{:>15}{:>14}{:>8}{:>9}{:>8}",
            self.files,
            self.complete,
            self.files - self.complete,
            self.alerts,
            self.silent_losses(),
            self.n(&[Fault::FalseAlert, Fault::Twice]),
            self.n(&[Fault::Panic]),
            self.n(&[Fault::Differs]),
            self.n(&[Fault::Unread]),
        )
    }

    /// The names of its columns.
    pub(crate) fn head() -> String {
        format!(
            "{:<9}{:>8}{:>10}{:>12}{:>9}{:>15}{:>14}{:>8}{:>9}{:>8}",
            "form",
            "files",
            "complete",
            "incomplete",
            "alerts",
            "silent losses",
            "false alerts",
            "panics",
            "differs",
            "unread"
        )
    }
}

/// A file as it is hunted through.
struct File {
    number: u64,
    whole: Made,
    damaged: Damaged,
    is_packed: bool,
}

/// What a hunt says of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Told {
    alerts: Vec<Alert>,
    is_incomplete: bool,
    panics: Vec<String>,
    /// Whether something behind a text was opened by itself, which a stream cannot do.
    is_behind: bool,
}

/// Hunts through files of a form, and tells each fault to `tell`.
pub(crate) fn run(form: usize, options: &Options, tell: &mut dyn FnMut(&str)) -> Sum {
    let mut sum = Sum::default();
    let end = options.first + options.files;
    let mut first = options.first;
    while first < end {
        let files: Vec<File> = (first..end.min(first + BATCH))
            .map(|number| file(form, options.seed, number))
            .collect();
        let is_other_way = (first / BATCH).is_multiple_of(OTHER_WAY_EVERY);
        batch(form, options, &files, is_other_way, &mut sum, tell);
        first += BATCH;
    }
    sum
}

/// A file by its number.
fn file(form: usize, seed: u64, number: u64) -> File {
    let mut random = Random::of(seed, form, number);
    let make = MAKERS[form];
    let records = records::some(&mut random, number, 0);
    let others = records::some(&mut random, number, 1);
    // Of the same make, as files of one archive are; now and then of another.
    let seed_of_make = random.below(1 << 30) as u64;
    let whole = make(&mut Random::of(seed_of_make, form, 0), &records);
    let is_same = random.chance(80);
    let of_other = if is_same { 0 } else { 1 };
    let other = make(&mut Random::of(seed_of_make, form, of_other), &others);
    let damaged = hurt(&mut random, whole.clone(), &other);
    File {
        number,
        whole,
        damaged,
        is_packed: form != PARQUET && random.chance(10),
    }
}

fn batch(
    form: usize,
    options: &Options,
    files: &[File],
    is_other_way: bool,
    sum: &mut Sum,
    tell: &mut dyn FnMut(&str),
) {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).unwrap();
    for file in files {
        let stored = match file.is_packed {
            true => gzip(&file.damaged.made.text),
            false => file.damaged.made.text.clone(),
        };
        fs::write(logs.join(format!("{:08}", file.number)), stored).unwrap();
        // One that was asked for by itself may end the program.
        if let (1, Some(save)) = (options.files, &options.save) {
            keep(save, form, options.seed, file);
        }
    }
    let told = hunt(folder.path(), Root::Path(logs.clone()), PLAIN_WAY, files);
    let other =
        is_other_way.then(|| hunt(folder.path(), Root::Path(logs.clone()), OTHER_WAY, files));
    for (n, (file, said)) in files.iter().zip(&told).enumerate() {
        let mut findings = match form {
            PARQUET => table::judge(
                &file.damaged,
                &file.whole,
                &said.alerts,
                !said.is_incomplete,
            ),
            _ => oracle::judge(&file.damaged, &said.alerts, !said.is_incomplete),
        };
        let mut find = |fault, what: String| findings.push(Finding { fault, at: 0, what });
        for panic in &said.panics {
            find(Fault::Panic, panic.clone());
        }
        if let Some(other) = &other {
            if other[n] != *said && !other[n].is_behind && !said.is_behind {
                find(
                    Fault::Differs,
                    differing("with 4 threads, in blocks", said, &other[n]),
                );
            }
            if n % 20 == 0 {
                let piped = pipe(folder.path(), &logs, file);
                if piped != *said && !piped.is_behind && !said.is_behind {
                    find(Fault::Differs, differing("through a pipe", said, &piped));
                }
            }
        }
        count(form, options, file, (said, &findings), sum, tell);
    }
}

fn differing(how: &str, one: &Told, other: &Told) -> String {
    let words = |told: &Told| {
        let complete = if told.is_incomplete {
            "incomplete"
        } else {
            "complete"
        };
        let places: Vec<_> = told.alerts.iter().map(|alert| alert.start).collect();
        format!("{complete}, {} alerts at {places:?}", told.alerts.len())
    };
    format!("{how}: {}; else {}", words(other), words(one))
}

fn count(
    form: usize,
    options: &Options,
    file: &File,
    (told, findings): (&Told, &[Finding]),
    sum: &mut Sum,
    tell: &mut dyn FnMut(&str),
) {
    sum.files += 1;
    sum.complete += u64::from(!told.is_incomplete);
    sum.alerts += told.alerts.len() as u64;
    let faults = || {
        let faults = findings.iter();
        faults.filter(|finding| finding.fault.fails(form == PARQUET))
    };
    let fails = faults().next().is_some();
    sum.failed += u64::from(fails);
    for finding in findings {
        *sum.faults.entry(finding.fault).or_default() += 1;
    }
    if sum.failed > TOLD_MAX {
        return;
    }
    let mut text = String::new();
    for finding in faults() {
        let (how, label) = (file.damaged.how.join("; "), &file.damaged.made.label);
        // Writing to a String cannot fail.
        writeln!(
            text,
            "{:?} {} --at {} ({label}) [{how}] @{}: {}",
            finding.fault, FORMS[form], file.number, finding.at, finding.what
        )
        .unwrap();
    }
    if fails {
        tell(&text);
        if let Some(folder) = &options.save {
            let name = keep(folder, form, options.seed, file);
            fs::write(folder.join(name + ".txt"), text).unwrap();
        }
    }
}

/// Keeps a file, and gives its name.
fn keep(folder: &Path, form: usize, seed: u64, file: &File) -> String {
    let name = format!("{}-{seed}-{}", FORMS[form], file.number);
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(&name), &file.damaged.made.text).unwrap();
    name
}

/// How a hunt is done, which must not matter: threads, from which size on files are mapped, the size of blocks.
type Way = (usize, Option<u64>, usize);

const PLAIN_WAY: Way = (1, Some(1), usize::MAX);
const OTHER_WAY: Way = (4, None, 700);

fn hunt(
    folder: &Path,
    root: Root,
    (n_threads, map_from_bytes, block_bytes): Way,
    files: &[File],
) -> Vec<Told> {
    let path = folder.join("alerts.ndjson");
    let config = HuntConfig {
        run_id: "damage".to_owned(),
        allows_no_events: true,
        scan: ScanConfig {
            roots: vec![root],
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
        ..HuntConfig::default()
    };
    let report = trailsift::hunt::run(&config, &mut |_| ()).unwrap();
    let mut told = vec![Told::default(); files.len()];
    // Of one file, whatever it is called.
    let index = |source: &str| {
        let name = source.rsplit('/').next().unwrap_or_default();
        let is_named = |file: &File| format!("{:08}", file.number) == name;
        files.iter().position(is_named).unwrap_or(0)
    };
    for diagnostic in &report.diagnostics {
        let told = &mut told[index(&diagnostic.source)];
        told.is_incomplete |= diagnostic.severity == Severity::Error;
        told.is_behind |= matches!(diagnostic.code, Code::TrailingBytes | Code::Appended);
        if diagnostic.code == Code::Panic {
            told.panics.push(diagnostic.to_string());
        }
    }
    let ndjson = fs::read(&path).unwrap();
    fs::remove_file(path).unwrap();
    for row in serde_json::Deserializer::from_slice(&ndjson).into_iter::<Value>() {
        let row = row.unwrap();
        let index = index(row["log_file_path"].as_str().unwrap());
        let start = usize::try_from(row["log_offset"].as_u64().unwrap()).unwrap();
        let raw = row["raw_event"].as_str().unwrap();
        let made = &files[index].damaged.made;
        told[index].alerts.push(Alert {
            start,
            end: extent(made, start, raw),
            id: row["event_id"].as_str().map(str::to_owned),
        });
    }
    told
}

/// Where the bytes end that an alert is for. What it shows of them has U+FFFD in place of what is no UTF-8; of a record
/// inside a string or a cell it shows what that says.
fn extent(made: &Made, start: usize, raw: &str) -> usize {
    let text = &made.text;
    let Some(from) = text.get(start..) else {
        return start;
    };
    if from.starts_with(raw.as_bytes()) {
        return start + raw.len();
    }
    let is_same = |n: &usize| String::from_utf8_lossy(&from[..*n]) == raw;
    let near = raw.len().min(from.len());
    let same = (near / 3..=near).rev().find(is_same).map(|n| start + n);
    // A cell in quotes would be a value, too.
    let is_value = made.dialect.is_none() || from.starts_with(b"{");
    let value = || Some(json::parse(text, start).filter(|_| is_value)?.1);
    let row = || Some(rows::read(text, start, made.dialect?)?.end);
    let line = || {
        made.dialect
            .and(memchr::memchr(b'\n', from))
            .map(|n| start + n)
    };
    // Of a record in a string of a document that is no JSON to the letter: to the end of that string's text of it.
    let in_string = || {
        let quoted = json::quoted(raw);
        let escaped = &quoted.as_bytes()[1..quoted.len() - 1];
        Some(start + memchr::memmem::find(from, escaped)? + escaped.len())
    };
    same.or_else(value)
        .or_else(in_string)
        .or_else(row)
        .or_else(line)
        .unwrap_or_else(|| text.len().min(start + 2 * raw.len()))
}

/// The same file through a pipe.
fn pipe(folder: &Path, logs: &Path, file: &File) -> Told {
    let stored = fs::read(logs.join(format!("{:08}", file.number))).unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    // By a name that another process could have, as a shell gives one.
    let path = PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()));
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // Nobody may listen to the end.
            writer.write_all(&stored).ok();
            drop(writer);
        });
        let told = hunt(
            folder,
            Root::Path(path),
            PLAIN_WAY,
            std::slice::from_ref(file),
        );
        drop(reader);
        told.into_iter().next().unwrap()
    })
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

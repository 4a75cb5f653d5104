//! The seeds of a case: the alerts of a hunt.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use arrow_array::ArrayRef;
use arrow_schema::Schema;
use jiff::Timestamp;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use serde_json::Value;

use super::Seed;
use super::alert_columns;
use crate::event::time::micros;
use crate::follow::{Entity, Kind};
use crate::input::layout::is_account;
use crate::rule::QUARANTINE_ID;

/// The columns of alerts with the identity of a case, and the time of its quarantine.
const COLUMNS: [&str; 4] = [
    "target_user_name",
    "recipient_account_id",
    "account_id",
    "event_time",
];

/// Further columns of alerts, which a file need not have. They say if a row is about a quarantine.
const RULE_COLUMNS: [&str; 2] = ["rule_id", "policy_name"];

/// The part of the names of all quarantine policies.
const POLICY: &str = "CompromisedKeyQuarantine";

/// The seeds in files of alerts.
#[derive(Debug, Default)]
pub struct Seeds {
    /// The seeds, each once and in their order.
    pub seeds: Vec<Seed>,
    /// The number of alerts of other rules, which are no seeds.
    pub n_others: u64,
}

impl Seeds {
    /// Takes the user of a row, if the row is about a quarantine and names a user.
    fn add(&mut self, is_quarantine: bool, seed: Option<Seed>) {
        match is_quarantine {
            true => self.seeds.extend(seed),
            false => self.n_others += 1,
        }
    }
}

/// Returns whether a row is about a quarantine: its rule says so, or its policy, whatever the rule. Without one of the two
/// columns it counts as one.
fn is_quarantine(rule_id: Option<Option<&str>>, policy: Option<Option<&str>>) -> bool {
    let (Some(rule_id), Some(policy)) = (rule_id, policy) else {
        return true;
    };
    rule_id.is_none_or(|id| id == QUARANTINE_ID) || policy.is_some_and(|name| name.contains(POLICY))
}

const NO_ALERTS: &str = "it holds no alerts";

/// Returns the seeds in a file of alerts (Parquet, JSON lines or CSV), or in all such files of a folder, each once and in
/// their order.
///
/// # Errors
///
/// The I/O error, or the error in a file, with its path.
pub fn seeds(path: &Path) -> io::Result<Seeds> {
    let files = match path.is_dir() {
        true => files_in(path)?,
        false => vec![path.to_owned()],
    };
    let mut found = Seeds::default();
    for file in files {
        let in_file = in_file(&file, &mut found);
        in_file.map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", file.display()))
        })?;
    }
    let seeds = &mut found.seeds;
    seeds.sort_by(|a, b| (&a.entity, a.time).cmp(&(&b.entity, b.time)));
    seeds.dedup();
    Ok(found)
}

fn in_file(path: &Path, found: &mut Seeds) -> io::Result<()> {
    let kind = kind_of_file(path)?;
    let mut file = File::open(path)?;
    match kind {
        Some(Kept::Parquet) => of_parquet(file, found),
        Some(Kept::Csv) => of_csv(file, found),
        Some(Kept::Lines) => of_lines(file, found),
        // It is no file of alerts: reading it shows why.
        None => {
            let mut magic = [0; 4];
            let n_read = file.read(&mut magic)?;
            file.rewind()?;
            match &magic[..n_read] {
                b"PAR1" => of_parquet(file, found),
                _ => of_lines(file, found),
            }
        }
    }
}

/// The form of alerts in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Parquet,
    Lines,
    Csv,
}

/// Number of bytes of the first line of a file that are looked at.
const FIRST_LINE_BYTES: u64 = 64 * 1024;

/// Returns whether a path is a file of alerts that [`seeds`] reads, or a folder with such files and nothing else.
///
/// # Errors
///
/// The I/O error.
pub fn holds_alerts(path: &Path) -> io::Result<bool> {
    if !path.is_dir() {
        return Ok(kind_of_file(path)?.is_some());
    }
    let mut has_one = false;
    for file in data_files(path) {
        // An archive of logs ends this at its first file.
        if kind_of_file(&file?)?.is_none() {
            return Ok(false);
        }
        has_one = true;
    }
    Ok(has_one)
}

/// Returns the files of a dataset, in the order of their paths.
fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = data_files(folder).collect::<io::Result<Vec<PathBuf>>>()?;
    files.sort();
    Ok(files)
}

/// Finds the files in a folder and the folders in it, without those that readers of datasets leave out: their names begin
/// with a dot or a low line.
fn data_files(folder: &Path) -> impl Iterator<Item = io::Result<PathBuf>> {
    let mut folders = vec![folder.to_owned()];
    let mut entries: Vec<PathBuf> = Vec::new();
    std::iter::from_fn(move || {
        loop {
            if let Some(entry) = entries.pop() {
                match entry.is_dir() {
                    true => folders.push(entry),
                    false => return Some(Ok(entry)),
                }
                continue;
            }
            let paths = std::fs::read_dir(folders.pop()?).and_then(|inside| {
                let paths = inside.map(|one| one.map(|one| one.path()));
                paths.collect::<io::Result<Vec<PathBuf>>>()
            });
            match paths {
                Ok(paths) => {
                    entries = paths
                        .into_iter()
                        .filter(|path| !is_left_out(path))
                        .collect()
                }
                Err(error) => return Some(Err(error)),
            }
        }
    })
}

fn is_left_out(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let name = name.as_encoded_bytes();
    // A link could lead back to a folder round it.
    name.starts_with(b".") || name.starts_with(b"_") || path.is_symlink() && path.is_dir()
}

/// Returns the form of the alerts in a file; nothing if it is not a file of alerts.
fn kind_of_file(path: &Path) -> io::Result<Option<Kept>> {
    // A pipe would be waited for.
    if !path.metadata()?.is_file() {
        return Ok(None);
    }
    let mut file = File::open(path)?;
    let mut start = Vec::new();
    (&file).take(FIRST_LINE_BYTES).read_to_end(&mut start)?;
    if start.starts_with(b"PAR1") {
        file.rewind()?;
        let is_of_alerts = |schema: &Schema| {
            let has = |column: &str| schema.field_with_name(column).is_ok();
            COLUMNS.iter().all(|column| has(column)) && has("alert_id") && !has("relation")
        };
        // A Parquet file that cannot be read has no alerts that can be.
        let read = || ParquetRecordBatchReaderBuilder::try_new(file).ok();
        // Nor has one over which the reader panics.
        let reader = catch_unwind(AssertUnwindSafe(read)).ok().flatten();
        let found = reader.filter(|reader| is_of_alerts(reader.schema()));
        return Ok(found.map(|_| Kept::Parquet));
    }
    let text = String::from_utf8_lossy(&start);
    let line = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    // A line leaves out fields without a value.
    let is_line = line.starts_with('{')
        && ["\"alert_id\":", "\"event_time\":"]
            .iter()
            .all(|name| line.contains(name))
        && !line.contains("\"relation\":");
    let has = |column: &str| line.split(',').any(|name| name.trim_matches('"') == column);
    let is_header = has("alert_id") && COLUMNS.iter().all(|column| has(column)) && !has("relation");
    Ok(match (is_line, is_header) {
        (true, _) => Some(Kept::Lines),
        (false, true) => Some(Kept::Csv),
        (false, false) => None,
    })
}

/// Returns the seed in a row, if the row names a user.
fn seed(
    user: Option<&str>,
    accounts: [Option<&str>; 2],
    time: Option<Timestamp>,
) -> Result<Option<Seed>, String> {
    let account = accounts.into_iter().flatten().next().unwrap_or_default();
    if !account.is_empty() && !is_account(account) {
        return Err(format!(
            "{account:?} is no account's id: it has twelve digits"
        ));
    }
    let user = user.filter(|user| !user.is_empty());
    Ok(user.map(|user| Seed {
        entity: Entity::in_account(Kind::User, account, user),
        time,
    }))
}

fn of_parquet(file: File, found: &mut Seeds) -> io::Result<()> {
    // By the types of Parquet alone, which are fewer than those of Arrow.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .map_err(io::Error::other)?;
    let has = |column: &str| builder.schema().field_with_name(column).is_ok();
    if let Some(missing) = COLUMNS.iter().find(|column| !has(column)) {
        let message = format!("it has no column {missing}: it holds no alerts");
        return Err(io::Error::other(message));
    }
    if has("relation") {
        return Err(io::Error::other(NO_ALERTS));
    }
    let columns = COLUMNS.into_iter().chain(RULE_COLUMNS);
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns);
    let reader = builder
        .with_projection(mask)
        .build()
        .map_err(io::Error::other)?;
    for batch in reader {
        let batch = batch.map_err(io::Error::other)?;
        let column = |name: &str| {
            let column = batch.column_by_name(name).ok_or(NO_ALERTS);
            column.map_err(io::Error::other)
        };
        let [user, recipient, account, time] = COLUMNS.map(column);
        let (user, recipient, account, time) = (user?, recipient?, account?, time?);
        let of_rule = RULE_COLUMNS.map(|name| batch.column_by_name(name));
        for row in 0..batch.num_rows() {
            let read = || {
                let named = |name: &'static str| move |error| format!("{name}: {error}");
                let text = |column, name| alert_columns::text(column, row).map_err(named(name));
                let user = text(user, COLUMNS[0])?;
                let accounts = [text(recipient, COLUMNS[1])?, text(account, COLUMNS[2])?];
                let time = alert_columns::time(time, row).map_err(named(COLUMNS[3]))?;
                let accounts = accounts.each_ref().map(Option::as_deref);
                // A column of another type is as good as none.
                let value = |column: Option<&ArrayRef>| alert_columns::text(column?, row).ok();
                let [rule, policy] = of_rule.map(value);
                let of_row = [&rule, &policy].map(|one| one.as_ref().map(Option::as_deref));
                let is_quarantine = is_quarantine(of_row[0], of_row[1]);
                seed(user.as_deref(), accounts, time).map(|seed| (is_quarantine, seed))
            };
            let (is_quarantine, seed) = read().map_err(io::Error::other)?;
            found.add(is_quarantine, seed);
        }
    }
    Ok(())
}

fn of_lines(file: File, found: &mut Seeds) -> io::Result<()> {
    for (n, line) in BufReader::new(file).lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let fault =
            |error: &dyn std::fmt::Display| io::Error::other(format!("line {}: {error}", n + 1));
        let row: Value = serde_json::from_str(&line).map_err(|error| fault(&error))?;
        if row["alert_id"].is_null() || !row["relation"].is_null() {
            return Err(fault(&NO_ALERTS));
        }
        let text = |column: &str| row[column].as_str();
        let accounts = [text("recipient_account_id"), text("account_id")];
        let time = match &row["event_time"] {
            Value::Null => None,
            Value::String(text) => {
                let time = micros(text).and_then(|time| Timestamp::from_microsecond(time).ok());
                let unreadable = || fault(&format!("event_time: {text:?} is no time"));
                Some(time.ok_or_else(unreadable)?)
            }
            other => return Err(fault(&format!("event_time: {other} is no text"))),
        };
        let seed = seed(text("target_user_name"), accounts, time);
        let seed = seed.map_err(|error| fault(&error))?;
        // A line leaves out fields without a value.
        let is_quarantine = is_quarantine(Some(text("rule_id")), Some(text("policy_name")));
        found.add(is_quarantine, seed);
    }
    Ok(())
}

fn of_csv(file: File, found: &mut Seeds) -> io::Result<()> {
    let mut reader = csv::Reader::from_reader(file);
    let header = reader.headers().map_err(io::Error::other)?.clone();
    let place = |column: &str| {
        let place = header.iter().position(|name| name == column);
        place.ok_or_else(|| io::Error::other(NO_ALERTS))
    };
    let [user, recipient, account, time] = COLUMNS.map(place);
    let (user, recipient, account, time) = (user?, recipient?, account?, time?);
    let of_rule = RULE_COLUMNS.map(|column| place(column).ok());
    // Spreadsheets count the header as the first row.
    for (n, row) in reader.records().enumerate() {
        let row = row.map_err(io::Error::other)?;
        let fault = |error: String| io::Error::other(format!("row {}: {error}", n + 2));
        let text = |place: usize| row.get(place).filter(|text| !text.is_empty());
        let time = match text(time) {
            None => None,
            Some(text) => Some(
                micros(text)
                    .and_then(|time| Timestamp::from_microsecond(time).ok())
                    .ok_or_else(|| fault(format!("event_time: {text:?} is no time")))?,
            ),
        };
        // The apostrophe keeps a spreadsheet from taking the name for a formula; no user's name begins with one.
        let user = text(user).map(|name| name.strip_prefix('\'').unwrap_or(name));
        let accounts = [text(recipient), text(account)];
        let [rule, policy] = of_rule.map(|place| place.map(text));
        let is_quarantine = is_quarantine(rule, policy);
        found.add(is_quarantine, seed(user, accounts, time).map_err(fault)?);
    }
    Ok(())
}

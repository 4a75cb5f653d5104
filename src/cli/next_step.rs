//! The command that investigates the alerts of a hunt, for its last line.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use trailsift::case::quoted;
use trailsift::config::HuntConfig;
use trailsift::output::{Alert, Column, Destination, Format, Schema};
use trailsift::report::{Fate, Report};
use trailsift::store::Uri;

use super::args::InputArgs;
use super::terminal;

/// Maximum number of users that the command names one by one.
const USERS_MAX: usize = 20;
/// Maximum number of users that are counted. It bounds the memory.
const USERS_COUNTED: usize = 10_000;

/// The columns that an investigation needs of alerts.
const COLUMNS: [Column; 5] = [
    Column::AlertId,
    Column::TargetUserName,
    Column::RecipientAccountId,
    Column::AccountId,
    Column::EventTime,
];

/// The users of the alerts, as `account/name`.
#[derive(Debug, Default)]
pub(super) struct Users(BTreeSet<String>);

impl Users {
    pub(super) fn add(&mut self, alert: &Alert) {
        let named = alert.account().zip(alert.text(Column::TargetUserName));
        if let Some((account, name)) = named.filter(|_| self.0.len() < USERS_COUNTED) {
            self.0.insert(format!("{account}/{name}"));
        }
    }

    /// Returns the options that name them, and the number of users that are not named.
    fn options(&self) -> Option<(Vec<String>, usize)> {
        let mut words = Vec::new();
        for user in self.0.iter().take(USERS_MAX) {
            words.extend(["--user".to_owned(), quoted(user)?]);
        }
        (!words.is_empty()).then(|| (words, self.0.len().saturating_sub(USERS_MAX)))
    }
}

/// Shows the command, and how many users it does not name; nothing if there are no alerts of the quarantine rule, or if
/// what was read cannot be read again.
pub(super) fn show(input: &InputArgs, config: &HuntConfig, report: &Report, users: &Users) {
    let Some((command, n_left)) = command(input, config, report, users) else {
        return;
    };
    if n_left > 0 {
        terminal::line(&format!(
            "users       {n_left} more than the next line names; alerts in a file lead to all"
        ));
    }
    terminal::line(&format!("investigate {command}"));
}

/// Returns the command, and the number of users that it does not name.
fn command(
    input: &InputArgs,
    config: &HuntConfig,
    report: &Report,
    users: &Users,
) -> Option<(String, usize)> {
    let mut rules = config.rules.infos();
    let is_quarantine = rules.all(|(_, one)| one.metadata.is_quarantine());
    if report.alerts == 0 || !is_quarantine {
        return None;
    }
    let roots = roots(input)?;
    let mut words = vec!["trailsift".to_owned(), "investigate".to_owned()];
    words.extend(["--output".to_owned(), quoted_path(&case_folder(input)?)?]);
    let mut n_left = 0;
    match alerts_file(config, report) {
        Some(file) => words.push(quoted_path(&file)?),
        None => {
            let (options, n) = users.options()?;
            words.extend(options);
            n_left = n;
        }
    }
    words.extend(roots);
    Some((words.join(" "), n_left))
}

/// Returns the file or folder of alerts, if an investigation can read it.
fn alerts_file(config: &HuntConfig, report: &Report) -> Option<PathBuf> {
    let output = &config.output;
    let is_readable = match output.format {
        Format::Parquet | Format::Ndjson => true,
        Format::Csv(columns) => COLUMNS.iter().all(|one| columns.as_slice().contains(one)),
        Format::Arrow => false,
    };
    let is_readable = is_readable && output.schema == Schema::Flat;
    let placed = report.outputs.first()?;
    match (&output.destination, placed.fate) {
        _ if !is_readable => None,
        (Destination::File(path), Fate::Written | Fate::Replaced) => Some(path.clone()),
        (Destination::Dataset(dataset), Fate::Written | Fate::Replaced) => {
            Some(dataset.folder.clone()).filter(|folder| Uri::of(folder).is_none())
        }
        (Destination::File(_), Fate::Incomplete) => placed.written_to.as_ref().map(PathBuf::from),
        _ => None,
    }
}

/// Returns the words that name what was read. Limits of times, accounts and regions are left out: what was done with a
/// key may lie beyond them.
fn roots(input: &InputArgs) -> Option<Vec<String>> {
    let is_stdin = |path: &Path| path == Path::new("-");
    let lists = [&input.files_from, &input.manifest];
    let mut named = input.paths.iter().chain(lists.into_iter().flatten());
    if named.any(|path| is_stdin(path)) {
        return None;
    }
    let mut words = Vec::new();
    for (option, is_set) in [
        ("--follow", input.follow),
        ("--no-default-excludes", input.no_default_excludes),
        ("--no-sign-request", input.no_sign_request),
        ("--request-payer", input.request_payer),
        ("--null", input.null),
    ] {
        words.extend(is_set.then(|| option.to_owned()));
    }
    for (option, values) in [("--include", &input.include), ("--exclude", &input.exclude)] {
        for value in values {
            words.extend([option.to_owned(), quoted(value)?]);
        }
    }
    for (option, value) in [
        ("--endpoint-url", &input.endpoint_url),
        ("--bucket-region", &input.bucket_region),
        ("--profile", &input.profile),
    ] {
        if let Some(value) = value {
            words.extend([option.to_owned(), quoted(value)?]);
        }
    }
    for (option, path) in [
        ("--files-from", &input.files_from),
        ("--manifest", &input.manifest),
    ] {
        if let Some(path) = path {
            words.extend([option.to_owned(), quoted_path(path)?]);
        }
    }
    for path in &input.paths {
        words.push(quoted_path(path)?);
    }
    Some(words)
}

/// Returns a folder for the case that is not there and not inside what is read.
fn case_folder(input: &InputArgs) -> Option<PathBuf> {
    let here = std::path::absolute("case").ok()?;
    let real = |path: &PathBuf| path.canonicalize().ok(); // what is in a bucket has no real path
    let roots = input.paths.iter().filter(|path| Uri::of(path).is_none());
    let around: Vec<PathBuf> = roots.filter_map(real).collect();
    let folder = here.parent()?.canonicalize().ok()?;
    let outermost = around.iter().filter(|root| folder.starts_with(root)).min();
    let base = match outermost {
        Some(root) => root.parent()?.to_owned(),
        None => PathBuf::new(),
    };
    let names = (1..100).map(|n| match n {
        1 => "case".to_owned(),
        n => format!("case-{n}"),
    });
    let mut free = names
        .map(|name| base.join(name))
        .filter(|path| matches!(path.try_exists(), Ok(false)));
    free.next()
}

/// Returns a path as one word. A path that begins with a hyphen would be taken for an option.
fn quoted_path(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    match text.starts_with('-') {
        true => quoted(&format!("./{text}")),
        false => quoted(text),
    }
}

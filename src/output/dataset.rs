//! A folder to which each run adds files. This module decides the folder of an alert and the names of the files.
//!
//! The folders are named as in Hive, `name=value`, so that engines use their names as columns and skip folders that a
//! query excludes. Values come from a record, so the sender of the request chose them; they are escaped as in Hive.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::alert::Alert;
use super::columns::Column;

/// The name that Hive gives to the folder of rows without a value.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";
/// The longest value in a folder name, in bytes: names have at most 255 bytes, and an escaped byte takes three.
const VALUE_BYTES_MAX: usize = 64;

/// The way in which the rows of a dataset are divided into folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitioning {
    /// `event_date=2024-05-01`, in UTC.
    EventDate,
    /// `region=us-east-1/accountId=111122223333/eventDay=20240501`: a custom source of Security Lake (its user guide,
    /// "Collecting data from custom sources").
    SecurityLake,
}

/// A dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// The folder or prefix of the dataset.
    pub folder: std::path::PathBuf,
    /// The way in which its rows are divided.
    pub partitioning: Partitioning,
    /// The beginning of the names of this run's files.
    pub stem: String,
    /// The extension of these names.
    pub extension: String,
}

impl Dataset {
    /// Returns the name of the hidden folder that contains the run's files until all are complete. No other run has
    /// this name, whatever else is in the dataset.
    pub(crate) fn staging_name(&self) -> String {
        format!(".{}.tmp", self.stem)
    }

    /// Returns the path of a file.
    pub(super) fn place(&self, folder: &str, n_files: usize) -> std::path::PathBuf {
        let name = format!("{}-{n_files:04x}.{}", self.stem, self.extension);
        self.folder.join(folder).join(name)
    }
}

/// The beginning of the names of a dataset's files.
pub const FILE_PREFIX: &str = "alerts-";
/// The extensions of these names, one for each format.
const EXTENSIONS: [&str; 4] = ["parquet", "ndjson", "csv", "arrows"];

/// Returns whether a name has the form of a dataset's file: `alerts-20240501T120000Z-0123abcd-0000.parquet`.
#[must_use]
pub fn is_file_name(name: &str) -> bool {
    let Some((stem, extension)) = name.split_once('.') else {
        return false;
    };
    let is_part = |part: &str| part.len() >= 4 && is_hex(part);
    EXTENSIONS.contains(&extension)
        && stem
            .rsplit_once('-')
            .is_some_and(|(stem, part)| is_stem(stem) && is_part(part))
}

/// Returns whether a name has the form that [`Dataset::staging_name`] gives.
pub(super) fn is_staging_name(name: &str) -> bool {
    let stem = name.strip_prefix('.').and_then(|n| n.strip_suffix(".tmp"));
    stem.is_some_and(is_stem)
}

/// Returns whether this is the beginning of the names of one run's files.
fn is_stem(stem: &str) -> bool {
    let parts = stem
        .strip_prefix(FILE_PREFIX)
        .and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(time, run)| {
        time.len() == 16 && time.ends_with('Z') && run.len() == 8 && is_hex(run)
    })
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Partitioning {
    /// Returns the folder that an alert belongs to.
    #[must_use]
    pub fn folder(self, alert: &Alert) -> String {
        let time = alert
            .event_time
            .and_then(|time| Timestamp::from_microsecond(time).ok());
        let date = |format: &str| time.map(|time| time.strftime(format).to_string());
        let mut folder = String::new();
        match self {
            Self::EventDate => level(&mut folder, "event_date", date("%Y-%m-%d").as_deref()),
            Self::SecurityLake => {
                level(&mut folder, "region", alert.text(Column::AwsRegion));
                level(&mut folder, "accountId", alert.text(Column::AccountId));
                level(&mut folder, "eventDay", date("%Y%m%d").as_deref());
            }
        }
        folder
    }
}

/// Adds a level.
fn level(folder: &mut String, name: &str, value: Option<&str>) {
    if !folder.is_empty() {
        folder.push('/');
    }
    folder.push_str(name);
    folder.push('=');
    let Some(value) = value.filter(|v| !v.is_empty() && v.len() <= VALUE_BYTES_MAX) else {
        folder.push_str(NO_VALUE);
        return;
    };
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => folder.push(char::from(byte)),
            // Writing to a string cannot fail.
            other => write!(folder, "%{other:02X}").unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(value: Option<&str>) -> String {
        let mut folder = String::new();
        level(&mut folder, "region", value);
        folder
    }

    #[test]
    fn only_names_that_were_given_are_a_dataset_s() {
        assert!(is_file_name(
            "alerts-20240501T120000Z-0123abcd-0000.parquet"
        ));
        for name in [
            "alerts.parquet",
            "alerts-1.parquet",
            "alerts-20240501T120000Z-0123abcd-0000.parquet.bak",
            "alerts-20240501T120000Z-0123abcx-0000.parquet",
            "alerts-20240501T120000-0123abcd-0000.parquet",
            ".alerts-20240501T120000Z-0123abcd-0000.parquet",
        ] {
            assert!(!is_file_name(name), "{name}");
        }
        let dataset = Dataset {
            folder: "set".into(),
            partitioning: Partitioning::EventDate,
            stem: format!("{FILE_PREFIX}20240501T120000Z-0123abcd"),
            extension: "parquet".to_owned(),
        };
        assert!(is_staging_name(&dataset.staging_name()));
        assert!(!is_staging_name(".alerts.tmp"));
    }

    #[test]
    fn what_a_record_says_cannot_lead_out_of_the_dataset() {
        for (value, folder) in [
            (Some("us-east-1"), "region=us-east-1"),
            (Some("../../etc"), "region=%2E%2E%2F%2E%2E%2Fetc"),
            (Some("a=b\n"), "region=a%3Db%0A"),
            (Some("é"), "region=%C3%A9"),
            (Some(""), "region=__HIVE_DEFAULT_PARTITION__"),
            (None, "region=__HIVE_DEFAULT_PARTITION__"),
        ] {
            assert_eq!(named(value), folder);
        }
        assert_eq!(named(Some(&"é".repeat(32))).len(), "region=".len() + 192);
        assert_eq!(named(Some(&"a".repeat(65))), named(None));
    }
}

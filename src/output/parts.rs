//! The files that a run adds to a dataset, which get their names together when all of them are complete.
//!
//! Rows wait in memory for other rows of their folder, up to a limit; then they are written as a file in a hidden
//! folder. For a dataset on a disk, the hidden folder is inside the dataset, so that only the name of a file is
//! missing. Files for a bucket wait in the system's folder for temporary files. A crash between the first and the last
//! name leaves some of the run's files, each of them complete. A ledger records them and the next run removes them.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::ArrowError;

use super::alert::Alert;
use super::dataset::Dataset;
use super::destination::Destination;
use super::encode::{Encoded, Encoder, Group};
use super::hidden::HiddenFolder;
use super::kind::Kind;
use super::rule_columns::RuleSetColumns;
use super::sink::{AlertSink, Format, ROW_GROUP_BYTES, RunIdentity, Sightings};
use super::target::{Hashed, Target, Written, remove};
use crate::error::Error;
use crate::store::Stores;

/// Maximum size in bytes of the alerts that wait for others of their folder. If they do not fit, they are written as
/// separate files, the largest folder first.
const WAITING_BYTES: usize = 64 << 20;

/// The files of a run.
pub(crate) struct Parts {
    dataset: Dataset,
    format: Format,
    kind: Kind,
    rules: Arc<RuleSetColumns>,
    run: RunIdentity,
    encoder: Encoder,
    sightings: Sightings,
    /// Alerts by their folder.
    waiting: BTreeMap<String, Group>,
    n_waiting_bytes: usize,
    files: Files,
}

/// Files that are complete but do not have their names yet.
#[derive(Debug)]
pub(crate) struct Files {
    /// The dataset's folder.
    folder: PathBuf,
    staging: HiddenFolder,
    files: Vec<Part>,
    stores: Arc<Stores>,
}

/// A file that is complete.
#[derive(Debug)]
struct Part {
    hidden: PathBuf,
    destination: Destination,
    written: Option<Written>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("dataset", &self.dataset)
            .finish_non_exhaustive()
    }
}

impl Parts {
    /// Begins a dataset. If it is on a disk, its folder must exist.
    ///
    /// # Errors
    ///
    /// The I/O error.
    pub(crate) fn create(
        dataset: Dataset,
        stores: &Arc<Stores>,
        format: Format,
        kind: Kind,
        rules: Arc<RuleSetColumns>,
        run: &RunIdentity,
    ) -> Result<Self, ArrowError> {
        let name = dataset.staging_name();
        let staging = match Destination::from_path(&dataset.folder)? {
            Destination::Object(_) => {
                // This finds out at the start, not at the end, if no object may be written.
                Target::open(&Destination::from_path(&dataset.place("", 0))?, stores)
                    .map_err(cause)?;
                HiddenFolder::staging(&tempfile::env::temp_dir(), &name)?
            }
            _ => {
                fs::create_dir_all(&dataset.folder)?;
                HiddenFolder::staging(&dataset.folder, &name)?
            }
        };
        // The sink is used only for its encoder, which all files share.
        let sink = AlertSink::new(io::sink(), format, kind, Arc::clone(&rules), run)?;
        Ok(Self {
            files: Files {
                folder: dataset.folder.clone(),
                staging,
                files: Vec::new(),
                stores: Arc::clone(stores),
            },
            dataset,
            format,
            kind,
            rules,
            run: run.clone(),
            encoder: sink.encoder(),
            sightings: Sightings::default(),
            waiting: BTreeMap::new(),
            n_waiting_bytes: 0,
        })
    }

    /// Returns the encoder for the groups.
    pub(crate) fn encoder(&self) -> Encoder {
        self.encoder.clone()
    }

    /// Sets the number of sightings that earlier outputs already counted.
    pub(crate) fn seed(&mut self, sightings: HashMap<[u8; 16], u32>) {
        self.sightings = Sightings::after(sightings);
    }

    /// Adds an alert. Returns a group when one is full, or when too many alerts wait.
    pub(crate) fn append(&mut self, mut alert: Alert) -> Option<Group> {
        self.sightings.count(&mut alert);
        let folder = self.dataset.partitioning.folder(&alert);
        let n_bytes = alert.size_bytes();
        self.n_waiting_bytes += n_bytes;
        let group = self.waiting.entry(folder.clone()).or_default();
        group.n_bytes += n_bytes;
        group.alerts.push(alert);
        if group.n_bytes >= ROW_GROUP_BYTES {
            return self.take(&folder);
        }
        if self.n_waiting_bytes < WAITING_BYTES {
            return None;
        }
        let largest = self.waiting.iter().max_by_key(|(_, group)| group.n_bytes);
        let largest = largest.map(|(folder, _)| folder.clone())?;
        self.take(&largest)
    }

    fn take(&mut self, folder: &str) -> Option<Group> {
        let (folder, mut group) = self.waiting.remove_entry(folder)?;
        self.n_waiting_bytes -= group.n_bytes;
        group.folder = folder;
        Some(group)
    }

    /// Writes a group as a file.
    ///
    /// # Errors
    ///
    /// The I/O error.
    pub(crate) fn write(&mut self, encoded: Encoded) -> Result<(), ArrowError> {
        let n_files = self.files.files.len();
        let destination = Destination::from_path(&self.dataset.place(&encoded.folder, n_files))?;
        let hidden = self.files.staging.path().join(format!("{n_files:04x}"));
        let file = Hashed::new(BufWriter::new(File::create_new(&hidden)?));
        let rules = Arc::clone(&self.rules);
        let n_rows = encoded.n_rows;
        let mut sink = AlertSink::new(file, self.format, self.kind, rules, &self.run)?;
        sink.write(encoded)?;
        let mut file = sink.finish()?;
        file.flush()?;
        let written = file.written(destination.place(), n_rows);
        file.inner.get_ref().sync_all()?;
        self.files.files.push(Part {
            hidden,
            destination,
            written,
        });
        Ok(())
    }

    /// Writes the alerts that still wait.
    ///
    /// # Errors
    ///
    /// The I/O error.
    pub(crate) fn finish(mut self) -> Result<Files, ArrowError> {
        while let Some(folder) = self.waiting.keys().next().cloned() {
            if let Some(group) = self.take(&folder) {
                let encoded = self.encoder.encode(group)?;
                self.write(encoded)?;
            }
        }
        Ok(self.files)
    }
}

/// Returns the I/O error in an output error, without the path.
fn cause(error: Error) -> io::Error {
    match error {
        Error::Output { source, .. } => source,
        other => io::Error::other(other),
    }
}

impl Files {
    /// Returns the content of the files and the places they will have.
    pub(crate) fn written(&self) -> impl Iterator<Item = Written> + '_ {
        self.files.iter().filter_map(|part| part.written.clone())
    }

    /// Returns the dataset's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the number of files.
    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// Gives all files their names, or none of them.
    ///
    /// # Errors
    ///
    /// The file that could not be named, and the I/O error.
    pub(crate) fn commit(self) -> Result<(), (PathBuf, io::Error)> {
        for (n_named, part) in self.files.iter().enumerate() {
            let Err(error) = self.name(part) else {
                continue;
            };
            let place = PathBuf::from(part.destination.place().unwrap_or_default());
            // The response may have been lost, so that the file has its name despite the error. As long as it has, the
            // other files stay too, and a ledger will check whether all of them exist.
            for named in self.files[..=n_named].iter().rev() {
                let Some(written) = &named.written else {
                    continue;
                };
                if let Err(left_over) = remove(written, &self.stores) {
                    let message = format!("{error}; files of this run are left: {left_over}");
                    return Err((place, io::Error::other(message)));
                }
            }
            return Err((place, error));
        }
        Ok(())
    }

    fn name(&self, part: &Part) -> io::Result<()> {
        match &part.destination {
            Destination::File(path) => {
                let folder = path.parent().unwrap_or(Path::new("."));
                let rename = || {
                    fs::create_dir_all(folder)?;
                    fs::rename(&part.hidden, path)
                };
                match rename() {
                    // Another run may have removed a folder that was empty.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => rename()?,
                    renamed => renamed?,
                }
                // Sync the name, and the names of new folders. Some file systems cannot sync a folder; the content is
                // safe.
                for folder in folder
                    .ancestors()
                    .take_while(|f| f.starts_with(&self.folder))
                {
                    File::open(folder).and_then(|folder| folder.sync_all()).ok();
                }
                Ok(())
            }
            destination => {
                let mut target = Target::open(destination, &self.stores).map_err(cause)?;
                io::copy(&mut File::open(&part.hidden)?, &mut target)?;
                target.commit().map_err(cause)
            }
        }
    }
}

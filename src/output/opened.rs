//! An output of a run, from when it is opened until it has its name: a file or object that appears when it is complete,
//! several files of a dataset, or standard output.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::ArrowError;

use super::alert::Alert;
use super::destination::Destination;
use super::encode::{Encoded, Encoder, Group};
use super::kind::Kind;
use super::parts::{Files, Parts};
use super::rule_columns::RuleSetColumns;
use super::sink::{AlertSink, Format, RunIdentity};
use super::target::{Target, Written, write_error};
use crate::error::Error;
use crate::input::source::Identity;
use crate::rule::RuleSet;
use crate::store::Stores;

/// An open destination.
#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    sink: Sink,
    n_rows: u64,
}

#[derive(Debug)]
enum Sink {
    One(Box<AlertSink<Target>>),
    Parts(Box<Parts>),
    Nowhere(Encoder),
}

/// An output that is completely written but does not have its name yet.
#[derive(Debug)]
pub(crate) enum Closed {
    One(Box<Target>, u64),
    Parts(Files),
    Nothing,
}

impl Closed {
    /// Returns the content of this output and the place it will have.
    pub(crate) fn written(&self) -> Vec<Written> {
        match self {
            Self::One(target, n_rows) => target.written(*n_rows).into_iter().collect(),
            Self::Parts(files) => files.written().collect(),
            Self::Nothing => Vec::new(),
        }
    }

    /// Writes all data to storage, so that only the name is missing.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        match self {
            Self::One(target, _) => target.sync(),
            // Each file was synced when it was complete.
            Self::Parts(_) | Self::Nothing => Ok(()),
        }
    }

    /// Gives the output its name.
    pub(crate) fn commit(self) -> Result<(), Error> {
        match self {
            Self::One(target, _) => target.commit(),
            Self::Parts(files) => files
                .commit()
                .map_err(|(path, source)| Error::Output { path, source }),
            Self::Nothing => Ok(()),
        }
    }
}

/// Options for writing an output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutputOptions<'a> {
    pub(crate) format: Format,
    pub(crate) kind: Kind,
    pub(crate) rules: &'a RuleSet,
    pub(crate) run: &'a RunIdentity,
    /// True if a ledger must be able to recognize the output later.
    pub(crate) is_hashed: bool,
}

impl Output {
    /// Opens a destination.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn open(
        destination: &Destination,
        stores: &Arc<Stores>,
        options: OutputOptions<'_>,
    ) -> Result<Self, Error> {
        let OutputOptions {
            format, kind, run, ..
        } = options;
        let rules = Arc::new(RuleSetColumns::new(options.rules, &run.run_id));
        let (path, sink) = if let Destination::Nowhere = destination {
            let sink = AlertSink::new(io::sink(), Format::Ndjson, kind, rules, run);
            let encoder = sink.map(|sink| Sink::Nowhere(sink.encoder()));
            (PathBuf::new(), encoder)
        } else if let Destination::Dataset(dataset) = destination {
            let parts = Parts::create(dataset.clone(), stores, format, kind, rules, run);
            let parts = parts.map(|parts| Sink::Parts(Box::new(parts)));
            (dataset.folder.clone(), parts)
        } else {
            let target = Target::open(destination, stores)?;
            let target = match options.is_hashed {
                true => target.hashed(),
                false => target,
            };
            let path = target.path().to_owned();
            let sink = AlertSink::new(target, format, kind, rules, run);
            (path, sink.map(|sink| Sink::One(Box::new(sink))))
        };
        match sink {
            Ok(sink) => Ok(Self {
                path,
                sink,
                n_rows: 0,
            }),
            Err(error) => Err(write_error(path, error)),
        }
    }

    /// Returns the identity of the file, so that a hunt does not read its own output. Returns nothing if the output is
    /// not a file.
    pub(crate) fn identity(&self) -> Result<Option<Identity>, Error> {
        match &self.sink {
            Sink::One(sink) => sink.get_ref().identity(),
            Sink::Parts(_) | Sink::Nowhere(_) => Ok(None),
        }
    }

    /// Returns the name used in messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Sets the number of sightings that earlier outputs already counted.
    pub(crate) fn seed(&mut self, sightings: HashMap<[u8; 16], u32>) {
        match &mut self.sink {
            Sink::One(sink) => sink.seed(sightings),
            Sink::Parts(parts) => parts.seed(sightings),
            Sink::Nowhere(_) => {}
        }
    }

    /// Adds an alert, and returns a group when it is full.
    pub(crate) fn append(&mut self, alert: Alert) -> Option<Group> {
        self.n_rows += 1;
        match &mut self.sink {
            Sink::One(sink) => sink.append(alert),
            Sink::Parts(parts) => parts.append(alert),
            Sink::Nowhere(_) => None,
        }
    }

    /// Returns the encoder for the groups.
    pub(crate) fn encoder(&self) -> Encoder {
        match &self.sink {
            Sink::One(sink) => sink.encoder(),
            Sink::Parts(parts) => parts.encoder(),
            Sink::Nowhere(encoder) => encoder.clone(),
        }
    }

    /// Writes a group if it was encoded without an error.
    pub(crate) fn write(&mut self, encoded: Result<Encoded, ArrowError>) -> Result<(), Error> {
        encoded
            .and_then(|encoded| match &mut self.sink {
                Sink::One(sink) => sink.write(encoded),
                Sink::Parts(parts) => parts.write(encoded),
                Sink::Nowhere(_) => Ok(()),
            })
            .map_err(|error| write_error(self.path.clone(), error))
    }

    /// Writes the end of the output.
    pub(crate) fn close(self) -> Result<Closed, Error> {
        let Self { path, sink, n_rows } = self;
        let closed = match sink {
            Sink::One(sink) => sink
                .finish()
                .map(|target| Closed::One(Box::new(target), n_rows)),
            Sink::Parts(parts) => parts.finish().map(Closed::Parts),
            Sink::Nowhere(_) => Ok(Closed::Nothing),
        };
        closed.map_err(|error| write_error(path, error))
    }
}

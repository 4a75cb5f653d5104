//! Where the alerts go: to a file that appears when it is whole, or to standard output.

use std::io::{self, Write};
use std::path::PathBuf;

use arrow::error::ArrowError;

use super::alert::{Alert, RuleColumns};
use super::columns::Kind;
use super::sink::{AlertSink, Encoded, Encoder, Format, Group, RunIdentity, io_error};
use super::whole_file::WholeFile;
use crate::error::Error;
use crate::input::discover::Identity;
use crate::rule::Rule;

/// Where the alerts go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// To a file, which appears whole or not at all.
    File(PathBuf),
    /// To standard output, as they come.
    Stdout,
}

/// Standard output's name in messages.
const STDOUT: &str = "-";

/// A destination that is open.
#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    sink: AlertSink<Target>,
}

#[derive(Debug)]
enum Target {
    File(WholeFile),
    Stdout(io::BufWriter<io::Stdout>),
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write_all(bytes)?,
            Self::Stdout(out) => out.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stdout(out) => out.flush(),
        }
    }
}

impl Output {
    /// Opens a destination.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn open(
        destination: &Destination,
        format: Format,
        kind: Kind,
        rule: &Rule,
        run: &RunIdentity,
    ) -> Result<Self, Error> {
        let (path, target) = match destination {
            Destination::File(path) => match WholeFile::create(path) {
                Ok(file) => (path.clone(), Target::File(file)),
                Err(source) => {
                    let path = path.clone();
                    return Err(Error::Output { path, source });
                }
            },
            Destination::Stdout => {
                let out = io::BufWriter::new(io::stdout());
                (PathBuf::from(STDOUT), Target::Stdout(out))
            }
        };
        match AlertSink::new(target, format, kind, RuleColumns::new(rule), run) {
            Ok(sink) => Ok(Self { path, sink }),
            Err(error) => Err(write_error(path, error)),
        }
    }

    /// Which file this is, so that a hunt does not read what it writes; nothing for standard output.
    pub(crate) fn identity(&self) -> Result<Option<Identity>, Error> {
        match self.sink.get_ref() {
            Target::File(file) => file.identity().map(Some).map_err(|source| Error::Output {
                path: self.path.clone(),
                source,
            }),
            Target::Stdout(_) => Ok(None),
        }
    }

    /// Takes an alert, and gives a group when it is full.
    pub(crate) fn append(&mut self, alert: Alert) -> Option<Group> {
        self.sink.append(alert)
    }

    /// What encodes the groups.
    pub(crate) fn encoder(&self) -> Encoder {
        self.sink.encoder()
    }

    /// Writes a group, if it could be encoded.
    pub(crate) fn write(&mut self, encoded: Result<Encoded, ArrowError>) -> Result<(), Error> {
        encoded
            .and_then(|encoded| self.sink.write(encoded))
            .map_err(|error| write_error(self.path.clone(), error))
    }

    /// Writes the end. Only now does a file get its name.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let Self { path, sink } = self;
        let committed = match sink.finish() {
            Ok(Target::File(file)) => file.commit(),
            Ok(Target::Stdout(mut out)) => out.flush(),
            Err(error) => return Err(write_error(path, error)),
        };
        committed.map_err(|error| write_error(path, error.into()))
    }
}

fn write_error(path: PathBuf, error: ArrowError) -> Error {
    match io_error(error) {
        Ok(e) if e.kind() == io::ErrorKind::BrokenPipe => Error::OutputClosed,
        Ok(source) => Error::Output { path, source },
        Err(source) => Error::Encode { path, source },
    }
}

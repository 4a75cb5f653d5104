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
use crate::store::{Stores, Upload, Uri};

/// Where the alerts go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// To a file, which appears whole or not at all.
    File(PathBuf),
    /// To an object of a bucket, likewise.
    Object(Uri),
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

/// What is written to.
#[derive(Debug)]
pub struct Target {
    path: PathBuf,
    writer: Writer,
}

#[derive(Debug)]
enum Writer {
    File(WholeFile),
    Object(Upload),
    Stdout(io::BufWriter<io::Stdout>),
}

impl Target {
    /// Opens a destination.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn open(destination: &Destination, stores: &Stores) -> Result<Self, Error> {
        let (path, writer) = match destination {
            Destination::File(path) => (path.clone(), WholeFile::create(path).map(Writer::File)),
            Destination::Object(uri) => {
                let bucket = stores.bucket(uri);
                let upload = bucket.and_then(|bucket| Upload::create(&bucket, uri.key()));
                (PathBuf::from(uri.to_string()), upload.map(Writer::Object))
            }
            Destination::Stdout => {
                let out = io::BufWriter::new(io::stdout());
                (PathBuf::from(STDOUT), Ok(Writer::Stdout(out)))
            }
        };
        match writer {
            Ok(writer) => Ok(Self { path, writer }),
            Err(source) => Err(Error::Output { path, source }),
        }
    }

    /// Gives it its name: only now is it there.
    ///
    /// # Errors
    ///
    /// If that cannot be done; nothing is there then.
    pub fn commit(self) -> Result<(), Error> {
        let committed = match self.writer {
            Writer::File(file) => file.commit(),
            Writer::Object(upload) => upload.commit(),
            Writer::Stdout(mut out) => out.flush(),
        };
        committed.map_err(|error| write_error(self.path, error.into()))
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.writer {
            Writer::File(file) => file.write_all(bytes)?,
            Writer::Object(upload) => upload.write_all(bytes)?,
            Writer::Stdout(out) => out.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.writer {
            Writer::File(file) => file.flush(),
            Writer::Object(upload) => upload.flush(),
            Writer::Stdout(out) => out.flush(),
        }
    }
}

impl Output {
    /// Rows on their way to a target.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn new(
        target: Target,
        format: Format,
        kind: Kind,
        rule: &Rule,
        run: &RunIdentity,
    ) -> Result<Self, Error> {
        let path = target.path.clone();
        match AlertSink::new(target, format, kind, RuleColumns::new(rule), run) {
            Ok(sink) => Ok(Self { path, sink }),
            Err(error) => Err(write_error(path, error)),
        }
    }

    /// Which file this is, so that a hunt does not read what it writes; nothing for what is no file.
    pub(crate) fn identity(&self) -> Result<Option<Identity>, Error> {
        match &self.sink.get_ref().writer {
            Writer::File(file) => file.identity().map(Some).map_err(|source| Error::Output {
                path: self.path.clone(),
                source,
            }),
            Writer::Object(_) | Writer::Stdout(_) => Ok(None),
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
        match sink.finish() {
            Ok(target) => target.commit(),
            Err(error) => Err(write_error(path, error)),
        }
    }
}

fn write_error(path: PathBuf, error: ArrowError) -> Error {
    match io_error(error) {
        Ok(e) if e.kind() == io::ErrorKind::BrokenPipe => Error::OutputClosed,
        Ok(source) => Error::Output { path, source },
        Err(source) => Error::Encode { path, source },
    }
}

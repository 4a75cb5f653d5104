//! Where the alerts go: to a file that appears when it is whole, or to standard output.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::error::ArrowError;
use sha2::{Digest as _, Sha256};

use super::alert::{Alert, RuleColumns};
use super::columns::Kind;
use super::encode::{Encoded, Encoder, Group};
use super::sink::{AlertSink, Format, RunIdentity, io_error};
use super::whole_file::WholeFile;
use crate::error::Error;
use crate::input::discover::Identity;
use crate::rule::Rule;
use crate::store::{Object, Stores, Upload, Uri};

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

/// What was written, by which it is known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its absolute path, or its address.
    pub place: String,
    /// Its size in bytes.
    pub n_bytes: u64,
    /// The hash of its bytes.
    pub sha256: [u8; 32],
    /// Its rows.
    pub n_rows: u64,
}

/// Standard output's name in messages.
const STDOUT: &str = "-";

/// A destination that is open.
#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    sink: AlertSink<Target>,
    n_rows: u64,
}

/// An output that is written to its end, and has no name yet.
#[derive(Debug)]
pub(crate) struct Closed {
    target: Target,
    n_rows: u64,
}

impl Closed {
    /// What it holds, and where that will be.
    pub(crate) fn written(&self) -> Option<Written> {
        self.target.written(self.n_rows)
    }

    /// Gives it its name.
    pub(crate) fn commit(self) -> Result<(), Error> {
        self.target.commit()
    }
}

/// What is written to.
#[derive(Debug)]
pub struct Target {
    path: PathBuf,
    /// By what a ledger knows it.
    place: Option<String>,
    writer: Writer,
    /// The bytes so far, where they are to be known again.
    digest: Option<Digest>,
}

/// How many bytes, and their hash.
#[derive(Debug, Clone, Default)]
pub(crate) struct Digest {
    hash: Sha256,
    n_bytes: u64,
}

impl Digest {
    fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.n_bytes += bytes.len() as u64;
    }
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
            Ok(writer) => Ok(Self {
                path,
                place: destination.place(),
                writer,
                digest: None,
            }),
            Err(source) => Err(Error::Output { path, source }),
        }
    }

    /// Has its bytes hashed, from the first on.
    #[must_use]
    pub(crate) fn hashed(mut self) -> Self {
        self.digest = Some(Digest::default());
        self
    }

    /// What it holds, and where that will be; nothing for standard output, and if it is not hashed.
    pub(crate) fn written(&self, n_rows: u64) -> Option<Written> {
        let digest = self.digest.clone()?;
        Some(Written {
            place: self.place.clone()?,
            n_bytes: digest.n_bytes,
            sha256: digest.hash.finalize().into(),
            n_rows,
        })
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
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
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
            Ok(sink) => Ok(Self {
                path,
                sink,
                n_rows: 0,
            }),
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

    /// Goes on counting sightings from where earlier outputs came to.
    pub(crate) fn seed(&mut self, sightings: HashMap<[u8; 16], u32>) {
        self.sink.seed(sightings);
    }

    /// Takes an alert, and gives a group when it is full.
    pub(crate) fn append(&mut self, alert: Alert) -> Option<Group> {
        self.n_rows += 1;
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

    /// Writes the end.
    pub(crate) fn close(self) -> Result<Closed, Error> {
        let Self { path, sink, n_rows } = self;
        match sink.finish() {
            Ok(target) => Ok(Closed { target, n_rows }),
            Err(error) => Err(write_error(path, error)),
        }
    }
}

impl Destination {
    /// Where it is, by the name that a ledger knows it by; nothing for standard output.
    pub(crate) fn place(&self) -> Option<String> {
        match self {
            Self::File(path) => {
                let absolute = std::path::absolute(path);
                let absolute = absolute.as_deref().unwrap_or(path);
                Some(absolute.to_string_lossy().into_owned())
            }
            Self::Object(uri) => Some(uri.to_string()),
            Self::Stdout => None,
        }
    }
}

/// Whether what was written is there, byte for byte.
///
/// # Errors
///
/// If it cannot be told.
pub(crate) fn is_there(written: &Written, stores: &Stores) -> Result<bool, Error> {
    let path = Path::new(&written.place);
    let digest = match Uri::of(path) {
        Some(Ok(uri)) => digest_of_object(&uri, stores),
        _ => match File::open(path) {
            Ok(file) => digest(file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        },
    };
    let digest = digest.map_err(|source| Error::Output {
        path: path.to_owned(),
        source,
    })?;
    Ok(digest.is_some_and(|digest| {
        digest.n_bytes == written.n_bytes && written.sha256 == *digest.hash.finalize()
    }))
}

fn digest(mut reader: impl Read) -> io::Result<Digest> {
    let mut digest = Digest::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(digest),
            n => digest.update(&buffer[..n]),
        }
    }
}

fn digest_of_object(uri: &Uri, stores: &Stores) -> io::Result<Option<Digest>> {
    let bucket = stores.bucket(uri)?;
    match bucket.head(uri.key())? {
        Some(meta) => digest(Object::new(&bucket, meta).stream(&Arc::default())).map(Some),
        None => Ok(None),
    }
}

fn write_error(path: PathBuf, error: ArrowError) -> Error {
    match io_error(error) {
        Ok(e) if e.kind() == io::ErrorKind::BrokenPipe => Error::OutputClosed,
        Ok(source) => Error::Output { path, source },
        Err(source) => Error::Encode { path, source },
    }
}

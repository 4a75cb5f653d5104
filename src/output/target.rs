//! Targets of a write: a file or an object that appears when it is complete, or standard output. This module also
//! recognizes what was written in an earlier run.

use std::fs::{self, File};
use std::io::{self, Read, Seek as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::ArrowError;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::destination::{Destination, incomplete, incomplete_name, place_of};
use super::older;
use super::sink::io_error;
use super::whole_file::WholeFile;
use crate::error::Error;
use crate::input::source::Identity;
use crate::store::{Object, Stores, Upload, Uri};

/// A description of written data, by which the data is recognized later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its absolute path, or its address.
    pub place: String,
    /// Its size in bytes.
    pub n_bytes: u64,
    /// The hash of its bytes.
    pub sha256: [u8; 32],
    /// The number of its rows.
    pub n_rows: u64,
}

/// The name of standard output in messages.
const STDOUT: &str = "-";

/// The target of a write.
#[derive(Debug)]
pub struct Target {
    path: PathBuf,
    /// The name of the target in the ledger.
    place: Option<String>,
    stores: Arc<Stores>,
    writer: Hashed<Writer>,
}

/// The number of bytes, and their hash.
#[derive(Debug, Clone, Default)]
struct Digest {
    hash: Sha256,
    n_bytes: u64,
}

impl Digest {
    fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.n_bytes += bytes.len() as u64;
    }

    fn written(&self, place: String, n_rows: u64) -> Written {
        Written {
            place,
            n_bytes: self.n_bytes,
            sha256: self.hash.clone().finalize().into(),
            n_rows,
        }
    }
}

#[derive(Debug)]
enum Writer {
    File(WholeFile),
    Object(Upload),
    Replacement(Box<Replacement>),
    Stdout(io::BufWriter<io::Stdout>),
}

/// Data that may replace an older object. Its name is known only at its end, so it stays on disk until then.
#[derive(Debug)]
struct Replacement {
    file: io::BufWriter<File>,
    uri: Uri,
    upload: Upload,
}

impl Replacement {
    fn commit(self) -> io::Result<()> {
        let Self {
            file, mut upload, ..
        } = self;
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        io::copy(&mut file, &mut upload)?;
        upload.commit()
    }
}

/// Begins an object.
fn object(uri: &Uri, stores: &Stores) -> io::Result<Writer> {
    let bucket = stores.bucket(uri)?;
    let upload = Upload::create(&bucket, uri.key())?;
    Ok(match upload.has_older() {
        false => Writer::Object(upload),
        true => Writer::Replacement(Box::new(Replacement {
            file: io::BufWriter::new(tempfile::tempfile()?),
            uri: uri.clone(),
            upload,
        })),
    })
}

impl Target {
    /// Opens a destination.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn open(destination: &Destination, stores: &Arc<Stores>) -> Result<Self, Error> {
        let (path, writer) = match destination {
            Destination::File(path) => (path.clone(), WholeFile::create(path).map(Writer::File)),
            Destination::Object(uri) => (PathBuf::from(uri.to_string()), object(uri, stores)),
            Destination::Dataset(dataset) => {
                let error = io::Error::other("it is several files");
                (dataset.folder.clone(), Err(error))
            }
            Destination::Nowhere => (PathBuf::new(), Err(io::Error::other("it is nowhere"))),
            Destination::Stdout => {
                let out = io::BufWriter::new(io::stdout());
                (PathBuf::from(STDOUT), Ok(Writer::Stdout(out)))
            }
        };
        match writer {
            Ok(writer) => Ok(Self {
                path,
                place: destination.place(),
                stores: Arc::clone(stores),
                writer: Hashed {
                    inner: writer,
                    digest: None,
                },
            }),
            Err(source) => Err(Error::Output { path, source }),
        }
    }

    /// Returns the identity of the file, so that a hunt does not read its own output. Returns nothing if the target is
    /// not a file.
    pub(crate) fn identity(&self) -> Result<Option<Identity>, Error> {
        match &self.writer.inner {
            Writer::File(file) => file.identity().map(Some).map_err(|source| Error::Output {
                path: self.path.clone(),
                source,
            }),
            Writer::Object(_) | Writer::Replacement(_) | Writer::Stdout(_) => Ok(None),
        }
    }

    /// Returns whether the target would replace an older one.
    pub(super) fn has_older(&self) -> bool {
        match &self.writer.inner {
            Writer::File(file) => file.older().is_some(),
            Writer::Replacement(_) => true,
            Writer::Object(_) | Writer::Stdout(_) => false,
        }
    }

    /// Returns the number of rows of the older target, or nothing if they cannot be counted.
    pub(super) fn older_rows(&self) -> Option<u64> {
        let file = match &self.writer.inner {
            Writer::File(file) => File::open(file.older()?).ok()?,
            Writer::Replacement(new) => {
                let bucket = self.stores.bucket(&new.uri).ok()?;
                let meta = bucket.head(new.uri.key()).ok()??;
                let mut file = tempfile::tempfile().ok()?;
                let object = Object::new(&bucket, meta);
                io::copy(&mut object.stream(&Arc::default()), &mut file).ok()?;
                file.rewind().ok()?;
                file
            }
            Writer::Object(_) | Writer::Stdout(_) => return None,
        };
        older::n_rows(file)
    }

    /// Changes the name so that the target appears beside the older one, which stays.
    ///
    /// # Errors
    ///
    /// If it cannot be written there.
    pub(super) fn write_beside(&mut self) -> Result<(), Error> {
        let beside = match &mut self.writer.inner {
            Writer::File(file) => Ok(file.rename(&incomplete).map(Path::to_owned)),
            Writer::Replacement(new) => {
                let path = incomplete_name(&self.path);
                begin_beside(new, &path, &self.stores).map(|()| Some(path))
            }
            Writer::Object(_) | Writer::Stdout(_) => Ok(None),
        };
        match beside {
            Ok(None) => Ok(()),
            Ok(Some(path)) => {
                self.place = Some(place_of(&path));
                self.path = path;
                Ok(())
            }
            Err(source) => Err(Error::Output {
                path: incomplete_name(&self.path),
                source,
            }),
        }
    }

    /// Writes a value as JSON, so that only the name is missing.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn with_json(mut self, value: &impl Serialize) -> Result<Self, Error> {
        let json = serde_json::to_vec_pretty(value).map_err(io::Error::from);
        let written = json.and_then(|json| {
            self.write_all(&json)?;
            self.write_all(b"\n")
        });
        written.map_err(|error| write_error(self.path.clone(), error.into()))?;
        self.sync()?;
        Ok(self)
    }

    /// Writes all bytes to storage, so that only the name is missing.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        let synced = match &mut self.writer.inner {
            Writer::File(file) => file.sync(),
            Writer::Object(_) => Ok(()),
            Writer::Replacement(new) => new.file.flush(),
            Writer::Stdout(out) => out.flush(),
        };
        synced.map_err(|error| write_error(self.path.clone(), error.into()))
    }

    /// Returns the name used in messages.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Hashes all bytes of the target, from the first one.
    #[must_use]
    pub(crate) fn hashed(mut self) -> Self {
        self.writer = Hashed::new(self.writer.inner);
        self
    }

    /// Returns the content of the target and the place it will have. Returns nothing for standard output, and if the
    /// target is not hashed.
    pub(crate) fn written(&self, n_rows: u64) -> Option<Written> {
        self.writer.written(self.place.clone(), n_rows)
    }

    /// Gives the target its name. It exists only from now on.
    ///
    /// # Errors
    ///
    /// If the name cannot be given; in this case the target does not exist.
    pub fn commit(self) -> Result<(), Error> {
        let committed = match self.writer.inner {
            Writer::File(file) => file.commit(),
            Writer::Object(upload) => upload.commit(),
            Writer::Replacement(new) => new.commit(),
            Writer::Stdout(mut out) => out.flush(),
        };
        committed.map_err(|error| write_error(self.path, error.into()))
    }

    /// Does the same for the last output, when the other outputs of the run already have their names.
    pub(crate) fn commit_last(self) -> Result<(), Error> {
        self.commit().map_err(|error| match error {
            Error::Output { path, source } => {
                let message = format!("{source}; the other outputs of this run were written");
                let source = io::Error::new(source.kind(), message);
                Error::Output { path, source }
            }
            other => other,
        })
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write_all(bytes)?,
            Self::Object(upload) => upload.write_all(bytes)?,
            Self::Replacement(new) => new.file.write_all(bytes)?,
            Self::Stdout(out) => out.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Object(upload) => upload.flush(),
            Self::Replacement(new) => new.file.flush(),
            Self::Stdout(out) => out.flush(),
        }
    }
}

fn begin_beside(new: &mut Replacement, path: &Path, stores: &Stores) -> io::Result<()> {
    let uri = match Uri::of(path) {
        Some(Ok(uri)) => uri,
        _ => return Err(io::Error::other("it is no address")),
    };
    let bucket = stores.bucket(&uri)?;
    new.upload = Upload::create(&bucket, uri.key())?;
    new.uri = uri;
    Ok(())
}

/// A writer and, if the data must be recognized later, the hash of the data written through it.
#[derive(Debug)]
pub(crate) struct Hashed<W> {
    pub(crate) inner: W,
    digest: Option<Digest>,
}

impl<W: Write> Hashed<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self {
            inner,
            digest: Some(Digest::default()),
        }
    }

    /// Returns the content of the target and the place it will have. Returns nothing for standard output, and if the
    /// target is not hashed.
    pub(crate) fn written(&self, place: Option<String>, n_rows: u64) -> Option<Written> {
        let digest = self.digest.as_ref()?;
        Some(digest.written(place?, n_rows))
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write_all(bytes)?;
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Returns whether the written data still exists, byte for byte.
///
/// # Errors
///
/// If this cannot be determined.
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

/// Removes the written data if it still exists, byte for byte.
///
/// # Errors
///
/// If this cannot be determined, or the data cannot be removed.
pub(crate) fn remove(written: &Written, stores: &Stores) -> Result<(), Error> {
    if !is_there(written, stores)? {
        return Ok(());
    }
    let path = Path::new(&written.place);
    let removed = match Uri::of(path) {
        Some(Ok(uri)) => stores
            .bucket(&uri)
            .and_then(|bucket| bucket.remove(uri.key())),
        _ => fs::remove_file(path),
    };
    removed.map_err(|source| Error::LeftOver {
        path: path.to_owned(),
        source,
    })
}

pub(super) fn write_error(path: PathBuf, error: ArrowError) -> Error {
    match io_error(error) {
        Ok(e) if e.kind() == io::ErrorKind::BrokenPipe => Error::OutputClosed,
        Ok(source) => Error::Output { path, source },
        Err(source) => Error::Encode { path, source },
    }
}

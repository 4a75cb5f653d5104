//! From stored bytes to logs: detects what is a log and what is an archive, and finds the logs inside it.
//!
//! In: the stored bytes of a source, or of an entry of an archive. Out: a [`Text`], or an [`Archive`] that
//! returns its entries one after the other, each to be opened in its turn. Nothing is unpacked to disk or
//! kept whole: an entry's bytes are a part of the archive's if these are at hand; otherwise the archive's
//! stream is lent to the entry ([`lent`]). What is not read and what is damaged is a defect with its place.

mod lent;
mod other;
mod sparse;
mod tar;
mod zip;

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::decompress::{Codecs, Coding, Expected, Text};
use super::sniff::{self, Format, SNIFF_BYTES};
use super::stored::{Input, Stored};
use super::table::Table;
use crate::report::{Code, Defect, Member};
use lent::SharedInput;

/// Maximum nesting depth of containers and encodings. `logs.zip` that contains `x.tar.gz` that contains
/// `y.json.gz` has five; more than eight is seldom an accident.
pub const DEPTH_MAX: u32 = 8;

/// Stored bytes to open: a source, or an entry of an archive.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Its name inside the source; `None` for the source itself.
    pub member: Option<Arc<Member>>,
    /// Number of stored bytes, if known.
    pub stored_bytes: Option<u64>,
    /// Their encoding.
    pub coded: Coded,
    input: Input<'a>,
}

/// The encoding of an entry's bytes.
#[derive(Debug, Clone, Copy)]
pub struct Coded {
    coding: Coding,
    expected: Option<Expected>,
    depth: u32,
}

/// The kinds of stored bytes, opened.
#[derive(Debug)]
pub enum Opened<'a> {
    /// A log.
    Text(Text<'a>),
    /// An archive of logs.
    Archive(Archive<'a>),
    /// A table, whose rows are logs.
    Table(Table),
    /// Nothing that is read; a defect reports why.
    Nothing,
}

impl Coded {
    /// The encoding of a source.
    const SOURCE: Self = Self {
        coding: Coding::Sniffed,
        expected: None,
        depth: 0,
    };

    /// Returns the encoding of what is found by decoding this.
    #[must_use]
    pub fn inner(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..Self::SOURCE
        }
    }
}

impl<'a> Entry<'a> {
    /// Creates an entry for a source. The stored bytes that are consumed are counted.
    #[must_use]
    pub fn source(stored: Stored<'a>, counter: Arc<AtomicU64>) -> Self {
        Self {
            member: None,
            stored_bytes: None,
            coded: Coded::SOURCE,
            input: Input::new(stored, Some(counter)),
        }
    }

    /// Creates an entry for an archive's entry, or for what was decoded from one.
    #[must_use]
    pub fn inside(stored: Stored<'a>, coded: Coded, member: Option<Arc<Member>>) -> Self {
        Self {
            member,
            stored_bytes: None,
            coded,
            input: Input::new(stored, None),
        }
    }

    /// Creates an entry for what is stored after a text that ended before its stored bytes did
    /// ([`Filled::Trailing`]).
    ///
    /// [`Filled::Trailing`]: super::decompress::Filled::Trailing
    #[must_use]
    pub fn behind(text: Text<'a>, coded: Coded, member: Option<Arc<Member>>) -> Self {
        Self {
            member,
            stored_bytes: None,
            coded: coded.inner(),
            input: text.into_input(),
        }
    }

    /// Appends all its stored bytes to `bytes`.
    ///
    /// # Errors
    ///
    /// Returns the I/O error.
    pub fn append_to(self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let mut input = self.input;
        loop {
            let at_hand = input.peek()?;
            if at_hand.is_empty() {
                return Ok(());
            }
            let n = at_hand.len();
            bytes.extend_from_slice(at_hand);
            input.take(n);
        }
    }

    /// Opens the entry, by its first bytes. What is wrong with it is a defect of [`Entry::member`].
    ///
    /// # Errors
    ///
    /// Returns the I/O error.
    pub fn open(self, codecs: &mut Codecs, defects: &mut Vec<Defect>) -> io::Result<Opened<'a>> {
        let Self {
            member,
            coded,
            input,
            ..
        } = self;
        let tell = |code, message: String, defects: &mut Vec<Defect>| {
            let defect = Defect::stored(code, 0, message);
            defects.push(defect.within(member.as_ref()));
        };
        if coded.depth > DEPTH_MAX {
            let message = format!("more than {DEPTH_MAX} containers lie in one another");
            tell(Code::NestedTooDeep, message, defects);
            return Ok(Opened::Nothing);
        }
        let mut input = match Text::of_entry(input, coded.coding, coded.expected, codecs) {
            Ok(text) => return Ok(Opened::Text(text)),
            Err(input) => input,
        };
        let format = match input.rest() {
            Some(rest) => sniff::sniff(&rest[..rest.len().min(SNIFF_BYTES)]),
            None => sniff::sniff(&input.look_ahead(SNIFF_BYTES)?),
        };
        if format == Format::Plain {
            let from = defects.len();
            let end = other::find(&mut input, defects)?;
            for defect in &mut defects[from..] {
                defect.member.clone_from(&member);
            }
            if let Some(end) = end {
                return Ok(Opened::Text(Text::plain_up_to(input, end)));
            }
        }
        let input = match Text::new(input, format, codecs) {
            Ok(text) => return Ok(Opened::Text(text)),
            Err(input) => input,
        };
        let walk = match format {
            Format::Tar => Walk::Tar(tar::Walk::default()),
            Format::Zip => Walk::Zip(zip::Walk::new(&input)),
            Format::Parquet => return open_table(input, member.as_ref(), defects),
            Format::Unsupported(name) | Format::Encrypted(name) => {
                let code = match format {
                    Format::Encrypted(_) => Code::Encrypted,
                    _ => Code::UnsupportedFormat,
                };
                tell(
                    code,
                    format!("content is {name}, which is not read"),
                    defects,
                );
                return Ok(Opened::Nothing);
            }
            _ => unreachable!("all other formats are texts"),
        };
        Ok(Opened::Archive(Archive {
            lending: SharedInput::new(input),
            walk,
            member,
            depth: coded.depth,
            n_entries: 0,
        }))
    }
}

/// Opens a table.
fn open_table<'a>(
    input: Input<'_>,
    member: Option<&Arc<Member>>,
    defects: &mut Vec<Defect>,
) -> io::Result<Opened<'a>> {
    let mut tell = |defect: Defect| defects.push(defect.within(member));
    match Table::open(input)? {
        Ok((table, faults)) => {
            faults.into_iter().for_each(&mut tell);
            table.unknown_columns().into_iter().for_each(&mut tell);
            Ok(Opened::Table(table))
        }
        Err(defect) => {
            tell(defect);
            Ok(Opened::Nothing)
        }
    }
}

/// An open archive.
#[derive(Debug)]
pub struct Archive<'a> {
    lending: SharedInput<'a>,
    walk: Walk,
    /// The archive's own name inside the source.
    member: Option<Arc<Member>>,
    depth: u32,
    /// Number of entries that were returned.
    n_entries: u64,
}

#[derive(Debug)]
enum Walk {
    Tar(tar::Walk),
    Zip(zip::Walk),
}

/// An entry that a walk finds.
struct Found {
    /// The path, as it is written in the archive.
    path: Vec<u8>,
    /// Number of stored bytes; `None` if only the data show where they end.
    n_stored: Option<u64>,
    coding: Coding,
    /// The values that the archive declares for the decoded data.
    expected: Option<Expected>,
    /// The positions of the stored parts, in a file with holes.
    map: Option<sparse::Map>,
}

impl<'a> Archive<'a> {
    /// Returns the next entry. The one before must be dropped.
    ///
    /// # Errors
    ///
    /// Returns the I/O error.
    pub fn next(&mut self, defects: &mut Vec<Defect>) -> io::Result<Option<Entry<'a>>> {
        let own = self.member.clone();
        let from = defects.len();
        let found = self.find_next(defects);
        for defect in &mut defects[from..] {
            if defect.member.is_none() {
                defect.member.clone_from(&own);
            }
        }
        let Some(found) = found? else {
            return Ok(None);
        };
        let path = String::from_utf8_lossy(&found.path);
        let (mut index, path) = match &self.member {
            Some(archive) => (archive.index.clone(), format!("{}!{path}", archive.path)),
            None => (Vec::new(), path.into_owned()),
        };
        index.push(self.n_entries);
        self.n_entries += 1;
        let member = Arc::new(Member { index, path });
        let is_stored = found.coding == Coding::Sniffed;
        let sum = found.expected.filter(|_| is_stored);
        let mut stored = self.lending.lend(found.n_stored, sum, &member);
        let mut stored_bytes = found.n_stored;
        if let Some(map) = &found.map {
            stored_bytes = Some(map.full_bytes());
            stored = Stored::Stream(Box::new(sparse::Sparse::new(stored, map)));
        }
        Ok(Some(Entry {
            member: Some(member),
            stored_bytes,
            coded: Coded {
                coding: found.coding,
                expected: found.expected.filter(|_| !is_stored),
                depth: self.depth + 1,
            },
            input: Input::new(stored, None),
        }))
    }

    fn find_next(&mut self, defects: &mut Vec<Defect>) -> io::Result<Option<Found>> {
        let input = self.lending.take_back(defects)?;
        match &mut self.walk {
            Walk::Tar(walk) => walk.next(input, defects),
            Walk::Zip(walk) => walk.next(input, defects),
        }
    }
}

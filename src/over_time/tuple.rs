//! What is kept of an event for one part of a rule, and its bytes in a temporary file.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use crate::rule::over_time::{Digest, Group};

/// What is kept of an event for one part of a rule, and one of the groups that the event is in. The order of tuples is
/// that of rules, groups, times and places.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tuple {
    pub(super) rule: u32,
    pub(super) group: Group,
    pub(super) mark: Mark,
    pub(super) key: Digest,
    pub(super) part: u16,
    /// The values of each counted field.
    pub(super) values: Vec<Vec<Digest>>,
    /// Its number among the tuples that are kept from run to run; 0 if it is not kept.
    pub(super) kept: u64,
}

/// An event of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark {
    /// When it happened, in microseconds since 1970, UTC.
    pub time: i64,
    /// Its place in the order in which events are read.
    pub place: u64,
    /// The event's id.
    pub id: Option<String>,
    /// Where its row is kept, for those who keep rows; else 0.
    pub row: u64,
}

impl Tuple {
    /// Sets the place of its event in the order in which events are read, and where its row is kept.
    pub fn set_place(&mut self, place: u64, row: u64) {
        (self.mark.place, self.mark.row) = (place, row);
    }

    /// Sets its number among the tuples that are kept from run to run.
    pub fn set_kept(&mut self, kept: u64) {
        self.kept = kept;
    }

    /// Returns the number of its rule in the plan.
    #[must_use]
    pub fn rule(&self) -> u32 {
        self.rule
    }

    /// Sets the number of its rule.
    pub fn set_rule(&mut self, rule: u32) {
        self.rule = rule;
    }

    /// Returns when its event happened, in microseconds since 1970, UTC.
    #[must_use]
    pub fn time(&self) -> i64 {
        self.mark.time
    }

    /// Returns the bytes by which it is kept.
    ///
    /// # Errors
    /// A text is longer than 4 GiB.
    pub fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.write(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads the bytes of [`to_bytes`](Self::to_bytes).
    ///
    /// # Errors
    /// They are not those of one tuple.
    pub fn from_bytes(mut bytes: &[u8]) -> io::Result<Self> {
        let tuple = Self::read(&mut bytes)?;
        let tuple = tuple.filter(|_| bytes.is_empty());
        tuple.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Returns the bytes that it takes in memory, about.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let text = |text: &Option<String>| {
            size_of::<Option<String>>() + text.as_ref().map_or(0, String::len)
        };
        let values = self.values.iter();
        let values = values.map(|values| size_of_val(values) + size_of_val(values.as_slice()));
        size_of::<Self>()
            + self.group.iter().map(text).sum::<usize>()
            + values.sum::<usize>()
            + text(&self.mark.id)
    }

    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.rule.to_le_bytes())?;
        write_length(out, self.group.len())?;
        for value in &self.group {
            write_text(out, value.as_deref())?;
        }
        out.write_all(&self.mark.time.to_le_bytes())?;
        out.write_all(&self.mark.place.to_le_bytes())?;
        write_text(out, self.mark.id.as_deref())?;
        out.write_all(&self.mark.row.to_le_bytes())?;
        out.write_all(&self.key)?;
        out.write_all(&self.part.to_le_bytes())?;
        write_length(out, self.values.len())?;
        for values in &self.values {
            write_length(out, values.len())?;
            for value in values {
                out.write_all(value)?;
            }
        }
        out.write_all(&self.kept.to_le_bytes())
    }

    /// Reads the next tuple; `None` at the end.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut rule = [0; 4];
        if !read_or_end(from, &mut rule)? {
            return Ok(None);
        }
        let n_fields = read_length(from)?;
        let group: io::Result<Group> = (0..n_fields).map(|_| read_text(from)).collect();
        let group = group?;
        let mark = Mark {
            time: i64::from_le_bytes(bytes(from)?),
            place: u64::from_le_bytes(bytes(from)?),
            id: read_text(from)?,
            row: u64::from_le_bytes(bytes(from)?),
        };
        let key = bytes(from)?;
        let part = u16::from_le_bytes(bytes(from)?);
        let mut values = Vec::new();
        for _ in 0..read_length(from)? {
            let n_values = read_length(from)?;
            let digests: io::Result<Vec<Digest>> = (0..n_values).map(|_| bytes(from)).collect();
            values.push(digests?);
        }
        let kept = u64::from_le_bytes(bytes(from)?);
        Ok(Some(Self {
            rule: u32::from_le_bytes(rule),
            group,
            mark,
            key,
            part,
            values,
            kept,
        }))
    }
}

/// Fills a buffer. Returns false if nothing is left at all.
fn read_or_end(from: &mut impl Read, buffer: &mut [u8; 4]) -> io::Result<bool> {
    let mut n_read = 0;
    while let Some(rest) = buffer.get_mut(n_read..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) if n_read == 0 => return Ok(false),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => n_read += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

fn bytes<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn write_length(out: &mut impl Write, length: usize) -> io::Result<()> {
    let length = u32::try_from(length).map_err(|_| io::ErrorKind::InvalidData)?;
    out.write_all(&length.to_le_bytes())
}

fn read_length(from: &mut impl Read) -> io::Result<u32> {
    Ok(u32::from_le_bytes(bytes(from)?))
}

/// Writes a text after its length and one; no text as zero.
fn write_text(out: &mut impl Write, text: Option<&str>) -> io::Result<()> {
    let Some(text) = text else {
        return write_length(out, 0);
    };
    write_length(out, text.len() + 1)?;
    out.write_all(text.as_bytes())
}

fn read_text(from: &mut impl Read) -> io::Result<Option<String>> {
    let Some(length) = read_length(from)?.checked_sub(1) else {
        return Ok(None);
    };
    let mut text = String::new();
    let n_read = from
        .by_ref()
        .take(u64::from(length))
        .read_to_string(&mut text)?;
    match u32::try_from(n_read) == Ok(length) {
        true => Ok(Some(text)),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

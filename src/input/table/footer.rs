//! Reads a table's footer in its storage format (Thrift's compact protocol), without knowledge of its fields.
//!
//! It answers two questions, both only if the file could not be read: whether its columns are encrypted, and
//! whether an empty list is written as a list without a type, as fastparquet does for tables without rows. The
//! headers of pages are in the same format ([`super::headers`]).

use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::{ChunkReader as _, Length as _};

use super::stored::Kept;

/// Number of the field, in a file's metadata, that describes how its columns are encrypted.
const ENCRYPTION: i64 = 8;

/// Maximum nesting depth of structs.
const DEPTH_MAX: usize = 64;

/// Type number of structs, which is also the header of an empty list of structs.
const STRUCT: u8 = 12;

/// Returns the bytes of the footer.
fn footer(kept: &Kept) -> Result<Vec<u8>, ParquetError> {
    let start = super::sound::footer_start(kept)?;
    let length = kept.len().saturating_sub(8).saturating_sub(start);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    Ok(kept.get_bytes(start, length)?.to_vec())
}

/// Reports whether columns of the file are encrypted.
pub(super) fn is_encrypted(kept: &Kept) -> bool {
    let footer = footer(kept).unwrap_or_default();
    let mut walk = Walk::new(&footer);
    walk.structure(0).is_some() && walk.fields.contains(&ENCRYPTION)
}

/// Parses the footer, if nothing is wrong with it except that empty lists have no type.
pub(super) fn with_typed_lists(kept: &Kept) -> Option<ParquetMetaData> {
    let mut footer = footer(kept).ok()?;
    let mut walk = Walk::new(&footer);
    walk.structure(0)?;
    for at in walk.untyped {
        footer[at] = STRUCT;
    }
    ParquetMetaDataReader::decode_metadata(&footer).ok()
}

/// A walk over a struct.
pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    /// The offset up to which the walk has come.
    pub(super) at: usize,
    /// The field numbers of the outermost struct.
    fields: Vec<i64>,
    /// The integers in the outermost struct, and in the structs directly inside it: the field there, the field
    /// inside it (0 for the outermost struct's own), and the value.
    pub(super) numbers: Vec<(i64, i64, i64)>,
    /// Positions of the headers of empty lists without a type.
    untyped: Vec<usize>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            fields: Vec::new(),
            numbers: Vec::new(),
            untyped: Vec::new(),
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn skip(&mut self, n: u64) -> Option<()> {
        self.at = self.at.checked_add(usize::try_from(n).ok()?)?;
        (self.at <= self.bytes.len()).then_some(())
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn structure(&mut self, depth: usize) -> Option<()> {
        let mut field = 0_i64;
        loop {
            let head = self.byte()?;
            let (delta, kind) = (head >> 4, head & 0x0f);
            if kind == 0 {
                return Some(());
            }
            field = match delta {
                0 => signed(self.number()?),
                delta => field.checked_add(i64::from(delta))?,
            };
            if depth == 0 {
                self.fields.push(field);
            }
            let outer = self.fields.last().copied().unwrap_or(0);
            match kind {
                // The value of a boolean field is in the header itself.
                1 | 2 => {}
                4..=6 if depth < 2 => {
                    let inner = if depth == 0 { 0 } else { field };
                    let number = signed(self.number()?);
                    self.numbers.push((outer, inner, number));
                }
                kind => self.value(kind, depth)?,
            }
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            1..=3 => self.skip(1),
            4..=6 => self.number().map(drop),
            7 => self.skip(8),
            8 => {
                let n = self.number()?;
                self.skip(n)
            }
            _ if depth == DEPTH_MAX => None,
            9 | 10 => self.list(depth),
            11 => {
                let n = self.number()?;
                let kinds = if n > 0 { self.byte()? } else { 0 };
                for _ in 0..n {
                    self.value(kinds >> 4, depth + 1)?;
                    self.value(kinds & 0x0f, depth + 1)?;
                }
                Some(())
            }
            STRUCT => self.structure(depth + 1),
            13 => self.skip(16),
            _ => None,
        }
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        let at = self.at;
        let head = self.byte()?;
        if head == 0 {
            self.untyped.push(at);
        }
        let n = match head >> 4 {
            15 => self.number()?,
            n => n.into(),
        };
        for _ in 0..n {
            self.value(head & 0x0f, depth + 1)?;
        }
        Some(())
    }
}

/// Returns a number whose sign is its lowest bit.
fn signed(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(footer: &[u8]) -> Kept {
        let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
        Kept::Bytes([b"PAR1", footer, &length, b"PAR1"].concat().into())
    }

    #[test]
    fn a_file_whose_metadata_says_how_it_is_encrypted_has_encrypted_columns() {
        // The version, a list of two empty structs, and how it is encrypted.
        let plain = [0x15, 2, 0x19, 0x2c, 0, 0];
        assert!(!is_encrypted(&kept(&[&plain[..], &[0]].concat())));
        assert!(is_encrypted(&kept(&[&plain[..], &[0x6c, 0, 0]].concat())));
    }

    #[test]
    fn damage_is_no_encryption_and_ends() {
        for footer in [
            &b""[..],
            &[0x19, 0xff],
            &[0x1c; 500],
            &[0x1b, 0xff, 0xff, 0x7f, 0x33],
            &[0x18, 0xff, 0x7f],
        ] {
            assert!(!is_encrypted(&kept(footer)));
            assert!(with_typed_lists(&kept(footer)).is_none());
        }
    }
}

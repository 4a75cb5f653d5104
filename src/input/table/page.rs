//! Checks that the bytes of a page are, to the last one, what its header and the schema say.
//!
//! A reader decodes any bytes as values. If a column is said to be required and is optional, it takes the
//! levels for values, and where the length of a text is damaged, all texts after it are others. Both leave
//! bytes over, or need more than there are. A few steps for each run or text find that.

use parquet::basic::{Encoding, Type};
use parquet::column::page::Page;
use parquet::schema::types::ColumnDescriptor;

/// What the schema says of a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    max_def: u32,
    max_rep: u32,
    kind: Type,
    /// Length of each value, of a type where all have the same.
    length: usize,
}

type Fault = &'static str;

/// Maximum number of zeros after the last value: fastparquet writes eight.
const PADDING_MAX: usize = 8;

/// The number of eight levels in each run that DuckDB writes as bits.
const GROUPS_OF_DUCKDB: usize = 32;

const BYTES_LEFT: Fault = "a page has bytes after its last value";
const BYTES_MISSING: Fault = "a page ends before its last value";
const WRONG_LEVEL: Fault = "a page has levels that its column cannot have";
const LEVELS_FOUND: Fault =
    "a page of a column without nulls begins with levels, which tell where nulls are";
const VALUES_FOUND: Fault =
    "a page of a column with nulls begins with a value, where its levels must be";
const WRONG_COUNT: Fault = "a page has another number of values than it says";

impl Shape {
    pub(super) fn of(column: &ColumnDescriptor) -> Self {
        let level = |level: i16| u32::from(level.unsigned_abs());
        let kind = column.physical_type();
        Self {
            max_def: level(column.max_def_level()),
            max_rep: level(column.max_rep_level()),
            kind,
            length: match kind {
                Type::INT32 | Type::FLOAT => 4,
                Type::INT64 | Type::DOUBLE => 8,
                Type::INT96 => 12,
                Type::FIXED_LEN_BYTE_ARRAY => usize::try_from(column.type_length()).unwrap_or(0),
                Type::BOOLEAN | Type::BYTE_ARRAY => 0,
            },
        }
    }

    /// Returns how many values a page has that are not null; `None` if that cannot be told.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the page.
    pub(super) fn n_present(&self, page: &Page) -> Result<Option<usize>, Fault> {
        match page {
            Page::DictionaryPage {
                buf,
                num_values,
                encoding,
                ..
            } => {
                let n = to_usize(*num_values);
                if matches!(encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY) {
                    self.plain(buf, n)?;
                }
                Ok(Some(n))
            }
            Page::DataPage {
                buf,
                num_values,
                encoding,
                def_level_encoding,
                rep_level_encoding,
                ..
            } => {
                let (mut rest, n) = (&buf[..], to_usize(*num_values));
                for (max, encoding) in [
                    (self.max_rep, rep_level_encoding),
                    (self.max_def, def_level_encoding),
                ] {
                    // The other encoding is none that anyone has written for long.
                    if max > 0 && *encoding != Encoding::RLE {
                        return Ok(None);
                    }
                }
                let repeated = with_length(&mut rest, self.max_rep)?;
                n_of_level(repeated, self.max_rep, n)?;
                let defined = with_length(&mut rest, self.max_def)?;
                let n_present = n_of_level(defined, self.max_def, n)?;
                self.values(rest, n_present, *encoding)?;
                self.levels_or_values(buf, n, defined, *encoding)?;
                Ok(Some(n_present))
            }
            Page::DataPageV2 {
                buf,
                num_values,
                encoding,
                num_nulls,
                num_rows,
                def_levels_byte_len,
                rep_levels_byte_len,
                ..
            } => {
                let n = to_usize(*num_values);
                let mut rest = &buf[..];
                let repeated = split(&mut rest, to_usize(*rep_levels_byte_len))?;
                let defined = split(&mut rest, to_usize(*def_levels_byte_len))?;
                if self.max_rep == 0 && !repeated.is_empty()
                    || self.max_def == 0 && !defined.is_empty()
                {
                    return Err(WRONG_LEVEL);
                }
                n_of_level(repeated, self.max_rep, n)?;
                let n_present = n_of_level(defined, self.max_def, n)?;
                // What else counts as null inside lists differs among writers.
                let is_right = n_present + to_usize(*num_nulls) == n && num_rows == num_values;
                if self.max_rep == 0 && !is_right {
                    return Err(WRONG_COUNT);
                }
                self.values(rest, n_present, *encoding)?;
                Ok(Some(n_present))
            }
        }
    }

    /// Checks that a page is not better read with levels if it must have none, or without if it must have some.
    fn levels_or_values(
        &self,
        bytes: &[u8],
        n: usize,
        levels: &[u8],
        encoding: Encoding,
    ) -> Result<(), Fault> {
        if !matches!(encoding, Encoding::PLAIN | Encoding::BYTE_STREAM_SPLIT) {
            return Ok(());
        }
        match (self.max_rep, self.max_def) {
            (0, 0) if self.has_levels(bytes, n) => Err(LEVELS_FOUND),
            (0, 1) if self.has_values(bytes, n, levels) => Err(VALUES_FOUND),
            _ => Ok(()),
        }
    }

    /// Checks that values end where their bytes end.
    fn values(&self, bytes: &[u8], n: usize, encoding: Encoding) -> Result<(), Fault> {
        match encoding {
            Encoding::PLAIN => self.plain(bytes, n),
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => match (bytes.split_first(), n)
            {
                (None, 0) => Ok(()),
                (Some((width @ 0..=32, runs)), _) => {
                    let rest = each_run(runs, (*width).into(), n, &mut |_| Ok(()))?;
                    ends_at(rest, 0)
                }
                (None, _) => Err(BYTES_MISSING),
                (Some(_), _) => Err(WRONG_COUNT),
            },
            Encoding::BYTE_STREAM_SPLIT => {
                ends_at(bytes, n.checked_mul(self.length).ok_or(BYTES_MISSING)?)
            }
            // The others have lengths of their own, which the reader checks.
            _ => Ok(()),
        }
    }

    fn plain(&self, bytes: &[u8], n: usize) -> Result<(), Fault> {
        ends_at(bytes, self.plain_end(bytes, n)?)
    }

    /// Returns where `n` values end.
    fn plain_end(&self, bytes: &[u8], n: usize) -> Result<usize, Fault> {
        match self.kind {
            Type::BYTE_ARRAY => texts_end(bytes, n),
            Type::BOOLEAN => Ok(n.div_ceil(8)),
            _ => n.checked_mul(self.length).ok_or(BYTES_MISSING),
        }
    }

    /// Returns true if values end where a page ends, or before its padding.
    fn fits(&self, bytes: &[u8], n: usize) -> bool {
        self.plain(bytes, n).is_ok()
    }

    /// Returns true if the values of a required column, which end where the page ends, are those of an optional column
    /// after their levels.
    ///
    /// Both can be possible: the levels take the place of as many values as are null, and zeros at the end of the last
    /// value are taken for padding, or padding for values. Then the levels decide. No text is like levels of which at
    /// most three are zeros: a run of them has a byte 0 or 1, eight ones in a byte are no UTF-8, and fewer come after a
    /// byte that is a control character. Numbers can be like any levels, but hardly ever exactly as they are written.
    fn has_levels(&self, bytes: &[u8], n: usize) -> bool {
        let mut rest = bytes;
        let Ok(levels) = with_length(&mut rest, 1) else {
            return false;
        };
        let may_be_levels = match self.kind {
            Type::BYTE_ARRAY => !is_text(levels),
            _ => are_as_written(levels, n),
        };
        may_be_levels && n_of_level(levels, 1, n).is_ok_and(|n_present| self.fits(rest, n_present))
    }

    /// Returns true if the values of an optional column, which end where the page ends, are those of a required one: its
    /// first value can be read as levels, but nobody writes levels like that.
    fn has_values(&self, bytes: &[u8], n: usize, levels: &[u8]) -> bool {
        n > 0 && self.fits(bytes, n) && !are_as_written(levels, n)
    }
}

/// Returns true if levels of one bit are as they are written: runs that are not the same as the one before, bits that
/// are all there and are zero after the last level, and nothing after that.
fn are_as_written(mut bytes: &[u8], mut n: usize) -> bool {
    let mut last = None;
    while n > 0 {
        let head = varint(&mut bytes);
        let Some((head, count)) = head.and_then(|h| Some((h, usize::try_from(h >> 1).ok()?)))
        else {
            return false;
        };
        let length = if head & 1 == 0 { 1 } else { count };
        let Some((run, rest)) = bytes.split_at_checked(length) else {
            return false;
        };
        bytes = rest;
        let (n_taken, is_right) = match run {
            [level] if head & 1 == 0 => {
                let is_new = last.replace(*level) != Some(*level);
                (count, *level <= 1 && is_new)
            }
            bits => {
                last = None;
                let n_taken = n.min(count * 8);
                let is_short = count * 8 - n_taken < 8 || count == GROUPS_OF_DUCKDB;
                (
                    n_taken,
                    is_short && n_ones(bits, n_taken) == n_ones(bits, count * 8),
                )
            }
        };
        if count == 0 || n_taken > n || !is_right {
            return false;
        }
        n -= n_taken;
    }
    bytes.is_empty()
}

/// Returns true if bytes may be text: they are UTF-8, without control characters except those between words and lines.
fn is_text(bytes: &[u8]) -> bool {
    let is_control = |c: char| c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r');
    std::str::from_utf8(bytes).is_ok_and(|text| !text.contains(is_control))
}

fn ends_at(bytes: &[u8], end: usize) -> Result<(), Fault> {
    let rest = bytes.get(end..).ok_or(BYTES_MISSING)?;
    match rest.len() <= PADDING_MAX && rest.iter().all(|byte| *byte == 0) {
        true => Ok(()),
        false => Err(BYTES_LEFT),
    }
}

/// Returns where texts end: each is its length in four bytes, followed by that many bytes.
fn texts_end(bytes: &[u8], n: usize) -> Result<usize, Fault> {
    let mut behind = bytes;
    for _ in 0..n {
        let (length, rest) = behind.split_first_chunk().ok_or(BYTES_MISSING)?;
        let length = to_usize(u32::from_le_bytes(*length));
        behind = rest.get(length..).ok_or(BYTES_MISSING)?;
    }
    Ok(bytes.len() - behind.len())
}

/// Splits off levels with their length before them, if the column has such levels.
fn with_length<'a>(rest: &mut &'a [u8], max: u32) -> Result<&'a [u8], Fault> {
    if max == 0 {
        return Ok(&[]);
    }
    let (length, behind) = rest.split_first_chunk().ok_or(BYTES_MISSING)?;
    *rest = behind;
    split(rest, to_usize(u32::from_le_bytes(*length)))
}

fn split<'a>(rest: &mut &'a [u8], n: usize) -> Result<&'a [u8], Fault> {
    let (part, behind) = rest.split_at_checked(n).ok_or(BYTES_MISSING)?;
    *rest = behind;
    Ok(part)
}

/// Counts the levels that are the highest one.
fn n_of_level(bytes: &[u8], max: u32, n: usize) -> Result<usize, Fault> {
    if max == 0 {
        return Ok(n);
    }
    let width = u32::BITS - max.leading_zeros();
    let mut n_found = 0;
    let rest = each_run(bytes, width, n, &mut |run| {
        match run {
            Run::Same(level, _) if level > max => return Err(WRONG_LEVEL),
            Run::Same(level, n) => n_found += if level == max { n } else { 0 },
            Run::Packed(bytes, n) if width == 1 => n_found += n_ones(bytes, n),
            Run::Packed(bytes, n) => {
                for nth in 0..n {
                    let level = packed(bytes, width, nth);
                    if level > max {
                        return Err(WRONG_LEVEL);
                    }
                    n_found += usize::from(level == max);
                }
            }
        }
        Ok(())
    })?;
    // Nobody pads levels. Levels of more bits leave bytes over, which may be zeros, and the values may be as many.
    match rest.is_empty() {
        true => Ok(n_found),
        false => Err(WRONG_LEVEL),
    }
}

/// Some levels or indexes, and their number.
enum Run<'a> {
    Same(u32, usize),
    Packed(&'a [u8], usize),
}

/// Visits the runs of `n` numbers of a width in bits. Returns the bytes after them.
fn each_run<'a>(
    mut bytes: &'a [u8],
    width: u32,
    mut n: usize,
    visit: &mut dyn FnMut(Run<'a>) -> Result<(), Fault>,
) -> Result<&'a [u8], Fault> {
    let width = to_usize(width);
    while n > 0 {
        let head = varint(&mut bytes).ok_or(BYTES_MISSING)?;
        let count = usize::try_from(head >> 1).map_err(|_| WRONG_COUNT)?;
        if count == 0 {
            return Err(WRONG_COUNT);
        }
        if head & 1 == 0 {
            let value = split(&mut bytes, width.div_ceil(8))?;
            let value = value
                .iter()
                .rev()
                .fold(0, |all, b| all << 8 | u32::from(*b));
            n = n.checked_sub(count).ok_or(WRONG_COUNT)?;
            visit(Run::Same(value, count))?;
            continue;
        }
        // Eight numbers are as many bytes as a number has bits. The last run may have more numbers than are
        // needed (DuckDB always writes 256), and some writers leave out the bytes that nothing needs.
        let n_taken = count.saturating_mul(8).min(n);
        let needed = (n_taken * width).div_ceil(8);
        let length = count.saturating_mul(width).min(bytes.len().max(needed));
        visit(Run::Packed(split(&mut bytes, length)?, n_taken))?;
        n -= n_taken;
    }
    Ok(bytes)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..35).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Counts the ones among the first `n` bits.
fn n_ones(bytes: &[u8], n: usize) -> usize {
    let (whole, rest) = bytes.split_at((n / 8).min(bytes.len()));
    let ones = |byte: &u8| to_usize(byte.count_ones());
    let last = rest.first().map_or(0, |byte| byte & ((1 << (n % 8)) - 1));
    whole.iter().map(ones).sum::<usize>() + ones(&last)
}

/// Returns the nth number of a width in bits.
fn packed(bytes: &[u8], width: u32, nth: usize) -> u32 {
    let first = nth * to_usize(width);
    (0..to_usize(width)).fold(0, |number, bit| {
        let at = first + bit;
        let byte = bytes.get(at / 8).copied().unwrap_or(0);
        number | u32::from(byte >> (at % 8) & 1) << bit
    })
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: Shape = Shape {
        max_def: 1,
        max_rep: 0,
        kind: Type::BYTE_ARRAY,
        length: 0,
    };

    fn n_present(shape: Shape, bytes: &[u8], n: u32, encoding: Encoding) -> Result<usize, Fault> {
        let page = Page::DataPage {
            buf: bytes.to_vec().into(),
            num_values: n,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        shape.n_present(&page).map(Option::unwrap)
    }

    /// Levels of four values, the third of which is null, as bits; then three texts.
    const PAGE: &[u8] = b"\x02\0\0\0\x03\x0b\x01\0\0\0a\x02\0\0\0bc\0\0\0\0";

    #[test]
    fn a_page_ends_where_its_values_end() {
        let of = |bytes: &[u8]| n_present(TEXT, bytes, 4, Encoding::PLAIN);
        assert_eq!(of(PAGE), Ok(3));
        assert_eq!(of(&PAGE[..PAGE.len() - 1]), Err(BYTES_MISSING));
        assert_eq!(of(&[PAGE, b"d"].concat()), Err(BYTES_LEFT));
        // As fastparquet writes it, but not more.
        assert_eq!(of(&[PAGE, &[0; 8]].concat()), Ok(3));
        assert_eq!(of(&[PAGE, &[0; 9]].concat()), Err(BYTES_LEFT));
        let required = |page| n_present(Shape { max_def: 0, ..TEXT }, page, 4, Encoding::PLAIN);
        let two_nulls = b"\x02\0\0\0\x03\x09\x01\0\0\0a\x02\0\0\0bc";
        assert_eq!(of(two_nulls), Ok(2));
        assert_eq!(required(two_nulls), Err(BYTES_MISSING));
        // With a single null the levels fit as a text, and without one if the last text is empty.
        assert_eq!(required(PAGE), Err(LEVELS_FOUND));
        let no_null = b"\x02\0\0\0\x08\x01\x01\0\0\0a\x01\0\0\0b\x01\0\0\0c\0\0\0\0";
        assert_eq!((of(no_null), required(no_null)), (Ok(4), Err(LEVELS_FOUND)));
        let nested = Shape { max_def: 3, ..TEXT };
        assert!(n_present(nested, PAGE, 4, Encoding::PLAIN).is_err());
    }

    #[test]
    fn levels_end_where_their_column_has_them_end() {
        let dictionary = Encoding::RLE_DICTIONARY;
        // Four levels of two bits. One is the highest: its value follows, by its place in the dictionary.
        let page = b"\x03\0\0\0\x03\x64\0\x01\x02\0";
        let nested = |max_def| n_present(Shape { max_def, ..TEXT }, page, 4, dictionary);
        assert_eq!(nested(2), Ok(1));
        // As levels of one bit they leave a zero, and one of them is the highest, too.
        assert_eq!(nested(1), Err(WRONG_LEVEL));
        // Where no level is the highest one, values are left over.
        let page = b"\x02\0\0\0\x08\x01\x01\x08\x01";
        let flat = |max_def| n_present(Shape { max_def, ..TEXT }, page, 4, dictionary);
        assert_eq!((flat(1), flat(2)), (Ok(4), Err(BYTES_LEFT)));
        let nulls = b"\x02\0\0\0\x08\0\0";
        for page in [&nulls[..], &nulls[..6]] {
            assert_eq!(n_present(TEXT, page, 4, dictionary), Ok(0));
        }
    }

    /// Returns the bytes of a page: its levels, with one null, as bits or as runs, and the values.
    fn optional(n: usize, null: usize, are_bits: bool, values: &[u8]) -> Vec<u8> {
        let mut levels = Vec::new();
        if are_bits {
            levels.push(u8::try_from(n.div_ceil(8)).unwrap() << 1 | 1);
            levels.resize(1 + n.div_ceil(8), 0);
            for at in (0..n).filter(|at| *at != null) {
                levels[1 + at / 8] |= 1 << (at % 8);
            }
        } else {
            for (count, level) in [(null, 1), (1, 0), (n - null - 1, 1)] {
                let head = u8::try_from(count).unwrap() << 1;
                levels.extend([head, level].into_iter().filter(|_| count > 0));
            }
        }
        let length = u32::try_from(levels.len()).unwrap().to_le_bytes();
        [&length[..], &levels, values].concat()
    }

    const KINDS: [(Type, usize); 4] = [
        (Type::BYTE_ARRAY, 0),
        (Type::BOOLEAN, 0),
        (Type::INT32, 4),
        (Type::INT64, 8),
    ];

    /// Returns the shape of an optional and of a required column of a type.
    fn shapes((kind, length): (Type, usize)) -> [Shape; 2] {
        [1, 0].map(|max_def| Shape {
            max_def,
            max_rep: 0,
            kind,
            length,
        })
    }

    #[test]
    fn levels_with_one_null_are_seen_in_a_column_that_is_said_to_have_none() {
        let [_, text] = shapes(KINDS[0]);
        let [_, int] = shapes(KINDS[2]);
        for n in 1..=100_usize {
            for (null, are_bits) in [(0, true), (n / 2, true), (n - 1, true), (n / 2, false)] {
                let texts = b"\x04\0\0\0text".repeat(n - 1);
                let page = optional(n, null, are_bits, &texts);
                let count = u32::try_from(n).unwrap();
                let found = n_present(text, &page, count, Encoding::PLAIN);
                assert_eq!(found, Err(LEVELS_FOUND), "{n} {null} {are_bits}");
                // Eight zeros after them are padding, or two empty texts.
                let page = [&page[..], &[0; 8]].concat();
                let found = n_present(text, &page, count, Encoding::PLAIN);
                assert_eq!(found, Err(LEVELS_FOUND), "{n} {null} {are_bits}");
                // Small numbers end with zeros.
                let numbers = b"\x01\0\0\0".repeat(n - 1);
                let page = optional(n, null, are_bits, &numbers);
                let found = n_present(int, &page, count, Encoding::PLAIN);
                assert!(found.is_err(), "{n} {null} {are_bits}");
            }
        }
    }

    #[test]
    fn levels_that_take_the_place_of_numbers_are_seen() {
        let [optional, required] = shapes(KINDS[2]);
        // Two nulls, then a one: as long as three numbers.
        let page = b"\x04\0\0\0\x04\0\x02\x01\x09\0\0\0";
        assert_eq!(n_present(optional, page, 3, Encoding::PLAIN), Ok(1));
        assert_eq!(
            n_present(required, page, 3, Encoding::PLAIN),
            Err(LEVELS_FOUND)
        );
        // Three numbers that nearly are such levels.
        for levels in [
            b"\x04\0\x02\x02",
            b"\x02\0\x02\0",
            b"\x03\x04\0\0",
            b"\x03\x0c\0\0",
        ] {
            let page = [b"\x04\0\0\0", levels, &b"\x09\0\0\0"[..]].concat();
            assert_eq!(n_present(required, &page, 3, Encoding::PLAIN), Ok(3));
        }
    }

    #[test]
    fn a_value_in_the_place_of_levels_is_seen() {
        let [optional, required] = shapes(KINDS[0]);
        for (texts, n) in [
            (&[&b"{\"userName\":\"alice\"}"[..]][..], 1),
            (&[b"{\"userName\":\"alice\"}", b"bob"], 2),
            (&[b"arn:aws:iam::111122223333:user/alice"], 1),
            (&[b"AttachUserPolicyForAllOfTheUsers."], 1),
        ] {
            let texts = texts.iter();
            let page: Vec<u8> = texts
                .flat_map(|text| [&[u8::try_from(text.len()).unwrap(), 0, 0, 0][..], text].concat())
                .collect();
            assert_eq!(
                n_present(required, &page, n, Encoding::PLAIN),
                Ok(to_usize(n))
            );
            let found = n_present(optional, &page, n, Encoding::PLAIN);
            assert_eq!(found, Err(VALUES_FOUND), "{n}");
        }
    }

    /// Some values of one kind: whether each is null, and numbers for them.
    fn values() -> impl Strategy<Value = Vec<(bool, u64)>> {
        let number = prop_oneof![Just(0), 0..300_u64, any::<u64>()];
        prop::collection::vec((any::<bool>(), number), 1..100)
    }

    /// Returns the bytes of values as they are in a page.
    fn plain_bytes(kind: Type, length: usize, values: impl Iterator<Item = u64>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (nth, value) in values.enumerate() {
            match kind {
                Type::BOOLEAN => {
                    bytes.resize(nth / 8 + 1, 0);
                    bytes[nth / 8] |= u8::from(value & 1 == 1) << (nth % 8);
                }
                Type::BYTE_ARRAY => {
                    let text = if value % 3 == 0 {
                        String::new()
                    } else {
                        format!("{{\"a\":{value}}}")
                    };
                    bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
                    bytes.extend(text.bytes());
                }
                _ => bytes.extend(&value.to_le_bytes()[..length]),
            }
        }
        bytes
    }

    /// Returns levels as bits, or as runs, each with another level than the one before.
    fn level_bytes(are_present: &[bool], are_bits: bool) -> Vec<u8> {
        if are_bits {
            let groups = are_present.chunks(8);
            let bits = |group: &[bool]| {
                let bits = group.iter().enumerate();
                bits.fold(0, |byte, (at, bit)| byte | u8::from(*bit) << at)
            };
            let head = u8::try_from(groups.len()).unwrap() << 1 | 1;
            return std::iter::once(head).chain(groups.map(bits)).collect();
        }
        let runs = are_present.chunk_by(|a, b| a == b);
        runs.flat_map(|run| {
            let [low, high] = u16::try_from(run.len() << 1).unwrap().to_le_bytes();
            let head = match (low >> 7, high) {
                (0, 0) => vec![low],
                (bit, high) => vec![low | 0x80, high << 1 | bit],
            };
            head.into_iter().chain([u8::from(run[0])])
        })
        .collect()
    }

    proptest! {
        #[test]
        fn levels_are_no_values_whatever_the_values_are(
            values in values(),
            nth in 0..KINDS.len(),
            are_bits in any::<bool>(),
            is_null_rare in any::<bool>(),
            is_padded in any::<bool>(),
        ) {
            let kind = KINDS[nth];
            let is_present = |(is_null, number): &(bool, u64)| !is_null || is_null_rare && number % 7 > 0;
            let are_present: Vec<bool> = values.iter().map(is_present).collect();
            let levels = level_bytes(&are_present, are_bits);
            let present = values.iter().filter(|value| is_present(value)).map(|(_, number)| *number);
            let mut page = u32::try_from(levels.len()).unwrap().to_le_bytes().to_vec();
            page.extend(&levels);
            page.extend(plain_bytes(kind.0, kind.1, present.clone()));
            page.extend(&[0; 8][..if is_padded { 8 } else { 0 }]);
            let n = u32::try_from(values.len()).unwrap();
            let [optional, required] = shapes(kind);
            prop_assert_eq!(n_present(optional, &page, n, Encoding::PLAIN), Ok(present.count()));
            prop_assert!(n_present(required, &page, n, Encoding::PLAIN).is_err());
        }

        #[test]
        fn values_are_no_levels_whatever_they_are(
            values in values(),
            nth in 0..KINDS.len(),
            n_zeros in 0..=PADDING_MAX,
        ) {
            let kind = KINDS[nth];
            let mut page = plain_bytes(kind.0, kind.1, values.iter().map(|(_, number)| *number));
            page.resize(page.len() + n_zeros, 0);
            let n = u32::try_from(values.len()).unwrap();
            let [optional, required] = shapes(kind);
            prop_assert_eq!(n_present(required, &page, n, Encoding::PLAIN), Ok(values.len()));
            prop_assert!(n_present(optional, &page, n, Encoding::PLAIN).is_err());
        }

        #[test]
        fn texts_of_a_required_column_are_no_levels(
            texts in prop::collection::vec("[ -~\t\r\nà-ÿ€]{0,60}", 1..40),
            n_zeros in 0..=PADDING_MAX,
        ) {
            let mut page = Vec::new();
            for text in &texts {
                page.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
                page.extend(text.bytes());
            }
            page.resize(page.len() + n_zeros, 0);
            let [optional, required] = shapes(KINDS[0]);
            let n = u32::try_from(texts.len()).unwrap();
            prop_assert_eq!(n_present(required, &page, n, Encoding::PLAIN), Ok(texts.len()));
            prop_assert!(n_present(optional, &page, n, Encoding::PLAIN).is_err());
        }

        #[test]
        fn numbers_of_a_required_column_are_no_levels(
            numbers in prop::collection::vec(prop_oneof![0..300_u32, any::<u32>()], 1..40),
            n_zero_numbers in 0..40_usize,
            n_zeros in 0..=PADDING_MAX,
        ) {
            let n = numbers.len() + n_zero_numbers;
            let mut page: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
            page.resize(n * 4 + n_zeros, 0);
            let [_, required] = shapes(KINDS[2]);
            let count = u32::try_from(n).unwrap();
            prop_assert_eq!(n_present(required, &page, count, Encoding::PLAIN), Ok(n));
        }
    }

    #[test]
    fn zeros_after_numbers_make_no_levels_of_them() {
        let [_, required] = shapes(KINDS[2]);
        for n in 3..200 {
            let mut page = [92, 3_230_429_829_u32, 31].map(u32::to_le_bytes).concat();
            page.resize(n * 4 + 8, 0);
            let found = n_present(required, &page, u32::try_from(n).unwrap(), Encoding::PLAIN);
            assert_eq!(found, Ok(n));
        }
    }

    #[test]
    fn runs_may_be_longer_than_is_needed_and_indexes_cut_after_the_last_one() {
        let required = Shape { max_def: 0, ..TEXT };
        let of = |bytes: &[u8], n| n_present(required, bytes, n, Encoding::RLE_DICTIONARY);
        // Four numbers of two bits: in eight, in 256 as DuckDB writes them, and without the bytes after them.
        let padded = [&[2, 0x41][..], &[0xe4; 64]].concat();
        for bytes in [&[2, 3, 0xe4, 0][..], &padded, &[2, 3, 0xe4]] {
            assert_eq!(of(bytes, 4), Ok(4), "{bytes:02x?}");
        }
        // Four times the same one, and other numbers of it.
        assert_eq!(of(&[2, 8, 1], 4), Ok(4));
        assert_eq!(of(&[2, 8, 1], 3), Err(WRONG_COUNT));
        assert_eq!(of(&[2, 8, 1], 5), Err(BYTES_MISSING));
        assert_eq!(of(&[2, 8, 1, 9], 4), Err(BYTES_LEFT));
        assert_eq!(of(&[2, 0, 1, 8, 1], 4), Err(WRONG_COUNT));
        assert_eq!(of(&[33, 8, 1], 4), Err(WRONG_COUNT));
    }

    #[test]
    fn levels_are_counted_and_no_column_has_higher_ones() {
        let levels = |max, bytes: &[u8], n| n_of_level(bytes, max, n);
        assert_eq!(levels(1, &[0x14, 1], 10), Ok(10));
        assert_eq!(levels(1, &[0x14, 2], 10), Err(WRONG_LEVEL));
        assert_eq!(levels(1, &[5, 0xff, 0xff], 10), Ok(10));
        // Two bits each: 0, 1, 2, 3.
        assert_eq!(levels(3, &[3, 0xe4, 0], 4), Ok(1));
        assert_eq!(levels(2, &[3, 0xe4, 0], 4), Err(WRONG_LEVEL));
        assert_eq!(levels(2, &[3, 0xe4, 0], 3), Ok(1));
    }

    #[test]
    fn any_bytes_are_judged() {
        for width in 0..=255 {
            for head in 0..=255 {
                for n in [0, 1, 9, u32::MAX] {
                    for encoding in [Encoding::PLAIN, Encoding::RLE_DICTIONARY] {
                        let bytes = [2, 0, 0, 0, head, width, width, head, 0xff, 0xff, 0xff, 0x7f];
                        // An error, or not more than there are.
                        let n_found = n_present(TEXT, &bytes, n, encoding).unwrap_or(0);
                        assert!(n_found <= to_usize(n));
                    }
                }
            }
        }
    }
}

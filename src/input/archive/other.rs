//! Finds where something else begins in stored bytes that are not, or not all, of a known format.
//!
//! `cat a.json b.json.gz`, a shell that appends UTF-16 to UTF-8, a self-extracting program, and a file with a
//! damaged header are treated alike: text up to a place, and from there on what [`sniff`](sniff::sniff)
//! recognises.

use std::io;

use super::{tar, zip};
use crate::binary;
use crate::input::decompress;
use crate::input::sniff::{self, Format, SNIFF_BYTES};
use crate::input::stored::{Input, Stored};
use crate::report::{Code, Defect};

/// Number of bytes of a stream of unknown format that are searched for a known one.
const UNKNOWN_BYTES: usize = 1 << 20;

/// Finds where something else begins, in an input that does not begin as any known format.
pub(super) fn find(input: &mut Input<'_>, defects: &mut Vec<Defect>) -> io::Result<Option<u64>> {
    let base = input.offset;
    let is_slice = matches!(input.stored, Stored::Slice(_));
    let mut near;
    let seen = match input.rest() {
        Some(rest) => rest,
        None => {
            near = input.look_ahead(SNIFF_BYTES)?;
            if !binary::is_binary(&near) {
                return Ok(None);
            }
            near = input.look_ahead(UNKNOWN_BYTES)?;
            &near
        }
    };
    let n_zeros = seen.iter().take_while(|byte| **byte == 0).count();
    // Zeros before text are a hole.
    let start = if n_zeros > 1 { &seen[n_zeros..] } else { seen };
    let start = &start[..start.len().min(SNIFF_BYTES)];
    // Zeros after a short text are padding.
    let n_padding = start.iter().rev().take_while(|byte| **byte == 0).count();
    let start = match n_padding {
        0 | 1 => start,
        n => &start[..start.len() - n],
    };
    let foreign = binary::foreign(start);
    if let Some(name) = foreign {
        let message = format!("content is {name}; it is searched as it is");
        defects.push(Defect::stored(Code::NotText, base, message));
    } else if binary::is_binary(start) {
        let found = first_start(seen);
        let message = match found {
            Some(at) => {
                let at = base + at as u64;
                format!("content is of no kind that is known before {at}; went on there")
            }
            None => "content is of no kind that is known, damaged, or encrypted; it is searched as it is".to_owned(),
        };
        let code = match found {
            Some(_) => Code::CorruptStream,
            None => Code::UnknownContent,
        };
        defects.push(Defect::stored(code, base, message));
        return Ok(found.map(|at| base + at as u64));
    }
    let found = match is_slice {
        true if foreign.is_none() => behind_text(seen),
        // For example a self-extracting program. A large file is not read whole to find other formats.
        _ if zip::ends(seen) => zip::find_header(seen),
        _ => None,
    };
    if found.is_none() && zip::ends(seen) {
        let message = "it ends with a zip's directory, but no entry of it begins here: the last part of a split \
                       archive, or one that lost its beginning";
        defects.push(Defect::stored(Code::Truncated, base, message));
    }
    if let Some(at) = found {
        let at = base + at as u64;
        let message = format!(
            "text ends at {at}; what is behind it is of another kind, and was read by itself"
        );
        defects.push(Defect::stored(Code::Appended, at, message));
    }
    Ok(found.map(|at| base + at as u64))
}

/// Finds the first place where something compressed, or an archive, begins.
fn first_start(bytes: &[u8]) -> Option<usize> {
    let finds = [decompress::find_start, tar::find_header, zip::find_header];
    finds.iter().filter_map(|find| find(bytes)).min()
}

/// Finds the first place after text where something else begins. Every known format has, near its start, a
/// byte that does not occur in text.
fn behind_text(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(control) = binary::find_control(&bytes[from..]) {
        let control = from + control;
        let near = &bytes[..bytes.len().min(control + SNIFF_BYTES)];
        let first = control.saturating_sub(SNIFF_BYTES).max(from);
        let found = first_start(&near[first..]).map(|at| first + at);
        let found = found
            .filter(|at| *at <= control)
            .or_else(|| utf16_start(near, first, control));
        if found.is_some() {
            return found;
        }
        if binary::is_binary(&near[control..]) && bytes[control] != 0 {
            return first_start(&bytes[control..]).map(|at| control + at);
        }
        // A single stray control byte, or a hole.
        let run = bytes[control..]
            .iter()
            .take_while(|b| **b == bytes[control]);
        from = control + run.count();
    }
    None
}

/// Finds where UTF-16 begins whose first zero is at `zero`: at its byte order mark, or at the character.
fn utf16_start(bytes: &[u8], from: usize, zero: usize) -> Option<usize> {
    let first = zero.saturating_sub(3).max(from);
    (first..=zero).find(|at| matches!(sniff::sniff(&bytes[*at..]), Format::Utf16(_)))
}

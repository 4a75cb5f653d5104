//! Decides whether a row group can be skipped, by what the file says of a column in it.
//!
//! Each function only rules out that a value is there: if the file says nothing, or says it in a way that
//! some writers got wrong, the value may be there.

use std::sync::Arc;

use parquet::basic::{Encoding, EncodingMask};
use parquet::column::page::{Page, PageReader as _};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::file::statistics::Statistics;

use crate::event::names;

/// Reports whether some rows may have no value.
pub(super) fn may_have_nulls(column: &ColumnChunkMetaData) -> bool {
    let is_optional = column.column_descr().max_def_level() > 0;
    is_optional && column.statistics().and_then(Statistics::null_count_opt) != Some(0)
}

/// Reports whether one of the values may be in a column, by its dictionary, if all its pages refer to the
/// dictionary.
pub(super) fn may_be_in_dictionary<R: ChunkReader + Clone + 'static>(
    file: &R,
    group: &RowGroupMetaData,
    leaf: usize,
    values: &[&[u8]],
) -> Result<bool, ParquetError> {
    let column = group.column(leaf);
    if !is_all_in_dictionary(column) {
        return Ok(true);
    }
    let n_rows = usize::try_from(group.num_rows())?;
    let mut pages = SerializedPageReader::new(Arc::new(file.clone()), column, n_rows, None)?;
    let Some(Page::DictionaryPage {
        buf,
        num_values,
        encoding: Encoding::PLAIN | Encoding::PLAIN_DICTIONARY,
        ..
    }) = pages.get_next_page()?
    else {
        return Ok(true);
    };
    let mut rest: &[u8] = &buf;
    for _ in 0..num_values {
        // A value is its length in four bytes, followed by that many bytes (Parquet's "Encodings").
        let text = rest.split_first_chunk().and_then(|(n_bytes, behind)| {
            behind.split_at_checked(usize::try_from(u32::from_le_bytes(*n_bytes)).ok()?)
        });
        let Some((value, behind)) = text else {
            // The dictionary is damaged: the reader of the column will report it.
            return Ok(true);
        };
        // A damaged name may have been any name.
        if values.contains(&value) || names::is_damaged(value) {
            return Ok(true);
        }
        rest = behind;
    }
    Ok(false)
}

fn is_all_in_dictionary(column: &ColumnChunkMetaData) -> bool {
    let is_only = |mask: &EncodingMask| {
        mask.is_only(Encoding::RLE_DICTIONARY) || mask.is_only(Encoding::PLAIN_DICTIONARY)
    };
    column.dictionary_page_offset().is_some()
        && column.page_encoding_stats_mask().is_some_and(is_only)
}

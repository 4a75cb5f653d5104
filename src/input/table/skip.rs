//! Decides whether a row group can be skipped, by what the file says of a column in it.
//!
//! Each function only rules out that a value is there: if the file says nothing, or says it in a way that
//! some writers got wrong, the value may be there. What the footer says is compared with the pages, because
//! a damaged byte of it would hide all rows of the group.

use parquet::basic::{Encoding, EncodingMask};
use parquet::column::page::{Page, PageReader as _};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use super::group::Group;
use crate::event::names;

/// Reports whether a column surely has none of the values, and a value in each row. Bloom filters and the
/// minimum and maximum in the statistics are not used: nothing would show that one is damaged.
pub(super) fn has_none(
    group: &Group<'_>,
    leaf: usize,
    values: &[&[u8]],
) -> Result<bool, ParquetError> {
    let column = group.metadata().column(leaf);
    if may_have_nulls(column) || !is_all_in_dictionary(column) {
        return Ok(false);
    }
    let mut pages = group.pages(leaf)?;
    let Some(dictionary) = pages.get_next_page()? else {
        return Ok(false);
    };
    if may_be_in_dictionary(&dictionary, values) {
        return Ok(false);
    }
    while let Some(page) = pages.get_next_page()? {
        let is_in_dictionary = matches!(
            page.encoding(),
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY
        );
        let n_values = usize::try_from(page.num_values())?;
        if !page.is_data_page() || !is_in_dictionary || pages.n_present != Some(n_values) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reports whether some rows may have no value, by the footer.
fn may_have_nulls(column: &ColumnChunkMetaData) -> bool {
    let is_optional = column.column_descr().max_def_level() > 0;
    is_optional && column.statistics().and_then(Statistics::null_count_opt) != Some(0)
}

/// Reports whether one of the values may be in a dictionary.
fn may_be_in_dictionary(dictionary: &Page, values: &[&[u8]]) -> bool {
    let Page::DictionaryPage {
        buf,
        num_values,
        encoding: Encoding::PLAIN | Encoding::PLAIN_DICTIONARY,
        ..
    } = dictionary
    else {
        return true;
    };
    let mut rest: &[u8] = buf;
    for _ in 0..*num_values {
        // A value is its length in four bytes, followed by that many bytes (Parquet's "Encodings").
        let text = rest.split_first_chunk().and_then(|(n_bytes, behind)| {
            behind.split_at_checked(usize::try_from(u32::from_le_bytes(*n_bytes)).ok()?)
        });
        let Some((value, behind)) = text else {
            // The dictionary is damaged: the reader of the column will report it.
            return true;
        };
        // A damaged name may have been any name, and where there is none, another column may have it.
        if values.contains(&value) || names::is_unknown(value) {
            return true;
        }
        rest = behind;
    }
    false
}

fn is_all_in_dictionary(column: &ColumnChunkMetaData) -> bool {
    let is_only = |mask: &EncodingMask| {
        mask.is_only(Encoding::RLE_DICTIONARY) || mask.is_only(Encoding::PLAIN_DICTIONARY)
    };
    column.dictionary_page_offset().is_some()
        && column.page_encoding_stats_mask().is_some_and(is_only)
}

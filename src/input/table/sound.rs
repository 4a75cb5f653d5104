//! Checks that what a file says of itself is consistent, which Parquet readers do not check.

use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{ChunkReader, Length as _};

use super::stored::Kept;
use crate::report::{Code, Defect};

/// Maximum nesting depth of columns, because reading them uses the stack.
const DEPTH_MAX: usize = 100;

/// Returns what is inconsistent. Returns an error if nothing can be read.
pub(super) fn faults(kept: &Kept, metadata: &ParquetMetaData) -> Result<Vec<Defect>, ParquetError> {
    let schema = metadata.file_metadata().schema_descr();
    let depth = schema
        .columns()
        .iter()
        .map(|column| column.path().parts().len());
    if depth.max() > Some(DEPTH_MAX) {
        let message = format!("its columns lie more than {DEPTH_MAX} levels deep");
        return Err(ParquetError::General(message));
    }
    let mut faults = Vec::new();
    let groups = metadata.row_groups().iter();
    let n_rows: i64 = groups
        .map(parquet::file::metadata::RowGroupMetaData::num_rows)
        .sum();
    let n_told = metadata.file_metadata().num_rows();
    if n_rows != n_told {
        let message =
            format!("its row groups have {n_rows} rows, and it says that it has {n_told}");
        faults.push(Defect::new(Code::CorruptStream, message));
    }
    let end = end_of_columns(metadata)?;
    let footer = footer_start(kept)?;
    if let Some(end) = end.filter(|end| *end < footer) {
        let n = footer - end;
        let message = format!(
            "{n} bytes before its end belong to no column: it may be several files, one behind the other"
        );
        faults.push(Defect::stored(Code::TrailingBytes, end, message));
    }
    if let Some(end) = end.filter(|end| *end > footer) {
        let n = end - footer;
        let message =
            format!("its columns reach {n} bytes into its footer: bytes before it are lost");
        faults.push(Defect::stored(Code::CorruptStream, footer, message));
    }
    Ok(faults)
}

/// Returns where the last part that the metadata names ends, or `None` if the metadata does not say.
fn end_of_columns(metadata: &ParquetMetaData) -> Result<Option<u64>, ParquetError> {
    let invalid = |_| ParquetError::General("an offset or a length is below zero".to_owned());
    // The magic.
    let mut last = 4;
    for (group, column) in metadata
        .row_groups()
        .iter()
        .flat_map(|group| group.columns().iter().map(move |column| (group, column)))
    {
        // A column without values may have only a dictionary: the offset of its data is then 0, the file's
        // start.
        let data = Some(column.data_page_offset()).filter(|at| *at != 0);
        let starts = data.into_iter().chain(column.dictionary_page_offset());
        let start = starts.min().unwrap_or(0);
        let mut parts = vec![(start, column.compressed_size())];
        let indexes = [
            (column.column_index_offset(), column.column_index_length()),
            (column.offset_index_offset(), column.offset_index_length()),
        ];
        for (offset, length) in indexes {
            parts.extend(
                offset
                    .zip(length)
                    .map(|(offset, length)| (offset, i64::from(length))),
            );
        }
        if let Some(offset) = column.bloom_filter_offset() {
            let Some(length) = column.bloom_filter_length() else {
                // Early writers do not record its length.
                return Ok(None);
            };
            parts.push((offset, i64::from(length)));
        }
        for (start, length) in parts {
            let start = u64::try_from(start).map_err(invalid)?;
            let length = u64::try_from(length).map_err(invalid)?;
            last = last.max(start.saturating_add(length));
        }
        let is_flat = column.column_descr().max_rep_level() == 0;
        if is_flat && column.num_values() != group.num_rows() {
            let message = format!(
                "a column has {} values in a row group of {} rows",
                column.num_values(),
                group.num_rows()
            );
            return Err(ParquetError::General(message));
        }
    }
    Ok(Some(last))
}

/// Returns where the metadata begins: it ends before its length and the magic.
pub(super) fn footer_start(kept: &Kept) -> Result<u64, ParquetError> {
    let end = kept.len().saturating_sub(8);
    let length = kept.get_bytes(end, 4)?;
    let length = length
        .first_chunk()
        .map_or(0, |bytes| u32::from_le_bytes(*bytes));
    Ok(end.saturating_sub(u64::from(length)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::file::metadata::{
        ColumnChunkMetaData, FileMetaData, ParquetMetaData, RowGroupMetaData,
    };
    use parquet::schema::parser::parse_message_type;
    use parquet::schema::types::SchemaDescriptor;

    use super::*;

    #[test]
    fn a_column_without_values_may_have_a_dictionary_alone() {
        let schema = parse_message_type("message m { optional binary a (UTF8); }").unwrap();
        let schema = Arc::new(SchemaDescriptor::new(Arc::new(schema)));
        let column = ColumnChunkMetaData::builder(schema.column(0))
            .set_dictionary_page_offset(Some(4))
            .set_data_page_offset(0)
            .set_total_compressed_size(15)
            .build();
        let group = RowGroupMetaData::builder(Arc::clone(&schema))
            .set_num_rows(0)
            .set_column_metadata(vec![column.unwrap()])
            .build();
        let file = FileMetaData::new(1, 0, None, None, schema, None);
        let metadata = ParquetMetaData::new(file, vec![group.unwrap()]);
        assert_eq!(end_of_columns(&metadata).unwrap(), Some(19));
    }
}

//! The pages of a row group, each checked before it is decoded.
//!
//! What is inconsistent is a doubt: the rows are read all the same, and the group is reported.

use std::sync::{Arc, OnceLock};

use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, RowGroups, RowSelection,
};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;

use super::headers::Headers;
use super::page::Shape;
use super::stored::Kept;

/// The first thing that is inconsistent in a row group.
#[derive(Debug, Clone, Default)]
struct Doubt(Arc<OnceLock<String>>);

impl Doubt {
    fn add(&self, column: &ColumnChunkMetaData, why: &str) {
        let column = column.column_descr().path().string();
        // Only the first one is kept: the others may follow from it.
        self.0.get_or_init(|| format!("column {column}: {why}"));
    }
}

/// A row group.
#[derive(Debug)]
pub(super) struct Group<'a> {
    kept: &'a Kept,
    metadata: &'a ArrowReaderMetadata,
    index: usize,
    doubt: Doubt,
}

impl<'a> Group<'a> {
    pub(super) fn new(kept: &'a Kept, metadata: &'a ArrowReaderMetadata, index: usize) -> Self {
        Self {
            kept,
            metadata,
            index,
            doubt: Doubt::default(),
        }
    }

    pub(super) fn metadata(&self) -> &'a RowGroupMetaData {
        self.metadata.metadata().row_group(self.index)
    }

    /// Returns what is inconsistent in the pages that were read so far.
    pub(super) fn doubt(&self) -> Option<String> {
        self.doubt.0.get().cloned()
    }

    /// Returns the pages of a column.
    pub(super) fn pages(&self, leaf: usize) -> Result<Pages, ParquetError> {
        let (group, column) = (self.metadata(), self.metadata().column(leaf));
        let headers = Headers::read(self.kept, column);
        let fault = match &headers {
            Ok(headers) => headers.fault(column, group),
            Err(why) => Some(why.clone()),
        };
        if let Some(why) = fault {
            self.doubt.add(column, &why);
        }
        let index = self.metadata.metadata().page_index();
        let locations = index.and_then(|index| index.page_locations(self.index, leaf));
        // Where a header is damaged, the index leads to the pages after it.
        let is_right = |locations: &&Vec<_>| headers.as_ref().map_or(true, |h| h.agree(locations));
        let reader = SerializedPageReader::new(
            Arc::new(self.kept.clone()),
            column,
            usize::try_from(group.num_rows())?,
            locations.filter(is_right).cloned(),
        )?;
        Ok(Pages {
            reader,
            shape: Shape::of(column.column_descr()),
            column: column.clone(),
            doubt: self.doubt.clone(),
            n_present: None,
        })
    }

    /// Returns a reader of some columns of the selected rows.
    pub(super) fn reader(
        &self,
        columns: ProjectionMask,
        batch_rows: usize,
        selection: Option<RowSelection>,
    ) -> Result<ParquetRecordBatchReader, ParquetError> {
        let (schema, fields) = (self.metadata.parquet_schema(), self.metadata.schema());
        let levels = parquet_to_arrow_field_levels(schema, columns, Some(fields.fields()))?;
        ParquetRecordBatchReader::try_new_with_row_groups(&levels, self, batch_rows, selection)
    }
}

impl RowGroups for Group<'_> {
    fn num_rows(&self) -> usize {
        usize::try_from(self.metadata().num_rows()).unwrap_or(0)
    }

    fn column_chunks(&self, leaf: usize) -> Result<Box<dyn PageIterator>, ParquetError> {
        Ok(Box::new(Once(Some(self.pages(leaf)?))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.metadata()))
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.metadata.metadata()
    }
}

/// The pages of one column, which is all that a row group has of it.
struct Once(Option<Pages>);

impl Iterator for Once {
    type Item = Result<Box<dyn PageReader>, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let pages = self.0.take()?;
        Some(Ok(Box::new(pages)))
    }
}

impl PageIterator for Once {}

/// The pages of a column.
pub(super) struct Pages {
    reader: SerializedPageReader<Kept>,
    shape: Shape,
    column: ColumnChunkMetaData,
    doubt: Doubt,
    /// How many values of the last page are not null, if that is known.
    pub(super) n_present: Option<usize>,
}

impl Pages {
    fn checked(&mut self, page: Option<Page>) -> Option<Page> {
        let page = page?;
        let n_present = self.shape.n_present(&page);
        self.n_present = n_present.unwrap_or_else(|why| {
            self.doubt.add(&self.column, why);
            None
        });
        Some(page)
    }
}

impl Iterator for Pages {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        let page = self.reader.get_next_page()?;
        Ok(self.checked(page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        self.reader.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        self.reader.skip_next_page()
    }

    fn supports_deferred_dictionary(&self) -> bool {
        self.reader.supports_deferred_dictionary()
    }

    fn take_deferred_dictionary(&mut self) -> Result<Option<Page>, ParquetError> {
        let page = self.reader.take_deferred_dictionary()?;
        Ok(self.checked(page))
    }

    fn at_record_boundary(&mut self) -> Result<bool, ParquetError> {
        self.reader.at_record_boundary()
    }
}

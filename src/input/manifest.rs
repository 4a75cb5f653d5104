//! A manifest: sources with what is known of them, written once and read by many runs, each of which takes
//! its shard.
//!
//! A row contains what the walk found, so that nothing is listed or looked up again. Shards are consecutive
//! rows of about the same weight: the outputs of all shards, in order, contain the rows of one hunt.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{Array as _, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde::{Deserialize, Serialize};

/// A manifest to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The file: Parquet, or rows as lines of JSON. `None` for lines of JSON on standard input.
    pub file: Option<PathBuf>,
    /// The part of it to read; `None` for all of it.
    pub shard: Option<Shard>,
}

/// A part of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Its number, counted from 0.
    pub index: u64,
    /// The number of shards.
    pub count: u64,
}

/// A source, as the walk found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its path or address.
    pub source: String,
    /// Its path below the root, which makes alerts the same wherever an archive is stored.
    pub below_root: String,
    /// Its size in bytes, as stored.
    pub size_bytes: i64,
    /// The `ETag` of an object.
    pub e_tag: Option<String>,
    /// When it was last written, in nanoseconds since 1970.
    pub modified_ns: Option<i64>,
    /// The reason why this place could not be listed. If set, the row is not a source, and a hunt reports
    /// that the place is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defect: Option<String>,
}

/// Fixed cost of a source, in bytes: to request, open and close it takes as long as scanning this many bytes.
const SOURCE_BYTES: i64 = 64 * 1024;

impl Row {
    fn weight(size_bytes: i64) -> i128 {
        i128::from(size_bytes.max(0)) + i128::from(SOURCE_BYTES)
    }
}

impl Shard {
    /// Reports whether the shard contains the row whose middle is at this weight, out of this total weight.
    fn holds(self, middle: i128, total: i128) -> bool {
        let index = middle * i128::from(self.count) / total.max(1);
        index.min(i128::from(self.count) - 1) == i128::from(self.index)
    }
}

/// Metadata key by which a manifest is recognised.
pub const MARK: &str = "trailsift.manifest";
/// Metadata key of a manifest that does not list everything. Its value is the number of places that could not
/// be listed.
const INCOMPLETE: &str = "trailsift.manifest.incomplete";

/// Number of rows written or read at once.
const BATCH_ROWS: usize = 8192;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("source", DataType::Utf8, false),
        Field::new("below_root", DataType::Utf8, false),
        Field::new("size_bytes", DataType::Int64, false),
        Field::new("e_tag", DataType::Utf8, true),
        Field::new("modified_ns", DataType::Int64, true),
        Field::new("defect", DataType::Utf8, true),
    ]))
}

impl Manifest {
    /// Returns the manifest's name for messages.
    #[must_use]
    pub fn name(&self) -> &Path {
        self.file.as_deref().unwrap_or(Path::new("-"))
    }

    /// Passes the rows of the shard to `visit`, until `visit` returns false.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the manifest.
    pub fn read(&self, visit: &mut dyn FnMut(Row) -> bool) -> io::Result<()> {
        match &self.file {
            Some(path) if is_parquet(path)? => self.read_parquet(path, visit),
            _ => self.read_lines(visit),
        }
    }

    /// Returns how many places could not be listed when it was written. In lines of JSON only the rows
    /// themselves show this.
    pub(super) fn n_missing(&self) -> io::Result<u64> {
        let Some(path) = self.file.as_deref() else {
            return Ok(0);
        };
        if !is_parquet(path)? {
            return Ok(0);
        }
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
        let metadata = reader.metadata().file_metadata().key_value_metadata();
        let mut metadata = metadata.into_iter().flatten();
        let incomplete = metadata.find(|pair| pair.key == INCOMPLETE);
        let n_missing = incomplete.map(|pair| pair.value.as_ref().and_then(|n| n.parse().ok()));
        // A number that cannot be read is not zero.
        Ok(n_missing.map_or(0, |n| n.unwrap_or(1)))
    }

    fn read_lines(&self, visit: &mut dyn FnMut(Row) -> bool) -> io::Result<()> {
        if self.shard.is_some() {
            return Err(io::Error::other("shards are those of a Parquet file"));
        }
        let lines: Box<dyn io::Read> = match &self.file {
            Some(path) => Box::new(File::open(path)?),
            None => Box::new(io::stdin()),
        };
        for line in BufReader::new(lines).split(b'\n') {
            let line = line?;
            if line.trim_ascii().is_empty() {
                continue;
            }
            let row: Row = serde_json::from_slice(&line)?;
            if row.size_bytes < 0 {
                return Err(invalid("a row has a size below zero"));
            }
            if !visit(row) {
                break;
            }
        }
        Ok(())
    }

    fn read_parquet(&self, path: &Path, visit: &mut dyn FnMut(Row) -> bool) -> io::Result<()> {
        let part = match self.shard {
            Some(shard) => rows_of_shard(path, shard)?,
            None => 0..usize::MAX,
        };
        let names: Vec<String> = schema().fields().iter().map(|f| f.name().clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        // Rows before the shard are skipped, and whole row groups of them are not read.
        each_batch(path, &names, part, &mut |batch| {
            let mut rows = rows(batch)?.into_iter();
            Ok(rows.all(&mut *visit))
        })
    }
}

fn is_parquet(path: &Path) -> io::Result<bool> {
    let mut magic = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut magic)?;
    Ok(magic == b"PAR1")
}

/// Returns the row numbers of a shard.
fn rows_of_shard(path: &Path, shard: Shard) -> io::Result<Range<usize>> {
    let each_weight = |visit: &mut dyn FnMut(i128)| {
        each_batch(path, &["size_bytes"], 0..usize::MAX, &mut |batch| {
            let sizes = column(batch, "size_bytes")?;
            let sizes = sizes.as_primitive::<Int64Type>().values();
            sizes.iter().for_each(|size| visit(Row::weight(*size)));
            Ok(true)
        })
    };
    let mut total = 0;
    each_weight(&mut |weight| total += weight)?;
    let (mut n, mut before, mut part) = (0, 0, None);
    each_weight(&mut |weight| {
        if shard.holds(before + weight / 2, total) {
            // The rows are consecutive, because the middles of rows never decrease.
            part.get_or_insert(n..n).end = n + 1;
        }
        before += weight;
        n += 1;
    })?;
    Ok(part.unwrap_or(0..0))
}

/// Passes batches of some columns of some rows to `visit`, until `visit` returns false.
fn each_batch(
    path: &Path,
    names: &[&str],
    part: Range<usize>,
    visit: &mut dyn FnMut(&RecordBatch) -> io::Result<bool>,
) -> io::Result<()> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
    let mask = parquet::arrow::ProjectionMask::columns(reader.parquet_schema(), names.to_vec());
    let reader = reader
        .with_projection(mask)
        .with_batch_size(BATCH_ROWS)
        .with_offset(part.start)
        .with_limit(part.len());
    for batch in reader.build()? {
        if !visit(&batch.map_err(io::Error::other)?)? {
            break;
        }
    }
    Ok(())
}

fn column(batch: &RecordBatch, name: &str) -> io::Result<ArrayRef> {
    let wanted = schema();
    let field = wanted.field_with_name(name).map_err(io::Error::other)?;
    let column = batch.column_by_name(name);
    let column = column.filter(|column| column.data_type() == field.data_type());
    let missing = || {
        invalid(&format!(
            "it is no manifest: it has no column {name} of the right type"
        ))
    };
    column.cloned().ok_or_else(missing)
}

fn rows(batch: &RecordBatch) -> io::Result<Vec<Row>> {
    let [source, below_root, e_tag] = [
        column(batch, "source")?,
        column(batch, "below_root")?,
        column(batch, "e_tag")?,
    ];
    let [size_bytes, modified_ns] = [column(batch, "size_bytes")?, column(batch, "modified_ns")?];
    // A manifest written by an earlier version has no such column.
    let defect = column(batch, "defect").ok();
    let text = |texts: &ArrayRef, n| {
        let texts = texts.as_string::<i32>();
        texts.is_valid(n).then(|| texts.value(n).to_owned())
    };
    let number = |numbers: &ArrayRef, n| {
        let numbers = numbers.as_primitive::<Int64Type>();
        numbers.is_valid(n).then(|| numbers.value(n))
    };
    let row = |n| {
        let row = Row {
            source: text(&source, n)?,
            below_root: text(&below_root, n)?,
            size_bytes: number(&size_bytes, n).filter(|size| *size >= 0)?,
            e_tag: text(&e_tag, n),
            modified_ns: number(&modified_ns, n),
            defect: defect.as_ref().and_then(|defects| text(defects, n)),
        };
        Some(row)
    };
    let rows: Option<Vec<Row>> = (0..batch.num_rows()).map(row).collect();
    rows.ok_or_else(|| invalid("it is no manifest: a row has no source, no path or no size"))
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Writes a manifest as Parquet.
pub struct ManifestWriter<W: Write + Send> {
    writer: ArrowWriter<W>,
    rows: Vec<Row>,
    /// Number of rows that are not sources.
    n_missing: u64,
}

impl<W: Write + Send> std::fmt::Debug for ManifestWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ManifestWriter")
            .field("n_rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}

impl<W: Write + Send> ManifestWriter<W> {
    /// Begins a manifest.
    ///
    /// # Errors
    ///
    /// Returns the error of the output.
    pub fn new(out: W) -> Result<Self, ParquetError> {
        let level = ZstdLevel::try_new(3)?;
        let mark = KeyValue::new(MARK.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_key_value_metadata(Some(vec![mark]));
        Ok(Self {
            writer: ArrowWriter::try_new(out, schema(), Some(properties.build()))?,
            rows: Vec::new(),
            n_missing: 0,
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    ///
    /// Returns the error of the output.
    pub fn add(&mut self, row: Row) -> Result<(), ParquetError> {
        self.n_missing += u64::from(row.defect.is_some());
        self.rows.push(row);
        match self.rows.len() {
            BATCH_ROWS => self.write(),
            _ => Ok(()),
        }
    }

    fn write(&mut self) -> Result<(), ParquetError> {
        let rows = std::mem::take(&mut self.rows);
        let texts = |of: &dyn Fn(&Row) -> Option<String>| -> ArrayRef {
            Arc::new(rows.iter().map(of).collect::<StringArray>())
        };
        let numbers = |of: &dyn Fn(&Row) -> Option<i64>| -> ArrayRef {
            Arc::new(rows.iter().map(of).collect::<Int64Array>())
        };
        let columns = vec![
            texts(&|row| Some(row.source.clone())),
            texts(&|row| Some(row.below_root.clone())),
            numbers(&|row| Some(row.size_bytes)),
            texts(&|row| row.e_tag.clone()),
            numbers(&|row| row.modified_ns),
            texts(&|row| row.defect.clone()),
        ];
        self.writer.write(&RecordBatch::try_new(schema(), columns)?)
    }

    /// Writes the end, and returns the output.
    ///
    /// # Errors
    ///
    /// Returns the error of the output.
    pub fn finish(mut self) -> Result<W, ParquetError> {
        self.write()?;
        if self.n_missing > 0 {
            let incomplete = KeyValue::new(INCOMPLETE.to_owned(), self.n_missing.to_string());
            self.writer.append_key_value_metadata(incomplete);
        }
        self.writer.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(n: usize, size_bytes: i64) -> Row {
        Row {
            source: format!("s3://trail/{n}"),
            below_root: n.to_string(),
            size_bytes,
            e_tag: n.is_multiple_of(2).then(|| format!("\"{n}\"")),
            modified_ns: n.is_multiple_of(3).then_some(7),
            defect: n.is_multiple_of(5).then(|| "gone".to_owned()),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn each_row_is_in_one_shard_in_order_and_shards_weigh_about_the_same(
            sizes in prop::collection::vec(0_i64..4_000_000, 0..200),
            count in 1_u64..20,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("manifest.parquet");
            let rows: Vec<Row> = sizes.iter().enumerate().map(|(n, size)| row(n, *size)).collect();
            let mut writer = ManifestWriter::new(File::create(&path).unwrap()).unwrap();
            rows.iter().for_each(|row| writer.add(row.clone()).unwrap());
            writer.finish().unwrap();
            let mut found = Vec::new();
            let total: i128 = sizes.iter().map(|size| Row::weight(*size)).sum();
            for index in 0..count {
                let shard = Some(Shard { index, count });
                let manifest = Manifest { file: Some(path.clone()), shard };
                let mut weight = 0;
                manifest.read(&mut |row| {
                    weight += Row::weight(row.size_bytes);
                    found.push(row);
                    true
                }).unwrap();
                let largest = Row::weight(4_000_000);
                prop_assert!(weight <= total / i128::from(count) + largest, "{weight} of {total}");
            }
            prop_assert_eq!(found, rows);
        }
    }
}

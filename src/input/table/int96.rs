//! 96-bit times, as older writers store them: the number of a day, and nanoseconds of that day.
//!
//! The reader converts them to nanoseconds since 1970, which wrap around outside the years 1677 to 2262. As
//! microseconds all existing years fit.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::basic::Type;

/// Returns the schema that reads such times as microseconds, or `None` if there are none.
pub(super) fn schema(metadata: &ArrowReaderMetadata) -> Option<SchemaRef> {
    let columns = metadata.parquet_schema().columns();
    let mut is_int96 = columns
        .iter()
        .map(|column| column.physical_type() == Type::INT96);
    if !is_int96.clone().any(|is_int96| is_int96) {
        return None;
    }
    let schema = metadata.schema();
    let fields = schema.fields().iter();
    let fields: Vec<Field> = fields
        .map(|field| with_microseconds(field, &mut is_int96))
        .collect();
    Some(Arc::new(Schema::new_with_metadata(
        fields,
        schema.metadata().clone(),
    )))
}

/// Replaces the types in a field. The leaves of the field are the next columns of the file.
fn with_microseconds(field: &Field, is_int96: &mut dyn Iterator<Item = bool>) -> Field {
    let mut inner = |field: &FieldRef| Arc::new(with_microseconds(field, is_int96));
    let data_type = match field.data_type() {
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        DataType::List(element) => DataType::List(inner(element)),
        DataType::LargeList(element) => DataType::LargeList(inner(element)),
        DataType::FixedSizeList(element, n) => DataType::FixedSizeList(inner(element), *n),
        DataType::Map(entries, is_sorted) => DataType::Map(inner(entries), *is_sorted),
        other => match is_int96.next() {
            Some(true) => DataType::Timestamp(TimeUnit::Microsecond, None),
            _ => other.clone(),
        },
    };
    field.clone().with_data_type(data_type)
}

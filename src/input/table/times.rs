//! Reads the first and the last time of a row group, if the file states them. Nothing else is known of rows
//! that are skipped.

use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use crate::event::time;
use crate::report::TimeSpan;

/// Returns the bounds of a column of times, if there are exact ones.
pub(super) fn bounds(column: &ColumnChunkMetaData) -> TimeSpan {
    let mut span = TimeSpan::default();
    let ends = match column.statistics() {
        Some(statistics) if statistics.is_min_max_deprecated() => return span,
        Some(Statistics::ByteArray(bounds)) => {
            let is_exact = bounds.min_is_exact() && bounds.max_is_exact();
            let micros = |bytes: Option<&[u8]>| {
                let text = std::str::from_utf8(bytes?).ok()?;
                time::micros(text)
            };
            let ends = [bounds.min_bytes_opt(), bounds.max_bytes_opt()];
            ends.map(|bytes| micros(bytes).filter(|_| is_exact))
        }
        Some(Statistics::Int64(bounds)) => {
            let micros = |value: Option<&i64>| {
                let value = *value?;
                match column.column_descr().logical_type_ref() {
                    Some(LogicalType::Timestamp(timestamp)) => match timestamp.unit {
                        TimeUnit::MILLIS => value.checked_mul(1000),
                        TimeUnit::MICROS => Some(value),
                        TimeUnit::NANOS => Some(value.div_euclid(1000)),
                    },
                    // Security Lake's times are milliseconds.
                    _ => time::micros(&value.to_string()),
                }
            };
            [micros(bounds.min_opt()), micros(bounds.max_opt())]
        }
        _ => return span,
    };
    if let [Some(first), Some(last)] = ends {
        span.add(first);
        span.add(last);
    }
    span
}

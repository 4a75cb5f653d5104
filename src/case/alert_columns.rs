//! Values in the columns of a file of alerts, which another program may have rewritten with other types for the same data.
//!
//! They are read one by one: arrow-cast's kernel, which converts any type to any other, would be 2.5 MB of code.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt64Type,
};
use arrow_array::{Array as _, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use jiff::Timestamp;

use crate::event::time::micros;

const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// Returns the text in a row. Whole numbers are text, too: that is what an account's id becomes in a spreadsheet.
///
/// # Errors
///
/// The column has another type, or the text is not UTF-8.
pub(super) fn text(column: &ArrayRef, row: usize) -> Result<Option<String>, String> {
    if column.is_null(row) {
        return Ok(None);
    }
    Ok(Some(match column.data_type() {
        DataType::Null => return Ok(None),
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::Binary => {
            let bytes = column.as_binary::<i32>().value(row);
            String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string())?
        }
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        // What pandas makes of whole numbers where one is missing; 111122223333.0 is printed without its point.
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).to_string(),
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Decimal128(_, 0) => column
            .as_primitive::<Decimal128Type>()
            .value(row)
            .to_string(),
        other => return Err(format!("its type is {other}, not text")),
    }))
}

/// Returns the time in a row. A time without a zone is in UTC.
///
/// # Errors
///
/// The column has another type, or the text is no time.
pub(super) fn time(column: &ArrayRef, row: usize) -> Result<Option<Timestamp>, String> {
    if column.is_null(row) {
        return Ok(None);
    }
    let micros = match column.data_type() {
        DataType::Null => return Ok(None),
        DataType::Timestamp(TimeUnit::Second, _) => {
            let seconds = column.as_primitive::<TimestampSecondType>().value(row);
            seconds.checked_mul(1_000_000)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            let millis = column.as_primitive::<TimestampMillisecondType>().value(row);
            millis.checked_mul(1000)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Some(column.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            let nanos = column.as_primitive::<TimestampNanosecondType>().value(row);
            Some(nanos.div_euclid(1000))
        }
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>().value(row);
            i64::from(days).checked_mul(DAY_MICROS)
        }
        DataType::Utf8 | DataType::Binary => {
            let text = text(column, row)?.unwrap_or_default();
            // What an absent time became in CSV.
            if text.is_empty() {
                return Ok(None);
            }
            let unreadable = || format!("{text:?} is no time");
            Some(micros(&text).ok_or_else(unreadable)?)
        }
        number if number.is_numeric() => {
            return Err("it is a number without a known unit: make it a time".to_owned());
        }
        other => return Err(format!("its type is {other}, not a time")),
    };
    Ok(micros.and_then(|micros| Timestamp::from_microsecond(micros).ok()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
        NullArray, StringArray, TimestampMillisecondArray, TimestampNanosecondArray,
        TimestampSecondArray,
    };

    use super::*;

    #[test]
    fn a_text_is_read_from_each_type_that_holds_it() {
        let account = Some("111122223333".to_owned());
        let number = 111_122_223_333;
        let decimals = Decimal128Array::from(vec![i128::from(number)]);
        let columns: [ArrayRef; 5] = [
            Arc::new(StringArray::from(vec!["111122223333"])),
            Arc::new(BinaryArray::from(vec![&b"111122223333"[..]])),
            Arc::new(Int64Array::from(vec![number])),
            Arc::new(Float64Array::from(vec![111_122_223_333.0])),
            Arc::new(decimals.with_precision_and_scale(12, 0).unwrap()),
        ];
        for column in columns {
            assert_eq!(text(&column, 0), Ok(account.clone()), "{column:?}");
        }
        let absent: [ArrayRef; 2] = [
            Arc::new(NullArray::new(1)),
            Arc::new(StringArray::from(vec![None::<&str>])),
        ];
        for column in absent {
            assert_eq!(text(&column, 0), Ok(None), "{column:?}");
        }
        let wrong: ArrayRef = Arc::new(BooleanArray::from(vec![true]));
        assert!(text(&wrong, 0).unwrap_err().contains("Boolean, not text"));
        let wrong: ArrayRef = Arc::new(BinaryArray::from(vec![&b"\xff"[..]]));
        assert!(text(&wrong, 0).unwrap_err().contains("utf-8"));
    }

    #[test]
    fn a_time_is_read_from_each_type_that_holds_it() {
        let expected: Timestamp = "2024-05-01T00:00:00Z".parse().unwrap();
        let seconds = expected.as_second();
        let columns: [ArrayRef; 5] = [
            Arc::new(TimestampSecondArray::from(vec![seconds])),
            Arc::new(
                TimestampMillisecondArray::from(vec![seconds * 1000])
                    .with_timezone("Europe/Berlin"),
            ),
            Arc::new(TimestampNanosecondArray::from(vec![
                seconds * 1_000_000_000,
            ])),
            Arc::new(Date32Array::from(vec![
                i32::try_from(seconds / 86_400).unwrap(),
            ])),
            Arc::new(StringArray::from(vec!["2024-05-01T02:00:00+02:00"])),
        ];
        for column in columns {
            assert_eq!(time(&column, 0), Ok(Some(expected)), "{column:?}");
        }
        let empty: ArrayRef = Arc::new(StringArray::from(vec![""]));
        assert_eq!(time(&empty, 0), Ok(None));
        let beyond: ArrayRef = Arc::new(TimestampSecondArray::from(vec![i64::MAX]));
        assert_eq!(time(&beyond, 0), Ok(None));
        for (wrong, why) in [
            (
                Arc::new(Float64Array::from(vec![1.7e9])) as ArrayRef,
                "number",
            ),
            (Arc::new(StringArray::from(vec!["yesterday"])), "no time"),
            (Arc::new(BooleanArray::from(vec![true])), "not a time"),
        ] {
            assert!(time(&wrong, 0).unwrap_err().contains(why), "{wrong:?}");
        }
    }
}

//! Counts the rows of an older output in any format.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _};

use arrow_ipc::reader::StreamReader;
use parquet::file::reader::{FileReader as _, SerializedFileReader};

/// The first bytes of an Arrow stream.
const ARROW: &[u8] = b"\xff\xff\xff\xff";
/// The beginning of the line before each document for Elasticsearch's `_bulk`.
const BULK_ACTION: &[u8] = b"{\"create\":{";
/// Number of bytes at the start of a file that are enough to recognize its format.
const START_BYTES: u64 = 64;

/// Returns the number of rows in a file that this program may have written. Returns nothing if it cannot be determined.
pub(super) fn n_rows(mut file: File) -> Option<u64> {
    let mut start = Vec::new();
    (&file).take(START_BYTES).read_to_end(&mut start).ok()?;
    file.rewind().ok()?;
    match &*start {
        [] => Some(0),
        [b'P', b'A', b'R', b'1', ..] => {
            let reader = SerializedFileReader::new(file).ok()?;
            u64::try_from(reader.metadata().file_metadata().num_rows()).ok()
        }
        start if start.starts_with(ARROW) => {
            let batches = StreamReader::try_new(BufReader::new(file), None).ok()?;
            let n_rows = batches.map(|batch| batch.map(|batch| batch.num_rows() as u64));
            n_rows.sum::<Result<u64, _>>().ok()
        }
        start if start.starts_with(b"rule_id,") || start.starts_with(b"relation,") => {
            let rows = csv::Reader::from_reader(file).into_byte_records();
            rows.map(|row| row.map(|_| 1)).sum::<Result<u64, _>>().ok()
        }
        [b'{', ..] => n_lines(file).ok().flatten(),
        _ => None,
    }
}

/// Returns the number of lines that are documents. Returns nothing if a line is not a document.
fn n_lines(file: File) -> io::Result<Option<u64>> {
    let mut n_lines = 0;
    for line in BufReader::new(file).split(b'\n') {
        match line?.trim_ascii() {
            [] => {}
            line if line.starts_with(BULK_ACTION) => {}
            [b'{', .., b'}'] => n_lines += 1,
            _ => return Ok(None),
        }
    }
    Ok(Some(n_lines))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn rows_of(content: &[u8]) -> Option<u64> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file.rewind().unwrap();
        n_rows(file)
    }

    #[test]
    fn rows_are_counted_in_lines_of_any_schema_and_nothing_is_guessed() {
        assert_eq!(rows_of(b""), Some(0));
        assert_eq!(rows_of(b"{\"a\":1}\n{\"a\":2}\n"), Some(2));
        assert_eq!(rows_of(b"{\"create\":{}}\n{\"a\":2}\n"), Some(1));
        assert_eq!(rows_of(b"rule_id,b\r\n1,\"2\r\n3\"\r\n"), Some(1));
        assert_eq!(rows_of(b"{\n  \"a\": 1\n}\n"), None);
        assert_eq!(rows_of(b"PAR1 and no more"), None);
        assert_eq!(rows_of(b"rule_id,b\n1\n"), None);
        assert_eq!(rows_of(b"something else\n"), None);
    }
}

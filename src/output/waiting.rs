//! Rows that wait until something is known of them that only the end of the pass shows.

use std::io::{self, BufReader, BufWriter, Seek as _, Write as _};

use tempfile::SpooledTempFile;

use super::alert::Alert;
use crate::error::Error;

/// The number of bytes of rows that are kept in memory. More of them go to a temporary file.
const HELD_BYTES: usize = 16 << 20;

/// Rows that wait, in their order.
#[derive(Debug)]
pub(crate) struct WaitingRows {
    rows: BufWriter<SpooledTempFile>,
}

impl WaitingRows {
    pub(crate) fn new() -> Self {
        Self::holding(HELD_BYTES)
    }

    fn holding(n_bytes: usize) -> Self {
        Self {
            rows: BufWriter::new(SpooledTempFile::new(n_bytes)),
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    ///
    /// If the temporary file cannot be written.
    pub(crate) fn push(&mut self, row: &Alert) -> Result<(), Error> {
        serde_json::to_writer(&mut self.rows, row).map_err(|error| failed(error.into()))
    }

    /// Passes on all rows, in their order.
    ///
    /// # Errors
    ///
    /// If the temporary file cannot be read or written, and the error of `visit`.
    pub(crate) fn each(
        mut self,
        visit: &mut dyn FnMut(Alert) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.rows.flush().map_err(failed)?;
        let file = self.rows.into_inner();
        let mut file = file.map_err(|error| failed(error.into_error()))?;
        file.rewind().map_err(failed)?;
        let rows = serde_json::Deserializer::from_reader(BufReader::new(file)).into_iter();
        for row in rows {
            visit(row.map_err(|error| failed(error.into()))?)?;
        }
        Ok(())
    }
}

fn failed(source: io::Error) -> Error {
    let path = "the temporary file of the rows (TMPDIR)".into();
    Error::Output { path, source }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::output::rules::RowRule;
    use crate::output::{Column, Place, RowEvent};
    use crate::rule::Rule;
    use crate::scan::each_event;

    #[test]
    fn rows_come_back_in_order_whether_they_fit_in_memory_or_not() {
        let rule = Rule::quarantine();
        let rule = RowRule::new(&rule);
        let raw = br#"{"eventVersion":"1.11","eventName":"\u00e9\"x","eventID":"1"}"#;
        for n_bytes in [1 << 20, 100] {
            let mut rows = WaitingRows::holding(n_bytes);
            let mut expected: Vec<Alert> = Vec::new();
            each_event(raw, &mut |event| {
                for record_index in 0..50 {
                    let place = Place {
                        source: Path::new("a.json"),
                        below_root: Path::new("a.json"),
                        member: None,
                        record_index,
                        byte_offset: 7,
                    };
                    let row = RowEvent {
                        event,
                        fields: event,
                        raw,
                        place,
                    };
                    expected.push(Alert::new(&rule, &row));
                }
            });
            assert_eq!(expected.len(), 50);
            for row in &expected {
                rows.push(row).unwrap();
            }
            let mut found = Vec::new();
            let all = rows.each(&mut |row| {
                found.push(row);
                Ok(())
            });
            all.unwrap();
            assert_eq!(found, expected);
            assert_eq!(found[0].text(Column::EventAction), Some("\u{e9}\"x"));
        }
    }
}

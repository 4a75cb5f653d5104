//! Bytes of any length in a temporary file, which are found again by their place.

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};

/// Keeps rows in a temporary file, which is gone when this is dropped.
#[derive(Debug)]
pub struct Rows {
    file: BufWriter<File>,
    length: u64,
}

impl Rows {
    /// Begins a file.
    ///
    /// # Errors
    /// No temporary file can be made.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            file: BufWriter::new(tempfile::tempfile()?),
            length: 0,
        })
    }

    /// Adds a row, and returns its place.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn push(&mut self, row: &[u8]) -> io::Result<u64> {
        let place = self.length;
        let length = row.len() as u64;
        self.file.write_all(&length.to_le_bytes())?;
        self.file.write_all(row)?;
        self.length += 8 + length;
        Ok(place)
    }

    /// Returns the row at a place.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn get(&mut self, place: u64) -> io::Result<Vec<u8>> {
        self.file.flush()?;
        let mut file = self.file.get_ref();
        file.seek(SeekFrom::Start(place))?;
        let mut length = [0; 8];
        file.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        let mut row = Vec::new();
        let n_read = file.take(length).read_to_end(&mut row)?;
        // What is added later goes to the end.
        self.file.get_ref().seek(SeekFrom::End(0))?;
        match n_read as u64 == length {
            true => Ok(row),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_found_again_by_its_place() {
        let mut rows = Rows::new().unwrap();
        let texts = ["one", "", "three"];
        let places = texts.map(|text| rows.push(text.as_bytes()).unwrap());
        assert_eq!(rows.get(places[2]).unwrap(), b"three");
        let four = rows.push(b"four").unwrap();
        assert_eq!(rows.get(four).unwrap(), b"four");
        for (text, place) in texts.iter().zip(places) {
            assert_eq!(rows.get(place).unwrap(), text.as_bytes());
        }
        assert!(rows.get(four + 1).is_err());
    }
}

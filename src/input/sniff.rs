//! What is this file? By its first bytes alone.

/// How many bytes [`sniff`] wants to see: `tar` has its mark at 257.
pub(crate) const SNIFF_BYTES: usize = 512;

/// How a file is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text as it is, or something we do not know and search as it is.
    Plain,
    Gzip,
    Zstd,
    /// A container or encoding that is not read yet, by its name.
    Unsupported(&'static str),
}

pub(crate) const GZIP_MAGIC: &[u8] = b"\x1f\x8b";
pub(crate) const ZSTD_MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";

/// Skippable zstd frames begin with 0x184D2A50 to 0x184D2A5F, little-endian (RFC 8878, 3.1.2).
pub(crate) fn is_zstd_skippable(bytes: &[u8]) -> bool {
    matches!(bytes, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// Marks at the start of formats that hide text from a search for bytes.
const UNSUPPORTED: [(&[u8], &str); 23] = [
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\xff\x06\0\0sNaPpY", "framed snappy"),
    (b"LZIP", "lzip"),
    (b"PAR1", "Parquet"),
    (b"ORC", "ORC"),
    (b"Obj\x01", "Avro"),
    (b"ARROW1", "Arrow"),
    (b"\x1f\x9d", "compress"),
    (b"\x1f\xa0", "compress"),
    (b"\x5d\0\0", "lzma"),
    (b"SQLite format 3\0", "SQLite"),
    (b"-----BEGIN PGP MESSAGE", "encrypted with OpenPGP"),
    (b"age-encryption.org/", "encrypted with age"),
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
];

/// Tells the format from a file's first bytes, at best [`SNIFF_BYTES`] of them.
pub(crate) fn sniff(start: &[u8]) -> Format {
    // A file that is cut off inside its magic is told as cut off. (One byte of zstd's is a parenthesis.)
    let is_cut_gzip = !start.is_empty() && GZIP_MAGIC.starts_with(start);
    let is_cut_zstd = start.len() > 1 && ZSTD_MAGIC.starts_with(start);
    if start.starts_with(GZIP_MAGIC) || is_cut_gzip {
        Format::Gzip
    } else if start.starts_with(ZSTD_MAGIC) || is_zstd_skippable(start) || is_cut_zstd {
        Format::Zstd
    } else if start.get(257..262) == Some(b"ustar") {
        Format::Unsupported("tar")
    } else {
        UNSUPPORTED
            .iter()
            .find(|(magic, _)| start.starts_with(magic))
            .map_or(Format::Plain, |(_, name)| Format::Unsupported(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        assert_eq!(sniff(b""), Format::Plain);
        assert_eq!(sniff(b"{\"Records\":[]}"), Format::Plain);
        assert_eq!(sniff(b"\x1f"), Format::Gzip);
        assert_eq!(sniff(b"\x28\xb5"), Format::Zstd);
        assert_eq!(sniff(b"("), Format::Plain);
        assert_eq!(sniff(b"\x1f\x8b\x08"), Format::Gzip);
        assert_eq!(sniff(b"\x28\xb5\x2f\xfd"), Format::Zstd);
        assert_eq!(sniff(b"\x5a\x2a\x4d\x18"), Format::Zstd);
        assert_eq!(sniff(b"PK\x03\x04"), Format::Unsupported("zip"));
        assert_eq!(sniff(b"\xff\xfe{\0"), Format::Unsupported("UTF-16"));
        let mut tar = vec![b'a'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(sniff(&tar), Format::Unsupported("tar"));
    }
}

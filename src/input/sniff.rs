//! What is this file? By its first bytes alone.

/// How many bytes [`sniff`] wants to see: a header of tar.
pub(crate) const SNIFF_BYTES: usize = 512;

/// How a file is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text as it is, or something we do not know and search as it is.
    Plain,
    Gzip,
    Zstd,
    Bzip2,
    Xz,
    Utf16(Endian),
    Tar,
    Zip,
    Parquet,
    /// A container or encoding that is not read, by its name.
    Unsupported(&'static str),
}

/// Which byte of a UTF-16 unit comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endian {
    Little,
    Big,
}

pub(crate) const GZIP_MAGIC: &[u8] = b"\x1f\x8b";
pub(crate) const ZSTD_MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";
pub(crate) const BZIP2_MAGIC: &[u8] = b"BZh";
pub(crate) const XZ_MAGIC: &[u8] = b"\xfd7zXZ\0";

/// Skippable zstd frames begin with 0x184D2A50 to 0x184D2A5F, little-endian (RFC 8878, 3.1.2).
pub(crate) fn is_zstd_skippable(bytes: &[u8]) -> bool {
    matches!(bytes, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// Whether a bzip2 stream begins so: its head, and the mark of a block or of the stream's end.
pub(crate) fn is_bzip2(bytes: &[u8]) -> bool {
    const MARKS: [&[u8]; 2] = [b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"];
    match bytes {
        [b'B', b'Z', b'h', b'1'..=b'9', mark @ ..] => {
            let is_begun = |whole: &&[u8]| mark.starts_with(whole) || whole.starts_with(mark);
            MARKS.iter().any(is_begun)
        }
        _ => false,
    }
}

/// Marks at the start of formats that are read.
const SUPPORTED: [(&[u8], Format); 8] = [
    (GZIP_MAGIC, Format::Gzip),
    (ZSTD_MAGIC, Format::Zstd),
    (XZ_MAGIC, Format::Xz),
    (b"PK\x03\x04", Format::Zip),
    (b"PK\x05\x06", Format::Zip),
    // A zip that was made to be split, and was not.
    (b"PK\x07\x08PK\x03\x04", Format::Zip),
    (b"PK00PK\x03\x04", Format::Zip),
    (b"PAR1", Format::Parquet),
];

/// Marks at the start of formats that hide text from a search for bytes.
const UNSUPPORTED: [(&[u8], &str); 20] = [
    // Deflate with the heads that compressors write (RFC 1950, 2.2).
    (b"x\x01", "zlib"),
    (b"x\x9c", "zlib"),
    (b"x\xda", "zlib"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\xff\x06\0\0sNaPpY", "framed snappy"),
    (b"LZIP", "lzip"),
    (b"PARE", "encrypted Parquet"),
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
];

/// Tells the format from a file's first bytes, at best [`SNIFF_BYTES`] of them.
pub(crate) fn sniff(start: &[u8]) -> Format {
    // A file that is cut off inside its magic is told as cut off. (One byte of zstd's is a parenthesis.)
    let is_cut = |magic: &[u8], least| start.len() >= least && magic.starts_with(start);
    if is_cut(GZIP_MAGIC, 1) {
        return Format::Gzip;
    }
    if is_zstd_skippable(start) || is_cut(ZSTD_MAGIC, 2) {
        return Format::Zstd;
    }
    if is_cut(XZ_MAGIC, 2) {
        return Format::Xz;
    }
    if is_bzip2(start) {
        return Format::Bzip2;
    }
    let mut supported = SUPPORTED.iter();
    if let Some((_, format)) = supported.find(|(magic, _)| start.starts_with(magic)) {
        return *format;
    }
    if is_tar_header(start) {
        return Format::Tar;
    }
    let mut unsupported = UNSUPPORTED.iter();
    if let Some((_, name)) = unsupported.find(|(magic, _)| start.starts_with(magic)) {
        return Format::Unsupported(name);
    }
    if is_utf32(start) {
        return Format::Unsupported("UTF-32");
    }
    utf16(start).map_or(Format::Plain, Format::Utf16)
}

/// Whether this begins with a header of tar: by its checksum, which tars without a magic have too.
pub(crate) fn is_tar_header(bytes: &[u8]) -> bool {
    let Some(header) = bytes.first_chunk::<512>() else {
        return false;
    };
    let header = tar::Header::from_byte_slice(header);
    let Ok(told) = header.cksum() else {
        return false;
    };
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    // The field itself counts as eight blanks. Of a header of nothing but zeros the sum is that, too.
    told == sum(header.as_bytes()) - sum(&header.as_old().cksum) + 8 * 32 && bytes[0] != 0
}

/// Whether this is UTF-32 without a byte order mark: three zeros with each of the first characters.
fn is_utf32(start: &[u8]) -> bool {
    let units = start.as_chunks::<4>().0;
    let first = units.get(..4).unwrap_or_default();
    let is_plain = |unit: &[u8; 4]| matches!(unit, [1..=127, 0, 0, 0] | [0, 0, 0, 1..=127]);
    !first.is_empty() && first.iter().all(is_plain)
}

/// Units that show UTF-16 without a byte order mark, if two thirds of them are ASCII.
const PLAIN_UNITS: usize = 48;

/// UTF-16, by its byte order mark or by the first units: most are then ASCII, and so is the very first.
fn utf16(start: &[u8]) -> Option<Endian> {
    match start {
        [0xff, 0xfe, ..] => return Some(Endian::Little),
        [0xfe, 0xff, ..] => return Some(Endian::Big),
        _ => {}
    }
    let units = start.as_chunks::<2>().0;
    let first = units.get(..PLAIN_UNITS).unwrap_or(units);
    let is_text = |byte: u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    let shows = |is_plain: &dyn Fn(&[u8; 2]) -> bool| {
        let n_plain = first.iter().filter(|unit| is_plain(unit)).count();
        first.len() >= 2 && is_plain(&first[0]) && n_plain * 3 >= first.len() * 2
    };
    if shows(&|[low, high]| *high == 0 && is_text(*low)) {
        Some(Endian::Little)
    } else if shows(&|[high, low]| *high == 0 && is_text(*low)) {
        Some(Endian::Big)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar_header(magic: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_old();
        header.set_path("a.json").unwrap();
        header.as_mut_bytes()[257..257 + magic.len()].copy_from_slice(magic);
        header.set_size(0);
        header.set_cksum();
        header.as_bytes().to_vec()
    }

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        for (start, format) in [
            (&b""[..], Format::Plain),
            (b"{\"Records\":[]}", Format::Plain),
            (b"\xef\xbb\xbf{}", Format::Plain),
            (b"(", Format::Plain),
            (b"BZhello", Format::Plain),
            (b"\x1f", Format::Gzip),
            (b"\x1f\x8b\x08", Format::Gzip),
            (b"\x28\xb5", Format::Zstd),
            (b"\x28\xb5\x2f\xfd", Format::Zstd),
            (b"\x5a\x2a\x4d\x18", Format::Zstd),
            (b"BZh91AY&SY", Format::Bzip2),
            (b"BZh9\x17\x72\x45\x38\x50\x90", Format::Bzip2),
            (b"BZh9", Format::Bzip2),
            (b"\xfd7z", Format::Xz),
            (b"PK\x03\x04", Format::Zip),
            (b"7z\xbc\xaf\x27\x1c", Format::Unsupported("7-Zip")),
            (b"\xff\xfe{\0", Format::Utf16(Endian::Little)),
            (b"\xfe\xff\0{", Format::Utf16(Endian::Big)),
            (b"{\0\"\0R\0", Format::Utf16(Endian::Little)),
            (b"\0{\0\"\0R", Format::Utf16(Endian::Big)),
            (b"{\0", Format::Plain),
            (b"\x01\0b\0\x01\x02", Format::Plain),
            ("{\0\"\0".as_bytes(), Format::Utf16(Endian::Little)),
            (b"{\0\"\0\xe9\0a\0\"\0:\0", Format::Utf16(Endian::Little)),
            (b"x\x9c\xab\x56", Format::Unsupported("zlib")),
            (
                b"{\0\0\0\"\0\0\0a\0\0\0b\0\0\0",
                Format::Unsupported("UTF-32"),
            ),
            (
                b"\0\0\0{\0\0\0\"\0\0\0a\0\0\0b",
                Format::Unsupported("UTF-32"),
            ),
        ] {
            assert_eq!(sniff(start), format, "{start:?}");
        }
    }

    #[test]
    fn a_tar_is_told_by_its_checksum_whatever_its_magic() {
        for magic in [&b""[..], b"ustar\x0000", b"ustar  \0"] {
            let header = tar_header(magic);
            assert_eq!(sniff(&header), Format::Tar, "{magic:?}");
            let wrong = [&b"b"[..], &header[1..]].concat();
            assert_eq!(sniff(&wrong), Format::Plain, "{magic:?}");
        }
        assert_eq!(sniff(&[0; 512]), Format::Plain);
        assert_eq!(sniff(&[b'a'; 512]), Format::Plain);
    }
}

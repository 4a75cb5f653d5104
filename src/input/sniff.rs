//! Detects a file's format by its first bytes alone.

use memchr::memmem;

/// Number of bytes that [`sniff`] needs: one tar header.
pub(crate) const SNIFF_BYTES: usize = 512;

/// The format of a stored file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Plain text, or an unknown format, which is searched as it is.
    Plain,
    Gzip,
    Zstd,
    Bzip2,
    Xz,
    Utf16(Endian),
    /// The framing used when objects are uploaded.
    Chunked,
    Tar,
    Zip,
    Parquet,
    /// Encrypted: nothing can be read without a key.
    Encrypted(&'static str),
    /// A container or encoding that is not supported, by its name.
    Unsupported(&'static str),
}

/// Byte order of a UTF-16 unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endian {
    Little,
    Big,
}

pub(crate) const GZIP_MAGIC: &[u8] = b"\x1f\x8b";
pub(crate) const ZSTD_MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";
pub(crate) const BZIP2_MAGIC: &[u8] = b"BZh";
pub(crate) const XZ_MAGIC: &[u8] = b"\xfd7zXZ\0";

/// Reports whether a skippable zstd frame begins here: 0x184D2A50 to 0x184D2A5F, little-endian (RFC 8878,
/// 3.1.2).
pub(crate) fn is_zstd_skippable(bytes: &[u8]) -> bool {
    matches!(bytes, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// Reports whether a bzip2 stream begins here: its header, and the marker of a block or of the stream's end.
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

/// Magic bytes of supported formats.
const SUPPORTED: [(&[u8], Format); 8] = [
    (GZIP_MAGIC, Format::Gzip),
    (ZSTD_MAGIC, Format::Zstd),
    (XZ_MAGIC, Format::Xz),
    (b"PK\x03\x04", Format::Zip),
    (b"PK\x05\x06", Format::Zip),
    // A zip that was created as a split archive but was not split.
    (b"PK\x07\x08PK\x03\x04", Format::Zip),
    (b"PK00PK\x03\x04", Format::Zip),
    (b"PAR1", Format::Parquet),
];

/// Magic bytes of formats in which a byte search would not find text.
const UNSUPPORTED: [(&[u8], &str); 17] = [
    // Deflate with the headers that compressors write (RFC 1950, 2.2).
    (b"x\x01", "zlib"),
    (b"x\x9c", "zlib"),
    (b"x\xda", "zlib"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\xff\x06\0\0sNaPpY", "framed snappy"),
    (b"LZIP", "lzip"),
    (b"ORC", "ORC"),
    (b"Obj\x01", "Avro"),
    (b"ARROW1", "Arrow"),
    (b"\x1f\x9d", "compress"),
    (b"\x1f\xa0", "compress"),
    (b"\x5d\0\0", "lzma"),
    (b"SQLite format 3\0", "SQLite"),
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
];

/// Magic bytes of encrypted formats.
const ENCRYPTED: [(&[u8], &str); 5] = [
    (b"PARE", "Parquet with an encrypted footer"),
    (b"-----BEGIN PGP MESSAGE", "encrypted with OpenPGP"),
    (b"age-encryption.org/", "encrypted with age"),
    (b"-----BEGIN AGE ENCRYPTED", "encrypted with age"),
    (b"Salted__", "encrypted with OpenSSL"),
];

/// Detects the format from a file's first bytes, ideally [`SNIFF_BYTES`] of them.
pub(crate) fn sniff(start: &[u8]) -> Format {
    // A file cut off inside its magic is reported as cut off. (One byte of the zstd magic is a parenthesis.)
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
    // Nearly all text. No magic and no length of a chunk begins with a bracket.
    if matches!(start, [b'{' | b'[', next, ..] if *next != 0) {
        return utf16(start).map_or(Format::Plain, Format::Utf16);
    }
    let mut unsupported = UNSUPPORTED.iter();
    if let Some((_, name)) = unsupported.find(|(magic, _)| start.starts_with(magic)) {
        return Format::Unsupported(name);
    }
    let mut encrypted = ENCRYPTED.iter();
    if let Some((_, name)) = encrypted.find(|(magic, _)| start.starts_with(magic)) {
        return Format::Encrypted(name);
    }
    if is_chunked(start) {
        return Format::Chunked;
    }
    if is_utf32(start) {
        return Format::Unsupported("UTF-32");
    }
    utf16(start).map_or(Format::Plain, Format::Utf16)
}

/// Reports whether a tar header begins here, by its checksum, which tars without a magic also have.
pub(crate) fn is_tar_header(bytes: &[u8]) -> bool {
    let Some(header) = bytes.first_chunk::<512>() else {
        return false;
    };
    // Nearly all other bytes end here, before an error is made of them.
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let mut field = header[148..156].iter().skip_while(|byte| is_blank(byte));
    if !matches!(field.next(), Some(b'0'..=b'7' | b'+')) {
        return false;
    }
    let header = tar::Header::from_byte_slice(header);
    let Ok(told) = header.cksum() else {
        return false;
    };
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    // The checksum field itself counts as eight spaces. A header of only zeros has that sum too.
    told == sum(header.as_bytes()) - sum(&header.as_old().cksum) + 8 * 32 && bytes[0] != 0
}

/// Header of a chunk of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChunkHead {
    /// Number of content bytes after it.
    pub(crate) length: u64,
    /// Length of the header itself, in bytes.
    pub(crate) n_bytes: usize,
    is_signed: bool,
}

/// Number of bytes that [`chunk_head`] looks at.
pub(crate) const CHUNK_HEAD_BYTES: usize = 512;

/// Returns the chunk header at the start of these bytes: a length in hexadecimal, in most forms a signature,
/// and a line end.
pub(crate) fn chunk_head(bytes: &[u8]) -> Option<ChunkHead> {
    let near = &bytes[..bytes.len().min(CHUNK_HEAD_BYTES)];
    let line = &near[..memmem::find(near, b"\r\n")?];
    let n_digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let (digits, extension) = line.split_at(n_digits);
    let is_signed = extension.starts_with(b";chunk-signature=");
    let is_head = extension.is_empty() || is_signed;
    let length = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16);
    let length = length.ok().filter(|_| is_head)?;
    Some(ChunkHead {
        length,
        n_bytes: line.len() + 2,
        is_signed,
    })
}

/// Reports whether a chunk of an upload begins here: by its signature, by the next chunk's header after it,
/// or by the first bytes of its content.
fn is_chunked(start: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 9] = [
        b"{",
        b"[",
        b"PK\x03\x04",
        b"BZh",
        b"PAR1",
        GZIP_MAGIC,
        ZSTD_MAGIC,
        XZ_MAGIC,
        b"\xef\xbb\xbf{",
    ];
    let Some(head) = chunk_head(start).filter(|head| head.length > 0) else {
        return false;
    };
    let content = &start[head.n_bytes..];
    let next = usize::try_from(head.length).map_or(&[][..], |n| content.get(n..).unwrap_or(&[]));
    match next.strip_prefix(b"\r\n") {
        _ if head.is_signed => true,
        Some(next) => chunk_head(next).is_some(),
        None => next.is_empty() && BEGINNINGS.iter().any(|magic| content.starts_with(magic)),
    }
}

/// Reports whether this is UTF-32 without a byte order mark: each of the first characters comes with three
/// zeros.
fn is_utf32(start: &[u8]) -> bool {
    let units = start.as_chunks::<4>().0;
    let first = units.get(..4).unwrap_or_default();
    let is_plain = |unit: &[u8; 4]| matches!(unit, [1..=127, 0, 0, 0] | [0, 0, 0, 1..=127]);
    !first.is_empty() && first.iter().all(is_plain)
}

/// Number of units examined. If two thirds of them are ASCII, they show UTF-16 without a byte order mark.
const PLAIN_UNITS: usize = 48;
/// Minimum number of ASCII units, next to others, that shows UTF-16 if all units are characters of a text.
const PLAIN_LEAST: usize = 3;

/// Detects UTF-16, by its byte order mark or by its first units. Without a mark the very first unit must be
/// ASCII, and either most of the first units are ASCII, or all units are characters of a text and some of
/// them ASCII.
fn utf16(start: &[u8]) -> Option<Endian> {
    match start {
        [0xff, 0xfe, ..] => return Some(Endian::Little),
        [0xfe, 0xff, ..] => return Some(Endian::Big),
        // True of nearly all texts.
        _ if !start.contains(&0) => return None,
        _ => {}
    }
    let units = start.as_chunks::<2>().0;
    [Endian::Little, Endian::Big].into_iter().find(|endian| {
        let units = units.iter().map(|unit| match endian {
            Endian::Little => u16::from_le_bytes(*unit),
            Endian::Big => u16::from_be_bytes(*unit),
        });
        let units: Vec<u16> = units.collect();
        let first = units.get(..PLAIN_UNITS).unwrap_or(&units);
        let n_plain = first.iter().filter(|unit| is_plain(**unit)).count();
        let is_begun = first.len() >= 2 && is_plain(first[0]);
        is_begun && (n_plain * 3 >= first.len() * 2 || is_text(&units))
    })
}

/// Reports whether a unit is an ASCII character that occurs in text.
fn is_plain(unit: u16) -> bool {
    u8::try_from(unit).is_ok_and(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
}

/// Reports whether these units are text in any language: some are ASCII, and all are characters in use.
fn is_text(units: &[u16]) -> bool {
    // The last unit may be half a surrogate pair.
    let characters = char::decode_utf16(units.iter().copied());
    let is_used = |character: &Result<char, _>| {
        matches!(
            character,
            Ok(
                '\t'
                | '\n'
                | '\r'
                | '\u{20}'..='\u{7e}'
                | '\u{a0}'..='\u{6ff}'
                | '\u{900}'..='\u{e7f}'
                | '\u{1e00}'..='\u{26ff}'
                | '\u{3000}'..='\u{318f}'
                | '\u{4e00}'..='\u{9fff}'
                | '\u{ac00}'..='\u{d7a3}'
                | '\u{ff00}'..='\u{ffef}'
                | '\u{1f000}'..='\u{1faff}'
                | '\u{20000}'..='\u{3ffff}',
            )
        )
    };
    let n_used = characters.clone().filter(is_used).count();
    let n_all = characters.count();
    let n_plain = units.iter().filter(|unit| is_plain(**unit)).count();
    n_plain >= PLAIN_LEAST && n_used + 1 >= n_all
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
    fn no_magic_begins_as_json_does() {
        let magics = SUPPORTED.iter().map(|(magic, _)| *magic);
        let magics = magics.chain(UNSUPPORTED.iter().map(|(magic, _)| *magic));
        for magic in magics.chain(ENCRYPTED.iter().map(|(magic, _)| *magic)) {
            assert!(!matches!(magic[0], b'{' | b'['), "{magic:?}");
        }
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

//! Containers and codings, written and read by other libraries than the program's own code.

use std::io::{Cursor, Read as _, Write as _};

use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use crate::lake::{gzip, zstd};

/// A way in which bytes are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Zstd,
    Bzip2,
    Xz,
    /// Beside other files, a folder and a link.
    Tar,
    ZipStored,
    ZipDeflated,
    ZipBzip2,
    ZipZstd,
    /// Written to a pipe: lengths stand behind the entries.
    ZipStreamed,
}

pub(crate) const PACKINGS: [Packing; 10] = [
    Packing::Gzip,
    Packing::Zstd,
    Packing::Bzip2,
    Packing::Xz,
    Packing::Tar,
    Packing::ZipStored,
    Packing::ZipDeflated,
    Packing::ZipBzip2,
    Packing::ZipZstd,
    Packing::ZipStreamed,
];

/// What a log is called in an archive. Longer than tar's own field, so that an extension holds it.
pub(crate) fn entry_name() -> String {
    format!("AWSLogs/{}/log.json", "deep/".repeat(30))
}

impl Packing {
    /// Stores these bytes.
    pub(crate) fn pack(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Gzip => gzip(bytes),
            Self::Zstd => zstd(bytes),
            Self::Bzip2 => bzip2(bytes),
            Self::Xz => xz(bytes),
            Self::Tar => tar(&[
                ("README", b"\"no events here\"\n"),
                (&entry_name(), bytes),
                ("empty", b""),
                ("last.json", b"[]"),
            ]),
            Self::ZipStored => zip(CompressionMethod::Stored, bytes),
            Self::ZipDeflated => zip(CompressionMethod::Deflated, bytes),
            Self::ZipBzip2 => zip(CompressionMethod::Bzip2, bytes),
            Self::ZipZstd => zip(CompressionMethod::Zstd, bytes),
            Self::ZipStreamed => {
                let mut writer = zip::ZipWriter::new_stream(Vec::new());
                write_entries(&mut writer, CompressionMethod::Deflated, bytes);
                writer.finish().unwrap().into_inner()
            }
        }
    }
}

pub(crate) fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let level = bzip2::Compression::fast();
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A tar with a folder and a link before the files.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let header = |kind| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_mode(0o755);
        header
    };
    let mut folder = header(tar::EntryType::Directory);
    builder
        .append_data(&mut folder, "AWSLogs/", &b""[..])
        .unwrap();
    let mut link = header(tar::EntryType::Symlink);
    builder.append_link(&mut link, "link", "AWSLogs/").unwrap();
    for (name, bytes) in files {
        let mut file = header(tar::EntryType::Regular);
        file.set_size(bytes.len() as u64);
        builder.append_data(&mut file, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn zip(method: CompressionMethod, bytes: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    write_entries(&mut writer, method, bytes);
    writer.finish().unwrap().into_inner()
}

fn write_entries<W: std::io::Write + std::io::Seek>(
    writer: &mut zip::ZipWriter<W>,
    method: CompressionMethod,
    bytes: &[u8],
) {
    let options = SimpleFileOptions::default().compression_method(method);
    writer.add_directory("AWSLogs/", options).unwrap();
    let files: [(&str, &[u8]); 3] = [
        ("README", b"\"no events here\"\n"),
        (&entry_name(), bytes),
        ("empty", b""),
    ];
    for (name, bytes) in files {
        writer.start_file(name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
}

/// All texts in what is stored, each with what it is called inside, by other decoders.
pub(crate) fn texts(stored: &[u8]) -> Vec<(Option<String>, Vec<u8>)> {
    let mut all = Vec::new();
    unpack(None, stored, &mut all);
    all
}

fn unpack(name: Option<&str>, stored: &[u8], all: &mut Vec<(Option<String>, Vec<u8>)>) {
    let mut decoded = Vec::new();
    let join = |entry: &str| match name {
        Some(name) => format!("{name}!{entry}"),
        None => entry.to_owned(),
    };
    if stored.starts_with(b"\x1f\x8b") {
        let mut decoder = flate2::read::MultiGzDecoder::new(stored);
        decoder.read_to_end(&mut decoded).unwrap();
    } else if stored.starts_with(b"\x28\xb5\x2f\xfd") {
        decoded = zstd::decode_all(stored).unwrap();
    } else if stored.starts_with(b"BZh") {
        let mut decoder = bzip2::read::MultiBzDecoder::new(stored);
        decoder.read_to_end(&mut decoded).unwrap();
    } else if stored.starts_with(b"\xfd7zXZ\0") {
        let mut decoder = liblzma::read::XzDecoder::new_multi_decoder(stored);
        decoder.read_to_end(&mut decoded).unwrap();
    } else if stored.starts_with(b"PK") {
        let mut archive = zip::ZipArchive::new(Cursor::new(stored)).unwrap();
        for i in 0..archive.len() {
            let mut entry = archive.by_index(i).unwrap();
            if entry.is_file() {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                let path = entry.name().unwrap().into_owned();
                unpack(Some(&join(&path)), &bytes, all);
            }
        }
        return;
    } else if stored.get(257..262) == Some(b"ustar") {
        for entry in tar::Archive::new(stored).entries().unwrap() {
            let mut entry = entry.unwrap();
            if entry.header().entry_type().is_file() {
                let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                unpack(Some(&join(&path)), &bytes, all);
            }
        }
        return;
    } else {
        let text = match stored {
            [0xff, 0xfe, units @ ..] => utf16(units, u16::from_le_bytes),
            [0xfe, 0xff, units @ ..] => utf16(units, u16::from_be_bytes),
            bytes => bytes.to_vec(),
        };
        all.push((name.map(str::to_owned), text));
        return;
    }
    unpack(name, &decoded, all);
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Vec<u8> {
    let units = bytes.chunks(2).map(|pair| unit(pair.try_into().unwrap()));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    text.unwrap().into_bytes()
}

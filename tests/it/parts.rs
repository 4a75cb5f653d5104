//! Archives as few programs write them: with something before or behind them, with holes, in parts.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::time::Instant;

use proptest::collection::vec;
use proptest::prelude::*;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use crate::lake::{Hunt, Lake, attach, delivery, gzip, other};
use crate::packing::{Packing, tar};

/// The same bytes as a file, in a tar, in gzip, and through a pipe.
fn hunts(stored: &[u8]) -> Vec<Hunt> {
    let mut hunts: Vec<Hunt> = [
        stored.to_vec(),
        gzip(stored),
        tar(&[("a", stored)]),
        gzip(&tar(&[("a", stored)])),
    ]
    .iter()
    .map(|stored| Lake::new().file("a", stored).hunt(&[]))
    .collect();
    hunts.push(piped(stored));
    hunts
}

fn piped(stored: &[u8]) -> Hunt {
    let lake = Lake::new();
    fs::write(lake.beside("stored"), stored).unwrap();
    let mut cat = std::process::Command::new("cat")
        .arg(lake.beside("stored"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let output = lake
        .command(&["-"])
        .stdin(cat.stdout.take().unwrap())
        .output()
        .unwrap();
    cat.wait().unwrap();
    lake.hunted(output)
}

/// A zip of these files as a writer makes it that cannot go back: lengths stand behind the entries.
fn streamed_zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new_stream(Vec::new());
    for (name, bytes) in files {
        writer
            .start_file(name.as_str(), SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A zip with one stored entry whose lengths stand behind it, as the directory tells, and a comment.
fn stored_zip(content: &[u8], comment: &[u8]) -> Vec<u8> {
    let crc = crc32fast::hash(content).to_le_bytes();
    let n = u32::try_from(content.len()).unwrap().to_le_bytes();
    let mut all = b"PK\x03\x04\x14\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0a".to_vec();
    all.extend_from_slice(content);
    all.extend_from_slice(&[&b"PK\x07\x08"[..], &crc, &n, &n].concat());
    let start = u32::try_from(all.len()).unwrap();
    all.extend_from_slice(b"PK\x01\x02\x14\0\x14\0\x08\0\0\0\0\0\0\0");
    all.extend_from_slice(&[crc, n, n].concat());
    all.extend_from_slice(b"\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0a");
    let n_directory = u32::try_from(all.len()).unwrap() - start;
    all.extend_from_slice(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    all.extend_from_slice(&[n_directory.to_le_bytes(), start.to_le_bytes()].concat());
    all.extend_from_slice(&u16::try_from(comment.len()).unwrap().to_le_bytes());
    all.extend_from_slice(comment);
    all
}

#[test]
fn a_comment_may_hold_what_ends_a_zip() {
    let text = delivery(&[other("1"), attach("2")]);
    let plain = stored_zip(text.as_bytes(), b"");
    let end = &plain[plain.len() - 22..];
    for comment in [
        b"PK\x05\x06".to_vec(),
        end.to_vec(),
        [end, &[0; 40]].concat(),
        [&[b'x'; 300], end].concat(),
        b"PK\x05\x06".repeat(1000),
    ] {
        let zip = stored_zip(text.as_bytes(), &comment);
        Lake::new().file("a", &zip).hunt(&[]).exits(0).finds(&["2"]);
        let stub = [&b"#!/bin/sh\nexit\n"[..], &zip].concat();
        Lake::new().file("a", stub).hunt(&[]).exits(0).finds(&["2"]);
    }
}

#[test]
fn a_zip_behind_a_stub_is_read_by_its_directory() {
    let text = delivery(&[other("1"), attach("2")]);
    let zip = stored_zip(text.as_bytes(), b"");
    for stub in [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\n\r\n".to_vec(),
        b"x".repeat(5000),
        [&b"\x7fELF\x02\x01\x01"[..], &[3, 0, 1, 200].repeat(900)].concat(),
        zip.clone(),
    ] {
        let all = [&stub[..], &zip].concat();
        for stored in [all.clone(), tar(&[("a", &all)])] {
            let hunt = Lake::new().file("a", stored).hunt(&[]);
            assert_eq!(
                hunt.alerts.last().unwrap()["event_id"],
                "2",
                "{}",
                hunt.stderr
            );
        }
    }
}

#[test]
fn the_last_part_of_a_split_zip_is_told_and_all_parts_together_are_read() {
    let files: Vec<(String, Vec<u8>)> = (0..40)
        .map(|n| (format!("{n}.json"), attach(&n.to_string()).into_bytes()))
        .collect();
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in &files {
        writer.start_file(name.as_str(), options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    let mut zip = writer.finish().unwrap().into_inner();
    let end = zip.len() - 22;
    zip[end + 4..end + 8].copy_from_slice(&[2, 0, 2, 0]);
    for from in [10_000, zip.len() - 3000] {
        Lake::new()
            .file("last.zip", &zip[from..])
            .hunt(&[])
            .exits(3)
            .says("split archive");
    }
    let all = [b"PK\x07\x08", &zip[..]].concat();
    let hunt = Lake::new().file("all.zip", all).hunt(&[]).exits(0);
    assert_eq!(hunt.alerts.len(), 40);
}

/// A file with holes: what is stored of it, and where that belongs.
struct Holed {
    parts: Vec<(usize, Vec<u8>)>,
    n_bytes: usize,
}

impl Holed {
    fn new(parts: &[(usize, Vec<u8>)], n_behind: usize) -> Self {
        let mut at = 0;
        let parts = parts.iter().map(|(hole, bytes)| {
            let start = at + hole;
            at = start + bytes.len();
            (start, bytes.clone())
        });
        let parts = parts.collect();
        Self {
            parts,
            n_bytes: at + n_behind,
        }
    }

    fn stored(&self) -> Vec<u8> {
        self.parts
            .iter()
            .flat_map(|(_, bytes)| bytes.clone())
            .collect()
    }

    fn whole(&self) -> Vec<u8> {
        let mut all = vec![0; self.n_bytes];
        for (at, bytes) in &self.parts {
            all[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        all
    }
}

fn header(kind: u8, n: usize) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_path("a").unwrap();
    header.set_mode(0o644);
    header.set_size(n as u64);
    header.set_entry_type(tar::EntryType::new(kind));
    header
}

fn blocks(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// An archive of the file in GNU tar's old form, and a plain log behind it.
fn old_sparse(file: &Holed) -> Vec<u8> {
    let stored = file.stored();
    let mut map: Vec<u8> = Vec::new();
    for (at, bytes) in &file.parts {
        map.extend(format!("{at:011o}\0{:011o}\0", bytes.len()).into_bytes());
    }
    let mut head = header(b'S', stored.len());
    let (first, rest) = map.split_at(map.len().min(96));
    let bytes = head.as_mut_bytes();
    bytes[386..386 + first.len()].copy_from_slice(first);
    bytes[482] = u8::from(!rest.is_empty());
    bytes[483..495].copy_from_slice(format!("{:011o}\0", file.n_bytes).as_bytes());
    head.set_cksum();
    let mut all = head.as_bytes().to_vec();
    let extensions: Vec<&[u8]> = rest.chunks(504).collect();
    for (n, extension) in extensions.iter().enumerate() {
        let mut block = extension.to_vec();
        block.resize(504, 0);
        block.push(u8::from(n + 1 < extensions.len()));
        all.extend(blocks(block));
    }
    closed(all, stored)
}

fn closed(mut all: Vec<u8>, stored: Vec<u8>) -> Vec<u8> {
    all.extend(blocks(stored));
    let log = attach("behind");
    let mut head = header(b'0', log.len());
    head.set_cksum();
    all.extend_from_slice(head.as_bytes());
    all.extend(blocks(log.into_bytes()));
    all.extend([0; 1024]);
    all
}

/// The same in pax's forms.
fn pax_sparse(file: &Holed, kind: &str) -> Vec<u8> {
    let mut fields = String::new();
    let mut field = |key: &str, value: &str| {
        let n = key.len() + value.len() + 3;
        let n = (1..5)
            .find(|digits| (n + digits).to_string().len() == *digits)
            .unwrap()
            + n;
        writeln!(fields, "{n} {key}={value}").unwrap();
    };
    let (mut stored, mut map) = (file.stored(), Vec::new());
    match kind {
        "0.0" => {
            field("GNU.sparse.size", &file.n_bytes.to_string());
            for (at, bytes) in &file.parts {
                field("GNU.sparse.offset", &at.to_string());
                field("GNU.sparse.numbytes", &bytes.len().to_string());
            }
        }
        "0.1" => {
            field("GNU.sparse.size", &file.n_bytes.to_string());
            field("GNU.sparse.name", "a");
            let parts = file
                .parts
                .iter()
                .map(|(at, bytes)| format!("{at},{}", bytes.len()));
            field("GNU.sparse.map", &parts.collect::<Vec<_>>().join(","));
        }
        _ => {
            field("GNU.sparse.major", "1");
            field("GNU.sparse.minor", "0");
            field("GNU.sparse.name", "a");
            field("GNU.sparse.realsize", &file.n_bytes.to_string());
            let mut text = format!("{}\n", file.parts.len());
            for (at, bytes) in &file.parts {
                write!(text, "{at}\n{}\n", bytes.len()).unwrap();
            }
            map = blocks(text.into_bytes());
        }
    }
    map.append(&mut stored);
    let fields = fields.into_bytes();
    let mut head = header(b'x', fields.len());
    head.set_cksum();
    let mut all = head.as_bytes().to_vec();
    all.extend(blocks(fields));
    let mut head = header(b'0', map.len());
    head.set_cksum();
    all.extend_from_slice(head.as_bytes());
    closed(all, map)
}

/// Asserts that in each form the file is what it was, by what is found in it and where.
fn is_read_as_it_was(file: &Holed) {
    let expected = Lake::new()
        .file("a", tar(&[("a", &file.whole())]))
        .hunt(&[]);
    let what = |hunt: &Hunt| -> Vec<(serde_json::Value, serde_json::Value)> {
        let rows = hunt.alerts.iter();
        rows.map(|row| (row["event_id"].clone(), row["log_offset"].clone()))
            .collect()
    };
    let behind = (
        serde_json::Value::from("behind"),
        serde_json::Value::from(0),
    );
    for stored in [
        old_sparse(file),
        pax_sparse(file, "0.0"),
        pax_sparse(file, "0.1"),
        pax_sparse(file, "1.0"),
    ] {
        for hunt in hunts(&stored) {
            let mut found = what(&hunt);
            assert_eq!(found.pop().as_ref(), Some(&behind), "{}", hunt.stderr);
            assert_eq!(found, what(&expected), "{}", hunt.stderr);
            assert_eq!(hunt.exit, expected.exit, "{}", hunt.stderr);
        }
    }
}

#[test]
fn a_file_with_holes_is_read_as_it_was() {
    let line = |n: usize| format!("{}\n", attach(&n.to_string())).into_bytes();
    for n in [1, 2, 4, 5, 25, 26, 60] {
        let parts: Vec<_> = (0..n).map(|n| (n * 512 % 4096, line(n))).collect();
        is_read_as_it_was(&Holed::new(&parts, 0));
        is_read_as_it_was(&Holed::new(&parts, 10_000));
    }
    // Zeros may be a part of what is compressed.
    let packed = gzip(&[attach("1").as_bytes(), &[0; 100]].concat());
    let parts = [(0, packed.clone()), (1024, packed)];
    is_read_as_it_was(&Holed::new(&parts, 0));
}

#[test]
fn a_hole_of_any_size_takes_no_time() {
    let parts = [(1 << 50, attach("1").into_bytes())];
    let file = Holed {
        parts: parts.to_vec(),
        n_bytes: 1 << 51,
    };
    let hunt = Lake::new().file("a", pax_sparse(&file, "1.0")).hunt(&[]);
    hunt.exits(0).finds(&["1", "behind"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn files_with_any_holes_are_read_as_they_were(
        holes in vec((0_usize..3000, 1_usize..3), 1..40),
        n_behind in 0_usize..3000,
    ) {
        let line = |n: usize| format!("{}\n", attach(&n.to_string()));
        let parts: Vec<_> = holes
            .iter()
            .enumerate()
            .map(|(n, (hole, times))| (*hole, line(n).repeat(*times).into_bytes()))
            .collect();
        is_read_as_it_was(&Holed::new(&parts, n_behind));
    }
}

#[test]
fn entries_of_a_zip_through_a_pipe_take_time_by_their_number_alone() {
    let zip = |n: usize| {
        let files = (0..n).map(|n| (format!("{n}.json"), other(&n.to_string()).into_bytes()));
        streamed_zip(
            &files
                .chain([("last".to_owned(), attach("1").into_bytes())])
                .collect::<Vec<_>>(),
        )
    };
    let time = |zip: &[u8]| {
        let start = Instant::now();
        piped(zip).exits(0).finds(&["1"]);
        start.elapsed()
    };
    let (few, many) = (zip(1000), zip(16_000));
    let (few, many) = (time(&few), time(&many));
    println!("{few:?} for 1,000, {many:?} for 16,000");
    assert!(
        many < few * 40 + std::time::Duration::from_secs(2),
        "{few:?}, {many:?}"
    );
}

#[test]
fn parts_of_a_packed_archive_are_each_told() {
    let files: Vec<(String, Vec<u8>)> = (0..300)
        .map(|n| (format!("{n}.json"), attach(&n.to_string()).into_bytes()))
        .collect();
    let named: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), &bytes[..]))
        .collect();
    let packed = Packing::Gzip.pack(&tar(&named));
    let third = packed.len() / 3;
    let hunt = Lake::new()
        .file("a.tar.gz-aa", &packed[..third])
        .file("a.tar.gz-ab", &packed[third..2 * third])
        .file("a.tar.gz-ac", &packed[2 * third..])
        .hunt(&[])
        .exits(3);
    for part in ["aa", "ab", "ac"] {
        hunt.stderr
            .lines()
            .find(|line| line.contains(&format!("a.tar.gz-{part}")))
            .unwrap();
    }
}

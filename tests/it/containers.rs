//! Archives in files, in one another, large and damaged: every log in them is read, under its path inside.

use crate::lake::{Hunt, Lake, attach, delivery, gzip, other, zstd};
use crate::packing::{PACKINGS, Packing, bzip2, entry_name, tar, xz};

/// The path inside of each alert.
fn members(hunt: &Hunt) -> Vec<Option<&str>> {
    let members = hunt.alerts.iter();
    members.map(|row| row["log_file_member"].as_str()).collect()
}

#[test]
fn every_container_is_read_whatever_it_is_called() {
    for packing in PACKINGS {
        let hunt = Lake::new()
            .file("a.log", packing.pack(delivery(&[attach("1")]).as_bytes()))
            .hunt(&[])
            .exits(0)
            .finds(&["1"]);
        let name = entry_name();
        let is_archive = !matches!(
            packing,
            Packing::Gzip | Packing::Zstd | Packing::Bzip2 | Packing::Xz
        );
        assert_eq!(
            members(&hunt),
            [is_archive.then_some(&*name)],
            "{packing:?}"
        );
    }
}

#[test]
fn deliveries_in_a_tar_give_the_path_and_the_offset_of_each_alert() {
    let first = delivery(&[other("1"), attach("2")]);
    let tree = tar(&[
        ("AWSLogs/a.json.gz", &gzip(first.as_bytes())),
        ("AWSLogs/b.json.zst", &zstd(attach("3").as_bytes())),
        ("AWSLogs/notes.txt", b"nothing of note"),
    ]);
    for stored in [
        tree.clone(),
        gzip(&tree),
        zstd(&tree),
        bzip2(&tree),
        xz(&tree),
    ] {
        let hunt = Lake::new()
            .file("tree", stored)
            .hunt(&[])
            .exits(0)
            .finds(&["2", "3"]);
        assert_eq!(
            members(&hunt),
            [Some("AWSLogs/a.json.gz"), Some("AWSLogs/b.json.zst")]
        );
        let offset = first.find(&attach("2")).unwrap();
        assert_eq!(hunt.alerts[0]["log_offset"], offset);
        assert_eq!(hunt.alerts[0]["log_file_path"], "logs/tree");
        assert_ne!(hunt.alerts[0]["alert_id"], hunt.alerts[1]["alert_id"]);
    }
}

#[test]
fn an_archive_in_an_archive_joins_the_paths() {
    let inner = tar(&[("x/y.json.gz", &gzip(attach("1").as_bytes()))]);
    let outer = Packing::ZipDeflated.pack(&gzip(&inner));
    let hunt = Lake::new()
        .file("a.zip", outer)
        .hunt(&[])
        .exits(0)
        .finds(&["1"]);
    let expected = format!("{}!x/y.json.gz", entry_name());
    assert_eq!(members(&hunt), [Some(&*expected)]);
}

#[test]
fn containers_deeper_than_the_limit_are_told() {
    let pack = |n: usize| (0..n).fold(attach("1").into_bytes(), |bytes, _| gzip(&bytes));
    Lake::new()
        .file("a", pack(8))
        .hunt(&[])
        .exits(0)
        .finds(&["1"]);
    Lake::new()
        .file("a", pack(10))
        .hunt(&[])
        .exits(3)
        .finds(&[])
        .tells(&["nested_too_deep", "no_events"]);
}

#[test]
fn a_damaged_entry_costs_only_itself() {
    let mut bad = gzip(delivery(&[attach("2"), attach("x")]).as_bytes());
    let middle = bad.len() / 2;
    bad[middle] ^= 0xff;
    let tree = tar(&[
        ("a.json.gz", &gzip(attach("1").as_bytes())),
        ("b.json.gz", &bad),
        ("c.json.gz", &gzip(attach("3").as_bytes())),
    ]);
    let hunt = Lake::new().file("tree.tar", tree).hunt(&[]).exits(3);
    let ids: Vec<_> = hunt
        .alerts
        .iter()
        .map(|row| row["event_id"].as_str().unwrap())
        .collect();
    assert_eq!((ids.first(), ids.last()), (Some(&"1"), Some(&"3")));
    assert_eq!(hunt.report["diagnostics"][0]["member"], "b.json.gz");
    hunt.says("tree.tar!b.json.gz@");
}

#[test]
fn behind_a_damaged_header_of_a_tar_the_next_entry_is_read() {
    let mut tree = tar(&[
        ("a.json", attach("1").as_bytes()),
        ("b.json", attach("2").as_bytes()),
        ("c.json", attach("3").as_bytes()),
    ]);
    let at = memchr::memmem::find(&tree, b"b.json").unwrap();
    tree[at] = b'x';
    Lake::new()
        .file("tree.tar", &tree)
        .hunt(&[])
        .exits(3)
        .finds(&["1", "3"])
        .tells(&["corrupt_stream"]);
    // A tar that is cut off between two entries may have had more.
    let whole = tar(&[("a", attach("1").as_bytes()), ("b", b"")]);
    Lake::new()
        .file("cut.tar", &whole[..whole.len() - 1024 - 512])
        .hunt(&[])
        .exits(3)
        .finds(&["1"])
        .tells(&["truncated"]);
    // A tar behind the end of another one.
    let two = [
        tar(&[("a", attach("1").as_bytes())]),
        tar(&[("b", attach("2").as_bytes())]),
    ];
    Lake::new()
        .file("two.tar", two.concat())
        .hunt(&[])
        .exits(0)
        .finds(&["1", "2"]);
}

#[test]
fn a_zip_without_its_directory_is_read_entry_by_entry() {
    let whole = Packing::ZipStreamed.pack(attach("1").as_bytes());
    let directory = memchr::memmem::find(&whole, b"PK\x01\x02").unwrap();
    Lake::new()
        .file("a.zip", &whole[..directory])
        .hunt(&[])
        .exits(3)
        .finds(&["1"])
        .tells(&["truncated"])
        .says("without its directory");
    let entry = memchr::memmem::find(&whole, entry_name().as_bytes()).unwrap();
    Lake::new()
        .file("a.zip", &whole[..entry + entry_name().len() + 100])
        .hunt(&[])
        .exits(3)
        .tells(&["truncated", "truncated", "no_events"]);
    // Something before it, as in an archive that extracts itself, and something behind it.
    let padded = [
        &whole[..],
        b"junk",
        &Packing::ZipStored.pack(attach("2").as_bytes()),
    ]
    .concat();
    Lake::new()
        .file("a.zip", padded)
        .hunt(&[])
        .exits(3)
        .finds(&["1", "2"])
        .tells(&["trailing_bytes"]);
}

#[test]
fn a_wrong_checksum_in_a_zip_is_told_and_the_alert_is_given() {
    for packing in [Packing::ZipStored, Packing::ZipDeflated, Packing::ZipZstd] {
        let mut stored = packing.pack(attach("1").as_bytes());
        let name = memchr::memmem::find(&stored, entry_name().as_bytes()).unwrap();
        // The checksum stands 14 bytes into the header, whose path stands 30 bytes into it.
        stored[name - 16] ^= 1;
        Lake::new()
            .file("a.zip", stored)
            .hunt(&[])
            .exits(3)
            .finds(&["1"])
            .tells(&["checksum"]);
    }
}

#[test]
fn an_encrypted_entry_is_told_and_the_others_are_read() {
    let mut stored = Packing::ZipStored.pack(attach("1").as_bytes());
    let readme = memchr::memmem::find(&stored, b"README").unwrap();
    // The flags stand 6 bytes into the header.
    stored[readme - 24] |= 1;
    Lake::new()
        .file("a.zip", stored)
        .hunt(&[])
        .exits(3)
        .finds(&["1"])
        .tells(&["encrypted"])
        .says("README");
}

#[test]
fn a_large_log_in_an_archive_is_cut_like_a_file() {
    let records: Vec<String> = (0..12_000).map(|i| attach(&format!("{i:05}"))).collect();
    let ids: Vec<String> = (0..12_000).map(|i| format!("{i:05}")).collect();
    let text = records.join("\n");
    let members: Vec<u8> = records
        .chunks(500)
        .flat_map(|r| gzip(r.join("\n").as_bytes()))
        .collect();
    for (name, bytes) in [("plain", text.into_bytes()), ("members", members)] {
        let tree = tar(&[("big", &bytes), ("small", attach("last").as_bytes())]);
        for stored in [tree.clone(), zstd(&tree)] {
            let hunt = Lake::new()
                .file("tree", stored)
                .hunt(&["--threads", "3"])
                .exits(0);
            let found = hunt
                .alerts
                .iter()
                .map(|row| row["event_id"].as_str().unwrap());
            let expected = ids.iter().map(String::as_str).chain(["last"]);
            assert!(found.eq(expected), "{name}");
        }
    }
}

#[test]
fn a_million_entries_and_hostile_names_take_bounded_memory() {
    let mut stored = Vec::new();
    let mut header = tar::Header::new_old();
    let hostile = b"../../etc/\x1b[31mpasswd\n\xff";
    header.as_mut_bytes()[..hostile.len()].copy_from_slice(hostile);
    header.set_size(0);
    header.set_cksum();
    for _ in 0..200_000 {
        stored.extend_from_slice(header.as_bytes());
    }
    stored.extend(tar(&[("\u{1b}[2Jx", attach("1").as_bytes())]));
    let hunt = Lake::new()
        .file("a", gzip(&stored))
        .hunt(&[])
        .exits(0)
        .finds(&["1"]);
    assert!(!hunt.stderr.contains('\u{1b}'), "{}", hunt.stderr);
    assert_eq!(hunt.alerts[0]["log_file_member"], "\u{1b}[2Jx");
}

#[test]
fn more_text_than_is_allowed_is_told_and_not_read() {
    let padding = " ".repeat(3_000_000);
    let text = format!("{}\n{padding}{}", attach("1"), attach("2"));
    let nested = gzip(&tar(&[("a", text.as_bytes())]));
    for stored in [gzip(text.as_bytes()), nested] {
        let lake = Lake::new().file("a.gz", &stored);
        lake.hunt(&["--max-decoded", "4MB"])
            .exits(0)
            .finds(&["1", "2"]);
        let hunt = lake.hunt(&["--max-decoded", "1MiB"]).exits(3);
        assert_eq!(hunt.report["diagnostics_by_code"]["decoded_limit"], 1);
    }
    // What is stored as it is was decoded by nobody.
    Lake::new()
        .file("a", text)
        .hunt(&["--max-decoded", "1KB"])
        .exits(0)
        .finds(&["1", "2"]);
    let hunt = Lake::new().file("a", "").hunt(&["--max-decoded", "many"]);
    assert_eq!(hunt.exit, Some(2));
}

#[test]
fn an_entry_that_is_said_to_be_longer_than_it_is_is_told() {
    let mut stored = Packing::ZipDeflated.pack(attach("1").as_bytes());
    // README is the first entry with content; its stored length stands 18 bytes into the header.
    let readme = memchr::memmem::find(&stored, b"README").unwrap();
    let directory = memchr::memmem::find(&stored, b"PK\x01\x02").unwrap();
    let too_long = u32::try_from(directory - readme - 6).unwrap();
    stored[readme - 12..readme - 8].copy_from_slice(&too_long.to_le_bytes());
    Lake::new()
        .file("a.zip", stored)
        .hunt(&[])
        .exits(3)
        .tells(&["trailing_bytes", "no_events"]);
}

#[test]
fn behind_damage_the_next_entry_is_read_from_standard_input_too() {
    let tree = tar(&[("a", b"{}"), ("b", attach("1").as_bytes())]);
    let zip = Packing::ZipStored.pack(attach("1").as_bytes());
    let [of_tar, of_zip] = [&tree, &zip].map(|stored| {
        // A byte before the last header but one.
        let name: &[u8] = if stored == &tree {
            b"b\0"
        } else {
            b"AWSLogs/deep"
        };
        let header = memchr::memmem::find(stored, name).unwrap();
        let at = if stored == &tree { header } else { header - 30 };
        [&stored[..at], b"x", &stored[at..]].concat()
    });
    for stored in [
        of_tar,
        of_zip,
        [&xz(b"[1,2,3]\n")[..40], &xz(attach("1").as_bytes())].concat(),
        [&bzip2(b"[1,2,3]\n")[..40], &bzip2(attach("1").as_bytes())].concat(),
        [&zstd(b"[1,2,3]\n")[..12], &zstd(attach("1").as_bytes())].concat(),
        [&gzip(b"[1,2,3]\n")[..15], &gzip(attach("1").as_bytes())].concat(),
    ] {
        let lake = Lake::new().file("a", &stored);
        lake.hunt(&[]).exits(3).finds(&["1"]).says("went on at");
        let mut command = lake.command(&["-"]);
        command.stdin(std::fs::File::open(lake.logs().join("a")).unwrap());
        let output = command.output().unwrap();
        lake.hunted(output)
            .exits(3)
            .finds(&["1"])
            .says("went on at");
    }
}

#[test]
fn a_zip_behind_other_bytes_is_read_and_the_bytes_are_told() {
    let zip = Packing::ZipDeflated.pack(attach("1").as_bytes());
    let stub = b"MZ\x90\0\x03 a stub that extracts it";
    for (before, exit, told) in [
        (&stub[..], 0, &["not_text", "appended"][..]),
        // Of so little nobody can say what it is.
        (b"\n", 3, &["corrupt_stream"]),
        (
            &b"HTTP/1.1 200 OK\r\nServer: files\r\n\r\n".repeat(20),
            0,
            &["appended"],
        ),
    ] {
        Lake::new()
            .file("a.exe", [before, &zip].concat())
            .hunt(&[])
            .exits(exit)
            .finds(&["1"])
            .tells(told);
    }
}

#[test]
fn content_of_no_known_kind_is_told() {
    let hunt = Lake::new()
        .file(
            "image",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01",
        )
        .file("text", "no log at all, but text\n")
        .hunt(&["--allow-empty"])
        .exits(0);
    assert_eq!(hunt.report["diagnostics_by_code"]["not_text"], 1);
    Lake::new()
        .file(
            "zlib",
            b"x\x9c\xabV*I-.Q\xb2R*\xc9\xc8,V\x00\xa2D\x85\x92\xd4\xe2\x12\x00",
        )
        .hunt(&[])
        .exits(3)
        .tells(&["unsupported_format", "no_events"]);
}

#[test]
fn a_damaged_or_foreign_head_hides_no_archive() {
    let record = gzip(attach("1").as_bytes());
    let mut tree = tar(&[("a.gz", &gzip(b"[]")), ("b.gz", &record)]);
    tree[3] ^= 1;
    let behind_zeros = [&[0; 100][..], &record].concat();
    let mut zip = Packing::ZipDeflated.pack(attach("1").as_bytes());
    zip[0] = 0;
    for stored in [tree, behind_zeros, zip] {
        let lake = Lake::new().file("a", &stored);
        lake.hunt(&[]).exits(3).finds(&["1"]).says("went on");
        let mut command = lake.command(&["-"]);
        command.stdin(std::fs::File::open(lake.logs().join("a")).unwrap());
        let output = command.output().unwrap();
        lake.hunted(output).exits(3).finds(&["1"]);
    }
}

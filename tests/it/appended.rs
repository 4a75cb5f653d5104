//! Files that are of one kind up to a place and of another from there on, as `cat` and a shell's `>>` make them.

use crate::lake::{Lake, attach, gzip, other, zstd};
use crate::packing::{Packing, bzip2, xz};

/// A line of JSON.
fn line(record: &str) -> Vec<u8> {
    format!("{record}\n").into_bytes()
}

fn utf16(text: &[u8]) -> Vec<u8> {
    let text = str::from_utf8(text).unwrap();
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn what_is_compressed_behind_text_is_read() {
    let second = line(&attach("2"));
    for (name, behind) in [
        ("gzip", gzip(&second)),
        ("zstd", zstd(&second)),
        ("bzip2", bzip2(&second)),
        ("xz", xz(&second)),
        ("tar", Packing::Tar.pack(&second)),
        ("tar.gz", gzip(&Packing::Tar.pack(&second))),
        ("zip", Packing::ZipDeflated.pack(&second)),
        ("UTF-16", utf16(&second)),
    ] {
        for n_before in [1, 2, 300] {
            let mut before = Vec::new();
            for n in 1..n_before {
                before.extend(line(&other(&n.to_string())));
            }
            before.extend(line(&attach("1")));
            let hunt = Lake::new()
                .file("a.json", [&before[..], &behind].concat())
                .hunt(&[])
                .exits(0)
                .finds(&["1", "2"]);
            let told = hunt.report["diagnostics_by_code"]["appended"].clone();
            assert_eq!(told, 1, "{name} {n_before}");
        }
    }
}

#[test]
fn text_behind_what_is_compressed_is_read_and_told() {
    let (first, second) = (line(&attach("1")), line(&attach("2")));
    for (name, stored) in [
        ("gzip", gzip(&first)),
        ("zstd", zstd(&first)),
        ("bzip2", bzip2(&first)),
        ("xz", xz(&first)),
        ("tar.gz", gzip(&Packing::Tar.pack(&first))),
    ] {
        let all = [&stored[..], &second, &gzip(&line(&attach("3")))].concat();
        println!("{name}");
        Lake::new()
            .file("a", all)
            .hunt(&[])
            .exits(3)
            .finds(&["1", "2", "3"])
            .says("none");
    }
}

#[test]
fn utf16_and_utf8_in_one_file_are_read_as_what_they_are() {
    let [first, second, third] = ["1", "2", "3"].map(|id| line(&attach(id)));
    for parts in [
        [&first[..], &utf16(&second), &third],
        [&utf16(&first), &second, &utf16(&third)],
    ] {
        Lake::new()
            .file("a.json", parts.concat())
            .hunt(&[])
            .exits(0)
            .finds(&["1", "2", "3"]);
    }
}

#[test]
fn a_byte_too_much_in_utf16_costs_no_record_but_its_own() {
    let text: Vec<u8> = ["1", "2", "3"]
        .iter()
        .flat_map(|id| line(&attach(id)))
        .collect();
    let stored = utf16(&text);
    let middle = stored.len() / 2 - 1;
    for n_more in [0, 1] {
        let damaged = [&stored[..middle + n_more], b"x", &stored[middle + n_more..]].concat();
        let hunt = Lake::new().file("a.json", damaged).hunt(&[]);
        hunt.begins_and_ends_with("1", "3");
        assert_eq!(hunt.report["diagnostics_by_code"]["mixed_encodings"], 1);
    }
}

#[test]
fn what_is_no_text_is_told_wherever_it_stands() {
    let noise: Vec<u8> = (0..40_000_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    let text = line(&attach("1"));
    for parts in [
        [&noise[..], &text, &noise],
        [&text, &noise, &[]],
        [&text, &noise, &text],
    ] {
        for pack in [
            <[u8]>::to_vec,
            |bytes: &[u8]| gzip(bytes),
            |bytes: &[u8]| zstd(bytes),
        ] {
            for options in [&[][..], &["--threads", "1"]] {
                let hunt = Lake::new()
                    .file("a", pack(&parts.concat()))
                    .hunt(options)
                    .exits(3);
                assert!(!hunt.alerts.is_empty());
                assert_eq!(hunt.report["diagnostics_by_code"]["unknown_content"], 1);
            }
        }
    }
    let png = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", &noise[..]].concat();
    Lake::new()
        .file("a.png", png)
        .hunt(&["--allow-empty"])
        .exits(0)
        .tells(&["not_text", "no_events"]);
}

#[test]
fn a_compressed_file_without_its_magic_is_not_passed_over() {
    let text: Vec<u8> = (0..300)
        .flat_map(|n| line(&other(&n.to_string())))
        .collect();
    for mut stored in [gzip(&text), zstd(&text), bzip2(&text), xz(&text)] {
        stored[..4].fill(b'?');
        Lake::new().file("a.json.gz", stored).hunt(&[]).exits(3);
    }
}

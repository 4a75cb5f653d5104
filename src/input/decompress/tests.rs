//! Whatever is stored, as a slice or as a stream of any chunks, under any limit: the same text and the same
//! kinds of defects.

use std::io::{self, BufRead, Read, Write as _};

use proptest::prelude::*;

use super::*;

/// A stream that gives `step` bytes at a time.
struct Trickle<'a> {
    rest: &'a [u8],
    step: usize,
}

impl Read for Trickle<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(bytes)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Trickle<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(&self.rest[..self.rest.len().min(self.step)])
    }

    fn consume(&mut self, n: usize) {
        self.rest = &self.rest[n..];
    }
}

/// The text of what is stored and the codes of its defects, read in steps of `limit`.
fn read(stored: Stored<'_>, limit: usize) -> (Vec<u8>, Vec<Code>) {
    let (mut codecs, mut defects) = (Codecs::default(), Vec::new());
    let mut text = Text::new(stored, &mut codecs, &mut defects).unwrap();
    let (mut all, mut buffer) = (Vec::new(), Vec::new());
    loop {
        buffer.clear();
        let filled = text.fill(&mut buffer, limit, &mut defects);
        assert!(
            buffer.len() < limit + (1 << 20),
            "little more than asked for"
        );
        all.extend_from_slice(&buffer);
        if filled == Filled::End {
            return (all, defects.into_iter().map(|defect| defect.code).collect());
        }
    }
}

/// As [`read`], in several ways that must agree; of the block that a fault is in, one may give more.
#[track_caller]
fn read_every_way(stored: &[u8]) -> (Vec<u8>, Vec<Code>) {
    let (mut longest, codes) = (Vec::new(), read(Stored::Slice(stored), 1 << 20).1);
    let stream = |step| Stored::Stream(Box::new(Trickle { rest: stored, step }));
    for (stored, limit) in [
        (Stored::Slice(stored), 1 << 20),
        (Stored::Slice(stored), 1000),
        (Stored::Slice(stored), 7),
        (stream(1), 1 << 20),
        (stream(5), 7),
        (stream(4096), 1000),
    ] {
        let way = format!("{stored:?}, limit {limit}");
        let (text, its_codes) = read(stored, limit);
        assert_eq!(its_codes, codes, "{way}");
        assert!(
            !codes.is_empty() || longest.is_empty() || text == longest,
            "{way}"
        );
        assert!(
            text.starts_with(&longest) || longest.starts_with(&text),
            "{way}"
        );
        longest = if text.len() > longest.len() {
            text
        } else {
            longest
        };
    }
    (longest, codes)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// A member with every field that a header can have.
fn gzip_with_fields(text: &[u8]) -> Vec<u8> {
    let plain = gzip(text);
    let mut stored = plain[..3].to_vec();
    stored.push(0b0001_1110);
    stored.extend_from_slice(&plain[4..10]);
    stored.extend_from_slice(b"\x05\0extra");
    stored.extend_from_slice(b"name\0comment\0");
    let mut crc = flate2::Crc::new();
    crc.update(&stored);
    stored.extend_from_slice(&crc.sum().to_le_bytes()[..2]);
    stored.extend_from_slice(&plain[10..]);
    stored
}

fn zstd(text: &[u8]) -> Vec<u8> {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Text that does not compress to nothing.
fn text(len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| b"{\"abc\":[1,2]}\n"[(i * i / 7 + i / 3) % 14])
        .collect()
}

#[test]
fn what_is_stored_as_it_is_comes_as_it_is() {
    assert_eq!(read_every_way(&text(3000)), (text(3000), vec![]));
    assert_eq!(read_every_way(b""), (vec![], vec![]));
}

#[test]
fn every_member_comes_whatever_its_header_holds_and_padding_is_passed_over() {
    let (a, b) = (text(2500), text(40));
    let stored = [
        gzip(&a),
        gzip(b""),
        vec![0; 600],
        gzip_with_fields(&b),
        vec![0; 3],
    ]
    .concat();
    assert_eq!(read_every_way(&stored), ([a, b].concat(), vec![]));
}

#[test]
fn every_frame_comes_and_skippable_ones_are_passed_over() {
    let (a, b) = (text(2500), text(40));
    let skippable = b"\x5e\x2a\x4d\x18\x04\0\0\0skip".to_vec();
    let stored = [skippable.clone(), zstd(&a), zstd(b""), skippable, zstd(&b)].concat();
    assert_eq!(read_every_way(&stored), ([a, b].concat(), vec![]));
}

#[test]
fn foreign_bytes_after_a_stream_are_told() {
    for stored in [gzip(b"a"), zstd(b"a")] {
        let stored = [stored, b"foreign".to_vec()].concat();
        assert_eq!(
            read_every_way(&stored),
            (b"a".to_vec(), vec![Code::TrailingBytes])
        );
    }
}

#[test]
fn a_cut_at_any_byte_gives_what_stands_before_it_and_is_told() {
    let text = text(300);
    for (member, n_magic) in [
        (gzip(&text), 2),
        (gzip_with_fields(&text), 2),
        (zstd(&text), 4),
    ] {
        let stored = [member.clone(), member.clone()].concat();
        let whole = [text.clone(), text.clone()].concat();
        // Before the magic is whole it is no stream at all.
        for cut in n_magic..stored.len() {
            let (got, defects) = read_every_way(&stored[..cut]);
            assert!(whole.starts_with(&got), "cut at {cut}");
            let is_at_seam = cut == member.len();
            assert_eq!(defects.is_empty(), is_at_seam, "cut at {cut}: {defects:?}");
            assert!(got.len() >= if cut >= member.len() { text.len() } else { 0 });
        }
    }
}

#[test]
fn a_byte_that_flips_is_told_or_changes_nothing() {
    let text = text(300);
    for stored in [gzip(&text), zstd(&text)] {
        for i in 0..stored.len() {
            for mask in [1, 0x80] {
                let mut stored = stored.clone();
                stored[i] ^= mask;
                let (got, defects) = read_every_way(&stored);
                // With another magic it is text as it is, and none that could be taken for JSON.
                let is_other_format = i < 4 && got == stored;
                assert!(
                    got == text || !defects.is_empty() || is_other_format,
                    "byte {i} of {}",
                    stored.len()
                );
            }
        }
    }
}

#[test]
fn a_wrong_checksum_or_length_is_told_and_the_text_is_given() {
    let text = text(5000);
    let stored = gzip(&text);
    for from_end in [8, 4] {
        let mut stored = stored.clone();
        let at = stored.len() - from_end;
        stored[at] ^= 1;
        assert_eq!(
            read_every_way(&stored),
            (text.clone(), vec![Code::Checksum])
        );
    }
    let mut stored = zstd(&text);
    *stored.last_mut().unwrap() ^= 1;
    assert_eq!(read_every_way(&stored), (text, vec![Code::CorruptStream]));
}

#[test]
fn a_container_inside_a_compressed_file_is_told_and_gives_no_text() {
    for inner in [gzip(b"a"), zstd(b"a"), b"PK\x03\x04".to_vec()] {
        for outer in [gzip(&inner), zstd(&inner)] {
            let (got, defects) = read(Stored::Slice(&outer), 1 << 20);
            assert_eq!((got, defects), (vec![], vec![Code::UnsupportedFormat]));
        }
    }
}

#[test]
fn a_bomb_goes_through_in_bounded_memory() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![b' '; 1 << 20];
    (0..200).for_each(|_| encoder.write_all(&zeros).unwrap());
    let stored = encoder.finish().unwrap();
    let (mut codecs, mut defects) = (Codecs::default(), Vec::new());
    let mut text = Text::new(Stored::Slice(&stored), &mut codecs, &mut defects).unwrap();
    let (mut n_bytes, mut buffer) = (0, Vec::new());
    while text.fill(&mut buffer, 1 << 20, &mut defects) == Filled::More {
        n_bytes += buffer.len();
        assert!(buffer.capacity() <= 4 << 20, "{}", buffer.capacity());
        buffer.clear();
    }
    assert_eq!((n_bytes + buffer.len(), defects), (200 << 20, vec![]));
}

proptest! {
    #[test]
    fn any_texts_in_any_members_come_back(
        parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..400), 1..4),
        is_zstd: bool,
    ) {
        let stored: Vec<u8> =
            parts.iter().flat_map(|part| if is_zstd { zstd(part) } else { gzip(part) }).collect();
        let whole = parts.concat();
        prop_assume!(matches!(sniff::sniff(&whole), Format::Plain));
        prop_assert_eq!(read_every_way(&stored), (whole, vec![]));
    }
}

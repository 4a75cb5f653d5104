//! Checks that the same stored bytes, as a slice or as a stream of any chunks, under any limit, give the same
//! text and the same kinds of defects.

use std::io::{self, BufRead, Read, Write as _};

use proptest::prelude::*;

use super::*;
use crate::input::archive::{Entry, Opened};
use crate::report::Space;

/// A stream that returns `step` bytes at a time.
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

/// Opens stored bytes that are not an archive.
fn open<'a>(stored: Stored<'a>, codecs: &mut Codecs, defects: &mut Vec<Defect>) -> Text<'a> {
    let entry = Entry::source(stored, Arc::default());
    match entry.open(codecs, defects).unwrap() {
        Opened::Text(text) => text,
        other => panic!("no text: {other:?}"),
    }
}

/// Returns the text of stored bytes and the codes of its defects, read in steps of `limit`.
fn read(stored: Stored<'_>, limit: usize) -> (Vec<u8>, Vec<Code>) {
    let (text, defects) = read_with_defects(stored, limit);
    (
        text,
        defects.into_iter().map(|defect| defect.code).collect(),
    )
}

fn read_with_defects(stored: Stored<'_>, limit: usize) -> (Vec<u8>, Vec<Defect>) {
    let (mut codecs, mut defects) = (Codecs::default(), Vec::new());
    let mut text = open(stored, &mut codecs, &mut defects);
    let (mut all, mut buffer) = (Vec::new(), Vec::new());
    loop {
        buffer.clear();
        let filled = text.fill(&mut buffer, Limit::at(limit), &mut codecs, &mut defects);
        assert!(
            buffer.len() < limit + (1 << 20),
            "little more than asked for"
        );
        all.extend_from_slice(&buffer);
        if matches!(filled, Filled::End | Filled::Trailing) {
            return (all, defects);
        }
    }
}

/// Reads as [`read`] does, in several ways that must agree. One way may return more of the block that
/// contains a fault.
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

/// Returns a member with every field that a header can have.
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

/// Returns text that does not compress to almost nothing.
fn text(len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| b"{\"abc\":[1,2]}\n"[(i * i / 7 + i / 3) % 14])
        .collect()
}

/// Returns text that hardly compresses.
fn random(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b' ' + (state >> 25) as u8 % 95
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn what_is_stored_as_it_is_comes_as_it_is() {
    assert_eq!(read_every_way(&text(3000)), (text(3000), vec![]));
    assert_eq!(read_every_way(b""), (vec![], vec![]));
}

#[test]
fn every_member_is_read_whatever_its_header_and_padding_is_skipped() {
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
    // The longer text is past what was read to detect the format, where a stream comes in small pieces.
    for text in [b"a".to_vec(), random(2000)] {
        for stored in [gzip(&text), zstd(&text)] {
            for foreign in ["f", "foreign", "\x1f\x0b is no member", "\u{28}\u{b5}"] {
                let all = [&stored[..], &[0; 9], foreign.as_bytes()].concat();
                let told = (text.clone(), vec![Code::TrailingBytes]);
                assert_eq!(read_every_way(&all), told, "{foreign}");
                let (mut codecs, mut defects) = (Codecs::default(), Vec::new());
                let mut text = open(Stored::Slice(&all), &mut codecs, &mut defects);
                let (mut out, limit) = (Vec::new(), Limit::at(1 << 20));
                let mut filled = Filled::More;
                while filled == Filled::More {
                    filled = text.fill(&mut out, limit, &mut codecs, &mut defects);
                }
                let start = (stored.len() + 9) as u64;
                assert_eq!(defects[0].offset, Some((Space::Stored, start)));
                // What looks like text is left for the next reader.
                let taken = match filled {
                    Filled::Trailing => start,
                    _ => all.len() as u64,
                };
                assert_eq!(text.stored_bytes(), taken);
            }
        }
    }
}

#[test]
fn members_of_any_size_come_under_any_limit() {
    let (a, b) = (random(3000), text(900_000));
    let stored = [gzip(&a), gzip(&b), gzip(&a), gzip(&a)].concat();
    let whole = [&a[..], &b, &a, &a].concat();
    for limit in [2000, 3000, 3500, 6001, 950_000, 1 << 20] {
        assert_eq!(
            read(Stored::Slice(&stored), limit),
            (whole.clone(), vec![]),
            "{limit}"
        );
    }
}

#[test]
fn text_in_small_pieces_is_moved_seldom_and_takes_no_more_than_the_limit() {
    let (mut buffer, mut n_moves) = (Vec::new(), 0);
    while buffer.len() < 1 << 20 {
        let (before, n) = (buffer.capacity(), 50.min((1 << 20) - buffer.len()));
        make_room(&mut buffer, n, 1 << 20);
        n_moves += usize::from(buffer.capacity() != before);
        buffer.resize(buffer.len() + n, 0);
    }
    assert_eq!(buffer.capacity(), 1 << 20);
    assert!(n_moves < 20, "{n_moves}");
}

#[test]
fn a_frame_may_have_a_large_window_and_need_not_tell_its_size() {
    let text = text(400_000);
    for (window_log, has_size) in [(10, true), (10, false), (27, true), (31, false)] {
        let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(window_log).unwrap();
        encoder.long_distance_matching(true).unwrap();
        if has_size {
            encoder
                .set_pledged_src_size(Some(text.len() as u64))
                .unwrap();
        }
        encoder.write_all(&text).unwrap();
        let stored = encoder.finish().unwrap();
        for (stored, limit) in [
            (Stored::Slice(&stored[..]), 1000),
            (Stored::Slice(&stored[..]), 1 << 20),
            (
                Stored::Stream(Box::new(Trickle {
                    rest: &stored,
                    step: 3,
                })),
                1 << 20,
            ),
        ] {
            assert_eq!(read(stored, limit), (text.clone(), vec![]), "{window_log}");
        }
    }
}

#[test]
fn a_fault_in_a_long_stream_leaves_all_that_stands_before_its_block() {
    let text = random(600_000);
    for stored in [gzip(&text), zstd(&text)] {
        for part in 1..8 {
            let mut stored = stored.clone();
            let at = stored.len() / 8 * part;
            stored[at..at + 50].fill(0x55);
            let (got, defects) = read_every_way(&stored);
            assert!(!defects.is_empty());
            // Correct up to a block of zstd, and up to what gzip decodes from a damaged block as text.
            let n_sure = (text.len() / 8 * part).saturating_sub(256 << 10);
            assert!(
                got.len() >= n_sure && got[..n_sure] == text[..n_sure],
                "{part}"
            );
        }
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
        // Before the magic is complete it is not a stream.
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
                // With another magic it is plain text, and none that could be mistaken for JSON.
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
fn what_is_said_of_a_damaged_frame_does_not_depend_on_how_it_is_read() {
    let mut frames = ::zstd::encode_all(&b"{\"Events\""[..], 3).unwrap();
    frames.extend(zstd(b":[]}\r\n"));
    frames.extend(zstd(&text(300)));
    for i in 0..frames.len() {
        for mask in 1..=u8::MAX {
            let mut stored = frames.clone();
            stored[i] ^= mask;
            let told = |stored, limit| {
                let (_, defects) = read_with_defects(stored, limit);
                defects
                    .into_iter()
                    .map(|defect| defect.message)
                    .collect::<Vec<_>>()
            };
            let whole = told(Stored::Slice(&stored), 1 << 20);
            let stream = |step| {
                Stored::Stream(Box::new(Trickle {
                    rest: &stored,
                    step,
                }))
            };
            assert_eq!(
                told(Stored::Slice(&stored), 1),
                whole,
                "byte {i}, mask {mask}"
            );
            assert_eq!(told(stream(1), 1), whole, "byte {i}, mask {mask}");
            assert_eq!(told(stream(4096), 1 << 20), whole, "byte {i}, mask {mask}");
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
    assert_eq!(read_every_way(&stored), (text, vec![Code::Checksum]));
}

#[test]
fn a_bomb_goes_through_in_bounded_memory() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![b' '; 1 << 20];
    (0..200).for_each(|_| encoder.write_all(&zeros).unwrap());
    let stored = encoder.finish().unwrap();
    let (mut codecs, mut defects) = (Codecs::default(), Vec::new());
    let mut text = open(Stored::Slice(&stored), &mut codecs, &mut defects);
    let (mut n_bytes, mut buffer) = (0, Vec::new());
    while text.fill(&mut buffer, Limit::at(1 << 20), &mut codecs, &mut defects) == Filled::More {
        n_bytes += buffer.len();
        assert!(buffer.capacity() <= 1 << 20, "{}", buffer.capacity());
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

#[test]
fn a_fault_in_a_frame_has_one_place_however_much_is_asked_for() {
    let text: Vec<u8> = (0..1500_usize)
        .map(|i| br#"{"eventID":"d0aaa000" , "eventType":"AwsApiCall"}"#[i * i / 7 % 49])
        .collect();
    let stored = ::zstd::encode_all(&text[..], 3).unwrap();
    let faults_of = |stored: Stored<'_>, limit: usize| {
        let (mut codecs, mut defects) = (Codecs::default(), Vec::new());
        let mut text = open(stored, &mut codecs, &mut defects);
        let mut fill = || {
            let limit = Limit::at(limit);
            text.fill(&mut Vec::new(), limit, &mut codecs, &mut defects)
        };
        while fill() != Filled::End {}
        defects
    };
    let faults = |stored: &[u8], limit: usize| faults_of(Stored::Slice(stored), limit);
    let of_stream = |stored: &[u8], step: usize| {
        let stream = Trickle { rest: stored, step };
        faults_of(Stored::Stream(Box::new(stream)), 1 << 20)
    };
    // The frame's header except its magic number, the header of its block, and more.
    for at in 4..16 {
        for byte in 0..=u8::MAX {
            let mut stored = stored.clone();
            stored[at] = byte;
            assert_eq!(
                faults(&stored, 6),
                faults(&stored, 1 << 20),
                "{byte:#x} at {at}"
            );
            let whole = of_stream(&stored, 4096);
            for step in 1..4 {
                assert_eq!(of_stream(&stored, step), whole, "{byte:#x} at {at}");
            }
        }
    }
}

//! What fuzzing asserts of trailsift, as plain functions: a fuzzer calls them with bytes of its own making, and
//! `tests/replay.rs` of the program with the kept inputs.
//!
//! In: any bytes. Out: nothing, or a panic that says what does not hold. Nothing here knows libFuzzer, so that
//! what it found can be looked into with any toolchain. What each function asserts is told in its module.

mod trickle;
mod decompress;
mod archive;
mod frame;
mod parse;
mod envelope;
mod rules;
mod end_to_end;

use trailsift::scan::is_sequence;

pub use archive::archive;
pub use decompress::decompress;
pub use end_to_end::end_to_end;
pub use envelope::envelope;
pub use frame::frame;
pub use parse::parse;
pub use rules::{eql, kql, rules};

/// A target: it takes any bytes, and panics over what does not hold.
pub type Target = fn(&[u8]);

/// All targets by their names, in the order in which data meets what they test.
pub const TARGETS: [(&str, Target); 9] = [
    ("decompress", decompress),
    ("archive", archive),
    ("frame", frame),
    ("parse", parse),
    ("envelope", envelope),
    ("eql", eql),
    ("kql", kql),
    ("rules", rules),
    ("end_to_end", end_to_end),
];

/// Numbers that differ from input to input and are the same each time for the same one: where a target needs
/// a size or a place, so that an input is nothing but what is tested.
fn numbers(data: &[u8]) -> impl Iterator<Item = usize> + use<> {
    // FNV-1a, and then the steps of Knuth's generator.
    let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let mut state = data.iter().fold(0xcbf2_9ce4_8422_2325, hash);
    std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::from((state >> 48) as u16)
    })
}

/// How many bytes show whether a text is read in order, as rows are: that must be told by the first window, or block, of it.
fn header_bytes(text: &[u8]) -> usize {
    let mut ends = 0..text.len();
    let is_shown = |end: &usize| is_sequence(&text[..*end]);
    match is_sequence(text) {
        true => ends.find(is_shown).unwrap_or(text.len()),
        false => text.len().min(1),
    }
}

//! Finds the bracket that closes a value, many times faster than the walk: 64 bytes in a few steps.
//!
//! In: text from inside a value. Out: the index of the bracket that closes it, if the walk would come to that bracket
//! too, and to nothing before it that ends the document.

use super::vectors::{
    BLOCK_BYTES, Instructions, Structure, StructureWork, each_bit, with_structure,
};
use super::window::{is_anchor_line, is_joint};
use crate::steps;

/// Where the bracket is that closes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// At this index.
    At(usize),
    /// Not before the given end, or it is not clear: only the walk can tell. Up to this index nothing is gained by a
    /// new attempt.
    NotUpTo(usize),
}

/// Returns the index of the bracket that closes the innermost value that is open at `from`, if it is before `to`.
/// `from` must not be in a string.
pub(super) fn closing_bracket(text: &[u8], from: usize, to: usize) -> Closing {
    with_structure(Find { text, from, to })
}

/// The search for the bracket.
struct Find<'t> {
    text: &'t [u8],
    from: usize,
    to: usize,
}

impl StructureWork for Find<'_> {
    type Result = Closing;

    #[inline(always)]
    fn run(self, instructions: impl Instructions) -> Closing {
        let Self { text, from, to } = self;
        let mut brackets = Brackets {
            instructions,
            text,
            depth: 1,
            is_escaped: 0,
            in_string: 0,
            after_closing: 0,
        };
        let (blocks, rest) = text[from..to].as_chunks::<BLOCK_BYTES>();
        let mut at = from;
        for block in blocks {
            match brackets.pass(at, instructions.structure(block)) {
                Passed::All => at += BLOCK_BYTES,
                Passed::To(closing) => return closing,
            }
        }
        let mut last = [0; BLOCK_BYTES];
        last[..rest.len()].copy_from_slice(rest);
        match brackets.pass(at, instructions.structure(&last)) {
            Passed::All => Closing::NotUpTo(to),
            Passed::To(closing) => closing,
        }
    }
}

/// What is known between two blocks. The three last numbers have the lowest bit or none, `in_string` all bits or none.
struct Brackets<'t, I> {
    instructions: I,
    text: &'t [u8],
    /// The number of open brackets.
    depth: u32,
    is_escaped: u64,
    in_string: u64,
    after_closing: u64,
}

enum Passed {
    /// The whole block.
    All,
    To(Closing),
}

impl<I: Instructions> Brackets<'_, I> {
    /// Passes over the block at this index.
    #[inline(always)]
    fn pass(&mut self, at: usize, structure: Structure) -> Passed {
        steps::take(BLOCK_BYTES);
        let escaped = self.escaped(structure.backslashes);
        let quotes = structure.quotes & !escaped;
        let in_string = self.instructions.between_pairs(quotes) ^ self.in_string;
        let opening = structure.opening & !in_string;
        let closing = structure.closing & !in_string;
        let end = self.end(opening, closing);
        let before_end = end.map_or(u64::MAX, |end| (1 << end) - 1);
        let joints = (structure.closing << 1 | self.after_closing) & structure.opening & before_end;
        // Outside strings a backslash escapes nothing in the walk.
        let is_clear = structure.backslashes & !in_string & before_end == 0
            && !each_bit(at, joints).any(|joint| is_joint(self.text, joint))
            && !each_bit(at, structure.newlines & before_end)
                .any(|newline| is_anchor_line(self.text, newline + 1));
        if !is_clear {
            return Passed::To(Closing::NotUpTo(at));
        }
        if let Some(end) = end {
            return Passed::To(Closing::At(at + end as usize));
        }
        self.in_string = 0_u64.wrapping_sub(in_string >> 63);
        self.after_closing = structure.closing >> 63;
        self.depth = self.depth + opening.count_ones() - closing.count_ones();
        Passed::All
    }

    /// Returns the place of the bracket that closes the value, of these outside strings.
    #[inline(always)]
    fn end(&self, opening: u64, mut closing: u64) -> Option<u32> {
        if closing.count_ones() < self.depth {
            return None;
        }
        let mut n_closed = 0;
        while closing != 0 {
            let place = closing.trailing_zeros();
            n_closed += 1;
            let n_opened = (opening & ((1 << place) - 1)).count_ones();
            if n_closed == self.depth + n_opened {
                return Some(place);
            }
            closing &= closing - 1;
        }
        None
    }

    /// Returns the bytes after a backslash that is not escaped itself.
    ///
    /// In a run of backslashes each second one is escaped. An addition carries through a run, so that its end tells
    /// where the run began: at an even place or at an odd one.
    #[inline(always)]
    fn escaped(&mut self, backslashes: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        if backslashes == 0 {
            return std::mem::take(&mut self.is_escaped);
        }
        let backslashes = backslashes & !self.is_escaped;
        let after = backslashes << 1 | self.is_escaped;
        let odd_starts = backslashes & !EVEN & !after;
        let (ends, is_over) = odd_starts.overflowing_add(backslashes);
        self.is_escaped = u64::from(is_over);
        (EVEN ^ ends << 1) & after
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::vectors::Portable;
    use super::*;

    /// Returns the index of the bracket that closes the value, byte by byte.
    fn walked(text: &[u8], from: usize) -> Option<usize> {
        let (mut depth, mut in_string, mut at) = (1, false, from);
        while at < text.len() {
            let is_anchor = text[at] == b'\n' && is_anchor_line(text, at + 1);
            if is_anchor || is_joint(text, at) {
                return None;
            }
            match (in_string, text[at]) {
                (_, b'"') => in_string = !in_string,
                (true, b'\\') if text.get(at + 1) != Some(&b'\n') => {
                    at += 1;
                    if is_joint(text, at) {
                        return None;
                    }
                }
                (false, b'\\') => return None,
                (false, b'{' | b'[') => depth += 1,
                (false, b'}' | b']') => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(at);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        None
    }

    #[test]
    fn a_record_is_passed_over_to_the_bracket_that_closes_it() {
        let long = "x".repeat(1000);
        for rest in [
            String::new(),
            r#","a":{"b":[{},[]]}"#.to_owned(),
            r#","a":"}\"}\\","b":"{{["#.to_owned() + "\"",
            format!(r#","a":"{long}\\","b":["{long}\"]"]"#),
            format!(
                ",\n  \"a\": {{\n    \"b\": [\n      {{}},\n      {{}}\n    ]\n  }}, {}",
                " ".repeat(100)
            ),
        ] {
            let text = format!("{{\"eventName\":1{rest}}}, {{}}");
            let closing = text.rfind("}, {}").unwrap();
            for from in 13..70 {
                let text = format!("{}{text}", " ".repeat(from - 13));
                let closing = closing + from - 13;
                assert_eq!(
                    closing_bracket(text.as_bytes(), from, text.len()),
                    Closing::At(closing),
                    "{text}"
                );
                let before = closing_bracket(text.as_bytes(), from, closing);
                assert_eq!(before, Closing::NotUpTo(closing), "{text}");
            }
        }
    }

    #[test]
    fn what_ends_a_document_is_left_to_the_walk() {
        for text in [
            "[}{\"a\":1}]}",
            "\"\n{\"a\":1}\"}",
            "[1]\n{}}",
            "\\\"}",
            "\"}{\"b\"}",
        ] {
            let text = format!("{{\"eventName\":1, {text}");
            let from = text.find(", ").unwrap();
            let found = closing_bracket(text.as_bytes(), from, text.len());
            assert_eq!(walked(text.as_bytes(), from), None, "{text}");
            assert!(matches!(found, Closing::NotUpTo(_)), "{text}: {found:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn it_finds_what_a_walk_byte_by_byte_finds(
            parts in proptest::collection::vec(
                prop_oneof![
                    8 => "[a{}\\[\\]\", :]",
                    4 => "[a ]{1,70}",
                    4 => "\"[a{}\\[\\] ]{0,20}\"",
                    2 => "\\\\{1,4}[\"n]?",
                    1 => Just("\n".to_owned()),
                    1 => Just(",\n  {".to_owned()),
                    1 => Just("}{\"a".to_owned()),
                ],
                0..60,
            ),
            from in 0_usize..70,
        ) {
            let text = format!("{}{}", " ".repeat(from), parts.concat());
            let found = closing_bracket(text.as_bytes(), from, text.len());
            let expected = walked(text.as_bytes(), from);
            let find = || Find { text: text.as_bytes(), from, to: text.len() };
            prop_assert_eq!(find().run(Portable), found, "for any processor");
            #[cfg(target_arch = "x86_64")]
            if let Some(avx2) = crate::scan::vectors::Avx2::detect() {
                prop_assert_eq!(find().run(avx2), found, "with AVX2");
            }
            match found {
                Closing::At(at) => prop_assert_eq!(expected, Some(at)),
                Closing::NotUpTo(_) => prop_assert_eq!(expected, None),
            }
        }
    }
}

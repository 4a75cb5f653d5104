//! Turns the bytes of one candidate into a value.
//!
//! simd-json parses in place and needs writable input, but the text may be a read-only mapping. So the candidate is
//! copied, never the text around it. All memory is kept from one candidate to the next.

use simd_json::{Buffers, INPUT_PADDING, Tape};

use super::lenient::lenient;
use crate::event::json::Value;
use crate::steps;

/// The reason why a candidate did not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseError {
    #[error("not valid JSON ({0})")]
    Invalid(String),
    #[error("JSON inside more strings than are looked into")]
    TooDeep,
}

/// The quality of the input of a candidate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Quality {
    /// True if a part of it was read as U+FFFD: bytes that are not UTF-8, or half a surrogate pair.
    pub(crate) is_lossy: bool,
    /// True if it is not strictly valid JSON.
    pub(crate) is_lenient: bool,
    /// True if a string has an escape that JSON does not have.
    pub(crate) has_unknown_escape: bool,
}

/// A parser and its memory.
pub(crate) struct Parser {
    bytes: Vec<u8>,
    buffers: Buffers,
    /// The empty tape between two candidates, kept for its memory.
    tape: Tape<'static>,
}

impl Default for Parser {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            buffers: Buffers::new(4096),
            tape: Tape::null().reset(),
        }
    }
}

impl std::fmt::Debug for Parser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parser").finish_non_exhaustive()
    }
}

/// The memory kept from one candidate to the next. After a larger candidate it is released.
const KEPT_BYTES: usize = 4 << 20;

impl Parser {
    /// Parses one JSON value and passes it to `visit` with its quality. Only strict JSON is accepted, unless
    /// `is_lenient`.
    pub(crate) fn parse<R>(
        &mut self,
        json: &[u8],
        is_lenient: bool,
        visit: impl FnOnce(Value<'_>, Quality) -> R,
    ) -> Result<R, ParseError> {
        // Checked before the parse, and not derived from its error, which need not name the first fault.
        let lossy = match std::str::from_utf8(json) {
            Ok(_) => None,
            Err(_) => Some(String::from_utf8_lossy(json)),
        };
        let mut quality = Quality {
            is_lossy: lossy.is_some(),
            ..Quality::default()
        };
        let json = lossy.as_ref().map_or(json, |text| text.as_bytes());
        let mut visit = Some(visit);
        let mut give = |value: Value<'_>, quality| {
            let visit = visit.take().expect("a value is given once");
            visit(value, quality)
        };
        let error = match self.parse_utf8(json, |value| give(value, quality)) {
            Ok(given) => return Ok(given),
            Err(error) => error,
        };
        if !is_lenient {
            return Err(error);
        }
        let made = lenient(json);
        quality.is_lossy |= made.is_lossy;
        quality.is_lenient = made.is_lenient;
        quality.has_unknown_escape = made.has_unknown_escape;
        self.parse_utf8(&made.json, |value| give(value, quality))
            .map_err(|_| error)
    }

    fn parse_utf8<R>(
        &mut self,
        json: &[u8],
        visit: impl FnOnce(Value<'_>) -> R,
    ) -> Result<R, ParseError> {
        steps::take(json.len());
        self.bytes.clear();
        self.bytes.extend_from_slice(json);
        self.bytes.resize(json.len() + INPUT_PADDING, 0);
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let parsed =
            simd_json::fill_tape_padded(&mut self.bytes, json.len(), &mut self.buffers, &mut tape);
        let result = match parsed {
            Ok(()) => Ok(visit(Value::of(&tape))),
            Err(error) => Err(ParseError::Invalid(error.to_string())),
        };
        self.tape = tape.reset();
        if json.len() > KEPT_BYTES {
            *self = Self::default();
        }
        result
    }
}

/// The parsers of the texts inside each other, by the number of strings around them.
#[derive(Debug, Default)]
pub(super) struct Parsers(Vec<Option<Parser>>);

impl Parsers {
    pub(super) fn take(&mut self, level: usize) -> Parser {
        self.0
            .get_mut(level)
            .and_then(Option::take)
            .unwrap_or_default()
    }

    pub(super) fn give_back(&mut self, level: usize, parser: Parser) {
        if self.0.len() <= level {
            self.0.resize_with(level + 1, || None);
        }
        self.0[level] = Some(parser);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(json: &[u8]) -> Result<(Vec<String>, bool), ParseError> {
        Parser::default().parse(json, true, |value, quality| {
            (
                value.members().map(|(key, _)| key.to_owned()).collect(),
                quality.is_lossy,
            )
        })
    }

    #[test]
    fn every_key_is_kept_also_where_it_stands_twice() {
        let (keys, _) = keys(br#"{"a":1,"b":{},"a":[2]}"#).unwrap();
        assert_eq!(keys, ["a", "b", "a"]);
    }

    #[test]
    fn bytes_that_are_no_utf8_are_replaced_and_told() {
        assert_eq!(
            keys(b"{\"a\xff\":1}").unwrap(),
            (vec!["a\u{fffd}".to_owned()], true)
        );
    }

    #[test]
    fn what_is_no_json_is_told() {
        assert!(keys(br#"{"a":}"#).is_err());
        assert!(keys(br#"{"a":1"#).is_err());
        assert!(keys(b"").is_err());
    }

    #[test]
    fn a_parser_serves_again_after_a_fault() {
        let mut parser = Parser::default();
        assert!(parser.parse(b"{", true, |_, _| ()).is_err());
        assert!(parser.parse(b"{}", true, |_, _| ()).is_ok());
    }
}

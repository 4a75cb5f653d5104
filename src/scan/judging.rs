//! The last steps with one candidate: parse it, recognise what is in it, and look into its strings.

use std::sync::Arc;

use super::Candidate;
use super::envelope::{self, Met};
use super::nest::Unit;
use super::parse::{self, Parser, Quality};
use super::prefilter::Prefilter;
use crate::event::Event;

/// How many levels of JSON in strings are looked into.
const STRING_LEVELS_MAX: usize = 16;

/// What is met while one candidate is judged.
pub(super) struct Judging {
    prefilter: Arc<Prefilter>,
    unit: Unit,
    pub(super) n_events: u64,
    pub(super) n_documents: u64,
    pub(super) quality: Quality,
    pub(super) is_duplicate: bool,
    /// Why a string that begins as JSON and holds the needle was not judged.
    pub(super) invalid_text: Option<parse::ParseError>,
}

impl Judging {
    pub(super) fn new(prefilter: Arc<Prefilter>, unit: Unit) -> Self {
        Self {
            prefilter,
            unit,
            n_events: 0,
            n_documents: 0,
            quality: Quality::default(),
            is_duplicate: false,
            invalid_text: None,
        }
    }

    /// Judges a text that is one JSON value: the candidate, or a string inside it.
    pub(super) fn text(
        &mut self,
        parsers: &mut Vec<Parser>,
        level: usize,
        bytes: &[u8],
        raw: &[u8],
        visit: &mut dyn FnMut(&Candidate<'_>),
    ) -> Result<(), parse::ParseError> {
        if parsers.len() <= level {
            parsers.resize_with(level + 1, Parser::default);
        }
        // Taken out, since the texts inside are judged while this one is borrowed.
        let mut parser = std::mem::take(&mut parsers[level]);
        let parsed = parser.parse(bytes, |value, quality| {
            self.quality.is_lossy |= quality.is_lossy;
            self.quality.is_lenient |= quality.is_lenient;
            let (mut texts, mut wrappers) = (Vec::new(), Vec::new());
            envelope::recognise(value, &mut |met| match met {
                Met::Event(event) => self.event(event, raw, visit),
                Met::NoEvent => self.n_documents += 1,
                Met::Text(text) => texts.push(text),
                Met::Wrapper(event, texts) => wrappers.push((event, texts)),
            });
            for text in texts {
                self.string(parsers, level, text, visit);
            }
            for (event, texts) in wrappers {
                let n_before = self.n_events;
                for text in texts {
                    self.string(parsers, level, text, visit);
                }
                if self.n_events == n_before {
                    self.event(event, raw, visit);
                }
            }
        });
        parsers[level] = parser;
        parsed
    }

    fn event(&mut self, event: Event<'_>, raw: &[u8], visit: &mut dyn FnMut(&Candidate<'_>)) {
        self.n_events += 1;
        self.is_duplicate |= event.has_duplicate_keys();
        visit(&Candidate {
            event,
            unit: self.unit,
            raw,
        });
    }

    /// Judges a string of a text at `level`, if it has a hit: else it holds no record that could match.
    fn string(
        &mut self,
        parsers: &mut Vec<Parser>,
        level: usize,
        text: &str,
        visit: &mut dyn FnMut(&Candidate<'_>),
    ) {
        let text = text.as_bytes();
        let has_hit = self.prefilter.hits(text).first_from(0).is_some();
        if !has_hit {
            return;
        }
        let judged = match level {
            STRING_LEVELS_MAX => Err(parse::ParseError::TooDeep),
            _ => self.text(parsers, level + 1, text, text, visit),
        };
        if let Err(error) = judged
            && self.prefilter.holds_needle(text)
        {
            self.invalid_text.get_or_insert(error);
        }
    }
}

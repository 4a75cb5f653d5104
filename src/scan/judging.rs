//! The last steps with one candidate: parse it, recognise what is in it, and look into its strings.

use std::collections::HashMap;
use std::sync::Arc;

use super::envelope::{self, Met};
use super::inner::{self, Inner};
use super::nest::Unit;
use super::parse::{self, Parser, Quality};
use super::prefilter::Prefilter;
use super::window::Window;
use super::{Candidate, Scanner};
use crate::event::Event;
use crate::event::json::Value;
use crate::report::Code;

/// How many levels of JSON in strings are looked into.
const STRING_LEVELS_MAX: usize = 16;

/// A text that is one JSON value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole<'a> {
    pub(super) bytes: &'a [u8],
    /// What an event in it is told to be as it stands.
    pub(super) raw: &'a [u8],
    /// Whether it may also be what is nearly JSON.
    pub(super) is_lenient: bool,
}

/// What is met while one candidate is judged.
pub(super) struct Judging {
    prefilter: Arc<Prefilter>,
    unit: Unit,
    pub(super) n_events: u64,
    pub(super) n_documents: u64,
    pub(super) quality: Quality,
    pub(super) is_duplicate: bool,
    /// Why a string that holds the needle was not judged, or not all of it.
    pub(super) invalid_text: Option<String>,
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
        text: Whole<'_>,
        visit: &mut dyn FnMut(&Candidate<'_>),
    ) -> Result<(), parse::ParseError> {
        if parsers.len() <= level {
            parsers.resize_with(level + 1, Parser::default);
        }
        // Taken out, since the texts inside are judged while this one is borrowed.
        let mut parser = std::mem::take(&mut parsers[level]);
        let Whole {
            bytes, is_lenient, ..
        } = text;
        let parsed = parser.parse(bytes, is_lenient, |value, quality| {
            self.quality.is_lossy |= quality.is_lossy;
            self.quality.is_lenient |= quality.is_lenient;
            let (mut events, mut texts, mut wrappers) = (Vec::new(), Vec::new(), Vec::new());
            envelope::recognise(value, &mut |met| match met {
                Met::Event(event) => events.push(event),
                Met::NoEvent => self.n_documents += 1,
                Met::Text(text) => texts.push(text),
                Met::Wrapper(event, texts) => wrappers.push((event, texts)),
            });
            let wrapping = wrappers.iter().map(|(event, _)| event);
            let records = events.iter().chain(wrapping);
            let records: Vec<_> = records.map(|event| event.record()).collect();
            let mut own = self.own_places(value, records, text, quality).into_iter();
            for (event, (unit, raw)) in events.into_iter().zip(&mut own) {
                self.event(event, unit, raw, visit);
            }
            for text in texts {
                self.string(parsers, level, text, visit);
            }
            for ((event, texts), (unit, raw)) in wrappers.into_iter().zip(own) {
                let n_before = self.n_events;
                for text in texts {
                    let told = self.invalid_text.clone();
                    self.string(parsers, level, text, visit);
                    // Prose in a record is data of the record, which holds the needle.
                    if !envelope::begins_as_json(text) {
                        self.invalid_text = told;
                    }
                }
                if self.n_events == n_before {
                    self.event(event, unit, raw, visit);
                }
            }
        });
        parsers[level] = parser;
        parsed
    }

    /// Where each of the events in a text stands, and how: where there are several, each by itself.
    fn own_places<'v, 'a>(
        &self,
        value: Value<'v>,
        records: Vec<Value<'v>>,
        text: Whole<'a>,
        quality: Quality,
    ) -> Vec<(Unit, &'a [u8])> {
        let mut places = vec![(self.unit, text.raw); records.len()];
        if records.len() < 2 {
            return places;
        }
        let ordinals = value.ordinals(records.into_iter());
        let mut sorted: Vec<usize> = ordinals.iter().copied().flatten().collect();
        sorted.sort_unstable();
        // What was made to be parsed, of a row or of what is nearly JSON, has other offsets than what stands there.
        let is_as_it_stands = !quality.is_lenient && std::ptr::eq(text.bytes, text.raw);
        let found = is_as_it_stands.then(|| inner::find(text.raw, &sorted));
        let found: HashMap<usize, Inner> = found.into_iter().flatten().collect();
        for (n, (ordinal, (unit, raw))) in ordinals.into_iter().zip(&mut places).enumerate() {
            let start = unit.start;
            match ordinal.and_then(|ordinal| found.get(&ordinal)) {
                Some(Inner { range, index }) => {
                    *raw = &text.raw[range.clone()];
                    unit.start = start + range.start as u64;
                    unit.end = start + range.end as u64;
                    unit.record_index = *index;
                }
                // At least no two are the same.
                None => unit.start = unit.end.min(start + n as u64),
            }
        }
        places
    }

    fn event(
        &mut self,
        event: Event<'_>,
        unit: Unit,
        raw: &[u8],
        visit: &mut dyn FnMut(&Candidate<'_>),
    ) {
        self.n_events += 1;
        self.is_duplicate |= event.has_duplicate_keys();
        visit(&Candidate { event, unit, raw });
    }

    /// Judges a string of a text at `level`, if it has a hit: else it holds no record that could match. Mostly it
    /// is one JSON value; if not, it is a text like any other: several documents, or other text round them.
    fn string(
        &mut self,
        parsers: &mut Vec<Parser>,
        level: usize,
        text: &str,
        visit: &mut dyn FnMut(&Candidate<'_>),
    ) {
        let text = text.as_bytes();
        if self.prefilter.hits(text).first_from(0).is_none() {
            return;
        }
        let judged = match level + 1 {
            STRING_LEVELS_MAX.. => Err(parse::ParseError::TooDeep),
            level => {
                // To the letter: where it is several documents, a comment between them would hide all that follow.
                let text = Whole {
                    bytes: text,
                    raw: text,
                    is_lenient: false,
                };
                self.text(parsers, level, text, visit)
            }
        };
        match judged {
            Ok(()) => {}
            Err(parse::ParseError::TooDeep) if self.prefilter.holds_needle(text) => {
                self.invalid_text
                    .get_or_insert(judged.expect_err("it is one").to_string());
            }
            Err(parse::ParseError::TooDeep) => {}
            Err(parse::ParseError::Invalid(_)) => self.documents(level + 1, text, visit),
        }
    }

    /// Judges the documents in a string.
    fn documents(&mut self, level: usize, text: &[u8], visit: &mut dyn FnMut(&Candidate<'_>)) {
        let mut scanner = Scanner::new(Arc::clone(&self.prefilter)).at_level(level);
        scanner.start(0);
        let window = Window {
            bytes: text,
            base: 0,
            is_last: true,
            likely_start: None,
        };
        let start = self.unit.start;
        scanner.scan(window, &mut |candidate| {
            // Each has a place of its own, as far as one in a string can be told: escapes are longer than what they stand for.
            let unit = Unit {
                start: start + candidate.unit.start,
                end: start + candidate.unit.end,
                ..candidate.unit
            };
            visit(&Candidate { unit, ..*candidate });
        });
        self.n_events += scanner.stats.events_judged;
        self.n_documents += scanner.stats.documents_without_events;
        for defect in &scanner.defects {
            match defect.code {
                Code::InvalidUtf8 => self.quality.is_lossy = true,
                Code::LenientJson => self.quality.is_lenient = true,
                Code::DuplicateKeys => self.is_duplicate = true,
                _ => {
                    self.invalid_text
                        .get_or_insert_with(|| defect.message.clone());
                }
            }
        }
    }
}

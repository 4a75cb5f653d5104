//! The last steps with one candidate: parse it, recognise what is in it, and examine its strings.

use std::collections::HashMap;
use std::sync::Arc;

use super::envelope::{self, Met};
use super::inner::{self, Inner};
use super::parse::{self, Parsers, Quality};
use super::prefilter::Prefilter;
use super::records::Unit;
use super::unsound;
use super::window::Window;
use super::{Candidate, Scanner};
use crate::event::json::Value;
use crate::event::{Event, Seam, Wrapper};
use crate::report::Code;

/// The number of levels of JSON in strings that are examined.
const STRING_LEVELS_MAX: usize = 16;

/// A text that is one JSON value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole<'a> {
    pub(super) bytes: &'a [u8],
    /// The text that is reported as the original of an event in it.
    pub(super) raw: &'a [u8],
    /// True if nearly valid JSON is accepted too.
    pub(super) is_lenient: bool,
    /// True if it is a row of a table.
    pub(super) is_row: bool,
    /// What the text around it shows.
    pub(super) seam: Option<Seam>,
}

impl<'a> Whole<'a> {
    /// A text that must be strictly valid JSON, and is itself the original.
    pub(super) fn strict(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            raw: bytes,
            is_lenient: false,
            is_row: false,
            seam: None,
        }
    }
}

/// The place where something is found: the number of strings around it, and the text.
#[derive(Clone, Copy)]
struct Place<'a> {
    level: usize,
    unit: Unit,
    raw: &'a [u8],
    is_row: bool,
}

/// The state and the results while one candidate is judged.
pub(super) struct Extractor {
    prefilter: Arc<Prefilter>,
    unit: Unit,
    pub(super) n_events: u64,
    pub(super) n_documents: u64,
    pub(super) quality: Quality,
    /// A sign that two records ran into each other in it.
    seam: Option<Seam>,
    /// True if an object around events has the needle, and nothing in it that may be an event.
    pub(super) is_needle_beside: bool,
    pub(super) is_duplicate: bool,
    /// The reason why a string that contains the needle was not judged, or not completely.
    pub(super) invalid_text: Option<String>,
    /// True if a record is cut off in a string.
    is_record_cut: bool,
    /// True if a string that was not judged, or not completely, is of another call than the event that carries it.
    is_other_broken: bool,
}

impl Extractor {
    pub(super) fn new(prefilter: Arc<Prefilter>, unit: Unit) -> Self {
        Self {
            prefilter,
            unit,
            n_events: 0,
            n_documents: 0,
            quality: Quality::default(),
            seam: None,
            is_needle_beside: false,
            is_duplicate: false,
            invalid_text: None,
            is_record_cut: false,
            is_other_broken: false,
        }
    }

    /// Judges a text that is one JSON value: the candidate, or a string inside it.
    pub(super) fn text(
        &mut self,
        parsers: &mut Parsers,
        level: usize,
        text: Whole<'_>,
        visit: &mut dyn FnMut(&Candidate<'_>),
    ) -> Result<(), parse::ParseError> {
        // Taken out, since the texts inside are judged while this parser is borrowed.
        let mut parser = parsers.take(level);
        let Whole {
            bytes,
            raw,
            is_lenient,
            is_row,
            seam,
        } = text;
        let unit = self.unit;
        let place = Place {
            level,
            unit,
            raw,
            is_row,
        };
        let parsed = parser.parse(bytes, is_lenient, |value, quality| {
            self.quality.is_lossy |= quality.is_lossy;
            self.quality.is_lenient |= quality.is_lenient;
            let by_escape = quality.has_unknown_escape.then_some(Seam::Escape);
            self.seam = self.seam.or(seam).or(by_escape);
            let all = self.met_in(value);
            let records = all.iter().filter_map(|met| match met {
                Met::Event(event) => Some(event.record()),
                Met::NoEvent | Met::Text(..) | Met::Made(_) => None,
            });
            let records: Vec<_> = records.collect();
            self.is_needle_beside |= self.has_needle_beside(value, bytes, &all);
            let mut own = self.own_places(value, records, text, quality).into_iter();
            for met in all {
                let place = match &met {
                    Met::Event(_) => {
                        let (unit, raw) = own.next().unwrap_or((self.unit, raw));
                        Place { unit, raw, ..place }
                    }
                    Met::NoEvent | Met::Text(..) | Met::Made(_) => place,
                };
                self.met(parsers, place, met, visit);
            }
        });
        parsers.give_back(level, parser);
        parsed
    }

    /// Returns what is found in a value, without assembled objects that have no hit.
    fn met_in<'v>(&self, value: Value<'v>) -> Vec<Met<'v>> {
        let mut found = Vec::new();
        envelope::recognise(value, &mut |met| match &met {
            Met::Made(json) if !self.prefilter.has_hit(json) => {}
            _ => found.push(met),
        });
        found
    }

    /// Returns true if a value has the needle, but nothing that was found in it has a hit.
    fn has_needle_beside(&self, value: Value<'_>, bytes: &[u8], all: &[Met<'_>]) -> bool {
        let is_hit = |text: &str| self.prefilter.has_hit(text.as_bytes());
        let has_hit = |met: &Met<'_>| match met {
            // Nearly always the value is the event.
            Met::Event(event) => event.record().is_same(value) || event.holds(&is_hit),
            Met::Text(text, _) => is_hit(text),
            Met::Made(_) | Met::NoEvent => true,
        };
        !all.is_empty() && !all.iter().any(has_hit) && self.prefilter.holds_needle(bytes)
    }

    fn met(
        &mut self,
        parsers: &mut Parsers,
        place: Place<'_>,
        met: Met<'_>,
        visit: &mut dyn FnMut(&Candidate<'_>),
    ) {
        match met {
            Met::NoEvent => self.n_documents += 1,
            Met::Text(text, wrapper) if wrapper.is_empty() => {
                self.string(parsers, place, text, visit);
            }
            Met::Text(text, wrapper) => {
                self.string(parsers, place, text, &mut |candidate| {
                    visit(&candidate.in_wrapper(wrapper));
                });
            }
            Met::Made(json) => self.made(parsers, place.level, &json, visit),
            Met::Event(event) => self.met_event(parsers, place, event, visit),
        }
    }

    /// Judges an event, and what its fields that no record has contain. This may be the record itself, with only some
    /// of its fields beside it.
    fn met_event(
        &mut self,
        parsers: &mut Parsers,
        place: Place<'_>,
        event: Event<'_>,
        visit: &mut dyn FnMut(&Candidate<'_>),
    ) {
        let itself = |this: &mut Self, visit: &mut dyn FnMut(&Candidate<'_>)| {
            this.event(event.in_row(place.is_row), place.unit, place.raw, visit);
        };
        let carried = self.carried_by(event);
        // Nearly all records end here.
        if carried.is_empty() {
            return itself(self, visit);
        }
        let prefilter = Arc::clone(&self.prefilter);
        let is_hit = |text: &str| prefilter.has_hit(text.as_bytes());
        let n_before = self.n_events;
        // A different event inside it is only mentioned by it.
        let mut is_itself = false;
        // If one that ran into this one is inside it, the request of this one may be lost.
        let mut is_run_into = false;
        let asks = event.may_ask_for(&is_hit);
        if event.stands_alone(&is_hit) {
            self.contradicted(parsers, place, (event, carried), visit);
        } else {
            let names = ["event.action", "event.provider"].map(|field| event.text(field));
            let [action, provider] = &names;
            let wrapper = Wrapper::new(action.as_deref(), provider.as_deref());
            self.carried(parsers, place, (event, carried), &mut |candidate| {
                let may_be = event.may_be(&candidate.event);
                let is_apart = !may_be && event.is_apart_from(&candidate.event);
                // One whose request is lost, where this one has it, is a part of what this one was.
                let is_other = || {
                    let word = |text: &str| prefilter.word_at_hit(text);
                    asks && candidate.event.lacks_request()
                        || event.is_denied_by(&candidate.event, &word)
                };
                is_itself |= may_be && !is_other();
                is_run_into |= is_apart;
                // Such an event, and one that asks for it itself, is judged after those inside it.
                match is_apart || asks && !may_be {
                    true => visit(candidate),
                    false => visit(&candidate.in_wrapper(wrapper)),
                }
            });
        }
        let is_told = self.n_events > n_before;
        if !is_told || !is_itself && (asks || is_run_into) {
            itself(self, visit);
        }
    }

    /// Returns what is found in the fields of an event that no record has.
    fn carried_by<'v>(&self, event: Event<'v>) -> Vec<Met<'v>> {
        let carriers = event.carriers().into_iter();
        carriers.flat_map(|value| self.met_in(value)).collect()
    }

    /// Judges what is [carried by](Self::carried_by) an event.
    fn carried(
        &mut self,
        parsers: &mut Parsers,
        place: Place<'_>,
        (event, carried): (Event<'_>, Vec<Met<'_>>),
        visit: &mut dyn FnMut(&Candidate<'_>),
    ) {
        for met in carried {
            let text = match met {
                Met::Text(text, _) => Some(text),
                Met::Event(_) | Met::Made(_) | Met::NoEvent => None,
            };
            let prose = text.filter(|text| !envelope::begins_as_json(text));
            let told = self.invalid_text.take();
            self.is_record_cut = false;
            self.met(parsers, place, met, visit);
            if self.invalid_text.is_some() {
                let is_of_other = text.is_some_and(|text| event.is_contradicted_in(text));
                self.is_other_broken |= is_of_other;
                // Prose in a record is data of that record, which contains the needle. A record that is cut off, or a
                // part of another one, is not such data.
                if prose.is_some() && !self.is_record_cut && !is_of_other {
                    self.invalid_text = None;
                }
            }
            self.invalid_text = told.or(self.invalid_text.take());
        }
    }

    /// Judges the records in a document that itself says everything, but only those that may be of a different call:
    /// then the document or the record is damaged. Nothing else in it needs to be reported, except a part of such a
    /// record.
    fn contradicted(
        &mut self,
        parsers: &mut Parsers,
        place: Place<'_>,
        (event, carried): (Event<'_>, Vec<Met<'_>>),
        visit: &mut dyn FnMut(&Candidate<'_>),
    ) {
        let n_before = (self.n_events, self.n_documents);
        let told = (self.quality, self.is_duplicate, self.invalid_text.clone());
        let mut n_visited = 0;
        let was_other_broken = std::mem::take(&mut self.is_other_broken);
        self.carried(parsers, place, (event, carried), &mut |candidate| {
            if event.contradicts(&candidate.event) {
                n_visited += 1;
                visit(candidate);
            }
        });
        (self.n_events, self.n_documents) = (n_before.0 + n_visited, n_before.1);
        let (quality, is_duplicate, invalid_text) = told;
        // In a damaged document this may be more than data of the document.
        if !quality.is_lenient && !self.is_other_broken {
            self.invalid_text = invalid_text;
        }
        self.is_other_broken |= was_other_broken;
        if n_visited == 0 {
            (self.quality, self.is_duplicate) = (quality, is_duplicate);
        }
    }

    /// Judges an assembled object, as a row of a table.
    fn made(
        &mut self,
        parsers: &mut Parsers,
        level: usize,
        json: &[u8],
        visit: &mut dyn FnMut(&Candidate<'_>),
    ) {
        let n_before = self.n_events + self.n_documents;
        let text = Whole {
            is_row: true,
            ..Whole::strict(json)
        };
        let judged = match level + 1 {
            STRING_LEVELS_MAX.. => Err(parse::ParseError::TooDeep),
            level => self.text(parsers, level, text, visit),
        };
        let is_event = self.n_events + self.n_documents > n_before;
        if (judged.is_err() || !is_event) && self.prefilter.holds_needle(json) {
            let told = || "a row of a table in it is no event".to_owned();
            self.invalid_text.get_or_insert_with(told);
        }
    }

    /// Returns the place and the original text of each event in a text. If there are several, each gets its own.
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
        // Text that was built for the parser, from a row or from nearly valid JSON, has other offsets than the
        // original.
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
                // At least no two places are the same.
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
        let event = event.with_seam(self.seam);
        visit(&Candidate { event, unit, raw });
    }

    /// Judges a string of a text at `level`, if it has a hit: otherwise it contains no record that could match.
    /// Usually it is one JSON value. If not, it is a text like any other: several documents, or documents with other
    /// text around them.
    fn string(
        &mut self,
        parsers: &mut Parsers,
        place: Place<'_>,
        text: &str,
        visit: &mut dyn FnMut(&Candidate<'_>),
    ) {
        let text = text.as_bytes();
        let level = place.level;
        let mut hits = match place.is_row {
            true => self.prefilter.hits_in_rows(text),
            false => self.prefilter.hits(text),
        };
        if hits.first_from(0).is_none() {
            return;
        }
        let judged = match level + 1 {
            STRING_LEVELS_MAX.. => Err(parse::ParseError::TooDeep),
            level => {
                // Strict JSON only. If the text is several documents, a comment between them would hide all that
                // follow.
                self.text(parsers, level, Whole::strict(text), visit)
            }
        };
        match judged {
            Ok(()) => {}
            Err(parse::ParseError::TooDeep) if self.prefilter.holds_needle(text) => {
                self.invalid_text
                    .get_or_insert(judged.expect_err("it is one").to_string());
            }
            Err(parse::ParseError::TooDeep) => {}
            Err(parse::ParseError::Invalid(_)) => {
                let raw = (level == 0).then_some(place.raw);
                self.documents(level + 1, text, raw, visit);
                if unsound::goes_on(text) && self.prefilter.holds_needle(text) {
                    let told = || "it goes on behind the end of a record".to_owned();
                    self.invalid_text.get_or_insert_with(told);
                }
            }
        }
    }

    /// Judges the documents in a string. `raw` contains the string with escapes, if its place is known.
    fn documents(
        &mut self,
        level: usize,
        text: &[u8],
        raw: Option<&[u8]>,
        visit: &mut dyn FnMut(&Candidate<'_>),
    ) {
        let mut scanner = Scanner::new(Arc::clone(&self.prefilter)).at_level(level);
        scanner.start(0);
        let window = Window {
            bytes: text,
            base: 0,
            is_last: true,
            likely_start: None,
        };
        let Unit { start, end, .. } = self.unit;
        let (mut rest, mut from) = (raw, 0);
        let seam = self.seam;
        scanner.scan(window, &mut |candidate| {
            let found = rest.and_then(|raw| inner::find_escaped(raw.get(from..)?, candidate.raw));
            let own = match found {
                Some(n) => {
                    let at = from + n;
                    // Text with escapes is not shorter than without.
                    from = at + candidate.raw.len();
                    at as u64
                }
                None => {
                    // Do not search for the ones after it either: each would need a pass.
                    rest = None;
                    // At least a place of its own. Escapes are longer than what they stand for, so the document
                    // begins here or later.
                    candidate.unit.start
                }
            };
            let unit = Unit {
                start: start + own,
                end,
                ..candidate.unit
            };
            let event = candidate.event.with_seam(seam);
            visit(&Candidate {
                event,
                unit,
                raw: candidate.raw,
            });
        });
        self.n_events += scanner.stats.events_judged;
        self.n_documents += scanner.stats.documents_without_events;
        for defect in &scanner.defects {
            match defect.code {
                Code::InvalidUtf8 => self.quality.is_lossy = true,
                Code::LenientJson => self.quality.is_lenient = true,
                Code::DuplicateKeys => self.is_duplicate = true,
                code => {
                    self.is_record_cut |= code == Code::RecordCut;
                    self.invalid_text
                        .get_or_insert_with(|| defect.message.clone());
                }
            }
        }
    }
}

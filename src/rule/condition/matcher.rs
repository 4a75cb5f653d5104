//! Tests of one value of a field.

use std::cmp::Ordering;
use std::net::IpAddr;

use memchr::{memchr2_iter, memmem};

use super::comparison::Comparison;
use super::indicators::Indicators;
use super::network::{self, Network};
use super::pattern::Pattern;
use super::period::Period;
use super::text::{Case, text_of, time_text};
use super::wildcard::{Piece, Wildcard};
use crate::event::Scalar;

/// A test of one value.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rule) enum Matcher {
    /// It passes one of these.
    AnyOf(Vec<Matcher>),
    /// Its text is one of these.
    Texts(TextSet),
    /// It is less than the bound, or greater.
    Ordered(Comparison, Bound),
    /// It is a time before or after this one, or without a comparison inside it.
    Time(Option<Comparison>, Period),
    /// It is an address that is less than this one, or greater.
    Address(Comparison, IpAddr),
    /// It has this text at this place. The text is folded.
    Part {
        place: Place,
        text: String,
        case: Case,
    },
    Wildcard(Wildcard),
    Pattern(Pattern),
    /// It is an address in one of these networks.
    Networks(Vec<Network>),
    /// It has one of these.
    Indicators(Indicators),
}

/// The place of a text in another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rule) enum Place {
    Start,
    End,
    Anywhere,
}

impl Place {
    /// Returns whether `part` is at this place of `text`.
    pub(super) fn has(self, text: &str, part: &str) -> bool {
        match self {
            Self::Start => text.starts_with(part),
            Self::End => text.ends_with(part),
            Self::Anywhere => memmem::find(text.as_bytes(), part.as_bytes()).is_some(),
        }
    }

    /// Returns whether `part`, which is folded, is at this place of `text`, which is not.
    fn has_in_case(self, case: Case, text: &str, part: &str) -> bool {
        let folded = || self.has(&case.fold(text), part);
        if !case.is_of_ascii(text) {
            return folded();
        }
        let (text, part) = (text.as_bytes(), part.as_bytes());
        let Some(n_before) = text.len().checked_sub(part.len()) else {
            return false;
        };
        match (self, part) {
            (Self::Start, _) => text[..part.len()].eq_ignore_ascii_case(part),
            (Self::End, _) => text[n_before..].eq_ignore_ascii_case(part),
            (Self::Anywhere, []) => true,
            (Self::Anywhere, [first, ..]) => {
                let upper = first.to_ascii_uppercase();
                let mut places = memchr2_iter(*first, upper, &text[..=n_before]);
                let is_at = |at: usize| text[at..][..part.len()].eq_ignore_ascii_case(part);
                // In a text of one letter each place would be compared.
                places.by_ref().take(PLACES_MAX).any(is_at) || places.next().is_some() && folded()
            }
        }
    }
}

/// The number of places that are compared before a text is folded and searched.
const PLACES_MAX: usize = 32;

/// What a value is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rule) enum Bound {
    /// Texts are compared by their bytes.
    Text(String),
    /// Values that are no numbers, nor the text of one, do not pass.
    Number(f64),
    /// A number where both are numbers, else a text.
    Either { text: String, number: f64 },
}

/// Texts, one of which a value must be. There is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rule) struct TextSet {
    case: Case,
    /// Folded and sorted, without repeats.
    sorted: Vec<String>,
    /// As the rule has them.
    texts: Vec<String>,
}

/// With as many texts or fewer, each is compared.
const FEW_TEXTS: usize = 4;

impl TextSet {
    pub(in crate::rule) fn new(texts: Vec<String>, case: Case) -> Self {
        let folded = texts.iter().map(|text| case.fold(text).into_owned());
        let mut sorted: Vec<String> = folded.collect();
        sorted.sort_unstable();
        sorted.dedup();
        Self {
            case,
            sorted,
            texts,
        }
    }

    fn contains(&self, text: &str) -> bool {
        if self.sorted.len() <= FEW_TEXTS {
            return self.sorted.iter().any(|one| self.case.is_same(one, text));
        }
        let found = match self.case.is_of_ascii(text) {
            true => self.sorted.binary_search_by(|one| {
                let small = text.bytes().map(|byte| byte.to_ascii_lowercase());
                one.bytes().cmp(small)
            }),
            false => {
                let folded = self.case.fold(text);
                self.sorted
                    .binary_search_by(|one| one.as_str().cmp(&folded))
            }
        };
        found.is_ok()
    }

    pub(super) fn case(&self) -> Case {
        self.case
    }

    pub(super) fn texts(&self) -> &[String] {
        &self.texts
    }
}

impl Matcher {
    /// Returns the test that a value is this text.
    pub(in crate::rule) fn text(text: impl Into<String>, case: Case) -> Self {
        Self::Texts(TextSet::new(vec![text.into()], case))
    }

    /// Returns the test that a value has this text at this place.
    pub(in crate::rule) fn part(place: Place, text: &str, case: Case) -> Self {
        Self::Part {
            place,
            text: case.fold(text).into_owned(),
            case,
        }
    }

    /// Returns the test that a value matches these pieces of a pattern, by the simplest means.
    pub(in crate::rule) fn pieces(pieces: &[Piece], case: Case) -> Self {
        let is_any = |piece: Option<&Piece>| piece == Some(&Piece::AnyText);
        let (begins, ends) = (is_any(pieces.first()), is_any(pieces.last()));
        let inner = match pieces {
            [Piece::AnyText, inner @ .., Piece::AnyText]
            | [Piece::AnyText, inner @ ..]
            | [inner @ .., Piece::AnyText] => inner,
            inner => inner,
        };
        let chars = inner.iter().map(|piece| match piece {
            Piece::Char(c) => Some(*c),
            Piece::AnyChar | Piece::AnyText => None,
        });
        let Some(text) = chars.collect::<Option<String>>() else {
            return Self::Wildcard(Wildcard::new(pieces, case));
        };
        match (begins, ends) {
            (false, false) => Self::text(text, case),
            (false, true) => Self::part(Place::Start, &text, case),
            (true, false) => Self::part(Place::End, &text, case),
            (true, true) => Self::part(Place::Anywhere, &text, case),
        }
    }

    /// Returns the test that a value matches a pattern in which a star stands for any text, and nothing else is special.
    pub(in crate::rule) fn stars(pattern: &str, case: Case) -> Self {
        let pieces = pattern.chars().map(|c| match c {
            '*' => Piece::AnyText,
            c => Piece::Char(c),
        });
        Self::pieces(&pieces.collect::<Vec<_>>(), case)
    }

    /// Returns the test that a value passes one of these, with all texts of one kind in one set, and all networks in one list.
    pub(in crate::rule) fn any(matchers: Vec<Matcher>) -> Self {
        let mut others = Vec::new();
        let mut networks = Vec::new();
        let mut sets: Vec<TextSet> = Vec::new();
        for matcher in matchers {
            match matcher {
                Self::Networks(some) => networks.extend(some),
                Self::Texts(set) => match sets.iter_mut().find(|one| one.case == set.case) {
                    Some(one) => one.texts.extend(set.texts),
                    None => sets.push(set),
                },
                other => others.push(other),
            }
        }
        let sets = sets.into_iter();
        let mut all: Vec<Matcher> = sets
            .map(|set| Self::Texts(TextSet::new(set.texts, set.case)))
            .collect();
        if !networks.is_empty() {
            all.push(Self::Networks(networks));
        }
        all.extend(others);
        match all.len() {
            1 => all.remove(0),
            _ => Self::AnyOf(all),
        }
    }

    /// Returns whether a value passes.
    pub(super) fn accepts(&self, value: &Scalar<'_>) -> bool {
        match (self, value) {
            (_, Scalar::Text(text)) => self.accepts_text(text),
            (Self::Time(..), _) => self.accepts_text(&time_text(value)),
            (Self::AnyOf(matchers), _) => matchers.iter().any(|one| one.accepts(value)),
            _ => self.accepts_text(&text_of(value)),
        }
    }

    /// Returns whether a text passes.
    pub(in crate::rule) fn accepts_text(&self, value: &str) -> bool {
        match self {
            Self::AnyOf(matchers) => matchers.iter().any(|one| one.accepts_text(value)),
            Self::Texts(set) => set.contains(value),
            Self::Ordered(comparison, bound) => {
                order(value, bound).is_some_and(|order| comparison.accepts(order))
            }
            Self::Time(comparison, period) => period.accepts(*comparison, value),
            Self::Address(comparison, bound) => network::address(value)
                .is_some_and(|address| comparison.accepts(network::order(address, *bound))),
            Self::Part { place, text, case } => place.has_in_case(*case, value, text),
            Self::Wildcard(wildcard) => wildcard.matches(value),
            Self::Pattern(pattern) => pattern.matches(value),
            Self::Networks(networks) => network::address(value)
                .is_some_and(|address| networks.iter().any(|one| one.contains(address))),
            Self::Indicators(indicators) => indicators.are_in(value),
        }
    }

    /// Returns whether more texts pass than are written out.
    pub(super) fn has_wildcards(&self) -> bool {
        match self {
            Self::AnyOf(matchers) => matchers.iter().any(Self::has_wildcards),
            Self::Part { .. } | Self::Wildcard(_) | Self::Indicators(_) => true,
            Self::Texts(_)
            | Self::Ordered(..)
            | Self::Time(..)
            | Self::Address(..)
            | Self::Pattern(_)
            | Self::Networks(_) => false,
        }
    }

    /// Returns the number of texts and other things that a value is compared with.
    pub(super) fn n_tests(&self) -> usize {
        match self {
            Self::AnyOf(matchers) => matchers.iter().map(Self::n_tests).sum(),
            Self::Texts(set) => set.texts.len(),
            Self::Networks(networks) => networks.len(),
            Self::Indicators(indicators) => indicators.len(),
            Self::Ordered(..)
            | Self::Time(..)
            | Self::Address(..)
            | Self::Part { .. }
            | Self::Wildcard(_)
            | Self::Pattern(_) => 1,
        }
    }

    /// Returns the texts that are searched for in the value's text.
    pub(super) fn searched(&self) -> Vec<&str> {
        match self {
            Self::Part {
                place: Place::Anywhere,
                text,
                case: Case::Exact,
            } => vec![text],
            Self::Wildcard(wildcard) if wildcard.case() == Case::Exact => {
                let texts = wildcard.texts().filter(|text| !text.is_empty());
                texts.collect()
            }
            Self::AnyOf(matchers) => matchers.iter().flat_map(Self::searched).collect(),
            _ => Vec::new(),
        }
    }
}

fn order(value: &str, bound: &Bound) -> Option<Ordering> {
    let by_number = |number: &f64| value.trim().parse::<f64>().ok()?.partial_cmp(number);
    match bound {
        Bound::Text(text) => Some(value.cmp(text)),
        Bound::Number(number) => by_number(number),
        Bound::Either { text, number } => by_number(number).or_else(|| Some(value.cmp(text))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pattern_becomes_the_simplest_test() {
        use Piece::{AnyText, Char};
        let pieces = |pieces: &[Piece]| Matcher::pieces(pieces, Case::Exact);
        let part = |place| Matcher::part(place, "a", Case::Exact);
        assert_eq!(pieces(&[Char('a')]), Matcher::text("a", Case::Exact));
        assert_eq!(pieces(&[Char('a'), AnyText]), part(Place::Start));
        assert_eq!(pieces(&[AnyText, Char('a')]), part(Place::End));
        assert_eq!(
            pieces(&[AnyText, Char('a'), AnyText]),
            part(Place::Anywhere)
        );
        let any = pieces(&[AnyText]);
        assert!(any.accepts_text("") && any.accepts_text("a"));
        let both = pieces(&[AnyText, Char('a'), AnyText, Char('b'), AnyText]);
        assert!(matches!(&both, Matcher::Wildcard(_)));
        assert_eq!(both.searched(), ["a", "b"]);
    }

    proptest! {
        #[test]
        fn a_part_is_found_as_in_folded_text(
            text in "[aAbBkK\u{212a}Ä]{0,3}[aAb]{0,80}[aAbBkK\u{212a}ä]{0,5}",
            part in "[aAbBk\u{212a}Ä]{0,4}",
        ) {
            for case in [Case::Exact, Case::IgnoreAscii, Case::Ignore] {
                let (folded, folded_part) = (case.fold(&text), case.fold(&part));
                for place in [Place::Start, Place::End, Place::Anywhere] {
                    let found = Matcher::part(place, &part, case).accepts_text(&text);
                    prop_assert_eq!(found, place.has(&folded, &folded_part), "{:?} {:?}", case, place);
                }
                let texts = (0..9).map(|n| format!("{part}{n}")).chain([text.to_uppercase()]);
                let set = TextSet::new(texts.collect(), case);
                let is_in = set.sorted.iter().any(|one| *one == folded);
                prop_assert_eq!(set.contains(&text), is_in, "{:?}", case);
            }
        }
    }

    #[test]
    fn many_texts_are_one_set() {
        let texts: Vec<Matcher> = (0..10_000)
            .map(|n| Matcher::text(format!("Name{n}"), Case::Ignore))
            .collect();
        let set = Matcher::any(texts);
        assert!(matches!(&set, Matcher::Texts(_)));
        assert!(set.accepts_text("name9999") && set.accepts_text("NAME0"));
        assert!(!set.accepts_text("name10000"));
    }

    #[test]
    fn a_bound_is_a_number_where_both_are() {
        let accepts = |comparison, bound: &Bound, value| {
            Matcher::Ordered(comparison, bound.clone()).accepts_text(value)
        };
        let number = Bound::Number(22.0);
        assert!(accepts(Comparison::Greater, &number, "100"));
        assert!(!accepts(Comparison::Greater, &number, "x"));
        let either = Bound::Either {
            text: "22".to_owned(),
            number: 22.0,
        };
        assert!(accepts(Comparison::Less, &either, "3"));
        assert!(accepts(Comparison::GreaterOrEqual, &either, "x"));
        assert!(accepts(
            Comparison::Less,
            &Bound::Text("22".to_owned()),
            "100"
        ));
    }
}

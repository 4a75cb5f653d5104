//! Patterns with wildcards: any text, or any one character.

use memchr::memmem;

use super::text::Case;

/// A piece of a pattern as a parser reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rule) enum Piece {
    Char(char),
    /// Any one character.
    AnyChar,
    /// Any text, or none.
    AnyText,
}

/// A pattern with wildcards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rule) struct Wildcard {
    case: Case,
    /// The parts between the wildcards for any text; two at least. The first begins the text, the last ends it.
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// `None` is any one character.
    Chars(Vec<Option<char>>),
}

impl Wildcard {
    /// Makes a pattern of pieces. At least one is a wildcard.
    pub(super) fn new(pieces: &[Piece], case: Case) -> Self {
        let parts = pieces.split(|piece| *piece == Piece::AnyText);
        Self {
            case,
            parts: parts.map(|part| Part::of(part, case)).collect(),
        }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let text = self.case.fold(text);
        let Some((first, rest)) = self.parts.split_first() else {
            return text.is_empty();
        };
        let Some(after) = first.strip(&text) else {
            return false;
        };
        let Some((last, inner)) = rest.split_last() else {
            return after.is_empty();
        };
        let mut after = after;
        for part in inner {
            match part.skip_past(after) {
                Some(rest) => after = rest,
                None => return false,
            }
        }
        last.ends(after)
    }

    /// Returns the parts of plain text, each of which stands in every text that matches.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Chars(_) => None,
        })
    }

    pub(super) fn case(&self) -> Case {
        self.case
    }

    /// Returns the pattern as text, with `*` and `?`, in which a character that is one of these or a backslash has a
    /// backslash before it.
    pub(super) fn to_text(&self) -> String {
        let mut out = String::new();
        for (n, part) in self.parts.iter().enumerate() {
            if n > 0 {
                out.push('*');
            }
            let chars: Vec<Option<char>> = match part {
                Part::Text(text) => text.chars().map(Some).collect(),
                Part::Chars(chars) => chars.clone(),
            };
            for c in chars {
                if matches!(c, Some('*' | '?' | '\\')) {
                    out.push('\\');
                }
                out.push(c.unwrap_or('?'));
            }
        }
        out
    }
}

impl Part {
    fn of(pieces: &[Piece], case: Case) -> Self {
        let is_char = |piece: &Piece| matches!(piece, Piece::Char(_));
        let chars = pieces.iter().map(|piece| match piece {
            Piece::Char(c) => Some(*c),
            Piece::AnyChar | Piece::AnyText => None,
        });
        if pieces.iter().all(is_char) {
            let text: String = chars.flatten().collect();
            return Self::Text(case.fold(&text).into_owned());
        }
        let folded = |c: char| {
            let mut bytes = [0; 4];
            case.fold(c.encode_utf8(&mut bytes)).chars().next()
        };
        Self::Chars(chars.map(|c| c.and_then(folded)).collect())
    }

    /// Returns the rest of a text that begins with this part.
    fn strip<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Text(part) => text.strip_prefix(part.as_str()),
            Self::Chars(part) => {
                let mut chars = text.chars();
                let is_same = |one: &Option<char>| {
                    let c = chars.next();
                    c.is_some() && (one.is_none() || *one == c)
                };
                part.iter().all(is_same).then_some(chars.as_str())
            }
        }
    }

    /// Returns the rest of a text behind the first place that has this part.
    fn skip_past<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Text(part) => {
                let at = memmem::find(text.as_bytes(), part.as_bytes())?;
                text.get(at + part.len()..)
            }
            Self::Chars(_) => {
                let mut starts = text.char_indices();
                starts.find_map(|(at, _)| self.strip(text.get(at..)?))
            }
        }
    }

    /// Returns whether a text ends with this part.
    fn ends(&self, text: &str) -> bool {
        match self {
            Self::Text(part) => text.ends_with(part.as_str()),
            Self::Chars(part) => {
                let mut chars = text.chars().rev();
                part.iter().rev().all(|one| {
                    let c = chars.next();
                    c.is_some() && (one.is_none() || *one == c)
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(pattern: &str) -> Vec<Piece> {
        let pieces = pattern.chars().map(|c| match c {
            '*' => Piece::AnyText,
            '?' => Piece::AnyChar,
            c => Piece::Char(c),
        });
        pieces.collect()
    }

    /// The definition: a pattern matches as its first piece and the rest do.
    fn slow(pattern: &[Piece], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((Piece::AnyText, rest)) => (0..=text.len()).any(|n| slow(rest, &text[n..])),
            Some((piece, rest)) => text.split_first().is_some_and(|(c, after)| {
                (*piece == Piece::AnyChar || *piece == Piece::Char(*c)) && slow(rest, after)
            }),
        }
    }

    #[test]
    fn wildcards_cover_any_text_or_one_character() {
        for (pattern, text, is_match) in [
            ("*", "", true),
            ("a*", "a", true),
            ("*a", "ba", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "a-b-b-c", true),
            ("?", "", false),
            ("?", "é", true),
            ("*?", "", false),
            ("a?c*", "aéc", true),
            ("*b?", "abc", true),
            ("*b?d*", "abcabccd", false),
            ("*b?d*", "abcabxd.", true),
        ] {
            let wildcard = Wildcard::new(&pieces(pattern), Case::Exact);
            assert_eq!(wildcard.matches(text), is_match, "{pattern} {text}");
        }
    }

    #[test]
    fn case_counts_or_does_not() {
        let matches = |case, text| Wildcard::new(&pieces("Ä?C*d"), case).matches(text);
        assert!(matches(Case::Exact, "ÄxC--d"));
        assert!(!matches(Case::Exact, "Äxc--D"));
        assert!(matches(Case::IgnoreAscii, "Äxc--D"));
        assert!(!matches(Case::IgnoreAscii, "äxc--D"));
        assert!(matches(Case::Ignore, "äXc--D"));
    }

    proptest! {
        #[test]
        fn a_pattern_matches_as_its_definition_does(
            pattern in "[ab?*é]{0,6}[*?][ab?*é]{0,6}", text in "[abé]{0,10}",
        ) {
            let pieces = pieces(&pattern);
            let chars: Vec<char> = text.chars().collect();
            let wildcard = Wildcard::new(&pieces, Case::Exact);
            prop_assert_eq!(wildcard.matches(&text), slow(&pieces, &chars));
        }
    }
}

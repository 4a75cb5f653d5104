//! The modifiers of a field, and the test of one of its values.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::pcre;
use crate::rule::condition::{
    Bound, Case, Comparison, Field, Matcher, Network, Node, Pattern, PatternOptions, Piece, Place,
};

/// The most texts that one value may become.
const VARIANTS_MAX: usize = 625;

/// What `windash` puts in the place of a dash or a slash.
const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

/// The modifiers of a field.
#[derive(Debug, Default)]
pub(super) struct Modifiers {
    names: Vec<String>,
}

const KNOWN: [&str; 26] = [
    "contains",
    "startswith",
    "endswith",
    "all",
    "re",
    "i",
    "ignorecase",
    "m",
    "multiline",
    "s",
    "dotall",
    "cidr",
    "exists",
    "cased",
    "fieldref",
    "base64",
    "base64offset",
    "wide",
    "utf16le",
    "utf16be",
    "utf16",
    "windash",
    "lt",
    "lte",
    "gt",
    "gte",
];

impl Modifiers {
    pub(super) fn parse<'n>(names: impl Iterator<Item = &'n str>) -> Result<Self, String> {
        let names: Vec<String> = names.map(str::to_owned).collect();
        for name in &names {
            match name.as_str() {
                "expand" => return Err("a placeholder (the modifier `expand`)".to_owned()),
                "neq" => {}
                name if KNOWN.contains(&name) => {}
                name => return Err(format!("the modifier `{name}` is not supported")),
            }
        }
        Ok(Self { names })
    }

    /// Returns the modifiers of keywords in a list without a key.
    pub(super) fn of_plain_keywords() -> Self {
        Self {
            names: vec!["contains".to_owned()],
        }
    }

    /// Returns the modifiers of keywords, which are searched for anywhere in a text unless these say otherwise.
    pub(super) fn of_keywords(mut self) -> Result<Self, String> {
        let of_fields = ["exists", "fieldref", "neq", "lt", "lte", "gt", "gte"];
        let mut of_fields = of_fields.iter();
        if let Some(name) = of_fields.find(|name| self.has(name)) {
            return Err(format!(
                "the modifier `{name}` of keywords, which have no field"
            ));
        }
        if self.place().is_none() {
            self.names.push("contains".to_owned());
        }
        Ok(self)
    }

    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }

    fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.has(name))
    }

    pub(super) fn is_all(&self) -> bool {
        self.has("all")
    }

    pub(super) fn is_exists(&self) -> bool {
        self.has("exists")
    }

    pub(super) fn is_negated(&self) -> bool {
        self.has("neq")
    }

    fn case(&self) -> Case {
        match self.has_any(&["cased", "base64", "base64offset"]) {
            true => Case::Exact,
            false => Case::Ignore,
        }
    }

    /// Returns the place of a text in a value; `None` if it is the whole value.
    fn place(&self) -> Option<Place> {
        let places = [
            ("contains", Place::Anywhere),
            ("startswith", Place::Start),
            ("endswith", Place::End),
        ];
        let mut places = places.into_iter();
        places.find_map(|(name, place)| self.has(name).then_some(place))
    }

    /// Returns the condition that the field has this value.
    pub(super) fn node(&self, field: &Field, text: &str) -> Result<Node, String> {
        if self.has("fieldref") {
            return Ok(Node::Related {
                field: field.clone(),
                place: self.place(),
                part: Field::cloudtrail(text),
                case: self.case(),
            });
        }
        Ok(field.clone().value(self.matcher(text)?))
    }

    /// Returns the test of a value.
    pub(super) fn matcher(&self, text: &str) -> Result<Matcher, String> {
        let comparisons = [
            ("lt", Comparison::Less),
            ("lte", Comparison::LessOrEqual),
            ("gt", Comparison::Greater),
            ("gte", Comparison::GreaterOrEqual),
        ];
        let mut comparisons = comparisons.into_iter();
        if let Some((_, comparison)) = comparisons.find(|(name, _)| self.has(name)) {
            let number = text.trim().parse();
            let number = number.map_err(|_| format!("{text:?} is not a number"))?;
            return Ok(Matcher::Ordered(comparison, Bound::Number(number)));
        }
        if self.has("cidr") {
            let network = Network::parse(text);
            let network = network.ok_or_else(|| format!("{text:?} is not a network"))?;
            return Ok(Matcher::Networks(vec![network]));
        }
        if self.has("re") {
            let options = PatternOptions {
                is_anchored: false,
                ignores_case: self.has_any(&["i", "ignorecase"]),
                is_multi_line: self.has_any(&["m", "multiline"]),
                is_dot_all: self.has_any(&["s", "dotall"]),
            };
            let expression = pcre::translated(text, options.is_multi_line)?;
            let pattern = Pattern::with_source(text, &expression, options);
            let pattern = pattern.map_err(|error| error.to_string())?;
            return Ok(Matcher::Pattern(pattern));
        }
        self.texts(text)
    }

    /// Returns the test of a value that is a text, or one of those that it is encoded as.
    fn texts(&self, text: &str) -> Result<Matcher, String> {
        let is_encoded = self.has_any(&["base64", "base64offset"]);
        let mut variants = vec![text.as_bytes().to_vec()];
        let mut is_wide = false;
        for name in &self.names {
            match name.as_str() {
                "windash" => {
                    let dashed = variants
                        .iter()
                        .map(|one| windash(&String::from_utf8_lossy(one)));
                    let dashed = dashed.collect::<Result<Vec<_>, _>>()?.concat();
                    variants = dashed.into_iter().map(String::into_bytes).collect();
                }
                "wide" | "utf16le" | "utf16be" | "utf16" => {
                    is_wide = true;
                    variants.iter_mut().for_each(|one| *one = utf16(one, name));
                }
                "base64" => {
                    is_wide = false;
                    variants
                        .iter_mut()
                        .for_each(|one| *one = STANDARD.encode(&*one).into_bytes());
                }
                "base64offset" => {
                    is_wide = false;
                    let offsets = variants.iter().flat_map(|one| base64_offsets(one));
                    variants = offsets.map(String::into_bytes).collect();
                }
                _ => {}
            }
        }
        if is_wide {
            return Err("UTF-16 without base64 after it".to_owned());
        }
        let matchers = variants.iter().map(|variant| {
            let text = String::from_utf8_lossy(variant);
            let own: Vec<Piece> = match is_encoded {
                true => text.chars().map(Piece::Char).collect(),
                false => pieces(&text),
            };
            let mut pieces = Vec::new();
            let place = self.place();
            if matches!(place, Some(Place::Anywhere | Place::End)) {
                pieces.push(Piece::AnyText);
            }
            pieces.extend(own);
            if matches!(place, Some(Place::Anywhere | Place::Start)) {
                pieces.push(Piece::AnyText);
            }
            Matcher::pieces(&pieces, self.case())
        });
        Ok(Matcher::any(matchers.collect()))
    }
}

/// Reads a pattern: `*` and `?` are wildcards, and a backslash before one of these or another backslash makes it a
/// character.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut chars = text.chars().peekable();
    let mut pieces = Vec::new();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            '*' => Piece::AnyText,
            '?' => Piece::AnyChar,
            '\\' => {
                let escaped = chars.next_if(|c| matches!(c, '*' | '?' | '\\'));
                Piece::Char(escaped.unwrap_or('\\'))
            }
            c => Piece::Char(c),
        });
    }
    pieces
}

/// Returns the text with each dash or slash before a word in all forms that Windows takes for one.
fn windash(text: &str) -> Result<Vec<String>, String> {
    let is_word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric() || *c == '_');
    let chars: Vec<char> = text.chars().collect();
    let mut variants = vec![String::new()];
    for (n, c) in chars.iter().enumerate() {
        let before = n.checked_sub(1).and_then(|n| chars.get(n));
        let is_dash = matches!(c, '-' | '/') && !is_word(before) && is_word(chars.get(n + 1));
        if !is_dash {
            variants.iter_mut().for_each(|one| one.push(*c));
            continue;
        }
        if variants.len() * DASHES.len() > VARIANTS_MAX {
            return Err("`windash` of a text with more than four dashes".to_owned());
        }
        let with = |one: &String| DASHES.map(|dash| format!("{one}{dash}"));
        variants = variants.iter().flat_map(with).collect();
    }
    Ok(variants)
}

/// Returns a text as the bytes of UTF-16.
fn utf16(text: &[u8], form: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let units = text.encode_utf16();
    match form {
        "utf16be" => units.flat_map(u16::to_be_bytes).collect(),
        "utf16" => [0xff, 0xfe]
            .into_iter()
            .chain(units.flat_map(u16::to_le_bytes))
            .collect(),
        _ => units.flat_map(u16::to_le_bytes).collect(),
    }
}

/// Returns what is sure of a text in base64, wherever it begins in what is encoded.
fn base64_offsets(bytes: &[u8]) -> Vec<String> {
    const STARTS: [usize; 3] = [0, 2, 3];
    const ENDS: [usize; 3] = [0, 3, 2];
    let each = STARTS.iter().enumerate().map(|(offset, start)| {
        let mut shifted = vec![b' '; offset];
        shifted.extend_from_slice(bytes);
        let encoded = STANDARD.encode(&shifted);
        let end = encoded.len().saturating_sub(ENDS[shifted.len() % 3]);
        encoded.get(*start..end).unwrap_or_default().to_owned()
    });
    each.collect()
}

//! Text -> YAML documents, each value with its position.
//!
//! The crate gives events; the values are built here, with limits on their depth and number, so that no text can make
//! them large: neither deep nesting nor aliases of aliases.
//!
//! Plain scalars are read by the rules of YAML 1.1, as Sigma's own tools do, so `no` is a boolean. Numbers and dates
//! keep their text.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

/// The deepest nesting. Rules have five levels.
const DEPTH_MAX: usize = 32;

/// The most values in one file, aliases counted as what they stand for.
const VALUES_MAX: usize = 200_000;

/// A problem and its position, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rule) struct Fault {
    pub(in crate::rule) line: usize,
    pub(in crate::rule) column: usize,
    pub(in crate::rule) reason: String,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Yaml {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) data: Data,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    Null,
    Boolean(bool),
    /// A number, as text.
    Number(String),
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(Yaml, Yaml)>),
}

impl Yaml {
    pub(super) fn fault(&self, reason: impl Into<String>) -> Fault {
        Fault {
            line: self.line,
            column: self.column,
            reason: reason.into(),
        }
    }

    /// Returns the value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let found = self
            .map()?
            .iter()
            .find(|(name, _)| name.text().as_deref() == Some(key));
        found.map(|(_, value)| value)
    }

    pub(super) fn map(&self) -> Option<&[(Self, Self)]> {
        match &self.data {
            Data::Map(members) => Some(members),
            _ => None,
        }
    }

    /// Returns the text of a scalar; `None` for null, lists and maps.
    pub(super) fn text(&self) -> Option<String> {
        match &self.data {
            Data::Text(text) | Data::Number(text) => Some(text.clone()),
            Data::Boolean(boolean) => Some(boolean.to_string()),
            Data::Null | Data::List(_) | Data::Map(_) => None,
        }
    }

    /// Returns the texts of a list of scalars, or of one.
    pub(super) fn texts(&self) -> Vec<String> {
        match &self.data {
            Data::List(items) => items.iter().filter_map(Self::text).collect(),
            _ => self.text().into_iter().collect(),
        }
    }

    fn n_values(&self) -> usize {
        1 + match &self.data {
            Data::List(items) => items.iter().map(Self::n_values).sum(),
            Data::Map(members) => {
                let members = members.iter();
                members
                    .map(|(key, value)| key.n_values() + value.n_values())
                    .sum()
            }
            _ => 0,
        }
    }
}

/// Reads all documents of a text.
pub(super) fn documents(text: &str) -> Result<Vec<Yaml>, Fault> {
    let mut builder = Builder::default();
    // A mark at the start says that the text is UTF-8.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| fault(error.marker(), error.info()))?;
        builder.take(event, span)?;
    }
    Ok(builder.documents)
}

fn fault(at: &Marker, reason: &str) -> Fault {
    Fault {
        line: at.line(),
        column: at.col() + 1,
        reason: reason.to_owned(),
    }
}

/// A list or a map that is not yet complete.
struct Open {
    yaml: Yaml,
    anchor: usize,
    /// A key that waits for its value.
    key: Option<Yaml>,
}

#[derive(Default)]
struct Builder {
    documents: Vec<Yaml>,
    open: Vec<Open>,
    anchored: HashMap<usize, Yaml>,
    n_values: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        let at = &span.start;
        let yaml = |data| Yaml {
            line: at.line(),
            column: at.col() + 1,
            data,
        };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = style != ScalarStyle::Plain || tag.is_some();
                let data = match is_text {
                    true => Data::Text(text.into_owned()),
                    false => plain(&text),
                };
                self.add(yaml(data), anchor, at)
            }
            Event::SequenceStart(anchor, _) => self.open(yaml(Data::List(Vec::new())), anchor, at),
            Event::MappingStart(anchor, _) => self.open(yaml(Data::Map(Vec::new())), anchor, at),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { yaml, anchor, .. }) => self.add(yaml, anchor, at),
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchored.get(&anchor).cloned() {
                Some(value) => {
                    self.n_values += value.n_values();
                    self.add(value, 0, at)
                }
                None => Err(fault(at, "an alias of what it is inside of")),
            },
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn open(&mut self, yaml: Yaml, anchor: usize, at: &Marker) -> Result<(), Fault> {
        if self.open.len() == DEPTH_MAX {
            let reason = format!("values are nested more than {DEPTH_MAX} deep");
            return Err(fault(at, &reason));
        }
        let key = None;
        self.open.push(Open { yaml, anchor, key });
        Ok(())
    }

    /// Adds a complete value to what it is inside of.
    fn add(&mut self, yaml: Yaml, anchor: usize, at: &Marker) -> Result<(), Fault> {
        self.n_values += 1;
        if self.n_values > VALUES_MAX {
            return Err(fault(at, &format!("more than {VALUES_MAX} values")));
        }
        if anchor > 0 {
            self.n_values += yaml.n_values();
            self.anchored.insert(anchor, yaml.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(yaml);
            return Ok(());
        };
        match &mut open.yaml.data {
            Data::List(items) => items.push(yaml),
            Data::Map(members) => match open.key.take() {
                None => open.key = Some(yaml),
                Some(key) => {
                    if members.iter().any(|(other, _)| other.data == key.data) {
                        return Err(key.fault("a key that is there twice"));
                    }
                    members.push((key, yaml));
                }
            },
            _ => {}
        }
        Ok(())
    }
}

/// Reads a scalar without quotes.
fn plain(text: &str) -> Data {
    let is_in = |words: &[&str]| {
        // In YAML 1.1 a word is in lower case, in capitals, or has one at its start.
        words.iter().any(|word| {
            let is_spelt = || {
                let rest = text.get(1..).unwrap_or_default();
                let has_lower = rest.bytes().any(|byte| byte.is_ascii_lowercase());
                let has_upper = rest.bytes().any(|byte| byte.is_ascii_uppercase());
                let is_capital = text.bytes().next().is_some_and(|b| b.is_ascii_uppercase());
                !has_upper || !has_lower && is_capital
            };
            text.eq_ignore_ascii_case(word) && is_spelt()
        })
    };
    if matches!(text, "" | "~") || is_in(&["null"]) {
        return Data::Null;
    }
    if is_in(&["true", "yes", "on"]) {
        return Data::Boolean(true);
    }
    if is_in(&["false", "no", "off"]) {
        return Data::Boolean(false);
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_number = digits
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_digit())
        && text.parse::<f64>().is_ok();
    match is_number {
        true => Data::Number(text.strip_prefix('+').unwrap_or(text).to_owned()),
        false => Data::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_have_values_with_their_positions() {
        let text = "a: 1\nb:\n  - no\n  - 'no'\n  - null\n---\nc: {d: e}\n";
        let documents = documents(text).unwrap();
        assert_eq!(documents.len(), 2);
        assert_eq!(
            documents[0].get("a").unwrap().data,
            Data::Number("1".to_owned())
        );
        let Data::List(items) = &documents[0].get("b").unwrap().data else {
            panic!("{documents:?}");
        };
        let data: Vec<&Data> = items.iter().map(|item| &item.data).collect();
        let text = Data::Text("no".to_owned());
        assert_eq!(data, [&Data::Boolean(false), &text, &Data::Null]);
        assert_eq!((items[1].line, items[1].column), (4, 5));
        assert_eq!(
            documents[1].get("c").unwrap().get("d").unwrap().texts(),
            ["e"]
        );
    }

    #[test]
    fn what_is_no_yaml_says_where() {
        for (text, line) in [
            ("a: [", 1),
            ("a: b\n c: d", 2),
            ("a: 1\na: 2", 2),
            ("a: *b", 1),
        ] {
            let fault = documents(text).unwrap_err();
            assert!(
                fault.line >= line && !fault.reason.is_empty(),
                "{text}: {fault:?}"
            );
        }
    }

    #[test]
    fn neither_depth_nor_aliases_explode() {
        assert!(documents(&"[".repeat(100_000)).is_err());
        let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (name, inner) in [
            ('b', 'a'),
            ('c', 'b'),
            ('d', 'c'),
            ('e', 'd'),
            ('f', 'e'),
            ('g', 'f'),
        ] {
            let items = vec![format!("*{inner}"); 10].join(", ");
            bomb += &format!("{name}: &{name} [{items}]\n");
        }
        let fault = documents(&bomb).unwrap_err();
        assert_eq!(fault.reason, "more than 200000 values");
        assert!(documents("a: &a [*a]").is_err());
    }
}

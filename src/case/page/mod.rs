//! A case as a self-contained page (no network access), and the same as text for a ticket.
//!
//! `facts` derives the facts about each user from the events. `words` puts them into sentences. `event_text` writes what
//! an event says. `lacking` lists what the archive cannot show. `plot` draws the user's activity. All text in a log was
//! chosen by the sender of a request: it goes through [`shown`], and the templates escape all their values.

mod event_text;
mod facts;
mod keys;
mod lacking;
mod markdown;
mod own;
mod plot;
mod words;

use std::collections::BTreeMap;

use askama::Template;
use serde_json::json;

use super::touched::in_words;
use super::{Case, CaseEvent};
use crate::error::PageError;
use crate::output::Column;
use facts::Facts;

/// Text in the first lines of the two kinds of reports, by which they are recognized.
pub const MARKS: [&str; 2] = [
    r#"<meta name="generator" content="trailsift">"#,
    "[//]: # (a report of trailsift)",
];

/// Maximum number of characters of a text from a log that are shown; the tables of the case contain the full text.
const SHOWN_CHARS: usize = 200;

#[derive(Template)]
#[template(path = "report.html", config = "src/case/page/askama.toml")]
struct Page<'a> {
    facts: &'a Facts,
    events: String,
}

#[derive(Template)]
#[template(path = "report.md", config = "src/case/page/askama.toml")]
struct Ticket<'a> {
    facts: &'a Facts,
}

/// Renders the page.
///
/// # Errors
///
/// The template's error.
pub fn render(case: &Case) -> Result<String, PageError> {
    let page = Page {
        facts: &Facts::of(case),
        events: events(case),
    };
    Ok(page.render()?)
}

/// Renders the same in Markdown, without the plots and the list of all events.
///
/// # Errors
///
/// The template's error.
pub fn markdown(case: &Case) -> Result<String, PageError> {
    let facts = &Facts::of(case);
    Ok(Ticket { facts }.render()?)
}

/// Returns text of a log in a form that is safe to show: without characters that change how the text around them is
/// displayed, and not too long.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::new();
    for (n, c) in text.chars().enumerate() {
        if n == SHOWN_CHARS {
            out.push_str(&format!("… ({} bytes)", text.len()));
            break;
        }
        let is_format = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        match c.is_control() || is_format {
            true => out.extend(c.escape_unicode()),
            false => out.push(c),
        }
    }
    out
}

/// Returns the events for the table that is paged and filtered in the page: each text once, and rows of the numbers of
/// texts. The result is JSON in which nothing can close the element that contains it.
fn events(case: &Case) -> String {
    let mut texts = Texts::default();
    let rows: Vec<_> = case
        .events
        .iter()
        .map(|event| row(event, &mut texts))
        .collect();
    let text = json!({"texts": texts.all, "rows": rows}).to_string();
    text.replace('<', "\\u003c")
}

/// Texts, each with its number.
#[derive(Default)]
struct Texts {
    all: Vec<String>,
    numbers: BTreeMap<String, usize>,
}

impl Texts {
    fn number(&mut self, text: &str) -> usize {
        let text = shown(text);
        if let Some(number) = self.numbers.get(&text) {
            return *number;
        }
        self.all.push(text.clone());
        self.numbers.insert(text, self.all.len() - 1);
        self.all.len() - 1
    }
}

fn row(event: &CaseEvent, texts: &mut Texts) -> serde_json::Value {
    let column = |name| event.alert.text(name).unwrap_or_default();
    let who = [column(Column::ActorArn), column(Column::ActorName)];
    let who = who.into_iter().find(|text| !text.is_empty());
    let error = event.story.error_code.as_deref().unwrap_or_default();
    json!([
        event
            .alert
            .time()
            .map_or_else(String::new, |time| time.to_string()),
        texts.number(event.relation),
        event.hops,
        texts.number(who.unwrap_or_default()),
        texts.number(column(Column::AccessKeyId)),
        texts.number(
            column(Column::EventProvider)
                .split('.')
                .next()
                .unwrap_or_default()
        ),
        texts.number(column(Column::EventAction)),
        texts.number(error),
        texts.number(column(Column::SourceAddress)),
        texts.number(column(Column::AwsRegion)),
        texts.number(column(Column::AccountId)),
        texts.number(&in_words(&event.story.touched)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_change_the_text_round_it_is_shown_as_what_it_is() {
        assert_eq!(
            shown("a\u{202e}b\n\u{1b}[31m\u{2028}"),
            "a\\u{202e}b\\u{a}\\u{1b}[31m\\u{2028}"
        );
        assert_eq!(shown("<b> é 漢"), "<b> é 漢");
        let long = "é".repeat(100_000);
        assert_eq!(shown(&long), format!("{}… (200000 bytes)", "é".repeat(200)));
    }
}

//! The events of a case for the table that the page filters and sorts by itself, as JSON.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::event_text::target;
use super::{made_visible, shown};
use crate::case::{Case, CaseEvent};
use crate::output::Column;

/// The most bytes of raw records that a page has; the others are in the table of events.
const RAW_BYTES_MAX: usize = 8 << 20;
/// The most characters of one raw record.
const RAW_CHARS_MAX: usize = 64 << 10;

/// Returns the events: each text once, and rows of the numbers of texts. The result is JSON in which nothing can close
/// the element that contains it.
pub(super) fn rows(case: &Case) -> String {
    let mut texts = Texts::default();
    let owners = owners(case);
    let mut room = RAW_BYTES_MAX;
    let rows: Vec<Value> = case
        .events
        .iter()
        .zip(&owners)
        .map(|(event, owners)| row(event, owners, &mut texts, &mut room))
        .collect();
    let users = case
        .users
        .iter()
        .map(|user| shown(&user.beginning.entity.name));
    let users: Vec<String> = users.collect();
    let text = json!({"texts": texts.all, "rows": rows, "users": users}).to_string();
    text.replace('<', "\\u003c")
}

/// Returns for each event the users whose part it is in, by their numbers.
fn owners(case: &Case) -> Vec<Vec<usize>> {
    let mut owners: Vec<Vec<usize>> = vec![Vec::new(); case.events.len()];
    for (nth, user) in case.users.iter().enumerate() {
        for position in user.positions() {
            if let Some(of_event) = owners.get_mut(*position) {
                of_event.push(nth);
            }
        }
    }
    owners
}

/// Texts, each with its number.
#[derive(Default)]
struct Texts {
    all: Vec<String>,
    numbers: HashMap<String, usize>,
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

/// Returns a row: its columns are those of the table in `report.html`, then what is shown on a click.
fn row(event: &CaseEvent, owners: &[usize], texts: &mut Texts, room: &mut usize) -> Value {
    let column = |name| event.alert.text(name).unwrap_or_default();
    let who = [column(Column::ActorArn), column(Column::ActorName)];
    let who = who.into_iter().find(|text| !text.is_empty());
    let error = event.story.error_code.as_deref().unwrap_or_default();
    let provider = column(Column::EventProvider);
    let raw = column(Column::RawEvent);
    let raw = match raw.len() <= *room {
        true => {
            *room -= raw.len();
            made_visible(raw, RAW_CHARS_MAX)
        }
        false => String::new(),
    };
    let (index, offset) = event.alert.place();
    json!([
        event
            .alert
            .time()
            .map_or_else(String::new, |time| time.to_string()),
        texts.number(event.relation),
        texts.number(who.unwrap_or_default()),
        texts.number(column(Column::AccessKeyId)),
        texts.number(provider.split('.').next().unwrap_or_default()),
        texts.number(column(Column::EventAction)),
        texts.number(&target(event)),
        texts.number(error),
        texts.number(column(Column::SourceAddress)),
        texts.number(column(Column::AwsRegion)),
        texts.number(column(Column::AccountId)),
        event.hops,
        texts.number(column(Column::EventId)),
        texts.number(&source(event)),
        index,
        offset,
        owners,
        raw,
    ])
}

/// Returns the file, and the log inside it if it is an archive.
fn source(event: &CaseEvent) -> String {
    let source = event.alert.text(Column::Source).unwrap_or_default();
    match event.alert.text(Column::SourceMember) {
        Some(member) => format!("{source}!{member}"),
        None => source.to_owned(),
    }
}

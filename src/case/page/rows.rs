//! The events of a case for the table that the page filters and sorts by itself, as JSON.

use std::collections::{BTreeSet, HashMap};
use std::ptr::from_ref;

use serde_json::{Value, json};

use super::event_text::target;
use super::{shown, shown_record};
use crate::case::state::{Party, UserState};
use crate::case::{Case, CaseEvent};
use crate::output::Column;

/// The most bytes of raw records that a page has; the others are in the table of events.
const RAW_BYTES_MAX: usize = 8 << 20;
/// The most characters of one raw record.
const RAW_CHARS_MAX: usize = 64 << 10;

/// Returns the events, those after the windows of the quarantines too: each text once, and rows of the numbers of texts.
/// The result is JSON in which nothing can close the element that contains it.
pub(super) fn rows(case: &Case, states: &[UserState<'_>]) -> String {
    let mut texts = Texts::default();
    let mut parts = parts(states);
    let mut room = RAW_BYTES_MAX;
    let mut all: Vec<&CaseEvent> = case.events.iter().chain(&case.later).collect();
    all.sort_by_key(|event| event.alert.time());
    let rows: Vec<Value> = all
        .into_iter()
        .map(|event| {
            let parts = parts.remove(&from_ref(event)).unwrap_or_default();
            row(event, &parts, &mut texts, &mut room)
        })
        .collect();
    let users = names(case);
    let text = json!({"texts": texts.all, "rows": rows, "users": users}).to_string();
    text.replace('<', "\\u003c")
}

/// Returns the names of the users, with their accounts where two have the same name.
fn names(case: &Case) -> Vec<String> {
    let mut n_of_name: HashMap<&str, usize> = HashMap::new();
    for user in &case.users {
        *n_of_name.entry(&user.beginning.entity.name).or_default() += 1;
    }
    let names = case.users.iter().map(|user| {
        let entity = &user.beginning.entity;
        let is_shared = n_of_name.get(entity.name.as_str()).is_some_and(|n| *n > 1);
        match (is_shared, entity.account.as_str()) {
            (true, "") => format!("{} in any account", shown(&entity.name)),
            (true, account) => format!("{} in {}", shown(&entity.name), shown(account)),
            (false, _) => shown(&entity.name),
        }
    });
    names.collect()
}

/// The part of an event in the cases of users.
#[derive(Default)]
struct EventPart {
    /// The users, by their numbers.
    owners: Vec<usize>,
    /// Whose call it was, for each of them.
    parties: BTreeSet<Party>,
    /// True if it is in the window of a quarantine of one of them.
    is_near: bool,
}

/// Returns the part of each event.
fn parts(states: &[UserState<'_>]) -> HashMap<*const CaseEvent, EventPart> {
    let mut parts: HashMap<*const CaseEvent, EventPart> = HashMap::new();
    for (nth, state) in states.iter().enumerate() {
        for one in &state.events {
            let part = parts.entry(from_ref(one.event)).or_default();
            part.owners.push(nth);
            part.parties.insert(one.by.party);
            part.is_near |= !one.is_later;
        }
    }
    parts
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
fn row(event: &CaseEvent, part: &EventPart, texts: &mut Texts, room: &mut usize) -> Value {
    let column = |name| event.alert.text(name).unwrap_or_default();
    let who = [column(Column::ActorArn), column(Column::ActorName)];
    let who = who.into_iter().find(|text| !text.is_empty());
    let error = event.story.error_code.as_deref().unwrap_or_default();
    let provider = column(Column::EventProvider);
    let raw = column(Column::RawEvent);
    let raw = match raw.len() <= *room {
        true => {
            *room -= raw.len();
            shown_record(raw, RAW_CHARS_MAX)
        }
        false => String::new(),
    };
    let (index, offset) = event.alert.place();
    let parties: Vec<&str> = part.parties.iter().map(|party| party.name()).collect();
    let relation = match part.is_near {
        true => event.relation.to_owned(),
        false => format!("{} (later)", event.relation),
    };
    json!([
        event
            .alert
            .time()
            .map_or_else(String::new, |time| time.to_string()),
        texts.number(&parties.join(", ")),
        texts.number(&relation),
        texts.number(who.unwrap_or_default()),
        texts.number(column(Column::ActorAccessKeyId)),
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
        part.owners,
        raw,
    ])
}

/// Returns the file, and the log inside it if it is an archive.
fn source(event: &CaseEvent) -> String {
    let source = event.alert.text(Column::LogFilePath).unwrap_or_default();
    match event.alert.text(Column::LogFileMember) {
        Some(member) => format!("{source}!{member}"),
        None => source.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::state::states;
    use crate::case::testing::{ACCOUNT, TestEvent, case_of};

    #[test]
    fn users_of_one_name_are_told_apart_and_a_record_keeps_its_lines() {
        let mut first = TestEvent::quarantine("alice", "2024-05-10T12:00:00Z");
        let record = "{\n\t\"a\": \"</script>\u{202e}\u{1b}\"\r\n}";
        first.columns.insert("raw_event", record.to_owned());
        let mut second = TestEvent::quarantine("alice", "2024-05-11T12:00:00Z");
        second.account = "444455556666".to_owned();
        for one in &mut second.traces.on {
            one.account = "444455556666".to_owned();
        }
        let third = TestEvent::quarantine("bob", "2024-05-11T12:00:00Z");
        let case = case_of(vec![first, second, third]);
        let text = rows(&case, &states(&case));
        assert!(!text.contains("</script>"), "{text}");
        let rows: Value = serde_json::from_str(&text).unwrap();
        let users = [
            "alice in ".to_owned() + ACCOUNT,
            "bob".into(),
            "alice in 444455556666".into(),
        ];
        assert_eq!(rows["users"], json!(users));
        let raw = rows["rows"][0].as_array().unwrap().last().unwrap();
        assert_eq!(raw, "{\n\t\"a\": \"</script>\\u{202e}\\u{1b}\"\r\n}");
        let texts = rows["texts"].as_array().unwrap();
        assert!(texts.contains(&json!("AWS")) && texts.contains(&json!("quarantine")));
    }
}

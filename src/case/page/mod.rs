//! A case as a self-contained page (no network access), and the same as text for a ticket.
//!
//! `facts` derives the facts about each user from the events: `verdict` says what leaked and what is open, `commands`
//! what to do now about the `things` that are left, `bursts` what happened, `tables` the rest, and `words` puts it into
//! sentences. `chart` draws the
//! user's activity, and `rows` has the events that the page filters by itself. `event_text` writes what an event says,
//! and `clock` its time. `lacking` lists what the archive cannot show. All text in a log was chosen by the sender of a
//! request: it goes through [`shown`], and the templates escape all their values.

mod action;
mod bursts;
mod chart;
mod clock;
mod commands;
mod data;
mod event_text;
mod facts;
mod keys;
mod lacking;
mod markdown;
mod own;
mod places;
mod removal;
mod rows;
mod steps;
mod tables;
mod things;
mod unknown;
mod verdict;
mod words;

use askama::Template;
use jiff::tz::TimeZone;

use super::Case;
use super::shell::is_hidden;
use super::state::states;
use super::threads::Threads;
use crate::error::PageError;
use clock::Clock;
use facts::Facts;
use rows::rows;

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

/// Renders the page, on this number of threads (0 means one for each core). With a time zone, local times are beside
/// those in UTC.
///
/// # Errors
///
/// The template's error.
pub fn render(case: &Case, zone: Option<&TimeZone>, n_threads: usize) -> Result<String, PageError> {
    let threads = Threads::new(n_threads);
    let clock = Clock::new(zone.cloned());
    let states = states(case);
    let (facts, events) = threads.both(
        || Facts::new(case, &states, &clock, &threads),
        || rows(case, &states),
    );
    let page = Page {
        facts: &facts,
        events,
    };
    Ok(page.render()?)
}

/// Renders the same in Markdown, without the plots and the list of all events.
///
/// # Errors
///
/// The template's error.
pub fn markdown(case: &Case, zone: Option<&TimeZone>) -> Result<String, PageError> {
    let clock = Clock::new(zone.cloned());
    let facts = &Facts::new(case, &states(case), &clock, &Threads::new(1));
    Ok(Ticket { facts }.render()?)
}

/// Returns text of a log in a form that is safe to show: without characters that change how the text around them is
/// displayed, and not too long.
pub(crate) fn shown(text: &str) -> String {
    made_visible(text, SHOWN_CHARS, &is_hidden)
}

/// Returns a record in such a form, with its line breaks and tabs, and with another limit.
fn shown_record(text: &str, chars_max: usize) -> String {
    made_visible(text, chars_max, &|c| {
        is_hidden(c) && !matches!(c, '\n' | '\r' | '\t')
    })
}

fn made_visible(text: &str, chars_max: usize, is_hidden: &dyn Fn(char) -> bool) -> String {
    // Most texts have nothing to change, and a byte for each character.
    if text.len() <= chars_max && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut out = String::new();
    for (n, c) in text.chars().enumerate() {
        if n == chars_max {
            out.push_str(&format!("… ({} bytes)", text.len()));
            break;
        }
        match is_hidden(c) {
            true => out.extend(c.escape_unicode()),
            false => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::testing::{Call, TestEvent, case, case_of, key, quarantine, user};
    use crate::steps;

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

    #[test]
    fn the_page_grows_with_the_events_and_not_with_users_times_events() {
        let of_size = |n_users: usize, n_calls: usize| {
            let mut events = Vec::new();
            for n in 0..n_users {
                let (user, key) = (format!("user-{n:04}"), format!("AKIAEXAMPLE{n:09}"));
                events.push(TestEvent::quarantine(&user, "2024-05-10T12:00:00Z"));
                for nth in 0..n_calls {
                    let time = format!("2024-05-{:02}T13:{:02}:00Z", 1 + nth % 9, nth / 9 % 60);
                    events.push(TestEvent::call(&user, &key, "s3", "ListBuckets", &time));
                }
            }
            let n_events = events.len() as u64;
            let case = case_of(events);
            let (n_steps, page) = steps::count(|| render(&case, None, 1).unwrap());
            (n_steps / n_events, page.len() as u64 / n_users as u64)
        };
        let (few, bytes) = of_size(10, 20);
        for (n_users, n_calls) in [(200, 20), (10, 400), (400, 1)] {
            let (many, of_user) = of_size(n_users, n_calls);
            assert!(many <= few + 5, "{n_users} x {n_calls}: {many}, {few}");
            assert!(n_calls > 20 || of_user <= bytes, "{of_user}, {bytes}");
        }
    }

    #[test]
    fn the_page_of_one_user_grows_with_what_it_made() {
        let steps_of = |n_made: usize| {
            let mut calls = vec![quarantine("alice")];
            for n in 0..n_made {
                let at = format!("05-09 10:{:02}", n % 60);
                let by_alice = |name: &str| Call::new(&at, name).by("alice", "AKIAEXAMPLE");
                let made = user(&format!("made-{n}"));
                let key = key(&format!("AKIAMADE{n:012}"));
                calls.push(by_alice("CreateUser").made(made.clone()));
                calls.push(by_alice("AttachUserPolicy").on(made.clone()));
                calls.push(by_alice("CreateAccessKey").on(made).made(key));
            }
            let case = case(&user("alice"), &calls);
            let (n_steps, _) = steps::count(|| markdown(&case, None).unwrap());
            n_steps / calls.len() as u64
        };
        let (few, many) = (steps_of(20), steps_of(400));
        assert!(many <= few + 5, "{many}, {few}");
    }

    #[test]
    fn users_with_one_event_are_lines_and_the_one_at_risk_comes_first() {
        let mut events = vec![
            TestEvent::quarantine("quiet", "2024-05-10T12:00:00Z"),
            TestEvent::quarantine("busy", "2024-05-10T12:00:00Z"),
        ];
        let call = |time: &str, from: &str| {
            let mut event =
                TestEvent::call("busy", "AKIAIOSFODNN7EXAMPLE", "s3", "ListBuckets", time);
            event.columns.insert("source_address", from.to_owned());
            event.columns.insert("source_ip", from.to_owned());
            event
        };
        events.push(call("2024-04-20T12:00:00Z", "198.51.100.4"));
        events.push(call("2024-05-09T12:00:00Z", "203.0.113.9"));
        let case = case_of(events);
        let page = markdown(&case, None).unwrap();
        let page = page.replace('\\', "");
        for part in [
            "# The cases of busy and quiet\n",
            "- 1 with no more than one event\n",
            "- 1 quarantined, and no long-term key was seen\n",
            "**Make all keys of 1 user inactive.**",
            "\nfor user in quiet; do ",
            "- 1 with a usable key that leaked or was made\n",
            "## busy in 111122223333",
            "AKIAIOSFODNN7EXAMPLE: used from an address that was new for the user",
            "ListBuckets from 203.0.113.9 with aws-cli; 1 day before the quarantine",
            "2024-05-09 12:00Z **intruder**: 1 call from 203.0.113.9; only looked: ListBuckets",
            "aws iam update-access-key --user-name busy --access-key-id AKIAIOSFODNN7EXAMPLE --status Inactive",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("## quiet"));
    }
}

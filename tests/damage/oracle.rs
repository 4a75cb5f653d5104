//! The slow, obvious judge of a hunt through one damaged text: which records are intact, which still say what the rule
//! asks for, and which alerts nothing in the text supports.
//!
//! It goes from one place to the next where the policy's name stands. Each is explained by an alert that covers it,
//! or by a strict reading of the text round it in which an event says no. What has no such reading must be told,
//! and then the file is not read whole; if it is said to be, something was lost in silence.

use memchr::memmem;

use super::hurt::Damaged;
use super::json;
use super::make::PUT;
use super::reading::{self, Verdict, plain_text};
use super::records::{ACTION, Kind, NEEDLE};
use super::rows::{self, Dialect};

/// An alert, by the bytes of the text that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alert {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) id: Option<String>,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// A matching record whose bytes are all there, at a place where records stand, has no alert; the file is said
    /// to be read whole.
    IntactLost,
    /// What is left of a record reads as a match and has no alert, likewise.
    MatchLost,
    /// It has the rule's action, no failure, and names the policy, and nothing was said, likewise.
    Undecided,
    /// It cannot be read, and nothing was said, likewise.
    BrokenLost,
    /// An alert for a record that is read and says no.
    FalseAlert,
    /// Two alerts for one record.
    Twice,
    /// The program failed. In Parquet no fault by itself: the crate that reads it fails over damaged metadata, which is
    /// caught and told.
    Panic,
    /// Another way to hunt gives something else.
    Differs,
    /// An intact record has no alert, and the file is said not to be read whole. No fault by itself.
    Unread,
}

impl Fault {
    /// Whether it fails the run.
    pub(crate) fn fails(self, is_parquet: bool) -> bool {
        self != Self::Unread && !(is_parquet && self == Self::Panic)
    }

    pub(crate) fn is_silent_loss(self) -> bool {
        self <= Self::BrokenLost
    }
}

/// A fault and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) fault: Fault,
    pub(crate) at: usize,
    pub(crate) what: String,
}

fn finding(fault: Fault, at: usize, what: impl Into<String>) -> Finding {
    Finding {
        fault,
        at,
        what: what.into(),
    }
}

/// How many bytes of other records may stand inside one: damage swaps a few.
const FOREIGN_MAX: usize = 32;

/// How far a record goes, over a few bytes that are not its own.
fn reach<'t>(tags: impl Iterator<Item = &'t u32>, is_own: impl Fn(&u32) -> bool) -> usize {
    let mut n_own = 0;
    for (n, tag) in tags.enumerate() {
        match is_own(tag) {
            true => n_own = n + 1,
            false if n - n_own >= FOREIGN_MAX => break,
            false => {}
        }
    }
    n_own
}

/// How many bytes before a place a value or a row that holds it may begin.
const BEFORE_MAX: usize = 64 * 1024;
/// How many lines a row may have.
const LINES_MAX: usize = 60;

struct Judge<'a> {
    damaged: &'a Damaged,
    text: &'a [u8],
    alerts: &'a [Alert],
}

/// Judges what a hunt found.
pub(crate) fn judge(damaged: &Damaged, alerts: &[Alert], is_complete: bool) -> Vec<Finding> {
    let judge = Judge {
        damaged,
        text: &damaged.made.text,
        alerts,
    };
    let mut findings = judge.alerts();
    let intact = judge.intact();
    if is_complete {
        findings.extend(judge.needles(&intact));
        findings.extend(intact);
    } else {
        findings.extend(intact.into_iter().map(|finding| Finding {
            fault: Fault::Unread,
            ..finding
        }));
    }
    findings
}

impl Judge<'_> {
    fn covers(&self, at: usize) -> bool {
        self.alerts
            .iter()
            .any(|alert| (alert.start..alert.end).contains(&at))
    }

    /// Whether an alert begins in the bytes of a record and has its id: where these are no JSON to the letter, it is not
    /// known how far the alert goes.
    fn is_told(&self, record: &std::ops::Range<usize>) -> bool {
        let bytes = &self.text[record.clone()];
        let has = |id: &String| memmem::find(bytes, id.as_bytes()).is_some();
        self.alerts
            .iter()
            .any(|alert| record.contains(&alert.start) && alert.id.as_ref().is_some_and(has))
    }

    /// The intact matches that have no alert of their own.
    fn intact(&self) -> Vec<Finding> {
        let mut lost = Vec::new();
        for planted in &self.damaged.made.planted {
            if planted.kind != Kind::Match {
                continue;
            }
            for start in memmem::find_iter(self.text, &planted.bytes) {
                let end = start + planted.bytes.len();
                // The name of the column of ids may be damaged.
                let is_own = |alert: &Alert| alert.id.as_ref().is_none_or(|id| *id == planted.id);
                let is_alerted = self
                    .alerts
                    .iter()
                    .any(|alert| is_own(alert) && alert.start < end && start < alert.end);
                if !is_alerted && self.is_at_its_place(start, end) {
                    lost.push(finding(
                        Fault::IntactLost,
                        start,
                        format!("record {}", planted.id),
                    ));
                }
            }
        }
        lost
    }

    /// Whether an intact record stands where it is one: a row on lines of its own below the header that it was
    /// written for, a value of JSON anywhere but inside another event, whose data it then is.
    fn is_at_its_place(&self, start: usize, end: usize) -> bool {
        let is_line = (start == 0 || self.text[start - 1] == b'\n')
            && (self.text[end..].is_empty()
                || self.text[end..].starts_with(b"\n")
                || self.text[end..].starts_with(b"\r\n"));
        match self.damaged.made.dialect {
            Some(dialect) => {
                is_line
                    && self
                        .read_rows(dialect, start, reading::verdict)
                        .contains(&Verdict::Match)
            }
            None => match self.read_json(start) {
                Some((Verdict::Match, _)) | None => true,
                // Of a text inside a document, the document tells.
                Some((_, range)) => !(range.start < start && end < range.end),
            },
        }
    }

    /// What is to come of each place that names the policy.
    fn needles(&self, intact: &[Finding]) -> Vec<Finding> {
        let (plain, places) = plain_text(self.text);
        let mut findings: Vec<Finding> = Vec::new();
        for found in memmem::find_iter(&plain, NEEDLE.as_bytes()) {
            let at = places[found];
            let record = self.record_round(at);
            let is_known = |finding: &Finding| record.contains(&finding.at);
            let is_told = self.covers(at) || self.is_told(&record);
            if is_told || intact.iter().chain(&findings).any(is_known) {
                continue;
            }
            let fault = match self.damaged.made.dialect {
                Some(dialect) => self.fault_of_row(dialect, at),
                None => self.fault_of_json(at),
            };
            findings.extend(fault.map(|fault| finding(fault, at, self.excerpt(at))));
        }
        findings
    }

    fn fault_of_json(&self, at: usize) -> Option<Fault> {
        match self.read_json(at) {
            Some((Verdict::Match, _)) => Some(Fault::MatchLost),
            Some((Verdict::Undecided, _)) => Some(Fault::Undecided),
            Some((Verdict::No, _)) => None,
            // A value without an event in it; it may have been one.
            Some((Verdict::NoRecord, range)) => {
                let value = json::parse(self.text, range.start);
                let is_other = |(value, _): &(json::Json, usize)| {
                    !value.any_text(&|text| reading::mentions_outside_others(text))
                };
                let says_all =
                    self.says_all(&self.text[range]) && !value.as_ref().is_some_and(is_other);
                says_all.then_some(Fault::Undecided)
            }
            None => self
                .says_all(&self.text[self.record_round(at)])
                .then_some(Fault::BrokenLost),
        }
    }

    /// What the outermost event round a place comes to, if that is JSON to the letter; else the innermost value.
    fn read_json(&self, at: usize) -> Option<(Verdict, std::ops::Range<usize>)> {
        let mut innermost = None;
        for start in at.saturating_sub(BEFORE_MAX)..=at.min(self.text.len() - 1) {
            if !matches!(self.text[start], b'{' | b'[') {
                continue;
            }
            let Some((value, end)) = json::parse(self.text, start).filter(|(_, end)| *end > at)
            else {
                continue;
            };
            let verdict = reading::verdict(&value);
            if reading::is_record(&value) {
                return Some((verdict, start..end));
            }
            innermost = Some((verdict, start..end));
        }
        innermost
    }

    fn fault_of_row(&self, dialect: Dialect, at: usize) -> Option<Fault> {
        let verdicts = self.read_rows(dialect, at, reading::verdict_of_row);
        match verdicts.iter().max() {
            Some(Verdict::Match) => Some(Fault::MatchLost),
            Some(Verdict::Undecided) => Some(Fault::Undecided),
            Some(Verdict::No) => None,
            // No row that fits, or one without an event.
            Some(Verdict::NoRecord) | None => self
                .says_all(&self.text[self.record_round(at)])
                .then_some(Fault::BrokenLost),
        }
    }

    /// What the rows come to that hold a place and fit the header above them, wherever they begin.
    fn read_rows(
        &self,
        dialect: Dialect,
        at: usize,
        read: fn(&json::Json) -> Verdict,
    ) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        let mut start = at;
        for _ in 0..LINES_MAX {
            start = memchr::memrchr(b'\n', &self.text[..start]).map_or(0, |newline| newline + 1);
            let row = rows::read(self.text, start, dialect).filter(|row| row.end > at);
            if let (Some(row), Some(names)) = (row, self.header_above(dialect, start))
                && row.cells.len() == names.len()
            {
                verdicts.push(read(&object(&names, &row.cells)));
            }
            if start == 0 {
                break;
            }
            start -= 1;
        }
        verdicts
    }

    /// The names in the last header above a place.
    fn header_above(&self, dialect: Dialect, at: usize) -> Option<Vec<String>> {
        let mut above = &self.text[..at];
        loop {
            above = above.strip_suffix(b"\n")?;
            let start = memchr::memrchr(b'\n', above).map_or(0, |newline| newline + 1);
            let mark = b"\xef\xbb\xbf";
            let start_of_names = match above[start..].starts_with(mark) {
                true => start + mark.len(),
                false => start,
            };
            let row = rows::read(above, start_of_names, dialect);
            if let Some(row) = row.filter(|row| rows::is_header(&row.cells)) {
                return Some(row.cells);
            }
            above = &above[..start];
        }
    }

    /// Whether some bytes have the rule's action, name the policy, and say of no failure: all of ours say that access
    /// was denied, or have that word for their outcome.
    fn says_all(&self, bytes: &[u8]) -> bool {
        let (plain, _) = plain_text(bytes);
        let has = |word: &str| memmem::find(&plain, word.as_bytes()).is_some();
        let acts = memmem::find_iter(&plain, ACTION.as_bytes()).any(|at| {
            // With anything else at its ends it is another action.
            let is_end =
                |byte: Option<&u8>| byte.is_none_or(|byte| b"\"'\\,;|\t\r\n".contains(byte));
            let end = at + ACTION.len();
            is_end(at.checked_sub(1).and_then(|at| plain.get(at))) && is_end(plain.get(end))
        });
        acts && has(NEEDLE) && !has("Denied") && !has("AccessD") && !has("ailure")
    }

    /// The bytes round a place that belong to the same record, with what damage put there.
    fn record_round(&self, at: usize) -> std::ops::Range<usize> {
        let tags = &self.damaged.made.tags;
        let own = tags[at];
        let is_own = |&tag: &u32| tag == own || tag == PUT;
        at - reach(tags[..at].iter().rev(), is_own)..at + reach(tags[at..].iter(), is_own)
    }

    /// Whether a text is a matching record, to the byte.
    fn is_planted_match(&self, text: &[u8]) -> bool {
        let mut planted = self.damaged.made.planted.iter();
        planted.any(|one| one.kind == Kind::Match && one.bytes == text.trim_ascii_end())
    }

    /// Alerts that nothing supports: their text is read to the letter, and says no; or it does not even have the words.
    fn alerts(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (n, alert) in self.alerts.iter().enumerate() {
            let Some(bytes) = self.text.get(alert.start..alert.end) else {
                findings.push(finding(
                    Fault::FalseAlert,
                    alert.start,
                    "it is beyond the text",
                ));
                continue;
            };
            let verdicts = match self.damaged.made.dialect {
                Some(dialect) if !bytes.starts_with(b"{") => {
                    self.read_rows(dialect, alert.start, reading::support)
                }
                _ => json::whole(bytes).iter().map(reading::support).collect(),
            };
            let (plain, _) = plain_text(bytes);
            let has = |word: &str| memmem::find(&plain, word.as_bytes()).is_some();
            // What has no event to the letter may have one for a reader that bears with more.
            let is_supported = match verdicts.iter().max() {
                Some(Verdict::Match) => true,
                // Below a header that lost a name, an intact match is true by another header of the file.
                Some(Verdict::Undecided) => self.is_planted_match(bytes),
                Some(Verdict::No) => false,
                Some(Verdict::NoRecord) | None => has(NEEDLE) && has(ACTION),
            };
            if !is_supported {
                findings.push(finding(
                    Fault::FalseAlert,
                    alert.start,
                    String::from_utf8_lossy(bytes),
                ));
            }
            if self.alerts[..n].contains(alert) {
                findings.push(finding(
                    Fault::Twice,
                    alert.start,
                    format!("{:?}", alert.id),
                ));
            }
        }
        findings
    }

    fn excerpt(&self, at: usize) -> String {
        let range = self.record_round(at);
        let range = range.start.max(at.saturating_sub(700))..range.end.min(at + 700);
        String::from_utf8_lossy(&self.text[range]).into_owned()
    }
}

/// A row as an object of its cells.
fn object(names: &[String], cells: &[String]) -> json::Json {
    let members = names.iter().zip(cells).filter_map(|(name, cell)| {
        let name = rows::column(name).map_or_else(|| name.clone(), str::to_owned);
        let cell = cell.trim();
        (!cell.is_empty()).then(|| (name, json::text(cell)))
    });
    json::Json::Object(members.collect())
}

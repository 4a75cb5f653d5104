//! The rows of a Parquet input that a hunt reads.

use std::sync::Arc;

use super::{broken, companion};
use crate::input::table::{Holds, RowCriteria};
use crate::rule::Rule;
use crate::scan::Prefilter;

/// The field whose column, if a table has one, decides which rows are read.
const ACTION: &str = "event.action";
const REQUEST: &str = "aws.cloudtrail.request_parameters";

/// Returns the criteria for the rows that are read: rows whose action the rule requires, or, beside the quarantine
/// rule, whose action quarantines a user or ends that quarantine. Actions on roles and groups, reads, and mere mentions
/// are read only if all related events are requested, because tables contain many such actions.
pub(super) fn row_criteria(rule: &Rule, is_related_requested: bool) -> RowCriteria {
    let terms = companion::terms(rule);
    let is_all_related = is_related_requested && rule.metadata.is_quarantine();
    let required = rule.query().values_of(ACTION);
    let actions = required.filter(|_| !is_all_related);
    let actions = actions.map(|actions| {
        let beside = terms.actions.iter();
        let all = actions
            .iter()
            .chain(beside.filter(|name| !actions.contains(name)));
        // The operator `->` of DuckDB keeps the JSON quotes around the value.
        let spellings = |action: &&str| [(*action).to_owned(), format!("\"{action}\"")];
        all.flat_map(spellings).collect()
    });
    let runs = rule.query().runs_in(REQUEST);
    RowCriteria {
        actions,
        words: actions_of_cut_requests(rule),
        in_request: runs.map(|mut runs| -> Holds {
            runs.iter_mut()
                .for_each(|run| *run = broken::beginning(run));
            runs.extend(terms.words);
            let prefilter = Prefilter::new(&runs);
            Arc::new(move |line| prefilter.has_hit(line) || !may_be_whole(line))
        }),
    }
}

/// Returns the actions that a rule requires, if it also searches for text in the request. An event with one of them whose
/// request was cut off, or cannot be read, is undecided, although the text is nowhere in it.
pub(super) fn actions_of_cut_requests(rule: &Rule) -> Vec<String> {
    let is_word = |name: &&str| {
        name.len() >= WORD_BYTES_LEAST && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let query = rule.query();
    let actions = query.runs_in(REQUEST).and_then(|_| query.values_of(ACTION));
    let actions = actions.filter(|actions| actions.iter().all(is_word));
    let actions = actions.unwrap_or_default().into_iter();
    actions.map(str::to_owned).collect()
}

/// Shorter words are in too many texts.
const WORD_BYTES_LEAST: usize = 4;

/// Returns true if a line of the request's columns may contain a complete request, in its own brackets. If not, the
/// rest of the row decides.
fn may_be_whole(line: &[u8]) -> bool {
    let n = |bracket| memchr::memchr_iter(bracket, line).count();
    n(b'{') > 1 && n(b'{') == n(b'}')
}

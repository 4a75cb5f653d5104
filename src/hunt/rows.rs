//! Which rows of a Parquet input a hunt looks at.

use std::sync::Arc;

use crate::input::table::{Holds, RowCriteria};
use crate::rule::{LEGACY_NEEDLE, Rule, USER_ACTIONS};
use crate::scan::Prefilter;

/// The field of which tables have a column that decides.
const ACTION: &str = "event.action";

/// Which rows of a table are looked at: those whose action the rule asks for, or one that quarantines a user or lifts
/// that. Roles and groups, reads and mere mentions are looked for where all related events are wanted: tables have
/// many of their actions.
pub(super) fn row_criteria(rule: &Rule, is_related_requested: bool) -> RowCriteria {
    let required = rule.query().values_of(ACTION);
    let actions = required.filter(|_| !is_related_requested);
    let actions = actions.map(|actions| {
        let named = USER_ACTIONS.iter().filter(|name| !actions.contains(name));
        let all = actions.iter().chain(named);
        // DuckDB's `->` leaves JSON's quotes round it.
        let spellings = |action: &&str| [(*action).to_owned(), format!("\"{action}\"")];
        all.flat_map(spellings).collect()
    });
    let runs = rule.query().runs_in("aws.cloudtrail.request_parameters");
    RowCriteria {
        actions,
        in_request: runs.map(|mut runs| -> Holds {
            runs.push(LEGACY_NEEDLE);
            let prefilter = Prefilter::new(&runs);
            Arc::new(move |line| {
                prefilter.hits(line).first_from(0).is_some() || !may_be_whole(line)
            })
        }),
    }
}

/// Whether a line with the request's columns may hold a whole request, in brackets of its own: where it does not, the
/// rest of the row decides.
fn may_be_whole(line: &[u8]) -> bool {
    let n = |bracket| memchr::memchr_iter(bracket, line).count();
    n(b'{') > 1 && n(b'{') == n(b'}')
}

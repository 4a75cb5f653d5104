//! A rule that is a query alone, as one types it.

use super::metadata;
use crate::rule::model::{Rule, Severity};
use crate::rule::{Condition, Indicators, ParseError, eql, kql};

/// Returns the rule with this query: in KQL after `kql:`, else in EQL, which may have `eql:` before it. Its id is
/// `query`, and its name the query.
///
/// # Errors
/// Text that is not a query, with the position in `text`.
pub fn query(text: &str) -> Result<Rule, ParseError> {
    let (language, rest) = match (text.strip_prefix("kql:"), text.strip_prefix("eql:")) {
        (Some(rest), _) => ("kuery", rest),
        (None, Some(rest)) => ("eql", rest),
        (None, None) => ("eql", text),
    };
    let condition = match language {
        "kuery" => kql::parse(rest),
        _ => eql::parse(rest),
    };
    let condition = condition.map_err(|error| error.shifted_by(text, text.len() - rest.len()))?;
    let name = text.trim().to_owned();
    let metadata = metadata("query".to_owned(), name.clone(), language, Severity::Medium);
    Ok(Rule::new(metadata, condition, name))
}

/// Returns the rule that finds events with one of the indicators, anywhere in them. Its id is `search`.
#[must_use]
pub fn search(indicators: Indicators) -> Rule {
    let name = match indicators.len() {
        1 => "search for 1 indicator".to_owned(),
        n => format!("search for {n} indicators"),
    };
    let metadata = metadata(
        "search".to_owned(),
        name.clone(),
        "indicators",
        Severity::Medium,
    );
    Rule::new(metadata, Condition::has_indicator(indicators), name)
}

#[cfg(test)]
mod tests {
    use super::query;
    use crate::rule::condition::testing::Event;

    #[test]
    fn a_query_alone_is_a_rule() {
        let event = Event::new().text("event.action", "CreateUser");
        for text in [
            r#"any where event.action == "CreateUser""#,
            r#"eql: any where event.action : "create*""#,
            "kql: event.action: Create*",
        ] {
            let rule = query(text).unwrap();
            assert!(rule.matches(&event), "{text}");
            assert_eq!(rule.metadata.name, text);
        }
        let error = query("kql: a.*: b").unwrap_err();
        assert_eq!((error.offset, error.column), (5, 6));
        assert!(error.to_string().contains("kql: a.*: b"));
    }
}

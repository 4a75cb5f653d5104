//! Tokens -> a sequence: steps that are events, one later than the other.
//!
//! `sequence by user.name with maxspan=15m [any where …] [any where …]`; `by` and `with` in either order, and `by` after
//! each step instead or too.

use super::lexer::{Kind, Lexer};
use super::literal::Literal;
use super::parser::Parser;
use crate::rule::condition::{Condition, Field};
use crate::rule::over_time::micros;
use crate::rule::syntax::{Fault, Problem};

/// The most steps of a sequence. Elasticsearch has no limit; rules have two to five.
const STEPS_MAX: usize = 64;

/// A sequence.
#[derive(Debug)]
pub(in crate::rule) struct Sequence {
    pub(in crate::rule) steps: Vec<Step>,
    /// The most time between the first and the last event, in microseconds.
    pub(in crate::rule) maxspan: Option<i64>,
}

/// A step of a sequence.
#[derive(Debug)]
pub(in crate::rule) struct Step {
    pub(in crate::rule) condition: Condition,
    /// Fields whose values are the same in all steps.
    pub(in crate::rule) by: Vec<Field>,
}

/// Returns whether the first word of a query is `sequence`.
pub(super) fn begins(text: &str) -> bool {
    let first = Lexer::new(text).next();
    first.is_ok_and(|token| token.kind == Kind::Name("sequence"))
}

pub(super) fn parse(text: &str, category_field: &str) -> Result<Sequence, Fault> {
    let mut parser = Parser::new(Lexer::of_sequence(text))?;
    parser.expect(&Kind::Name("sequence"), "`sequence`")?;
    let (by, maxspan) = head(&mut parser)?;
    let mut steps: Vec<Step> = Vec::new();
    while parser.accept(&Kind::Symbol("["))? {
        let node = parser.event_query(category_field)?;
        parser.expect(&Kind::Symbol("]"), "`and`, `or` or `]`")?;
        let mut own = by.clone();
        if parser.accept(&Kind::Name("by"))? {
            own.extend(fields(&mut parser)?);
        }
        if parser.token.kind == Kind::Name("with") {
            return Err(parser.unsupported("`with` after a step of a sequence"));
        }
        if steps
            .first()
            .is_some_and(|first| first.by.len() != own.len())
        {
            return Err(parser.unexpected("as many fields after `by` as in the first step"));
        }
        if steps.len() == STEPS_MAX {
            return Err(parser.unsupported(&format!("more than {STEPS_MAX} steps")));
        }
        let condition = Condition::new(node);
        steps.push(Step { condition, by: own });
    }
    if parser.token.kind == Kind::Name("until") {
        return Err(parser.unsupported("`until`"));
    }
    if steps.len() < 2 {
        return Err(parser.unexpected("another step: a sequence has at least two"));
    }
    parser.expect(&Kind::End, "`[` or the end of the query")?;
    Ok(Sequence { steps, maxspan })
}

/// Parses what is between `sequence` and the first step.
fn head(parser: &mut Parser<'_>) -> Result<(Vec<Field>, Option<i64>), Fault> {
    let (mut by, mut maxspan) = (Vec::new(), None);
    loop {
        if by.is_empty() && parser.accept(&Kind::Name("by"))? {
            by = fields(parser)?;
        } else if maxspan.is_none() && parser.accept(&Kind::Name("with"))? {
            maxspan = Some(span(parser)?);
        } else {
            return Ok((by, maxspan));
        }
    }
}

fn fields(parser: &mut Parser<'_>) -> Result<Vec<Field>, Fault> {
    let mut fields = Vec::new();
    loop {
        if parser.token.kind == Kind::Symbol("?") {
            return Err(parser.unsupported("optional fields after `by`"));
        }
        fields.push(Field::ecs(parser.field("a field")?));
        if !parser.accept(&Kind::Symbol(","))? {
            return Ok(fields);
        }
    }
}

/// Parses `maxspan=15m`.
fn span(parser: &mut Parser<'_>) -> Result<i64, Fault> {
    const EXPECTED: &str = "a time such as `15m`";
    parser.expect(&Kind::Name("maxspan"), "`maxspan`")?;
    parser.expect(&Kind::Symbol("="), "`=`")?;
    let offset = parser.token.offset;
    let Kind::Number(Literal::Integer(number)) = parser.token.kind else {
        return Err(parser.unexpected(EXPECTED));
    };
    parser.advance()?;
    let Kind::Name(unit) = parser.token.kind else {
        return Err(parser.unexpected(EXPECTED));
    };
    let Some(span) = micros(&format!("{number}{unit}")) else {
        let problem = Problem::Unsupported(format!("the time `{number}{unit}`"));
        return Err(Fault { offset, problem });
    };
    parser.advance()?;
    Ok(span)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::{is_sequence, parse, parse_sequence};
    use crate::rule::condition::testing::Event;

    fn told(text: &str) -> String {
        match parse_sequence(text, "event.category") {
            Ok(sequence) => {
                let steps = sequence.steps.iter().map(|step| {
                    let by = step.by.iter().map(|field| field.name.as_str());
                    format!("{} by {}", step.condition, by.collect::<Vec<_>>().join(","))
                });
                let steps = steps.collect::<Vec<_>>().join("; ");
                format!("{:?}: {steps}\n", sequence.maxspan)
            }
            Err(error) => format!("{}: {}\n", error.offset, error.problem),
        }
    }

    #[test]
    fn a_sequence_has_steps_and_keys() {
        let texts = [
            r#"sequence by user.name with maxspan=15m [any where a == "x[]"] [iam where b == 1]"#,
            "sequence with maxspan = 2 h by u, v.w\n[any where a == 1]\n[any where b == 2]",
            "sequence [any where a == 1] by x [any where true] by y",
            "sequence by u [any where a == 1] by x [any where true] by `y z`",
        ];
        expect![[r#"
            Some(900000000): a is "x[]" by user.name; b is "1" and event.category is "iam" by user.name
            Some(7200000000): a is "1" by u,v.w; b is "2" by u,v.w
            None: a is "1" by x; true by y
            None: a is "1" by u,x; true by u,y z
        "#]]
        .assert_eq(&texts.map(told).concat());
        let sequence = parse_sequence(texts[0], "event.category").unwrap();
        assert!(
            sequence.steps[0]
                .condition
                .matches(&Event::new().text("a", "x[]"))
        );
    }

    #[test]
    fn what_a_sequence_cannot_have_is_refused() {
        let texts = [
            "sequence [any where true]",
            "sequence [any where true] [any where true] until [any where true]",
            "sequence [any where true] with runs=3 [any where true]",
            "sequence [any where true] ![any where true]",
            "sequence [any where true] by a [any where true]",
            "sequence by ?a [any where true] [any where true]",
            "sequence with maxspan=1y [any where true] [any where true]",
            "sequence with maxspan=m [any where true] [any where true]",
            "sequence [any where true] [any where true] | head 3",
            "sequence [any where a[0] == 1] [any where true]",
            "sequence [any where true [any where true]",
        ];
        expect![[r#"
            25: expected another step: a sequence has at least two, found the end of the query
            43: not supported: `until`
            26: not supported: `with` after a step of a sequence
            26: unexpected character '!'
            47: expected as many fields after `by` as in the first step, found the end of the query
            12: not supported: optional fields after `by`
            22: not supported: the time `1y`
            22: expected a time such as `15m`, found `m`
            43: not supported: pipes
            21: expected `and`, `or` or `]`, found `[`
            25: expected `and`, `or` or `]`, found `[`
        "#]]
        .assert_eq(&texts.map(told).concat());
        assert!(is_sequence("// first\nsequence by"));
        assert!(!is_sequence("any where sequence"));
        assert!(parse("sequence [any where true] [any where true]").is_err());
    }
}

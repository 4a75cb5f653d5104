//! Text of a query -> a condition, by recursive descent.

use super::literal::{self, Literal, after_keyword, is_blank};
use crate::event::fields_under;
use crate::rule::condition::{self, Bound, Case, Comparison, Field, Matcher, Node, Test};
use crate::rule::syntax::{Fault, NESTING_MAX, Problem};

pub(super) fn parse(text: &str) -> Result<Node, Fault> {
    let mut parser = Parser {
        query_bytes: text.len(),
        rest: text,
        depth: 0,
    };
    parser.skip_blanks();
    let node = parser.disjunction(None)?;
    parser.skip_blanks();
    match parser.rest.is_empty() {
        true => Ok(node),
        false => Err(parser.unexpected("`and`, `or` or the end of the query")),
    }
}

struct Parser<'q> {
    query_bytes: usize,
    rest: &'q str,
    depth: usize,
}

/// The field whose values are parsed; `None` where conditions are.
type Of<'f> = Option<&'f str>;

impl Parser<'_> {
    fn disjunction(&mut self, of: Of<'_>) -> Result<Node, Fault> {
        let mut nodes = vec![self.conjunction(of)?];
        while self.accept_keyword("or") {
            nodes.push(self.conjunction(of)?);
        }
        Ok(Node::any(nodes))
    }

    fn conjunction(&mut self, of: Of<'_>) -> Result<Node, Fault> {
        let mut nodes = vec![self.negation(of)?];
        while self.accept_keyword("and") {
            nodes.push(self.negation(of)?);
        }
        Ok(Node::all(nodes))
    }

    fn negation(&mut self, of: Of<'_>) -> Result<Node, Fault> {
        let Some(rest) = after_keyword(self.rest, "not") else {
            return self.one(of);
        };
        self.rest = rest;
        self.skip_blanks();
        Ok(self.one(of)?.negated())
    }

    /// Parses what stands in parentheses, or a condition, or a value.
    fn one(&mut self, of: Of<'_>) -> Result<Node, Fault> {
        if self.rest.starts_with('(') {
            return self.in_parentheses(of);
        }
        match of {
            Some(field) => self.value(field),
            None => self.condition(),
        }
    }

    fn in_parentheses(&mut self, of: Of<'_>) -> Result<Node, Fault> {
        if self.depth == NESTING_MAX {
            return Err(self.fault(Problem::TooDeep));
        }
        self.accept("(");
        self.skip_blanks();
        self.depth += 1;
        let node = self.disjunction(of)?;
        self.depth -= 1;
        self.skip_blanks();
        match self.accept(")") {
            true => Ok(node),
            false => Err(self.unexpected("`and`, `or` or `)`")),
        }
    }

    fn condition(&mut self) -> Result<Node, Fault> {
        let name = self.literal()?;
        let Some(field) = name.text() else {
            return Err(unsupported(name.offset, "wildcards in the name of a field"));
        };
        self.skip_blanks();
        let comparisons = [
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        for (symbol, comparison) in comparisons {
            if self.accept(symbol) {
                return self.range(field, comparison);
            }
        }
        if !self.accept(":") {
            let hint = match field.contains('=') {
                true => "; KQL compares with a colon, `field: value`",
                false => "",
            };
            let what = format!("the text {field:?} without a field{hint}");
            return Err(unsupported(name.offset, &what));
        }
        self.skip_blanks();
        match self.rest.starts_with('{') {
            true => Err(unsupported(self.offset(), "nested queries")),
            false => self.one(Some(&field)),
        }
    }

    fn range(&mut self, field: String, comparison: Comparison) -> Result<Node, Fault> {
        self.skip_blanks();
        let literal = self.literal()?;
        let Some(text) = literal.text() else {
            return Err(unsupported(literal.offset, "wildcards in a range"));
        };
        let node = condition::ordered(Field::ecs(field), comparison, text, |text| {
            match text.parse::<f64>() {
                Ok(number) => Bound::Either { text, number },
                Err(_) => Bound::Text(text),
            }
        });
        node.map_err(|what| unsupported(literal.offset, &what))
    }

    fn value(&mut self, field: &str) -> Result<Node, Fault> {
        let literal = self.literal()?;
        if literal.is_anything() {
            return Ok(exists(field));
        }
        let Some(text) = literal.text() else {
            let field = Field::ecs(field);
            if condition::has_times(&field) {
                return Err(unsupported(literal.offset, "wildcards in a time"));
            }
            let matcher = Matcher::pieces(&literal.pieces, Case::Exact);
            return Ok(field.value(matcher));
        };
        if text == "null" && !literal.is_quoted {
            return Err(unsupported(literal.offset, "`null`; write `not FIELD: *`"));
        }
        let field = Field::ecs(field);
        let matcher = condition::equal(&field, &text, Case::Exact);
        let matcher = matcher.map_err(|what| unsupported(literal.offset, &what))?;
        Ok(field.value(matcher))
    }

    fn literal(&mut self) -> Result<Literal, Fault> {
        let (literal, rest) = literal::read(self.rest, self.offset())?;
        self.rest = rest;
        Ok(literal)
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(is_blank);
    }

    fn accept(&mut self, prefix: &str) -> bool {
        let after = self.rest.strip_prefix(prefix);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// Skips a keyword with the blanks around it.
    fn accept_keyword(&mut self, keyword: &str) -> bool {
        let at = self.rest.trim_start_matches(is_blank);
        let after = after_keyword(at, keyword).filter(|_| at.len() < self.rest.len());
        self.rest = after.unwrap_or(self.rest);
        if after.is_some() {
            self.skip_blanks();
        }
        after.is_some()
    }

    fn offset(&self) -> usize {
        self.query_bytes - self.rest.len()
    }

    fn unexpected(&self, expected: &'static str) -> Fault {
        let found = literal::found(self.rest);
        self.fault(Problem::Unexpected { expected, found })
    }

    fn fault(&self, problem: Problem) -> Fault {
        Fault {
            offset: self.offset(),
            problem,
        }
    }
}

/// Returns the condition that a field, or one inside it, has a value.
fn exists(field: &str) -> Node {
    let present = |field: &str| Field::ecs(field).test(Test::Present);
    let inner = fields_under(field).map(present);
    Node::any(std::iter::once(present(field)).chain(inner).collect())
}

fn unsupported(offset: usize, what: &str) -> Fault {
    Fault {
        offset,
        problem: Problem::Unsupported(what.to_owned()),
    }
}

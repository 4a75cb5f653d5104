//! The text of a condition, such as `selection and not 1 of filter_*`, by recursive descent.

use super::yaml::{Fault, Yaml};
use crate::rule::condition::{Case, Matcher, Node};
use crate::rule::syntax::NESTING_MAX;

/// A selection with its name.
pub(super) struct Selection {
    pub(super) name: String,
    pub(super) node: Node,
}

/// The most tests that a condition may have, a selection counted as often as it is named.
const TESTS_MAX: usize = 100_000;

pub(super) fn parse(condition: &Yaml, selections: &[Selection]) -> Result<Node, Fault> {
    let Some(text) = condition.text() else {
        return Err(condition.fault("a condition that is not a text"));
    };
    let tokens = tokens(&text);
    if tokens.iter().any(|token| token.starts_with('|')) {
        let reason = "an aggregation (`| count()`), which Sigma no longer has; write a correlation";
        return Err(condition.fault(reason));
    }
    let mut parser = Parser {
        tokens: tokens.into_iter().peekable(),
        selections,
        depth: 0,
        n_tests: 0,
    };
    let node = parser.disjunction();
    let node = node.and_then(|node| match parser.tokens.next() {
        None => Ok(node),
        Some(token) => Err(format!("the condition goes on with `{token}`")),
    });
    node.map_err(|reason| condition.fault(reason))
}

/// Returns brackets and words.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    for word in text.split_whitespace() {
        let mut rest = word;
        while let Some(at) = rest.find(['(', ')']) {
            let (before, after) = rest.split_at(at);
            let (bracket, after) = after.split_at(1);
            tokens.extend(
                [before, bracket]
                    .into_iter()
                    .filter(|token| !token.is_empty()),
            );
            rest = after;
        }
        tokens.extend(Some(rest).filter(|token| !token.is_empty()));
    }
    tokens
}

struct Parser<'c> {
    tokens: std::iter::Peekable<std::vec::IntoIter<&'c str>>,
    selections: &'c [Selection],
    depth: usize,
    n_tests: usize,
}

impl Parser<'_> {
    fn disjunction(&mut self) -> Result<Node, String> {
        let mut nodes = vec![self.conjunction()?];
        while self.accept("or") {
            nodes.push(self.conjunction()?);
        }
        Ok(Node::any(nodes))
    }

    fn conjunction(&mut self) -> Result<Node, String> {
        let mut nodes = vec![self.negation()?];
        while self.accept("and") {
            nodes.push(self.negation()?);
        }
        Ok(Node::all(nodes))
    }

    fn negation(&mut self) -> Result<Node, String> {
        if self.accept("not") {
            return Ok(self.nested(Self::negation)?.negated());
        }
        if !self.accept("(") {
            return self.name();
        }
        let node = self.nested(Self::disjunction)?;
        match self.accept(")") {
            true => Ok(node),
            false => Err("the condition lacks a `)`".to_owned()),
        }
    }

    fn nested(&mut self, inner: fn(&mut Self) -> Result<Node, String>) -> Result<Node, String> {
        if self.depth == NESTING_MAX {
            return Err(format!(
                "conditions are nested more than {NESTING_MAX} deep"
            ));
        }
        self.depth += 1;
        let node = inner(self)?;
        self.depth -= 1;
        Ok(node)
    }

    /// Parses the name of a selection, or a number of those whose names match.
    fn name(&mut self) -> Result<Node, String> {
        let Some(token) = self.tokens.next() else {
            return Err("the condition ends too early".to_owned());
        };
        let is_of = self
            .tokens
            .peek()
            .is_some_and(|next| next.eq_ignore_ascii_case("of"));
        if is_of {
            self.tokens.next();
            return self.number_of(token);
        }
        let found = self.selections.iter().find(|one| one.name == token);
        match found {
            Some(selection) => self.selection(selection),
            None => Err(format!(
                "the condition names `{token}`, which is no selection"
            )),
        }
    }

    fn number_of(&mut self, number: &str) -> Result<Node, String> {
        let is_all = match number {
            "1" | "any" => false,
            "all" => true,
            number => return Err(format!("`{number} of` is not supported")),
        };
        let Some(pattern) = self.tokens.next() else {
            return Err("the condition ends too early".to_owned());
        };
        let matcher = Matcher::stars(pattern, Case::Exact);
        let is_named = |name: &str| match pattern {
            "them" => !name.starts_with('_'),
            _ => matcher.accepts_text(name),
        };
        let selections = self.selections.iter().filter(|one| is_named(&one.name));
        let nodes = selections
            .map(|one| self.selection(one))
            .collect::<Result<Vec<_>, _>>()?;
        if nodes.is_empty() {
            return Err(format!("no selection is named `{pattern}`"));
        }
        Ok(if is_all {
            Node::all(nodes)
        } else {
            Node::any(nodes)
        })
    }

    fn selection(&mut self, selection: &Selection) -> Result<Node, String> {
        self.n_tests += selection.node.n_tests();
        if self.n_tests > TESTS_MAX {
            return Err(format!("the condition has more than {TESTS_MAX} tests"));
        }
        Ok(selection.node.clone())
    }

    /// Skips a word, whose case does not count.
    fn accept(&mut self, word: &str) -> bool {
        self.tokens
            .next_if(|token| token.eq_ignore_ascii_case(word))
            .is_some()
    }
}

//! Tokens -> a query, by recursive descent with one token of lookahead.
//!
//! Precedence, lowest first: `or`, `and`, `not`, then comparisons. Operands of one `and` or `or` are kept in one list,
//! so the depth of the result is limited by [`NESTING_MAX`] and never by a query's length.

use std::mem;

use super::lexer::{Kind, Lexer, Token};
use super::literal::Literal;
use super::operators::{self, Function, Operator};
use crate::rule::condition::{self, Field, Node};
use crate::rule::syntax::{Fault, NESTING_MAX, Problem};

/// Words that are field names only in backticks (EqlBase.g4).
const KEYWORDS: [&str; 19] = [
    "and", "any", "by", "false", "in", "join", "like", "maxspan", "not", "null", "of", "or",
    "regex", "sample", "sequence", "true", "until", "where", "with",
];

fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

/// Parses a query. Its category is a value of `category_field`.
pub(super) fn parse(text: &str, category_field: &str) -> Result<Node, Fault> {
    let mut parser = Parser::new(Lexer::new(text))?;
    let condition = parser.event_query(category_field)?;
    parser.expect(&Kind::End, "`and`, `or` or the end of the query")?;
    Ok(condition)
}

pub(super) struct Parser<'q> {
    lexer: Lexer<'q>,
    /// The next token, not yet used.
    pub(super) token: Token<'q>,
    depth: usize,
}

impl<'q> Parser<'q> {
    pub(super) fn new(mut lexer: Lexer<'q>) -> Result<Self, Fault> {
        Ok(Self {
            token: lexer.next()?,
            lexer,
            depth: 0,
        })
    }

    /// Parses a category and a condition.
    pub(super) fn event_query(&mut self, category_field: &str) -> Result<Node, Fault> {
        let category = self.category()?;
        self.expect(&Kind::Name("where"), "`where`")?;
        let offset = self.token.offset;
        let condition = self.disjunction()?;
        let Some(category) = category else {
            return Ok(condition);
        };
        let is_of = operators::equals(Field::ecs(category_field), &Literal::Text(category));
        let is_of = is_of.map_err(|problem| Fault { offset, problem })?;
        // The condition is more often false than the category is another one.
        Ok(Node::And(vec![condition, is_of]))
    }

    fn category(&mut self) -> Result<Option<String>, Fault> {
        const EXPECTED: &str = "`any` or an event category";
        let category = match &self.token.kind {
            Kind::Name("any") => None,
            Kind::Name("sequence" | "sample" | "join") => {
                return Err(self.unsupported("sequences, samples and joins"));
            }
            Kind::Name(name) if !is_keyword(name) => Some((*name).to_owned()),
            Kind::Text(name) => Some(name.clone()),
            _ => return Err(self.unexpected(EXPECTED)),
        };
        self.advance()?;
        Ok(category)
    }

    fn disjunction(&mut self) -> Result<Node, Fault> {
        self.chain("or", Self::conjunction, Node::Or)
    }

    fn conjunction(&mut self) -> Result<Node, Fault> {
        self.chain("and", Self::negation, Node::And)
    }

    /// Parses one operand, or several joined by `keyword`.
    fn chain(
        &mut self,
        keyword: &'static str,
        operand: fn(&mut Self) -> Result<Node, Fault>,
        join: fn(Vec<Node>) -> Node,
    ) -> Result<Node, Fault> {
        let first = operand(self)?;
        if self.token.kind != Kind::Name(keyword) {
            return Ok(first);
        }
        let mut operands = vec![first];
        while self.accept(&Kind::Name(keyword))? {
            operands.push(operand(self)?);
        }
        Ok(join(operands))
    }

    fn negation(&mut self) -> Result<Node, Fault> {
        if self.token.kind == Kind::Name("not") {
            let negated = self.nested(Self::negation)?;
            return Ok(negated.negated());
        }
        if self.token.kind == Kind::Symbol("(") {
            let inner = self.nested(Self::disjunction)?;
            self.expect(&Kind::Symbol(")"), "`and`, `or` or `)`")?;
            return Ok(inner);
        }
        self.test()
    }

    /// Skips the `not` or `(` that opens a level, and parses its content.
    fn nested(&mut self, inner: fn(&mut Self) -> Result<Node, Fault>) -> Result<Node, Fault> {
        if self.depth == NESTING_MAX {
            return Err(self.fault(Problem::TooDeep));
        }
        self.advance()?;
        self.depth += 1;
        let condition = inner(self)?;
        self.depth -= 1;
        Ok(condition)
    }

    /// Parses a constant, a comparison, a lookup, a call, or a field that is its own condition.
    fn test(&mut self) -> Result<Node, Fault> {
        let offset = self.token.offset;
        if let Some(literal) = self.literal()? {
            return self.test_of_literal(literal, offset);
        }
        let (name, is_optional) = self.field_or_call("a condition")?;
        let is_call = matches!(self.token.kind, Kind::Symbol("(" | "~"));
        if is_call && is_optional {
            return Err(self.unexpected("a condition on the optional field"));
        }
        if is_call {
            return self.call(&name, offset);
        }
        let field = Field::ecs(name);
        if let Some(operator) = self.operator()? {
            let literal = self.comparand()?;
            let test = operators::compares(field, operator, &literal);
            return test.map_err(|problem| Fault { offset, problem });
        }
        if self.accept(&Kind::Name("not"))? {
            self.expect(&Kind::Name("in"), "`in`")?;
            return Ok(self.lookup(field)?.negated());
        }
        if self.accept(&Kind::Name("in"))? {
            return self.lookup(field);
        }
        let is_of_text = matches!(
            self.token.kind,
            Kind::Symbol(":") | Kind::Name("like" | "regex")
        );
        if is_of_text {
            self.check_is_text(&field)?;
        }
        if self.accept(&Kind::Symbol(":"))? {
            let literals = self.literals()?;
            return Ok(operators::is_like(field, &literals, true));
        }
        if self.accept(&Kind::Name("like"))? {
            let ignores_case = self.accept(&Kind::Symbol("~"))?;
            let literals = self.literals()?;
            return Ok(operators::is_like(field, &literals, ignores_case));
        }
        if self.accept(&Kind::Name("regex"))? {
            let ignores_case = self.accept(&Kind::Symbol("~"))?;
            let offset = self.token.offset;
            let literals = self.literals()?;
            let test = operators::matches_regex(field, &literals, ignores_case);
            return test.map_err(|problem| Fault { offset, problem });
        }
        if self.token.kind == Kind::Name("of") {
            return Err(self.unsupported("`of`"));
        }
        // `where flag` is `where flag == true` (querytranslator_tests.txt, fieldNoEquals).
        let test = operators::equals(field, &Literal::Boolean(true));
        test.map_err(|_| self.unexpected("a comparison of the field"))
    }

    /// Returns an error at this token if the field has times, which are no text.
    fn check_is_text(&self, field: &Field) -> Result<(), Fault> {
        match condition::has_times(field) {
            true => Err(self.unsupported(
                "patterns and parts of text in a field of times; write `==`, `<`, `<=`, `>` or `>=`",
            )),
            false => Ok(()),
        }
    }

    /// Parses a test that begins with a literal at `offset`: the left side of a comparison, or a condition by itself.
    fn test_of_literal(&mut self, literal: Literal, offset: usize) -> Result<Node, Fault> {
        if let Some(operator) = self.operator()? {
            let field = Field::ecs(self.field("a field")?);
            let test = operators::compares(field, operator.mirrored(), &literal);
            return test.map_err(|problem| Fault { offset, problem });
        }
        match literal {
            Literal::Boolean(constant) => Ok(Node::Constant(constant)),
            Literal::Null => Err(Fault {
                offset,
                problem: Problem::Unsupported("`null` as a condition".to_owned()),
            }),
            Literal::Text(_) | Literal::Integer(_) | Literal::Float(_) => {
                Err(self.unexpected("a comparison of this literal with a field"))
            }
        }
    }

    /// Parses the call of the function `name`, which begins at `offset`; its `(` or `~` is the next token.
    fn call(&mut self, name: &str, offset: usize) -> Result<Node, Fault> {
        let ignores_case = self.accept(&Kind::Symbol("~"))?;
        let Some(function) = Function::from_name(name) else {
            let what = format!(
                "the function `{name}`; `stringContains`, `startsWith`, `endsWith` and `cidrMatch` are"
            );
            let problem = Problem::Unsupported(what);
            return Err(Fault { offset, problem });
        };
        self.expect(&Kind::Symbol("("), "`(`")?;
        let field = Field::ecs(self.field("a field")?);
        self.check_is_text(&field)?;
        self.expect(&Kind::Symbol(","), "`,`")?;
        let node = match function {
            Function::Cidr => self.networks(field)?,
            Function::Text(function) => match self.literal()? {
                Some(Literal::Text(text)) => {
                    operators::has_text(field, function, &text, ignores_case)
                }
                Some(_) => return Err(self.unexpected("a string or a field")),
                None => {
                    let part = Field::ecs(self.field("a string or a field")?);
                    operators::has_value_of(field, function, part, ignores_case)
                }
            },
        };
        self.expect(&Kind::Symbol(")"), "`)`")?;
        self.result_of_call(node)
    }

    /// Parses what may follow a call: a comparison with `true` or `false`.
    fn result_of_call(&mut self, node: Node) -> Result<Node, Fault> {
        let is_equal = match self.token.kind {
            Kind::Symbol("==") => true,
            Kind::Symbol("!=") => false,
            _ => return Ok(node),
        };
        self.advance()?;
        match self.literal()? {
            Some(Literal::Boolean(expected)) if expected == is_equal => Ok(node),
            Some(Literal::Boolean(_)) => Ok(node.negated()),
            _ => Err(self.unexpected("`true` or `false`")),
        }
    }

    /// Parses the networks of a call of `cidrMatch`.
    fn networks(&mut self, field: Field) -> Result<Node, Fault> {
        let offset = self.token.offset;
        let mut texts = Vec::new();
        loop {
            match self.literal()? {
                Some(Literal::Text(text)) => texts.push(text),
                _ => return Err(self.unexpected("a string")),
            }
            if !self.accept(&Kind::Symbol(","))? {
                let test = operators::is_in_networks(field, &texts);
                return test.map_err(|problem| Fault { offset, problem });
            }
        }
    }

    /// Parses the list after `in`.
    fn lookup(&mut self, field: Field) -> Result<Node, Fault> {
        let ignores_case = self.accept(&Kind::Symbol("~"))?;
        if self.token.kind != Kind::Symbol("(") {
            return Err(self.unexpected("`(`"));
        }
        let offset = self.token.offset;
        let literals = self.literals()?;
        let test = operators::is_one_of(field, &literals, ignores_case);
        test.map_err(|problem| Fault { offset, problem })
    }

    /// Parses a literal, or several in parentheses.
    fn literals(&mut self) -> Result<Vec<Literal>, Fault> {
        if !self.accept(&Kind::Symbol("("))? {
            return Ok(vec![self.comparand()?]);
        }
        let mut literals = vec![self.comparand()?];
        while self.accept(&Kind::Symbol(","))? {
            literals.push(self.comparand()?);
        }
        self.expect(&Kind::Symbol(")"), "`,` or `)`")?;
        Ok(literals)
    }

    pub(super) fn field(&mut self, expected: &'static str) -> Result<String, Fault> {
        Ok(self.field_or_call(expected)?.0)
    }

    /// Parses the name of a field, or of a function. An optional field, `?name`, may be unknown to the index in
    /// Elasticsearch. There is no index here, so it is a field like any other.
    fn field_or_call(&mut self, expected: &'static str) -> Result<(String, bool), Fault> {
        let is_optional = self.accept(&Kind::Symbol("?"))?;
        let mut name = self.name(expected)?;
        while self.accept(&Kind::Symbol("."))? {
            name.push('.');
            name.push_str(&self.name("the rest of the field's name")?);
        }
        Ok((name, is_optional))
    }

    /// Parses one segment of a field's name.
    fn name(&mut self, expected: &'static str) -> Result<String, Fault> {
        match &mut self.token.kind {
            Kind::Name(name) if !is_keyword(name) => {
                let name = (*name).to_owned();
                self.advance()?;
                Ok(name)
            }
            Kind::QuotedName(name) => {
                let name = mem::take(name);
                self.advance()?;
                Ok(name)
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    fn operator(&mut self) -> Result<Option<Operator>, Fault> {
        let Kind::Symbol(symbol) = self.token.kind else {
            return Ok(None);
        };
        let operator = Operator::from_symbol(symbol);
        if operator.is_some() {
            self.advance()?;
        }
        Ok(operator)
    }

    /// Parses the literal that a field is compared with.
    fn comparand(&mut self) -> Result<Literal, Fault> {
        if let Some(literal) = self.literal()? {
            return Ok(literal);
        }
        Err(match &self.token.kind {
            Kind::QuotedName(_) | Kind::Symbol("?") => self.unsupported(COMPARED_FIELDS),
            Kind::Name(name) if !is_keyword(name) => self.unsupported(COMPARED_FIELDS),
            _ => self.unexpected("a literal"),
        })
    }

    fn literal(&mut self) -> Result<Option<Literal>, Fault> {
        let literal = match &self.token.kind {
            Kind::Text(text) => Literal::Text(text.clone()),
            Kind::Number(number) => number.clone(),
            Kind::Name("true") => Literal::Boolean(true),
            Kind::Name("false") => Literal::Boolean(false),
            Kind::Name("null") => Literal::Null,
            _ => return Ok(None),
        };
        self.advance()?;
        Ok(Some(literal))
    }

    pub(super) fn advance(&mut self) -> Result<(), Fault> {
        self.token = self.lexer.next()?;
        Ok(())
    }

    pub(super) fn accept(&mut self, kind: &Kind<'_>) -> Result<bool, Fault> {
        let is_next = self.token.kind == *kind;
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    pub(super) fn expect(&mut self, kind: &Kind<'_>, expected: &'static str) -> Result<(), Fault> {
        if self.accept(kind)? {
            Ok(())
        } else {
            Err(self.unexpected(expected))
        }
    }

    pub(super) fn unexpected(&self, expected: &'static str) -> Fault {
        let found = match &self.token.kind {
            Kind::Name(name) if !is_keyword(name) && is_keyword(&name.to_ascii_lowercase()) => {
                format!("`{name}` (keywords are lower-case)")
            }
            Kind::Name(name) => format!("`{name}`"),
            Kind::QuotedName(name) => format!("`{name}`"),
            Kind::Text(_) => "a string".to_owned(),
            Kind::Number(_) => "a number".to_owned(),
            Kind::Symbol(symbol) => format!("`{symbol}`"),
            Kind::End => "the end of the query".to_owned(),
        };
        self.fault(Problem::Unexpected { expected, found })
    }

    pub(super) fn unsupported(&self, what: &str) -> Fault {
        self.fault(Problem::Unsupported(what.to_owned()))
    }

    fn fault(&self, problem: Problem) -> Fault {
        Fault {
            offset: self.token.offset,
            problem,
        }
    }
}

/// Elasticsearch refuses this too: "comparisons against fields are not (currently) supported".
const COMPARED_FIELDS: &str = "comparing a field with another field or a function";

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::super::parse;
    use crate::rule::syntax::NESTING_MAX;

    /// Checks queries. The expected text has each query with its error and position below it.
    #[track_caller]
    fn check<const N: usize>(queries: [&str; N], expected: Expect) {
        let told = queries.map(|query| {
            let error = parse(query).unwrap_err();
            let at = (error.offset, error.line, error.column);
            format!("{query:?}\n  {at:?} {}\n", error.problem)
        });
        expected.assert_eq(&told.concat());
    }

    #[test]
    fn the_shape_of_a_query() {
        check(
            [
                "",
                "where true",
                "any true",
                "any where",
                "ANY WHERE true",
                "any where a and",
                "any where a AND b",
                "any where (a or b",
                "any where a)",
                "any where a == 1 b",
                "any where a == b == c",
                "any where a == 1 == 2",
                "any where a not b",
                "any where a in ()",
                "any where a in (1, )",
                "any where a in (1 2)",
                "any where a in 1",
                "any where 5",
                r#"any where "x" == "y""#,
                "any where a..b",
                "any where a == ",
            ],
            expect![[r#"
                ""
                  (0, 1, 1) expected `any` or an event category, found the end of the query
                "where true"
                  (0, 1, 1) expected `any` or an event category, found `where`
                "any true"
                  (4, 1, 5) expected `where`, found `true`
                "any where"
                  (9, 1, 10) expected a condition, found the end of the query
                "ANY WHERE true"
                  (4, 1, 5) expected `where`, found `WHERE` (keywords are lower-case)
                "any where a and"
                  (15, 1, 16) expected a condition, found the end of the query
                "any where a AND b"
                  (12, 1, 13) expected `and`, `or` or the end of the query, found `AND` (keywords are lower-case)
                "any where (a or b"
                  (17, 1, 18) expected `and`, `or` or `)`, found the end of the query
                "any where a)"
                  (11, 1, 12) expected `and`, `or` or the end of the query, found `)`
                "any where a == 1 b"
                  (17, 1, 18) expected `and`, `or` or the end of the query, found `b`
                "any where a == b == c"
                  (15, 1, 16) not supported: comparing a field with another field or a function
                "any where a == 1 == 2"
                  (17, 1, 18) expected `and`, `or` or the end of the query, found `==`
                "any where a not b"
                  (16, 1, 17) expected `in`, found `b`
                "any where a in ()"
                  (16, 1, 17) expected a literal, found `)`
                "any where a in (1, )"
                  (19, 1, 20) expected a literal, found `)`
                "any where a in (1 2)"
                  (18, 1, 19) expected `,` or `)`, found a number
                "any where a in 1"
                  (15, 1, 16) expected `(`, found a number
                "any where 5"
                  (11, 1, 12) expected a comparison of this literal with a field, found the end of the query
                "any where \"x\" == \"y\""
                  (17, 1, 18) expected a field, found a string
                "any where a..b"
                  (12, 1, 13) expected the rest of the field's name, found `.`
                "any where a == "
                  (15, 1, 16) expected a literal, found the end of the query
            "#]],
        );
    }

    #[test]
    fn what_stands_in_a_call() {
        check(
            [
                "any where stringContains(a)",
                "any where stringContains(a, 1)",
                r#"any where stringContains("a", "b")"#,
                r#"any where stringContains(a, "b", true)"#,
                r#"any where ?stringContains(a, "b")"#,
            ],
            expect![[r#"
                "any where stringContains(a)"
                  (26, 1, 27) expected `,`, found `)`
                "any where stringContains(a, 1)"
                  (29, 1, 30) expected a string or a field, found `)`
                "any where stringContains(\"a\", \"b\")"
                  (25, 1, 26) expected a field, found a string
                "any where stringContains(a, \"b\", true)"
                  (31, 1, 32) expected `)`, found `,`
                "any where ?stringContains(a, \"b\")"
                  (25, 1, 26) expected a condition on the optional field, found `(`
            "#]],
        );
    }

    #[test]
    fn the_position_is_told_in_lines_and_characters_and_shown() {
        let error = parse("any where\n  a == \"é\" and\n\tb = 1\n  and c").unwrap_err();
        assert_eq!((error.offset, error.line, error.column), (29, 3, 4));
        expect![[r#"
            line 3, column 4: `=` does not compare; write `==`
              	b = 1
              	  ^"#]]
        .assert_eq(&error.to_string());
        let error = parse("any where \"é\" = a").unwrap_err();
        assert_eq!((error.offset, error.line, error.column), (15, 1, 15));
        assert_eq!(parse("").unwrap_err().offset, 0);
    }

    #[test]
    fn what_is_not_a_token() {
        check(
            [
                "any where a = 1",
                "any where a # 1",
                "any where é == 1",
                "any where !a",
                r#"any where a == "x"#,
                "any where a == \"x\n\"",
                r#"any where a == """x"" "#,
                "any where a == \"\"\"x\n\"\"\"",
                "any where `a",
                "any where /* a",
                r#"any where a == "\u{1}""#,
                r#"any where a == "\u{d800}""#,
                "any where a == 1e999",
            ],
            expect![[r#"
                "any where a = 1"
                  (12, 1, 13) `=` does not compare; write `==`
                "any where a # 1"
                  (12, 1, 13) unexpected character '#'
                "any where é == 1"
                  (10, 1, 11) unexpected character 'é'
                "any where !a"
                  (10, 1, 11) unexpected character '!'
                "any where a == \"x"
                  (15, 1, 16) this string is not closed
                "any where a == \"x\n\""
                  (15, 1, 16) this string is not closed
                "any where a == \"\"\"x\"\" "
                  (15, 1, 16) this string is not closed
                "any where a == \"\"\"x\n\"\"\""
                  (15, 1, 16) this string is not closed
                "any where `a"
                  (10, 1, 11) this name is not closed
                "any where /* a"
                  (10, 1, 11) this comment is not closed
                "any where a == \"\\u{1}\""
                  (16, 1, 17) not an escape; a character is \u{2 to 8 hex digits}
                "any where a == \"\\u{d800}\""
                  (16, 1, 17) not an escape; a character is \u{2 to 8 hex digits}
                "any where a == 1e999"
                  (15, 1, 16) this number is too large
            "#]],
        );
    }

    #[test]
    fn what_is_eql_but_not_supported() {
        check(
            [
                "sequence by a [any where true] [any where true]",
                "sample by a [any where true]",
                "any where true | head 1",
                "any where length(a) > 3",
                "any where a < true",
                "any where null",
                "any where a regex \"b&c\"",
                "any where a regex \"(b\"",
                "any where cidrMatch(a, \"b\")",
                "any where a : b",
                "any where a == b",
                "any where a in (b)",
                "any where a + 1 == 2",
                "any where my-field == 2",
                "any where a[0] == 2",
                "any where a == 'x'",
                "any where a == ?\"x\"",
                "any where child of [any where true]",
            ],
            expect![[r#"
                "sequence by a [any where true] [any where true]"
                  (0, 1, 1) not supported: sequences, samples and joins
                "sample by a [any where true]"
                  (0, 1, 1) not supported: sequences, samples and joins
                "any where true | head 1"
                  (15, 1, 16) not supported: pipes
                "any where length(a) > 3"
                  (10, 1, 11) not supported: the function `length`; `stringContains`, `startsWith`, `endsWith` and `cidrMatch` are
                "any where a < true"
                  (10, 1, 11) not supported: an order of booleans
                "any where null"
                  (10, 1, 11) not supported: `null` as a condition
                "any where a regex \"b&c\""
                  (18, 1, 19) not supported: Lucene's operator `&` in a regular expression
                "any where a regex \"(b\""
                  (18, 1, 19) the regular expression cannot be used: unclosed group
                "any where cidrMatch(a, \"b\")"
                  (23, 1, 24) "b" is not a network, such as "203.0.113.0/24"
                "any where a : b"
                  (14, 1, 15) not supported: comparing a field with another field or a function
                "any where a == b"
                  (15, 1, 16) not supported: comparing a field with another field or a function
                "any where a in (b)"
                  (16, 1, 17) not supported: comparing a field with another field or a function
                "any where a + 1 == 2"
                  (12, 1, 13) not supported: arithmetic (a field's name that is not a word goes in backticks)
                "any where my-field == 2"
                  (12, 1, 13) not supported: arithmetic (a field's name that is not a word goes in backticks)
                "any where a[0] == 2"
                  (11, 1, 12) not supported: array indexes and the steps of sequences
                "any where a == 'x'"
                  (15, 1, 16) not supported: strings in single quotes; write `"..."`
                "any where a == ?\"x\""
                  (15, 1, 16) not supported: raw strings as `?"..."`; write `"""..."""`
                "any where child of [any where true]"
                  (16, 1, 17) not supported: `of`
            "#]],
        );
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |open: &str, depth, close: &str| {
            let query = format!("any where {}a{}", open.repeat(depth), close.repeat(depth));
            parse(&query).map_err(|error| error.problem.to_string())
        };
        let too_deep = Err("conditions are nested more than 64 deep".to_owned());
        assert!(nested("(", NESTING_MAX, ")").is_ok());
        assert!(nested("not ", NESTING_MAX, "").is_ok());
        assert_eq!(nested("(", NESTING_MAX + 1, ")"), too_deep);
        assert_eq!(nested("not ", NESTING_MAX + 1, ""), too_deep);
        assert_eq!(nested("(not ", 1_000_000, ""), too_deep);
    }

    #[test]
    fn spelling_does_not_matter_where_eql_says_so() {
        let same = |a: &str, b: &str| assert_eq!(parse(a).unwrap(), parse(b).unwrap());
        same(
            "any where // a comment\r\n a/* another\n== 2 */==/**/1 // the last",
            "any where a == 1",
        );
        same(
            r#"any where a == "\\\"\u{e9}\u{0001F600}""#,
            r#"any where a == """\"é😀""""#,
        );
        let raw_of_two_quotes = format!("any where a == {}", "\"".repeat(8));
        same(&raw_of_two_quotes, r#"any where a == "\"\"""#);
        let raw_of_nothing = format!("any where a == {}", "\"".repeat(6));
        same(&raw_of_nothing, r#"any where a == """#);
        same(
            "any where a == 1e2 or a == .5 or a == 2.",
            "any where a == 100.0 or a == 0.5 or a == 2.0",
        );
        same(
            "any where a == -9223372036854775808",
            "any where a==-9223372036854775808",
        );
        same(
            "any where a == 9223372036854775808",
            "any where a == 9223372036854775808.0",
        );
        same("any where `a`.`b` . c", "any where a.b.c == true");
    }

    proptest! {
        #[test]
        fn no_text_panics(words in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(vec![
                    "any", "where", "and", "not", "in", "(", ")", ",", ".", "?", "==", "<", "=", "1",
                    "-", "a", "stringContains", "\"", "\"\"\"", "\\", "\\u{", "`", "/*", "*/", "//", "é", "\n",
                ]).prop_map(str::to_owned),
                ".{0,3}",
            ],
            0..12,
        ), gap in proptest::sample::select(vec!["", " "])) {
            let text = words.join(gap);
            for text in [format!("any where {text}"), text] {
                if let Err(error) = parse(&text) {
                    prop_assert!(error.offset <= text.len());
                }
            }
        }
    }
}

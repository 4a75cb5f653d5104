//! EQL's operators and functions, as conditions.

use super::literal::Literal;
use super::lucene;
use crate::rule::condition::{
    self, Bound, Case, Comparison, Field, Matcher, Network, Node, Pattern, PatternOptions, Piece,
    Place, Test,
};
use crate::rule::syntax::Problem;

/// The operator of a comparison between a field and a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Ordered(Comparison),
}

impl Operator {
    pub(super) fn from_symbol(symbol: &str) -> Option<Self> {
        Some(match symbol {
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            "<" => Self::Ordered(Comparison::Less),
            "<=" => Self::Ordered(Comparison::LessOrEqual),
            ">" => Self::Ordered(Comparison::Greater),
            ">=" => Self::Ordered(Comparison::GreaterOrEqual),
            _ => return None,
        })
    }

    /// Returns the equivalent operator with its sides exchanged: `1 < a` is `a > 1`.
    pub(super) fn mirrored(self) -> Self {
        match self {
            Self::Equal | Self::NotEqual => self,
            Self::Ordered(comparison) => Self::Ordered(comparison.mirrored()),
        }
    }
}

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// A text has another one at this place.
    Text(Place),
    /// An address is in a network.
    Cidr,
}

impl Function {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "stringContains" => Self::Text(Place::Anywhere),
            "startsWith" => Self::Text(Place::Start),
            "endsWith" => Self::Text(Place::End),
            "cidrMatch" => Self::Cidr,
            _ => return None,
        })
    }
}

fn case(ignores_case: bool) -> Case {
    match ignores_case {
        true => Case::IgnoreAscii,
        false => Case::Exact,
    }
}

/// Returns the test of a value that equals a literal; `None` for null.
fn equal(field: &Field, literal: &Literal, case: Case) -> Result<Option<Matcher>, Problem> {
    let Some(text) = literal.text() else {
        return Ok(None);
    };
    let matcher = condition::equal(field, &text, case).map_err(Problem::Unsupported)?;
    Ok(Some(matcher))
}

/// `==`. `== null` checks that the field does not exist.
pub(super) fn equals(field: Field, literal: &Literal) -> Result<Node, Problem> {
    Ok(match equal(&field, literal, Case::Exact)? {
        Some(matcher) => field.value(matcher),
        None => field.test(Test::Present).negated(),
    })
}

pub(super) fn compares(
    field: Field,
    operator: Operator,
    literal: &Literal,
) -> Result<Node, Problem> {
    let comparison = match operator {
        Operator::Equal => return equals(field, literal),
        Operator::NotEqual if *literal == Literal::Null => return Ok(field.test(Test::Present)),
        Operator::NotEqual => return Ok(equals(field, literal)?.negated()),
        Operator::Ordered(comparison) => comparison,
    };
    if let Literal::Boolean(_) = literal {
        return Err(Problem::Unsupported("an order of booleans".to_owned()));
    }
    // Nothing is less or greater than null.
    let Some(text) = literal.text() else {
        return Ok(Node::Constant(false));
    };
    let of_text = |text| literal.number().map_or(Bound::Text(text), Bound::Number);
    condition::ordered(field, comparison, text, of_text).map_err(Problem::Unsupported)
}

/// `in`. A `null` in the list equals nothing.
pub(super) fn is_one_of(
    field: Field,
    literals: &[Literal],
    ignores_case: bool,
) -> Result<Node, Problem> {
    let matchers = literals.iter();
    let matchers = matchers.filter_map(|one| equal(&field, one, case(ignores_case)).transpose());
    Ok(match matchers.collect::<Result<Vec<_>, _>>()? {
        none if none.is_empty() => Node::Constant(false),
        matchers => field.value(Matcher::any(matchers)),
    })
}

/// `:` and `like`. `*` and `?` are wildcards, which nothing escapes.
pub(super) fn is_like(field: Field, literals: &[Literal], ignores_case: bool) -> Node {
    let texts = literals.iter().filter_map(Literal::text);
    let matchers = texts.map(|text| {
        let pieces: Vec<Piece> = text.chars().map(wildcard).collect();
        Matcher::pieces(&pieces, case(ignores_case))
    });
    match matchers.collect::<Vec<_>>() {
        none if none.is_empty() => Node::Constant(false),
        matchers => field.value(Matcher::any(matchers)),
    }
}

fn wildcard(c: char) -> Piece {
    match c {
        '*' => Piece::AnyText,
        '?' => Piece::AnyChar,
        c => Piece::Char(c),
    }
}

/// `regex`.
pub(super) fn matches_regex(
    field: Field,
    literals: &[Literal],
    ignores_case: bool,
) -> Result<Node, Problem> {
    let options = PatternOptions {
        is_anchored: true,
        ignores_case,
        is_dot_all: true,
        ..PatternOptions::default()
    };
    let mut matchers = Vec::new();
    for text in literals.iter().filter_map(Literal::text) {
        let expression = lucene::regex(&text)?;
        let pattern = Pattern::with_source(&text, &expression, options);
        let pattern = pattern.map_err(|error| Problem::Pattern(error.to_string()))?;
        matchers.push(Matcher::Pattern(pattern));
    }
    Ok(match matchers.is_empty() {
        true => Node::Constant(false),
        false => field.value(Matcher::any(matchers)),
    })
}

/// A function of a field and a literal. Elasticsearch makes of all except `startsWith` a query with wildcards, in which
/// the literal is not escaped (QueryTranslator; elasticsearch#58922). So a backslash at its end escapes the `*` behind it.
pub(super) fn has_text(field: Field, place: Place, text: &str, ignores_case: bool) -> Node {
    let case = case(ignores_case);
    let mut pieces = vec![Piece::AnyText];
    match place {
        Place::Start => return field.value(Matcher::part(place, text, case)),
        Place::End => pieces.extend(lucene::wildcard(text)),
        Place::Anywhere => pieces.extend(lucene::wildcard(&format!("{text}*"))),
    }
    field.value(Matcher::pieces(&pieces, case))
}

/// A function of two fields, which is a script in Elasticsearch: any pair of values, and no wildcards.
pub(super) fn has_value_of(field: Field, place: Place, part: Field, ignores_case: bool) -> Node {
    Node::Related {
        field,
        place: Some(place),
        part,
        case: case(ignores_case),
    }
}

pub(super) fn is_in_networks(field: Field, texts: &[String]) -> Result<Node, Problem> {
    let networks = texts.iter().map(|text| {
        let network = Network::parse(text);
        network.ok_or_else(|| Problem::Network(text.clone()))
    });
    Ok(field.value(Matcher::Networks(networks.collect::<Result<_, _>>()?)))
}

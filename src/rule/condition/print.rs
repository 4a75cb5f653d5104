//! A condition as text for people, near to EQL. It is no language: what differs between languages is spelt out.

use std::fmt::{self, Display, Formatter};

use super::{Bound, Case, Condition, Field, Matcher, Node, Place, Test};

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(nodes) | Self::Or(nodes) if nodes.is_empty() => {
                write!(f, "{}", matches!(self, Self::And(_)))
            }
            Self::And(nodes) => write_joined(f, nodes, " and "),
            Self::Or(nodes) => write_joined(f, nodes, " or "),
            Self::Not(node) => {
                f.write_str("not ")?;
                write_inner(f, node)
            }
            Self::Constant(constant) => write!(f, "{constant}"),
            Self::Test { field, test } => match test {
                Test::Present => write!(f, "{field} exists"),
                Test::Null => write!(f, "{field} is null"),
                Test::Value(matcher) => {
                    write!(f, "{field} ")?;
                    write_matcher(f, matcher)
                }
            },
            Self::Related {
                field,
                place,
                part,
                case,
            } => {
                let verb = place.map_or("is", verb);
                write!(f, "{field} {verb} the value of {part}{}", suffix(*case))
            }
            Self::Anywhere(matcher) => {
                f.write_str("any text ")?;
                write_matcher(f, matcher)
            }
        }
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn write_joined(f: &mut Formatter<'_>, nodes: &[Node], separator: &str) -> fmt::Result {
    for (n, node) in nodes.iter().enumerate() {
        if n > 0 {
            f.write_str(separator)?;
        }
        write_inner(f, node)?;
    }
    Ok(())
}

fn write_inner(f: &mut Formatter<'_>, node: &Node) -> fmt::Result {
    match node {
        Node::And(nodes) | Node::Or(nodes) if !nodes.is_empty() => write!(f, "({node})"),
        node => write!(f, "{node}"),
    }
}

fn write_matcher(f: &mut Formatter<'_>, matcher: &Matcher) -> fmt::Result {
    match matcher {
        Matcher::AnyOf(matchers) => {
            for (n, matcher) in matchers.iter().enumerate() {
                f.write_str(if n == 0 { "" } else { " or " })?;
                write_matcher(f, matcher)?;
            }
            Ok(())
        }
        Matcher::Texts(set) => {
            match set.texts() {
                [one] => write!(f, "is {one:?}")?,
                several => {
                    f.write_str("is one of ")?;
                    for (n, text) in several.iter().enumerate() {
                        write!(f, "{}{text:?}", if n == 0 { "" } else { ", " })?;
                    }
                }
            }
            f.write_str(suffix(set.case()))
        }
        Matcher::Ordered(comparison, bound) => match bound {
            Bound::Text(text) | Bound::Either { text, .. } => {
                write!(f, "{} {text:?}", comparison.symbol())
            }
            Bound::Number(number) => write!(f, "{} {number}", comparison.symbol()),
        },
        Matcher::Time(None, period) => write!(f, "is in the time {period}"),
        Matcher::Time(Some(comparison), period) => {
            write!(f, "{} the time {period}", comparison.symbol())
        }
        Matcher::Address(comparison, address) => {
            write!(f, "{} the address {address}", comparison.symbol())
        }
        Matcher::Part { place, text, case } => {
            write!(f, "{} {text:?}{}", verb(*place), suffix(*case))
        }
        Matcher::Wildcard(wildcard) => {
            let (text, suffix) = (wildcard.to_text(), suffix(wildcard.case()));
            write!(f, "is like \"{text}\"{suffix}")
        }
        Matcher::Pattern(pattern) => write!(f, "matches /{}/", pattern.text()),
        Matcher::Indicators(indicators) => write!(f, "has one of {} indicators", indicators.len()),
        Matcher::Networks(networks) => {
            f.write_str("is in ")?;
            for (n, network) in networks.iter().enumerate() {
                write!(f, "{}{network}", if n == 0 { "" } else { ", " })?;
            }
            Ok(())
        }
    }
}

fn verb(place: Place) -> &'static str {
    match place {
        Place::Start => "begins with",
        Place::End => "ends with",
        Place::Anywhere => "contains",
    }
}

fn suffix(case: Case) -> &'static str {
    match case {
        Case::Exact => "",
        Case::IgnoreAscii | Case::Ignore => " (case ignored)",
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::eql;

    #[test]
    fn a_condition_is_printed_for_people() {
        for (query, printed) in [
            (
                r#"a == "x" and (b : "y*" or not c in ("1", "2"))"#,
                r#"a is "x" and (b begins with "y" (case ignored) or not c is one of "1", "2")"#,
            ),
            (r#"stringContains(a, "x*y")"#, r#"a is like "*x*y*""#),
            ("a == null", "not a exists"),
            ("a >= 3 or b == 2.5", r#"a >= 3 or b is "2.5""#),
            (r#"a regex "b+""#, "a matches /b+/"),
            (
                "endsWith~(a, b)",
                "a ends with the value of b (case ignored)",
            ),
        ] {
            assert_eq!(eql(query).to_string(), printed);
        }
    }
}

//! A query -> its canonical text: one line, no unnecessary parentheses, every string in the plain form.

use std::fmt::{self, Display, Formatter, Write as _};

use super::parser::is_keyword;
use super::{Condition, Field, Literal, Query};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.category {
            None => f.write_str("any")?,
            Some(category) if is_bare(category) => f.write_str(category)?,
            Some(category) => write_text(f, category)?,
        }
        write!(f, " where {}", self.condition)
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(operands) => {
                write_joined(f, operands, " and ", |f, operand| match operand {
                    // An `and` in an `and` was written in parentheses, and keeps them.
                    Self::And(_) | Self::Or(_) => write!(f, "({operand})"),
                    _ => write!(f, "{operand}"),
                })
            }
            Self::Or(operands) => write_joined(f, operands, " or ", |f, operand| match operand {
                Self::Or(_) => write!(f, "({operand})"),
                _ => write!(f, "{operand}"),
            }),
            Self::Not(operand) => match **operand {
                Self::And(_) | Self::Or(_) => write!(f, "not ({operand})"),
                _ => write!(f, "not {operand}"),
            },
            Self::Constant(Some(constant)) => write!(f, "{constant}"),
            Self::Constant(None) => f.write_str("null"),
            Self::Compare {
                field,
                operator,
                literal,
            } => write!(f, "{field} {} {literal}", operator.symbol()),
            Self::In { field, literals } => {
                write!(f, "{field} in (")?;
                write_joined(f, literals, ", ", |f, literal| write!(f, "{literal}"))?;
                f.write_char(')')
            }
            Self::Contains { field, literal } => {
                write!(f, "stringContains({field}, ")?;
                write_text(f, literal)?;
                f.write_char(')')
            }
        }
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.optional {
            f.write_char('?')?;
        }
        if self.name.split('.').all(is_bare) {
            f.write_str(&self.name)
        } else {
            write!(f, "`{}`", self.name.replace('`', "``"))
        }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write_text(f, text),
            Self::Integer(integer) => write!(f, "{integer}"),
            // Debug keeps the point or the exponent, which shows that this is not an integer.
            Self::Float(float) => write!(f, "{float:?}"),
            Self::Boolean(boolean) => write!(f, "{boolean}"),
            Self::Null => f.write_str("null"),
        }
    }
}

/// Returns whether `name` can be written without quotes, as a category or as a segment of a field's name.
fn is_bare(name: &str) -> bool {
    let word = name.strip_prefix('@').unwrap_or(name);
    let is_word = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_word
        && !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !is_keyword(name)
}

fn write_text(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() => write!(f, "\\u{{{:02x}}}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

fn write_joined<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    separator: &str,
    write_item: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        write_item(f, item)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Query, testing};

    #[track_caller]
    fn check(text: &str, canonical: &str) {
        assert_eq!(Query::parse(text).unwrap().to_string(), canonical);
    }

    #[test]
    fn needless_parentheses_go_and_needed_ones_stay() {
        check(
            "any where ((a) and (b == 1)) or ((c))",
            "any where a == true and b == 1 or c == true",
        );
        check(
            "any where (a or b) and (c and d)",
            "any where (a == true or b == true) and (c == true and d == true)",
        );
        check(
            "any where not (a and b) or not (c == 1)",
            "any where not (a == true and b == true) or not c == 1",
        );
        check(
            r#"any where a not in ("x",1)"#,
            r#"any where not a in ("x", 1)"#,
        );
        check("any where 1.50 <= a", "any where a >= 1.5");
    }

    #[test]
    fn names_and_strings_are_quoted_only_where_they_must_be() {
        check(
            r#"""" iam"s """ where `a`.b == """\""" and ?`my-field` == "\u{07}\t\u{41}""#,
            r#"" iam\"s " where a.b == "\\" and ?`my-field` == "\u{07}\tA""#,
        );
        check(
            r#""iam" where `@timestamp` == """x"""""#,
            r#"iam where @timestamp == "x\"""#,
        );
        check(
            "any where `where` and a . `not`",
            "any where `where` == true and `a.not` == true",
        );
        check("any where `a``b`", "any where `a``b` == true");
    }

    proptest! {
        #[test]
        fn the_printed_query_is_the_query(query in testing::query()) {
            prop_assert_eq!(Query::parse(&query.to_string()), Ok(query));
        }
    }
}

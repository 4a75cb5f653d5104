//! Access to a parsed JSON value. Unlike a map, simd-json's tape keeps every key that occurs twice.
//!
//! simd-json's own view of its tape borrows strings from the view. This one borrows them from the tape, so that an
//! event can keep them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use simd_json::{Node, StaticNode, Tape};

use super::Scalar;

/// A value on the tape: its own node, followed by the nodes of its contents.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value<'v>(&'v [Node<'v>]);

/// Returns the number of nodes of the value that begins with `node`.
fn n_nodes(node: &Node<'_>) -> usize {
    match node {
        Node::Object { count, .. } | Node::Array { count, .. } => count + 1,
        Node::String(_) | Node::Static(_) => 1,
    }
}

impl<'v> Value<'v> {
    /// Returns the value on a filled tape.
    pub(crate) fn of(tape: &'v Tape<'v>) -> Self {
        Self(&tape.0)
    }

    /// Returns the ordinal of each of these inner values among all objects of this value: 0 is the object that begins
    /// first. It is `None` for a value that is not an object of this one.
    pub(crate) fn ordinals(self, inner: impl Iterator<Item = Self>) -> Vec<Option<usize>> {
        let is_object = |node: &Node<'_>| matches!(node, Node::Object { .. });
        let nodes = self.0.iter().enumerate();
        let objects: Vec<usize> = nodes
            .filter_map(|(n, node)| is_object(node).then_some(n))
            .collect();
        let start = self.0.as_ptr().addr();
        let ordinal = |value: Self| {
            let n_bytes = value.0.as_ptr().addr().checked_sub(start)?;
            objects
                .binary_search(&(n_bytes / size_of::<Node<'_>>()))
                .ok()
        };
        inner.map(ordinal).collect()
    }

    /// Returns true if this is the other value itself, at the same place.
    pub(crate) fn is_same(self, other: Self) -> bool {
        std::ptr::eq(self.0.as_ptr(), other.0.as_ptr())
    }

    /// Returns true if the other value says the same, with its members in the same order.
    pub(crate) fn is_equal(self, other: Self) -> bool {
        self.0 == other.0
    }

    /// Returns the text of a string.
    pub(crate) fn as_str(self) -> Option<&'v str> {
        match self.0.first()? {
            Node::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns a number, `true`, `false` or null.
    pub(crate) fn as_static(self) -> Option<StaticNode> {
        match self.0.first()? {
            Node::Static(node) => Some(*node),
            _ => None,
        }
    }

    pub(crate) fn is_object(self) -> bool {
        matches!(self.0.first(), Some(Node::Object { .. }))
    }

    pub(crate) fn is_array(self) -> bool {
        matches!(self.0.first(), Some(Node::Array { .. }))
    }

    /// Returns true if Elastic's pipeline drops this value: null, and empty strings, objects and arrays.
    pub(crate) fn is_empty(self) -> bool {
        match self.0.first() {
            None | Some(Node::Static(StaticNode::Null)) => true,
            Some(Node::Static(_)) => false,
            Some(Node::String(text)) => text.is_empty(),
            Some(Node::Object { len, .. } | Node::Array { len, .. }) => *len == 0,
        }
    }

    /// Returns true if nothing is left of it when nulls and empty texts, objects and lists are dropped, from the
    /// innermost out.
    pub(crate) fn is_hollow(self) -> bool {
        match self.is_object() || self.is_array() {
            false => self.is_empty(),
            true => {
                self.members().all(|(_, value)| value.is_hollow())
                    && self.elements().all(Value::is_hollow)
            }
        }
    }

    /// Returns the members of an object, in their order, including duplicates; none if it is not an object.
    pub(crate) fn members(self) -> Members<'v> {
        let children = if self.is_object() { &self.0[1..] } else { &[] };
        Members(Children(children))
    }

    /// Returns the name of each member of an object with its place, which [`Value::member_at`] takes. No place is 0.
    pub(crate) fn placed_names(self) -> impl Iterator<Item = (usize, &'v str)> {
        let n = self.0.len();
        let mut members = self.members();
        std::iter::from_fn(move || {
            let place = n - members.0.0.len();
            let (name, _) = members.next()?;
            Some((place, name))
        })
    }

    /// Returns the member at a place that [`Value::placed_names`] gave for this value.
    pub(crate) fn member_at(self, place: usize) -> Option<(&'v str, Value<'v>)> {
        Members(Children(self.0.get(place..)?)).next()
    }

    /// Returns the elements of an array; none if it is not an array.
    pub(crate) fn elements(self) -> impl Iterator<Item = Value<'v>> {
        Children(if self.is_array() { &self.0[1..] } else { &[] })
    }

    /// Returns the value as a scalar; `None` for null, objects and arrays.
    pub(crate) fn scalar(self) -> Option<Scalar<'v>> {
        match *self.0.first()? {
            Node::String(text) => Some(Scalar::Text(Cow::Borrowed(text))),
            Node::Static(StaticNode::Bool(b)) => Some(Scalar::Boolean(b)),
            Node::Static(StaticNode::I64(n)) => Some(Scalar::Integer(n)),
            Node::Static(StaticNode::F64(n)) => Some(Scalar::Float(n)),
            // Beyond i64, a float is the nearest that ECS's `long` can come.
            Node::Static(StaticNode::U64(n)) => Some(match i64::try_from(n) {
                Ok(n) => Scalar::Integer(n),
                Err(_) => Scalar::Text(Cow::Owned(n.to_string())),
            }),
            Node::Static(StaticNode::Null) | Node::Object { .. } | Node::Array { .. } => None,
        }
    }

    /// Returns true if a key occurs more than once in this object.
    pub(crate) fn has_duplicate_keys(self) -> bool {
        let mut seen = [0_u64; 4];
        for (n_before, (key, _)) in self.members().enumerate() {
            if n_before == FEW_MEMBERS {
                return self.has_duplicate_among_many();
            }
            let mark = mark(key);
            let bits = &mut seen[usize::from(mark / 64)];
            let may_be_seen = *bits >> (mark % 64) & 1 == 1;
            *bits |= 1 << (mark % 64);
            if may_be_seen && self.members().take(n_before).any(|(other, _)| other == key) {
                return true;
            }
        }
        false
    }

    /// Returns true if a key that `is_meant` applies to occurs twice in this object, with two values that `counts` applies
    /// to.
    pub(crate) fn has_key_twice(
        self,
        is_meant: impl Fn(&str) -> bool,
        counts: impl Fn(Self, Self) -> bool,
    ) -> bool {
        let mut meant = self.members().filter(|(key, _)| is_meant(key));
        let mut seen = HashMap::new();
        meant.any(|(key, value)| {
            let before = seen.insert(key, value);
            before.is_some_and(|before| counts(before, value))
        })
    }

    fn has_duplicate_among_many(self) -> bool {
        let mut keys: Vec<&str> = self.members().map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// Returns the path of the first key or string that contains `literal`, appended to `path`.
    pub(crate) fn locate(self, literal: &str, path: &str) -> Option<String> {
        self.locate_that(path, &|one| match one {
            Located::Key(key) => key.contains(literal),
            Located::Value(value) => value.as_str().is_some_and(|text| text.contains(literal)),
        })
    }

    /// Returns the path of a value that is this text, or a number or flag that is written so, for the value at `path`.
    pub(crate) fn locate_whole(self, text: &str, path: &str) -> Option<String> {
        self.locate_that(path, &|one| match one {
            Located::Key(_) => false,
            Located::Value(value) => value.scalar().is_some_and(|one| one.into_text() == text),
        })
    }

    fn locate_that(self, path: &str, is_it: &dyn Fn(Located<'_>) -> bool) -> Option<String> {
        let mut place = path.to_owned();
        self.locate_below(is_it, &mut place).then_some(place)
    }

    /// Returns the path as [`Value::locate`] does, for a value with the key `name` at `path`.
    pub(crate) fn locate_named(self, name: &str, literal: &str, path: &str) -> Option<String> {
        let place = format!("{path}.{name}");
        match name.contains(literal) {
            true => Some(place),
            false => self.locate(literal, &place),
        }
    }

    /// Returns true if something inside the value at `place` is it, and then extends `place` to the path of that.
    fn locate_below(self, is_it: &dyn Fn(Located<'_>) -> bool, place: &mut String) -> bool {
        if !self.is_object() && !self.is_array() {
            return is_it(Located::Value(self));
        }
        let n = place.len();
        for (key, child) in self.members() {
            place.push('.');
            place.push_str(key);
            if is_it(Located::Key(key)) || child.locate_below(is_it, place) {
                return true;
            }
            place.truncate(n);
        }
        for (i, child) in self.elements().enumerate() {
            // Writing to a String cannot fail.
            write!(place, "[{i}]").expect("a String takes all");
            if child.locate_below(is_it, place) {
                return true;
            }
            place.truncate(n);
        }
        false
    }
}

/// What may be what is located.
enum Located<'v> {
    Key(&'v str),
    /// A value that is no object and no array.
    Value(Value<'v>),
}

/// The number of members that a record has.
const FEW_MEMBERS: usize = 32;

/// Returns a number for a key. The names of a record's fields seldom share one.
fn mark(key: &str) -> u8 {
    let bytes = key.as_bytes();
    let n = bytes.len();
    let [middle, last] =
        [n / 2, n.saturating_sub(1)].map(|at| bytes.get(at).map_or(0, |b| u64::from(*b)));
    let mixed = (n as u64 ^ last << 8 ^ middle << 16).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed.to_be_bytes()[0]
}

/// The members of an object.
#[derive(Default)]
pub(crate) struct Members<'v>(Children<'v>);

impl<'v> Iterator for Members<'v> {
    type Item = (&'v str, Value<'v>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next()?.as_str()?, self.0.next()?))
    }
}

/// The consecutive values in a slice of nodes.
#[derive(Default)]
struct Children<'v>(&'v [Node<'v>]);

impl<'v> Iterator for Children<'v> {
    type Item = Value<'v>;

    fn next(&mut self) -> Option<Value<'v>> {
        let (value, rest) = self.0.split_at_checked(n_nodes(self.0.first()?))?;
        self.0 = rest;
        Some(Value(value))
    }
}

//! Looking into a parsed JSON value. Unlike a map, simd-json's tape keeps every key that stands twice.
//!
//! simd-json's own view of its tape borrows strings from the view; this one borrows them from the tape,
//! so that an event can hold them.

use std::borrow::Cow;
use std::fmt::Write as _;

use simd_json::{Node, StaticNode, Tape};

use super::Scalar;

/// A value on the tape: its own node, followed by those of what it holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value<'v>(&'v [Node<'v>]);

/// The number of nodes of the value that begins with `node`.
fn n_nodes(node: &Node<'_>) -> usize {
    match node {
        Node::Object { count, .. } | Node::Array { count, .. } => count + 1,
        Node::String(_) | Node::Static(_) => 1,
    }
}

impl<'v> Value<'v> {
    /// The value on a tape that was filled.
    pub(crate) fn of(tape: &'v Tape<'v>) -> Self {
        Self(&tape.0)
    }

    /// Which objects some values in this one are, of all that it has: 0 is the one that begins first. Nothing for what is no
    /// object of it.
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

    /// The text of a string.
    pub(crate) fn as_str(self) -> Option<&'v str> {
        match self.0.first()? {
            Node::String(text) => Some(text),
            _ => None,
        }
    }

    /// A number, `true`, `false` or null.
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

    /// Whether Elastic's pipeline drops this value: null, and empty strings, objects and arrays.
    pub(crate) fn is_empty(self) -> bool {
        match self.0.first() {
            None | Some(Node::Static(StaticNode::Null)) => true,
            Some(Node::Static(_)) => false,
            Some(Node::String(text)) => text.is_empty(),
            Some(Node::Object { len, .. } | Node::Array { len, .. }) => *len == 0,
        }
    }

    /// Whether nothing is left of it when nulls and empty texts, objects and lists are dropped, from the innermost
    /// out.
    pub(crate) fn is_hollow(self) -> bool {
        match self.is_object() || self.is_array() {
            false => self.is_empty(),
            true => {
                self.members().all(|(_, value)| value.is_hollow())
                    && self.elements().all(Value::is_hollow)
            }
        }
    }

    /// The members of an object, in their order, duplicates included; none if it is no object.
    pub(crate) fn members(self) -> impl Iterator<Item = (&'v str, Value<'v>)> {
        let mut children = Children(if self.is_object() { &self.0[1..] } else { &[] });
        std::iter::from_fn(move || Some((children.next()?.as_str()?, children.next()?)))
    }

    /// The elements of an array; none if it is no array.
    pub(crate) fn elements(self) -> impl Iterator<Item = Value<'v>> {
        Children(if self.is_array() { &self.0[1..] } else { &[] })
    }

    /// The value as a scalar; nothing for null, objects and arrays.
    pub(crate) fn scalar(self) -> Option<Scalar<'v>> {
        match *self.0.first()? {
            Node::String(text) => Some(Scalar::Text(Cow::Borrowed(text))),
            Node::Static(StaticNode::Bool(b)) => Some(Scalar::Boolean(b)),
            Node::Static(StaticNode::I64(n)) => Some(Scalar::Integer(n)),
            Node::Static(StaticNode::F64(n)) => Some(Scalar::Float(n)),
            // Beyond i64 a float is as near as ECS's `long` comes.
            Node::Static(StaticNode::U64(n)) => Some(match i64::try_from(n) {
                Ok(n) => Scalar::Integer(n),
                Err(_) => Scalar::Text(Cow::Owned(n.to_string())),
            }),
            Node::Static(StaticNode::Null) | Node::Object { .. } | Node::Array { .. } => None,
        }
    }

    /// Whether a key stands more than once in this object.
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

    fn has_duplicate_among_many(self) -> bool {
        let mut keys: Vec<&str> = self.members().map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// The path of the first key or string that contains `literal`, appended to `path`.
    pub(crate) fn locate(self, literal: &str, path: &str) -> Option<String> {
        let mut place = path.to_owned();
        self.locate_below(literal, &mut place).then_some(place)
    }

    /// As [`Value::locate`], of a value that stands under `name` at `path`.
    pub(crate) fn locate_named(self, name: &str, literal: &str, path: &str) -> Option<String> {
        let place = format!("{path}.{name}");
        match name.contains(literal) {
            true => Some(place),
            false => self.locate(literal, &place),
        }
    }

    /// Whether `literal` stands below `place`, and if so, `place` extended to where.
    fn locate_below(self, literal: &str, place: &mut String) -> bool {
        if let Some(text) = self.as_str() {
            return text.contains(literal);
        }
        let n = place.len();
        for (key, child) in self.members() {
            place.push('.');
            place.push_str(key);
            if key.contains(literal) || child.locate_below(literal, place) {
                return true;
            }
            place.truncate(n);
        }
        for (i, child) in self.elements().enumerate() {
            // Writing to a String cannot fail.
            write!(place, "[{i}]").expect("a String takes all");
            if child.locate_below(literal, place) {
                return true;
            }
            place.truncate(n);
        }
        false
    }
}

/// As many members as a record has.
const FEW_MEMBERS: usize = 32;

/// A number for a key that the names of a record's fields seldom share.
fn mark(key: &str) -> u8 {
    let bytes = key.as_bytes();
    let n = bytes.len();
    let [middle, last] =
        [n / 2, n.saturating_sub(1)].map(|at| bytes.get(at).map_or(0, |b| u64::from(*b)));
    let mixed = (n as u64 ^ last << 8 ^ middle << 16).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed.to_be_bytes()[0]
}

/// The values that follow one another in a run of nodes.
struct Children<'v>(&'v [Node<'v>]);

impl<'v> Iterator for Children<'v> {
    type Item = Value<'v>;

    fn next(&mut self) -> Option<Value<'v>> {
        let (value, rest) = self.0.split_at_checked(n_nodes(self.0.first()?))?;
        self.0 = rest;
        Some(Value(value))
    }
}

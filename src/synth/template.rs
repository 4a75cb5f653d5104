//! Text with placeholders, used in `actions.txt`, `plants.txt` and `identity.rs` for the form of records.
//!
//! ```text
//! {"bucketName":"example-<word>-<account>","items":[<each:1-3>{"id":"i-<hex:17>"}<end>]}
//! ```
//!
//! A placeholder is between `<` and `>`: CloudTrail escapes both characters, so no record needs them. A template is
//! split once, when the program starts; to fill it, its pieces are appended. It does not depend on JSON.

use super::scene::Scene;

/// A value to be filled in. The values up to `Event` are the same all through one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blank {
    /// The place: the account, its region and partition.
    Account,
    Region,
    Partition,
    /// The event's time as `2024-05-01T12:00:00Z`, `2024/05/01` and `20240501T1200Z`; the time an hour later as `May 1,
    /// 2024 1:00:00 PM`; the start of the caller's session.
    Time,
    Day,
    Minute,
    LongDate,
    Since,
    /// The object of the action: a word, a user, 17 hex digits, a key's UUID, base64 of some context.
    Word,
    User,
    UserId,
    Id,
    KeyId,
    Context(usize),
    /// The caller: its name, the rest of its unique id and of its access key, its session, its ARN, its address.
    Actor,
    ActorId,
    ActorKey,
    Session,
    Me,
    Ip,
    /// The action itself.
    Service,
    Event,
    /// A new value at every place: a UUID, an address inside a VPC, characters, a number.
    Uuid,
    Private,
    Hex(usize),
    Upper(usize),
    Alnum(usize),
    Base64(usize),
    Number(u64, u64),
}

impl Blank {
    /// Returns the placeholder with that name, or `None`, which means an error in the program's own text.
    fn parse(name: &str) -> Option<Self> {
        let (name, amount) = name.split_once(':').unwrap_or((name, ""));
        Some(match name {
            "account" => Self::Account,
            "region" => Self::Region,
            "partition" => Self::Partition,
            "time" => Self::Time,
            "day" => Self::Day,
            "minute" => Self::Minute,
            "longdate" => Self::LongDate,
            "since" => Self::Since,
            "word" => Self::Word,
            "user" => Self::User,
            "userid" => Self::UserId,
            "id" => Self::Id,
            "keyid" => Self::KeyId,
            "context" => Self::Context(amount.parse().ok()?),
            "actor" => Self::Actor,
            "actorid" => Self::ActorId,
            "actorkey" => Self::ActorKey,
            "session" => Self::Session,
            "me" => Self::Me,
            "ip" => Self::Ip,
            "service" => Self::Service,
            "event" => Self::Event,
            "uuid" => Self::Uuid,
            "private" => Self::Private,
            "hex" => Self::Hex(amount.parse().ok()?),
            "upper" => Self::Upper(amount.parse().ok()?),
            "alnum" => Self::Alnum(amount.parse().ok()?),
            "base64" => Self::Base64(amount.parse().ok()?),
            "num" => {
                let (least, most) = range(amount)?;
                Self::Number(least, most)
            }
            _ => return None,
        })
    }
}

/// Text split at its placeholders.
#[derive(Debug, Clone)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, Copy)]
enum Piece {
    Text(&'static str),
    Blank(Blank),
    /// The next `len` pieces, repeated some number of times, with commas between.
    Each {
        least: u64,
        most: u64,
        len: usize,
    },
}

impl Template {
    /// Splits the text.
    ///
    /// # Panics
    ///
    /// At an unknown placeholder. All templates are compiled into the program, so this is an error in the program, and
    /// the tests fill every template.
    pub(super) fn new(text: &'static str) -> Self {
        let mut pieces = Vec::new();
        let mut open = None;
        let (first, rest) = text.split_once('<').unwrap_or((text, ""));
        pieces.push(Piece::Text(first));
        for part in rest.split('<').filter(|part| !part.is_empty()) {
            let (name, after) = part.split_once('>').expect("a blank is closed");
            if let Some(amount) = name.strip_prefix("each:") {
                let (least, most) = range(amount).expect("each needs a range");
                open = Some(pieces.len());
                pieces.push(Piece::Each {
                    least,
                    most,
                    len: 0,
                });
            } else if name == "end" {
                let start: usize = open.take().expect("an end follows an each");
                let body = pieces.len() - start - 1;
                if let Piece::Each { len, .. } = &mut pieces[start] {
                    *len = body;
                }
            } else {
                let blank = Blank::parse(name).expect("a blank has one of the names listed above");
                pieces.push(Piece::Blank(blank));
            }
            if !after.is_empty() {
                pieces.push(Piece::Text(after));
            }
        }
        assert!(open.is_none(), "an each is ended");
        Self { pieces }
    }

    /// Appends the text with all placeholders filled in.
    pub(super) fn fill(&self, scene: &mut Scene<'_>, out: &mut Vec<u8>) {
        fill(&self.pieces, scene, out);
    }
}

fn fill(pieces: &[Piece], scene: &mut Scene<'_>, out: &mut Vec<u8>) {
    let mut rest = pieces;
    while let Some((piece, after)) = rest.split_first() {
        rest = after;
        match *piece {
            Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
            Piece::Blank(blank) => scene.write(blank, out),
            Piece::Each { least, most, len } => {
                let (body, after) = rest.split_at(len);
                rest = after;
                for turn in 0..scene.rng.between(least, most) {
                    if turn > 0 {
                        out.push(b',');
                    }
                    fill(body, scene, out);
                }
            }
        }
    }
}

/// Parses `3-9`, with both ends included.
fn range(text: &str) -> Option<(u64, u64)> {
    let (least, most) = text.split_once('-')?;
    let (least, most) = (least.parse().ok()?, most.parse().ok()?);
    (least <= most).then_some((least, most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::scene::tests::scene;

    fn filled(text: &'static str) -> String {
        let mut out = Vec::new();
        Template::new(text).fill(&mut scene(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_without_blanks_stays() {
        assert_eq!(filled(r#"{"a":[]}"#), r#"{"a":[]}"#);
        assert_eq!(filled(""), "");
    }

    #[test]
    fn a_blank_at_either_end_or_beside_another_is_filled() {
        assert_eq!(filled("<account><partition>"), "111122223333aws");
        assert_eq!(filled("<hex:17>").len(), 17);
    }

    #[test]
    fn the_same_name_is_the_same_value_within_a_record() {
        let text = filled("<word> <word>|<id> <id>|<keyid> <keyid>");
        for pair in text.split('|') {
            let (left, right) = pair.split_once(' ').unwrap();
            assert_eq!(left, right);
        }
    }

    #[test]
    fn each_repeats_with_commas() {
        assert_eq!(filled("[<each:3-3>x<end>]"), "[x,x,x]");
        assert_eq!(filled("[<each:0-0>x<end>]y"), "[]y");
    }
}

//! Damage as disks, copies and tools do it, most of it where it hurts: in and beside the keys, the policy's name, the
//! ends of rows.

use super::make::{FRAME, Made, PUT};
use super::random::Random;
use super::records::{ACTION, Kind, NEEDLE};

/// A text that is damaged.
#[derive(Debug, Clone)]
pub(crate) struct Damaged {
    pub(crate) made: Made,
    /// What was done to it, in words.
    pub(crate) how: Vec<String>,
    /// Where, in the order in which it was done.
    pub(crate) touched: Vec<usize>,
}

/// What stands in the records that is worth hurting.
const WORDS: [&str; 12] = [
    NEEDLE,
    ACTION,
    "requestparameters",
    "request_parameters",
    "eventname",
    "action",
    "errorcode",
    "outcome",
    "policyarn",
    "operation",
    "original",
    "data",
];
const STRUCTURE: &[u8] = b"\"\"\"\"{}[],,,::\\\n\n\r'; |\t";

/// What can be done.
#[derive(Debug, Clone, Copy)]
enum Way {
    FlipBit,
    SetByte,
    Delete,
    DeleteSome,
    Insert,
    InsertSome,
    Repeat,
    Swap,
    Truncate,
    Behead,
    Zero,
    Glue,
    Break,
    Lose,
    Splice,
}

/// Each as often as it stands here.
const WAYS: [Way; 40] = {
    use Way::*;
    [
        FlipBit, FlipBit, FlipBit, FlipBit, FlipBit, FlipBit, SetByte, SetByte, SetByte, Delete,
        Delete, Delete, Delete, DeleteSome, DeleteSome, DeleteSome, Insert, Insert, Insert, Insert,
        InsertSome, Repeat, Repeat, Swap, Swap, Truncate, Truncate, Behead, Zero, Glue, Glue, Glue,
        Break, Break, Lose, Lose, Lose, Lose, Splice, Splice,
    ]
};

/// Damages a text; nothing is done to a few. `other` is what may be mixed with it.
pub(crate) fn hurt(random: &mut Random, made: Made, other: &Made) -> Damaged {
    let n = match random.below(100) {
        0..4 => 0,
        4..72 => 1,
        72..90 => 2,
        _ => 3 + random.below(3),
    };
    let points = points(&made);
    let mut damaged = Damaged {
        made,
        how: Vec::new(),
        touched: Vec::new(),
    };
    for _ in 0..n {
        let len = damaged.made.text.len();
        let at = match random.chance(60) && !points.is_empty() {
            true => (random.pick(&points) + random.below(9)).saturating_sub(3),
            false => random.below(len),
        };
        if len > 0 {
            // What moves the rest of a table makes all of it unreadable, which shows little.
            let way = match damaged.made.is_stored && random.chance(75) {
                true => *random.pick(&[Way::FlipBit, Way::FlipBit, Way::SetByte, Way::Zero]),
                false => *random.pick(&WAYS),
            };
            damaged.once(random, way, at.min(len - 1), other);
        }
    }
    damaged
}

/// Where it hurts.
fn points(made: &Made) -> Vec<usize> {
    let mut points = Vec::new();
    let lower = made.text.to_ascii_lowercase();
    for word in WORDS {
        let word = word.to_ascii_lowercase();
        for at in memchr::memmem::find_iter(&lower, word.as_bytes()) {
            // Also those of a header, and all of a table.
            let is_sought = made
                .planted
                .get(made.tags[at] as usize)
                .is_none_or(|planted| matches!(planted.kind, Kind::Match | Kind::Failure));
            if is_sought {
                points.extend([at, at + word.len() / 2, at + word.len()]);
            }
        }
    }
    // Ends of records count as often as words.
    for at in 1..made.tags.len() {
        let (before, tag) = (made.tags[at - 1], made.tags[at]);
        if before != tag {
            points.extend([at, at, at]);
        }
    }
    if made.is_stored {
        // What the file says of itself, and the pages about as often.
        points.extend(made.body..made.text.len());
        points.extend(0..made.body);
    } else {
        points.extend((0..made.body).step_by(8));
    }
    points
}

impl Damaged {
    fn splice(&mut self, from: usize, to: usize, bytes: &[u8], tags: &[u32]) {
        self.made.text.splice(from..to, bytes.iter().copied());
        self.made.tags.splice(from..to, tags.iter().copied());
    }

    fn put(&mut self, from: usize, to: usize, bytes: &[u8]) {
        self.splice(from, to, bytes, &vec![PUT; bytes.len()]);
    }

    /// A byte that is changed still belongs to what it belonged to.
    fn set(&mut self, at: usize, byte: u8) {
        self.made.text[at] = byte;
    }

    /// The next place from `at` on of a byte that does, or else the last one before.
    fn nearest(&self, at: usize, does: impl Fn(u8) -> bool) -> Option<usize> {
        let text = &self.made.text;
        let behind = text[at..].iter().position(|&b| does(b)).map(|n| at + n);
        behind.or_else(|| text[..at].iter().rposition(|&b| does(b)))
    }

    fn once(&mut self, random: &mut Random, way: Way, at: usize, other: &Made) {
        let len = self.made.text.len();
        let n = match random.below(100) {
            0..35 => 1 + random.below(4),
            35..70 => 1 + random.below(40),
            _ => 1 + random.below(2000),
        };
        let end = len.min(at + n);
        let mut place = at;
        match way {
            Way::FlipBit => self.set(at, self.made.text[at] ^ (1 << random.below(8))),
            Way::SetByte => self.set(at, random.byte()),
            Way::Delete => self.put(at, at + 1, b""),
            Way::DeleteSome => self.put(at, end, b""),
            Way::Insert => self.put(at, at, &[*random.pick(STRUCTURE)]),
            Way::InsertSome => {
                let bytes: Vec<u8> = (0..1 + n % 9).map(|_| random.byte()).collect();
                self.put(at, at, &bytes);
            }
            Way::Repeat => {
                let (bytes, tags) = (
                    self.made.text[at..end].to_vec(),
                    self.made.tags[at..end].to_vec(),
                );
                self.splice(at, at, &bytes, &tags);
            }
            Way::Swap => {
                let from = random.below(len);
                let n = n.min(len - from).min(len - at).min(from.abs_diff(at));
                for i in 0..n {
                    self.made.text.swap(from + i, at + i);
                    self.made.tags.swap(from + i, at + i);
                }
                place = at.min(from);
            }
            Way::Truncate => self.put(at, len, b""),
            Way::Behead => self.put(0, at, b""),
            Way::Zero => {
                for at in at..end {
                    self.set(at, 0);
                }
            }
            Way::Glue => {
                if let Some(found) = self.nearest(at, |b| b == b'\n') {
                    self.put(found, found + 1, b"");
                    place = found;
                }
            }
            Way::Break => self.put(at, at, b"\n"),
            Way::Lose => {
                let lost = *random.pick(b"\"\"\"{}[],,:\\");
                if let Some(found) = self.nearest(at, |b| b == lost) {
                    self.put(found, found + 1, b"");
                    place = found;
                }
            }
            Way::Splice => self.mix(random, at, other),
        }
        self.touched.push(place);
        self.how.push(format!("{way:?} at {place}, {n}"));
    }

    /// Goes on with another file from here, or puts some of it in.
    fn mix(&mut self, random: &mut Random, at: usize, other: &Made) {
        let base = u32::try_from(self.made.planted.len()).unwrap();
        let own = |tag: &u32| if *tag >= PUT { FRAME } else { tag + base };
        let from = match random.chance(30) {
            true => 0,
            false => random.below(other.text.len()),
        };
        let tags: Vec<u32> = other.tags[from..].iter().map(own).collect();
        let to = match random.chance(70) {
            true => self.made.text.len(),
            false => at,
        };
        self.splice(at, to, &other.text[from..], &tags);
        self.made.planted.extend(other.planted.iter().cloned());
    }
}

//! Any text in one window and in many: the same candidates, defects and counts.
//!
//! Small texts are seldom walked before their end is seen, since a scanner waits for the end of a line that is
//! not too long. So each text is also put behind a long string inside an open document, where it is walked window
//! by window.

use std::sync::{Arc, LazyLock};

use trailsift::report::{Code, Stats};
use trailsift::rule::{Needles, Rule};
use trailsift::scan::{Prefilter, Scanner, Unit, Window};

use super::{header_bytes, numbers};

/// More than a scanner waits for. A string, since a walk through one is quick.
const LONG_BYTES: usize = (1 << 20) + 64;

/// What a scan comes to. Where windows end decides when a defect is met: they are sorted, as the program does.
#[derive(Debug, PartialEq)]
struct Scanned {
    candidates: Vec<(Unit, Vec<u8>)>,
    defects: Vec<(Option<u64>, Code, String)>,
    stats: Stats,
}

/// How a text is divided into windows.
#[derive(Debug)]
struct Steps {
    /// How many bytes the first window has.
    first: usize,
    /// By how many bytes the others grow, over and over.
    grow: Vec<usize>,
    /// A byte of a window that may begin a document, over and over.
    likely: Vec<usize>,
}

/// Asserts that windows do not matter.
pub fn frame(data: &[u8]) {
    static PREFILTER: LazyLock<Arc<Prefilter>> = LazyLock::new(|| {
        Arc::new(Prefilter::new(match Rule::quarantine().needles() {
            Needles::AnyOf(needles) => needles.as_slice(),
            Needles::EveryRecord => panic!("the rule has needles"),
        }))
    });
    let mut numbers = numbers(data);
    let mut steps = |first: usize, grow_most: usize| {
        let mut some = |most: usize| -> Vec<usize> {
            let some = numbers.by_ref().take(4);
            some.map(|number| 1 + number % most).collect()
        };
        Steps {
            first,
            grow: some(grow_most),
            likely: some(4096),
        }
    };
    let header_bytes = header_bytes(data);
    let ways = [1, 16, 400].map(|grow_most| steps(header_bytes, grow_most));
    check(&PREFILTER, data, &ways);
    let (open, behind) = match data.len() % 3 {
        0 => ("[\"", "\","),
        1 => ("{\"Records\":[\"", "\","),
        _ => ("{\"a\":\"", "\",\"message\":\""),
    };
    let mut text = open.as_bytes().to_vec();
    text.resize(LONG_BYTES, b'x');
    text.extend_from_slice(behind.as_bytes());
    text.extend_from_slice(data);
    check(&PREFILTER, &text, &[steps(LONG_BYTES, 40)]);
}

fn check(prefilter: &Arc<Prefilter>, text: &[u8], ways: &[Steps]) {
    let whole = Steps {
        first: text.len(),
        grow: vec![1],
        likely: Vec::new(),
    };
    let expected = scan(prefilter, text, &whole);
    for way in ways {
        let scanned = scan(prefilter, text, way);
        assert_eq!(expected, scanned, "{way:?}");
    }
}

fn scan(prefilter: &Arc<Prefilter>, text: &[u8], steps: &Steps) -> Scanned {
    let mut scanner = Scanner::new(Arc::clone(prefilter));
    scanner.start_text(0);
    let mut candidates = Vec::new();
    let (mut from, mut to) = (0, text.len().min(steps.first));
    let mut grow = steps.grow.iter().cycle();
    let mut likely = steps.likely.iter().cycle();
    loop {
        let is_last = to == text.len();
        let bytes = &text[from..to];
        let window = Window {
            bytes,
            base: from as u64,
            is_last,
            likely_start: likely.next().copied().filter(|at| *at < bytes.len()),
        };
        let keep = scanner.scan(window, &mut |candidate| {
            candidates.push((candidate.unit, candidate.raw.to_vec()));
        });
        let keep = usize::try_from(keep).expect("an offset into the text");
        assert!(from <= keep && keep <= to, "{keep} is kept of {from}..{to}");
        from = keep;
        if is_last {
            assert_eq!(from, to, "all is dealt with");
            break;
        }
        to = text.len().min(to + grow.next().map_or(1, |step| *step));
    }
    let defects = scanner.defects.drain(..);
    let mut defects: Vec<_> = defects
        .map(|defect| {
            let offset = defect.offset.map(|(_, offset)| offset);
            (offset, defect.code, defect.message)
        })
        .collect();
    defects.sort();
    Scanned {
        candidates,
        defects,
        stats: scanner.stats,
    }
}

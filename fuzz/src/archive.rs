//! Stored bytes that may be archives in archives: every entry, as slices and as streams.
//!
//! One way has all bytes at hand, and decodes each coded archive whole. The other reads everything as it passes
//! by. Both give logs of the same names, with the same text unless something is wrong, and always an end.
//!
//! A zip may tell an entry's length only behind it. Then one way asks the zip's directory, and the other cannot:
//! where one of them meets a defect, the other need not. Of the block that a fault is in one way may decode more
//! than the other, so what lies in a text with a fault may differ. Of what one decoder takes and another
//! does not, see `decompress`.

use std::io;
use std::sync::Arc;

use crossbeam_channel::{Sender, unbounded};
use trailsift::input::archive::{Archive, Coded, Entry, Opened};
use trailsift::input::decompress::{Filled, Limit};
use trailsift::input::table::RowCriteria;
use trailsift::input::{Codecs, Stored, Text};
use trailsift::report::{Code, Defect, Member};

use super::numbers;
use super::trickle::trickle;

/// The most text that is looked at, of all logs.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// Asserts that what is stored holds the same logs, however it is read.
pub fn archive(data: &[u8]) {
    let Some(whole) = Walk::of(Stored::Slice(data), Way::Whole) else {
        return;
    };
    let step = numbers(data).next().map_or(1, |number| 1 + number % 700);
    for step in [1, step] {
        let Some(passing) = Walk::of(trickle(data, step), Way::Passing) else {
            continue;
        };
        compare(&whole, &passing, step);
    }
}

fn compare(whole: &Walk, passing: &Walk, step: usize) {
    if whole.has_other_behind() || passing.has_other_behind() {
        return;
    }
    let are_sound = whole.defects.is_empty() && passing.defects.is_empty();
    if are_sound {
        assert_eq!(whole.logs, passing.logs, "logs in steps of {step}");
    } else if !(passing.asks_directory || whole.has_torn_layer || is_lax(whole, passing)) {
        assert_eq!(
            whole.names(),
            passing.names(),
            "names in steps of {step}: {:?} and {:?}",
            whole.defects,
            passing.defects
        );
    }
}

/// Whether something coded was taken one way alone.
fn is_lax(whole: &Walk, passing: &Walk) -> bool {
    let is_refused = |defect: &Defect| defect.code == Code::CorruptStream;
    whole.defects.is_empty() && passing.defects.iter().any(is_refused)
}

/// How codings in codings are read.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// Decoded to their end first.
    Whole,
    /// As they pass by.
    Passing,
}

/// A log: its name inside the source, and its text.
type Log = (Option<String>, Vec<u8>);

/// A way through all that is stored, and what was met on it.
struct Walk {
    way: Way,
    codecs: Codecs,
    defects: Vec<Defect>,
    logs: Vec<Log>,
    n_bytes: usize,
    is_too_much: bool,
    /// Whether an entry's length is known by its zip's directory alone.
    asks_directory: bool,
    /// Whether there is a fault in a text from which another one is read.
    has_torn_layer: bool,
}

impl Walk {
    /// Nothing if there is too much text.
    fn of(stored: Stored<'_>, way: Way) -> Option<Self> {
        let mut walk = Self {
            way,
            codecs: Codecs::default(),
            defects: Vec::new(),
            logs: Vec::new(),
            n_bytes: 0,
            is_too_much: false,
            asks_directory: false,
            has_torn_layer: false,
        };
        let entry = Entry::source(stored, Arc::default());
        walk.entry(entry).expect("memory gives no error");
        (!walk.is_too_much).then_some(walk)
    }

    /// Whether something stands behind a text or archive that is opened by itself where all bytes are at hand, and
    /// told where not.
    fn has_other_behind(&self) -> bool {
        let codes = [Code::Appended, Code::UnknownContent, Code::TrailingBytes];
        let mut told = self.defects.iter().map(|defect| defect.code);
        told.any(|code| codes.contains(&code))
    }

    fn names(&self) -> Vec<Option<&str>> {
        self.logs.iter().map(|(name, _)| name.as_deref()).collect()
    }

    fn entry(&mut self, entry: Entry<'_>) -> io::Result<()> {
        let (member, coded) = (entry.member.clone(), entry.coded);
        match entry.open(&mut self.codecs, &mut self.defects)? {
            Opened::Nothing => Ok(()),
            Opened::Text(text) => self.text(text, member.as_ref(), coded),
            Opened::Archive(archive) => self.archive(archive),
            Opened::Table(table) => {
                for group in 0..table.n_groups() {
                    // That it is damaged is no fault.
                    table
                        .rows(group, &RowCriteria::default(), &mut |_| true)
                        .ok();
                }
                Ok(())
            }
        }
    }

    fn archive(&mut self, mut archive: Archive<'_>) -> io::Result<()> {
        while let Some(entry) = archive.next(&mut self.defects)? {
            self.asks_directory |= entry.stored_bytes.is_none();
            self.entry(entry)?;
            if self.is_too_much {
                break;
            }
        }
        // Of an entry that cannot be read without the directory a stream has a defect alone; and where one ends that is
        // not read is in the directory, if its header does not say it.
        let tells = |defect: &Defect| {
            let words = [
                "a length that comes only behind it",
                "is compressed by method",
            ];
            words.iter().any(|words| defect.message.contains(words))
        };
        self.asks_directory |= self.defects.iter().any(tells);
        Ok(())
    }

    fn text(
        &mut self,
        mut text: Text<'_>,
        member: Option<&Arc<Member>>,
        coded: Coded,
    ) -> io::Result<()> {
        let (mut all, mut is_layer, mut is_other_behind) = (Vec::new(), false, false);
        let n_defects = self.defects.len();
        loop {
            let before = all.len();
            let limit = Limit::at(all.len() + 4096);
            let filled = text.fill(&mut all, limit, &mut self.codecs, &mut self.defects);
            self.n_bytes += all.len() - before;
            self.is_too_much |= self.n_bytes > TEXT_BYTES_MAX;
            if self.is_too_much {
                return Ok(());
            }
            match (filled, self.way) {
                (Filled::Nested, Way::Passing) => return self.layer(text, all, member, coded),
                (Filled::Nested, Way::Whole) => is_layer = true,
                (Filled::More | Filled::Gap, _) => {}
                (Filled::End, _) => break,
                (Filled::Trailing, _) => {
                    is_other_behind = true;
                    break;
                }
                (Filled::PartEnd, _) => panic!("no part was cut off"),
            }
        }
        if is_layer {
            self.has_torn_layer |= self.defects.len() > n_defects;
            let stored = Stored::Slice(&all);
            self.entry(Entry::inside(stored, coded.inner(), member.cloned()))?;
        } else {
            self.logs
                .push((member.map(|member| member.path.clone()), all));
        }
        match is_other_behind {
            true => self.entry(Entry::behind(text, coded, member.cloned())),
            false => Ok(()),
        }
    }

    /// What is in a text that is coded again, while that is still being decoded.
    fn layer(
        &mut self,
        text: Text<'_>,
        begun: Vec<u8>,
        member: Option<&Arc<Member>>,
        coded: Coded,
    ) -> io::Result<()> {
        let (told, tells): (Sender<Defect>, _) = unbounded();
        let stored = text.into_layer(begun, &mut self.codecs, member.cloned(), told);
        let result = self.entry(Entry::inside(stored, coded.inner(), member.cloned()));
        self.defects.extend(tells.try_iter());
        result
    }
}

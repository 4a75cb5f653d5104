//! Tuples in any order -> the same in order, in bounded memory.
//!
//! What outgrows the bound is sorted and written to a temporary file, a *run*; at the end all runs are merged. This takes
//! two passes of sequential reading and writing for any number of tuples. SQLite would take a B-tree's random writes, and
//! is a feature that a build may lack.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek as _, Write as _};

use super::tuple::Tuple;

/// The most runs that are merged at a time: each takes an open file, and a buffer of [`BUFFER_BYTES`].
const RUNS_MAX: usize = 64;
const BUFFER_BYTES: usize = 64 * 1024;

/// Sorts tuples.
#[derive(Debug)]
pub(super) struct Sorter {
    bytes_max: usize,
    held: Vec<Tuple>,
    held_bytes: usize,
    /// Sorted files; those of a later list were merged of so many of the one before.
    runs: Vec<Vec<File>>,
}

impl Sorter {
    /// Makes one that holds so many bytes of tuples, and 4 MiB beside.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            held: Vec::new(),
            held_bytes: 0,
            runs: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, tuple: Tuple) -> io::Result<()> {
        self.held_bytes += tuple.size_bytes();
        self.held.push(tuple);
        match self.held_bytes > self.bytes_max {
            true => self.spill(),
            false => Ok(()),
        }
    }

    /// Writes what is held to a file.
    fn spill(&mut self) -> io::Result<()> {
        self.held.sort_unstable();
        let run = write(self.held.drain(..).map(Ok))?;
        self.held_bytes = 0;
        self.add_run(run, 0)
    }

    fn add_run(&mut self, run: File, generation: usize) -> io::Result<()> {
        let mut run = Some(run);
        for at in generation.. {
            if self.runs.len() <= at {
                self.runs.push(Vec::new());
            }
            let Some(runs) = self.runs.get_mut(at) else {
                break;
            };
            runs.extend(run.take());
            if runs.len() < RUNS_MAX {
                break;
            }
            let merged = Merged::new(std::mem::take(runs), Vec::new())?;
            run = Some(write(merged)?);
        }
        Ok(())
    }

    /// Returns all tuples in order.
    pub(super) fn finish(mut self) -> io::Result<Merged> {
        self.held.sort_unstable();
        Merged::new(self.runs.into_iter().flatten().collect(), self.held)
    }
}

/// Writes tuples to a temporary file, which is gone when it is closed.
fn write(tuples: impl Iterator<Item = io::Result<Tuple>>) -> io::Result<File> {
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile()?);
    for tuple in tuples {
        tuple?.write(&mut out)?;
    }
    out.flush()?;
    let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.rewind()?;
    Ok(file)
}

/// The tuples of all runs, in order.
pub(super) struct Merged {
    runs: Vec<Run>,
    /// The next tuple of each run that has one.
    next: BinaryHeap<Reverse<(Tuple, usize)>>,
}

enum Run {
    File(BufReader<File>),
    Held(std::vec::IntoIter<Tuple>),
}

impl Run {
    fn next(&mut self) -> io::Result<Option<Tuple>> {
        match self {
            Self::File(file) => Tuple::read(file),
            Self::Held(tuples) => Ok(tuples.next()),
        }
    }
}

impl Merged {
    fn new(files: Vec<File>, held: Vec<Tuple>) -> io::Result<Self> {
        let files = files.into_iter();
        let files = files.map(|file| Run::File(BufReader::with_capacity(BUFFER_BYTES, file)));
        let mut runs: Vec<Run> = files.chain([Run::Held(held.into_iter())]).collect();
        let mut next = BinaryHeap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            next.extend(run.next()?.map(|tuple| Reverse((tuple, number))));
        }
        Ok(Self { runs, next })
    }
}

impl Iterator for Merged {
    type Item = io::Result<Tuple>;

    fn next(&mut self) -> Option<io::Result<Tuple>> {
        let Reverse((tuple, number)) = self.next.pop()?;
        match self.runs.get_mut(number).map(Run::next)? {
            Ok(following) => {
                self.next
                    .extend(following.map(|tuple| Reverse((tuple, number))));
                Some(Ok(tuple))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::tuple::Mark;
    use super::*;

    fn tuple() -> impl Strategy<Value = Tuple> {
        let text = prop_oneof![Just(None), "[a-bé]{0,3}".prop_map(Some)];
        let group = vec(text.clone(), 0..3);
        let values = vec(vec(any::<[u8; 16]>(), 0..3), 0..3);
        let rest = (any::<u8>(), 0_u16..3, text, values);
        let of_rule = (0_u32..3, group, -3_i64..3, 0_u64..5);
        (of_rule, rest).prop_map(
            |((rule, group, time, place), (key, part, id, values))| Tuple {
                rule,
                group,
                mark: Mark {
                    time,
                    place,
                    id,
                    row: place,
                },
                key: [key; 16],
                part,
                values,
                kept: place,
            },
        )
    }

    fn sorted(tuples: &[Tuple], bytes_max: usize) -> Vec<Tuple> {
        let mut sorter = Sorter::new(bytes_max);
        for tuple in tuples {
            sorter.push(tuple.clone()).unwrap();
        }
        sorter.finish().unwrap().map(Result::unwrap).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn tuples_come_in_order_whether_they_were_spilled_or_not(
            tuples in vec(tuple(), 0..150),
            bytes_max in prop_oneof![Just(0_usize), Just(500), Just(5_000), Just(usize::MAX)],
        ) {
            let mut expected = tuples.clone();
            expected.sort();
            prop_assert_eq!(sorted(&tuples, bytes_max), expected);
        }
    }

    #[test]
    fn a_run_that_was_cut_is_an_error() {
        let tuple = Tuple {
            rule: 1,
            group: vec![Some("a".to_owned()), None],
            mark: Mark {
                time: 5,
                place: 6,
                id: Some("é".to_owned()),
                row: 10,
            },
            key: [7; 16],
            part: 8,
            values: vec![vec![[9; 16]]],
            kept: 11,
        };
        let mut bytes = Vec::new();
        tuple.write(&mut bytes).unwrap();
        for length in 1..bytes.len() {
            assert!(
                Tuple::read(&mut bytes.split_at(length).0).is_err(),
                "{length}"
            );
        }
        assert_eq!(Tuple::read(&mut &*bytes).unwrap(), Some(tuple));
        assert_eq!(Tuple::read(&mut &bytes[..0]).unwrap(), None);
    }
}

//! The next work of the threads: the first job, in the order of the sources, that has work left.
#![expect(
    clippy::disallowed_types,
    reason = "the one lock, under which things are taken and given back, never worked on"
)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender};

use super::Message;
use super::worker::large::Cutter;
use crate::input::Source;

/// A job, in the form in which it is found.
pub(super) enum Job<T> {
    /// Small sources, for one thread.
    Batch {
        sources: Vec<Source>,
        messages: Sender<Message<T>>,
    },
    /// A large source, for all threads.
    Large(Large<T>),
}

/// A large source, and the sender for the channels of its pieces.
pub(super) struct Large<T> {
    pub(super) cutter: Box<Cutter>,
    pub(super) pieces: Sender<Receiver<Message<T>>>,
}

/// The next work of a thread.
pub(super) enum Work<T> {
    /// Scan sources.
    Batch {
        sources: Vec<Source>,
        messages: Sender<Message<T>>,
    },
    /// Cut a piece off a large source, give the source back or [finish](Schedule::finish) it, and scan the piece.
    Large { order: u64, large: Large<T> },
}

pub(super) struct Schedule<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    jobs: VecDeque<Job<T>>,
    /// Large sources from which at least one piece was cut, by their order. `None` while a thread cuts.
    larges: BTreeMap<u64, Option<Large<T>>>,
    /// Number of large sources that were taken.
    n_larges: u64,
    is_closed: bool,
}

impl<T> Default for Schedule<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                jobs: VecDeque::new(),
                larges: BTreeMap::new(),
                n_larges: 0,
                is_closed: false,
            }),
            changed: Condvar::new(),
        }
    }
}

impl<T> Schedule<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        // No code that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns true if every job was taken by a thread.
    pub(super) fn is_empty(&self) -> bool {
        self.state().jobs.is_empty()
    }

    pub(super) fn push(&self, job: Job<T>) {
        self.state().jobs.push_back(job);
        self.changed.notify_one();
    }

    /// Closes the schedule: no job will be pushed after this.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }

    /// Waits for work. Returns `None` when all work is done.
    pub(super) fn next(&self) -> Option<Work<T>> {
        let mut state = self.state();
        loop {
            let mut larges = state.larges.iter_mut();
            if let Some((order, large)) = larges.find_map(|(o, l)| l.take().map(|l| (*o, l))) {
                return Some(Work::Large { order, large });
            }
            match state.jobs.pop_front() {
                Some(Job::Batch { sources, messages }) => {
                    return Some(Work::Batch { sources, messages });
                }
                Some(Job::Large(large)) => {
                    let order = state.n_larges;
                    state.n_larges += 1;
                    state.larges.insert(order, None);
                    return Some(Work::Large { order, large });
                }
                None if state.is_closed && state.larges.is_empty() => return None,
                None => {
                    let waited = self.changed.wait(state);
                    state = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Returns a large source to the schedule after a piece was cut off.
    pub(super) fn give_back(&self, order: u64, large: Large<T>) {
        self.state().larges.insert(order, Some(large));
        self.changed.notify_one();
    }

    /// Removes a large source that has no piece left.
    pub(super) fn finish(&self, order: u64) {
        let mut state = self.state();
        state.larges.remove(&order);
        if state.is_closed {
            self.changed.notify_all();
        }
    }
}

//! What the threads take up next: the first job, in the order of the sources, that has something left.
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

/// A job as it is found.
pub(super) enum Job<T> {
    /// Small sources, for one thread.
    Batch {
        sources: Vec<Source>,
        messages: Sender<Message<T>>,
    },
    /// A large source, for all threads.
    Large(Large<T>),
}

/// A large source, and where the channels of its pieces go.
pub(super) struct Large<T> {
    pub(super) cutter: Box<Cutter>,
    pub(super) pieces: Sender<Receiver<Message<T>>>,
}

/// What a thread does next.
pub(super) enum Work<T> {
    /// To scan sources.
    Batch {
        sources: Vec<Source>,
        messages: Sender<Message<T>>,
    },
    /// To cut off a piece of a large source, give that back or [finish](Schedule::finish) it, and scan the piece.
    Large { order: u64, large: Large<T> },
}

pub(super) struct Schedule<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    jobs: VecDeque<Job<T>>,
    /// Large sources of which some was cut off, by their order; nothing while a thread cuts.
    larges: BTreeMap<u64, Option<Large<T>>>,
    /// How many large sources were taken up.
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

    /// Whether there is no job that no thread has taken up.
    pub(super) fn is_empty(&self) -> bool {
        self.state().jobs.is_empty()
    }

    pub(super) fn push(&self, job: Job<T>) {
        self.state().jobs.push_back(job);
        self.changed.notify_one();
    }

    /// No job will be pushed any more.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }

    /// Waits for something to do; nothing when all is done.
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

    /// Gives back a large source from which a piece was cut off.
    pub(super) fn give_back(&self, order: u64, large: Large<T>) {
        self.state().larges.insert(order, Some(large));
        self.changed.notify_one();
    }

    /// Takes a large source out of which no piece is left.
    pub(super) fn finish(&self, order: u64) {
        let mut state = self.state();
        state.larges.remove(&order);
        if state.is_closed {
            self.changed.notify_all();
        }
    }
}

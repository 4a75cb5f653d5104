//! What the threads take up next: the first job, in the order of the sources, that has something left.
#![expect(
    clippy::disallowed_types,
    reason = "the one lock, under which things are taken and given back, never worked on"
)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender};

use super::Message;
use crate::input::Source;
use crate::worker::large::Cutter;

/// A job as it is found.
pub(super) enum Job {
    /// Small sources, for one thread.
    Batch {
        sources: Vec<Source>,
        messages: Sender<Message>,
    },
    /// A large source, for all threads.
    Large(Large),
}

/// A large source, and where the channels of its pieces go.
pub(super) struct Large {
    pub(super) cutter: Box<Cutter>,
    pub(super) pieces: Sender<Receiver<Message>>,
}

/// What a thread does next.
pub(super) enum Work {
    /// To scan sources.
    Batch {
        sources: Vec<Source>,
        messages: Sender<Message>,
    },
    /// To cut off a piece of a large source, give that back or [finish](Schedule::finish) it, and scan the piece.
    Large { order: u64, large: Large },
}

#[derive(Default)]
pub(super) struct Schedule {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// Large sources of which some was cut off, by their order; nothing while a thread cuts.
    larges: BTreeMap<u64, Option<Large>>,
    /// How many large sources were taken up.
    n_larges: u64,
    is_closed: bool,
}

impl Schedule {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is no job that no thread has taken up.
    pub(super) fn is_empty(&self) -> bool {
        self.state().jobs.is_empty()
    }

    pub(super) fn push(&self, job: Job) {
        self.state().jobs.push_back(job);
        self.changed.notify_one();
    }

    /// No job will be pushed any more.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }

    /// Waits for something to do; nothing when all is done.
    pub(super) fn next(&self) -> Option<Work> {
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
    pub(super) fn give_back(&self, order: u64, large: Large) {
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

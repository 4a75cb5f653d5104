//! How many outputs may wait for their turn: enough to keep all threads busy where every record outputs, few
//! enough to bound the memory.
#![expect(
    clippy::disallowed_types,
    reason = "a count that threads wait for, once for some hundred outputs"
)]

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Batches that any job may have waiting, whatever the others have: so the one whose turn it is goes on.
const OF_EACH_JOB: usize = 2;

/// The room for batches of outputs that wait.
pub(super) struct BatchLimiter {
    /// How many wait in all.
    n_taken: Mutex<usize>,
    n_max: usize,
    changed: Condvar,
}

/// The part of the room that one job has taken.
pub(super) struct JobLimiter {
    limiter: Arc<BatchLimiter>,
    n_taken: Arc<AtomicUsize>,
}

/// The room of one batch, given back when this is dropped.
pub(super) struct BatchPermit {
    limiter: Arc<BatchLimiter>,
    n_taken_by_job: Arc<AtomicUsize>,
}

impl BatchLimiter {
    /// Room for so many batches, and a few more.
    pub(super) fn new(n_max: usize) -> Arc<Self> {
        Arc::new(Self {
            n_taken: Mutex::new(0),
            n_max,
            changed: Condvar::new(),
        })
    }

    pub(super) fn for_job(self: &Arc<Self>) -> JobLimiter {
        JobLimiter {
            limiter: Arc::clone(self),
            n_taken: Arc::default(),
        }
    }

    fn n_taken(&self) -> MutexGuard<'_, usize> {
        // Nothing that can panic runs under the lock.
        self.n_taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JobLimiter {
    /// Waits until there is room for a batch.
    pub(super) fn take(&self) -> BatchPermit {
        let mut n_taken = self.limiter.n_taken();
        // The job's own count changes under the lock alone.
        while *n_taken >= self.limiter.n_max && self.n_taken.load(Relaxed) >= OF_EACH_JOB {
            let waited = self.limiter.changed.wait(n_taken);
            n_taken = waited.unwrap_or_else(PoisonError::into_inner);
        }
        *n_taken += 1;
        self.n_taken.fetch_add(1, Relaxed);
        BatchPermit {
            limiter: Arc::clone(&self.limiter),
            n_taken_by_job: Arc::clone(&self.n_taken),
        }
    }
}

impl Drop for BatchPermit {
    fn drop(&mut self) {
        let mut n_taken = self.limiter.n_taken();
        *n_taken -= 1;
        self.n_taken_by_job.fetch_sub(1, Relaxed);
        drop(n_taken);
        self.limiter.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SOON: Duration = Duration::from_millis(50);
    const IN_THE_END: Duration = Duration::from_secs(60);

    #[test]
    fn a_job_may_take_all_the_room_and_each_other_one_a_little() {
        let limiter = BatchLimiter::new(3);
        let (greedy, other) = (limiter.for_job(), limiter.for_job());
        let taken: Vec<BatchPermit> = (0..3).map(|_| greedy.take()).collect();
        // The room is full, and the other job still has its share at once.
        let mut shared: Vec<BatchPermit> = (0..OF_EACH_JOB).map(|_| other.take()).collect();
        let (told, telling) = crossbeam_channel::unbounded();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let batch = other.take();
                told.send(()).unwrap();
                drop(batch);
            });
            assert!(telling.recv_timeout(SOON).is_err(), "it waits");
            shared.pop();
            telling.recv_timeout(IN_THE_END).unwrap();
        });
        drop((taken, shared));
        assert_eq!(*limiter.n_taken(), 0);
    }
}

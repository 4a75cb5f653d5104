//! The limit of the outputs that wait for their turn. It is high enough to keep all threads busy if every record gives
//! an output, and low enough to bound the memory.
#![expect(
    clippy::disallowed_types,
    reason = "a count that threads wait for, once for some hundred outputs"
)]

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Number of batches that any job may have waiting, whatever the other jobs have. So the job whose turn it is
/// continues.
const OF_EACH_JOB: usize = 2;

/// Limits the batches of outputs that wait.
pub(super) struct BatchLimiter {
    /// Number of batches that wait in total.
    n_taken: Mutex<usize>,
    n_max: usize,
    changed: Condvar,
}

/// The number of batches that one job has waiting.
pub(super) struct JobLimiter {
    limiter: Arc<BatchLimiter>,
    n_taken: Arc<AtomicUsize>,
}

/// The permit for one batch. Dropping it makes room for another batch.
pub(super) struct BatchPermit {
    limiter: Arc<BatchLimiter>,
    n_taken_by_job: Arc<AtomicUsize>,
}

impl BatchLimiter {
    /// Returns a limiter for `n_max` batches, and a few more.
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
        // No code that can panic runs under the lock.
        self.n_taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JobLimiter {
    /// Waits until there is room for a batch.
    pub(super) fn take(&self) -> BatchPermit {
        let mut n_taken = self.limiter.n_taken();
        // The job's own count changes only under the lock.
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
        // The limit is reached, but the other job still gets its share at once.
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

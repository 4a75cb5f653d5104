//! The threads that write a case's files and make its page.

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Threads for work that is divided; nothing if the thread that has the work does all of it.
#[derive(Debug)]
pub(super) struct Threads(Option<ThreadPool>);

impl Threads {
    /// Starts this number of threads; 0 means one for each core.
    pub(super) fn new(n_threads: usize) -> Self {
        Self(match n_threads {
            1 => None,
            // If they cannot be started, the work takes longer.
            n => ThreadPoolBuilder::new().num_threads(n).build().ok(),
        })
    }

    /// Returns the result of a function for each number below `n`, in order.
    pub(super) fn each<T: Send>(&self, n: usize, one: &(dyn Fn(usize) -> T + Sync)) -> Vec<T> {
        match &self.0 {
            Some(threads) => threads.install(|| (0..n).into_par_iter().map(one).collect()),
            None => (0..n).map(one).collect(),
        }
    }

    /// Returns the results of two functions.
    #[cfg(feature = "page")]
    pub(super) fn both<A: Send, B: Send>(
        &self,
        one: impl FnOnce() -> A + Send,
        other: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        match &self.0 {
            Some(threads) => threads.install(|| rayon::join(one, other)),
            None => (one(), other()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_the_threads() {
        for n_threads in [0, 1, 2, 5] {
            let threads = Threads::new(n_threads);
            let squares = threads.each(1000, &|n| threads.each(n % 3, &|m| n * m).len() + n * n);
            let expected: Vec<usize> = (0..1000).map(|n| n % 3 + n * n).collect();
            assert_eq!(squares, expected, "{n_threads}");
            assert!(threads.each(0, &|n| n).is_empty());
        }
    }
}

//! Counts steps of work: where bytes are examined again or a search may go back, and where an entity of a case is looked
//! up. The tests use this to check that the work grows in proportion to the text and to the number of events, whatever
//! these repeat. Outside the tests nothing is counted.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

/// Counts `n_steps` steps.
#[inline(always)]
pub(crate) fn take(n_steps: usize) {
    #[cfg(test)]
    TAKEN.with(|taken| taken.set(taken.get() + n_steps as u64));
    #[cfg(not(test))]
    let _ = n_steps;
}

/// Returns the number of steps that this thread took during `work`, and the result of `work`.
#[cfg(test)]
pub(crate) fn count<R>(work: impl FnOnce() -> R) -> (u64, R) {
    let before = TAKEN.with(Cell::get);
    let result = work();
    (TAKEN.with(Cell::get) - before, result)
}

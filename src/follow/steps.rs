//! Counts how often an entity is looked up in a case. The tests use this to check that the work grows in proportion to
//! the number of events. Outside the tests nothing is counted.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

/// Counts a step.
#[inline(always)]
pub(super) fn take() {
    #[cfg(test)]
    TAKEN.with(|taken| taken.set(taken.get() + 1));
}

/// Returns the number of steps that this thread took during `work`, and the result of `work`.
#[cfg(test)]
pub(crate) fn count<R>(work: impl FnOnce() -> R) -> (u64, R) {
    let before = TAKEN.with(Cell::get);
    let result = work();
    (TAKEN.with(Cell::get) - before, result)
}

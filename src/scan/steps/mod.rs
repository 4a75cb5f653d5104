//! How many steps the work took, counted where it looks at bytes again or may go back: for the tests that it grows as the text
//! does, whatever the text repeats. Nothing is counted outside of them.

#[cfg(test)]
mod tests;

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

/// Takes so many steps.
#[inline(always)]
pub(super) fn take(n_steps: usize) {
    #[cfg(test)]
    TAKEN.with(|taken| taken.set(taken.get() + n_steps as u64));
    #[cfg(not(test))]
    let _ = n_steps;
}

/// The steps that this thread took while it did this.
#[cfg(test)]
pub(crate) fn of<R>(work: impl FnOnce() -> R) -> (u64, R) {
    let before = TAKEN.with(Cell::get);
    let result = work();
    (TAKEN.with(Cell::get) - before, result)
}

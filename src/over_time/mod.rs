//! The stage that decides rules over several events, once a pass has found these.
//!
//! In: a [`Tuple`] for each event that a part of a rule is about, in any order, with what a [`Plan`] says of it. Out:
//! what [`Fired`], group by group.
//!
//! ```text
//! event ─▶ plan ─▶ tuples ─▶ sorter ─▶ groups, each in the order of time ─▶ watch ─▶ fired
//!                              ▲                                             │
//!                              └── a correlation of correlations ◀───────────┘
//! ```
//!
//! An event counts once in a group, however often it was delivered: copies have the same key and the same time.
//!
//! Memory: what the sorter may hold, and of one group what is in its window: a number for each distinct time, 32 bytes
//! for each distinct value that is counted, and for events of one time a key each. So it grows with the distinct times of
//! a window, never with the number of events.
//!
//! Deliberately not here: what is a match, and what becomes of what fired.

mod plan;
mod rows;
mod sort;
mod stage;
mod tuple;
mod watch;

pub use plan::{Moment, PartOf, Plan};
pub use rows::Rows;
pub use stage::{Decide, Earlier, Fired, Limits, Stage};
pub use tuple::{Mark, Tuple};

#[cfg(test)]
mod tests;

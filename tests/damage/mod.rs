//! The damage fuzz: files in every form that CloudTrail is found in, damaged, hunted through, and judged by a slow and
//! obvious reference that shares no code with the program.
//!
//! A *silent loss* is a file that is said to be read whole, and in which a record that matches has no alert, or one
//! has none that names the policy, has the rule's action and no failure, and cannot be decided. `make` and `table`
//! make files from a seed, `hurt` damages them, `oracle` judges, `run` counts.

mod hurt;
mod json;
mod make;
mod oracle;
mod random;
mod reading;
mod records;
mod rows;
mod run;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use run::{FORMS, Options, Sum, run};

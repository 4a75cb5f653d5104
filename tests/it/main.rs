//! The integration tests: one binary. Most of them run the real program.
//!
//! `agreement` is the main one: the fast way must give the alerts of `reference`, the slow and obvious
//! one. `lake` builds archives and runs hunts over them.
#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a test's helper may fail the test"
)]
#![expect(clippy::print_stdout, reason = "a test says why it is skipped")]

mod agreement;
mod appended;
mod buckets;
mod case_state;
mod cli;
mod conformance;
mod containers;
mod corpora;
mod crash;
mod coverage;
mod credentials;
mod custody;
mod cut_names;
mod damage;
mod damage_fuzz;
mod datasets;
mod defaults;
mod engine;
mod exports;
mod facts;
mod faults;
mod filters;
mod formats;
mod hidden;
mod hunt_over_time;
mod investigate;
mod lake;
mod lookup_events;
mod manifest;
mod no_events;
mod older;
mod only;
mod outputs;
mod over_time_runs;
mod packing;
mod parts;
mod reference;
mod related;
mod responder;
mod resume;
mod rows;
mod rules;
mod rules_cli;
mod rules_in_tables;
mod rules_oracle;
mod rules_over_time;
mod s3;
mod same;
mod scenario;
mod schemas;
mod several;
mod shapes;
mod shared;
mod table;
mod table_damage;
mod tables;
mod tidy;
mod touched;
mod torn;
mod undecided;
mod unreadable;

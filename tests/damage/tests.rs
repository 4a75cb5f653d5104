//! The judge is judged: it must see each loss in files that are whole, and nothing else.

use super::hurt::Damaged;
use super::oracle::{self, Alert, Fault};
use super::random::Random;
use super::records::{self, Kind};
use super::run::MAKERS;

#[test]
fn the_judge_sees_each_loss_in_whole_files_and_nothing_else() {
    // Those that are text.
    for (form, make) in MAKERS.iter().enumerate().take(4) {
        for file in 0..40 {
            let mut random = Random::of(1, form, file);
            let records = records::some(&mut random, file, 0);
            let made = make(&mut random, &records);
            let places = made.planted.iter().map(|planted| {
                let start = memchr::memmem::find(&made.text, &planted.bytes).unwrap();
                (planted, start, start + planted.bytes.len())
            });
            let (matches, others): (Vec<_>, Vec<_>) =
                places.partition(|(planted, ..)| planted.kind == Kind::Match);
            let alert = |(planted, start, end): &(&super::make::Planted, usize, usize)| Alert {
                start: *start,
                end: *end,
                id: Some(planted.id.clone()),
            };
            let all: Vec<Alert> = matches.iter().map(alert).collect();
            let damaged = Damaged {
                made: made.clone(),
                how: Vec::new(),
                touched: Vec::new(),
            };
            let faults = |alerts: &[Alert], is_complete| -> Vec<Fault> {
                let findings = oracle::judge(&damaged, alerts, is_complete);
                findings.iter().map(|finding| finding.fault).collect()
            };
            assert_eq!(faults(&all, true), [], "{}", made.label);
            assert_eq!(
                faults(&all[1..], true),
                [Fault::IntactLost],
                "{}",
                made.label
            );
            assert_eq!(faults(&all[1..], false), [Fault::Unread], "{}", made.label);
            let twice = [&all[..], &all[..1]].concat();
            assert_eq!(faults(&twice, true), [Fault::Twice], "{}", made.label);
            let wrong = others.first().map(alert);
            let wrong: Vec<Alert> = wrong.into_iter().chain(all).collect();
            let n_wrong = usize::from(!others.is_empty());
            assert_eq!(
                faults(&wrong, true),
                vec![Fault::FalseAlert; n_wrong],
                "{}",
                made.label
            );
        }
    }
}

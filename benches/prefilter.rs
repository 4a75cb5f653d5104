//! The search for needles and escaped letters, hit after hit.
#![expect(clippy::unwrap_used, reason = "a bench may fail")]

mod corpus;

use std::hint::black_box;

use corpus::{Corpus, DENSITIES, RARE};
use criterion::{Criterion, criterion_group, criterion_main};
use trailsift::rule::Rule;
use trailsift::scan::Prefilter;
use trailsift::synth::Shape;

fn n_hits(prefilter: &Prefilter, text: &[u8]) -> u64 {
    let mut hits = prefilter.hits(text);
    let (mut from, mut n) = (0, 0);
    while let Some(at) = hits.first_from(from) {
        (from, n) = (at + 1, n + 1);
    }
    n
}

/// The same by looking at each byte: the needles, and `\u00` before an ASCII letter or digit, as the
/// prefilter's contract says.
fn n_hits_slowly(needles: &[String], text: &[u8]) -> u64 {
    let is_hit = |at: &usize| match &text[*at..] {
        [b'\\', b'u', b'0', b'0', b'3', digit, ..] => digit.is_ascii_digit(),
        [b'\\', b'u', b'0', b'0', b'4'..=b'7', hex, ..] => hex.is_ascii_hexdigit(),
        rest => needles.iter().any(|n| rest.starts_with(n.as_bytes())),
    };
    (0..text.len()).filter(is_hit).count() as u64
}

fn prefilter(criterion: &mut Criterion) {
    let rule = Rule::quarantine();
    let needles = corpus::needles(&rule);
    let prefilter = Prefilter::new(needles);
    let mut group = corpus::group(criterion, "prefilter");
    let of_lines = DENSITIES.map(|density| corpus::corpus(density, Shape::Ndjson));
    let indented = [corpus::corpus(RARE, Shape::Pretty)];
    let corpora = of_lines
        .into_iter()
        .chain(indented)
        .chain(corpus::pathological());
    for Corpus {
        name,
        mut text,
        n_matches,
        ..
    } in corpora
    {
        // Only who has searched all finds the last hit, also where there is no other.
        text.extend_from_slice(needles[0].as_bytes());
        let expected = n_hits_slowly(needles, &text);
        assert!(expected > n_matches, "{name}: a match has a hit");
        let n_bytes = text.len() as u64;
        corpus::bench(&mut group, &name, n_bytes, expected, || {
            n_hits(&prefilter, black_box(&text))
        });
    }
    group.finish();
}

/// Names of calls that no record of the corpora has, but that begin as others do.
fn names(n: usize) -> Vec<String> {
    const VERBS: [&str; 8] = [
        "Create", "Delete", "Update", "Put", "Attach", "Detach", "Modify", "Start",
    ];
    const THINGS: [&str; 8] = [
        "Orbit", "Harbor", "Meadow", "Lantern", "Copper", "Violet", "Timber", "Granite",
    ];
    let name = |i: usize| format!("{}{}{}", VERBS[i % 8], THINGS[i / 8 % 8], i / 64);
    (0..n).map(name).collect()
}

/// Needles of many rules at once, and names of an investigation, which are looked for as whole words.
fn many(criterion: &mut Criterion) {
    let mut group = corpus::group(criterion, "many");
    let Corpus { mut text, .. } = corpus::corpus(RARE, Shape::Ndjson);
    text.extend_from_slice(names(1)[0].as_bytes());
    let n_bytes = text.len() as u64;
    for n in [1, 2, 4, 8, 16, 32, 64, 256, 1000] {
        let names = names(n);
        let expected = n_hits_slowly(&names, &text);
        let prefilter = Prefilter::new(&names);
        let needles = format!("needles/{n}");
        corpus::bench(&mut group, &needles, n_bytes, expected, || {
            n_hits(&prefilter, black_box(&text))
        });
        let prefilter = Prefilter::of_names(&names);
        let whole = format!("names/{n}");
        corpus::bench(&mut group, &whole, n_bytes, expected, || {
            n_hits(&prefilter, black_box(&text))
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = corpus::settings();
    targets = prefilter, many
}
criterion_main!(benches);

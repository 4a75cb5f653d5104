//! A slow reference for the tests: every window of every group is looked at by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::{Fired, Limits, Moment, Plan, Stage};
use crate::rule::load::{Form, Loaded};
use crate::rule::over_time::{Group, RuleOverTime};
use crate::rule::testing::Event;

/// Half a second.
const STEP: i64 = 500_000;
/// The window of all rules.
const WINDOW: i64 = 3_000_000;

const SIGMA: &str = "
title: A
name: a
logsource: {product: aws}
detection: {s: {k: a}, condition: s}
---
title: B
id: id-b
logsource: {product: aws}
detection: {s: {k: b}, condition: s}
---
title: event_count
correlation: {type: event_count, rules: [a, id-b], group-by: [g], timespan: 3s, condition: {gte: 3}}
---
title: few
correlation: {type: event_count, rules: [a], group-by: [g], timespan: 3s, condition: {eq: 2}}
---
title: value_count
correlation: {type: value_count, rules: [A], group-by: g, timespan: 3s, condition: {gt: 1, field: v}}
---
title: temporal
correlation: {type: temporal, rules: [a, B], group-by: [g], timespan: 3s}
---
title: temporal_ordered
correlation: {type: temporal_ordered, rules: [a, id-b], group-by: [g], timespan: 3s}
---
title: chained
correlation: {type: temporal_ordered, rules: [few, id-b], group-by: [g], timespan: 3s}
";

fn elastic(name: &str, kind: &str, rest: &str) -> String {
    let language = match kind {
        "eql" => "eql",
        _ => "kuery",
    };
    format!(
        "[rule]\nrule_id = '{name}'\nname = '{name}'\ntype = '{kind}'\nlanguage = '{language}'\nseverity = 'low'\n\
         from = 'now-3s'\n{rest}"
    )
}

fn rules() -> Vec<Arc<RuleOverTime>> {
    let mut loaded = Loaded::default();
    loaded.add_file("p", "a.yml", Form::Yaml, SIGMA.as_bytes());
    let rest = "query = 'k: a'\n[rule.threshold]\nfield = ['g']\nvalue = 2\n\
                [[rule.threshold.cardinality]]\nfield = 'v'\nvalue = 2\n";
    let texts = [
        elastic("threshold", "threshold", rest),
        elastic(
            "new_terms",
            "new_terms",
            "query = 'k: a'\n[rule.new_terms]\nfield = 'new_terms_fields'\nvalue = ['g', 'v']\n\
             [[rule.new_terms.history_window_start]]\nfield = 'history_window_start'\nvalue = 'now-3s'\n",
        ),
        elastic(
            "sequence",
            "eql",
            "query = 'sequence by g with maxspan=3s [any where k == \"a\"] [any where k == \"b\"] \
             [any where k == \"c\"]'\n",
        ),
        elastic(
            "endless",
            "eql",
            "query = 'sequence by g [any where k == \"a\"] [any where k == \"b\"]'\n",
        ),
    ];
    for (n, text) in texts.iter().enumerate() {
        loaded.add_file("p", &format!("{n}.toml"), Form::Toml, text.as_bytes());
    }
    loaded.resolve();
    assert!(loaded.refused.is_empty(), "{:?}", loaded.refused);
    loaded.over_time
}

/// An event of the tests.
#[derive(Debug, Clone)]
struct Made {
    time: i64,
    id: u8,
    kinds: Vec<&'static str>,
    groups: Vec<&'static str>,
    values: Vec<&'static str>,
}

impl Made {
    fn event(&self) -> Event {
        let fields = [("k", &self.kinds), ("g", &self.groups), ("v", &self.values)];
        let fields = fields
            .iter()
            .flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
        fields.fold(Event::new(), |event, (name, value)| event.text(name, value))
    }

    fn is(&self, kind: &str) -> bool {
        self.kinds.contains(&kind)
    }
}

fn made() -> impl Strategy<Value = Made> {
    let kinds = prop_oneof![
        4 => select(vec!["a", "b", "c"]).prop_map(|kind| vec![kind]),
        1 => subsequence(vec!["a", "b", "c"], 0..=3),
    ];
    let groups = prop_oneof![
        6 => Just(vec!["x"]),
        1 => Just(vec![]),
        1 => Just(vec!["y", "x", "y"]),
    ];
    let values = prop_oneof![
        6 => select(vec!["1", "2", "3"]).prop_map(|value| vec![value]),
        1 => Just(vec![]),
        1 => Just(vec!["1", "2"]),
    ];
    (0_i64..40, kinds, groups, values).prop_map(|(time, kinds, groups, values)| Made {
        time: time * STEP,
        id: 0,
        kinds,
        groups,
        values,
    })
}

/// What fires, as far as the reference says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    rule: String,
    group: Group,
    first: i64,
    completed: i64,
    last: i64,
    count: u64,
    distinct: Vec<u64>,
}

/// An event in a group: its time, id, parts and counted values.
type Member = (i64, u8, Vec<usize>, Vec<&'static str>);
type Groups = BTreeMap<Group, Vec<Member>>;
/// The time of the first event of a window that fires, and its numbers.
type Numbers = (i64, u64, Vec<u64>);

fn own(texts: &[&str]) -> Group {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

/// Returns the groups of events, in order of time, whose parts are these kinds.
fn grouped(events: &[Made], parts: &[&str], is_sigma: bool, by_value: bool) -> Groups {
    let mut groups = Groups::new();
    for event in events {
        let kinds = parts.iter().enumerate().filter(|(_, kind)| event.is(kind));
        let of: Vec<usize> = kinds.map(|(part, _)| part).collect();
        if of.is_empty() {
            continue;
        }
        let mut keys: BTreeSet<Group> = BTreeSet::new();
        if is_sigma {
            keys.insert(vec![event.groups.first().map(|group| (*group).to_owned())]);
        }
        for group in event.groups.iter().filter(|_| !is_sigma) {
            match by_value {
                true => keys.extend(event.values.iter().map(|value| own(&[group, value]))),
                false => drop(keys.insert(own(&[group]))),
            }
        }
        let values = event.values.iter().copied();
        let values = values
            .take(if is_sigma { 1 } else { 9 })
            .collect::<Vec<_>>();
        for key in keys {
            let members = groups.entry(key).or_default();
            members.push((event.time, event.id, of.clone(), values.clone()));
        }
    }
    groups
}

/// Returns the groups with a member for each part of an event.
fn by_part(groups: &Groups) -> Groups {
    let mut groups = groups.clone();
    for members in groups.values_mut() {
        let each = members.drain(..).flat_map(|(time, id, parts, values)| {
            let parts = parts.into_iter();
            parts.map(move |part| (time, id, vec![part], values.clone()))
        });
        *members = each.collect();
    }
    groups
}

/// Returns the windows of a group: those that end with each of its events.
fn windows(members: &[Member]) -> impl Iterator<Item = &[Member]> {
    (1..=members.len()).map(move |end| {
        let last = members[end - 1].0;
        let start = members.iter().position(|one| last - one.0 <= WINDOW);
        &members[start.unwrap()..end]
    })
}

fn n_distinct(window: &[Member]) -> u64 {
    let values = window.iter().flat_map(|one| &one.3);
    values.collect::<BTreeSet<_>>().len() as u64
}

/// Returns what windows say that pass a test, which gives the time of the first event that counts, and the numbers.
fn merge(rule: &str, groups: &Groups, test: &dyn Fn(&[Member]) -> Option<Numbers>) -> Vec<Told> {
    let mut told = Vec::new();
    for (group, members) in groups {
        let mut fired: Option<Told> = None;
        for window in windows(members) {
            let Some((first, count, distinct)) = test(window) else {
                continue;
            };
            let completed = window.last().unwrap().0;
            let fired = fired.get_or_insert_with(|| Told {
                rule: rule.to_owned(),
                group: group.clone(),
                first,
                completed,
                last: completed,
                count,
                distinct: distinct.clone(),
            });
            fired.last = completed;
            fired.count = fired.count.max(count);
            for (most, n) in fired.distinct.iter_mut().zip(distinct) {
                *most = n.max(*most);
            }
        }
        told.extend(fired);
    }
    told
}

/// Returns the events of the latest chain through all parts, which ends with the window's last event.
fn in_order(window: &[Member], n_parts: usize) -> Option<Vec<(i64, u8)>> {
    (0..window.len()).rev().find_map(|start| {
        let mut chain = Vec::new();
        let mut part = 0;
        for (time, id, parts, _) in &window[start..] {
            for own in parts {
                if *own == part && part < n_parts {
                    part += 1;
                    chain.push((*time, *id));
                }
            }
        }
        let is_last = chain.last().map(|one| one.1) == window.last().map(|one| one.1);
        chain.dedup();
        let is_whole = part == n_parts && window[start].2.contains(&0);
        (is_whole && is_last).then_some(chain)
    })
}

fn ordered(rule: &str, groups: &Groups) -> Vec<Told> {
    let mut told = merge(rule, groups, &|window| {
        // A window fires whenever its last event is of the last part and a chain is before it.
        let (last, before) = window.split_last().unwrap();
        if !last.2.contains(&1) {
            return None;
        }
        let starts = before.iter().rev().find(|one| one.2.contains(&0));
        let start = match last.2.contains(&0) {
            true => last,
            false => starts?,
        };
        Some((start.0, if start.1 == last.1 { 1 } else { 2 }, vec![]))
    });
    // The first window decides the chain that is shown; `in_order` finds the same.
    for one in &mut told {
        let members = &groups[&one.group];
        let window = windows(members).find_map(|window| in_order(window, 2));
        assert_eq!(window.unwrap()[0].0, one.first);
    }
    told.sort();
    told
}

fn sequences(rule: &str, groups: &Groups, n_parts: usize, maxspan: Option<i64>) -> Vec<Told> {
    let chain = |members: &[Member]| {
        let mut part = 0;
        for (time, _, parts, _) in members {
            if maxspan.is_some_and(|span| time - members[0].0 > span) {
                return None;
            }
            if parts.contains(&part) {
                part += 1;
            }
            if part == n_parts {
                return Some(*time);
            }
        }
        None
    };
    let groups = groups.iter().filter_map(|(group, members)| {
        (0..members.len()).find_map(|start| {
            let members = &members[start..];
            let completed = members[0].2.contains(&0).then(|| chain(members))??;
            Some(Told {
                rule: rule.to_owned(),
                group: group.clone(),
                first: members[0].0,
                completed,
                last: completed,
                count: n_parts as u64,
                distinct: vec![],
            })
        })
    });
    groups.collect()
}

fn new_terms(groups: &Groups) -> Vec<Told> {
    let mut told = Vec::new();
    for (group, members) in groups {
        for (n, one) in members.iter().enumerate() {
            let is_new = members[..n].iter().all(|other| one.0 - other.0 > WINDOW);
            told.extend(is_new.then(|| Told {
                rule: "new_terms".to_owned(),
                group: group.clone(),
                first: one.0,
                completed: one.0,
                last: one.0,
                count: 1,
                distinct: vec![],
            }));
        }
    }
    told
}

/// Returns the groups of a correlation whose first part is that two events are in a window, and whose second is `b`.
fn chained(events: &[Made]) -> Groups {
    let inner = grouped(events, &["a"], true, false);
    let mut outer = grouped(events, &["b"], true, false);
    for members in outer.values_mut() {
        members.iter_mut().for_each(|one| one.2 = vec![1]);
    }
    for (group, members) in &inner {
        for window in windows(members).filter(|window| window.len() == 2) {
            let last = window.last().unwrap();
            let all = outer.entry(group.clone()).or_default();
            match all.iter_mut().find(|one| one.1 == last.1) {
                Some(same) => same.2 = vec![0, 1],
                None => all.push((last.0, last.1, vec![0], vec![])),
            }
        }
    }
    // Ids are in the order of time.
    outer
        .values_mut()
        .for_each(|members| members.sort_by_key(|one| one.1));
    outer
}

/// Returns what fires for events that are in the order of time.
fn expected(events: &[Made]) -> Vec<Told> {
    let len = |window: &[Member]| window.len() as u64;
    let any = |window: &[Member]| window[0].0;
    let both = |window: &[Member]| {
        let last = |part| {
            let found = window.iter().rev().find(|one| one.2.contains(&part));
            found.map(|one| (one.0, one.1))
        };
        let mut ids = [last(0)?, last(1)?];
        ids.sort();
        Some((ids[0].0, if ids[0] == ids[1] { 1 } else { 2 }, vec![]))
    };
    let ab = grouped(events, &["a", "b"], true, false);
    let a = grouped(events, &["a"], true, false);
    let a_of_elastic = grouped(events, &["a"], false, false);
    let mut told = [
        merge("event_count", &ab, &|w| {
            (len(w) >= 3).then(|| (any(w), len(w), vec![]))
        }),
        merge("few", &a, &|w| (len(w) == 2).then(|| (any(w), 2, vec![]))),
        merge("value_count", &a, &|w| {
            (n_distinct(w) > 1).then(|| (any(w), len(w), vec![n_distinct(w)]))
        }),
        merge("temporal", &by_part(&ab), &both),
        ordered("temporal_ordered", &ab),
        ordered("chained", &chained(events)),
        merge("threshold", &a_of_elastic, &|w| {
            let is_good = len(w) >= 2 && n_distinct(w) >= 2;
            is_good.then(|| (any(w), len(w), vec![n_distinct(w)]))
        }),
        new_terms(&grouped(events, &["a"], false, true)),
        sequences(
            "sequence",
            &grouped(events, &["a", "b", "c"], false, false),
            3,
            Some(WINDOW),
        ),
        sequences(
            "endless",
            &grouped(events, &["a", "b"], false, false),
            2,
            None,
        ),
    ]
    .concat();
    told.sort();
    told
}

/// Runs the stage on events that come in this order, each with its place.
fn run(rules: &[Arc<RuleOverTime>], events: &[(u64, &Made)], held_bytes: usize) -> Vec<Fired> {
    let plan = Plan::new(rules);
    let limits = Limits {
        held_bytes,
        ..Limits::default()
    };
    let mut stage = Stage::new(&plan, limits);
    give(&plan, &mut stage, events);
    finish(stage)
}

fn give(plan: &Plan, stage: &mut Stage<'_>, events: &[(u64, &Made)]) {
    for (place, made) in events {
        let at = Moment {
            time: made.time,
            place: *place,
            key: [made.id; 16],
            id: Some(made.id.to_string()),
        };
        plan.tuples(&made.event(), &at, &mut |tuple| stage.push(tuple).unwrap());
    }
}

fn finish(stage: Stage<'_>) -> Vec<Fired> {
    let mut fired = Vec::new();
    stage
        .finish(&mut |one| {
            fired.push(one);
            Ok(())
        })
        .unwrap();
    fired
}

fn told(rules: &[Arc<RuleOverTime>], fired: &[Fired]) -> Vec<Told> {
    let fired = fired.iter().map(|one| Told {
        rule: rules[one.rule].metadata.rule_id.clone(),
        group: one.group.clone(),
        first: one.first,
        completed: one.completed,
        last: one.last,
        count: one.count,
        distinct: one.distinct.clone(),
    });
    let mut told: Vec<Told> = fired.collect();
    told.sort();
    told
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn the_same_fires_in_whatever_order_and_however_often_events_come(
        mut events in vec(made(), 0..30),
        order in vec(any::<prop::sample::Index>(), 0..40),
        held_bytes in prop_oneof![Just(0_usize), Just(2_000), Just(usize::MAX)],
    ) {
        events.sort_by_key(|one| one.time);
        for (id, event) in (0..).zip(&mut events) {
            event.id = id;
        }
        let expected = expected(&events);
        let rules = rules();
        let delivered: Vec<(u64, &Made)> = (0..).zip(&events).collect();
        let fired = run(&rules, &delivered, usize::MAX);
        prop_assert_eq!(&told(&rules, &fired), &expected);

        // Copies come later in the order of reading; all of it in any order of delivery.
        let copies: Vec<(u64, &Made)> = match events.is_empty() {
            true => Vec::new(),
            false => (100..).zip(order.iter().map(|index| index.get(&events))).collect(),
        };
        let mut mixed = [delivered, copies].concat();
        for (n, index) in order.iter().enumerate().filter(|_| !events.is_empty()) {
            let other = index.index(mixed.len());
            let n = n % mixed.len();
            mixed.swap(n, other);
        }
        prop_assert_eq!(run(&rules, &mixed, held_bytes), fired);
    }
}

/// Returns an event of the kind `a`.
fn simple(second: i64, id: u8, group: &'static str, value: &'static str) -> Made {
    Made {
        time: second * 1_000_000,
        id,
        kinds: vec!["a"],
        groups: vec![group],
        values: vec![value],
    }
}

fn only(id: &str) -> Vec<Arc<RuleOverTime>> {
    let mut rules = rules();
    rules.retain(|one| one.metadata.rule_id == id);
    rules
}

#[test]
fn what_is_new_in_the_first_days_of_an_archive_is_marked() {
    let rules = only("new_terms");
    let events = [
        simple(10, 1, "x", "1"),
        simple(12, 2, "x", "2"),
        simple(13, 3, "x", "3"),
        simple(17, 4, "x", "1"),
    ];
    let delivered: Vec<(u64, &Made)> = (0..).zip(&events).collect();
    let early = |begin: Option<i64>| {
        let plan = Plan::new(&rules);
        let mut stage = Stage::new(&plan, Limits::default());
        if let Some(begin) = begin {
            stage.begins_by(begin * 1_000_000);
        }
        give(&plan, &mut stage, &delivered);
        let fired = finish(stage).into_iter();
        let mut early: Vec<(i64, bool)> = fired
            .map(|one| (one.first / 1_000_000, one.is_early))
            .collect();
        early.sort_unstable();
        early
    };
    let of_own = [(10, true), (12, true), (13, false), (17, false)];
    assert_eq!(early(None), of_own);
    assert_eq!(
        early(Some(9)),
        [(10, true), (12, false), (13, false), (17, false)]
    );
}

#[test]
fn the_last_events_of_the_first_window_are_shown() {
    let rules = only("event_count");
    let events: Vec<Made> = (0..8)
        .map(|n| simple(i64::from(n / 4), n, "x", "1"))
        .collect();
    let delivered: Vec<(u64, &Made)> = (0..).zip(&events).collect();
    let plan = Plan::new(&rules);
    let limits = Limits {
        n_events: 2,
        ..Limits::default()
    };
    let mut stage = Stage::new(&plan, limits);
    give(&plan, &mut stage, &delivered);
    let fired = finish(stage);
    let [fired] = fired.as_slice() else {
        panic!("{fired:?}");
    };
    assert_eq!(
        (fired.count, fired.completed, fired.last),
        (8, 0, 1_000_000)
    );
    let ids = fired.events.iter().map(|mark| mark.id.clone().unwrap());
    assert_eq!(ids.collect::<Vec<_>>(), ["1", "2"]);
}

#[test]
fn a_window_takes_no_more_memory_for_more_events() {
    use super::watch::Watch;
    let sizes = |rule: &str, n_events: i64| {
        let rules = only(rule);
        let plan = Plan::new(&rules);
        let mut watch = Watch::new(&rules[0], 50);
        for (n, value) in (0..n_events).zip(["1", "2", "3"].into_iter().cycle()) {
            let made = simple(n * 100 / n_events, 0, "x", value);
            let at = Moment {
                time: made.time,
                place: n.unsigned_abs(),
                key: crate::rule::over_time::digest(&n.to_string()),
                id: None,
            };
            plan.tuples(&made.event(), &at, &mut |tuple| {
                watch.take(&tuple, true);
            });
        }
        // Numbers have more digits with more events.
        let printed = format!("{watch:?}").replace(|c: char| c.is_ascii_digit(), "");
        printed.len()
    };
    for rule in [
        "event_count",
        "value_count",
        "temporal",
        "temporal_ordered",
        "sequence",
        "endless",
    ] {
        let few = sizes(rule, 2_000);
        assert_eq!(sizes(rule, 20_000), few, "{rule}");
    }
}

//! The beginning of a case, and the times that are near it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::follow::{Entity, EntityRefs, Kind};

/// An identity that a case begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// The identity.
    pub entity: Entity,
    /// The time when the user was quarantined, if it is known.
    pub time: Option<Timestamp>,
}

/// An identity that a case begins with, and the times of its quarantines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Beginning {
    /// The identity.
    #[serde(flatten)]
    pub entity: Entity,
    /// The times, in order. Nothing if one of them is not known; then any event may be near it.
    #[schemars(with = "Option<Vec<String>>")]
    pub quarantines: Option<Vec<Timestamp>>,
    /// The user of the key, if the case begins with a key and its user was found.
    #[serde(default, rename = "user", skip_serializing_if = "Option::is_none")]
    pub owner: Option<Entity>,
}

impl Beginning {
    /// Returns each identity once, with all of its quarantines.
    #[must_use]
    pub fn of(seeds: &[Seed]) -> Vec<Self> {
        let mut all: BTreeMap<&Entity, Option<Vec<Timestamp>>> = BTreeMap::new();
        for seed in seeds {
            let times = all.entry(&seed.entity).or_insert_with(|| Some(Vec::new()));
            *times = times.take().zip(seed.time).map(|(mut times, time)| {
                times.push(time);
                times
            });
        }
        let beginnings = all.into_iter().map(|(entity, mut quarantines)| {
            if let Some(times) = &mut quarantines {
                times.sort_unstable();
                times.dedup();
            }
            Self {
                entity: entity.clone(),
                quarantines,
                owner: None,
            }
        });
        beginnings.collect()
    }

    /// Returns the identity that the case is about: the user of the key that it begins with, if that was found.
    #[must_use]
    pub fn subject(&self) -> &Entity {
        self.owner.as_ref().unwrap_or(&self.entity)
    }

    /// Returns the first quarantine, if all times are known.
    #[must_use]
    pub fn quarantined(&self) -> Option<Timestamp> {
        self.quarantines.as_ref()?.first().copied()
    }

    /// Returns whether an event is near. An event without a time may be near.
    #[must_use]
    pub fn is_near(&self, time: Option<Timestamp>, window: Window) -> bool {
        let (Some(quarantines), Some(time)) = (&self.quarantines, time) else {
            return true;
        };
        let is_too_early = |quarantine: &Timestamp| time.duration_since(*quarantine) > window.after;
        let next = quarantines.partition_point(is_too_early);
        let next = quarantines.get(next);
        next.is_some_and(|quarantine| quarantine.duration_since(time) <= window.before)
    }

    /// Returns whether the key that the case begins with acted. Such an event always belongs to the case, whatever its
    /// time.
    #[must_use]
    pub fn is_by_key(&self, traces: &EntityRefs) -> bool {
        self.entity.kind == Kind::AccessKey && traces.actors.contains(&self.entity)
    }

    /// Returns whether an event came after a quarantine and is not near any of them. An event without a time did not.
    #[must_use]
    pub fn is_later(&self, time: Option<Timestamp>, window: Window) -> bool {
        let is_after_first = time.zip(self.quarantined());
        is_after_first.is_some_and(|(time, first)| time > first) && !self.is_near(time, window)
    }

    /// Returns the number of minutes between an event and the nearest quarantine; negative before it.
    #[must_use]
    pub fn minutes(&self, time: Option<Timestamp>) -> Option<i64> {
        let time = time?;
        let quarantines = self.quarantines.as_ref()?;
        let next = quarantines.partition_point(|quarantine| *quarantine < time);
        let beside = quarantines.get(next.saturating_sub(1)..)?.iter().take(2);
        let distances = beside.map(|quarantine| time.duration_since(*quarantine));
        let nearest = distances.min_by_key(|distance| distance.abs())?;
        Some(nearest.as_secs().div_euclid(60))
    }
}

/// Maximum distance of an event from a quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// Before the quarantine.
    #[schemars(with = "String")]
    pub before: SignedDuration,
    /// After the quarantine.
    #[schemars(with = "String")]
    pub after: SignedDuration,
}

/// The time before a quarantine in which a key that is still in use was probably used: a program that runs once a year
/// used it, too.
const FURTHER_BACK: SignedDuration = SignedDuration::from_hours(400 * 24);

impl Window {
    /// Returns the option that looks for keys in earlier events.
    #[must_use]
    pub fn further_back(self) -> &'static str {
        match self.before < FURTHER_BACK {
            true => "--before 400d",
            false => "a longer --before",
        }
    }
}

/// The windows of all quarantines of a case.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Windows {
    window: Window,
    /// The times of all quarantines, in order; nothing if any event may be near one.
    quarantines: Option<Vec<Timestamp>>,
    /// The end of the first quarantine's window.
    first_end: Option<Timestamp>,
}

impl Windows {
    pub(super) fn new(beginnings: &[Beginning], window: Window) -> Self {
        let all = beginnings.iter().map(|one| one.quarantines.clone());
        let all: Option<Vec<Vec<Timestamp>>> = all.collect();
        let quarantines = all.map(|all| {
            let mut all = all.concat();
            all.sort_unstable();
            all
        });
        let firsts = beginnings.iter().filter_map(Beginning::quarantined);
        let first_end = firsts
            .min()
            .and_then(|first| first.checked_add(window.after).ok());
        Self {
            window,
            quarantines,
            first_end,
        }
    }

    /// Returns whether an event is near any quarantine. An event without a time may be near.
    pub(super) fn is_near(&self, time: Option<Timestamp>) -> bool {
        let (Some(quarantines), Some(time)) = (&self.quarantines, time) else {
            return true;
        };
        // The first quarantine whose window has not ended.
        let next = quarantines.partition_point(|one| time.duration_since(*one) > self.window.after);
        let next = quarantines.get(next);
        next.is_some_and(|one| one.duration_since(time) <= self.window.before)
    }

    /// Returns whether an event came after the window of a quarantine, so that it may show how that ended.
    pub(super) fn may_be_later(&self, time: Option<Timestamp>) -> bool {
        time.zip(self.first_end)
            .is_some_and(|(time, end)| time > end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        format!("2024-{text}T00:00:00Z").parse().unwrap()
    }

    fn days(n: i64) -> SignedDuration {
        SignedDuration::from_hours(24 * n)
    }

    #[test]
    fn an_event_is_near_or_later_by_the_windows_of_all_quarantines() {
        let window = Window {
            before: days(10),
            after: days(5),
        };
        let seed = |name: &str, time: Timestamp| Seed {
            entity: Entity::in_account(Kind::User, "111122223333", name),
            time: Some(time),
        };
        let all = [
            seed("alice", time("05-01")),
            seed("alice", time("08-01")),
            seed("bob", time("06-01")),
        ];
        let beginnings = Beginning::of(&all);
        let windows = Windows::new(&beginnings, window);
        for (at, is_near, is_later) in [
            ("04-20", false, [false, false]),
            ("04-21", true, [false, false]),
            ("05-06", true, [false, false]),
            ("05-07", false, [true, false]),
            ("05-25", true, [true, false]),
            ("06-06", true, [true, false]),
            ("06-07", false, [true, true]),
            ("08-06", true, [false, true]),
            ("08-07", false, [true, true]),
        ] {
            let at = Some(time(at));
            assert_eq!(windows.is_near(at), is_near, "{at:?}");
            let near = beginnings.iter().any(|one| one.is_near(at, window));
            assert_eq!(near, is_near, "{at:?}");
            let later = [0, 1].map(|n: usize| beginnings[n].is_later(at, window));
            assert_eq!(later, is_later, "{at:?}");
            if later.contains(&true) {
                assert!(windows.may_be_later(at), "{at:?}");
            }
        }
        assert!(windows.is_near(None) && !windows.may_be_later(None));
        let open = Beginning::of(&[Seed {
            time: None,
            ..all[0].clone()
        }]);
        let windows = Windows::new(&open, window);
        assert!(windows.is_near(Some(time("01-01"))));
        assert!(!windows.may_be_later(Some(time("12-01"))));
    }

    #[test]
    fn an_event_is_near_as_each_quarantine_alone_says() {
        let at = |hour: i64| Timestamp::from_second(hour * 3600).unwrap();
        let hours = SignedDuration::from_hours;
        let window = Window {
            before: hours(2),
            after: hours(3),
        };
        let beginning = |times: &[i64]| Beginning {
            entity: Entity::in_account(Kind::User, "111122223333", "alice"),
            owner: None,
            quarantines: Some(times.iter().map(|hour| at(*hour)).collect()),
        };
        let all = beginning(&[10, 12, 13, 40, 90, 100]);
        let each = [10, 12, 13, 40, 90, 100].map(|hour| beginning(&[hour]));
        let near = Windows::new(&each, window);
        let unknown = Beginning {
            quarantines: None,
            ..all.clone()
        };
        let with_unknown = Windows::new(&[all.clone(), unknown], window);
        for hour in 0..120 {
            let time = Some(at(hour));
            let expected = [10, 12, 13, 40, 90, 100]
                .iter()
                .any(|one| (one - 2..=one + 3).contains(&hour));
            assert_eq!(all.is_near(time, window), expected, "{hour}");
            assert_eq!(near.is_near(time), expected, "{hour}");
            assert!(with_unknown.is_near(time));
            let minutes = each.iter().filter_map(|one| one.minutes(time));
            let nearest = minutes.min_by_key(|minutes| minutes.abs());
            let found = all.minutes(time);
            assert_eq!(found.map(i64::abs), nearest.map(i64::abs), "{hour}");
        }
        assert!(all.is_near(None, window) && near.is_near(None));
    }
}

//! The beginning of a case, and the times that are near it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::follow::Entity;

/// An identity that a case begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// The identity.
    pub entity: Entity,
    /// The time when the user was quarantined, if it is known.
    pub time: Option<Timestamp>,
}

/// An identity that a case begins with, and the times of its quarantines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beginning {
    /// The identity.
    #[serde(flatten)]
    pub entity: Entity,
    /// The times, in order. Nothing if one of them is not known; then any event may be near it.
    pub quarantines: Option<Vec<Timestamp>>,
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
            }
        });
        beginnings.collect()
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
        quarantines.iter().any(|quarantine| {
            let distance = time.duration_since(*quarantine);
            -distance <= window.before && distance <= window.after
        })
    }

    /// Returns the number of minutes between an event and the nearest quarantine; negative before it.
    #[must_use]
    pub fn minutes(&self, time: Option<Timestamp>) -> Option<i64> {
        let time = time?;
        let quarantines = self.quarantines.as_ref()?.iter();
        let distances = quarantines.map(|quarantine| time.duration_since(*quarantine));
        let nearest = distances.min_by_key(|distance| distance.abs())?;
        Some(nearest.as_secs().div_euclid(60))
    }
}

/// Maximum distance of an event from a quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Before the quarantine.
    pub before: SignedDuration,
    /// After the quarantine.
    pub after: SignedDuration,
}

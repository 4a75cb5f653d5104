//! Where a case begins, and which times are near that.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::follow::Entity;

/// Where a case begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// Whom it is about.
    pub entity: Entity,
    /// When the user was quarantined, if that is known.
    pub time: Option<Timestamp>,
}

/// Whom a case is about, and when it was quarantined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beginning {
    /// Whom.
    #[serde(flatten)]
    pub entity: Entity,
    /// When, from the first time on. Nothing where one of these times is not known: any event may be near that.
    pub quarantines: Option<Vec<Timestamp>>,
}

impl Beginning {
    /// Each user once, with all of its quarantines.
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

    /// The first quarantine, if all times are known.
    #[must_use]
    pub fn quarantined(&self) -> Option<Timestamp> {
        self.quarantines.as_ref()?.first().copied()
    }

    /// Whether an event is near. One without a time may be.
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

    /// How many minutes an event lies from the nearest quarantine; negative before it.
    #[must_use]
    pub fn minutes(&self, time: Option<Timestamp>) -> Option<i64> {
        let time = time?;
        let quarantines = self.quarantines.as_ref()?.iter();
        let distances = quarantines.map(|quarantine| time.duration_since(*quarantine));
        let nearest = distances.min_by_key(|distance| distance.abs())?;
        Some(nearest.as_secs().div_euclid(60))
    }
}

/// How far from a quarantine an event may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Before it.
    pub before: SignedDuration,
    /// And after it.
    pub after: SignedDuration,
}

//! The content of each file: a pure function of the configuration, computed file by file.
//!
//! So files can be written in any order by any thread, the list of plants needs nothing from the files, and the plan of
//! an archive of any size needs memory only for its plants. Density needs no memory at all.

use std::ops::Range;

use super::action::{Action, Catalog};
use super::config::{Stopped, SynthConfig};
use super::identity::{Account, Caller, Partition};
use super::rng::{ALNUM, Rng, nth};
use super::scene::{PROGRESS, Place, Scene};
use super::story::{self, Story, Told};
use super::time;

/// The purpose of a random stream: streams of different purposes are unrelated.
#[derive(Clone, Copy)]
enum Stream {
    Place,
    Name,
    Size,
    Slot,
    Match,
    NearMiss,
    Density,
    Habit,
    Record,
}

/// Sizes of files, in per cent of the mean; their average is 100.
const SIZES: [u64; 10] = [12, 25, 40, 60, 80, 100, 110, 140, 183, 250];

/// Number of consecutive records with one action by one caller, because real callers repeat themselves. Without that,
/// gzip compresses an archive less than a real one.
const HABIT_RECORDS: u64 = 4;

/// Average number of other records in each file of a story.
const STORY_RECORDS: u64 = 25;

/// Deliveries are five minutes apart.
pub(super) const DELIVERY_SECONDS: i64 = 300;

/// Seconds between the first event of a file and its delivery, at most.
const REACH_SECONDS: i64 = 15 * 60;

/// Returns when a file is delivered that would be delivered at this time: not while logging is stopped.
fn outside(stopped: Stopped, at: i64) -> i64 {
    let first = stopped.from - DELIVERY_SECONDS;
    let last = stopped.to + REACH_SECONDS;
    let n_slots = (last - first).div_euclid(DELIVERY_SECONDS) + 1;
    match (first..=last).contains(&at) {
        true => at + n_slots * DELIVERY_SECONDS,
        false => at,
    }
}

/// One delivery of one plant.
#[derive(Debug, Clone, Copy)]
struct Delivery {
    matches: bool,
    /// The number among the matches, or among the near misses.
    number: u64,
    /// True for the delivery by the organization's trail, after the account's own.
    again: bool,
}

/// The whole archive.
pub(super) struct Plan<'a> {
    pub(super) config: &'a SynthConfig,
    pub(super) catalog: &'a Catalog,
    /// The story, whose own files come after the others.
    pub(super) story: &'a Story,
    /// Sorted by partition, so that a file does not need to mix them; copies come directly after their originals.
    deliveries: Vec<Delivery>,
}

/// The plan of one file.
pub(super) struct FilePlan<'a> {
    pub(super) index: u64,
    pub(super) place: Place<'a>,
    /// Number of its records without the story's events.
    pub(super) records: u64,
    /// Events of a story, spread evenly among the other records.
    pub(super) told: &'a [Told],
    /// The sixteen letters at the end of its name.
    pub(super) name: [u8; 16],
    /// Its plants, by record.
    slots: Vec<Slot<'a>>,
}

#[derive(Debug, Clone, Copy)]
struct Slot<'a> {
    record: u64,
    delivery: Delivery,
    /// The place where the plant was first delivered, which both its copies describe.
    origin: Place<'a>,
}

/// A scene that belongs in the list of plants.
pub(super) struct Planted<'a> {
    pub(super) record: u64,
    pub(super) scene: Scene<'a>,
    /// Number of records of this event.
    pub(super) sightings: u64,
}

impl<'a> Plan<'a> {
    pub(super) fn new(config: &'a SynthConfig, catalog: &'a Catalog, story: &'a Story) -> Self {
        let mut plan = Self {
            config,
            catalog,
            story,
            deliveries: Vec::new(),
        };
        let mut deliveries = Vec::new();
        for (matches, count) in [(true, config.matches), (false, config.near_misses)] {
            for number in 0..count {
                let first = Delivery {
                    matches,
                    number,
                    again: false,
                };
                deliveries.push(first);
                if plan.action(first).twice {
                    deliveries.push(Delivery {
                        again: true,
                        ..first
                    });
                }
            }
        }
        deliveries.sort_by_key(|&delivery| plan.action(delivery).partition);
        plan.deliveries = deliveries;
        plan
    }

    /// Returns the number of files.
    pub(super) fn n_files(&self) -> u64 {
        self.config.files + self.story.n_files()
    }

    /// Plans one file.
    pub(super) fn file(&self, index: u64) -> FilePlan<'a> {
        let behind = index.checked_sub(self.config.files);
        let told = behind.and_then(|nth| self.story.file(nth));
        let place = match told {
            Some((place, _)) => place,
            None => self.place(index),
        };
        let hosted = match told {
            Some(_) => 0..0,
            None => self.hosted(index),
        };
        let plants = hosted.end - hosted.start;
        let records = match told {
            Some(_) => self.size_of(index, self.config.records_per_file.min(STORY_RECORDS)),
            None => self.size(index).max(plants),
        };
        let mut rng = self.stream(Stream::Slot, index, 0);
        let slots = hosted
            .zip(0..)
            .map(|(nth, turn)| {
                let from = portion(turn, records, plants);
                let to = portion(turn + 1, records, plants);
                Slot {
                    record: from + rng.below(to - from),
                    delivery: self.delivery(nth),
                    origin: self.origin(nth, place),
                }
            })
            .collect();
        let mut name = Vec::new();
        self.stream(Stream::Name, index, 0)
            .text(ALNUM, 16, &mut name);
        FilePlan {
            index,
            place,
            records,
            told: told.map_or(&[], |(_, told)| told),
            name: name.try_into().expect("sixteen letters"),
            slots,
        }
    }

    /// Returns the scene of a record in that file.
    pub(super) fn scene(&self, file: &FilePlan<'a>, record: u64) -> Scene<'a> {
        if let Some(slot) = file.slot(record) {
            return self.planted_scene(slot);
        }
        let place = file.place;
        let mut rng = self.stream(Stream::Record, file.index, record);
        let mut habit = self.stream(Stream::Habit, file.index, record / HABIT_RECORDS);
        let action = match self.dense(file, record) {
            Some(true) => self.catalog.draw_match(&mut rng),
            Some(false) => self.catalog.draw_near_miss(&mut rng),
            None => {
                let at_home = place.region == place.partition.home();
                self.catalog.draw(&mut habit, at_home)
            }
        };
        let caller = Caller::draw(action.by, &mut habit);
        let progress = portion(record, PROGRESS, file.records);
        Scene::new(rng, self.at_home(place, action), action, caller, progress)
    }

    /// Returns the plants in that file, each only where it is delivered first.
    pub(super) fn planted(&self, file: &FilePlan<'a>) -> impl Iterator<Item = Planted<'a>> {
        (0..file.records).filter_map(|record| {
            let slot = file.slot(record);
            let listed = match slot {
                Some(slot) => !slot.delivery.again,
                None => self.dense(file, record).is_some(),
            };
            let scene = listed.then(|| self.scene(file, record))?;
            Some(Planted {
                record,
                sightings: if scene.action.twice { 2 } else { 1 },
                scene,
            })
        })
    }

    /// Returns the scene of a plant. Both copies of a plant are drawn from the same stream, so they are identical to
    /// the last byte.
    fn planted_scene(&self, slot: &Slot<'a>) -> Scene<'a> {
        let stream = match slot.delivery.matches {
            true => Stream::Match,
            false => Stream::NearMiss,
        };
        let mut rng = self.stream(stream, slot.delivery.number, 0);
        let progress = rng.below(PROGRESS);
        let action = self.action(slot.delivery);
        let caller = Caller::draw(action.by, &mut rng);
        let place = self.at_home(slot.origin, action);
        Scene::new(rng, place, action, caller, progress)
    }

    /// Returns whether one of the densities makes a record a match (true) or a near miss (false); nothing for most
    /// records.
    fn dense(&self, file: &FilePlan<'_>, record: u64) -> Option<bool> {
        let (matches, both) = (self.config.density, self.config.dense_share());
        // A story's events are listed, and nothing else is planted among them.
        if both == 0.0 || !file.told.is_empty() {
            return None;
        }
        let point = self.stream(Stream::Density, file.index, record).unit();
        (point < both).then_some(point < matches)
    }

    /// Returns the variant that is delivered; the variants take turns.
    fn action(&self, delivery: Delivery) -> &'a Action {
        let variants = match delivery.matches {
            true => &self.catalog.matches,
            false => &self.catalog.near_misses,
        };
        nth(variants, delivery.number)
    }

    /// Returns the place and time of a file's delivery.
    ///
    /// A file of plants is in the home region of their partition. If each plant has a file of its own, a second
    /// delivery is by the organization's trail, five minutes after the first.
    fn place(&self, index: u64) -> Place<'a> {
        let config = self.config;
        let hosted = self.hosted(index);
        if !hosted.is_empty() && self.delivery(hosted.start).again && self.has_room() {
            let first = self.place(self.host(hosted.start - 1));
            return Place {
                delivered: first.delivered + DELIVERY_SECONDS,
                organization: true,
                ..first
            };
        }
        let mut rng = self.stream(Stream::Place, index, 0);
        let slots = 24 * 3600 / DELIVERY_SECONDS * i64::from(config.days);
        let slot = rng.below(slots.unsigned_abs()).cast_signed();
        let account = Account::new(rng.below(config.accounts));
        let region: &'a String = rng.pick(&config.regions);
        let mut place = Place {
            account,
            partition: Partition::Aws,
            region,
            delivered: time::midnight(config.start) + slot * DELIVERY_SECONDS,
            organization: false,
        };
        if let Some(stopped) = config.stopped() {
            place.delivered = outside(stopped, place.delivered);
        }
        if !hosted.is_empty() {
            let partition = self.action(self.delivery(hosted.start)).partition;
            self.move_home(&mut place, partition);
        } else if config.dense_share() > 0.0 {
            self.move_home(&mut place, Partition::Aws);
        }
        place
    }

    /// Returns the place that an action's record names; for a global service, always its home region.
    fn at_home(&self, mut place: Place<'a>, action: &Action) -> Place<'a> {
        if action.global && action.weight.is_none() {
            self.move_home(&mut place, action.partition);
        }
        place
    }

    /// Moves a place to the home region of a partition. Each partition except aws has one account.
    fn move_home(&self, place: &mut Place<'a>, partition: Partition) {
        if place.partition != partition {
            place.account = match partition {
                Partition::Aws => Account::new(0),
                Partition::China => Account::new(self.n_accounts()),
                Partition::GovCloud => Account::new(self.n_accounts() + 1),
            };
        }
        place.partition = partition;
        place.region = partition.home();
    }

    /// Returns the number of accounts in the aws partition, including those of a story.
    fn n_accounts(&self) -> u64 {
        match self.story.n_files() {
            0 => self.config.accounts,
            _ => self.config.accounts.max(story::N_ACCOUNTS),
        }
    }

    /// Returns the place where the plant of a delivery was delivered first.
    fn origin(&self, nth: u64, place: Place<'a>) -> Place<'a> {
        match self.delivery(nth).again {
            true => self.place(self.host(nth - 1)),
            false => place,
        }
    }

    fn delivery(&self, number: u64) -> Delivery {
        *nth(&self.deliveries, number)
    }

    /// Returns the file that contains a delivery; deliveries are spread evenly.
    fn host(&self, nth: u64) -> u64 {
        portion(nth, self.config.files, self.deliveries.len() as u64)
    }

    /// Returns the deliveries that a file contains: those that `host` assigns to it.
    fn hosted(&self, file: u64) -> Range<u64> {
        let (files, deliveries) = (self.config.files, self.deliveries.len() as u64);
        portion_up(file, deliveries, files)..portion_up(file + 1, deliveries, files)
    }

    /// Returns whether each delivery has a file of its own.
    fn has_room(&self) -> bool {
        self.deliveries.len() as u64 <= self.config.files
    }

    /// Returns the number of records that a file would have without plants.
    fn size(&self, index: u64) -> u64 {
        let mean = self.config.records_per_file;
        match self.config.files {
            1 => mean,
            _ => self.size_of(index, mean),
        }
    }

    /// Returns the size of one of several files.
    fn size_of(&self, index: u64, mean: u64) -> u64 {
        if mean == 0 {
            return 0;
        }
        let mut rng = self.stream(Stream::Size, index, 0);
        let percent = rng.pick(&SIZES) + rng.below(11) - 5;
        portion(percent, mean, 100).max(1)
    }

    fn stream(&self, stream: Stream, index: u64, part: u64) -> Rng {
        Rng::of(&[self.config.seed, stream as u64, index, part])
    }
}

impl<'a> FilePlan<'a> {
    /// Returns the number of other records that come before an event of the story.
    pub(super) fn before_told(&self, nth: usize) -> u64 {
        portion(nth as u64 + 1, self.records, self.told.len() as u64 + 1)
    }

    /// Returns the number of the story's events that come before one of the other records.
    pub(super) fn n_told_before(&self, record: u64) -> u64 {
        let before = (0..self.told.len()).take_while(|nth| self.before_told(*nth) <= record);
        before.count() as u64
    }

    /// Returns the plant at that record.
    fn slot(&self, record: u64) -> Option<&Slot<'a>> {
        let found = self.slots.binary_search_by_key(&record, |slot| slot.record);
        found.ok().map(|index| &self.slots[index]) // not found is a valid result, not an error
    }
}

/// Returns the share of `whole` that `part` of `parts` is, rounded down.
fn portion(part: u64, whole: u64, parts: u64) -> u64 {
    let share = u128::from(part) * u128::from(whole) / u128::from(parts);
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// Does the same, rounded up.
fn portion_up(part: u64, whole: u64, parts: u64) -> u64 {
    let share = (u128::from(part) * u128::from(whole)).div_ceil(u128::from(parts));
    u64::try_from(share).unwrap_or(u64::MAX)
}

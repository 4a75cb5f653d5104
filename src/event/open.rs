//! Decides whether an event that does not match leaves open what its request named, or may be of two records.

use super::doubt::{Doubt, Said, Sought, holds_below};
use super::json::Value;
use super::names::{is_field, is_nothing};
use super::record::{REQUEST, is_own_field};
use super::{Event, Schema, Seam, cloudtrail, ecs, exports, object_text, ocsf};

impl<'v> Event<'v> {
    /// Returns the reason why it cannot be excluded that its request names the policy. The request as read must not
    /// name it.
    ///
    /// If a record has a request of its own, that counts: it does not matter if AWS's other fields name the policy.
    /// If the request is missing or cut off, or if an unknown field names the policy, the answer is open.
    #[must_use]
    pub fn doubt(&self, sought: Sought<'_>) -> Option<Doubt> {
        let said = self.said();
        let is_native = self.schema == Schema::CloudTrail && exports::is_native(&self.record);
        let Sought {
            is_named,
            is_altered,
            ..
        } = sought;
        // What AWS wrote is not cut: a shorter name is another name.
        let is_broken = match is_native && said == Said::Whole {
            true => is_altered,
            false => sought.is_broken,
        };
        let is_beside = |holds| self.beside_request(holds, sought.counts_beside);
        let named = match said {
            Said::Part => is_beside(is_named).then_some(Doubt::PartOfRequest),
            Said::Nothing => is_beside(is_named).then_some(Doubt::NoRequest),
            Said::Whole => None,
        };
        named
            .or_else(|| self.foreign_that(is_named).map(Doubt::Elsewhere))
            .or_else(|| {
                let is_there = self.request_holds(is_broken)
                    || self.foreign_that(is_broken).is_some()
                    || said != Said::Whole && is_beside(is_broken);
                is_there.then_some(Doubt::BrokenName)
            })
            .or_else(|| self.is_cut(said).then_some(Doubt::CutRequest))
    }

    /// Returns true if `holds` applies to what may stand for a request that is missing or not complete.
    fn beside_request(&self, holds: &dyn Fn(&str) -> bool, counts_beside: bool) -> bool {
        let record = &self.record;
        let is_without = || self.said() == Said::Nothing && exports::is_native(record);
        match self.schema {
            // AWS wrote that there is no request.
            Schema::CloudTrail if is_without() => {
                counts_beside && cloudtrail::is_named_beside(record, holds)
            }
            Schema::CloudTrail => cloudtrail::may_stand_for_request(record, holds),
            Schema::Ecs | Schema::Ocsf => holds_below(record.value(), holds),
        }
    }

    /// Returns true if its request, or the record that it carries in place of one, is cut off or cannot be read.
    fn is_cut(&self, said: Said) -> bool {
        match said {
            Said::Whole => false,
            Said::Part => match self.schema {
                Schema::CloudTrail => cloudtrail::has_cut_request(&self.record),
                Schema::Ecs => ecs::has_cut_request(self.record.value()),
                Schema::Ocsf => ocsf::has_cut_request(self.record.value()),
            },
            Said::Nothing => self.foreign_that(&object_text::holds_cut).is_some(),
        }
    }

    /// Returns the name of a field that its schema does not have, or that has a piece of another record, and that `holds`
    /// applies to.
    fn foreign_that(&self, holds: &dyn Fn(&str) -> bool) -> Option<String> {
        let mut found = None;
        let mut visit = |name: &'v str, value| {
            if found.is_none() && (holds(name) || holds_below(value, holds)) {
                found = Some(name.to_owned());
            }
        };
        match self.schema {
            Schema::CloudTrail => {
                exports::foreign(&self.record).for_each(|(name, value)| visit(name, value));
                exports::pieces(&self.record).for_each(|(name, value)| visit(name, value));
            }
            Schema::Ecs => ecs::each_foreign(self.record.value(), &mut visit),
            Schema::Ocsf => ocsf::each_foreign(self.record.value(), &mut visit),
        }
        found
    }
}

impl Event<'_> {
    /// Returns the event with what the text around it shows.
    pub(crate) fn with_seam(self, seam: Option<Seam>) -> Self {
        let seam = self.seam.or(seam);
        Self { seam, ..self }
    }

    /// Returns the sign that two records may have run into each other in it, if there is one.
    #[must_use]
    pub fn seam(&self) -> Option<Seam> {
        let in_request = || self.is_in_request().then_some(Seam::InRequest);
        let twice = || self.has_field_twice().then_some(Seam::FieldTwice);
        self.seam.or_else(in_request).or_else(twice)
    }

    /// Returns true if it is a document of CloudTrail with the name of another dataset that begins alike: damaged, as where
    /// two documents ran into each other inside it.
    #[must_use]
    pub fn is_near_dataset(&self, dataset: &str) -> bool {
        const OTHERS: [&str; 2] = ["aws.cloudfront", "aws.cloudwatch"];
        self.schema == Schema::Ecs
            && dataset.starts_with("aws.cloud")
            && dataset != "aws.cloudtrail"
            && !OTHERS.iter().any(|other| dataset.starts_with(other))
            && ecs::has_under(self.record.value(), "aws.cloudtrail")
    }

    /// Returns true if it is in the request of an object that is no record. It may be data of a record that is damaged.
    #[must_use]
    pub fn is_in_request(&self) -> bool {
        self.seam == Some(Seam::InRequest) || self.wrapper.is_request()
    }

    /// Returns true if fields of it are of two records, but it has the actions of both.
    #[must_use]
    pub fn has_both_actions(&self, seam: Seam) -> bool {
        seam == Seam::FieldTwice && self.names_of_call() > 1
    }

    fn names_of_call(&self) -> usize {
        match self.schema {
            Schema::CloudTrail => {
                let members = self.record.value().members();
                members
                    .filter(|(name, _)| is_field(name, "eventName"))
                    .count()
            }
            Schema::Ecs => self.n_at("event.action"),
            Schema::Ocsf => self.n_at("api.operation"),
        }
    }

    fn n_at(&self, path: &str) -> usize {
        let mut n = 0;
        ecs::each_at(self.record.value(), path, &mut |_| n += 1);
        n
    }

    /// Returns true if a field occurs twice in it, so that its action or its outcome may be of another record. Some writers
    /// repeat fields with their values, and a table may have columns twice.
    fn has_field_twice(&self) -> bool {
        match self.schema {
            // Nearly all records end here.
            Schema::CloudTrail if !self.record.has_duplicate_keys() => false,
            Schema::CloudTrail => {
                let has_one_action = self.names_of_call() < 2;
                let counts = |own: Value<'_>, other| has_one_action || !own.is_equal(other);
                let may_be = has_one_action || !self.is_row;
                may_be && self.record.value().has_key_twice(is_own_field, counts)
            }
            Schema::Ecs | Schema::Ocsf => has_two_values(self.record.value()),
        }
    }

    /// Returns true if its request is a text that begins as an object in JSON does, cannot be read, and `holds` applies to
    /// it. In tables a limit on the length of cells cuts texts.
    #[must_use]
    pub fn has_torn_request(&self, holds: &dyn Fn(&str) -> bool) -> bool {
        if self.is_row {
            return false;
        }
        let is_torn = |value: Value<'_>| {
            let text = value.as_str().filter(|text| !is_nothing(text));
            text.is_some_and(|text| object_text::is_torn(text) && holds(text))
        };
        let mut any = false;
        match self.schema {
            Schema::CloudTrail => any = self.record.get(REQUEST).any(is_torn),
            Schema::Ecs => ecs::each_at(self.record.value(), ecs::REQUEST, &mut |value| {
                any |= is_torn(value);
            }),
            Schema::Ocsf => ecs::each_at(self.record.value(), ocsf::REQUEST, &mut |value| {
                any |= is_torn(value);
            }),
        }
        any
    }
}

/// Returns true if a key occurs twice in an object, or in one inside it, with different values.
fn has_two_values(value: Value<'_>) -> bool {
    value.has_duplicate_keys() && value.has_key_twice(|_| true, |one, other| !one.is_equal(other))
        || value.members().any(|(_, child)| has_two_values(child))
        || value.elements().any(has_two_values)
}

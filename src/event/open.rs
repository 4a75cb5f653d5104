//! Decides whether an event that does not match leaves open what its request named.

use super::doubt::{Doubt, Said, Sought, holds_below};
use super::{Event, Schema, cloudtrail, ecs, exports, object_text, ocsf};

impl<'v> Event<'v> {
    /// Returns true if it may be of two records that ran into each other, of which one lost its action. It has a field of
    /// its own twice, but its action once, or its text [is torn](Self::is_torn).
    #[must_use]
    pub fn is_glued(&self) -> bool {
        self.is_torn || self.schema == Schema::CloudTrail && self.record.has_fields_of_two()
    }

    /// Returns true if its text shows that two records may have run into each other: it has an escape that JSON does not
    /// have, or it is in the request of a record that cannot be read.
    #[must_use]
    pub fn is_torn(&self) -> bool {
        self.is_torn
    }

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

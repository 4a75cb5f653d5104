//! The content of one record: its place, time, caller and action, drawn before its first byte is written.
//!
//! A scene is a pure function of its random stream, its place and its action. So the planted list can be made from
//! scenes alone, without the records and without data from the threads that wrote them.

use jiff::civil::DateTime;

use super::action::Action;
use super::identity::{Account, Caller, Kind, Partition, WORDS, push_person};
use super::rng::{self, Rng, nth};
use super::template::Blank;
use super::time::{self, push_decimal};

/// Number of objects of each kind in an account; records use the same ones again and again.
const SUBJECTS: u64 = 60;

/// Events reach a file 5 to 15 minutes after they happened. The two constants below divide these ten minutes.
const WINDOW_START: i64 = 15 * 60;
/// Time from a file's first event to its last, in seconds.
pub(super) const PROGRESS: u64 = 9 * 60;
/// Maximum time by which an event can be out of that order, in seconds.
const JITTER: u64 = 60;

/// The place and time of a delivery.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) account: Account,
    pub(super) partition: Partition,
    pub(super) region: &'a str,
    /// Seconds since 1970.
    pub(super) delivered: i64,
    /// True if the organization's trail delivered it, and not the account's own.
    pub(super) organization: bool,
}

/// One event, and the stream that its details are drawn from.
#[derive(Debug, Clone)]
pub(super) struct Scene<'a> {
    pub(super) rng: Rng,
    pub(super) place: Place<'a>,
    pub(super) action: &'a Action,
    pub(super) caller: Caller,
    pub(super) event_id: [u8; 36],
    pub(super) time: DateTime,
    seconds: i64,
    subject: u64,
}

impl<'a> Scene<'a> {
    /// Creates a scene. `progress`, in seconds below `PROGRESS`, grows from record to record, so files are roughly in
    /// the order of time.
    pub(super) fn new(
        mut rng: Rng,
        place: Place<'a>,
        action: &'a Action,
        caller: Caller,
        progress: u64,
    ) -> Self {
        let event_id = rng.uuid();
        let subject = rng.below(SUBJECTS);
        let after = progress + rng.below(JITTER);
        let seconds = place.delivered - WINDOW_START + after.cast_signed();
        Self {
            rng,
            place,
            action,
            caller,
            event_id,
            time: time::civil(seconds),
            seconds,
            subject,
        }
    }

    /// Appends the user that the action is about.
    pub(super) fn push_user(&self, out: &mut Vec<u8>) {
        push_person(self.subject, out);
    }

    /// Appends the value of a placeholder.
    pub(super) fn write(&mut self, blank: Blank, out: &mut Vec<u8>) {
        let account = self.place.account;
        match blank {
            Blank::Account => out.extend_from_slice(&account.id),
            Blank::Region => out.extend_from_slice(self.place.region.as_bytes()),
            Blank::Partition => out.extend_from_slice(self.place.partition.name().as_bytes()),
            Blank::Time => time::push_iso(self.time, out),
            Blank::Day => time::push_day(self.time, out),
            Blank::Minute => time::push_minute(self.time, out),
            Blank::LongDate => time::push_long(time::civil(self.seconds + 3600), out),
            Blank::Since => time::push_iso(time::civil(self.session_start()), out),
            Blank::Word => {
                let word = nth(&WORDS, account.number + self.subject);
                out.extend_from_slice(word.as_bytes());
            }
            Blank::User => self.push_user(out),
            Blank::UserId => self.about(1).text(rng::UPPER, 10, out),
            Blank::Id => self.about(2).text(rng::HEX, 17, out),
            Blank::KeyId => out.extend_from_slice(&self.about(3).uuid()),
            Blank::Actor => self.caller.push_name(out),
            Blank::ActorId => self.caller.attribute(account, 4).text(rng::UPPER, 10, out),
            Blank::ActorKey => self.caller.attribute(account, 5).text(rng::UPPER, 9, out),
            Blank::Session => self.caller.push_session(account, out),
            Blank::Me => self.push_me(out),
            Blank::Ip => self.caller.push_ip(account, out),
            Blank::Service => out.extend_from_slice(self.action.service.as_bytes()),
            Blank::Event => out.extend_from_slice(self.action.event.as_bytes()),
            Blank::Context(n) => self.about(4).text(rng::BASE64, n, out),
            Blank::Uuid => out.extend_from_slice(&self.rng.uuid()),
            Blank::Private => {
                out.extend_from_slice(b"10.0.");
                push_decimal(self.rng.below(256), out);
                out.push(b'.');
                push_decimal(self.rng.below(256), out);
            }
            Blank::Hex(n) => self.rng.text(rng::HEX, n, out),
            Blank::Upper(n) => self.rng.text(rng::UPPER, n, out),
            Blank::Alnum(n) => self.rng.text(rng::ALNUM, n, out),
            Blank::Base64(n) => self.rng.text(rng::BASE64, n, out),
            Blank::Number(least, most) => push_decimal(self.rng.between(least, most), out),
        }
    }

    /// Appends the ARN of the caller.
    fn push_me(&self, out: &mut Vec<u8>) {
        let account = self.place.account;
        let (service, resource) = match self.caller.kind {
            Kind::User | Kind::Victim => ("iam", ":user/"),
            Kind::Root => ("iam", ":root"),
            Kind::Federated => ("sts", ":federated-user/"),
            Kind::Program | Kind::Person | Kind::Delegate | Kind::Service | Kind::Outsider => {
                ("sts", ":assumed-role/")
            }
        };
        out.extend_from_slice(b"arn:");
        out.extend_from_slice(self.place.partition.name().as_bytes());
        out.push(b':');
        out.extend_from_slice(service.as_bytes());
        out.extend_from_slice(b"::");
        out.extend_from_slice(&account.id);
        out.extend_from_slice(resource.as_bytes());
        match self.caller.kind {
            Kind::Root => {}
            Kind::Victim => self.push_user(out),
            Kind::User | Kind::Federated => self.caller.push_name(out),
            Kind::Program | Kind::Person | Kind::Delegate | Kind::Service | Kind::Outsider => {
                self.caller.push_name(out);
                out.push(b'/');
                self.caller.push_session(account, out);
            }
        }
    }

    /// Returns the start of the session. A caller's sessions last six hours.
    fn session_start(&self) -> i64 {
        const LENGTH: i64 = 6 * 3600;
        let phase = self.caller.number.cast_signed() * 977;
        self.seconds - (self.seconds + phase).rem_euclid(LENGTH)
    }

    /// Returns a stream that is always the same for this subject; `what` separates the subject's attributes.
    fn about(&self, what: u64) -> Rng {
        Rng::of(&[self.place.account.number, self.subject, what, 1])
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::synth::action::Catalog;
    use std::sync::LazyLock;

    /// Returns a scene for the tests of modules that use scenes.
    pub(in crate::synth) fn scene() -> Scene<'static> {
        static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::new);
        let place = Place {
            account: Account::new(0),
            partition: Partition::Aws,
            region: "eu-west-1",
            delivered: 1_714_564_800,
            organization: false,
        };
        let mut rng = Rng::of(&[1]);
        let action = &CATALOG.actions[0];
        let caller = Caller::draw(action.by, &mut rng);
        Scene::new(rng, place, action, caller, PROGRESS / 2)
    }

    #[test]
    fn a_session_starts_before_its_events_and_lasts_six_hours() {
        let scene = scene();
        let age = scene.seconds - scene.session_start();
        assert!((0..6 * 3600).contains(&age), "{age}");
    }
}

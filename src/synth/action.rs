//! The actions in records, read from `actions.txt` and `plants.txt`. They are text and not code, because they are read
//! and changed as text. Their format is described at the top of those files.

use super::identity::{By, Identities, Partition};
use super::rng::Rng;
use super::template::Template;

const ACTIONS: &str = include_str!("actions.txt");
const PLANTS: &str = include_str!("plants.txt");

/// The content of a record of one kind.
#[derive(Debug, Clone)]
pub(super) struct Action {
    /// The first word of its entry: a weight, or the name of a planted variant.
    pub(super) key: &'static str,
    /// The key as a weight; `None` for planted events.
    pub(super) weight: Option<u64>,
    pub(super) service: &'static str,
    pub(super) event: &'static str,
    pub(super) by: By,
    pub(super) partition: Partition,
    pub(super) read_only: bool,
    pub(super) data: bool,
    pub(super) console: bool,
    /// True for a global service, whose events are delivered only in the partition's home region.
    pub(super) global: bool,
    /// True if the rule must find it.
    pub(super) matches: bool,
    /// True if two trails deliver it.
    pub(super) twice: bool,
    /// True if the planted event contains the policy's name.
    pub(super) has_needle: bool,
    /// True if `requestParameters.userName` is the scene's user.
    pub(super) names_user: bool,
    pub(super) request: Option<Template>,
    pub(super) response: Option<Template>,
    pub(super) resources: Option<Template>,
    pub(super) more: Option<Template>,
    pub(super) error: Option<Template>,
    pub(super) agent: Option<Template>,
}

impl Action {
    /// Reads the line that opens an entry, without its equals sign.
    fn open(line: &'static str) -> Self {
        let mut words = line.split_whitespace();
        let mut word = || {
            words
                .next()
                .expect("an entry has a key, a service, an event")
        };
        let key = word();
        let mut action = Self {
            key,
            weight: key.parse().ok(), // a name is not a number, and only plants have names
            service: word(),
            event: word(),
            by: By::Anyone,
            partition: Partition::Aws,
            read_only: false,
            data: false,
            console: false,
            global: false,
            matches: false,
            twice: false,
            has_needle: true,
            names_user: false,
            request: None,
            response: None,
            resources: None,
            more: None,
            error: None,
            agent: None,
        };
        for flag in words {
            match flag.split_once(':').unwrap_or((flag, "")) {
                ("read", _) => action.read_only = true,
                ("data", _) => action.data = true,
                ("console", _) => action.console = true,
                ("global", _) => action.global = true,
                ("match", _) => action.matches = true,
                ("twice", _) => action.twice = true,
                ("no-needle", _) => action.has_needle = false,
                ("by", "person") => action.by = By::Person,
                ("by", "outsider") => action.by = By::Outsider,
                ("by", "aws") => action.by = By::Aws,
                ("by", service) => action.by = By::Service(service),
                ("in", name) => {
                    action.partition = Partition::parse(name).expect("a partition's name");
                }
                _ => panic!("{line}: no flag is called {flag}"),
            }
        }
        action
    }

    /// Returns whether it needs neither a second file nor an account of another partition.
    fn fits_anywhere(&self) -> bool {
        !self.twice && self.partition == Partition::Aws
    }

    /// Adds one of the lines below the opening line.
    fn add(&mut self, line: &'static str) {
        let (field, text) = line.split_once(' ').expect("a field has a value");
        let slot = match field {
            "request" => &mut self.request,
            "response" => &mut self.response,
            "resources" => &mut self.resources,
            "more" => &mut self.more,
            "error" => &mut self.error,
            "agent" => &mut self.agent,
            _ => panic!("{line}: no field is called {field}"),
        };
        assert!(slot.is_none(), "{line}: a field is given once");
        *slot = Some(Template::new(text));
        self.names_user |= field == "request" && text.contains(r#""userName":"<user>""#);
    }
}

/// All possible contents of records, created once and shared by every thread.
pub(super) struct Catalog {
    pub(super) actions: Vec<Action>,
    /// Planted variants that the rule must find; those that fit any file come first.
    pub(super) matches: Vec<Action>,
    pub(super) near_misses: Vec<Action>,
    /// Number of `matches` that fit any file of the home region.
    fit_anywhere: usize,
    /// Running totals of the weights: of all actions, and of those that are not global.
    everywhere: Vec<u64>,
    regional: Vec<u64>,
    pub(super) identities: Identities,
    pub(super) refusals: Refusals,
}

/// The messages of services that refuse a request.
pub(super) struct Refusals {
    pub(super) ec2: Template,
    pub(super) s3: Template,
    pub(super) other: Template,
    pub(super) throttled: Template,
}

impl Catalog {
    pub(super) fn new() -> Self {
        let actions = read(ACTIONS);
        let (matches, near_misses): (Vec<_>, Vec<_>) =
            read(PLANTS).into_iter().partition(|plant| plant.matches);
        Self {
            everywhere: totals(&actions, |_| true),
            regional: totals(&actions, |action| !action.global),
            fit_anywhere: matches.iter().filter(|plant| plant.fits_anywhere()).count(),
            actions,
            matches,
            near_misses,
            identities: Identities::new(),
            refusals: Refusals {
                ec2: Template::new(
                    r#""errorCode":"Client.UnauthorizedOperation","errorMessage":"You are not authorized to perform this operation. User: <me> is not authorized to perform: ec2:<event> because no identity-based policy allows the ec2:<event> action""#,
                ),
                s3: Template::new(r#""errorCode":"AccessDenied","errorMessage":"Access Denied""#),
                other: Template::new(
                    r#""errorCode":"AccessDenied","errorMessage":"User: <me> is not authorized to perform: <service>:<event> on resource: * because no identity-based policy allows the <service>:<event> action""#,
                ),
                throttled: Template::new(
                    r#""errorCode":"ThrottlingException","errorMessage":"Rate exceeded""#,
                ),
            },
        }
    }

    /// Draws an ordinary action by weight; events of global services only if `at_home`.
    pub(super) fn draw(&self, rng: &mut Rng, at_home: bool) -> &Action {
        let totals = if at_home {
            &self.everywhere
        } else {
            &self.regional
        };
        let point = rng.below(totals.last().copied().unwrap_or(0));
        &self.actions[totals.partition_point(|&total| total <= point)]
    }

    /// Draws a match for any file of the aws partition's home region.
    pub(super) fn draw_match(&self, rng: &mut Rng) -> &Action {
        rng.pick(&self.matches[..self.fit_anywhere])
    }

    /// Draws a near miss that contains the policy's name.
    pub(super) fn draw_near_miss(&self, rng: &mut Rng) -> &Action {
        let mut plant = rng.pick(&self.near_misses);
        while !plant.has_needle {
            plant = rng.pick(&self.near_misses);
        }
        plant
    }
}

/// Reads every entry.
///
/// # Panics
///
/// On an error in the program's own text; any test finds it.
fn read(text: &'static str) -> Vec<Action> {
    let mut actions: Vec<Action> = Vec::new();
    for line in text.lines() {
        if let Some(opening) = line.strip_prefix("= ") {
            actions.push(Action::open(opening));
        } else if !line.is_empty() && !line.starts_with('#') {
            actions.last_mut().expect("an entry is open").add(line);
        }
    }
    actions
}

fn totals(actions: &[Action], takes_part: impl Fn(&Action) -> bool) -> Vec<u64> {
    actions
        .iter()
        .scan(0, |total, action| {
            if takes_part(action) {
                *total += action.weight.expect("what is not planted has a weight");
            }
            Some(*total)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_that_fit_anywhere_stand_first() {
        let catalog = Catalog::new();
        let (first, rest) = catalog.matches.split_at(catalog.fit_anywhere);
        assert!(!first.is_empty() && first.iter().all(Action::fits_anywhere));
        assert!(!rest.iter().any(Action::fits_anywhere));
    }

    #[test]
    fn every_variant_has_a_name_of_its_own() {
        let catalog = Catalog::new();
        let plants = catalog.matches.iter().chain(&catalog.near_misses);
        let mut names: Vec<&str> = plants.map(|plant| plant.key).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn global_actions_are_drawn_at_home_only() {
        let catalog = Catalog::new();
        let mut rng = Rng::of(&[5]);
        let mut seen_at_home = false;
        for _ in 0..5000 {
            seen_at_home |= catalog.draw(&mut rng, true).global;
            assert!(!catalog.draw(&mut rng, false).global);
        }
        assert!(seen_at_home);
    }
}

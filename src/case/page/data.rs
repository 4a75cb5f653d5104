//! The data and the logs that calls touched, as a verdict and its commands need them.

use std::collections::{BTreeMap, BTreeSet};

use super::own::Own;
use crate::case::CaseEvent;
use crate::case::logging::attacks_logging;
use crate::follow::Data;
use crate::output::Column;

/// Maximum number of secrets, or of places with logs, for which a verdict has commands.
const PLACES_MAX: usize = 40;

/// A secret, or a parameter of Systems Manager, that a call touched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Secret {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) is_parameter: bool,
    pub(super) name: String,
}

/// A place where calls acted against logs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Logs {
    pub(super) account: String,
    pub(super) region: String,
    /// The trails.
    pub(super) trails: BTreeSet<String>,
}

/// Returns the first secrets and parameters that calls touched.
pub(super) fn secrets(own: &Own<'_>) -> Vec<Secret> {
    let mut secrets = BTreeSet::new();
    for event in own.of_intruder().map(|one| one.event) {
        let text = |column| event.alert.text(column).unwrap_or_default();
        for target in &event.story.touched.targets {
            if !matches!(target.data, Some(Data::Secret | Data::Parameter)) {
                continue;
            }
            secrets.insert(Secret {
                account: match target.account.is_empty() {
                    true => text(Column::RecipientAccountId).to_owned(),
                    false => target.account.clone(),
                },
                region: text(Column::AwsRegion).to_owned(),
                is_parameter: target.data == Some(Data::Parameter),
                name: target.name.clone(),
            });
        }
    }
    secrets.into_iter().take(PLACES_MAX).collect()
}

/// Returns the first places in which calls acted against logs.
pub(super) fn logs(own: &Own<'_>) -> Vec<Logs> {
    let mut places: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
    let events = own.of_intruder().map(|one| one.event);
    for event in events.filter(|event| attacks_logging(event).is_some()) {
        let text = |column| event.alert.text(column).unwrap_or_default();
        let at = (text(Column::RecipientAccountId), text(Column::AwsRegion));
        let targets = event.story.touched.targets.iter();
        let trails = targets.filter(|target| target.kind == "trail");
        let trails = trails.map(|target| target.name.clone());
        places.entry(at).or_default().extend(trails);
    }
    let places = places.into_iter().take(PLACES_MAX);
    let logs = places.map(|((account, region), trails)| Logs {
        account: account.to_owned(),
        region: region.to_owned(),
        trails,
    });
    logs.collect()
}

/// Returns a rank if a call read, copied, shared, changed or removed data: secrets come first.
pub(super) fn is_data(event: &CaseEvent) -> Option<u8> {
    let targets = event.story.touched.targets.iter();
    let data = targets.filter_map(|target| target.data);
    data.map(|data| u8::from(!matches!(data, Data::Secret | Data::Parameter)))
        .min()
}

//! An alert: a finding and its place, as one row.

use std::borrow::Cow;
use std::sync::LazyLock;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};

use super::columns::{COLUMNS, Cell, Column};
use super::fired::FiredEvents;
use super::row_event::{Place, RowEvent};
use super::rule_columns::RuleColumns;
use super::rules::RowRule;
use crate::event::{EcsField, time};
use crate::follow::touched::main_name;
use crate::report::Relation;
use crate::report::evidence::LogStatus;

/// One alert: a row without the rule's own data.
///
/// All its text is in one piece of memory. If every record alerts, one piece for each of thirty columns takes most of
/// the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The values of [`TEXTS`], one after the other.
    texts: String,
    /// The end of each value.
    #[serde(deserialize_with = "ends")]
    ends: [u32; TEXTS.len()],
    /// The values that exist, one bit each, from the lowest bit on.
    present: u32,
    /// `event_time`.
    pub(crate) event_time: Option<i64>,
    /// `record_index`.
    record_index: i64,
    /// `log_offset`.
    pub(crate) byte_offset: i64,
    /// `sighting`; 0 until the alerts before this one are known.
    pub(crate) sighting: i64,
    /// What is proved of its log, if that is asked. No row with it is kept in a ledger.
    #[serde(skip)]
    pub(crate) log_status: Option<LogStatus>,
    /// The place of its rule in the set of rules.
    #[serde(default, skip_serializing_if = "is_first")]
    rule: u16,
    /// The relation to a quarantine, if this is not an alert.
    pub(crate) relation: Option<Relation>,
    /// The key that makes two alerts of a rule sightings of one event: the event's id, or the whole record if it has no
    /// id.
    pub(crate) event_key: [u8; 16],
    /// The events that fired, if this is the row of a rule over several events. No ledger keeps these.
    #[serde(skip)]
    pub(super) fired: Option<Box<FiredEvents>>,
}

/// The text columns that differ from alert to alert, each with the ECS field that it
/// is a copy of, if it is a copy.
const TEXTS: [(Column, Option<&str>); 31] = [
    (Column::AlertId, None),
    (Column::EventTimeText, Some("@timestamp")),
    (Column::EventId, Some("event.id")),
    (Column::EventAction, Some("event.action")),
    (Column::EventProvider, Some("event.provider")),
    (Column::EventOutcome, Some("event.outcome")),
    (Column::EventVersion, Some("aws.cloudtrail.event_version")),
    (Column::AccountId, Some("cloud.account.id")),
    (
        Column::RecipientAccountId,
        Some("aws.cloudtrail.recipient_account_id"),
    ),
    (Column::AwsRegion, Some("cloud.region")),
    (Column::TargetUserName, None),
    (Column::PolicyArn, None),
    (Column::PolicyName, None),
    (Column::MatchedField, None),
    (Column::ActorType, Some("aws.cloudtrail.user_identity.type")),
    (Column::ActorName, Some("user.name")),
    (Column::ActorArn, Some("aws.cloudtrail.user_identity.arn")),
    (Column::ActorPrincipalId, Some("user.id")),
    (
        Column::ActorAccountId,
        Some("aws.cloudtrail.user_identity.account_id"),
    ),
    (
        Column::ActorAccessKeyId,
        Some("aws.cloudtrail.user_identity.access_key_id"),
    ),
    (
        Column::InvokedBy,
        Some("aws.cloudtrail.user_identity.invoked_by"),
    ),
    (Column::SourceAddress, Some("source.address")),
    (Column::SourceIp, Some("source.ip")),
    (Column::UserAgent, Some("user_agent.original")),
    (Column::RequestId, Some("aws.cloudtrail.request_id")),
    (
        Column::SharedEventId,
        Some("aws.cloudtrail.shared_event_id"),
    ),
    (
        Column::RequestParameters,
        Some("aws.cloudtrail.request_parameters"),
    ),
    (Column::RawEvent, None),
    (Column::LogFilePath, None),
    (Column::LogFileMember, None),
    // The last one, so that rows in older ledgers, which do not have it, are read.
    (Column::Resource, None),
];

/// The ECS field that each of [`TEXTS`] is a copy of, if it is a copy.
static ECS_FIELDS: LazyLock<[Option<EcsField>; TEXTS.len()]> =
    LazyLock::new(|| TEXTS.map(|(_, field)| field.and_then(EcsField::new)));

/// The place of each column in [`TEXTS`], if it is there.
const PLACES: [Option<usize>; COLUMNS.len()] = {
    let mut places = [None; COLUMNS.len()];
    let mut i = 0;
    while i < TEXTS.len() {
        places[TEXTS[i].0 as usize] = Some(i);
        i += 1;
    }
    places
};

/// Returns the value of a column of [`TEXTS`] that depends on the rule.
fn of_rule<'v>(column: Column, rule: &RowRule<'_>, row: &RowEvent<'v>) -> Option<Cow<'v, str>> {
    match column {
        Column::AlertId => Some(alert_id(&rule.name, row.place, row.raw).into()),
        Column::MatchedField => matched_field(rule, row).map(Cow::Owned),
        _ => None,
    }
}

/// Returns where the text stood that the rule searches for; else the fields that fit.
fn matched_field(rule: &RowRule<'_>, row: &RowEvent<'_>) -> Option<String> {
    let (query, event) = (rule.rule().query(), row.event);
    if let Some(indicators) = query.indicators() {
        let found = indicators.found_in(event).into_iter();
        let places = found.map(|(indicator, text)| match event.locate_leaf(&text) {
            Some(place) => format!("{indicator} in {place}"),
            None => indicator.to_owned(),
        });
        return Some(places.collect::<Vec<_>>().join(", "));
    }
    let literals = rule.literals();
    let place = event.locate_in_request(literals);
    let place = place.or_else(|| event.locate(literals));
    place.or_else(|| {
        let fields = query.fields_that_fit(row.fields);
        (!fields.is_empty()).then(|| fields.join(", "))
    })
}

/// Returns the value of a column of [`TEXTS`] that is neither a copy of an ECS field nor depends on the rule.
fn computed<'v>(column: Column, row: &RowEvent<'v>) -> Option<Cow<'v, str>> {
    let RowEvent { event, place, .. } = row;
    match column {
        Column::TargetUserName => match event.text("user.target.name") {
            Some(name) => Some(name.into()),
            None => event.request_parameter("userName"),
        },
        Column::PolicyArn => event.request_parameter("policyArn"),
        Column::PolicyName => match event.request_parameter("policyArn") {
            Some(arn) => arn.rsplit('/').next().map(|name| name.to_owned().into()),
            None => event.request_parameter("policyName"),
        },
        Column::Resource => main_name(event).map(Cow::Owned),
        Column::RawEvent => Some(lossy(row.raw)),
        Column::LogFilePath => Some(match place.source.to_str() {
            Some(path) => path.into(),
            None => place.source.to_string_lossy(),
        }),
        Column::LogFileMember => place.member.map(Cow::Borrowed),
        _ => unreachable!("all other columns are copies"),
    }
}

/// Returns whether the value of a column depends on the rule, and not on the event alone.
fn is_of_rule(column: Column) -> bool {
    matches!(column, Column::AlertId | Column::MatchedField)
}

fn lossy(raw: &[u8]) -> Cow<'_, str> {
    // Most texts are UTF-8, which this check finds faster.
    std::str::from_utf8(raw).map_or_else(|_| String::from_utf8_lossy(raw), Cow::Borrowed)
}

impl Alert {
    /// Creates the alert that `rule` gives for an event.
    #[must_use]
    pub fn new(rule: &RowRule<'_>, row: &RowEvent<'_>) -> Self {
        let n_bytes = row.raw.len() + row.raw.len() / 4 + 1024;
        Self::with(rule, row, n_bytes, |alert, i, column| match ECS_FIELDS[i] {
            Some(field) => row.event.append_text(field, &mut alert.texts),
            None => alert.append(computed(column, row)),
        })
    }

    /// Creates the alert that another rule gives for the event of this alert.
    #[must_use]
    pub fn of_other_rule(&self, rule: &RowRule<'_>, row: &RowEvent<'_>) -> Self {
        Self::with(rule, row, self.texts.len() + 64, |alert, _, column| {
            alert.append(self.text(column).map(Cow::Borrowed))
        })
    }

    /// Creates an alert of some `n_bytes` of text. `append` appends the text of a column that does not depend on the
    /// rule, by its place in [`TEXTS`], and returns whether there is one.
    fn with(
        rule: &RowRule<'_>,
        row: &RowEvent<'_>,
        n_bytes: usize,
        append: impl Fn(&mut Self, usize, Column) -> bool,
    ) -> Self {
        let mut alert = Self::at(row.place);
        alert.texts.reserve(n_bytes);
        for (i, (column, _)) in TEXTS.into_iter().enumerate() {
            let is_present = match is_of_rule(column) {
                true => alert.append(of_rule(column, rule, row)),
                false => append(&mut alert, i, column),
            };
            alert.end_text(i, is_present);
        }
        alert.name_event();
        alert.set_rule(rule.index);
        alert
    }

    /// Creates an alert for which only the place is known.
    fn at(place: Place<'_>) -> Self {
        let number = |n| i64::try_from(n).unwrap_or(i64::MAX);
        Self::without_texts((number(place.record_index), number(place.byte_offset)))
    }

    /// Appends the text of a column, if there is one. Returns whether there is.
    fn append(&mut self, text: Option<Cow<'_, str>>) -> bool {
        self.texts.push_str(text.as_deref().unwrap_or_default());
        text.is_some()
    }

    /// Sets the rule. Two rules count the sightings of an event separately.
    pub(super) fn set_rule(&mut self, index: u16) {
        self.rule = index;
        // The keys of the first rule are those that it has alone.
        if index > 0 {
            let hash = Sha256::new_with_prefix(index.to_le_bytes());
            self.event_key = first_half(hash.chain_update(self.event_key));
        }
    }

    /// Creates an alert for which only the place is known: its index and offset.
    fn without_texts((record_index, byte_offset): (i64, i64)) -> Self {
        Self {
            texts: String::new(),
            ends: [0; TEXTS.len()],
            present: 0,
            event_time: None,
            record_index,
            byte_offset,
            sighting: 0,
            log_status: None,
            rule: 0,
            relation: None,
            event_key: [0; 16],
            fired: None,
        }
    }

    /// Ends the text of a column, which was appended to those before it.
    fn end_text(&mut self, column: usize, is_present: bool) {
        self.present |= u32::from(is_present) << column;
        let end = u32::try_from(self.texts.len());
        self.ends[column] = end.expect("a record is at most 1 GiB, and stands here twice");
    }

    /// Creates the row of an event that names the policy but is not an alert.
    #[must_use]
    pub fn related(relation: Relation, rule: &RowRule<'_>, row: &RowEvent<'_>) -> Self {
        Self {
            relation: Some(relation),
            ..Self::new(rule, row)
        }
    }

    /// Recreates the row of an event from its written form: its texts by their columns, and its index and offset.
    pub(crate) fn read_back<E>(
        text: &dyn Fn(&str) -> Result<Option<String>, E>,
        index_and_offset: (i64, i64),
    ) -> Result<Self, E> {
        let mut alert = Self::without_texts(index_and_offset);
        for (i, (column, _)) in TEXTS.into_iter().enumerate() {
            let value = text(column.name())?;
            alert.texts.push_str(value.as_deref().unwrap_or_default());
            alert.end_text(i, value.is_some());
        }
        alert.name_event();
        Ok(alert)
    }

    /// Computes the time and the key of the event.
    fn name_event(&mut self) {
        self.event_time = self.text(Column::EventTimeText).and_then(time::micros);
        self.event_key = match self.text(Column::EventId) {
            Some(id) => event_key("id:", id.as_bytes()),
            None => {
                let raw = self.text(Column::RawEvent).unwrap_or_default();
                event_key("record:", raw.as_bytes())
            }
        };
    }

    /// Computes the key of a row that is about no single event, from its own id.
    pub(super) fn name_by_id(&mut self) {
        let id = self.text(Column::AlertId).unwrap_or_default();
        self.event_key = event_key("alert:", id.as_bytes());
    }

    /// Returns the time of the event, if it can be parsed.
    #[must_use]
    pub fn time(&self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_microsecond(self.event_time?).ok()
    }

    /// Returns the index of its record, and the record's offset in the text.
    #[must_use]
    pub fn place(&self) -> (i64, i64) {
        (self.record_index, self.byte_offset)
    }

    /// Returns the account that the event happened in.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        let account = self.text(Column::RecipientAccountId);
        account.or_else(|| self.text(Column::AccountId))
    }

    /// Returns the place of its rule in the set of rules.
    #[must_use]
    pub fn rule(&self) -> u16 {
        self.rule
    }

    /// Returns true if the texts of a row that was read back are whole: each ends after the one before it.
    pub(crate) fn is_whole(&self) -> bool {
        let is_end = |end: u32| self.texts.is_char_boundary(end as usize);
        let last = self
            .ends
            .last()
            .is_some_and(|end| *end as usize == self.texts.len());
        last && self.ends.is_sorted() && self.ends.iter().all(|end| is_end(*end))
    }

    /// Returns the key that makes two rows of a rule sightings of one event.
    #[must_use]
    pub fn event_key(&self) -> [u8; 16] {
        self.event_key
    }

    /// Returns the relation to a quarantine, or nothing for an alert.
    #[must_use]
    pub fn relation(&self) -> Option<Relation> {
        self.relation
    }

    /// Returns the value of a text column that differs from alert to alert.
    #[must_use]
    pub fn text(&self, column: Column) -> Option<&str> {
        let i = PLACES[column as usize]?;
        let start = i.checked_sub(1).map_or(0, |before| self.ends[before]);
        let is_present = self.present & (1 << i) != 0;
        is_present.then(|| self.texts.get(start as usize..self.ends[i] as usize))?
    }

    /// Returns the approximate memory size.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.texts.len()
    }

    /// Returns a number that only the rows of rules about one event have.
    fn of_one_event(&self, number: i64) -> Option<i64> {
        self.fired.is_none().then_some(number)
    }

    /// Returns the cells of its row.
    #[must_use]
    pub fn cells<'a>(&'a self, rule: &'a RuleColumns) -> [Cell<'a>; COLUMNS.len()] {
        Column::ALL.map(|column| self.cell(column, rule))
    }

    /// Returns the cell of a column.
    #[inline]
    pub(crate) fn cell<'a>(&'a self, column: Column, rule: &'a RuleColumns) -> Cell<'a> {
        match column {
            Column::RuleId => Cell::Text(Some(&rule.rule_id)),
            Column::RuleName => Cell::Text(Some(&rule.rule_name)),
            Column::RuleVersion => Cell::Int32(rule.rule_version),
            Column::Severity => Cell::Text(Some(&rule.severity)),
            Column::RiskScore => Cell::Int32(rule.risk_score),
            Column::MitreTacticIds => Cell::Texts(&rule.mitre_tactic_ids),
            Column::MitreTechniqueIds => Cell::Texts(&rule.mitre_technique_ids),
            Column::EventTime => Cell::Timestamp(self.event_time),
            Column::RecordIndex => Cell::Int64(self.of_one_event(self.record_index)),
            Column::LogOffset => Cell::Int64(self.of_one_event(self.byte_offset)),
            Column::Sighting => Cell::Int64(Some(self.sighting)),
            Column::LogStatus => Cell::Text(self.log_status.map(LogStatus::name)),
            Column::RulePack => Cell::Text(Some(&rule.pack)),
            Column::RuleFile => Cell::Text(rule.file.as_deref()),
            Column::RuleAuthors => Cell::Texts(&rule.metadata.author),
            Column::RuleTags => Cell::Texts(&rule.metadata.tags),
            Column::RuleNotes => Cell::Texts(&rule.notes),
            Column::RunId => Cell::Text(Some(&rule.run_id)),
            text => Cell::Text(self.text(text)),
        }
    }
}

/// Reads the ends of the texts. Before version 0.2.0 there was one text less.
fn ends<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u32; TEXTS.len()], D::Error> {
    let mut ends = Vec::<u32>::deserialize(deserializer)?;
    if ends.len() + 1 == TEXTS.len() {
        ends.extend(ends.last().copied());
    }
    let n_ends = ends.len();
    ends.try_into()
        .map_err(|_| D::Error::invalid_length(n_ends, &"one end for each text"))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_first(rule: &u16) -> bool {
    *rule == 0
}

fn event_key(kind: &str, value: &[u8]) -> [u8; 16] {
    first_half(Sha256::new_with_prefix(kind).chain_update(value))
}

/// Returns the first 128 bits of a hash.
fn first_half(hash: Sha256) -> [u8; 16] {
    let all: [u8; 32] = hash.finalize().into();
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = all;
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

/// Returns an id for this alert that is the same in every run over the same archive, whatever its location.
fn alert_id(rule_name: &str, place: Place<'_>, raw: &[u8]) -> String {
    let parts = [
        rule_name.as_bytes(),
        place.below_root.as_os_str().as_encoded_bytes(),
        &place.byte_offset.to_le_bytes(),
        raw,
    ];
    let member = place.member.map(str::as_bytes);
    id(parts.into_iter().chain(member))
}

/// Returns the id of what fired, which does not depend on where the events were found.
pub(super) fn fired_id(rule_name: &str, group: &[String], named: i64) -> String {
    let named = named.to_le_bytes();
    let parts = [rule_name.as_bytes(), &named];
    id(parts.into_iter().chain(group.iter().map(String::as_bytes)))
}

fn id<'p>(parts: impl Iterator<Item = &'p [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // Each part is hashed with its length, so that two different lists of parts never give the same bytes.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digit = |half: u8| char::from_digit(half.into(), 16).expect("four bits");
    let bytes = first_half(hash).into_iter();
    bytes
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::columns::Type;

    #[test]
    fn the_texts_are_the_columns_of_text_that_neither_rule_nor_run_fills() {
        let of_alert = Column::ALL
            .into_iter()
            .skip_while(|column| *column != Column::AlertId);
        let is_text = |column: &Column| {
            let elsewhere = [Column::RunId, Column::Resource, Column::LogStatus];
            column.def().kind == Type::Text && !elsewhere.contains(column)
        };
        let mut columns: Vec<Column> = of_alert.filter(is_text).collect();
        columns.push(Column::Resource);
        assert_eq!(columns, TEXTS.map(|(column, _)| column));
    }

    #[test]
    fn each_copy_is_of_a_field_that_records_have() {
        for ((column, name), field) in TEXTS.into_iter().zip(*ECS_FIELDS) {
            assert_eq!(name.is_some(), field.is_some(), "{column:?}");
        }
    }

    #[test]
    fn a_row_of_an_older_ledger_has_a_text_less() {
        let mut row = Alert::without_texts((1, 2));
        row.texts = "ab".to_owned();
        for i in 0..TEXTS.len() {
            row.ends[i] = 2;
        }
        let mut older = serde_json::to_value(&row).unwrap();
        older["ends"].as_array_mut().unwrap().pop();
        assert_eq!(serde_json::from_value::<Alert>(older.clone()).unwrap(), row);
        older["ends"].as_array_mut().unwrap().pop();
        assert!(serde_json::from_value::<Alert>(older).is_err());
    }
}

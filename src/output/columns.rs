//! The columns of a row of alerts: one table, from which the schema, the rows and the documentation's table are made.
//!
//! Names are flat lower snake_case. Types are those that Spark, Athena, DuckDB, Polars, pandas, ClickHouse and Iceberg
//! all read.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::kind::Kind;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// UTF-8 text.
    Text,
    /// A list of texts, none of which is null.
    Texts,
    /// A signed 32-bit integer.
    Int32,
    /// A signed 64-bit integer.
    Int64,
    /// Microseconds since 1970, UTC.
    Timestamp,
    /// True or false.
    Bool,
}

impl Type {
    /// Returns the name of the type in the documentation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Texts => "list of string",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Timestamp => "timestamp (µs, UTC)",
            Self::Bool => "boolean",
        }
    }

    fn data_type(self, zone: &str) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Texts => DataType::List(Arc::new(element())),
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into())),
            Self::Bool => DataType::Boolean,
        }
    }
}

/// The name of a list's elements, as Parquet's specification requires.
pub(super) const ELEMENT: &str = "element";

pub(super) fn element() -> Field {
    Field::new(ELEMENT, DataType::Utf8, true)
}

/// The definition of a column.
#[derive(Debug, Clone, Copy)]
pub struct ColumnDef {
    /// The name of the column.
    pub name: &'static str,
    /// The type of the column.
    pub kind: Type,
    /// True if a row may have no value.
    pub nullable: bool,
    /// The ECS field with the same meaning, if there is one.
    pub ecs: &'static str,
    /// The meaning of the column.
    pub meaning: &'static str,
}

const fn column(
    name: &'static str,
    kind: Type,
    ecs: &'static str,
    meaning: &'static str,
) -> ColumnDef {
    ColumnDef {
        name,
        kind,
        nullable: true,
        ecs,
        meaning,
    }
}

const fn optional(column: ColumnDef) -> ColumnDef {
    column
}

const fn required(mut column: ColumnDef) -> ColumnDef {
    column.nullable = false;
    column
}

/// Makes [`Column`] and [`COLUMNS`] from one table.
macro_rules! columns {
    ($($column:ident: $need:ident $kind:ident, $name:literal, $ecs:literal, $meaning:literal;)*) => {
        /// A column of the alerts. Its number is its place in a row.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Column {
            $(#[doc = $meaning] $column,)*
        }

        impl Column {
            /// All columns, in their order.
            pub const ALL: [Self; COLUMNS.len()] = [$(Self::$column),*];
        }

        /// The definitions of all columns, in their order.
        pub const COLUMNS: [ColumnDef; [$($name),*].len()] = [
            $($need(column($name, Type::$kind, $ecs, $meaning))),*
        ];
    };
}

columns! {
    RuleId: required Text, "rule_id", "rule.uuid", "the rule's id";
    RuleName: required Text, "rule_name", "rule.name", "the rule's name";
    RuleVersion: required Int32, "rule_version", "rule.version", "the rule's version";
    Severity: required Text, "severity", "", "the rule's severity";
    RiskScore: required Int32, "risk_score", "event.risk_score", "the rule's risk score, 0 to 100";
    MitreTacticIds: required Texts, "mitre_tactic_ids", "threat.tactic.id", "MITRE ATT&CK tactics";
    MitreTechniqueIds: required Texts, "mitre_technique_ids", "threat.technique.id", "MITRE ATT&CK techniques";
    RulePack: required Text, "rule_pack", "rule.ruleset", "the collection of rules: `builtin`, or the folder that was named";
    RuleFile: optional Text, "rule_file", "", "the rule's file in the pack; null if it has none";
    RuleAuthors: required Texts, "rule_authors", "rule.author", "the rule's authors";
    RuleTags: required Texts, "rule_tags", "", "the rule's tags";
    RuleNotes: required Texts, "rule_notes", "",
        "how the rule differs from what its author meant, where it must: such a row is an approximation";
    AlertId: required Text, "alert_id", "",
        "a hash of the rule, the record and its path below the one that was named: the same archive, named in the same way, gives the same ids";
    EventTime: optional Timestamp, "event_time", "@timestamp",
        "when it happened; no value if the record's time cannot be read";
    EventTimeText: optional Text, "event_time_text", "", "the record's time as it stands";
    EventId: optional Text, "event_id", "event.id", "CloudTrail's id of the event";
    EventAction: optional Text, "event_action", "event.action", "the API call";
    EventProvider: optional Text, "event_provider", "event.provider", "the service that was called";
    EventOutcome: optional Text, "event_outcome", "event.outcome", "`success` or `failure`";
    EventVersion: optional Text, "event_version", "aws.cloudtrail.event_version", "the version of the record's format";
    AccountId: optional Text, "account_id", "cloud.account.id",
        "the account of the actor, else the one that got the event";
    RecipientAccountId: optional Text, "recipient_account_id", "aws.cloudtrail.recipient_account_id",
        "the account that got the event";
    AwsRegion: optional Text, "aws_region", "cloud.region", "the region";
    TargetUserName: optional Text, "target_user_name", "user.target.name",
        "the user that the call acted on; for the quarantine rule the user whose keys leaked";
    PolicyArn: optional Text, "policy_arn", "", "the policy that the request names";
    PolicyName: optional Text, "policy_name", "", "the last part of its ARN";
    Resource: optional Text, "resource", "", "what the call acted on, as far as its request names it";
    MatchedField: optional Text, "matched_field", "",
        "where the text stood that the rule searches for, such as `requestParameters.policyArn`; else the fields that fit";
    ActorType: optional Text, "actor_type", "aws.cloudtrail.user_identity.type",
        "who called: `IAMUser`, `AssumedRole`, `Root` …";
    ActorName: optional Text, "actor_name", "user.name", "its user name, or its role's";
    ActorArn: optional Text, "actor_arn", "aws.cloudtrail.user_identity.arn", "its ARN";
    ActorPrincipalId: optional Text, "actor_principal_id", "user.id", "its principal id";
    ActorAccountId: optional Text, "actor_account_id", "", "its account";
    ActorAccessKeyId: optional Text, "actor_access_key_id", "aws.cloudtrail.user_identity.access_key_id", "the key it used";
    InvokedBy: optional Text, "invoked_by", "aws.cloudtrail.user_identity.invoked_by",
        "the AWS service that called for it";
    SourceAddress: optional Text, "source_address", "source.address",
        "the address as it stands: an IP address, a service, or `AWS Internal`";
    SourceIp: optional Text, "source_ip", "source.ip", "the address, if it is an IP address";
    UserAgent: optional Text, "user_agent", "user_agent.original", "the user agent";
    RequestId: optional Text, "request_id", "aws.cloudtrail.request_id", "the id of the request";
    SharedEventId: optional Text, "shared_event_id", "aws.cloudtrail.shared_event_id",
        "the id shared by the copies that several accounts get";
    RequestParameters: optional Text, "request_parameters", "aws.cloudtrail.request_parameters",
        "the request in Elastic's text form, which the rule searches";
    RawEvent: required Text, "raw_event", "event.original", "the record as it stands in the archive";
    LogFilePath: required Text, "log_file_path", "log.file.path", "the file, as reached from the path that was typed";
    LogFileMember: optional Text, "log_file_member", "", "the log inside the file, where that is an archive";
    LogStatus: optional Text, "log_status", "",
        "what AWS's digest files prove of the log: `proved`, `listed`, `altered`, `unlisted` or `uncovered`, as `trailsift verify` has them; null without `--public-keys`";
    RecordIndex: required Int64, "record_index", "",
        "which element of the array round it the record is, from 0; 0 if there is none";
    LogOffset: required Int64, "log_offset", "log.offset",
        "where the record begins in the decompressed text, in bytes; in a Parquet file the number of its row";
    Sighting: required Int64, "sighting", "", "1 the first time this event is seen in source order, then 2, 3 …";
    RunId: required Text, "run_id", "", "the run that wrote the row, by the id that its report has";
}

impl Column {
    /// Returns the column with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|column| column.name() == name)
    }

    /// Returns the column that had this name before version 0.2.0.
    #[must_use]
    pub fn from_older_name(name: &str) -> Option<Self> {
        let mut names = OLDER_NAMES.iter();
        let found = names.find(|(_, older)| *older == name);
        found.map(|(column, _)| *column)
    }
}

/// The names of columns before version 0.2.0, by their names of today.
const OLDER_NAMES: [(Column, &str); 4] = [
    (Column::ActorAccessKeyId, "access_key_id"),
    (Column::LogFilePath, "source"),
    (Column::LogFileMember, "source_member"),
    (Column::LogOffset, "byte_offset"),
];

/// Returns the name that a column had before version 0.2.0, if it was another one.
pub(crate) fn older_name(name: &str) -> Option<&'static str> {
    let mut names = OLDER_NAMES.iter();
    let found = names.find(|(column, _)| column.name() == name);
    found.map(|(_, older)| *older)
}

impl Column {
    /// Returns the definition of the column.
    #[must_use]
    pub const fn def(self) -> &'static ColumnDef {
        const DEFS: &[ColumnDef; COLUMNS.len()] = &COLUMNS;
        &DEFS[self as usize]
    }

    /// Returns the name of the column.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.def().name
    }
}

/// The column that rows of events beside the alerts have after the others.
pub const RELATION: ColumnDef = required(column(
    "relation",
    Type::Text,
    "",
    "how it relates to a quarantine: `failed_attach`, `detach`, `other_attach`, `legacy_quarantine`, `read` or `mention`",
));

/// The columns that rows have after the others if the hunt has a rule over several events.
pub const OVER_TIME: [ColumnDef; 8] = [
    column(
        "first_event_time",
        Type::Timestamp,
        "event.start",
        "when the first event of the first window happened with which the rule fired",
    ),
    column(
        "last_event_time",
        Type::Timestamp,
        "event.end",
        "when the last event happened with which the rule fired",
    ),
    column(
        "event_count",
        Type::Int64,
        "",
        "the number of events in the window, in the one with the most",
    ),
    column(
        "distinct_values",
        Type::Int64,
        "",
        "the number of distinct values of the field whose values the rule counts, in the window with the most; of several \
         fields the first",
    ),
    required(column(
        "group_fields",
        Type::Texts,
        "",
        "the names of the fields that the events have in common",
    )),
    required(column(
        "group_values",
        Type::Texts,
        "",
        "the value of each of these fields; empty if the events do not have it",
    )),
    required(column(
        "event_ids",
        Type::Texts,
        "",
        "the ids of the events of the first window, at most the last 50",
    )),
    column(
        "is_early",
        Type::Bool,
        "",
        "true if less than the rule's history was known before the event, so that it may not be the first of its kind",
    ),
];

/// The columns that a row of a rule over several events has no values for, although all other rows have them.
pub(super) const OF_ONE_EVENT: [Column; 4] = [
    Column::RawEvent,
    Column::LogFilePath,
    Column::RecordIndex,
    Column::LogOffset,
];

/// Returns the columns that a file of this kind has after those of all rows.
pub(super) fn columns_after(kind: Kind) -> &'static [ColumnDef] {
    match kind {
        Kind::Alerts(_) => &[],
        Kind::OverTime => &OVER_TIME,
        Kind::Related => &[RELATION],
    }
}

/// The name of the time zone of all times in Arrow.
pub(crate) const UTC: &str = "UTC";
/// UTC as an offset, for Arrow's JSON writer, which knows names of zones only with a time zone database.
pub(crate) const UTC_AS_OFFSET: &str = "+00:00";

/// Returns the schema of a file.
#[must_use]
pub fn schema(kind: Kind) -> SchemaRef {
    schema_in(kind, UTC)
}

pub(super) fn columns(kind: Kind) -> impl Iterator<Item = ColumnDef> {
    let all = Column::ALL.into_iter().map(move |column| {
        let mut def = *column.def();
        def.nullable |= kind == Kind::OverTime && OF_ONE_EVENT.contains(&column);
        def
    });
    all.chain(columns_after(kind).iter().copied())
}

/// Returns the same schema with another name for the zone of all times.
pub(crate) fn schema_in(kind: Kind, zone: &str) -> SchemaRef {
    let fields = columns(kind).map(|c| Field::new(c.name, c.kind.data_type(zone), c.nullable));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// One value of a row.
#[derive(Debug, Clone, Copy)]
pub enum Cell<'a> {
    /// For [`Type::Text`].
    Text(Option<&'a str>),
    /// For [`Type::Texts`].
    Texts(&'a [String]),
    /// For [`Type::Int32`].
    Int32(i32),
    /// For [`Type::Int64`].
    Int64(Option<i64>),
    /// For [`Type::Timestamp`].
    Timestamp(Option<i64>),
    /// For [`Type::Bool`].
    Bool(Option<bool>),
}

//! What the rows of a file are: alerts in some schema, or events beside them.

/// The schema of a row of alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Schema {
    /// Our own columns, flat.
    #[default]
    Flat,
    /// Elastic's signals: one ECS document for each alert, after a line with the bulk action.
    Ecs,
    /// OCSF's Detection Finding.
    Ocsf,
}

/// The kind of the rows of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Alerts, in some schema.
    Alerts(Schema),
    /// Alerts in our own columns, some of rules over several events, which have [`OVER_TIME`](super::OVER_TIME) too.
    OverTime,
    /// Events beside the alerts, which have [`RELATION`](super::RELATION) too.
    Related,
}

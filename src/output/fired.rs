//! What a rule over several events found, apart from its row.

/// The events with which a rule over several events fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiredEvents {
    /// The names of the fields by which events are grouped.
    pub group_fields: Vec<String>,
    /// The value of each of these fields. An empty text if the events do not have it.
    pub group_values: Vec<String>,
    /// The time of the first event, in microseconds since 1970, UTC.
    pub first: i64,
    /// The time of the event that completes the first window, likewise.
    pub completed: i64,
    /// The time of the last event with which the rule fires, likewise.
    pub last: i64,
    /// The number of events.
    pub count: u64,
    /// The number of distinct values of the field whose values are counted, if there is one.
    pub distinct: Option<u64>,
    /// The ids of the events, at most so many of the last ones.
    pub event_ids: Vec<String>,
    /// True if the time before the events is known for less than the rule's window.
    pub is_early: bool,
}

//! The analysis that a pass over an archive is made for: the events it needs, and the outputs made from them.
//!
//! ```text
//!                    ┌── each of n threads ────────────────┐
//! text ─scan─▶ event ─▶ Local::event ─▶ Emit::output ──────┼──▶ in the order of the sources ─▶ Sink::take
//!      └─▶ framed ─▶ Local::record ─▶ Emit::output ────────┤
//!                    └── Local::text, end_of_log, end ─────┘
//! ```
//!
//! An [`Analyzer`] states its [`Interest`], and makes a [`Local`] for each thread. The [`Local`] receives events and
//! emits outputs. Two analyzers can be combined: `(A, B)` runs both in one pass.

use std::sync::Arc;

use crate::input::Source;
use crate::input::table::RowCriteria;
use crate::report::{Defect, Member};
use crate::scan::{Actions, Candidate, Prefilter, RawRecord};

/// The events that an analyzer must receive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Search {
    /// Events whose record contains one of these words of ASCII letters and digits, in any JSON spelling.
    Words(Vec<String>),
    /// Events whose record contains one of these names as a whole. A name may contain any characters. There may be
    /// thousands of names.
    Names(Vec<String>),
    /// Events with one of these actions, and events whose record contains one of these words. The case of letters does not
    /// count. There may be thousands of actions.
    Actions {
        /// The actions.
        actions: Actions,
        /// Words of ASCII letters and digits.
        words: Vec<String>,
    },
    /// All events. Each record is parsed, which takes about twenty times as long.
    Everything,
    /// No events.
    Nothing,
}

impl Search {
    /// Returns the text search that finds these events.
    pub(crate) fn prefilter(&self) -> Prefilter {
        match self {
            Self::Words(words) => Prefilter::new(words),
            Self::Names(names) => Prefilter::of_names(names),
            Self::Actions { actions, words } => Prefilter::of_actions(actions, words),
            Self::Everything => Prefilter::new::<&str>(&[]),
            Self::Nothing => Prefilter::nothing(),
        }
    }

    /// Returns a search that finds everything that either search finds.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, search) | (search, Self::Nothing) => search,
            (Self::Words(one), Self::Words(other)) if !one.is_empty() && !other.is_empty() => {
                Self::Words([one, other].concat())
            }
            (Self::Names(one), Self::Names(other)) if !one.is_empty() && !other.is_empty() => {
                Self::Names([one, other].concat())
            }
            (
                Self::Actions { actions, words },
                Self::Actions {
                    actions: others,
                    words: more,
                },
            ) => Self::Actions {
                actions: actions.and(others),
                words: [words, more].concat(),
            },
            (Self::Actions { actions, words }, Self::Words(more))
            | (Self::Words(more), Self::Actions { actions, words })
                if !more.is_empty() =>
            {
                let words = [words, more].concat();
                Self::Actions { actions, words }
            }
            // A list without words finds everything, and no search looks for words and whole names at the same time.
            _ => Self::Everything,
        }
    }
}

/// The events and text that a pass must pass to an analyzer. The analyzer may receive more, because a pass may serve
/// several analyzers. So it must handle each event by itself.
#[derive(Debug, Clone)]
pub struct Interest {
    /// The events that it must receive.
    pub search: Search,
    /// The table rows that may contain such an event. The default is every row. It does not limit `records`.
    pub rows: RowCriteria,
    /// True if it must receive every record as it is framed, without a parse, from every row of a table too. All text
    /// is then framed. This does not change the events. It changes the report only if columns of a table are damaged
    /// that nothing else reads.
    pub records: bool,
    /// True if it must receive the text of each log, from beginning to end, of the sources that
    /// [`Analyzer::wants_text`] names. These are not divided among threads.
    pub text: bool,
}

impl Interest {
    /// Returns an interest that satisfies both.
    fn and(self, other: Self) -> Self {
        let rows = match (&self.search, &other.search) {
            (Search::Nothing, _) => other.rows,
            (_, Search::Nothing) => self.rows,
            _ => self.rows.or(other.rows),
        };
        Self {
            search: self.search.or(other.search),
            rows,
            records: self.records || other.records,
            text: self.text || other.text,
        }
    }
}

/// The next bytes of a log's text.
#[derive(Debug, Clone, Copy)]
pub struct TextPart<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// The places of all keys `"eventTime"` in the text, if these are all its bytes and each key is followed by a time
    /// and `"eventSource"`, as AWS writes it. `None` if that is not known.
    pub times: Option<&'a [usize]>,
}

/// A log: a source, or an entry of an archive.
#[derive(Debug, Clone, Copy)]
pub struct Log<'a> {
    /// The file or object.
    pub source: &'a Source,
    /// The log inside it, if the source is an archive.
    pub member: Option<&'a Arc<Member>>,
}

/// The place where an event or a record was found.
#[derive(Debug, Clone, Copy)]
pub struct Location<'a> {
    /// The log that contains it.
    pub log: Log<'a>,
    /// The index of its record in the array around it.
    pub record_index: u64,
    /// The offset of its record in the decompressed text, in bytes. In a table, the number of its row.
    pub byte_offset: u64,
}

/// The approximate memory use of an output, in bytes. It limits the outputs that wait for their turn.
pub trait SizeBytes {
    /// Returns the approximate size in bytes.
    fn size_bytes(&self) -> usize;
}

/// An analysis of the events of an archive, in one pass.
pub trait Analyzer: Sync {
    /// The outputs, in the order of the sources.
    type Output: SizeBytes + Send;
    /// The state of the analyzer on one thread.
    type Local<'a>: Local<Output = Self::Output>
    where
        Self: 'a;

    /// Returns what the analyzer must receive from a pass.
    fn interest(&self) -> Interest;

    /// Returns true if it needs the text of this source. A large source whose text it does not need is divided among the
    /// threads. It may receive the text of others too. Called only if [`Interest::text`] is set.
    fn wants_text(&self, _source: &Source) -> bool {
        true
    }

    /// Makes the state for one thread. A new one is made if a panic ended the work on a source. It must not panic.
    fn local(&self) -> Self::Local<'_>;
}

/// The state of an analyzer on one thread. It receives one piece after another: a small source, or a piece of a large
/// one.
pub trait Local {
    /// The output type of the [`Analyzer`].
    type Output;

    /// Takes an event.
    fn event(&mut self, event: &Candidate<'_>, at: &Location<'_>, out: &mut Emit<'_, Self::Output>);

    /// Takes the next record, which is framed and not parsed. Called if [`Interest::records`] is set, once for each
    /// piece of text that [`RawRecord`] describes, in the order of the text. The events in a piece come after it; those
    /// of a Parquet file come after all records of their row group.
    ///
    /// A choice of times, accounts and regions does not limit the records, because they are not parsed.
    fn record(
        &mut self,
        _record: &RawRecord<'_>,
        _at: &Location<'_>,
        _out: &mut Emit<'_, Self::Output>,
    ) {
    }

    /// Returns true if the records of a log must be passed to [`record`](Self::record). Called before the log is read
    /// if [`Interest::records`] and [`Interest::text`] are both set. Text is framed only if it returns true.
    fn wants_records(&self, _log: &Log<'_>) -> bool {
        true
    }

    /// Takes the next bytes of a log's text. Called if [`Interest::text`] is set. The records and events in these bytes
    /// may come before them or after them.
    fn text(&mut self, _text: &TextPart<'_>, _log: &Log<'_>, _out: &mut Emit<'_, Self::Output>) {}

    /// Notes that a gzip member or another frame begins with the next bytes of the text.
    fn next_member(&mut self, _log: &Log<'_>) {}

    /// Ends the log whose text was taken last. If the log is not complete, the report contains the reason.
    fn end_of_log(&mut self, _log: &Log<'_>, _out: &mut Emit<'_, Self::Output>) {}

    /// Ends a piece.
    fn end(&mut self, _out: &mut Emit<'_, Self::Output>) {}
}

/// Receives the outputs and defects that an analyzer makes of one piece.
pub struct Emit<'a, T> {
    output: &'a mut dyn FnMut(T),
    defects: &'a mut Vec<Defect>,
}

impl<T> std::fmt::Debug for Emit<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emit")
            .field("defects", &self.defects)
            .finish_non_exhaustive()
    }
}

impl<'a, T> Emit<'a, T> {
    pub(crate) fn new(output: &'a mut dyn FnMut(T), defects: &'a mut Vec<Defect>) -> Self {
        Self { output, defects }
    }

    /// Emits an output.
    pub fn output(&mut self, output: T) {
        (self.output)(output);
    }

    /// Reports what is wrong with an event.
    pub fn report(&mut self, defect: Defect) {
        self.defects.push(defect);
    }
}

/// The view of an analyzer that a worker has: without its outputs.
pub(crate) trait Observer {
    fn event(&mut self, event: &Candidate<'_>, at: &Location<'_>, defects: &mut Vec<Defect>);
    fn record(&mut self, record: &RawRecord<'_>, at: &Location<'_>, defects: &mut Vec<Defect>);
    fn wants_records(&self, log: &Log<'_>) -> bool;
    fn text(&mut self, text: &TextPart<'_>, log: &Log<'_>, defects: &mut Vec<Defect>);
    fn next_member(&mut self, log: &Log<'_>);
    fn end_of_log(&mut self, log: &Log<'_>, defects: &mut Vec<Defect>);
    fn end(&mut self, defects: &mut Vec<Defect>);
}

/// A thread's analyzer state, and the destination of its outputs.
pub(crate) struct Observing<'a, L: Local> {
    pub(crate) local: &'a mut L,
    pub(crate) output: &'a mut dyn FnMut(L::Output),
}

impl<L: Local> Observer for Observing<'_, L> {
    fn event(&mut self, event: &Candidate<'_>, at: &Location<'_>, defects: &mut Vec<Defect>) {
        let mut out = Emit::new(self.output, defects);
        self.local.event(event, at, &mut out);
    }

    fn record(&mut self, record: &RawRecord<'_>, at: &Location<'_>, defects: &mut Vec<Defect>) {
        let mut out = Emit::new(self.output, defects);
        self.local.record(record, at, &mut out);
    }

    fn wants_records(&self, log: &Log<'_>) -> bool {
        self.local.wants_records(log)
    }

    fn text(&mut self, text: &TextPart<'_>, log: &Log<'_>, defects: &mut Vec<Defect>) {
        let mut out = Emit::new(self.output, defects);
        self.local.text(text, log, &mut out);
    }

    fn next_member(&mut self, log: &Log<'_>) {
        self.local.next_member(log);
    }

    fn end_of_log(&mut self, log: &Log<'_>, defects: &mut Vec<Defect>) {
        let mut out = Emit::new(self.output, defects);
        self.local.end_of_log(log, &mut out);
    }

    fn end(&mut self, defects: &mut Vec<Defect>) {
        let mut out = Emit::new(self.output, defects);
        self.local.end(&mut out);
    }
}

/// An output of one of two analyzers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Either<A, B> {
    /// An output of the first analyzer.
    First(A),
    /// An output of the second analyzer.
    Second(B),
}

impl<A: SizeBytes, B: SizeBytes> SizeBytes for Either<A, B> {
    fn size_bytes(&self) -> usize {
        match self {
            Self::First(output) => output.size_bytes(),
            Self::Second(output) => output.size_bytes(),
        }
    }
}

impl<A: Analyzer> Analyzer for &A {
    type Output = A::Output;
    type Local<'a>
        = A::Local<'a>
    where
        Self: 'a;

    fn interest(&self) -> Interest {
        (**self).interest()
    }

    fn wants_text(&self, source: &Source) -> bool {
        (**self).wants_text(source)
    }

    fn local(&self) -> Self::Local<'_> {
        (**self).local()
    }
}

impl<A: Analyzer, B: Analyzer> Analyzer for (A, B) {
    type Output = Either<A::Output, B::Output>;
    type Local<'a>
        = (A::Local<'a>, B::Local<'a>)
    where
        Self: 'a;

    fn interest(&self) -> Interest {
        self.0.interest().and(self.1.interest())
    }

    fn wants_text(&self, source: &Source) -> bool {
        let first = || self.0.interest().text && self.0.wants_text(source);
        let second = || self.1.interest().text && self.1.wants_text(source);
        first() || second()
    }

    fn local(&self) -> Self::Local<'_> {
        (self.0.local(), self.1.local())
    }
}

impl<A: Local, B: Local> Local for (A, B) {
    type Output = Either<A::Output, B::Output>;

    fn event(
        &mut self,
        event: &Candidate<'_>,
        at: &Location<'_>,
        out: &mut Emit<'_, Self::Output>,
    ) {
        let (first, second) = self;
        out.first(|out| first.event(event, at, out));
        out.second(|out| second.event(event, at, out));
    }

    fn record(
        &mut self,
        record: &RawRecord<'_>,
        at: &Location<'_>,
        out: &mut Emit<'_, Self::Output>,
    ) {
        let (first, second) = self;
        out.first(|out| first.record(record, at, out));
        out.second(|out| second.record(record, at, out));
    }

    fn wants_records(&self, log: &Log<'_>) -> bool {
        self.0.wants_records(log) || self.1.wants_records(log)
    }

    fn text(&mut self, text: &TextPart<'_>, log: &Log<'_>, out: &mut Emit<'_, Self::Output>) {
        let (first, second) = self;
        out.first(|out| first.text(text, log, out));
        out.second(|out| second.text(text, log, out));
    }

    fn next_member(&mut self, log: &Log<'_>) {
        self.0.next_member(log);
        self.1.next_member(log);
    }

    fn end_of_log(&mut self, log: &Log<'_>, out: &mut Emit<'_, Self::Output>) {
        let (first, second) = self;
        out.first(|out| first.end_of_log(log, out));
        out.second(|out| second.end_of_log(log, out));
    }

    fn end(&mut self, out: &mut Emit<'_, Self::Output>) {
        let (first, second) = self;
        out.first(|out| first.end(out));
        out.second(|out| second.end(out));
    }
}

impl<A, B> Emit<'_, Either<A, B>> {
    fn first(&mut self, work: impl FnOnce(&mut Emit<'_, A>)) {
        let output = &mut |output| (self.output)(Either::First(output));
        work(&mut Emit::new(output, self.defects));
    }

    fn second(&mut self, work: impl FnOnce(&mut Emit<'_, B>)) {
        let output = &mut |output| (self.output)(Either::Second(output));
        work(&mut Emit::new(output, self.defects));
    }
}

//! What a pass over an archive is made for: which events it must show, and what becomes of them.
//!
//! ```text
//!                    ┌── each of n threads ────────────────┐
//! text ─scan─▶ event ─▶ Local::event ─▶ Emit::output ──────┼──▶ in the order of the sources ─▶ Sink::take
//!                    └── Local::text, end_of_log, end ─────┘
//! ```
//!
//! An [`Analyzer`] says what it has an [`Interest`] in, and makes a [`Local`] for each thread, which is shown events and
//! gives out outputs. Two analyzers are one: `(A, B)` takes both through one pass.

use std::sync::Arc;

use crate::input::Source;
use crate::input::table::RowCriteria;
use crate::report::{Defect, Member};
use crate::scan::{Candidate, Prefilter};

/// Which events an analyzer must be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Search {
    /// Those whose record contains one of these words of ASCII letters and digits, in any spelling of JSON.
    Words(Vec<String>),
    /// Those whose record contains one of these names as a whole, which may have any characters. There may be thousands.
    Names(Vec<String>),
    /// All of them: each record is parsed, which takes some twenty times as long.
    Everything,
}

impl Search {
    /// The search in text that finds them.
    pub(crate) fn prefilter(&self) -> Prefilter {
        match self {
            Self::Words(words) => Prefilter::new(words),
            Self::Names(names) => Prefilter::of_names(names),
            Self::Everything => Prefilter::new::<&str>(&[]),
        }
    }

    /// A search that finds what either does.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Words(one), Self::Words(other)) => Self::Words([one, other].concat()),
            (Self::Names(one), Self::Names(other)) => Self::Names([one, other].concat()),
            // No search looks for words and for whole names at once.
            _ => Self::Everything,
        }
    }
}

/// What a pass must show an analyzer. It may be shown more, because a pass may serve several: each event is to be
/// handled by itself.
#[derive(Debug, Clone)]
pub struct Interest {
    /// Which events it must be shown.
    pub search: Search,
    /// Which rows of tables may hold such an event; the default is any.
    pub rows: RowCriteria,
    /// Whether it must be shown the text of each log, from its beginning to its end. No source is then divided among
    /// threads.
    pub text: bool,
}

impl Interest {
    /// What satisfies both.
    fn and(self, other: Self) -> Self {
        Self {
            search: self.search.or(other.search),
            rows: self.rows.or(other.rows),
            text: self.text || other.text,
        }
    }
}

/// A log: a source, or an entry of an archive.
#[derive(Debug, Clone, Copy)]
pub struct Log<'a> {
    /// The file or object.
    pub source: &'a Source,
    /// The log inside it, where that is an archive.
    pub member: Option<&'a Arc<Member>>,
}

/// Where an event was found.
#[derive(Debug, Clone, Copy)]
pub struct Location<'a> {
    /// In which log.
    pub log: Log<'a>,
    /// The index of its record in the array around it.
    pub record_index: u64,
    /// The offset of its record in the decompressed text, in bytes; in a table, the number of its row.
    pub byte_offset: u64,
}

/// How much memory an output takes, roughly, in bytes: outputs that wait for their turn are bounded by it.
pub trait SizeBytes {
    /// Returns that size.
    fn size_bytes(&self) -> usize;
}

/// What is made of the events of an archive, in one pass.
pub trait Analyzer: Sync {
    /// What it gives out, in the order of the sources.
    type Output: SizeBytes + Send;
    /// Its part on one thread.
    type Local<'a>: Local<Output = Self::Output>
    where
        Self: 'a;

    /// Returns what a pass must show it.
    fn interest(&self) -> Interest;

    /// Makes its part on one thread. Another one is made where a panic ended the work on a source.
    fn local(&self) -> Self::Local<'_>;
}

/// An analyzer's part on one thread. It is shown one piece after another: a small source, or a piece of a large one.
pub trait Local {
    /// As of the [`Analyzer`].
    type Output;

    /// Takes an event.
    fn event(&mut self, event: &Candidate<'_>, at: &Location<'_>, out: &mut Emit<'_, Self::Output>);

    /// Takes the next bytes of a log's text. Called where [`Interest::text`] requests it.
    fn text(&mut self, _text: &[u8], _log: &Log<'_>, _out: &mut Emit<'_, Self::Output>) {}

    /// Ends the log whose text was taken last. What is wrong with it, if it is not whole, is in the report.
    fn end_of_log(&mut self, _log: &Log<'_>, _out: &mut Emit<'_, Self::Output>) {}

    /// Ends a piece.
    fn end(&mut self, _out: &mut Emit<'_, Self::Output>) {}
}

/// Takes what an analyzer makes of one piece.
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

    /// Gives out an output.
    pub fn output(&mut self, output: T) {
        (self.output)(output);
    }

    /// Reports what is wrong with an event.
    pub fn report(&mut self, defect: Defect) {
        self.defects.push(defect);
    }
}

/// What a worker knows of an analyzer: nothing of its outputs.
pub(crate) trait Observer {
    fn event(&mut self, event: &Candidate<'_>, at: &Location<'_>, defects: &mut Vec<Defect>);
    fn text(&mut self, text: &[u8], log: &Log<'_>, defects: &mut Vec<Defect>);
    fn end_of_log(&mut self, log: &Log<'_>, defects: &mut Vec<Defect>);
    fn end(&mut self, defects: &mut Vec<Defect>);
}

/// A local part, and where its outputs go.
pub(crate) struct Observing<'a, L: Local> {
    pub(crate) local: &'a mut L,
    pub(crate) output: &'a mut dyn FnMut(L::Output),
}

impl<L: Local> Observer for Observing<'_, L> {
    fn event(&mut self, event: &Candidate<'_>, at: &Location<'_>, defects: &mut Vec<Defect>) {
        let mut out = Emit::new(self.output, defects);
        self.local.event(event, at, &mut out);
    }

    fn text(&mut self, text: &[u8], log: &Log<'_>, defects: &mut Vec<Defect>) {
        let mut out = Emit::new(self.output, defects);
        self.local.text(text, log, &mut out);
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
    /// Of the first.
    First(A),
    /// Of the second.
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

impl<A: Analyzer, B: Analyzer> Analyzer for (A, B) {
    type Output = Either<A::Output, B::Output>;
    type Local<'a>
        = (A::Local<'a>, B::Local<'a>)
    where
        Self: 'a;

    fn interest(&self) -> Interest {
        self.0.interest().and(self.1.interest())
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

    fn text(&mut self, text: &[u8], log: &Log<'_>, out: &mut Emit<'_, Self::Output>) {
        let (first, second) = self;
        out.first(|out| first.text(text, log, out));
        out.second(|out| second.text(text, log, out));
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

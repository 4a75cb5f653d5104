//! The logs of one source, or of an entry of an archive, one after another on one thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::super::analyzer::Observer;
use super::{PieceContext, SourceReport, TEXT_BYTES, Worker, shrink};
use crate::input::archive::{Entry, Opened};
use crate::input::decompress::{Filled, Limit};
use crate::input::log::{LogReader, StoredCounter};
use crate::input::{Source, Stored};
use crate::report::{Code, Defect, Member};
use crate::scan::{Ends, ScanItem, Scanner, Window, defects_of_whole};

/// Goes through everything inside a source.
pub(super) struct Logs<'w, 'a> {
    worker: &'w mut Worker<'a>,
    source: &'w Source,
    report: &'w mut SourceReport,
    observer: &'w mut dyn Observer,
    /// The stored bytes taken from the source.
    stored_bytes: StoredCounter,
    /// The defects of a text from which another text is read. The channel is created when there is such a text.
    told: Option<(Sender<Defect>, Receiver<Defect>)>,
}

impl<'w, 'a> Logs<'w, 'a> {
    pub(super) fn new(
        worker: &'w mut Worker<'a>,
        source: &'w Source,
        report: &'w mut SourceReport,
        observer: &'w mut dyn Observer,
    ) -> Self {
        let stored_bytes = StoredCounter::new(Arc::clone(&worker.counter));
        Self {
            worker,
            source,
            report,
            observer,
            stored_bytes,
            told: None,
        }
    }

    /// Scans everything inside an entry. Returns the I/O error, if there is one.
    pub(super) fn entry(&mut self, entry: Entry<'_>) -> io::Result<()> {
        let (member, coded) = (entry.member.clone(), entry.coded);
        let opened = entry.open(&mut self.worker.codecs, &mut self.report.defects)?;
        match opened {
            Opened::Nothing => {}
            Opened::Text(text) => self.text(LogReader::new(text, coded, member))?,
            Opened::Table(table) => {
                self.count(0);
                for group in 0..table.n_groups() {
                    if self.worker.context.progress.stop.load(Relaxed) {
                        break;
                    }
                    let (mut shown, scanner) = self.shown(member.as_ref());
                    shown.group(scanner, &table, group);
                }
                self.shown(member.as_ref()).0.end_of_log();
            }
            Opened::Archive(mut archive) => {
                while !self.worker.context.progress.stop.load(Relaxed) {
                    let next = archive.next(&mut self.report.defects);
                    self.count(0);
                    let Some(entry) = next? else {
                        break;
                    };
                    self.unless_excluded(entry);
                }
            }
        }
        if let Some((_, told)) = &self.told {
            self.report.defects.extend(told.try_iter());
        }
        self.count(0);
        Ok(())
    }

    /// Scans an entry of an archive, unless it is excluded. An entry whose end is not known is always scanned, to find
    /// its end.
    pub(super) fn unless_excluded(&mut self, entry: Entry<'_>) {
        let names = self.worker.context.names;
        if !names.leaves_out_entry(entry.member.as_deref()) {
            return self.inside(entry);
        }
        self.report.stats.entries_excluded += 1;
        if entry.stored_bytes.is_none() {
            self.inside(entry);
            self.report.forget_excluded(names);
        }
    }

    /// Scans an entry. Its errors are reported as defects of this entry.
    pub(super) fn inside(&mut self, entry: Entry<'_>) {
        let member = entry.member.clone();
        if let Err(error) = self.entry(entry) {
            let defect = Defect::new(Code::Unreadable, format!("cannot be read: {error}"));
            self.report.defects.push(defect.within(member.as_ref()));
        }
    }

    /// Counts the stored bytes taken from the source, and `n_text` bytes of text.
    fn count(&mut self, n_text: usize) {
        let n_stored = self.stored_bytes.take();
        if n_stored + n_text as u64 > 0 {
            self.shown(None).0.count(n_stored, n_text as u64);
        }
    }

    /// Reports the gzip members of a log, if there is more than one. Every gzip file has one.
    fn note_gzip_members(&mut self, log: &mut LogReader<'_>) {
        let defect = Defect::gzip_members(log.take_gzip_members());
        let defect = defect.map(|defect| defect.within(log.member.as_ref()));
        self.report.defects.extend(defect);
    }

    /// Returns the destination of the candidates of a log, and the scanner that finds them.
    fn shown<'b>(
        &'b mut self,
        member: Option<&'b Arc<Member>>,
    ) -> (PieceContext<'b>, &'b mut Scanner) {
        let shown = PieceContext {
            context: &self.worker.context,
            source: self.source,
            member,
            report: self.report,
            observer: self.observer,
        };
        (shown, &mut self.worker.scanner)
    }

    /// Begins to scan a text at this offset.
    fn start_text(&mut self, member: Option<&Arc<Member>>, offset: u64) {
        let (shown, scanner) = self.shown(member);
        scanner.show_records(shown.wants_records());
        scanner.start_text(offset);
    }

    /// Scans a text as it is decompressed.
    fn text(&mut self, mut log: LogReader<'_>) -> io::Result<()> {
        let member = log.member.clone();
        let member = member.as_ref();
        if let Some(bytes) = log.text.take_slice() {
            self.whole(bytes, member);
            return Ok(());
        }
        let mut buffer = std::mem::take(&mut self.worker.text);
        buffer.clear();
        self.start_text(member, 0);
        let (mut base, mut is_other_behind, mut ends) = (0, false, Ends::default());
        while !self.worker.context.progress.stop.load(Relaxed) {
            let held = buffer.len();
            let limit = Limit::at(TEXT_BYTES.max(2 * held));
            let filled = self.fill(&mut log, &mut buffer, limit);
            if filled == Filled::Nested {
                return self.layer(log, buffer);
            }
            self.count(buffer.len() - held);
            let is_last = matches!(filled, Filled::End | Filled::Gap | Filled::Trailing);
            let is_all = is_last && base == 0 && held == 0;
            // The scan also finds the times in a text, if it is the whole text.
            let has_times =
                is_all && filled != Filled::Gap && matches!(log.text.starts(), [] | [0]);
            if !has_times {
                self.shown(member).0.text(&buffer, held, log.text.starts());
            }
            if !is_all {
                ends.add(&buffer[held..]);
            }
            let window = Window {
                bytes: &buffer,
                base,
                is_last,
                likely_start: log.text.last_start(),
            };
            let keep = self.scan(window, member);
            if has_times {
                let (mut shown, scanner) = self.shown(member);
                shown.whole_text(&buffer, scanner.times_of_whole());
            }
            if matches!(filled, Filled::End | Filled::Trailing) {
                is_other_behind = filled == Filled::Trailing;
                let defects = match is_all {
                    true => defects_of_whole(&buffer),
                    false => ends.defects(),
                };
                self.shown(member).0.report_ends(defects);
                break;
            }
            if filled == Filled::Gap {
                base = window.end();
                buffer.clear();
                self.start_text(member, base);
                continue;
            }
            let n_done = usize::try_from(keep - base).expect("an offset into the buffer");
            buffer.drain(..n_done);
            base = keep;
        }
        self.shown(member).0.end_of_log();
        self.note_gzip_members(&mut log);
        shrink(&mut buffer);
        self.worker.text = buffer;
        match is_other_behind {
            true => self.entry(log.into_trailing()),
            false => Ok(()),
        }
    }

    /// Decodes the next text of a log.
    fn fill(&mut self, log: &mut LogReader<'_>, buffer: &mut Vec<u8>, limit: Limit) -> Filled {
        let (codecs, defects) = (&mut self.worker.codecs, &mut self.report.defects);
        log.fill(buffer, limit, codecs, defects)
    }

    fn scan(&mut self, window: Window<'_>, member: Option<&Arc<Member>>) -> u64 {
        let (mut shown, scanner) = self.shown(member);
        let visit = &mut |item: ScanItem<'_>| shown.item(&item, 0);
        let keep = scanner.scan_items(window, visit);
        let n_defects = shown.report.defects.len();
        shown.take_in(scanner, 0);
        if window.base == 0 && window.is_last {
            shown.let_off_notes(window.bytes, n_defects);
        }
        keep
    }

    /// Scans a text that is complete in memory.
    fn whole(&mut self, bytes: &[u8], member: Option<&Arc<Member>>) {
        self.count(bytes.len());
        self.start_text(member, 0);
        let window = Window {
            bytes,
            base: 0,
            is_last: true,
            likely_start: None,
        };
        self.scan(window, member);
        let (mut shown, scanner) = self.shown(member);
        shown.whole_text(bytes, scanner.times_of_whole());
        self.shown(member).0.report_ends(defects_of_whole(bytes));
        self.shown(member).0.end_of_log();
    }

    /// Scans the content of a text that proved to be a container or encoded again. The start of the text is in
    /// `begun`.
    fn layer(&mut self, mut log: LogReader<'_>, mut begun: Vec<u8>) -> io::Result<()> {
        // A small text is decoded to its end. This allows the fastest methods for its content.
        let mut filled = Filled::More;
        while begun.len() < TEXT_BYTES && !matches!(filled, Filled::End | Filled::Trailing) {
            filled = self.fill(&mut log, &mut begun, Limit::at(TEXT_BYTES));
        }
        self.count(0);
        if matches!(filled, Filled::End | Filled::Trailing) {
            self.note_gzip_members(&mut log);
            let result = self.entry(log.inside(Stored::Slice(&begun)));
            self.worker.text = begun;
            result?;
            return match filled {
                Filled::Trailing => self.entry(log.into_trailing()),
                _ => Ok(()),
            };
        }
        let (told, _) = self.told.get_or_insert_with(unbounded);
        let told = told.clone();
        let inner = log.into_inside(begun, &mut self.worker.codecs, told);
        self.entry(inner)
    }
}

//! The progress of a run: a bar on a terminal; otherwise one line per minute, for people or as JSON.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{BinaryBytes, HumanCount, HumanDuration, ProgressBar, ProgressStyle};
use serde::Serialize;
use trailsift::config::{Progress, ScanConfig};
use trailsift::store::Traffic;

use super::args::LogFormat;
use super::terminal::{self, plural};

/// The interval between updates of the bar.
const DRAWN_EVERY: Duration = Duration::from_millis(100);
/// The interval between lines if there is no bar.
const TOLD_EVERY: Duration = Duration::from_secs(60);
/// The time span over which the current rate is computed.
const RATE_OVER: Duration = Duration::from_secs(10);

/// The results that a run counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// A hunt finds alerts.
    Alerts,
    /// An investigation finds events.
    Events,
    /// Files are only read.
    Nothing,
}

/// Shows the progress of the run until this value is dropped.
#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    is_done: Arc<AtomicBool>,
    is_writing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Bar {
    /// Creates a bar on a terminal; lines elsewhere.
    pub(super) fn new(
        config: &ScanConfig,
        counted: Counted,
        format: LogFormat,
        is_shown: bool,
    ) -> Self {
        let is_done = Arc::new(AtomicBool::new(false));
        let is_writing = Arc::new(AtomicBool::new(false));
        let mut bar = ProgressBar::hidden();
        let has_bar = terminal::can_redraw() && format == LogFormat::Text;
        let thread = is_shown.then(|| {
            if has_bar {
                bar = ProgressBar::new(0);
                // What does not fit on the line is cut off.
                let template = "{spinner} [{bar:20}] {wide_msg}";
                bar.set_style(
                    ProgressStyle::with_template(template)
                        .expect("the template is right")
                        .progress_chars("=> "),
                );
            }
            let (bar, is_done) = (bar.clone(), Arc::clone(&is_done));
            let is_writing = Arc::clone(&is_writing);
            let progress = Arc::clone(&config.progress);
            let traffic = Arc::clone(config.stores.traffic());
            std::thread::spawn(move || {
                let mut pace = Pace::new(counted);
                let every = if has_bar { DRAWN_EVERY } else { TOLD_EVERY };
                let mut told = Instant::now();
                while !is_done.load(Relaxed) {
                    std::thread::park_timeout(
                        every.saturating_sub(told.elapsed()).min(RATE_OVER / 10),
                    );
                    let mut state = pace.state(&progress, &traffic);
                    state.is_writing = is_writing.load(Relaxed);
                    if is_done.load(Relaxed) || told.elapsed() < every {
                        continue;
                    }
                    told = Instant::now();
                    match (has_bar, format) {
                        (true, _) => {
                            bar.set_length(state.bytes_found);
                            bar.set_position(state.bytes_done);
                            bar.set_message(state.words());
                            bar.tick();
                        }
                        (false, LogFormat::Text) => terminal::line(&state.words()),
                        (false, LogFormat::Json) => terminal::json("progress", &state),
                    }
                }
            })
        });
        Self {
            bar,
            is_done,
            is_writing,
            thread,
        }
    }

    /// Shows from now on that the files of a case and its page are written.
    pub(super) fn begin_to_write(&self) {
        self.is_writing.store(true, Relaxed);
    }

    /// Runs a function that writes to standard error, with the bar hidden.
    pub(super) fn suspend(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.is_done.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // The thread only shows progress; if it panicked, the run is not affected.
            thread.join().ok();
        }
        self.bar.finish_and_clear();
    }
}

/// The current speed.
struct Pace {
    counted: Counted,
    started: Instant,
    /// Pairs of a time and the stored bytes done by then, over the last seconds.
    samples: VecDeque<(Duration, u64)>,
}

/// The progress of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct State {
    files_done: u64,
    files_found: u64,
    bytes_done: u64,
    bytes_found: u64,
    /// True if all files were found, so that the totals are final.
    is_listed: bool,
    bytes_per_second: u64,
    /// Set only after all files were found.
    seconds_left: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alerts: Option<u64>,
    /// The events of a case.
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<u64>,
    /// True if everything was read, and the files are written.
    is_writing: bool,
    requests: u64,
    retries: u64,
}

impl Pace {
    fn new(counted: Counted) -> Self {
        Self {
            counted,
            started: Instant::now(),
            samples: VecDeque::from([(Duration::ZERO, 0)]),
        }
    }

    fn state(&mut self, progress: &Progress, traffic: &Traffic) -> State {
        self.state_at(self.started.elapsed(), progress, traffic)
    }

    fn state_at(&mut self, now: Duration, progress: &Progress, traffic: &Traffic) -> State {
        let bytes_done = progress.stored_bytes.load(Relaxed);
        if self
            .samples
            .back()
            .is_some_and(|(_, before)| *before > bytes_done)
        {
            // Another pass of an investigation has begun; the bytes before it do not matter for its speed.
            self.samples.clear();
        }
        self.samples.push_back((now, bytes_done));
        while self.samples.len() > 2 && now - self.samples[1].0 > RATE_OVER {
            self.samples.pop_front();
        }
        let (since, before) = self.samples[0];
        let ms = (now - since).as_millis().max(1);
        let rate = u128::from(bytes_done - before) * 1000 / ms;
        let bytes_per_second = u64::try_from(rate).unwrap_or(u64::MAX);
        // The size of data from pipes was not known in advance.
        let bytes_found = progress.found_bytes.load(Relaxed).max(bytes_done);
        let is_listed = progress.all_found.load(Relaxed);
        let n_results = progress.n_results.load(Relaxed);
        let left = (bytes_found - bytes_done).checked_div(bytes_per_second);
        State {
            files_done: progress.n_done.load(Relaxed),
            files_found: progress.n_found.load(Relaxed),
            bytes_done,
            bytes_found,
            is_listed,
            bytes_per_second,
            seconds_left: left.filter(|_| is_listed),
            alerts: (self.counted == Counted::Alerts).then_some(n_results),
            events: (self.counted == Counted::Events).then_some(n_results),
            is_writing: false,
            requests: traffic.n_requests.load(Relaxed),
            retries: traffic.n_retries.load(Relaxed),
        }
    }
}

impl State {
    fn words(&self) -> String {
        if self.is_writing {
            return format!(
                "writing the page and the tables of {} events",
                HumanCount(self.events.unwrap_or_default())
            );
        }
        let listed = match (self.is_listed, self.seconds_left) {
            (false, _) => "listing goes on".to_owned(),
            (true, None) => "all listed".to_owned(),
            (true, Some(seconds)) => {
                format!("{} left", HumanDuration(Duration::from_secs(seconds)))
            }
        };
        let found = match (self.alerts, self.events) {
            (_, Some(n)) => plural(n, "event", "events") + ", ",
            (Some(n), None) => plural(n, "alert", "alerts") + ", ",
            (None, None) => String::new(),
        };
        let mut words = format!(
            "{found}{listed}, {} of {} files, {} of {}, {}/s",
            HumanCount(self.files_done),
            HumanCount(self.files_found),
            BinaryBytes(self.bytes_done),
            BinaryBytes(self.bytes_found),
            BinaryBytes(self.bytes_per_second),
        );
        if self.retries > 0 {
            words += &format!(", {} requests tried again", HumanCount(self.retries));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_round_counts_from_zero_again() {
        let (progress, traffic) = (Progress::default(), Traffic::default());
        let mut pace = Pace::new(Counted::Alerts);
        let mut rate_at = |seconds, bytes| {
            progress.stored_bytes.store(bytes, Relaxed);
            let state = pace.state_at(Duration::from_secs(seconds), &progress, &traffic);
            state.bytes_per_second
        };
        assert_eq!(rate_at(1, 1000), 1000);
        assert_eq!(rate_at(2, 10), 0);
        assert_eq!(rate_at(3, 510), 500);
    }

    #[test]
    fn the_rate_is_of_the_last_seconds_and_the_time_left_needs_the_whole_list() {
        let (progress, traffic) = (Progress::default(), Traffic::default());
        let mut pace = Pace::new(Counted::Alerts);
        progress.found_bytes.store(10 << 20, Relaxed);
        progress.n_found.store(2000, Relaxed);
        for second in 1..=20 {
            progress.stored_bytes.store(second << 18, Relaxed);
            pace.state_at(Duration::from_secs(second), &progress, &traffic);
        }
        progress.n_done.store(1000, Relaxed);
        progress.stored_bytes.store((20 << 18) + (1 << 20), Relaxed);
        let state = pace.state_at(Duration::from_secs(21), &progress, &traffic);
        assert!(
            (300_000..400_000).contains(&state.bytes_per_second),
            "{state:?}"
        );
        assert_eq!(state.seconds_left, None);
        // What matters most comes first: the line may be cut off.
        assert!(state.words().starts_with(
            "0 alerts, listing goes on, 1,000 of 2,000 files, 6.00 MiB of 10.00 MiB, "
        ));
        progress.all_found.store(true, Relaxed);
        traffic.n_retries.store(3, Relaxed);
        let state = pace.state_at(Duration::from_secs(21), &progress, &traffic);
        assert_eq!(
            state.seconds_left,
            Some(4 * (1 << 20) / state.bytes_per_second)
        );
        assert!(
            state.words().ends_with("/s, 3 requests tried again"),
            "{}",
            state.words()
        );
        // The size of a pipe is not known in advance.
        progress.found_bytes.store(0, Relaxed);
        let state = pace.state_at(Duration::from_secs(21), &progress, &traffic);
        assert_eq!(
            (state.bytes_found, state.seconds_left),
            (state.bytes_done, Some(0))
        );
    }
}

//! How far the run came, on a terminal.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{BinaryBytes, ProgressBar, ProgressStyle};
use trailsift::config::Progress;

use super::terminal;

/// How often the bar is drawn.
const INTERVAL: Duration = Duration::from_millis(100);

/// A bar that draws itself until it is dropped.
#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    is_done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Bar {
    /// A bar on a terminal; nothing elsewhere.
    pub(super) fn new(progress: &Arc<Progress>, is_shown: bool) -> Self {
        let is_done = Arc::new(AtomicBool::new(false));
        if !is_shown || !terminal::is_terminal() {
            return Self {
                bar: ProgressBar::hidden(),
                is_done,
                thread: None,
            };
        }
        let bar = ProgressBar::new(0);
        let template = "{spinner} [{bar:30}] {msg}";
        bar.set_style(
            ProgressStyle::with_template(template)
                .expect("the template is right")
                .progress_chars("=> "),
        );
        let thread = std::thread::spawn({
            let (bar, is_done, progress) =
                (bar.clone(), Arc::clone(&is_done), Arc::clone(progress));
            let started = Instant::now();
            move || {
                while !is_done.load(Relaxed) {
                    std::thread::park_timeout(INTERVAL);
                    bar.set_length(progress.found_bytes.load(Relaxed));
                    bar.set_position(progress.stored_bytes.load(Relaxed));
                    bar.set_message(message(&progress, started.elapsed()));
                    bar.tick();
                }
            }
        });
        Self {
            bar,
            is_done,
            thread: Some(thread),
        }
    }

    /// Writes a line above the bar.
    pub(super) fn line(&self, text: &str) {
        self.bar.suspend(|| terminal::line(text));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.is_done.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It only draws; if that panicked, the run is none the worse.
            thread.join().ok();
        }
        self.bar.finish_and_clear();
    }
}

fn message(progress: &Progress, elapsed: Duration) -> Cow<'static, str> {
    let text_bytes = progress.text_bytes.load(Relaxed);
    let rate = u64::try_from(u128::from(text_bytes) * 1000 / elapsed.as_millis().max(1));
    let more = if progress.all_found.load(Relaxed) {
        ""
    } else {
        "+"
    };
    Cow::Owned(format!(
        "{} of {}{more} files, {} of {}{more}, {}/s of text, {} alerts",
        progress.n_done.load(Relaxed),
        progress.n_found.load(Relaxed),
        BinaryBytes(progress.stored_bytes.load(Relaxed)),
        BinaryBytes(progress.found_bytes.load(Relaxed)),
        BinaryBytes(rate.unwrap_or(u64::MAX)),
        progress.n_alerts.load(Relaxed),
    ))
}

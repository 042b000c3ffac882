//! Progress on anything that takes more than a second: a bar on a terminal, now and then a line elsewhere.

use crate::screen::{amount, duration};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Between two lines where there is no terminal, and before the first one.
const LINE_SECONDS: f64 = 5.0;

/// The progress of a known number of steps.
pub struct Progress {
    bar: Option<ProgressBar>,
    what: &'static str,
    total: u64,
    done: u64,
    first: u64,
    tokens_per_step: u64,
    started: Instant,
    last_line: Instant,
}

impl Progress {
    /// Progress of `total` steps, `done` of which are done already; a step is so many tokens.
    pub fn new(what: &'static str, done: u64, total: u64, tokens_per_step: u64) -> Progress {
        let started = Instant::now();
        let bar = std::io::stderr().is_terminal().then(|| bar(what, done, total));
        Progress { bar, what, total, done, first: done, tokens_per_step, started, last_line: started }
    }

    /// Tokens a second since the start.
    pub fn tokens_per_second(&self) -> f64 {
        let seconds = self.started.elapsed().as_secs_f64().max(1e-9);
        (self.done - self.first) as f64 * self.tokens_per_step as f64 / seconds
    }

    /// One more step is done.
    pub fn step(&mut self, loss: Option<f32>) {
        self.done += 1;
        let loss = loss.map(|loss| format!("loss {loss:.4}  ")).unwrap_or_default();
        let rate = match self.tokens_per_step {
            0 => String::new(),
            _ => amount(self.tokens_per_second(), "tokens/s"),
        };
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{loss}{rate}"));
            bar.set_position(self.done);
        } else if self.last_line.elapsed().as_secs_f64() >= LINE_SECONDS {
            self.last_line = Instant::now();
            let seconds = self.started.elapsed().as_secs_f64() / (self.done - self.first) as f64;
            let left = duration(seconds * self.total.saturating_sub(self.done) as f64);
            eprintln!("{} step {} of {}  {loss}{rate}  {left} left", self.what, self.done, self.total);
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &'static str, done: u64, total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
    let template = "{prefix} {wide_bar} {pos}/{len}  {msg}  {eta} left";
    bar.set_style(ProgressStyle::with_template(template).expect("the template is fixed"));
    bar.set_prefix(what);
    bar.set_position(done);
    bar.reset_eta();
    bar
}

/// Shows that something of unknown length is going on while `work` does it.
pub fn spin<R>(what: &'static str, work: impl FnOnce() -> R) -> R {
    let spinner = ProgressBar::new_spinner();
    spinner.set_draw_target(match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr_with_hz(10),
        false => ProgressDrawTarget::hidden(),
    });
    spinner.set_message(what);
    spinner.enable_steady_tick(Duration::from_millis(200));
    let result = work();
    spinner.finish_and_clear();
    result
}

//! metrics.jsonl: a line a step, written as the run goes, held against the run by whoever verifies it.
//!
//! ```text
//! {"step":0,"loss":5.5461226,"grad_norm":1.9374281,"learning_rate":0.001}
//! ```
//! A number is the shortest decimal that reads back to the same binary32; one that is not finite is null. So a line has one form.

use crate::job::table;
use crate::words::write_atomically;
use crate::{Folder, Job, TraceError, regular};
use samebit_engine::Outcome;
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};

/// The file's name.
pub(crate) const FILE: &str = "metrics.jsonl";

/// The longest line, in bytes, its end included.
const LINE_BYTES_LIMIT: u64 = 256;

/// A line of metrics.jsonl.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// The step, from 0.
    pub step: u64,
    /// Its loss, in nats a token.
    pub loss: f32,
    /// The norm of its gradient.
    pub grad_norm: f32,
    /// Its learning rate.
    pub learning_rate: f32,
}

impl Metrics {
    /// What a step of a job came to.
    pub(crate) fn new(job: &Job, step: u64, outcome: Outcome) -> Metrics {
        let [loss, grad_norm] = [outcome.loss, outcome.grad_norm].map(f32::from_bits);
        Metrics { step, loss, grad_norm, learning_rate: learning_rate(job, step) }
    }
}

fn learning_rate(job: &Job, step: u64) -> f32 {
    let rate = || {
        let index = job.table(table::SCHEDULE)?;
        let width = job.program.tables[index].shape.get(1..)?.iter().product::<u64>();
        job.tables[index].get((step * width) as usize).copied()
    };
    rate().map_or(0.0, f32::from_bits)
}

/// A line as it is read: nothing where a number is not finite.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    step: u64,
    loss: Option<f32>,
    grad_norm: Option<f32>,
    learning_rate: Option<f32>,
}

impl Line {
    fn of(metrics: &Metrics) -> Line {
        let finite = |value: f32| value.is_finite().then_some(value);
        Line {
            step: metrics.step,
            loss: finite(metrics.loss),
            grad_norm: finite(metrics.grad_norm),
            learning_rate: finite(metrics.learning_rate),
        }
    }

    fn text(&self) -> String {
        format!("{}\n", serde_json::to_string(self).expect("a line is JSON"))
    }

    /// Reads a line in its one form.
    fn parse(text: &str) -> Option<Line> {
        serde_json::from_str(text).ok().filter(|line: &Line| line.text() == text)
    }
}

/// What the lines of a run say; nothing of a run whose receipt comes without any, as that of a job that others have done.
#[derive(Default)]
pub(crate) struct Lines(Vec<Line>);

impl Lines {
    /// Reads the lines of the first `steps` steps. If the file `is_complete`, no other line may follow.
    ///
    /// # Errors
    /// A file that is missing or no regular one; [`TraceError::Malformed`] where a line is missing, out of order or not in its form, or has
    /// another learning rate than the job.
    pub fn read(folder: &Folder, job: &Job, steps: u64, is_complete: bool) -> Result<Lines, TraceError> {
        let path = folder.file(FILE);
        let limit = LINE_BYTES_LIMIT * (job.spec.steps + 1);
        let mut file = BufReader::new(regular::open(&path, limit)?.0.take(limit));
        let mut lines = Vec::new();
        for step in 0..steps {
            let found = read_line(&mut file).map_err(TraceError::file(&path))?;
            let line = found.as_deref().and_then(Line::parse);
            let rate = Some(learning_rate(job, step)).filter(|rate| rate.is_finite());
            let reason = match line {
                _ if found.as_deref() == Some("") => format!("it has no line for step {step} of {steps}"),
                None => format!("line {} is not as a run writes it", step + 1),
                Some(line) if line.step != step => format!("line {} is of step {}", step + 1, line.step),
                Some(line) if line.learning_rate.map(f32::to_bits) != rate.map(f32::to_bits) => {
                    format!("step {step} has not the learning rate that the job gives it")
                }
                Some(line) => {
                    lines.push(line);
                    continue;
                }
            };
            return Err(TraceError::malformed(&path, reason));
        }
        if is_complete && read_line(&mut file).map_err(TraceError::file(&path))?.as_deref() != Some("") {
            return Err(TraceError::malformed(
                &path,
                format!("it has more lines than the run's {steps} steps"),
            ));
        }
        Ok(Lines(lines))
    }

    /// What a step's line says otherwise than the step itself; nothing if they agree to the last bit, or there is none.
    pub fn difference(&self, job: &Job, step: u64, outcome: Outcome) -> Option<String> {
        let right = Line::of(&Metrics::new(job, step, outcome));
        let held = self.0.get(step as usize)?;
        let pairs = [("loss", held.loss, right.loss), ("grad_norm", held.grad_norm, right.grad_norm)];
        let wrong = pairs.into_iter().find(|(_, a, b)| a.map(f32::to_bits) != b.map(f32::to_bits))?;
        let shown = |value: Option<f32>| value.map_or("null".to_owned(), |value| value.to_string());
        let (name, claimed, computed) = wrong;
        Some(format!("its {name} is {}, re-execution gives {}", shown(claimed), shown(computed)))
    }
}

/// A line with its end, empty at the end of the file; nothing if it is too long or no text.
fn read_line(file: &mut impl BufRead) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    file.take(LINE_BYTES_LIMIT).read_until(b'\n', &mut bytes)?;
    Ok(String::from_utf8(bytes).ok())
}

/// metrics.jsonl, open for appending.
pub(crate) struct Log {
    file: fs::File,
    path: std::path::PathBuf,
}

impl Log {
    /// Keeps the lines of the first `steps_run` steps and drops those of steps that will be run again.
    ///
    /// # Errors
    /// As [`Lines::read`]: a run never goes on behind a gap, which nothing would fill.
    pub fn open(folder: &Folder, job: &Job, steps_run: u64) -> Result<Log, TraceError> {
        let path = folder.file(FILE);
        let lines = match steps_run {
            0 => Lines(Vec::new()),
            _ => Lines::read(folder, job, steps_run, false)?,
        };
        let kept: String = lines.0.iter().map(Line::text).collect();
        let is_whole =
            fs::metadata(&path).is_ok_and(|found| found.is_file() && found.len() == kept.len() as u64);
        if !is_whole {
            write_atomically(&path, |file| file.write_all(kept.as_bytes()))?;
        }
        let file = OpenOptions::new().append(true).open(&path).map_err(TraceError::file(&path))?;
        Ok(Log { file, path })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&mut self, metrics: &Metrics) -> Result<(), TraceError> {
        self.file.write_all(Line::of(metrics).text().as_bytes()).map_err(TraceError::file(&self.path))
    }

    /// Brings the lines to the disk: before a receipt says that their steps were run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn sync(&mut self) -> Result<(), TraceError> {
        self.file.sync_data().map_err(TraceError::file(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_one_form() {
        let metrics = Metrics { step: 3, loss: 0.1, grad_norm: f32::NAN, learning_rate: 1e-30 };
        let text = Line::of(&metrics).text();
        assert_eq!(text, "{\"step\":3,\"loss\":0.1,\"grad_norm\":null,\"learning_rate\":1e-30}\n");
        assert_eq!(Line::parse(&text), Some(Line::of(&metrics)));
        for other in [text.replace("0.1", "0.10"), text.replace("0.1", "1e-1"), text.replace(',', ", ")] {
            assert_eq!(Line::parse(&other), None, "{other}");
        }
    }

    #[test]
    fn every_float_is_read_as_it_was_written() {
        for count in 0..200_000u32 {
            let value = f32::from_bits(count.wrapping_mul(0x9e37_79b9));
            let line = Line::of(&Metrics { step: 0, loss: value, grad_norm: -value, learning_rate: 0.0 });
            let read = Line::parse(&line.text()).expect("what was written");
            assert_eq!(read.loss.map(f32::to_bits), value.is_finite().then_some(value.to_bits()));
        }
    }

    #[test]
    fn long_lines_and_bytes_that_are_no_text_are_no_lines() {
        let long = vec![b'x'; 1000];
        assert_eq!(read_line(&mut &long[..]).expect("memory").map(|line| line.len()), Some(256));
        assert_eq!(read_line(&mut &b"\xff\n"[..]).expect("memory"), None);
        assert_eq!(read_line(&mut &b""[..]).expect("memory").as_deref(), Some(""));
    }
}

//! What verification finds, in words.

use crate::failure::{Exit, Failure, split_hint};
use crate::files;
use samebit_commit::Digest;
use samebit_trace::{Folder, TraceError};
use serde::Serialize;
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::Path;

/// What is wrong with a run.
#[derive(Debug, Default, Serialize)]
pub struct Finding {
    /// `receipt`, `file`, `state`, `segment`, `metrics` or `ending`.
    pub kind: &'static str,
    /// The segment in which it is wrong.
    pub segment: Option<u64>,
    /// The file that is wrong.
    pub file: Option<String>,
    /// What is wrong, in words.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The root or digest in the receipt.
    pub claimed: Option<Digest>,
    /// What the bytes or the re-execution give.
    pub computed: Option<Digest>,
}

impl Finding {
    /// A finding without a segment or a digest.
    pub fn new(kind: &'static str, message: impl Display) -> Finding {
        let (message, hint) = split_hint(&message.to_string());
        Finding { kind, message, hint, ..Finding::default() }
    }

    /// A finding about a file of the directory.
    pub fn file(name: &str, message: impl Display) -> Finding {
        Finding { file: Some(name.to_owned()), ..Finding::new("file", message) }
    }

    /// A file with another digest than the receipt says.
    pub fn changed(name: &str, claimed: Digest, computed: Digest) -> Finding {
        Finding::file(name, format!("{name} is not the file that the receipt names"))
            .between(claimed, computed)
    }

    fn in_segment(self, segment: u64) -> Finding {
        let message = format!("segment {segment}: {}", self.message);
        Finding { segment: Some(segment), message, ..self }
    }

    fn between(self, claimed: Digest, computed: Digest) -> Finding {
        Finding { claimed: Some(claimed), computed: Some(computed), ..self }
    }

    /// What to do about it.
    pub fn hint(&self) -> &str {
        self.hint.as_deref().unwrap_or(match self.kind {
            "segment" | "ending" => {
                "the run was not computed as its job says; `samebit pinpoint` finds where, given an honest run"
            }
            "receipt" => "get the receipt again from where it was written",
            "metrics" => "the state follows from the job, but what is told of the way there does not",
            _ => {
                "the directory and its receipt are not of one run, or a file was changed: get them again from where they were written"
            }
        })
    }
}

/// Why a check ends before its end.
pub enum Stop {
    /// Something is wrong with the run.
    Found(Box<Finding>),
    /// The check itself could not be done.
    Failed(Failure),
}

impl From<Finding> for Stop {
    fn from(finding: Finding) -> Stop {
        Stop::Found(Box::new(finding))
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Failed(failure)
    }
}

/// An error of reading the run is something wrong with the run, unless the machine failed.
pub fn stop(folder: &Folder, error: TraceError) -> Stop {
    let name = |path: &Path| path.strip_prefix(folder.path()).unwrap_or(path).to_string_lossy().into_owned();
    let finding = match &error {
        TraceError::Malformed { path, .. } => {
            let kind = if path.ends_with(files::RECEIPT) { "receipt" } else { "file" };
            Finding { kind, ..Finding::file(&name(path), &error) }
        }
        TraceError::File { path, source } if source.kind() == ErrorKind::PermissionDenied => {
            return Failure::file(path, source).into();
        }
        TraceError::File { path, source } if Failure::file(path, source).exit == Exit::Failed => {
            if source.kind() != ErrorKind::UnexpectedEof {
                return Failure::file(path, source).into();
            }
            Finding::file(&name(path), format!("{}, which the receipt names, is short", name(path)))
        }
        TraceError::File { path, source } if source.kind() == ErrorKind::NotFound => {
            Finding::file(&name(path), format!("{}, which the receipt names, is missing", name(path)))
        }
        TraceError::File { path, .. } => Finding::file(&name(path), &error),
        TraceError::Mismatch { what, found, expected } => {
            let file = what.strip_prefix("table ").map(|table| format!("tables/{table}.bin"));
            let message = format!(
                "{what} is not what the receipt says: it was changed, or the receipt is of another job"
            );
            Finding::file(file.as_deref().unwrap_or(what), message).between(*expected, *found)
        }
        TraceError::NoState { .. } => Finding::new("state", &error),
        _ => return Stop::Failed(error.into()),
    };
    finding.into()
}

impl From<samebit_trace::Finding> for Finding {
    fn from(found: samebit_trace::Finding) -> Finding {
        use samebit_trace::Finding as Found;
        match found {
            Found::Segment { index, claimed, computed } => {
                Finding::new("segment", "re-execution ends in another state than the receipt says")
                    .in_segment(index)
                    .between(claimed, computed)
            }
            Found::State { segment: Some(segment), claimed, computed } => {
                Finding::new("state", "the stored state after it is not the receipt's")
                    .in_segment(segment)
                    .between(claimed, computed)
            }
            Found::State { segment: None, claimed, computed } => {
                Finding::new("state", "the stored first state is not the receipt's")
                    .between(claimed, computed)
            }
            Found::Cost { what, claimed, computed } => Finding::new(
                "receipt",
                format!("the receipt's cost says {claimed} {what}, the program's steps take {computed}"),
            ),
            Found::Metrics { segment, step, reason } => {
                let finding = Finding::new("metrics", format!("step {step} in {}: {reason}", files::METRICS));
                Finding { file: Some(files::METRICS.to_owned()), ..finding.in_segment(segment) }
            }
            Found::Ending { segment, reason } => Finding::new("ending", reason).in_segment(segment),
        }
    }
}

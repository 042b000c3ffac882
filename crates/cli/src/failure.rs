//! How a command ends.

use samebit_engine::EngineError;
use samebit_trace::TraceError;
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// It could not be done.
    Failed = 1,
    /// The usage or an input is wrong: nothing was tried.
    Input = 2,
    /// A chain could not be reached.
    Unreachable = 3,
    /// A verification found something wrong.
    Mismatch = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// What a command comes to.
pub type Outcome = Result<Exit, Failure>;

/// Why a command ended early: what was wrong with which value, and where there is one a hint.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure whose text may carry its hint after `hint: `; of several, the first is the one nearest to the cause.
    pub fn new(exit: Exit, text: impl Display) -> Failure {
        let (message, hint) = split_hint(&text.to_string());
        Failure { exit, message, hint }
    }

    /// Bad usage or input.
    pub fn input(text: impl Display) -> Failure {
        Failure::new(Exit::Input, text)
    }

    /// A file that could not be read or written: bad input if whoever named it can mend that, otherwise the machine failed.
    pub fn file(path: &Path, error: &std::io::Error) -> Failure {
        use ErrorKind::*;
        let exit = match error.kind() {
            NotFound | PermissionDenied | ReadOnlyFilesystem | IsADirectory | NotADirectory
            | InvalidInput | InvalidData | InvalidFilename => Exit::Input,
            _ if is_link_loop(error) => Exit::Input,
            _ => Exit::Failed,
        };
        let failure = Failure::new(exit, format!("{}: {error}", path.display()));
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => failure.with_hint(
                "there is no room for the file; what was there before is unchanged. Make room, then go on with `samebit run … --resume`",
            ),
            PermissionDenied | ReadOnlyFilesystem => {
                failure.with_hint("check the permissions of the directory")
            }
            _ => failure,
        }
    }

    /// The failure with a hint, unless it has one.
    pub fn with_hint(mut self, hint: impl Display) -> Failure {
        self.hint.get_or_insert_with(|| hint.to_string());
        self
    }
}

/// The longest message or hint, in characters; what a stranger's file says in it may be of any length.
const MESSAGE_LIMIT: usize = 2_000;

/// A text and the first hint in it.
pub fn split_hint(text: &str) -> (String, Option<String>) {
    let marks = ["\nhint: ", "; hint: "];
    let mut parts = vec![text];
    for mark in marks {
        parts = parts.into_iter().flat_map(|part| part.split(mark)).collect();
    }
    (shortened(parts[0]), parts.get(1).map(|hint| shortened(hint)))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Links that lead to themselves; the library has no stable name for it.
fn is_link_loop(error: &std::io::Error) -> bool {
    #[cfg(unix)]
    let code = Some(rustix::io::Errno::LOOP.raw_os_error());
    #[cfg(not(unix))]
    let code = None;
    code.is_some() && error.raw_os_error() == code
}

impl From<samebit_recipe::Error> for Failure {
    fn from(error: samebit_recipe::Error) -> Failure {
        match &error {
            samebit_recipe::Error::Write { file, source } => Failure::file(file, source),
            samebit_recipe::Error::Read { source, .. } if is_link_loop(source) => Failure::input(error),
            _ => Failure::new(if error.is_bad_input() { Exit::Input } else { Exit::Failed }, error),
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Failure {
        // A schedule that cannot be had is asked for by a flag or by the job.
        let exit = if matches!(error, EngineError::Plan(_)) { Exit::Input } else { Exit::Failed };
        Failure::new(exit, error)
    }
}

impl From<TraceError> for Failure {
    fn from(error: TraceError) -> Failure {
        match error {
            TraceError::File { path, source } => Failure::file(&path, &source),
            TraceError::Engine(error) => error.into(),
            TraceError::FaultRange { .. } | TraceError::Version { .. } | TraceError::NoState { .. } => {
                Failure::input(error)
            }
            TraceError::Malformed { .. } | TraceError::Mismatch { .. } => Failure::new(Exit::Mismatch, error)
                .with_hint("the files of the directory and its receipt are not of one run, or were changed"),
            _ => Failure::new(Exit::Failed, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hint_is_told_and_it_is_the_first() {
        let split = |text| split_hint(text);
        assert_eq!(split("a: b"), ("a: b".to_owned(), None));
        assert_eq!(split("a; hint: b"), ("a".to_owned(), Some("b".to_owned())));
        assert_eq!(split("a; hint: b\nhint: c"), ("a".to_owned(), Some("b".to_owned())));
        assert_eq!(split("a\nhint: b; hint: c"), ("a".to_owned(), Some("b".to_owned())));
        assert_eq!(split(&"é".repeat(70_000)).0.chars().count(), MESSAGE_LIMIT + 1);
    }
}

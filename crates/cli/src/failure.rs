//! How a command ends.

use samebit_engine::EngineError;
use samebit_trace::TraceError;
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

/// The exit codes; 3 (not reachable) belongs to commands that use a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// It could not be done.
    Failed = 1,
    /// The usage or an input is wrong: nothing was tried.
    Input = 2,
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
    /// A failure whose text may carry its hint after `hint: `.
    pub fn new(exit: Exit, text: impl Display) -> Failure {
        let text = text.to_string();
        let split = text.split_once("\nhint: ").or_else(|| text.split_once("; hint: "));
        match split {
            Some((message, hint)) => {
                Failure { exit, message: message.to_owned(), hint: Some(hint.to_owned()) }
            }
            None => Failure { exit, message: text, hint: None },
        }
    }

    /// Bad usage or input.
    pub fn input(text: impl Display) -> Failure {
        Failure::new(Exit::Input, text)
    }

    /// A file that could not be read or written.
    pub fn file(path: &Path, error: &std::io::Error) -> Failure {
        let failure = Failure::new(Exit::Failed, format!("{}: {error}", path.display()));
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => failure.with_hint(
                "there is no room for the file; what was there before is unchanged. Make room, then go on with `samebit run … --resume`",
            ),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
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

impl From<samebit_recipe::Error> for Failure {
    fn from(error: samebit_recipe::Error) -> Failure {
        Failure::new(if error.is_bad_input() { Exit::Input } else { Exit::Failed }, error)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Failure {
        Failure::new(Exit::Failed, error)
    }
}

impl From<TraceError> for Failure {
    fn from(error: TraceError) -> Failure {
        match &error {
            TraceError::File { path, source } => Failure::file(path, source),
            TraceError::FaultRange { .. } | TraceError::Version { .. } => Failure::input(error),
            _ => Failure::new(Exit::Failed, error),
        }
    }
}

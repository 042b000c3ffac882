//! `samebit completions`: a completion script on stdout.

use crate::arguments::{Arguments, Completions};
use crate::failure::{Exit, Outcome};
use clap::CommandFactory;

/// Writes the script.
pub fn completions(arguments: &Completions) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "samebit", &mut script);
    // A reader that went away has what it wanted.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), &script);
    Ok(Exit::Ok)
}

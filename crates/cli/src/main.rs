//! The binary `samebit`: flags, config and people's text over the library crates.
//!
//! One file of `commands` for each verb. A verb does its work through the crates below, tells people and scripts about it through
//! [`screen::Screen`], and ends in an [`failure::Exit`] or a [`failure::Failure`].

mod arguments;
mod commands;
mod failure;
mod files;
mod interrupt;
mod machine;
mod memory;
mod progress;
mod screen;
mod speed;
mod writer;

use arguments::{Arguments, Verb};
use clap::Parser;
use failure::{Exit, Failure, Outcome};
use screen::Screen;
use std::process::ExitCode;

fn main() -> ExitCode {
    interrupt::survive_file_limits();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // There is nobody to tell when the terminal is gone.
            let _ = error.print();
            if !error.use_stderr() {
                return Exit::Ok.into();
            }
            let is_json = std::env::args_os().any(|argument| argument == "--json");
            Screen::new(is_json).error_object(&usage(&error));
            return Exit::Input.into();
        }
    };
    let screen = Screen::new(arguments.global.json);
    match dispatch(&arguments, &screen) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            screen.failure(&failure);
            failure.exit.into()
        }
    }
}

/// A usage error as scripts see it.
fn usage(error: &clap::Error) -> Failure {
    let text = error.to_string();
    Failure::input(text.lines().next().unwrap_or_default().trim_start_matches("error: "))
}

fn dispatch(arguments: &Arguments, screen: &Screen) -> Outcome {
    let global = &arguments.global;
    match &arguments.verb {
        Verb::Run(run) => commands::run::run(run, global, screen),
        Verb::Generate(generate) => commands::generate::generate(generate, global, screen),
        Verb::Verify(verify) => commands::verify::verify(verify, global, screen),
        Verb::Pinpoint(pinpoint) => commands::pinpoint::pinpoint(pinpoint, global, screen),
        Verb::Dispute(dispute) => commands::dispute::dispute(dispute, global, screen),
        Verb::Devnet(devnet) => commands::devnet::devnet(devnet, screen),
        Verb::Drill(drill) => commands::drill::drill(drill, global, screen),
        Verb::Peer(peer) => commands::peer::peer(peer, global, screen),
        Verb::Submit(submit) => commands::submit::submit(submit, global, screen),
        Verb::Jobs(jobs) => commands::jobs::jobs(jobs, screen),
        Verb::Explain(explain) => commands::explain::explain(explain, screen),
        Verb::Demo(demo) => commands::demo::demo(demo, global, screen),
        Verb::Program(program) => commands::program::program(program, screen),
        Verb::Quote(quote) => commands::quote::quote(quote, global, screen),
        Verb::Bench => commands::bench::bench(global, screen),
        Verb::Doctor => commands::doctor::doctor(global, screen),
        Verb::Completions(completions) => commands::completions::completions(completions),
    }
}

//! Ctrl-C: the first one asks to stop at the next step, the second one stops at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of a process that a signal ended.
const KILLED: i32 = 130;

/// Makes a file beyond the process's size limit (`ulimit -f`) an error of the write, not the end of the process: the signal is taken, and
/// nothing is done about it.
pub fn survive_file_limits() {
    #[cfg(unix)]
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default()) {
        eprintln!("warning: a file beyond the limit of `ulimit -f` will end the process: {error}");
    }
}

/// Whether somebody asked to stop.
#[derive(Clone)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens to Ctrl-C and to the signals that ask a process to end.
    pub fn listen() -> Interrupt {
        let asked = Arc::new(AtomicBool::new(false));
        let seen = asked.clone();
        let handler = move || {
            if seen.swap(true, Ordering::SeqCst) {
                std::process::exit(KILLED);
            }
            eprintln!("stopping; once more stops at once");
        };
        if let Err(error) = ctrlc::set_handler(handler) {
            eprintln!("warning: Ctrl-C will stop at once: {error}");
        }
        Interrupt(asked)
    }

    /// Whether to stop.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

//! Ctrl-C: the first one asks to stop at the next step, the second one stops at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of a process that a signal ended.
const KILLED: i32 = 130;

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
            eprintln!("stopping after this step; once more stops at once");
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

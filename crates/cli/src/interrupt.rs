//! Ctrl-C: the first one asks to stop at the next step, the second one stops at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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

/// How often somebody asked to stop.
#[derive(Clone)]
pub struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// Listens to Ctrl-C and to the signals that ask a process to end: the second one ends it at once.
    pub fn listen() -> Interrupt {
        Interrupt::listen_until(2, "stopping; once more stops at once")
    }

    /// Listens; the first time `says` is told, and the time with this number ends the process at once.
    pub fn listen_until(last: usize, says: &'static str) -> Interrupt {
        let asked = Arc::new(AtomicUsize::new(0));
        let seen = asked.clone();
        let handler = move || {
            let times = seen.fetch_add(1, Ordering::SeqCst) + 1;
            if times >= last {
                std::process::exit(KILLED);
            }
            if times == 1 {
                eprintln!("{says}");
            }
        };
        if let Err(error) = ctrlc::set_handler(handler) {
            eprintln!("warning: Ctrl-C will stop at once: {error}");
        }
        Interrupt(asked)
    }

    /// Whether to stop.
    pub fn is_asked(&self) -> bool {
        self.times() > 0
    }

    /// How often somebody asked.
    pub fn times(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

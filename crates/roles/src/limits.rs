//! Limits of the roles.

use samebit_dispute::Seconds;

/// How long a message may stay unseen on the chain before it is sent again, and a failed task rest; twice as long after each attempt.
pub const RETRY: Seconds = Seconds(30);
/// The longest pause between two attempts.
pub const LONGEST_PAUSE: Seconds = Seconds(480);
/// How long an older claim waits for a younger one to start their game.
pub const PATIENCE: Seconds = Seconds(10);
/// Games that one disputant plays at once; further claims wait.
pub const GAMES: usize = 256;
/// Tasks under way at once: more of them would only keep a later and more urgent one waiting.
pub const TASKS: usize = 1;
/// Messages under way at once for which no clock runs: no more of them may be before one that is urgent.
pub const UNHURRIED: usize = 16;
/// Tensors of a story that are kept: games about several outputs take turns.
pub const TENSORS_KEPT: usize = 4;
/// Elements of a story that are kept.
pub const ELEMENTS_KEPT: usize = 16;

/// Blocks at the chain's end that may be replaced by others.
pub const UNFINAL: usize = 64;
/// Seconds after which a message that has no effect is sent again, and twice as long after each later time: often enough that of the shortest time to
/// answer no honest peer loses all of it to a link that loses a tenth.
pub const RESEND: u64 = 60;
/// Seconds after which a fetch is tried with the next provider; at once where the last one says that it has nothing.
pub const REFETCH: u64 = 30;
/// How often the rest of a task that fails is doubled.
pub const DOUBLINGS: u32 = 4;
/// Seconds by which each role waits longer than the one before it, where anybody may say something.
pub const STAGGER: u64 = 48;
/// Seconds for which a solver's ask stands.
pub const ASK_LIFE: u64 = 600;
/// Seconds that an ask must still stand to be accepted: a transaction takes a while.
pub const ASK_MARGIN: u64 = 120;
/// Seconds between two asks of one solver for one job.
pub const ASK_PERIOD: u64 = 240;
/// Asks and words of custodians that are remembered.
pub const NOTICES: usize = 1024;
/// Seconds for which what belongs to a job is kept after its end: its poster may have been away for a while.
pub const RETENTION: u64 = 7 * 86_400;
/// Seconds between two looks for what is kept for nothing.
pub const SWEEP: u64 = 3_600;
/// Segments of a job that a solver asks for: it has a secret for each, over which it makes a tree whenever it opens one.
pub const SEGMENTS: u64 = 1 << 13;
/// Segments that a solver runs ahead of its claims.
pub const AHEAD: u64 = 64;

//! Limits of the roles.

use samebit_dispute::Seconds;

/// How long a message may stay unseen on the chain before it is sent again.
pub const RETRY: Seconds = Seconds(30);
/// How often a message is sent before it is given up.
pub const ATTEMPTS: u32 = 5;
/// How long an older claim waits for a younger one to start their game.
pub const PATIENCE: Seconds = Seconds(10);
/// Games that one disputant plays at once; further claims wait.
pub const GAMES: usize = 256;

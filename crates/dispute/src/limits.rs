//! Limits of a dispute (dispute.md §9), equal in the contract.

/// Moves of a game.
pub const MOVES: u32 = 64;
/// Levels of a tree that one show opens.
pub const DEPTH: u32 = 6;
/// Steps of a question.
pub const STEPS: u64 = 1 << 32;
/// Nodes of a program.
pub const NODES: u64 = 1 << 16;
/// Entries of a state.
pub const STATES: u64 = 1 << 12;
/// Tables of a job.
pub const TABLES: u64 = 256;
/// The greatest bond.
pub const BOND: u128 = 1 << 96;
/// The longest entry, clock and extension.
pub const SECONDS: u64 = 1 << 32;
/// Bytes of a witness.
pub const WITNESS_BYTES: usize = 65_536;
/// Lanes of a sum's or maximum's block.
pub const LANES: usize = 16;
/// Kept operands that one judgement uses.
pub const SLOTS: usize = 16;

//! The streams of random numbers that a job uses (docs/spec/recipe.md §1).
//!
//! A draw is named by (seed, stream, step, element). Streams are dealt out here, once, so that no two uses share a draw.

/// Streams below this belong to dropout masks, numbered by the model's builder.
pub const DROPOUT_STREAMS_END: u32 = 0x8000_0000;
/// Stream of the first weight tensor drawn; tensor i uses this plus i.
pub const WEIGHT_STREAM: u32 = 0x8000_0000;
/// Stream of the order of rows; the step is the epoch and the element the place that is filled.
pub const ORDER_STREAM: u32 = 0xc000_0000;
/// Stream of the draws of text generation.
pub const GENERATION_STREAM: u32 = 0xc000_0001;
/// The segments that a verification re-executes: (seed, stream, 0, segment).
pub const SAMPLE_STREAM: u32 = 0xc000_0002;

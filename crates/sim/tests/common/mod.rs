//! The job of the simulations: a GPT of a few words.

use samebit_graph::fixtures::{Dims, gpt};
use samebit_sim::World;
use samebit_trace::Job;

/// Steps of the job.
const STEPS: u64 = 7;
/// Steps of a segment.
const SEGMENT_STEPS: u64 = 2;

/// The world in which it is run.
pub fn world() -> World {
    let dims = Dims {
        sequences: 1,
        time: 3,
        heads: 1,
        key_heads: 1,
        head_size: 4,
        layers: 1,
        vocabulary: 7,
        hidden: 6,
        steps: STEPS,
        ..Dims::default()
    };
    let (program, states, tables) = gpt(dims);
    let job = Job::new(program, tables, &states, STEPS, SEGMENT_STEPS);
    World::new(job, states)
}

//! What a job shows to the contracts, and the question of a segment: what is asked, and what proves that it belongs to its job.

use samebit_commit::Digest;
use samebit_dispute::{Amount, Header, Owner, Question, Seconds};
use samebit_graph::canonical::PROGRAM_VERSION;
use samebit_market::SpecOpening;
use samebit_trace::Job;

/// On which terms a segment is argued about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What each claim pays in.
    pub bond: Amount,
    /// How long claims may enter.
    pub entry: Seconds,
    /// The clock of each side of a game.
    pub clock: Seconds,
    /// What a side that passes the turn on has at least.
    pub extension: Seconds,
}

/// What the poster of a job shows of it.
pub fn opening(job: &Job) -> SpecOpening {
    let (program, spec) = (&job.program, &job.spec);
    SpecOpening {
        version: PROGRAM_VERSION,
        loss: program.loss,
        grad_norm: program.grad_norm,
        states: program.state_tree().root(),
        table_declarations: program.table_tree().root(),
        nodes: program.node_tree().root(),
        sinks: program.sink_tree().root(),
        initial: spec.initial_state,
        tables: spec.table_tree().root(),
        steps: spec.steps,
        segment_steps: spec.segment_steps,
        profile: spec.profile.clone(),
    }
}

/// The question of segment `index` of a job that begins in the state `start`, which anybody may open, with what a chain checks it by.
///
/// # Panics
/// If the job has no such segment.
pub fn question(job: &Job, index: u64, start: Digest, terms: Terms) -> (Question, Header) {
    assert!(index < job.segment_count(), "segment {index} of {}", job.segment_count());
    let (program, spec) = (&job.program, &job.spec);
    let (nodes, states, sinks) = (program.node_tree(), program.state_tree(), program.sink_tree());
    let tables = spec.table_tree();
    let steps = job.segment(index);
    let question = Question {
        job: spec.digest(),
        nodes: nodes.root(),
        states: states.root(),
        sinks: sinks.root(),
        tables: tables.root(),
        start,
        node_count: nodes.count(),
        state_count: states.count(),
        table_count: tables.count(),
        loss: program.loss,
        first_step: steps.start,
        step_count: steps.end - steps.start,
        bond: terms.bond,
        entry_seconds: terms.entry,
        clock_seconds: terms.clock,
        extension_seconds: terms.extension,
        asker: Owner::default(),
        nonce: Digest::ZERO,
    };
    let header = Header {
        version: PROGRAM_VERSION,
        table_declarations: program.table_tree().root(),
        grad_norm: program.grad_norm,
        initial: spec.initial_state,
        steps: spec.steps,
        segment_steps: spec.segment_steps,
        profile: spec.profile.clone(),
        nodes_top: nodes.top(),
        states_top: states.top(),
        sinks_top: sinks.top(),
        tables_top: tables.top(),
    };
    (question, header)
}

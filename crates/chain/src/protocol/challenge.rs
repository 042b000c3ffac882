//! Challenges: a message to Market that asks Dispute. What it asks is told by Dispute; the call has of the question what Market does not know.

use super::field::Field;
use super::wire::{self, Calls, Reads};
use samebit_commit::Digest;
use samebit_dispute::{Header, Question};
use samebit_market::{AttemptId, BatchId, JobId, Leaf, MarketMessage, SegmentId};

impl Calls::challengeCall {
    /// The call of a challenge; nothing if the message is none.
    pub fn new(
        message: &MarketMessage,
        question: &Question,
        header: &Header,
    ) -> Option<Calls::challengeCall> {
        let MarketMessage::Challenge {
            job,
            attempt,
            batch,
            segment,
            interior,
            leaf,
            siblings,
            before,
            before_siblings,
        } = message
        else {
            return None;
        };
        Some(Calls::challengeCall {
            job: job.given(),
            attempt: attempt.0,
            batch: batch.0,
            segment: segment.0,
            interior: *interior,
            leaf: leaf.given(),
            siblings: siblings.given(),
            before: before.given(),
            before_siblings: before_siblings.given(),
            program: question.into(),
            header: header.into(),
        })
    }
}

impl Reads::challengeCall {
    /// The message, without its question.
    pub fn message(self) -> MarketMessage {
        let leaf = |leaf: wire::Leaf| Leaf { state: Digest(leaf.state.0), seal: Digest(leaf.seal.0) };
        let digests =
            |words: Vec<alloy::primitives::B256>| words.into_iter().map(|word| Digest(word.0)).collect();
        MarketMessage::Challenge {
            job: JobId(Digest(self.job.0)),
            attempt: AttemptId(self.attempt),
            batch: BatchId(self.batch),
            segment: SegmentId(self.segment),
            interior: self.interior,
            leaf: leaf(self.leaf),
            siblings: digests(self.siblings),
            before: leaf(self.before),
            before_siblings: digests(self.before_siblings),
        }
    }
}

impl From<&Question> for wire::Program {
    fn from(question: &Question) -> wire::Program {
        wire::Program {
            nodes: question.nodes.given(),
            states: question.states.given(),
            sinks: question.sinks.given(),
            tables: question.tables.given(),
            node_count: question.node_count,
            state_count: question.state_count,
            table_count: question.table_count,
        }
    }
}

impl From<&Header> for wire::JobHeader {
    fn from(header: &Header) -> wire::JobHeader {
        wire::JobHeader {
            version: header.version,
            table_declarations: header.table_declarations.given(),
            grad_norm: header.grad_norm,
            initial: header.initial.given(),
            steps: header.steps,
            segment_steps: header.segment_steps,
            profile: header.profile.clone(),
            nodes_top: header.nodes_top.given(),
            states_top: header.states_top.given(),
            sinks_top: header.sinks_top.given(),
            tables_top: header.tables_top.given(),
        }
    }
}

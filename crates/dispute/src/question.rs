//! What is asked: the right end of a segment, given its start (dispute.md §1).

use crate::ids::{Amount, Owner, QuestionId, Seconds};
use crate::limits;
use crate::refusal::{Mismatch, Refusal};
use crate::words::Words;
use samebit_commit::{Digest, Encoder, Tag, hash, merkle::list_root};

/// A question: what is computed, from which state, and on which terms it is argued.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// The Spec's digest.
    pub job: Digest,
    /// List root of the program's nodes.
    pub nodes: Digest,
    /// List root of the program's declarations of states.
    pub states: Digest,
    /// List root of the program's sinks.
    pub sinks: Digest,
    /// List root of the tables' roots.
    pub tables: Digest,
    /// State root before the segment.
    pub start: Digest,
    /// Nodes of the program.
    pub node_count: u64,
    /// Entries of a state.
    pub state_count: u64,
    /// Tables.
    pub table_count: u64,
    /// The node whose only element is the loss.
    pub loss: u32,
    /// The number of the segment's first step in the job.
    pub first_step: u64,
    /// Steps of the segment.
    pub step_count: u64,
    /// What each claim pays in.
    pub bond: Amount,
    /// How long claims may enter.
    pub entry_seconds: Seconds,
    /// The clock of each side of a game.
    pub clock_seconds: Seconds,
    /// What a side that passes the turn on has at least.
    pub extension_seconds: Seconds,
    /// Who alone may open the question; nobody in particular if it is the zero address.
    pub asker: Owner,
    /// Tells an asker's questions apart that are alike otherwise.
    pub nonce: Digest,
}

impl Question {
    /// The question's name.
    pub fn id(&self) -> QuestionId {
        let mut words = Words::default();
        for digest in [self.job, self.nodes, self.states, self.sinks, self.tables, self.start] {
            words.digest(digest);
        }
        for count in [self.node_count, self.state_count, self.table_count] {
            words.number(count);
        }
        words.number(self.loss);
        words.number(self.first_step);
        words.number(self.step_count);
        words.number(self.bond.0);
        for seconds in [self.entry_seconds, self.clock_seconds, self.extension_seconds] {
            words.number(seconds.0);
        }
        words.owner(self.asker);
        words.digest(self.nonce);
        QuestionId(words.hash(Tag::Question))
    }

    /// Refuses who may not open the question.
    pub(crate) fn check_asker(&self, sender: Owner) -> Result<(), Refusal> {
        let asker = self.asker;
        if asker == Owner::default() || asker == sender {
            Ok(())
        } else {
            Err(Refusal::NotAsker { sender, asker })
        }
    }

    /// Checks the question against the header of its job, and the limits.
    pub(crate) fn check(&self, header: &Header) -> Result<(), Refusal> {
        self.check_limits()?;
        let root = |what, count, top, expected| {
            let found = list_root(count, top);
            same(what, found, expected)
        };
        root("nodes", self.node_count, header.nodes_top, self.nodes)?;
        root("states", self.state_count, header.states_top, self.states)?;
        root("sinks", self.state_count, header.sinks_top, self.sinks)?;
        root("tables", self.table_count, header.tables_top, self.tables)?;
        same("job", header.job(self), self.job)?;
        if header.segment_steps == 0
            || !self.first_step.is_multiple_of(header.segment_steps)
            || self.first_step >= header.steps
            || self.step_count != header.segment_steps.min(header.steps - self.first_step)
        {
            return Err(Refusal::Segment { first: self.first_step, count: self.step_count });
        }
        if self.first_step == 0 { same("start", self.start, header.initial) } else { Ok(()) }
    }

    fn check_limits(&self) -> Result<(), Refusal> {
        let at_most = |what, found: u128, limit: u128| {
            if found <= limit { Ok(()) } else { Err(Refusal::OverLimit { what, found, limit }) }
        };
        at_most("bond", self.bond.0, limits::BOND)?;
        at_most("entry seconds", self.entry_seconds.0.into(), limits::SECONDS.into())?;
        at_most("clock seconds", self.clock_seconds.0.into(), limits::SECONDS.into())?;
        at_most("extension seconds", self.extension_seconds.0.into(), limits::SECONDS.into())?;
        at_most("steps", self.step_count.into(), limits::STEPS.into())?;
        at_most("nodes", self.node_count.into(), limits::NODES.into())?;
        at_most("states", self.state_count.into(), limits::STATES.into())?;
        at_most("tables", self.table_count.into(), limits::TABLES.into())?;
        let present = |what, found: u64| if found > 0 { Ok(()) } else { Err(Refusal::Nothing { what }) };
        present("clock seconds", self.clock_seconds.0)?;
        present("steps", self.step_count)?;
        present("nodes", self.node_count)?;
        present("states", self.state_count)?;
        at_most("loss", self.loss.into(), u128::from(self.node_count) - 1)
    }
}

fn same(what: &'static str, found: Digest, expected: Digest) -> Result<(), Refusal> {
    if found == expected { Ok(()) } else { Err(Mismatch { what, found, expected }.into()) }
}

/// What a question's job and counts are checked by: the rest of the Spec and of the program's header, and the tops of its lists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Header {
    /// The program's version.
    pub version: u32,
    /// List root of the declarations of tables.
    pub table_declarations: Digest,
    /// The node whose only element is the norm of the gradient.
    pub grad_norm: u32,
    /// State root before the job's first step.
    pub initial: Digest,
    /// Steps of the job.
    pub steps: u64,
    /// Steps of a segment; the last one may be shorter.
    pub segment_steps: u64,
    /// The job's numerics.
    pub profile: String,
    /// Top of the tree over the nodes.
    pub nodes_top: Digest,
    /// Top of the tree over the declarations of states.
    pub states_top: Digest,
    /// Top of the tree over the sinks.
    pub sinks_top: Digest,
    /// Top of the tree over the tables' roots.
    pub tables_top: Digest,
}

impl Header {
    /// The digest of the Spec of `question` with this header (commitment.md §1, §5).
    pub fn job(&self, question: &Question) -> Digest {
        let version = self.version.to_be_bytes();
        let (loss, grad_norm) = (question.loss.to_be_bytes(), self.grad_norm.to_be_bytes());
        let lists = [question.states, self.table_declarations, question.nodes, question.sinks];
        let [states, tables, nodes, sinks] = lists.each_ref().map(Digest::as_ref);
        let program = hash(Tag::Program, &[&version, states, tables, nodes, sinks, &loss, &grad_norm]);
        let mut spec = Encoder::new();
        [program, self.initial, question.tables].iter().for_each(|digest| spec.raw(digest.as_ref()));
        spec.u64(self.steps);
        spec.u64(self.segment_steps);
        let profile = self.profile.as_bytes();
        // A profile that is too long for the encoding or not ASCII names no job.
        let length = u16::try_from(profile.len()).ok().filter(|_| profile.is_ascii());
        let Some(length) = length else { return Digest::ZERO };
        spec.u16(length);
        spec.raw(profile);
        hash(Tag::Spec, &[spec.as_bytes()])
    }
}

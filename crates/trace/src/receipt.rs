//! The record of a run that anybody can check offline.

use crate::{Job, TraceError};
use samebit_commit::{Digest, steps};
use samebit_graph::Program;
use samebit_graph::limits::STEP_LIMIT;
use samebit_num::fold::Numerics;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The receipt's format.
pub const SCHEMA: u32 = 2;

/// What a run computed, step by step of its segments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The format's number.
    pub schema: u32,
    /// Digest of the Spec: the job's name.
    pub job: Digest,
    /// Digest of the program.
    pub program: Digest,
    /// The arithmetic of the products.
    pub profile: String,
    /// The version that ran the job, or saved what others have run.
    pub engine_version: String,
    /// Where it was posted; nothing for a run on one machine.
    pub posted: Option<Posted>,
    /// Root of the state before step 0.
    pub initial_state: Digest,
    /// Root of the tokens.
    pub data: Digest,
    /// Roots of all tables, by name.
    pub tables: BTreeMap<String, Digest>,
    /// Steps asked for.
    pub steps: u64,
    /// Steps in a segment.
    pub segment_steps: u64,
    /// The segments that were run, in order.
    pub segments: Vec<SegmentRecord>,
    /// How the run ended.
    pub ending: Ending,
    /// Root of the last state.
    pub final_state: Digest,
    /// Root of the list of the segments' states: the run's name.
    pub run: Digest,
    /// What it took.
    pub cost: Cost,
    /// Signatures; none for a local run.
    pub signatures: Vec<String>,
    /// Digest of the weights file's bytes.
    pub weights: Option<Digest>,
    /// Digests of the folder's other files, by name: what describes the model, the data and the way of the run.
    pub files: BTreeMap<String, Digest>,
    /// Digest of everything above.
    pub digest: Digest,
}

/// Where others were asked to run a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Posted {
    /// The version in which peers spoke with each other.
    pub protocol: u16,
    /// The chain.
    pub chain_id: u64,
    /// Market's address: 0x and 40 hexadecimal digits.
    pub market: String,
    /// The job's id there, which covers its terms and its poster, too.
    pub job: Digest,
}

/// The schema of a receipt that this version cannot read, if it says one.
fn foreign_schema(bytes: &[u8]) -> Option<u64> {
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    value.get("schema")?.as_u64().filter(|schema| *schema != u64::from(SCHEMA))
}

/// A segment of a receipt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentRecord {
    /// From 0.
    pub index: u64,
    /// First step, and the step after the last.
    pub steps: [u64; 2],
    /// Root of the state after it.
    pub state_root: Digest,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Not yet.
    Running,
    /// All steps were run.
    Finished,
    /// This step made a loss that is not finite.
    DivergedAt(u64),
}

/// What a run took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Floating-point operations of all steps run.
    pub flops: u64,
    /// Bytes that nodes read and wrote.
    pub bytes: u64,
    /// What is paid for: a million operations or bytes, whichever costs more.
    pub work_units: u64,
    /// Time; not part of what can be checked.
    pub seconds: f64,
}

impl Cost {
    /// Operations or bytes of a work unit.
    const WORK_UNIT: u64 = 1_000_000;

    /// What one step of a program takes; no seconds.
    pub fn of_step(program: &Program) -> Cost {
        let cost = program.cost();
        let bytes = cost.bytes_read.saturating_add(cost.bytes_written);
        let work_units = cost.flops.max(bytes).div_ceil(Cost::WORK_UNIT);
        Cost { flops: cost.flops, bytes, work_units, seconds: 0.0 }
    }

    /// What so many steps of this cost take; no seconds.
    pub fn times(&self, steps: u64) -> Cost {
        Cost {
            flops: self.flops.saturating_mul(steps),
            bytes: self.bytes.saturating_mul(steps),
            work_units: self.work_units.saturating_mul(steps),
            seconds: 0.0,
        }
    }
}

/// How a folder was made; `pinpoint` replays each side as its record says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunRecord {
    /// The format's number.
    pub schema: u32,
    /// The backend's name.
    pub backend: String,
    /// Threads.
    pub threads: usize,
    /// Micro-batches of a step.
    pub micro_batches: u64,
    /// Version of the program that ran it.
    pub engine_version: String,
    /// Faults injected, as they were written on the command line.
    pub faults: Vec<String>,
}

impl Receipt {
    /// The receipt of a run that has not started.
    pub fn new(job: &Job, engine_version: &str) -> Receipt {
        let named = job.program.tables.iter().zip(&job.spec.tables);
        let tables: BTreeMap<String, Digest> =
            named.map(|(table, root)| (table.name.clone(), *root)).collect();
        let mut receipt = Receipt {
            schema: SCHEMA,
            job: job.spec.digest(),
            program: job.spec.program,
            profile: job.spec.profile.clone(),
            engine_version: engine_version.to_owned(),
            posted: None,
            initial_state: job.spec.initial_state,
            data: tables.get(crate::job::table::TOKENS).copied().unwrap_or(Digest::ZERO),
            tables,
            steps: job.spec.steps,
            segment_steps: job.spec.segment_steps,
            segments: Vec::new(),
            ending: Ending::Running,
            final_state: job.spec.initial_state,
            run: Digest::ZERO,
            cost: Cost::default(),
            signatures: Vec::new(),
            weights: None,
            files: BTreeMap::new(),
            digest: Digest::ZERO,
        };
        receipt.seal();
        receipt
    }

    /// Adds a segment that ends before step `end` in a state of this root.
    pub fn add_segment(&mut self, end: u64, state_root: Digest) {
        let start = self.segments.last().map_or(0, |last| last.steps[1]);
        self.segments.push(SegmentRecord {
            index: self.segments.len() as u64,
            steps: [start, end],
            state_root,
        });
        self.final_state = state_root;
    }

    /// Steps that were run.
    pub fn steps_run(&self) -> u64 {
        self.segments.last().map_or(0, |last| last.steps[1])
    }

    /// The roots of the segments' states.
    pub fn state_roots(&self) -> Vec<Digest> {
        self.segments.iter().map(|segment| segment.state_root).collect()
    }

    /// Recomputes what follows from the rest.
    pub fn seal(&mut self) {
        self.run = steps::run_root(&self.state_roots());
        self.digest = self.own_digest();
    }

    fn own_digest(&self) -> Digest {
        let blank = Receipt { digest: Digest::ZERO, ..self.clone() };
        samebit_commit::hash(samebit_commit::Tag::Receipt, &[&blank.to_bytes()])
    }

    /// The file's bytes; the one form in which a receipt is accepted.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes =
            serde_json::to_vec_pretty(self).expect("a receipt has no map with keys that are not strings");
        bytes.push(b'\n');
        bytes
    }

    /// Reads a receipt, which must be in the form in which it was written, with its own digest right.
    ///
    /// # Errors
    /// [`TraceError::Malformed`] naming what is wrong, [`TraceError::Version`] for another version's receipt.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Receipt, TraceError> {
        let receipt: Receipt =
            serde_json::from_slice(bytes).map_err(|error| match foreign_schema(bytes) {
                Some(found) => TraceError::Version { path: path.to_owned(), found, known: SCHEMA },
                None => TraceError::malformed(path, format!("not a receipt: {error}")),
            })?;
        let wrong = if receipt.own_digest() != receipt.digest || receipt.to_bytes() != bytes {
            Some("the receipt was changed after it was written".to_owned())
        } else if receipt.schema != SCHEMA {
            let found = u64::from(receipt.schema);
            return Err(TraceError::Version { path: path.to_owned(), found, known: SCHEMA });
        } else if receipt.run != steps::run_root(&receipt.state_roots()) {
            Some("the receipt's run root does not follow from its segments".to_owned())
        } else {
            receipt.absurdity().or_else(|| receipt.disorder())
        };
        wrong.map_or(Ok(receipt), |reason| Err(TraceError::malformed(path, reason)))
    }

    /// What no job that this version runs can say.
    fn absurdity(&self) -> Option<String> {
        if self.steps == 0 || self.steps > STEP_LIMIT || self.segment_steps == 0 {
            return Some(format!("{} steps in segments of {} are no job's", self.steps, self.segment_steps));
        }
        if !self.profile.split('+').all(|name| Numerics::ALL.iter().any(|known| known.name() == name)) {
            let known = Numerics::ALL.map(Numerics::name).join(", ");
            return Some(format!("profile {:?}; hint: this version knows {known}", self.profile));
        }
        let tokens = self.tables.get(crate::job::table::TOKENS).copied().unwrap_or(Digest::ZERO);
        (self.data != tokens).then(|| "the receipt's data is not its table of tokens".to_owned())
    }

    /// What is wrong with the segments: each has the job's steps, only a divergence may cut the last one short.
    fn disorder(&self) -> Option<String> {
        let mut end = 0;
        for (index, segment) in self.segments.iter().enumerate() {
            let [start, stop] = segment.steps;
            let whole = start.saturating_add(self.segment_steps).min(self.steps);
            let is_last = index + 1 == self.segments.len();
            let is_cut = is_last
                && matches!(self.ending, Ending::DivergedAt(step) if step.checked_add(1) == Some(stop));
            let is_right = stop == whole || (is_cut && stop < whole);
            if segment.index != index as u64 || start != end || stop <= start || !is_right {
                return Some(format!("segment {index} of the receipt is out of order"));
            }
            end = stop;
        }
        if let Ending::DivergedAt(step) = self.ending
            && step.checked_add(1) != Some(end)
        {
            return Some(format!(
                "the receipt calls the run diverged at step {step}, but it ends before step {end}"
            ));
        }
        if self.ending == Ending::Finished && end != self.steps {
            return Some(format!("the receipt calls the run finished after step {end} of {}", self.steps));
        }
        let last = self.segments.last().map_or(self.initial_state, |segment| segment.state_root);
        (last != self.final_state).then(|| "the receipt's final state is not its last segment's".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use samebit_graph::fixtures::{Dims, gpt};

    fn receipt() -> Receipt {
        let (program, states, tables) = gpt(Dims { steps: 5, layers: 1, ..Dims::default() });
        Receipt::new(&Job::new(program, tables, &states, 5, 2), "test")
    }

    fn reread(receipt: &mut Receipt) -> Result<Receipt, TraceError> {
        receipt.seal();
        Receipt::from_bytes(Path::new("receipt.json"), &receipt.to_bytes())
    }

    #[test]
    fn any_time_survives_the_file() {
        let mut receipt = receipt();
        for count in 1..2000 {
            receipt.cost.seconds = f64::from(count).sqrt() * 0.01;
            assert_eq!(reread(&mut receipt).expect("what was written"), receipt);
        }
    }

    #[test]
    fn another_versions_receipt_is_told_from_a_changed_one() {
        let mut foreign = receipt();
        foreign.schema = SCHEMA + 1;
        let version = reread(&mut foreign);
        assert!(matches!(version, Err(TraceError::Version { found, .. }) if found == u64::from(SCHEMA) + 1));
        let text = r#"{"schema": 7, "other": "fields"}"#;
        let read = Receipt::from_bytes(Path::new("receipt.json"), text.as_bytes());
        assert!(matches!(read, Err(TraceError::Version { found: 7, .. })));
    }

    #[test]
    fn segments_have_the_jobs_steps_unless_the_run_diverged() {
        let ends = |ends: &[u64], ending: Ending| {
            let mut receipt = receipt();
            ends.iter().for_each(|end| receipt.add_segment(*end, Digest([*end as u8; 32])));
            receipt.ending = ending;
            reread(&mut receipt).is_ok()
        };
        assert!(ends(&[2, 4, 5], Ending::Finished));
        assert!(ends(&[2, 4], Ending::Running));
        assert!(ends(&[2, 3], Ending::DivergedAt(2)));
        assert!(!ends(&[2, 4], Ending::Finished), "too few steps");
        assert!(!ends(&[4, 5], Ending::Finished), "a long segment");
        assert!(!ends(&[2, 3], Ending::Running), "a short segment");
        assert!(!ends(&[2, 3], Ending::DivergedAt(1)), "it ends after another step");
    }
}

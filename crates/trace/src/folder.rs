//! A run's folder: self-contained, written so that a crash at any instruction leaves what was there before or what was to be there.
//!
//! ```text
//! DIR/program.bin              canonical bytes (docs/spec/program.md §5)
//!     tables/NAME.bin          words of a table, little-endian
//!     states/STEP.bin          words of all states before step STEP, in the program's order, little-endian
//!     metrics.jsonl            a line a step
//!     run.json  receipt.json   how it was run; what was computed
//! ```

use crate::receipt::{Receipt, RunRecord};
use crate::words::{check_words, open_words, read_words, write_atomically, write_words};
use crate::{Job, Runner, TraceError, regular, statefile};
use samebit_commit::{Canonical, DType, tensor};
use samebit_graph::{Program, Spec};
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which states stay on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Every segment's.
    All,
    /// The first and the last.
    Last,
}

/// The largest receipt, in bytes: a segment takes about 200.
pub const RECEIPT_BYTES_LIMIT: u64 = 1 << 30;
/// The largest run.json, in bytes.
pub const RECORD_BYTES_LIMIT: u64 = 1 << 20;
/// The largest program, in bytes: its nodes take a few hundred each.
pub const PROGRAM_BYTES_LIMIT: u64 = 1 << 26;

/// A run's folder.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at a path; nothing is touched.
    pub fn at(path: impl Into<PathBuf>) -> Folder {
        Folder { path: path.into() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn state_path(&self, step: u64) -> PathBuf {
        self.path.join("states").join(format!("{step:08}.bin"))
    }

    /// Writes a new job's program, tables, first state and empty receipt.
    ///
    /// # Errors
    /// A file that cannot be written; what was written is complete or absent.
    pub fn create(
        &self,
        job: &Job,
        states: &[Vec<u32>],
        record: &RunRecord,
        receipt: &Receipt,
    ) -> Result<(), TraceError> {
        for folder in ["states", "tables"] {
            let path = self.path.join(folder);
            fs::create_dir_all(&path).map_err(TraceError::file(path))?;
        }
        write_atomically(&self.file("program.bin"), |file| file.write_all(&job.program.to_bytes()))?;
        for (table, words) in job.program.tables.iter().zip(job.tables.iter()) {
            write_atomically(&self.table_path(&table.name), |file| write_words(file, words))?;
        }
        statefile::write_given(&self.state_path(0), &[], states)?;
        self.write_json("run.json", record)?;
        self.write_receipt(receipt)
    }

    fn table_path(&self, name: &str) -> PathBuf {
        self.path.join("tables").join(format!("{name}.bin"))
    }

    /// Writes the runner's state, which is the one before `step`, straight from where it is.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_state(&self, step: u64, runner: &Runner) -> Result<(), TraceError> {
        statefile::write(&self.state_path(step), &[], runner)
    }

    /// Writes the state before `step` that is given by its words.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_given_state(&self, step: u64, states: &[Vec<u32>]) -> Result<(), TraceError> {
        statefile::write_given(&self.state_path(step), &[], states)
    }

    /// Removes every state but the first one and the one before `step`.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn keep_only(&self, step: u64) -> Result<(), TraceError> {
        let others = self.stored_states().into_iter().filter(|at| ![0, step].contains(at));
        others
            .map(|at| self.state_path(at))
            .try_for_each(|path| fs::remove_file(&path).map_err(TraceError::file(path)))
    }

    /// The steps before which a state is stored, in no order.
    fn stored_states(&self) -> Vec<u64> {
        let Ok(names) = fs::read_dir(self.path.join("states")) else { return Vec::new() };
        let step = |entry: fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".bin")?.parse().ok();
        names.filter_map(|entry| step(entry.ok()?)).collect()
    }

    /// The latest stored state that is not after `step`.
    pub fn stored_state(&self, step: u64) -> Option<u64> {
        self.stored_states().into_iter().filter(|at| *at <= step).max()
    }

    /// Reads a state, tensor by tensor.
    ///
    /// # Errors
    /// A missing, short or long file.
    pub fn read_state(
        &self,
        step: u64,
        program: &Program,
        each: impl FnMut(usize, Vec<u32>) -> Result<(), TraceError>,
    ) -> Result<(), TraceError> {
        let tensors: Vec<(DType, u64)> =
            program.states.iter().map(|state| (state.dtype, state.len())).collect();
        match statefile::read(&self.state_path(step), 0, &tensors, each) {
            Err(TraceError::File { source, .. }) if source.kind() == ErrorKind::NotFound => {
                Err(TraceError::NoState { step })
            }
            read => read,
        }
    }

    /// Reads a state into a runner.
    ///
    /// # Errors
    /// As [`Folder::read_state`].
    pub fn load_state(&self, step: u64, runner: &mut Runner) -> Result<(), TraceError> {
        let program = runner.job().program.clone();
        self.read_state(step, &program, |index, words| runner.write_state(index, &words))
    }

    /// Writes the receipt.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_receipt(&self, receipt: &Receipt) -> Result<(), TraceError> {
        write_atomically(&self.file("receipt.json"), |file| file.write_all(&receipt.to_bytes()))
    }

    /// Reads the receipt.
    ///
    /// # Errors
    /// A missing or malformed file.
    pub fn receipt(&self) -> Result<Receipt, TraceError> {
        let path = self.file("receipt.json");
        Receipt::from_bytes(&path, &regular::read(&path, RECEIPT_BYTES_LIMIT)?)
    }

    /// Reads how the folder was made.
    ///
    /// # Errors
    /// A missing or malformed file.
    pub fn record(&self) -> Result<RunRecord, TraceError> {
        let path = self.file("run.json");
        let bytes = regular::read(&path, RECORD_BYTES_LIMIT)?;
        serde_json::from_slice(&bytes).map_err(|error| TraceError::malformed(&path, error))
    }

    /// Writes an object as JSON, atomically.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_json<T: serde::Serialize>(&self, name: &str, value: &T) -> Result<(), TraceError> {
        let mut bytes = serde_json::to_vec_pretty(value)
            .map_err(|error| TraceError::malformed(self.file(name), error))?;
        bytes.push(b'\n');
        write_atomically(&self.file(name), |file| file.write_all(&bytes))
    }

    /// Reads the job back and checks it against the receipt: program, tables, and the Spec that names the job.
    ///
    /// # Errors
    /// Missing or malformed files, and [`TraceError::Mismatch`] where bytes have another root than the receipt says.
    pub fn job(&self, receipt: &Receipt) -> Result<Job, TraceError> {
        let program = self.program(receipt)?;
        if receipt.tables.len() != program.tables.len() {
            return Err(TraceError::malformed(
                self.file("receipt.json"),
                "it names other tables than the program",
            ));
        }
        let mut tables = Vec::new();
        let mut roots = Vec::new();
        for table in &program.tables {
            if table.name.contains(['/', '\\', '\0']) {
                let reason = format!("table {:?} has a name that no file can have", table.name);
                return Err(TraceError::malformed(self.file("program.bin"), reason));
            }
            let words = self.read_table(&table.name, table.len() as usize)?;
            check_words(&self.table_path(&table.name), table.dtype, &words)?;
            let root = tensor::root_of(table.dtype, &words);
            let expected = receipt.tables.get(&table.name).copied().unwrap_or(samebit_commit::Digest::ZERO);
            expect(&format!("table {}", table.name), root, expected)?;
            tables.push(words);
            roots.push(root);
        }
        if receipt.profile != program.profile() {
            let reason =
                format!("the receipt's profile is {}, its program's {}", receipt.profile, program.profile());
            return Err(TraceError::malformed(self.file("receipt.json"), reason));
        }
        let spec = Spec {
            program: receipt.program,
            initial_state: receipt.initial_state,
            tables: roots,
            steps: receipt.steps,
            segment_steps: receipt.segment_steps,
            profile: receipt.profile.clone(),
        };
        expect("the job", spec.digest(), receipt.job)?;
        Ok(Job { program: Arc::new(program), spec, tables: Arc::new(tables) })
    }

    /// Reads the program back and checks it against the receipt.
    ///
    /// # Errors
    /// A missing, malformed or illegal program, and [`TraceError::Mismatch`] where it is another than the receipt says.
    pub fn program(&self, receipt: &Receipt) -> Result<Program, TraceError> {
        let path = self.file("program.bin");
        let bytes = regular::read(&path, PROGRAM_BYTES_LIMIT)?;
        let program = Program::from_bytes(&bytes).map_err(|error| TraceError::malformed(&path, error))?;
        program.check().map_err(|error| TraceError::malformed(&path, error))?;
        expect("program.bin", program.digest(), receipt.program)?;
        Ok(program)
    }

    fn read_table(&self, name: &str, len: usize) -> Result<Vec<u32>, TraceError> {
        let path = self.table_path(name);
        let mut file = open_words(&path, len as u64 * 4)?;
        read_words(&mut file, len).map_err(TraceError::file(&path))
    }
}

/// An error unless the roots agree.
pub(crate) fn expect(
    what: &str,
    found: samebit_commit::Digest,
    expected: samebit_commit::Digest,
) -> Result<(), TraceError> {
    if found == expected {
        return Ok(());
    }
    Err(TraceError::Mismatch { what: what.to_owned(), found, expected })
}

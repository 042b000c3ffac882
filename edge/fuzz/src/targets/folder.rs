//! A run's folder, of which one file is the input's: it is read and checked without running anything. Input: file u8 · what is in it.

use crate::scratch;
use samebit_engine::Settings;
use samebit_graph::fixtures::{Dims, gpt};
use samebit_ops::Cpu;
use samebit_trace::{
    Control, Folder, Job, Keep, Receipt, RunRecord, Runner, Selection, TraceError, drive, verify,
};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};

/// The files that may be another's.
const FILES: [&str; 6] =
    ["receipt.json", "program.bin", "metrics.jsonl", "run.json", "states/00000001.bin", "tables/tokens.bin"];

/// A finished run of a step a segment.
struct World {
    folder: Folder,
    runner: Mutex<Runner>,
    /// What is in the files.
    right: [Vec<u8>; FILES.len()],
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let (program, states, tables) = gpt(Dims { steps: 2, layers: 1, ..Dims::default() });
    let job = Job::new(program, tables, &states, 2, 1);
    let folder = Folder::at(scratch::path("run"));
    let mut receipt = Receipt::new(&job, "test");
    folder.create(&job, &states, &RunRecord::default(), &receipt).expect("files");
    let mut runner =
        Runner::new(job, Arc::new(Cpu::detect()), &Settings::default(), Vec::new()).expect("a runner");
    folder.load_state(0, &mut runner).expect("the first state");
    drive(&folder, &mut runner, &mut receipt, Keep::All, &mut |_| Control::Continue).expect("it runs");
    let right = FILES.map(|file| std::fs::read(folder.file(file)).expect("a file"));
    World { folder, runner: Mutex::new(runner), right }
});

pub fn run(bytes: &[u8]) {
    let Some((file, content)) = bytes.split_first() else { return };
    let (world, file) = (&*WORLD, usize::from(*file) % FILES.len());
    let path = world.path(file);
    std::fs::write(&path, content).expect("a file");
    let found = world.check();
    std::fs::write(&path, &world.right[file]).expect("a file");
    // A receipt may be another's, and true; all other files follow from it.
    if file > 0 && FILES[file] != "run.json" && content != world.right[file] {
        assert!(!matches!(found, Ok(true)), "{} was changed, and nothing is found", FILES[file]);
    }
}

impl World {
    fn path(&self, file: usize) -> PathBuf {
        self.folder.file(FILES[file])
    }

    /// Whether all is as it should be.
    fn check(&self) -> Result<bool, TraceError> {
        let receipt = self.folder.receipt()?;
        self.folder.record()?;
        self.folder.job(&receipt)?;
        let mut runner = self.runner.lock().expect("a finding ends the process");
        let all = verify(&self.folder, &receipt, &mut runner, &Selection::Only(Vec::new()), &mut |_| {})?;
        Ok(all.finding.is_none())
    }
}

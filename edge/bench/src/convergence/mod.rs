//! Convergence of the profiles: the same models, seeds and batches, trained in each, and how far the losses are from those of f32.
//!
//! ```text
//! DIR/text.txt                      the text, put together once from this project's sources
//! DIR/MODEL-PROFILE-SEED/           a run's folder, as `samebit run` leaves it; goes on where it was stopped
//! docs/convergence.md, *.svg        what is there of them, as a table and curves
//! ```
mod curves;
mod operands;
mod runs;
mod table;

use crate::step::Failure;
use runs::{MODELS, Run};
use samebit_num::fold::Numerics;
use std::path::Path;

/// Trains what is missing of the models whose names begin with `only`, then writes the report into `docs`.
pub fn run(folder: &Path, docs: &Path, only: &str) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)?;
    runs::write_text(folder, docs)?;
    for run in MODELS.iter().filter(|model| model.name.starts_with(only)).flat_map(Run::all) {
        run.train(folder)?;
    }
    report(folder, docs)
}

/// Writes the report of the runs that are finished.
pub fn report(folder: &Path, docs: &Path) -> Result<(), Failure> {
    let mut text = table::HEADER.to_owned();
    for model in &MODELS {
        let losses = table::Losses::read(folder, model)?;
        if losses.is_empty() {
            continue;
        }
        text += &losses.table(model);
        let curve = format!("convergence-{}.svg", model.name);
        std::fs::write(docs.join(&curve), curves::svg(&losses))?;
        text += &format!("\n![Training loss of {0} in each profile]({curve})\n", model.name);
        if let Some(run) =
            Run::all(model).find(|run| run.numerics == Numerics::F32 && run.is_finished(folder))
        {
            text += &operands::table(&run, folder)?;
        }
    }
    Ok(std::fs::write(docs.join("convergence.md"), text)?)
}

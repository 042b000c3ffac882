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

/// Writes the report of the runs that are finished; a model without one keeps what the page says of it.
pub fn report(folder: &Path, docs: &Path) -> Result<(), Failure> {
    let page = docs.join("convergence.md");
    let before = std::fs::read_to_string(&page).unwrap_or_default();
    let mut text = table::HEADER.to_owned();
    for model in &MODELS {
        let losses = table::Losses::read(folder, model)?;
        if losses.is_empty() {
            text += section(&before, model.name);
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
    Ok(std::fs::write(page, text)?)
}

/// A model's section of a page, the empty line before it included; nothing if there is none.
fn section<'a>(page: &'a str, name: &str) -> &'a str {
    let Some(start) = page.find(&format!("\n## {name}\n")) else { return "" };
    let rest = &page[start..];
    let next = rest[1..].find("\n## ").map(|at| at + 1);
    &rest[..next.unwrap_or(rest.len())]
}

#[cfg(test)]
mod tests {
    use super::section;

    #[test]
    fn sections_are_cut_whole() {
        let page = "# Page\n\nhead\n\n## a\n\nof a\n\n## ab\n\nof ab\n";
        assert_eq!(section(page, "a"), "\n## a\n\nof a\n");
        assert_eq!(section(page, "ab"), "\n## ab\n\nof ab\n");
        assert_eq!(section(page, "b"), "");
        let joined = format!("# Page\n\nhead\n{}{}", section(page, "a"), section(page, "ab"));
        assert_eq!(joined, page);
    }
}

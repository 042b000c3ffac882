//! Below an element: the running total of a fold, the node of a composite's body, where the two sides part.

use super::{Report, search};
use crate::failure::Failure;
use samebit_commit::Kind;
use samebit_dispute::{Difference, Path};
use samebit_trace::{Claims, Element, Inside, Replay};

/// Looks below the element in the report. Both sides compute what lies there from inputs that are equal, by the definition, and what a side
/// committed to stands at its end: so a lie that only this element tells is in the last block or the last node of the body.
///
/// # Errors
/// A side that cannot be replayed.
pub fn below(a: &Replay<'_>, b: &Replay<'_>, report: &mut Report) -> Result<(), Failure> {
    let (Some(step), Some(node), Some(element)) = (report.step, report.node, report.element) else {
        return Ok(());
    };
    let element = |side: &Replay<'_>| side.element(step, node as u32, element);
    let (a, b) = (element(a)?, element(b)?);
    let Some(inside) = body(&a, &b, report)? else {
        return if a.row().is_none() { block(&a, &b, None, report) } else { Ok(()) };
    };
    block(&a, &b, Some(inside), report)
}

/// The first element of the composite's body that differs; nothing if the node is no composite.
fn body(a: &Element, b: &Element, report: &mut Report) -> Result<Option<Inside>, Failure> {
    let (Some(a), Some(b)) = (a.row(), b.row()) else { return Ok(None) };
    let found = search(&a, &b)?;
    report.hashes_opened += found.opened;
    let Difference::At { path } = found.difference else { return Ok(None) };
    report.body_node = path.leaf(Kind::Row);
    report.body_element = element_of(&path);
    let place = report.body_node.zip(report.body_element);
    Ok(place.map(|(node, element)| Inside { node: node as u32, element }))
}

/// The first block of a fold after which the running totals differ.
fn block(a: &Element, b: &Element, inside: Option<Inside>, report: &mut Report) -> Result<(), Failure> {
    let (Some(a), Some(b)) = (a.totals(inside), b.totals(inside)) else { return Ok(()) };
    let found = search(&a, &b)?;
    report.hashes_opened += found.opened;
    if let Difference::At { path } = found.difference {
        report.block = path.leaf(Kind::Totals);
    }
    Ok(())
}

/// The flat index of the element at the end of a path through a tensor.
pub fn element_of(path: &Path) -> Option<u64> {
    let page = path.leaf(Kind::Tensor)?;
    Some(page * samebit_graph::limits::PAGE + path.leaf(Kind::Page)?)
}

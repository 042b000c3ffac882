//! Whether two runs are of one job, and what is different if they are not.

use crate::failure::Failure;
use crate::files::Stored;
use samebit_graph::{Kind as NodeKind, Program};

/// Two runs can be compared only if they computed the same thing.
///
/// # Errors
/// What is different.
pub fn same_job(a: &Stored, b: &Stored) -> Result<(), Failure> {
    if a.job.spec == b.job.spec {
        return Ok(());
    }
    let (x, y) = (&a.job, &b.job);
    let difference = if x.spec.profile != y.spec.profile {
        format!("profile {} and {}", x.spec.profile, y.spec.profile)
    } else if x.spec.steps != y.spec.steps {
        format!("{} and {} steps", x.spec.steps, y.spec.steps)
    } else if x.spec.segment_steps != y.spec.segment_steps {
        format!("segments of {} and {} steps", x.spec.segment_steps, y.spec.segment_steps)
    } else if let Some(difference) = program_difference(&x.program, &y.program) {
        difference
    } else if x.spec.initial_state != y.spec.initial_state {
        "the first weights differ".to_owned()
    } else {
        let roots = x.spec.tables.iter().zip(&y.spec.tables);
        let table = x.program.tables.iter().zip(roots).find(|(_, (a, b))| a != b);
        let name = table.map_or("", |(table, _)| table.name.as_str());
        match name {
            samebit_trace::table::TOKENS => "the data (table tokens) differs".to_owned(),
            samebit_trace::table::ORDER => "the order of the data (table order) differs".to_owned(),
            samebit_trace::table::SCHEDULE => "the learning rates (table schedule) differ".to_owned(),
            name => format!("table {name} differs"),
        }
    };
    Err(Failure::input(format!(
        "the runs are of different jobs: {difference}\nhint: give two runs of one job"
    )))
}

fn program_difference(a: &Program, b: &Program) -> Option<String> {
    let declared = |what: &str, a: &[samebit_graph::Declaration], b: &[samebit_graph::Declaration]| {
        let at = a.iter().zip(b).position(|(x, y)| x != y);
        match at {
            Some(at) => {
                Some(format!("{what} {} {:?} and {} {:?}", a[at].name, a[at].shape, b[at].name, b[at].shape))
            }
            None if a.len() != b.len() => Some(format!("{} and {} {what}s", a.len(), b.len())),
            None => None,
        }
    };
    if a == b {
        return None;
    }
    let node = a.nodes.iter().zip(&b.nodes).position(|(x, y)| x != y);
    let is_source = |at: usize| matches!(a.nodes[at].kind, NodeKind::State(_) | NodeKind::Table(_));
    let words =
        |program: &Program, at: usize| format!("{} {:?}", program.nodes[at].op, program.nodes[at].shape);
    declared("state", &a.states, &b.states).or_else(|| declared("table", &a.tables, &b.tables)).or_else(
        || {
            Some(match node {
                Some(at) if !is_source(at) && words(a, at) == words(b, at) => {
                    format!("node {at} ({}) is computed in another way", words(a, at))
                }
                Some(at) => format!("node {at} is {} and {}", words(a, at), words(b, at)),
                None => format!("programs of {} and {} nodes", a.nodes.len(), b.nodes.len()),
            })
        },
    )
}

//! The referee off the chain: the arithmetic of `trace` under the questions of `dispute`. It answers as the contract does, so that a disputant
//! knows beforehand what the contract will say, and a chain's log can be followed to the last judgement.

use samebit_dispute::{Case, JudgeKind, Kept, Referee, RefereeError, Structure, Truth};
use samebit_trace::witness::{self, Leaf, Place};

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arithmetic;

fn refused(error: impl std::fmt::Display) -> RefereeError {
    RefereeError(error.to_string())
}

fn place(case: Case<'_>) -> Place {
    let Case { question, position, roots } = case;
    Place {
        nodes: question.nodes,
        states: question.states,
        sinks: question.sinks,
        tables: question.tables,
        start: question.start,
        node_count: question.node_count,
        state_count: question.state_count,
        table_count: question.table_count,
        loss: question.loss,
        first_step: question.first_step,
        step_count: question.step_count,
        claims: roots,
        step: position.step,
        traces: position.traces,
        node: position.node,
        element: position.element,
        rows: position.rows,
        body_node: position.body_node,
        body_element: position.body_element,
        block: position.block,
        total: position.total,
        lane: position.lane,
        lanes: position.lanes,
    }
}

/// The kinds have one number on both sides.
fn leaf(kind: JudgeKind) -> Leaf {
    Leaf::ALL[kind as usize]
}

impl Referee for Arithmetic {
    fn structure(&self, case: Case<'_>, shown: &[u8]) -> Result<Structure, RefereeError> {
        Ok(match witness::structure(&place(case), shown).map_err(refused)? {
            witness::Structure::Source => Structure::Source,
            witness::Structure::Map => Structure::Map,
            witness::Structure::Product { blocks } => Structure::Product { blocks },
            witness::Structure::Lanes { blocks } => Structure::Lanes { blocks },
            witness::Structure::Composite { row_length, body_nodes } => {
                Structure::Composite { row_length, body_nodes }
            }
        })
    }

    fn truth(
        &self,
        case: Case<'_>,
        kind: JudgeKind,
        shown: &[u8],
        kept: &[Kept],
    ) -> Result<Truth, RefereeError> {
        Ok(match witness::truth(&place(case), leaf(kind), shown, kept).map_err(refused)? {
            witness::Truth::Value(value) => Truth::Value(value),
            witness::Truth::Malformed(_) => Truth::Malformed,
        })
    }

    fn operand(
        &self,
        case: Case<'_>,
        kind: JudgeKind,
        slot: u8,
        shown: &[u8],
    ) -> Result<Vec<u8>, RefereeError> {
        witness::operand(&place(case), leaf(kind), slot, shown).map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_one_number() {
        for kind in JudgeKind::ALL {
            assert_eq!((leaf(kind) as u8, format!("{:?}", leaf(kind))), (kind as u8, format!("{kind:?}")));
        }
    }
}

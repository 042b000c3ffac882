//! Each rule of legality: a fixture is legal, and one change of it is refused with the fault that names the change.

use samebit_graph::fixtures::{self, Dims};
use samebit_graph::index::{coord, element, fold, row};
use samebit_graph::{
    DType, Declaration, Fault, Fold, GraphError, Index, Input, Kind, Node, Numerics, Program, Relation,
};
use samebit_num::{Code, RegType};

fn program() -> Program {
    fixtures::llama(Dims { layers: 1, ..Dims::default() }).0
}

/// The id of the first node of the operator.
fn id(program: &Program, op: &str) -> usize {
    program.nodes.iter().position(|node| node.op == op).unwrap_or_else(|| panic!("no node {op}"))
}

fn inputs(node: &mut Node) -> &mut Vec<Input> {
    match &mut node.kind {
        Kind::Map { inputs, .. } => inputs,
        Kind::Fold(fold) => &mut fold.inputs,
        _ => panic!("{} has no inputs", node.op),
    }
}

fn fold_of(node: &mut Node) -> &mut Fold {
    match &mut node.kind {
        Kind::Fold(fold) => fold,
        _ => panic!("{} is no fold", node.op),
    }
}

fn body_of(node: &mut Node) -> &mut Vec<Node> {
    match &mut node.kind {
        Kind::Composite { body, .. } => body,
        _ => panic!("{} is no composite", node.op),
    }
}

/// The first input of the operator's first node reads this map instead.
fn reading(op: &'static str, index: Index) -> impl Fn(&mut Program) {
    move |program| {
        let at = id(program, op);
        let input = &mut inputs(&mut program.nodes[at])[0];
        let Input::Outer(node, _) = *input else { panic!("{op} reads a node") };
        *input = Input::Outer(node, index.clone());
    }
}

/// The change of the operator's first node.
fn node(op: &'static str, change: impl Fn(&mut Node)) -> impl Fn(&mut Program) {
    move |program| {
        let at = id(program, op);
        change(&mut program.nodes[at]);
    }
}

type Change = Box<dyn Fn(&mut Program)>;
type Wanted = fn(&Fault) -> bool;

/// Changes of a legal program, each with the fault that it must have.
fn cases() -> Vec<(&'static str, Change, Wanted)> {
    let mut cases: Vec<(&'static str, Change, Wanted)> = Vec::new();
    let mut case = |name, change: Change, wanted: Wanted| cases.push((name, change, wanted));
    case("a missing sink", Box::new(|p| p.sinks.truncate(1)), |f| matches!(f, Fault::Sinks { .. }));
    case("a sink beyond the end", Box::new(|p| p.sinks[0] = 60_000), |f| matches!(f, Fault::Missing { .. }));
    case(
        "a sink of two states",
        Box::new(|p| {
            let like = |at: usize| {
                p.states
                    .iter()
                    .rposition(|state| state.shape == p.states[at].shape)
                    .filter(|other| *other != at)
            };
            let (first, second) = (0..p.states.len()).find_map(|at| Some((at, like(at)?))).expect("a pair");
            p.sinks[second] = p.sinks[first];
        }),
        |f| matches!(f, Fault::SharedSink { .. }),
    );
    case(
        "a state that two nodes read and two states end in",
        Box::new(|p| {
            let states = p.states.len() as u32;
            p.states.extend(["x", "y"].map(|name| Declaration { name: name.into(), ..p.states[0].clone() }));
            let first = p.nodes.iter().position(|node| node.kind == Kind::State(0)).expect("a node");
            for _ in 0..2 {
                p.sinks.push(p.nodes.len() as u32);
                p.nodes.push(Node { kind: Kind::State(states), ..p.nodes[first].clone() });
            }
        }),
        |f| matches!(f, Fault::SharedSink { .. }),
    );
    case(
        "a loss that is a table",
        Box::new(|p| {
            p.tables.push(Declaration { name: "one".into(), dtype: DType::F32, shape: vec![1] });
            p.loss = p.nodes.len() as u32;
            let kind = Kind::Table(p.tables.len() as u32 - 1);
            p.nodes.push(Node { op: "table".into(), dtype: DType::F32, shape: vec![1], kind });
        }),
        |f| matches!(f, Fault::TableResult { .. }),
    );
    case("a sink of another size", Box::new(|p| p.sinks.swap(0, 3)), |f| matches!(f, Fault::Elements { .. }));
    case("a loss of many elements", Box::new(|p| p.loss = 0), |f| {
        matches!(f, Fault::Elements { expected: 1, .. })
    });
    case("a norm that is missing", Box::new(|p| p.grad_norm = 60_000), |f| {
        matches!(f, Fault::Missing { .. })
    });
    case("a name twice", Box::new(|p| p.states[1].name = p.states[0].name.clone()), |f| {
        matches!(f, Fault::NameTaken { .. })
    });
    case("a long name", Box::new(|p| p.tables[0].name = "n".repeat(257)), |f| {
        matches!(f, Fault::OverLimit { .. })
    });
    case("a state of another shape", Box::new(|p| p.states[0].shape.reverse()), |f| {
        matches!(f, Fault::Declaration { what: "state" })
    });
    case(
        "an operator's name that is not ASCII",
        Box::new(node("linear", |n| n.op = "linéaire".into())),
        |f| matches!(f, Fault::NotAscii { what: "operators", .. }),
    );
    case("a long operator name", Box::new(node("linear", |n| n.op = "o".repeat(33))), |f| {
        matches!(f, Fault::OverLimit { .. })
    });
    case("an empty dimension", Box::new(node("linear", |n| n.shape[0] = 0)), |f| {
        matches!(f, Fault::Empty { .. })
    });
    case("seven dimensions", Box::new(node("linear", |n| n.shape = vec![1; 7])), |f| {
        matches!(f, Fault::OverLimit { what: "dimensions", .. })
    });
    case("too many elements", Box::new(node("linear", |n| n.shape = vec![1 << 63, 4])), |f| {
        matches!(f, Fault::OverLimit { what: "elements", .. })
    });
    case("a table that is missing", Box::new(node("table", |n| n.kind = Kind::Table(99))), |f| {
        matches!(f, Fault::Missing { what: "table", .. })
    });
    case(
        "a node that reads itself",
        Box::new(|p| {
            let at = id(p, "linear");
            inputs(&mut p.nodes[at])[0] = Input::Outer(at as u32, coord(0));
        }),
        |f| matches!(f, Fault::NotEarlier { .. }),
    );
    case(
        "a body node read outside a body",
        Box::new(node("linear", |n| {
            inputs(n)[0] = Input::Body(0, coord(0));
        })),
        |f| matches!(f, Fault::NotEarlier { read: 0 }),
    );
    case(
        "floats as integers",
        Box::new(|p| {
            let float = id(p, "lookup") as u32;
            let at = id(p, "linear");
            inputs(&mut p.nodes[at])[0] = Input::Outer(float, element(float, coord(0)));
        }),
        |f| matches!(f, Fault::NotInteger { .. }),
    );
    case(
        "an integer in a float register",
        Box::new(node("linear", |n| {
            inputs(n)[1] = Input::Value(coord(0));
        })),
        |f| matches!(f, Fault::Types),
    );
    case("another dtype", Box::new(node("swiglu", |n| n.dtype = DType::U32)), |f| matches!(f, Fault::Types));
    case(
        "a product with a program",
        Box::new(node("linear", |n| {
            let code = Code::decode(vec![RegType::F; 2], &[1, 0, 1, 0, 0, 0, 0, 0]).expect("an addition");
            fold_of(n).code = code;
        })),
        |f| matches!(f, Fault::Product),
    );
    case("a fold without terms", Box::new(node("linear", |n| fold_of(n).extent = 0)), |f| {
        matches!(f, Fault::Empty { .. })
    });
    case("a coordinate too many", Box::new(reading("linear", coord(2) + fold())), |f| {
        matches!(f, Fault::Coordinate { dimension: 2, rank: 2 })
    });
    case("the fold index in a map", Box::new(reading("swiglu", fold())), |f| matches!(f, Fault::Atom { .. }));
    case("the row outside a body", Box::new(reading("swiglu", row())), |f| matches!(f, Fault::Atom { .. }));
    case(
        "terms out of order",
        Box::new(node("swiglu", |n| {
            let Input::Outer(_, index) = &mut inputs(n)[0] else { panic!("it reads a node") };
            index.terms.reverse();
        })),
        |f| matches!(f, Fault::NotCanonical { .. }),
    );
    let deep = coord(0).div(2).modulo(99).div(3).modulo(7).div(2);
    case("deep maps", Box::new(reading("swiglu", deep)), |f| matches!(f, Fault::Depth { .. }));
    case("a map beyond 2^63", Box::new(reading("swiglu", coord(0).times(1 << 62))), |f| {
        matches!(f, Fault::Bound { .. })
    });
    case(
        "a hidden value beyond 2^63",
        Box::new(reading("swiglu", coord(0).times(u64::MAX).modulo(5))),
        |f| matches!(f, Fault::Bound { .. }),
    );
    case("a strided factor", Box::new(reading("linear", fold().times(2))), |f| {
        matches!(f, Fault::Contiguity { input: 0 })
    });
    case("a folded remainder", Box::new(reading("linear", fold().modulo(3))), |f| {
        matches!(f, Fault::Contiguity { input: 0 })
    });
    case(
        "a strided predicate",
        Box::new(node("lookup_dw", |n| {
            let predicate = fold_of(n).predicate.as_mut().expect("it has one");
            let samebit_graph::index::Atom::Element(_, inner) = &mut predicate.left.terms[0].1 else {
                panic!("it compares tokens")
            };
            **inner = inner.clone().times(2);
        })),
        |f| matches!(f, Fault::Contiguity { .. }),
    );
    case(
        "five float tensors",
        Box::new(|p| {
            let at = id(p, "swiglu");
            let code = Code::new(vec![RegType::F; 5], Vec::new()).expect("a program");
            let floats = (0..at as u32).filter(|id| p.nodes[*id as usize].dtype == DType::F32).take(5);
            let inputs = floats.map(|id| Input::Outer(id, coord(0))).collect();
            p.nodes[at].kind = Kind::Map { inputs, code };
        }),
        |f| matches!(f, Fault::OverLimit { what: "float tensors read by one leaf", .. }),
    );
    case(
        "nine inputs",
        Box::new(node("swiglu", |n| {
            let first = inputs(n)[0].clone();
            inputs(n).resize(9, first);
        })),
        |f| matches!(f, Fault::OverLimit { what: "inputs", .. }),
    );
    case(
        "an expensive term",
        Box::new(node("norm_squares", |n| {
            let many = [3, 0, 0, 0, 0, 0, 0, 0].repeat(40);
            let fold = fold_of(n);
            fold.extent = 256;
            fold.code = Code::decode(vec![RegType::F], &many).expect("multiplications");
        })),
        |f| matches!(f, Fault::Gas { .. }),
    );
    case("an empty body", Box::new(node("attention", |n| body_of(n).clear())), |f| {
        matches!(f, Fault::Empty { .. })
    });
    case(
        "a body of another length",
        Box::new(node("attention", |n| {
            let last = body_of(n).pop().expect("a body");
            body_of(n).push(Node { shape: vec![7], ..last });
        })),
        |f| matches!(f, Fault::Rows { .. }),
    );
    case("a state in a body", Box::new(node("attention", |n| body_of(n)[0].kind = Kind::State(0))), |f| {
        matches!(f, Fault::BodyKind)
    });
    case(
        "a later body node",
        Box::new(node("attention", |n| {
            inputs(&mut body_of(n)[1])[0] = Input::Body(1, coord(0));
        })),
        |f| matches!(f, Fault::NotEarlier { read: 1 }),
    );
    cases
}

#[test]
fn fixtures_are_legal() {
    for model in [fixtures::gpt, fixtures::llama] {
        for dims in [Dims::default(), Dims { time: 1, sequences: 1, layers: 1, ..Dims::default() }] {
            assert_eq!(model(dims).0.check(), Ok(()));
        }
    }
}

#[test]
fn programs_of_real_size_are_legal() {
    let dims = Dims {
        sequences: 8,
        time: 1024,
        heads: 12,
        key_heads: 4,
        head_size: 64,
        layers: 1,
        vocabulary: 257,
        hidden: 1031,
        steps: 1,
        dropout: 0.1,
        seed: 1,
        numerics: Numerics::F32,
    };
    for (model, numerics) in
        [fixtures::gpt, fixtures::llama].into_iter().zip([Numerics::F32, Numerics::ALL[2]])
    {
        let (program, ..) = model(Dims { numerics, ..dims });
        assert_eq!(program.check(), Ok(()));
        assert!(program.cost().flops > 1 << 37);
    }
}

#[test]
fn every_rule_refuses_its_breach() {
    assert_eq!(program().check(), Ok(()));
    for (name, change, wanted) in cases() {
        let mut changed = program();
        change(&mut changed);
        let error = changed.check().expect_err(name);
        let (GraphError::Node { fault, .. } | GraphError::Body { fault, .. } | GraphError::Program { fault }) =
            &error
        else {
            panic!("{name}: {error}")
        };
        assert!(wanted(fault), "{name}: {error}");
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn an_error_names_node_operator_and_reason() {
    let mut changed = program();
    let at = id(&changed, "attention");
    body_of(&mut changed.nodes[at])[2].shape = vec![0];
    let text = changed.check().expect_err("an empty dimension").to_string();
    assert_eq!(text, format!("node {at} (attention), body node 2 is not legal: a dimension is empty"));
}

#[test]
fn relations_are_of_natural_numbers() {
    let holds =
        |relation: Relation| [(1, 2), (2, 2), (3, 2)].map(|(left, right)| relation.holds(left, right));
    assert_eq!(holds(Relation::Less), [true, false, false]);
    assert_eq!(holds(Relation::LessOrEqual), [true, true, false]);
    assert_eq!(holds(Relation::Equal), [false, true, false]);
}

//! Elementwise operators: a table of scalar functions with the scalar functions of their gradients.

use super::{Call, Operator, Row, at, suits};
use crate::builder::{Builder, flat};
use crate::error::GraphError;
use crate::node::NodeId;
use samebit_num::{Arith, Code, Recorder, RegF, functions};

/// A scalar function of registers.
type Scalar = fn(&mut Recorder, &[RegF]) -> RegF;

/// An operator that computes each element of the output from the same element of each input; all have one shape.
#[derive(Clone, Copy, Debug)]
pub struct Elementwise {
    name: &'static str,
    gradient_names: &'static [&'static str],
    formula: &'static str,
    arity: usize,
    function: Scalar,
    gradients: &'static [Partial],
}

/// The gradient with respect to one input.
#[derive(Clone, Copy, Debug)]
enum Partial {
    /// dy itself.
    Same,
    /// A function of these inputs, then dy.
    Of(&'static [usize], Scalar),
}

const UNARY: &str = "x → the same shape";
const BINARY: &str = "a, b of one shape → the same shape";

/// a + b.
pub const ADD: Elementwise = Elementwise {
    name: "add",
    gradient_names: &["add_da", "add_db"],
    formula: "y = a + b",
    arity: 2,
    function: |m, x| m.add(x[0], x[1]),
    gradients: &[Partial::Same, Partial::Same],
};

/// a − b.
pub const SUB: Elementwise = Elementwise {
    name: "sub",
    gradient_names: &["sub_da", "sub_db"],
    formula: "y = a − b; db = −dy",
    arity: 2,
    function: |m, x| m.sub(x[0], x[1]),
    gradients: &[Partial::Same, Partial::Of(&[], |m, x| m.neg(x[0]))],
};

/// a · b.
pub const MUL: Elementwise = Elementwise {
    name: "mul",
    gradient_names: &["mul_da", "mul_db"],
    formula: "y = a · b; da = dy · b; db = dy · a",
    arity: 2,
    function: |m, x| m.mul(x[0], x[1]),
    gradients: &[Partial::Of(&[1], |m, x| m.mul(x[1], x[0])), Partial::Of(&[0], |m, x| m.mul(x[1], x[0]))],
};

/// The greater of x and +0; NaN stays.
pub const RELU: Elementwise = Elementwise {
    name: "relu",
    gradient_names: &["relu_dx"],
    formula: "y = max(x, +0); dx = dy if 0 < x, else +0",
    arity: 1,
    function: |m, x| {
        let zero = m.constant(0);
        m.max(x[0], zero)
    },
    gradients: &[Partial::Of(&[0], |m, x| {
        let zero = m.constant(0);
        let positive = m.lt(zero, x[0]);
        m.select(positive, x[1], zero)
    })],
};

/// x · sigmoid x.
pub const SILU: Elementwise = Elementwise {
    name: "silu",
    gradient_names: &["silu_dx"],
    formula: "y = silu(x); dx = dy · silu_grad(x)",
    arity: 1,
    function: |m, x| functions::silu(m, x[0]),
    gradients: &[Partial::Of(&[0], |m, x| {
        let slope = functions::silu_grad(m, x[0]);
        m.mul(x[1], slope)
    })],
};

/// silu(gate) · up.
pub const SWIGLU: Elementwise = Elementwise {
    name: "swiglu",
    gradient_names: &["swiglu_dgate", "swiglu_dup"],
    formula: "y = silu(gate) · up; dgate = (dy · up) · silu_grad(gate); dup = silu(gate) · dy",
    arity: 2,
    function: |m, x| {
        let gate = functions::silu(m, x[0]);
        m.mul(gate, x[1])
    },
    gradients: &[
        Partial::Of(&[0, 1], |m, x| {
            let slope = functions::silu_grad(m, x[0]);
            let scaled = m.mul(x[2], x[1]);
            m.mul(scaled, slope)
        }),
        Partial::Of(&[0], |m, x| {
            let gate = functions::silu(m, x[0]);
            m.mul(gate, x[1])
        }),
    ],
};

/// GELU in its tanh form.
pub const GELU_TANH: Elementwise = Elementwise {
    name: "gelu_tanh",
    gradient_names: &["gelu_tanh_dx"],
    formula: "y = gelu_tanh(x); dx = dy · gelu_tanh_grad(x)",
    arity: 1,
    function: |m, x| functions::gelu_tanh(m, x[0]),
    gradients: &[Partial::Of(&[0], |m, x| {
        let slope = functions::gelu_tanh_grad(m, x[0]);
        m.mul(x[1], slope)
    })],
};

/// GELU by the error function.
pub const GELU_ERF: Elementwise = Elementwise {
    name: "gelu_erf",
    gradient_names: &["gelu_erf_dx"],
    formula: "y = gelu_erf(x); dx = dy · gelu_erf_grad(x)",
    arity: 1,
    function: |m, x| functions::gelu_erf(m, x[0]),
    gradients: &[Partial::Of(&[0], |m, x| {
        let slope = functions::gelu_erf_grad(m, x[0]);
        m.mul(x[1], slope)
    })],
};

impl Elementwise {
    pub(super) const fn row(&self) -> Row {
        let signature = if self.arity == 1 { UNARY } else { BINARY };
        Row { name: self.name, signature, formula: self.formula }
    }
}

impl Operator for Elementwise {
    fn name(&self) -> &'static str {
        self.name
    }

    fn shape(&self, inputs: &[&[u64]]) -> Result<Vec<u64>, GraphError> {
        if inputs.len() != self.arity {
            return Err(GraphError::Arity { operator: self.name, found: inputs.len(), expected: self.arity });
        }
        let count = |shape: &[u64]| shape.iter().product::<u64>();
        let alike = inputs.iter().all(|shape| count(shape) == count(inputs[0]));
        suits(alike, self.name, inputs, "the inputs have as many elements")?;
        Ok(inputs[0].to_vec())
    }

    fn forward(&self, builder: &mut Builder, inputs: &[NodeId]) -> NodeId {
        let shape = builder.shape(inputs[0]).to_vec();
        apply(builder, self.name, &shape, inputs, self.function)
    }

    fn gradient(&self, builder: &mut Builder, call: &Call<'_>) -> Vec<Option<NodeId>> {
        let partials = self.gradients.iter().zip(self.gradient_names).zip(call.inputs);
        let write = |((partial, name), input): ((&Partial, &&str), &NodeId)| match partial {
            Partial::Same => Some(call.gradient),
            Partial::Of(reads, function) => {
                let mut inputs: Vec<NodeId> = reads.iter().map(|read| call.inputs[*read]).collect();
                inputs.push(call.gradient);
                let shape = builder.shape(*input).to_vec();
                Some(apply(builder, name, &shape, &inputs, *function))
            }
        };
        partials.map(write).collect()
    }
}

fn apply(builder: &mut Builder, op: &str, shape: &[u64], inputs: &[NodeId], function: Scalar) -> NodeId {
    let inputs: Vec<_> = inputs.iter().map(|node| at(*node, flat(shape))).collect();
    let code = record(inputs.len(), function);
    builder.map(op, shape, inputs, code)
}

fn record(inputs: usize, function: Scalar) -> Code {
    let mut recorder = Recorder::new();
    let registers: Vec<RegF> = (0..inputs).map(|_| recorder.input_f()).collect();
    let result = function(&mut recorder, &registers);
    recorder.finish(result).expect("an elementwise function fits into 255 registers")
}

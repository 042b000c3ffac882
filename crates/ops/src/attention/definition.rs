//! The definition of composite attention, one element at a time. Slow, without intrinsics or threads: the fast path is judged
//! against it bit for bit. With `machine` = [`samebit_num::Soft`] it is integers only.

use samebit_num::fold::Numerics;
use samebit_num::{Arith, fold, functions};

use super::{AttentionKernel, Pass};

/// Runs the kernel at a step on words; operands as for [`AttentionKernel`].
pub fn run<A: Arith<U = u32>>(
    machine: &mut A,
    kernel: &AttentionKernel,
    step: u64,
    inputs: &[&[u32]],
    outputs: &mut [&mut [u32]],
) {
    let inputs: Vec<Vec<A::F>> =
        inputs.iter().map(|words| words.iter().map(|&word| machine.float(word)).collect()).collect();
    let inputs: Vec<&[A::F]> = inputs.iter().map(Vec::as_slice).collect();
    let results = match kernel.pass {
        Pass::Forward => forward(machine, kernel, kernel.first(step), &inputs),
        Pass::Backward => backward(machine, kernel, &inputs),
    };
    assert_eq!(outputs.len(), results.len());
    for (output, result) in outputs.iter_mut().zip(results) {
        assert_eq!(output.len(), result.len());
        for (word, value) in output.iter_mut().zip(result) {
            *word = machine.bits(value);
        }
    }
}

/// Positions of heads and rows in the operands.
struct Places<'a>(&'a AttentionKernel);

impl Places<'_> {
    /// Row (b, r, h) of q, o, dO, dq, and element (b, r, h) of m, l, d.
    fn query(&self, b: usize, r: usize, h: usize) -> usize {
        (b * self.0.queries + r) * self.0.heads + h
    }
    /// Row (b, t, h / G) of k, v, dk, dv.
    fn key(&self, b: usize, t: usize, h: usize) -> usize {
        (b * self.0.time + t) * (self.0.heads / self.0.group) + h / self.0.group
    }
    /// Every (b, r, h).
    fn queries(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let kernel = self.0;
        (0..kernel.batch * kernel.queries * kernel.heads).map(|row| kernel.place(row))
    }
}

fn row<F>(tensor: &[F], row: usize, size: usize) -> &[F] {
    &tensor[row * size..(row + 1) * size]
}

fn dot<A: Arith<U = u32>>(machine: &mut A, numerics: Numerics, a: &[A::F], b: &[A::F]) -> A::F {
    let factors: Vec<_> = a.iter().zip(b).map(|(&a, &b)| Some((a, b))).collect();
    numerics.product(machine, &factors)
}

/// The terms of a fold over the keys that a query sees, up to the end of their last block: what it does not see is there, but not folded.
fn whole_blocks<T: Copy>(terms: impl ExactSizeIterator<Item = T>) -> Vec<Option<T>> {
    let extent = terms.len().next_multiple_of(fold::BLOCK);
    let mut terms: Vec<_> = terms.map(Some).collect();
    terms.resize(extent, None);
    terms
}

/// m, l, o of every query; the first stands at position `first`.
fn forward<A: Arith<U = u32>>(
    machine: &mut A,
    kernel: &AttentionKernel,
    first: usize,
    inputs: &[&[A::F]],
) -> Vec<Vec<A::F>> {
    let (mut m, mut l, mut o) = (Vec::new(), Vec::new(), Vec::new());
    for place in Places(kernel).queries() {
        let (greatest, sum, output) = query(machine, kernel, first, inputs, place);
        m.push(greatest);
        l.push(sum);
        o.extend(output);
    }
    vec![m, l, o]
}

/// m, l and o of the query (b, r, h), at position `first` + r; inputs q, k, v.
pub(crate) fn query<A: Arith<U = u32>>(
    machine: &mut A,
    kernel: &AttentionKernel,
    first: usize,
    inputs: &[&[A::F]],
    (b, r, h): (usize, usize, usize),
) -> (A::F, A::F, Vec<A::F>) {
    let &[q, k, v] = inputs else { panic!("forward has 3 inputs") };
    let (places, size, numerics) = (Places(kernel), kernel.head_size, kernel.numerics);
    let scale = machine.constant(kernel.scale);
    let q = row(q, places.query(b, r, h), size);
    let mut scores = Vec::new();
    for j in 0..=first + r {
        let dot = dot(machine, numerics, q, row(k, places.key(b, j, h), size));
        scores.push(Some(machine.mul(dot, scale)));
    }
    let greatest = fold::maximum(machine, &scores);
    let mut exponentials = Vec::new();
    for score in scores.into_iter().flatten() {
        let shifted = machine.sub(score, greatest);
        exponentials.push(functions::exp(machine, shifted));
    }
    let sum = fold::sum(machine, &exponentials.iter().copied().map(Some).collect::<Vec<_>>());
    let mut output = Vec::new();
    for c in 0..size {
        let factor = |(j, e): (usize, &A::F)| (*e, v[places.key(b, j, h) * size + c]);
        let factors = whole_blocks(exponentials.iter().enumerate().map(factor));
        let weighted = numerics.product(machine, &factors);
        output.push(machine.div(weighted, sum));
    }
    (greatest, sum, output)
}

/// dq, dk, dv.
fn backward<A: Arith<U = u32>>(
    machine: &mut A,
    kernel: &AttentionKernel,
    inputs: &[&[A::F]],
) -> Vec<Vec<A::F>> {
    let (mut dq, mut dk, mut dv) = (Vec::new(), Vec::new(), Vec::new());
    for place in Places(kernel).queries() {
        dq.extend(query_gradient(machine, kernel, inputs, place));
    }
    for key in 0..kernel.batch * kernel.time * kernel.key_heads() {
        let [key_row, value_row] = key_gradients(machine, kernel, inputs, key);
        dk.extend(key_row);
        dv.extend(value_row);
    }
    vec![dq, dk, dv]
}

/// P and dS of query (b, t, h) and key j ≤ t; inputs q, k, v, m, l, d, dO.
fn weight_and_slope<A: Arith<U = u32>>(
    machine: &mut A,
    kernel: &AttentionKernel,
    inputs: &[&[A::F]],
    (b, t, h): (usize, usize, usize),
    j: usize,
) -> (A::F, A::F) {
    let &[q, k, v, m, l, d, grad] = inputs else { panic!("backward has 7 inputs") };
    let (places, size, numerics) = (Places(kernel), kernel.head_size, kernel.numerics);
    let (one, scale) = (machine.constant(1f32.to_bits()), machine.constant(kernel.scale));
    let (at, key) = (places.query(b, t, h), places.key(b, j, h));
    let reciprocal = machine.div(one, l[at]);
    let score = dot(machine, numerics, row(q, at, size), row(k, key, size));
    let score = machine.mul(score, scale);
    let shifted = machine.sub(score, m[at]);
    let exponential = functions::exp(machine, shifted);
    let weight = machine.mul(exponential, reciprocal);
    let dp = dot(machine, numerics, row(grad, at, size), row(v, key, size));
    let difference = machine.sub(dp, d[at]);
    let product = machine.mul(weight, difference);
    (weight, machine.mul(product, scale))
}

/// The row of dq of one query; inputs as for [`weight_and_slope`].
pub(crate) fn query_gradient<A: Arith<U = u32>>(
    machine: &mut A,
    kernel: &AttentionKernel,
    inputs: &[&[A::F]],
    (b, t, h): (usize, usize, usize),
) -> Vec<A::F> {
    let (places, size, k) = (Places(kernel), kernel.head_size, inputs[1]);
    let slopes: Vec<A::F> =
        (0..=t).map(|j| weight_and_slope(machine, kernel, inputs, (b, t, h), j).1).collect();
    let column = |c: usize| {
        let factor = |(j, slope): (usize, &A::F)| (*slope, k[places.key(b, j, h) * size + c]);
        kernel.numerics.product(machine, &whole_blocks(slopes.iter().enumerate().map(factor)))
    };
    (0..size).map(column).collect()
}

/// The rows of dk and dv of key row `key` = (b·T + j)·Hk + hk; inputs as for [`weight_and_slope`].
pub(crate) fn key_gradients<A: Arith<U = u32>>(
    machine: &mut A,
    kernel: &AttentionKernel,
    inputs: &[&[A::F]],
    key: usize,
) -> [Vec<A::F>; 2] {
    let &AttentionKernel { time, group, head_size: size, .. } = kernel;
    let (places, key_heads, q, grad) = (Places(kernel), kernel.key_heads(), inputs[0], inputs[6]);
    let (b, j, key_head) = (key / key_heads / time, key / key_heads % time, key % key_heads);
    // The fold index x = g·T + t; a term's predicate is j ≤ t.
    let mut terms = Vec::new();
    for (t, g) in (0..group * time).map(|x| (x % time, x / time)) {
        let place = (b, t, key_head * group + g);
        terms.push((j <= t).then(|| {
            let (weight, slope) = weight_and_slope(machine, kernel, inputs, place, j);
            (weight, slope, places.query(b, t, place.2) * size)
        }));
    }
    let mut fold = |weights: fn(A::F, A::F) -> A::F, values: &[A::F]| -> Vec<A::F> {
        let column = |c: usize| {
            let factors = terms.iter().map(|term| term.map(|(p, ds, at)| (weights(p, ds), values[at + c])));
            kernel.numerics.product(machine, &factors.collect::<Vec<_>>())
        };
        (0..size).map(column).collect()
    };
    [fold(|_, slope| slope, q), fold(|weight, _| weight, grad)]
}

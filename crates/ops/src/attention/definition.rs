//! The definition of composite attention, one element at a time. Slow, without intrinsics or threads: the fast path is judged
//! against it bit for bit. With `machine` = [`samebit_num::Soft`] it is integers only.

use samebit_num::{Arith, fold, functions};

use super::{AttentionKernel, Pass};

/// Runs the kernel on words; operands as for [`AttentionKernel`].
pub fn run<A: Arith<U = u32>>(
    machine: &mut A,
    kernel: &AttentionKernel,
    inputs: &[&[u32]],
    outputs: &mut [&mut [u32]],
) {
    let inputs: Vec<Vec<A::F>> =
        inputs.iter().map(|words| words.iter().map(|&word| machine.float(word)).collect()).collect();
    let inputs: Vec<&[A::F]> = inputs.iter().map(Vec::as_slice).collect();
    let results = match kernel.pass {
        Pass::Forward => forward(machine, kernel, inputs[0], inputs[1], inputs[2]),
        Pass::Backward => {
            let &[q, k, v, m, l, d, grad] = inputs.as_slice() else { panic!("backward has 7 inputs") };
            backward(machine, kernel, [q, k, v], [m, l, d], grad)
        }
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
    /// Row (b, t, h) of q, o, dO, dq, and element (b, t, h) of m, l, d.
    fn query(&self, b: usize, t: usize, h: usize) -> usize {
        (b * self.0.time + t) * self.0.heads + h
    }
    /// Row (b, t, h / G) of k, v, dk, dv.
    fn key(&self, b: usize, t: usize, h: usize) -> usize {
        (b * self.0.time + t) * (self.0.heads / self.0.group) + h / self.0.group
    }
    /// Every (b, t, h).
    fn queries(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let &AttentionKernel { batch, time, heads, .. } = self.0;
        (0..batch * time * heads).map(move |i| (i / heads / time, i / heads % time, i % heads))
    }
}

fn row<F>(tensor: &[F], row: usize, size: usize) -> &[F] {
    &tensor[row * size..(row + 1) * size]
}

fn dot<A: Arith>(machine: &mut A, a: &[A::F], b: &[A::F]) -> A::F {
    let factors: Vec<_> = a.iter().zip(b).map(|(&a, &b)| Some((a, b))).collect();
    fold::product(machine, &factors)
}

/// m, l, o.
fn forward<A: Arith>(
    machine: &mut A,
    kernel: &AttentionKernel,
    q: &[A::F],
    k: &[A::F],
    v: &[A::F],
) -> Vec<Vec<A::F>> {
    let (places, size) = (Places(kernel), kernel.head_size);
    let scale = machine.constant(kernel.scale);
    let (mut m, mut l, mut o) = (Vec::new(), Vec::new(), Vec::new());
    for (b, t, h) in places.queries() {
        let q = row(q, places.query(b, t, h), size);
        let mut scores = Vec::new();
        for j in 0..=t {
            let dot = dot(machine, q, row(k, places.key(b, j, h), size));
            scores.push(Some(machine.mul(dot, scale)));
        }
        let greatest = fold::maximum(machine, &scores);
        let mut exponentials = Vec::new();
        for score in scores.into_iter().flatten() {
            let shifted = machine.sub(score, greatest);
            exponentials.push(Some(functions::exp(machine, shifted)));
        }
        let sum = fold::sum(machine, &exponentials);
        for c in 0..size {
            let factor = |(j, e): (usize, &Option<A::F>)| e.map(|e| (e, v[places.key(b, j, h) * size + c]));
            let factors: Vec<_> = exponentials.iter().enumerate().map(factor).collect();
            let weighted = fold::product(machine, &factors);
            o.push(machine.div(weighted, sum));
        }
        m.push(greatest);
        l.push(sum);
    }
    vec![m, l, o]
}

/// dq, dk, dv.
fn backward<A: Arith>(
    machine: &mut A,
    kernel: &AttentionKernel,
    [q, k, v]: [&[A::F]; 3],
    [m, l, d]: [&[A::F]; 3],
    grad: &[A::F],
) -> Vec<Vec<A::F>> {
    let (places, size) = (Places(kernel), kernel.head_size);
    let &AttentionKernel { batch, time, heads, group, .. } = kernel;
    let (one, scale) = (machine.constant(1f32.to_bits()), machine.constant(kernel.scale));
    // P and dS of row (b, t, h), for j ≤ t.
    let (mut weights, mut slopes) = (Vec::new(), Vec::new());
    let mut dq = Vec::new();
    for (b, t, h) in places.queries() {
        let at = places.query(b, t, h);
        let reciprocal = machine.div(one, l[at]);
        let (mut p, mut ds) = (Vec::new(), Vec::new());
        for j in 0..=t {
            let key = places.key(b, j, h);
            let score = dot(machine, row(q, at, size), row(k, key, size));
            let score = machine.mul(score, scale);
            let shifted = machine.sub(score, m[at]);
            let exponential = functions::exp(machine, shifted);
            p.push(machine.mul(exponential, reciprocal));
            let dp = dot(machine, row(grad, at, size), row(v, key, size));
            let difference = machine.sub(dp, d[at]);
            let product = machine.mul(p[j], difference);
            ds.push(machine.mul(product, scale));
        }
        for c in 0..size {
            let factors: Vec<_> = (0..=t).map(|j| Some((ds[j], k[places.key(b, j, h) * size + c]))).collect();
            dq.push(fold::product(machine, &factors));
        }
        weights.push(p);
        slopes.push(ds);
    }
    let (mut dk, mut dv) = (Vec::new(), Vec::new());
    let key_heads = heads / group;
    for key in 0..batch * time * key_heads {
        let (b, j, key_head) = (key / key_heads / time, key / key_heads % time, key % key_heads);
        // The fold index x = g·T + t; a term's predicate is j ≤ t.
        let queries: Vec<Option<usize>> = (0..group * time)
            .map(|x| (x % time, x / time))
            .map(|(t, g)| (j <= t).then(|| places.query(b, t, key_head * group + g)))
            .collect();
        for c in 0..size {
            let factors = |weight: &[Vec<A::F>], value: &[A::F]| -> Vec<_> {
                queries.iter().map(|at| at.map(|at| (weight[at][j], value[at * size + c]))).collect()
            };
            dk.push(fold::product(machine, &factors(&slopes, q)));
            dv.push(fold::product(machine, &factors(&weights, grad)));
        }
    }
    vec![dq, dk, dv]
}

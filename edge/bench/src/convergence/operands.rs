//! The error of each profile on the operands of a real step: those of every linear layer, forward and backward, at the end of the f32 run.

use super::runs::Run;
use crate::step::Failure;
use samebit_graph::node::{FoldKind, Input, Kind, NodeId};
use samebit_num::fold::Numerics;
use samebit_ops::exact;
use samebit_ops::product::{Matrix, MatrixMut, Start, product};
use samebit_ops::simd::Isa;
use samebit_trace::{Folder, Words};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Rows of each operand that are multiplied: the error does not depend on how many there are.
const ROWS: usize = 96;

/// A product of a program: \[m, n\] of \[m, k\] and \[n, k\].
struct Product {
    op: String,
    k: usize,
    factors: [NodeId; 2],
}

/// Sums of squares of a kind of product: of the exact results, and of each profile's errors.
#[derive(Default)]
struct Errors {
    squares: f64,
    errors: [f64; 4],
}

/// The table of relative errors.
pub fn table(run: &Run<'_>, folder: &Path) -> Result<String, Failure> {
    let (job, _) = run.job(folder)?;
    let place = Folder::at(run.folder(folder));
    let step = place.receipt()?.steps_run();
    let products = products(&job.program);
    let mut words: Words =
        products.iter().flat_map(|product| product.factors).map(|node| (node, Vec::new())).collect();
    let mut runner = run.runner(job)?;
    place.load_state(step, &mut runner)?;
    runner.traced_step(step - 1, &mut words)?;
    let mut kinds: BTreeMap<&str, Errors> = BTreeMap::new();
    for product in &products {
        let [a, b] = product.factors.map(|node| {
            let floats: Vec<f32> = words[&node].iter().map(|word| f32::from_bits(*word)).collect();
            floats
        });
        kinds.entry(&product.op).or_default().add(&a, &b, product.k);
    }
    let mut text = format!(
        "\nRelative error (Frobenius, against binary64) of each profile on the operands of step {step} of the f32 run of seed {}, {ROWS} rows of each operand:\n\n\
         | products | f32 | exact8 | exact14 | exact21 |\n|---|---|---|---|---|\n",
        run.seed
    );
    for (op, errors) in kinds {
        write!(text, "| {op} |")?;
        for error in errors.errors {
            write!(text, " {:.1e} |", (error / errors.squares).sqrt())?;
        }
        writeln!(text)?;
    }
    Ok(text)
}

/// The products of linear layers: their factors lie row by row, transposes are nodes of their own.
fn products(program: &samebit_graph::Program) -> Vec<Product> {
    let linear = program.nodes.iter().filter(|node| node.op.starts_with("linear"));
    linear
        .filter_map(|node| {
            let Kind::Fold(fold) = &node.kind else { return None };
            let (FoldKind::Product(_), [Input::Outer(a, _), Input::Outer(b, _)]) =
                (fold.kind, &fold.inputs[..])
            else {
                return None;
            };
            Some(Product { op: node.op.clone(), k: fold.extent as usize, factors: [*a, *b] })
        })
        .collect()
}

impl Errors {
    fn add(&mut self, a: &[f32], b: &[f32], k: usize) {
        let (a, b) = (&a[..a.len().min(ROWS * k)], &b[..b.len().min(ROWS * k)]);
        let (m, n) = (a.len() / k, b.len() / k);
        let dot = |at: usize| -> f64 {
            let (a, b) = (&a[at / n * k..][..k], &b[at % n * k..][..k]);
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let right: Vec<f64> = (0..m * n).map(dot).collect();
        self.squares += right.iter().map(|value| value * value).sum::<f64>();
        for (numerics, error) in Numerics::ALL.into_iter().zip(&mut self.errors) {
            let mut c = vec![0.0; m * n];
            let (a, b, target) =
                (Matrix::rows(a, m, k), Matrix::rows(b, n, k), MatrixMut::rows(&mut c, m, n));
            match numerics {
                Numerics::F32 => product(Isa::detect(), a, b, target, Start::Zero),
                Numerics::Exact(bits) => exact::product(Isa::detect(), bits, a, b, target, Start::Zero),
            }
            *error +=
                c.iter().zip(&right).map(|(found, right)| (f64::from(*found) - right).powi(2)).sum::<f64>();
        }
    }
}

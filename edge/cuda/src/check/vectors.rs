//! The golden files of `vectors/num`: operations, functions and folds, as the reference wrote them.

use super::{Check, outputs};
use crate::{Cuda, Error, Memory};
use samebit_num::fold::{Bits, Numerics};
use samebit_num::philox::Stream;
use samebit_num::vectors::operation;
use samebit_num::{Code, Op, RegType, functions};
use samebit_ops::Kernel;
use samebit_ops::product::{Layout, ProductKernel};
use samebit_ops::rows::{Address, Columns, RowInput, RowProgram, Stage, StageKind};
use std::collections::BTreeMap;
use std::path::Path;

/// Operands and the result.
type Line = (Vec<u32>, u32);

/// Compares with every line that a kernel can be asked for.
pub(super) fn check(check: &mut Check<'_>, folder: &Path) -> Result<(), Error> {
    operations(check, &read(folder, "operations.txt")?);
    function_values(check, &read(folder, "functions.txt")?);
    folds(check, &read(folder, "folds.txt")?);
    exact_products(check, &read(folder, "exact.txt")?)
}

fn read(folder: &Path, name: &str) -> Result<String, Error> {
    let path = folder.join("num").join(name);
    std::fs::read_to_string(&path).map_err(|error| {
        let reason = format!("{}: {error}; hint: --vectors names the folder", path.display());
        Error::Files(std::io::Error::new(error.kind(), reason))
    })
}

fn word(text: &str) -> u32 {
    u32::from_str_radix(text, 16).unwrap_or_else(|_| panic!("`{text}` is no word in hexadecimal"))
}

/// A program over one row, an operand for each register; operands are counted from `first`.
fn stage(code: Code, kind: StageKind, first: usize, count: usize) -> Stage {
    let register = |register| RowInput::Operand {
        operand: first + register,
        address: Address { columns: Columns::Contiguous, ..Address::default() },
        len: count as u64,
    };
    Stage { kind, inputs: (0..code.inputs().len()).map(register).collect(), code }
}

fn program(stages: Vec<Stage>, count: usize) -> RowProgram {
    let operands = stages.iter().map(|stage| stage.inputs.len()).sum();
    let stores = (0..stages.len()).collect();
    let columns = count as u64;
    RowProgram { rows: 1, first_row: 0, columns, len: columns, operands, stages, stores }
}

/// Runs all programs as one pass over a row, each on its own lines, and compares.
fn compare(check: &mut Check<'_>, groups: Vec<(&str, Code, Vec<Line>)>) {
    let count = groups.iter().map(|(_, _, lines)| lines.len()).max().unwrap_or(0);
    let (mut stages, mut inputs) = (Vec::new(), Vec::new());
    for (_, code, lines) in &groups {
        stages.push(stage(code.clone(), StageKind::Map, inputs.len(), count));
        for register in 0..code.inputs().len() {
            let mut column: Vec<u32> = lines.iter().map(|(operands, _)| operands[register]).collect();
            column.resize(count, 0);
            inputs.push(column);
        }
    }
    let before = vec![vec![7; count]; stages.len()];
    let found = outputs(check.backend, &Kernel::Rows(program(stages, count)), 0, &inputs, &before);
    for ((name, _, lines), found) in groups.iter().zip(&found) {
        let expected: Vec<u32> = lines.iter().map(|&(_, result)| result).collect();
        check.count(lines.len(), &found[..lines.len()], &expected, || (*name).to_owned());
        check.outcome.cases += 1;
    }
}

/// `operation [immediate]: operands = result`.
fn operations(check: &mut Check<'_>, text: &str) {
    let mut lines: BTreeMap<(Op, u32), Vec<Line>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (head, rest) = line.split_once(':').expect("a line has a colon");
        let (operands, result) = rest.split_once('=').expect("a line has a result");
        let mut head = head.split(' ');
        let name = head.next().unwrap_or_default();
        let op = *Op::ALL.iter().find(|op| op.name() == name).expect("an operation of the specification");
        let immediate = head.next().map_or(0, word);
        let operands = operands.split_whitespace().map(word).collect();
        lines.entry((op, immediate)).or_default().push((operands, word(result.trim())));
    }
    let group =
        |((op, immediate), lines): ((Op, u32), Vec<Line>)| (op.name(), operation(op, immediate), lines);
    compare(check, lines.into_iter().map(group).collect());
}

/// `function: x = value`.
fn function_values(check: &mut Check<'_>, text: &str) {
    let mut lines: BTreeMap<&str, Vec<Line>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_once(": ").expect("a line names a function");
        let (x, value) = rest.split_once(" = ").expect("a line has a value");
        lines.entry(name).or_default().push((vec![word(x)], word(value)));
    }
    let named = |name| functions::ALL.iter().find(|function| function.name == name);
    let code = |name| named(name).expect("a function of the specification").code();
    compare(check, lines.into_iter().map(|(name, lines)| (name, code(name), lines)).collect());
}

/// The golden files' operands: 2^power · (uniform − 1/2).
fn terms(stream: u32, count: usize, power: i32) -> Vec<u32> {
    let stream = Stream { seed: 1, stream, step: 0 };
    // Two factors, as one may be too small for a float.
    let factor = |power: i32| f32::from_bits((power + 127).cast_unsigned() << 23);
    let (half, rest) = (factor(power / 2), factor(power - power / 2));
    (0..count as u64).map(|element| ((stream.uniform(element) - 0.5) * half * rest).to_bits()).collect()
}

/// `fold predicate extent: totals`: the last total of every fold without a predicate.
fn folds(check: &mut Check<'_>, text: &str) {
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (head, totals) = line.split_once(": ").expect("a line has totals");
        let [kind, "all", extent] = head.split(' ').collect::<Vec<_>>()[..] else { continue };
        let extent: usize = extent.parse().expect("an extent is a number");
        let expected = [word(totals.rsplit(' ').next().unwrap_or_default())];
        let (a, b) = (terms(0, extent, 0), terms(1, extent, 0));
        let identity = || Code::new(vec![RegType::F], Vec::new()).expect("one register is a program");
        let fold = |kind| Kernel::Rows(program(vec![stage(identity(), kind, 0, extent)], extent));
        let layout = Layout { offset: 0, row_stride: extent, k_stride: 1 };
        let (kernel, inputs) = match kind {
            "product" => {
                let kernel = ProductKernel {
                    numerics: Numerics::F32,
                    m: 1,
                    n: 1,
                    k: extent,
                    a: layout,
                    b: layout,
                    accumulate: false,
                };
                (Kernel::Product(kernel), vec![a, b])
            }
            "sum" => (fold(StageKind::Sum), vec![a]),
            _ => (fold(StageKind::Max), vec![a]),
        };
        let found = outputs(check.backend, &kernel, 0, &inputs, &[vec![7]]);
        check.count(1, &found[0], &expected, || line.to_owned());
        check.outcome.cases += 1;
    }
}

/// `bits predicate extent s t: totals`: the last total of every exact product without a predicate.
fn exact_products(check: &mut Check<'_>, text: &str) -> Result<(), Error> {
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (head, totals) = line.split_once(": ").expect("a line has totals");
        let [count, "all", extent, s, t] = head.split(' ').collect::<Vec<_>>()[..] else { continue };
        let bits = Bits::ALL.into_iter().find(|bits| bits.count().to_string() == count);
        let number = |text: &str| text.parse::<i32>().expect("a number");
        let k = number(extent) as usize;
        let expected = [word(totals.rsplit(' ').next().unwrap_or_default())];
        let machine = check.backend.machine();
        let a = Memory::of(machine, &terms(0, k, number(s)))?;
        let b = Memory::of(machine, &terms(1, k, number(t)))?;
        let layout = Layout { offset: 0, row_stride: k, k_stride: 1 };
        let kernel =
            ProductKernel { numerics: Numerics::F32, m: 1, n: 1, k, a: layout, b: layout, accumulate: false };
        let bits = bits.expect("bits of a profile");
        for &instruction in machine.instructions() {
            let c = Memory::new(machine, 1)?;
            let backend = Cuda::with_instruction(machine.clone(), instruction);
            backend.exact_product(bits, &kernel, a.address(), b.address(), c.address())?;
            check.count(1, &c.words()?, &expected, || format!("{line} with {}", instruction.name()));
            check.outcome.cases += 1;
        }
    }
    Ok(())
}

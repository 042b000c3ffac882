//! The golden files of `vectors/num` and the listing in the specification, as the reference makes them.
//!
//! The files show docs/spec/arithmetic.md to those who write the same arithmetic in another language. A test compares them with
//! what is committed; `cargo run -p samebit-num --example vectors` writes them, which says that a change of meaning is wanted.

use std::fmt::Write;

use crate::arith::Arith;
use crate::code::{Code, Instr};
use crate::fold::{self, BLOCK, Bits, Kind};
use crate::functions;
use crate::interpreter::run;
use crate::op::{Immediate, Op, RegType};
use crate::philox::{self, Stream};
use crate::soft::{Binary32, Soft};

/// A golden file.
pub struct File {
    /// Its path from the root of the repository.
    pub path: &'static str,
    /// All of it.
    pub contents: String,
}

/// Every golden file.
pub fn files() -> Vec<File> {
    vec![
        File { path: "vectors/num/operations.txt", contents: operations() },
        File { path: "vectors/num/functions.txt", contents: function_values() },
        File { path: "vectors/num/folds.txt", contents: folds() },
        File { path: "vectors/num/exact.txt", contents: exact_products() },
        File { path: "vectors/num/philox.txt", contents: draws() },
    ]
}

/// Where the listing stands in docs/spec/arithmetic.md.
const LISTING_MARKS: [&str; 2] = ["<!-- programs: begin -->\n", "<!-- programs: end -->"];

/// docs/spec/arithmetic.md with its listing of the functions' programs made current.
///
/// # Panics
/// If the text has not the marks of the listing.
pub fn specification(text: &str) -> String {
    let [begin, end] = LISTING_MARKS;
    let (before, rest) = text.split_once(begin).expect("the specification marks where the programs begin");
    let (_, after) = rest.split_once(end).expect("the specification marks where the programs end");
    format!("{before}{begin}{}{end}{after}", listing())
}

/// All functions, instruction by instruction, in lines of at most 110 characters.
fn listing() -> String {
    let mut text = String::new();
    for function in functions::ALL {
        let code = function.code();
        writeln!(text, "\n**{}**, {} registers\n\n```text", function.name, code.register_count())
            .expect(WRITES);
        let mut line = String::new();
        for item in items(&code) {
            if line.len() + item.len() + 2 > 108 {
                writeln!(text, "{line}").expect(WRITES);
                line.clear();
            }
            line.push_str(if line.is_empty() { "" } else { "; " });
            line.push_str(&item);
        }
        writeln!(text, "{line}\n```").expect(WRITES);
    }
    text.push('\n');
    text
}

/// `register = operation operands`, registers as numbers.
fn items(code: &Code) -> Vec<String> {
    let mut items = vec!["0 = x".to_owned()];
    for (index, instr) in code.instrs().iter().enumerate() {
        let mut item = format!("{} = {}", code.inputs().len() + index, instr.op.name());
        for register in instr.operands() {
            write!(item, " {register}").expect(WRITES);
        }
        match instr.op.immediate() {
            Immediate::Unused => {}
            Immediate::Shift => write!(item, " by {}", instr.imm).expect(WRITES),
            Immediate::Word => write!(item, " {:08x}", instr.imm).expect(WRITES),
        }
        items.push(item);
    }
    items
}

const WRITES: &str = "writing to a string succeeds";

/// Where operations change their behaviour.
const EDGES: [u32; 22] = [
    0x0000_0000,
    0x8000_0000,
    0x0000_0001,
    0x8000_0001,
    0x007f_ffff,
    0x0080_0000,
    0x8080_0001,
    0x3380_0000,
    0x3f00_0000,
    0x3f7f_ffff,
    0x3f80_0000,
    0xbf80_0000,
    0x3f80_0001,
    0x4020_0000,
    0x4b7f_ffff,
    0x4f00_0000,
    0xcf00_0000,
    0x7f7f_ffff,
    0xff7f_ffff,
    0x7f80_0000,
    0xff80_0000,
    0xffc0_0001,
];

/// `operation immediate: operands = result`, masks as 0 and 1.
fn operations() -> String {
    let mut text =
        "# operation [immediate]: operands = result; 32-bit words in hexadecimal, masks 0 or 1\n".to_owned();
    for &op in Op::ALL {
        match op.immediate() {
            Immediate::Unused => operation_lines(&mut text, op, None),
            Immediate::Shift => {
                for by in [0, 1, 23, 31] {
                    operation_lines(&mut text, op, Some(by));
                }
            }
            Immediate::Word => operation_lines(&mut text, op, Some(0xff80_0001)),
        }
    }
    text
}

fn operation_lines(text: &mut String, op: Op, immediate: Option<u32>) {
    let operand_count = op.operands().len();
    let edges = |position: usize| match (operand_count, position) {
        (count, position) if position >= count => &EDGES[..1],
        (3, _) if op.operands()[0] == RegType::F => &EDGES[2..16],
        (3, 0) => &EDGES[1..3],
        (3, _) => &EDGES[..5],
        _ => &EDGES[..],
    };
    for &a in edges(0) {
        for &b in edges(1) {
            for &c in edges(2) {
                let mut operands = [a, b, c];
                if op.operands().first() == Some(&RegType::M) {
                    operands[0] &= 1;
                }
                let code = operation(op, immediate.unwrap_or(0));
                let result = run(&code, &operands[..operand_count], &mut Soft);
                write!(text, "{}", op.name()).expect(WRITES);
                if let Some(immediate) = immediate {
                    write!(text, " {immediate:08x}").expect(WRITES);
                }
                text.push(':');
                for operand in &operands[..operand_count] {
                    write!(text, " {operand:08x}").expect(WRITES);
                }
                writeln!(text, " = {result:08x}").expect(WRITES);
            }
        }
    }
}

/// The operation as a program: a mask operand is made from an integer, a mask result is made one.
pub fn operation(op: Op, imm: u32) -> Code {
    let inputs: Vec<RegType> =
        op.operands().iter().map(|&kind| if kind == RegType::M { RegType::U } else { kind }).collect();
    let plain = |op, a, b, c, imm| Instr { op, a, b, c, imm };
    let mut instrs = vec![plain(Op::IConst, 0, 0, 0, 1), plain(Op::IConst, 0, 0, 0, 0)];
    let one = inputs.len() as u8;
    let used = |position: u8| if usize::from(position) < op.operands().len() { position } else { 0 };
    let mut first = 0;
    if op.operands().first() == Some(&RegType::M) {
        instrs.push(plain(Op::IEq, 0, one, 0, 0));
        first = one + 2;
    }
    instrs.push(plain(op, first, used(1), used(2), imm));
    if op.result() == RegType::M {
        let mask = one + instrs.len() as u8 - 1;
        instrs.push(plain(Op::ISelect, mask, one, one + 1, 0));
    }
    Code::new(inputs, instrs).expect("a program of one operation is well formed")
}

/// `function: x = value`: edges, and a walk through the exponents.
fn function_values() -> String {
    let mut text = "# function: x = value; binary32 in hexadecimal\n".to_owned();
    let walk = (0..48u32).map(|step| 0x3c00_0000 + step * 0x0030_c0a7);
    let inputs: Vec<u32> = EDGES.into_iter().chain(walk.flat_map(|word| [word, word | 1 << 31])).collect();
    for function in functions::ALL {
        for &x in &inputs {
            let is_outside = function.name == "exp_nonpositive" && x > 0 && x <= 0x7f80_0000;
            if !is_outside {
                let value = crate::canonical((function.soft)(Binary32(x)).0);
                writeln!(text, "{}: {x:08x} = {value:08x}", function.name).expect(WRITES);
            }
        }
    }
    text
}

/// `fold predicate extent: totals`, one total a block.
fn folds() -> String {
    let mut text = "\
# fold, predicate, extent: the totals after each block; binary32 in hexadecimal
# a[k] = uniform(seed 1, stream 0, step 0, element k) − 1/2, b[k] likewise with stream 1
# product: of a and b; sum, maximum: of a. Predicates: all; third: k mod 3 ≠ 0; none: no term.
"
    .to_owned();
    for kind in [Kind::Product, Kind::Sum, Kind::Maximum] {
        for (name, keeps) in PREDICATES {
            for extent in [1, 2, 15, 16, 17, 33, 255, 256, 257, 600, 1024] {
                let totals: Vec<String> =
                    fold_totals(kind, extent, *keeps).iter().map(|total| format!("{total:08x}")).collect();
                let kind = format!("{kind:?}").to_lowercase();
                writeln!(text, "{kind} {name} {extent}: {}", totals.join(" ")).expect(WRITES);
            }
        }
    }
    text
}

type Predicate = fn(usize) -> bool;
const PREDICATES: &[(&str, Predicate)] =
    &[("all", |_| true), ("third", |k| !k.is_multiple_of(3)), ("none", |_| false)];

/// uniform − 1/2, of element `k` of a stream.
fn element(stream: u32, k: usize) -> Binary32 {
    let word = Stream { seed: 1, stream, step: 0 }.words(k as u64)[0];
    let uniform = philox::uniform_of(&mut Soft, word);
    let half = Soft.constant(0x3f00_0000);
    Soft.sub(uniform, half)
}

fn fold_totals(kind: Kind, extent: usize, keeps: Predicate) -> Vec<u32> {
    let soft = &mut Soft;
    let terms: Vec<Option<(Binary32, Binary32)>> =
        (0..extent).map(|k| keeps(k).then(|| (element(0, k), element(1, k)))).collect();
    let mut total = kind.start(soft);
    let mut totals = Vec::new();
    for block in terms.chunks(BLOCK) {
        let singles = block.iter().map(|term| term.map(|(a, _)| a));
        let result = match kind {
            Kind::Product => fold::product_block(soft, block.iter().copied()),
            Kind::Sum => fold::sum_block(soft, singles),
            Kind::Maximum => fold::maximum_block(soft, singles),
        };
        total = kind.join(soft, total, result);
        totals.push(soft.bits(total));
    }
    totals
}

/// Pairs of powers of two that the operands of the golden exact products are multiplied by.
const SCALES: [(i32, i32); 6] = [(0, 0), (-20, 3), (-70, -60), (-126, -10), (-140, 60), (100, 20)];

/// `bits predicate extent scales: totals`, one total a block.
fn exact_products() -> String {
    let mut text = "\
# bits, predicate, extent, s, t: the totals after each block of an exact product of a and b; binary32 in hexadecimal
# a[k] = 2^s · (uniform(seed 1, stream 0, step 0, element k) − 1/2), b[k] likewise with t and stream 1
# Predicates: all; third: k mod 3 ≠ 0, which cuts every block of more than one term.
"
    .to_owned();
    for bits in Bits::ALL {
        for (name, keeps) in &PREDICATES[..2] {
            for (extent, (s, t)) in
                [1, 2, 17, 255, 256, 600].into_iter().flat_map(|k| SCALES.map(|st| (k, st)))
            {
                let totals: Vec<String> = exact_totals(bits, extent, *keeps, s, t)
                    .iter()
                    .map(|total| format!("{total:08x}"))
                    .collect();
                writeln!(text, "{} {name} {extent} {s} {t}: {}", bits.count(), totals.join(" "))
                    .expect(WRITES);
            }
        }
    }
    text
}

fn exact_totals(bits: Bits, extent: usize, keeps: Predicate, s: i32, t: i32) -> Vec<u32> {
    let terms: Vec<Option<(Binary32, Binary32)>> =
        (0..extent).map(|k| keeps(k).then(|| (scaled(element(0, k), s), scaled(element(1, k), t)))).collect();
    let mut total = Kind::Product.start(&mut Soft);
    let mut totals = Vec::new();
    for block in terms.chunks(BLOCK) {
        let term = fold::exact_block(&mut Soft, bits, block.iter().copied());
        total = Soft.add(total, term);
        totals.push(Soft.bits(total));
    }
    totals
}

/// x·2^by, for |by| ≤ 140: two factors, as one may be too small for a float.
fn scaled(x: Binary32, by: i32) -> Binary32 {
    let power = |by: i32| Soft.constant((by + 127).cast_unsigned() << 23);
    let half = Soft.mul(x, power(by / 2));
    Soft.mul(half, power(by - by / 2))
}

/// `seed stream step element: words uniform normal`.
fn draws() -> String {
    let mut text =
        "# seed stream step element: the four words, uniform, normal; all in hexadecimal\n".to_owned();
    let streams = [(0, 0, 0), (7, 1, 0), (7, 2, 3), (0xfedc_ba98_7654_3210, 0xffff_ffff, 0x8000_0000)];
    for (seed, stream, step) in streams {
        for element in [0, 1, 2, 3, 255, 256, 65_537, 0xffff_ffff, 0x1_0000_0000, u64::MAX] {
            let words = Stream { seed, stream, step }.words(element);
            let uniform = philox::uniform_of(&mut Soft, words[0]).0;
            let normal = philox::normal_of(&mut Soft, words[0], words[1]).0;
            let [w0, w1, w2, w3] = words;
            writeln!(
                text,
                "{seed:x} {stream:x} {step:x} {element:x}: {w0:08x} {w1:08x} {w2:08x} {w3:08x} {uniform:08x} {normal:08x}"
            )
            .expect(WRITES);
        }
    }
    text
}

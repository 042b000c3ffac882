//! Which rule a node breaks that keeps the referee from redoing it (docs/spec/dispute.md §8).
//!
//! Whatever the bytes are, the answer is a rule or that none is broken: the first one met when the bytes are read in order, as the contract's
//! library `Rules` does. A node of a legal program breaks none.

use samebit_graph::limits::{
    ATOM_LIMIT, BODY_LIMIT, ELEMENT_ATOM_LIMIT, ELEMENT_LIMIT, INDEX_DEPTH_LIMIT, INPUT_LIMIT,
    OPERATOR_NAME_LIMIT, RANK_LIMIT, TERM_LIMIT,
};
use samebit_graph::node::{DType, NodeId};
use samebit_num::{Immediate, Op, REGISTER_LIMIT, RegType};
use std::collections::BTreeMap;

/// A rule, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Rule {
    /// The bytes are no node: a tag is unknown, a name is not ASCII, bytes are missing or left over.
    Bytes = 1,
    /// It reads a node that is not before it.
    NotEarlier = 2,
    /// An instruction, or the type of the result.
    Instruction = 3,
    /// A product has two float inputs and no instruction.
    Product = 4,
    /// A state or table beyond the end.
    Source = 5,
    /// A limit, an extent, a coordinate or a row length.
    Limit = 6,
}

/// What is known from outside the node's bytes.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The node's position in the program.
    pub node: NodeId,
    /// States of the program.
    pub states: u64,
    /// Tables of the program.
    pub tables: u64,
    /// Dtypes of some earlier nodes; the others may be of any.
    pub dtypes: BTreeMap<NodeId, DType>,
}

/// The first rule that the bytes break; `None` if none.
pub fn broken(bytes: &[u8], known: &Known) -> Option<Rule> {
    walk(bytes, known).err()
}

/// The dtypes that the outer nodes read must have, as far as they are known or follow from the instructions.
pub(super) fn walk(bytes: &[u8], known: &Known) -> Result<BTreeMap<NodeId, DType>, Rule> {
    let mut walk = Walk {
        rest: bytes,
        known,
        rank: 0,
        dtype: DType::F32,
        count: 0,
        atoms: 0,
        elements: 0,
        body: None,
        inferred: known.dtypes.clone(),
    };
    walk.node()?;
    if walk.rest.is_empty() { Ok(walk.inferred) } else { Err(Rule::Bytes) }
}

/// A register: its type as far as it is known, and the outer node whose element it is.
type Register = (Option<RegType>, Option<NodeId>);

struct Walk<'a> {
    rest: &'a [u8],
    known: &'a Known,
    rank: u8,
    dtype: DType,
    count: u64,
    atoms: usize,
    elements: usize,
    /// Dtypes of the body's nodes so far, within a body.
    body: Option<Vec<DType>>,
    inferred: BTreeMap<NodeId, DType>,
}

impl<'a> Walk<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Rule> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Rule::Bytes)?;
        self.rest = rest;
        Ok(taken)
    }

    fn number<const N: usize>(&mut self) -> Result<u64, Rule> {
        Ok(self.take(N)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn node(&mut self) -> Result<(), Rule> {
        self.header()?;
        (self.atoms, self.elements) = (0, 0);
        match (self.number::<1>()?, self.body.is_some()) {
            (2, _) => self.program(false),
            (3, _) => self.fold(),
            (0, false) => self.source(self.known.states),
            (1, false) => self.source(self.known.tables),
            (4, false) => self.composite(),
            _ => Err(Rule::Bytes),
        }
    }

    fn source(&mut self, count: u64) -> Result<(), Rule> {
        if self.number::<4>()? < count { Ok(()) } else { Err(Rule::Source) }
    }

    fn header(&mut self) -> Result<(), Rule> {
        let name = self.number::<2>()? as usize;
        limit(name <= OPERATOR_NAME_LIMIT)?;
        let fixed = self.take(name + 2)?;
        if !fixed[..name].is_ascii() {
            return Err(Rule::Bytes);
        }
        self.dtype = match fixed[name] {
            0 => DType::F32,
            1 => DType::U32,
            _ => return Err(Rule::Bytes),
        };
        self.rank = fixed[name + 1];
        limit(usize::from(self.rank) <= RANK_LIMIT)?;
        let extents = self.take(8 * usize::from(self.rank))?;
        let mut count: u128 = 1;
        for extent in extents.as_chunks().0 {
            count *= u128::from(u64::from_be_bytes(*extent));
            limit(count != 0 && count <= ELEMENT_LIMIT.into())?;
        }
        self.count = count as u64;
        Ok(())
    }

    fn fold(&mut self) -> Result<(), Rule> {
        let fixed = self.take(10)?;
        let (kind, relation) = (fixed[0], fixed[9]);
        if kind > 5 {
            return Err(Rule::Bytes);
        }
        let extent = fixed[1..9].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        limit(extent != 0 && extent <= ELEMENT_LIMIT)?;
        match relation {
            0 => {}
            1..=3 => (0..2).try_for_each(|_| self.map(1))?,
            _ => return Err(Rule::Bytes),
        }
        if self.dtype != DType::F32 {
            return Err(Rule::Instruction);
        }
        self.program(!matches!(kind, 1 | 2))
    }

    fn composite(&mut self) -> Result<(), Rule> {
        let fixed = self.take(12)?;
        let row_length = fixed[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let nodes = fixed[8..].iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
        let (dtype, count) = (self.dtype, self.count);
        limit(nodes != 0 && nodes <= BODY_LIMIT)?;
        self.body = Some(Vec::new());
        for _ in 0..nodes {
            self.node()?;
            let dtype = self.dtype;
            self.body.iter_mut().for_each(|body| body.push(dtype));
        }
        limit(self.count == row_length && count.is_multiple_of(row_length) && self.dtype == dtype)
    }

    fn map(&mut self, depth: usize) -> Result<(), Rule> {
        limit(depth <= INDEX_DEPTH_LIMIT)?;
        let terms = usize::from(self.take(9)?[8]);
        limit(terms <= TERM_LIMIT)?;
        for _ in 0..terms {
            let tag = self.take(9)?[8];
            self.atom(tag, depth)?;
        }
        Ok(())
    }

    fn atom(&mut self, tag: u8, depth: usize) -> Result<(), Rule> {
        self.atoms += 1;
        limit(self.atoms <= ATOM_LIMIT)?;
        match tag {
            0 => {
                let dimension = self.number::<1>()?;
                limit(dimension < u64::from(self.rank))
            }
            1..=3 => Ok(()),
            4 | 5 => {
                let divisor = self.number::<8>()?;
                limit(divisor >= 2)?;
                self.map(depth + 1)
            }
            6 => {
                if self.number::<4>()? >= u64::from(self.known.node) {
                    return Err(Rule::NotEarlier);
                }
                self.elements += 1;
                limit(self.elements <= ELEMENT_ATOM_LIMIT)?;
                self.map(depth + 1)
            }
            _ => Err(Rule::Bytes),
        }
    }

    fn program(&mut self, is_product: bool) -> Result<(), Rule> {
        let inputs = self.number::<1>()? as usize;
        limit(inputs <= INPUT_LIMIT)?;
        let mut registers: Vec<Register> = Vec::new();
        for _ in 0..inputs {
            let register = self.input()?;
            registers.push(register);
            self.map(1)?;
        }
        let instructions = self.number::<1>()? as usize;
        limit((1..=REGISTER_LIMIT).contains(&(inputs + instructions)))?;
        let code = self.take(8 * instructions)?;
        if is_product {
            let floats = registers.iter().all(|(kind, _)| *kind != Some(RegType::U));
            if inputs != 2 || instructions != 0 || !floats {
                return Err(Rule::Product);
            }
            registers.iter().for_each(|register| self.infer(*register, RegType::F));
            return Ok(());
        }
        for word in code.as_chunks().0 {
            let result = self.instruction(word, &mut registers).ok_or(Rule::Instruction)?;
            registers.push((Some(result), None));
        }
        let result = registers[registers.len() - 1];
        let wanted = if self.dtype == DType::F32 { RegType::F } else { RegType::U };
        if result.0.is_some_and(|kind| kind != wanted) {
            return Err(Rule::Instruction);
        }
        self.infer(result, wanted);
        Ok(())
    }

    fn input(&mut self) -> Result<Register, Rule> {
        let of = |dtype: DType| if dtype == DType::F32 { RegType::F } else { RegType::U };
        match self.number::<1>()? {
            0 => {
                let node = self.number::<4>()? as NodeId;
                if node >= self.known.node {
                    return Err(Rule::NotEarlier);
                }
                Ok((self.known.dtypes.get(&node).copied().map(of), Some(node)))
            }
            1 => {
                let node = self.number::<4>()? as usize;
                let dtype = self.body.as_ref().and_then(|body| body.get(node));
                Ok((Some(of(*dtype.ok_or(Rule::NotEarlier)?)), None))
            }
            2 => Ok((Some(RegType::U), None)),
            _ => Err(Rule::Bytes),
        }
    }

    /// The type of the result; `None` if the instruction is not good.
    fn instruction(&mut self, word: &[u8; 8], registers: &mut [Register]) -> Option<RegType> {
        let [code, operands @ .., i0, i1, i2, i3] = *word;
        let op = Op::from_code(code)?;
        let immediate = u32::from_be_bytes([i0, i1, i2, i3]);
        let admitted = match op.immediate() {
            Immediate::Unused => immediate == 0,
            Immediate::Shift => immediate < 32,
            Immediate::Word => true,
        };
        if !admitted {
            return None;
        }
        for (position, register) in operands.into_iter().enumerate() {
            let Some(&wanted) = op.operands().get(position) else {
                if register != 0 {
                    return None;
                }
                continue;
            };
            let held = registers.get_mut(usize::from(register))?;
            if held.0.is_none() && wanted != RegType::M {
                held.0 = Some(wanted);
                let held = *held;
                self.infer(held, wanted);
            } else if held.0 != Some(wanted) {
                return None;
            }
        }
        Some(op.result())
    }

    /// Notes the dtype of an outer node that only its use shows.
    fn infer(&mut self, (_, node): Register, kind: RegType) {
        let dtype = if kind == RegType::U { DType::U32 } else { DType::F32 };
        if let Some(node) = node {
            self.inferred.entry(node).or_insert(dtype);
        }
    }
}

fn limit(holds: bool) -> Result<(), Rule> {
    if holds { Ok(()) } else { Err(Rule::Limit) }
}

//! Faults injected on purpose: lies for tests and demonstrations.

use crate::{Job, TraceError, table};
use samebit_commit::DType;
use std::fmt;
use std::str::FromStr;

/// A lie told in one step of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// One element of a node's output is moved by some steps between neighbouring floats (integers: by so much).
    Value {
        /// The step.
        step: u64,
        /// The node.
        node: u32,
        /// The flat index of the element.
        element: u64,
        /// Signed distance.
        ulps: i64,
    },
    /// Another step's rows of data are used.
    Row {
        /// The step.
        step: u64,
    },
    /// The step is not computed: the state stays as it was.
    Skip {
        /// The step.
        step: u64,
    },
    /// The learning rate of the step is multiplied.
    Rate {
        /// The step.
        step: u64,
        /// The factor.
        factor: f32,
    },
}

/// Why a text is no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no fault; hint: value:STEP:NODE:ELEMENT:ULPS, row:STEP, skip:STEP or rate:STEP:FACTOR with a finite factor"
)]
pub struct ParseFaultError {
    text: String,
}

impl FromStr for Fault {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseFaultError { text: text.to_owned() };
        let parts: Vec<&str> = text.split(':').collect();
        let number = |text: &str| text.parse::<u64>().map_err(|_| error());
        match parts.as_slice() {
            ["value", step, node, element, ulps] => Ok(Fault::Value {
                step: number(step)?,
                node: node.parse().map_err(|_| error())?,
                element: number(element)?,
                ulps: ulps.parse().map_err(|_| error())?,
            }),
            ["row", step] => Ok(Fault::Row { step: number(step)? }),
            ["skip", step] => Ok(Fault::Skip { step: number(step)? }),
            ["rate", step, factor] => {
                let factor = factor.parse().ok().filter(|factor: &f32| factor.is_finite());
                Ok(Fault::Rate { step: number(step)?, factor: factor.ok_or_else(error)? })
            }
            _ => Err(error()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Value { step, node, element, ulps } => {
                write!(formatter, "value:{step}:{node}:{element}:{ulps}")
            }
            Fault::Row { step } => write!(formatter, "row:{step}"),
            Fault::Skip { step } => write!(formatter, "skip:{step}"),
            Fault::Rate { step, factor } => write!(formatter, "rate:{step}:{factor}"),
        }
    }
}

impl Fault {
    /// The step in which the lie is told.
    pub fn step(&self) -> u64 {
        match self {
            Fault::Value { step, .. }
            | Fault::Row { step }
            | Fault::Skip { step }
            | Fault::Rate { step, .. } => *step,
        }
    }

    /// The table of which a row is changed.
    pub(crate) fn table(&self) -> Option<&'static str> {
        match self {
            Fault::Row { .. } => Some(table::ORDER),
            Fault::Rate { .. } => Some(table::SCHEDULE),
            _ => None,
        }
    }

    /// Checks that the job has the step, node and element.
    ///
    /// # Errors
    /// [`TraceError::FaultRange`] with the range.
    pub fn check(&self, job: &Job) -> Result<(), TraceError> {
        let out = |reason: String| Err(TraceError::FaultRange { fault: self.to_string(), reason });
        let steps = job.spec.steps;
        if self.step() >= steps {
            return out(format!("the job has steps 0 to {}", steps.saturating_sub(1)));
        }
        if let Some(name) = self.table() {
            let shape = job.table(name).map(|index| job.program.tables[index].shape.as_slice());
            if !matches!(shape, Some([rows, _, ..]) if self.step() < *rows) {
                return out(format!("the program has no table {name:?} with a row for the step"));
            }
        }
        let Fault::Value { node, element, .. } = self else { return Ok(()) };
        match job.program.nodes.get(*node as usize) {
            None => out(format!("the program has nodes 0 to {}", job.program.nodes.len() - 1)),
            Some(held) if *element >= held.len() => {
                out(format!("node {node} ({}) has elements 0 to {}", held.op, held.len() - 1))
            }
            Some(_) => Ok(()),
        }
    }
}

/// The word moved by `ulps`: floats in the order of their values, from −NaN's neighbour to NaN's; integers modulo 2^32.
pub fn moved(word: u32, dtype: DType, ulps: i64) -> u32 {
    if dtype == DType::U32 {
        return word.wrapping_add(ulps as u32);
    }
    let key = |bits: u32| if bits >> 31 == 1 { -i64::from(bits & 0x7fff_ffff) - 1 } else { i64::from(bits) };
    let limit = i64::from(i32::MAX);
    let at = key(word).saturating_add(ulps).clamp(-limit - 1, limit);
    let bits = if at < 0 { (-(at + 1)) as u32 | 0x8000_0000 } else { at as u32 };
    samebit_num::canonical(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_order() {
        let step = |value: f32, ulps| f32::from_bits(moved(value.to_bits(), DType::F32, ulps));
        assert_eq!(step(1.0, 1), 1.0f32.next_up());
        assert_eq!(step(1.0, -1), 1.0f32.next_down());
        assert_eq!(step(-1.0, 1), (-1.0f32).next_up());
        assert_eq!(step(0.0, -1).to_bits(), (-0.0f32).to_bits());
        assert_eq!(step(0.0, -2), -f32::from_bits(1));
        assert_eq!(step(f32::MAX, 1), f32::INFINITY);
        assert!(step(f32::INFINITY, 5).is_nan());
        assert_eq!(moved(7, DType::U32, -8), u32::MAX);
    }

    #[test]
    fn texts_and_back() {
        for text in ["value:3:17:1000:-2", "row:0", "skip:9", "rate:4:1.5"] {
            assert_eq!(text.parse::<Fault>().map(|fault| fault.to_string()).as_deref(), Ok(text));
        }
        for text in [
            "",
            "value:1:2:3",
            "row:x",
            "skip",
            "rate:1:abc",
            "rate:1:nan",
            "rate:1:inf",
            "rate:1:1e99",
            "value:-1:0:0:1",
        ] {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
    }
}

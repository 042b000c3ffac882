//! The referee that says what its witness says: the twin of contracts/src/probe/ToyReferee.sol.
#![allow(dead_code)]

use samebit_commit::Digest;
use samebit_dispute::{Case, JudgeKind, Kept, Referee, RefereeError, Structure, Truth};
use sha2::Digest as _;

pub struct Said;

/// SHA-256 of what the referee is given.
fn seen(case: Case<'_>, more: &[u8]) -> Digest {
    let question = case.question.id();
    let position = case.position.hash();
    let mut hash = sha2::Sha256::new();
    hash.update(question.0.0);
    hash.update(position.0);
    hash.update(more);
    Digest(hash.finalize().into())
}

fn with_roots(case: Case<'_>, more: &[u8]) -> Vec<u8> {
    [&case.roots[0].0[..], &case.roots[1].0, more].concat()
}

fn ending(mut witness: Vec<u8>, digest: Digest) -> Vec<u8> {
    witness.extend(digest.0);
    witness
}

/// The witness that makes the referee say so.
pub fn structure(case: Case<'_>, structure: Structure) -> Vec<u8> {
    let (kind, blocks, row_length, body_nodes) = match structure {
        Structure::Source => (0, 0, 0, 0),
        Structure::Map => (1, 0, 0, 0),
        Structure::Product { blocks } => (2, blocks, 0, 0),
        Structure::Lanes { blocks } => (3, blocks, 0, 0),
        Structure::Composite { row_length, body_nodes } => (4, 0, row_length, body_nodes),
    };
    let mut witness = vec![kind];
    witness.extend(u64::to_be_bytes(blocks));
    witness.extend(u64::to_be_bytes(row_length));
    witness.extend(u32::to_be_bytes(body_nodes));
    ending(witness, seen(case, &[]))
}

/// The witness that makes the referee say so, with these operands kept.
pub fn truth(case: Case<'_>, kind: JudgeKind, truth: Truth, kept: &[Kept]) -> Vec<u8> {
    let (is_malformed, value) = match truth {
        Truth::Malformed => (1, Digest::ZERO),
        Truth::Value(value) => (0, value),
    };
    ending([&[is_malformed][..], &value.0].concat(), seen_truth(case, kind, kept))
}

fn seen_truth(case: Case<'_>, kind: JudgeKind, kept: &[Kept]) -> Digest {
    let mut more = vec![kind as u8];
    for (slot, words) in kept {
        more.push(*slot);
        more.extend(words);
    }
    seen(case, &with_roots(case, &more))
}

/// The witness of an operand of `count` bytes.
pub fn operand(case: Case<'_>, kind: JudgeKind, slot: u8, count: u8) -> Vec<u8> {
    ending(vec![count], seen(case, &[kind as u8, slot]))
}

fn check(witness: &[u8], length: usize, seen: impl FnOnce() -> Digest) -> Result<(), RefereeError> {
    if witness.len() != length {
        return Err(RefereeError(format!("a witness of {} bytes", witness.len())));
    }
    if witness[length - 32..] != seen().0 {
        return Err(RefereeError("something else is seen".to_owned()));
    }
    Ok(())
}

impl Referee for Said {
    fn structure(&self, case: Case<'_>, witness: &[u8]) -> Result<Structure, RefereeError> {
        check(witness, 53, || seen(case, &[]))?;
        let blocks = u64::from_be_bytes(witness[1..9].try_into().expect("8 bytes"));
        let row_length = u64::from_be_bytes(witness[9..17].try_into().expect("8 bytes"));
        let body_nodes = u32::from_be_bytes(witness[17..21].try_into().expect("4 bytes"));
        Ok(match witness[0] {
            0 => Structure::Source,
            1 => Structure::Map,
            2 => Structure::Product { blocks },
            3 => Structure::Lanes { blocks },
            4 => Structure::Composite { row_length, body_nodes },
            kind => return Err(RefereeError(format!("no kind {kind}"))),
        })
    }

    fn truth(
        &self,
        case: Case<'_>,
        kind: JudgeKind,
        witness: &[u8],
        kept: &[Kept],
    ) -> Result<Truth, RefereeError> {
        check(witness, 65, || seen_truth(case, kind, kept))?;
        let value = Digest(witness[1..33].try_into().expect("32 bytes"));
        Ok(if witness[0] != 0 { Truth::Malformed } else { Truth::Value(value) })
    }

    fn operand(
        &self,
        case: Case<'_>,
        kind: JudgeKind,
        slot: u8,
        witness: &[u8],
    ) -> Result<Vec<u8>, RefereeError> {
        check(witness, 33, || seen(case, &[kind as u8, slot]))?;
        Ok(witness[1..].iter().copied().cycle().take(witness[0].into()).collect())
    }
}

//! What the contracts refuse, in words.

use crate::abi::{Abi, DISPUTE, ErrorShape, FUND, LEDGER, MARKET, STAKE, STEP};
use crate::client::Revert;
use crate::market::PART_ABIS;
use alloy::primitives::{Address, B256, U256};

/// What to do about an error, where that is not in its name.
const HINTS: [(&str, &str); 22] = [
    ("UnknownGame", "the game is over, or the claims were never paired"),
    ("WrongPosition", "the game has moved on; read the log and answer its position"),
    ("ClaimNotLiving", "the claim has lost its bond, or got it back"),
    ("ClockOut", "the side on turn has lost by its clock; call timeout"),
    ("ClockRuns", "the side on turn has time left"),
    ("EntryClosed", "no more claims are taken"),
    ("EntryOpen", "a question is closed when the time for entry is over"),
    ("QuestionExists", "the same question was asked before; claim in that one"),
    ("QuestionNotOpen", "open the question first, or read its answer"),
    ("RootsDiffer", "games between the living claims must end first"),
    ("NotOwner", "what no root binds is said by the claim's owner alone"),
    ("WrongBond", "pay the question's bond, no more and no less"),
    ("KeptBefore", "the operand is kept already; judge with its slot"),
    ("NotMalformed", "the node breaks no rule; have the arithmetic redone"),
    ("NotEnough", "deposit into Stake"),
    ("NotYours", "another account may say this"),
    ("JobExists", "post it with another nonce"),
    ("WrongAttempt", "the job has moved on; read the log"),
    ("NoBeaconYet", "wait for the block"),
    ("WrongSignature", "the word is of another key, chain, market or attempt"),
    ("QuestionOpen", "resolve the question in Dispute first"),
    ("SeatTaken", "leave the seat first"),
];

/// What a contract reverted with, by name and with its operands, and a hint where there is one.
pub fn explain(revert: &Revert) -> String {
    let Some((selector, operands)) = revert.data.split_first_chunk::<4>() else { return revert.to_string() };
    let Some(shape) = shape(*selector) else { return revert.to_string() };
    let hint = HINTS.iter().find(|(name, _)| *name == shape.name);
    let hint = hint.map(|(_, hint)| format!(" (hint: {hint})")).unwrap_or_default();
    format!("{}{hint}", text(shape, operands))
}

/// The name of the error that a contract reverted with, if it is one of ours.
pub fn name(revert: &Revert) -> Option<&'static str> {
    let (selector, _) = revert.data.split_first_chunk::<4>()?;
    Some(&shape(*selector)?.name)
}

/// Whatever may refuse a message. The parts run in Market's place.
fn contracts() -> impl Iterator<Item = &'static Abi> {
    [&*DISPUTE, &*STEP, &*LEDGER, &*MARKET, &*STAKE, &*FUND].into_iter().chain(&*PART_ABIS)
}

fn shape(selector: [u8; 4]) -> Option<&'static ErrorShape> {
    contracts().find_map(|contract| contract.error(selector))
}

fn text(shape: &ErrorShape, operands: &[u8]) -> String {
    let (words, _) = operands.as_chunks::<32>();
    let operand = |((name, kind), word): (&(String, String), &[u8; 32])| {
        let value = match kind.as_str() {
            "address" => Address::from_word(B256::from(*word)).to_string(),
            kind if kind.starts_with("uint") => U256::from_be_bytes(*word).to_string(),
            _ => words_of(word).unwrap_or_else(|| B256::from(*word).to_string()),
        };
        if name.is_empty() { value } else { format!("{name} {value}") }
    };
    let operands: Vec<String> = shape.operands.iter().zip(words).map(operand).collect();
    if operands.is_empty() { shape.name.clone() } else { format!("{}: {}", shape.name, operands.join(", ")) }
}

/// What a word says, if it is a text: printable and padded by zeros.
fn words_of(word: &[u8; 32]) -> Option<String> {
    let length = word.iter().position(|byte| *byte == 0)?;
    let (text, padding) = word.split_at(length);
    let is_text = length > 0 && text.iter().all(|byte| matches!(byte, b' '..=b'~'));
    (is_text && padding.iter().all(|byte| *byte == 0)).then(|| String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::keccak256;

    #[test]
    fn errors_have_names_operands_and_hints() {
        let with = |signature: &str, words: &[[u8; 32]]| {
            let data = [&keccak256(signature)[..4], &words.concat()].concat();
            Revert { data: data.into() }
        };
        let number = |value: u64| U256::from(value).to_be_bytes::<32>();
        let runs = with("ClockRuns(uint64,uint64)", &[number(3), number(100)]);
        let text = explain(&runs);
        assert!(
            text.starts_with("ClockRuns: ") && text.contains(" 3, ") && text.contains("hint: "),
            "{text}"
        );
        assert_eq!(name(&runs), Some("ClockRuns"));
        let foreign = with("Foreign()", &[]);
        assert_eq!((explain(&foreign), name(&foreign)), (foreign.to_string(), None));
        assert_eq!(explain(&Revert { data: Vec::new().into() }), "without a reason");
    }

    #[test]
    fn the_markets_errors_say_what_they_are_about() {
        let mut what = [0; 32];
        what[..10].copy_from_slice(b"batch root");
        let data = [&keccak256("Mismatch(bytes32)")[..4], &what].concat();
        assert_eq!(explain(&Revert { data: data.into() }), "Mismatch: what batch root");
        let free = [0; 32];
        let data = [&keccak256("NotEnough(address,uint128,uint128)")[..4], &[free; 3].concat()].concat();
        let text = explain(&Revert { data: data.into() });
        assert!(
            text.starts_with("NotEnough: owner 0x0000") && text.ends_with("(hint: deposit into Stake)"),
            "{text}"
        );
    }

    #[test]
    fn every_hint_is_about_an_error_of_the_contract() {
        let names: Vec<&str> = contracts().flat_map(Abi::error_names).collect();
        for (name, _) in HINTS {
            assert!(names.contains(&name), "{name}");
        }
    }
}

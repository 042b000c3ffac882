//! Messages as calls of the contracts, and back.
//!
//! A message knows whose word comes with it, not the word; a message to Dispute knows its question's name, not the question. Whoever sends it looks
//! both up ([`Papers`]). What a challenge opens in Dispute is told by Dispute: the reader puts the two together.

use super::field::Field;
use super::letters::{Signature, Word};
use super::wire::{Calls, FundCalls, Reads, StakeCalls};
use crate::abi::MARKET;
use alloy::primitives::Bytes;
use alloy::sol_types::SolCall;
use samebit_commit::{Digest, merkle::list_root_of};
use samebit_dispute::{Header, Message as Argument, Question, QuestionId};
use samebit_market::{
    Amount, AttemptId, BatchId, Cause, FundMessage, JobId, MarketMessage, Message as MarketOrMoney, Owner,
    Pot, SeatId, StakeMessage, names,
};

/// A message to the contracts: one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "each is sent once and thrown away")]
pub enum Message {
    /// To Stake, Fund or Market.
    Market(MarketOrMoney),
    /// To Market, which opens a question of Dispute with it.
    Challenge {
        /// [`MarketMessage::Challenge`].
        challenge: MarketMessage,
        /// The question that Market opens.
        question: Question,
        /// What the question is checked by.
        header: Header,
    },
    /// To Dispute.
    Dispute(Argument),
}

impl From<MarketMessage> for Message {
    fn from(message: MarketMessage) -> Message {
        Message::Market(MarketOrMoney::Market(message))
    }
}

impl From<StakeMessage> for Message {
    fn from(message: StakeMessage) -> Message {
        Message::Market(MarketOrMoney::Stake(message))
    }
}

impl From<Argument> for Message {
    fn from(message: Argument) -> Message {
        Message::Dispute(message)
    }
}

/// What the sender of a message knows besides.
pub trait Papers: Sync {
    /// Somebody's signature of a word.
    fn signature(&self, signer: Owner, word: &Word) -> Option<Signature>;

    /// The question of Dispute with this name.
    fn question(&self, id: QuestionId) -> Option<Question>;

    /// The solver of an attempt, of whom a signed claim is.
    fn solver(&self, job: JobId, attempt: AttemptId) -> Option<Owner> {
        let _ = (job, attempt);
        None
    }
}

/// Nothing besides: enough for messages without anybody's word, to Market, Stake and Fund.
impl Papers for () {
    fn signature(&self, _: Owner, _: &Word) -> Option<Signature> {
        None
    }

    fn question(&self, _: QuestionId) -> Option<Question> {
        None
    }
}

/// Why a message cannot be said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Somebody's word is missing.
    #[error(
        "the signature of {signer} is missing: {word:?} (hint: it comes by gossip, or its owner has to say it again)"
    )]
    NoSignature {
        /// Whose.
        signer: Owner,
        /// Of what.
        word: Box<Word>,
    },
    /// A signed claim is of a solver that is not known.
    #[error("who solves attempt {attempt} of job {job} is not known")]
    NoSolver {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: AttemptId,
    },
    /// The question that the message is about is not known.
    #[error("the question {0:?} is not known (hint: read the chain on until it is opened)")]
    NoQuestion(QuestionId),
    /// A challenge without its question.
    #[error("a challenge is sent with its question: Message::Challenge")]
    NoChallenge,
}

/// The call of Stake that carries a message.
pub fn stake(message: &StakeMessage) -> Bytes {
    match message {
        StakeMessage::Deposit(amount) => StakeCalls::depositCall { amount: amount.0 }.abi_encode(),
        StakeMessage::Withdraw(amount) => StakeCalls::withdrawCall { amount: amount.0 }.abi_encode(),
        StakeMessage::Register(address) => {
            StakeCalls::registerCall { network_address: address.clone().into() }.abi_encode()
        }
        StakeMessage::Join => StakeCalls::joinCall {}.abi_encode(),
        StakeMessage::Leave(seat) => StakeCalls::leaveSeatCall { seat: seat.0 }.abi_encode(),
        StakeMessage::Collect(seat) => StakeCalls::collectCall { seat: seat.0 }.abi_encode(),
    }
    .into()
}

/// The message that a call of Stake carries.
pub fn decode_stake(bytes: &[u8]) -> Option<StakeMessage> {
    let (selector, rest) = bytes.split_first_chunk::<4>()?;
    Some(match *selector {
        StakeCalls::depositCall::SELECTOR => {
            StakeMessage::Deposit(Amount(arguments::<StakeCalls::depositCall>(rest)?.amount))
        }
        StakeCalls::withdrawCall::SELECTOR => {
            StakeMessage::Withdraw(Amount(arguments::<StakeCalls::withdrawCall>(rest)?.amount))
        }
        StakeCalls::registerCall::SELECTOR => {
            StakeMessage::Register(arguments::<StakeCalls::registerCall>(rest)?.network_address.to_vec())
        }
        StakeCalls::joinCall::SELECTOR => StakeMessage::Join,
        StakeCalls::leaveSeatCall::SELECTOR => {
            StakeMessage::Leave(SeatId(arguments::<StakeCalls::leaveSeatCall>(rest)?.seat))
        }
        StakeCalls::collectCall::SELECTOR => {
            StakeMessage::Collect(SeatId(arguments::<StakeCalls::collectCall>(rest)?.seat))
        }
        _ => return None,
    })
}

/// The call of Fund that carries a message.
pub fn fund(FundMessage::Take { pot, to, amount }: &FundMessage) -> Bytes {
    FundCalls::takeCall { pot: pot.given(), to: to.given(), amount: amount.0 }.abi_encode().into()
}

/// The message that a call of Fund carries.
pub fn decode_fund(bytes: &[u8]) -> Option<FundMessage> {
    let (selector, rest) = bytes.split_first_chunk::<4>()?;
    let call =
        (*selector == FundCalls::takeCall::SELECTOR).then(|| arguments::<FundCalls::takeCall>(rest))??;
    Some(FundMessage::Take {
        pot: Pot::read(call.pot)?,
        to: Owner::read(call.to)?,
        amount: Amount(call.amount),
    })
}

/// Messages whose fields are the call's, in one table for both directions.
macro_rules! alike {
    ($($variant:ident { $($field:ident),* } is $call:ident;)*) => {
        fn encode_alike(message: &MarketMessage) -> Option<Vec<u8>> {
            match message {
                $(MarketMessage::$variant { $($field),* } => {
                    Some(Calls::$call { $($field: $field.given()),* }.abi_encode())
                })*
                _ => None,
            }
        }

        fn decode_alike(selector: [u8; 4], rest: &[u8]) -> Option<MarketMessage> {
            match selector {
                $(Calls::$call::SELECTOR => {
                    let call = arguments::<Calls::$call>(rest)?;
                    Some(MarketMessage::$variant { $($field: Field::read(call.$field)?),* })
                })*
                _ => None,
            }
        }
    };
}

alike! {
    Cancel { job } is cancelCall;
    Appoint { job, attempt } is appointCall;
    Retract { job, attempt, batch, root } is retractCall;
    Draw { job, attempt, batch } is drawCall;
    Announce { job, attempt, batch, luck, roots } is announceCall;
    Seal { job, attempt, batch, draw, place, root, seal } is sealCall;
    Close { job, attempt, batch, draw } is closeCall;
    OpenVerifier { job, attempt, batch, draw, place, salt, interior } is openVerifierCall;
    OpenSolver { job, attempt, batch, draw, state, secret, interior, secret_siblings, leaf_siblings } is openSolverCall;
    Conclude { job, attempt, batch, draw } is concludeCall;
    Redraw { job, attempt, batch, draw } is redrawCall;
    Judge { job, attempt, segment, number, opened } is judgeCall;
    Show { job, attempt, segment, number, who, leaves, siblings } is showCall;
    Refute { job, attempt, segment, number, who, step, leaf, siblings, evidence } is refuteCall;
    Finish { job, attempt, segment, number } is finishCall;
    PayWinner { job, attempt, segment, number, claim } is payWinnerCall;
    CommitCatch { job, attempt, batch, segment, announced, siblings, commitment } is commitCatchCall;
    RevealCatch { job, attempt, batch, segment, owner, salt, interior, siblings } is revealCatchCall;
    PayCatch { job, attempt, segment, owner } is payCatchCall;
    Reveal { job, attempt, batch, secrets, interiors, states, falses, siblings } is revealCall;
    Settle { job, attempt, batch } is settleCall;
}

/// The call of Market that carries a message of `sender`'s, but for a challenge.
///
/// # Errors
/// What it needs besides is not known.
pub fn market(sender: Owner, message: &MarketMessage, papers: &dyn Papers) -> Result<Bytes, EncodeError> {
    use MarketMessage as M;
    if let Some(call) = encode_alike(message) {
        return Ok(call.into());
    }
    Ok(match message {
        M::Post { spec, terms, nonce } => {
            let mut call = Calls::postCall::new(spec, terms, *nonce).abi_encode();
            call[..4].copy_from_slice(&MARKET.selector("post"));
            call
        }
        M::Accept { job, attempt, solver, price, secrets, expiry, is_signed } => {
            let (job, attempt, price, secrets, expiry) = (*job, *attempt, *price, *secrets, *expiry);
            let signature = match is_signed {
                true => signed(papers, *solver, Word::Ask { job, attempt, price, secrets, expiry })?,
                false => Bytes::new(),
            };
            Calls::acceptCall {
                job: job.given(),
                attempt: attempt.0,
                solver: solver.given(),
                price: price.0,
                secrets: secrets.given(),
                expiry: expiry.0,
                signature,
            }
            .abi_encode()
        }
        M::Claim { is_signed, .. } => {
            let signature = if *is_signed { signed_claim(message, papers)? } else { Bytes::new() };
            claim(message, signature).expect("it is a claim").abi_encode()
        }
        M::Hold { job, attempt, batch, root, signers } => {
            hold(sender, (*job, *attempt, *batch), *root, signers, papers)?.abi_encode()
        }
        M::Expire { job, attempt, cause } => {
            let (cause, batch, draw) = cause.given();
            Calls::expireCall { job: job.given(), attempt: attempt.0, cause, batch, draw }.abi_encode()
        }
        _ => return Err(EncodeError::NoChallenge),
    }
    .into())
}

/// The call of Market that carries a challenge; nothing if it is none.
pub fn challenge(message: &MarketMessage, question: &Question, header: &Header) -> Option<Bytes> {
    Some(Calls::challengeCall::new(message, question, header)?.abi_encode().into())
}

/// The message that a call of Market carries, a challenge without its question; nothing if the contract would not have taken it.
pub fn decode_market(bytes: &[u8]) -> Option<MarketMessage> {
    use MarketMessage as M;
    let (selector, rest) = bytes.split_first_chunk::<4>()?;
    if *selector == MARKET.selector("post") {
        return Some(arguments::<Calls::postCall>(rest)?.message());
    }
    match *selector {
        Calls::acceptCall::SELECTOR => {
            let call = arguments::<Calls::acceptCall>(rest)?;
            Some(M::Accept {
                job: Field::read(call.job)?,
                attempt: AttemptId(call.attempt),
                solver: Field::read(call.solver)?,
                price: Amount(call.price),
                secrets: Field::read(call.secrets)?,
                expiry: Field::read(call.expiry)?,
                is_signed: !call.signature.is_empty(),
            })
        }
        Calls::claimCall::SELECTOR => {
            let call = arguments::<Calls::claimCall>(rest)?;
            Some(M::Claim {
                job: Field::read(call.job)?,
                attempt: AttemptId(call.attempt),
                first: Field::read(call.first)?,
                states: Field::read(call.states)?,
                seals: Field::read(call.seals)?,
                last_count: call.last_count,
                is_signed: !call.signature.is_empty(),
            })
        }
        Calls::holdCall::SELECTOR => {
            let call = arguments::<Reads::holdCall>(rest)?;
            Some(M::Hold {
                job: Field::read(call.job)?,
                attempt: AttemptId(call.attempt),
                batch: BatchId(call.batch),
                root: Field::read(call.root)?,
                signers: Field::read(call.signers)?,
            })
        }
        Calls::challengeCall::SELECTOR => Some(arguments::<Reads::challengeCall>(rest)?.message()),
        Calls::expireCall::SELECTOR => {
            let call = arguments::<Calls::expireCall>(rest)?;
            let cause = Cause::read((call.cause, call.batch, call.draw))?;
            Some(M::Expire { job: Field::read(call.job)?, attempt: AttemptId(call.attempt), cause })
        }
        other => decode_alike(other, rest),
    }
}

fn arguments<C: SolCall>(rest: &[u8]) -> Option<C> {
    C::abi_decode_raw(rest).ok()
}

fn signed(papers: &dyn Papers, signer: Owner, word: Word) -> Result<Bytes, EncodeError> {
    let signature = papers.signature(signer, &word);
    let signature = signature.ok_or_else(|| EncodeError::NoSignature { signer, word: Box::new(word) })?;
    Ok(Bytes::copy_from_slice(&signature))
}

fn signed_claim(message: &MarketMessage, papers: &dyn Papers) -> Result<Bytes, EncodeError> {
    let MarketMessage::Claim { job, attempt, first, states, seals, last_count, .. } = message else {
        unreachable!("only claims are asked for: {message:?}")
    };
    let leaves: Vec<Digest> =
        states.iter().zip(seals).map(|(state, seal)| names::claimed(*state, *seal)).collect();
    let (job, attempt, first, last_count) = (*job, *attempt, *first, *last_count);
    let solver = papers.solver(job, attempt).ok_or(EncodeError::NoSolver { job, attempt })?;
    // No batch is empty, and the contract says so.
    let root = if leaves.is_empty() { Digest::ZERO } else { list_root_of(&leaves) };
    signed(papers, solver, Word::Claim { job, attempt, first, root, last_count })
}

fn claim(message: &MarketMessage, signature: Bytes) -> Option<Calls::claimCall> {
    let MarketMessage::Claim { job, attempt, first, states, seals, last_count, .. } = message else {
        return None;
    };
    Some(Calls::claimCall {
        job: job.given(),
        attempt: attempt.0,
        first: first.0,
        states: states.given(),
        seals: seals.given(),
        last_count: *last_count,
        signature,
    })
}

fn hold(
    sender: Owner,
    (job, attempt, batch): (JobId, AttemptId, BatchId),
    root: Digest,
    signers: &[Owner],
    papers: &dyn Papers,
) -> Result<Calls::holdCall, EncodeError> {
    let sign = |&signer: &Owner| match signed(papers, signer, Word::Hold { job, attempt, batch, root }) {
        // The poster's word is the transaction; of a custodian the contract says that it is missing.
        Err(_) if signer == sender => Ok(Bytes::new()),
        signature => signature,
    };
    let signatures = signers.iter().map(sign).collect::<Result<_, _>>()?;
    let (job, root, signers) = (job.given(), root.given(), signers.iter().map(Owner::given).collect());
    Ok(Calls::holdCall { job, attempt: attempt.0, batch: batch.0, root, signers, signatures })
}

//! Messages of the Rust twin as calls of the contracts, field by field: the two have the same shape.

use super::signatures::{Keys, Purpose};
use crate::contracts::{Fund as fund, Market as sol, Stake as stake};
use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::SolCall;
use samebit_commit::interior::{Evidence, PageEvidence};
use samebit_commit::{Digest, merkle::list_root_of};
use samebit_dispute::{Header, Question};
use samebit_market::{
    Amount, AttemptId, Cause, FundMessage, JobId, Leaf, MarketMessage, Owner, Seconds, SpecOpening,
    StakeMessage, Terms, Who, names,
};

/// Whose word comes with a message, and for which contract.
#[derive(Clone, Copy, Debug)]
pub struct Letterhead<'a> {
    /// The keys of those who sign.
    pub keys: &'a Keys,
    /// The chain.
    pub chain_id: u64,
    /// Market.
    pub market: Address,
    /// The solver of the attempt that a claim is about.
    pub solver: Owner,
}

impl Letterhead<'_> {
    fn sign(&self, signer: Owner, purpose: &Purpose) -> Bytes {
        self.keys.sign(signer, self.chain_id, self.market, purpose)
    }
}

/// What Dispute is told of a job besides what the twin says.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The question's fields.
    pub program: sol::Program,
    /// The job's.
    pub header: sol::JobHeader,
}

impl Asked {
    /// What opens a question's fields to Market, and to Dispute behind it.
    pub fn of(question: &Question, header: &Header) -> Asked {
        let program = sol::Program {
            nodes: b(question.nodes),
            states: b(question.states),
            sinks: b(question.sinks),
            tables: b(question.tables),
            nodeCount: question.node_count,
            stateCount: question.state_count,
            tableCount: question.table_count,
        };
        let header = sol::JobHeader {
            version: header.version,
            tableDeclarations: b(header.table_declarations),
            gradNorm: header.grad_norm,
            initialState: b(header.initial),
            steps: header.steps,
            segmentSteps: header.segment_steps,
            profile: header.profile.clone(),
            nodesTop: b(header.nodes_top),
            statesTop: b(header.states_top),
            sinksTop: b(header.sinks_top),
            tablesTop: b(header.tables_top),
        };
        Asked { program, header }
    }
}

/// The call of a message to Stake.
pub fn stake(message: &StakeMessage) -> Bytes {
    match message {
        StakeMessage::Deposit(amount) => stake::depositCall { amount: amount.0 }.abi_encode(),
        StakeMessage::Withdraw(amount) => stake::withdrawCall { amount: amount.0 }.abi_encode(),
        StakeMessage::Register(address) => {
            stake::registerCall { networkAddress: address.clone().into() }.abi_encode()
        }
        StakeMessage::Join => stake::joinCall {}.abi_encode(),
        StakeMessage::Leave(seat) => stake::leaveSeatCall { id: seat.0 }.abi_encode(),
        StakeMessage::Collect(seat) => stake::collectCall { id: seat.0 }.abi_encode(),
    }
    .into()
}

/// The call of a message to Fund.
pub fn fund(FundMessage::Take { pot, to, amount }: &FundMessage) -> Bytes {
    fund::takeCall { pot: *pot as u8, to: address(*to), amount: amount.0 }.abi_encode().into()
}

/// The call of a message to Market.
pub fn market(message: &MarketMessage, head: Letterhead<'_>, asked: &Asked) -> Bytes {
    use MarketMessage as M;
    match message {
        M::Post { spec, terms, nonce } => {
            sol::postCall { _0: spec_of(spec), _1: spec.profile.clone(), _2: terms_of(terms), _3: *nonce }
                .abi_encode()
        }
        M::Cancel { job } => sol::cancelCall(b(job.0)).abi_encode(),
        M::Accept { job, attempt, solver, price, secrets, expiry, is_signed } => {
            let purpose = Purpose::Ask(*job, *attempt, *price, *secrets, *expiry);
            let signature = if *is_signed { head.sign(*solver, &purpose) } else { Bytes::new() };
            return accept(*job, *attempt, *solver, *price, *secrets, *expiry, signature);
        }
        M::Appoint { job, attempt } => sol::appointCall { _0: b(job.0), _1: attempt.0 }.abi_encode(),
        M::Claim { job, attempt, first, states, seals, last_count, is_signed } => {
            let leaves: Vec<Digest> =
                states.iter().zip(seals).map(|(state, seal)| names::claimed(*state, *seal)).collect();
            let purpose = Purpose::Claim(*job, *attempt, *first, list_root_of(&leaves), *last_count);
            sol::claimCall {
                _0: b(job.0),
                _1: attempt.0,
                _2: first.0,
                _3: digests(states),
                _4: digests(seals),
                _5: *last_count,
                _6: if *is_signed { head.sign(head.solver, &purpose) } else { Bytes::new() },
            }
            .abi_encode()
        }
        M::Retract { job, attempt, batch, root } => {
            sol::retractCall { _0: b(job.0), _1: attempt.0, _2: batch.0, _3: b(*root) }.abi_encode()
        }
        M::Hold { job, attempt, batch, root, signers } => {
            let purpose = Purpose::Hold(*job, *attempt, *batch, *root);
            let sign = |signer: &Owner| head.sign(*signer, &purpose);
            sol::holdCall {
                _0: b(job.0),
                _1: attempt.0,
                _2: batch.0,
                _3: b(*root),
                _4: signers.iter().map(|signer| address(*signer)).collect(),
                _5: signers.iter().map(sign).collect(),
            }
            .abi_encode()
        }
        M::Draw { job, attempt, batch } => {
            sol::drawCall { _0: b(job.0), _1: attempt.0, _2: batch.0 }.abi_encode()
        }
        M::Announce { job, attempt, batch, luck, roots } => {
            sol::announceCall { _0: b(job.0), _1: attempt.0, _2: batch.0, _3: b(*luck), _4: digests(roots) }
                .abi_encode()
        }
        M::Seal { job, attempt, batch, draw, place, root, seal } => sol::sealCall {
            _0: b(job.0),
            _1: attempt.0,
            _2: batch.0,
            _3: draw.0,
            _4: place.0,
            _5: b(*root),
            _6: b(*seal),
        }
        .abi_encode(),
        M::Close { job, attempt, batch, draw } => {
            sol::closeCall { _0: b(job.0), _1: attempt.0, _2: batch.0, _3: draw.0 }.abi_encode()
        }
        M::OpenVerifier { job, attempt, batch, draw, place, salt, interior } => sol::openVerifierCall {
            _0: b(job.0),
            _1: attempt.0,
            _2: batch.0,
            _3: draw.0,
            _4: place.0,
            _5: b(*salt),
            _6: b(*interior),
        }
        .abi_encode(),
        M::OpenSolver {
            job,
            attempt,
            batch,
            draw,
            state,
            secret,
            interior,
            secret_siblings,
            leaf_siblings,
        } => sol::openSolverCall {
            _0: b(job.0),
            _1: attempt.0,
            _2: batch.0,
            _3: draw.0,
            _4: b(*state),
            _5: b(*secret),
            _6: b(*interior),
            _7: digests(secret_siblings),
            _8: digests(leaf_siblings),
        }
        .abi_encode(),
        M::Conclude { job, attempt, batch, draw } => {
            sol::concludeCall { _0: b(job.0), _1: attempt.0, _2: batch.0, _3: draw.0 }.abi_encode()
        }
        M::Redraw { job, attempt, batch, draw } => {
            sol::redrawCall { _0: b(job.0), _1: attempt.0, _2: batch.0, _3: draw.0 }.abi_encode()
        }
        M::Reveal { job, attempt, batch, secrets, interiors, states, falses, siblings } => sol::revealCall {
            _0: b(job.0),
            _1: attempt.0,
            _2: batch.0,
            _3: digests(secrets),
            _4: digests(interiors),
            _5: digests(states),
            _6: digests(falses),
            _7: digests(siblings),
        }
        .abi_encode(),
        M::CommitCatch { job, attempt, batch, segment, announced, siblings, commitment } => {
            sol::commitCatchCall {
                _0: b(job.0),
                _1: attempt.0,
                _2: batch.0,
                _3: segment.0,
                _4: b(*announced),
                _5: digests(siblings),
                _6: b(*commitment),
            }
            .abi_encode()
        }
        M::RevealCatch { job, attempt, batch, segment, owner, salt, interior, siblings } => {
            sol::revealCatchCall {
                _0: b(job.0),
                _1: attempt.0,
                _2: batch.0,
                _3: segment.0,
                _4: address(*owner),
                _5: b(*salt),
                _6: b(*interior),
                _7: digests(siblings),
            }
            .abi_encode()
        }
        M::PayCatch { job, attempt, segment, owner } => {
            sol::payCatchCall { _0: b(job.0), _1: attempt.0, _2: segment.0, _3: address(*owner) }.abi_encode()
        }
        M::Challenge { job, attempt, batch, segment, interior, leaf, siblings, before, before_siblings } => {
            sol::challengeCall {
                _0: b(job.0),
                _1: attempt.0,
                _2: batch.0,
                _3: segment.0,
                _4: *interior,
                _5: leaf_of(leaf),
                _6: digests(siblings),
                _7: leaf_of(before),
                _8: digests(before_siblings),
                _9: asked.program.clone(),
                _10: asked.header.clone(),
            }
            .abi_encode()
        }
        M::Judge { job, attempt, segment, number, opened } => sol::judgeCall {
            _0: b(job.0),
            _1: attempt.0,
            _2: segment.0,
            _3: *number,
            _4: sol::Answer { state: b(opened.state), count: opened.count, stepsTop: b(opened.steps_top) },
        }
        .abi_encode(),
        M::Show { job, attempt, segment, number, who, leaves, siblings } => sol::showCall {
            _0: b(job.0),
            _1: attempt.0,
            _2: segment.0,
            _3: *number,
            _4: who_of(*who),
            _5: digests(leaves),
            _6: digests(siblings),
        }
        .abi_encode(),
        M::Refute { job, attempt, segment, number, who, step, leaf, siblings, evidence } => sol::refuteCall {
            _0: b(job.0),
            _1: attempt.0,
            _2: segment.0,
            _3: *number,
            _4: who_of(*who),
            _5: *step,
            _6: b(*leaf),
            _7: digests(siblings),
            _8: evidence_of(evidence),
        }
        .abi_encode(),
        M::Finish { job, attempt, segment, number } => {
            sol::finishCall { _0: b(job.0), _1: attempt.0, _2: segment.0, _3: *number }.abi_encode()
        }
        M::PayWinner { job, attempt, segment, number, claim } => {
            sol::payWinnerCall { _0: b(job.0), _1: attempt.0, _2: segment.0, _3: *number, _4: *claim }
                .abi_encode()
        }
        M::Settle { job, attempt, batch } => {
            sol::settleCall { _0: b(job.0), _1: attempt.0, _2: batch.0 }.abi_encode()
        }
        M::Expire { job, attempt, cause } => {
            let (cause, batch, draw) = cause_of(*cause);
            sol::expireCall { _0: b(job.0), _1: attempt.0, _2: cause, _3: batch, _4: draw }.abi_encode()
        }
    }
    .into()
}

/// The call of a solver's acceptance.
pub fn accept(
    job: JobId,
    attempt: AttemptId,
    solver: Owner,
    price: Amount,
    secrets: Digest,
    expiry: Seconds,
    signature: Bytes,
) -> Bytes {
    sol::acceptCall {
        _0: b(job.0),
        _1: attempt.0,
        _2: address(solver),
        _3: price.0,
        _4: b(secrets),
        _5: expiry.0,
        _6: signature,
    }
    .abi_encode()
    .into()
}

/// A digest for the contracts.
pub fn b(digest: Digest) -> B256 {
    digest.0.into()
}

/// An owner for the contracts.
pub fn address(owner: Owner) -> Address {
    owner.0.into()
}

fn digests(digests: &[Digest]) -> Vec<B256> {
    digests.iter().map(|digest| b(*digest)).collect()
}

/// The number of somebody whose interior root is argued about.
pub fn who_of(who: Who) -> u64 {
    match who {
        Who::Solver => 0,
        // Beyond the end, both refuse it.
        Who::Verifier(place) => place.0.saturating_add(1),
    }
}

fn leaf_of(leaf: &Leaf) -> sol::Leaf {
    sol::Leaf { state: b(leaf.state), seal: b(leaf.seal) }
}

/// The number of a cause, its batch and its draw.
fn cause_of(cause: Cause) -> (u8, u64, u64) {
    match cause {
        Cause::Claim => (0, 0, 0),
        Cause::Hold => (1, 0, 0),
        Cause::Announce(batch) => (2, batch.0, 0),
        Cause::Open(batch, draw) => (3, batch.0, draw.0),
        Cause::Contest(batch, draw) => (4, batch.0, draw.0),
        Cause::Reveal(batch) => (5, batch.0, 0),
    }
}

fn spec_of(spec: &SpecOpening) -> sol::SpecOpening {
    sol::SpecOpening {
        version: spec.version,
        loss: spec.loss,
        gradNorm: spec.grad_norm,
        states: b(spec.states),
        tableDeclarations: b(spec.table_declarations),
        nodes: b(spec.nodes),
        sinks: b(spec.sinks),
        initial: b(spec.initial),
        tables: b(spec.tables),
        steps: spec.steps,
        segmentSteps: spec.segment_steps,
    }
}

fn terms_of(terms: &Terms) -> sol::Terms {
    sol::Terms {
        price: terms.price.0,
        checkFee: terms.check_fee.0,
        holdFee: terms.hold_fee.0,
        deposit: terms.deposit.0,
        challengeBond: terms.challenge_bond.0,
        challengeCost: terms.challenge_cost.0,
        jackpot: terms.jackpot.0,
        questionBond: terms.question_bond.0,
        drawRate: terms.draw_rate.0,
        checkers: terms.checkers,
        custodians: terms.custodians,
        quorum: terms.quorum,
        credit: terms.credit,
        claimSeconds: terms.claim_seconds.0,
        holdSeconds: terms.hold_seconds.0,
        announceSeconds: terms.announce_seconds.0,
        sealSeconds: terms.seal_seconds.0,
        openSeconds: terms.open_seconds.0,
        challengeSeconds: terms.challenge_seconds.0,
        revealSeconds: terms.reveal_seconds.0,
        contestSeconds: terms.contest_seconds.0,
        entrySeconds: terms.entry_seconds.0,
        clockSeconds: terms.clock_seconds.0,
        extensionSeconds: terms.extension_seconds.0,
        solver: address(terms.solver),
    }
}

fn evidence_of(evidence: &Evidence) -> sol::Evidence {
    sol::Evidence {
        state: b(evidence.state),
        trace: b(evidence.trace),
        stepSiblings: digests(&evidence.step.siblings),
        nodeCount: evidence.node_count,
        loss: evidence.loss.word,
        lossSiblings: digests(&evidence.loss.opening.siblings),
        gradNorm: evidence.grad_norm.word,
        gradNormSiblings: digests(&evidence.grad_norm.opening.siblings),
        entryCount: evidence.entry_count,
        pages: evidence.pages.iter().map(page_of).collect(),
    }
}

fn page_of(page: &PageEvidence) -> sol::PageEvidence {
    let entry = &page.entry.entry;
    sol::PageEvidence {
        name: entry.name.clone(),
        dtype: entry.dtype as u8,
        shape: entry.shape.clone(),
        root: b(entry.root),
        entrySiblings: digests(&page.entry.opening.siblings),
        page: b(page.page),
        pageSiblings: digests(&page.opening.siblings),
    }
}

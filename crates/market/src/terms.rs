//! What a job pays and asks for, and what is computed (job.md §2).

use crate::ids::{Amount, Owner, Ppm, Seconds};
use crate::params::FORCED;
use crate::params::{
    AMOUNT_LIMIT, CHECKERS_LIMIT, CREDIT_LIMIT, CUSTODIANS_LIMIT, GAME_MOVES, PROTOCOL_FEE, SEAT,
    SECONDS_LIMIT, SEGMENT_LIMIT, SEGMENT_STEPS_LIMIT, SILENCE, SPARE_DRAWS, UNBONDING,
};
use crate::refusal::Refusal;
use samebit_commit::{Digest, Encoder, Tag, Words, hash};

/// The terms of a job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Terms {
    /// The most that a segment pays.
    pub price: Amount,
    /// For one check of a segment.
    pub check_fee: Amount,
    /// To a custodian, per segment.
    pub hold_fee: Amount,
    /// The solver's.
    pub deposit: Amount,
    /// Of who challenges.
    pub challenge_bond: Amount,
    /// Of a challenge, to be made good to who was right.
    pub challenge_cost: Amount,
    /// For the catches of one forced error.
    pub jackpot: Amount,
    /// Of a claim in Dispute.
    pub question_bond: Amount,
    /// Segments that are checked.
    pub draw_rate: Ppm,
    /// Verifiers of a drawn segment.
    pub checkers: u8,
    /// Drawn for the job.
    pub custodians: u8,
    /// Signatures needed.
    pub quorum: u8,
    /// Segments of a batch, and that a solver may be ahead of custody.
    pub credit: u8,
    /// From acceptance or the last hold to the next claim.
    pub claim_seconds: Seconds,
    /// From a claim to its custody.
    pub hold_seconds: Seconds,
    /// From the draw to the announcement.
    pub announce_seconds: Seconds,
    /// From the draw to the seals.
    pub seal_seconds: Seconds,
    /// For verifiers' openings, then for the solver's.
    pub open_seconds: Seconds,
    /// From the announcement until the solver may reveal.
    pub challenge_seconds: Seconds,
    /// To reveal.
    pub reveal_seconds: Seconds,
    /// To answer what was opened, revealed, judged or shown.
    pub contest_seconds: Seconds,
    /// For claims in Dispute.
    pub entry_seconds: Seconds,
    /// Of each side in Dispute.
    pub clock_seconds: Seconds,
    /// Of a move in Dispute.
    pub extension_seconds: Seconds,
    /// Who alone may accept; nobody's address for anybody.
    pub solver: Owner,
}

impl Terms {
    /// The digest of the terms.
    pub fn digest(&self) -> Digest {
        let words = self.amounts().iter().fold(Words::new(), |words, (_, amount)| words.number(amount.0));
        let counts = [self.checkers, self.custodians, self.quorum, self.credit];
        let words = counts.iter().fold(words.number(self.draw_rate.0), |words, &count| words.number(count));
        let words = self.times().iter().fold(words, |words, (_, seconds)| words.number(seconds.0));
        words.address(self.solver.0).hash(Tag::Terms)
    }

    fn amounts(&self) -> [(&'static str, Amount); 8] {
        [
            ("price", self.price),
            ("checkFee", self.check_fee),
            ("holdFee", self.hold_fee),
            ("deposit", self.deposit),
            ("challengeBond", self.challenge_bond),
            ("challengeCost", self.challenge_cost),
            ("jackpot", self.jackpot),
            ("questionBond", self.question_bond),
        ]
    }

    fn times(&self) -> [(&'static str, Seconds); 11] {
        [
            ("claimSeconds", self.claim_seconds),
            ("holdSeconds", self.hold_seconds),
            ("announceSeconds", self.announce_seconds),
            ("sealSeconds", self.seal_seconds),
            ("openSeconds", self.open_seconds),
            ("challengeSeconds", self.challenge_seconds),
            ("revealSeconds", self.reveal_seconds),
            ("contestSeconds", self.contest_seconds),
            ("entrySeconds", self.entry_seconds),
            ("clockSeconds", self.clock_seconds),
            ("extensionSeconds", self.extension_seconds),
        ]
    }

    /// Refuses terms that are beyond a limit.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        for (what, amount) in self.amounts() {
            inside(what, amount.0, 0, AMOUNT_LIMIT.0)?;
        }
        inside("drawRate", self.draw_rate.0, 0, 1_000_000u32)?;
        inside("checkers", self.checkers, 1, CHECKERS_LIMIT)?;
        inside("custodians", self.custodians, 1, CUSTODIANS_LIMIT)?;
        inside("quorum", self.quorum, 1, self.custodians)?;
        inside("credit", self.credit, 1, CREDIT_LIMIT)?;
        for (what, seconds) in self.times() {
            inside(what, seconds.0, 1, SECONDS_LIMIT.0)?;
        }
        inside("checkFee", self.check_fee.times(SILENCE).0, 0, SEAT.0)?;
        let least = self.challenge_cost.plus(self.price);
        inside("deposit", self.deposit.0, least.0, AMOUNT_LIMIT.0)?;
        inside("challengeBond", self.challenge_bond.0, self.challenge_cost.0, AMOUNT_LIMIT.0)?;
        inside("entrySeconds", self.entry_seconds.0, self.seal_seconds.0, SECONDS_LIMIT.0)?;
        inside("duty", self.duty().0, 0, UNBONDING.0)
    }

    /// How long a drawn verifier may have to answer for its seal.
    fn duty(&self) -> Seconds {
        let check = self.seal_seconds.0 + 2 * self.open_seconds.0 + 3 * self.contest_seconds.0;
        let game = self.entry_seconds.0 + 2 * self.clock_seconds.0 + GAME_MOVES * self.extension_seconds.0;
        Seconds(check + game)
    }

    /// Draws that a job of `segments` pays for.
    pub fn draws(&self, segments: u64) -> u64 {
        let expected = (u128::from(segments) * u128::from(self.draw_rate.0)).div_ceil(1_000_000);
        2 * expected as u64 + SPARE_DRAWS
    }

    /// What the poster locks for a job of `segments`.
    pub fn escrow(&self, segments: u64) -> Amount {
        let segment = self.price.plus(self.hold_fee.times(self.custodians.into()));
        let check = self.check_fee.times(self.checkers.into());
        segment.times(segments).plus(check.times(self.draws(segments)))
    }

    /// The tax of a segment.
    pub fn tax(&self) -> Amount {
        self.jackpot.part_up(FORCED)
    }
}

/// The protocol's part of a segment's price.
pub fn protocol_fee(price: Amount) -> Amount {
    price.part(PROTOCOL_FEE)
}

/// Refuses what is below the least or above the limit.
pub(crate) fn inside<T: Into<u128>>(what: &'static str, found: T, least: T, limit: T) -> Result<(), Refusal> {
    let (found, least, limit) = (found.into(), least.into(), limit.into());
    if (least..=limit).contains(&found) {
        Ok(())
    } else {
        Err(Refusal::OutOfRange { what, found, least, limit })
    }
}

/// What a Spec's digest is made of, and its program's (commitment.md §1, §5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpecOpening {
    /// The program's version.
    pub version: u32,
    /// The node whose only element is the loss.
    pub loss: u32,
    /// The node whose only element is the norm of the gradient.
    pub grad_norm: u32,
    /// List root of the declarations of states.
    pub states: Digest,
    /// List root of the declarations of tables.
    pub table_declarations: Digest,
    /// List root of the nodes.
    pub nodes: Digest,
    /// List root of the sinks.
    pub sinks: Digest,
    /// State root before the job's first step.
    pub initial: Digest,
    /// List root of the tables' roots.
    pub tables: Digest,
    /// Steps of the job.
    pub steps: u64,
    /// Steps of a segment; the last one may be shorter.
    pub segment_steps: u64,
    /// The job's numerics.
    pub profile: String,
}

impl SpecOpening {
    /// The Spec's digest; the zero digest for a profile that is too long to be encoded or not ASCII, which names no job.
    pub fn digest(&self) -> Digest {
        let (version, loss, grad_norm) =
            (self.version.to_be_bytes(), self.loss.to_be_bytes(), self.grad_norm.to_be_bytes());
        let lists = [&self.states, &self.table_declarations, &self.nodes, &self.sinks].map(Digest::as_ref);
        let [states, tables, nodes, sinks] = lists;
        let program = hash(Tag::Program, &[&version, states, tables, nodes, sinks, &loss, &grad_norm]);
        let mut spec = Encoder::new();
        [program, self.initial, self.tables].iter().for_each(|digest| spec.raw(digest.as_ref()));
        spec.u64(self.steps);
        spec.u64(self.segment_steps);
        let length = u16::try_from(self.profile.len()).ok().filter(|_| self.profile.is_ascii());
        let Some(length) = length else { return Digest::ZERO };
        spec.u16(length);
        spec.raw(self.profile.as_bytes());
        hash(Tag::Spec, &[spec.as_bytes()])
    }

    /// Segments of the job.
    pub fn segments(&self) -> u64 {
        self.steps.div_ceil(self.segment_steps)
    }

    /// Refuses a job that is empty or beyond a limit.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        inside("segmentSteps", self.segment_steps, 1, SEGMENT_STEPS_LIMIT)?;
        inside("steps", self.steps, 1, u64::MAX)?;
        inside("segments", self.segments(), 1, SEGMENT_LIMIT)
    }
}

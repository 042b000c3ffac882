//! What is posted: the opening of a Spec, and terms.

use super::field::Field;
use super::wire::{self, Calls};
use samebit_commit::Digest;
use samebit_market::{Amount, MarketMessage, Owner, Ppm, Seconds, SpecOpening, Terms};

impl Calls::postCall {
    pub fn new(spec: &SpecOpening, terms: &Terms, nonce: u64) -> Calls::postCall {
        Calls::postCall { spec: spec.into(), profile: spec.profile.clone(), terms: terms.into(), nonce }
    }

    pub fn message(self) -> MarketMessage {
        MarketMessage::Post {
            spec: self.spec.with(self.profile),
            terms: self.terms.read(),
            nonce: self.nonce,
        }
    }
}

impl From<&SpecOpening> for wire::SpecOpening {
    fn from(spec: &SpecOpening) -> wire::SpecOpening {
        wire::SpecOpening {
            version: spec.version,
            loss: spec.loss,
            grad_norm: spec.grad_norm,
            states: spec.states.given(),
            table_declarations: spec.table_declarations.given(),
            nodes: spec.nodes.given(),
            sinks: spec.sinks.given(),
            initial: spec.initial.given(),
            tables: spec.tables.given(),
            steps: spec.steps,
            segment_steps: spec.segment_steps,
        }
    }
}

impl wire::SpecOpening {
    fn with(self, profile: String) -> SpecOpening {
        SpecOpening {
            version: self.version,
            loss: self.loss,
            grad_norm: self.grad_norm,
            states: Digest(self.states.0),
            table_declarations: Digest(self.table_declarations.0),
            nodes: Digest(self.nodes.0),
            sinks: Digest(self.sinks.0),
            initial: Digest(self.initial.0),
            tables: Digest(self.tables.0),
            steps: self.steps,
            segment_steps: self.segment_steps,
            profile,
        }
    }
}

impl From<&Terms> for wire::Terms {
    fn from(terms: &Terms) -> wire::Terms {
        wire::Terms {
            amounts: wire::Amounts {
                price: terms.price.0,
                check_fee: terms.check_fee.0,
                hold_fee: terms.hold_fee.0,
                deposit: terms.deposit.0,
                challenge_bond: terms.challenge_bond.0,
                challenge_cost: terms.challenge_cost.0,
                jackpot: terms.jackpot.0,
                question_bond: terms.question_bond.0,
            },
            counts: wire::Counts {
                draw_rate: terms.draw_rate.0,
                checkers: terms.checkers,
                custodians: terms.custodians,
                quorum: terms.quorum,
                credit: terms.credit,
            },
            times: wire::Times {
                claim_seconds: terms.claim_seconds.0,
                hold_seconds: terms.hold_seconds.0,
                announce_seconds: terms.announce_seconds.0,
                seal_seconds: terms.seal_seconds.0,
                open_seconds: terms.open_seconds.0,
                challenge_seconds: terms.challenge_seconds.0,
                reveal_seconds: terms.reveal_seconds.0,
                contest_seconds: terms.contest_seconds.0,
                entry_seconds: terms.entry_seconds.0,
                clock_seconds: terms.clock_seconds.0,
                extension_seconds: terms.extension_seconds.0,
            },
            solver: terms.solver.given(),
        }
    }
}

impl wire::Terms {
    fn read(self) -> Terms {
        let wire::Terms { amounts, counts, times, solver } = self;
        Terms {
            price: Amount(amounts.price),
            check_fee: Amount(amounts.check_fee),
            hold_fee: Amount(amounts.hold_fee),
            deposit: Amount(amounts.deposit),
            challenge_bond: Amount(amounts.challenge_bond),
            challenge_cost: Amount(amounts.challenge_cost),
            jackpot: Amount(amounts.jackpot),
            question_bond: Amount(amounts.question_bond),
            draw_rate: Ppm(counts.draw_rate),
            checkers: counts.checkers,
            custodians: counts.custodians,
            quorum: counts.quorum,
            credit: counts.credit,
            claim_seconds: Seconds(times.claim_seconds),
            hold_seconds: Seconds(times.hold_seconds),
            announce_seconds: Seconds(times.announce_seconds),
            seal_seconds: Seconds(times.seal_seconds),
            open_seconds: Seconds(times.open_seconds),
            challenge_seconds: Seconds(times.challenge_seconds),
            reveal_seconds: Seconds(times.reveal_seconds),
            contest_seconds: Seconds(times.contest_seconds),
            entry_seconds: Seconds(times.entry_seconds),
            clock_seconds: Seconds(times.clock_seconds),
            extension_seconds: Seconds(times.extension_seconds),
            solver: Owner(solver.0.0),
        }
    }
}

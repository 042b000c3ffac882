//! Market, Stake and Fund, deployed over a beacon and a court: take the messages of the Rust twin.

use super::events::event;
use super::papers::{Asked, Keys, Letterhead};
use crate::contracts::{Fund, Market, Stake, TestToken, part};
use crate::{Evm, EvmError};
use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall, SolValue};
use samebit_chain::protocol::{self, Contracts, Domain};
use samebit_market::{
    Amount, Event, Height, JobId, MarketMessage, Message, Moment, Owner, Pot, Seat, SeatId, Seconds, Site,
};
use std::collections::BTreeMap;

/// The chain on which the EVM believes to be.
pub const CHAIN_ID: u64 = 1;

/// What Market stands on.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    /// The token that everything is paid in.
    pub token: Address,
    /// Where chance comes from.
    pub beacon: Address,
    /// Who settles arguments.
    pub court: Address,
}

/// Where everything is.
#[derive(Clone, Copy, Debug)]
pub struct Deployed {
    /// What it stands on.
    pub side: Side,
    /// Market.
    pub market: Address,
    /// Stake.
    pub stake: Address,
    /// Fund.
    pub fund: Address,
}

/// What the contracts did.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What they told.
    pub events: Vec<Event>,
    /// Gas of the whole transaction.
    pub gas: u64,
}

/// A chain with the contracts on it.
pub struct Bazaar {
    /// The chain.
    pub evm: Evm,
    /// Where everything is.
    pub at: Deployed,
    /// The keys of those who sign.
    pub keys: Keys,
    treasury: Owner,
    slow_block: Seconds,
    solvers: BTreeMap<JobId, Owner>,
    asked: BTreeMap<JobId, Asked>,
}

impl Bazaar {
    /// Deploys everything over what `deploy` puts on an empty chain, whose slow blocks take so long.
    ///
    /// # Errors
    /// Why the contracts do not deploy.
    pub fn over(
        deploy: impl FnOnce(&mut Evm) -> Result<Side, EvmError>,
        treasury: Owner,
        slow_block: Seconds,
        keys: Keys,
    ) -> Result<Bazaar, EvmError> {
        let mut evm = Evm::new();
        let side = deploy(&mut evm)?;
        let chance = side.beacon.abi_encode();
        let court = side.court.abi_encode();
        let parts = Market::Parts {
            begin: evm.deploy_with(&part("Begin"), &chance)?,
            claims: evm.deploy(&part("Claims"))?,
            draws: evm.deploy_with(&part("Draws"), &chance)?,
            check: evm.deploy_with(&part("Check"), &chance)?,
            reveals: evm.deploy(&part("Reveals"))?,
            catches: evm.deploy(&part("Catches"))?,
            argue: evm.deploy_with(&part("Argue"), &court)?,
            interior: evm.deploy(&part("Interior"))?,
            settle: evm.deploy(&part("Settle"))?,
        };
        let seconds = u32::try_from(slow_block.0).expect("the contracts have 32 bits for it");
        let arguments = (side.token, protocol::address(treasury), seconds, parts).abi_encode();
        let market = evm.deploy_with(&Market::BYTECODE, &arguments)?;
        let stake = evm.call(market, &Market::stakeCall {})?.value;
        let fund = evm.call(stake, &Stake::fundCall {})?.value;
        let at = Deployed { side, market, stake, fund };
        let (solvers, asked) = (BTreeMap::new(), BTreeMap::new());
        Ok(Bazaar { evm, at, keys, treasury, slow_block, solvers, asked })
    }

    /// Where the contracts are, for the twin.
    pub fn site(&self) -> Site {
        let owner = |address: Address| Owner(address.0.0);
        Site {
            chain_id: CHAIN_ID,
            market: owner(self.at.market),
            fund: owner(self.at.fund),
            treasury: self.treasury,
            slow_block: self.slow_block,
        }
    }

    /// Gives somebody tokens, which Stake may take.
    ///
    /// # Panics
    /// If the token is none that everybody can make.
    pub fn purse(&mut self, owner: Owner, amount: Amount) {
        let (token, person) = (self.at.side.token, protocol::address(owner));
        let mint = TestToken::mintCall { to: person, amount: U256::from(amount.0) };
        self.say(owner, token, mint.abi_encode().into()).expect("a token of tests");
        let approve = TestToken::approveCall { spender: self.at.stake, value: U256::MAX };
        self.say(owner, token, approve.abi_encode().into()).expect("a token of tests");
    }

    /// What Dispute is to be told of a job's program.
    pub fn teach(&mut self, job: JobId, asked: Asked) {
        self.asked.insert(job, asked);
    }

    /// Sets the chain's clock.
    pub fn set(&mut self, now: Moment) {
        self.evm.set_time(now.time.0);
        self.evm.set_height(now.height.0);
    }

    /// Where the contracts are, for who talks to them.
    pub fn contracts(&self) -> Contracts {
        let Deployed { side: Side { token, beacon, court }, market, stake, fund } = self.at;
        Contracts { market, stake, fund, dispute: court, beacon, token }
    }

    /// For which contract words count here.
    pub fn domain(&self) -> Domain {
        Domain::from(&self.site())
    }

    /// The call of a message, and the contract that takes it.
    ///
    /// # Panics
    /// If a message cannot be said: here everybody's word comes with it.
    pub fn call(&self, message: &Message) -> (Address, Bytes) {
        let job = match message {
            Message::Market(message) => message.job(),
            _ => None,
        };
        let solver = job.and_then(|job| self.solvers.get(&job)).copied().unwrap_or_default();
        let papers = Letterhead { keys: &self.keys, domain: self.domain(), solver };
        let call = self.contracts().encode(Owner::default(), &self.whole(job, message), &papers);
        let call = call.unwrap_or_else(|error| panic!("{error}: {message:?}"));
        (*call.to.to().expect("a contract takes it"), call.data)
    }

    /// A message with what it asks, if it asks Dispute.
    fn whole(&self, job: Option<JobId>, message: &Message) -> protocol::Message {
        match message {
            Message::Market(challenge @ MarketMessage::Challenge { .. }) => {
                let asked = job.and_then(|job| self.asked.get(&job)).cloned().unwrap_or_default();
                let Asked { question, header } = asked;
                protocol::Message::Challenge { challenge: challenge.clone(), question, header }
            }
            message => protocol::Message::Market(message.clone()),
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The contract's refusal, or the EVM's.
    pub fn send(&mut self, now: Moment, sender: Owner, message: &Message) -> Result<Outcome, EvmError> {
        self.set(now);
        let (to, data) = self.call(message);
        self.say(sender, to, data)
    }

    /// What would come of a message, of which nothing is kept.
    ///
    /// # Errors
    /// As [`Bazaar::send`].
    pub fn dry(&mut self, now: Moment, sender: Owner, message: &Message) -> Result<Outcome, EvmError> {
        let (to, data) = self.call(message);
        self.dry_data(now, sender, to, data)
    }

    /// What would come of whatever bytes, of which nothing is kept.
    ///
    /// # Errors
    /// As [`Bazaar::send`].
    pub fn dry_data(
        &mut self,
        now: Moment,
        sender: Owner,
        to: Address,
        data: Bytes,
    ) -> Result<Outcome, EvmError> {
        self.set(now);
        let (answer, logs) = self.evm.dry(protocol::address(sender), to, data)?;
        Ok(Outcome { events: logs.iter().filter_map(event).collect(), gas: answer.gas })
    }

    /// Sends a call.
    ///
    /// # Errors
    /// The contract's refusal, or the EVM's.
    pub fn say(&mut self, sender: Owner, to: Address, data: Bytes) -> Result<Outcome, EvmError> {
        let (answer, logs) = self.evm.send_logged(protocol::address(sender), to, U256::ZERO, data)?;
        let events: Vec<Event> = logs.iter().filter_map(event).collect();
        for event in &events {
            if let Event::Accepted { job, solver, .. } = event {
                self.solvers.insert(*job, *solver);
            }
        }
        Ok(Outcome { events, gas: answer.gas })
    }

    /// The time of a slow block, as Market tells of it.
    ///
    /// # Panics
    /// If Market does not answer.
    pub fn slow_block(&mut self) -> Seconds {
        let seconds = self.evm.call(self.at.market, &Market::slowBlockCall {}).expect("a view").value;
        Seconds(seconds.into())
    }

    /// What somebody may withdraw, lock or turn into a seat.
    ///
    /// # Panics
    /// If Stake does not answer.
    pub fn free(&mut self, owner: Owner) -> Amount {
        let call = Stake::freeOfCall { owner: protocol::address(owner) };
        Amount(self.evm.call(self.at.stake, &call).expect("a view").value)
    }

    /// What is in a pot.
    ///
    /// # Panics
    /// If Fund does not answer.
    pub fn pot(&mut self, pot: Pot) -> Amount {
        let call = Fund::potOfCall { pot: pot as u8 };
        Amount(self.evm.call(self.at.fund, &call).expect("a view").value)
    }

    /// How many seats there are.
    ///
    /// # Panics
    /// If Stake does not answer.
    pub fn seats(&mut self) -> u32 {
        self.evm.call(self.at.stake, &Stake::seatCountCall {}).expect("a view").value
    }

    /// A seat.
    ///
    /// # Panics
    /// If Stake does not answer.
    pub fn seat(&mut self, seat: SeatId) -> Seat {
        let held = self.evm.call(self.at.stake, &Stake::seatOfCall { id: seat.0 }).expect("a view").value;
        let left = Moment { time: Seconds(held.left.time), height: Height(held.left.height) };
        Seat {
            owner: Owner(held.owner.0.0),
            since: Height(held.since),
            left: (left.height.0 != 0).then_some(left),
            rest: Amount(held.rest),
        }
    }

    /// A job as Market tells of it.
    ///
    /// # Panics
    /// If Market does not answer.
    pub fn job(&mut self, job: JobId) -> Market::JobView {
        self.evm.call(self.at.market, &Market::jobOfCall { id: job.0.0.into() }).expect("a view").value
    }

    /// How much of the token somebody has.
    ///
    /// # Panics
    /// If the token does not answer.
    pub fn tokens(&mut self, owner: Address) -> u128 {
        let call = TestToken::balanceOfCall { account: owner };
        self.evm.call(self.at.side.token, &call).expect("a view").value.to()
    }

    /// What Stake says that it holds.
    ///
    /// # Panics
    /// If Stake does not answer.
    pub fn total(&mut self) -> u128 {
        self.evm.call(self.at.stake, &Stake::totalCall {}).expect("a view").value
    }

    /// Whether what Stake says that it holds is what it has of the token.
    ///
    /// # Panics
    /// If a contract does not answer.
    pub fn is_funded(&mut self) -> bool {
        self.tokens(self.at.stake) == self.total()
    }
}

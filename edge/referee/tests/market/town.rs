//! The contracts and their twin side by side: whatever is said is said to both, and both do the same.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;
use samebit_commit::Digest;
use samebit_market::testing::{self, Chain, TREASURY};
use samebit_market::{
    Amount, Claim, Event, MarketMessage, Message, Owner, Pot, Question, Refusal, SeatId, Seconds,
    StakeMessage, params,
};
use samebit_referee::market::{Bazaar, Keys, Side, refusals};
use samebit_referee::{Evm, EvmError, TestToken, ToyBeacon, ToyCourt, YesWallet};
use std::collections::BTreeMap;

/// People that a town can have.
const PEOPLE: u8 = 12;
/// Tokens that everybody has.
const TOKENS: u128 = 1 << 110;

/// A chain twice.
pub struct Town {
    /// The twin.
    pub chain: Chain,
    /// The contracts.
    pub bazaar: Bazaar,
    /// People with keys, tokens and nothing else.
    pub people: Vec<Owner>,
    /// Gas of accepted messages, by name.
    pub gas: BTreeMap<String, Vec<u64>>,
}

/// The contracts over the beacon and court of `testing::Chain` and a token, with people who have keys and as many tokens.
pub fn bazaar_of(token: &Bytes, tokens: u128, slow_block: Seconds) -> (Bazaar, Vec<Owner>) {
    let (keys, people) = Keys::new(PEOPLE);
    let mut bazaar = deploy(token, slow_block, keys);
    people.iter().for_each(|&person| bazaar.purse(person, Amount(tokens)));
    (bazaar, people)
}

/// The same with the token of tests and this seed of the beacon.
pub fn bazaar(seed: u64) -> (Bazaar, Vec<Owner>) {
    slow_bazaar(seed, params::SLOW_BLOCK)
}

/// The same on a chain whose slow blocks take so long.
pub fn slow_bazaar(seed: u64, slow_block: Seconds) -> (Bazaar, Vec<Owner>) {
    let (mut bazaar, people) = bazaar_of(&TestToken::BYTECODE, TOKENS, slow_block);
    sow(&mut bazaar, seed);
    (bazaar, people)
}

/// The same for the people of `testing::owner`, who have no keys but wallets that have signed everything.
pub fn wallets() -> (Bazaar, Vec<Owner>) {
    let mut bazaar = deploy(&TestToken::BYTECODE, params::SLOW_BLOCK, Keys::default());
    let wallet = bazaar.evm.deploy(&YesWallet::BYTECODE).expect("a wallet deploys");
    let people: Vec<Owner> = (1..=PEOPLE + 8).map(testing::owner).collect();
    for &person in &people {
        bazaar.purse(person, Amount(TOKENS));
        bazaar.evm.delegate(person.0.into(), wallet);
    }
    (bazaar, people)
}

/// The same with the court that `court` puts on the chain.
pub fn bazaar_before(
    court: impl FnOnce(&mut Evm) -> Result<Address, EvmError>,
    seed: u64,
) -> (Bazaar, Vec<Owner>) {
    let (keys, people) = Keys::new(PEOPLE);
    let deployed = deploy_over(&TestToken::BYTECODE, court, params::SLOW_BLOCK, keys);
    let mut bazaar = deployed.expect("everything deploys");
    people.iter().for_each(|&person| bazaar.purse(person, Amount(TOKENS)));
    sow(&mut bazaar, seed);
    (bazaar, people)
}

fn deploy(token: &Bytes, slow_block: Seconds, keys: Keys) -> Bazaar {
    deploy_over(token, toy_court, slow_block, keys).expect("everything deploys")
}

/// Puts the toy court on a chain.
pub fn toy_court(evm: &mut Evm) -> Result<Address, EvmError> {
    evm.deploy(&ToyCourt::BYTECODE)
}

/// Everything over this token and court, on a chain whose slow blocks take so long.
pub fn deploy_over(
    token: &Bytes,
    court: impl FnOnce(&mut Evm) -> Result<Address, EvmError>,
    slow_block: Seconds,
    keys: Keys,
) -> Result<Bazaar, EvmError> {
    let deploy = |evm: &mut Evm| {
        Ok(Side { token: evm.deploy(token)?, beacon: evm.deploy(&ToyBeacon::BYTECODE)?, court: court(evm)? })
    };
    Bazaar::over(deploy, TREASURY, slow_block, keys)
}

/// Has the beacon say what that of a chain with this seed says.
pub fn sow(bazaar: &mut Bazaar, seed: u64) {
    let (beacon, call) = (bazaar.at.side.beacon, ToyBeacon::sowCall { seed: U256::from(seed) });
    bazaar.say(TREASURY, beacon, call.abi_encode().into()).expect("the toy does what it is told");
}

/// The name of the error that a revert carries.
pub fn names_of(data: &Bytes) -> Option<String> {
    refusals::of_revert(data).map(str::to_owned)
}

/// Has the toy court say of a question what `testing::Chain` says.
pub fn close(bazaar: &mut Bazaar, nonce: Digest, question: Question, claims: &[Claim]) {
    let (status, answer) = match question {
        Question::Open => return,
        Question::Answered { root, .. } => (2, root),
        Question::Unanswered => (3, Digest::ZERO),
        Question::Void => (4, Digest::ZERO),
    };
    let call = ToyCourt::closeCall {
        id: nonce.0.into(),
        status,
        answer: answer.0.into(),
        owners: claims.iter().map(|claim| claim.owner.0.into()).collect(),
        lived: claims.iter().map(|claim| claim.has_lived).collect(),
    };
    let court = bazaar.at.side.court;
    bazaar.say(Owner([1; 20]), court, call.abi_encode().into()).expect("the toy does what it is told");
}

/// The name of a message.
pub fn kind(message: &Message) -> String {
    let text = match message {
        Message::Stake(message) => format!("{message:?}"),
        Message::Fund(message) => format!("{message:?}"),
        Message::Market(message) => format!("{message:?}"),
    };
    text.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// Refuses a difference between what the twin and the contracts did with a message; the gas of one that was accepted.
pub fn compare(
    name: &str,
    twin: &Result<Vec<Event>, Refusal>,
    contracts: Result<samebit_referee::market::Outcome, EvmError>,
) -> Option<u64> {
    match (contracts, twin) {
        (Ok(outcome), Ok(events)) => {
            assert_eq!(outcome.events, *events, "{name}");
            Some(outcome.gas)
        }
        (Err(EvmError::Reverted(data)), Err(refusal)) => {
            let expected = refusals::of_twin(refusal);
            let found = refusals::of_revert(&data);
            assert_eq!(found, Some(expected.as_str()), "{name}: {refusal}, reverted with {data}");
            None
        }
        (contracts, twin) => panic!("{name}: {twin:?}, the contracts {contracts:?}"),
    }
}

/// Everybody has as much here as there, to the last unit; together with what lies in seats it is all that Stake holds, and what the token says.
pub fn check_money(bazaar: &mut Bazaar, market: &samebit_market::Market, people: &[Owner], name: &str) {
    let site = *market.site();
    let mut sum = 0;
    for owner in people.iter().copied().chain([site.market, site.fund, site.treasury]) {
        let free = bazaar.free(owner);
        assert_eq!(free, market.free(owner), "{name}: free of {owner}");
        sum += free.0;
    }
    sum += (0..bazaar.seats()).map(|at| bazaar.seat(SeatId(at)).rest.0).sum::<u128>();
    assert_eq!(sum, bazaar.total(), "{name}: money was made or lost");
    assert!(bazaar.is_funded(), "{name}: Stake has other tokens than it says");
    let pots = [Pot::Jackpot, Pot::Insurance, Pot::Fees].map(|pot| {
        let held = bazaar.pot(pot);
        assert_eq!(held, market.pot(pot), "{name}: {pot:?}");
        held.0
    });
    assert_eq!(pots.iter().sum::<u128>(), bazaar.free(site.fund).0, "{name}: the pots");
    assert!(market.is_balanced(), "{name}: jobs account for other money than Market has");
}

impl Town {
    /// A chain on which everything was just deployed.
    pub fn new(seed: u64) -> Town {
        let (bazaar, people) = bazaar(seed);
        Town::of(bazaar, people, seed)
    }

    /// The same over these contracts, whose beacon has this seed.
    pub fn of(bazaar: Bazaar, people: Vec<Owner>, seed: u64) -> Town {
        let chain = Chain::at(bazaar.site(), seed);
        Town { chain, bazaar, people, gas: BTreeMap::new() }
    }

    /// Says something to both.
    pub fn say(&mut self, sender: Owner, message: &Message) -> Result<Vec<Event>, Refusal> {
        let found = self.bazaar.send(self.chain.now, sender, message);
        let result = self.chain.say(sender, message);
        let name = format!("{message:?} by {sender} at {:?}", self.chain.now);
        if let Some(gas) = compare(&name, &result, found) {
            self.gas.entry(kind(message)).or_default().push(gas);
        }
        result
    }

    /// Says something to both Markets.
    pub fn tell(&mut self, sender: Owner, message: MarketMessage) -> Result<Vec<Event>, Refusal> {
        self.say(sender, &Message::Market(message))
    }

    /// Pays money in for somebody.
    pub fn fund(&mut self, owner: Owner, amount: Amount) {
        self.say(owner, &Message::Stake(StakeMessage::Deposit(amount))).expect("it has tokens");
    }

    /// Gives somebody a seat.
    pub fn seat(&mut self, owner: Owner) {
        self.fund(owner, samebit_market::params::SEAT);
        self.say(owner, &Message::Stake(StakeMessage::Join)).expect("it can pay");
    }

    /// Everybody has as much here as there.
    pub fn check_money(&mut self, name: &str) {
        check_money(&mut self.bazaar, &self.chain.market, &self.people, name);
    }
}

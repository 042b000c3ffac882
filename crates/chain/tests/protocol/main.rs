//! A job from its posting to its last payment on the real contracts, told block by block; what a peer makes of the blocks is what the contracts say.

mod challenge;
#[path = "../../../roles/tests/common/mod.rs"]
mod common;
mod world;

use alloy::primitives::U256;
use samebit_chain::protocol::{
    Domain, Message, Papers, Protocol, ProtocolError, Signature, Word, address, owner, sign, signer,
};
use samebit_chain::types::Address;
use samebit_chain::{Client, LogOptions, accounts};
use samebit_dispute::{Question, QuestionId};
use samebit_market::testing::{Chain, Script, Toy};
use samebit_market::{
    Amount, FundMessage, JobStage, MarketMessage, Message as MarketOrMoney, Owner, Pot, SeatId, Seconds,
    StakeMessage, params,
};
use std::collections::{BTreeMap, BTreeSet};
use world::{PEOPLE, PURSE, ROUNDS, World};

/// Seconds that pass when nothing is due: OPEN_DELAY blocks of that are less than the time to open.
const WAIT: u64 = 10;

fn kind(message: &MarketMessage) -> String {
    format!("{message:?}").split([' ', '{']).next().expect("a name").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_told_to_its_end() {
    let mut world = World::new().await;
    world.fund().await;
    world.compare().await;
    let chain = Chain::at(*world.protocol.site(), 0);
    let script = Script::of(&chain, &world.people, Toy::new(3), Script::terms(), 0);
    world.say(script.poster, script.post.clone()).await.expect("it can pay");
    world.read().await;
    let (mut kinds, mut rounds, mut spoken) = (BTreeMap::<String, u32>::new(), 0, Vec::new());
    while world.ledger.job(script.job).expect("it was posted").stage != JobStage::Done {
        rounds += 1;
        assert!(rounds < ROUNDS, "the job goes on: {:?}", world.ledger.job(script.job));
        match world.round(&script, rounds % 2 == 0).await {
            Some(message) => {
                *kinds.entry(kind(&message)).or_default() += 1;
                spoken.push(message);
            }
            None => assert!(world.devnet.client.advance_clock(WAIT).await.expect("a clock")),
        }
        world.read().await;
        if rounds % 20 == 0 {
            world.compare().await;
        }
    }
    println!("{} blocks, {rounds} rounds: {kinds:?}", world.blocks.len());
    for expected in [
        "Accept",
        "Appoint",
        "Claim",
        "Hold",
        "Draw",
        "Announce",
        "Seal",
        "OpenVerifier",
        "OpenSolver",
        "Reveal",
        "Settle",
    ] {
        assert!(kinds.contains_key(expected), "{expected}: {kinds:?}");
    }
    let told = world.blocks.iter().flat_map(|block| &block.said);
    let told: Vec<&MarketMessage> = told
        .filter_map(|said| match &said.message {
            Message::Market(MarketOrMoney::Market(message)) => Some(message),
            _ => None,
        })
        .collect();
    assert_eq!(told, [&script.post].into_iter().chain(&spoken).collect::<Vec<_>>(), "each once, in order");
    let senders: BTreeSet<Owner> =
        world.blocks.iter().flat_map(|block| &block.said).map(|said| said.sender).collect();
    assert!(senders.contains(&owner(world.relays[0])), "some were said by a contract");
    assert!(world.ledger.market().is_balanced());
    world.compare().await;
    money_through_a_contract(&mut world).await;
    late(&world).await;
}

/// Fees go to a contract, which registers, takes them out and comes back with nothing: all of it is told, or the ledger would not agree.
async fn money_through_a_contract(world: &mut World) {
    let treasury = world.protocol.site().treasury;
    let [_, relay] = world.relays;
    let fees = world.ledger.market().pot(Pot::Fees);
    let amount = Amount(fees.0 / 2);
    assert!(amount.0 > 0, "the protocol has earned something");
    let take = FundMessage::Take { pot: Pot::Fees, to: owner(relay), amount };
    world.say(treasury, Message::Market(MarketOrMoney::Fund(take))).await.expect("it is the treasury");
    for message in [StakeMessage::Register(vec![1, 2, 3]), StakeMessage::Withdraw(amount)] {
        world.relay(world.people[0], relay, &message.into()).await;
    }
    world.read().await;
    assert_eq!(world.protocol.tokens(owner(relay)).await.expect("a view"), amount);
    world.compare().await;
    let told = world.blocks.iter().flat_map(|block| &block.said).filter(|said| said.sender == owner(relay));
    assert_eq!(told.count(), 2, "one registration, one withdrawal");
}

/// Who comes late, or over HTTP, is told the same.
async fn late(world: &World) {
    let url = world.devnet.config.rpc_url.clone().expect("it is served");
    let distant = Client::connect(&url).await.expect("a server");
    let contracts = *world.protocol.contracts();
    // Blocks old enough are read by pages, the others one by one.
    for (client, depth) in [(&world.devnet.client, 64), (&distant, 3), (&distant, 64)] {
        let options = LogOptions { reorg_depth: depth, page_blocks: 17 };
        let mut log = Protocol::at(client, contracts).await.expect("one system").log(0, options);
        let mut blocks = Vec::new();
        loop {
            let more = log.poll().await.expect("a log");
            if more.is_empty() {
                break;
            }
            blocks.extend(more);
        }
        assert_eq!(blocks.len(), world.blocks.len());
        assert!(blocks == world.blocks, "the same blocks");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_says_why() {
    let mut world = World::new().await;
    let person = world.people[0];
    let refused = world.say(person, StakeMessage::Join).await.unwrap_err();
    let ProtocolError::Refused { what, name, reason } = &refused else { panic!("{refused}") };
    assert_eq!((what.as_str(), *name), ("Join", Some("NotEnough")));
    assert!(reason.contains(&address(person).to_string()) && reason.contains("hint: deposit"), "{reason}");
    let seat = SeatId(3);
    let refused = world.say(person, StakeMessage::Leave(seat)).await.unwrap_err();
    assert!(matches!(&refused, ProtocolError::Refused { name: Some("UnknownSeat"), .. }), "{refused}");
    world.fund().await;
    let chain = Chain::at(*world.protocol.site(), 0);
    let script = Script::of(&chain, &world.people, Toy::new(1), Script::terms(), 0);
    world.say(script.poster, script.post.clone()).await.expect("it can pay");
    let again = world.say(script.poster, script.post.clone()).await.unwrap_err();
    assert!(matches!(&again, ProtocolError::Refused { name: Some("JobExists"), .. }), "{again}");
    wrong_words(&world, &script).await;
    let mut foreign = *world.protocol.contracts();
    foreign.beacon = foreign.token;
    let wrong = Protocol::at(&world.devnet.client, foreign).await.unwrap_err();
    assert!(matches!(wrong, ProtocolError::Foreign { name: "beacon", .. }), "{wrong}");
    foreign.beacon = Address::repeat_byte(9);
    let missing = Protocol::at(&world.devnet.client, foreign).await.unwrap_err();
    assert!(matches!(missing, ProtocolError::NoContract { name: "beacon", .. }), "{missing}");
}

/// A solver's word for another chain, another market, another price, or bent so that it verifies all the same, is refused by the contract.
async fn wrong_words(world: &World, script: &Script) {
    let site = *world.protocol.site();
    let solver_key = accounts::key(2);
    assert_eq!(owner(solver_key.address()), script.solver);
    let mut accept = script.accept(samebit_market::AttemptId(0));
    let now = world.devnet.client.head().await.expect("a head").timestamp;
    let MarketMessage::Accept { job, attempt, price, secrets, expiry, is_signed, .. } = &mut accept else {
        panic!("an acceptance")
    };
    (*expiry, *is_signed) = (Seconds(now + 600), true);
    let word = Word::Ask { job: *job, attempt: *attempt, price: *price, secrets: *secrets, expiry: *expiry };
    let cheaper = Word::Ask {
        job: *job,
        attempt: *attempt,
        price: Amount(price.0 - 1),
        secrets: *secrets,
        expiry: *expiry,
    };
    let here = Domain::from(&site);
    let good = sign(&solver_key, &here, &word);
    let order: U256 =
        "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141".parse().expect("a number");
    let mut upper = good;
    upper[32..64].copy_from_slice(&(order - U256::from_be_slice(&good[32..64])).to_be_bytes::<32>());
    upper[64] ^= 27 ^ 28;
    let wrong = [
        sign(&solver_key, &Domain { chain_id: 1, ..here }, &word),
        sign(&solver_key, &Domain { market: site.fund, ..here }, &word),
        sign(&solver_key, &here, &cheaper),
        sign(&accounts::key(3), &here, &word),
        upper,
        [0; 65],
    ];
    for signature in wrong {
        let refused = world
            .protocol
            .send(&world.senders[&script.poster], &accept.clone().into(), &One(signature))
            .await;
        let refused = refused.unwrap_err();
        assert!(matches!(&refused, ProtocolError::Refused { name: Some("WrongSignature"), .. }), "{refused}");
        assert_ne!(signer(&here, &word, &signature), Ok(script.solver));
    }
    let taken = world.protocol.send(&world.senders[&script.poster], &accept.into(), &One(good)).await;
    taken.unwrap_or_else(|error| panic!("{error}"));
}

/// One signature, whatever is asked for.
struct One(Signature);

impl Papers for One {
    fn signature(&self, _: Owner, _: &Word) -> Option<Signature> {
        Some(self.0)
    }

    fn question(&self, _: QuestionId) -> Option<Question> {
        None
    }
}

#[test]
fn a_development_chain_can_hold_everybodys_money() {
    assert!(PURSE.0 > params::SEAT.0 && PURSE.0 * u128::from(PEOPLE) < params::MONEY_LIMIT.0);
}

//! A job from its posting to its last payment on the real contracts, told block by block; what a peer makes of the blocks is what the contracts say.

use alloy::primitives::{Bytes, U256};
use alloy::sol_types::SolValue;
use samebit_chain::protocol::{
    Block, BlockLog, Contracts, Domain, Message, Papers, Protocol, ProtocolError, Signature, Word, address,
    owner, sign, signer,
};
use samebit_chain::types::{Address, sol};
use samebit_chain::{
    Artifact, Client, Devnet, LogOptions, Moment as At, Options, Receipt, Sender, SenderOptions, accounts,
};
use samebit_dispute::{Question, QuestionId};
use samebit_market::testing::{Chain, Script, Toy};
use samebit_market::{
    Amount, FundMessage, JobStage, MarketMessage, Message as MarketOrMoney, Owner, Pot, SeatId, Seconds,
    StakeMessage, params,
};
use samebit_roles::{Arithmetic, Ledger};
use std::collections::{BTreeMap, BTreeSet};
use tempfile::TempDir;

sol! {
    struct JobView {
        uint8 stage;
        address poster;
        bytes32 spec;
        bytes32 state;
        uint128 escrow;
        uint64 settled;
        uint64 draws;
        uint64 attempts;
    }
    struct SeatView { address owner; uint64 since; uint64 left_time; uint64 left_height; uint128 rest; }

    interface Views {
        function jobOf(bytes32 job) returns (JobView job);
        function seatOf(uint32 seat) returns (SeatView seat);
        function seatCount() returns (uint32 seats);
        function creditOf(address owner) returns (uint256 amount);
    }
}

/// Money that everybody has.
const PURSE: Amount = Amount(1 << 80);
/// Messages and pauses until a job has ended.
const ROUNDS: usize = 2_000;
/// People: poster, solver, heir, watcher, and those with seats.
const PEOPLE: u32 = 8;

/// What was signed, by those whose keys the test has.
struct Signed {
    domain: Domain,
    solver: Option<Owner>,
}

impl Papers for Signed {
    fn signature(&self, by: Owner, word: &Word) -> Option<Signature> {
        let key = (0..=PEOPLE).map(accounts::key).find(|key| owner(key.address()) == by)?;
        let signature = sign(&key, &self.domain, word);
        assert_eq!(signer(&self.domain, word, &signature), Ok(by));
        Some(signature)
    }

    fn question(&self, _: QuestionId) -> Option<Question> {
        None
    }

    fn solver(&self, _: samebit_market::JobId, _: samebit_market::AttemptId) -> Option<Owner> {
        self.solver
    }
}

/// A chain with the contracts, and a peer that follows it.
struct World {
    devnet: Devnet,
    protocol: Protocol,
    senders: BTreeMap<Owner, Sender>,
    people: Vec<Owner>,
    log: BlockLog,
    blocks: Vec<Block>,
    ledger: Ledger,
    relays: [Address; 2],
    _folder: TempDir,
}

/// A contract that hands on what it is told.
fn relay(name: &str, to: Address) -> Artifact {
    let artifact: serde_json::Value =
        serde_json::from_str(include_str!("../../../contracts/artifacts/Relay.json")).expect("JSON");
    let code: Bytes = artifact["bytecode"].as_str().expect("code").parse().expect("hex");
    Artifact::new(name, [code.to_vec(), to.abi_encode()].concat())
}

fn to_roles(message: &Message) -> samebit_roles::Message {
    match message.clone() {
        Message::Market(message) => samebit_roles::Message::Market(message),
        Message::Challenge { challenge, question, header } => {
            samebit_roles::Message::Challenge { challenge, question, header }
        }
        Message::Dispute(message) => samebit_roles::Message::Dispute(message),
    }
}

fn block(block: &Block) -> samebit_roles::Block {
    let said = block.said.iter();
    let said = said.map(|said| samebit_roles::Said { sender: said.sender, message: to_roles(&said.message) });
    samebit_roles::Block {
        moment: block.moment,
        name: block.name,
        parent: block.parent,
        beacon: block.beacon,
        said: said.collect(),
    }
}

impl World {
    async fn new() -> World {
        let folder = TempDir::new().expect("a folder");
        let options = Options { empty_blocks: None, development_clock: true };
        let net = Devnet::in_folder(folder.path())
            .options(options)
            .serve("127.0.0.1:0".parse().expect("an address"));
        let devnet = net.deploy_protocol().start().await.expect("a chain");
        let contracts = Contracts::named(&devnet.config.contracts).expect("all are named");
        let protocol = Protocol::at(&devnet.client, contracts).await.expect("one system");
        let keys = (0..=PEOPLE).map(accounts::key);
        let senders =
            keys.map(|key| (owner(key.address()), devnet.client.sender(key, SenderOptions::default())));
        let people = (1..=PEOPLE).map(|at| owner(accounts::key(at).address())).collect();
        let artifacts = [relay("market", contracts.market), relay("stake", contracts.stake)];
        let senders: BTreeMap<Owner, Sender> = senders.collect();
        let deployer = &senders[&owner(accounts::key(0).address())];
        let made = samebit_chain::deploy(&devnet.client, deployer, &artifacts).await.expect("relays");
        let genesis = protocol.name_before(0).await.expect("a chain has a beginning");
        World {
            log: protocol.log(0, LogOptions::default()),
            blocks: Vec::new(),
            ledger: Ledger::new(*protocol.site(), genesis),
            relays: [made["market"], made["stake"]],
            devnet,
            protocol,
            senders,
            people,
            _folder: folder,
        }
    }

    /// Reads what there is, and has the ledger follow.
    async fn read(&mut self) {
        loop {
            let blocks = self.log.poll().await.expect("a log");
            if blocks.is_empty() {
                return;
            }
            for told in blocks {
                assert_eq!(told.parent, self.ledger.name(), "block {:?}", told.moment);
                let taken = block(&told);
                self.ledger.begin(&taken);
                for said in &taken.said {
                    let logged = self.ledger.apply(&Arithmetic, said.sender, &said.message);
                    logged.unwrap_or_else(|refusal| panic!("{refusal}: {:?}", said.message));
                }
                self.blocks.push(told);
            }
        }
    }

    async fn say(&self, sender: Owner, message: impl Into<Message>) -> Result<Receipt, ProtocolError> {
        let papers = Signed { domain: self.protocol.site().into(), solver: None };
        self.protocol.send(&self.senders[&sender], &message.into(), &papers).await
    }

    /// Says something through a contract that hands it on.
    async fn relay(&self, sender: Owner, through: Address, message: &Message) {
        let papers = Signed { domain: self.protocol.site().into(), solver: None };
        let call =
            self.protocol.contracts().encode(owner(through), message, &papers).expect("it can be said");
        let call = samebit_chain::Message { to: through.into(), ..call };
        self.senders[&sender].send(call).await.unwrap_or_else(|error| panic!("{error}: {message:?}"));
    }

    /// Whether the next block would take this from somebody.
    fn permits(&self, sender: Owner, message: &MarketMessage) -> bool {
        let time = self.ledger.now().time;
        self.ledger.permits(&Arithmetic, time, sender, &message.clone().into()).is_ok()
    }

    /// Everybody has money, and those with seats take them.
    async fn fund(&mut self) {
        for person in self.people.clone() {
            self.protocol.mint(&self.senders[&person], PURSE).await.expect("a token of tests");
        }
        for &person in &self.people[4..] {
            self.say(person, StakeMessage::Join).await.expect("it has money");
        }
        self.read().await;
    }

    /// What the contracts say is what the ledger says.
    async fn compare(&self) {
        let (protocol, market) = (&self.protocol, self.ledger.market());
        let relays = self.relays.map(owner);
        let site = protocol.site();
        for person in self.people.iter().chain(&relays).chain([&site.market, &site.fund, &site.treasury]) {
            assert_eq!(protocol.free(*person).await.expect("a view"), market.free(*person), "{person}");
        }
        for pot in [Pot::Jackpot, Pot::Insurance, Pot::Fees] {
            assert_eq!(protocol.pot(pot).await.expect("a view"), market.pot(pot), "{pot:?}");
        }
        let held = protocol.tokens(owner(protocol.contracts().stake)).await.expect("a view");
        assert_eq!(held, market.vault().total());
        let client = protocol.client();
        let seats = client
            .call(protocol.contracts().stake, &Views::seatCountCall {}, At::LastBlock)
            .await
            .expect("a view");
        assert_eq!(seats as usize, market.vault().seats().len());
        for (at, seat) in (0..).zip(market.vault().seats()) {
            let call = Views::seatOfCall { seat: at };
            let found = client.call(protocol.contracts().stake, &call, At::LastBlock).await.expect("a view");
            assert_eq!(
                (owner(found.owner), found.rest, found.since),
                (seat.owner, seat.rest.0, seat.since.0)
            );
        }
        for job in market.jobs() {
            let call = Views::jobOfCall { job: job.id.0.0.into() };
            let found = client.call(protocol.contracts().market, &call, At::LastBlock).await.expect("a view");
            assert_eq!(found.stage, job.stage as u8 + 1);
            assert_eq!((found.escrow, found.settled, found.draws), (job.escrow.0, job.settled, job.draws));
            assert_eq!((found.state.0, found.attempts), (job.state.0, job.attempts));
            assert_eq!((owner(found.poster), found.spec.0), (job.poster, job.spec.0));
        }
    }

    /// What a script is to say next, as the chain is.
    fn due(&self, script: &Script) -> Vec<(Owner, MarketMessage)> {
        let mut chain = Chain::at(*self.protocol.site(), 0);
        (chain.market, chain.now) = (self.ledger.market().clone(), self.ledger.now());
        script.due(&chain)
    }

    /// Says the first thing that is due and would be taken; what it was.
    async fn round(&mut self, script: &Script, relayed: bool) -> Option<MarketMessage> {
        for (sender, message) in self.due(script) {
            let (sender, message) = self.signed(script, sender, message);
            if !self.permits(sender, &message) {
                continue;
            }
            let anybody = sender == script.watcher && relayed;
            match anybody {
                true => self.relay(sender, self.relays[0], &message.clone().into()).await,
                false => drop(
                    self.say(sender, message.clone())
                        .await
                        .unwrap_or_else(|error| panic!("{error}: {message:?}")),
                ),
            }
            return Some(message);
        }
        None
    }

    /// An acceptance is said by the poster, with the solver's word; the first claim by the watcher.
    fn signed(&self, script: &Script, sender: Owner, mut message: MarketMessage) -> (Owner, MarketMessage) {
        if let MarketMessage::Accept { expiry, is_signed, .. } = &mut message {
            (*expiry, *is_signed) = (Seconds(self.ledger.now().time.0 + 600), true);
            return (script.poster, message);
        }
        (sender, message)
    }
}

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
            None => assert!(world.devnet.client.advance_clock(20).await.expect("a clock")),
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

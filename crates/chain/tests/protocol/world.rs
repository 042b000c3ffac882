//! A development chain with the contracts, its people, and a peer that follows it.

use alloy::primitives::Bytes;
use alloy::sol_types::SolValue;
use samebit_chain::protocol::{
    Block, BlockLog, Contracts, Domain, Message, Papers, Protocol, ProtocolError, Signature, Word, owner,
    sign, signer,
};
use samebit_chain::types::{Address, sol};
use samebit_chain::{
    Artifact, Devnet, LogOptions, Moment as At, Options, Receipt, Sender, SenderOptions, accounts,
};
use samebit_dispute::{Question, QuestionId};
use samebit_market::testing::{Chain, Script};
use samebit_market::{Amount, MarketMessage, Owner, Pot, Seconds, StakeMessage};
use samebit_roles::{Arithmetic, Ledger};
use std::collections::BTreeMap;
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
pub const PURSE: Amount = Amount(1 << 80);
/// Messages and pauses until a job has ended.
pub const ROUNDS: usize = 2_000;
/// People: poster, solver, heir, watcher, and those with seats.
pub const PEOPLE: u32 = 8;

/// What was signed, by those whose keys the test has.
pub struct Signed {
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
pub struct World {
    pub devnet: Devnet,
    pub protocol: Protocol,
    pub senders: BTreeMap<Owner, Sender>,
    pub people: Vec<Owner>,
    log: BlockLog,
    pub blocks: Vec<Block>,
    pub ledger: Ledger,
    pub relays: [Address; 2],
    _folder: TempDir,
}

/// A contract that hands on what it is told.
fn relay(name: &str, to: Address) -> Artifact {
    let artifact: serde_json::Value =
        serde_json::from_str(include_str!("../../../../contracts/artifacts/Relay.json")).expect("JSON");
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
    pub async fn new() -> World {
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
    pub async fn read(&mut self) {
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

    pub async fn say(&self, sender: Owner, message: impl Into<Message>) -> Result<Receipt, ProtocolError> {
        let papers = Signed { domain: self.protocol.site().into(), solver: None };
        self.protocol.send(&self.senders[&sender], &message.into(), &papers).await
    }

    /// Says something that is accepted, and has the ledger follow.
    pub async fn tell(&mut self, sender: Owner, message: impl Into<Message>) {
        let message = message.into();
        let said = self.say(sender, message.clone()).await;
        said.unwrap_or_else(|error| panic!("{error}: {message:?}"));
        self.read().await;
    }

    /// Lets blocks pass.
    pub async fn pass(&mut self, blocks: u64) {
        for _ in 0..blocks {
            assert!(self.devnet.client.advance_clock(1).await.expect("a clock"));
        }
        self.read().await;
    }

    /// Says something through a contract that hands it on.
    pub async fn relay(&self, sender: Owner, through: Address, message: &Message) {
        let papers = Signed { domain: self.protocol.site().into(), solver: None };
        let call =
            self.protocol.contracts().encode(owner(through), message, &papers).expect("it can be said");
        let call = samebit_chain::Message { to: through.into(), ..call };
        self.senders[&sender].send(call).await.unwrap_or_else(|error| panic!("{error}: {message:?}"));
    }

    /// Whether the next block would take this from somebody.
    pub fn permits(&self, sender: Owner, message: &MarketMessage) -> bool {
        let time = self.ledger.now().time;
        self.ledger.permits(&Arithmetic, time, sender, &message.clone().into()).is_ok()
    }

    /// Everybody has money, and those with seats take them.
    pub async fn fund(&mut self) {
        for person in self.people.clone() {
            self.protocol.mint(&self.senders[&person], PURSE).await.expect("a token of tests");
        }
        for &person in &self.people[4..] {
            self.say(person, StakeMessage::Join).await.expect("it has money");
        }
        self.read().await;
    }

    /// What the contracts say is what the ledger says.
    pub async fn compare(&self) {
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
    pub fn due(&self, script: &Script) -> Vec<(Owner, MarketMessage)> {
        let mut chain = Chain::at(*self.protocol.site(), 0);
        (chain.market, chain.now) = (self.ledger.market().clone(), self.ledger.now());
        script.due(&chain)
    }

    /// Says the first thing that is due and would be taken; what it was.
    pub async fn round(&mut self, script: &Script, relayed: bool) -> Option<MarketMessage> {
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
    pub fn signed(
        &self,
        script: &Script,
        sender: Owner,
        mut message: MarketMessage,
    ) -> (Owner, MarketMessage) {
        if let MarketMessage::Accept { expiry, is_signed, .. } = &mut message {
            (*expiry, *is_signed) = (Seconds(self.ledger.now().time.0 + 600), true);
            return (script.poster, message);
        }
        (sender, message)
    }
}

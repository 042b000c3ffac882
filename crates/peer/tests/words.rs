//! What strangers tell a peer that has a job done: of a solver's word only the one counts that is signed for this market on this chain, for this
//! attempt, as the contracts take it.

mod common;

use common::{TOKEN, Town};
use samebit_chain::protocol::{Domain, Protocol, Signature, Word, sign};
use samebit_chain::types::U256;
use samebit_chain::{SenderOptions, accounts};
use samebit_commit::{Canonical, Digest, Tag, Words};
use samebit_market::{Amount, AttemptId, JobId, Owner, Seconds};
use samebit_net::quic::{self, Quic};
use samebit_net::{Command, Event, Network, NetworkId, PeerAddress, Secret, Topic};
use samebit_peer::{Identity, Observer, Party, Spoken};
use samebit_roles::{Ask, Notice};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

const TOPIC: Topic = Topic(*b"samebit roles notices, version 1");
/// The accounts of the submitter and of a solver that says nothing itself.
const SUBMITTER: u32 = 1;
const SOLVER: u32 = 2;
/// Seconds of the wall's clock that something may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a notice that is not to count is given to count: many blocks.
const LONG: Duration = Duration::from_secs(3);

/// What is seen of a peer from its side.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Its job, the chain's time, and how many attempts there were.
    job: Option<(JobId, Seconds, u64)>,
    /// Prices of what the solver is heard to ask.
    heard: Vec<u128>,
}

/// Looks for asks of these prices.
struct Watching {
    seen: Arc<Mutex<Seen>>,
    asks: Arc<Mutex<Vec<(Owner, Ask)>>>,
}

impl Observer for Watching {
    fn changed(&mut self, party: &Party) -> ControlFlow<()> {
        let ledger = party.history().head();
        let mut seen = self.seen.lock().expect("no test panics with it");
        seen.job = ledger.market().jobs().next().map(|job| (job.id, ledger.now().time, job.attempts));
        let asks = self.asks.lock().expect("no test panics with it");
        for (from, ask) in asks.iter().filter(|(from, ask)| party.remembers(*from, &Notice::Ask(*ask))) {
            assert_eq!(*from, Identity::from_signer(accounts::key(SOLVER)).owner());
            if !seen.heard.contains(&ask.price.0) {
                seen.heard.push(ask.price.0);
            }
        }
        ControlFlow::Continue(())
    }
}

/// A peer of the network that is nobody on the chain.
struct Stranger {
    net: Quic,
    _folder: TempDir,
}

impl Stranger {
    async fn join(protocol: &Protocol, to: PeerAddress) -> Stranger {
        let folder = TempDir::new().expect("a folder");
        let words = Words::new().number(protocol.site().chain_id).address(protocol.site().market.0);
        let config = quic::Config {
            secret: Secret::from_bytes(&[77; 32]),
            network: NetworkId(words.hash(Tag::File).0),
            listen: vec!["127.0.0.1:0".parse().expect("an address")],
            store: folder.path().join("net"),
            relay: None,
        };
        let mut net = Quic::start(config).await.expect("it starts");
        net.send(Command::Peers(vec![to.clone()])).expect("few commands wait");
        let up = async { while net.event().await.expect("it runs") != Event::Up(to.peer) {} };
        tokio::time::timeout(PATIENCE, up).await.expect("a link");
        Stranger { net, _folder: folder }
    }

    fn tell(&mut self, ask: Ask, signature: Signature) {
        let body = Spoken { notice: Notice::Ask(ask), signature }.to_bytes();
        self.net.send(Command::Publish { topic: TOPIC, life: 60_000, body }).expect("few commands wait");
    }
}

fn word(Ask { job, attempt, price, secrets, expiry }: Ask) -> Word {
    Word::Ask { job, attempt, price, secrets, expiry }
}

/// The other signature that the same key can make of the same word.
fn upper(good: Signature) -> Signature {
    let order = "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141".parse::<U256>();
    let mut upper = good;
    let other = order.expect("a number") - U256::from_be_slice(&good[32..64]);
    upper[32..64].copy_from_slice(&other.to_be_bytes::<32>());
    upper[64] ^= 27 ^ 28;
    upper
}

async fn until<T>(what: impl Fn() -> Option<T>) -> T {
    let look = async {
        loop {
            if let Some(found) = what() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.expect("it happens in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ask_counts_for_one_market_on_one_chain_and_once() {
    let mut town = Town::found().await;
    let protocol = town.protocol.clone();
    let key = accounts::key(SOLVER);
    let solver = Identity::from_signer(key.clone()).owner();
    let sender = protocol.client().sender(key.clone(), SenderOptions::default());
    protocol.mint(&sender, Amount(2_000 * TOKEN)).await.expect("a purse");

    let (seen, asks) = (Arc::new(Mutex::new(Seen::default())), Arc::new(Mutex::new(Vec::new())));
    let watching = Watching { seen: seen.clone(), asks: asks.clone() };
    let (address, submitter) = town.submit_watched(SUBMITTER, Box::new(watching)).await;
    let look = || seen.lock().expect("no test panics with it").clone();
    let (job, now, _) = until(|| look().job).await;

    let here = Domain::from(protocol.site());
    let ask = |price: u128| Ask {
        job,
        attempt: AttemptId(0),
        price: Amount(price),
        secrets: Digest([3; 32]),
        expiry: Seconds(now.0 + 1_000_000),
    };
    let signed = |price, domain| sign(&key, &domain, &word(ask(price)));
    let false_sender = accounts::key(9);
    let wrong = [
        (1, signed(1, Domain { chain_id: here.chain_id + 1, ..here })),
        (2, signed(2, Domain { market: protocol.site().fund, ..here })),
        (3, upper(signed(3, here))),
        (4, signed(5, here)),
        (6, sign(&false_sender, &here, &word(ask(6)))),
        (7, [0; 65]),
    ];
    let right = (8, signed(8, here));
    let prices = wrong.iter().chain([&right]).map(|(price, _)| (solver, ask(*price)));
    asks.lock().expect("no test panics with it").extend(prices);

    let mut stranger = Stranger::join(&protocol, address).await;
    wrong.iter().for_each(|(price, signature)| stranger.tell(ask(*price), *signature));
    tokio::time::sleep(LONG).await;
    assert!(look().heard.is_empty(), "{:?}", look());
    stranger.tell(ask(right.0), right.1);
    until(|| (!look().heard.is_empty()).then_some(())).await;
    assert_eq!(look().heard, [right.0]);

    // It is accepted on the chain with the word that was heard; told again, it counts no more.
    until(|| look().job.filter(|(_, _, attempts)| *attempts == 1)).await;
    seen.lock().expect("no test panics with it").heard.clear();
    stranger.tell(ask(right.0), right.1);
    tokio::time::sleep(LONG).await;
    assert!(look().heard.is_empty(), "{:?}", look());
    town.stop().await;
    let machine = submitter.await.expect("it ends");
    assert!(!machine.party().remembers(solver, &Notice::Ask(ask(right.0))));
    let tenures = machine.party().history().head().tenures(job);
    assert_eq!(tenures.iter().map(|tenure| tenure.solver).collect::<Vec<_>>(), [solver]);
}

//! Peers in one process: each with its own disk, key and connection, over one chain whose clock runs fast.
#![allow(dead_code, reason = "each test uses a part")]

use samebit_chain::accounts;
use samebit_chain::protocol::{Contracts, Protocol};
use samebit_chain::{Client, Devnet, Options, PacedClock};
use samebit_commit::Digest;
use samebit_graph::fixtures::{Dims, gpt};
use samebit_market::{Amount, Owner, Ppm, Seconds, Terms};
use samebit_net::{Network, PeerAddress};
use samebit_ops::Cpu;
use samebit_peer::{Compute, Config, Identity, Machine, Observer, Party, Store, start};
use samebit_roles::{Blob, Order, Role, Submitter, opening};
use samebit_trace::{Fault, Job, Runner, parcel};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How many times as fast as the wall's the chain's clock runs.
const PACE: u32 = 100;
/// The chain makes a block so often: no slower for its clocks than a slow block.
const BLOCK: Duration = Duration::from_millis(250);
pub const POLL: Duration = Duration::from_millis(100);
/// Seconds of the wall's clock after which a job that is not done is a failure.
pub const PATIENCE: Duration = Duration::from_secs(240);
pub const TOKEN: u128 = 1_000_000_000_000_000_000;

pub mod role {
    use super::{Amount, Role, Seconds, TOKEN};
    use samebit_roles::Solver;

    pub fn solver(price: u128) -> Role {
        Role::Solver(Solver { price: Amount(price * TOKEN), least_seconds: Seconds(600), jobs: 1 })
    }
}

type Running = JoinHandle<Box<dyn Machine>>;

/// See the module.
pub struct Town {
    folder: TempDir,
    /// Dropping it stops the chain.
    devnet: Devnet,
    pub protocol: Protocol,
    stop: watch::Sender<bool>,
    peers: Vec<Running>,
    pub job: Job,
    states: Vec<Vec<u32>>,
}

impl Town {
    pub async fn found() -> Town {
        let folder = TempDir::new().expect("a folder");
        let devnet = chain(&folder).await;
        let contracts = Contracts::named(&devnet.config.contracts).expect("all are named");
        let client: &Client = &devnet.client;
        let protocol = Protocol::at(client, contracts).await.expect("they are there");
        let (program, states, tables) = gpt(Dims { steps: 8, layers: 1, ..Dims::default() });
        let job = Job::new(program, tables, &states, 8, 2);
        Town { folder, devnet, protocol, stop: watch::channel(false).0, peers: Vec::new(), job, states }
    }

    /// A peer that plays these roles.
    pub async fn join(&mut self, account: u32, roles: Vec<Role>, seats: usize, faults: Vec<Fault>) -> Owner {
        let config = self.config(account, roles, seats, faults);
        let owner = config.identity.owner();
        let running = self.start(config, Box::new(())).await;
        self.peers.push(running);
        owner
    }

    /// A peer that has the job done, and ends when it is.
    pub async fn submit(&mut self, account: u32) -> Running {
        let config = self.order(account);
        self.start(config, Box::new(Until)).await
    }

    /// The same with another observer; where it listens, too. It ends when all are stopped.
    pub async fn submit_watched(
        &mut self,
        account: u32,
        observer: Box<dyn Observer>,
    ) -> (PeerAddress, Running) {
        let config = self.order(account);
        let driver = start(config, |party| Box::new(party), observer).await.expect("it starts");
        let address = PeerAddress { peer: driver.network.peer(), addresses: driver.network.addresses() };
        let stop = self.stop.subscribe();
        (address, tokio::spawn(async move { driver.run(stop).await.expect("it runs") }))
    }

    /// Moves the chain's clock ahead.
    pub async fn pass(&self, seconds: u64) {
        let has_moved = self.devnet.client.advance_clock(seconds).await.expect("the chain answers");
        assert!(has_moved, "a development clock");
    }

    /// The jobs and states that a peer keeps on its disk.
    pub fn kept(&self, account: u32) -> usize {
        let folder = self.peer_folder(account);
        let count = |name| std::fs::read_dir(folder.join(name)).map_or(0, Iterator::count);
        count("jobs") + count("states")
    }

    fn peer_folder(&self, account: u32) -> PathBuf {
        self.folder.path().join(format!("peer-{account}"))
    }

    /// Stops all peers.
    pub async fn stop(&mut self) {
        self.stop.send(true).expect("there are peers");
        for peer in self.peers.drain(..) {
            peer.await.expect("it ends");
        }
    }

    /// A peer that posts the job, which lies on its shelf.
    fn order(&self, account: u32) -> Config {
        let (ask_wait, give_up) = (Seconds(60), Seconds(100_000));
        let order = Order { spec: opening(&self.job), terms: terms(), nonce: 0, ask_wait, give_up };
        let config =
            self.config(account, vec![Role::Submitter(Submitter { orders: vec![order] })], 0, Vec::new());
        let store = Store::open(&config.folder).expect("a store");
        let shelf = store.shelf();
        parcel::write_job(&shelf.path(Blob::Job(self.job.spec.digest())), &self.job).expect("a file");
        let first = shelf.path(Blob::State(self.job.spec.initial_state));
        parcel::write_state(&first, &self.job.program, &self.states).expect("a file");
        drop(store);
        config
    }

    async fn start(&self, config: Config, observer: Box<dyn Observer>) -> Running {
        let driver = start(config, |party| Box::new(party), observer).await.expect("it starts");
        let stop = self.stop.subscribe();
        tokio::spawn(async move { driver.run(stop).await.expect("it runs") })
    }

    /// Waits for the submitter.
    pub async fn wait(&self, submitter: Running) -> Box<dyn Machine> {
        let done = tokio::time::timeout(PATIENCE, submitter).await.expect("the job is done in time");
        done.expect("it ends")
    }

    /// Waits for the submitter, and stops all others.
    pub async fn finish(&mut self, submitter: Running) -> Box<dyn Machine> {
        let machine = self.wait(submitter).await;
        self.stop().await;
        machine
    }

    /// The state after each segment.
    pub fn truth(&self) -> Vec<Digest> {
        let backend = Arc::new(Cpu::detect());
        let mut runner =
            Runner::new(self.job.clone(), backend, &Default::default(), Vec::new()).expect("legal");
        for (index, words) in self.states.iter().enumerate() {
            runner.write_state(index, words).expect("the job's");
        }
        let mut run = |segment| {
            for step in self.job.segment(segment) {
                runner.step(step).expect("a step");
            }
            runner.state_root()
        };
        (0..self.job.segment_count()).map(&mut run).collect()
    }

    fn config(&self, account: u32, roles: Vec<Role>, seats: usize, faults: Vec<Fault>) -> Config {
        Config {
            folder: self.peer_folder(account),
            identity: Identity::from_signer(accounts::key(account)),
            protocol: self.protocol.clone(),
            first_block: 1,
            listen: vec!["127.0.0.1:0".parse().expect("an address")],
            announce: Vec::new(),
            peers: Vec::new(),
            relay: None,
            compute: Compute { faults, ..Compute::new(Arc::new(Cpu::detect()), 1) },
            poll: POLL,
            roles,
            free: Amount(2_000 * TOKEN),
            seats,
            job: None,
        }
    }
}

/// Ends when the job is done and everything that is settled is here.
struct Until;

impl Observer for Until {
    fn changed(&mut self, party: &Party) -> ControlFlow<()> {
        let ledger = party.history().head();
        let Some(job) = ledger.market().jobs().next() else { return ControlFlow::Continue(()) };
        let has_all = ledger.settled(job.id).iter().all(|root| party.records().holds(Blob::State(*root)));
        match job.stage {
            samebit_market::JobStage::Open | samebit_market::JobStage::Running => ControlFlow::Continue(()),
            samebit_market::JobStage::Done if !has_all => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }
}

async fn chain(folder: &TempDir) -> Devnet {
    let options = Options { empty_blocks: Some(BLOCK), development_clock: true };
    let devnet = Devnet::in_folder(folder.path().join("chain")).options(options).deploy_protocol();
    devnet.start_with_clock(PacedClock::new(PACE)).await.expect("a chain")
}

/// Those of the simulator, with claims that an account of the chain can pay for.
fn terms() -> Terms {
    Terms { question_bond: Amount(TOKEN / 100), ..samebit_sim::terms(Ppm(500_000)) }
}

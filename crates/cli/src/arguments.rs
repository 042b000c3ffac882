//! The command line (names are stable: scripts depend on them).

use clap::{Args, Parser, Subcommand, ValueEnum};
use samebit_trace::Fault;
use std::path::PathBuf;

const EXIT_CODES: &str = "\
Exit codes: 0 ok, 1 failed, 2 bad usage or input, 3 not reachable, 4 verification mismatch.
Settings come from flags, then SAMEBIT_BACKEND and SAMEBIT_THREADS, then samebit.toml here, then samebit/config.toml in the user's
config directory (keys: backend, threads; chain, as `devnet` writes it).";

/// Trains and runs neural networks with arithmetic that is the same to the last bit on every machine
#[derive(Parser, Debug)]
#[command(name = "samebit", version, after_help = EXIT_CODES, propagate_version = true)]
pub struct Arguments {
    /// What applies to every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What applies to every command.
#[derive(Args, Debug)]
pub struct Global {
    /// Write one JSON object (for `run` one a line) to stdout; text for people goes to stderr
    #[arg(long, global = true)]
    pub json: bool,
    /// reference, scalar, avx2 or avx512; the widest that the processor has if absent. Never changes a bit
    #[arg(long, global = true, env = "SAMEBIT_BACKEND", value_name = "NAME", hide_env_values = true)]
    pub backend: Option<String>,
    /// Threads; all cores if absent. Never changes a bit
    #[arg(long, global = true, env = "SAMEBIT_THREADS", value_name = "N", hide_env_values = true,
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Run a job on this machine
    Run(Run),
    /// Continue a text with a trained model
    Generate(Generate),
    /// Check a run: hash everything, re-execute a sample
    Verify(Verify),
    /// Find the first step, node, page and element in which two runs of one job differ
    Pinpoint(Pinpoint),
    /// Let the contracts settle which of two runs is right
    Dispute(Dispute),
    /// Run a development chain with the contracts on this machine
    Devnet(Devnet),
    /// Play a planted lie through the whole dispute path: what a peer has to pass before it takes work
    Drill(Drill),
    /// Be a machine on the network: solve, check, hold, watch, and earn
    Peer(Peer),
    /// Have a job done by others, and fetch what comes of it
    Submit(Submit),
    /// List the jobs on the chain
    Jobs(Jobs),
    /// Tell why a job is where it is
    Explain(Explain),
    /// Show the whole protocol on this machine: honest and cheating peers, a real dispute, a bill
    Demo(Demo),
    /// List the program's nodes
    Program(Program),
    /// Tell what a job costs before it runs
    Quote(Quote),
    /// Measure this machine
    Bench,
    /// Check that this machine can do exact work
    Doctor,
    /// Write a completion script for a shell
    Completions(Completions),
}

/// `samebit run`.
#[derive(Args, Debug)]
pub struct Run {
    /// The job file
    pub job: PathBuf,
    /// Where the run goes: an empty or absent directory, unless --resume is given
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Go on from the last stored state in DIR
    #[arg(long)]
    pub resume: bool,
    /// Which states stay on disk
    #[arg(long, value_enum, default_value_t = Keep::All)]
    pub keep: Keep,
    /// Memory for tensors, such as 6GiB: more micro-batches, then values computed again, until it fits
    #[arg(long, value_name = "BYTES", value_parser = crate::memory::parse_bytes)]
    pub memory: Option<u64>,
    /// Refuse a job that takes more work units (`samebit quote` tells them)
    #[arg(long, value_name = "UNITS")]
    pub max_work: Option<u64>,
    /// Compute this share of the elements of all products again, another way, and stop before a segment is claimed if one differs: finds errors
    /// of this machine's memory and processor
    #[arg(long, value_name = "P", value_parser = probability, default_value_t = 0.0)]
    pub self_check: f64,
    /// Lie on purpose: value:STEP:NODE:ELEMENT:ULPS, row:STEP, skip:STEP or rate:STEP:FACTOR
    #[arg(long, value_name = "FAULT")]
    pub inject_fault: Vec<Fault>,
}

/// Which states stay on disk.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Every segment's
    All,
    /// The first and the last
    Last,
}

/// `samebit generate`.
#[derive(Args, Debug)]
pub struct Generate {
    /// A run's directory, or one with config.json, model.safetensors and tokenizer.json
    pub dir: PathBuf,
    /// The text to continue
    #[arg(long)]
    pub prompt: String,
    /// Tokens to add
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..))]
    pub tokens: u32,
    /// 0 takes the likeliest token, 1 draws as the model says
    #[arg(long, value_name = "T", default_value_t = 0.0, value_parser = temperature, allow_negative_numbers = true)]
    pub temperature: f32,
    /// Seed of the draws
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// `samebit verify`.
#[derive(Args, Debug)]
pub struct Verify {
    /// A run's directory, or the receipt in it
    pub dir: PathBuf,
    /// Re-execute each segment with this probability, at least one of them [default: 0.1]
    #[arg(long, value_name = "P", value_parser = probability, conflicts_with_all = ["segment", "all"])]
    pub sample: Option<f64>,
    /// Re-execute this segment; may be given several times
    #[arg(long, value_name = "I", conflicts_with = "all")]
    pub segment: Vec<u64>,
    /// Re-execute every segment
    #[arg(long)]
    pub all: bool,
    /// Refuse to re-execute more work units than this: for a run from a stranger
    #[arg(long, value_name = "UNITS")]
    pub max_work: Option<u64>,
    /// Seed of the sample; the operating system's randomness if absent
    #[arg(long)]
    pub seed: Option<u64>,
}

/// `samebit pinpoint`.
#[derive(Args, Debug)]
pub struct Pinpoint {
    /// A run's directory
    pub dir_a: PathBuf,
    /// Another run of the same job
    pub dir_b: PathBuf,
}

/// `samebit dispute`.
#[derive(Args, Debug)]
pub struct Dispute {
    /// A run's directory
    pub dir_a: PathBuf,
    /// Another run of the same job
    pub dir_b: PathBuf,
    /// The segment to argue about; the first whose claims differ if absent
    #[arg(long, value_name = "I")]
    pub segment: Option<u64>,
    /// Where it is settled.
    #[command(flatten)]
    pub court: Court,
    /// For demonstrations: this side stops after its first move and loses by its clock
    #[arg(long, value_name = "SIDE", value_enum)]
    pub stall: Option<SideName>,
}

/// Where disputes are settled.
#[derive(Args, Debug, Default)]
pub struct Court {
    /// The chain to argue on; the embedded one in a temporary folder if absent
    #[arg(
        long,
        value_name = "URL",
        env = "SAMEBIT_RPC_URL",
        hide_env_values = true,
        conflicts_with = "chain"
    )]
    pub rpc_url: Option<String>,
    /// The Dispute contract there; deployed with its referee if absent
    #[arg(long, value_name = "ADDRESS", env = "SAMEBIT_CONTRACT", hide_env_values = true,
          value_parser = crate::commands::dispute::parse_address)]
    pub contract: Option<samebit_chain::types::Address>,
    /// The folder of an embedded chain to argue on
    #[arg(long, value_name = "DIR")]
    pub chain: Option<PathBuf>,
    /// Private key of the owner of the first claim
    #[arg(long, value_name = "KEY", env = "SAMEBIT_KEY_A", hide_env_values = true, hide = true)]
    pub key_a: Option<String>,
    /// Private key of the owner of the second claim
    #[arg(long, value_name = "KEY", env = "SAMEBIT_KEY_B", hide_env_values = true, hide = true)]
    pub key_b: Option<String>,
}

/// `samebit drill`.
#[derive(Args, Debug)]
pub struct Drill {
    /// The folder of the peer that has to pass it, which remembers that it did
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Where it is settled.
    #[command(flatten)]
    pub court: Court,
}

/// One of two runs.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum SideName {
    /// The first
    A,
    /// The second
    B,
}

/// `samebit devnet`.
#[derive(Args, Debug)]
pub struct Devnet {
    /// Where the chain and its samebit.toml are kept; started again, it goes on
    #[arg(long, value_name = "DIR", default_value = "devnet")]
    pub dir: PathBuf,
    /// The port on this machine; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 8545)]
    pub port: u16,
    /// For demonstrations: how many times as fast as a clock on the wall the chain's clock runs
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=120))]
    pub pace: u32,
}

/// Where the chain is.
#[derive(Args, Debug, Clone)]
pub struct Connection {
    /// The chain; samebit.toml's if absent
    #[arg(long, value_name = "URL", env = "SAMEBIT_RPC_URL", hide_env_values = true)]
    pub rpc_url: Option<String>,
    /// The block of the contracts' deployment, or an earlier one
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub first_block: u64,
    /// Milliseconds between two looks at the chain
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub poll_ms: u64,
}

/// Whose money is used.
#[derive(Args, Debug, Clone)]
pub struct Key {
    /// A keystore as Foundry and Geth write it; DIR/key.json if absent, made if it is not there
    #[arg(long, value_name = "FILE")]
    pub keystore: Option<PathBuf>,
    /// A file with the keystore's password; SAMEBIT_PASSWORD if absent
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// On a development chain: account N of its insecure ones
    #[arg(long, value_name = "N", conflicts_with_all = ["keystore", "password_file"],
          value_parser = clap::value_parser!(u32).range(..i64::from(samebit_chain::accounts::ACCOUNTS)))]
    pub account: Option<u32>,
}

/// Where a machine is on the network.
#[derive(Args, Debug, Clone)]
pub struct Place {
    /// An address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: Vec<std::net::SocketAddr>,
    /// An address at which others reach this machine, if it is another one
    #[arg(long, value_name = "ADDRESS")]
    pub announce: Vec<std::net::SocketAddr>,
    /// A relay for peers that cannot reach each other; it never carries states
    #[arg(long, value_name = "URL")]
    pub relay: Option<String>,
}

/// What a peer does.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleName {
    /// Runs jobs
    Solver,
    /// Checks segments that it is drawn for, and holds states
    Verifier,
    /// Runs segments that nobody is drawn for
    Whistleblower,
}

/// `samebit peer`.
#[derive(Args, Debug)]
pub struct Peer {
    /// What it keeps: results, states, its key
    #[arg(long, value_name = "DIR", default_value = "peer")]
    pub dir: PathBuf,
    /// What it does
    #[arg(long, value_enum, value_delimiter = ',', required = true)]
    pub roles: Vec<RoleName>,
    /// What it runs a segment for, at least, when the segment's tax is paid
    #[arg(long, value_name = "AMOUNT", default_value = "1", value_parser = crate::commands::network::amount::parse)]
    pub price: samebit_market::Amount,
    /// Seats that it takes, each of which can be drawn; a seat costs 1,000
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seats: u16,
    /// Money that it has free for deposits and bonds when it begins, besides its seats
    #[arg(long, value_name = "AMOUNT", default_value = "1000", value_parser = crate::commands::network::amount::parse)]
    pub free: samebit_market::Amount,
    /// The share of segments that a whistleblower runs
    #[arg(long, value_name = "P", default_value_t = 1.0, value_parser = probability)]
    pub watch: f64,
    /// The shortest time that it trusts itself to answer in, in seconds
    #[arg(long, value_name = "N", default_value_t = 600)]
    pub least_seconds: u64,
    /// The share of products that it computes again, to find errors of the machine before a claim
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    pub self_check: f64,
    /// Bytes that a job may take here; all that the machine has if absent
    #[arg(long, value_name = "BYTES", value_parser = crate::memory::parse_bytes)]
    pub memory: Option<u64>,
    /// Where metrics and health are served: an address on loopback, such as 127.0.0.1:9464
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<std::net::SocketAddr>,
    /// The chain.
    #[command(flatten)]
    pub connection: Connection,
    /// The key.
    #[command(flatten)]
    pub key: Key,
    /// The network.
    #[command(flatten)]
    pub place: Place,
    /// For tests and demonstrations, on development chains only: an error to make
    #[arg(long, value_name = "FAULT", hide = true)]
    pub inject_fault: Vec<Fault>,
    /// For tests and demonstrations, on development chains only: a lie to tell
    #[arg(long, value_name = "LIE", value_enum, hide = true)]
    pub lie: Option<LieName>,
}

/// Ways to lie.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LieName {
    /// Seals what another has sealed
    CopiesSeal,
    /// Never opens what it has sealed
    NeverOpens,
    /// Says that it holds what it has never seen
    ApprovesBlindly,
    /// Gives nobody what it has
    Withholds,
    /// Claims in a dispute and makes no move
    StopsMoving,
}

/// `samebit submit`.
#[derive(Args, Debug)]
pub struct Submit {
    /// The job file
    pub job: PathBuf,
    /// Where the result goes; given again, the job is followed on
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The most that the job may cost; `market.budget` of the job file if absent, 100 if that is, too
    #[arg(long, value_name = "AMOUNT", value_parser = crate::commands::network::amount::parse)]
    pub budget: Option<samebit_market::Amount>,
    /// The share of segments that is checked; `market.draw` of the job file if absent
    #[arg(long, value_name = "P", value_parser = probability)]
    pub draw: Option<f64>,
    /// Tells jobs that are alike apart
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub nonce: u64,
    /// Wait so many seconds for cheaper solvers before the lowest ask is accepted
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub ask_wait: u64,
    /// Take the job back when nobody has run it for so many seconds
    #[arg(long, value_name = "N", default_value_t = 7_200)]
    pub give_up: u64,
    /// The chain.
    #[command(flatten)]
    pub connection: Connection,
    /// The key.
    #[command(flatten)]
    pub key: Key,
    /// The network.
    #[command(flatten)]
    pub place: Place,
}

/// `samebit jobs`.
#[derive(Args, Debug)]
pub struct Jobs {
    /// The chain.
    #[command(flatten)]
    pub connection: Connection,
}

/// `samebit explain`.
#[derive(Args, Debug)]
pub struct Explain {
    /// The job's id on the chain, or the first digits of it
    pub job: String,
    /// The chain.
    #[command(flatten)]
    pub connection: Connection,
}

/// `samebit demo`.
#[derive(Args, Debug)]
pub struct Demo {
    /// The job to run; a small language model if absent
    #[arg(long, value_name = "FILE")]
    pub job: Option<PathBuf>,
    /// Where everything is kept: an empty or absent directory; a temporary one, removed at the end, if absent
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// The share of segments that is drawn for checking; half of them, or eight, if absent
    #[arg(long, value_name = "P", value_parser = probability)]
    pub draw: Option<f64>,
    /// The seed of the chain's beacon; a random one if absent
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Nobody lies and nobody is killed: what checking costs
    #[arg(long)]
    pub honest: bool,
    /// How many times as fast as a clock on the wall the chain's clock runs
    #[arg(long, value_name = "N", default_value_t = 70, value_parser = clap::value_parser!(u32).range(1..=120))]
    pub pace: u32,
}

/// `samebit program`.
#[derive(Args, Debug)]
pub struct Program {
    /// The job file
    pub job: PathBuf,
}

/// `samebit quote`.
#[derive(Args, Debug)]
pub struct Quote {
    /// The job file
    pub job: PathBuf,
}

/// `samebit completions`.
#[derive(Args, Debug)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

fn probability(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value| (0.0..=1.0).contains(value));
    value.ok_or_else(|| "a probability is a number from 0 to 1".to_owned())
}

fn temperature(text: &str) -> Result<f32, String> {
    let value = text.parse().ok().filter(|value| (0.0..=100.0).contains(value));
    value.ok_or_else(|| "a temperature is a number from 0 to 100".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }
}

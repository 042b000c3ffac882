//! `samebit peer`: a machine on the network, until somebody stops it.

use super::drill;
use super::network::liar::Liar;
use super::network::{self, keys, runtime};
use crate::arguments::{Global, LieName, Peer as Arguments, Place, RoleName};
use crate::failure::{Exit, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::machine::{ChainConfig, Machine};
use crate::memory::memory_bytes;
use crate::screen::Screen;
use crate::speed::Speed;
use samebit_chain::protocol::Protocol;
use samebit_market::{Ppm, Seconds};
use samebit_peer::{
    Compute, Config, Driver, Identity, Meter, Observer, Part, StepTime, process_time, question_of, start,
};
use samebit_roles::{Custodian, Message, Role, Solver, Verifier, Whistleblower};
use samebit_serve::{Vitals, Watched, serve};
use samebit_sim::Lie;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tracing::level_filters::LevelFilter;

/// How often it is looked whether somebody asked to stop.
pub const LOOK: Duration = Duration::from_millis(100);
/// How long a measurement of the machine is good for.
const MEASURED: Duration = Duration::from_secs(60);
/// Letters of a message that are told.
const TEXT: usize = 160;
/// Chains on which lies are told and errors made.
const DEVELOPMENT_CHAIN: u64 = 31_337;

/// Runs a peer.
pub fn peer(arguments: &Arguments, global: &Global, screen: &Screen) -> Outcome {
    network::remark(LevelFilter::INFO)?;
    let machine = Machine::choose(global)?;
    let chain = ChainConfig::of_project()?;
    let interrupt = Interrupt::listen();
    runtime()?.block_on(async {
        let protocol = network::reach(&arguments.connection, &chain).await?;
        let chain_id = protocol.site().chain_id;
        if (arguments.lie.is_some() || !arguments.inject_fault.is_empty()) && chain_id != DEVELOPMENT_CHAIN {
            return Err(Failure::input(format!("lies and errors on purpose are not for chain {chain_id}")));
        }
        let identity = keys::identity(&arguments.key, &arguments.dir, chain_id)?;
        drill::pass(&arguments.dir, &machine, &protocol, screen).await?;
        let compute = Compute {
            memory: arguments.memory.or_else(memory_bytes),
            step_time: step_time(&machine),
            self_check: arguments.self_check,
            faults: arguments.inject_fault.clone(),
            ..Compute::new(machine.backend.clone(), machine.threads)
        };
        let vitals = Vitals::new(compute.meter.clone());
        let served = match arguments.metrics {
            Some(address) => Some(serve(address, vitals.clone()).await.map_err(Failure::input)?),
            None => None,
        };
        let has_seats = arguments.roles.contains(&RoleName::Verifier);
        let seats = if has_seats { arguments.seats.into() } else { 0 };
        let config = Config {
            roles: roles(arguments),
            free: arguments.free,
            seats,
            ..config(&arguments.dir, &arguments.connection, &arguments.place, protocol, identity, compute)
        };
        let lies: Vec<Lie> = arguments.lie.map(lie).into_iter().collect();
        let observer = Box::new(Watched { vitals, observer: Box::new(Told { screen: *screen }) });
        let wrap = |party| -> Box<dyn samebit_peer::Machine> {
            match lies.is_empty() {
                true => Box::new(party),
                false => Box::new(Liar::new(party, lies)),
            }
        };
        let driver = start(config, wrap, observer).await.map_err(failed)?;
        say(&driver, served, screen);
        let meter = driver.meter.clone();
        run(driver, &interrupt).await?;
        report(&meter, screen);
        Ok(())
    })?;
    screen.note("stopped; the same command goes on");
    Ok(Exit::Ok)
}

/// The configuration of a machine that plays nothing yet.
pub fn config(
    folder: &Path,
    connection: &crate::arguments::Connection,
    place: &Place,
    protocol: Protocol,
    identity: Identity,
    compute: Compute,
) -> Config {
    Config {
        folder: folder.to_owned(),
        identity,
        protocol,
        first_block: connection.first_block,
        listen: place.listen.clone(),
        announce: place.announce.clone(),
        peers: Vec::new(),
        relay: place.relay.clone(),
        compute,
        poll: Duration::from_millis(connection.poll_ms),
        roles: Vec::new(),
        free: samebit_market::Amount(0),
        seats: 0,
        job: None,
    }
}

/// Lets a driver run until somebody asks to stop.
///
/// # Errors
/// What ends it.
pub async fn run(driver: Driver, interrupt: &Interrupt) -> Result<Box<dyn samebit_peer::Machine>, Failure> {
    let looking = interrupt.clone();
    run_until(driver, async move {
        while !looking.is_asked() {
            tokio::time::sleep(LOOK).await;
        }
    })
    .await
}

/// Lets a driver run until something has happened.
///
/// # Errors
/// What ends it.
pub async fn run_until(
    driver: Driver,
    happens: impl Future<Output = ()> + Send + 'static,
) -> Result<Box<dyn samebit_peer::Machine>, Failure> {
    let (stop, is_stopped) = watch::channel(false);
    tokio::spawn(async move {
        happens.await;
        let _ = stop.send(true);
    });
    driver.run(is_stopped).await.map_err(failed)
}

/// A failure of the network or the chain.
pub fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Failed, error.to_string())
}

fn roles(arguments: &Arguments) -> Vec<Role> {
    let role = |name: &RoleName| match name {
        RoleName::Solver => vec![Role::Solver(Solver {
            price: arguments.price,
            least_seconds: Seconds(arguments.least_seconds),
            jobs: 1,
        })],
        RoleName::Verifier => {
            vec![Role::Verifier(Verifier { seats: arguments.seats.into() }), Role::Custodian(Custodian)]
        }
        RoleName::Whistleblower => {
            vec![Role::Whistleblower(Whistleblower { rate: Ppm((arguments.watch * 1e6).round() as u32) })]
        }
    };
    arguments.roles.iter().flat_map(role).collect()
}

fn lie(name: LieName) -> Lie {
    match name {
        LieName::CopiesSeal => Lie::CopiesSeal,
        LieName::NeverOpens => Lie::NeverOpens,
        LieName::ApprovesBlindly => Lie::ApprovesBlindly,
        LieName::Withholds => Lie::Withholds,
        LieName::StopsMoving => Lie::StopsMoving,
    }
}

/// How long steps take here, measured when a job is in sight: what else the machine did when the peer started says little.
fn step_time(machine: &Machine) -> StepTime {
    let (machine, measured) = (machine.clone(), Mutex::new(None::<(Instant, Speed)>));
    Arc::new(move |job| {
        let mut measured = measured.lock().unwrap_or_else(PoisonError::into_inner);
        if measured.is_none_or(|(at, _)| at.elapsed() > MEASURED) {
            *measured = match Speed::measure(&machine) {
                Ok(speed) => Some((Instant::now(), speed)),
                Err(error) => {
                    tracing::warn!(?error, "this machine could not be measured");
                    None
                }
            };
        }
        let seconds = measured.map_or(f64::INFINITY, |(_, speed)| speed.seconds(&job.program));
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    })
}

fn say(driver: &Driver, metrics: Option<SocketAddr>, screen: &Screen) {
    let (owner, addresses) = (driver.identity.owner(), driver.network.addresses());
    screen.say(format!("peer {owner} listens on {addresses:?}"));
    if let Some(metrics) = metrics {
        screen.say(format!("metrics on http://{metrics}/metrics"));
    }
    screen.object(&json!({
        "event": "started", "owner": owner.to_string(), "addresses": addresses, "metrics": metrics,
    }));
}

/// Tells what it has taken.
fn report(meter: &Meter, screen: &Screen) {
    let seconds = |part: Part| (part.name(), meter.taken(part).as_secs_f64());
    let parts: BTreeMap<&str, f64> = Part::ALL.into_iter().map(seconds).collect();
    screen.object(&json!({
        "event": "stopped", "steps": meter.steps(), "fetched_bytes": meter.fetched(),
        "cpu_seconds": process_time().as_secs_f64(), "cpu_seconds_by_part": parts,
    }));
}

/// Tells what the peer has said to the chain.
struct Told {
    screen: Screen,
}

impl Observer for Told {
    fn sent(&mut self, message: &Message, gas: Option<u64>) {
        let what: String = format!("{message:?}").chars().take(TEXT).collect();
        match gas {
            Some(gas) => self.screen.say(format!("sent ({gas} gas): {what}")),
            None => self.screen.say(format!("not sent: {what}")),
        }
        let question = question_of(message).map(|question| question.0);
        self.screen.object(&json!({ "event": "message", "message": what, "gas": gas, "question": question }));
    }
}

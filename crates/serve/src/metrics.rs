//! Metrics in the OpenMetrics format. A registry is made for each reading: what is counted is counted elsewhere.

use crate::vitals::{Seen, Vitals};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use samebit_peer::{Part, process_time};
use std::sync::atomic::AtomicU64;

/// Parts of a token.
const TOKEN: f64 = 1e18;

type Labels = [(&'static str, &'static str); 1];
type Seconds = Counter<f64, AtomicU64>;
type Number = Gauge<f64, AtomicU64>;

/// All metrics.
pub fn text(vitals: &Vitals) -> String {
    let mut registry = Registry::with_prefix("samebit");
    of_chain(&mut registry, &vitals.seen());
    of_work(&mut registry, vitals);
    let mut text = String::new();
    encode(&mut text, &registry).expect("a string takes all");
    text
}

fn of_chain(registry: &mut Registry, seen: &Seen) {
    let gauge = |registry: &mut Registry, name: &str, help: &str, value: f64| {
        let gauge = Number::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    };
    gauge(registry, "chain_height", "The last block that was heard", seen.height as f64);
    gauge(registry, "chain_time", "The time of that block, in seconds since 1970", seen.time as f64);
    gauge(registry, "free_tokens", "Money in Stake that is not bound", seen.free.0 as f64 / TOKEN);
    gauge(registry, "seats", "Seats of this peer", seen.seats as f64);
    gauge(registry, "jobs_run", "Jobs that this peer runs now", seen.running as f64);
    let jobs = Family::<Labels, Gauge>::default();
    for (stage, count) in &seen.jobs {
        jobs.get_or_create(&[("stage", stage)]).set(i64::try_from(*count).unwrap_or(i64::MAX));
    }
    registry.register("jobs", "Jobs on the chain", jobs);
    let messages = Family::<Labels, Counter>::default();
    messages.get_or_create(&[("result", "accepted")]).inc_by(seen.accepted);
    messages.get_or_create(&[("result", "failed")]).inc_by(seen.failed);
    registry.register("messages", "Messages of this peer to the chain", messages);
    registry.register("gas", "Gas that they have used", counter(seen.gas));
}

fn of_work(registry: &mut Registry, vitals: &Vitals) {
    let meter = &vitals.meter;
    registry.register("steps", "Steps that were run, for pay or to check", counter(meter.steps()));
    let (bytes, seconds) = (Unit::Bytes, Unit::Seconds);
    registry.register_with_unit(
        "fetched",
        "Bytes of jobs and states from others",
        bytes,
        counter(meter.fetched()),
    );
    let parts = Family::<Labels, Seconds>::default();
    for part in Part::ALL {
        parts.get_or_create(&[("part", part.name())]).inc_by(meter.taken(part).as_secs_f64());
    }
    registry.register_with_unit("work_cpu", "Processor time of the work, by part", seconds.clone(), parts);
    let all = Seconds::default();
    all.inc_by(process_time().as_secs_f64());
    registry.register_with_unit("process_cpu", "Processor time of the whole process", seconds, all);
}

fn counter(value: u64) -> Counter {
    let counter = Counter::default();
    counter.inc_by(value);
    counter
}

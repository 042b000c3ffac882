//! `samebit bench`: how fast this machine's kernels are.

use crate::arguments::Global;
use crate::failure::{Exit, Failure, Outcome};
use crate::machine::Machine;
use crate::progress::spin;
use crate::screen::{Screen, amount};
use crate::speed::{Speed, hash_rate, product_rate};
use samebit_graph::Numerics;
use serde_json::json;

/// Products that are measured: M, N, K.
const SHAPES: [[usize; 3]; 4] = [[512, 512, 512], [1024, 1024, 1024], [1024, 768, 3072], [1, 768, 768]];

/// Measures.
pub fn bench(global: &Global, screen: &Screen) -> Outcome {
    let machine = Machine::choose(global)?;
    let (name, threads) = (machine.backend.name(), machine.threads);
    if name == "reference" {
        return Err(Failure::input(
            "the reference backend is there to be right, not fast\nhint: use scalar, avx2 or avx512",
        ));
    }
    let mut counts = vec![1, threads];
    counts.dedup();
    let mut products = Vec::new();
    screen.say(format!("backend {name}"));
    for count in counts {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build();
        let pool = pool
            .map_err(|error| Failure::new(Exit::Failed, format!("cannot start {count} threads: {error}")))?;
        for ([m, n, k], numerics) in SHAPES.iter().flat_map(|shape| Numerics::ALL.map(|one| (*shape, one))) {
            let rate = spin("products", || pool.install(|| product_rate(&machine, numerics, [m, n, k])))?;
            let name = numerics.name();
            screen.say(format!("product {m}×{n}×{k} {name}, {count} threads: {}", amount(rate, "FLOP/s")));
            products.push(json!({
                "m": m, "n": n, "k": k, "numerics": name, "threads": count, "flops_per_second": rate,
            }));
        }
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool =
        pool.map_err(|error| Failure::new(Exit::Failed, format!("cannot start {threads} threads: {error}")))?;
    let hashing = spin("hashing", || pool.install(|| hash_rate(&machine)))?;
    screen.say(format!("hashing pages, {threads} threads: {}", amount(hashing, "B/s")));
    let speed = spin("training", || Speed::measure(&machine))?;
    screen.say(format!(
        "training step of a small GPT, {threads} threads: {}",
        amount(speed.small_tokens, "tokens/s")
    ));
    screen.object(&json!({
        "backend": name, "threads": threads, "products": products, "hash_bytes_per_second": hashing,
        "other_operations_per_second": speed.others, "small_gpt_tokens_per_second": speed.small_tokens,
    }));
    Ok(Exit::Ok)
}

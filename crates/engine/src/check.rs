//! Silent errors: random elements of a step's products are computed again by another path (`samebit_ops::check`), while their operands are still
//! in memory. A machine that errs finds out before it claims what it computed.

use crate::plan::Launch;
use crate::run::EngineError;
use samebit_num::philox::Stream;
use samebit_ops::check::{Probe, element_count, first_difference, probe};
use samebit_ops::{Backend, Buffer, Kernel, View};
use std::sync::atomic::{AtomicU64, Ordering};

/// The stream of the draws: which elements are looked at is no secret and changes no bit.
const STREAM: u32 = 0xc000_0003;

/// How much is computed again, and how much was.
#[derive(Debug, Default)]
pub(crate) struct SelfCheck {
    /// The share of the elements of products, 0 to 1.
    share: f64,
    draws: AtomicU64,
    checked: AtomicU64,
}

impl SelfCheck {
    pub fn new(share: f64) -> Self {
        SelfCheck { share, ..SelfCheck::default() }
    }

    /// Elements that were computed again so far.
    pub fn checked(&self) -> u64 {
        self.checked.load(Ordering::Relaxed)
    }

    /// The elements of a kernel that is about to run.
    pub fn probes(&self, backend: &dyn Backend, kernel: &Kernel, outputs: &[Buffer]) -> Vec<Probe> {
        let count = element_count(kernel);
        let wanted = self.share * count as f64;
        if wanted == 0.0 {
            return Vec::new();
        }
        let extra = usize::from(self.draw() < wanted.fract());
        let place = |index: usize| match wanted as usize >= count {
            true => index,
            false => ((self.draw() * count as f64) as usize).min(count - 1),
        };
        (0..wanted as usize + extra).map(|index| probe(backend, kernel, outputs, place(index))).collect()
    }

    /// Computes them again.
    pub fn compare(
        &self,
        backend: &dyn Backend,
        (kernel, launch): (&Kernel, &Launch),
        inputs: &[View<'_>],
        outputs: &[Buffer],
        probes: &[Probe],
        step: u64,
    ) -> Result<(), EngineError> {
        self.checked.fetch_add(probes.len() as u64, Ordering::Relaxed);
        match first_difference(backend, (kernel, step), inputs, outputs, probes) {
            None => Ok(()),
            Some(difference) => {
                Err(EngineError::Silent { step, node: launch.outputs[difference.output], difference })
            }
        }
    }

    /// A number in [0, 1).
    fn draw(&self) -> f64 {
        let draw = self.draws.fetch_add(1, Ordering::Relaxed);
        f64::from(Stream { seed: 0, stream: STREAM, step: 0 }.uniform(draw))
    }
}

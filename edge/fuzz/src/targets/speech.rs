//! What peers of the market say. Input: kind u8 · what was said.

use super::canonical;
use samebit_chain::protocol::Domain;
use samebit_market::Owner;
use samebit_peer::{Here, Letters, Registered, Spoken, Where};

pub fn run(bytes: &[u8]) {
    let Some((kind, said)) = bytes.split_first() else { return };
    match kind {
        0 => drop(canonical::<Spoken>(said).map(|spoken| {
            let here = Domain { chain_id: 1, market: Owner([7; 20]) };
            Letters::new(here).signer(&spoken)
        })),
        1 => drop(canonical::<Where>(said)),
        2 => drop(canonical::<Here>(said)),
        _ => drop(canonical::<Registered>(said)),
    }
}

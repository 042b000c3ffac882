//! Who looks on: a progress bar, a log, a test.

use crate::machine::Party;
use samebit_roles::Message;
use std::ops::ControlFlow;

/// Is told what a peer has seen and done. It must not wait.
pub trait Observer: Send {
    /// A message of this peer's has ended, with so much gas if it was carried out.
    fn sent(&mut self, message: &Message, gas: Option<u64>) {
        let _ = (message, gas);
    }

    /// Something may have changed; whether the peer goes on.
    fn changed(&mut self, party: &Party) -> ControlFlow<()> {
        let _ = party;
        ControlFlow::Continue(())
    }
}

/// Nobody looks on.
impl Observer for () {}

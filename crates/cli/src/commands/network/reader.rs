//! The chain, read from the beginning by anybody: what was said, and what followed from it.

use crate::commands::peer::failed;
use crate::failure::Failure;
use samebit_chain::protocol::{self, BlockLog, Protocol};
use samebit_chain::{ContractReferee, LogOptions};
use samebit_market::Moment;
use samebit_peer::roles_block;
use samebit_roles::{Ledger, Logged, Said};

/// A message that the contracts have accepted.
pub struct Told<'a> {
    /// When.
    pub at: Moment,
    /// What, and who has said it.
    pub said: &'a Said,
    /// What followed.
    pub logged: &'a [Logged],
}

/// See the module.
pub struct Reader {
    log: BlockLog,
    ledger: Ledger,
}

impl Reader {
    /// The chain from a block on.
    ///
    /// # Errors
    /// The chain does not answer.
    pub async fn open(protocol: &Protocol, first_block: u64) -> Result<Reader, Failure> {
        let genesis = protocol.name_before(first_block).await.map_err(failed)?;
        let log = protocol.log(first_block, LogOptions::default());
        Ok(Reader { log, ledger: Ledger::new(*protocol.site(), genesis) })
    }

    /// The contracts as they are.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Reads on, and tells what there is; whether there was anything.
    ///
    /// # Errors
    /// The chain does not answer, was reorganised, or has accepted what its twin refuses.
    pub async fn read(&mut self, mut each: impl FnMut(&Ledger, Told<'_>)) -> Result<bool, Failure> {
        let blocks = self.log.poll().await.map_err(failed)?;
        let is_news = !blocks.is_empty();
        blocks.into_iter().try_for_each(|block| self.take(block, &mut each))?;
        Ok(is_news)
    }

    /// Reads until there is nothing left.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub async fn read_all(&mut self, mut each: impl FnMut(&Ledger, Told<'_>)) -> Result<(), Failure> {
        while self.read(&mut each).await? {}
        Ok(())
    }

    fn take(
        &mut self,
        block: protocol::Block,
        each: &mut impl FnMut(&Ledger, Told<'_>),
    ) -> Result<(), Failure> {
        let block = roles_block(block);
        if block.parent != self.ledger.name() {
            return Err(failed("the chain was reorganised while it was read (hint: try again)"));
        }
        self.ledger.begin(&block);
        for said in &block.said {
            let logged = self.ledger.apply(&ContractReferee, said.sender, &said.message);
            let logged = logged.map_err(|error| {
                failed(format!("the chain has accepted what this version refuses: {error}"))
            })?;
            each(&self.ledger, Told { at: block.moment, said, logged: &logged });
        }
        Ok(())
    }
}

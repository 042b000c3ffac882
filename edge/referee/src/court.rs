//! The game's contract, deployed over a referee: takes the messages of the Rust twin.

use crate::contracts::Dispute as sol;
use crate::{Answer, Evm, EvmError, calls};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolValue;
use samebit_dispute::{ClaimId, GameId, Message, Owner, Question, QuestionId, Seconds};

/// A chain with the game on it.
pub struct Court {
    evm: Evm,
    dispute: Address,
    referee: Address,
}

impl Court {
    /// Deploys a referee from its creation bytecode, and the game over it.
    ///
    /// # Errors
    /// Why the contracts do not deploy.
    pub fn new(referee: &Bytes, fund: Owner) -> Result<Self, EvmError> {
        Self::over(|evm| evm.deploy(referee), fund)
    }

    /// Deploys the game over the referee that `deploy` puts on an empty chain.
    ///
    /// # Errors
    /// Why the contracts do not deploy.
    pub fn over(
        deploy: impl FnOnce(&mut Evm) -> Result<Address, EvmError>,
        fund: Owner,
    ) -> Result<Self, EvmError> {
        let mut evm = Evm::new();
        let referee = deploy(&mut evm)?;
        let dispute = Self::put(&mut evm, referee, fund)?;
        Ok(Self { evm, dispute, referee })
    }

    /// Puts the game over this referee on a chain that has other contracts too.
    ///
    /// # Errors
    /// Why the contract does not deploy.
    pub fn put(evm: &mut Evm, referee: Address, fund: Owner) -> Result<Address, EvmError> {
        evm.deploy_with(&sol::BYTECODE, &(referee, Address::from(fund.0)).abi_encode())
    }

    /// Where the game is.
    pub fn dispute(&self) -> Address {
        self.dispute
    }

    /// Where the referee is.
    pub fn referee(&self) -> Address {
        self.referee
    }

    /// The chain.
    pub fn evm(&mut self) -> &mut Evm {
        &mut self.evm
    }

    /// Gives somebody money to claim with.
    pub fn fund(&mut self, owner: Owner, balance: u128) {
        self.evm.fund(Address::from(owner.0), U256::from(balance));
    }

    /// Sends a message about `question` at time `now`.
    ///
    /// # Errors
    /// The contract's refusal, or the EVM's.
    pub fn send(
        &mut self,
        now: Seconds,
        sender: Owner,
        message: &Message,
        question: &Question,
    ) -> Result<Answer<Bytes>, EvmError> {
        let (data, value) = calls::call(message, question);
        self.send_data(now, sender, value, data)
    }

    /// Sends whatever bytes to the game at time `now`.
    ///
    /// # Errors
    /// The contract's refusal, or the EVM's.
    pub fn send_data(
        &mut self,
        now: Seconds,
        sender: Owner,
        value: U256,
        data: Bytes,
    ) -> Result<Answer<Bytes>, EvmError> {
        self.evm.set_time(now.0);
        self.evm.send(Address::from(sender.0), self.dispute, value, data)
    }

    /// The hash of a game's position; zero if there is none or it is over.
    ///
    /// # Errors
    /// The EVM's.
    pub fn game(&mut self, game: GameId) -> Result<B256, EvmError> {
        let call = sol::gameOfCall { id: game.question.0.0.into(), a: game.a.0, b: game.b.0 };
        Ok(self.evm.call(self.dispute, &call)?.value)
    }

    /// Owner, status and root of a claim.
    ///
    /// # Errors
    /// The EVM's.
    pub fn claim(&mut self, question: QuestionId, claim: ClaimId) -> Result<sol::claimOfReturn, EvmError> {
        let call = sol::claimOfCall { id: question.0.0.into(), number: claim.0 };
        Ok(self.evm.call(self.dispute, &call)?.value)
    }

    /// Status, answer and number of claims of a question.
    ///
    /// # Errors
    /// The EVM's.
    pub fn question(&mut self, question: QuestionId) -> Result<sol::statusOfReturn, EvmError> {
        Ok(self.evm.call(self.dispute, &sol::statusOfCall { id: question.0.0.into() })?.value)
    }

    /// What somebody may withdraw.
    ///
    /// # Errors
    /// The EVM's.
    pub fn credit(&mut self, owner: Owner) -> Result<u128, EvmError> {
        let call = sol::creditOfCall { owner: Address::from(owner.0) };
        Ok(self.evm.call(self.dispute, &call)?.value.to())
    }

    /// What the game's contract holds.
    pub fn holds(&mut self) -> u128 {
        self.evm.balance(self.dispute).to()
    }
}

//! Tokens that do not do what they should: refused, never trusted.

use super::town::{bazaar_of, names_of};
use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use samebit_market::{Amount, Height, Message, Moment, Owner, Seconds, StakeMessage, params};
use samebit_referee::market::{Bazaar, Outcome};
use samebit_referee::{BadToken, EvmError};

const NOW: Moment = Moment { time: Seconds(1_000), height: Height(10) };
const FEE: u8 = 1;
const NO: u8 = 2;
const LIE: u8 = 3;
const CALLS_BACK: u8 = 4;

/// A system whose token is the bad one, and two people with a million units of it.
fn bad() -> (Bazaar, [Owner; 2]) {
    let (mut bazaar, people) = bazaar_of(&BadToken::BYTECODE, 1_000_000, params::SLOW_BLOCK);
    bazaar.set(NOW);
    (bazaar, [people[0], people[1]])
}

fn token(bazaar: &mut Bazaar, sender: Owner, call: &impl SolCall) {
    let token = bazaar.at.side.token;
    bazaar.say(sender, token, call.abi_encode().into()).expect("the token does what it is told");
}

fn stake(bazaar: &mut Bazaar, sender: Owner, message: StakeMessage) -> Result<Outcome, EvmError> {
    bazaar.send(NOW, sender, &Message::Stake(message))
}

fn name(result: Result<Outcome, EvmError>) -> Option<String> {
    match result {
        Err(EvmError::Reverted(data)) => names_of(&data),
        other => panic!("it was not refused: {other:?}"),
    }
}

#[test]
fn a_fee_a_no_and_a_lie_are_no_deposit() {
    for (vice, expected) in [(FEE, "WrongReceipt"), (NO, "SafeERC20FailedOperation"), (LIE, "WrongReceipt")] {
        let (mut bazaar, [person, _]) = bad();
        stake(&mut bazaar, person, StakeMessage::Deposit(Amount(1_000))).expect("it is good still");
        token(&mut bazaar, person, &BadToken::turnCall { vice_: vice });
        let refused = stake(&mut bazaar, person, StakeMessage::Deposit(Amount(1_000)));
        assert_eq!(name(refused).as_deref(), Some(expected));
        assert_eq!(bazaar.free(person), Amount(1_000));
        if vice == NO {
            // Nothing is lost to a token that says no when money is to go out.
            let refused = stake(&mut bazaar, person, StakeMessage::Withdraw(Amount(1_000)));
            assert_eq!(name(refused).as_deref(), Some(expected));
            assert_eq!(bazaar.free(person), Amount(1_000));
        }
    }
}

#[test]
fn who_comes_in_through_the_token_finds_the_door_shut() {
    let (mut bazaar, [person, other]) = bad();
    stake(&mut bazaar, person, StakeMessage::Deposit(Amount(1_000))).expect("it is good still");
    token(&mut bazaar, person, &BadToken::turnCall { vice_: CALLS_BACK });
    let at: Address = bazaar.at.stake;
    for again in [StakeMessage::Deposit(Amount(500)), StakeMessage::Withdraw(Amount(500))] {
        let (_, data) = bazaar.call(&Message::Stake(again.clone()));
        // The call from inside is the token's own; it has money in the system too.
        token(&mut bazaar, person, &BadToken::planCall { to: at, data });
        for message in [StakeMessage::Deposit(Amount(300)), StakeMessage::Withdraw(Amount(300))] {
            let before = bazaar.free(person);
            stake(&mut bazaar, person, message.clone()).expect("the outer call is in order");
            let call = BadToken::wasRefusedCall {};
            let token = bazaar.at.side.token;
            assert!(bazaar.evm.call(token, &call).expect("a view").value, "{again:?} inside {message:?}");
            let expected = match message {
                StakeMessage::Deposit(amount) => before.0 + amount.0,
                _ => before.0 - 300,
            };
            assert_eq!(bazaar.free(person).0, expected);
            assert!(bazaar.is_funded());
        }
    }
    assert_eq!(bazaar.free(other), Amount(0));
    let call = BadToken::balanceOfCall { account: at };
    let held: U256 = bazaar.evm.call(bazaar.at.side.token, &call).expect("a view").value;
    assert_eq!(held, U256::from(bazaar.free(person).0));
}

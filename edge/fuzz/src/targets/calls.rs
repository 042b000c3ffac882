//! Transactions to the contracts. Input: contract u8 · the transaction's input. A message that is read is the one that its own call carries.

use samebit_chain::protocol::{Contracts, Message, Papers, Signature, Word};
use samebit_chain::types::Address;
use samebit_dispute::{Message as Argument, Question, QuestionId};
use samebit_market::{AttemptId, JobId, MarketMessage, Message as MarketOrMoney, Owner};

pub fn run(bytes: &[u8]) {
    let Some((contract, input)) = bytes.split_first() else { return };
    let contracts = contracts();
    let to =
        [contracts.market, contracts.stake, contracts.fund, contracts.dispute][usize::from(contract % 4)];
    let Some(message) = contracts.decode(to, input) else { return };
    if needs_more(&message) {
        return;
    }
    let call = contracts.encode(Owner([1; 20]), &message, &Everything).expect("nothing is missing");
    assert_eq!(contracts.decode(to, &call.data), Some(message));
}

pub fn contracts() -> Contracts {
    let [market, stake, fund, dispute, beacon, token] = [1, 2, 3, 4, 5, 6].map(Address::with_last_byte);
    Contracts { market, stake, fund, dispute, beacon, token }
}

/// Whether its call cannot be made of it alone: it opens or is about a question of Dispute.
fn needs_more(message: &Message) -> bool {
    match message {
        Message::Dispute(message) => !matches!(message, Argument::OpenQuestion { .. } | Argument::Withdraw),
        Message::Market(MarketOrMoney::Market(message)) => {
            matches!(message, MarketMessage::Challenge { .. }) || is_beyond(message)
        }
        _ => false,
    }
}

/// Places beyond the end have one number.
fn is_beyond(message: &MarketMessage) -> bool {
    use samebit_market::{PlaceId, Who};
    matches!(
        message,
        MarketMessage::Show { who: Who::Verifier(PlaceId(u64::MAX)), .. }
            | MarketMessage::Refute { who: Who::Verifier(PlaceId(u64::MAX)), .. }
    )
}

/// Papers on which everything is signed.
struct Everything;

impl Papers for Everything {
    fn signature(&self, _: Owner, _: &Word) -> Option<Signature> {
        Some([27; 65])
    }

    fn question(&self, _: QuestionId) -> Option<Question> {
        None
    }

    fn solver(&self, _: JobId, _: AttemptId) -> Option<Owner> {
        Some(Owner([9; 20]))
    }
}

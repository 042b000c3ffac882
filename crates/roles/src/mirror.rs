//! What a chain's contract holds about one question, followed message by message through the pure transition.
//!
//! A contract keeps hashes; whoever wants to answer needs positions. They follow from the messages that it has accepted. What the transition
//! refuses although the chain has accepted it, or answers with another position, means that the two are not the same game: nothing can be
//! answered then.

use crate::Arithmetic;
use samebit_commit::Digest;
use samebit_dispute::{Amount, Dispute, Event, Message, Owner, QuestionId, Refusal, Seconds};

/// Why a chain's log cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Astray {
    /// The chain accepted what the transition refuses.
    #[error(
        "the chain accepted a message that this version refuses: {0}; hint: is the contract of this version?"
    )]
    Refused(#[from] Refusal),
    /// The chain went to another position.
    #[error(
        "after a move the chain stands at {chain}, this version at {own}; hint: is the contract of this version?"
    )]
    Elsewhere {
        /// The chain's position.
        chain: Digest,
        /// The transition's.
        own: Digest,
    },
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Mirror {
    question: QuestionId,
    dispute: Dispute,
}

impl Mirror {
    /// Follows a question from its opening.
    pub fn new(question: QuestionId) -> Mirror {
        // Who the fund is makes no difference to a player.
        Mirror { question, dispute: Dispute::new(Owner::default()) }
    }

    /// What a message that the chain has accepted means; nothing if it is about another question. `moved` is the hash of the position that the chain
    /// gives after a move.
    ///
    /// # Errors
    /// [`Astray`]: the chain and the transition part.
    pub fn follow(
        &mut self,
        at: Seconds,
        sender: Owner,
        message: &Message,
        moved: Option<Digest>,
    ) -> Result<Vec<Event>, Astray> {
        let is_ours = match question_of(message) {
            Some(question) => question == self.question,
            // What is paid out may come from other questions too.
            None => self.dispute.credit(sender) > Amount(0),
        };
        if !is_ours {
            return Ok(Vec::new());
        }
        let events = self.dispute.apply(&Arithmetic, at, sender, message)?;
        let position = events.iter().find_map(|event| match event {
            Event::Moved { position, .. } => Some(position.hash()),
            _ => None,
        });
        match (moved, position) {
            (Some(chain), Some(own)) if chain != own => Err(Astray::Elsewhere { chain, own }),
            _ => Ok(events),
        }
    }
}

/// The question that a message is about; nothing for a withdrawal.
fn question_of(message: &Message) -> Option<QuestionId> {
    Some(match message {
        Message::OpenQuestion { question, .. } => question.id(),
        Message::Claim { question, .. }
        | Message::Pair { question, .. }
        | Message::Resolve { question, .. }
        | Message::Release { question, .. } => *question,
        Message::Move { position, .. }
        | Message::Keep { position, .. }
        | Message::Judge { position, .. }
        | Message::Timeout { position } => position.question,
        Message::Withdraw => return None,
    })
}

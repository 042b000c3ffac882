//! Liars: small values, each of which bends what an honest peer does. A peer may have several.

use crate::world::Skew;
use samebit_commit::{Digest, Tag, Words};
use samebit_dispute::Message as Argument;
use samebit_market::{Market, MarketMessage, Message as MarketOrMoney, Owner};
use samebit_roles::party::{Action, Record};
use samebit_roles::{Blob, Message};

/// A way to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lie {
    /// Runs a segment in a wrong way.
    Runs(Skew, u64),
    /// Gives nobody what it has.
    Withholds,
    /// Gives what it has to other liars only.
    ServesLiars,
    /// Gives other bytes than those that it is asked for.
    ServesGarbage,
    /// Seals what it can never open.
    SealsAtRandom,
    /// Does not open what it has sealed.
    NeverOpens,
    /// Seals what another has sealed for the same segment.
    CopiesSeal,
    /// Says that it holds what it has never seen.
    ApprovesBlindly,
    /// Claims in Dispute and makes no move.
    StopsMoving,
    /// Does no more when it is to say this.
    Vanishes(Verb),
}

/// Something that a solver has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// What it has run.
    Claims,
    /// Who holds it.
    Holds,
    /// The roots of segments that are not drawn.
    Announces,
    /// All its secrets.
    Reveals,
}

impl Verb {
    /// All of them.
    pub const ALL: [Verb; 4] = [Verb::Claims, Verb::Holds, Verb::Announces, Verb::Reveals];

    /// Whether an action says it.
    fn is_said_by(self, action: &Action) -> bool {
        let Action::Send(Message::Market(MarketOrMoney::Market(message))) = action else { return false };
        match self {
            Verb::Claims => matches!(message, MarketMessage::Claim { .. }),
            Verb::Holds => matches!(message, MarketMessage::Hold { .. }),
            Verb::Announces => matches!(message, MarketMessage::Announce { .. }),
            Verb::Reveals => matches!(message, MarketMessage::Reveal { .. }),
        }
    }
}

impl Lie {
    /// How a segment is run by whoever tells these lies.
    pub fn skew(lies: &[Lie], segment: u64) -> Skew {
        let skew = |lie: &Lie| match lie {
            Lie::Runs(skew, at) if *at == segment => Some(*skew),
            _ => None,
        };
        lies.iter().find_map(skew).unwrap_or(Skew::Honest)
    }

    /// Whether the liar is gone before it does this.
    pub fn vanishes_at(&self, action: &Action) -> bool {
        matches!(self, Lie::Vanishes(verb) if verb.is_said_by(action))
    }

    /// What is done in place of an action.
    pub fn bend(&self, action: Action, market: &Market, is_liar: impl Fn(Owner) -> bool) -> Bent {
        match (self, &action) {
            (Lie::ServesLiars, Action::Serve { to, .. }) if !is_liar(*to) => Bent::Nothing,
            (Lie::Withholds, Action::Serve { .. }) => Bent::Nothing,
            (Lie::ApprovesBlindly, Action::Serve { .. }) => Bent::Nothing,
            (Lie::ApprovesBlindly, Action::Fetch { blob: Blob::State(root), .. }) => {
                Bent::Believes(Record::State(*root))
            }
            (Lie::StopsMoving, Action::Send(Message::Dispute(message))) if is_move(message) => Bent::Nothing,
            (_, Action::Send(Message::Market(MarketOrMoney::Market(message)))) => {
                match self.bend_message(message, market) {
                    Some(Some(message)) => Bent::Does(Action::Send(message.into())),
                    Some(None) => Bent::Nothing,
                    None => Bent::Does(action),
                }
            }
            _ => Bent::Does(action),
        }
    }

    /// Another message, or none; nothing if this lie has nothing to do with it.
    fn bend_message(&self, message: &MarketMessage, market: &Market) -> Option<Option<MarketMessage>> {
        match (self, message) {
            (Lie::NeverOpens, MarketMessage::OpenVerifier { .. } | MarketMessage::OpenSolver { .. }) => {
                Some(None)
            }
            (Lie::NeverOpens, MarketMessage::Reveal { .. }) => Some(None),
            (Lie::SealsAtRandom, MarketMessage::Seal { seal, .. }) => {
                let mut bent = message.clone();
                if let MarketMessage::Seal { seal: bent, .. } = &mut bent {
                    *bent = other(*seal);
                }
                Some(Some(bent))
            }
            (Lie::SealsAtRandom, MarketMessage::Claim { .. }) => {
                let mut bent = message.clone();
                if let MarketMessage::Claim { seals, .. } = &mut bent {
                    seals.iter_mut().for_each(|seal| *seal = other(*seal));
                }
                Some(Some(bent))
            }
            (Lie::CopiesSeal, MarketMessage::Seal { job, batch, draw, place, .. }) => {
                let running = market.job(*job)?.attempt.as_ref()?;
                let drawn = &running.batches.get(batch.0 as usize)?.draws.get(draw.0 as usize)?;
                let others = (0..).zip(&drawn.places).filter(|(at, _)| *at != place.0);
                let copied = others.filter_map(|(_, place)| place.seal).next();
                // It waits for somebody to copy.
                Some(copied.map(|copied| {
                    let mut bent = message.clone();
                    if let MarketMessage::Seal { seal, .. } = &mut bent {
                        *seal = copied;
                    }
                    bent
                }))
            }
            _ => None,
        }
    }
}

/// What becomes of an action.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "each is handled once and thrown away")]
pub enum Bent {
    /// This is done.
    Does(Action),
    /// Nothing is.
    Nothing,
    /// It says to itself that it has something.
    Believes(Record),
}

fn is_move(message: &Argument) -> bool {
    matches!(message, Argument::Move { .. } | Argument::Judge { .. } | Argument::Keep { .. })
}

fn other(digest: Digest) -> Digest {
    Words::new().digest(digest).hash(Tag::File)
}

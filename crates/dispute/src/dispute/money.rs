//! Bonds, credits and payments (dispute.md §7).

use super::Dispute;
use crate::difference::Side;
use crate::ids::{Amount, ClaimId, GameId, Owner};
use crate::message::{ClaimStatus, Event};
use crate::planted::{Bug, planted};
use crate::refusal::Refusal;

impl Dispute {
    /// Credits an amount; nothing is said of nothing.
    pub(super) fn add_credit(
        &mut self,
        sender: Owner,
        owner: Owner,
        amount: Amount,
        events: &mut Vec<Event>,
    ) {
        let owner = if planted(Bug::CreditToSender) { sender } else { owner };
        if amount.0 == 0 {
            return;
        }
        self.credits.entry(owner).or_default().0 += amount.0;
        events.push(Event::Credited { owner, amount });
    }

    /// A side of a game loses its bond: half of it is the winner's, the rest the fund's.
    pub(super) fn bury(&mut self, sender: Owner, game: GameId, loser: Side, events: &mut Vec<Event>) {
        let claims = [game.a, game.b];
        let winner = self.asked_mut(game.question).claim_mut(claims[loser.other().index()]).owner;
        let bond = self.kill(game, claims[loser.index()], events);
        let prize = bond / 2;
        let rest = if planted(Bug::BondTwice) { bond } else { bond - prize };
        self.add_credit(sender, winner, Amount(prize), events);
        self.add_credit(sender, self.fund, Amount(rest), events);
    }

    /// Both sides of a game lose their bonds to the fund.
    pub(super) fn bury_both(&mut self, sender: Owner, game: GameId, events: &mut Vec<Event>) {
        let heir = match planted(Bug::BothFalsePays) {
            true => self.asked_mut(game.question).claim_mut(game.b).owner,
            false => self.fund,
        };
        for claim in [game.a, game.b] {
            let bond = self.kill(game, claim, events);
            self.add_credit(sender, heir, Amount(bond), events);
        }
    }

    /// A claim dies; its bond is no longer held.
    fn kill(&mut self, game: GameId, claim: ClaimId, events: &mut Vec<Event>) -> u128 {
        let asked = self.asked_mut(game.question);
        asked.claim_mut(claim).status = ClaimStatus::Dead;
        events.push(Event::ClaimDied { question: game.question, claim });
        asked.question.bond.0
    }

    pub(super) fn withdraw(&mut self, owner: Owner) -> Result<Vec<Event>, Refusal> {
        let amount = self.credits.remove(&owner).ok_or(Refusal::NothingToWithdraw(owner))?;
        self.paid_out += amount.0;
        Ok(vec![Event::Withdrawn { owner, amount }])
    }
}

//! Stake and Fund: who owns what (job.md §1).

use crate::clock::Moment;
use crate::event::Event;
use crate::ids::{Amount, Height, Owner, SeatId};
use crate::message::{FundMessage, Pot, StakeMessage};
use crate::names::Site;
use crate::params::{ADDRESS_BYTES_LIMIT, MONEY_LIMIT, SEAT, SEAT_LIMIT, UNBONDING};
use crate::refusal::Refusal;
use crate::terms::inside;
use std::collections::{BTreeMap, VecDeque};

/// A verifier's seat.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seat {
    /// Whose it is; nobody's address when it is given up.
    pub owner: Owner,
    /// When it was taken.
    pub since: Height,
    /// When it was left.
    pub left: Option<Moment>,
    /// What fines have left of it.
    pub rest: Amount,
}

impl Seat {
    /// Whether it counts at a height: a fact that nothing later changes.
    pub fn counts_at(&self, height: Height) -> bool {
        self.since < height && self.left.is_none_or(|left| left.height > height)
    }
}

/// All the money.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vault {
    pub(crate) site: Site,
    free: BTreeMap<Owner, Amount>,
    seats: Vec<Seat>,
    given_up: VecDeque<SeatId>,
    pots: [Amount; 3],
    paid_in: Amount,
    paid_out: Amount,
}

impl Vault {
    pub(crate) fn new(site: Site) -> Vault {
        Vault {
            site,
            free: BTreeMap::new(),
            seats: Vec::new(),
            given_up: VecDeque::new(),
            pots: [Amount(0); 3],
            paid_in: Amount(0),
            paid_out: Amount(0),
        }
    }

    /// What somebody may withdraw, lock or turn into a seat.
    pub fn free(&self, owner: Owner) -> Amount {
        self.free.get(&owner).copied().unwrap_or_default()
    }

    /// The seats, by number.
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// What is in a pot.
    pub fn pot(&self, pot: Pot) -> Amount {
        self.pots[pot as usize]
    }

    /// Everything that is in the system.
    pub fn total(&self) -> Amount {
        self.paid_in.less(self.paid_out)
    }

    /// Whether what people, contracts and seats have is what was paid in and not out, and what Fund has is in its pots.
    pub fn is_balanced(&self) -> bool {
        let free: u128 = self.free.values().map(|amount| amount.0).sum();
        let rests: u128 = self.seats.iter().map(|seat| seat.rest.0).sum();
        let pots: u128 = self.pots.iter().map(|amount| amount.0).sum();
        free + rests == self.total().0 && self.free(self.site.fund).0 == pots
    }

    /// Refuses if somebody has less free.
    pub(crate) fn require(&self, owner: Owner, needed: Amount) -> Result<(), Refusal> {
        let free = self.free(owner);
        if free >= needed { Ok(()) } else { Err(Refusal::NotEnough { owner, free, needed }) }
    }

    /// Money of somebody's, of which there is enough, becomes Market's.
    pub(crate) fn lock(&mut self, owner: Owner, amount: Amount) {
        self.move_free(owner, self.site.market, amount);
    }

    /// Market pays somebody.
    pub(crate) fn pay(&mut self, owner: Owner, amount: Amount, events: &mut Vec<Event>) {
        if amount.0 > 0 {
            self.move_free(self.site.market, owner, amount);
            events.push(Event::Paid { owner, amount });
        }
    }

    /// Market pays into a pot.
    pub(crate) fn fill(&mut self, pot: Pot, amount: Amount, events: &mut Vec<Event>) {
        if amount.0 > 0 {
            self.move_free(self.site.market, self.site.fund, amount);
            self.add_to_pot(pot, amount, events);
        }
    }

    /// Market takes from the jackpot, which has as much.
    pub(crate) fn draw_jackpot(&mut self, amount: Amount) {
        self.pots[Pot::Jackpot as usize] = self.pot(Pot::Jackpot).less(amount);
        self.move_free(self.site.fund, self.site.market, amount);
    }

    fn add_to_pot(&mut self, pot: Pot, amount: Amount, events: &mut Vec<Event>) {
        self.pots[pot as usize] = self.pot(pot).plus(amount);
        events.push(Event::Filled { pot, amount });
    }

    fn move_free(&mut self, from: Owner, to: Owner, amount: Amount) {
        let rest = self.free(from).less(amount);
        self.free.insert(from, rest);
        let sum = self.free(to).plus(amount);
        self.free.insert(to, sum);
    }

    /// Takes at most `amount` from a seat that was drawn at `height`: `first` of it is `heir`'s, the rest the insurance's.
    pub(crate) fn fine(
        &mut self,
        (seat, height): (SeatId, Height),
        amount: Amount,
        (heir, first): (Owner, Amount),
        now: Moment,
        events: &mut Vec<Event>,
    ) {
        let fined = &mut self.seats[seat.0 as usize];
        if fined.since >= height {
            return;
        }
        let amount = amount.min(fined.rest);
        fined.rest = fined.rest.less(amount);
        events.push(Event::Fined { seat, amount });
        if fined.left.is_none() && fined.rest.0 < SEAT.0 / 2 {
            fined.left = Some(now);
            events.push(Event::Left { seat });
        }
        let first = first.min(amount);
        if first.0 > 0 {
            let sum = self.free(heir).plus(first);
            self.free.insert(heir, sum);
            events.push(Event::Paid { owner: heir, amount: first });
        }
        let rest = amount.less(first);
        if rest.0 > 0 {
            let sum = self.free(self.site.fund).plus(rest);
            self.free.insert(self.site.fund, sum);
            self.add_to_pot(Pot::Insurance, rest, events);
        }
    }

    pub(crate) fn stake(
        &mut self,
        now: Moment,
        sender: Owner,
        message: &StakeMessage,
        events: &mut Vec<Event>,
    ) -> Result<(), Refusal> {
        match message {
            StakeMessage::Deposit(amount) => self.deposit(sender, *amount, events),
            StakeMessage::Withdraw(amount) => self.withdraw(sender, *amount, events),
            StakeMessage::Register(address) => {
                inside("address bytes", address.len() as u64, 0, ADDRESS_BYTES_LIMIT as u64)?;
                events.push(Event::Registered { owner: sender, address: address.clone() });
                Ok(())
            }
            StakeMessage::Join => self.join(now, sender, events),
            StakeMessage::Leave(seat) => self.leave(now, sender, *seat, events),
            StakeMessage::Collect(seat) => self.collect(now, sender, *seat, events),
        }
    }

    fn deposit(&mut self, sender: Owner, amount: Amount, events: &mut Vec<Event>) -> Result<(), Refusal> {
        inside("amount", amount.0, 1, MONEY_LIMIT.0 - self.total().0)?;
        let sum = self.free(sender).plus(amount);
        self.free.insert(sender, sum);
        self.paid_in = self.paid_in.plus(amount);
        events.push(Event::Deposited { owner: sender, amount });
        Ok(())
    }

    fn withdraw(&mut self, sender: Owner, amount: Amount, events: &mut Vec<Event>) -> Result<(), Refusal> {
        inside("amount", amount.0, 1, MONEY_LIMIT.0)?;
        self.require(sender, amount)?;
        let rest = self.free(sender).less(amount);
        self.free.insert(sender, rest);
        self.paid_out = self.paid_out.plus(amount);
        events.push(Event::Withdrawn { owner: sender, amount });
        Ok(())
    }

    fn join(&mut self, now: Moment, sender: Owner, events: &mut Vec<Event>) -> Result<(), Refusal> {
        self.require(sender, SEAT)?;
        if self.given_up.is_empty() {
            inside("seats", self.seats.len() as u64, 0, SEAT_LIMIT - 1)?;
        }
        let rest = self.free(sender).less(SEAT);
        self.free.insert(sender, rest);
        let taken = Seat { owner: sender, since: now.height, left: None, rest: SEAT };
        let seat = match self.given_up.pop_front() {
            Some(seat) => {
                self.seats[seat.0 as usize] = taken;
                seat
            }
            None => {
                self.seats.push(taken);
                SeatId((self.seats.len() - 1) as u32)
            }
        };
        events.push(Event::Joined { seat, owner: sender });
        Ok(())
    }

    fn own_seat(&mut self, sender: Owner, seat: SeatId) -> Result<&mut Seat, Refusal> {
        let own = self.seats.get_mut(seat.0 as usize).ok_or(Refusal::UnknownSeat(seat))?;
        if own.owner == sender { Ok(own) } else { Err(Refusal::NotYours(sender)) }
    }

    fn leave(
        &mut self,
        now: Moment,
        sender: Owner,
        seat: SeatId,
        events: &mut Vec<Event>,
    ) -> Result<(), Refusal> {
        let own = self.own_seat(sender, seat)?;
        if own.left.is_some() {
            return Err(Refusal::SeatLeft(seat));
        }
        own.left = Some(now);
        events.push(Event::Left { seat });
        Ok(())
    }

    fn collect(
        &mut self,
        now: Moment,
        sender: Owner,
        seat: SeatId,
        events: &mut Vec<Event>,
    ) -> Result<(), Refusal> {
        let slow_block = self.site.slow_block;
        let own = self.own_seat(sender, seat)?;
        let left = own.left.ok_or(Refusal::SeatTaken(seat))?;
        if !now.is_over(left, UNBONDING, slow_block) {
            return Err(Refusal::TooEarly("a seat's money can still be fined"));
        }
        let amount = std::mem::take(&mut own.rest);
        own.owner = Owner::default();
        let sum = self.free(sender).plus(amount);
        self.free.insert(sender, sum);
        self.given_up.push_back(seat);
        events.push(Event::Collected { seat, amount });
        Ok(())
    }

    pub(crate) fn fund(
        &mut self,
        sender: Owner,
        FundMessage::Take { pot, to, amount }: &FundMessage,
        events: &mut Vec<Event>,
    ) -> Result<(), Refusal> {
        if sender != self.site.treasury {
            return Err(Refusal::NotYours(sender));
        }
        if *pot == Pot::Jackpot {
            return Err(Refusal::JackpotIsNobodys);
        }
        if [self.site.market, self.site.fund].contains(to) {
            return Err(Refusal::NotYours(*to));
        }
        inside("amount", amount.0, 1, self.pot(*pot).0)?;
        self.pots[*pot as usize] = self.pot(*pot).less(*amount);
        self.move_free(self.site.fund, *to, *amount);
        events.push(Event::Taken { pot: *pot, to: *to, amount: *amount });
        Ok(())
    }
}

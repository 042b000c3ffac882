//! The chain as a peer sees it: both twins, the beacon, and what messages have made public, folded from the chain's log.
//!
//! ```text
//! block ──> said ─┬─ Market ──challenge──> question ┐
//!                 │     └── judge <── answer ───────┤
//!                 └─ Dispute ───────────────────────┘
//!                 └─ Public: states, announced and revealed roots, shown leaves; the log of every question
//! ```
//! A contract keeps roots; whoever wants to open them needs what was posted. It is in the messages (job.md §4: "data is public when its root is").
//! What the twins refuse although the chain has accepted it means that the two are not the same system: nothing can be done then.

mod history;
mod public;

pub use history::{History, Taken};
pub use public::{Arguing, Claimed, Tenure};

use crate::message::{Block, Message};
use public::Public;
use samebit_commit::Digest;
use samebit_dispute::{
    Dispute, Header, Message as Argument, Owner as Party, Question, QuestionId, QuestionStatus, Referee,
    Seconds as Time,
};
use samebit_market::{
    Beacon, Claim, Event, Height, Job, JobId, Market, MarketMessage, Message as MarketOrMoney, Moment, Owner,
    Question as Answered, Site, World,
};
use std::collections::BTreeMap;

/// Heights of which the beacon's value is remembered.
const BEACON_MEMORY: usize = 256;

/// Why a message is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// By Stake, Fund or Market.
    #[error(transparent)]
    Market(#[from] samebit_market::Refusal),
    /// By Dispute.
    #[error(transparent)]
    Dispute(#[from] samebit_dispute::Refusal),
    /// A challenge with a question that is not the segment's.
    #[error("the question of the challenge is not the segment's")]
    Question,
}

/// What a message has caused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "each is handled once and thrown away")]
pub enum Logged {
    /// In Stake, Fund or Market.
    Market(Event),
    /// In Dispute.
    Dispute(samebit_dispute::Event),
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    market: Market,
    dispute: Dispute,
    public: Public,
    beacons: BTreeMap<Height, Digest>,
    now: Moment,
    name: Digest,
}

/// An address, as Dispute has it.
pub fn party(owner: Owner) -> Party {
    Party(owner.0)
}

impl Ledger {
    /// Contracts that were just deployed, on a chain whose last block has this name.
    pub fn new(site: Site, name: Digest) -> Ledger {
        Ledger {
            market: Market::new(site),
            // What no winner gets in Dispute is coins, which Fund could not pay out.
            dispute: Dispute::new(party(site.treasury)),
            public: Public::default(),
            beacons: BTreeMap::new(),
            now: Moment::default(),
            name,
        }
    }

    /// Stake, Fund and Market.
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// Dispute.
    pub fn dispute(&self) -> &Dispute {
        &self.dispute
    }

    /// The last block.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// The last block's name.
    pub fn name(&self) -> Digest {
        self.name
    }

    /// A job.
    pub fn job(&self, id: JobId) -> Option<&Job> {
        self.market.job(id)
    }

    /// What was posted of a batch that is there.
    pub fn claimed(&self, job: JobId, attempt: samebit_market::AttemptId, batch: u64) -> Option<&Claimed> {
        self.public.claimed.get(&(job, attempt, batch))
    }

    /// Every state that was ever claimed for a job.
    pub fn named(&self, job: JobId) -> impl Iterator<Item = Digest> {
        self.public.named.get(&job).into_iter().flatten().copied()
    }

    /// When a job ended, if it has.
    pub fn ended(&self, job: JobId) -> Option<samebit_market::Seconds> {
        self.public.ended.get(&job).copied()
    }

    /// Segments of a job up to the last that was claimed in an attempt, whatever became of it.
    pub fn claimed_segments(&self, job: JobId, attempt: samebit_market::AttemptId) -> u64 {
        self.public.reached.get(&(job, attempt)).copied().unwrap_or_default()
    }

    /// The leaves of an interior root that were shown in a challenge.
    pub fn shown(&self, key: &public::ShownKey) -> Option<&Vec<Digest>> {
        self.public.shown.get(key)
    }

    /// The state after each segment of a job that is settled, in order.
    pub fn settled(&self, job: JobId) -> &[Digest] {
        self.public.settled.get(&job).map_or(&[], Vec::as_slice)
    }

    /// Who had the attempts of a job, and how they ended.
    pub fn tenures(&self, job: JobId) -> &[Tenure] {
        self.public.tenures.get(&job).map_or(&[], Vec::as_slice)
    }

    /// The question of Market's with this nonce.
    pub fn asked(&self, nonce: Digest) -> Option<(QuestionId, &Arguing)> {
        let id = self.public.asked.get(&nonce)?;
        Some((*id, self.public.arguing.get(id)?))
    }

    /// All questions of Market's.
    pub fn questions(&self) -> impl Iterator<Item = (QuestionId, &Arguing)> {
        self.public.arguing.iter().map(|(id, arguing)| (*id, arguing))
    }

    /// Begins a block.
    pub fn begin(&mut self, block: &Block) {
        (self.now, self.name) = (block.moment, block.name);
        self.beacons.insert(block.moment.height, block.beacon);
        while self.beacons.len() > BEACON_MEMORY {
            self.beacons.pop_first();
        }
    }

    /// Takes a message in the block that was begun last.
    ///
    /// # Errors
    /// Why it is refused; nothing has changed then.
    pub fn apply<R: Referee + ?Sized>(
        &mut self,
        referee: &R,
        sender: Owner,
        message: &Message,
    ) -> Result<Vec<Logged>, Refusal> {
        let logged = match message {
            Message::Market(MarketOrMoney::Market(MarketMessage::Challenge { .. })) => {
                return Err(Refusal::Question);
            }
            Message::Market(message) => self.tell_market(sender, message)?,
            Message::Challenge { challenge, question, header } => {
                self.challenge(referee, sender, challenge, (question, header))?
            }
            Message::Dispute(message) => {
                self.tell_dispute(referee, party(sender), message)?.into_iter().map(Logged::Dispute).collect()
            }
        };
        Ok(logged)
    }

    /// Whether a message would be accepted in the next block, if that comes at `time`.
    pub fn permits<R: Referee + ?Sized>(
        &self,
        referee: &R,
        time: samebit_market::Seconds,
        sender: Owner,
        message: &Message,
    ) -> Result<(), Refusal> {
        let now = Moment { time: time.max(self.now.time), height: Height(self.now.height.0 + 1) };
        match message {
            Message::Market(message @ MarketOrMoney::Market(MarketMessage::Challenge { .. })) => {
                unreachable!("a challenge comes with its question: {message:?}")
            }
            Message::Market(message) => {
                let Ledger { market, dispute, public, beacons, .. } = self;
                let eyes = Eyes { now: now.height, beacons, dispute, public };
                market.clone().apply(now, &eyes, sender, message).map(drop).map_err(Refusal::from)
            }
            _ => {
                let mut next = self.clone();
                next.now = now;
                next.apply(referee, sender, message).map(drop)
            }
        }
    }

    fn tell_market(&mut self, sender: Owner, message: &MarketOrMoney) -> Result<Vec<Logged>, Refusal> {
        let Ledger { market, dispute, public, beacons, now, .. } = self;
        let eyes = Eyes { now: now.height, beacons, dispute, public };
        let events = market.apply(*now, &eyes, sender, message)?;
        self.public.note_market(self.now.time, message, &events);
        Ok(events.into_iter().map(Logged::Market).collect())
    }

    fn tell_dispute<R: Referee + ?Sized>(
        &mut self,
        referee: &R,
        sender: Party,
        message: &Argument,
    ) -> Result<Vec<samebit_dispute::Event>, Refusal> {
        let time = Time(self.now.time.0);
        let events = self.dispute.apply(referee, time, sender, message)?;
        self.public.note_dispute(time, message, &events);
        Ok(events)
    }

    /// A challenge opens its question: both are done, or neither.
    fn challenge<R: Referee + ?Sized>(
        &mut self,
        referee: &R,
        sender: Owner,
        challenge: &MarketMessage,
        (question, header): (&Question, &Header),
    ) -> Result<Vec<Logged>, Refusal> {
        let mut next = self.clone();
        let message = MarketOrMoney::Market(challenge.clone());
        let expected = self.public.question_of(&self.market, challenge).ok_or(Refusal::Question)?;
        let mut logged = next.tell_market(sender, &message)?;
        if !expected.is(question) {
            return Err(Refusal::Question);
        }
        let open = Argument::OpenQuestion { question: question.clone(), header: header.clone() };
        let market = party(self.market.site().market);
        logged.extend(next.tell_dispute(referee, market, &open)?.into_iter().map(Logged::Dispute));
        *self = next;
        Ok(logged)
    }
}

/// What Market sees of the beacon and of Dispute.
struct Eyes<'a> {
    now: Height,
    beacons: &'a BTreeMap<Height, Digest>,
    dispute: &'a Dispute,
    public: &'a Public,
}

impl World for Eyes<'_> {
    fn beacon(&self, height: Height) -> Beacon {
        if height >= self.now {
            return Beacon::NotYet;
        }
        self.beacons.get(&height).map_or(Beacon::Expired, |value| Beacon::Value(*value))
    }

    fn question(&self, nonce: Digest) -> Answered {
        let Some(id) = self.public.asked.get(&nonce) else { return Answered::Open };
        match self.dispute.status(*id) {
            None | Some(QuestionStatus::Open) => Answered::Open,
            Some(QuestionStatus::Answered(root)) => {
                Answered::Answered { root, living: self.dispute.living(*id) }
            }
            Some(QuestionStatus::Unanswered) => Answered::Unanswered,
            Some(QuestionStatus::Void) => Answered::Void,
        }
    }

    fn claim(&self, nonce: Digest, number: u64) -> Option<Claim> {
        let claims = self.dispute.claims(*self.public.asked.get(&nonce)?);
        let claim = claims.get(usize::try_from(number).ok()?)?;
        let has_lived = claim.status != samebit_dispute::ClaimStatus::Dead;
        Some(Claim { owner: Owner(claim.owner.0), has_lived })
    }
}

//! The whole transition: Stake, Fund and all jobs.

use crate::clock::Moment;
use crate::event::Event;
use crate::ids::{Amount, JobId, Owner, Seconds};
use crate::job::{Desk, Job, JobStage};
use crate::message::{MarketMessage, Message, Pot};
use crate::names::Site;
use crate::params::SLOW_BLOCK_LIMIT;
use crate::refusal::Refusal;
use crate::terms::{SpecOpening, Terms};
use crate::vault::Vault;
use crate::world::World;
use std::collections::BTreeMap;

/// Everything that the three contracts keep.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Market {
    site: Site,
    vault: Vault,
    jobs: BTreeMap<JobId, Job>,
}

impl Market {
    /// Contracts that were just deployed.
    ///
    /// # Panics
    /// If no contracts can be deployed so: the time of a slow block is from 1 second to [`SLOW_BLOCK_LIMIT`].
    pub fn new(site: Site) -> Market {
        let slow_block = site.slow_block;
        assert!((Seconds(1)..=SLOW_BLOCK_LIMIT).contains(&slow_block), "a slow block takes {slow_block}");
        Market { site, vault: Vault::new(site), jobs: BTreeMap::new() }
    }

    /// Where the contracts are.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// All the money.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// A job, if it was posted.
    pub fn job(&self, id: JobId) -> Option<&Job> {
        self.jobs.get(&id)
    }

    /// All jobs.
    pub fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values()
    }

    /// What somebody may withdraw.
    pub fn free(&self, owner: Owner) -> Amount {
        self.vault.free(owner)
    }

    /// What is in a pot.
    pub fn pot(&self, pot: Pot) -> Amount {
        self.vault.pot(pot)
    }

    /// Whether no money was made or lost, and Market has what its jobs have locked.
    pub fn is_balanced(&self) -> bool {
        let locked: u128 = self.jobs.values().map(|job| job.locked().0).sum();
        self.vault.is_balanced() && self.vault.free(self.site.market).0 == locked
    }

    /// Takes a message that `sender` says now.
    ///
    /// # Errors
    /// Why it is refused; nothing has changed then.
    pub fn apply(
        &mut self,
        now: Moment,
        world: &dyn World,
        sender: Owner,
        message: &Message,
    ) -> Result<Vec<Event>, Refusal> {
        let mut events = Vec::new();
        match message {
            Message::Stake(message) => self.vault.stake(now, sender, message, &mut events)?,
            Message::Fund(message) => self.vault.fund(sender, message, &mut events)?,
            Message::Market(message) => {
                let Market { site, vault, jobs } = self;
                let mut desk = Desk { site, vault, world, now, sender, events: &mut events };
                match message {
                    MarketMessage::Post { spec, terms, nonce } => {
                        let job = post(&mut desk, jobs, spec, terms, *nonce)?;
                        jobs.insert(job.id, job);
                    }
                    _ => {
                        let id = message.job().expect("every other message names its job");
                        let job = jobs.get_mut(&id).ok_or(Refusal::UnknownJob(id))?;
                        job.apply(&mut desk, message)?;
                    }
                }
            }
        }
        debug_assert!(cfg!(feature = "planted") || self.is_balanced(), "money was made or lost");
        Ok(events)
    }
}

/// A job for which its poster pays.
fn post(
    desk: &mut Desk<'_>,
    jobs: &BTreeMap<JobId, Job>,
    spec: &SpecOpening,
    terms: &Terms,
    nonce: u64,
) -> Result<Job, Refusal> {
    spec.check()?;
    terms.check()?;
    let poster = desk.sender;
    let digest = spec.digest();
    let id = desk.site.job(poster, nonce, digest, terms.digest());
    if jobs.contains_key(&id) {
        return Err(Refusal::JobExists(id));
    }
    let escrow = terms.escrow(spec.segments());
    desk.vault.require(poster, escrow)?;
    desk.vault.lock(poster, escrow);
    desk.tell(Event::Posted { job: id, poster, spec: digest, escrow });
    Ok(Job {
        id,
        poster,
        spec: digest,
        steps: spec.steps,
        segment_steps: spec.segment_steps,
        loss: spec.loss,
        grad_norm: spec.grad_norm,
        terms: terms.clone(),
        stage: JobStage::Open,
        escrow,
        draws: terms.draws(spec.segments()),
        settled: 0,
        state: spec.initial,
        clock: Default::default(),
        attempts: 0,
        ends: Vec::new(),
        ended: desk.now,
        attempt: None,
        challenges: BTreeMap::new(),
        catches: BTreeMap::new(),
        marks: BTreeMap::new(),
    })
}

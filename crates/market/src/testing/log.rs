//! What is said to chains of this thread, for another implementation that is to say the same.

use crate::clock::Moment;
use crate::event::Event;
use crate::ids::Owner;
use crate::message::Message;
use crate::names::Site;
use crate::refusal::Refusal;
use crate::world::{Claim, Question};
use samebit_commit::Digest;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

/// What happened to a chain.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "there are few")]
pub enum Told {
    /// Dispute has closed the question with this nonce.
    Closed {
        /// The nonce of the question.
        nonce: Digest,
        /// How it was closed.
        question: Question,
        /// Its claims, by number.
        claims: Vec<Claim>,
    },
    /// Somebody has said something.
    Said {
        /// What the beacon's values follow from.
        seed: u64,
        /// When.
        now: Moment,
        /// Who.
        sender: Owner,
        /// What.
        message: Message,
        /// What the contracts do.
        result: Result<Vec<Event>, Refusal>,
    },
}

/// Who watches the chains of a thread.
struct Watch {
    site: Site,
    see: fn(&[Told]),
}

thread_local! {
    static WATCH: RefCell<Option<Watch>> = const { RefCell::new(None) };
}

/// Runs something whose chains are at this site; what happened to each of them is given to `see` when it is forgotten.
pub fn watch(site: Site, see: fn(&[Told]), run: impl FnOnce()) {
    WATCH.set(Some(Watch { site, see }));
    run();
    WATCH.set(None);
}

/// Where chains of this thread are, if somebody watches them.
pub(super) fn watched() -> Option<Site> {
    WATCH.with_borrow(|watch| watch.as_ref().map(|watch| watch.site))
}

/// What happened to one chain. It makes no difference to what the chain is.
#[derive(Clone, Debug, Default)]
pub struct Log(Vec<Told>);

impl Log {
    pub(super) fn add(
        &mut self,
        seed: u64,
        now: Moment,
        sender: Owner,
        message: &Message,
        result: &Result<Vec<Event>, Refusal>,
        closed: &BTreeMap<Digest, (Question, Vec<Claim>)>,
    ) {
        if watched().is_none() {
            return;
        }
        for (nonce, (question, claims)) in closed {
            let is_told = |told: &Told| {
                matches!(told, Told::Closed { nonce: of, question: as_, claims: by }
                    if (of, as_, by) == (nonce, question, claims))
            };
            if !self.0.iter().any(is_told) {
                let (nonce, question, claims) = (*nonce, *question, claims.clone());
                self.0.push(Told::Closed { nonce, question, claims });
            }
        }
        let (message, result) = (message.clone(), result.clone());
        self.0.push(Told::Said { seed, now, sender, message, result });
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if self.0.is_empty() || std::thread::panicking() {
            return;
        }
        // Whoever sees it may make chains of its own, which nobody watches.
        let watch = WATCH.take();
        if let Some(Watch { see, .. }) = &watch {
            see(&self.0);
        }
        WATCH.set(watch);
    }
}

impl PartialEq for Log {
    fn eq(&self, _: &Log) -> bool {
        true
    }
}

impl Eq for Log {}

impl Hash for Log {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

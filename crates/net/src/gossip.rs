//! What happens to notices: judged, remembered, passed on (network.md §3).
//!
//! Every peer passes each notice on to all its links but the one it came from, once. A notice is judged whole before it
//! is passed on, so no honest peer passes on one that is malformed or falsely signed, and whoever does is not honest.
//! Whatever else is wrong with a notice (too old, seen, over its author's rate) is no fault of the link that brought it.
//!
//! Memory is bounded by counts, not by time: of each author the highest sequence numbers are remembered, and whatever is
//! not above those that were forgotten is old. The authors are those of the list of peers, and a limited number of strangers,
//! who share one rate: keys cost nothing.

mod authors;
mod live;
#[cfg(test)]
mod tests;

use crate::limits::{CLOCK_SKEW, NOTICE_BYTES, NOTICE_LIFE};
use crate::notice::{Notice, Signed, Topic};
use crate::{Counts, NetworkId, PeerId, Secret, Time};
use authors::{Authors, Standing};
use live::Live;
use samebit_commit::Canonical;
use std::sync::Arc;

/// The notices of one peer.
#[derive(Debug)]
pub struct Gossip {
    secret: Secret,
    network: NetworkId,
    sequence: u64,
    authors: Authors,
    live: Live,
}

/// What becomes of a notice that a link brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not seen before, and right: for the caller, and for all other links.
    Fresh(Notice),
    /// Of no use; the link that brought it may be honest.
    Useless,
    /// The link that brought it breaks the rules.
    Hostile,
}

/// Why a notice is not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Its body is too long.
    #[error(
        "a notice of {0} bytes, the limit is {NOTICE_BYTES}; hint: announce a blob and let peers fetch it"
    )]
    Length(usize),
    /// It would live too long.
    #[error(
        "a notice that lives {0} ms, the limit is {NOTICE_LIFE}; hint: publish it again before it expires"
    )]
    Life(u64),
    /// There were too many.
    #[error("notices are published too fast; hint: others would drop what is over the rate of one author")]
    Rate,
}

impl Gossip {
    /// Nothing said, nothing heard.
    pub fn new(secret: Secret, network: NetworkId, now: Time) -> Self {
        let mut authors = Authors::new(now);
        authors.know([secret.peer()], now);
        Self { secret, network, sequence: 0, authors, live: Live::default() }
    }

    /// The authors that have a place and a rate of their own from now on.
    pub fn know(&mut self, peers: impl IntoIterator<Item = PeerId>, now: Time) {
        self.authors.know(peers.into_iter().chain([self.secret.peer()]), now);
    }

    /// Makes a notice; the bytes are for all links.
    ///
    /// # Errors
    /// A notice that other peers would drop is not made.
    pub fn publish(
        &mut self,
        topic: Topic,
        life: u64,
        body: Vec<u8>,
        now: Time,
    ) -> Result<Arc<[u8]>, PublishError> {
        if body.len() > NOTICE_BYTES as usize {
            return Err(PublishError::Length(body.len()));
        }
        if life > NOTICE_LIFE {
            return Err(PublishError::Life(life));
        }
        // A clock's milliseconds rise over restarts, so the last sequence number need not be stored.
        let sequence = now.0.max(self.sequence + 1);
        let notice = Notice { author: self.secret.peer(), topic, sequence, expires: now + life, body };
        if self.authors.judge(&notice, now) != Standing::Fresh {
            return Err(PublishError::Rate);
        }
        self.sequence = sequence;
        self.authors.record(&notice, now);
        let bytes: Arc<[u8]> = Signed::new(notice.clone(), &self.secret, self.network).to_bytes().into();
        self.live.insert(&notice, bytes.clone(), now);
        Ok(bytes)
    }

    /// Judges what a link brought.
    pub fn receive(&mut self, bytes: &Arc<[u8]>, now: Time, counts: &mut Counts) -> Verdict {
        let Ok(signed) = Signed::from_bytes(bytes) else {
            counts.malformed += 1;
            return Verdict::Hostile;
        };
        let notice = &signed.notice;
        if notice.expires <= now || notice.expires > now + (NOTICE_LIFE + CLOCK_SKEW) {
            counts.expired += 1;
            return Verdict::Useless;
        }
        match self.authors.judge(notice, now) {
            Standing::Fresh => {}
            Standing::Seen => {
                counts.replayed += 1;
                return Verdict::Useless;
            }
            Standing::OverRate => {
                counts.throttled += 1;
                return Verdict::Useless;
            }
        }
        // The dearest check is the last, and nothing is remembered of a notice that fails it.
        if !signed.is_authentic(self.network) {
            counts.false_signatures += 1;
            return Verdict::Hostile;
        }
        self.authors.record(notice, now);
        self.live.insert(notice, bytes.clone(), now);
        counts.notices += 1;
        Verdict::Fresh(signed.notice)
    }

    /// What a link that has just come up is told: every notice that still lives, the oldest first.
    pub fn live(&mut self, now: Time) -> Vec<Arc<[u8]>> {
        self.live.all(now)
    }
}

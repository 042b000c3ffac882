//! What is remembered of authors.

use crate::limits::{AUTHOR_NOTICES, AUTHOR_RATE, PEERS, STRANGER_RATE, STRANGERS};
use crate::notice::Notice;
use crate::{Bucket, PeerId, Time};
use std::collections::{BTreeMap, BTreeSet};

/// How a notice stands, before its signature is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its author has not said it before.
    Fresh,
    /// It was seen, or is older than all that is remembered.
    Seen,
    /// Its author, or all strangers together, say too much.
    OverRate,
}

#[derive(Debug)]
pub struct Authors {
    known: BTreeMap<PeerId, (Author, Bucket)>,
    strangers: BTreeMap<PeerId, Author>,
    rate: Bucket,
}

/// The sequence numbers that an author has used.
#[derive(Clone, Debug, Default)]
struct Author {
    seen: BTreeSet<u64>,
    /// No notice at or below this one is fresh.
    floor: Option<u64>,
    /// When all of them are over, those below the floor too: nothing that it said can be said again.
    over: Time,
}

impl Author {
    fn has_seen(&self, sequence: u64) -> bool {
        self.floor.is_some_and(|floor| sequence <= floor) || self.seen.contains(&sequence)
    }

    fn record(&mut self, sequence: u64, expires: Time) {
        self.seen.insert(sequence);
        self.over = self.over.max(expires);
        if self.seen.len() > AUTHOR_NOTICES {
            let lowest = self.seen.pop_first().expect("it is not empty");
            assert!(self.floor < Some(lowest), "the floor rises");
            self.floor = Some(lowest);
        }
    }
}

impl Authors {
    pub fn new(now: Time) -> Self {
        let rate = Bucket::new(STRANGER_RATE, now);
        Self { known: BTreeMap::new(), strangers: BTreeMap::new(), rate }
    }

    /// Replaces the authors that have a place of their own. What is remembered of the others becomes a stranger's.
    pub fn know(&mut self, peers: impl IntoIterator<Item = PeerId>, now: Time) {
        let peers: BTreeSet<PeerId> = peers.into_iter().collect();
        // Whoever leaves is remembered even if strangers have no place left, so that nothing it said is heard twice.
        let gone = self.known.extract_if(.., |peer, _| !peers.contains(peer));
        let gone = gone.map(|(peer, (author, _))| (peer, author));
        self.strangers.extend(gone.filter(|(_, author)| author.over > now));
        self.bound();
        for peer in peers {
            let author = self.strangers.remove(&peer);
            let fresh = || (author.unwrap_or_default(), Bucket::new(AUTHOR_RATE, now));
            self.known.entry(peer).or_insert_with(fresh);
        }
    }

    /// Forgets whoever is over first, where a list that is left is more than fits: what they said may be heard twice.
    fn bound(&mut self) {
        let beyond = self.strangers.len().saturating_sub(STRANGERS + PEERS);
        let mut ends: Vec<_> = self.strangers.iter().map(|(peer, author)| (author.over, *peer)).collect();
        ends.sort_unstable();
        ends.iter().take(beyond).for_each(|(_, peer)| drop(self.strangers.remove(peer)));
    }

    /// How a notice stands. A stranger for whom there is no place stands as one over the rate.
    pub fn judge(&mut self, notice: &Notice, now: Time) -> Standing {
        let (author, is_under) = match self.known.get_mut(&notice.author) {
            Some((author, bucket)) => (Some(&*author), bucket.has(now)),
            None => (None, self.rate.has(now)),
        };
        if author
            .or(self.strangers.get(&notice.author))
            .is_some_and(|author| author.has_seen(notice.sequence))
        {
            return Standing::Seen;
        }
        let mut has_place = || self.known.contains_key(&notice.author) || self.has_place(notice.author, now);
        if is_under && has_place() { Standing::Fresh } else { Standing::OverRate }
    }

    /// Remembers a notice that stood fresh and was signed by its author.
    pub fn record(&mut self, notice: &Notice, now: Time) {
        let (author, bucket) = match self.known.get_mut(&notice.author) {
            Some((author, bucket)) => (author, bucket),
            None => (self.strangers.entry(notice.author).or_default(), &mut self.rate),
        };
        assert!(!author.has_seen(notice.sequence), "a notice is recorded once");
        author.record(notice.sequence, notice.expires);
        assert!(bucket.take(now), "only what is under its rate is recorded");
        assert!(self.strangers.len() <= STRANGERS + PEERS, "strangers have limited places");
    }

    /// Whether a stranger has a place, making one if it can be made without letting an old notice be said again.
    fn has_place(&mut self, stranger: PeerId, now: Time) -> bool {
        if self.strangers.len() >= STRANGERS && !self.strangers.contains_key(&stranger) {
            self.strangers.retain(|_, author| author.over > now);
        }
        self.strangers.len() < STRANGERS || self.strangers.contains_key(&stranger)
    }
}

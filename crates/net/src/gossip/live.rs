//! Notices that still live, for links that come up later.

use crate::limits::{LIVE_BYTES, LIVE_NOTICES};
use crate::notice::Notice;
use crate::{PeerId, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// By the time at which they are over, so that the first to go is the first in order.
#[derive(Debug, Default)]
pub struct Live {
    notices: BTreeMap<(Time, PeerId, u64), Arc<[u8]>>,
    bytes: usize,
}

impl Live {
    /// Keeps a notice; those that are over soonest make room.
    pub fn insert(&mut self, notice: &Notice, bytes: Arc<[u8]>, now: Time) {
        self.bytes += bytes.len();
        // One that is heard twice, since clocks go back and authors are forgotten, is kept once.
        let twice = self.notices.insert((notice.expires, notice.author, notice.sequence), bytes);
        self.bytes -= twice.map_or(0, |bytes| bytes.len());
        let is_over = |&(expires, ..): &(Time, PeerId, u64)| expires <= now;
        while self.notices.len() > LIVE_NOTICES
            || self.bytes > LIVE_BYTES
            || self.notices.first_key_value().is_some_and(|(key, _)| is_over(key))
        {
            let (_, gone) = self.notices.pop_first().expect("what is over a limit is not empty");
            self.bytes -= gone.len();
        }
    }

    /// All that live, the first to go first.
    pub fn all(&self, now: Time) -> Vec<Arc<[u8]>> {
        self.notices
            .iter()
            .filter(|((expires, ..), _)| *expires > now)
            .map(|(_, bytes)| bytes.clone())
            .collect()
    }
}

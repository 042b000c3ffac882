//! What is under way: a want is asked for once, and again after a while if it is still there.
//!
//! ```text
//! wanted ── patience ──> asked ── wait ──> asked again ── 2 · wait ──> …     forgotten as soon as it is not wanted
//! ```

use super::work::Task;
use crate::limits::{DOUBLINGS, REFETCH, RESEND, RETRY};
use crate::message::{Blob, Message, Notice};
use samebit_commit::Digest;
use samebit_market::{Owner, Seconds};
use std::collections::{BTreeMap, BTreeSet};

/// The name of a want.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    verb: &'static str,
    about: Digest,
    numbers: [u64; 4],
}

impl Key {
    pub fn new(verb: &'static str, about: Digest, numbers: [u64; 4]) -> Key {
        Key { verb, about, numbers }
    }
}

/// How a want is met.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "each is handled once and thrown away")]
pub enum Means {
    /// A message, if the chain would take it now.
    Send(Message),
    /// A task, asked for once.
    Compute(Task),
    /// A blob of so many bytes, if that is known, from one of these after the other.
    Fetch { blob: Blob, bytes: Option<u64>, providers: Vec<Owner> },
    /// A notice, again after so many seconds as long as it is wanted.
    Gossip(Notice, u64),
}

/// Something wanted, and for how long it may wait for somebody else.
#[derive(Clone, Debug)]
pub struct Want {
    pub key: Key,
    pub patience: u64,
    pub means: Means,
}

#[derive(Clone, Copy, Debug)]
struct Effort {
    wanted: Seconds,
    asked: Option<Seconds>,
    times: u32,
    /// When it last came to nothing.
    failed: Option<Seconds>,
    /// The last block when the chain would not have taken it.
    refused: Option<Digest>,
    /// Whether who was asked last does not have it.
    is_absent: bool,
}

impl Effort {
    /// Seconds to wait for the last attempt; nothing for ever. Who says that it has nothing keeps nobody waiting who was not asked yet.
    fn wait(&self, means: &Means) -> Option<u64> {
        match means {
            Means::Fetch { providers, .. }
                if self.is_absent && !(self.times as usize).is_multiple_of(providers.len()) =>
            {
                Some(0)
            }
            means => means.wait(self.times),
        }
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    efforts: BTreeMap<Key, Effort>,
}

impl Pace {
    /// Forgets what is not wanted any more.
    pub fn keep(&mut self, wants: &[Want]) {
        let wanted: BTreeSet<Key> = wants.iter().map(|want| want.key).collect();
        self.efforts.retain(|key, _| wanted.contains(key));
    }

    /// Whether a want is to be met now, and how often it was before.
    pub fn is_due(&mut self, now: Seconds, head: Digest, want: &Want) -> Option<u32> {
        let fresh =
            Effort { wanted: now, asked: None, times: 0, failed: None, refused: None, is_absent: false };
        let effort = self.efforts.entry(want.key).or_insert(fresh);
        let has_waited = now.0 >= effort.wanted.0.saturating_add(want.patience);
        let is_under_way = effort.asked.is_some_and(|asked| match effort.wait(&want.means) {
            Some(wait) => now.0 < asked.0.saturating_add(wait),
            // What fails again and again is tried less and less often.
            None => effort.failed.is_none_or(|failed| now.0 < failed.0.saturating_add(rest(effort.times))),
        });
        let is_refused = effort.refused == Some(head);
        (has_waited && !is_under_way && !is_refused).then_some(effort.times)
    }

    /// A want is met.
    pub fn met(&mut self, now: Seconds, key: Key) {
        if let Some(effort) = self.efforts.get_mut(&key) {
            (effort.asked, effort.failed, effort.is_absent) = (Some(now), None, false);
            effort.times = effort.times.saturating_add(1);
        }
    }

    /// The chain would not take it: it is looked at again with the next block.
    pub fn refused(&mut self, head: Digest, key: Key) {
        if let Some(effort) = self.efforts.get_mut(&key) {
            effort.refused = Some(head);
        }
    }

    /// Who was asked does not have it: the next may be asked at once.
    pub fn absent(&mut self, key: Key) {
        if let Some(effort) = self.efforts.get_mut(&key) {
            effort.is_absent = true;
        }
    }

    /// What was asked for came to nothing; it may be asked for again, after a rest.
    pub fn failed(&mut self, now: Seconds, key: Key) {
        if let Some(effort) = self.efforts.get_mut(&key) {
            effort.failed = Some(now);
        }
    }
}

/// Seconds that a task rests after it has failed for so many times.
fn rest(times: u32) -> u64 {
    RETRY.0 << times.saturating_sub(1).min(DOUBLINGS)
}

impl Means {
    /// Seconds to wait after the last of so many times; nothing for ever.
    fn wait(&self, times: u32) -> Option<u64> {
        match self {
            Means::Send(_) => Some(RESEND << times.saturating_sub(1).min(1)),
            Means::Fetch { .. } => Some(REFETCH),
            Means::Gossip(_, period) => Some(*period),
            Means::Compute(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Blob;

    fn want(means: Means, patience: u64) -> Want {
        Want { key: Key::new("do", Digest::ZERO, [0; 4]), patience, means }
    }

    #[test]
    fn what_is_under_way_is_not_asked_for_and_what_is_lost_is() {
        let message = Message::Dispute(samebit_dispute::Message::Withdraw);
        let (mut pace, send) = (Pace::default(), want(Means::Send(message), 10));
        let head = Digest([1; 32]);
        assert_eq!(pace.is_due(Seconds(100), head, &send), None, "somebody else may say it");
        assert_eq!(pace.is_due(Seconds(110), head, &send), Some(0));
        pace.refused(head, send.key);
        assert_eq!(pace.is_due(Seconds(111), head, &send), None, "the chain is as it was");
        assert_eq!(pace.is_due(Seconds(112), Digest([2; 32]), &send), Some(0));
        pace.met(Seconds(112), send.key);
        assert_eq!(pace.is_due(Seconds(112 + RESEND - 1), Digest([3; 32]), &send), None);
        assert_eq!(pace.is_due(Seconds(112 + RESEND), Digest([3; 32]), &send), Some(1));
        pace.met(Seconds(112 + RESEND), send.key);
        assert_eq!(pace.is_due(Seconds(112 + 2 * RESEND), Digest([3; 32]), &send), None, "twice as long");
        assert_eq!(pace.is_due(Seconds(112 + 3 * RESEND), Digest([3; 32]), &send), Some(2));
        pace.keep(&[]);
        assert_eq!(pace.is_due(Seconds(1000), head, &send), None, "it is wanted anew");
    }

    #[test]
    fn a_task_is_asked_for_once_until_it_fails() {
        let blob = Blob::State(Digest::ZERO);
        let (mut pace, task) =
            (Pace::default(), want(Means::Compute(Task::Check { blob, from: Owner::default() }), 0));
        assert_eq!(pace.is_due(Seconds(1), Digest::ZERO, &task), Some(0));
        pace.met(Seconds(1), task.key);
        assert_eq!(pace.is_due(Seconds(u64::MAX), Digest::ZERO, &task), None);
        pace.failed(Seconds(10), task.key);
        assert_eq!(pace.is_due(Seconds(10 + RETRY.0 - 1), Digest::ZERO, &task), None, "it rests");
        assert_eq!(pace.is_due(Seconds(10 + RETRY.0), Digest::ZERO, &task), Some(1));
        pace.met(Seconds(50), task.key);
        pace.failed(Seconds(60), task.key);
        assert_eq!(pace.is_due(Seconds(60 + RETRY.0), Digest::ZERO, &task), None, "twice as long");
        assert_eq!(pace.is_due(Seconds(60 + 2 * RETRY.0), Digest::ZERO, &task), Some(2));
    }

    #[test]
    fn who_has_nothing_keeps_nobody_waiting_and_nobody_is_asked_twice_at_once() {
        let (blob, head) = (Blob::State(Digest::ZERO), Digest([1; 32]));
        let providers = vec![Owner([1; 20]), Owner([2; 20])];
        let fetch = want(Means::Fetch { blob, bytes: None, providers }, 0);
        let mut pace = Pace::default();
        for (times, now) in [(0, 100), (1, 100), (2, 100 + REFETCH), (3, 100 + REFETCH)] {
            assert_eq!(pace.is_due(Seconds(now), head, &fetch), Some(times), "at {now}");
            pace.met(Seconds(now), fetch.key);
            assert_eq!(pace.is_due(Seconds(now), head, &fetch), None, "it was asked just now");
            pace.absent(fetch.key);
        }
        assert_eq!(pace.is_due(Seconds(100 + REFETCH), head, &fetch), None, "both were asked");
    }
}

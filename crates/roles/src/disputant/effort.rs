//! What is done about one want: when it is due, and how often it was asked for.

use super::Action;
use crate::limits;
use samebit_dispute::{Message, Seconds};

/// The end of what has none.
pub const NEVER: Seconds = Seconds(u64::MAX);

/// See the module.
#[derive(Clone, Debug)]
pub struct Effort {
    /// From when on it may be asked for.
    from: Seconds,
    /// When it is too late.
    by: Seconds,
    /// When it was last asked for, or last failed.
    asked: Option<Seconds>,
    attempts: u32,
    /// The task is with whoever has the story.
    is_computing: bool,
    /// The task is done, and this is what is to be sent.
    answer: Option<Vec<Message>>,
}

impl Effort {
    pub fn new(from: Seconds, by: Seconds) -> Effort {
        Effort { from, by, asked: None, attempts: 0, is_computing: false, answer: None }
    }

    /// What is to be sent, once it is known.
    pub fn answer(&self) -> Option<&[Message]> {
        self.answer.as_deref()
    }

    pub fn is_computing(&self) -> bool {
        self.is_computing
    }

    /// Whether no clock runs for it.
    pub fn is_unhurried(&self) -> bool {
        self.by == NEVER
    }

    /// Whether what was asked for may be on its way. The later pauses of something that is refused again and again keep nothing else waiting.
    pub fn was_just_asked(&self, now: Seconds) -> bool {
        self.asked.is_some_and(|asked| now.since(asked) < limits::RETRY)
    }

    /// When it may be asked for; nothing while it is computed, and for ever if there is nothing to say.
    pub fn due(&self) -> Option<Seconds> {
        let is_silent = self.answer.as_ref().is_some_and(Vec::is_empty);
        if is_silent || self.is_computing {
            return None;
        }
        Some(self.asked.map_or(self.from, |asked| asked.plus(self.pause(asked))))
    }

    /// Doubles with each attempt up to a bound, and up to half of the time that is left, so that a last attempt comes in time.
    fn pause(&self, asked: Seconds) -> Seconds {
        let doubled = 1_u64.checked_shl(self.attempts.saturating_sub(1)).unwrap_or(u64::MAX);
        let pause = limits::RETRY.0.saturating_mul(doubled).min(limits::LONGEST_PAUSE.0);
        // After the end a judgement may still come before a timeout, but nothing is urgent.
        let left = if asked < self.by { self.by.since(asked).0 } else { u64::MAX };
        Seconds(pause.min(left / 2).max(limits::RETRY.0))
    }

    /// Takes note that it is asked for: what is to be done, `first` as long as no answer is known.
    pub fn ask(&mut self, now: Seconds, first: Action) -> Vec<Action> {
        self.asked = Some(now);
        self.attempts = self.attempts.saturating_add(1);
        match &self.answer {
            Some(messages) => messages.iter().cloned().map(Action::Send).collect(),
            None => {
                self.is_computing = matches!(first, Action::Compute(_));
                vec![first]
            }
        }
    }

    /// The task is done; its messages are due at once.
    pub fn answered(&mut self, messages: Vec<Message>) {
        (self.answer, self.asked, self.attempts, self.is_computing) = (Some(messages), None, 0, false);
    }

    /// The task failed: the pause begins here.
    pub fn failed(&mut self, now: Seconds) {
        (self.asked, self.is_computing) = (Some(now), false);
    }
}

//! What takes the story: the answer to a position.

use samebit_commit::{Digest, SequenceError};
use samebit_dispute::{
    Answer, Case, Evidence, JudgeKind, Kept, Message, Move, Position, Question, Referee, RefereeError, Side,
    Story, Verdict, answer,
};

/// Something that takes the story, and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// What the game is about.
    pub question: Question,
    /// Where it stands.
    pub position: Position,
    /// The last move: what the side not on turn has shown; nothing before the first.
    pub last: Option<Move>,
    /// Whose story it is.
    pub side: Side,
    /// Roots of claims a and b.
    pub roots: [Digest; 2],
}

impl Task {
    /// The messages of a side with this story, to be sent one after the other; none if it has nothing to say: the other side is on turn, or a
    /// judgement would be against it.
    ///
    /// # Errors
    /// What keeps the story from answering, and a witness of its own that the referee would not take.
    pub fn run<S: Story + ?Sized, R: Referee + ?Sized>(
        &self,
        story: &S,
        referee: &R,
    ) -> Result<Vec<Message>, SequenceError> {
        let position = self.position.clone();
        match answer(story, &self.question, &self.position, self.side, self.last.as_ref())? {
            None => Ok(Vec::new()),
            Some(Answer::Play(play)) => Ok(vec![Message::Move { position, play }]),
            Some(Answer::Judge { kind, evidence }) => {
                let verdict = self.verdict(referee, kind, &evidence).map_err(SequenceError::source)?;
                let is_against = matches!(verdict, Some(Verdict::BothFalse) | None)
                    || verdict == Some(Verdict::False(self.side));
                Ok(if is_against { Vec::new() } else { self.judge(kind, evidence) })
            }
        }
    }

    /// What the referee will say.
    fn verdict<R: Referee + ?Sized>(
        &self,
        referee: &R,
        kind: JudgeKind,
        evidence: &Evidence,
    ) -> Result<Option<Verdict>, RefereeError> {
        let case = Case { question: &self.question, position: &self.position, roots: self.roots };
        let keep =
            |(slot, witness): &(u8, Vec<u8>)| Ok((*slot, referee.operand(case, kind, *slot, witness)?));
        let kept = evidence.kept.iter().map(keep).collect::<Result<Vec<Kept>, RefereeError>>()?;
        let truth = referee.truth(case, kind, &evidence.witness, &kept)?;
        Ok(Verdict::of(truth, kind.values(&self.position)))
    }

    fn judge(&self, kind: JudgeKind, evidence: Evidence) -> Vec<Message> {
        let Evidence { witness, kept } = evidence;
        let position = || self.position.clone();
        let slots = kept.iter().map(|(slot, _)| *slot).collect();
        let keep = |(slot, witness)| Message::Keep { position: position(), kind, slot, witness };
        let judge = Message::Judge { position: position(), kind, witness, slots };
        kept.into_iter().map(keep).chain([judge]).collect()
    }
}

//! What has happened to jobs, in words: one line for each event, from the chain's log alone.

use super::amount::show;
use samebit_dispute::{Event as Argued, Verdict};
use samebit_market::{Cause, Conclusion, Ending, Event, FaultKind, JobId, Owner, Ruling, Who};
use samebit_roles::Logged;
use std::collections::BTreeMap;

/// How people call owners.
#[derive(Clone, Debug, Default)]
pub struct Names(pub BTreeMap<Owner, String>);

impl Names {
    /// An owner's name; the address if it has none.
    pub fn of(&self, owner: Owner) -> String {
        self.0.get(&owner).cloned().unwrap_or_else(|| owner.to_string())
    }
}

/// The job that an event is about, if it says so.
pub fn job_of(event: &Event) -> Option<JobId> {
    use Event as E;
    match event {
        E::Posted { job, .. }
        | E::Accepted { job, .. }
        | E::Appointed { job, .. }
        | E::SetAnew { job, .. }
        | E::Claimed { job, .. }
        | E::Retracted { job, .. }
        | E::Signed { job, .. }
        | E::Held { job, .. }
        | E::Drawn { job, .. }
        | E::Announced { job, .. }
        | E::Sealed { job, .. }
        | E::Closed { job, .. }
        | E::Opened { job, .. }
        | E::Concluded { job, .. }
        | E::Redrawn { job, .. }
        | E::Challenged { job, .. }
        | E::Judged { job, .. }
        | E::Shown { job, .. }
        | E::Refuted { job, .. }
        | E::Finished { job, .. }
        | E::CatchCommitted { job, .. }
        | E::CatchRevealed { job, .. }
        | E::CatchClosed { job, .. }
        | E::Revealed { job, .. }
        | E::Settled { job, .. }
        | E::Lapsed { job, .. }
        | E::Faulted { job, .. }
        | E::Ended { job, .. } => Some(*job),
        _ => None,
    }
}

/// An event in words; `who` has sent the message that it followed from.
pub fn line(names: &Names, who: Owner, logged: &Logged) -> String {
    let sender = names.of(who);
    match logged {
        Logged::Market(event) => market(names, &sender, event),
        Logged::Dispute(event) => dispute(names, &sender, event),
    }
}

fn market(names: &Names, sender: &str, event: &Event) -> String {
    use Event as E;
    let name = |owner: &Owner| names.of(*owner);
    match event {
        E::Deposited { owner, amount } => format!("{} pays in {}", name(owner), show(*amount)),
        E::Withdrawn { owner, amount } => format!("{} takes out {}", name(owner), show(*amount)),
        E::Registered { owner, .. } => format!("{} says where it is", name(owner)),
        E::Joined { seat, owner } => format!("{} takes seat {seat}", name(owner)),
        E::Left { seat } => format!("seat {seat} is left"),
        E::Collected { seat, amount } => format!("the {} of seat {seat} is free", show(*amount)),
        E::Fined { seat, amount } => format!("seat {seat} is fined {}", show(*amount)),
        E::Paid { owner, amount } => format!("{} gets {}", name(owner), show(*amount)),
        E::Filled { pot, amount } => format!("{} goes into the pot {pot:?}", show(*amount)),
        E::Taken { pot, to, amount } => format!("{} takes {} from the pot {pot:?}", name(to), show(*amount)),
        E::Posted { job, escrow, .. } => {
            format!("{sender} posts job {} and locks {}", short(job), show(*escrow))
        }
        E::Accepted { attempt, solver, price, .. } => {
            format!("{} begins attempt {attempt}, {} a segment", name(solver), show(*price))
        }
        E::Appointed { custodians, .. } => {
            let all: Vec<String> = custodians.iter().map(name).collect();
            format!("custodians are {}", all.join(", "))
        }
        E::SetAnew { kind, batch, .. } => {
            format!("the draw {kind:?} of batch {batch} was too late and is set anew")
        }
        E::Claimed { batch, .. } => format!("{sender} claims batch {batch}"),
        E::Retracted { batch, .. } => format!("{sender} withdraws batch {batch}"),
        E::Signed { batch, .. } => format!("custodians say that they hold batch {batch}"),
        E::Held { batch, .. } => format!("batch {batch} is held"),
        E::Drawn { batch, segments, .. } => match segments.count_ones() {
            0 => format!("of batch {batch} no segment is drawn"),
            _ => format!("of batch {batch} segments {} are drawn", bits(*segments)),
        },
        E::Announced { batch, .. } => format!("{sender} announces the interiors of batch {batch}"),
        E::Sealed { batch, draw, place, .. } => {
            format!("{sender} seals what it found (batch {batch}, draw {draw}, place {place})")
        }
        E::Closed { batch, draw, .. } => format!("sealing ends (batch {batch}, draw {draw})"),
        E::Opened { batch, draw, .. } => format!("{sender} opens its seal (batch {batch}, draw {draw})"),
        E::Concluded { batch, draw, conclusion, .. } => {
            let what = match conclusion {
                Conclusion::Checked => "all agree",
                Conclusion::Contested => "ROOTS DIFFER",
                Conclusion::Waiting => "nobody opened: verifiers are drawn again",
                Conclusion::Unchecked => "nobody opened, too often",
            };
            format!("{what} (batch {batch}, draw {draw})")
        }
        E::Redrawn { batch, draw, .. } => format!("verifiers are drawn again (batch {batch}, draw {draw})"),
        E::Challenged { segment, interior, .. } => {
            let what = if *interior { "interior" } else { "state" };
            format!("{sender} challenges the {what} of segment {segment}")
        }
        E::Judged { segment, ruling, .. } => {
            let what = match ruling {
                Ruling::Right => "is right",
                Ruling::Wrong => "is WRONG",
                Ruling::Unanswered => "is answered by nobody",
                Ruling::Void => "is of a malformed job",
            };
            format!("the solver's state of segment {segment} {what}")
        }
        E::Shown { segment, who, .. } => {
            format!("the leaves of {} for segment {segment} are shown", whose(who))
        }
        E::Refuted { segment, who, .. } => format!("a leaf of {} for segment {segment} is FALSE", whose(who)),
        E::Finished { segment, .. } => format!("the challenge of segment {segment} ends"),
        E::CatchCommitted { segment, owner, .. } => {
            format!("{} has caught something in segment {segment}", name(owner))
        }
        E::CatchRevealed { segment, owner, .. } => {
            format!("{} shows its catch in segment {segment}", name(owner))
        }
        E::CatchClosed { segment, owner, .. } => {
            format!("the catch of {} in segment {segment} ends", name(owner))
        }
        E::Revealed { batch, forced, .. } => match forced.count_ones() {
            0 => format!("{sender} reveals batch {batch}: no error was forced"),
            _ => format!("{sender} reveals batch {batch}: errors were forced in segments {}", bits(*forced)),
        },
        E::Settled { batch, .. } => format!("batch {batch} is SETTLED and paid"),
        E::Lapsed { batch, .. } => format!("nobody held batch {batch} in time"),
        E::Faulted { attempt, fault, .. } => {
            let why = match fault {
                FaultKind::Late(cause) => format!("the solver is late: {}", late(cause)),
                FaultKind::State(segment) => format!("its state after segment {segment} is false"),
                FaultKind::Interior(segment) => format!("its interior of segment {segment} is false"),
            };
            format!("attempt {attempt} ENDS, {why}")
        }
        E::Ended { ending, .. } => match ending {
            Ending::Done => "the job is DONE".to_owned(),
            Ending::Cancelled => "the job is taken back".to_owned(),
            Ending::Void => "the job is malformed".to_owned(),
        },
    }
}

fn dispute(names: &Names, sender: &str, event: &Argued) -> String {
    match event {
        Argued::QuestionOpened { question, .. } => {
            format!(
                "Dispute is asked about steps {}..{}",
                question.first_step,
                question.first_step + question.step_count
            )
        }
        Argued::Claimed { claim, .. } => format!("{sender} claims in Dispute (claim {})", claim.0),
        Argued::Paired { position } => {
            format!("claims {} and {} play a game", position.claims[0].0, position.claims[1].0)
        }
        Argued::Moved { position, .. } => format!("{sender} moves ({}): {}", position.moves, position.stage),
        Argued::Kept { slot, .. } => format!("{sender} has operand {slot} kept"),
        Argued::Judged { kind, verdict, .. } => {
            let what = match verdict {
                Verdict::False(side) => format!("claim {side:?} is FALSE"),
                other => format!("{other:?}"),
            };
            format!("the contract redoes {kind}: {what}")
        }
        Argued::TimedOut { side, .. } => format!("side {side:?} has lost by its clock"),
        Argued::ClaimDied { claim, .. } => format!("claim {} loses its bond", claim.0),
        Argued::Credited { owner, amount } => {
            format!(
                "{} is credited {} of the chain's money",
                names.of(Owner(owner.0)),
                show(samebit_market::Amount(amount.0))
            )
        }
        other => {
            let text = format!("{other:?}");
            format!("Dispute: {}", text.split([' ', '{']).next().unwrap_or_default())
        }
    }
}

/// The first digits of a job's name.
pub fn short(job: &JobId) -> String {
    job.to_string().chars().take(10).collect()
}

fn whose(who: &Who) -> String {
    match who {
        Who::Solver => "the solver".to_owned(),
        Who::Verifier(place) => format!("the verifier at place {place}"),
    }
}

fn late(cause: &Cause) -> &'static str {
    match cause {
        Cause::Claim => "it claims nothing",
        Cause::Hold => "nobody holds what it claimed",
        Cause::Announce(_) => "it has not announced",
        Cause::Open(..) => "it has not opened its seal",
        Cause::Contest(..) => "it has not answered",
        Cause::Reveal(_) => "it has not revealed",
    }
}

/// The set bits of a word, as numbers.
fn bits(word: u64) -> String {
    let set: Vec<String> = (0..64).filter(|bit| word >> bit & 1 == 1).map(|bit| bit.to_string()).collect();
    set.join(", ")
}

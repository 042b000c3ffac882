//! Names of what the contracts log, for tables.

use samebit_dispute::Event as Argued;
use samebit_market::{Conclusion, Event, Ruling};
use samebit_roles::Logged;

/// The name of an event.
pub fn of(event: &Logged) -> &'static str {
    match event {
        Logged::Market(event) => of_market(event),
        Logged::Dispute(event) => of_dispute(event),
    }
}

fn of_market(event: &Event) -> &'static str {
    match event {
        Event::Posted { .. } => "posted",
        Event::Accepted { .. } => "accepted",
        Event::Appointed { .. } => "appointed",
        Event::SetAnew { .. } => "set anew",
        Event::Claimed { .. } => "claimed",
        Event::Signed { .. } => "signed",
        Event::Held { .. } => "held",
        Event::Drawn { .. } => "drawn",
        Event::Announced { .. } => "announced",
        Event::Sealed { .. } => "sealed",
        Event::Closed { .. } => "closed",
        Event::Opened { .. } => "opened",
        Event::Concluded { conclusion, .. } => match conclusion {
            Conclusion::Checked => "checked",
            Conclusion::Contested => "contested",
            Conclusion::Waiting => "waiting",
            Conclusion::Unchecked => "unchecked",
        },
        Event::Redrawn { .. } => "redrawn",
        Event::Challenged { .. } => "challenged",
        Event::Judged { ruling, .. } => match ruling {
            Ruling::Right => "judged right",
            Ruling::Wrong => "judged wrong",
            Ruling::Unanswered => "unanswered",
            Ruling::Void => "void",
        },
        Event::Shown { .. } => "shown",
        Event::Refuted { .. } => "refuted",
        Event::Finished { .. } => "finished",
        Event::CatchCommitted { .. } => "catch committed",
        Event::CatchRevealed { .. } => "catch revealed",
        Event::CatchClosed { .. } => "catch closed",
        Event::Revealed { .. } => "revealed",
        Event::Settled { .. } => "settled",
        Event::Lapsed { .. } => "lapsed",
        Event::Faulted { .. } => "faulted",
        Event::Ended { .. } => "ended",
        Event::Fined { .. } => "fined",
        _ => "money",
    }
}

fn of_dispute(event: &Argued) -> &'static str {
    match event {
        Argued::QuestionOpened { .. } => "question",
        Argued::Claimed { .. } => "claim in dispute",
        Argued::Paired { .. } => "game",
        Argued::Moved { .. } => "move",
        Argued::Kept { .. } => "kept",
        Argued::Judged { .. } => "leaf judged",
        Argued::TimedOut { .. } => "timed out",
        Argued::ClaimDied { .. } => "claim died",
        Argued::QuestionClosed { .. } => "question closed",
        _ => "money of dispute",
    }
}

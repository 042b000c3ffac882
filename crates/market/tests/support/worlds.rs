//! Small worlds, each with a liar of another kind.

use super::model::Life;
use samebit_market::testing::{Conduct, owner};

const POSTER: u8 = 1;
const SOLVER: u8 = 2;
const HEIR: u8 = 3;
const VERIFIER: u8 = 5;

/// All of them, with what they are about.
pub fn all() -> Vec<(&'static str, Life)> {
    let honest = Conduct::default;
    let all_drawn = (1_000_000, 1, 8);
    let none_drawn = (0, 1, 8);
    vec![
        (
            "a spammer and a poster that cancels",
            Life::new(1, (3, 1), none_drawn, honest(), &[owner(POSTER), owner(HEIR)]),
        ),
        ("a false state and a spammer", {
            let conduct = Conduct { false_state: Some(0), ..honest() };
            Life { reorgs: 1, ..Life::new(2, (2, 1), none_drawn, conduct, &[owner(SOLVER), owner(HEIR)]) }
        }),
        ("a false seal that is drawn", {
            let conduct = Conduct { false_seal: Some(0), ..honest() };
            Life::new(3, (1, 2), all_drawn, conduct, &[owner(SOLVER)])
        }),
        ("a false seal that is not drawn", {
            let conduct = Conduct { false_seal: Some(0), ..honest() };
            Life::new(4, (2, 1), none_drawn, conduct, &[owner(SOLVER)])
        }),
        ("a false announcement", {
            let conduct = Conduct { false_announcement: Some(0), ..honest() };
            Life { stalls: 1, ..Life::new(5, (2, 1), none_drawn, conduct, &[owner(SOLVER)]) }
        }),
        ("a verifier's garbage", {
            let conduct = Conduct { garbage: Some(0), ..honest() };
            Life { reorgs: 1, stalls: 1, ..Life::new(6, (1, 2), all_drawn, conduct, &[owner(VERIFIER)]) }
        }),
        ("a solver that stops", {
            let conduct = Conduct { stops: Some(1), ..honest() };
            Life::new(8, (2, 1), (1_000_000, 1, 3), conduct, &[owner(SOLVER)])
        }),
        ("a verifier that opens nothing", {
            let conduct = Conduct { shut: Some(0), ..honest() };
            Life::new(7, (1, 1), all_drawn, conduct, &[owner(VERIFIER)])
        }),
    ]
}

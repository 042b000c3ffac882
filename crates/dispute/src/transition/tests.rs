//! Totals in every small world, and long ones: the game ends at the first difference, with the total before it.

use super::play;
use crate::difference::Side;
use crate::ids::{ClaimId, GameId, QuestionId, Seconds};
use crate::limits::{LANES, MOVES};
use crate::moves::Move;
use crate::player::{Answer, answer};
use crate::position::{Position, Stage};
use crate::question::Question;
use crate::referee::{Case, JudgeKind, Kept, Referee, RefereeError, Structure, Truth};
use crate::refusal::Refusal;
use crate::story::{Evidence, Output, Story};
use crate::testing::{Job, Terms};
use crate::words::number;
use samebit_commit::{Digest, Kind, Leaves, Sequence, SequenceError};

/// One side of one product: its totals.
struct Totals {
    words: Vec<u32>,
    none: Leaves,
}

impl Totals {
    fn new(words: &[u32]) -> Totals {
        Totals { words: words.to_vec(), none: Leaves::list(Kind::Steps, Vec::new()) }
    }
}

fn nothing<T>() -> Result<T, SequenceError> {
    Err(SequenceError::Unavailable { what: "anything but totals".to_owned() })
}

impl Story for Totals {
    fn end(&self) -> Result<Digest, SequenceError> {
        nothing()
    }
    fn steps(&self) -> &dyn Sequence {
        &self.none
    }
    fn shape(&self, _: Output) -> Result<(u8, u64), SequenceError> {
        nothing()
    }
    fn page(&self, _: Output, _: u64) -> Result<Vec<u32>, SequenceError> {
        nothing()
    }
    fn structure(&self, _: Output) -> Result<(Structure, Vec<u8>), SequenceError> {
        Ok((Structure::Product { blocks: self.words.len() as u64 }, Vec::new()))
    }
    fn totals(&self, _: Output, _: u64) -> Result<Vec<u32>, SequenceError> {
        Ok(self.words.clone())
    }
    fn lanes(&self, _: Output, _: u64, _: u64) -> Result<[u32; LANES], SequenceError> {
        nothing()
    }
    fn row(&self, _: u64, _: u32, _: u64) -> Result<Box<dyn Sequence + '_>, SequenceError> {
        nothing()
    }
    fn evidence(&self, _: &Question, _: &Position, _: Side, _: JudgeKind) -> Result<Evidence, SequenceError> {
        Ok(Evidence::default())
    }
}

/// Says that the element is a product of so many blocks.
struct Blocks(u64);

impl Referee for Blocks {
    fn structure(&self, _: Case<'_>, _: &[u8]) -> Result<Structure, RefereeError> {
        Ok(Structure::Product { blocks: self.0 })
    }
    fn truth(&self, _: Case<'_>, _: JudgeKind, _: &[u8], _: &[Kept]) -> Result<Truth, RefereeError> {
        Err(RefereeError("nothing is redone here".to_owned()))
    }
}

/// A position at the element whose totals are searched.
fn element(words: [u32; 2], turn: Side) -> Position {
    let game = GameId { question: QuestionId(Digest::ZERO), a: ClaimId(0), b: ClaimId(1) };
    let start = Position::start(game, Seconds(1), Seconds(0));
    Position { stage: Stage::Element, words, turn, ..start }
}

/// Plays to the end; the moves and the last position.
fn search(totals: [&[u32]; 2], first: Side) -> (Vec<Move>, Position) {
    let question = Job::small(1, None).question(&Terms::default()).0;
    let stories = totals.map(Totals::new);
    let last = totals.map(|words| *words.last().expect("there are totals"));
    let referee = Blocks(totals[0].len() as u64);
    let mut position = element(last, first);
    let mut moves: Vec<Move> = Vec::new();
    while position.stage != Stage::Block {
        assert!(moves.len() < MOVES as usize);
        let side = position.turn;
        let told = answer(&stories[side.index()], &question, &position, side, moves.last());
        let Ok(Some(Answer::Play(next))) = told else { panic!("stuck at {}: {told:?}", position.stage) };
        let case = Case { question: &question, position: &position, roots: [Digest::ZERO; 2] };
        position = play(case, &referee, &|| Ok(()), &next).expect("the honest move is taken");
        position.turn = side.other();
        moves.push(next);
    }
    (moves, position)
}

fn check(totals: [&[u32]; 2]) -> usize {
    let mut rounds = 0;
    for first in Side::BOTH {
        let (moves, position) = search(totals, first);
        let expected = (0..).find(|&at| totals[0][at] != totals[1][at]).expect("they differ at the end");
        assert_eq!(position.block, expected as u64, "{totals:?}");
        assert_eq!(position.total, expected.checked_sub(1).map_or(0, |before| totals[0][before]));
        assert_eq!(position.held, [totals[0], totals[1]].map(|words| number(words[expected].into())));
        let clean = [position.count, position.index, position.level.into(), position.shown.into()];
        assert_eq!((clean, position.totals), ([0; 4], [Digest::ZERO; 2]), "nothing of the tree is left");
        rounds = moves.len();
    }
    rounds
}

#[test]
fn every_small_world() {
    for count in 1..=6u32 {
        for bits in 0..1u32 << (2 * count) {
            let side = |shift: u32| (0..count).map(|at| bits >> (at + shift) & 1).collect::<Vec<u32>>();
            let (a, b) = (side(0), side(count));
            if a.last() != b.last() {
                check([&a, &b]);
            }
        }
    }
}

#[test]
fn long_folds_take_few_rounds() {
    let mut most = 0;
    for count in [2, 63, 64, 65, 127, 128, 129, 1000, 4096, 4097, 5000] {
        let a: Vec<u32> = (0..count).collect();
        for first in [0, 1, count / 2, count - 1] {
            let b: Vec<u32> = a.iter().map(|&word| if word >= first { word + count } else { word }).collect();
            most = most.max(check([&a, &b]));
        }
    }
    // 13 levels in three rounds, and what leads in.
    assert_eq!(most, 4);
}

/// Every part of a good move, missing or changed, is refused.
#[test]
fn what_is_shown_is_bound() {
    let (a, b): (Vec<u32>, Vec<u32>) =
        ((0..70).collect(), (0..70).map(|word| word + u32::from(word > 40)).collect());
    let question = Job::small(1, None).question(&Terms::default()).0;
    let (moves, _) = search([&a, &b], Side::A);
    let mut position = element([69, 70], Side::A);
    for next in &moves {
        let case = Case { question: &question, position: &position, roots: [Digest::ZERO; 2] };
        let taken = |next: &Move| play(case, &Blocks(70), &|| Ok(()), next);
        for bad in spoilt(next) {
            assert!(taken(&bad).is_err(), "{bad:?}");
        }
        let to = taken(next).expect("the honest move is taken");
        position = Position { turn: position.turn.other(), ..to };
    }
}

/// A move with one thing wrong.
fn spoilt(good: &Move) -> Vec<Move> {
    let mut bad = Vec::new();
    let mut with = |change: &dyn Fn(&mut Move)| {
        let mut spoilt = good.clone();
        change(&mut spoilt);
        if spoilt != *good {
            bad.push(spoilt);
        }
    };
    match good {
        Move::Unfold { nodes, .. } => {
            for at in 0..nodes.len() {
                with(&|play| {
                    if let Move::Unfold { nodes, .. } = play {
                        nodes[at].0[31] ^= 1
                    }
                });
            }
            with(&|play| {
                if let Move::Unfold { nodes, .. } = play {
                    nodes.truncate(nodes.len() - 1)
                }
            });
            with(&|play| {
                if let Move::Unfold { nodes, .. } = play {
                    nodes.push(number(0))
                }
            });
            with(&|play| {
                if let Move::Unfold { commitment, .. } = play {
                    *commitment = None
                }
            });
        }
        Move::Descend(descent) => {
            let mut descend = |change: &dyn Fn(&mut crate::moves::Descent)| {
                with(&|play| {
                    if let Move::Descend(descent) = play {
                        change(descent)
                    }
                });
            };
            for at in 0..descent.nodes.len() {
                descend(&|descent| descent.nodes[at].0[31] ^= 1);
                descend(&|descent| descent.nodes[at].0[0] ^= 1);
            }
            for at in 0..descent.choice.as_ref().map_or(0, |choice| choice.siblings.len()) {
                descend(&|descent| {
                    descent.choice.iter_mut().for_each(|choice| choice.siblings[at].0[7] ^= 1)
                });
            }
            for child in 0..100 {
                descend(&|descent| descent.choice.iter_mut().for_each(|choice| choice.child = child));
            }
            descend(&|descent| descent.choice.iter_mut().for_each(|choice| choice.own = choice.other));
            descend(&|descent| descent.choice.iter_mut().for_each(|choice| choice.other.0[0] ^= 1));
            descend(&|descent| descent.choice = None);
            descend(&|descent| descent.nodes.clear());
            descend(&|descent| descent.before.iter_mut().for_each(|before| before.word ^= 1));
            descend(&|descent| descent.before = None);
            descend(&|descent| descent.commitment = None);
            descend(&|descent| descent.words = vec![1]);
        }
        _ => {}
    }
    bad
}

#[test]
fn refusals_name_what_is_wrong() {
    let question = Job::small(1, None).question(&Terms::default()).0;
    let position = element([1, 2], Side::A);
    let case = Case { question: &question, position: &position, roots: [Digest::ZERO; 2] };
    let taken = |play: Move| super::play(case, &Blocks(1), &|| Ok(()), &play);
    let unfold = |commitment, nodes| Move::Unfold { witness: Vec::new(), commitment, nodes };
    assert_eq!(taken(Move::Descend(Default::default())), Err(Refusal::WrongStage(Stage::Element)));
    assert_eq!(taken(Move::ShowLanes([0; LANES])), Err(Refusal::WrongStage(Stage::Element)));
    assert_eq!(taken(unfold(None, vec![number(1)])), Err(Refusal::UnusedPart("nodes")));
    assert!(matches!(taken(unfold(None, vec![])), Ok(Position { stage: Stage::Block, .. })));
    let long = Move::Unfold { witness: vec![0; 65_537], commitment: None, nodes: vec![] };
    assert_eq!(taken(long), Err(Refusal::WitnessTooLong { length: 65_537, limit: 65_536 }));
}

#[test]
fn depths_are_even_and_few() {
    let rounds = |mut level: u32| {
        let mut depths = Vec::new();
        while level > 0 {
            depths.push(super::depth(level));
            level -= super::depth(level);
        }
        depths
    };
    assert_eq!(rounds(10), [5, 5]);
    assert_eq!(rounds(13), [5, 4, 4]);
    assert_eq!(rounds(20), [5, 5, 5, 5]);
    for level in 1..=64 {
        assert_eq!(rounds(level).len() as u32, level.div_ceil(6));
        assert!(rounds(level).iter().all(|&depth| (1..=6).contains(&depth)));
    }
}

/// Moves of the longest game that legal sizes allow, from the heights of its trees: every round of a tree is a move, and so is every leaf's show.
fn longest(steps: u32, nodes: u32, pages: u32, body: Option<u32>, blocks: u32) -> u32 {
    let rounds = |height: u32| height.div_ceil(6);
    // Steps and parts, nodes and head, pages and page, then the element that differs.
    let outer = rounds(steps) + 1 + rounds(nodes) + 1 + rounds(pages) + 1 + 1;
    let row = body.map_or(0, |body| rounds(body).max(1) + 1 + rounds(pages) + 1 + 1);
    // Totals and the block with one side's lanes, then the other's.
    outer + row + rounds(blocks).max(1) + 1 + 1
}

#[test]
fn legal_games_end_before_the_limit_of_moves() {
    // 2^32 steps, 2^16 nodes, 2^40 elements, 64 body nodes, 2^40 terms.
    assert!(longest(32, 16, 32, Some(6), 32) < MOVES);
    // 1,024 steps, 8,192 nodes, 2^28 elements, 4,096 terms: 8 moves a side for a sum or maximum, one fewer for a product.
    assert_eq!(longest(10, 13, 20, None, 4), 16);
}

//! A game that stands at a leaf, so that the leaf costs what is paid for it: whole transactions, the game's part and the verdict included.

use super::referee::Gas;
use super::world::Leaf;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue};
use samebit_commit::{Tag, hash};
use samebit_referee::{Court, Dispute, Evm, Referee, position_words, question_words};
use samebit_trace::witness::{Piece, Place, operand};

const FUND: Address = Address::repeat_byte(0xfd);
const OWNERS: [Address; 2] = [Address::repeat_byte(0xa1), Address::repeat_byte(0xb1)];

/// Where the storage of `Dispute` has what, by the order in which it is declared.
const QUESTIONS: u64 = 0;
const CLAIMS: u64 = 1;
const LIVING: u64 = 2;
const GAMES: u64 = 4;
const KEPT: u64 = 5;
const PURSES: u64 = 6;
/// A question that takes messages; a claim that lives.
const OPEN: u64 = 1;
const LIVES: u64 = 1;

/// Fields of a position, the first of each pair.
const CLAIM: usize = 1;
const HELD: usize = 13;
const WORD: usize = 24;
const ROW: usize = 26;
const BODY_WORD: usize = 30;

/// The game's contract over the referee's.
pub struct Verdicts {
    evm: Evm,
    dispute: Address,
}

/// A question and a position of it, as words.
struct Game {
    question: [B256; 18],
    position: [B256; 39],
    roots: [B256; 2],
}

impl Game {
    /// The game at a place in which the sides say these words.
    fn at(place: &Place, piece: Piece, said: [u32; 2]) -> Game {
        let question = question_words(place);
        let mut position = position_words(place, piece.leaf());
        position[0] = digest(Tag::Question, &question);
        let pair = match piece {
            Piece::Map if position[ROW].is_zero() => WORD,
            Piece::Map => BODY_WORD,
            _ => HELD,
        };
        for (side, word) in said.into_iter().enumerate() {
            position[pair + side] = U256::from(word).into();
        }
        let roots = [0x51, 0x52].map(B256::repeat_byte);
        Game { question, position, roots }
    }

    /// What the chain keeps of the position.
    fn held(&self) -> B256 {
        digest(Tag::Position, &self.position)
    }

    fn asked(&self) -> Dispute::Question {
        SolValue::abi_decode(&self.question.concat()).expect("a question")
    }

    fn given(&self) -> Dispute::Position {
        SolValue::abi_decode(&self.position.concat()).expect("a position")
    }

    fn keep(&self, kind: u8, slot: u8, witness: &[u8]) -> Bytes {
        let witness = witness.to_vec().into();
        let call = Dispute::keepCall { question: self.asked(), given: self.given(), kind, slot, witness };
        call.abi_encode().into()
    }

    fn truth(&self, kind: u8, witness: &[u8], slots: impl Iterator<Item = u8>) -> Bytes {
        let (witness, slots) = (witness.to_vec().into(), slots.collect());
        let call = Dispute::truthCall { question: self.asked(), given: self.given(), kind, witness, slots };
        call.abi_encode().into()
    }
}

impl Verdicts {
    pub fn new() -> Verdicts {
        let mut evm = Evm::new();
        let step = Referee::deploy(&mut evm).expect("the referee deploys");
        let dispute = Court::put(&mut evm, step, samebit_dispute::Owner(FUND.0.0)).expect("the game deploys");
        Verdicts { evm, dispute }
    }

    /// The gas of the dearest transaction that keeps an operand, and of the leaf's, whatever the verdict.
    pub fn gas(&mut self, leaf: &Leaf) -> Gas {
        let [right, wrong, other] = [leaf.expected, !leaf.expected, leaf.expected ^ 1];
        // A root's last claim gives 4,800 gas back when it dies. Only that others have claimed the roots of both liars is not reckoned with.
        let verdicts = [([right, wrong], 2), ([wrong, right], 2), ([wrong, other], 1)];
        verdicts
            .map(|(said, alike)| self.gas_of(leaf, said, alike))
            .into_iter()
            .reduce(Gas::or)
            .expect("verdicts")
    }

    fn gas_of(&mut self, leaf: &Leaf, said: [u32; 2], alike: u64) -> Gas {
        let kind = leaf.piece.leaf();
        let game = Game::at(&leaf.place, leaf.piece, said);
        let mut gas = Gas::default();
        let before = self.evm.snapshot();
        for (slot, witness, place) in &leaf.keeps {
            let words = operand(place, kind, *slot, witness).expect("an operand");
            let of_slot = Game::at(place, leaf.piece, said);
            self.set_up(&of_slot, alike);
            gas.keep = gas.keep.max(self.send(of_slot.keep(kind as u8, *slot, witness)));
            self.put_kept(&game, kind as u8, *slot, &words);
        }
        self.set_up(&game, alike);
        gas.leaf =
            self.send(game.truth(kind as u8, &leaf.witness, leaf.keeps.iter().map(|(slot, ..)| *slot)));
        self.check_credits(&game, said.map(|word| word == leaf.expected));
        self.evm.restore(&before);
        gas
    }

    fn send(&mut self, data: Bytes) -> u64 {
        self.evm.send(FUND, self.dispute, U256::ZERO, data).expect("a message that fits").gas
    }

    /// Two of many living claims of an open question, `alike` of them with either root, their game at the position, and purses that are open and
    /// empty.
    fn set_up(&mut self, game: &Game, alike: u64) {
        let (id, [a, b]) = (game.position[0], [game.position[CLAIM], game.position[CLAIM + 1]]);
        let claims = U256::from(100) << 64 | U256::from(100) << 120;
        self.put(QUESTIONS, &[id], U256::from(OPEN) << 232 | claims | U256::from(1_800_000_000u64));
        for (side, claim) in [a, b].into_iter().enumerate() {
            let owner = OWNERS[side].into_word();
            let slot =
                self.put(CLAIMS, &[id, claim], U256::from(LIVES) << 160 | U256::from_be_bytes(owner.0));
            self.evm.store(self.dispute, slot + U256::from(1), game.roots[side].into());
            self.put(LIVING, &[id, game.roots[side]], U256::from(alike));
            self.put(PURSES, &[owner], U256::from(1));
        }
        self.put(GAMES, &[id, a, b], game.held().into());
    }

    /// Stores a value of the mapping that is declared at `place`; where.
    fn put(&mut self, place: u64, keys: &[B256], value: U256) -> U256 {
        let start = B256::from(U256::from(place));
        let slot = keys.iter().fold(start, |slot, key| keccak256([*key, slot].concat())).into();
        self.evm.store(self.dispute, slot, value);
        slot
    }

    /// An operand as `keep` leaves it, each being opened in a world of its own: up to 31 bytes lie beside their length.
    fn put_kept(&mut self, game: &Game, kind: u8, slot: u8, bytes: &[u8]) {
        let keys = [game.held(), U256::from(kind).into(), U256::from(slot).into()];
        let (mut padded, length) = (bytes.to_vec(), bytes.len());
        padded.resize(length.next_multiple_of(32), 0);
        let words: Vec<U256> = padded.chunks_exact(32).map(U256::from_be_slice).collect();
        if length < 32 {
            self.put(KEPT, &keys, words[0] | U256::from(2 * length));
            return;
        }
        let place = self.put(KEPT, &keys, U256::from(2 * length + 1));
        let start = U256::from_be_bytes(keccak256(B256::from(place)).0);
        for (offset, word) in words.into_iter().enumerate() {
            self.evm.store(self.dispute, start + U256::from(offset), word);
        }
    }

    /// What was measured is a verdict: who was wrong has lost its bond.
    fn check_credits(&mut self, game: &Game, right: [bool; 2]) {
        let bond = game.asked().bond;
        let mut credit = |owner: Address| {
            let call = Dispute::creditOfCall { owner };
            self.evm.call(self.dispute, &call).expect("a view").value.to::<u128>()
        };
        assert_eq!(OWNERS.map(&mut credit), right.map(|right| if right { bond / 2 } else { 0 }));
        assert_eq!(credit(FUND), if right[0] || right[1] { bond - bond / 2 } else { 2 * bond });
    }
}

fn digest(tag: Tag, words: &[B256]) -> B256 {
    hash(tag, &[words.concat().as_slice()]).0.into()
}

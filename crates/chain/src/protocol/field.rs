//! Fields of messages, as the messages and as the contracts have them.

use super::wire;
use alloy::primitives::{Address, B256};
use samebit_commit::interior::{Evidence, PageEvidence, WordEvidence};
use samebit_commit::state::{Entry, EntryOpening};
use samebit_commit::tensor::DType;
use samebit_commit::{Digest, Opening};
use samebit_market::{
    Amount, Answer, AttemptId, BatchId, Cause, DrawId, JobId, Leaf, Owner, PlaceId, Pot, SeatId, Seconds,
    SegmentId, Who,
};

/// A field, as the contracts have it.
pub trait Field: Sized {
    /// The contracts' type.
    type Sol;

    /// For the contracts.
    fn given(&self) -> Self::Sol;

    /// From the contracts; nothing if it names what there is not.
    fn read(sol: Self::Sol) -> Option<Self>;
}

macro_rules! numbers {
    ($($name:ident: $number:ty),* $(,)?) => {$(
        impl Field for $name {
            type Sol = $number;

            fn given(&self) -> $number {
                self.0
            }

            fn read(sol: $number) -> Option<$name> {
                Some($name(sol))
            }
        }
    )*};
}

numbers!(
    AttemptId: u64, BatchId: u64, SegmentId: u64, DrawId: u64, PlaceId: u64, Seconds: u64, Amount: u128, SeatId: u32,
);

macro_rules! plain {
    ($($name:ty),*) => {$(
        impl Field for $name {
            type Sol = $name;

            fn given(&self) -> $name {
                *self
            }

            fn read(sol: $name) -> Option<$name> {
                Some(sol)
            }
        }
    )*};
}

plain!(u64, bool);

impl Field for Digest {
    type Sol = B256;

    fn given(&self) -> B256 {
        B256::from(self.0)
    }

    fn read(sol: B256) -> Option<Digest> {
        Some(Digest(sol.0))
    }
}

impl Field for JobId {
    type Sol = B256;

    fn given(&self) -> B256 {
        self.0.given()
    }

    fn read(sol: B256) -> Option<JobId> {
        Digest::read(sol).map(JobId)
    }
}

impl Field for Owner {
    type Sol = Address;

    fn given(&self) -> Address {
        Address::from(self.0)
    }

    fn read(sol: Address) -> Option<Owner> {
        Some(Owner(sol.0.0))
    }
}

impl<T: Field> Field for Vec<T> {
    type Sol = Vec<T::Sol>;

    fn given(&self) -> Vec<T::Sol> {
        self.iter().map(T::given).collect()
    }

    fn read(sol: Vec<T::Sol>) -> Option<Vec<T>> {
        sol.into_iter().map(T::read).collect()
    }
}

impl Field for Pot {
    type Sol = u8;

    fn given(&self) -> u8 {
        *self as u8
    }

    fn read(sol: u8) -> Option<Pot> {
        [Pot::Jackpot, Pot::Insurance, Pot::Fees].get(usize::from(sol)).copied()
    }
}

impl Field for Who {
    type Sol = u64;

    fn given(&self) -> u64 {
        match self {
            Who::Solver => 0,
            // Beyond the end, both refuse it.
            Who::Verifier(place) => place.0.saturating_add(1),
        }
    }

    fn read(sol: u64) -> Option<Who> {
        Some(sol.checked_sub(1).map_or(Who::Solver, |place| Who::Verifier(PlaceId(place))))
    }
}

/// The number of a cause, its batch and its draw.
impl Field for Cause {
    type Sol = (u8, u64, u64);

    fn given(&self) -> (u8, u64, u64) {
        match *self {
            Cause::Claim => (0, 0, 0),
            Cause::Hold => (1, 0, 0),
            Cause::Announce(batch) => (2, batch.0, 0),
            Cause::Open(batch, draw) => (3, batch.0, draw.0),
            Cause::Contest(batch, draw) => (4, batch.0, draw.0),
            Cause::Reveal(batch) => (5, batch.0, 0),
        }
    }

    /// Numbers that the cause does not need are not looked at, here as in the contract.
    fn read((cause, batch, draw): (u8, u64, u64)) -> Option<Cause> {
        let (batch, draw) = (BatchId(batch), DrawId(draw));
        Some(match cause {
            0 => Cause::Claim,
            1 => Cause::Hold,
            2 => Cause::Announce(batch),
            3 => Cause::Open(batch, draw),
            4 => Cause::Contest(batch, draw),
            5 => Cause::Reveal(batch),
            _ => return None,
        })
    }
}

impl Field for Leaf {
    type Sol = wire::Leaf;

    fn given(&self) -> wire::Leaf {
        wire::Leaf { state: self.state.given(), seal: self.seal.given() }
    }

    fn read(sol: wire::Leaf) -> Option<Leaf> {
        Some(Leaf { state: Digest(sol.state.0), seal: Digest(sol.seal.0) })
    }
}

impl Field for Answer {
    type Sol = wire::Answer;

    fn given(&self) -> wire::Answer {
        wire::Answer { state: self.state.given(), count: self.count, steps_top: self.steps_top.given() }
    }

    fn read(sol: wire::Answer) -> Option<Answer> {
        Some(Answer { state: Digest(sol.state.0), count: sol.count, steps_top: Digest(sol.steps_top.0) })
    }
}

impl Field for Opening {
    type Sol = Vec<B256>;

    fn given(&self) -> Vec<B256> {
        self.siblings.given()
    }

    fn read(sol: Vec<B256>) -> Option<Opening> {
        Some(Opening { siblings: Vec::read(sol)? })
    }
}

impl Field for PageEvidence {
    type Sol = wire::PageEvidence;

    fn given(&self) -> wire::PageEvidence {
        let entry = &self.entry.entry;
        wire::PageEvidence {
            name: entry.name.clone(),
            dtype: entry.dtype as u8,
            shape: entry.shape.clone(),
            root: entry.root.given(),
            entry_siblings: self.entry.opening.given(),
            page: self.page.given(),
            page_siblings: self.opening.given(),
        }
    }

    fn read(sol: wire::PageEvidence) -> Option<PageEvidence> {
        let dtype = DType::from_byte(sol.dtype)?;
        let entry = Entry { name: sol.name, dtype, shape: sol.shape, root: Digest(sol.root.0) };
        Some(PageEvidence {
            entry: EntryOpening { entry, opening: Opening::read(sol.entry_siblings)? },
            page: Digest(sol.page.0),
            opening: Opening::read(sol.page_siblings)?,
        })
    }
}

impl Field for Evidence {
    type Sol = wire::Evidence;

    fn given(&self) -> wire::Evidence {
        wire::Evidence {
            state: self.state.given(),
            trace: self.trace.given(),
            step_siblings: self.step.given(),
            node_count: self.node_count,
            loss: self.loss.word,
            loss_siblings: self.loss.opening.given(),
            grad_norm: self.grad_norm.word,
            grad_norm_siblings: self.grad_norm.opening.given(),
            entry_count: self.entry_count,
            pages: self.pages.given(),
        }
    }

    fn read(sol: wire::Evidence) -> Option<Evidence> {
        let word = |word, siblings| Some(WordEvidence { word, opening: Opening::read(siblings)? });
        Some(Evidence {
            state: Digest(sol.state.0),
            trace: Digest(sol.trace.0),
            step: Opening::read(sol.step_siblings)?,
            node_count: sol.node_count,
            loss: word(sol.loss, sol.loss_siblings)?,
            grad_norm: word(sol.grad_norm, sol.grad_norm_siblings)?,
            entry_count: sol.entry_count,
            pages: Vec::read(sol.pages)?,
        })
    }
}

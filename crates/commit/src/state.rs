//! The names of states: what one step hands to the next (commitment.md §4).
//!
//! ```text
//! state root = list root over the entries, in the order in which the program declares them
//! entry      = hash( 0x04 ‖ name string ‖ dtype u8 ‖ shape (count u8, u64 each) ‖ tensor root )
//! ```

use crate::{
    Canonical, DecodeError, Decoder, Digest, Encoder, Opening, OpeningError, Tag, Tree, hash, merkle,
    tensor::DType,
};

/// The most bytes of a tensor's name.
pub const NAME_LIMIT: u16 = 256;

/// The most dimensions of a shape.
pub const RANK_LIMIT: u8 = 6;

/// The most entries of a state.
pub const ENTRY_LIMIT: u32 = 1 << 12;

/// One tensor of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name that the program gives it, at most [`NAME_LIMIT`] bytes.
    pub name: String,
    /// What its words are.
    pub dtype: DType,
    /// Its dimensions, at most [`RANK_LIMIT`].
    pub shape: Vec<u64>,
    /// The root of its elements.
    pub root: Digest,
}

impl Entry {
    /// The leaf of this entry in the state's tree.
    pub fn leaf(&self) -> Digest {
        hash(Tag::StateEntry, &[&self.to_bytes()])
    }

    /// The number of elements, if it fits.
    pub fn element_count(&self) -> Option<u64> {
        self.shape.iter().try_fold(1u64, |count, &dimension| count.checked_mul(dimension))
    }
}

impl Canonical for Entry {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.string(&self.name);
        self.dtype.encode(encoder);
        encoder.short_list(&self.shape, |encoder, dimension| encoder.u64(*dimension));
        self.root.encode(encoder);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            name: decoder.string("tensor name", NAME_LIMIT)?.to_owned(),
            dtype: DType::decode(decoder)?,
            shape: decoder.short_list("shape", RANK_LIMIT, |decoder| decoder.u64("dimension"))?,
            root: Digest::decode(decoder)?,
        })
    }
}

/// The tree over the entries of a state; its root is the state root.
pub fn tree(entries: &[Entry]) -> Tree {
    Tree::new(entries.iter().map(Entry::leaf).collect())
}

/// The state root of these entries.
pub fn root(entries: &[Entry]) -> Digest {
    merkle::list_root_of(&entries.iter().map(Entry::leaf).collect::<Vec<_>>())
}

/// One entry of a state and the siblings above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryOpening {
    /// The entry.
    pub entry: Entry,
    /// The siblings of its leaf.
    pub opening: Opening,
}

impl EntryOpening {
    /// Opens entry `index`.
    ///
    /// # Errors
    /// [`OpeningError::Index`] if it is beyond the end.
    pub fn new(entries: &[Entry], index: u64) -> Result<Self, OpeningError> {
        let opening = tree(entries).open(index)?;
        Ok(Self { entry: entries[index as usize].clone(), opening })
    }

    /// Checks that the entry is number `index` of the `count` of the state with this root.
    ///
    /// # Errors
    /// Those of [`Opening::verify`].
    pub fn verify(&self, state_root: Digest, count: u64, index: u64) -> Result<(), OpeningError> {
        self.opening.verify(state_root, count, index, self.entry.leaf())
    }
}

impl Canonical for EntryOpening {
    fn encode(&self, encoder: &mut Encoder) {
        self.entry.encode(encoder);
        self.opening.encode(encoder);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self { entry: Entry::decode(decoder)?, opening: Opening::decode(decoder)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        let entry = |name: &str, shape: &[u64]| Entry {
            name: name.to_owned(),
            dtype: DType::F32,
            shape: shape.to_vec(),
            root: hash(Tag::Tensor, &[name.as_bytes()]),
        };
        vec![entry("w", &[2, 3]), entry("b", &[]), entry("m.w", &[2, 3])]
    }

    #[test]
    fn an_entry_by_hand() {
        let entry = &entries()[0];
        let preimage =
            [&[0, 1, b'w', 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3][..], &entry.root.0].concat();
        assert_eq!(entry.leaf(), hash(Tag::StateEntry, &[&preimage]));
        assert_eq!(entry.element_count(), Some(6));
        assert_eq!(Entry { shape: vec![1 << 40, 1 << 40], ..entry.clone() }.element_count(), None);
    }

    #[test]
    fn names_shapes_order_and_roots_are_named() {
        let state = root(&entries());
        assert_eq!(state, tree(&entries()).root());
        let changed = |change: fn(&mut Vec<Entry>)| {
            let mut entries = entries();
            change(&mut entries);
            root(&entries)
        };
        assert_ne!(state, changed(|entries| entries[0].name.push('x')));
        assert_ne!(state, changed(|entries| entries[0].dtype = DType::U32));
        assert_ne!(state, changed(|entries| entries[0].shape = vec![3, 2]));
        assert_ne!(state, changed(|entries| entries[1].root.0[0] ^= 1));
        assert_ne!(state, changed(|entries| entries.swap(0, 1)));
        assert_ne!(state, changed(|entries| drop(entries.pop())));
    }

    #[test]
    fn an_entry_opens() {
        let state = root(&entries());
        for index in 0..3 {
            let opening = EntryOpening::new(&entries(), index).expect("inside");
            assert_eq!(opening.verify(state, 3, index), Ok(()));
            assert_eq!(EntryOpening::from_bytes(&opening.to_bytes()), Ok(opening.clone()));
            assert!(opening.verify(state, 3, (index + 1) % 3).is_err());
            let mut lie = opening;
            lie.entry.shape.push(1);
            assert!(lie.verify(state, 3, index).is_err());
        }
        assert_eq!(EntryOpening::new(&entries(), 3), Err(OpeningError::Index { index: 3, count: 3 }));
    }

    #[test]
    fn limits_of_an_entry() {
        let long = Entry { name: "n".repeat(257), ..entries().remove(0) };
        assert!(matches!(
            Entry::from_bytes(&long.to_bytes()),
            Err(DecodeError::OverLimit { what: "tensor name", .. })
        ));
        let deep = Entry { shape: vec![1; 7], ..entries().remove(0) };
        assert!(matches!(
            Entry::from_bytes(&deep.to_bytes()),
            Err(DecodeError::OverLimit { what: "shape", .. })
        ));
    }
}

//! Decoders of openings and entries on bytes from strangers: they refuse or read the one value that encodes so.

use proptest::prelude::*;
use samebit_commit::{
    BatchOpening, Canonical, DType, Digest, Opening,
    state::{Entry, EntryOpening},
    tensor::ElementOpening,
};

/// Bytes that are often small numbers, so that counts and tags are often legal.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => Just(0u8), 2 => 0u8..8, 1 => any::<u8>()];
    prop::collection::vec(byte, 0..300)
}

fn one_encoding<T: Canonical>(bytes: &[u8]) -> bool {
    T::from_bytes(bytes).is_ok_and(|value| {
        assert_eq!(value.to_bytes(), bytes);
        true
    })
}

/// Every cut, one byte more, and every count byte raised are refused or another value.
fn hardened<T: Canonical + PartialEq + std::fmt::Debug>(value: &T) {
    let bytes = value.to_bytes();
    assert_eq!(T::from_bytes(&bytes).as_ref(), Ok(value));
    for length in 0..bytes.len() {
        assert!(T::from_bytes(&bytes[..length]).is_err(), "cut at {length}");
    }
    assert!(T::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 0x81;
        assert_ne!(T::from_bytes(&changed).as_ref(), Ok(value), "byte {place}");
    }
}

fn digests(limit: usize) -> impl Strategy<Value = Vec<Digest>> {
    prop::collection::vec(any::<[u8; 32]>().prop_map(Digest), 0..limit)
}

proptest! {
    #[test]
    fn strangers_bytes_never_panic_and_have_one_meaning(bytes in bytes()) {
        one_encoding::<Opening>(&bytes);
        one_encoding::<BatchOpening>(&bytes);
        one_encoding::<Entry>(&bytes);
        one_encoding::<EntryOpening>(&bytes);
        one_encoding::<ElementOpening>(&bytes);
    }

    #[test]
    fn values_survive_and_changes_show(
        siblings in digests(6),
        name in "[a-z.0-9]{0,30}",
        shape in prop::collection::vec(any::<u64>(), 0..=6),
        page in prop::collection::vec(any::<u32>(), 0..20),
        root in any::<[u8; 32]>(),
    ) {
        let opening = Opening { siblings: siblings.clone() };
        let entry = Entry { name, dtype: DType::U32, shape, root: Digest(root) };
        hardened(&opening);
        hardened(&BatchOpening { siblings });
        hardened(&entry);
        hardened(&EntryOpening { entry, opening: opening.clone() });
        hardened(&ElementOpening { page, opening });
    }
}

#[test]
fn the_generator_reaches_legal_values() {
    // One zero byte is an opening without siblings; four are a batch.
    assert!(one_encoding::<Opening>(&[0]));
    assert!(one_encoding::<BatchOpening>(&[0; 4]));
    assert!(one_encoding::<Entry>(&[0; 36]));
    assert!(one_encoding::<ElementOpening>(&[0; 5]));
}

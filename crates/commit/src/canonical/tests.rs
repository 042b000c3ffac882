use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Sample {
    small: u8,
    number: u64,
    name: String,
    blob: Vec<u8>,
    list: Vec<u16>,
    children: Vec<Sample>,
}

impl Canonical for Sample {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.u8(self.small);
        encoder.u64(self.number);
        encoder.string(&self.name);
        encoder.bytes(&self.blob);
        encoder.list(&self.list, |encoder, item| encoder.u16(*item));
        encoder.short_list(&self.children, |encoder, child| child.encode(encoder));
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            small: decoder.u8("small")?,
            number: decoder.u64("number")?,
            name: decoder.string("name", 40)?.to_owned(),
            blob: decoder.bytes("blob", 64)?.to_vec(),
            list: decoder.list("list", 32, |decoder| decoder.u16("item"))?,
            children: decoder.short_list("children", 3, |decoder| decoder.nested(Self::decode))?,
        })
    }
}

fn sample() -> impl Strategy<Value = Sample> {
    let leaf = (
        any::<u8>(),
        any::<u64>(),
        "[a-zé]{0,12}",
        prop::collection::vec(any::<u8>(), 0..20),
        prop::collection::vec(any::<u16>(), 0..9),
    )
        .prop_map(|(small, number, name, blob, list)| Sample {
            small,
            number,
            name,
            blob,
            list,
            children: vec![],
        });
    leaf.prop_recursive(4, 12, 3, |inner| {
        (inner.clone(), prop::collection::vec(inner, 0..=3))
            .prop_map(|(sample, children)| Sample { children, ..sample })
    })
}

proptest! {
    #[test]
    fn values_round_trip_and_every_cut_is_refused(value in sample()) {
        let bytes = value.to_bytes();
        prop_assert_eq!(Sample::from_bytes(&bytes), Ok(value));
        for length in 0..bytes.len() {
            let refused = matches!(Sample::from_bytes(&bytes[..length]), Err(DecodeError::Truncated { .. }));
            prop_assert!(refused, "cut at {}", length);
        }
        let mut longer = bytes.clone();
        longer.push(0);
        prop_assert_eq!(Sample::from_bytes(&longer), Err(DecodeError::Trailing { position: bytes.len(), left: 1 }));
    }

    #[test]
    fn what_decodes_encodes_to_the_same_bytes(bytes in prop::collection::vec(prop_oneof![3 => Just(0u8), 1 => 0u8..4, 1 => any::<u8>()], 0..120)) {
        if let Ok(value) = Sample::from_bytes(&bytes) {
            prop_assert_eq!(value.to_bytes(), bytes);
        }
    }

    #[test]
    fn a_changed_byte_never_decodes_to_the_same_value(value in sample(), place in any::<prop::sample::Index>(), flip in 1u8..) {
        let mut bytes = value.to_bytes();
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        prop_assert_ne!(Sample::from_bytes(&bytes), Ok(value));
    }
}

#[test]
fn bytes_are_big_endian_with_the_lengths_of_the_specification() {
    let mut encoder = Encoder::new();
    encoder.u8(1);
    encoder.u16(0x0203);
    encoder.u32(0x0405_0607);
    encoder.u64(0x0809_0a0b_0c0d_0e0f);
    encoder.string("é");
    encoder.bytes(&[9]);
    encoder.list(&[7u8], |encoder, item| encoder.u8(*item));
    encoder.short_list(&[8u8], |encoder, item| encoder.u8(*item));
    let expected = [
        &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15][..],
        &[0, 2, 0xc3, 0xa9, 0, 0, 0, 1, 9, 0, 0, 0, 1, 7, 1, 8],
    ]
    .concat();
    assert_eq!(encoder.into_bytes(), expected);
}

#[test]
fn limits_hold_before_anything_is_allocated() {
    let huge = [0xff; 8];
    assert_eq!(
        Decoder::new(&huge).list("list", 5, |decoder| decoder.u8("item")),
        Err(DecodeError::OverLimit { what: "list", position: 0, count: 0xffff_ffff, limit: 5 })
    );
    assert_eq!(
        Decoder::new(&huge).list("list", u32::MAX, |decoder| decoder.u8("item")),
        Err(DecodeError::Truncated { what: "list", position: 4, needed: 0xffff_ffff, left: 4 })
    );
    assert_eq!(
        Decoder::new(&huge).bytes("bytes", u32::MAX),
        Err(DecodeError::Truncated { what: "bytes", position: 4, needed: 0xffff_ffff, left: 4 })
    );
    assert_eq!(
        Decoder::new(&huge).string("name", 3),
        Err(DecodeError::OverLimit { what: "name", position: 0, count: 0xffff, limit: 3 })
    );
    assert_eq!(
        Decoder::new(&[0, 1, 0xff]).string("name", 3),
        Err(DecodeError::NotUtf8 { what: "name", position: 2 })
    );
}

#[test]
fn nesting_stops_at_the_limit() {
    fn dive(decoder: &mut Decoder<'_>) -> Result<u32, DecodeError> {
        match decoder.u8("more")? {
            0 => Ok(0),
            _ => Ok(decoder.nested(dive)? + 1),
        }
    }
    let deep = |count: usize| [vec![1u8; count], vec![0]].concat();
    assert_eq!(dive(&mut Decoder::new(&deep(DEPTH_LIMIT as usize))), Ok(DEPTH_LIMIT));
    let too_deep = deep(DEPTH_LIMIT as usize + 1);
    assert_eq!(
        dive(&mut Decoder::new(&too_deep)),
        Err(DecodeError::TooDeep { position: DEPTH_LIMIT as usize + 1 })
    );
}

#[test]
fn tags_and_refusals_name_their_place() {
    let mut decoder = Decoder::new(&[5, 6]);
    let tag = decoder.u8("tag").expect("one byte is there");
    assert_eq!(
        decoder.unknown_tag("shape", tag),
        DecodeError::UnknownTag { what: "shape", position: 0, tag: 5 }
    );
    assert_eq!(decoder.refuse("unsorted"), DecodeError::Refused { position: 1, reason: "unsorted" });
}

use super::{
    toy::{Spoil, Spoilt, Toy, Vast},
    *,
};
use crate::difference::Fault;
use proptest::prelude::*;
use samebit_commit::{Kind, Leaves, SequenceError, Tag, hash, steps, tensor};

const WIDTHS: [u32; 4] = [1, 2, 3, 6];

fn width(levels: u32) -> Width {
    Width::of_levels(levels).expect("a legal width")
}

fn list(leaf: u64) -> Place {
    Place { kind: Kind::List, leaf }
}

/// The definition: the first place where two toys differ, by looking at everything.
fn naive(a: &Toy, b: &Toy, path: &mut Vec<Place>) -> Difference {
    let (Toy::List(a), Toy::List(b)) = (a, b) else {
        return Difference::At { path: path.clone().into() };
    };
    match a.iter().zip(b).position(|(a, b)| a != b) {
        Some(index) => {
            path.push(list(index as u64));
            naive(&a[index], &b[index], path)
        }
        None if a.len() == b.len() => Difference::Equal,
        None => Difference::Length {
            path: path.clone().into(),
            kind: Kind::List,
            a: a.len() as u64,
            b: b.len() as u64,
        },
    }
}

/// The most digests that a search through nested lists of at most `count` leaves opens: per list its root, a corner
/// with the siblings above it, and the rounds.
fn bound(depth: u64, count: u64, levels: u32) -> u64 {
    let height = merkle::height(count);
    let rounds = u64::from(height.div_ceil(levels));
    depth * (2 + u64::from(height) + (rounds << levels))
}

fn check(a: &Toy, b: &Toy) {
    for levels in WIDTHS {
        let sides = [Spoilt::new(a.sequence(), Spoil::Nothing), Spoilt::new(b.sequence(), Spoil::Nothing)];
        let finding = first_difference(&sides[0], &sides[1], width(levels)).expect("both sides are sound");
        assert_eq!(finding.difference, naive(a, b, &mut vec![]), "{a:?} {b:?}");
        assert!(finding.opened <= bound(2, 9, levels), "{} digests", finding.opened);
        // The outer list's digests are part of the count.
        assert!(sides.iter().all(|side| side.given.get() <= finding.opened));
    }
}

#[test]
fn flat_worlds_exhaustively() {
    for count in 0..=9u64 {
        for set in 0u64..1 << count {
            let b = Toy::flat((0..count).map(|i| if set >> i & 1 == 1 { 1000 + i } else { i }));
            check(&Toy::flat(0..count), &b);
        }
    }
}

#[test]
fn lengths_exhaustively() {
    for (a_count, b_count) in (0..=9u64).flat_map(|a| (0..=9).map(move |b| (a, b))) {
        for odd in 0..=b_count {
            let b = Toy::flat((0..b_count).map(|i| if i == odd { 1000 } else { i }));
            check(&Toy::flat(0..a_count), &b);
            check(&b, &Toy::flat(0..a_count));
        }
    }
}

fn differing(outer: u64, inner: u64, places: impl IntoIterator<Item = (u64, u64)>) -> Toy {
    let mut toy = Toy::nested(outer, inner);
    for (i, j) in places {
        *toy.at(&[i, j]) = Toy::Number(1_000_000 + i * 100 + j);
    }
    toy
}

#[test]
fn small_nested_worlds_exhaustively() {
    for (outer, inner) in (1..=9u64).flat_map(|outer| (1..=9).map(move |inner| (outer, inner))) {
        let honest = Toy::nested(outer, inner);
        if outer * inner <= 12 {
            for set in 0u64..1 << (outer * inner) {
                let places = (0..outer * inner).filter(|place| set >> place & 1 == 1);
                check(&honest, &differing(outer, inner, places.map(|place| (place / inner, place % inner))));
            }
        }
    }
}

#[test]
fn nested_worlds_with_every_outer_set_and_every_inner_set() {
    let (outer, inner) = (9u64, 9u64);
    let honest = Toy::nested(outer, inner);
    for set in 1u64..1 << 9 {
        let members = move || (0..9u64).filter(move |i| set >> i & 1 == 1);
        check(&honest, &differing(outer, inner, members().map(|i| (i, 8 - i))));
        check(&honest, &differing(outer, inner, members().map(|j| (set % 9, j))));
    }
}

#[test]
fn nested_lengths_and_shapes() {
    let honest = Toy::nested(3, 4);
    let mut shorter = honest.clone();
    *shorter.at(&[1]) = Toy::flat([100, 101, 102]);
    check(&honest, &shorter);
    check(&shorter, &honest);
    // A number where the other side has a list: the search stops at the leaf that both have.
    let mut number = honest.clone();
    *number.at(&[2]) = Toy::Number(5);
    let finding = first_difference(&honest.sequence(), &number.sequence(), Width::default()).expect("sound");
    assert_eq!(finding.difference, Difference::At { path: vec![list(2)].into() });
}

proptest! {
    #[test]
    fn larger_worlds(outer in 1u64..70, inner in 1u64..70, places in prop::collection::vec((0u64..70, 0u64..70), 0..4), levels in 1u32..=10) {
        let places = places.into_iter().map(|(i, j)| (i % outer, j % inner));
        let (a, b) = (Toy::nested(outer, inner), differing(outer, inner, places));
        let finding = first_difference(&a.sequence(), &b.sequence(), width(levels)).expect("both sides are sound");
        prop_assert_eq!(finding.difference, naive(&a, &b, &mut vec![]));
        prop_assert!(finding.opened <= bound(2, 70, levels));
    }
}

#[test]
fn the_number_of_digests_is_logarithmic_and_counted_exactly() {
    for exponent in [0u32, 1, 10, 20, 40, 63] {
        for (count, odd) in [
            (1u64 << exponent, 0),
            (1 << exponent, (1 << exponent) - 1),
            ((1 << exponent) + 1, 1 << exponent),
        ] {
            for levels in WIDTHS {
                let a = Spoilt::new(Vast { count, odd: None }, Spoil::Nothing);
                let b = Spoilt::new(Vast { count, odd: Some(odd) }, Spoil::Nothing);
                let finding = first_difference(&a, &b, width(levels)).expect("sound");
                assert_eq!(finding.difference, Difference::At { path: vec![list(odd)].into() });
                assert_eq!([a.given.get(), b.given.get()], [finding.opened; 2]);
                let rounds = u64::from(merkle::height(count).div_ceil(levels));
                assert!(finding.opened <= 2 + (rounds << levels), "{} of {count}", finding.opened);
            }
        }
    }
}

#[test]
fn equal_roots_cost_one_digest() {
    let vast = Vast { count: 1 << 50, odd: None };
    let finding = first_difference(&vast, &vast, Width::default()).expect("sound");
    assert_eq!(finding, Finding { difference: Difference::Equal, opened: 1 });
}

/// Every lie about one digest, at every place, beside a real difference at every leaf: the liar is convicted, or the
/// lie was never looked at and the difference is found.
#[test]
fn a_lie_about_one_digest_convicts_or_changes_nothing() {
    for count in 1..=9u64 {
        for odd in 0..count {
            let a = Toy::flat(0..count);
            let b = Toy::flat((0..count).map(|i| if i == odd { 1000 } else { i }));
            let truth = naive(&a, &b, &mut vec![]);
            let nodes = (0..=merkle::height(count))
                .flat_map(|l| (0..merkle::width(count, l)).map(move |i| Spoil::Node(l, i)));
            let mut convicted = 0;
            for (spoil, levels) in
                nodes.chain([Spoil::Root]).flat_map(|spoil| WIDTHS.map(|levels| (spoil, levels)))
            {
                let liar = Spoilt::new(b.sequence(), spoil);
                match first_difference(&a.sequence(), &liar, width(levels)) {
                    Ok(finding) => assert_eq!(finding.difference, truth, "{spoil:?}"),
                    Err(SearchError::Side(error)) => {
                        assert_eq!(error.side, Side::B, "{error}");
                        assert!(matches!(error.fault, Fault::Broken(_)), "{error}");
                        convicted += 1;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            // The root and the top are always looked at.
            assert!(convicted >= 2 * WIDTHS.len());
        }
    }
}

#[test]
fn a_side_without_answers_is_named() {
    let (a, b) = (Toy::nested(5, 3), differing(5, 3, [(4, 1)]));
    for spoil in [Spoil::LoseRoot, Spoil::Lose(0, 4), Spoil::Lose(3, 0), Spoil::Locked] {
        let (sound, lossy) = (a.sequence(), Spoilt::new(b.sequence(), spoil));
        let blamed = |result: Result<Finding, SearchError>| match result {
            Err(SearchError::Side(error)) => {
                assert!(matches!(error.fault, Fault::Sequence(SequenceError::Unavailable { .. })), "{error}");
                assert_eq!(error.kind, Kind::List);
                error.side
            }
            other => panic!("{spoil:?}: {other:?}"),
        };
        assert_eq!(blamed(first_difference(&sound, &lossy, Width::default())), Side::B);
        assert_eq!(blamed(first_difference(&lossy, &sound, Width::default())), Side::A);
    }
}

/// Enters into itself for ever, with another digest on each side.
struct Abyss(u8);

impl Abyss {
    fn name(&self) -> Digest {
        // A page's name is not checked against its leaves, so it can be its own leaf.
        Digest([self.0; 32])
    }
}

impl Sequence for Abyss {
    fn kind(&self) -> Kind {
        Kind::Page
    }
    fn len(&self) -> u64 {
        1
    }
    fn root(&self) -> Result<Digest, SequenceError> {
        Ok(self.name())
    }
    fn node(&self, _level: u32, _index: u64) -> Result<Digest, SequenceError> {
        Ok(self.name())
    }
    fn enter(&self, _leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
        Ok(Some(Box::new(Abyss(self.0))))
    }
}

#[test]
fn an_abyss_ends_at_the_limit() {
    let error = first_difference(&Abyss(1), &Abyss(2), Width::default()).expect_err("there is no bottom");
    assert!(matches!(error, SearchError::TooDeep { limit: DEPTH_LIMIT, .. }), "{error}");
}

/// A leaf that leads to a sequence with another name convicts its side.
#[test]
fn a_leaf_must_be_the_name_of_what_it_leads_to() {
    struct Switch(Leaves);
    impl Sequence for Switch {
        fn kind(&self) -> Kind {
            self.0.kind()
        }
        fn len(&self) -> u64 {
            self.0.len()
        }
        fn root(&self) -> Result<Digest, SequenceError> {
            self.0.root()
        }
        fn node(&self, level: u32, index: u64) -> Result<Digest, SequenceError> {
            self.0.node(level, index)
        }
        fn enter(&self, _leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
            Ok(Some(Box::new(
                Toy::flat([4, 5, 7]).sequence().root().map(|root| Leaves::list(Kind::List, vec![root]))?,
            )))
        }
    }
    let honest = Toy::List(vec![Toy::flat([4, 5, 6])]);
    let switch = Switch(Leaves::list(Kind::List, vec![Digest([9; 32])]));
    match first_difference(&honest.sequence(), &switch, Width::default()) {
        Err(SearchError::Side(error)) => {
            assert_eq!(error.side, Side::B);
            assert!(matches!(error.fault, Fault::Broken(Broken::Entered { leaf: 0, .. })), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn kinds_names_and_parts() {
    let digest = |byte: u8| hash(Tag::Page, &[&[byte]]);
    let list = |kind| Leaves::list(kind, vec![digest(1), digest(2)]);
    let find = |a: &Leaves, b: &Leaves| first_difference(a, b, Width::default()).expect("sound").difference;
    assert_eq!(
        find(&list(Kind::Steps), &list(Kind::State)),
        Difference::Kind { path: Path::default(), a: Kind::Steps, b: Kind::State }
    );

    // The same pages as another dtype: no leaf differs, the name does.
    let pages = tensor::page_digests(&[1u32, 2, 3]);
    let tensor = |dtype| Leaves::tensor(dtype, 3, pages.clone());
    assert_eq!(
        find(&tensor(tensor::DType::F32), &tensor(tensor::DType::U32)),
        Difference::Name { path: Path::default(), kind: Kind::Tensor }
    );

    // Of a step, the trace comes before the state that it leads to.
    let (a, b) = (Leaves::step(digest(1), digest(2)), Leaves::step(digest(3), digest(4)));
    let trace = Place { kind: Kind::Step, leaf: 0 };
    assert_eq!(find(&a, &b), Difference::At { path: vec![trace].into() });
    let state = Place { kind: Kind::Step, leaf: 1 };
    assert_eq!(find(&a, &Leaves::step(digest(1), digest(4))), Difference::At { path: vec![state].into() });

    let words: Vec<u32> = (0..256).collect();
    let mut other = words.clone();
    other[137] ^= 1;
    let element = Place { kind: Kind::Page, leaf: 137 };
    assert_eq!(
        find(&Leaves::page(&words), &Leaves::page(&other)),
        Difference::At { path: vec![element].into() }
    );
}

#[test]
fn a_false_name_of_two_parts_convicts() {
    let digest = |byte: u8| hash(Tag::Page, &[&[byte]]);
    let honest = Leaves::step(digest(1), digest(2));
    let liar = Spoilt::new(Leaves::step(digest(1), digest(2)), Spoil::Root);
    let error =
        first_difference(&honest, &liar, Width::default()).expect_err("the name is not that of the parts");
    let expected = steps::step(digest(2), digest(1));
    match error {
        SearchError::Side(error) => {
            assert_eq!(error.side, Side::B);
            assert!(
                matches!(error.fault, Fault::Broken(Broken::Name { found, .. }) if found == expected),
                "{error}"
            );
        }
        error => panic!("{error}"),
    }
}

#[test]
fn widths_have_limits() {
    assert_eq!([Width::of_levels(0), Width::of_levels(11)], [None, None]);
    assert_eq!(Width::of_levels(6), Some(Width::default()));
}

#[test]
fn paths_read_as_text() {
    let path = Path::from(vec![Place { kind: Kind::Run, leaf: 3 }, Place { kind: Kind::Steps, leaf: 7 }]);
    assert_eq!(path.to_string(), "segment 3, step 7");
    assert_eq!(Path::default().to_string(), "the whole");
    assert_eq!([path.leaf(Kind::Steps), path.leaf(Kind::Page)], [Some(7), None]);
}

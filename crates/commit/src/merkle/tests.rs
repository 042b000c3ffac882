use super::*;
use crate::Canonical;

/// The definition of commitment.md §2, word for word: a node of `level` over the leaves from `start`.
fn defined(leaves: &[Digest], level: u32, index: u64) -> Digest {
    if level == 0 {
        return leaves.get(index as usize).copied().unwrap_or(Digest::ZERO);
    }
    let left = defined(leaves, level - 1, 2 * index);
    let right = defined(leaves, level - 1, 2 * index + 1);
    if left == Digest::ZERO && right == Digest::ZERO {
        return Digest::ZERO;
    }
    hash(Tag::Inner, &[&left.0, &right.0])
}

fn leaves(count: u64) -> Vec<Digest> {
    (0..count).map(|index| hash(Tag::Page, &[&index.to_be_bytes()])).collect()
}

fn bytes(leaves: &[Digest]) -> Vec<[u8; 32]> {
    leaves.iter().map(|leaf| leaf.0).collect()
}

/// The nodes above pairs, as [`top_by`] wants them.
fn raise(below: &[[u8; 32]], above: &mut [[u8; 32]]) {
    assert_eq!(below.len(), 2 * above.len());
    for (pair, above) in below.chunks(2).zip(above) {
        *above = hash(Tag::Inner, &[&pair[0], &pair[1]]).0;
    }
}

#[test]
fn absent_leaves_make_absent_nodes() {
    for (absent, count) in [(0..4, 9), (2..8, 8), (0..1024, 2500), (1024..2048, 2500), (3..5, 7)] {
        let mut leaves = leaves(count);
        leaves[absent].fill(Digest::ZERO);
        let expected = defined(&leaves, height(count), 0);
        assert_eq!([top(&leaves), top_by(&bytes(&leaves), raise)], [expected; 2]);
    }
}

fn flipped(digest: Digest) -> Digest {
    let mut bytes = digest.0;
    bytes[31] ^= 1;
    Digest(bytes)
}

#[test]
fn heights_and_widths() {
    let heights: Vec<u32> = (0..=9).map(height).collect();
    assert_eq!(heights, [0, 0, 1, 2, 2, 3, 3, 3, 3, 4]);
    assert_eq!(height(u64::MAX), 64);
    for count in 0..40u64 {
        for level in 0..8 {
            assert_eq!(width(count, level), count.div_ceil(1 << level), "{count} leaves, level {level}");
        }
    }
    assert_eq!([width(u64::MAX, 63), width(u64::MAX, 64), width(1, 64), width(0, 64)], [2, 1, 1, 0]);
}

#[test]
fn small_trees_by_hand() {
    let l = leaves(5);
    let pair = |a: Digest, b: Digest| hash(Tag::Inner, &[&a.0, &b.0]);
    let absent = Digest::ZERO;
    let expected = [
        absent,
        l[0],
        pair(l[0], l[1]),
        pair(pair(l[0], l[1]), pair(l[2], absent)),
        pair(pair(l[0], l[1]), pair(l[2], l[3])),
        pair(pair(pair(l[0], l[1]), pair(l[2], l[3])), pair(pair(l[4], absent), absent)),
    ];
    for (count, expected) in expected.into_iter().enumerate() {
        let tree = Tree::new(l[..count].to_vec());
        assert_eq!(tree.top(), expected, "{count} leaves");
        assert_eq!(tree.root(), hash(Tag::List, &[&(count as u64).to_be_bytes(), &expected.0]));
    }
}

#[test]
fn tree_stream_and_top_are_the_definition() {
    for count in (0..=33).chain([511, 1023, 1024, 1025, 2048, 2049, 3000, 5000]) {
        let leaves = leaves(count);
        let tree = Tree::new(leaves.clone());
        let mut stream = Stream::new();
        stream.extend(leaves.iter().copied());
        let expected = defined(&leaves, height(count), 0);
        assert_eq!([tree.top(), stream.top(), top(&leaves)], [expected; 3], "{count} leaves");
        assert_eq!([tree.root(), stream.root()], [list_root_of(&leaves); 2]);
        assert_eq!(top_by(&bytes(&leaves), raise), expected, "{count} leaves, many nodes at once");
        if count <= 33 {
            for level in 0..=tree.height() {
                for index in 0..=width(count, level) + 1 {
                    assert_eq!(tree.node(level, index), defined(&leaves, level, index));
                }
            }
        }
    }
}

#[test]
fn thread_counts_change_nothing() {
    let leaves = leaves(5000);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool starts");
        pool.install(|| (Tree::new(leaves.clone()), top(&leaves)))
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(7));
}

#[test]
fn every_opening_verifies_and_every_tampered_one_is_refused() {
    for count in 0..=33u64 {
        let tree = Tree::new(leaves(count));
        let root = tree.root();
        assert_eq!(tree.open(count), Err(OpeningError::Index { index: count, count }));
        for index in 0..count {
            let leaf = tree.node(0, index);
            let opening = tree.open(index).expect("inside");
            assert_eq!(opening.siblings.len(), needed(count, &[index]));
            assert_eq!(opening.siblings, tree.open_batch(&[index]).expect("inside").siblings);
            assert_eq!(opening.verify(root, count, index, leaf), Ok(()));
            assert_eq!(Opening::from_bytes(&opening.to_bytes()), Ok(opening.clone()));
            refuse_tampered(&opening, root, count, index, leaf);
        }
    }
}

fn refuse_tampered(opening: &Opening, root: Digest, count: u64, index: u64, leaf: Digest) {
    let check = |opening: &Opening, root, count, index, leaf| {
        assert!(opening.verify(root, count, index, leaf).is_err(), "leaf {index} of {count}");
    };
    check(opening, root, count, index, flipped(leaf));
    check(opening, flipped(root), count, index, leaf);
    for other in (0..=count + 1).filter(|&other| other != index) {
        check(opening, root, count, other, leaf);
    }
    for other in (0..=40).filter(|&other| other != count) {
        check(opening, root, other, index, leaf);
    }
    for place in 0..opening.siblings.len() {
        let mut tampered = opening.clone();
        tampered.siblings[place] = flipped(tampered.siblings[place]);
        check(&tampered, root, count, index, leaf);
        let mut short = opening.clone();
        short.siblings.remove(place);
        check(&short, root, count, index, leaf);
    }
    let mut long = opening.clone();
    long.siblings.push(Digest::ZERO);
    check(&long, root, count, index, leaf);
}

/// How many siblings a batch needs: nodes that are present, not above an opened leaf, next to one that is.
fn needed(count: u64, indices: &[u64]) -> usize {
    (0..height(count))
        .map(|level| {
            let above = |node: u64| indices.iter().any(|index| index >> level == node);
            (0..width(count, level)).filter(|&node| !above(node) && above(node ^ 1)).count()
        })
        .sum()
}

#[test]
fn every_batch_verifies_and_every_tampered_one_is_refused() {
    for count in 1..=10u64 {
        let tree = Tree::new(leaves(count));
        for set in 1u32..1 << count {
            let indices: Vec<u64> = (0..count).filter(|index| set >> index & 1 == 1).collect();
            let opened: Vec<_> = indices.iter().map(|&index| (index, tree.node(0, index))).collect();
            let opening = tree.open_batch(&indices).expect("inside and rising");
            assert_eq!(opening.siblings.len(), needed(count, &indices), "{indices:?} of {count}");
            assert_eq!(opening.verify(tree.root(), count, &opened), Ok(()));
            assert_eq!(BatchOpening::from_bytes(&opening.to_bytes()), Ok(opening.clone()));
            refuse_tampered_batch(&opening, tree.root(), count, &opened);
        }
    }
}

fn refuse_tampered_batch(opening: &BatchOpening, root: Digest, count: u64, opened: &[(u64, Digest)]) {
    let check = |opening: &BatchOpening, opened: &[(u64, Digest)]| {
        assert!(opening.verify(root, count, opened).is_err(), "{opened:?} of {count}");
    };
    for place in 0..opened.len() {
        let mut tampered = opened.to_vec();
        tampered[place].1 = flipped(tampered[place].1);
        check(opening, &tampered);
        let mut moved = opened.to_vec();
        moved[place].0 += 1;
        check(opening, &moved);
        let mut doubled = opened.to_vec();
        doubled.insert(place, opened[place]);
        check(opening, &doubled);
        let mut fewer = opened.to_vec();
        fewer.remove(place);
        check(opening, &fewer);
    }
    for place in 0..opening.siblings.len() {
        let mut tampered = opening.clone();
        tampered.siblings[place] = flipped(tampered.siblings[place]);
        check(&tampered, opened);
        let mut short = opening.clone();
        short.siblings.remove(place);
        check(&short, opened);
    }
    let mut long = opening.clone();
    long.siblings.push(Digest::ZERO);
    check(&long, opened);
    assert!(opening.verify(root, count + 1, opened).is_err());
}

#[test]
fn batch_errors_name_what_is_wrong() {
    let tree = Tree::new(leaves(4));
    assert_eq!(tree.open_batch(&[]), Err(OpeningError::Empty));
    assert_eq!(tree.open_batch(&[2, 2]), Err(OpeningError::Order { previous: 2, next: 2 }));
    assert_eq!(tree.open_batch(&[1, 4]), Err(OpeningError::Index { index: 4, count: 4 }));
    let none = BatchOpening { siblings: vec![] };
    assert_eq!(none.top(4, &[(0, Digest::ZERO)]), Err(OpeningError::Siblings { found: 0, expected: 2 }));
}

#[test]
fn a_decoder_refuses_more_siblings_than_any_tree_has() {
    let opening = Opening { siblings: vec![Digest::ZERO; 65] };
    let error = Opening::from_bytes(&opening.to_bytes()).expect_err("65 levels are refused");
    assert_eq!(error, crate::DecodeError::OverLimit { what: "siblings", position: 0, count: 65, limit: 64 });
}

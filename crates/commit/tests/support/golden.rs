//! What stands in `vectors/commit`: computed by this crate, read by the contract's tests and by other programs.

use samebit_commit::{
    Canonical, Digest, Tag, Tree, hash, interior, state, steps,
    tensor::{self, DType, ElementOpening},
};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Where the golden files lie.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/commit")
}

/// Every golden file: its name and its text.
pub fn files() -> Vec<(&'static str, String)> {
    let text =
        |value: Value| serde_json::to_string_pretty(&value).expect("JSON of strings and numbers") + "\n";
    vec![
        ("trees.json", text(trees())),
        ("tensors.json", text(tensors())),
        ("states.json", text(states())),
        ("steps.json", text(steps_and_totals())),
        ("interior.json", text(interiors())),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn texts(digests: &[Digest]) -> Vec<String> {
    digests.iter().map(Digest::to_string).collect()
}

/// Leaf i of every tree here: the page digest of the one word i.
fn leaf(index: u64) -> Digest {
    tensor::page_digest(&[index as u32])
}

fn trees() -> Value {
    let trees: Vec<Value> = (0..=9).chain([17, 33]).map(tree).collect();
    json!({ "about": "leaf i is page(the word i); siblings stand from level 0 up, absent ones left out", "trees": trees })
}

fn tree(count: u64) -> Value {
    let tree = Tree::new((0..count).map(leaf).collect());
    let opening = |index| {
        let opening = tree.open(index).expect("inside");
        json!({ "index": index, "siblings": texts(&opening.siblings), "bytes": hex(&opening.to_bytes()) })
    };
    json!({
        "count": count,
        "leaves": texts(tree.leaves()),
        "top": tree.top().to_string(),
        "root": tree.root().to_string(),
        "openings": (0..count).map(opening).collect::<Vec<_>>(),
        "batches": batches(&tree),
    })
}

/// The ends, every third leaf, a pair in the middle, everything.
fn batches(tree: &Tree) -> Vec<Value> {
    let count = tree.count();
    if count == 0 {
        return vec![];
    }
    let mut sets = vec![
        vec![0, count - 1],
        (0..count).step_by(3).collect(),
        vec![count / 2, (count / 2 + 1).min(count - 1)],
        (0..count).collect(),
    ];
    sets.iter_mut().for_each(|set| set.dedup());
    let batch = |indices: Vec<u64>| {
        let opening = tree.open_batch(&indices).expect("inside and rising");
        json!({ "indices": indices, "siblings": texts(&opening.siblings), "bytes": hex(&opening.to_bytes()) })
    };
    sets.into_iter().map(batch).collect()
}

fn tensors() -> Value {
    let word = |index: u32| index.wrapping_mul(0x9e37_79b9);
    let tensor = |(count, dtype): (u32, DType)| {
        let words: Vec<u32> = (0..count).map(word).collect();
        let pages = Tree::new(tensor::page_digests(&words));
        let element = |element: u32| {
            let opening = ElementOpening::new(&words, &pages, element.into()).expect("inside");
            json!({ "element": element, "word": word(element), "siblings": texts(&opening.opening.siblings) })
        };
        json!({
            "dtype": dtype as u8,
            "count": count,
            "pages": texts(pages.leaves()),
            "root": tensor::root(dtype, count.into(), pages.top()).to_string(),
            "openings": Vec::from([count - 1, count / 2].map(element)),
        })
    };
    let cases = [1, 2, 255, 256, 257, 600, 1025].map(|count| (count, DType::F32));
    let tensors: Vec<Value> = cases.into_iter().chain([(600, DType::U32)]).map(tensor).collect();
    json!({ "about": "word i is i * 0x9e3779b9 mod 2^32", "tensors": tensors })
}

fn states() -> Value {
    let entry = |(index, name, shape): (u64, &str, &[u64])| state::Entry {
        name: name.to_owned(),
        dtype: if name == "step" { DType::U32 } else { DType::F32 },
        shape: shape.to_vec(),
        root: tensor::root(DType::F32, shape.iter().product(), leaf(index)),
    };
    let entries: Vec<state::Entry> = [
        (0, "wte", &[256, 64][..]),
        (1, "h.0.ln_1.bias", &[64]),
        (2, "step", &[]),
        (3, "µ", &[2, 3, 4, 5, 6, 7]),
    ]
    .map(entry)
    .into();
    let described = |entry: &state::Entry| {
        json!({
            "name": entry.name,
            "dtype": entry.dtype as u8,
            "shape": entry.shape,
            "root": entry.root.to_string(),
            "bytes": hex(&entry.to_bytes()),
            "leaf": entry.leaf().to_string(),
        })
    };
    json!({ "entries": entries.iter().map(described).collect::<Vec<_>>(), "root": state::root(&entries).to_string() })
}

fn steps_and_totals() -> Value {
    let (state, trace) = (leaf(1), leaf(2));
    let totals = [0u32, 0x3f80_0000, 0x7fc0_0000];
    let tags: Vec<Value> = Tag::ALL
        .iter()
        .map(|&tag| json!({ "tag": tag as u8, "of_abc": hash(tag, &[b"abc"]).to_string() }))
        .collect();
    json!({
        "tags": tags,
        "state": state.to_string(),
        "trace": trace.to_string(),
        "step": steps::step(state, trace).to_string(),
        "segment": steps::segment(state, trace).to_string(),
        "totals": totals,
        "total_leaves": texts(&totals.map(steps::total)),
        "totals_root": steps::totals_root(&totals).to_string(),
    })
}

fn interiors() -> Value {
    let (spec, page_counts) = (leaf(3), [1, 7, 300]);
    let step = |step: u64| {
        let pages = interior::pages(spec, step, &page_counts);
        let digests = pages.map(|place| leaf(step + place.page));
        let shown = interior::Interior { loss: 0x3f80_0000 + step as u32, grad_norm: 7, pages: digests };
        let places: Vec<_> = pages.iter().map(|place| json!([place.entry, place.page])).collect();
        (
            shown.leaf(),
            json!({
                "step": step,
                "loss": shown.loss,
                "grad_norm": shown.grad_norm,
                "places": places,
                "pages": texts(&digests),
                "leaf": shown.leaf().to_string(),
            }),
        )
    };
    let (leaves, steps): (Vec<Digest>, Vec<Value>) = (5..10).map(step).unzip();
    json!({
        "about": "places are [entry, page] of a state whose entries have page_counts pages; page digest is page(the word step + page)",
        "spec": spec.to_string(),
        "page_counts": page_counts,
        "steps": steps,
        "root": interior::root(&leaves).to_string(),
    })
}

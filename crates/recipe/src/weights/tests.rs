use std::collections::BTreeMap;

use proptest::prelude::*;
use safetensors::SafeTensors;

use super::*;

/// Opens a file with these bytes; the error's text begins with `weights`.
fn open(bytes: &[u8]) -> Result<WeightFile, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("weights");
    std::fs::write(&path, bytes).unwrap();
    WeightFile::open(&path).map_err(|error| {
        assert!(error.is_bad_input());
        let text = error.to_string();
        text[text.find("weights").unwrap()..].to_owned()
    })
}

fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

fn error(header: &str, data_length: usize) -> String {
    open(&file(header, &vec![0; data_length])).expect_err(header)
}

fn sample() -> Vec<(String, Vec<usize>, Vec<f32>)> {
    vec![
        ("b".into(), vec![2, 3], vec![1.0, -0.0, f32::MIN_POSITIVE / 2.0, 3.5, f32::MAX, 6.0]),
        ("a".into(), vec![4], vec![0.1, 0.2, 0.3, 0.4]),
    ]
}

fn save(path: &Path, tensors: &[(String, Vec<usize>, Vec<f32>)]) -> Result<()> {
    let borrowed: Vec<_> =
        tensors.iter().map(|(name, shape, data)| (name.clone(), shape.clone(), &data[..])).collect();
    save_weights(path, &borrowed)
}

#[test]
fn saved_weights_load_with_the_same_bits() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    save(&path, &sample()).unwrap();
    let mut weights = WeightFile::open(&path).unwrap();
    assert_eq!(weights.names(), ["a", "b"]);
    for (name, shape, data) in sample() {
        let tensor = weights.get(&name, &shape).unwrap();
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&tensor.data), bits(&data));
    }
    let bytes = std::fs::read(&path).unwrap();
    let (header, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(header % 8, 0);
    assert_eq!(metadata.metadata().as_ref().unwrap()["format"], "pt");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn a_failed_save_leaves_what_was_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    std::fs::create_dir(&path).unwrap();
    let error = save(&path, &sample()).unwrap_err();
    assert!(!error.is_bad_input());
    assert!(path.is_dir());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file is left");
    assert!(save(Path::new("/nonexistent-directory/model.safetensors"), &sample()).is_err());
}

#[test]
fn half_precisions_are_widened_exactly() {
    let header = r#"{"h": {"dtype": "F16", "shape": [3], "data_offsets": [0, 6]}, "b": {"dtype": "BF16", "shape": [2], "data_offsets": [6, 10]}}"#;
    let mut bytes = Vec::new();
    for half in [0x3c00u16, 0x0001, 0xfbff, 0x3f80, 0x0001] {
        bytes.extend(half.to_le_bytes());
    }
    let mut weights = open(&file(header, &bytes)).unwrap();
    assert_eq!(weights.get("h", &[3]).unwrap().data, [1.0, 5.960_464_5e-8, -65504.0]);
    assert_eq!(weights.get("b", &[2]).unwrap().data, [1.0, f32::from_bits(0x0001_0000)]);
}

#[test]
fn tensors_that_do_not_fit() {
    let header = r#"{"wte.weight": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "mask": {"dtype": "U8", "shape": [4], "data_offsets": [8, 12]}}"#;
    let data = [0.5f32.to_le_bytes(), f32::INFINITY.to_le_bytes(), [0; 4]].concat();
    let mut weights = open(&file(header, &data)).unwrap();
    let mut error = |name: &str, shape: &[usize]| {
        let text = weights.get(name, shape).unwrap_err().to_string();
        text[text.find("weights").unwrap()..].to_owned()
    };
    insta::assert_snapshot!(error("wte.weight", &[2, 1]), @"
    weights: tensor `wte.weight`: its shape is [2], the model's is [2, 1]
    hint: config.json and model.safetensors must be of one model
    ");
    insta::assert_snapshot!(error("wte.weight", &[2]), @"
    weights: tensor `wte.weight`: element 1 is inf
    hint: training cannot start from weights that are not finite
    ");
    insta::assert_snapshot!(error("mask", &[4]), @"
    weights: tensor `mask`: its type is U8
    hint: save the weights as F32, F16 or BF16
    ");
    insta::assert_snapshot!(error("wte.weights", &[2]), @"
    weights: tensor `wte.weights`: not in the file
    hint: did you mean `wte.weight`?
    ");
    insta::assert_snapshot!(error("lm_head", &[2]), @"
    weights: tensor `lm_head`: not in the file
    hint: known here: mask, wte.weight
    ");
}

#[test]
fn hostile_headers() {
    insta::assert_snapshot!(open(b"").unwrap_err(), @"
    weights: 0 bytes are too few for a header
    hint: the file is damaged or not a safetensors file; fetch or save it again
    ");
    insta::assert_snapshot!(open(&u64::MAX.to_le_bytes()).unwrap_err(), @"
    weights: the header claims 18446744073709551615 bytes, more than the limit of 16777216
    hint: the file is damaged or not a safetensors file; fetch or save it again
    ");
    insta::assert_snapshot!(open(&100u64.to_le_bytes()).unwrap_err(), @"
    weights: the header claims 100 bytes, but only 0 follow
    hint: the file is damaged or not a safetensors file; fetch or save it again
    ");
    insta::assert_snapshot!(error("[]", 0), @"
    weights: its header is a list of 0, not a map
    hint: the file is damaged or not a safetensors file; fetch or save it again
    ");
    insta::assert_snapshot!(error("{\"a\": ", 0), @"weights: not valid JSON: EOF while parsing a value at line 1 column 6");
    insta::assert_snapshot!(error("{\"a\": 1}", 0), @"
    weights: tensor `a`: it has no valid data_offsets
    hint: the header is damaged or hostile; fetch or save the file again
    ");
    insta::assert_snapshot!(error(r#"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}"#, 4), @"
    weights: tensor `a`: data_offsets [0, 8] leave the file's 4 bytes of data
    hint: the header is damaged or hostile; fetch or save the file again
    ");
    insta::assert_snapshot!(error(r#"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}"#, 9), @"
    weights: its tensors take 8 bytes, but 9 bytes of data follow
    hint: the file was cut or has something appended; fetch or save it again
    ");
    insta::assert_snapshot!(error(r#"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}}"#, 8), @"
    weights: tensor `a`: data_offsets [8, 0] leave the file's 8 bytes of data
    hint: the header is damaged or hostile; fetch or save the file again
    ");
    insta::assert_snapshot!(error(r#"{"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}"#, 8), @"
    weights: tensor `a`: shape [3] does not take 8 bytes
    hint: the header is damaged or hostile; fetch or save the file again
    ");
    insta::assert_snapshot!(error(r#"{"a": {"dtype": "F32", "shape": [4294967296, 4294967296, 4], "data_offsets": [0, 0]}}"#, 0), @"
    weights: tensor `a`: shape [4294967296, 4294967296, 4] does not take 0 bytes
    hint: the header is damaged or hostile; fetch or save the file again
    ");
    insta::assert_snapshot!(error(r#"{"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}"#, 8), @"
    weights: tensor `a`: it has no valid shape
    hint: the header is damaged or hostile; fetch or save the file again
    ");
    insta::assert_snapshot!(error(r#"{"a": {"dtype": "F99", "shape": [2], "data_offsets": [0, 8]}}"#, 8), @"
    weights: tensor `a`: it has no known dtype
    hint: the header is damaged or hostile; fetch or save the file again
    ");
    insta::assert_snapshot!(error(r#"{"a": {"dtype": "I64", "shape": [2], "data_offsets": [0, 8]}}"#, 8), @"
    weights: tensor `a`: shape [2] does not take 8 bytes
    hint: the header is damaged or hostile; fetch or save the file again
    ");
    insta::assert_snapshot!(error(r#"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}"#, 12), @"
    weights: tensor `a`: 4 bytes before it belong to no tensor
    hint: the header is damaged or hostile; fetch or save the file again
    ");
    insta::assert_snapshot!(
        error(
            r#"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}"#,
            12
        ),
        @"
        weights: tensor `b`: overlaps `a`
        hint: the header is damaged or hostile; fetch or save the file again
        "
    );
    insta::assert_snapshot!(
        error(
            r#"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}"#,
            8
        ),
        @"
        weights: tensor `a`: it is in the header twice
        hint: the header is damaged or hostile; fetch or save the file again
        "
    );
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(error(&deep, 0).contains("recursion limit"));
}

#[test]
fn transposes_are_exact_and_undo_each_other() {
    for (rows, columns) in [(1, 1), (1, 5), (3, 2), (32, 32), (33, 70), (100, 31)] {
        let data: Vec<f32> = (0..rows * columns).map(|index| index as f32).collect();
        let matrix = Tensor { shape: vec![rows, columns], data };
        let transposed = matrix.transposed();
        assert_eq!(transposed.shape, [columns, rows]);
        assert_eq!(transposed.data[(columns - 1) * rows], matrix.data[columns - 1]);
        assert_eq!(transposed.transposed(), matrix);
    }
}

/// A header of a few tensors, and then small lies: offsets moved, names doubled, sizes changed, bytes flipped.
fn damaged_file() -> impl Strategy<Value = Vec<u8>> {
    let entry = (0..4usize, 0..5usize, 0..5usize, -1..2i64, -1..2i64);
    (proptest::collection::vec(entry, 0..4), 0..3usize, proptest::option::of((any::<prop::sample::Index>(), any::<u8>())))
        .prop_map(|(entries, extra, flip)| {
            let mut start = 0i64;
            let mut texts = Vec::new();
            for (name, rows, columns, move_start, move_end) in entries {
                // Most entries stay honest: a lie needs both dice to agree.
                let (move_start, move_end) = if move_start == move_end { (move_start, 0) } else { (0, 0) };
                let end = start + 4 * (rows * columns) as i64;
                let (low, high) = ((start + move_start).max(0), end + move_end);
                texts.push(format!(
                    r#""t{name}": {{"dtype": "F32", "shape": [{rows}, {columns}], "data_offsets": [{low}, {high}]}}"#
                ));
                start = end;
            }
            let mut bytes = file(&format!("{{{}}}", texts.join(", ")), &vec![0; start as usize + extra / 2]);
            if let Some((index, byte)) = flip {
                let index = index.index(bytes.len());
                bytes[index] = byte;
            }
            bytes
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    /// What we accept, the format's own library accepts and reads alike; and we never panic.
    #[test]
    fn accepts_only_what_the_format_allows(bytes in damaged_file()) {
        if let Ok(weights) = open(&bytes) {
            let reference = SafeTensors::deserialize(&bytes).expect("accepted here only");
            let ours: BTreeMap<String, Vec<usize>> =
                weights.names().into_iter().map(|name| (name.clone(), weights.shape(&name).unwrap().to_vec())).collect();
            let theirs: BTreeMap<String, Vec<usize>> =
                reference.iter().map(|(name, view)| (name.to_owned(), view.shape().to_vec())).collect();
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn honest_files_load(shapes in proptest::collection::vec(proptest::collection::vec(0..6usize, 0..4), 0..6)) {
        let tensors: Vec<_> = shapes
            .into_iter()
            .enumerate()
            .map(|(index, shape)| {
                let count = shape.iter().product();
                (format!("t{index}"), shape, (0..count).map(|value| value as f32).collect::<Vec<f32>>())
            })
            .collect();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("weights");
        save(&path, &tensors).unwrap();
        let mut weights = WeightFile::open(&path).unwrap();
        for (name, shape, data) in tensors {
            prop_assert_eq!(weights.get(&name, &shape).unwrap().data, data);
        }
    }
}

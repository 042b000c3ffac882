use std::path::Path;

use safetensors::SafeTensors;

use super::*;
use crate::job::{Job, Training};
use crate::weights::save_weights;

fn job(model: &str, more: &str) -> Job {
    let text = format!(
        "model_config: {{{model}}}\ntokenizer: bytes\ndatasets: [{{path: data.txt}}]\nsequence_len: 7\n\
         micro_batch_size: 3\nmax_steps: 4\nlearning_rate: 1.0e-3\nweight_decay: 0.1\n{more}"
    );
    Job::parse(&text, Path::new("job.yaml")).unwrap()
}

fn config(model: &str) -> ModelConfig {
    job(model, "").model.config
}

const GPT: &str = "model_type: gpt2, n_layer: 2, n_embd: 24, n_head: 2, n_positions: 9, vocab_size: 77";
const LLAMA: &str = "model_type: llama, num_hidden_layers: 2, hidden_size: 24, num_attention_heads: 4, num_key_value_heads: 2, \
                     head_dim: 10, intermediate_size: 30, vocab_size: 77, max_position_embeddings: 9";

fn models() -> Vec<String> {
    let with = |base: &str, more: &str| format!("{base}, {more}");
    vec![
        GPT.into(),
        with(GPT, "tie_word_embeddings: false, n_inner: 31, activation_function: relu"),
        with(GPT, "activation_function: gelu, resid_pdrop: 0.1, embd_pdrop: 0.2"),
        GPT.replace("n_embd: 24", "n_embd: 300").replace("vocab_size: 77", "vocab_size: 1031"),
        LLAMA.into(),
        with(LLAMA, "tie_word_embeddings: true"),
        LLAMA
            .replace("num_key_value_heads: 2", "num_key_value_heads: 4")
            .replace("head_dim: 10", "head_dim: 68"),
        LLAMA
            .replace("num_key_value_heads: 2", "num_key_value_heads: 1")
            .replace("intermediate_size: 30", "intermediate_size: 523"),
    ]
}

#[test]
fn programs_are_legal() {
    let trainings = [
        "max_grad_norm: 1.0\nnumerics: {default: exact8, lm_head: exact14, attention: exact21}",
        "optimizer: adamw\ngradient_accumulation_steps: 2",
        "optimizer: sgd\nmomentum: 0.9",
    ];
    for model in models() {
        for more in trainings {
            let job = job(&model, more);
            let program = training_program(&job.model.config, &job.training, 1000);
            program.check().unwrap_or_else(|error| panic!("{model}\n{more}: {error}"));
        }
        for time in [1, 7, 9] {
            let job = job(&model, "numerics: exact14");
            Forward::new(&job.model.config, &job.training.numerics, time)
                .program
                .check()
                .unwrap_or_else(|error| panic!("{model}: {error}"));
        }
    }
}

#[test]
fn parameter_counts_are_the_known_ones() {
    for model in models() {
        let config = config(&model);
        assert_eq!(count(&config), config.parameter_count(), "{model}");
    }
    let known = [
        (
            "model_type: gpt2, n_layer: 12, n_embd: 768, n_head: 12, n_positions: 1024, vocab_size: 50257",
            124_439_808,
        ),
        (
            "model_type: gpt2, n_layer: 48, n_embd: 1600, n_head: 25, n_positions: 1024, vocab_size: 50257",
            1_557_611_200,
        ),
        (
            "model_type: llama, num_hidden_layers: 32, hidden_size: 4096, num_attention_heads: 32, num_key_value_heads: 8, \
             intermediate_size: 14336, vocab_size: 128256",
            8_030_261_248,
        ),
        (
            "model_type: llama, num_hidden_layers: 22, hidden_size: 2048, num_attention_heads: 32, num_key_value_heads: 4, \
             intermediate_size: 5632, vocab_size: 32000",
            1_100_048_384,
        ),
    ];
    for (model, expected) in known {
        assert_eq!(count(&config(model)), expected, "{model}");
    }
}

fn count(config: &ModelConfig) -> u128 {
    parameters(config).iter().map(|parameter| parameter.element_count() as u128).sum()
}

#[test]
fn parameters_are_the_first_states_and_moments_follow() {
    for (model, more, kinds) in [
        (GPT, "", &["adam_m", "adam_v"][..]),
        (LLAMA, "", &["adam_m", "adam_v"]),
        (GPT, "optimizer: sgd", &["sgd_m"]),
    ] {
        let job = job(model, more);
        let parameters = parameters(&job.model.config);
        let program = training_program(&job.model.config, &job.training, 100);
        let names: Vec<&str> = program.states.iter().map(|state| state.name.as_str()).collect();
        let expected = parameters.iter().map(|parameter| parameter.name.clone());
        let moments = parameters
            .iter()
            .flat_map(|parameter| kinds.iter().map(move |kind| format!("{kind}.{}", parameter.name)));
        assert_eq!(names, expected.chain(moments).collect::<Vec<_>>());
        let forward = Forward::new(&job.model.config, &job.training.numerics, 5).program;
        assert_eq!(forward.states[..parameters.len()], program.states[..parameters.len()]);
        assert_eq!(
            forward.states[parameters.len()..].iter().map(|state| &state.name[..]).collect::<Vec<_>>(),
            [LOGITS]
        );
    }
}

#[test]
fn matrices_decay_and_vectors_do_not() {
    for model in models() {
        for parameter in parameters(&config(&model)) {
            assert_eq!(parameter.decays, parameter.shape.len() == 2, "{}", parameter.name);
        }
    }
}

#[test]
fn micro_batches_are_no_part_of_a_program() {
    let digest = |training: &Training| training_program(&config(GPT), training, 500).digest();
    let mut training = job(GPT, "").training;
    (training.micro_batch_size, training.gradient_accumulation_steps) = (6, 1);
    let whole = digest(&training);
    for (size, steps) in [(3, 2), (2, 3), (1, 6)] {
        (training.micro_batch_size, training.gradient_accumulation_steps) = (size, steps);
        assert_eq!(digest(&training), whole);
    }
    training.gradient_accumulation_steps = 5;
    assert_ne!(digest(&training), whole);
}

#[test]
fn dropout_is_in_training_only() {
    let model = format!("{GPT}, resid_pdrop: 0.1, embd_pdrop: 0.2");
    let job = job(&model, "");
    let masks = |program: &samebit_graph::Program| {
        program.nodes.iter().filter(|node| node.op == "dropout_mask").count()
    };
    let program = training_program(&job.model.config, &job.training, 100);
    assert_eq!(
        masks(&program),
        1 + 2 * 2,
        "the embeddings and two branches a layer, each with its own stream"
    );
    assert_eq!(masks(&Forward::new(&job.model.config, &job.training.numerics, 7).program), 0);
}

/// Distinct weights: element i of parameter p is p + i/2^16.
fn numbered(config: &ModelConfig) -> Vec<Vec<u32>> {
    let fill = |(place, parameter): (usize, &Parameter)| {
        let value = |element: usize| place as f32 + element as f32 / 65536.0;
        (0..parameter.element_count()).map(|element| value(element).to_bits()).collect()
    };
    parameters(config).iter().enumerate().map(fill).collect()
}

#[test]
fn saved_weights_load_again() {
    for model in models() {
        let config = config(&model);
        let weights = numbered(&config);
        let directory = tempfile::tempdir().unwrap();
        save_model(&config, directory.path(), &weights).unwrap();
        assert_eq!(
            load_model(&config, &directory.path().join("model.safetensors")).unwrap(),
            weights,
            "{model}"
        );
        assert_eq!(ModelConfig::load(&directory.path().join("config.json")).unwrap(), config);
    }
}

/// Column C + j of row i of c_attn is wk\[j, i\].
#[test]
fn fused_projections_are_columns_of_the_file() {
    let config = config(GPT);
    let weights = numbered(&config);
    let directory = tempfile::tempdir().unwrap();
    save_model(&config, directory.path(), &weights).unwrap();
    let bytes = std::fs::read(directory.path().join("model.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = file.tensor("transformer.h.1.attn.c_attn.weight").unwrap();
    assert_eq!(tensor.shape(), [24, 72]);
    let stored: Vec<u32> = tensor.data().as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let list = parameters(&config);
    for (part, name) in ["wq", "wk", "wv"].iter().enumerate() {
        let place =
            list.iter().position(|parameter| parameter.name == format!("h.1.attn.{name}.weight")).unwrap();
        for (row, column) in [(0, 0), (3, 17), (23, 5)] {
            assert_eq!(stored[row * 72 + part * 24 + column], weights[place][column * 24 + row], "{name}");
        }
    }
    assert_eq!(file.tensor("transformer.h.0.mlp.c_fc.weight").unwrap().shape(), [24, 96]);
    assert!(file.tensor("lm_head.weight").is_err(), "a tied head is stored once");
}

/// Writes the weights of a model with other names, less or more.
fn rewritten(
    config: &ModelConfig,
    change: impl Fn(&str) -> Option<String>,
    more: &[(&str, Vec<usize>)],
) -> Result<Vec<Vec<u32>>, String> {
    let directory = tempfile::tempdir().unwrap();
    save_model(config, directory.path(), &numbered(config)).unwrap();
    let file = directory.path().join("model.safetensors");
    let bytes = std::fs::read(&file).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let floats = |data: &[u8]| -> Vec<f32> {
        data.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect()
    };
    let kept = tensors.tensors().into_iter();
    let kept = kept
        .filter_map(|(name, tensor)| Some((change(&name)?, tensor.shape().to_vec(), floats(tensor.data()))));
    let more = more
        .iter()
        .map(|(name, shape)| ((*name).to_owned(), shape.clone(), vec![0.0; shape.iter().product()]));
    let all: Vec<_> = kept.chain(more).collect();
    let all: Vec<_> =
        all.iter().map(|(name, shape, data)| (name.clone(), shape.clone(), &data[..])).collect();
    save_weights(&file, &all).unwrap();
    load_model(config, &file).map_err(|error| error.to_string().replace(&*file.to_string_lossy(), "FILE"))
}

#[test]
fn names_without_prefix_and_old_constants_are_understood() {
    let keep = |name: &str| Some(name.to_owned());
    let strip = |prefix: &'static str| move |name: &str| Some(name.trim_start_matches(prefix).to_owned());
    let masks = [
        ("h.0.attn.bias", vec![1, 1, 9, 9]),
        ("h.0.attn.masked_bias", vec![1]),
        ("lm_head.weight", vec![77, 24]),
    ];
    assert_eq!(rewritten(&config(GPT), strip("transformer."), &masks).unwrap(), numbered(&config(GPT)));
    let angles = [("model.layers.0.self_attn.rotary_emb.inv_freq", vec![5])];
    assert_eq!(rewritten(&config(LLAMA), keep, &angles).unwrap(), numbered(&config(LLAMA)));
}

#[test]
fn foreign_files_are_refused() {
    let keep = |name: &str| Some(name.to_owned());
    let unless = |gone: &'static str| move |name: &str| (name != gone).then(|| name.to_owned());
    let error = rewritten(&config(LLAMA), unless("model.norm.weight"), &[]).unwrap_err();
    assert!(error.contains("model.norm.weight") && error.contains("not in the file"), "{error}");
    let error =
        rewritten(&config(LLAMA), keep, &[("model.layers.2.mlp.up_proj.weight", vec![1])]).unwrap_err();
    assert!(
        error.contains("model.layers.2.mlp.up_proj.weight") && error.contains("no such parameter"),
        "{error}"
    );
    let name = "transformer.h.0.attn.c_attn.weight";
    let error = rewritten(&config(GPT), unless(name), &[(name, vec![72, 24])]).unwrap_err();
    assert!(error.contains(name) && error.contains("[72, 24]") && error.contains("[24, 72]"), "{error}");
    let untied = format!("{GPT}, tie_word_embeddings: false");
    let error = rewritten(&config(&untied), unless("lm_head.weight"), &[]).unwrap_err();
    assert!(error.contains("lm_head.weight"), "{error}");
}

#[test]
fn first_weights_are_drawn_in_the_tables_order() {
    let config = config(GPT);
    let list = parameters(&config);
    let weights = initial_weights(&config, 7);
    assert_eq!(weights, initial_weights(&config, 7));
    assert_ne!(weights, initial_weights(&config, 8));
    for (parameter, words) in list.iter().zip(&weights) {
        assert_eq!(words.len(), parameter.element_count());
        match parameter.init {
            Init::Zeros => assert!(words.iter().all(|word| *word == 0), "{}", parameter.name),
            Init::Ones => assert!(words.iter().all(|word| *word == 1f32.to_bits()), "{}", parameter.name),
            Init::Normal { deviation } => {
                let expected = if parameter.name.contains("c_proj") { 0.01 } else { 0.02 };
                assert_eq!(deviation, expected, "{}", parameter.name);
            }
        }
    }
}

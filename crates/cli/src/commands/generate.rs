//! `samebit generate`: continues a text with a trained model.

use crate::arguments::{Generate, Global};
use crate::failure::{Exit, Failure, Outcome};
use crate::files;
use crate::interrupt::Interrupt;
use crate::machine::Machine;
use crate::screen::Screen;
use crate::writer::Writer;
use samebit_commit::tensor;
use samebit_num::fold::Numerics;
use samebit_num::philox::Stream;
use samebit_num::{Native, functions};
use samebit_recipe::random::GENERATION_STREAM;
use samebit_recipe::{ModelConfig, Outline, Sites, Tokenizer, load_model};
use samebit_trace::{Folder, Receipt, state_root_of};
use serde_json::json;
use std::path::Path;
use std::time::Instant;

/// Continues the prompt.
pub fn generate(arguments: &Generate, global: &Global, screen: &Screen) -> Outcome {
    let machine = Machine::choose(global)?;
    if !arguments.dir.join(files::CONFIG).is_file() {
        return Err(Failure::input(format!(
            "{} has no config.json\nhint: give the directory that `samebit run JOB --out DIR` wrote",
            arguments.dir.display()
        )));
    }
    let run = claimed(&arguments.dir)?;
    let (config, tokenizer) = files::model(&arguments.dir)?;
    if matches!(tokenizer, Tokenizer::Bytes) && config.vocabulary() < 256 {
        return Err(Failure::input(format!(
            "{} has no tokenizer.json, and bytes do not fit a vocabulary of {}\nhint: put the model's tokenizer.json there",
            arguments.dir.display(),
            config.vocabulary()
        )));
    }
    let weights = match &run {
        None => load_model(&config, &arguments.dir.join(files::WEIGHTS))?,
        Some(run) => stored_weights(run, &config)?,
    };
    let mut tokens = tokenizer.encode(&arguments.prompt)?;
    if tokens.is_empty() {
        tokens.extend(tokenizer.end_of_text());
    }
    if tokens.is_empty() {
        return Err(Failure::input("--prompt is empty\nhint: give at least one character"));
    }
    if let Some(beyond) = tokens.iter().find(|token| **token as usize >= config.vocabulary()) {
        let vocabulary = config.vocabulary();
        return Err(Failure::input(format!(
            "--prompt: token {beyond} is beyond the model's vocabulary of {vocabulary}\nhint: use the tokenizer that the model was made for"
        )));
    }
    let numerics = numerics(run.as_ref(), &config)?;
    let mut writer = Writer::new(config, numerics, machine, weights);
    let interrupt = Interrupt::listen();
    let mut text = Text::new(&tokenizer, &tokens);
    let (started, first) = (Instant::now(), tokens.len());
    screen.stream(&arguments.prompt);
    for at in 0..arguments.tokens {
        let logits = writer.logits(&tokens)?;
        let token = choose(&logits, arguments.temperature, arguments.seed, at);
        tokens.push(token);
        screen.stream(&text.push(token));
        if interrupt.is_asked() || Some(token) == tokenizer.end_of_text().filter(|_| !is_bytes(&tokenizer)) {
            break;
        }
    }
    screen.stream(&text.finish());
    screen.stream("\n");
    screen.object(&json!({
        "prompt": arguments.prompt, "text": text.all, "tokens": tokens[first..],
        "seconds": started.elapsed().as_secs_f64(),
    }));
    Ok(Exit::Ok)
}

fn is_bytes(tokenizer: &Tokenizer) -> bool {
    matches!(tokenizer, Tokenizer::Bytes)
}

/// A run's folder with its receipt.
struct Claimed {
    folder: Folder,
    receipt: Receipt,
}

/// The run in the directory, if it is one's; the files that describe its model are those that the receipt names.
fn claimed(directory: &Path) -> Result<Option<Claimed>, Failure> {
    let folder = Folder::at(directory);
    if !files::is_there(&folder.file(files::RECEIPT)) {
        return Ok(None);
    }
    let receipt = folder.receipt()?;
    for name in [files::JOB, files::CONFIG, files::TOKENIZER] {
        let path = folder.file(name);
        let reason = match receipt.files.get(name) {
            None if !files::is_there(&path) => continue,
            None => "is there, but the receipt does not name it",
            Some(digest) if files::digest(&path)? != *digest => "is not the file that the receipt names",
            Some(_) => continue,
        };
        let message =
            format!("{} {reason}\nhint: restore the file; `samebit verify` checks them all", path.display());
        return Err(Failure::new(Exit::Mismatch, message));
    }
    Ok(Some(Claimed { folder, receipt }))
}

/// The model's weights in the last state that a run stored, which has to be the one in its receipt.
fn stored_weights(run: &Claimed, config: &ModelConfig) -> Result<Vec<Vec<u32>>, Failure> {
    let Claimed { folder, receipt } = run;
    let program = folder.program(receipt)?;
    if !files::fits(config, &program) {
        return Err(Failure::new(
            Exit::Mismatch,
            format!(
                "{}: config.json and program.bin are of different models\nhint: `samebit verify` tells what was changed",
                folder.path().display()
            ),
        ));
    }
    let count = samebit_recipe::model::parameters(config).len();
    let (mut weights, mut roots) = (Vec::new(), Vec::new());
    let step = receipt.steps_run();
    folder.read_state(step, &program, |state, words| {
        roots.push(tensor::root_of(program.states[state].dtype, &words));
        if state < count {
            weights.push(words);
        }
        Ok(())
    })?;
    let (found, claimed) = (state_root_of(&program, &roots), receipt.final_state);
    if found == claimed {
        return Ok(weights);
    }
    let message = format!(
        "the state before step {step} has root {found}, but the receipt says {claimed}\nhint: the stored state was changed; `samebit verify` checks the whole run"
    );
    Err(Failure::new(Exit::Mismatch, message))
}

/// The arithmetic that the run's job trained in; f32 for weights without a job.
fn numerics(run: Option<&Claimed>, config: &ModelConfig) -> Result<Sites, Failure> {
    match run {
        Some(run) if run.receipt.files.contains_key(files::JOB) => {
            let text = files::description(&run.folder)?.job_file;
            Ok(Outline::parse(&text, Path::new(files::JOB), config)?.training.numerics)
        }
        _ => Ok(Sites::uniform(config, Numerics::F32)),
    }
}

/// The next token: the first of the likeliest, or a draw. The same on every machine.
fn choose(logits: &[f32], temperature: f32, seed: u64, at: u32) -> u32 {
    let rank = |logit: f32| if logit.is_nan() { f32::NEG_INFINITY } else { logit };
    let mut best = 0;
    for (token, logit) in logits.iter().enumerate() {
        if rank(*logit) > rank(logits[best]) {
            best = token;
        }
    }
    if temperature == 0.0 {
        return best as u32;
    }
    let greatest = rank(logits[best]);
    let weight =
        |logit: &f32| f64::from(functions::exp(&mut Native, (rank(*logit) - greatest) / temperature));
    let weights: Vec<f64> =
        logits.iter().map(weight).map(|weight| if weight.is_nan() { 0.0 } else { weight }).collect();
    let total = weights.iter().fold(0.0, |sum, weight| sum + weight);
    let mut left = f64::from(Stream { seed, stream: GENERATION_STREAM, step: at }.uniform(0)) * total;
    for (token, weight) in weights.iter().enumerate() {
        if left < *weight {
            return token as u32;
        }
        left -= weight;
    }
    best as u32
}

/// Text as it grows, never cut inside a character.
struct Text<'a> {
    tokenizer: &'a Tokenizer,
    /// What was shown.
    all: String,
    /// Bytes that are no character yet.
    bytes: Vec<u8>,
    tokens: Vec<u32>,
    /// Tokens before this are behind the last text shown.
    shown: usize,
    /// Where the text that the next piece joins starts.
    context: usize,
}

impl<'a> Text<'a> {
    fn new(tokenizer: &'a Tokenizer, prompt: &[u32]) -> Text<'a> {
        let context = prompt.len().saturating_sub(4);
        let (all, bytes) = (String::new(), Vec::new());
        Text { tokenizer, all, bytes, tokens: prompt.to_vec(), shown: prompt.len(), context }
    }

    /// The text that the token completes.
    fn push(&mut self, token: u32) -> String {
        self.tokens.push(token);
        let piece = match self.tokenizer {
            Tokenizer::Bytes => {
                self.bytes.push(u8::try_from(token).unwrap_or(0xff));
                take_characters(&mut self.bytes)
            }
            Tokenizer::HuggingFace(_) => self.decoded(false),
        };
        self.all += &piece;
        piece
    }

    /// What is left at the end.
    fn finish(&mut self) -> String {
        let piece = match self.tokenizer {
            Tokenizer::Bytes => String::from_utf8_lossy(&std::mem::take(&mut self.bytes)).into_owned(),
            Tokenizer::HuggingFace(_) => self.decoded(true),
        };
        self.all += &piece;
        piece
    }

    /// The text of the tokens since the last piece. A tokenizer's pieces depend on what stands before them, so the text is that
    /// which a decoding with them has more than one without.
    fn decoded(&mut self, last: bool) -> String {
        let before = self.tokenizer.decode(&self.tokens[self.context..self.shown]);
        let now = self.tokenizer.decode(&self.tokens[self.context..]);
        let piece = now.strip_prefix(before.as_str()).unwrap_or_default();
        if piece.is_empty() || (piece.ends_with('\u{fffd}') && !last) {
            return String::new();
        }
        self.context = self.shown;
        self.shown = self.tokens.len();
        piece.to_owned()
    }
}

/// Takes whole characters off the front; bytes that can be none become U+FFFD.
fn take_characters(bytes: &mut Vec<u8>) -> String {
    let mut text = String::new();
    loop {
        match std::str::from_utf8(bytes) {
            Ok(valid) => {
                text += valid;
                bytes.clear();
                return text;
            }
            Err(error) => {
                let (valid, length) = (error.valid_up_to(), error.error_len());
                text += std::str::from_utf8(&bytes[..valid]).expect("it was just checked");
                match length {
                    None => {
                        bytes.drain(..valid);
                        return text;
                    }
                    Some(length) => {
                        text.push('\u{fffd}');
                        bytes.drain(..valid + length);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_never_cut() {
        let text = "aé€😀".as_bytes();
        let tokenizer = Tokenizer::Bytes;
        let mut grown = Text::new(&tokenizer, &[]);
        let pieces: Vec<String> = text.iter().map(|byte| grown.push(u32::from(*byte))).collect();
        assert_eq!(pieces.concat(), "aé€😀");
        assert_eq!(pieces.iter().filter(|piece| !piece.is_empty()).count(), 4);
        let mut broken = Text::new(&tokenizer, &[]);
        let shown: String = [0xe2, 0x41, 0xff, 0xe2, 0x82].iter().map(|byte| broken.push(*byte)).collect();
        assert_eq!(shown, "\u{fffd}A\u{fffd}");
        assert_eq!(broken.finish(), "\u{fffd}");
    }

    #[test]
    fn the_likeliest_token_or_a_fair_draw() {
        assert_eq!(choose(&[0.0, 2.0, f32::NAN, 2.0], 0.0, 1, 0), 1);
        // ln 4: the second is drawn four times as often.
        let logits = [0.0, 1.386_294_4, f32::NEG_INFINITY];
        let draws: Vec<u32> = (0..4000).map(|at| choose(&logits, 1.0, 5, at)).collect();
        let second = draws.iter().filter(|token| **token == 1).count();
        assert!((3100..3300).contains(&second), "{second} of about 3200");
        assert!(draws.iter().all(|token| *token < 2));
    }
}

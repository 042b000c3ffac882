//! The table of docs/gpu.md: a kernel's time beside its floor and beside PyTorch's.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

/// PyTorch's seconds by case.
pub type Peers = BTreeMap<String, f64>;

/// The table's head, in Markdown.
pub const HEAD: &str = "| kernel | ms | T multiply-adds/s | GB/s | floor ms | of the floor | PyTorch ms |\n\
                        |---|---|---|---|---|---|---|";

/// A line of the table.
pub struct Line {
    /// The kernel and its shape.
    pub what: String,
    /// The time of one run.
    pub seconds: f64,
    /// Multiply-adds, for products and attention.
    pub multiply_adds: f64,
    /// Bytes that must move.
    pub bytes: f64,
    /// The time that the card's units or its memory need at least.
    pub floor: f64,
    /// PyTorch's cases of the same work.
    pub peers: Vec<String>,
}

impl Line {
    /// PyTorch's milliseconds, by the kind of number.
    fn peers<'a>(&'a self, peers: &Peers) -> Vec<(&'a str, f64)> {
        let known = self.peers.iter().filter_map(|case| Some((kind_of(case), 1e3 * peers.get(case)?)));
        known.collect()
    }

    /// A row of the table.
    pub fn row(&self, peers: &Peers) -> String {
        let rate = match self.multiply_adds > 0.0 {
            true => format!("{:.2}", self.multiply_adds / self.seconds / 1e12),
            false => String::new(),
        };
        let peers: Vec<String> =
            self.peers(peers).iter().map(|(kind, ms)| format!("{kind} {ms:.4}")).collect();
        format!(
            "| {} | {:.4} | {rate} | {:.1} | {:.4} | {:.2} | {} |",
            self.what,
            1e3 * self.seconds,
            self.bytes / self.seconds / 1e9,
            1e3 * self.floor,
            self.floor / self.seconds,
            peers.join(", ")
        )
    }

    /// The same as an object.
    pub fn object(&self, machine: &str, peers: &Peers) -> serde_json::Value {
        let peers: BTreeMap<&str, f64> = self.peers(peers).into_iter().collect();
        serde_json::json!({
            "schema": 1, "machine": machine, "kernel": self.what, "ms": 1e3 * self.seconds, "multiply_adds": self.multiply_adds,
            "bytes": self.bytes, "floor_ms": 1e3 * self.floor, "pytorch_ms": peers,
        })
    }
}

/// PyTorch's times of these cases.
///
/// # Errors
/// If there is no python that answers.
pub fn peers(cases: &str) -> Result<(String, Peers), String> {
    let python = std::env::var_os("SAMEBIT_PYTHON").ok_or("SAMEBIT_PYTHON names no python")?;
    eprintln!("PyTorch's turn");
    let mut command = Command::new(python);
    command.args(["-c", include_str!("../bench/peer.py"), cases]);
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| error.to_string())?;
    answer(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| "it gave no answer".to_owned())
}

/// The word of a case that names the kind of number, if one does.
fn kind_of(case: &str) -> &str {
    case.split(' ').find(|word| ["f32", "tf32", "bf16", "int8"].contains(word)).unwrap_or("f32")
}

/// PyTorch's answer: who it is, and its field `seconds`.
fn answer(text: &str) -> Option<(String, Peers)> {
    let answer: serde_json::Value = serde_json::from_str(text).ok()?;
    let seconds = answer["seconds"].as_object()?.iter();
    let seconds = seconds.filter_map(|(case, seconds)| Some((case.clone(), seconds.as_f64()?))).collect();
    let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
    Some((format!("PyTorch {} on {}", text("torch"), text("card")), seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_answer_is_read() {
        let text = "{\"torch\": \"2.9.0\", \"card\": \"a card\", \"seconds\": {\"product 1 2 3 f32\": 0.25, \"adamw 4 5\": 1e-05}}";
        let expected = [("product 1 2 3 f32".to_owned(), 0.25), ("adamw 4 5".to_owned(), 1e-5)];
        let (who, seconds) = answer(text).unwrap();
        assert_eq!((who.as_str(), &seconds), ("PyTorch 2.9.0 on a card", &BTreeMap::from(expected)));
        assert_eq!(answer("nothing"), None);
        assert_eq!(kind_of("product 1 2 3 tf32"), "tf32");
        let line = Line {
            what: "a product".to_owned(),
            seconds: 2e-3,
            multiply_adds: 4e9,
            bytes: 6e6,
            floor: 1e-3,
            peers: vec!["product 1 2 3 f32".to_owned(), "product 1 2 3 bf16".to_owned()],
        };
        let row = "| a product | 2.0000 | 2.00 | 3.0 | 1.0000 | 0.50 | f32 250.0000 |";
        assert_eq!(line.row(&seconds), row);
        assert_eq!(line.object("a card", &seconds)["pytorch_ms"]["f32"], 250.0);
    }
}

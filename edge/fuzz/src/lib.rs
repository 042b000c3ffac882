//! Every decoder that sees bytes of strangers or of files, as a function from bytes to nothing: a panic is a finding.
//!
//! ```text
//! libFuzzer (feature `libfuzzer`) ─┐
//! seeds/TARGET/*, replayed by test ┴─ bytes ──> Target::check ── decodes · encodes again · checks · counts memory
//! ```
//! What is decoded must encode to the same bytes again, and decoding may take no more memory than its input justifies. Where bytes would have to
//! name digests of each other, the target computes them, so that the fuzzer reaches what lies behind the comparison.
//!
//! ```
//! let speech = samebit_fuzz::target("speech").expect("a target");
//! speech.check(&[1; 200]);
//! ```

mod memory;
mod scratch;
mod targets;

pub use targets::TARGETS;

/// Bytes of an input that are looked at.
pub const INPUT_LIMIT: usize = 1 << 16;

/// Bytes of memory that an input justifies by its own length: the least encoding of a node has ten bytes, a node in memory ten times as many,
/// and a list grows by doubling.
const BYTES_OF_BYTE: usize = 256;

/// One kind of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of the folder with its seeds.
    pub name: &'static str,
    /// Reads them.
    run: fn(&[u8]),
    /// Bytes of memory that reading them may take whatever their length.
    memory: usize,
}

impl Target {
    /// Reads bytes as the product does, and checks what must hold of whatever they are.
    ///
    /// # Panics
    /// Where it does not hold.
    pub fn check(&self, bytes: &[u8]) {
        if bytes.len() > INPUT_LIMIT {
            return;
        }
        let limit = self.memory + BYTES_OF_BYTE * bytes.len();
        let measure = || memory::most_of(|| (self.run)(bytes)).1;
        // Tables that are made once for all are not the input's.
        let taken = Some(measure()).filter(|taken| *taken <= limit).unwrap_or_else(measure);
        assert!(
            taken <= limit,
            "{}: {taken} bytes of memory for {} of input, the limit is {limit}",
            self.name,
            bytes.len()
        );
    }
}

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

//! Composite attention: scores, maximum, exponentials, sum and weighted values without a stored T × T matrix.
//!
//! Shapes: q, o, dO, dq are [B, T, H, D]; k, v, dk, dv are [B, T, H/G, D] with G query heads sharing a key head (query head h
//! reads key head h / G); m, l, d are [B, T, H]. Masking is causal: query t sees keys j ≤ t.

/// An attention kernel. Operands of [`crate::Backend::run`]: forward, inputs q k v, outputs m l o; backward, inputs q k v m l d dO,
/// outputs dq dk dv.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionKernel {
    /// Which of the two.
    pub pass: Pass,
    /// Sequences in this launch.
    pub batch: usize,
    /// Positions in a sequence.
    pub time: usize,
    /// Query heads.
    pub heads: usize,
    /// Query heads that share a key head.
    pub group: usize,
    /// Elements of a head.
    pub head_size: usize,
    /// Bits of the factor of the scores.
    pub scale: u32,
}

/// Forward or backward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// m\[t\] = max s, l\[t\] = Σ exp(s − m), o\[t\] = (Σ exp(s − m) · v) / l, with s = (q·k)·scale over j ≤ t.
    Forward,
    /// P = exp(s − m) · (1 / l), dP = dO·v, dS = (P · (dP − d)) · scale; dq = Σ dS·k, dk = Σ dS·q, dv = Σ P·dO.
    Backward,
}

//! The text of kernels: the fixed ones of `kernels/`, and what is generated from scalar programs.

use crate::exact::Instruction;
use crate::samples;
use crate::scalar::function;
use samebit_num::fold::Bits;
use samebit_num::functions;
use std::borrow::Cow;

/// A text that a compiler makes a module of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What it is called in messages and files.
    pub name: String,
    /// The text.
    pub text: Cow<'static, str>,
    /// The kernels in it.
    pub kernels: Vec<Cow<'static, str>>,
}

/// An architecture that kernels are compiled for: `sm_75` and so on, by its number with the suffix of its own features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arch(pub &'static str);

/// Every architecture that a change must compile for: Turing, Ampere, Ada, Hopper, Blackwell.
pub const ARCHITECTURES: [Arch; 7] =
    [Arch("75"), Arch("80"), Arch("86"), Arch("89"), Arch("90a"), Arch("100"), Arch("120")];

/// What sources include, by name.
pub const HEADERS: [(&str, &str); 5] = [
    ("machine.h", include_str!("../kernels/machine.h")),
    ("device.h", include_str!("../kernels/device.h")),
    ("attention.h", include_str!("../kernels/attention.h")),
    ("exact.h", include_str!("../kernels/exact.h")),
    ("wgmma.h", include_str!("../kernels/wgmma.h")),
];

/// What the emulator adds to [`HEADERS`].
pub const EMULATOR_HEADERS: [(&str, &str); 3] = [
    ("emulator.h", include_str!("../host/emulator.h")),
    ("phases.h", include_str!("../host/phases.h")),
    ("wgmma_emulator.h", include_str!("../host/wgmma_emulator.h")),
];

impl Source {
    /// A fixed source.
    fn fixed(name: &str, text: &'static str, kernels: &[&'static str]) -> Self {
        let kernels = kernels.iter().map(|&kernel| Cow::Borrowed(kernel)).collect();
        Self { name: name.to_owned(), text: Cow::Borrowed(text), kernels }
    }

    /// A generated source of one kernel.
    pub fn generated(name: &str, text: String, kernel: &'static str) -> Self {
        Self { name: name.to_owned(), text: Cow::Owned(text), kernels: vec![Cow::Borrowed(kernel)] }
    }
}

/// Ordered products, and the joining of totals.
pub fn product() -> Source {
    let kernels = ["product", "column_chains", "join_totals", "join_one"];
    Source::fixed("product", include_str!("../kernels/product.cu"), &kernels)
}

/// Permutations and scattered sums.
pub fn moves() -> Source {
    Source::fixed("moves", include_str!("../kernels/moves.cu"), &["permute", "clear", "scatter"])
}

/// Page digests and tree levels.
pub fn sha256() -> Source {
    Source::fixed("sha256", include_str!("../kernels/sha256.cu"), &["page_digests", "tree_level"])
}

/// Composite attention for heads of `head_size` elements.
pub fn attention(head_size: usize) -> Source {
    let named = |name: &str| {
        let function = functions::ALL.iter().find(|function| function.name == name);
        function.expect("a function of the specification").code()
    };
    let text = format!(
        "#define HEAD {head_size}\n#include \"device.h\"\n{}{}{}",
        function("exponential", &named("exp")),
        function("exponential_nonpositive", &named("exp_nonpositive")),
        include_str!("../kernels/attention.cu")
    );
    let kernels = [
        "attention_forward",
        "attention_query_gradient",
        "attention_key_gradient",
        "attention_value_gradient",
    ];
    Source {
        name: format!("attention_{head_size}"),
        text: Cow::Owned(text),
        kernels: kernels.map(Cow::Borrowed).into(),
    }
}

/// The instructions that multiply bytes on an architecture, best first; `target` as in [`Arch`].
pub fn instructions(target: &str) -> &'static [Instruction] {
    match target {
        "90a" => &[Instruction::Wgmma, Instruction::Mma],
        _ => &[Instruction::Mma],
    }
}

/// Every fixed source of an architecture, and one of each kind that is made for a size or a program.
pub fn all(arch: Arch) -> Vec<Source> {
    let mut all = vec![product(), moves(), sha256(), attention(64), attention(128)];
    for &instruction in instructions(arch.0) {
        all.extend(Bits::ALL.map(|bits| crate::exact::source(bits, instruction)));
    }
    all.extend(samples::sources());
    all
}

//! What witnesses are made of, and reading them back against their roots.
//!
//! ```text
//! node        bytes (u32 length) · siblings in the list of nodes
//! tensors     list of tensor, rising by node · siblings of their roots, as one batch
//! tensor      node u32 · dtype u8 · count u64 · pages (u64 each) · words (4 bytes each, as hashed) · siblings of the pages, as one batch
//! step        side u8 · state after the segment · step count u64 · top of the steps · state root · trace root of the step · siblings
//! ```
//! Lists and the siblings of a batch begin with their count (u32), the siblings of one leaf with theirs (u8).

use super::kinds::{Place, Side};
use super::rules::Rule;
use samebit_commit::{
    BatchOpening, Canonical, DecodeError, Decoder, Digest, Encoder, Opening, OpeningError, Tag, hash,
    merkle::{height, inner, list_root},
    steps, tensor,
};
use samebit_graph::node::{DType, NodeId};

/// The most bytes of a witness.
pub const WITNESS_LIMIT: usize = 65_536;
/// The most tensors opened in one list: 8 inputs and 8 elements of index maps.
pub(super) const TENSOR_LIMIT: u32 = 16;
/// The most pages opened of a tensor: each of those reads is on at most two.
const PAGE_LIMIT: u32 = 32;

/// Why a witness shows nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// An opening does not lead to its root.
    #[error("{what}: {source}")]
    Opening {
        /// What was opened.
        what: &'static str,
        /// What is wrong.
        source: OpeningError,
    },
    /// The bytes are no witness of this kind, or not of a canonical node.
    #[error("the witness cannot be read: {0}")]
    Bytes(#[from] DecodeError),
    /// The witness is too long.
    #[error("a witness of {length} bytes; hint: at most {WITNESS_LIMIT}")]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// The node is malformed, so nothing of it can be redone.
    #[error("the node breaks rule {}; hint: ask whether it is malformed", *rule as u8)]
    Malformed {
        /// The rule.
        rule: Rule,
    },
    /// The place is not in the program.
    #[error("{what} {index} is beyond the end of {count}")]
    BeyondEnd {
        /// What was looked for.
        what: &'static str,
        /// Its index.
        index: u64,
        /// How many there are.
        count: u64,
    },
    /// The node at the place is of another kind than the leaf.
    #[error("{op} is not what the leaf is about; hint: ask for its structure")]
    OtherKind {
        /// The operator.
        op: String,
    },
    /// The piece reads something that is not opened.
    #[error("the piece reads element {element} of node {node}{}, which is not opened", if *in_body { " of the body" } else { "" })]
    NotOpened {
        /// Whether the node is one of the body.
        in_body: bool,
        /// The node.
        node: NodeId,
        /// The element; the greatest number for the tensor itself.
        element: u64,
    },
    /// Only outputs of earlier nodes are agreed on.
    #[error("node {node} is opened, only those before node {limit} are agreed on")]
    NotEarlier {
        /// The node opened.
        node: NodeId,
        /// The node at the place.
        limit: u64,
    },
    /// The pages of a tensor have another number of words.
    #[error("the pages of node {node} have {expected} words, {found} are given")]
    PageWords {
        /// The node.
        node: NodeId,
        /// Words given.
        found: u64,
        /// Words of the pages.
        expected: u64,
    },
    /// A digest is another one than the place says.
    #[error("{what}: the witness gives {found}, the place says {expected}")]
    Differs {
        /// What was compared.
        what: &'static str,
        /// The digest of what is given.
        found: Digest,
        /// The digest of the place.
        expected: Digest,
    },
    /// The leaf has no such operand, or what was kept of it has another length.
    #[error("slot {slot} is no operand that can be kept here")]
    Operand {
        /// The slot.
        slot: u8,
    },
}

impl WitnessError {
    pub(super) fn opening(what: &'static str) -> impl Fn(OpeningError) -> WitnessError {
        move |source| WitnessError::Opening { what, source }
    }
}

/// Refuses what is beyond the end.
pub(super) fn within(what: &'static str, index: u64, count: u64) -> Result<(), WitnessError> {
    if index < count { Ok(()) } else { Err(WitnessError::BeyondEnd { what, index, count }) }
}

/// A node's bytes in the list of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeOpening {
    /// The node's canonical bytes.
    pub bytes: Vec<u8>,
    /// The node in the list of nodes.
    pub opening: Opening,
}

impl NodeOpening {
    /// Refuses unless it is node `index` of the place's program.
    pub(super) fn check(&self, place: &Place, index: NodeId) -> Result<(), WitnessError> {
        let leaf = hash(Tag::Node, &[&self.bytes]);
        let opened = self.opening.verify(place.nodes, place.node_count, index.into(), leaf);
        opened.map_err(WitnessError::opening("node"))
    }
}

impl Canonical for NodeOpening {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.bytes(&self.bytes);
        self.opening.encode(encoder);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let bytes = decoder.bytes("node", WITNESS_LIMIT as u32)?.to_vec();
        Ok(NodeOpening { bytes, opening: Opening::decode(decoder)? })
    }
}

/// Tensors of one list of outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tensors {
    /// The tensors, rising by node.
    pub tensors: Vec<TensorOpening>,
    /// Siblings of their roots in the list of outputs; none without tensors.
    pub siblings: Vec<Digest>,
}

/// Pages of one tensor, with what leads to the tensor's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorOpening {
    /// Position of the node whose output it is: in the program, or in the composite's body.
    pub node: NodeId,
    /// What its words are.
    pub dtype: DType,
    /// Elements of the whole tensor.
    pub count: u64,
    /// Which pages, rising.
    pub pages: Vec<u64>,
    /// Their words, one page after the other.
    pub words: Vec<u32>,
    /// The pages in the tensor.
    pub opening: BatchOpening,
}

impl Tensors {
    /// Refuses unless all are outputs of nodes before `earlier` in the list of `count` outputs with this root.
    pub(super) fn check(
        &self,
        what: &'static str,
        root: Digest,
        count: u64,
        earlier: u64,
    ) -> Result<(), WitnessError> {
        if let Some(tensor) = self.tensors.iter().find(|tensor| u64::from(tensor.node) >= earlier) {
            return Err(WitnessError::NotEarlier { node: tensor.node, limit: earlier });
        }
        if self.tensors.is_empty() && self.siblings.is_empty() {
            return Ok(());
        }
        let leaf = |tensor: &TensorOpening| Ok((tensor.node.into(), tensor.root(what)?));
        let leaves = self.tensors.iter().map(leaf).collect::<Result<Vec<_>, WitnessError>>()?;
        let opening = BatchOpening { siblings: self.siblings.clone() };
        opening.verify(root, count, &leaves).map_err(WitnessError::opening(what))
    }
}

impl Canonical for Tensors {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.list(&self.tensors, |encoder, tensor| tensor.encode(encoder));
        encoder.list(&self.siblings, |encoder, sibling| sibling.encode(encoder));
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let tensors = decoder.list("tensors", TENSOR_LIMIT, TensorOpening::decode)?;
        let siblings = decoder.list("siblings", WITNESS_LIMIT as u32 / 32, Digest::decode)?;
        Ok(Tensors { tensors, siblings })
    }
}

impl TensorOpening {
    /// The root to which the pages lead.
    fn root(&self, what: &'static str) -> Result<Digest, WitnessError> {
        let found = self.words.len() as u64;
        let lengths = self.pages.iter().map(|page| tensor::page_length(self.count, *page));
        let expected = lengths.clone().map(|length| length as u64).sum();
        if found != expected {
            return Err(WitnessError::PageWords { node: self.node, found, expected });
        }
        let mut rest = &self.words[..];
        let digest = |length| {
            let (page, after) = rest.split_at(length);
            rest = after;
            tensor::page_digest(page)
        };
        let digests: Vec<Digest> = lengths.map(digest).collect();
        let leaves: Vec<_> = self.pages.iter().copied().zip(digests).collect();
        let top = self.opening.top(tensor::page_count(self.count), &leaves);
        Ok(tensor::root(self.dtype, self.count, top.map_err(WitnessError::opening(what))?))
    }
}

impl Canonical for TensorOpening {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.u32(self.node);
        self.dtype.encode(encoder);
        encoder.u64(self.count);
        encoder.list(&self.pages, |encoder, page| encoder.u64(*page));
        // As the words of a page are hashed: little-endian.
        encoder.list(&self.words, |encoder, word| encoder.raw(&word.to_le_bytes()));
        self.opening.encode(encoder);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(TensorOpening {
            node: decoder.u32("node")?,
            dtype: DType::decode(decoder)?,
            count: decoder.u64("element count")?,
            pages: decoder.list("pages", PAGE_LIMIT, |decoder| decoder.u64("page"))?,
            words: decoder
                .list("words", PAGE_LIMIT * 256, |decoder| Ok(decoder.u32("word")?.swap_bytes()))?,
            opening: BatchOpening::decode(decoder)?,
        })
    }
}

/// One step of one side's claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepOpening {
    /// Whose claim it is.
    pub side: Side,
    /// The claim's state root after the segment.
    pub end: Digest,
    /// Steps of the claim.
    pub count: u64,
    /// The top of the tree over the steps.
    pub top: Digest,
    /// The step's state and trace roots, and its siblings; none if the claim ends before it.
    pub step: Option<(Digest, Digest, Opening)>,
}

impl StepOpening {
    /// Reads the parts of a claim, and of step `index` if the claim has it; refuses unless they lead to the place's claim.
    pub(super) fn read(
        decoder: &mut Decoder<'_>,
        place: &Place,
        index: impl FnOnce(u64) -> u64,
    ) -> Result<StepOpening, WitnessError> {
        let side = read_side(decoder)?;
        let end = Digest::decode(decoder)?;
        let count = decoder.u64("step count")?;
        let top = Digest::decode(decoder)?;
        let (found, expected) = (steps::segment(end, list_root(count, top)), place.claims[side as usize]);
        if found != expected {
            return Err(WitnessError::Differs { what: "claim", found, expected });
        }
        within("steps before step", 0, count)?;
        let index = index(count);
        let mut opening = StepOpening { side, end, count, top, step: None };
        if index < count {
            let (state, trace) = (Digest::decode(decoder)?, Digest::decode(decoder)?);
            let siblings = Opening::decode(decoder)?;
            let found = siblings.top(count, index, steps::step(state, trace));
            let found = found.map_err(WitnessError::opening("step"))?;
            if found != top {
                return Err(WitnessError::Differs { what: "step", found, expected: top });
            }
            opening.step = Some((state, trace, siblings));
        }
        Ok(opening)
    }

    /// Reads siblings; refuses unless step `index` is absent from the claim's tree over all `step_count` steps of the segment. The claim's own
    /// count proves nothing: it may be smaller than its tree's.
    pub(super) fn check_absent(
        &self,
        decoder: &mut Decoder<'_>,
        step_count: u64,
        index: u64,
    ) -> Result<(), WitnessError> {
        let what = "absent step";
        let found = Opening::decode(decoder)?.top(step_count, index, Digest::ZERO);
        let found = found.map_err(WitnessError::opening(what))?;
        let missing = height(step_count).saturating_sub(height(self.count));
        let expected = (0..missing).fold(self.top, |top, _| inner(top, Digest::ZERO));
        if found == expected { Ok(()) } else { Err(WitnessError::Differs { what, found, expected }) }
    }

    pub(super) fn encode(&self, encoder: &mut Encoder) {
        encoder.u8(self.side as u8);
        self.end.encode(encoder);
        encoder.u64(self.count);
        self.top.encode(encoder);
        if let Some((state, trace, siblings)) = &self.step {
            state.encode(encoder);
            trace.encode(encoder);
            siblings.encode(encoder);
        }
    }
}

pub(super) fn read_side(decoder: &mut Decoder<'_>) -> Result<Side, DecodeError> {
    match decoder.u8("side")? {
        0 => Ok(Side::A),
        1 => Ok(Side::B),
        tag => Err(decoder.unknown_tag("side", tag)),
    }
}

//! What a referee is given to redo one piece of arithmetic: the element of a map, or one block of a fold.
//!
//! [`Place`] is what both sides of a dispute agree on: which piece, and the roots under which its inputs are found. [`Witness`] opens against it
//! all that the piece reads, so that anybody can [`redo`] it without the run; the contract `Step` (contracts/src/Step.sol) does the same from
//! the same fields.
//!
//! ```text
//! Place    nodes ─── list of the program's nodes ──┐
//!          trace ─── list of the step's outputs ─┐ │   rowTrace ─ list of the outputs of a composite's row
//! Witness                             tensors ───┘ └── node's bytes          └─ tensors of the body
//!                                       └ pages, words
//! ```

mod make;
mod redo;

pub(crate) use make::make;
pub use redo::{WitnessError, check, redo};

use samebit_commit::{BatchOpening, Canonical, DecodeError, Decoder, Digest, Encoder, Opening};
use samebit_graph::limits::INPUT_LIMIT;
use samebit_graph::node::{DType, NodeId};

/// The most tensors that a map or fold reads of one scope: each input, and each element in an index map, could be another.
const TENSOR_LIMIT: u32 = 64;
/// The most pages of a tensor that a map or fold reads.
const PAGE_LIMIT: u32 = 16 * INPUT_LIMIT as u32;
/// The most bytes of a node: a body of 64 nodes, each with 255 instructions and generous index maps.
const NODE_BYTES_LIMIT: u32 = 1 << 20;

/// Which piece of arithmetic is redone, and the roots that both sides agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Root of the list of the program's nodes; of a program that has passed [`samebit_graph::Program::check`].
    pub nodes: Digest,
    /// Root of the list of the step's node outputs. Those before `node` are agreed on.
    pub trace: Digest,
    /// For a composite: root of the list of its body's outputs for `row`. Those before `body_node` are agreed on.
    pub row_trace: Digest,
    /// Nodes of the program.
    pub node_count: u64,
    /// The step's number, from 0.
    pub step: u64,
    /// The node.
    pub node: NodeId,
    /// For a composite: the node of its body.
    pub body_node: u32,
    /// For a composite: the row.
    pub row: u64,
    /// The element, flat in the output of the node, or of the body's node.
    pub element: u64,
    /// For a fold: which block of 256 terms.
    pub block: u64,
    /// For a fold: the running total before the block; 0 and not looked at for block 0.
    pub total: u32,
}

/// What is opened so that the piece can be redone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// The node's canonical bytes.
    pub node: Vec<u8>,
    /// The node in the list of nodes.
    pub node_opening: Opening,
    /// Nodes that a composite reads, but not this piece of it, with their dtypes, rising: the node's bytes do not repeat types. They need no
    /// proof: types change how bytes are checked, not what they mean, and those of all that is read are in the roots.
    pub other_types: Vec<(NodeId, DType)>,
    /// Tensors read, of the step's trace, rising by node.
    pub outer: Vec<TensorOpening>,
    /// Those in the list of the step's outputs; without siblings if there are none.
    pub outer_opening: BatchOpening,
    /// Tensors read, of the composite row's trace, rising by node.
    pub body: Vec<TensorOpening>,
    /// Those in the list of the row's outputs; without siblings if there are none.
    pub body_opening: BatchOpening,
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

impl Canonical for Place {
    fn encode(&self, encoder: &mut Encoder) {
        [self.nodes, self.trace, self.row_trace].iter().for_each(|root| root.encode(encoder));
        [self.node_count, self.step].iter().for_each(|number| encoder.u64(*number));
        [self.node, self.body_node].iter().for_each(|number| encoder.u32(*number));
        [self.row, self.element, self.block].iter().for_each(|number| encoder.u64(*number));
        encoder.u32(self.total);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Place {
            nodes: Digest::decode(decoder)?,
            trace: Digest::decode(decoder)?,
            row_trace: Digest::decode(decoder)?,
            node_count: decoder.u64("node count")?,
            step: decoder.u64("step")?,
            node: decoder.u32("node")?,
            body_node: decoder.u32("body node")?,
            row: decoder.u64("row")?,
            element: decoder.u64("element")?,
            block: decoder.u64("block")?,
            total: decoder.u32("total")?,
        })
    }
}

impl Canonical for Witness {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.bytes(&self.node);
        self.node_opening.encode(encoder);
        encoder.list(&self.other_types, |encoder, (node, dtype)| {
            encoder.u32(*node);
            dtype.encode(encoder);
        });
        for (tensors, opening) in [(&self.outer, &self.outer_opening), (&self.body, &self.body_opening)] {
            encoder.list(tensors, |encoder, tensor| tensor.encode(encoder));
            opening.encode(encoder);
        }
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let tensors = |decoder: &mut Decoder<'_>| {
            let tensors = decoder.list("tensors", TENSOR_LIMIT, TensorOpening::decode)?;
            Ok((tensors, BatchOpening::decode(decoder)?))
        };
        let node = decoder.bytes("node", NODE_BYTES_LIMIT)?.to_vec();
        let node_opening = Opening::decode(decoder)?;
        let other_types = decoder.list("other types", NODE_BYTES_LIMIT, |decoder| {
            Ok((decoder.u32("node")?, DType::decode(decoder)?))
        })?;
        let (outer, outer_opening) = tensors(decoder)?;
        let (body, body_opening) = tensors(decoder)?;
        Ok(Witness { node, node_opening, other_types, outer, outer_opening, body, body_opening })
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

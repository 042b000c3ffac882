//! Canonical bytes of programs, their parts and the [`Spec`] (docs/spec/program.md §5), and the digests made of them
//! (docs/spec/commitment.md §5).
//!
//! ```text
//! program digest = hash( 0x07 ‖ version ‖ states root ‖ tables root ‖ nodes root ‖ sinks root ‖ loss ‖ grad_norm )
//!                                                              │             └ list of total(sink)
//!                                                              └ list of hash( 0x05 ‖ node )
//! spec digest    = hash( 0x0a ‖ program ‖ initial state ‖ tables root ‖ steps ‖ segment steps ‖ profile )
//!                                                         └ list of the tables' roots
//! ```
//!
//! A scalar program's bytes do not repeat the types of its inputs: they follow from the nodes that the inputs read. So a
//! node is decoded with the dtypes of the nodes before it.

use crate::index::{Atom, Index};
use crate::limits::{
    BODY_LIMIT, INPUT_LIMIT, INSTRUCTION_LIMIT, NAME_LIMIT, NODE_LIMIT, OPERATOR_NAME_LIMIT, RANK_LIMIT,
    STATE_LIMIT, TABLE_LIMIT, TERM_LIMIT,
};
use crate::node::{DType, Fold, FoldKind, Input, Kind, Node, NodeId, Predicate, Relation};
use crate::program::{Declaration, Program, Spec};
use samebit_commit::{Canonical, DecodeError, Decoder, Digest, Encoder, Tag, Tree, hash, steps};
use samebit_num::fold::{Bits, Numerics};
use samebit_num::{Code, INSTRUCTION_BYTES, RegType};

/// The version of the canonical form and of the meaning of programs.
pub const PROGRAM_VERSION: u32 = 1;

/// Bytes of a program's header.
pub const PROGRAM_HEADER_BYTES: usize = 4 + 4 * 32 + 2 * 4;

/// The dtypes that a decoder knows: of the outer nodes, and of the body's earlier nodes.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// Dtypes of the nodes of the program, by id.
    pub outer: &'a [DType],
    /// Dtypes of the earlier nodes of the body, by id.
    pub body: &'a [DType],
}

impl Scope<'_> {
    /// The type of an input's register; `None` for a node that is not earlier.
    pub fn register_type(&self, input: &Input) -> Option<RegType> {
        let of = |known: &[DType], node: NodeId| known.get(node as usize).map(|dtype| register_type(*dtype));
        match input {
            Input::Outer(node, _) => of(self.outer, *node),
            Input::Body(node, _) => of(self.body, *node),
            Input::Value(_) => Some(RegType::U),
        }
    }
}

/// The register that holds an element of this dtype.
pub fn register_type(dtype: DType) -> RegType {
    match dtype {
        DType::F32 => RegType::F,
        DType::U32 => RegType::U,
    }
}

impl Canonical for Index {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.u64(self.constant);
        encoder.short_list(&self.terms, |encoder, (coefficient, atom)| {
            encoder.u64(*coefficient);
            encode_atom(encoder, atom);
        });
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let constant = decoder.u64("constant of an index map")?;
        let terms = decoder.short_list("terms of an index map", TERM_LIMIT as u8, |decoder| {
            Ok((decoder.u64("coefficient")?, decode_atom(decoder)?))
        })?;
        if terms.iter().any(|(coefficient, _)| *coefficient == 0) {
            return Err(decoder.refuse("a coefficient of an index map is 0"));
        }
        if terms.windows(2).any(|pair| pair[0].1 >= pair[1].1) {
            return Err(decoder.refuse("the terms of an index map are not sorted by their atoms"));
        }
        Ok(Index { constant, terms })
    }
}

fn encode_atom(encoder: &mut Encoder, atom: &Atom) {
    let (tag, number) = match atom {
        Atom::Coord(_) => (0, None),
        Atom::Fold => (1, None),
        Atom::Row => (2, None),
        Atom::Step => (3, None),
        Atom::Div(divisor, _) => (4, Some(*divisor)),
        Atom::Mod(divisor, _) => (5, Some(*divisor)),
        Atom::Element(..) => (6, None),
    };
    encoder.u8(tag);
    if let Some(number) = number {
        encoder.u64(number);
    }
    match atom {
        Atom::Coord(dimension) => encoder.u8(*dimension),
        Atom::Fold | Atom::Row | Atom::Step => {}
        Atom::Div(_, inner) | Atom::Mod(_, inner) => inner.encode(encoder),
        Atom::Element(node, inner) => {
            encoder.u32(*node);
            inner.encode(encoder);
        }
    }
}

fn decode_atom(decoder: &mut Decoder<'_>) -> Result<Atom, DecodeError> {
    const WHAT: &str = "atom of an index map";
    let tag = decoder.u8(WHAT)?;
    Ok(match tag {
        0 => Atom::Coord(decoder.u8(WHAT)?),
        1 => Atom::Fold,
        2 => Atom::Row,
        3 => Atom::Step,
        4 | 5 => {
            let divisor = decoder.u64("divisor")?;
            let inner = Box::new(decoder.nested(Index::decode)?);
            if divisor < 2 || inner.terms.is_empty() {
                return Err(decoder.refuse("a division by less than 2 or of a constant is not canonical"));
            }
            if tag == 4 { Atom::Div(divisor, inner) } else { Atom::Mod(divisor, inner) }
        }
        6 => Atom::Element(decoder.u32(WHAT)?, Box::new(decoder.nested(Index::decode)?)),
        _ => return Err(decoder.unknown_tag(WHAT, tag)),
    })
}

impl Canonical for Input {
    fn encode(&self, encoder: &mut Encoder) {
        let (tag, node) = match self {
            Input::Outer(node, _) => (0, Some(*node)),
            Input::Body(node, _) => (1, Some(*node)),
            Input::Value(_) => (2, None),
        };
        encoder.u8(tag);
        if let Some(node) = node {
            encoder.u32(node);
        }
        self.index().encode(encoder);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let tag = decoder.u8("input")?;
        Ok(match tag {
            0 => Input::Outer(decoder.u32("input")?, Index::decode(decoder)?),
            1 => Input::Body(decoder.u32("input")?, Index::decode(decoder)?),
            2 => Input::Value(Index::decode(decoder)?),
            _ => return Err(decoder.unknown_tag("input", tag)),
        })
    }
}

fn encode_code(encoder: &mut Encoder, code: &Code) {
    encoder.u8(u8::try_from(code.instrs().len()).expect("a scalar program has at most 255 registers"));
    encoder.raw(&code.encode());
}

fn decode_inputs(
    decoder: &mut Decoder<'_>,
    scope: Scope<'_>,
) -> Result<(Vec<Input>, Vec<RegType>), DecodeError> {
    let inputs = decoder.short_list("inputs", INPUT_LIMIT as u8, Input::decode)?;
    let types: Option<Vec<RegType>> = inputs.iter().map(|input| scope.register_type(input)).collect();
    let types = types.ok_or_else(|| decoder.refuse("an input reads a node that is not earlier"))?;
    Ok((inputs, types))
}

fn decode_code(decoder: &mut Decoder<'_>, types: Vec<RegType>) -> Result<Code, DecodeError> {
    let count = usize::from(decoder.u8("instruction count")?);
    if count > INSTRUCTION_LIMIT {
        return Err(decoder.refuse("too many instructions"));
    }
    let bytes = decoder.raw("instructions", count * INSTRUCTION_BYTES)?;
    Code::decode(types, bytes).map_err(|_| decoder.refuse("the instructions are no scalar program"))
}

impl Canonical for Predicate {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.u8(1 + self.relation as u8);
        self.left.encode(encoder);
        self.right.encode(encoder);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let tag = decoder.u8("predicate")?;
        let relation = match tag {
            1 => Relation::Less,
            2 => Relation::LessOrEqual,
            3 => Relation::Equal,
            _ => return Err(decoder.unknown_tag("predicate", tag)),
        };
        Ok(Predicate { left: Index::decode(decoder)?, relation, right: Index::decode(decoder)? })
    }
}

fn encode_fold(encoder: &mut Encoder, fold: &Fold) {
    encoder.u8(fold_tag(fold.kind));
    encoder.u64(fold.extent);
    match &fold.predicate {
        None => encoder.u8(0),
        Some(predicate) => predicate.encode(encoder),
    }
    encoder.short_list(&fold.inputs, |encoder, input| input.encode(encoder));
    encode_code(encoder, &fold.code);
}

const fn fold_tag(kind: FoldKind) -> u8 {
    match kind {
        FoldKind::Product(Numerics::F32) => 0,
        FoldKind::Sum => 1,
        FoldKind::Max => 2,
        FoldKind::Product(Numerics::Exact(Bits::Eight)) => 3,
        FoldKind::Product(Numerics::Exact(Bits::Fourteen)) => 4,
        FoldKind::Product(Numerics::Exact(Bits::TwentyOne)) => 5,
    }
}

fn decode_fold(decoder: &mut Decoder<'_>, scope: Scope<'_>) -> Result<Fold, DecodeError> {
    let tag = decoder.u8("fold")?;
    let kind = match tag {
        0 => FoldKind::Product(Numerics::F32),
        1 => FoldKind::Sum,
        2 => FoldKind::Max,
        3..=5 => FoldKind::Product(Numerics::Exact(Bits::ALL[usize::from(tag) - 3])),
        _ => return Err(decoder.unknown_tag("fold", tag)),
    };
    let extent = decoder.u64("extent")?;
    let predicate = decode_predicate(decoder)?;
    let (inputs, types) = decode_inputs(decoder, scope)?;
    let code = decode_code(decoder, types)?;
    Ok(Fold { kind, extent, predicate, inputs, code })
}

fn decode_predicate(decoder: &mut Decoder<'_>) -> Result<Option<Predicate>, DecodeError> {
    let mut ahead = decoder.clone();
    if ahead.u8("predicate")? == 0 {
        *decoder = ahead;
        return Ok(None);
    }
    Predicate::decode(decoder).map(Some)
}

impl Node {
    /// Appends the node's canonical bytes.
    pub fn encode(&self, encoder: &mut Encoder) {
        encoder.string(&self.op);
        self.dtype.encode(encoder);
        encoder.short_list(&self.shape, |encoder, extent| encoder.u64(*extent));
        match &self.kind {
            Kind::State(position) => {
                encoder.u8(0);
                encoder.u32(*position);
            }
            Kind::Table(position) => {
                encoder.u8(1);
                encoder.u32(*position);
            }
            Kind::Map { inputs, code } => {
                encoder.u8(2);
                encoder.short_list(inputs, |encoder, input| input.encode(encoder));
                encode_code(encoder, code);
            }
            Kind::Fold(fold) => {
                encoder.u8(3);
                encode_fold(encoder, fold);
            }
            Kind::Composite { row_length, body } => {
                encoder.u8(4);
                encoder.u64(*row_length);
                encoder.list(body, |encoder, node| node.encode(encoder));
            }
        }
    }

    /// The node's canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder::new();
        self.encode(&mut encoder);
        encoder.into_bytes()
    }

    /// The leaf of the node in its program's list of nodes.
    pub fn digest(&self) -> Digest {
        hash(Tag::Node, &[&self.to_bytes()])
    }

    /// Reads a node of a program whose earlier nodes have these dtypes.
    ///
    /// # Errors
    /// Whatever is not the one encoding of a well-formed node. The other rules of docs/spec/program.md §4 are checked by
    /// [`Program::check`].
    pub fn decode(decoder: &mut Decoder<'_>, outer: &[DType]) -> Result<Self, DecodeError> {
        decode_node(decoder, Scope { outer, body: &[] }, false)
    }
}

fn decode_node(decoder: &mut Decoder<'_>, scope: Scope<'_>, in_body: bool) -> Result<Node, DecodeError> {
    let op = decoder.string("operator", OPERATOR_NAME_LIMIT as u16)?.to_owned();
    let dtype = DType::decode(decoder)?;
    let shape = decoder.short_list("shape", RANK_LIMIT as u8, |decoder| decoder.u64("extent"))?;
    let tag = decoder.u8("node")?;
    let kind = match tag {
        0 => Kind::State(decoder.u32("state")?),
        1 => Kind::Table(decoder.u32("table")?),
        2 => {
            let (inputs, types) = decode_inputs(decoder, scope)?;
            Kind::Map { inputs, code: decode_code(decoder, types)? }
        }
        3 => Kind::Fold(decode_fold(decoder, scope)?),
        4 if !in_body => {
            let row_length = decoder.u64("row length")?;
            Kind::Composite { row_length, body: decode_body(decoder, scope.outer)? }
        }
        _ => return Err(decoder.unknown_tag("node", tag)),
    };
    Ok(Node { op, dtype, shape, kind })
}

fn decode_body(decoder: &mut Decoder<'_>, outer: &[DType]) -> Result<Vec<Node>, DecodeError> {
    let mut dtypes = Vec::new();
    decoder.list("body", BODY_LIMIT as u32, |decoder| {
        let node = decode_node(decoder, Scope { outer, body: &dtypes }, true)?;
        dtypes.push(node.dtype);
        Ok(node)
    })
}

impl Canonical for Declaration {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.string(&self.name);
        self.dtype.encode(encoder);
        encoder.short_list(&self.shape, |encoder, extent| encoder.u64(*extent));
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Declaration {
            name: decoder.string("name", NAME_LIMIT as u16)?.to_owned(),
            dtype: DType::decode(decoder)?,
            shape: decoder.short_list("shape", RANK_LIMIT as u8, |decoder| decoder.u64("extent"))?,
        })
    }
}

impl Declaration {
    /// The leaf of the declaration in its program's list of states or tables.
    pub fn digest(&self) -> Digest {
        hash(Tag::Declaration, &[&self.to_bytes()])
    }
}

impl Canonical for Program {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.u32(PROGRAM_VERSION);
        encoder.list(&self.states, |encoder, state| state.encode(encoder));
        encoder.list(&self.tables, |encoder, table| table.encode(encoder));
        encoder.list(&self.nodes, |encoder, node| node.encode(encoder));
        encoder.list(&self.sinks, |encoder, sink| encoder.u32(*sink));
        encoder.u32(self.loss);
        encoder.u32(self.grad_norm);
    }

    /// Reads a program; it is well formed, and legal once [`Program::check`] has said so.
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        if decoder.u32("version")? != PROGRAM_VERSION {
            return Err(decoder.refuse("the program has another version"));
        }
        let states = decoder.list("states", STATE_LIMIT as u32, Declaration::decode)?;
        let tables = decoder.list("tables", TABLE_LIMIT as u32, Declaration::decode)?;
        let mut dtypes = Vec::new();
        let nodes = decoder.list("nodes", NODE_LIMIT as u32, |decoder| {
            let node = Node::decode(decoder, &dtypes)?;
            dtypes.push(node.dtype);
            Ok(node)
        })?;
        let sinks = decoder.list("sinks", STATE_LIMIT as u32, |decoder| decoder.u32("sink"))?;
        let (loss, grad_norm) = (decoder.u32("loss")?, decoder.u32("grad_norm")?);
        Ok(Program { states, tables, nodes, sinks, loss, grad_norm })
    }
}

impl Program {
    /// The tree over the nodes; it opens one node's wiring.
    pub fn node_tree(&self) -> Tree {
        Tree::new(self.nodes.iter().map(Node::digest).collect())
    }

    /// The tree over the declarations of the states.
    pub fn state_tree(&self) -> Tree {
        Tree::new(self.states.iter().map(Declaration::digest).collect())
    }

    /// The tree over the declarations of the tables.
    pub fn table_tree(&self) -> Tree {
        Tree::new(self.tables.iter().map(Declaration::digest).collect())
    }

    /// The tree over the sinks; leaf i is the node of state i.
    pub fn sink_tree(&self) -> Tree {
        Tree::new(self.sinks.iter().copied().map(steps::total).collect())
    }

    /// The preimage of the program's digest, after the tag, of [`PROGRAM_HEADER_BYTES`]: what opens the lists' roots.
    pub fn header(&self) -> Vec<u8> {
        let mut encoder = Encoder::new();
        encoder.u32(PROGRAM_VERSION);
        for tree in [self.state_tree(), self.table_tree(), self.node_tree(), self.sink_tree()] {
            tree.root().encode(&mut encoder);
        }
        encoder.u32(self.loss);
        encoder.u32(self.grad_norm);
        encoder.into_bytes()
    }

    /// The program's digest.
    pub fn digest(&self) -> Digest {
        hash(Tag::Program, &[&self.header()])
    }
}

impl Canonical for Spec {
    fn encode(&self, encoder: &mut Encoder) {
        self.program.encode(encoder);
        self.initial_state.encode(encoder);
        encoder.list(&self.tables, |encoder, table| table.encode(encoder));
        encoder.u64(self.steps);
        encoder.u64(self.segment_steps);
        encoder.string(&self.profile);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let spec = Spec {
            program: Digest::decode(decoder)?,
            initial_state: Digest::decode(decoder)?,
            tables: decoder.list("tables", TABLE_LIMIT as u32, Digest::decode)?,
            steps: decoder.u64("steps")?,
            segment_steps: decoder.u64("segment steps")?,
            profile: decoder.string("profile", OPERATOR_NAME_LIMIT as u16)?.to_owned(),
        };
        if spec.segment_steps == 0 {
            return Err(decoder.refuse("a segment of 0 steps"));
        }
        Ok(spec)
    }
}

impl Spec {
    /// The tree over the tables' roots.
    pub fn table_tree(&self) -> Tree {
        Tree::new(self.tables.clone())
    }

    /// The preimage of the Spec's digest, after the tag.
    pub fn header(&self) -> Vec<u8> {
        let mut encoder = Encoder::new();
        for root in [self.program, self.initial_state, self.table_tree().root()] {
            root.encode(&mut encoder);
        }
        encoder.u64(self.steps);
        encoder.u64(self.segment_steps);
        encoder.string(&self.profile);
        encoder.into_bytes()
    }

    /// The job's name.
    pub fn digest(&self) -> Digest {
        hash(Tag::Spec, &[&self.header()])
    }
}

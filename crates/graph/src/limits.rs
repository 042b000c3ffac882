//! The named limits of programs (docs/spec/program.md §1, §2, §4).

/// Elements of a page: the unit of opening.
pub const PAGE: u64 = 256;
/// Consecutive fold indices of a block: the unit of ordered arithmetic.
pub const BLOCK: u64 = 256;
/// Nodes of a program.
pub const NODE_LIMIT: usize = 1 << 16;
/// States of a program.
pub const STATE_LIMIT: usize = 1 << 12;
/// Tables of a program.
pub const TABLE_LIMIT: usize = 256;
/// Nodes of a composite's body.
pub const BODY_LIMIT: usize = 64;
/// Inputs of a map or term.
pub const INPUT_LIMIT: usize = 8;
/// Distinct float tensors that a map or term reads.
pub const FLOAT_TENSOR_LIMIT: usize = 4;
/// Distinct integer tensors that a map or term reads, those of its index maps and predicate included.
pub const INTEGER_TENSOR_LIMIT: usize = 4;
/// Instructions of a scalar program.
pub const INSTRUCTION_LIMIT: usize = 255;
/// Terms of an index map.
pub const TERM_LIMIT: usize = 8;
/// How deep index maps nest.
pub const INDEX_DEPTH_LIMIT: usize = 4;
/// Atoms in all index maps of a map or fold, those of its predicate included.
pub const ATOM_LIMIT: usize = 64;
/// Elements among those atoms.
pub const ELEMENT_ATOM_LIMIT: usize = 8;
/// Dimensions of a shape.
pub const RANK_LIMIT: usize = 6;
/// Elements of a tensor.
pub const ELEMENT_LIMIT: u64 = 1 << 40;
/// Bytes of an operator's name.
pub const OPERATOR_NAME_LIMIT: usize = 32;
/// Bytes of the name of a state or table.
pub const NAME_LIMIT: usize = 256;
/// Steps of a job.
pub const STEP_LIMIT: u64 = 1 << 32;
/// Every value of an index map is below this.
pub const INDEX_BOUND: u128 = 1 << 63;

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Position, Question} from "../Position.sol";

/// @notice What the referee is asked to redo (docs/spec/dispute.md §5).
enum JudgeKind {
    /// Whether the job had ended before the step: 0 if so, 1 if not.
    Ended,
    /// An entry of the state after the step.
    Sink,
    /// The output root of a node that is a state or a table.
    Source,
    /// dtype · 2^64 + element count of a node's shape.
    Shape,
    /// An element of a map.
    Map,
    /// The total after one block of a product.
    Block,
    /// One lane of one block of a sum or maximum.
    Lane,
    /// The total after one block of a sum or maximum, from the total before and the lanes.
    LaneFold,
    /// An element of a composite, from its row's last body node.
    RowEnd,
    /// The state root after the segment's last step.
    SegmentEnd,
    /// Whether the node breaks a rule that keeps the referee from redoing it; the value means nothing.
    Malformed
}

/// @notice What an element of a node is made of.
enum NodeKind {
    Source,
    Map,
    Product,
    /// A sum or a maximum.
    Lanes,
    Composite
}

/// @notice The node at the disputed place; within a row, the body's node.
struct Structure {
    NodeKind kind;
    /// Of a fold: ⌈extent / 256⌉, at least 1. Else 0.
    uint64 blocks;
    /// Of a composite: elements of a row. Else 0.
    uint64 rowLength;
    /// Of a composite: nodes of its body. Else 0.
    uint32 bodyNodes;
}

/// @notice The roots of a game's two claims: `segment(state, list(count, stepsTop))`.
struct ClaimRoots {
    bytes32 a;
    bytes32 b;
}

/// @notice An operand of a leaf that was opened earlier, in a transaction of its own.
struct Kept {
    /// Number of the node's input; 255 for a fold's predicate.
    uint8 slot;
    /// What `operand` gave.
    bytes words;
}

/// @title Redoes the piece of arithmetic at which a game ends
/// @notice The answer depends on question, position and roots alone. A witness that does not lead to them is refused by a
/// custom error; no witness changes the answer. The caller vouches for the position: that it is a game's, at a stage at which
/// `kind` is allowed, and that its question is `question`.
interface IReferee {
    /// @notice Opens the node's bytes: what an element of it is made of.
    /// @param question What is asked.
    /// @param position Its `node` is fixed, and within a row (`rowA`, `rowB` not 0) its `bodyNode`.
    /// @param witness The node's bytes and their opening.
    function structure(Question calldata question, Position calldata position, bytes calldata witness)
        external
        view
        returns (Structure memory);

    /// @notice The true value at the place, or that the job itself is malformed.
    /// @param question What is asked.
    /// @param position The place. Earlier outputs are agreed on: they open against either side's root.
    /// @param roots Roots of claims a and b; steps before `position.step` are the same in both.
    /// @param kind What is to be redone.
    /// @param witness All that is read, opened against the roots in question, position and `roots`.
    /// @param kept What `operand` gave for this place earlier; the witness need not open it again.
    /// @return malformed The job breaks a rule that keeps the referee from redoing it.
    /// @return value A digest, or a number in 256 bits: a word, 0 or 1 for `Ended`, dtype · 2^64 + count for `Shape`.
    function truth(
        Question calldata question,
        Position calldata position,
        ClaimRoots calldata roots,
        JudgeKind kind,
        bytes calldata witness,
        Kept[] calldata kept
    ) external view returns (bool malformed, bytes32 value);

    /// @notice One operand of a leaf, so that a leaf that reads several large tensors can be proved in several transactions.
    /// @dev Arguments as for `truth`.
    /// @param kind Map, Lane or Block.
    /// @param slot Number of the node's input; 255 for a fold's predicate, the only operand of a Block that can be kept.
    /// @return words Of a map, one word; of a lane, 16, one a term and then zeros: 4 bytes each, big-endian. Of a predicate, 32 bytes: a bit for
    /// each term, the first lowest.
    function operand(
        Question calldata question,
        Position calldata position,
        JudgeKind kind,
        uint8 slot,
        bytes calldata witness
    ) external view returns (bytes memory words);
}

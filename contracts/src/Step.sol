// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Index} from "./Index.sol";
import {Merkle} from "./Merkle.sol";
import {Operator} from "./Operator.sol";
import {TensorOpening, Tensors} from "./Tensors.sol";

/// @notice Which piece of arithmetic is redone, and the roots that both sides agree on.
struct Place {
    /// Root of the list of the program's nodes.
    bytes32 nodes;
    /// Root of the list of the step's node outputs. Those before `node` are agreed on.
    bytes32 trace;
    /// For a composite: root of the list of its body's outputs for `row`. Those before `bodyNode` are agreed on.
    bytes32 rowTrace;
    /// Nodes of the program.
    uint64 nodeCount;
    /// The step's number, from 0.
    uint64 step;
    /// The node.
    uint32 node;
    /// For a composite: the node of its body.
    uint32 bodyNode;
    /// For a composite: the row.
    uint64 row;
    /// The element, flat in the output of the node, or of the body's node.
    uint64 element;
    /// For a fold: which block of 256 terms.
    uint64 blockNumber;
    /// For a fold: the running total before the block; not looked at for block 0.
    uint32 total;
}

/// @notice What is opened so that the piece can be redone.
struct Witness {
    /// The node's canonical bytes.
    bytes node;
    /// Its siblings in the list of nodes.
    bytes32[] nodeSiblings;
    /// Tensors read, of the step's trace, rising by node.
    TensorOpening[] outer;
    /// Their siblings in the trace.
    bytes32[] outerSiblings;
    /// Tensors read, of the composite row's trace, rising by node.
    TensorOpening[] body;
    /// Their siblings in the row's trace.
    bytes32[] bodySiblings;
}

/// @title The referee: redoes one element of a map or one block of a fold, bit for bit
/// @notice The answer depends on the place alone. A witness that does not lead to its roots is refused; it cannot change
/// the answer, because all that is read is either in the place or opened against a root of it.
contract Step {
    /// @notice The node's bytes do not end where its fields do.
    error BadNodeLength(uint256 given, uint256 read);
    /// @notice A state or table is copied, not computed; its leaf is another kind.
    error NothingToCompute(uint256 tag);
    /// @notice The composite has `count` nodes in its body.
    error BodyNodeBeyondEnd(uint256 bodyNode, uint256 count);
    /// @notice The composite has `rows` rows.
    error RowBeyondEnd(uint256 row, uint256 rows);

    /// @notice The element of a map, or the total after the block of a fold.
    /// @return word Its bits, a NaN as 0x7fc00000.
    function redo(Place calldata place, Witness calldata witness) external view returns (uint32 word) {
        Operator.Header memory node = _openNode(place, witness);
        Index.Point memory point;
        point.step = place.step;
        point.outer = Tensors.open(place.trace, place.nodeCount, witness.outer, witness.outerSiblings);
        if (node.tag == Operator.COMPOSITE) {
            uint256 count = _checkComposite(node, place);
            point.row = place.row;
            point.body = Tensors.open(place.rowTrace, count, witness.body, witness.bodySiblings);
            node = Operator.header(Operator.bodyNode(node.cursor, place.bodyNode));
        }
        point.coords = Operator.coordinates(node.shape, place.element);
        if (node.tag == Operator.FOLD) {
            return uint32(Operator.foldBlock(node, point, place.blockNumber, place.total));
        }
        if (node.tag != Operator.MAP) revert NothingToCompute(node.tag);
        if (place.blockNumber != 0) revert Operator.BlockBeyondEnd(place.blockNumber, 1);
        return uint32(Operator.mapElement(node, point));
    }

    /// @dev Opens the node's bytes and walks over them, so that no cursor leaves them afterwards.
    function _openNode(Place calldata place, Witness calldata witness) private view returns (Operator.Header memory) {
        uint256 length = witness.node.length;
        // Room for the tag before the bytes and for a whole word read at their end.
        bytes memory copy = bytes.concat(witness.node, bytes32(0));
        uint256 cursor;
        assembly ("memory-safe") {
            cursor := add(copy, 32)
        }
        uint256[] memory indices = new uint256[](1);
        bytes32[] memory leaves = new bytes32[](1);
        indices[0] = place.node;
        leaves[0] = Merkle.tagged(Merkle.TAG_NODE, cursor, length);
        Merkle.check(place.nodes, place.nodeCount, indices, leaves, witness.nodeSiblings);
        uint256 end = Operator.skipNode(cursor, false);
        if (end != cursor + length) revert BadNodeLength(length, end - cursor);
        return Operator.header(cursor);
    }

    /// @dev Refuses a row or body node that the composite does not have; the number of nodes in its body.
    function _checkComposite(Operator.Header memory node, Place calldata place) private pure returns (uint256 count) {
        uint256 elements = 1;
        for (uint256 d = 0; d < node.shape.length; d++) elements *= node.shape[d];
        uint256 rows = elements / Index.u64(node.cursor);
        if (place.row >= rows) revert RowBeyondEnd(place.row, rows);
        count = Index.u32(node.cursor + 8);
        if (place.bodyNode >= count) revert BodyNodeBeyondEnd(place.bodyNode, count);
    }
}

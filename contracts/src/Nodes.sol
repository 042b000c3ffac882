// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Index} from "./Index.sol";
import {Merkle} from "./Merkle.sol";
import {Operator} from "./Operator.sol";
import {Position, Question} from "./Position.sol";
import {Reader} from "./Reader.sol";

/// @title A node of the program, opened
/// @dev In a witness: the node's canonical bytes with their length (u32), and its siblings in the list of nodes.
library Nodes {
    /// @notice The node's bytes do not end where its fields do.
    error BadNodeLength(uint256 given, uint256 read);
    /// @notice The composite has `count` nodes in its body.
    error BodyNodeBeyondEnd(uint256 bodyNode, uint256 count);
    /// @notice The place is within a row, the node is no composite.
    error NoComposite(uint256 tag);

    /// @dev Opens the bytes of node `index`: where in memory they begin, their length. A memory word behind them is free.
    function open(Question calldata question, uint256 index, Reader.Cursor memory cursor)
        internal
        view
        returns (uint256 start, uint256 length)
    {
        // Room for the tag before the bytes and for a whole word read at their end.
        bytes memory copy = bytes.concat(Reader.counted(cursor), bytes32(0));
        unchecked {
            length = copy.length - 32;
        }
        assembly ("memory-safe") {
            start := add(copy, 32)
        }
        bytes32 leaf = Merkle.tagged(Merkle.TAG_NODE, start, length);
        Reader.checkLeaf(cursor, question.nodes, question.nodeCount, index, leaf);
    }

    /// @dev Opens the node of the position and walks over its bytes, so that no cursor leaves them afterwards.
    function header(Question calldata question, Position calldata position, Reader.Cursor memory cursor)
        internal
        view
        returns (Operator.Header memory)
    {
        (uint256 start, uint256 length) = open(question, position.node, cursor);
        uint256 end = Operator.skipNode(start, false);
        unchecked {
            if (end != start + length) revert BadNodeLength(length, end - start);
        }
        return Operator.header(start);
    }

    /// @dev Whether the place is within a composite's row.
    function isInRow(Position calldata position) internal pure returns (bool) {
        return position.rowA != 0;
    }

    /// @dev The body's node at a place within a row, and how many there are.
    function inBody(Operator.Header memory node, Position calldata position)
        internal
        pure
        returns (Operator.Header memory, uint256 count)
    {
        if (node.tag != Operator.COMPOSITE) revert NoComposite(node.tag);
        unchecked {
            count = Index.u32(node.cursor + 8);
        }
        if (position.bodyNode >= count) revert BodyNodeBeyondEnd(position.bodyNode, count);
        return (Operator.header(Operator.bodyNode(node.cursor, position.bodyNode)), count);
    }
}

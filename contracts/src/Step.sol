// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ClaimRoots, IReferee, JudgeKind, Kept, Structure} from "./interfaces/IReferee.sol";
import {Index} from "./Index.sol";
import {Merkle} from "./Merkle.sol";
import {Nodes} from "./Nodes.sol";
import {Operator} from "./Operator.sol";
import {Position, Question} from "./Position.sol";
import {Reader} from "./Reader.sol";
import {Tensors} from "./Tensors.sol";

/// @title The referee: redoes one element of a map, one block of a product, one lane of a sum or maximum, bit for bit
/// @notice The answer depends on the place alone. A witness that does not lead to its roots is refused; it cannot change
/// the answer, because all that is read is either in the place or opened against a root of it. What needs no arithmetic is
/// answered by `Ledger`, which is asked in its turn.
contract Step is IReferee {
    /// @notice Nothing of this leaf can be kept.
    error NothingToKeep(JudgeKind kind);
    /// @notice These are not the lanes that were shown.
    error OtherLanes(bytes32 found, bytes32 expected);

    /// @notice Answers what needs no arithmetic.
    IReferee public immutable ledger;

    constructor(IReferee ledger_) {
        ledger = ledger_;
    }

    /// @inheritdoc IReferee
    function truth(
        Question calldata question,
        Position calldata position,
        ClaimRoots calldata,
        JudgeKind kind,
        bytes calldata witness,
        Kept[] calldata kept
    ) external view returns (bool, bytes32) {
        if (kind < JudgeKind.Map || kind > JudgeKind.LaneFold) _forward();
        Reader.Cursor memory cursor = Reader.open(witness);
        if (kind == JudgeKind.LaneFold) return (false, _laneFold(question, position, cursor));
        (Operator.Header memory node, Index.Point memory point) = _piece(question, position, cursor);
        uint256 word;
        if (kind == JudgeKind.Map) {
            word = Operator.mapElement(node, point, kept);
        } else if (kind == JudgeKind.Block) {
            word = Operator.productBlock(node, point, position.blockNumber, position.total, kept);
        } else {
            word = Operator.lane(node, point, position.blockNumber, position.lane, kept);
        }
        return (false, bytes32(word));
    }

    /// @inheritdoc IReferee
    function operand(
        Question calldata question,
        Position calldata position,
        JudgeKind kind,
        uint8 slot,
        bytes calldata witness
    ) external view returns (bytes memory) {
        (Operator.Header memory node, Index.Point memory point) =
            _piece(question, position, Reader.open(witness));
        if (kind == JudgeKind.Map) return Operator.mapOperand(node, point, slot);
        if (kind == JudgeKind.Block) return Operator.blockOperand(node, point, position.blockNumber, slot);
        if (kind != JudgeKind.Lane) revert NothingToKeep(kind);
        return Operator.laneOperand(node, point, position.blockNumber, position.lane, slot);
    }

    /// @inheritdoc IReferee
    function structure(Question calldata, Position calldata, bytes calldata) external view returns (Structure memory) {
        _forward();
    }

    /// @dev Opens node and tensors: the node at the place, and where it is evaluated.
    function _piece(Question calldata question, Position calldata position, Reader.Cursor memory cursor)
        private
        view
        returns (Operator.Header memory node, Index.Point memory point)
    {
        bool isB = Reader.side(cursor);
        node = Nodes.header(question, position, cursor);
        unchecked {
            // Both are below 2^64 by their types.
            point.step = uint256(question.firstStep) + position.step;
        }
        bytes32 trace = isB ? position.traceB : position.traceA;
        point.outer = Tensors.open(cursor, trace, question.nodeCount, position.node);
        uint256 element = position.element;
        uint256 count;
        if (Nodes.isInRow(position)) {
            uint256 rowLength = Index.u64(node.cursor);
            (node, count) = Nodes.inBody(node, position);
            // It is a composite, and skipNode refuses one whose row length is 0.
            point.row = element / rowLength;
            element = position.bodyElement;
        }
        // Outside a row no node of a body is before the place.
        point.body = Tensors.open(cursor, isB ? position.rowB : position.rowA, count, count == 0 ? 0 : position.bodyNode);
        Reader.finish(cursor);
        point.coords = Operator.coordinates(node.shape, element);
    }

    /// @dev The total after a block from that before it and the lanes, 16 words of 4 bytes.
    function _laneFold(Question calldata question, Position calldata position, Reader.Cursor memory cursor)
        private
        view
        returns (bytes32)
    {
        Operator.Header memory node = Nodes.header(question, position, cursor);
        if (Nodes.isInRow(position)) (node,) = Nodes.inBody(node, position);
        bytes calldata shown = Reader.raw(cursor, 4 * Operator.LANES);
        Reader.finish(cursor);
        uint256[16] memory lanes;
        for (uint256 i = 0; i < Operator.LANES; i++) lanes[i] = uint32(bytes4(shown[4 * i:]));
        bytes32 found = Merkle.ofBytes(abi.encodePacked(uint8(Merkle.TAG_POSITION), lanes));
        if (found != position.lanes) revert OtherLanes(found, position.lanes);
        return bytes32(Operator.foldLanes(node, position.blockNumber, position.total, lanes));
    }

    /// @dev Asks the ledger the same question, and gives its answer or its refusal.
    function _forward() private view {
        address to = address(ledger);
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, 0, calldatasize())
            let done := staticcall(gas(), to, free, calldatasize(), 0, 0)
            returndatacopy(free, 0, returndatasize())
            if done { return(free, returndatasize()) }
            revert(free, returndatasize())
        }
    }
}

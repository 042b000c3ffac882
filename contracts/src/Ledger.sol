// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ClaimRoots, IReferee, JudgeKind, Kept, NodeKind, Structure} from "./interfaces/IReferee.sol";
import {Index} from "./Index.sol";
import {Merkle} from "./Merkle.sol";
import {Nodes} from "./Nodes.sol";
import {Num} from "./Num.sol";
import {Operator} from "./Operator.sol";
import {Position, Question} from "./Position.sol";
import {Reader} from "./Reader.sol";
import {Rules} from "./Rules.sol";
import {Tensors} from "./Tensors.sol";

/// @title The part of the referee that needs no arithmetic: what is opened in states, traces, programs and jobs
/// @notice Asked through `Step`.
contract Ledger is IReferee {
    /// @notice This kind of leaf, or keeping, is arithmetic.
    error Arithmetic();
    /// @notice The claim's parts hash to another root.
    error OtherClaim(bytes32 found, bytes32 expected);
    /// @notice The node at the place is computed.
    error NotASource(uint256 tag);
    /// @notice An entry ends with a tensor's root.
    error EntryTooShort(uint256 length);

    /// The dtype of floats.
    uint256 private constant FLOAT = 0;

    /// @dev A claim's parts: what its root is made of.
    struct Claim {
        bytes32 state;
        uint256 count;
        bytes32 top;
    }

    /// @inheritdoc IReferee
    function truth(
        Question calldata question,
        Position calldata position,
        ClaimRoots calldata roots,
        JudgeKind kind,
        bytes calldata witness,
        Kept[] calldata
    ) external view returns (bool malformed, bytes32 value) {
        Reader.Cursor memory cursor = Reader.open(witness);
        if (kind == JudgeKind.Ended) {
            value = _ended(question, position, roots, cursor);
        } else if (kind == JudgeKind.Sink) {
            value = _sink(question, position, cursor);
        } else if (kind == JudgeKind.Source) {
            value = _source(question, position, roots, cursor);
        } else if (kind == JudgeKind.Shape) {
            value = _shape(question, position, cursor);
        } else if (kind == JudgeKind.RowEnd) {
            value = _rowEnd(question, position, cursor);
        } else if (kind == JudgeKind.SegmentEnd) {
            Claim memory claim = _claim(roots, cursor);
            (value,) = _step(claim, claim.count - 1, cursor);
        } else if (kind == JudgeKind.Malformed) {
            uint256 rule = _malformed(question, position, cursor);
            (malformed, value) = (rule != Rules.KEPT, bytes32(rule));
        } else {
            revert Arithmetic();
        }
        Reader.finish(cursor);
    }

    /// @inheritdoc IReferee
    function operand(
        Question calldata,
        Position calldata,
        JudgeKind,
        uint8,
        bytes calldata
    ) external pure returns (bytes memory) {
        revert Arithmetic();
    }

    /// @inheritdoc IReferee
    function structure(Question calldata question, Position calldata position, bytes calldata witness)
        external
        view
        returns (Structure memory found)
    {
        Reader.Cursor memory cursor = Reader.open(witness);
        Operator.Header memory node = _node(question, position, cursor);
        Reader.finish(cursor);
        if (node.tag == Operator.MAP) {
            found.kind = NodeKind.Map;
        } else if (node.tag == Operator.FOLD) {
            (bool isProduct, uint256 blocks) = Operator.foldShape(node);
            found.kind = isProduct ? NodeKind.Product : NodeKind.Lanes;
            found.blocks = uint64(blocks);
        } else if (node.tag == Operator.COMPOSITE) {
            found.kind = NodeKind.Composite;
            found.rowLength = uint64(Index.u64(node.cursor));
            found.bodyNodes = uint32(Index.u32(node.cursor + 8));
        }
    }

    /// @dev 0 if the step before is absent or did not end with a finite loss, else 1. The first step cannot have ended.
    function _ended(
        Question calldata question,
        Position calldata position,
        ClaimRoots calldata roots,
        Reader.Cursor memory cursor
    ) private view returns (bytes32) {
        if (position.step == 0) return bytes32(uint256(1));
        Claim memory claim = _claim(roots, cursor);
        if (claim.count < position.step) {
            _checkAbsent(claim, question.stepCount, position.step - 1, cursor);
            return 0;
        }
        (, bytes32 trace) = _step(claim, position.step - 1, cursor);
        // One float, in a page of its own, as it is hashed: little-endian.
        bytes calldata word = Reader.raw(cursor, 4);
        bytes32 root = Merkle.tensorRoot(FLOAT, 1, Reader.hash(Merkle.TAG_PAGE, word));
        Reader.checkLeaf(cursor, trace, question.nodeCount, question.loss, root);
        uint256 high = uint256(uint8(word[3])) << 8 | uint8(word[2]);
        bool isFinite = high & 0x7f80 != 0x7f80;
        return bytes32(uint256(isFinite ? 1 : 0));
    }

    /// @dev The entry of state `position.node` after the step.
    function _sink(Question calldata question, Position calldata position, Reader.Cursor memory cursor)
        private
        view
        returns (bytes32)
    {
        uint256 state = position.node;
        bytes calldata declaration = Reader.counted(cursor);
        bytes32 leaf = Reader.hash(Reader.TAG_DECLARATION, declaration);
        Reader.checkLeaf(cursor, question.states, question.stateCount, state, leaf);
        uint256 sink = Reader.u32(cursor);
        Reader.checkLeaf(cursor, question.sinks, question.stateCount, state, Merkle.total(sink));
        bytes32 root = Reader.digest(cursor);
        Reader.checkLeaf(cursor, position.traceA, question.nodeCount, sink, root);
        return Merkle.ofBytes(abi.encodePacked(uint8(Reader.TAG_STATE_ENTRY), declaration, root));
    }

    /// @dev The output root of a state or table node.
    function _source(
        Question calldata question,
        Position calldata position,
        ClaimRoots calldata roots,
        Reader.Cursor memory cursor
    ) private view returns (bytes32 root) {
        Operator.Header memory node = Nodes.header(question, position, cursor);
        uint256 index = Index.u32(node.cursor);
        if (node.tag == Operator.TABLE) {
            root = Reader.digest(cursor);
            Reader.checkLeaf(cursor, question.tables, question.tableCount, index, root);
            return root;
        }
        if (node.tag != Operator.STATE) revert NotASource(node.tag);
        bytes32 state = question.start;
        if (position.step != 0) {
            Claim memory claim = _claim(roots, cursor);
            (state,) = _step(claim, position.step - 1, cursor);
        }
        bytes calldata entry = Reader.counted(cursor);
        if (entry.length < 32) revert EntryTooShort(entry.length);
        Reader.checkLeaf(cursor, state, question.stateCount, index, Reader.hash(Reader.TAG_STATE_ENTRY, entry));
        return bytes32(entry[entry.length - 32:]);
    }

    /// @dev dtype · 2^64 + element count of the node at the place.
    function _shape(Question calldata question, Position calldata position, Reader.Cursor memory cursor)
        private
        view
        returns (bytes32)
    {
        Operator.Header memory node = _node(question, position, cursor);
        return bytes32(node.dtype << 64 | Operator.elementCount(node));
    }

    /// @dev The element's word in the output of the last node of the composite's body.
    function _rowEnd(Question calldata question, Position calldata position, Reader.Cursor memory cursor)
        private
        view
        returns (bytes32)
    {
        Operator.Header memory node = Nodes.header(question, position, cursor);
        if (node.tag != Operator.COMPOSITE) revert Nodes.NoComposite(node.tag);
        uint256 count = Index.u32(node.cursor + 8);
        Tensors.Opened[] memory opened = Tensors.open(cursor, position.rowA, count, count);
        Tensors.Opened memory last = Tensors.find(opened, true, count - 1);
        return bytes32(Tensors.read(last, position.element % Index.u64(node.cursor)));
    }

    /// @dev The rule that the node at the place breaks; 0 if none.
    function _malformed(Question calldata question, Position calldata position, Reader.Cursor memory cursor)
        private
        view
        returns (uint256)
    {
        (uint256 start, uint256 length) = Nodes.open(question, position.node, cursor);
        Rules.Context memory known;
        known.node = position.node;
        known.states = question.stateCount;
        known.tables = question.tableCount;
        uint256 count = Reader.u32(cursor);
        if (count > Tensors.TENSOR_LIMIT) revert Tensors.TooManyOpened(count, Tensors.TENSOR_LIMIT);
        known.typed = new uint256[](count);
        known.dtypes = new uint256[](count);
        for (uint256 i = 0; i < count; i++) {
            uint256 node = Reader.u32(cursor);
            (uint256 place,) = Nodes.open(question, node, cursor);
            known.typed[i] = node;
            known.dtypes[i] = Index.u8(place + 2 + Index.u16(place));
        }
        return Rules.broken(start, length, known);
    }

    /// @dev The node at the place, of the program or of the body.
    function _node(Question calldata question, Position calldata position, Reader.Cursor memory cursor)
        private
        view
        returns (Operator.Header memory node)
    {
        node = Nodes.header(question, position, cursor);
        if (Nodes.isInRow(position)) (node,) = Nodes.inBody(node, position);
    }

    /// @dev Reads the parts of one side's claim: side u8, state root, count u64, top of its steps.
    function _claim(ClaimRoots calldata roots, Reader.Cursor memory cursor) private view returns (Claim memory claim) {
        bool isB = Reader.side(cursor);
        claim.state = Reader.digest(cursor);
        claim.count = Reader.u64(cursor);
        claim.top = Reader.digest(cursor);
        bytes32 expected = isB ? roots.b : roots.a;
        bytes32 found = Merkle.two(Merkle.TAG_SEGMENT, claim.state, Merkle.listRoot(claim.count, claim.top));
        if (found != expected) revert OtherClaim(found, expected);
        if (claim.count == 0) revert Merkle.NoLeaf();
    }

    /// @dev Reads siblings; refuses unless step `index` is absent from the claim's tree over all `stepCount` steps. The claim's own count
    /// proves nothing: it may be smaller than its tree's.
    function _checkAbsent(Claim memory claim, uint256 stepCount, uint256 index, Reader.Cursor memory cursor) private view {
        bytes32 found = Reader.topOf(cursor, stepCount, index, 0);
        bytes32 top = claim.top;
        uint256 height = Merkle.height(stepCount);
        for (uint256 level = Merkle.height(claim.count); level < height; level++) top = Merkle.join(top, 0);
        if (found != top) revert Merkle.WrongRoot(found, top);
    }

    /// @dev Reads state root, trace root and siblings of step `index` of a claim.
    function _step(Claim memory claim, uint256 index, Reader.Cursor memory cursor)
        private
        view
        returns (bytes32 state, bytes32 trace)
    {
        state = Reader.digest(cursor);
        trace = Reader.digest(cursor);
        bytes32 found = Reader.topOf(cursor, claim.count, index, Merkle.two(Merkle.TAG_STEP, state, trace));
        if (found != claim.top) revert Merkle.WrongRoot(found, claim.top);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Merkle} from "./Merkle.sol";
import {Offsets} from "./Offsets.sol";
import {Pair, Position, Positions, Question, Stage, Stages} from "./Position.sol";
import {Before, Choice, Commitment, Descent, Head, OpenedClaim, Parts} from "./interfaces/IDispute.sol";
import {JudgeKind, NodeKind, Structure} from "./interfaces/IReferee.sol";

using Positions for Position;

/// @title What a move does to a position (docs/spec/dispute.md §3 and §4)
/// @dev `turn` is the mover's side throughout; clocks and the change of turn are not done here. A side shows what hashes to the
/// digest that it is held to; a choice names the first child that differs, which is forced. So a position never holds anything
/// that its sides did not commit to before.
library Moves {
    /// @notice The move lacks this part (one of the bits below), for which the place asks.
    error MissingPart(uint256 part);
    /// @notice The move has parts (bits) for which the place does not ask.
    error UnusedParts(uint256 parts);
    /// @notice Only `width` children are shown.
    error ChildBeyondEnd(uint256 child, uint256 width);
    /// @notice Both sides hold the same child.
    error SameChild(bytes32 child);
    /// @notice The tree has `expected` nodes there.
    error WrongNodeCount(uint256 given, uint256 expected);
    /// @notice The words there have `expected` bytes.
    error WrongLength(uint256 given, uint256 expected);
    /// @notice The page has `count` elements.
    error OffsetBeyondEnd(uint256 offset, uint256 count);
    /// @notice Both pages have this word there.
    error SameWord(uint256 word);
    /// @notice A word has 32 bits.
    error WordTooLarge(bytes32 word);
    /// @notice Such a node has no totals and no row.
    error NothingToUnfold(NodeKind kind);

    uint256 private constant PARTS = 1;
    uint256 private constant HEAD = 2;
    uint256 private constant COMMITMENT = 4;
    uint256 private constant CHOICE = 8;
    uint256 private constant NODES = 16;
    uint256 private constant WORDS = 32;
    uint256 private constant BEFORE = 64;

    uint256 private constant PAGE_WORDS = 256;
    uint256 private constant LANES = 16;

    /// @dev Goes on in a tree, or into one that the other side has just shown the head of.
    function descend(Position memory position, Question calldata question, Descent calldata move) internal view {
        uint256 given = _given(move);
        uint256 used = _enter(position, question, move, given);
        if (_isTree(position.stage)) {
            if (position.shown != 0) {
                used |= _need(given, CHOICE);
                _choose(position, move.choice);
            }
            used |= position.level == 0 ? _leaf(position, question, move, given) : _show(position, move.nodes, given);
        }
        if (given & ~used != 0) revert UnusedParts(given & ~used);
    }

    /// @dev Where two claims of different roots differ: in the trees over their steps, in the number of steps, or in the state after them.
    function begin(Position memory position, Question calldata question, OpenedClaim calldata a, OpenedClaim calldata b)
        internal
        view
    {
        uint256 height = Merkle.height(question.stepCount);
        bytes32 topA = _pad(a, height);
        bytes32 topB = _pad(b, height);
        position.setBoth(Positions.HELD, topA, topB);
        if (topA != topB) {
            position.enter(Stages.STEPS, question.stepCount);
        } else if (a.count != b.count) {
            // One tree for both, so one of them denies a leaf that is in it, or counts one that is not.
            position.step = a.count < b.count ? a.count : b.count;
            end(position, a.count < b.count, b.count < a.count);
        } else {
            position.step = a.count - 1;
            position.setBoth(Positions.HELD, a.state, b.state);
            position.stage = Stages.SEGMENT_END;
        }
    }

    /// @dev Whether a stage is moved by `descend`.
    function isDescent(Stage stage) internal pure returns (bool) {
        return _isTree(stage) || stage == Stages.PARTS || stage == Stages.HEAD || stage == Stages.TOTALS_HEAD
            || stage == Stages.ROW_HEAD;
    }

    /// @dev Whether the referee may be asked this at the position.
    function isJudged(Position memory position, JudgeKind kind) internal pure returns (bool) {
        Stage stage = position.stage;
        uint256 number = Stage.unwrap(stage);
        bool below = number >= Stage.unwrap(Stages.HEAD) && number <= Stage.unwrap(Stages.LANE_FOLD);
        if (kind == JudgeKind.Ended) return stage == Stages.ENDED;
        if (kind == JudgeKind.Sink) return stage == Stages.SINK;
        if (kind == JudgeKind.Source) return below && !(stage == Stages.ROW_HEAD) && !position.inRow();
        if (kind == JudgeKind.Shape) return stage == Stages.SHAPE;
        if (kind == JudgeKind.Map) return stage == Stages.ELEMENT;
        if (kind == JudgeKind.Block) return stage == Stages.BLOCK;
        if (kind == JudgeKind.Lane) return stage == Stages.LANE;
        if (kind == JudgeKind.LaneFold) return stage == Stages.LANE_FOLD;
        if (kind == JudgeKind.RowEnd) return stage == Stages.ROW_END;
        if (kind == JudgeKind.SegmentEnd) return stage == Stages.SEGMENT_END;
        return below || stage == Stages.SHAPE || stage == Stages.ROW_END;
    }

    /// @dev Whether an operand of the leaf may be kept for it.
    function isKept(JudgeKind kind) internal pure returns (bool) {
        return kind == JudgeKind.Map || kind == JudgeKind.Block || kind == JudgeKind.Lane;
    }

    /// @dev What the sides say that the truth is.
    function values(Position memory position, JudgeKind kind) internal pure returns (bytes32 a, bytes32 b) {
        Pair pair = Positions.HELD;
        if (kind == JudgeKind.Source) pair = Positions.NODE;
        else if (kind == JudgeKind.Map) pair = position.words();
        else if (kind == JudgeKind.RowEnd) pair = Positions.WORD;
        return (position.get(pair, 0), position.get(pair, 1));
    }

    /// @dev One side says that the job had ended before the step: 0 for it, 1 for the other.
    function end(Position memory position, bool a, bool b) internal pure {
        position.depart(Stages.ENDED);
        position.setBoth(Positions.HELD, bytes32(uint256(a ? 0 : 1)), bytes32(uint256(b ? 0 : 1)));
    }

    /// @dev At a page: both sides' words, and one that differs.
    function point(Position memory position, uint256 offset, bytes calldata own, bytes calldata other) internal view {
        uint256 side = position.turn;
        uint256 element = position.inRow() ? position.bodyElement : position.element;
        uint256 count = _pageWords(position.elements, element);
        _checkPage(own, count, position.get(Positions.HELD, side));
        _checkPage(other, count, position.get(Positions.HELD, 1 - side));
        if (offset >= count) revert OffsetBeyondEnd(offset, count);
        uint256 ownWord = _littleEndian(own, offset);
        uint256 otherWord = _littleEndian(other, offset);
        if (ownWord == otherWord) revert SameWord(ownWord);
        Pair words = position.words();
        position.set(words, side, bytes32(ownWord));
        position.set(words, 1 - side, bytes32(otherWord));
        if (position.inRow()) position.bodyElement = uint64(element + offset);
        else position.element = uint64(element + offset);
        position.setBoth(Positions.HELD, 0, 0);
        position.dtype = 0;
        position.elements = 0;
        position.stage = Stages.ELEMENT;
    }

    /// @dev Whether an element is one block of a fold.
    function isBlock(Structure memory structure) internal pure returns (bool) {
        return _isFold(structure.kind) && structure.blocks == 1;
    }

    /// @dev Refuses a node of which an element is not made of parts, and a composite in a composite.
    function checkUnfolds(Position memory position, Structure memory structure) internal pure {
        NodeKind kind = structure.kind;
        bool unfolds = kind == NodeKind.Composite
            ? structure.bodyNodes != 0 && !position.inRow()
            : _isFold(kind) && structure.blocks != 0;
        if (!unfolds) revert NothingToUnfold(kind);
    }

    /// @dev At an element of a fold of one block: the totals are the words.
    function unfoldBlock(
        Position memory position,
        Structure memory structure,
        Commitment calldata commitment,
        bytes32[] calldata nodes
    ) internal pure {
        uint256 unused = nodes.length != 0 ? NODES : 0;
        if (_isGiven(commitment)) unused |= COMMITMENT;
        if (unused != 0) revert UnusedParts(unused);
        Pair words = position.words();
        position.setBoth(Positions.HELD, position.get(words, 0), position.get(words, 1));
        position.stage = structure.kind == NodeKind.Lanes ? Stages.LANES : Stages.BLOCK;
    }

    /// @dev At an element of a longer fold or a composite: the mover's totals or row, and the first level of it.
    function unfold(
        Position memory position,
        Structure memory structure,
        Commitment calldata commitment,
        bytes32[] calldata nodes
    ) internal view {
        if (!_isGiven(commitment)) revert MissingPart(COMMITMENT);
        if (structure.kind == NodeKind.Composite) {
            position.enter(Stages.ROW_HEAD, structure.bodyNodes);
            _commitRow(position, commitment);
        } else {
            position.enter(Stages.TOTALS_HEAD, structure.blocks);
            position.laned = structure.kind == NodeKind.Lanes ? 1 : 0;
            _commitTotals(position, commitment);
        }
        if (position.level != 0) _show(position, nodes, nodes.length != 0 ? NODES : 0);
        else if (nodes.length != 0) revert UnusedParts(NODES);
    }

    /// @dev At the only block of a sum or maximum: the mover's lanes.
    function showLanes(Position memory position, uint32[16] calldata lanes) internal view {
        _showLanes(position, lanes);
    }

    /// @dev Answers lanes: the first that differs, or none.
    function compareLanes(Position memory position, uint32[16] calldata own, uint32[16] calldata other) internal view {
        bytes32 found = _hashLanes(other);
        if (found != position.lanes) revert Merkle.WrongDigest(found, position.lanes);
        for (uint256 lane = 0; lane < 16; lane++) {
            if (own[lane] == other[lane]) continue;
            uint256 side = position.turn;
            position.set(Positions.HELD, side, bytes32(uint256(own[lane])));
            position.set(Positions.HELD, 1 - side, bytes32(uint256(other[lane])));
            position.lane = uint8(lane);
            position.lanes = 0;
            position.total = 0;
            position.stage = Stages.LANE;
            return;
        }
        position.stage = Stages.LANE_FOLD;
    }

    /// @dev The top of a claim's steps as a tree over the whole segment's.
    function _pad(OpenedClaim calldata claim, uint256 height) private view returns (bytes32 top) {
        top = claim.stepsTop;
        for (uint256 level = Merkle.height(claim.count); level < height; level++) top = Merkle.join(top, 0);
    }

    function _isTree(Stage stage) private pure returns (bool) {
        return stage == Stages.STEPS || stage == Stages.TRACE || stage == Stages.STATE || stage == Stages.PAGES
            || stage == Stages.TOTALS;
    }

    /// @dev Answers a head that the other side has shown, if that is what the stage waits for, and enters the tree below it.
    function _enter(Position memory position, Question calldata question, Descent calldata move, uint256 given)
        private
        view
        returns (uint256 used)
    {
        Stage stage = position.stage;
        if (stage == Stages.PARTS) {
            used = _need(given, PARTS);
            _answerParts(position, question, move.parts);
        } else if (stage == Stages.HEAD) {
            used = _need(given, HEAD);
            _answerHead(position, move.head);
        } else if (stage == Stages.TOTALS_HEAD) {
            used = _need(given, COMMITMENT);
            _commitTotals(position, move.commitment);
            position.stage = Stages.TOTALS;
        } else if (stage == Stages.ROW_HEAD) {
            used = _need(given, COMMITMENT);
            _commitRow(position, move.commitment);
            if (position.a != position.b) {
                position.stage = Stages.TRACE;
            } else {
                position.depart(Stages.ROW_END);
                position.setBoth(Positions.HELD, 0, 0);
            }
        }
    }

    /// @dev The other side has shown its parts, which stand in its fields: the traces differ, or the states do.
    function _answerParts(Position memory position, Question calldata question, Parts calldata parts) private view {
        uint256 side = position.turn;
        bytes32 trace = _checkParts(question, parts, position.get(Positions.HELD, side));
        bytes32 otherState = position.get(Positions.NODE, 1 - side);
        position.set(Positions.TRACE, side, trace);
        position.setBoth(Positions.NODE, 0, 0);
        if (position.traceA != position.traceB) {
            position.set(Positions.HELD, side, parts.traceTop);
            position.enter(Stages.TRACE, question.nodeCount);
        } else {
            position.set(Positions.HELD, side, parts.stateTop);
            position.set(Positions.HELD, 1 - side, otherState);
            position.enter(Stages.STATE, question.stateCount);
        }
    }

    /// @dev The other side has shown its tensor's head: the pages differ, or the shapes do.
    function _answerHead(Position memory position, Head calldata head) private view {
        uint256 side = position.turn;
        _checkHead(head, position.get(Positions.HELD, side));
        if (head.dtype == position.dtype && head.elements == position.elements) {
            position.set(Positions.HELD, side, head.top);
            position.enter(Stages.PAGES, (uint256(head.elements) + PAGE_WORDS - 1) / PAGE_WORDS);
        } else {
            position.set(Positions.HELD, side, _shape(head.dtype, head.elements));
            position.set(Positions.HELD, 1 - side, _shape(position.dtype, position.elements));
            position.dtype = 0;
            position.elements = 0;
            position.stage = Stages.SHAPE;
        }
    }

    /// @dev The mover's totals: a list whose last leaf is the element.
    function _commitTotals(Position memory position, Commitment calldata commitment) private view {
        uint256 side = position.turn;
        uint256 count = position.count;
        bytes32 last = Merkle.total(uint256(position.get(position.words(), side)));
        bytes32 found = Merkle.topOfOne(count, count - 1, last, commitment.siblings);
        if (found != commitment.top) revert Merkle.WrongDigest(found, commitment.top);
        position.set(Positions.HELD, side, commitment.top);
        position.set(Positions.TOTALS, side, Merkle.listRoot(count, commitment.top));
    }

    /// @dev The mover's row: a list of the body's outputs, of which nothing is known yet.
    function _commitRow(Position memory position, Commitment calldata commitment) private view {
        uint256 side = position.turn;
        if (commitment.siblings.length != 0) revert Merkle.WrongSiblingCount(commitment.siblings.length, 0);
        position.set(Positions.HELD, side, commitment.top);
        position.set(Positions.ROW, side, Merkle.listRoot(position.count, commitment.top));
    }

    /// @dev Goes down to the child named, in both trees.
    function _choose(Position memory position, Choice calldata choice) private view {
        uint256 side = position.turn;
        uint256 depth = position.shown;
        uint256 level = position.level - depth;
        uint256 index = (uint256(position.index) << depth) | choice.child;
        uint256 width = Merkle.widthOf(position.count, level);
        if (choice.child >> depth != 0 || index >= width) revert ChildBeyondEnd(choice.child, width);
        if (choice.own == choice.other) revert SameChild(choice.own);
        uint256 expected = _siblings(index, width, depth);
        if (choice.siblings.length != expected) {
            revert Merkle.WrongSiblingCount(choice.siblings.length, expected);
        }
        bool words = position.stage == Stages.TOTALS && level == 0;
        bytes32 own = words ? _totalLeaf(choice.own) : choice.own;
        bytes32 other = words ? _totalLeaf(choice.other) : choice.other;
        (own, other) = _climb(own, other, index, width, depth, choice.siblings);
        _same(own, position.get(Positions.HELD, side));
        _same(other, position.get(Positions.HELD, 1 - side));
        position.set(Positions.HELD, side, choice.own);
        position.set(Positions.HELD, 1 - side, choice.other);
        position.level = uint8(level);
        position.index = uint64(index);
        position.shown = 0;
    }

    /// @dev How many siblings a choice has: one on the left, two on the right, none where the tree has no node.
    function _siblings(uint256 index, uint256 width, uint256 depth) private pure returns (uint256 count) {
        unchecked {
            for (; depth > 0; depth--) {
                if (index & 1 != 0) count += 1;
                else if (index + 1 < width) count += 2;
                index >>= 1;
                width = (width + 1) >> 1;
            }
        }
    }

    /// @dev Where two children lead `depth` levels up. Their left siblings are the same, so all leaves before them are.
    function _climb(
        bytes32 own,
        bytes32 other,
        uint256 index,
        uint256 width,
        uint256 depth,
        bytes32[] calldata siblings
    ) private view returns (bytes32, bytes32) {
        unchecked {
            uint256 taken;
            for (; depth > 0; depth--) {
                if (index & 1 != 0) {
                    bytes32 left = siblings[taken++];
                    own = Merkle.join(left, own);
                    other = Merkle.join(left, other);
                } else if (index + 1 < width) {
                    own = Merkle.join(own, siblings[taken]);
                    other = Merkle.join(other, siblings[taken + 1]);
                    taken += 2;
                } else {
                    own = Merkle.join(own, 0);
                    other = Merkle.join(other, 0);
                }
                index >>= 1;
                width = (width + 1) >> 1;
            }
        }
        return (own, other);
    }

    function _show(Position memory position, bytes32[] calldata nodes, uint256 given)
        private
        view
        returns (uint256 used)
    {
        used = _need(given, NODES);
        _showNodes(position, nodes);
    }

    /// @dev The mover's nodes some levels below the place.
    function _showNodes(Position memory position, bytes32[] calldata nodes) private view {
        uint256 depth = Positions.depth(position.level);
        uint256 level = position.level - depth;
        uint256 expected = Merkle.widthOf(position.count, level) - (uint256(position.index) << depth);
        if (expected > 1 << depth) expected = 1 << depth;
        if (nodes.length != expected) revert WrongNodeCount(nodes.length, expected);
        bytes32[] memory copy = nodes;
        bool words = level == 0 && (position.stage == Stages.TOTALS || position.stage == Stages.TOTALS_HEAD);
        if (words) for (uint256 i = 0; i < copy.length; i++) copy[i] = _totalLeaf(copy[i]);
        _same(Merkle.fold(copy, depth), position.get(Positions.HELD, position.turn));
        position.shown = uint8(depth);
    }

    /// @dev At a leaf: what its stage asks of the mover.
    function _leaf(Position memory position, Question calldata question, Descent calldata move, uint256 given)
        private
        view
        returns (uint256 used)
    {
        Stage stage = position.stage;
        uint256 index = position.index;
        if (stage == Stages.STEPS) {
            position.step = uint64(index);
            if (position.a == 0 || position.b == 0) {
                end(position, position.a == 0, position.b == 0);
            } else {
                used = _need(given, PARTS);
                _showParts(position, question, move.parts);
            }
        } else if (stage == Stages.TRACE) {
            used = _need(given, HEAD);
            _showHead(position, move.head);
        } else if (stage == Stages.STATE) {
            position.node = uint32(index);
            position.depart(Stages.SINK);
        } else if (stage == Stages.PAGES) {
            used = _need(given, WORDS);
            uint256 element = PAGE_WORDS * index;
            uint256 count = _pageWords(position.elements, element);
            _checkPage(move.words, count, position.get(Positions.HELD, position.turn));
            if (position.inRow()) position.bodyElement = uint64(element);
            else position.element = uint64(element);
            position.depart(Stages.PAGE);
        } else {
            if (index != 0) {
                used = _need(given, BEFORE);
                _showBefore(position, move.before);
            }
            position.blockNumber = uint64(index);
            position.setBoth(Positions.TOTALS, 0, 0);
            position.depart(Stages.BLOCK);
            if (position.laned != 0) {
                used |= _need(given, WORDS);
                position.laned = 0;
                _showLanes(position, _lanes(move.words));
            }
        }
    }

    /// @dev Until the other side answers, the mover's trace top, trace root and state top stand in its fields.
    function _showParts(Position memory position, Question calldata question, Parts calldata parts) private view {
        uint256 side = position.turn;
        bytes32 trace = _checkParts(question, parts, position.get(Positions.HELD, side));
        position.set(Positions.HELD, side, parts.traceTop);
        position.set(Positions.TRACE, side, trace);
        position.set(Positions.NODE, side, parts.stateTop);
        position.depart(Stages.PARTS);
    }

    function _showHead(Position memory position, Head calldata head) private view {
        uint256 side = position.turn;
        _checkHead(head, position.get(Positions.HELD, side));
        if (position.inRow()) {
            position.bodyNode = uint32(position.index);
        } else {
            position.node = uint32(position.index);
            position.setBoth(Positions.NODE, position.a, position.b);
        }
        position.set(Positions.HELD, side, head.top);
        position.dtype = head.dtype;
        position.elements = head.elements;
        position.depart(Stages.HEAD);
    }

    /// @dev The total before the block, which both sides' totals have: opened against the mover's.
    function _showBefore(Position memory position, Before calldata before) private view {
        uint256 index = position.index - 1;
        uint256 count = position.count;
        bytes32 top = Merkle.topOfOne(count, index, Merkle.total(before.word), before.siblings);
        _same(Merkle.listRoot(count, top), position.get(Positions.TOTALS, position.turn));
        position.total = before.word;
    }

    /// @dev Refuses parts that are not those of the leaf; its trace root.
    function _checkParts(Question calldata question, Parts calldata parts, bytes32 leaf)
        private
        view
        returns (bytes32 trace)
    {
        trace = Merkle.listRoot(question.nodeCount, parts.traceTop);
        _same(Merkle.two(Merkle.TAG_STEP, Merkle.listRoot(question.stateCount, parts.stateTop), trace), leaf);
    }

    function _checkHead(Head calldata head, bytes32 tensor) private view {
        _same(Merkle.tensorRoot(head.dtype, head.elements, head.top), tensor);
    }

    function _checkPage(bytes calldata page, uint256 count, bytes32 expected) private view {
        if (page.length != 4 * count) revert WrongLength(page.length, 4 * count);
        uint256 cursor;
        assembly ("memory-safe") {
            cursor := add(mload(0x40), 32)
            calldatacopy(cursor, page.offset, page.length)
        }
        _same(Merkle.tagged(Merkle.TAG_PAGE, cursor, page.length), expected);
    }

    /// @dev Words of the page that begins at an element.
    function _pageWords(uint256 elements, uint256 first) private pure returns (uint256) {
        if (first >= elements) return 0;
        return elements - first < PAGE_WORDS ? elements - first : PAGE_WORDS;
    }

    function _shape(uint256 dtype, uint256 elements) private pure returns (bytes32) {
        return bytes32((dtype << 64) + elements);
    }

    function _totalLeaf(bytes32 word) private view returns (bytes32) {
        if (uint256(word) >> 32 != 0) revert WordTooLarge(word);
        return Merkle.total(uint256(word));
    }

    function _showLanes(Position memory position, uint32[LANES] memory lanes) private view {
        position.lanes = _hashLanes(lanes);
        position.stage = Stages.LANES_SHOWN;
    }

    /// @dev Lanes that lie as a page's words do.
    function _lanes(bytes calldata words) private pure returns (uint32[LANES] memory lanes) {
        if (words.length != 4 * LANES) revert WrongLength(words.length, 4 * LANES);
        for (uint256 lane = 0; lane < LANES; lane++) lanes[lane] = uint32(_littleEndian(words, lane));
    }

    /// @dev In memory each lane is a word.
    function _hashLanes(uint32[LANES] memory lanes) private view returns (bytes32) {
        uint256 cursor;
        assembly ("memory-safe") {
            cursor := lanes
        }
        return Merkle.tagged(Merkle.TAG_POSITION, cursor, 32 * LANES);
    }

    /// @dev The word of a page, as it lies in memory there.
    function _littleEndian(bytes calldata page, uint256 offset) private pure returns (uint256 word) {
        unchecked {
            for (uint256 i = 4; i > 0; i--) word = (word << 8) | uint8(page[4 * offset + i - 1]);
        }
    }

    function _same(bytes32 found, bytes32 expected) private pure {
        if (found != expected) revert Merkle.WrongDigest(found, expected);
    }

    function _need(uint256 given, uint256 part) private pure returns (uint256) {
        if (given & part == 0) revert MissingPart(part);
        return part;
    }

    /// @dev The parts that are there: those with a byte that is not 0, or with a list that is not empty.
    function _given(Descent calldata move) private pure returns (uint256 parts) {
        uint256 offsets;
        assembly ("memory-safe") {
            // Of five parts, after the five words of those of fixed size.
            for { let at := add(move, 160) } lt(at, add(move, 320)) { at := add(at, 32) } {
                offsets := or(offsets, calldataload(at))
            }
        }
        Offsets.check(offsets);
        if (move.parts.traceTop | move.parts.stateTop != 0) parts |= PARTS;
        Head calldata head = move.head;
        if (head.top != 0 || uint256(head.dtype) | head.elements != 0) parts |= HEAD;
        if (_isGiven(move.commitment)) parts |= COMMITMENT;
        Choice calldata choice = move.choice;
        Before calldata before = move.before;
        assembly ("memory-safe") {
            offsets := or(calldataload(add(choice, 96)), calldataload(add(before, 32)))
        }
        Offsets.check(offsets);
        if (choice.own | choice.other != 0 || uint256(choice.child) | choice.siblings.length != 0) parts |= CHOICE;
        if (move.nodes.length != 0) parts |= NODES;
        if (move.words.length != 0) parts |= WORDS;
        if (uint256(before.word) | before.siblings.length != 0) parts |= BEFORE;
    }

    function _isGiven(Commitment calldata commitment) private pure returns (bool) {
        uint256 offset;
        assembly ("memory-safe") {
            offset := calldataload(add(commitment, 32))
        }
        Offsets.check(offset);
        return commitment.top != 0 || commitment.siblings.length != 0;
    }

    function _isFold(NodeKind kind) private pure returns (bool) {
        return kind == NodeKind.Product || kind == NodeKind.Lanes;
    }
}

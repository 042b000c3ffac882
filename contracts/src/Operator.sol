// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Index} from "./Index.sol";
import {Num} from "./Num.sol";
import {Scalar} from "./Scalar.sol";
import {Tensors} from "./Tensors.sol";

/// @title One element of a map, or one block of a fold, from a node's canonical bytes (docs/spec/program.md §3 and §5)
/// @dev Cursors are memory addresses inside the node's bytes; `skipNode` bounds them before anything is evaluated.
library Operator {
    /// @notice A node has no such kind, or a composite stands in a composite's body.
    error UnknownNodeKind(uint256 tag);
    /// @notice There is no such kind of input.
    error UnknownInput(uint256 tag);
    /// @notice There is no such kind of fold.
    error UnknownFold(uint256 kind);
    /// @notice There is no such relation of a predicate.
    error UnknownRelation(uint256 relation);
    /// @notice A shape has an extent of 0 or more than the permitted number of dimensions.
    error BadShape(uint256 dimension, uint256 extent);
    /// @notice A product has two inputs and no scalar program.
    error BadProduct(uint256 inputs, uint256 instructions);
    /// @notice At most `limit` inputs and registers.
    error TooManyRegisters(uint256 inputs, uint256 instructions, uint256 limit);
    /// @notice The element lies beyond the end of the node's output.
    error ElementBeyondEnd(uint256 element);
    /// @notice The fold has `blocks` blocks; a map has one, number 0.
    error BlockBeyondEnd(uint256 blockNumber, uint256 blocks);

    uint256 internal constant STATE = 0;
    uint256 internal constant TABLE = 1;
    uint256 internal constant MAP = 2;
    uint256 internal constant FOLD = 3;
    uint256 internal constant COMPOSITE = 4;

    uint256 internal constant BLOCK_TERMS = 256;
    uint256 internal constant LANES = 16;
    uint256 internal constant MAX_RANK = 6;

    uint256 private constant PRODUCT = 0;
    uint256 private constant SUM = 1;
    uint256 private constant MAX = 2;

    uint256 private constant OUTER_ELEMENT = 0;
    uint256 private constant BODY_ELEMENT = 1;
    uint256 private constant INDEX_VALUE = 2;

    /// @dev A node's fields up to its kind; `cursor` is the cursor behind the tag.
    struct Header {
        uint256 dtype;
        uint256[] shape;
        uint256 tag;
        uint256 cursor;
    }

    /// @dev An input, or a side of a predicate: an index map and what is read there. The index of the block's term k is
    /// `first + stride · k`, unless `nested`: then the map is evaluated for every term.
    struct Slot {
        uint256 kind;
        uint256 map;
        uint256 first;
        uint256 stride;
        bool nested;
        Tensors.Opened tensor;
    }

    /// @dev Inputs and the scalar program on them. `registers` has room for all its registers.
    struct Program {
        Slot[] inputs;
        uint256 code;
        uint256 instructions;
        uint256 registers;
    }

    /// @dev A block of a fold: its first term, the number of terms, and a bit for each that the predicate keeps.
    struct Block {
        uint256 start;
        uint256 terms;
        uint256 kept;
    }

    /// @dev The header of the node at cursor `cursor`.
    function header(uint256 cursor) internal pure returns (Header memory node) {
        unchecked {
            cursor += 2 + Index.u16(cursor);
            node.dtype = Index.u8(cursor);
            uint256 rank = Index.u8(cursor + 1);
            if (rank > MAX_RANK) revert BadShape(rank, 0);
            node.shape = new uint256[](rank);
            cursor += 2;
            for (uint256 d = 0; d < rank; d++) {
                uint256 extent = Index.u64(cursor);
                if (extent == 0) revert BadShape(d, 0);
                node.shape[d] = extent;
                cursor += 8;
            }
            node.tag = Index.u8(cursor);
            node.cursor = cursor + 1;
        }
    }

    /// @dev The cursor behind the node at `cursor`. Composites are walked through, once.
    function skipNode(uint256 cursor, bool inBody) internal pure returns (uint256) {
        unchecked {
            Header memory node = header(cursor);
            cursor = node.cursor;
            if (node.tag == STATE || node.tag == TABLE) return cursor + 4;
            if (node.tag == MAP) return _skipProgram(cursor);
            if (node.tag == FOLD) {
                uint256 predicate = Index.u8(cursor + 9);
                cursor += 10;
                if (predicate != 0) {
                    (cursor,,) = Index.scan(cursor);
                    (cursor,,) = Index.scan(cursor);
                }
                return _skipProgram(cursor);
            }
            if (node.tag != COMPOSITE || inBody) revert UnknownNodeKind(node.tag);
            return bodyNode(cursor, Index.u32(cursor + 8));
        }
    }

    /// @dev The cursor of node `index` of the body of the composite whose fields begin at `cursor`; behind its last node for
    /// the count itself.
    function bodyNode(uint256 cursor, uint256 index) internal pure returns (uint256) {
        unchecked {
            cursor += 12;
            for (; index > 0; index--) cursor = skipNode(cursor, true);
            return cursor;
        }
    }

    /// @dev The coordinates of flat index `element`.
    function coordinates(uint256[] memory shape, uint256 element) internal pure returns (uint256[] memory coords) {
        unchecked {
            coords = new uint256[](shape.length);
            uint256 rest = element;
            for (uint256 d = shape.length; d > 0; d--) {
                coords[d - 1] = rest % shape[d - 1];
                rest /= shape[d - 1];
            }
            if (rest != 0) revert ElementBeyondEnd(element);
        }
    }

    /// @dev The element of a map at `point`.
    function mapElement(Header memory node, Index.Point memory point) internal pure returns (uint256) {
        unchecked {
            Program memory program = _readProgram(node.cursor, point);
            for (uint256 i = 0; i < program.inputs.length; i++) {
                Slot memory slot = program.inputs[i];
                _store(program.registers + 32 * i, _word(slot, _index(slot, 0, point)));
            }
            return canonical(node.dtype, _run(program));
        }
    }

    /// @dev The total after block `number` of a fold, from the total before it (ignored for block 0, which has its own start).
    function foldBlock(Header memory node, Index.Point memory point, uint256 number, uint256 total)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            uint256 kind = Index.u8(node.cursor);
            if (kind > MAX) revert UnknownFold(kind);
            Block memory span = _span(Index.u64(node.cursor + 1), number);
            point.fold = span.start;
            uint256 cursor = _readPredicate(node.cursor + 9, point, span);
            point.fold = span.start;
            Program memory program = _readProgram(cursor, point);
            if (number == 0) total = kind == MAX ? Num.NEGATIVE_INFINITY : 0;
            if (kind == PRODUCT) return Num.canonical(Num.add(total, _product(program, span, point)));
            if (kind == SUM) return Num.canonical(Num.add(total, _sum(program, span, point)));
            return Num.canonical(Num.max(total, _max(program, span, point)));
        }
    }

    /// @dev The word as it is stored in a tensor of this dtype.
    function canonical(uint256 dtype, uint256 word) internal pure returns (uint256) {
        return dtype == 0 ? Num.canonical(word) : word;
    }

    function _product(Program memory program, Block memory span, Index.Point memory point)
        private
        pure
        returns (uint256 sum)
    {
        unchecked {
            if (program.inputs.length != 2 || program.instructions != 0) {
                revert BadProduct(program.inputs.length, program.instructions);
            }
            (uint256 a, uint256 aStep) = _gather(program.inputs[0], span, point);
            (uint256 b, uint256 bStep) = _gather(program.inputs[1], span, point);
            uint256 kept = span.kept;
            for (uint256 k = span.terms; k > 0; k--) {
                if (kept & 1 != 0) sum = Num.fma(_load(a), _load(b), sum);
                kept >>= 1;
                a += aStep;
                b += bStep;
            }
        }
    }

    function _sum(Program memory program, Block memory span, Index.Point memory point) private pure returns (uint256) {
        unchecked {
            (uint256 values, uint256 step) = _terms(program, span, point);
            uint256[16] memory lanes;
            uint256 kept = span.kept;
            uint256 end = 32 * span.terms;
            for (uint256 offset = 0; offset < end; offset += 32) {
                if (kept & 1 != 0) {
                    uint256 lane;
                    assembly ("memory-safe") {
                        lane := add(lanes, and(offset, 0x1e0))
                    }
                    _store(lane, Num.add(_loadFull(lane), _load(values)));
                }
                kept >>= 1;
                values += step;
            }
            for (uint256 half = LANES / 2; half > 0; half >>= 1) {
                for (uint256 lane = 0; lane < half; lane++) {
                    lanes[lane] = Num.add(lanes[lane], lanes[lane + half]);
                }
            }
            return lanes[0];
        }
    }

    function _max(Program memory program, Block memory span, Index.Point memory point)
        private
        pure
        returns (uint256 greatest)
    {
        unchecked {
            greatest = Num.NEGATIVE_INFINITY;
            (uint256 values, uint256 step) = _terms(program, span, point);
            uint256 kept = span.kept;
            for (uint256 k = span.terms; k > 0; k--) {
                if (kept & 1 != 0) greatest = Num.max(greatest, _load(values));
                kept >>= 1;
                values += step;
            }
        }
    }

    /// @dev The terms of a sum or maximum, in the high end of a memory word every `step` bytes; those that are cut are left
    /// undefined.
    function _terms(Program memory program, Block memory span, Index.Point memory point)
        private
        pure
        returns (uint256 values, uint256 step)
    {
        unchecked {
            uint256 inputs = program.inputs.length;
            uint256[] memory from = new uint256[](inputs);
            uint256[] memory steps = new uint256[](inputs);
            for (uint256 i = 0; i < inputs; i++) (from[i], steps[i]) = _gather(program.inputs[i], span, point);
            if (inputs == 1 && program.instructions == 0) return (from[0], steps[0]);
            values = _allocate(span.terms);
            uint256 kept = span.kept;
            uint256 code = program.code;
            uint256 instructions = program.instructions;
            uint256 registers = program.registers;
            for (uint256 k = 0; k < span.terms; k++) {
                if (kept & 1 != 0) {
                    _fill(registers, from, steps, k);
                    _store(values + 32 * k, Scalar.run(code, instructions, registers, inputs) << 224);
                }
                kept >>= 1;
            }
            return (values, 32);
        }
    }

    /// @dev Fills the input registers with word k of each gathered input.
    function _fill(uint256 register, uint256[] memory from, uint256[] memory steps, uint256 k) private pure {
        assembly ("memory-safe") {
            let toSteps := sub(steps, from)
            let end := add(from, shl(5, mload(from)))
            for { } lt(from, end) { } {
                from := add(from, 32)
                mstore(register, shr(224, mload(add(mload(from), mul(k, mload(add(from, toSteps)))))))
                register := add(register, 32)
            }
        }
    }

    /// @dev What an input gives for each kept term of the block, in the high end of a memory word every `step` bytes.
    function _gather(Slot memory slot, Block memory span, Index.Point memory point)
        private
        pure
        returns (uint256 values, uint256 step)
    {
        if (slot.nested || slot.kind == INDEX_VALUE) return (_gatherEach(slot, span, point), 32);
        values = _inPlace(slot, span);
        return values == 0 ? (_gatherRun(slot, span), 32) : (values, 4 * slot.stride);
    }

    /// @dev Where the block's elements already lie one behind the other, or are one and the same; 0 if they do not, or if not
    /// all of their pages are opened (those of cut terms need not be). Pages that follow each other in the tensor and are
    /// both opened do so in memory.
    function _inPlace(Slot memory slot, Block memory span) private pure returns (uint256 values) {
        unchecked {
            uint256 last = slot.first + slot.stride * (span.terms - 1);
            if (slot.stride > 1 || last >= slot.tensor.count) return 0;
            uint256 words = Tensors.openedPage(slot.tensor, slot.first >> 8);
            if (words == 0) return 0;
            if (last >> 8 != slot.first >> 8 && Tensors.openedPage(slot.tensor, last >> 8) == 0) return 0;
            return words + 4 * (slot.first & 0xff);
        }
    }

    /// @dev Evaluates the index map for every term.
    function _gatherEach(Slot memory slot, Block memory span, Index.Point memory point)
        private
        pure
        returns (uint256 values)
    {
        unchecked {
            values = _allocate(span.terms);
            for (uint256 k = 0; k < span.terms; k++) {
                if ((span.kept >> k) & 1 == 0) continue;
                point.fold = span.start + k;
                (uint256 index,) = Index.evaluate(slot.map, point);
                _store(values + 32 * k, _word(slot, index) << 224);
            }
        }
    }

    /// @dev Reads elements at a stride, finding a page once for as long as they stay in it.
    function _gatherRun(Slot memory slot, Block memory span) private pure returns (uint256 values) {
        unchecked {
            values = _allocate(span.terms);
            Tensors.Opened memory tensor = slot.tensor;
            uint256 count = tensor.count;
            uint256 index = slot.first;
            uint256 stride = slot.stride;
            uint256 page = type(uint256).max;
            uint256 words;
            uint256 kept = span.kept;
            for (uint256 k = 0; k < span.terms; k++) {
                if (kept & 1 != 0) {
                    uint256 word = 0;
                    if (index < count) {
                        if (index >> 8 != page) {
                            page = index >> 8;
                            words = Tensors.pageAddress(tensor, page);
                        }
                        word = Tensors.wordAt(words, index);
                    }
                    _store(values + 32 * k, word << 224);
                }
                kept >>= 1;
                index += stride;
            }
        }
    }

    /// @dev The span of block `number` of a fold over `extent` terms, every term kept.
    function _span(uint256 extent, uint256 number) private pure returns (Block memory span) {
        unchecked {
            span.start = number * BLOCK_TERMS;
            if (span.start >= extent) revert BlockBeyondEnd(number, (extent + BLOCK_TERMS - 1) / BLOCK_TERMS);
            uint256 rest = extent - span.start;
            span.terms = rest < BLOCK_TERMS ? rest : BLOCK_TERMS;
            span.kept = type(uint256).max;
        }
    }

    /// @dev Reads a predicate and clears the bits of the terms that it cuts; the cursor behind it.
    function _readPredicate(uint256 cursor, Index.Point memory point, Block memory span)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256 relation = Index.u8(cursor++);
            if (relation == 0) return cursor;
            if (relation > 3) revert UnknownRelation(relation);
            Slot memory left;
            Slot memory right;
            cursor = _readMap(left, cursor, point);
            cursor = _readMap(right, cursor, point);
            if (left.nested || right.nested) {
                span.kept = _compare(relation, _side(left, span, point), _side(right, span, point), span.terms);
            } else {
                span.kept = _compareAffine(relation, left, right, span.terms);
            }
            return cursor;
        }
    }

    /// @dev A bit for each of the block's terms of which two affine sides are in relation.
    function _compareAffine(uint256 relation, Slot memory left, Slot memory right, uint256 terms)
        private
        pure
        returns (uint256 kept)
    {
        unchecked {
            uint256 l = left.first;
            uint256 r = right.first;
            uint256 lStride = left.stride;
            uint256 rStride = right.stride;
            for (uint256 k = 0; k < terms; k++) {
                if (relation == 1 ? l < r : relation == 2 ? l <= r : l == r) kept |= 1 << k;
                l += lStride;
                r += rStride;
            }
        }
    }

    /// @dev A bit for each of the block's terms of which the sides are in relation.
    function _compare(uint256 relation, uint256 left, uint256 right, uint256 terms) private pure returns (uint256 kept) {
        unchecked {
            for (uint256 k = 0; k < terms; k++) {
                uint256 l = _loadFull(left + 32 * k);
                uint256 r = _loadFull(right + 32 * k);
                if (relation == 1 ? l < r : relation == 2 ? l <= r : l == r) kept |= 1 << k;
            }
        }
    }

    /// @dev A predicate's side for each of the block's terms, one memory word each.
    function _side(Slot memory slot, Block memory span, Index.Point memory point) private pure returns (uint256 values) {
        unchecked {
            values = _allocate(span.terms);
            (bool isRun, Slot memory element) = slot.nested ? _elementRun(slot, point) : (false, slot);
            if (isRun) {
                // A tensor's elements themselves, as in ids[k] = v: no evaluation for each term.
                uint256 from = _gatherRun(element, span);
                for (uint256 k = 0; k < span.terms; k++) _store(values + 32 * k, _load(from + 32 * k));
                return values;
            }
            for (uint256 k = 0; k < span.terms; k++) {
                point.fold = span.start + k;
                _store(values + 32 * k, _index(slot, k, point));
            }
        }
    }

    /// @dev Whether a map is one element of a tensor at an affine index, and where.
    function _elementRun(Slot memory slot, Index.Point memory point) private pure returns (bool, Slot memory element) {
        (bool single, uint256 node, uint256 inner) = Index.singleElement(slot.map);
        if (!single) return (false, element);
        _readMap(element, inner, point);
        if (element.nested) return (false, element);
        element.tensor = Tensors.find(point.outer, false, node);
        return (true, element);
    }

    function _index(Slot memory slot, uint256 k, Index.Point memory point) private pure returns (uint256 index) {
        unchecked {
            if (!slot.nested) return slot.first + slot.stride * k;
            (index,) = Index.evaluate(slot.map, point);
        }
    }

    /// @dev The word that an input gives at an index.
    function _word(Slot memory slot, uint256 index) private pure returns (uint256) {
        return slot.kind == INDEX_VALUE ? index & 0xffffffff : Tensors.read(slot.tensor, index);
    }

    function _run(Program memory program) private pure returns (uint256) {
        return Scalar.run(program.code, program.instructions, program.registers, program.inputs.length);
    }

    /// @dev Reads inputs and scalar program.
    function _readProgram(uint256 cursor, Index.Point memory point) private pure returns (Program memory program) {
        unchecked {
            uint256 count = Index.u8(cursor++);
            program.inputs = new Slot[](count);
            for (uint256 i = 0; i < count; i++) {
                Slot memory slot = program.inputs[i];
                uint256 kind = Index.u8(cursor++);
                if (kind > INDEX_VALUE) revert UnknownInput(kind);
                slot.kind = kind;
                if (kind != INDEX_VALUE) {
                    bool inBody = kind == BODY_ELEMENT;
                    slot.tensor = Tensors.find(inBody ? point.body : point.outer, inBody, Index.u32(cursor));
                    cursor += 4;
                }
                cursor = _readMap(slot, cursor, point);
            }
            uint256 instructions = Index.u8(cursor);
            if (count + instructions > Scalar.MAX_REGISTERS) {
                revert TooManyRegisters(count, instructions, Scalar.MAX_REGISTERS);
            }
            program.instructions = instructions;
            program.code = cursor + 1;
            program.registers = _allocate(count + instructions);
        }
    }

    /// @dev Fills a slot's map; the cursor behind it.
    function _readMap(Slot memory slot, uint256 cursor, Index.Point memory point) private pure returns (uint256 next) {
        slot.map = cursor;
        (next, slot.stride, slot.nested) = Index.scan(cursor);
        if (!slot.nested) (slot.first,) = Index.evaluate(cursor, point);
    }

    /// @dev Memory for `words` words, not cleared.
    function _allocate(uint256 words) private pure returns (uint256 start) {
        assembly ("memory-safe") {
            start := mload(0x40)
            mstore(0x40, add(start, shl(5, words)))
        }
    }

    /// @dev The 4-byte word at an address.
    function _load(uint256 start) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := shr(224, mload(start))
        }
    }

    function _loadFull(uint256 start) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(start)
        }
    }

    function _store(uint256 start, uint256 word) private pure {
        assembly ("memory-safe") {
            mstore(start, word)
        }
    }

    /// @dev The cursor behind inputs and scalar program.
    function _skipProgram(uint256 cursor) private pure returns (uint256) {
        unchecked {
            uint256 count = Index.u8(cursor++);
            for (; count > 0; count--) {
                (cursor,,) = Index.scan(Index.u8(cursor) == INDEX_VALUE ? cursor + 1 : cursor + 5);
            }
            return cursor + 1 + 8 * Index.u8(cursor);
        }
    }
}

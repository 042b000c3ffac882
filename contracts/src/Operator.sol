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

    /// @dev An input, or a side of a predicate: an index map and what is read there. With `stride` known, the index of term k
    /// is `first + stride · (k − first term)`; `nested` maps are evaluated for every term.
    struct Slot {
        uint256 kind;
        uint256 map;
        uint256 first;
        uint256 stride;
        bool nested;
        Tensors.Opened tensor;
    }

    /// @dev What makes a term: inputs, the program on them, and the predicate that may cut it (relation 0: none).
    struct Term {
        Slot[] inputs;
        uint256 code;
        uint256 instructions;
        uint256 registers;
        uint256 relation;
        Slot left;
        Slot right;
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
    function mapElement(Header memory node, Index.Point memory point) internal pure returns (uint256 word) {
        Term memory term;
        _readProgram(term, node.cursor, point);
        _fill(term, 0, point);
        return canonical(node.dtype, Scalar.run(term.code, term.instructions, term.registers, term.inputs.length));
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
            uint256 terms = Index.u64(node.cursor + 1);
            uint256 start = number * BLOCK_TERMS;
            if (start >= terms) revert BlockBeyondEnd(number, (terms + BLOCK_TERMS - 1) / BLOCK_TERMS);
            terms = terms - start < BLOCK_TERMS ? terms - start : BLOCK_TERMS;
            point.fold = start;
            Term memory term = _readFold(node.cursor + 9, point);
            if (kind == PRODUCT && (term.inputs.length != 2 || term.instructions != 0)) {
                revert BadProduct(term.inputs.length, term.instructions);
            }
            uint256 result;
            if (kind == PRODUCT) result = _product(term, terms, start, point);
            else if (kind == SUM) result = _sum(term, terms, start, point);
            else result = _max(term, terms, start, point);
            if (number == 0) total = kind == MAX ? Num.NEGATIVE_INFINITY : 0;
            total = kind == MAX ? Num.max(total, result) : Num.add(total, result);
            return Num.canonical(total);
        }
    }

    /// @dev The word as it is stored in a tensor of this dtype.
    function canonical(uint256 dtype, uint256 word) internal pure returns (uint256) {
        return dtype == 0 ? Num.canonical(word) : word;
    }

    function _product(Term memory term, uint256 terms, uint256 start, Index.Point memory point)
        private
        pure
        returns (uint256 sum)
    {
        unchecked {
            for (uint256 k = 0; k < terms; k++) {
                point.fold = start + k;
                if (!_kept(term, k, point)) continue;
                sum = Num.fma(_word(term.inputs[0], k, point), _word(term.inputs[1], k, point), sum);
            }
        }
    }

    function _sum(Term memory term, uint256 terms, uint256 start, Index.Point memory point)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256[16] memory lanes;
            for (uint256 k = 0; k < terms; k++) {
                point.fold = start + k;
                if (!_kept(term, k, point)) continue;
                lanes[k % LANES] = Num.add(lanes[k % LANES], _term(term, k, point));
            }
            for (uint256 half = LANES / 2; half > 0; half >>= 1) {
                for (uint256 lane = 0; lane < half; lane++) {
                    lanes[lane] = Num.add(lanes[lane], lanes[lane + half]);
                }
            }
            return lanes[0];
        }
    }

    function _max(Term memory term, uint256 terms, uint256 start, Index.Point memory point)
        private
        pure
        returns (uint256 greatest)
    {
        unchecked {
            greatest = Num.NEGATIVE_INFINITY;
            for (uint256 k = 0; k < terms; k++) {
                point.fold = start + k;
                if (_kept(term, k, point)) greatest = Num.max(greatest, _term(term, k, point));
            }
        }
    }

    /// @dev Whether the predicate keeps the term `offset` places behind the block's first.
    function _kept(Term memory term, uint256 offset, Index.Point memory point) private pure returns (bool) {
        uint256 relation = term.relation;
        if (relation == 0) return true;
        uint256 left = _index(term.left, offset, point);
        uint256 right = _index(term.right, offset, point);
        return relation == 1 ? left < right : relation == 2 ? left <= right : left == right;
    }

    function _term(Term memory term, uint256 offset, Index.Point memory point) private pure returns (uint256) {
        _fill(term, offset, point);
        if (term.instructions == 0 && term.inputs.length == 1) return _register(term.registers);
        return Scalar.run(term.code, term.instructions, term.registers, term.inputs.length);
    }

    /// @dev Fills the input registers for the term `offset` places behind the block's first.
    function _fill(Term memory term, uint256 offset, Index.Point memory point) private pure {
        unchecked {
            Slot[] memory inputs = term.inputs;
            uint256 register = term.registers;
            for (uint256 i = 0; i < inputs.length; i++) {
                uint256 word = _word(inputs[i], offset, point);
                assembly ("memory-safe") {
                    mstore(register, word)
                }
                register += 32;
            }
        }
    }

    function _register(uint256 cursor) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(cursor)
        }
    }

    function _word(Slot memory slot, uint256 offset, Index.Point memory point) private pure returns (uint256) {
        uint256 index = _index(slot, offset, point);
        return slot.kind == INDEX_VALUE ? index & 0xffffffff : Tensors.read(slot.tensor, index);
    }

    function _index(Slot memory slot, uint256 offset, Index.Point memory point) private pure returns (uint256 index) {
        unchecked {
            if (!slot.nested) return slot.first + slot.stride * offset;
            (index,) = Index.evaluate(slot.map, point);
        }
    }

    /// @dev Reads a fold from its predicate on.
    function _readFold(uint256 cursor, Index.Point memory point) private pure returns (Term memory term) {
        unchecked {
            uint256 relation = Index.u8(cursor++);
            if (relation > 3) revert UnknownRelation(relation);
            term.relation = relation;
            if (relation != 0) {
                cursor = _readMap(term.left, cursor, point);
                cursor = _readMap(term.right, cursor, point);
            }
            _readProgram(term, cursor, point);
        }
    }

    /// @dev Reads inputs and scalar program into `term`.
    function _readProgram(Term memory term, uint256 cursor, Index.Point memory point) private pure {
        unchecked {
            uint256 count = Index.u8(cursor++);
            term.inputs = new Slot[](count);
            for (uint256 i = 0; i < count; i++) {
                Slot memory slot = term.inputs[i];
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
            term.instructions = instructions;
            term.code = cursor + 1;
            uint256 registers;
            assembly ("memory-safe") {
                registers := mload(0x40)
                mstore(0x40, add(registers, shl(5, add(count, instructions))))
            }
            term.registers = registers;
        }
    }

    /// @dev Fills a slot's map, evaluated at the block's first term; the cursor behind it.
    function _readMap(Slot memory slot, uint256 cursor, Index.Point memory point) private pure returns (uint256 next) {
        slot.map = cursor;
        (next, slot.stride, slot.nested) = Index.scan(cursor);
        (slot.first,) = Index.evaluate(cursor, point);
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

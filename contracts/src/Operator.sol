// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Exact} from "./Exact.sol";
import {Index} from "./Index.sol";
import {Kept} from "./interfaces/IReferee.sol";
import {Num} from "./Num.sol";
import {Scalar} from "./Scalar.sol";
import {Tensors} from "./Tensors.sol";

/// @title One element of a map, one block of a product, one lane of a sum or maximum, from a node's canonical bytes (docs/spec/program.md §3 and §5)
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
    /// @notice The fold has `blocks` blocks.
    error BlockBeyondEnd(uint256 blockNumber, uint256 blocks);
    /// @notice A block has `lanes` lanes.
    error LaneBeyondEnd(uint256 lane, uint256 lanes);
    /// @notice The node at the place is of another kind than the leaf.
    error OtherKind(uint256 tag);
    /// @notice The fold at the place is of another kind than the leaf.
    error OtherFold(uint256 kind);
    /// @notice A composite's row has elements, its body at least one node and not too many.
    error BadComposite(uint256 rowLength, uint256 bodyNodes);
    /// @notice The index maps of a map or fold have too many atoms or elements.
    error TooManyAtoms(uint256 atoms, uint256 elements);
    /// @notice The leaf has no such operand that could be kept.
    error NoSuchOperand(uint256 slot);
    /// @notice What was kept under a slot has another length than the leaf's operand.
    error WrongKept(uint256 slot, uint256 length);

    uint256 internal constant STATE = 0;
    uint256 internal constant TABLE = 1;
    uint256 internal constant MAP = 2;
    uint256 internal constant FOLD = 3;
    uint256 internal constant COMPOSITE = 4;

    uint256 internal constant BLOCK_TERMS = 256;
    uint256 internal constant LANES = 16;
    uint256 internal constant MAX_RANK = 6;
    uint256 internal constant MAX_INPUTS = 8;
    uint256 internal constant MAX_BODY = 64;
    /// Atoms and elements in all index maps of a map or fold.
    uint256 internal constant MAX_ATOMS = 64;
    uint256 internal constant MAX_ELEMENTS = 8;

    /// The slot of a fold's predicate; an input's slot is its number.
    uint256 internal constant PREDICATE = 255;
    /// What is kept of an input of a map, of an input of a lane, and of a predicate.
    uint256 private constant MAP_BYTES = 4;
    uint256 private constant LANE_BYTES = 64;
    uint256 private constant PREDICATE_BYTES = 32;
    /// No input in particular.
    uint256 private constant EVERY = type(uint256).max;

    uint256 private constant PRODUCT = 0;
    uint256 private constant SUM = 1;
    uint256 private constant MAX = 2;
    /// Exact products of 8, 14 and 21 bits.
    uint256 private constant EXACT8 = 3;
    uint256 private constant EXACT14 = 4;
    uint256 private constant EXACT21 = 5;
    uint256 internal constant LAST_FOLD = EXACT21;

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
    /// `first + stride · k`, unless `nested`: then the map is evaluated for every term. Words that were kept earlier are read
    /// from calldata at `kept` instead.
    struct Slot {
        uint256 kind;
        uint256 map;
        uint256 first;
        uint256 stride;
        bool nested;
        Tensors.Opened tensor;
        uint256 kept;
    }

    /// @dev Inputs and the scalar program on them. `registers` has room for all its registers.
    struct Program {
        Slot[] inputs;
        uint256 code;
        uint256 instructions;
        uint256 registers;
    }

    /// @dev A relation between two sides, or what was kept of it: a bit for each term. Relation 0 holds always.
    struct Predicate {
        uint256 relation;
        Slot left;
        Slot right;
        bool isKept;
        uint256 kept;
    }

    /// @dev A block of a fold: its first term, and the number of terms.
    struct Block {
        uint256 kind;
        uint256 start;
        uint256 terms;
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
            if (node.tag == MAP) return _skipProgram(cursor, 0);
            if (node.tag == FOLD) {
                uint256 predicate = Index.u8(cursor + 9);
                cursor += 10;
                uint256 counts;
                if (predicate != 0) {
                    uint256 more;
                    (cursor,,, counts) = Index.scan(cursor);
                    (cursor,,, more) = Index.scan(cursor);
                    counts += more;
                }
                return _skipProgram(cursor, counts);
            }
            if (node.tag != COMPOSITE || inBody) revert UnknownNodeKind(node.tag);
            uint256 count = Index.u32(cursor + 8);
            if (count == 0 || count > MAX_BODY || Index.u64(cursor) == 0) revert BadComposite(Index.u64(cursor), count);
            return bodyNode(cursor, count);
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

    /// @dev Elements of the node's output; a count of 2^64 or more is refused.
    function elementCount(Header memory node) internal pure returns (uint256 count) {
        unchecked {
            count = 1;
            for (uint256 d = 0; d < node.shape.length; d++) {
                count *= node.shape[d];
                if (count > type(uint64).max) revert BadShape(d, node.shape[d]);
            }
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
    function mapElement(Header memory node, Index.Point memory point, Kept[] calldata kept)
        internal
        pure
        returns (uint256)
    {
        if (node.tag != MAP) revert OtherKind(node.tag);
        Program memory program = _readProgram(node.cursor, point, kept, MAP_BYTES, EVERY);
        return canonical(node.dtype, _evaluate(program, point, 0, 0));
    }

    /// @dev The total after block `number` of a product, from the total before it (ignored for block 0, which starts at +0).
    function productBlock(
        Header memory node,
        Index.Point memory point,
        uint256 number,
        uint256 total,
        Kept[] calldata kept
    ) internal pure returns (uint256) {
        (Block memory span, uint256 cursor) = _readBlock(node, point, number);
        if (!isProduct(span.kind)) revert OtherFold(span.kind);
        Predicate memory predicate;
        cursor = _readPredicate(cursor, point, predicate, kept, PREDICATE_BYTES);
        uint256 mask = _mask(predicate, span, point);
        point.fold = span.start;
        Kept[] calldata none;
        assembly ("memory-safe") {
            none.offset := 0
            none.length := 0
        }
        Program memory program = _readProgram(cursor, point, none, 0, EVERY);
        return Num.add(number == 0 ? 0 : total, _product(program, span, mask, point));
    }

    /// @dev Lane `number` of block `blockNumber` of a sum or maximum: its terms in order, from the lane's empty value.
    function lane(
        Header memory node,
        Index.Point memory point,
        uint256 blockNumber,
        uint256 number,
        Kept[] calldata kept
    ) internal pure returns (uint256 word) {
        (Block memory span, uint256 cursor) = _readLaned(node, point, blockNumber, number);
        Predicate memory predicate;
        cursor = _readPredicate(cursor, point, predicate, kept, PREDICATE_BYTES);
        Program memory program = _readProgram(cursor, point, kept, LANE_BYTES, EVERY);
        unchecked {
            bool isMax = span.kind == MAX;
            if (isMax) word = Num.NEGATIVE_INFINITY;
            for (uint256 k = number; k < span.terms; k += LANES) {
                point.fold = span.start + k;
                if (!_holds(predicate, point, k, k >> 4)) continue;
                uint256 term = canonical(0, _evaluate(program, point, k, k >> 4));
                word = isMax ? Num.max(word, term) : Num.add(word, term);
            }
        }
    }

    /// @dev The total after a block of a sum or maximum, from the total before it (ignored for block 0) and its lanes, which
    /// are used up.
    function foldLanes(Header memory node, uint256 number, uint256 total, uint256[16] memory lanes)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            Block memory span = _span(node, number);
            if (isProduct(span.kind)) revert OtherFold(span.kind);
            bool isMax = span.kind == MAX;
            for (uint256 half = LANES / 2; half > 0; half >>= 1) {
                for (uint256 l = 0; l < half; l++) {
                    lanes[l] = isMax ? Num.max(lanes[l], lanes[l + half]) : Num.add(lanes[l], lanes[l + half]);
                }
            }
            if (isMax) return Num.max(number == 0 ? Num.NEGATIVE_INFINITY : total, lanes[0]);
            return Num.add(number == 0 ? 0 : total, lanes[0]);
        }
    }

    /// @dev What input `slot` of a map gives.
    function mapOperand(Header memory node, Index.Point memory point, uint256 slot)
        internal
        pure
        returns (bytes memory)
    {
        if (node.tag != MAP) revert OtherKind(node.tag);
        Program memory program = _readOne(node.cursor, point, slot);
        return abi.encodePacked(uint32(_value(program.inputs[slot], point, 0, 0)));
    }

    /// @dev What input `slot` of a lane gives, term by term; of the predicate, a bit for each term.
    function laneOperand(
        Header memory node,
        Index.Point memory point,
        uint256 blockNumber,
        uint256 number,
        uint256 slot
    ) internal pure returns (bytes memory) {
        (Block memory span, uint256 cursor) = _readLaned(node, point, blockNumber, number);
        unchecked {
            if (slot == PREDICATE) {
                Predicate memory predicate = _readWholePredicate(cursor, point);
                uint256 mask;
                for (uint256 k = number; k < span.terms; k += LANES) {
                    point.fold = span.start + k;
                    if (_holds(predicate, point, k, 0)) mask |= 1 << (k >> 4);
                }
                return abi.encodePacked(mask);
            }
            Slot memory input = _readOne(_skipPredicate(cursor), point, slot).inputs[slot];
            uint256[] memory words = new uint256[](LANE_BYTES / 32);
            for (uint256 k = number; k < span.terms; k += LANES) {
                point.fold = span.start + k;
                uint256 term = k >> 4;
                words[term >> 3] |= _value(input, point, k, 0) << (224 - ((term & 7) << 5));
            }
            return abi.encodePacked(words);
        }
    }

    /// @dev A bit for each term of a product's block that its predicate keeps.
    function blockOperand(Header memory node, Index.Point memory point, uint256 number, uint256 slot)
        internal
        pure
        returns (bytes memory)
    {
        (Block memory span, uint256 cursor) = _readBlock(node, point, number);
        if (!isProduct(span.kind)) revert OtherFold(span.kind);
        if (slot != PREDICATE) revert NoSuchOperand(slot);
        return abi.encodePacked(_mask(_readWholePredicate(cursor, point), span, point));
    }

    /// @dev The kind of the fold and its number of blocks.
    function foldShape(Header memory node) internal pure returns (bool product, uint256 blocks) {
        unchecked {
            uint256 kind = Index.u8(node.cursor);
            uint256 extent = Index.u64(node.cursor + 1);
            if (kind > LAST_FOLD) revert UnknownFold(kind);
            if (extent == 0) revert BadShape(0, extent);
            return (isProduct(kind), (extent + BLOCK_TERMS - 1) / BLOCK_TERMS);
        }
    }

    /// @dev Whether a fold of this kind multiplies two factors.
    function isProduct(uint256 kind) internal pure returns (bool) {
        return kind == PRODUCT || kind > MAX;
    }

    /// @dev The word as it is stored in a tensor of this dtype.
    function canonical(uint256 dtype, uint256 word) internal pure returns (uint256) {
        return dtype == 0 ? Num.canonical(word) : word;
    }

    function _product(Program memory program, Block memory span, uint256 kept, Index.Point memory point)
        private
        pure
        returns (uint256 sum)
    {
        unchecked {
            if (program.inputs.length != 2 || program.instructions != 0) {
                revert BadProduct(program.inputs.length, program.instructions);
            }
            (uint256 a, uint256 aStep) = _gather(program.inputs[0], span, kept, point);
            (uint256 b, uint256 bStep) = _gather(program.inputs[1], span, kept, point);
            // A block of which the predicate cuts a term is ordered.
            if (span.kind != PRODUCT && ~kept << (BLOCK_TERMS - span.terms) == 0) {
                uint256 bits = span.kind == EXACT8 ? 8 : span.kind == EXACT14 ? 14 : 21;
                return Exact.term(a, aStep, b, bStep, span.terms, bits);
            }
            for (uint256 k = span.terms; k > 0; k--) {
                if (kept & 1 != 0) sum = Num.fma(_load(a), _load(b), sum);
                kept >>= 1;
                a += aStep;
                b += bStep;
            }
        }
    }

    /// @dev Fills the registers with the inputs of term k (word j of what was kept) and runs the program.
    function _evaluate(Program memory program, Index.Point memory point, uint256 k, uint256 j)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256 count = program.inputs.length;
            uint256 register = program.registers;
            for (uint256 i = 0; i < count; i++) {
                _store(register, _value(program.inputs[i], point, k, j));
                register += 32;
            }
            return Scalar.run(program.code, program.instructions, program.registers, count);
        }
    }

    /// @dev The word that an input gives for term k of the block, at which `point` stands; word j of what was kept.
    function _value(Slot memory slot, Index.Point memory point, uint256 k, uint256 j) private pure returns (uint256) {
        unchecked {
            if (slot.kept != 0) return _loadKept(slot.kept + 4 * j);
            uint256 index = _index(slot, k, point);
            return slot.kind == INDEX_VALUE ? index & 0xffffffff : Tensors.read(slot.tensor, index);
        }
    }

    function _index(Slot memory slot, uint256 k, Index.Point memory point) private pure returns (uint256 index) {
        unchecked {
            if (!slot.nested) return (slot.first + slot.stride * k) & Index.MASK;
            (index,) = Index.evaluate(slot.map, point);
        }
    }

    /// @dev Whether the predicate holds for term k of the block, at which `point` stands; bit j of what was kept.
    function _holds(Predicate memory predicate, Index.Point memory point, uint256 k, uint256 j)
        private
        pure
        returns (bool)
    {
        if (predicate.relation == 0) return true;
        if (predicate.isKept) return (predicate.kept >> j) & 1 != 0;
        return _related(predicate.relation, _index(predicate.left, k, point), _index(predicate.right, k, point));
    }

    function _related(uint256 relation, uint256 left, uint256 right) private pure returns (bool) {
        return relation == 1 ? left < right : relation == 2 ? left <= right : left == right;
    }

    /// @dev A bit for each of the block's terms that the predicate keeps.
    function _mask(Predicate memory predicate, Block memory span, Index.Point memory point)
        private
        pure
        returns (uint256)
    {
        if (predicate.relation == 0) return type(uint256).max;
        if (predicate.isKept) return predicate.kept;
        Slot memory left = predicate.left;
        Slot memory right = predicate.right;
        if (!left.nested && !right.nested) return _compareAffine(predicate.relation, left, right, span.terms);
        return _compare(predicate.relation, _side(left, span, point), _side(right, span, point), span.terms);
    }

    /// @dev What an input gives for each kept term of the block, in the high end of a memory word every `step` bytes.
    function _gather(Slot memory slot, Block memory span, uint256 kept, Index.Point memory point)
        private
        pure
        returns (uint256 values, uint256 step)
    {
        unchecked {
            values = slot.nested || slot.kind == INDEX_VALUE ? 0 : _inPlace(slot, span);
            if (values != 0) return (values, 4 * slot.stride);
            values = _allocate(span.terms);
            for (uint256 k = 0; k < span.terms; k++) {
                if ((kept >> k) & 1 == 0) continue;
                point.fold = span.start + k;
                _store(values + 32 * k, _value(slot, point, k, 0) << 224);
            }
            return (values, 32);
        }
    }

    /// @dev Where the block's elements lie one behind the other, or are one and the same; 0 if they do not, or if not all of their
    /// pages are opened (those of cut terms need not be). Pages that follow each other in the tensor and are both opened do so in
    /// memory. Elements beyond the end are 0.
    function _inPlace(Slot memory slot, Block memory span) private pure returns (uint256 values) {
        unchecked {
            uint256 count = slot.tensor.count;
            uint256 last = slot.first + slot.stride * (span.terms - 1);
            if (slot.stride > 1 || last > Index.MASK) return 0;
            if (slot.first >= count) return _extended(0, 0, span.terms);
            bool isCut = last >= count;
            if (isCut) last = count - 1;
            uint256 words = Tensors.openedPage(slot.tensor, slot.first >> 8);
            if (words == 0) return 0;
            if (last >> 8 != slot.first >> 8 && Tensors.openedPage(slot.tensor, last >> 8) == 0) return 0;
            words += 4 * (slot.first & 0xff);
            return isCut ? _extended(words, last + 1 - slot.first, span.terms) : words;
        }
    }

    /// @dev A copy of `count` words, with zeros up to `terms`.
    function _extended(uint256 words, uint256 count, uint256 terms) private pure returns (uint256 values) {
        assembly ("memory-safe") {
            values := mload(0x40)
            // The last word is read with what is behind it.
            mstore(0x40, add(values, add(shl(2, terms), 0x20)))
            mcopy(values, words, shl(2, count))
            // Beyond the end calldata is 0.
            calldatacopy(add(values, shl(2, count)), calldatasize(), shl(2, sub(terms, count)))
        }
    }

    /// @dev Block `number` of a sum or maximum, with a lane that it has; the cursor of the predicate.
    function _readLaned(Header memory node, Index.Point memory point, uint256 number, uint256 laneNumber)
        private
        pure
        returns (Block memory span, uint256 cursor)
    {
        (span, cursor) = _readBlock(node, point, number);
        if (isProduct(span.kind)) revert OtherFold(span.kind);
        if (laneNumber >= LANES) revert LaneBeyondEnd(laneNumber, LANES);
    }

    /// @dev Block `number` of a fold; the cursor of the predicate. `point` is set to the first term.
    function _readBlock(Header memory node, Index.Point memory point, uint256 number)
        private
        pure
        returns (Block memory span, uint256 cursor)
    {
        span = _span(node, number);
        point.fold = span.start;
        unchecked {
            cursor = node.cursor + 9;
        }
    }

    function _span(Header memory node, uint256 number) private pure returns (Block memory span) {
        unchecked {
            if (node.tag != FOLD) revert OtherKind(node.tag);
            span.kind = Index.u8(node.cursor);
            if (span.kind > LAST_FOLD) revert UnknownFold(span.kind);
            uint256 extent = Index.u64(node.cursor + 1);
            span.start = number * BLOCK_TERMS;
            if (span.start >= extent) revert BlockBeyondEnd(number, (extent + BLOCK_TERMS - 1) / BLOCK_TERMS);
            uint256 rest = extent - span.start;
            span.terms = rest < BLOCK_TERMS ? rest : BLOCK_TERMS;
        }
    }

    /// @dev Reads a predicate, or what was kept of it; the cursor behind it.
    function _readPredicate(
        uint256 cursor,
        Index.Point memory point,
        Predicate memory predicate,
        Kept[] calldata kept,
        uint256 keptBytes
    ) private pure returns (uint256) {
        unchecked {
            predicate.relation = Index.u8(cursor);
            uint256 place = _find(kept, PREDICATE, keptBytes);
            if (place == 0) return _readSides(cursor, point, predicate);
            if (predicate.relation == 0) revert NoSuchOperand(PREDICATE);
            predicate.isKept = true;
            predicate.kept = _loadKeptFull(place);
            return _skipPredicate(cursor);
        }
    }

    /// @dev Reads a predicate of which nothing was kept.
    function _readWholePredicate(uint256 cursor, Index.Point memory point)
        private
        pure
        returns (Predicate memory predicate)
    {
        predicate.relation = Index.u8(cursor);
        if (predicate.relation == 0) revert NoSuchOperand(PREDICATE);
        _readSides(cursor, point, predicate);
    }

    function _readSides(uint256 cursor, Index.Point memory point, Predicate memory predicate)
        private
        pure
        returns (uint256)
    {
        unchecked {
            cursor++;
            if (predicate.relation == 0) return cursor;
            if (predicate.relation > 3) revert UnknownRelation(predicate.relation);
            cursor = _readMap(predicate.left, cursor, point);
            return _readMap(predicate.right, cursor, point);
        }
    }

    function _skipPredicate(uint256 cursor) private pure returns (uint256) {
        unchecked {
            if (Index.u8(cursor++) == 0) return cursor;
            (cursor,,,) = Index.scan(cursor);
            (cursor,,,) = Index.scan(cursor);
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
                if (_related(relation, l & Index.MASK, r & Index.MASK)) kept |= 1 << k;
                l += lStride;
                r += rStride;
            }
        }
    }

    /// @dev A bit for each of the block's terms of which the sides are in relation.
    function _compare(uint256 relation, uint256 left, uint256 right, uint256 terms) private pure returns (uint256 kept) {
        unchecked {
            for (uint256 k = 0; k < terms; k++) {
                if (_related(relation, _loadFull(left + 32 * k), _loadFull(right + 32 * k))) kept |= 1 << k;
            }
        }
    }

    /// @dev A predicate's side for each of the block's terms, one memory word each.
    function _side(Slot memory slot, Block memory span, Index.Point memory point) private pure returns (uint256 values) {
        unchecked {
            values = _allocate(span.terms);
            // A tensor's elements themselves, as in ids[k] = v: no evaluation for each term.
            (bool isRun, Slot memory element) = slot.nested ? _elementRun(slot, point, span) : (false, slot);
            for (uint256 k = 0; k < span.terms; k++) {
                point.fold = span.start + k;
                _store(values + 32 * k, isRun ? _value(element, point, k, 0) : _index(slot, k, point));
            }
        }
    }

    /// @dev Whether a map is one element of a tensor at an affine index, and where.
    function _elementRun(Slot memory slot, Index.Point memory point, Block memory span)
        private
        pure
        returns (bool, Slot memory element)
    {
        (bool single, uint256 node, uint256 inner) = Index.singleElement(slot.map);
        if (!single) return (false, element);
        point.fold = span.start;
        _readMap(element, inner, point);
        if (element.nested) return (false, element);
        element.tensor = Tensors.find(point.outer, false, node);
        return (true, element);
    }

    /// @dev Reads input `slot` alone, without anything kept.
    function _readOne(uint256 cursor, Index.Point memory point, uint256 slot)
        private
        pure
        returns (Program memory program)
    {
        Kept[] calldata none;
        assembly ("memory-safe") {
            none.offset := 0
            none.length := 0
        }
        if (slot >= Index.u8(cursor)) revert NoSuchOperand(slot);
        return _readProgram(cursor, point, none, 0, slot);
    }

    /// @dev Reads inputs and scalar program; only input `only`, if that is not EVERY. Inputs of which `keptBytes` were kept
    /// are not opened.
    function _readProgram(
        uint256 cursor,
        Index.Point memory point,
        Kept[] calldata kept,
        uint256 keptBytes,
        uint256 only
    ) private pure returns (Program memory program) {
        unchecked {
            uint256 count = Index.u8(cursor++);
            program.inputs = new Slot[](count);
            for (uint256 i = 0; i < count; i++) {
                Slot memory slot = program.inputs[i];
                if (only == EVERY || only == i) slot.kept = _find(kept, i, keptBytes);
                bool isRead = (only == EVERY || only == i) && slot.kept == 0;
                cursor = _readInput(slot, cursor, point, isRead);
            }
            uint256 instructions = Index.u8(cursor);
            program.instructions = instructions;
            program.code = cursor + 1;
            program.registers = _allocate(count + instructions);
        }
    }

    /// @dev Reads an input, or passes over it; the cursor behind it.
    function _readInput(Slot memory slot, uint256 cursor, Index.Point memory point, bool isRead)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256 kind = Index.u8(cursor++);
            slot.kind = kind;
            if (kind != INDEX_VALUE) {
                bool inBody = kind == BODY_ELEMENT;
                if (isRead) slot.tensor = Tensors.find(inBody ? point.body : point.outer, inBody, Index.u32(cursor));
                cursor += 4;
            }
            if (isRead) return _readMap(slot, cursor, point);
            (cursor,,,) = Index.scan(cursor);
            return cursor;
        }
    }

    /// @dev Fills a slot's map; the cursor behind it.
    function _readMap(Slot memory slot, uint256 cursor, Index.Point memory point) private pure returns (uint256 next) {
        slot.map = cursor;
        (next, slot.stride, slot.nested,) = Index.scan(cursor);
        if (!slot.nested) (slot.first,) = Index.evaluate(cursor, point);
    }

    /// @dev Where in calldata the words kept under `slot` begin, `length` bytes; 0 if none were.
    function _find(Kept[] calldata kept, uint256 slot, uint256 length) private pure returns (uint256 place) {
        unchecked {
            for (uint256 i = 0; i < kept.length; i++) {
                if (kept[i].slot != slot) continue;
                bytes calldata words = kept[i].words;
                if (words.length != length) revert WrongKept(slot, words.length);
                assembly ("memory-safe") {
                    place := words.offset
                }
                return place;
            }
        }
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

    /// @dev The 4-byte word at a calldata position.
    function _loadKept(uint256 start) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := shr(224, calldataload(start))
        }
    }

    function _loadKeptFull(uint256 start) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(start)
        }
    }

    function _store(uint256 start, uint256 word) private pure {
        assembly ("memory-safe") {
            mstore(start, word)
        }
    }

    /// @dev The cursor behind inputs and scalar program, whose maps, and those of which `counts` says, are within their limits.
    function _skipProgram(uint256 cursor, uint256 counts) private pure returns (uint256) {
        unchecked {
            uint256 inputs = Index.u8(cursor++);
            if (inputs > MAX_INPUTS) revert TooManyRegisters(inputs, 0, MAX_INPUTS);
            for (uint256 i = 0; i < inputs; i++) {
                uint256 kind = Index.u8(cursor);
                if (kind > INDEX_VALUE) revert UnknownInput(kind);
                uint256 more;
                (cursor,,, more) = Index.scan(kind == INDEX_VALUE ? cursor + 1 : cursor + 5);
                counts += more;
            }
            uint256 atoms = counts & 0xffffffff;
            uint256 elements = counts / Index.ONE_ELEMENT;
            if (atoms > MAX_ATOMS || elements > MAX_ELEMENTS) revert TooManyAtoms(atoms, elements);
            uint256 instructions = Index.u8(cursor);
            if (inputs + instructions > Scalar.MAX_REGISTERS) {
                revert TooManyRegisters(inputs, instructions, Scalar.MAX_REGISTERS);
            }
            return cursor + 1 + 8 * instructions;
        }
    }
}

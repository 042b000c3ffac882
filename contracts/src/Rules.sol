// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Index} from "./Index.sol";
import {Operator} from "./Operator.sol";
import {Scalar} from "./Scalar.sol";
import {Text} from "./Text.sol";

/// @title Which rule a node breaks that keeps the referee from redoing it (docs/spec/dispute.md §8)
/// @notice Whatever the bytes are, the answer is a number and never a refusal: 0 if no rule is broken, else the first rule met when
/// the bytes are read in order. Every loop ends by the bytes or by a limit.
library Rules {
    uint256 internal constant KEPT = 0;
    /// The bytes are no node: a tag is unknown, a name is not ASCII, bytes are missing or left over.
    uint256 internal constant BYTES = 1;
    /// It reads a node that is not before it.
    uint256 internal constant NOT_EARLIER = 2;
    /// An instruction, or the type of the result.
    uint256 internal constant INSTRUCTION = 3;
    /// A product has two float inputs and no instruction.
    uint256 internal constant PRODUCT = 4;
    /// A state or table beyond the end.
    uint256 internal constant SOURCE = 5;
    /// A limit, an extent, a coordinate or a row length.
    uint256 internal constant LIMIT = 6;

    uint256 private constant MAX_NAME_BYTES = 32;
    uint256 private constant MAX_COUNT = 1 << 40;

    uint256 private constant FLOAT = 1;
    uint256 private constant INTEGER = 2;
    uint256 private constant MASK = 3;

    /// Ten bits for each operation: types of a, b, c and of the result (two bits each, 0 for none), and which immediates it
    /// admits (0 only zero, 1 up to 31, 2 any). Codes below 0x10, then those above.
    uint256 private constant LOW_OPERATIONS = 0x0000000000000000000000000024015cc5314c51144110441114551144511400;
    uint256 private constant HIGH_OPERATIONS = 0x000000000000002044210881000002acca32a80609826088a2288a2288a2288a;

    /// @dev What is known from outside the node's bytes.
    struct Context {
        /// The node's position in the program.
        uint256 node;
        uint256 states;
        uint256 tables;
        /// Nodes of which the dtypes are known, with the dtypes.
        uint256[] typed;
        uint256[] dtypes;
    }

    /// @dev A walk over the bytes.
    struct Walk {
        uint256 next;
        uint256 end;
        Context known;
        /// Rank and dtype of the node that is walked over.
        uint256 rank;
        uint256 dtype;
        uint256 count;
        uint256 atoms;
        uint256 elements;
        bool inBody;
        /// Dtypes of the body's nodes so far.
        uint256 bodyNode;
        uint256[64] body;
        /// Types of the registers of the scalar program, 0 for one that is not known.
        uint256[256] types;
    }

    /// @dev The first rule that the `length` bytes at memory address `start` break; a memory word behind them must be free.
    function broken(uint256 start, uint256 length, Context memory known) internal pure returns (uint256 rule) {
        unchecked {
            Walk memory walk;
            walk.next = start;
            walk.end = start + length;
            walk.known = known;
            rule = _node(walk);
            if (rule == KEPT && walk.next != walk.end) rule = BYTES;
        }
    }

    function _node(Walk memory walk) private pure returns (uint256 rule) {
        unchecked {
            rule = _header(walk);
            if (rule != KEPT) return rule;
            walk.atoms = 0;
            walk.elements = 0;
            if (!_has(walk, 1)) return BYTES;
            uint256 tag = _u8(walk);
            if (tag == Operator.MAP) return _program(walk, false);
            if (tag == Operator.FOLD) return _fold(walk);
            if (tag > Operator.COMPOSITE || walk.inBody) return BYTES;
            if (tag == Operator.COMPOSITE) return _composite(walk);
            if (!_has(walk, 4)) return BYTES;
            uint256 position = Index.u32(walk.next);
            walk.next += 4;
            return position < (tag == Operator.STATE ? walk.known.states : walk.known.tables) ? KEPT : SOURCE;
        }
    }

    /// @dev Name, dtype and shape.
    function _header(Walk memory walk) private pure returns (uint256) {
        unchecked {
            if (!_has(walk, 2)) return BYTES;
            uint256 name = Index.u16(walk.next);
            if (name > MAX_NAME_BYTES) return LIMIT;
            if (!_has(walk, name + 4)) return BYTES;
            walk.next += 2;
            if (!Text.isAscii(walk.next, name)) return BYTES;
            walk.next += name;
            walk.dtype = _u8(walk);
            if (walk.dtype > 1) return BYTES;
            walk.rank = _u8(walk);
            if (walk.rank > Operator.MAX_RANK) return LIMIT;
            if (!_has(walk, 8 * walk.rank)) return BYTES;
            uint256 count = 1;
            for (uint256 d = 0; d < walk.rank; d++) {
                count *= Index.u64(walk.next);
                walk.next += 8;
                if (count == 0 || count > MAX_COUNT) return LIMIT;
            }
            walk.count = count;
            return KEPT;
        }
    }

    function _fold(Walk memory walk) private pure returns (uint256 rule) {
        unchecked {
            if (!_has(walk, 10)) return BYTES;
            uint256 kind = _u8(walk);
            if (kind > Operator.LAST_FOLD) return BYTES;
            uint256 extent = Index.u64(walk.next);
            walk.next += 8;
            if (extent == 0 || extent > MAX_COUNT) return LIMIT;
            uint256 relation = _u8(walk);
            if (relation > 3) return BYTES;
            if (relation != 0) {
                rule = _map(walk, 1);
                if (rule == KEPT) rule = _map(walk, 1);
                if (rule != KEPT) return rule;
            }
            if (walk.dtype != 0) return INSTRUCTION;
            return _program(walk, Operator.isProduct(kind));
        }
    }

    function _composite(Walk memory walk) private pure returns (uint256 rule) {
        unchecked {
            if (!_has(walk, 12)) return BYTES;
            uint256 rowLength = Index.u64(walk.next);
            uint256 nodes = Index.u32(walk.next + 8);
            walk.next += 12;
            uint256 dtype = walk.dtype;
            uint256 count = walk.count;
            if (nodes == 0 || nodes > Operator.MAX_BODY) return LIMIT;
            walk.inBody = true;
            for (; walk.bodyNode < nodes; walk.bodyNode++) {
                rule = _node(walk);
                if (rule != KEPT) return rule;
                walk.body[walk.bodyNode] = walk.dtype;
            }
            return walk.count == rowLength && count % rowLength == 0 && walk.dtype == dtype ? KEPT : LIMIT;
        }
    }

    /// @dev One index map.
    function _map(Walk memory walk, uint256 depth) private pure returns (uint256 rule) {
        unchecked {
            if (depth > Index.MAX_DEPTH) return LIMIT;
            if (!_has(walk, 9)) return BYTES;
            uint256 terms = Index.u8(walk.next + 8);
            walk.next += 9;
            if (terms > Index.MAX_TERMS) return LIMIT;
            for (; terms > 0; terms--) {
                if (!_has(walk, 9)) return BYTES;
                walk.next += 8;
                rule = _atom(walk, _u8(walk), depth);
                if (rule != KEPT) return rule;
            }
        }
    }

    function _atom(Walk memory walk, uint256 tag, uint256 depth) private pure returns (uint256) {
        unchecked {
            if (++walk.atoms > Operator.MAX_ATOMS) return LIMIT;
            if (tag == 0) {
                if (!_has(walk, 1)) return BYTES;
                return _u8(walk) < walk.rank ? KEPT : LIMIT;
            }
            if (tag < 4) return KEPT;
            if (tag == 6) {
                if (!_has(walk, 4)) return BYTES;
                if (Index.u32(walk.next) >= walk.known.node) return NOT_EARLIER;
                walk.next += 4;
                if (++walk.elements > Operator.MAX_ELEMENTS) return LIMIT;
                return _map(walk, depth + 1);
            }
            if (tag > 6) return BYTES;
            if (!_has(walk, 8)) return BYTES;
            if (Index.u64(walk.next) < 2) return LIMIT;
            walk.next += 8;
            return _map(walk, depth + 1);
        }
    }

    /// @dev Inputs and scalar program; of a product, only the first.
    function _program(Walk memory walk, bool isProduct) private pure returns (uint256 rule) {
        unchecked {
            if (!_has(walk, 1)) return BYTES;
            uint256 inputs = _u8(walk);
            if (inputs > Operator.MAX_INPUTS) return LIMIT;
            for (uint256 i = 0; i < inputs; i++) {
                rule = _input(walk, i);
                if (rule != KEPT) return rule;
            }
            if (!_has(walk, 1)) return BYTES;
            uint256 instructions = _u8(walk);
            uint256 registers = inputs + instructions;
            if (registers == 0 || registers > Scalar.MAX_REGISTERS) return LIMIT;
            if (!_has(walk, 8 * instructions)) return BYTES;
            if (isProduct) {
                bool good = inputs == 2 && instructions == 0;
                return good && walk.types[0] != INTEGER && walk.types[1] != INTEGER ? KEPT : PRODUCT;
            }
            for (uint256 next = inputs; next < registers; next++) {
                if (!_instruction(walk, next)) return INSTRUCTION;
            }
            uint256 result = walk.types[registers - 1];
            return result == 0 || result == (walk.dtype == 0 ? FLOAT : INTEGER) ? KEPT : INSTRUCTION;
        }
    }

    /// @dev Input `register`, whose type goes to its register.
    function _input(Walk memory walk, uint256 register) private pure returns (uint256) {
        unchecked {
            if (!_has(walk, 1)) return BYTES;
            uint256 kind = _u8(walk);
            if (kind > 2) return BYTES;
            uint256 valueType = INTEGER;
            if (kind < 2) {
                if (!_has(walk, 4)) return BYTES;
                uint256 node = Index.u32(walk.next);
                walk.next += 4;
                if (node >= (kind == 0 ? walk.known.node : walk.bodyNode)) return NOT_EARLIER;
                valueType = kind == 0 ? _typeOf(walk.known, node) : walk.body[node] == 0 ? FLOAT : INTEGER;
            }
            walk.types[register] = valueType;
            return _map(walk, 1);
        }
    }

    /// @dev The type of an outer node's elements; 0 if it is not known.
    function _typeOf(Context memory known, uint256 node) private pure returns (uint256) {
        unchecked {
            for (uint256 i = 0; i < known.typed.length; i++) {
                if (known.typed[i] == node) return known.dtypes[i] == 0 ? FLOAT : INTEGER;
            }
            return 0;
        }
    }

    /// @dev Whether the instruction that writes register `next` is good.
    function _instruction(Walk memory walk, uint256 next) private pure returns (bool) {
        unchecked {
            uint256 word = Index.u64(walk.next);
            walk.next += 8;
            uint256 op = word >> 56;
            if (op > 0x23) return false;
            uint256 signature = op < 0x10 ? LOW_OPERATIONS >> (10 * op) : HIGH_OPERATIONS >> (10 * (op - 0x10));
            uint256 result = (signature >> 6) & 3;
            if (result == 0) return false;
            uint256 admitted = (signature >> 8) & 3;
            uint256 immediate = word & 0xffffffff;
            if (admitted == 0 ? immediate != 0 : admitted == 1 && immediate > 31) return false;
            for (uint256 i = 0; i < 3; i++) {
                if (!_operand(walk, (word >> (48 - 8 * i)) & 0xff, (signature >> (2 * i)) & 3, next)) return false;
            }
            walk.types[next] = result;
            return true;
        }
    }

    /// @dev Whether an operand is 0 if it is not used (`wanted` 0), else an earlier register of the type wanted. The type of an
    /// input that is not known is what it is first used as.
    function _operand(Walk memory walk, uint256 register, uint256 wanted, uint256 next) private pure returns (bool) {
        if (wanted == 0) return register == 0;
        if (register >= next) return false;
        if (walk.types[register] == 0 && wanted != MASK) walk.types[register] = wanted;
        return walk.types[register] == wanted;
    }

    function _has(Walk memory walk, uint256 length) private pure returns (bool) {
        unchecked {
            return walk.end - walk.next >= length;
        }
    }

    function _u8(Walk memory walk) private pure returns (uint256 value) {
        unchecked {
            value = Index.u8(walk.next);
            walk.next += 1;
        }
    }
}

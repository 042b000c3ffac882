// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Merkle} from "./Merkle.sol";

/// @title Reading a witness: canonical bytes (docs/spec/dispute.md §5), from calldata, never beyond its end
/// @dev Integers are big-endian. A list is its count (u32) and its items; lists of digests are handed on where they lie.
library Reader {
    /// @notice The witness ends `missing` bytes too early.
    error WitnessEnds(uint256 missing);
    /// @notice Bytes are left over behind the witness.
    error WitnessLeftOver(uint256 length);
    /// @notice A witness has at most `limit` bytes.
    error WitnessTooLong(uint256 length, uint256 limit);
    /// @notice A side is 0 (a) or 1 (b).
    error NoSuchSide(uint256 side);

    uint256 internal constant WITNESS_LIMIT_BYTES = 65_536;

    uint256 internal constant TAG_STATE_ENTRY = 0x04;
    uint256 internal constant TAG_DECLARATION = 0x06;

    /// @dev Calldata positions.
    struct Cursor {
        uint256 next;
        uint256 end;
    }

    /// @dev The start of a witness.
    function open(bytes calldata witness) internal pure returns (Cursor memory cursor) {
        if (witness.length > WITNESS_LIMIT_BYTES) revert WitnessTooLong(witness.length, WITNESS_LIMIT_BYTES);
        assembly ("memory-safe") {
            mstore(cursor, witness.offset)
            mstore(add(cursor, 32), add(witness.offset, witness.length))
        }
    }

    /// @dev Refuses a witness that is not read to its end.
    function finish(Cursor memory cursor) internal pure {
        if (cursor.next != cursor.end) revert WitnessLeftOver(cursor.end - cursor.next);
    }

    /// @dev Passes over `length` bytes; where they begin.
    function take(Cursor memory cursor, uint256 length) internal pure returns (uint256 place) {
        unchecked {
            place = cursor.next;
            uint256 rest = cursor.end - place;
            if (length > rest) revert WitnessEnds(length - rest);
            cursor.next = place + length;
        }
    }

    function u8(Cursor memory cursor) internal pure returns (uint256 value) {
        uint256 place = take(cursor, 1);
        assembly ("memory-safe") {
            value := shr(248, calldataload(place))
        }
    }

    function u32(Cursor memory cursor) internal pure returns (uint256 value) {
        uint256 place = take(cursor, 4);
        assembly ("memory-safe") {
            value := shr(224, calldataload(place))
        }
    }

    function u64(Cursor memory cursor) internal pure returns (uint256 value) {
        uint256 place = take(cursor, 8);
        assembly ("memory-safe") {
            value := shr(192, calldataload(place))
        }
    }

    function digest(Cursor memory cursor) internal pure returns (bytes32 value) {
        uint256 place = take(cursor, 32);
        assembly ("memory-safe") {
            value := calldataload(place)
        }
    }

    /// @dev Whose root an opening leads to.
    function side(Cursor memory cursor) internal pure returns (bool isB) {
        uint256 value = u8(cursor);
        if (value > 1) revert NoSuchSide(value);
        return value == 1;
    }

    /// @dev Bytes with their length before them.
    function counted(Cursor memory cursor) internal pure returns (bytes calldata value) {
        return raw(cursor, u32(cursor));
    }

    /// @dev So many bytes.
    function raw(Cursor memory cursor, uint256 length) internal pure returns (bytes calldata value) {
        uint256 place = take(cursor, length);
        assembly ("memory-safe") {
            value.offset := place
            value.length := length
        }
    }

    /// @dev The siblings of several leaves: their count (u32), then the digests.
    function siblings(Cursor memory cursor) internal pure returns (bytes32[] calldata) {
        return _digests(cursor, u32(cursor));
    }

    function _digests(Cursor memory cursor, uint256 count) private pure returns (bytes32[] calldata value) {
        unchecked {
            uint256 place = take(cursor, count * 32);
            assembly ("memory-safe") {
                value.offset := place
                value.length := count
            }
        }
    }

    /// @dev Reads siblings (their count u8, then the digests) and refuses unless the leaf is leaf `index` of the list of `count` leaves with this root.
    function checkLeaf(Cursor memory cursor, bytes32 root, uint256 count, uint256 index, bytes32 leaf) internal view {
        bytes32 found = Merkle.listRoot(count, topOf(cursor, count, index, leaf));
        if (found != root) revert Merkle.WrongRoot(found, root);
    }

    /// @dev Reads siblings; the top to which they lead from leaf `index` of `count`.
    function topOf(Cursor memory cursor, uint256 count, uint256 index, bytes32 leaf) internal view returns (bytes32) {
        return Merkle.topOfOne(count, index, leaf, _digests(cursor, u8(cursor)));
    }

    /// @dev hash(tag, bytes).
    function hash(uint256 tag, bytes calldata value) internal view returns (bytes32) {
        uint256 place;
        assembly ("memory-safe") {
            // Room for the tag before the bytes.
            place := add(mload(0x40), 32)
            calldatacopy(place, value.offset, value.length)
            mstore(0x40, and(add(add(place, value.length), 63), not(31)))
        }
        return Merkle.tagged(tag, place, value.length);
    }
}

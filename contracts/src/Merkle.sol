// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title How a value gets a name (docs/spec/commitment.md): SHA-256 with a one-byte tag before every preimage
/// @dev Every opening is a batch opening; one leaf is a batch of one. A node whose neighbour is among the leaves, or is
/// absent by the count, needs no sibling; the others are listed by level, then by index.
library Merkle {
    /// @notice The leaves of a batch must rise.
    error LeavesOutOfOrder(uint256 previous, uint256 next);
    /// @notice A batch without leaves shows nothing.
    error NoLeaf();
    /// @notice The leaf is beyond the end.
    error LeafBeyondEnd(uint256 index, uint256 count);
    /// @notice Count and leaves ask for `expected` siblings, or for more than were given.
    error WrongSiblingCount(uint256 given, uint256 expected);
    /// @notice The leaves and siblings lead to another root.
    error WrongRoot(bytes32 found, bytes32 expected);
    /// @notice The SHA-256 precompile did not answer, for lack of gas.
    error HashFailed();
    /// @notice What was shown hashes to another digest than the one that is held.
    error WrongDigest(bytes32 found, bytes32 expected);

    uint256 internal constant TAG_PAGE = 0x00;
    uint256 internal constant TAG_INNER = 0x01;
    uint256 internal constant TAG_LIST = 0x02;
    uint256 internal constant TAG_TENSOR = 0x03;
    uint256 internal constant TAG_NODE = 0x05;
    uint256 internal constant TAG_PROGRAM = 0x07;
    uint256 internal constant TAG_STEP = 0x08;
    uint256 internal constant TAG_TOTAL = 0x09;
    uint256 internal constant TAG_SPEC = 0x0a;
    uint256 internal constant TAG_SEGMENT = 0x0b;
    uint256 internal constant TAG_QUESTION = 0x0e;
    uint256 internal constant TAG_POSITION = 0x0f;

    /// @dev hash(tag, bytes at `cursor`). The byte before `cursor` is borrowed for the tag and given back.
    function tagged(uint256 tag, uint256 cursor, uint256 length) internal view returns (bytes32 digest) {
        bool failed;
        assembly ("memory-safe") {
            let word := sub(cursor, 32)
            let saved := mload(word)
            mstore8(sub(cursor, 1), tag)
            failed := iszero(staticcall(gas(), 2, sub(cursor, 1), add(length, 1), 0, 32))
            failed := or(failed, xor(returndatasize(), 32))
            mstore(word, saved)
            digest := mload(0)
        }
        if (failed) revert HashFailed();
    }

    /// @dev The digest of a node with these halves.
    function inner(bytes32 left, bytes32 right) internal view returns (bytes32 digest) {
        return two(TAG_INNER, left, right);
    }

    /// @dev hash(tag, left, right).
    function two(uint256 tag, bytes32 left, bytes32 right) internal view returns (bytes32 digest) {
        bool failed;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(free, tag)
            mstore(add(free, 1), left)
            mstore(add(free, 33), right)
            failed := iszero(staticcall(gas(), 2, free, 65, 0, 32))
            failed := or(failed, xor(returndatasize(), 32))
            digest := mload(0)
        }
        if (failed) revert HashFailed();
    }

    /// @dev The name of a list of `count` leaves.
    function listRoot(uint256 count, bytes32 top) internal view returns (bytes32) {
        return ofBytes(abi.encodePacked(uint8(TAG_LIST), uint64(count), top));
    }

    /// @dev The name of a tensor of `count` elements.
    function tensorRoot(uint256 dtype, uint256 count, bytes32 top) internal view returns (bytes32) {
        return ofBytes(abi.encodePacked(uint8(TAG_TENSOR), uint8(dtype), uint64(count), top));
    }

    /// @dev Refuses unless the leaves are leaves of the list of `count` leaves with this root. Both arrays are used up.
    function check(
        bytes32 root,
        uint256 count,
        uint256[] memory indices,
        bytes32[] memory leaves,
        bytes32[] calldata siblings
    ) internal view {
        bytes32 found = listRoot(count, topOf(count, indices, leaves, siblings));
        if (found != root) revert WrongRoot(found, root);
    }

    /// @dev The top to which the leaves (`indices` rising, as many) lead in a tree over `count` leaves. Both arrays are used up.
    function topOf(uint256 count, uint256[] memory indices, bytes32[] memory leaves, bytes32[] calldata siblings)
        internal
        view
        returns (bytes32)
    {
        _checkOrder(count, indices);
        unchecked {
            uint256 length = indices.length;
            uint256 taken;
            uint256 width = count;
            for (; length > 1; width = (width + 1) >> 1) {
                uint256 above;
                for (uint256 i = 0; i < length; above++) {
                    (uint256 index, bytes32 node) = _entry(indices, leaves, i++);
                    (uint256 next, bytes32 other) = _entry(indices, leaves, i);
                    if (i < length && next == index ^ 1) {
                        i++;
                    } else if (index ^ 1 < width) {
                        if (taken == siblings.length) revert WrongSiblingCount(taken, taken + 1);
                        other = siblings[taken++];
                    } else {
                        other = 0;
                    }
                    node = index & 1 == 0 ? inner(node, other) : inner(other, node);
                    _setEntry(indices, leaves, above, index >> 1, node);
                }
                length = above;
            }
            return _climb(leaves[0], indices[0], width, siblings, taken);
        }
    }

    /// @dev The top above one node of a level, with all siblings from number `taken` on. A node is absent if both of its halves are.
    function _climb(bytes32 node, uint256 index, uint256 width, bytes32[] calldata siblings, uint256 taken)
        private
        view
        returns (bytes32)
    {
        unchecked {
            for (; width > 1; width = (width + 1) >> 1) {
                bytes32 other;
                if (index ^ 1 < width) {
                    if (taken == siblings.length) revert WrongSiblingCount(taken, taken + 1);
                    assembly ("memory-safe") {
                        other := calldataload(add(siblings.offset, shl(5, taken)))
                    }
                    taken++;
                }
                if (node | other != 0) node = index & 1 == 0 ? inner(node, other) : inner(other, node);
                index >>= 1;
            }
            if (taken != siblings.length) revert WrongSiblingCount(siblings.length, taken);
            return node;
        }
    }

    /// @dev A node from its halves; absent if both are.
    function join(bytes32 left, bytes32 right) internal view returns (bytes32) {
        return left | right == 0 ? bytes32(0) : two(TAG_INNER, left, right);
    }

    /// @dev The leaf of a word in a list of totals or sinks.
    function total(uint256 word) internal view returns (bytes32) {
        return ofBytes(abi.encodePacked(uint8(TAG_TOTAL), uint32(word)));
    }

    /// @dev Levels above `count` leaves: ⌈log2 count⌉, 0 for one leaf and for none.
    function height(uint256 count) internal pure returns (uint256 levels) {
        unchecked {
            while ((1 << levels) < count) levels++;
        }
    }

    /// @dev Nodes of a level of the tree over `count` leaves.
    function widthOf(uint256 count, uint256 level) internal pure returns (uint256) {
        unchecked {
            return (count + (1 << level) - 1) >> level;
        }
    }

    /// @dev The top to which leaf `index` of `count` leads.
    function topOfOne(uint256 count, uint256 index, bytes32 leaf, bytes32[] calldata siblings)
        internal
        view
        returns (bytes32 top)
    {
        if (index >= count) revert LeafBeyondEnd(index, count);
        return _climb(leaf, index, count, siblings, 0);
    }

    /// @dev The node `depth` levels above `count` nodes, the others on its right being absent. The nodes are used up.
    function fold(bytes32[] memory nodes, uint256 depth) internal view returns (bytes32) {
        unchecked {
            uint256 count = nodes.length;
            for (; depth > 0; depth--) {
                uint256 above = (count + 1) >> 1;
                for (uint256 i = 0; i < above; i++) {
                    nodes[i] = join(nodes[2 * i], 2 * i + 1 < count ? nodes[2 * i + 1] : bytes32(0));
                }
                count = above;
            }
            return nodes[0];
        }
    }

    /// @dev Node `place` of a level with its index; behind the last one, whatever lies there. Bounds would be checked at every node of an
    /// opening.
    function _entry(uint256[] memory indices, bytes32[] memory nodes, uint256 place)
        private
        pure
        returns (uint256 index, bytes32 node)
    {
        assembly ("memory-safe") {
            let offset := shl(5, add(place, 1))
            index := mload(add(indices, offset))
            node := mload(add(nodes, offset))
        }
    }

    function _setEntry(uint256[] memory indices, bytes32[] memory nodes, uint256 place, uint256 index, bytes32 node)
        private
        pure
    {
        assembly ("memory-safe") {
            let offset := shl(5, add(place, 1))
            mstore(add(indices, offset), index)
            mstore(add(nodes, offset), node)
        }
    }

    function _checkOrder(uint256 count, uint256[] memory indices) private pure {
        if (indices.length == 0) revert NoLeaf();
        for (uint256 i = 1; i < indices.length; i++) {
            if (indices[i - 1] >= indices[i]) revert LeavesOutOfOrder(indices[i - 1], indices[i]);
        }
        uint256 last = indices[indices.length - 1];
        if (last >= count) revert LeafBeyondEnd(last, count);
    }

    /// @dev The digest of a preimage that begins with its tag.
    function ofBytes(bytes memory preimage) internal view returns (bytes32 digest) {
        bool failed;
        assembly ("memory-safe") {
            failed := iszero(staticcall(gas(), 2, add(preimage, 32), mload(preimage), 0, 32))
            failed := or(failed, xor(returndatasize(), 32))
            digest := mload(0)
        }
        if (failed) revert HashFailed();
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Merkle} from "../Merkle.sol";
import {Mismatch} from "./Refusals.sol";

/// @title Lists that are computed or opened, where a refusal says what is wrong instead of why
library Openings {
    /// @dev The root of the list of these leaves, of which there is at least one; they are used up.
    function listOf(bytes32[] memory leaves) internal view returns (bytes32) {
        uint256 count = leaves.length;
        for (uint256 width = count; width > 1; width = (width + 1) >> 1) {
            _halve(leaves, width);
        }
        return Merkle.listRoot(count, leaves[0]);
    }

    /// @dev Puts the nodes above the first `width` ones in their place. Two neighbours lie beside each other as their preimage does; the byte before
    /// them is borrowed for the tag and given back.
    function _halve(bytes32[] memory nodes, uint256 width) private view {
        bool hasFailed;
        assembly ("memory-safe") {
            let from := add(nodes, 32)
            let to := from
            // The neighbour of an odd one's is absent.
            let absent := and(width, 1)
            let end := add(from, shl(5, sub(width, absent)))
            for {} lt(from, end) { from := add(from, 64) } {
                let node := 0
                if or(mload(from), mload(add(from, 32))) {
                    let word := sub(from, 32)
                    let saved := mload(word)
                    mstore8(sub(from, 1), 1)
                    hasFailed := or(hasFailed, iszero(staticcall(gas(), 2, sub(from, 1), 65, 0, 32)))
                    mstore(word, saved)
                    node := mload(0)
                }
                mstore(to, node)
                to := add(to, 32)
            }
            if absent {
                let node := mload(end)
                if node {
                    let free := mload(0x40)
                    mstore8(free, 1)
                    mstore(add(free, 1), node)
                    mstore(add(free, 33), 0)
                    hasFailed := or(hasFailed, iszero(staticcall(gas(), 2, free, 65, 0, 32)))
                    node := mload(0)
                }
                mstore(to, node)
            }
        }
        if (hasFailed) revert Merkle.HashFailed();
    }

    /// @dev Refuses what is not leaf `index` of the list of `count` leaves with this root.
    function check(
        bytes32 what,
        bytes32 root,
        uint256 count,
        uint256 index,
        bytes32 leaf,
        bytes32[] calldata siblings
    ) internal view {
        (bool isTop, bytes32 top) = topOf(count, index, leaf, siblings);
        if (!isTop || Merkle.listRoot(count, top) != root) revert Mismatch(what);
    }

    /// @dev The top to which leaf `index` of `count` leads, if there is such a leaf and it has as many siblings.
    function topOf(uint256 count, uint256 index, bytes32 leaf, bytes32[] memory siblings)
        internal
        view
        returns (bool isTop, bytes32 node)
    {
        if (index >= count) return (false, 0);
        node = leaf;
        unchecked {
            uint256 taken;
            for (uint256 width = count; width > 1; width = (width + 1) >> 1) {
                bytes32 sibling;
                if (index ^ 1 < width) {
                    if (taken == siblings.length) return (false, 0);
                    sibling = siblings[taken++];
                }
                node = index & 1 == 0 ? Merkle.join(node, sibling) : Merkle.join(sibling, node);
                index >>= 1;
            }
            isTop = taken == siblings.length;
        }
    }

    /// @dev Refuses leaves that are not those from `first` on of the list of `count` leaves with this root. The leaves are used up.
    function checkRun(
        bytes32 what,
        bytes32 root,
        uint256 count,
        uint256 first,
        bytes32[] memory leaves,
        bytes32[] calldata siblings
    ) internal view {
        uint256 length = leaves.length;
        uint256 taken;
        unchecked {
            for (uint256 width = count; width > 1; width = (width + 1) >> 1) {
                uint256 above = first >> 1;
                uint256 end = (first + length + 1) >> 1;
                bytes32 left = 0;
                if (first & 1 == 1) {
                    if (taken == siblings.length) revert Mismatch(what);
                    left = siblings[taken++];
                }
                for (uint256 i = above; i < end; i++) {
                    bytes32 a = 2 * i < first ? left : leaves[2 * i - first];
                    bytes32 b;
                    if (2 * i + 1 < first + length) {
                        b = leaves[2 * i + 1 - first];
                    } else if (2 * i + 1 < width) {
                        if (taken == siblings.length) revert Mismatch(what);
                        b = siblings[taken++];
                    }
                    leaves[i - above] = Merkle.join(a, b);
                }
                (first, length) = (above, end - above);
            }
        }
        if (taken != siblings.length || Merkle.listRoot(count, leaves[0]) != root) revert Mismatch(what);
    }
}

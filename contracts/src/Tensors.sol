// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Merkle} from "./Merkle.sol";

/// @notice Pages of one tensor that a leaf reads, with what leads to the tensor's root.
struct TensorOpening {
    /// Position of the node whose output it is: in the program, or in the composite's body.
    uint32 node;
    /// 0 for f32, 1 for u32.
    uint8 dtype;
    /// Elements of the whole tensor.
    uint64 count;
    /// Which pages, rising.
    uint64[] pages;
    /// Their words, little-endian as they are hashed, one page after the other.
    bytes words;
    /// The siblings of the pages, by level and then by index.
    bytes32[] siblings;
}

/// @title Opened tensors: reading an element of a committed tensor
library Tensors {
    /// @notice The pages named have `expected` bytes of words.
    error WrongPageBytes(uint256 node, uint256 given, uint256 expected);
    /// @notice The leaf reads a page that the witness does not open.
    error PageNotOpened(uint256 node, uint256 page);
    /// @notice The leaf reads a tensor that the witness does not open.
    error TensorNotOpened(bool inBody, uint256 node);

    uint256 internal constant PAGE_WORDS = 256;
    uint256 internal constant PAGE_BYTES = 1024;

    /// @dev An opened tensor in memory, its words big-endian.
    struct Opened {
        uint256 node;
        uint256 count;
        uint256[] pages;
        uint256 words;
    }

    /// @dev Opens tensors against the list of all nodes' output roots (a trace root, or a composite row's trace root). No
    /// opening is asked for when no tensor is given.
    function open(
        bytes32 trace,
        uint256 nodeCount,
        TensorOpening[] calldata openings,
        bytes32[] calldata siblings
    ) internal view returns (Opened[] memory opened) {
        opened = new Opened[](openings.length);
        if (openings.length == 0) return opened;
        uint256[] memory indices = new uint256[](openings.length);
        bytes32[] memory roots = new bytes32[](openings.length);
        for (uint256 i = 0; i < openings.length; i++) {
            indices[i] = openings[i].node;
            (opened[i], roots[i]) = _open(openings[i]);
        }
        Merkle.check(trace, nodeCount, indices, roots, siblings);
    }

    /// @dev The opened output of `node`.
    function find(Opened[] memory opened, bool inBody, uint256 node) internal pure returns (Opened memory) {
        for (uint256 i = 0; i < opened.length; i++) {
            if (opened[i].node == node) return opened[i];
        }
        revert TensorNotOpened(inBody, node);
    }

    /// @dev The word of element `index`; 0 at or beyond the end of the tensor.
    function read(Opened memory tensor, uint256 index) internal pure returns (uint256) {
        if (index >= tensor.count) return 0;
        return wordAt(pageAddress(tensor, index >> 8), index);
    }

    /// @dev Where in memory the words of a page begin.
    function pageAddress(Opened memory tensor, uint256 page) internal pure returns (uint256 words) {
        words = openedPage(tensor, page);
        if (words == 0) revert PageNotOpened(tensor.node, page);
    }

    /// @dev Where in memory the words of a page begin; 0 if the page is not opened.
    function openedPage(Opened memory tensor, uint256 page) internal pure returns (uint256) {
        unchecked {
            uint256[] memory pages = tensor.pages;
            for (uint256 i = 0; i < pages.length; i++) {
                // Only the last page may be short, so every page starts at a multiple of 1,024 bytes.
                if (pages[i] == page) return tensor.words + i * PAGE_BYTES;
            }
            return 0;
        }
    }

    /// @dev The word of element `index` in its page.
    function wordAt(uint256 address_, uint256 index) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := shr(224, mload(add(address_, shl(2, and(index, 0xff)))))
        }
    }

    function _open(TensorOpening calldata opening) private view returns (Opened memory tensor, bytes32 root) {
        uint256 count = opening.count;
        uint256 pageCount = opening.pages.length;
        tensor.node = opening.node;
        tensor.count = count;
        tensor.pages = new uint256[](pageCount);
        uint256[] memory indices = new uint256[](pageCount);
        bytes32[] memory digests = new bytes32[](pageCount);
        uint256 words = _copy(opening.words);
        tensor.words = words;
        uint256 end = words;
        for (uint256 i = 0; i < pageCount; i++) {
            uint256 page = opening.pages[i];
            tensor.pages[i] = page;
            indices[i] = page;
            uint256 length = _pageBytes(count, page);
            if (end + length > words + opening.words.length) {
                revert WrongPageBytes(opening.node, opening.words.length, end + length - words);
            }
            digests[i] = Merkle.tagged(Merkle.TAG_PAGE, end, length);
            end += length;
        }
        if (end != words + opening.words.length) {
            revert WrongPageBytes(opening.node, opening.words.length, end - words);
        }
        _swap(words, end);
        bytes32 top = Merkle.topOf((count + PAGE_WORDS - 1) / PAGE_WORDS, indices, digests, opening.siblings);
        root = Merkle.tensorRoot(opening.dtype, count, top);
    }

    /// @dev Bytes of a page; 0 beyond the end, which the tree refuses.
    function _pageBytes(uint256 count, uint256 page) private pure returns (uint256) {
        uint256 start = page * PAGE_WORDS;
        if (start >= count) return 0;
        return count - start < PAGE_WORDS ? 4 * (count - start) : PAGE_BYTES;
    }

    /// @dev Copies bytes to memory with a free word before and after them; their address.
    function _copy(bytes calldata words) private pure returns (uint256 cursor) {
        assembly ("memory-safe") {
            cursor := add(mload(0x40), 32)
            calldatacopy(cursor, words.offset, words.length)
            mstore(0x40, and(add(add(cursor, words.length), 63), not(31)))
        }
    }

    /// @dev Turns the bytes of every 4-byte word round, eight words at a time.
    function _swap(uint256 from, uint256 to) private pure {
        assembly ("memory-safe") {
            let bytesMask := 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff
            let halvesMask := 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff
            for { } lt(from, to) { from := add(from, 32) } {
                let w := mload(from)
                w := or(shl(8, and(w, bytesMask)), and(shr(8, w), bytesMask))
                mstore(from, or(shl(16, and(w, halvesMask)), and(shr(16, w), halvesMask)))
            }
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Merkle} from "./Merkle.sol";
import {Reader} from "./Reader.sol";

/// @title Opened tensors: reading an element of a committed tensor
/// @dev In a witness: tensors (node u32, dtype u8, element count u64, pages u64 each, words 4 bytes each as they are hashed,
/// siblings of the pages), rising by node, then the siblings of their roots.
library Tensors {
    /// @notice The pages named have `expected` bytes of words.
    error WrongPageBytes(uint256 node, uint256 given, uint256 expected);
    /// @notice The leaf reads a page that the witness does not open.
    error PageNotOpened(uint256 node, uint256 page);
    /// @notice The leaf reads a tensor that the witness does not open.
    error TensorNotOpened(bool inBody, uint256 node);
    /// @notice At most `limit` of what is counted are opened at once.
    error TooManyOpened(uint256 count, uint256 limit);
    /// @notice Floats are 0, integers 1.
    error UnknownDtype(uint256 dtype);
    /// @notice Only outputs of nodes before node `limit` are agreed on.
    error NotEarlier(uint256 node, uint256 limit);

    uint256 internal constant PAGE_WORDS = 256;
    uint256 internal constant PAGE_BYTES = 1024;
    /// A leaf reads at most 8 inputs and 8 elements in its index maps.
    uint256 internal constant TENSOR_LIMIT = 16;
    /// Each of those reads is on at most two pages.
    uint256 internal constant PAGE_LIMIT = 32;

    /// @dev An opened tensor in memory, its words big-endian.
    struct Opened {
        uint256 node;
        uint256 count;
        uint256[] pages;
        uint256 words;
    }

    /// @dev Reads tensors from a witness and opens them against the list of `nodeCount` output roots (a trace, or a composite's
    /// row), nodes before `earlier` only. No opening is asked for when no tensor is given.
    function open(Reader.Cursor memory cursor, bytes32 trace, uint256 nodeCount, uint256 earlier)
        internal
        view
        returns (Opened[] memory opened)
    {
        uint256 count = Reader.u32(cursor);
        if (count > TENSOR_LIMIT) revert TooManyOpened(count, TENSOR_LIMIT);
        opened = new Opened[](count);
        uint256[] memory indices = new uint256[](count);
        bytes32[] memory roots = new bytes32[](count);
        for (uint256 i = 0; i < count; i++) {
            roots[i] = _open(cursor, opened[i]);
            indices[i] = opened[i].node;
            if (indices[i] >= earlier) revert NotEarlier(indices[i], earlier);
        }
        bytes32[] calldata siblings = Reader.siblings(cursor);
        if (count != 0) {
            Merkle.check(trace, nodeCount, indices, roots, siblings);
        } else if (siblings.length != 0) {
            revert Merkle.WrongSiblingCount(siblings.length, 0);
        }
    }

    /// @dev The opened output of `node`.
    function find(Opened[] memory opened, bool inBody, uint256 node) internal pure returns (Opened memory) {
        unchecked {
            for (uint256 i = 0; i < opened.length; i++) {
                if (opened[i].node == node) return opened[i];
            }
            revert TensorNotOpened(inBody, node);
        }
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

    /// @dev Reads one tensor from a witness; its root.
    function _open(Reader.Cursor memory cursor, Opened memory tensor) private view returns (bytes32) {
        unchecked {
            tensor.node = Reader.u32(cursor);
            uint256 dtype = Reader.u8(cursor);
            if (dtype > 1) revert UnknownDtype(dtype);
            uint256 count = Reader.u64(cursor);
            tensor.count = count;
            (uint256[] memory indices, bytes32[] memory digests) = _openPages(cursor, tensor);
            // The count is below 2^64: no sum wraps.
            uint256 pages = (count + PAGE_WORDS - 1) / PAGE_WORDS;
            return Merkle.tensorRoot(dtype, count, Merkle.topOf(pages, indices, digests, Reader.siblings(cursor)));
        }
    }

    /// @dev Reads pages and their words; a tree's leaves. The words are turned big-endian.
    function _openPages(Reader.Cursor memory cursor, Opened memory tensor)
        private
        view
        returns (uint256[] memory indices, bytes32[] memory digests)
    {
        unchecked {
            uint256 pageCount = Reader.u32(cursor);
            if (pageCount > PAGE_LIMIT) revert TooManyOpened(pageCount, PAGE_LIMIT);
            tensor.pages = new uint256[](pageCount);
            indices = new uint256[](pageCount);
            digests = new bytes32[](pageCount);
            for (uint256 i = 0; i < pageCount; i++) {
                uint256 page = Reader.u64(cursor);
                tensor.pages[i] = page;
                indices[i] = page;
            }
            bytes calldata given = Reader.raw(cursor, 4 * Reader.u32(cursor));
            uint256 words = _copy(given);
            tensor.words = words;
            uint256 end = words;
            for (uint256 i = 0; i < pageCount; i++) {
                uint256 length = _pageBytes(tensor.count, indices[i]);
                if (end + length > words + given.length) {
                    revert WrongPageBytes(tensor.node, given.length, end + length - words);
                }
                digests[i] = Merkle.tagged(Merkle.TAG_PAGE, end, length);
                end += length;
            }
            if (end != words + given.length) revert WrongPageBytes(tensor.node, given.length, end - words);
            _swap(words, end);
        }
    }

    /// @dev Bytes of a page; 0 beyond the end, which the tree refuses.
    function _pageBytes(uint256 count, uint256 page) private pure returns (uint256) {
        unchecked {
            uint256 start = page * PAGE_WORDS;
            if (start >= count) return 0;
            return count - start < PAGE_WORDS ? 4 * (count - start) : PAGE_BYTES;
        }
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

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Merkle} from "../Merkle.sol";
import {Text} from "../Text.sol";
import {Evidence, PageEvidence} from "../interfaces/IMarket.sol";
import {Names} from "./Names.sol";
import {Openings} from "./Openings.sol";
import {Evidence as Unproved} from "./Refusals.sol";

/// @title A step's interior leaf, from what opens it in the answer of a question (docs/spec/job.md §4, §7)
library InteriorLeaf {
    /// @dev What a step is of: the job, and the answer about one of its segments.
    struct Place {
        bytes32 spec;
        uint256 loss;
        uint256 gradNorm;
        uint256 firstStep;
        uint256 count;
        bytes32 stepsTop;
    }

    uint256 private constant PAGES = 4;
    uint256 private constant PAGE_WORDS = 256;
    uint256 private constant TAG_STATE_ENTRY = 0x04;
    uint256 private constant F32 = 0;
    uint256 private constant DTYPES = 2;
    uint256 private constant MAX_NAME_BYTES = 256;
    uint256 private constant MAX_RANK = 6;

    /// @dev The interior leaf of step `index` of the segment; refused if anything does not open.
    function of_(Evidence memory evidence, Place memory place, uint256 index) internal view returns (bytes32) {
        bytes32 step = Merkle.two(Merkle.TAG_STEP, evidence.state, evidence.trace);
        (bool isTop, bytes32 top) = Openings.topOf(place.count, index, step, evidence.stepSiblings);
        if (!isTop || top != place.stepsTop) revert Unproved("step");
        _checkWord("loss", evidence, evidence.loss, place.loss, evidence.lossSiblings);
        _checkWord("gradient norm", evidence, evidence.gradNorm, place.gradNorm, evidence.gradNormSiblings);
        if (evidence.pages.length != PAGES || evidence.entryCount == 0) revert Unproved("pages");
        bytes32[PAGES] memory pages;
        for (uint256 i = 0; i < PAGES; i++) {
            bytes32 name = Names.ofWords(
                Names.TAG_INTERIOR_PAGE, abi.encode(place.spec, place.firstStep + index, i)
            );
            if (!_isPage(evidence, evidence.pages[i], uint256(name) >> 192, uint64(uint256(name) >> 128))) {
                revert Unproved("page");
            }
            pages[i] = evidence.pages[i].page;
        }
        return Names.ofWords(Names.TAG_INTERIOR, abi.encode(evidence.loss, evidence.gradNorm, pages));
    }

    function _checkWord(
        bytes32 what,
        Evidence memory evidence,
        uint32 word,
        uint256 node,
        bytes32[] memory siblings
    ) private view {
        bytes32 page = Merkle.ofBytes(abi.encodePacked(uint8(Merkle.TAG_PAGE), _littleEndian(word)));
        bytes32 output = Merkle.tensorRoot(F32, 1, page);
        (bool isTop, bytes32 top) = Openings.topOf(evidence.nodeCount, node, output, siblings);
        if (!isTop || Merkle.listRoot(evidence.nodeCount, top) != evidence.trace) revert Unproved(what);
    }

    /// @dev Whether the page is the one that these numbers name.
    function _isPage(Evidence memory evidence, PageEvidence memory shown, uint256 entry, uint256 page)
        private
        view
        returns (bool)
    {
        if (bytes(shown.name).length > MAX_NAME_BYTES || shown.shape.length > MAX_RANK || shown.dtype >= DTYPES) {
            return false;
        }
        if (!Text.isAscii(shown.name)) return false;
        (bool isTop, bytes32 top) = Openings.topOf(
            evidence.entryCount, entry % evidence.entryCount, _entryLeaf(shown), shown.entrySiblings
        );
        if (!isTop || Merkle.listRoot(evidence.entryCount, top) != evidence.state) return false;
        uint256 elements = 1;
        for (uint256 i = 0; i < shown.shape.length; i++) {
            elements *= shown.shape[i];
            if (elements > type(uint64).max) return false;
        }
        if (elements == 0) return false;
        uint256 pages = (elements + PAGE_WORDS - 1) / PAGE_WORDS;
        (isTop, top) = Openings.topOf(pages, page % pages, shown.page, shown.pageSiblings);
        return isTop && Merkle.tensorRoot(shown.dtype, elements, top) == shown.root;
    }

    function _entryLeaf(PageEvidence memory shown) private view returns (bytes32) {
        bytes memory shape;
        for (uint256 i = 0; i < shown.shape.length; i++) {
            shape = abi.encodePacked(shape, shown.shape[i]);
        }
        return Merkle.ofBytes(
            abi.encodePacked(
                uint8(TAG_STATE_ENTRY),
                uint16(bytes(shown.name).length),
                shown.name,
                shown.dtype,
                uint8(shown.shape.length),
                shape,
                shown.root
            )
        );
    }

    function _littleEndian(uint32 word) private pure returns (uint32) {
        return (word >> 24) | (word >> 8 & 0xff00) | (word << 8 & 0xff0000) | (word << 24);
    }
}

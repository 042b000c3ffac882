// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Seconds} from "./Clock.sol";
import {Merkle} from "./Merkle.sol";

/// @dev hash(0x0e, the question's fields).
type QuestionId is bytes32;
/// @dev Number of a claim within its question, from 0 in the order of arrival.
type ClaimId is uint64;
/// @dev Where a game is (docs/spec/dispute.md §3).
type Stage is uint8;
/// @dev Two neighbouring fields of a position, a's and b's: how many fields lie before the first.
type Pair is uint8;

using {isStage as ==} for Stage global;

function isStage(Stage x, Stage y) pure returns (bool) {
    return Stage.unwrap(x) == Stage.unwrap(y);
}

/// @notice What is asked: the right end of this segment, given its start (docs/spec/dispute.md §1).
struct Question {
    /// Digest of the Spec.
    bytes32 job;
    /// List root of the program's nodes.
    bytes32 nodes;
    /// List root of the program's declarations of states.
    bytes32 states;
    /// List root of the program's sinks.
    bytes32 sinks;
    /// List root of the tables' roots, of the Spec.
    bytes32 tables;
    /// State root before the segment.
    bytes32 start;
    uint64 nodeCount;
    uint64 stateCount;
    uint64 tableCount;
    /// The node whose only element is the loss.
    uint32 loss;
    /// Number of the segment's first step in the job.
    uint64 firstStep;
    /// Steps of the segment.
    uint64 stepCount;
    /// What each claim pays in.
    uint128 bond;
    /// How long after its opening the question takes claims.
    Seconds entrySeconds;
    /// What each side of a game may think in all.
    Seconds clockSeconds;
    /// What a side that passes the turn on has at least.
    Seconds extensionSeconds;
    /// Who alone may open the question; 0: anybody.
    address asker;
    /// Tells an asker's questions apart that are alike otherwise.
    bytes32 nonce;
}

/// @notice All that a game is (docs/spec/dispute.md §2). Unused fields are 0.
struct Position {
    QuestionId question;
    ClaimId claimA;
    ClaimId claimB;
    uint32 moves;
    /// 0: a is on turn; 1: b.
    uint8 turn;
    Seconds clockA;
    Seconds clockB;
    /// When the last move was made.
    Seconds since;
    Stage stage;
    /// Leaves of the tree that is searched.
    uint64 count;
    uint8 level;
    uint64 index;
    /// Levels below the node that the side not on turn has shown.
    uint8 shown;
    /// What the sides hold at the place.
    bytes32 a;
    bytes32 b;
    /// The step's index in the segment; its number in the job is `firstStep + step`.
    uint64 step;
    bytes32 traceA;
    bytes32 traceB;
    /// The node; at stage Sink, the entry of the state.
    uint32 node;
    bytes32 nodeA;
    bytes32 nodeB;
    uint8 dtype;
    uint64 elements;
    uint64 element;
    uint32 wordA;
    uint32 wordB;
    bytes32 rowA;
    bytes32 rowB;
    uint32 bodyNode;
    uint64 bodyElement;
    uint32 bodyWordA;
    uint32 bodyWordB;
    /// 1 if the fold whose totals are searched is a sum or maximum.
    uint8 laned;
    bytes32 totalsA;
    bytes32 totalsB;
    uint64 blockNumber;
    /// The total before the block, on which the sides agree.
    uint32 total;
    uint8 lane;
    /// Hash of the lanes that one side has shown, or on which both agree.
    bytes32 lanes;
}

/// @title The stages by name
library Stages {
    Stage internal constant STEPS = Stage.wrap(0);
    Stage internal constant PARTS = Stage.wrap(1);
    Stage internal constant TRACE = Stage.wrap(2);
    Stage internal constant STATE = Stage.wrap(3);
    Stage internal constant HEAD = Stage.wrap(4);
    Stage internal constant PAGES = Stage.wrap(5);
    Stage internal constant PAGE = Stage.wrap(6);
    Stage internal constant ELEMENT = Stage.wrap(7);
    Stage internal constant TOTALS_HEAD = Stage.wrap(8);
    Stage internal constant TOTALS = Stage.wrap(9);
    Stage internal constant ROW_HEAD = Stage.wrap(10);
    Stage internal constant BLOCK = Stage.wrap(11);
    Stage internal constant LANES = Stage.wrap(12);
    Stage internal constant LANES_SHOWN = Stage.wrap(13);
    Stage internal constant LANE = Stage.wrap(14);
    Stage internal constant LANE_FOLD = Stage.wrap(15);
    Stage internal constant ENDED = Stage.wrap(20);
    Stage internal constant SINK = Stage.wrap(21);
    Stage internal constant SHAPE = Stage.wrap(22);
    Stage internal constant ROW_END = Stage.wrap(23);
    Stage internal constant SEGMENT_END = Stage.wrap(24);
}

/// @title Positions in memory: hashing, the two sides' fields, the place in a tree
/// @dev A position in memory is its preimage: one word a field, in order.
library Positions {
    /// @notice The position given is not the one at which the game stands.
    error WrongPosition(bytes32 given, bytes32 expected);
    /// @notice The question given is not the position's.
    error WrongQuestion(QuestionId given, QuestionId expected);
    /// @notice The sides hold the same there, so nothing is left to search.
    error NoDifference(Stage stage);

    uint256 internal constant POSITION_FIELDS = 39;
    uint256 internal constant QUESTION_FIELDS = 18;

    Pair internal constant CLOCK = Pair.wrap(5);
    Pair internal constant HELD = Pair.wrap(13);
    Pair internal constant TRACE = Pair.wrap(16);
    Pair internal constant NODE = Pair.wrap(19);
    Pair internal constant WORD = Pair.wrap(24);
    Pair internal constant ROW = Pair.wrap(26);
    Pair internal constant BODY_WORD = Pair.wrap(30);
    Pair internal constant TOTALS = Pair.wrap(33);

    /// @dev Most levels that one move shows.
    uint256 internal constant MAX_DEPTH = 6;

    /// @dev What a chain keeps of a position.
    function hash(Position memory position) internal view returns (bytes32) {
        uint256 cursor;
        assembly ("memory-safe") {
            cursor := position
        }
        return Merkle.tagged(Merkle.TAG_POSITION, cursor, 32 * POSITION_FIELDS);
    }

    /// @dev Reads a position, whatever bits its fields have: only one that a game has had hashes to what the chain keeps.
    function load(Position calldata given) internal pure returns (Position memory position) {
        assembly ("memory-safe") {
            calldatacopy(position, given, mul(32, POSITION_FIELDS))
        }
    }

    /// @dev The question's name.
    function id(Question calldata question) internal view returns (QuestionId) {
        uint256 cursor;
        assembly ("memory-safe") {
            cursor := add(mload(0x40), 32)
            calldatacopy(cursor, question, mul(32, QUESTION_FIELDS))
        }
        return QuestionId.wrap(Merkle.tagged(Merkle.TAG_QUESTION, cursor, 32 * QUESTION_FIELDS));
    }

    /// @dev A side's field of a pair; side 0 is a, 1 is b.
    function get(Position memory position, Pair pair, uint256 side) internal pure returns (bytes32 value) {
        assembly ("memory-safe") {
            value := mload(add(position, shl(5, add(pair, side))))
        }
    }

    /// @dev Sets a side's field of a pair.
    function set(Position memory position, Pair pair, uint256 side, bytes32 value) internal pure {
        assembly ("memory-safe") {
            mstore(add(position, shl(5, add(pair, side))), value)
        }
    }

    /// @dev Sets both fields of a pair.
    function setBoth(Position memory position, Pair pair, bytes32 a, bytes32 b) internal pure {
        set(position, pair, 0, a);
        set(position, pair, 1, b);
    }

    /// @dev Whether the place lies in a composite's row.
    function inRow(Position memory position) internal pure returns (bool) {
        return position.rowA | position.rowB != 0;
    }

    /// @dev The words in which the sides differ: of the node, or of the body's node.
    function words(Position memory position) internal pure returns (Pair) {
        return inRow(position) ? BODY_WORD : WORD;
    }

    /// @dev Enters a tree over `count` leaves at its top, of which nothing is shown yet.
    function enter(Position memory position, Stage stage, uint256 count) internal pure {
        position.stage = stage;
        position.count = uint64(count);
        position.level = uint8(Merkle.height(count));
        position.index = 0;
        position.shown = 0;
    }

    /// @dev Leaves the trees for a stage of another kind.
    function depart(Position memory position, Stage stage) internal pure {
        position.stage = stage;
        position.count = 0;
        position.level = 0;
        position.index = 0;
        position.shown = 0;
    }

    /// @dev How many levels below a node at `level` a move shows: as even as `MAX_DEPTH` permits.
    function depth(uint256 level) internal pure returns (uint256) {
        unchecked {
            if (level == 0) return 0;
            uint256 rounds = (level + MAX_DEPTH - 1) / MAX_DEPTH;
            return (level + rounds - 1) / rounds;
        }
    }

    /// @dev Refuses a position in which the sides do not differ.
    function checkDifference(Position memory position) internal pure {
        Stage stage = position.stage;
        Pair pair = stage == Stages.ROW_END ? WORD : stage == Stages.ELEMENT ? words(position) : HELD;
        if (get(position, pair, 0) == get(position, pair, 1)) revert NoDifference(stage);
    }
}

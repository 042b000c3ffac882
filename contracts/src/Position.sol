// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Seconds} from "./Clock.sol";

/// @dev hash(0x0e, the question's fields).
type QuestionId is bytes32;
/// @dev Number of a claim within its question, from 0 in the order of arrival.
type ClaimId is uint64;
/// @dev Where a game is (docs/spec/dispute.md §3).
type Stage is uint8;

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

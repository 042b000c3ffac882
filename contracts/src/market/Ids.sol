// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @dev hash(0x12, what the job is).
type JobId is bytes32;
/// @dev Number of a seat in the list of all seats.
type SeatId is uint32;
/// @dev Number of a solver's time with a job, from 0.
type AttemptId is uint64;
/// @dev Number of a batch within its attempt, from 0.
type BatchId is uint64;
/// @dev Number of a segment of a job, from 0.
type SegmentId is uint64;
/// @dev Number of a drawn segment within its batch, from 0.
type DrawId is uint64;
/// @dev Number of a verifier's place at a drawn segment, from 0.
type PlaceId is uint64;

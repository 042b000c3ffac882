// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AttemptId, BatchId, DrawId, JobId, PlaceId, SeatId, SegmentId} from "./Ids.sol";
import {Height} from "./Moment.sol";
import {BatchStage, CatchStage, ChallengeStage, DrawStage, JobStage} from "./Stages.sol";

// Why a message is refused (docs/spec/job.md §1, §5): `market::Refusal`, name by name. A text is at most 32 ASCII characters.

// Anybody's.
error OutOfRange(bytes32 what, uint256 found, uint256 least, uint256 limit);
error NotEnough(address owner, uint128 free, uint128 needed);
error NotYours(address sender);
error Mismatch(bytes32 what);
error WrongCount(bytes32 what, uint256 found, uint256 expected);
error TooEarly(bytes32 what);
error TooLate(bytes32 what);
/// @dev A signature is not that of who is said to have signed.
error WrongSignature(address signer);

// Stake and Fund.
error UnknownSeat(SeatId seat);
error SeatLeft(SeatId seat);
error SeatTaken(SeatId seat);
error JackpotIsNobodys();
/// @dev The token gave other than what was said.
error WrongReceipt(uint256 received, uint256 expected);

// Market.
error JobExists(JobId job);
error UnknownJob(JobId job);
error WrongJobStage(JobId job, JobStage stage);
error WrongAttempt(AttemptId given, AttemptId running);
error NotAppointed();
error AlreadyAppointed();
error NoBeaconYet(Height height);
error UnknownBatch(BatchId batch);
error WrongBatchStage(BatchId batch, BatchStage stage);
error NotTheLast(BatchId batch);
error NotTheFirst(BatchId first);
error NotHeld();
error NothingToClaim();
error SignedTwice(address signer);
error UnknownSegment(SegmentId segment);
error SegmentDrawn(SegmentId segment);
error NotForced(SegmentId segment);
error UnknownDraw(DrawId draw);
error WrongDrawStage(DrawId draw, DrawStage stage);
error DrawsUnfinished();
error UnknownPlace(PlaceId place);
error SealedBefore(PlaceId place);
error NotSealed(PlaceId place);
error OpenedBefore();
error NobodyOpened();
error OpeningGoesOn();
error ChallengeUnfinished(SegmentId segment);
error ChallengesUnfinished(uint256 count);
error UnknownChallenge(SegmentId segment, uint64 number);
error WrongChallengeStage(ChallengeStage stage);
error QuestionOpen();
error NoParty();
error ShownBefore();
error NotShown();
error RefutedBefore();
error SameLeaf();
error Evidence(bytes32 what);
error NoPrize();
error NotAWinner(uint64 claim);
error PaidBefore(uint64 claim);
error CatchExists(address owner);
error UnknownCatch(address owner);
error WrongCatchStage(CatchStage stage);
error CatchUndecided();

/// @dev Refuses what is below the least or above the limit.
function checkRange(bytes32 what, uint256 found, uint256 least, uint256 limit) pure {
    if (found < least || found > limit) revert OutOfRange(what, found, least, limit);
}

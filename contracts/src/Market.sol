// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Stake} from "./Stake.sol";
import {JobHeader} from "./interfaces/IDispute.sol";
import {
    Answer,
    Cause,
    Evidence,
    IMarket,
    Leaf,
    Program,
    SpecOpening,
    Terms,
    Who
} from "./interfaces/IMarket.sol";
import {IStake} from "./interfaces/IStake.sol";
import {AttemptId, BatchId, DrawId, JobId, PlaceId, SegmentId} from "./market/Ids.sol";
import {Params} from "./market/Params.sol";
import {checkRange} from "./market/Refusals.sol";
import {State} from "./market/State.sol";
import {Views} from "./market/Views.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice The contracts that do what Market is told, one for each part of a job's life.
struct Parts {
    address begin;
    address claims;
    address draws;
    address check;
    address reveals;
    address catches;
    address argue;
    address interior;
    address settle;
}

/// @title The life of a job on chain (docs/spec/job.md)
/// @dev Which part takes which message. The parts run in this contract's place, with the storage of `State`, and know nothing of each other; they
/// are fixed when this is made, and so is Stake, which knows this contract alone.
contract Market is IMarket, Views {
    address private immutable _begin;
    address private immutable _claims;
    address private immutable _draws;
    address private immutable _check;
    address private immutable _reveals;
    address private immutable _catches;
    address private immutable _argue;
    address private immutable _interior;
    address private immutable _settle;

    /// @dev Ends the message: answers what the part answers. What a message shows is in the message only: if it comes from a contract, it is told
    /// in full, so that nobody can speak unseen.
    modifier by(address part) {
        _;
        if (msg.sender != tx.origin || msg.sender.code.length != 0) emit Relayed(msg.sender, msg.data);
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, 0, calldatasize())
            let isDone := delegatecall(gas(), part, free, calldatasize(), 0, 0)
            returndatacopy(free, 0, returndatasize())
            if iszero(isDone) { revert(free, returndatasize()) }
            return(free, returndatasize())
        }
    }

    constructor(IERC20 token, address treasury, uint32 slowBlock_, Parts memory parts) {
        checkRange("slowBlock", slowBlock_, 1, Params.MAX_SLOW_BLOCK);
        (_stake, _slowBlock) = (new Stake(token, treasury, slowBlock_), slowBlock_);
        _begin = parts.begin;
        _claims = parts.claims;
        _draws = parts.draws;
        _check = parts.check;
        _reveals = parts.reveals;
        _catches = parts.catches;
        _argue = parts.argue;
        _interior = parts.interior;
        _settle = parts.settle;
    }

    function post(SpecOpening calldata, string calldata, Terms calldata, uint64) external by(_begin) returns (JobId) {}

    function cancel(JobId) external by(_begin) {}

    function accept(JobId, AttemptId, address, uint128, bytes32, uint64, bytes calldata) external by(_begin) {}

    function appoint(JobId, AttemptId) external by(_begin) {}

    function claim(JobId, AttemptId, SegmentId, bytes32[] calldata, bytes32[] calldata, uint64, bytes calldata)
        external
        by(_claims)
    {}

    function retract(JobId, AttemptId, BatchId, bytes32) external by(_claims) {}

    function hold(JobId, AttemptId, BatchId, bytes32, address[] calldata, bytes[] calldata) external by(_claims) {}

    function draw(JobId, AttemptId, BatchId) external by(_draws) {}

    function announce(JobId, AttemptId, BatchId, bytes32, bytes32[] calldata) external by(_draws) {}

    function seal(JobId, AttemptId, BatchId, DrawId, PlaceId, bytes32, bytes32) external by(_check) {}

    function close(JobId, AttemptId, BatchId, DrawId) external by(_check) {}

    function openVerifier(JobId, AttemptId, BatchId, DrawId, PlaceId, bytes32, bytes32) external by(_check) {}

    function openSolver(
        JobId,
        AttemptId,
        BatchId,
        DrawId,
        bytes32,
        bytes32,
        bytes32,
        bytes32[] calldata,
        bytes32[] calldata
    ) external by(_check) {}

    function conclude(JobId, AttemptId, BatchId, DrawId) external by(_check) {}

    function redraw(JobId, AttemptId, BatchId, DrawId) external by(_check) {}

    function reveal(
        JobId,
        AttemptId,
        BatchId,
        bytes32[] calldata,
        bytes32[] calldata,
        bytes32[] calldata,
        bytes32[] calldata,
        bytes32[] calldata
    ) external by(_reveals) {}

    function commitCatch(JobId, AttemptId, BatchId, SegmentId, bytes32, bytes32[] calldata, bytes32)
        external
        by(_catches)
    {}

    function revealCatch(JobId, AttemptId, BatchId, SegmentId, address, bytes32, bytes32, bytes32[] calldata)
        external
        by(_catches)
    {}

    function payCatch(JobId, AttemptId, SegmentId, address) external by(_catches) {}

    function challenge(
        JobId,
        AttemptId,
        BatchId,
        SegmentId,
        bool,
        Leaf calldata,
        bytes32[] calldata,
        Leaf calldata,
        bytes32[] calldata,
        Program calldata,
        JobHeader calldata
    ) external by(_argue) {}

    function judge(JobId, AttemptId, SegmentId, uint64, Answer calldata) external by(_argue) {}

    function finish(JobId, AttemptId, SegmentId, uint64) external by(_argue) {}

    function payWinner(JobId, AttemptId, SegmentId, uint64, uint64) external by(_argue) {}

    function show(JobId, AttemptId, SegmentId, uint64, Who, bytes32[] calldata, bytes32[] calldata)
        external
        by(_interior)
    {}

    function refute(
        JobId,
        AttemptId,
        SegmentId,
        uint64,
        Who,
        uint64,
        bytes32,
        bytes32[] calldata,
        Evidence calldata
    ) external by(_interior) {}

    function settle(JobId, AttemptId, BatchId) external by(_settle) {}

    function expire(JobId, AttemptId, Cause, BatchId, DrawId) external by(_settle) {}
}

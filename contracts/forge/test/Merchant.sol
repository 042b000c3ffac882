// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Market, Parts} from "../../src/Market.sol";
import {Stake} from "../../src/Stake.sol";
import {TestToken} from "../../src/TestToken.sol";
import {BlockBeacon} from "../../src/BlockBeacon.sol";
import {IDispute} from "../../src/interfaces/IDispute.sol";
import {Pot} from "../../src/interfaces/IFund.sol";
import {
    AttemptView,
    BatchView,
    Cause,
    DrawView,
    JobView,
    SpecOpening,
    Terms
} from "../../src/interfaces/IMarket.sol";
import {IFund} from "../../src/interfaces/IFund.sol";
import {Argue} from "../../src/market/Argue.sol";
import {Begin} from "../../src/market/Begin.sol";
import {Catches} from "../../src/market/Catches.sol";
import {Check} from "../../src/market/Check.sol";
import {Claims} from "../../src/market/Claims.sol";
import {Draws} from "../../src/market/Draws.sol";
import {AttemptId, BatchId, DrawId, JobId, PlaceId, SeatId, SegmentId} from "../../src/market/Ids.sol";
import {Interior} from "../../src/market/Interior.sol";
import {Luck, Lucks} from "../../src/market/Luck.sol";
import {Names} from "../../src/market/Names.sol";
import {Openings} from "../../src/market/Openings.sol";
import {Params} from "../../src/market/Params.sol";
import {Reveals} from "../../src/market/Reveals.sol";
import {Settle} from "../../src/market/Settle.sol";
import {BatchStage, DrawStage, JobStage} from "../../src/market/Stages.sol";
import {Vm} from "./Handler.sol";

/// @dev What of forge's cheats is used besides.
interface Chain {
    function roll(uint256 height) external;
}

Vm constant cheats = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);
Chain constant chain = Chain(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

/// @title Random trade: jobs of four segments in two batches, by people of whom anybody may stop at any time
contract Merchant {
    uint256 private constant PEOPLE = 6;
    uint256 private constant SEGMENTS = 4;

    TestToken public immutable token;
    Market public immutable market;
    Stake public immutable stake;
    address public immutable treasury = address(0x7ea5);

    JobId[] private _posted;
    uint256 private _time = 1_000;
    uint256 private _height = 100;
    /// Calls that went through, by name.
    mapping(string name => uint256) public done;

    constructor() {
        token = new TestToken();
        BlockBeacon beacon = new BlockBeacon();
        Parts memory parts = Parts({
            begin: address(new Begin(beacon)),
            claims: address(new Claims()),
            draws: address(new Draws(beacon)),
            check: address(new Check(beacon)),
            reveals: address(new Reveals()),
            catches: address(new Catches()),
            argue: address(new Argue(IDispute(address(0)))),
            interior: address(new Interior()),
            settle: address(new Settle())
        });
        market = new Market(token, treasury, parts);
        stake = Stake(address(market.stake()));
        for (uint256 i = 0; i < PEOPLE; i++) {
            address person = _person(i);
            token.mint(person, 1e24);
            cheats.prank(person, person);
            token.approve(address(stake), type(uint256).max);
            cheats.prank(person, person);
            stake.deposit(5e23);
        }
        pass(0);
    }

    function deposit(uint256 who, uint128 amount) external {
        address person = _as(who);
        try stake.deposit(amount % 1e22) {
            done["deposit"]++;
        } catch {}
        require(token.balanceOf(person) <= 1e24, "tokens from nothing");
    }

    function withdraw(uint256 who, uint128 amount) external {
        _as(who);
        try stake.withdraw(amount % 1e22) {
            done["withdraw"]++;
        } catch {}
    }

    function join(uint256 who) external {
        _as(who);
        try stake.join() {
            done["join"]++;
        } catch {}
    }

    function leaveSeat(uint256 seat) external {
        uint256 count = stake.seatCount();
        if (count == 0) return;
        SeatId id = SeatId.wrap(uint32(seat % count));
        address owner = stake.seatOf(id).owner;
        cheats.prank(owner, owner);
        try stake.leaveSeat(id) {
            done["leave"]++;
        } catch {}
    }

    function collect(uint256 seat) external {
        uint256 count = stake.seatCount();
        if (count == 0) return;
        SeatId id = SeatId.wrap(uint32(seat % count));
        address owner = stake.seatOf(id).owner;
        cheats.prank(owner, owner);
        try stake.collect(id) {
            done["collect"]++;
        } catch {}
    }

    function post(uint256 who, uint64 nonce) external {
        if (_posted.length > 19) return;
        Terms memory terms;
        (terms.price, terms.checkFee, terms.holdFee, terms.deposit) = (1e18, 1e16, 1e15, 1e20);
        (terms.challengeBond, terms.challengeCost, terms.jackpot) = (1e18, 1e17, 1e19);
        (terms.drawRate, terms.checkers, terms.custodians, terms.quorum, terms.credit) = (300_000, 2, 2, 1, 2);
        (terms.claimSeconds, terms.holdSeconds, terms.announceSeconds, terms.sealSeconds) = (300, 300, 300, 60);
        (terms.openSeconds, terms.challengeSeconds, terms.revealSeconds, terms.contestSeconds) = (60, 60, 300, 60);
        (terms.entrySeconds, terms.clockSeconds, terms.extensionSeconds) = (60, 60, 1);
        SpecOpening memory spec;
        (spec.steps, spec.segmentSteps, spec.initial) = (uint64(SEGMENTS), 1, bytes32("start"));
        _as(who);
        try market.post(spec, "f32", terms, nonce) returns (JobId id) {
            _posted.push(id);
            done["post"]++;
        } catch {}
    }

    function cancel(uint256 which) external {
        if (_posted.length == 0) return;
        JobId id = _posted[which % _posted.length];
        _be(market.jobOf(id).poster);
        try market.cancel(id) {
            done["cancel"]++;
        } catch {}
    }

    /// @dev What comes next in a job, if its people care.
    function proceed(uint256 which, uint256 seed) external {
        if (_posted.length == 0) return;
        JobId id = _posted[which % _posted.length];
        JobView memory job = market.jobOf(id);
        if (job.stage == JobStage.Open) _accept(id, job, seed);
        if (job.stage != JobStage.Running) return;
        AttemptId attempt = AttemptId.wrap(job.attempts - 1);
        AttemptView memory running = market.attemptOf(id, attempt);
        if (!running.isAppointed) {
            try market.appoint(id, attempt) {
                done["appoint"]++;
            } catch {}
            return;
        }
        uint64 last = running.batches;
        if (last != 0 && seed % 4 != 0) return _batch(id, job, running, attempt, running.settled + uint64(seed >> 8) % (last - running.settled + 1), seed);
        _claim(id, running, attempt);
    }

    function expire(uint256 which, uint256 cause, uint64 batch, uint64 draw) external {
        if (_posted.length == 0) return;
        JobId id = _posted[which % _posted.length];
        uint64 attempts = market.jobOf(id).attempts;
        if (attempts == 0) return;
        try market.expire(id, AttemptId.wrap(attempts - 1), Cause(cause % 6), BatchId.wrap(batch % 3), DrawId.wrap(draw % 3)) {
            done["expire"]++;
        } catch {}
    }

    function retract(uint256 which) external {
        if (_posted.length == 0) return;
        JobId id = _posted[which % _posted.length];
        uint64 attempts = market.jobOf(id).attempts;
        if (attempts == 0) return;
        AttemptView memory running = market.attemptOf(id, AttemptId.wrap(attempts - 1));
        if (running.batches == 0) return;
        BatchId batch = BatchId.wrap(running.batches - 1);
        bytes32 root = market.batchOf(id, AttemptId.wrap(attempts - 1), batch).root;
        _be(running.solver);
        try market.retract(id, AttemptId.wrap(attempts - 1), batch, root) {
            done["retract"]++;
        } catch {}
    }

    function take(uint256 pot, uint256 who, uint128 amount) external {
        IFund fund = stake.fund();
        _be(treasury);
        try fund.take(Pot(pot % 3), _person(who), amount % 1e18) {
            done["take"]++;
        } catch {}
    }

    function pass(uint256 time) public {
        _time += time % 120;
        _height += 1 + time % 6;
        cheats.warp(_time);
        chain.roll(_height);
    }

    /// @dev What everybody has, what lies in seats, and what Fund's pots say.
    function sums() external view returns (uint256 free, uint256 rests, uint256 pots) {
        IFund fund = stake.fund();
        free = uint256(stake.freeOf(address(market))) + stake.freeOf(address(fund)) + stake.freeOf(treasury);
        for (uint256 i = 0; i < PEOPLE; i++) {
            free += stake.freeOf(_person(i));
        }
        for (uint32 i = 0; i < stake.seatCount(); i++) {
            rests += stake.seatOf(SeatId.wrap(i)).rest;
        }
        pots = uint256(fund.potOf(Pot.Jackpot)) + fund.potOf(Pot.Insurance) + fund.potOf(Pot.Fees);
    }

    /// @dev Escrow that jobs have left: no more than what Market has.
    function escrows() external view returns (uint256 sum) {
        for (uint256 i = 0; i < _posted.length; i++) {
            sum += market.jobOf(_posted[i]).escrow;
        }
    }

    function _accept(JobId id, JobView memory job, uint256 seed) private {
        address solver = _person(seed);
        bytes32[] memory leaves = new bytes32[](SEGMENTS);
        for (uint256 i = 0; i < SEGMENTS; i++) {
            leaves[i] = Names.secret(_secret(id, job.attempts, i));
        }
        bytes32 secrets = Openings.listOf(leaves);
        _be(solver);
        try market.accept(id, AttemptId.wrap(job.attempts), solver, 9e17, secrets, 0, "") {
            done["accept"]++;
        } catch {}
    }

    function _claim(JobId id, AttemptView memory running, AttemptId attempt) private {
        bytes32[] memory states = new bytes32[](2);
        bytes32[] memory seals = new bytes32[](2);
        for (uint256 i = 0; i < 2; i++) {
            uint64 segment = running.claimed + uint64(i);
            states[i] = keccak256(abi.encode("state", segment));
            seals[i] = _seal(id, attempt, segment, running.solver);
        }
        _be(running.solver);
        try market.claim(id, attempt, SegmentId.wrap(running.claimed), states, seals, 1, "") {
            done["claim"]++;
        } catch {}
    }

    function _batch(
        JobId id,
        JobView memory job,
        AttemptView memory running,
        AttemptId attempt,
        uint64 number,
        uint256 seed
    ) private {
        BatchId batch = BatchId.wrap(number);
        BatchView memory held = market.batchOf(id, attempt, batch);
        if (held.stage == BatchStage.Claimed) {
            address[] memory signers = new address[](1);
            signers[0] = job.poster;
            _be(job.poster);
            try market.hold(id, attempt, batch, held.root, signers, new bytes[](1)) {
                done["hold"]++;
            } catch {}
        } else if (held.stage == BatchStage.Held) {
            try market.draw(id, attempt, batch) {
                done["draw"]++;
            } catch {}
        } else if (held.stage == BatchStage.Drawn && seed % 2 == 0) {
            _announce(id, running, attempt, batch, held);
        } else if (held.stage == BatchStage.Announced && seed % 2 == 0) {
            _reveal(id, running, attempt, batch, held);
        } else if (held.stage == BatchStage.Revealed) {
            try market.settle(id, attempt, batch) {
                done["settle"]++;
            } catch {}
        }
        for (uint64 i = 0; i < held.draws; i++) {
            _check(id, attempt, batch, DrawId.wrap(i), held, seed);
        }
    }

    function _check(JobId id, AttemptId attempt, BatchId batch, DrawId draw, BatchView memory held, uint256 seed) private {
        DrawView memory found = market.drawOf(id, attempt, batch, draw);
        if (found.stage == DrawStage.Sealing && seed % 8 == 0) {
            uint256 place = seed % found.verifiers.length;
            _be(found.verifiers[place]);
            try market.seal(id, attempt, batch, draw, PlaceId.wrap(uint64(place)), held.root, bytes32("seal")) {
                done["seal"]++;
            } catch {}
        }
        try market.close(id, attempt, batch, draw) {
            done["close"]++;
        } catch {}
        try market.conclude(id, attempt, batch, draw) {
            done["conclude"]++;
        } catch {}
        try market.redraw(id, attempt, batch, draw) {
            done["redraw"]++;
        } catch {}
    }

    function _announce(JobId id, AttemptView memory running, AttemptId attempt, BatchId batch, BatchView memory held)
        private
    {
        bytes32[] memory roots = new bytes32[](held.count - held.draws);
        uint256 next;
        for (uint256 i = 0; i < held.count; i++) {
            if (held.drawn >> i & 1 == 1) continue;
            uint64 segment = SegmentId.unwrap(held.first) + uint64(i);
            roots[next++] = _announced(id, attempt, segment, held);
        }
        _be(running.solver);
        try market.announce(id, attempt, batch, held.luck, roots) {
            done["announce"]++;
        } catch {}
    }

    function _reveal(JobId id, AttemptView memory running, AttemptId attempt, BatchId batch, BatchView memory held)
        private
    {
        uint256 count = held.count;
        bytes32[] memory secrets = new bytes32[](count);
        bytes32[] memory interiors = new bytes32[](count);
        bytes32[] memory states = new bytes32[](count);
        bytes32[] memory falses = new bytes32[](count);
        uint256 forced;
        for (uint256 i = 0; i < count; i++) {
            uint64 segment = SegmentId.unwrap(held.first) + uint64(i);
            secrets[i] = _secret(id, AttemptId.unwrap(attempt), segment);
            interiors[i] = _interior(segment);
            states[i] = keccak256(abi.encode("state", segment));
            bool isDrawn = held.drawn >> i & 1 == 1;
            if (!isDrawn && _isForced(id, attempt, segment, held)) falses[forced++] = bytes32("false");
        }
        assembly ("memory-safe") {
            mstore(falses, forced)
        }
        _be(running.solver);
        try market.reveal(id, attempt, batch, secrets, interiors, states, falses, _siblings(id, attempt, held)) {
            done["reveal"]++;
        } catch {}
    }

    /// @dev Of two neighbours among four leaves: the node over the other two.
    function _siblings(JobId id, AttemptId attempt, BatchView memory held) private view returns (bytes32[] memory siblings) {
        siblings = new bytes32[](1);
        uint256 other = SegmentId.unwrap(held.first) == 0 ? 2 : 0;
        bytes32[] memory pair = new bytes32[](2);
        pair[0] = Names.secret(_secret(id, AttemptId.unwrap(attempt), other));
        pair[1] = Names.secret(_secret(id, AttemptId.unwrap(attempt), other + 1));
        siblings[0] = _join(pair[0], pair[1]);
    }

    function _join(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return sha256(abi.encodePacked(uint8(1), left, right));
    }

    function _announced(JobId id, AttemptId attempt, uint64 segment, BatchView memory held) private view returns (bytes32) {
        return _isForced(id, attempt, segment, held) ? bytes32("false") : _interior(segment);
    }

    /// @dev Whether the draw was set anew is not told; batches of which it was are not revealed here.
    function _isForced(JobId id, AttemptId attempt, uint64 segment, BatchView memory held) private view returns (bool) {
        return Lucks.forces(Luck.wrap(held.luck), SegmentId.wrap(segment), _secret(id, AttemptId.unwrap(attempt), segment));
    }

    function _seal(JobId id, AttemptId attempt, uint64 segment, address solver) private view returns (bytes32) {
        bytes32 secret = _secret(id, AttemptId.unwrap(attempt), segment);
        return Names.ofWords(
            Names.TAG_SEAL,
            abi.encode(block.chainid, address(market), id, attempt, segment, Names.SOLVER, solver, secret, _interior(segment))
        );
    }

    function _secret(JobId id, uint256 attempt, uint256 segment) private pure returns (bytes32) {
        return keccak256(abi.encode("secret", id, attempt, segment));
    }

    function _interior(uint64 segment) private pure returns (bytes32) {
        return keccak256(abi.encode("interior", segment));
    }

    function _person(uint256 who) private pure returns (address) {
        return address(uint160(0xac70 + who % PEOPLE));
    }

    function _as(uint256 who) private returns (address person) {
        person = _person(who);
        _be(person);
    }

    function _be(address person) private {
        cheats.prank(person, person);
    }
}

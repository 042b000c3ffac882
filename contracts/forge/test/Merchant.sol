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
import {BatchStage, CatchStage, DrawStage, JobStage} from "../../src/market/Stages.sol";
import {Vm} from "./Handler.sol";
import {Truth} from "./Truth.sol";

/// @dev What of forge's cheats is used besides.
interface Chain {
    function roll(uint256 height) external;
}

Vm constant cheats = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);
Chain constant chain = Chain(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

/// @title Random trade: jobs of four segments in two batches, by people of whom anybody may stop at any time
contract Merchant {
    uint256 private constant PEOPLE = 6;
    uint128 private constant DEPOSIT = 1e20;

    /// @dev A catch that somebody has committed to.
    struct Caught {
        JobId job;
        AttemptId attempt;
        SegmentId segment;
        address owner;
    }

    TestToken public immutable token;
    Market public immutable market;
    Stake public immutable stake;
    address public immutable treasury = address(0x7ea5);

    JobId[] private _posted;
    Caught[] private _catches;
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
        market = new Market(token, treasury, 30, parts);
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

    function deposit(uint256 who, uint128 amount) public {
        address person = _as(who);
        try stake.deposit(amount % 1e22) {
            done["deposit"]++;
        } catch {}
        require(token.balanceOf(person) <= 1e24, "tokens from nothing");
    }

    function withdraw(uint256 who, uint128 amount) public {
        _as(who);
        try stake.withdraw(amount % 1e22) {
            done["withdraw"]++;
        } catch {}
    }

    function join(uint256 who) public {
        _as(who);
        try stake.join() {
            done["join"]++;
        } catch {}
    }

    function leaveSeat(uint256 seat) public {
        uint256 count = stake.seatCount();
        if (count == 0) return;
        SeatId id = SeatId.wrap(uint32(seat % count));
        address owner = stake.seatOf(id).owner;
        cheats.prank(owner, owner);
        try stake.leaveSeat(id) {
            done["leave"]++;
        } catch {}
    }

    function collect(uint256 seat) public {
        uint256 count = stake.seatCount();
        if (count == 0) return;
        SeatId id = SeatId.wrap(uint32(seat % count));
        address owner = stake.seatOf(id).owner;
        cheats.prank(owner, owner);
        try stake.collect(id) {
            done["collect"]++;
        } catch {}
    }

    function post(uint256 who, uint64 nonce) public {
        if (_posted.length > 19) return;
        Terms memory terms;
        (terms.price, terms.checkFee, terms.holdFee, terms.deposit) = (1e18, 1e16, 1e15, DEPOSIT);
        (terms.challengeBond, terms.challengeCost, terms.jackpot) = (1e18, 1e17, 1e19);
        (terms.drawRate, terms.checkers, terms.custodians, terms.quorum, terms.credit) = (300_000, 2, 2, 1, 2);
        (terms.claimSeconds, terms.holdSeconds, terms.announceSeconds, terms.sealSeconds) = (1_200, 1_200, 1_200, 600);
        (terms.openSeconds, terms.challengeSeconds, terms.revealSeconds, terms.contestSeconds) = (600, 1_200, 1_200, 600);
        (terms.entrySeconds, terms.clockSeconds, terms.extensionSeconds) = (600, 60, 1);
        SpecOpening memory spec;
        (spec.steps, spec.segmentSteps, spec.initial) = (Truth.SEGMENTS, 1, bytes32("start"));
        _as(who);
        try market.post(spec, "f32", terms, nonce) returns (JobId id) {
            _posted.push(id);
            done["post"]++;
        } catch {}
    }

    function cancel(uint256 which) public {
        if (_posted.length == 0) return;
        JobId id = _posted[which % _posted.length];
        _be(market.jobOf(id).poster);
        try market.cancel(id) {
            done["cancel"]++;
        } catch {}
    }

    /// @dev What comes next in a job, if its people care.
    function proceed(uint256 which, uint256 seed) public {
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

    function expire(uint256 which, uint256 cause, uint64 batch, uint64 draw) public {
        if (_posted.length == 0) return;
        JobId id = _posted[which % _posted.length];
        uint64 attempts = market.jobOf(id).attempts;
        if (attempts == 0) return;
        try market.expire(id, AttemptId.wrap(attempts - 1), Cause(cause % 6), BatchId.wrap(batch % 3), DrawId.wrap(draw % 3)) {
            done["expire"]++;
        } catch {}
    }

    function retract(uint256 which) public {
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

    function payCatch(uint256 which) public {
        if (_catches.length == 0) return;
        Caught storage made = _catches[which % _catches.length];
        try market.payCatch(made.job, made.attempt, made.segment, made.owner) {
            done["payCatch"]++;
        } catch {}
    }

    function take(uint256 pot, uint256 who, uint128 amount) public {
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

    /// @dev Twenty calls one after the other.
    function trade(uint256 seed) external {
        for (uint256 i = 0; i < 20; i++) {
            uint256 word = uint256(keccak256(abi.encode(seed, i)));
            _act(word % 24, word >> 8, word >> 136);
        }
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

    /// @dev What Market owes: escrow of jobs that have not ended, deposit and taxes of attempts that run, bonds of catches that are not paid.
    function locked() external view returns (uint256 sum) {
        for (uint256 i = 0; i < _posted.length; i++) {
            JobView memory job = market.jobOf(_posted[i]);
            sum += job.escrow;
            if (job.stage != JobStage.Running) continue;
            sum += DEPOSIT + market.attemptOf(_posted[i], AttemptId.wrap(job.attempts - 1)).taxes;
        }
        for (uint256 i = 0; i < _catches.length; i++) {
            Caught storage made = _catches[i];
            CatchStage stage = market.catchOf(made.job, made.attempt, made.segment, made.owner);
            if (stage != CatchStage.Closed) sum += Params.CATCH_BOND;
        }
    }

    function _act(uint256 kind, uint256 x, uint256 y) private {
        if (kind == 0) deposit(x, uint128(y));
        else if (kind == 1) withdraw(x, uint128(y));
        else if (kind == 2) join(x);
        else if (kind == 3 && x % 8 == 0) leaveSeat(x >> 8);
        else if (kind == 3) collect(x);
        else if (kind == 4) post(x, uint64(y));
        else if (kind == 5) expire(x, y, uint64(x >> 8), uint64(y >> 8));
        else if (kind == 6 && x % 8 == 0) retract(x >> 8);
        else if (kind == 7 && x % 16 == 0) cancel(x >> 8);
        else if (kind == 8) take(x, y, uint128(x >> 8));
        else if (kind == 9) payCatch(x);
        else if (kind < 18) proceed(x, y);
        else pass(x);
    }

    function _accept(JobId id, JobView memory job, uint256 seed) private {
        address solver = _person(seed);
        AttemptId attempt = AttemptId.wrap(job.attempts);
        bytes32 secrets = Openings.listOf(Truth.secretLeaves(id, attempt));
        _be(solver);
        try market.accept(id, attempt, solver, 9e17, secrets, 0, "") {
            done["accept"]++;
        } catch {}
    }

    function _claim(JobId id, AttemptView memory running, AttemptId attempt) private {
        bytes32[] memory states = new bytes32[](2);
        bytes32[] memory seals = new bytes32[](2);
        for (uint256 i = 0; i < 2; i++) {
            uint64 segment = running.claimed + uint64(i);
            states[i] = Truth.state(segment);
            seals[i] = Truth.seal(market, Truth.Place(id, attempt, segment), Names.SOLVER, running.solver);
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
        } else if (held.stage == BatchStage.Announced && seed % 2 == 1) {
            _catch(id, attempt, batch, held, seed);
        } else if (held.stage == BatchStage.Announced) {
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
        Truth.Place memory place = Truth.Place(id, attempt, SegmentId.unwrap(found.segment));
        for (uint64 i = 0; i < found.verifiers.length; i++) {
            if (seed >> i & 3 == 0) continue;
            if (found.stage == DrawStage.Sealing) _sealOne(place, batch, draw, found.verifiers[i], PlaceId.wrap(i), held.root, seed);
            if (found.stage == DrawStage.Opening) _openVerifier(place, batch, draw, PlaceId.wrap(i));
        }
        if (found.stage == DrawStage.Opening && seed % 8 != 0) _openSolver(place, batch, draw, SegmentId.unwrap(held.first));
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

    /// @dev A verifier seals what is true, or at times what nobody can open.
    function _sealOne(
        Truth.Place memory place,
        BatchId batch,
        DrawId draw,
        address verifier,
        PlaceId which,
        bytes32 root,
        uint256 seed
    ) private {
        bytes32 sealed_ = seed % 32 == 1 ? bytes32("seal") : Truth.seal(market, place, Names.VERIFIER, verifier);
        _be(verifier);
        try market.seal(place.job, place.attempt, batch, draw, which, root, sealed_) {
            done["seal"]++;
        } catch {}
    }

    function _openVerifier(Truth.Place memory place, BatchId batch, DrawId draw, PlaceId which) private {
        bytes32 interior = Truth.interior(place.segment);
        try market.openVerifier(place.job, place.attempt, batch, draw, which, Truth.secret(place), interior) {
            done["openVerifier"]++;
        } catch {}
    }

    function _openSolver(Truth.Place memory place, BatchId batch, DrawId draw, uint64 first) private {
        uint64 other = 2 * first + 1 - place.segment;
        address solver = market.attemptOf(place.job, place.attempt).solver;
        bytes32[] memory siblings = new bytes32[](1);
        siblings[0] = Truth.leaf(market, Truth.Place(place.job, place.attempt, other), solver);
        try market.openSolver(
            place.job,
            place.attempt,
            batch,
            draw,
            Truth.state(place.segment),
            Truth.secret(place),
            Truth.interior(place.segment),
            Truth.siblings(place),
            siblings
        ) {
            done["openSolver"]++;
        } catch {}
    }

    /// @dev Somebody says that an announced root is false, which it may be.
    function _catch(JobId id, AttemptId attempt, BatchId batch, BatchView memory held, uint256 seed) private {
        uint64 first = SegmentId.unwrap(held.first);
        uint64 at = uint64(seed >> 8) % 2;
        if (held.drawn >> at & 1 == 1) return;
        address owner = _person(seed >> 16);
        bytes32 salt = keccak256(abi.encode("salt", owner));
        SegmentId segment = SegmentId.wrap(first + at);
        bytes32 commitment = Names.caught(id, attempt, segment, owner, salt, Truth.interior(first + at));
        bytes32[] memory siblings = new bytes32[](1);
        bool isOtherDrawn = held.drawn >> (1 - at) & 1 == 1;
        siblings[0] = isOtherDrawn ? bytes32(0) : _announced(id, attempt, first + 1 - at, held);
        bytes32 announced = _announced(id, attempt, first + at, held);
        // A prank is of the next call, be it one of a hash.
        _be(owner);
        try market.commitCatch(id, attempt, batch, segment, announced, siblings, commitment) {
            _catches.push(Caught(id, attempt, segment, owner));
            done["commitCatch"]++;
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
            secrets[i] = Truth.secret(Truth.Place(id, attempt, segment));
            interiors[i] = Truth.interior(segment);
            states[i] = Truth.state(segment);
            bool isDrawn = held.drawn >> i & 1 == 1;
            if (!isDrawn && _isForced(id, attempt, segment, held)) falses[forced++] = bytes32("false");
        }
        assembly ("memory-safe") {
            mstore(falses, forced)
        }
        _be(running.solver);
        try market.reveal(
            id, attempt, batch, secrets, interiors, states, falses, Truth.siblingsOfPair(id, attempt, SegmentId.unwrap(held.first))
        ) {
            done["reveal"]++;
        } catch {}
    }

    function _announced(JobId id, AttemptId attempt, uint64 segment, BatchView memory held) private view returns (bytes32) {
        return _isForced(id, attempt, segment, held) ? bytes32("false") : Truth.interior(segment);
    }

    /// @dev Whether the draw was set anew is not told; batches of which it was are not revealed here.
    function _isForced(JobId id, AttemptId attempt, uint64 segment, BatchView memory held) private view returns (bool) {
        bytes32 secret = Truth.secret(Truth.Place(id, attempt, segment));
        return Lucks.forces(Luck.wrap(held.luck), SegmentId.wrap(segment), secret);
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

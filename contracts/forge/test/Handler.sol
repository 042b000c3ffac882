// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Dispute} from "../../src/Dispute.sol";
import {Merkle} from "../../src/Merkle.sol";
import {Seconds} from "../../src/Clock.sol";
import {ClaimId, Position, Positions, Question, QuestionId} from "../../src/Position.sol";
import {ClaimStatus, Descent, JobHeader, OpenedClaim, QuestionStatus} from "../../src/interfaces/IDispute.sol";
import {ClaimRoots, IReferee, JudgeKind, Kept, Structure} from "../../src/interfaces/IReferee.sol";

/// @dev What of forge's cheats is used.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function prank(address sender, address origin) external;
    function deal(address owner, uint256 balance) external;
    function warp(uint256 time) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
}

Vm constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

/// @title A referee that says what it was last told to
contract Told is IReferee {
    bool private _malformed;
    bytes32 private _value;

    function tell(bool malformed, bytes32 value) external {
        (_malformed, _value) = (malformed, value);
    }

    function structure(Question calldata, Position calldata, bytes calldata) external pure returns (Structure memory s) {
        return s;
    }

    function truth(Question calldata, Position calldata, ClaimRoots calldata, JudgeKind, bytes calldata, Kept[] calldata)
        external
        view
        returns (bool, bytes32)
    {
        return (_malformed, _value);
    }

    function operand(Question calldata, Position calldata, JudgeKind, uint8, bytes calldata)
        external
        pure
        returns (bytes memory words)
    {
        words = new bytes(4);
    }
}

/// @title Random play: calls that are mostly legal, with an account of what ought to happen
/// @dev Claims are about two steps whose leaves are made up, so games begin in the tree of steps, at the number of steps or at the state.
contract Handler {
    struct Made {
        uint256 question;
        ClaimId number;
        address owner;
        OpenedClaim opened;
        ClaimStatus expected;
    }

    struct Game {
        uint256 question;
        uint256 a;
        uint256 b;
        Position position;
    }

    uint256 private constant ACTORS = 4;

    Dispute public immutable dispute;
    Told public immutable told;
    address public immutable fund = address(0xf00d);

    Question[] private _questions;
    Made[] private _made;
    Game[] private _games;
    uint256 public withdrawn;
    uint256 public paidIn;
    uint256 private _time = 1_000;
    /// Calls that went through, by name.
    mapping(string name => uint256) public done;

    constructor() {
        told = new Told();
        dispute = new Dispute(told, fund);
        vm.warp(_time);
    }

    function open(uint256 seed) external {
        if (_questions.length > 39) return;
        Question memory question;
        JobHeader memory header;
        (header.version, header.steps, header.segmentSteps, header.profile) = (1, 2, 2, "f32");
        header.initialState = bytes32(seed);
        (header.nodesTop, header.statesTop, header.sinksTop) = (bytes32("nodes"), bytes32("states"), bytes32("sinks"));
        (question.nodeCount, question.stateCount, question.stepCount) = (3, 1, 2);
        question.start = header.initialState;
        question.bond = uint128(seed % 3 == 0 ? 0 : seed % 1e18);
        question.entrySeconds = Seconds.wrap(200);
        question.clockSeconds = Seconds.wrap(uint64(20 + seed % 100));
        question.extensionSeconds = Seconds.wrap(uint64(seed % 10));
        question.nodes = Merkle.listRoot(3, header.nodesTop);
        question.states = Merkle.listRoot(1, header.statesTop);
        question.sinks = Merkle.listRoot(1, header.sinksTop);
        question.tables = Merkle.listRoot(0, 0);
        question.job = _job(question, header);
        QuestionId id = this.idOf(question);
        (QuestionStatus status,,,) = dispute.statusOf(id);
        if (status != QuestionStatus.Unknown) return;
        dispute.open(question, header);
        _questions.push(question);
        done["open"]++;
    }

    function claim(uint256 seed, uint256 actor) external {
        if (_questions.length == 0) return;
        uint256 asked = seed % _questions.length;
        Question memory question = _questions[asked];
        OpenedClaim memory opened;
        opened.count = uint64((seed >> 8) % 4 == 0 ? 1 : 2);
        opened.state = bytes32((seed >> 16) % 2);
        opened.stepsTop = _top((seed >> 24) % 3);
        address owner = _actor(actor);
        vm.deal(owner, owner.balance + question.bond);
        vm.prank(owner, owner);
        try dispute.claim{value: question.bond}(question, opened.state, opened.count, opened.stepsTop) returns (ClaimId number) {
            opened.claim = number;
            _made.push(Made(asked, number, owner, opened, ClaimStatus.Living));
            paidIn += question.bond;
            done["claim"]++;
        } catch {}
    }

    function pair(uint256 first, uint256 second) external {
        if (_made.length < 2) return;
        uint256 a = first % _made.length;
        uint256 b = second % _made.length;
        if (_made[a].question != _made[b].question) return;
        vm.recordLogs();
        try dispute.pair(_questions[_made[a].question], _made[a].opened, _made[b].opened) {
            Game memory game;
            (game.question, game.a, game.b) = (_made[a].question, a, b);
            Vm.Log[] memory logs = vm.getRecordedLogs();
            game.position = abi.decode(logs[logs.length - 1].data, (Position));
            _games.push(game);
            done["pair"]++;
        } catch {}
    }

    /// @dev The first move in the tree over the steps, the only one that made-up leaves permit.
    function show(uint256 which) external {
        if (_games.length == 0) return;
        Game storage game = _games[which % _games.length];
        Position memory position = game.position;
        Descent memory descent;
        descent.nodes = _leaves(uint256(position.turn == 0 ? _kind(game.a) : _kind(game.b)));
        try dispute.descend(_questions[game.question], position, descent) {
            position.shown = 1;
            position.moves = 1;
            position.turn ^= 1;
            uint64 left = Seconds.unwrap(position.clockA) - uint64(_time - Seconds.unwrap(position.since));
            uint64 extension = Seconds.unwrap(_questions[game.question].extensionSeconds);
            position.clockA = Seconds.wrap(left < extension ? extension : left);
            position.since = Seconds.wrap(uint64(_time));
            game.position = position;
            done["show"]++;
        } catch {}
    }

    function judge(uint256 which, uint256 says) external {
        if (_games.length == 0) return;
        Game storage game = _games[which % _games.length];
        Position memory position = game.position;
        bytes32 value = [position.a, position.b, bytes32("neither")][says % 3];
        bool malformed = says % 32 == 31;
        told.tell(malformed, value);
        JudgeKind kind = says % 2 == 0 ? JudgeKind.Ended : JudgeKind.SegmentEnd;
        try dispute.truth(_questions[game.question], position, kind, "", new uint8[](0)) {
            if (!malformed) {
                if (value != position.a) _made[game.a].expected = ClaimStatus.Dead;
                if (value != position.b) _made[game.b].expected = ClaimStatus.Dead;
            }
            done["judge"]++;
        } catch {}
    }

    function timeout(uint256 which) external {
        if (_games.length == 0) return;
        Game storage game = _games[which % _games.length];
        try dispute.timeout(_questions[game.question], game.position) {
            _made[game.position.turn == 0 ? game.a : game.b].expected = ClaimStatus.Dead;
            done["timeout"]++;
        } catch {}
    }

    function resolve(uint256 which) external {
        if (_made.length == 0) return;
        Made storage made = _made[which % _made.length];
        try dispute.resolve(_questions[made.question], made.number) {
            done["resolve"]++;
        } catch {}
    }

    function release(uint256 which) external {
        if (_made.length == 0) return;
        Made storage made = _made[which % _made.length];
        try dispute.release(_questions[made.question], made.number) {
            made.expected = ClaimStatus.Released;
            done["release"]++;
        } catch {}
    }

    function withdraw(uint256 actor) external {
        address owner = actor % (ACTORS + 1) == ACTORS ? fund : _actor(actor);
        uint256 credit = dispute.creditOf(owner);
        uint256 before = owner.balance;
        vm.prank(owner, owner);
        try dispute.withdraw() {
            require(owner.balance == before + credit && credit != 0, "another sum was paid");
            withdrawn += credit;
            done["withdraw"]++;
        } catch {
            require(credit == 0, "a credit was not paid");
        }
    }

    function pass(uint256 time) external {
        _time += time % 40;
        vm.warp(_time);
    }

    /// @dev The credits of all, the bonds of living claims, and those that are no longer held.
    function sums() external view returns (uint256 credits, uint256 living, uint256 gone) {
        credits = dispute.creditOf(fund);
        for (uint256 i = 0; i < ACTORS; i++) credits += dispute.creditOf(_actor(i));
        for (uint256 i = 0; i < _made.length; i++) {
            Made storage made = _made[i];
            uint256 bond = _questions[made.question].bond;
            (, ClaimStatus status,) = dispute.claimOf(this.idOf(_questions[made.question]), made.number);
            require(status == made.expected, "a claim stands elsewhere than it ought to");
            if (status == ClaimStatus.Living) living += bond;
            else gone += bond;
        }
    }

    function idOf(Question calldata question) external view returns (QuestionId) {
        return Positions.id(question);
    }

    function _actor(uint256 actor) private pure returns (address) {
        return address(uint160(0xac70 + actor % ACTORS));
    }

    /// @dev Which made-up leaves a claim has.
    function _kind(uint256 made) private view returns (uint256 kind) {
        while (_top(kind) != _made[made].opened.stepsTop) kind++;
    }

    function _leaves(uint256 kind) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](2);
        (leaves[0], leaves[1]) = (bytes32("first"), bytes32(kind + 1));
    }

    function _top(uint256 kind) private view returns (bytes32) {
        bytes32[] memory leaves = _leaves(kind);
        return Merkle.join(leaves[0], leaves[1]);
    }

    function _job(Question memory question, JobHeader memory header) private pure returns (bytes32) {
        bytes32 program = sha256(
            abi.encodePacked(
                uint8(7), header.version, question.states, header.tableDeclarations, question.nodes, question.sinks,
                question.loss, header.gradNorm
            )
        );
        return sha256(
            abi.encodePacked(
                uint8(10), program, header.initialState, question.tables, header.steps, header.segmentSteps,
                uint16(bytes(header.profile).length), header.profile
            )
        );
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Clock, Seconds} from "./Clock.sol";
import {Merkle} from "./Merkle.sol";
import {Moves} from "./Moves.sol";
import {ClaimId, Pair, Position, Positions, Question, QuestionId, Stage, Stages} from "./Position.sol";
import {Questions} from "./Questions.sol";
import {
    ClaimStatus,
    Commitment,
    Descent,
    IDispute,
    JobHeader,
    OpenedClaim,
    QuestionStatus
} from "./interfaces/IDispute.sol";
import {ClaimRoots, IReferee, JudgeKind, Kept, NodeKind, Structure} from "./interfaces/IReferee.sol";

using Moves for Position;
using Positions for Position;

/// @title The dispute game (docs/spec/dispute.md): claims, games, verdicts, money
/// @dev Of a game only the hash of its position is kept; what a move does to a position is in `Moves`. Money comes in by `claim` and goes
/// out by `withdraw`, the only call that hands over control, after all that it changes; the referee is only ever asked (`view`).
contract Dispute is IDispute {
    /// @dev One slot.
    struct QuestionState {
        Seconds opened;
        uint56 claims;
        uint56 living;
        uint56 answer;
        QuestionStatus status;
    }

    /// @dev Two slots; moves read the first one only.
    struct ClaimState {
        address owner;
        ClaimStatus status;
        bytes32 root;
    }

    uint256 public constant MAX_MOVES = 64;
    uint256 public constant MAX_WITNESS_BYTES = 65_536;
    uint256 public constant MAX_SLOTS = 16;

    /// @notice Who redoes the arithmetic.
    IReferee public immutable referee;
    /// @notice Whose is what no winner gets.
    address public immutable fund;

    mapping(QuestionId question => QuestionState) private _questions;
    mapping(QuestionId question => mapping(ClaimId claim => ClaimState)) private _claims;
    /// @dev Living claims of a root.
    mapping(QuestionId question => mapping(bytes32 root => uint256)) private _living;
    mapping(QuestionId question => mapping(bytes32 root => mapping(address owner => bool))) private _claimed;
    /// @dev Hash of the position, by question and claims; 0 when the game is over.
    mapping(QuestionId question => mapping(ClaimId a => mapping(ClaimId b => bytes32))) private _games;
    mapping(bytes32 position => mapping(JudgeKind kind => mapping(uint8 slot => bytes))) private _kept;
    /// @dev What an owner may withdraw, and 1 from its first claim on: a verdict never pays for a slot that is not in use yet.
    mapping(address owner => uint256) private _purses;

    /// @dev What a move shows is in its message only. A sender without code that is also the origin is the transaction's own, whose
    /// input everybody reads; any other message is told in full, so that nobody can move unseen.
    modifier told() {
        _tell();
        _;
    }

    constructor(IReferee referee_, address fund_) {
        referee = referee_;
        fund = fund_;
        _openPurse(fund_);
    }

    /// @inheritdoc IDispute
    function open(Question calldata question, JobHeader calldata header) external told returns (QuestionId id) {
        id = Positions.id(question);
        QuestionState storage state = _questions[id];
        if (state.status != QuestionStatus.Unknown) revert QuestionExists(id);
        if (question.asker != address(0) && question.asker != msg.sender) revert NotAsker(msg.sender, question.asker);
        Questions.check(question, header);
        state.opened = Clock.time();
        state.status = QuestionStatus.Open;
        emit QuestionOpened(id, question);
    }

    /// @inheritdoc IDispute
    function claim(Question calldata question, bytes32 state, uint64 count, bytes32 stepsTop)
        external
        payable
        told
        returns (ClaimId number)
    {
        (QuestionId id, QuestionState storage asked) = _openQuestion(question);
        Seconds end = asked.opened + question.entrySeconds;
        if (!(Clock.time() < end)) revert EntryClosed(end);
        if (msg.value != question.bond) revert WrongBond(msg.value, question.bond);
        if (count == 0 || count > question.stepCount) revert WrongStepCount(count, question.stepCount);
        bytes32 root = _root(state, count, stepsTop);
        if (_claimed[id][root][msg.sender]) revert ClaimExists(msg.sender, root);
        _claimed[id][root][msg.sender] = true;
        _living[id][root]++;
        number = ClaimId.wrap(asked.claims++);
        asked.living++;
        _claims[id][number] = ClaimState(msg.sender, ClaimStatus.Living, root);
        _openPurse(msg.sender);
        emit Claimed(id, number, msg.sender, state, count, stepsTop);
    }

    /// @inheritdoc IDispute
    function pair(Question calldata question, OpenedClaim calldata a, OpenedClaim calldata b) external told {
        (QuestionId id,) = _openQuestion(question);
        if (ClaimId.unwrap(a.claim) >= ClaimId.unwrap(b.claim)) revert WrongOrder(a.claim, b.claim);
        ClaimState storage claimA = _livingClaim(id, a.claim);
        ClaimState storage claimB = _livingClaim(id, b.claim);
        if (_games[id][a.claim][b.claim] != 0) revert GameExists(a.claim, b.claim);
        _checkRoot(claimA, a);
        _checkRoot(claimB, b);
        if (claimA.root == claimB.root) revert SameRoot(claimA.root);
        Position memory position;
        position.question = id;
        position.claimA = a.claim;
        position.claimB = b.claim;
        position.clockA = question.clockSeconds;
        position.clockB = question.clockSeconds;
        position.since = Clock.time();
        position.begin(question, a, b);
        _keepGame(position);
        emit Paired(id, position);
    }

    /// @inheritdoc IDispute
    function descend(Question calldata question, Position calldata given, Descent calldata descent) external told {
        Position memory position = _toMove(question, given);
        Stage stage = position.stage;
        if (!Moves.isDescent(stage)) revert WrongStage(stage);
        if (stage == Stages.TOTALS_HEAD || stage == Stages.ROW_HEAD || position.laned != 0) _checkOwner(position);
        position.descend(question, descent);
        _moved(position);
    }

    /// @inheritdoc IDispute
    function point(
        Question calldata question,
        Position calldata given,
        uint8 offset,
        bytes calldata own,
        bytes calldata other
    ) external told {
        Position memory position = _toMove(question, given);
        _checkStage(position, Stages.PAGE);
        position.point(offset, own, other);
        _moved(position);
    }

    /// @inheritdoc IDispute
    function unfold(
        Question calldata question,
        Position calldata given,
        bytes calldata witness,
        Commitment calldata commitment,
        bytes32[] calldata nodes
    ) external told {
        Position memory position = _toMove(question, given);
        _checkStage(position, Stages.ELEMENT);
        _checkWitness(witness);
        Structure memory structure = referee.structure(question, given, witness);
        if (Moves.isBlock(structure)) {
            position.unfoldBlock(structure, commitment, nodes);
        } else {
            position.checkUnfolds(structure);
            _checkOwner(position);
            position.unfold(structure, commitment, nodes);
        }
        _moved(position);
    }

    /// @inheritdoc IDispute
    function showLanes(Question calldata question, Position calldata given, uint32[16] calldata lanes) external told {
        Position memory position = _toMove(question, given);
        _checkStage(position, Stages.LANES);
        _checkOwner(position);
        position.showLanes(lanes);
        _moved(position);
    }

    /// @inheritdoc IDispute
    function compareLanes(
        Question calldata question,
        Position calldata given,
        uint32[16] calldata own,
        uint32[16] calldata other
    ) external told {
        Position memory position = _toMove(question, given);
        _checkStage(position, Stages.LANES_SHOWN);
        _checkOwner(position);
        position.compareLanes(own, other);
        _moved(position);
    }

    /// @inheritdoc IDispute
    function keep(
        Question calldata question,
        Position calldata given,
        JudgeKind kind,
        uint8 slot,
        bytes calldata witness
    ) external told {
        (Position memory position, bytes32 held) = _play(question, given);
        if (!Moves.isKept(kind) || !position.isJudged(kind)) revert WrongKind(kind, position.stage);
        _checkWitness(witness);
        if (_kept[held][kind][slot].length != 0) revert KeptBefore(slot);
        _kept[held][kind][slot] = referee.operand(question, given, kind, slot, witness);
        emit OperandKept(position.question, position.claimA, position.claimB, slot);
    }

    /// @inheritdoc IDispute
    function truth(
        Question calldata question,
        Position calldata given,
        JudgeKind kind,
        bytes calldata witness,
        uint8[] calldata slots
    ) external told {
        (Position memory position, bytes32 held) = _play(question, given);
        if (!position.isJudged(kind)) revert WrongKind(kind, position.stage);
        _checkWitness(witness);
        Kept[] memory kept = _read(held, kind, slots);
        (bool malformed, bytes32 value) = referee.truth(question, given, _roots(position), kind, witness, kept);
        if (malformed) {
            _end(position);
            _close(position.question, QuestionStatus.Void, 0);
            return;
        }
        if (kind == JudgeKind.Malformed) revert NotMalformed();
        (bytes32 a, bytes32 b) = position.values(kind);
        _judge(question, position, a != value, b != value);
    }

    /// @inheritdoc IDispute
    function timeout(Question calldata question, Position calldata given) external told {
        (Position memory position,) = _play(question, given);
        bool isB = position.turn != 0;
        Clock.checkOut(isB ? position.clockB : position.clockA, position.since);
        _judge(question, position, !isB, isB);
    }

    /// @inheritdoc IDispute
    function resolve(Question calldata question, ClaimId number) external told {
        (QuestionId id, QuestionState storage asked) = _openQuestion(question);
        Seconds end = asked.opened + question.entrySeconds;
        if (Clock.time() < end) revert EntryOpen(end);
        if (asked.living == 0) {
            _close(id, QuestionStatus.Unanswered, 0);
            return;
        }
        bytes32 root = _livingClaim(id, number).root;
        uint256 withThisRoot = _living[id][root];
        if (withThisRoot != asked.living) revert RootsDiffer(asked.living, withThisRoot);
        asked.answer = uint56(ClaimId.unwrap(number));
        _close(id, QuestionStatus.Answered, root);
    }

    /// @inheritdoc IDispute
    function release(Question calldata question, ClaimId number) external told {
        QuestionId id = Positions.id(question);
        QuestionStatus status = _questions[id].status;
        if (status == QuestionStatus.Unknown) revert QuestionNotOpen(id, status);
        if (status == QuestionStatus.Open) revert QuestionStillOpen(id);
        ClaimState storage released = _livingClaim(id, number);
        released.status = ClaimStatus.Released;
        _credit(released.owner, question.bond);
    }

    /// @inheritdoc IDispute
    function withdraw() external told {
        uint256 amount = creditOf(msg.sender);
        if (amount == 0) revert NothingToWithdraw(msg.sender);
        _purses[msg.sender] = 1;
        emit Withdrawn(msg.sender, amount);
        (bool taken,) = msg.sender.call{value: amount}("");
        if (!taken) revert TransferFailed(msg.sender, amount);
    }

    /// @inheritdoc IDispute
    function statusOf(QuestionId id)
        external
        view
        returns (QuestionStatus status, bytes32 answer, uint64 claims, uint64 living)
    {
        QuestionState storage asked = _questions[id];
        status = asked.status;
        if (status == QuestionStatus.Answered) answer = _claims[id][ClaimId.wrap(asked.answer)].root;
        claims = asked.claims;
        living = asked.living;
    }

    /// @inheritdoc IDispute
    function claimOf(QuestionId id, ClaimId number)
        external
        view
        returns (address owner, ClaimStatus status, bytes32 root)
    {
        ClaimState storage made = _claims[id][number];
        return (made.owner, made.status, made.root);
    }

    /// @inheritdoc IDispute
    function gameOf(QuestionId id, ClaimId a, ClaimId b) external view returns (bytes32) {
        return _games[id][a][b];
    }

    /// @inheritdoc IDispute
    function creditOf(address owner) public view returns (uint256) {
        uint256 purse = _purses[owner];
        return purse == 0 ? 0 : purse - 1;
    }

    /// @dev Refuses a question that does not take messages.
    function _openQuestion(Question calldata question)
        private
        view
        returns (QuestionId id, QuestionState storage asked)
    {
        id = Positions.id(question);
        asked = _questions[id];
        if (asked.status != QuestionStatus.Open) revert QuestionNotOpen(id, asked.status);
    }

    /// @dev The position that a message answers, of a game that goes on, and its hash.
    function _play(Question calldata question, Position calldata given)
        private
        view
        returns (Position memory position, bytes32 held)
    {
        position = Positions.load(given);
        held = _games[position.question][position.claimA][position.claimB];
        if (held == 0) revert UnknownGame(position.question, position.claimA, position.claimB);
        bytes32 found = position.hash();
        if (found != held) revert Positions.WrongPosition(found, held);
        QuestionId id = Positions.id(question);
        if (QuestionId.unwrap(id) != QuestionId.unwrap(position.question)) {
            revert Positions.WrongQuestion(id, position.question);
        }
        QuestionStatus status = _questions[id].status;
        if (status != QuestionStatus.Open) revert QuestionNotOpen(id, status);
        _livingClaim(id, position.claimA);
        _livingClaim(id, position.claimB);
    }

    /// @dev The position that a move answers, with the mover's clock stopped.
    function _toMove(Question calldata question, Position calldata given)
        private
        view
        returns (Position memory position)
    {
        (position,) = _play(question, given);
        if (position.turn == 0) {
            position.clockA = Clock.pass(position.clockA, position.since, question.extensionSeconds);
        } else {
            position.clockB = Clock.pass(position.clockB, position.since, question.extensionSeconds);
        }
        if (position.moves >= MAX_MOVES) revert TooManyMoves(MAX_MOVES);
    }

    /// @dev Passes the turn on.
    function _moved(Position memory position) private {
        position.moves++;
        position.turn ^= 1;
        position.since = Clock.time();
        bytes32 held = _keepGame(position);
        emit Moved(position.question, position.claimA, position.claimB, held);
    }

    /// @dev The end of every message that changes a game's place: what must hold of each position is checked here.
    function _keepGame(Position memory position) private returns (bytes32 held) {
        position.checkDifference();
        held = position.hash();
        _games[position.question][position.claimA][position.claimB] = held;
    }

    function _tell() private {
        if (msg.sender != tx.origin || msg.sender.code.length != 0) emit Relayed(msg.sender, msg.data);
    }

    function _checkStage(Position memory position, Stage stage) private pure {
        if (!(position.stage == stage)) revert WrongStage(position.stage);
    }

    /// @dev What no root binds may be said by the owner of the claim on turn alone.
    function _checkOwner(Position memory position) private view {
        ClaimId mover = position.turn == 0 ? position.claimA : position.claimB;
        address owner = _claims[position.question][mover].owner;
        if (msg.sender != owner) revert NotOwner(msg.sender, owner);
    }

    function _checkWitness(bytes calldata witness) private pure {
        if (witness.length > MAX_WITNESS_BYTES) revert WitnessTooLong(witness.length, MAX_WITNESS_BYTES);
    }

    function _livingClaim(QuestionId id, ClaimId number) private view returns (ClaimState storage found) {
        found = _claims[id][number];
        if (found.status != ClaimStatus.Living) revert ClaimNotLiving(number, found.status);
    }

    function _checkRoot(ClaimState storage made, OpenedClaim calldata opened) private view {
        bytes32 found = _root(opened.state, opened.count, opened.stepsTop);
        if (found != made.root) revert Merkle.WrongDigest(found, made.root);
    }

    function _root(bytes32 state, uint64 count, bytes32 stepsTop) private view returns (bytes32) {
        return Merkle.two(Merkle.TAG_SEGMENT, state, Merkle.listRoot(count, stepsTop));
    }

    function _roots(Position memory position) private view returns (ClaimRoots memory) {
        mapping(ClaimId claim => ClaimState) storage claims = _claims[position.question];
        return ClaimRoots(claims[position.claimA].root, claims[position.claimB].root);
    }

    function _read(bytes32 held, JudgeKind kind, uint8[] calldata slots)
        private
        view
        returns (Kept[] memory kept)
    {
        if (slots.length > MAX_SLOTS) revert TooManySlots(slots.length, MAX_SLOTS);
        kept = new Kept[](slots.length);
        for (uint256 i = 0; i < slots.length; i++) {
            kept[i] = Kept(slots[i], _kept[held][kind][slots[i]]);
            if (kept[i].words.length == 0) revert NotKept(slots[i]);
        }
    }

    /// @dev The verdict: at least one side is false. The bond of a claim that dies goes to a winner that lives and to the fund, half each;
    /// the other games of a dead claim stop, because their moves ask for both claims to live.
    function _judge(Question calldata question, Position memory position, bool isFalseA, bool isFalseB) private {
        _end(position);
        if (isFalseA) _kill(question, position.question, position.claimA, position.claimB, !isFalseB);
        if (isFalseB) _kill(question, position.question, position.claimB, position.claimA, !isFalseA);
    }

    function _kill(Question calldata question, QuestionId id, ClaimId number, ClaimId winner, bool winnerLives) private {
        ClaimState storage dead = _claims[id][number];
        dead.status = ClaimStatus.Dead;
        _living[id][dead.root]--;
        _questions[id].living--;
        emit ClaimDied(id, number);
        uint256 share = winnerLives ? question.bond / 2 : 0;
        _credit(_claims[id][winner].owner, share);
        _credit(fund, question.bond - share);
    }

    function _end(Position memory position) private {
        delete _games[position.question][position.claimA][position.claimB];
    }

    function _close(QuestionId id, QuestionStatus status, bytes32 answer) private {
        _questions[id].status = status;
        emit QuestionClosed(id, status, answer);
    }

    function _openPurse(address owner) private {
        if (_purses[owner] == 0) _purses[owner] = 1;
    }

    /// @dev To a purse that is open. Of nothing, too: a message without an event would be one that nobody reads.
    function _credit(address owner, uint256 amount) private {
        if (amount != 0) _purses[owner] += amount;
        emit Credited(owner, amount);
    }
}

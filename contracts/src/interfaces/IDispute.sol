// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ClaimId, Position, Question, QuestionId, Stage} from "../Position.sol";
import {Seconds} from "../Clock.sol";
import {JudgeKind} from "./IReferee.sol";

/// @notice Where a question stands.
enum QuestionStatus {
    Unknown,
    Open,
    /// All living claims had one root.
    Answered,
    /// No claim lived.
    Unanswered,
    /// The job itself is malformed.
    Void
}

/// @notice Where a claim stands.
enum ClaimStatus {
    Unknown,
    Living,
    Dead,
    /// It lived to the end, and its bond is credited.
    Released
}

/// @notice What opens a question's fields against its job (docs/spec/commitment.md §5).
struct JobHeader {
    /// Of the program's canonical form.
    uint32 version;
    /// List root of the program's declarations of tables.
    bytes32 tableDeclarations;
    uint32 gradNorm;
    bytes32 initialState;
    uint64 steps;
    uint64 segmentSteps;
    string profile;
    /// Tops of the lists of nodes, states, sinks and tables.
    bytes32 nodesTop;
    bytes32 statesTop;
    bytes32 sinksTop;
    bytes32 tablesTop;
}

/// @notice A claim with what its root is made of.
struct OpenedClaim {
    ClaimId claim;
    /// State root after the segment.
    bytes32 state;
    /// Steps that were run.
    uint64 count;
    bytes32 stepsTop;
}

/// @notice A step's leaf: `step(list(stateCount, stateTop), list(nodeCount, traceTop))`.
struct Parts {
    bytes32 traceTop;
    bytes32 stateTop;
}

/// @notice A tensor's root: `tensor(dtype, elements, top)`.
struct Head {
    uint8 dtype;
    uint64 elements;
    bytes32 top;
}

/// @notice What a side commits to below an element: its totals, or its row.
struct Commitment {
    bytes32 top;
    /// Of totals: the opening of the last one. Of a row: none.
    bytes32[] siblings;
}

/// @notice Which of the nodes shown is the first that differs.
struct Choice {
    /// From 0, among the nodes `shown` levels below.
    uint64 child;
    bytes32 own;
    bytes32 other;
    /// By level, upwards from the child: a left sibling, the same in both, or the mover's right one and then the other's.
    bytes32[] siblings;
}

/// @notice The total before a block.
struct Before {
    uint32 word;
    bytes32[] siblings;
}

/// @notice A move towards the first difference. The parts are used in this order, each if the place asks for it: at first what
/// answers the head that the other side has shown, then the choice, then what is shown of the node or leaf chosen.
struct Descent {
    Parts parts;
    Head head;
    Commitment commitment;
    Choice choice;
    /// The own nodes below the node, those left out that are absent by the tree's count.
    bytes32[] nodes;
    /// The own words as a page has them: of the page, or the lanes of the block.
    bytes words;
    Before before;
}

/// @title The dispute game: who is right about a segment (docs/spec/dispute.md)
/// @notice A chain keeps a position's hash only. Every message gives the whole position that it answers, and is refused if the game
/// stands elsewhere.
interface IDispute {
    /// @notice The message came through a contract, or from an account with code: who sent it, and its bytes, which no transaction need
    /// show as its input. First of its events.
    event Relayed(address indexed sender, bytes message);
    /// @notice A question was opened.
    event QuestionOpened(QuestionId indexed question, Question terms);
    /// @notice A claim entered.
    event Claimed(
        QuestionId indexed question,
        ClaimId indexed claim,
        address indexed owner,
        bytes32 state,
        uint64 count,
        bytes32 stepsTop
    );
    /// @notice A game began.
    event Paired(QuestionId indexed question, Position position);
    /// @notice An operand was kept.
    event OperandKept(QuestionId indexed question, ClaimId indexed claimA, ClaimId indexed claimB, uint8 slot);
    /// @notice A move was made: the game stands at the position with this hash.
    event Moved(QuestionId indexed question, ClaimId indexed claimA, ClaimId indexed claimB, bytes32 position);
    /// @notice A claim lost its bond.
    event ClaimDied(QuestionId indexed question, ClaimId indexed claim);
    /// @notice The question got an answer, or none (`Unanswered`, `Void`).
    event QuestionClosed(QuestionId indexed question, QuestionStatus status, bytes32 answer);
    /// @notice Somebody may withdraw this much more.
    event Credited(address indexed owner, uint256 amount);
    /// @notice Somebody was paid.
    event Withdrawn(address indexed owner, uint256 amount);

    /// @notice The question was opened before.
    error QuestionExists(QuestionId question);
    /// @notice The question names who alone may open it.
    error NotAsker(address sender, address asker);
    /// @notice The question is not open.
    error QuestionNotOpen(QuestionId question, QuestionStatus status);
    /// @notice The question is still open.
    error QuestionStillOpen(QuestionId question);
    /// @notice Claims enter before this time.
    error EntryClosed(Seconds end);
    /// @notice Claims may enter until this time.
    error EntryOpen(Seconds end);
    /// @notice A claim pays the question's bond, no more and no less.
    error WrongBond(uint256 given, uint256 expected);
    /// @notice A claim has from 1 to `limit` steps.
    error WrongStepCount(uint256 given, uint256 limit);
    /// @notice The owner has claimed this root before.
    error ClaimExists(address owner, bytes32 root);
    /// @notice The claim does not live.
    error ClaimNotLiving(ClaimId claim, ClaimStatus status);
    /// @notice Living claims have other roots than this one.
    error RootsDiffer(uint256 living, uint256 withThisRoot);
    /// @notice Side a is the older claim.
    error WrongOrder(ClaimId a, ClaimId b);
    /// @notice Claims of one root are on one side.
    error SameRoot(bytes32 root);
    /// @notice The two claims have a game already.
    error GameExists(ClaimId a, ClaimId b);
    /// @notice There is no such game, or it is over.
    error UnknownGame(QuestionId question, ClaimId a, ClaimId b);
    /// @notice A game has at most this many moves.
    error TooManyMoves(uint256 limit);
    /// @notice What this message would bind may be said by the claim's owner alone.
    error NotOwner(address sender, address owner);
    /// @notice The message answers positions of another stage.
    error WrongStage(Stage stage);
    /// @notice This question to the referee is not what the stage asks.
    error WrongKind(JudgeKind kind, Stage stage);
    /// @notice The job is not malformed there.
    error NotMalformed();
    /// @notice The operand was kept before.
    error KeptBefore(uint8 slot);
    /// @notice The operand was never kept at this position.
    error NotKept(uint8 slot);
    /// @notice A judgement takes at most `limit` kept operands.
    error TooManySlots(uint256 given, uint256 limit);
    /// @notice A witness has at most `limit` bytes.
    error WitnessTooLong(uint256 length, uint256 limit);
    /// @notice There is nothing to withdraw.
    error NothingToWithdraw(address owner);
    /// @notice The owner did not take its money.
    error TransferFailed(address owner, uint256 amount);

    /// @notice Opens a question for claims. Its asker alone may, if it names one.
    function open(Question calldata question, JobHeader calldata header) external returns (QuestionId);

    /// @notice Claims a root, for the question's bond in the chain's own currency.
    /// @param state State root after the segment.
    /// @param count Steps that were run; fewer than the question's if the job diverged in the last of them.
    /// @param stepsTop Top of the tree over the steps' leaves.
    function claim(Question calldata question, bytes32 state, uint64 count, bytes32 stepsTop)
        external
        payable
        returns (ClaimId);

    /// @notice Starts the game between two living claims of different roots. Anybody may.
    function pair(Question calldata question, OpenedClaim calldata a, OpenedClaim calldata b) external;

    /// @notice Goes on towards the first difference, in a tree or into the next one.
    function descend(Question calldata question, Position calldata position, Descent calldata descent) external;

    /// @notice At a page: shows both sides' words and one that differs.
    /// @param offset Of the element in the page.
    /// @param own Words of the page of the side on turn.
    /// @param other Words of the other side's page.
    function point(
        Question calldata question,
        Position calldata position,
        uint8 offset,
        bytes calldata own,
        bytes calldata other
    ) external;

    /// @notice At an element: goes into its fold or its composite's row.
    /// @param witness Opens the node for the referee.
    /// @param commitment To the totals or to the row; empty for a fold of one block.
    /// @param nodes The first level shown below it.
    function unfold(
        Question calldata question,
        Position calldata position,
        bytes calldata witness,
        Commitment calldata commitment,
        bytes32[] calldata nodes
    ) external;

    /// @notice At the only block of a sum or maximum: shows the own lanes.
    function showLanes(Question calldata question, Position calldata position, uint32[16] calldata lanes) external;

    /// @notice Answers shown lanes with the own ones.
    function compareLanes(
        Question calldata question,
        Position calldata position,
        uint32[16] calldata own,
        uint32[16] calldata other
    ) external;

    /// @notice Keeps an operand of the leaf at this position for a judgement that one message cannot hold. Anybody may.
    function keep(
        Question calldata question,
        Position calldata position,
        JudgeKind kind,
        uint8 slot,
        bytes calldata witness
    ) external;

    /// @notice Asks the referee. A claim whose value is not the truth dies; a malformed job makes the question void. Anybody may.
    /// @param slots The kept operands that the witness leaves out.
    function truth(
        Question calldata question,
        Position calldata position,
        JudgeKind kind,
        bytes calldata witness,
        uint8[] calldata slots
    ) external;

    /// @notice Ends a game of which the side on turn has used up its clock. Anybody may.
    function timeout(Question calldata question, Position calldata position) external;

    /// @notice Closes a question when the time for entry is over and all living claims have the root of this one. If none lives,
    /// the number is not looked at.
    function resolve(Question calldata question, ClaimId claim) external;

    /// @notice Credits the bond of a living claim of a closed question to its owner. Anybody may.
    function release(Question calldata question, ClaimId claim) external;

    /// @notice Pays the sender what is credited to it.
    function withdraw() external;

    /// @notice Where a question stands, the root that is its answer (0 if none), its number of claims, and how many of them did not die.
    function statusOf(QuestionId question)
        external
        view
        returns (QuestionStatus status, bytes32 answer, uint64 claims, uint64 living);

    /// @notice Who claimed what, and where the claim stands.
    function claimOf(QuestionId question, ClaimId claim)
        external
        view
        returns (address owner, ClaimStatus status, bytes32 root);

    /// @notice Hash of the position at which a game stands; 0 if there is none or it is over.
    function gameOf(QuestionId question, ClaimId a, ClaimId b) external view returns (bytes32);

    /// @notice What somebody may withdraw.
    function creditOf(address owner) external view returns (uint256);
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AttemptId, BatchId, DrawId, JobId, PlaceId, SegmentId} from "../market/Ids.sol";
import {Moment} from "../market/Moment.sol";
import {BatchStage, CatchStage, ChallengeStage, DrawStage, JobStage} from "../market/Stages.sol";
import {QuestionId} from "../Position.sol";
import {JobHeader} from "./IDispute.sol";
import {IStake} from "./IStake.sol";

/// @notice The terms of a job, in the order in which they are hashed (docs/spec/job.md §2).
struct Terms {
    /// Most that a segment pays.
    uint128 price;
    /// For one check of a segment.
    uint128 checkFee;
    /// To a custodian, per segment.
    uint128 holdFee;
    /// The solver's.
    uint128 deposit;
    /// Of who challenges.
    uint128 challengeBond;
    /// Of a challenge, to be made good to who was right.
    uint128 challengeCost;
    /// For the catches of one forced error.
    uint128 jackpot;
    /// Of a claim in Dispute.
    uint128 questionBond;
    /// Millionths of the segments that are checked.
    uint32 drawRate;
    /// Verifiers of a drawn segment.
    uint8 checkers;
    /// Drawn for the job.
    uint8 custodians;
    /// Signatures needed.
    uint8 quorum;
    /// Segments of a batch, and that a solver may be ahead of custody.
    uint8 credit;
    /// From acceptance or the last hold to the next claim.
    uint64 claimSeconds;
    /// From a claim to its custody.
    uint64 holdSeconds;
    /// From the draw to the announcement.
    uint64 announceSeconds;
    /// From the draw to the seals.
    uint64 sealSeconds;
    /// For verifiers' openings, then for the solver's.
    uint64 openSeconds;
    /// From the announcement until the solver may reveal.
    uint64 challengeSeconds;
    /// To reveal.
    uint64 revealSeconds;
    /// To answer what was opened, revealed, judged or shown.
    uint64 contestSeconds;
    /// For claims in Dispute.
    uint64 entrySeconds;
    /// Of each side in Dispute.
    uint64 clockSeconds;
    /// Of a move in Dispute.
    uint64 extensionSeconds;
    /// Who alone may accept; 0 for anybody.
    address solver;
}

/// @notice What a Spec's digest is made of, and its program's, but for the profile (docs/spec/commitment.md §1 and §5).
struct SpecOpening {
    uint32 version;
    /// The node whose only element is the loss.
    uint32 loss;
    /// The node whose only element is the norm of the gradient.
    uint32 gradNorm;
    /// List roots.
    bytes32 states;
    bytes32 tableDeclarations;
    bytes32 nodes;
    bytes32 sinks;
    /// State root before the job's first step.
    bytes32 initial;
    /// List root of the tables' roots.
    bytes32 tables;
    uint64 steps;
    uint64 segmentSteps;
}

/// @notice A claimed segment, as it is a leaf of its batch.
struct Leaf {
    /// State root after it.
    bytes32 state;
    /// The solver's seal.
    bytes32 seal;
}

/// @notice What the answer of a question is made of (docs/spec/dispute.md §1).
struct Answer {
    bytes32 state;
    uint64 count;
    bytes32 stepsTop;
}

/// @notice What Dispute needs to know of the program to be asked (docs/spec/dispute.md §1).
struct Program {
    /// List roots.
    bytes32 nodes;
    bytes32 states;
    bytes32 sinks;
    bytes32 tables;
    uint64 nodeCount;
    uint64 stateCount;
    uint64 tableCount;
}

/// @notice A page of a state, opened.
struct PageEvidence {
    /// The entry, and the siblings of its leaf.
    string name;
    uint8 dtype;
    uint64[] shape;
    bytes32 root;
    bytes32[] entrySiblings;
    /// The page's digest, and its siblings in the tensor.
    bytes32 page;
    bytes32[] pageSiblings;
}

/// @notice Everything that a step's interior leaf is made of, opened in the answer of a question.
struct Evidence {
    /// State root after the step, its trace root, and its siblings in the list of steps.
    bytes32 state;
    bytes32 trace;
    bytes32[] stepSiblings;
    uint64 nodeCount;
    /// Words, and the siblings of their nodes' outputs in the trace.
    uint32 loss;
    bytes32[] lossSiblings;
    uint32 gradNorm;
    bytes32[] gradNormSiblings;
    uint64 entryCount;
    PageEvidence[] pages;
}

/// @dev Whose interior root: 0 the solver's, k + 1 that of the verifier at place k.
type Who is uint64;

/// @notice What is drawn.
enum DrawKind {
    Custodians,
    Segments,
    Verifiers
}

/// @notice How a draw came to its end, or to another round.
enum Conclusion {
    Checked,
    Contested,
    Waiting,
    Unchecked
}

/// @notice What the court has said of the solver's state.
enum Ruling {
    Right,
    Wrong,
    Unanswered,
    Void
}

/// @notice How a job ended.
enum Ending {
    Done,
    Cancelled,
    Void
}

/// @notice Which deadline of the solver's is over.
enum Cause {
    Claim,
    Hold,
    Announce,
    Open,
    Contest,
    Reveal
}

/// @notice What ended an attempt: a deadline, another answer than the claim's, a false interior root.
enum Fault {
    Claim,
    Hold,
    Announce,
    Open,
    Contest,
    Reveal,
    State,
    Interior
}

/// @title What more than one part tells
interface ICommon {
    /// @notice A draw was too late, and is set anew.
    event SetAnew(JobId indexed job, AttemptId attempt, DrawKind kind, BatchId batch, DrawId draw);
    /// @notice An attempt ended before the job did. The numbers are the batch and draw of a deadline, or the segment.
    event Faulted(JobId indexed job, AttemptId attempt, Fault fault, uint64 first, uint64 second);
    /// @notice A job ended.
    event Ended(JobId indexed job, Ending ending);
}

/// @title Posting, accepting, appointing (docs/spec/job.md §2, §5)
interface IBegin is ICommon {
    /// @notice A job is there.
    event Posted(JobId indexed job, address indexed poster, bytes32 indexed spec, uint128 escrow);
    /// @notice An attempt began.
    event Accepted(JobId indexed job, AttemptId attempt, address indexed solver, uint128 price);
    /// @notice Custodians were drawn.
    event Appointed(JobId indexed job, AttemptId attempt, address[] custodians);
    /// @notice Posts a job, and locks its escrow.
    function post(SpecOpening calldata spec, string calldata profile, Terms calldata terms, uint64 nonce)
        external
        returns (JobId);

    /// @notice Takes a job back that nobody runs. For its poster.
    function cancel(JobId job) external;

    /// @notice Begins an attempt, and locks the solver's deposit. For the solver, or the poster with the solver's signature `Ask`.
    /// @param secrets List root of the secrets' leaves of all segments.
    /// @param expiry The last second at which a signed ask may be accepted.
    /// @param signature Empty if the solver sends this.
    function accept(
        JobId job,
        AttemptId attempt,
        address solver,
        uint128 price,
        bytes32 secrets,
        uint64 expiry,
        bytes calldata signature
    ) external;

    /// @notice Draws the custodians.
    function appoint(JobId job, AttemptId attempt) external;
}

/// @title Claims and their custody (docs/spec/job.md §5)
interface IClaims {
    /// @notice A batch is claimed.
    event Claimed(JobId indexed job, AttemptId attempt, BatchId batch, bytes32 root);
    /// @notice A batch was withdrawn.
    event Retracted(JobId indexed job, AttemptId attempt, BatchId batch);
    /// @notice Custodians said that they hold a batch: a bit each, in the order of their appointment.
    event Signed(JobId indexed job, AttemptId attempt, BatchId batch, uint16 custodians);
    /// @notice A batch is held.
    event Held(JobId indexed job, AttemptId attempt, BatchId batch);

    /// @notice Claims the next segments. For the solver, or anybody with its signature `Claim`.
    /// @param states State roots after each.
    /// @param seals The solver's seals.
    /// @param lastCount Steps of the last one; fewer than it has if the job diverged there.
    function claim(
        JobId job,
        AttemptId attempt,
        SegmentId first,
        bytes32[] calldata states,
        bytes32[] calldata seals,
        uint64 lastCount,
        bytes calldata signature
    ) external;

    /// @notice Withdraws the last batch before its draw. For the solver.
    function retract(JobId job, AttemptId attempt, BatchId batch, bytes32 root) external;

    /// @notice Says who holds a batch, by their signatures `Hold`; the poster's may be empty if it sends this.
    function hold(
        JobId job,
        AttemptId attempt,
        BatchId batch,
        bytes32 root,
        address[] calldata signers,
        bytes[] calldata signatures
    ) external;
}

/// @title Draws of segments, and announcements (docs/spec/job.md §4, §6)
interface IDraws is ICommon {
    /// @notice Segments were drawn: a bit each.
    event Drawn(JobId indexed job, AttemptId attempt, BatchId batch, bytes32 luck, uint64 segments);
    /// @notice Interior roots are announced.
    event Announced(JobId indexed job, AttemptId attempt, BatchId batch, bytes32 root);

    /// @notice Draws segments and their verifiers.
    function draw(JobId job, AttemptId attempt, BatchId batch) external;

    /// @notice Announces the interior roots of the segments that are not drawn. For the solver.
    /// @param luck The draw that this answers.
    function announce(JobId job, AttemptId attempt, BatchId batch, bytes32 luck, bytes32[] calldata roots) external;
}

/// @title Checks of drawn segments (docs/spec/job.md §6)
interface ICheck is ICommon {
    /// @notice A verifier sealed.
    event Sealed(JobId indexed job, AttemptId attempt, BatchId batch, DrawId draw, PlaceId place);
    /// @notice The time of sealing is over.
    event Closed(JobId indexed job, AttemptId attempt, BatchId batch, DrawId draw);
    /// @notice A seal was opened.
    event Opened(JobId indexed job, AttemptId attempt, BatchId batch, DrawId draw, Who who, bytes32 interior);
    /// @notice Openings were compared.
    event Concluded(JobId indexed job, AttemptId attempt, BatchId batch, DrawId draw, Conclusion conclusion);
    /// @notice Verifiers were drawn again.
    event Redrawn(JobId indexed job, AttemptId attempt, BatchId batch, DrawId draw, bytes32 luck);

    /// @notice Seals a verifier's interior root. For the place's owner.
    function seal(
        JobId job,
        AttemptId attempt,
        BatchId batch,
        DrawId draw,
        PlaceId place,
        bytes32 root,
        bytes32 sealed_
    ) external;

    /// @notice Ends the time of sealing.
    function close(JobId job, AttemptId attempt, BatchId batch, DrawId draw) external;

    /// @notice Opens a verifier's seal. The last opening concludes.
    function openVerifier(
        JobId job,
        AttemptId attempt,
        BatchId batch,
        DrawId draw,
        PlaceId place,
        bytes32 salt,
        bytes32 interior
    ) external;

    /// @notice Opens the solver's seal of a drawn segment. The last opening concludes.
    function openSolver(
        JobId job,
        AttemptId attempt,
        BatchId batch,
        DrawId draw,
        bytes32 state,
        bytes32 secret,
        bytes32 interior,
        bytes32[] calldata secretSiblings,
        bytes32[] calldata leafSiblings
    ) external;

    /// @notice Compares what was opened, when the time is over in which the others would have.
    function conclude(JobId job, AttemptId attempt, BatchId batch, DrawId draw) external;

    /// @notice Draws the verifiers of a segment again.
    function redraw(JobId job, AttemptId attempt, BatchId batch, DrawId draw) external;
}

/// @title Challenges (docs/spec/job.md §7)
interface IArgue is ICommon {
    /// @notice Dispute was asked.
    event Challenged(
        JobId indexed job,
        AttemptId attempt,
        SegmentId indexed segment,
        uint64 number,
        address indexed owner,
        bool interior
    );
    /// @notice Dispute has answered.
    event Judged(JobId indexed job, AttemptId attempt, SegmentId indexed segment, uint64 number, Ruling ruling);
    /// @notice A challenge ended.
    event Finished(JobId indexed job, AttemptId attempt, SegmentId indexed segment, uint64 number);

    /// @notice Asks Dispute about a segment.
    /// @param interior Whether the solver's interior root is challenged too.
    /// @param leaf The claimed segment's, and its siblings in the batch.
    /// @param before The leaf before it, unless it is the batch's first.
    /// @param program What the question names besides.
    /// @param header What Dispute checks it by.
    function challenge(
        JobId job,
        AttemptId attempt,
        BatchId batch,
        SegmentId segment,
        bool interior,
        Leaf calldata leaf,
        bytes32[] calldata siblings,
        Leaf calldata before,
        bytes32[] calldata beforeSiblings,
        Program calldata program,
        JobHeader calldata header
    ) external;

    /// @notice Reads what Dispute has answered.
    function judge(JobId job, AttemptId attempt, SegmentId segment, uint64 number, Answer calldata opened) external;

    /// @notice Ends a challenge.
    function finish(JobId job, AttemptId attempt, SegmentId segment, uint64 number) external;

    /// @notice Pays a winner its share.
    /// @param claim The winner's in the question.
    function payWinner(JobId job, AttemptId attempt, SegmentId segment, uint64 number, uint64 claim) external;
}

/// @title Interior roots that are argued about (docs/spec/job.md §7)
interface IInterior {
    /// @notice An interior root is defended.
    event Shown(JobId indexed job, AttemptId attempt, SegmentId indexed segment, uint64 number, Who who);
    /// @notice An interior root is false.
    event Refuted(JobId indexed job, AttemptId attempt, SegmentId indexed segment, uint64 number, Who who);

    /// @notice Shows the leaves of an interior root.
    /// @param siblings Of the solver's root among the batch's revealed ones, unless the challenge is about a draw.
    function show(
        JobId job,
        AttemptId attempt,
        SegmentId segment,
        uint64 number,
        Who who,
        bytes32[] calldata leaves,
        bytes32[] calldata siblings
    ) external;

    /// @notice Shows that a leaf of an interior root is false.
    function refute(
        JobId job,
        AttemptId attempt,
        SegmentId segment,
        uint64 number,
        Who who,
        uint64 step,
        bytes32 leaf,
        bytes32[] calldata siblings,
        Evidence calldata evidence
    ) external;
}

/// @title Reveals (docs/spec/job.md §4, §5)
interface IReveals {
    /// @notice All seals of a batch are open; which segments were forced: a bit each.
    event Revealed(JobId indexed job, AttemptId attempt, BatchId batch, uint64 forced);

    /// @notice Opens all seals of a batch.
    /// @param falses What was announced for the forced ones, in their order.
    /// @param siblings Of the secrets, as one batch.
    function reveal(
        JobId job,
        AttemptId attempt,
        BatchId batch,
        bytes32[] calldata secrets,
        bytes32[] calldata interiors,
        bytes32[] calldata states,
        bytes32[] calldata falses,
        bytes32[] calldata siblings
    ) external;
}

/// @title Catches of forced errors (docs/spec/job.md §4, §6)
interface ICatches {
    /// @notice A whistleblower committed to a catch.
    event CatchCommitted(JobId indexed job, AttemptId attempt, SegmentId indexed segment, address indexed owner);
    /// @notice A catch is valid.
    event CatchRevealed(JobId indexed job, AttemptId attempt, SegmentId indexed segment, address indexed owner);
    /// @notice A catch ended.
    event CatchClosed(JobId indexed job, AttemptId attempt, SegmentId indexed segment, address indexed owner);

    /// @notice Commits to a catch.
    /// @param announced The segment's announced root, and its siblings in the announcement.
    function commitCatch(
        JobId job,
        AttemptId attempt,
        BatchId batch,
        SegmentId segment,
        bytes32 announced,
        bytes32[] calldata siblings,
        bytes32 commitment
    ) external;

    /// @notice Shows a catch.
    /// @param interior The segment's interior root, and its siblings among the batch's revealed ones.
    function revealCatch(
        JobId job,
        AttemptId attempt,
        BatchId batch,
        SegmentId segment,
        address owner,
        bytes32 salt,
        bytes32 interior,
        bytes32[] calldata siblings
    ) external;

    /// @notice Ends a catch.
    function payCatch(JobId job, AttemptId attempt, SegmentId segment, address owner) external;
}

/// @title Pay, and the end of attempts (docs/spec/job.md §8)
interface ISettle is ICommon {
    /// @notice A batch is paid.
    event Settled(JobId indexed job, AttemptId attempt, BatchId batch);
    /// @notice Nobody held a batch in time; custodians are drawn again.
    event Lapsed(JobId indexed job, AttemptId attempt, BatchId batch);

    /// @notice Pays a batch.
    function settle(JobId job, AttemptId attempt, BatchId batch) external;

    /// @notice Ends an attempt whose solver is late.
    /// @param batch The batch whose deadline is over, 0 for the causes Claim and Hold.
    /// @param draw The draw whose deadline is over, 0 for all causes but Open and Contest.
    function expire(JobId job, AttemptId attempt, Cause cause, BatchId batch, DrawId draw) external;
}

/// @notice A job as it stands.
struct JobView {
    JobStage stage;
    address poster;
    bytes32 spec;
    bytes32 state;
    uint128 escrow;
    uint64 settled;
    uint64 draws;
    uint64 attempts;
}

/// @notice An attempt as it stands.
struct AttemptView {
    address solver;
    uint128 price;
    bytes32 secrets;
    uint64 claimed;
    uint64 batches;
    uint64 settled;
    uint8 lapses;
    bool isAppointed;
    bool isFinal;
    bool isOver;
    uint128 taxes;
    /// Those that were drawn last.
    address[] custodians;
}

/// @notice A batch as it stands. `since` is on the job's clock.
struct BatchView {
    BatchStage stage;
    uint64 count;
    SegmentId first;
    uint64 lastCount;
    uint16 signed;
    uint64 draws;
    uint64 undecided;
    uint64 unfinished;
    bytes32 root;
    bytes32 end;
    bytes32 luck;
    uint64 drawn;
    uint64 forced;
    Moment since;
}

/// @notice The check of a drawn segment as it stands. `since` is on the job's clock; an empty place has no verifier.
struct DrawView {
    DrawStage stage;
    SegmentId segment;
    uint8 round;
    uint8 sealed_;
    uint8 opened;
    Moment since;
    address[] verifiers;
}

/// @title What a job's state tells
interface IViews {
    /// @notice Where the money is.
    function stake() external view returns (IStake);

    /// @notice Seconds of a slow block of this chain: of so many seconds a deadline waits for one block at least.
    function slowBlock() external view returns (uint32);

    /// @notice A job; its stage is Unknown if there is none.
    function jobOf(JobId job) external view returns (JobView memory);

    /// @notice An attempt.
    function attemptOf(JobId job, AttemptId attempt) external view returns (AttemptView memory);

    /// @notice A batch; its stage is Unknown if there is none.
    function batchOf(JobId job, AttemptId attempt, BatchId batch) external view returns (BatchView memory);

    /// @notice A draw; its stage is Unknown if there is none.
    function drawOf(JobId job, AttemptId attempt, BatchId batch, DrawId draw) external view returns (DrawView memory);

    /// @notice A challenge, with its question in Dispute; its stage is Unknown if there is none.
    function challengeOf(JobId job, AttemptId attempt, SegmentId segment, uint64 number)
        external
        view
        returns (ChallengeStage stage, address owner, QuestionId question, uint64 winners, uint128 share);

    /// @notice A catch; its stage is Unknown if there is none.
    function catchOf(JobId job, AttemptId attempt, SegmentId segment, address owner) external view returns (CatchStage);
}

/// @title The life of a job on chain (docs/spec/job.md)
interface IMarket is
    IBegin,
    IClaims,
    IDraws,
    ICheck,
    IReveals,
    ICatches,
    IArgue,
    IInterior,
    ISettle,
    IViews
{
    /// @notice The message came through a contract: these are its bytes, which no transaction shows as its input. First of its events.
    event Relayed(address indexed sender, bytes message);
}

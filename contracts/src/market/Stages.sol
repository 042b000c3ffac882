// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice Where a job stands (docs/spec/job.md §5).
enum JobStage {
    Unknown,
    Open,
    Running,
    Done,
    Cancelled,
    Void
}

/// @notice Where a batch stands.
enum BatchStage {
    Unknown,
    Claimed,
    Held,
    Drawn,
    Announced,
    Revealed,
    Settled
}

/// @notice Where the check of a drawn segment stands.
enum DrawStage {
    Unknown,
    Sealing,
    Opening,
    Waiting,
    Checked,
    Contested,
    Unchecked,
    Decided
}

/// @notice Where a challenge stands.
enum ChallengeStage {
    Unknown,
    Asked,
    Answered,
    Closed
}

/// @notice Where a catch stands.
enum CatchStage {
    Unknown,
    Committed,
    Valid,
    Closed
}

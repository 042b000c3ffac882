// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ClaimId, Question, QuestionId} from "../Position.sol";
import {ClaimStatus, JobHeader, QuestionStatus} from "../interfaces/IDispute.sol";

/// @title A court that says what it is told, for tests of those who ask it. A question's name is its nonce.
contract ToyCourt {
    struct Asked {
        QuestionStatus status;
        bytes32 answer;
        uint64 living;
        address[] owners;
        bool[] lived;
    }

    mapping(QuestionId question => Asked) private _asked;

    /// @notice As `IDispute.open`, of any question.
    function open(Question calldata question, JobHeader calldata) external returns (QuestionId id) {
        id = QuestionId.wrap(question.nonce);
        require(question.asker == msg.sender, "another asks");
        if (_asked[id].status == QuestionStatus.Unknown) _asked[id].status = QuestionStatus.Open;
    }

    /// @notice Answers a question, asked or not.
    function close(
        QuestionId id,
        QuestionStatus status,
        bytes32 answer,
        address[] calldata owners,
        bool[] calldata lived
    ) external {
        Asked storage asked = _asked[id];
        (asked.status, asked.answer, asked.owners, asked.lived) = (status, answer, owners, lived);
        asked.living = 0;
        for (uint256 i = 0; i < lived.length; i++) {
            if (lived[i]) asked.living++;
        }
    }

    /// @notice As `IDispute.statusOf`.
    function statusOf(QuestionId id)
        external
        view
        returns (QuestionStatus status, bytes32 answer, uint64 claims, uint64 living)
    {
        Asked storage asked = _asked[id];
        return (asked.status, asked.answer, uint64(asked.owners.length), asked.living);
    }

    /// @notice As `IDispute.claimOf`.
    function claimOf(QuestionId id, ClaimId claim) external view returns (address, ClaimStatus, bytes32) {
        Asked storage asked = _asked[id];
        uint64 number = ClaimId.unwrap(claim);
        if (number >= asked.owners.length) return (address(0), ClaimStatus.Unknown, 0);
        return (asked.owners[number], asked.lived[number] ? ClaimStatus.Living : ClaimStatus.Dead, asked.answer);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Position, Positions, Question, QuestionId} from "../Position.sol";
import {ClaimRoots, IReferee, JudgeKind, Kept, NodeKind, Structure} from "../interfaces/IReferee.sol";

/// @title A referee that says what its witness says, for tests of the game. Never deployed for use.
/// @dev A witness ends in the digest of all that the referee is given, so that a test sees that the game passes on the right things.
contract ToyReferee is IReferee {
    /// @notice The witness has another length, or names what there is not.
    error BadWitness(uint256 length);
    /// @notice The referee was given something else than the witness says.
    error SeesElse(bytes32 given, bytes32 expected);

    /// @inheritdoc IReferee
    /// @dev Witness: kind u8, blocks u64, rowLength u64, bodyNodes u32, digest.
    function structure(Question calldata question, Position calldata position, bytes calldata witness)
        external
        view
        returns (Structure memory)
    {
        if (witness.length != 53 || uint8(witness[0]) > uint8(type(NodeKind).max)) revert BadWitness(witness.length);
        _check(_place(question, position), witness);
        return Structure({
            kind: NodeKind(uint8(witness[0])),
            blocks: uint64(bytes8(witness[1:9])),
            rowLength: uint64(bytes8(witness[9:17])),
            bodyNodes: uint32(bytes4(witness[17:21]))
        });
    }

    /// @inheritdoc IReferee
    /// @dev Witness: malformed u8, value, digest.
    function truth(
        Question calldata question,
        Position calldata position,
        ClaimRoots calldata roots,
        JudgeKind kind,
        bytes calldata witness,
        Kept[] calldata kept
    ) external view returns (bool malformed, bytes32 value) {
        if (witness.length != 65) revert BadWitness(witness.length);
        bytes memory seen = bytes.concat(_place(question, position), roots.a, roots.b, bytes1(uint8(kind)));
        for (uint256 i = 0; i < kept.length; i++) {
            seen = bytes.concat(seen, bytes1(kept[i].slot), kept[i].words);
        }
        _check(seen, witness);
        return (witness[0] != 0, bytes32(witness[1:33]));
    }

    /// @inheritdoc IReferee
    /// @dev Witness: number of bytes u8, digest. They are the digest's, over and over.
    function operand(
        Question calldata question,
        Position calldata position,
        JudgeKind kind,
        uint8 slot,
        bytes calldata witness
    ) external view returns (bytes memory words) {
        if (witness.length != 33) revert BadWitness(witness.length);
        bytes memory seen = bytes.concat(_place(question, position), bytes1(uint8(kind)), bytes1(slot));
        bytes32 digest = _check(seen, witness);
        words = new bytes(uint8(witness[0]));
        for (uint256 i = 0; i < words.length; i++) words[i] = digest[i % 32];
    }

    function _place(Question calldata question, Position calldata position) private view returns (bytes memory) {
        QuestionId id = Positions.id(question);
        return bytes.concat(QuestionId.unwrap(id), Positions.hash(Positions.load(position)));
    }

    function _check(bytes memory seen, bytes calldata witness) private pure returns (bytes32 given) {
        given = sha256(seen);
        bytes32 expected = bytes32(witness[witness.length - 32:]);
        if (given != expected) revert SeesElse(given, expected);
    }
}

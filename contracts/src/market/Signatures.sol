// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AttemptId, BatchId, JobId, SegmentId} from "./Ids.sol";
import {WrongSignature} from "./Refusals.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title What is said by signature (EIP-712, docs/spec/job.md §5), of keys and of contracts (ERC-1271)
/// @dev The domain is the contract in whose place this runs, so that no word counts on another chain or in another market. The attempt in
/// each message makes it count once.
library Signatures {
    bytes32 private constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant ASK =
        keccak256("Ask(bytes32 job,uint64 attempt,uint128 price,bytes32 secrets,uint64 expiry)");
    bytes32 private constant CLAIM =
        keccak256("Claim(bytes32 job,uint64 attempt,uint64 first,bytes32 root,uint64 lastCount)");
    bytes32 private constant HOLD = keccak256("Hold(bytes32 job,uint64 attempt,uint64 batch,bytes32 root)");

    /// @dev A solver's offer to run a job.
    function ask(JobId job, AttemptId attempt, uint128 price, bytes32 secrets, uint64 expiry)
        internal
        view
        returns (bytes32)
    {
        return _digest(keccak256(abi.encode(ASK, job, attempt, price, secrets, expiry)));
    }

    /// @dev A solver's claim, for somebody else to send.
    function claim(JobId job, AttemptId attempt, SegmentId first, bytes32 root, uint64 lastCount)
        internal
        view
        returns (bytes32)
    {
        return _digest(keccak256(abi.encode(CLAIM, job, attempt, first, root, lastCount)));
    }

    /// @dev A custodian's word that it holds a batch.
    function hold(JobId job, AttemptId attempt, BatchId batch, bytes32 root) internal view returns (bytes32) {
        return _digest(keccak256(abi.encode(HOLD, job, attempt, batch, root)));
    }

    /// @dev Refuses what the signer has not signed.
    function check(address signer, bytes32 digest, bytes calldata signature) internal view {
        if (!SignatureChecker.isValidSignatureNowCalldata(signer, digest, signature)) revert WrongSignature(signer);
    }

    function _digest(bytes32 message) private view returns (bytes32) {
        bytes32 domain =
            keccak256(abi.encode(DOMAIN, keccak256("Samebit"), keccak256("1"), block.chainid, address(this)));
        return MessageHashUtils.toTypedDataHash(domain, message);
    }
}

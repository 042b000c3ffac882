//! The committed artifacts. `tests/artifacts.rs` fails when they are older than the sources.
#![allow(missing_docs)]

use crate::abi::Artifact;
use alloy_primitives::Bytes;
use alloy_sol_types::sol;

sol!(NumProbe, "../../contracts/artifacts/NumProbe.json");

sol!(
    #[derive(Debug)]
    Dispute,
    "../../contracts/artifacts/Dispute.json"
);

sol!(ToyReferee, "../../contracts/artifacts/ToyReferee.json");

sol!(MovesProbe, "../../contracts/artifacts/MovesProbe.json");

sol!(
    #[derive(Debug, Default)]
    Market,
    "../../contracts/artifacts/Market.json"
);

sol!(BadToken, "../../contracts/artifacts/BadToken.json");
sol!(BlockBeacon, "../../contracts/artifacts/BlockBeacon.json");
sol!(Fund, "../../contracts/artifacts/Fund.json");
sol!(Stake, "../../contracts/artifacts/Stake.json");
sol!(TestToken, "../../contracts/artifacts/TestToken.json");
sol!(ToyBeacon, "../../contracts/artifacts/ToyBeacon.json");
sol!(ToyCourt, "../../contracts/artifacts/ToyCourt.json");
sol!(YesWallet, "../../contracts/artifacts/YesWallet.json");

sol! {
    /// An operand that was kept.
    struct KeptWords {
        uint8 slot;
        bytes words;
    }

    /// The functions of `IReferee`, structs of static fields as words.
    interface RefereeCalls {
        function structure(bytes32[18] question, bytes32[39] position, bytes witness)
            external view returns (uint8 kind, uint64 blocks, uint64 rowLength, uint32 bodyNodes);
        function truth(
            bytes32[18] question,
            bytes32[39] position,
            bytes32[2] roots,
            uint8 kind,
            bytes witness,
            KeptWords[] kept
        ) external view returns (bool malformed, bytes32 value);
        function operand(
            bytes32[18] question,
            bytes32[39] position,
            uint8 kind,
            uint8 slot,
            bytes witness
        ) external view returns (bytes words);
    }
}

/// The artifact of `Step`.
pub fn step() -> Artifact {
    Artifact::new(include_str!("../../../contracts/artifacts/Step.json"))
}

/// The artifact of `Ledger`.
pub fn ledger() -> Artifact {
    Artifact::new(include_str!("../../../contracts/artifacts/Ledger.json"))
}

/// The creation code of a part of Market.
pub fn part(name: &str) -> Bytes {
    macro_rules! parts {
        ($($name:literal),*) => {
            match name {
                $($name => include_str!(concat!("../../../contracts/artifacts/", $name, ".json")),)*
                _ => panic!("Market has no part {name}"),
            }
        };
    }
    let text =
        parts!("Argue", "Begin", "Catches", "Check", "Claims", "Draws", "Interior", "Reveals", "Settle");
    Artifact::new(text).bytecode()
}

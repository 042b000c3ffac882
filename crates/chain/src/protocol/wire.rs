//! The calls of Market, Stake and Fund. Parameters have the names of the messages' fields; names are no part of a call.
#![allow(missing_docs, reason = "the names are those of job.md §5")]

use alloy::sol;

sol! {
    #[derive(Debug, Default, PartialEq, Eq)]
    struct SpecOpening {
        uint32 version;
        uint32 loss;
        uint32 grad_norm;
        bytes32 states;
        bytes32 table_declarations;
        bytes32 nodes;
        bytes32 sinks;
        bytes32 initial;
        bytes32 tables;
        uint64 steps;
        uint64 segment_steps;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Amounts {
        uint128 price;
        uint128 check_fee;
        uint128 hold_fee;
        uint128 deposit;
        uint128 challenge_bond;
        uint128 challenge_cost;
        uint128 jackpot;
        uint128 question_bond;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Counts {
        uint32 draw_rate;
        uint8 checkers;
        uint8 custodians;
        uint8 quorum;
        uint8 credit;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Times {
        uint64 claim_seconds;
        uint64 hold_seconds;
        uint64 announce_seconds;
        uint64 seal_seconds;
        uint64 open_seconds;
        uint64 challenge_seconds;
        uint64 reveal_seconds;
        uint64 contest_seconds;
        uint64 entry_seconds;
        uint64 clock_seconds;
        uint64 extension_seconds;
    }

    /// The contract has all of it in one struct, of more fields than `sol!` can encode; in structs of fixed size it is the same words.
    #[derive(Debug, Default, PartialEq, Eq)]
    struct Terms {
        Amounts amounts;
        Counts counts;
        Times times;
        address solver;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Leaf {
        bytes32 state;
        bytes32 seal;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Answer {
        bytes32 state;
        uint64 count;
        bytes32 steps_top;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Program {
        bytes32 nodes;
        bytes32 states;
        bytes32 sinks;
        bytes32 tables;
        uint64 node_count;
        uint64 state_count;
        uint64 table_count;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct JobHeader {
        uint32 version;
        bytes32 table_declarations;
        uint32 grad_norm;
        bytes32 initial;
        uint64 steps;
        uint64 segment_steps;
        string profile;
        bytes32 nodes_top;
        bytes32 states_top;
        bytes32 sinks_top;
        bytes32 tables_top;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct PageEvidence {
        string name;
        uint8 dtype;
        uint64[] shape;
        bytes32 root;
        bytes32[] entry_siblings;
        bytes32 page;
        bytes32[] page_siblings;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Evidence {
        bytes32 state;
        bytes32 trace;
        bytes32[] step_siblings;
        uint64 node_count;
        uint32 loss;
        bytes32[] loss_siblings;
        uint32 grad_norm;
        bytes32[] grad_norm_siblings;
        uint64 entry_count;
        PageEvidence[] pages;
    }

    interface Calls {
        function post(SpecOpening spec, string profile, Terms terms, uint64 nonce);
        function cancel(bytes32 job);
        function accept(bytes32 job, uint64 attempt, address solver, uint128 price, bytes32 secrets, uint64 expiry, bytes signature);
        function appoint(bytes32 job, uint64 attempt);
        function claim(bytes32 job, uint64 attempt, uint64 first, bytes32[] states, bytes32[] seals, uint64 last_count, bytes signature);
        function retract(bytes32 job, uint64 attempt, uint64 batch, bytes32 root);
        function hold(bytes32 job, uint64 attempt, uint64 batch, bytes32 root, address[] signers, bytes[] signatures);
        function draw(bytes32 job, uint64 attempt, uint64 batch);
        function announce(bytes32 job, uint64 attempt, uint64 batch, bytes32 luck, bytes32[] roots);
        function seal(bytes32 job, uint64 attempt, uint64 batch, uint64 draw, uint64 place, bytes32 root, bytes32 seal);
        function close(bytes32 job, uint64 attempt, uint64 batch, uint64 draw);
        function openVerifier(bytes32 job, uint64 attempt, uint64 batch, uint64 draw, uint64 place, bytes32 salt, bytes32 interior);
        function openSolver(
            bytes32 job,
            uint64 attempt,
            uint64 batch,
            uint64 draw,
            bytes32 state,
            bytes32 secret,
            bytes32 interior,
            bytes32[] secret_siblings,
            bytes32[] leaf_siblings
        );
        function conclude(bytes32 job, uint64 attempt, uint64 batch, uint64 draw);
        function redraw(bytes32 job, uint64 attempt, uint64 batch, uint64 draw);
        function challenge(
            bytes32 job,
            uint64 attempt,
            uint64 batch,
            uint64 segment,
            bool interior,
            Leaf leaf,
            bytes32[] siblings,
            Leaf before,
            bytes32[] before_siblings,
            Program program,
            JobHeader header
        );
        function judge(bytes32 job, uint64 attempt, uint64 segment, uint64 number, Answer opened);
        function show(bytes32 job, uint64 attempt, uint64 segment, uint64 number, uint64 who, bytes32[] leaves, bytes32[] siblings);
        function refute(
            bytes32 job,
            uint64 attempt,
            uint64 segment,
            uint64 number,
            uint64 who,
            uint64 step,
            bytes32 leaf,
            bytes32[] siblings,
            Evidence evidence
        );
        function finish(bytes32 job, uint64 attempt, uint64 segment, uint64 number);
        function payWinner(bytes32 job, uint64 attempt, uint64 segment, uint64 number, uint64 claim);
        function commitCatch(
            bytes32 job,
            uint64 attempt,
            uint64 batch,
            uint64 segment,
            bytes32 announced,
            bytes32[] siblings,
            bytes32 commitment
        );
        function revealCatch(
            bytes32 job,
            uint64 attempt,
            uint64 batch,
            uint64 segment,
            address owner,
            bytes32 salt,
            bytes32 interior,
            bytes32[] siblings
        );
        function payCatch(bytes32 job, uint64 attempt, uint64 segment, address owner);
        function reveal(
            bytes32 job,
            uint64 attempt,
            uint64 batch,
            bytes32[] secrets,
            bytes32[] interiors,
            bytes32[] states,
            bytes32[] falses,
            bytes32[] siblings
        );
        function settle(bytes32 job, uint64 attempt, uint64 batch);
        function expire(bytes32 job, uint64 attempt, uint8 cause, uint64 batch, uint64 draw);
    }

    /// Calls as they are read: what a message does not need is a word that is not followed. The contract follows offsets within a list backwards, too,
    /// to wherever in the message; other readers do not.
    interface Reads {
        function challenge(
            bytes32 job,
            uint64 attempt,
            uint64 batch,
            uint64 segment,
            bool interior,
            Leaf leaf,
            bytes32[] siblings,
            Leaf before,
            bytes32[] before_siblings,
            bytes32[7] program,
            bytes32 header
        );
        function hold(bytes32 job, uint64 attempt, uint64 batch, bytes32 root, address[] signers, bytes32 signatures);
    }

    interface StakeCalls {
        function deposit(uint128 amount);
        function withdraw(uint128 amount);
        function register(bytes network_address);
        function join();
        function leaveSeat(uint32 seat);
        function collect(uint32 seat);
    }

    interface FundCalls {
        function take(uint8 pot, address to, uint128 amount);
    }
}

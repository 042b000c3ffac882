//! Calls of every message of the market, what a chain tells of them, and requests of JSON-RPC.

use crate::Seeds;
use samebit_chain::accounts;
use samebit_chain::protocol::{Contracts, Message, Papers, Signature, Word};
use samebit_chain::types::{Address, SolCall, sol};
use samebit_commit::{Digest, Encoder};
use samebit_dispute::{
    Amount, ClaimId, Header, JudgeKind, Message as Argument, Move, Opened, Owner as Account, Position,
    Question, QuestionId, Seconds, Side, Stage,
};
use samebit_market::testing::table::{Hears, Pair, Said, survey};
use samebit_market::testing::{self, Chain, Step};
use samebit_market::{
    AttemptId, Event, FundMessage, JobId, MarketMessage, Message as MarketOrMoney, Owner, Pot, Refusal,
    SeatId, StakeMessage,
};
use std::collections::BTreeMap;

/// Bytes of a call that is kept.
const LARGE: usize = 4 << 10;

sol! {
    function relayed(address sender, bytes data);
}

fn contracts() -> Contracts {
    let [market, stake, fund, dispute, beacon, token] = [1, 2, 3, 4, 5, 6].map(Address::with_last_byte);
    Contracts { market, stake, fund, dispute, beacon, token }
}

/// Papers on which everything is signed and asked.
struct Everything;

impl Papers for Everything {
    fn signature(&self, _: Owner, _: &Word) -> Option<Signature> {
        Some([27; 65])
    }

    fn question(&self, _: QuestionId) -> Option<Question> {
        Some(asked().0)
    }

    fn solver(&self, _: JobId, _: AttemptId) -> Option<Owner> {
        Some(Owner([9; 20]))
    }
}

/// The longest message of each kind that is not large.
#[derive(Default)]
struct Messages(BTreeMap<String, (usize, Message)>);

impl Messages {
    fn keep(&mut self, message: MarketOrMoney) {
        let text = format!("{message:?}");
        let kind: String =
            text.split(['(', '{', ' ']).filter(|word| !word.is_empty()).take(2).collect::<Vec<_>>().join("-");
        let message = match message {
            MarketOrMoney::Market(challenge @ MarketMessage::Challenge { .. }) => {
                let (question, header) = asked();
                Message::Challenge { challenge, question, header }
            }
            other => Message::Market(other),
        };
        let Ok(call) = contracts().encode(Owner([1; 20]), &message, &Everything) else { return };
        let length = call.data.len();
        let best = self.0.get(&kind).map_or(0, |(length, _)| *length);
        if length > best && (length <= LARGE || best == 0) {
            self.0.insert(kind, (length, message));
        }
    }
}

impl Hears for Messages {
    fn begin(&mut self, seed: u64) -> (Chain, Vec<Owner>) {
        (Chain::new(seed), (1..=12).map(testing::owner).collect())
    }

    fn happened(&mut self, step: &Step, _: &Chain) {
        if let Step::Say { message, .. } = step {
            self.keep(message.clone());
        }
    }

    fn tried(&mut self, _: &Pair, (_, message): &Said, _: &Result<Vec<Event>, Refusal>, _: &Chain) {
        self.keep(MarketOrMoney::Market(message.clone()));
    }
}

pub fn write(seeds: &Seeds) {
    let mut messages = Messages::default();
    survey(&mut messages);
    let own = [
        StakeMessage::Deposit(samebit_market::Amount(7)),
        StakeMessage::Withdraw(samebit_market::Amount(7)),
        StakeMessage::Register(vec![0, 255, 3]),
        StakeMessage::Join,
        StakeMessage::Leave(SeatId(3)),
        StakeMessage::Collect(SeatId(0)),
    ];
    own.into_iter().for_each(|message| messages.keep(MarketOrMoney::Stake(message)));
    let take = FundMessage::Take { pot: Pot::Fees, to: Owner([3; 20]), amount: samebit_market::Amount(5) };
    messages.keep(MarketOrMoney::Fund(take));
    let market = messages.0.into_iter().map(|(kind, (_, message))| (kind, message));
    let game = arguments().into_iter().map(|(kind, message)| (kind.to_owned(), Message::Dispute(message)));
    for (kind, message) in market.chain(game) {
        let call = contracts().encode(Owner([1; 20]), &message, &Everything).expect("nothing is missing");
        let to = *call.to.to().expect("a contract");
        let number = to.as_slice()[19] - 1;
        seeds.keep_kind("calls", &kind, number, &call.data);
        if ["Stake-Join", "Market-Challenge", "Dispute-open"].contains(&kind.as_str()) {
            seeds.keep_kind("events", &format!("own-{kind}"), 1, &transaction(number + 1, &call.data, &[]));
            seeds.keep_kind(
                "events",
                &format!("relayed-{kind}"),
                1,
                &transaction(9, &[], &[(number + 1, &call.data)]),
            );
        }
    }
    requests(seeds);
}

/// A transaction's input and the messages that contracts of it relay.
fn transaction(to: u8, input: &[u8], relayed: &[(u8, &[u8])]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.u8(to);
    encoder.bytes(input);
    encoder.list(relayed, |encoder, (contract, call)| {
        encoder.u8(*contract);
        encoder.short_list(&[0u8, 7], |encoder, topic| encoder.u8(*topic));
        let whole = relayedCall { sender: Address::ZERO, data: call.to_vec().into() }.abi_encode();
        // The event's data is the bytes alone: their place, then they.
        encoder.bytes(&[&[0; 31][..], &[32], &whole[4 + 64..]].concat());
    });
    encoder.into_bytes()
}

fn asked() -> (Question, Header) {
    let zero = Digest::ZERO;
    let question = Question {
        job: zero,
        nodes: Digest([1; 32]),
        states: Digest([2; 32]),
        sinks: Digest([3; 32]),
        tables: Digest([4; 32]),
        start: zero,
        node_count: 5,
        state_count: 6,
        table_count: 7,
        loss: 0,
        first_step: 0,
        step_count: 1,
        bond: Amount(1),
        entry_seconds: Seconds(1),
        clock_seconds: Seconds(1),
        extension_seconds: Seconds(1),
        asker: Account([1; 20]),
        nonce: zero,
    };
    let header = Header {
        version: 1,
        table_declarations: zero,
        grad_norm: 1,
        initial: zero,
        steps: 1,
        segment_steps: 1,
        profile: "f32".to_owned(),
        nodes_top: zero,
        states_top: zero,
        sinks_top: zero,
        tables_top: zero,
    };
    (question, header)
}

fn arguments() -> Vec<(&'static str, Argument)> {
    let (asked, header) = asked();
    let (question, claim) = (asked.id(), ClaimId(1));
    let opened = Opened { state: Digest([1; 32]), count: 1, steps_top: Digest([2; 32]) };
    let position = position(question);
    let (kind, witness) = (JudgeKind::ALL[4], vec![1, 2, 3]);
    let play = |play| Argument::Move { position: position.clone(), play };
    vec![
        ("Dispute-open", Argument::OpenQuestion { question: asked.clone(), header }),
        ("Dispute-claim", Argument::Claim { question, opened, value: asked.bond }),
        ("Dispute-pair", Argument::Pair { question, claims: [ClaimId(0), claim], opened: [opened; 2] }),
        ("Dispute-descend", play(Move::Descend(Default::default()))),
        ("Dispute-point", play(Move::Point { offset: 1, own: vec![1, 2], other: vec![1, 3] })),
        (
            "Dispute-unfold",
            play(Move::Unfold { witness: witness.clone(), commitment: None, nodes: vec![Digest([5; 32])] }),
        ),
        ("Dispute-show-lanes", play(Move::ShowLanes([3; 16]))),
        ("Dispute-compare-lanes", play(Move::CompareLanes { own: [3; 16], other: [4; 16] })),
        (
            "Dispute-keep",
            Argument::Keep { position: position.clone(), kind, slot: 1, witness: witness.clone() },
        ),
        ("Dispute-judge", Argument::Judge { position: position.clone(), kind, witness, slots: vec![1] }),
        ("Dispute-timeout", Argument::Timeout { position: position.clone() }),
        ("Dispute-resolve", Argument::Resolve { question, claim }),
        ("Dispute-release", Argument::Release { question, claim }),
        ("Dispute-withdraw", Argument::Withdraw),
    ]
}

/// A position in the middle of a game.
fn position(question: QuestionId) -> Position {
    let [zero, one, two] = [0, 1, 2].map(|byte| Digest([byte; 32]));
    Position {
        question,
        claims: [ClaimId(0), ClaimId(1)],
        moves: 3,
        turn: Side::B,
        clocks: [Seconds(7), Seconds(8)],
        since: Seconds(9),
        stage: Stage::Trace,
        count: 5,
        level: 1,
        index: 2,
        shown: 1,
        held: [one, two],
        step: 4,
        traces: [one, two],
        node: 3,
        nodes: [one, two],
        dtype: 0,
        elements: 600,
        element: 300,
        words: [1, 2],
        rows: [zero; 2],
        body_node: 0,
        body_element: 0,
        body_words: [0; 2],
        laned: false,
        totals: [zero; 2],
        block: 0,
        total: 0,
        lane: 0,
        lanes: zero,
    }
}

fn requests(seeds: &Seeds) {
    let account = accounts::key(0).address();
    let hash = format!("0x{}", "11".repeat(32));
    let bodies = [
        ("chain-id", r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#.to_owned()),
        ("batch", r#"[{"id":1,"method":"eth_blockNumber"},{"id":"x","method":"eth_gasPrice","params":null},5]"#.to_owned()),
        ("balance", format!(r#"{{"id":1,"method":"eth_getBalance","params":["{account}","latest"]}}"#)),
        ("nonce", format!(r#"{{"id":1,"method":"eth_getTransactionCount","params":["{account}","pending"]}}"#)),
        ("storage", format!(r#"{{"id":1,"method":"eth_getStorageAt","params":["{account}","0x0","latest"]}}"#)),
        ("code", format!(r#"{{"id":1,"method":"eth_getCode","params":["{account}",{{"blockNumber":"0x0"}}]}}"#)),
        ("block", r#"{"id":1,"method":"eth_getBlockByNumber","params":["earliest",true]}"#.to_owned()),
        ("block-by-hash", format!(r#"{{"id":1,"method":"eth_getBlockByHash","params":["{hash}",false]}}"#)),
        ("transaction", format!(r#"{{"id":1,"method":"eth_getTransactionByHash","params":["{hash}"]}}"#)),
        ("receipt", format!(r#"{{"id":1,"method":"eth_getTransactionReceipt","params":["{hash}"]}}"#)),
        ("logs", format!(r#"{{"id":1,"method":"eth_getLogs","params":[{{"fromBlock":"0x0","toBlock":"latest","address":["{account}"],"topics":[null,["{hash}"]]}}]}}"#)),
        ("call", format!(r#"{{"id":1,"method":"eth_call","params":[{{"from":"{account}","to":"{account}","data":"0x00","value":"0x1","gas":"0x5208"}},"latest"]}}"#)),
        ("estimate", format!(r#"{{"id":1,"method":"eth_estimateGas","params":[{{"from":"{account}","data":"0x600160005260206000f3"}}]}}"#)),
        ("fees", r#"{"id":1,"method":"eth_feeHistory","params":["0x4","latest",[25.0,75.0]]}"#.to_owned()),
        ("raw", r#"{"id":1,"method":"eth_sendRawTransaction","params":["0x02f8650180808082520894000000000000000000000000000000000000000101808080a0"]}"#.to_owned()),
        ("version", r#"{"id":1,"method":"net_version","params":[]}"#.to_owned()),
    ];
    for (name, body) in bodies {
        seeds.keep("requests", name, body.as_bytes());
    }
}

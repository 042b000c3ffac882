//! Every message of the protocol is a call of its contract and comes back from it; what is said by signature is its signer's alone.

use proptest::prelude::*;
use samebit_chain::accounts;
use samebit_chain::protocol::{
    Contracts, Domain, EncodeError, LetterError, Message, Papers, Signature, Word, owner, sign, signer,
};
use samebit_chain::types::Address;
use samebit_commit::Digest;
use samebit_dispute::{Question, QuestionId};
use samebit_market::testing::table::{Hears, Pair, Said, survey};
use samebit_market::testing::{self, Chain, Step};
use samebit_market::{
    Amount, AttemptId, BatchId, Event, FundMessage, JobId, MarketMessage, Message as MarketOrMoney, Owner,
    PlaceId, Pot, Refusal, SeatId, Seconds, SegmentId, StakeMessage, Who,
};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Messages of a kind that are looked at.
const OF_A_KIND: usize = 48;

fn contracts() -> Contracts {
    let [market, stake, fund, dispute, beacon, token] = [1, 2, 3, 4, 5, 6].map(Address::with_last_byte);
    Contracts { market, stake, fund, dispute, beacon, token }
}

/// Papers on which everything is signed.
struct Everything;

impl Papers for Everything {
    fn signature(&self, _: Owner, _: &Word) -> Option<Signature> {
        Some([27; 65])
    }

    fn question(&self, _: QuestionId) -> Option<Question> {
        None
    }

    fn solver(&self, _: JobId, _: AttemptId) -> Option<Owner> {
        Some(Owner([9; 20]))
    }
}

/// Who keeps what is said, some of each kind.
#[derive(Default)]
struct Corpus(BTreeMap<String, Vec<MarketOrMoney>>);

impl Corpus {
    fn keep(&mut self, message: &MarketOrMoney) {
        let text = format!("{message:?}");
        let kind = text.split(['(', '{']).take(2).collect();
        let kept = self.0.entry(kind).or_default();
        if kept.len() < OF_A_KIND && !kept.contains(message) {
            kept.push(message.clone());
        }
    }
}

impl Hears for Corpus {
    fn begin(&mut self, seed: u64) -> (Chain, Vec<Owner>) {
        (Chain::new(seed), (1..=12).map(testing::owner).collect())
    }

    fn happened(&mut self, step: &Step, _: &Chain) {
        if let Step::Say { message, .. } = step {
            self.keep(message);
        }
    }

    fn tried(&mut self, _: &Pair, (_, message): &Said, _: &Result<Vec<Event>, Refusal>, _: &Chain) {
        self.keep(&MarketOrMoney::Market(message.clone()));
    }
}

/// Messages of every kind; to collect them takes a while.
static CORPUS: LazyLock<BTreeMap<String, Vec<MarketOrMoney>>> = LazyLock::new(corpus);

fn corpus() -> BTreeMap<String, Vec<MarketOrMoney>> {
    let mut corpus = Corpus::default();
    survey(&mut corpus);
    let own = [
        StakeMessage::Deposit(Amount(u128::MAX)),
        StakeMessage::Withdraw(Amount(7)),
        StakeMessage::Register(vec![0, 255, 3]),
        StakeMessage::Register(Vec::new()),
        StakeMessage::Join,
        StakeMessage::Leave(SeatId(u32::MAX)),
        StakeMessage::Collect(SeatId(0)),
    ];
    own.into_iter().for_each(|message| corpus.keep(&MarketOrMoney::Stake(message)));
    for pot in [Pot::Jackpot, Pot::Insurance, Pot::Fees] {
        corpus.keep(&MarketOrMoney::Fund(FundMessage::Take { pot, to: Owner([3; 20]), amount: Amount(5) }));
    }
    corpus.0
}

/// Whether two messages cannot be told apart by their calls: places beyond the end have one number.
fn is_beyond(message: &MarketOrMoney) -> bool {
    let MarketOrMoney::Market(MarketMessage::Show { who, .. } | MarketMessage::Refute { who, .. }) = message
    else {
        return false;
    };
    *who == Who::Verifier(PlaceId(u64::MAX))
}

#[test]
fn every_message_comes_back_from_its_call() {
    let (corpus, contracts) = (&*CORPUS, contracts());
    let mut count = 0;
    for message in corpus.values().flatten().filter(|message| !is_beyond(message)) {
        count += 1;
        if let MarketOrMoney::Market(challenge @ MarketMessage::Challenge { .. }) = message {
            let encoded = contracts.encode(Owner([1; 20]), &message.clone().into_message(), &Everything);
            assert_eq!(encoded.unwrap_err(), EncodeError::NoChallenge);
            let (question, header) = asked();
            let whole = Message::Challenge { challenge: challenge.clone(), question, header };
            let call = contracts.encode(Owner([1; 20]), &whole, &Everything).unwrap();
            assert_eq!(contracts.decode(contracts.market, &call.data), Some(message.clone().into_message()));
            continue;
        }
        let message = message.clone().into_message();
        let call = contracts.encode(Owner([1; 20]), &message, &Everything).unwrap();
        let to = *call.to.to().unwrap();
        assert_eq!(contracts.decode(to, &call.data).as_ref(), Some(&message), "{message:?}");
        // Nothing of it is another contract's.
        let others = [contracts.market, contracts.stake, contracts.fund, contracts.dispute, contracts.token];
        let others = others.into_iter().filter(|other| *other != to);
        assert!(others.into_iter().all(|other| contracts.decode(other, &call.data) != Some(message.clone())));
    }
    println!("{count} messages of {} kinds: {:?}", corpus.len(), corpus.keys().collect::<Vec<_>>());
    assert_eq!(corpus.len(), 27 + 6 + 1, "{:?}", corpus.keys().collect::<Vec<_>>());
}

/// What every market message is, as one to any contract.
trait IntoMessage {
    fn into_message(self) -> Message;
}

impl IntoMessage for MarketOrMoney {
    fn into_message(self) -> Message {
        Message::Market(self)
    }
}

fn asked() -> (Question, samebit_dispute::Header) {
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
        bond: samebit_dispute::Amount(0),
        entry_seconds: samebit_dispute::Seconds(1),
        clock_seconds: samebit_dispute::Seconds(1),
        extension_seconds: samebit_dispute::Seconds(1),
        asker: samebit_dispute::Owner([1; 20]),
        nonce: zero,
    };
    let header = samebit_dispute::Header {
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

#[test]
fn a_hold_is_read_wherever_its_signatures_lie() {
    let contracts = contracts();
    let hold = MarketMessage::Hold {
        job: JobId(Digest([1; 32])),
        attempt: AttemptId(2),
        batch: BatchId(3),
        root: Digest([4; 32]),
        signers: vec![Owner([5; 20]), Owner([6; 20])],
    };
    let call = contracts.encode(Owner([1; 20]), &hold.clone().into(), &Everything).unwrap();
    let mut data = call.data.to_vec();
    // The list of signatures begins with their count, then where each begins: the contract follows a negative offset, too.
    let list = u64::from_be_bytes(data[4 + 5 * 32 + 24..][..8].try_into().unwrap()) as usize;
    data[4 + list + 32..][..32].fill(0xff);
    assert_eq!(contracts.decode(contracts.market, &data), Some(hold.into()));
}

fn ask() -> Word {
    Word::Ask {
        job: JobId(Digest([1; 32])),
        attempt: AttemptId(2),
        price: Amount(3),
        secrets: Digest([4; 32]),
        expiry: Seconds(5),
    }
}

fn words() -> [Word; 3] {
    let (job, attempt, root) = (JobId(Digest([1; 32])), AttemptId(2), Digest([4; 32]));
    let claim = Word::Claim { job, attempt, first: SegmentId(3), root, last_count: 5 };
    [ask(), claim, Word::Hold { job, attempt, batch: BatchId(3), root }]
}

#[test]
fn a_word_is_its_signers_for_one_market_on_one_chain() {
    let key = accounts::key(3);
    let me = owner(key.address());
    let domain = Domain { chain_id: 31_337, market: Owner([7; 20]) };
    for word in words() {
        let signature = sign(&key, &domain, &word);
        assert_eq!(signer(&domain, &word, &signature), Ok(me));
        let others = [Domain { chain_id: 1, ..domain }, Domain { market: Owner([8; 20]), ..domain }];
        assert!(others.iter().all(|other| signer(other, &word, &signature) != Ok(me)), "{word:?}");
        for other in words().iter().filter(|other| **other != word) {
            assert_ne!(signer(&domain, other, &signature), Ok(me));
        }
        let Word::Ask { job, attempt, secrets, expiry, .. } = ask() else { unreachable!() };
        let dearer = Word::Ask { job, attempt, price: Amount(4), secrets, expiry };
        assert_ne!(signer(&domain, &dearer, &signature), Ok(me));
    }
}

#[test]
fn what_the_contracts_take_for_no_signature_is_none() {
    let (key, domain, word) = (accounts::key(3), Domain { chain_id: 1, market: Owner([7; 20]) }, ask());
    let good = sign(&key, &domain, &word);
    assert!(matches!(good[64], 27 | 28));
    assert_eq!(signer(&domain, &word, &good[..64]), Err(LetterError::Length(64)));
    assert_eq!(signer(&domain, &word, &[&good[..], &[0]].concat()), Err(LetterError::Length(66)));
    assert_eq!(signer(&domain, &word, &[]), Err(LetterError::Length(0)));
    for parity in [0, 1, 26, 29] {
        let mut other = good;
        other[64] = parity;
        assert_eq!(signer(&domain, &word, &other), Err(LetterError::Parity(parity)));
    }
    assert_eq!(signer(&domain, &word, &upper(&good)), Err(LetterError::Malleable));
    let mut none = [0; 65];
    none[64] = 27;
    assert_eq!(signer(&domain, &word, &none), Err(LetterError::NoKey));
    let mut beyond = [0xff; 65];
    beyond[64] = 28;
    assert_eq!(signer(&domain, &word, &beyond), Err(LetterError::Malleable));
    assert_ne!(signer(&domain, &word, &flipped(&good)), Ok(owner(key.address())));
}

/// The other signature that verifies: order − s, and the other parity.
fn upper(signature: &Signature) -> Signature {
    use samebit_chain::types::U256;
    let order: U256 = "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141".parse().unwrap();
    let s = U256::from_be_slice(&signature[32..64]);
    let mut other = *signature;
    other[32..64].copy_from_slice(&(order - s).to_be_bytes::<32>());
    other[64] ^= 27 ^ 28;
    other
}

fn flipped(signature: &Signature) -> Signature {
    let mut other = *signature;
    other[64] ^= 27 ^ 28;
    other
}

#[test]
fn a_message_needs_the_words_that_come_with_it() {
    let contracts = contracts();
    let Word::Ask { job, attempt, price, secrets, expiry } = ask() else { unreachable!() };
    let (solver, poster) = (Owner([3; 20]), Owner([2; 20]));
    let accept =
        |is_signed| MarketMessage::Accept { job, attempt, solver, price, secrets, expiry, is_signed };
    let missing = contracts.encode(poster, &accept(true).into(), &()).unwrap_err();
    assert_eq!(missing, EncodeError::NoSignature { signer: solver, word: Box::new(ask()) });
    assert!(missing.to_string().contains("hint: "), "{missing}");
    assert!(contracts.encode(solver, &accept(false).into(), &()).is_ok());
    // The poster's own word for a batch is the transaction.
    let hold = |signers| MarketMessage::Hold { job, attempt, batch: BatchId(0), root: secrets, signers };
    assert!(contracts.encode(poster, &hold(vec![poster]).into(), &()).is_ok());
    assert!(contracts.encode(poster, &hold(vec![poster, solver]).into(), &()).is_err());
    let claim = MarketMessage::Claim {
        job,
        attempt,
        first: SegmentId(0),
        states: vec![secrets],
        seals: vec![secrets],
        last_count: 1,
        is_signed: true,
    };
    assert_eq!(
        contracts.encode(poster, &claim.into(), &()).unwrap_err(),
        EncodeError::NoSolver { job, attempt }
    );
}

/// Every call that is there, with something after its selector.
fn any_call() -> impl Strategy<Value = Vec<u8>> {
    let corpus: Vec<Vec<u8>> = {
        let (contracts, mut calls) = (contracts(), Vec::new());
        for message in CORPUS.values().flat_map(|kept| kept.iter().take(3).cloned()) {
            let message = match message {
                MarketOrMoney::Market(challenge @ MarketMessage::Challenge { .. }) => {
                    let (question, header) = asked();
                    Message::Challenge { challenge, question, header }
                }
                message => Message::Market(message),
            };
            let call = contracts.encode(Owner([1; 20]), &message, &Everything).unwrap();
            calls.push(call.data.to_vec());
        }
        calls
    };
    let word = prop_oneof![
        Just([0; 32]),
        Just([0xff; 32]),
        any::<[u8; 32]>(),
        (0..4096u64).prop_map(|small| {
            let mut word = [0; 32];
            word[24..].copy_from_slice(&small.to_be_bytes());
            word
        }),
    ];
    let changes = prop::collection::vec((any::<prop::sample::Index>(), word), 0..4);
    let cut = prop_oneof![3 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)];
    (prop::sample::select(corpus), changes, cut, prop::collection::vec(any::<u8>(), 0..40)).prop_map(
        |(mut call, changes, cut, tail)| {
            for (at, word) in changes {
                let words = (call.len() - 4) / 32;
                if words > 0 {
                    call[4 + 32 * at.index(words)..][..32].copy_from_slice(&word);
                }
            }
            if let Some(cut) = cut {
                call.truncate(cut.index(call.len() + 1));
            }
            call.extend(tail);
            call
        },
    )
}

#[test]
fn whatever_comes_is_a_message_or_none() {
    let contracts = contracts();
    let all = [contracts.market, contracts.stake, contracts.fund, contracts.dispute, contracts.beacon];
    let config = ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(call in any_call(), noise in prop::collection::vec(any::<u8>(), 0..200))| {
        for to in all {
            // What is a message is one whichever way it was written.
            if let Some(message) = contracts.decode(to, &call)
                && let Ok(again) = contracts.encode(Owner([1; 20]), &message, &Everything)
            {
                prop_assert_eq!(contracts.decode(to, &again.data), Some(message));
            }
            let _ = contracts.decode(to, &noise);
        }
    });
}

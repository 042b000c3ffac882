//! A challenge: one message to Market, which opens a question of Dispute in the same transaction; then a claim in it.

use super::common;
use super::world::World;
use samebit_chain::protocol::address;
use samebit_chain::protocol::{Message, Papers, Signature, Word};
use samebit_commit::merkle::list_root_of;
use samebit_commit::{Digest, Tag, Words};
use samebit_dispute::{self as dispute, Header, Message as Argument, Opened, Question, QuestionId};
use samebit_market::names::{self, Role};
use samebit_market::testing::Script;
use samebit_market::{
    AttemptId, BatchId, Leaf, MarketMessage, Owner, Seconds, SegmentId, SpecOpening, Terms, params,
};

const ATTEMPT: AttemptId = AttemptId(0);
const BATCH: BatchId = BatchId(0);
const SEGMENT: SegmentId = SegmentId(0);

/// The one question that is argued about.
struct Asked(Question);

impl Papers for Asked {
    fn signature(&self, _: Owner, _: &Word) -> Option<Signature> {
        None
    }

    fn question(&self, id: QuestionId) -> Option<Question> {
        (self.0.id() == id).then(|| self.0.clone())
    }
}

fn spec_of(question: &Question, header: &Header) -> SpecOpening {
    SpecOpening {
        version: header.version,
        loss: question.loss,
        grad_norm: header.grad_norm,
        states: question.states,
        table_declarations: header.table_declarations,
        nodes: question.nodes,
        sinks: question.sinks,
        initial: header.initial,
        tables: question.tables,
        steps: header.steps,
        segment_steps: header.segment_steps,
        profile: header.profile.clone(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_challenge_is_one_message_with_its_question() {
    let mut world = World::new().await;
    world.fund().await;
    let [model, _] = common::worlds();
    let (asked, header) = model.question();
    let terms = Terms { quorum: 1, ..Script::terms() };
    let (spec, [poster, solver, _, watcher]) =
        (spec_of(&asked, &header), world.people[..4].try_into().unwrap());
    let site = *world.protocol.site();
    let job = site.job(poster, 0, spec.digest(), terms.digest());
    world.tell(poster, MarketMessage::Post { spec, terms: terms.clone(), nonce: 0 }).await;
    let secret = Words::new().digest(job.0).hash(Tag::File);
    let (price, secrets) = (terms.price, list_root_of(&[names::secret(secret)]));
    let (expiry, is_signed) = (Seconds(0), false);
    let accept = MarketMessage::Accept { job, attempt: ATTEMPT, solver, price, secrets, expiry, is_signed };
    world.tell(solver, accept).await;
    world.pass(params::DRAW_DELAY + 1).await;
    world.tell(watcher, MarketMessage::Appoint { job, attempt: ATTEMPT }).await;
    let interior = Digest([5; 32]);
    let seal = site.seal((job, ATTEMPT, SEGMENT), (Role::Solver, solver), secret, interior);
    let leaf = Leaf { state: Digest([6; 32]), seal };
    let claim = MarketMessage::Claim {
        job,
        attempt: ATTEMPT,
        first: SEGMENT,
        states: vec![leaf.state],
        seals: vec![leaf.seal],
        last_count: asked.step_count,
        is_signed,
    };
    world.tell(solver, claim).await;
    let root = list_root_of(&[leaf.digest()]);
    let hold = MarketMessage::Hold { job, attempt: ATTEMPT, batch: BATCH, root, signers: vec![poster] };
    world.tell(poster, hold).await;
    world.pass(params::DRAW_DELAY + 1).await;
    world.tell(watcher, MarketMessage::Draw { job, attempt: ATTEMPT, batch: BATCH }).await;
    let challenge = MarketMessage::Challenge {
        job,
        attempt: ATTEMPT,
        batch: BATCH,
        segment: SEGMENT,
        interior: false,
        leaf,
        siblings: Vec::new(),
        before: Leaf::default(),
        before_siblings: Vec::new(),
    };
    let seconds = |seconds: Seconds| dispute::Seconds(seconds.0);
    let question = Question {
        bond: dispute::Amount(terms.question_bond.0),
        entry_seconds: seconds(terms.entry_seconds),
        clock_seconds: seconds(terms.clock_seconds),
        extension_seconds: seconds(terms.extension_seconds),
        asker: dispute::Owner(site.market.0),
        nonce: names::asked(job, ATTEMPT, SEGMENT, 0),
        ..asked
    };
    let whole = Message::Challenge { challenge, question: question.clone(), header };
    world.tell(watcher, whole.clone()).await;
    let last = world.blocks.last().expect("there are some");
    assert_eq!(last.said.len(), 1, "what Market asks is no message of its own: {last:?}");
    assert_eq!((last.said[0].sender, &last.said[0].message), (watcher, &whole));
    let (id, _) = world.ledger.asked(question.nonce).expect("the ledger has the question");
    assert_eq!(id, question.id());
    // The challenger stands by another state.
    let opened = Opened { state: Digest([7; 32]), count: question.step_count, steps_top: Digest([8; 32]) };
    let claim = Argument::Claim { question: id, opened, value: question.bond };
    let unknown = world.say(watcher, claim.clone()).await.unwrap_err();
    assert!(unknown.to_string().contains("is not known"), "{unknown}");
    let sender = &world.senders[&watcher];
    world.protocol.send(sender, &claim.clone().into(), &Asked(question)).await.expect("the question is open");
    world.read().await;
    let last = &world.blocks.last().expect("there are some").said;
    assert_eq!((last[0].sender, &last[0].message), (watcher, &Message::Dispute(claim)));
    assert_eq!(world.ledger.dispute().claims(id)[0].owner.0, address(watcher).0.0);
    world.compare().await;
}

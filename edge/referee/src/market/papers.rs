//! What comes with messages besides what they say: people's signatures, with keys that everybody knows, and questions.

use samebit_chain::protocol::{Domain, Papers, Signature, Word, owner, sign};
use samebit_chain::types::{B256, PrivateKeySigner};
use samebit_commit::Digest;
use samebit_dispute::{Amount, Header, Question, QuestionId, Seconds};
use samebit_market::{AttemptId, JobId, Owner};
use std::collections::BTreeMap;

/// The keys of people.
#[derive(Clone, Debug, Default)]
pub struct Keys(BTreeMap<Owner, PrivateKeySigner>);

impl Keys {
    /// `count` people, each with a key of its own.
    ///
    /// # Panics
    /// If there are more than 200.
    pub fn new(count: u8) -> (Keys, Vec<Owner>) {
        assert!(count <= 200, "a key is made of its number");
        let key = |number: u8| {
            let key = PrivateKeySigner::from_bytes(&B256::repeat_byte(number + 1));
            let key = key.expect("a number below the curve's order");
            (owner(key.address()), key)
        };
        let all: Vec<(Owner, PrivateKeySigner)> = (0..count).map(key).collect();
        let people = all.iter().map(|(owner, _)| *owner).collect();
        (Keys(all.into_iter().collect()), people)
    }

    /// Somebody's signature; bytes that are none if it has no key.
    pub fn sign(&self, signer: Owner, domain: &Domain, word: &Word) -> Signature {
        self.0.get(&signer).map_or([0; 65], |key| sign(key, domain, word))
    }
}

/// What Dispute is told of a job besides what the twin says.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The question.
    pub question: Question,
    /// What it is checked by.
    pub header: Header,
}

/// Of no job: enough for a court that does not look.
impl Default for Asked {
    fn default() -> Asked {
        let zero = Digest::ZERO;
        let question = Question {
            job: zero,
            nodes: zero,
            states: zero,
            sinks: zero,
            tables: zero,
            start: zero,
            node_count: 0,
            state_count: 0,
            table_count: 0,
            loss: 0,
            first_step: 0,
            step_count: 0,
            bond: Amount(0),
            entry_seconds: Seconds(0),
            clock_seconds: Seconds(0),
            extension_seconds: Seconds(0),
            asker: samebit_dispute::Owner::default(),
            nonce: zero,
        };
        let header = Header {
            version: 0,
            table_declarations: zero,
            grad_norm: 0,
            initial: zero,
            steps: 0,
            segment_steps: 0,
            profile: String::new(),
            nodes_top: zero,
            states_top: zero,
            sinks_top: zero,
            tables_top: zero,
        };
        Asked { question, header }
    }
}

/// Everybody's word, for one Market.
pub struct Letterhead<'a> {
    /// The keys of those who sign.
    pub keys: &'a Keys,
    /// For which contract.
    pub domain: Domain,
    /// The solver of the attempt that a claim is about.
    pub solver: Owner,
}

impl Papers for Letterhead<'_> {
    fn signature(&self, signer: Owner, word: &Word) -> Option<Signature> {
        Some(self.keys.sign(signer, &self.domain, word))
    }

    fn question(&self, _: QuestionId) -> Option<Question> {
        None
    }

    fn solver(&self, _: JobId, _: AttemptId) -> Option<Owner> {
        Some(self.solver)
    }
}

//! Signatures: of what this peer tells all, and of what others have told it, until a message to the chain carries them.

use crate::identity::Identity;
use crate::limits::SIGNATURES;
use crate::speech::Spoken;
use samebit_chain::protocol::{Domain, Papers, Signature, Word, sign, signer};
use samebit_dispute::{Question, QuestionId};
use samebit_market::Owner;
use samebit_roles::Notice;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

/// See the module. Clones share what they hold.
#[derive(Clone, Debug)]
pub struct Letters {
    domain: Domain,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    signatures: BTreeMap<(Owner, Word), Signature>,
    order: VecDeque<(Owner, Word)>,
}

impl Letters {
    /// No signatures yet, for this contract.
    pub fn new(domain: Domain) -> Letters {
        Letters { domain, held: Arc::default() }
    }

    /// Signs what this peer tells.
    pub fn speak(&self, identity: &Identity, notice: Notice) -> Spoken {
        let word = word(&notice);
        let signature = sign(identity.signer(), &self.domain, &word);
        self.keep(identity.owner(), word, signature);
        Spoken { notice, signature }
    }

    /// Whose word a notice is; nobody's if the signature is none.
    pub fn signer(&self, spoken: &Spoken) -> Option<Owner> {
        signer(&self.domain, &word(&spoken.notice), &spoken.signature).ok()
    }

    /// Remembers a signature that the roles go by; the oldest is forgotten.
    pub fn keep(&self, owner: Owner, word: Word, signature: Signature) {
        let mut held = self.held.lock().expect("nobody panics with it");
        if held.signatures.insert((owner, word), signature).is_none() {
            held.order.push_back((owner, word));
        }
        if held.order.len() > SIGNATURES
            && let Some(oldest) = held.order.pop_front()
        {
            held.signatures.remove(&oldest);
        }
    }

    /// What a message needs that is about this question.
    pub fn papers(&self, question: Option<Question>) -> Folder {
        Folder { letters: self.clone(), question }
    }
}

/// What is signed of a notice.
pub fn word(notice: &Notice) -> Word {
    match *notice {
        Notice::Ask(ask) => Word::Ask {
            job: ask.job,
            attempt: ask.attempt,
            price: ask.price,
            secrets: ask.secrets,
            expiry: ask.expiry,
        },
        Notice::Holds(holding) => Word::Hold {
            job: holding.job,
            attempt: holding.attempt,
            batch: holding.batch,
            root: holding.root,
        },
    }
}

/// See [`Letters::papers`].
pub struct Folder {
    letters: Letters,
    question: Option<Question>,
}

impl Papers for Folder {
    fn signature(&self, signer: Owner, word: &Word) -> Option<Signature> {
        let held = self.letters.held.lock().expect("nobody panics with it");
        held.signatures.get(&(signer, *word)).copied()
    }

    fn question(&self, id: QuestionId) -> Option<Question> {
        self.question.clone().filter(|question| question.id() == id)
    }
}

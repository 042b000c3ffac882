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

#[cfg(test)]
mod tests {
    use super::*;
    use samebit_chain::accounts;
    use samebit_commit::Digest;
    use samebit_market::{Amount, AttemptId, BatchId, JobId, Seconds};
    use samebit_roles::{Ask, Holding};

    #[test]
    fn a_notice_is_its_signers_for_one_market_on_one_chain() {
        let (job, attempt, root) = (JobId(Digest([1; 32])), AttemptId(2), Digest([4; 32]));
        let ask = Ask { job, attempt, price: Amount(3), secrets: root, expiry: Seconds(5) };
        let holding = Holding { job, attempt, batch: BatchId(3), root };
        let domain = Domain { chain_id: 31_337, market: Owner([7; 20]) };
        let (here, me) = (Letters::new(domain), Identity::from_signer(accounts::key(3)));
        let elsewhere = [Domain { chain_id: 1, ..domain }, Domain { market: Owner([8; 20]), ..domain }];
        for notice in [Notice::Ask(ask), Notice::Holds(holding)] {
            let spoken = here.speak(&me, notice);
            assert_eq!(here.signer(&spoken), Some(me.owner()));
            for domain in elsewhere {
                let foreign = Letters::new(domain).speak(&me, notice);
                assert_ne!(here.signer(&foreign), Some(me.owner()), "{domain:?}");
            }
            for bit in 0..8 * spoken.signature.len() {
                let mut bent = spoken;
                bent.signature[bit / 8] ^= 1 << (bit % 8);
                assert_ne!(here.signer(&bent), Some(me.owner()), "bit {bit}");
            }
        }
        let mut next = here.speak(&me, Notice::Ask(ask));
        next.notice = Notice::Ask(Ask { attempt: AttemptId(3), ..ask });
        assert_ne!(here.signer(&next), Some(me.owner()), "a word of one attempt is none of another");
    }
}

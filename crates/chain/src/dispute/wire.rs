//! The contract's types, and what they are in `samebit_dispute`.
#![allow(missing_docs, reason = "the names are those of contracts/src/interfaces/IDispute.sol")]

use alloy::primitives::{Address, B256, Bytes};
use alloy::sol;
use samebit_commit::Digest;
use samebit_dispute as game;
use samebit_dispute::{Amount, ClaimId, Owner, QuestionId, Seconds, Side, Stage};

/// Fields of a position.
pub const POSITION_FIELDS: usize = 39;
/// How the bindings write a position in a signature.
#[cfg(test)]
pub const POSITION_AS: &str = "bytes32[39]";

sol! {
    #[derive(Debug, Default, PartialEq, Eq)]
    struct Question {
        bytes32 job;
        bytes32 nodes;
        bytes32 states;
        bytes32 sinks;
        bytes32 tables;
        bytes32 start;
        uint64 nodeCount;
        uint64 stateCount;
        uint64 tableCount;
        uint32 loss;
        uint64 firstStep;
        uint64 stepCount;
        uint128 bond;
        uint64 entrySeconds;
        uint64 clockSeconds;
        uint64 extensionSeconds;
        address asker;
        bytes32 nonce;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct JobHeader {
        uint32 version;
        bytes32 tableDeclarations;
        uint32 gradNorm;
        bytes32 initialState;
        uint64 steps;
        uint64 segmentSteps;
        string profile;
        bytes32 nodesTop;
        bytes32 statesTop;
        bytes32 sinksTop;
        bytes32 tablesTop;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct OpenedClaim {
        uint64 claim;
        bytes32 state;
        uint64 count;
        bytes32 stepsTop;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Parts {
        bytes32 traceTop;
        bytes32 stateTop;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Head {
        uint8 dtype;
        uint64 elements;
        bytes32 top;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Commitment {
        bytes32 top;
        bytes32[] siblings;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Choice {
        uint64 child;
        bytes32 own;
        bytes32 other;
        bytes32[] siblings;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Before {
        uint32 word;
        bytes32[] siblings;
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Descent {
        Parts parts;
        Head head;
        Commitment commitment;
        Choice choice;
        bytes32[] nodes;
        bytes words;
        Before before;
    }

    interface Calls {
        function open(Question question, JobHeader header);
        function claim(Question question, bytes32 state, uint64 count, bytes32 stepsTop);
        function pair(Question question, OpenedClaim a, OpenedClaim b);
        function descend(Question question, bytes32[39] position, Descent descent);
        function point(Question question, bytes32[39] position, uint8 offset, bytes own, bytes other);
        function unfold(Question question, bytes32[39] position, bytes witness, Commitment commitment, bytes32[] nodes);
        function showLanes(Question question, bytes32[39] position, uint32[16] lanes);
        function compareLanes(Question question, bytes32[39] position, uint32[16] own, uint32[16] other);
        function keep(Question question, bytes32[39] position, uint8 kind, uint8 slot, bytes witness);
        function truth(Question question, bytes32[39] position, uint8 kind, bytes witness, uint8[] slots);
        function timeout(Question question, bytes32[39] position);
        function resolve(Question question, uint64 claim);
        function release(Question question, uint64 claim);
        function withdraw();
    }

    interface Views {
        function statusOf(bytes32 question) returns (uint8 status, bytes32 answer, uint64 claims, uint64 living);
        function creditOf(address owner) returns (uint256 amount);
    }
}

pub fn word(digest: Digest) -> B256 {
    B256::from(digest.0)
}

pub fn digest(word: B256) -> Digest {
    Digest(word.0)
}

pub fn words(digests: &[Digest]) -> Vec<B256> {
    digests.iter().copied().map(word).collect()
}

pub fn digests(words: &[B256]) -> Vec<Digest> {
    words.iter().copied().map(digest).collect()
}

/// Words as a page has them.
pub fn word_bytes(words: &[u32]) -> Bytes {
    words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>().into()
}

/// The words of these bytes; nothing if they are not whole words.
pub fn words_of(bytes: &[u8]) -> Option<Vec<u32>> {
    let (words, rest) = bytes.as_chunks();
    rest.is_empty().then(|| words.iter().map(|word| u32::from_le_bytes(*word)).collect())
}

pub fn owner(address: Address) -> Owner {
    Owner(address.0.0)
}

pub fn address(owner: Owner) -> Address {
    Address::from(owner.0)
}

impl From<&game::Question> for Question {
    fn from(asked: &game::Question) -> Question {
        Question {
            job: word(asked.job),
            nodes: word(asked.nodes),
            states: word(asked.states),
            sinks: word(asked.sinks),
            tables: word(asked.tables),
            start: word(asked.start),
            nodeCount: asked.node_count,
            stateCount: asked.state_count,
            tableCount: asked.table_count,
            loss: asked.loss,
            firstStep: asked.first_step,
            stepCount: asked.step_count,
            bond: asked.bond.0,
            entrySeconds: asked.entry_seconds.0,
            clockSeconds: asked.clock_seconds.0,
            extensionSeconds: asked.extension_seconds.0,
            asker: address(asked.asker),
            nonce: word(asked.nonce),
        }
    }
}

impl From<&Question> for game::Question {
    fn from(asked: &Question) -> game::Question {
        game::Question {
            job: digest(asked.job),
            nodes: digest(asked.nodes),
            states: digest(asked.states),
            sinks: digest(asked.sinks),
            tables: digest(asked.tables),
            start: digest(asked.start),
            node_count: asked.nodeCount,
            state_count: asked.stateCount,
            table_count: asked.tableCount,
            loss: asked.loss,
            first_step: asked.firstStep,
            step_count: asked.stepCount,
            bond: Amount(asked.bond),
            entry_seconds: Seconds(asked.entrySeconds),
            clock_seconds: Seconds(asked.clockSeconds),
            extension_seconds: Seconds(asked.extensionSeconds),
            asker: owner(asked.asker),
            nonce: digest(asked.nonce),
        }
    }
}

impl From<&game::Header> for JobHeader {
    fn from(header: &game::Header) -> JobHeader {
        JobHeader {
            version: header.version,
            tableDeclarations: word(header.table_declarations),
            gradNorm: header.grad_norm,
            initialState: word(header.initial),
            steps: header.steps,
            segmentSteps: header.segment_steps,
            profile: header.profile.clone(),
            nodesTop: word(header.nodes_top),
            statesTop: word(header.states_top),
            sinksTop: word(header.sinks_top),
            tablesTop: word(header.tables_top),
        }
    }
}

impl From<&JobHeader> for game::Header {
    fn from(header: &JobHeader) -> game::Header {
        game::Header {
            version: header.version,
            table_declarations: digest(header.tableDeclarations),
            grad_norm: header.gradNorm,
            initial: digest(header.initialState),
            steps: header.steps,
            segment_steps: header.segmentSteps,
            profile: header.profile.clone(),
            nodes_top: digest(header.nodesTop),
            states_top: digest(header.statesTop),
            sinks_top: digest(header.sinksTop),
            tables_top: digest(header.tablesTop),
        }
    }
}

impl OpenedClaim {
    pub fn new(claim: ClaimId, opened: &game::Opened) -> OpenedClaim {
        OpenedClaim {
            claim: claim.0,
            state: word(opened.state),
            count: opened.count,
            stepsTop: word(opened.steps_top),
        }
    }

    pub fn opened(&self) -> game::Opened {
        game::Opened { state: digest(self.state), count: self.count, steps_top: digest(self.stepsTop) }
    }
}

impl From<Option<&game::Commitment>> for Commitment {
    fn from(commitment: Option<&game::Commitment>) -> Commitment {
        commitment.map_or_else(Commitment::default, |commitment| Commitment {
            top: word(commitment.top),
            siblings: words(&commitment.siblings),
        })
    }
}

/// A part that is all zeros is absent.
fn present<T: Default + PartialEq>(part: &T) -> Option<&T> {
    (*part != T::default()).then_some(part)
}

impl Commitment {
    pub fn given(&self) -> Option<game::Commitment> {
        let given = present(self)?;
        Some(game::Commitment { top: digest(given.top), siblings: digests(&given.siblings) })
    }
}

impl From<&game::Descent> for Descent {
    fn from(descent: &game::Descent) -> Descent {
        let game::Descent { parts, head, commitment, choice, nodes, words: shown, before } = descent;
        Descent {
            parts: parts.map_or_else(Parts::default, |parts| Parts {
                traceTop: word(parts.trace_top),
                stateTop: word(parts.state_top),
            }),
            head: head.map_or_else(Head::default, |head| Head {
                dtype: head.dtype,
                elements: head.elements,
                top: word(head.top),
            }),
            commitment: commitment.as_ref().into(),
            choice: choice.as_ref().map_or_else(Choice::default, |choice| Choice {
                child: choice.child,
                own: word(choice.own),
                other: word(choice.other),
                siblings: words(&choice.siblings),
            }),
            nodes: words(nodes),
            words: word_bytes(shown),
            before: before.as_ref().map_or_else(Before::default, |before| Before {
                word: before.word,
                siblings: words(&before.siblings),
            }),
        }
    }
}

impl Descent {
    pub fn given(&self) -> Option<game::Descent> {
        let parts = |parts: &Parts| game::Parts {
            trace_top: digest(parts.traceTop),
            state_top: digest(parts.stateTop),
        };
        let head =
            |head: &Head| game::Head { dtype: head.dtype, elements: head.elements, top: digest(head.top) };
        let choice = |choice: &Choice| game::Choice {
            child: choice.child,
            own: digest(choice.own),
            other: digest(choice.other),
            siblings: digests(&choice.siblings),
        };
        let before =
            |before: &Before| game::Before { word: before.word, siblings: digests(&before.siblings) };
        Some(game::Descent {
            parts: present(&self.parts).map(parts),
            head: present(&self.head).map(head),
            commitment: self.commitment.given(),
            choice: present(&self.choice).map(choice),
            nodes: digests(&self.nodes),
            words: words_of(&self.words)?,
            before: present(&self.before).map(before),
        })
    }
}

/// A position as the contract takes it.
pub fn position_words(position: &game::Position) -> [B256; POSITION_FIELDS] {
    let bytes = position.canonical();
    let (words, rest) = bytes.as_chunks::<32>();
    assert!(rest.is_empty() && words.len() == POSITION_FIELDS, "a position has {POSITION_FIELDS} words");
    std::array::from_fn(|field| B256::from(words[field]))
}

/// Fields of a position, one after the other.
struct Fields<'a>(std::slice::Iter<'a, B256>);

impl Fields<'_> {
    fn digest(&mut self) -> Digest {
        digest(*self.0.next().expect("a position has so many fields"))
    }

    fn pair<T>(&mut self, one: impl Fn(&mut Self) -> Option<T>) -> Option<[T; 2]> {
        Some([one(self)?, one(self)?])
    }

    fn number<T: TryFrom<u128>>(&mut self) -> Option<T> {
        let Digest(bytes) = self.digest();
        let (high, low) = bytes.split_at(16);
        let value = u128::from_be_bytes(low.try_into().expect("16 bytes"));
        high.iter().all(|byte| *byte == 0).then(|| T::try_from(value).ok()).flatten()
    }
}

/// The position of these words; nothing if a field is larger than its type or names what there is not.
pub fn position(words: &[B256; POSITION_FIELDS]) -> Option<game::Position> {
    let mut fields = Fields(words.iter());
    let to = &mut fields;
    let digests = |to: &mut Fields<'_>| to.pair(|to| Some(to.digest()));
    let numbers = |to: &mut Fields<'_>| to.pair(Fields::number::<u32>);
    Some(game::Position {
        question: QuestionId(to.digest()),
        claims: to.pair(|to| to.number().map(ClaimId))?,
        moves: to.number()?,
        turn: match to.number::<u8>()? {
            0 => Side::A,
            1 => Side::B,
            _ => return None,
        },
        clocks: to.pair(|to| to.number().map(Seconds))?,
        since: Seconds(to.number()?),
        stage: Stage::from_byte(to.number()?)?,
        count: to.number()?,
        level: to.number()?,
        index: to.number()?,
        shown: to.number()?,
        held: digests(to)?,
        step: to.number()?,
        traces: digests(to)?,
        node: to.number()?,
        nodes: digests(to)?,
        dtype: to.number()?,
        elements: to.number()?,
        element: to.number()?,
        words: numbers(to)?,
        rows: digests(to)?,
        body_node: to.number()?,
        body_element: to.number()?,
        body_words: numbers(to)?,
        laned: match to.number::<u8>()? {
            0 => false,
            1 => true,
            _ => return None,
        },
        totals: digests(to)?,
        block: to.number()?,
        total: to.number()?,
        lane: to.number()?,
        lanes: to.digest(),
    })
}

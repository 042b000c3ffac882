//! What peers say to each other.

use crate::Seeds;
use samebit_chain::accounts;
use samebit_chain::protocol::Domain;
use samebit_commit::{Canonical, Digest, Encoder};
use samebit_dispute::Opened;
use samebit_market::{Amount, AttemptId, BatchId, JobId, Owner, Seconds, SegmentId};
use samebit_net::wire::{AnswerFrame, Hello, RequestFrame};
use samebit_net::{Blob as Parcel, NetworkId, Notice as Told, Secret, Signed, Time, Topic};
use samebit_peer::{Here, Identity, Letters, Registered, Where, records};
use samebit_roles::party::Ran;
use samebit_roles::{Ask, Blob, Holding, Notice, Piece};

const NETWORK: NetworkId = NetworkId([5; 32]);

pub fn write(seeds: &Seeds) {
    speech(seeds);
    records(seeds);
    seeds.keep_kind("net", "hello", 0, &Hello::bytes(NETWORK));
    seeds.keep_kind("net", "hello-of-another-version", 0, b"samebit\0\0\x09whatever");
    seeds.keep_kind("net", "request", 1, &RequestFrame(b"where is it?".to_vec()).to_bytes());
    seeds.keep_kind("net", "answer", 2, &AnswerFrame(Ok(b"here".to_vec())).to_bytes());
    seeds.keep_kind("net", "refusal", 2, &AnswerFrame(Err("busy".to_owned())).to_bytes());
    let secret = Secret::from_bytes(&[1; 32]);
    let notice = Told {
        author: secret.peer(),
        topic: Topic([0; 32]),
        sequence: 3,
        expires: Time(1_700_000_009_000),
        body: b"for rent".to_vec(),
    };
    let signed = Signed::new(notice, &secret, NETWORK).to_bytes();
    seeds.keep_kind("net", "notice", 3, &signed);
    seeds.keep_kind("net", "conversation", 4, &conversation(&signed));
}

/// Signed notices, one of them twice, one too old, and a raw one.
fn conversation(signed: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    for (author, sequence, life) in
        [(0, 5, 60_000), (0, 5, 60_000), (1, 9, 1), (2, 1, 600_000), (0, 4, 60_000)]
    {
        encoder.u16(10);
        encoder.u8(1);
        encoder.u8(author);
        encoder.u64(sequence);
        encoder.u32(life);
        encoder.bytes(b"word");
    }
    encoder.u16(0);
    encoder.u8(0);
    encoder.bytes(signed);
    encoder.into_bytes()
}

fn records(seeds: &Seeds) {
    let [spec, start, state, leaf] = [1, 2, 3, 4].map(|byte| Digest([byte; 32]));
    let piece = Piece { spec, segment: SegmentId(7), start };
    seeds.keep_kind("records", "piece", 0, &records::piece_bytes(&piece));
    seeds.keep_kind("records", "ran", 1, &records::ran_bytes(&Ran { state, leaves: vec![leaf; 3] }));
    let opened = Opened { state, count: 3, steps_top: leaf };
    seeds.keep_kind("records", "opened", 2, &records::opened_bytes(&opened));
}

fn speech(seeds: &Seeds) {
    let digest = |byte| Digest([byte; 32]);
    let (job, attempt) = (JobId(digest(1)), AttemptId(2));
    let letters = Letters::new(Domain { chain_id: 1, market: Owner([7; 20]) });
    let identity = Identity::from_signer(accounts::key(1));
    let ask = Ask { job, attempt, price: Amount(3), secrets: digest(4), expiry: Seconds(5) };
    seeds.keep_kind("speech", "ask", 0, &letters.speak(&identity, Notice::Ask(ask)).to_bytes());
    let holding = Holding { job, attempt, batch: BatchId(3), root: digest(4) };
    seeds.keep_kind("speech", "holding", 0, &letters.speak(&identity, Notice::Holds(holding)).to_bytes());
    seeds.keep_kind("speech", "where-is-a-job", 1, &Where(Blob::Job(digest(1))).to_bytes());
    seeds.keep_kind("speech", "where-is-a-state", 1, &Where(Blob::State(digest(2))).to_bytes());
    seeds.keep_kind("speech", "here", 2, &Here(Parcel { hash: [9; 32], size: 1 << 30 }).to_bytes());
    let addresses =
        ["127.0.0.1:9", "[::1]:65535", "[fe80::1%3]:7"].map(|text| text.parse().expect("an address"));
    let registered =
        Registered::sign(&Secret::from_bytes(&[3; 32]), NetworkId([1; 32]), Owner([2; 20]), &addresses);
    seeds.keep_kind("speech", "registered", 3, &registered.to_bytes());
}

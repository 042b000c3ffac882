//! What comes over a connection. Input: kind u8 · what was sent; for kind 4 a conversation, see [`conversation`].

use super::canonical;
use samebit_commit::{Canonical, DecodeError, Decoder};
use samebit_net::wire::{AnswerFrame, Hello, RequestFrame};
use samebit_net::{Counts, Gossip, NetworkId, Notice, Secret, Signed, Time, Topic, Verdict};
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

const NETWORK: NetworkId = NetworkId([5; 32]);
/// When conversations begin.
const START: Time = Time(1_700_000_000_000);
/// Notices of a conversation.
const NOTICES: usize = 64;

pub fn run(bytes: &[u8]) {
    let Some((kind, sent)) = bytes.split_first() else { return };
    match kind {
        0 => hello(sent),
        1 => drop(canonical::<RequestFrame>(sent)),
        2 => drop(canonical::<AnswerFrame>(sent)),
        3 => drop(canonical::<Signed>(sent).map(|signed| signed.is_authentic(NETWORK))),
        _ => conversation(sent).unwrap_or(()),
    }
}

fn hello(bytes: &[u8]) {
    match Hello::read(bytes) {
        Ok(Hello::Same(network)) => assert!(Hello::bytes(network) == bytes, "{network:?} has two greetings"),
        Ok(Hello::Other(version)) => assert!(Hello::Other(version).suits(NETWORK).is_err(), "{version}"),
        Err(_) => {}
    }
}

static SECRETS: LazyLock<[Secret; 3]> =
    LazyLock::new(|| [1, 2, 3].map(|byte| Secret::from_bytes(&[byte; 32])));

/// Notices one after the other, raw or signed as they should be: none is heard twice, and none that is over.
///
/// Input: for each later u16 in milliseconds · kind u8 · raw: bytes · signed: author u8, sequence u64, expires u32 from now, body.
fn conversation(bytes: &[u8]) -> Result<(), DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let mut gossip = Gossip::new(Secret::from_bytes(&[9; 32]), NETWORK, START);
    gossip.know([SECRETS[0].peer(), SECRETS[1].peer()], START);
    let (mut now, mut counts, mut heard) = (START, Counts::default(), BTreeSet::new());
    for _ in 0..NOTICES {
        now = now + u64::from(decoder.u16("later")?);
        let sent: Arc<[u8]> = match decoder.u8("kind")? {
            0 => decoder.bytes("notice", u32::MAX)?.into(),
            _ => signed(&mut decoder, now)?.to_bytes().into(),
        };
        if let Verdict::Fresh(notice) = gossip.receive(&sent, now, &mut counts) {
            assert!(notice.expires > now, "{notice:?} is over");
            assert!(heard.insert((notice.author, notice.sequence)), "{notice:?} is heard twice");
        }
        assert!(gossip.live(now).len() <= heard.len(), "what lives was heard");
    }
    Ok(())
}

fn signed(decoder: &mut Decoder<'_>, now: Time) -> Result<Signed, DecodeError> {
    let secret = &SECRETS[usize::from(decoder.u8("author")?) % SECRETS.len()];
    let (sequence, life) = (decoder.u64("sequence")?, decoder.u32("life")?);
    let body = decoder.bytes("body", u32::MAX)?.to_vec();
    let notice = Notice {
        author: secret.peer(),
        topic: Topic([0; 32]),
        sequence,
        expires: now + u64::from(life),
        body,
    };
    Ok(Signed::new(notice, secret, NETWORK))
}

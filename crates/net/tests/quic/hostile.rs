//! Peers that break the rules, each in its own way, beside honest ones.

use crate::common::attacker::{Attacker, frame};
use crate::common::{NETWORK, PATIENCE, Peer};
use iroh::endpoint::Connection;
use samebit_net::limits::{
    HANDSHAKES_OF_ADDRESS, LINKS_OF_ADDRESS, NOTICE_BYTES, REQUEST_BYTES, STRANGER_LINKS, STREAMS,
};
use samebit_net::wire::{Hello, NOTICE_FRAME_BYTES, STREAM_BLOB, STREAM_REQUEST};
use samebit_net::{Event, Network, PeerAddress};
use std::time::Duration;

/// Why the victim closed the connection.
async fn closed(connection: &Connection) -> String {
    tokio::time::timeout(PATIENCE, connection.closed()).await.expect("it is closed").to_string()
}

/// That an honest peer is served as if nothing were.
async fn honest_is_served(victim: &mut Peer, at: &PeerAddress) {
    let mut honest = Peer::start(200).await;
    honest.know(std::slice::from_ref(at));
    let (answer, ()) = tokio::join!(honest.ask(at.peer, b"abc"), victim.reply());
    assert_eq!(answer, Ok(b"cba".to_vec()));
    honest.close().await;
}

async fn until(what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it happens");
}

fn hello_of_version(version: u16) -> Vec<u8> {
    let mut hello = Hello::bytes(NETWORK);
    hello[8..10].copy_from_slice(&version.to_be_bytes());
    [&hello[..], b"and what a later version says"].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_of_another_version_is_refused_with_both_versions() {
    let mut victim = Peer::start(1).await;
    let attacker = Attacker::new(2).await;
    let (connection, answer) = attacker.say_hello(&victim.address(), &hello_of_version(7)).await;
    let theirs = Hello::read(&answer.expect("the victim says its version before it refuses"));
    assert_eq!(theirs, Ok(Hello::Same(NETWORK)));
    let reason = closed(&connection).await;
    assert!(reason.contains("version 1 ") && reason.contains("version 7"), "{reason}");
    let reason = victim.wait(refusal).await;
    assert!(reason.contains("version 1 ") && reason.contains("version 7"), "{reason}");
    assert_eq!(victim.counts().refused, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_called_peer_of_another_version_is_refused_with_both_versions() {
    let mut victim = Peer::start(1).await;
    let attacker = Attacker::new(2).await;
    victim.know(&[attacker.address()]);
    let connection = attacker.endpoint.accept().await.expect("a call").await.expect("a connection");
    let (mut send, mut receive) = connection.accept_bi().await.expect("a stream");
    receive.read_to_end(1 << 10).await.expect("the victim's greeting");
    send.write_all(&hello_of_version(3)).await.expect("it is sent");
    send.finish().expect("it is sent");
    for reason in [closed(&connection).await, victim.wait(refusal).await] {
        assert!(reason.contains("version 1 ") && reason.contains("version 3"), "{reason}");
    }
}

fn refusal(event: &Event) -> Option<String> {
    if let Event::Refused { reason, .. } = event { Some(reason.clone()) } else { None }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_greeting_ends_the_connection() {
    let mut victim = Peer::start(1).await;
    let at = victim.address();
    let long = vec![b'x'; 1 << 20];
    let short = &Hello::bytes(NETWORK)[..9];
    for hello in [&b"GET / HTTP/1.1\r\n\r\n"[..], &long, b"", short] {
        let attacker = Attacker::new(2).await;
        let (connection, _) = attacker.say_hello(&at, hello).await;
        let reason = closed(&connection).await;
        assert!(reason.contains("no greeting"), "{reason}");
    }
    assert_eq!(victim.counts().malformed, 4);
    honest_is_served(&mut victim, &at).await;
}

/// A broken rule and what the victim says about it.
type Offence = (&'static str, Vec<u8>, bool);

#[tokio::test(flavor = "multi_thread")]
async fn whoever_breaks_a_rule_is_cut_off_and_banned() {
    let mut victim = Peer::start(1).await;
    let at = victim.address();
    let notice = Attacker::new(9).await.notice(1, vec![0; NOTICE_BYTES as usize]);
    let mut false_signature = notice.clone();
    *false_signature.last_mut().expect("a signature") ^= 1;
    let over_long = (NOTICE_FRAME_BYTES as u32 + 1).to_be_bytes().to_vec();
    let request = |bytes: &[u8]| [&[STREAM_REQUEST], bytes].concat();
    let offences: [Offence; 7] = [
        ("malformed or falsely signed", frame(b"garbage"), true),
        ("malformed or falsely signed", frame(&false_signature), true),
        ("longer than notices may be", over_long, true),
        ("longer than notices may be", vec![0xff; 1 << 20], true),
        ("neither a request nor a transfer", vec![77; 100], false),
        ("longer than requests may be", request(&vec![0; REQUEST_BYTES as usize + 5]), false),
        ("request is malformed", request(b"\0\0\0\x09short"), false),
    ];
    for (number, (rule, bytes, is_notice)) in (10..).zip(offences) {
        let attacker = Attacker::new(number).await;
        let connection = attacker.link(&at).await;
        victim.wait_up(attacker.address().peer).await;
        let mut send = match is_notice {
            true => connection.open_uni().await.expect("a stream"),
            false => connection.open_bi().await.expect("a stream").0,
        };
        send.write_all(&bytes).await.ok();
        send.finish().ok();
        let reason = closed(&connection).await;
        assert!(reason.contains(rule), "{reason} instead of {rule}");
        until(|| victim.counts().banned == u64::from(number - 9)).await;
        // It may call again, but nobody speaks with it.
        let (again, _) = attacker.say_hello(&at, &Hello::bytes(NETWORK)).await;
        assert!(closed(&again).await.contains("you broke the rules"));
    }
    honest_is_served(&mut victim, &at).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn useless_notices_are_counted_and_do_not_break_the_link() {
    let mut victim = Peer::start(1).await;
    let at = victim.address();
    let attacker = Attacker::new(2).await;
    let connection = attacker.link(&at).await;
    let mut send = connection.open_uni().await.expect("a stream");
    let notice = frame(&attacker.notice(1, b"again".to_vec()));
    for _ in 0..50 {
        send.write_all(&notice).await.expect("it is sent");
    }
    assert_eq!(victim.wait_notice().await, b"again");
    until(|| victim.counts().replayed == 49).await;
    assert_eq!((victim.counts().notices, victim.counts().banned), (1, 0));
    honest_is_served(&mut victim, &at).await;
}

/// Connections whose other side says nothing hold places for a limited time, and never all of them.
#[tokio::test(flavor = "multi_thread")]
async fn half_open_connections_are_limited_and_end() {
    let mut victim = Peer::start(1).await;
    let at = victim.address();
    let mut held = Vec::new();
    for number in 0..HANDSHAKES_OF_ADDRESS as u8 + 4 {
        let attacker = Attacker::new(20 + number).await;
        let connecting = tokio::time::timeout(Duration::from_secs(2), attacker.try_connect(&at)).await;
        held.push((attacker, connecting.ok().and_then(Result::ok)));
        if victim.counts().turned_away > 0 {
            break;
        }
    }
    assert!(victim.counts().turned_away > 0, "there is an end of places");
    // Those that said nothing are gone after the time for a greeting, and there is a place again.
    for connection in held.iter().filter_map(|(_, connection)| connection.as_ref()).take(3) {
        closed(connection).await;
    }
    until(|| victim.counts().turned_away as usize >= HANDSHAKES_OF_ADDRESS).await;
    honest_is_served(&mut victim, &at).await;
}

/// Links cost keys nothing: those of strangers leave places for the peers of the list.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_do_not_take_all_links() {
    let mut victim = Peer::start(1).await;
    let at = victim.address();
    let mut held = Vec::new();
    for number in 0..STRANGER_LINKS {
        let address = format!("127.0.0.{}:0", 2 + number / LINKS_OF_ADDRESS);
        let attacker = Attacker::at(2 + number as u8, &address).await;
        let connection = attacker.link(&at).await;
        held.push((attacker, connection));
    }
    let late = Attacker::at(100, "127.0.0.100:0").await;
    let (connection, _) = late.say_hello(&at, &Hello::bytes(NETWORK)).await;
    let reason = closed(&connection).await;
    assert!(reason.contains("strangers"), "{reason}");
    let mut honest = Peer::start(200).await;
    victim.know(&[honest.address()]);
    honest.know(std::slice::from_ref(&at));
    let (answer, ()) = tokio::join!(honest.ask(at.peer, b"abc"), victim.reply());
    assert_eq!(answer, Ok(b"cba".to_vec()));
    assert!(held.iter().all(|(_, connection)| connection.close_reason().is_none()), "who is there stays");
}

/// Datagrams that are no QUIC, or only look like it.
#[tokio::test(flavor = "multi_thread")]
async fn junk_datagrams_are_ignored() {
    let mut victim = Peer::start(1).await;
    let at = victim.address();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let mut random = fastrand::Rng::with_seed(5);
    for round in 0..20_000 {
        let mut bytes = vec![0; random.usize(1..1_200)];
        random.fill(&mut bytes);
        if round % 2 == 0 {
            // The head of an initial packet of QUIC 1.
            bytes[0] = 0xc0 | random.u8(..16);
            bytes.splice(1..bytes.len().min(5), [0, 0, 0, 1]);
            bytes.resize(1_200, 0);
        }
        socket.send_to(&bytes, at.addresses[0]).ok();
    }
    honest_is_served(&mut victim, &at).await;
}

/// A peer may open so many streams, and no more; those that say nothing are closed in time.
#[tokio::test(flavor = "multi_thread")]
async fn streams_are_limited() {
    let mut victim = Peer::start(1).await;
    let at = victim.address();
    let attacker = Attacker::new(2).await;
    let connection = attacker.link(&at).await;
    let mut open = Vec::new();
    while open.len() < 2 * STREAMS as usize {
        let stream = tokio::time::timeout(Duration::from_millis(500), connection.open_bi()).await;
        let Ok(stream) = stream else { break };
        let (mut send, receive) = stream.expect("the link is up");
        let kind = if open.len() % 2 == 0 { STREAM_REQUEST } else { STREAM_BLOB };
        send.write_all(&[kind]).await.expect("it is sent");
        open.push((send, receive));
    }
    assert!(open.len() <= STREAMS as usize, "{} streams", open.len());
    honest_is_served(&mut victim, &at).await;
    for (mut send, _) in open {
        send.reset(0u32.into()).ok();
    }
    tokio::time::timeout(PATIENCE, connection.open_bi())
        .await
        .expect("a place is free again")
        .expect("it is up");
}

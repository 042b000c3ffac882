//! Peers over real QUIC on loopback.

use crate::common::{PATIENCE, Peer, config, secret};
use samebit_net::limits::{ANSWER_BYTES, REQUEST_BYTES};
use samebit_net::quic::{Quic, StartError};
use samebit_net::{AskError, Command, Event, Network, NetworkId, PeerAddress};
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread")]
async fn two_peers_speak_both_ways() {
    let (mut a, mut b) = (Peer::start(1).await, Peer::start(2).await);
    let (at_a, at_b) = (a.address(), b.address());
    a.know(std::slice::from_ref(&at_b));
    a.wait_up(at_b.peer).await;
    b.wait_up(at_a.peer).await;
    a.publish(b"from a");
    b.publish(b"from b");
    assert_eq!(b.wait_notice().await, b"from a");
    assert_eq!(a.wait_notice().await, b"from b");
    let (answer, ()) = tokio::join!(a.ask(at_b.peer, b"abc"), b.reply());
    assert_eq!(answer, Ok(b"cba".to_vec()));
    // The one that was called uses the same link, though it has no address for its caller.
    let (answer, ()) = tokio::join!(b.ask(at_a.peer, b"xyz"), a.reply());
    assert_eq!(answer, Ok(b"zyx".to_vec()));
    assert_eq!(a.counts().notices, 1);
    a.close().await;
    let reason = b
        .wait(|event| if let Event::Down { reason, .. } = event { Some(reason.clone()) } else { None })
        .await;
    assert!(reason.contains("goodbye"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_call_at_once_and_one_link_stays() {
    let (mut a, mut b) = (Peer::start(1).await, Peer::start(2).await);
    let (at_a, at_b) = (a.address(), b.address());
    a.know(std::slice::from_ref(&at_b));
    b.know(std::slice::from_ref(&at_a));
    for round in 0..20u8 {
        let body = [round, 1];
        let (answer, ()) = tokio::join!(a.ask(at_b.peer, &body), b.reply());
        assert_eq!(answer, Ok(vec![1, round]));
        let (answer, ()) = tokio::join!(b.ask(at_a.peer, &body), a.reply());
        assert_eq!(answer, Ok(vec![1, round]));
    }
    a.publish(b"once");
    assert_eq!(b.wait_notice().await, b"once");
    assert_eq!((b.counts().notices, b.counts().banned, a.counts().banned), (1, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_pass_through_peers_between_and_wait_for_those_that_come_late() {
    let mut peers = [Peer::start(1).await, Peer::start(2).await, Peer::start(3).await];
    let addresses = peers.each_ref().map(Peer::address);
    peers[1].know(&[addresses[0].clone()]);
    peers[1].wait_up(addresses[0].peer).await;
    peers[0].publish(b"early");
    assert_eq!(peers[1].wait_notice().await, b"early");
    // The third comes later and is told what still lives.
    peers[2].know(&[addresses[1].clone()]);
    assert_eq!(peers[2].wait_notice().await, b"early");
    peers[2].publish(b"back");
    let author = peers[0]
        .wait(|event| if let Event::Notice(notice) = event { Some(notice.author) } else { None })
        .await;
    assert_eq!(author, addresses[2].peer);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_answers_have_limits_and_ends() {
    let (mut a, mut b) = (Peer::start(1).await, Peer::start(2).await);
    let at_b = b.address();
    a.know(std::slice::from_ref(&at_b));
    let largest = vec![7; REQUEST_BYTES as usize];
    let (answer, ()) = tokio::join!(a.ask(at_b.peer, &largest), b.reply());
    assert_eq!(answer.map(|body| body.len()), Ok(largest.len()));
    let over = a.ask(at_b.peer, &[0; REQUEST_BYTES as usize + 1]).await;
    assert_eq!(over, Err(AskError::Length(65_537)));
    for (length, fits) in [(ANSWER_BYTES as usize, true), (ANSWER_BYTES as usize + 1, false)] {
        let answering = async {
            let question = b
                .wait(|event| if let Event::Asked { question, .. } = event { Some(*question) } else { None })
                .await;
            b.send(Command::Answer { question, answer: Ok(vec![0; length]) }).expect("few commands wait");
        };
        let (answer, ()) = tokio::join!(a.ask(at_b.peer, b"long"), answering);
        assert_eq!(answer.is_ok(), fits);
        assert!(
            fits || matches!(answer, Err(AskError::Refused(reason)) if reason.contains("limit is 1048576"))
        );
    }
    let stranger = a.ask(secret(9).peer(), b"who").await;
    assert!(matches!(stranger, Err(AskError::Unreachable { reason, .. }) if reason.contains("not known")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_not_there_is_said_to_be_unreachable_and_found_when_it_comes() {
    let mut a = Peer::start(1).await;
    let gone = Peer::start(2).await;
    let at_gone = gone.address();
    let folder = gone.close().await;
    a.know(std::slice::from_ref(&at_gone));
    let answer = a.ask(at_gone.peer, b"anybody").await;
    assert!(matches!(answer, Err(AskError::Unreachable { .. })), "{answer:?}");
    // It comes back at another address, which the list tells.
    let back = Quic::start(config(2, &folder.path().join("store"))).await.expect("it starts again");
    a.know(&[PeerAddress { peer: at_gone.peer, addresses: back.addresses() }]);
    a.wait_up(at_gone.peer).await;
    back.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_of_another_network_refuse_each_other() {
    let mut a = Peer::start(1).await;
    let mut b = Peer::start_with(2, |config| config.network = NetworkId([6; 32])).await;
    let at_b = b.address();
    a.know(std::slice::from_ref(&at_b));
    let refused =
        |event: &Event| if let Event::Refused { reason, .. } = event { Some(reason.clone()) } else { None };
    for peer in [&mut a, &mut b] {
        let reason = peer.wait(refused).await;
        assert!(reason.contains("another network"), "{reason}");
        assert_eq!(peer.counts().refused, 1);
    }
    assert!(matches!(a.ask(at_b.peer, b"x").await, Err(AskError::Unreachable { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_and_a_port_belong_to_one_peer() {
    let a = Peer::start(1).await;
    let again = Quic::start(config(1, &a.path("store"))).await;
    assert!(matches!(again, Err(StartError::Store { .. })), "{again:?}");
    let mut taken = config(2, &a.path("other"));
    taken.listen = a.addresses();
    let taken = Quic::start(taken).await;
    assert!(matches!(taken, Err(StartError::Listen { .. })), "{taken:?}");
    let mut relay = config(2, &a.path("other"));
    relay.relay = Some("no address".to_owned());
    assert!(matches!(Quic::start(relay).await, Err(StartError::Relay { .. })));
}

/// Where this process's sockets are bound and what they are connected to, in the kernel's hexadecimal; netlink and unix sockets aside.
fn sockets() -> BTreeSet<String> {
    let links = std::fs::read_dir("/proc/self/fd").expect("a process has files").flatten();
    let targets = links.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let inodes: BTreeSet<String> = targets
        .filter_map(|target| {
            let text = target.to_string_lossy().into_owned();
            Some(text.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect();
    let mut found = BTreeSet::new();
    for table in ["udp", "udp6", "tcp", "tcp6", "raw", "raw6", "icmp", "icmp6"] {
        let text = std::fs::read_to_string(format!("/proc/self/net/{table}")).unwrap_or_default();
        for row in text.lines().skip(1) {
            let columns: Vec<&str> = row.split_whitespace().collect();
            if columns.get(9).is_some_and(|inode| inodes.contains(*inode)) {
                found.insert(format!("{table} {} {}", columns[1], columns[2]));
            }
        }
    }
    found
}

/// A socket that is bound to loopback cannot send anywhere else, and there is no other socket: no relay, no name server, no lookup.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_loopback() {
    let (mut a, mut b) = (Peer::start(1).await, Peer::start(2).await);
    let at_b = b.address();
    let nobody =
        PeerAddress { peer: secret(7).peer(), addresses: vec!["127.0.0.1:9".parse().expect("an address")] };
    a.know(&[at_b.clone(), nobody]);
    a.wait_up(at_b.peer).await;
    let mut seen = BTreeSet::new();
    for _ in 0..40 {
        let (answer, ()) = tokio::join!(a.ask(at_b.peer, b"abc"), b.reply());
        assert!(answer.is_ok());
        tokio::time::sleep(PATIENCE / 600).await;
        seen.extend(sockets());
    }
    assert!(seen.len() >= 2, "{seen:?}");
    assert!(seen.iter().all(|socket| socket.starts_with("udp 0100007F:")), "{seen:?}");
}

//! A chain that cannot be relied upon: a proxy before it that answers some requests with an error.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// One message in so many seems to revert.
const REVERTS_ONE_IN: u32 = 4;
/// One of the other requests in so many fails; a poll of the log makes dozens of them.
const FAILS_ONE_IN: u32 = 64;

/// What connections share.
struct Proxy {
    upstream: String,
    requests: AtomicU32,
    failures: AtomicU32,
    /// Whether a transaction was sent: before that nothing is at stake, and nothing fails.
    has_begun: AtomicBool,
}

/// A chain behind the proxy.
pub struct Flaky {
    pub url: String,
    proxy: Arc<Proxy>,
}

impl Flaky {
    /// The chain at `http://<upstream>`; the proxy runs until the process ends.
    pub fn before(url: &str) -> Flaky {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let upstream = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let has_begun = AtomicBool::new(false);
        let proxy = Proxy { upstream, requests: AtomicU32::new(0), failures: AtomicU32::new(0), has_begun };
        let proxy = Arc::new(proxy);
        let shared = Arc::clone(&proxy);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (connection, proxy) = (connection.expect("a connection"), Arc::clone(&shared));
                // A client that hangs up ends its thread.
                std::thread::spawn(move || while proxy.serve(&connection).is_some() {});
            }
        });
        Flaky { url: format!("http://{address}"), proxy }
    }

    /// How many requests have failed.
    pub fn failures(&self) -> u32 {
        self.proxy.failures.load(Ordering::Relaxed)
    }
}

impl Proxy {
    /// One request and its answer; nothing once either side has hung up.
    fn serve(&self, mut client: &TcpStream) -> Option<()> {
        let (head, body) = message(client)?;
        let answer = match self.failure(&serde_json::from_slice(&body).ok()?) {
            Some(answer) => {
                let length = answer.len();
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
                );
                [head.into_bytes(), answer].concat()
            }
            None => {
                let mut upstream = TcpStream::connect(&self.upstream).ok()?;
                upstream.write_all(&[head, body].concat()).ok()?;
                let (head, body) = message(&upstream)?;
                [head, body].concat()
            }
        };
        client.write_all(&answer).ok()
    }

    /// The error that this request is answered with, if it is to fail: a message seems to revert when its gas is estimated, else the chain is busy.
    fn failure(&self, request: &Value) -> Option<Vec<u8>> {
        let method = request["method"].as_str()?;
        let is_first = method == "eth_sendRawTransaction" && !self.has_begun.swap(true, Ordering::Relaxed);
        if is_first || !self.has_begun.load(Ordering::Relaxed) {
            return None;
        }
        let (one_in, error) = match method {
            "eth_estimateGas" => {
                let error = json!({ "code": 3, "message": "execution reverted", "data": "0x01020304" });
                (REVERTS_ONE_IN, error)
            }
            _ => (FAILS_ONE_IN, json!({ "code": -32000, "message": "busy" })),
        };
        // Not every n-th: a loop of n requests would fail at the same one for ever.
        let count = self.requests.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9) >> 16;
        if !count.is_multiple_of(one_in) {
            return None;
        }
        self.failures.fetch_add(1, Ordering::Relaxed);
        Some(json!({ "jsonrpc": "2.0", "id": request["id"], "error": error }).to_string().into_bytes())
    }
}

/// Head and body of the next message.
fn message(stream: &TcpStream) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let start = head.len();
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
        let line = head[start..].trim_end().to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head.into_bytes(), body))
}

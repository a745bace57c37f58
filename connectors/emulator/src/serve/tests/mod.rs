//! The server over real sockets, around a venue that echoes.

mod control;
mod frames;
mod lines;
mod requests;
mod sockets;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::*;
use crate::happening::Happening;

/// Far more than anything here takes, also on a loaded machine.
const PATIENCE: Duration = Duration::from_mins(1);

const SECOND_NS: u64 = 1_000_000_000;

/// Answers texts with themselves, and keeps what it was told.
#[derive(Default)]
struct Echo {
    orders: AtomicU64,
    heard: Mutex<Vec<String>>,
}

impl Echo {
    fn note(&self, text: impl Into<String>) {
        self.heard.lock().expect("not poisoned").push(text.into());
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("not poisoned").clone()
    }
}

/// A venue over a shared echo.
struct EchoVenue(Arc<Echo>);

impl Venue for EchoVenue {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn upgrade(&self, _: u64, request: &HttpRequest) -> Result<Box<dyn Dialect>, HttpAnswer> {
        if request.path != "/ws" {
            return Err(HttpAnswer::text(404, "no such stream"));
        }
        Ok(Box::new(EchoDialect { echo: Arc::clone(&self.0), flood_bytes: None }))
    }

    fn disturb(&self, _: u64, what: &Disturbance) -> bool {
        self.0.note(format!("venue {what:?}"));
        true
    }

    fn call(&self, now_ns: u64, request: &HttpRequest) -> HttpAnswer {
        match request.path.as_str() {
            "/time" => HttpAnswer::text(200, now_ns.to_string()),
            "/order" => {
                self.0.orders.fetch_add(1, Ordering::SeqCst);
                HttpAnswer::json(200, String::from_utf8_lossy(&request.body))
            }
            "/panic" => panic!("as asked"),
            path => HttpAnswer::text(404, path),
        }
    }

    fn refuse_limit(&self, kind: LimitKind) -> HttpAnswer {
        HttpAnswer::text(429, format!("{kind:?}"))
    }

    fn client_frame_bytes_max(&self) -> usize {
        2_000
    }
}

struct EchoDialect {
    echo: Arc<Echo>,
    /// Each slot is told in a frame of so many bytes.
    flood_bytes: Option<usize>,
}

impl Dialect for EchoDialect {
    fn opened(&mut self, _: u64, out: &mut Vec<Out>) {
        out.push(Out::Text("hello".to_owned()));
    }

    fn text(&mut self, _: u64, text: &str, out: &mut Vec<Out>) {
        self.echo.note(text);
        match text.split_once(' ') {
            Some(("flood", bytes)) => self.flood_bytes = bytes.parse().ok(),
            Some(("close", code)) => {
                out.push(Out::Close(code.parse().unwrap_or(1000), "bye".to_owned()));
            }
            _ if text == "panic" => panic!("as asked"),
            _ if text == "ping me" => out.push(Out::Ping(b"you".to_vec())),
            _ => out.push(Out::Text(text.to_owned())),
        }
    }

    fn happened(&mut self, _: u64, what: &Happening, out: &mut Vec<Out>) {
        if let (Happening::Slot { slot, .. }, Some(bytes)) = (what, self.flood_bytes) {
            out.push(Out::Text(format!("{slot:<bytes$}")));
        }
    }

    fn tick(&mut self, _: u64, _: &mut Vec<Out>) {}

    fn disturb(&mut self, _: u64, what: &Disturbance, out: &mut Vec<Out>) -> bool {
        let bytes = if let Disturbance::GiantFrame { bytes } = what { *bytes } else { 0 };
        out.push(Out::Text(format!("{what:?}{}", "x".repeat(bytes))));
        !matches!(what, Disturbance::Maintenance)
    }

    fn closed(&mut self, _: u64) {
        self.echo.note("closed");
    }
}

/// A slot every ten milliseconds of market time.
#[derive(Default)]
struct Slots {
    slot: u64,
    next_ns: u64,
    frozen: bool,
}

impl Feed for Slots {
    fn advance(&mut self, now_ns: u64) -> Vec<Happening> {
        if self.frozen || now_ns < self.next_ns {
            return Vec::new();
        }
        self.next_ns = now_ns + 10_000_000;
        self.slot += 1;
        let slot = self.slot;
        vec![Happening::Slot { slot, parent: slot - 1, root: 0, at_ns: now_ns }]
    }

    fn freeze(&mut self, _: u64) {
        self.frozen = true;
    }

    fn thaw(&mut self, _: u64) {
        self.frozen = false;
    }
}

struct Server {
    running: Running,
    echo: Arc<Echo>,
}

fn options(echo: &Arc<Echo>) -> Options {
    let mut options = Options::new(7, Box::new(Slots::default()));
    options.venues = vec![VenueOptions::plain(Arc::new(EchoVenue(Arc::clone(echo))))];
    options.control_port = Some(0);
    options
}

/// A server with everything at its default but what `change` changes.
fn server(change: impl FnOnce(&mut Options)) -> Server {
    let echo = Arc::new(Echo::default());
    let mut options = options(&echo);
    change(&mut options);
    Server { running: start(options).expect("ports are free"), echo }
}

impl Server {
    fn address(&self) -> SocketAddr {
        self.running.venue("echo").expect("one venue").plain.expect("plain")
    }

    /// Begins a fault on the one venue.
    fn fault(&self, fault: Fault, duration_ms: u64) -> u64 {
        self.running.fault(FaultOrder::new("echo", fault, duration_ms)).expect("within bounds")
    }

    /// Ends a fault and waits until that has had its effect everywhere.
    async fn end(&self, number: u64) {
        assert!(self.running.end_fault(number));
        let ended_ns = self.running.clock().now_ns();
        // Connections look at their faults with every tick of 50 ms.
        self.until(|server| server.running.clock().now_ns() > ended_ns + SECOND_NS / 2).await;
    }

    fn applied(&self, number: u64) -> u64 {
        let faults = self.running.faults();
        faults.iter().find(|fault| fault.number == number).expect("known").applied
    }

    fn counts(&self) -> VenueCounts {
        self.running.counts("echo").expect("one venue")
    }

    async fn open(&self) -> Client {
        let mut client = self.try_open().await.expect("a handshake");
        assert_eq!(client.text().await, "hello");
        client
    }

    async fn try_open(&self) -> Result<Client, Error> {
        let tcp = TcpStream::connect(self.address()).await?;
        let work = tokio_tungstenite::client_async("ws://localhost/ws", tcp);
        let (stream, _) = timeout(PATIENCE, work).await.expect("in time")?;
        Ok(Client(stream))
    }

    /// Status line and headers, and body.
    async fn request(&self, method: &str, path: &str, body: &str) -> (String, String) {
        request(self.address(), method, path, body).await.expect("an answer")
    }

    /// Waits until `is_so`.
    async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let wait = async {
            while !is_so(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, wait).await.expect("in time");
    }
}

/// One request on a connection of its own; none: no answer.
async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &str,
) -> Option<(String, String)> {
    // A socket that is reset at once may never have been seen open.
    let mut tcp = TcpStream::connect(address).await.ok()?;
    let length = body.len();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    tcp.write_all(text.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    // A reset in place of an answer is no answer.
    timeout(PATIENCE, tcp.read_to_end(&mut answer)).await.expect("in time").ok()?;
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.to_ascii_lowercase(), body.to_owned()))
}

struct Client(WebSocketStream<TcpStream>);

impl Client {
    async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text.to_owned())).await.expect("it is open");
    }

    async fn next(&mut self) -> Option<Result<Message, Error>> {
        timeout(PATIENCE, self.0.next()).await.expect("in time")
    }

    async fn text(&mut self) -> String {
        match self.next().await.expect("it is open") {
            Ok(Message::Text(text)) => text.to_string(),
            other => panic!("{other:?} in place of a text"),
        }
    }

    /// What comes back for these texts.
    async fn echoes(&mut self, texts: &[&str], count: usize) -> Vec<String> {
        for text in texts {
            self.say(text).await;
        }
        let mut seen = Vec::new();
        for _ in 0..count {
            seen.push(self.text().await);
        }
        seen
    }
}

/// Runs a test with a runtime of its own for its clients.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(work)
}

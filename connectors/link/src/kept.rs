//! Kept connections to one venue's REST address, and a gate at the last moment.
//!
//! Orders must not leave once the latch is set, and whether a byte has left decides between "was never
//! sent" and "unknown". Both are known only where bytes are written, so that the connection is ours: names
//! and TLS are done ahead, connections wait open, and [`Gated`] sits between HTTP and TLS. Its first
//! write of a request reads the latch, and notes that a byte is about to leave.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use connector_net::session::{Fetch, FetchFailure, Method};
use connector_orders::Latch;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::monotonic_ns;
use crate::http::{Answered, retry_after_ms};
use crate::net::{AsyncStream, DialError, Net, USER_AGENT, plain_stream};

/// Longest wait for an answer, all of it.
const WITHIN: Duration = Duration::from_secs(10);
/// Longest wait for a connection.
const DIAL_WITHIN: Duration = Duration::from_secs(5);
/// Largest answer. Unit: bytes.
const BODY_BYTES_MAX: usize = 8 << 20;
/// Connections that wait open.
const IDLE_MAX: usize = 2;
/// One that has waited longer is not trusted: venues close them after a minute or so. Unit: nanoseconds.
const IDLE_NS_MAX: u64 = 45_000_000_000;
/// Addresses are looked up anew after so long. Unit: nanoseconds.
const NAMES_NS_MAX: u64 = 60_000_000_000;

/// Where a request stands: shared by the connection's stream and whoever waits for the answer.
#[derive(Debug, Default)]
struct Gating {
    /// The next write is the first of an order; 0 no, 1 of one that reduces, 2 of any other.
    armed: AtomicU64,
    /// The order was held back.
    is_withheld: AtomicBool,
    /// When the first byte of the request left. Unit: nanoseconds of the monotonic clock; 0: none has.
    first_byte_ns: AtomicU64,
    /// Nobody waits for the request any more: whatever of it has not left must not.
    is_given_up: AtomicBool,
}

/// A stream that asks the latch before the first byte of an order.
struct Gated {
    inner: Box<dyn AsyncStream>,
    gating: Arc<Gating>,
    latch: Arc<Latch>,
}

impl AsyncRead for Gated {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for Gated {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        // Held until the write below has returned: the latch's time lies behind it.
        let _pass = match this.gating.armed.swap(0, Ordering::SeqCst) {
            0 => None,
            what => {
                let Some(pass) = this.latch.pass(what == 1) else {
                    this.gating.is_withheld.store(true, Ordering::SeqCst);
                    return Poll::Ready(Err(io::Error::other("held back: trading was stopped")));
                };
                Some(pass)
            }
        };
        // Noted before the write: a byte may be out before its return is seen.
        if this.gating.first_byte_ns.load(Ordering::SeqCst) == 0 {
            this.gating.first_byte_ns.store(monotonic_ns(), Ordering::SeqCst);
        }
        // After the note: either this is seen here, or the note is seen by whoever gave up.
        if this.gating.is_given_up.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::Error::other("given up")));
        }
        Pin::new(&mut this.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// One open connection.
struct Conn {
    sender: SendRequest<Full<Bytes>>,
    gating: Arc<Gating>,
    idle_since_ns: u64,
}

/// How a request ended.
#[derive(Debug)]
pub enum Sent {
    /// Bytes left. The answer, or why there is none.
    Out {
        /// When the first byte left. Unit: nanoseconds of the monotonic clock.
        first_byte_ns: u64,
        /// What came.
        result: Result<Answered, FetchFailure>,
    },
    /// Not a byte left, because the latch was set.
    Withheld,
    /// Not a byte left, for want of a connection.
    Unsent(String),
}

/// Why an order is gated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An order.
    Order {
        /// Whether it makes an exposure smaller.
        reduces: bool,
    },
    /// A cancel or a question: it passes every gate.
    Free,
}

/// Connections to one address.
pub struct Kept {
    net: Net,
    latch: Arc<Latch>,
    host: String,
    port: u16,
    is_tls: bool,
    idle: Mutex<VecDeque<Conn>>,
    /// Addresses of the host, and when they were looked up.
    names: Mutex<(u64, Vec<SocketAddr>)>,
}

impl Kept {
    /// Connections to the host of this address: `https://`, or `http://` to this machine.
    ///
    /// # Errors
    ///
    /// A line that says what is wrong with the address.
    pub fn new(net: Net, latch: Arc<Latch>, rest_url: &str) -> Result<Self, String> {
        let uri: hyper::Uri = rest_url.parse().map_err(|_| "it is no address".to_owned())?;
        let host = uri.host().ok_or("it names no host")?.trim_matches(['[', ']']).to_owned();
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("it begins with neither https:// nor http://".to_owned()),
        };
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let (idle, names) = (Mutex::default(), Mutex::new((0, Vec::new())));
        Ok(Self { net, latch, host, port, is_tls, idle, names })
    }

    /// Opens connections ahead, as many as wait.
    ///
    /// # Errors
    ///
    /// What was said where none could be opened.
    pub async fn warm(&self) -> Result<(), String> {
        loop {
            let count = {
                let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                let now_ns = monotonic_ns();
                idle.retain(|conn| {
                    !conn.sender.is_closed()
                        && now_ns.saturating_sub(conn.idle_since_ns) < IDLE_NS_MAX
                });
                idle.len()
            };
            if count >= IDLE_MAX {
                return Ok(());
            }
            let conn = self.dial().await.map_err(|error| error.says)?;
            self.put_back(conn);
        }
    }

    /// Makes a request.
    pub async fn send(&self, fetch: &Fetch, kind: Kind) -> Sent {
        let request = match self.request(fetch) {
            Ok(request) => request,
            Err(says) => return Sent::Unsent(says),
        };
        let mut conn = match self.take().await {
            Ok(conn) => conn,
            Err(error) => return Sent::Unsent(error.says),
        };
        let gating = Arc::clone(&conn.gating);
        gating.first_byte_ns.store(0, Ordering::SeqCst);
        let armed = match kind {
            Kind::Order { reduces: true } => 1,
            Kind::Order { reduces: false } => 2,
            Kind::Free => 0,
        };
        gating.armed.store(armed, Ordering::SeqCst);
        let result = match tokio::time::timeout(WITHIN, exchange(&mut conn.sender, request)).await {
            Ok(result) => result,
            Err(_) => Err(FetchFailure::TimedOut),
        };
        if result.is_err() {
            // The connection lives on for a moment, and must not write what is said to have never left.
            gating.is_given_up.store(true, Ordering::SeqCst);
        }
        let first_byte_ns = gating.first_byte_ns.load(Ordering::SeqCst);
        if gating.is_withheld.load(Ordering::SeqCst) {
            return Sent::Withheld;
        }
        if first_byte_ns == 0 {
            return Sent::Unsent("the connection was gone".to_owned());
        }
        if result.is_ok() {
            self.put_back(conn);
        }
        Sent::Out { first_byte_ns, result }
    }

    fn put_back(&self, mut conn: Conn) {
        conn.idle_since_ns = monotonic_ns();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX && !conn.sender.is_closed() {
            idle.push_back(conn);
        }
    }

    async fn take(&self) -> Result<Conn, DialError> {
        loop {
            let conn = {
                let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                idle.pop_back()
            };
            let Some(mut conn) = conn else { return self.dial().await };
            let age_ns = monotonic_ns().saturating_sub(conn.idle_since_ns);
            if age_ns < IDLE_NS_MAX && conn.sender.ready().await.is_ok() {
                return Ok(conn);
            }
        }
    }

    async fn dial(&self) -> Result<Conn, DialError> {
        let dialed = tokio::time::timeout(DIAL_WITHIN, async {
            let addresses = self.addresses().await?;
            plain_stream(&self.net, (&self.host, self.port), &addresses, self.is_tls).await
        });
        let inner = dialed.await.map_err(|_| DialError::late())??;
        let gating = Arc::new(Gating::default());
        let gated = Gated { inner, gating: Arc::clone(&gating), latch: Arc::clone(&self.latch) };
        let (sender, connection) =
            handshake(TokioIo::new(gated)).await.map_err(|error| DialError::broken(&error))?;
        // It ends by itself when the sender goes, or with an error that the sender sees as well.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Conn { sender, gating, idle_since_ns: monotonic_ns() })
    }

    /// Addresses as looked up last; looked up anew when they are old, and where that fails the old ones.
    async fn addresses(&self) -> Result<Vec<SocketAddr>, DialError> {
        let (at_ns, known) = {
            let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            (names.0, names.1.clone())
        };
        let now_ns = monotonic_ns();
        if !known.is_empty() && now_ns.saturating_sub(at_ns) < NAMES_NS_MAX {
            return Ok(known);
        }
        match tokio::net::lookup_host((self.host.as_str(), self.port)).await {
            Ok(found) => {
                let found: Vec<SocketAddr> = found.collect();
                let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
                *names = (now_ns, found.clone());
                Ok(found)
            }
            Err(_) if !known.is_empty() => Ok(known),
            Err(error) => Err(DialError::dns(&self.host, &error)),
        }
    }

    fn request(&self, fetch: &Fetch) -> Result<hyper::Request<Full<Bytes>>, String> {
        let uri: hyper::Uri =
            fetch.url.parse().map_err(|_| "an address that is none".to_owned())?;
        let is_ours = uri.host().map(|host| host.trim_matches(['[', ']'])) == Some(&*self.host);
        if !is_ours {
            return Err("an address of another host".to_owned());
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let method = match fetch.method {
            Method::Get => hyper::Method::GET,
            Method::Post => hyper::Method::POST,
        };
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let mut request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header("host", authority)
            .header("user-agent", USER_AGENT);
        for (name, value) in &fetch.headers {
            let mut value = hyper::header::HeaderValue::try_from(value.as_str())
                .map_err(|_| format!("the header {name} cannot be sent"))?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        let body = Full::new(Bytes::copy_from_slice(fetch.body.as_bytes()));
        request.body(body).map_err(|_| "a request that cannot be sent".to_owned())
    }
}

async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    request: hyper::Request<Full<Bytes>>,
) -> Result<Answered, FetchFailure> {
    let answer = sender.send_request(request).await.map_err(|_| FetchFailure::Unreachable)?;
    let status = answer.status().as_u16();
    let retry_after = answer.headers().get("retry-after").and_then(|it| it.to_str().ok());
    let retry_after_ms = retry_after.map(retry_after_ms);
    let body = Limited::new(answer.into_body(), BODY_BYTES_MAX).collect().await;
    let body = body.map_err(|error| {
        let is_large = error.is::<http_body_util::LengthLimitError>();
        if is_large { FetchFailure::TooLarge } else { FetchFailure::Unreachable }
    })?;
    Ok(Answered { status, retry_after_ms, body: body.to_bytes().to_vec() })
}

#[cfg(test)]
mod tests {
    use connector_net::session::Secrecy;
    use connector_orders::Gate;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

    fn fetch(port: u16) -> Fetch {
        let url = format!("http://127.0.0.1:{port}/v1/order?x=1");
        let headers = vec![("X-Key".to_owned(), "k".to_owned())];
        let body = "a=1".to_owned();
        Fetch { tag: 1, method: Method::Post, url, headers, body, secrecy: Secrecy::Secret }
    }

    async fn kept() -> (TcpListener, Kept, Arc<Latch>, Fetch) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let latch = Arc::new(Latch::default());
        latch.set(Gate::Open);
        let net = Net::new(None).expect("no file");
        let url = format!("http://127.0.0.1:{port}");
        let kept = Kept::new(net, Arc::clone(&latch), &url).expect("an address");
        (listener, kept, latch, fetch(port))
    }

    /// What came until the request was whole or the peer was gone.
    async fn request(socket: &mut TcpStream) -> String {
        let mut text = String::new();
        let mut buffer = [0; 4_096];
        while !text.ends_with("a=1") {
            let count = socket.read(&mut buffer).await.unwrap_or(0);
            if count == 0 {
                break;
            }
            text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        text
    }

    #[tokio::test]
    async fn a_connection_is_opened_ahead_and_used_again() {
        let (listener, kept, _, fetch) = kept().await;
        let server = tokio::spawn(async move {
            let (mut first, _) = listener.accept().await.expect("a connection");
            let (second, _) = listener.accept().await.expect("another");
            drop(second);
            let mut seen = Vec::new();
            for _ in 0..2 {
                seen.push(request(&mut first).await);
                first.write_all(OK.as_bytes()).await.expect("it listens");
            }
            seen
        });
        kept.warm().await.expect("it opens");
        tokio::time::sleep(Duration::from_millis(50)).await;
        for _ in 0..2 {
            let sent = kept.send(&fetch, Kind::Order { reduces: false }).await;
            let Sent::Out { first_byte_ns, result } = sent else { panic!("{sent:?}") };
            let answered = result.expect("an answer");
            assert!(first_byte_ns > 0 && answered.status == 200 && answered.body == b"ok");
        }
        let seen = server.await.expect("no panic");
        for text in seen {
            assert!(text.starts_with("POST /v1/order?x=1 HTTP/1.1\r\n"), "{text}");
            assert!(text.contains("x-key: k\r\n") && text.ends_with("\r\n\r\na=1"), "{text}");
        }
    }

    #[tokio::test]
    async fn no_byte_of_an_order_leaves_once_the_latch_is_set() {
        let (listener, kept, latch, fetch) = kept().await;
        let server = tokio::spawn(async move {
            let mut received = Vec::new();
            while let Ok(Ok((mut socket, _))) =
                tokio::time::timeout(Duration::from_millis(300), listener.accept()).await
            {
                let text = request(&mut socket).await;
                if !text.is_empty() {
                    socket.write_all(OK.as_bytes()).await.expect("it listens");
                }
                received.push(text);
            }
            received
        });
        latch.set(Gate::Reducing);
        let held = kept.send(&fetch, Kind::Order { reduces: false }).await;
        assert!(matches!(held, Sent::Withheld), "{held:?}");
        let passes = kept.send(&fetch, Kind::Order { reduces: true }).await;
        assert!(matches!(passes, Sent::Out { result: Ok(_), .. }), "{passes:?}");
        latch.kill(monotonic_ns);
        let held = kept.send(&fetch, Kind::Order { reduces: true }).await;
        assert!(matches!(held, Sent::Withheld), "{held:?}");
        // A cancel passes all the same.
        let passes = kept.send(&fetch, Kind::Free).await;
        assert!(matches!(passes, Sent::Out { result: Ok(_), .. }), "{passes:?}");
        drop(kept);
        let received = server.await.expect("no panic");
        assert_eq!(received.iter().filter(|text| !text.is_empty()).count(), 2, "{received:?}");
    }

    #[tokio::test]
    async fn a_lost_answer_is_told_from_a_request_that_never_left() {
        let (listener, kept, _, fetch) = kept().await;
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.expect("a connection");
            let text = request(&mut socket).await;
            drop(socket);
            drop(listener);
            text
        });
        let lost = kept.send(&fetch, Kind::Order { reduces: false }).await;
        let is_lost = matches!(
            lost,
            Sent::Out { result: Err(FetchFailure::Unreachable), first_byte_ns: 1.. }
        );
        assert!(is_lost, "{lost:?}");
        assert!(!server.await.expect("no panic").is_empty());
        let unsent = kept.send(&fetch, Kind::Order { reduces: false }).await;
        assert!(matches!(unsent, Sent::Unsent(_)), "nobody listens any more: {unsent:?}");
    }

    #[tokio::test]
    async fn what_was_given_up_is_not_written_afterwards() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let gating = Arc::new(Gating::default());
        let latch = Arc::new(Latch::default());
        let mut gated = Gated { inner: Box::new(ours), gating: Arc::clone(&gating), latch };
        gated.write_all(b"one").await.expect("it is free");
        gating.is_given_up.store(true, Ordering::SeqCst);
        assert!(gated.write_all(b"two").await.is_err());
        drop(gated);
        let mut came = String::new();
        theirs.read_to_string(&mut came).await.expect("it ended");
        assert_eq!(came, "one");
    }

    #[tokio::test]
    async fn another_host_is_never_asked() {
        let (_listener, kept, _, mut fetch) = kept().await;
        fetch.url = "http://127.0.0.2:1/v1/order".to_owned();
        let unsent = kept.send(&fetch, Kind::Free).await;
        assert!(matches!(unsent, Sent::Unsent(_)), "{unsent:?}");
        for bad in ["", "ftp://x", "wss://x"] {
            let net = Net::new(None).expect("no file");
            assert!(Kept::new(net, Arc::default(), bad).is_err(), "{bad}");
        }
    }
}

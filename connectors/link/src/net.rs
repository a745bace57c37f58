//! Opening sockets: names, TCP, TLS, the WebSocket handshake.

use std::io;
use std::net::{SocketAddr, TcpStream as StdTcp, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use connector_net::session::{Cause, Endpoint};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::handshake::client::Request;
use tungstenite::http::{HeaderName, HeaderValue};
use tungstenite::protocol::WebSocketConfig;

use crate::stamp::{ReadAt, Stamped};

/// Largest message. The largest real one, a BTC snapshot, has 5.1 MB. Unit: bytes.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// How long unacknowledged data may lie before the system gives the connection up.
const USER_TIMEOUT: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// What a connection says it is. Some venues refuse requests without it.
pub const USER_AGENT: &str = concat!("riptide/", env!("CARGO_PKG_VERSION"));

/// Why there is no socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialError {
    /// Which kind.
    pub cause: Cause,
    /// What was said. Holds no secret.
    pub says: String,
    /// How long the venue asks to stay away. Unit: milliseconds.
    pub retry_after_ms: Option<u64>,
}

impl DialError {
    fn new(cause: Cause, says: impl Into<String>) -> Self {
        Self { cause, says: says.into(), retry_after_ms: None }
    }

    pub(crate) fn late() -> Self {
        Self::new(Cause::Refused, "no connection in time")
    }

    pub(crate) fn broken(error: &impl core::fmt::Display) -> Self {
        Self::new(Cause::Broken, error.to_string())
    }

    pub(crate) fn dns(host: &str, error: &io::Error) -> Self {
        Self::new(Cause::Dns, format!("{host}: {error}"))
    }
}

/// Why the certificates for TLS could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// The file of additional certificate authorities.
    #[error("cannot read certificates of {path}: {says}")]
    File {
        /// Path as configured.
        path: String,
        /// What went wrong.
        says: String,
    },
}

/// What is needed to open sockets.
#[derive(Clone, Debug)]
pub struct Net {
    pub(crate) tls: Arc<ClientConfig>,
}

/// A WebSocket driven by a runtime.
pub(crate) type AsyncSocket = WebSocketStream<Box<dyn AsyncStream>>;

/// A stream below a WebSocket.
pub(crate) trait AsyncStream:
    tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send
{
}
impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send> AsyncStream for S {}

impl Net {
    /// The authorities that browsers trust, and those of a PEM file besides (a company's or a test's
    /// own).
    ///
    /// # Errors
    ///
    /// [`TlsSetupError`] where the file cannot be read.
    pub fn new(extra_authorities: Option<&str>) -> Result<Self, TlsSetupError> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        if let Some(path) = extra_authorities {
            let file = |says: String| TlsSetupError::File { path: path.to_owned(), says };
            let mut count = 0;
            let pem = std::fs::read(path).map_err(|error| file(error.to_string()))?;
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                let certificate = certificate.map_err(|error| file(error.to_string()))?;
                count += 1;
                roots.add(certificate).map_err(|error| file(error.to_string()))?;
            }
            if count == 0 {
                return Err(file("no certificate in it".to_owned()));
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsSetupError::File { path: String::new(), says: error.to_string() })?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: Arc::new(tls) })
    }

    /// Opens a WebSocket on the current runtime.
    pub(crate) async fn connect(
        &self,
        endpoint: &Endpoint,
    ) -> Result<(AsyncSocket, ReadAt), DialError> {
        let target = Target::of(endpoint)?;
        let addresses = tokio::net::lookup_host((target.host.as_str(), target.port))
            .await
            .map_err(|error| DialError::dns(&target.host, &error))?;
        let addresses: Vec<SocketAddr> = addresses.collect();
        let tcp = TcpStream::connect(&*addresses).await.map_err(|error| {
            DialError::new(Cause::Refused, format!("{}: {error}", target.name()))
        })?;
        tune(&socket2::SockRef::from(&tcp));
        let (stamped, read_at) = Stamped::new(tcp);
        // The stamp lies below TLS: time is taken when bytes leave the socket.
        let stream: Box<dyn AsyncStream> = if target.is_tls {
            let connector = tokio_rustls::TlsConnector::from(Arc::clone(&self.tls));
            let name = server_name(&target.host)?;
            let tls = connector
                .connect(name, stamped)
                .await
                .map_err(|error| tls_error(&target.name(), &error))?;
            Box::new(tls)
        } else {
            Box::new(stamped)
        };
        let config = Some(frame_config());
        let (socket, _) =
            tokio_tungstenite::client_async_with_config(target.request, stream, config)
                .await
                .map_err(|error| handshake_error(&error))?;
        Ok((socket, read_at))
    }

    /// Opens a WebSocket that is polled: blocks for at most about `within`, then never again.
    pub(crate) fn connect_polled(
        &self,
        endpoint: &Endpoint,
        within: Duration,
    ) -> Result<(tungstenite::WebSocket<Polled>, ReadAt), DialError> {
        let target = Target::of(endpoint)?;
        let addresses = (target.host.as_str(), target.port)
            .to_socket_addrs()
            .map_err(|error| DialError::new(Cause::Dns, format!("{}: {error}", target.host)))?;
        let mut last = DialError::new(Cause::Dns, format!("{}: no address", target.host));
        for address in addresses {
            let tcp = match StdTcp::connect_timeout(&address, within) {
                Ok(tcp) => tcp,
                Err(error) => {
                    last = DialError::new(Cause::Refused, format!("{}: {error}", target.name()));
                    continue;
                }
            };
            tune(&socket2::SockRef::from(&tcp));
            let io = |error: io::Error| DialError::new(Cause::Broken, error.to_string());
            tcp.set_read_timeout(Some(within)).map_err(io)?;
            tcp.set_write_timeout(Some(within)).map_err(io)?;
            let (stamped, read_at) = Stamped::new(tcp);
            let stream = if target.is_tls {
                let name = server_name(&target.host)?;
                let session = rustls::ClientConnection::new(Arc::clone(&self.tls), name)
                    .map_err(|error| DialError::new(Cause::Tls, error.to_string()))?;
                let mut tls = rustls::StreamOwned::new(session, stamped);
                while tls.conn.is_handshaking() {
                    tls.conn
                        .complete_io(&mut tls.sock)
                        .map_err(|error| tls_error(&target.name(), &error))?;
                }
                Polled::Tls(Box::new(tls))
            } else {
                Polled::Plain(stamped)
            };
            let config = Some(frame_config());
            let (socket, _) =
                tungstenite::client::client_with_config(target.request, stream, config).map_err(
                    |error| match error {
                        tungstenite::HandshakeError::Failure(error) => handshake_error(&error),
                        tungstenite::HandshakeError::Interrupted(_) => {
                            DialError::new(Cause::Refused, "no answer to the upgrade in time")
                        }
                    },
                )?;
            socket.get_ref().tcp().set_nonblocking(true).map_err(io)?;
            return Ok((socket, read_at));
        }
        Err(last)
    }
}

/// A stream that is polled.
#[derive(Debug)]
pub(crate) enum Polled {
    Plain(Stamped<StdTcp>),
    Tls(Box<rustls::StreamOwned<rustls::ClientConnection, Stamped<StdTcp>>>),
}

impl Polled {
    fn tcp(&self) -> &StdTcp {
        match self {
            Self::Plain(stamped) => stamped.inner(),
            Self::Tls(tls) => tls.sock.inner(),
        }
    }
}

impl io::Read for Polled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl io::Write for Polled {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(buffer),
            Self::Tls(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Where an endpoint leads.
struct Target {
    host: String,
    port: u16,
    is_tls: bool,
    request: Request,
}

impl Target {
    fn of(endpoint: &Endpoint) -> Result<Self, DialError> {
        let malformed = |says: &str| DialError::new(Cause::Handshake, says.to_owned());
        let mut request = endpoint
            .url
            .as_str()
            .into_client_request()
            .map_err(|_| malformed("the address is no WebSocket address"))?;
        let uri = request.uri();
        let host = uri.host().ok_or_else(|| malformed("the address names no host"))?;
        let host = host.trim_matches(['[', ']']).to_owned();
        let is_tls = match uri.scheme_str() {
            Some("wss") => true,
            Some("ws") => false,
            _ => return Err(malformed("the address begins with neither wss:// nor ws://")),
        };
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let headers = request.headers_mut();
        headers.insert("user-agent", HeaderValue::from_static(USER_AGENT));
        for (name, value) in &endpoint.headers {
            let name = HeaderName::try_from(name.as_str());
            let value = HeaderValue::try_from(value.as_str());
            let (Ok(name), Ok(mut value)) = (name, value) else {
                return Err(malformed("a header that cannot be sent"));
            };
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(Self { host, port, is_tls, request })
    }

    fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

fn server_name(host: &str) -> Result<ServerName<'static>, DialError> {
    ServerName::try_from(host.to_owned())
        .map_err(|_| DialError::new(Cause::Tls, format!("{host}: no name for a certificate")))
}

fn tls_error(name: &str, error: &io::Error) -> DialError {
    let is_late = matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock);
    let cause = if is_late { Cause::Refused } else { Cause::Tls };
    DialError::new(cause, format!("{name}: {error}"))
}

/// TCP to the first address that answers, and TLS over it.
pub(crate) async fn plain_stream(
    net: &Net,
    (host, port): (&str, u16),
    addresses: &[SocketAddr],
    is_tls: bool,
) -> Result<Box<dyn AsyncStream>, DialError> {
    let name = format!("{host}:{port}");
    let refused = |error: io::Error| DialError::new(Cause::Refused, format!("{name}: {error}"));
    let tcp = TcpStream::connect(addresses).await.map_err(refused)?;
    tune(&socket2::SockRef::from(&tcp));
    if !is_tls {
        return Ok(Box::new(tcp));
    }
    let connector = tokio_rustls::TlsConnector::from(Arc::clone(&net.tls));
    let tls = connector.connect(server_name(host)?, tcp).await;
    Ok(Box::new(tls.map_err(|error| tls_error(&name, &error))?))
}

fn handshake_error(error: &tungstenite::Error) -> DialError {
    if let tungstenite::Error::Http(answer) = error {
        let cause = match answer.status().as_u16() {
            401 | 403 => Cause::Unauthorized,
            418 | 429 => Cause::Limited,
            // The venue is there and cannot now: it is waited for.
            500..=599 => Cause::Refused,
            _ => Cause::Handshake,
        };
        let header = answer.headers().get("retry-after").and_then(|it| it.to_str().ok());
        let retry_after_ms = header.map(crate::http::retry_after_ms);
        let says = format!("the venue refused with {}", answer.status());
        return DialError { cause, says, retry_after_ms };
    }
    let is_cut = matches!(error, tungstenite::Error::Io(_));
    DialError::new(if is_cut { Cause::Broken } else { Cause::Handshake }, error.to_string())
}

/// Why a socket that was open ended.
pub(crate) fn end_cause(error: &tungstenite::Error) -> Cause {
    use tungstenite::Error as E;
    use tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    if matches!(error, E::ConnectionClosed | E::AlreadyClosed) {
        Cause::Closed
    } else if matches!(error, E::Protocol(ResetWithoutClosingHandshake) | E::Io(_)) {
        Cause::Broken
    } else if matches!(error, E::Tls(_)) {
        Cause::Tls
    } else {
        Cause::BadFrame
    }
}

fn frame_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
        .read_buffer_size(128 << 10)
}

/// Small frames at once, and an end that is noticed. What the system does not know is left out: the
/// link has deadlines of its own.
fn tune(socket: &socket2::SockRef<'_>) {
    let _ = socket.set_tcp_nodelay(true);
    let keep_alive = socket2::TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE);
    let _ = socket.set_tcp_keepalive(&keep_alive);
    let _ = socket.set_tcp_user_timeout(Some(USER_TIMEOUT));
}

//! HTTP of one venue: requests, upgrades, and the faults that meet them.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited as LimitedBody, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{
    CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::board::Active;
use super::connection::Connection;
use super::contract::{Dialect, HttpAnswer, HttpRequest, LimitKind};
use super::fault::{Executes, Fault};
use super::socket::Socket;
use super::state::{Limited, VenueState};
use crate::market::Rng;

/// Largest body of a request. Orders and batches of them are a few kilobytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Largest head of a request; tokens and signatures are about a kilobyte.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// How long a client may take for the head of a request, or stay idle between two.
const HEAD_WAIT: Duration = Duration::from_mins(1);

/// Time between two pieces of a slow answer, or two looks at a fault. Unit: ns of market time.
const PIECE_NS: u64 = 50_000_000;

const MILLISECOND_NS: u64 = 1_000_000;
const SECOND_NS: u64 = 1_000_000_000;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed without an answer")]
struct NoAnswer;

/// What a request meets, worked out before and after the venue sees it.
struct Fate {
    wait_ns: u64,
    /// Answered by the fault, before the venue sees it.
    instead: Option<HttpAnswer>,
    /// Answered by the fault, after the venue has carried it out.
    after: Option<HttpAnswer>,
    /// No answer, and until when: before or after the venue sees it.
    hang: Option<(Executes, Arc<Active>)>,
}

/// Serves one socket until it ends or becomes a WebSocket.
pub(crate) async fn serve(state: Arc<VenueState>, socket: Socket, stop: watch::Receiver<bool>) {
    let is_tls = socket.is_tls();
    let service = service_fn(|request| {
        let (state, stop) = (Arc::clone(&state), stop.clone());
        async move { answer(&state, request, is_tls, stop).await }
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT).max_buf_size(HEAD_BYTES_MAX);
    let connection = server.serve_connection(TokioIo::new(socket), service).with_upgrades();
    let mut stop = stop.clone();
    tokio::select! {
        // How a client's HTTP connection ends is the client's business.
        _ = connection => {}
        _ = stop.changed() => {}
    }
}

async fn answer(
    state: &Arc<VenueState>,
    mut request: Request<Incoming>,
    is_tls: bool,
    stop: watch::Receiver<bool>,
) -> Result<Response<Body>, NoAnswer> {
    state.counts.requests.fetch_add(1, Ordering::Relaxed);
    let is_upgrade = wants_websocket(&request);
    let fate = fate(state, request.uri().path());
    if fate.wait_ns > 0 {
        tokio::time::sleep(state.clock.real(fate.wait_ns)).await;
    }
    if let Some((Executes::Not, by)) = &fate.hang {
        return hang(state, by).await;
    }
    let (limited, kind) = if is_upgrade {
        (Limited::Connections, LimitKind::Connections)
    } else {
        (Limited::Requests, LimitKind::Requests)
    };
    if let Some(instead) = fate.instead {
        return Ok(response(state, instead));
    }
    if !state.allows(limited) {
        return Ok(response(state, state.venue.refuse_limit(kind)));
    }
    let upgrade = is_upgrade.then(|| hyper::upgrade::on(&mut request));
    let accept = request.headers().get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
    let accept = accept.map(derive_accept_key).unwrap_or_default();
    let Some(request) = whole(request, is_tls).await? else {
        return Ok(response(state, HttpAnswer::text(413, "Payload Too Large")));
    };
    let answered = match upgrade {
        None => state.venue.call(state.now_ns(), &request),
        Some(upgrade) => match state.venue.upgrade(state.now_ns(), &request) {
            Err(refusal) => refusal,
            Ok(dialect) => {
                tokio::spawn(become_websocket(Arc::clone(state), upgrade, dialect, stop));
                return Ok(switching(&accept));
            }
        },
    };
    if let Some((Executes::First, by)) = &fate.hang {
        return hang(state, by).await;
    }
    Ok(response(state, fate.after.unwrap_or(answered)))
}

async fn hang(state: &VenueState, by: &Active) -> Result<Response<Body>, NoAnswer> {
    // In pieces, because the fault may be ended early.
    while !by.is_over(state.clock.now_ns()) {
        tokio::time::sleep(state.clock.real(PIECE_NS)).await;
    }
    Err(NoAnswer)
}

/// Faults that meet this request; the newest says what is answered.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "each kind of fault has one place; elsewhere it is nobody's business"
)]
fn fate(state: &VenueState, path: &str) -> Fate {
    let mut fate = Fate { wait_ns: 0, instead: None, after: None, hang: None };
    for active in state.met_by_request(path) {
        active.count();
        match &active.order.fault {
            Fault::RateLimited { retry_after_s, .. } => {
                let mut answer = HttpAnswer::text(429, "Too Many Requests");
                answer.headers.push((RETRY_AFTER.to_string(), retry_after_s.to_string()));
                fate.instead = Some(answer);
            }
            Fault::Ban { status, text, .. } => {
                fate.instead = Some(HttpAnswer::text(*status, text.as_str()));
            }
            Fault::ServerError { status, executes, .. } => {
                let answer = Some(error_page(*status));
                match executes {
                    Executes::Not => fate.instead = answer,
                    Executes::First => fate.after = answer,
                }
            }
            Fault::Hang { executes, .. } => fate.hang = Some((*executes, Arc::clone(&active))),
            Fault::SlowAnswers { by_ms, jitter_ms, .. } => {
                let ms = u64::from(*by_ms) + jitter(state, &active, *jitter_ms);
                fate.wait_ns += ms * MILLISECOND_NS;
            }
            _ => {}
        }
    }
    fate
}

/// Chance of one request: of the seed, the fault and how many requests it met before.
fn jitter(state: &VenueState, active: &Active, jitter_ms: u32) -> u64 {
    let seed = state.seed_of(active.applied(), active.number);
    Rng::new(seed).below(u64::from(jitter_ms) + 1)
}

/// As a proxy in front of a venue answers for a venue that is down.
fn error_page(status: u16) -> HttpAnswer {
    let reason = StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason());
    let reason = reason.unwrap_or("Error");
    let page = format!(
        "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n<center><h1>{status} \
         {reason}</h1></center>\r\n<hr><center>proxy</center>\r\n</body>\r\n</html>\r\n"
    );
    let kind = (CONTENT_TYPE.to_string(), "text/html".to_owned());
    HttpAnswer { status, headers: vec![kind], body: page.into_bytes() }
}

fn wants_websocket(request: &Request<Incoming>) -> bool {
    let says = |name: HeaderName, word: &str| {
        let values = request.headers().get_all(name);
        let mut words = values.iter().filter_map(|value| value.to_str().ok());
        words.any(|list| list.split(',').any(|item| item.trim().eq_ignore_ascii_case(word)))
    };
    says(UPGRADE, "websocket")
        && says(CONNECTION, "upgrade")
        && says(SEC_WEBSOCKET_VERSION, "13")
        && request.headers().contains_key(SEC_WEBSOCKET_KEY)
}

/// The request with its body; none when that is too large.
async fn whole(request: Request<Incoming>, is_tls: bool) -> Result<Option<HttpRequest>, NoAnswer> {
    let (head, body) = request.into_parts();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<(String, String)> =
        head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let host = head.headers.get("host").map(text).unwrap_or_default();
    let body = match LimitedBody::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes().to_vec(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => return Ok(None),
        // The client went away in the middle of its request.
        Err(_) => return Err(NoAnswer),
    };
    Ok(Some(HttpRequest {
        method: head.method.as_str().to_owned(),
        host,
        is_tls,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers,
        body,
    }))
}

fn response(state: &Arc<VenueState>, answer: HttpAnswer) -> Response<Body> {
    let slow = state.find(|fault| matches!(fault, Fault::SlowWrites { .. }));
    let body = match slow {
        Some(slow) => {
            slow.count();
            slow_body(state, slow, answer.body)
        }
        None => Full::new(Bytes::from(answer.body)).boxed_unsync(),
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &answer.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// The body in pieces, with pauses between them while the fault lasts.
fn slow_body(state: &Arc<VenueState>, slow: Arc<Active>, body: Vec<u8>) -> Body {
    let Fault::SlowWrites { bytes_per_s } = slow.order.fault else {
        return Full::new(Bytes::from(body)).boxed_unsync();
    };
    let piece = usize::try_from(u64::from(bytes_per_s) * PIECE_NS / SECOND_NS).unwrap_or(1).max(1);
    let clock = state.clock;
    let pieces = stream::unfold((Bytes::from(body), slow), move |(mut rest, slow)| async move {
        if rest.is_empty() {
            return None;
        }
        let mut next = rest.len();
        if !slow.is_over(clock.now_ns()) {
            tokio::time::sleep(clock.real(PIECE_NS)).await;
            next = next.min(piece);
        }
        let next = rest.split_to(next);
        Some((Ok::<_, Infallible>(Frame::data(next)), (rest, slow)))
    });
    StreamBody::new(pieces).boxed_unsync()
}

fn switching(accept: &str) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::new()).boxed_unsync());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

async fn become_websocket(
    state: Arc<VenueState>,
    upgrade: hyper::upgrade::OnUpgrade,
    dialect: Box<dyn Dialect>,
    stop: watch::Receiver<bool>,
) {
    // The client may go away before it has read the answer; then there is no connection.
    let Ok(upgraded) = upgrade.await else { return };
    let Ok(parts) = upgraded.downcast::<TokioIo<Socket>>() else { return };
    let socket = parts.io.into_inner();
    let connection = Connection::new(&state, socket, &parts.read_buf, dialect, stop);
    let work = tokio::spawn(connection.run());
    if work.await.is_err_and(|error| error.is_panic()) {
        state.counts.panics.fetch_add(1, Ordering::Relaxed);
    }
}

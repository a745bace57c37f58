//! The control endpoint: JSON over HTTP on a loopback port of its own.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /venues` | market time and, per venue, addresses and counters |
//! | `GET /faults` | every fault so far: order, begin, end, how often it did something |
//! | `POST /fault` | begins one: `{"venue": "coinbase", "fault": {"kind": "drop"}, "duration_ms": 500}` (see [`FaultOrder`]); answers its number |
//! | `POST /end` | ends one before its time: `{"number": 3}` |
//! | `GET /truth` | books and accounts as they are, without any venue's delay or fault |
//! | `POST /freeze` | prices stand still; slots, heartbeats and orders go on |
//! | `POST /thaw` | prices move again |
//!
//! Errors are `{"error": "..."}` with status 400 (what was asked is wrong), 404, 405 or 409.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::fault::FaultOrder;
use super::server::Shared;

/// Largest order of a fault.
const BODY_BYTES_MAX: usize = 64 * 1024;

pub(crate) async fn serve(shared: Arc<Shared>, socket: TcpStream, mut stop: watch::Receiver<bool>) {
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(&shared, request).await) }
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service);
    tokio::select! {
        // How the operator's connection ends is the operator's business.
        _ = connection => {}
        _ = stop.changed() => {}
    }
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let (status, value) = match (&head.method, head.uri.path()) {
        (&Method::GET, "/venues") => (200, shared.venues_json()),
        (&Method::GET, "/faults") => (200, json!({ "faults": shared.board.list() })),
        (&Method::GET, "/truth") => match shared.truth() {
            Some(truth) => (200, truth),
            None => (404, error("this emulator has no world to tell the truth about")),
        },
        (&Method::POST, "/freeze") => (200, json!({ "now_ns": shared.freeze() })),
        (&Method::POST, "/thaw") => (200, json!({ "now_ns": shared.thaw() })),
        (&Method::POST, "/fault") => match Limited::new(body, BODY_BYTES_MAX).collect().await {
            Ok(body) => fault(shared, &body.to_bytes()),
            Err(problem) => (400, error(&problem.to_string())),
        },
        (&Method::POST, "/end") => match Limited::new(body, BODY_BYTES_MAX).collect().await {
            Ok(body) => end(shared, &body.to_bytes()),
            Err(problem) => (400, error(&problem.to_string())),
        },
        (_, "/venues" | "/faults" | "/truth" | "/freeze" | "/thaw" | "/fault" | "/end") => {
            (405, error("GET for venues, faults and truth; POST for fault, end, freeze and thaw"))
        }
        _ => (404, error("there are /venues, /faults, /fault, /end, /truth, /freeze and /thaw")),
    };
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn fault(shared: &Shared, body: &[u8]) -> (u16, Value) {
    let order: FaultOrder = match serde_json::from_slice(body) {
        Ok(order) => order,
        Err(problem) => return (400, error(&problem.to_string())),
    };
    match shared.board.begin(order) {
        Ok(number) => (200, json!({ "number": number })),
        Err(refused @ super::board::FaultRefused::Full) => (409, error(&refused.to_string())),
        Err(refused) => (400, error(&refused.to_string())),
    }
}

fn end(shared: &Shared, body: &[u8]) -> (u16, Value) {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct End {
        number: u64,
    }
    match serde_json::from_slice::<End>(body) {
        Err(problem) => (400, error(&problem.to_string())),
        Ok(End { number }) if shared.board.end(number) => (200, json!({ "number": number })),
        Ok(End { number }) => (404, error(&format!("no fault has the number {number}"))),
    }
}

fn error(says: &str) -> Value {
    json!({ "error": says })
}

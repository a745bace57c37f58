//! REST: which call is which, who may make it, and how the venue says no.

mod accounts;
mod cancel;
mod history;
mod market;
mod place;
mod preview;
mod reasons;
mod v2;

use super::auth::{Caller, Refusal, Scopes};
use super::desk::Desk;
use super::text::{pairs, quoted};
use crate::serve::{HttpAnswer, HttpRequest, LimitKind};

/// Prefix of the trading interface.
const BROKERAGE: &str = "/api/v3/brokerage/";

/// Headers that the venue's edge adds to every answer. Together with the server's own they are more
/// than 32, a number that HTTP parsers have been seen to stop at.
const EDGE_HEADERS: [(&str, &str); 33] = [
    ("access-control-allow-headers", "Content-Type, Accept, Second-Factor-Proof-Token, Client-Id"),
    ("access-control-allow-methods", "GET,POST,DELETE,PUT"),
    ("access-control-allow-private-network", "true"),
    ("access-control-expose-headers", "Content-Type"),
    ("access-control-max-age", "7200"),
    ("alt-svc", "h3=\":443\"; ma=86400"),
    ("cf-cache-status", "DYNAMIC"),
    ("cf-ray", "0000000000000000-LOC"),
    ("content-security-policy", "default-src 'self'"),
    ("cross-origin-embedder-policy", "unsafe-none"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "cross-origin"),
    ("expect-ct", "enforce; max-age=86400"),
    ("expires", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ("nel", "{\"success_fraction\":0,\"max_age\":604800}"),
    ("origin-agent-cluster", "?1"),
    ("permissions-policy", "geolocation=()"),
    ("pragma", "no-cache"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    ("report-to", "{\"group\":\"default\",\"max_age\":604800,\"endpoints\":[]}"),
    ("server", "cloudflare"),
    ("server-timing", "edge;dur=1"),
    ("strict-transport-security", "max-age=15552000; includeSubDomains; preload"),
    ("timing-allow-origin", "*"),
    ("trace-id", "0000000000000000000"),
    ("vary", "Origin"),
    ("x-content-type-options", "nosniff"),
    ("x-dns-prefetch-control", "off"),
    ("x-download-options", "noopen"),
    ("x-envoy-upstream-service-time", "1"),
    ("x-frame-options", "SAMEORIGIN"),
    ("x-permitted-cross-domain-policies", "none"),
    ("x-xss-protection", "1; mode=block"),
];

/// A refused call.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    /// 400.
    Invalid(String),
    /// 401.
    Unauthorized,
    /// 403.
    Scope,
    /// 404.
    NotFound(String),
    /// 500.
    Internal(String),
}

impl Fault {
    fn invalid(details: impl Into<String>) -> Self {
        Self::Invalid(details.into())
    }

    fn answer(&self) -> HttpAnswer {
        let json = |status, error: &str, text: &str| {
            let text = quoted(text);
            let body =
                format!("{{\"error\":\"{error}\",\"error_details\":{text},\"message\":{text}}}");
            HttpAnswer::json(status, body)
        };
        match self {
            Self::Invalid(text) => json(400, "INVALID_ARGUMENT", text),
            Self::Unauthorized => HttpAnswer::text(401, "Unauthorized"),
            Self::Scope => json(403, "PERMISSION_DENIED", "Missing required scopes"),
            Self::NotFound(text) => json(404, "NOT_FOUND", text),
            Self::Internal(text) => json(500, "INTERNAL", text),
        }
    }
}

impl From<Refusal> for Fault {
    /// The venue does not say why.
    fn from(_: Refusal) -> Self {
        Self::Unauthorized
    }
}

/// The body of a good answer, or a fault.
type Outcome = Result<String, Fault>;

/// One call with what its handlers need.
struct Call<'c> {
    desk: &'c Desk,
    now_ns: u64,
    request: &'c HttpRequest,
    query: Vec<(String, String)>,
}

impl Call<'_> {
    /// First value of a query field that is not empty.
    fn field(&self, name: &str) -> Option<&str> {
        self.fields(name).next()
    }

    /// Every value of a repeated query field, with empty ones left out.
    fn fields<'s>(&'s self, name: &str) -> impl Iterator<Item = &'s str> {
        let named = self.query.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A whole number in the query.
    fn number(&self, name: &str) -> Result<Option<u64>, Fault> {
        let parse = |text: &str| {
            text.parse().map_err(|_| Fault::invalid(format!("{name} is not a whole number")))
        };
        self.field(name).map(parse).transpose()
    }

    /// Who calls, with leave to read.
    fn viewer(&self) -> Result<Caller, Fault> {
        Ok(self.desk.caller(self.now_ns, self.request)?)
    }

    /// Who calls, with leave to trade.
    fn trader(&self) -> Result<Caller, Fault> {
        let caller = self.viewer()?;
        match caller.scopes {
            Scopes::Trade => Ok(caller),
            Scopes::View => Err(Fault::Scope),
        }
    }
}

/// Answers a call.
pub(super) fn answer(desk: &Desk, now_ns: u64, request: &HttpRequest) -> HttpAnswer {
    desk.uptime_ns(now_ns);
    if request.header("user-agent").is_none_or(str::is_empty) {
        return edge(HttpAnswer::text(403, "error code: 1020"));
    }
    if desk.is_down(now_ns) {
        return maintenance();
    }
    let call = Call { desk, now_ns, request, query: pairs(&request.query) };
    let made = || match route(&call) {
        Ok(body) => HttpAnswer::json(200, body),
        Err(fault) => fault.answer(),
    };
    let path = request.path.as_str();
    let is_public = request.method == "GET" && path.starts_with("/api/v3/brokerage/market/");
    let mut answer = if is_public { desk.cached(now_ns, request, made) } else { made() };
    if is_public {
        // Advertised, and not what the venue does: its answers change every second.
        answer.headers.push(("cache-control".to_owned(), "public, max-age=14400".to_owned()));
    }
    edge(answer)
}

fn edge(mut answer: HttpAnswer) -> HttpAnswer {
    let named = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    answer.headers.extend(EDGE_HEADERS.iter().map(named));
    answer
}

/// What everybody gets during maintenance: the edge's page.
pub(super) fn maintenance() -> HttpAnswer {
    let mut answer = HttpAnswer::text(
        503,
        "<html><head><title>503 Service Temporarily Unavailable</title></head><body><center>\
         <h1>503 Service Temporarily Unavailable</h1></center></body></html>",
    );
    answer.headers = vec![("content-type".to_owned(), "text/html".to_owned())];
    edge(answer)
}

/// More calls than are taken.
pub(super) fn too_many(kind: LimitKind) -> HttpAnswer {
    match kind {
        LimitKind::Connections => HttpAnswer::text(429, "Too Many Requests"),
        LimitKind::Requests => edge(HttpAnswer::json(
            429,
            r#"{"errors":[{"id":"rate_limit_exceeded","message":"Too many requests"}]}"#,
        )),
    }
}

fn route(call: &Call<'_>) -> Outcome {
    let path = call.request.path.as_str();
    if let Some(rest) = path.strip_prefix("/v2/") {
        return v2::route(call, rest);
    }
    let rest = path.strip_prefix(BROKERAGE).ok_or_else(|| no_such(path))?;
    let parts: Vec<&str> = rest.trim_end_matches('/').split('/').collect();
    match (call.request.method.as_str(), parts.as_slice()) {
        ("GET", ["time"]) => Ok(market::time(call)),
        ("GET", ["market", rest @ ..]) => public(call, rest),
        ("GET", ["products" | "product_book" | "best_bid_ask", ..]) => {
            call.viewer()?;
            match parts.as_slice() {
                ["best_bid_ask"] => market::best_bid_ask(call),
                rest => public(call, rest),
            }
        }
        ("GET", ["accounts"]) => accounts::list(call),
        ("GET", ["accounts", id]) => accounts::one(call, id),
        ("GET", ["transaction_summary"]) => accounts::transaction_summary(call),
        ("GET", ["key_permissions"]) => accounts::key_permissions(call),
        ("GET", ["portfolios"]) => accounts::portfolios(call),
        ("POST", ["orders"]) => place::place(call),
        ("POST", ["orders", "preview"]) => preview::preview(call),
        ("POST", ["orders", "batch_cancel"]) => cancel::batch_cancel(call),
        ("POST", ["orders", "edit"]) => cancel::edit(call),
        ("GET", ["orders", "historical", "batch"]) => history::orders(call),
        ("GET", ["orders", "historical", "fills"]) => history::fills(call),
        ("GET", ["orders", "historical", id]) => history::order(call, id),
        _ => Err(no_such(path)),
    }
}

/// Calls that exist with and without a token.
fn public(call: &Call<'_>, parts: &[&str]) -> Outcome {
    match parts {
        ["products"] => market::products(call),
        ["products", id] => market::product(call, id),
        ["products", id, "ticker"] => market::ticker(call, id),
        ["products", id, "candles"] => market::candles(call, id),
        ["product_book"] => market::book(call),
        _ => Err(no_such(&call.request.path)),
    }
}

fn no_such(path: &str) -> Fault {
    Fault::NotFound(format!("no such route: {}", path.escape_default()))
}

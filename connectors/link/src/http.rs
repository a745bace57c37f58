//! Requests: bounded in time and size, no redirect followed.

use std::time::Duration;

use connector_net::session::{Fetch, FetchFailure, Fetched, Method, Ticket};
use tokio::sync::mpsc;

use crate::net::{Net, TlsSetupError, USER_AGENT};

/// Longest wait for an answer, all of it.
const WITHIN: Duration = Duration::from_secs(10);

/// Largest answer: the largest REST book and then some. Unit: bytes.
const BODY_BYTES_MAX: usize = 32 << 20;

/// Longest that a `Retry-After` is taken at its word. Unit: milliseconds.
const RETRY_AFTER_MS_MAX: u64 = 900_000;
/// What one that is no number of seconds (a date) is taken for. Unit: milliseconds.
const RETRY_AFTER_DATE_MS: u64 = 60_000;

/// What a `Retry-After` header asks for. Unit: milliseconds.
pub(crate) fn retry_after_ms(header: &str) -> u64 {
    let seconds = header.trim().parse::<u64>();
    let ms = seconds.map_or(RETRY_AFTER_DATE_MS, |seconds| seconds.saturating_mul(1_000));
    ms.min(RETRY_AFTER_MS_MAX)
}

/// Makes requests. Cheap to clone; connections are kept and shared.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
}

/// The end of a request, on its way back to the link.
#[derive(Debug)]
pub struct End {
    tag: u64,
    ticket: Ticket,
    url: String,
    request: Vec<u8>,
    result: Result<Answered, FetchFailure>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// What `Retry-After` asks for. Unit: milliseconds.
    pub retry_after_ms: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
}

impl End {
    /// Whose it is.
    #[must_use]
    pub const fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// As the link takes it.
    #[must_use]
    pub fn as_fetched(&self) -> Fetched<'_> {
        match &self.result {
            Ok(answered) => Fetched::Answer {
                tag: self.tag,
                status: answered.status,
                url: &self.url,
                request: &self.request,
                body: &answered.body,
                retry_after_ms: answered.retry_after_ms,
            },
            Err(why) => Fetched::Failed { tag: self.tag, why: *why },
        }
    }
}

impl Http {
    /// A client that trusts what `net` trusts.
    ///
    /// # Errors
    ///
    /// [`TlsSetupError`] where a certificate cannot be used.
    pub fn new(net: &Net) -> Result<Self, TlsSetupError> {
        let failed = |error: reqwest::Error| TlsSetupError::File {
            path: String::new(),
            says: error.to_string(),
        };
        let tls = (*net.tls).clone();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            // A redirected answer is not the venue's, and a redirected order would be worse.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(WITHIN)
            .connect_timeout(WITHIN / 2)
            .user_agent(USER_AGENT)
            .build()
            .map_err(failed)?;
        Ok(Self { client })
    }

    /// Makes a request.
    ///
    /// # Errors
    ///
    /// [`FetchFailure`]: no answer, or one that is too large.
    pub async fn fetch(&self, fetch: &Fetch) -> Result<Answered, FetchFailure> {
        let method = match fetch.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut request = self.client.request(method, &fetch.url);
        for (name, value) in &fetch.headers {
            request = request.header(name, value);
        }
        if !fetch.body.is_empty() {
            request = request.body(fetch.body.clone());
        }
        let failure = |error: &reqwest::Error| {
            if error.is_timeout() { FetchFailure::TimedOut } else { FetchFailure::Unreachable }
        };
        let mut answer = request.send().await.map_err(|error| failure(&error))?;
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get("retry-after").and_then(|it| it.to_str().ok());
        let retry_after_ms = retry_after.map(retry_after_ms);
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| failure(&error))? {
            if body.len() + chunk.len() > BODY_BYTES_MAX {
                return Err(FetchFailure::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answered { status, retry_after_ms, body })
    }

    /// Makes a request as a task of the current runtime; its end goes to `back`. Links bound how many
    /// are under way.
    pub(crate) fn spawn(
        &self,
        on: &tokio::runtime::Handle,
        (fetch, ticket): (Fetch, Ticket),
        back: mpsc::Sender<End>,
    ) {
        let http = self.clone();
        on.spawn(async move {
            let result = http.fetch(&fetch).await;
            let Fetch { tag, url, body, .. } = fetch;
            // A link that has gone does not wait for it.
            let _ = back.send(End { tag, ticket, url, request: body.into_bytes(), result }).await;
        });
    }
}

//! The node as its clients see it, without sockets.

mod pubsub;
mod rpc;
mod send;

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{SolanaSettings, SolanaVenue};
use crate::chain::kit::{START_NS, ledger, spec};
use crate::chain::{Ledger, LedgerSpec, SharedLedger};
use crate::happening::Happening;
use crate::serve::{Dialect, HttpRequest, Out, Venue as _};

/// A ledger with a node and a connection to it.
struct Kit {
    ledger: SharedLedger,
    venue: SolanaVenue,
    link: Box<dyn Dialect>,
    now_ns: u64,
    /// Frames that came behind an answer, for the next look.
    early: Vec<Out>,
}

fn post(body: &str) -> HttpRequest {
    HttpRequest {
        method: "POST".to_owned(),
        path: "/".to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.as_bytes().to_vec(),
        ..HttpRequest::default()
    }
}

impl Kit {
    fn new() -> Self {
        Self::of(&spec())
    }

    fn of(spec: &LedgerSpec) -> Self {
        let ledger = Arc::new(Mutex::new(ledger(spec)));
        let shared = SharedLedger::clone(&ledger);
        let venue = SolanaVenue::new("solana", shared, SolanaSettings::default());
        let (link, now_ns) = (connect(&venue, START_NS), START_NS);
        let mut kit = Self { ledger, link, venue, now_ns, early: Vec::new() };
        // Three slots are frozen and the fourth begins in a moment: 400 ms are one slot from here.
        kit.run(1_195);
        kit
    }

    fn ledger<T>(&self, look: impl FnOnce(&mut Ledger) -> T) -> T {
        look(&mut self.ledger.lock().expect("nobody panicked"))
    }

    /// Lets market time pass, and gives what the connection was told. Unit: milliseconds.
    fn run(&mut self, ms: u64) -> Vec<Out> {
        let mut out = std::mem::take(&mut self.early);
        let end_ns = self.now_ns + ms * 1_000_000;
        while self.now_ns < end_ns {
            self.now_ns = (self.now_ns + 5_000_000).min(end_ns);
            let happened = self.ledger(|ledger| ledger.advance(self.now_ns));
            self.tell(&happened, &mut out);
            self.link.tick(self.now_ns, &mut out);
        }
        out
    }

    fn tell(&mut self, happened: &[Happening], out: &mut Vec<Out>) {
        for what in happened {
            self.link.happened(self.now_ns, what, out);
        }
    }

    /// Answer to a body.
    fn post(&self, body: &str) -> Value {
        let answer = self.venue.call(self.now_ns, &post(body));
        assert_eq!(answer.status, 200);
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    fn call(&self, method: &str, params: &Value) -> Value {
        let request =
            json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params.clone() });
        let answer = self.post(&request.to_string());
        assert_eq!((&answer["id"], &answer["jsonrpc"]), (&json!(7), &json!("2.0")));
        answer
    }

    /// What a method gives.
    fn result(&self, method: &str, params: &Value) -> Value {
        let answer = self.call(method, params);
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Code and message of a refusal.
    fn refusal(&self, method: &str, params: &Value) -> (i64, String) {
        let answer = self.call(method, params);
        let code = answer["error"]["code"].as_i64();
        let code = code.unwrap_or_else(|| panic!("{method} {params} was not refused: {answer}"));
        (code, answer["error"]["message"].as_str().expect("text").to_owned())
    }

    /// Answer on the connection.
    fn ask(&mut self, method: &str, params: &Value) -> Value {
        let request =
            json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params.clone() });
        let mut out = Vec::new();
        self.link.text(self.now_ns, &request.to_string(), &mut out);
        let early = out.split_off(1);
        self.early.extend(early);
        let Some(Out::Text(text)) = out.first() else { panic!("an answer: {out:?}") };
        serde_json::from_str(text).expect("JSON")
    }

    /// Subscribes; the subscription's number.
    fn follow(&mut self, method: &str, params: &Value) -> u64 {
        let answer = self.ask(method, params);
        answer["result"].as_u64().unwrap_or_else(|| panic!("{method}: {answer}"))
    }
}

fn connect(venue: &SolanaVenue, now_ns: u64) -> Box<dyn Dialect> {
    let mut link = venue.upgrade(now_ns, &HttpRequest::default()).expect("let in");
    let mut out = Vec::new();
    link.opened(now_ns, &mut out);
    assert!(out.is_empty(), "a node says nothing unasked");
    link
}

/// The frames of a method, read.
fn frames(out: &[Out], method: &str) -> Vec<Value> {
    let read = |out: &Out| {
        let Out::Text(text) = out else { return None };
        let value: Value = serde_json::from_str(text).expect("JSON");
        (value["method"] == method).then_some(value)
    };
    out.iter().filter_map(read).collect()
}

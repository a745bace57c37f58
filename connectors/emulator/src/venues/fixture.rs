//! A small exchange and a connection for the venues' tests.

use std::sync::{Arc, Mutex};

use crate::exchange::{
    AccountSpec, Exchange, ExchangeSpec, Product, ProductStatus, SharedExchange,
};
use crate::happening::{Change, E8, ExchangeId, Side};
use crate::serve::{Dialect, HttpAnswer, HttpRequest, Out};

/// 2026-01-01 00:00:00 UTC. Unit: Unix nanoseconds.
pub(crate) const T0: u64 = 1_767_225_600_000_000_000;

/// One millisecond. Unit: nanoseconds.
pub(crate) const MS: u64 = 1_000_000;

/// One second. Unit: nanoseconds.
pub(crate) const S: u64 = 1_000 * MS;

fn product(name: &str, tick_e8: u64, lot_e8: u64) -> Product {
    let (base, quote) = name.split_once('-').unwrap();
    Product {
        name: name.into(),
        base: base.into(),
        quote: quote.into(),
        tick_e8,
        lot_e8,
        size_min_e8: lot_e8 * 1_000,
        size_max_e8: 100_000 * E8,
        notional_min_e8: 10 * E8,
        collar_ppm: 200_000,
        status: ProductStatus::Online,
    }
}

/// Two markets; SOL-USD has bids 99.99, 99.98, 99.90 and asks 100.01, 100.02, 100.10 of 1, 2 and 30
/// SOL, BTC-USD one level each. The account `main` has 10,000 USD, 50 SOL and 1 BTC. Fees 20 and
/// 40 bps.
pub(crate) fn exchange(id: ExchangeId, sol_tick_e8: u64) -> SharedExchange {
    let balances = [("USD", 10_000 * E8), ("SOL", 50 * E8), ("BTC", E8)];
    let account = AccountSpec {
        name: "main".into(),
        balances_e8: balances.into_iter().map(|(code, amount)| (Arc::from(code), amount)).collect(),
    };
    let mut exchange = Exchange::new(
        id,
        ExchangeSpec {
            products: vec![product("SOL-USD", sol_tick_e8, 100), product("BTC-USD", E8 / 100, 1)],
            maker_fee_ppm: 2_000,
            taker_fee_ppm: 4_000,
            accounts: vec![account],
        },
    );
    let level = |side, cents: u64, size: u64| Change {
        side,
        price_e8: cents * E8 / 100,
        size_e8: size * E8,
    };
    let sol = [
        level(Side::Bid, 9_999, 1),
        level(Side::Bid, 9_998, 2),
        level(Side::Bid, 9_990, 30),
        level(Side::Ask, 10_001, 1),
        level(Side::Ask, 10_002, 2),
        level(Side::Ask, 10_010, 30),
    ];
    exchange.set_levels(T0, "SOL-USD", &sol);
    let btc = [level(Side::Bid, 5_999_900, 1), level(Side::Ask, 6_000_100, 1)];
    exchange.set_levels(T0, "BTC-USD", &btc);
    exchange.drain();
    Arc::new(Mutex::new(exchange))
}

/// One level's change, prices in cents.
pub(crate) fn level(side: Side, cents: u64, size_e8: u64) -> Change {
    Change { side, price_e8: cents * E8 / 100, size_e8 }
}

/// Text of an answer.
pub(crate) fn text(answer: &HttpAnswer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

/// A request without headers.
pub(crate) fn get(path: &str) -> HttpRequest {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    HttpRequest {
        method: "GET".to_owned(),
        host: "127.0.0.1:8080".to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        ..HttpRequest::default()
    }
}

/// One connection and the exchange behind it.
pub(crate) struct Wire {
    /// The connection.
    pub(crate) dialect: Box<dyn Dialect>,
    exchange: SharedExchange,
}

impl Wire {
    /// Opens; what is sent at once is given too.
    pub(crate) fn open(
        exchange: &SharedExchange,
        mut dialect: Box<dyn Dialect>,
        now_ns: u64,
    ) -> (Self, Vec<String>) {
        let mut out = Vec::new();
        dialect.opened(now_ns, &mut out);
        (Self { dialect, exchange: exchange.clone() }, texts(out))
    }

    /// The client says something.
    pub(crate) fn say(&mut self, now_ns: u64, text: &str) -> Vec<Out> {
        let mut out = Vec::new();
        self.dialect.text(now_ns, text, &mut out);
        out
    }

    /// As `say`, text frames only.
    pub(crate) fn ask(&mut self, now_ns: u64, text: &str) -> Vec<String> {
        texts(self.say(now_ns, text))
    }

    /// Hands over what has happened at the exchange, then lets time pass.
    pub(crate) fn pump(&mut self, now_ns: u64) -> Vec<Out> {
        let list = self.exchange.lock().unwrap().drain();
        let mut out = Vec::new();
        for what in &list {
            self.dialect.happened(now_ns, what, &mut out);
        }
        self.dialect.tick(now_ns, &mut out);
        out
    }

    /// As `pump`, text frames only.
    pub(crate) fn hear(&mut self, now_ns: u64) -> Vec<String> {
        texts(self.pump(now_ns))
    }
}

/// Text frames of what was sent.
pub(crate) fn texts(out: Vec<Out>) -> Vec<String> {
    let text = |one| match one {
        Out::Text(text) => Some(text),
        Out::Ping(_) | Out::Close(..) => None,
    };
    out.into_iter().filter_map(text).collect()
}

/// Keys of a JSON object in the order in which they are written.
pub(crate) fn keys(text: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let (mut depth, mut is_text, mut is_escape, mut word) = (0, false, false, String::new());
    for character in text.chars() {
        if is_text {
            match character {
                _ if is_escape => is_escape = false,
                '\\' => is_escape = true,
                '"' => is_text = false,
                _ => word.push(character),
            }
            continue;
        }
        match character {
            '"' => {
                is_text = true;
                word.clear();
            }
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            ':' if depth == 1 => keys.push(word.clone()),
            _ => {}
        }
    }
    keys
}

/// Lines of a compressed file beside the workspace, or nothing with a reason printed.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn shared_lines(name: &str) -> Vec<String> {
    let root = std::env::var("RIPTIDE_SHARED_DATA").map_or_else(
        |_| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        std::path::PathBuf::from,
    );
    let path = root.join(name);
    let Ok(file) = std::fs::File::open(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return Vec::new();
    };
    let bytes = zstd::decode_all(file).unwrap();
    String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
}

//! Recordings of several connections, of one market twice, and of dying connections.

use std::fmt::Write as _;
use std::path::Path;

use engine_daemon::replay::ReplayArgs;
use engine_daemon::replay::bundle::Plan;
use engine_daemon::replay::prepare::Work;
use engine_daemon::replay::run::{Report, run};
use indicatif::ProgressBar;
use serde_json::json;

/// Seconds of the first record.
const START: u64 = 1_786_309_548;

fn line(second: &str, value: serde_json::Value) -> String {
    let mut value = value;
    value["ts"] = format!("TS{START}{second}").into();
    // Times are numbers in recordings; they are written as text here to keep their digits.
    let text = value.to_string();
    text.replace(&format!("\"TS{START}{second}\""), &format!("{START}{second}")) + "\n"
}

fn header(exchange: &str) -> String {
    line("", json!({ "t": "header", "format": 2, "exchange": exchange }))
}

fn connect(second: &str, conn: &str) -> String {
    line(second, json!({ "t": "connect", "conn": conn, "addr": "wss://venue" }))
}

fn diff(second: &str, conn: &str, symbol: &str, micros: u64, sides: (&str, &str)) -> String {
    let side = |price: &str| match price {
        "" => json!([]),
        price => json!([[price, "1"]]),
    };
    let micros = format!("{}", START * 1_000_000 + micros);
    let data = json!({
        "data": { "timestamp": START.to_string(), "microtimestamp": micros,
                  "bids": side(sides.0), "asks": side(sides.1) },
        "channel": format!("diff_order_book_{symbol}"), "event": "data",
    });
    line(second, json!({ "t": "recv", "conn": conn, "data": data.to_string() }))
}

fn rest(second: &str, symbol: &str, micros: u64, sides: (&str, &str)) -> String {
    let micros = format!("{}", START * 1_000_000 + micros);
    let data = json!({
        "timestamp": START.to_string(), "microtimestamp": micros,
        "bids": [[sides.0, "1"]], "asks": [[sides.1, "1"]],
    });
    let url = format!("https://venue/api/v2/order_book/{symbol}");
    line(second, json!({ "t": "http", "conn": "h", "url": url, "data": data.to_string() }))
}

fn replayed(path: &Path) -> Result<Report, String> {
    let args = ReplayArgs { path: Some(path.to_owned()), ..ReplayArgs::default() };
    let plan = Plan::find(&args).map_err(|_| "no plan".to_owned())?;
    let (work, bar) = (Work::Recordings(&plan), ProgressBar::hidden());
    run(&work, None, 2, std::time::Instant::now(), &bar).map_err(|failure| failure.says)
}

/// Best bid and ask in ticks of the market that holds this symbol.
fn touch(report: &Report, symbol: &str) -> (Option<u64>, Option<u64>) {
    let part = &report.parts[0];
    let index = part.names.markets.iter().position(|name| name.contains(symbol));
    let market = &part.markets[index.expect("the market is there")];
    (market.best_bid_ticks, market.best_ask_ticks)
}

#[test]
fn an_http_answer_belongs_to_the_connection_that_carries_its_market() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("two.jsonl");
    // The second connection never carries SOL; the answer is for the first, which is ahead of it.
    let text = header("BITSTAMP")
        + &connect(".1", "c0")
        + &connect(".2", "c1")
        + &diff(".3", "c0", "solusd", 100_000, ("77.0", ""))
        + &rest(".4", "solusd", 200_000, ("77.0", "77.4"))
        + &diff(".5", "c0", "solusd", 300_000, ("77.2", "77.3"))
        + &rest(".6", "solusd", 250_000, ("77.0", "77.4"));
    std::fs::write(&path, text).expect("written");
    let report = replayed(&path).expect("sound");
    let tick = 100_000_000;
    assert_eq!(touch(&report, "solusd"), (Some(772 * tick / 10), Some(773 * tick / 10)));
}

#[test]
fn answers_from_before_the_connections_reach_each_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("early.jsonl");
    let text = header("BITSTAMP")
        + &rest(".01", "solusd", 0, ("77.0", "77.4"))
        + &rest(".02", "usdcusd", 0, ("0.99", "1.01"))
        + &connect(".1", "c0")
        + &connect(".2", "c1")
        + &diff(".3", "c0", "solusd", 100_000, ("77.1", ""))
        + &diff(".4", "c1", "usdcusd", 100_000, ("0.995", ""));
    std::fs::write(&path, text).expect("written");
    let report = replayed(&path).expect("sound");
    assert_eq!(touch(&report, "solusd").0, Some(7_710_000_000));
    assert_eq!(touch(&report, "usdcusd").0, Some(99_500_000));
}

const BUNDLE: &str = r#"
[engine]
mode = "observe"
numeraire = "USD"
[assets.USD]
kind = "fiat"
decimals = 6
[assets.SOL]
kind = "coin"
decimals = 9
[[markets]]
name = "coinbase:SOL-USD"
venue = "coinbase"
symbol = "SOL-USD"
base = "SOL"
quote = "USD"
tick = "0.01"
fee_tier = "a tier"
taker_fee_bps = 10
[[markets]]
name = "gemini:SOL-USD"
venue = "gemini"
symbol = "SOLUSD"
base = "SOL"
quote = "USD"
tick = "0.01"
fee_tier = "a tier"
taker_fee_bps = 10
stale_after_ms = 5000
[caps]
order_notional_usd = 500
"#;

fn bundle(captures: &[(&str, &str, String)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = BUNDLE.to_owned();
    for (file, venue, text) in captures {
        write!(
            config,
            "[[captures]]\npart = \"p\"\nfile = \"{file}\"\nvenue = \"{venue}\"\nshift = \"0\"\n"
        )
        .expect("text");
        std::fs::write(folder.path().join(file), text).expect("written");
    }
    std::fs::write(folder.path().join("bundle.toml"), config).expect("written");
    folder
}

fn coinbase(second: &str, conn: &str, bid: &str, ask: &str) -> String {
    let row = |side: &str, price: &str| {
        json!({ "side": side, "event_time": "1970-01-01T00:00:00Z", "price_level": price,
                "new_quantity": "1" })
    };
    let data = json!({
        "channel": "l2_data", "client_id": "", "timestamp": "2026-08-09T21:05:48Z",
        "sequence_num": 0,
        "events": [{ "type": "snapshot", "product_id": "SOL-USD",
                     "updates": [row("bid", bid), row("offer", ask)] }],
    });
    line(second, json!({ "t": "recv", "conn": conn, "data": data.to_string() }))
}

fn gemini(second: &str, conn: &str, bid: &str, ask: &str) -> String {
    let data = json!({
        "type": "l2_updates", "symbol": "SOLUSD",
        "changes": [["buy", bid, "1"], ["sell", ask, "1"]],
        "trades": [], "auction_events": [],
    });
    line(second, json!({ "t": "recv", "conn": conn, "data": data.to_string() }))
}

#[test]
fn recordings_of_one_market_must_agree_on_its_grid() {
    let products = |increment: &str| {
        let data = json!({ "products": [{ "product_id": "SOL-USD", "price_increment": increment,
            "quote_increment": increment, "base_increment": "0.00000001" }] });
        let url = "https://venue/api/v3/brokerage/market/products";
        line(".0", json!({ "t": "http", "conn": "h", "url": url, "data": data.to_string() }))
    };
    let stated = |increment: &str, bid| {
        header("COINBASE")
            + &products(increment)
            + &connect(".1", "c")
            + &coinbase(".2", "c", bid, "77.5")
    };
    let silent = header("COINBASE") + &connect(".1", "c") + &coinbase(".2", "c", "77.4", "77.5");
    // The second states a finer tick: both read with it.
    let one = [("a", "coinbase", silent), ("b", "coinbase", stated("0.001", "77.4"))];
    let report = replayed(bundle(&one).path()).expect("sound");
    assert_eq!(touch(&report, "coinbase:SOL-USD"), (Some(77_400), Some(77_500)));
    let two =
        [("a", "coinbase", stated("0.01", "77.4")), ("b", "coinbase", stated("0.001", "77.4"))];
    let error = replayed(bundle(&two).path()).err().expect("two grids for one book");
    assert!(error.contains("b: states another tick or lot"), "{error}");
    let absurd = [("a", "coinbase", stated("18446744073709551615", "77.4"))];
    let error = replayed(bundle(&absurd).path()).err().expect("no tick is that large");
    assert!(error.contains("a: states a tick or lot that no market has"), "{error}");
}

#[test]
fn a_market_ages_with_its_own_connection() {
    let beat = |second: &str| {
        let data = json!({ "type": "heartbeat", "timestamp": START * 1000 });
        line(second, json!({ "t": "recv", "conn": "other", "data": data.to_string() }))
    };
    let mut dead = header("GEMINI") + &connect(".1", "c0") + &connect(".1", "other");
    dead += &gemini(".2", "c0", "80.0", "80.1");
    let mut other_venue = header("COINBASE") + &connect(".1", "c");
    other_venue += &coinbase(".3", "c", "77.0", "77.1");
    // Only the other connection of the venue speaks on.
    for tenth in 4..120 {
        dead += &beat(&format!(".{tenth:03}"));
    }
    let mut late = String::new();
    for second in 1..=9 {
        let second = START + second;
        let at = |text: &str| text.replace(&format!("\"ts\":{START}"), &format!("\"ts\":{second}"));
        dead += &at(&beat(".5"));
        late += &at(&coinbase(".6", "c", "77.0", "77.1"));
    }
    // Each is the first message of a new connection, so that the book stays live.
    let captures = [("g", "gemini", dead), ("c", "coinbase", other_venue + &late)];
    let report = replayed(bundle(&captures).path()).expect("sound");
    let collected = &report.parts[0].collected;
    assert_eq!(collected.opportunities_count, 1);
    assert_eq!(collected.open_at_end, 0, "closed by staleness");
    let lived_ms = collected.opportunities[0].0.duration_ns() / 1_000_000;
    assert!((4_000..6_500).contains(&lived_ms), "{lived_ms} ms of a limit of 5,000");
}

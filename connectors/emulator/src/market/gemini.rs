//! Gemini v2 market-data frames, in the key order of the venue's recordings.

use super::ladder::{Change, Ladder, Print, Side};
use super::text::one_place;

/// Decimal places of a price: one tick is 0.001.
const PRICE_PLACES: u32 = 3;

/// Decimal places of a size: one lot is 10⁻⁶.
const SIZE_PLACES: u32 = 6;

/// The market's name.
const SYMBOL: &str = "SOLUSD";

/// One connection. It has no sequence numbers; trades have ids.
#[derive(Clone, Debug)]
pub(super) struct Gemini {
    event_id: u64,
    trade_id: u64,
}

impl Gemini {
    pub(super) const ADDRESS: &'static str = "wss://api.gemini.com/v2/marketdata/";
    pub(super) const DETAILS_URL: &'static str = "https://api.gemini.com/v1/symbols/details/solusd";

    pub(super) const fn new() -> Self {
        Self { event_id: 1_764_551_742_100_000, trade_id: 2_840_141_017_910_000 }
    }

    /// The symbol's details. `tick_size` is the step of sizes, `quote_increment` that of prices.
    pub(super) fn details() -> String {
        format!(
            "{{\"symbol\":\"{SYMBOL}\",\"quote_currency\":\"USD\",\"tick_size\":0.000001,\
             \"quote_increment\":0.001,\"min_order_size\":\"0.001\",\"status\":\"open\",\
             \"wrap_enabled\":false,\"product_type\":\"spot\",\"contract_type\":\"vanilla\",\
             \"contract_price_currency\":\"USD\",\"base_currency\":\"SOL\"}}"
        )
    }

    /// What the client sends.
    pub(super) fn subscribe() -> String {
        format!(
            "{{\"type\":\"subscribe\",\"subscriptions\":[{{\"name\":\"l2\",\
             \"symbols\":[\"{SYMBOL}\"]}}]}}"
        )
    }

    /// The whole book with recent trades: the first frame of a symbol.
    pub(super) fn snapshot(&mut self, book: &Ladder, prints: &[(u64, Print)]) -> String {
        let levels: Vec<Change> = [Side::Bid, Side::Ask]
            .into_iter()
            .flat_map(|side| {
                book.levels(side).map(move |(price_ticks, size_lots)| Change {
                    side,
                    price_ticks,
                    size_lots,
                })
            })
            .collect();
        let trades: Vec<String> =
            prints.iter().map(|(at_ns, print)| self.history(*at_ns, print)).collect();
        format!(
            "{{\"auction_events\":[],\"changes\":[{}],\"symbol\":\"{SYMBOL}\",\"trades\":[{}],\
             \"type\":\"l2_updates\"}}",
            changes(&levels),
            trades.join(",")
        )
    }

    /// Changed levels.
    pub(super) fn update(list: &[Change]) -> String {
        format!(
            "{{\"changes\":[{}],\"symbol\":\"{SYMBOL}\",\"type\":\"l2_updates\"}}",
            changes(list)
        )
    }

    /// One trade; `side` is the taker's.
    pub(super) fn trade(&mut self, at_ns: u64, print: &Print) -> String {
        self.history(at_ns, print)
    }

    /// One heartbeat.
    pub(super) fn heartbeat(at_ns: u64) -> String {
        format!("{{\"timestamp\":{},\"type\":\"heartbeat\"}}", at_ns / 1_000_000)
    }

    fn history(&mut self, at_ns: u64, print: &Print) -> String {
        self.event_id += 17 + print.size_lots % 900;
        self.trade_id += 3;
        let side = match print.maker {
            Side::Bid => "sell",
            Side::Ask => "buy",
        };
        format!(
            "{{\"event_id\":{},\"price\":\"{}\",\"quantity\":\"{}\",\"side\":\"{side}\",\
             \"symbol\":\"{SYMBOL}\",\"tid\":{},\"timestamp\":{},\"type\":\"trade\"}}",
            self.event_id,
            one_place(print.price_ticks, PRICE_PLACES),
            one_place(print.size_lots, SIZE_PLACES),
            self.trade_id,
            at_ns / 1_000_000,
        )
    }
}

fn changes(list: &[Change]) -> String {
    let rows: Vec<String> = list
        .iter()
        .map(|change| {
            let side = match change.side {
                Side::Bid => "buy",
                Side::Ask => "sell",
            };
            format!(
                "[\"{side}\",\"{}\",\"{}\"]",
                one_place(change.price_ticks, PRICE_PLACES),
                one_place(change.size_lots, SIZE_PLACES)
            )
        })
        .collect();
    rows.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_spelt_like_recorded_ones() {
        let change = Change { side: Side::Ask, price_ticks: 77_433, size_lots: 0 };
        assert_eq!(
            Gemini::update(&[change]),
            r#"{"changes":[["sell","77.433","0.0"]],"symbol":"SOLUSD","type":"l2_updates"}"#
        );
        assert_eq!(
            Gemini::heartbeat(1_786_313_195_331_000_000),
            r#"{"timestamp":1786313195331,"type":"heartbeat"}"#
        );
        let print =
            Print { maker: Side::Bid, price_ticks: 77_371, size_lots: 24_414, left_lots: 0 };
        let mut wire = Gemini { event_id: 1_764_551_741_876_649, trade_id: 2_840_141_017_904_444 };
        assert_eq!(
            wire.trade(1_786_313_072_728_000_000, &print),
            r#"{"event_id":1764551741876780,"price":"77.371","quantity":"0.024414","side":"sell","symbol":"SOLUSD","tid":2840141017904447,"timestamp":1786313072728,"type":"trade"}"#
        );
    }
}

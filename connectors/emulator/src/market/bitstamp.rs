//! Bitstamp WebSocket v2 frames and REST answers, in the key order of the venue's recordings.

use super::ladder::{Change, Ladder, Print, Side};
use super::text::{padded, trimmed};

/// One market of the venue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    /// As in channel names.
    pub(super) symbol: &'static str,
    /// Decimal places of a price.
    pub(super) price_places: u32,
    /// Decimal places of a size.
    pub(super) size_places: u32,
}

impl Pair {
    pub(super) const SOL: Self = Self { symbol: "solusd", price_places: 2, size_places: 8 };
    pub(super) const USDC: Self = Self { symbol: "usdcusd", price_places: 5, size_places: 5 };
}

/// One connection.
#[derive(Clone, Debug)]
pub(super) struct Bitstamp {
    trade_id: u64,
    order_id: u64,
}

impl Bitstamp {
    pub(super) const ADDRESS: &'static str = "wss://ws.bitstamp.net/";
    pub(super) const MARKETS_URL: &'static str = "https://www.bitstamp.net/api/v2/markets/";

    pub(super) const fn new() -> Self {
        Self { trade_id: 412_345_600, order_id: 1_780_000_000_000_000 }
    }

    /// The market list.
    pub(super) fn markets() -> String {
        let one = |name: &str, pair: Pair, base: &str, minimum: &str, about: &str, tick: &str| {
            format!(
                "{{\"name\":\"{name}\",\"market_symbol\":\"{}\",\"base_currency\":\"{base}\",\
                 \"base_decimals\":{},\"counter_currency\":\"USD\",\"counter_decimals\":{},\
                 \"minimum_order_value\":\"10\",\"maximum_order_value\":\"10000000\",\
                 \"minimum_order_amount\":\"{minimum}\",\"maximum_order_amount\":\"1000000\",\
                 \"trading\":\"Enabled\",\"instant_and_market_orders\":\"Enabled\",\
                 \"instant_order_counter_decimals\":2,\"description\":\"{about} / U.S. dollar\",\
                 \"market_type\":\"SPOT\",\"tick_size\":\"{tick}\"}}",
                pair.symbol, pair.size_places, pair.price_places
            )
        };
        format!(
            "[{},{}]",
            one("SOL/USD", Pair::SOL, "SOL", "0.00000001", "Solana", "0.01"),
            one("USDC/USD", Pair::USDC, "USDC", "0.00001", "USD Coin", "0.00001")
        )
    }

    /// What the client sends to subscribe one channel.
    pub(super) fn subscribe(channel: &str) -> String {
        format!("{{\"event\":\"bts:subscribe\",\"data\":{{\"channel\":\"{channel}\"}}}}")
    }

    /// The acknowledgement.
    pub(super) fn subscribed(channel: &str) -> String {
        format!(
            "{{\"event\":\"bts:subscription_succeeded\",\"channel\":\"{channel}\",\"data\":{{}}}}"
        )
    }

    /// Address of the whole book over HTTP.
    pub(super) fn book_url(pair: Pair) -> String {
        format!("https://www.bitstamp.net/api/v2/order_book/{}/?group=1", pair.symbol)
    }

    /// The whole book over HTTP. Unit of `at_us`: Unix microseconds.
    pub(super) fn book(pair: Pair, at_us: u64, book: &Ladder) -> String {
        let side = |side: Side| {
            let rows: Vec<String> =
                book.levels(side).map(|(price, size)| row(pair, price, size)).collect();
            rows.join(", ")
        };
        format!(
            "{{\"timestamp\": \"{}\", \"microtimestamp\": \"{at_us}\", \"bids\": [{}], \
             \"asks\": [{}]}}",
            at_us / 1_000_000,
            side(Side::Bid),
            side(Side::Ask)
        )
    }

    /// Changed levels. Unit of `at_us`: Unix microseconds.
    pub(super) fn diff(pair: Pair, at_us: u64, list: &[Change]) -> String {
        let side = |side: Side| {
            let rows: Vec<String> = list
                .iter()
                .filter(|change| change.side == side)
                .map(|change| row(pair, change.price_ticks, change.size_lots).replace(", ", ","))
                .collect();
            rows.join(",")
        };
        format!(
            "{{\"data\":{{\"timestamp\":\"{}\",\"microtimestamp\":\"{at_us}\",\"bids\":[{}],\
             \"asks\":[{}]}},\"channel\":\"diff_order_book_{}\",\"event\":\"data\"}}",
            at_us / 1_000_000,
            side(Side::Bid),
            side(Side::Ask),
            pair.symbol
        )
    }

    /// One trade; `type` is the taker's side: 0 bought, 1 sold.
    pub(super) fn trade(&mut self, pair: Pair, at_us: u64, print: &Print) -> String {
        self.trade_id += 1;
        self.order_id += 4_096 + print.size_lots % 100_000;
        let side = match print.maker {
            Side::Bid => 1,
            Side::Ask => 0,
        };
        let (amount, price) = (print.size_lots, print.price_ticks);
        format!(
            "{{\"data\":{{\"id\":{id},\"id_str\":\"{id}\",\"timestamp\":\"{}\",\
             \"microtimestamp\":\"{at_us}\",\"amount\":{},\"amount_str\":\"{}\",\"price\":{},\
             \"price_str\":\"{}\",\"type\":{side},\"buy_order_id\":{},\"sell_order_id\":{}}},\
             \"channel\":\"live_trades_{}\",\"event\":\"trade\"}}",
            at_us / 1_000_000,
            trimmed(amount, pair.size_places),
            padded(amount, pair.size_places),
            trimmed(price, pair.price_places),
            padded(price, pair.price_places),
            self.order_id,
            self.order_id + 1,
            pair.symbol,
            id = self.trade_id,
        )
    }
}

fn row(pair: Pair, price_ticks: u64, size_lots: u64) -> String {
    format!(
        "[\"{}\", \"{}\"]",
        padded(price_ticks, pair.price_places),
        padded(size_lots, pair.size_places)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_spelt_like_recorded_ones() {
        let change = |price_ticks, size_lots| Change { side: Side::Bid, price_ticks, size_lots };
        assert_eq!(
            Bitstamp::diff(
                Pair::SOL,
                1_618_677_691_591_574,
                &[change(30_968, 0), change(30_541, 1)]
            ),
            r#"{"data":{"timestamp":"1618677691","microtimestamp":"1618677691591574","bids":[["309.68","0.00000000"],["305.41","0.00000001"]],"asks":[]},"channel":"diff_order_book_solusd","event":"data"}"#
        );
        assert_eq!(
            Bitstamp::subscribed("live_trades_solusd"),
            r#"{"event":"bts:subscription_succeeded","channel":"live_trades_solusd","data":{}}"#
        );
    }
}

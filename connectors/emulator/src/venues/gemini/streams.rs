//! Market-data streams of the current WebSocket: names, what each has still to tell, frames.

use super::desk::{Desk, Symbol};
use crate::happening::{Change, Side};
use crate::venues::mirror::Mirror;
use crate::venues::words::at_least;

/// Pace of `@100ms`. Unit: nanoseconds.
const FAST_NS: u64 = 100_000_000;

/// Pace of book streams without a suffix, and of `@1s`. Unit: nanoseconds.
const SLOW_NS: u64 = 1_000_000_000;

/// What a stream tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Best bid and ask.
    Ticker,
    /// So many top levels, whole each time.
    Partial(usize),
    /// Changed levels.
    Depth,
    /// Trades.
    Trade,
    /// Orders of the account.
    OrdersAccount,
    /// Orders of this connection.
    OrdersSession,
    /// Balances of the account.
    Balances,
    /// Taken and silent: the exchange has no positions and no prediction contracts.
    Silent,
}

impl Kind {
    /// Whether it needs an authenticated connection.
    pub(super) const fn is_private(self) -> bool {
        matches!(self, Self::OrdersAccount | Self::OrdersSession | Self::Balances)
    }
}

/// One subscription.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// As the client named it.
    pub(super) name: String,
    /// What it tells.
    pub(super) kind: Kind,
    /// Number of the product.
    pub(super) symbol: usize,
    /// Pace; 0 tells at once. Unit: nanoseconds.
    pub(super) every_ns: u64,
    /// When it may tell next. Unit: Unix nanoseconds.
    pub(super) next_ns: u64,
    /// Last update told; for trades the last trade.
    pub(super) last: u64,
    /// Levels to tell, in the order of their first change.
    pub(super) pending: Vec<Change>,
    /// Last update among them.
    pub(super) pending_u: u64,
    /// Its time. Unit: Unix nanoseconds.
    pub(super) pending_ns: u64,
    /// What was told last, where repeating it would be noise.
    pub(super) shown: String,
}

/// Reads a stream's name. `None`: the venue has no such stream.
pub(super) fn parse(desk: &Desk, now_ns: u64, name: &str) -> Option<Stream> {
    let stream = |kind, symbol, every_ns| Stream {
        name: name.to_owned(),
        kind,
        symbol,
        every_ns,
        // The venue's grid, not the subscription's: every connection is told the same frames.
        next_ns: match now_ns.checked_div(every_ns) {
            Some(cell) => (cell + 1) * every_ns,
            None => now_ns,
        },
        last: 0,
        pending: Vec::new(),
        pending_u: 0,
        pending_ns: now_ns,
        shown: String::new(),
    };
    let parts: Vec<&str> = name.split('@').collect();
    match parts.as_slice() {
        ["orders", "account"] => return Some(stream(Kind::OrdersAccount, 0, 0)),
        ["orders", "session"] => return Some(stream(Kind::OrdersSession, 0, 0)),
        ["balances", "account"] => return Some(stream(Kind::Balances, 0, 0)),
        ["balances", "account", "1s"] => return Some(stream(Kind::Balances, 0, SLOW_NS)),
        ["positions", "account"] | ["positions", "account", "1s"] | ["contractStatus"] => {
            return Some(stream(Kind::Silent, 0, 0));
        }
        _ => {}
    }
    let (symbol, what) = parts.split_first()?;
    let symbol = desk.symbols.iter().position(|known| known.lower == *symbol)?;
    let (kind, every_ns) = match what {
        ["bookTicker"] => (Kind::Ticker, 0),
        ["trade"] => (Kind::Trade, 0),
        ["depth"] => (Kind::Depth, SLOW_NS),
        ["depth", "100ms"] => (Kind::Depth, FAST_NS),
        ["depth5"] => (Kind::Partial(5), SLOW_NS),
        ["depth5", "100ms"] => (Kind::Partial(5), FAST_NS),
        ["depth10"] => (Kind::Partial(10), SLOW_NS),
        ["depth10", "100ms"] => (Kind::Partial(10), FAST_NS),
        ["depth20"] => (Kind::Partial(20), SLOW_NS),
        ["depth20", "100ms"] => (Kind::Partial(20), FAST_NS),
        _ => return None,
    };
    Some(stream(kind, symbol, every_ns))
}

impl Stream {
    /// Adds changed levels to what is to be told.
    pub(super) fn add(&mut self, update_id: u64, at_ns: u64, changes: &[Change]) {
        self.pending_u = update_id;
        self.pending_ns = at_ns;
        if self.kind != Kind::Depth {
            return;
        }
        for change in changes {
            let same =
                |old: &&mut Change| old.side == change.side && old.price_e8 == change.price_e8;
            match self.pending.iter_mut().find(same) {
                Some(old) => old.size_e8 = change.size_e8,
                None => self.pending.push(*change),
            }
        }
    }

    /// What waits of an earlier point of the grid than this change's, before that is added: however late
    /// changes are handed over, none of two points come in one frame.
    pub(super) fn turn(&mut self, at_ns: u64, symbol: &Symbol) -> Option<String> {
        let cell = |ns: u64| ns.checked_div(self.every_ns);
        let is_past =
            self.kind == Kind::Depth && self.pending_u > 0 && cell(self.pending_ns) < cell(at_ns);
        is_past.then(|| self.tell_depth(symbol))
    }

    fn tell_depth(&mut self, symbol: &Symbol) -> String {
        let update_id = std::mem::take(&mut self.pending_u);
        let changes = std::mem::take(&mut self.pending);
        let first = std::mem::replace(&mut self.last, update_id);
        depth(symbol, self.pending_ns, (first, update_id), &changes)
    }

    /// The frame that is due, if any.
    pub(super) fn flush(
        &mut self,
        now_ns: u64,
        symbol: &Symbol,
        mirror: &Mirror,
        last: Option<(u64, u64)>,
    ) -> Option<String> {
        if now_ns < self.next_ns {
            return None;
        }
        // The stream's own grid: a late call does not shift it, and a change after silence waits for
        // the next point as any other.
        if let Some(missed) = (now_ns - self.next_ns).checked_div(self.every_ns) {
            self.next_ns += (missed + 1) * self.every_ns;
        }
        if self.pending_u == 0 {
            return None;
        }
        if self.kind == Kind::Depth {
            return Some(self.tell_depth(symbol));
        }
        let update_id = std::mem::take(&mut self.pending_u);
        let text = match self.kind {
            Kind::Partial(levels) => partial(symbol, mirror, levels),
            Kind::Ticker => {
                let sides = best(symbol, mirror);
                if sides == self.shown {
                    return None;
                }
                let text = ticker(symbol, mirror, &sides, last);
                self.shown = sides;
                text
            }
            Kind::Depth
            | Kind::Trade
            | Kind::OrdersAccount
            | Kind::OrdersSession
            | Kind::Balances
            | Kind::Silent => return None,
        };
        self.last = update_id;
        Some(text)
    }
}

/// A price as this API pads it: two places more than the tick has, five at least.
pub(super) fn price(symbol: &Symbol, price_e8: u64) -> String {
    at_least(price_e8, (symbol.price_places + 2).max(5))
}

/// A size as this API pads it: two places more than the lot has.
pub(super) fn size(symbol: &Symbol, size_e8: u64) -> String {
    at_least(size_e8, symbol.size_places + 2)
}

fn rows<'a>(symbol: &Symbol, levels: impl Iterator<Item = &'a (u64, u64)>) -> String {
    let rows: Vec<String> = levels
        .map(|(at, amount)| format!("[\"{}\",\"{}\"]", price(symbol, *at), size(symbol, *amount)))
        .collect();
    rows.join(",")
}

/// Changed levels; `chain` is the update that they follow and the last that they contain.
pub(super) fn depth(symbol: &Symbol, at_ns: u64, chain: (u64, u64), changes: &[Change]) -> String {
    let side = |side: Side| {
        let list: Vec<(u64, u64)> = changes
            .iter()
            .filter(|change| change.side == side)
            .map(|change| (change.price_e8, change.size_e8))
            .collect();
        rows(symbol, list.iter())
    };
    format!(
        "{{\"e\":\"depthUpdate\",\"E\":{at_ns},\"s\":\"{}\",\"U\":{},\"u\":{},\"b\":[{}],\"a\":[{}]}}",
        symbol.lower,
        chain.0,
        chain.1,
        side(Side::Bid),
        side(Side::Ask)
    )
}

/// A snapshot: `U` and `u` are equal, levels are sorted; `levels` 0 is the whole book.
pub(super) fn snapshot(symbol: &Symbol, mirror: &Mirror, levels: usize) -> String {
    let id = mirror.update_id();
    format!(
        "{{\"e\":\"depthUpdate\",\"E\":{},\"s\":\"{}\",\"U\":{id},\"u\":{id},\"b\":[{}],\"a\":[{}]}}",
        mirror.updated_ns(),
        symbol.lower,
        rows(symbol, mirror.levels(Side::Bid, levels).iter()),
        rows(symbol, mirror.levels(Side::Ask, levels).iter())
    )
}

/// Levels without a wrapper: `"bids":[...],"asks":[...]`.
pub(super) fn both_sides(symbol: &Symbol, mirror: &Mirror, levels: usize) -> String {
    format!(
        "\"bids\":[{}],\"asks\":[{}]",
        rows(symbol, mirror.levels(Side::Bid, levels).iter()),
        rows(symbol, mirror.levels(Side::Ask, levels).iter())
    )
}

fn partial(symbol: &Symbol, mirror: &Mirror, levels: usize) -> String {
    format!(
        "{{\"lastUpdateId\":{},\"symbol\":\"{}\",{}}}",
        mirror.update_id(),
        symbol.lower,
        both_sides(symbol, mirror, levels)
    )
}

/// Best prices and sizes; an empty side is empty texts.
fn best(symbol: &Symbol, mirror: &Mirror) -> String {
    let side = |side: Side| {
        mirror.best(side).map_or((String::new(), String::new()), |(at, amount)| {
            (price(symbol, at), size(symbol, amount))
        })
    };
    let ((bid, bid_size), (ask, ask_size)) = (side(Side::Bid), side(Side::Ask));
    format!("\"b\":\"{bid}\",\"B\":\"{bid_size}\",\"a\":\"{ask}\",\"A\":\"{ask_size}\"")
}

fn ticker(symbol: &Symbol, mirror: &Mirror, sides: &str, last: Option<(u64, u64)>) -> String {
    let last = last.map_or_else(String::new, |(at, amount)| {
        format!(",\"c\":\"{}\",\"C\":\"{}\"", price(symbol, at), size(symbol, amount))
    });
    format!(
        "{{\"u\":{},\"E\":{},\"s\":\"{}\",{sides}{last}}}",
        mirror.update_id(),
        mirror.updated_ns(),
        symbol.lower
    )
}

/// One trade; `maker` is the resting side.
pub(super) fn trade(
    symbol: &Symbol,
    at_ns: u64,
    trade_id: u64,
    maker: Side,
    print: (u64, u64),
) -> String {
    format!(
        "{{\"E\":{at_ns},\"s\":\"{}\",\"t\":{trade_id},\"p\":\"{}\",\"q\":\"{}\",\"m\":{}}}",
        symbol.lower,
        price(symbol, print.0),
        size(symbol, print.1),
        maker == Side::Bid
    )
}

//! Candles out of the trades that an exchange remembers.

use crate::exchange::PublicTrade;

/// One candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candle {
    /// Start. Unit: Unix milliseconds, a multiple of the step.
    pub(crate) start_ms: u64,
    /// Unit: e8.
    pub(crate) open_e8: u64,
    /// Unit: e8.
    pub(crate) high_e8: u64,
    /// Unit: e8.
    pub(crate) low_e8: u64,
    /// Unit: e8.
    pub(crate) close_e8: u64,
    /// Unit: e8 of the base; saturates.
    pub(crate) volume_e8: u64,
}

/// Candles of a step, newest first, at most `limit`, from trades newest first. A step without trades
/// repeats the close before it with no volume.
pub(crate) fn candles(trades: &[PublicTrade], step_ms: u64, limit: usize) -> Vec<Candle> {
    let mut list: Vec<Candle> = Vec::new();
    for trade in trades.iter().rev() {
        let at_ms = trade.at_ns / 1_000_000;
        let start_ms = at_ms - at_ms % step_ms.max(1);
        match list.last_mut() {
            Some(last) if last.start_ms >= start_ms => {
                last.high_e8 = last.high_e8.max(trade.price_e8);
                last.low_e8 = last.low_e8.min(trade.price_e8);
                last.close_e8 = trade.price_e8;
                last.volume_e8 = last.volume_e8.saturating_add(trade.size_e8);
            }
            Some(last) => {
                let close = last.close_e8;
                let gap = (start_ms - last.start_ms) / step_ms.max(1) - 1;
                let skip = gap.saturating_sub(limit as u64);
                let first = last.start_ms + (skip + 1) * step_ms;
                for number in 0..gap - skip {
                    list.push(flat(first + number * step_ms, close, 0));
                }
                list.push(flat(start_ms, trade.price_e8, trade.size_e8));
            }
            None => list.push(flat(start_ms, trade.price_e8, trade.size_e8)),
        }
    }
    list.reverse();
    list.truncate(limit);
    list
}

const fn flat(start_ms: u64, price_e8: u64, volume_e8: u64) -> Candle {
    Candle {
        start_ms,
        open_e8: price_e8,
        high_e8: price_e8,
        low_e8: price_e8,
        close_e8: price_e8,
        volume_e8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::happening::Side;

    #[test]
    fn steps_without_trades_repeat_the_close() {
        let trade = |at_ms: u64, price_e8, size_e8| PublicTrade {
            trade_id: at_ms,
            maker: Side::Ask,
            price_e8,
            size_e8,
            at_ns: at_ms * 1_000_000,
        };
        let trades = [trade(250_000, 9, 4), trade(61_000, 5, 2), trade(60_500, 8, 1)];
        let list = candles(&trades, 60_000, 10);
        let starts: Vec<u64> = list.iter().map(|candle| candle.start_ms).collect();
        assert_eq!(starts, [240_000, 180_000, 120_000, 60_000]);
        let oldest = list[3];
        assert_eq!((oldest.open_e8, oldest.high_e8, oldest.low_e8, oldest.close_e8), (8, 8, 5, 5));
        assert_eq!((oldest.volume_e8, list[2].volume_e8, list[2].close_e8), (3, 0, 5));
        assert_eq!(candles(&trades, 60_000, 2).len(), 2);
        assert!(candles(&[], 60_000, 2).is_empty());
    }
}

//! Differences of books straight from bytes to events, without allocating.
//!
//! Takes only the plain case: a known symbol, every value on the grid. For all else it returns `None`
//! and the typed path decides. The order of keys is free; the order last seen is tried first. Levels
//! that come before the symbol are passed over and read when the symbol is known.

use connector_net::books::FRAME_LEVELS_MAX;
use connector_net::scan::{Cursor, KeyOrder};
use connector_net::{Markets, Sink};
use engine_model::grid::{check_price_ticks, check_size_lots};
use engine_model::{Body, Event, Flags, Grid, Side, Venue};

use super::Depth;

/// What the reader learned of its connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Learned {
    order: KeyOrder<7>,
}

const KIND: u8 = 0;
const TIME: u8 = 1;
const SYMBOL: u8 = 2;
const FIRST: u8 = 3;
const LAST: u8 = 4;
const BIDS: u8 = 5;
const ASKS: u8 = 6;

/// Reads a frame; its levels, bids first, are in the sink without flags. On `None` the sink's open
/// events are to be abandoned.
pub(super) fn read(
    frame: &[u8],
    markets: &Markets,
    recv_ns: u64,
    learned: &Learned,
    out: &mut Sink,
) -> Option<Depth> {
    let start = out.events.len();
    let mut cursor = Cursor::new(frame);
    let mut seen = 0_u8;
    let mut depth = Depth { position: 0, first: 0, last: 0, venue_ns: 0 };
    // Where the levels of a side begin and end, if they are still to be read.
    let mut deferred = [None; 2];
    let mut asks = 0;
    cursor.byte(b'{')?;
    for index in 0.. {
        let key = key(&mut cursor, &learned.order, index)?;
        if seen & 1 << key != 0 {
            return None;
        }
        match key {
            KIND => {
                cursor.space();
                cursor.literal(b"\"depthUpdate\"").then_some(())?;
            }
            TIME => depth.venue_ns = cursor.integer()?,
            SYMBOL => depth.position = markets.find(cursor.text()?)?,
            FIRST => depth.first = cursor.integer()?,
            LAST => depth.last = cursor.integer()?,
            side if seen & 1 << SYMBOL != 0 => {
                let before = out.events.len();
                let grid = &markets.get(depth.position).grid;
                let head = head(markets, recv_ns, depth);
                if side == BIDS {
                    levels(&mut cursor, head, Side::Bid, grid, out)?;
                    // Bids come first in events, whatever the order of the keys.
                    out.events[start..].rotate_left(asks);
                } else {
                    levels(&mut cursor, head, Side::Ask, grid, out)?;
                    asks = out.events.len() - before;
                }
            }
            side => {
                cursor.space();
                let begin = cursor.at();
                cursor.skip_array()?;
                deferred[usize::from(side - BIDS)] = Some((begin, cursor.at()));
            }
        }
        seen |= 1 << key;
        if !cursor.more(b'}')? {
            break;
        }
    }
    cursor.end()?;
    (seen == 0b111_1111).then_some(())?;
    late(&mut cursor, markets, (recv_ns, depth), deferred, (start, asks), out)?;
    (out.events.len() - start <= FRAME_LEVELS_MAX).then_some(())?;
    // Levels that were read before the time or the ids.
    if out.events.get(start).is_some_and(|it| (it.venue_ns, it.seq) != (depth.venue_ns, depth.last))
        || out.events.last().is_some_and(|it| it.seq != depth.last || it.venue_ns != depth.venue_ns)
    {
        for event in &mut out.events[start..] {
            (event.venue_ns, event.seq) = (depth.venue_ns, depth.last);
        }
    }
    Some(depth)
}

/// Reads the levels that came before the symbol.
fn late(
    cursor: &mut Cursor<'_>,
    markets: &Markets,
    (recv_ns, depth): (u64, Depth),
    deferred: [Option<(usize, usize)>; 2],
    (start, asks): (usize, usize),
    out: &mut Sink,
) -> Option<()> {
    let grid = &markets.get(depth.position).grid;
    let head = head(markets, recv_ns, depth);
    if let Some((begin, end)) = deferred[0] {
        cursor.seek(begin);
        levels(cursor, head, Side::Bid, grid, out)?;
        (cursor.at() == end).then_some(())?;
        out.events[start..].rotate_left(asks);
    }
    if let Some((begin, end)) = deferred[1] {
        cursor.seek(begin);
        levels(cursor, head, Side::Ask, grid, out)?;
        (cursor.at() == end).then_some(())?;
    }
    Some(())
}

fn head(markets: &Markets, recv_ns: u64, depth: Depth) -> Event {
    Event {
        recv_ns,
        venue_ns: depth.venue_ns,
        seq: depth.last,
        market: markets.get(depth.position).id,
        venue: Venue::Gemini,
        flags: Flags(0),
        body: Body::BookClear,
    }
}

#[inline]
fn key(cursor: &mut Cursor<'_>, order: &KeyOrder<7>, index: usize) -> Option<u8> {
    let guess = order.guess(index);
    let hit = match guess {
        KIND => cursor.literal(b"\"e\":"),
        TIME => cursor.literal(b"\"E\":"),
        SYMBOL => cursor.literal(b"\"s\":"),
        FIRST => cursor.literal(b"\"U\":"),
        LAST => cursor.literal(b"\"u\":"),
        BIDS => cursor.literal(b"\"b\":"),
        ASKS => cursor.literal(b"\"a\":"),
        _ => false,
    };
    if hit {
        return Some(guess);
    }
    let key = match cursor.key()? {
        b"e" => KIND,
        b"E" => TIME,
        b"s" => SYMBOL,
        b"U" => FIRST,
        b"u" => LAST,
        b"b" => BIDS,
        b"a" => ASKS,
        _ => return None,
    };
    order.learn(index, key);
    Some(key)
}

fn levels(
    cursor: &mut Cursor<'_>,
    head: Event,
    side: Side,
    grid: &Grid,
    out: &mut Sink,
) -> Option<()> {
    cursor.byte(b'[')?;
    if cursor.peek()? == b']' {
        return cursor.byte(b']');
    }
    for _ in 0..FRAME_LEVELS_MAX {
        if !cursor.literal(b"[\"") {
            cursor.byte(b'[')?;
            cursor.byte(b'"')?;
        }
        let price_ticks = check_price_ticks(cursor.steps_to_quote(grid.tick)?).ok()?;
        if !cursor.literal(b",\"") {
            cursor.byte(b',')?;
            cursor.byte(b'"')?;
        }
        let size_lots = check_size_lots(cursor.steps_to_quote(grid.lot)?).ok()?;
        cursor.byte(b']')?;
        out.events.push(Event { body: Body::Level { side, price_ticks, size_lots }, ..head });
        if !cursor.more(b']')? {
            return Some(());
        }
    }
    None
}

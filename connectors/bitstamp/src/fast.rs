//! Diffs and REST books straight from bytes to events, without allocating.
//!
//! Takes only the plain case: a `data` event of a known diff channel with every value on the grid.
//! For all else it returns `None` and the typed path decides. The order of keys is free; the order
//! last seen is tried first. `data` comes before `channel` in real frames: its end is guessed from its
//! brackets, and the guess is proven when the levels are read, which must end exactly there.

use connector_net::books::FRAME_LEVELS_MAX;
use connector_net::scan::{Cursor, KeyOrder};
use connector_net::time::parse_micros;
use connector_net::{Markets, Sink};
use engine_model::grid::{check_price_ticks, check_size_lots};
use engine_model::{Body, Event, Flags, Grid, MarketId, Side, Venue};

use crate::reader::DIFF_PREFIX;

/// What the reader learned of its connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Learned {
    frame: KeyOrder<3>,
    book: KeyOrder<4>,
}

const DATA: u8 = 0;
const CHANNEL: u8 = 1;
const EVENT: u8 = 2;

const TIMESTAMP: u8 = 0;
const MICROTIMESTAMP: u8 = 1;
const BIDS: u8 = 2;
const ASKS: u8 = 3;

/// Reads a diff: its market's position and microtimestamp. On `None` the sink's open events are to
/// be abandoned.
pub(crate) fn read_diff(
    frame: &[u8],
    markets: &Markets,
    recv_ns: u64,
    learned: &Learned,
    out: &mut Sink,
) -> Option<(usize, u64)> {
    let mut cursor = Cursor::new(frame);
    let mut seen = 0_u8;
    let mut position = 0;
    let mut micros = 0;
    let mut deferred = None;
    cursor.byte(b'{')?;
    for index in 0.. {
        let key = frame_key(&mut cursor, &learned.frame, index)?;
        if seen & 1 << key != 0 {
            return None;
        }
        match key {
            DATA if seen & 1 << CHANNEL != 0 => {
                let head = head(markets.get(position).id, recv_ns, Flags(0));
                micros = book(&mut cursor, head, &markets.get(position).grid, learned, out)?;
            }
            DATA => {
                cursor.space();
                let start = cursor.at();
                skip_data(&mut cursor)?;
                deferred = Some((start, cursor.at()));
            }
            CHANNEL => {
                let symbol = cursor.text()?.strip_prefix(DIFF_PREFIX.as_bytes())?;
                position = markets.find(symbol)?;
            }
            _ => {
                cursor.space();
                cursor.literal(b"\"data\"").then_some(())?;
            }
        }
        seen |= 1 << key;
        if !cursor.more(b'}')? {
            break;
        }
    }
    cursor.end()?;
    if seen != 1 << DATA | 1 << CHANNEL | 1 << EVENT {
        return None;
    }
    if let Some((start, end)) = deferred {
        cursor.seek(start);
        let head = head(markets.get(position).id, recv_ns, Flags(0));
        micros = book(&mut cursor, head, &markets.get(position).grid, learned, out)?;
        (cursor.at() == end).then_some(())?;
    }
    Some((position, micros))
}

/// Reads a REST book, which begins with [`Body::BookClear`]: its microtimestamp.
pub(crate) fn read_snapshot(
    body: &[u8],
    market: MarketId,
    grid: &Grid,
    recv_ns: u64,
    out: &mut Sink,
) -> Option<u64> {
    let mut cursor = Cursor::new(body);
    let first = out.events.len();
    let head = head(market, recv_ns, Flags(Flags::SNAPSHOT));
    out.events.push(head);
    let micros = book(&mut cursor, head, grid, &Learned::default(), out)?;
    cursor.end()?;
    set_micros(&mut out.events[first..=first], micros);
    Some(micros)
}

fn head(market: MarketId, recv_ns: u64, flags: Flags) -> Event {
    let (venue, body) = (Venue::Bitstamp, Body::BookClear);
    Event { recv_ns, venue_ns: 0, seq: 0, market, venue, flags, body }
}

/// Writes a microtimestamp into events. [`parse_micros`] has proven that its nanoseconds fit.
fn set_micros(events: &mut [Event], micros: u64) {
    for event in events {
        event.venue_ns = micros * 1_000;
        event.seq = micros;
    }
}

#[inline]
fn frame_key(cursor: &mut Cursor<'_>, order: &KeyOrder<3>, index: usize) -> Option<u8> {
    let guess = order.guess(index);
    let hit = match guess {
        DATA => cursor.literal(b"\"data\":"),
        CHANNEL => cursor.literal(b"\"channel\":"),
        EVENT => cursor.literal(b"\"event\":"),
        _ => false,
    };
    if hit {
        return Some(guess);
    }
    let key = match cursor.key()? {
        b"data" => DATA,
        b"channel" => CHANNEL,
        b"event" => EVENT,
        _ => return None,
    };
    order.learn(index, key);
    Some(key)
}

/// Moves behind the `data` object, without reading it.
fn skip_data(cursor: &mut Cursor<'_>) -> Option<()> {
    let (bytes, start) = (cursor.bytes(), cursor.at());
    // Nothing behind `data` holds an array, and in real frames an array ends it.
    match memchr::memrchr(b']', &bytes[start..]).map(|at| start + at) {
        Some(last) if bytes.get(last + 1) == Some(&b'}') => {
            cursor.seek(last + 2);
            Some(())
        }
        _ => cursor.skip_value(),
    }
}

/// The object with the levels: its microtimestamp.
fn book(
    cursor: &mut Cursor<'_>,
    mut head: Event,
    grid: &Grid,
    learned: &Learned,
    out: &mut Sink,
) -> Option<u64> {
    let first = out.events.len();
    let mut seen = 0_u8;
    let mut micros = 0;
    cursor.byte(b'{')?;
    for index in 0.. {
        let key = book_key(cursor, &learned.book, index)?;
        if seen & 1 << key != 0 {
            return None;
        }
        match key {
            TIMESTAMP => drop(cursor.text()?),
            MICROTIMESTAMP => {
                micros = parse_micros(cursor.text()?)?;
                set_micros(core::slice::from_mut(&mut head), micros);
                // Levels that came before the key.
                set_micros(&mut out.events[first..], micros);
            }
            BIDS => {
                let asks = out.events.len() - first;
                levels(cursor, head, Side::Bid, grid, out)?;
                // Bids come first in events, whatever the order of the keys.
                out.events[first..].rotate_left(asks);
            }
            _ => levels(cursor, head, Side::Ask, grid, out)?,
        }
        seen |= 1 << key;
        if !cursor.more(b'}')? {
            break;
        }
    }
    if seen | 1 << TIMESTAMP != 0b1111 || out.events.len() - first > FRAME_LEVELS_MAX {
        return None;
    }
    Some(micros)
}

#[inline]
fn book_key(cursor: &mut Cursor<'_>, order: &KeyOrder<4>, index: usize) -> Option<u8> {
    let guess = order.guess(index);
    let hit = match guess {
        TIMESTAMP => cursor.literal(b"\"timestamp\":"),
        MICROTIMESTAMP => cursor.literal(b"\"microtimestamp\":"),
        BIDS => cursor.literal(b"\"bids\":"),
        ASKS => cursor.literal(b"\"asks\":"),
        _ => false,
    };
    if hit {
        return Some(guess);
    }
    let key = match cursor.key()? {
        b"timestamp" => TIMESTAMP,
        b"microtimestamp" => MICROTIMESTAMP,
        b"bids" => BIDS,
        b"asks" => ASKS,
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

//! Book frames straight from bytes to events, without allocating.
//!
//! Takes only the plain case: a known symbol, the first message of a book that has none or an update
//! of one that is live, every value on the grid. For all else it returns `None` and the typed path
//! decides. The order of keys is free; the order last seen is tried first. Where `changes` comes
//! before `symbol`, the end of the array is guessed from its brackets; the guess is proven when the
//! levels are read, which must end exactly there.

use core::cell::Cell;

use connector_net::books::{BookState, Books, FRAME_LEVELS_MAX};
use connector_net::decimal::{Factors, factors, short_steps};
use connector_net::scan::{Cursor, KeyOrder};
use connector_net::{Markets, Sink};
use engine_model::grid::{check_price_ticks, check_size_lots};
use engine_model::{Body, Event, Flags, Grid, Side, Venue};

/// What the reader learned of its connection.
#[derive(Clone, Debug)]
pub(crate) struct Learned {
    order: KeyOrder<5>,
    array_end: memchr::memmem::Finder<'static>,
    /// Bytes behind the levels of the last update. Unit: bytes.
    tail_len: Cell<usize>,
}

impl Default for Learned {
    fn default() -> Self {
        Self {
            order: KeyOrder::default(),
            array_end: memchr::memmem::Finder::new(b"]]"),
            tail_len: Cell::new(0),
        }
    }
}

/// The decoder's state that a frame must fit.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) markets: &'a Markets,
    pub(crate) books: &'a Books,
    pub(crate) recv_ns: u64,
}

/// A frame whose events are in the sink, its batch not yet closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BookFrame {
    pub(crate) position: usize,
    pub(crate) is_snapshot: bool,
    /// Trades of a snapshot.
    pub(crate) history_trades: u64,
}

const CHANGES: u8 = 0;
const SYMBOL: u8 = 1;
const TYPE: u8 = 2;
const TRADES: u8 = 3;
const AUCTIONS: u8 = 4;

/// Reads a frame; on `None` the sink's open events are to be abandoned.
pub(crate) fn read(
    frame: &[u8],
    expected: Expected<'_>,
    learned: &Learned,
    out: &mut Sink,
) -> Option<BookFrame> {
    let first = out.events.len();
    let usual = usual(frame, expected, learned, out);
    if usual.is_some() {
        return usual;
    }
    out.events.truncate(first);
    let mut cursor = Cursor::new(frame);
    let mut seen = 0_u8;
    let mut position = 0;
    let mut history_trades = 0;
    // Where the levels begin, and where they end if they are still to be read.
    let mut deferred = None;
    cursor.byte(b'{')?;
    for index in 0.. {
        let key = key(&mut cursor, &learned.order, index)?;
        if seen & 1 << key != 0 {
            return None;
        }
        match key {
            CHANGES if seen & 1 << SYMBOL != 0 => levels(&mut cursor, expected, position, out)?,
            CHANGES => {
                let start = cursor.at();
                skip_changes(&mut cursor, learned, seen & 1 << AUCTIONS != 0)?;
                deferred = Some((start, cursor.at()));
            }
            SYMBOL => position = expected.markets.find(cursor.text()?)?,
            TYPE => {
                cursor.space();
                cursor.literal(b"\"l2_updates\"").then_some(())?;
            }
            TRADES => history_trades = cursor.skip_array()?,
            _ => drop(cursor.skip_array()?),
        }
        seen |= 1 << key;
        if !cursor.more(b'}')? {
            break;
        }
    }
    cursor.end()?;
    let required = 1 << CHANGES | 1 << SYMBOL | 1 << TYPE;
    if seen & required != required {
        return None;
    }
    if let Some((start, end)) = deferred {
        cursor.seek(start);
        levels(&mut cursor, expected, position, out)?;
        (cursor.at() == end).then_some(())?;
    }
    let is_snapshot = seen & (1 << TRADES | 1 << AUCTIONS) != 0;
    // The levels were read as what the state of the book lets expect.
    (is_snapshot == expects_snapshot(expected.books.state(position))?).then_some(())?;
    Some(BookFrame { position, is_snapshot, history_trades })
}

/// An update in the order of keys that the venue writes today, in one straight line: every byte
/// outside the values is compared with a literal. On `None` the events that it pushed are to be
/// dropped, and the reader of any order decides.
fn usual(
    frame: &[u8],
    expected: Expected<'_>,
    learned: &Learned,
    out: &mut Sink,
) -> Option<BookFrame> {
    let mut cursor = Cursor::new(frame);
    cursor.literal(b"{\"changes\":").then_some(())?;
    let start = cursor.at();
    // The symbol comes behind the levels and often has as many letters as the one before.
    let mut end = frame.len().wrapping_sub(learned.tail_len.get());
    if frame.get(end) != Some(&b',') || frame.get(end.wrapping_sub(1)) != Some(&b']') {
        end = memchr::memrchr(b']', frame)? + 1;
        learned.tail_len.set(frame.len() - end);
    }
    cursor.seek(end);
    cursor.literal(b",\"symbol\":").then_some(())?;
    let position = expected.markets.find(cursor.text()?)?;
    cursor.literal(b",\"type\":\"l2_updates\"}").then_some(())?;
    cursor.end()?;
    (expected.books.state(position) == BookState::Live).then_some(())?;
    cursor.seek(start);
    levels(&mut cursor, expected, position, out)?;
    let is_whole = cursor.at() == end;
    is_whole.then_some(BookFrame { position, is_snapshot: false, history_trades: 0 })
}

/// Whether the next message of a book is its snapshot; `None` for a book in doubt.
fn expects_snapshot(state: BookState) -> Option<bool> {
    match state {
        BookState::Empty => Some(true),
        BookState::Live => Some(false),
        BookState::Doubted => None,
    }
}

#[inline]
fn key(cursor: &mut Cursor<'_>, order: &KeyOrder<5>, index: usize) -> Option<u8> {
    let guess = order.guess(index);
    let hit = match guess {
        CHANGES => cursor.literal(b"\"changes\":"),
        SYMBOL => cursor.literal(b"\"symbol\":"),
        TYPE => cursor.literal(b"\"type\":"),
        TRADES => cursor.literal(b"\"trades\":"),
        AUCTIONS => cursor.literal(b"\"auction_events\":"),
        _ => false,
    };
    if hit {
        return Some(guess);
    }
    let key = match cursor.key()? {
        b"changes" => CHANGES,
        b"symbol" => SYMBOL,
        b"type" => TYPE,
        b"trades" => TRADES,
        b"auction_events" => AUCTIONS,
        _ => return None,
    };
    order.learn(index, key);
    Some(key)
}

/// Moves behind the array of levels, without reading them.
fn skip_changes(cursor: &mut Cursor<'_>, learned: &Learned, is_snapshot: bool) -> Option<()> {
    let (bytes, start) = (cursor.bytes(), cursor.at());
    // An update has no other array and often the same tail as the one before; in a snapshot, trades
    // follow.
    let guess = bytes.len().wrapping_sub(learned.tail_len.get());
    let last = if is_snapshot {
        learned.array_end.find(&bytes[start..]).map(|at| start + at + 1)
    } else if guess > start && bytes.get(guess - 1..=guess) == Some(b"],") {
        Some(guess - 1)
    } else {
        let last = memchr::memrchr(b']', &bytes[start..]).map(|at| start + at);
        learned.tail_len.set(last.map_or(0, |last| bytes.len() - last - 1));
        last
    };
    match last {
        Some(last) if last > start && bytes[last - 1] == b']' => {
            cursor.seek(last + 1);
            Some(())
        }
        _ => cursor.skip_array().map(drop),
    }
}

fn levels(
    cursor: &mut Cursor<'_>,
    expected: Expected<'_>,
    position: usize,
    out: &mut Sink,
) -> Option<()> {
    let is_snapshot = expects_snapshot(expected.books.state(position))?;
    let market = expected.markets.get(position);
    let event = Event {
        recv_ns: expected.recv_ns,
        venue_ns: 0,
        seq: 0,
        market: market.id,
        venue: Venue::Gemini,
        flags: Flags(if is_snapshot { Flags::SNAPSHOT } else { 0 }),
        body: Body::BookClear,
    };
    if is_snapshot {
        out.events.push(event);
    }
    cursor.byte(b'[')?;
    if cursor.peek()? == b']' {
        return cursor.byte(b']');
    }
    let factors = [factors(market.grid.tick), factors(market.grid.lot)];
    for _ in 0..FRAME_LEVELS_MAX {
        let plain = cursor.window().and_then(|text| plain_level(text, factors));
        let (side, price_ticks, size_lots) = if let Some((level, len)) = plain {
            cursor.seek(cursor.at() + len);
            level
        } else {
            let level = level(cursor, &market.grid)?;
            cursor.byte(b']')?;
            level
        };
        out.events.push(Event { body: Body::Level { side, price_ticks, size_lots }, ..event });
        if !cursor.literal(b",") && (cursor.literal(b"]") || !cursor.more(b']')?) {
            return Some(());
        }
    }
    None
}

/// Bytes that [`plain_level`] may look at: the longest such level, rounded up.
const LEVEL_WINDOW: usize = 64;

/// Side, price in ticks, size in lots.
type Level = (Side, u64, u64);

/// A level in the venue's own spelling, short numbers on the grid, and its length in bytes; `None`
/// for all else. Of what the next level's place depends on, as little as possible is computed: the place
/// is what the processor waits for.
#[inline(always)]
#[expect(clippy::inline_always, reason = "called in one place, with factors that stay the same")]
fn plain_level(text: &[u8; LEVEL_WINDOW], factors: [&Factors; 2]) -> Option<(Level, usize)> {
    let head = text.first_chunk::<8>()?;
    if head == b"[\"buy\",\"" {
        plain_numbers(text, 8, Side::Bid, factors)
    } else if head == b"[\"sell\"," && text[8] == b'"' {
        plain_numbers(text, 9, Side::Ask, factors)
    } else {
        None
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "the place of the first number is to be a constant")]
fn plain_numbers(
    text: &[u8; LEVEL_WINDOW],
    start: usize,
    side: Side,
    [tick, lot]: [&Factors; 2],
) -> Option<(Level, usize)> {
    let (price, price_len) = short_steps(text.get(start..)?.first_chunk()?, tick)?;
    let comma = start + price_len;
    (text.get(comma..comma + 2)? == b",\"").then_some(())?;
    let (size, size_len) = short_steps(text.get(comma + 2..)?.first_chunk()?, lot)?;
    let end = comma + 2 + size_len;
    (*text.get(end)? == b']').then_some(())?;
    let (price_ticks, size_lots) = (check_price_ticks(price).ok()?, check_size_lots(size).ok()?);
    Some(((side, price_ticks, size_lots), end + 1))
}

/// Any level, up to its closing bracket.
#[inline(never)]
fn level(cursor: &mut Cursor<'_>, grid: &Grid) -> Option<Level> {
    let side = if cursor.literal(b"[\"buy\",\"") {
        Side::Bid
    } else if cursor.literal(b"[\"sell\",\"") {
        Side::Ask
    } else {
        cursor.byte(b'[')?;
        let side = match cursor.text()? {
            b"buy" => Side::Bid,
            b"sell" => Side::Ask,
            _ => return None,
        };
        cursor.byte(b',')?;
        cursor.byte(b'"')?;
        side
    };
    let price = cursor.steps_to_quote(grid.tick)?;
    if !cursor.literal(b",\"") {
        cursor.byte(b',')?;
        cursor.byte(b'"')?;
    }
    let size = cursor.steps_to_quote(grid.lot)?;
    Some((side, check_price_ticks(price).ok()?, check_size_lots(size).ok()?))
}

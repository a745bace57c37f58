//! Book frames straight from bytes to events, without allocating.
//!
//! Takes only the plain case: one event, a known product, the expected sequence number, a book that
//! is live (for an update), every value on the grid and every time readable. For all else it returns
//! `None` and the typed path decides. The order of keys is free; the order last seen is tried first,
//! and a level whose bytes around the numbers equal those of the level before is compared instead of
//! read again.

use connector_net::books::{BookState, Books, FRAME_LEVELS_MAX};
use connector_net::scan::{Cursor, KeyOrder, Part};
use connector_net::time::MinuteMemo;
use connector_net::{Markets, Sink};
use engine_model::{Body, Event, Flags, Grid, Side, Venue};

use crate::usual;

/// What the reader learned of its connection.
#[derive(Clone, Debug)]
pub(crate) struct Learned {
    envelope: KeyOrder<5>,
    event: KeyOrder<3>,
    level: KeyOrder<4>,
    pub(crate) minute: MinuteMemo,
    level_minute: MinuteMemo,
    /// The last readable time of a level, as long as it has the usual length: levels share it.
    level_time: [u8; LEVEL_TIME_LEN],
}

/// Bytes of `2026-01-01T00:00:00.149812Z`.
const LEVEL_TIME_LEN: usize = 27;

impl Default for Learned {
    fn default() -> Self {
        Self {
            envelope: KeyOrder::default(),
            event: KeyOrder::default(),
            level: KeyOrder::default(),
            minute: MinuteMemo::default(),
            level_minute: MinuteMemo::default(),
            // A readable one from the beginning: any other bytes could come from a wire.
            level_time: *b"1970-01-01T00:00:00.000000Z",
        }
    }
}

impl Learned {
    /// Passes over a level's time.
    #[inline]
    pub(crate) fn level_time(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let start = cursor.at();
        if cursor.literal(b"\"") && cursor.literal(&self.level_time) && cursor.literal(b"\"") {
            return Some(());
        }
        cursor.seek(start);
        let text = cursor.text()?;
        self.level_minute.parse(text)?;
        if let Ok(usual) = text.try_into() {
            self.level_time = usual;
        }
        Some(())
    }
}

/// The decoder's state that a frame must fit.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) markets: &'a Markets,
    pub(crate) books: &'a Books,
    pub(crate) seq: u64,
    pub(crate) recv_ns: u64,
}

/// A frame whose events are in the sink, its batch not yet closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BookFrame {
    pub(crate) position: usize,
    pub(crate) venue_ns: u64,
    pub(crate) is_snapshot: bool,
}

const CHANNEL: u8 = 0;
const TIMESTAMP: u8 = 1;
const SEQUENCE: u8 = 2;
const EVENTS: u8 = 3;
const CLIENT: u8 = 4;

const TYPE: u8 = 0;
const PRODUCT: u8 = 1;
const UPDATES: u8 = 2;

const SIDE: u8 = 0;
const TIME: u8 = 1;
const PRICE: u8 = 2;
const QUANTITY: u8 = 3;

/// Reads a frame; on `None` the sink's open events are to be abandoned.
pub(crate) fn read(
    frame: &[u8],
    expected: Expected<'_>,
    learned: &mut Learned,
    out: &mut Sink,
) -> Option<BookFrame> {
    let first = out.events.len();
    let usual = usual::read(frame, expected, learned, out);
    if usual.is_some() {
        return usual;
    }
    out.events.truncate(first);
    let mut cursor = Cursor::new(frame);
    let mut seen = 0_u8;
    let mut venue_ns = 0;
    let mut found = None;
    cursor.byte(b'{')?;
    for index in 0.. {
        let key = envelope_key(&mut cursor, &learned.envelope, index)?;
        if seen & 1 << key != 0 {
            return None;
        }
        seen |= 1 << key;
        match key {
            CHANNEL => {
                cursor.space();
                cursor.literal(b"\"l2_data\"").then_some(())?;
            }
            TIMESTAMP => venue_ns = learned.minute.parse(cursor.text()?)?,
            SEQUENCE => (cursor.integer()? == expected.seq).then_some(())?,
            EVENTS => {
                cursor.byte(b'[')?;
                found = Some(event(&mut cursor, expected, venue_ns, learned, out)?);
                cursor.byte(b']')?;
            }
            _ => cursor.text()?.is_empty().then_some(())?,
        }
        if !cursor.more(b'}')? {
            break;
        }
    }
    cursor.end()?;
    let required = 1 << CHANNEL | 1 << TIMESTAMP | 1 << SEQUENCE | 1 << EVENTS;
    if seen & required != required {
        return None;
    }
    let (position, is_snapshot) = found?;
    // Keys that came behind the events.
    if out.events.get(first).is_some_and(|event| event.venue_ns != venue_ns) {
        out.events[first..].iter_mut().for_each(|event| event.venue_ns = venue_ns);
    }
    Some(BookFrame { position, venue_ns, is_snapshot })
}

#[inline]
fn envelope_key(cursor: &mut Cursor<'_>, order: &KeyOrder<5>, index: usize) -> Option<u8> {
    let guess = order.guess(index);
    let hit = match guess {
        CHANNEL => cursor.literal(b"\"channel\":"),
        TIMESTAMP => cursor.literal(b"\"timestamp\":"),
        SEQUENCE => cursor.literal(b"\"sequence_num\":"),
        EVENTS => cursor.literal(b"\"events\":"),
        CLIENT => cursor.literal(b"\"client_id\":"),
        _ => false,
    };
    if hit {
        return Some(guess);
    }
    let key = match cursor.key()? {
        b"channel" => CHANNEL,
        b"timestamp" => TIMESTAMP,
        b"sequence_num" => SEQUENCE,
        b"events" => EVENTS,
        b"client_id" => CLIENT,
        _ => return None,
    };
    order.learn(index, key);
    Some(key)
}

/// The one event of the frame: position of its market and whether it is a snapshot.
fn event(
    cursor: &mut Cursor<'_>,
    expected: Expected<'_>,
    venue_ns: u64,
    learned: &mut Learned,
    out: &mut Sink,
) -> Option<(usize, bool)> {
    let mut seen = 0_u8;
    let mut is_snapshot = false;
    let mut position = 0;
    let mut updates_at = None;
    let ready = 1 << TYPE | 1 << PRODUCT;
    cursor.byte(b'{')?;
    for index in 0.. {
        let key = event_key(cursor, &learned.event, index)?;
        if seen & 1 << key != 0 {
            return None;
        }
        match key {
            TYPE => {
                cursor.space();
                is_snapshot = cursor.literal(b"\"snapshot\"");
                (is_snapshot || cursor.literal(b"\"update\"")).then_some(())?;
            }
            PRODUCT => position = expected.markets.find(cursor.text()?)?,
            _ if seen & ready == ready => {
                let head = Head::new(expected, venue_ns, position, is_snapshot)?;
                levels(cursor, head, learned, out)?;
            }
            _ => {
                // The grid is not known yet: come back for the levels.
                updates_at = Some(cursor.at());
                cursor.skip_array()?;
            }
        }
        seen |= 1 << key;
        if !cursor.more(b'}')? {
            break;
        }
    }
    if seen != ready | 1 << UPDATES {
        return None;
    }
    if let Some(at) = updates_at {
        let end = cursor.at();
        cursor.seek(at);
        let head = Head::new(expected, venue_ns, position, is_snapshot)?;
        levels(cursor, head, learned, out)?;
        cursor.seek(end);
    }
    Some((position, is_snapshot))
}

#[inline]
fn event_key(cursor: &mut Cursor<'_>, order: &KeyOrder<3>, index: usize) -> Option<u8> {
    let guess = order.guess(index);
    let hit = match guess {
        TYPE => cursor.literal(b"\"type\":"),
        PRODUCT => cursor.literal(b"\"product_id\":"),
        UPDATES => cursor.literal(b"\"updates\":"),
        _ => false,
    };
    if hit {
        return Some(guess);
    }
    let key = match cursor.key()? {
        b"type" => TYPE,
        b"product_id" => PRODUCT,
        b"updates" => UPDATES,
        _ => return None,
    };
    order.learn(index, key);
    Some(key)
}

/// What all levels of the frame share.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    event: Event,
    grid: Grid,
    is_snapshot: bool,
}

impl Head {
    pub(crate) fn new(
        expected: Expected<'_>,
        venue_ns: u64,
        position: usize,
        is_snapshot: bool,
    ) -> Option<Self> {
        if !is_snapshot && expected.books.state(position) != BookState::Live {
            return None;
        }
        let market = expected.markets.get(position);
        let event = Event {
            recv_ns: expected.recv_ns,
            venue_ns,
            seq: expected.seq,
            market: market.id,
            venue: Venue::Coinbase,
            flags: Flags(if is_snapshot { Flags::SNAPSHOT } else { 0 }),
            body: Body::BookClear,
        };
        Some(Self { event, grid: market.grid, is_snapshot })
    }
}

/// The bytes around the two numbers of the level read last.
#[derive(Clone, Copy)]
pub(crate) struct Around {
    pub(crate) before: Part,
    pub(crate) between: Part,
    pub(crate) behind: Part,
    pub(crate) side: Side,
    pub(crate) layout: Layout,
}

/// Where the numbers stand in the level.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Price, then quantity, with nothing between or behind but what the usual order demands.
    Usual,
    PriceFirst,
    QuantityFirst,
}

pub(crate) const USUAL_BETWEEN: &[u8; 17] = b",\"new_quantity\":\"";

pub(crate) fn levels(
    cursor: &mut Cursor<'_>,
    head: Head,
    learned: &mut Learned,
    out: &mut Sink,
) -> Option<()> {
    let Head { event, grid, is_snapshot } = head;
    if is_snapshot {
        out.events.push(event);
    }
    cursor.byte(b'[')?;
    if cursor.peek()? == b']' {
        cursor.byte(b']')?;
        return Some(());
    }
    let mut around: Option<Around> = None;
    for _ in 0..FRAME_LEVELS_MAX {
        let repeated = around.as_ref().and_then(|around| again(cursor, around, &grid));
        let usual = || usual::level(cursor, &grid, learned, &mut around);
        let (side, price_ticks, size_lots) = match repeated.or_else(usual) {
            Some(level) => level,
            None => level(cursor, &grid, learned, &mut around)?,
        };
        let price_ticks = engine_model::grid::check_price_ticks(price_ticks).ok()?;
        let size_lots = engine_model::grid::check_size_lots(size_lots).ok()?;
        out.events.push(Event { body: Body::Level { side, price_ticks, size_lots }, ..event });
        if cursor.literal(b",") {
            continue;
        }
        if cursor.literal(b"]") || !cursor.more(b']')? {
            return Some(());
        }
    }
    None
}

/// A level whose bytes around the numbers are those of the one before.
#[inline]
fn again(cursor: &mut Cursor<'_>, around: &Around, grid: &Grid) -> Option<(Side, u64, u64)> {
    let start = cursor.at();
    let read = numbers_again(cursor, around, grid);
    let Some((price, size)) = read else {
        cursor.seek(start);
        return None;
    };
    Some((around.side, price, size))
}

#[inline]
fn numbers_again(cursor: &mut Cursor<'_>, around: &Around, grid: &Grid) -> Option<(u64, u64)> {
    cursor.same(around.before).then_some(())?;
    match around.layout {
        Layout::Usual => {
            let price = cursor.steps_to_quote(grid.tick)?;
            cursor.literal(USUAL_BETWEEN).then_some(())?;
            let size = cursor.steps_to_quote(grid.lot)?;
            cursor.literal(b"}").then_some((price, size))
        }
        Layout::PriceFirst => {
            let price = cursor.steps_to_quote(grid.tick)?;
            cursor.same(around.between).then_some(())?;
            let size = cursor.steps_to_quote(grid.lot)?;
            cursor.same(around.behind).then_some((price, size))
        }
        Layout::QuantityFirst => {
            let size = cursor.steps_to_quote(grid.lot)?;
            cursor.same(around.between).then_some(())?;
            let price = cursor.steps_to_quote(grid.tick)?;
            cursor.same(around.behind).then_some((price, size))
        }
    }
}

/// A level with its keys in any order.
fn level(
    cursor: &mut Cursor<'_>,
    grid: &Grid,
    learned: &mut Learned,
    around: &mut Option<Around>,
) -> Option<(Side, u64, u64)> {
    let mut seen = 0_u8;
    let mut side = Side::Bid;
    let (mut price, mut size) = (Number::default(), Number::default());
    cursor.space();
    let start = cursor.at();
    cursor.byte(b'{')?;
    for index in 0..4 {
        let key = level_key(cursor, &learned.level, index)?;
        match key {
            SIDE => {
                cursor.space();
                side = if cursor.literal(b"\"bid\"") {
                    Side::Bid
                } else {
                    cursor.literal(b"\"offer\"").then_some(Side::Ask)?
                };
            }
            TIME => learned.level_time(cursor)?,
            PRICE => price = Number::read(cursor, grid.tick)?,
            _ => size = Number::read(cursor, grid.lot)?,
        }
        seen |= 1 << key;
        if cursor.more(b'}')? != (index < 3) {
            return None;
        }
    }
    if seen != 0b1111 {
        return None;
    }
    let price_first = price.start < size.start;
    let (first, second) = if price_first { (price, size) } else { (size, price) };
    let between = Part::between(first.end, second.start);
    let behind = Part::between(second.end, cursor.at());
    let bytes = cursor.bytes();
    let is_usual = price_first && behind.len == 1 && between.of(bytes) == USUAL_BETWEEN;
    let layout = match (is_usual, price_first) {
        (true, _) => Layout::Usual,
        (false, true) => Layout::PriceFirst,
        (false, false) => Layout::QuantityFirst,
    };
    let before = Part::between(start, first.start);
    *around = Some(Around { before, between, behind, side, layout });
    Some((side, price.steps, size.steps))
}

#[inline]
fn level_key(cursor: &mut Cursor<'_>, order: &KeyOrder<4>, index: usize) -> Option<u8> {
    let guess = order.guess(index);
    let hit = match guess {
        SIDE => cursor.literal(b"\"side\":"),
        TIME => cursor.literal(b"\"event_time\":"),
        PRICE => cursor.literal(b"\"price_level\":"),
        QUANTITY => cursor.literal(b"\"new_quantity\":"),
        _ => false,
    };
    if hit {
        return Some(guess);
    }
    let key = match cursor.key()? {
        b"side" => SIDE,
        b"event_time" => TIME,
        b"price_level" => PRICE,
        b"new_quantity" => QUANTITY,
        _ => return None,
    };
    order.learn(index, key);
    Some(key)
}

/// A number and where its digits stand: from behind the opening to behind the closing quote.
#[derive(Clone, Copy, Default)]
struct Number {
    steps: u64,
    start: usize,
    end: usize,
}

impl Number {
    #[inline]
    fn read(cursor: &mut Cursor<'_>, step: engine_model::grid::Step) -> Option<Self> {
        cursor.byte(b'"')?;
        let start = cursor.at();
        let steps = cursor.steps_to_quote(step)?;
        Some(Self { steps, start, end: cursor.at() })
    }
}

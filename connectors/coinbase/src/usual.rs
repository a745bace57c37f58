//! Update frames in the order of keys that the venue writes today, in one straight line.
//!
//! Every byte outside the values is compared with a literal. Whatever differs is left to the reader
//! that takes any order; both give the same events.

use connector_net::Sink;
use connector_net::scan::{Cursor, Part};
use engine_model::{Grid, Side};

use crate::fast::{Around, BookFrame, Expected, Head, Layout, Learned, USUAL_BETWEEN, levels};

/// Reads an update; on `None` the events that it pushed are to be dropped.
pub(crate) fn read(
    frame: &[u8],
    expected: Expected<'_>,
    learned: &mut Learned,
    out: &mut Sink,
) -> Option<BookFrame> {
    let mut cursor = Cursor::new(frame);
    cursor.literal(b"{\"channel\":\"l2_data\",").then_some(())?;
    // Documented, and empty; the recordings have none.
    let _ = cursor.literal(b"\"client_id\":\"\",");
    cursor.literal(b"\"timestamp\":").then_some(())?;
    let venue_ns = learned.minute.parse(cursor.text()?)?;
    cursor.literal(b",\"sequence_num\":").then_some(())?;
    (cursor.integer()? == expected.seq).then_some(())?;
    cursor.literal(b",\"events\":[{\"type\":\"update\",\"product_id\":").then_some(())?;
    let position = expected.markets.find(cursor.text()?)?;
    cursor.literal(b",\"updates\":").then_some(())?;
    let head = Head::new(expected, venue_ns, position, false)?;
    levels(&mut cursor, head, learned, out)?;
    cursor.literal(b"}]}").then_some(())?;
    cursor.end()?;
    Some(BookFrame { position, venue_ns, is_snapshot: false })
}

/// Reads a level; on `None` the cursor stands where it stood.
#[inline]
pub(crate) fn level(
    cursor: &mut Cursor<'_>,
    grid: &Grid,
    learned: &mut Learned,
    around: &mut Option<Around>,
) -> Option<(Side, u64, u64)> {
    let start = cursor.at();
    let read = read_level(cursor, grid, learned, around);
    if read.is_none() {
        cursor.seek(start);
    }
    read
}

#[inline]
fn read_level(
    cursor: &mut Cursor<'_>,
    grid: &Grid,
    learned: &mut Learned,
    around: &mut Option<Around>,
) -> Option<(Side, u64, u64)> {
    let start = cursor.at();
    cursor.literal(b"{\"side\":\"").then_some(())?;
    let side = if cursor.literal(b"bid\",\"event_time\":") {
        Side::Bid
    } else {
        cursor.literal(b"offer\",\"event_time\":").then_some(Side::Ask)?
    };
    learned.level_time(cursor)?;
    cursor.literal(b",\"price_level\":\"").then_some(())?;
    let price_at = cursor.at();
    let price_ticks = cursor.steps_to_quote(grid.tick)?;
    let between_at = cursor.at();
    cursor.literal(USUAL_BETWEEN).then_some(())?;
    let size_at = cursor.at();
    let size_lots = cursor.steps_to_quote(grid.lot)?;
    let behind_at = cursor.at();
    cursor.literal(b"}").then_some(())?;
    *around = Some(Around {
        before: Part::between(start, price_at),
        between: Part::between(between_at, size_at),
        behind: Part::between(behind_at, cursor.at()),
        side,
        layout: Layout::Usual,
    });
    Some((side, price_ticks, size_lots))
}

//! What a frame of any kind does, read through serde.

use connector_net::books::{FRAME_LEVELS_MAX, Refusal, frame_text};
use connector_net::decimal::{parse_level, parse_size};
use connector_net::scan::{Bounded, Text};
use connector_net::{Odd, Sink};
use engine_model::{Body, Event, GridError, Side};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::chain::Verdict;
use super::{Arrival, CurrentDecoder, Depth, stamp, wire};

impl CurrentDecoder {
    /// Reads any frame. An error means that it may have been a difference of any book.
    pub(super) fn typed(
        &mut self,
        arrival: Arrival,
        frame: &[u8],
        out: &mut Sink,
    ) -> Result<(), Refusal> {
        let text = frame_text(frame)?;
        let envelope: wire::Envelope<'_> =
            serde_json::from_str(text).map_err(|error| Refusal::of_json(&error))?;
        match envelope.e.as_ref().map(|kind| &*kind.0) {
            Some("depthUpdate") => return self.difference(arrival, &envelope, out),
            // Something new with levels may be a book under another name.
            Some(_) if envelope.b.is_some() && envelope.a.is_some() => {
                return Err(Refusal { odd: Odd::UnknownChannel, ..Refusal::BAD_SHAPE });
            }
            Some(_) => self.counts.add(Odd::UnknownChannel),
            None if envelope.last_update_id.is_some() => self.counts.add(Odd::UnknownChannel),
            None if envelope.m.is_some() && envelope.t.is_some() => {
                self.trade(arrival, &envelope, out);
            }
            None if envelope.bid_size.is_some() && envelope.ask_size.is_some() => {
                self.ticker(arrival, &envelope, out);
            }
            None if envelope.status.is_some() && envelope.id.is_some() => {
                self.reply(arrival, &envelope, out);
            }
            None => return Err(Refusal::BAD_SHAPE),
        }
        out.close(arrival.line);
        Ok(())
    }

    fn difference(
        &mut self,
        arrival: Arrival,
        envelope: &wire::Envelope<'_>,
        out: &mut Sink,
    ) -> Result<(), Refusal> {
        let symbol = envelope.s.as_ref().ok_or(Refusal::BAD_SHAPE)?;
        let Some(position) = self.markets.find_or_add(&symbol.0) else {
            self.counts.add(Odd::UnknownMarket);
            return Ok(());
        };
        let ids = (read::<u64>(envelope.first), read::<u64>(envelope.last));
        let (Some(first), Some(last)) = ids else {
            self.refuse(arrival, position, Refusal::BAD_SHAPE, out);
            return Ok(());
        };
        let venue_ns = self.read_time(arrival.recv_ns, envelope.time);
        let depth = Depth { position, first, last, venue_ns };
        let verdict = self.judge(depth);
        self.counts.typed += u64::from(verdict != Verdict::Snapshot);
        let is_wanted = matches!(verdict, Verdict::Snapshot | Verdict::Apply);
        match if is_wanted { self.levels(arrival, depth, envelope, out) } else { Ok(()) } {
            Ok(()) => self.settle(arrival, depth, verdict, out),
            Err(refusal) => self.refuse(arrival, position, refusal, out),
        }
        Ok(())
    }

    /// Pushes the levels, bids first.
    fn levels(
        &self,
        arrival: Arrival,
        depth: Depth,
        envelope: &wire::Envelope<'_>,
        out: &mut Sink,
    ) -> Result<(), Refusal> {
        let market = self.markets.get(depth.position);
        let stamp = stamp(arrival.recv_ns, depth.venue_ns, depth.last);
        let mut count = 0;
        for (side, raw) in [(Side::Bid, envelope.b), (Side::Ask, envelope.a)] {
            let levels: Bounded<wire::Level<'_>> = read(raw).ok_or(Refusal::BAD_SHAPE)?;
            count += levels.list.len();
            if levels.over || count > FRAME_LEVELS_MAX {
                return Err(Refusal::TOO_LARGE);
            }
            for wire::Level(price, size) in &levels.list {
                let (price_ticks, size_lots) =
                    parse_level(price.bytes(), size.bytes(), &market.grid)
                        .map_err(Refusal::of_value)?;
                out.push(stamp, market.id, Body::Level { side, price_ticks, size_lots });
            }
        }
        Ok(())
    }

    fn trade(&mut self, arrival: Arrival, envelope: &wire::Envelope<'_>, out: &mut Sink) {
        let parts = (
            envelope.s.as_ref(),
            read::<u64>(envelope.t),
            read::<bool>(envelope.m),
            read::<Text<'_>>(envelope.p),
            read::<Text<'_>>(envelope.q),
        );
        let (Some(symbol), Some(trade_id), Some(is_buyer_maker), Some(price), Some(size)) = parts
        else {
            return self.counts.add(Odd::BadShape);
        };
        let Some(position) = self.markets.find_or_add(&symbol.0) else {
            return self.counts.add(Odd::UnknownMarket);
        };
        let venue_ns = self.read_time(arrival.recv_ns, envelope.time);
        let market = self.markets.get(position);
        match parse_level(price.bytes(), size.bytes(), &market.grid) {
            Ok((price_ticks, size_lots)) => {
                let maker_side = if is_buyer_maker { Side::Bid } else { Side::Ask };
                let body = Body::Trade { maker_side, price_ticks, size_lots, trade_id };
                out.push(stamp(arrival.recv_ns, venue_ns, 0), market.id, body);
            }
            Err(error) => self.counts.add(Refusal::of_value(error).odd),
        }
    }

    fn ticker(&mut self, arrival: Arrival, envelope: &wire::Envelope<'_>, out: &mut Sink) {
        let Some(symbol) = &envelope.s else { return self.counts.add(Odd::BadShape) };
        let Some(position) = self.markets.find_or_add(&symbol.0) else {
            return self.counts.add(Odd::UnknownMarket);
        };
        let market = self.markets.get(position);
        // Absent, empty and zero all mean that there is no such price.
        let ticks = |raw: Option<&RawValue>| match raw.map(|raw| read::<Text<'_>>(Some(raw))) {
            Some(Some(text)) if !text.0.is_empty() => parse_size(text.bytes(), market.grid.tick),
            Some(None) => Err(GridError::Malformed),
            Some(Some(_)) | None => Ok(0),
        };
        let prices = (ticks(envelope.b), ticks(envelope.a), ticks(envelope.c));
        let (id, seq) = (market.id, read::<u64>(envelope.last).unwrap_or(0));
        match prices {
            (Ok(bid_ticks), Ok(ask_ticks), Ok(last_ticks)) => {
                let venue_ns = self.read_time(arrival.recv_ns, envelope.time);
                let body = Body::Ticker { bid_ticks, ask_ticks, last_ticks };
                out.push(stamp(arrival.recv_ns, venue_ns, seq), id, body);
            }
            (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error)) => {
                self.counts.add(Refusal::of_value(error).odd);
            }
        }
    }

    fn reply(&mut self, arrival: Arrival, envelope: &wire::Envelope<'_>, out: &mut Sink) {
        match read::<u64>(envelope.status) {
            Some(200) => {
                let body = Body::Heartbeat { counter: 0 };
                out.push(stamp(arrival.recv_ns, 0, 0), Event::NO_MARKET, body);
            }
            Some(_) => self.counts.add(Odd::VenueError),
            None => self.counts.add(Odd::BadShape),
        }
    }

    fn read_time(&mut self, recv_ns: u64, raw: Option<&RawValue>) -> u64 {
        let Some(venue_ns) = read::<u64>(raw) else {
            self.counts.add(Odd::BadTime);
            return 0;
        };
        self.note_time(recv_ns, venue_ns);
        venue_ns
    }
}

/// Reads a part whose syntax the envelope has proven already.
fn read<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

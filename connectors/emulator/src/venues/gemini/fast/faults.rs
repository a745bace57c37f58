//! Faults of one connection in the venue's own words.

use super::Fast;
use crate::happening::{Change, Side};
use crate::serve::{Disturbance, Out};
use crate::venues::gemini::desk::Symbol;
use crate::venues::gemini::streams::{self, Kind, Stream};
use crate::venues::mirror::Mirror;

/// Close codes: service restart, policy.
const RESTART: u16 = 1012;
const POLICY: u16 = 1008;

impl Fast {
    /// Expresses a fault. False: there is no such thing here, or nothing to show it on.
    pub(super) fn express(&mut self, now_ns: u64, what: &Disturbance, out: &mut Vec<Out>) -> bool {
        match what {
            Disturbance::CrossedBook { product } => return self.cross(now_ns, product, out),
            Disturbance::GiantFrame { bytes } => self.giant(now_ns, *bytes, out),
            Disturbance::Maintenance => {
                out.push(Out::Close(RESTART, "maintenance".to_owned()));
            }
            Disturbance::AuthExpired => {
                if self.account.is_some() {
                    out.push(Out::Close(POLICY, "unauthorized".to_owned()));
                }
            }
            Disturbance::AuthRestored => {}
            Disturbance::SubscriptionDropped => {
                if self.streams.is_empty() {
                    return false;
                }
                self.streams.remove(0);
                self.forget_mirrors();
            }
            Disturbance::SlotLag { .. }
            | Disturbance::SplitSlot { .. }
            | Disturbance::MissingAccounts { .. } => return false,
        }
        true
    }

    /// The stream that a fault of a product's book is shown on, and its product.
    fn depth_stream(&mut self, product: Option<&str>) -> Option<(&mut Stream, &Symbol, &Mirror)> {
        let wanted = product.map(|name| self.desk.index_of(name));
        let stream = self.streams.iter_mut().find(|stream| {
            stream.kind == Kind::Depth && wanted.is_none_or(|wanted| wanted == Some(stream.symbol))
        })?;
        let symbol = &self.desk.symbols[stream.symbol];
        let mirror = self.mirrors.get(&stream.symbol)?;
        Some((stream, symbol, mirror))
    }

    fn cross(&mut self, now_ns: u64, product: &str, out: &mut Vec<Out>) -> bool {
        let Some((stream, symbol, mirror)) = self.depth_stream(Some(product)) else { return false };
        let Some((ask, size)) = mirror.best(Side::Ask) else { return false };
        // The truth's next update has a higher number, so the chain stays whole.
        let chain = (stream.last, stream.last + 1);
        let bid = Change { side: Side::Bid, price_e8: ask + symbol.tick_e8, size_e8: size };
        out.push(Out::Text(streams::depth(symbol, now_ns, chain, &[bid])));
        true
    }

    /// Deletions of levels far away that were never there, in a frame that repeats the last update.
    fn giant(&mut self, now_ns: u64, bytes: usize, out: &mut Vec<Out>) {
        let Some((stream, symbol, mirror)) = self.depth_stream(None) else {
            let text =
                format!("{{\"id\":null,\"status\":200,\"result\":\"{}\"}}", "x".repeat(bytes));
            out.push(Out::Text(text));
            return;
        };
        let far = mirror.best(Side::Ask).map_or(symbol.tick_e8, |(at, _)| at * 4);
        // A row takes at least 20 bytes.
        let rows: Vec<Change> = (0..=bytes as u64 / 20)
            .map(|number| Change {
                side: Side::Ask,
                price_e8: far + number * symbol.tick_e8,
                size_e8: 0,
            })
            .collect();
        out.push(Out::Text(streams::depth(symbol, now_ns, (stream.last, stream.last), &rows)));
    }
}

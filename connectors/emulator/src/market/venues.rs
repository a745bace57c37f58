//! The three exchange connections.

use super::START_PRICE_MICROS;
use super::World;
use super::agenda::{Action, Agenda, VenueStep};
use super::bitstamp::{Bitstamp, Pair};
use super::coinbase::Coinbase;
use super::exchange::Quoter;
use super::frame::{Kind, Stream};
use super::gemini::Gemini;
use super::ladder::{Change, Ladder, Rules};
use super::rng::Rng;
use super::script::Exchange;

/// USDC/USD at Bitstamp.
const PEG_RULES: Rules = Rules {
    tick_micros: 10,
    lots_per_milli: 100,
    size_scale: 1_500,
    half_spread_ticks: 2,
    gap_ticks: 6,
    near_max: 18,
};

/// Mean time between two quotes of USDC/USD. Unit: microseconds.
const PEG_US: u64 = 260_000;

/// Bitstamp's channels in the order in which they are subscribed.
const BITSTAMP_CHANNELS: [&str; 4] = [
    "diff_order_book_solusd",
    "diff_order_book_usdcusd",
    "live_trades_solusd",
    "live_trades_usdcusd",
];

/// All three.
#[derive(Clone, Debug)]
pub(super) struct Venues {
    quoters: [Quoter; 3],
    peg: Ladder,
    peg_rng: Rng,
    coinbase: Coinbase,
    gemini: Gemini,
    bitstamp: Bitstamp,
    /// Time of the newest change of each Bitstamp book. Unit: Unix microseconds.
    bitstamp_us: [u64; 2],
}

impl Venues {
    pub(super) fn new(rng: &mut Rng, agenda: &mut Agenda) -> Self {
        let quoters = Exchange::ALL.map(|exchange| Quoter::new(exchange, rng, START_PRICE_MICROS));
        let peg = Ladder::new(PEG_RULES, rng.fork(), 999_900, 500_000);
        for exchange in Exchange::ALL {
            agenda.put(0, Action::Venue(VenueStep::Open(exchange)));
        }
        Self {
            quoters,
            peg,
            peg_rng: rng.fork(),
            coinbase: Coinbase::new(),
            gemini: Gemini::new(),
            bitstamp: Bitstamp::new(),
            bitstamp_us: [0; 2],
        }
    }

    pub(super) fn act(
        &mut self,
        at_us: u64,
        step: VenueStep,
        world: &mut World,
        agenda: &mut Agenda,
    ) {
        match step {
            VenueStep::Open(Exchange::Coinbase) => Self::open_coinbase(world, agenda),
            VenueStep::Open(Exchange::Gemini) => Self::open_gemini(world, agenda),
            VenueStep::Open(Exchange::Bitstamp) => self.open_bitstamp(world, agenda),
            VenueStep::Snapshot(exchange) => self.snapshot(at_us, exchange, world, agenda),
            VenueStep::PegSnapshot => {
                let text = Bitstamp::book(Pair::USDC, self.bitstamp_us[1], &self.peg);
                put_http(
                    world,
                    at_us + 250_000,
                    Stream::Bitstamp,
                    &Bitstamp::book_url(Pair::USDC),
                    text,
                );
            }
            VenueStep::Quote(exchange) => {
                let quoter = &mut self.quoters[exchange as usize];
                let changes = quoter.quote(at_us, world);
                let next = quoter.next_quote_us(at_us, world);
                self.publish(at_us, exchange, &changes, world);
                agenda.put(next, Action::Venue(step));
            }
            VenueStep::Trade(exchange) => {
                self.trade(at_us, exchange, world);
                let next = self.quoters[exchange as usize].next_trade_us(at_us);
                agenda.put(next, Action::Venue(step));
            }
            VenueStep::Peg => self.quote_peg(at_us, world, agenda),
            VenueStep::Beat(exchange) => self.beat(at_us, exchange, world, agenda),
        }
    }

    fn open_coinbase(world: &mut World, agenda: &mut Agenda) {
        let stream = Stream::Coinbase;
        let products = Coinbase::products(START_PRICE_MICROS / 10_000);
        put_http(world, 1_000, stream, Coinbase::PRODUCTS_URL, products);
        world.outbox.put(stream, 6_000, Kind::Connect, Coinbase::ADDRESS.to_owned());
        for (at_us, channel) in (148_000..).step_by(170).zip(Coinbase::CHANNELS) {
            world.outbox.put(stream, at_us, Kind::Send, Coinbase::subscribe(channel));
        }
        agenda.put(460_000, Action::Venue(VenueStep::Snapshot(Exchange::Coinbase)));
    }

    fn open_gemini(world: &mut World, agenda: &mut Agenda) {
        let stream = Stream::Gemini;
        put_http(world, 2_000, stream, Gemini::DETAILS_URL, Gemini::details());
        world.outbox.put(stream, 9_000, Kind::Connect, Gemini::ADDRESS.to_owned());
        world.outbox.put(stream, 181_000, Kind::Send, Gemini::subscribe());
        agenda.put(420_000, Action::Venue(VenueStep::Snapshot(Exchange::Gemini)));
    }

    fn open_bitstamp(&mut self, world: &mut World, agenda: &mut Agenda) {
        let stream = Stream::Bitstamp;
        self.bitstamp_us = [world.unix_ns(0) / 1_000; 2];
        put_http(world, 1_500, stream, Bitstamp::MARKETS_URL, Bitstamp::markets());
        world.outbox.put(stream, 12_000, Kind::Connect, Bitstamp::ADDRESS.to_owned());
        for (at_us, channel) in (96_000..).step_by(90).zip(BITSTAMP_CHANNELS) {
            world.outbox.put(stream, at_us, Kind::Send, Bitstamp::subscribe(channel));
            world.outbox.venue_sends(stream, at_us + 70_000, Bitstamp::subscribed(channel));
        }
        // Diffs flow before the REST answers, so that the join has something to prove.
        for (at_us, step) in [
            (190_000, VenueStep::Quote(Exchange::Bitstamp)),
            (210_000, VenueStep::Peg),
            (900_000, VenueStep::Snapshot(Exchange::Bitstamp)),
            (960_000, VenueStep::PegSnapshot),
            (1_400_000, VenueStep::Trade(Exchange::Bitstamp)),
        ] {
            agenda.put(at_us, Action::Venue(step));
        }
    }

    fn snapshot(&mut self, at_us: u64, exchange: Exchange, world: &mut World, agenda: &mut Agenda) {
        let at_ns = world.unix_ns(at_us);
        let quoter = &mut self.quoters[exchange as usize];
        match exchange {
            Exchange::Coinbase => {
                let history = quoter.history(at_ns, 12);
                let book = &self.quoters[0].ladder;
                let texts = [
                    self.coinbase.trades(true, at_ns, &history),
                    self.coinbase.subscribed("market_trades", at_ns + 96_346),
                    self.coinbase.snapshot(at_ns + 231_118, at_ns - 3_137_000, book),
                    self.coinbase.subscribed("level2", at_ns + 300_501),
                    self.coinbase.subscribed("heartbeats", at_ns + 388_040),
                ];
                for text in texts {
                    world.outbox.venue_sends(Stream::Coinbase, at_us, text);
                }
            }
            Exchange::Gemini => {
                let history = quoter.history(at_ns, 10);
                let text = self.gemini.snapshot(&self.quoters[1].ladder, &history);
                world.outbox.venue_sends(Stream::Gemini, at_us, text);
            }
            Exchange::Bitstamp => {
                let text = Bitstamp::book(Pair::SOL, self.bitstamp_us[0], &self.quoters[2].ladder);
                let url = Bitstamp::book_url(Pair::SOL);
                put_http(world, at_us + 240_000, Stream::Bitstamp, &url, text);
                return;
            }
        }
        for (pause, step) in [
            (15_000, VenueStep::Quote(exchange)),
            (500_000, VenueStep::Trade(exchange)),
            (371_000, VenueStep::Beat(exchange)),
        ] {
            agenda.put(at_us + pause, Action::Venue(step));
        }
    }

    /// Sends changed levels, if there are any.
    fn publish(&mut self, at_us: u64, exchange: Exchange, changes: &[Change], world: &mut World) {
        if changes.is_empty() {
            return;
        }
        let at_ns = world.unix_ns(at_us);
        let (stream, text) = match exchange {
            Exchange::Coinbase => {
                // The event is older than its frame; nanoseconds come from the level changed.
                let own_ns = changes[0].size_lots.wrapping_mul(7_919) % 1_000;
                let event_ns = at_ns - 4_000_000 - changes[0].price_ticks % 977 * 1_000;
                (Stream::Coinbase, self.coinbase.update(at_ns + own_ns, event_ns, changes))
            }
            Exchange::Gemini => (Stream::Gemini, Gemini::update(changes)),
            Exchange::Bitstamp => {
                self.bitstamp_us[0] = at_ns / 1_000;
                (Stream::Bitstamp, Bitstamp::diff(Pair::SOL, at_ns / 1_000, changes))
            }
        };
        world.outbox.venue_sends(stream, at_us, text);
    }

    /// A print, and the level it leaves behind.
    fn trade(&mut self, at_us: u64, exchange: Exchange, world: &mut World) {
        let Some(print) = self.quoters[exchange as usize].trade() else { return };
        let at_ns = world.unix_ns(at_us);
        let (stream, text) = match exchange {
            Exchange::Coinbase => {
                let event_ns = at_ns - 2_000_000;
                (Stream::Coinbase, self.coinbase.trades(false, at_ns, &[(event_ns, print)]))
            }
            Exchange::Gemini => (Stream::Gemini, self.gemini.trade(at_ns, &print)),
            Exchange::Bitstamp => {
                (Stream::Bitstamp, self.bitstamp.trade(Pair::SOL, at_ns / 1_000, &print))
            }
        };
        world.outbox.venue_sends(stream, at_us, text);
        let left = Change {
            side: print.maker,
            price_ticks: print.price_ticks,
            size_lots: print.left_lots,
        };
        self.publish(at_us + 40, exchange, &[left], world);
    }

    fn quote_peg(&mut self, at_us: u64, world: &mut World, agenda: &mut Agenda) {
        let at_ms = at_us / 1_000;
        let peg = world.script.peg_micros.at(at_ms) + self.peg_rng.bell(40);
        let peg = u64::try_from(peg).expect("Invariant: the script's peg is far above zero");
        let changes = self.peg.requote(peg, [None, None]);
        if !changes.is_empty() {
            self.bitstamp_us[1] = world.unix_ns(at_us) / 1_000;
            let text = Bitstamp::diff(Pair::USDC, self.bitstamp_us[1], &changes);
            world.outbox.venue_sends(Stream::Bitstamp, at_us, text);
        }
        let pause = self.peg_rng.between(PEG_US / 4, PEG_US * 7 / 4);
        let step = world.script.peg_micros.next_after(at_ms).map_or(u64::MAX, |ms| ms * 1_000);
        agenda.put((at_us + pause).min(step), Action::Venue(VenueStep::Peg));
    }

    fn beat(&mut self, at_us: u64, exchange: Exchange, world: &mut World, agenda: &mut Agenda) {
        let at_ns = world.unix_ns(at_us);
        let (stream, text, pause) = match exchange {
            Exchange::Coinbase => {
                (Stream::Coinbase, self.coinbase.heartbeat(at_ns + 1_524_364), 1_000_000)
            }
            Exchange::Gemini => (Stream::Gemini, Gemini::heartbeat(at_ns), 5_000_000),
            // Bitstamp's heartbeat is the client's, and this client does without.
            Exchange::Bitstamp => return,
        };
        world.outbox.venue_sends(stream, at_us, text);
        agenda.put(at_us + pause, Action::Venue(VenueStep::Beat(exchange)));
    }
}

fn put_http(world: &mut World, recv_us: u64, stream: Stream, url: &str, text: String) {
    let kind = Kind::Http { url: url.to_owned(), request: None };
    world.outbox.put(stream, recv_us, kind, text);
}

//! The run whose decisions come next: its names, its clock, its own rows.

use engine_core::tables::PairSpec;
use engine_journal::records::Begin;
use engine_model::{AssetId, Body, Event, MarketId, PairId};

use crate::error::StoreError;
use crate::rows::{Again, Place, Row, Rows};

/// Wall time from core time, as the core has it: an offset that clock events set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the postfix is the unit")]
pub(crate) struct WallClock {
    /// Wall time minus core time. Unit: nanoseconds.
    pub(crate) offset_ns: i64,
    /// Since this core time.
    pub(crate) from_ns: u64,
    /// The offset until then: a timer that fires before a clock event is recorded after it.
    pub(crate) before_ns: i64,
}

impl WallClock {
    fn set(&mut self, core_ns: u64, wall_ns: u64) {
        let offset = i128::from(wall_ns) - i128::from(core_ns);
        // As the core: a clock that is centuries off saturates.
        let offset_ns = i64::try_from(offset).unwrap_or(i64::MAX);
        *self = Self { offset_ns, from_ns: core_ns, before_ns: self.offset_ns };
    }
}

/// A run.
#[derive(Debug)]
pub(crate) struct Run {
    /// Its column: the number of the record with which its history began.
    pub(crate) id: u64,
    /// Number of the record with which it began itself.
    pub(crate) begin_seq: u64,
    begin: Begin,
    pairs: Vec<PairSpec>,
    pub(crate) clock: WallClock,
}

impl Run {
    /// A run from its first record. `before` is the run before it in the journal, if any.
    pub(crate) fn new(
        place: Place<'_>,
        begin: Begin,
        before: Option<&Self>,
    ) -> Result<Self, StoreError> {
        // A core that goes on from an anchor goes on counting, and keeps its clock.
        let before = before.filter(|_| begin.from_anchor.is_some());
        let mut clock = before.map_or_else(WallClock::default, |it| it.clock);
        if begin.clock != (0, 0) {
            clock.set(begin.clock.0, begin.clock.1);
        }
        let id = before.map_or(place.seq, |it| it.id);
        Self::known(place, begin, id, clock)
    }

    /// A run of which all is known.
    pub(crate) fn known(
        place: Place<'_>,
        begin: Begin,
        id: u64,
        clock: WallClock,
    ) -> Result<Self, StoreError> {
        let pairs = begin.tables.check().and_then(|()| begin.tables.pairs());
        let pairs = pairs.map_err(|error| place.bad(format!("the run's tables: {error:?}")))?;
        Ok(Self { id, begin_seq: place.seq, begin, pairs, clock })
    }

    /// Wall time at a core time. Unit: Unix nanoseconds.
    pub(crate) const fn wall_ns(&self, core_ns: u64) -> u64 {
        let clock = &self.clock;
        let is_since = core_ns >= clock.from_ns;
        core_ns.saturating_add_signed(if is_since { clock.offset_ns } else { clock.before_ns })
    }

    /// Takes what a batch of the ledger says of the time.
    pub(crate) fn observe(&mut self, events: &[Event]) {
        for event in events {
            if let Body::Clock { wall_ns } = event.body {
                self.clock.set(event.recv_ns, wall_ns);
            }
        }
    }

    /// A market's name; its number where it has none.
    pub(crate) fn market(&self, id: MarketId) -> String {
        name(&self.begin.names.markets, id.index())
    }

    /// An asset's name.
    pub(crate) fn asset(&self, id: AssetId) -> String {
        name(&self.begin.names.assets, id.index())
    }

    /// A pair's name.
    pub(crate) fn pair(&self, id: PairId) -> String {
        match self.pairs.get(id.index()) {
            Some(pair) => self.route(pair),
            None => format!("#{}", id.0),
        }
    }

    fn route(&self, pair: &PairSpec) -> String {
        let instrument = |index: usize| name(&self.begin.names.instruments, index);
        format!("{} → {}", instrument(pair.buy.index()), instrument(pair.sell.index()))
    }

    /// Writes the run's own rows.
    pub(crate) fn write(&self, rows: &mut Rows<'_>, place: Place<'_>) -> Result<(), StoreError> {
        let begin = &self.begin;
        let row = Row::of(place)
            .int("begin_seq", place.seq)?
            .int("run", self.id)?
            .int_or_null("from_anchor_seq", begin.from_anchor)?
            .text("build", &begin.build)
            .text("part", &begin.part)
            .text("mode", &begin.mode)
            .text("config_name", &begin.config_name)
            .int("numeraire", begin.tables.numeraire.0)?
            .int("begun_ns", begin.clock.0)?
            .int("begun_wall_ns", begin.clock.1)?;
        rows.put("runs", &row, (1, Again::Refuse), None)?;
        if self.id == place.seq { self.write_names(rows, place) } else { Ok(()) }
    }

    fn write_names(&self, rows: &mut Rows<'_>, place: Place<'_>) -> Result<(), StoreError> {
        let tables = &self.begin.tables;
        let row = || Row::of(place).int("run", self.id);
        let refuse = (2, Again::Refuse);
        for (index, asset) in tables.assets.iter().enumerate() {
            let row = row()?
                .int("asset", index)?
                .text("name", name(&self.begin.names.assets, index))
                .int("decimals", asset.decimals)?;
            rows.put("assets", &row, refuse, None)?;
        }
        for (index, instrument) in tables.instruments.iter().enumerate() {
            let market = tables.markets.get(instrument.market.index());
            let market = market.ok_or_else(|| place.bad("an instrument on no market"))?;
            let row = row()?
                .int("instrument", index)?
                .text("name", name(&self.begin.names.instruments, index))
                .text("venue", market.venue.name())
                .text("market", self.market(instrument.market))
                .int("base", market.base.0)?
                .int("settles_in", instrument.settles_in.0)?;
            rows.put("instruments", &row, refuse, None)?;
        }
        for pair in &self.pairs {
            let row = row()?
                .int("pair", pair.id.0)?
                .text("name", self.route(pair))
                .int("buy", pair.buy.0)?
                .int("sell", pair.sell.0)?
                .int("money", pair.money.0)?
                .int("atom_places", pair.atom_places)?;
            rows.put("pairs", &row, refuse, None)?;
        }
        Ok(())
    }
}

fn name(names: &[String], index: usize) -> String {
    names.get(index).cloned().unwrap_or_else(|| format!("#{index}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_holds_from_its_event_on() {
        let mut clock = WallClock::default();
        clock.set(1_000, 5_000);
        clock.set(2_000, 6_500);
        assert_eq!(clock, WallClock { offset_ns: 4_500, from_ns: 2_000, before_ns: 4_000 });
        clock.set(u64::MAX, 0);
        assert_eq!(clock.offset_ns, i64::MAX, "saturates as the core's");
    }
}

//! From a validated configuration, and the grids that recordings state, to the core's tables.

use config::{AssetKind, Config, MarketKind as ConfiguredKind};
use connector_net::Markets;
use connector_solana::decoder::{PoolExpected, SolanaDecoder};
use connector_solana::layout::MintPowers;
use engine_core::desk::{OnLosses, Settings};
use engine_core::execution::spec::{LegOrder, Retrade, Spec, Venues};
use engine_core::risk::Limits;
use engine_core::risk::staleness::FeedScope;
use engine_core::risk::throttle::VenueRate;
use engine_core::tables::{
    AssetSpec, BaseToken, CapSpec, CostSpec, InstrumentSpec, LevelSpec, MarketKind, MarketSpec,
    RateSpec, SameVenuePairs, SignalSpec, Tables,
};
pub use engine_journal::records::Names;
use engine_model::units::NS_PER_MS;
use engine_model::{AssetId, Grid, MarketId, Venue};
use solana_pubkey::Pubkey;

/// Tick arrays a pool may hold: what one swap can reach in either direction many times over.
const TICK_ARRAYS_MAX: usize = 128;

/// How often everything is looked over for staleness.
const SWEEP_NS: u64 = 100 * NS_PER_MS;

/// A pool's connection reports slots about every 0.4 s; silence for this long is staleness.
const CHAIN_SILENCE_NS: u64 = 2_000 * NS_PER_MS;

/// Length of a slot: what a time-out counted in slots is in time.
const SLOT_NS: u64 = 400 * NS_PER_MS;

/// The core's tables for a configuration. `grids` are those that the recordings state, by market.
#[must_use]
pub fn from_config(config: &Config, grids: &[Option<Grid>]) -> (Tables, Names) {
    let assets = (0..config.assets.len()).map(|index| {
        let (counts_as, equivalence_ppm) = config.canonical(asset_id(index));
        AssetSpec { decimals: config.assets[index].decimals, counts_as, equivalence_ppm }
    });
    let markets: Vec<MarketSpec> = config
        .markets
        .iter()
        .enumerate()
        .map(|(index, market)| market_spec(config, market, grids.get(index).copied().flatten()))
        .collect();
    let mut names = Names {
        markets: config.markets.iter().map(|market| market.name.clone()).collect(),
        instruments: Vec::new(),
        assets: config.assets.iter().map(|asset| asset.name.clone()).collect(),
        fee_tiers: config.markets.iter().map(fee_tier).collect(),
    };
    let mut instruments = Vec::new();
    for (index, market) in config.markets.iter().enumerate() {
        let aliases = match &market.kind {
            ConfiguredKind::Book(book) => book.settles_also_in.as_slice(),
            ConfiguredKind::Pool(_) => &[],
        };
        for (number, settles_in) in
            core::iter::once(&market.quote).chain(aliases).copied().enumerate()
        {
            names.instruments.push(if number == 0 {
                market.name.clone()
            } else {
                format!("{}/{}", market.name, config.assets[settles_in.index()].name)
            });
            instruments.push(InstrumentSpec {
                market: market_id(index),
                settles_in,
                base_balance: balance(config, market.venue, market.base),
                quote_balance: balance(config, market.venue, settles_in),
            });
        }
    }
    let tables = Tables {
        numeraire: config.numeraire,
        assets: assets.collect(),
        markets,
        instruments,
        rates: rates(config),
        costs: costs(config),
        caps: caps(config),
        signal: SignalSpec {
            min_edge_ppm: config.signal.min_edge_ppm,
            same_venue_pairs: if config.signal.same_venue_pairs {
                SameVenuePairs::Include
            } else {
                SameVenuePairs::Skip
            },
            inner_steps_max: config.signal.inner_steps_max,
            tick_arrays_max: TICK_ARRAYS_MAX,
            sweep_ns: SWEEP_NS,
        },
    };
    (tables, names)
}

/// What the core's desk is built with. Micros of USD are micros of the numeraire.
#[must_use]
pub fn settings_from(config: &Config) -> Settings {
    let (risk, execution) = (&config.risk, &config.execution);
    let ms = |ms: u64| ms.saturating_mul(NS_PER_MS);
    let second = 1_000 * NS_PER_MS;
    let limits = Limits {
        feed_age_ns_max: ms(risk.stale_halt_ms),
        book_age_ns_max: ms(risk.decision_age_ms_max),
        pool_age_slots_max: risk.decision_age_slots_max,
        daily_loss_usd_micros: risk.daily_loss_halt_usd_micros.into(),
        daily_loss_warn_usd_micros: risk.daily_loss_warn_usd_micros.into(),
        position_usd_micros_max: risk.position_usd_micros_max.into(),
        consecutive_losses_max: risk.losses_in_a_row_max,
        drawdown_usd_micros: risk.drawdown_usd_micros_max.into(),
        order_notional_usd_micros_max: risk.order_notional_usd_micros_max.into(),
        reference_collar_ppm: risk.collar_reference_ppm.into(),
        last_trade_collar_ppm: risk.collar_last_trade_ppm.into(),
        drift_collar_ppm: risk.collar_drift_ppm.into(),
        unwind_collar_ppm: execution.unwind_ppm.into(),
        unwind_hard_collar_ppm: execution.unwind_hard_ppm.into(),
        message_share_ppm: risk.messages_share_ppm.into(),
        pair_trades_max: risk.trades_per_pair_per_minute,
        trades_max: risk.trades_per_hour,
        duplicate_window_ns: ms(risk.duplicate_window_ms),
        venue_open_orders_max: risk.open_orders_per_venue_max,
        market_pairs_in_flight_max: risk.trades_per_market_max,
        pairs_in_flight_max: risk.trades_in_flight_max,
        metadata_age_ns_max: risk.metadata_age_s_max.saturating_mul(second),
        balance_buffer_ppm: risk.balance_buffer_ppm.into(),
        edge_ppm_min: risk.edge_ppm_min.into(),
        edge_ppm_max: risk.edge_ppm_max.into(),
        reference_disagreement_ppm_max: risk.reference_difference_ppm_max.into(),
        quote_currency_ppm_min: risk.quote_rate_ppm_min.into(),
        quote_currency_ppm_max: risk.quote_rate_ppm_max.into(),
        unhedged_usd_micros_max: risk.unhedged_usd_micros_max.into(),
        unhedged_age_ns_max: ms(risk.unhedged_age_ms_max),
        unhedged_halt_age_ns: ms(risk.unhedged_flat_ms_max),
        failure_warn_ppm: risk.failure_warn_ppm.into(),
        failure_halt_ppm: risk.failure_halt_ppm.into(),
        failure_trades_min: risk.failure_min_count,
        failure_window_ns: risk.failure_window_s.saturating_mul(second),
        shortfall_ppm_max: risk.shortfall_ppm_max.into(),
        shortfall_trades: risk.shortfall_trades,
        resume_size_ppm: risk.resume_size_ppm.into(),
        clock_warn_ns: ms(risk.machine.clock_warn_ms),
        clock_offset_ns_max: ms(risk.machine.clock_halt_ms),
        clock_step_ns_max: ms(risk.machine.clock_step_ms_max),
        core_lag_ns_max: ms(risk.machine.core_lag_ms_max),
        core_step_ns_max: ms(risk.machine.core_step_ms_max),
        ring_overflows_halt: risk.machine.ring_overflows_halt,
        journal_lag_ns_max: ms(risk.machine.journal_lag_ms_max),
        journal_backlog_ppm_max: risk.machine.journal_backlog_ppm_max.into(),
        disk_free_ppm_min: risk.machine.disk_free_ppm_min.into(),
        disk_free_bytes_min: risk.machine.disk_free_mib_min << 20,
        ..Limits::default()
    };
    let leg_order = match execution.leg_order {
        config::LegOrder::DexFirst => LegOrder::DexFirst,
        config::LegOrder::CexFirst => LegOrder::CexFirst,
        config::LegOrder::Simultaneous => LegOrder::Simultaneous,
    };
    let sizes = risk.order_size_max.iter();
    Settings {
        limits,
        execution: Spec {
            venues: Venues::Simulated,
            leg_order,
            retrade: if execution.retrade { Retrade::Again } else { Retrade::Once },
            latency_ns: Venue::ALL.map(|it| ms(execution.latency_ms.get(it).into())),
            landing_slots: execution.landing_slots.into(),
            landing_timeout_ns: u64::from(execution.landing_timeout_slots).saturating_mul(SLOT_NS),
            seed: execution.seed,
            slippage_ppm: execution.slippage_ppm,
            unwind_ppm: execution.unwind_ppm,
            unwind_hard_ppm: execution.unwind_hard_ppm,
            worst_case_loss_ppm: risk.worst_case_loss_ppm,
            hedge_timeout_ns: ms(execution.hedge_timeout_ms),
        },
        stale_scope: match risk.stale_scope {
            config::StaleScope::Global => FeedScope::Global,
            config::StaleScope::Pair => FeedScope::Market,
        },
        losses: if risk.losses_halt { OnLosses::Halt } else { OnLosses::Warn },
        rates: Venue::ALL.map(|venue| {
            let messages = risk.messages_per_s.get(venue);
            VenueRate { burst_messages: messages, messages, window_ns: second }
        }),
        size_max_e18: sizes
            .filter_map(|(asset, size)| Some((config.canonical(*asset).0, e18(*size)?)))
            .collect(),
    }
}

/// Tables for the symbols that a recording holds. Each has assets of its own, so nothing pairs:
/// what a ticker stands for is for a configuration to say.
#[must_use]
pub fn from_symbols(config: &Config, venue: Venue, symbols: &Markets) -> (Tables, Names) {
    let (mut tables, mut names) = from_config(config, &[]);
    let numeraire = AssetSpec { decimals: 6, counts_as: AssetId(0), equivalence_ppm: 0 };
    tables.numeraire = AssetId(0);
    tables.assets = vec![numeraire];
    tables.markets.clear();
    tables.instruments.clear();
    tables.rates.clear();
    tables.costs.coin_price = None;
    tables.caps.base_size_e18.clear();
    names.assets = vec!["USD".to_owned()];
    for list in [&mut names.markets, &mut names.instruments, &mut names.fee_tiers] {
        list.clear();
    }
    for market in symbols.list() {
        let name = format!("{}:{}", venue.name(), market.symbol);
        let base = asset_id(tables.assets.len());
        tables.assets.push(AssetSpec { decimals: 8, counts_as: base, equivalence_ppm: 0 });
        names.assets.push(market.symbol.to_string());
        tables.instruments.push(InstrumentSpec {
            market: market_id(tables.markets.len()),
            settles_in: AssetId(0),
            base_balance: None,
            quote_balance: None,
        });
        tables.markets.push(MarketSpec {
            venue,
            kind: MarketKind::Book { grid: market.grid },
            base,
            quote: AssetId(0),
            taker_fee_ppm: 0,
            stale_after_ns: u64::MAX,
            stale_after_slots: u64::MAX,
            min_order_size_e18: 0,
            min_order_notional: 0,
        });
        names.markets.push(name.clone());
        names.instruments.push(name);
        names.fee_tiers.push(String::new());
    }
    (tables, names)
}

/// What is expected of the configured pools.
pub struct ExpectedPools {
    /// Each with the decimals of its token A and token B.
    pub pools: Vec<(PoolExpected, [u8; 2])>,
    /// Powers accepted by mint.
    pub accepted: Vec<(Pubkey, MintPowers)>,
}

/// What the configuration says of its pools and their mints.
#[must_use]
pub fn expected_pools(config: &Config) -> ExpectedPools {
    let mint = |asset: AssetId| {
        let asset = &config.assets[asset.index()];
        match &asset.kind {
            AssetKind::Token { mint, allow } => {
                Some((Pubkey::from(*mint), allow.as_slice(), asset.decimals))
            }
            AssetKind::Fiat | AssetKind::Coin => None,
        }
    };
    let mut expected = ExpectedPools { pools: Vec::new(), accepted: Vec::new() };
    for market in &config.markets {
        let ConfiguredKind::Pool(pool) = &market.kind else { continue };
        let (Some(base), Some(quote)) = (mint(market.base), mint(market.quote)) else { continue };
        // The program orders a pool's tokens by the bytes of their mints.
        let (a, b) = if base.0 < quote.0 { (base, quote) } else { (quote, base) };
        let of_pool = PoolExpected {
            pool: Pubkey::from(pool.pool),
            programs: vec![Pubkey::from(pool.program)],
            mint_a: a.0,
            mint_b: b.0,
        };
        expected.pools.push((of_pool, [a.2, b.2]));
        expected.accepted.extend([base, quote].map(|(mint, allow, _)| (mint, powers(allow))));
    }
    expected
}

/// The decoder of a live connection with this configuration, for a recording of one.
#[must_use]
pub fn solana_decoder(config: &Config, markets: Markets) -> SolanaDecoder {
    crate::live::wiring::solana_settings(config, 0).decoder(markets)
}

fn powers(allow: &[config::MintPower]) -> MintPowers {
    use config::MintPower as Allowed;
    let single = |power: &Allowed| match power {
        Allowed::TransferHook => MintPowers::TRANSFER_HOOK,
        Allowed::PermanentDelegate => MintPowers::PERMANENT_DELEGATE,
        Allowed::Pausable => MintPowers::PAUSABLE,
        Allowed::FreezeAuthority => MintPowers::FREEZE_AUTHORITY,
        Allowed::DefaultAccountState => MintPowers::DEFAULT_FROZEN,
        Allowed::NonTransferable => MintPowers::NON_TRANSFERABLE,
        Allowed::ScaledUiAmount => MintPowers::SCALED_UI_AMOUNT,
        // The sizing models no transfer fee: such a mint is never traded, allowed or not.
        Allowed::TransferFee => MintPowers::NONE,
    };
    allow.iter().fold(MintPowers::NONE, |all, power| all.with(single(power)))
}

fn market_spec(config: &Config, market: &config::Market, stated: Option<Grid>) -> MarketSpec {
    let decimals = |asset: AssetId| config.assets[asset.index()].decimals;
    let mut spec = MarketSpec {
        venue: market.venue,
        kind: MarketKind::Pool { base: base_token(config, market) },
        base: market.base,
        quote: market.quote,
        taker_fee_ppm: 0,
        stale_after_ns: CHAIN_SILENCE_NS,
        stale_after_slots: u64::MAX,
        min_order_size_e18: 0,
        min_order_notional: 0,
    };
    match &market.kind {
        ConfiguredKind::Book(book) => {
            spec.kind = MarketKind::Book { grid: grid_of(market, stated) };
            spec.taker_fee_ppm = book.taker_fee_ppm;
            spec.stale_after_ns = book.stale_after_ms.saturating_mul(NS_PER_MS);
            let size = book.min_order_size.and_then(e18);
            spec.min_order_size_e18 = size.unwrap_or(0);
            let notional =
                book.min_order_notional.and_then(|it| scaled_up(it, decimals(market.quote)));
            spec.min_order_notional = notional.unwrap_or(0);
        }
        ConfiguredKind::Pool(pool) => spec.stale_after_slots = pool.stale_after_slots,
    }
    spec
}

/// The recording's own grid, else the configured one, else 10^-8.
#[must_use]
pub fn grid_of(market: &config::Market, stated: Option<Grid>) -> Grid {
    let ConfiguredKind::Book(book) = &market.kind else { return Grid::DEFAULT };
    stated.unwrap_or(Grid {
        tick: book.tick.unwrap_or(Grid::DEFAULT.tick),
        lot: book.lot.unwrap_or(Grid::DEFAULT.lot),
    })
}

fn base_token(config: &Config, market: &config::Market) -> BaseToken {
    let mint = |asset: AssetId| match config.assets[asset.index()].kind {
        AssetKind::Token { mint, .. } => mint,
        AssetKind::Fiat | AssetKind::Coin => [0; 32],
    };
    // The program orders a pool's tokens by the bytes of their mints.
    if mint(market.base) < mint(market.quote) { BaseToken::A } else { BaseToken::B }
}

fn fee_tier(market: &config::Market) -> String {
    match &market.kind {
        ConfiguredKind::Book(book) => book.fee_tier.clone(),
        ConfiguredKind::Pool(_) => String::new(),
    }
}

fn balance(config: &Config, venue: Venue, asset: AssetId) -> Option<u128> {
    let found = config.caps.balances.iter().find(|it| it.venue == venue && it.asset == asset)?;
    // What lies below the asset's own unit cannot be spent: rounded down.
    found.amount.scaled_down(config.assets[asset.index()].decimals).map(u128::from)
}

fn rates(config: &Config) -> Vec<RateSpec> {
    let spec = |rate: &config::Rate| RateSpec {
        from: rate.from,
        to: rate.to,
        market: rate.market,
        max_age_ns: rate.max_age_ms.saturating_mul(NS_PER_MS),
    };
    config.rates.iter().map(spec).collect()
}

fn costs(config: &Config) -> CostSpec {
    let costs = &config.costs;
    let level = |value, max_age_ms: u64| LevelSpec {
        start: Some(value),
        max_age_ns: max_age_ms.saturating_mul(NS_PER_MS),
    };
    let product = u64::from(costs.broken_leg_ppm) * u64::from(costs.broken_leg_cost_ppm);
    CostSpec {
        compute_unit_limit: u64::from(costs.compute_unit_limit),
        base_fee_lamports: costs.base_fee_lamports,
        priority_fee: level(
            costs.priority_fee_micro_lamports_per_cu,
            costs.priority_fee_max_age_ms,
        ),
        tip: level(costs.tip_lamports, costs.tip_max_age_ms),
        fee_tier_max_age_ns: costs.fee_tier_max_age_ms.saturating_mul(NS_PER_MS),
        coin_price: costs
            .sol_price_market
            .map(|market| (market, costs.sol_price_max_age_ms.saturating_mul(NS_PER_MS))),
        landing_failure_ppm: costs.landing_failure_ppm,
        // Probability times cost, rounded up.
        broken_leg_ppm: u32::try_from(product.div_ceil(1_000_000)).unwrap_or(u32::MAX),
        latency_buffer_ppm: costs.latency_buffer_ppm,
    }
}

fn caps(config: &Config) -> CapSpec {
    let notional = u128::from(config.caps.order_notional_usd_micros);
    let decimals = config.assets[config.numeraire.index()].decimals;
    // Micros to the numeraire's units, rounded down.
    let notional = notional * 10_u128.pow(u32::from(decimals)) / 1_000_000;
    let listed = config.caps.order_size.iter().chain(&config.caps.position_room);
    let sizes = listed.filter_map(|(asset, size)| Some((config.canonical(*asset).0, e18(*size)?)));
    CapSpec { order_notional: Some(notional), base_size_e18: sizes.collect() }
}

/// In units of 10^-18, exactly: no decimal of the configuration has more places.
fn e18(decimal: config::Decimal) -> Option<u128> {
    let shift = 18_u32.checked_sub(u32::from(decimal.places))?;
    u128::from(decimal.mantissa).checked_mul(10_u128.checked_pow(shift)?)
}

/// In units of `10^-places`, rounded up.
fn scaled_up(decimal: config::Decimal, places: u8) -> Option<u128> {
    let exact = e18(decimal)?;
    let divisor = 10_u128.checked_pow(18_u32.checked_sub(u32::from(places))?)?;
    Some(exact.div_ceil(divisor))
}

fn market_id(index: usize) -> MarketId {
    MarketId(u16::try_from(index).expect("Invariant: the configuration bounds its markets"))
}

fn asset_id(index: usize) -> AssetId {
    AssetId(u16::try_from(index).expect("Invariant: the configuration bounds its assets"))
}

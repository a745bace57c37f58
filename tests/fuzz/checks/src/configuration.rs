//! Configurations: a refusal says where and what to do, an acceptance holds.
//!
//! An input is a file; behind a zero byte come overrides, one a line.

use config::problem::PROBLEMS_MAX;
use config::{Config, MarketKind, Place, Problem};
use engine_model::Venue;
use engine_model::grid::Step;

/// Overrides of one input that are looked at.
const SETS_MAX: usize = 16;

/// Checks one file with its overrides.
pub fn check(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let Ok(text) = core::str::from_utf8(parts.next().unwrap_or_default()) else { return };
    let sets = core::str::from_utf8(parts.next().unwrap_or_default()).unwrap_or_default();
    let sets: Vec<String> = sets.lines().take(SETS_MAX).map(str::to_owned).collect();
    match Config::parse_with("f", text, &sets) {
        Ok(config) => {
            assert_whole(&config);
            assert_agreement(&config);
            assert_eq!(Config::parse_with("f", text, &sets).as_ref(), Ok(&config));
            // Nothing stands open at the end of an accepted file.
            let longer = format!("{text}\n# end\n");
            assert_eq!(Config::parse_with("f", &longer, &sets), Ok(config));
        }
        Err(problems) => assert_problems(&problems, text, &sets),
    }
}

fn assert_problems(problems: &[Problem], text: &str, sets: &[String]) {
    assert!(!problems.is_empty() && problems.len() <= PROBLEMS_MAX);
    let lines = text.split('\n').count();
    let mut before = (0, 0);
    for problem in problems {
        assert!(!problem.says.is_empty() && !problem.hint.is_empty(), "{problem:?}");
        let shown = problem.to_string();
        match &problem.place {
            Place::File { name, line, column } => {
                assert_eq!(name, "f");
                assert!(*line >= 1 && (*line as usize) <= lines, "{problem:?}");
                assert!(*column >= 1, "{problem:?}");
                assert!((*line, *column) >= before, "out of order: {problems:?}");
                before = (*line, *column);
                assert!(shown.starts_with(&format!("f:{line}: ")), "{shown}");
            }
            Place::Set { .. } => {
                assert!(!sets.is_empty(), "{problem:?}");
                before = (u32::MAX, u32::MAX);
            }
        }
        assert_eq!(shown.lines().count(), 2, "one line each for problem and hint: {shown:?}");
        assert!(shown.contains("\nhint: "), "{shown:?}");
    }
}

/// References lead somewhere and limits are kept.
fn assert_whole(config: &Config) {
    let assets = config.assets.len();
    let markets = config.markets.len();
    assert!(usize::from(config.numeraire.0) < assets);
    for (index, asset) in config.assets.iter().enumerate() {
        let found = config.asset(&asset.name).map(|id| usize::from(id.0));
        assert_eq!(found, Some(index), "two assets of one name");
        assert!(asset.decimals <= 18);
    }
    for equivalence in &config.equivalences {
        assert!(usize::from(equivalence.asset.0) < assets);
        assert!(usize::from(equivalence.same_as.0) < assets);
        assert_ne!(equivalence.asset, equivalence.same_as);
    }
    for (index, market) in config.markets.iter().enumerate() {
        let found = config.market(&market.name).map(|id| usize::from(id.0));
        assert_eq!(found, Some(index), "two markets of one name");
        assert!(usize::from(market.base.0) < assets && usize::from(market.quote.0) < assets);
        match &market.kind {
            MarketKind::Book(book) => {
                assert!(book.tick.is_none_or(Step::is_valid));
                assert!(book.lot.is_none_or(Step::is_valid));
                assert!(book.taker_fee_ppm <= 100_000);
                assert!(book.settles_also_in.iter().all(|asset| usize::from(asset.0) < assets));
            }
            MarketKind::Pool(_) => assert_eq!(market.venue, engine_model::Venue::Solana),
        }
    }
    for rate in &config.rates {
        let market = &config.markets[usize::from(rate.market.0)];
        assert!(usize::from(rate.market.0) < markets);
        assert_eq!((market.base, market.quote), (rate.from, rate.to));
        assert_eq!(config.rate(rate.from, rate.to), Some(rate));
    }
    for capture in &config.captures {
        let parts = capture.file.split('/');
        assert!(!capture.file.starts_with('/') && parts.into_iter().all(|part| part != ".."));
    }
}

/// No limit is void because of another one.
fn assert_agreement(config: &Config) {
    let Config { risk, execution, journal, caps, signal, .. } = config;
    assert!(risk.daily_loss_warn_usd_micros < risk.daily_loss_halt_usd_micros);
    let order = risk.order_notional_usd_micros_max;
    assert!(caps.order_notional_usd_micros <= order);
    assert!(order <= risk.position_usd_micros_max.min(risk.unhedged_usd_micros_max));
    assert!(
        order <= 1_000_000 * 1_000_000 && risk.daily_loss_halt_usd_micros <= 100_000 * 1_000_000
    );
    assert!(risk.edge_ppm_min < risk.edge_ppm_max && signal.min_edge_ppm <= risk.edge_ppm_max);
    assert!(risk.quote_rate_ppm_min < risk.quote_rate_ppm_max);
    assert!((risk.quote_rate_ppm_min..=risk.quote_rate_ppm_max).contains(&1_000_000));
    assert!(risk.decision_age_ms_max <= risk.stale_halt_ms);
    assert!(risk.unhedged_age_ms_max.max(execution.hedge_timeout_ms) < risk.unhedged_flat_ms_max);
    assert!(risk.machine.clock_warn_ms < risk.machine.clock_halt_ms);
    assert!(risk.failure_warn_ppm < risk.failure_halt_ppm);
    assert!(risk.trades_per_pair_per_minute <= risk.trades_per_hour);
    assert!(risk.trades_per_market_max <= risk.trades_in_flight_max);
    assert!(execution.slippage_ppm <= risk.collar_reference_ppm);
    assert!(execution.unwind_ppm < execution.unwind_hard_ppm);
    assert!(2 * execution.unwind_ppm <= risk.worst_case_loss_ppm);
    assert!(execution.landing_slots < execution.landing_timeout_slots);
    assert!(journal.market_days <= journal.ledger_days);
    for venue in Venue::ALL {
        let messages = u64::from(risk.messages_per_s.get(venue));
        assert!(messages * u64::from(risk.messages_share_ppm) >= 1_000_000);
        assert!(execution.latency_ms.get(venue) <= 60_000);
    }
}

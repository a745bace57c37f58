//! The ledger as its users see it.

use super::kit::{PRICE_E8, START_NS, ledger, next_block, spec};
use super::*;
use crate::happening::{Commitment, Happening};

const SECOND_NS: u64 = 1_000_000_000;

fn slot_of(happening: &Happening) -> Option<(u64, u64, u64)> {
    let Happening::Slot { slot, parent, root, .. } = happening else { return None };
    Some((*slot, *parent, *root))
}

fn keys_of(happening: &Happening) -> Option<Arc<[[u8; 32]]>> {
    let Happening::Accounts { keys, .. } = happening else { return None };
    Some(keys.clone())
}

/// What happened, in one line each.
fn told(happenings: &[Happening]) -> Vec<String> {
    happenings.iter().map(|happening| format!("{happening:?}")).collect()
}

#[test]
fn slots_come_in_order_and_settle() {
    let mut ledger = ledger(&spec());
    let happenings = ledger.advance(START_NS + 20 * SECOND_NS);
    let slots: Vec<(u64, u64, u64)> = happenings.iter().filter_map(slot_of).collect();
    assert_eq!(slots.len(), 50);
    for (place, (slot, parent, root)) in (1_u64..).zip(slots) {
        assert_eq!((slot, parent), (442_310_000 + place, 442_309_999 + place));
        // The block before is the newest frozen one.
        assert_eq!(root, parent - FINALIZED_BLOCKS);
    }
    let newest = ledger.block(Commitment::Processed, 0);
    assert_eq!(newest.slot, 442_310_050, "frozen before the second is over");
    assert_eq!(ledger.block(Commitment::Confirmed, 0).slot, newest.slot - CONFIRMED_BLOCKS);
    assert_eq!(ledger.block(Commitment::Processed, 25).slot, newest.slot - 25);
}

#[test]
fn the_way_there_does_not_matter() {
    let mut whole = ledger(&LedgerSpec { skip_permille: 100, fork_permille: 50, ..spec() });
    let mut steps = ledger(&LedgerSpec { skip_permille: 100, fork_permille: 50, ..spec() });
    let pool = SOL_USDC_POOL;
    whole.market_swap(&pool, BaseSide::Buy, 300 * 100_000_000);
    steps.market_swap(&pool, BaseSide::Buy, 300 * 100_000_000);
    let at_once = whole.advance(START_NS + 30 * SECOND_NS);
    let mut piecewise = Vec::new();
    for step in 0..=3_000 {
        piecewise.extend(steps.advance(START_NS + step * SECOND_NS / 100));
    }
    assert_eq!(told(&at_once), told(&piecewise));
    assert!(at_once.len() > 60);
    assert!(whole.counts().forks > 0, "the chance of 50 in 1,000 came up");
    assert_eq!(whole.price_e8(&pool), steps.price_e8(&pool));
}

#[test]
fn a_swap_of_the_market_moves_price_pool_and_vaults() {
    let mut ledger = ledger(&spec());
    let pool = SOL_USDC_POOL;
    assert_eq!(ledger.price_e8(&pool), PRICE_E8);
    let amount = |ledger: &Ledger, key: &str| {
        let slot = ledger.block(Commitment::Processed, 0).slot;
        let key = solana_pubkey::Pubkey::from_str_const(key);
        let account = ledger.account(&key, slot).expect("a vault");
        u64::from_le_bytes(account.data[64..72].try_into().expect("8 bytes"))
    };
    let vaults = PoolSpec::sol_usdc(PRICE_E8);
    let vaults = [vaults.vault_a.to_string(), vaults.vault_b.to_string()];
    let before = [amount(&ledger, &vaults[0]), amount(&ledger, &vaults[1])];
    for (side, rises) in [(BaseSide::Buy, true), (BaseSide::Sell, false)] {
        let price = ledger.price_e8(&pool);
        ledger.market_swap(&pool, side, 500 * 100_000_000);
        assert_eq!(ledger.price_e8(&pool), price, "nothing happens before the block");
        let happenings = next_block(&mut ledger);
        let keys = happenings.iter().find_map(keys_of);
        let keys = keys.expect("accounts changed");
        assert_eq!(keys[0], pool.to_bytes(), "the pool comes first");
        assert_eq!(ledger.price_e8(&pool) > price, rises, "{side:?}");
        let lamports = 500_000_000_000;
        let expected = if rises { before[0] - lamports } else { before[0] };
        assert_eq!(amount(&ledger, &vaults[0]), expected, "{side:?}");
    }
    assert!(amount(&ledger, &vaults[1]) > before[1], "both swaps paid a fee");
    assert_eq!(ledger.counts(), Counts::default());
}

#[test]
fn a_price_is_reached_from_either_side() {
    let mut ledger = ledger(&spec());
    let pool = SOL_USDC_POOL;
    for target in [8_000_000_000, 7_500_000_000, 7_742_000_000] {
        let (side, base_e8) = ledger.base_to_reach_e8(&pool, target).expect("another price");
        ledger.market_swap(&pool, side, base_e8);
        next_block(&mut ledger);
        let near = ledger.price_e8(&pool);
        assert!(near.abs_diff(target) < 10, "{near} for {target}");
        // With a limit, more than enough base stops at the price.
        let away = target + target / 50;
        ledger.market_swap_to(&pool, BaseSide::Buy, u64::MAX / 20, away);
        next_block(&mut ledger);
        assert_eq!(ledger.price_e8(&pool), away);
        ledger.market_swap_to(&pool, BaseSide::Buy, u64::MAX / 20, target);
        next_block(&mut ledger);
        assert_eq!(ledger.price_e8(&pool), away, "already beyond");
    }
    assert_eq!(ledger.base_to_reach_e8(&pool, ledger.price_e8(&pool)), None);
    assert_eq!(ledger.counts(), Counts::default());
}

#[test]
fn what_cannot_be_swapped_is_counted_and_changes_nothing() {
    let mut ledger = ledger(&spec());
    let pool = SOL_USDC_POOL;
    ledger.market_swap(&pool, BaseSide::Sell, 0);
    ledger.market_swap(&pool, BaseSide::Buy, u64::MAX / 20);
    ledger.market_swap(&WSOL, BaseSide::Buy, 1);
    next_block(&mut ledger);
    assert_eq!(ledger.price_e8(&pool), PRICE_E8);
    assert_eq!(ledger.counts().market_swaps_failed, 3);
    for _ in 0..2_000 {
        ledger.market_swap(&pool, BaseSide::Sell, 1);
    }
    assert_eq!(ledger.counts().market_swaps_refused, 2_000 - 1_024);
}

#[test]
fn a_fork_reverts_and_its_swaps_come_again() {
    let mut ledger = ledger(&spec());
    let pool = SOL_USDC_POOL;
    ledger.market_swap(&pool, BaseSide::Buy, 500 * 100_000_000);
    next_block(&mut ledger);
    let moved = ledger.price_e8(&pool);
    let lost = ledger.block(Commitment::Processed, 0);
    ledger.fork();
    let happenings = ledger.advance(ledger.due_ns().expect("its own clock"));
    let [Happening::Slot { slot, parent, .. }, Happening::Accounts { slot: older, keys, .. }] =
        &happenings[..]
    else {
        panic!("a slot and what it reverts: {happenings:?}");
    };
    assert_eq!((*slot, *parent), (lost.slot + 1, lost.slot - 1));
    assert_eq!((*older, keys[0]), (lost.slot - 1, pool.to_bytes()), "a lower slot than shown");
    assert_eq!(ledger.price_e8(&pool), PRICE_E8);
    next_block(&mut ledger);
    assert_eq!(ledger.price_e8(&pool), moved, "executed again");
    assert_eq!(ledger.counts().forks, 1);
}

#[test]
fn the_past_stays_readable() {
    let mut ledger = ledger(&spec());
    let pool = SOL_USDC_POOL;
    let first = ledger.block(Commitment::Processed, 0).slot;
    ledger.market_swap(&pool, BaseSide::Buy, 500 * 100_000_000);
    next_block(&mut ledger);
    let price = |ledger: &Ledger, slot| {
        let account = ledger.account(&pool, slot).expect("the pool");
        u128::from_le_bytes(account.data[65..81].try_into().expect("16 bytes"))
    };
    let (old, new) = (price(&ledger, first), price(&ledger, first + 1));
    assert!(old < new);
    ledger.advance(START_NS + 40 * SECOND_NS);
    assert_eq!((price(&ledger, first), price(&ledger, first + 1)), (old, new));
    ledger.advance(START_NS + 120 * SECOND_NS);
    assert_eq!(price(&ledger, first), new, "too long ago");
}

#[test]
fn an_adaptive_pool_writes_its_oracle() {
    let pools = vec![PoolSpec::sol_usdc(PRICE_E8), PoolSpec::sol_usdc_adaptive(PRICE_E8)];
    let mut ledger = ledger(&LedgerSpec { pools, ..spec() });
    let pool = ledger.pools()[1];
    assert_eq!(ledger.price_e8(&pool), PRICE_E8);
    let oracle = |ledger: &Ledger| {
        let slot = ledger.block(Commitment::Processed, 0).slot;
        ledger.account(&oracle_address(&pool), slot).expect("an oracle").data.clone()
    };
    let before = oracle(&ledger);
    ledger.market_swap_to(&pool, BaseSide::Buy, u64::MAX / 20, PRICE_E8 + PRICE_E8 / 20);
    next_block(&mut ledger);
    assert_eq!(ledger.counts(), Counts::default());
    let after = oracle(&ledger);
    assert_ne!(before[106..110], after[106..110], "volatility accumulated");
    assert_eq!(before[..82], after[..82]);
}

#[test]
fn a_recording_is_taken_as_it_comes() {
    let recorded = LedgerSpec { clock: SlotClock::Recorded, pools: Vec::new(), ..spec() };
    let mut ledger = ledger(&recorded);
    let made = super::kit::ledger(&spec());
    let slot = 442_310_007;
    ledger.put_slot(START_NS + 5, slot);
    let account = made.account(&SOL_USDC_POOL, u64::MAX).expect("a pool").as_ref().clone();
    ledger.put_account(START_NS + 6, slot, SOL_USDC_POOL, Some(account));
    let happenings = ledger.advance(START_NS + 7);
    assert!(matches!(
        happenings[..],
        [Happening::Slot { slot: 442_310_007, .. }, Happening::Accounts { slot: 442_310_007, .. }]
    ));
    ledger.put_slot(START_NS + 9, slot + 1);
    assert_eq!(ledger.price_e8(&SOL_USDC_POOL), PRICE_E8);
    assert_eq!(ledger.due_ns(), None);
    assert!(ledger.advance(START_NS + SECOND_NS * 60).len() == 1, "no slot of its own");
}

#[test]
fn specifications_that_do_not_hold_together_are_refused() {
    let pool = |change: &dyn Fn(&mut PoolSpec)| {
        let mut pool = PoolSpec::sol_usdc(PRICE_E8);
        change(&mut pool);
        LedgerSpec { pools: vec![pool], ..spec() }
    };
    let rows: Vec<(&str, LedgerSpec, &str)> = vec![
        ("ticks off the grid", pool(&|p| p.ticks[0].0 += 1), "its ticks do not fit"),
        ("liquidity that does not end", pool(&|p| p.ticks[0].1 += 1), "its ticks do not fit"),
        ("a price of nothing", pool(&|p| p.price_e8 = 0), "outside of what its ticks cover"),
        ("no such mint", pool(&|p| p.mint_b = SYSTEM), "there is no mint 1111"),
        ("chance above one", LedgerSpec { lost_permille: 1_001, ..spec() }, "lost_permille"),
        (
            "too many pools",
            LedgerSpec { pools: vec![PoolSpec::sol_usdc(PRICE_E8); POOLS_MAX + 1], ..spec() },
            "pools: at most 16",
        ),
    ];
    for (shows, spec, says) in rows {
        let error = Ledger::new(&spec).expect_err(shows).to_string();
        assert!(error.contains(says), "{shows}: {error}");
    }
}

#[test]
fn the_pool_fits_any_price_of_sol() {
    for price_e8 in [100_000_000, 1_404_000_000, PRICE_E8, 15_000_000_000, 100_000_000_000] {
        let spec = LedgerSpec::sol_usdc(1, START_NS, price_e8);
        assert_eq!(ledger(&spec).price_e8(&SOL_USDC_POOL), price_e8);
    }
    // At the price of the recording it is the recording's pool.
    let shape = PoolSpec::sol_usdc(7_742_000_000);
    let account = ledger(&spec()).account(&SOL_USDC_POOL, u64::MAX).expect("a pool").clone();
    assert_eq!(account.data[49..65], 87_100_270_923_313_u128.to_le_bytes());
    assert_eq!(account.data[81..85], (-25_587_i32).to_le_bytes());
    assert_eq!(shape.ticks.len(), 416);
}

//! Rates and results, in integers and fractions of the test's own.

use engine_core::execution::Pnl;
use engine_core::execution::plan::Plan;
use engine_model::AssetId;
use rust_decimal::Decimal;

/// A fraction of two positive integers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    num: i128,
    den: i128,
}

impl Rate {
    const ONE: Self = Self { num: 1, den: 1 };

    pub(super) fn of(value: Decimal) -> Self {
        Self { num: value.mantissa(), den: 10_i128.pow(value.scale()) }
    }

    fn inverted(self) -> Self {
        Self { num: self.den, den: self.num }
    }

    fn times(self, other: Self) -> Self {
        Self { num: self.num * other.num, den: self.den * other.den }
    }

    /// Towards the smaller.
    pub(super) fn down(self, amount: i128) -> i128 {
        (amount * self.num).div_euclid(self.den)
    }

    /// Towards the larger.
    pub(super) fn up(self, amount: i128) -> i128 {
        -(-amount * self.num).div_euclid(self.den)
    }
}

/// What one currency is worth in another. Both have six places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Worth {
    mid: Rate,
    /// What one costs, the rate's taker fee included.
    acquire: Rate,
    /// What one brings, the rate's taker fee taken off.
    dispose: Rate,
}

/// The rates of one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub(super) usd: AssetId,
    /// Bid and ask of USDC in USD.
    pub(super) peg: [Decimal; 2],
    /// Taker fee of that book.
    pub(super) peg_fee: Decimal,
    /// What a whole SOL costs in USD.
    pub(super) sol_ask: Decimal,
}

impl Rates {
    pub(super) fn worth(&self, from: AssetId, to: AssetId) -> Worth {
        if from == to {
            return Worth { mid: Rate::ONE, acquire: Rate::ONE, dispose: Rate::ONE };
        }
        let [bid, ask] = self.peg;
        let mid = Rate::of((bid + ask) / Decimal::TWO);
        let lift = Rate::of(ask * (Decimal::ONE + self.peg_fee));
        let hit = Rate::of(bid * (Decimal::ONE - self.peg_fee));
        if to == self.usd {
            Worth { mid, acquire: lift, dispose: hit }
        } else {
            // Whoever needs dollars for USDC sells USDC.
            Worth { mid: mid.inverted(), acquire: hit.inverted(), dispose: lift.inverted() }
        }
    }

    /// What so many lamports cost in a currency, rounded up.
    fn lamports_in(&self, lamports: i128, money: AssetId) -> i128 {
        // Micro-USD a lamport: a thousandth of the dollars a coin.
        let per_lamport = Rate::of(self.sol_ask).times(Rate { num: 1, den: 1_000 });
        per_lamport.times(self.worth(self.usd, money).acquire).up(lamports)
    }
}

/// What was moved on one leg's instrument. Unit: atoms; micros of its currency.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) bought: i128,
    pub(super) sold: i128,
    pub(super) paid: i128,
    pub(super) received: i128,
    pub(super) gross_paid: i128,
    pub(super) gross_received: i128,
    pub(super) taker_fees: i128,
    pub(super) pool_fees: i128,
}

/// One leg's part in a result.
pub(super) struct LegResult<'a> {
    pub(super) settles_in: AssetId,
    pub(super) sums: &'a Sums,
}

/// What is left open, valued on both markets. Unit: micros of each leg's currency, rounded against
/// us already; `is_long`: bought and not sold.
pub(super) struct Open {
    pub(super) is_long: bool,
    pub(super) values: [i128; 2],
}

/// The result of a trade, part by part.
pub(super) fn result(
    plan: &Plan,
    rates: &Rates,
    legs: &[LegResult<'_>; 2],
    (network_lamports, tip_lamports): (i128, i128),
    open: Option<&Open>,
) -> Pnl {
    let mut pnl = Pnl::default();
    let (mut hit, mut at_mid) = (0, 0);
    let mut residual = None;
    for (index, leg) in legs.iter().enumerate() {
        let (sums, worth) = (leg.sums, rates.worth(leg.settles_in, plan.money));
        pnl.gross += worth.mid.down(sums.gross_received) - worth.mid.up(sums.gross_paid);
        pnl.taker_fees += worth.mid.up(sums.taker_fees);
        pnl.pool_fees += worth.mid.up(sums.pool_fees);
        let (came, went) = (worth.dispose.down(sums.received), worth.acquire.up(sums.paid));
        let equivalence_ppm = i128::from(plan.legs[index].equivalence_ppm);
        let equivalence = Rate { num: equivalence_ppm, den: 1_000_000 }.up(came + went);
        hit += came - went - equivalence;
        at_mid += worth.mid.down(sums.received) - worth.mid.up(sums.paid);
        if let Some(open) = open {
            let value = if open.is_long {
                worth.dispose.down(open.values[index])
            } else {
                -worth.acquire.up(open.values[index])
            };
            residual = Some(residual.map_or(value, |worst: i128| worst.min(value)));
        }
    }
    pnl.conversion = at_mid - hit;
    pnl.network = rates.lamports_in(network_lamports, plan.money);
    pnl.tip = rates.lamports_in(tip_lamports, plan.money);
    pnl.residual = residual.unwrap_or(0);
    pnl.net = hit - pnl.network - pnl.tip + pnl.residual;
    pnl.rounding = pnl.gross + pnl.residual
        - pnl.taker_fees
        - pnl.pool_fees
        - pnl.network
        - pnl.tip
        - pnl.conversion
        - pnl.net;
    let numeraire = rates.worth(plan.money, rates.usd);
    pnl.net_numeraire = if pnl.net >= 0 {
        numeraire.dispose.down(pnl.net)
    } else {
        -numeraire.acquire.up(-pnl.net)
    };
    pnl
}

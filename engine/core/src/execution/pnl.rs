//! What a trade made, part by part, in whole units that sum exactly.

use engine_model::units::PPM_ONE;
use serde::{Deserialize, Serialize};

use super::plan::Plan;
use crate::num::ratio::mul_div_ceil;

/// What one leg's instrument has moved over all orders of a trade. Unit: quote units and atoms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Unit: atoms.
    pub bought_atoms: u128,
    /// Unit: atoms.
    pub sold_atoms: u128,
    /// For what was bought, fees included.
    pub paid: u128,
    /// For what was sold, fees taken off.
    pub received: u128,
    /// As `paid`, fees taken off.
    pub gross_paid: u128,
    /// As `received`, fees added back.
    pub gross_received: u128,
    /// Taker fees.
    pub taker_fees: u128,
    /// Pool fees, one in base valued at the order's own average price.
    pub pool_fees: u128,
}

/// Realised result. Unit: pair money. `gross` plus `residual` minus every other part is the net.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pnl {
    /// Quote that came minus quote that went, with the fees added back, at the middle rate.
    pub gross: i128,
    /// Taker fees of the book orders.
    pub taker_fees: i128,
    /// Fees of the pool orders.
    pub pool_fees: i128,
    /// Base and priority fees of every transaction, landed or failed.
    pub network: i128,
    /// Tips of the transactions that landed.
    pub tip: i128,
    /// From the middle rate to the side a conversion hits, and declared equivalences.
    pub conversion: i128,
    /// Value of what was bought and not sold, negative for what was sold and not bought: at the side
    /// that closing it would hit.
    pub residual: i128,
    /// What rounding each part against us leaves over; may be negative.
    pub rounding: i128,
    /// The result.
    pub net: i128,
    /// The result at the side that converting it would hit. Unit: units of the numeraire.
    pub net_numeraire: i128,
}

impl Pnl {
    /// Names and values of the parts in their order; the first is gained, as is the last, the
    /// others are taken off.
    #[must_use]
    pub const fn parts(&self) -> [(&'static str, i128); 8] {
        [
            ("gross", self.gross),
            ("taker_fees", self.taker_fees),
            ("pool_fees", self.pool_fees),
            ("network", self.network),
            ("tip", self.tip),
            ("conversion", self.conversion),
            ("rounding", self.rounding),
            ("residual", self.residual),
        ]
    }
}

fn signed(amount: u128) -> Option<i128> {
    i128::try_from(amount).ok().filter(|amount| *amount < 1 << 126)
}

/// Adds up a trade. `residual` is in pair money already. Costs round up, yields down.
///
/// Settlement currencies count at the rates of the decision: what a rate does afterwards is a
/// result of holding, not of the trade. None when a figure is out of range.
#[must_use]
pub fn add_up(
    plan: &Plan,
    moved: &[Moved; 2],
    network_lamports: u128,
    tip_lamports: u128,
    residual: i128,
) -> Option<Pnl> {
    let mut pnl = Pnl { residual, ..Pnl::default() };
    let (mut hit, mut at_mid) = (0_i128, 0_i128);
    for (leg, moved) in plan.legs.iter().zip(moved) {
        let worth = &leg.worth;
        let gross = signed(worth.mid.apply_floor(moved.gross_received)?)?
            - signed(worth.mid.apply_ceil(moved.gross_paid)?)?;
        let received = worth.dispose.apply_floor(moved.received)?;
        let paid = worth.acquire.apply_ceil(moved.paid)?;
        let value = received.checked_add(paid)?;
        let ppm = u128::from(leg.equivalence_ppm);
        let equivalence = mul_div_ceil(value, ppm, u128::from(PPM_ONE))?;
        pnl.gross = pnl.gross.checked_add(gross)?;
        pnl.taker_fees += signed(worth.mid.apply_ceil(moved.taker_fees)?)?;
        pnl.pool_fees += signed(worth.mid.apply_ceil(moved.pool_fees)?)?;
        let total = signed(received)? - signed(paid)? - signed(equivalence)?;
        hit = hit.checked_add(total)?;
        let mid = signed(worth.mid.apply_floor(moved.received)?)?
            - signed(worth.mid.apply_ceil(moved.paid)?)?;
        at_mid = at_mid.checked_add(mid)?;
    }
    pnl.conversion = at_mid - hit;
    pnl.network = signed(plan.lamport.apply_ceil(network_lamports)?)?;
    pnl.tip = signed(plan.lamport.apply_ceil(tip_lamports)?)?;
    pnl.net = hit - pnl.network - pnl.tip + residual;
    let costs = pnl.taker_fees + pnl.pool_fees + pnl.network + pnl.tip + pnl.conversion;
    pnl.rounding = pnl.gross - costs + residual - pnl.net;
    pnl.net_numeraire = plan.numeraire.of_result(pnl.net)?;
    Some(pnl)
}

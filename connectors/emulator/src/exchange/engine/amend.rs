//! Resting orders that are given another limit and size.

use std::sync::Arc;

use super::super::orders::Reserve;
use super::super::spec::{AmendRefused, Placed};
use super::super::{NewOrder, OrderState};
use super::Exchange;

impl Exchange {
    /// Gives a resting order another limit and size. It keeps its number and what it has filled, loses
    /// its place in the queue, and takes at once what it now meets. Refused, it stays as it was.
    ///
    /// Units: e8 of the quote, and e8 of the base with what is filled already.
    ///
    /// # Errors
    ///
    /// [`AmendRefused`].
    pub fn amend(
        &mut self,
        now_ns: u64,
        account: &str,
        order_id: u64,
        (limit_e8, size_e8): (u64, u64),
    ) -> Result<Placed, AmendRefused> {
        let kept = self.orders.of(account, order_id).ok_or(AmendRefused::NotFound)?;
        let (order, reserve) = (kept.order.clone(), kept.reserve);
        let old_e8 = order.asked.limit_e8.filter(|_| order.state == OrderState::Open);
        let Some(old_e8) = old_e8 else { return Err(AmendRefused::Done(order)) };
        if size_e8 <= order.filled_e8 {
            return Err(AmendRefused::BelowFilled);
        }
        if (old_e8, order.asked.size_e8) == (limit_e8, size_e8) {
            return Err(AmendRefused::Unchanged);
        }
        let rest = NewOrder {
            size_e8: size_e8 - order.filled_e8,
            limit_e8: Some(limit_e8),
            ..order.asked.clone()
        };
        // What the order has reserved counts as its own money while the new terms are checked.
        let pays = self.index(&rest.product).map(|index| self.currencies(index, &rest).0);
        let pays = pays.unwrap_or_default();
        self.funds.release(&rest.account, &pays, reserve.held);
        let (index, hits) = self.check(&rest).map_err(|why| {
            self.funds.hold(&rest.account, &pays, reserve.held);
            AmendRefused::Refused(why)
        })?;
        self.markets[index].book.withdraw(rest.side, old_e8, order_id);
        let mut changed = (*order).clone();
        (changed.asked.limit_e8, changed.asked.size_e8) = (Some(limit_e8), size_e8);
        changed.updated_ns = now_ns;
        let changed = Arc::new(changed);
        self.orders.put(changed.clone(), Reserve { held: 0, left: rest.size_e8 });
        let maker = super::opposite(rest.side);
        let found = hits.iter().map(|hit| hit.size).sum();
        let fills =
            hits.iter().filter_map(|hit| self.hit_for(now_ns, index, order_id, maker, *hit));
        let fills: Vec<_> = fills.collect();
        self.after_taking(now_ns, index, order_id, &rest, found);
        self.tell_book(now_ns, index);
        let last = self.orders.get(order_id).map_or(changed, |kept| kept.order.clone());
        Ok(Placed { order: last, fills })
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::exchange;
    use super::*;
    use crate::exchange::{Lifetime, Why};
    use crate::happening::{E8, Side};
    use crate::market::Rng;

    const NOW: u64 = 1_786_316_400_000_000_000;
    const CENT: u64 = E8 / 100;

    fn rest(exchange: &mut Exchange, side: Side, cents: u64, size_e8: u64) -> u64 {
        let asked = NewOrder {
            account: "a".into(),
            product: "SOL-USD".into(),
            client_id: String::new(),
            side,
            size_e8,
            limit_e8: Some(cents * CENT),
            quote_e8: None,
            lifetime: Lifetime::Gtc,
            session: 0,
            settle: None,
            product_as_sent: "SOL-USD".into(),
        };
        exchange.place(NOW, asked).order.id
    }

    fn held(exchange: &Exchange, currency: &str) -> u64 {
        let list = exchange.balances("a");
        list.iter().find(|it| &*it.currency == currency).map_or(0, |it| it.held_e8)
    }

    #[test]
    fn an_amended_order_moves_and_reserves_what_it_now_needs() {
        let mut exchange = exchange();
        let id = rest(&mut exchange, Side::Bid, 7_700, 2 * E8);
        assert_eq!(held(&exchange, "USD"), 2 * 7_700 * CENT + 6_160 * CENT / 100);
        let placed = exchange.amend(NOW + 1, "a", id, (7_735 * CENT, E8)).expect("taken");
        assert_eq!((placed.order.id, placed.fills.len()), (id, 0));
        assert_eq!(held(&exchange, "USD"), 7_735 * CENT + 3_094 * CENT / 100);
        let bids = exchange.levels("SOL-USD", Side::Bid, 0);
        assert!(bids.contains(&(7_735 * CENT, E8)) && !bids.iter().any(|it| it.0 == 7_700 * CENT));
        // Now it meets an ask: it takes, and rests with what is left.
        let placed = exchange.amend(NOW + 2, "a", id, (7_750 * CENT, 4 * E8)).expect("taken");
        assert_eq!((placed.order.filled_e8, placed.order.state), (3 * E8, OrderState::Open));
        assert_eq!(exchange.levels("SOL-USD", Side::Bid, 1), [(7_750 * CENT, E8)]);
    }

    #[test]
    fn refused_amendments_change_nothing() {
        let mut exchange = exchange();
        let id = rest(&mut exchange, Side::Bid, 7_750, 4 * E8);
        let before = (exchange.balances("a"), exchange.levels("SOL-USD", Side::Bid, 0));
        for (shows, account, order, to, why) in [
            ("another's", "b", id, (7_740 * CENT, 5 * E8), "NotFound"),
            ("no such", "a", id + 9, (7_740 * CENT, 5 * E8), "NotFound"),
            ("the same", "a", id, (7_750 * CENT, 4 * E8), "Unchanged"),
            ("no more than is filled", "a", id, (7_740 * CENT, 3 * E8), "BelowFilled"),
            ("between ticks", "a", id, (7_740 * CENT + 1, 5 * E8), "Refused(PriceStep)"),
            ("between lots", "a", id, (7_740 * CENT, 5 * E8 + 1), "Refused(SizeStep)"),
            ("funds", "a", id, (7_740 * CENT, 500 * E8), "Refused(Funds)"),
        ] {
            let refused = exchange.amend(NOW + 1, account, order, to).expect_err(shows);
            assert_eq!(format!("{refused:?}"), why, "{shows}");
            let after = (exchange.balances("a"), exchange.levels("SOL-USD", Side::Bid, 0));
            assert_eq!(after, before, "{shows}");
        }
        exchange.cancel(NOW + 2, "a", id).expect("it rests");
        let done = exchange.amend(NOW + 3, "a", id, (7_740 * CENT, 5 * E8));
        assert!(matches!(done, Err(AmendRefused::Done(_))));
    }

    /// Whatever is amended, money moves by fills alone, and what is reserved comes back.
    #[test]
    fn amendments_make_and_lose_nothing() {
        let mut exchange = exchange();
        let mut rng = Rng::new(5);
        let start = exchange.balances("a");
        let mut open = Vec::new();
        for step in 0..400 {
            let side = if rng.below(2) == 0 { Side::Bid } else { Side::Ask };
            let cents = 7_700 + rng.below(100);
            let size = (1 + rng.below(4)) * E8 / 2;
            if open.len() < 5 {
                open.push(rest(&mut exchange, side, cents, size));
            }
            let pick = usize::try_from(rng.below(open.len() as u64)).expect("small");
            match exchange.amend(NOW + step, "a", open[pick], (cents * CENT, size)) {
                Err(AmendRefused::Done(_)) => drop(open.swap_remove(pick)),
                Err(AmendRefused::Refused(why)) => assert_ne!(why, Why::SizeStep),
                Ok(_) | Err(_) => {}
            }
        }
        exchange.cancel_where(NOW + 1_000, "a", None, None);
        let (mut sol, mut usd) = (0_i128, 0_i128);
        for order in exchange.orders("a") {
            let sign = if order.asked.side == Side::Bid { 1 } else { -1 };
            sol += sign * i128::from(order.filled_e8);
            usd -= sign * i128::from(order.filled_quote_e8) + i128::from(order.fees_e8);
        }
        assert!(exchange.fills("a").len() > 3, "something was filled");
        for (before, after) in start.iter().zip(exchange.balances("a")) {
            let moved = if &*after.currency == "SOL" { sol } else { usd };
            let expected = i128::from(before.available_e8) + moved;
            assert_eq!((i128::from(after.available_e8), after.held_e8), (expected, 0));
        }
    }
}

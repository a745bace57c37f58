//! What is asked often, each with the index that answers it.
//!
//! Times are core nanoseconds, from the first parameter inclusive to the second exclusive, unless
//! the query says otherwise.

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// What it answers.
    pub name: &'static str,
    /// Index that it goes through; a table's name for its primary key.
    pub index: &'static str,
    /// The statement.
    pub sql: &'static str,
}

/// Opportunities that opened in a time, oldest first. Parameters: from, to.
pub const OPPORTUNITIES_BY_TIME: Query = Query {
    name: "opportunities by time",
    index: "opportunities_by_time",
    sql: "SELECT * FROM opportunities WHERE opened_ns >= ?1 AND opened_ns < ?2 ORDER BY opened_ns",
};

/// The last opportunity of a pair that had opened by a time. Parameters: run, pair, time.
pub const OPPORTUNITY_OF_PAIR_AT: Query = Query {
    name: "opportunity of a pair at a time",
    index: "opportunities_by_pair",
    sql: "SELECT * FROM opportunities WHERE run = ?1 AND pair = ?2 AND opened_ns <= ?3 \
          ORDER BY opened_ns DESC LIMIT 1",
};

/// One opportunity. Parameters: run, number.
pub const OPPORTUNITY: Query = Query {
    name: "one opportunity",
    index: "opportunities",
    sql: "SELECT * FROM opportunities WHERE run = ?1 AND opportunity = ?2",
};

/// Opportunities that came to nothing for one reason, oldest first. Parameters: fate, reason.
pub const OPPORTUNITIES_BY_REASON: Query = Query {
    name: "opportunities by fate and reason",
    index: "opportunities_by_fate",
    sql: "SELECT * FROM opportunities WHERE fate = ?1 AND fate_reason = ?2 ORDER BY opened_ns",
};

/// How many opportunities came to what, for which reason.
pub const FATES: Query = Query {
    name: "opportunities counted by fate and reason",
    index: "opportunities_by_fate",
    sql: "SELECT fate, fate_reason, count(*) FROM opportunities GROUP BY fate, fate_reason",
};

/// Trades decided in a time, oldest first. Parameters: from, to.
pub const TRADES_BY_TIME: Query = Query {
    name: "trades by time",
    index: "trades_by_time",
    sql: "SELECT * FROM trades WHERE decided_ns >= ?1 AND decided_ns < ?2 ORDER BY decided_ns",
};

/// Trades of a pair in a time, oldest first. Parameters: run, pair, from, to.
pub const TRADES_OF_PAIR: Query = Query {
    name: "trades of a pair by time",
    index: "trades_by_pair",
    sql: "SELECT * FROM trades WHERE run = ?1 AND pair = ?2 AND decided_ns >= ?3 \
          AND decided_ns < ?4 ORDER BY decided_ns",
};

/// Trades of an opportunity. Parameters: run, opportunity.
pub const TRADES_OF_OPPORTUNITY: Query = Query {
    name: "trades of an opportunity",
    index: "trades_by_opportunity",
    sql: "SELECT * FROM trades WHERE run = ?1 AND opportunity = ?2",
};

/// Trades that ended in one way, oldest first. Parameters: outcome.
pub const TRADES_BY_OUTCOME: Query = Query {
    name: "trades by outcome",
    index: "trades_by_outcome",
    sql: "SELECT * FROM trades WHERE outcome = ?1 ORDER BY decided_ns",
};

/// Legs of a trade. Parameters: run, trade.
pub const LEGS_OF_TRADE: Query = Query {
    name: "legs of a trade",
    index: "legs",
    sql: "SELECT * FROM legs WHERE run = ?1 AND trade = ?2 ORDER BY leg",
};

/// Orders of a trade, leg by leg. Parameters: run, trade.
pub const ORDERS_OF_TRADE: Query = Query {
    name: "orders of a trade",
    index: "orders",
    sql: "SELECT * FROM orders WHERE run = ?1 AND trade = ?2 ORDER BY leg, attempt",
};

/// Orders sent in a time, oldest first. Parameters: from, to.
pub const ORDERS_BY_TIME: Query = Query {
    name: "orders by time",
    index: "orders_by_time",
    sql: "SELECT * FROM orders WHERE sent_ns >= ?1 AND sent_ns < ?2 ORDER BY sent_ns",
};

/// Fills of a trade, order by order. Parameters: run, trade.
pub const FILLS_OF_TRADE: Query = Query {
    name: "fills of a trade",
    index: "fills_by_order",
    sql: "SELECT * FROM fills WHERE run = ?1 AND trade = ?2 ORDER BY leg, attempt",
};

/// Fills of a time, oldest first. Parameters: from, to.
pub const FILLS_BY_TIME: Query = Query {
    name: "fills by time",
    index: "fills_by_time",
    sql: "SELECT * FROM fills WHERE at_ns >= ?1 AND at_ns < ?2 ORDER BY at_ns",
};

/// Risk events of a time, oldest first. Parameters: from, to.
pub const RISK_EVENTS_BY_TIME: Query = Query {
    name: "risk events by time",
    index: "risk_events_by_time",
    sql: "SELECT * FROM risk_events WHERE at_ns >= ?1 AND at_ns < ?2 ORDER BY at_ns",
};

/// Risk events of one kind in a time, oldest first. Parameters: kind, from, to.
pub const RISK_EVENTS_OF_KIND: Query = Query {
    name: "risk events of a kind by time",
    index: "risk_events_by_kind",
    sql: "SELECT * FROM risk_events WHERE kind = ?1 AND at_ns >= ?2 AND at_ns < ?3 ORDER BY at_ns",
};

/// Risk events for one reason, oldest first. Parameters: reason.
pub const RISK_EVENTS_BY_REASON: Query = Query {
    name: "risk events by reason",
    index: "risk_events_by_reason",
    sql: "SELECT * FROM risk_events WHERE reason = ?1 ORDER BY at_ns",
};

/// Risk events of a pair in a time, oldest first. Parameters: run, pair, from, to.
pub const RISK_EVENTS_OF_PAIR: Query = Query {
    name: "risk events of a pair by time",
    index: "risk_events_by_pair",
    sql: "SELECT * FROM risk_events WHERE run = ?1 AND pair = ?2 AND at_ns >= ?3 AND at_ns < ?4 \
          ORDER BY at_ns",
};

/// Why an opportunity was refused, in order. Parameters: run, opportunity.
pub const RISK_EVENTS_OF_OPPORTUNITY: Query = Query {
    name: "risk events of an opportunity",
    index: "risk_events_by_opportunity",
    sql: "SELECT * FROM risk_events WHERE run = ?1 AND opportunity = ?2 ORDER BY seq",
};

/// What risk said of a trade under way, in order. Parameters: run, trade.
pub const RISK_EVENTS_OF_TRADE: Query = Query {
    name: "risk events of a trade",
    index: "risk_events_by_trade",
    sql: "SELECT * FROM risk_events WHERE run = ?1 AND trade = ?2 ORDER BY seq",
};

/// Results of the days from the first parameter to the second, both included, oldest first.
pub const DAYS: Query = Query {
    name: "results by day",
    index: "daily_pnl_by_day",
    sql: "SELECT * FROM daily_pnl WHERE day BETWEEN ?1 AND ?2 ORDER BY day",
};

/// Every question here.
pub const ALL: [Query; 21] = [
    OPPORTUNITIES_BY_TIME,
    OPPORTUNITY_OF_PAIR_AT,
    OPPORTUNITY,
    OPPORTUNITIES_BY_REASON,
    FATES,
    TRADES_BY_TIME,
    TRADES_OF_PAIR,
    TRADES_OF_OPPORTUNITY,
    TRADES_BY_OUTCOME,
    LEGS_OF_TRADE,
    ORDERS_OF_TRADE,
    ORDERS_BY_TIME,
    FILLS_OF_TRADE,
    FILLS_BY_TIME,
    RISK_EVENTS_BY_TIME,
    RISK_EVENTS_OF_KIND,
    RISK_EVENTS_BY_REASON,
    RISK_EVENTS_OF_PAIR,
    RISK_EVENTS_OF_OPPORTUNITY,
    RISK_EVENTS_OF_TRADE,
    DAYS,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::store::{Cell, Store, TABLES};

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::open(&dir.path().join("store.sqlite")).expect("a new store");
        (dir, store)
    }

    fn texts(store: &Store, sql: &str, column: usize) -> Vec<String> {
        let text = |row: Vec<Cell>| match row.into_iter().nth(column) {
            Some(Cell::Text(text)) => text,
            other => panic!("no text: {other:?}"),
        };
        // The plan is the same whatever the values are.
        let holes = (1..=4).take_while(|n| sql.contains(&format!("?{n}")));
        let values: Vec<Cell> = holes.map(|_| Cell::Null).collect();
        store.rows(sql, &values).expect("rows").into_iter().map(text).collect()
    }

    #[test]
    fn every_query_goes_through_its_index_and_sorts_nothing() {
        let (_dir, store) = store();
        for query in ALL {
            let plan = texts(&store, &format!("EXPLAIN QUERY PLAN {}", query.sql), 3);
            let [step] = plan.as_slice() else { panic!("{}: {plan:?}", query.name) };
            let goes = if TABLES.contains(&query.index) {
                step.starts_with(&format!("SEARCH {} USING PRIMARY KEY (", query.index))
            } else {
                // Counting all is a walk along the index; everything else looks a place up.
                let is_count = query.sql.contains("GROUP BY");
                let verb = if is_count { "SCAN " } else { "SEARCH " };
                step.starts_with(verb) && step.contains(&format!("INDEX {}", query.index))
            };
            assert!(goes, "{}: {step}", query.name);
        }
    }

    #[test]
    fn a_query_without_an_index_is_seen() {
        let (_dir, store) = store();
        let sql = "EXPLAIN QUERY PLAN SELECT * FROM trades WHERE net > 0 ORDER BY ended_ns";
        let plan = texts(&store, sql, 3);
        assert!(plan.len() > 1 && plan[0].starts_with("SCAN"), "{plan:?}");
    }

    #[test]
    fn every_index_answers_a_query() {
        let (_dir, store) = store();
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";
        let there: BTreeSet<String> = texts(&store, sql, 0).into_iter().collect();
        let asked = ALL.iter().map(|it| it.index).filter(|it| !TABLES.contains(it));
        assert_eq!(there, asked.map(str::to_owned).collect());
    }

    #[test]
    fn questions_do_not_write() {
        let (_dir, store) = store();
        store.rows("DELETE FROM trades", &[]).expect_err("a statement that writes");
    }
}

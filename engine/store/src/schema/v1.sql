-- What a journal's ledger says, as tables.
--
-- Times named `_ns` are core time and `_wall_ns` wall time, both Unix nanoseconds; `_seq` is a
-- record's number in the journal. Amounts are integers: base in atoms of `10^-pairs.atom_places`,
-- quote and money in units of `10^-assets.decimals`, order sizes in steps (lots, or base units of a
-- pool), results in the money of the pair unless the name says `numeraire`. Evidence of risk is
-- exact decimal text: its unit varies with the control, it may exceed 64 bits, and nobody adds it.
--
-- `run` is the number of the record with which a history began. A run that goes on from an anchor
-- goes on with the numbers of the run before it, and shares its `run`.

-- How far the journal has been taken in; one row.
CREATE TABLE projection (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    journal BLOB NOT NULL,             -- which one
    last_seq INTEGER NOT NULL,
    last_kind INTEGER NOT NULL,
    last_record BLOB NOT NULL,
    run INTEGER,                       -- whose records come next
    begin_seq INTEGER,                 -- where its tables are recorded
    wall_offset_ns INTEGER NOT NULL,   -- wall time minus core time
    wall_from_ns INTEGER NOT NULL,     -- since this core time
    wall_before_ns INTEGER NOT NULL,   -- the offset until then
    orphans INTEGER NOT NULL           -- decisions about what began before the ledger does
) STRICT;

-- A recording replayed, or a start of the daemon.
CREATE TABLE runs (
    begin_seq INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (begin_seq),
    from_anchor_seq INTEGER,
    build TEXT NOT NULL,
    part TEXT NOT NULL,
    mode TEXT NOT NULL,
    config_name TEXT NOT NULL,
    numeraire INTEGER NOT NULL,
    -- The clock anchor; 0 in a replay, whose time is that of its recordings.
    begun_ns INTEGER NOT NULL,
    begun_wall_ns INTEGER NOT NULL,
    -- Null while it goes on, and when it was cut off.
    end_seq INTEGER,
    ended_ns INTEGER,
    events INTEGER,
    batches INTEGER,
    open_opportunities INTEGER,
    open_trades INTEGER,
    digest TEXT
) STRICT;

CREATE TABLE assets (
    run INTEGER NOT NULL REFERENCES runs (begin_seq),
    asset INTEGER NOT NULL,
    name TEXT NOT NULL,
    decimals INTEGER NOT NULL,
    PRIMARY KEY (run, asset)
) STRICT, WITHOUT ROWID;

CREATE TABLE instruments (
    run INTEGER NOT NULL,
    instrument INTEGER NOT NULL,
    name TEXT NOT NULL,
    venue TEXT NOT NULL,
    market TEXT NOT NULL,
    base INTEGER NOT NULL,
    settles_in INTEGER NOT NULL,
    PRIMARY KEY (run, instrument),
    FOREIGN KEY (run, base) REFERENCES assets (run, asset),
    FOREIGN KEY (run, settles_in) REFERENCES assets (run, asset)
) STRICT, WITHOUT ROWID;

-- Buy on the first, sell on the second.
CREATE TABLE pairs (
    run INTEGER NOT NULL,
    pair INTEGER NOT NULL,
    name TEXT NOT NULL,
    buy INTEGER NOT NULL,
    sell INTEGER NOT NULL,
    money INTEGER NOT NULL,
    atom_places INTEGER NOT NULL,
    PRIMARY KEY (run, pair),
    FOREIGN KEY (run, buy) REFERENCES instruments (run, instrument),
    FOREIGN KEY (run, sell) REFERENCES instruments (run, instrument),
    FOREIGN KEY (run, money) REFERENCES assets (run, asset)
) STRICT, WITHOUT ROWID;

CREATE TABLE opportunities (
    run INTEGER NOT NULL,
    opportunity INTEGER NOT NULL,
    pair INTEGER NOT NULL,
    opened_seq INTEGER NOT NULL,
    opened_ns INTEGER NOT NULL,
    first_net INTEGER NOT NULL,
    -- Null while it is open.
    closed_seq INTEGER,
    closed_ns INTEGER,
    duration_ns INTEGER,
    looks INTEGER,
    -- The look with the highest net; while it is open, the first.
    peak_seq INTEGER NOT NULL,
    peak_ns INTEGER NOT NULL,
    peak_atoms INTEGER NOT NULL,
    peak_notional INTEGER NOT NULL,
    peak_net INTEGER NOT NULL,
    peak_code TEXT NOT NULL,
    fate TEXT CHECK (fate IN ('traded', 'refused', 'halted', 'signal')),
    fate_reason TEXT,                  -- check, halt or code
    fate_trade INTEGER,
    PRIMARY KEY (run, opportunity),
    FOREIGN KEY (run, pair) REFERENCES pairs (run, pair),
    CHECK ((closed_ns IS NULL) = (fate IS NULL)),
    CHECK ((fate = 'traded') = (fate_trade IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX opportunities_by_time ON opportunities (opened_ns);
CREATE INDEX opportunities_by_pair ON opportunities (run, pair, opened_ns);
CREATE INDEX opportunities_by_fate ON opportunities (fate, fate_reason, opened_ns);

-- With a rowid: else a search by run alone, which needs no second look-up, would be preferred to the
-- index by opportunity.
CREATE TABLE trades (
    run INTEGER NOT NULL,
    trade INTEGER NOT NULL,
    opportunity INTEGER NOT NULL,
    pair INTEGER NOT NULL,
    decided_seq INTEGER NOT NULL,
    decided_ns INTEGER NOT NULL,
    decided_wall_ns INTEGER NOT NULL,
    first_leg INTEGER,                 -- null for both at once
    planned_atoms INTEGER NOT NULL,
    planned_notional INTEGER NOT NULL,
    predicted_net INTEGER NOT NULL,
    -- Null while it is under way.
    ended_seq INTEGER,
    ended_ns INTEGER,
    ended_wall_ns INTEGER,
    outcome TEXT,
    network_lamports INTEGER,
    tip_lamports INTEGER,
    -- Null also when a figure is out of range, which halts. `gross` plus `residual` minus the rest
    -- is the net.
    gross INTEGER,
    taker_fees INTEGER,
    pool_fees INTEGER,
    network INTEGER,
    tip INTEGER,
    conversion INTEGER,
    rounding INTEGER,
    residual INTEGER,
    net INTEGER,
    net_numeraire INTEGER,
    PRIMARY KEY (run, trade),
    FOREIGN KEY (run, opportunity) REFERENCES opportunities (run, opportunity),
    FOREIGN KEY (run, pair) REFERENCES pairs (run, pair),
    CHECK ((ended_ns IS NULL) = (outcome IS NULL)),
    CHECK (net = gross - taker_fees - pool_fees - network - tip - conversion - rounding + residual)
) STRICT;
CREATE INDEX trades_by_time ON trades (decided_ns);
CREATE INDEX trades_by_pair ON trades (run, pair, decided_ns);
CREATE INDEX trades_by_opportunity ON trades (run, opportunity);
CREATE INDEX trades_by_outcome ON trades (outcome, decided_ns);

-- Leg 0 buys, leg 1 sells.
CREATE TABLE legs (
    run INTEGER NOT NULL,
    trade INTEGER NOT NULL,
    leg INTEGER NOT NULL CHECK (leg IN (0, 1)),
    instrument INTEGER NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    planned_steps INTEGER NOT NULL,
    atoms_per_step INTEGER NOT NULL,
    expected_total INTEGER NOT NULL,
    limit_ticks INTEGER,               -- of a book
    limit_total INTEGER,               -- of a pool
    -- Over all its orders; null while the trade is under way.
    orders INTEGER,
    bought_atoms INTEGER,
    sold_atoms INTEGER,
    paid INTEGER,
    received INTEGER,
    taker_fees INTEGER,
    pool_fees INTEGER,
    PRIMARY KEY (run, trade, leg),
    FOREIGN KEY (run, trade) REFERENCES trades (run, trade),
    FOREIGN KEY (run, instrument) REFERENCES instruments (run, instrument),
    CHECK ((limit_ticks IS NULL) <> (limit_total IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
    run INTEGER NOT NULL,
    trade INTEGER NOT NULL,
    leg INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    instrument INTEGER NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    steps INTEGER NOT NULL,
    limit_ticks INTEGER,
    limit_total INTEGER,
    sent_seq INTEGER NOT NULL,
    sent_ns INTEGER NOT NULL,
    -- Null until the venue has answered.
    answered_seq INTEGER,
    answered_ns INTEGER,
    answer TEXT CHECK (answer IN ('done', 'failed_by_limit', 'failed_landing', 'expired')),
    filled_steps INTEGER,
    network_lamports INTEGER,
    tip_lamports INTEGER,
    PRIMARY KEY (run, trade, leg, attempt),
    FOREIGN KEY (run, trade, leg) REFERENCES legs (run, trade, leg),
    FOREIGN KEY (run, instrument) REFERENCES instruments (run, instrument),
    CHECK ((limit_ticks IS NULL) <> (limit_total IS NULL)),
    CHECK (filled_steps BETWEEN 0 AND steps)
) STRICT, WITHOUT ROWID;
CREATE INDEX orders_by_time ON orders (sent_ns);

CREATE TABLE fills (
    seq INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    trade INTEGER NOT NULL,
    leg INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    at_ns INTEGER NOT NULL,
    steps INTEGER NOT NULL CHECK (steps > 0),
    gross INTEGER NOT NULL,            -- quote with the fees added back
    taker_fee INTEGER NOT NULL,
    pool_fee INTEGER NOT NULL,
    total INTEGER NOT NULL,            -- paid or received, fees included
    last_ticks INTEGER NOT NULL,       -- last price of a book; 0 for a pool
    FOREIGN KEY (run, trade, leg, attempt) REFERENCES orders (run, trade, leg, attempt)
) STRICT;
CREATE INDEX fills_by_order ON fills (run, trade, leg, attempt);
CREATE INDEX fills_by_time ON fills (at_ns);

CREATE TABLE risk_events (
    seq INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (begin_seq),
    at_ns INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN (
        'refused', 'hedge_refused', 'halt_latched', 'halt_escalated', 'halt_handed_to_operator',
        'halt_cleared', 'halt_resumed', 'warned', 'suspect', 'command_taken', 'command_refused',
        'contradiction'
    )),
    reason TEXT NOT NULL,              -- halt, check, warning, or command
    control TEXT,                      -- row of the control matrix
    scope TEXT,                        -- what a halt or suspicion covers
    opportunity INTEGER,
    trade INTEGER,
    pair INTEGER,
    check_name TEXT,                   -- the first failed check
    leg INTEGER,
    observed TEXT CHECK (observed NOT GLOB '*[^-0-9]*'), -- null: missing or unusable
    limit_value TEXT CHECK (limit_value NOT GLOB '*[^-0-9]*'),
    unit TEXT,
    failed_checks TEXT,                -- all of them, between commas
    detail TEXT,                       -- what was ordered, and why it was refused
    atoms INTEGER,
    net INTEGER,
    FOREIGN KEY (run, opportunity) REFERENCES opportunities (run, opportunity),
    FOREIGN KEY (run, trade) REFERENCES trades (run, trade),
    FOREIGN KEY (run, pair) REFERENCES pairs (run, pair)
) STRICT;
CREATE INDEX risk_events_by_time ON risk_events (at_ns);
CREATE INDEX risk_events_by_kind ON risk_events (kind, at_ns);
CREATE INDEX risk_events_by_reason ON risk_events (reason, at_ns);
CREATE INDEX risk_events_by_pair ON risk_events (run, pair, at_ns);
CREATE INDEX risk_events_by_opportunity ON risk_events (run, opportunity);
CREATE INDEX risk_events_by_trade ON risk_events (run, trade);

-- Trades that ended on a UTC day (days since 1970-01-01), by the money they are accounted in.
CREATE TABLE daily_pnl (
    run INTEGER NOT NULL,
    day INTEGER NOT NULL,
    money INTEGER NOT NULL,
    trades INTEGER NOT NULL,
    wins INTEGER NOT NULL,             -- above zero in the numeraire
    losses INTEGER NOT NULL,           -- below zero
    unpriced INTEGER NOT NULL,         -- a figure was out of range: in no sum
    gross INTEGER NOT NULL,
    taker_fees INTEGER NOT NULL,
    pool_fees INTEGER NOT NULL,
    network INTEGER NOT NULL,
    tip INTEGER NOT NULL,
    conversion INTEGER NOT NULL,
    rounding INTEGER NOT NULL,
    residual INTEGER NOT NULL,
    net INTEGER NOT NULL,
    net_numeraire INTEGER NOT NULL,
    PRIMARY KEY (run, day, money),
    FOREIGN KEY (run, money) REFERENCES assets (run, asset)
) STRICT, WITHOUT ROWID;
CREATE INDEX daily_pnl_by_day ON daily_pnl (day);

//! Faults of one exchange: the chain (one node).

use connector_emulator::serve::{Ending, Executes, Fault, Pings, Reach};
use connector_net::session::Cause;

use crate::row::{Hits, Row, garbled, pick, rows};

/// Above the largest frame that is taken. Unit: bytes.
const TOO_LARGE: usize = 17 << 20;
/// Below it. Unit: bytes.
const LARGE: usize = 4 << 20;

/// The pool of the demo.
const POOL: &str = "HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ";

rows! {
    solana_slot_lag => |name| Row::new(name, "solana", Fault::SlotLag { slots: 40 }).lasts(6_000).hits(Hits::Any, 4_000).others(2);
    solana_split_slot => |name| Row::new(name, "solana", Fault::SplitSlot { delay_ms: 300 }).lasts(6_000);
    solana_missing_accounts => |name| Row::new(name, "solana", Fault::MissingAccounts).lasts(6_000).cut()
        .hits(Hits::All, 0).ends(Cause::Closed).others(4);
    solana_disconnect_by_close => |name| Row::new(name, "solana", Fault::Disconnect { how: Ending::Close })
        .hits(Hits::All, 0).ends(Cause::Closed);
    solana_disconnect_by_fin => |name| Row::new(name, "solana", Fault::Disconnect { how: Ending::Fin })
        .hits(Hits::All, 0).ends(Cause::Broken);
    solana_disconnect_by_reset => |name| Row::new(name, "solana", Fault::Disconnect { how: Ending::Reset })
        .hits(Hits::All, 0).ends(Cause::Broken);
    solana_half_open => |name| Row::new(name, "solana", Fault::HalfOpen).lasts(3_000+4_000)
        .hits(Hits::All, 3_000).ends(Cause::Silent)
        .others(4);
    solana_silence_with_pongs => |name| Row::new(name, "solana", Fault::Silence { pings: Pings::Answered })
        .lasts(3_000+2_000).hits(Hits::All, 3_000).ends(Cause::Silent);
    solana_silence_without_pongs => |name| Row::new(name, "solana", Fault::Silence { pings: Pings::Unanswered })
        .lasts(3_000+2_000).hits(Hits::All, 3_000).ends(Cause::Silent);
    solana_delayed => |name| Row::new(name, "solana", Fault::Delay { by_ms: 400, jitter_ms: 300, pick: pick(0, "") })
        .lasts(3_000);
    solana_slow_reads => |name| Row::new(name, "solana", Fault::SlowReads { bytes_per_s: 200 }).lasts(3_000);
    solana_slow_writes => |name| Row::new(name, "solana", Fault::SlowWrites { bytes_per_s: 4_000 })
        .lasts(3_000).hits(Hits::Any, 0).others(2);
    solana_duplicate => |name| Row::new(name, "solana", Fault::Duplicate { pick: pick(5, "accountNotification") });
    solana_cut_frame => |name| Row::new(name, "solana", Fault::CutFrame { then: Ending::Fin, pick: pick(1, "accountNotification") })
        .hits(Hits::All, 500).ends(Cause::Broken);
    solana_giant_frame => |name| Row::new(name, "solana", Fault::GiantFrame { bytes: TOO_LARGE })
        .hits(Hits::All, 2_000).ends(Cause::BadFrame)
        .scale(1);
    solana_large_frame => |name| Row::new(name, "solana", Fault::GiantFrame { bytes: LARGE }).scale(1);
    solana_crossed_book => |name| Row::new(name, "solana", Fault::CrossedBook { product: POOL.to_owned() })
        .times(12).hits(Hits::One, 12 * 700);
    solana_refused => |name| Row::new(name, "solana", Fault::Refuse).lasts(5_000).cut()
        .hits(Hits::All, 0).ends(Cause::Closed).others(8);
    solana_ban => |name| Row::new(name, "solana", Fault::Ban { status: 403, text: "banned".to_owned(), reach: Reach::default() })
        .lasts(5_000).cut().hits(Hits::All, 0).ends(Cause::Closed).others(8);
    solana_server_error => |name| Row::new(name, "solana", Fault::ServerError { status: 502, executes: Executes::Not, reach: Reach::default() })
        .lasts(5_000).cut().hits(Hits::All, 0).ends(Cause::Closed).others(8);
    solana_hanging_requests => |name| Row::new(name, "solana", Fault::Hang { executes: Executes::Not, reach: Reach::default() })
        .lasts(4_000).cut().hits(Hits::All, 0).ends(Cause::Closed).others(4).well(25_000);
    solana_maintenance => |name| Row::new(name, "solana", Fault::Maintenance).hits(Hits::Any, 0).others(6);
    solana_clock_ahead => |name| Row::new(name, "solana", Fault::ClockSkew { by_ms: 5_000 }).lasts(4_000);
    solana_clock_behind => |name| Row::new(name, "solana", Fault::ClockSkew { by_ms: -5_000 }).lasts(4_000);
    solana_dropped_subscription => |name| Row::new(name, "solana", Fault::SubscriptionDropped).hits(Hits::Any, 5_000).others(1);
    solana_truncated => |name| Row::new(name, "solana", Fault::Truncate { pick: pick(1, "accountNotification") }).hits(Hits::All, 500);
    solana_mutated => |name| Row::new(name, "solana", garbled("accountNotification")).hits(Hits::All, 500);
    solana_dropped => |name| Row::new(name, "solana", Fault::Drop { pick: pick(1, "accountNotification") }).hits(Hits::Any, 4_000);
    solana_reordered => |name| Row::new(name, "solana", Fault::Reorder { pick: pick(1, "accountNotification") }).hits(Hits::Any, 4_000);
}

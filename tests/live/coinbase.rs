//! Faults of one exchange: Coinbase.

use connector_emulator::serve::{Ending, Executes, Fault, Pings, Reach};
use connector_net::Odd;
use connector_net::session::Cause;

use crate::row::{Hits, Row, garbled, pick, rows};

/// Above the largest frame that is taken. Unit: bytes.
const TOO_LARGE: usize = 17 << 20;
/// Below it. Unit: bytes.
const LARGE: usize = 4 << 20;

rows! {
    coinbase_disconnect_parked => |name| Row::new(name, "coinbase", Fault::Disconnect { how: Ending::Reset })
        .hits(Hits::All, 0).ends(Cause::Broken).wait("park");
    coinbase_gap_parked => |name| Row::new(name, "coinbase", Fault::Drop { pick: pick(1, "l2_data") })
        .hits(Hits::All, 1_000).odd(Odd::SequenceGap).wait("park");
    coinbase_disconnect_by_close => |name| Row::new(name, "coinbase", Fault::Disconnect { how: Ending::Close })
        .hits(Hits::All, 0).ends(Cause::Closed);
    coinbase_disconnect_by_fin => |name| Row::new(name, "coinbase", Fault::Disconnect { how: Ending::Fin })
        .hits(Hits::All, 0).ends(Cause::Broken);
    coinbase_disconnect_by_reset => |name| Row::new(name, "coinbase", Fault::Disconnect { how: Ending::Reset })
        .hits(Hits::All, 0).ends(Cause::Broken);
    coinbase_half_open => |name| Row::new(name, "coinbase", Fault::HalfOpen).lasts(3_000+4_000)
        .hits(Hits::All, 3_000).ends(Cause::Silent)
        .others(4);
    coinbase_silence_with_pongs => |name| Row::new(name, "coinbase", Fault::Silence { pings: Pings::Answered })
        .lasts(3_000+2_000).hits(Hits::All, 3_000).ends(Cause::Silent);
    coinbase_silence_without_pongs => |name| Row::new(name, "coinbase", Fault::Silence { pings: Pings::Unanswered })
        .lasts(3_000+2_000).hits(Hits::All, 3_000).ends(Cause::Silent);
    coinbase_delayed => |name| Row::new(name, "coinbase", Fault::Delay { by_ms: 400, jitter_ms: 300, pick: pick(0, "") })
        .lasts(3_000);
    coinbase_slow_reads => |name| Row::new(name, "coinbase", Fault::SlowReads { bytes_per_s: 200 }).lasts(3_000);
    coinbase_slow_writes => |name| Row::new(name, "coinbase", Fault::SlowWrites { bytes_per_s: 4_000 })
        .lasts(3_000).hits(Hits::Any, 0).others(2);
    coinbase_duplicate => |name| Row::new(name, "coinbase", Fault::Duplicate { pick: pick(5, "l2_data") }).odd(Odd::SequenceRepeat);
    coinbase_cut_frame => |name| Row::new(name, "coinbase", Fault::CutFrame { then: Ending::Fin, pick: pick(1, "l2_data") })
        .hits(Hits::All, 500).ends(Cause::Broken);
    coinbase_giant_frame => |name| Row::new(name, "coinbase", Fault::GiantFrame { bytes: TOO_LARGE })
        .hits(Hits::All, 2_000).ends(Cause::BadFrame)
        .scale(1);
    coinbase_large_frame => |name| Row::new(name, "coinbase", Fault::GiantFrame { bytes: LARGE }).scale(1);
    coinbase_crossed_book => |name| Row::new(name, "coinbase", Fault::CrossedBook { product: "SOL-USD".to_owned() })
        .hits(Hits::One, 500);
    coinbase_refused => |name| Row::new(name, "coinbase", Fault::Refuse).lasts(5_000).cut()
        .hits(Hits::All, 0).ends(Cause::Closed).others(8);
    coinbase_ban => |name| Row::new(name, "coinbase", Fault::Ban { status: 403, text: "banned".to_owned(), reach: Reach::default() })
        .lasts(5_000).cut().hits(Hits::All, 0).ends(Cause::Closed).others(8);
    coinbase_server_error => |name| Row::new(name, "coinbase", Fault::ServerError { status: 502, executes: Executes::Not, reach: Reach::default() })
        .lasts(5_000).cut().hits(Hits::All, 0).ends(Cause::Closed).others(8);
    coinbase_hanging_requests => |name| Row::new(name, "coinbase", Fault::Hang { executes: Executes::Not, reach: Reach::default() })
        .lasts(4_000).cut().hits(Hits::All, 0).ends(Cause::Closed).others(4).well(25_000);
    coinbase_maintenance => |name| Row::new(name, "coinbase", Fault::Maintenance).hits(Hits::Any, 0).others(6);
    coinbase_clock_ahead => |name| Row::new(name, "coinbase", Fault::ClockSkew { by_ms: 5_000 }).lasts(4_000);
    coinbase_clock_behind => |name| Row::new(name, "coinbase", Fault::ClockSkew { by_ms: -5_000 }).lasts(4_000);
    coinbase_dropped_subscription => |name| Row::new(name, "coinbase", Fault::SubscriptionDropped).asks(10_000);
    coinbase_truncated => |name| Row::new(name, "coinbase", Fault::Truncate { pick: pick(1, "l2_data") }).hits(Hits::All, 1_500);
    coinbase_mutated => |name| Row::new(name, "coinbase", garbled("l2_data")).hits(Hits::All, 1_500);
    coinbase_dropped => |name| Row::new(name, "coinbase", Fault::Drop { pick: pick(1, "l2_data") }).hits(Hits::All, 1_000).odd(Odd::SequenceGap);
    coinbase_reordered => |name| Row::new(name, "coinbase", Fault::Reorder { pick: pick(1, "l2_data") }).hits(Hits::All, 1_000).odd(Odd::SequenceGap);
}

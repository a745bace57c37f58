//! Faults of one exchange: Gemini, current feed.

use connector_emulator::serve::{Ending, Executes, Fault, Pings, Reach};
use connector_net::Odd;
use connector_net::session::Cause;

use crate::row::{Hits, Row, garbled, pick, rows};

/// Above the largest frame that is taken. Unit: bytes.
const TOO_LARGE: usize = 17 << 20;

rows! {
    gemini_disconnect_by_close => |name| Row::new(name, "gemini", Fault::Disconnect { how: Ending::Close })
        .hits(Hits::All, 0).ends(Cause::Closed);
    gemini_disconnect_by_fin => |name| Row::new(name, "gemini", Fault::Disconnect { how: Ending::Fin })
        .hits(Hits::All, 0).ends(Cause::Broken);
    gemini_disconnect_by_reset => |name| Row::new(name, "gemini", Fault::Disconnect { how: Ending::Reset })
        .hits(Hits::All, 0).ends(Cause::Broken);
    gemini_half_open => |name| Row::new(name, "gemini", Fault::HalfOpen).lasts(10_000+4_000)
        .hits(Hits::All, 10_000).ends(Cause::PongLate)
        .others(4);
    gemini_silence_with_pongs => |name| Row::new(name, "gemini", Fault::Silence { pings: Pings::Answered })
        .lasts(10_000+2_000).hits(Hits::All, 10_000).ends(Cause::Silent);
    gemini_silence_without_pongs => |name| Row::new(name, "gemini", Fault::Silence { pings: Pings::Unanswered })
        .lasts(10_000+2_000).hits(Hits::All, 10_000).ends(Cause::PongLate);
    gemini_delayed => |name| Row::new(name, "gemini", Fault::Delay { by_ms: 400, jitter_ms: 300, pick: pick(0, "") })
        .lasts(3_000);
    gemini_slow_reads => |name| Row::new(name, "gemini", Fault::SlowReads { bytes_per_s: 200 }).lasts(3_000);
    gemini_slow_writes => |name| Row::new(name, "gemini", Fault::SlowWrites { bytes_per_s: 4_000 })
        .lasts(3_000).hits(Hits::Any, 0).others(2);
    gemini_duplicate => |name| Row::new(name, "gemini", Fault::Duplicate { pick: pick(5, "depthUpdate") }).odd(Odd::SequenceRepeat);
    gemini_cut_frame => |name| Row::new(name, "gemini", Fault::CutFrame { then: Ending::Fin, pick: pick(1, "depthUpdate") })
        .hits(Hits::All, 500).ends(Cause::Broken);
    gemini_giant_frame => |name| Row::new(name, "gemini", Fault::GiantFrame { bytes: TOO_LARGE })
        .hits(Hits::All, 2_000).ends(Cause::BadFrame)
        .scale(1);
    gemini_crossed_book => |name| Row::new(name, "gemini", Fault::CrossedBook { product: "SOL-USD".to_owned() })
        .hits(Hits::One, 500);
    gemini_refused => |name| Row::new(name, "gemini", Fault::Refuse).lasts(5_000).cut()
        .hits(Hits::All, 0).ends(Cause::Closed).others(8);
    gemini_ban => |name| Row::new(name, "gemini", Fault::Ban { status: 403, text: "banned".to_owned(), reach: Reach::default() })
        .lasts(5_000).cut().hits(Hits::All, 0).ends(Cause::Closed).others(8);
    gemini_server_error => |name| Row::new(name, "gemini", Fault::ServerError { status: 502, executes: Executes::Not, reach: Reach::default() })
        .lasts(5_000).cut().hits(Hits::All, 0).ends(Cause::Closed).others(8);
    gemini_hanging_requests => |name| Row::new(name, "gemini", Fault::Hang { executes: Executes::Not, reach: Reach::default() })
        .lasts(4_000).cut().hits(Hits::All, 0).ends(Cause::Closed).others(4).well(25_000);
    gemini_maintenance => |name| Row::new(name, "gemini", Fault::Maintenance).hits(Hits::Any, 0).others(6);
    gemini_clock_ahead => |name| Row::new(name, "gemini", Fault::ClockSkew { by_ms: 5_000 }).lasts(4_000);
    gemini_clock_behind => |name| Row::new(name, "gemini", Fault::ClockSkew { by_ms: -5_000 }).lasts(4_000);
    gemini_dropped_subscription => |name| Row::new(name, "gemini", Fault::SubscriptionDropped)
        .set("venues.gemini.audit_every_ms=2000").hits(Hits::Any, 30_000).others(1);
    gemini_truncated => |name| Row::new(name, "gemini", Fault::Truncate { pick: pick(1, "depthUpdate") }).hits(Hits::Any, 2_000);
    gemini_mutated => |name| Row::new(name, "gemini", garbled("depthUpdate")).hits(Hits::Any, 2_000);
    gemini_dropped => |name| Row::new(name, "gemini", Fault::Drop { pick: pick(1, "depthUpdate") }).hits(Hits::One, 2_000).odd(Odd::SequenceGap);
    gemini_reordered => |name| Row::new(name, "gemini", Fault::Reorder { pick: pick(10, "depthUpdate") })
        .hits(Hits::Any, 4_000);
}

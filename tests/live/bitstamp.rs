//! Faults of one exchange: Bitstamp.

use connector_emulator::serve::{Ending, Executes, Fault, Pings, Reach};
use connector_net::session::Cause;

use crate::row::{Hits, Row, garbled, pick, rows};

/// Above the largest frame that is taken. Unit: bytes.
const TOO_LARGE: usize = 17 << 20;

rows! {
    bitstamp_disconnect_by_close => |name| Row::new(name, "bitstamp", Fault::Disconnect { how: Ending::Close })
        .hits(Hits::All, 0).ends(Cause::Closed).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_disconnect_by_fin => |name| Row::new(name, "bitstamp", Fault::Disconnect { how: Ending::Fin })
        .hits(Hits::All, 0).ends(Cause::Broken).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_disconnect_by_reset => |name| Row::new(name, "bitstamp", Fault::Disconnect { how: Ending::Reset })
        .hits(Hits::All, 0).ends(Cause::Broken).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_half_open => |name| Row::new(name, "bitstamp", Fault::HalfOpen).lasts(10_000+4_000)
        .hits(Hits::All, 10_000).ends(Cause::PongLate)
        .others(4).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_silence_with_pongs => |name| Row::new(name, "bitstamp", Fault::Silence { pings: Pings::Answered })
        .lasts(10_000+2_000).hits(Hits::All, 10_000).ends(Cause::Silent).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_silence_without_pongs => |name| Row::new(name, "bitstamp", Fault::Silence { pings: Pings::Unanswered })
        .lasts(10_000+2_000).hits(Hits::All, 10_000).ends(Cause::PongLate).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_delayed => |name| Row::new(name, "bitstamp", Fault::Delay { by_ms: 400, jitter_ms: 300, pick: pick(0, "") })
        .lasts(3_000).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_slow_reads => |name| Row::new(name, "bitstamp", Fault::SlowReads { bytes_per_s: 200 }).lasts(3_000).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_slow_writes => |name| Row::new(name, "bitstamp", Fault::SlowWrites { bytes_per_s: 4_000 })
        .lasts(3_000).hits(Hits::Any, 0).others(2).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_duplicate => |name| Row::new(name, "bitstamp", Fault::Duplicate { pick: pick(5, "diff_order_book") }).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_cut_frame => |name| Row::new(name, "bitstamp", Fault::CutFrame { then: Ending::Fin, pick: pick(1, "diff_order_book") })
        .hits(Hits::All, 500).ends(Cause::Broken).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_giant_frame => |name| Row::new(name, "bitstamp", Fault::GiantFrame { bytes: TOO_LARGE })
        .hits(Hits::All, 2_000).ends(Cause::BadFrame)
        .scale(1).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_crossed_book => |name| Row::new(name, "bitstamp", Fault::CrossedBook { product: "SOL-USD".to_owned() })
        .hits(Hits::One, 500).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_refused => |name| Row::new(name, "bitstamp", Fault::Refuse).lasts(5_000).cut()
        .hits(Hits::All, 0).ends(Cause::Closed).others(8).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_ban => |name| Row::new(name, "bitstamp", Fault::Ban { status: 403, text: "banned".to_owned(), reach: Reach::default() })
        .lasts(5_000).cut().hits(Hits::All, 0).ends(Cause::Closed).others(8).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_server_error => |name| Row::new(name, "bitstamp", Fault::ServerError { status: 502, executes: Executes::Not, reach: Reach::default() })
        .lasts(5_000).cut().hits(Hits::All, 0).ends(Cause::Closed).others(8).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_hanging_requests => |name| Row::new(name, "bitstamp", Fault::Hang { executes: Executes::Not, reach: Reach::default() })
        .lasts(4_000).cut().hits(Hits::All, 0).ends(Cause::Closed).others(4).well(25_000).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_maintenance => |name| Row::new(name, "bitstamp", Fault::Maintenance).hits(Hits::Any, 0).others(6).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_clock_ahead => |name| Row::new(name, "bitstamp", Fault::ClockSkew { by_ms: 5_000 }).lasts(4_000).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_clock_behind => |name| Row::new(name, "bitstamp", Fault::ClockSkew { by_ms: -5_000 }).lasts(4_000).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_dropped_subscription => |name| Row::new(name, "bitstamp", Fault::SubscriptionDropped).after(34_000).hits(Hits::One, 14_000).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_truncated => |name| Row::new(name, "bitstamp", Fault::Truncate { pick: pick(1, "diff_order_book") }).hits(Hits::Any, 2_000).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_mutated => |name| Row::new(name, "bitstamp", garbled("diff_order_book")).hits(Hits::Any, 2_000).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_dropped => |name| Row::new(name, "bitstamp", Fault::Drop { pick: pick(40, "diff_order_book") }).hits(Hits::Any, 25_000).set("venues.bitstamp.audit_every_ms=2000");
    bitstamp_reordered => |name| Row::new(name, "bitstamp", Fault::Reorder { pick: pick(1, "diff_order_book") }).hits(Hits::Any, 2_000).set("venues.bitstamp.audit_every_ms=2000");
}

//! Faults of one exchange: Gemini, market data v2.
//!
//! It has no sequence, and one snapshot for each symbol and connection: what is found wrong with one book
//! is mended by a new connection, and doubts the others of it on the way. Silence must be noticed by itself
//! where no book is compared meanwhile.

use connector_emulator::serve::{Ending, Executes, Fault, Pings, Reach};
use connector_net::session::Cause;

use crate::row::{Hits, Row, garbled, pick, rows};

/// Above the largest frame that is taken. Unit: bytes.
const TOO_LARGE: usize = 17 << 20;

rows! {
    gemini_v2_disconnect_by_close => |name| Row::new(name, "gemini", Fault::Disconnect { how: Ending::Close })
        .hits(Hits::All, 0).ends(Cause::Closed).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_disconnect_by_fin => |name| Row::new(name, "gemini", Fault::Disconnect { how: Ending::Fin })
        .hits(Hits::All, 0).ends(Cause::Broken).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_disconnect_by_reset => |name| Row::new(name, "gemini", Fault::Disconnect { how: Ending::Reset })
        .hits(Hits::All, 0).ends(Cause::Broken).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_half_open => |name| Row::new(name, "gemini", Fault::HalfOpen).lasts(15_000+4_000)
        .hits(Hits::All, 15_000).ends(Cause::PongLate)
        .others(4).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=60000");
    gemini_v2_silence_with_pongs => |name| Row::new(name, "gemini", Fault::Silence { pings: Pings::Answered })
        .lasts(15_000+2_000).hits(Hits::All, 15_000).ends(Cause::Silent).others(1).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=60000");
    gemini_v2_silence_without_pongs => |name| Row::new(name, "gemini", Fault::Silence { pings: Pings::Unanswered })
        .lasts(15_000+2_000).hits(Hits::All, 15_000).ends(Cause::PongLate).others(1).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=60000");
    gemini_v2_delayed => |name| Row::new(name, "gemini", Fault::Delay { by_ms: 400, jitter_ms: 300, pick: pick(0, "") })
        .lasts(3_000).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_slow_reads => |name| Row::new(name, "gemini", Fault::SlowReads { bytes_per_s: 200 }).lasts(3_000).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_slow_writes => |name| Row::new(name, "gemini", Fault::SlowWrites { bytes_per_s: 4_000 })
        .lasts(3_000).hits(Hits::Any, 0).others(2).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_duplicate => |name| Row::new(name, "gemini", Fault::Duplicate { pick: pick(5, "l2_updates") }).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_cut_frame => |name| Row::new(name, "gemini", Fault::CutFrame { then: Ending::Fin, pick: pick(1, "l2_updates") })
        .hits(Hits::All, 500).ends(Cause::Broken).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_giant_frame => |name| Row::new(name, "gemini", Fault::GiantFrame { bytes: TOO_LARGE })
        .hits(Hits::All, 2_000).ends(Cause::BadFrame)
        .scale(1).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_crossed_book => |name| Row::new(name, "gemini", Fault::CrossedBook { product: "SOL-USD".to_owned() })
        .hits(Hits::All, 1_000).ends(Cause::TooManyDoubts).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_refused => |name| Row::new(name, "gemini", Fault::Refuse).lasts(5_000).cut()
        .hits(Hits::All, 0).ends(Cause::Closed).others(8).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_ban => |name| Row::new(name, "gemini", Fault::Ban { status: 403, text: "banned".to_owned(), reach: Reach::default() })
        .lasts(5_000).cut().hits(Hits::All, 0).ends(Cause::Closed).others(8).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_server_error => |name| Row::new(name, "gemini", Fault::ServerError { status: 502, executes: Executes::Not, reach: Reach::default() })
        .lasts(5_000).cut().hits(Hits::All, 0).ends(Cause::Closed).others(8).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_hanging_requests => |name| Row::new(name, "gemini", Fault::Hang { executes: Executes::Not, reach: Reach::default() })
        .lasts(4_000).cut().hits(Hits::All, 0).ends(Cause::Closed).others(4).well(25_000).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_maintenance => |name| Row::new(name, "gemini", Fault::Maintenance).hits(Hits::Any, 0).others(6).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_clock_ahead => |name| Row::new(name, "gemini", Fault::ClockSkew { by_ms: 5_000 }).lasts(4_000).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_clock_behind => |name| Row::new(name, "gemini", Fault::ClockSkew { by_ms: -5_000 }).lasts(4_000).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_dropped_subscription => |name| Row::new(name, "gemini", Fault::SubscriptionDropped).hits(Hits::Any, 30_000).others(1).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_truncated => |name| Row::new(name, "gemini", Fault::Truncate { pick: pick(1, "l2_updates") }).hits(Hits::All, 1_500).ends(Cause::TooManyDoubts).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_mutated => |name| Row::new(name, "gemini", garbled("l2_updates")).hits(Hits::All, 1_500).ends(Cause::TooManyDoubts).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_dropped => |name| Row::new(name, "gemini", Fault::Drop { pick: pick(40, "l2_updates") }).hits(Hits::Any, 25_000).others(2).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
    gemini_v2_reordered => |name| Row::new(name, "gemini", Fault::Reorder { pick: pick(1, "l2_updates") }).hits(Hits::Any, 2_000).others(1).set("venues.gemini.feed=\"v2\"").set("venues.gemini.audit_every_ms=2000");
}

//! Faults on request: what can go wrong with a venue, in the words of the configuration and of the
//! control endpoint.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::contract::Disturbance;

/// Longest that a fault lasts. Unit: milliseconds of market time.
pub const FAULT_MS_MAX: u64 = 3_600_000;

/// How long a fault lasts that has an end but was given none. Unit: milliseconds of market time.
pub const FAULT_MS_DEFAULT: u64 = 5_000;

/// Largest giant frame: four times what a connector has to take, and a bound for our own memory.
/// Unit: bytes.
pub const GIANT_BYTES_MAX: usize = 64 * 1024 * 1024;

const MILLISECOND_NS: u64 = 1_000_000;

/// How a connection ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// A close frame (1001, going away), then the socket is closed.
    #[default]
    Close,
    /// The socket is closed without a close frame.
    Fin,
    /// A reset.
    Reset,
    /// It does not end: the socket stays open, and nothing more comes (see [`Fault::HalfOpen`]).
    Stall,
}

/// Whether pings are answered while a venue is silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pings {
    /// They are: the socket looks alive.
    #[default]
    Answered,
    /// They are not.
    Unanswered,
}

/// What damaged bytes are replaced with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Noise {
    /// Printable ASCII: still a text frame.
    #[default]
    Printable,
    /// Any bytes: seldom UTF-8.
    Bytes,
    /// A digit for a digit: a frame that looks sound and says something else.
    Digits,
}

/// Whether a request that gets no proper answer was carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Executes {
    /// It was not.
    #[default]
    Not,
    /// It was: an order may live although nobody was told.
    First,
}

/// Which text frames a fault is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pick {
    /// This many, over all connections concerned; 0: all until the fault ends.
    pub count: u32,
    /// One in so many, by seeded chance; 0 and 1: each.
    pub one_in: u32,
    /// Only frames with this text in them; empty: all.
    pub contains: String,
}

impl Default for Pick {
    fn default() -> Self {
        Self { count: 1, one_in: 1, contains: String::new() }
    }
}

/// Which requests a fault is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reach {
    /// Only requests whose path contains this; empty: all, upgrades to WebSocket too.
    pub path: String,
}

/// One kind of fault with its numbers. In JSON and TOML `kind` names it.
///
/// Faults with an end (`until` below) last as long as [`FaultOrder::duration_ms`] says, and also
/// meet connections that are opened meanwhile. The others happen once, to the connections there
/// are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Connections end. Once.
    Disconnect {
        /// In which way.
        #[serde(default)]
        how: Ending,
    },
    /// The sockets of the connections there are stay open, and nothing is read or written on them
    /// any more, pings included. Until; then they are reset.
    HalfOpen,
    /// Everything that the venue would say is lost; what the client says is taken. Until.
    Silence {
        /// Whether the client's pings are answered.
        #[serde(default)]
        pings: Pings,
    },
    /// New connections are reset before a word is said. Until.
    Refuse,
    /// The server reads its clients slowly. Until.
    SlowReads {
        /// Unit: bytes per second.
        bytes_per_s: u32,
    },
    /// The server writes slowly. Until.
    SlowWrites {
        /// Unit: bytes per second.
        bytes_per_s: u32,
    },
    /// Text frames come late, in their order, and so do those behind them. Until.
    Delay {
        /// Unit: milliseconds.
        by_ms: u32,
        /// On top, by seeded chance. Unit: milliseconds.
        #[serde(default)]
        jitter_ms: u32,
        /// Which.
        #[serde(default = "all")]
        pick: Pick,
    },
    /// A text frame changes places with the next one. Until.
    Reorder {
        /// Which.
        #[serde(default)]
        pick: Pick,
    },
    /// A text frame is lost. Until.
    Drop {
        /// Which.
        #[serde(default)]
        pick: Pick,
    },
    /// A text frame comes twice. Until.
    Duplicate {
        /// Which.
        #[serde(default)]
        pick: Pick,
    },
    /// A text frame ends early, at a seeded character; as a frame it is sound. Until.
    Truncate {
        /// Which.
        #[serde(default)]
        pick: Pick,
    },
    /// Some bytes of a text frame are others, at seeded places. Until.
    Mutate {
        /// How many.
        bytes: u32,
        /// What stands there instead.
        #[serde(default)]
        with: Noise,
        /// Which.
        #[serde(default)]
        pick: Pick,
    },
    /// A frame's header and a seeded part of its bytes are written, then the connection ends. Until.
    CutFrame {
        /// In which way; a close frame has no place in the middle of another, so `close` is `fin`.
        #[serde(default)]
        then: Ending,
        /// Which.
        #[serde(default)]
        pick: Pick,
    },
    /// Requests are answered 429 with `Retry-After`. Until.
    RateLimited {
        /// Unit: seconds.
        retry_after_s: u32,
        /// Which requests.
        #[serde(default)]
        reach: Reach,
    },
    /// Requests are refused with a text. Until.
    Ban {
        /// 403 or 418.
        status: u16,
        /// What the venue says.
        text: String,
        /// Which requests.
        #[serde(default)]
        reach: Reach,
    },
    /// Requests are answered with an error of the server and a page of HTML. Until.
    ServerError {
        /// 500 to 599.
        status: u16,
        /// Whether they are carried out.
        #[serde(default)]
        executes: Executes,
        /// Which requests.
        #[serde(default)]
        reach: Reach,
    },
    /// Requests get no answer; when the fault ends their connections are closed. Until.
    Hang {
        /// Whether they are carried out.
        #[serde(default)]
        executes: Executes,
        /// Which requests.
        #[serde(default)]
        reach: Reach,
    },
    /// Answers come late. Until.
    SlowAnswers {
        /// Unit: milliseconds.
        by_ms: u32,
        /// On top, by seeded chance. Unit: milliseconds.
        #[serde(default)]
        jitter_ms: u32,
        /// Which requests.
        #[serde(default)]
        reach: Reach,
    },
    /// The venue's clock is wrong. Until.
    ClockSkew {
        /// Ahead, or behind where negative. Unit: milliseconds.
        by_ms: i64,
    },
    /// A frame that crosses the client's book. Once.
    CrossedBook {
        /// Neutral name, or a pool's address.
        product: String,
    },
    /// One very long, well-formed frame. Once.
    GiantFrame {
        /// Unit: bytes.
        bytes: usize,
    },
    /// The venue's own notice of maintenance. Once.
    Maintenance,
    /// Good credentials are refused. Until.
    AuthExpired,
    /// A node is behind. Until.
    SlotLag {
        /// Unit: slots.
        slots: u64,
    },
    /// A pool's account comes at once and its tick arrays later. Until.
    SplitSlot {
        /// Unit: milliseconds.
        delay_ms: u64,
    },
    /// Tick arrays are missing from answers. Until.
    MissingAccounts,
    /// One subscription of each connection is dropped without a word. Once.
    SubscriptionDropped,
}

fn all() -> Pick {
    Pick { count: 0, ..Pick::default() }
}

/// What a fault in the venue's own words begins and ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) first: Disturbance,
    pub(crate) last: Option<Disturbance>,
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "each kind of fault has one place; elsewhere it is nobody's business"
)]
impl Fault {
    /// Its name in the configuration.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Disconnect { .. } => "disconnect",
            Self::HalfOpen => "half_open",
            Self::Silence { .. } => "silence",
            Self::Refuse => "refuse",
            Self::SlowReads { .. } => "slow_reads",
            Self::SlowWrites { .. } => "slow_writes",
            Self::Delay { .. } => "delay",
            Self::Reorder { .. } => "reorder",
            Self::Drop { .. } => "drop",
            Self::Duplicate { .. } => "duplicate",
            Self::Truncate { .. } => "truncate",
            Self::Mutate { .. } => "mutate",
            Self::CutFrame { .. } => "cut_frame",
            Self::RateLimited { .. } => "rate_limited",
            Self::Ban { .. } => "ban",
            Self::ServerError { .. } => "server_error",
            Self::Hang { .. } => "hang",
            Self::SlowAnswers { .. } => "slow_answers",
            Self::ClockSkew { .. } => "clock_skew",
            Self::CrossedBook { .. } => "crossed_book",
            Self::GiantFrame { .. } => "giant_frame",
            Self::Maintenance => "maintenance",
            Self::AuthExpired => "auth_expired",
            Self::SlotLag { .. } => "slot_lag",
            Self::SplitSlot { .. } => "split_slot",
            Self::MissingAccounts => "missing_accounts",
            Self::SubscriptionDropped => "subscription_dropped",
        }
    }

    /// Whether it happens once, to the connections there are.
    #[must_use]
    pub const fn is_once(&self) -> bool {
        matches!(
            self,
            Self::Disconnect { .. }
                | Self::CrossedBook { .. }
                | Self::GiantFrame { .. }
                | Self::Maintenance
                | Self::SubscriptionDropped
        )
    }

    /// Which frames it damages, where it is that kind of fault.
    #[must_use]
    pub const fn pick(&self) -> Option<&Pick> {
        match self {
            Self::Delay { pick, .. }
            | Self::Reorder { pick }
            | Self::Drop { pick }
            | Self::Duplicate { pick }
            | Self::Truncate { pick }
            | Self::Mutate { pick, .. }
            | Self::CutFrame { pick, .. } => Some(pick),
            _ => None,
        }
    }

    /// Which requests it meets, where it is that kind of fault.
    #[must_use]
    pub const fn reach(&self) -> Option<&Reach> {
        match self {
            Self::RateLimited { reach, .. }
            | Self::Ban { reach, .. }
            | Self::ServerError { reach, .. }
            | Self::Hang { reach, .. }
            | Self::SlowAnswers { reach, .. } => Some(reach),
            _ => None,
        }
    }

    /// What only the venue can say.
    pub(crate) fn words(&self) -> Option<Words> {
        let (first, last) = match self {
            Self::CrossedBook { product } => {
                (Disturbance::CrossedBook { product: Arc::from(product.as_str()) }, None)
            }
            Self::GiantFrame { bytes } => (Disturbance::GiantFrame { bytes: *bytes }, None),
            Self::Maintenance => (Disturbance::Maintenance, None),
            Self::AuthExpired => (Disturbance::AuthExpired, Some(Disturbance::AuthRestored)),
            Self::SlotLag { slots } => {
                (Disturbance::SlotLag { slots: *slots }, Some(Disturbance::SlotLag { slots: 0 }))
            }
            Self::SplitSlot { delay_ms } => (
                Disturbance::SplitSlot { delay_ms: *delay_ms },
                Some(Disturbance::SplitSlot { delay_ms: 0 }),
            ),
            Self::MissingAccounts => (
                Disturbance::MissingAccounts { is_on: true },
                Some(Disturbance::MissingAccounts { is_on: false }),
            ),
            Self::SubscriptionDropped => (Disturbance::SubscriptionDropped, None),
            _ => return None,
        };
        Some(Words { first, last })
    }

    /// What is out of bounds, with the bound.
    fn check(&self) -> Result<(), String> {
        let within = |what: &str, value: u64, low: u64, high: u64| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(format!("{what} is {value}; it lies between {low} and {high}"))
        };
        match self {
            Self::SlowReads { bytes_per_s } | Self::SlowWrites { bytes_per_s } => {
                within("bytes_per_s", u64::from(*bytes_per_s), 1, 1_000_000_000)
            }
            Self::Delay { by_ms, jitter_ms, .. } | Self::SlowAnswers { by_ms, jitter_ms, .. } => {
                within("by_ms", u64::from(*by_ms), 0, 600_000)?;
                within("jitter_ms", u64::from(*jitter_ms), 0, 600_000)
            }
            Self::Mutate { bytes, .. } => within("bytes", u64::from(*bytes), 1, 10_000),
            Self::RateLimited { retry_after_s, .. } => {
                within("retry_after_s", u64::from(*retry_after_s), 0, 86_400)
            }
            Self::Ban { status, text, .. } => {
                within("status", u64::from(*status), 400, 499)?;
                within("the length of text", text.len() as u64, 0, 10_000)
            }
            Self::ServerError { status, .. } => within("status", u64::from(*status), 500, 599),
            Self::ClockSkew { by_ms } => within("by_ms", by_ms.unsigned_abs(), 0, 86_400_000),
            Self::GiantFrame { bytes } => within("bytes", *bytes as u64, 1, GIANT_BYTES_MAX as u64),
            Self::SlotLag { slots } => within("slots", *slots, 0, 100_000),
            Self::SplitSlot { delay_ms } => within("delay_ms", *delay_ms, 0, 600_000),
            _ => Ok(()),
        }
    }
}

/// A fault, whose, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultOrder {
    /// Name of the venue.
    pub venue: String,
    /// What happens.
    pub fault: Fault,
    /// How long. Faults that happen once take 0. Elsewhere 0 means [`FAULT_MS_DEFAULT`], or, where
    /// frames are counted, until they are. Unit: milliseconds of market time.
    #[serde(default)]
    pub duration_ms: u64,
    /// Only the WebSocket connection with this number; absent: all of the venue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<u64>,
}

impl FaultOrder {
    /// An order for all connections of a venue.
    #[must_use]
    pub fn new(venue: &str, fault: Fault, duration_ms: u64) -> Self {
        Self { venue: venue.to_owned(), fault, duration_ms, connection: None }
    }

    /// When it ends if it begins now. Unit: Unix nanoseconds.
    pub(crate) fn until_ns(&self, now_ns: u64) -> u64 {
        let is_counted = self.fault.pick().is_some_and(|pick| pick.count > 0);
        let ms = match self.duration_ms {
            _ if self.fault.is_once() => 0,
            0 if is_counted => FAULT_MS_MAX,
            0 => FAULT_MS_DEFAULT,
            ms => ms,
        };
        now_ns.saturating_add(ms * MILLISECOND_NS)
    }

    /// Whether its numbers are within bounds.
    ///
    /// # Errors
    ///
    /// Which is not, and the bounds.
    pub fn check(&self) -> Result<(), String> {
        let name = self.fault.name();
        if self.duration_ms > FAULT_MS_MAX {
            let ms = self.duration_ms;
            return Err(format!("{name}: duration_ms is {ms}; at most {FAULT_MS_MAX}"));
        }
        if self.fault.is_once() && self.duration_ms != 0 {
            return Err(format!("{name} happens once and takes no duration_ms"));
        }
        self.fault.check().map_err(|says| format!("{name}: {says}"))
    }
}

/// A fault at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// Since the start. Unit: milliseconds of market time.
    pub at_ms: u64,
    /// The fault.
    pub order: FaultOrder,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(json: &str) -> Result<FaultOrder, String> {
        let order: FaultOrder = serde_json::from_str(json).map_err(|error| error.to_string())?;
        order.check()?;
        Ok(order)
    }

    #[test]
    fn orders_are_read_as_documented() {
        let plain = order(r#"{"venue":"gemini","fault":{"kind":"half_open"}}"#).expect("sound");
        assert_eq!(plain, FaultOrder::new("gemini", Fault::HalfOpen, 0));
        let drop = order(
            r#"{"venue":"coinbase","fault":{"kind":"drop","pick":{"contains":"l2_data"}},
                "duration_ms":900,"connection":7}"#,
        )
        .expect("sound");
        let pick = Pick { contains: "l2_data".to_owned(), ..Pick::default() };
        assert_eq!(drop.fault, Fault::Drop { pick });
        assert_eq!((drop.duration_ms, drop.connection), (900, Some(7)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let says = |json: &str| order(json).expect_err("wrong");
        let cases = [
            (r#"{"venue":"x","fault":{"kind":"rain"}}"#, "rain"),
            (r#"{"venue":"x","fault":{"kind":"mutate"}}"#, "bytes"),
            (r#"{"venue":"x","fault":{"kind":"drop","pick":{"cuont":3}}}"#, "cuont"),
            (r#"{"venue":"x","fault":{"kind":"mutate","bytes":0}}"#, "between 1 and 10000"),
            (r#"{"venue":"x","fault":{"kind":"maintenance"},"duration_ms":5}"#, "once"),
            (r#"{"venue":"x","fault":{"kind":"refuse"},"duration_ms":3600001}"#, "at most"),
            (r#"{"venue":"x","fault":{"kind":"ban","status":200,"text":""}}"#, "status"),
            (r#"{"venue":"x","fault":{"kind":"giant_frame","bytes":0}}"#, "bytes"),
        ];
        for (json, part) in cases {
            assert!(says(json).contains(part), "{json}: {}", says(json));
        }
    }

    #[test]
    fn ends_follow_the_kind() {
        let end_ms =
            |fault: Fault, ms: u64| FaultOrder::new("x", fault, ms).until_ns(0) / MILLISECOND_NS;
        assert_eq!(end_ms(Fault::Maintenance, 0), 0);
        assert_eq!(end_ms(Fault::HalfOpen, 0), FAULT_MS_DEFAULT);
        assert_eq!(end_ms(Fault::HalfOpen, 70), 70);
        assert_eq!(end_ms(Fault::Drop { pick: Pick::default() }, 0), FAULT_MS_MAX);
        assert_eq!(end_ms(Fault::Drop { pick: all() }, 0), FAULT_MS_DEFAULT);
    }
}

//! Why trading may be halted, and what each reason implies.

use serde::{Deserialize, Serialize};

/// Why trading is halted. The numbers are stored: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum HaltReason {
    /// A person paused trading.
    ManualPause = 0,
    /// The kill switch was thrown.
    KillSwitch = 1,
    /// A required feed proved nothing for too long.
    StaleData = 2,
    /// The day's loss reached its limit.
    DailyLoss = 3,
    /// The fall from the day's peak reached its limit.
    Drawdown = 4,
    /// Too many losing trades in a row.
    ConsecutiveLosses = 5,
    /// The observed position of an asset is above its limit.
    Position = 6,
    /// Two independent prices of one asset differ too much.
    ReferenceDisagreement = 7,
    /// A settlement currency left its band.
    Depeg = 8,
    /// Trades came faster than the strategy is allowed to make them.
    RepeatedExecution = 9,
    /// A leg stayed without its counterpart, too large or too long.
    UnhedgedExposure = 10,
    /// Too many trades failed.
    FailureRate = 11,
    /// Trades earned much less than predicted.
    Shortfall = 12,
    /// A trade could not be finished and was handed to a person.
    BrokenTrade = 13,
    /// A fact that the rules exclude: an overfill, a fill worse than its limit, a broken invariant.
    Contradiction = 14,
    /// The wall clock is too far from core time.
    Clock = 15,
    /// Events waited too long for the core, or one step took too long.
    CoreLag = 16,
    /// Readers of a venue lost too much on the way to the core.
    RingOverflow = 17,
    /// Records wait too long, or too many, to be written.
    JournalLag = 18,
    /// The journal could not be written or synced.
    JournalError = 19,
    /// The journal's disk is nearly full.
    DiskSpace = 20,
}

/// Who may end a halt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Latch {
    /// Class A: it ends by its own rule, or by an operator once the cause is gone.
    Auto = 0,
    /// Class O: an operator or admin, once the cause is gone.
    Operator = 1,
    /// Class M: an admin alone, once the cause is gone.
    Admin = 2,
}

/// What decides whether the cause of a halt is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CauseKind {
    /// A value that is measured again when somebody asks to resume.
    Measured,
    /// Something that has happened: whoever clears the halt has reviewed it, and the counter
    /// behind it begins anew.
    Reviewed,
}

impl HaltReason {
    /// Every reason, in index order.
    pub const ALL: [Self; 21] = [
        Self::ManualPause,
        Self::KillSwitch,
        Self::StaleData,
        Self::DailyLoss,
        Self::Drawdown,
        Self::ConsecutiveLosses,
        Self::Position,
        Self::ReferenceDisagreement,
        Self::Depeg,
        Self::RepeatedExecution,
        Self::UnhedgedExposure,
        Self::FailureRate,
        Self::Shortfall,
        Self::BrokenTrade,
        Self::Contradiction,
        Self::Clock,
        Self::CoreLag,
        Self::RingOverflow,
        Self::JournalLag,
        Self::JournalError,
        Self::DiskSpace,
    ];

    /// The reason with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        if (number as usize) < Self::ALL.len() { Some(Self::ALL[number as usize]) } else { None }
    }

    /// The name used in configuration, reports and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ManualPause => "manual_pause",
            Self::KillSwitch => "kill_switch",
            Self::StaleData => "stale_data",
            Self::DailyLoss => "daily_loss",
            Self::Drawdown => "drawdown",
            Self::ConsecutiveLosses => "consecutive_losses",
            Self::Position => "position",
            Self::ReferenceDisagreement => "reference_disagreement",
            Self::Depeg => "depeg",
            Self::RepeatedExecution => "repeated_execution",
            Self::UnhedgedExposure => "unhedged_exposure",
            Self::FailureRate => "failure_rate",
            Self::Shortfall => "shortfall",
            Self::BrokenTrade => "broken_trade",
            Self::Contradiction => "contradiction",
            Self::Clock => "clock",
            Self::CoreLag => "core_lag",
            Self::RingOverflow => "ring_overflow",
            Self::JournalLag => "journal_lag",
            Self::JournalError => "journal_error",
            Self::DiskSpace => "disk_space",
        }
    }

    /// The control that sets it.
    #[must_use]
    pub const fn control(self) -> &'static str {
        match self {
            Self::ManualPause => "R03",
            Self::KillSwitch => "R04",
            Self::StaleData => "R06",
            Self::DailyLoss => "R08",
            Self::Position => "R10",
            Self::ConsecutiveLosses => "R11",
            Self::Drawdown => "R12",
            Self::RepeatedExecution => "R18",
            Self::ReferenceDisagreement => "R25",
            Self::Depeg => "R26",
            Self::UnhedgedExposure | Self::BrokenTrade => "R27",
            Self::FailureRate => "R30",
            Self::Shortfall => "R31",
            Self::Clock => "R32",
            Self::CoreLag => "R33",
            Self::RingOverflow => "R34",
            Self::JournalLag => "R35",
            Self::JournalError | Self::DiskSpace => "R36",
            Self::Contradiction => "R39",
        }
    }

    /// Whether it comes from the machine that the engine runs on (R32 to R36).
    #[must_use]
    pub const fn is_of_machine(self) -> bool {
        matches!(
            self,
            Self::Clock
                | Self::CoreLag
                | Self::RingOverflow
                | Self::JournalLag
                | Self::JournalError
                | Self::DiskSpace
        )
    }

    /// Who may end it.
    #[must_use]
    pub const fn class(self) -> Latch {
        match self {
            Self::StaleData
            | Self::ReferenceDisagreement
            | Self::Depeg
            | Self::Clock
            | Self::CoreLag
            | Self::RingOverflow
            | Self::JournalLag
            | Self::DiskSpace => Latch::Auto,
            Self::ManualPause
            | Self::Drawdown
            | Self::ConsecutiveLosses
            | Self::Position
            | Self::RepeatedExecution
            | Self::UnhedgedExposure
            | Self::FailureRate
            | Self::Shortfall
            | Self::BrokenTrade => Latch::Operator,
            Self::KillSwitch | Self::DailyLoss | Self::Contradiction | Self::JournalError => {
                Latch::Admin
            }
        }
    }

    /// What it permits at first. An exposure must be allowed to shrink.
    #[must_use]
    pub const fn state(self) -> HaltState {
        match self {
            Self::Position | Self::UnhedgedExposure => HaltState::Reducing,
            Self::ManualPause
            | Self::KillSwitch
            | Self::StaleData
            | Self::DailyLoss
            | Self::Drawdown
            | Self::ConsecutiveLosses
            | Self::ReferenceDisagreement
            | Self::Depeg
            | Self::RepeatedExecution
            | Self::FailureRate
            | Self::Shortfall
            | Self::BrokenTrade
            | Self::Contradiction
            | Self::Clock
            | Self::CoreLag
            | Self::RingOverflow
            | Self::JournalLag
            | Self::JournalError
            | Self::DiskSpace => HaltState::Halted,
        }
    }

    /// How to tell that its cause is gone.
    #[must_use]
    pub const fn cause(self) -> CauseKind {
        match self {
            Self::StaleData
            | Self::DailyLoss
            | Self::Drawdown
            | Self::Position
            | Self::ReferenceDisagreement
            | Self::Depeg
            | Self::RepeatedExecution
            | Self::UnhedgedExposure
            | Self::FailureRate
            | Self::Clock
            | Self::CoreLag
            | Self::RingOverflow
            | Self::JournalLag
            | Self::DiskSpace => CauseKind::Measured,
            Self::ManualPause
            | Self::KillSwitch
            | Self::ConsecutiveLosses
            | Self::Shortfall
            | Self::BrokenTrade
            | Self::JournalError
            | Self::Contradiction => CauseKind::Reviewed,
        }
    }
}

/// What a halt permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum HaltState {
    /// Cancels, and orders that shrink an exposure.
    Reducing = 1,
    /// Cancels only.
    Halted = 2,
}

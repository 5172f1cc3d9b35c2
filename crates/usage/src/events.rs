//! The events of usage.

use events::Told;
use primitives::Time;

events::events! {
    /// So many percent of what an organization may use in a month are used: once of 80 and of 100, whether or
    /// not more is refused then.
    "usage.threshold_reached" ThresholdReached Public {
        /// What is counted, by the name of its meter.
        meter: String = "ai_tokens",
        /// What one is.
        unit: String = "tokens",
        /// 80 or 100.
        percent: u64 = 80,
        /// How much is used.
        used: u64 = 8_000_000,
        /// How much may be.
        limit: u64 = 10_000_000,
        /// When the next month begins.
        #[schemars(with = "String")]
        resets_at: Time = "2026-12-01T00:00:00.000Z",
    }
    /// Something was refused, since no more may be used in the month: once a month of each meter.
    "quota.exceeded" QuotaExceeded Public {
        /// What is counted, by the name of its meter.
        meter: String = "ai_tokens",
        /// What one is.
        unit: String = "tokens",
        /// How much is used.
        used: u64 = 9_999_900,
        /// How much may be.
        limit: u64 = 10_000_000,
        /// When the next month begins.
        #[schemars(with = "String")]
        resets_at: Time = "2026-12-01T00:00:00.000Z",
    }
}

/// What people are told.
pub const TOLD: &[Told] = &[];

//! The events of usage.

use access::Permission::ReadBilling;
use events::{Audience, Event, MailText, Told};
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
pub const TOLD: &[Told] = &[Told {
    event: ThresholdReached::KIND,
    to: Audience::Holding(ReadBilling),
    mail: Some(MailText {
        subject: "{{ organization }} has used {{ data.percent }} % of its {{ data.unit }} of this month",
        preview: "More {{ data.unit }} come with the next month, or with another plan.",
        title: "{{ data.percent }} % of the {{ data.unit }} are used",
        paragraphs: &[
            "{{ organization }} has used {{ data.used }} of the {{ data.limit }} {{ data.unit }} that its plan has \
             for this month.",
            "{% if data.percent < 100 %}Nothing changes yet.{% else %}What needs more may be refused until the \
             next month begins.{% endif %} With another plan there are more.",
        ],
        button: "See plans and usage",
        path: "/settings/billing",
        optional: true,
        until: Some("/resets_at"),
    }),
    push: None,
}];

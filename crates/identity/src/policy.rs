use primitives::SignedDuration;
use serde::Deserialize;
use table::RateLimit;

/// The numbers of this domain. Each has the product's default; a deployment may set others as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// How long a magic link and its code work, seconds.
    pub login_lifetime_seconds: i64,
    /// How many wrong codes a login bears.
    pub code_attempts: u8,
    /// Magic links for one address in any minute.
    pub magic_links_per_minute: u32,
    /// Magic links asked for from one network address in any minute.
    pub magic_links_per_client_per_minute: u32,
    /// Failed logins with one email address from one network address in any hour.
    pub failed_logins_per_hour: u32,
    /// How long an access token works, seconds. Above 20 minutes, one may end early when its key rotates.
    pub access_token_seconds: i64,
    /// How long a session lasts at most, seconds.
    pub session_seconds: i64,
    /// How long a session lasts without use, seconds.
    pub session_idle_seconds: i64,
    /// How long a repeated refresh or login gets the same answer again, seconds: a lost answer, not a theft.
    pub replay_seconds: i64,
}

impl Default for Policy {
    fn default() -> Self {
        const MINUTE: i64 = 60;
        const DAY: i64 = 24 * 60 * MINUTE;
        Self {
            login_lifetime_seconds: 15 * MINUTE,
            code_attempts: 5,
            magic_links_per_minute: 5,
            magic_links_per_client_per_minute: 30,
            failed_logins_per_hour: 10,
            access_token_seconds: 15 * MINUTE,
            session_seconds: 30 * DAY,
            session_idle_seconds: 7 * DAY,
            replay_seconds: 10,
        }
    }
}

impl Policy {
    /// Magic links for one address.
    pub fn magic_links(&self) -> RateLimit {
        RateLimit {
            name: "magic-link",
            uses: self.magic_links_per_minute,
            window: SignedDuration::from_mins(1),
        }
    }

    /// Magic links asked for from one network address.
    pub fn magic_links_per_client(&self) -> RateLimit {
        let uses = self.magic_links_per_client_per_minute;
        RateLimit { name: "magic-link-client", uses, window: SignedDuration::from_mins(1) }
    }

    /// Failed logins with one email address from one network address: somebody else's failures do not shut the owner out.
    pub fn failed_logins(&self) -> RateLimit {
        RateLimit {
            name: "failed-login",
            uses: self.failed_logins_per_hour,
            window: SignedDuration::from_hours(1),
        }
    }

    pub(crate) fn login_lifetime(&self) -> SignedDuration {
        SignedDuration::from_secs(self.login_lifetime_seconds)
    }

    pub(crate) fn replay(&self) -> SignedDuration {
        SignedDuration::from_secs(self.replay_seconds)
    }
}

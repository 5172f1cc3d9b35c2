use primitives::SignedDuration;
use serde::Deserialize;
use table::RateLimit;

/// The numbers of this domain. Each has the product's default; a deployment may set others as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// How long a magic link and its code work, seconds.
    pub login_lifetime_seconds: i64,
    /// Magic links for one address in any minute.
    pub magic_links_per_minute: u32,
    /// Magic links for one address in any hour.
    pub magic_links_per_hour: u32,
    /// Magic links for one address in any day.
    pub magic_links_per_day: u32,
    /// Magic links asked for from one network address in any minute.
    pub magic_links_per_client_per_minute: u32,
    /// Magic links asked for from one network address in any day.
    pub magic_links_per_client_per_day: u32,
    /// Wrong codes for one email address in any hour, over all logins and from wherever they come.
    pub wrong_codes_per_hour: u32,
    /// The same in any day.
    pub wrong_codes_per_day: u32,
    /// For how long a network from which somebody signed in is known to be theirs, days.
    pub networks_are_known_days: i64,
    /// Challenges for passkeys that one network address asks for in any minute.
    pub passkey_challenges_per_client_per_minute: u32,
    /// In any minute, from one network address: returns from an identity provider that sign nobody in.
    pub failed_authorizations_per_client_per_minute: u32,
    /// Mails in any hour to an address that a person asks to have.
    pub address_mails_per_hour: u32,
    /// How long the link works that confirms a new address, seconds.
    pub email_change_seconds: i64,
    /// How long the address before can take a change back, seconds.
    pub email_undo_seconds: i64,
    /// How long a person can have the account restored after asking for its end, seconds.
    pub deletion_grace_seconds: i64,
    /// How long the link to a new password works, seconds.
    pub password_reset_seconds: i64,
    /// Links to a new password for one address in any hour.
    pub password_resets_per_hour: u32,
    /// Wrong passwords for one address from one network in any hour.
    pub wrong_passwords_per_hour: u32,
    /// Wrong passwords from one network in any hour, whatever the address.
    pub wrong_passwords_per_client_per_hour: u32,
    /// How long the challenge of a passkey works, seconds.
    pub passkey_challenge_seconds: i64,
    /// How long an authenticator app may take to be set up, seconds.
    pub enrollment_seconds: i64,
    /// Wrong second factors for one person in any hour, from networks that are not known to be the person's
    /// together, and from each that is.
    pub wrong_factors_per_hour: u32,
    /// How long somebody may take at an identity provider, seconds.
    pub authorization_seconds: i64,
    /// How long a login that lacks something may be completed, seconds.
    pub half_session_seconds: i64,
    /// How long a browser is remembered in which a second factor was shown, seconds.
    pub trusted_browser_seconds: i64,
    /// How long a code on a screen signs another device in, seconds.
    pub device_link_seconds: i64,
    /// How long a code works that is sent to a phone, seconds.
    pub sms_code_seconds: i64,
    /// How often somebody may try one, right or wrong.
    pub sms_code_tries: u32,
    /// Codes to phones for one person in any hour: so many for whoever is signed in or comes from a network
    /// that is known to be theirs, and as many for all others. And to one new number.
    pub sms_codes_per_hour: u32,
    /// The same in any day.
    pub sms_codes_per_day: u32,
    /// Codes to new numbers of one block of ten thousand in any hour.
    pub sms_codes_per_block_per_hour: u32,
    /// The same in any day.
    pub sms_codes_per_block_per_day: u32,
    /// SMS of the deployment in any day: half of them to new numbers, half to those that were verified.
    pub sms_per_day: u32,
    /// How long an access token works, seconds. Above 20 minutes, one may end early when its key rotates.
    pub access_token_seconds: i64,
    /// How long a session lasts at most, seconds.
    pub session_seconds: i64,
    /// How long a session lasts without use, seconds.
    pub session_idle_seconds: i64,
    /// For how long a refresh token is no theft after its successor was used as well, seconds.
    pub replay_seconds: i64,
}

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

impl Default for Policy {
    fn default() -> Self {
        Self {
            login_lifetime_seconds: 15 * MINUTE.as_secs(),
            magic_links_per_minute: 5,
            magic_links_per_hour: 10,
            magic_links_per_day: 30,
            magic_links_per_client_per_minute: 30,
            magic_links_per_client_per_day: 300,
            wrong_codes_per_hour: 10,
            wrong_codes_per_day: 50,
            networks_are_known_days: 90,
            passkey_challenges_per_client_per_minute: 300,
            failed_authorizations_per_client_per_minute: 60,
            address_mails_per_hour: 5,
            email_change_seconds: DAY.as_secs(),
            email_undo_seconds: 7 * DAY.as_secs(),
            deletion_grace_seconds: 7 * DAY.as_secs(),
            password_reset_seconds: HOUR.as_secs(),
            password_resets_per_hour: 3,
            wrong_passwords_per_hour: 10,
            wrong_passwords_per_client_per_hour: 50,
            passkey_challenge_seconds: 5 * MINUTE.as_secs(),
            enrollment_seconds: 10 * MINUTE.as_secs(),
            wrong_factors_per_hour: 10,
            authorization_seconds: 10 * MINUTE.as_secs(),
            half_session_seconds: 10 * MINUTE.as_secs(),
            trusted_browser_seconds: 30 * DAY.as_secs(),
            device_link_seconds: 5 * MINUTE.as_secs(),
            sms_code_seconds: 10 * MINUTE.as_secs(),
            sms_code_tries: 5,
            sms_codes_per_hour: 3,
            sms_codes_per_day: 10,
            sms_codes_per_block_per_hour: 20,
            sms_codes_per_block_per_day: 50,
            sms_per_day: 1000,
            access_token_seconds: 15 * MINUTE.as_secs(),
            session_seconds: 30 * DAY.as_secs(),
            session_idle_seconds: 7 * DAY.as_secs(),
            replay_seconds: 60,
        }
    }
}

impl Policy {
    /// Magic links for one address; and for one address from a network that is known to be its owner's.
    pub fn magic_links(&self) -> RateLimit {
        let windows = [
            (self.magic_links_per_minute, MINUTE),
            (self.magic_links_per_hour, HOUR),
            (self.magic_links_per_day, DAY),
        ];
        RateLimit::new("magic-link", windows)
    }

    /// Magic links asked for from one network address.
    pub fn magic_links_per_client(&self) -> RateLimit {
        let windows =
            [(self.magic_links_per_client_per_minute, MINUTE), (self.magic_links_per_client_per_day, DAY)];
        RateLimit::new("magic-link-client", windows)
    }

    /// Wrong codes for one address.
    pub fn wrong_codes(&self) -> RateLimit {
        RateLimit::new("code-guess", [(self.wrong_codes_per_hour, HOUR), (self.wrong_codes_per_day, DAY)])
    }

    /// Challenges for passkeys that are asked for from one network address.
    pub fn passkey_challenges_per_client(&self) -> RateLimit {
        RateLimit::new("passkey-challenge", [(self.passkey_challenges_per_client_per_minute, MINUTE)])
    }

    /// Returns from an identity provider that sign nobody in, from one network address: each has us ask the
    /// provider.
    pub fn failed_authorizations_per_client(&self) -> RateLimit {
        RateLimit::new("failed-authorization", [(self.failed_authorizations_per_client_per_minute, MINUTE)])
    }

    /// Mails to an address that a person asks to have.
    pub fn address_mails(&self) -> RateLimit {
        RateLimit::new("mail", [(self.address_mails_per_hour, HOUR)])
    }

    /// Links to a new password for one address.
    pub fn password_resets(&self) -> RateLimit {
        RateLimit::new("password-reset", [(self.password_resets_per_hour, HOUR)])
    }

    /// Wrong passwords for one address from one network.
    pub fn wrong_passwords(&self) -> RateLimit {
        RateLimit::new("failed-login", [(self.wrong_passwords_per_hour, HOUR)])
    }

    /// Wrong passwords from one network.
    pub fn wrong_passwords_per_client(&self) -> RateLimit {
        RateLimit::new("failed-login-client", [(self.wrong_passwords_per_client_per_hour, HOUR)])
    }

    /// Wrong second factors for one person.
    pub fn wrong_factors(&self) -> RateLimit {
        RateLimit::new("code-guess", [(self.wrong_factors_per_hour, HOUR)])
    }

    /// Codes to phones for one person, and to one new number.
    pub fn sms_codes(&self) -> RateLimit {
        RateLimit::new("sms", [(self.sms_codes_per_hour, HOUR), (self.sms_codes_per_day, DAY)])
    }

    /// Codes to new numbers of one block.
    pub fn sms_codes_per_block(&self) -> RateLimit {
        let windows = [(self.sms_codes_per_block_per_hour, HOUR), (self.sms_codes_per_block_per_day, DAY)];
        RateLimit::new("sms-block", windows)
    }

    /// SMS of the whole deployment, of one of two sorts.
    pub fn sms_a_day(&self) -> RateLimit {
        RateLimit::new("sms-day", [(self.sms_per_day / 2, DAY)])
    }

    /// How often one code of a phone may be tried.
    pub fn sms_code_tries(&self) -> RateLimit {
        let lifetime = SignedDuration::from_secs(self.sms_code_seconds);
        RateLimit::new("sms-code", [(self.sms_code_tries, lifetime)])
    }

    /// How long a magic link and its code work.
    pub fn login_lifetime(&self) -> SignedDuration {
        SignedDuration::from_secs(self.login_lifetime_seconds)
    }

    /// For how long a network is known to be somebody's.
    pub fn networks_are_known(&self) -> SignedDuration {
        SignedDuration::from_hours(24 * self.networks_are_known_days)
    }

    /// For how long a refresh token is no theft after its successor was used as well.
    pub fn replay(&self) -> SignedDuration {
        SignedDuration::from_secs(self.replay_seconds)
    }
}

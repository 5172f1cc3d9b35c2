//! The events of identity: signing in, people and their sessions.

mod told;

use primitives::{
    ConnectedAccountId, DeviceLinkId, Email, EmailChangeId, FactorId, LoginId, MailCodeId, MailSuppressionId,
    MediaId, PasskeyId, PasswordResetId, SessionId, SmsCodeId, Timestamp, TrustedBrowserId, UserId,
};

pub use told::TOLD;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Method, SuppressionReason};

/// Something that a person signed in with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Removed {
    /// What it was.
    pub credential: Credential,
    /// Its id, where it had one.
    pub id: Option<String>,
    /// What the person called a passkey, the provider of an account, the masked number of a phone.
    pub name: Option<String>,
}

/// What a person signs in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// A password.
    Password,
    /// A passkey.
    Passkey,
    /// An account at an identity provider.
    ConnectedAccount,
    /// An authenticator app.
    Totp,
    /// Codes that are sent to the phone.
    Sms,
    /// A phone.
    Phone,
    /// Recovery codes.
    RecoveryCodes,
}

events::events! {
    /// Somebody asked for a magic link. The link's secret is not in it: the mail's sender derives it from the
    /// login id.
    "magic_link.requested" MagicLinkRequested Internal {
        /// The login that the link belongs to.
        login_id: LoginId = "lgn_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Where the mail goes.
        email: Email = "ada@example.com",
        /// When the link and its code stop working.
        #[schemars(with = "String")]
        expires_at: Timestamp = "2026-11-23T10:15:00.275Z",
    }
    /// A person signed in for the first time.
    "user.created" UserCreated Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The verified address.
        email: Email = "ada@example.com",
    }
    /// A person changed what they say about themselves.
    "user.updated" UserUpdated Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// What others call the person.
        name: Option<String> = "Ada Lovelace",
        /// The language that the person reads.
        locale: Option<String> = "de-AT",
        /// The name of the person's time zone.
        time_zone: Option<String> = "Europe/Vienna",
        /// A picture of the person.
        avatar_media_id: Option<MediaId> = "med_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// How often the profile was changed: of two events the higher one is the later.
        profile_version: u64 = 3,
    }
    /// A person wants another address, which is asked whether it is theirs.
    "email.change_requested" EmailChangeRequested Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The change.
        change_id: EmailChangeId = "ech_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The address that the person asks for.
        email: Email = "ada@example.org",
        /// When the link in the mail stops working.
        #[schemars(with = "String")]
        expires_at: Timestamp = "2026-11-24T10:00:00Z",
    }
    /// The address before hears of the same, and can end it: by ending the session that asked.
    "email.change_announced" EmailChangeAnnounced Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The change.
        change_id: EmailChangeId = "ech_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The address that the person asks for.
        email: Email = "ada@example.org",
        /// When the new address can say yes no longer.
        #[schemars(with = "String")]
        expires_at: Timestamp = "2026-11-24T10:00:00Z",
    }
    /// A person has another address.
    "email.changed" EmailChanged Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The change.
        change_id: EmailChangeId = "ech_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The address before.
        old_email: Email = "ada@example.com",
        /// The address from now on.
        email: Email = "ada@example.org",
        /// Until when the address before can take the change back.
        #[schemars(with = "String")]
        undo_until: Timestamp = "2026-11-30T10:00:00Z",
    }
    /// A change of address was taken back by the address before. All sessions of the person have ended, and
    /// what was set up to sign in with since the change was asked for is gone.
    "email.change_undone" EmailChangeUndone Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The change.
        change_id: EmailChangeId = "ech_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The address that was taken back.
        refused_email: Email = "ada@example.org",
        /// The address from now on, again.
        email: Email = "ada@example.com",
        /// What the person does not sign in with any more: of none of it another event tells.
        removed: Vec<Removed> = json!([
            { "credential": "passkey", "id": "pky_01kar8h5g0e0vsx4q1v3f6m2ah", "name": "My laptop" },
            { "credential": "password", "id": null, "name": null },
        ]),
        /// Whether the account was to be erased, which was asked for since, and is not any more.
        restored: bool = false,
    }
    /// A person asked for the account to be erased. Until then it can be restored.
    "user.deletion_requested" UserDeletionRequested Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// When it is erased.
        #[schemars(with = "String")]
        erase_at: Timestamp = "2026-11-30T10:00:00Z",
    }
    /// Our staff has a person's account erased. Until then it can be restored.
    "user.erasure_requested" UserErasureRequested Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// When it is erased.
        #[schemars(with = "String")]
        erase_at: Timestamp = "2026-11-24T10:00:00Z",
    }
    /// A person has the account restored that was to be erased.
    "user.restored" UserRestored Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
    }
    /// A person was erased: the account, sessions, devices and memberships are gone.
    "user.erased" UserErased Internal {
        /// Who it was.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
    }
    /// A person signed in.
    "session.started" SessionStarted Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The session.
        session_id: SessionId = "ses_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// How.
        method: Method = "magic_link",
        /// On what: a program and a system, as people call them.
        device: String = "Firefox on Linux",
        /// In which country, where a CDN says so: two letters of ISO 3166.
        country: Option<String> = "AT",
        /// Whether the person, who has signed in before, did not do so on such a device in this country
        /// lately.
        new_device: bool = true,
    }
    /// Somebody tried to sign in and did not show what it takes. There may be nobody with this address.
    "login.failed" LoginFailed Internal {
        /// The address; null where the person has shown another factor already.
        email: Option<Email> = "ada@example.com",
        /// The person, who has shown another factor already; else null.
        user_id: Option<UserId> = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// How: as tokens name it in `amr`.
        method: String = "pwd",
    }
    /// That often somebody did not show what it takes that what is shown next is not looked at, for a while.
    /// It is told once for each while.
    "login.limit_reached" LoginLimitReached Internal {
        /// The address; null where the person has shown another factor already.
        email: Option<Email> = "ada@example.com",
        /// The person, who has shown another factor already; else null.
        user_id: Option<UserId> = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// How: as tokens name it in `amr`.
        method: String = "pwd",
        /// The limit, as the `RateLimit` header names it.
        limit: String = "failed-login",
    }
    /// Somebody asked for a new password. The link's secret is not in it: the mail's sender derives it from
    /// the id. There may be nobody with this address; then no mail is sent.
    "password_reset.requested" PasswordResetRequested Internal {
        /// The wish.
        reset_id: PasswordResetId = "pwr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The address.
        email: Email = "ada@example.com",
        /// When the link stops working.
        #[schemars(with = "String")]
        expires_at: Timestamp = "2026-11-23T11:00:00Z",
    }
    /// A person's password was set or changed.
    "password.changed" PasswordChanged Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
    }
    /// A person's password was taken away.
    "password.removed" PasswordRemoved Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
    }
    /// A person has one more passkey.
    "passkey.added" PasskeyAdded Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The passkey.
        passkey_id: PasskeyId = "pky_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// What the person calls it.
        name: String = "My laptop",
    }
    /// A person calls a passkey something else.
    "passkey.updated" PasskeyUpdated Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The passkey.
        passkey_id: PasskeyId = "pky_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// What the person calls it now.
        name: String = "My laptop",
    }
    /// A person has a passkey no longer.
    "passkey.removed" PasskeyRemoved Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The passkey.
        passkey_id: PasskeyId = "pky_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// What the person called it.
        name: String = "My laptop",
    }
    /// A passkey was shown with a counter that is behind the last one: there may be a copy of it. Nobody was
    /// let in.
    "passkey.counter_reversed" PasskeyCounterReversed Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The passkey.
        passkey_id: PasskeyId = "pky_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// What the person calls it.
        name: String = "My laptop",
    }
    /// The person of a session is to be sent a code, to show once more who they are. Neither the code nor the
    /// address is in it: the sender derives the one from the id, and reads the other where the session is.
    "mail_code.requested" MailCodeRequested Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The session.
        session_id: SessionId = "ses_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The code.
        code_id: MailCodeId = "mlc_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// When it stops working.
        #[schemars(with = "String")]
        expires_at: Timestamp = "2026-11-23T12:15:00Z",
    }
    /// A code is to be sent to a phone. Neither the code nor the number is in it: the sender derives the one
    /// from the id, and reads the other where the code is stored.
    "sms_code.requested" SmsCodeRequested Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The code.
        code_id: SmsCodeId = "smc_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// What it is for: `PHONE` for a new number, else the second factor, the half-session or the session.
        place: String = "PHONE",
        /// When it stops working.
        #[schemars(with = "String")]
        expires_at: Timestamp = "2026-11-23T12:10:00Z",
    }
    /// A person has shown that the number of a phone is theirs, in the place of the one before.
    "phone.verified" PhoneVerified Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The number, masked.
        number: String = "••••67",
        /// Whether codes go to it as a second factor.
        is_factor: bool = true,
    }
    /// A person has no phone any more.
    "phone.removed" PhoneRemoved Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The number, masked.
        number: String = "••••67",
    }
    /// A person began to set up a second factor.
    "factor.enrollment_started" FactorEnrollmentStarted Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The factor that is to be.
        factor_id: FactorId = "fac_01kar8h5g0e0vsx4q1v3f6m2ah",
    }
    /// A person has a second factor.
    "factor.added" FactorAdded Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The factor.
        factor_id: FactorId = "fac_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// What it is: `totp` or `sms`.
        factor: String = "totp",
    }
    /// A person has a second factor no longer.
    "factor.removed" FactorRemoved Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The factor.
        factor_id: FactorId = "fac_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// What it was: `totp` or `sms`.
        factor: String = "totp",
    }
    /// A person signs in with an account at an identity provider from now on too.
    "connected_account.added" ConnectedAccountAdded Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The account.
        account_id: ConnectedAccountId = "cac_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The provider.
        provider: String = "google",
        /// Whether the person was there before, and connected it; else it came with the person.
        connected: bool = true,
    }
    /// A person signs in with an account at an identity provider no longer.
    "connected_account.removed" ConnectedAccountRemoved Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The account.
        account_id: ConnectedAccountId = "cac_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The provider.
        provider: String = "google",
    }
    /// A person has new recovery codes; those from before work no more.
    "recovery_codes.generated" RecoveryCodesGenerated Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
    }
    /// A person signed in with a recovery code, which is used up.
    "recovery_code.used" RecoveryCodeUsed Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// How many are left.
        left: u32 = 9,
    }
    /// A code is on a screen of a person's by which another device can be signed in, once and soon.
    "device_link.created" DeviceLinkCreated Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The link.
        link_id: DeviceLinkId = "dlk_01kar8h5g0e0vsx4q1v3f6m2ah",
    }
    /// The code on a screen was shown by another device, which has a session now or is asked for a second
    /// factor.
    "device_link.redeemed" DeviceLinkRedeemed Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The link.
        link_id: DeviceLinkId = "dlk_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// What the device calls itself.
        device: String = "Ada's phone on iOS",
    }
    /// A browser is remembered: the person is not asked for a second factor in it for a while.
    "trusted_browser.added" TrustedBrowserAdded Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The browser.
        browser_id: TrustedBrowserId = "tbr_01kar8h5g0e0vsx4q1v3f6m2ah",
    }
    /// A browser is forgotten: the person is asked for a second factor in it again.
    "trusted_browser.removed" TrustedBrowserRemoved Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The browser.
        browser_id: TrustedBrowserId = "tbr_01kar8h5g0e0vsx4q1v3f6m2ah",
    }
    /// The person of a session showed once more who they are.
    "session.stepped_up" SessionSteppedUp Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The session.
        session_id: SessionId = "ses_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// How: as tokens name it in `amr`.
        method: String = "otp",
    }
    /// Nobody writes to an address from now on: mails do not reach it, or their owner does not want them.
    "mail_suppression.added" MailSuppressionAdded Internal {
        /// What is known of the address.
        suppression_id: MailSuppressionId = "msp_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Whose address it is, where it is somebody's.
        user_id: Option<UserId> = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Why.
        reason: SuppressionReason = "bounced",
        /// Until when.
        #[schemars(with = "String")]
        until: Timestamp = "2027-02-21T10:00:00Z",
    }
    /// Somebody of us had mails sent to an address again.
    "mail_suppression.lifted" MailSuppressionLifted Internal {
        /// What was known of the address.
        suppression_id: MailSuppressionId = "msp_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Why, in that person's words.
        reason: String = "their mail server works again",
    }
    /// A session ended before its time.
    "session.revoked" SessionRevoked Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The session.
        session_id: SessionId = "ses_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Why: `signed_out`; `ended_by_person` from the list of sessions; `credentials_changed` when a
        /// password did; `too_many_sessions` when it made room for a new one; `refresh_token_reused` when an
        /// old refresh token came back, a sign of theft.
        reason: String = "signed_out",
    }
}

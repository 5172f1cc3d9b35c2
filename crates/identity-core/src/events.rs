//! The events of identity: signing in, people and their sessions.

use events::{Audience, Event, EventKind, MailText, Told};
use primitives::{
    ConnectedAccountId, DeviceLinkId, Email, EmailChangeId, FactorId, LoginId, MailSuppressionId, MediaId,
    PasskeyId, PasswordResetId, SessionId, Timestamp, TrustedBrowserId, UserId,
};

use crate::{Method, SuppressionReason};

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
    /// A change of address was taken back by the address before. All sessions of the person have ended.
    "email.change_undone" EmailChangeUndone Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The change.
        change_id: EmailChangeId = "ech_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The address that was taken back.
        refused_email: Email = "ada@example.org",
        /// The address from now on, again.
        email: Email = "ada@example.com",
    }
    /// A person asked for the account to be erased. Until then it can be restored.
    "user.deletion_requested" UserDeletionRequested Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// When it is erased.
        #[schemars(with = "String")]
        erase_at: Timestamp = "2026-11-30T10:00:00Z",
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
        /// The address.
        email: Email = "ada@example.com",
        /// How: as tokens name it in `amr`.
        method: String = "pwd",
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
        /// What it is: `totp`.
        factor: String = "totp",
    }
    /// A person has a second factor no longer.
    "factor.removed" FactorRemoved Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The factor.
        factor_id: FactorId = "fac_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// What it was: `totp`.
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

/// What people are told.
pub const TOLD: &[Told] = &[
    Told {
        event: SessionStarted::KIND,
        to: Audience::PersonWhen("/new_device"),
        mail: Some(MailText {
            subject: "A new sign-in to your account on {{ product }}",
            preview: "Was it you?",
            title: "A new sign-in",
            paragraphs: &[
                "Somebody signed in to your account with {{ data.device }}{% if data.country %} in {{ data.country }}{% endif %}, \
             where you did not sign in lately.",
                "If it was you, there is nothing to do. If not, end that session: it stops working at once.",
            ],
            button: "Look at your sessions",
            path: "/account/sessions",
            optional: false,
            until: None,
        }),
        push: None,
    },
    Told {
        event: UserDeletionRequested::KIND,
        to: Audience::Person,
        mail: Some(MailText {
            subject: "Your account on {{ product }} is about to be erased",
            preview: "You have 7 days to change your mind.",
            title: "Your account will be erased",
            paragraphs: &[
                "You asked for the end of your account. In 7 days everything that belongs to it is erased, for good.",
                "If it was not you, or you change your mind: sign in and have it restored.",
            ],
            button: "Keep my account",
            path: "/account",
            optional: false,
            until: Some("/erase_at"),
        }),
        push: None,
    },
    Told {
        event: EmailChangeRequested::KIND,
        to: Audience::NewAddress,
        mail: Some(MailText {
            subject: "Confirm your new address on {{ product }}",
            preview: "One more step.",
            title: "Is this address yours?",
            paragraphs: &[
                "Somebody wants to use {{ data.email }} for their account on {{ product }}. If that was you, confirm it: \
                 from then on you sign in with it.",
                "If it was not you, ignore this mail: without it nothing changes.",
            ],
            button: "Confirm",
            path: "/account/email/confirm",
            optional: false,
            until: Some("/expires_at"),
        }),
        push: None,
    },
    Told {
        event: EmailChanged::KIND,
        to: Audience::OldAddress,
        mail: Some(MailText {
            subject: "The address of your account on {{ product }} was changed",
            preview: "Was it you?",
            title: "Your address was changed",
            paragraphs: &[
                "Your account belongs to {{ data.email }} now. This address does not sign in any more.",
                "If it was not you, take the change back within 7 days: this address is yours again, and everybody \
                 who is signed in to your account is signed out.",
            ],
            button: "Take it back",
            path: "/account/email/undo",
            optional: false,
            until: Some("/undo_until"),
        }),
        push: None,
    },
    Told {
        event: EmailChangeUndone::KIND,
        to: Audience::Person,
        mail: Some(MailText {
            subject: "The address of your account on {{ product }} is as it was",
            preview: "Everybody was signed out.",
            title: "Your address is as it was",
            paragraphs: &[
                "The change to {{ data.refused_email }} was taken back. Everybody who was signed in to your account has \
                 been signed out.",
                "Sign in again, and look at what was done meanwhile.",
            ],
            button: "Sign in",
            path: "",
            optional: false,
            until: None,
        }),
        push: None,
    },
    changed(
        PasswordChanged::KIND,
        &MailText {
            subject: "Your password for {{ product }} was changed",
            title: "Your password was changed",
            paragraphs: &["Your password was set or changed, and all other sessions have ended.", NOT_YOU],
            ..NOTICE
        },
    ),
    changed(
        PasswordRemoved::KIND,
        &MailText {
            subject: "Your password for {{ product }} was removed",
            title: "Your password was removed",
            paragraphs: &["Your account has no password any more: you sign in by mail.", NOT_YOU],
            ..NOTICE
        },
    ),
    changed(
        PasskeyAdded::KIND,
        &MailText {
            subject: "A passkey was added to your account on {{ product }}",
            title: "A passkey was added",
            paragraphs: &[
                "You can sign in with the passkey \u{201c}{{ data.name }}\u{201d} from now on.",
                NOT_YOU,
            ],
            ..NOTICE
        },
    ),
    changed(
        PasskeyRemoved::KIND,
        &MailText {
            subject: "A passkey was removed from your account on {{ product }}",
            title: "A passkey was removed",
            paragraphs: &[
                "The passkey \u{201c}{{ data.name }}\u{201d} does not sign in any more, and all other sessions have ended.",
                NOT_YOU,
            ],
            ..NOTICE
        },
    ),
    changed(
        PasskeyCounterReversed::KIND,
        &MailText {
            subject: "A passkey of your account on {{ product }} may have been copied",
            title: "A passkey may have been copied",
            paragraphs: &[
                "Somebody tried to sign in with the passkey \u{201c}{{ data.name }}\u{201d}, which does not go on where it \
                 stopped: as if there were two of it. Nobody was let in.",
                "If this comes again, remove the passkey and add a new one.",
            ],
            ..NOTICE
        },
    ),
    changed(
        FactorAdded::KIND,
        &MailText {
            subject: "An authenticator app was added to your account on {{ product }}",
            title: "An authenticator app was added",
            paragraphs: &["From now on you are asked for a code of it whenever you sign in.", NOT_YOU],
            ..NOTICE
        },
    ),
    changed(
        FactorRemoved::KIND,
        &MailText {
            subject: "An authenticator app was removed from your account on {{ product }}",
            title: "An authenticator app was removed",
            paragraphs: &["You are not asked for its codes any more when you sign in.", NOT_YOU],
            ..NOTICE
        },
    ),
    Told {
        to: Audience::PersonWhen("/connected"),
        ..changed(
            ConnectedAccountAdded::KIND,
            &MailText {
                subject: "An account was connected to yours on {{ product }}",
                title: "An account was connected to yours",
                paragraphs: &[
                    "From now on whoever signs in with that account at {{ data.provider }} is signed in to yours.",
                    "If it was you, there is nothing to do. If not, remove it at once: that signs everybody else out.",
                ],
                ..NOTICE
            },
        )
    },
    changed(
        ConnectedAccountRemoved::KIND,
        &MailText {
            subject: "A connected account was removed from yours on {{ product }}",
            title: "A connected account was removed",
            paragraphs: &[
                "Nobody signs in with that account at {{ data.provider }} any more, and all other sessions have ended.",
                NOT_YOU,
            ],
            ..NOTICE
        },
    ),
    changed(
        RecoveryCodesGenerated::KIND,
        &MailText {
            subject: "New recovery codes for your account on {{ product }}",
            title: "You have new recovery codes",
            paragraphs: &["The recovery codes from before work no more.", NOT_YOU],
            ..NOTICE
        },
    ),
    changed(
        RecoveryCodeUsed::KIND,
        &MailText {
            subject: "A recovery code of your account on {{ product }} was used",
            title: "A recovery code was used",
            paragraphs: &[
                "Somebody signed in with one of your recovery codes. {{ data.left }} are left\
                 {% if data.left <= 3 %}: make new ones soon{% endif %}.",
                NOT_YOU,
            ],
            ..NOTICE
        },
    ),
];

/// What a person is told whose way to sign in has changed.
const fn changed(event: EventKind, mail: &MailText) -> Told {
    Told { event, to: Audience::Person, mail: Some(*mail), push: None }
}

const NOT_YOU: &str = "If it was you, there is nothing to do. If not, ask for a new password at once: \
                       that signs everybody out.";

const NOTICE: MailText = MailText {
    subject: "",
    preview: "Was it you?",
    title: "",
    paragraphs: &[],
    button: "Look at your account",
    path: "/account/security",
    optional: false,
    until: None,
};

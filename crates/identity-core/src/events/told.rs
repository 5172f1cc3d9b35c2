//! What people are told of what happens to their account.

use events::{Audience, Event, EventKind, MailText, Told};

use super::{
    ConnectedAccountAdded, ConnectedAccountRemoved, EmailChangeAnnounced, EmailChangeRequested,
    EmailChangeUndone, EmailChanged, FactorAdded, FactorRemoved, PasskeyAdded, PasskeyCounterReversed,
    PasskeyRemoved, PasswordChanged, PasswordRemoved, PhoneRemoved, PhoneVerified, RecoveryCodeUsed,
    RecoveryCodesGenerated, SessionStarted, UserDeletionRequested, UserErasureRequested,
};
use crate::suspension::ImpersonationStarted;

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
        event: ImpersonationStarted::KIND,
        to: Audience::PersonAndOwners,
        mail: Some(MailText {
            subject: "Our support looks at {{ organization }} on {{ product }}",
            preview: "For an hour at most.",
            title: "Somebody of our support acts in a member's name",
            paragraphs: &[
                "Somebody of our support sees {{ organization }} as one of its members does\
                 {% if data.mode == \"write\" %}, and can change things{% endif %}, for an hour at most. What is paid, \
                 API keys, and how anybody signs in stay closed to them.",
                "Each thing that they do is in the audit log, with their id. If nobody of you asked for it, tell us; \
                 whether it is possible at all is up to the policies of {{ organization }}.",
            ],
            button: "Look at the audit log",
            path: "/settings/audit",
            optional: false,
            until: Some("/expires_at"),
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
        event: UserErasureRequested::KIND,
        to: Audience::Person,
        mail: Some(MailText {
            subject: "Your account on {{ product }} is about to be erased",
            preview: "You have a day to object.",
            title: "Your account will be erased",
            paragraphs: &[
                "Our staff has the end of your account begin, as you or the law asked for. In 24 hours everything \
                 that belongs to it is erased, for good.",
                "If that is a mistake: sign in and have it restored, or write to us.",
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
    changed(
        EmailChangeAnnounced::KIND,
        &MailText {
            subject: "Another address is wanted for your account on {{ product }}",
            preview: "Was it you?",
            title: "Another address for your account",
            paragraphs: &[
                "Somebody who is signed in as you asked to have {{ data.email }} in the place of this address. It \
                 takes its place once that is confirmed there.",
                "If it was not you, end your other sessions now, and set a new password if you have one: the change \
                 is over with the session that asked for it.",
            ],
            ..NOTICE
        },
    ),
    Told {
        event: EmailChanged::KIND,
        to: Audience::OldAddress,
        mail: Some(MailText {
            subject: "The address of your account on {{ product }} was changed",
            preview: "Was it you?",
            title: "Your address was changed",
            paragraphs: &[
                "Your account belongs to {{ data.email }} now. This address does not sign in any more.",
                "If it was not you, take the change back within 7 days: this address is yours again, everybody \
                 who is signed in to your account is signed out, and whatever was set up since the change was asked \
                 for (a password, passkeys, connected accounts, a phone, second factors, recovery codes) is gone.",
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
                REMOVED,
                "Sign in again by mail, and look at what was done meanwhile: what was changed or removed of yours does \
                 not come back by itself. If you had a password that was changed, ask for a new one.",
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
            subject: "{% if data.factor == 'sms' %}Your phone is a second factor of{% else %}An authenticator app \
                      was added to{% endif %} your account on {{ product }}",
            title: "{% if data.factor == 'sms' %}Your phone is a second factor{% else %}An authenticator app was \
                    added{% endif %}",
            paragraphs: &[
                "From now on you are asked for a code {% if data.factor == 'sms' %}that is sent there{% else %}of it\
                 {% endif %} whenever you sign in.",
                NOT_YOU,
            ],
            ..NOTICE
        },
    ),
    changed(
        FactorRemoved::KIND,
        &MailText {
            subject: "{% if data.factor == 'sms' %}Your phone is no second factor any more of{% else %}An \
                      authenticator app was removed from{% endif %} your account on {{ product }}",
            title: "{% if data.factor == 'sms' %}Your phone is no second factor any more{% else %}An authenticator \
                    app was removed{% endif %}",
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
        PhoneVerified::KIND,
        &MailText {
            subject: "A phone number was added to your account on {{ product }}",
            title: "A phone number was added",
            paragraphs: &[
                "The number {{ data.number }} belongs to your account from now on\
                 {% if data.is_factor %}, and codes for signing in are sent to it{% endif %}.",
                NOT_YOU,
            ],
            ..NOTICE
        },
    ),
    changed(
        PhoneRemoved::KIND,
        &MailText {
            subject: "The phone number of your account on {{ product }} was removed",
            title: "Your phone number was removed",
            paragraphs: &["The number {{ data.number }} does not belong to your account any more.", NOT_YOU],
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

/// What is gone with a change of address that was taken back.
const REMOVED: &str = "{% set named = { 'password': 'a password', 'passkey': 'a passkey', \
     'connected_account': 'an account', 'totp': 'an authenticator app', 'sms': 'codes by SMS', 'phone': 'a phone', \
     'recovery_codes': 'recovery codes' } %}\
     {% if data.removed %}This was set up or changed since somebody asked for that change, and is gone: \
     {% for gone in data.removed %}{{ named[gone.credential] }}\
     {% if gone.name %} (\u{201c}{{ gone.name }}\u{201d}){% endif %}{% if not loop.last %}, {% endif %}{% endfor %}.\
     {% else %}Nothing was set up to sign in with since somebody asked for that change.{% endif %}\
     {% if data.restored %} Your account was to be erased, and is not any more.{% endif %}";

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

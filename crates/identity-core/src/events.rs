//! The events of identity: signing in, people and their sessions.

use events::{Audience, Event, MailText, Told};
use primitives::{Email, LoginId, SessionId, Timestamp, UserId};

use crate::Method;

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
    /// A session ended before its time.
    "session.revoked" SessionRevoked Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The session.
        session_id: SessionId = "ses_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Why: `signed_out`; `ended_by_person` from the list of sessions; `too_many_sessions` when it made
        /// room for a new one; `refresh_token_reused` when an old refresh token came back, a sign of theft.
        reason: String = "signed_out",
    }
}

/// What people are told.
pub const TOLD: &[Told] = &[Told {
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
}];

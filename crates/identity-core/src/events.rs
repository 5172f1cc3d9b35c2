//! The events of identity: signing in, people and their sessions.

use primitives::{Email, LoginId, SessionId, Timestamp, UserId};

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
        expires_at: Timestamp = "2026-11-23T10:15:00Z",
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
    }
    /// A session ended before its time.
    "session.revoked" SessionRevoked Internal {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The session.
        session_id: SessionId = "ses_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Why: `signed_out`; `too_many_sessions` when it made room for a new one; `refresh_token_reused`
        /// when an old refresh token came back, a sign of theft.
        reason: String = "signed_out",
    }
}

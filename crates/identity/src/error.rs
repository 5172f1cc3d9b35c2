use primitives::Fault;
use table::{CommitError, StoreError};

/// A token or session does not stand for anybody now.
#[derive(Debug, thiserror::Error, Fault)]
pub enum AuthenticationError {
    /// Not one of our tokens, or changed on the way.
    #[error("this access token is not valid; sign in")]
    #[fault(Unauthenticated, "invalid_token")]
    InvalidToken,
    /// It was ours, and its time is over.
    #[error("this access token has expired; get a new one with POST /v1/auth/refresh")]
    #[fault(Unauthenticated, "token_expired")]
    TokenExpired,
    /// The session was ended: signed out, signed out everywhere, or closed for safety.
    #[error("this session has ended; sign in again")]
    #[fault(Unauthenticated, "session_ended")]
    SessionEnded,
    /// It could not be found out.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
}

/// An operation of this domain failed.
#[derive(Debug, thiserror::Error, Fault)]
pub enum IdentityError {
    /// The link or code is wrong, used or too old. Which of them is nobody's business.
    #[error("this link or code does not work (any more); ask for a new one")]
    #[fault(Unauthenticated, "login_failed")]
    LoginFailed,
    /// The link is right but was opened in another browser than the one that asked for it.
    #[error(
        "you asked for this link in another browser; send it again with \"confirm\": true to sign in here"
    )]
    #[fault(Conflict, "confirmation_required")]
    ConfirmationRequired,
    /// The refresh token is wrong, too old, or was used before.
    #[error("this refresh token does not work (any more); sign in again")]
    #[fault(Unauthenticated, "invalid_refresh_token")]
    InvalidRefreshToken,
    /// There is no such organization, or the person is not in it.
    #[error("there is no such organization among yours")]
    #[fault(NotFound, "not_found")]
    NotAMember,
    /// The link of a change of address is wrong, too old, or about a change that was given up.
    #[error("this link does not work (any more)")]
    #[fault(Conflict, "link_expired", status = 410)]
    LinkExpired,
    /// The end of the account has come.
    #[error("this account is being erased")]
    #[fault(Conflict, "erased", status = 410)]
    Erased,
    /// Somebody else has the address, or it is kept for somebody.
    #[error("this address belongs to another account")]
    #[fault(Conflict, "email_taken")]
    EmailTaken,
    /// It is the person's address already.
    #[error("this is your address already")]
    #[fault(Conflict, "conflict")]
    SameEmail,
    /// The person's last change of address can still be taken back.
    #[error(
        "your address was changed a few days ago; as long as that can be undone there is no other change"
    )]
    #[fault(Conflict, "conflict")]
    ChangedLately,
    /// The person's profile is not as the caller expects it.
    #[error("your profile has changed; it stands at version {current}")]
    #[fault(Conflict, "version_mismatch", status = 412)]
    VersionMismatch {
        /// Its version.
        current: u64,
    },
    /// The person's record is not there.
    #[error("the record of a signed-in person is missing")]
    #[fault(Internal, "internal")]
    MissingUser,
    /// The table could not be read or written.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    /// A transaction failed for no reason that the operation knows.
    #[error(transparent)]
    #[fault(transparent)]
    Commit(#[from] CommitError),
    /// A token could not be made.
    #[error("signing a token failed")]
    #[fault(Internal, "internal")]
    Signing(#[from] jsonwebtoken::errors::Error),
}

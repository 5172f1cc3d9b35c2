use primitives::{Fault, FaultKind};
use table::{CommitError, StoreError};

/// A token or session does not stand for anybody now.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// Not one of our tokens, or changed on the way.
    #[error("this access token is not valid; sign in")]
    InvalidToken,
    /// It was ours, and its time is over.
    #[error("this access token has expired; get a new one with POST /v1/auth/refresh")]
    TokenExpired,
    /// The session was ended: signed out, signed out everywhere, or closed for safety.
    #[error("this session has ended; sign in again")]
    SessionEnded,
    /// It could not be found out.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for AuthenticationError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Store(error) => error.kind(),
            _ => FaultKind::Unauthenticated,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::InvalidToken => "invalid_token",
            Self::TokenExpired => "token_expired",
            Self::SessionEnded => "session_ended",
            Self::Store(error) => error.code(),
        }
    }

    fn retry_after(&self) -> Option<u64> {
        if let Self::Store(error) = self { error.retry_after() } else { None }
    }
}

/// An operation of this domain failed.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The link or code is wrong, used or too old. Which of them is nobody's business.
    #[error("this link or code does not work (any more); ask for a new one")]
    LoginFailed,
    /// The link is right but was opened in another browser than the one that asked for it.
    #[error(
        "you asked for this link in another browser; send it again with \"confirm\": true to sign in here"
    )]
    ConfirmationRequired,
    /// The refresh token is wrong, too old, or was used before.
    #[error("this refresh token does not work (any more); sign in again")]
    InvalidRefreshToken,
    /// There is no such organization, or the person is not in it.
    #[error("there is no such organization among yours")]
    NotAMember,
    /// Too many changes to one thing at once.
    #[error("too many changes at once; try again")]
    Contention,
    /// The person's record is not there.
    #[error("the record of a signed-in person is missing")]
    MissingUser,
    /// The table could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A transaction failed for no reason that the operation knows.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A token could not be made.
    #[error("signing a token failed")]
    Signing(#[from] jsonwebtoken::errors::Error),
}

impl Fault for IdentityError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::LoginFailed | Self::InvalidRefreshToken => FaultKind::Unauthenticated,
            Self::ConfirmationRequired => FaultKind::Conflict,
            Self::NotAMember => FaultKind::NotFound,
            Self::Contention => FaultKind::Unavailable,
            Self::MissingUser | Self::Signing(_) => FaultKind::Internal,
            Self::Store(error) => error.kind(),
            Self::Commit(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::LoginFailed => "login_failed",
            Self::ConfirmationRequired => "confirmation_required",
            Self::InvalidRefreshToken => "invalid_refresh_token",
            Self::NotAMember => "not_found",
            Self::Contention => "unavailable",
            Self::MissingUser | Self::Signing(_) => "internal",
            Self::Store(error) => error.code(),
            Self::Commit(error) => error.code(),
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Contention => Some(1),
            Self::Store(error) => error.retry_after(),
            Self::Commit(error) => error.retry_after(),
            _ => None,
        }
    }
}

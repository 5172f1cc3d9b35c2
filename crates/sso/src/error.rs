use access::AccessError;
use primitives::{Fault, FieldCode, Invalid};
use table::{CommitError, StoreError};

/// An operation of this domain failed.
#[derive(Debug, thiserror::Error, Fault)]
pub enum SsoError {
    /// The organization has no such connection.
    #[error("there is no such connection")]
    #[fault(NotFound, "not_found")]
    NotFound,
    /// The organization has as many connections as it may.
    #[error("an organization has {most} connections at most; remove one first")]
    #[fault(Conflict, "too_many_sso_connections")]
    TooMany {
        /// How many.
        most: usize,
    },
    /// It serves no domain, or too many.
    #[error("name 1 to {most} domains of your organization")]
    #[fault(Invalid, "invalid_request")]
    DomainCount {
        /// The most.
        most: usize,
    },
    /// Too many groups are named.
    #[error("name {most} groups at most, each with 1 to {longest} characters")]
    #[fault(Invalid, "invalid_request")]
    Groups {
        /// The most.
        most: usize,
        /// How long one may be.
        longest: usize,
    },
    /// What is a secret between us and one provider is shown to no other.
    #[error("give the secret that the other provider knows us by")]
    #[fault(Invalid, "invalid_request")]
    SecretNeeded,
    /// Nobody but owners would come in.
    #[error("SSO is required, and this is the last connection in use; take that back first")]
    #[fault(Conflict, "would_lock_out")]
    WouldLockOut,
    /// The same, of one that is to be removed.
    #[error("SSO is required, and this is the last connection in use; take that back first")]
    #[fault(Conflict, "sso_required")]
    Required,
    /// No connection serves whoever wants to sign in.
    #[error("nobody signs in like this by an identity provider of an organization")]
    #[fault(Invalid, "invalid_request")]
    NobodysConnection,
    /// The address that the provider tells is of no domain that the connection serves, or it does not know
    /// it.
    #[error(
        "your organization's identity provider tells no verified address of yours that is of a domain of the organization"
    )]
    #[fault(Forbidden, "sso_domain_mismatch")]
    DomainMismatch,
    /// It has changed since it was read.
    #[error("this has changed; it stands at version {current}")]
    #[fault(Conflict, "version_mismatch", status = 412)]
    VersionMismatch {
        /// The version it has now.
        current: u64,
    },
    /// What is kept of the secret could not be sealed or opened.
    #[error("what is kept of a connection's secret cannot be read; set it again")]
    #[fault(Internal, "internal")]
    Sealing,
    /// Whoever asks is no member any more, or may not do this.
    #[error(transparent)]
    #[fault(transparent)]
    Access(#[from] AccessError),
    /// It could not be read.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    /// It could not be stored.
    #[error(transparent)]
    #[fault(transparent)]
    Commit(#[from] CommitError),
}

impl Invalid for SsoError {
    fn field_code(&self) -> FieldCode {
        match self {
            Self::DomainCount { .. } | Self::Groups { .. } => FieldCode::OutOfRange,
            Self::SecretNeeded => FieldCode::Required,
            Self::NobodysConnection => FieldCode::UnknownValue,
            _ => FieldCode::InvalidFormat,
        }
    }
}

use access::AccessError;
use primitives::{Fault, FieldCode, Invalid};
use table::{CommitError, StoreError};

/// Why a request is refused, in the words of RFC 7644, section 3.12 (table 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The filter cannot be read, or not be answered.
    InvalidFilter,
    /// More would be found than is shown.
    TooMany,
    /// There is one with the same name or id already.
    Uniqueness,
    /// What the server alone writes was to be written.
    Mutability,
    /// The body is no request of SCIM's.
    InvalidSyntax,
    /// A path cannot be read.
    InvalidPath,
    /// A path leads to nothing.
    NoTarget,
    /// A value is none of its attribute's.
    InvalidValue,
    /// A cursor was made for another list (RFC 9865, section 2.1).
    InvalidCursor,
}

impl Reason {
    /// As `scimType` says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::InvalidCursor => "invalidCursor",
        }
    }

    /// The same by the code of a problem.
    pub fn of(code: &str) -> Option<Self> {
        Some(match code {
            "scim_invalid_filter" => Self::InvalidFilter,
            "scim_too_many" => Self::TooMany,
            "scim_uniqueness" => Self::Uniqueness,
            "scim_mutability" => Self::Mutability,
            "scim_invalid_syntax" | "malformed_json" => Self::InvalidSyntax,
            "scim_invalid_path" => Self::InvalidPath,
            "scim_no_target" => Self::NoTarget,
            "scim_invalid_value" | "invalid_request" => Self::InvalidValue,
            "invalid_cursor" => Self::InvalidCursor,
            _ => return None,
        })
    }
}

/// An operation of this domain failed.
#[derive(Debug, thiserror::Error, Fault)]
pub enum ScimError {
    /// No token, one that ended or was taken back, or one of an organization that is gone.
    #[error("this SCIM token is not valid (any more); make another one")]
    #[fault(Unauthenticated, "invalid_scim_token")]
    InvalidToken,
    /// The directory has no such thing.
    #[error("there is nothing here")]
    #[fault(NotFound, "not_found")]
    NotFound,
    /// The organization has as many tokens as it may.
    #[error("an organization has {most} SCIM tokens at most; take one back")]
    #[fault(Conflict, "too_many_scim_tokens")]
    TooManyTokens {
        /// How many.
        most: usize,
    },
    /// No token ends in the past.
    #[error("use a time to come")]
    #[fault(Invalid, "invalid_request")]
    EndsInThePast,
    /// As many groups give roles as may.
    #[error("{most} groups give roles at most; take the role from another one first")]
    #[fault(Conflict, "too_many_mapped_groups")]
    TooManyMapped {
        /// How many.
        most: usize,
    },
    /// A group that gives a role makes no owners.
    #[error("owners are made by owners: choose another role")]
    #[fault(Invalid, "invalid_request")]
    OwnersByHand,
    /// A filter that cannot be read, or that would have to look at everything.
    #[error("the filter cannot be answered: {0}")]
    #[fault(Invalid, "scim_invalid_filter", status = 400)]
    Filter(String),
    /// More than may be looked at.
    #[error("{0}")]
    #[fault(Invalid, "scim_too_many", status = 400)]
    TooMany(String),
    /// Somebody has the name or the id.
    #[error("there is one with the same {0} already")]
    #[fault(Conflict, "scim_uniqueness")]
    Taken(&'static str),
    /// What only we write.
    #[error("{0} cannot be written")]
    #[fault(Invalid, "scim_mutability", status = 400)]
    ReadOnly(String),
    /// No request of SCIM's.
    #[error("{0}")]
    #[fault(Invalid, "scim_invalid_syntax", status = 400)]
    Syntax(String),
    /// No path.
    #[error("the path {0:?} cannot be read")]
    #[fault(Invalid, "scim_invalid_path", status = 400)]
    Path(String),
    /// A path to nothing.
    #[error("{0} leads to nothing")]
    #[fault(Invalid, "scim_no_target", status = 400)]
    NoTarget(String),
    /// A value that its attribute does not take.
    #[error("{0}")]
    #[fault(Invalid, "scim_invalid_value", status = 400)]
    Value(String),
    /// It has changed since it was read.
    #[error("this has changed; it stands at version {current}")]
    #[fault(Conflict, "version_mismatch", status = 412)]
    VersionMismatch {
        /// The version it has now.
        current: u64,
    },
    /// Whoever asks may not do this.
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

impl Invalid for ScimError {
    fn field_code(&self) -> FieldCode {
        match self {
            Self::OwnersByHand => FieldCode::UnknownValue,
            _ => FieldCode::OutOfRange,
        }
    }
}

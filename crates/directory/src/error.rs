use access::AccessError;
use dns_client::DnsError;
use primitives::{DomainId, EmailDomain, Fault, FieldCode, Invalid};
use table::{CommitError, StoreError};

/// An operation of this domain failed.
#[derive(Debug, thiserror::Error, Fault)]
pub enum DirectoryError {
    /// The organization has no such domain.
    #[error("there is no such domain")]
    #[fault(NotFound, "not_found")]
    NotFound,
    /// The domain is everybody's.
    #[error("this domain is everybody's: people register names below it, or have mailboxes there")]
    #[fault(Invalid, "invalid_request")]
    PublicDomain,
    /// The name has no room for what stands before it in the record's.
    #[error("use {most} characters at most: the name of the record has to fit as well")]
    #[fault(Invalid, "invalid_request")]
    LongName {
        /// How many.
        most: usize,
    },
    /// The organization has the domain already.
    #[error("your organization has this domain already; verify that one")]
    #[fault(Conflict, "domain_exists")]
    Exists,
    /// The organization has as many domains as it may.
    #[error("an organization has {most} domains at most; remove one first")]
    #[fault(Conflict, "too_many_domains")]
    TooMany {
        /// How many.
        most: usize,
    },
    /// Another organization has verified the domain.
    #[error(
        "another organization has verified this domain; it is free when that one removes it, or its record is gone"
    )]
    #[fault(Conflict, "domain_claimed")]
    Claimed,
    /// DNS does not have the record.
    #[error(
        "DNS has no TXT record {name:?} with the value that we gave you; what was just set may take a while to be seen"
    )]
    #[fault(Conflict, "record_not_found")]
    RecordNotFound {
        /// The record's name.
        name: String,
    },
    /// Nobody joins by a domain that nobody has verified.
    #[error("{name} is not verified; verify it first")]
    #[fault(Conflict, "domain_unverified")]
    Unverified {
        /// The domain.
        name: EmailDomain,
    },
    /// A connection to an identity provider serves the domain.
    #[error(
        "people of {name} sign in by a connection to your identity provider; take the domain out of that first"
    )]
    #[fault(Conflict, "domain_in_use")]
    InUse {
        /// The domain.
        name: EmailDomain,
    },
    /// The organization has no such domain, where one is named.
    #[error("your organization has no domain {domain_id}")]
    #[fault(Invalid, "invalid_request")]
    Unknown {
        /// What was named.
        domain_id: DomainId,
    },
    /// It has changed since it was read.
    #[error("this has changed; it stands at version {current}")]
    #[fault(Conflict, "version_mismatch", status = 412)]
    VersionMismatch {
        /// The version it has now.
        current: u64,
    },
    /// DNS gave no answer.
    #[error(transparent)]
    #[fault(transparent)]
    Dns(#[from] DnsError),
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

impl Invalid for DirectoryError {
    fn field_code(&self) -> FieldCode {
        match self {
            Self::PublicDomain => FieldCode::PublicDomain,
            Self::Unknown { .. } => FieldCode::UnknownValue,
            Self::LongName { .. } => FieldCode::TooLong,
            _ => FieldCode::InvalidFormat,
        }
    }
}

use std::error::Error;

/// What went wrong, as far as a caller can act on it. The edge turns it into an HTTP status, a queue worker into
/// "try again" or "give up".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The input breaks a rule; the same input will fail again.
    Invalid,
    /// Nobody is signed in, or what was shown proves nothing.
    Unauthenticated,
    /// Somebody is signed in but may not do this.
    Forbidden,
    /// It may be done again when somebody has paid.
    Unpaid,
    /// There is no such thing, or none that the caller may know of.
    NotFound,
    /// It was there and cannot be had any more.
    Gone,
    /// The state of things does not allow it now.
    Conflict,
    /// A limit is used up.
    Limited,
    /// Something we need did not answer in time; trying again is right.
    Unavailable,
    /// We are wrong. The details are for the log alone.
    Internal,
}

impl FaultKind {
    /// Whether the same attempt may succeed later without anybody changing it.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Limited | Self::Unavailable | Self::Internal)
    }
}

/// An error that knows how it should be answered.
pub trait Fault: Error + Send + Sync + 'static {
    /// How it should be treated.
    fn kind(&self) -> FaultKind;

    /// A stable name for machines in lower snake case, such as `slug_taken`. Part of the API: never renamed.
    fn code(&self) -> &'static str;

    /// After how many seconds another attempt makes sense, where that is known.
    fn retry_after(&self) -> Option<u64> {
        None
    }
}

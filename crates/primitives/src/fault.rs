use std::error::Error;

/// What went wrong, as far as a caller can act on it. The edge turns it into an HTTP status. A
/// queue worker's message comes again, but for `Invalid`, which no attempt will change: it goes to
/// the dead letters soon.
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
    /// The state of things does not allow it now.
    Conflict,
    /// A limit is used up.
    Limited,
    /// Something we need did not answer in time; trying again is right.
    Unavailable,
    /// We are wrong. The details are for the log alone.
    Internal,
}

/// An error that knows how it should be answered. Derived, with the answer beside each variant's
/// text:
///
/// ```
/// use primitives::Fault;
///
/// #[derive(Debug, thiserror::Error, Fault)]
/// pub enum OrgError {
///     #[error("another organization has this slug; choose another one")]
///     #[fault(Conflict, "slug_taken")]
///     SlugTaken,
///     #[error("too many changes at once")]
///     #[fault(Unavailable, "unavailable", retry_after = 1)]
///     Contended,
///     #[error("{wait} seconds are left")]
///     #[fault(Limited, "rate_limited", retry_after = *wait)]
///     Limited { wait: u64 },
///     #[error(transparent)]
///     #[fault(transparent)]
///     Other(#[from] OtherError),
/// }
/// # #[derive(Debug, thiserror::Error, Fault)]
/// # #[error("other")]
/// # #[fault(Internal, "internal")]
/// # pub struct OtherError;
/// ```
///
/// `transparent` passes on all that the source knows: the field with `#[from]` or `#[source]`, or
/// the only one. A `retry_after` beside it counts instead of the source's. `status = 415` is for
/// what the kind's status would not say. Each crate lists its types in `FAULTS`, from which
/// `docs/errors.md` is written.
pub trait Fault: Error + Send + Sync + 'static {
    /// The codes that are its own, without those of its sources.
    const CODES: &'static [FaultCode];

    /// How it should be treated.
    fn kind(&self) -> FaultKind;

    /// A stable name for machines in lower snake case, such as `slug_taken`. Part of the API: never
    /// renamed.
    fn code(&self) -> &'static str;

    /// The number of HTTP's that says it better than its kind's.
    fn status(&self) -> Option<u16>;

    /// After how many seconds another attempt makes sense, where that is known.
    fn retry_after(&self) -> Option<u64>;
}

/// What is known of a code without an error at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultCode {
    pub kind: FaultKind,
    pub status: Option<u16>,
    pub code: &'static str,
    /// The error's text, with `…` for what differs each time.
    pub detail: &'static str,
}

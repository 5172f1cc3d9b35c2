use access::AccessError;
use identity_core::{MOST_PASSKEYS, events::PasskeyCounterReversed};
use primitives::Fault;
use table::{CommitError, StoreError};

use crate::{InvalidCredential, InvalidPassword};

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
    /// Our staff has suspended the person.
    #[error("this account is suspended; ask the support")]
    #[fault(Forbidden, "account_suspended")]
    Suspended,
    /// No key, one that ended or was taken back, or one whose maker is a member no more.
    #[error("this API key is not valid (any more); make another one")]
    #[fault(Unauthenticated, "invalid_api_key")]
    InvalidApiKey,
    /// A key is shown from elsewhere.
    #[error("this API key is not open to your network address")]
    #[fault(Forbidden, "address_not_allowed")]
    AddressNotAllowed,
    /// It could not be found out.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
}

/// An operation of this domain failed.
#[derive(Debug, thiserror::Error, Fault)]
pub enum IdentityError {
    /// The link, code or password is wrong, used or too old. Which of them is nobody's business.
    #[error("this does not sign anybody in (any more); ask for a new link")]
    #[fault(Unauthenticated, "login_failed")]
    LoginFailed,
    /// Our staff has suspended the person: said to whoever has shown who they are.
    #[error("this account is suspended; ask the support")]
    #[fault(Forbidden, "account_suspended")]
    Suspended,
    /// The person is one of our staff.
    #[error("you are one of the staff: have that taken back first")]
    #[fault(Conflict, "staff_target")]
    IsStaff,
    /// Nobody acts in the name of this member.
    #[error(
        "nobody acts in the name of one of our staff, of whoever is suspended, or where the organization does not want it"
    )]
    #[fault(Forbidden, "impersonation_not_allowed")]
    ImpersonationNotAllowed,
    /// As many act in the name of this person as may.
    #[error("{limit} act in the name of this person already; end one of them")]
    #[fault(Conflict, "too_many_impersonations")]
    TooManyImpersonations {
        /// How many.
        limit: usize,
    },
    /// The link to a new password is wrong, used or too old.
    #[error("this link does not work (any more); ask for a new one")]
    #[fault(Unauthenticated, "reset_failed")]
    ResetFailed,
    /// A second factor is wrong, used, or too old.
    #[error("this does not work (any more); try the next code")]
    #[fault(Unauthenticated, "mfa_failed")]
    MfaFailed,
    /// What was shown is right or wrong, and not enough in any case.
    #[error("you have to show a second factor, or a passkey")]
    #[fault(Forbidden, "mfa_required")]
    FactorNeeded,
    /// The login that lacked something is over, completed, or was none.
    #[error("this sign-in took too long, or was completed; sign in again")]
    #[fault(Unauthenticated, "session_ended")]
    HalfSessionEnded,
    /// The session was ended while its request was carried out.
    #[error("this session has ended; sign in again")]
    #[fault(Unauthenticated, "session_ended")]
    SessionEnded,
    /// There is no such factor being set up, or no longer.
    #[error("this took too long; begin again to set up the factor")]
    #[fault(Conflict, "enrollment_expired", status = 410)]
    EnrollmentExpired,
    /// The factor is set up.
    #[error("this factor is set up; if you have no recovery codes, make new ones")]
    #[fault(Conflict, "already_confirmed")]
    AlreadyConfirmed,
    /// An organization of the person's asks for a second factor.
    #[error("an organization of yours asks for a second factor: set up another one before")]
    #[fault(Conflict, "last_factor")]
    LastFactor,
    /// What a browser made is no passkey that was asked for. The edge says where it stands.
    #[error(transparent)]
    #[fault(Invalid, "invalid_request")]
    Credential(#[from] InvalidCredential),
    /// The person has the most that there may be.
    #[error("you have {MOST_PASSKEYS} passkeys, which is the most: remove one that you do not use")]
    #[fault(Conflict, "too_many_passkeys")]
    TooManyPasskeys,
    /// A proof with a passkey is wrong, used or too old.
    #[error("this passkey does not sign in; try again, or sign in another way")]
    #[fault(Unauthenticated, "login_failed")]
    PasskeyRefused,
    /// There is no such passkey, or it is somebody else's.
    #[error("there is no such passkey among yours")]
    #[fault(NotFound, "not_found")]
    NoSuchPasskey,
    /// The counter of a passkey went back. It is written down, and nobody is told.
    #[error("this passkey does not sign in; try again, or sign in another way")]
    #[fault(Unauthenticated, "login_failed")]
    CounterReversed(Box<PasskeyCounterReversed>),
    /// What was shown is missing among what the person has set up.
    #[error("you have not set this up")]
    #[fault(Conflict, "factor_unavailable")]
    FactorUnavailable,
    /// There is no phone that a code could be sent to.
    #[error("you have no phone: set one with PUT /v1/me/phone first")]
    #[fault(Conflict, "phone_required")]
    PhoneRequired,
    /// The password may not be one. The edge says where it stands.
    #[error(transparent)]
    #[fault(Invalid, "invalid_request")]
    Password(#[from] InvalidPassword),
    /// The account elsewhere is nobody's here, and what it says of its address is not enough to make
    /// somebody of it.
    #[error("sign in in another way, and then connect this account to yours")]
    #[fault(Conflict, "account_link_required")]
    AccountLinkRequired,
    /// The account elsewhere signs in another person.
    #[error("this account is connected to another person")]
    #[fault(Conflict, "account_linked_elsewhere")]
    AccountLinkedElsewhere,
    /// The person has as many as there may be.
    #[error("you have connected as many accounts as one can; remove one before")]
    #[fault(Conflict, "too_many_connected_accounts")]
    TooManyConnectedAccounts,
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
    /// The session may not do it as it is.
    #[error(transparent)]
    #[fault(transparent)]
    Access(#[from] AccessError),
    /// The table could not be read or written.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    /// A transaction failed for no reason that the operation knows.
    #[error(transparent)]
    #[fault(transparent)]
    Commit(#[from] CommitError),
    /// What is kept of a factor could not be sealed or opened.
    #[error("what is kept of a second factor cannot be read")]
    #[fault(Internal, "internal")]
    Sealing,
    /// A password could not be hashed.
    #[error("hashing a password failed")]
    #[fault(Internal, "internal")]
    Hashing,
    /// A token could not be made.
    #[error("signing a token failed")]
    #[fault(Internal, "internal")]
    Signing(#[from] jsonwebtoken::errors::Error),
}

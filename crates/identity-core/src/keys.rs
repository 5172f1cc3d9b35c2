//! The kinds of items of identity: people, their sessions, and what a request is allowed by.

use access::Tenant;
use primitives::{
    ApiKeyId, Email, HalfSessionId, ImpersonationId, LoginId, PasskeyId, PasswordResetId, SessionId,
    SsoConnectionId, Timestamp, UserId,
};
use table::{Entry, Index, Indexed, Query, sortable};

use crate::AddressHash;

table::kinds! {
    /// A person with the number of a phone, and in `live`, a roster, which sessions there are, at most 25.
    /// Written by verify, sign-out, switch-org, and refresh (when a stolen token ends a session), by the
    /// routes of the own account, and by `cron-account-erasure`, which deletes it; read by every
    /// authenticated request, verify, refresh, push delivery.
    "user" User(user: UserId;) "USER#<user>" "USER" {
        store: Main, most_kb: 4, kept: ForGood, owner: Person, erased: Partition,
    }
    /// A key by which a program acts for an organization: a hash of its text. Written by create, change,
    /// rotate and revoke a key, when its maker is a member no more, and at most once a minute by a request
    /// that shows it; read by such requests, by the list of keys, and by what ends a membership.
    "api_key" ApiKey(org: Tenant; key: ApiKeyId) "API_KEYS#<org>" "API_KEY#<key>" {
        store: Main, most_kb: 3, kept: Until("90 days after it was revoked"), owner: Org, erased: Partition,
    }
    /// How many keys an organization has that were not taken back. Written by what makes one, and by what
    /// takes one back; read by what ends a membership, of which that no key came meanwhile is a condition.
    "api_key_count" ApiKeyCount(org: Tenant;) "API_KEYS#<org>" "COUNT" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// Whose an email address is: keeps addresses unique. Written by verify (first sign-in), and by a change
    /// of address, which keeps the one before for whoever wants it back; read by the same.
    "email_owner" EmailOwner(email: Email;) "EMAIL#<email>" "EMAIL_OWNER" {
        store: Main, most_kb: 1, kept: Until("a week after its person took another address"),
        owner: Address, erased: NamedIn("user"),
    }
    /// A person's change of address: the one that is under way, or can be undone. Written by request, cancel,
    /// confirm and undo of a change; read by the same, `queue-mail`.
    "email_change" EmailChange(user: UserId;) "USER#<user>" "EMAIL_CHANGE" {
        store: Main, most_kb: 1, kept: Days(7, "a week after it was asked for, or made, or undone"), owner: Person, erased: Partition,
    }
    /// A session of a person, with the code that was mailed last to confirm who has it. Written by verify,
    /// refresh, switch-org, step-up; deleted by sign-out, and by whoever ends it from the list of sessions;
    /// read by that list, refresh, switch-org, step-up, verify (a repeated one), `queue-mail` (that code).
    /// One that ended because a change of address was undone stays until it lapses, and opens nothing: the
    /// person's item has the list.
    "session" Session(user: UserId; session: SessionId) "USER#<user>" "SESSION#<session>" {
        store: Main, most_kb: 2, kept: Days(30, "until it ends, at most 30 days"), owner: Person, erased: Partition,
    }
    /// That a person signed in on a device, by the hash of what the device is called and of the country: of
    /// another one the person is told. Written and read by verify.
    "known_device" KnownDevice(user: UserId; hash: String) "USER#<user>" "KNOWN_DEVICE#<hash>" {
        store: Main, most_kb: 1, kept: Days(90, "90 days after the last sign-in on it"), owner: Person, erased: Partition,
    }
    /// What tells whether somebody knows a person's password. Written by registration (first sign-in), set,
    /// reset, sign-in (with a hash of today's); read by sign-in, set, reset.
    "password" Password(user: UserId;) "USER#<user>" "PASSWORD" {
        store: Main, most_kb: 1, kept: ForGood, owner: Person, erased: Partition,
    }
    /// A person's second factors: the seed of the authenticator app, sealed, with the last step that was
    /// shown, whether codes go to the phone, and the hashes of the recovery codes that are left. Written by
    /// confirm and remove a factor, make recovery codes, remove the phone, the second step of a sign-in,
    /// step-up; read by the same and by the list of factors.
    "second_factors" SecondFactors(user: UserId;) "USER#<user>" "FACTORS" {
        store: Main, most_kb: 2, kept: ForGood, owner: Person, erased: Partition,
    }
    /// An authenticator app that is being set up. Written by start a factor; read, and deleted, by confirm.
    "totp_enrollment" TotpEnrollment(user: UserId;) "USER#<user>" "ENROLLMENT#TOTP" {
        store: Main, most_kb: 1, kept: Days(1, "10 minutes"), owner: Person, erased: Partition,
    }
    /// A code that was sent to a phone: for a number that is to be the person's (`PHONE`), for a second
    /// factor that is being set up, for a half-session or for a session. The digits are derived from its id.
    /// Written by set a phone, start a factor, send a code; read and ended by what takes the code; read by
    /// `queue-mail`.
    "sms_code" SmsCode(user: UserId; place: String) "USER#<user>" "SMS_CODE#<place>" {
        store: Main, most_kb: 1, kept: Days(1, "10 minutes"), owner: Person, erased: Partition,
    }
    /// The browsers in which a person is not asked for a second factor, by the hashes of their tokens: a
    /// roster of at most 10. Written by the second step of a sign-in, by a sign-in in one of them, and when
    /// one is removed; read by the same and by their list. A change of credentials, of which the person's
    /// item has the time, voids all.
    "trusted_browsers" TrustedBrowsers(user: UserId;) "USER#<user>" "BROWSERS" {
        store: Main, most_kb: 4, kept: Days(30, "30 days after the last one was remembered"), owner: Person,
        erased: Partition,
    }
    /// A passkey of a person: its public key, its counter and what the person calls it. Written by add,
    /// rename and remove a passkey, by sign-in, and by a second step with it; read by the same and by the
    /// list.
    "passkey" Passkey(user: UserId; passkey: PasskeyId) "USER#<user>" "PASSKEY#<passkey>" {
        store: Main, most_kb: 4, kept: ForGood, owner: Person, erased: Partition,
    }
    /// Whose a passkey is: keeps credentials unique. Written by add and remove a passkey; read by add.
    "passkey_owner" PasskeyOwner(passkey: PasskeyId;) "PASSKEY#<passkey>" "PASSKEY_OWNER" {
        store: Main, most_kb: 1, kept: ForGood, owner: Person, erased: NamedIn("passkey"),
    }
    /// That a challenge was answered, by its hash, and by which session. Written and read by sign-in with a
    /// passkey, by a second step with it, and by add a passkey.
    "spent_challenge" SpentChallenge(hash: String;) "SPENT#<hash>" "SPENT" {
        store: Main, most_kb: 1, kept: Days(1, "15 minutes"), owner: Person, erased: Expires,
    }
    /// The accounts at identity providers that a person signs in with, at most 10. Written by `api-sso`: the
    /// first sign-in, connect, remove; read by the same and by the list of them.
    "connected_accounts" ConnectedAccounts(user: UserId;) "USER#<user>" "CONNECTED_ACCOUNTS" {
        store: Main, most_kb: 8, kept: ForGood, owner: Person, erased: Partition,
    }
    /// Whose an account at an identity provider is, by the hash of issuer and subject: keeps one from being
    /// two people's. Written by the first sign-in with it, and by connect; deleted by remove; read by
    /// sign-in.
    "oauth_owner" OAuthOwner(hash: String;) "OAUTH#<hash>" "OAUTH_OWNER" {
        store: Main, most_kb: 1, kept: ForGood, owner: Person, erased: NamedIn("connected_accounts"),
    }
    /// Who a person is at the identity provider of an organization, one name for each connection. Written and
    /// read by a sign-in by that provider.
    "sso_link" SsoLink(user: UserId; connection: SsoConnectionId) "USER#<user>" "SSO_LINK#<connection>" {
        store: Main, most_kb: 1, kept: ForGood, owner: Person, erased: Partition,
    }
    /// Whom somebody of an organization's identity provider is, by the hash of connection, issuer and
    /// subject: keeps one from being two people. Written and read by a sign-in by that provider.
    "sso_subject" SsoSubject(hash: String;) "SSO_SUBJECT#<hash>" "SSO_SUBJECT" {
        store: Main, most_kb: 1, kept: ForGood, owner: Person, erased: NamedIn("sso_link"),
    }
    /// That somebody came back from an identity provider, and what became of it: once for each time that
    /// somebody was sent there. Written by verify and by connect; read by the same.
    "oauth_attempt" OAuthAttempt(login: LoginId;) "SPENT#<login>" "OAUTH_ATTEMPT" {
        store: Main, most_kb: 1, kept: Days(1, "20 minutes"), owner: Person, erased: Expires,
    }
    /// That a person is one of our staff, and as what. Written by `api-admin` and `operator`; read by every
    /// request of staff, and by what staff does to a person; that it is absent is a condition of the end of
    /// an account.
    "staff" Staff(user: UserId;) "USER#<user>" "STAFF" {
        store: Main, most_kb: 1, kept: ForGood, owner: Person, erased: Partition,
    }
    /// That somebody of our staff acts, or acted, in the name of a member. Written by `api-admin`; read by
    /// it, through the index too. What allows a request stands in the person's item.
    "impersonation" Impersonation(impersonation: ImpersonationId;) "IMPERSONATION#<impersonation>" "IMPERSONATION" {
        store: Main, most_kb: 2, kept: Days(400, "400 days"), owner: Org,
        erased: Stays("ids, and why: who acted in whose name is to be known"),
    }
    /// That somebody asked for a new password for an address. Written by request a reset, deleted by the
    /// reset; read by the reset, `queue-mail`.
    "password_reset" PasswordReset(reset: PasswordResetId;) "RESET#<reset>" "RESET" {
        store: Main, most_kb: 1, kept: Days(1, "an hour"), owner: Address, erased: Expires,
    }
    /// A login that lacks a second factor, or one to be set up. Written by every way in that needs more, and
    /// by what adds the rest; read by the latter.
    "half_session" HalfSession(user: UserId; half: HalfSessionId) "USER#<user>" "HALF#<half>" {
        store: Main, most_kb: 1, kept: Days(1, "10 minutes"), owner: Person, erased: Partition,
    }
    /// A code on the screen of a session by which another device is signed in. Written by make a device link,
    /// and by its use; read by the same.
    "device_link" DeviceLink(user: UserId;) "USER#<user>" "DEVICE_LINK" {
        store: Main, most_kb: 1, kept: Days(1, "5 minutes"), owner: Person, erased: Partition,
    }
    /// A person's place in an organization, seen from the person: that there is one for each keeps a person
    /// from joining twice. Written by create organization; read by every request of a member, `GET /v1/me`,
    /// verify, switch-org.
    "membership" Membership(user: UserId; org: Tenant) "USER#<user>" "MEMBERSHIP#<org>" {
        store: Main, most_kb: 1, kept: ForGood, owner: Person, erased: Partition,
    }
    /// That the audit log of an organization names a person who is no member of it any more, or was none, and
    /// under which id: a membership, or a request to join. Written by whatever ends a membership, and by
    /// join; read by `cron-account-erasure`, which erases the person from there.
    "known_in" KnownIn(user: UserId; org: Tenant, target: String) "USER#<user>" "KNOWN_IN#<org>#<target>" {
        store: Main, most_kb: 1, kept: ForGood, owner: Person, erased: Partition,
    }
    /// How many there are of what a person may have only so many of: a tally. Written by create organization;
    /// read by nobody, since the number, at most 50 memberships, is a condition of the next.
    "caps" Caps(user: UserId;) "USER#<user>" "CAPS" {
        store: Main, most_kb: 1, kept: ForGood, owner: Person, erased: Partition,
    }
    /// How many organizations a person owns: a tally. Written by create organization, of which that there are
    /// not too many is a condition, and when a member becomes an owner or is one no longer.
    "owned_orgs" OwnedOrgs(user: UserId;) "USER#<user>" "OWNED_ORGS" {
        store: Main, most_kb: 1, kept: ForGood, owner: Person, erased: Partition,
    }
    /// An attempt to log in, by the id that the browser holds. Written by request a link, verify; read by
    /// verify, `queue-mail`.
    "login" Login(login: LoginId;) "LOGIN#<login>" "LOGIN" {
        store: Main, most_kb: 1, kept: Days(1, "15 minutes"), owner: Address, erased: Expires,
    }
    /// The last attempts to log in with an address: where a typed code is looked up. Written by request a
    /// link; read by request a link, verify with a code.
    "recent_logins" RecentLogins(email: Email;) "EMAIL#<email>" "RECENT_LOGINS" {
        store: Main, most_kb: 1, kept: Days(1, "15 minutes after the last of its three logins began"),
        owner: Address, erased: Partition,
    }
    /// That somebody signed in with an address from a network, by the network's hash. Written by verify; read
    /// by request a link.
    "known_network" KnownNetwork(email: Email; hash: String) "EMAIL#<email>" "NETWORK#<hash>" {
        store: Main, most_kb: 1, kept: Days(90, "90 days after the last sign-in from there; by password up to a day less"),
        owner: Address, erased: Partition,
    }
    /// The public halves of the keys that sign access tokens. Written by `api-auth`, before it signs with a
    /// key that is not in it, or was replaced half an hour ago; read by every HTTP function (then cached for
    /// 10 minutes), `jwks.json`.
    "signing_keys" SigningKeys(;) "SIGNING_KEYS" "SIGNING_KEYS" {
        store: Main, most_kb: 4, kept: ForGood, owner: Nobody, erased: Stays("no person is in it"),
    }
    /// What is known of an address that mails did not reach, or whose owner does not want them, by the
    /// address's hash: until it has lapsed, nobody writes to it. Written by `queue-mail-feedback`, and by
    /// `operator`, which lifts it; read by the same, through the index too, and by `queue-mail`.
    "mail_suppression" MailSuppression(address: AddressHash;) "MAIL_SUPPRESSION#<address>" "MAIL_SUPPRESSION" {
        store: Main, most_kb: 1, kept: Days(365, "until it lapses, a year at most; 30 days once it is lifted"),
        owner: Address, erased: Stays("a hash, which keeps mails from whoever refuses them"),
    }
    /// All that a request has to know of its organization. Written by create organization, and by what
    /// changes the access level: Stripe's events; read by every request of a member.
    "gate" Gate(org: Tenant;) "GATE#<org>" "GATE" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
}

/// The sorts of entries that this domain has in the index.
pub const ENTRIES: &[Entry] = &[ERASURE, SUPPRESSED, BY_EMAIL, STAFF, IMPERSONATIONS];

/// People who are to be erased, by when.
pub const ERASURE: Entry = Entry {
    name: "erasure",
    on: "user",
    indexed: Indexed::Due { shards: 4 },
    pk: "DUE#ERASURE#<shard>",
    sk: "<due_at>#<user>",
};

/// Addresses that nobody writes to, by when the mail was sent that led to it: what an operator looks at.
const SUPPRESSED: Entry = Entry {
    name: "suppressed address",
    on: "mail_suppression",
    indexed: Indexed::List,
    pk: "MAIL_SUPPRESSION",
    sk: "<since>#<address>",
};

/// People by their addresses, in a partition for each first letter: what staff finds them by.
const BY_EMAIL: Entry = Entry {
    name: "person by address",
    on: "email_owner",
    indexed: Indexed::List,
    pk: "PERSON_EMAIL#<first>",
    sk: "<email>",
};

/// The entry of this person, whose address this is.
pub(crate) fn by_email(email: &Email, user: UserId) -> Index {
    BY_EMAIL.listed(&[&first_letter(email.as_str())], &[email], user.to_string())
}

/// Asks for the people whose addresses begin so. The index is a moment behind.
pub fn with_email(prefix: &str) -> Query {
    let (pk, sk) = BY_EMAIL.place(&[&first_letter(prefix)], &[&prefix]);
    Query::list_prefix(BY_EMAIL.on, pk, sk)
}

fn first_letter(text: &str) -> String {
    text.chars().take(1).collect()
}

/// What our staff does in the name of members, by when it began.
const IMPERSONATIONS: Entry = Entry {
    name: "impersonation",
    on: "impersonation",
    indexed: Indexed::List,
    pk: "IMPERSONATIONS",
    sk: "<created_at>#<impersonation>",
};

/// The entry of this one, with what is shown of it.
pub(crate) fn impersonation(began_at: Timestamp, id: ImpersonationId, summary: String) -> Index {
    IMPERSONATIONS.listed(&[], &[&sortable(began_at), &id], summary)
}

/// Asks for all of them, the newest first. The index is a moment behind.
pub fn impersonations() -> Query {
    Query::list_prefix(IMPERSONATIONS.on, IMPERSONATIONS.pk, "").descending()
}

/// Our staff.
const STAFF: Entry =
    Entry { name: "member of staff", on: "staff", indexed: Indexed::List, pk: "STAFF", sk: "<user>" };

/// The entry of a member of staff; the summary is the person's id.
pub fn staff_member(user: UserId) -> Index {
    STAFF.listed(&[], &[&user], user.to_string())
}

/// Asks for our staff. The index is a moment behind.
pub fn all_staff() -> Query {
    Query::list_prefix(STAFF.on, STAFF.pk, "")
}

pub(crate) fn suppressed(since: Timestamp, address: &AddressHash, summary: String) -> Index {
    SUPPRESSED.listed(&[], &[&sortable(since), address], summary)
}

/// Asks for the addresses that nobody writes to, up to this place in their list.
pub(crate) fn suppressed_up_to(place: &str) -> Query {
    Query::list_up_to(SUPPRESSED.on, SUPPRESSED.pk, place)
}

pub(crate) fn erasure(erase_at: Timestamp, user: UserId) -> Index {
    ERASURE.due(erase_at, &user)
}

//! People as our staff sees them.

use access::{Role, StaffRole};
use http_api::ToSchema;
use identity::{Account, Membership, User};
use identity_core::{Suppressed, SuppressionReason};
use primitives::{Email, FactorId, MemberId, OrgId, PhoneNumber, Time, Timestamp, UserId};
use serde::Serialize;

/// A person as our staff sees them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdminPerson {
    /// The person.
    id: UserId,
    /// The verified address.
    email: Email,
    /// What others call the person.
    name: Option<String>,
    /// Since when.
    created_at: Time,
    /// Whether the person may come in.
    status: PersonStatus,
    /// Since when the person may come in no more; null where they may.
    suspended_at: Option<Time>,
    /// When the account is erased, as its person asked; null where it is not.
    erase_at: Option<Time>,
    /// How many sessions the person has.
    sessions: usize,
    /// What else there is; null where the person is one of a list, and in the answer to an act.
    details: Option<AdminPersonDetails>,
}

/// Whether a person may come in. Treat a word that you do not know as no.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum PersonStatus {
    /// They may.
    Active,
    /// They may not.
    Suspended,
}

/// What else there is to know of a person.
#[derive(Debug, Serialize, ToSchema)]
struct AdminPersonDetails {
    /// What the person is among our staff; null where they are none.
    staff_role: Option<StaffRole>,
    /// What the person signs in with, besides mail and a password.
    factors: Vec<AdminFactor>,
    /// The number of the person's phone, which they have shown to be theirs; null where there is none.
    phone: Option<PhoneNumber>,
    /// Whether the person has a password.
    has_password: bool,
    /// How many recovery codes are left.
    recovery_codes_left: usize,
    /// The organizations that the person belongs to: at most 50.
    memberships: Vec<AdminMembership>,
    /// Why no mails are sent to the person; null where they are.
    mail_suppression: Option<AdminMailSuppression>,
}

/// What a person signs in with.
#[derive(Debug, Serialize, ToSchema)]
struct AdminFactor {
    /// Names it, to have it removed.
    id: String,
    /// What it is. Pass over words that you do not know.
    kind: AdminFactorKind,
    /// What the person calls it; null where it has no name.
    name: Option<String>,
    /// Since when.
    added_at: Time,
}

/// What somebody signs in with.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AdminFactorKind {
    /// An authenticator app (RFC 6238).
    Totp,
    /// Codes that go to the person's phone.
    Sms,
    /// A passkey (Web Authentication).
    Passkey,
    /// An account at an identity provider: it is called as the provider is.
    ConnectedAccount,
}

/// A person's place in an organization.
#[derive(Debug, Serialize, ToSchema)]
struct AdminMembership {
    /// The membership.
    id: MemberId,
    /// The organization.
    org_id: OrgId,
    /// Its name.
    name: String,
    /// Its name in URLs.
    slug: String,
    /// What the person is there. Treat a word that you do not know as the least.
    role: Role,
}

/// That no mails are sent to an address.
#[derive(Debug, Serialize, ToSchema)]
struct AdminMailSuppression {
    /// Why. Pass over words that you do not know.
    reason: AdminSuppressionReason,
    /// When the mail was sent that led to it.
    suppressed_at: Time,
    /// When mails are sent again.
    lapses_at: Time,
}

/// Why no mails are sent to an address.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AdminSuppressionReason {
    /// Mails did not arrive on several days.
    Delayed,
    /// A mail was refused for good.
    Bounced,
    /// Whoever got a mail called it unwanted.
    Complained,
}

impl From<SuppressionReason> for AdminSuppressionReason {
    fn from(reason: SuppressionReason) -> Self {
        match reason {
            SuppressionReason::Delayed => Self::Delayed,
            SuppressionReason::Bounced => Self::Bounced,
            SuppressionReason::Complained => Self::Complained,
        }
    }
}

impl AdminPerson {
    /// The person as one of a list.
    pub(crate) fn listed(user: &User, now: Timestamp) -> Self {
        let status =
            if user.suspended_at().is_some() { PersonStatus::Suspended } else { PersonStatus::Active };
        Self {
            id: user.user_id,
            email: user.email.clone(),
            name: user.profile.name.clone(),
            created_at: user.created_at.into(),
            status,
            suspended_at: user.suspended_at().map(Time::from),
            erase_at: user.deletion.map(|deletion| deletion.erase_at.into()),
            sessions: user.sessions(now).len(),
            details: None,
        }
    }

    /// The person with everything.
    pub(crate) fn whole(
        account: &Account,
        memberships: Vec<Membership>,
        suppressed: Option<Suppressed>,
        now: Timestamp,
    ) -> Self {
        let second = |(id, added_at): (FactorId, Timestamp), kind| AdminFactor {
            id: id.to_string(),
            kind,
            name: None,
            added_at: added_at.into(),
        };
        let totp = account.totp().map(|totp| second(totp, AdminFactorKind::Totp));
        let sms = account.sms().map(|sms| second(sms, AdminFactorKind::Sms));
        let passkeys = account.passkeys().map(|passkey| AdminFactor {
            id: passkey.passkey_id.to_string(),
            kind: AdminFactorKind::Passkey,
            name: Some(passkey.name),
            added_at: passkey.created_at.into(),
        });
        let connected = account.connected().map(|connected| AdminFactor {
            id: connected.account_id.to_string(),
            kind: AdminFactorKind::ConnectedAccount,
            name: Some(connected.provider.clone()),
            added_at: connected.connected_at.into(),
        });
        let memberships = memberships.into_iter().map(|place| AdminMembership {
            id: place.member_id,
            org_id: place.org_id,
            name: place.org_name,
            slug: place.org_slug,
            role: place.role,
        });
        let details = AdminPersonDetails {
            staff_role: account.staff_role,
            factors: totp.into_iter().chain(sms).chain(passkeys).chain(connected).collect(),
            phone: account.user.phone.as_ref().map(|phone| phone.number.clone()),
            has_password: account.user.ways().contains_key(&access::Way::Password),
            recovery_codes_left: account.recovery_codes_left(),
            memberships: memberships.collect(),
            mail_suppression: suppressed.map(|said| AdminMailSuppression {
                reason: said.reason.into(),
                suppressed_at: said.since.into(),
                lapses_at: said.until.into(),
            }),
        };
        Self { details: Some(details), ..Self::listed(&account.user, now) }
    }
}

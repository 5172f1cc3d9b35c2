use primitives::{DeviceId, Email, LoginId, MemberId, OrgId, SessionId, Slug, Timestamp, UserId};
use schemars::{JsonSchema, Schema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Event;

/// One entry of the catalogue.
pub struct EventKind {
    /// The name.
    pub name: &'static str,
    /// The version of the data's shape.
    pub version: u16,
    /// When it is published, in one sentence.
    pub summary: &'static str,
    /// The JSON Schema of `data`.
    pub schema: fn() -> Schema,
    /// An example of `data`.
    pub example: fn() -> Value,
    /// Reads `data` into its type and writes it again: fails where a consumer would.
    pub read: fn(&Value) -> Result<Value, serde_json::Error>,
}

macro_rules! catalogue {
    ($(
        $(#[doc = $summary:literal])+
        $name:literal $kind:ident { $($(#[$field_attribute:meta])* $field:ident: $type:ty = $example:expr,)* }
    )*) => {
        $(
            $(#[doc = $summary])+
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
            pub struct $kind { $($(#[$field_attribute])* pub $field: $type,)* }

            impl Event for $kind {
                const NAME: &'static str = $name;
            }
        )*

        /// Every kind of event there is.
        pub const CATALOGUE: &[EventKind] = &[$(EventKind {
            name: $name,
            version: <$kind as Event>::VERSION,
            summary: concat!($($summary,)+),
            schema: || schema_for!($kind),
            example: || json!({ $(stringify!($field): $example,)* }),
            read: |data| serde_json::to_value($kind::deserialize(data)?),
        },)*];
    };
}

catalogue! {
    /// Somebody asked for a magic link. The link's secret is not in it: the mail's sender derives it from the
    /// login id.
    "identity.magic_link_requested" MagicLinkRequested {
        /// The login that the link belongs to.
        login_id: LoginId = "lgn_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Where the mail goes.
        email: Email = "ada@example.com",
        /// When the link and its code stop working.
        #[schemars(with = "String")]
        expires_at: Timestamp = "2026-11-23T10:15:00Z",
    }
    /// A person signed in for the first time.
    "identity.user_created" UserCreated {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The verified address.
        email: Email = "ada@example.com",
    }
    /// A person signed in.
    "identity.session_started" SessionStarted {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The session.
        session_id: SessionId = "ses_01kar8h5g0e0vsx4q1v3f6m2ah",
    }
    /// A session ended before its time.
    "identity.session_revoked" SessionRevoked {
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The session.
        session_id: SessionId = "ses_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Why: `signed_out`; `too_many_sessions` when it made room for a new one; `refresh_token_reused`
        /// when an old refresh token came back, a sign of theft.
        reason: String = "signed_out",
    }
    /// An organization came to be.
    "organization.created" OrganizationCreated {
        /// The organization.
        org_id: OrgId = "org_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Its name.
        name: String = "Acme",
        /// Its name in URLs.
        slug: Slug = "acme",
        /// Its first owner.
        owner_user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The first owner's address.
        owner_email: Email = "ada@example.com",
    }
    /// A person became a member of an organization.
    "member.added" MemberAdded {
        /// The membership.
        member_id: MemberId = "mbr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The person.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The role: `owner`, `admin`, `member` or `viewer`.
        role: String = "owner",
    }
    /// An organization's free trial began.
    "trial.started" TrialStarted {
        /// When it ends.
        #[schemars(with = "String")]
        ends_at: Timestamp = "2026-12-07T10:00:00Z",
    }
    /// An organization's free trial ends soon.
    "trial.ending" TrialEnding {
        /// When it ends.
        #[schemars(with = "String")]
        ends_at: Timestamp = "2026-12-07T10:00:00Z",
        /// How many days are left: 7, 3 or 1.
        days_left: u8 = 3,
    }
    /// An organization's free trial ended without a subscription.
    "trial.ended" TrialEnded {
        /// When it ended.
        #[schemars(with = "String")]
        ended_at: Timestamp = "2026-12-07T10:00:00Z",
    }
    /// Stripe says that an organization has a working subscription now.
    "subscription.activated" SubscriptionActivated {
        /// The subscription's id at Stripe.
        stripe_subscription_id: String = "sub_1Q2w3E4r5T",
        /// Stripe's word for the state, such as `active`.
        status: String = "active",
        /// The end of the paid period.
        #[schemars(with = "Option<String>")]
        current_period_end: Option<Timestamp> = "2026-12-23T10:00:00Z",
    }
    /// Something about a working subscription changed: plan, quantity, period.
    "subscription.updated" SubscriptionUpdated {
        /// The subscription's id at Stripe.
        stripe_subscription_id: String = "sub_1Q2w3E4r5T",
        /// Stripe's word for the state, such as `active`.
        status: String = "active",
        /// The end of the paid period.
        #[schemars(with = "Option<String>")]
        current_period_end: Option<Timestamp> = "2026-12-23T10:00:00Z",
    }
    /// A payment is due and was not made; the grace period runs.
    "subscription.past_due" SubscriptionPastDue {
        /// The subscription's id at Stripe.
        stripe_subscription_id: String = "sub_1Q2w3E4r5T",
        /// Stripe's word for the state, such as `past_due`.
        status: String = "past_due",
        /// When the grace period ends and the organization becomes read-only.
        #[schemars(with = "String")]
        grace_ends_at: Timestamp = "2026-12-14T10:00:00Z",
    }
    /// A subscription ended.
    "subscription.canceled" SubscriptionCanceled {
        /// The subscription's id at Stripe.
        stripe_subscription_id: String = "sub_1Q2w3E4r5T",
    }
    /// An invoice was paid.
    "subscription.payment_succeeded" SubscriptionPaymentSucceeded {
        /// The invoice's id at Stripe.
        stripe_invoice_id: String = "in_1Q2w3E4r5T",
        /// What was paid, in the currency's smallest unit.
        amount: i64 = 4900,
        /// ISO 4217, lower case.
        currency: String = "eur",
    }
    /// A payment for an invoice failed.
    "subscription.payment_failed" SubscriptionPaymentFailed {
        /// The invoice's id at Stripe.
        stripe_invoice_id: String = "in_1Q2w3E4r5T",
        /// What was due, in the currency's smallest unit.
        amount: i64 = 4900,
        /// ISO 4217, lower case.
        currency: String = "eur",
    }
    /// An invoice that was sent to be paid by hand was not paid in time.
    "invoice.overdue" InvoiceOverdue {
        /// The invoice's id at Stripe.
        stripe_invoice_id: String = "in_1Q2w3E4r5T",
        /// What was due, in the currency's smallest unit.
        amount: i64 = 4900,
        /// ISO 4217, lower case.
        currency: String = "eur",
    }
    /// A device of a person can be reached by push notifications.
    "device.registered" DeviceRegistered {
        /// The device.
        device_id: DeviceId = "dev_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Whose it is.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The service that reaches it.
        platform: DevicePlatform = "apns",
    }
    /// A device is no longer reached.
    "device.removed" DeviceRemoved {
        /// The device.
        device_id: DeviceId = "dev_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Whose it was.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Why: `signed_out` when its person removed it or its session ended, `replaced`, or
        /// `endpoint_disabled` when the push service said that the app is gone.
        reason: String = "endpoint_disabled",
    }
}

/// The service that carries notifications to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DevicePlatform {
    /// Apple Push Notification service.
    Apns,
    /// Firebase Cloud Messaging.
    Fcm,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_valid_data_and_comes_back_the_same() {
        for kind in CATALOGUE {
            let example = (kind.example)();
            assert_eq!((kind.read)(&example).unwrap(), example, "{}", kind.name);
        }
    }

    #[test]
    fn names_are_unique_and_in_the_past_or_progressive_tense() {
        let mut names: Vec<_> = CATALOGUE.iter().map(|kind| kind.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(names.iter().all(|name| {
            name.split_once('.').is_some_and(|(aggregate, fact)| !aggregate.is_empty() && !fact.is_empty())
        }));
    }
}

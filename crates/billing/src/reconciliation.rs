//! What a nightly comparison of Stripe and us has found.

use jiff::{SignedDuration, Timestamp};
use primitives::OrgId;
use serde::{Deserialize, Serialize};
use stripe_client::{CustomerId, SubscriptionId};
use table::{Item, Key, sortable};

use crate::{api, keys};

/// Longer than anybody asks what a night found.
const IS_KEPT: SignedDuration = SignedDuration::from_hours(24 * 400);

/// So many differences are kept word by word; the others are counted.
const DIFFERENCES: usize = 50;

/// In what Stripe and we were not of one mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// A subscription looked otherwise than we thought. Mended.
    Subscription,
    /// Of an invoice we had not heard, or that it was paid. Mended.
    Invoice,
    /// Stripe charged for another number of seats than there are. Mended.
    Seats,
    /// A customer has a subscription of an organization that did not know of it. Mended.
    Customer,
    /// An organization has more than one subscription that works.
    TwoSubscriptions,
    /// A subscription names an organization that we do not have.
    OrganizationMissing,
    /// A customer has a subscription, and nothing says of which organization.
    CustomerWithoutOrganization,
    /// A customer pays for one organization, and Stripe names another.
    OrganizationMismatch,
    /// A customer has a subscription whose organization is erased.
    OrganizationErased,
    /// Stripe does not know a subscription that we take for living.
    SubscriptionMissing,
    /// What Stripe says of a subscription cannot be read.
    Unreadable,
    /// It could not be compared, or not be mended: the log says why.
    Failed,
}

impl DifferenceKind {
    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subscription => "subscription",
            Self::Invoice => "invoice",
            Self::Seats => "seats",
            Self::Customer => "customer",
            Self::TwoSubscriptions => "two_subscriptions",
            Self::OrganizationMissing => "organization_missing",
            Self::CustomerWithoutOrganization => "customer_without_organization",
            Self::OrganizationMismatch => "organization_mismatch",
            Self::OrganizationErased => "organization_erased",
            Self::SubscriptionMissing => "subscription_missing",
            Self::Unreadable => "unreadable",
            Self::Failed => "failed",
        }
    }

    /// Whether nobody has to do anything about it any more.
    pub fn is_mended(self) -> bool {
        matches!(self, Self::Subscription | Self::Invoice | Self::Seats | Self::Customer)
    }
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Difference {
    pub(crate) kind: DifferenceKind,
    pub(crate) org_id: Option<OrgId>,
    pub(crate) customer: CustomerId,
    pub(crate) subscription: Option<SubscriptionId>,
}

/// How far a comparison is, and what it has found until then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciliation {
    /// The night that it is of: its first instant.
    pub(crate) night: Timestamp,
    pub(crate) started_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
    /// Until when somebody has it alone who works on it.
    pub(crate) until: Option<Timestamp>,
    /// Behind which customer it goes on.
    pub(crate) after: Option<CustomerId>,
    pub(crate) customers: u64,
    pub(crate) subscriptions: u64,
    pub(crate) mended: u64,
    pub(crate) differing: u64,
    pub(crate) differences: Vec<Difference>,
    #[serde(default)]
    pub(crate) version: u64,
}

impl Item for Reconciliation {
    fn key(&self) -> Key {
        keys::Reconciliation::key(sortable(self.night))
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.night.saturating_add(IS_KEPT).ok()
    }
}

impl Reconciliation {
    pub(crate) fn begin(night: Timestamp, now: Timestamp, until: Timestamp) -> Self {
        Self {
            night,
            started_at: now,
            finished_at: None,
            until: Some(until),
            after: None,
            customers: 0,
            subscriptions: 0,
            mended: 0,
            differing: 0,
            differences: Vec::new(),
            version: 0,
        }
    }

    pub(crate) fn note(&mut self, difference: Difference) {
        *(if difference.kind.is_mended() { &mut self.mended } else { &mut self.differing }) += 1;
        if self.differences.len() < DIFFERENCES {
            self.differences.push(difference);
        }
    }

    /// As it is stored next.
    pub(crate) fn written(&self) -> Self {
        Self { version: self.next_version(), ..self.clone() }
    }

    /// As our staff sees it.
    pub fn shown(&self) -> api::Reconciliation {
        api::Reconciliation {
            night_at: self.night.into(),
            started_at: self.started_at.into(),
            finished_at: self.finished_at.map(Into::into),
            customers: self.customers,
            subscriptions: self.subscriptions,
            mended: self.mended,
            differing: self.differing,
            differences: self.differences.iter().map(Difference::shown).collect(),
        }
    }
}

impl Difference {
    fn shown(&self) -> api::Difference {
        api::Difference {
            kind: self.kind.as_str().to_owned(),
            mended: self.kind.is_mended(),
            org_id: self.org_id,
            stripe_customer_id: self.customer.to_string(),
            stripe_subscription_id: self.subscription.as_ref().map(ToString::to_string),
        }
    }
}

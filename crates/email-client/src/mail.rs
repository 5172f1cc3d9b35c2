use std::fmt;

use serde::Serialize;

use crate::{Brand, Name, Rendered, render::render};

/// One kind of mail, with everything it says.
pub trait Mail: Serialize {
    /// The name of its templates, also the mail's `mail` tag at SES.
    const TEMPLATE: &'static str;

    /// Whether people may do without it. Then it says how to say so, where somebody reads the answers.
    const OPTIONAL: bool = false;

    /// The subject: one line.
    fn subject(&self, product: &str) -> String;

    /// The mail as it is sent.
    fn render(&self, brand: &Brand) -> Rendered
    where
        Self: Sized,
    {
        render(self, brand)
    }
}

/// How to sign in: a link and, for another device, a code. Both are secrets.
#[derive(Clone, Serialize)]
pub struct MagicLink {
    /// Where the link leads; it holds the secret.
    pub link: String,
    /// Six digits.
    pub code: String,
    /// For how many minutes both work.
    pub minutes: u32,
}

impl fmt::Debug for MagicLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MagicLink").field("minutes", &self.minutes).finish_non_exhaustive()
    }
}

impl Mail for MagicLink {
    const TEMPLATE: &'static str = "magic-link";

    // The code is not in the subject: lock screens and notification servers show subjects.
    fn subject(&self, product: &str) -> String {
        format!("Sign in to {product}")
    }
}

/// An organization came to be.
#[derive(Clone, Debug, Serialize)]
pub struct Welcome {
    /// The organization.
    pub organization: Name,
    /// Where the organization is opened.
    pub link: String,
}

impl Mail for Welcome {
    const TEMPLATE: &'static str = "welcome";

    fn subject(&self, product: &str) -> String {
        format!("{} is ready on {product}", self.organization.as_str())
    }
}

/// An organization's trial ends soon.
#[derive(Clone, Debug, Serialize)]
pub struct TrialEnding {
    /// The organization.
    pub organization: Name,
    /// How many days are left.
    pub days_left: u8,
    /// Where a plan is chosen.
    pub link: String,
}

impl Mail for TrialEnding {
    const TEMPLATE: &'static str = "trial-ending";
    const OPTIONAL: bool = true;

    fn subject(&self, _product: &str) -> String {
        match self.days_left {
            0 => format!("The trial of {} ends today", self.organization.as_str()),
            1 => format!("The trial of {} ends tomorrow", self.organization.as_str()),
            days => format!("The trial of {} ends in {days} days", self.organization.as_str()),
        }
    }
}

/// An organization's trial ended without a subscription.
#[derive(Clone, Debug, Serialize)]
pub struct TrialEnded {
    /// The organization.
    pub organization: Name,
    /// Where a plan is chosen.
    pub link: String,
}

impl Mail for TrialEnded {
    const TEMPLATE: &'static str = "trial-ended";
    const OPTIONAL: bool = true;

    fn subject(&self, _product: &str) -> String {
        format!("The trial of {} has ended", self.organization.as_str())
    }
}

/// A payment for a subscription failed.
#[derive(Clone, Debug, Serialize)]
pub struct PaymentFailed {
    /// The organization.
    pub organization: Name,
    /// What was due, for people to read, such as `49.00 EUR`.
    pub amount: String,
    /// Where the means of payment is changed.
    pub link: String,
}

impl Mail for PaymentFailed {
    const TEMPLATE: &'static str = "payment-failed";

    fn subject(&self, _product: &str) -> String {
        format!("A payment for {} failed", self.organization.as_str())
    }
}

/// An invoice that was sent to be paid by hand was not paid in time.
#[derive(Clone, Debug, Serialize)]
pub struct InvoiceOverdue {
    /// The organization.
    pub organization: Name,
    /// What was due, for people to read, such as `49.00 EUR`.
    pub amount: String,
    /// Where the invoice is looked at.
    pub link: String,
}

impl Mail for InvoiceOverdue {
    const TEMPLATE: &'static str = "invoice-overdue";

    fn subject(&self, _product: &str) -> String {
        format!("An invoice for {} is overdue", self.organization.as_str())
    }
}

/// A subscription works.
#[derive(Clone, Debug, Serialize)]
pub struct SubscriptionActivated {
    /// The organization.
    pub organization: Name,
    /// Where the subscription is looked at.
    pub link: String,
}

impl Mail for SubscriptionActivated {
    const TEMPLATE: &'static str = "subscription-activated";

    fn subject(&self, _product: &str) -> String {
        format!("The subscription of {} is active", self.organization.as_str())
    }
}

/// A subscription ended.
#[derive(Clone, Debug, Serialize)]
pub struct SubscriptionCanceled {
    /// The organization.
    pub organization: Name,
    /// Where a plan is chosen.
    pub link: String,
}

impl Mail for SubscriptionCanceled {
    const TEMPLATE: &'static str = "subscription-canceled";

    fn subject(&self, _product: &str) -> String {
        format!("The subscription of {} was canceled", self.organization.as_str())
    }
}

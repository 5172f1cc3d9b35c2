//! Trials, subscriptions and what they give access to.
//!
//! The rules are pure: [`Account`] is all there is to know about one organization's money, and
//! everything is decided from it, the time and the [`Rules`]. Stripe is the source of truth for
//! subscriptions; [`StripeState`] is what its events add up to, in whatever order they come.
//!
//! This crate knows nothing of HTTP, of Lambda, or of other domains.

mod access;
mod account;
mod admin;
pub mod api;
mod cards;
mod changes;
mod checkout;
mod checkouts;
mod company;
mod company_hash;
mod compare;
mod consequences;
mod details;
mod episode;
mod error;
pub mod events;
mod grace;
mod invoice;
mod invoices;
pub mod keys;
pub mod lifecycle;
mod newest;
mod news;
mod notices;
mod overview;
mod parked;
mod payments;
mod reconcile;
mod reconciliation;
mod revenue;
mod rules;
#[cfg(test)]
mod samples;
mod seats;
mod stamp;
mod stripe_events;
mod stripe_items;
mod stripe_state;
mod subscription;
mod subscription_record;
mod subscriptions;
mod transition;
mod trial;

pub use access::{Access, Standing};
pub use account::Account;
pub use admin::reconciliations;
pub use cards::{Card, Holder, shared_cards};
pub use changes::{Farewell, NewPlan, Planned};
pub use checkout::{Checkout, Way, Wish};
pub use checkouts::{Opened, checkout};
pub use company::{Company, Granted, grant};
pub use company_hash::CompanyHash;
pub use compare::Comparison;
pub use details::{AddressPart, NewAddress, NewDetails, Portal, TaxIdType};
pub use error::BillingError;
pub use invoice::{Invoice, InvoiceSnapshot};
pub use invoices::WhichInvoices;
pub use notices::{NoticeRun, give_due_notices};
pub use overview::{
    Extended, Overview, customer, erase, extend_trial, goes_on, in_grace, let_go, org_of_customer, overview,
    overview_for_staff, pays, refuse_subscribed, start_trial, trial_access,
};
pub use parked::{ParkedPage, Replay, Replayed, UnreadableRow};
pub use payments::Payments;
pub use reconcile::ReconcileRun;
pub use reconciliation::{DifferenceKind, Reconciliation};
pub use revenue::{Month, Mrr, NoMonth, RevenueMonth, revenue};
pub use rules::{Rules, TrialPer};
pub use seats::Brought;
pub use stamp::{Rank, Stamp};
pub use stripe_events::{Received, StripeEvents};
pub use stripe_items::{ParkReason, Parked, ParkedEvent};
pub use stripe_state::{Fact, StripeState};
pub use subscription::Subscription;
pub use trial::{MOST_EXTENSIONS, Trial, TrialNotice};

pub use stripe_client::CustomerId;

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[BillingError::CODES];

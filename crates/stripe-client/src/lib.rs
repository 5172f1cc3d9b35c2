//! Stripe, as far as this product uses it: webhook signatures, lean reading of events, and outgoing
//! calls.
//!
//! Events are read leniently, field by field, because a webhook endpoint and Stripe's objects move
//! through API versions at their own pace: full typed objects of one version fail on another.
//! Outgoing calls use async-stripe's request builders with our own small answer types, over the
//! HTTP client of the AWS SDK, so that one TLS stack serves both.
//!
//! This crate knows nothing of organizations, of the table or of what an event means to us.

mod account;
mod api_key;
mod calls;
mod client;
mod error;
mod event;
mod fields;
mod id;
mod objects;
mod signature;
mod unreadable;
mod wire;

pub use account::{Account, InvalidAccount};
pub use api_key::{ApiKey, InvalidApiKey};
pub use calls::{
    Address, ChangePreview, CheckoutPage, Customer, CustomerChange, InvoicePage, InvoiceQuery, InvoiceShown,
    ListedPayer, ListedSubscription, NewCheckout, NewSubscription, PageStatus, PayerPage, PlanChange,
    PreviewLine, StartedSubscription, TaxId, key_of,
};
pub use client::{Client, ClientOptions, MeterEvent};
pub use error::StripeError;
pub use event::{Content, EVENT_TYPES, Event, InvoiceChange, SubscriptionChange, UnreadableEvent};
pub use id::{
    ChargeId, CheckoutSessionId, CustomerId, EventId, InvalidStripeId, InvoiceId, PriceId, PromotionCodeId,
    SubscriptionId, SubscriptionItemId, TaxIdId,
};
pub use objects::{
    BillingReason, CHECKOUT_ID, CheckoutSession, Dispute, Invoice, InvoiceStatus, PauseBehavior,
    PauseCollection, Refund, Subscription, SubscriptionStatus,
};
pub use signature::{SignatureError, TOLERANCE, WebhookSecrets, sign, verify};
pub use stripe::IdempotencyKey;
pub use unreadable::{Metadata, UnreadableObject};

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[StripeError::CODES];

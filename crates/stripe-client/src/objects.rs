use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ChargeId, CheckoutSessionId, CustomerId, InvoiceId, Metadata, PriceId, SubscriptionId, UnreadableObject,
    fields::Fields,
};

macro_rules! statuses {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every status there is.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The status as Stripe writes it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            fn find(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|status| status.as_str() == text)
            }
        }
    };
}

statuses! {
    /// What Stripe says of a subscription
    /// (<https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses>).
    SubscriptionStatus {
        /// The first payment has not succeeded yet; there are 23 hours for it.
        Incomplete = "incomplete",
        /// The first payment never came. Final.
        IncompleteExpired = "incomplete_expired",
        /// In a trial that Stripe runs.
        Trialing = "trialing",
        /// In good standing.
        Active = "active",
        /// The latest invoice's payment failed; Stripe retries.
        PastDue = "past_due",
        /// Stripe has given up retrying and leaves invoices open.
        Unpaid = "unpaid",
        /// Over. Final.
        Canceled = "canceled",
        /// The trial ended without a payment method.
        Paused = "paused",
    }
}

statuses! {
    /// What Stripe says of an invoice
    /// (<https://docs.stripe.com/invoicing/overview#invoice-statuses>).
    InvoiceStatus {
        /// Still being written.
        Draft = "draft",
        /// Final and to be paid.
        Open = "open",
        /// Given up, though it may still be paid or voided.
        Uncollectible = "uncollectible",
        /// Cancelled.
        Void = "void",
        /// Paid.
        Paid = "paid",
    }
}

statuses! {
    /// What becomes of invoices while collection is paused
    /// (<https://docs.stripe.com/billing/subscriptions/pause-payment>).
    PauseBehavior {
        /// They wait as drafts: the service goes on and is paid for later.
        KeepAsDraft = "keep_as_draft",
        /// They are given up: the service goes on for free.
        MarkUncollectible = "mark_uncollectible",
        /// They are cancelled: there is no service.
        Void = "void",
    }
}

statuses! {
    /// Why an invoice was made, as far as it matters to us.
    BillingReason {
        /// A subscription's first.
        SubscriptionCreate = "subscription_create",
        /// A new period of a subscription began.
        SubscriptionCycle = "subscription_cycle",
    }
}

/// How long invoices are not collected, and what becomes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PauseCollection {
    /// What becomes of them.
    pub behavior: PauseBehavior,
    /// When collection goes on by itself.
    pub resumes_at: Option<Timestamp>,
}

/// A subscription as far as we look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub id: SubscriptionId,
    /// Who pays.
    pub customer: CustomerId,
    /// Where it stands.
    pub status: SubscriptionStatus,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it ends with the current period.
    pub cancel_at_period_end: bool,
    /// When it is going to end, if that is decided.
    pub cancel_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// When Stripe's trial ends or ended.
    pub trial_end: Option<Timestamp>,
    /// Begin of the period paid for: of the item that ends last, where items have periods of their
    /// own.
    pub current_period_start: Option<Timestamp>,
    /// End of the period paid for.
    pub current_period_end: Option<Timestamp>,
    /// Whether its invoices are not collected for now.
    pub pause_collection: Option<PauseCollection>,
    /// What is subscribed to: the price of the first item that is sold by number. Metered items
    /// come after it.
    pub price: Option<PriceId>,
    /// What that price is called in each of Stripe's accounts, where it has such a name.
    pub lookup_key: Option<String>,
    /// How many of it.
    pub quantity: Option<u64>,
    /// Whether it was begun on a page of ours, in a trial, and nobody has given a means of payment yet.
    pub awaits_setup: bool,
    /// What was attached to it.
    pub metadata: Metadata,
}

/// An invoice as far as we look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    pub id: InvoiceId,
    /// Who pays.
    pub customer: Option<CustomerId>,
    /// The subscription it is for, if any.
    pub subscription: Option<SubscriptionId>,
    /// Where it stands; nothing on a preview.
    pub status: Option<InvoiceStatus>,
    /// When it was created.
    pub created: Timestamp,
    /// What is to be paid, in the currency's smallest unit.
    pub amount_due: i64,
    /// What was paid, in the currency's smallest unit.
    pub amount_paid: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// How often a payment was tried.
    pub attempt_count: u32,
    /// Why it was made, where that matters.
    pub billing_reason: Option<BillingReason>,
    /// Where it is looked at and paid, once it is written.
    pub pay_url: Option<String>,
    /// What was attached to the invoice itself.
    pub metadata: Metadata,
    /// What was attached to the subscription when the invoice was made.
    pub subscription_metadata: Metadata,
}

/// A finished Checkout session as far as we look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutSession {
    pub id: CheckoutSessionId,
    /// Who pays.
    pub customer: Option<CustomerId>,
    /// What was subscribed to.
    pub subscription: Option<SubscriptionId>,
    /// What the buyer was called by whoever sent him to Stripe.
    pub client_reference_id: Option<String>,
    /// Whether it came from a Payment Link, whose address anybody can put a reference of his own
    /// into.
    pub from_payment_link: bool,
    /// What was attached to it.
    pub metadata: Metadata,
}

/// A charge of which money was given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    pub charge: ChargeId,
    /// Who paid.
    pub customer: Option<CustomerId>,
    /// How much was given back of it in all, in the currency's smallest unit.
    pub amount: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// What was attached to it.
    pub metadata: Metadata,
}

/// A charge that somebody wants back from his bank. Who that is stands with the charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    pub charge: ChargeId,
    /// How much, in the currency's smallest unit.
    pub amount: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Stripe's word for why.
    pub reason: String,
}

/// What we call it that somebody is about to subscribe: attached to what comes of it.
pub const CHECKOUT_ID: &str = "checkout_id";

/// ISO 4217 has three letters; Stripe has a few longer ones of its own.
const LONGEST_CURRENCY: usize = 10;

/// Stripe's addresses of invoices have about 200 letters.
const LONGEST_URL: usize = 1000;

/// One line of a subscription.
struct Item {
    price: Option<PriceId>,
    lookup_key: Option<String>,
    quantity: Option<u64>,
    metered: bool,
    period: (Option<Timestamp>, Option<Timestamp>),
}

impl Item {
    fn read(fields: Fields<'_>) -> Self {
        // What is a price today was a plan.
        let price = fields.object("price").or_else(|| fields.object("plan"));
        let usage = price.and_then(|price| price.object("recurring").or(Some(price)));
        Self {
            price: price.and_then(|price| price.optional("id", price_id)),
            lookup_key: price.and_then(|price| price.optional("lookup_key", lookup_key)),
            quantity: fields.optional_count("quantity"),
            metered: usage.and_then(|usage| usage.optional_text("usage_type")) == Some("metered"),
            period: period(fields),
        }
    }
}

fn price_id(value: &Value) -> Option<PriceId> {
    PriceId::try_from(value.as_str()?.to_owned()).ok()
}

/// Stripe's longest has 200 letters.
fn lookup_key(value: &Value) -> Option<String> {
    value.as_str().filter(|key| (1..=200).contains(&key.chars().count())).map(ToOwned::to_owned)
}

fn period(fields: Fields<'_>) -> (Option<Timestamp>, Option<Timestamp>) {
    (fields.optional_time("current_period_start"), fields.optional_time("current_period_end"))
}

fn status<T>(text: &str, find: impl FnOnce(&str) -> Option<T>) -> Result<T, UnreadableObject> {
    find(text).ok_or_else(|| UnreadableObject::Status(text.chars().take(50).collect()))
}

impl PauseCollection {
    fn read(fields: Fields<'_>) -> Option<Self> {
        let behavior = fields.optional("behavior", |value| PauseBehavior::find(value.as_str()?))?;
        Some(Self { behavior, resumes_at: fields.optional_time("resumes_at") })
    }
}

impl Subscription {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, UnreadableObject> {
        let mut items: Vec<_> = fields.list("items").into_iter().map(Item::read).collect();
        if items.is_empty() {
            // Old API versions have the one item's plan and quantity on the subscription itself.
            items.push(Item::read(fields));
        }
        // From API 2025-03-31 on the period is on each item.
        let last = items.iter().map(|item| item.period).max_by_key(|(_, end)| *end).unwrap_or_default();
        let old = period(fields);
        let sold = items.iter().position(|item| !item.metered && item.quantity.is_some());
        let sold = sold.or_else(|| items.iter().position(|item| !item.metered)).unwrap_or_default();
        let item = items.swap_remove(sold);
        Ok(Self {
            id: fields.id("id")?,
            customer: fields.id("customer")?,
            status: status(fields.text("status")?, SubscriptionStatus::find)?,
            created: fields.time("created")?,
            cancel_at_period_end: fields.flag("cancel_at_period_end"),
            cancel_at: fields.optional_time("cancel_at"),
            ended_at: fields.optional_time("ended_at"),
            trial_end: fields.optional_time("trial_end"),
            current_period_start: last.0.or(old.0),
            current_period_end: last.1.or(old.1),
            pause_collection: fields.object("pause_collection").and_then(PauseCollection::read),
            price: item.price,
            lookup_key: item.lookup_key,
            quantity: item.quantity,
            awaits_setup: fields.has("pending_setup_intent") && fields.metadata().contains_key(CHECKOUT_ID),
            metadata: fields.metadata(),
        })
    }
}

/// Mails lead there, so it has to look like an address of a page.
fn is_page(url: &str) -> bool {
    url.starts_with("https://") && url.len() <= LONGEST_URL && url.bytes().all(|byte| byte.is_ascii_graphic())
}

fn currency(fields: Fields<'_>) -> Result<String, UnreadableObject> {
    let currency = fields.text("currency")?;
    let is_one = (1..=LONGEST_CURRENCY).contains(&currency.len())
        && currency.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_one { Ok(currency.to_owned()) } else { Err(UnreadableObject::Field("currency")) }
}

impl Refund {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, UnreadableObject> {
        Ok(Self {
            charge: fields.id("id")?,
            customer: fields.id_if_any("customer")?,
            amount: fields.number("amount_refunded")?,
            currency: currency(fields)?,
            metadata: fields.metadata(),
        })
    }
}

impl Dispute {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, UnreadableObject> {
        Ok(Self {
            charge: fields.id("charge")?,
            amount: fields.number("amount")?,
            currency: currency(fields)?,
            reason: fields.optional_text("reason").unwrap_or("general").chars().take(50).collect(),
        })
    }
}

impl Invoice {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, UnreadableObject> {
        // From API 2025-03-31 on below `parent`.
        let details = fields.object("parent").and_then(|parent| parent.object("subscription_details"));
        let subscription = details.map(|details| details.id_if_any("subscription")).transpose()?.flatten();
        let details = details.or_else(|| fields.object("subscription_details"));
        let attempts = fields.optional_count("attempt_count").unwrap_or_default();
        Ok(Self {
            id: fields.id("id")?,
            customer: fields.id_if_any("customer")?,
            subscription: match subscription {
                Some(id) => Some(id),
                None => fields.id_if_any("subscription")?,
            },
            status: if fields.has("status") {
                Some(status(fields.text("status")?, InvoiceStatus::find)?)
            } else {
                None
            },
            created: fields.time("created")?,
            amount_due: fields.number("amount_due")?,
            amount_paid: fields.number("amount_paid")?,
            currency: currency(fields)?,
            attempt_count: u32::try_from(attempts).unwrap_or(u32::MAX),
            billing_reason: fields.optional_text("billing_reason").and_then(BillingReason::find),
            pay_url: fields.optional_text("hosted_invoice_url").filter(|url| is_page(url)).map(str::to_owned),
            metadata: fields.metadata(),
            subscription_metadata: details.map(Fields::metadata).unwrap_or_default(),
        })
    }
}

impl CheckoutSession {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, UnreadableObject> {
        Ok(Self {
            id: fields.id("id")?,
            customer: fields.id_if_any("customer")?,
            subscription: fields.id_if_any("subscription")?,
            client_reference_id: fields.optional_text("client_reference_id").map(ToOwned::to_owned),
            from_payment_link: fields.has("payment_link"),
            metadata: fields.metadata(),
        })
    }
}

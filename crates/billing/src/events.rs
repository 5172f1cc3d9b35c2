//! The events of billing: trials, subscriptions and invoices.

use access::Permission::ReadBilling;
use events::{Audience, Event, MailText, PushText, Told};
use primitives::Time;
use serde_json::{Map, Value, json};

use crate::api::{Checkout, Features, Invoice, Reconciliation, Subscription, Trial};

events::events! {
    /// An organization's free trial began.
    "trial.started" TrialStarted Public {
        /// The trial, as the API shows it.
        trial: Trial = trial(),
    }
    /// Our staff gave an organization more days of its free trial.
    "trial.extended" TrialExtended Public {
        /// The trial, as the API shows it.
        trial: Trial = extended(),
        /// How many days more.
        days: u32 = 7,
    }
    /// An organization's free trial ends soon.
    "trial.ending" TrialEnding Public {
        /// The trial, as the API shows it.
        trial: Trial = trial(),
        /// How many days are left: 7, 3 or 1.
        days_left: u8 = 3,
    }
    /// An organization's free trial ended without a subscription.
    "trial.ended" TrialEnded Public {
        /// The trial, as the API shows it.
        trial: Trial = trial(),
    }
    /// Stripe says that an organization has a working subscription now.
    "subscription.activated" SubscriptionActivated Public {
        /// The subscription, as the API shows it.
        subscription: Subscription = subscription(),
    }
    /// Something about a subscription changed: plan, quantity, period, or how it is paid.
    "subscription.updated" SubscriptionUpdated Public {
        /// The subscription, as the API shows it.
        subscription: Subscription = subscription(),
        /// Those of its fields that changed, as they were before.
        previous: Map<String, Value> = json!({ "seats": 2 }),
    }
    /// A payment is due and was not made; the grace period runs.
    "subscription.past_due" SubscriptionPastDue Public {
        /// The subscription, as the API shows it.
        subscription: Subscription = subscription(),
        /// When the grace period ends and the organization becomes read-only.
        #[schemars(with = "String")]
        grace_ends_at: Time = "2026-12-14T10:00:00.000Z",
    }
    /// Payments still fail, and full use ends soon.
    "grace.ending" GraceEnding Public {
        /// How many days are left, begun ones included: 18, 14, 7 or 1.
        days_left: u32 = 7,
        /// When the organization becomes read-only.
        #[schemars(with = "String")]
        read_only_at: Time = "2026-12-14T10:00:00.000Z",
    }
    /// A subscription ended.
    "subscription.canceled" SubscriptionCanceled Public {
        /// The subscription, as the API shows it.
        subscription: Subscription = subscription(),
    }
    /// Somebody is about to subscribe.
    "checkout.started" CheckoutStarted Internal {
        /// The checkout, as the API shows it, without the address of its page.
        checkout: Checkout = checkout("open"),
    }
    /// Somebody has gone through with it.
    "checkout.completed" CheckoutCompleted Internal {
        /// The checkout, as the API shows it.
        checkout: Checkout = checkout("completed"),
    }
    /// Who pays is called otherwise, is somewhere else, or has other tax ids. What exactly is at Stripe
    /// alone.
    "billing_details.updated" BillingDetailsUpdated Internal {
        /// What changed.
        changed: Vec<String> = json!(["company_name", "address"]),
    }
    /// An organization has another plan, and with it other features.
    "entitlements.updated" EntitlementsUpdated Public {
        /// The plan's name for programs.
        plan: String = "team",
        /// What it has.
        features: Features = json!({ "domains": true, "sso": true, "scim": false, "audit_log_days": 365 }),
        /// What changed of that, as it was before.
        previous: Map<String, Value> = json!({
            "plan": "starter",
            "features": { "domains": false, "sso": false, "scim": false, "audit_log_days": 90 },
        }),
    }
    /// An invoice is written, and to be paid.
    "invoice.finalized" InvoiceFinalized Public {
        /// The invoice, as the API shows it.
        invoice: Invoice = invoice(),
    }
    /// An invoice is paid once somebody has done what the bank asks for.
    "invoice.payment_action_required" InvoicePaymentActionRequired Public {
        /// The invoice, as the API shows it.
        invoice: Invoice = invoice(),
        /// Stripe's page on which that is done, for whoever has the address; null where Stripe named none.
        pay_url: Option<String> = "https://invoice.stripe.com/i/acct_1Q2w3E4r5T/live_YWNjdF8x",
    }
    /// Money was given back.
    "payment.refunded" PaymentRefunded Public {
        /// The charge at Stripe.
        stripe_charge_id: String = "ch_1Q2w3E4r5T",
        /// How much was given back of it in all, in the currency's smallest unit.
        amount_refunded: i64 = 4900,
        /// ISO 4217, lower case.
        currency: String = "eur",
    }
    /// Somebody wants money back from his bank. Stripe wants an answer within days.
    "payment.disputed" PaymentDisputed Public {
        /// The charge at Stripe.
        stripe_charge_id: String = "ch_1Q2w3E4r5T",
        /// How much, in the currency's smallest unit.
        amount: i64 = 4900,
        /// ISO 4217, lower case.
        currency: String = "eur",
        /// Stripe's word for why.
        reason: String = "fraudulent",
    }
    /// An invoice was paid.
    "invoice.paid" InvoicePaid Public {
        /// The invoice, as the API shows it.
        invoice: Invoice = invoice(),
    }
    /// A payment for an invoice failed.
    "invoice.payment_failed" InvoicePaymentFailed Public {
        /// The invoice, as the API shows it.
        invoice: Invoice = invoice(),
    }
    /// Stripe and we were compared, one night.
    "reconciliation.finished" ReconciliationFinished Internal {
        /// What was found, as our staff sees it.
        reconciliation: Reconciliation = reconciliation(),
    }
    /// An invoice that was sent to be paid by hand was not paid in time.
    "invoice.overdue" InvoiceOverdue Public {
        /// The invoice, as the API shows it.
        invoice: Invoice = invoice(),
    }
}

fn reconciliation() -> Value {
    json!({
        "night_at": "2026-11-23T00:00:00.000Z", "started_at": "2026-11-23T02:15:04.000Z",
        "finished_at": "2026-11-23T02:15:09.000Z", "customers": 120, "subscriptions": 60, "mended": 1,
        "differing": 0, "differences": [{
            "kind": "seats", "mended": true, "org_id": "org_01kar8h5g0e0vsx4q1v3f6m2ag",
            "stripe_customer_id": "cus_1Q2w3E4r5T", "stripe_subscription_id": null,
        }],
    })
}

fn checkout(status: &str) -> Value {
    let completed_at = (status == "completed").then_some("2026-11-23T10:05:00.000Z");
    json!({
        "id": "chk_01kar8h5g0e0vsx4q1v3f6m2ah", "status": status, "plan": "team", "interval": "month", "seats": 3,
        "url": null, "created_at": "2026-11-23T10:00:00.000Z", "expires_at": "2026-11-24T10:00:00.000Z",
        "completed_at": completed_at,
    })
}

fn trial() -> Value {
    json!({
        "active": true, "started_at": "2026-11-23T10:00:00.000Z", "trial_ends_at": "2026-12-07T10:00:00.000Z",
        "trial_extended_count": 0, "shared": false,
    })
}

fn extended() -> Value {
    let mut trial = trial();
    trial["trial_ends_at"] = json!("2026-12-14T10:00:00.000Z");
    trial["trial_extended_count"] = json!(1);
    trial
}

fn invoice() -> Value {
    json!({
        "id": "in_1Q2w3E4r5T", "status": "open", "amount_due": 4900, "amount_paid": 0, "currency": "eur",
        "failed_attempts": 1,
    })
}

fn subscription() -> Value {
    json!({
        "org_id": "org_01kar8h5g0e0vsx4q1v3f6m2ah", "as_of": "2026-11-23T10:00:00.000Z",
        "access": { "level": "full", "until": null, "can_write": true }, "trial": trial(),
        "stripe_subscription_id": "sub_1Q2w3E4r5T", "stripe_price_id": "price_1Q2w3E4r5T", "status": "active",
        "seats": 3, "current_period_start": "2026-11-23T10:00:00.000Z",
        "current_period_end": "2026-12-23T10:00:00.000Z", "pause_collection": null,
        "cancel_at_period_end": false, "cancel_at": null, "ended_at": null, "latest_invoice": null,
    })
}

/// How people say when a trial ends.
macro_rules! in_days {
    () => {
        "{% if data.days_left == 1 %}tomorrow{% else %}in {{ data.days_left }} days{% endif %}"
    };
}

/// Where a plan is chosen, and invoices are looked at.
const BILLING: &str = "/settings/billing";

/// What people are told.
pub const TOLD: &[Told] = &[
    Told {
        event: TrialEnding::KIND,
        to: Audience::Holding(ReadBilling),
        mail: Some(MailText {
            subject: concat!("The trial of {{ organization }} ends ", in_days!()),
            preview: "Choose a plan to keep everything open.",
            title: concat!("Your trial ends ", in_days!()),
            paragraphs: &[
                concat!(
                    "The free trial of {{ organization }} ends ",
                    in_days!(),
                    ". Choose a plan before then and nothing changes for you and your team."
                ),
                "If you do nothing, your data stays where it is, and you can choose a plan later.",
            ],
            button: "Choose a plan",
            path: BILLING,
            optional: true,
            until: Some("/trial/trial_ends_at"),
        }),
        push: Some(PushText {
            title: |data| match data["days_left"].as_u64() {
                Some(1) => "Your trial ends tomorrow".into(),
                Some(days) => format!("Your trial ends in {days} days").into(),
                None => "Your trial ends soon".into(),
            },
            body: "Choose a plan to keep everything open.",
        }),
    },
    Told {
        event: TrialEnded::KIND,
        to: Audience::Holding(ReadBilling),
        mail: Some(MailText {
            subject: "The trial of {{ organization }} has ended",
            preview: "Your data is safe. Choose a plan to go on.",
            title: "Your trial has ended",
            paragraphs: &[
                "The free trial of {{ organization }} has ended. Your data is safe, and you can go on as \
                           soon as you choose a plan.",
            ],
            button: "Choose a plan",
            path: BILLING,
            optional: true,
            until: None,
        }),
        push: Some(PushText {
            title: |_| "Your trial has ended".into(),
            body: "Choose a plan to go on. Your data is safe.",
        }),
    },
    Told {
        event: SubscriptionActivated::KIND,
        to: Audience::Holding(ReadBilling),
        mail: Some(MailText {
            subject: "The subscription of {{ organization }} is active",
            preview: "Thank you. Everything is open.",
            title: "Your subscription is active",
            paragraphs: &[
                "Thank you! The subscription of {{ organization }} is active, and everything is open for \
                           you and your team.",
            ],
            button: "See the subscription",
            path: BILLING,
            optional: false,
            until: None,
        }),
        push: Some(PushText {
            title: |_| "Your subscription is active".into(),
            body: "Thank you! Everything is open.",
        }),
    },
    Told {
        event: SubscriptionCanceled::KIND,
        to: Audience::Holding(ReadBilling),
        mail: Some(MailText {
            subject: "The subscription of {{ organization }} was canceled",
            preview: "Your data stays where it is.",
            title: "Your subscription was canceled",
            paragraphs: &[
                "The subscription of {{ organization }} was canceled. Your data stays where it is, and \
                           you can come back at any time.",
            ],
            button: "Choose a plan",
            path: BILLING,
            optional: false,
            until: None,
        }),
        push: None,
    },
    Told {
        event: InvoicePaymentFailed::KIND,
        to: Audience::Holding(ReadBilling),
        mail: Some(MailText {
            subject: "A payment for {{ organization }} failed",
            preview: "Please check your means of payment.",
            title: "A payment failed",
            paragraphs: &[
                "We could not collect {{ data.invoice.amount_due | money(data.invoice.currency) }} for the subscription of \
                 {{ organization }}. This happens, for example, when a card has expired.",
                "Please check your means of payment. Until then everything goes on as before; we try again in the \
                 next days.",
            ],
            button: "Check the payment",
            path: BILLING,
            optional: false,
            until: None,
        }),
        push: Some(PushText {
            title: |_| "A payment failed".into(),
            body: "Please check the means of payment.",
        }),
    },
    Told {
        event: GraceEnding::KIND,
        to: Audience::Holding(ReadBilling),
        mail: Some(MailText {
            subject: concat!("{{ organization }} can be read only ", in_days!()),
            preview: "A payment still fails. Please check your means of payment.",
            title: concat!("Full use ends ", in_days!()),
            paragraphs: &[
                concat!(
                    "A payment for the subscription of {{ organization }} still fails. Where nobody pays, the organization can \
                     be read, and not changed, ",
                    in_days!(),
                    "."
                ),
                "Please check your means of payment. As soon as it is paid, everything goes on as before.",
            ],
            button: "Check the payment",
            path: BILLING,
            optional: false,
            until: Some("/read_only_at"),
        }),
        push: Some(PushText {
            title: |data| match data["days_left"].as_u64() {
                Some(1) => "Full use ends tomorrow".into(),
                Some(days) => format!("Full use ends in {days} days").into(),
                None => "Full use ends soon".into(),
            },
            body: "A payment still fails. Please check the means of payment.",
        }),
    },
    Told {
        event: InvoicePaymentActionRequired::KIND,
        to: Audience::Holding(ReadBilling),
        mail: Some(MailText {
            subject: "The payment for {{ organization }} waits for you",
            preview: "Your bank asks you to confirm it.",
            title: "Please confirm the payment",
            paragraphs: &[
                "Your bank asks somebody to confirm the payment of \
                 {{ data.invoice.amount_due | money(data.invoice.currency) }} for the subscription of \
                 {{ organization }}. It is made once that is done.",
                "Please confirm it in the next days. Until then everything goes on as before.",
            ],
            button: "Confirm the payment",
            path: "{{ data.pay_url if data.pay_url else '/settings/billing' }}",
            optional: false,
            until: None,
        }),
        push: Some(PushText {
            title: |_| "A payment waits for you".into(),
            body: "Your bank asks you to confirm it.",
        }),
    },
    Told {
        event: InvoiceOverdue::KIND,
        to: Audience::Holding(ReadBilling),
        mail: Some(MailText {
            subject: "An invoice for {{ organization }} is overdue",
            preview: "Please pay it in the next days.",
            title: "An invoice is overdue",
            paragraphs: &[
                "The invoice of {{ data.invoice.amount_due | money(data.invoice.currency) }} for the subscription of \
                 {{ organization }} was not paid in time.",
                "Please pay it in the next days. Until then everything goes on as before. If the payment is on \
                 its way, there is nothing to do.",
            ],
            button: "See the invoice",
            path: BILLING,
            optional: false,
            until: None,
        }),
        push: None,
    },
];

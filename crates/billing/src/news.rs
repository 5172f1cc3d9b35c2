use primitives::{CheckoutId, OrgId};
use stripe_client::{
    CHECKOUT_ID, ChargeId, CheckoutSession, Content, CustomerId, Event, Metadata, SubscriptionId,
};

use crate::{
    CompanyHash, Fact, Invoice, ParkReason, Rank, Stamp,
    events::{PaymentDisputed, PaymentRefunded},
};

/// Where we attach the organization to what we create at Stripe.
const ORG_ID: &str = "org_id";

/// Who is known to pay by what an event says.
#[derive(Clone, Debug)]
pub(crate) enum Payer {
    Customer(CustomerId),
    /// Whoever this charge was of: Stripe has to be asked.
    OfCharge(ChargeId),
}

/// That a buyer has paid on a page of Stripe's.
#[derive(Clone, Debug)]
pub(crate) struct Paid {
    /// What we called it, where it was ours.
    pub(crate) checkout_id: Option<CheckoutId>,
    pub(crate) subscription: Option<SubscriptionId>,
}

/// What happened to money, and changes nothing.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    Refunded(PaymentRefunded),
    Disputed(PaymentDisputed),
}

/// What an event means to us.
#[derive(Clone, Debug)]
pub(crate) struct News<P = CustomerId> {
    /// Whom it is about.
    pub(crate) customer: P,
    /// The organizations that it names: several contradict each other.
    pub(crate) claims: Vec<OrgId>,
    /// What it adds to our knowledge; may be nothing.
    pub(crate) facts: Vec<Fact>,
    /// What comes to its end with it.
    pub(crate) paid: Option<Paid>,
    /// What others are told besides.
    pub(crate) told: Option<Told>,
    /// What stands for a card that the customer has from now on.
    pub(crate) card: Option<CompanyHash>,
    /// Whether it means nothing to us where its customer is not known: it waits for nobody.
    pub(crate) of_known: bool,
}

impl News<Payer> {
    fn new(customer: CustomerId, claims: Vec<OrgId>, facts: Vec<Fact>) -> Self {
        let customer = Payer::Customer(customer);
        Self { customer, claims, facts, paid: None, told: None, card: None, of_known: false }
    }

    /// The same, of this customer.
    pub(crate) fn of(self, customer: CustomerId) -> News {
        let Self { claims, facts, paid, told, card, of_known, .. } = self;
        News { customer, claims, facts, paid, told, card, of_known }
    }

    /// Reads the event, or says why it has to be put aside. Nothing if it is of a kind that has no
    /// effect on us.
    pub(crate) fn read(event: &Event, livemode: bool) -> Result<Option<Self>, ParkReason> {
        let content = event.read();
        if matches!(content, Ok(Content::Other)) {
            return Ok(None);
        }
        if event.of_other_account {
            return Err(ParkReason::OtherAccount);
        }
        if event.livemode != livemode {
            return Err(ParkReason::WrongLivemode);
        }
        let content = content.map_err(|error| {
            tracing::error!(
                stripe_event_id = %event.id,
                stripe_event_type = event.kind,
                api_version = event.api_version,
                error = &error as &dyn std::error::Error,
                "an event from Stripe cannot be read"
            );
            ParkReason::Unreadable
        })?;
        match content {
            Content::Subscription(change, seen) => {
                let stamp = Stamp { at: event.created, rank: Rank::from(change), event_id: event.id.clone() };
                let (payer, claims) = (seen.customer.clone(), claims([claim(&seen.metadata)]));
                let facts = vec![customer(event, &payer), Fact::Subscription(seen.into(), stamp)];
                Ok(Some(Self::new(payer, claims, facts)))
            }
            Content::Invoice(change, seen) => {
                let payer = seen.customer.clone().ok_or(ParkReason::NoCustomer)?;
                let claims = claims([claim(&seen.metadata), claim(&seen.subscription_metadata)]);
                let facts = Invoice::seen(event.id.clone(), event.created, change, seen).map(Fact::Invoice);
                Ok(Some(Self::new(payer, claims, facts.into_iter().collect())))
            }
            Content::CheckoutCompleted(session) => {
                let payer = session.customer.clone().ok_or(ParkReason::NoCustomer)?;
                let facts = vec![customer(event, &payer)];
                let claims = claims([claim(&session.metadata), reference(&session)]);
                let checkout_id = session.metadata.get(CHECKOUT_ID).and_then(|id| id.parse().ok());
                let paid = Some(Paid { checkout_id, subscription: session.subscription });
                Ok(Some(Self { paid, ..Self::new(payer, claims, facts) }))
            }
            Content::CustomerDeleted(id, metadata) => {
                let facts = vec![Fact::CustomerGone { id: id.clone(), at: event.created }];
                Ok(Some(Self { of_known: true, ..Self::new(id, claims([claim(&metadata)]), facts) }))
            }
            Content::CardAttached(payer, fingerprint) => {
                let card = Some(CompanyHash::of_card(&fingerprint));
                Ok(Some(Self { card, of_known: true, ..Self::new(payer, Vec::new(), Vec::new()) }))
            }
            Content::Refunded(refund) => {
                let Some(payer) = refund.customer else { return Ok(None) };
                let told = Some(Told::Refunded(PaymentRefunded {
                    stripe_charge_id: refund.charge.to_string(),
                    amount_refunded: refund.amount,
                    currency: refund.currency,
                }));
                let claims = claims([claim(&refund.metadata)]);
                Ok(Some(Self { told, of_known: true, ..Self::new(payer, claims, Vec::new()) }))
            }
            Content::Disputed(dispute) => {
                let told = Some(Told::Disputed(PaymentDisputed {
                    stripe_charge_id: dispute.charge.to_string(),
                    amount: dispute.amount,
                    currency: dispute.currency,
                    reason: dispute.reason,
                }));
                let customer = Payer::OfCharge(dispute.charge);
                let (claims, facts) = (Vec::new(), Vec::new());
                Ok(Some(Self { customer, claims, facts, paid: None, told, card: None, of_known: true }))
            }
            Content::Other => Ok(None),
        }
    }
}

fn customer(event: &Event, id: &CustomerId) -> Fact {
    Fact::Customer { id: id.clone(), at: event.created, event_id: event.id.clone() }
}

fn claims<const N: usize>(found: [Option<OrgId>; N]) -> Vec<OrgId> {
    let mut claims: Vec<_> = found.into_iter().flatten().collect();
    claims.dedup();
    claims
}

/// Metadata is attached with the account's secret key: by us, or by another program of the company,
/// for which the name may mean something else.
pub(crate) fn claim(metadata: &Metadata) -> Option<OrgId> {
    org(metadata.get(ORG_ID)?)
}

/// The reference of a Checkout session that the company made. Into the address of a Payment Link
/// anybody can put the organization of somebody else.
fn reference(session: &CheckoutSession) -> Option<OrgId> {
    let text = session.client_reference_id.as_ref()?;
    if session.from_payment_link {
        tracing::warn!("the reference of a payment link is the buyer's to choose and binds nobody");
        return None;
    }
    org(text)
}

/// What is no organization id is not meant for us, and claims nothing.
fn org(text: &str) -> Option<OrgId> {
    let id = text.parse().ok();
    if id.is_none() {
        tracing::info!("a reference at Stripe is none of ours and is passed over");
    }
    id
}
